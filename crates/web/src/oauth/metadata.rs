//! Discovery, RFC 8414 metadata and the JWK set: prepared text, readable from every origin.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use kabinet_oidc::keys::rotation::JWKS_CACHE;
use sha2::{Digest, Sha256};

use crate::site::Site;

/// Relying parties may keep them for five minutes: a new key is published long before it signs.
const LIFE: &str = "public, max-age=300";
const _: () = assert!(JWKS_CACHE == 300, "what the header says is what rotation reckons with");

/// `/.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`.
pub(crate) async fn discovery(State(site): State<Site>, headers: HeaderMap) -> Response {
    document(&headers, "application/json", site.metadata())
}

/// `/oauth2/jwks`
pub(crate) async fn jwks(State(site): State<Site>, headers: HeaderMap) -> Response {
    document(&headers, "application/jwk-set+json", &site.provider.keys().jwks)
}

fn document(asked: &HeaderMap, content_type: &'static str, text: &str) -> Response {
    let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(text.as_bytes())[..12]));
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(LIFE));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    if let Ok(value) = HeaderValue::from_str(&etag) {
        headers.insert(ETAG, value);
    }
    if asked.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    (headers, text.to_owned()).into_response()
}
