//! Invitations: what an inviter may ask for, and what becomes of one.
//!
//! A request is a JSON object with `phone` or `email`, and where wanted `organisation` (`inn`, `kpp`, `ogrn`, `name`),
//! `partner_code`, `client_id` and `language`. Everything that is wrong is named at once; what is not known is wrong.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::contact::{Contact, ContactKind};
use crate::id::ClientId;
use crate::language::Language;
use crate::organisation::{BadOrganisation, Named, Typed, partner_code};
use crate::time::Timestamp;

/// What may stand in a request.
const MEMBERS: [&str; 6] = ["phone", "email", "organisation", "partner_code", "client_id", "language"];
/// What may stand in its organisation.
const PARTS: [&str; 4] = ["inn", "kpp", "ogrn", "name"];

/// The organisation that somebody is invited into: what [`Named::parts`] gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// ИНН.
    pub inn: String,
    /// КПП, or nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kpp: String,
    /// ОГРН or ОГРНИП, or nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ogrn: String,
    /// The name.
    pub name: String,
}

impl From<&Named> for Parts {
    fn from(named: &Named) -> Self {
        let Typed { inn, kpp, ogrn, name } = named.parts();
        let [inn, kpp, ogrn, name] = [inn, kpp, ogrn, name].map(str::to_owned);
        Self { inn, kpp, ogrn, name }
    }
}

impl Parts {
    /// The organisation, checked again.
    ///
    /// # Errors
    /// When it was kept by something else than this program.
    pub fn named(&self) -> Result<Named, BadOrganisation> {
        Named::read(Typed {
            inn: &self.inn,
            kpp: &self.kpp,
            ogrn: &self.ogrn,
            name: &self.name,
        })
    }
}

/// What comes with an invitation beside the contact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Particulars {
    /// The organisation that the person joins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Parts>,
    /// «Код партнёра» that the product gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner_code: Option<String>,
    /// The product that the person goes to afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
    /// The language of the message.
    pub language: Language,
}

/// What an inviter asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who is invited.
    pub contact: Contact,
    /// The rest.
    pub particulars: Particulars,
}

/// A member that cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadField {
    /// Its name; of the organisation with `organisation.` before it.
    pub field: String,
    /// What is wrong with it.
    pub detail: String,
}

impl BadField {
    /// A member and what is wrong with it.
    #[must_use]
    pub fn new(field: &str, detail: impl std::fmt::Display) -> Self {
        Self { field: field.to_owned(), detail: detail.to_string() }
    }
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(object: &Map<String, Value>) -> Result<Self, Vec<BadField>> {
        let mut bad = Vec::new();
        let strange = object.keys().filter(|name| !MEMBERS.contains(&name.as_str()));
        bad.extend(strange.map(|name| BadField::new(name, "is not known here")));
        let contact = contact(object, &mut bad);
        let organisation = organisation(object, &mut bad);
        let code = text(object, "partner_code", &mut bad).and_then(|typed| {
            let code = partner_code(typed);
            if code.is_none() {
                bad.push(BadField::new("partner_code", "must have 1 to 64 letters, digits or -_./"));
            }
            code
        });
        if code.is_some() && !object.contains_key("client_id") {
            bad.push(BadField::new("partner_code", "needs client_id: it is given to that product"));
        }
        let client_id = text(object, "client_id", &mut bad).map(ClientId::from);
        let language = text(object, "language", &mut bad).map_or(Some(Language::default()), |tag| {
            let known = Language::ALL.into_iter().find(|language| language.code() == tag);
            if known.is_none() {
                bad.push(BadField::new("language", "must be ru or en"));
            }
            known
        });
        match (contact, language) {
            (Some(contact), Some(language)) if bad.is_empty() => Ok(Self {
                contact,
                particulars: Particulars { organisation, partner_code: code, client_id, language },
            }),
            _ => Err(bad),
        }
    }
}

fn text<'a>(object: &'a Map<String, Value>, name: &str, bad: &mut Vec<BadField>) -> Option<&'a str> {
    let value = object.get(name)?;
    if value.is_string() {
        return value.as_str();
    }
    bad.push(BadField::new(name, "must be a string"));
    None
}

fn contact(object: &Map<String, Value>, bad: &mut Vec<BadField>) -> Option<Contact> {
    let kinds = [ContactKind::Phone, ContactKind::Email];
    let given: Vec<ContactKind> = kinds.into_iter().filter(|kind| object.contains_key(kind.as_str())).collect();
    let [kind] = given.as_slice() else {
        bad.push(BadField::new("phone", "one of phone and email must be given, and not both"));
        return None;
    };
    let typed = text(object, kind.as_str(), bad)?;
    let contact = Contact::parse(*kind, typed);
    if contact.is_none() {
        let detail = match kind {
            ContactKind::Phone => "is no phone number; write it as +79161234567",
            ContactKind::Email => "is no e-mail address",
        };
        bad.push(BadField::new(kind.as_str(), detail));
    }
    contact
}

fn organisation(object: &Map<String, Value>, bad: &mut Vec<BadField>) -> Option<Parts> {
    let value = object.get("organisation")?;
    let Some(parts) = value.as_object() else {
        bad.push(BadField::new("organisation", "must be an object"));
        return None;
    };
    let before = bad.len();
    let mut wrong = |part: &str, detail: &str| bad.push(BadField::new(&format!("organisation.{part}"), detail));
    for (part, value) in parts {
        if !PARTS.contains(&part.as_str()) {
            wrong(part, "is not known here");
        } else if !value.is_string() {
            wrong(part, "must be a string");
        }
    }
    if bad.len() > before {
        return None;
    }
    let part = |name: &str| parts.get(name).and_then(Value::as_str).unwrap_or_default();
    let typed = Typed {
        inn: part("inn"),
        kpp: part("kpp"),
        ogrn: part("ogrn"),
        name: part("name"),
    };
    match Named::read(typed) {
        Ok(named) => Some(Parts::from(&named)),
        Err(wrong) => {
            let part = match wrong {
                BadOrganisation::Inn => "inn",
                BadOrganisation::Kpp => "kpp",
                BadOrganisation::Ogrn => "ogrn",
                BadOrganisation::Name => "name",
            };
            bad.push(BadField::new(&format!("organisation.{part}"), wrong));
            None
        }
    }
}

/// What became of an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It waits for its code.
    Pending,
    /// It led to an account or into an organisation.
    Accepted,
    /// Its inviter took it back, or invited anew.
    Withdrawn,
    /// Its time is over.
    Expired,
    /// No try of its code is left.
    Spent,
}

impl State {
    /// The name in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Spent => "spent",
        }
    }
}

/// An invitation as it is remembered, without its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Its id; no secret.
    pub id: crate::id::InvitationId,
    /// The client that invites; `None`: an administrator.
    pub inviter: Option<ClientId>,
    /// Who is invited.
    pub contact: Contact,
    /// What comes with it.
    pub particulars: Particulars,
    /// How many tries are left.
    pub attempts_left: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its code ends.
    pub expires_at: Timestamp,
    /// When it was accepted.
    pub used_at: Option<Timestamp>,
    /// Whose account it led to.
    pub user_id: Option<crate::id::UserId>,
    /// When it was withdrawn.
    pub withdrawn_at: Option<Timestamp>,
}

impl Invitation {
    /// What has become of it by `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> State {
        if self.used_at.is_some() {
            State::Accepted
        } else if self.withdrawn_at.is_some() {
            State::Withdrawn
        } else if self.expires_at <= now {
            State::Expired
        } else if self.attempts_left <= 0 {
            State::Spent
        } else {
            State::Pending
        }
    }

    /// What its inviter is told of it.
    #[must_use]
    pub fn described(&self, now: Timestamp) -> Map<String, Value> {
        let mut said = Map::new();
        said.insert("id".to_owned(), self.id.as_str().into());
        said.insert(self.contact.kind().as_str().to_owned(), self.contact.value().into());
        if let Value::Object(particulars) = serde_json::json!(self.particulars) {
            said.extend(particulars);
        }
        said.insert("state".to_owned(), self.state(now).as_str().into());
        said.insert("created_at".to_owned(), self.created_at.0.into());
        said.insert("expires_at".to_owned(), self.expires_at.0.into());
        said.extend(self.used_at.map(|at| ("accepted_at".to_owned(), at.0.into())));
        said
    }
}

/// Reads the code of an invitation as typed: `digits` of them, however grouped. `None`: it is no such code.
#[must_use]
pub fn code(typed: &str) -> Option<String> {
    let is_gap = |c: char| c.is_whitespace() || matches!(c, '-' | '‐' | '‑' | '–' | '—' | '−' | '_' | '.');
    let digits: String = typed.chars().filter(|c| !is_gap(*c)).take(9).collect();
    ((6..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<Request, Vec<String>> {
        let Value::Object(object) = value else {
            panic!("an object")
        };
        Request::read(&object).map_err(|bad| bad.into_iter().map(|one| one.field).collect())
    }

    #[test]
    fn a_request_is_read_in_normal_form() {
        let request = read(json!({
            "phone": "8 (916) 123-45-67", "partner_code": " А-1 ", "client_id": "c", "language": "en",
            "organisation": {"inn": "7707083893", "kpp": "773601001", "name": " ПАО «Проба» "},
        }))
        .unwrap();
        assert_eq!(request.contact.value(), "+79161234567");
        let Particulars { organisation, partner_code, client_id, language } = request.particulars;
        assert_eq!(organisation.unwrap().name, "ПАО «Проба»");
        assert_eq!((partner_code.as_deref(), language), (Some("А-1"), Language::En));
        assert_eq!(client_id.unwrap().as_str(), "c");
        assert_eq!(read(json!({"email": "a@b.test"})).unwrap().particulars, Particulars::default());
    }

    #[test]
    fn every_member_that_cannot_be_had_is_named() {
        let phone = "+79161234567";
        for (request, fields) in [
            (json!({}), vec!["phone"]),
            (json!({"phone": phone, "email": "a@b.test"}), vec!["phone"]),
            (json!({"phone": 7}), vec!["phone"]),
            (json!({"phone": "12"}), vec!["phone"]),
            (json!({"email": "nobody"}), vec!["email"]),
            (json!({"phone": phone, "role": "owner"}), vec!["role"]),
            (json!({"phone": phone, "language": "de"}), vec!["language"]),
            (json!({"phone": phone, "language": null}), vec!["language"]),
            (json!({"phone": phone, "client_id": ["c"]}), vec!["client_id"]),
            (json!({"phone": phone, "partner_code": "1"}), vec!["partner_code"]),
            (json!({"phone": phone, "client_id": "c", "partner_code": "a b"}), vec!["partner_code"]),
            (json!({"phone": phone, "organisation": "П"}), vec!["organisation"]),
            (json!({"phone": phone, "organisation": {}}), vec!["organisation.inn"]),
            (
                json!({"phone": phone, "organisation": {"inn": 7707083893_i64, "x": ""}}),
                vec!["organisation.inn", "organisation.x"],
            ),
            (json!({"phone": phone, "organisation": {"inn": "7707083893"}}), vec!["organisation.name"]),
            (
                json!({"phone": phone, "organisation": {"inn": "7707083893", "kpp": "1", "name": "П"}}),
                vec!["organisation.kpp"],
            ),
            (
                json!({"phone": phone, "organisation": {"inn": "7707083893", "ogrn": "1", "name": "П"}}),
                vec!["organisation.ogrn"],
            ),
            (json!({"phone": "x", "language": "x", "y": 1}), vec!["y", "phone", "language"]),
        ] {
            assert_eq!(
                read(request.clone()),
                Err(fields.iter().map(|&field| field.to_owned()).collect()),
                "{request}"
            );
        }
    }

    #[test]
    fn digits_are_a_code_however_they_are_grouped_and_letters_are_none() {
        for typed in ["12345678", "1234 5678", " 1234-5678 ", "12 34—56_78"] {
            assert_eq!(code(typed).as_deref(), Some("12345678"), "{typed}");
        }
        assert_eq!(code("000000").as_deref(), Some("000000"));
        for typed in ["", "12345", "123456789", "1234567B", "BCDF-GHJK", "１２３４５６", "12345678\0"] {
            assert_eq!(code(typed), None, "{typed}");
        }
        assert_eq!(code(&"1".repeat(1_000_000)), None);
    }
}
