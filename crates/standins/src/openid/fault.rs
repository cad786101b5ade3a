//! What goes wrong on demand: in the tokens ([`Fault`]) and at the endpoints ([`Failure`]).

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;

/// Bytes of [`Failure::Large`].
const LARGE: usize = 1 << 20;

/// Something that an ID token, or the answer around it, should not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// `iss` of the token is another provider's.
    WrongIssuer,
    /// `aud` is another client.
    WrongAudience,
    /// `aud` is a list of this client alone, which is allowed.
    AudienceList,
    /// `aud` has a stranger beside this client.
    AudienceStranger,
    /// `azp` is another client.
    WrongParty,
    /// `nonce` is another.
    WrongNonce,
    /// `nonce` is left out.
    NoNonce,
    /// Expired an hour ago.
    Expired,
    /// Issued in an hour.
    NotYet,
    /// `exp` is left out.
    NoExpiry,
    /// `sub` is left out.
    NoSubject,
    /// The token belongs to another access token (`at_hash`).
    WrongHash,
    /// `alg` is `none`, and there is no signature.
    AlgNone,
    /// HS256 with the client's secret for a key.
    AlgSecret,
    /// HS256 with the public key for a key.
    AlgPublicKey,
    /// Signed rightly by another published key, of another algorithm than the one agreed on.
    AlgSwap,
    /// The header names a key that is not published.
    UnknownKey,
    /// The header names no key.
    NoKey,
    /// The signature is of something else.
    WrongSignature,
    /// The answer of the token endpoint has no ID token.
    NoToken,
    /// Userinfo tells of somebody else.
    OtherPerson,
    /// `email_verified` is false.
    EmailUnverified,
    /// The address is another than last time.
    EmailChanged,
    /// The browser brings a code that was redeemed before.
    UsedCode,
    /// The browser brings a code that nobody issued.
    UnknownCode,
    /// The code has expired by the time it is redeemed.
    ExpiredCode,
    /// The browser brings another `state`.
    WrongState,
    /// The browser brings no `iss`, although discovery promises one (RFC 9207).
    NoIss,
    /// `iss` beside the code is another provider's.
    ForeignIss,
    /// Telegram: `id` is left out.
    NoId,
    /// Telegram: `nonce` comes back, which its service does not do.
    NonceEchoed,
    /// Telegram: the phone has a plus.
    PhonePlus,
    /// Telegram's widget and Mini Apps: signed a day ago.
    Old,
    /// Telegram's widget and Mini Apps: the id was changed after it was signed.
    Forged,
    /// Telegram's widget and Mini Apps: a field was added after it was signed.
    Extra,
    /// Telegram's widget and Mini Apps: a field stands there twice.
    Twice,
    /// Telegram's widget and Mini Apps: the fields come in another order, which is allowed.
    Reordered,
}

/// What an endpoint does in place of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// A page of a proxy with status 200.
    Html,
    /// 500, with a page.
    ServerError,
    /// 503 with Retry-After.
    Unavailable,
    /// 451, as a network answers that must not let through.
    Blocked,
    /// 302 to somewhere else.
    Redirect,
    /// A megabyte.
    Large,
    /// Breaks the connection in the middle of the answer.
    Dead,
    /// Answers rightly, once [`Faults::release`] says so.
    Slow,
}

/// An endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum At {
    /// The metadata.
    Discovery,
    /// The keys.
    Keys,
    /// The page that people see.
    Authorize,
    /// Where codes are redeemed.
    Token,
    /// What is said of the person.
    Userinfo,
}

/// What is asked for, and what was seen.
#[derive(Default)]
pub struct Faults {
    state: Mutex<State>,
    released: watch::Sender<u64>,
    waiting: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    faults: HashMap<Fault, Option<usize>>,
    failures: HashMap<At, (Failure, Option<usize>)>,
    skew: i64,
    requests: HashMap<At, usize>,
}

impl Faults {
    /// From now on until [`Faults::heal`].
    pub fn set(&self, fault: Fault) {
        self.state().faults.insert(fault, None);
    }

    /// For so many tokens.
    pub fn for_next(&self, times: usize, fault: Fault) {
        self.state().faults.insert(fault, Some(times));
    }

    /// An endpoint fails from now on until [`Faults::heal`].
    pub fn fail(&self, at: At, failure: Failure) {
        self.state().failures.insert(at, (failure, None));
    }

    /// An endpoint fails for so many requests.
    pub fn fail_next(&self, times: usize, at: At, failure: Failure) {
        self.state().failures.insert(at, (failure, Some(times)));
    }

    /// Sets the provider's clock this many seconds ahead; behind if negative.
    pub fn skew(&self, seconds: i64) {
        self.state().skew = seconds;
    }

    /// Everything is well again; requests that wait are answered.
    pub fn heal(&self) {
        let mut state = self.state();
        let requests = std::mem::take(&mut state.requests);
        *state = State { requests, ..State::default() };
        drop(state);
        self.release();
    }

    /// Answers the requests that wait at a [`Failure::Slow`] endpoint; later ones wait again.
    pub fn release(&self) {
        self.released.send_modify(|count| *count += 1);
    }

    /// Comes back when so many requests wait.
    pub async fn until_waiting(&self, requests: usize) {
        // The sender lives as long as this, so that it cannot be closed.
        let _ = self.waiting.subscribe().wait_for(|waiting| *waiting >= requests).await;
    }

    /// Requests to an endpoint so far, failed ones included.
    #[must_use]
    pub fn requests(&self, at: At) -> usize {
        self.state().requests.get(&at).copied().unwrap_or_default()
    }

    /// How far ahead the provider's clock is, seconds.
    pub(crate) fn ahead(&self) -> i64 {
        self.state().skew
    }

    /// Whether this is wrong with what is being made now; counts it.
    pub(crate) fn take(&self, fault: Fault) -> bool {
        let mut state = self.state();
        let Some(left) = state.faults.get_mut(&fault) else {
            return false;
        };
        if let Some(times) = left {
            *times = times.saturating_sub(1);
            if *times == 0 {
                state.faults.remove(&fault);
            }
        }
        true
    }

    /// Counts a request; the answer in place of the endpoint's own, if there is one.
    pub(crate) async fn pass(&self, at: At) -> Option<Response> {
        // From before the failure is looked at, so that no release is missed in between.
        let mut released = self.released.subscribe();
        released.mark_unchanged();
        let answer = match self.failure(at)? {
            Failure::Html => html("<!doctype html><title>Технические работы</title><p>Технические работы"),
            Failure::ServerError => {
                (StatusCode::INTERNAL_SERVER_ERROR, html("<p>Internal Server Error")).into_response()
            }
            Failure::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "60")], html("<p>503")).into_response()
            }
            Failure::Blocked => (StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS, html("<p>451")).into_response(),
            Failure::Redirect => Redirect::temporary("http://elsewhere.invalid/").into_response(),
            Failure::Large => ([(header::CONTENT_TYPE, "application/json")], "1".repeat(LARGE)).into_response(),
            Failure::Dead => broken(),
            Failure::Slow => {
                let _waiting = Waiting::of(&self.waiting);
                // The sender lives as long as this, so that it cannot be closed.
                let _ = released.changed().await;
                return None;
            }
        };
        Some(answer)
    }

    fn failure(&self, at: At) -> Option<Failure> {
        let mut state = self.state();
        *state.requests.entry(at).or_default() += 1;
        let (failure, left) = state.failures.get_mut(&at)?;
        let failure = *failure;
        if let Some(times) = left {
            *times = times.saturating_sub(1);
            if *times == 0 {
                state.failures.remove(&at);
            }
        }
        Some(failure)
    }

    /// What is asked for, for `GET /control`.
    pub(crate) fn told(&self) -> Value {
        let state = self.state();
        let faults: Vec<_> = state
            .faults
            .iter()
            .map(|(fault, times)| json!({"fault": fault, "times": times}))
            .collect();
        let failures: Vec<_> = state
            .failures
            .iter()
            .map(|(at, (failure, times))| json!({"at": at, "failure": failure, "times": times}))
            .collect();
        let requests: Vec<_> = state.requests.iter().map(|(at, count)| json!({"at": at, "count": count})).collect();
        json!({"faults": faults, "failures": failures, "skew": state.skew, "requests": requests, "waiting": *self.waiting.borrow()})
    }

    /// Does what `POST /control` asks for; `false` when that is nothing.
    pub(crate) fn ask(&self, asked: &Asked) -> bool {
        match (asked.fault, asked.times) {
            (Some(fault), Some(times)) => self.for_next(times, fault),
            (Some(fault), None) => self.set(fault),
            _ => {}
        }
        match (asked.at, asked.failure, asked.times) {
            (Some(at), Some(failure), Some(times)) => self.fail_next(times, at, failure),
            (Some(at), Some(failure), None) => self.fail(at, failure),
            (None, None, _) => {}
            _ => return false,
        }
        if let Some(seconds) = asked.skew {
            self.skew(seconds);
        }
        if asked.release {
            self.release();
        }
        asked.times != Some(0)
            && (asked.fault.is_some() || asked.failure.is_some() || asked.skew.is_some() || asked.release)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What can be asked for over HTTP.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Asked {
    fault: Option<Fault>,
    at: Option<At>,
    failure: Option<Failure>,
    times: Option<usize>,
    skew: Option<i64>,
    release: bool,
}

/// A request that waits, for as long as its caller does.
struct Waiting<'a>(&'a watch::Sender<usize>);

impl<'a> Waiting<'a> {
    fn of(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|waiting| *waiting += 1);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|waiting| *waiting = waiting.saturating_sub(1));
    }
}

fn html(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response()
}

/// An answer that ends before the length that it announced.
fn broken() -> Response {
    let pieces = stream::iter([Ok(Bytes::from_static(b"{")), Err(io::Error::from(io::ErrorKind::ConnectionReset))]);
    ([(header::CONTENT_LENGTH, "64")], Body::from_stream(pieces)).into_response()
}
