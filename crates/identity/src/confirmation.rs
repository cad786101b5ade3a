//! Confirmation codes: that somebody reads what is sent to a phone or an e-mail address (NIST SP 800-63B-4 §3.1.3).
//!
//! 1. A code is random digits. Only a keyed digest of it is stored, bound to the confirmation's id; what is to happen
//!    when it is right is stored sealed and bound to the same id.
//! 2. Its page belongs to the browser that asked. Another browser sees nothing and cannot try.
//! 3. A code lives for minutes and allows five tries; a try is spent and compared in one statement, and a right code is
//!    accepted once, in the transaction that does what it was for.
//! 4. The next code may be sent after a wait that grows, and replaces the one before. Each passes the gates of `gates.rs`.
//! 5. A contact has so many wrong tries in a day, whichever code they were meant for.

use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::id::{ConfirmationId, MergeId, RecoveryId};
use kabinet_core::secret::{Secret, decimal_code};
use kabinet_core::time::Timestamp;
use kabinet_core::work::Action;
use kabinet_store::confirmation::{self, Confirmation, Guess, NewCode};
use kabinet_store::destination::{self, Names};
use kabinet_store::{Error as StoreError, Tx, message, throttle, user};

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::api_token::{BadApiToken, MadeApiToken};
use crate::delivery::{Letter, Purpose, Word};
use crate::gates::{Asking, DAY, action_of, refused};
use crate::merge::MergeError;
use crate::method::upstream::UpstreamLinkError;
use crate::throttle::Trust;
use crate::{Error, Identity, LinkError, NeedsWork, Proof, Visit};

/// How long a confirmation is kept after its code has expired, so that its page can say so and send another, seconds.
const KEPT: i64 = 3600;

/// What a code's page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Where the code went.
    pub contact: Contact,
    /// What it is for.
    pub purpose: Purpose,
    /// In how many seconds another one may be sent; 0: now.
    pub resend_in: i64,
    /// How many tries are left.
    pub attempts_left: i64,
    /// Whether it is too late for this code.
    pub expired: bool,
    /// Whether no gateway took it. Never told of a recovery: without an account there is nothing that could be taken.
    pub undelivered: bool,
}

/// A code that was typed, and what it is for.
pub(crate) struct Attempt {
    pub id: ConfirmationId,
    pub contact: Contact,
    pub digest: String,
    trust: Trust,
    payload: Vec<u8>,
}

/// What is sealed with an intent: whose device asked.
#[derive(Serialize, Deserialize)]
struct Sealed<T> {
    #[serde(flatten)]
    intent: T,
    #[serde(default)]
    trust: Trust,
}

impl Attempt {
    /// What was sealed when the code was sent.
    pub fn intent<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        serde_json::from_slice(&self.payload).map_err(inconsistent)
    }
}

fn inconsistent(error: serde_json::Error) -> StoreError {
    StoreError::Inconsistent { table: "confirmations", detail: error.to_string() }
}

/// What a right code did.
#[derive(Debug, PartialEq)]
pub enum Confirmed {
    /// An account was made for this contact.
    Registered(Proof, Contact),
    /// The contact has an account already; nothing was made. The id lets this browser say that it is not theirs.
    Exists(Contact, RecoveryId),
    /// The contact belongs to the account now.
    Added(Contact),
    /// The contact belongs to another account, and stays there.
    Taken(Contact),
    /// The person has given a second proof; whether they want to be remembered.
    SignedIn(Proof, bool),
    /// A certificate belongs to the account now.
    Linked,
    /// A certificate belongs to the account no more.
    Unlinked,
    /// Nothing was linked or unlinked.
    NotLinked(LinkError),
    /// An account at another provider belongs to the account now.
    UpstreamLinked,
    /// An account at another provider belongs to the account no more.
    UpstreamUnlinked,
    /// Nothing was linked to another provider or unlinked.
    UpstreamNotLinked(UpstreamLinkError),
    /// A token was made.
    ApiTokenMade(Box<MadeApiToken>),
    /// None was made.
    ApiTokenNotMade(BadApiToken),
    /// The account is proven, for the device as it was shown.
    DeviceProven(String),
    /// The account is proven; another one may be merged into it.
    MergeBegun(MergeId),
    /// Two accounts that had become one are two again.
    MergeUndone,
    /// Nothing was merged or undone.
    NotMerged(MergeError),
    /// A way back into the account of this contact: [`Identity::recovery`].
    Recovering(RecoveryId),
}

/// Why a code was not accepted, or not sent.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// It is another code.
    #[error("wrong code")]
    Wrong {
        /// How many tries are left.
        left: i64,
    },
    /// It is too late for it.
    #[error("the code has expired")]
    Expired,
    /// It was accepted before, or no try is left.
    #[error("the code is spent")]
    Spent,
    /// The next code may not be sent yet.
    #[error("too early for another code")]
    Wait {
        /// How long to wait.
        seconds: i64,
    },
    /// A gate is closed, see `gates.rs`.
    #[error("too many codes")]
    Limited {
        /// When the next one may be asked for.
        seconds: i64,
    },
    /// Some work is to be done first.
    #[error(transparent)]
    Work(#[from] NeedsWork),
    /// Codes are not sent to numbers like this one: not a mobile one, or of a country that is switched off.
    #[error("codes are not sent to such numbers")]
    Unreachable,
    /// There is no such confirmation in this browser.
    #[error("unknown confirmation")]
    Unknown,
    /// This installation sends nothing to such contacts, whoever holds them.
    #[error("no delivery is configured for such contacts")]
    NotSent,
    /// Not the person's fault.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<StoreError> for CodeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl Identity {
    /// What the page of a confirmation shows; `None` when there is none for this purpose in this browser, or it was
    /// confirmed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn confirmation(
        &self,
        purpose: Purpose,
        id: &ConfirmationId,
        visit: &Visit,
    ) -> Result<Option<Pending>, Error> {
        let now = self.now();
        let row = match self.own(purpose, id, visit).await {
            Ok(row) => row,
            Err(CodeError::Store(error)) => return Err(error),
            Err(_) => return Ok(None),
        };
        let undelivered = purpose != Purpose::Recover
            && message::state_of(self.0.store.db(), id).await? == Some(message::State::Failed);
        Ok(Some(Pending {
            undelivered,
            resend_in: self.resend_in(&row, now),
            purpose,
            attempts_left: row.attempts_left,
            expired: row.expires_at <= now,
            contact: row.contact,
        }))
    }

    /// Sends another code in place of the one before.
    ///
    /// # Errors
    /// See [`CodeError`]; the one before stays good unless another one was sent.
    pub async fn resend(&self, purpose: Purpose, id: &ConfirmationId, visit: &Visit) -> Result<(), CodeError> {
        let (now, row) = (self.now(), self.own(purpose, id, visit).await?);
        let seconds = self.resend_in(&row, now);
        if seconds > 0 {
            return Err(CodeError::Wait { seconds });
        }
        self.pass_network(Action::Resend, &row.contact, visit).await?;
        let (word, trust) = self.word(purpose, &row.contact, visit).await?;
        let code = self.code_for(word);
        let expires_at = now.plus(self.life(row.contact.kind()));
        let new = NewCode {
            code: self.digest(id, code.expose()),
            attempts: self.0.config.confirmation.tries,
            sent_at: now,
            expires_at,
            keep_until: expires_at.plus(KEPT),
            sends: row.sends,
        };
        let mut tx = self.0.store.begin().await?;
        if !confirmation::resend(&mut tx, id, &new).await? {
            // Somebody pressed the button twice: the other press has sent one.
            let seconds = self.resend_in(&Confirmation { sends: row.sends + 1, sent_at: now, ..row }, now);
            return Err(CodeError::Wait { seconds });
        }
        let asking = Asking { action: Action::Resend, contact: &row.contact, trust, visit };
        let mut tx = self.pass_gates(tx, &asking).await?;
        message::supersede(&mut tx, id, now).await?;
        let letter = Letter {
            to: &row.contact,
            word,
            code: Some(code),
            language: visit.language,
            brand: &visit.brand,
            about: Some((id, expires_at)),
        };
        self.post(&mut tx, letter).await?;
        tx.commit().await?;
        self.posted();
        self.count_sent(&row.contact, visit).await;
        Ok(())
    }

    /// Tries a code, and does what it was for when it is right. `purpose` is the page's: a code that was sent for
    /// something else is unknown there.
    ///
    /// # Errors
    /// See [`CodeError`].
    pub async fn confirm(
        &self,
        purpose: Purpose,
        id: &ConfirmationId,
        code: &str,
        visit: &Visit,
    ) -> Result<Confirmed, CodeError> {
        let (now, row) = (self.now(), self.own(purpose, id, visit).await?);
        if row.attempts_left <= 0 {
            return Err(CodeError::Spent);
        }
        if row.expires_at <= now {
            return Err(CodeError::Expired);
        }
        let typed: String = code.chars().filter(|c| !c.is_whitespace() && *c != '-').take(64).collect();
        let payload = self.0.payloads.open(&row.payload, id.as_str().as_bytes()).ok_or(CodeError::Unknown)?;
        let attempt = Attempt {
            digest: self.digest(id, &typed),
            contact: row.contact,
            id: row.id,
            trust: serde_json::from_slice::<Sealed<IgnoredAny>>(&payload).map_err(inconsistent)?.trust,
            payload,
        };
        let contact = attempt.contact.clone();
        let done = match purpose {
            Purpose::Register => self.finish_registration(attempt, visit).await,
            Purpose::Recover => self.finish_recovery(attempt, visit).await,
            Purpose::Contact => self.finish_contact(attempt, visit).await,
            Purpose::SignIn => self.finish_fresh(attempt, visit).await,
            _ => Err(CodeError::Unknown),
        }?;
        self.count_entered(&contact, visit).await;
        Ok(done)
    }

    /// The open transaction in which the right code was spent. A wrong one is committed as a spent try.
    pub(crate) async fn spend(&self, attempt: &Attempt, visit: &Visit) -> Result<Tx, CodeError> {
        let mut tx = self.0.store.begin().await?;
        let (now, counter) = (self.now(), self.0.throttle.wrong_code(&attempt.contact, attempt.trust));
        let guess = Guess {
            id: &attempt.id,
            code: &attempt.digest,
            binding: &visit.binding,
            counter: &counter,
            most: self.0.config.confirmation.wrong_per_day,
        };
        let Some(row) = confirmation::spend(&mut tx, &guess, now).await? else {
            let wait = self.wrong_codes_wait(&mut tx, &attempt.contact, attempt.trust).await?;
            return Err(wait.map_or(CodeError::Spent, |seconds| CodeError::Limited { seconds }));
        };
        if row.used_at.is_none() {
            throttle::count(&mut tx, &counter, now, DAY).await?;
            tx.commit().await?;
            return Err(CodeError::Wrong { left: row.attempts_left });
        }
        if let (Some(range), Some(country)) = (attempt.contact.range(), attempt.contact.country()) {
            destination::entered(&mut tx, Names { range, country: country.as_str() }, now).await?;
        }
        Ok(tx)
    }

    /// Counts the request of this network, then [starts a confirmation](Self::start_confirmation).
    pub(crate) async fn request_code(
        &self,
        purpose: Purpose,
        contact: &Contact,
        intent: &impl Serialize,
        visit: &Visit,
    ) -> Result<ConfirmationId, CodeError> {
        self.pass_network(action_of(purpose), contact, visit).await?;
        self.start_confirmation(purpose, contact, intent, visit).await
    }

    /// Seals what is intended and sends the code that will do it.
    pub(crate) async fn start_confirmation(
        &self,
        purpose: Purpose,
        contact: &Contact,
        intent: &impl Serialize,
        visit: &Visit,
    ) -> Result<ConfirmationId, CodeError> {
        if !self.reaches(contact) {
            refused("number");
            return Err(CodeError::Unreachable);
        }
        if !self.has_route(contact.kind()) {
            return Err(CodeError::NotSent);
        }
        let (now, entropy, config) = (self.now(), &*self.0.entropy, &self.0.config.confirmation);
        let id = ConfirmationId::generate(now, entropy);
        let (word, trust) = self.word(purpose, contact, visit).await?;
        let payload = Zeroizing::new(serde_json::to_vec(&Sealed { intent, trust }).map_err(inconsistent)?);
        let code = self.code_for(word);
        let expires_at = now.plus(self.life(contact.kind()));
        let row = Confirmation {
            id: id.clone(),
            purpose: purpose.as_str().to_owned(),
            contact: contact.clone(),
            binding: visit.binding.clone(),
            payload: self.0.payloads.seal(&payload, id.as_str().as_bytes(), entropy),
            attempts_left: config.tries,
            sends: 1,
            sent_at: now,
            expires_at,
            used_at: None,
        };
        let asking = Asking { action: action_of(purpose), contact, trust, visit };
        let mut tx = self.pass_gates(self.0.store.begin().await?, &asking).await?;
        confirmation::insert(&mut tx, &row, &self.digest(&id, code.expose()), expires_at.plus(KEPT)).await?;
        let letter = Letter {
            to: contact,
            word,
            code: Some(code),
            language: visit.language,
            brand: &visit.brand,
            about: Some((&id, expires_at)),
        };
        self.post(&mut tx, letter).await?;
        tx.commit().await?;
        self.posted();
        self.count_sent(contact, visit).await;
        Ok(id)
    }

    /// Whether codes are sent to such contacts at all: what the answer depends on is in the number itself, so it tells
    /// nobody who has an account.
    pub(crate) fn reaches(&self, contact: &Contact) -> bool {
        let countries = &self.0.config.confirmation.countries;
        contact.gets_messages() && contact.country().is_none_or(|country| countries.contains(&country))
    }

    /// The confirmation, if it is this browser's, for this purpose, and not confirmed yet.
    async fn own(&self, purpose: Purpose, id: &ConfirmationId, visit: &Visit) -> Result<Confirmation, CodeError> {
        let row = confirmation::by_id(self.0.store.db(), id, self.now()).await?;
        let row = row.filter(|row| row.binding == visit.binding && row.purpose == purpose.as_str());
        let row = row.ok_or(CodeError::Unknown)?;
        if row.used_at.is_some() { Err(CodeError::Spent) } else { Ok(row) }
    }

    /// What the message says: its owner alone learns that the contact has an account. `None`: nothing is sent, and
    /// nobody but its owner could tell. And whether a device of its owner's asks.
    async fn word(
        &self,
        purpose: Purpose,
        contact: &Contact,
        visit: &Visit,
    ) -> Result<(Option<Word<'static>>, Trust), CodeError> {
        let holder = user::by_contact(self.0.store.db(), contact).await?;
        let is_known = holder.as_ref().is_some_and(|holder| self.0.throttle.knows(holder.id.as_str(), visit));
        let word = match (purpose, holder) {
            (Purpose::Register, Some(_)) => Some(Word::HasAccount),
            (Purpose::Register, None) => Some(Word::Register),
            (Purpose::Recover, Some(holder)) if !holder.disabled => Some(Word::Recover),
            (Purpose::SignIn, Some(holder)) if !holder.disabled => Some(Word::SignIn),
            (Purpose::Contact, _) => Some(Word::AddContact),
            _ => None,
        };
        Ok((word, if is_known { Trust::Known } else { Trust::Unknown }))
    }

    /// A code to send; where none is sent, one that nobody can guess.
    fn code_for(&self, word: Option<Word<'_>>) -> Secret {
        let digits = if word.is_some() { self.0.config.confirmation.digits } else { 64 };
        decimal_code(digits, &*self.0.entropy)
    }

    fn digest(&self, id: &ConfirmationId, code: &str) -> String {
        self.0.codes.stamp(&[id.as_str(), code])
    }

    fn life(&self, kind: ContactKind) -> i64 {
        match kind {
            ContactKind::Phone => self.0.config.confirmation.sms,
            ContactKind::Email => self.0.config.confirmation.email,
        }
    }

    fn resend_in(&self, row: &Confirmation, now: Timestamp) -> i64 {
        let waits = &self.0.config.confirmation.resend;
        let place = usize::try_from(row.sends - 1).unwrap_or(0).min(waits.len().saturating_sub(1));
        let wait = waits.get(place).copied().unwrap_or(0);
        row.sent_at.plus(wait).since(now).clamp(0, wait)
    }
}
