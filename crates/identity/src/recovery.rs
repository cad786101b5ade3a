//! Getting an account back, and phones that change hands.
//!
//! 1. [`begin_recovery`](Identity::begin_recovery) sends a code. Without an account (or with a disabled one) everything looks
//!    the same and costs the same; nothing is sent and no code is right.
//! 2. The right code opens a *recovery* for the browser that entered it ([`recovery`](Identity::recovery)): an e-mail address
//!    at once, a phone if it was proven within 180 days. An older phone may be somebody else's by now; it needs a second
//!    proof, a code to another contact, or a wait of three days that every contact is told of.
//! 3. [`set_password`](Identity::set_password) spends the recovery: the new password, the end of every session and grant and
//!    the records are one transaction. Nobody is signed in by it; every contact is told.
//! 4. Whoever proves a phone whose account is not theirs says so ([`disown`](Identity::disown)): after the same wait the phone
//!    leaves the account and can be registered anew, with a new subject. The account's other contacts are told.
//! 5. A sign-in to the account stops whatever waits for it.

use kabinet_core::audit::{Event, Origin, Record};
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::id::{ConfirmationId, HandoverId, RecoveryId, UserId};
use kabinet_core::password::BadPassword;
use kabinet_core::secret::Secret;
use kabinet_core::time::Timestamp;
use kabinet_core::user::User;
use kabinet_store::change::{self, Kind};
use kabinet_store::recovery::{Handover, HandoverKind, Recovery, Stage};
use kabinet_store::{Tx, grant, recovery, user};
use serde::{Deserialize, Serialize};

use crate::confirmation::{Attempt, CodeError, Confirmed};
use crate::delivery::{Notice, Purpose, Word};
use crate::hashing::HashError;
use crate::method::password::METHOD;
use crate::{Error, Identity, Trouble, Visit};

/// How long a finished wait can be used, seconds.
const OPEN: i64 = 14 * 24 * 3600;

/// What the page of a recovery offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// The contact that was proven.
    pub contact: Contact,
    /// What may be done.
    pub stage: Stage,
    /// Other contacts that could give the second proof.
    pub others: Vec<Contact>,
    /// When a wait that was begun before is over.
    pub due_at: Option<Timestamp>,
}

/// Why an account was not given back.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The password may not be set.
    #[error(transparent)]
    Password(#[from] BadPassword),
    /// There is no such recovery in this browser, it is over or was used.
    #[error("the recovery is over")]
    Over,
    /// Too many sign-ins at once.
    #[error("too many sign-ins at once")]
    Busy {
        /// When to come again.
        seconds: i64,
    },
    /// Not the person's fault.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<HashError> for RecoveryError {
    fn from(error: HashError) -> Self {
        match Trouble::from(error) {
            Trouble::Busy(seconds) => Self::Busy { seconds },
            Trouble::Error(error) => Self::Store(error),
        }
    }
}

impl From<kabinet_store::Error> for RecoveryError {
    fn from(error: kabinet_store::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What is sealed while the code is on its way.
#[derive(Default, Serialize, Deserialize)]
struct Intent {
    /// The recovery whose second proof this is.
    second_of: Option<RecoveryId>,
}

impl Identity {
    /// Sends a code to whoever wants to set a new password.
    ///
    /// # Errors
    /// See [`CodeError`].
    pub async fn begin_recovery(&self, contact: &Contact, visit: &Visit) -> Result<ConfirmationId, CodeError> {
        self.request_code(Purpose::Recover, contact, &Intent::default(), visit).await
    }

    /// Spends a right code: it opens a recovery, or is the second proof of one.
    pub(crate) async fn finish_recovery(&self, attempt: Attempt, visit: &Visit) -> Result<Confirmed, CodeError> {
        let intent: Intent = attempt.intent()?;
        let (now, contact) = (self.now(), &attempt.contact);
        // First: a wrong code costs the same whoever holds the contact.
        let mut tx = self.spend(&attempt, visit).await?;
        let holder = user::by_contact_in(&mut tx, contact).await?.filter(|holder| !holder.disabled);
        let Some(holder) = holder else {
            // Deleted, disabled or moved since the code was sent.
            tx.commit().await?;
            return Err(CodeError::Spent);
        };
        let stage = if self.gives_back(&mut tx, &holder, contact).await? {
            Stage::Ready
        } else {
            Stage::Second
        };
        let opened = match intent.second_of {
            Some(first) if stage == Stage::Ready => {
                let first = recovery::promote(&mut tx, &first, &visit.binding, &holder.id, now).await?;
                first.ok_or(CodeError::Spent)?.id
            }
            Some(_) => return Err(CodeError::Spent),
            None => self.open_recovery(&mut tx, (&holder.id, contact), stage, visit).await?,
        };
        // An old phone is not proven to be its owner's by a code alone.
        if stage == Stage::Ready {
            user::verify_contact(&mut tx, contact, now).await?;
        }
        tx.commit().await?;
        Ok(Confirmed::Recovering(opened))
    }

    /// Whether a contact alone gives its account back.
    async fn gives_back(&self, tx: &mut Tx, holder: &User, contact: &Contact) -> Result<bool, Error> {
        if contact.kind() == ContactKind::Email {
            return Ok(true);
        }
        let now = self.now();
        let held = user::contacts_in(tx, &holder.id).await?;
        let held = held.iter().find(|held| held.contact == *contact);
        let proven = held.and_then(|held| held.verified_at);
        if proven.is_some_and(|at| now.since(at) <= self.0.config.recovery.phone_fresh) {
            return Ok(true);
        }
        let waited = recovery::open_handover_in(tx, HandoverKind::Recover, &holder.id, contact, now).await?;
        Ok(waited.is_some_and(|wait| wait.due_at <= now))
    }

    /// Opens a recovery for this browser.
    pub(crate) async fn open_recovery(
        &self,
        tx: &mut Tx,
        (user, contact): (&UserId, &Contact),
        stage: Stage,
        visit: &Visit,
    ) -> Result<RecoveryId, Error> {
        let now = self.now();
        let new = Recovery {
            id: RecoveryId::generate(now, &*self.0.entropy),
            user_id: user.clone(),
            contact: contact.clone(),
            binding: visit.binding.clone(),
            stage,
            expires_at: now.plus(self.0.config.recovery.ticket),
        };
        recovery::insert(tx, &new).await?;
        if stage != Stage::Registered {
            let record = Record::of(Event::RecoveryBegun).user(user).with("kind", contact.kind().as_str());
            self.write(tx, &record, &visit.origin).await?;
        }
        Ok(new.id)
    }

    /// What a recovery of this browser offers; `None` when there is none, or it is over or was used.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recovery(&self, id: &RecoveryId, visit: &Visit) -> Result<Option<Way>, Error> {
        let (now, db) = (self.now(), self.0.store.db());
        let Some(row) = recovery::live(db, id, &visit.binding, now).await? else {
            return Ok(None);
        };
        let (mut others, mut due_at) = (Vec::new(), None);
        if row.stage == Stage::Second {
            others = self.second_contacts(&row).await?;
            let wait = recovery::open_handover(db, HandoverKind::Recover, &row.user_id, &row.contact, now).await?;
            due_at = wait.map(|wait| wait.due_at);
        }
        Ok(Some(Way { contact: row.contact, stage: row.stage, others, due_at }))
    }

    /// Contacts that alone would give the account back.
    async fn second_contacts(&self, row: &Recovery) -> Result<Vec<Contact>, Error> {
        let (now, fresh) = (self.now(), self.0.config.recovery.phone_fresh);
        let held = user::contacts(self.0.store.db(), &row.user_id).await?;
        let is_good = |at: Timestamp, kind| kind == ContactKind::Email || now.since(at) <= fresh;
        Ok(held
            .into_iter()
            .filter(|(held, _)| held.contact != row.contact)
            .filter(|(held, _)| held.verified_at.is_some_and(|at| is_good(at, held.contact.kind())))
            .map(|(held, _)| held.contact)
            .collect())
    }

    /// Sends the code of the second proof to the contact at this place of [`Way::others`].
    ///
    /// # Errors
    /// See [`CodeError`].
    pub async fn begin_second(&self, id: &RecoveryId, at: usize, visit: &Visit) -> Result<ConfirmationId, CodeError> {
        let row = recovery::live(self.0.store.db(), id, &visit.binding, self.now()).await?;
        let row = row.filter(|row| row.stage == Stage::Second).ok_or(CodeError::Unknown)?;
        let others = self.second_contacts(&row).await?;
        let contact = others.get(at).ok_or(CodeError::Unknown)?;
        self.request_code(Purpose::Recover, contact, &Intent { second_of: Some(id.clone()) }, visit)
            .await
    }

    /// Begins the wait after which the phone alone gives the account back; when it is over. Asked for again, the wait that
    /// was begun first counts.
    ///
    /// # Errors
    /// See [`RecoveryError`].
    pub async fn wait_for_recovery(&self, id: &RecoveryId, visit: &Visit) -> Result<Timestamp, RecoveryError> {
        self.begin_handover(id, (Stage::Second, HandoverKind::Recover), visit).await
    }

    /// Says that the account of this phone is somebody else's; when the phone will leave it.
    ///
    /// # Errors
    /// See [`RecoveryError`].
    pub async fn disown(&self, id: &RecoveryId, visit: &Visit) -> Result<Timestamp, RecoveryError> {
        let row = recovery::live(self.0.store.db(), id, &visit.binding, self.now()).await?;
        let row = row.filter(|row| row.contact.kind() == ContactKind::Phone).ok_or(RecoveryError::Over)?;
        self.begin_handover(id, (row.stage, HandoverKind::Detach), visit).await
    }

    async fn begin_handover(
        &self,
        id: &RecoveryId,
        (stage, kind): (Stage, HandoverKind),
        visit: &Visit,
    ) -> Result<Timestamp, RecoveryError> {
        let (now, db) = (self.now(), self.0.store.db());
        let mut tx = self.0.store.begin().await?;
        let row = recovery::spend(&mut tx, id, &visit.binding, stage, now)
            .await?
            .ok_or(RecoveryError::Over)?;
        let person = user::by_id_in(&mut tx, &row.user_id).await?.ok_or(RecoveryError::Over)?;
        let due_at = now.plus(self.0.config.recovery.delay);
        let new = Handover {
            id: HandoverId::generate(now, &*self.0.entropy),
            kind,
            user_id: row.user_id,
            contact: row.contact,
            due_at,
            expires_at: due_at.plus(OPEN),
        };
        if !recovery::begin_handover(&mut tx, &new, now).await? {
            tx.commit().await?;
            let open = recovery::open_handover(db, kind, &new.user_id, &new.contact, now).await?;
            return Ok(open.map_or(due_at, |open| open.due_at));
        }
        let record = Record::of(Event::HandoverBegun).user(&new.user_id).with("kind", kind.as_str());
        self.write(&mut tx, &record, &visit.origin).await?;
        let (except, word) = match kind {
            HandoverKind::Recover => (None, Word::RecoveryWaits(due_at)),
            HandoverKind::Detach => (Some(&new.contact), Word::PhoneLeaves(due_at)),
        };
        let notice = Notice { person: &person, except, word, brand: &visit.brand };
        self.post_to_all(&mut tx, notice).await?;
        tx.commit().await?;
        self.posted();
        Ok(due_at)
    }

    /// Sets the new password and ends everything that the old one had opened. The answer is the contact that was proven, and
    /// the mark by which this browser is known to the account from now on: strangers who go on guessing do not make the
    /// owner wait who has just got it back.
    ///
    /// # Errors
    /// See [`RecoveryError`]; a refused password leaves the recovery as it is.
    pub async fn set_password(
        &self,
        id: &RecoveryId,
        password: &Secret,
        visit: &Visit,
    ) -> Result<(Contact, String), RecoveryError> {
        let (now, db) = (self.now(), self.0.store.db());
        // Before the hash, which costs.
        let row = recovery::live(db, id, &visit.binding, now).await?;
        let row = row.filter(|row| row.stage == Stage::Ready).ok_or(RecoveryError::Over)?;
        let held = user::contacts(db, &row.user_id).await?;
        let contacts: Vec<&str> = held.iter().map(|(held, _)| held.contact.value()).collect();
        let names = [&contacts[..], &visit.brand.names()].concat();
        self.check_new_password(password, &names).await??;
        let phc = self.hash_password(password.expose()).await?;
        let now = self.now();
        let mut tx = self.0.store.begin().await?;
        let row = recovery::spend(&mut tx, id, &visit.binding, Stage::Ready, now)
            .await?
            .ok_or(RecoveryError::Over)?;
        let person = user::by_id_in(&mut tx, &row.user_id).await?.filter(|person| !person.disabled);
        let person = person.ok_or(RecoveryError::Over)?;
        user::put_credential(&mut tx, &person.id, (METHOD.id, person.id.as_str()), &phc, now).await?;
        self.end_all_in(&mut tx, (&person.id, ""), "a new password was set", &visit.origin)
            .await?;
        grant::end_of_user(&mut tx, &person.id, now).await?;
        // Whatever else the account's contacts opened, in whichever browser.
        recovery::close(&mut tx, &person.id, now).await?;
        self.stop_handovers(&mut tx, &person.id, &visit.origin).await?;
        self.0.throttle.of_user(person.id.as_str(), visit).clear(&mut tx).await?;
        let record = Record::of(Event::PasswordChanged).user(&person.id).with("by", "recovery");
        let record = visit.client.iter().fold(record, Record::client);
        self.write(&mut tx, &record, &visit.origin).await?;
        let notice = Notice {
            person: &person,
            except: None,
            word: Word::PasswordChanged(now),
            brand: &visit.brand,
        };
        self.post_to_all(&mut tx, notice).await?;
        tx.commit().await?;
        self.0.store.ephemeral().publish().await;
        self.posted();
        Ok((row.contact, self.device_mark(&person.id, &visit.binding)))
    }

    /// Ends what waits to happen to an account.
    pub(crate) async fn stop_handovers(&self, tx: &mut Tx, user: &UserId, origin: &Origin) -> Result<(), Error> {
        if recovery::end_handovers(tx, user, self.now()).await? > 0 {
            self.write(tx, &Record::of(Event::HandoverStopped).user(user), origin).await?;
        }
        Ok(())
    }

    /// Takes a phone whose wait is over from its account; `false` when somebody else has.
    async fn settle(&self, wait: &Handover) -> Result<bool, Error> {
        let now = self.now();
        let mut tx = self.0.store.begin().await?;
        if !recovery::end_handover(&mut tx, &wait.id, now).await? {
            return Ok(false);
        }
        let removed = user::remove_contact(&mut tx, &wait.user_id, &wait.contact, now).await?;
        if removed {
            // What the number opened must not outlive its leaving.
            recovery::close(&mut tx, &wait.user_id, now).await?;
            let left = user::contacts_in(&mut tx, &wait.user_id).await?.len();
            let record = Record::of(Event::ContactRemoved).user(&wait.user_id);
            let record = record.with("kind", wait.contact.kind().as_str()).with("left", left);
            self.write(&mut tx, &record, &Origin { actor: "system", ..Origin::default() }).await?;
            change::tell(&mut tx, Kind::User, &[wait.user_id.to_string()], now).await?;
        }
        tx.commit().await?;
        Ok(removed)
    }

    /// Takes from their accounts the phones whose wait is over. How many.
    ///
    /// # Errors
    /// When the database fails before any was begun; one that fails is tried again the next time.
    pub async fn settle_handovers(&self) -> Result<usize, Error> {
        let now = self.now();
        let due = recovery::due(self.0.store.db(), HandoverKind::Detach, now).await?;
        let mut settled = 0;
        for wait in due {
            match self.settle(&wait).await {
                Ok(done) => settled += usize::from(done),
                // The next one may be sound.
                Err(error) => tracing::warn!(%error, handover.id = %wait.id, "a handover was not carried out"),
            }
        }
        if settled > 0 {
            self.0.store.ephemeral().publish().await;
        }
        Ok(settled)
    }
}
