//! Token exchange (RFC 8693): a service that was called with a person's token gets one of its own for the next service; and a
//! program that holds a person's API token gets an access token for it, see [`api_token`].
//!
//! For an access token:
//!
//! 1. The caller is a client that authenticates; a public one exchanges API tokens only.
//! 2. `subject_token` is an access token of ours, good now, about a person. It names the caller: it was issued to it, or the
//!    caller is the resource that it is for.
//! 3. Every `resource` and `audience` stands in the caller's `token_exchange_audiences`, a list that is empty until an
//!    administrator fills it. The provider itself is never a target.
//! 4. The new token is about the same person, by the same `sub`, and belongs to the same grant, so that whatever ends the grant ends it. Scope
//!    and end lie within those of the subject token, and the scope within the caller's own. `act` names the caller and, inside
//!    it, who acted before (§4.1); a disabled actor makes the token worthless.
//!
//! The new token is bound to the key that the caller has proven to hold, and not to the one of the subject token, which is the
//! product's and not the caller's.
//!
//! Refused: every other kind of token, given or wanted; `actor_token`, since the caller is the actor and has proven it; tokens
//! of clients that act for themselves, who can ask in their own name; chains of more than [`ACTORS`]. `openid` and
//! `offline_access` do not pass on: the token opens no userinfo, and there is no refresh token. `may_act` (§4.4) is neither
//! issued nor read. Where the specification leaves a code open, a bad subject token is `invalid_request` (§2.2.2).

mod api_token;

use std::sync::Arc;

use kabinet_core::api_token::TOKEN_TYPE as API_TOKEN;
use kabinet_core::audit::{Event, Record};
use kabinet_core::client::GrantType;
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::id::{GrantId, UserId};
use kabinet_core::scope::Scope;
use kabinet_store::audit;

use super::{Grant, Request};
use crate::introspect::is_resource;
use crate::token::Tokens;
use crate::tokens::{Access, Actor, client_subject};
use crate::{Error, Provider, Result};

/// The grant type.
pub const GRANT: Grant = Grant {
    kind: GrantType::TokenExchange,
    redeem: |request| Box::pin(redeem(request)),
};

/// How many may act for a person one behind the other.
const ACTORS: usize = 5;
/// The one kind of token that is given (RFC 8693 §3), and one of the two that are taken.
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

// RFC 8693 §2.2.2: invalid_request when a token is invalid or unacceptable by policy.
const BAD: OAuthError =
    OAuthError::new(Code::InvalidRequest, "subject_token is not an access token that this client may exchange");

async fn redeem(request: Request<'_>) -> Result<Tokens> {
    match taken(request)? {
        Taken::AccessToken => pass_on(request).await,
        Taken::ApiToken => api_token::redeem(request).await,
    }
}

/// What is exchanged.
enum Taken {
    AccessToken,
    ApiToken,
}

async fn pass_on(request: Request<'_>) -> Result<Tokens> {
    const UNNAMED: OAuthError = OAuthError::new(Code::InvalidRequest, "resource or audience is missing");
    let (provider, client) = (request.provider, request.client);
    // RFC 8693 §5: whoever is named in a token could otherwise pass it on without proving anything.
    if client.metadata.is_public() {
        let sentence = "a client that does not authenticate exchanges API tokens only (RFC 8693 section 5)";
        return Err(OAuthError::new(Code::UnauthorizedClient, sentence).into());
    }
    let aud = targets(request)?;
    if aud.is_empty() {
        return Err(UNNAMED.into());
    }
    let (subject, person) = subject(request).await?;
    let scope = scope(request, &subject)?;
    let now = provider.now();
    let access = Access {
        aud,
        exp: now.plus(provider.access_life(client)).0.min(subject.exp),
        iat: now.0,
        jti: kabinet_core::id::row_id(now, provider.entropy()),
        client_id: client.id.clone(),
        scope,
        act: Some(Box::new(Actor { sub: client_subject(&client.id), act: subject.act.clone() })),
        userinfo_claims: Vec::new(),
        cnf: request.confirmation(),
        ..(*subject).clone()
    };
    let record = Record::of(Event::TokenExchanged)
        .user(&person)
        .client(&client.id)
        .with("grant", subject.grant.as_ref().map(GrantId::as_str))
        .with("jti", access.jti.as_str())
        .with("aud", access.aud.clone())
        .with("subject_jti", subject.jti.as_str())
        .with("subject_client", subject.client_id.as_str());
    let origin = Provider::client_origin(request.origin);
    let mut tx = provider.store().begin().await?;
    audit::write(&mut tx, &record, &origin, now, provider.entropy()).await?;
    tx.commit().await?;
    let (access_token, expires_in) = provider.mint_access(client, &access)?;
    Ok(Tokens {
        access_token,
        token_type: access.token_type(),
        expires_in,
        scope: access.scope.to_string(),
        refresh_token: None,
        id_token: None,
        issued_token_type: Some(ACCESS_TOKEN),
    })
}

fn taken(request: Request<'_>) -> Result<Taken> {
    let params = request.params;
    let refuse = |sentence| Err(OAuthError::new(Code::InvalidRequest, sentence).into());
    let taken = match params.need("subject_token_type", "subject_token_type is missing")? {
        ACCESS_TOKEN => Taken::AccessToken,
        API_TOKEN => Taken::ApiToken,
        _ => {
            return refuse(
                "subject_token_type must be urn:ietf:params:oauth:token-type:access_token or urn:kabinet:token-type:api-token",
            );
        }
    };
    if params.get("requested_token_type").is_some_and(|wanted| wanted != ACCESS_TOKEN) {
        return refuse("requested_token_type must be urn:ietf:params:oauth:token-type:access_token");
    }
    if params.get("actor_token").or(params.get("actor_token_type")).is_some() {
        return refuse("actor_token is not taken: the client that calls is the actor");
    }
    Ok(taken)
}

/// Whom the new token is asked for.
fn targets(request: Request<'_>) -> Result<Vec<String>> {
    // RFC 8693 §2.2.2: invalid_target when the server is unwilling to issue a token for a target.
    const REFUSED: OAuthError = OAuthError::new(Code::InvalidTarget, "this client may not exchange for that target");
    let (client, params, issuer) = (request.client, request.params, request.provider.issuer());
    let mut aud: Vec<String> = Vec::new();
    for target in params.all("resource").chain(params.all("audience")) {
        let rest = target.strip_prefix(issuer);
        let is_ours = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if is_ours || !client.metadata.token_exchange_audiences.iter().any(|known| known == target) {
            return Err(REFUSED.into());
        }
        if !aud.iter().any(|known| known == target) {
            aud.push(target.to_owned());
        }
    }
    Ok(aud)
}

/// The token to exchange: good now, about a person, naming the caller.
async fn subject(request: Request<'_>) -> Result<(Arc<Access>, UserId)> {
    let (provider, client) = (request.provider, request.client);
    let token = request.params.need("subject_token", "subject_token is missing")?;
    let subject = match provider.read_access(token).await {
        Ok(subject) => subject,
        Err(Error::Client(_)) => return Err(BAD.into()),
        Err(failure) => return Err(failure),
    };
    if subject.grant.is_none() {
        return Err(BAD.with_detail("the token of a client that acts for itself").into());
    }
    if subject.client_id != client.id && !is_resource(client, &subject.aud, request.provider.issuer()) {
        return Err(BAD
            .with_detail(format_args!("a token of {} that does not name the caller", subject.client_id))
            .into());
    }
    if subject.act.iter().flat_map(|actor| actor.chain()).count() >= ACTORS {
        return Err(BAD.with_detail("too many actors").into());
    }
    let first = provider.client(&subject.client_id).await?.ok_or(BAD)?;
    let person = provider.person_of(&subject, &first).await?.ok_or(BAD)?;
    Ok((subject, person.id.clone()))
}

/// What was asked for, or all that may pass on.
fn scope(request: Request<'_>, subject: &Access) -> Result<Scope> {
    let own = Scope::from_iter(["openid", "offline_access"]);
    let allowed = subject.scope.common(&request.client.metadata.scope).without(&own);
    let Some(asked) = request.params.get("scope") else {
        return Ok(allowed);
    };
    let asked = Scope::parse(asked).ok().filter(|asked| asked.is_within(&allowed));
    asked.ok_or_else(|| OAuthError::new(Code::InvalidScope, "scope exceeds the subject token's or the client's").into())
}
