//! One router that stands for the four SMS gateways, and for one of no known form.
//!
//! | stands for | path | known by |
//! |---|---|---|
//! | SMS.ru | `/smsru/sms/send` | `api_id` = [`KEY`] |
//! | SMSC.ru | `/smsc/sys/send.php` | `login` = [`LOGIN`] and `psw` = [`KEY`], or `apikey` = [`KEY`] |
//! | SMS Aero | `/smsaero/v2/sms/send` | Basic, [`LOGIN`] and [`KEY`] |
//! | МТС Exolve | `/exolve/messaging/v1/SendSMS` | Bearer [`KEY`] |
//! | any other | `/generic` | Bearer [`KEY`] |
//!
//! 1. A request takes the next [`Behaviour`] that was asked for, or is treated as a good gateway would.
//! 2. It is checked and answered in that gateway's own words and codes ([`form`]): key, number, text, sender. `/generic`
//!    alone knows our id of a message and refuses one that it has.
//! 3. What was taken is kept: for [`Control::taken`], for `GET /sms-gateway` (a page) and `GET /control` (JSON).
//!
//! `POST /control` asks for a behaviour over HTTP: `{"behaviour":"refuse","code":"207","next":2}`; without `next` until
//! it is changed. `DELETE /control` forgets everything.

mod form;
mod take;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use kabinet_core::ambient::Clock;
use kabinet_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::look::{self, Colours};

pub use form::Form;

/// The login that every gateway knows.
pub const LOGIN: &str = "stand-in@example.ru";
/// The key, token or password that every gateway knows.
pub const KEY: &str = "stand-in-key";
/// A sender that every gateway lets through.
pub const SENDER: &str = "STANDIN";

/// Messages on the page.
const SHOWN: usize = 50;
/// Messages that are kept.
const KEPT: usize = 10_000;

const COLOURS: Colours = Colours {
    ground: "#8a4b00",
    ink: "#ffffff",
    links: ("#8a4b00", "#f0b36a"),
};

/// What a gateway does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Checks it and takes it.
    Take,
    /// Does so after a while.
    Delay(Duration),
    /// Refuses it with this code, in the gateway's own form.
    Refuse(String),
    /// Asks for patience with 429.
    TooMany,
    /// Answers 500, with a page of no form; not taken.
    ServerError,
    /// Takes it twice, as one does that repeats it inwards.
    Duplicate,
    /// Takes it and never answers.
    Hang,
    /// Takes it and breaks the connection in the middle of the answer.
    Reset,
}

/// A message that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// By which gateway.
    pub form: Form,
    /// The gateway's id of it.
    pub id: String,
    /// The number, digits.
    pub to: String,
    /// What it says.
    pub text: String,
    /// Whom it is from; empty: the gateway's own.
    pub sender: String,
    /// Our id of it, where the request held one.
    pub ours: Option<String>,
    /// When it came, in seconds since 1970.
    pub at: i64,
}

/// Asks gateways for behaviour and looks at what they took. A clone is the same.
#[derive(Clone)]
pub struct Control(Arc<Shared>);

struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    next: VecDeque<Behaviour>,
    otherwise: Option<Behaviour>,
    taken: VecDeque<Taken>,
    followers: Vec<UnboundedSender<Taken>>,
    requests: usize,
    count: usize,
}

/// The gateways, and the control over them.
pub fn router(clock: Arc<dyn Clock>) -> (Router, Control) {
    let control = Control(Arc::new(Shared { clock, state: Mutex::default() }));
    let router = Form::ALL.into_iter().fold(Router::new(), |router, form| {
        let handler = async move |State(control): State<Control>, request: take::Request| {
            take::answer(&control, form, &request).await
        };
        router.route(form.path(), any(handler))
    });
    let router = router
        .route("/control", get(list).post(ask).delete(forget))
        .route("/sms-gateway", get(show))
        .route("/sms-gateway.css", get(async || look::stylesheet(COLOURS)))
        .route("/sms-gateway.svg", get(async || look::icon(COLOURS)));
    (router.with_state(control.clone()), control)
}

impl Control {
    /// What the next request meets that has nothing asked for it yet.
    pub fn then(&self, behaviour: Behaviour) {
        self.for_next(1, behaviour);
    }

    /// What the next requests meet.
    pub fn for_next(&self, requests: usize, behaviour: Behaviour) {
        self.state().next.extend(std::iter::repeat_n(behaviour, requests));
    }

    /// What every request meets for which nothing else was asked.
    pub fn until_changed(&self, behaviour: Behaviour) {
        self.state().otherwise = Some(behaviour);
    }

    /// The messages so far, the oldest first.
    #[must_use]
    pub fn taken(&self) -> Vec<Taken> {
        self.state().taken.iter().cloned().collect()
    }

    /// Each message from now on, as it is taken.
    #[must_use]
    pub fn follow(&self) -> UnboundedReceiver<Taken> {
        let (follower, taken) = unbounded_channel();
        self.state().followers.push(follower);
        taken
    }

    /// The requests so far, taken or not.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.state().requests
    }

    /// Forgets messages and behaviour.
    pub fn forget(&self) {
        let mut state = self.state();
        let followers = std::mem::take(&mut state.followers);
        *state = Kept { followers, ..Kept::default() };
    }

    fn state(&self) -> MutexGuard<'_, Kept> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn behaviour(&self) -> Behaviour {
        let mut state = self.state();
        state.requests += 1;
        let next = state.next.pop_front().or_else(|| state.otherwise.clone());
        next.unwrap_or(Behaviour::Take)
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// A number that no message had.
    fn number(&self) -> usize {
        let mut state = self.state();
        state.count += 1;
        state.count
    }

    fn keep(&self, taken: Taken) {
        let mut state = self.state();
        state.followers.retain(|follower| follower.send(taken.clone()).is_ok());
        state.taken.push_back(taken);
        if state.taken.len() > KEPT {
            state.taken.pop_front();
        }
    }
}

/// A behaviour as it is asked for over HTTP.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    behaviour: Named,
    #[serde(default)]
    code: String,
    #[serde(default)]
    ms: u64,
    next: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Named {
    Take,
    Delay,
    Refuse,
    TooMany,
    ServerError,
    Duplicate,
    Hang,
    Reset,
}

async fn ask(State(control): State<Control>, Json(asked): Json<Asked>) -> StatusCode {
    let behaviour = match asked.behaviour {
        Named::Take => Behaviour::Take,
        Named::Delay => Behaviour::Delay(Duration::from_millis(asked.ms)),
        Named::Refuse => Behaviour::Refuse(asked.code),
        Named::TooMany => Behaviour::TooMany,
        Named::ServerError => Behaviour::ServerError,
        Named::Duplicate => Behaviour::Duplicate,
        Named::Hang => Behaviour::Hang,
        Named::Reset => Behaviour::Reset,
    };
    match asked.next {
        Some(requests) => control.for_next(requests.min(KEPT), behaviour),
        None => control.until_changed(behaviour),
    }
    StatusCode::NO_CONTENT
}

async fn list(State(control): State<Control>) -> Json<Vec<Taken>> {
    Json(control.taken())
}

async fn forget(State(control): State<Control>) -> StatusCode {
    control.forget();
    StatusCode::NO_CONTENT
}

#[derive(Template)]
#[template(path = "sms_gateway.html")]
struct Page {
    messages: Vec<Taken>,
}

async fn show(State(control): State<Control>) -> Response {
    let messages = control.state().taken.iter().rev().take(SHOWN).cloned().collect();
    match (Page { messages }).render() {
        Ok(text) => look::page(text),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
