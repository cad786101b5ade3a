//! A provider that does not answer.

use super::*;

#[tokio::test]
async fn a_dead_provider_is_hidden_and_the_own_ways_in_stay_as_they_are() {
    // A port that nobody listens on.
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", socket.local_addr().unwrap());
    drop(socket);
    let elsewhere = Elsewhere::open("anna-there").await;
    let app = TestApp::start_with(|config| {
        elsewhere.configure(config, NAME, |upstream| upstream.issuer = Some(issuer));
    })
    .await;
    let person = app.anyone().await;
    let mut browser = app.browser();
    for _ in 0..3 {
        browser.get(&format!("/login/{NAME}")).await;
        assert_eq!((browser.page.error().as_str(), browser.page.status), ("upstream-unavailable", 503));
        assert!(browser.page.answer.as_ref().unwrap().header("retry-after") == "30");
    }
    browser.get("/login").await;
    assert!(
        browser.page.has("login-form") && !browser.page.has("method-head-office"),
        "{}",
        browser.page.text()
    );
    app.sign_in(&mut browser, &person).await;
    // Where it is the only way it is shown all the same: a page without any says nothing.
    let only = Some(vec![kabinet_core::method::MethodName::parse(NAME).unwrap()]);
    let rp = app.client(Profile::Web, |metadata| metadata.login_methods = only).await;
    let mut browser = app.browser();
    browser.get(&rp.ask().url()).await;
    assert!(browser.page.has("method-head-office"), "{}", browser.page.text());
}

#[tokio::test]
async fn nobody_makes_a_provider_look_dead_by_what_a_browser_brings() {
    let (app, elsewhere) = start().await;
    // Ways that are begun beforehand: beginning one shows that the provider is there.
    let mut away = Vec::new();
    for _ in 0..6 {
        let mut browser = app.browser();
        browser.get(&format!("/login/{NAME}")).await;
        away.push(browser);
    }
    for mut browser in away.split_off(3) {
        let left = browser.page.left.clone().unwrap();
        browser.get(&elsewhere.refuse(&left, "temporarily_unavailable")).await;
        assert_eq!((browser.page.error().as_str(), browser.page.status), ("upstream-unavailable", 503));
    }
    // A firewall before the provider that dislikes a code.
    elsewhere.script().instead = [("token", (403, "<!doctype html><title>403</title>".to_owned()))].into();
    for mut browser in away {
        come_back(&elsewhere, &mut browser).await;
        assert_eq!((browser.page.error().as_str(), browser.page.status), ("upstream-misconfigured", 502));
    }
    let mut browser = app.browser();
    browser.get("/login").await;
    assert!(browser.page.has("method-head-office"), "{}", browser.page.text());
}
