//! Sign-in with a password: spellings, wrong pairs, throttling, known devices.

use kabinet_tests::{Browser, PASSWORD, TestApp};

async fn attempt(browser: &mut Browser, field: &str, contact: &str, password: &str) -> u16 {
    browser.get(&format!("/login?another=1&by={field}")).await;
    browser.submit("login-form", &[(field, contact), ("password", password)], "submit").await;
    browser.page.status
}

#[tokio::test]
async fn every_spelling_of_a_phone_and_an_address_signs_its_holder_in() {
    let app = TestApp::start().await;
    app.user("+79161234567", PASSWORD).await;
    app.user("ivan@example.com", PASSWORD).await;
    let spellings = [
        "+79161234567",
        "89161234567",
        "79161234567",
        "9161234567",
        "+7 (916) 123-45-67",
        "8 916 123 45 67",
        " 8-916-123-45-67 ",
    ];
    for spelling in spellings {
        let mut browser = app.browser();
        attempt(&mut browser, "phone", spelling, PASSWORD).await;
        assert_eq!(browser.page.path(), "/account", "{spelling}: {}", browser.page.text());
    }
    for spelling in ["ivan@example.com", "Ivan@Example.COM", " ivan@example.com "] {
        let mut browser = app.browser();
        attempt(&mut browser, "email", spelling, PASSWORD).await;
        assert_eq!(browser.page.path(), "/account", "{spelling}: {}", browser.page.text());
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_person_get_the_same_neutral_page() {
    let app = TestApp::start().await;
    app.user("+79161234567", PASSWORD).await;
    let mut pages = Vec::new();
    for phone in ["+79161234567", "+79161234568"] {
        let mut browser = app.browser();
        assert_eq!(attempt(&mut browser, "phone", phone, "CANARY-неверный").await, 422);
        assert!(
            browser.page.text().contains("Неверный телефон (email) или пароль"),
            "{}",
            browser.page.text()
        );
        let typed = browser.page.html.form("login-form").unwrap();
        assert!(
            typed
                .fields
                .iter()
                .any(|field| field.name == "phone" && field.value.ends_with(&phone[10..]))
        );
        assert!(!browser.page.source().contains("CANARY-неверный"), "a password stands on a page");
        let names: Vec<String> = browser.page.hops.last().unwrap().headers.keys().map(ToString::to_string).collect();
        pages.push((browser.page.html.ids(), browser.page.text().replace(phone, "…"), names));
    }
    assert_eq!(pages[0], pages[1]);
}

#[tokio::test]
async fn after_ten_failures_even_the_right_password_waits_and_time_unlocks() {
    let app = TestApp::start().await;
    app.user("+79161234567", PASSWORD).await;
    let mut stranger = app.browser();
    for spelling in ["+79161234567", "89161234567"].into_iter().cycle().take(10) {
        assert_eq!(attempt(&mut stranger, "phone", spelling, "CANARY-неверный").await, 422);
    }
    assert_eq!(attempt(&mut stranger, "phone", "+79161234567", PASSWORD).await, 429);
    let wait: i64 = stranger.page.answer.as_ref().unwrap().header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    let mut elsewhere = app.browser();
    elsewhere.ip = [192, 0, 2, 77].into();
    assert_eq!(
        attempt(&mut elsewhere, "phone", "+79161234567", PASSWORD).await,
        429,
        "another network is no way round"
    );
    app.clock.advance(wait);
    assert_eq!(attempt(&mut stranger, "phone", "+79161234567", PASSWORD).await, 200);
    assert_eq!(stranger.page.path(), "/account");
}

#[tokio::test]
async fn failures_survive_a_restart_of_the_node() {
    let mut app = TestApp::start().await;
    app.user("+79161234567", PASSWORD).await;
    let mut stranger = app.browser();
    for _ in 0..10 {
        attempt(&mut stranger, "phone", "+79161234567", "CANARY-неверный").await;
    }
    app.restart().await;
    stranger.use_node(&app.node);
    assert_eq!(attempt(&mut stranger, "phone", "+79161234567", PASSWORD).await, 429);
}

#[tokio::test]
async fn a_device_that_its_owner_has_used_gets_in_while_strangers_wait() {
    let app = TestApp::start().await;
    let person = app.user("+79161234567", PASSWORD).await;
    let mut own = app.browser();
    app.sign_in(&mut own, &person).await;
    own.get("/logout").await;
    own.submit("logout-confirm", &[], "submit").await;
    assert!(own.session().is_empty());
    let mut stranger = app.browser();
    stranger.ip = [192, 0, 2, 77].into();
    for _ in 0..12 {
        attempt(&mut stranger, "phone", "+79161234567", "CANARY-неверный").await;
    }
    assert_eq!(attempt(&mut stranger, "phone", "+79161234567", PASSWORD).await, 429);
    assert_eq!(attempt(&mut own, "phone", "+79161234567", PASSWORD).await, 200, "{}", own.page.text());
    assert_eq!(own.page.path(), "/account");
}

#[tokio::test]
async fn a_device_known_to_one_account_is_a_stranger_to_another() {
    let app = TestApp::start().await;
    app.user("+79161234567", PASSWORD).await;
    let mine = app.user("+79161234568", PASSWORD).await;
    let mut attacker = app.browser();
    app.sign_in(&mut attacker, &mine).await;
    for _ in 0..10 {
        attempt(&mut attacker, "phone", "+79161234567", "CANARY-неверный").await;
    }
    assert_eq!(attempt(&mut attacker, "phone", "+79161234567", PASSWORD).await, 429);
    let mut stranger = app.browser();
    assert_eq!(
        attempt(&mut stranger, "phone", "+79161234567", PASSWORD).await,
        429,
        "counted as a stranger's failures"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_guesses_get_no_more_tries_than_the_limit_and_the_permits() {
    let app = TestApp::start_with(|config| {
        config.hashing.permits = Some(2);
        config.hashing.queue = 100;
    })
    .await;
    app.user("+79161234567", PASSWORD).await;
    let mut first = app.browser();
    first.get("/login").await;
    let body = first.filled("login-form", &[("phone", "+79161234567"), ("password", "CANARY-неверный")], "submit");
    let mut tries: Vec<Browser> = (0..60).map(|_| first.clone()).collect();
    let statuses =
        futures_util::future::join_all(tries.iter_mut().map(|one| async { one.post("/login", &body).await.status }))
            .await;
    let tried = statuses.iter().filter(|status| **status == 422).count();
    assert!((10..=12).contains(&tried), "{tried} guesses were checked: {statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 422 | 429)), "{statuses:?}");
}

#[tokio::test]
async fn a_disabled_person_learns_of_it_only_with_the_right_password() {
    let app = TestApp::start().await;
    let person = app.user("+79161234567", PASSWORD).await;
    app.set_disabled(&person, true).await;
    let mut browser = app.browser();
    assert_eq!(attempt(&mut browser, "phone", "+79161234567", "CANARY-неверный").await, 422);
    assert_eq!(attempt(&mut browser, "phone", "+79161234567", PASSWORD).await, 403);
    assert!(browser.session().is_empty());
}

#[tokio::test]
async fn the_session_cookie_is_new_after_sign_in_and_what_was_planted_before_is_dead() {
    let app = TestApp::start().await;
    let person = app.anyone().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &person).await;
    let before = browser.clone();
    app.sign_in(&mut browser, &person).await;
    assert_ne!(browser.session(), before.session());
    let mut old = before;
    old.get("/account").await;
    assert_eq!(old.page.path(), "/login", "the value before the renewal still signs in");
}
