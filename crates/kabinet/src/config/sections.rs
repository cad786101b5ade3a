//! Every setting with its default. The table in the reference file `config/kabinet.toml` says the same, and a test
//! compares the two.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use kabinet_core::contact::Country as PhoneCountry;
use kabinet_core::response_type::ResponseType;
use serde::{Deserialize, Serialize};

use super::certificate::Certificate;
use super::country::Country;
use super::delivery::Delivery;
use super::esia::Esia;
use super::people::{ApiTokens, Invitation, Merge};
use super::telegram::Telegram;
use super::upstream::Upstream;
use super::values::{Hidden, Network, Seconds, ServiceUrl, list};

/// The configuration of one node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The one public address: `iss` of every token, the start of every link. Reason: works at once on the machine
    /// that it is started on.
    pub issuer: String,
    /// Where the public listener binds. Reason: nothing is open to the network until it is said.
    pub listen: SocketAddr,
    /// Where health and metrics are answered. Reason: never on the public address.
    pub admin_listen: SocketAddr,
    /// Reverse proxies whose `X-Forwarded-For` is believed. Reason: none, a header from anyone else is a lie.
    #[serde(deserialize_with = "list")]
    pub trusted_proxies: Vec<Network>,
    /// 32 bytes in standard base64 from which every other key derives. Reason: with SQLite it is made beside the
    /// database, with PostgreSQL all nodes must be given the same.
    pub master_key: Option<Hidden>,
    /// Built-in HTTPS.
    pub tls: Tls,
    /// The database.
    pub store: Store,
    /// The cache and counters that nodes share.
    pub redis: Redis,
    /// Dynamic client registration.
    pub registration: Registration,
    /// API tokens of people.
    pub api_tokens: ApiTokens,
    /// Outgoing calls.
    pub outbound: Outbound,
    /// Delivery of codes and notices.
    pub delivery: Delivery,
    /// Logs.
    pub log: Log,
    /// How long a sign-in lasts.
    pub session: Session,
    /// How long tokens and their like last.
    pub token: Token,
    /// Confirmation codes.
    pub confirmation: Confirmation,
    /// Invitations.
    pub invitation: Invitation,
    /// What an unknown browser does while the risk is high.
    pub work: Work,
    /// How an account is got back.
    pub recovery: Recovery,
    /// Accounts that became one.
    pub merge: Merge,
    /// Which passwords may be set.
    pub password: Password,
    /// What a password hash costs.
    pub hashing: Hashing,
    /// Signing keys.
    pub keys: Keys,
    /// Which ways to sign in people of a country are shown.
    pub country: Country,
    /// Sign-in by certificate.
    pub certificate: Certificate,
    /// Sign-in at Telegram by what a bot's token signs.
    pub telegram: Telegram,
    /// Other providers, each by its name.
    pub upstream: BTreeMap<String, Upstream>,
    /// Sign-in through Госуслуги.
    pub esia: Esia,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            issuer: "http://localhost:8080".to_owned(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            admin_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8081)),
            trusted_proxies: Vec::new(),
            master_key: None,
            tls: Tls::default(),
            store: Store::default(),
            redis: Redis::default(),
            registration: Registration::default(),
            api_tokens: ApiTokens::default(),
            outbound: Outbound::default(),
            delivery: Delivery::default(),
            log: Log::default(),
            session: Session::default(),
            token: Token::default(),
            confirmation: Confirmation::default(),
            invitation: Invitation::default(),
            work: Work::default(),
            recovery: Recovery::default(),
            merge: Merge::default(),
            password: Password::default(),
            hashing: Hashing::default(),
            keys: Keys::default(),
            country: Country::default(),
            certificate: Certificate::default(),
            telegram: Telegram::default(),
            upstream: BTreeMap::new(),
            esia: Esia::default(),
        }
    }
}

/// Built-in HTTPS; both or neither. The files are read again when they change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// The certificate and its chain, PEM.
    pub cert: Option<PathBuf>,
    /// Its private key, PEM.
    pub key: Option<PathBuf>,
}

/// The database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// `sqlite:PATH` or `postgres://…`. Reason: SQLite needs no other service.
    pub url: ServiceUrl,
    /// Whether `serve` brings the schema up to date. Reason for its default: on for SQLite, where one process owns the
    /// file; off for PostgreSQL, where `migrate` is a step of the roll-out.
    pub migrate: Option<bool>,
    /// Connections that one node opens at most. Reason: beyond a few per core the database only waits for itself.
    pub connections: u32,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            url: ServiceUrl::from("sqlite:kabinet.db"),
            migrate: None,
            connections: 16,
        }
    }
}

/// The cache and counters that nodes share.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Redis {
    /// `redis://…`; absent: the same things are kept in the process.
    pub url: Option<ServiceUrl>,
}

/// Who may register a client over HTTP (RFC 7591).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistrationMode {
    /// Nobody.
    #[default]
    Closed,
    /// Who holds an initial access token.
    Token,
    /// Anybody.
    Open,
}

/// Dynamic client registration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Registration {
    /// Who may register. Reason: clients are made by administrators.
    pub mode: RegistrationMode,
    /// Response types that a registered client may have. Reason: code alone keeps tokens out of URLs.
    #[serde(deserialize_with = "list")]
    pub response_types: Vec<ResponseType>,
    /// Scopes that a registered client may have. Reason: what the profile `web` has; organisations and the scopes of APIs
    /// are given by an administrator.
    #[serde(deserialize_with = "list")]
    pub scopes: Vec<String>,
    /// Clients that one network registers in an hour where it is open. Reason: a developer who tries things out.
    pub per_hour: u32,
    /// After how long a client goes that registered where it is open and that nobody ever used. Reason: a table that
    /// anybody fills must empty itself.
    pub unused: Seconds,
    /// Whose `logo_uri` is fetched and shown. Reason: whoever registers without a token could show anybody's picture.
    pub show_logos: ShowLogos,
}

/// Whose pictures pages show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShowLogos {
    /// Of clients that an administrator made, allowed to register or gave a picture.
    #[default]
    Vouched,
    /// Of all.
    All,
}

impl Default for Registration {
    fn default() -> Self {
        Self {
            mode: RegistrationMode::Closed,
            response_types: vec![ResponseType::CODE],
            scopes: ["openid", "profile", "email", "phone", "address", "offline_access"]
                .map(str::to_owned)
                .to_vec(),
            per_hour: 10,
            unused: Seconds::days(7),
            show_logos: ShowLogos::Vouched,
        }
    }
}

/// Outgoing calls.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outbound {
    /// Private networks that may be called. Reason: none, a URL from outside must not reach inside.
    #[serde(deserialize_with = "list")]
    pub allow: Vec<Network>,
    /// A PEM file of further certificate authorities.
    pub ca: Option<PathBuf>,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Logs, on standard error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Text or JSON.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`, also per module as in `info,kabinet_oidc=debug`. Reason: one line
    /// per event that an operator acts on.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

/// How long a sign-in lasts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Session {
    /// Without use. Reason: a working day and the night after it.
    pub idle: Seconds,
    /// At most. Reason: a working week.
    pub max: Seconds,
    /// Without use, when the person asked to stay signed in.
    pub remembered_idle: Seconds,
    /// At most, when the person asked to stay signed in.
    pub remembered_max: Seconds,
    /// Without use, for administrators.
    pub admin_idle: Seconds,
    /// At most, for administrators. Reason: a shift.
    pub admin_max: Seconds,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            idle: Seconds::hours(24),
            max: Seconds::days(7),
            remembered_idle: Seconds::days(14),
            remembered_max: Seconds::days(30),
            admin_idle: Seconds::minutes(15),
            admin_max: Seconds::hours(8),
        }
    }
}

/// How long tokens and their like last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Token {
    /// An authorization code. Reason: it is redeemed at once or not at all (RFC 6749 §4.1.2 allows ten minutes).
    pub code: Seconds,
    /// A JWT access token. Reason: a product that checks it by itself sees a revocation this late.
    pub access: Seconds,
    /// An opaque access token. Reason: every use asks kabinet, so it may live longer.
    pub opaque: Seconds,
    /// An ID token.
    pub id_token: Seconds,
    /// A refresh token without use.
    pub refresh_idle: Seconds,
    /// A refresh token and its successors at most.
    pub refresh_max: Seconds,
    /// How long the same refresh token gets the same successor. Reason: two tabs, a lost answer.
    pub refresh_grace: Seconds,
    /// A sealed authorization request on its way through the pages. Reason: time to register and read an SMS.
    pub seal: Seconds,
    /// A pushed authorization request until it is entered (RFC 9126 §2.2).
    pub par: Seconds,
    /// Codes of a device (RFC 8628). Reason: somebody walks to another screen and types eight letters.
    pub device: Seconds,
    /// A device code (RFC 8628 §3.2).
    pub device_code: Seconds,
    /// How often a device may ask (RFC 8628 §3.2).
    pub device_interval: Seconds,
}

impl Default for Token {
    fn default() -> Self {
        Self {
            code: Seconds(60),
            access: Seconds::minutes(5),
            opaque: Seconds::minutes(10),
            id_token: Seconds::hours(1),
            refresh_idle: Seconds::days(30),
            refresh_max: Seconds::days(180),
            refresh_grace: Seconds(10),
            seal: Seconds::minutes(30),
            par: Seconds(60),
            device: Seconds(600),
            device_code: Seconds::minutes(10),
            device_interval: Seconds(5),
        }
    }
}

/// Confirmation codes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Confirmation {
    /// Digits of a code. Reason: with five tries a guess succeeds once in 200 000.
    pub digits: u8,
    /// Life of a code sent by SMS.
    pub sms: Seconds,
    /// Life of a code sent by e-mail. Reason: mail is slower.
    pub email: Seconds,
    /// Wrong entries after which a code is dead.
    pub tries: u8,
    /// Waits before the second, third and every later sending.
    #[serde(deserialize_with = "list")]
    pub resend: Vec<Seconds>,
    /// Codes that one contact gets in an hour. Reason: more only annoy whoever holds it.
    pub per_hour: u8,
    /// Codes that one contact gets in a day.
    pub per_day: u8,
    /// Countries whose phones get codes: `RU`, `KZ`, `BY`, `AM`, `KG`, `other`. Reason: codes to far countries are what
    /// fraudsters with a share in the fee ask for.
    #[serde(deserialize_with = "list")]
    pub countries: Vec<PhoneCountry>,
    /// Wrong codes for one contact in a day. Reason: ten codes with five tries each would make 50 guesses.
    pub wrong_per_day: u8,
    /// Codes in an hour to the numbers that differ in their last four digits only. Reason: people are spread over ranges,
    /// those who sell calls and messages sit in one.
    pub per_range: u32,
    /// How many codes must have gone to such a range before it is judged by how many were entered.
    pub range_sample: u32,
    /// The same for a country.
    pub country_sample: u32,
    /// How many of a hundred must have been entered. Reason: people enter the codes that they ask for.
    pub entered_percent: u8,
    /// For how long a range or a country gets no codes otherwise.
    pub closed: Seconds,
    /// Tables that say which autonomous system an address belongs to. Reason: none, they are the operator's choice and grow
    /// old; without them nothing is counted by autonomous system.
    #[serde(deserialize_with = "list")]
    pub networks: Vec<PathBuf>,
    /// Codes that one autonomous system asks for in an hour before each further one costs some work. Reason: a mobile
    /// operator is one, with a third of the country behind it, and people do not wait for a number.
    pub per_asn: u32,
    /// The same for registrations that it begins.
    pub registrations_per_asn: u32,
    /// How many SMS one must have asked for in an hour before it is judged by how many codes were entered.
    pub asn_sample: u32,
}

impl Default for Confirmation {
    fn default() -> Self {
        Self {
            digits: 6,
            sms: Seconds::minutes(5),
            email: Seconds::minutes(10),
            tries: 5,
            resend: vec![Seconds(60), Seconds(120), Seconds(300)],
            per_hour: 5,
            per_day: 10,
            countries: vec![PhoneCountry::Russia],
            wrong_per_day: 20,
            per_range: 40,
            range_sample: 20,
            country_sample: 1000,
            entered_percent: 20,
            closed: Seconds::minutes(30),
            networks: Vec::new(),
            per_asn: 2000,
            registrations_per_asn: 1000,
            asn_sample: 200,
        }
    }
}

/// What an unknown browser does while the risk is high: a proof of work, found by a script while the person types.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Work {
    /// Zero bits that a hash must begin with; 0: nothing is ever asked. Reason: a second on a telephone.
    pub bits: u8,
    /// How long a browser without scripts waits instead.
    pub delay: Seconds,
}

impl Default for Work {
    fn default() -> Self {
        Self { bits: 18, delay: Seconds(10) }
    }
}

/// A set of password rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PasswordPreset {
    /// `min_length` as it stands.
    #[default]
    Standard,
    /// NIST SP 800-63B-4 §3.1.1.2 for a password as the only factor: at least 15 characters.
    Nist,
}

/// Which passwords may be set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Password {
    /// A set of rules.
    pub preset: PasswordPreset,
    /// Characters at least. Reason: below ten a leaked hash is guessed in days.
    pub min_length: u32,
    /// Characters at most. Reason: enough for any phrase, too little to be a load.
    pub max_length: u32,
    /// The power of ten of the guesses that a password must withstand, as zxcvbn reckons them. Reason: a hundred million
    /// is beyond any throttle, and a stolen hash costs months.
    pub strength: u32,
    /// A filter file of leaked passwords, from `kabinet password filter build`. Reason: none, the list is the operator's
    /// choice; the commonest passwords are refused without it.
    pub filter: Option<PathBuf>,
}

impl Password {
    /// The shortest password that may be set, in characters.
    #[must_use]
    pub fn shortest(&self) -> u32 {
        match self.preset {
            PasswordPreset::Standard => self.min_length,
            PasswordPreset::Nist => self.min_length.max(15),
        }
    }
}

impl Default for Password {
    fn default() -> Self {
        Self {
            preset: PasswordPreset::Standard,
            min_length: 10,
            max_length: 256,
            strength: 8,
            filter: None,
        }
    }
}

/// What a password hash costs (Argon2id).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hashing {
    /// KiB of one hash. Reason: OWASP's first choice, 19 MiB with two passes.
    pub memory: u32,
    /// Passes.
    pub iterations: u32,
    /// Lanes. Reason: sign-ins run beside each other already.
    pub parallelism: u32,
    /// Hashes at the same time; absent: as many as there are cores. Reason: more only take memory.
    pub permits: Option<u32>,
    /// Sign-ins that may wait for their turn; the next one is told at once to come later. Reason: who waits costs a
    /// connection.
    pub queue: u32,
    /// How long a sign-in waits for its turn before it is told to come later. Reason: longer than that a person has
    /// pressed the button again.
    pub wait: Seconds,
}

impl Default for Hashing {
    fn default() -> Self {
        Self {
            memory: 19 * 1024,
            iterations: 2,
            parallelism: 1,
            permits: None,
            queue: 256,
            wait: Seconds(5),
        }
    }
}

/// Signing keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// Bits of new RSA keys: 2048, 3072 or 4096. Reason: every stock client takes 2048 and it signs fastest.
    pub rsa_bits: u32,
    /// For how long a key signs; 0: until `kabinet key rotate`. Reason: a key that leaks unseen does harm for a quarter of
    /// a year, and products that read the JWK set notice nothing. Keys of the profile 1c move only by hand.
    pub rotate_every: Seconds,
}

impl Default for Keys {
    fn default() -> Self {
        Self { rsa_bits: 2048, rotate_every: Seconds::days(90) }
    }
}

/// How an account is got back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recovery {
    /// For how long after it was last proven a phone alone gives an account back. Reason: operators give numbers to
    /// others after about that time without use.
    pub phone_fresh: Seconds,
    /// How long a recovery by an older phone waits, and a number until it leaves an account that is not its holder's.
    /// Reason: a weekend, in which the owner can stop it by signing in.
    pub delay: Seconds,
    /// How long a right code lets its browser set a password. Reason: a person thinks of one within minutes.
    pub ticket: Seconds,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            phone_fresh: Seconds::days(180),
            delay: Seconds::hours(72),
            ticket: Seconds::minutes(15),
        }
    }
}
