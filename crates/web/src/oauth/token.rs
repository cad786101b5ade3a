//! `/oauth2/token`, `/oauth2/par`, `/oauth2/device_authorization`, `/oauth2/introspect`, `/oauth2/revoke`: a client in the header or the body, a form, JSON
//! back.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, CACHE_CONTROL, PRAGMA};
use http::{HeaderMap, StatusCode};
use kabinet_oidc::Error;
use kabinet_oidc::introspect::{Form, SIGNED};
use kabinet_oidc::request::Params;

use crate::error::{self, Scheme, private, private_json, with_nonce};
use crate::form::body_of;
use crate::site::Site;
use crate::visit::Visit;

async fn params_of(request: Request, site: &Site) -> Result<Params, Response> {
    Ok(Params::parse(&body_of(request, site).await?))
}

fn scheme(visit: &Visit) -> Scheme {
    if visit.authorization.is_some() {
        Scheme::Basic
    } else {
        Scheme::None
    }
}

/// `POST /oauth2/token`
pub(crate) async fn token(State(site): State<Site>, visit: Visit, request: Request) -> Response {
    let params = match params_of(request, &site).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let grant = params.get("grant_type").map_or("none", known_grant);
    let answer = site.provider.token(visit.authorization.as_deref(), &params, &visit.caller()).await;
    let result = if answer.is_ok() { "ok" } else { "refused" };
    metrics::counter!("kabinet_tokens_total", "grant" => grant, "result" => result).increment(1);
    let response = match answer {
        Ok((client, tokens)) => {
            tracing::info!(client.id = %client.id, grant.r#type = grant, "tokens given");
            private_json(StatusCode::OK, &tokens.to_json())
        }
        Err(failure) => error::oauth(&failure, scheme(&visit)),
    };
    with_nonce(response, &visit)
}

/// The grant type as a metric's label: one of ours, so that nobody can make labels.
fn known_grant(name: &str) -> &'static str {
    kabinet_oidc::grant::GRANTS
        .iter()
        .map(|grant| grant.kind.as_str())
        .find(|known| *known == name)
        .unwrap_or("other")
}

/// `POST /oauth2/par` (RFC 9126)
pub(crate) async fn par(State(site): State<Site>, visit: Visit, request: Request) -> Response {
    let params = match params_of(request, &site).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let answer = async {
        params.sound()?;
        let caller = visit.caller();
        let authorization = visit.authorization.as_deref();
        let client = site.provider.authenticate_at("/oauth2/par", authorization, &params, &caller).await?;
        site.provider.push(&client, &params, &caller).await
    };
    let response = match answer.await {
        Ok(pushed) => private_json(StatusCode::CREATED, &pushed.to_json()),
        Err(failure) => error::oauth(&failure, scheme(&visit)),
    };
    with_nonce(response, &visit)
}

/// `POST /oauth2/device_authorization` (RFC 8628 §3.1)
pub(crate) async fn device(State(site): State<Site>, visit: Visit, request: Request) -> Response {
    let params = match params_of(request, &site).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let answer = async {
        params.sound()?;
        let (caller, authorization) = (visit.caller(), visit.authorization.as_deref());
        let client = site
            .provider
            .authenticate_at("/oauth2/device_authorization", authorization, &params, &caller)
            .await?;
        site.provider.begin_device(&client, &params, &caller).await
    };
    match answer.await {
        Ok(begun) => private_json(StatusCode::OK, &begun.to_json(&format!("{}/code", site.config.issuer))),
        Err(failure) => error::oauth(&failure, scheme(&visit)),
    }
}

/// `POST /oauth2/introspect`
pub(crate) async fn introspect(State(site): State<Site>, visit: Visit, request: Request) -> Response {
    let form = wanted(request.headers());
    let params = match params_of(request, &site).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let answer = async {
        params.sound()?;
        let client = site
            .provider
            .authenticate_at("/oauth2/introspect", visit.authorization.as_deref(), &params, &visit.caller())
            .await?;
        // RFC 7662 §2.1: the endpoint must be protected, so a public client cannot ask.
        if client.metadata.is_public() {
            return Err(Error::Client(kabinet_core::error::OAuthError::new(
                kabinet_core::error::Code::InvalidClient,
                "introspection is for clients that authenticate",
            )));
        }
        let token = params.need("token", "token is missing")?;
        site.provider.introspect(token, &client, form).await
    };
    match answer.await {
        Ok(answer) => private(&answer),
        Err(failure) => error::oauth(&failure, scheme(&visit)),
    }
}

/// RFC 9701 §4: a JWT for whoever accepts one by its name; wildcards mean JSON.
fn wanted(headers: &HeaderMap) -> Form {
    let ranges = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let names = ranges.flat_map(|value| value.split(',')).any(|range| {
        let (name, weight) = range.split_once(';').unwrap_or((range, ""));
        // RFC 9110 §12.4.2: a weight of 0 is a refusal.
        let is_refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case(SIGNED) && !is_refused
    });
    if names { Form::Jwt } else { Form::Json }
}

/// `POST /oauth2/revoke`
pub(crate) async fn revoke(State(site): State<Site>, visit: Visit, request: Request) -> Response {
    let params = match params_of(request, &site).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let answer = async {
        params.sound()?;
        let client = site
            .provider
            .authenticate_at("/oauth2/revoke", visit.authorization.as_deref(), &params, &visit.caller())
            .await?;
        let token = params.need("token", "token is missing")?;
        site.provider.revoke(token, &client, &visit.caller()).await
    };
    match answer.await {
        Ok(()) => (StatusCode::OK, [(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")]).into_response(),
        Err(failure) => error::oauth(&failure, scheme(&visit)),
    }
}
