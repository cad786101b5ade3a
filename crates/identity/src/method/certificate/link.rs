//! Which certificates belong to an account.
//!
//! 1. Linking needs two fresh proofs: a signature, and the account (its password, or a code to a contact where it has none).
//!    A certificate whose numbers belong to another account stays there.
//! 2. Unlinking needs the account's proof, and leaves a way in: the last certificate of an account without a password and without
//!    another provider stays.
//! 3. Either is told to every contact. What a certificate said of an organisation is kept as a fact with its time.

use kabinet_core::audit::{Event, Record};
use kabinet_core::certificate::{Holder, Linked};
use kabinet_core::id::{CertificateId, ConfirmationId, OrganisationId, SessionId, UserId};
use kabinet_core::organisation::Proof;
use kabinet_core::user::User;
use kabinet_store::change::{self, Kind};
use kabinet_store::{Error as StoreError, Tx, certificate, organisation, session, user};
use serde::{Deserialize, Serialize};

use super::{Signer, is_weaker, only};
use crate::confirmation::{Attempt, CodeError};
use crate::delivery::{Notice, Purpose, Word};
use crate::method::password;
use crate::{Error, Identity, Visit};

/// How many certificates an account may have.
const MOST: usize = 20;

/// What a code of [`Purpose::SignIn`] does when it is right.
#[derive(Serialize, Deserialize)]
#[serde(tag = "then")]
pub enum Fresh {
    /// It is the second proof of a sign-in.
    #[serde(rename = "sign-in")]
    SignIn {
        /// To this account.
        user: UserId,
        /// With this certificate.
        certificate: CertificateId,
        /// Of this signer.
        signer: Signer,
        /// Whether the person wants to be remembered.
        remember: bool,
    },
    /// It links a certificate.
    #[serde(rename = "link")]
    Link {
        /// To this account.
        user: UserId,
        /// In which the code was asked for.
        session: SessionId,
        /// Of this signer.
        signer: Signer,
    },
    /// It takes a certificate from an account.
    #[serde(rename = "unlink")]
    Unlink {
        /// From this account.
        user: UserId,
        /// In which the code was asked for.
        session: SessionId,
        /// This certificate.
        certificate: CertificateId,
    },
}

/// Why a certificate was not linked or unlinked.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// One of its numbers belongs to another account, or to two certificates.
    #[error("the certificate is linked to another account")]
    Elsewhere,
    /// It is no qualified one, and the linked one of the same person is.
    #[error("the certificate is weaker than the linked one")]
    Weaker,
    /// The signature has linked a certificate before.
    #[error("the signature has served before")]
    Spent,
    /// The account has as many as one may have.
    #[error("the account has too many certificates")]
    TooMany,
    /// Without it nobody could sign in.
    #[error("the certificate is the only way into the account")]
    LastWay,
    /// The account has no such certificate.
    #[error("no such certificate")]
    NoSuch,
    /// Not the person's fault.
    #[error(transparent)]
    Store(#[from] Error),
}

impl PartialEq for LinkError {
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl From<StoreError> for LinkError {
    fn from(error: StoreError) -> Self {
        match error {
            // Linked elsewhere since it was looked up.
            StoreError::Taken(_) => Self::Elsewhere,
            error => Self::Store(error.into()),
        }
    }
}

impl Identity {
    /// Whether a certificate can go without locking its owner out, where it is the last: somebody else lets them in.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_other_way(&self, user: &UserId) -> Result<bool, Error> {
        let mut tx = self.0.store.begin().await?;
        let has_way = self.has_way_by_upstream(&mut tx, user).await?;
        tx.rollback().await?;
        Ok(has_way || self.has_password(user).await?)
    }

    /// The certificates of an account, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn certificates_of(&self, user: &UserId) -> Result<Vec<Linked>, Error> {
        Ok(certificate::of_user(self.0.store.db(), user).await?)
    }

    /// Whether an account has a password.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_password(&self, user: &UserId) -> Result<bool, Error> {
        let stored = user::credential(self.0.store.db(), password::METHOD.id, user.as_str()).await?;
        Ok(stored.is_some())
    }

    /// Sends a code that proves an account once more, for one action.
    ///
    /// # Errors
    /// See [`CodeError`]; [`CodeError::NotSent`] where the account has no contact that codes are sent to.
    pub async fn begin_fresh(&self, person: &User, then: &Fresh, visit: &Visit) -> Result<ConfirmationId, CodeError> {
        let contact = self.second_contact(person).ok_or(CodeError::NotSent)?;
        self.request_code(Purpose::SignIn, &contact, then, visit).await
    }

    /// Spends a right code that a session asked for. One that was ended meanwhile, by its owner or with a new password,
    /// changes nothing any more.
    pub(crate) async fn spend_in_session(
        &self,
        attempt: &Attempt,
        (session, user): (&SessionId, &UserId),
        visit: &Visit,
    ) -> Result<(), CodeError> {
        let mut tx = self.spend(attempt, visit).await?;
        let person = self.still_holds(&mut tx, attempt, user).await?;
        let is_live = session::is_live(&mut tx, (session, user), self.now()).await?;
        tx.commit().await?;
        match person {
            Some(_) if is_live => Ok(()),
            _ => Err(CodeError::Spent),
        }
    }

    /// Links a certificate to an account, both just proven, and spends the signature. A newer certificate of the same person
    /// takes the place of the linked one; with the very one that is linked there nothing changes.
    ///
    /// # Errors
    /// See [`LinkError`]; then nothing has changed.
    pub async fn link_certificate(
        &self,
        user: &UserId,
        signer: &Signer,
        visit: &Visit,
    ) -> Result<CertificateId, LinkError> {
        let now = self.now();
        let mut tx = self.0.store.begin().await?;
        change::tell(&mut tx, Kind::User, &[user.to_string()], now).await?;
        let person = user::by_id_in(&mut tx, user)
            .await?
            .filter(|person| !person.disabled)
            .ok_or(Error::Gone)?;
        let found = certificate::find_in(&mut tx, signer.holder().numbers()).await?;
        let id = match only(found, signer.holder()) {
            Ok(Some(linked)) if linked.user_id == *user => {
                if is_weaker(signer.holder(), &linked) {
                    return Err(LinkError::Weaker);
                }
                if linked.holder.certificate.sha256 != signer.holder().certificate.sha256 {
                    spend_signature(&mut tx, signer).await?;
                    self.renew_in(&mut tx, &linked, signer.holder(), visit)
                        .await
                        .map_err(|error| match error {
                            Error::Store(error) => error.into(),
                            error => LinkError::Store(error),
                        })?;
                }
                linked.id
            }
            Ok(None) => {
                spend_signature(&mut tx, signer).await?;
                if certificate::of_user_in(&mut tx, user).await?.len() >= MOST {
                    return Err(LinkError::TooMany);
                }
                let id = self.link_in(&mut tx, user, signer.holder(), visit).await?;
                let word = Word::CertificateLinked(now);
                let notice = Notice { person: &person, except: None, word, brand: &visit.brand };
                self.post_to_all(&mut tx, notice).await?;
                id
            }
            Ok(Some(_)) | Err(_) => return Err(LinkError::Elsewhere),
        };
        self.note_organisation(&mut tx, user, signer.holder()).await?;
        tx.commit().await?;
        self.0.store.ephemeral().publish().await;
        self.posted();
        Ok(id)
    }

    /// Links a certificate inside the transaction that makes it true, with its record.
    pub(crate) async fn link_in(
        &self,
        tx: &mut Tx,
        user: &UserId,
        holder: &Holder,
        visit: &Visit,
    ) -> Result<CertificateId, StoreError> {
        let now = self.now();
        let new = Linked {
            id: CertificateId::generate(now, &*self.0.entropy),
            user_id: user.clone(),
            holder: holder.clone(),
            linked_at: now,
            used_at: None,
        };
        certificate::link(tx, &new).await?;
        let record = Record::of(Event::CertificateLinked)
            .user(user)
            .with("certificate", new.id.as_str())
            .with("sha256", holder.certificate.sha256.as_str());
        let record = visit.client.iter().fold(record, Record::client);
        self.write(tx, &record, &visit.origin).await?;
        Ok(new.id)
    }

    /// Keeps what a qualified certificate says of an organisation. The transaction has told of the person.
    pub(crate) async fn note_organisation(
        &self,
        tx: &mut Tx,
        user: &UserId,
        holder: &Holder,
    ) -> Result<(), StoreError> {
        let business = holder.organisation.as_ref().filter(|_| holder.certificate.is_qualified);
        let Some((business, named)) = business.and_then(|one| Some((one, one.named()?))) else {
            return Ok(());
        };
        let now = self.now();
        change::tell(tx, Kind::User, &[user.to_string()], now).await?;
        let one = named.of_person(
            OrganisationId::generate(now, &*self.0.entropy),
            (business.relation, Proof::Certificate),
            now,
        );
        // One too many is no reason to keep a person out.
        organisation::put(tx, user, &one).await?;
        organisation::keep(tx, user, now).await?;
        Ok(())
    }

    /// Takes a certificate from an account that was just proven.
    ///
    /// # Errors
    /// See [`LinkError`]; then nothing has changed.
    pub async fn unlink_certificate(&self, user: &UserId, id: &CertificateId, visit: &Visit) -> Result<(), LinkError> {
        let now = self.now();
        let has_password = self.has_password(user).await?;
        let mut tx = self.0.store.begin().await?;
        change::tell(&mut tx, Kind::User, &[user.to_string()], now).await?;
        let person = user::by_id_in(&mut tx, user).await?.ok_or(Error::Gone)?;
        let is_last = certificate::of_user_in(&mut tx, user).await?.len() == 1;
        if is_last && !has_password && !self.has_way_by_upstream(&mut tx, user).await? {
            return Err(LinkError::LastWay);
        }
        if !certificate::unlink(&mut tx, user, id).await? {
            return Err(LinkError::NoSuch);
        }
        let record = Record::of(Event::CertificateUnlinked).user(user).with("certificate", id.as_str());
        self.write(&mut tx, &record, &visit.origin).await?;
        let word = Word::CertificateUnlinked(now);
        let notice = Notice { person: &person, except: None, word, brand: &visit.brand };
        self.post_to_all(&mut tx, notice).await?;
        tx.commit().await?;
        self.0.store.ephemeral().publish().await;
        self.posted();
        Ok(())
    }
}

/// What was carried from page to page links one certificate, however often it is sent.
async fn spend_signature(tx: &mut Tx, signer: &Signer) -> Result<(), LinkError> {
    if certificate::forget_challenge(tx, signer.challenge()).await? {
        Ok(())
    } else {
        Err(LinkError::Spent)
    }
}
