//! ЕСИА: the OAuth service of Госуслуги in both versions of its protocol, with people, organisations and signatures.
//!
//! | path | what |
//! |---|---|
//! | `GET`, `POST /aas/oauth2/v2/ac`, `/aas/oauth2/ac` | authorization, second and first version |
//! | `POST /aas/oauth2/v3/te`, `/aas/oauth2/te` | codes, refresh tokens and client credentials for tokens |
//! | `/login` | the page where a person is chosen, and asked for consent |
//! | `/rs/prns/{oid}`, `/rs/orgs/{oid}` | data of people and organisations |
//! | `/idp/ext/Logout` | the end of the session in the browser |
//! | `/public/…` | the certificates that tokens are signed with |
//!
//! 1. A system is [registered](System): mnemonic, certificates, addresses, scopes. Nothing of it can be left out, as with the
//!    real service.
//! 2. Every signature is checked, by kabinet's own verifier (`signature`), and every other rule of a request in ЕСИА's order
//!    (`authorize`), each refused with ЕСИА's own code.
//! 3. The person is chosen among invented ones (`persona`); codes and tokens are JWTs signed with RSA or ГОСТ keys of its own.
//! 4. What goes wrong on demand is asked for by [`Handle`] or over the control router, which has to listen elsewhere
//!    (`control`). Its log says why something was refused: the expected string, its lengths and digest.
//!
//! What it stands for has no public specification: it was drawn from public clients, from answers of the real service that
//! they quote, and from the error list in them. Where those disagree a [rule](Rules) decides. That a client works with this
//! proves the client and that reading, not the real service.
//!
//! Two contours that must not mix are two of these, with another [`Contour`].

mod authorize;
mod certificate;
mod code;
mod control;
mod credentials;
mod fault;
mod fields;
mod journal;
mod keys;
mod login;
mod person;
mod persona;
mod signature;
mod system;
mod token;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::State as Extract;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use kabinet_core::ambient::{Clock, Entropy, random};
use kabinet_core::time::{Civil, Timestamp};
use serde::Deserialize;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;

use crate::look::{self, Colours};

pub use code::Code;
pub use credentials::Credentials;
pub use fault::{Fault, Step};
pub use journal::Entry;
pub use keys::{KeyError, KeyMaterial, TokenAlgorithm};
pub use persona::{Document, Level, Membership, Organisation, PersonContact, Persona};
pub use system::{Registered, RegistrationError, System};

use code::Refusal;
use fault::Planned;
use fields::Fields;
use journal::Journal;
use keys::Keys;
use signature::Version;
use system::Client;

/// The password of everybody, for the form with a login.
pub const PASSWORD: &str = "standin";

const COLOURS: Colours = Colours {
    ground: "#0d4cd3",
    ink: "#ffffff",
    links: ("#0d4cd3", "#8fb1ff"),
};

/// Which of ЕСИА's two installations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Contour {
    /// The one of real people.
    Production,
    /// The one where systems are tried.
    #[default]
    Test,
}

impl Contour {
    /// `iss` in tokens: with http, as the real ones have it.
    #[must_use]
    pub const fn issuer(self) -> &'static str {
        match self {
            Self::Production => "http://esia.gosuslugi.ru/",
            Self::Test => "http://esia-portal1.test.gosuslugi.ru/",
        }
    }

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Test => "test",
        }
    }
}

/// Which string is signed for a refresh at `/v3/te`; public clients disagree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefreshString {
    /// As for `/v2/ac`.
    #[default]
    AsAuthorize,
    /// With the refresh token in place of `redirect_uri`.
    WithToken,
    /// Either.
    Either,
}

/// What can be set where the real service is not known for certain, or has changed.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// How far `timestamp` may be from ЕСИА's clock, seconds.
    pub time_window: i64,
    /// How long a code is good, seconds.
    pub code_life: i64,
    /// How long an access token is good, seconds.
    pub access_life: i64,
    /// How long an id_token is good, seconds.
    pub id_life: i64,
    /// How long a refresh token is good, seconds.
    pub refresh_life: i64,
    /// Whether padded and standard base64 are taken beside base64url.
    pub lenient_base64: bool,
    /// Which string is signed for a refresh.
    pub refresh_string: RefreshString,
    /// Whether access tokens have the object `acr`, as newer ones do.
    pub acr: bool,
    /// Whether `sub` and OIDs in tokens are texts; else numbers.
    pub text_subject: bool,
    /// Whether `urn:esia:sid` is 64 hexadecimal digits, as earlier; else a UUID.
    pub hex_session: bool,
    /// Whether `urn:esia:sbj:lvl` is told.
    pub level: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            time_window: 300,
            code_life: 120,
            access_life: 3_600,
            id_life: 10_800,
            refresh_life: 30 * 86_400,
            lenient_base64: true,
            refresh_string: RefreshString::AsAuthorize,
            acr: true,
            text_subject: false,
            hex_session: false,
            level: true,
        }
    }
}

/// What a stand-in begins with.
pub struct Settings {
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// Which installation it is.
    pub contour: Contour,
    /// Systems; more can be [added](Handle::add_system).
    pub systems: Vec<System>,
    /// Keys of an earlier run; without, new ones are made.
    pub keys: Option<KeyMaterial>,
    /// What can be set.
    pub rules: Rules,
}

impl Settings {
    /// The test contour with new keys and no system yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            clock,
            entropy,
            contour: Contour::default(),
            systems: Vec::new(),
            keys: None,
            rules: Rules::default(),
        }
    }
}

/// Why a stand-in could not begin.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// A system.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
}

/// A stand-in: what browsers and systems see, what whoever tries a system asks for, and the same in code.
pub struct Standin {
    /// ЕСИА. On loopback only, and not where the control listens.
    pub router: Router,
    /// The control, as JSON: faults, rotation, clock, log. On loopback only.
    pub control: Router,
    /// The control, in code.
    pub handle: Handle,
}

/// Makes a stand-in.
///
/// # Errors
/// When keys cannot be made or a system cannot be registered.
pub fn standin(settings: Settings) -> Result<Standin, Error> {
    let Settings { clock, entropy, contour, systems, keys, rules } = settings;
    let keys = match keys {
        Some(material) => Keys::kept(&material)?,
        None => Keys::make(contour.as_str(), &*entropy, clock.now())?,
    };
    let clients = systems.into_iter().map(Client::of).collect::<Result<_, _>>()?;
    let state = State {
        clients,
        people: persona::people(),
        organisations: persona::organisations(),
        keys: vec![Arc::new(keys)],
        rules,
        ..State::default()
    };
    let handle = Handle(Arc::new(Shared {
        clock,
        entropy,
        contour,
        state: Mutex::new(state),
        cleared: watch::Sender::new(0),
    }));
    let router = routes().layer(middleware::map_response_with_state(handle.clone(), dated));
    Ok(Standin {
        router: router.with_state(handle.clone()),
        control: control::routes().with_state(handle.clone()),
        handle,
    })
}

/// What browsers and systems see, without the control's routes; for whoever asks by [`Handle`] only.
///
/// # Errors
/// As [`standin`].
pub fn router(settings: Settings) -> Result<(Router, Handle), Error> {
    standin(settings).map(|Standin { router, handle, .. }| (router, handle))
}

fn routes() -> Router<Handle> {
    let authorize = |version: Version| {
        any(async move |Extract(handle): Extract<Handle>, fields: Fields| {
            authorize::answer(&handle, version, &fields).await
        })
    };
    let token = |version: Version| {
        post(async move |Extract(handle): Extract<Handle>, fields: Fields| {
            token::answer(&handle, version, &fields).await
        })
    };
    Router::new()
        .route("/", get(login::front))
        .route("/aas/oauth2/ac", authorize(Version::First))
        .route("/aas/oauth2/v2/ac", authorize(Version::Second))
        .route("/aas/oauth2/te", token(Version::First))
        .route("/aas/oauth2/v3/te", token(Version::Second))
        .route("/login", get(login::show).post(login::press))
        .route("/idp/ext/Logout", get(login::leave))
        .route("/rs/prns/{oid}", get(person::person))
        // Some clients end the address with a slash.
        .route("/rs/prns/{oid}/", get(person::person))
        .route("/rs/prns/{oid}/{part}", get(person::collection))
        .route("/rs/prns/{oid}/{part}/{id}", get(person::element))
        .route("/rs/orgs/{oid}", get(person::organisation))
        .route("/public/{file}", get(certificate_file))
        .route("/esia.css", get(async || look::stylesheet(COLOURS)))
        .route("/esia.svg", get(async || look::icon(COLOURS)))
}

/// Names of the certificates that tokens are signed with, as files: ГОСТ's and RSA's.
pub const CERTIFICATE_FILES: [&str; 2] = ["GOST_STANDIN.cer", "RSA_STANDIN.cer"];

const FILES: [(&str, TokenAlgorithm); 2] =
    [(CERTIFICATE_FILES[0], TokenAlgorithm::Gost), (CERTIFICATE_FILES[1], TokenAlgorithm::Rs256)];

async fn certificate_file(
    Extract(handle): Extract<Handle>,
    axum::extract::Path(file): axum::extract::Path<String>,
) -> Response {
    let Some((_, algorithm)) = FILES.iter().find(|(name, _)| *name == file) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match handle.certificate(*algorithm) {
        Ok(der) => ([(header::CONTENT_TYPE, "application/pkix-cert")], der).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Answers carry the time of ЕСИА's clock, by which clients measure their own.
async fn dated(Extract(handle): Extract<Handle>, mut response: Response) -> Response {
    if let Ok(date) = HeaderValue::from_str(&http_date(handle.now())) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

/// RFC 9110 §5.6.7.
fn http_date(at: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Civil { year, month, day, hour, minute, second } = Civil::of(at);
    let name = |names: &[&'static str], place: i64| usize::try_from(place).ok().and_then(|at| names.get(at).copied());
    let weekday = name(&DAYS, at.0.div_euclid(86_400).rem_euclid(7)).unwrap_or_default();
    let month = name(&MONTHS, month - 1).unwrap_or_default();
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// What has been registered, issued and asked for. A clone is the same.
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

struct Shared {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    contour: Contour,
    state: Mutex<State>,
    /// How often faults were cleared: what is held waits for the next time.
    cleared: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    clients: Vec<Client>,
    people: Vec<Persona>,
    organisations: Vec<Organisation>,
    /// The newest last; earlier ones still open `/rs` to their tokens.
    keys: Vec<Arc<Keys>>,
    rules: Rules,
    /// By which ЕСИА's clock is ahead, seconds.
    shift: i64,
    faults: Vec<Planned>,
    journal: Journal,
    sessions: HashMap<String, login::Session>,
    requests: HashMap<String, authorize::Authorization>,
    codes: HashMap<String, token::Code>,
    refreshes: HashMap<String, token::Refresh>,
    tokens: HashMap<String, token::Access>,
    /// Person, system, scopes.
    consents: HashSet<(u64, String, String)>,
}

impl State {
    fn client(&self, mnemonic: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.system.mnemonic == mnemonic)
    }

    fn person(&self, oid: u64) -> Option<&Persona> {
        self.people.iter().find(|person| person.oid == oid)
    }

    fn organisation(&self, oid: u64) -> Option<&Organisation> {
        self.organisations.iter().find(|one| one.oid == oid)
    }

    /// Forgets what has ended.
    fn sweep(&mut self, now: Timestamp) {
        self.requests.retain(|_, one| now < one.ends);
        self.sessions.retain(|_, one| now < one.at.plus(login::SESSION_LIFE));
        self.codes.retain(|_, one| now < one.forgotten);
        self.tokens.retain(|_, one| now < one.forgotten);
        self.refreshes.retain(|_, one| now < one.ends);
    }
}

impl Handle {
    /// Registers a system, in place of the one of its mnemonic.
    ///
    /// # Errors
    /// When it is not fit to be registered.
    pub fn add_system(&self, system: System) -> Result<(), RegistrationError> {
        let client = Client::of(system)?;
        let mut state = self.state();
        state.clients.retain(|known| known.system.mnemonic != client.system.mnemonic);
        state.clients.push(client);
        Ok(())
    }

    /// Changes a registered system: its access, approved scopes, algorithm. False where there is none.
    ///
    /// # Errors
    /// When it is not fit any more.
    pub fn change_system(&self, mnemonic: &str, change: impl FnOnce(&mut System)) -> Result<bool, RegistrationError> {
        let Some(mut system) = self.state().client(mnemonic).map(|client| client.system.clone()) else {
            return Ok(false);
        };
        change(&mut system);
        self.add_system(system).map(|()| true)
    }

    /// The people, the default one first.
    #[must_use]
    pub fn people(&self) -> Vec<Persona> {
        self.state().people.clone()
    }

    /// The person of this name in the form.
    #[must_use]
    pub fn person(&self, id: &str) -> Option<Persona> {
        self.state().people.iter().find(|person| person.id == id).cloned()
    }

    /// Changes a person: contacts, level, deletion. False where there is none.
    pub fn change_person(&self, id: &str, change: impl FnOnce(&mut Persona)) -> bool {
        let mut state = self.state();
        let person = state.people.iter_mut().find(|person| person.id == id);
        person.map(change).is_some()
    }

    /// Takes back what the person has consented to: it is asked again, refresh tokens end, `/rs` is closed.
    pub fn revoke_consents(&self, id: &str) {
        let mut state = self.state();
        let Some(oid) = state.people.iter().find(|person| person.id == id).map(|person| person.oid) else {
            return;
        };
        state.consents.retain(|(person, ..)| *person != oid);
        state.refreshes.retain(|_, one| one.grant.person != Some(oid));
        for token in state.tokens.values_mut().filter(|token| token.grant.person == Some(oid)) {
            token.is_withdrawn = true;
        }
    }

    /// Changes what can be set.
    pub fn rules(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut self.state().rules);
    }

    /// What goes wrong at a step until faults are cleared; one that cannot be at the step does nothing.
    pub fn fault(&self, step: Step, fault: Fault) {
        self.state().faults.push(Planned { step, fault, times: None });
    }

    /// What goes wrong the next times.
    pub fn next_fault(&self, step: Step, fault: Fault, times: usize) {
        self.state().faults.push(Planned { step, fault, times: Some(times) });
    }

    /// Nothing goes wrong any more, and what is held is answered.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
        self.0.cleared.send_modify(|times| *times += 1);
    }

    /// By how many seconds ЕСИА's clock is ahead; seen in `Date`, in tokens and in the window of `timestamp`.
    pub fn shift_clock(&self, seconds: i64) {
        self.state().shift = seconds;
    }

    /// New keys and certificates from now on, as ЕСИА does about once a year without a word.
    ///
    /// # Errors
    /// When keys cannot be made.
    pub fn rotate_keys(&self) -> Result<(), KeyError> {
        let keys = Keys::make(self.0.contour.as_str(), &*self.0.entropy, self.now())?;
        self.state().keys.push(Arc::new(keys));
        Ok(())
    }

    /// The certificate that tokens are signed with, DER.
    ///
    /// # Errors
    /// When RSA keys are to be made now and cannot.
    pub fn certificate(&self, algorithm: TokenAlgorithm) -> Result<Vec<u8>, KeyError> {
        self.keys()?.certificate(algorithm)
    }

    /// The certificates of both algorithms with the names of their files, DER.
    ///
    /// # Errors
    /// As [`certificate`](Self::certificate).
    pub fn certificates(&self) -> Result<Vec<(&'static str, Vec<u8>)>, KeyError> {
        FILES.iter().map(|(name, algorithm)| Ok((*name, self.certificate(*algorithm)?))).collect()
    }

    /// The keys, for another run.
    ///
    /// # Errors
    /// As [`certificate`](Self::certificate).
    pub fn key_material(&self) -> Result<KeyMaterial, KeyError> {
        self.keys()?.material()
    }

    /// `iss` in tokens.
    #[must_use]
    pub fn issuer(&self) -> &'static str {
        self.0.contour.issuer()
    }

    /// The log so far, the oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<Entry> {
        self.state().journal.entries().cloned().collect()
    }

    /// The log from now on.
    #[must_use]
    pub fn follow(&self) -> UnboundedReceiver<Entry> {
        self.state().journal.follow()
    }

    /// ЕСИА's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now().plus(self.state().shift)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entropy(&self) -> &dyn Entropy {
        &*self.0.entropy
    }

    fn keys(&self) -> Result<Arc<Keys>, KeyError> {
        self.state().keys.last().cloned().ok_or(KeyError::Gost)
    }

    /// A UUID of version 4.
    fn uuid(&self) -> String {
        let mut bytes: [u8; 16] = random(self.entropy());
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex = kabinet_gost::oid::hex(&bytes);
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }

    /// What goes wrong at the step now; what is held waits here.
    async fn meet(&self, step: Step) -> Option<Fault> {
        let mut cleared = self.0.cleared.subscribe();
        let fault = fault::take(&mut self.state().faults, step);
        if fault == Some(Fault::Hold) {
            // Fails only when the stand-in is gone.
            let _ = cleared.changed().await;
            return None;
        }
        fault
    }

    fn granted(&self, request: &str, client: &str, text: impl Into<String>) {
        let now = self.now();
        self.state().journal.write(Entry::granted(now.0, request, client, text));
    }

    fn refused(&self, request: &str, client: &str, refusal: &Refusal) {
        let now = self.now();
        self.state().journal.write(Entry::refused(now.0, request, client, refusal));
    }
}

/// A page of a server that fails.
fn html(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let page =
        "<!doctype html><html lang=\"ru\"><title>Ошибка (стенд)</title><h1>Сервис временно недоступен</h1></html>";
    (status, axum::response::Html(page)).into_response()
}

#[cfg(test)]
mod tests;
