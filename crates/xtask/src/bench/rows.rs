//! The rows of the table: what each measures, beside what, against which budget.

mod answers;
mod elsewhere;
mod fan_out;
mod nodes;
mod sign_ins;
mod signatures;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};

use super::http;
use super::load::{self, CONNECTIONS, Measured, Same, Script};
use super::scripts::{Authorize, Redeem, Refresh, Stock, code_of};
use super::server::{Client, Provider, REDIRECT_URI};
use super::{Scene, server};
use crate::shell;

pub use sign_ins::password;

const PHONE: &str = "+79160000001";

/// One line of the table.
pub struct Row {
    what: String,
    measured: String,
    p50: String,
    p99: String,
    beside: String,
    budget: &'static str,
    /// None where there is nothing to hold it against.
    met: Option<bool>,
}

impl Row {
    fn new(what: &str, measured: String, budget: &'static str, met: Option<bool>) -> Self {
        let empty = String::new;
        Self {
            what: what.to_owned(),
            measured,
            p50: empty(),
            p99: empty(),
            beside: empty(),
            budget,
            met,
        }
    }

    fn load(what: &str, load: Result<Measured>, budget: &'static str) -> Self {
        let load = match load {
            Ok(load) => load,
            Err(error) => return Self::new(what, format!("not measured: {error:#}"), budget, None),
        };
        let refused = if load.refused > 0 {
            format!(" ({} refused)", load.refused)
        } else {
            String::new()
        };
        let mut row = Self::new(what, format!("{:.0}/s{refused}", load.rate), budget, None);
        row.p50 = milliseconds(load.p50);
        row.p99 = milliseconds(load.p99);
        row
    }

    /// Adds a word on what was measured.
    fn with(mut self, note: String) -> Self {
        self.beside = note;
        self
    }

    /// Adds the ratio to another rate and judges it.
    fn beside(mut self, rate: Option<f64>, name: &str, other: Result<f64>, at_least: f64) -> Self {
        match (rate, other) {
            (Some(rate), Ok(other)) => {
                self.beside = format!("{:.2} × {name} ({other:.0}/s)", rate / other);
                self.met = Some(self.met.unwrap_or(true) && rate >= at_least * other);
            }
            (_, Err(error)) => self.beside = format!("{name} not run: {error:#}"),
            (None, Ok(other)) => self.beside = format!("{name} {other:.0}/s"),
        }
        self
    }

    pub fn misses(&self) -> bool {
        self.met == Some(false)
    }

    pub fn cells(&self) -> Vec<String> {
        let verdict = match self.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        let words = [&self.what, &self.measured, &self.p50, &self.p99, &self.beside, self.budget, verdict];
        words.map(|word| word.to_owned()).to_vec()
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

type Measure = fn(&mut Scene<'_>) -> Vec<Row>;

/// Groups of rows by the name that `--only` takes. `start` comes first: the others use the server that it leaves.
pub const GROUPS: &[(&str, Measure)] = &[
    ("start", start),
    ("stop", nodes::stop),
    ("memory", memory),
    ("credentials", credentials),
    ("authorize", authorize_and_redeem),
    ("refresh", refresh),
    ("introspect", introspect),
    ("id_token", answers::id_tokens),
    ("signed", answers::signed),
    ("logout", fan_out::fan_out),
    ("revocation", nodes::revocation),
    ("signature", signatures::signatures),
    ("device", elsewhere::device),
    ("federated", elsewhere::federated),
];

pub fn size(binary: &Path) -> Row {
    let bytes = std::fs::metadata(binary).map_or(0, |file| file.len());
    let megabytes = bytes as f64 / 1e6;
    Row::new("stripped binary", format!("{megabytes:.1} MB"), "≤ 20 MB", Some(megabytes <= 20.0))
}

fn start(scene: &mut Scene<'_>) -> Vec<Row> {
    let mut times = Vec::new();
    for _ in 0..11 {
        match scene.provider.start(scene.guardian) {
            Ok(time) => times.push(time),
            Err(error) => return vec![Row::new("start", format!("not measured: {error:#}"), "≤ 100 ms", None)],
        }
        scene.provider.stop(scene.guardian);
    }
    times.sort();
    let median = times[times.len() / 2];
    let met = Some(median <= Duration::from_millis(100));
    let mut row = Row::new("start to first 200, median of 11", milliseconds(median), "≤ 100 ms", met);
    row.beside = format!("{} … {}", milliseconds(times[0]), milliseconds(times[times.len() - 1]));
    vec![row]
}

/// Starts the server where it does not run yet.
fn running<'a>(scene: &'a mut Scene<'_>) -> Result<&'a Provider> {
    if scene.provider.memory().is_err() {
        scene.provider.start(scene.guardian)?;
    }
    Ok(&scene.provider)
}

fn memory(scene: &mut Scene<'_>) -> Vec<Row> {
    scene.provider.stop(scene.guardian);
    let measured = running(scene).and_then(|provider| {
        let mut connection = http::Connection::new(provider.port);
        for path in ["/.well-known/openid-configuration", "/oauth2/jwks", "/login", "/register"] {
            connection.send(&http::get(path, &[]))?;
        }
        std::thread::sleep(Duration::from_secs(2));
        provider.memory()
    });
    vec![match measured {
        Ok(kib) => {
            let megabytes = kib as f64 * 1024.0 / 1e6;
            Row::new(
                "idle memory with SQLite",
                format!("{megabytes:.1} MB"),
                "≤ 30 MB",
                Some(megabytes <= 30.0),
            )
        }
        Err(error) => Row::new("idle memory with SQLite", format!("not measured: {error:#}"), "≤ 30 MB", None),
    }]
}

fn same(port: u16, request: &[u8]) -> Result<Measured> {
    let one = |_| Box::new(Same(request.to_vec())) as Box<dyn Script>;
    load::run(port, (0..CONNECTIONS).map(one).collect())
}

fn rate_of(load: &Result<Measured>) -> Option<f64> {
    load.as_ref().ok().map(|load| load.rate)
}

/// The peer's rate under the same kind of load, or why there is none.
fn peer_rate(scene: &Scene<'_>, scripts: impl FnOnce(&super::Peer) -> Vec<Box<dyn Script>>) -> Result<f64> {
    let peer = scene.peer.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))?;
    Ok(load::run(peer.port, scripts(peer))?.rate)
}

fn peer_same(scene: &Scene<'_>, path: &str, fields: &[(&str, &str)]) -> Result<f64> {
    peer_rate(scene, |peer| {
        let request = http::post(path, &[peer.basic()], fields);
        (0..CONNECTIONS).map(|_| Box::new(Same(request.clone())) as Box<dyn Script>).collect()
    })
}

const CREDENTIALS: [(&str, &str); 1] = [("grant_type", "client_credentials")];

/// client_credentials by the algorithm of the access token, each with a client of its own.
fn credentials(scene: &mut Scene<'_>) -> Vec<Row> {
    let es256 = credentials_load(scene, None);
    let rate = rate_of(&es256);
    let p99 = es256.as_ref().ok().map(|load| load.p99);
    let jwt = [CREDENTIALS[0], ("scope", "read"), ("resource", "https://api.example.test/jwt")];
    let mut first = Row::load("token, client_credentials ES256", es256, "≥ 8 × peer, p99 ≤ 5 ms");
    first.met = p99.map(|p99| p99 <= Duration::from_millis(5));
    let first = first.beside(rate, "peer", peer_same(scene, "/token", &jwt), 8.0);
    let rs256 = credentials_load(scene, Some("RS256"));
    let rate = rate_of(&rs256);
    let second = Row::load("token, client_credentials RS256", rs256, "≥ 75 % of the bare signature");
    vec![first, second.beside(rate, "bare RSA-2048", bare_signatures(), 0.75)]
}

fn credentials_load(scene: &mut Scene<'_>, algorithm: Option<&str>) -> Result<Measured> {
    let provider = running(scene)?;
    let mut args = vec!["--profile", "machine"];
    let flag = algorithm.map(|_| algorithm_flag(provider)).transpose()?;
    if let (Some(flag), Some(algorithm)) = (&flag, algorithm) {
        args.extend([flag.as_str(), algorithm]);
    }
    let client = provider.create_client("Machine", &args)?;
    same(provider.port, &http::post("/oauth2/token", &[client.basic()], &CREDENTIALS))
}

/// The flag of `client create` that sets the access token's algorithm.
fn algorithm_flag(provider: &Provider) -> Result<String> {
    let help = provider.cli(&["client", "create", "--help"], None)?;
    let flags = help.split(|c: char| c.is_whitespace() || c == '=');
    let flag = flags
        .filter(|word| word.starts_with("--access-token") && word.ends_with("-alg"))
        .map(str::to_owned);
    flag.into_iter()
        .next()
        .context("`client create` has no flag for the access token's algorithm")
}

/// RSA-2048 signatures a second on core 0.
fn bare_signatures() -> Result<f64> {
    let openssl = shell::find("openssl").context("no openssl")?;
    let mut command = server::pinned_to(0, &openssl);
    let out = shell::output(command.args(["speed", "-seconds", "3", "rsa2048"])).context("openssl speed failed")?;
    let line = out
        .lines()
        .find(|line| line.starts_with("rsa 2048 bits"))
        .context("openssl speed printed no rate")?;
    line.split_whitespace()
        .rev()
        .nth(1)
        .and_then(|rate| rate.parse().ok())
        .context("openssl speed printed no rate")
}

/// What a test counts, in place of a rate.
const STATEMENTS: [&str; 2] = ["≤ 4 reads + 1 write, by a test", "one transaction, ≤ 4 statements, by a test"];

/// What a signed-in person's browser sends.
fn authorize_request(client: &Client, cookies: String) -> Vec<u8> {
    authorize_for("openid profile offline_access", client, cookies)
}

fn authorize_for(scope: &str, client: &Client, cookies: String) -> Vec<u8> {
    let query = http::encode(&[
        ("response_type", "code"),
        ("client_id", &client.id),
        ("redirect_uri", REDIRECT_URI),
        ("scope", scope),
        ("state", "bench-state"),
        ("nonce", "bench-nonce"),
    ]);
    http::get(&format!("/oauth2/authorize?{query}"), &[cookies])
}

/// A client with further flags, and an authorization request that its signed-in person sends.
fn signed_in(scene: &mut Scene<'_>, flags: &[&str]) -> Result<(Client, Vec<u8>)> {
    let provider = running(scene)?;
    // The person is there already when an earlier row made it.
    let made = provider.create_user(PHONE);
    let browser = provider.sign_in(PHONE).map_err(|error| made.err().unwrap_or(error))?;
    let client = provider.create_web_client(flags)?;
    let request = authorize_request(&client, browser.cookie_header());
    Ok((client, request))
}

fn authorize_and_redeem(scene: &mut Scene<'_>) -> Vec<Row> {
    let what = ["authorize with a session, SQLite", "token, authorization_code, SQLite"];
    let (client, request) = match signed_in(scene, &[]) {
        Ok(ready) => ready,
        Err(error) => return what.map(|what| Row::load(what, Err(anyhow::anyhow!("{error:#}")), "")).into(),
    };
    let port = scene.provider.port;
    let stock: Stock = Arc::new(Mutex::new(Vec::new()));
    let authorize = |_| Box::new(Authorize { request: request.clone(), stock: Arc::clone(&stock) }) as Box<dyn Script>;
    let authorized = load::run(port, (0..CONNECTIONS).map(authorize).collect());
    let redeem = |_| Box::new(Redeem { client: client.basic(), stock: Arc::clone(&stock) }) as Box<dyn Script>;
    let times = (Duration::ZERO, Duration::from_secs(5));
    let redeemed = load::run_for(port, (0..CONNECTIONS).map(redeem).collect(), times.0, times.1);
    vec![Row::load(what[0], authorized, STATEMENTS[0]), Row::load(what[1], redeemed, STATEMENTS[1])]
}

fn refresh(scene: &mut Scene<'_>) -> Vec<Row> {
    let ours = refresh_load(scene, &[]);
    let rate = rate_of(&ours);
    let row = Row::load("token, refresh_token with rotation, SQLite", ours, "≥ 2 × peer in memory");
    let peers = peer_rate(scene, |peer| {
        let one = |token| Refresh { path: "/token", client: peer.basic(), token: Some(token) };
        peer.refresh_tokens()
            .into_iter()
            .map(|token| Box::new(one(token)) as Box<dyn Script>)
            .collect()
    });
    vec![row.beside(rate, "peer", peers, 2.0)]
}

fn refresh_load(scene: &mut Scene<'_>, flags: &[&str]) -> Result<Measured> {
    let (client, request) = signed_in(scene, flags)?;
    let provider = &scene.provider;
    let mut scripts: Vec<Box<dyn Script>> = Vec::new();
    let mut connection = http::Connection::new(provider.port);
    for _ in 0..CONNECTIONS {
        let answer = connection.send(&request)?;
        let code = code_of(&answer).with_context(|| format!("authorize answered {} without a code", answer.status))?;
        let fields = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", REDIRECT_URI)];
        let tokens = provider.post("/oauth2/token", &client, &fields)?;
        let token = tokens["refresh_token"].as_str().context("no refresh token")?.to_owned();
        scripts.push(Box::new(Refresh {
            path: "/oauth2/token",
            client: client.basic(),
            token: Some(token),
        }));
    }
    load::run(provider.port, scripts)
}

fn introspect(scene: &mut Scene<'_>) -> Vec<Row> {
    let ours = introspect_load(scene);
    let (kind, ours) = match ours {
        Ok((kind, load)) => (kind, Ok(load)),
        Err(error) => ("", Err(error)),
    };
    let rate = rate_of(&ours);
    let row = Row::load(&format!("introspect{kind}"), ours, "opaque ≥ 6 × peer");
    let token = scene.peer.as_ref().map(|peer| peer.opaque_token().to_owned()).unwrap_or_default();
    vec![row.beside(rate, "peer", peer_same(scene, "/token/introspection", &[("token", &token)]), 6.0)]
}

fn introspect_load(scene: &mut Scene<'_>) -> Result<(&'static str, Measured)> {
    let provider = running(scene)?;
    let client = provider.create_client("Introspects", &["--profile", "machine"])?;
    let answer = provider.post("/oauth2/token", &client, &CREDENTIALS)?;
    let token = answer["access_token"].as_str().context("no access token")?;
    let said = provider.post("/oauth2/introspect", &client, &[("token", token)])?;
    anyhow::ensure!(said["active"] == true, "the token is not active: {said}");
    let kind = if token.matches('.').count() == 2 { ", a JWT" } else { ", opaque" };
    let request = http::post("/oauth2/introspect", &[client.basic()], &[("token", token)]);
    Ok((kind, same(provider.port, &request)?))
}
