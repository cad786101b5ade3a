//! What a browser or a provider may bring and what it leads to.

use kabinet_core::client::Alg;
use kabinet_tests::{ClientKey, START};

use super::*;

/// Nobody is signed in or waits to be linked; the page says this.
async fn refused(elsewhere: &Elsewhere, app: &TestApp, (error, status): (&str, u16), what: &str) {
    let mut browser = app.browser();
    browser.get("/login").await;
    go(elsewhere, &mut browser).await;
    assert_eq!(
        (browser.page.error().as_str(), browser.page.status),
        (error, status),
        "{what}: {}",
        browser.page.text()
    );
    assert!(browser.session().is_empty(), "{what}");
}

const UNTRUSTED: (&str, u16) = ("upstream-untrusted", 502);
const SILENT: (&str, u16) = ("upstream-unavailable", 503);

#[tokio::test]
async fn a_callback_serves_once_in_its_own_browser_and_for_its_own_provider() {
    let elsewhere = Elsewhere::open("anna-there").await;
    let app = TestApp::start_with(|config| {
        elsewhere.configure(config, NAME, |_| ());
        elsewhere.configure(config, "branch", |_| ());
    })
    .await;
    let person = linked(&app, &elsewhere).await;
    let mut browser = app.browser();
    let depart = async |browser: &mut Browser| {
        browser.get("/login").await;
        browser.click("method-head-office").await;
        elsewhere.sign_in(&browser.page.left.clone().unwrap())
    };
    // Another browser's, one that has cookies and one that has none.
    let back = depart(&mut browser).await;
    let mut other = app.browser();
    assert_eq!(other.get(&back).await.error(), "upstream-state");
    other.get("/login").await;
    other.get(&back).await;
    assert_eq!((other.page.error().as_str(), other.page.status), ("upstream-state", 400));
    // Another provider's.
    browser.get(&back.replace("/head-office/", "/branch/")).await;
    assert_eq!(browser.page.error(), "upstream-state");
    // Made up, twice, none.
    for query in ["state=4e5b2f6e-3c8e-4f1c-8f65-1b2f0f0f0f0f&code=x", "code=x", "state=a&state=a&code=x", ""] {
        browser.get(&format!("/login/{NAME}/callback?{query}")).await;
        assert_eq!((browser.page.error().as_str(), browser.page.status), ("upstream-state", 400), "{query}");
    }
    // Its own, and once.
    browser.get(&back).await;
    assert_eq!(browser.page.path(), "/account", "{}", browser.page.text());
    browser.get(&back).await;
    assert_eq!(browser.page.error(), "upstream-state");
    // Too late.
    let mut late = app.browser();
    let back = depart(&mut late).await;
    app.clock.advance(601);
    late.get(&back).await;
    assert_eq!(late.page.error(), "upstream-state");
    // None of it has cost the person's network anything.
    let mut local = app.browser();
    app.sign_in(&mut local, &person).await;
}

#[tokio::test]
async fn who_refuses_there_is_told_so_and_may_go_on_otherwise() {
    let (app, elsewhere) = start().await;
    for (error, code, status) in [
        ("access_denied", "upstream-cancelled", 400),
        ("temporarily_unavailable", "upstream-unavailable", 503),
        ("unauthorized_client", "upstream-misconfigured", 502),
    ] {
        let mut browser = app.browser();
        browser.get("/login").await;
        browser.click("method-head-office").await;
        let back = elsewhere.refuse(&browser.page.left.clone().unwrap(), error);
        browser.get(&back).await;
        assert_eq!(
            (browser.page.error().as_str(), browser.page.status),
            (code, status),
            "{}",
            browser.page.text()
        );
        browser.click("back").await;
        assert!(browser.page.has("login-form"));
    }
}

#[tokio::test]
async fn an_answer_of_another_issuer_is_not_taken() {
    let (app, elsewhere) = start().await;
    for issuer in [Some("https://other.example".to_owned()), None] {
        elsewhere.script().answer_issuer = issuer;
        refused(&elsewhere, &app, UNTRUSTED, "iss of the answer").await;
    }
}

#[tokio::test]
async fn an_id_token_that_is_wrong_in_one_point_is_not_believed() {
    let (app, elsewhere) = start().await;
    let whole = elsewhere.script().claims.clone();
    for (name, value) in [
        ("iss", json!("https://other.example")),
        ("aud", json!("somebody-else")),
        ("aud", json!(["kabinet-here", "somebody-else"])),
        ("exp", json!(START - 61)),
        ("iat", json!(START + 61)),
        ("iat", json!(START - 3600)),
        ("nonce", json!("another")),
        ("sub", json!("")),
        ("sub", Value::Null),
        ("sub", json!("x".repeat(300))),
    ] {
        elsewhere.claim(name, value.clone());
        refused(&elsewhere, &app, UNTRUSTED, &format!("{name} {value}")).await;
        elsewhere.script().claims = whole.clone();
    }
    // A minute is forgiven.
    elsewhere.claim("exp", START - 30);
    elsewhere.claim("iat", START + 30);
    let mut browser = app.browser();
    browser.get("/login").await;
    go(&elsewhere, &mut browser).await;
    assert!(browser.page.has("unlinked"), "{}", browser.page.text());
}

#[tokio::test]
async fn an_id_token_with_another_algorithm_or_key_is_not_believed() {
    let (app, elsewhere) = start().await;
    let good = elsewhere.script().key.clone();
    for header in [json!({"alg": "none"}), json!({"alg": "HS256", "kid": "k1"}), json!({"alg": "RS256", "kid": "k1"})] {
        elsewhere.script().header = Some(header.clone());
        refused(&elsewhere, &app, UNTRUSTED, &header.to_string()).await;
    }
    elsewhere.script().header = None;
    // A key that is published but for another algorithm than the configured one.
    let edwards = ClientKey::new(Alg::EdDSA, "k2");
    {
        let mut script = elsewhere.script();
        script.published = json!({"keys": [good.public(), edwards.public()]});
        script.key = edwards;
    }
    refused(&elsewhere, &app, UNTRUSTED, "EdDSA in place of ES256").await;
    // A key that nobody published, under the name of one that is.
    elsewhere.script().key = ClientKey::new(Alg::ES256, "k1");
    refused(&elsewhere, &app, UNTRUSTED, "another key of the same name").await;
}

#[tokio::test]
async fn a_new_key_is_fetched_and_made_up_ones_make_no_calls() {
    let (app, elsewhere) = start().await;
    linked(&app, &elsewhere).await;
    let calls = || elsewhere.script().calls["jwks"];
    let before = calls();
    let fresh = ClientKey::new(Alg::ES256, "k2");
    {
        let mut script = elsewhere.script();
        script.published = fresh.jwks();
        script.key = fresh;
    }
    // Read a moment ago: they are not read again so soon, whoever asks for it.
    refused(&elsewhere, &app, UNTRUSTED, "a new key at once").await;
    refused(&elsewhere, &app, UNTRUSTED, "and again").await;
    assert_eq!(calls(), before);
    app.clock.advance(61);
    for (name, moved) in [("iat", 61), ("exp", 3661)] {
        elsewhere.claim(name, START + moved);
    }
    let mut browser = app.browser();
    browser.get("/login").await;
    go(&elsewhere, &mut browser).await;
    assert_eq!(browser.page.path(), "/account", "{}", browser.page.text());
    assert_eq!(calls(), before + 1);
}

#[tokio::test]
async fn the_nonce_may_be_missing_where_the_settings_say_so_and_never_wrong() {
    let (app, elsewhere) = start().await;
    elsewhere.script().sends_nonce = false;
    refused(&elsewhere, &app, UNTRUSTED, "no nonce").await;
    let (app, elsewhere) = start_with(|upstream| upstream.nonce_optional = Some(true)).await;
    elsewhere.script().sends_nonce = false;
    let mut browser = app.browser();
    browser.get("/login").await;
    go(&elsewhere, &mut browser).await;
    assert!(browser.page.has("unlinked"), "{}", browser.page.text());
    elsewhere.claim("nonce", "another");
    refused(&elsewhere, &app, UNTRUSTED, "another nonce").await;
}

#[tokio::test]
async fn something_else_than_json_or_an_error_there_is_no_sign_in_and_makes_nothing() {
    let (app, elsewhere) = start().await;
    let html = "<!doctype html><title>Технические работы</title>".to_owned();
    for (path, status, body, expected) in [
        ("token", 200, html.clone(), SILENT),
        ("token", 500, html.clone(), SILENT),
        ("token", 200, "{\"access_token\":\"x\"".to_owned(), SILENT),
        ("token", 400, "{\"error\":\"invalid_grant\"}".to_owned(), ("upstream-stale", 400)),
        ("token", 401, "{\"error\":\"invalid_client\"}".to_owned(), ("upstream-misconfigured", 502)),
        ("token", 200, "{\"error\":\"invalid_grant\"}".to_owned(), ("upstream-stale", 400)),
        ("token", 403, html.clone(), ("upstream-misconfigured", 502)),
        ("token", 200, "{\"access_token\":\"x\",\"token_type\":\"Bearer\"}".to_owned(), UNTRUSTED),
        ("jwks", 200, html, SILENT),
    ] {
        elsewhere.script().instead = [(path, (status, body.clone()))].into();
        refused(&elsewhere, &app, expected, &format!("{path} {status} {body}")).await;
        elsewhere.script().instead.clear();
        // Another failure in a row would have it left alone.
        let mut browser = app.browser();
        browser.get("/login").await;
        browser.click("method-head-office").await;
        browser.get(&elsewhere.refuse(&browser.page.left.clone().unwrap(), "access_denied")).await;
    }
    let links: i64 = kabinet_store::upstream::count(app.store.db()).await.unwrap().iter().map(|(_, n)| n).sum();
    assert_eq!(links, 0);
}

#[tokio::test]
async fn a_disabled_account_is_not_signed_in() {
    let (app, elsewhere) = start().await;
    let person = linked(&app, &elsewhere).await;
    app.set_disabled(&person, true).await;
    refused(&elsewhere, &app, ("blocked", 403), "disabled").await;
}

#[tokio::test]
async fn no_token_code_or_secret_stands_on_a_page() {
    let (app, elsewhere) = start().await;
    elsewhere.script().answer_issuer = None;
    let mut browser = app.browser();
    browser.get("/login").await;
    go(&elsewhere, &mut browser).await;
    assert!(!browser.page.source().contains("CANARY"), "{}", browser.page.source());
}

#[tokio::test]
async fn discovery_sends_nobody_to_an_address_of_another_kind() {
    for (name, address) in [
        ("authorization_endpoint", "javascript:alert(1)"),
        ("token_endpoint", "ftp://provider.test/token"),
        ("jwks_uri", "file:///etc/passwd"),
        ("end_session_endpoint", "data:text/html,out"),
    ] {
        let (app, elsewhere) = start().await;
        let issuer = elsewhere.issuer.clone();
        let mut document = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/jwks"),
        });
        document[name] = address.into();
        elsewhere.script().instead = [("discovery", (200, document.to_string()))].into();
        let mut browser = app.browser();
        browser.get(&format!("/login/{NAME}")).await;
        assert_eq!((browser.page.error().as_str(), browser.page.status), UNTRUSTED, "{name}");
    }
}

#[tokio::test]
async fn an_identity_whose_two_numbers_disagree_with_what_is_linked_is_nobody() {
    let (app, elsewhere) = start_with(|upstream| upstream.claims = vec!["id=number".to_owned()]).await;
    elsewhere.claim("number", 77);
    linked(&app, &elsewhere).await;
    for (subject, number) in [("anna-there", 78), ("boris-there", 77)] {
        elsewhere.claim("sub", subject);
        elsewhere.claim("number", number);
        refused(&elsewhere, &app, ("upstream-ambiguous", 409), subject).await;
    }
    elsewhere.claim("sub", "anna-there");
    let mut browser = app.browser();
    browser.get("/login").await;
    go(&elsewhere, &mut browser).await;
    assert_eq!(browser.page.path(), "/account", "{}", browser.page.text());
}
