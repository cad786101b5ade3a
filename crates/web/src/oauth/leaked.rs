//! `POST /oauth2/leaked`: whoever finds an API token hands it in. Nobody authenticates: who holds the text could do worse with it.
//! The answer is the same whatever was handed in, and each network may do so only so often.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use kabinet_core::error::{Code, OAuthError};
use kabinet_oidc::Error;
use kabinet_oidc::request::Params;
use serde_json::json;

use crate::error::{self, Scheme, private_json};
use crate::form::body_of;
use crate::site::Site;
use crate::visit::Visit;

/// `POST /oauth2/leaked`
pub(crate) async fn leaked(State(site): State<Site>, visit: Visit, request: Request) -> Response {
    let params = match body_of(request, &site).await {
        Ok(body) => Params::parse(&body),
        Err(response) => return response,
    };
    let token = match params.sound().and_then(|()| params.need("token", "token is missing")) {
        Ok(token) => token,
        Err(wrong) => return error::oauth(&Error::Client(wrong), Scheme::None),
    };
    match site.identity.report_leaked(token, &visit.person(None)).await {
        Ok(Ok(was_ours)) => {
            if was_ours {
                site.provider.changed().await;
            }
            (StatusCode::NO_CONTENT, [(CACHE_CONTROL, "no-store")]).into_response()
        }
        Ok(Err(seconds)) => {
            let body = json!({"error": "slow_down", "error_description": "too many reports from this network"});
            let mut response = private_json(StatusCode::TOO_MANY_REQUESTS, &body);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
        Err(error) => {
            let busy = OAuthError::new(Code::TemporarilyUnavailable, "the provider is busy, try again");
            error::oauth(&Error::Client(busy.with_detail(error)), Scheme::None)
        }
    }
}
