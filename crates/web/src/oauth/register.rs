//! `/oauth2/register` and `/oauth2/register/{client_id}`: clients that register and manage themselves (RFC 7591, RFC 7592).
//! JSON both ways, a bearer token in the header, nothing stored by anybody on the way.

use axum::body::Bytes;
use axum::extract::{FromRequest, Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA};
use http::{HeaderMap, StatusCode};
use kabinet_core::client::BadClient;
use kabinet_core::error::Code;
use kabinet_core::id::ClientId;
use kabinet_oidc::registration::{Answer, Refusal, Registered};
use serde_json::json;

use super::userinfo::bearer;
use crate::error::{self, Scheme, private_json};
use crate::site::Site;
use crate::visit::Visit;

/// `POST /oauth2/register`
pub(crate) async fn register(State(site): State<Site>, visit: Visit, request: Request) -> Response {
    let body = match json_of(request, &site).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let answer = site.provider.register(token(&visit).as_deref(), &body, &visit.caller()).await;
    if let Ok(registered) = &answer {
        tracing::info!(client.id = %registered.client.id, "a client registered itself");
    }
    respond(&site, "create", StatusCode::CREATED, answer)
}

/// `GET /oauth2/register/{client_id}`
pub(crate) async fn read(State(site): State<Site>, Path(id): Path<String>, visit: Visit) -> Response {
    let answer = site.provider.read_registration(&ClientId::from(id), token(&visit).as_deref()).await;
    respond(&site, "read", StatusCode::OK, answer)
}

/// `PUT /oauth2/register/{client_id}`
pub(crate) async fn replace(
    State(site): State<Site>,
    Path(id): Path<String>,
    visit: Visit,
    request: Request,
) -> Response {
    let body = match json_of(request, &site).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let (id, token) = (ClientId::from(id), token(&visit));
    let answer = site.provider.replace_registration(&id, token.as_deref(), &body, &visit.caller()).await;
    respond(&site, "replace", StatusCode::OK, answer)
}

/// `DELETE /oauth2/register/{client_id}`
pub(crate) async fn delete(State(site): State<Site>, Path(id): Path<String>, visit: Visit) -> Response {
    let id = ClientId::from(id);
    let answer = site.provider.delete_registration(&id, token(&visit).as_deref(), &visit.caller()).await;
    count("delete", answer.is_ok());
    match answer {
        // RFC 7592 §2.3
        Ok(()) => (StatusCode::NO_CONTENT, [(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")]).into_response(),
        Err(refusal) => refused(refusal),
    }
}

/// The bearer token; an empty one, which is none of ours, for another scheme.
fn token(visit: &Visit) -> Option<String> {
    visit.authorization.as_deref().map(|header| bearer(header).unwrap_or_default())
}

async fn json_of(request: Request, site: &Site) -> Result<Bytes, Response> {
    let is_json = is_json(request.headers());
    let body = Bytes::from_request(request, site).await.map_err(|_| error::too_large())?;
    if is_json {
        return Ok(body);
    }
    Err(not_registered(&BadClient {
        field: "body",
        detail: "must be application/json".to_owned(),
    }))
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn respond(site: &Site, action: &'static str, status: StatusCode, answer: Answer<Registered>) -> Response {
    count(action, answer.is_ok());
    match answer {
        Ok(registered) => private_json(status, &site.provider.registration_json(&registered)),
        Err(refusal) => refused(refusal),
    }
}

fn count(action: &'static str, is_ok: bool) {
    let result = if is_ok { "ok" } else { "refused" };
    metrics::counter!("kabinet_client_registrations_total", "action" => action, "result" => result).increment(1);
}

fn refused(refusal: Refusal) -> Response {
    match refusal {
        Refusal::NoToken => error::no_token(),
        Refusal::Metadata(bad) => not_registered(&bad),
        Refusal::Failed(failure) => error::oauth(&failure, Scheme::Bearer),
    }
}

/// RFC 7591 §3.2.2: which member cannot be had, for whoever sent it.
fn not_registered(bad: &BadClient) -> Response {
    let code = if bad.field == "redirect_uris" {
        Code::InvalidRedirectUri
    } else {
        Code::InvalidClientMetadata
    };
    tracing::info!(error.code = code.as_str(), field = bad.field, "a registration was refused");
    // RFC 6749 §5.2: printable ASCII without quotes and backslashes.
    let description: String = format!("{}: {}", bad.field, bad.detail)
        .chars()
        .filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\'))
        .take(500)
        .collect();
    private_json(
        StatusCode::BAD_REQUEST,
        &json!({"error": code.as_str(), "error_description": description}),
    )
}
