//! Which ways to sign in people of a country are shown (406-ФЗ mode), and the monthly report of the ways that were used.

use kabinet_core::client::Profile;
use kabinet_core::method::MethodName;
use kabinet_store::trust::Role;
use kabinet_tests::{Browser, TestApp};

use crate::program::{environment, run};

/// A provider behind a proxy that names countries, where people in Russia may use two ways.
async fn start(rules: &[&str]) -> TestApp {
    let rules: Vec<_> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    TestApp::start_with(|config| {
        config.trusted_proxies = vec!["198.51.100.0/24".parse().unwrap()];
        config.country.header = Some("x-country".to_owned());
        config.country.default = Some("RU".parse().unwrap());
        config.country.rules = rules;
        config.certificate.revocation = kabinet_gost::Revocation::Off;
    })
    .await
}

/// Adds the fixtures' root; whoever is in a country without a rule sees the way that it opens.
async fn trust(app: &TestApp) {
    let file = kabinet_tests::signature::fixture("root-ca.crt.pem");
    let root = kabinet_gost::Certificate::parse(&kabinet_gost::pem::read(&file).unwrap()[0].der).unwrap();
    app.identity.add_authority(&root, Role::Anchor, &Default::default()).await.unwrap();
    kabinet_tests::eventually("the node hears of the anchor", async || {
        from(app, "DE").get("/login").await.has("method-certificate")
    })
    .await;
}

fn from(app: &TestApp, country: &str) -> Browser {
    let mut browser = app.browser();
    browser.headers.push(("x-country".to_owned(), country.to_owned()));
    browser
}

#[tokio::test]
async fn a_country_with_a_rule_is_shown_its_ways_and_posts_are_held_to_it() {
    let app = start(&["RU: password", "KZ: certificate code"]).await;
    trust(&app).await;
    // Who comes from nowhere is in the operator's country; a country without a rule has no limits.
    for (country, form, certificate, code) in [
        ("RU", true, false, false),
        ("ru", true, false, false),
        ("", true, false, false),
        ("not a country", true, false, false),
        ("KZ", false, true, true),
        ("DE", true, true, true),
    ] {
        let mut browser = from(&app, country);
        browser.get("/login").await;
        let shown = ["login-form", "method-certificate", "method-code"].map(|id| browser.page.has(id));
        assert_eq!(shown, [form, certificate, code], "{country}: {}", browser.page.text());
        browser.get("/login/certificate").await;
        assert_eq!(browser.page.has("certificate-form"), certificate, "{country}");
    }
    // A page that was shown elsewhere does not help.
    let person = app.anyone().await;
    let mut browser = from(&app, "DE");
    browser.get("/login").await;
    browser.headers = vec![("x-country".to_owned(), "KZ".to_owned())];
    browser.fill_in(&person, &[]).await;
    assert!(browser.session().is_empty(), "{}", browser.page.text());
}

#[tokio::test]
async fn a_header_that_no_proxy_set_moves_nobody() {
    let app = start(&["RU: password"]).await;
    trust(&app).await;
    let mut browser = from(&app, "DE");
    browser.ip = [203, 0, 113, 80].into();
    browser.get("/login").await;
    assert!(!browser.page.has("method-certificate"), "{}", browser.page.text());
}

#[tokio::test]
async fn a_client_s_own_list_and_the_country_s_rule_both_hold() {
    let app = start(&["RU: password code"]).await;
    let rp = app
        .client(Profile::Web, |metadata| {
            metadata.login_methods = Some(vec![MethodName::Password, MethodName::Certificate]);
        })
        .await;
    for (country, certificate) in [("RU", false), ("DE", true)] {
        let mut browser = from(&app, country);
        browser.get(&rp.ask().url()).await;
        let shown = ["login-form", "method-certificate", "method-code"].map(|id| browser.page.has(id));
        assert_eq!(shown, [true, certificate, false], "{country}: {}", browser.page.text());
    }
}

#[tokio::test]
async fn the_report_of_a_month_tells_the_ways_that_were_used() {
    let app = start(&["RU: password code"]).await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let (one, other) = (app.anyone().await, app.anyone().await);
    for (person, country) in [(&one, "RU"), (&one, "RU"), (&other, "DE")] {
        let mut browser = from(&app, country);
        browser.get(&rp.ask().url()).await;
        browser.fill_in(person, &[]).await;
    }
    app.sign_in(&mut app.browser(), &other).await;
    let report = |arguments: &[&str]| {
        let arguments = [&["audit", "methods"], arguments].concat();
        run(&arguments, &environment(&app))
    };
    let told = report(&["--month", "2026-11", "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let id = rp.id.as_str();
    let row = |country: &str, client: Option<&str>, sign_ins: u32, people: u32| {
        serde_json::json!({
            "method": "password", "country": country, "client_id": client, "sign_ins": sign_ins, "people": people
        })
    };
    let expected = [row("DE", Some(id), 1, 1), row("RU", None, 1, 1), row("RU", Some(id), 2, 1)];
    assert_eq!(told, serde_json::json!({"month": "2026-11", "rows": expected}));
    let before = report(&["--month", "2026-10"]);
    assert!(String::from_utf8_lossy(&before.stdout).contains("nobody signed in"));
    for bad in ["2026", "2026-13", "11-2026", "november", "2026-1-1"] {
        let refused = report(&["--month", bad]);
        assert!(
            !refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("--month"),
            "{bad}"
        );
    }
}
