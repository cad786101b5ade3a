//! Whose an account at a provider is.
//!
//! 1. One that is linked signs in to its account; what the provider says today takes the place of what it said before.
//! 2. Linking needs two fresh proofs: the sign-in there and the account here (its password, or a code to a contact where it has
//!    none). What is linked to another account stays there.
//! 3. Unlinking needs the account's proof, and leaves a way in: a password, a certificate or another provider, which is not
//!    another country's.
//! 4. Each is told to every confirmed contact.

use kabinet_core::audit::{Event, Record};
use kabinet_core::claims;
use kabinet_core::contact::Contact;
use kabinet_core::external::External;
use kabinet_core::id::{AttemptId, ConfirmationId, LinkId, SessionId, UserId};
use kabinet_core::linking::{self, Owner, Purpose, Refusal, Situation, Verdict};
use kabinet_core::time::Timestamp;
use kabinet_core::user::User;
use kabinet_store::change::{self, Kind};
use kabinet_store::upstream::{self, Link};
use kabinet_store::{Error as StoreError, Tx, certificate, user};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Configured;
use crate::confirmation::{Attempt, CodeError, Confirmed};
use crate::delivery::{Notice, Purpose as Sending, Word};
use crate::{Error, Identity, Proof, Visit};

/// How many accounts at providers an account may have.
const MOST: usize = 20;

/// Who came back from a provider, as the attempt's row keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Arrived {
    pub person: External,
    pub user: Option<UserId>,
    pub remember: bool,
    pub registers: bool,
    pub is_alike: bool,
}

/// Somebody who has just signed in at a provider. Only this module makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    attempt: AttemptId,
    person: External,
    /// The account that it may be linked to, where that was signed in.
    pub user: Option<UserId>,
    /// Whether they want to be remembered.
    pub remember: bool,
    /// Whether they may make an account, as far as was decided when they came back.
    pub registers: bool,
    /// Whether they most likely have an account.
    pub is_alike: bool,
}

impl Guest {
    /// Who it is there.
    #[must_use]
    pub fn person(&self) -> &External {
        &self.person
    }

    /// The id under which they wait.
    #[must_use]
    pub fn id(&self) -> &AttemptId {
        &self.attempt
    }
}

/// An account at a provider that belongs to an account here, for its owner's eyes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its id.
    pub id: LinkId,
    /// The provider.
    pub upstream: String,
    /// What the person is called there.
    pub name: Option<String>,
    /// Since when.
    pub linked_at: Timestamp,
    /// When somebody last signed in by it.
    pub used_at: Option<Timestamp>,
}

/// What a code of [`Sending::SignIn`] does to an account's providers when it is right.
#[derive(Serialize, Deserialize)]
#[serde(tag = "then")]
pub enum FreshLink {
    /// It links.
    #[serde(rename = "link-upstream")]
    Link {
        /// To this account.
        user: UserId,
        /// In which the code was asked for.
        session: SessionId,
        /// Who came back.
        guest: Box<Guest>,
    },
    /// It unlinks.
    #[serde(rename = "unlink-upstream")]
    Unlink {
        /// From this account.
        user: UserId,
        /// In which the code was asked for.
        session: SessionId,
        /// Which.
        link: LinkId,
    },
}

/// Why nothing was linked or unlinked.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamLinkError {
    /// The rules of linking.
    #[error("refused: {}", .0.code())]
    Refused(Refusal),
    /// Who came back has served before, or it is too late.
    #[error("the sign-in has served before")]
    Spent,
    /// Without it nobody could sign in.
    #[error("it is the only way into the account")]
    LastWay,
    /// The account has no such link.
    #[error("no such link")]
    NoSuch,
    /// Not the person's fault.
    #[error(transparent)]
    Store(#[from] Error),
}

impl PartialEq for UpstreamLinkError {
    fn eq(&self, other: &Self) -> bool {
        self.code() == other.code()
    }
}

impl UpstreamLinkError {
    /// The code on pages.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::LastWay => "upstream-last",
            Self::Spent | Self::NoSuch | Self::Store(_) => "stale",
        }
    }
}

impl From<StoreError> for UpstreamLinkError {
    fn from(error: StoreError) -> Self {
        match error {
            // Linked elsewhere since it was looked up.
            StoreError::Taken(_) => Self::Refused(Refusal::Elsewhere),
            error => Self::Store(error.into()),
        }
    }
}

/// Whether what is linked is not this account there: only one of the two identifiers is the same. One of the two may know the second
/// one alone; then that stands for the subject, too.
pub(super) fn is_contradicted(link: &Link, person: &External) -> bool {
    if let (Some(linked), Some(told)) = (&link.other_id, &person.other_id)
        && linked != told
    {
        return true;
    }
    let knows_one = |subject: &str, other: Option<&str>| other == Some(subject);
    link.subject != person.subject
        && !knows_one(&link.subject, link.other_id.as_deref())
        && !knows_one(&person.subject, person.other_id.as_deref())
}

impl Identity {
    /// Who came back from a provider under this id; `None`: another browser, too late, or they have served.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn guest(&self, name: &str, id: &AttemptId, visit: &Visit) -> Result<Option<Guest>, Error> {
        let arrived = self.arrived(name, id, visit).await?;
        Ok(arrived.map(|Arrived { person, user, remember, registers, is_alike }| Guest {
            attempt: id.clone(),
            person,
            user,
            remember,
            registers,
            is_alike,
        }))
    }

    pub(crate) async fn links_of(&self, person: &External) -> Result<Vec<Link>, StoreError> {
        let ids = (person.subject.as_str(), person.other_id.as_deref());
        upstream::find(self.0.store.db(), &person.upstream, ids).await
    }

    pub(super) async fn has_room(&self, user: &UserId) -> Result<bool, StoreError> {
        Ok(upstream::of_user(self.0.store.db(), user).await?.len() < MOST)
    }

    /// The accounts at providers that an account has, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connections_of(&self, user: &UserId) -> Result<Vec<Connection>, Error> {
        let links = upstream::of_user(self.0.store.db(), user).await?;
        let connection = |link: Link| Connection {
            name: self.person_of(&link).and_then(|person| person.name),
            id: link.id,
            upstream: link.upstream,
            linked_at: link.linked_at,
            used_at: link.used_at,
        };
        Ok(links.into_iter().map(connection).collect())
    }

    /// What a provider said last of somebody.
    pub(crate) fn person_of(&self, link: &Link) -> Option<External> {
        let plain = self.0.externals.open(&link.person, link.id.as_str().as_bytes())?;
        serde_json::from_slice(&plain).ok()
    }

    fn seal_person(&self, id: &LinkId, person: &External) -> Result<String, StoreError> {
        let plain = serde_json::to_vec(person)
            .map_err(|error| StoreError::Inconsistent { table: "upstream_links", detail: error.to_string() })?;
        Ok(self.0.externals.seal(&plain, id.as_str().as_bytes(), &*self.0.entropy))
    }

    /// Signs in somebody whose identity is linked, unless it was unlinked or the account disabled since it was looked up.
    pub(super) async fn sign_in_known(
        &self,
        one: &Configured,
        (found, person): (&[Link], &External),
        user: &UserId,
        visit: &Visit,
    ) -> Result<Proof, Error> {
        let link = found.iter().find(|link| link.user_id == *user).ok_or(Error::Gone)?;
        let mut tx = self.0.store.begin().await?;
        if !self.renew_link(&mut tx, link, person).await? {
            return Err(Error::Gone);
        }
        self.note_external(&mut tx, one, user, person).await?;
        tx.commit().await?;
        tracing::info!(upstream = one.settings.name, user.id = %user, client.id = visit.client.as_ref().map(tracing::field::display), "signed in at a provider");
        Ok(Proof::new(user.clone(), vec![one.settings.factor(person)]).through_upstream(&one.settings.name))
    }

    /// Takes what the provider says today in place of what it said before; `false` when it is linked no more.
    async fn renew_link(&self, tx: &mut Tx, link: &Link, person: &External) -> Result<bool, StoreError> {
        let knows_subject = person.other_id.as_deref() != Some(&person.subject);
        let renewed = Link {
            subject: if knows_subject {
                person.subject.clone()
            } else {
                link.subject.clone()
            },
            other_id: person.other_id.clone(),
            person: self.seal_person(&link.id, person)?,
            ..link.clone()
        };
        upstream::note_use(tx, &renewed, self.now()).await
    }

    /// Links who came back to an account, both just proven. They serve once.
    ///
    /// # Errors
    /// See [`UpstreamLinkError`]; then nothing has changed.
    pub async fn link_upstream(&self, user: &UserId, guest: &Guest, visit: &Visit) -> Result<(), UpstreamLinkError> {
        let one = self.upstream(&guest.person.upstream).ok_or(UpstreamLinkError::NoSuch)?;
        let now = self.now();
        let mut tx = self.0.store.begin().await?;
        change::tell(&mut tx, Kind::User, &[user.to_string()], now).await?;
        let person = user::by_id_in(&mut tx, user)
            .await?
            .filter(|person| !person.disabled)
            .ok_or(Error::Gone)?;
        if !upstream::forget(&mut tx, &guest.attempt).await? {
            return Err(UpstreamLinkError::Spent);
        }
        let ids = (guest.person.subject.as_str(), guest.person.other_id.as_deref());
        let found = upstream::find_in(&mut tx, &guest.person.upstream, ids).await?;
        let owners: Vec<Owner> = found
            .iter()
            .map(|link| Owner { user: link.user_id.clone(), is_disabled: false })
            .collect();
        let verdict = linking::decide(&Situation {
            purpose: &Purpose::Link(user.clone()),
            owners: &owners,
            is_contradicted: found.iter().any(|link| is_contradicted(link, &guest.person)),
            // Decided when they set out and again when they came back.
            signs_in: true,
            registers: false,
            is_alike: false,
            has_room: upstream::of_user_in(&mut tx, user).await?.len() < MOST,
        });
        match verdict {
            Verdict::Link => {
                self.connect(&mut tx, user, guest, visit).await?;
                let word = Word::UpstreamLinked(now);
                let notice = Notice { person: &person, except: None, word, brand: &visit.brand };
                self.post_to_all(&mut tx, notice).await?;
            }
            Verdict::Refuse(refusal) => return Err(UpstreamLinkError::Refused(refusal)),
            _ => {
                if let Some(link) = found.first() {
                    self.renew_link(&mut tx, link, &guest.person).await?;
                }
            }
        }
        self.note_external(&mut tx, one, user, &guest.person).await?;
        tx.commit().await?;
        self.0.store.ephemeral().publish().await;
        self.posted();
        Ok(())
    }

    /// Links inside the transaction that makes it true, with its record.
    pub(crate) async fn connect(
        &self,
        tx: &mut Tx,
        user: &UserId,
        guest: &Guest,
        visit: &Visit,
    ) -> Result<LinkId, StoreError> {
        let now = self.now();
        let id = LinkId::generate(now, &*self.0.entropy);
        let new = Link {
            person: self.seal_person(&id, &guest.person)?,
            id: id.clone(),
            user_id: user.clone(),
            upstream: guest.person.upstream.clone(),
            subject: guest.person.subject.clone(),
            other_id: guest.person.other_id.clone(),
            linked_at: now,
            used_at: Some(now),
        };
        upstream::link(tx, &new).await?;
        let record = Record::of(Event::UpstreamLinked)
            .user(user)
            .with("link", id.as_str())
            .with("upstream", new.upstream.as_str());
        let record = visit.client.iter().fold(record, Record::client);
        self.write(tx, &record, &visit.origin).await?;
        Ok(id)
    }

    /// Takes an account at a provider from an account that was just proven.
    ///
    /// # Errors
    /// See [`UpstreamLinkError`]; then nothing has changed.
    pub async fn unlink_upstream(&self, user: &UserId, id: &LinkId, visit: &Visit) -> Result<(), UpstreamLinkError> {
        let now = self.now();
        let mut tx = self.0.store.begin().await?;
        change::tell(&mut tx, Kind::User, &[user.to_string()], now).await?;
        let person = user::by_id_in(&mut tx, user).await?.ok_or(Error::Gone)?;
        let links = upstream::of_user_in(&mut tx, user).await?;
        let link = links.iter().find(|link| link.id == *id).ok_or(UpstreamLinkError::NoSuch)?;
        let has_certificate = !certificate::of_user_in(&mut tx, user).await?.is_empty();
        let others = links.iter().filter(|other| other.id != *id).any(|other| self.is_way_in(&other.upstream));
        if !others && !has_certificate && !self.has_password(user).await? {
            return Err(UpstreamLinkError::LastWay);
        }
        upstream::unlink(&mut tx, user, id).await?;
        self.forget_external(&mut tx, user, &link.upstream).await?;
        let record = Record::of(Event::UpstreamUnlinked)
            .user(user)
            .with("link", id.as_str())
            .with("upstream", link.upstream.as_str());
        self.write(&mut tx, &record, &visit.origin).await?;
        let word = Word::UpstreamUnlinked(now);
        let notice = Notice { person: &person, except: None, word, brand: &visit.brand };
        self.post_to_all(&mut tx, notice).await?;
        tx.commit().await?;
        self.0.store.ephemeral().publish().await;
        self.posted();
        Ok(())
    }

    /// Whether a provider is a way into an account by itself: it is configured, and not another country's.
    fn is_way_in(&self, name: &str) -> bool {
        self.upstream(name).is_some_and(|one| !one.settings.is_foreign)
    }

    /// Whether an account has a provider by which alone its owner gets in.
    pub(crate) async fn has_way_by_upstream(&self, tx: &mut Tx, user: &UserId) -> Result<bool, StoreError> {
        let links = upstream::of_user_in(tx, user).await?;
        Ok(links.iter().any(|link| self.is_way_in(&link.upstream)))
    }

    /// Which of the account's links may go without locking its owner out: all or none but the foreign ones.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn removable(&self, user: &UserId, connections: &[Connection]) -> Result<Vec<LinkId>, Error> {
        let has_other =
            self.has_password(user).await? || !certificate::of_user(self.0.store.db(), user).await?.is_empty();
        let ways = connections.iter().filter(|one| self.is_way_in(&one.upstream)).count();
        let stays = |one: &Connection| {
            let rest = ways - usize::from(self.is_way_in(&one.upstream));
            !has_other && rest == 0
        };
        Ok(connections.iter().filter(|one| !stays(one)).map(|one| one.id.clone()).collect())
    }

    /// Sends a code that proves an account once more, to link or unlink a provider.
    ///
    /// # Errors
    /// See [`CodeError`]; [`CodeError::NotSent`] where the account has no contact that codes are sent to.
    pub async fn begin_fresh_link(
        &self,
        person: &User,
        then: &FreshLink,
        visit: &Visit,
    ) -> Result<ConfirmationId, CodeError> {
        let contact: Contact = self.second_contact(person).ok_or(CodeError::NotSent)?;
        self.request_code(Sending::SignIn, &contact, then, visit).await
    }

    /// Does what a right code of a [`FreshLink`] was for.
    pub(crate) async fn finish_fresh_link(
        &self,
        attempt: &Attempt,
        then: FreshLink,
        visit: &Visit,
    ) -> Result<Confirmed, CodeError> {
        let done = match then {
            FreshLink::Link { user, session, guest } => {
                self.spend_in_session(attempt, (&session, &user), visit).await?;
                self.link_upstream(&user, &guest, visit).await.map(|()| Confirmed::UpstreamLinked)
            }
            FreshLink::Unlink { user, session, link } => {
                self.spend_in_session(attempt, (&session, &user), visit).await?;
                self.unlink_upstream(&user, &link, visit).await.map(|()| Confirmed::UpstreamUnlinked)
            }
        };
        match done {
            Ok(done) => Ok(done),
            Err(UpstreamLinkError::Store(error)) => Err(error.into()),
            Err(error) => Ok(Confirmed::UpstreamNotLinked(error)),
        }
    }
}

/// What a provider says of the person, as standard claims for a new account (OpenID Connect Core §5.1).
pub(crate) fn claims(person: &External) -> Map<String, Value> {
    let found = [
        ("name", &person.name),
        ("family_name", &person.family_name),
        ("given_name", &person.given_name),
        ("middle_name", &person.middle_name),
    ];
    let mut claims: Map<String, Value> = found
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), Value::from(value.as_deref()?.trim()))))
        .collect();
    // What claims may not hold is left out, name by name.
    claims.retain(|name, value| claims::check(&Map::from_iter([(name.clone(), value.clone())])).is_ok());
    claims
}
