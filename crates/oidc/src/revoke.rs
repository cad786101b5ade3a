//! Revocation (RFC 7009): a client gives a token back. A refresh token ends its whole family; an access token itself only.
//! A token that is unknown or somebody else's changes nothing, and the answer is the same.

use kabinet_core::audit::{Event, Record};
use kabinet_store::{audit, change, grant};

use crate::client_auth::AuthenticatedClient;
use crate::{Caller, Error, Provider, Result};

impl Provider {
    /// Revokes a token of this client. Once this returns no node of ours calls it good for longer than a second.
    ///
    /// # Errors
    /// When the store fails; then nothing was revoked.
    pub async fn revoke(&self, token: &str, client: &AuthenticatedClient, caller: &Caller) -> Result<()> {
        let now = self.now();
        let origin = Self::client_origin(&caller.origin);
        if let Some((id, generation)) = Self::read_refresh(token) {
            let known = grant::by_id(self.store().db(), &id).await?;
            // RFC 7009 §2.1: the token must have been issued to the client that revokes it.
            let Some(family) = known.filter(|g| g.client_id == client.id && self.is_refresh_of(token, g, generation))
            else {
                return Ok(());
            };
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
            return Ok(());
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
