//! Devices that a person allows: the further proof of an account that has no password, and what its contacts are told.
//!
//! Whoever allows a device in another network proves the account once more (RFC 10027): by the password, which the page asks for,
//! or, without one, by a code to a confirmed contact. The code proves it for that one device and for what the page showed of it.

use kabinet_core::authn::Session;
use kabinet_core::id::{ConfirmationId, SessionId, UserId};
use kabinet_core::user::User;
use kabinet_store::user;
use serde::{Deserialize, Serialize};

use crate::confirmation::{Attempt, CodeError, Confirmed};
use crate::delivery::{Notice, Purpose, Word};
use crate::{Error, Identity, Visit};

/// What a code that proves the account once more lets in.
#[derive(Serialize, Deserialize)]
#[serde(tag = "then")]
pub(crate) enum FreshDevice {
    /// A device, as the page `shown` showed it in this session.
    #[serde(rename = "allow-device")]
    Allow {
        user: UserId,
        session: SessionId,
        shown: String,
    },
}

impl Identity {
    /// Sends the code that allows a device; `shown` tells it apart from others, and from itself with other rights.
    ///
    /// # Errors
    /// See [`CodeError`]; [`CodeError::NotSent`] where there is no contact to send it to.
    pub async fn begin_fresh_device(
        &self,
        (person, session): (&User, &Session),
        shown: String,
        visit: &Visit,
    ) -> Result<ConfirmationId, CodeError> {
        let contact = self.second_contact(person).ok_or(CodeError::NotSent)?;
        let then = FreshDevice::Allow { user: person.id.clone(), session: session.id.clone(), shown };
        self.request_code(Purpose::SignIn, &contact, &then, visit).await
    }

    pub(crate) async fn finish_fresh_device(
        &self,
        attempt: &Attempt,
        FreshDevice::Allow { user, session, shown }: FreshDevice,
        visit: &Visit,
    ) -> Result<Confirmed, CodeError> {
        self.spend_in_session(attempt, (&session, &user), visit).await?;
        Ok(Confirmed::DeviceProven(shown))
    }

    /// Tells every confirmed contact that a device was allowed to sign in.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tell_of_device(&self, user: &UserId, visit: &Visit) -> Result<(), Error> {
        let mut tx = self.0.store.begin().await?;
        let person = user::by_id_in(&mut tx, user).await?.ok_or(Error::Gone)?;
        let word = Word::DeviceAllowed(self.now());
        let notice = Notice { person: &person, except: None, word, brand: &visit.brand };
        self.post_to_all(&mut tx, notice).await?;
        tx.commit().await?;
        self.posted();
        Ok(())
    }
}
