//! The command line and the configuration: what is wrong is named, nothing secret is repeated, JSON is alone.

use kabinet_tests::TestApp;

use super::program::{environment, run};

#[test]
fn nonsense_ends_with_2_and_says_what_is_wrong_on_standard_error_alone() {
    let cases: [&[&str]; 9] = [
        &["frobnicate"],
        &[],
        &["serve", "--bogus"],
        &["client", "create"],
        &["client", "create", "X", "--profile", "nope"],
        &["client", "create", "X", "--profile", "web", "--redirect-uri"],
        &["client", "create", "X", "--profile", "machine", "--scope", "a\"b"],
        &["user", "create", "--phone", "+79161234567", "--password", "CANARY-in-argv"],
        &["key", "rotate", "--alg", "none"],
    ];
    for arguments in cases {
        let done = run(arguments, &[]);
        let told = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(done.stdout.is_empty() && !told.trim().is_empty(), "{arguments:?}");
        assert!(!told.contains("panicked") && !told.contains("CANARY"), "{arguments:?}: {told}");
    }
}

#[test]
fn every_bad_setting_is_named_by_its_full_key_and_its_value_stays_secret() {
    let cases: [(&str, &str, &str); 14] = [
        ("KABINET__TOKEN__ACCESS", "banana", "token.access"),
        ("KABINET__TOKEN__ACESS", "300", "token.acess"),
        ("KABINET__STORE__URL", "mysql://CANARY-user:CANARY-pass@db/x", "store.url"),
        ("KABINET__STORE__URL", "postgres://u:CANARY-pass@db/x", "master_key"),
        ("KABINET__MASTER_KEY", "CANARY-short", "master_key"),
        ("KABINET__LISTEN", "everywhere", "listen"),
        ("KABINET__ADMIN_LISTEN", "x:y", "admin_listen"),
        ("KABINET__ISSUER", "http://id.example", "issuer"),
        ("KABINET__ISSUER", "https://id.example/path/", "issuer"),
        ("KABINET__TRUSTED_PROXIES", "10.0.0.0/33", "trusted_proxies"),
        ("KABINET__REDIS__URL", "memcached://CANARY-x", "redis.url"),
        ("KABINET__LOG__FORMAT", "xml", "log.format"),
        ("KABINET__PASSWORD__MIN_LENGTH", "1", "password.min_length"),
        ("KABINET__TLS__CERT", "/nowhere/cert.pem", "tls."),
    ];
    for (key, value, named) in cases {
        let done = run(&["config", "check"], &[(key, value.to_owned())]);
        let told = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(1), "{key}={value} is accepted: {told}");
        assert!(told.contains(named), "{key}={value}: {told}");
        assert!(!told.contains("CANARY") && !told.contains("panicked"), "{key}: {told}");
    }
}

#[test]
fn an_unknown_key_names_the_nearest_and_stops_the_start_too() {
    for command in [&["config", "check"][..], &["serve"]] {
        let done = run(command, &[("KABINET__STORE__CONECTIONS", "4".to_owned())]);
        let told = String::from_utf8(done.stderr).unwrap();
        assert!(!done.status.success() && told.contains("store.connections"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_is_one_object_and_nothing_else_on_standard_output() {
    let app = TestApp::start().await;
    let environment = environment(&app);
    let redirect = ["client", "create", "Проба", "--profile", "web", "--redirect-uri", "https://rp.test/cb", "--json"];
    let made = run(&redirect, &environment);
    let client: serde_json::Value = serde_json::from_slice(&made.stdout).expect("one JSON value");
    let id = client["client_id"].as_str().unwrap();
    assert!(client["client_secret"].as_str().unwrap().starts_with("kbn_cs_"));
    for arguments in [
        &["client", "list", "--json"][..],
        &["client", "show", id, "--json"],
        &["client", "rotate-secret", id, "--json"],
        &["key", "list", "--json"],
        &["config", "check", "--json"],
        &["config", "print", "--json"],
        &["migrate", "--json"],
        &["client", "delete", id, "--json"],
    ] {
        let done = run(arguments, &environment);
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        let value: serde_json::Value =
            serde_json::from_slice(&done.stdout).unwrap_or_else(|e| panic!("{arguments:?}: {e}"));
        assert!(value.is_object(), "{arguments:?} prints no object: {value}");
        let text = value.to_string();
        assert!(
            !text.contains("CANARY-master-key")
                && !text.contains(&app.config.master_key.as_ref().unwrap().0.expose()[..20])
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_administrator_changes_of_a_client_that_registered_itself_it_cannot_change_back() {
    let app = TestApp::start_with(|config| config.registration.mode = kabinet::config::RegistrationMode::Open).await;
    let json = ("content-type", "application/json");
    let mut body = serde_json::json!({"redirect_uris": ["https://rp.test/cb"], "scope": "openid profile email"});
    let made = app.call(http::Method::POST, "/oauth2/register", &[json], &body.to_string()).await;
    assert_eq!(made.code(), 201, "{}", made.body);
    let made = made.json();
    let id = made["client_id"].as_str().unwrap();
    let update = ["client", "update", id, "--scope", "openid", "--policy-uri", "https://rp.test/policy", "--json"];
    let done = run(&update, &environment(&app));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    body["client_id"] = id.into();
    body["client_name"] = "Other".into();
    let token = format!("Bearer {}", made["registration_access_token"].as_str().unwrap());
    let headers = [json, ("authorization", token.as_str())];
    let path = format!("/oauth2/register/{id}");
    let changed = app.call(http::Method::PUT, &path, &headers, &body.to_string()).await.ok().json();
    assert_eq!((&changed["scope"], &changed["client_name"]), (&"openid".into(), &"Other".into()));
    assert_eq!(changed["policy_uri"], "https://rp.test/policy");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_fails_says_why_in_one_line_and_ends_with_1() {
    let app = TestApp::start().await;
    let environment = environment(&app);
    for arguments in [
        &["client", "show", "nobody", "--json"][..],
        &["client", "delete", "nobody"],
        &["client", "rotate-secret", "nobody"],
        &["client", "create", "X", "--profile", "web"],
        &["client", "create", "X", "--profile", "web", "--redirect-uri", "javascript:alert(1)"],
        &["user", "show", "nobody"],
    ] {
        let done = run(arguments, &environment);
        let told = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(1), "{arguments:?}: {told}");
        assert_eq!(told.trim().lines().count(), 1, "{arguments:?}: {told}");
        assert!(done.stdout.is_empty(), "{arguments:?}");
    }
}
