//! Invitations: a code that lives for days, sent to a contact in the name of an administrator or of a client that may invite.
//!
//! 1. [`invite`](Identity::invite) sends the code. The inviter hears the same whether or not the contact has an account, and so does
//!    the contact. A new invitation of the same inviter takes the place of the one before.
//! 2. [`try_invitation`](Identity::try_invitation) takes the contact and the code together. A code alone would be a guess at every
//!    invitation that waits: with a million of them and eight digits, each hundredth one would be right. A link in the message would
//!    save the typing, but messages of kabinet have none. Whatever is wrong, the answer and the work are the same: no word on
//!    whether the contact is invited, whether the code has ended, or how many tries are left.
//! 3. A wrong code spends one of the five tries of every invitation that waits for the contact, in one statement. Whoever knows the
//!    contact can spend them all; then the inviter sends another one. The network has its own limits before that.
//! 4. A right code gives this browser a ticket, which is neither an account nor a sign-in. With it a person who has no account makes
//!    one ([`register_invited`](Identity::register_invited)), and one who has an account and is signed in to it joins
//!    ([`join_invited`](Identity::join_invited)): the code alone signs nobody in. Either spends the invitation in its transaction.

use std::time::Duration;

use kabinet_core::audit::{Event, Origin, Record};
use kabinet_core::authn::Session;
use kabinet_core::brand::Brand;
use kabinet_core::contact::Contact;
use kabinet_core::document::Reference;
use kabinet_core::id::{ClientId, ConfirmationId, InvitationId, OrganisationId, UserId};
use kabinet_core::invitation::{Invitation, Request};
use kabinet_core::organisation::{Proof as Vouched, Relation};
use kabinet_core::password::BadPassword;
use kabinet_core::secret::{Secret, TokenHash, decimal_code};
use kabinet_core::time::Timestamp;
use kabinet_store::change::{self, Kind};
use kabinet_store::{Error as StoreError, Tx, invitation, message, organisation, throttle, user};
use serde::{Deserialize, Serialize};

use crate::confirmation::CodeError;
use crate::delivery::{Invited, Letter, Word};
use crate::gates::{DAY, refused};
use crate::hashing::HashError;
use crate::throttle::Counters;
use crate::{Error, Identity, Proof, Trouble, Visit};

/// How long a ticket is good, seconds: the time to think of a password and to sign in.
const TICKET: i64 = 30 * 60;
/// How long an invitation is remembered after its code has ended, seconds.
const KEPT: i64 = 30 * DAY;
/// Wrong codes of one network, and in how long (RFC 8628 §5.1 asks to size it).
const WRONG: (u32, Duration) = (10, Duration::from_secs(600));

/// An invitation to be sent.
#[derive(Clone, Copy, Debug)]
pub struct NewInvitation<'a> {
    /// What is asked for.
    pub request: &'a Request,
    /// The client that invites, and its name; `None`: an administrator.
    pub inviter: Option<(&'a ClientId, &'a str)>,
    /// In whose look the message comes.
    pub brand: &'a Brand,
    /// The `Idempotency-Key` and what came with it.
    pub key: Option<(&'a str, &'a [u8])>,
    /// For the records.
    pub origin: &'a Origin,
}

/// Why nobody was invited.
#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    /// Codes are not sent to numbers like this one: not a mobile one, or of a country that is switched off.
    #[error("codes are not sent to such numbers")]
    Unreachable,
    /// This installation sends nothing to such contacts.
    #[error("no delivery is configured for such contacts")]
    NotSent,
    /// The client, the contact or its range has had its invitations.
    #[error("too many invitations")]
    Limited {
        /// When the next one may be sent.
        seconds: i64,
    },
    /// The same key came with another request before.
    #[error("the Idempotency-Key came with another request before")]
    Repeated,
    /// Not the inviter's fault.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<StoreError> for InviteError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl From<CodeError> for InviteError {
    fn from(error: CodeError) -> Self {
        match error {
            CodeError::Limited { seconds } => Self::Limited { seconds },
            CodeError::Store(error) => Self::Store(error),
            _ => Self::NotSent,
        }
    }
}

/// What withdrawing an invitation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawn {
    /// It is withdrawn, now or before.
    Done,
    /// It was accepted before.
    Accepted,
    /// This inviter has no such one.
    Unknown,
}

/// Why a code opened nothing.
#[derive(Debug, thiserror::Error)]
pub enum TryError {
    /// Nobody is told what is wrong.
    #[error("no invitation has this contact and this code")]
    Wrong,
    /// The network has had its wrong codes.
    #[error("too many wrong codes")]
    Limited {
        /// When the next one is compared.
        seconds: i64,
    },
    /// Not the person's fault.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<StoreError> for TryError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

/// Why an invitation led nowhere.
#[derive(Debug, thiserror::Error)]
pub enum InvitedError {
    /// The ticket is not this browser's or too old, or the invitation was accepted, withdrawn or swept.
    #[error("the invitation is over")]
    Over,
    /// The contact belongs to an account, and not to the one that is signed in.
    #[error("the contact belongs to an account")]
    Taken,
    /// The person has as many organisations as one may have.
    #[error("the person has too many organisations")]
    TooMany,
    /// The password may not be set.
    #[error(transparent)]
    Password(#[from] BadPassword),
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

impl From<StoreError> for InvitedError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl From<HashError> for InvitedError {
    fn from(error: HashError) -> Self {
        match Trouble::from(error) {
            Trouble::Busy(seconds) => Self::Busy { seconds },
            Trouble::Error(error) => Self::Store(error),
        }
    }
}

/// What a ticket holds.
#[derive(Serialize, Deserialize)]
struct Ticket {
    invitation: InvitationId,
    at: Timestamp,
}

/// What came before of the same request.
enum Before {
    /// Nothing.
    Nothing,
    /// The invitation that it made.
    Made(Box<Invitation>),
}

fn count(result: &'static str) {
    metrics::counter!("kabinet_invitations_total", "result" => result).increment(1);
}

impl Identity {
    /// Invites somebody. A request that is repeated with its key gets the invitation that it made, and nothing is sent again.
    ///
    /// # Errors
    /// See [`InviteError`]; then nothing is sent and nothing counted.
    pub async fn invite(&self, new: NewInvitation<'_>) -> Result<Invitation, InviteError> {
        let contact = &new.request.contact;
        if !self.reaches(contact) {
            refused("number");
            return Err(InviteError::Unreachable);
        }
        if !self.has_route(contact.kind()) {
            return Err(InviteError::NotSent);
        }
        let (now, entropy, config) = (self.now(), &*self.0.entropy, &self.0.config.invitation);
        let made = Invitation {
            id: InvitationId::generate(now, entropy),
            inviter: new.inviter.map(|(id, _)| id.clone()),
            contact: contact.clone(),
            particulars: new.request.particulars.clone(),
            attempts_left: config.tries,
            created_at: now,
            expires_at: now.plus(config.life),
            used_at: None,
            user_id: None,
            withdrawn_at: None,
        };
        let code = decimal_code(config.digits, entropy);
        let key = new.key.zip(new.inviter).map(|((key, body), (client, _))| {
            let key = self.0.codes.stamp(&["invitation-request", client.as_str(), key]);
            (key, TokenHash::of(&String::from_utf8_lossy(body)).as_str().to_owned())
        });
        let key = key.as_ref().map(|(key, asked)| (key.as_str(), asked.as_str()));
        let mut tx = self.0.store.begin().await?;
        if let Some((client, _)) = new.inviter
            && let Before::Made(before) = self.pass_inviter(&mut tx, client, key).await?
        {
            tx.rollback().await?;
            return Ok(*before);
        }
        self.pass_invitation(&mut tx, contact).await?;
        for old in invitation::replace(&mut tx, made.inviter.as_ref(), contact, now).await? {
            let record = about(Event::InvitationWithdrawn, made.inviter.as_ref(), &old).with("replaced", true);
            self.write(&mut tx, &record, new.origin).await?;
            message::supersede(&mut tx, &of_message(&old), now).await?;
        }
        let kept = invitation::Kept {
            code: &self.invitation_digest(&made.id, code.expose()),
            until: made.expires_at.plus(KEPT),
            request: key,
        };
        invitation::insert(&mut tx, &made, kept).await?;
        let record = about(Event::InvitationCreated, made.inviter.as_ref(), &made.id);
        let record = record.with("kind", contact.kind().as_str());
        self.write(&mut tx, &record, new.origin).await?;
        let page = format!("{}/code", self.0.config.issuer);
        let said = Invited {
            by: new.inviter.map(|(_, name)| name),
            organisation: made.particulars.organisation.as_ref().map(|one| one.name.as_str()),
            page: &page,
            until: made.expires_at,
        };
        let letter = Letter {
            to: contact,
            word: Some(Word::Invited(&said)),
            code: Some(code),
            language: made.particulars.language,
            brand: new.brand,
            about: Some((&of_message(&made.id), made.expires_at)),
        };
        self.post(&mut tx, letter).await?;
        tx.commit().await?;
        self.posted();
        count("created");
        Ok(made)
    }

    /// Counts an invitation of a client, which puts its invitations in a row, and finds the one that the same request made.
    async fn pass_inviter(
        &self,
        tx: &mut Tx,
        client: &ClientId,
        key: Option<(&str, &str)>,
    ) -> Result<Before, InviteError> {
        let now = self.now();
        let counter = self.0.codes.stamp(&["invitations-of", client.as_str()]);
        let (made, ends) = throttle::count(tx, &counter, now, DAY).await?;
        if let Some((key, asked)) = key
            && let Some(before) = invitation::by_request(tx, client, key).await?
        {
            return if before.request.as_deref() == Some(asked) {
                Ok(Before::Made(Box::new(before.invitation)))
            } else {
                Err(InviteError::Repeated)
            };
        }
        if made > self.0.config.invitation.per_client {
            refused("inviter");
            return Err(InviteError::Limited { seconds: ends.since(now).max(1) });
        }
        Ok(Before::Nothing)
    }

    /// The invitation with this id; of a client its own alone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn invitation(&self, id: &InvitationId, inviter: Option<&ClientId>) -> Result<Option<Invitation>, Error> {
        // PostgreSQL takes no such text.
        if id.as_str().contains('\0') {
            return Ok(None);
        }
        let found = invitation::by_id(self.0.store.db(), id).await?;
        Ok(found.filter(|found| inviter.is_none_or(|client| found.inviter.as_ref() == Some(client))))
    }

    /// Withdraws an invitation; of a client its own alone. A message that has not left yet stays.
    ///
    /// # Errors
    /// When the database fails; then nothing has changed.
    pub async fn withdraw_invitation(
        &self,
        id: &InvitationId,
        inviter: Option<&ClientId>,
        origin: &Origin,
    ) -> Result<Withdrawn, Error> {
        let Some(found) = self.invitation(id, inviter).await? else {
            return Ok(Withdrawn::Unknown);
        };
        let now = self.now();
        let mut tx = self.0.store.begin().await?;
        if invitation::withdraw(&mut tx, id, now).await? {
            message::supersede(&mut tx, &of_message(id), now).await?;
            self.write(&mut tx, &about(Event::InvitationWithdrawn, found.inviter.as_ref(), id), origin)
                .await?;
            tx.commit().await?;
            count("withdrawn");
            return Ok(Withdrawn::Done);
        }
        tx.rollback().await?;
        // Somebody was faster: it was accepted, or withdrawn before.
        let is_accepted = self.invitation(id, inviter).await?.is_some_and(|found| found.used_at.is_some());
        Ok(if is_accepted { Withdrawn::Accepted } else { Withdrawn::Done })
    }

    /// Tries a code for a contact; a right one gives this browser a ticket.
    ///
    /// # Errors
    /// See [`TryError`].
    pub async fn try_invitation(&self, contact: &Contact, code: &str, visit: &Visit) -> Result<String, TryError> {
        let (now, ephemeral) = (self.now(), self.0.store.ephemeral());
        let counters = Counters::of_network(visit);
        let wait = counters.standing(&self.0.store, now).await?.wait;
        if wait > 0 {
            return Err(TryError::Limited { seconds: wait });
        }
        let (most, window) = WRONG;
        let of_network = format!("kabinet:invitation:{}", visit.network);
        if ephemeral.hits(&of_network).await >= most {
            return Err(TryError::Limited { seconds: i64::try_from(window.as_secs()).unwrap_or(i64::MAX) });
        }
        let mut tx = self.0.store.begin().await?;
        let waiting = invitation::attempt(&mut tx, contact, now).await?;
        let is_right = |one: &&invitation::Stored| {
            self.0.codes.verify(&["invitation", one.invitation.id.as_str(), code], &one.code)
        };
        // Of several with the same code the newest: each is tried, so that none takes longer than another.
        let right = waiting.iter().filter(is_right).max_by_key(|one| one.invitation.created_at);
        if let Some(right) = right {
            let ticket = self.ticket(&right.invitation.id, visit)?;
            tx.rollback().await?;
            return Ok(ticket);
        }
        // Written for a contact that nobody has invited, too: the same work.
        let mut record = Record::of(Event::InvitationRefused);
        if let [one] = waiting.as_slice() {
            record = about(Event::InvitationRefused, one.invitation.inviter.as_ref(), &one.invitation.id);
        }
        self.write(&mut tx, &record.with("invitations", waiting.len()), &visit.origin).await?;
        tx.commit().await?;
        counters.fail_network(&self.0.store).await;
        ephemeral.hit(&of_network, window).await;
        count("refused");
        Err(TryError::Wrong)
    }

    /// The invitation of a ticket, whatever became of it, and whose account has its contact; `None`: no ticket of this browser's, or
    /// too old.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn invited(&self, ticket: &str, visit: &Visit) -> Result<Option<(Invitation, Option<UserId>)>, Error> {
        let Some(id) = self.of_ticket(ticket, visit) else {
            return Ok(None);
        };
        let Some(found) = invitation::by_id(self.0.store.db(), &id).await? else {
            return Ok(None);
        };
        let holder = user::by_contact(self.0.store.db(), &found.contact).await?;
        Ok(Some((found, holder.map(|holder| holder.id))))
    }

    /// Makes an account for whoever was invited, with the contact proven, and lets it join.
    ///
    /// # Errors
    /// See [`InvitedError`]; then nothing was made.
    pub async fn register_invited(
        &self,
        ticket: &str,
        (password, documents): (&Secret, Vec<Reference>),
        visit: &Visit,
    ) -> Result<Proof, InvitedError> {
        let (found, holder) = self.invited(ticket, visit).await?.ok_or(InvitedError::Over)?;
        if found.used_at.is_some() || found.withdrawn_at.is_some() {
            return Err(InvitedError::Over);
        }
        if holder.is_some() {
            return Err(InvitedError::Taken);
        }
        let names = [&[found.contact.value()][..], &visit.brand.names()].concat();
        self.check_new_password(password, &names).await??;
        let phc = self.hash_password(password.expose()).await?;
        let mut tx = self.0.store.begin().await?;
        let whose = (found.particulars.client_id.clone(), visit);
        let proof = match self.make_invited(&mut tx, (&found.contact, phc, documents), whose).await {
            Ok(proof) => proof,
            Err(Error::Store(StoreError::Taken(_))) => {
                tx.rollback().await?;
                return Err(InvitedError::Taken);
            }
            Err(error) => return Err(error.into()),
        };
        self.accept_invitation(tx, (&found.id, &proof.user_id), visit).await?;
        Ok(proof)
    }

    /// Lets whoever is signed in join what their contact was invited to.
    ///
    /// # Errors
    /// See [`InvitedError`]; then nothing has changed.
    pub async fn join_invited(&self, ticket: &str, session: &Session, visit: &Visit) -> Result<(), InvitedError> {
        let (found, _) = self.invited(ticket, visit).await?.ok_or(InvitedError::Over)?;
        let (now, id) = (self.now(), &session.user_id);
        let mut tx = self.0.store.begin().await?;
        change::tell(&mut tx, Kind::User, &[id.to_string()], now).await?;
        let holder = user::by_contact_in(&mut tx, &found.contact).await?;
        if !holder.is_some_and(|holder| holder.id == *id && !holder.disabled) {
            tx.rollback().await?;
            return Err(InvitedError::Taken);
        }
        user::verify_contact(&mut tx, &found.contact, now).await?;
        self.accept_invitation(tx, (&found.id, id), visit).await
    }

    /// Spends an invitation, gives the person what it brings, and commits.
    async fn accept_invitation(
        &self,
        mut tx: Tx,
        (id, person): (&InvitationId, &UserId),
        visit: &Visit,
    ) -> Result<(), InvitedError> {
        let (now, entropy) = (self.now(), &*self.0.entropy);
        // A ticket that was given in time stays good while somebody thinks of a password.
        let Some(taken) = invitation::accept(&mut tx, id, person, (now, now.plus(-TICKET))).await? else {
            tx.rollback().await?;
            return Err(InvitedError::Over);
        };
        let particulars = &taken.particulars;
        if let Some(parts) = &particulars.organisation {
            let named = parts
                .named()
                .map_err(|bad| StoreError::Inconsistent { table: "invitations", detail: bad.to_string() })?;
            // Whoever invites says that somebody works there, and no more, whatever the ИНН looks like.
            let known = (Relation::Employee, Vouched::Invitation);
            let one = named.of_person(OrganisationId::generate(now, entropy), known, now);
            if !organisation::put(&mut tx, person, &one).await? {
                tx.rollback().await?;
                return Err(InvitedError::TooMany);
            }
            let record = Record::of(Event::OrganisationAdded)
                .user(person)
                .with("proof", Vouched::Invitation.as_str());
            self.write(&mut tx, &record, &visit.origin).await?;
        }
        if let (Some(code), Some(client)) = (&particulars.partner_code, &particulars.client_id) {
            organisation::put_partner_code(&mut tx, (person, client), code, now).await?;
        }
        organisation::keep(&mut tx, person, now).await?;
        let record = about(Event::InvitationAccepted, taken.inviter.as_ref(), id).user(person);
        self.write(&mut tx, &record, &visit.origin).await?;
        tx.commit().await?;
        self.0.store.ephemeral().publish().await;
        count("accepted");
        Ok(())
    }

    fn ticket(&self, id: &InvitationId, visit: &Visit) -> Result<String, TryError> {
        let plain = serde_json::to_vec(&Ticket { invitation: id.clone(), at: self.now() })
            .map_err(|e| StoreError::Inconsistent { table: "invitations", detail: e.to_string() })?;
        let bound = visit.binding.as_str().as_bytes();
        Ok(self.0.invitations.seal(&plain, bound, &*self.0.entropy))
    }

    fn of_ticket(&self, ticket: &str, visit: &Visit) -> Option<InvitationId> {
        let plain = self.0.invitations.open(ticket, visit.binding.as_str().as_bytes())?;
        let Ticket { invitation, at } = serde_json::from_slice(&plain).ok()?;
        (self.now().since(at) <= TICKET).then_some(invitation)
    }

    fn invitation_digest(&self, id: &InvitationId, code: &str) -> String {
        self.0.codes.stamp(&["invitation", id.as_str(), code])
    }
}

/// A record about an invitation of a client, or of an administrator.
fn about(event: Event, inviter: Option<&ClientId>, id: &InvitationId) -> Record {
    inviter
        .into_iter()
        .fold(Record::of(event), Record::client)
        .with("invitation", id.as_str())
}

/// The name under which messages know what they are about.
fn of_message(id: &InvitationId) -> ConfirmationId {
    ConfirmationId::from(id.as_str())
}
