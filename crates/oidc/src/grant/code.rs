//! `authorization_code` (RFC 6749 §4.1.3, RFC 7636 §4.6).
//!
//! 1. The machine takes the request; the code is spent by one statement, bound to the client.
//! 2. The machine compares redirect URI and PKCE, then the key is compared that the code is bound to (RFC 9449 §10); if one
//!    refuses, the spending is undone and the code stays good.
//! 3. A code that was spent before ends its whole family: that commits although the answer is 400.

use kabinet_core::audit::{Event, Record};
use kabinet_core::client::GrantType;
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::secret::TokenHash;
use kabinet_store::{Tx, audit, grant as store};

use super::{Grant, Request};
use crate::flow::{Exchange, Recovered};
use crate::token::Tokens;
use crate::tokens::Detail;
use crate::{Provider, Result};

/// The grant type.
pub const GRANT: Grant = Grant {
    kind: GrantType::AuthorizationCode,
    redeem: |request| Box::pin(redeem(request)),
};

const BAD: OAuthError = OAuthError::new(Code::InvalidGrant, "the code is unknown, expired or used");

async fn redeem(request: Request<'_>) -> Result<Tokens> {
    let (provider, client, params) = (request.provider, request.client, request.params);
    let code = params.need("code", "code is missing")?;
    let redirect_uri = params.need("redirect_uri", "redirect_uri is missing")?;
    let exchange = Exchange::begin(client.id.as_str(), code, redirect_uri, params.get("code_verifier"))?;
    let hash = TokenHash::of(code);
    let now = provider.now();
    let mut tx = provider.store().begin().await?;
    let Some(grant) = store::redeem(&mut tx, &hash, &client.id, now).await? else {
        return replayed(request, tx, &hash, BAD).await;
    };
    let mut detail = Detail::of(&grant)?;
    let recovered = Recovered {
        client_id: grant.client_id.to_string(),
        user_id: grant.user_id.to_string(),
        redirect_uri: detail.redirect_uri.clone(),
        scope: grant.scope.clone(),
        challenge: detail.challenge.clone(),
    };
    if let Err(error) = exchange
        .finish(&recovered)
        .map_err(crate::Error::from)
        .and_then(|()| request.holds(detail.dpop_jkt.as_ref()))
        .and_then(|()| request.narrow(&mut detail))
    {
        tx.rollback().await?;
        return Err(error);
    }
    request.open_with(tx, &grant, &detail).await
}

/// RFC 6749 §4.1.2: a code that is used twice ends every token that was issued for it.
pub(super) async fn replayed(
    request: Request<'_>,
    mut tx: Tx,
    hash: &TokenHash,
    refusal: OAuthError,
) -> Result<Tokens> {
    let (provider, client) = (request.provider, request.client);
    let known = store::by_code(&mut tx, hash).await?;
    let Some((grant, _)) = known.filter(|(grant, used)| *used && grant.client_id == client.id) else {
        tx.rollback().await?;
        return Err(refusal.into());
    };
    let now = provider.now();
    if store::end(&mut tx, &grant.id, now).await? {
        let record = Record::of(Event::GrantEnded)
            .user(&grant.user_id)
            .client(&client.id)
            .session(&grant.session_id);
        let record = record.with("grant", grant.id.as_str()).with("why", "code replayed");
        audit::write(&mut tx, &record, &Provider::client_origin(request.origin), now, provider.entropy()).await?;
        tracing::warn!(client.id = %client.id, grant.id = %grant.id, "a code was used twice; its tokens are ended");
    }
    tx.commit().await?;
    provider.changed().await;
    Err(refusal.with_detail(format_args!("replay of grant {}", grant.id)).into())
}
