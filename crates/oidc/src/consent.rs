//! What a person allows a third-party client: remembered per client, asked again only for more (OpenID Connect Core §3.1.2.4).

use kabinet_core::audit::{Event, Origin, Record};
use std::sync::Arc;

use kabinet_core::authn::Session;
use kabinet_core::client::Client;
use kabinet_core::decision::GivenConsent;
use kabinet_core::id::{ClientId, UserId};
use kabinet_core::scope::Scope;
use kabinet_core::time::Timestamp;

use crate::authorize::Checked;
use crate::sealed::Flow;
use crate::{Provider, Result};

impl Provider {
    /// Remembers that the person of this session allows all that a checked request asks for, in answer to this flow.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn allow(&self, flow: &Flow, session: &Session, checked: &Checked, origin: &Origin) -> Result<()> {
        let now = self.now();
        let given = GivenConsent {
            user_id: session.user_id.clone(),
            scope: checked.allowing.clone(),
            flow: Some(flow.id.clone()),
        };
        let mut tx = self.store().begin().await?;
        let allowed = kabinet_store::consent::put(&mut tx, &given, &checked.client.id, now).await?;
        let record = Record::of(Event::ConsentGranted)
            .user(&given.user_id)
            .client(&checked.client.id)
            .session(&session.id);
        kabinet_store::audit::write(&mut tx, &record.with("scope", allowed.to_string()), origin, now, self.entropy())
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// What a person allowed: to whom, what, since when. Clients that are gone or disabled are left out.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn consents_of(&self, user: &UserId) -> Result<Vec<(Arc<Client>, Scope, Timestamp)>> {
        let mut out = Vec::new();
        for (client, scope, since) in kabinet_store::consent::of_user(self.store().db(), user).await? {
            if let Some(client) = self.client(&client).await? {
                out.push((client, scope, since));
            }
        }
        Ok(out)
    }

    /// Takes an allowance back and ends every grant that came of it.
    ///
    /// # Errors
    /// When the store fails; then nothing has changed.
    pub async fn withdraw(&self, session: &Session, client: &ClientId, origin: &Origin) -> Result<()> {
        let now = self.now();
        let mut tx = self.store().begin().await?;
        if !kabinet_store::consent::withdraw(&mut tx, &session.user_id, client).await? {
            return Ok(tx.rollback().await?);
        }
        kabinet_store::grant::end_of_consent(&mut tx, &session.user_id, client, now).await?;
        let record = Record::of(Event::ConsentWithdrawn)
            .user(&session.user_id)
            .client(client)
            .session(&session.id);
        kabinet_store::audit::write(&mut tx, &record, origin, now, self.entropy()).await?;
        tx.commit().await?;
        self.changed().await;
        Ok(())
    }
}
