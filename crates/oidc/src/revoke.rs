//! Revocation (RFC 7009): a client gives a token back. A refresh token ends its whole family; an access token itself only.
//! An unknown token changes nothing and is no error (§2.2); one that was issued to another client is refused (§2.1), so that
//! nobody takes it for revoked.

use kabinet_core::audit::{Event, Record};
use kabinet_core::error::{Code, OAuthError};
use kabinet_store::{audit, change, grant};

use crate::client_auth::AuthenticatedClient;
use crate::{Caller, Error, Provider, Result};

// RFC 6749 §5.2: "or was issued to another client".
const ANOTHER_CLIENT: OAuthError =
    OAuthError::new(Code::InvalidGrant, "the token was issued to another client (RFC 7009 section 2.1)");

impl Provider {
    /// Revokes a token of this client. Once this returns no node of ours calls it good for longer than a second.
    ///
    /// # Errors
    /// When the token is another client's, or the store fails; then nothing was revoked.
    pub async fn revoke(&self, token: &str, client: &AuthenticatedClient, caller: &Caller) -> Result<()> {
        let now = self.now();
        let origin = Self::client_origin(&caller.origin);
        if let Some((id, generation)) = Self::read_refresh(token) {
            let known = grant::by_id(self.store().db(), &id).await?;
            let Some(family) = known.filter(|grant| self.is_refresh_of(token, grant, generation)) else {
                return Ok(());
            };
            // RFC 7009 §2.1: the token must have been issued to the client that revokes it.
            if family.client_id != client.id {
                return Err(Error::Client(ANOTHER_CLIENT));
            }
            let mut tx = self.store().begin().await?;
            if grant::end(&mut tx, &family.id, now).await? {
                let record = Record::of(Event::GrantEnded)
                    .user(&family.user_id)
                    .client(&client.id)
                    .session(&family.session_id);
                let record = record.with("grant", family.id.as_str()).with("why", "revoked by the client");
                audit::write(&mut tx, &record, &origin, now, self.entropy()).await?;
            }
            tx.commit().await?;
            self.changed().await;
            return Ok(());
        }
        let access = match self.read_access(token).await {
            Ok(access) => access,
            Err(Error::Client(_)) => return Ok(()),
            Err(failure) => return Err(failure),
        };
        if access.client_id != client.id {
            return Err(Error::Client(ANOTHER_CLIENT));
        }
        let mut tx = self.store().begin().await?;
        change::tell(&mut tx, change::Kind::Token, std::slice::from_ref(&access.jti), now).await?;
        let record = Record::of(Event::TokenRevoked).client(&client.id).with("jti", access.jti.as_str());
        audit::write(&mut tx, &record, &origin, now, self.entropy()).await?;
        tx.commit().await?;
        self.changed().await;
        Ok(())
    }
}
