//! One more contact for an account, proven by a code sent to it.
//!
//! 1. [`begin_contact`](Identity::begin_contact) sends a code. The page, its cost and its limits are the same when the
//!    contact belongs to another account.
//! 2. While the session that asked is alive, the right code adds the contact, as the main one where the account has none
//!    of its kind, and the account's other contacts are told. One that belongs to another account stays there (nothing is
//!    ever linked by an equal value): whoever holds it is told, after the right code.

use kabinet_core::audit::{Event, Record};
use kabinet_core::authn::Session;
use kabinet_core::contact::Contact;
use kabinet_core::id::{ConfirmationId, SessionId, UserId};
use kabinet_core::user::ConfirmedContact;
use kabinet_store::change::{self, Kind};
use kabinet_store::{Error as StoreError, session, user};
use serde::{Deserialize, Serialize};

use crate::confirmation::{Attempt, CodeError, Confirmed};
use crate::delivery::{Notice, Purpose, Word};
use crate::{Identity, Visit};

/// What is sealed while the code is on its way.
#[derive(Serialize, Deserialize)]
struct Intent {
    user: UserId,
    session: SessionId,
}

impl Identity {
    /// Sends a code to a contact that a person wants to add.
    ///
    /// # Errors
    /// See [`CodeError`].
    pub async fn begin_contact(
        &self,
        session: &Session,
        contact: &Contact,
        visit: &Visit,
    ) -> Result<ConfirmationId, CodeError> {
        let intent = Intent { user: session.user_id.clone(), session: session.id.clone() };
        self.request_code(Purpose::Contact, contact, &intent, visit).await
    }

    /// Spends a right code and adds the contact.
    pub(crate) async fn finish_contact(&self, attempt: Attempt, visit: &Visit) -> Result<Confirmed, CodeError> {
        let Intent { user: id, session } = attempt.intent()?;
        let now = self.now();
        let mut tx = self.spend(&attempt, visit).await?;
        let person = user::by_id_in(&mut tx, &id).await?.filter(|person| !person.disabled);
        // A session that was ended meanwhile, by its owner or with a new password, adds nothing any more.
        let is_live = session::is_live(&mut tx, (&session, &id), now).await?;
        let Some(person) = person.filter(|_| is_live) else {
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
                if own {
                    user::verify_contact(&mut tx, &contact, now).await?;
                    change::tell(&mut tx, Kind::User, &[id.to_string()], now).await?;
                }
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
        // One more way to get the account back: whoever holds the others should know.
        let notice = Notice {
            person: &person,
            except: Some(&contact),
            word: Word::ContactAdded(now),
            brand: &visit.brand,
        };
        self.post_to_all(&mut tx, notice).await?;
        tx.commit().await?;
        self.0.store.ephemeral().publish().await;
        self.posted();
        Ok(Confirmed::Added(contact))
    }
}
