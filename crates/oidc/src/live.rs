//! What this node keeps in memory so that a request need not ask: clients, people, brands, legal documents, and which
//! grants and tokens are dead.
//!
//! 1. [`Provider::hear`] asks the primary for changes: one statement; called several times a second by a job and at once
//!    after an own change.
//! 2. A changed client or person is dropped from memory; a dead grant or token is remembered until no access token of it
//!    can live any more.
//! 3. Whoever must know whether a token is good calls [`Provider::listen_first`]: a node that has not heard for a second
//!    asks now, and one that cannot answers 503.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kabinet_core::brand::Brands;
use kabinet_core::client::{Client, GrantType};
use kabinet_core::decision::{self, Missing};
use kabinet_core::error::Code;
use kabinet_core::id::{ClientId, GrantId, UserId};
use kabinet_core::scope::Scope;
use kabinet_core::secret::TokenHash;
use kabinet_core::time::Timestamp;
use kabinet_core::user::User;
use kabinet_store::Tx;
use kabinet_store::change::{self, Change, Kind};
use kabinet_store::device::Device;

use crate::device::Polls;
use crate::{Error, Provider, Result, keys};

/// How old the last word of the primary may be.
const FRESH: Duration = Duration::from_millis(900);
/// How many clients and how many people are kept; beyond that, memory starts anew.
const CAP: usize = 20_000;

#[derive(Default)]
pub(crate) struct Live {
    state: Mutex<State>,
    /// One question at a time; those who wait get the answer of the one who asks.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    seen: i64,
    /// The number of the last change of a client.
    clients_changed: i64,
    /// The number of the last change of whom sign-in by certificate believes.
    trust_changed: i64,
    heard: Option<Instant>,
    /// The same by the clock on the wall, which goes on while the machine sleeps.
    heard_at: Timestamp,
    clients: HashMap<ClientId, Arc<Client>>,
    users: HashMap<UserId, Arc<User>>,
    dead_grants: HashMap<String, Timestamp>,
    dead_tokens: HashMap<String, Timestamp>,
    polls: Polls,
}

impl Live {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the devices that poll.
    pub(crate) fn polls<T>(&self, act: impl FnOnce(&mut Polls) -> T) -> T {
        act(&mut self.state().polls)
    }
}

impl Provider {
    /// Asks the primary what changed.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn hear(&self) -> Result<()> {
        let _one = self.inner.live.asking.lock().await;
        self.ask().await
    }

    async fn ask(&self) -> Result<()> {
        let asked_at = Instant::now();
        let seen = self.inner.live.state().seen;
        let (newest, changes) = change::since(self.store().db(), seen).await?;
        let now = self.now();
        // Changes that were swept while this node slept were about anybody. A node that starts has slept since 1970.
        let has_slept = now.since(self.inner.live.state().heard_at) >= change::KEPT;
        // Before anything is noted as seen: what cannot be read is asked for again.
        self.reload(&changes, has_slept).await?;
        let until = now.plus(change::KEPT);
        let mut state = self.inner.live.state();
        if has_slept {
            state.clients.clear();
            state.users.clear();
            state.polls.clear();
            state.clients_changed = newest;
            state.trust_changed = newest;
        }
        for change in changes {
            match change.kind {
                Kind::Grant => drop(state.dead_grants.insert(change.what, until)),
                Kind::Token => drop(state.dead_tokens.insert(change.what, until)),
                Kind::Client => {
                    state.clients.remove(&ClientId::from(change.what));
                    state.clients_changed = change.n;
                }
                Kind::User => drop(state.users.remove(&UserId::from(change.what))),
                Kind::Trust => state.trust_changed = change.n,
                Kind::Device => state.polls.drop_one(&change.what),
                Kind::Keys | Kind::Brand | Kind::Document => {}
            }
        }
        state.seen = state.seen.max(newest);
        state.heard = Some(asked_at);
        state.heard_at = now;
        Ok(())
    }

    /// Loads anew what is kept as a whole and changed.
    async fn reload(&self, changes: &[Change], has_slept: bool) -> Result<()> {
        let changed = |kind| changes.iter().any(|change| change.kind == kind);
        let db = self.store().db();
        if has_slept || changed(Kind::Keys) {
            let ring = keys::Keyring::load(kabinet_store::key::every(db).await?, &self.inner.key_sealer)?;
            self.inner.keys.store(Arc::new(ring));
            self.inner.verified.clear();
        }
        if has_slept || changed(Kind::Brand) {
            self.inner.brands.store(Arc::new(brands(kabinet_store::brand::every(db).await?)));
        }
        if has_slept || changed(Kind::Document) {
            self.inner.documents.store(Arc::new(kabinet_store::document::published(db).await?));
        }
        Ok(())
    }

    /// The number of the last change, as this node knows, of whom sign-in by certificate believes: what others keep of it is
    /// as old as the number that they saw.
    #[must_use]
    pub fn trust_changed(&self) -> i64 {
        self.inner.live.state().trust_changed
    }

    /// The brands, from memory.
    #[must_use]
    pub fn brands(&self) -> Arc<Brands> {
        self.inner.brands.load_full()
    }

    /// Makes sure that this node has heard from the primary within a second.
    ///
    /// # Errors
    /// [`Error::Stale`] when the primary does not answer.
    pub async fn listen_first(&self) -> Result<()> {
        let fresh = || self.inner.live.state().heard.is_some_and(|at| at.elapsed() < FRESH);
        if fresh() {
            return Ok(());
        }
        let _one = self.inner.live.asking.lock().await;
        if fresh() {
            return Ok(());
        }
        match tokio::time::timeout(Duration::from_secs(2), self.ask()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                tracing::warn!(%error, "no word from the database");
                Err(Error::Stale)
            }
            Err(_) => Err(Error::Stale),
        }
    }

    /// Tells the other nodes and hears the own change at once; failing costs a quarter of a second only.
    pub async fn changed(&self) {
        if let Err(error) = self.hear().await {
            tracing::warn!(%error, "no word from the database after a change");
        }
        self.store().ephemeral().publish().await;
    }

    /// Forgets what can no longer matter; called by the sweeper.
    pub fn forget_dead(&self) {
        let now = self.now();
        let mut state = self.inner.live.state();
        state.dead_grants.retain(|_, until| *until > now);
        state.dead_tokens.retain(|_, until| *until > now);
        state.polls.forget(now);
        drop(state);
        self.inner.verified.forget(now);
        self.inner.guesses.forget(self.now());
        self.inner.client_keys.forget(now);
    }

    /// What a poll of a device gets that is answered from memory; otherwise the number of the last change, to be handed to
    /// [`Self::wait_for`].
    pub(crate) fn poll_of(&self, code: &TokenHash, client: &ClientId, now: Timestamp) -> (i64, Option<Code>) {
        let mut state = self.inner.live.state();
        (state.seen, state.polls.answer(code, client, now))
    }

    /// Answers the polls of a device from memory from now on, and this one.
    pub(crate) fn wait_for(&self, code: TokenHash, device: &Device, seen: i64) -> Code {
        let mut state = self.inner.live.state();
        // A change heard while we read may have been about this device.
        if state.seen == seen {
            state.polls.wait(code.clone(), &device.client_id, device.expires_at);
        }
        state
            .polls
            .answer(&code, &device.client_id, self.now())
            .unwrap_or(Code::AuthorizationPending)
    }

    pub(crate) fn is_dead(&self, grant: Option<&GrantId>, jti: &str) -> bool {
        let state = self.inner.live.state();
        grant.is_some_and(|grant| state.dead_grants.contains_key(grant.as_str())) || state.dead_tokens.contains_key(jti)
    }

    /// An enabled client, from memory when it is there.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn client(&self, id: &ClientId) -> Result<Option<Arc<Client>>> {
        if !is_an_id(id.as_str()) {
            return Ok(None);
        }
        let seen = {
            let state = self.inner.live.state();
            if let Some(client) = state.clients.get(id) {
                return Ok(Some(client.clone()).filter(|client| !client.disabled));
            }
            state.seen
        };
        let Some(client) = kabinet_store::client::by_id(self.store().db(), id).await? else {
            return Ok(None);
        };
        let client = Arc::new(client);
        let mut state = self.inner.live.state();
        // A change heard while we read may have been about this client.
        if state.seen == seen {
            if state.clients.len() >= CAP {
                state.clients.clear();
            }
            state.clients.insert(id.clone(), client.clone());
        }
        drop(state);
        Ok(Some(client).filter(|client| !client.disabled))
    }

    /// An enabled person, from memory when they are there.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn user(&self, id: &UserId) -> Result<Option<Arc<User>>> {
        let seen = match self.remembered(id) {
            Ok(user) => return Ok(user),
            Err(seen) => seen,
        };
        Ok(self.remember(kabinet_store::user::by_id(self.store().db(), id).await?, seen))
    }

    /// A person, also one who is disabled or whose account became part of another one, from memory when they are there.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn anybody(&self, id: &UserId) -> Result<Option<Arc<User>>> {
        if !is_an_id(id.as_str()) {
            return Ok(None);
        }
        let seen = {
            let state = self.inner.live.state();
            if let Some(user) = state.users.get(id) {
                return Ok(Some(user.clone()));
            }
            state.seen
        };
        let found = kabinet_store::user::by_id(self.store().db(), id).await?;
        Ok(found.map(|user| self.keep(user, seen)))
    }

    /// The same from the database, for who must not miss what another node has just changed.
    ///
    /// # Errors
    /// When the store fails.
    async fn user_afresh(&self, id: &UserId) -> Result<Option<Arc<User>>> {
        let seen = self.inner.live.state().seen;
        Ok(self.remember(kabinet_store::user::by_id(self.store().db(), id).await?, seen))
    }

    /// What a person must give before this client gets this scope (`None`: before the cabinet is shown). Memory may be a moment
    /// behind what they have just given on another node, so that something is missing is said by the database alone.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn missing(
        &self,
        id: &UserId,
        asking: Option<(&Client, &Scope)>,
    ) -> Result<Option<(Arc<User>, Missing)>> {
        let documents = self.documents();
        let lacks = |user: &User| decision::missing(user, asking, &documents);
        if self.user(id).await?.is_none_or(|user| lacks(&user).is_none()) {
            return Ok(None);
        }
        let afresh = self.user_afresh(id).await?;
        Ok(afresh.and_then(|user| lacks(&user).map(|missing| (user, missing))))
    }

    /// The same for who holds a transaction already: a second connection could keep both waiting.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn user_in(&self, tx: &mut Tx, id: &UserId) -> Result<Option<Arc<User>>> {
        let seen = match self.remembered(id) {
            Ok(user) => return Ok(user),
            Err(seen) => seen,
        };
        Ok(self.remember(kabinet_store::user::by_id_in(tx, id).await?, seen))
    }

    /// What memory says of a person; otherwise the number of the last change, to be handed to [`Self::remember`].
    fn remembered(&self, id: &UserId) -> std::result::Result<Option<Arc<User>>, i64> {
        let state = self.inner.live.state();
        let user = state.users.get(id).ok_or(state.seen)?;
        Ok(Some(user.clone()).filter(|user| !user.disabled))
    }

    fn remember(&self, user: Option<User>, seen: i64) -> Option<Arc<User>> {
        let user = self.keep(user?, seen);
        Some(user).filter(|user| !user.disabled)
    }

    fn keep(&self, user: User, seen: i64) -> Arc<User> {
        let user = Arc::new(user);
        let mut state = self.inner.live.state();
        // A change heard while we read may have been about this person.
        if state.seen == seen {
            if state.users.len() >= CAP {
                state.users.clear();
            }
            state.users.insert(user.id.clone(), user.clone());
        }
        user
    }
}

/// Whether a text from outside can be an id: PostgreSQL takes no NUL in a text and would fail in place of finding nothing.
pub(crate) fn is_an_id(text: &str) -> bool {
    text.len() <= 256 && !text.chars().any(char::is_control)
}

/// The built-in brands and the saved ones. One that this release cannot use is left out: pages go on without it.
fn brands(kept: Vec<kabinet_store::brand::Kept>) -> Brands {
    let mut saved = Vec::new();
    for one in kept {
        match one.brand {
            Ok(brand) => saved.push(brand),
            Err(error) => {
                tracing::error!(brand.name = one.name, %error, "a saved brand cannot be read and is left out")
            }
        }
    }
    let (brands, left_out) = Brands::with(saved);
    for (name, flaws) in left_out {
        let flaws: Vec<String> = flaws.iter().map(ToString::to_string).collect();
        tracing::error!(
            brand.name = name,
            flaws = flaws.join("; "),
            "a saved brand is not fit for use and is left out"
        );
    }
    brands
}

/// What is known of all clients together: the origins of their redirect URIs, and who exchanges tokens; as of a number of changes.
#[derive(Default)]
pub(crate) struct Origins {
    known: tokio::sync::Mutex<Option<(i64, Arc<Known>)>>,
}

#[derive(Default)]
struct Known {
    every: HashSet<String>,
    /// Those of clients with session management.
    framing: BTreeSet<String>,
    /// Clients that may exchange tokens, by name.
    exchanging: Vec<(String, ClientId)>,
}

impl Provider {
    /// Whether a browser page of this origin belongs to a registered client: exact text, `null` never.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn knows_origin(&self, origin: &str) -> Result<bool> {
        Ok(self.origins().await?.every.contains(origin))
    }

    /// The origins whose pages may frame the page of session management, sorted.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn framing_origins(&self) -> Result<Vec<String>> {
        Ok(self.origins().await?.framing.iter().cloned().collect())
    }

    /// The clients that may exchange API tokens, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn exchanging_clients(&self) -> Result<Vec<(String, ClientId)>> {
        Ok(self.origins().await?.exchanging.clone())
    }

    async fn origins(&self) -> Result<Arc<Known>> {
        self.listen_first().await?;
        let seen = self.inner.live.state().clients_changed;
        let mut known = self.inner.origins.known.lock().await;
        if let Some((at, origins)) = &*known
            && *at == seen
        {
            return Ok(origins.clone());
        }
        let origins = Arc::new(self.every_origin().await?);
        *known = Some((seen, origins.clone()));
        Ok(origins)
    }

    async fn every_origin(&self) -> Result<Known> {
        const PAGE: i64 = 500;
        let (mut known, mut after) = (Known::default(), String::new());
        loop {
            let page = kabinet_store::client::page(self.store().db(), &after, PAGE).await?;
            let Some(last) = page.last() else {
                known.exchanging.sort_unstable();
                return Ok(known);
            };
            after = last.id.to_string();
            for Client { id, metadata, .. } in page.iter().filter(|client| !client.disabled) {
                let origins = || metadata.redirect_uris.iter().filter_map(|uri| kabinet_core::redirect::origin_of(uri));
                known.every.extend(origins());
                if metadata.session_management {
                    known.framing.extend(origins());
                }
                if metadata.may(GrantType::TokenExchange) {
                    known.exchanging.push((metadata.client_name.clone(), id.clone()));
                }
            }
        }
    }
}
