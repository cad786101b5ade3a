//! The admin listener: `/health/live`, `/health/ready`, `/metrics`. For machines, never on the public address.
//!
//! Live answers 200 for as long as the process answers at all: restarting it would not bring a database back. Ready
//! answers 200 when a request that arrives now can be served, and 503 with one word of reason when not.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::telemetry;

/// How long the checks behind readiness may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why a node cannot serve a request now; a name for the answer and the log.
pub type NotReady = &'static str;

/// Asks whether the node can serve a request now.
pub type Readiness = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), NotReady>> + Send>> + Send + Sync>;

/// The routes of the admin listener.
pub fn router(readiness: Readiness) -> Router {
    Router::new()
        .route("/health/live", get(|| async { ([NO_STORE], Json(json!({"status": "live"}))) }))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(readiness)
}

const NO_STORE: (HeaderName, &str) = (CACHE_CONTROL, "no-store");

async fn ready(State(readiness): State<Readiness>) -> impl IntoResponse {
    let answer = tokio::time::timeout(PATIENCE, readiness()).await.unwrap_or(Err("too slow"));
    let (status, body) = match answer {
        Ok(()) => (StatusCode::OK, json!({"status": "ready"})),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, json!({"status": "not ready", "reason": reason})),
    };
    (status, [NO_STORE], Json(body))
}

async fn metrics() -> impl IntoResponse {
    let text = telemetry::metrics()
        .map(metrics_exporter_prometheus::PrometheusHandle::render)
        .unwrap_or_default();
    ([NO_STORE, (CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn status(readiness: Readiness, path: &str) -> StatusCode {
        let request = Request::get(path).body(Body::empty()).unwrap();
        router(readiness).oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn a_node_that_is_not_ready_is_still_live_and_measured() {
        let ready: Readiness = Arc::new(|| Box::pin(async { Ok(()) }));
        let draining: Readiness = Arc::new(|| Box::pin(async { Err("draining") }));
        assert_eq!(status(ready, "/health/ready").await, StatusCode::OK);
        assert_eq!(status(draining.clone(), "/health/ready").await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status(draining.clone(), "/health/live").await, StatusCode::OK);
        assert_eq!(status(draining.clone(), "/metrics").await, StatusCode::OK);
        assert_eq!(status(draining, "/").await, StatusCode::NOT_FOUND);
    }
}
