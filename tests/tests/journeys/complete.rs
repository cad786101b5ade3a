//! What a client cannot do without is asked for, once, before the code is given.

use kabinet_core::client::{Profile, RequiredClaim};
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_store::user;
use kabinet_tests::{Browser, Callback, PASSWORD, Rp, TestApp};

const PHONE: &str = "+79161234567";
const EMAIL: &str = "anna@example.com";

async fn needy(app: &TestApp, claims: &[RequiredClaim]) -> Rp {
    let claims = claims.to_vec();
    app.client(Profile::Web, |metadata| metadata.required_claims = claims).await
}

async fn give(app: &TestApp, browser: &mut Browser, field: &str, contact: &str) {
    browser.submit("complete-form", &[(field, contact)], "submit").await;
    assert!(browser.page.has("code-form"), "{}", browser.page.text());
    let code = app.code_sent_to(contact);
    browser.submit("code-form", &[("code", &code)], "submit").await;
}

#[tokio::test]
async fn a_missing_address_is_asked_for_once_and_stands_in_the_claims() {
    let app = TestApp::start().await;
    let person = app.user(PHONE, PASSWORD).await;
    let rp = needy(&app, &[RequiredClaim::Email, RequiredClaim::PhoneNumber]).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &person).await;
    let ask = rp.ask_for("openid email");
    browser.get(&ask.url()).await;
    assert_eq!(browser.page.path(), "/complete");
    let silent = rp.authorize(&mut browser.clone(), &rp.ask().with("prompt", "none")).await;
    assert_eq!(silent.get("error"), "interaction_required");
    give(&app, &mut browser, "email", EMAIL).await;
    let callback = Callback::of(&browser.page);
    let tokens = kabinet_tests::Tokens::of(&rp.redeem(callback.code(), &ask).await);
    assert_eq!(rp.userinfo(&tokens.access).await.json()["email"], EMAIL);
    assert_eq!(rp.userinfo(&tokens.access).await.json()["email_verified"], true);
    assert!(!rp.authorize(&mut browser, &rp.ask()).await.code().is_empty(), "asked once only");
}

#[tokio::test]
async fn two_missing_contacts_cannot_be_and_another_client_asks_for_nothing() {
    let app = TestApp::start().await;
    let person = app.user(EMAIL, PASSWORD).await;
    let rp = needy(&app, &[RequiredClaim::PhoneNumber]).await;
    let undemanding = app.client(Profile::Web, |_| ()).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &person).await;
    assert!(!undemanding.authorize(&mut browser, &undemanding.ask()).await.code().is_empty());
    let ask = rp.ask();
    browser.get(&ask.url()).await;
    browser.submit("complete-form", &[("phone", "12")], "submit").await;
    assert!(browser.page.has("phone-error") && browser.page.status == 422);
    give(&app, &mut browser, "phone", PHONE).await;
    assert!(!Callback::of(&browser.page).code().is_empty());
    let held = user::by_id(app.store.db(), &person.id).await.unwrap().unwrap();
    assert_eq!(held.phone.unwrap().contact.value(), PHONE);
}

#[tokio::test]
async fn a_refusal_goes_back_to_the_client_and_nothing_is_kept() {
    let app = TestApp::start().await;
    let person = app.user(PHONE, PASSWORD).await;
    let rp = needy(&app, &[RequiredClaim::Email]).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &person).await;
    browser.get(&rp.ask().url()).await;
    browser.submit("complete-form", &[], "deny").await;
    let callback = Callback::of(&browser.page);
    assert_eq!(
        (callback.get("error"), callback.get("iss")),
        ("access_denied", app.config.issuer.as_str())
    );
    assert!(!callback.get("state").is_empty());
}

#[tokio::test]
async fn a_contact_of_another_account_stays_there_and_is_told_only_after_the_right_code() {
    let app = TestApp::start().await;
    let person = app.user(PHONE, PASSWORD).await;
    let other = app.user(EMAIL, PASSWORD).await;
    let rp = needy(&app, &[RequiredClaim::Email]).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &person).await;
    browser.get(&rp.ask().url()).await;
    browser.submit("complete-form", &[("email", EMAIL)], "submit").await;
    assert!(browser.page.has("code-form") && !browser.page.text().contains("другому аккаунту"));
    let code = app.code_sent_to(EMAIL);
    browser.submit("code-form", &[("code", &code)], "submit").await;
    assert!(browser.page.has("email-error") && browser.page.has("go-login"), "{}", browser.page.text());
    let held = user::by_contact(app.store.db(), &Contact::parse(ContactKind::Email, EMAIL).unwrap())
        .await
        .unwrap();
    assert_eq!(held.unwrap().id, other.id);
}

#[tokio::test]
async fn one_address_confirmed_by_two_accounts_at_once_goes_to_one() {
    let app = TestApp::start().await;
    let rp = needy(&app, &[RequiredClaim::Email]).await;
    let mut tabs = Vec::new();
    for phone in [PHONE, "+79161234568"] {
        let person = app.user(phone, PASSWORD).await;
        let mut browser = app.browser();
        app.sign_in(&mut browser, &person).await;
        browser.get(&rp.ask().url()).await;
        browser.submit("complete-form", &[("email", EMAIL)], "submit").await;
        let body = browser.filled("code-form", &[("code", &app.code_sent_to(EMAIL))], "submit");
        tabs.push((browser, body));
    }
    let all = tabs.iter_mut().map(|(tab, body)| tab.post("/complete/confirm", body));
    futures_util::future::join_all(all).await;
    let (done, told): (Vec<_>, Vec<_>) = tabs.iter().partition(|(tab, _)| !tab.page.has("email-error"));
    assert_eq!(
        (done.len(), told.len()),
        (1, 1),
        "{:?}",
        tabs.iter().map(|(tab, _)| tab.page.text()).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn the_code_belongs_to_the_browser_that_asked_for_it() {
    let app = TestApp::start().await;
    let person = app.user(PHONE, PASSWORD).await;
    let rp = needy(&app, &[RequiredClaim::Email]).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &person).await;
    let mut elsewhere = app.browser();
    app.sign_in(&mut elsewhere, &person).await;
    browser.get(&rp.ask().url()).await;
    browser.submit("complete-form", &[("email", EMAIL)], "submit").await;
    let mut body = browser.filled("code-form", &[("code", &app.code_sent_to(EMAIL))], "submit");
    elsewhere.get(&rp.ask().url()).await;
    let token = elsewhere
        .filled("complete-form", &[], "submit")
        .into_iter()
        .find(|(name, _)| name == "form-token");
    body.iter_mut().find(|(name, _)| name == "form-token").unwrap().1 = token.unwrap().1;
    elsewhere.post("/complete/confirm", &body).await;
    assert!(elsewhere.page.status < 500);
    let held = user::by_id(app.store.db(), &person.id).await.unwrap().unwrap();
    assert!(held.email.is_none(), "another browser spends the code");
}

#[tokio::test]
async fn a_session_that_was_ended_meanwhile_adds_nothing_and_an_added_contact_is_told_to_the_others() {
    let app = TestApp::start().await;
    let person = app.user(PHONE, PASSWORD).await;
    let rp = needy(&app, &[RequiredClaim::Email]).await;
    let mut thief = app.browser();
    app.sign_in(&mut thief, &person).await;
    thief.get(&rp.ask().url()).await;
    thief.submit("complete-form", &[("email", EMAIL)], "submit").await;
    let mut owner = app.browser();
    app.sign_in(&mut owner, &person).await;
    owner.get("/account/sessions").await;
    owner.submit("sessions-form", &[], "end-others").await;
    let code = app.code_sent_to(EMAIL);
    thief.submit("code-form", &[("code", &code)], "submit").await;
    let held = user::by_id(app.store.db(), &person.id).await.unwrap().unwrap();
    assert!(held.email.is_none(), "{}", thief.page.text());
    owner.get(&rp.ask().url()).await;
    give(&app, &mut owner, "email", "own@example.com").await;
    let told = |message: &serde_json::Value| {
        message["to"] == PHONE && message["text"].as_str().is_some_and(|text| text.contains("добавлен контакт"))
    };
    assert_eq!(app.messages().iter().filter(|message| told(message)).count(), 1);
}
