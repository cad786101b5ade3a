//! Accounts that are made with a certificate.

use super::*;

const EMAIL: &str = "anna@example.test";

/// Signs on the page for registration; the details come next.
async fn begin(app: &TestApp, browser: &mut Browser, holder: Holder) {
    browser.get("/register").await;
    begin_here(app, browser, holder).await;
}

async fn begin_here(app: &TestApp, browser: &mut Browser, holder: Holder) {
    browser.click("method-certificate").await;
    assert_eq!(browser.page.path(), "/register/certificate", "{}", browser.page.text());
    sign(app, browser, holder).await;
    assert_eq!(browser.page.path(), "/register/certificate/details", "{}", browser.page.text());
}

async fn finish(app: &TestApp, browser: &mut Browser, more: &[(&str, &str)]) {
    if browser
        .page
        .html
        .form("register-form")
        .unwrap()
        .fields
        .iter()
        .all(|field| field.name != "email")
    {
        browser.click("toggle-identifier").await;
    }
    let fields = [&[("email", EMAIL), ("pd-consent", "on")], more].concat();
    browser.submit("register-form", &fields, "submit").await;
    assert!(browser.page.has("code-form"), "{}", browser.page.text());
    let code = app.code_sent_to(EMAIL);
    browser.submit("code-form", &[("code", &code)], "submit").await;
}

#[tokio::test]
async fn a_certificate_and_a_confirmed_address_make_an_account_that_the_certificate_signs_in_to() {
    let app = start().await;
    let rp = product(&app).await;
    let mut browser = app.browser();
    let ask = rp.ask_for("openid profile email org orgs");
    browser.get(&ask.url()).await;
    browser.click("go-register").await;
    begin_here(&app, &mut browser, HEAD).await;
    assert!(
        browser.page.html.text_by_id("organisation").unwrap().contains("Ромашка"),
        "{}",
        browser.page.text()
    );
    finish(&app, &mut browser, &[("partner-code", "А-12/7")]).await;
    assert_eq!(browser.page.path(), "/register/done", "{}", browser.page.text());
    browser.click("continue").await;
    let callback = kabinet_tests::Callback::of(&browser.page);
    let tokens = Tokens::of(&rp.redeem(callback.code(), &ask).await);
    assert_eq!(rp.verify(&tokens.id).await["amr"], serde_json::json!(["cert"]));
    let claims = rp.userinfo(&tokens.access).await.json();
    assert_eq!((&claims["family_name"], &claims["given_name"]), (&"Директоров".into(), &"Пётр".into()));
    assert_eq!((&claims["email"], &claims["email_verified"]), (&EMAIL.into(), &true.into()));
    assert_eq!(
        (&claims["org"]["proof"], &claims["partner_code"]),
        (&"certificate".into(), &"А-12/7".into())
    );

    browser.get("/account/methods").await;
    assert!(browser.page.has("no-password"), "{}", browser.page.text());
    assert!(!browser.page.has("unlink-certificate"), "the only way in stays");
    browser.submit("sign-out-form", &[], "sign-out").await;
    browser.get("/login/certificate").await;
    sign(&app, &mut browser, HEAD).await;
    assert_eq!(browser.page.path(), "/account", "{}", browser.page.text());
}

#[tokio::test]
async fn an_account_without_a_password_links_and_unlinks_with_a_code() {
    let app = start().await;
    let mut browser = app.browser();
    begin(&app, &mut browser, ANNA).await;
    finish(&app, &mut browser, &[]).await;
    browser.get("/account/methods").await;
    browser.submit("link-certificate", &[], "link").await;
    sign(&app, &mut browser, OTHER).await;
    assert!(browser.page.has("code-form"), "{}", browser.page.text());
    let code = app.code_sent_to(EMAIL);
    browser.submit("code-form", &[("code", &code)], "submit").await;
    assert_eq!(browser.page.path(), "/account/methods", "{}", browser.page.text());
    let first = browser.page.html.form("unlink-certificate").expect("two of them now");
    let id = first.fields.iter().find(|field| field.name == "certificate").unwrap().value.clone();
    app.clock.advance(61);
    browser.submit("unlink-certificate", &[], "unlink").await;
    let code = app.code_sent_to(EMAIL);
    browser.submit("code-form", &[("code", &code)], "submit").await;
    assert_eq!(browser.page.path(), "/account/methods", "{}", browser.page.text());
    assert!(!browser.page.has("unlink-certificate"), "the last one stays");
    // Nor does a hand-made form take it away.
    app.clock.advance(61);
    let token = browser.filled("link-certificate", &[], "link");
    let body: Vec<(String, String)> = token
        .into_iter()
        .filter(|(name, _)| name == "form-token")
        .chain([("certificate".to_owned(), id), ("unlink".to_owned(), "certificate".to_owned())])
        .collect();
    browser.post("/account/methods", &body).await;
    let code = app.code_sent_to(EMAIL);
    browser.submit("code-form", &[("code", &code)], "submit").await;
    assert!(!browser.page.has("no-certificates"), "{}", browser.page.text());
}

#[tokio::test]
async fn what_was_typed_waits_for_whoever_signs_with_the_same_certificate() {
    let app = start().await;
    let rp = product(&app).await;
    let mut browser = app.browser();
    browser.get(&rp.ask().url()).await;
    browser.click("go-register").await;
    begin_here(&app, &mut browser, ANNA).await;
    // The address in the certificate is a hint, no more.
    let hinted = browser.page.html.form("register-form").unwrap();
    assert!(
        hinted
            .fields
            .iter()
            .any(|field| field.name == "email" && field.value == "anna.testova@example.test")
    );
    browser
        .submit("register-form", &[("email", "later@example.test"), ("partner-code", "П1")], "later")
        .await;
    assert!(browser.page.has("continue"), "{}", browser.page.text());
    assert!(app.messages().is_empty());

    let mut elsewhere = app.browser();
    elsewhere.get(&rp.ask().url()).await;
    elsewhere.click("go-register").await;
    begin_here(&app, &mut elsewhere, OTHER).await;
    assert!(!elsewhere.page.source().contains("later@example.test"));

    let mut again = app.browser();
    again.get(&rp.ask().url()).await;
    again.click("go-register").await;
    begin_here(&app, &mut again, ANNA).await;
    let form = again.page.html.form("register-form").unwrap();
    let value = |name: &str| form.fields.iter().find(|field| field.name == name).unwrap().value.clone();
    assert_eq!(
        (value("email"), value("partner-code")),
        ("later@example.test".to_owned(), "П1".to_owned())
    );
    assert!(
        !form.fields.iter().any(|field| field.name == "pd-consent" && field.checked),
        "never ticked for them"
    );
}

#[tokio::test]
async fn fields_that_cannot_be_are_said_at_their_place_and_nothing_is_sent() {
    let app = start().await;
    let rp = product(&app).await;
    let mut browser = app.browser();
    browser.get(&rp.ask().url()).await;
    browser.click("go-register").await;
    begin_here(&app, &mut browser, ANNA).await;
    for (fields, at) in [
        (&[("email", "anna@"), ("pd-consent", "on")][..], "email-error"),
        (&[("email", EMAIL), ("pd-consent", "")], "pd-consent-error"),
        (&[("email", EMAIL), ("pd-consent", "on"), ("partner-code", "<b>")], "partner-code-error"),
    ] {
        browser.submit("register-form", fields, "submit").await;
        assert!(browser.page.status == 422 && browser.page.has(at), "{at}: {}", browser.page.text());
    }
    assert!(app.messages().is_empty());
}

#[tokio::test]
async fn a_certificate_that_an_account_has_makes_no_other_one() {
    let app = start().await;
    linked(&app, ANNA).await;
    let mut browser = app.browser();
    begin(&app, &mut browser, ANNA).await;
    browser.submit("register-form", &[("email", EMAIL), ("pd-consent", "on")], "submit").await;
    assert_eq!(browser.page.status, 409, "{}", browser.page.text());
    assert!(app.code_sent_to(EMAIL).is_empty());
}
