//! The people and organisations of the stand-in, all invented.
//!
//! СНИЛС are those of the range 000-000-6xx that ЕСИА's own test people have, ИНН and ОГРН those of region 98, which does not
//! exist, mail is at example.com. Phones are `+7(000)…`, as those of ЕСИА's test people; the three people that somebody may
//! want to register with have a code that no operator was given, since `+7(000)…` is no number and a good client refuses it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How far an account of ЕСИА has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Подтверждённая.
    Confirmed,
    /// Стандартная: passport and СНИЛС checked, the person not.
    Standard,
    /// Упрощённая: a phone or an e-mail, no proof.
    Simplified,
    /// A child's, led by a parent.
    Child,
}

impl Level {
    /// `urn:esia:sbj:lvl`.
    pub(super) const fn claim(self) -> &'static str {
        match self {
            Self::Confirmed => "PR",
            Self::Standard | Self::Simplified => "P",
            Self::Child => "KD",
        }
    }

    pub(super) const fn is_trusted(self) -> bool {
        matches!(self, Self::Confirmed)
    }
}

/// A contact (`/ctts`).
#[derive(Clone, Debug)]
pub struct PersonContact {
    /// Its id.
    pub id: u64,
    /// `MBT`, `PHN`, `EML` or `CEM`.
    pub kind: &'static str,
    /// The value.
    pub value: String,
    /// Whether `vrfStu` is `VERIFIED`.
    pub is_verified: bool,
    /// A new value that nobody has proven yet.
    pub pending: Option<String>,
}

/// A document (`/docs`).
#[derive(Clone, Debug)]
pub struct Document {
    /// Its id.
    pub id: u64,
    /// `RF_PASSPORT`, `FID_DOC`, …
    pub kind: &'static str,
    /// What else it holds, as it is sent.
    pub fields: Value,
}

/// What somebody is to an organisation.
#[derive(Clone, Copy, Debug)]
pub struct Membership {
    /// The OID of the organisation.
    pub organisation: u64,
    /// Whether they lead it.
    pub chief: bool,
    /// Whether they administer its profile.
    pub admin: bool,
}

/// An organisation.
#[derive(Clone, Debug)]
pub struct Organisation {
    /// Its OID.
    pub oid: u64,
    /// `LEGAL` or `BUSINESS`.
    pub kind: &'static str,
    /// The full name.
    pub full_name: &'static str,
    /// The short name.
    pub short_name: &'static str,
    /// ОГРН or ОГРНИП.
    pub ogrn: &'static str,
    /// ИНН.
    pub inn: &'static str,
    /// КПП; a sole trader has none.
    pub kpp: Option<&'static str>,
    /// Whether it is no more.
    pub is_liquidated: bool,
}

/// Somebody with an account.
#[derive(Clone, Debug)]
pub struct Persona {
    /// The name in the form.
    pub id: &'static str,
    /// What the person is for, in Russian.
    pub about: &'static str,
    /// The OID, which is the subject of tokens.
    pub oid: u64,
    /// Surname.
    pub last_name: &'static str,
    /// Given name.
    pub first_name: &'static str,
    /// Patronymic.
    pub middle_name: Option<&'static str>,
    /// `ДД.ММ.ГГГГ`; a simplified account may lack it.
    pub birth_date: Option<&'static str>,
    /// Where.
    pub birth_place: Option<&'static str>,
    /// `M` or `F`.
    pub gender: Option<&'static str>,
    /// ISO 3166 alpha-3.
    pub citizenship: Option<&'static str>,
    /// `000-000-000 00`.
    pub snils: Option<&'static str>,
    /// ИНН, 12 digits.
    pub inn: Option<&'static str>,
    /// How far the account has come.
    pub level: Level,
    /// Whether a check of the data is running.
    pub is_verifying: bool,
    /// Contacts.
    pub contacts: Vec<PersonContact>,
    /// Documents; the first is the main one.
    pub documents: Vec<Document>,
    /// Organisations.
    pub memberships: Vec<Membership>,
    /// The e-mail from the second sign-in on.
    pub later_email: Option<&'static str>,
    /// Whether the account was deleted.
    pub is_deleted: bool,
    /// How often the person has signed in.
    pub sign_ins: usize,
}

/// Surname, given name, patronymic.
type Name = (&'static str, &'static str, Option<&'static str>);

impl Persona {
    fn new(id: &'static str, oid: u64, (last_name, first_name, middle_name): Name, about: &'static str) -> Self {
        Self {
            id,
            about,
            oid,
            last_name,
            first_name,
            middle_name,
            birth_date: Some("26.05.1990"),
            birth_place: Some("Москва"),
            gender: Some("F"),
            citizenship: Some("RUS"),
            snils: None,
            inn: None,
            level: Level::Confirmed,
            is_verifying: false,
            contacts: Vec::new(),
            documents: vec![passport(oid)],
            memberships: Vec::new(),
            later_email: None,
            is_deleted: false,
            sign_ins: 0,
        }
    }

    fn man(mut self, birth_date: &'static str) -> Self {
        (self.gender, self.birth_date) = (Some("M"), Some(birth_date));
        self
    }

    fn numbers(mut self, snils: &'static str, inn: Option<&'static str>) -> Self {
        (self.snils, self.inn) = (Some(snils), inn);
        self
    }

    fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    fn contact(mut self, kind: &'static str, value: &str) -> Self {
        let id = 14_000_000 + self.oid % 1_000 * 10 + self.contacts.len() as u64;
        self.contacts.push(PersonContact {
            id,
            kind,
            value: value.to_owned(),
            is_verified: true,
            pending: None,
        });
        self
    }

    fn unverified(mut self) -> Self {
        if let Some(last) = self.contacts.last_mut() {
            last.is_verified = false;
        }
        self
    }

    fn member(mut self, organisation: u64, chief: bool, admin: bool) -> Self {
        self.memberships.push(Membership { organisation, chief, admin });
        self
    }

    /// What the person is called, for pages.
    #[must_use]
    pub fn name(&self) -> String {
        [Some(self.last_name), Some(self.first_name), self.middle_name]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The verified contact of this kind, or else any.
    #[must_use]
    pub fn contact_of(&self, kind: &str) -> Option<&PersonContact> {
        let of_kind = || self.contacts.iter().filter(|one| one.kind == kind);
        of_kind().find(|one| one.is_verified).or_else(|| of_kind().next())
    }

    /// Whether this is what the person types as a login: the phone, the e-mail, СНИЛС, or the name in the form.
    pub(super) fn is_called(&self, login: &str) -> bool {
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let login = login.trim();
        let is_number = |known: &str| digits(known).len() > 9 && digits(known) == digits(login);
        login == self.id
            || self.contacts.iter().any(|one| one.value.eq_ignore_ascii_case(login))
            || self.contact_of("MBT").is_some_and(|one| is_number(&one.value))
            || self.snils.is_some_and(is_number)
    }

    /// What changes when the person comes again.
    pub(super) fn signs_in(&mut self) {
        self.sign_ins += 1;
        if let (Some(later), true) = (self.later_email, self.sign_ins > 1) {
            for one in self.contacts.iter_mut().filter(|one| one.kind == "EML") {
                later.clone_into(&mut one.value);
            }
        }
    }
}

fn passport(oid: u64) -> Document {
    Document {
        id: 3_000 + oid % 1_000,
        kind: "RF_PASSPORT",
        fields: json!({"series": "9800", "number": format!("{:06}", oid % 1_000_000), "issueDate": "10.06.2010",
            "issueId": "980001", "issuedBy": "ОВД придуманного района", "vrfStu": "VERIFIED"}),
    }
}

/// The people, the default one first.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn people() -> Vec<Persona> {
    let person = Persona::new;
    let mut all = vec![
        person("confirmed", 1_000_600_601, ("Пробная", "Анна", Some("Сергеевна")), "есть всё")
            .numbers("000-000-601 19", Some("980000400124"))
            .contact("MBT", "+7(998)0000601")
            .contact("EML", "anna.probnaya@example.com"),
        person("standard", 1_000_600_602, ("Стандартов", "Олег", Some("Ильич")), "паспорт и СНИЛС проверены, личность нет")
            .man("14.02.1985")
            .numbers("000-000-602 20", Some("980000400205"))
            .level(Level::Standard)
            .contact("MBT", "+7(000)0000602")
            .contact("EML", "standartov@example.com"),
        Persona {
            birth_date: None,
            birth_place: None,
            gender: None,
            citizenship: None,
            documents: Vec::new(),
            ..person("simplified", 1_000_600_603, ("Упрощёнова", "Ирина", None), "только почта")
        }
        .level(Level::Simplified)
        .contact("EML", "irina.uproschenova@example.com"),
        Persona {
            is_verifying: true,
            ..person("verifying", 1_000_600_604, ("Ожиданова", "Мария", Some("Павловна")), "данные ещё проверяются")
        }
        .numbers("000-000-604 22", None)
        .level(Level::Standard)
        .contact("MBT", "+7(000)0000604"),
        Persona {
            documents: vec![Document {
                id: 3_605,
                kind: "BRTH_CERT",
                fields: json!({"series": "I-АА", "number": "600605", "issueDate": "05.09.2015",
                    "issuedBy": "ЗАГС придуманного района", "vrfStu": "VERIFIED"}),
            }],
            ..person("child", 1_000_600_605, ("Детский", "Миша", Some("Олегович")), "ребёнок")
        }
        .man("01.09.2015")
        .numbers("000-000-605 23", None)
        .level(Level::Child),
        Persona {
            birth_place: None,
            ..person("bare", 1_000_600_606, ("Ли", "Вера", None), "без отчества и ИНН")
        }
        .numbers("000-000-606 24", None)
        .contact("EML", "vera.li@example.com"),
        person("unverified-contacts", 1_000_600_607, ("Почтова", "Елена", Some("Юрьевна")), "почта не подтверждена, телефон меняется")
            .numbers("000-000-607 25", Some("980000400371"))
            .contact("EML", "elena.pochtova@example.com")
            .unverified()
            .contact("MBT", "+7(000)0000607"),
        Persona {
            citizenship: Some("KAZ"),
            birth_place: Some("Алматы"),
            documents: vec![Document {
                id: 3_608,
                kind: "FID_DOC",
                fields: json!({"series": "N", "number": "00600608", "issueDate": "11.03.2019", "expiryDate": "10.03.2029",
                    "issuedBy": "Придуманное ведомство", "firstName": "AIGERIM", "lastName": "PROBNOVA", "vrfStu": "VERIFIED"}),
            }],
            ..person("foreign", 1_000_600_608, ("Пробнова", "Айгерим", None), "гражданка другой страны")
        }
        .numbers("000-000-608 26", None)
        .contact("MBT", "+7(000)0000608"),
        person("trader", 1_000_600_609, ("Торговцев", "Пётр", Some("Андреевич")), "предприниматель")
            .man("03.03.1979")
            .numbers("000-000-609 27", Some("980000400445"))
            .contact("MBT", "+7(998)0000609")
            .contact("EML", "torgovtsev@example.com")
            .member(1_000_700_001, true, true),
        person("employee", 1_000_600_610, ("Служащая", "Нина", Some("Олеговна")), "работает в двух организациях, в одной администратор")
            .numbers("000-000-610 20", Some("980000400519"))
            .contact("MBT", "+7(998)0000610")
            .contact("EML", "sluzhaschaya@example.com")
            .contact("CEM", "nina@romashka.example.com")
            .member(1_000_700_002, false, true)
            .member(1_000_700_003, false, false),
        person("liquidated", 1_000_600_611, ("Бывший", "Иван", Some("Кузьмич")), "руководил ликвидированной организацией")
            .man("19.11.1965")
            .numbers("000-000-611 21", Some("980000400692"))
            .contact("EML", "byvshiy@example.com")
            .member(1_000_700_004, true, false),
        person("same-snils", 1_000_600_612, ("Пробная", "Анна", Some("Сергеевна")), "тот же СНИЛС, что у первой, но другая запись")
            .numbers("000-000-601 19", Some("980000400124"))
            .contact("EML", "another.anna@example.com"),
        Persona {
            later_email: Some("after@example.com"),
            ..person("changing", 1_000_600_613, ("Переменчивая", "Ольга", None), "со второго входа почта другая")
        }
        .numbers("000-000-613 23", Some("980000400766"))
        .contact("EML", "before@example.com"),
        person("letters", 1_000_600_614, ("Д'Артаньян-Семёнов", "Фёдор-Иоанн", Some("Ёжикович")), "ё, дефис и апостроф в имени")
            .man("30.12.1970")
            .numbers("000-000-614 24", Some("980000400830"))
            .contact("MBT", "+7(000)0000614"),
    ];
    for one in &mut all {
        if one.id == "unverified-contacts"
            && let Some(phone) = one.contacts.last_mut()
        {
            phone.pending = Some("+7(000)0000699".to_owned());
        }
    }
    all
}

pub(super) fn organisations() -> Vec<Organisation> {
    let legal = |oid, full_name, short_name, ogrn, inn| Organisation {
        oid,
        kind: "LEGAL",
        full_name,
        short_name,
        ogrn,
        inn,
        kpp: Some("980001001"),
        is_liquidated: false,
    };
    vec![
        Organisation {
            kind: "BUSINESS",
            kpp: None,
            ..legal(
                1_000_700_001,
                "ИП Торговцев Пётр Андреевич",
                "ИП Торговцев П. А.",
                "325980000000407",
                "980000400445",
            )
        },
        legal(
            1_000_700_002,
            "ОБЩЕСТВО С ОГРАНИЧЕННОЙ ОТВЕТСТВЕННОСТЬЮ «РОМАШКА-СТЕНД»",
            "ООО «РОМАШКА-СТЕНД»",
            "1259800004012",
            "9800004018",
        ),
        legal(
            1_000_700_003,
            "АКЦИОНЕРНОЕ ОБЩЕСТВО «ПРИДУМАННЫЙ ЗАВОД»",
            "АО «ПРИДУМАННЫЙ ЗАВОД»",
            "1259800004023",
            "9800004025",
        ),
        Organisation {
            is_liquidated: true,
            ..legal(
                1_000_700_004,
                "ОБЩЕСТВО С ОГРАНИЧЕННОЙ ОТВЕТСТВЕННОСТЬЮ «НЕТ БОЛЬШЕ»",
                "ООО «НЕТ БОЛЬШЕ»",
                "1259800004034",
                "9800004032",
            )
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_told_apart_by_name_and_oid_and_the_default_is_confirmed() {
        let people = people();
        for (at, one) in people.iter().enumerate() {
            assert!(people[..at].iter().all(|other| other.id != one.id && other.oid != one.oid), "{}", one.id);
        }
        let first = &people[0];
        assert!(first.level.is_trusted() && first.contacts.iter().all(|one| one.is_verified));
        assert!(first.is_called("+7 998 000-06-01") && first.is_called("00000060119") && !first.is_called(""));
    }

    #[test]
    fn every_membership_is_of_an_organisation() {
        let known: Vec<u64> = organisations().iter().map(|one| one.oid).collect();
        let all = people();
        assert!(all.iter().flat_map(|one| &one.memberships).all(|one| known.contains(&one.organisation)));
    }
}
