//! Consent: asked of third-party clients, remembered, asked again for more.

use kabinet_core::client::Profile;
use kabinet_tests::{Callback, Rp, TestApp};

async fn third_party(app: &TestApp) -> Rp {
    app.client(Profile::Web, |metadata| metadata.first_party = false).await
}

#[tokio::test]
async fn a_refusal_goes_back_to_the_client_and_is_not_remembered() {
    let app = TestApp::start().await;
    let rp = third_party(&app).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    app.sign_in(&mut browser, &person).await;
    for _ in 0..2 {
        let ask = rp.ask_for("openid email");
        browser.get(&ask.url()).await;
        browser.submit("consent-form", &[], "deny").await;
        let callback = Callback::of(&browser.page);
        assert_eq!((callback.get("error"), callback.get("state")), ("access_denied", ask.get("state")));
    }
    let given = kabinet_store::consent::of_user(app.store.db(), &person.id).await.unwrap();
    assert!(given.is_empty());
}

#[tokio::test]
async fn what_was_allowed_is_remembered_and_more_is_asked_for() {
    let app = TestApp::start().await;
    let rp = third_party(&app).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    app.sign_in(&mut browser, &person).await;
    browser.get(&rp.ask_for("openid email profile").url()).await;
    assert_eq!(browser.page.html.text_by_id("redirect-host").unwrap(), "rp.test");
    browser.submit("consent-form", &[], "allow").await;
    assert!(!Callback::of(&browser.page).code().is_empty());
    for scope in ["openid email profile", "openid", "openid email"] {
        assert!(
            !rp.authorize(&mut browser, &rp.ask_for(scope)).await.code().is_empty(),
            "{scope} is remembered"
        );
        let silent = rp.ask_for(scope).with("prompt", "none");
        assert!(!rp.authorize(&mut browser, &silent).await.code().is_empty(), "{scope} serves prompt=none");
    }
    browser.get(&rp.ask_for("openid phone").url()).await;
    assert!(browser.page.has("consent-form"), "more is asked for");
    browser.submit("consent-form", &[], "allow").await;
    for scope in ["openid phone", "openid email profile"] {
        assert!(
            !rp.authorize(&mut browser, &rp.ask_for(scope)).await.code().is_empty(),
            "{scope} is remembered"
        );
    }
}

#[tokio::test]
async fn prompt_consent_asks_although_it_is_remembered() {
    let app = TestApp::start().await;
    let rp = third_party(&app).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    rp.sign_in(&app, &mut browser, &person).await;
    browser.get(&rp.ask().with("prompt", "consent").url()).await;
    assert!(browser.page.has("consent-form"));
    browser.submit("consent-form", &[], "allow").await;
    assert!(!Callback::of(&browser.page).code().is_empty());
}

#[tokio::test]
async fn a_consent_is_one_person_s_and_one_client_s() {
    let app = TestApp::start().await;
    let (rp, other_rp) = (third_party(&app).await, third_party(&app).await);
    let (person, other) = (app.anyone().await, app.anyone().await);
    let mut browser = app.browser();
    rp.sign_in(&app, &mut browser, &person).await;
    browser.get(&other_rp.ask().url()).await;
    assert!(browser.page.has("consent-form"), "another client");
    let mut elsewhere = app.browser();
    app.sign_in(&mut elsewhere, &other).await;
    elsewhere.get(&rp.ask().url()).await;
    assert!(elsewhere.page.has("consent-form"), "another person");
}

#[tokio::test]
async fn a_client_of_the_house_is_not_asked_for() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    app.sign_in(&mut browser, &person).await;
    assert!(
        !rp.authorize(&mut browser, &rp.ask_for("openid profile email phone address"))
            .await
            .code()
            .is_empty()
    );
}

#[tokio::test]
async fn a_consent_taken_back_ends_its_tokens_and_is_asked_for_again() {
    let app = TestApp::start().await;
    let (rp, kept) = (third_party(&app).await, third_party(&app).await);
    let (person, mut browser) = (app.anyone().await, app.browser());
    let tokens = rp.sign_in_with(&app, &mut browser, &person, &rp.ask_for("openid offline_access")).await;
    let others = kept.sign_in(&app, &mut browser, &person).await;
    browser.get("/account/consents").await;
    browser.submit("consents-form", &[], &format!("withdraw-{}", rp.id)).await;
    assert!(!rp.is_active(&tokens.access).await);
    rp.refresh(&tokens.refresh).await.refused(400, "invalid_grant");
    assert!(kept.is_active(&others.access).await, "another client's tokens went with it");
    browser.get(&rp.ask().url()).await;
    assert!(browser.page.has("consent-form"));
}
