//! The names of the ways to sign in, as brands and clients allow them.
//!
//! A name may be allowed before a release has the method: pages show what is allowed and there, in the order in which it
//! is allowed. Lists that leave nobody a way in are refused when they are saved.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A way to sign in or to register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MethodName {
    /// Phone or e-mail with a password.
    Password,
    /// A qualified certificate.
    Certificate,
    /// Госуслуги.
    Esia,
    /// Telegram.
    Telegram,
    /// «У меня есть код».
    Code,
    /// A provider that the configuration names (`[upstream.NAME]`).
    Upstream(UpstreamName),
}

/// The name of a configured provider: `a` to `z`, digits and `-`, a letter first, 24 characters at most, and none that pages
/// or other methods have. It stands in URLs, page ids and lists of methods, and with its links for ever.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UpstreamName {
    bytes: [u8; Self::LONGEST],
    length: u8,
}

/// Names that are other methods', or pages below `/login` and `/account/methods`.
const TAKEN: [&str; 13] = [
    "password",
    "certificate",
    "esia",
    "telegram",
    "code",
    "none",
    "confirm",
    "link",
    "callback",
    "done",
    "merged",
    "webauthn",
    "passkey",
];

impl UpstreamName {
    /// Characters at most.
    pub const LONGEST: usize = 24;

    /// The name, where it may be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_name = text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.len() <= Self::LONGEST
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !is_name || TAKEN.contains(&text) {
            return None;
        }
        let mut bytes = [0; Self::LONGEST];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Some(Self { bytes, length: u8::try_from(text.len()).ok()? })
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Debug for UpstreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl Serialize for MethodName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for MethodName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format_args!(
                "unknown variant `{text}`, expected one of {} or the name of a configured provider",
                joined(&Self::ALL)
            ))
        })
    }
}

impl MethodName {
    /// Every name that needs no configuration, in the order of the products' guides.
    pub const ALL: [Self; 5] = [Self::Password, Self::Certificate, Self::Esia, Self::Telegram, Self::Code];

    /// Those that an account can be made with; no guide registers anybody by Telegram or by a code.
    pub const REGISTERING: [Self; 3] = [Self::Password, Self::Certificate, Self::Esia];

    /// The method of this name; a configured provider's where it is none of the five.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let known = Self::ALL.into_iter().find(|name| name.as_str() == text);
        known.or_else(|| UpstreamName::parse(text).map(Self::Upstream))
    }

    /// The name in data, URLs and page ids.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Password => "password",
            Self::Certificate => "certificate",
            Self::Esia => "esia",
            Self::Telegram => "telegram",
            Self::Code => "code",
            Self::Upstream(name) => name.as_str(),
        }
    }
}

/// What this release can do of what may be allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Built {
    /// Ways to sign in.
    pub login: Vec<MethodName>,
    /// Ways to register.
    pub registration: Vec<MethodName>,
}

/// What is wrong with a list of ways to sign in, whatever a release can do.
pub(crate) fn login_problem(list: &[MethodName]) -> Option<String> {
    if list.is_empty() {
        return Some("allows no way to sign in".to_owned());
    }
    repeated(list)
}

/// What is wrong with a list of ways to register; an empty one closes registration.
pub(crate) fn registration_problem(list: &[MethodName]) -> Option<String> {
    let registers =
        |name: &MethodName| matches!(name, MethodName::Upstream(_)) || MethodName::REGISTERING.contains(name);
    let other = list.iter().find(|name| !registers(name));
    other
        .map(|name| format!("names {}, which makes no account", name.as_str()))
        .or_else(|| repeated(list))
}

fn repeated(list: &[MethodName]) -> Option<String> {
    let again = list.iter().enumerate().find(|(at, name)| list[..*at].contains(name));
    again.map(|(_, name)| format!("names {} twice", name.as_str()))
}

/// What is wrong with lists of ways that leave nobody a way that this release has; `field` and a sentence for each.
#[must_use]
pub fn unusable(login: Option<&[MethodName]>, registration: Option<&[MethodName]>, built: &Built) -> Vec<Unusable> {
    let lacks = |list: &[MethodName], built: &[MethodName]| !list.iter().any(|name| built.contains(name));
    let mut found = Vec::new();
    let unknown = |list: Option<&[MethodName]>| {
        let known = |name: &MethodName| !matches!(name, MethodName::Upstream(_)) || built.login.contains(name);
        list.and_then(|list| list.iter().find(|name| !known(name)).copied())
    };
    for (field, list) in [("login_methods", login), ("registration_methods", registration)] {
        if let Some(name) = unknown(list) {
            found.push((field, format!("names {}, which is no method and no configured provider", name.as_str())));
        }
    }
    if login.is_some_and(|list| lacks(list, &built.login)) {
        found.push((
            "login_methods",
            format!("allows no method that this release has: {}", joined(&built.login)),
        ));
    }
    if registration.is_some_and(|list| !list.is_empty() && lacks(list, &built.registration)) {
        let has = joined(&built.registration);
        found.push((
            "registration_methods",
            format!("allows no method that this release has: {has}; an empty list closes registration"),
        ));
    }
    found
}

/// The field at fault and what is wrong with it.
pub type Unusable = (&'static str, String);

fn joined(names: &[MethodName]) -> String {
    names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use MethodName::{Certificate, Code, Esia, Password, Telegram};

    fn upstream(name: &str) -> MethodName {
        MethodName::Upstream(UpstreamName::parse(name).unwrap())
    }

    use super::*;

    #[test]
    fn names_are_written_as_they_are_read() {
        for name in MethodName::ALL {
            assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
        }
        for text in ["yandex", "t-id", "head-office-2"] {
            let name: MethodName = serde_json::from_value(text.into()).unwrap();
            assert_eq!((name, serde_json::to_value(name).unwrap()), (upstream(text), text.into()));
        }
        for text in ["Fax", "", "-x", "2x", "a b", "link", "callback", "a-name-of-more-than-24-chars"] {
            assert!(serde_json::from_value::<MethodName>(text.into()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_list_that_cannot_be_meant_is_refused() {
        assert_eq!(login_problem(&MethodName::ALL), None);
        assert_eq!(registration_problem(&[]), None);
        assert_eq!(registration_problem(&MethodName::REGISTERING), None);
        assert!(login_problem(&[]).is_some());
        assert!(login_problem(&[Password, Esia, Password]).unwrap().contains("password twice"));
        assert!(registration_problem(&[Password, Telegram]).unwrap().contains("telegram"));
        assert!(registration_problem(&[Code]).is_some());
    }

    #[test]
    fn a_list_without_a_way_that_exists_is_refused_and_an_empty_one_closes_registration() {
        let built = Built { login: vec![Password], registration: vec![Password] };
        assert!(unusable(Some(&[Esia, Password]), Some(&[]), &built).is_empty());
        assert!(unusable(None, None, &built).is_empty());
        let found = unusable(Some(&[Certificate]), Some(&[Esia]), &built);
        let fields: Vec<_> = found.iter().map(|(field, _)| *field).collect();
        assert_eq!(fields, ["login_methods", "registration_methods"]);
        let unknown = unusable(Some(&[Password, upstream("pasword")]), None, &built);
        assert!(unknown[0].1.contains("pasword"), "{unknown:?}");
        let built = Built { login: vec![Password, upstream("head-office")], ..built };
        assert!(unusable(Some(&[upstream("head-office")]), None, &built).is_empty());
    }
}
