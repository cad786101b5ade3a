//! `/api/invitations/v1`: a client with the scope `kabinet:invite` invites people.
//!
//! 1. POST sends an invitation and answers 201 with its id, its end and its state; never with its code. The answer is the same whether or
//!    not the contact has an account. `Idempotency-Key` makes a repeated POST answer with the invitation of the first.
//! 2. GET tells what became of an invitation, DELETE withdraws it: of the client's own alone, any other one is not there.
//!
//! Refused: a body that is no JSON object or names a member twice (400), a member that is unknown or cannot be had (422, each named),
//! more invitations than a client or a contact has in a day (429).

use axum::body::Bytes;
use axum::extract::{FromRequest, Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use kabinet_core::audit::Origin;
use kabinet_core::client::Client;
use kabinet_core::id::InvitationId;
use kabinet_core::invitation::{BadField, Invitation, Request as Asked};
use kabinet_core::json;
use kabinet_identity::invitation::Withdrawn;
use kabinet_identity::{InviteError, NewInvitation};
use kabinet_oidc::dpop::Credentials;
use serde_json::Value;
use std::sync::Arc;

use super::{problem, problem_with};
use crate::error::{self, Scheme, private_json, with_nonce};
use crate::oauth::userinfo::{challenged, shown};
use crate::site::Site;
use crate::visit::Visit;

/// The path of the collection.
const HERE: &str = "/api/invitations/v1";
/// The longest `Idempotency-Key`, bytes.
const LONGEST_KEY: usize = 255;

/// `POST /api/invitations/v1`
pub(crate) async fn create(State(site): State<Site>, visit: Visit, request: Request) -> Response {
    let key = key(request.headers());
    let body = match body(request, &site).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let inviter = match inviter(&visit, HERE).await {
        Ok(inviter) => inviter,
        Err(response) => return response,
    };
    let key = match key {
        Ok(key) => key,
        Err(response) => return response,
    };
    let asked = match asked(&site, &body).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    let brands = site.provider.brands();
    let product = match &asked.particulars.client_id {
        Some(id) => site.provider.client(id).await.ok().flatten(),
        None => None,
    };
    let brand = brands.find(product.as_ref().unwrap_or(&inviter).metadata.brand.as_deref());
    let new = NewInvitation {
        request: &asked,
        inviter: Some((&inviter.id, &inviter.metadata.client_name)),
        brand,
        key: key.as_deref().map(|key| (key, body.as_ref())),
        origin: &origin(&visit),
    };
    match site.identity.invite(new).await {
        Ok(invitation) => {
            tracing::info!(client.id = %inviter.id, invitation.id = %invitation.id, "somebody was invited");
            let mut response = described(&site, StatusCode::CREATED, &invitation);
            if let Ok(place) = HeaderValue::from_str(&format!("{HERE}/{}", invitation.id)) {
                response.headers_mut().insert(LOCATION, place);
            }
            response
        }
        Err(error) => refused(error, &asked),
    }
}

/// `GET /api/invitations/v1/{id}`
pub(crate) async fn read(State(site): State<Site>, Path(id): Path<String>, visit: Visit) -> Response {
    let inviter = match inviter(&visit, &format!("{HERE}/{id}")).await {
        Ok(inviter) => inviter,
        Err(response) => return response,
    };
    match site.identity.invitation(&InvitationId::from(id), Some(&inviter.id)).await {
        Ok(Some(invitation)) => described(&site, StatusCode::OK, &invitation),
        Ok(None) => unknown(),
        Err(failure) => failed(&failure),
    }
}

/// `DELETE /api/invitations/v1/{id}`
pub(crate) async fn withdraw(State(site): State<Site>, Path(id): Path<String>, visit: Visit) -> Response {
    let inviter = match inviter(&visit, &format!("{HERE}/{id}")).await {
        Ok(inviter) => inviter,
        Err(response) => return response,
    };
    let id = InvitationId::from(id);
    match site.identity.withdraw_invitation(&id, Some(&inviter.id), &origin(&visit)).await {
        Ok(Withdrawn::Done) => StatusCode::NO_CONTENT.into_response(),
        Ok(Withdrawn::Accepted) => problem(StatusCode::CONFLICT, "the invitation was accepted before"),
        Ok(Withdrawn::Unknown) => unknown(),
        Err(failure) => failed(&failure),
    }
}

/// Who calls; `Err` is the answer to who may not.
async fn inviter(visit: &Visit, path: &str) -> Result<Arc<Client>, Response> {
    let Some((scheme, token)) = visit.authorization.as_deref().and_then(shown) else {
        return Err(error::no_token());
    };
    let credentials = Credentials {
        token: &token,
        scheme,
        proof: &visit.dpop,
        target: (visit.method.as_str(), path),
    };
    let found = visit.site.provider.inviter(credentials).await;
    found.map_err(|failure| with_nonce(error::oauth(&failure, challenged(scheme)), visit))
}

fn origin(visit: &Visit) -> Origin {
    Origin { actor: "client", ..visit.audit() }
}

/// The `Idempotency-Key`, if there is one that can be read.
#[expect(clippy::result_large_err, reason = "an answer, made once")]
fn key(headers: &HeaderMap) -> Result<Option<String>, Response> {
    let mut all = headers.get_all("idempotency-key").iter();
    let (Some(first), second) = (all.next(), all.next()) else {
        return Ok(None);
    };
    let text = first
        .to_str()
        .ok()
        .filter(|text| (1..=LONGEST_KEY).contains(&text.len()) && second.is_none());
    match text {
        Some(text) => Ok(Some(text.to_owned())),
        None => Err(problem(
            StatusCode::BAD_REQUEST,
            "Idempotency-Key must stand once, with 1 to 255 printable ASCII characters",
        )),
    }
}

async fn body(request: Request, site: &Site) -> Result<Bytes, Response> {
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_owned();
    let body = Bytes::from_request(request, site)
        .await
        .map_err(|_| problem(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 65536 bytes"))?;
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(body);
    }
    Err(problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be application/json"))
}

/// What is asked for, with the product that it names.
async fn asked(site: &Site, body: &[u8]) -> Result<Asked, Response> {
    let object = json::object(body)
        .map_err(|bad| problem(StatusCode::BAD_REQUEST, &format!("the body {bad}, or is no object")))?;
    let asked = Asked::read(&object).map_err(|bad| unfit(&bad))?;
    let Some(id) = &asked.particulars.client_id else {
        return Ok(asked);
    };
    let client = site.provider.client(id).await.map_err(|failure| error::oauth(&failure, Scheme::None))?;
    let Some(client) = client else {
        return Err(unfit(&[BadField::new("client_id", "names no client")]));
    };
    let kind = asked.contact.kind();
    let brands = site.provider.brands();
    if !brands.find(client.metadata.brand.as_deref()).asks_for(kind) {
        return Err(unfit(&[BadField::new(
            kind.as_str(),
            "people of this product do not sign in with such a contact",
        )]));
    }
    Ok(asked)
}

fn described(site: &Site, status: StatusCode, invitation: &Invitation) -> Response {
    private_json(status, &Value::Object(invitation.described(site.clock.now())))
}

fn refused(error: InviteError, asked: &Asked) -> Response {
    let kind = asked.contact.kind().as_str();
    tracing::info!(%error, "an invitation was refused");
    match error {
        InviteError::Unreachable => unfit(&[BadField::new(kind, "codes are not sent to such numbers")]),
        InviteError::NotSent => unfit(&[BadField::new(kind, "nothing is sent to such contacts here")]),
        InviteError::Repeated => {
            problem(StatusCode::UNPROCESSABLE_ENTITY, "the Idempotency-Key came with another request before")
        }
        InviteError::Limited { seconds } => {
            let mut response = problem(StatusCode::TOO_MANY_REQUESTS, "too many invitations; see Retry-After");
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.unsigned_abs()));
            response
        }
        InviteError::Store(failure) => failed(&failure),
    }
}

fn unfit(bad: &[BadField]) -> Response {
    problem_with(StatusCode::UNPROCESSABLE_ENTITY, "the request has members that cannot be had", bad)
}

fn unknown() -> Response {
    problem(StatusCode::NOT_FOUND, "this client has no such invitation")
}

fn failed(failure: &kabinet_identity::Error) -> Response {
    tracing::warn!(error = %failure, "an invitation could not be served");
    let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, "come again later");
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"));
    response
}
