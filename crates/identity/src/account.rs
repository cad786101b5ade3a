//! Accounts as administrators see them: made, disabled, enabled, unlocked, deleted.
//!
//! Each is one transaction with its audit record. Disabling and deleting end every session and every grant, also those
//! that outlive a session, and tell every node.

use kabinet_core::audit::{Event, Origin, Record};
use kabinet_core::brand::Brands;
use kabinet_core::claims::{self, BadClaim};
use kabinet_core::client::Role;
use kabinet_core::contact::Contact;
use kabinet_core::id::UserId;
use kabinet_core::password::BadPassword;
use kabinet_core::secret::Secret;
use kabinet_core::user::ConfirmedContact;
use kabinet_store::change::{self, Kind};
use kabinet_store::user::NewUser;
use kabinet_store::{Error as StoreError, grant, merge, user};
use serde_json::{Map, Value};

use crate::hashing::HashError;
use crate::method::password::METHOD;
use crate::{Error, Identity, Trouble};

/// An account that an administrator makes.
#[derive(Clone, Debug, Default)]
pub struct NewAccount {
    /// Its contacts; they count as confirmed. The first of each kind is the main one.
    pub contacts: Vec<Contact>,
    /// Its password, if it gets one.
    pub password: Option<Secret>,
    /// OpenID standard claims.
    pub claims: Map<String, Value>,
    /// The administrative role.
    pub role: Option<Role>,
}

/// Why an account was not made.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// An account without a contact could never be signed in to.
    #[error("an account needs a phone or an e-mail address")]
    NoContact,
    /// The password may not be set.
    #[error(transparent)]
    Password(#[from] BadPassword),
    /// A claim may not be stored.
    #[error(transparent)]
    Claim(#[from] BadClaim),
    /// A contact has an account already.
    #[error("the {0} has an account already")]
    Taken(&'static str),
    /// Too many passwords are hashed at once.
    #[error("too many sign-ins at once")]
    Busy {
        /// When to come again.
        seconds: i64,
    },
    /// Not the caller's fault.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Taken(what) => Self::Taken(what),
            error => Self::Store(error.into()),
        }
    }
}

impl From<HashError> for AccountError {
    fn from(error: HashError) -> Self {
        match Trouble::from(error) {
            Trouble::Busy(seconds) => Self::Busy { seconds },
            Trouble::Error(error) => Self::Store(error),
        }
    }
}

impl Identity {
    /// Makes an account whose contacts count as confirmed; nobody is asked about documents.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn create_user(&self, new: NewAccount, origin: &Origin) -> Result<UserId, AccountError> {
        if new.contacts.is_empty() {
            return Err(AccountError::NoContact);
        }
        claims::check(&new.claims)?;
        let phc = match &new.password {
            Some(password) => {
                let brands = Brands::built_in();
                let contacts: Vec<&str> = new.contacts.iter().map(Contact::value).collect();
                let names = [&contacts[..], &brands.find(None).names()].concat();
                self.check_new_password(password, &names).await??;
                Some(self.hash_password(password.expose()).await?)
            }
            None => None,
        };
        let (now, id) = (self.now(), UserId::generate(&*self.0.entropy));
        let confirmed = |contact| ConfirmedContact { contact, verified_at: Some(now) };
        let contacts = new.contacts.into_iter().map(confirmed).collect();
        let mut tx = self.0.store.begin().await?;
        user::insert(
            &mut tx,
            &NewUser {
                id: id.clone(),
                claims: new.claims,
                role: new.role,
                contacts,
                created_at: now,
            },
        )
        .await?;
        if let Some(phc) = phc {
            user::put_credential(&mut tx, &id, (METHOD.id, id.as_str()), &phc, now).await?;
        }
        self.write(&mut tx, &Record::of(Event::UserCreated).user(&id), origin).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Disables or enables an account; `false` when it was so already or is unknown.
    ///
    /// # Errors
    /// When the database fails; then nothing has changed.
    pub async fn set_disabled(&self, id: &UserId, disabled: bool, origin: &Origin) -> Result<bool, Error> {
        let now = self.now();
        let mut tx = self.0.store.begin().await?;
        if !user::set_disabled(&mut tx, id, disabled, now).await? {
            tx.rollback().await?;
            return Ok(false);
        }
        if disabled {
            self.end_all_in(&mut tx, (id, ""), "the account was disabled", origin).await?;
            grant::end_of_user(&mut tx, id, now).await?;
        }
        change::tell(&mut tx, Kind::User, &[id.to_string()], now).await?;
        let event = if disabled { Event::UserDisabled } else { Event::UserEnabled };
        self.write(&mut tx, &Record::of(event).user(id), origin).await?;
        tx.commit().await?;
        self.0.store.ephemeral().publish().await;
        Ok(true)
    }

    /// Lets somebody try again at once who must wait after failures, whoever has failed, and get codes again; `false` when the
    /// account is unknown.
    ///
    /// # Errors
    /// When the database fails; then nothing has changed.
    pub async fn unlock(&self, id: &UserId, origin: &Origin) -> Result<bool, Error> {
        let mut tx = self.0.store.begin().await?;
        if user::by_id_in(&mut tx, id).await?.is_none() {
            return Ok(false);
        }
        let held = user::contacts_in(&mut tx, id).await?;
        let contacts: Vec<Contact> = held.into_iter().map(|held| held.contact).collect();
        self.0.throttle.forget(&mut tx, id.as_str(), &contacts).await?;
        self.write(&mut tx, &Record::of(Event::UserUnlocked).user(id), origin).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Deletes an account with everything that hangs on it, and with it those that became part of it; `false` when it is unknown.
    ///
    /// # Errors
    /// When the database fails; then nothing has changed.
    pub async fn delete_user(&self, id: &UserId, origin: &Origin) -> Result<bool, Error> {
        let now = self.now();
        let mut tx = self.0.store.begin().await?;
        self.end_all_in(&mut tx, (id, ""), "the account was deleted", origin).await?;
        grant::end_of_user(&mut tx, id, now).await?;
        let person = user::by_id_in(&mut tx, id).await?;
        if let Some(person) = &person {
            merge::rename_notices(&mut tx, id, &person.subjects).await?;
        }
        let merged = merge::merged_into(&mut tx, id).await?;
        if !user::delete(&mut tx, id).await? {
            tx.rollback().await?;
            return Ok(false);
        }
        let gone: Vec<String> = std::iter::once(id).chain(&merged).map(UserId::to_string).collect();
        change::tell(&mut tx, Kind::User, &gone, now).await?;
        let record = Record::of(Event::UserDeleted).user(id);
        let record = if merged.is_empty() {
            record
        } else {
            record.with("merged_subs", gone[1..].to_vec())
        };
        self.write(&mut tx, &record, origin).await?;
        tx.commit().await?;
        self.0.store.ephemeral().publish().await;
        Ok(true)
    }
}
