//! The names of the ways to sign in, as brands and clients allow them.
//!
//! A name may be allowed before a release has the method: pages show what is allowed and there, in the order in which it
//! is allowed. Lists that leave nobody a way in are refused when they are saved.

use serde::{Deserialize, Serialize};

/// A way to sign in or to register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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
}

impl MethodName {
    /// Every name, in the order of the products' guides.
    pub const ALL: [Self; 5] = [Self::Password, Self::Certificate, Self::Esia, Self::Telegram, Self::Code];

    /// Those that an account can be made with; no guide registers anybody by Telegram or by a code.
    pub const REGISTERING: [Self; 3] = [Self::Password, Self::Certificate, Self::Esia];

    /// The name in data, URLs and page ids.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Certificate => "certificate",
            Self::Esia => "esia",
            Self::Telegram => "telegram",
            Self::Code => "code",
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
    let other = list.iter().find(|name| !MethodName::REGISTERING.contains(name));
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

    use super::*;

    #[test]
    fn names_are_written_as_they_are_read() {
        for name in MethodName::ALL {
            assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
        }
        assert!(serde_json::from_value::<MethodName>("fax".into()).is_err());
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
    }
}
