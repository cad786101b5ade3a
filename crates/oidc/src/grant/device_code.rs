//! `urn:ietf:params:oauth:grant-type:device_code` (RFC 8628 §3.4): a poll of a device, see [`device`](crate::device).
//!
//! 1. While nobody has decided, the answer comes from memory: `authorization_pending`, or `slow_down` to who polls early.
//! 2. What was decided is looked up: refused is `access_denied`, for good. Allowed is a grant that is redeemed like a code, by one
//!    statement; a second redemption ends the family (RFC 6749 §4.1.2).

use kabinet_core::client::GrantType;
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::secret::TokenHash;
use kabinet_store::{device as devices, grant as store};

use super::code::replayed;
use super::{Grant, Request};
use crate::token::Tokens;
use crate::{Provider, Result};

/// The grant type.
pub const GRANT: Grant = Grant {
    kind: GrantType::DeviceCode,
    redeem: |request| Box::pin(redeem(request)),
};

const BAD: OAuthError = OAuthError::new(Code::InvalidGrant, "the device_code is unknown or used");
const OVER: OAuthError = OAuthError::new(Code::ExpiredToken, "the codes have expired; begin again");

async fn redeem(request: Request<'_>) -> Result<Tokens> {
    let (provider, client) = (request.provider, request.client);
    let code = TokenHash::of(request.params.need("device_code", "device_code is missing")?);
    provider.listen_first().await?;
    let now = provider.now();
    let (seen, answer) = provider.poll_of(&code, &client.id, now);
    if let Some(answer) = answer {
        return Err(waiting(answer).into());
    }
    let device = devices::by_device(provider.store().db(), &code).await?;
    let Some(device) = device.filter(|device| device.client_id == client.id) else {
        return Err(BAD.into());
    };
    match device.is_allowed {
        Some(false) => Err(OAuthError::new(Code::DeviceRefused, "the person refused").into()),
        None if device.expires_at <= now => Err(OVER.into()),
        None => Err(waiting(provider.wait_for(code, &device, seen)).into()),
        Some(true) => allowed(request, &code, device.expires_at <= now).await,
    }
}

const fn waiting(answer: Code) -> OAuthError {
    let description = match answer {
        Code::SlowDown => "polled too early; wait five seconds longer from now on (RFC 8628 section 3.5)",
        Code::ExpiredToken => return OVER,
        _ => "nobody has decided yet",
    };
    OAuthError::new(answer, description)
}

async fn allowed(request: Request<'_>, code: &TokenHash, is_over: bool) -> Result<Tokens> {
    let provider: &Provider = request.provider;
    let mut tx = provider.store().begin().await?;
    match store::redeem(&mut tx, code, &request.client.id, provider.now()).await? {
        Some(grant) => request.open(tx, &grant).await,
        None => replayed(request, tx, code, if is_over { OVER } else { BAD }).await,
    }
}
