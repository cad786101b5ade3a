//! Secrets in memory and what is kept of them at rest.
//!
//! A bearer value (code, token, client secret, session cookie) is a kind prefix and 256 random bits in base64url. Only
//! its SHA-256 is stored: with that much entropy a slow hash adds nothing. The prefix lets leak scanners find it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::ambient::{Entropy, random};

/// A string that must not be printed; wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the one place that must use it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// What a bearer value is for; its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Authorization code.
    Code,
    /// Opaque access token (its body is sealed, see [`crate::seal`]).
    Access,
    /// Refresh token.
    Refresh,
    /// Client secret.
    ClientSecret,
    /// Sign-in session cookie.
    Session,
    /// What a device polls with (RFC 8628).
    Device,
    /// What allows to register a client (RFC 7591 §3, initial access token).
    InitialAccess,
    /// What a client manages its registration by (RFC 7592).
    Registration,
}

impl TokenKind {
    /// The prefix that values of this kind start with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Code => "kbn_ac_",
            Self::Access => "kbn_at_",
            Self::Refresh => "kbn_rt_",
            Self::ClientSecret => "kbn_cs_",
            Self::Session => "kbn_sid_",
            Self::Device => "kbn_dc_",
            Self::InitialAccess => "kbn_ia_",
            Self::Registration => "kbn_ra_",
        }
    }

    /// A new value of this kind: the prefix and 256 random bits.
    #[must_use]
    pub fn generate(self, entropy: &dyn Entropy) -> Secret {
        Secret(format!("{}{}", self.prefix(), URL_SAFE_NO_PAD.encode(random::<32>(entropy))))
    }
}

/// SHA-256 of a bearer value in base64url: what is stored in its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenHash(String);

impl TokenHash {
    /// The hash of a presented value.
    #[must_use]
    pub fn of(value: &str) -> Self {
        Self(URL_SAFE_NO_PAD.encode(Sha256::digest(value.as_bytes())))
    }

    /// The hash as stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is that hash, as somebody else computed it; takes the same time whatever differs.
    #[must_use]
    pub fn is(&self, hash: &str) -> bool {
        bool::from(hash.as_bytes().ct_eq(self.0.as_bytes()))
    }

    /// Whether `value` hashes to this; takes the same time whatever differs.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        bool::from(Self::of(value).0.as_bytes().ct_eq(self.0.as_bytes()))
    }
}

impl From<String> for TokenHash {
    fn from(value: String) -> Self {
        Self(value)
    }
}

/// A decimal code of `digits` digits, each equally likely, leading zeros kept.
#[must_use]
pub fn decimal_code(digits: usize, entropy: &dyn Entropy) -> Secret {
    let mut code = String::with_capacity(digits);
    while code.len() < digits {
        let [byte] = random::<1>(entropy);
        // 250 is the largest multiple of ten in a byte: above it the remainder would favour small digits.
        if byte < 250 {
            code.push(char::from(b'0' + byte % 10));
        }
    }
    Secret(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;
    impl Entropy for Counting {
        fn fill(&self, out: &mut [u8]) {
            for (i, byte) in out.iter_mut().enumerate() {
                *byte = u8::try_from(i % 256).unwrap();
            }
        }
    }

    #[test]
    fn a_secret_never_shows_itself_in_debug_output() {
        assert_eq!(format!("{:?}", Secret::from("hunter2")), "Secret(…)");
    }

    #[test]
    fn a_hash_matches_its_value_and_no_other() {
        let token = TokenKind::Refresh.generate(&Counting);
        assert!(token.expose().starts_with("kbn_rt_") && token.expose().len() == 7 + 43);
        assert!(TokenHash::of(token.expose()).matches(token.expose()));
        assert!(!TokenHash::of(token.expose()).matches("kbn_rt_"));
    }
}
