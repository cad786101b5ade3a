//! F04: claims: types, ranges, times. Input: a JSON object, taken as the claims of a request object; each of its members is also
//! read as a text and as a time.
//!
//! Promised: a text is a JSON string and nothing else. A time is a row of digits up to the end of the year 9999: no text, no
//! fraction, no exponent, no sign, nothing larger (the class of CVE-2026-25537). The claims of a request object pass exactly when
//! a table written here says so.

use kabinet_core::json;
use kabinet_core::time::Timestamp;
use kabinet_oidc::keys::client::ClientClaims;
use kabinet_oidc::request_object;
use serde_json::Value;

pub(crate) const NOW: i64 = 1_795_392_000;
pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const CLIENT: &str = "client";
/// The last second of the year 9999.
const LAST: i64 = 253_402_300_799;

pub(crate) fn run(data: &[u8]) {
    let Some(claims) = json::object(data).ok().map(ClientClaims) else {
        return;
    };
    for (name, value) in &claims.0 {
        assert_eq!(claims.text(name).ok().flatten(), value.as_str());
        assert_eq!(claims.text(name).is_err(), !matches!(value, Value::String(_)));
        assert_eq!(claims.time(name).ok().flatten(), time(value).map(Timestamp), "{name}: {value}");
        assert_eq!(claims.time(name).is_err(), time(value).is_none());
    }
    let checked = request_object::check(&claims, CLIENT, ISSUER, Timestamp(NOW));
    assert_eq!(checked.is_ok(), is_good(&claims), "{checked:?}");
}

/// A time as it is written.
pub(crate) fn time(value: &Value) -> Option<i64> {
    let digits = value.to_string();
    let is_row = !digits.is_empty() && digits.len() <= 12 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|seconds| is_row && *seconds <= LAST)
}

/// OpenID Connect Core §6.1, RFC 9101 §4, §5 and §10.8.
fn is_good(claims: &ClientClaims) -> bool {
    let get = |name: &str| claims.0.get(name);
    let is_or_lacks = |name: &str, wanted: &str| get(name).is_none_or(|value| value.as_str() == Some(wanted));
    let is_meant = match get("aud") {
        Some(Value::Array(several)) => several.iter().any(|one| one.as_str() == Some(ISSUER)),
        Some(one) => one.as_str() == Some(ISSUER),
        None => true,
    };
    is_or_lacks("iss", CLIENT)
        && is_or_lacks("client_id", CLIENT)
        && get("sub").is_none_or(|sub| sub.as_str() != Some(CLIENT))
        && is_meant
        && get("exp").is_none_or(|exp| time(exp).is_some_and(|exp| exp > NOW))
        && get("nbf").is_none_or(|nbf| time(nbf).is_some_and(|nbf| nbf <= NOW + 60))
        && get("request").or(get("request_uri")).is_none()
}
