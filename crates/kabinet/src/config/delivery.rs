//! `[delivery]`: how codes and notices leave.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::values::{Hidden, Seconds, list};

/// Delivery of codes and notices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Delivery {
    /// A file that messages are appended to in place of real sending.
    pub outbox: Option<PathBuf>,
    /// Allows the outbox with an https issuer. Reason: off, a public installation must not leave codes in a file.
    pub outbox_force: bool,
    /// Gateways that SMS go through, in the order in which they are asked; each has a section of its own.
    #[serde(deserialize_with = "list")]
    pub sms: Vec<GatewayName>,
    /// What SMS may cost on one day (Moscow time), in roubles; 0: nothing is sent that has a price. Reason: what a
    /// fraudster with a share in the fee gets at most.
    pub day_limit: u32,
    /// How long the log keeps what was sent to whom (masked, without text). Reason: time to answer «why no code?».
    pub keep: Seconds,
    /// The mail server.
    pub smtp: Smtp,
    /// SMS.ru.
    pub smsru: Gateway,
    /// SMSC.ru.
    pub smsc: Gateway,
    /// SMS Aero.
    pub smsaero: Gateway,
    /// МТС Exolve.
    pub exolve: Gateway,
    /// Any other gateway that takes one HTTP POST and answers JSON.
    pub gateway: Gateway,
    /// The form of that gateway's requests and answers.
    pub template: Template,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            outbox: None,
            outbox_force: false,
            sms: Vec::new(),
            day_limit: 10_000,
            keep: Seconds::days(30),
            smtp: Smtp::default(),
            smsru: Gateway::default(),
            smsc: Gateway::default(),
            smsaero: Gateway::default(),
            exolve: Gateway::default(),
            gateway: Gateway::default(),
            template: Template::default(),
        }
    }
}

impl Delivery {
    /// The account at a gateway.
    #[must_use]
    pub fn of(&self, name: GatewayName) -> &Gateway {
        match name {
            GatewayName::SmsRu => &self.smsru,
            GatewayName::Smsc => &self.smsc,
            GatewayName::SmsAero => &self.smsaero,
            GatewayName::Exolve => &self.exolve,
            GatewayName::Gateway => &self.gateway,
        }
    }
}

/// A gateway for SMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GatewayName {
    /// SMS.ru.
    SmsRu,
    /// SMSC.ru.
    Smsc,
    /// SMS Aero.
    SmsAero,
    /// МТС Exolve.
    Exolve,
    /// The one that `[delivery.template]` describes.
    Gateway,
}

impl GatewayName {
    /// Its section and its name in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SmsRu => "smsru",
            Self::Smsc => "smsc",
            Self::SmsAero => "smsaero",
            Self::Exolve => "exolve",
            Self::Gateway => "gateway",
        }
    }
}

/// A customer's account at a gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gateway {
    /// The login or e-mail address, where the gateway asks for one.
    pub login: Option<String>,
    /// The password, token or API key.
    pub key: Option<Hidden>,
    /// The name or number that messages come from; absent: the gateway's own.
    pub sender: Option<String>,
    /// Another address of the same gateway; absent: the known one.
    pub url: Option<String>,
    /// What a message costs where the gateway does not tell, in kopecks: what is set aside of the day's limit. Reason:
    /// more than a code in two parts costs at any of the four.
    pub price: u32,
}

impl Default for Gateway {
    fn default() -> Self {
        Self { login: None, key: None, sender: None, url: None, price: 1500 }
    }
}

/// How a gateway knows its customer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GatewayAuth {
    /// By the fields of the request alone.
    Fields,
    /// `Authorization: Basic` of login and key.
    Basic,
    /// `Authorization: Bearer` with the key.
    #[default]
    Bearer,
}

impl GatewayAuth {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fields => "fields",
            Self::Basic => "basic",
            Self::Bearer => "bearer",
        }
    }
}

/// How the fields of a request travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GatewayBody {
    /// As a form.
    Form,
    /// As one JSON object of strings.
    #[default]
    Json,
}

impl GatewayBody {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Json => "json",
        }
    }
}

/// The form of a gateway's requests and answers: one HTTP POST, answered with JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Template {
    /// How the gateway knows its customer.
    pub auth: GatewayAuth,
    /// How the fields travel.
    pub body: GatewayBody,
    /// `NAME=VALUE` each, with placeholders; see docs/reference/delivery.md.
    #[serde(deserialize_with = "list")]
    pub fields: Vec<String>,
    /// `POINTER=VALUE` or `!POINTER` each: what must and what must not stand in the answer to a message that was taken
    /// (RFC 6901).
    #[serde(deserialize_with = "list")]
    pub accepted: Vec<String>,
    /// Where the gateway's id of the message stands.
    pub id: String,
    /// Where the price in roubles stands.
    pub cost: Option<String>,
    /// Where the code of a refusal stands; the first that is there counts.
    #[serde(deserialize_with = "list")]
    pub error: Vec<String>,
    /// Codes by which the gateway only asks for patience.
    #[serde(deserialize_with = "list")]
    pub busy: Vec<String>,
}

/// How a connection to the mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpSecurity {
    /// TLS after STARTTLS, which the server must offer.
    #[default]
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// None: for a relay on this machine.
    Plain,
}

/// The mail server that e-mail leaves by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Smtp {
    /// Its name; absent: no e-mail is sent.
    pub host: Option<String>,
    /// Its port. Reason: submission (RFC 6409).
    pub port: u16,
    /// How the connection is protected. Reason: what port 587 speaks (RFC 8314 §3.3 prefers `tls` on 465).
    pub security: SmtpSecurity,
    /// The login; absent: the server asks for none.
    pub login: Option<String>,
    /// The password.
    pub password: Option<Hidden>,
    /// From whom: `Личный кабинет <no-reply@example.ru>`.
    pub from: Option<String>,
    /// The selector of the DKIM key (RFC 6376); absent: the relay signs, or nobody does.
    pub dkim_selector: Option<String>,
    /// The DKIM key, RSA or Ed25519, PEM.
    pub dkim_key: Option<PathBuf>,
}

impl Default for Smtp {
    fn default() -> Self {
        Self {
            host: None,
            port: 587,
            security: SmtpSecurity::default(),
            login: None,
            password: None,
            from: None,
            dkim_selector: None,
            dkim_key: None,
        }
    }
}
