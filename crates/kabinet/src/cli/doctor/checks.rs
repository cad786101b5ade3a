//! The checks, in the order in which one depends on another.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, Version};
use kabinet::Ambient;
use kabinet::config::{self, Config, Loaded};
use kabinet_core::document::Kind;
use kabinet_core::time::Timestamp;
use kabinet_fetch::{Fetch, Options, Response};
use kabinet_store::{Store, key};
use serde_json::Value;
use url::{Host, Url};

use super::Findings;

const DAY: i64 = 86_400;
/// Tables of autonomous systems older than this are wrong about many networks.
const OLD_TABLES: i64 = 180 * DAY;
/// A list of leaked passwords older than this misses a lot.
const OLD_LIST: i64 = 365 * DAY;
/// The clocks of a node and of its database may differ by this many seconds.
const SKEW: i64 = 2;
/// How long a service may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn all(loaded: &Loaded, findings: &mut Findings) {
    let config = &loaded.config;
    let source = loaded
        .file
        .as_ref()
        .map_or("defaults and environment".to_owned(), |file| file.display().to_string());
    findings.ok("config", format!("Sound, from {source}."));
    files(loaded, findings);
    issuer(config, findings);
    let ambient = Ambient::real();
    match open(config).await {
        Ok(store) => {
            findings.ok("database", format!("{} answers.", config.store.url));
            schema_and_keys(config, &store, &ambient, findings).await;
            redis(config, &store, findings).await;
            documents(config, &store, findings).await;
            super::brands::all(config, &store, findings).await;
            super::trust::all(config, &store, ambient.clock.now(), findings).await;
            store.close().await;
        }
        Err(why) => findings.fail("database", why),
    }
    hashing(config, findings);
    hashing_memory(config, findings);
    leaked(config, ambient.clock.now(), findings);
    networks(config, ambient.clock.now(), findings);
    delivery(config, findings);
    super::esia::all(config, &ambient, findings).await;
    discovery(config, findings).await;
    upstreams(config, findings).await;
}

/// Whether the other providers answer.
async fn upstreams(config: &Config, findings: &mut Findings) {
    match kabinet::probe_upstreams(config).await {
        Ok(all) => {
            for (name, answer) in all {
                match answer {
                    Ok(()) => findings.ok("upstreams", format!("{name} answers.")),
                    Err(why) => findings.warn("upstreams", format!("{name}: {why}; its button is hidden meanwhile.")),
                }
            }
        }
        Err(why) => findings.fail("upstreams", format!("{why:#}.")),
    }
}

/// Opens the database if it is there; an examination makes nothing.
async fn open(config: &Config) -> Result<Store, String> {
    if let Some(file) = config::database_file(config)
        && !file.exists()
    {
        return Err(format!("There is no {}; run `kabinet migrate`.", file.display()));
    }
    match tokio::time::timeout(PATIENCE, kabinet::open_store(config)).await {
        Ok(Ok(store)) => Ok(store),
        Ok(Err(why)) => Err(format!("{why:#}")),
        Err(_) => Err(format!("{} does not answer within {} s.", config.store.url, PATIENCE.as_secs())),
    }
}

/// Files that hold secrets are for their owner alone.
fn files(loaded: &Loaded, findings: &mut Findings) {
    let config = &loaded.config;
    let secret_in_file = config.master_key.is_some() && loaded.origin("master_key").starts_with("file ");
    let mut secret = Vec::new();
    secret.extend(config::database_file(config));
    secret.extend(config::key_file(config));
    secret.extend(config.tls.key.clone());
    secret.extend(config.delivery.outbox.clone());
    secret.extend(loaded.file.clone().filter(|_| secret_in_file));
    let open: Vec<String> = secret.iter().filter_map(|path| open_mode(path)).collect();
    if open.is_empty() {
        findings.ok("files", "Files with secrets are for their owner alone.");
    } else {
        findings.warn("files", format!("Others may read {}; run chmod 600 on each.", open.join(", ")));
    }
    if config.tls.cert.is_some() {
        match kabinet::listen::Certificate::load(&config.tls) {
            Ok(_) => findings.ok("tls", "The certificate and its key fit."),
            Err(why) => findings.fail("tls", format!("{why:#}")),
        }
    }
}

/// The file with its mode when others may read it.
fn open_mode(path: &Path) -> Option<String> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then(|| format!("{} ({mode:o})", path.display()))
}

fn issuer(config: &Config, findings: &mut Findings) {
    if config.is_https() {
        findings.ok("issuer", format!("{}: cookies are __Host- and Secure.", config.issuer));
    } else {
        findings.warn(
            "issuer",
            format!("{} is plain HTTP, for this machine alone; set an https issuer for others.", config.issuer),
        );
    }
    let host = Url::parse(&config.issuer).ok().and_then(|url| url.host().map(|host| host.to_owned()));
    if !matches!(host, Some(Host::Domain(_))) {
        findings.warn("passkeys", "Are not offered: the issuer is an IP address (WebAuthn needs a host name).");
    }
    if !config.admin_listen.ip().is_loopback() {
        findings.warn(
            "admin",
            format!("{} is not loopback; keep health and metrics off the public network.", config.admin_listen),
        );
    }
}

async fn schema_and_keys(config: &Config, store: &Store, ambient: &Ambient, findings: &mut Findings) {
    match store.is_current().await {
        Ok(true) => findings.ok("schema", "Every migration has been applied."),
        Ok(false) => return findings.fail("schema", "The database is not up to date; run `kabinet migrate`."),
        Err(why) => return findings.fail("schema", why.to_string()),
    }
    clock(store, ambient.clock.now(), findings).await;
    let is_missing = config.master_key.is_none() && config::key_file(config).is_some_and(|file| !file.exists());
    let master = match config::master_key(config, &*ambient.entropy) {
        _ if is_missing => {
            return findings.fail("master-key", "The key file beside the database is missing; restore it.");
        }
        Err(why) => return findings.fail("master-key", why.to_string()),
        Ok(master) => master,
    };
    findings.ok("master-key", "Is there.");
    let keys = match key::every(store.db()).await {
        Ok(keys) => keys,
        Err(why) => return findings.fail("keys", why.to_string()),
    };
    if let Err(why) = kabinet_oidc::keys::Keyring::load(keys.clone(), &kabinet_oidc::keys::sealer(&master)) {
        return findings.fail("keys", why.to_string());
    }
    super::keys::all(config, store, (&keys, ambient.clock.now()), findings).await;
}

/// Rows carry this node's time; a row from the future tells of a clock that was wrong, here or on another node.
async fn clock(store: &Store, now: Timestamp, findings: &mut Findings) {
    let newest = key::every(store.db())
        .await
        .ok()
        .and_then(|keys| keys.iter().map(|key| key.created_at).max());
    match newest {
        Some(newest) if newest.since(now) > SKEW => {
            findings.fail(
                "clock",
                format!("The database holds a key from {} s ahead; set the clock (NTP).", newest.since(now)),
            );
        }
        _ => findings.ok("clock", "Nothing in the database is from the future."),
    }
}

async fn redis(config: &Config, store: &Store, findings: &mut Findings) {
    match tokio::time::timeout(PATIENCE, store.ephemeral().ping()).await {
        Ok(None) if config.is_sqlite() => findings.ok("redis", "Not used; a single node keeps counters itself."),
        Ok(None) => findings.warn("redis", "Not given: with several nodes each counts for itself."),
        Ok(Some(Ok(()))) => findings.ok("redis", "Answers."),
        Ok(Some(Err(_))) | Err(_) => {
            findings.warn("redis", "Does not answer; nodes work on with their own counters until it does.");
        }
    }
}

/// The legal texts that people agree to.
async fn documents(config: &Config, store: &Store, findings: &mut Findings) {
    // A schema that is not up to date has been told of.
    let Ok(documents) = kabinet_store::document::published(store.db()).await else {
        return;
    };
    let samples: Vec<&str> = documents.samples_in_force().map(Kind::as_str).collect();
    if samples.is_empty() {
        findings.ok("documents", "Every legal text is the operator's own.");
    } else if config.is_https() {
        let samples = samples.join(", ");
        findings.warn(
            "documents",
            format!(
                "People agree to samples ({samples}); run `kabinet document publish --kind KIND …` with your own texts."
            ),
        );
    } else {
        findings.ok("documents", format!("Samples are in force ({}), for development.", samples.join(", ")));
    }
}

/// What a sign-in costs here, measured with the real parameters.
fn hashing(config: &Config, findings: &mut Findings) {
    let hashing = &config.hashing;
    let begun = Instant::now();
    let hashed = Params::new(hashing.memory, hashing.iterations, hashing.parallelism, None).and_then(|params| {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password_into(b"a password that nobody has", b"a salt of nobody", &mut [0; 32])
    });
    if let Err(why) = hashed {
        return findings.fail("hashing", format!("{why}; change the section hashing."));
    }
    let took = begun.elapsed().as_millis();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let permits = hashing.permits.map_or(cores, |permits| permits as usize).max(1);
    let each_second = 1000 * u128::try_from(permits.min(cores)).unwrap_or(1) / took.max(1);
    let most = permits * hashing.memory as usize / 1024;
    let cost = format!(
        "One password hash takes {took} ms: about {each_second} sign-ins a second, at most {most} MiB for {permits} at once"
    );
    if hashing.memory < 19 * 1024 || hashing.iterations < 2 {
        findings.warn(
            "hashing",
            format!("{cost} and less than 19 MiB with two passes (hashing.memory, hashing.iterations)."),
        );
    } else if took > 1000 {
        findings.warn(
            "hashing",
            format!("{cost}: sign-ins will queue; lower hashing.iterations or take a faster machine."),
        );
    } else if took < 100 {
        // A guesser who steals the database pays what a sign-in costs; a person does not feel a quarter of a second.
        let passes = (u128::from(hashing.iterations) * 250 / took.max(1)).clamp(2, 64);
        findings.ok("hashing", format!("{cost}; hashing.iterations = {passes} would take about 250 ms."));
    } else {
        findings.ok("hashing", format!("{cost}."));
    }
}

/// Whether as many hashes as there are permits fit into this machine beside everything else.
fn hashing_memory(config: &Config, findings: &mut Findings) {
    let hashing = &config.hashing;
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let most = hashing.permits.map_or(cores, u64::from).max(1) * u64::from(hashing.memory) / 1024;
    let Some(there) = memory() else { return };
    if most > there / 2 {
        findings.warn(
            "hashing",
            format!(
                "Hashes take {most} MiB at most, of {there} MiB in this machine; lower hashing.permits or hashing.memory."
            ),
        );
    } else {
        findings.ok("hashing", format!("Hashes take {most} MiB at most, of {there} MiB in this machine."));
    }
}

/// MiB that this process may use: what the machine has, or what its control group leaves it.
fn memory() -> Option<u64> {
    let all = std::fs::read_to_string("/proc/meminfo").ok()?;
    let all = all.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let all = all.trim().strip_suffix(" kB")?.parse::<u64>().ok()? / 1024;
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let limit = limit.and_then(|text| text.trim().parse::<u64>().ok()).map(|bytes| bytes / 1024 / 1024);
    Some(limit.map_or(all, |limit| limit.min(all)))
}

/// The filter file of leaked passwords.
fn leaked(config: &Config, now: Timestamp, findings: &mut Findings) {
    let Some(path) = &config.password.filter else {
        return findings.ok(
            "leaked",
            "No filter file (password.filter); the commonest passwords are refused without it.",
        );
    };
    let filter = match kabinet::leaked::read(path) {
        Ok(filter) => filter,
        Err(why) => return findings.fail("leaked", format!("password.filter: {why:#}.")),
    };
    let days = now.since(filter.made_at()) / DAY;
    let holds = format!(
        "{} knows {} passwords, takes {} MB and is {days} days old",
        path.display(),
        filter.passwords(),
        filter.size().div_ceil(1_000_000)
    );
    if days > OLD_LIST {
        findings.warn("leaked", format!("{holds}; make it again of a newer list."));
    } else {
        findings.ok("leaked", format!("{holds}."));
    }
}

/// The tables of autonomous systems.
fn networks(config: &Config, now: Timestamp, findings: &mut Findings) {
    let files = &config.confirmation.networks;
    let tables = match kabinet::networks::read(files) {
        Ok(Some(tables)) => tables,
        Ok(None) => {
            let none = "No tables (confirmation.networks); codes are not counted by autonomous system.";
            return findings.ok("networks", none);
        }
        Err(why) => return findings.fail("networks", format!("confirmation.networks: {why:#}.")),
    };
    let age = |file: &PathBuf| {
        let changed = std::fs::metadata(file).and_then(|found| found.modified()).ok()?;
        let since = changed.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(now.since(Timestamp(i64::try_from(since.as_secs()).ok()?)) / DAY)
    };
    let days = files.iter().filter_map(age).max().unwrap_or(0);
    let holds = format!(
        "confirmation.networks: {} networks, {} KB, the oldest file {days} days old",
        tables.networks(),
        tables.size().div_ceil(1000)
    );
    if days * DAY > OLD_TABLES {
        findings.warn("networks", format!("{holds}; get newer ones."));
    } else {
        findings.ok("networks", format!("{holds}."));
    }
}

/// Asks the issuer for its own metadata, as a relying party does.
async fn discovery(config: &Config, findings: &mut Findings) {
    let ca = match config.outbound.ca.as_ref().map(std::fs::read).transpose() {
        Ok(ca) => ca.map(Into::into),
        Err(why) => return findings.fail("outbound", format!("outbound.ca cannot be read: {why}")),
    };
    // The address is the operator's own, so it may be a private one.
    let allow = ["0.0.0.0/0", "::/0"].iter().filter_map(|network| network.parse().ok()).collect();
    let asked = async {
        let fetch = Fetch::new(Options { allow, ca, timeout: PATIENCE, ..Options::default() })
            .map_err(|why| why.to_string())?;
        let url = Url::parse(&format!("{}/.well-known/openid-configuration", config.issuer))
            .map_err(|why| why.to_string())?;
        let answer = fetch.get(url).await.and_then(Response::success).map_err(|why| why.to_string())?;
        answer.json::<Value>().map_err(|why| why.to_string())
    };
    match asked.await {
        Ok(metadata) if metadata["issuer"] == config.issuer.as_str() => {
            findings.ok("discovery", "The issuer answers and names itself as configured.");
        }
        Ok(metadata) => {
            findings.fail(
                "discovery",
                format!("The issuer names itself {}; another server answers there.", metadata["issuer"]),
            );
        }
        Err(why) => findings.warn(
            "discovery",
            format!("The issuer was not reached from here ({why}); is `kabinet serve` running?"),
        ),
    }
}

fn delivery(config: &Config, findings: &mut Findings) {
    let (has_sms, has_mail) = (!config.delivery.sms.is_empty(), config.delivery.smtp.host.is_some());
    match &config.delivery.outbox {
        None if has_sms && has_mail => findings.ok("delivery", "SMS and e-mail have a way out."),
        None if has_sms => findings.warn("delivery", "No e-mail is sent (delivery.smtp.host)."),
        None if has_mail => findings.warn("delivery", "No SMS is sent (delivery.sms)."),
        None => findings.warn(
            "delivery",
            "Not given: no code reaches anybody, so nobody can register (delivery.sms, delivery.smtp.host).",
        ),
        Some(path) if has_sms || has_mail => {
            findings.warn(
                "delivery",
                format!("Everything goes to {}; gateways and mail server are not used.", path.display()),
            );
        }
        Some(path) if config.is_https() => {
            findings.warn("delivery", format!("Codes go to {} and not to people.", path.display()));
        }
        Some(path) => findings.ok("delivery", format!("Codes go to {}, for development.", path.display())),
    }
}
