//! `/delivery/{route}/{secret}`: a gateway tells what became of messages that it took. It can send no header of ours, so the
//! address itself is the secret.

use axum::body::Bytes;
use axum::extract::{FromRequest, Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use kabinet_identity::delivery::Called;

use crate::error;
use crate::page::{failed, not_found};
use crate::site::Site;
use crate::visit::Visit;

/// `POST /delivery/{route}/{secret}`
pub(crate) async fn report(
    State(site): State<Site>,
    Path((route, secret)): Path<(String, String)>,
    visit: Visit,
    request: Request,
) -> Response {
    let kind = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let Ok(body) = Bytes::from_request(request, &site).await else {
        return error::too_large();
    };
    match site.identity.called_back((&route, &secret), &kind, &body).await {
        Ok(Called::Taken(answer)) => answer.into_response(),
        Ok(Called::Malformed) => (StatusCode::BAD_REQUEST, "not a call-back of this gateway\n").into_response(),
        Ok(Called::Nowhere) => not_found(visit).await,
        Err(error) => failed(&visit, &error.to_string()).await,
    }
}
