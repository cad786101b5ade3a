//! How soon a node ends, and how soon one node heeds what was changed on another.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::super::Scene;
use super::super::http::{self, Connection};
use super::super::scripts::code_of;
use super::super::server::{Client, Provider, REDIRECT_URI};
use super::{CREDENTIALS, Row, authorize_for, milliseconds, running};

const ROUNDS: usize = 5;
const PHONE: &str = "+79160000061";
/// Nobody waits longer for a change that is not heeded.
const PATIENCE: Duration = Duration::from_secs(20);

/// The row of the group `stop`: SIGTERM to the end of the process.
pub fn stop(scene: &mut Scene<'_>) -> Vec<Row> {
    let times = (0..ROUNDS).map(|_| {
        running(scene)?;
        scene.provider.stop(scene.guardian).context("the server does not run")
    });
    vec![row("SIGTERM to the end of an idle node", times.collect(), "≤ 2 s", Duration::from_secs(2))]
}

/// The rows of the group `revocation`: two nodes on one database.
pub fn revocation(scene: &mut Scene<'_>) -> Vec<Row> {
    const BUDGET: &str = "≤ 1 s";
    let limit = Duration::from_secs(1);
    let (disabled, ended) = match two_nodes(scene) {
        Ok(both) => both,
        Err(error) => {
            let why = format!("not measured: {error:#}");
            return vec![Row::new("a change, heeded by another node", why, BUDGET, None)];
        }
    };
    vec![
        row("a client disabled, refused by another node", disabled, BUDGET, limit),
        row("a session ended, its token dead on another node", ended, BUDGET, limit),
    ]
}

fn row(what: &str, times: Result<Vec<Duration>>, budget: &'static str, limit: Duration) -> Row {
    match times {
        Ok(mut times) => {
            times.sort();
            let worst = times.last().copied().unwrap_or_default();
            let mut row =
                Row::new(&format!("{what}, worst of {ROUNDS}"), milliseconds(worst), budget, Some(worst <= limit));
            row.beside = format!("{} at best", milliseconds(times.first().copied().unwrap_or_default()));
            row
        }
        Err(error) => Row::new(what, format!("not measured: {error:#}"), budget, None),
    }
}

type Times = Result<Vec<Duration>>;

fn two_nodes(scene: &mut Scene<'_>) -> Result<(Times, Times)> {
    let guardian = scene.guardian;
    let provider = running(scene)?;
    let mut other = provider.neighbour()?;
    other.start(guardian)?;
    provider.create_user(PHONE)?;
    let disabled = (0..ROUNDS).map(|_| disabled(provider, &other)).collect();
    let ended = (0..ROUNDS).map(|_| ended(provider, &other)).collect();
    other.stop(guardian);
    Ok((disabled, ended))
}

/// From the end of the command that disables a client to the refusal of the other node.
fn disabled(provider: &Provider, other: &Provider) -> Result<Duration> {
    let client = provider.create_client("Leaves", &["--profile", "machine", "--scope", "read"])?;
    let ask = http::post("/oauth2/token", &[client.basic()], &CREDENTIALS);
    until(other, &ask, |answer| Ok(answer.status == 200))?;
    provider.cli(&["client", "update", &client.id, "--disabled"], None)?;
    until(other, &ask, |answer| Ok(answer.status != 200))
}

/// From the press of the button to the other node's word that the token is dead.
fn ended(provider: &Provider, other: &Provider) -> Result<Duration> {
    let client = provider.create_web_client(&[])?;
    let mut browser = provider.sign_in(PHONE)?;
    let authorized =
        Connection::new(provider.port).send(&authorize_for("openid profile", &client, browser.cookie_header()))?;
    let token = redeemed(provider, &client, &code_of(&authorized).context("no code")?)?;
    let ask = http::post("/oauth2/introspect", &[client.basic()], &[("token", &token)]);
    until(other, &ask, |answer| Ok(answer.json()?["active"] == true))?;
    let page = browser.get("/logout")?;
    let begun = Instant::now();
    let answer = browser.submit(&page, "logout-confirm", &[])?;
    ensure!(answer.status == 200, "the sign-out answered {}", answer.status);
    until(other, &ask, |answer| Ok(answer.json()?["active"] == false))?;
    Ok(begun.elapsed())
}

fn redeemed(provider: &Provider, client: &Client, code: &str) -> Result<String> {
    let fields = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", REDIRECT_URI)];
    let answer = provider.post("/oauth2/token", client, &fields)?;
    answer["access_token"].as_str().map(str::to_owned).context("no access token")
}

/// Asks until the answer is such; how long that took.
fn until(node: &Provider, ask: &[u8], is_such: impl Fn(&http::Response) -> Result<bool>) -> Result<Duration> {
    let (begun, mut connection) = (Instant::now(), Connection::new(node.port));
    while !is_such(&connection.send(ask)?)? {
        ensure!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(begun.elapsed())
}
