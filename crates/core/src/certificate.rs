//! Whom a certificate names and which one it is, as an account keeps it.
//!
//! A person is known by СНИЛС, else by their own ИНН, else (certificates without either, where an operator takes them) by the
//! key alone. Numbers have been checked by whoever read the certificate. Names prove nothing about an account: two people may
//! share them.

use serde::{Deserialize, Serialize};

use crate::id::{CertificateId, UserId};
use crate::organisation::{Named, Relation, Typed};
use crate::time::Timestamp;

/// Whom a certificate names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// What the person is called.
    pub name: String,
    /// Family name.
    pub surname: Option<String>,
    /// Given name and patronymic.
    pub given_name: Option<String>,
    /// Position in the organisation.
    pub title: Option<String>,
    /// An address that nobody has checked.
    pub email: Option<String>,
    /// СНИЛС, 11 digits.
    pub snils: Option<String>,
    /// The person's own ИНН, 12 digits.
    pub inn: Option<String>,
    /// The organisation that the person heads, or the person's own trade.
    pub organisation: Option<Business>,
    /// Which certificate it is.
    pub certificate: Facts,
}

/// An organisation or a trade that a certificate names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Business {
    /// ИНН: 10 digits of an organisation, 12 of a sole proprietor.
    pub inn: String,
    /// ОГРН or ОГРНИП; empty: not in the certificate.
    pub ogrn: String,
    /// Its name.
    pub name: String,
    /// What the person is to it.
    pub relation: Relation,
}

impl Business {
    /// The same in the form in which organisations are kept; `None` when a number or the name cannot be one.
    #[must_use]
    pub fn named(&self) -> Option<Named> {
        let Self { inn, ogrn, name, .. } = self;
        Named::read(Typed { inn, kpp: "", ogrn, name }).ok()
    }
}

/// Which certificate it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Who issued it, for people.
    pub issuer: String,
    /// Its serial number, hex.
    pub serial: String,
    /// SHA-256 of the certificate, hex.
    pub sha256: String,
    /// SHA-256 of its public key (SubjectPublicKeyInfo), hex.
    pub key: String,
    /// Valid up to and including this second.
    pub not_after: Timestamp,
    /// Whether it is a qualified one (63-ФЗ).
    pub is_qualified: bool,
}

impl Holder {
    /// By which of СНИЛС, ИНН and key the account is looked up; the key only where there is no number.
    #[must_use]
    pub fn numbers(&self) -> Numbers<'_> {
        let is_numbered = self.snils.is_some() || self.inn.is_some();
        Numbers {
            snils: self.snils.as_deref(),
            inn: self.inn.as_deref(),
            key: (!is_numbered).then_some(self.certificate.key.as_str()),
        }
    }

    /// Whether another certificate may be this person's next one: no number of theirs may contradict it.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        let differ = |a: &Option<String>, b: &Option<String>| matches!((a, b), (Some(a), Some(b)) if a != b);
        !differ(&self.snils, &other.snils) && !differ(&self.inn, &other.inn)
    }

    /// What the person's next certificate says. A number that it leaves out stays: what contradicts it must not pass later.
    #[must_use]
    pub fn renewed(&self, next: &Self) -> Self {
        Self {
            snils: next.snils.clone().or_else(|| self.snils.clone()),
            inn: next.inn.clone().or_else(|| self.inn.clone()),
            ..next.clone()
        }
    }
}

/// By what an account is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers<'a> {
    /// СНИЛС.
    pub snils: Option<&'a str>,
    /// The person's own ИНН.
    pub inn: Option<&'a str>,
    /// SHA-256 of the key.
    pub key: Option<&'a str>,
}

/// A certificate that belongs to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// Its id; a newer certificate of the same person keeps it.
    pub id: CertificateId,
    /// Whose account.
    pub user_id: UserId,
    /// Whom it names, as of the last one that was used.
    pub holder: Holder,
    /// Since when.
    pub linked_at: Timestamp,
    /// When somebody last signed in with it.
    pub used_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(snils: Option<&str>, inn: Option<&str>) -> Holder {
        Holder {
            name: "Иванова Анна Петровна".to_owned(),
            surname: Some("Иванова".to_owned()),
            given_name: Some("Анна Петровна".to_owned()),
            title: None,
            email: None,
            snils: snils.map(str::to_owned),
            inn: inn.map(str::to_owned),
            organisation: None,
            certificate: Facts {
                issuer: "УЦ".to_owned(),
                serial: "01".to_owned(),
                sha256: "aa".to_owned(),
                key: "bb".to_owned(),
                not_after: Timestamp(5),
                is_qualified: true,
            },
        }
    }

    #[test]
    fn the_key_names_somebody_only_where_no_number_does() {
        assert_eq!(holder(None, None).numbers().key, Some("bb"));
        assert_eq!(holder(None, Some("500100732259")).numbers().key, None);
        assert_eq!(holder(Some("11223344595"), None).numbers().snils, Some("11223344595"));
    }

    #[test]
    fn a_number_that_differs_contradicts_and_one_that_is_missing_does_not() {
        let known = holder(Some("11223344595"), Some("500100732259"));
        assert!(known.agrees_with(&holder(Some("11223344595"), None)));
        assert!(known.agrees_with(&holder(None, Some("500100732259"))));
        assert!(!known.agrees_with(&holder(Some("11223344595"), Some("500100732260"))));
        assert!(!known.agrees_with(&holder(Some("00000000001"), Some("500100732259"))));
    }

    #[test]
    fn a_number_that_the_next_certificate_leaves_out_stays() {
        let known = holder(Some("11223344595"), Some("500100732259"));
        let next = holder(None, Some("500100732259"));
        assert_eq!(known.renewed(&next).numbers(), known.numbers());
        assert_eq!(next.renewed(&known).numbers(), known.numbers());
        assert!(!known.renewed(&next).agrees_with(&holder(Some("00000000001"), Some("500100732259"))));
    }
}
