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
