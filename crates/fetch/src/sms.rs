//! SMS gateways over HTTP: one driver, described by a [`Template`], with the forms of four Russian gateways.
//!
//! 1. The placeholders of the template are filled in: `{to}` (digits), `{to_plus}` (E.164), `{text}`, `{id}` (the same
//!    for each attempt at one message), `{sender}`, `{login}`, `{key}`; `{password}` is the key beside a login
//!    and `{apikey}` the key without one.
//! 2. The call goes out through the guarded client, in the body and never in the URL: URLs end up in logs.
//! 3. The answer is read by JSON pointers (RFC 6901). A message is sent when every condition of the template holds and
//!    the gateway gave the message an id. A status alone proves nothing, SMS.ru refuses with 200; nor does an id alone,
//!    SMSC.ru and SMS.ru give one to a message that they refuse.
//! 4. Later the gateway tells what became of it: [`Preset::reports`].
//!
//! What failed is told apart by what it allows: [`Failure::is_certain`] says that the message was surely not sent and
//! another gateway may be asked at once; after [`Failure::Unclear`] it may arrive yet, and a second one would be sent
//! twice. Of an answer's words only a short code is kept: an answer may repeat the text and with it the code.

mod preset;
mod report;
mod settings;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::{Map, Value};
use url::Url;

use crate::message::is_code;
use crate::{Error, Fetch, Request, Response};

pub use crate::Failure;
pub use preset::Preset;
pub use report::{Malformed, Report, State};
pub use settings::{BadSetting, Settings};

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
    /// What an answer to a message that was taken looks like; every one must hold.
    pub accepted: Vec<Condition>,
    /// Where the gateway's id of the message stands.
    pub id: String,
    /// Where the price in roubles stands.
    pub cost: Option<String>,
    /// Where the code of a refusal stands; the first that is there counts.
    pub error: Vec<String>,
    /// Codes by which the gateway only asks for patience.
    pub busy: Vec<String>,
}

/// What must stand in an answer. A pointer may hold `{to}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// This value stands at this JSON pointer.
    Is(String, String),
    /// Nothing, or null, stands at this JSON pointer.
    Absent(String),
}

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
        let digits = digits(sms.to).ok_or(Failure::UNFIT)?;
        let request = self.request(sms, digits).ok_or(Failure::UNFIT)?;
        match self.fetch.request(request).await {
            Ok(answer) => self.read(&answer, digits),
            Err(Error::Refused | Error::Unreachable) => Err(Failure::Unreached),
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
        let said = said.as_ref().map(|said| Said { said, digits });
        let code = said.and_then(|said| self.template.error.iter().find_map(|at| said.code(at)));
        if code.as_ref().is_some_and(|code| self.template.busy.contains(code)) {
            return Err(Failure::Busy);
        }
        if !status.is_success() {
            return Err(Failure::Refused { status: status.as_u16(), code });
        }
        let said = said.ok_or(Failure::Unclear(Error::Malformed))?;
        match said.code(&self.template.id) {
            Some(id) if self.template.accepted.iter().all(|condition| said.holds(condition)) => {
                let cost = self.template.cost.as_deref().and_then(|at| said.word(at));
                Ok(Sent { id, cost: cost.and_then(|roubles| kopecks(&roubles)) })
            }
            _ => Err(Failure::Refused { status: status.as_u16(), code }),
        }
    }
}

/// An answer, and the number that its pointers may name.
#[derive(Clone, Copy)]
struct Said<'a> {
    said: &'a Value,
    digits: &'a str,
}

impl Said<'_> {
    fn at(&self, pointer: &str) -> Option<&Value> {
        self.said.pointer(&pointer.replace("{to}", self.digits))
    }

    /// A string, number or truth value as a word.
    fn word(&self, pointer: &str) -> Option<String> {
        self.at(pointer).and_then(word)
    }

    fn code(&self, pointer: &str) -> Option<String> {
        self.word(pointer).filter(|word| is_code(word))
    }

    fn holds(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Is(pointer, wanted) => self.word(pointer).as_ref() == Some(wanted),
            Condition::Absent(pointer) => self.at(pointer).is_none_or(Value::is_null),
        }
    }
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

/// The digits of an E.164 number.
fn digits(to: &str) -> Option<&str> {
    let digits = to.strip_prefix('+')?;
    // ITU-T E.164 §6: at most 15 digits.
    let fits = (8..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    fits.then_some(digits)
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
