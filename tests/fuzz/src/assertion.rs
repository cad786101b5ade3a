//! F05: what proves possession of a key: assertions of clients (RFC 7523), and of proofs (RFC 9449) the address. Input: a text, taken as
//! the `htu` of a proof; a JSON object, taken as its claims; or bytes, each of which chooses one claim's value from a table, so that
//! what is good but for one value is always near.
//!
//! Promised: an assertion passes exactly when a table written here says so, and is remembered for at least as long as it passes. An
//! address passes only if it names this endpoint of this host to who reads it loosely, too, and whatever stands behind it.

use std::sync::OnceLock;

use kabinet_core::id::ClientId;
use kabinet_core::json;
use kabinet_core::time::Timestamp;
use kabinet_oidc::client_auth::check_assertion;
use kabinet_oidc::keys::client::ClientClaims;
use serde_json::{Map, Value, json};

use crate::claims::{CLIENT, ISSUER, NOW, time};

/// How far clocks may differ, and how far ahead an assertion may end, seconds.
const SKEW: i64 = 30;
const LIFE: i64 = 3600;
const PATH: &str = "/oauth2/par";

pub(crate) fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        address(text);
    }
    let chosen = || chosen(data);
    let claims = ClientClaims(json::object(data).unwrap_or_else(|_| chosen()));
    let client = ClientId::from(CLIENT);
    let at = |now: i64| check_assertion(&claims, &client, (ISSUER, PATH), Timestamp(now));
    assert_eq!(at(NOW).is_ok(), is_good(&claims.0, NOW), "{:?} {:?}", at(NOW), claims.0);
    if let Ok((jti, ends)) = at(NOW) {
        assert_eq!(claims.0["jti"], jti);
        // Its mark is gone at `ends`, and so must it be.
        assert!(at(ends.0).is_err(), "an assertion outlives its mark");
        assert_eq!(at(ends.0 - 1).is_ok(), is_good(&claims.0, ends.0 - 1));
    }
}

fn address(htu: &str) {
    let endpoint = format!("{ISSUER}{PATH}");
    let is_target = |htu: &str| kabinet_core::dpop::is_target(htu, &endpoint);
    assert!(is_target(&endpoint));
    if !is_target(htu) {
        return;
    }
    assert!(htu.bytes().all(|byte| byte.is_ascii_graphic()), "{htu}");
    let bare = htu.split(['?', '#']).next().unwrap_or_default();
    assert!(is_target(bare) && is_target(&format!("{bare}?x=y#z")), "{htu}");
    assert!(!is_target(&format!("{bare}/")) && !is_target(&format!("{bare}x")), "{htu}");
    let read = url::Url::parse(htu).expect("what passes is a URL");
    assert_eq!(read.origin(), url::Url::parse(&endpoint).expect("a URL").origin(), "{htu}");
    assert!(read.username().is_empty() && read.password().is_none(), "{htu}");
    assert_eq!(decoded(read.path()), PATH, "{htu}");
}

/// A path with all its escapes decoded.
fn decoded(path: &str) -> String {
    let escaped = path.replace('&', "%26").replace('+', "%2B").replace('=', "%3D");
    let decoded = form_urlencoded::parse(escaped.as_bytes()).next();
    decoded.map(|(name, _)| name.into_owned()).unwrap_or_default()
}

/// RFC 7523 §3, with one audience (draft-ietf-oauth-rfc7523bis).
fn is_good(claims: &Map<String, Value>, now: i64) -> bool {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let is_ahead = |name: &str| claims.get(name).is_some_and(|at| time(at).is_none_or(|at| at > now + SKEW));
    let endpoints = ["", "/oauth2/token", PATH].map(|path| format!("{ISSUER}{path}"));
    text("iss") == Some(CLIENT)
        && text("sub") == Some(CLIENT)
        && text("aud").is_some_and(|aud| endpoints.iter().any(|one| one == aud))
        && claims
            .get("exp")
            .and_then(time)
            .is_some_and(|exp| exp > now - SKEW && exp <= now + LIFE + SKEW)
        && !is_ahead("iat")
        && !is_ahead("nbf")
        && text("jti").is_some_and(|jti| (1..=256).contains(&jti.len()))
}

/// The values from which each claim's is chosen.
fn tables() -> [(&'static str, Vec<Value>); 7] {
    let times = |good: i64| {
        let near = [good, NOW, NOW + SKEW, NOW + SKEW + 1, NOW - SKEW, NOW - SKEW + 1, NOW + LIFE + SKEW]
            .map(Value::from)
            .to_vec();
        let far = [NOW + LIFE + SKEW + 1, 0, -1, 253_402_300_799, 253_402_300_800, i64::MAX, i64::MIN].map(Value::from);
        let strange = [
            json!(u64::MAX),
            json!(1.795392e9),
            json!(1e300),
            json!(good.to_string()),
            json!([good]),
            json!({"at": good}),
            json!(true),
            Value::Null,
        ];
        near.into_iter().chain(far).chain(strange).collect::<Vec<Value>>()
    };
    let texts = |good: &str| {
        let near = [good.to_owned(), format!("{good}/"), format!(" {good}"), good.to_uppercase(), String::new()];
        let paths = ["/oauth2/token", PATH, "/oauth2/token/", "/oauth2/introspect", "#", "?x"];
        let paths = paths.map(|path| format!("{good}{path}"));
        let strange = [json!([good]), json!([good, "x"]), json!(7), json!({}), Value::Null, json!("x".repeat(256))];
        let long = [json!("x".repeat(257)), json!("\u{44f}".repeat(128))];
        let texts = near.into_iter().chain(paths).map(Value::from);
        texts.chain(strange).chain(long).collect::<Vec<Value>>()
    };
    [
        ("iss", texts(CLIENT)),
        ("sub", texts(CLIENT)),
        ("aud", texts(ISSUER)),
        ("exp", times(NOW + 60)),
        ("iat", times(NOW)),
        ("nbf", times(NOW)),
        ("jti", texts("a")),
    ]
}

/// A value for each claim, byte by byte.
fn chosen(data: &[u8]) -> Map<String, Value> {
    static TABLES: OnceLock<[(&str, Vec<Value>); 7]> = OnceLock::new();
    let mut claims = Map::new();
    for (at, (name, values)) in TABLES.get_or_init(tables).iter().enumerate() {
        let byte = usize::from(data.get(at).copied().unwrap_or_default());
        // One choice beyond the table: the claim is missing.
        if let Some(value) = values.get(byte % (values.len() + 1)) {
            claims.insert((*name).to_owned(), value.clone());
        }
    }
    claims
}
