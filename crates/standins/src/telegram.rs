//! Telegram, as far as people sign in by it: the OpenID service of `oauth.telegram.org`, the Login Widget that it replaces, and
//! what a Mini App is opened with.
//!
//! | path | |
//! |---|---|
//! | `/.well-known/openid-configuration`, `/.well-known/jwks.json` | metadata; four keys, an algorithm each |
//! | `/auth` | with `client_id`: OpenID; with `bot_id`: the widget's window. Form `standin-form`: choice `persona`, buttons `allow` and `deny` |
//! | `/token` | a code for an ID token, and an access token that is good for nothing: there is no userinfo |
//! | `/js/telegram-login.js`, `/inapp`, `/crossapp` | the script for pages (`post_message`) and the ways in from an app |
//! | `/js/telegram-widget.js`, `/embed/NAME`, `/auth/get` | the widget's script and frame, and the question who is signed in |
//! | `/mini-app?bot_id=…&url=…` | opens a Mini App as one of the people |
//! | `/botTOKEN/getMe` | of the Bot API no more than that |
//! | `/control` | GET: what is asked for and was seen; POST: asks for more; DELETE: all is well again |
//!
//! 1. A bot has either sign-in, and never goes back from the new one to the old. Addresses are registered and match letter for
//!    letter. The real service takes https alone; this one takes loopback over http, too.
//! 2. The ID token has `id` beside `sub`; `sub` is another for every bot and no id. No nonce comes back, the phone has no plus,
//!    there is no e-mail address.
//! 3. What should go wrong is asked for, as of [`upstream`](crate::upstream); `blocked` at `authorize` or at `token`, `keys` and
//!    `discovery` is what networks in Russia do to the browser and to the server. Over HTTP also `{"bot":{…}}`, `{"user":{…}}`
//!    and `{"rotate":"ES256"}`.
//!
//! What is known of the service stems from its documentation, its scripts and its published metadata and keys; errors and lives
//! of codes are not documented. That a client works with this proves the client and that reading, not the real service.

mod account;
mod oidc;
mod pages;
mod signed;
mod widget;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use kabinet_core::ambient::{Clock, Entropy};
use kabinet_core::time::Timestamp;
use openssl::error::ErrorStack;
use serde::Deserialize;
use serde_json::Value;

pub use crate::openid::{Alg, At, Failure, Fault, Faults};
use crate::openid::{Asked, Codes, Key, Keys, Pairs, pairs, value};
use crate::upstream::Choice;
pub use account::{Bot, Mode, User};
use oidc::Grant;
pub use signed::Reading;

/// The published keys: the vendor's names of them.
const KEYS: [(Alg, &str); 4] = [
    (Alg::RS256, "oidc-1"),
    (Alg::ES256, "oidc-es256-1"),
    (Alg::EdDSA, "oidc-eddsa-1"),
    (Alg::ES256K, "oidc-es256k-1"),
];

/// The control over the service. A clone is the same.
#[derive(Clone)]
pub struct Control(Arc<Shared>);

struct Shared {
    issuer: String,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    faults: Faults,
    codes: Codes<Grant>,
    web_app: Key,
    kept: Mutex<Kept>,
}

struct Kept {
    keys: Keys,
    bots: Vec<Bot>,
    users: Vec<User>,
    /// Who is signed in at Telegram in a browser, by its cookie.
    browsers: HashMap<String, i64>,
}

/// Why a bot cannot be what it is asked to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BotError {
    /// It has the new sign-in, and there is no way back.
    #[error("a bot does not go back to the widget")]
    OneWay,
    /// A registered address is neither https nor loopback.
    #[error("an address must be https")]
    Insecure,
}

/// The service at `issuer`, which has no slash at its end, and the control over it.
///
/// # Errors
/// When no keys can be made.
pub fn router(issuer: &str, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<(Router, Control), ErrorStack> {
    let kept = Kept {
        keys: Keys::generate(&KEYS)?,
        bots: Vec::new(),
        users: User::all(),
        browsers: HashMap::new(),
    };
    let control = Control(Arc::new(Shared {
        issuer: issuer.to_owned(),
        clock,
        entropy,
        faults: Faults::default(),
        codes: Codes::default(),
        web_app: Key::generate(Alg::EdDSA, "web-app")?,
        kept: Mutex::new(kept),
    }));
    let router = Router::new()
        .route("/.well-known/openid-configuration", get(oidc::discovery))
        .route("/.well-known/jwks.json", get(oidc::jwks))
        .route("/auth", get(show).post(press))
        .route("/token", get(oidc::token_without_form).post(oidc::token))
        .route("/inapp", get(oidc::in_app))
        .route("/crossapp", get(oidc::cross_app))
        .route("/auth/get", post(widget::who))
        .route("/embed/{name}", get(widget::embed))
        .route("/mini-app", get(widget::choose_for_app).post(widget::open_app))
        .route("/{bot}/getMe", get(widget::get_me))
        .route("/control", get(told).post(ask).delete(heal))
        .route("/", get(async |State(control): State<Control>| pages::front(&control.kept().users)))
        .merge(pages::assets());
    Ok((router.with_state(control.clone()), control))
}

impl Control {
    /// What should go wrong.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// Makes a bot, or changes the one of this id.
    ///
    /// # Errors
    /// [`BotError`].
    pub fn register(&self, bot: Bot) -> Result<(), BotError> {
        let is_safe = |url: &String| {
            url.starts_with("https://") || url.starts_with("http://localhost") || url.starts_with("http://127.0.0.1")
        };
        if !bot.urls.iter().all(is_safe) {
            return Err(BotError::Insecure);
        }
        let bots = &mut self.kept().bots;
        let was_new = |old: &Bot| old.id == bot.id && old.mode == Mode::Oidc;
        if bot.mode == Mode::Legacy && bots.iter().any(was_new) {
            return Err(BotError::OneWay);
        }
        bots.retain(|old| old.id != bot.id);
        bots.push(bot);
        Ok(())
    }

    /// Opens an account, in the place of one of the same id.
    pub fn add(&self, user: User) {
        let users = &mut self.kept().users;
        users.retain(|old| old.id != user.id);
        users.push(user);
    }

    /// Publishes a new key of this algorithm in the place of the old one.
    ///
    /// # Errors
    /// When none can be made.
    pub fn rotate(&self, alg: Alg) -> Result<(), ErrorStack> {
        self.kept().keys.rotate(alg, &*self.0.entropy)
    }

    /// Where the browser goes when a person, at this address of the service, does this. [`Choice::Allow`] has an id.
    ///
    /// # Errors
    /// What the page says where the request is refused with nowhere to go back to.
    pub fn answer(&self, url: &str, choice: Choice<'_>) -> Result<String, &'static str> {
        let request = pairs(url.split_once('?').map_or("", |(_, query)| query));
        match self.decide(&request, choice)? {
            Outcome::Leave(address) => Ok(address),
            Outcome::Tell { .. } => Err("Ответ уходит странице, которая открыла это окно"),
        }
    }

    /// The fields that the Login Widget brings, in the vendor's order.
    ///
    /// # Errors
    /// When there is no such bot or person, or OpenSSL fails.
    pub fn widget(&self, bot: i64, user: i64) -> Result<Vec<(String, String)>, &'static str> {
        let (bot, user) = self.pair(bot, user)?;
        signed::widget(&bot, &user, (self.faults(), self.now().0)).map_err(|_| "OpenSSL")
    }

    /// What a Mini App of this bot is opened with.
    ///
    /// # Errors
    /// As [`Control::widget`].
    pub fn init_data(&self, bot: i64, user: i64, reading: Reading) -> Result<String, &'static str> {
        let (bot, user) = self.pair(bot, user)?;
        let made = signed::init_data(&bot, &user, (&self.0.web_app, reading), (self.faults(), self.now().0));
        made.map_err(|_| "OpenSSL")
    }

    /// The key with which third parties check [`Control::init_data`]: made here, for the vendor's own is the vendor's.
    ///
    /// # Errors
    /// When OpenSSL fails.
    pub fn web_app_key(&self) -> Result<String, ErrorStack> {
        Ok(self.0.web_app.public_raw()?.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn pair(&self, bot: i64, user: i64) -> Result<(Bot, User), &'static str> {
        let bot = self.bot(|one| one.id == bot).ok_or("Такого бота нет")?;
        Ok((bot, self.user(user).ok_or("Такого человека нет")?))
    }

    fn bot(&self, is_wanted: impl Fn(&Bot) -> bool) -> Option<Bot> {
        self.kept().bots.iter().find(|bot| is_wanted(bot)).cloned()
    }

    fn user(&self, id: i64) -> Option<User> {
        self.kept().users.iter().find(|user| user.id == id).cloned()
    }

    fn chosen(&self, persona: &str) -> Result<User, &'static str> {
        let first = || self.kept().users.first().cloned();
        let found = if persona.is_empty() {
            first()
        } else {
            persona.parse().ok().and_then(|id| self.user(id))
        };
        found.ok_or("Такого человека здесь нет (persona)")
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now().plus(self.0.faults.ahead())
    }

    fn decide(&self, request: &Pairs, choice: Choice<'_>) -> Result<Outcome, &'static str> {
        if value(request, "bot_id").is_empty() {
            oidc::decide(self, request, choice)
        } else {
            widget::decide(self, request, choice)
        }
    }
}

/// What an answer of the person leads to.
enum Outcome {
    /// The browser goes there.
    Leave(String),
    /// The window tells the page that opened it, and closes.
    Tell {
        /// That page's origin; nobody else is told.
        origin: String,
        /// `auth_result`, as JSON.
        message: Value,
    },
}

async fn show(State(control): State<Control>, RawQuery(query): RawQuery) -> Response {
    if let Some(failed) = control.faults().pass(At::Authorize).await {
        return failed;
    }
    let query = query.unwrap_or_default();
    let request = pairs(&query);
    let checked = match value(&request, "bot_id") {
        "" => oidc::check(&control, &request).map(|checked| checked.map(|checked| checked.bot)),
        _ => widget::check(&control, &request).map(|window| Ok(window.bot)),
    };
    match checked {
        Ok(Ok(bot)) => pages::choice(&control.kept().users, &bot, ("/auth", &query)),
        Ok(Err(address)) => Redirect::to(&address).into_response(),
        Err(why) => pages::refusal(why),
    }
}

async fn press(State(control): State<Control>, body: String) -> Response {
    let form = pairs(&body);
    let persona = value(&form, "persona");
    let choice = if value(&form, "allow").is_empty() {
        Choice::Deny
    } else {
        Choice::Allow(persona)
    };
    let outcome = match control.decide(&pairs(value(&form, "request")), choice) {
        Ok(Outcome::Leave(address)) => Redirect::to(&address).into_response(),
        Ok(Outcome::Tell { origin, message }) => pages::telling(&origin, &message),
        Err(why) => return pages::refusal(why),
    };
    match (choice, control.chosen(persona)) {
        (Choice::Allow(_), Ok(user)) => widget::remember(&control, &user, outcome),
        _ => outcome,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    bot: Option<Bot>,
    user: Option<User>,
    rotate: Option<Alg>,
}

async fn told(State(control): State<Control>) -> Json<Value> {
    Json(control.faults().told())
}

/// Either something that should go wrong, or something that should be there.
async fn ask(State(control): State<Control>, Json(asked): Json<Value>) -> StatusCode {
    if let Ok(fault) = serde_json::from_value::<Asked>(asked.clone()) {
        return match control.faults().ask(&fault) {
            true => StatusCode::NO_CONTENT,
            false => StatusCode::UNPROCESSABLE_ENTITY,
        };
    }
    let Ok(wish) = serde_json::from_value::<Wish>(asked) else {
        return StatusCode::UNPROCESSABLE_ENTITY;
    };
    if let Some(user) = wish.user {
        control.add(user);
    }
    if wish.bot.is_some_and(|bot| control.register(bot).is_err()) {
        return StatusCode::CONFLICT;
    }
    match wish.rotate.map(|alg| control.rotate(alg)) {
        Some(Err(_)) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::NO_CONTENT,
    }
}

async fn heal(State(control): State<Control>) -> StatusCode {
    control.faults().heal();
    StatusCode::NO_CONTENT
}
