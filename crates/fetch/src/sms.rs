//! SMS gateways over HTTP: one driver, described by a [`Template`], with the forms of four Russian gateways.
//!
//! 1. The placeholders of the template are filled in: `{to}` (digits), `{to_plus}` (E.164), `{text}`, `{id}` (the same
//!    for each attempt at one message), `{sender}`, `{login}`, `{key}`; `{password}` is the key beside a login
//!    and `{apikey}` the key without one.
//! 2. The call goes out through the guarded client, in the body and never in the URL: URLs end up in logs.
//! 3. The answer is read by JSON pointers (RFC 6901). A message is sent when every condition of the template holds and
//!    the gateway gave the message an id; a status alone proves nothing, SMS.ru refuses with 200.
//!
//! What failed is told apart by what it allows: after [`Failure::Refused`] the message was surely not sent and another
//! gateway may be asked at once; after [`Failure::Unclear`] it may arrive yet, and a second one would be sent twice.
//! Of an answer's words only a short code is kept: an answer may repeat the text and with it the code.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::{Map, Value};
use url::Url;

use crate::{Error, Fetch, Request, Response};

/// How the fields travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// `application/x-www-form-urlencoded`.
    Form,
    /// One JSON object of strings.
    Json,
}

/// How a gateway knows its customer, where that is not a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// By fields alone.
    Fields,
    /// `Authorization: Basic` of login and key.
    Basic,
    /// `Authorization: Bearer` with the key.
    Bearer,
}

/// The form of a gateway's requests and answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Where requests go, by POST.
    pub url: Url,
    /// How the gateway knows its customer.
    pub auth: Auth,
    /// How the fields travel.
    pub body: Body,
    /// Names and values; values hold placeholders. A field whose value is left empty is not sent.
    pub fields: Vec<(String, String)>,
    /// JSON pointers into the answer and the values that must stand there; pointers may hold `{to}`.
    pub accepted: Vec<(String, String)>,
    /// Where the gateway's id of the message stands.
    pub id: String,
    /// Where the price in roubles stands.
    pub cost: Option<String>,
    /// Where the code of a refusal stands; the first that is there counts.
    pub error: Vec<String>,
}

/// A gateway whose form is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// SMS.ru, `sms/send`.
    SmsRu,
    /// SMSC.ru, `sys/send.php`.
    Smsc,
    /// SMS Aero, version 2.
    SmsAero,
    /// МТС Exolve, `SendSMS`.
    Exolve,
}

impl Preset {
    /// Every preset.
    pub const ALL: [Self; 4] = [Self::SmsRu, Self::Smsc, Self::SmsAero, Self::Exolve];

    /// Its name in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SmsRu => "smsru",
            Self::Smsc => "smsc",
            Self::SmsAero => "smsaero",
            Self::Exolve => "exolve",
        }
    }

    /// Where the gateway itself listens.
    #[must_use]
    pub const fn address(self) -> &'static str {
        match self {
            Self::SmsRu => "https://sms.ru/sms/send",
            Self::Smsc => "https://smsc.ru/sys/send.php",
            Self::SmsAero => "https://gate.smsaero.ru/v2/sms/send",
            Self::Exolve => "https://api.exolve.ru/messaging/v1/SendSMS",
        }
    }

    /// Its form, sent to `url`: [`Preset::address`] or a reserve host of the same gateway.
    #[must_use]
    pub fn template(self, url: Url) -> Template {
        let (auth, body, fields) = self.asks();
        let (accepted, error) = self.judges();
        let (id, cost) = self.tells();
        let owned = |all: Pairs| all.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Template {
            url,
            auth,
            body,
            fields: owned(fields),
            accepted: owned(accepted),
            id: id.to_owned(),
            cost: cost.map(str::to_owned),
            error: error.iter().map(|one| (*one).to_owned()).collect(),
        }
    }

    const fn asks(self) -> (Auth, Body, Pairs) {
        match self {
            Self::SmsRu => (Auth::Fields, Body::Form, &SMS_RU),
            Self::Smsc => (Auth::Fields, Body::Form, &SMSC),
            Self::SmsAero => (Auth::Basic, Body::Json, &SMS_AERO),
            Self::Exolve => (Auth::Bearer, Body::Json, &EXOLVE),
        }
    }

    /// What must stand in an answer, and where the code of a refusal stands.
    const fn judges(self) -> (Pairs, &'static [&'static str]) {
        match self {
            Self::SmsRu => (
                &[("/status_code", "100"), ("/sms/{to}/status_code", "100")],
                &["/sms/{to}/status_code", "/status_code"],
            ),
            Self::Smsc => (&[], &["/error_code"]),
            Self::SmsAero => (&[("/success", "true")], &[]),
            Self::Exolve => (&[], &["/error/code"]),
        }
    }

    /// Where the id and the price stand.
    const fn tells(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::SmsRu => ("/sms/{to}/sms_id", Some("/sms/{to}/cost")),
            Self::Smsc => ("/id", Some("/cost")),
            Self::SmsAero => ("/data/id", Some("/data/cost")),
            Self::Exolve => ("/message_id", None),
        }
    }
}

type Pairs = &'static [(&'static str, &'static str)];

const SMS_RU: [(&str, &str); 5] =
    [("api_id", "{key}"), ("to", "{to}"), ("msg", "{text}"), ("from", "{sender}"), ("json", "1")];
const SMS_AERO: [(&str, &str); 3] = [("number", "{to}"), ("text", "{text}"), ("sign", "{sender}")];
const EXOLVE: [(&str, &str); 3] = [("number", "{sender}"), ("destination", "{to}"), ("text", "{text}")];
/// `cost=2` sends and tells the price; `cost=1` would only tell it. A customer without a login sends the key alone.
const SMSC: [(&str, &str); 9] = [
    ("login", "{login}"),
    ("psw", "{password}"),
    ("apikey", "{apikey}"),
    ("phones", "{to}"),
    ("mes", "{text}"),
    ("sender", "{sender}"),
    ("charset", "utf-8"),
    ("fmt", "3"),
    ("cost", "2"),
];

/// What the gateway knows its customer by. Shows nothing in `Debug`: it has none.
#[derive(Clone, Default)]
pub struct Account {
    /// A login or an e-mail address; empty where the gateway asks for none.
    pub login: String,
    /// The password, token or API key.
    pub key: String,
    /// The name or number that a message comes from; empty: the gateway's own.
    pub sender: String,
}

/// A message for one phone. Shows nothing in `Debug`: it has none.
#[derive(Clone, Copy)]
pub struct Sms<'a> {
    /// The phone, E.164 with `+`.
    pub to: &'a str,
    /// What it says.
    pub text: &'a str,
    /// The same for each attempt at one message.
    pub id: &'a str,
}

/// The gateway has the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The gateway's id of the message.
    pub id: String,
    /// What it cost, in kopecks, begun ones counted whole, where the gateway tells.
    pub cost: Option<u64>,
}

/// The message was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Surely not sent; with the gateway's code where it gave one.
    #[error("the gateway refused the message (status {status}, code {code:?})")]
    Refused {
        /// The status of the answer; 0 when nothing was asked.
        status: u16,
        /// The gateway's own code, letters, digits and signs of a name alone.
        code: Option<String>,
    },
    /// The gateway wants to be asked later; not sent.
    #[error("the gateway asks for patience")]
    Busy,
    /// Nobody knows whether it was sent.
    #[error("the gateway gave no usable answer: {0}")]
    Unclear(Error),
}

impl Failure {
    /// Whether another gateway may be asked without sending the message twice.
    #[must_use]
    pub const fn is_certain(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Busy)
    }
}

/// A gateway that can be asked.
#[derive(Clone)]
pub struct Gateway {
    fetch: Fetch,
    template: Template,
    account: Account,
}

impl Gateway {
    /// A gateway of this form, asked as this customer.
    #[must_use]
    pub const fn new(fetch: Fetch, template: Template, account: Account) -> Self {
        Self { fetch, template, account }
    }

    /// Sends a message, once.
    ///
    /// # Errors
    /// [`Failure`] says whether it may have been sent all the same.
    pub async fn send(&self, sms: Sms<'_>) -> Result<Sent, Failure> {
        let digits = digits(sms.to).ok_or(Failure::Refused { status: 0, code: None })?;
        let request = self.request(sms, digits).ok_or(Failure::Refused { status: 0, code: None })?;
        match self.fetch.request(request).await {
            Ok(answer) => self.read(&answer, digits),
            // Nothing was called: the guard of outgoing calls refused the address.
            Err(Error::Refused) => Err(Failure::Refused { status: 0, code: None }),
            Err(why) => Err(Failure::Unclear(why)),
        }
    }

    fn request(&self, sms: Sms<'_>, digits: &str) -> Option<Request> {
        let fields = self.template.fields.iter().map(|(name, value)| (name, self.fill(value, sms, digits)));
        let fields = fields.filter(|(_, value)| !value.is_empty());
        let mut request = Request::new(Method::POST, self.template.url.clone());
        let (kind, body) = match self.template.body {
            Body::Form => (
                "application/x-www-form-urlencoded",
                form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish(),
            ),
            Body::Json => {
                let object: Map<_, _> = fields.map(|(name, value)| (name.clone(), Value::String(value))).collect();
                ("application/json", Value::Object(object).to_string())
            }
        };
        let mut set = |name: HeaderName, value: HeaderValue| request.headers.insert(name, value);
        set(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        let Account { login, key, .. } = &self.account;
        let authorization = match self.template.auth {
            Auth::Fields => None,
            Auth::Basic => Some(format!("Basic {}", STANDARD.encode(format!("{login}:{key}")))),
            Auth::Bearer => Some(format!("Bearer {key}")),
        };
        if let Some(value) = authorization {
            let mut value = HeaderValue::try_from(value).ok()?;
            value.set_sensitive(true);
            set(header::AUTHORIZATION, value);
        }
        request.body = body.into();
        Some(request)
    }

    /// Fills the placeholders of a value. One pass: a placeholder inside a message stays what it is.
    fn fill(&self, value: &str, sms: Sms<'_>, digits: &str) -> String {
        let Account { login, key, sender } = &self.account;
        let (password, apikey) = if login.is_empty() { ("", key.as_str()) } else { (key.as_str(), "") };
        let mut out = String::new();
        let mut rest = value;
        while let Some((before, (name, after))) =
            rest.split_once('{').and_then(|(before, tail)| Some((before, tail.split_once('}')?)))
        {
            out.push_str(before);
            match name {
                "to" => out.push_str(digits),
                "to_plus" => out.push_str(sms.to),
                "text" => out.push_str(sms.text),
                "id" => out.push_str(sms.id),
                "sender" => out.push_str(sender),
                "login" => out.push_str(login),
                "key" => out.push_str(key),
                "password" => out.push_str(password),
                "apikey" => out.push_str(apikey),
                other => out.extend(["{", other, "}"]),
            }
            rest = after;
        }
        out.push_str(rest);
        out
    }

    fn read(&self, answer: &Response, digits: &str) -> Result<Sent, Failure> {
        let status = answer.status;
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Err(Failure::Busy);
        }
        if status.is_server_error() {
            return Err(Failure::Unclear(Error::Status(status.as_u16())));
        }
        let said: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let at = |pointer: &str| said.as_ref().and_then(|said| said.pointer(&pointer.replace("{to}", digits)));
        let word = |pointer: &str| at(pointer).and_then(word);
        let code = self.template.error.iter().find_map(|pointer| word(pointer)).filter(|code| is_code(code));
        if !status.is_success() {
            return Err(Failure::Refused { status: status.as_u16(), code });
        }
        if said.is_none() {
            return Err(Failure::Unclear(Error::Malformed));
        }
        let holds = |(pointer, wanted): &(String, String)| word(pointer).as_ref() == Some(wanted);
        match word(&self.template.id).filter(|id| is_code(id)) {
            Some(id) if self.template.accepted.iter().all(holds) => {
                let cost = self.template.cost.as_deref().and_then(word).and_then(|roubles| kopecks(&roubles));
                Ok(Sent { id, cost })
            }
            _ => Err(Failure::Refused { status: status.as_u16(), code }),
        }
    }
}

/// The digits of an E.164 number.
fn digits(to: &str) -> Option<&str> {
    let digits = to.strip_prefix('+')?;
    // ITU-T E.164 §6: at most 15 digits.
    let fits = (8..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    fits.then_some(digits)
}

/// A string, number or truth value as a word.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// Whether a word of an answer is a code or an id and no sentence.
fn is_code(word: &str) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=64).contains(&word.len()) && word.bytes().all(is_sign)
}

/// Roubles as `1`, `1.5` or `1.234` in kopecks, begun ones counted whole.
fn kopecks(roubles: &str) -> Option<u64> {
    let (whole, part) = roubles.split_once('.').unwrap_or((roubles, ""));
    if !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let hundredths: u64 = format!("{part:0<2}").get(..2)?.parse().ok()?;
    let begun = part.bytes().skip(2).any(|digit| digit != b'0');
    whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(hundredths + u64::from(begun))
}

#[cfg(test)]
mod tests;
