//! Modules of the config, dynamic and third-party initiated login plans, and the refresh tokens of the others.
//!
//! `refresh-token-rp-key-rotation` waits 60 seconds in the suite, for providers that fetch a client's keys but so often. kabinet
//! fetches them again as soon as an assertion names a key that it does not know, so here nobody waits: that is more than is asked.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Instant;

use axum::body::Bytes;
use kabinet_core::client::Alg;
use kabinet_tests::{Ask, ClientKey, Page, Rp, Tokens, jwt};
use serde_json::{Value, json};

use crate::flows::refused_at;
use crate::provider::BOUND;
use crate::suite::{KEY, Run};

/// The key pair that a client changes to.
pub(crate) static NEXT: LazyLock<ClientKey> = LazyLock::new(|| ClientKey::new(Alg::RS256, "rp-2"));

pub(crate) async fn discovery_endpoint_verification(run: &mut Run) {
    let answer = run.at.get("/.well-known/openid-configuration").await.ok();
    assert_eq!(answer.header("content-type"), "application/json");
    let facts = answer.json();
    assert_eq!(facts["issuer"], run.at.issuer);
    let list = |name: &str| facts[name].as_array().unwrap_or_else(|| panic!("{name} is no list")).clone();
    let lists = |name: &str, value: &str| assert!(list(name).contains(&json!(value)), "{name} lacks {value}");
    lists("id_token_signing_alg_values_supported", "RS256");
    lists("scopes_supported", "openid");
    lists("scopes_supported", "offline_access");
    lists("subject_types_supported", "public");
    lists("subject_types_supported", "pairwise");
    lists("claims_supported", "sub");
    lists("code_challenge_methods_supported", "S256");
    lists("grant_types_supported", "refresh_token");
    lists("grant_types_supported", "implicit");
    for method in ["client_secret_basic", "client_secret_post", "private_key_jwt"] {
        lists("token_endpoint_auth_methods_supported", method);
    }
    for mode in ["query", "fragment", "form_post"] {
        lists("response_modes_supported", mode);
    }
    lists("response_types_supported", run.variant.response_type);
    for switch in ["claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported"] {
        assert_eq!(facts[switch], true, "{switch}");
    }
    let jwks_uri = facts["jwks_uri"].as_str().unwrap().strip_prefix(&run.at.issuer).unwrap();
    let keys = run.at.get(jwks_uri).await.ok().json()["keys"].as_array().unwrap().clone();
    let kids: BTreeSet<&str> = keys.iter().map(|key| key["kid"].as_str().unwrap()).collect();
    assert_eq!(kids.len(), keys.len(), "distinct kids");
    assert!(keys.iter().any(|key| key["alg"] == "RS256"));
    assert!(keys.iter().all(|key| key["use"] == "sig" && key["kty"] != "oct"), "{keys:?}");
}

pub(crate) async fn idtoken_rs256(run: &mut Run) {
    let rp = run.client_with("rs256", json!({"id_token_signed_response_alg": "RS256"})).await.rp;
    let ask = run.ask(&rp);
    let signed = run.complete(&rp, &ask).await;
    assert_eq!(jwt::parts(&signed.id_token).0["alg"], "RS256");
}

pub(crate) async fn userinfo_rs256(run: &mut Run) {
    let rp = run.client_with("userinfo", json!({"userinfo_signed_response_alg": "RS256"})).await.rp;
    let ask = run.ask(&rp).with("scope", "openid profile");
    let signed = run.complete(&rp, &ask).await;
    let answer = rp.userinfo(&signed.access[0]).await.ok();
    assert_eq!(answer.header("content-type"), "application/jwt");
    assert_eq!(jwt::parts(&answer.body).0["alg"], "RS256");
}

/// A client with this one redirect URI.
async fn at(run: &mut Run, path: &str) -> Rp {
    let uri = format!("{}{path}", run.at.party.origin);
    run.client_with("query", json!({"redirect_uris": [uri]})).await.rp
}

pub(crate) async fn redirect_uri_query_ok(run: &mut Run) {
    let rp = at(run, "/cb?foo=bar").await;
    let ask = run.ask(&rp);
    run.visit(&ask).await;
    let left = run.browser.page.left.clone().unwrap_or_default();
    assert!(left.starts_with(rp.redirect_uri()), "the registered query comes back untouched: {left}");
    assert!(left.contains("id_token=") || left.contains("code="), "{left}");
}

pub(crate) async fn redirect_uri_query_mismatch(run: &mut Run) {
    let rp = at(run, "/cb?foo=bar").await;
    for path in ["/cb?foo=baz", "/cb", "/cb?foo=bar&"] {
        let uri = format!("{}{path}", run.at.party.origin);
        refused_at(run, &rp, &uri).await;
    }
}

pub(crate) async fn redirect_uri_query_added(run: &mut Run) {
    let rp = run.client().await;
    let uri = format!("{}?foo=bar", rp.redirect_uri());
    refused_at(run, &rp, &uri).await;
}

pub(crate) async fn redirect_uri_regfrag(run: &mut Run) {
    let uri = format!("{}/cb#foo=bar", run.at.party.origin);
    let metadata = run.metadata("fragment", json!({"redirect_uris": [uri]}));
    run.at.register(&metadata).await.refused(400, "invalid_redirect_uri");
}

/// The keys are fetched over HTTPS when the first assertion comes.
pub(crate) async fn registration_jwks_uri(run: &mut Run) {
    let place = run.place("registration-jwks-uri");
    let uri = run.at.party.publish(&place, &KEY.jwks().to_string());
    let rp = run.client_with("jwks-uri", json!({"jwks": null, "jwks_uri": uri})).await.rp;
    let ask = run.ask(&rp);
    run.complete(&rp, &ask).await;
    let calls = run.at.party.calls(&place);
    assert!(!calls.is_empty());
    calls.iter().for_each(|call| crate::tls::is_sound(&call.secured));
}

/// Registers with an address that the pages on the way are to show, and goes the way.
async fn shown(run: &mut Run, name: &str, check: impl Fn(&Page, &str)) {
    let uri = format!("{}/{name}", run.at.party.origin);
    let client = run.client_with("shown", json!({name: uri})).await;
    assert_eq!(client.registered[name], uri);
    let ask = run.ask(&client.rp);
    run.browser.get(&ask.url()).await;
    assert!(run.browser.page.has("login-form"));
    check(&run.browser.page, &uri);
    run.browser.fill_in(&run.at.person, &[]).await;
    assert!(run.browser.page.has("consent-form"));
    check(&run.browser.page, &uri);
    run.go_on().await;
    let callback = run.returned(&ask);
    run.finish(&client.rp, &ask, &callback).await;
}

fn links(page: &Page, uri: &str) {
    let links = page.html.attributes("a", "href");
    assert!(links.iter().any(|href| href == uri), "{links:?}");
}

pub(crate) async fn registration_policy_uri(run: &mut Run) {
    shown(run, "policy_uri", links).await;
}

pub(crate) async fn registration_tos_uri(run: &mut Run) {
    shown(run, "tos_uri", links).await;
}

/// Shown from our own origin: a picture from elsewhere would tell that place who signs in. The suite asks a person to look at
/// the page here.
pub(crate) async fn registration_logo_uri(run: &mut Run) {
    run.at.party.publish_bytes("/logo_uri", Bytes::from_static(PNG));
    let is_shown = |page: &Page, uri: &str| {
        assert!(!page.source().contains(uri));
        let pictures = page.html.attributes("img", "src");
        assert!(pictures.len() == 1 && pictures[0].starts_with("/logos/"), "{pictures:?}");
    };
    shown(run, "logo_uri", is_shown).await;
}

/// One white pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\0\0\0\nIDATx\xdac\xf8\x0f\0\x01\x01\x01\0\x1b\xb6\xeeV\0\0\0\0IEND\xaeB`\x82";

/// Metadata of two redirect URIs whose sector lists these.
async fn sector(run: &mut Run, listed: &[String]) -> Value {
    let uri = run.at.party.publish(&run.place("sector"), &json!(listed).to_string());
    let redirect_uris: Vec<String> = sector_uris(run);
    let more = json!({"redirect_uris": redirect_uris, "subject_type": "pairwise", "sector_identifier_uri": uri});
    run.metadata("sector", more)
}

fn sector_uris(run: &Run) -> Vec<String> {
    vec![format!("{}/cb/sector", run.at.party.origin), "https://other.test/cb".to_owned()]
}

pub(crate) async fn registration_sector_uri(run: &mut Run) {
    let listed = sector_uris(run);
    let metadata = sector(run, &listed).await;
    let rp = run.client_with("sector", metadata).await.rp;
    let ask = run.ask(&rp);
    let signed = run.complete(&rp, &ask).await;
    assert_ne!(signed.claims["sub"], run.at.person.id.as_str(), "a subject of its own");
}

pub(crate) async fn registration_sector_bad(run: &mut Run) {
    let listed = sector_uris(run)[1..].to_vec();
    let metadata = sector(run, &listed).await;
    run.at.register(&metadata).await.refused(400, "invalid_client_metadata");
}

pub(crate) async fn third_party_init_login(run: &mut Run) {
    let place = run.place("initiate");
    let uri = format!("{}{place}", run.at.party.origin);
    let client = run.client_with("initiate", json!({"initiate_login_uri": uri})).await;
    let read = run.at.manage(http::Method::GET, &client.registered).await.ok().json();
    for said in [&client.registered, &read] {
        assert_eq!(said["initiate_login_uri"], uri);
    }
    // The third party, here the test, sends the browser there; the client begins a sign-in with the issuer that it is told.
    let ask = run.ask(&client.rp).with("login_hint", "buffy@localhost");
    run.complete(&client.rp, &ask).await;
}

pub(crate) async fn third_party_init_login_nohttps(run: &mut Run) {
    let metadata = run.metadata("initiate", json!({"initiate_login_uri": "http://localhost/start"}));
    run.at.register(&metadata).await.refused(400, "invalid_client_metadata");
}

/// What the keys of a set are called, by algorithm.
fn names(set: &Value) -> BTreeSet<(String, String)> {
    let text = |key: &Value, name: &str| key[name].as_str().unwrap().to_owned();
    set["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| (text(key, "alg"), text(key, "kid")))
        .collect()
}

/// `kabinet key rotate` beside the running provider: the set has a new key and still the old ones (the suite only warns when
/// they are gone), and what they signed is good.
pub(crate) async fn server_rotate_keys(run: &mut Run) {
    let rp = run.client().await;
    let ask = run.ask(&rp);
    let before = run.complete(&rp, &ask).await;
    let old = rp.jwks().await;
    let at = run.at;
    let rotate = move || at.run(&["key", "rotate", "--alg", "RS256", "--force", "--json"]);
    tokio::task::spawn_blocking(rotate).await.unwrap();
    let begun = Instant::now();
    let new = loop {
        let now = rp.jwks().await;
        if names(&now) != names(&old) {
            break now;
        }
        assert!(begun.elapsed() < BOUND, "no new key is published");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert!(names(&new).is_superset(&names(&old)), "{old} {new}");
    let ask = run.ask(&rp);
    let callback = run.silent(&ask).await;
    let after = run.finish(&rp, &ask, &callback).await;
    let kid = |token: &str| jwt::parts(token).0["kid"].clone();
    assert_ne!(kid(&before.id_token), kid(&after.id_token), "the next key signs");
    rp.verify(&before.id_token).await;
    // Who cached the set before the rotation knows the key that signs now.
    jwt::verify(&after.id_token, &old).unwrap();
}

/// Asks for a refresh token as the suite does.
fn offline(run: &Run, rp: &Rp) -> Ask {
    run.ask(rp).with("scope", "openid offline_access").with("prompt", "consent")
}

fn with_refresh(run: &Run, more: Value) -> Value {
    let mut metadata = run.metadata("", json!({}));
    let mut more = more;
    metadata["grant_types"].as_array_mut().unwrap().push("refresh_token".into());
    more["grant_types"] = metadata["grant_types"].take();
    more
}

/// Refreshes; what must stay stays, what must change changes.
async fn refreshed(rp: &Rp, first: &Tokens) -> Tokens {
    // RFC 6749 appendix A.17
    assert!(!first.refresh.is_empty() && first.refresh.bytes().all(|byte| matches!(byte, 0x20..=0x7e)));
    let second = Tokens::of(&rp.refresh(&first.refresh).await);
    assert_ne!(first.access, second.access);
    let (old, new) = (rp.verify(&first.id).await, rp.verify(&second.id).await);
    for claim in ["iss", "sub", "aud", "auth_time", "azp"] {
        assert_eq!(old[claim], new[claim], "{claim}");
    }
    assert_eq!(rp.userinfo(&second.access).await.ok().json()["sub"], old["sub"]);
    second
}

/// Each variant has clients of its own: `prompt=consent` asks again when the same person answers the same client in another run
/// at the same instant.
pub(crate) async fn refresh_token(run: &mut Run) {
    let more = with_refresh(run, json!({}));
    let names = ["one", "two"].map(|name| format!("refresh-{name}-{:?}", run.variant.mode));
    let one = run.client_with(&names[0], more.clone()).await.rp;
    let ask = offline(run, &one);
    let tokens = run.complete(&one, &ask).await.tokens.unwrap();
    refreshed(&one, &tokens).await;
    let two = run.client_with(&names[1], more).await.rp;
    let ask = offline(run, &two);
    let tokens = run.complete(&two, &ask).await.tokens.unwrap();
    let tokens = refreshed(&two, &tokens).await;
    one.refresh(&tokens.refresh).await.refused(400, "invalid_grant");
    refreshed(&two, &tokens).await;
}

pub(crate) async fn refresh_token_rp_key_rotation(run: &mut Run) {
    let place = run.place("rp-key-rotation");
    let uri = run.at.party.publish(&place, &KEY.jwks().to_string());
    let more = with_refresh(run, json!({"jwks": null, "jwks_uri": uri}));
    let mut rp = run.client_with("rotating", more).await.rp;
    let ask = offline(run, &rp);
    let tokens = run.complete(&rp, &ask).await.tokens.unwrap();
    run.at.party.publish(&place, &NEXT.jwks().to_string());
    rp.key = Some(NEXT.clone());
    refreshed(&rp, &tokens).await;
}

/// The issuer as the audience of the assertion, where the other modules name the token endpoint. The suite only warns.
pub(crate) async fn client_assertion_with_iss_aud(run: &mut Run) {
    let mut rp = run.client().await;
    rp.audience.clone_from(&run.at.issuer);
    let ask = run.ask(&rp);
    run.complete(&rp, &ask).await;
}
