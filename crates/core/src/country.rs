//! Which ways to sign in people of a country may be shown.
//!
//! 149-ФЗ article 8 part 10 (406-ФЗ of 2023) lets owners of Russian sites sign people in Russia in by a phone number, Госуслуги, the
//! biometric system, or a service that a Russian person owns. Which of the configured ways these are is the operator's to say; here
//! is only the rule that pages and posts are held to. A country without a rule has no limits, and an unknown country is the
//! operator's default.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::method::MethodName;

/// A country by its two letters (ISO 3166-1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CountryCode([u8; 2]);

impl CountryCode {
    /// Russia.
    pub const RU: Self = Self(*b"RU");

    /// The two letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// It is no country code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a country is two letters, as in RU")]
pub struct BadCountry;

impl FromStr for CountryCode {
    type Err = BadCountry;

    /// Reads two Latin letters in either case. `XX` and `T1` are what proxies say of nowhere and of Tor: no countries.
    fn from_str(text: &str) -> Result<Self, BadCountry> {
        let letters: [u8; 2] = text.trim().as_bytes().try_into().map_err(|_| BadCountry)?;
        let letters = letters.map(|letter| letter.to_ascii_uppercase());
        if letters.iter().all(u8::is_ascii_uppercase) && letters != *b"XX" {
            Ok(Self(letters))
        } else {
            Err(BadCountry)
        }
    }
}

impl TryFrom<String> for CountryCode {
    type Error = BadCountry;
    fn try_from(text: String) -> Result<Self, BadCountry> {
        text.parse()
    }
}

impl From<CountryCode> for String {
    fn from(code: CountryCode) -> Self {
        code.as_str().to_owned()
    }
}

impl fmt::Display for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One country's rule: `RU: password certificate esia code`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CountryRule {
    /// For people of this country.
    pub country: CountryCode,
    /// These ways and no others.
    pub methods: Vec<MethodName>,
}

impl FromStr for CountryRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "must be a country and ways to sign in, as in RU: password certificate esia code";
        let (country, methods) = text.split_once(':').ok_or(FORM)?;
        let country = country.parse().map_err(|error: BadCountry| error.to_string())?;
        let read = |name: &str| {
            serde_json::from_value(name.into()).map_err(|_| format!("{name:?} is no way to sign in; {FORM}"))
        };
        let methods: Vec<MethodName> = methods.split_whitespace().map(read).collect::<Result<_, _>>()?;
        if methods.is_empty() {
            return Err(FORM.to_owned());
        }
        Ok(Self { country, methods })
    }
}

impl TryFrom<String> for CountryRule {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<CountryRule> for String {
    fn from(rule: CountryRule) -> Self {
        let methods: Vec<&str> = rule.methods.iter().map(MethodName::as_str).collect();
        format!("{}: {}", rule.country, methods.join(" "))
    }
}

/// The rules of all countries that have one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountryRules(BTreeMap<CountryCode, Vec<MethodName>>);

impl CountryRules {
    /// Of these; of two for one country both must allow a way.
    #[must_use]
    pub fn of(rules: &[CountryRule]) -> Self {
        let mut all = BTreeMap::new();
        for rule in rules {
            all.entry(rule.country)
                .and_modify(|known: &mut Vec<MethodName>| known.retain(|method| rule.methods.contains(method)))
                .or_insert_with(|| rule.methods.clone());
        }
        Self(all)
    }

    /// Whether somebody of this country may be shown the way of this name.
    #[must_use]
    pub fn allows(&self, country: Option<CountryCode>, method: &str) -> bool {
        let rule = country.and_then(|country| self.0.get(&country));
        rule.is_none_or(|methods| methods.iter().any(|allowed| allowed.as_str() == method))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_rule_is_read_as_it_is_written() {
        let rule: CountryRule = "ru:  password esia vk".parse().unwrap();
        assert_eq!(
            (rule.country, String::from(rule.clone()).as_str()),
            (CountryCode::RU, "RU: password esia vk")
        );
        for bad in ["", "RU", "RU:", "Russia: password", "RU: Пароль", "R1: password", "XX: password", "RU password"]
        {
            assert!(bad.parse::<CountryRule>().is_err(), "{bad}");
        }
    }

    #[test]
    fn two_rules_of_a_country_must_both_allow() {
        let rules = ["RU: password esia", "RU: esia telegram", "KZ: password"].map(|rule| rule.parse().unwrap());
        let rules = CountryRules::of(&rules);
        let allowed = |country: &str, method| rules.allows(country.parse().ok(), method);
        assert!(allowed("RU", "esia") && !allowed("RU", "password") && !allowed("RU", "telegram"));
        assert!(allowed("KZ", "password") && !allowed("KZ", "esia"));
        assert!(allowed("DE", "telegram") && rules.allows(None, "telegram"));
    }

    proptest! {
        #[test]
        fn nobody_is_shown_what_the_rule_of_their_country_does_not_name(
            named in proptest::collection::vec(0..MethodName::ALL.len(), 1..5),
            country in "[A-W][A-Z]",
            asked in 0..MethodName::ALL.len(),
        ) {
            let methods: Vec<MethodName> = named.iter().map(|i| MethodName::ALL[*i]).collect();
            let country: CountryCode = country.parse().unwrap();
            let rules = CountryRules::of(&[CountryRule { country, methods: methods.clone() }]);
            let method = MethodName::ALL[asked];
            prop_assert_eq!(rules.allows(Some(country), method.as_str()), methods.contains(&method));
            let text = String::from(CountryRule { country, methods });
            prop_assert_eq!(String::from(text.parse::<CountryRule>().unwrap()), text);
        }
    }
}
