//! Who a certificate names: a person, a sole trader, an organisation with its head, or an organisation's seal.
//!
//! Sources: the form of qualified certificates (ФСБ order 795 of 2011-12-27 as changed by order 31 of 2021-01-29;
//! R 1323565.1.023-2018). Read from the fields of the subject, never from its printed form. Numbers must have their check
//! digits; one that does not, is all zeros or stands there twice with two values, and ОГРНИП beside ОГРН, makes the whole
//! identity invalid, since nobody can say which person was meant.
//!
//! | kind | rule |
//! |---|---|
//! | sole trader | ОГРНИП |
//! | organisation and its head | ОГРН, ИННЮЛ or ИНН «00…», and surname with given name |
//! | seal: an organisation alone | the same without a person's name and СНИЛС |
//! | person | СНИЛС or ИНН of 12 digits, and no organisation |

use crate::name::Name;
use crate::oid;

/// What kind of subject a certificate names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A person.
    Person,
    /// A person who trades (индивидуальный предприниматель).
    SoleTrader,
    /// An organisation and the person who heads it or acts for it: two identities.
    Organisation,
    /// An organisation alone. It signs no person in.
    Seal,
    /// Nobody that Russian registers know.
    Other,
}

impl Kind {
    /// The name in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::SoleTrader => "sole_trader",
            Self::Organisation => "organisation",
            Self::Seal => "seal",
            Self::Other => "other",
        }
    }
}

/// The fields of a certificate's subject. Numbers are digits only and have been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// What kind it is.
    pub kind: Kind,
    /// CN: a person's or an organisation's name.
    pub common_name: Option<String>,
    /// SN.
    pub surname: Option<String>,
    /// G: given name and patronymic.
    pub given_name: Option<String>,
    /// O.
    pub organisation: Option<String>,
    /// The person's position.
    pub title: Option<String>,
    /// Not proven by the authority: a hint only.
    pub email: Option<String>,
    /// СНИЛС, 11 digits.
    pub snils: Option<String>,
    /// A person's ИНН, 12 digits.
    pub inn: Option<String>,
    /// An organisation's ИНН, 10 digits.
    pub inn_organisation: Option<String>,
    /// ОГРН, 13 digits.
    pub ogrn: Option<String>,
    /// ОГРНИП, 15 digits.
    pub ogrnip: Option<String>,
    /// The first field whose number is not one.
    pub invalid: Option<&'static str>,
}

impl Subject {
    pub(crate) fn of(name: &Name) -> Self {
        let text =
            |oid: &[u8]| name.values(oid).next().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let mut numbers = Numbers { name, invalid: None };
        let snils = numbers.one("snils", oid::SNILS, is_snils);
        let ogrn = numbers.one("ogrn", oid::OGRN, |digits| has_check_digit(digits, 13, 11));
        let ogrnip = numbers.one("ogrnip", oid::OGRNIP, |digits| has_check_digit(digits, 15, 13));
        let innle = numbers.one("innle", oid::INNLE, |digits| is_inn_10(without_zeros(digits)));
        let inn = numbers.one("inn", oid::INN, |digits| is_inn_12(digits) || is_inn_10(without_zeros(digits)));
        // Before ИННЮЛ there was a field for both: an organisation's ИНН stood in it behind two zeros.
        let (inn, of_organisation) = match inn {
            Some(inn) if is_inn_10(without_zeros(&inn)) => (None, Some(without_zeros(&inn).to_owned())),
            inn => (inn, None),
        };
        let innle = innle.map(|digits| without_zeros(&digits).to_owned());
        let differ = innle.is_some() && of_organisation.is_some() && innle != of_organisation;
        // A sole trader is a person: nobody is one and an organisation.
        let both = ogrn.is_some() && ogrnip.is_some();
        let mut subject = Self {
            kind: Kind::Other,
            common_name: text(oid::COMMON_NAME),
            surname: text(oid::SURNAME),
            given_name: text(oid::GIVEN_NAME),
            organisation: text(oid::ORGANISATION),
            title: text(oid::TITLE),
            email: text(oid::EMAIL),
            snils,
            inn,
            inn_organisation: innle.or(of_organisation),
            ogrn,
            ogrnip,
            invalid: numbers.invalid.or(differ.then_some("innle")).or(both.then_some("ogrnip")),
        };
        subject.kind = subject.classify();
        subject
    }

    fn classify(&self) -> Kind {
        let is_organisation = self.ogrn.is_some() || self.inn_organisation.is_some();
        let has_name = self.surname.is_some() && self.given_name.is_some();
        if self.ogrnip.is_some() {
            Kind::SoleTrader
        } else if is_organisation && has_name {
            Kind::Organisation
        } else if is_organisation && self.surname.is_none() && self.given_name.is_none() && self.snils.is_none() {
            Kind::Seal
        } else if !is_organisation && self.organisation.is_none() && (self.snils.is_some() || self.inn.is_some()) {
            Kind::Person
        } else {
            Kind::Other
        }
    }
}

/// Reads numbers and remembers the first that is none.
struct Numbers<'a> {
    name: &'a Name,
    invalid: Option<&'static str>,
}

impl Numbers<'_> {
    fn one(&mut self, field: &'static str, oid: &[u8], is_one: impl Fn(&str) -> bool) -> Option<String> {
        let mut values = self.name.values(oid);
        let first = values.next()?;
        let is_digits = first.bytes().all(|digit| digit.is_ascii_digit()) && first.bytes().any(|digit| digit != b'0');
        if is_digits && is_one(first) && values.all(|other| other == first) {
            return Some(first.to_owned());
        }
        self.invalid = self.invalid.or(Some(field));
        None
    }
}

/// The 10 digits of an organisation's ИНН that may stand behind two zeros.
fn without_zeros(digits: &str) -> &str {
    digits.strip_prefix("00").filter(|rest| rest.len() == 10).unwrap_or(digits)
}

fn weighted(digits: &str, weights: &[u32]) -> u32 {
    digits.bytes().zip(weights).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum()
}

fn digit(digits: &str, at: usize) -> u32 {
    digits.as_bytes().get(at).map_or(u32::MAX, |digit| u32::from(digit - b'0'))
}

fn is_inn_10(digits: &str) -> bool {
    digits.len() == 10 && weighted(digits, &[2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10 == digit(digits, 9)
}

fn is_inn_12(digits: &str) -> bool {
    digits.len() == 12
        && weighted(digits, &[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10 == digit(digits, 10)
        && weighted(digits, &[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10 == digit(digits, 11)
}

/// ОГРН (modulus 11) and ОГРНИП (modulus 13).
fn has_check_digit(digits: &str, length: usize, modulus: u64) -> bool {
    let number = digits.get(..length - 1).and_then(|body| body.parse::<u64>().ok());
    digits.len() == length && number.is_some_and(|number| number % modulus % 10 == u64::from(digit(digits, length - 1)))
}

fn is_snils(digits: &str) -> bool {
    let sum = weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101 % 100;
    // Numbers up to 001-001-998 were given out without check digits.
    digits.len() == 11 && (digits[..9] <= *"001001998" || digits[9..].parse() == Ok(sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(fields: &[(&[u8], &str)]) -> Subject {
        Subject::of(&Name::of(fields.iter().map(|(oid, text)| (oid.to_vec(), (*text).to_owned())).collect()))
    }

    const SNILS: (&[u8], &str) = (oid::SNILS, "11223344595");
    const INN: (&[u8], &str) = (oid::INN, "500100732259");
    const OGRN: (&[u8], &str) = (oid::OGRN, "1027700132195");
    const OGRNIP: (&[u8], &str) = (oid::OGRNIP, "304500116000157");
    const INNLE: (&[u8], &str) = (oid::INNLE, "7707083893");
    const SURNAME: (&[u8], &str) = (oid::SURNAME, "Иванова");
    const GIVEN: (&[u8], &str) = (oid::GIVEN_NAME, "Анна Петровна");
    const O: (&[u8], &str) = (oid::ORGANISATION, "ООО «Ромашка»");

    #[test]
    fn kinds_follow_from_the_fields() {
        for (fields, kind) in [
            (&[SNILS, INN, SURNAME, GIVEN][..], Kind::Person),
            (&[SNILS], Kind::Person),
            (&[INN], Kind::Person),
            (&[OGRNIP, SNILS, INN, SURNAME, GIVEN], Kind::SoleTrader),
            (&[OGRN, INNLE, SURNAME, GIVEN, SNILS, INN, O], Kind::Organisation),
            (&[INNLE, SURNAME, GIVEN], Kind::Organisation),
            (&[OGRN, INNLE, O], Kind::Seal),
            (&[(oid::INN, "007707083893"), O], Kind::Seal),
            (&[OGRN, SNILS], Kind::Other),
            (&[OGRN, SURNAME], Kind::Other),
            (&[SNILS, O], Kind::Other),
            (&[SURNAME, GIVEN, O], Kind::Other),
            (&[], Kind::Other),
        ] {
            let subject = subject(fields);
            assert_eq!((subject.kind, subject.invalid), (kind, None), "{fields:?}");
        }
    }

    #[test]
    fn an_organisations_number_stands_in_either_field_and_a_persons_beside_it() {
        let old = subject(&[(oid::INN, "007707083893")]);
        assert_eq!((old.inn, old.inn_organisation.as_deref()), (None, Some("7707083893")));
        let new = subject(&[INN, INNLE]);
        assert_eq!((new.inn.as_deref(), new.inn_organisation.as_deref()), (Some(INN.1), Some(INNLE.1)));
        let both = subject(&[(oid::INN, "007707083893"), INNLE]);
        assert_eq!((both.inn_organisation.as_deref(), both.invalid), (Some("7707083893"), None));
        assert_eq!(subject(&[(oid::INN, "007736207543"), INNLE]).invalid, Some("innle"));
    }

    #[test]
    fn a_number_without_its_check_digit_all_zeros_or_twice_makes_the_identity_invalid() {
        for (field, oid, text) in [
            ("snils", oid::SNILS, "11223344596"),
            ("snils", oid::SNILS, "00000000000"),
            ("snils", oid::SNILS, "112-233-445 95"),
            ("snils", oid::SNILS, "1122334459"),
            ("snils", oid::SNILS, ""),
            ("inn", oid::INN, "500100732258"),
            ("inn", oid::INN, "500100732249"),
            ("inn", oid::INN, "000000000000"),
            ("innle", oid::INNLE, "7707083892"),
            ("ogrn", oid::OGRN, "1027700132196"),
            ("ogrn", oid::OGRN, "102770013219"),
            ("ogrnip", oid::OGRNIP, "304500116000158"),
        ] {
            let subject = subject(&[(oid, text)]);
            assert_eq!((subject.invalid, subject.kind), (Some(field), Kind::Other), "{text}");
        }
        assert_eq!(subject(&[SNILS, (oid::SNILS, "08765430300")]).invalid, Some("snils"));
        assert_eq!(subject(&[SNILS, SNILS]).invalid, None);
        assert_eq!(subject(&[OGRN, OGRNIP]).invalid, Some("ogrnip"));
        assert_eq!(subject(&[(oid::SNILS, "11223344595\u{fffd}")]).invalid, Some("snils"));
    }

    #[test]
    fn the_check_digits_of_a_snils_wrap_at_100_and_101() {
        for good in ["11223344595", "08765430300", "08765430200", "00100199800", "00100199899"] {
            assert!(is_snils(good), "{good}");
        }
        assert!(!is_snils("08765430301"));
    }
}
