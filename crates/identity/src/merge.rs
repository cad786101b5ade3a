//! Two accounts of one person become one, and two again within 30 days.
//!
//! 1. [`begin_merge`](Identity::begin_merge): somebody who is signed in has just proven their account, the one that stays. An
//!    attempt is kept for five minutes, for this browser and this session.
//! 2. They sign in to the other account by any of its ways, through the request that the attempt names: no sign-in of before, of
//!    another request or of another browser counts. [`merging`](Identity::merging) finds it, [`merge_preview`](Identity::merge_preview)
//!    says what will happen.
//! 3. [`merge`](Identity::merge) spends the attempt and, in the same transaction, applies the rules (`kabinet_core::merge`), ends every
//!    session and grant of the other account, moves to the one that stays what it can take, and tells every contact of both.
//! 4. [`undo_merge`](Identity::undo_merge) gives back what moved and is still there, after a fresh proof of the account that stayed;
//!    [`undo_merge_by_password`](Identity::undo_merge_by_password) does so for whoever knows the password that the merged account had.
//!
//! What stays where it is: the name and the claims of either account; what both have (an organisation, an allowance of one client);
//! the merged account's password, good only to undo; records of what was agreed to, which are shown with both and never change hands
//! (152-ФЗ): what the account that stays has not agreed to itself, it is asked.
//!
//! Each client keeps the `sub` that it knew (`User::subjects`). An undo takes those names back and ends the grants that used them: the
//! merged account has its own `sub` everywhere again, and no client ever gets it for anybody else. What clients met for the first time
//! while the accounts were one stays with the account that stayed.
//!
//! An administrator can neither merge nor undo: there is no command for it.

use std::collections::BTreeSet;

use kabinet_core::audit::{Event, Record};
use kabinet_core::authn::Session;
use kabinet_core::contact::Contact;
use kabinet_core::document::{Act, Kind as DocumentKind};
use kabinet_core::id::{ClientId, ConfirmationId, FlowId, MergeId, SessionId, UserId};
use kabinet_core::merge::{self as rules, PROOF_LIFE, Refusal, Side, Situation, Together};
use kabinet_core::time::Timestamp;
use kabinet_core::user::{ConfirmedContact, User};
use kabinet_store::change::{self, Kind};
use kabinet_store::merge::{self, Attempt as Row, Merge};
use kabinet_store::{
    Error as StoreError, Tx, certificate, consent, document, grant, organisation, recovery, session, upstream, user,
};
use serde::{Deserialize, Serialize};

use crate::confirmation::{Attempt, CodeError, Confirmed};
use crate::delivery::{Notice, Purpose, Word};
use crate::hashing::Permit;
use crate::method::password::{self, LoginError};
use crate::method::upstream::Connection;
use crate::{Error, Identity, Proof, Visit};

/// Why two accounts were not merged, or not parted.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// The rules.
    #[error("refused: {}", .0.code())]
    Refused(Refusal),
    /// There is no such attempt in this browser and session, it was finished before, or it is too late.
    #[error("no such attempt")]
    Spent,
    /// There is no such merge of this account, it was undone before, or it is too late.
    #[error("no such merge")]
    NoSuch,
    /// Not the person's fault.
    #[error(transparent)]
    Store(#[from] Error),
}

impl PartialEq for MergeError {
    fn eq(&self, other: &Self) -> bool {
        self.code() == other.code()
    }
}

impl MergeError {
    /// The code on pages.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Spent => "merge-expired",
            Self::NoSuch => "merge-gone",
            Self::Store(_) => "stale",
        }
    }
}

impl From<StoreError> for MergeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

/// What a code of [`Purpose::SignIn`] does when it is right: it proves an account without a password.
#[derive(Serialize, Deserialize)]
#[serde(tag = "then")]
pub enum FreshMerge {
    /// It begins a merge.
    #[serde(rename = "begin-merge")]
    Begin {
        /// Into this account.
        user: UserId,
        /// In which the code was asked for.
        session: SessionId,
    },
    /// It undoes one.
    #[serde(rename = "undo-merge")]
    Undo {
        /// Of this account.
        user: UserId,
        /// In which the code was asked for.
        session: SessionId,
        /// Which.
        merge: MergeId,
    },
}

/// That somebody knows the password of an account that became part of another one. Only this module makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedProof {
    staying: UserId,
    merge: MergeId,
    /// When they became one.
    pub at: Timestamp,
}

/// Somebody on the way to merge.
#[derive(Clone, Debug)]
pub struct Merging {
    attempt: Row,
    /// The session of the account that stays.
    pub session: Session,
    /// The session of the other one, once it was signed in to for this attempt.
    pub other: Option<Session>,
}

impl Merging {
    /// Whether what was signed in to is the account that stays.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.other.as_ref().is_some_and(|other| other.user_id == self.session.user_id)
    }

    /// Whether the session of the other account began for this attempt.
    #[must_use]
    pub fn began_other(&self) -> bool {
        self.other.as_ref().is_some_and(|other| other.created_at >= self.attempt.proven_at)
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> &MergeId {
        &self.attempt.id
    }

    /// The request through which the other account is signed in to.
    #[must_use]
    pub const fn flow(&self) -> &FlowId {
        &self.attempt.flow
    }
}

/// What one of two accounts has.
#[derive(Clone, Debug)]
pub struct Party {
    /// The person.
    pub user: User,
    /// Every contact.
    pub contacts: Vec<ConfirmedContact>,
    /// Whether it has a password.
    pub has_password: bool,
    /// Whose its certificates are.
    pub certificates: Vec<String>,
    /// Its accounts at other providers.
    pub connections: Vec<Connection>,
    /// What third-party clients are allowed.
    pub consents: BTreeSet<ClientId>,
    /// The clients that know it.
    pub known_by: BTreeSet<ClientId>,
    /// How many sessions it has.
    pub sessions: usize,
}

/// What a merge would do.
#[derive(Clone, Debug)]
pub struct MergePreview {
    /// The account that stays.
    pub staying: Party,
    /// The account that becomes part of it.
    pub other: Party,
    /// Why it would be refused.
    pub refusal: Option<Refusal>,
    /// Until when it could be undone.
    pub undo_until: Timestamp,
}

impl Identity {
    /// Keeps that somebody who has just proven their account is on the way to merge another one into it. `visit` belongs to the
    /// request through which they will sign in to that.
    ///
    /// # Errors
    /// [`MergeError::Spent`] when the proof is of another account or the visit belongs to no request.
    pub async fn begin_merge(&self, proof: &Proof, session: &Session, visit: &Visit) -> Result<MergeId, MergeError> {
        if proof.user_id != session.user_id {
            return Err(MergeError::Spent);
        }
        self.begin_merge_in(&session.user_id, &session.id, visit).await
    }

    async fn begin_merge_in(&self, user: &UserId, session: &SessionId, visit: &Visit) -> Result<MergeId, MergeError> {
        let now = self.now();
        let id = MergeId::generate(now, &*self.0.entropy);
        let attempt = Row {
            id: id.clone(),
            user: user.clone(),
            session: session.clone(),
            binding: visit.binding.clone(),
            flow: visit.flow.clone().ok_or(MergeError::Spent)?,
            proven_at: now,
            // Until the second has passed in which the proof is as old as it may be.
            expires_at: now.plus(PROOF_LIFE + 1),
        };
        let mut tx = self.0.store.begin().await?;
        merge::begin(&mut tx, &attempt).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// An attempt of this browser, with the sessions of it that `present` has; `None`: another browser's or session's, finished, or
    /// too old.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn merging(&self, id: &MergeId, present: &[Session], visit: &Visit) -> Result<Option<Merging>, Error> {
        let attempt = merge::attempt(self.0.store.db(), id, &visit.binding, self.now()).await?;
        Ok(attempt.and_then(|attempt| among(attempt, present)))
    }

    /// What a merge would do; `None` while the other account is not proven.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn merge_preview(&self, merging: &Merging) -> Result<Option<MergePreview>, Error> {
        let Some(other) = &merging.other else { return Ok(None) };
        let mut tx = self.0.store.begin().await?;
        let found = self.situation(&mut tx, (&merging.attempt, other)).await?;
        tx.rollback().await?;
        let Some((situation, ..)) = found else { return Ok(None) };
        Ok(Some(MergePreview {
            staying: self.party(&merging.session.user_id).await?,
            other: self.party(&other.user_id).await?,
            refusal: rules::decide(&situation).err(),
            undo_until: self.now().plus(self.0.config.merge.undo),
        }))
    }

    async fn party(&self, id: &UserId) -> Result<Party, Error> {
        let db = self.0.store.db();
        let certificates = certificate::of_user(db, id).await?;
        Ok(Party {
            user: user::by_id(db, id).await?.ok_or(Error::Gone)?,
            contacts: user::contacts(db, id).await?.into_iter().map(|(held, _)| held).collect(),
            has_password: self.has_password(id).await?,
            certificates: certificates.into_iter().map(|linked| linked.holder.name).collect(),
            connections: self.connections_of(id).await?,
            consents: consent::of_user(db, id).await?.into_iter().map(|(client, ..)| client).collect(),
            known_by: merge::known_by(db, id).await?,
            sessions: self.sessions_of(id).await?.len(),
        })
    }

    /// What the rules look at, and both people; `None` when either is gone.
    async fn situation(
        &self,
        tx: &mut Tx,
        (attempt, other): (&Row, &Session),
    ) -> Result<Option<(Situation, User, User)>, StoreError> {
        let now = self.now();
        let (mut sides, mut people, mut together) = (Vec::new(), Vec::new(), Together::default());
        for (id, proven_at) in [(&attempt.user, attempt.proven_at), (&other.user_id, other.authentication.at)] {
            let Some(person) = user::by_id_in(tx, id).await? else {
                return Ok(None);
            };
            let (is_merged, has_handover) = merge::state_of(tx, id, now).await?;
            together.contacts += user::contacts_in(tx, id).await?.len();
            together.certificates += certificate::of_user_in(tx, id).await?.len();
            together.links += upstream::of_user_in(tx, id).await?.len();
            together.organisations += person.organisations.list.len();
            sides.push(Side {
                user: id.clone(),
                proven_at: Some(proven_at),
                is_disabled: person.disabled,
                is_administrator: person.role.is_some(),
                is_merged,
                has_handover,
            });
            people.push(person);
        }
        let (Some(other_side), Some(staying_side)) = (sides.pop(), sides.pop()) else {
            return Ok(None);
        };
        let (Some(other), Some(staying)) = (people.pop(), people.pop()) else {
            return Ok(None);
        };
        let situation = Situation { staying: staying_side, other: other_side, together, now };
        Ok(Some((situation, staying, other)))
    }

    /// Merges, once, as far as the rules allow it.
    ///
    /// # Errors
    /// See [`MergeError`]; then nothing has changed.
    pub async fn merge(&self, id: &MergeId, present: &[Session], visit: &Visit) -> Result<MergeId, MergeError> {
        let now = self.now();
        let merging = self.merging(id, present, visit).await?.ok_or(MergeError::Spent)?;
        let other = merging.other.ok_or(MergeError::Refused(Refusal::OtherUnproven))?;
        let both = [merging.session.user_id.to_string(), other.user_id.to_string()];
        let mut tx = self.0.store.begin().await?;
        let attempt = merge::spend(&mut tx, id, &visit.binding, now).await?.ok_or(MergeError::Spent)?;
        // Always in the same order, so that nobody waits in a circle who merges the two the other way round.
        let mut sessions = [&merging.session, &other];
        sessions.sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
        for session in sessions {
            if !session::is_live(&mut tx, (&session.id, &session.user_id), now).await? {
                return Err(MergeError::Spent);
            }
        }
        // Grants are locked before the row of the version, as everywhere; what is refused after that has changed nothing.
        self.end_all_in(&mut tx, (&other.user_id, ""), "the account was merged into another one", &visit.origin)
            .await?;
        grant::end_of_user(&mut tx, &other.user_id, now).await?;
        // From here on changes of either person wait.
        change::tell(&mut tx, Kind::User, &both, now).await?;
        let (situation, staying, merged) =
            self.situation(&mut tx, (&attempt, &other)).await?.ok_or(MergeError::Spent)?;
        rules::decide(&situation).map_err(MergeError::Refused)?;
        self.join(&mut tx, (&staying, &merged), visit).await?;
        tx.commit().await?;
        self.0.store.ephemeral().publish().await;
        self.posted();
        Ok(attempt.id)
    }

    /// Everything that a merge does, inside its transaction.
    async fn join(&self, tx: &mut Tx, (staying, merged): (&User, &User), visit: &Visit) -> Result<(), MergeError> {
        let now = self.now();
        let known = (merge::known_by_in(tx, &staying.id).await?, merge::known_by_in(tx, &merged.id).await?);
        recovery::close(tx, &merged.id, now).await?;
        let mut moved = merge::give(tx, &merged.id, &staying.id, now).await?;
        moved.subjects = rules::subjects((staying, &known.0), (merged, &known.1));
        let mut verified = staying.verified.clone();
        moved.facts = verified.adopt(&merged.verified);
        user::set_verified(tx, &staying.id, &verified, now).await?;
        let mut subjects = staying.subjects.clone();
        subjects.extend(moved.subjects.clone());
        merge::set_subjects(tx, &staying.id, &subjects, now).await?;
        for id in [&staying.id, &merged.id] {
            organisation::keep(tx, id, now).await?;
        }
        if !merge::mark(tx, &merged.id, &staying.id, now).await? {
            return Err(MergeError::Refused(Refusal::Disabled));
        }
        let record = Record::of(Event::AccountMerged)
            .user(&staying.id)
            .with("sub", staying.id.as_str())
            .with("merged_sub", merged.id.as_str())
            .with("contacts", moved.contacts.len())
            .with("certificates", moved.certificates.len())
            .with("upstreams", moved.links.len())
            .with("organisations", moved.organisations.len())
            .with("clients", moved.subjects.keys().map(ClientId::as_str).collect::<Vec<_>>());
        self.write(tx, &record, &visit.origin).await?;
        let undo_until = now.plus(self.0.config.merge.undo);
        let row = Merge {
            id: MergeId::generate(now, &*self.0.entropy),
            user: staying.id.clone(),
            merged: merged.id.clone(),
            moved,
            at: now,
            undo_until,
        };
        merge::insert(tx, &row).await?;
        // The contacts of both are its own by now.
        let word = Word::AccountsMerged(undo_until);
        let notice = Notice { person: staying, except: None, word, brand: &visit.brand };
        Ok(self.post_to_all(tx, notice).await?)
    }

    /// The merges into an account that can be undone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn merges_of(&self, user: &UserId) -> Result<Vec<Merge>, Error> {
        Ok(merge::of_user(self.0.store.db(), user, self.now()).await?)
    }

    /// Whether a password is that of an account which became part of this one and brought the contact. `subject` may be nobody's:
    /// everybody costs the same statements and, while anybody has a merge that can be undone, one hash more, so that the time does
    /// not tell which contacts came by a merge. The permit is held until the guess has been counted.
    pub(crate) async fn merged_by(
        &self,
        mut permit: Permit,
        (subject, contact): (&str, &Contact),
        password: &str,
    ) -> Result<(Option<MergedProof>, Permit), LoginError> {
        let db = self.0.store.db();
        let merges = self.merges_of(&UserId::from(subject)).await?;
        if !merge::any(db, self.now()).await? {
            return Ok((None, permit));
        }
        // There is one at most: an account is merged again when the one before can no longer be undone.
        let brought = |one: &Merge| one.moved.contacts.iter().any(|held| held.contact() == *contact);
        let one = merges.into_iter().find(brought);
        let whose = one.as_ref().map_or("", |one| one.merged.as_str());
        let stored = user::credential(db, password::METHOD.id, whose).await?;
        let right;
        (right, permit) = self.0.hasher.verify(permit, password, stored.as_deref()).await?;
        let proof = one.filter(|_| right && stored.is_some());
        Ok((proof.map(|one| MergedProof { staying: one.user, merge: one.id, at: one.at }), permit))
    }

    /// Undoes a merge for whoever knows the password that the merged account had; every session of the account that stayed ends.
    ///
    /// # Errors
    /// See [`MergeError`]; then nothing has changed.
    pub async fn undo_merge_by_password(&self, proof: &MergedProof, visit: &Visit) -> Result<(), MergeError> {
        self.undo((&proof.staying, ""), &proof.merge, visit).await
    }

    /// Undoes a merge into an account that was just proven. Its other sessions end, and so do the tokens that clients got under the
    /// name of the account that leaves.
    ///
    /// # Errors
    /// See [`MergeError`]; then nothing has changed.
    pub async fn undo_merge(&self, session: &Session, id: &MergeId, visit: &Visit) -> Result<(), MergeError> {
        self.undo((&session.user_id, session.id.as_str()), id, visit).await
    }

    async fn undo(&self, (staying, keep): (&UserId, &str), id: &MergeId, visit: &Visit) -> Result<(), MergeError> {
        let now = self.now();
        let mut tx = self.0.store.begin().await?;
        let merge = merge::take(&mut tx, id, staying, now).await?.ok_or(MergeError::NoSuch)?;
        self.end_all_in(&mut tx, (staying, keep), "a merge was undone", &visit.origin).await?;
        for client in merge.moved.subjects.keys() {
            grant::end_of_consent(&mut tx, staying, client, now).await?;
        }
        change::tell(&mut tx, Kind::User, &[staying.to_string(), merge.merged.to_string()], now).await?;
        let person = user::by_id_in(&mut tx, staying).await?.ok_or(Error::Gone)?;
        if person.disabled {
            return Err(MergeError::Refused(Refusal::Disabled));
        }
        self.part(&mut tx, (&merge, &person), visit).await?;
        tx.commit().await?;
        self.0.store.ephemeral().publish().await;
        self.posted();
        Ok(())
    }

    /// Everything that an undo does, inside its transaction.
    async fn part(&self, tx: &mut Tx, (merge, person): (&Merge, &User), visit: &Visit) -> Result<(), MergeError> {
        let (now, moved) = (self.now(), &merge.moved);
        // While it has the contacts of both.
        let word = Word::MergeUndone(now);
        let notice = Notice { person, except: None, word, brand: &visit.brand };
        self.post_to_all(tx, notice).await?;
        // Their clients know the person by these names, which are looked up when a notice is sent.
        merge::rename_notices(tx, &person.id, &moved.subjects).await?;
        merge::give_back(tx, merge).await?;
        let mut subjects = person.subjects.clone();
        subjects.retain(|client, name| moved.subjects.get(client) != Some(name));
        merge::set_subjects(tx, &person.id, &subjects, now).await?;
        let links = upstream::of_user_in(tx, &person.id).await?;
        let mut verified = person.verified.clone();
        for name in moved.facts.iter().filter(|name| !links.iter().any(|link| link.upstream == **name)) {
            verified.forget(name);
        }
        user::set_verified(tx, &person.id, &verified, now).await?;
        // What was unlinked meanwhile vouches for nobody.
        if let Some(other) = user::by_id_in(tx, &merge.merged).await? {
            let links = upstream::of_user_in(tx, &other.id).await?;
            let mut verified = other.verified.clone();
            verified.retain(|name| links.iter().any(|link| link.upstream == name));
            user::set_verified(tx, &other.id, &verified, now).await?;
        }
        if !merge::unmark(tx, &merge.merged, &person.id, now).await? {
            return Err(MergeError::NoSuch);
        }
        self.keep_withdrawn(tx, merge).await?;
        for id in [&person.id, &merge.merged] {
            organisation::keep(tx, id, now).await?;
        }
        let record = Record::of(Event::MergeUndone)
            .user(&person.id)
            .with("sub", person.id.as_str())
            .with("merged_sub", merge.merged.as_str());
        Ok(self.write(tx, &record, &visit.origin).await?)
    }

    /// A personal-data consent that was taken back while the accounts were one is in force for neither.
    async fn keep_withdrawn(&self, tx: &mut Tx, merge: &Merge) -> Result<(), StoreError> {
        let kind = DocumentKind::PdConsent.as_str();
        let records = document::of_user_in(tx, &merge.user).await?;
        let is_withdrawn = |record: &&kabinet_core::document::Record| {
            record.act == Act::Withdrawn && record.text.document == kind && record.at >= merge.at
        };
        if records.iter().any(|record| is_withdrawn(&record))
            && let Some(mut agreed) = user::by_id_in(tx, &merge.merged).await?.and_then(|person| person.agreed)
        {
            agreed.take(kind);
            document::set_agreed(tx, &merge.merged, &agreed).await?;
        }
        Ok(())
    }

    /// Sends a code that proves an account without a password once more.
    ///
    /// # Errors
    /// See [`CodeError`]; [`CodeError::NotSent`] where the account has no contact that codes are sent to.
    pub async fn begin_fresh_merge(
        &self,
        person: &User,
        then: &FreshMerge,
        visit: &Visit,
    ) -> Result<ConfirmationId, CodeError> {
        let contact: Contact = self.second_contact(person).ok_or(CodeError::NotSent)?;
        self.request_code(Purpose::SignIn, &contact, then, visit).await
    }

    /// Does what a right code of a [`FreshMerge`] was for.
    pub(crate) async fn finish_fresh_merge(
        &self,
        attempt: &Attempt,
        then: FreshMerge,
        visit: &Visit,
    ) -> Result<Confirmed, CodeError> {
        let done = match then {
            FreshMerge::Begin { user, session } => {
                self.spend_in_session(attempt, (&session, &user), visit).await?;
                self.begin_merge_in(&user, &session, visit).await.map(Confirmed::MergeBegun)
            }
            FreshMerge::Undo { user, session, merge } => {
                self.spend_in_session(attempt, (&session, &user), visit).await?;
                self.undo((&user, session.as_str()), &merge, visit).await.map(|()| Confirmed::MergeUndone)
            }
        };
        match done {
            Ok(done) => Ok(done),
            Err(MergeError::Store(error)) => Err(error.into()),
            Err(error) => Ok(Confirmed::NotMerged(error)),
        }
    }
}

/// The sessions of an attempt among those of a browser; `None` when the one that stays has ended.
fn among(attempt: Row, present: &[Session]) -> Option<Merging> {
    let is_own = |session: &&Session| session.id == attempt.session && session.user_id == attempt.user;
    let session = present.iter().find(is_own)?.clone();
    let is_for_this = |session: &&Session| {
        session.authentication.flow.as_ref() == Some(&attempt.flow) && session.authentication.at >= attempt.proven_at
    };
    let mut proven: Vec<&Session> = present.iter().filter(is_for_this).collect();
    proven.sort_by_key(|session| session.user_id == attempt.user);
    let other = proven.first().map(|session| (*session).clone());
    Some(Merging { attempt, session, other })
}
