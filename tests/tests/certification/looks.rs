//! What the suite looks for in every answer, whatever module it came to: members that no specification names, claims that nobody
//! asked for, control characters in descriptions. It warns; here that is a failure.

use kabinet_tests::{Answer, Callback};
use serde_json::Value;

/// Discovery 1.0 §3, RFC 8414 §2, and what is registered beside them.
const FACTS: [&str; 57] = [
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "jwks_uri",
    "registration_endpoint",
    "scopes_supported",
    "response_types_supported",
    "response_modes_supported",
    "grant_types_supported",
    "acr_values_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
    "id_token_encryption_alg_values_supported",
    "id_token_encryption_enc_values_supported",
    "userinfo_signing_alg_values_supported",
    "userinfo_encryption_alg_values_supported",
    "userinfo_encryption_enc_values_supported",
    "request_object_signing_alg_values_supported",
    "request_object_encryption_alg_values_supported",
    "request_object_encryption_enc_values_supported",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "display_values_supported",
    "claim_types_supported",
    "claims_supported",
    "service_documentation",
    "claims_locales_supported",
    "ui_locales_supported",
    "claims_parameter_supported",
    "request_parameter_supported",
    "request_uri_parameter_supported",
    "require_request_uri_registration",
    "op_policy_uri",
    "op_tos_uri",
    "revocation_endpoint",
    "revocation_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_signing_alg_values_supported",
    "introspection_endpoint",
    "introspection_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_signing_alg_values_supported",
    "introspection_signing_alg_values_supported",
    "introspection_encryption_alg_values_supported",
    "introspection_encryption_enc_values_supported",
    "code_challenge_methods_supported",
    "pushed_authorization_request_endpoint",
    "require_pushed_authorization_requests",
    "authorization_response_iss_parameter_supported",
    "prompt_values_supported",
    "end_session_endpoint",
    "check_session_iframe",
    "backchannel_logout_supported",
    "backchannel_logout_session_supported",
    "frontchannel_logout_supported",
    "frontchannel_logout_session_supported",
    "device_authorization_endpoint",
    "dpop_signing_alg_values_supported",
];
const ERROR: [&str; 3] = ["error", "error_description", "error_uri"];
const TOKENS: [&str; 6] = ["access_token", "token_type", "expires_in", "refresh_token", "scope", "id_token"];
/// The public members of a key (RFC 7517 §4, RFC 7518 §6): RSA and curves.
const KEY: [&str; 11] = ["kty", "use", "key_ops", "alg", "kid", "x5c", "n", "e", "crv", "x", "y"];
/// OpenID Connect Core §3.1.2.5, §3.2.2.5, §3.3.2.5; RFC 9207; Session Management §3.
const ANSWER: [&str; 9] = [
    "code",
    "id_token",
    "access_token",
    "token_type",
    "expires_in",
    "scope",
    "state",
    "iss",
    "session_state",
];
/// What every ID token may hold, asked for or not (Core §2, §3.1.3.6, §3.3.2.11; the logout specifications).
const ID_TOKEN: [&str; 13] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "at_hash",
    "c_hash",
    "sid",
];

#[track_caller]
fn nothing_beyond(object: &Value, known: &[&str], what: &str) {
    for (name, value) in object.as_object().unwrap_or_else(|| panic!("{what} is no object: {object}")) {
        assert!(known.contains(&name.as_str()), "{what} holds {name}: {value}");
        assert!(!value.is_null(), "{what}: {name} is null");
    }
}

/// RFC 6749 §5.2: `%x20-21 / %x23-5B / %x5D-7E`, so no line feed, carriage return or tab.
#[track_caller]
fn plain(description: &str) {
    let is_plain = |byte: u8| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    assert!(description.bytes().all(is_plain), "an error_description: {description:?}");
}

/// Looks at an answer of the provider.
pub(crate) fn every_answer(issuer: &str, path: &str, answer: &Answer) {
    assert!(answer.code() < 500, "{path}: {} {}", answer.code(), answer.body);
    assert!(answer.headers.contains_key("strict-transport-security"), "{path}: {:?}", answer.headers);
    let json = answer.json();
    if json.get("error").is_some() {
        nothing_beyond(&json, &ERROR, "an error");
        plain(&answer.member("error_description"));
        assert!((400..500).contains(&answer.code()), "{path}: {} with an error", answer.code());
    } else if path.starts_with("/.well-known/") {
        nothing_beyond(&json, &FACTS, "the metadata");
        for (name, value) in json.as_object().unwrap().iter().filter(|(name, _)| name.ends_with("_endpoint")) {
            assert!(value.as_str().unwrap().starts_with(issuer), "{name} is {value}");
        }
    } else if path == "/oauth2/jwks" {
        nothing_beyond(&json, &["keys"], "the key set");
        json["keys"].as_array().unwrap().iter().for_each(|key| nothing_beyond(key, &KEY, "a key"));
    } else if path == "/oauth2/token" {
        nothing_beyond(&json, &TOKENS, "a token response");
        assert!(answer.header("cache-control").contains("no-store"), "{:?}", answer.headers);
        assert!(json["expires_in"].as_i64().is_some_and(|seconds| seconds > 0), "{json}");
        assert!(json["token_type"] == "Bearer" && json["access_token"].is_string(), "{json}");
    }
}

/// Looks at what came back to a client.
#[track_caller]
pub(crate) fn callback(callback: &Callback) {
    let known: &[&str] = if callback.get("error").is_empty() {
        &ANSWER
    } else {
        &["error", "error_description", "error_uri", "state", "iss"]
    };
    for (name, value) in &callback.params {
        assert!(known.contains(&name.as_str()), "the answer holds {name}={value}");
        assert_eq!(
            callback.params.iter().filter(|(other, _)| other == name).count(),
            1,
            "{name} stands twice"
        );
    }
    plain(callback.get("error_description"));
}

/// Looks at the claims of an ID token: nothing that was not asked for.
#[track_caller]
pub(crate) fn id_token(claims: &Value, asked: &[&str]) {
    nothing_beyond(claims, &[&ID_TOKEN[..], asked].concat(), "an ID token");
}

/// Looks at the claims of userinfo: those that were asked for, all of them, and nothing else.
#[track_caller]
pub(crate) fn userinfo(claims: &Value, asked: &[&str]) {
    nothing_beyond(claims, &[&["sub"], asked].concat(), "userinfo");
    asked
        .iter()
        .for_each(|claim| assert!(claims.get(claim).is_some(), "userinfo lacks {claim}: {claims}"));
}
