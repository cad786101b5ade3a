//! One more contact for an account, proven by a code sent to it.
//!
//! 1. [`begin_contact`](Identity::begin_contact) sends a code. The page, its cost and its limits are the same when the
//!    contact belongs to another account.
//! 2. The right code adds the contact, as the main one where the account has none of its kind. One that belongs to another
//!    account stays there (nothing is ever linked by an equal value): whoever holds it is told, after the right code.

use kabinet_core::audit::{Event, Record};
use kabinet_core::contact::Contact;
use kabinet_core::id::{ConfirmationId, UserId};
use kabinet_core::secret::Secret;
use kabinet_core::user::ConfirmedContact;
use kabinet_store::change::{self, Kind};
use kabinet_store::{Error as StoreError, user};
use serde::{Deserialize, Serialize};

use crate::confirmation::{Attempt, CodeError, Confirmed};
use crate::delivery::Purpose;
use crate::{Error, Identity, Visit};

/// What is sealed while the code is on its way.
#[derive(Serialize, Deserialize)]
struct Intent {
    user: UserId,
}

impl Identity {
    /// Sends a code to a contact that a person wants to add.
    ///
    /// # Errors
    /// See [`CodeError`].
    pub async fn begin_contact(
        &self,
        user: &UserId,
        contact: &Contact,
        visit: &Visit,
    ) -> Result<ConfirmationId, CodeError> {
        if let Err(seconds) = self.count_network(visit).await {
            return Err(CodeError::Limited { seconds });
        }
        let payload = serde_json::to_string(&Intent { user: user.clone() }).map_err(|e| Error::Hash(e.to_string()))?;
        self.start_confirmation(Purpose::Contact, contact, &Secret::from(payload), visit).await
    }

    /// Spends a right code and adds the contact.
    pub(crate) async fn finish_contact(&self, attempt: Attempt, visit: &Visit) -> Result<Confirmed, CodeError> {
        let Intent { user: id } = serde_json::from_slice(&attempt.payload)
            .map_err(|e| StoreError::Inconsistent { table: "confirmations", detail: e.to_string() })?;
        let now = self.now();
        let mut tx = self.spend(&attempt, visit).await?;
        let person = user::by_id_in(&mut tx, &id).await?.filter(|person| !person.disabled);
        let Some(person) = person else {
            tx.commit().await?;
            return Err(CodeError::Spent);
        };
        let contact = attempt.contact.clone();
        let main = person.contact(contact.kind()).is_none();
        let held = ConfirmedContact { contact: contact.clone(), verified_at: Some(now) };
        match user::insert_contact(&mut tx, &id, &held, main).await {
            Ok(()) => {}
            Err(StoreError::Taken(_)) => {
                // PostgreSQL ends the transaction at that, so the code is spent in another one.
                tx.rollback().await?;
                let mut tx = self.spend(&attempt, visit).await?;
                let own = user::by_contact_in(&mut tx, &contact).await?.is_some_and(|holder| holder.id == id);
                tx.commit().await?;
                return Ok(if own {
                    Confirmed::Added(contact)
                } else {
                    Confirmed::Taken(contact)
                });
            }
            Err(error) => return Err(error.into()),
        }
        user::touch(&mut tx, &id, now).await?;
        let record = Record::of(Event::ContactConfirmed).user(&id).with("kind", contact.kind().as_str());
        let record = visit.client.iter().fold(record, Record::client);
        self.write(&mut tx, &record, &visit.origin).await?;
        change::tell(&mut tx, Kind::User, &[id.to_string()], now).await?;
        tx.commit().await?;
        self.0.store.ephemeral().publish().await;
        Ok(Confirmed::Added(contact))
    }
}
