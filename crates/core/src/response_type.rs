//! Response types: what the authorization endpoint gives (OAuth 2.0 Multiple Response Types §3 and §5, OpenID Connect Core
//! §3).
//!
//! | response type | from the authorization endpoint | grant types (RFC 7591 §2.1) |
//! |---|---|---|
//! | `code` | code | authorization_code |
//! | `id_token`, `id_token token` | ID token, access token | implicit |
//! | `code id_token`, `code token`, `code id_token token` | code and tokens | authorization_code, implicit |
//!
//! `token` alone is not offered: it says nothing of who signed in (OpenID Connect Core §3, note), and `none` gives nothing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One of the six response types of OpenID Connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResponseType {
    /// An authorization code.
    pub code: bool,
    /// An ID token in the front channel.
    pub id_token: bool,
    /// An access token in the front channel.
    pub token: bool,
}

/// No response type that is offered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no response type that is offered; those are code, id_token, id_token token and code with either or both")]
pub struct BadResponseType;

impl ResponseType {
    /// `code`: what every client starts with.
    pub const CODE: Self = Self { code: true, id_token: false, token: false };

    /// Every response type, in the order of discovery.
    pub const ALL: [Self; 6] = [
        Self::CODE,
        Self { code: false, id_token: true, token: false },
        Self { code: false, id_token: true, token: true },
        Self { code: true, id_token: true, token: false },
        Self { code: true, id_token: false, token: true },
        Self { code: true, id_token: true, token: true },
    ];

    /// Whether tokens travel through the browser, so that the answer must not stand in a query (OAuth 2.0 Multiple Response
    /// Types §5).
    #[must_use]
    pub const fn is_front_channel(self) -> bool {
        self.id_token || self.token
    }

    /// Whether a text, sound or not, asks for tokens in the browser: errors then travel as the answer would have.
    #[must_use]
    pub fn asks_for_tokens(text: &str) -> bool {
        text.split(' ').any(|word| matches!(word, "id_token" | "token"))
    }

    /// Its registered spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match (self.code, self.id_token, self.token) {
            (true, false, false) => "code",
            (false, true, false) => "id_token",
            (false, true, true) => "id_token token",
            (true, true, false) => "code id_token",
            (true, false, true) => "code token",
            (true, true, true) => "code id_token token",
            (false, false, _) => "",
        }
    }
}

impl fmt::Display for ResponseType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ResponseType {
    type Err = BadResponseType;

    /// Reads a space-separated list of values whose order does not matter (RFC 6749 §3.1.1).
    fn from_str(text: &str) -> Result<Self, BadResponseType> {
        let mut read = Self { code: false, id_token: false, token: false };
        for word in text.split(' ') {
            let part = match word {
                "code" => &mut read.code,
                "id_token" => &mut read.id_token,
                "token" => &mut read.token,
                _ => return Err(BadResponseType),
            };
            if std::mem::replace(part, true) {
                return Err(BadResponseType);
            }
        }
        Self::ALL.contains(&read).then_some(read).ok_or(BadResponseType)
    }
}

impl TryFrom<String> for ResponseType {
    type Error = BadResponseType;
    fn try_from(text: String) -> Result<Self, BadResponseType> {
        text.parse()
    }
}

impl From<ResponseType> for String {
    fn from(kind: ResponseType) -> Self {
        kind.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_six_are_read_in_any_order_and_printed_in_one() {
        for kind in ResponseType::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!("token id_token code".parse::<ResponseType>().unwrap().to_string(), "code id_token token");
    }

    #[test]
    fn others_are_refused() {
        for other in ["", "token", "none", "code code", "code  id_token", "code id_token none", "CODE", "code,token"] {
            assert_eq!(other.parse::<ResponseType>(), Err(BadResponseType), "{other:?}");
        }
    }
}
