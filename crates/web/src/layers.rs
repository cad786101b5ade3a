//! What every request passes: an id, limits, metrics, and the headers of every answer (ASVS V3.4).

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use kabinet_core::ambient::random;
use tracing::Instrument;

use crate::site::Site;

/// The largest body, bytes.
pub(crate) const BODY: usize = 64 * 1024;
/// The largest body with a signature in it, bytes: 128 KiB of it in base64, and the form around it.
pub(crate) const SIGNATURE_BODY: usize = 256 * 1024;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The id that log lines and error pages show.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

/// Marks an answer that some pages of others may frame, as its own policy says: `X-Frame-Options` knows only all or nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Framable;

/// The outermost layer.
pub(crate) async fn around(State(site): State<Site>, mut request: Request, next: Next) -> Response {
    let id = URL_SAFE_NO_PAD.encode(random::<12>(&*site.entropy));
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unknown", |path| path.as_str())
        .to_owned();
    request.extensions_mut().insert(RequestId(id.clone()));
    let span = tracing::info_span!("request", request.id = %id, http.method = %method, http.route = %route);
    let begun = Instant::now();
    let answer = tokio::time::timeout(PATIENCE, next.run(request)).instrument(span.clone()).await;
    let mut response =
        answer.unwrap_or_else(|_| (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "5")]).into_response());
    let status = response.status();
    let took = begun.elapsed();
    let duration_ms = took.as_secs_f64() * 1000.0;
    // What went well is said by who did it (signed in, tokens given); a line for each request is for debugging.
    span.in_scope(|| match status.as_u16() {
        status @ 400.. => tracing::info!(http.status = status, duration_ms, "answered"),
        status => tracing::debug!(http.status = status, duration_ms, "answered"),
    });
    let labels = [
        ("method", known_method(&method).to_owned()),
        ("route", route),
        ("status", status.as_str().to_owned()),
    ];
    metrics::counter!("kabinet_http_requests_total", &labels).increment(1);
    metrics::histogram!("kabinet_http_request_duration_seconds", &labels[..2]).record(took.as_secs_f64());
    let is_framable = response.extensions().get::<Framable>().is_some();
    headers(response.headers_mut(), &site, &id);
    if is_framable {
        response.headers_mut().remove(X_FRAME_OPTIONS);
    }
    response
}

/// The method as a metric's label: one of the usual, so that nobody can make labels.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn headers(headers: &mut HeaderMap, site: &Site, id: &str) {
    let mut default = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    default(X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(HeaderName::from_static("referrer-policy"), "no-referrer");
    default(X_FRAME_OPTIONS, "DENY");
    default(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    default(
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    );
    default(CONTENT_SECURITY_POLICY, "default-src 'none'; base-uri 'none'; frame-ancestors 'none'");
    default(CACHE_CONTROL, "no-store");
    if site.secure {
        default(STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
    }
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
}

/// A panic becomes a 500 without particulars. What it said may hold values, so the log has the fixed texts only.
pub(crate) fn caught(panic: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let what = panic.downcast_ref::<&str>().copied();
    tracing::error!(panic = what, "a handler panicked");
    (StatusCode::INTERNAL_SERVER_ERROR, "{\"error\":\"server_error\"}").into_response()
}
