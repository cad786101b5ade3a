//! `/oauth2/authorize` by GET and POST, and `/oauth2/resume`, where a flow comes back from a page.
//!
//! A POST from another site brings no SameSite=Lax cookie, so it is sealed and sent on as a GET, which brings them.

use axum::extract::{RawQuery, Request, State};
use axum::response::Response;
use http::Method;
use http::header::SET_COOKIE;
use kabinet_oidc::authorize::{Fault, Refusal};
use kabinet_oidc::request::Params;
use kabinet_oidc::sealed::Flow;

use crate::error;
use crate::form::{Asked, body_of};
use crate::page::{flow_or_page, go, refused, to};
use crate::site::Site;
use crate::visit::Visit;

/// `GET /oauth2/authorize`
pub(crate) async fn get(State(site): State<Site>, visit: Visit, RawQuery(query): RawQuery) -> Response {
    // HEAD must change nothing (RFC 9110 §9.2.1), and an answer here is a code.
    if visit.method == Method::HEAD {
        return error::wrong_method();
    }
    let params = Params::parse(query.unwrap_or_default().as_bytes());
    match site.provider.enter(&params, &visit.binding_hash()).await {
        Ok(flow) => {
            belongs(&visit, &params).await;
            decide(&visit, &flow, None).await
        }
        Err(refusal) => no_entry(&visit, &params, refusal).await,
    }
}

/// Pages from here on look like the client that asks. What goes wrong here goes wrong again where it is answered.
async fn belongs(visit: &Visit, params: &Params) {
    if let Some(client) = params.get("client_id")
        && let Err(error) = visit.belongs_to(&client.into()).await
    {
        tracing::debug!(%error, "the client of a request was not read again");
    }
}

async fn no_entry(visit: &Visit, params: &Params, refusal: Refusal) -> Response {
    if !matches!(refusal, Refusal::Page(Fault::UnknownClient) | Refusal::Failed(_)) {
        belongs(visit, params).await;
    }
    refused(visit, refusal).await
}

/// `POST /oauth2/authorize`
pub(crate) async fn post(State(site): State<Site>, visit: Visit, request: Request) -> Response {
    let params = match body_of(request, &site).await {
        Ok(body) => Params::parse(&body),
        Err(response) => return response,
    };
    match site.provider.enter(&params, &visit.binding_hash()).await {
        Ok(flow) => match site.provider.seal(&flow, &visit.network()).await {
            Ok(sealed) => {
                let mut response = to(&visit, &format!("/oauth2/resume?flow={sealed}"));
                // The cookies may only have stayed away: a new binding would push out the one of the open tabs.
                response.headers_mut().remove(SET_COOKIE);
                response
            }
            Err(error) => refused(&visit, error.into()).await,
        },
        Err(refusal) => no_entry(&visit, &params, refusal).await,
    }
}

/// `GET /oauth2/resume`
pub(crate) async fn resume(visit: Visit, asked: Asked) -> Response {
    if visit.method == Method::HEAD {
        return error::wrong_method();
    }
    match flow_or_page(&visit, &asked.flow).await {
        Ok(flow) => decide(&visit, &flow.flow, Some(&flow.sealed)).await,
        Err(response) => response,
    }
}

async fn decide(visit: &Visit, flow: &Flow, sealed: Option<&str>) -> Response {
    let sessions = match visit.sessions().await {
        Ok(sessions) => sessions,
        Err(error) => return crate::page::failed(visit, &error.to_string()).await,
    };
    match visit.site.provider.next(flow, &sessions, &visit.audit()).await {
        Ok(next) => go(visit, flow, sealed, next).await,
        Err(refusal) => refused(visit, refusal).await,
    }
}
