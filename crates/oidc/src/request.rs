//! From the text of a request to its parameters.
//!
//! Parameters without a value count as absent (RFC 6749 §3.1). A repeated parameter is an error; `resource` and `audience`
//! may be repeated (RFC 8707 §2, RFC 8693 §2.1). Unknown ones are ignored. Control characters are never part of a value, nor
//! is what is not UTF-8 (RFC 6749 appendix B). More than [`MOST`] parameters are nobody's request.

use kabinet_core::error::{Code, OAuthError};
use serde::{Deserialize, Serialize};

use crate::claims::ClaimsRequest;

/// Parameters of one request.
pub const MOST: usize = 256;

/// The parameters of a request: each name once, `resource` and `audience` any number of times.
#[derive(Clone, Debug, Default)]
pub struct Params {
    pairs: Vec<(String, String)>,
    fault: Option<&'static str>,
    repeated: Vec<String>,
}

impl Params {
    /// Reads `application/x-www-form-urlencoded` text (a query or a body).
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let mut params = Self::default();
        for (name, value) in form_urlencoded::parse(text) {
            params.push(name.into_owned(), value.into_owned());
        }
        params
    }

    fn push(&mut self, name: String, value: String) {
        if value.is_empty() {
            return;
        }
        if self.pairs.len() == MOST {
            self.fault = Some("there are more than 256 parameters");
            return;
        }
        // RFC 6749 §3.1: parameters must not be included more than once.
        if !matches!(name.as_str(), "resource" | "audience") && self.pairs.iter().any(|(known, _)| *known == name) {
            self.fault = Some("a parameter is repeated (RFC 6749 section 3.1)");
            self.repeated.push(name);
            return;
        }
        if value.chars().any(char::is_control) || name.chars().any(char::is_control) {
            self.fault = Some("a parameter holds a control character");
            return;
        }
        // What cannot be decoded comes as U+FFFD: a state that went back like that would be another one.
        if [&name, &value].iter().any(|text| text.contains(char::REPLACEMENT_CHARACTER)) {
            self.fault = Some("a parameter is not UTF-8 (RFC 6749 appendix B)");
            return;
        }
        self.pairs.push((name, value));
    }

    /// The same with one more parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.push(name.to_owned(), value.to_owned());
        self
    }

    /// Every name and value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What is wrong with the whole, if anything: to be answered once it is known where to.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn sound(&self) -> Result<(), OAuthError> {
        self.fault.map_or(Ok(()), |fault| Err(OAuthError::new(Code::InvalidRequest, fault)))
    }

    /// Whether a parameter stands more than once.
    #[must_use]
    pub fn repeats(&self, name: &str) -> bool {
        self.repeated.iter().any(|repeated| repeated == name)
    }

    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a parameter that may be repeated.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that a request cannot do without.
    ///
    /// # Errors
    /// `invalid_request` with the given sentence.
    pub fn need(&self, name: &str, missing: &'static str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| OAuthError::new(Code::InvalidRequest, missing))
    }
}

impl FromIterator<(String, String)> for Params {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let mut params = Self::default();
        for (name, value) in pairs {
            params.push(name, value);
        }
        params
    }
}

/// The parameters of an authorization request that travel through sign-in, sealed. The names are short on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizeParams {
    /// `client_id`
    #[serde(rename = "c")]
    pub client_id: String,
    /// `redirect_uri`
    #[serde(rename = "u")]
    pub redirect_uri: String,
    /// `response_type`
    #[serde(rename = "t")]
    pub response_type: String,
    /// `response_mode`
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub response_mode: Option<String>,
    /// `scope`
    #[serde(rename = "s")]
    pub scope: String,
    /// `state`
    #[serde(rename = "st", default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// `nonce`
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// `code_challenge`
    #[serde(rename = "cc", default, skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<String>,
    /// `code_challenge_method`
    #[serde(rename = "cm", default, skip_serializing_if = "Option::is_none")]
    pub code_challenge_method: Option<String>,
    /// `prompt`
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// `max_age`
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<String>,
    /// `login_hint`
    #[serde(rename = "lh", default, skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    /// The subject of `id_token_hint`, which is verified once at entry.
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// `ui_locales`
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub ui_locales: Option<String>,
    /// `acr_values`
    #[serde(rename = "av", default, skip_serializing_if = "Option::is_none")]
    pub acr_values: Option<String>,
    /// `claims`, as it was read at entry.
    #[serde(rename = "cl", default, skip_serializing_if = "ClaimsRequest::is_empty")]
    pub claims: ClaimsRequest,
    /// The pushed request that this is, which the answer spends (RFC 9126).
    #[serde(rename = "pu", default, skip_serializing_if = "Option::is_none")]
    pub pushed: Option<String>,
    /// `dpop_jkt`: the key that may redeem the code (RFC 9449 §10).
    #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<String>,
    /// `resource`
    #[serde(rename = "r", default, skip_serializing_if = "Vec::is_empty")]
    pub resource: Vec<String>,
}

impl AuthorizeParams {
    /// Whether the authorization endpoint reads a parameter of this name.
    pub(crate) fn knows(name: &str) -> bool {
        const NAMES: [&str; 20] = [
            "client_id",
            "redirect_uri",
            "response_type",
            "response_mode",
            "scope",
            "state",
            "nonce",
            "code_challenge",
            "code_challenge_method",
            "prompt",
            "max_age",
            "login_hint",
            "id_token_hint",
            "ui_locales",
            "acr_values",
            "claims",
            "resource",
            "registration",
            "display",
            "dpop_jkt",
        ];
        NAMES.contains(&name)
    }

    /// Takes what the authorization endpoint knows out of the parameters. What is read once, at entry, stays empty: `hint`,
    /// `claims`, `pushed`.
    #[must_use]
    pub fn of(params: &Params) -> Self {
        let get = |name: &str| params.get(name).map(str::to_owned);
        Self {
            client_id: get("client_id").unwrap_or_default(),
            redirect_uri: get("redirect_uri").unwrap_or_default(),
            response_type: get("response_type").unwrap_or_default(),
            response_mode: get("response_mode"),
            scope: get("scope").unwrap_or_default(),
            state: get("state"),
            nonce: get("nonce"),
            code_challenge: get("code_challenge"),
            code_challenge_method: get("code_challenge_method"),
            prompt: get("prompt"),
            max_age: get("max_age"),
            login_hint: get("login_hint"),
            hint: None,
            ui_locales: get("ui_locales"),
            acr_values: get("acr_values"),
            claims: ClaimsRequest::default(),
            pushed: None,
            dpop_jkt: get("dpop_jkt"),
            resource: params.all("resource").map(str::to_owned).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_parameter_is_a_fault_and_resource_is_not() {
        assert!(Params::parse(b"a=1&a=2").sound().is_err());
        assert!(Params::parse(b"a=1&a=1").sound().is_err());
        assert!(Params::parse(b"a=1&a=").sound().is_ok(), "a parameter without a value counts as absent");
        let params = Params::parse(b"resource=x&resource=y");
        assert!(params.sound().is_ok());
        assert_eq!(params.all("resource").collect::<Vec<_>>(), ["x", "y"]);
    }

    #[test]
    fn values_keep_every_printable_character() {
        let params = Params::parse("state=a%26b%2Bc+d%20%D1%8F\"<".as_bytes());
        assert_eq!(params.get("state"), Some("a&b+c d я\"<"));
        assert!(Params::parse(b"state=a%0d%0ab").sound().is_err());
        assert!(Params::parse(b"state=a%00").sound().is_err());
    }

    #[test]
    fn what_is_not_utf_8_is_a_fault_and_never_another_text() {
        for bad in [&b"state=a%ff"[..], b"state=\xd1", b"a%c0%af=b", b"state=%ed%a0%80", b"state=%ef%bf%bd"] {
            let params = Params::parse(bad);
            assert!(params.sound().is_err() && params.iter().count() == 0, "{bad:?}");
        }
    }

    #[test]
    fn parameters_beyond_the_limit_are_a_fault_and_not_looked_through() {
        let many = |count: usize| (0..count).map(|n| format!("p{n}=1&")).collect::<String>();
        assert!(Params::parse(many(MOST).as_bytes()).sound().is_ok());
        for text in [many(MOST + 1), many(10_000), "resource=a&".repeat(MOST + 1)] {
            let params = Params::parse(text.as_bytes());
            assert!(params.sound().is_err());
            assert_eq!(params.iter().count(), MOST);
        }
    }
}
