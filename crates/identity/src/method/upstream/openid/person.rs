//! What claims say of a person.

use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::external::{External, ExternalContact};
use kabinet_core::text::disguises;
use kabinet_core::time::Timestamp;
use serde_json::{Map, Value};

use super::{OpenIdSettings, UpstreamError, untrusted};

/// The longest text that is kept.
const LONGEST: usize = 255;

/// Reads claims, as the settings say where each stands.
pub(super) fn read(
    settings: &OpenIdSettings,
    claims: &Map<String, Value>,
    now: Timestamp,
) -> Result<External, UpstreamError> {
    let claim = |name: &str| find(claims, settings.claims.get(name).map_or(name, String::as_str));
    let text = |name: &str| claim(name).and_then(text_of);
    let subject = text("sub").ok_or_else(|| untrusted("there is no subject"))?;
    let mut person = External::new(&settings.name, subject, now);
    // Only where it is said to be an identifier: other providers have an `id` that is none.
    person.other_id = settings.claims.get("id").and_then(|path| find(claims, path)).and_then(text_of);
    // What pages show: without characters that hide or disguise others.
    let readable = |name: &str| text(name).filter(|text| !text.chars().any(disguises));
    person.family_name = readable("family_name");
    person.given_name = readable("given_name");
    person.middle_name = readable("middle_name");
    let full = [&person.family_name, &person.given_name, &person.middle_name];
    let full: Vec<&str> = full.into_iter().flatten().map(String::as_str).collect();
    person.name = readable("name")
        .or_else(|| (!full.is_empty()).then(|| full.join(" ")))
        .or_else(|| readable("preferred_username"));
    person.birthdate = readable("birthdate");
    person.gender = text("gender").filter(|gender| matches!(gender.as_str(), "female" | "male"));
    // Only the boolean: a text "true" is not what §5.1 calls verified.
    let is_true = |name: &str| claim(name) == Some(&Value::Bool(true));
    for (kind, name, verified) in [
        (ContactKind::Phone, "phone_number", "phone_number_verified"),
        (ContactKind::Email, "email", "email_verified"),
    ] {
        if kind == ContactKind::Email && settings.quirks.no_email {
            continue;
        }
        let parsed = text(name).and_then(|typed| contact(kind, &typed));
        person
            .contacts
            .extend(parsed.map(|contact| ExternalContact { contact, is_verified: is_true(verified) }));
    }
    Ok(person)
}

/// A phone may come without its plus sign.
fn contact(kind: ContactKind, typed: &str) -> Option<Contact> {
    let digits_alone = kind == ContactKind::Phone && typed.len() > 10 && typed.bytes().all(|b| b.is_ascii_digit());
    if digits_alone {
        return Contact::parse(kind, &format!("+{typed}"));
    }
    Contact::parse(kind, typed)
}

/// The value at a path: names joined by dots.
fn find<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut names = path.split('.');
    let first = claims.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name))
}

/// A text, or a whole number as text.
fn text_of(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) if !number.is_f64() => number.to_string(),
        _ => return None,
    };
    let is_sound = !text.is_empty() && text.chars().count() <= LONGEST && !text.chars().any(char::is_control);
    is_sound.then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Preset;
    use super::*;

    #[test]
    fn a_name_that_hides_or_reorders_what_stands_beside_it_is_left_out() {
        let settings = Preset::Openid.settings();
        let told = |value: Value| read(&settings, value.as_object().unwrap(), Timestamp(0)).unwrap();
        let person = told(
            json!({"sub": "1", "name": "Анна\u{202e}annA", "preferred_username": "anna", "given_name": "А\u{200b}"}),
        );
        assert_eq!((person.name.as_deref(), person.given_name), (Some("anna"), None));
        assert_eq!(told(json!({"sub": "1", "name": "Анна\u{0}"})).name, None);
        assert!(read(&settings, json!({"sub": "a\nb"}).as_object().unwrap(), Timestamp(0)).is_err());
    }
}
