//! Scopes (RFC 6749 §3.3): a set of case-sensitive tokens, always printed in the same order.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What one scope token may hold at most, in bytes; longer ones only cost memory.
const MAX_TOKEN: usize = 128;

/// Allows a client to invite people: given by client_credentials only, for the invitations of kabinet itself.
pub const INVITE: &str = "kabinet:invite";

/// A set of scope tokens, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(BTreeSet<String>);

/// A scope that breaks the grammar of RFC 6749 §3.3.
#[derive(Debug, thiserror::Error)]
#[error("scope is not a list of scope tokens (RFC 6749 §3.3)")]
pub struct BadScope;

impl Scope {
    /// Reads a space-separated list; an empty text is the empty set.
    ///
    /// # Errors
    /// When a token holds a character outside `%x21 / %x23-5B / %x5D-7E` or is longer than 128 bytes.
    pub fn parse(text: &str) -> Result<Self, BadScope> {
        // RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
        let allowed = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        text.split(' ')
            .filter(|token| !token.is_empty())
            .map(|token| (token.len() <= MAX_TOKEN && token.bytes().all(allowed)).then(|| token.to_owned()))
            .collect::<Option<_>>()
            .map(Self)
            .ok_or(BadScope)
    }

    /// Whether the set holds `token`.
    #[must_use]
    pub fn has(&self, token: &str) -> bool {
        self.0.contains(token)
    }

    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every token of this set is in `other`.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// The tokens of this set that `other` lacks.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).cloned().collect())
    }

    /// The tokens that both sets hold.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// All tokens of both sets.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// The tokens in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, token) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(token)?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Scope {
    type Error = BadScope;
    fn try_from(value: String) -> Result<Self, BadScope> {
        Self::parse(&value)
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}

impl<'a> FromIterator<&'a str> for Scope {
    fn from_iter<I: IntoIterator<Item = &'a str>>(tokens: I) -> Self {
        Self(tokens.into_iter().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_repetition_do_not_matter_and_the_text_is_sorted() {
        assert_eq!(Scope::parse("profile openid  openid").unwrap().to_string(), "openid profile");
    }

    #[test]
    fn characters_outside_the_grammar_are_refused() {
        for bad in ["open\"id", "a\\b", "a\tb", "имя", "a\u{7f}", &"x".repeat(129)] {
            assert!(Scope::parse(bad).is_err(), "{bad}");
        }
    }
}
