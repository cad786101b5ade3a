//! `/oauth2/session`: the page that products frame to ask whether the browser's sign-in changed (Session Management 1.0 §4).
//! It shows nothing; its script answers messages. Registered origins of clients with session management may frame it.

use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};

use crate::assets;
use crate::layers::Framable;
use crate::visit::Visit;

/// `GET /oauth2/session`
pub(crate) async fn get(visit: Visit) -> Response {
    let origins = match visit.site.provider.framing_origins().await {
        Ok(origins) => origins,
        Err(error) => return crate::page::failed(&visit, &error.to_string()).await,
    };
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Session</title>\
         <script src=\"{}\" nonce=\"{}\" data-cookie=\"{}\"></script></head><body></body></html>",
        assets::session_path(),
        visit.nonce,
        visit.site.cookies.state_name(),
    );
    let ancestors = if origins.is_empty() {
        "'none'".to_owned()
    } else {
        origins.join(" ")
    };
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{}'; base-uri 'none'; frame-ancestors {ancestors}",
        visit.nonce
    );
    let mut response = page.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    match HeaderValue::from_str(&policy) {
        Ok(policy) => drop(headers.insert(CONTENT_SECURITY_POLICY, policy)),
        // Without it nobody may frame the page.
        Err(_) => return response,
    }
    if !origins.is_empty() {
        response.extensions_mut().insert(Framable);
    }
    response
}
