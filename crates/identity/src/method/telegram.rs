//! What a bot's token has signed: the fields of Telegram's Login Widget, and the `initData` that a Mini App is opened with.
//! Its OpenID service, the main form, is an [`upstream`](super::upstream) as any other.
//!
//! 1. The fields are taken apart once, decoded. A field that stands there twice, one with a line break, and more than Telegram
//!    ever sends are refused before anything is computed.
//! 2. The signature is over the lines `key=value`, sorted. Widget: HMAC-SHA-256, the key is the SHA-256 of the bot's token.
//!    Mini App: HMAC-SHA-256, the key is the HMAC of the token under `WebAppData`; or Ed25519 by Telegram itself over the bot's
//!    id and the lines, for whoever must not have the token. Several tokens may be good, so that one can be changed.
//! 3. Both carry the time at which they were made. A widget's is good for [`WIDGET_LIFE`], a Mini App's for [`MINI_APP_LIFE`].
//! 4. Only then is the person's JSON read. Who it is, is the number by which bots know them: the OpenID service has a `sub` of
//!    its own for the same person, and `id` beside it. Names, user names and phones tell nothing: each can pass to somebody else.
//!
//! A proof is a bearer's for as long as it is good, so that each is taken once: whoever calls keeps [`Proven::mark`] that long.
//! [`Telegram`] does, and is what pages and the registry of providers know.

mod upstream;

use hmac::{Hmac, Mac};
use kabinet_core::external::External;
use kabinet_core::secret::Secret;
use kabinet_core::text::disguises;
use kabinet_core::time::Timestamp;
use openssl::pkey::{Id, PKey};
use openssl::sign::Verifier;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::upstream::UpstreamError;

pub use upstream::{INIT_DATA, Telegram, TelegramSettings, Widget};

/// What links of these identities are kept under, the same as for the OpenID service.
pub const NAME: &str = "telegram";
/// How long the fields of the widget are good, seconds.
pub const WIDGET_LIFE: i64 = 5 * 60;
/// How long a Mini App may be open before it signs somebody in, seconds.
pub const MINI_APP_LIFE: i64 = 3600;
/// The key with which Telegram signs for third parties, hex.
pub const PRODUCTION_KEY: &str = "e7bf03a2fa4602af4580703d88dda5bb59f32ed8b02a56c187fe7d34caed242d";

/// How far Telegram's clock may be ahead, seconds.
const AHEAD: i64 = 60;
/// More than this was not made by Telegram.
const MOST_FIELDS: usize = 32;
const LONGEST: usize = 8 * 1024;
/// The longest first or last name that is kept, in characters; Telegram's have 64.
const LONGEST_NAME: usize = 100;

/// Names and values, decoded, in the order in which they came.
pub type Fields = [(String, String)];

/// A bot's token.
#[derive(Clone, Debug)]
pub struct BotToken {
    id: i64,
    token: Secret,
}

impl BotToken {
    /// `NUMBER:KEY`, as BotFather gives it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, key) = text.split_once(':')?;
        let is_key = key.len() >= 16 && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        let id = number(id).filter(|_| is_key)?;
        Some(Self { id, token: Secret::from(text) })
    }

    /// The bot's id.
    #[must_use]
    pub const fn id(&self) -> i64 {
        self.id
    }
}

/// An Ed25519 key with which Telegram signs for third parties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThirdPartyKey(Vec<u8>);

impl ThirdPartyKey {
    /// 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = bytes_of(text).filter(|bytes| bytes.len() == 32)?;
        PKey::public_key_from_raw_bytes(&bytes, Id::ED25519).ok()?;
        Some(Self(bytes))
    }

    fn has_signed(&self, message: &str, signature: &[u8]) -> bool {
        let verified = PKey::public_key_from_raw_bytes(&self.0, Id::ED25519)
            .and_then(|key| Verifier::new_without_digest(&key)?.verify_oneshot(signature, message.as_bytes()));
        verified.unwrap_or(false)
    }
}

/// Whose signatures are believed.
#[derive(Clone, Debug, Default)]
pub struct Signers {
    /// Tokens: of several bots, or of one before and after its token was changed.
    pub tokens: Vec<BotToken>,
    /// Bots whose Mini Apps are believed by Telegram's own signature; the others' are strangers', although it is as good.
    pub bots: Vec<i64>,
    /// Telegram's keys.
    pub keys: Vec<ThirdPartyKey>,
}

/// Why a proof is none. The texts hold nothing of the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// It is not what Telegram makes.
    #[error("not what Telegram makes: {0}")]
    Malformed(&'static str),
    /// Nobody who is believed has signed it.
    #[error("no signature that is believed")]
    Forged,
    /// It was made too long ago.
    #[error("too old")]
    Old,
    /// It was made in the future.
    #[error("from the future")]
    Ahead,
}

impl From<ProofError> for UpstreamError {
    fn from(error: ProofError) -> Self {
        match error {
            ProofError::Old => Self::Stale(error.to_string()),
            _ => Self::Untrusted(error.to_string()),
        }
    }
}

/// Somebody who has proven who they are at Telegram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// Who; `subject` and `other_id` are the number by which bots know them.
    pub person: External,
    /// The same for the same proof, however it is written.
    pub mark: String,
    /// Until when the mark must be kept.
    pub until: Timestamp,
}

/// Checks the fields of the Login Widget.
///
/// # Errors
/// [`ProofError`].
pub fn check_widget(fields: &Fields, signers: &Signers, now: Timestamp) -> Result<Proven, ProofError> {
    check_shape(fields)?;
    let hash = hash_of(fields)?;
    let lines = lines(fields, &["hash"]);
    let is_it = |bot: &&BotToken| is_hmac(&Sha256::digest(bot.token.expose().as_bytes()), &lines, &hash);
    let bot = signers.tokens.iter().find(is_it).ok_or(ProofError::Forged)?;
    let until = time_of(fields, WIDGET_LIFE, now)?;
    let id = field(fields, "id").and_then(number).ok_or(ProofError::Malformed("id"))?;
    let name = |name| field(fields, name).unwrap_or_default();
    let person = person((id, name("first_name"), name("last_name")), now);
    Ok(Proven { person, mark: mark("widget", bot.id, &lines), until })
}

/// The part of a Mini App's `user` that is looked at.
#[derive(Deserialize)]
struct WebAppUser {
    id: i64,
    #[serde(default)]
    is_bot: bool,
    #[serde(default)]
    first_name: String,
    #[serde(default)]
    last_name: String,
}

/// Checks the `initData` that a Mini App was opened with, as it came.
///
/// # Errors
/// [`ProofError`].
pub fn check_init_data(init_data: &str, signers: &Signers, now: Timestamp) -> Result<Proven, ProofError> {
    if init_data.len() > LONGEST {
        return Err(ProofError::Malformed("too long"));
    }
    let fields: Vec<(String, String)> = form_urlencoded::parse(init_data.as_bytes()).into_owned().collect();
    check_shape(&fields)?;
    let bare = lines(&fields, &["hash", "signature"]);
    let bot = signed_by_token(&fields, signers, &bare)
        .or_else(|| signed_by_telegram(&fields, signers, &bare))
        .ok_or(ProofError::Forged)?;
    let until = time_of(&fields, MINI_APP_LIFE, now)?;
    let user = field(&fields, "user").ok_or(ProofError::Malformed("user"))?;
    let user: WebAppUser = serde_json::from_str(user).map_err(|_| ProofError::Malformed("user"))?;
    if user.is_bot || user.id <= 0 {
        return Err(ProofError::Malformed("user"));
    }
    let person = person((user.id, &user.first_name, &user.last_name), now);
    Ok(Proven { person, mark: mark("mini-app", bot, &bare), until })
}

/// The bot whose token has made `hash`. The vendor's is over `signature`, too; some libraries' is not, and either is good, for
/// nothing but the signature itself would be left out.
fn signed_by_token(fields: &Fields, signers: &Signers, bare: &str) -> Option<i64> {
    let hash = hash_of(fields).ok()?;
    let whole = lines(fields, &["hash"]);
    let is_it = |bot: &&BotToken| {
        hmac(b"WebAppData", bot.token.expose()).is_some_and(|mac| {
            let key = mac.finalize().into_bytes();
            is_hmac(&key, &whole, &hash) || is_hmac(&key, bare, &hash)
        })
    };
    signers.tokens.iter().find(is_it).map(BotToken::id)
}

/// The bot for which Telegram has signed.
fn signed_by_telegram(fields: &Fields, signers: &Signers, bare: &str) -> Option<i64> {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let signature = URL_SAFE_NO_PAD.decode(field(fields, "signature")?.trim_end_matches('=')).ok()?;
    let is_it = |bot: &&i64| {
        let message = format!("{bot}:WebAppData\n{bare}");
        signature.len() == 64 && signers.keys.iter().any(|key| key.has_signed(&message, &signature))
    };
    signers.bots.iter().find(is_it).copied()
}

fn check_shape(fields: &Fields) -> Result<(), ProofError> {
    let length: usize = fields.iter().map(|(key, value)| key.len() + value.len() + 2).sum();
    if fields.len() > MOST_FIELDS || length > LONGEST {
        return Err(ProofError::Malformed("too long"));
    }
    let mut names: Vec<&str> = fields.iter().map(|(key, _)| key.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|two| two[0] == two[1]) {
        return Err(ProofError::Malformed("a field stands there twice"));
    }
    // A value with a line break could be read as two fields; Telegram's have none.
    let is_plain = |text: &str| !text.contains(['\n', '\r', '\0']);
    match fields.iter().all(|(key, value)| is_plain(key) && is_plain(value) && !key.contains('=')) {
        true => Ok(()),
        false => Err(ProofError::Malformed("a line break")),
    }
}

fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// `key=value` in lines, sorted by key.
fn lines(fields: &Fields, without: &[&str]) -> String {
    let mut kept: Vec<&(String, String)> = fields.iter().filter(|(key, _)| !without.contains(&key.as_str())).collect();
    kept.sort_unstable();
    let lines: Vec<String> = kept.iter().map(|(key, value)| format!("{key}={value}")).collect();
    lines.join("\n")
}

fn hash_of(fields: &Fields) -> Result<Vec<u8>, ProofError> {
    let hash = field(fields, "hash").and_then(bytes_of).filter(|hash| hash.len() == 32);
    hash.ok_or(ProofError::Malformed("hash"))
}

/// Every key will do: a long one is hashed first.
fn hmac(key: &[u8], text: &str) -> Option<Hmac<Sha256>> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(mac)
}

/// Takes the same time whatever differs.
fn is_hmac(key: &[u8], text: &str, hash: &[u8]) -> bool {
    hmac(key, text).is_some_and(|mac| mac.verify_slice(hash).is_ok())
}

/// Until when it is good.
fn time_of(fields: &Fields, life: i64, now: Timestamp) -> Result<Timestamp, ProofError> {
    let at = field(fields, "auth_date").and_then(number).map(Timestamp);
    let at = at.ok_or(ProofError::Malformed("auth_date"))?;
    match now.since(at) {
        age if age > life => Err(ProofError::Old),
        age if age < -AHEAD => Err(ProofError::Ahead),
        _ => Ok(at.plus(life)),
    }
}

/// A positive number in its only spelling.
fn number(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    (number > 0 && number.to_string() == text).then_some(number)
}

/// Hexadecimal in lower case.
fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let is_hex = hex.len().is_multiple_of(2) && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let pairs = hex.as_bytes().chunks_exact(2).filter(|_| is_hex);
    let bytes: Vec<u8> = pairs
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    (is_hex && !bytes.is_empty()).then_some(bytes)
}

fn person((id, first, last): (i64, &str, &str), now: Timestamp) -> External {
    // People write their names themselves.
    let plain = |text: &str| -> String { text.chars().filter(|c| !disguises(*c)).take(LONGEST_NAME).collect() };
    let name = format!("{} {}", plain(first).trim(), plain(last).trim());
    let id = id.to_string();
    External {
        other_id: Some(id.clone()),
        name: Some(name.trim().to_owned()).filter(|name| !name.is_empty()),
        ..External::new(NAME, id, now)
    }
}

/// Over what was signed, so that neither another spelling nor another of its signatures makes another mark.
fn mark(form: &str, bot: i64, lines: &str) -> String {
    format!("telegram {form} {bot}\n{lines}")
}

#[cfg(test)]
mod tests;
