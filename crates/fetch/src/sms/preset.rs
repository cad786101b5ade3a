//! The gateways whose form is known.
//!
//! | | address | known by | travels as | taken when |
//! |---|---|---|---|---|
//! | SMS.ru | `sms.ru/sms/send` | `api_id` | form | `status_code` is 100, for the request and for the number |
//! | SMSC.ru | `smsc.ru/sys/send.php` | `login` and `psw`, or `apikey` | form, `fmt=3` | `id` and no `error` |
//! | SMS Aero | `gate.smsaero.ru/v2/sms/send` | Basic, e-mail and key | JSON | `success` |
//! | МТС Exolve | `api.exolve.ru/messaging/v1/SendSMS` | Bearer | JSON | `message_id` and no `error` |
//!
//! None of the four knows an id of ours that would keep a repeated request from being sent twice, so a request whose
//! answer is lost is never repeated by this driver.

use url::Url;

use super::{Account, Auth, Body, Condition, Template};

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
        let Judges { accepted, error, busy } = self.judges();
        let (id, cost) = self.tells();
        Template {
            url,
            auth,
            body,
            fields: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            accepted,
            id: id.to_owned(),
            cost: cost.map(str::to_owned),
            error,
            busy,
        }
    }

    /// The name of what the gateway asks for and the account lacks.
    #[must_use]
    pub fn misses(self, account: &Account) -> Option<&'static str> {
        let (login, sender) = match self {
            Self::SmsRu | Self::Smsc => (false, false),
            Self::SmsAero => (true, true),
            Self::Exolve => (false, true),
        };
        let needed =
            [(true, "key", &account.key), (login, "login", &account.login), (sender, "sender", &account.sender)];
        needed
            .into_iter()
            .find(|(is_needed, _, value)| *is_needed && value.is_empty())
            .map(|(_, name, _)| name)
    }

    const fn asks(self) -> (Auth, Body, Pairs) {
        match self {
            Self::SmsRu => (Auth::Fields, Body::Form, &SMS_RU),
            Self::Smsc => (Auth::Fields, Body::Form, &SMSC),
            Self::SmsAero => (Auth::Basic, Body::Json, &SMS_AERO),
            Self::Exolve => (Auth::Bearer, Body::Json, &EXOLVE),
        }
    }

    fn judges(self) -> Judges {
        let is = |at: &str, value: &str| Condition::Is(at.to_owned(), value.to_owned());
        let absent = |at: &str| Condition::Absent(at.to_owned());
        let (accepted, error, busy): (_, &[&str], &[&str]) = match self {
            Self::SmsRu => (
                vec![is("/status_code", "100"), is("/sms/{to}/status_code", "100")],
                &["/sms/{to}/status_code", "/status_code"],
                // «Сервис временно недоступен», «Ошибка на сервере. Повторите запрос».
                &["220", "500"],
            ),
            // «Попытка отправки более одного одинакового запроса», or too many connections at a time.
            Self::Smsc => (vec![absent("/error"), absent("/error_code")], &["/error_code"], &["9"]),
            Self::SmsAero => (vec![is("/success", "true")], &[], &[]),
            Self::Exolve => (vec![absent("/error")], &["/error/code", "/code"], &[]),
        };
        let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
        Judges { accepted, error: owned(error), busy: owned(busy) }
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

/// How an answer is judged.
struct Judges {
    accepted: Vec<Condition>,
    error: Vec<String>,
    busy: Vec<String>,
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
