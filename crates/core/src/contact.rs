//! Phones and e-mail addresses: one normal form each, which is what is stored, compared and sent to.
//!
//! Phones are E.164. What people type is read by these rules: `8…` with eleven digits and `9…` with ten are Russian;
//! `+`, `00` and `7…` are international; `+8…` is never turned into `+7`; numbers that cannot get a message
//! (`8 800`), letters and extensions are refused.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of a contact; also the name of its form field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContactKind {
    /// A phone number.
    Phone,
    /// An e-mail address.
    Email,
}

impl ContactKind {
    /// Reads the stored name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Phone, Self::Email].into_iter().find(|kind| kind.as_str() == name)
    }

    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Email => "email",
        }
    }
}

/// A country that codes may be sent to: each has its price and its share of fraud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Country {
    /// Russia.
    #[serde(rename = "RU")]
    Russia,
    /// Kazakhstan, which shares +7: numbers that begin with 6 and 7.
    #[serde(rename = "KZ")]
    Kazakhstan,
    /// Belarus.
    #[serde(rename = "BY")]
    Belarus,
    /// Armenia.
    #[serde(rename = "AM")]
    Armenia,
    /// Kyrgyzstan.
    #[serde(rename = "KG")]
    Kyrgyzstan,
    /// Any other.
    #[serde(rename = "other")]
    Other,
}

impl Country {
    /// The name in settings and counters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Russia => "RU",
            Self::Kazakhstan => "KZ",
            Self::Belarus => "BY",
            Self::Armenia => "AM",
            Self::Kyrgyzstan => "KG",
            Self::Other => "other",
        }
    }
}

/// A phone number or an e-mail address in normal form. Personal data: never in a log.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Contact {
    kind: ContactKind,
    value: String,
}

impl Contact {
    /// Reads what a person typed into a field of this kind; `None` when it is no such contact.
    #[must_use]
    pub fn parse(kind: ContactKind, typed: &str) -> Option<Self> {
        let value = match kind {
            ContactKind::Phone => normal_phone(typed)?,
            ContactKind::Email => normal_email(typed)?,
        };
        Some(Self { kind, value })
    }

    /// A contact that was stored in normal form.
    #[must_use]
    pub fn stored(kind: ContactKind, value: String) -> Self {
        Self { kind, value }
    }

    /// Phone or e-mail.
    #[must_use]
    pub fn kind(&self) -> ContactKind {
        self.kind
    }

    /// E.164, or the address in lower case.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The country of a phone; `None` for an address.
    #[must_use]
    pub fn country(&self) -> Option<Country> {
        let digits = self.value.strip_prefix('+').filter(|_| self.kind == ContactKind::Phone)?;
        Some(match digits.as_bytes() {
            [b'7', b'6' | b'7', ..] => Country::Kazakhstan,
            [b'7', ..] => Country::Russia,
            [b'3', b'7', b'5', ..] => Country::Belarus,
            [b'3', b'7', b'4', ..] => Country::Armenia,
            [b'9', b'9', b'6', ..] => Country::Kyrgyzstan,
            _ => Country::Other,
        })
    }

    /// The range of a phone, without its last four digits; `None` for an address.
    #[must_use]
    pub fn range(&self) -> Option<&str> {
        let phone = (self.kind == ContactKind::Phone).then_some(self.value.as_str())?;
        phone.get(..phone.len().saturating_sub(4))
    }

    /// Whether messages reach it: a Russian phone must be a mobile one (DEF codes begin with 9).
    #[must_use]
    pub fn gets_messages(&self) -> bool {
        self.country() != Some(Country::Russia) || self.value.starts_with("+79")
    }

    /// As shown to its owner: `+7 (910) 594-08-99`; other countries and addresses as they are.
    #[must_use]
    pub fn display(&self) -> String {
        match self.value.strip_prefix("+7") {
            Some(rest) if self.kind == ContactKind::Phone && rest.len() == 10 => {
                format!("+7 ({}) {}-{}-{}", &rest[..3], &rest[3..6], &rest[6..8], &rest[8..])
            }
            _ => self.value.clone(),
        }
    }

    /// As shown where the reader may not be the owner: `+7 912 •••-••-89`, `p•••@example.test`.
    #[must_use]
    pub fn masked(&self) -> String {
        match self.kind {
            ContactKind::Phone => match self.value.strip_prefix("+7") {
                Some(rest) if rest.len() == 10 => format!("+7 {} •••-••-{}", &rest[..3], &rest[8..]),
                _ => format!(
                    "{}•••{}",
                    &self.value[..3.min(self.value.len())],
                    &self.value[self.value.len().saturating_sub(2)..]
                ),
            },
            ContactKind::Email => match self.value.split_once('@') {
                Some((local, domain)) => format!("{}•••@{domain}", local.chars().next().unwrap_or('•')),
                None => "•••".to_owned(),
            },
        }
    }
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contact({}, …)", self.kind.as_str())
    }
}

fn normal_phone(typed: &str) -> Option<String> {
    let typed = typed.trim();
    let separator =
        |c: char| c.is_whitespace() || matches!(c, '-' | '(' | ')' | '.' | '\u{2010}'..='\u{2015}' | '\u{2212}');
    let bare: String = typed.chars().filter(|c| !separator(*c)).collect();
    let (international, digits) = match (bare.strip_prefix('+'), bare.strip_prefix("00")) {
        (Some(rest), _) | (None, Some(rest)) => (true, rest),
        (None, None) => (false, bare.as_str()),
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let russian = |rest: &str| {
        (rest.len() == 10 && !rest.starts_with("800") && !rest.starts_with(['0', '1', '2']))
            .then(|| format!("+7{rest}"))
    };
    match digits.as_bytes() {
        [b'7', ..] => russian(&digits[1..]),
        [b'8', ..] if !international && digits.len() == 11 => russian(&digits[1..]),
        [b'9', ..] if !international && digits.len() == 10 => russian(digits),
        [b'1'..=b'9', ..] if international && (8..=15).contains(&digits.len()) => Some(format!("+{digits}")),
        _ => None,
    }
}

fn normal_email(typed: &str) -> Option<String> {
    let typed = typed.trim();
    let (local, domain) = typed.split_once('@')?;
    // RFC 5321 §4.5.3.1: 64 octets before the @, 255 after it. Dot-atom of RFC 5322 §3.2.3, no quoted form.
    let atext = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    if local.is_empty() || local.len() > 64 || dots || !local.bytes().all(atext) {
        return None;
    }
    let url::Host::Domain(domain) = url::Host::parse(domain).ok()? else {
        return None;
    };
    let labels_ok = domain
        .split('.')
        .all(|l| !l.is_empty() && l.len() <= 63 && !l.starts_with('-') && !l.ends_with('-'));
    let chars_ok = domain.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
    if !domain.contains('.') || domain.len() > 253 || !labels_ok || !chars_ok {
        return None;
    }
    Some(format!("{}@{}", local.to_ascii_lowercase(), domain.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_typing_a_number_gives_one_form() {
        for typed in [
            "8 (910) 594-08-99",
            "89105940899",
            "9105940899",
            "+7 910 594 08 99",
            "7 910 5940899",
            "007 910 594 08 99",
            "+7\u{a0}(910)\u{a0}594\u{2011}08\u{2011}99",
        ] {
            assert_eq!(Contact::parse(ContactKind::Phone, typed).unwrap().value(), "+79105940899", "{typed}");
        }
        for (typed, normal) in [
            ("+77011234567", "+77011234567"),
            ("+86 139 1234 5678", "+8613912345678"),
            ("00375291234567", "+375291234567"),
            ("+49 30 901820", "+4930901820"),
        ] {
            assert_eq!(Contact::parse(ContactKind::Phone, typed).unwrap().value(), normal);
        }
    }

    #[test]
    fn a_number_tells_its_country_and_whether_messages_reach_it() {
        for (typed, country, gets) in [
            ("+79105940899", Country::Russia, true),
            ("84951234567", Country::Russia, false),
            ("+77011234567", Country::Kazakhstan, true),
            ("+76011234567", Country::Kazakhstan, true),
            ("+375291234567", Country::Belarus, true),
            ("+37491123456", Country::Armenia, true),
            ("+996555123456", Country::Kyrgyzstan, true),
            ("+8613912345678", Country::Other, true),
        ] {
            let phone = Contact::parse(ContactKind::Phone, typed).unwrap();
            assert_eq!((phone.country(), phone.gets_messages()), (Some(country), gets), "{typed}");
        }
        let address = Contact::parse(ContactKind::Email, "a@example.test").unwrap();
        assert_eq!((address.country(), address.gets_messages()), (None, true));
    }

    #[test]
    fn what_cannot_get_a_message_is_no_phone() {
        for typed in [
            "8-800-555-35-35",
            "+78005553535",
            "+7 (",
            "",
            "12345",
            "8910594089",
            "910594089",
            "+7910594089a",
            "89105940899 доб. 5",
            "+0123456789",
            "4951234567",
            "+7910594089912",
        ] {
            assert!(Contact::parse(ContactKind::Phone, typed).is_none(), "{typed}");
        }
    }

    #[test]
    fn an_address_is_compared_in_lower_case_and_its_domain_in_ascii() {
        assert_eq!(
            Contact::parse(ContactKind::Email, " Ivan@Example.TEST ").unwrap().value(),
            "ivan@example.test"
        );
        assert_eq!(
            Contact::parse(ContactKind::Email, "a@почта.рф").unwrap().value(),
            "a@xn--80a1acny.xn--p1ai"
        );
        for typed in [
            "",
            "a",
            "a@",
            "@b.ru",
            "a@b",
            "a@b@c.ru",
            "a b@c.ru",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            ".a@b.ru",
            "a..b@c.ru",
            "a@-b.ru",
            "a@b.ru\r\nBcc: x@y.ru",
            "иван@b.ru",
        ] {
            assert!(Contact::parse(ContactKind::Email, typed).is_none(), "{typed}");
        }
    }

    #[test]
    fn a_mask_keeps_just_enough_to_recognise_ones_own() {
        assert_eq!(Contact::parse(ContactKind::Phone, "89123456789").unwrap().masked(), "+7 912 •••-••-89");
        assert_eq!(Contact::parse(ContactKind::Phone, "89105940899").unwrap().display(), "+7 (910) 594-08-99");
        assert_eq!(
            Contact::parse(ContactKind::Email, "ivan@example.test").unwrap().masked(),
            "i•••@example.test"
        );
    }
}
