//! Clients that invite people: the bearer of an access token with the scope `kabinet:invite`, which a client gets for itself alone
//! (`client_credentials`). Revocation, and a scope that was taken back, are seen at once.

use std::sync::Arc;

use kabinet_core::client::Client;
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::scope::INVITE;

use crate::dpop::Credentials;
use crate::{Provider, Result};

impl Provider {
    /// The client that may invite with this access token.
    ///
    /// # Errors
    /// Those of [`Self::admit`]; `insufficient_scope` when it was not given for `kabinet:invite` to the client itself.
    pub async fn inviter(&self, shown: Credentials<'_>) -> Result<Arc<Client>> {
        const GONE: OAuthError = OAuthError::new(Code::InvalidToken, "the access token is unknown, expired or revoked");
        let access = self.admit(shown).await?;
        if !access.is_for(self.issuer()) {
            return Err(OAuthError::new(Code::InvalidToken, "the token is for another audience").into());
        }
        let client = self.client(&access.client_id).await?.ok_or(GONE)?;
        let is_own = access.grant.is_none() && access.act.is_none();
        if !(is_own && access.scope.has(INVITE) && client.metadata.scope.has(INVITE)) {
            return Err(OAuthError::new(
                Code::InsufficientScope,
                "the token was not given for the scope kabinet:invite",
            )
            .into());
        }
        Ok(client)
    }
}
