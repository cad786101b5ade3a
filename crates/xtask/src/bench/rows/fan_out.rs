//! A sign-out that fifty products hear of, ten of which take the call and never answer.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::super::Scene;
use super::super::server::REDIRECT_URI;
use super::{Row, authorize_request, milliseconds, running};

const LIVE: usize = 40;
const DEAD: usize = 10;
const PHONE: &str = "+79160000051";
const WHAT: &str = "sign-out told to 50 products, 10 of them dead";
const BUDGET: &str = "page ≤ 2 s, live ones ≤ 5 s";

/// The row of the group `logout`.
pub fn fan_out(scene: &mut Scene<'_>) -> Vec<Row> {
    match measured(scene) {
        Ok((page, told)) => {
            let is_met = page <= Duration::from_secs(2) && told <= Duration::from_secs(5);
            let what = format!("page {}, last live one {}", milliseconds(page), milliseconds(told));
            vec![Row::new(WHAT, what, BUDGET, Some(is_met))]
        }
        Err(error) => vec![Row::new(WHAT, format!("not measured: {error:#}"), BUDGET, None)],
    }
}

/// When the person saw the answer, and when the last live product had been told.
fn measured(scene: &mut Scene<'_>) -> Result<(Duration, Duration)> {
    let (tell, told) = mpsc::channel();
    let (live, dead) = (listen(Some(tell))?, listen(None)?);
    let provider = running(scene)?;
    provider.create_user(PHONE)?;
    let mut browser = provider.sign_in(PHONE)?;
    for number in 0..LIVE + DEAD {
        let port = if number < LIVE { live } else { dead };
        let uri = format!("http://127.0.0.1:{port}/{number}");
        let flags = [
            "--profile",
            "web",
            "--redirect-uri",
            REDIRECT_URI,
            "--first-party",
            "--backchannel-logout-uri",
            &uri,
        ];
        let client = provider.create_client("Listens", &flags)?;
        let request = authorize_request(&client, browser.cookie_header());
        let answer = super::http::Connection::new(provider.port).send(&request)?;
        ensure!(matches!(answer.status, 302 | 303), "authorize answered {}", answer.status);
    }
    let page = browser.get("/logout")?;
    let begun = Instant::now();
    let answer = browser.submit(&page, "logout-confirm", &[])?;
    let seen = begun.elapsed();
    ensure!(answer.status == 200, "the sign-out answered {}", answer.status);
    Ok((seen, last(&told, begun)?))
}

fn last(told: &Receiver<Instant>, begun: Instant) -> Result<Duration> {
    let mut latest = Duration::ZERO;
    for number in 0..LIVE {
        let at = told.recv_timeout(Duration::from_secs(15));
        let at = at.with_context(|| format!("only {number} of {LIVE} live products were told"))?;
        latest = latest.max(at.saturating_duration_since(begun));
    }
    Ok(latest)
}

/// Products behind one port: each call is told to `tell` and answered, or without it kept and never answered.
fn listen(tell: Option<Sender<Instant>>) -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming().flatten() {
            match tell.clone() {
                Some(tell) => drop(std::thread::spawn(move || answer(stream, &tell))),
                None => kept.push(stream),
            }
        }
    });
    Ok(port)
}

/// Answers one request whose body has come in whole.
fn answer(mut stream: TcpStream, tell: &Sender<Instant>) {
    let (mut request, mut piece) = (Vec::new(), [0; 4096]);
    while !is_whole(&request) {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&piece[..count]),
        }
    }
    let at = Instant::now();
    let answered = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    // Nobody waits any more when the row has given up.
    let _ = answered.is_ok() && tell.send(at).is_ok();
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|(_, value)| value.trim().parse::<usize>().ok());
    body.len() >= length.unwrap_or(0)
}
