//! Signing in elsewhere: through another provider, and devices that wait for it.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::super::Scene;
use super::super::http::{self, Connection, Response};
use super::super::load::{self, CONNECTIONS, Measured, Progress, Script};
use super::super::page::Browser;
use super::super::server::{PASSWORD, Provider};
use super::{Row, milliseconds, rate_of, running};

const PHONE: &str = "+79160000071";
/// Enough for the hundredths of a second in which processor time is counted; a network may go to a provider 120 times a minute.
const SIGN_INS: u32 = 100;
const LIMIT: Duration = Duration::from_millis(3);
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const POLLS: f64 = 2000.0;

/// The row of the group `federated`: what one sign-in through another kabinet takes of this one's processor, the check of the
/// ID token's signature included.
pub fn federated(scene: &mut Scene<'_>) -> Vec<Row> {
    const WHAT: &str = "sign-in at another provider, own processor time";
    const BUDGET: &str = "≤ 3 ms";
    vec![match federated_sign_in(scene) {
        Ok(each) => {
            let row = Row::new(WHAT, milliseconds(each), BUDGET, Some(each <= LIMIT));
            row.with(format!("mean of {SIGN_INS}, RS256, SQLite"))
        }
        Err(error) => Row::new(WHAT, format!("not measured: {error:#}"), BUDGET, None),
    }]
}

fn federated_sign_in(scene: &mut Scene<'_>) -> Result<Duration> {
    scene.provider.stop(scene.guardian);
    let mut other = Provider::named("other", scene.provider.binary(), scene.guardian)?;
    other.start(scene.guardian)?;
    let done = between(scene, &other);
    other.stop(scene.guardian);
    scene.provider.stop(scene.guardian);
    scene.provider.settings.clear();
    done
}

fn between(scene: &mut Scene<'_>, other: &Provider) -> Result<Duration> {
    let callback = format!("{}/login/other/callback", scene.provider.issuer());
    let client =
        other.create_client("Measured", &["--profile", "web", "--redirect-uri", &callback, "--first-party"])?;
    scene.provider.settings = vec![
        ("KABINET__UPSTREAM__OTHER__PRESET", "kabinet".to_owned()),
        ("KABINET__UPSTREAM__OTHER__ISSUER", other.issuer()),
        ("KABINET__UPSTREAM__OTHER__CLIENT_ID", client.id),
        ("KABINET__UPSTREAM__OTHER__CLIENT_SECRET", client.secret),
    ];
    let provider = running(scene)?;
    other.create_user(PHONE)?;
    provider.create_user(PHONE)?;
    let mut there = other.sign_in(PHONE)?;
    let mut here = Browser::new(provider.port);

    // The first time nobody is linked: signing in links.
    let unlinked = pass(&mut here, &mut there)?;
    let page = here.get(path_of(&unlinked)?)?;
    let link = href(&page, "go-link").with_context(|| format!("no way to link on a page of status {}", page.status))?;
    let mut page = here.get(&link)?;
    while page.status == 303 {
        page = here.get(path_of(&page)?)?;
    }
    let linked = here.submit(&page, "login-form", &[("phone", PHONE), ("password", PASSWORD)])?;
    ensure!(matches!(linked.status, 302 | 303), "linking answered {}", linked.status);

    let mut used = Duration::ZERO;
    for _ in 0..SIGN_INS {
        let mut here = Browser::new(provider.port);
        let before = provider.processor()?;
        let back = pass(&mut here, &mut there)?;
        used += provider.processor()?.saturating_sub(before);
        let location = path_of(&back)?;
        ensure!(location.starts_with("/account"), "a sign-in led to {location}");
    }
    Ok(used / SIGN_INS)
}

/// From the button to the answer of the callback.
fn pass(here: &mut Browser, there: &mut Browser) -> Result<Response> {
    let left = here.get("/login/other")?;
    let back = there.get(path_of(&left)?)?;
    here.get(path_of(&back)?)
}

/// Where a redirect leads, on its host.
fn path_of(answer: &Response) -> Result<&str> {
    let Some(location) = answer.headers("location").next() else {
        bail!("a redirect was due, not {}", answer.status);
    };
    let after_host = location
        .split_once("://")
        .map_or(Some(0), |(scheme, rest)| rest.find('/').map(|at| scheme.len() + 3 + at));
    after_host
        .map(|at| &location[at..])
        .with_context(|| format!("a redirect to {location:?}"))
}

fn href(page: &Response, id: &str) -> Option<String> {
    let text = page.text();
    let tag = text.split("<a ").skip(1).find(|tag| tag.contains(&format!("id=\"{id}\"")))?;
    let value = tag.split("href=\"").nth(1)?.split('"').next()?;
    Some(value.replace("&amp;", "&").replace("&#38;", "&"))
}

/// The row of the group `device`: devices that ask whether they have been allowed.
pub fn device(scene: &mut Scene<'_>) -> Vec<Row> {
    let polls = polls(scene);
    let met = rate_of(&polls).map(|rate| rate >= POLLS);
    let mut row = Row::load("device_code, not decided yet", polls, "≥ 2000/s, no statement, by a test");
    row.met = met;
    vec![row]
}

/// A device on one connection.
struct Device(Vec<u8>);

impl Script for Device {
    fn next(&mut self) -> Option<Vec<u8>> {
        Some(self.0.clone())
    }

    fn took(&mut self, answer: &Response) -> Progress {
        let text = answer.text();
        if answer.status == 400 && (text.contains("slow_down") || text.contains("authorization_pending")) {
            Progress::Done
        } else {
            Progress::Refused
        }
    }
}

fn polls(scene: &mut Scene<'_>) -> Result<Measured> {
    let provider = running(scene)?;
    let client = provider
        .create_client("Devices", &["--profile", "device", "--token-endpoint-auth-method", "client_secret_basic"])?;
    let device = |_| -> Result<Box<dyn Script>> {
        let begun = provider.post("/oauth2/device_authorization", &client, &[("scope", "openid")])?;
        let code = begun["device_code"].as_str().context("no device_code")?;
        let fields = [("grant_type", GRANT), ("device_code", code)];
        let poll = http::post("/oauth2/token", &[client.basic()], &fields);
        Connection::new(provider.port).send(&poll)?;
        Ok(Box::new(Device(poll)))
    };
    load::run(provider.port, (0..CONNECTIONS).map(device).collect::<Result<_>>()?)
}
