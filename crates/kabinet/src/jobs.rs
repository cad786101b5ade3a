//! What runs beside the requests. Every job is a task that ends with the shutdown signal.

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kabinet_core::ambient::Clock;
use kabinet_core::seal::Sealer;
use kabinet_identity::Identity;
use kabinet_identity::method::esia::Esia;
use kabinet_oidc::Provider;
use kabinet_store::{Store, sweep};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tracing::{debug, error, info, warn};

use crate::Ambient;
use crate::config::Config;
use crate::followed::Followed;
use crate::shutdown::Shutdown;
use crate::{esia, leaked, networks};

/// How long a job may take to end before it is dropped.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often the primary is asked for changes: a change acts everywhere within a second.
const ASK: Duration = Duration::from_millis(250);
/// Until a lost connection for publications is tried again.
const RECONNECT: Duration = Duration::from_secs(1);
/// How often expired rows are taken away.
const SWEEP: Duration = Duration::from_secs(60);
/// How often other providers are asked whether they answer.
const PROBE: Duration = Duration::from_secs(30);
/// How often files that are followed are looked at.
const LOOK: Duration = Duration::from_secs(10);
/// How often it is told that certificates end.
const HOUR: Duration = Duration::from_secs(3600);

/// The running jobs. Dropped, they stop at once.
#[derive(Default)]
pub struct Jobs {
    shutdown: Shutdown,
    tasks: JoinSet<()>,
    /// Closed when everything else has ended, so that SQLite folds its log into the database file.
    store: Option<Store>,
}

impl Jobs {
    pub(crate) fn of(store: &Store) -> Self {
        Self { store: Some(store.clone()), ..Self::default() }
    }

    /// The signal that ends the jobs and the listeners.
    #[must_use]
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Runs a job now and then again each time `period` has passed.
    pub(crate) fn every<F, R>(&mut self, period: Duration, mut job: F)
    where
        F: FnMut() -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move {
            let mut ticks = tokio::time::interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = shutdown.begun() => return,
                    _ = ticks.tick() => job().await,
                }
            }
        });
    }

    /// Runs a job that does not end by itself.
    fn run(&mut self, job: impl Future<Output = ()> + Send + 'static) {
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = shutdown.begun() => {}
                () = job => {}
            }
        });
    }

    /// Asks the primary what changed: several times a second, and at once when Redis publishes.
    pub(crate) fn follow_changes(&mut self, provider: &Provider, store: &Store, has_redis: bool) {
        let wake = Arc::new(Notify::new());
        if has_redis {
            let (store, wake) = (store.clone(), wake.clone());
            self.run(async move {
                loop {
                    store.ephemeral().listen(|| wake.notify_one()).await;
                    tokio::time::sleep(RECONNECT).await;
                }
            });
        }
        let provider = provider.clone();
        self.run(async move {
            let mut was_heard = true;
            loop {
                let _ = tokio::time::timeout(ASK, wake.notified()).await;
                let heard = provider.hear().await;
                match &heard {
                    Err(why) if was_heard => warn!(error = %why, "no word from the database"),
                    Ok(()) if !was_heard => info!("the database answers again"),
                    _ => {}
                }
                was_heard = heard.is_ok();
            }
        });
    }

    /// Reads anew whom sign-in by certificate believes when it changed after the change `seen`.
    pub(crate) fn follow_trust(&mut self, provider: &Provider, identity: &Identity, mut seen: i64) {
        let (provider, identity) = (provider.clone(), identity.clone());
        self.run(async move {
            let mut ticks = tokio::time::interval(ASK);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let newest = provider.trust_changed();
                if newest == seen {
                    continue;
                }
                match identity.load_trust().await {
                    Ok(()) => seen = newest,
                    Err(why) => warn!(error = %why, "the trust of sign-in by certificate stays as it was"),
                }
            }
        });
    }

    /// Fetches revocation lists when it is their turn.
    pub(crate) fn refresh_lists(&mut self, identity: &Identity) {
        let identity = identity.clone();
        self.run(async move {
            let mut ticks = tokio::time::interval(SWEEP);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if let Err(why) = identity.refresh_due_lists().await {
                    warn!(error = %why, "revocation lists wait for another minute");
                }
            }
        });
    }

    /// Takes away what has expired, in the database and in memory.
    pub(crate) fn sweep(&mut self, provider: &Provider, store: &Store, clock: Arc<dyn Clock>) {
        let (provider, store) = (provider.clone(), store.clone());
        self.every(SWEEP, move || {
            let (provider, store, now) = (provider.clone(), store.clone(), clock.now());
            async move {
                provider.forget_dead();
                if let Err(why) = provider.sweep_registrations().await {
                    warn!(error = %why, "unused clients stay for another minute");
                }
                match sweep::sweep(&store, now).await {
                    Ok(0) => {}
                    Ok(rows) => debug!(rows, "expired rows were taken away"),
                    Err(why) => warn!(error = %why, "expired rows stay for another minute"),
                }
            }
        });
    }

    /// Sends messages: at once when this node has written one, and each second what other nodes have, or what is tried
    /// again. A shutdown waits for the messages in hand.
    pub(crate) fn deliver(&mut self, identity: &Identity) {
        let (identity, shutdown) = (identity.clone(), self.shutdown.clone());
        self.tasks.spawn(async move {
            loop {
                if let Err(why) = identity.deliver_due().await {
                    warn!(error = %why, "messages wait for the database");
                }
                tokio::select! {
                    () = shutdown.begun() => return,
                    () = identity.wait_for_post() => {}
                }
            }
        });
    }

    /// Tells clients that sign-ins have ended: what nobody has told them at once, and what is tried again.
    pub(crate) fn tell_of_logouts(&mut self, provider: &Provider) {
        let provider = provider.clone();
        self.run(async move { provider.keep_telling().await });
    }

    /// Carries out what has waited long enough.
    pub(crate) fn settle(&mut self, identity: &Identity) {
        let identity = identity.clone();
        self.every(SWEEP, move || {
            let identity = identity.clone();
            async move {
                if let Err(why) = identity.settle_handovers().await {
                    warn!(error = %why, "what waited is carried out a minute later");
                }
            }
        });
    }

    /// Tells people in time that their API tokens end.
    pub(crate) fn remind(&mut self, provider: &Provider, identity: &Identity) {
        let (provider, identity) = (provider.clone(), identity.clone());
        self.every(SWEEP, move || {
            let (provider, identity) = (provider.clone(), identity.clone());
            async move {
                match identity.remind_of_api_tokens(provider.brands().find(None)).await {
                    Ok(0) => {}
                    Ok(tokens) => info!(tokens, "owners of API tokens were told that they end"),
                    Err(why) => warn!(error = %why, "owners of API tokens are told a minute later"),
                }
            }
        });
    }

    /// Asks other providers whether they answer, so that the button of one that does not is hidden before anybody presses it.
    pub(crate) fn probe_upstreams(&mut self, identity: &Identity) {
        if identity.upstreams().is_empty() {
            return;
        }
        let identity = identity.clone();
        self.every(PROBE, move || {
            let identity = identity.clone();
            async move { identity.probe_upstreams().await }
        });
    }

    /// Moves signing keys when it is their turn.
    pub(crate) fn tend_keys(&mut self, config: &Config, store: &Store, sealer: &Sealer, ambient: &Ambient) {
        let place = Arc::new((config.clone(), store.clone(), sealer.clone(), ambient.clone()));
        self.every(SWEEP, move || {
            let place = place.clone();
            async move {
                let (config, store, sealer, ambient) = &*place;
                if let Err(why) = crate::tend_keys(config, store, sealer, ambient).await {
                    warn!(error = format!("{why:#}"), "signing keys stay where they are for another minute");
                }
            }
        });
    }

    /// Reads files that the configuration names again when they changed; what is unfit leaves the old ones in force.
    pub(crate) fn follow_files(&mut self, config: &Config, identity: &Identity) {
        if let Some(path) = &config.password.filter {
            let identity = identity.clone();
            let read = |paths: &[PathBuf]| paths.first().map(|path| leaked::read(path)).transpose();
            self.follow("password.filter", Followed::of(vec![path.clone()], read), move |filter| {
                identity.refuse_leaked(filter);
            });
        }
        if !config.confirmation.networks.is_empty() {
            let identity = identity.clone();
            let files = Followed::of(config.confirmation.networks.clone(), networks::read);
            self.follow("confirmation.networks", files, move |tables| identity.count_by_system(tables));
        }
    }

    /// Reads the certificates of ЕСИА again when they changed, and tells in time of those that end.
    pub(crate) fn tend_esia(&mut self, config: &Config, esia: &Arc<Esia>, clock: Arc<dyn Clock>) {
        let files = Followed::of(config.esia.token_certificates.clone(), esia::certificates);
        let trusting = esia.clone();
        self.follow("esia.token_certificates", files, move |certificates| trusting.trust(certificates));
        let esia = esia.clone();
        self.every(HOUR, move || {
            for one in esia.outlook(clock.now()) {
                esia::warn(one, clock.now());
            }
            async {}
        });
    }

    fn follow<T: Send + 'static>(
        &mut self,
        key: &'static str,
        files: Followed<T>,
        apply: impl Fn(T) + Clone + Send + 'static,
    ) {
        let files = Arc::new(Mutex::new(files));
        self.every(LOOK, move || {
            let (files, apply) = (files.clone(), apply.clone());
            async move {
                // Off the async threads: a file may have gigabytes.
                let look = move || files.lock().unwrap_or_else(PoisonError::into_inner).changed();
                match tokio::task::spawn_blocking(look).await {
                    Ok(Ok(Some(read))) => {
                        apply(read);
                        info!(key, "a changed file was read again");
                    }
                    Ok(Ok(None)) => {}
                    Ok(Err(why)) => {
                        error!(key, error = format!("{why:#}"), "a changed file is unfit; what was read before stays");
                    }
                    Err(why) => error!(key, error = %why, "a file was not looked at"),
                }
            }
        });
    }

    /// Begins the shutdown, waits for the jobs to end and closes the database.
    pub async fn end(mut self) {
        self.shutdown.begin();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(PATIENCE, all).await.is_err() {
            warn!("a background job did not end in time and was dropped");
        }
        self.tasks.abort_all();
        if let Some(store) = self.store.take() {
            let _ = tokio::time::timeout(PATIENCE, store.close()).await;
        }
    }
}
