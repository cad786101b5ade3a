//! `refresh_token` (RFC 6749 §6, RFC 9700 §4.14.2).
//!
//! 1. The token names its family and generation. One statement moves the family on if that generation is the good one;
//!    the text is then compared with what this family's generation must look like.
//! 2. Otherwise: the generation before the good one, within the grace and before the good one was used, gets the same
//!    successor again (two tabs, a lost answer). Any other earlier generation is a replay and ends the family.
//! 3. A family that is bound to a key stays at its generation, gives the same token again, and wants a proof by that key each
//!    time (RFC 9449 §5). One of a public client that is bound to none rotates and is bound by the first proof.
//! 4. The machine has the last word on client and scope; if it refuses, nothing has moved.

use std::sync::Arc;

use kabinet_core::audit::{Event, Record};
use kabinet_core::claims::scope_of;
use kabinet_core::client::GrantType;
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::id::GrantId;
use kabinet_core::scope::Scope;
use kabinet_core::user::User;
use kabinet_store::grant::{self as store, Grant as Stored, Rotation};
use kabinet_store::{Tx, audit};

use super::{Grant, Minting, Request};
use crate::flow::{self, Recovered};
use crate::token::Tokens;
use crate::tokens::Detail;
use crate::{Provider, Result};

/// The grant type.
pub const GRANT: Grant = Grant {
    kind: GrantType::RefreshToken,
    redeem: |request| Box::pin(redeem(request)),
};

const BAD: OAuthError = OAuthError::new(Code::InvalidGrant, "the refresh token is unknown, expired or revoked");

async fn redeem(request: Request<'_>) -> Result<Tokens> {
    let (provider, client) = (request.provider, request.client);
    let token = request.params.need("refresh_token", "refresh_token is missing")?;
    let (id, generation) = Provider::read_refresh(token).filter(|(_, generation)| *generation > 0).ok_or(BAD)?;
    let now = provider.now();
    let life = &provider.config().token;
    let refresh_expires_at = now.plus(life.refresh_idle);
    let rotation = Rotation {
        presented: generation,
        now,
        refresh_expires_at,
        keep_until: refresh_expires_at,
        // RFC 9449 §5: what a public client gets for a proof is bound, also where the token before was not.
        key: request.key.filter(|_| client.metadata.is_public()),
    };
    let mut tx = provider.store().begin().await?;
    let Some(grant) = store::rotate(&mut tx, &id, &client.id, rotation).await? else {
        return again(request, tx, (&id, generation), token).await;
    };
    let checked = if provider.is_refresh_of(token, &grant, generation) {
        check(request, &mut tx, &grant, token).await
    } else {
        Err(BAD.into())
    };
    match checked {
        Ok(checked) => {
            tx.commit().await?;
            checked.mint(request, &grant, grant.refresh_generation)
        }
        Err(error) => {
            tx.rollback().await?;
            Err(error)
        }
    }
}

/// A refresh that the machine allows, about a person who is still there.
struct Checked {
    user: Arc<User>,
    detail: Detail,
    scope: Scope,
}

impl Checked {
    fn mint(&self, request: Request<'_>, grant: &Stored, generation: i64) -> Result<Tokens> {
        let Self { user, detail, scope } = self;
        request.mint(user, Minting { grant, detail, scope, generation, nonce: None })
    }
}

async fn check(request: Request<'_>, tx: &mut Tx, grant: &Stored, token: &str) -> Result<Checked> {
    request.holds(grant.key.as_ref())?;
    let mut detail = Detail::of(grant)?;
    let recovered = Recovered {
        client_id: grant.client_id.to_string(),
        user_id: grant.user_id.to_string(),
        redirect_uri: detail.redirect_uri.clone(),
        scope: grant.scope.clone(),
        challenge: None,
    };
    let scope = flow::refresh(token, request.client.id.as_str(), &recovered, request.params.get("scope"))?;
    request.narrow(&mut detail)?;
    // A narrower token does not bring what was asked for by name beside the wider scope.
    if scope != grant.scope {
        let is_given = |name: &String| scope_of(name).is_some_and(|needed| scope.has(needed));
        detail.userinfo_claims.retain(is_given);
        detail.id_token_claims.retain(is_given);
    }
    Ok(Checked { user: request.person(tx, grant).await?, detail, scope })
}

/// The presented generation is not the good one: a repetition, a replay, or nothing of ours.
async fn again(request: Request<'_>, mut tx: Tx, presented: (&GrantId, i64), token: &str) -> Result<Tokens> {
    let (provider, client) = (request.provider, request.client);
    let (id, generation) = presented;
    let now = provider.now();
    let known = store::living_in(&mut tx, id, now).await?;
    let known = known.filter(|grant| grant.client_id == client.id && provider.is_refresh_of(token, grant, generation));
    let Some(grant) = known else {
        tx.rollback().await?;
        return Err(BAD.into());
    };
    let earlier = generation < grant.refresh_generation;
    let alive = grant.ended_at.is_none() && grant.expires_at > now;
    if !earlier || !alive {
        tx.rollback().await?;
        return Err(BAD.into());
    }
    let repeated = generation + 1 == grant.refresh_generation
        && now.since(grant.refresh_used_at) <= provider.config().token.refresh_grace;
    if repeated {
        let checked = check(request, &mut tx, &grant, token).await;
        tx.rollback().await?;
        return checked?.mint(request, &grant, grant.refresh_generation);
    }
    // RFC 9700 §4.14.2: a replay means that the token was stolen; the family ends, and that commits.
    store::end(&mut tx, &grant.id, now).await?;
    let record = Record::of(Event::GrantEnded)
        .user(&grant.user_id)
        .client(&client.id)
        .session(&grant.session_id);
    let record = record.with("grant", grant.id.as_str()).with("why", "refresh token replayed");
    audit::write(&mut tx, &record, &Provider::client_origin(request.origin), now, provider.entropy()).await?;
    tx.commit().await?;
    provider.changed().await;
    tracing::warn!(client.id = %client.id, grant.id = %grant.id, "a refresh token was replayed; its family is ended");
    Err(BAD.with_detail(format_args!("replay in grant {}", grant.id)).into())
}
