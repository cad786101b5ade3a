//! What a client may ask of a sign-in: SSO, `prompt`, `max_age`.

use kabinet_core::client::Profile;
use kabinet_tests::{Callback, TestApp, Tokens};

#[tokio::test]
async fn whoever_is_signed_in_comes_to_a_second_product_without_a_page() {
    let app = TestApp::start().await;
    let (first, second) = (app.client(Profile::Web, |_| ()).await, app.client(Profile::Spa, |_| ()).await);
    let (person, mut browser) = (app.anyone().await, app.browser());
    let one = first.verify(&first.sign_in(&app, &mut browser, &person).await.id).await;
    let ask = second.ask();
    let callback = second.authorize(&mut browser, &ask).await;
    assert!(browser.page.hops.iter().all(|hop| hop.status.is_redirection()), "a page was shown");
    let two = second.verify(&Tokens::of(&second.redeem(callback.code(), &ask).await).id).await;
    assert_eq!((&one["sub"], &one["auth_time"]), (&two["sub"], &two["auth_time"]));
    assert_ne!(one["sid"], two["sid"], "the session's id differs per client");
}

#[tokio::test]
async fn prompt_none_never_shows_a_page() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let third = app.client(Profile::Web, |metadata| metadata.first_party = false).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    let callback = rp.authorize(&mut browser, &rp.ask().with("prompt", "none")).await;
    assert_eq!(callback.get("error"), "login_required");
    app.sign_in(&mut browser, &person).await;
    assert!(!rp.authorize(&mut browser, &rp.ask().with("prompt", "none")).await.code().is_empty());
    let callback = third.authorize(&mut browser, &third.ask().with("prompt", "none")).await;
    assert_eq!(callback.get("error"), "consent_required");
}

#[tokio::test]
async fn prompt_login_asks_once_and_a_later_proof_is_a_later_auth_time() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    let before = rp.verify(&rp.sign_in(&app, &mut browser, &person).await.id).await;
    app.clock.advance(5);
    let ask = rp.ask().with("prompt", "login");
    browser.get(&ask.url()).await;
    assert!(browser.page.has("login-form"));
    app.fill_in(&mut browser, &person).await;
    let after = rp
        .verify(&Tokens::of(&rp.redeem(Callback::of(&browser.page).code(), &ask).await).id)
        .await;
    assert_eq!(after["auth_time"].as_i64().unwrap(), before["auth_time"].as_i64().unwrap() + 5);
}

#[tokio::test]
async fn another_tab_s_sign_in_does_not_answer_prompt_login() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    browser.get(&rp.ask().with("prompt", "login").url()).await;
    let asked = browser.page.at.clone();
    app.sign_in(&mut browser, &person).await;
    browser.get(&asked.replace("/login", "/oauth2/resume")).await;
    assert!(browser.page.has("login-form"), "{:?}", browser.page.left);
    app.fill_in(&mut browser, &person).await;
    assert!(!Callback::of(&browser.page).code().is_empty());
}

#[tokio::test]
async fn max_age_asks_when_the_proof_is_older_and_only_then() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    app.sign_in(&mut browser, &person).await;
    app.clock.advance(100);
    assert!(!rp.authorize(&mut browser, &rp.ask().with("max_age", "100")).await.code().is_empty());
    app.clock.advance(1);
    let ask = rp.ask().with("max_age", "100");
    browser.get(&ask.url()).await;
    assert!(browser.page.has("login-form"));
    app.fill_in(&mut browser, &person).await;
    let claims = rp
        .verify(&Tokens::of(&rp.redeem(Callback::of(&browser.page).code(), &ask).await).id)
        .await;
    assert_eq!(claims["auth_time"], app.now());
    let none = rp.authorize(&mut browser, &rp.ask().with("max_age", "0").with("prompt", "none")).await;
    assert!(!none.get("error").is_empty() || !none.get("code").is_empty());
}

#[tokio::test]
async fn max_age_zero_asks_once_and_not_for_ever() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    app.sign_in(&mut browser, &person).await;
    browser.get(&rp.ask().with("max_age", "0").url()).await;
    assert!(browser.page.has("login-form"));
    app.fill_in(&mut browser, &person).await;
    assert!(!Callback::of(&browser.page).code().is_empty());
}

#[tokio::test]
async fn prompt_create_leads_to_the_registration() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let mut browser = app.browser();
    browser.get(&rp.ask().with("prompt", "create").url()).await;
    assert!(browser.page.has("register-form"), "{}", browser.page.text());
}
