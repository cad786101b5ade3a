//! The sealed flow: ten tabs, a restart, another browser, tampering, age.

use kabinet_core::client::Profile;
use kabinet_tests::{Browser, Callback, PASSWORD, TestApp};

/// What a tab of the same browser starts from: its own page, the browser's cookies.
fn share_cookies(to: &mut Browser, from: &Browser) {
    to.jar.clone_from(&from.jar);
}

fn flow_of(at: &str) -> String {
    at.split("flow=").nth(1).unwrap().split('&').next().unwrap().to_owned()
}

#[tokio::test]
async fn each_of_ten_tabs_comes_back_to_its_own_place() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let person = app.anyone().await;
    let mut browser = app.browser();
    let mut tabs = Vec::new();
    for _ in 0..10 {
        let ask = rp.ask();
        browser.get(&ask.url()).await;
        assert!(browser.page.has("login-form"));
        tabs.push((browser.clone(), ask));
    }
    for (tab, ask) in &mut tabs {
        share_cookies(tab, &browser);
        app.fill_in(tab, &person).await;
        share_cookies(&mut browser, tab);
        let callback = Callback::of(&tab.page);
        assert_eq!(callback.get("state"), ask.get("state"));
        assert_eq!(rp.redeem(callback.code(), ask).await.code(), 200);
    }
}

#[tokio::test]
async fn tabs_opened_at_the_same_instant_by_a_browser_without_cookies_all_arrive() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let person = app.anyone().await;
    let mut browser = app.browser();
    let asks: Vec<_> = (0..5).map(|_| rp.ask()).collect();
    let mut tabs: Vec<Browser> = asks.iter().map(|_| app.browser()).collect();
    // Each answer sets a binding cookie, and the last one stays in the jar that they share.
    for (tab, ask) in tabs.iter_mut().zip(&asks) {
        tab.get(&ask.url()).await;
        share_cookies(&mut browser, tab);
    }
    for (tab, ask) in tabs.iter_mut().zip(&asks) {
        share_cookies(tab, &browser);
        app.fill_in(tab, &person).await;
        if tab.page.has("login-form") {
            // The form token was another binding's: the same step again, what was typed is kept.
            let phone = tab
                .page
                .html
                .form("login-form")
                .unwrap()
                .fields
                .into_iter()
                .find(|one| one.name == "phone");
            assert_eq!(phone.unwrap().value, person.contact);
            app.fill_in(tab, &person).await;
        }
        share_cookies(&mut browser, tab);
        assert_eq!(Callback::of(&tab.page).get("state"), ask.get("state"));
    }
}

#[tokio::test]
async fn a_sign_in_goes_on_after_a_restart_and_on_another_node() {
    let mut app = TestApp::start().await;
    let rp = app.client(Profile::Web, |metadata| metadata.first_party = false).await;
    let person = app.anyone().await;
    let (ask, mut browser) = (rp.ask(), app.browser());
    browser.get(&ask.url()).await;
    app.restart().await;
    browser.use_node(&app.node);
    app.fill_in(&mut browser, &person).await;
    assert!(browser.page.has("consent-form"), "{}", browser.page.text());
    let other = app.another_node().await;
    browser.use_node(&other);
    browser.submit("consent-form", &[], "allow").await;
    let callback = Callback::of(&browser.page);
    let mut there = rp.clone();
    there.use_node(&other);
    assert_eq!(there.redeem(callback.code(), &ask).await.code(), 200);
}

#[tokio::test]
async fn a_form_token_of_another_browser_does_nothing_and_shows_the_step_again_with_what_was_typed() {
    let app = TestApp::start().await;
    app.user("+79161234567", PASSWORD).await;
    let (mut mine, mut other) = (app.browser(), app.browser());
    mine.get("/login").await;
    other.get("/login").await;
    let body = other.filled(
        "login-form",
        &[("phone", "+79161234567"), ("password", PASSWORD), ("remember", "on")],
        "submit",
    );
    mine.post("/login", &body).await;
    assert!(mine.session().is_empty(), "a foreign form signs in");
    assert!(mine.page.text().contains("Форма обновилась"), "{}", mine.page.text());
    let field = |name: &str| {
        mine.page
            .html
            .form("login-form")
            .unwrap()
            .fields
            .into_iter()
            .find(|one| one.name == name)
            .unwrap()
    };
    assert_eq!((field("phone").value.as_str(), field("password").value.as_str()), ("+79161234567", ""));
    assert!(field("remember").checked);
    mine.submit("login-form", &[("password", PASSWORD)], "submit").await;
    assert_eq!(mine.page.path(), "/account", "and then it works");
}

#[tokio::test]
async fn a_flow_of_another_browser_begins_at_the_sign_in_and_nothing_done_there_counts_here() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |metadata| metadata.first_party = false).await;
    let (victim, attacker) = (app.anyone().await, app.anyone().await);
    let (mut here, mut there) = (app.browser(), app.browser());
    let ask = rp.ask();
    there.get(&ask.url()).await;
    app.fill_in(&mut there, &attacker).await;
    assert!(there.page.has("consent-form"));
    let flow = flow_of(&there.page.at);
    for path in ["/consent", "/choose", "/oauth2/resume", "/login"] {
        here.get(&format!("{path}?flow={flow}")).await;
        assert!(here.page.has("login-form"), "{path}: {}", here.page.text());
    }
    app.fill_in(&mut here, &victim).await;
    assert!(here.page.has("consent-form"), "the victim is asked: {}", here.page.text());
}

#[tokio::test]
async fn a_changed_seal_gets_a_page_and_no_redirect() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let mut browser = app.browser();
    browser.get(&rp.ask().url()).await;
    let flow = flow_of(&browser.page.at);
    let mut forged = vec![
        "x".to_owned(),
        format!("{flow}A"),
        flow[1..].to_owned(),
        flow[..flow.len() - 4].to_owned(),
        "row.x".to_owned(),
    ];
    for place in [0, 1, flow.len() / 2, flow.len() - 2] {
        let mut bytes = flow.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        forged.push(String::from_utf8(bytes).unwrap());
    }
    for forged in forged {
        for path in ["/login", "/register", "/consent", "/choose", "/oauth2/resume"] {
            browser.get(&format!("{path}?flow={forged}")).await;
            assert_eq!((browser.page.status, browser.page.has("error")), (400, true), "{path}?flow={forged}");
            assert!(browser.page.left.is_none());
        }
    }
}

#[tokio::test]
async fn a_seal_is_good_for_half_an_hour() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let person = app.anyone().await;
    let (mut soon, mut late) = (app.browser(), app.browser());
    soon.get(&rp.ask().url()).await;
    late.get(&rp.ask().url()).await;
    app.clock.advance(1_790);
    app.fill_in(&mut soon, &person).await;
    assert!(!Callback::of(&soon.page).code().is_empty());
    app.clock.advance(20);
    app.fill_in(&mut late, &person).await;
    assert_eq!((late.page.status, late.page.left.is_none()), (400, true), "{}", late.page.text());
    assert!(late.page.text().contains("Время входа истекло"), "{}", late.page.text());
}

#[tokio::test]
async fn a_long_request_is_kept_on_the_server_and_comes_back_whole() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let person = app.anyone().await;
    let state = format!("CANARY-{}", "я".repeat(700));
    let ask = rp.ask().with("state", &state).with("nonce", &"n".repeat(1_500));
    let mut browser = app.browser();
    browser.get(&ask.url()).await;
    assert!(browser.page.at.len() < 300, "{}", browser.page.at.len());
    app.fill_in(&mut browser, &person).await;
    assert_eq!(Callback::of(&browser.page).get("state"), state);
}

#[tokio::test]
async fn a_client_disabled_on_the_way_is_caught_at_the_resume() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let person = app.anyone().await;
    let mut browser = app.browser();
    browser.get(&rp.ask().url()).await;
    app.change_client(&rp.id, |client| client.disabled = true).await;
    let mut probe = app.browser();
    let url = rp.ask().url();
    kabinet_tests::eventually("the node hears of it", || {
        let (mut probe, url) = (probe.clone(), url.clone());
        async move { probe.get(&url).await.error() == "unknown_client" }
    })
    .await;
    probe.get(&url).await;
    app.fill_in(&mut browser, &person).await;
    assert!(browser.page.left.is_none() && browser.page.has("error"), "{}", browser.page.text());
}
