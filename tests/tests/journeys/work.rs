//! Work in place of a captcha, as the pages ask for it: with the script it is done while the person types, without it is a wait.

use kabinet_tests::{Browser, PASSWORD, TestApp};

use crate::registration;

const WRONG: &str = "CANARY-неверный пароль";

async fn start() -> TestApp {
    TestApp::start_with(|config| config.work.bits = 8).await
}

/// Fails on as many unknown addresses; how many were compared.
async fn fail(app: &TestApp, times: usize) -> usize {
    let mut compared = 0;
    for i in 0..times {
        let mut browser = app.browser();
        browser.works = true;
        browser.get("/login?by=email").await;
        let address = format!("nobody{i}@example.com");
        browser.submit("login-form", &[("email", &address), ("password", WRONG)], "submit").await;
        compared += usize::from(browser.page.status == 422);
    }
    compared
}

fn field(browser: &Browser, form: &str, name: &str) -> Option<String> {
    let fields = browser.page.html.form(form)?.fields;
    fields.into_iter().find(|field| field.name == name).map(|field| field.value)
}

#[tokio::test]
async fn a_quiet_network_never_sees_a_challenge_and_a_noisy_one_gets_it_with_the_page() {
    let app = start().await;
    let mut browser = app.browser();
    browser.get("/login").await;
    assert!(!browser.page.has("work-answer"));
    assert_eq!(fail(&app, 25).await, 25, "work that is done costs no try");
    for (page, has) in [("/login", true), ("/register", false), ("/recover", false)] {
        browser.get(page).await;
        assert_eq!(browser.page.has("work-answer"), has, "{page}");
    }
    let mut elsewhere = app.browser();
    elsewhere.ip = [10, 1, 2, 3].into();
    elsewhere.get("/login").await;
    assert!(!elsewhere.page.has("work-answer"));
}

#[tokio::test]
async fn with_the_script_a_sign_in_under_high_risk_is_one_press_and_without_it_a_wait_and_a_second_press() {
    let app = start().await;
    let person = app.user("ivan@example.com", PASSWORD).await;
    fail(&app, 25).await;
    let fields = [("email", "ivan@example.com"), ("password", PASSWORD), ("remember", "on")];
    let mut scripted = app.browser();
    scripted.works = true;
    scripted.get("/login?by=email").await;
    scripted.submit("login-form", &fields, "submit").await;
    assert_eq!(scripted.page.path(), "/account", "{}", scripted.page.text());

    let mut plain = app.browser();
    plain.get("/login?by=email").await;
    let challenge = field(&plain, "login-form", "work").unwrap();
    app.clock.advance(3);
    plain.submit("login-form", &fields, "submit").await;
    assert_eq!((plain.page.status, plain.page.error().as_str()), (429, "work-wait"));
    assert!(plain.page.text().contains("Подождите 7 с и нажмите ещё раз"), "{}", plain.page.text());
    assert_eq!(plain.page.answer.as_ref().unwrap().header("retry-after"), "7");
    assert_eq!(field(&plain, "login-form", "work").unwrap(), challenge, "the time waited counts");
    assert_eq!(field(&plain, "login-form", "email").unwrap(), "ivan@example.com");
    assert_eq!(field(&plain, "login-form", "password").unwrap(), "");
    assert!(!plain.page.source().contains(PASSWORD));
    app.clock.advance(7);
    plain.submit("login-form", &fields, "submit").await;
    assert_eq!(plain.page.path(), "/account", "{}", plain.page.text());
    drop(person);
}

#[tokio::test]
async fn a_form_that_is_sent_again_does_not_use_its_work_twice() {
    let app = start().await;
    app.user("ivan@example.com", PASSWORD).await;
    fail(&app, 25).await;
    let mut browser = app.browser();
    browser.works = true;
    browser.get("/login?by=email").await;
    let body = browser.filled("login-form", &[("email", "ivan@example.com"), ("password", WRONG)], "submit");
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(browser.clone().post("/login", &body).await.status);
    }
    assert_eq!(statuses, [422, 429, 429]);
    let mut other = app.browser();
    other.get("/login?by=email").await;
    let mine = field(&other, "login-form", "form-token").unwrap();
    let mut stolen = body.clone();
    stolen.iter_mut().find(|(name, _)| name == "form-token").unwrap().1 = mine;
    other.post("/login", &stolen).await;
    assert_eq!(other.page.status, 429, "the work of another browser");
}

#[tokio::test]
async fn registering_recovering_and_another_code_ask_for_work_once_a_network_asks_for_many() {
    let app = start().await;
    let mut waiting = registration::begin(&app, "+79161234567").await;
    for i in 0..65 {
        registration::begin(&app, &format!("u{i}@example.com")).await;
    }
    app.clock.advance(60);
    let mut register = app.browser();
    register.get("/register?by=email").await;
    assert!(register.page.has("work-answer"));
    registration::fill(&mut register, "new@example.com", PASSWORD).await;
    assert_eq!((register.page.status, register.page.error().as_str()), (429, "work-wait"));
    assert_eq!(field(&register, "register-form", "email").unwrap(), "new@example.com");
    let sent = app.messages().len();
    register.works = true;
    registration::fill(&mut register, "new@example.com", PASSWORD).await;
    assert!(register.page.has("code-form"), "{}", register.page.text());

    let mut recover = app.browser();
    recover.works = true;
    recover.get("/recover").await;
    assert!(recover.page.has("work-answer"));
    recover.submit("recover-form", &[("phone", "+79161230000")], "submit").await;
    assert!(recover.page.has("code-form"), "{}", recover.page.text());

    waiting.submit("code-form", &[], "resend").await;
    assert_eq!((waiting.page.status, waiting.page.error().as_str()), (429, "work-wait"));
    waiting.works = true;
    waiting.submit("code-form", &[], "resend").await;
    assert_eq!(waiting.page.status, 200, "{}", waiting.page.text());
    assert_eq!(app.messages().len(), sent + 2, "one to register, one again, none to whom nobody is");
    let code = app.code_sent_to("+79161234567");
    waiting.works = false;
    waiting.submit("code-form", &[("code", &code)], "submit").await;
    assert!(waiting.page.has("continue"), "a code is entered without work: {}", waiting.page.text());
}

#[tokio::test]
async fn after_five_failures_an_account_costs_strangers_work_and_its_owner_s_device_nothing() {
    let app = start().await;
    let person = app.user("ivan@example.com", PASSWORD).await;
    let mut own = app.browser();
    app.sign_in(&mut own, &person).await;
    for i in 0..5_u8 {
        let mut stranger = app.browser();
        stranger.ip = [10, 1, i, 1].into();
        stranger.get("/login?by=email").await;
        stranger
            .submit("login-form", &[("email", "ivan@example.com"), ("password", WRONG)], "submit")
            .await;
        assert_eq!(stranger.page.status, 422);
        assert!(stranger.page.has("work-answer"), "the next try may cost it");
    }
    let fields = [("email", "ivan@example.com"), ("password", PASSWORD)];
    let mut stranger = app.browser();
    stranger.ip = [10, 2, 1, 1].into();
    stranger.get("/login?by=email").await;
    stranger.submit("login-form", &fields, "submit").await;
    assert_eq!((stranger.page.status, stranger.page.error().as_str()), (429, "work-wait"));
    stranger.works = true;
    stranger.submit("login-form", &fields, "submit").await;
    assert_eq!(stranger.page.path(), "/account", "{}", stranger.page.text());
    own.get("/login?another=1&by=email").await;
    assert!(!own.page.has("work-answer"));
    own.submit("login-form", &fields, "submit").await;
    assert_eq!(own.page.path(), "/account", "{}", own.page.text());
}

#[tokio::test]
async fn a_challenge_made_by_one_node_is_accepted_by_another() {
    let app = start().await;
    app.user("ivan@example.com", PASSWORD).await;
    fail(&app, 25).await;
    let mut browser = app.browser();
    browser.works = true;
    browser.get("/login?by=email").await;
    let node = app.another_node().await;
    browser.use_node(&node);
    browser
        .submit("login-form", &[("email", "ivan@example.com"), ("password", PASSWORD)], "submit")
        .await;
    assert_eq!(browser.page.path(), "/account", "{}", browser.page.text());
}
