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

/// The rows of the group `password`.
pub fn password(scene: &mut Scene<'_>, bare: Result<f64>) -> Vec<Row> {
    let alone = alone(scene);
    let rate = rate_of(&alone);
    let first =
        Row::load("password sign-in", alone, "≥ 90 % of bare Argon2id").beside(rate, "bare Argon2id", bare, 0.9);
    let mut rows = vec![first];
    let base = flood(scene, true);
    let flood = flood(scene, false);
    rows.extend(flood_rows(base.and_then(|base| Ok((base.memory, flood?)))));
    rows
}

fn phone(number: usize) -> String {
    format!("+791610000{number:02}")
}

/// Through the pages, each time in a new browser.
fn alone(scene: &mut Scene<'_>) -> Result<Measured> {
    let provider = running(scene)?;
    (0..PEOPLE).try_for_each(|number| provider.create_user(&phone(number)))?;
    let browser = |number| Box::new(SignIn::new(phone(number))) as Box<dyn Script>;
    load::run(provider.port, (0..CONNECTIONS).map(browser).collect())
}

/// What two hundred sign-ins at once do.
struct Flood {
    sign_ins: Measured,
    tokens: Measured,
    /// KiB at most.
    memory: u64,
}

/// On a fresh process, since memory is what that one takes; the people are new ones, whose hashes have its size.
fn flood(scene: &mut Scene<'_>, small_hashes: bool) -> Result<Flood> {
    scene.provider.stop(scene.guardian);
    scene.provider.small_hashes = small_hashes;
    let provider = running(scene)?;
    let people = if small_hashes { 1 } else { 2 } * PEOPLE;
    (people..people + PEOPLE).try_for_each(|number| provider.create_user(&phone(number)))?;
    let client = provider.create_client("Beside", &["--profile", "machine"])?;
    let request = http::post("/oauth2/token", &[client.basic()], &CREDENTIALS);
    let tokens = (0..TOKENS).map(|_| Box::new(Same(request.clone())) as Box<dyn Script>).collect();
    let browsers = (0..AT_ONCE).map(|number| phone(people + number % PEOPLE));
    let browsers = browsers.map(|phone| Box::new(SignIn::new(phone)) as Box<dyn Script>).collect();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let sign_ins = scope.spawn(|| load::run_for(provider.port, browsers, WARM_UP, MEASURED));
        let peak = scope.spawn(|| peak(provider, &is_over));
        let tokens = load::run_for(provider.port, tokens, WARM_UP, MEASURED);
        let sign_ins = sign_ins.join().ok().context("the sign-ins panicked");
        is_over.store(true, Ordering::SeqCst);
        let memory = peak.join().ok().context("nobody looked at the memory")?;
        Ok(Flood { sign_ins: sign_ins??, tokens: tokens?, memory })
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

/// `flood` holds what as much takes with small hashes, KiB, and the flood itself.
fn flood_rows(flood: Result<(u64, Flood)>) -> [Row; 3] {
    let what = ["200 sign-ins at once", "token beside 200 sign-ins", "memory beside 200 sign-ins"];
    let budget = ["", "p99 ≤ 300 ms", "≤ base + permits × 19 MiB"];
    let (base, flood) = match flood {
        Ok(measured) => measured,
        Err(error) => {
            let why = format!("not measured: {error:#}");
            return [0, 1, 2].map(|row| Row::new(what[row], why.clone(), budget[row], None));
        }
    };
    let is_fast = flood.tokens.p99 <= Duration::from_millis(300);
    let mut tokens = Row::load(what[1], Ok(flood.tokens), budget[1]);
    tokens.met = Some(is_fast);
    let most = base + permits() * HASH;
    let megabytes = |kib: u64| format!("{:.1} MB", kib as f64 * 1024.0 / 1e6);
    let mut memory = Row::new(what[2], megabytes(flood.memory), budget[2], Some(flood.memory <= most));
    memory.beside = format!(
        "base {} (the same with hashes of half a MiB), budget {}",
        megabytes(base),
        megabytes(most)
    );
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
