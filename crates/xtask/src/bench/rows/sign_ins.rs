//! Password sign-in: its rate beside the bare hash, and what two hundred at once do to tokens and to memory.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};

use super::super::Scene;
use super::super::http;
use super::super::load::{self, CONNECTIONS, Measured, Same, Script};
use super::super::scripts::SignIn;
use super::super::server::{self, Provider};
use super::{CREDENTIALS, Row, rate_of, running};

/// People who sign in; several browsers of one person share the account.
const PEOPLE: usize = CONNECTIONS;
/// Sign-ins at the same time.
const AT_ONCE: usize = 200;
/// Connections that ask for tokens meanwhile.
const TOKENS: usize = 4;
/// The queue is full by then.
const WARM_UP: Duration = Duration::from_secs(6);
const MEASURED: Duration = Duration::from_secs(10);
/// KiB of one hash, by default.
const HASH: u64 = 19 * 1024;
/// KiB that a request which waits for its hash holds: its future, what it has read, its form.
const WAITING: u64 = 10;

/// The rows of the group `password`.
pub fn password(scene: &mut Scene<'_>, bare: Result<f64>) -> Vec<Row> {
    let alone = alone(scene);
    let rate = rate_of(&alone);
    let first =
        Row::load("password sign-in", alone, "≥ 90 % of bare Argon2id").beside(rate, "bare Argon2id", bare, 0.9);
    let mut rows = vec![first];
    rows.extend(flood_rows(flood(scene)));
    rows
}

fn phone(number: usize) -> String {
    format!("+791610000{:02}", number % PEOPLE)
}

fn browsers(count: usize) -> Vec<Box<dyn Script>> {
    (0..count).map(|number| Box::new(SignIn::new(phone(number))) as Box<dyn Script>).collect()
}

/// Through the pages, each time in a new browser.
fn alone(scene: &mut Scene<'_>) -> Result<Measured> {
    let provider = running(scene)?;
    (0..PEOPLE).try_for_each(|number| provider.create_user(&phone(number)))?;
    load::run(provider.port, browsers(CONNECTIONS))
}

/// What two hundred sign-ins at once do.
struct Flood {
    sign_ins: Measured,
    tokens: Measured,
    /// KiB at most while as many browsers that have signed in look at pages, and while they sign in again.
    memory: (u64, u64),
}

fn flood(scene: &mut Scene<'_>) -> Result<Flood> {
    // Memory is what a fresh process takes.
    scene.provider.stop(scene.guardian);
    let provider = running(scene)?;
    let client = provider.create_client("Beside", &["--profile", "machine"])?;
    let request = http::post("/oauth2/token", &[client.basic()], &CREDENTIALS);
    for path in ["/oauth2/jwks", "/login", "/register"] {
        http::Connection::new(provider.port).send(&http::get(path, &[]))?;
    }
    let tokens = || (0..TOKENS).map(|_| Box::new(Same(request.clone())) as Box<dyn Script>).collect();
    let base = base(provider, tokens())?;
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let sign_ins = scope.spawn(|| load::run_for(provider.port, browsers(AT_ONCE), WARM_UP, MEASURED));
        let peak = scope.spawn(|| peak(provider, &is_over));
        let tokens = load::run_for(provider.port, tokens(), WARM_UP, MEASURED);
        let sign_ins = sign_ins.join().ok().context("the sign-ins panicked");
        is_over.store(true, Ordering::SeqCst);
        let peak = peak.join().ok().context("nobody looked at the memory")?;
        Ok(Flood { sign_ins: sign_ins??, tokens: tokens?, memory: (base, peak) })
    })
}

/// What as many browsers and token requests take without a hash: the browsers have signed in, so that connections, caches
/// and the database's pages are there, and look at pages now.
fn base(provider: &Provider, tokens: Vec<Box<dyn Script>>) -> Result<u64> {
    load::run_for(provider.port, browsers(AT_ONCE), Duration::ZERO, WARM_UP)?;
    std::thread::sleep(Duration::from_secs(2));
    let page = |_| Box::new(Same(http::get("/login", &[]))) as Box<dyn Script>;
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let peak = scope.spawn(|| peak(provider, &is_over));
        let asked = scope.spawn(|| load::run_for(provider.port, tokens, WARM_UP, MEASURED));
        let looked = load::run_for(provider.port, (0..AT_ONCE).map(page).collect(), WARM_UP, MEASURED);
        let asked = asked.join().ok().context("the token requests panicked");
        is_over.store(true, Ordering::SeqCst);
        looked.and(asked?)?;
        peak.join().ok().context("nobody looked at the memory")
    })
}

/// The most memory that is seen until it is over, KiB.
fn peak(provider: &Provider, is_over: &AtomicBool) -> u64 {
    let mut most = 0;
    while !is_over.load(Ordering::SeqCst) {
        most = most.max(provider.memory().unwrap_or_default());
        std::thread::sleep(Duration::from_millis(10));
    }
    most
}

fn flood_rows(flood: Result<Flood>) -> [Row; 3] {
    let what = ["200 sign-ins at once", "token beside 200 sign-ins", "memory beside 200 sign-ins"];
    let budget = ["", "p99 ≤ 300 ms", "≤ base + permits × 19 MiB"];
    let flood = match flood {
        Ok(flood) => flood,
        Err(error) => {
            let why = format!("not measured: {error:#}");
            return [0, 1, 2].map(|row| Row::new(what[row], why.clone(), budget[row], None));
        }
    };
    let is_fast = flood.tokens.p99 <= Duration::from_millis(300);
    let mut tokens = Row::load(what[1], Ok(flood.tokens), budget[1]);
    tokens.met = Some(is_fast);
    let (base, peak) = flood.memory;
    let most = base + permits() * HASH + AT_ONCE as u64 * WAITING;
    let megabytes = |kib: u64| format!("{:.1} MB", kib as f64 * 1024.0 / 1e6);
    let mut memory = Row::new(what[2], megabytes(peak), budget[2], Some(peak <= most));
    memory.beside = format!("base {} (200 browsers that have signed in), budget {}", megabytes(base), megabytes(most));
    [Row::load(what[0], Ok(flood.sign_ins), budget[0]), tokens, memory]
}

/// Hashes at the same time: the server counts the cores that it may use.
fn permits() -> u64 {
    if server::can_pin() {
        1
    } else {
        std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64)
    }
}
