//! Astral.Toolbox: the program on a person's computer that signs with their certificates, which a page reaches by WebSocket.
//!
//! 1. `/RegistrationOffice` takes a connection, from the [origins](Control::allow) that are allowed where any are named.
//! 2. A request is JSON, `{"Code": n, "Data": "<JSON>", "MessageId": "…"}`: 5 version, 11 providers, 6 certificates, 7 signature.
//!    The answer has `Success`, `Data`, `Message` and the same `MessageId`.
//! 3. Certificates come with what the real list has beside them: one on a token twice, a service certificate that lacks fields,
//!    one without a private key. Signatures are made by OpenSSL's GOST engine, with the keys of an [`Authority`] of its own.
//!
//! It names itself a stand-in in its version and its provider. What goes wrong is its [`Mode`]: set by [`Control::set`], by `POST
//! /control` with `{"mode":"cancel"}` (`ms` for `slow`, `origins` for the allowed), on the page at `/`, or for one connection
//! alone by the query: `/RegistrationOffice?mode=cancel`. The lists of the authority are at `/root.crl` and `/issuing.crl`.
//!
//! What is known of the protocol stems from public clients of the years 2017 to 2023. That a page works with this proves the
//! page and that reading, not the real program.

mod authority;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use askama::Template;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kabinet_core::time::{Civil, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::look::{self, Colours};

pub use authority::{Authority, Error, Signer};

/// The port of the real program.
pub const PORT: u16 = 9292;
/// Where it takes connections.
pub const PATH: &str = "/RegistrationOffice";
/// What it says that its version is.
pub const VERSION: &str = "1.0.0-standin";
/// What it says that its cryptographic provider is.
pub const PROVIDER: &str = "STAND-IN (OpenSSL gost-engine), not a certified CSP";

/// How long [`Mode::Slow`] takes where nobody said.
const SLOW: Duration = Duration::from_secs(10);
/// The largest request, bytes.
const LARGEST: usize = 1 << 20;

const COLOURS: Colours = Colours {
    ground: "#0b5d66",
    ink: "#ffffff",
    links: ("#0b5d66", "#6fd3df"),
};

/// How the program behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// As it should.
    #[default]
    Normal,
    /// There is no cryptographic provider.
    NoProviders,
    /// There is no certificate.
    NoCertificates,
    /// The person cancels.
    Cancel,
    /// The person types a wrong PIN.
    WrongPin,
    /// The person has typed too many.
    PinBlocked,
    /// The token is not there.
    NoKey,
    /// The provider's licence has expired.
    Licence,
    /// It fails in a way that nobody knows.
    Unknown,
    /// Signs after a while: as long as the control says.
    Slow,
    /// Never answers a request to sign.
    Hang,
    /// Answers with the `MessageId` of another request.
    WrongId,
    /// Closes in place of an answer to a request to sign.
    Close,
    /// Puts the content into the signature although it is to be detached.
    Attached,
    /// Signs something else.
    OtherText,
}

impl Mode {
    /// Every mode, with its name and what the page calls it.
    const ALL: [(Self, &'static str, &'static str); 15] = [
        (Self::Normal, "normal", "Всё работает"),
        (Self::NoProviders, "no-providers", "Нет криптопровайдера"),
        (Self::NoCertificates, "no-certificates", "Нет сертификатов"),
        (Self::Cancel, "cancel", "Человек отменил подпись"),
        (Self::WrongPin, "wrong-pin", "Неверный пароль контейнера"),
        (Self::PinBlocked, "pin-blocked", "Пароль заблокирован"),
        (Self::NoKey, "no-key", "Токен не вставлен"),
        (Self::Licence, "licence", "Истекла лицензия"),
        (Self::Unknown, "unknown", "Неизвестная ошибка"),
        (Self::Slow, "slow", "Подписывает медленно"),
        (Self::Hang, "hang", "Не отвечает на просьбу подписать"),
        (Self::WrongId, "wrong-id", "Отвечает на чужой запрос"),
        (Self::Close, "close", "Обрывает соединение"),
        (Self::Attached, "attached", "Подпись вместе с текстом"),
        (Self::OtherText, "other-text", "Подписывает другой текст"),
    ];

    /// What the program says in place of a signature.
    const fn refusal(self) -> Option<&'static str> {
        match self {
            Self::Cancel => Some("Действие было отменено пользователем. (0x800704C7)"),
            Self::WrongPin => Some("Предъявлен неверный ПИН-код. (0x8010006B)"),
            Self::PinBlocked => Some("ПИН-код заблокирован. (0x8010006C)"),
            Self::NoKey => Some("Набор ключей не существует. (0x80090016)"),
            Self::Licence => Some("Истёк срок действия лицензии. (0x8007065B)"),
            Self::Unknown => Some("Непредвиденная ошибка. (0x80004005)"),
            _ => None,
        }
    }
}

/// Sets how the program behaves. A clone is the same.
#[derive(Clone)]
pub struct Control(Arc<Shared>);

struct Shared {
    authority: Authority,
    state: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    mode: Mode,
    wait: Option<Duration>,
    origins: Vec<String>,
    signatures: usize,
}

/// The program, and the control over it.
pub fn router(authority: Authority) -> (Router, Control) {
    let control = Control(Arc::new(Shared { authority, state: Mutex::default() }));
    let router = Router::new()
        .route(PATH, get(connect))
        .route("/", get(show).post(press))
        .route("/control", axum::routing::post(ask))
        .route("/root.crl", get(async |State(control): State<Control>| list(&control, "root.crl")))
        .route("/issuing.crl", get(async |State(control): State<Control>| list(&control, "issuing.crl")))
        .route("/toolbox.css", get(async || look::stylesheet(COLOURS)))
        .route("/toolbox.svg", get(async || look::icon(COLOURS)));
    (router.with_state(control.clone()), control)
}

impl Control {
    /// How it behaves from now on.
    pub fn set(&self, mode: Mode) {
        self.state().mode = mode;
    }

    /// How long [`Mode::Slow`] takes.
    pub fn wait(&self, wait: Duration) {
        self.state().wait = Some(wait);
    }

    /// The origins of pages that may connect; none named: all.
    pub fn allow(&self, origins: Vec<String>) {
        self.state().origins = origins;
    }

    /// How many signatures it has made.
    #[must_use]
    pub fn signatures(&self) -> usize {
        self.state().signatures
    }

    /// The authority behind it.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.0.authority
    }

    fn state(&self) -> MutexGuard<'_, Kept> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
struct Wish {
    mode: Option<Mode>,
}

async fn connect(
    State(control): State<Control>,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let origins = control.state().origins.clone();
    if !origins.is_empty() && !origins.iter().any(|allowed| allowed == origin) {
        return StatusCode::FORBIDDEN.into_response();
    }
    upgrade
        .max_message_size(LARGEST)
        .on_upgrade(move |socket| converse(socket, control, wish.mode))
}

async fn converse(mut socket: WebSocket, control: Control, own: Option<Mode>) {
    while let Some(Ok(message)) = socket.recv().await {
        let Message::Text(text) = message else { continue };
        let mode = own.unwrap_or(control.state().mode);
        let Some(answer) = answer(&control, mode, text.as_str()).await else {
            return;
        };
        if socket.send(Message::Text(answer.to_string().into())).await.is_err() {
            return;
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    code: u32,
    #[serde(default)]
    data: Value,
    #[serde(default)]
    message_id: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ToSign {
    base64_data: String,
    subject_key_id: String,
    #[serde(default = "yes")]
    detached: bool,
}

const fn yes() -> bool {
    true
}

/// The answer to a request; none where the connection is to close.
async fn answer(control: &Control, mode: Mode, text: &str) -> Option<Value> {
    let Ok(request) = serde_json::from_str::<Request>(text) else {
        return Some(said(Err("Неверный запрос".to_owned()), &Value::Null));
    };
    let result = match request.code {
        5 => Ok(json!({"version": VERSION})),
        11 if mode == Mode::NoProviders => Ok(json!([])),
        11 => Ok(json!([{"providerCode": 80, "providerName": PROVIDER, "versionMajor": 1, "versionMinor": 0}])),
        6 if mode == Mode::NoCertificates => Ok(json!([])),
        6 => Ok(certificates(&control.0.authority)),
        7 => match mode {
            Mode::Close => return None,
            Mode::Hang => std::future::pending().await,
            _ => sign(control, mode, &request.data).await,
        },
        code => Err(format!("Неизвестный код {code}")),
    };
    let id = match (mode, request.code) {
        (Mode::WrongId, 7) => json!("another"),
        _ => request.message_id,
    };
    Some(said(result, &id))
}

fn said(result: Result<Value, String>, id: &Value) -> Value {
    match result {
        Ok(data) => json!({"Success": true, "Data": data, "Message": "", "MessageId": id}),
        Err(message) => json!({"Success": false, "Data": null, "Message": message, "MessageId": id}),
    }
}

async fn sign(control: &Control, mode: Mode, data: &Value) -> Result<Value, String> {
    if let Some(refusal) = mode.refusal() {
        return Err(refusal.to_owned());
    }
    if mode == Mode::Slow {
        let wait = control.state().wait.unwrap_or(SLOW);
        tokio::time::sleep(wait).await;
    }
    let wanted: ToSign = match data {
        Value::String(text) => serde_json::from_str(text),
        other => serde_json::from_value(other.clone()),
    }
    .map_err(|why| why.to_string())?;
    let content = match mode {
        Mode::OtherText => b"other".to_vec(),
        _ => STANDARD.decode(&wanted.base64_data).map_err(|why| why.to_string())?,
    };
    let signer = control.0.authority.signers().iter().find(|signer| signer.id == wanted.subject_key_id);
    let signer = signer.ok_or("Сертификат не найден. (0x80092004)")?.clone();
    let is_detached = wanted.detached && mode != Mode::Attached;
    let authority = control.0.authority.clone();
    let signed = tokio::task::spawn_blocking(move || authority.sign(&signer, &content, is_detached)).await;
    let signed = signed.map_err(|why| why.to_string())?.map_err(|why| why.to_string())?;
    control.state().signatures += 1;
    // Windows breaks its lines.
    let text = STANDARD.encode(signed);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    Ok(lines.join("\r\n").into())
}

/// The list, with what a real one has beside the certificates that can sign.
fn certificates(authority: &Authority) -> Value {
    let mut list = Vec::new();
    for signer in authority.signers() {
        let mut entry = entry(signer);
        if signer.name == "person" {
            // The certificate on a token is in the store, too.
            list.push(entry.clone());
            entry["storeInfo"] = json!({"storeName": "Token", "serial": "0a1b2c3d"});
        }
        list.push(entry);
    }
    if let Some(first) = authority.signers().first() {
        let mut bare = entry(first);
        bare["subjectKeyId"] = json!("00".repeat(20));
        bare["hasPrivateKey"] = json!(false);
        list.push(bare);
    }
    list.push(
        json!({"thumbprint": "11".repeat(20), "serialNumber": "01", "notAfter": "01.01.2040", "hasPrivateKey": true}),
    );
    list.into()
}

fn entry(signer: &Signer) -> Value {
    let named = |attributes: &[(&str, &str)]| -> Value {
        attributes.iter().map(|(oid, value)| json!({"oid": oid, "value": value})).collect()
    };
    let (begins, ends) = (Civil::of(Timestamp(signer.begins)), Civil::of(Timestamp(signer.ends)));
    json!({
        "subjectKeyId": signer.id,
        "serialNumber": signer.serial,
        "thumbprint": signer.thumbprint,
        "notBefore": day(&begins),
        "notAfter": day(&ends),
        "notBeforeTime": clock(&begins),
        "notAfterTime": clock(&ends),
        "hasPrivateKey": true,
        "storeInfo": {"storeName": "My", "serial": null},
        "subjectNameDecoded": named(&signer.subject),
        "issuerNameDecoded": named(&signer.issuer),
    })
}

fn day(Civil { year, month, day, .. }: &Civil) -> String {
    format!("{day:02}.{month:02}.{year:04}")
}

fn clock(Civil { hour, minute, second, .. }: &Civil) -> String {
    format!("{hour:02}:{minute:02}:{second:02}")
}

fn list(control: &Control, name: &str) -> Response {
    match control.0.authority.served_list(name) {
        Ok(bytes) => ([(header::CONTENT_TYPE, "application/pkix-crl")], bytes).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    mode: Option<Mode>,
    ms: Option<u64>,
    origins: Option<Vec<String>>,
}

async fn ask(State(control): State<Control>, Json(asked): Json<Asked>) -> StatusCode {
    let mut state = control.state();
    state.mode = asked.mode.unwrap_or(state.mode);
    state.wait = asked.ms.map(Duration::from_millis).or(state.wait);
    state.origins = asked.origins.unwrap_or_else(|| std::mem::take(&mut state.origins));
    StatusCode::NO_CONTENT
}

#[derive(Template)]
#[template(path = "toolbox.html")]
struct Page {
    modes: Vec<(&'static str, &'static str, bool)>,
    holders: Vec<(String, &'static str, String)>,
    signatures: usize,
}

async fn show(State(control): State<Control>) -> Response {
    let state = control.state();
    let modes = Mode::ALL.iter().map(|(mode, name, title)| (*name, *title, *mode == state.mode)).collect();
    let signatures = state.signatures;
    drop(state);
    let signers = control.0.authority.signers().iter();
    let holders = signers
        .map(|signer| (owner(signer), signer.kind, day(&Civil::of(Timestamp(signer.ends)))))
        .collect();
    match (Page { modes, holders, signatures }).render() {
        Ok(text) => look::page(text),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn owner(signer: &Signer) -> String {
    let value = |oid: &str| signer.subject.iter().find(|(found, _)| *found == oid).map(|(_, value)| *value);
    match (value("2.5.4.4"), value("2.5.4.42"), value("2.5.4.10")) {
        (Some(surname), Some(given), Some(organisation)) => format!("{surname} {given}, {organisation}"),
        (Some(surname), Some(given), None) => format!("{surname} {given}"),
        _ => value("2.5.4.3").unwrap_or_default().to_owned(),
    }
}

/// A choice on the page; those of other sites are not taken.
async fn press(State(control): State<Control>, headers: HeaderMap, body: String) -> Response {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if text(header::ORIGIN) != format!("http://{}", text(header::HOST)) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let chosen = form_urlencoded::parse(body.as_bytes()).find(|(name, _)| name == "mode");
    let mode = chosen.and_then(|(_, chosen)| Mode::ALL.iter().find(|(_, name, _)| *name == chosen));
    match mode {
        Some((mode, ..)) => {
            control.set(*mode);
            Redirect::to("/").into_response()
        }
        None => StatusCode::BAD_REQUEST.into_response(),
    }
}
