//! Who a person is, as ЕСИА's REST interface tells it, in the normal forms of this side.
//!
//! Fields that the scope does not cover are absent. A contact counts as verified where `vrfStu` says so of its `value`;
//! `verifyingValue` is a new one that nobody has proven, and is never read. A child's account (`KD`) is nobody who has been
//! confirmed in person.

use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::external::{
    Assurance, DocumentKind, External, ExternalContact, ExternalDocument, ExternalOrganisation,
};
use kabinet_core::organisation::Relation;
use kabinet_core::text::disguises;
use serde_json::{Map, Value};

use super::token::oid;

/// The longest name that is kept, in characters.
const LONGEST_NAME: usize = 100;
/// The longest name of an organisation, in characters.
const LONGEST_ORGANISATION: usize = 300;
/// The longest number of a document with its series, in characters.
const LONGEST_NUMBER: usize = 30;
/// Contacts that are read, at most.
pub(super) const MOST_CONTACTS: usize = 20;
/// Documents that are read, at most.
pub(super) const MOST_DOCUMENTS: usize = 20;
/// Roles that are read, at most.
pub(super) const MOST_ROLES: usize = 20;

/// What an id_token says of the account.
pub(super) struct Account {
    is_trusted: bool,
    is_child: bool,
}

impl Account {
    pub(super) fn of(claims: &Map<String, Value>) -> Self {
        let subject = claims.get("urn:esia:sbj").and_then(Value::as_object);
        let field = |name: &str| subject.and_then(|subject| subject.get(name));
        Self {
            // Absent where the account is not confirmed, never false.
            is_trusted: field("urn:esia:sbj:is_tru").and_then(Value::as_bool) == Some(true),
            is_child: field("urn:esia:sbj:lvl").and_then(Value::as_str) == Some("KD"),
        }
    }
}

/// The answer of `/rs/prns/{oid}`.
pub(super) struct Person(Map<String, Value>);

impl Person {
    pub(super) fn of(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    /// Whether the account is one that is in use.
    pub(super) fn is_there(&self) -> bool {
        self.text("status").is_none_or(|status| status.eq_ignore_ascii_case("registered"))
    }

    /// Whether ЕСИА is checking the person now.
    pub(super) fn is_verifying(&self) -> bool {
        self.0.get("verifying").and_then(Value::as_bool) == Some(true)
    }

    pub(super) fn assurance(&self, account: &Account) -> Assurance {
        // The scope may hide `trusted`; where it is there, both must say the same.
        let is_trusted = self.0.get("trusted").is_none_or(|trusted| trusted.as_bool() == Some(true));
        if account.is_trusted && is_trusted && !account.is_child {
            Assurance::Confirmed
        } else {
            Assurance::Unconfirmed
        }
    }

    /// Writes down what is told of the person.
    pub(super) fn describe(&self, external: &mut External) {
        let name = |field| self.text(field).and_then(|text| readable(text, LONGEST_NAME));
        external.family_name = name("lastName");
        external.given_name = name("firstName");
        external.middle_name = name("middleName");
        let parts = [&external.family_name, &external.given_name, &external.middle_name];
        let full: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        external.name = (!full.is_empty()).then(|| full.join(" "));
        external.birthdate = self.text("birthDate").and_then(date);
        external.gender = match self.text("gender") {
            Some("M") => Some("male".to_owned()),
            Some("F") => Some("female".to_owned()),
            _ => None,
        };
        // The control sum is not looked at: numbers below 001-001-998 have none.
        external.snils = self.text("snils").and_then(|text| digits(text, 11));
        external.inn = self.text("inn").and_then(|text| digits(text, 12));
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }
}

/// The contacts among the elements of `/ctts`, verified ones first.
pub(super) fn contacts(elements: &[Map<String, Value>]) -> Vec<ExternalContact> {
    let one = |element: &Map<String, Value>| {
        let text = |name: &str| element.get(name).and_then(Value::as_str);
        let kind = match text("type")? {
            "MBT" => ContactKind::Phone,
            "EML" => ContactKind::Email,
            // A work address (CEM) may be shared, and a home phone (PHN) gets no messages.
            _ => return None,
        };
        let contact = Contact::parse(kind, text("value")?)?;
        Some(ExternalContact { contact, is_verified: text("vrfStu") == Some("VERIFIED") })
    };
    let mut found: Vec<ExternalContact> = elements.iter().take(MOST_CONTACTS).filter_map(one).collect();
    found.sort_by_key(|one| !one.is_verified);
    found
}

/// The documents of identity among the elements of `/docs` that ЕСИА has verified.
pub(super) fn documents(elements: &[Map<String, Value>]) -> Vec<ExternalDocument> {
    let one = |element: &Map<String, Value>| {
        let text = |name: &str| element.get(name).and_then(Value::as_str);
        let kind = match (text("type")?, text("vrfStu")?) {
            ("RF_PASSPORT", "VERIFIED") => DocumentKind::Idcard,
            ("FID_DOC", "VERIFIED") => DocumentKind::Passport,
            _ => return None,
        };
        let written = [text("series"), text("number")].into_iter().flatten().flat_map(str::chars);
        let number: String = written.filter(|c| !c.is_whitespace()).collect();
        let is_number =
            (1..=LONGEST_NUMBER).contains(&number.chars().count()) && number.chars().all(char::is_alphanumeric);
        is_number.then_some(ExternalDocument {
            kind,
            number,
            issued_on: text("issueDate").and_then(date),
            expires_on: text("expiryDate").and_then(date),
            issuer: text("issuedBy").and_then(|text| readable(text, LONGEST_ORGANISATION)),
        })
    };
    elements.iter().take(MOST_DOCUMENTS).filter_map(one).collect()
}

/// A role of the person in an organisation, from `/roles`.
pub(super) struct Role {
    pub oid: String,
    ogrn: String,
    name: String,
    relation: Relation,
}

/// The roles that are in force.
pub(super) fn roles(elements: &[Map<String, Value>]) -> Vec<Role> {
    let one = |element: &Map<String, Value>| {
        let text = |name: &str| element.get(name).and_then(Value::as_str);
        let flag = |name: &str| element.get(name).and_then(Value::as_bool);
        if flag("active") == Some(false) || flag("isLiquidated") == Some(true) {
            return None;
        }
        let relation = match (text("type"), flag("chief")) {
            (Some("BUSINESS"), Some(true)) => Relation::Entrepreneur,
            (_, Some(true)) => Relation::Head,
            _ => Relation::Employee,
        };
        let name = text("shortName").or(text("fullName")).unwrap_or_default();
        Some(Role {
            oid: oid(element.get("oid"))?,
            ogrn: text("ogrn").unwrap_or_default().to_owned(),
            name: readable(name, LONGEST_ORGANISATION).unwrap_or_default(),
            relation,
        })
    };
    elements.iter().take(MOST_ROLES).filter_map(one).collect()
}

impl Role {
    /// The organisation with what the org step told of it; `person_inn`: the person's own, which is a sole proprietor's.
    /// Where nobody told its ИНН that is empty: the person acts for it, and more is not known. `None`: it is liquidated.
    pub(super) fn organisation(
        &self,
        told: Option<&Map<String, Value>>,
        person_inn: Option<&str>,
    ) -> Option<ExternalOrganisation> {
        if told.and_then(|told| told.get("isLiquidated")).and_then(Value::as_bool) == Some(true) {
            return None;
        }
        let text = |name: &str| told.and_then(|told| told.get(name)).and_then(Value::as_str);
        let own = person_inn.filter(|_| self.relation == Relation::Entrepreneur);
        let inn = text("inn").or(own).unwrap_or_default().trim().to_owned();
        let told_name = text("shortName")
            .or(text("fullName"))
            .and_then(|name| readable(name, LONGEST_ORGANISATION));
        Some(ExternalOrganisation {
            // A person has no КПП.
            kpp: text("kpp").filter(|_| inn.len() == 10).unwrap_or_default().trim().to_owned(),
            inn,
            ogrn: text("ogrn").unwrap_or(&self.ogrn).trim().to_owned(),
            name: told_name.unwrap_or_else(|| self.name.clone()),
            relation: self.relation,
        })
    }
}

/// Text for people, without characters that hide or disguise others.
fn readable(text: &str, longest: usize) -> Option<String> {
    let text = text.trim();
    let is_sound = !text.is_empty() && text.chars().count() <= longest && !text.chars().any(disguises);
    is_sound.then(|| text.to_owned())
}

/// `ДД.ММ.ГГГГ` as `YYYY-MM-DD`.
fn date(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split('.').collect();
    let [day, month, year] = parts.as_slice() else {
        return None;
    };
    let number = |text: &str, length: usize| {
        (text.len() == length && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse::<u32>().ok())?
    };
    let (day, month, year) = (number(day, 2)?, number(month, 2)?, number(year, 4)?);
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let longest = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 31,
    };
    let is_sound = (1..=12).contains(&month) && (1..=longest).contains(&day) && year >= 1850;
    is_sound.then(|| format!("{year:04}-{month:02}-{day:02}"))
}

/// A number of so many digits, written with or without dashes and spaces.
fn digits(text: &str, count: usize) -> Option<String> {
    let bare: String = text.chars().filter(|c| !matches!(c, '-' | ' ' | '\u{a0}')).collect();
    (bare.len() == count && bare.bytes().all(|byte| byte.is_ascii_digit())).then_some(bare)
}

#[cfg(test)]
mod tests {
    use kabinet_core::time::Timestamp;
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn only_verified_documents_of_identity_are_taken() {
        let elements = [
            map(json!({"type": "RF_PASSPORT", "vrfStu": "VERIFIED", "series": "98 00", "number": "000601",
                "issueDate": "10.06.2010", "issuedBy": "ОВД придуманного района"})),
            map(json!({"type": "RF_PASSPORT", "vrfStu": "NOT_VERIFIED", "series": "9800", "number": "000602"})),
            map(json!({"type": "RF_DRIVING_LICENSE", "vrfStu": "VERIFIED", "number": "000603"})),
            map(json!({"type": "FID_DOC", "vrfStu": "VERIFIED", "number": "<b>"})),
            map(json!({"type": "FID_DOC", "vrfStu": "VERIFIED", "number": "AB1", "expiryDate": "01.02.2030"})),
        ];
        let found = documents(&elements);
        let passport = ExternalDocument {
            kind: DocumentKind::Idcard,
            number: "9800000601".to_owned(),
            issued_on: Some("2010-06-10".to_owned()),
            expires_on: None,
            issuer: Some("ОВД придуманного района".to_owned()),
        };
        assert_eq!(found[0], passport);
        let foreign = &found[1];
        assert_eq!((foreign.kind, foreign.number.as_str()), (DocumentKind::Passport, "AB1"));
        assert_eq!(foreign.expires_on.as_deref(), Some("2030-02-01"));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_persons_fields_come_in_normal_form() {
        let person = Person::of(map(json!({
            "firstName": "Ян", "lastName": "Проба-Проверкин", "middleName": " Ильич ", "birthDate": "26.05.2000", "gender": "F",
            "snils": "000-000-600 06", "inn": "585204118212", "status": "REGISTERED", "trusted": true
        })));
        let mut external = External::new("esia", "1", Timestamp(0));
        person.describe(&mut external);
        assert_eq!(external.name.as_deref(), Some("Проба-Проверкин Ян Ильич"));
        assert_eq!(external.birthdate.as_deref(), Some("2000-05-26"));
        assert_eq!(external.gender.as_deref(), Some("female"));
        assert_eq!(
            (external.snils.as_deref(), external.inn.as_deref()),
            (Some("00000060006"), Some("585204118212"))
        );

        Person::of(map(
            json!({"firstName": "a\u{202e}b", "birthDate": "31.02.2000", "gender": "X", "snils": "1"}),
        ))
        .describe(&mut external);
        let External { name, given_name, birthdate, gender, snils, inn, .. } = external;
        assert_eq!((name, given_name, birthdate, gender, snils, inn), (None, None, None, None, None, None));
    }

    #[test]
    fn a_date_that_is_none_is_left_out() {
        assert_eq!(date("29.02.2000").as_deref(), Some("2000-02-29"));
        for bad in ["29.02.1900", "31.04.2000", "00.01.2000", "1.1.2000", "2000-01-01", "01.13.2000", "", "01.01.20000"]
        {
            assert_eq!(date(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_a_verified_contact_counts_and_a_pending_value_is_never_read() {
        let elements = [
            json!({"type": "EML", "vrfStu": "NOT_VERIFIED", "value": "first@example.test"}),
            json!({"type": "MBT", "vrfStu": "VERIFIED", "value": "+7(912)0000006", "verifyingValue": "+7(913)1111111",
                   "vrfValStu": "VERIFYING"}),
            json!({"type": "EML", "vrfStu": "VERIFIED", "value": "Second@Example.test"}),
            json!({"type": "CEM", "vrfStu": "VERIFIED", "value": "work@example.test"}),
            json!({"type": "PHN", "vrfStu": "VERIFIED", "value": "+7(495)0000006"}),
            json!({"type": "EML", "verifyingValue": "third@example.test"}),
            json!({"vrfStu": "VERIFIED"}),
        ]
        .map(map);
        let found: Vec<(String, bool)> = contacts(&elements)
            .iter()
            .map(|one| (one.contact.value().to_owned(), one.is_verified))
            .collect();
        let wanted = [("+79120000006", true), ("second@example.test", true), ("first@example.test", false)];
        assert_eq!(found, wanted.map(|(value, is_verified)| (value.to_owned(), is_verified)));
    }

    #[test]
    fn roles_in_force_become_organisations_with_an_inn() {
        let elements = [
            json!({"oid": 1, "ogrn": "319290100017299", "type": "BUSINESS", "chief": true, "active": true,
                   "fullName": "ИП Проба"}),
            json!({"oid": "2", "type": "LEGAL", "chief": true, "active": true, "shortName": "ООО «Проба»"}),
            json!({"oid": 3, "type": "LEGAL", "chief": false, "active": true, "shortName": "АО"}),
            json!({"oid": 4, "type": "LEGAL", "active": false}),
            json!({"oid": 5, "type": "LEGAL", "active": true, "isLiquidated": true}),
            json!({"oid": "x/../y", "active": true}),
        ]
        .map(map);
        let roles = roles(&elements);
        assert_eq!(roles.iter().map(|role| role.oid.as_str()).collect::<Vec<_>>(), ["1", "2", "3"]);
        let own = roles[0].organisation(None, Some("500100732259")).unwrap();
        assert_eq!((own.inn.as_str(), own.relation), ("500100732259", Relation::Entrepreneur));
        assert_eq!(roles[1].organisation(None, Some("500100732259")).unwrap().inn, "");
        let told = map(json!({"inn": "7707083893", "kpp": "773601001", "ogrn": "1027700132195"}));
        let two = roles[1].organisation(Some(&told), None).unwrap();
        assert_eq!(
            (two.kpp.as_str(), two.ogrn.as_str(), two.relation),
            ("773601001", "1027700132195", Relation::Head)
        );
        assert_eq!(two.name, "ООО «Проба»");
        assert_eq!(roles[2].organisation(Some(&told), None).unwrap().relation, Relation::Employee);
        let gone = map(json!({"inn": "7707083893", "isLiquidated": true}));
        assert_eq!(roles[1].organisation(Some(&gone), None), None);
    }

    #[test]
    fn an_account_is_confirmed_where_token_and_person_say_so_and_never_a_childs() {
        let account = |subject: Value| Account::of(&map(json!({"urn:esia:sbj": subject})));
        let person = |fields: Value| Person::of(map(fields));
        let confirmed = json!({"urn:esia:sbj:is_tru": true, "urn:esia:sbj:lvl": "PR"});
        for (subject, fields, wanted) in [
            (confirmed.clone(), json!({"trusted": true}), Assurance::Confirmed),
            (json!({"urn:esia:sbj:is_tru": true}), json!({}), Assurance::Confirmed),
            (confirmed.clone(), json!({"trusted": false}), Assurance::Unconfirmed),
            (confirmed, json!({"trusted": null}), Assurance::Unconfirmed),
            (json!({"urn:esia:sbj:lvl": "P"}), json!({"trusted": true}), Assurance::Unconfirmed),
            (json!({"urn:esia:sbj:is_tru": "true"}), json!({"trusted": true}), Assurance::Unconfirmed),
            (
                json!({"urn:esia:sbj:is_tru": true, "urn:esia:sbj:lvl": "KD"}),
                json!({"trusted": true}),
                Assurance::Unconfirmed,
            ),
        ] {
            assert_eq!(person(fields.clone()).assurance(&account(subject.clone())), wanted, "{subject} {fields}");
        }
        assert!(person(json!({"verifying": true})).is_verifying() && !person(json!({})).is_verifying());
        assert!(person(json!({"status": "Registered"})).is_there() && person(json!({})).is_there());
        assert!(!person(json!({"status": "DELETED"})).is_there());
    }
}
