//! The words of each gateway: where it is asked, what it checks, how it answers.
//!
//! Drawn from the gateways' documentation and from clients that speak to them. Texts of errors are theirs where they are
//! known; SMS.ru gives an id to a message that it refuses, SMSC.ru to some, and both refuse with status 200.

use axum::Json;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Value, json};

use super::take::Request;
use super::{KEY, LOGIN, Taken};

/// Whose requests and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// SMS.ru.
    SmsRu,
    /// SMSC.ru.
    Smsc,
    /// SMS Aero.
    SmsAero,
    /// МТС Exolve.
    Exolve,
    /// No known gateway: JSON or a form with `to`, `text` and `id`.
    Generic,
}

/// Why a message is not taken.
pub(super) struct Refusal {
    code: String,
    field: &'static str,
}

impl Refusal {
    pub(super) fn of(code: &str) -> Self {
        Self { code: code.to_owned(), field: "" }
    }

    fn at(code: &str, field: &'static str) -> Self {
        Self { code: code.to_owned(), field }
    }

    /// One that was asked for: about the number, as a rule.
    pub(super) fn asked(code: &str) -> Self {
        Self::at(code, "number")
    }
}

/// What the names of a gateway's fields are.
struct Names {
    to: &'static str,
    text: &'static str,
    sender: &'static str,
}

impl Form {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::SmsRu, Self::Smsc, Self::SmsAero, Self::Exolve, Self::Generic];

    /// Where it is asked.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::SmsRu => "/smsru/sms/send",
            Self::Smsc => "/smsc/sys/send.php",
            Self::SmsAero => "/smsaero/v2/sms/send",
            Self::Exolve => "/exolve/messaging/v1/SendSMS",
            Self::Generic => "/generic",
        }
    }

    /// Its name on the page.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SmsRu => "SMS.ru",
            Self::Smsc => "SMSC.ru",
            Self::SmsAero => "SMS Aero",
            Self::Exolve => "МТС Exolve",
            Self::Generic => "другой шлюз",
        }
    }

    const fn names(self) -> Names {
        let (to, text, sender) = match self {
            Self::SmsRu => ("to", "msg", "from"),
            Self::Smsc => ("phones", "mes", "sender"),
            Self::SmsAero => ("number", "text", "sign"),
            Self::Exolve => ("destination", "text", "number"),
            Self::Generic => ("to", "text", "sender"),
        };
        Names { to, text, sender }
    }

    pub(super) fn to(self, request: &Request) -> &str {
        request.get(self.names().to).trim_start_matches('+')
    }

    pub(super) fn text(self, request: &Request) -> &str {
        request.get(self.names().text)
    }

    pub(super) fn sender(self, request: &Request) -> &str {
        request.get(self.names().sender)
    }

    /// Our id of the message, where the gateway asks for one.
    pub(super) fn ours(self, request: &Request) -> Option<String> {
        let id = request.get("id");
        (self == Self::Generic && !id.is_empty()).then(|| id.to_owned())
    }

    /// An id of the gateway's own kind.
    pub(super) fn id(self, number: usize) -> String {
        match self {
            Self::SmsRu => format!("202648-{}", 1_000_000 + number),
            Self::Smsc => number.to_string(),
            Self::SmsAero => (500_000_000 + number).to_string(),
            Self::Exolve => format!("4391661{number:011}"),
            Self::Generic => format!("g-{number}"),
        }
    }

    /// Whether the request only asks what the message would cost.
    pub(super) fn only_asks(self, request: &Request) -> bool {
        self == Self::Smsc && request.get("cost") == "1"
    }

    /// The answer to a request that only asked.
    pub(super) fn price(self) -> Response {
        Json(json!({"cost": "2.2", "cnt": 1})).into_response()
    }

    /// Key, number, text, sender.
    pub(super) fn check(self, request: &Request) -> Result<(), Refusal> {
        let needs = |is_met: bool, code: &str, field| if is_met { Ok(()) } else { Err(Refusal::at(code, field)) };
        let (to, has_text) = (self.to(request), !self.text(request).trim().is_empty());
        match self {
            Self::SmsRu => {
                needs(request.get("api_id") == KEY, "200", "")?;
                needs(is_number(to), "202", "number")?;
                needs(has_text, "203", "number")
            }
            Self::Smsc => {
                needs(smsc_knows(request), "2", "")?;
                // Without a charset it reads windows-1251, and the text would arrive garbled.
                needs(request.get("charset") == "utf-8", "1", "")?;
                needs(!to.is_empty() && has_text, "1", "")?;
                needs(is_number(to), "7", "number")
            }
            Self::SmsAero => {
                let basic = STANDARD.encode(format!("{LOGIN}:{KEY}"));
                needs(request.authorization("Basic") == Some(&basic), "401", "")?;
                needs(is_number(to), "400", "number")?;
                needs(has_text, "400", "text")?;
                needs(!self.sender(request).is_empty(), "400", "sign")
            }
            Self::Exolve => {
                needs(request.authorization("Bearer") == Some(KEY), "401", "")?;
                needs(request.method == Method::POST, "404", "")?;
                needs(!self.sender(request).is_empty(), "400", "Number")?;
                needs(is_russian(to), "400", "Destination")?;
                needs(has_text, "400", "Text")
            }
            Self::Generic => {
                needs(request.authorization("Bearer") == Some(KEY), "key", "")?;
                needs(is_number(to), "number", "")?;
                needs(has_text, "text", "")
            }
        }
    }

    /// The answer to a message that was taken.
    pub(super) fn accept(self, request: &Request, taken: &Taken) -> Response {
        let Taken { id, to, text, sender, at, .. } = taken;
        let number = |text: &str| text.parse::<u64>().unwrap_or_default();
        let value = match self {
            Self::SmsRu if request.get("json") != "1" => {
                return format!("100\n{id}\nbalance=4122.56").into_response();
            }
            Self::SmsRu => {
                let block = json!({"status": "OK", "status_code": 100, "sms_id": id, "cost": "4.20"});
                json!({"status": "OK", "status_code": 100, "sms": {to: block}, "balance": 4122.56})
            }
            Self::Smsc if request.get("fmt") != "3" => return format!("OK - 1 SMS, ID - {id}").into_response(),
            Self::Smsc => match request.get("cost") {
                "" => json!({"id": number(id), "cnt": 1}),
                "3" => json!({"id": number(id), "cnt": 1, "cost": "2.2", "balance": "100.50"}),
                _ => json!({"id": number(id), "cnt": 1, "cost": "2.2"}),
            },
            Self::SmsAero => json!({"success": true, "message": null, "data": {
                "id": number(id), "from": sender, "number": number(to), "text": text, "status": 8,
                "extendStatus": "moderation", "channel": "DIRECT", "cost": 5.49, "dateCreate": at, "dateSend": at,
            }}),
            Self::Exolve => json!({"message_id": id, "template_resource_id": 0}),
            Self::Generic => json!({"status": "ok", "id": id, "price": "1.5"}),
        };
        Json(value).into_response()
    }

    /// The answer to a message that was not taken.
    pub(super) fn refuse(self, request: &Request, refusal: &Refusal) -> Response {
        let Refusal { code, field } = refusal;
        let number: u64 = code.parse().unwrap_or_default();
        match self {
            Self::SmsRu => Json(self.sms_ru_error(request, refusal, number)).into_response(),
            Self::Smsc => {
                let mut answer = json!({"error": smsc_words(number), "error_code": number});
                if (6..=8).contains(&number) {
                    answer["id"] = json!(1);
                }
                Json(answer).into_response()
            }
            Self::SmsAero if number == 401 => {
                let message = "Your request was made with invalid credentials.";
                let answer = json!({"success": false, "data": null, "message": message});
                (StatusCode::UNAUTHORIZED, Json(answer)).into_response()
            }
            Self::SmsAero => {
                let answer =
                    json!({"success": false, "data": {*field: ["Неверное значение"]}, "message": "Validation error."});
                (status(number), Json(answer)).into_response()
            }
            Self::Exolve => {
                let message = format!("invalid SendRequest.{field}: value does not match regex pattern");
                (status(number), Json(json!({"error": {"code": number, "message": message}}))).into_response()
            }
            Self::Generic => Json(json!({"status": "error", "error": {"code": code}})).into_response(),
        }
    }

    /// About the request as a whole, or about its number inside a request that is otherwise right.
    fn sms_ru_error(self, request: &Request, refusal: &Refusal, code: u64) -> Value {
        let error = json!({"status": "ERROR", "status_code": code, "status_text": "Сообщение не принято"});
        if refusal.field.is_empty() {
            return error;
        }
        let mut block = error;
        block["sms_id"] = json!("202648-1000000");
        json!({"status": "OK", "status_code": 100, "sms": {self.to(request): block}, "balance": 4122.56})
    }
}

fn status(code: u64) -> StatusCode {
    let found = u16::try_from(code).ok().and_then(|code| StatusCode::from_u16(code).ok());
    found.filter(|status| status.is_client_error()).unwrap_or(StatusCode::BAD_REQUEST)
}

fn smsc_knows(request: &Request) -> bool {
    let by_login = request.get("login") == LOGIN && request.get("psw") == KEY;
    by_login || request.get("apikey") == KEY
}

const fn smsc_words(code: u64) -> &'static str {
    match code {
        1 => "parameters error",
        2 => "authorise error",
        3 => "no money",
        4 => "ip blocked",
        6 => "message is denied",
        7 => "invalid number",
        8 => "can't deliver",
        9 => "too many concurrent requests",
        _ => "error",
    }
}

fn is_number(to: &str) -> bool {
    (10..=15).contains(&to.len()) && to.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_russian(to: &str) -> bool {
    to.len() == 11 && to.starts_with("79") && is_number(to)
}

impl Taken {
    /// The gateway's call-back about the message, content type and body; nothing where it makes none.
    #[must_use]
    pub fn callback(&self, is_delivered: bool) -> Option<(&'static str, String)> {
        let code = |good: &'static str, bad: &'static str| if is_delivered { good } else { bad };
        let Self { id, to, at, .. } = self;
        let form = |fields: &[(&str, &str)]| {
            let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
            Some(("application/x-www-form-urlencoded", body))
        };
        match self.form {
            Form::SmsRu => form(&[("data[0]", &format!("sms_status\n{id}\n{}\n{at}", code("103", "104")))]),
            Form::Smsc => form(&[("id", id), ("phone", to), ("status", code("1", "20"))]),
            Form::SmsAero => form(&[("id", id), ("status", code("1", "2"))]),
            Form::Exolve => {
                let status = code("MESSAGE_STATUS_DELIVERED", "MESSAGE_STATUS_UNDELIVERED");
                Some(("application/json", json!({"message_id": id, "status": status}).to_string()))
            }
            Form::Generic => None,
        }
    }
}
