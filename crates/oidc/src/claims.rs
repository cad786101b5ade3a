//! The `claims` parameter (OpenID Connect Core §5.5): claims asked for one by one, for the ID token and for UserInfo.
//!
//! 1. The JSON object is read once, at entry; what the provider can act on is kept, the rest ignored as §5.5 says.
//! 2. A claim about the person is given when the client may ask for the scope that gives it; where consent is asked, that scope
//!    is what the person allows. Essential or not, what is not known is left out (§5.5.1).
//! 3. `sub` with a value admits only that person, as an `id_token_hint` does; `acr` that is essential must be reached
//!    (§5.5.1.1), and `auth_time` and `acr` stand in every ID token anyway.
//!
//! Refused: text that is no such object, that names a member twice, longer than [`LONGEST`], or that names more than [`MOST`] claims.

use std::collections::BTreeSet;

use kabinet_core::claims::scope_of;
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::json;
use kabinet_core::scope::Scope;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Bytes of the parameter.
pub(crate) const LONGEST: usize = 8 * 1024;
/// Claims that it may name.
const MOST: usize = 64;

const BAD: OAuthError = OAuthError::new(
    Code::InvalidRequest,
    "claims is not a JSON object as OpenID Connect Core section 5.5 has it",
);

/// What a request asks for by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimsRequest {
    /// Claims about the person for UserInfo.
    #[serde(rename = "u", default, skip_serializing_if = "Vec::is_empty")]
    pub userinfo: Vec<String>,
    /// Claims about the person for the ID token.
    #[serde(rename = "i", default, skip_serializing_if = "Vec::is_empty")]
    pub id_token: Vec<String>,
    /// The values of an essential `acr`.
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    pub acr: Vec<String>,
    /// The only `sub` that is wanted.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
}

impl ClaimsRequest {
    /// Reads the parameter.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn parse(text: &str) -> Result<Self, OAuthError> {
        if text.len() > LONGEST {
            return Err(BAD);
        }
        let whole = json::object(text.as_bytes()).map_err(|_| BAD)?;
        let member = |name: &str| match whole.get(name) {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(asked)) if asked.len() <= MOST => Ok(asked.clone()),
            Some(_) => Err(BAD),
        };
        let (userinfo, id_token) = (member("userinfo")?, member("id_token")?);
        // §5.5.1: the value of each member is null or an object.
        if !userinfo.values().chain(id_token.values()).all(|one| one.is_null() || one.is_object()) {
            return Err(BAD);
        }
        let about_person = |asked: &Map<String, Value>| {
            let known: BTreeSet<String> = asked.keys().filter(|name| scope_of(name).is_some()).cloned().collect();
            known.into_iter().collect::<Vec<_>>()
        };
        let acr = id_token.get("acr").filter(|acr| acr["essential"] == true);
        let sub = [&id_token, &userinfo].into_iter().find_map(|asked| asked.get("sub")?.get("value"));
        Ok(Self {
            userinfo: about_person(&userinfo),
            id_token: about_person(&id_token),
            acr: acr.map(values_of).transpose()?.unwrap_or_default(),
            sub: sub.map(|sub| sub.as_str().map(str::to_owned).ok_or(BAD)).transpose()?,
        })
    }

    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The scopes that give what is asked for.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.userinfo.iter().chain(&self.id_token).filter_map(|name| scope_of(name)).collect()
    }

    /// Leaves out what this scope does not give.
    #[must_use]
    pub fn within(mut self, allowed: &Scope) -> Self {
        let is_given = |name: &String| scope_of(name).is_some_and(|scope| allowed.has(scope));
        self.userinfo.retain(is_given);
        self.id_token.retain(is_given);
        self
    }
}

fn values_of(claim: &Value) -> Result<Vec<String>, OAuthError> {
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or(BAD);
    match (claim.get("value"), claim.get("values")) {
        (Some(one), _) => Ok(vec![text(one)?]),
        (None, Some(Value::Array(several))) if several.len() <= MOST => several.iter().map(text).collect(),
        (None, None) => Ok(Vec::new()),
        (None, Some(_)) => Err(BAD),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_read() {
        let text = r#"{"userinfo": {"given_name": {"essential": true}, "nickname": null, "email": {"essential": true},
            "http://example.info/claims/groups": null}, "id_token": {"auth_time": {"essential": true}, "email": null,
            "acr": {"essential": true, "values": ["urn:mace:incommon:iap:silver", "1"]}, "sub": {"value": "248289761001"}}}"#;
        let read = ClaimsRequest::parse(text).unwrap();
        assert_eq!(read.userinfo, ["email", "given_name", "nickname"]);
        assert_eq!(read.id_token, ["email"]);
        assert_eq!(read.acr, ["urn:mace:incommon:iap:silver", "1"]);
        assert_eq!(read.sub.as_deref(), Some("248289761001"));
        assert_eq!(read.scope().to_string(), "email profile");
        let within = read.within(&Scope::parse("openid email").unwrap());
        assert_eq!((within.userinfo, within.id_token), (vec!["email".to_owned()], vec!["email".to_owned()]));
    }

    #[test]
    fn an_acr_that_is_not_essential_asks_for_nothing() {
        assert!(ClaimsRequest::parse(r#"{"id_token": {"acr": {"values": ["2"]}}}"#).unwrap().is_empty());
        assert!(ClaimsRequest::parse("{}").unwrap().is_empty());
        assert!(ClaimsRequest::parse(r#"{"userinfo": null, "purpose": 5}"#).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_such_object_is_refused() {
        let many = format!(
            r#"{{"userinfo": {{{}"x": null}}}}"#,
            (0..64).map(|n| format!(r#""c{n}": null,"#)).collect::<String>()
        );
        let deep = format!(r#"{{"userinfo": {{"name": {}1{}}}}}"#, "[".repeat(500), "]".repeat(500));
        let bad = [
            "",
            "[]",
            "null",
            "5",
            "{",
            r#"{"userinfo": {"name": null}, "userinfo": {"email": null}}"#,
            r#"{"id_token": {"sub": {"value": "a"}, "sub": {"value": "b"}}}"#,
            r#"{"userinfo": []}"#,
            r#"{"id_token": "name"}"#,
            r#"{"userinfo": {"name": true}}"#,
            r#"{"id_token": {"sub": {"value": 5}}}"#,
            r#"{"id_token": {"acr": {"essential": true, "values": "1"}}}"#,
            r#"{"id_token": {"acr": {"essential": true, "values": [1]}}}"#,
            &many,
            &deep,
            &" ".repeat(LONGEST + 1),
        ];
        for text in bad {
            assert_eq!(ClaimsRequest::parse(text).unwrap_err().code, Code::InvalidRequest, "{text}");
        }
    }
}
