//! Sign-in by contact and password.
//!
//! 1. What cannot be a password (over 1 KiB) is wrong at once, whoever it is for.
//! 2. Whoever must wait is told so, before anything is compared: the right password gets the same answer.
//! 3. While the risk is high, an unknown browser does some work before each try.
//! 4. One hash is computed in every other case; without an account or a password it is compared with nothing.
//! 5. A failure is counted and recorded before the next guess can begin. Whose account it was is never told: unknown,
//!    wrong and no password are one answer. That an account is disabled is told only to who knows its password.
//! 6. A password that fails may be that of an account which became part of this one and whose contact was typed: it signs nobody
//!    in, but undoes that (`merge.rs`), and is no guess. While anybody has such an account, it is one hash more for everybody.
//! 7. A hash that was made at another cost is made again.

use kabinet_core::audit::{Event, Record};
use kabinet_core::authn::Factor;
use kabinet_core::contact::Contact;
use kabinet_core::id::UserId;
use kabinet_core::password::{MAX_BYTES, normal};
use kabinet_core::user::User;
use kabinet_core::work::Action;
use kabinet_store::user;

use crate::hashing::{HashError, Permit};
use crate::merge::MergedProof;
use crate::method::{Method, Place};
use crate::throttle::{Counters, Standing};
use crate::{Error, Identity, NeedsWork, Proof, Trouble, Visit};

/// The entry in the list of methods.
pub const METHOD: Method = Method { id: "password", place: Place::Form, registers: true };

/// Why a password did not prove anything.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// No such account, no password, or another password.
    #[error("wrong contact or password")]
    Wrong,
    /// Too many failures.
    #[error("too many failed attempts")]
    Throttled {
        /// How long to wait.
        seconds: i64,
    },
    /// Too many sign-ins at once.
    #[error("too many sign-ins at once")]
    Busy {
        /// When to come again.
        seconds: i64,
    },
    /// Some work is to be done first.
    #[error(transparent)]
    Work(#[from] NeedsWork),
    /// The password is right and the account disabled.
    #[error("the account is disabled")]
    Blocked,
    /// The password is right, and of an account that became part of the one that has the contact now.
    #[error("the account was merged into another one")]
    Merged(MergedProof),
    /// Not the person's fault.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<kabinet_store::Error> for LoginError {
    fn from(error: kabinet_store::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<HashError> for LoginError {
    fn from(error: HashError) -> Self {
        match Trouble::from(error) {
            Trouble::Busy(seconds) => Self::Busy { seconds },
            Trouble::Error(error) => Self::Store(error),
        }
    }
}

impl Identity {
    /// Checks a contact and a password as typed.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn check_password(&self, contact: &Contact, password: &str, visit: &Visit) -> Result<Proof, LoginError> {
        // Before anything that costs by the byte; no stored password is as long as that.
        if password.len() > 4 * MAX_BYTES {
            return Err(LoginError::Wrong);
        }
        let password = normal(password);
        if password.len() > MAX_BYTES {
            return Err(LoginError::Wrong);
        }
        let store = &self.0.store;
        let user = user::by_contact(store.db(), contact).await?;
        let counters = self.0.throttle.sign_in(user.as_ref(), contact, visit);
        if self.refuse_waiting(&counters).await?.is_tense {
            self.demand_work(Action::SignIn, visit).await?;
        }
        let permit = self.0.hasher.permit().await?;
        // Again, now that nobody else hashes in this place: guesses that queued up together are counted one by one.
        self.refuse_waiting(&counters).await?;
        // An unknown person is looked up as well, so that both cost the same statements.
        let subject = user.as_ref().map_or(contact.value(), |user| user.id.as_str());
        let stored = user::credential(store.db(), METHOD.id, subject).await?;
        let (right, permit) = self.0.hasher.verify(permit, &password, stored.as_deref()).await?;
        let (Some(user), Some(stored), true) = (&user, &stored, right) else {
            let (merged, _permit) = self.merged_by(permit, (subject, contact), &password).await?;
            if let Some(merged) = merged {
                self.record_failure(user.as_ref(), None, visit).await?;
                return Err(LoginError::Merged(merged));
            }
            self.record_failure(user.as_ref(), Some(&counters), visit).await?;
            return Err(LoginError::Wrong);
        };
        if user.disabled {
            self.record_failure(Some(user), None, visit).await?;
            return Err(LoginError::Blocked);
        }
        if self.0.hasher.is_outdated(stored) {
            self.rehash(permit, &user.id, (&password, stored), visit).await?;
        }
        Ok(Proof::new(user.id.clone(), vec![Factor::Pwd]))
    }

    async fn refuse_waiting(&self, counters: &Counters) -> Result<Standing, LoginError> {
        let standing = counters.standing(&self.0.store, self.now()).await?;
        match standing.wait {
            0 => Ok(standing),
            seconds => Err(LoginError::Throttled { seconds }),
        }
    }

    /// Records a failure and, unless the password was right, counts it.
    async fn record_failure(
        &self,
        user: Option<&User>,
        counters: Option<&Counters>,
        visit: &Visit,
    ) -> Result<(), LoginError> {
        let reason = match (counters, user) {
            (None, Some(user)) if !user.disabled => "merged",
            (None, _) => "disabled",
            (Some(_), _) => "wrong",
        };
        let record = Record::of(Event::LoginFailed).with("method", METHOD.id).with("reason", reason);
        let record = user.iter().fold(record, |record, user| record.user(&user.id));
        let record = visit.client.iter().fold(record, Record::client);
        let mut tx = self.0.store.begin().await?;
        if let Some(counters) = counters {
            counters.fail(&mut tx, self.now()).await?;
        }
        self.write(&mut tx, &record, &visit.origin).await?;
        tx.commit().await?;
        if let Some(counters) = counters {
            counters.fail_network(&self.0.store).await;
        }
        Ok(())
    }

    /// Makes a hash again at today's cost, unless the password was changed meanwhile.
    async fn rehash(
        &self,
        permit: Permit,
        id: &UserId,
        (password, old): (&str, &str),
        visit: &Visit,
    ) -> Result<(), LoginError> {
        let (new, permit) = self.0.hasher.hash(permit, password, &*self.0.entropy).await?;
        drop(permit);
        let now = self.now();
        let mut tx = self.0.store.begin().await?;
        if !user::replace_credential(&mut tx, (METHOD.id, id.as_str()), old, &new, now).await? {
            return Ok(tx.rollback().await?);
        }
        self.write(&mut tx, &Record::of(Event::PasswordRehashed).user(id), &visit.origin).await?;
        Ok(tx.commit().await?)
    }
}
