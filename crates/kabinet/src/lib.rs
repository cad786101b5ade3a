//! The provider as a library: configuration, wiring, listening, background jobs. The binary adds the command line.

pub mod config;
pub mod leaked;
pub mod listen;
pub mod networks;
pub mod outbound;
pub mod telemetry;

mod ambient;
mod delivery;
pub mod esia;
mod followed;
mod jobs;
mod operations;
mod outbox;
mod settings;
mod shutdown;
mod upstreams;

use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use kabinet_core::audit::Origin;
use kabinet_core::key::KeyState;
use kabinet_core::seal::{MasterKey, Sealer};
use kabinet_identity::Identity;
use kabinet_identity::method::esia::Esia;
use kabinet_oidc::Provider;
use kabinet_oidc::keys::rotation::{self, Schedule};
use kabinet_oidc::keys::{self, Forge};
use kabinet_store::{Options, Store};

use config::Config;

pub use ambient::Ambient;
pub use jobs::Jobs;
pub use shutdown::Shutdown;
pub use upstreams::{built, probe_upstreams};

/// A provider that is ready to be served.
pub struct App {
    /// What the public listener serves.
    pub router: axum::Router,
    /// What the admin listener serves: health and metrics.
    pub admin: axum::Router,
    /// What runs beside the requests; ends when dropped.
    pub jobs: Jobs,
}

/// Puts a provider together. Migrates where the configuration says so.
///
/// # Errors
/// When the master key, the database, a signing key or a file is not fit for use.
pub async fn app(config: &Config, ambient: Ambient) -> anyhow::Result<App> {
    let collected = telemetry::metrics();
    let master = config::master_key(config, &*ambient.entropy)?;
    let store = open_store(config).await?;
    if config.migrates() {
        prepare(config, &store, &master, &ambient).await?;
    } else if !store.is_current().await? {
        bail!("the database is not up to date; run `kabinet migrate`");
    }
    let provider = provider(config, &store, &master, &ambient).await?;
    let esia = esia::open(config, &ambient)?.map(Arc::new);
    let identity = people(config, &store, master.clone(), &ambient, esia.clone())?;
    identity.refuse_leaked(leaked::configured(config)?);
    // What changes from here on is told to the node: it has not heard of it yet.
    let trust_seen = provider.trust_changed();
    identity
        .load_trust()
        .await
        .context("the trust of sign-in by certificate cannot be read")?;
    identity.count_by_system(networks::configured(config)?);
    let mut jobs = Jobs::of(&store);
    jobs.follow_changes(&provider, &store, config.redis.url.is_some());
    jobs.follow_trust(&provider, &identity, trust_seen);
    jobs.refresh_lists(&identity);
    jobs.settle(&identity);
    jobs.remind(&provider, &identity);
    jobs.probe_upstreams(&identity);
    jobs.deliver(&identity);
    jobs.tell_of_logouts(&provider);
    jobs.follow_files(config, &identity);
    if let Some(esia) = &esia {
        jobs.tend_esia(config, esia, ambient.clock.clone());
    }
    jobs.tend_keys(config, &store, &keys::sealer(&master), &ambient);
    jobs.sweep(&provider, &store, ambient.clock.clone());
    if let Some(metrics) = collected {
        jobs.every(METRICS_UPKEEP, || async { metrics.run_upkeep() });
    }
    let admin = operations::router(readiness(&provider, &store, jobs.shutdown()));
    let Ambient { clock, entropy } = ambient;
    let parts = kabinet_web::Parts {
        config: settings::web(config),
        provider,
        identity,
        master,
        clock,
        entropy,
    };
    let router = kabinet_web::router(kabinet_web::Site::new(parts)?);
    Ok(App { router, admin, jobs })
}

const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// The protocol, over a store that is already open.
///
/// # Errors
/// When the signing keys cannot be used or some are missing.
pub async fn provider(
    config: &Config,
    store: &Store,
    master: &MasterKey,
    ambient: &Ambient,
) -> anyhow::Result<Provider> {
    let Ambient { clock, entropy } = ambient.clone();
    let parts = kabinet_oidc::Parts {
        config: settings::oidc(config),
        store: store.clone(),
        master: master.clone(),
        clock,
        entropy,
        fetch: outbound::fetch(config, outbound::CLIENTS)?,
    };
    let provider = Provider::open(parts).await.context("the signing keys cannot be used")?;
    if !provider.keys().is_complete() {
        bail!("signing keys are missing; run `kabinet migrate`");
    }
    Ok(provider)
}

/// Everything about people, over a store that is already open.
///
/// # Errors
/// When the outbox, a route of messages or a file of `[esia]` cannot be used.
pub fn identity(config: &Config, store: &Store, master: MasterKey, ambient: &Ambient) -> anyhow::Result<Identity> {
    people(config, store, master, ambient, esia::open(config, ambient)?.map(Arc::new))
}

fn people(
    config: &Config,
    store: &Store,
    master: MasterKey,
    ambient: &Ambient,
    esia: Option<Arc<Esia>>,
) -> anyhow::Result<Identity> {
    let Ambient { clock, entropy } = ambient.clone();
    let parts = kabinet_identity::Parts {
        store: store.clone(),
        config: settings::identity(config),
        master,
        clock,
        entropy,
        routes: delivery::routes(config)?,
        fetch: outbound::lists(config)?,
        verifier: outbound::verifier(config)?,
        upstreams: upstreams::with_telegram(config, store, esia)?,
    };
    Ok(Identity::new(parts))
}

/// Ready is: not draining, the database answers with the right schema, and every algorithm has a key that signs.
fn readiness(provider: &Provider, store: &Store, shutdown: &Shutdown) -> operations::Readiness {
    let (provider, store, shutdown) = (provider.clone(), store.clone(), shutdown.clone());
    Arc::new(move || {
        let (provider, store, shutdown) = (provider.clone(), store.clone(), shutdown.clone());
        Box::pin(async move {
            match store.is_current().await {
                _ if shutdown.has_begun() => Err("draining"),
                Err(_) => Err("database"),
                Ok(false) => Err("schema"),
                Ok(true) if !provider.keys().is_complete() => Err("keys"),
                Ok(true) => Ok(()),
            }
        })
    })
}

/// Opens the database that the configuration names. A new SQLite file is readable by its owner alone.
///
/// # Errors
/// When it does not answer.
pub async fn open_store(config: &Config) -> anyhow::Result<Store> {
    if let Some(file) = config::database_file(config) {
        let made = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&file);
        made.with_context(|| format!("store.url: cannot open {}", file.display()))?;
    }
    let options = Options {
        url: config.store.url.expose().to_owned(),
        redis: config.redis.url.as_ref().map(|url| url.expose().to_owned()),
        connections: config.store.connections,
    };
    Store::open(&options)
        .await
        .with_context(|| format!("store.url: {} does not answer", config.store.url))
}

/// Brings the database up to date and makes the signing keys that are missing; how many.
///
/// # Errors
/// When the master key, the database or OpenSSL fails.
pub async fn migrate(config: &Config, ambient: &Ambient) -> anyhow::Result<usize> {
    let master = config::master_key(config, &*ambient.entropy)?;
    let store = open_store(config).await?;
    let made = prepare(config, &store, &master, ambient).await?;
    store.close().await;
    Ok(made)
}

async fn prepare(config: &Config, store: &Store, master: &MasterKey, ambient: &Ambient) -> anyhow::Result<usize> {
    store.migrate().await.context("the database cannot be brought up to date")?;
    let sealer = keys::sealer(master);
    Ok(rotation::ensure(store, forge(config, &sealer, ambient)).await?)
}

/// What signing keys are made with.
#[must_use]
pub fn forge<'a>(config: &Config, sealer: &'a Sealer, ambient: &'a Ambient) -> Forge<'a> {
    Forge {
        sealer,
        rsa_bits: config.keys.rsa_bits,
        clock: &*ambient.clock,
        entropy: &*ambient.entropy,
    }
}

/// When signing keys move by themselves.
#[must_use]
pub fn schedule(config: &Config) -> Schedule {
    settings::schedule(config)
}

/// Lets the keys sign whose turn it is by the schedule, and takes away those that nothing needs any more. How many have
/// moved.
///
/// # Errors
/// When the store or OpenSSL fails; what had moved by then has.
pub async fn tend_keys(config: &Config, store: &Store, sealer: &Sealer, ambient: &Ambient) -> anyhow::Result<usize> {
    let schedule = schedule(config);
    let present = kabinet_store::key::every(store.db()).await?;
    let mut moved = 0;
    for next in rotation::due(&present, schedule, ambient.clock.now()) {
        let place = (next.ring, next.alg);
        let (config, sealer, with) = (config.clone(), sealer.clone(), ambient.clone());
        // Off the async threads: an RSA key takes up to a second.
        let make = move || keys::generate(place, KeyState::Next, forge(&config, &sealer, &with));
        let fresh = tokio::task::spawn_blocking(make).await??;
        let origin = Origin { actor: "system", ..Origin::default() };
        if rotation::rotate(store, next, &fresh, &*ambient.entropy, &origin).await? {
            tracing::info!(key.id = %next.id, key.alg = next.alg.as_str(), "the next signing key signs now");
            moved += 1;
        }
    }
    moved += rotation::retire(store, schedule, &*ambient.entropy, ambient.clock.now()).await?;
    if moved > 0 {
        store.ephemeral().publish().await;
    }
    Ok(moved)
}
