//! Back-Channel Logout 1.0: clients are told by a signed token that a sign-in has ended.
//!
//! 1. The transaction that ends a session writes a notice for each of its clients that has a `backchannel_logout_uri`
//!    (`kabinet_store::logout`); so does the end of an account for clients that still hold grants.
//! 2. Whoever ended the session in front of a browser calls [`Provider::tell_now`], which gives live clients the time to
//!    hear of it before the browser goes on; every node's job ([`Provider::keep_telling`]) takes up what is left: what other
//!    nodes or the command line wrote, what a node that died held, and further attempts.
//! 3. Each attempt mints a logout token (§2.4): `typ` logout+jwt, signed as the client's ID tokens are, good for two
//!    minutes, with `sid`, never with a `nonce`. It is posted as the form field `logout_token` (§2.5) through the guarded client:
//!    no private address, no redirect.
//! 4. What follows from the answer is `kabinet_core::logout`. Notices about a person as a whole are dropped once the person
//!    has signed in to the client again.
//!
//! Sessions that run out by themselves are told to nobody: the client's own session has its own end.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kabinet_core::ambient::random;
use kabinet_core::client::Client;
use kabinet_core::id::SessionId;
use kabinet_core::key::Ring;
use kabinet_core::logout::{Answer, Next};
use kabinet_store::logout::{self, State, Taken};
use serde_json::json;
use tokio::task::JoinSet;
use url::Url;

use crate::keys::Typ;
use crate::{Provider, Result};

/// The member of `events` that makes a token a logout token (§2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// How long a logout token is good, seconds (§2.4: at most two minutes in the future is recommended).
const LIFE: i64 = 120;
/// How long a notice belongs to whoever took it, seconds: longer than any call may take.
const LEASE: i64 = 30;
/// Notices that one node sends beside each other: a client that does not answer holds up nobody else.
const AT_ONCE: usize = 64;
/// How often the queue is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long a person who signs out waits at most for clients to hear of it.
const PATIENCE: Duration = Duration::from_millis(1500);

impl Provider {
    /// Tells the clients of these sessions, which have just ended, and waits for their answers, a second and a half at
    /// most. Whatever goes wrong is left to [`keep_telling`](Self::keep_telling).
    pub async fn tell_now(&self, sessions: &[SessionId]) {
        let provider = self.clone();
        let sessions = sessions.to_vec();
        // In a task of its own: the browser may go away, the clients are told all the same.
        let told = tokio::spawn(async move {
            let mut running = JoinSet::new();
            for session in &sessions {
                match provider.take(AT_ONCE, Some(session)).await {
                    Ok(taken) => taken.into_iter().for_each(|one| provider.start(&mut running, one)),
                    Err(error) => tracing::warn!(%error, "clients are told of a sign-out a moment later"),
                }
            }
            while running.join_next().await.is_some() {}
        });
        if tokio::time::timeout(PATIENCE, told).await.is_err() {
            tracing::info!("a sign-out did not wait for every client to answer");
        }
    }

    /// Tells clients what is due, for ever. Dropped, it leaves what it had in hand to whoever looks after its lease.
    pub async fn keep_telling(&self) {
        let mut running = JoinSet::new();
        loop {
            if let Err(error) = self.start_due(&mut running).await {
                tracing::warn!(%error, "logout notices wait for the database");
            }
            // One that has ended makes room for the next, but an empty queue is not asked more often for that.
            let is_full = running.len() >= AT_ONCE;
            tokio::select! {
                _ = running.join_next(), if is_full => {}
                () = tokio::time::sleep(LOOK) => while running.try_join_next().is_some() {},
            }
        }
    }

    /// Tells clients everything that is due and waits for the ends; how many attempts were made.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tell_due(&self) -> Result<usize> {
        let (mut running, mut made) = (JoinSet::new(), 0);
        loop {
            made += self.start_due(&mut running).await?;
            if running.join_next().await.is_none() {
                return Ok(made);
            }
        }
    }

    async fn start_due(&self, running: &mut JoinSet<()>) -> Result<usize> {
        let mut started = 0;
        loop {
            let free = AT_ONCE.saturating_sub(running.len());
            // A read first: an empty queue must not cost a write.
            let is_due = logout::next_due(self.store().db()).await?.is_some_and(|due| due <= self.now());
            if free == 0 || !is_due {
                return Ok(started);
            }
            let taken = self.take(free, None).await?;
            if taken.is_empty() {
                return Ok(started);
            }
            started += taken.len();
            taken.into_iter().for_each(|one| self.start(running, one));
        }
    }

    async fn take(&self, most: usize, session: Option<&SessionId>) -> Result<Vec<Taken>> {
        let now = self.now();
        let mut tx = self.store().begin().await?;
        let dropped = logout::drop_stale(&mut tx, now).await?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let taken = logout::take(&mut tx, (now, now.plus(LEASE)), most, session).await?;
        tx.commit().await?;
        count("dropped", dropped);
        Ok(taken)
    }

    fn start(&self, running: &mut JoinSet<()>, taken: Taken) {
        let provider = self.clone();
        running.spawn(async move {
            if let Err(error) = provider.attempt(&taken).await {
                tracing::warn!(%error, client.id = %taken.client_id, "a logout notice waits for the end of its lease");
            }
        });
    }

    /// Makes one attempt and notes how it ended.
    async fn attempt(&self, taken: &Taken) -> Result<()> {
        let client = self.client(&taken.client_id).await?;
        let place = client.as_deref().and_then(|client| {
            let uri = client.metadata.backchannel_logout_uri.as_deref()?;
            Some((client, Url::parse(uri).ok()?))
        });
        let Some((client, uri)) = place else {
            count("dropped", 1);
            return self.settle(taken, State::Dropped, "the client has no back-channel any more").await;
        };
        let (answer, reason) = self.tell(client, uri, taken).await;
        let (id, attempts) = (&taken.client_id, taken.attempts);
        match answer.next(attempts, self.now()) {
            Next::Told => {
                count("told", 1);
                self.settle(taken, State::Told, &reason).await
            }
            Next::Again(due) => {
                tracing::info!(client.id = %id, attempts, reason, "a client did not hear of a sign-out and is told again");
                count("failed", 1);
                let mut tx = self.store().begin().await?;
                logout::again(&mut tx, taken, &reason, due).await?;
                Ok(tx.commit().await?)
            }
            Next::Dead => {
                tracing::error!(client.id = %id, attempts, reason, "a client was not told of a sign-out");
                count("dead", 1);
                self.settle(taken, State::Dead, &reason).await
            }
        }
    }

    /// Makes the call; the answer, and in words for operators.
    async fn tell(&self, client: &Client, uri: Url, taken: &Taken) -> (Answer, String) {
        let token = match self.mint_logout_token(client, taken).await {
            Ok(token) => token,
            Err(error) => {
                tracing::error!(%error, client.id = %client.id, "a logout token could not be made");
                return (Answer::Silence, "the token could not be signed".to_owned());
            }
        };
        match self.inner.fetch.post_form(uri, &[("logout_token", &token)]).await {
            Ok(response) => {
                let status = response.status.as_u16();
                (Answer::Status(status), format!("status {status}"))
            }
            Err(why) => (Answer::Silence, silence(why).to_owned()),
        }
    }

    async fn settle(&self, taken: &Taken, state: State, reason: &str) -> Result<()> {
        let mut tx = self.store().begin().await?;
        logout::settle(&mut tx, taken, (state, reason), self.now()).await?;
        Ok(tx.commit().await?)
    }

    /// Mints a logout token (§2.4). `sub` and, about one session, `sid`, both as the client knows them.
    async fn mint_logout_token(&self, client: &Client, taken: &Taken) -> Result<String> {
        let now = self.now();
        let mut claims = json!({
            "iss": self.issuer(),
            "sub": self.subject_of(client, &taken.user_id).await?,
            "aud": client.id.as_str(),
            "iat": now.0,
            "exp": now.plus(LIFE).0,
            "jti": URL_SAFE_NO_PAD.encode(random::<16>(self.entropy())),
            "events": { EVENT: {} },
        });
        if let Some(session) = &taken.session_id {
            claims["sid"] = self.sid(session, &client.id).into();
        }
        let keys = self.keys();
        keys.current(Ring::of(client.metadata.profile), client.metadata.id_token_signed_response_alg)?
            .sign(Typ::LogoutJwt, &claims)
    }
}

/// What operators are told of a call without an answer.
const fn silence(why: kabinet_fetch::Error) -> &'static str {
    match why {
        kabinet_fetch::Error::Refused => "the address is unknown or may not be called",
        kabinet_fetch::Error::Unreachable => "no connection",
        kabinet_fetch::Error::TimedOut => "no answer in time",
        kabinet_fetch::Error::TooLarge => "the answer is too long",
        _ => "the connection broke",
    }
}

fn count(outcome: &'static str, how_many: u64) {
    if how_many > 0 {
        metrics::counter!("kabinet_logout_notices_total", "outcome" => outcome).increment(how_many);
    }
}
