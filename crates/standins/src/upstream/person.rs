//! Who can sign in at the provider. Everybody is invented.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::openid::{Fault, Faults};

/// Somebody with an account at the provider; an empty text is a claim that is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Person {
    /// `sub`.
    pub subject: String,
    /// Surname.
    pub family_name: String,
    /// Given name.
    pub given_name: String,
    /// Address.
    pub email: String,
    /// Whether the provider has verified it.
    pub email_verified: bool,
    /// E.164.
    pub phone_number: String,
    /// Whether the provider has verified it.
    pub phone_number_verified: bool,
    /// `YYYY-MM-DD`.
    pub birthdate: String,
    /// `female` or `male`.
    pub gender: String,
}

impl Person {
    /// Those who are there at the start; the first is the one that the page proposes.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let person = |subject: &str, family_name: &str, given_name: &str| Self {
            subject: subject.to_owned(),
            family_name: family_name.to_owned(),
            given_name: given_name.to_owned(),
            ..Self::default()
        };
        vec![
            Self {
                email: "irina.polyakova@example.ru".to_owned(),
                email_verified: true,
                phone_number: "+79161110001".to_owned(),
                phone_number_verified: true,
                birthdate: "1988-04-12".to_owned(),
                gender: "female".to_owned(),
                ..person("248289761001", "Полякова", "Ирина")
            },
            Self {
                email: "oleg.tikhonov@example.ru".to_owned(),
                ..person("248289761002", "Тихонов", "Олег")
            },
            person("248289761003", "", ""),
        ]
    }

    /// What the page calls them.
    #[must_use]
    pub fn name(&self) -> String {
        let name = format!("{} {}", self.given_name, self.family_name);
        match name.trim() {
            "" => format!("Человек без имени, {}", self.subject),
            name => name.to_owned(),
        }
    }

    /// What these scopes tell of them (OpenID Connect Core §5.4).
    pub(crate) fn claims(&self, scopes: &[String], faults: &Faults) -> Map<String, Value> {
        let has = |scope: &str| scopes.iter().any(|one| one == scope);
        let mut claims = Map::new();
        let mut tell = |name: &str, value: Value| {
            if value != "" {
                claims.insert(name.to_owned(), value);
            }
        };
        tell("sub", json!(self.subject));
        if has("profile") {
            tell("name", json!(format!("{} {}", self.given_name, self.family_name).trim()));
            tell("family_name", json!(self.family_name));
            tell("given_name", json!(self.given_name));
            tell("birthdate", json!(self.birthdate));
            tell("gender", json!(self.gender));
        }
        if has("email") && !self.email.is_empty() {
            let is_other = faults.take(Fault::EmailChanged);
            let is_verified = self.email_verified && !faults.take(Fault::EmailUnverified);
            tell("email", json!(format!("{}{}", if is_other { "new-" } else { "" }, self.email)));
            tell("email_verified", json!(is_verified));
        }
        if has("phone") && !self.phone_number.is_empty() {
            tell("phone_number", json!(self.phone_number));
            tell("phone_number_verified", json!(self.phone_number_verified));
        }
        claims
    }
}
