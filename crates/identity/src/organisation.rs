//! Organisations that people act for.
//!
//! 1. A person states one ([`Proof::Stated`]): nobody has checked it, and the claim says so. An administrator enters one that
//!    somebody has checked; stating it again does not take that back.
//! 2. With several, the person chooses one for each product that asks; the choice is remembered.
//!
//! Each change tells of the person first, which puts changes of one account in a row.

use kabinet_core::ambient::Entropy;
use kabinet_core::audit::{Event, Origin, Record};
use kabinet_core::id::{ClientId, OrganisationId, UserId};
use kabinet_core::organisation::{Named, Organisation, Proof, Relation};
use kabinet_core::time::Timestamp;
use kabinet_store::change::{self, Kind};
use kabinet_store::organisation::{self, Removable};
use kabinet_store::{Error as StoreError, Tx};

use crate::{Error, Identity};

/// Why an organisation was not added.
#[derive(Debug, thiserror::Error)]
pub enum OrganisationError {
    /// The person has as many as one may have.
    #[error("the person has too many organisations")]
    TooMany,
    /// Not the caller's fault.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<StoreError> for OrganisationError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl Identity {
    /// Adds an organisation to a person, or says anew what was only stated before; the person's organisations afterwards.
    ///
    /// # Errors
    /// See [`OrganisationError`].
    pub async fn add_organisation(
        &self,
        user: &UserId,
        named: Named,
        (relation, proof): (Relation, Proof),
        origin: &Origin,
    ) -> Result<Vec<Organisation>, OrganisationError> {
        let entropy: &dyn Entropy = &*self.0.entropy;
        let (mut tx, now) = self.change_of(user).await?;
        let one = named.of_person(OrganisationId::generate(now, entropy), (relation, proof), now);
        if !organisation::put(&mut tx, user, &one).await? {
            tx.rollback().await?;
            return Err(OrganisationError::TooMany);
        }
        let held = organisation::keep(&mut tx, user, now).await?;
        let record = Record::of(Event::OrganisationAdded).user(user).with("proof", proof.as_str());
        self.write(&mut tx, &record, origin).await?;
        self.finish(tx).await?;
        Ok(held.list)
    }

    /// Takes an organisation from a person; `false` when there is no such one, or none that may be taken.
    ///
    /// # Errors
    /// When the database fails; then nothing has changed.
    pub async fn remove_organisation(
        &self,
        user: &UserId,
        id: &OrganisationId,
        which: Removable,
        origin: &Origin,
    ) -> Result<bool, Error> {
        let (mut tx, now) = self.change_of(user).await?;
        if !organisation::remove(&mut tx, user, id, which).await? {
            tx.rollback().await?;
            return Ok(false);
        }
        organisation::keep(&mut tx, user, now).await?;
        let record = Record::of(Event::OrganisationRemoved).user(user).with("organisation", id.as_str());
        self.write(&mut tx, &record, origin).await?;
        self.finish(tx).await?;
        Ok(true)
    }

    /// Remembers for which organisation a person acts in a product; `false` when it is not theirs.
    ///
    /// # Errors
    /// When the database fails; then nothing has changed.
    pub async fn choose_organisation(
        &self,
        user: &UserId,
        client: &ClientId,
        id: &OrganisationId,
        origin: &Origin,
    ) -> Result<bool, Error> {
        let (mut tx, now) = self.change_of(user).await?;
        if !organisation::choose(&mut tx, user, client, id).await? {
            tx.rollback().await?;
            return Ok(false);
        }
        organisation::keep(&mut tx, user, now).await?;
        let record = Record::of(Event::OrganisationChosen).user(user).client(client);
        self.write(&mut tx, &record.with("organisation", id.as_str()), origin).await?;
        self.finish(tx).await?;
        Ok(true)
    }

    async fn change_of(&self, user: &UserId) -> Result<(Tx, Timestamp), Error> {
        let now = self.now();
        let mut tx = self.0.store.begin().await?;
        change::tell(&mut tx, Kind::User, &[user.to_string()], now).await?;
        Ok((tx, now))
    }

    async fn finish(&self, tx: Tx) -> Result<(), Error> {
        tx.commit().await?;
        self.0.store.ephemeral().publish().await;
        Ok(())
    }
}
