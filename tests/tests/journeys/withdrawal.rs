//! The personal-data consent is taken back: everything ends, the account stays, and the next sign-in asks.

use kabinet_core::client::Profile;
use kabinet_core::document::{Act, Kind};
use kabinet_store::audit;
use kabinet_tests::{Browser, Callback, PASSWORD, TestApp, Tokens};

use crate::documents::{records, registered};

async fn withdraw(browser: &mut Browser) {
    browser.get("/account/consents").await;
    browser.click("withdraw-pd-consent").await;
    assert!(browser.page.has("withdraw-form"), "{}", browser.page.text());
    browser.submit("withdraw-form", &[], "submit").await;
}

#[tokio::test]
async fn a_withdrawal_ends_sessions_and_tokens_is_recorded_and_told_and_the_next_sign_in_asks() {
    let app = TestApp::start().await;
    let (person, mut browser) = registered(&app).await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let ask = rp.ask_for("openid offline_access");
    let callback = rp.authorize(&mut browser, &ask).await;
    let tokens = Tokens::of(&rp.redeem(callback.code(), &ask).await);
    let mut elsewhere = app.browser();
    app.sign_in(&mut elsewhere, &person).await;
    app.clock.advance(60);
    withdraw(&mut browser).await;
    assert!(
        browser.page.has("signed-out") && browser.page.text().contains("отозвано"),
        "{}",
        browser.page.text()
    );
    for browser in [&mut browser, &mut elsewhere] {
        assert_eq!(browser.get("/account").await.path(), "/login");
    }
    rp.refresh(&tokens.refresh).await.refused(400, "invalid_grant");
    assert_eq!(rp.userinfo(&tokens.access).await.code(), 401);
    let last = &records(&app, &person.id).await[0];
    assert_eq!(
        (last.act, last.text.document.as_str(), last.text.sha256.len()),
        (Act::Withdrawn, "pd-consent", 64)
    );
    assert_eq!(audit::count(app.store.db(), "consent.withdrawn").await.unwrap(), 1);
    let told = |message: &serde_json::Value| message["text"].as_str().is_some_and(|text| text.contains("отозвано"));
    assert_eq!(app.messages().iter().filter(|message| told(message)).count(), 1);

    app.clock.advance(60);
    browser.get(&rp.ask().url()).await;
    app.fill_in(&mut browser, &person).await;
    assert_eq!(browser.page.path(), "/complete", "{}", browser.page.text());
    assert!(browser.page.text().contains("Нужно ваше согласие"));
    browser.submit("complete-form", &[], "submit").await;
    assert_eq!(browser.page.error(), "consent-missing");
    browser.submit("complete-form", &[("pd-consent", "on")], "submit").await;
    assert!(!Callback::of(&browser.page).code().is_empty());
    browser.get("/account/consents").await;
    let states = browser.page.html.attributes("tr", "data-state");
    assert_eq!(states.iter().filter(|state| *state == "document-withdrawn").count(), 1, "{states:?}");
    assert_eq!(states.iter().filter(|state| *state == "document-in-force").count(), 2, "{states:?}");
}

#[tokio::test]
async fn a_consent_to_a_published_text_is_withdrawn_with_its_version_and_twice_is_once() {
    let app = TestApp::start().await;
    app.publish(Kind::PdConsent, "7").await;
    let (person, browser) = registered(&app).await;
    let mut tabs = Vec::new();
    for _ in 0..3 {
        let mut tab = browser.clone();
        tab.get("/account/consents/pd-consent").await;
        let body = tab.filled("withdraw-form", &[], "submit");
        tabs.push((tab, body));
    }
    let path = "/account/consents/pd-consent";
    futures_util::future::join_all(tabs.iter_mut().map(|(tab, body)| tab.post(path, body))).await;
    let withdrawn: Vec<_> = records(&app, &person.id)
        .await
        .into_iter()
        .filter(|record| record.act == Act::Withdrawn)
        .collect();
    assert_eq!(withdrawn.len(), 1);
    assert_eq!(withdrawn[0].text.version, "7");
    assert!(tabs.iter().all(|(tab, _)| tab.page.status < 500));
}

#[tokio::test]
async fn who_gave_no_consent_has_none_to_take_back_and_a_foreign_form_does_nothing() {
    let app = TestApp::start().await;
    let person = app.user("+79990000001", PASSWORD).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &person).await;
    browser.get("/account/consents").await;
    assert!(!browser.page.has("withdraw-pd-consent"));
    browser.get("/account/consents/pd-consent").await;
    assert!(!browser.page.has("withdraw-form") && browser.page.has("keep"), "{}", browser.page.text());
    let (registered, mut browser) = registered(&app).await;
    browser.get("/account/consents/pd-consent").await;
    let mut body = browser.filled("withdraw-form", &[], "submit");
    body.iter_mut().find(|(name, _)| name == "form-token").unwrap().1 = "0.x".to_owned();
    browser.post("/account/consents/pd-consent", &body).await;
    assert!(browser.page.has("withdraw-form"), "{}", browser.page.text());
    let body = browser.filled("withdraw-form", &[], "submit");
    browser.post_from_elsewhere("/account/consents/pd-consent", &body).await;
    assert!(records(&app, &registered.id).await.iter().all(|record| record.act == Act::Given));
    browser.get("/account").await;
    assert_eq!(browser.page.path(), "/account");
}
