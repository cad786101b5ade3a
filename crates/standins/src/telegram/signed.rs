//! What is signed with a bot's token: the fields of the Login Widget and the `initData` of Mini Apps.

use openssl::error::ErrorStack;
use openssl::sha::sha256;
use serde_json::{Map, Value};

use super::account::{Bot, User};
use crate::openid::{Fault, Faults, Key, encode, hmac};

/// Names and values in the order in which they are sent.
pub(crate) type Fields = Vec<(String, String)>;

const DAY: i64 = 86_400;

/// Whether the HMAC of `initData` is over the Ed25519 signature, too: libraries disagree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// It is over every field but itself.
    #[default]
    WithSignature,
    /// It is over every field but itself and the signature.
    WithoutSignature,
}

/// What is signed: `key=value` in lines, sorted by key.
fn lines(fields: &Fields, without: &[&str]) -> String {
    let mut lines: Vec<String> = fields
        .iter()
        .filter(|(key, _)| !without.contains(&key.as_str()))
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    lines.sort_unstable();
    lines.join("\n")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The fields of the widget, signed.
pub(crate) fn widget(bot: &Bot, user: &User, (faults, now): (&Faults, i64)) -> Result<Fields, ErrorStack> {
    let at = if faults.take(Fault::Old) { now - DAY } else { now };
    let mut fields: Fields = user.fields().into_iter().map(|(key, value)| (key.to_owned(), text(&value))).collect();
    fields.push(("auth_date".to_owned(), at.to_string()));
    let hash = hex(&hmac(&sha256(bot.token().as_bytes()), lines(&fields, &["hash"]).as_bytes())?);
    fields.push(("hash".to_owned(), hash));
    if faults.take(Fault::Forged) {
        let other = (user.id + 1).to_string();
        replace(&mut fields, "id", other);
    }
    Ok(spoilt(fields, faults))
}

/// `initData` of a Mini App that was opened just now, signed for its bot and for third parties.
pub(crate) fn init_data(
    bot: &Bot,
    user: &User,
    (key, reading): (&Key, Reading),
    (faults, now): (&Faults, i64),
) -> Result<String, ErrorStack> {
    let at = if faults.take(Fault::Old) { now - DAY } else { now };
    let person: Map<String, Value> = user.fields().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let mut fields: Fields = [
        ("query_id", "AAHdF6IQAAAAAN0XohDhrOrc".to_owned()),
        ("user", Value::Object(person).to_string()),
        ("auth_date", at.to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    let third_party = format!("{}:WebAppData\n{}", bot.id, lines(&fields, &[]));
    fields.push(("signature".to_owned(), encode(&key.sign(third_party.as_bytes())?)));
    let without: &[&str] = match reading {
        Reading::WithSignature => &[],
        Reading::WithoutSignature => &["signature"],
    };
    let secret = hmac(b"WebAppData", bot.token().as_bytes())?;
    let hash = hex(&hmac(&secret, lines(&fields, without).as_bytes())?);
    fields.push(("hash".to_owned(), hash));
    if faults.take(Fault::Forged) {
        let other = User { id: user.id + 1, ..user.clone() };
        let person: Map<String, Value> =
            other.fields().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        replace(&mut fields, "user", Value::Object(person).to_string());
    }
    Ok(form_urlencoded::Serializer::new(String::new())
        .extend_pairs(spoilt(fields, faults))
        .finish())
}

fn replace(fields: &mut Fields, name: &str, value: String) {
    if let Some((_, kept)) = fields.iter_mut().find(|(key, _)| key == name) {
        *kept = value;
    }
}

/// What happens to the fields on their way.
fn spoilt(mut fields: Fields, faults: &Faults) -> Fields {
    if faults.take(Fault::Extra) {
        fields.push(("is_admin".to_owned(), "1".to_owned()));
    }
    if faults.take(Fault::Twice)
        && let Some(first) = fields.first().cloned()
    {
        fields.push(first);
    }
    if faults.take(Fault::Reordered) {
        fields.reverse();
    }
    fields
}
