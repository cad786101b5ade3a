//! An API token for an access token (RFC 8693 §2.1).
//!
//! 1. The text must check itself (`core::api_token`): what was cut, mistyped or made up costs no look-up.
//! 2. It is known by its hash, alive, good for this client and in the caller's network, and its owner is enabled.
//! 3. The scope asked for lies within the token's and the client's, the targets within `token_exchange_audiences`. Without a
//!    target the token is for the client's `default_resource`, or for the provider itself, as after a sign-in.
//! 4. The API token is the grant of what is given, so that revoking it ends that, too; so does disabling its owner. `org` is
//!    the organisation that the token names. Nobody has signed in here: no `auth_time`, `acr`, `amr`, no ID token, no refresh
//!    token, and the end of the API token is the latest end of the access token.
//!
//! An application that people installed, a public client, may do this, since who holds the text has all that there is to prove;
//! the text itself goes nowhere but here.

use std::sync::Arc;

use kabinet_core::api_token::{self, ApiToken, Refusal, Use};
use kabinet_core::audit::{Event, Record};
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::id::GrantId;
use kabinet_core::organisation::Organisation;
use kabinet_core::scope::Scope;
use kabinet_core::secret::TokenHash;
use kabinet_core::user::User;
use kabinet_store::{api_token as store, audit};

use super::{ACCESS_TOKEN, targets};
use crate::grant::Request;
use crate::token::Tokens;
use crate::tokens::Access;
use crate::{Provider, Result};

// RFC 8693 §2.2.2: invalid_request when the subject token is invalid or unacceptable by policy.
const MALFORMED: OAuthError =
    OAuthError::new(Code::InvalidRequest, "subject_token is no API token: its check sum is wrong");
const UNKNOWN: OAuthError = OAuthError::new(Code::InvalidRequest, "the API token is unknown or was revoked");
const EXPIRED: OAuthError = OAuthError::new(Code::InvalidRequest, "the API token has expired");
const OTHER_CLIENT: OAuthError = OAuthError::new(Code::InvalidRequest, "the API token was made for another client");
const NETWORK: OAuthError = OAuthError::new(Code::InvalidRequest, "the API token may not be used from this address");
const LEFT: OAuthError =
    OAuthError::new(Code::InvalidRequest, "the API token's owner no longer acts for its organisation");

pub(super) async fn redeem(request: Request<'_>) -> Result<Tokens> {
    let (provider, client, now) = (request.provider, request.client, request.provider.now());
    let text = request.params.need("subject_token", "subject_token is missing")?;
    // Before anything is looked up.
    if !api_token::is_sound(text) {
        return Err(MALFORMED.into());
    }
    let targets = targets(request)?;
    let (token, person) = find(request, text).await?;
    let org = organisation(&token, &person)?;
    let scope = scope(request, &token)?;
    let access = Access {
        iss: provider.issuer().to_owned(),
        sub: provider.subject(client, &person.id),
        aud: provider.audience(client, &targets, &scope),
        exp: now.plus(provider.access_life(client)).min(token.expires_at).0,
        iat: now.0,
        jti: kabinet_core::id::row_id(now, provider.entropy()),
        client_id: client.id.clone(),
        scope,
        grant: Some(GrantId::from(token.id.as_str())),
        auth_time: None,
        acr: None,
        amr: Vec::new(),
        userinfo_claims: Vec::new(),
        act: None,
        org,
    };
    let record = Record::of(Event::TokenExchanged)
        .user(&person.id)
        .client(&client.id)
        .with("api_token", token.id.as_str())
        .with("jti", access.jti.as_str())
        .with("aud", access.aud.clone());
    let origin = Provider::client_origin(request.origin);
    let last = Use { at: now, ip: origin.ip.clone(), agent: origin.agent.clone() };
    let mut tx = provider.store().begin().await?;
    store::note_use(&mut tx, &token.id, &last).await?;
    audit::write(&mut tx, &record, &origin, now, provider.entropy()).await?;
    tx.commit().await?;
    let (access_token, expires_in) = provider.mint_access(client, &access)?;
    Ok(Tokens {
        access_token,
        expires_in,
        scope: access.scope.to_string(),
        refresh_token: None,
        id_token: None,
        issued_token_type: Some(ACCESS_TOKEN),
    })
}

/// The token with this text, good now for this caller, and its owner.
async fn find(request: Request<'_>, text: &str) -> Result<(ApiToken, Arc<User>)> {
    let (provider, client) = (request.provider, request.client);
    let token = store::by_hash(provider.store().db(), &TokenHash::of(text)).await?.ok_or(UNKNOWN)?;
    if let Err(refusal) = token.admit(&client.id, &request.origin.ip, provider.now()) {
        let error = match refusal {
            Refusal::Revoked => UNKNOWN,
            Refusal::Expired => EXPIRED,
            Refusal::OtherClient => OTHER_CLIENT,
            Refusal::Network => NETWORK,
        };
        return Err(error.with_detail(format_args!("API token {}: {refusal:?}", token.id)).into());
    }
    let gone = || UNKNOWN.with_detail(format_args!("API token {}: its owner is disabled or gone", token.id));
    let person = provider.user(&token.user_id).await?.ok_or_else(gone)?;
    Ok((token, person))
}

/// The organisation that the token names, if the person still acts for it.
fn organisation(token: &ApiToken, person: &User) -> Result<Option<Organisation>> {
    let Some(named) = &token.organisation_id else {
        return Ok(None);
    };
    let held = person.organisations.list.iter().find(|one| one.id == *named);
    Ok(Some(held.ok_or(LEFT)?.clone()))
}

/// What was asked for, or all that the token and the client have in common.
fn scope(request: Request<'_>, token: &ApiToken) -> Result<Scope> {
    const GROWN: OAuthError = OAuthError::new(Code::InvalidScope, "scope exceeds the API token's or the client's");
    let allowed = token.scope.common(&request.client.metadata.scope);
    let allowed = allowed.without(&Scope::from_iter(["offline_access"]));
    let scope = match request.params.get("scope") {
        None => allowed,
        Some(asked) => Scope::parse(asked).ok().filter(|asked| asked.is_within(&allowed)).ok_or(GROWN)?,
    };
    if scope.is_empty() {
        return Err(OAuthError::new(Code::InvalidScope, "nothing of the API token's scope is for this client").into());
    }
    Ok(scope)
}
