//! Organisations that a person acts for: what names one, who said so, and which of them a client gets.
//!
//! An ИНН is checked by its control digits (order of the ФНС of 2012-06-29, ММВ-7-6/435@, annex 1: ten digits for an organisation,
//! twelve for a person), an ОГРН by its own (order of the Минфин of 2017-10-30, 165н). A right control digit proves nothing
//! about the person: the proof says who vouches.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{ClientId, OrganisationId};
use crate::text::disguises;
use crate::time::Timestamp;

/// How many organisations one person may have.
pub const MOST: usize = 50;
/// The longest name, characters.
const LONGEST_NAME: usize = 300;

/// What the person is to the organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Relation {
    /// Works there or acts for it.
    Employee,
    /// Heads it.
    Head,
    /// Is it: a sole proprietor.
    Entrepreneur,
}

impl Relation {
    /// The name in claims and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Employee => "employee",
            Self::Head => "head",
            Self::Entrepreneur => "entrepreneur",
        }
    }
}

/// Who vouches for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Proof {
    /// The person alone.
    Stated,
    /// Whoever invited the person into it: an administrator or a client that may invite.
    Invitation,
    /// A qualified certificate that names the organisation and the person.
    Certificate,
    /// Госуслуги, where the person has a role in it.
    Esia,
    /// An administrator of the provider.
    Administrator,
}

impl Proof {
    /// The name in claims and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stated => "stated",
            Self::Invitation => "invitation",
            Self::Certificate => "certificate",
            Self::Esia => "esia",
            Self::Administrator => "administrator",
        }
    }
}

/// What names an organisation, in normal form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    inn: String,
    kpp: String,
    ogrn: String,
    name: String,
}

/// What names an organisation, as typed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Typed<'a> {
    /// ИНН.
    pub inn: &'a str,
    /// КПП, or nothing.
    pub kpp: &'a str,
    /// ОГРН or ОГРНИП, or nothing.
    pub ogrn: &'a str,
    /// The name.
    pub name: &'a str,
}

/// The part that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadOrganisation {
    /// The ИНН.
    #[error("an INN has 10 or 12 digits, the last of which are control digits")]
    Inn,
    /// The КПП.
    #[error("a KPP has 9 characters and belongs to an INN of 10 digits")]
    Kpp,
    /// The ОГРН.
    #[error("an OGRN has 13 digits, an OGRNIP 15, the last of which is a control digit")]
    Ogrn,
    /// The name.
    #[error("the name must have 1 to 300 characters without control characters")]
    Name,
}

impl Named {
    /// Reads what was typed; spaces around a part do not matter.
    ///
    /// # Errors
    /// The first part that is wrong.
    pub fn read(typed: Typed<'_>) -> Result<Self, BadOrganisation> {
        let [inn, kpp, ogrn, name] = [typed.inn, typed.kpp, typed.ogrn, typed.name].map(str::trim);
        let kpp = kpp.to_uppercase();
        if !is_inn(inn) {
            return Err(BadOrganisation::Inn);
        }
        // A person has no КПП.
        let has_sound_kpp = kpp.is_empty() || (inn.len() == 10 && is_kpp(&kpp));
        if !has_sound_kpp {
            return Err(BadOrganisation::Kpp);
        }
        if !ogrn.is_empty() && !is_ogrn(ogrn, inn.len() == 12) {
            return Err(BadOrganisation::Ogrn);
        }
        // U+FFFD stands where a character was that could not be one.
        let hostile = |c: char| disguises(c) || c == '\u{fffd}';
        if !(1..=LONGEST_NAME).contains(&name.chars().count()) || name.chars().any(hostile) {
            return Err(BadOrganisation::Name);
        }
        Ok(Self {
            inn: inn.to_owned(),
            kpp,
            ogrn: ogrn.to_owned(),
            name: name.to_owned(),
        })
    }

    /// What it was read from, in normal form.
    #[must_use]
    pub fn parts(&self) -> Typed<'_> {
        Typed {
            inn: &self.inn,
            kpp: &self.kpp,
            ogrn: &self.ogrn,
            name: &self.name,
        }
    }

    /// What the person is to it unless somebody says otherwise: an ИНН of twelve digits is a person's own.
    #[must_use]
    pub fn relation(&self) -> Relation {
        if self.inn.len() == 12 {
            Relation::Entrepreneur
        } else {
            Relation::Employee
        }
    }

    /// As somebody's organisation.
    #[must_use]
    pub fn of_person(self, id: OrganisationId, (relation, proof): (Relation, Proof), at: Timestamp) -> Organisation {
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        Organisation {
            id,
            inn: self.inn,
            kpp: given(self.kpp),
            ogrn: given(self.ogrn),
            name: self.name,
            relation,
            proof,
            proof_time: at,
        }
    }
}

/// The weights of the eleventh digit of a person's ИНН are the last ten, of the tenth digit of an organisation's the last nine.
const WEIGHTS: [u32; 11] = [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8];

fn is_inn(text: &str) -> bool {
    let Some(digits) = digits(text) else { return false };
    let control = |at: usize| {
        let weights = &WEIGHTS[WEIGHTS.len() - at..];
        let sum: u32 = digits[..at].iter().zip(weights).map(|(digit, weight)| digit * weight).sum();
        sum % 11 % 10 == digits[at]
    };
    let is_zero = digits.iter().all(|digit| *digit == 0);
    match digits.len() {
        10 => control(9) && !is_zero,
        12 => control(10) && control(11) && !is_zero,
        _ => false,
    }
}

fn is_kpp(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_digit = |b: &u8| b.is_ascii_digit();
    bytes.len() == 9
        && bytes[..4].iter().all(is_digit)
        && bytes[4..6].iter().all(|b| is_digit(b) || b.is_ascii_uppercase())
        && bytes[6..].iter().all(is_digit)
}

fn is_ogrn(text: &str, is_person: bool) -> bool {
    let (length, modulus) = if is_person { (15, 13) } else { (13, 11) };
    let Some(digits) = digits(text).filter(|digits| digits.len() == length) else {
        return false;
    };
    let (number, control) = digits.split_at(length - 1);
    let number = number.iter().fold(0_u64, |sum, digit| sum * 10 + u64::from(*digit));
    number > 0 && number % modulus % 10 == u64::from(control[0])
}

fn digits(text: &str) -> Option<Vec<u32>> {
    if text.len() > 15 {
        return None;
    }
    text.bytes().map(|b| b.is_ascii_digit().then(|| u32::from(b - b'0'))).collect()
}

/// An organisation that a person acts for; also the claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organisation {
    /// Names it beside the person's others.
    pub id: OrganisationId,
    /// ИНН: 10 digits, or 12 of a person.
    pub inn: String,
    /// КПП.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kpp: Option<String>,
    /// ОГРН or ОГРНИП.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ogrn: Option<String>,
    /// Its name.
    pub name: String,
    /// What the person is to it.
    pub relation: Relation,
    /// Who vouches for it.
    pub proof: Proof,
    /// Since when.
    pub proof_time: Timestamp,
}

/// A person's organisations, and for which of them they act in which product.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organisations {
    /// The organisations, the first first.
    pub list: Vec<Organisation>,
    /// The choices.
    pub chosen: BTreeMap<ClientId, OrganisationId>,
    /// «Код партнёра», as given to a product while registering.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub partner_codes: BTreeMap<ClientId, String>,
}

/// Reads «Код партнёра»: 1 to 64 letters, digits and `-_./`, kept as they stand. `None`: it is none.
#[must_use]
pub fn partner_code(typed: &str) -> Option<String> {
    let typed = typed.trim();
    let is_sound = (1..=64).contains(&typed.chars().count())
        && typed.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'));
    is_sound.then(|| typed.to_owned())
}

impl Organisations {
    /// The organisation that the person acts for in this product: the only one, or the chosen one.
    #[must_use]
    pub fn of_client(&self, client: &ClientId) -> Option<&Organisation> {
        if let [only] = self.list.as_slice() {
            return Some(only);
        }
        let chosen = self.chosen.get(client)?;
        self.list.iter().find(|one| one.id == *chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(inn: &str, kpp: &str, ogrn: &str, name: &str) -> Result<Named, BadOrganisation> {
        Named::read(Typed { inn, kpp, ogrn, name })
    }

    #[test]
    fn sound_numbers_are_read_in_normal_form() {
        let named = read(" 7707083893 ", "7736ab001", "1027700132195", " ПАО «Проба» ").unwrap();
        assert_eq!(
            (named.inn.as_str(), named.kpp.as_str(), named.name.as_str()),
            ("7707083893", "7736AB001", "ПАО «Проба»")
        );
        assert_eq!(named.relation(), Relation::Employee);
        assert_eq!(read("500100732259", "", "", "ИП").unwrap().relation(), Relation::Entrepreneur);
        assert!(read("7707083893", "", "", "П").is_ok());
    }

    #[test]
    fn each_part_that_cannot_be_is_refused_by_its_name() {
        let long = "7".repeat(10_000);
        for inn in [
            "",
            "7707083894",
            "770708389",
            "77070838930",
            "770708389A",
            "７７０７０８３８９３",
            "0000000000",
            "500100732250",
            "500100732269",
            &long,
            "7707083893\n1",
        ] {
            assert_eq!(read(inn, "", "", "П"), Err(BadOrganisation::Inn), "{inn}");
        }
        for kpp in ["77360100", "7736010011", "ABCD01001", "7736!!001", "7736ЖЖ001"] {
            assert_eq!(read("7707083893", kpp, "", "П"), Err(BadOrganisation::Kpp), "{kpp}");
        }
        assert_eq!(read("500100732259", "773601001", "", "П"), Err(BadOrganisation::Kpp));
        for ogrn in ["1027700132196", "102770013219", "0000000000000", "304500116000157"] {
            assert_eq!(read("7707083893", "", ogrn, "П"), Err(BadOrganisation::Ogrn), "{ogrn}");
        }
        for name in ["", "  ", "a\u{0}b", "П\u{202e}", "a\u{fffd}b", &"я".repeat(301)] {
            assert_eq!(read("7707083893", "", "", name), Err(BadOrganisation::Name), "{name}");
        }
    }

    #[test]
    fn a_partners_code_is_kept_as_it_stands() {
        assert_eq!(partner_code(" А-12/b.3_4 ").as_deref(), Some("А-12/b.3_4"));
        for bad in ["", "  ", "a b", "<b>", "a\nb", &"1".repeat(65)] {
            assert_eq!(partner_code(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_only_one_is_the_clients_and_of_several_the_chosen_one() {
        let (a, b) = (ClientId::from("a"), ClientId::from("b"));
        let one = |id: &str| {
            let named = read("7707083893", "", "", "П").unwrap();
            named.of_person(OrganisationId::from(id), (Relation::Head, Proof::Stated), Timestamp(5))
        };
        let mut held = Organisations::default();
        assert_eq!(held.of_client(&a), None);
        held.list.push(one("1"));
        assert_eq!(held.of_client(&a).unwrap().id.as_str(), "1");
        held.list.push(one("2"));
        assert_eq!(held.of_client(&a), None);
        held.chosen.insert(a.clone(), OrganisationId::from("2"));
        held.chosen.insert(b.clone(), OrganisationId::from("gone"));
        assert_eq!(held.of_client(&a).unwrap().id.as_str(), "2");
        assert_eq!(held.of_client(&b), None);
    }
}
