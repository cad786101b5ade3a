//! Sign-in, registration and linking by certificate, with the people of the ГОСТ fixtures.

mod hostile;
mod linking;
mod outside;
mod refused;
mod registering;

use kabinet_core::client::Profile;
use kabinet_core::scope::Scope;
use kabinet_gost::Revocation;
use kabinet_identity::config::{SecondProof, TwoFactors};
use kabinet_tests::signature::{Challenge, Holder};
use kabinet_tests::{Browser, Person, Rp, TestApp, Tokens};
use serde_json::Value;

const ANNA: Holder = Holder("person-256");
const OTHER: Holder = Holder("person-512");
const HEAD: Holder = Holder("org-256");

/// A provider that trusts the fixtures' authority and asks for no revocation lists, which nobody serves here.
async fn start() -> TestApp {
    start_with(SecondProof::NewDevice).await
}

/// The same without second proofs.
async fn start_trusting() -> TestApp {
    start_with(SecondProof::Never).await
}

async fn start_with(second_proof: SecondProof) -> TestApp {
    let app = TestApp::start_with(|config| {
        config.certificate.revocation = Revocation::Off;
        config.certificate.second_proof = second_proof;
    })
    .await;
    app.trust_fixtures().await;
    app
}

async fn challenge(browser: &Browser) -> Challenge {
    Challenge::of(browser).await
}

/// Signs on the page that is shown and sends its form.
async fn sign(app: &TestApp, browser: &mut Browser, holder: Holder) {
    sign_with(app, browser, holder, &[]).await;
}

async fn sign_with(app: &TestApp, browser: &mut Browser, holder: Holder, more: &[(&str, &str)]) {
    let signed = holder.fields(browser, &*app.ambient.entropy).await;
    let signed = signed.iter().map(|(name, value)| (*name, value.as_str()));
    let fields: Vec<(&str, &str)> = signed.chain(more.iter().copied()).collect();
    browser.submit("certificate-form", &fields, "submit").await;
}

/// What the page says is wrong.
fn refusal(browser: &Browser) -> String {
    browser.page.html.attribute("certificate-error", "data-error").unwrap_or_default()
}

/// Links a certificate on the way in, and leaves the browser at the account.
async fn link(app: &TestApp, browser: &mut Browser, (holder, person): (Holder, &Person)) {
    browser.get("/login/certificate").await;
    sign(app, browser, holder).await;
    assert!(browser.page.has("unlinked"), "{}", browser.page.text());
    browser.click("go-link").await;
    browser.fill_in(person, &[]).await;
    assert_eq!(browser.page.path(), "/account", "{}", browser.page.text());
}

/// A person of whom a certificate is linked, and the browser where that was done, signed out.
async fn linked(app: &TestApp, holder: Holder) -> (Person, Browser) {
    let person = app.anyone().await;
    let mut browser = app.browser();
    link(app, &mut browser, (holder, &person)).await;
    browser.submit("sign-out-form", &[], "sign-out").await;
    (person, browser)
}

async fn product(app: &TestApp) -> Rp {
    app.client(Profile::Web, |metadata| {
        metadata.scope = Scope::parse("openid profile email org orgs").unwrap()
    })
    .await
}

#[tokio::test]
async fn a_linked_certificate_signs_in_where_it_did_before_and_tokens_say_how() {
    let app = start().await;
    let (person, mut browser) = linked(&app, ANNA).await;
    let rp = product(&app).await;
    let ask = rp.ask();
    browser.get(&ask.url()).await;
    assert!(browser.page.has("method-certificate"), "{}", browser.page.text());
    browser.click("method-certificate").await;
    sign(&app, &mut browser, ANNA).await;
    let callback = kabinet_tests::Callback::of(&browser.page);
    let tokens = Tokens::of(&rp.redeem(callback.code(), &ask).await);
    let claims = rp.verify(&tokens.id).await;
    assert_eq!(claims["sub"], person.id.as_str());
    assert_eq!((&claims["amr"], &claims["acr"]), (&serde_json::json!(["cert"]), &Value::from("2")));
}

#[tokio::test]
async fn the_operator_says_what_a_signature_alone_is_worth() {
    for (two_factors, acr) in [(TwoFactors::Never, "1"), (TwoFactors::Checked, "2"), (TwoFactors::Always, "2")] {
        let app = TestApp::start_with(|config| {
            config.certificate.revocation = Revocation::Off;
            config.certificate.second_proof = SecondProof::Never;
            config.certificate.two_factors = two_factors;
        })
        .await;
        app.trust_fixtures().await;
        let (_, mut browser) = linked(&app, ANNA).await;
        let rp = product(&app).await;
        let ask = rp.ask();
        browser.get(&ask.url()).await;
        browser.click("method-certificate").await;
        sign(&app, &mut browser, ANNA).await;
        let tokens = Tokens::of(&rp.redeem(kabinet_tests::Callback::of(&browser.page).code(), &ask).await);
        assert_eq!(rp.verify(&tokens.id).await["acr"], acr, "{two_factors:?}");
    }
}

#[tokio::test]
async fn in_another_browser_a_code_is_asked_for_beside_the_signature() {
    let app = start().await;
    let (person, _) = linked(&app, ANNA).await;
    let mut browser = app.browser();
    browser.get("/login/certificate").await;
    sign_with(&app, &mut browser, ANNA, &[("remember", "on")]).await;
    assert_eq!(browser.page.path(), "/login/certificate/confirm", "{}", browser.page.text());
    assert_eq!(browser.session(), "", "a signature alone is not enough here");
    // The contact is masked: a relayed signature must not tell it.
    assert!(!browser.page.text().contains(&person.contact[5..]), "{}", browser.page.text());
    browser.submit("code-form", &[("code", "000000")], "submit").await;
    assert!(browser.page.has("code-form") && browser.session().is_empty(), "{}", browser.page.text());
    let code = app.code_sent_to(&person.contact);
    let sent = app.messages();
    assert_eq!(
        sent.iter().find(|message| message["code"] == code.as_str()).unwrap()["purpose"],
        "sign-in"
    );
    browser.submit("code-form", &[("code", &code)], "submit").await;
    assert_eq!(browser.page.path(), "/account", "{}", browser.page.text());
    let cookie = browser.jar.iter().find(|(name, _)| name.contains("kabinet-session")).unwrap().1;
    assert!(cookie.until.is_some(), "the wish to be remembered is kept");
    // From now on this browser is known.
    browser.submit("sign-out-form", &[], "sign-out").await;
    browser.get("/login/certificate").await;
    sign(&app, &mut browser, ANNA).await;
    assert_eq!(browser.page.path(), "/account", "{}", browser.page.text());
}

#[tokio::test]
async fn the_text_says_what_it_is_where_it_is_from_and_the_code_on_the_screen() {
    let app = start().await;
    let rp = app
        .client(Profile::Web, |metadata| metadata.client_name = "Учёт и отчёт".to_owned())
        .await;
    let mut browser = app.browser();
    browser.get(&rp.ask().url()).await;
    browser.click("method-certificate").await;
    let asked = challenge(&browser).await;
    let text = String::from_utf8(asked.text).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "Вход в Единый личный кабинет");
    assert_eq!(lines[1], "Это не документ: подпись подтверждает только вход.");
    assert_eq!(lines[2], "Сайт: https://id.test");
    assert_eq!(lines[3], format!("Приложение: Учёт и отчёт ({})", rp.id));
    assert_eq!(lines[4], format!("Номер запроса: {}", asked.id));
    assert_eq!(lines[5], format!("Код на экране: {}", asked.code));
    assert_eq!(lines[6], "Выдан: 2026-11-23T00:00:00Z");
    assert_eq!(lines[7], "Действителен до: 2026-11-23T00:05:00Z");
    assert_eq!(lines.len(), 8);
    assert!(asked.code.len() == 4 && asked.id.len() == 32);
}

#[tokio::test]
async fn the_way_in_is_shown_once_there_is_an_anchor_and_before_only_by_a_clients_own_list() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    browser.get("/login").await;
    assert!(!browser.page.has("method-certificate"));
    assert_eq!(browser.get("/login/certificate").await.status, 403);
    let methods = vec![kabinet_core::method::MethodName::Password, kabinet_core::method::MethodName::Certificate];
    let rp = app.client(Profile::Web, |metadata| metadata.login_methods = Some(methods)).await;
    browser.get(&rp.ask().url()).await;
    browser.click("method-certificate").await;
    sign(&app, &mut browser, ANNA).await;
    assert_eq!(refusal(&browser), "untrusted", "{}", browser.page.text());
    app.trust_fixtures().await;
    assert!(browser.get("/login").await.has("method-certificate"));
    let only = vec![kabinet_core::method::MethodName::Password];
    let closed = app.client(Profile::Web, |metadata| metadata.login_methods = Some(only)).await;
    browser.get(&closed.ask().url()).await;
    assert!(!browser.page.has("method-certificate"));
    let flow = browser
        .filled("login-form", &[], "submit")
        .into_iter()
        .find(|(name, _)| name == "flow")
        .unwrap()
        .1;
    assert_eq!(browser.get(&format!("/login/certificate?flow={flow}")).await.status, 403);
}

#[tokio::test]
async fn the_page_may_speak_to_the_signing_program_and_no_other_page_may() {
    let app = start().await;
    let mut browser = app.browser();
    let policy = |browser: &Browser| browser.page.answer.as_ref().unwrap().header("content-security-policy").to_owned();
    browser.get("/login/certificate").await;
    assert!(policy(&browser).contains("connect-src 'self' wss://127.0.0.1:9292/RegistrationOffice"));
    browser.get("/login").await;
    assert!(policy(&browser).contains("connect-src 'self';"), "{}", policy(&browser));
}
