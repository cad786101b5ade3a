//! `/oauth2/logout` by GET and POST (RP-Initiated Logout 1.0). Without a valid hint the person is asked first, on `/logout`.

use axum::extract::{RawQuery, Request, State};
use axum::response::Response;
use http::Method;
use kabinet_oidc::request::Params;

use crate::error;
use crate::form::body_of;
use crate::page::logout::{CARRIED, ask, end, show_error};
use crate::page::to;
use crate::site::Site;
use crate::visit::Visit;

/// `GET /oauth2/logout`
pub(crate) async fn get(visit: Visit, RawQuery(query): RawQuery) -> Response {
    if visit.method == Method::HEAD {
        return error::wrong_method();
    }
    handle(&visit, &Params::parse(query.unwrap_or_default().as_bytes())).await
}

/// `POST /oauth2/logout`: from another site it brings no SameSite=Lax cookie, so it is sent on as a GET, which does.
pub(crate) async fn post(State(site): State<Site>, visit: Visit, request: Request) -> Response {
    let params = match body_of(request, &site).await {
        Ok(body) => Params::parse(&body),
        Err(response) => return response,
    };
    if !visit.session_values.is_empty() || !visit.is_foreign() {
        return handle(&visit, &params).await;
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    for name in CARRIED.into_iter().chain(["ui_locales"]) {
        query.extend_pairs(params.all(name).map(|value| (name, value)));
    }
    to(&visit, &format!("/oauth2/logout?{}", query.finish()))
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
    let (mut meant, mut others) = (Vec::new(), Vec::new());
    for session in sessions {
        match provider.is_meant(&logout, &session).await {
            Ok(true) => meant.push(session),
            Ok(false) => others.push(session),
            Err(error) => return crate::page::failed(visit, &error.to_string()).await,
        }
    }
    // RP-Initiated Logout §2: without a hint that names the session, ask.
    if !meant.is_empty() || others.is_empty() {
        return end(visit, &logout, &meant).await;
    }
    ask(visit, &logout, params).await
}
