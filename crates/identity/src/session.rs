//! Sign-in sessions: one account signed in on one browser, up to five accounts at once.
//!
//! * A session begins only with a [`Proof`]. The cookie's value is new at every sign-in, also when the same person proves
//!   to be there again; what the browser brought before is dead from then on (no fixation).
//! * It ends without use, or at the latest some days after the last proof; sooner for people with an administrative role.
//! * A sign-in from a browser that is new to the account is told to every confirmed contact; any sign-in stops what waits
//!   to happen to the account ([`recovery`](crate::recovery)).
//! * With it end the grants that do not outlive it, in the same transaction; those that do (`offline_access`) end with it when
//!   it is ended from elsewhere. Clients that want to hear of it are told by the queue of `kabinet_store::logout`.

use kabinet_core::audit::{Event, Origin, Record};
use kabinet_core::authn::{Authentication, Session};
use kabinet_core::country::CountryCode;
use kabinet_core::id::{FlowId, SessionId, UserId};
use kabinet_core::secret::{Secret, TokenHash, TokenKind};
use kabinet_core::time::Timestamp;
use kabinet_core::user::User;
use kabinet_store::session::PER_BROWSER;
pub use kabinet_store::session::{Ended, Ending};
use kabinet_store::{Tx, session, upstream, user};

use crate::delivery::{Notice, Word};
use crate::{Error, Identity, Proof, Visit};

/// How often the use of a session is noted at most, seconds.
const NOTED_EVERY: i64 = 60;

/// A session that has just begun or was proven again.
#[derive(Debug)]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// The new value of its cookie.
    pub cookie: Secret,
    /// The session of another account that had to end, since the browser held too many.
    pub gave_way: Option<SessionId>,
}

impl Identity {
    /// The live sessions of enabled people for these cookie values, in their order; notes that they were used.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn sessions(&self, cookies: &[Secret]) -> Result<Vec<Session>, Error> {
        let hashes: Vec<TokenHash> =
            cookies.iter().take(PER_BROWSER).map(|cookie| TokenHash::of(cookie.expose())).collect();
        let now = self.now();
        let mut sessions = session::by_secrets(self.0.store.db(), &hashes, now).await?;
        if sessions.iter().any(|session| now.since(session.seen_at) >= NOTED_EVERY) {
            // Being late with this note shortens a session by a minute at most; it is no reason to show an error.
            match self.note_use(&mut sessions, now).await {
                Ok(()) => {}
                Err(error) => tracing::warn!(%error, "the use of a session was not noted"),
            }
        }
        Ok(sessions)
    }

    async fn note_use(&self, sessions: &mut [Session], now: Timestamp) -> Result<(), Error> {
        let mut ends = Vec::new();
        for (i, session) in sessions
            .iter()
            .enumerate()
            .filter(|(_, session)| now.since(session.seen_at) >= NOTED_EVERY)
        {
            if let Some(user) = user::by_id(self.0.store.db(), &session.user_id).await? {
                let (idle, _) = self.lengths(&user, session.remembered);
                ends.push((i, now.plus(idle).min(session.expires_at)));
            }
        }
        let mut tx = self.0.store.begin().await?;
        for (i, end) in &ends {
            session::touch(&mut tx, &sessions[*i].id, now, *end).await?;
        }
        tx.commit().await?;
        for (i, _) in ends {
            sessions[i].seen_at = now;
        }
        Ok(())
    }

    /// How long a session of this person lasts without use, and at most.
    fn lengths(&self, user: &User, remember: bool) -> (i64, i64) {
        let config = &self.0.config.session;
        match (user.role, remember) {
            (Some(_), _) => (config.admin_idle, config.admin_max),
            (None, true) => (config.remembered_idle, config.remembered_max),
            (None, false) => (config.idle, config.max),
        }
    }

    /// Begins a session, or renews the one that this person has among `present`. The failures counted against this
    /// browser are forgotten. With five other accounts present, the one used the longest time ago gives way.
    ///
    /// # Errors
    /// [`Error::Gone`] when the account was disabled or deleted since it was proven.
    pub async fn sign_in(
        &self,
        proof: Proof,
        remember: bool,
        present: &[Session],
        visit: &Visit,
    ) -> Result<SignedIn, Error> {
        let user = user::by_id(self.0.store.db(), &proof.user_id)
            .await?
            .filter(|user| !user.disabled)
            .ok_or(Error::Gone)?;
        let (now, entropy) = (self.now(), &*self.0.entropy);
        let (idle, longest) = self.lengths(&user, remember);
        let before = present.iter().find(|session| session.user_id == user.id);
        let mut session = Session {
            id: before.map_or_else(|| SessionId::generate(now, entropy), |session| session.id.clone()),
            user_id: user.id.clone(),
            authentication: Authentication { at: now, factors: proof.factors, flow: visit.flow.clone() },
            chosen_for: before.and_then(|session| session.chosen_for.clone()),
            remembered: remember && user.role.is_none(),
            created_at: before.map_or(now, |session| session.created_at),
            seen_at: now,
            expires_at: now.plus(longest),
            ip: visit.origin.ip.clone(),
            agent: visit.origin.agent.clone(),
        };
        let cookie = TokenKind::Session.generate(entropy);
        let (hash, idle_end) = (TokenHash::of(cookie.expose()), now.plus(idle.min(longest)));
        let mut tx = self.0.store.begin().await?;
        let mut gave_way = None;
        let renewed = before.is_some() && session::renew(&mut tx, &hash, &session, idle_end).await?;
        if !renewed {
            // Ended meanwhile: its id must not come back to life, grants hang on it.
            session.id = SessionId::generate(now, entropy);
            session.created_at = now;
            session::insert(&mut tx, &hash, &session, idle_end).await?;
        }
        if let Some(name) = &proof.upstream {
            upstream::note_session(&mut tx, &session.id, name).await?;
        }
        if before.is_none()
            && present.len() >= PER_BROWSER
            // The last signed in stands first, and all are seen in the same minute: of equals the last gives way.
            && let Some(oldest) = present.iter().rev().min_by_key(|session| session.seen_at)
        {
            let oldest = (std::slice::from_ref(&oldest.id), &oldest.user_id);
            self.end_these_in(&mut tx, oldest, (Ending::SignOut, "gave way"), &visit.origin).await?;
            gave_way = oldest.0.first().cloned();
        }
        self.0.throttle.of_user(user.id.as_str(), visit).clear(&mut tx).await?;
        self.stop_handovers(&mut tx, &user.id, &visit.origin).await?;
        let is_known = proof.registered || visit.devices.contains(&self.device_mark(&user.id, &visit.binding));
        if !is_known {
            let notice = Notice {
                person: &user,
                except: None,
                word: Word::NewSignIn(now),
                brand: &visit.brand,
            };
            self.post_to_all(&mut tx, notice).await?;
        }
        let method = proof.upstream.as_deref().unwrap_or_else(|| session.authentication.method());
        let record = Record::of(Event::LoginSucceeded).user(&user.id).session(&session.id);
        let record = visit
            .client
            .iter()
            .fold(record, Record::client)
            .with("amr", session.authentication.amr())
            .with("method", method)
            .with("country", visit.country.as_ref().map(CountryCode::as_str))
            .with("renewed", renewed);
        self.write(&mut tx, &record, &visit.origin).await?;
        tx.commit().await?;
        if !is_known {
            self.posted();
        }
        Ok(SignedIn { session, cookie, gave_way })
    }

    /// The provider at which the person of a session has signed in, where they did.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn upstream_of(&self, session: &Session) -> Result<Option<String>, Error> {
        Ok(upstream::of_session(self.0.store.db(), &session.id).await?)
    }

    /// Notes that this account was chosen for a sealed request.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn choose(&self, session: &Session, flow: &FlowId) -> Result<(), Error> {
        let mut tx = self.0.store.begin().await?;
        session::choose(&mut tx, &session.id, flow).await?;
        Ok(tx.commit().await?)
    }

    /// Ends a session of this person, and with it the grants that do not outlive it, or all; `None` when there is none.
    ///
    /// # Errors
    /// When the database fails; then nothing has ended.
    pub async fn end_session(
        &self,
        id: &SessionId,
        user: &UserId,
        ending: Ending,
        visit: &Visit,
    ) -> Result<Option<Ended>, Error> {
        let mut tx = self.0.store.begin().await?;
        let gone = (std::slice::from_ref(id), user);
        let ended = self.end_these_in(&mut tx, gone, (ending, "ended by the person"), &visit.origin).await?;
        let Some(ended) = ended.into_iter().next() else {
            tx.rollback().await?;
            return Ok(None);
        };
        tx.commit().await?;
        self.0.store.ephemeral().publish().await;
        Ok(Some(ended))
    }

    /// Ends every other session of the person with all that came of it; how many.
    ///
    /// # Errors
    /// When the database fails; then nothing has ended.
    pub async fn end_others(&self, keep: &Session, visit: &Visit) -> Result<usize, Error> {
        let mut tx = self.0.store.begin().await?;
        let ended = self
            .end_all_in(&mut tx, (&keep.user_id, keep.id.as_str()), "ended by the person", &visit.origin)
            .await?;
        tx.commit().await?;
        self.0.store.ephemeral().publish().await;
        Ok(ended)
    }

    /// The live sessions of a person, the last used first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sessions_of(&self, user: &UserId) -> Result<Vec<Session>, Error> {
        Ok(session::by_user(self.0.store.db(), user, self.now()).await?)
    }

    /// Ends all sessions of a person but `keep` (empty: all) with all that came of them, inside a transaction.
    pub(crate) async fn end_all_in(
        &self,
        tx: &mut Tx,
        (user, keep): (&UserId, &str),
        why: &'static str,
        origin: &Origin,
    ) -> Result<usize, Error> {
        let ids = session::others(tx, user, keep).await?;
        Ok(self.end_these_in(tx, (&ids, user), (Ending::Cut, why), origin).await?.len())
    }

    async fn end_these_in(
        &self,
        tx: &mut Tx,
        (ids, user): (&[SessionId], &UserId),
        (ending, why): (Ending, &'static str),
        origin: &Origin,
    ) -> Result<Vec<Ended>, Error> {
        let gone = session::end(tx, (ids, user), ending, self.now()).await?;
        for ended in &gone {
            let record = Record::of(Event::SessionEnded)
                .user(user)
                .session(&ended.id)
                .with("why", why)
                .with("grants", ended.grants)
                .with("notices", ended.notices);
            self.write(tx, &record, origin).await?;
        }
        Ok(gone)
    }
}
