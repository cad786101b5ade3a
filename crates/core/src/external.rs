//! Who somebody is elsewhere: what another provider (Госуслуги, Telegram, an OpenID provider) says of the person who has just
//! signed in there.
//!
//! A provider and its subject name one account there for ever; everything else is what that account says today. A contact that
//! the provider has verified is still only a hint about an account here: nothing links by it.

use serde::{Deserialize, Serialize};

use crate::contact::Contact;
use crate::organisation::Relation;
use crate::time::Timestamp;

/// How sure the provider is of who the person is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Assurance {
    /// Somebody controls an account there; no more.
    #[default]
    Unconfirmed,
    /// The provider has checked the person in person, or by what counts as that (подтверждённая учётная запись).
    Confirmed,
}

/// A contact that the provider tells of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalContact {
    /// The contact in normal form.
    pub contact: Contact,
    /// Whether the provider has verified it; only then is it offered as more than something typed.
    pub is_verified: bool,
}

/// A document of identity that the provider has verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalDocument {
    /// What it is.
    pub kind: DocumentKind,
    /// Series and number, without blanks.
    pub number: String,
    /// `YYYY-MM-DD`.
    pub issued_on: Option<String>,
    /// `YYYY-MM-DD`.
    pub expires_on: Option<String>,
    /// Who issued it.
    pub issuer: Option<String>,
}

/// Kinds of documents of identity, as OpenID Connect for Identity Assurance names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DocumentKind {
    /// What a citizen shows at home: the passport of a citizen of Russia.
    Idcard,
    /// A foreigner's document.
    Passport,
}

/// An organisation that the provider says the person acts for; not yet checked against the rules of
/// [`Named`](crate::organisation::Named).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalOrganisation {
    /// ИНН; without one nothing is kept.
    pub inn: String,
    /// КПП, or nothing.
    pub kpp: String,
    /// ОГРН or ОГРНИП, or nothing.
    pub ogrn: String,
    /// The name.
    pub name: String,
    /// What the person is to it.
    pub relation: Relation,
}

/// A person as another provider knows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct External {
    /// The name of the provider in the configuration: `esia`, `telegram`, `NAME`. Contours of one provider that must not
    /// mix have names of their own.
    pub upstream: String,
    /// The identifier there that is never given to another person (`sub`; the OID at Госуслуги), as text.
    pub subject: String,
    /// A second identifier of the same account, by which another form of the same sign-in knows it (Telegram's `id`).
    pub other_id: Option<String>,
    /// How sure the provider is.
    pub assurance: Assurance,
    /// What the person is called, for pages and for a new account.
    pub name: Option<String>,
    /// Surname.
    pub family_name: Option<String>,
    /// Given name.
    pub given_name: Option<String>,
    /// Patronymic.
    pub middle_name: Option<String>,
    /// `YYYY-MM-DD`.
    pub birthdate: Option<String>,
    /// `female` or `male`, as OpenID Connect Core §5.1 has it.
    pub gender: Option<String>,
    /// СНИЛС, 11 digits.
    pub snils: Option<String>,
    /// The person's own ИНН, 12 digits.
    pub inn: Option<String>,
    /// Contacts, the main one of a kind first.
    pub contacts: Vec<ExternalContact>,
    /// Documents of identity that the provider has verified.
    pub documents: Vec<ExternalDocument>,
    /// Organisations.
    pub organisations: Vec<ExternalOrganisation>,
    /// When the provider said so.
    pub at: Timestamp,
}

impl External {
    /// Somebody of whom nothing more is known yet.
    #[must_use]
    pub fn new(upstream: &str, subject: impl Into<String>, at: Timestamp) -> Self {
        Self {
            upstream: upstream.to_owned(),
            subject: subject.into(),
            other_id: None,
            assurance: Assurance::Unconfirmed,
            name: None,
            family_name: None,
            given_name: None,
            middle_name: None,
            birthdate: None,
            gender: None,
            snils: None,
            inn: None,
            contacts: Vec::new(),
            documents: Vec::new(),
            organisations: Vec::new(),
            at,
        }
    }
}
