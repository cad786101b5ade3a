//! `/oauth2/logout` by GET and POST (RP-Initiated Logout 1.0). Without a valid hint the person is asked first, on `/logout`.

use axum::extract::{RawQuery, Request, State};
use axum::response::Response;
use kabinet_oidc::request::Params;

use crate::form::body_of;
use crate::page::logout::{ask, end, show_error};
use crate::site::Site;
use crate::visit::Visit;

/// `GET /oauth2/logout`
pub(crate) async fn get(visit: Visit, RawQuery(query): RawQuery) -> Response {
    handle(&visit, &Params::parse(query.unwrap_or_default().as_bytes())).await
}

/// `POST /oauth2/logout`
pub(crate) async fn post(State(site): State<Site>, visit: Visit, request: Request) -> Response {
    match body_of(request, &site).await {
        Ok(body) => handle(&visit, &Params::parse(&body)).await,
        Err(response) => response,
    }
}

async fn handle(visit: &Visit, params: &Params) -> Response {
    let logout = match visit.site.provider.read_logout(params).await {
        Ok(Ok(logout)) => logout,
        Ok(Err(_)) => return show_error(visit).await,
        Err(error) => return crate::page::failed(visit, &error.to_string()).await,
    };
    let sessions = match visit.sessions().await {
        Ok(sessions) => sessions,
        Err(error) => return crate::page::failed(visit, &error.to_string()).await,
    };
    let provider = &visit.site.provider;
    let (meant, others): (Vec<_>, Vec<_>) =
        sessions.into_iter().partition(|session| provider.is_meant(&logout, session));
    // RP-Initiated Logout §2: without a hint that names the session, ask.
    if provider.has_hint(&logout) || others.is_empty() {
        return end(visit, &logout, &meant).await;
    }
    ask(visit, &logout, params).await
}
