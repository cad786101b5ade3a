//! Interfaces for programs beside the protocol: JSON both ways, an access token in the header, errors as RFC 9457 problems that name each
//! member at fault.

pub(crate) mod invitations;

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use kabinet_core::invitation::BadField;
use serde_json::{Value, json};

/// A problem (RFC 9457 §3) without particulars.
pub(crate) fn problem(status: StatusCode, detail: &str) -> Response {
    problem_with(status, detail, &[])
}

/// A problem with the members at fault.
pub(crate) fn problem_with(status: StatusCode, detail: &str, bad: &[BadField]) -> Response {
    let mut body = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": detail,
    });
    if !bad.is_empty() {
        let errors: Vec<Value> = bad.iter().map(|one| json!({"field": one.field, "detail": one.detail})).collect();
        body["errors"] = errors.into();
    }
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/problem+json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body.to_string()).into_response()
}
