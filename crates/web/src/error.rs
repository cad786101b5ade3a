//! Answers to requests that fail: JSON for programs (RFC 6749 §5.2), a page with a sentence and an id for people.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use kabinet_core::client::Alg;
use kabinet_core::error::{Code, OAuthError};
use kabinet_oidc::Error;
use kabinet_oidc::dpop::ALGS;
use kabinet_oidc::signed::Answer;
use serde_json::json;

use crate::visit::Visit;

/// JSON that is never stored (RFC 6749 §5.1).
pub(crate) fn private_json(status: StatusCode, body: &serde_json::Value) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (PRAGMA, HeaderValue::from_static("no-cache")),
    ];
    (status, headers, body.to_string()).into_response()
}

/// An answer that is never stored, in the form that it has.
pub(crate) fn private(answer: &Answer) -> Response {
    let (media_type, token) = match answer {
        Answer::Json(body) => return private_json(StatusCode::OK, body),
        Answer::Jwt { media_type, token } => (media_type, token.clone()),
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (PRAGMA, HeaderValue::from_static("no-cache")),
    ];
    (headers, token).into_response()
}

/// How a failed request authenticated: what `WWW-Authenticate` must answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Nothing in the header.
    None,
    /// A client by Basic.
    Basic,
    /// A bearer token.
    Bearer,
    /// A token that is bound to a key (RFC 9449).
    Dpop,
}

/// The answer to a failed protocol request; the cause goes to the log, once.
pub(crate) fn oauth(error: &Error, scheme: Scheme) -> Response {
    let wire = error.wire();
    match error {
        Error::Client(_) => {
            tracing::info!(error.code = wire.code.as_str(), error.detail = wire.detail, "{}", wire.description)
        }
        Error::Store(_) | Error::Stale => tracing::warn!(error = %error, "a request could not be answered"),
        Error::Bug(_) => tracing::error!(error = %error, "a request failed"),
    }
    let status = match (scheme, wire.code) {
        // RFC 9449 §7.1, §9: at a resource a bad proof is a lack of authentication.
        (Scheme::Dpop, Code::InvalidDpopProof | Code::UseDpopNonce) => StatusCode::UNAUTHORIZED,
        (_, code) => StatusCode::from_u16(code.status()).unwrap_or(StatusCode::BAD_REQUEST),
    };
    let body = json!({"error": wire.code.as_str(), "error_description": wire.description});
    let mut response = private_json(status, &body);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if let Some(challenge) = challenge(&wire, scheme) {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    // RFC 9449 §7.2: whoever came without a good bearer token learns of the other way.
    if scheme == Scheme::Bearer && status == StatusCode::UNAUTHORIZED {
        response.headers_mut().append(WWW_AUTHENTICATE, dpop_challenge(""));
    }
    response
}

fn challenge(error: &OAuthError, scheme: Scheme) -> Option<HeaderValue> {
    match scheme {
        // RFC 6749 §5.2: the scheme that the client used.
        Scheme::Basic if error.code == Code::InvalidClient => Some(HeaderValue::from_static("Basic realm=\"kabinet\"")),
        // RFC 6750 §3, §3.1
        Scheme::Bearer if matches!(error.code, Code::InvalidRequest | Code::InvalidToken | Code::InsufficientScope) => {
            let text = format!(
                "Bearer realm=\"kabinet\", error=\"{}\", error_description=\"{}\"",
                error.code.as_str(),
                error.description
            );
            HeaderValue::from_str(&text).ok()
        }
        // RFC 9449 §7.1
        Scheme::Dpop if error.code != Code::TemporarilyUnavailable && error.code != Code::ServerError => {
            let (code, description) = (error.code.as_str(), error.description);
            Some(dpop_challenge(&format!(", error=\"{code}\", error_description=\"{description}\"")))
        }
        _ => None,
    }
}

fn dpop_challenge(error: &str) -> HeaderValue {
    let algs = ALGS.map(Alg::as_str).join(" ");
    let text = format!("DPoP realm=\"kabinet\", algs=\"{algs}\"{error}");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("DPoP"))
}

/// Gives a client that sent a proof the nonce for its next one, whatever the answer is (RFC 9449 §8.2).
pub(crate) fn with_nonce(mut response: Response, visit: &Visit) -> Response {
    if visit.dpop.is_there()
        && let Ok(nonce) = HeaderValue::from_str(&visit.site.provider.dpop_nonce())
    {
        response.headers_mut().insert("dpop-nonce", nonce);
    }
    response
}

/// RFC 6750 §3.1: a request without a token gets the challenges and no error code.
pub(crate) fn no_token() -> Response {
    let mut response = private_json(StatusCode::UNAUTHORIZED, &json!({}));
    let headers = response.headers_mut();
    headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"kabinet\""));
    headers.append(WWW_AUTHENTICATE, dpop_challenge(""));
    response
}

/// A body that is not a form.
pub(crate) fn unsupported_type() -> Response {
    const TYPE: OAuthError =
        OAuthError::new(Code::InvalidRequest, "the body must be application/x-www-form-urlencoded");
    oauth(&Error::Client(TYPE), Scheme::None)
}

/// A method that the endpoint does not take.
pub(crate) fn wrong_method() -> Response {
    let body = json!({"error": "invalid_request", "error_description": "the endpoint does not take this method"});
    private_json(StatusCode::METHOD_NOT_ALLOWED, &body)
}

/// A body beyond 64 KiB.
pub(crate) fn too_large() -> Response {
    let body = json!({"error": "invalid_request", "error_description": "the body is longer than 65536 bytes"});
    private_json(StatusCode::PAYLOAD_TOO_LARGE, &body)
}
