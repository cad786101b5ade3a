//! What is sent to ЕСИА, and what of it is signed.
//!
//! The signed text is a plain concatenation of the very strings that are sent, before they are encoded for the URL:
//!
//! | call | text |
//! |---|---|
//! | v2 `/aas/oauth2/v2/ac` | client_id, scope, scope_org, timestamp, state, redirect_uri |
//! | v3 `/aas/oauth2/v3/te`, a code | the same, then code |
//! | v3 `/aas/oauth2/v3/te`, client_credentials | client_id, scope, timestamp, state, redirect_uri |
//! | v1 `/aas/oauth2/ac` and `/te` | scope, timestamp, client_id, state |
//!
//! v2 and v3 sign bare, v1 in CMS. A token request has a timestamp and a state of its own. `person_filter` and the challenge of
//! PKCE are not signed: what they demand is checked again when the answer comes.

use kabinet_core::time::{Civil, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;

use super::Settings;
use super::signer::Form;

/// base64 of `conf_acc`: only confirmed accounts.
const CONFIRMED: &str = "Y29uZl9hY2M=";

/// Which requests ЕСИА is asked with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// `/v2/ac` and `/v3/te`.
    #[default]
    V2,
    /// `/ac` and `/te`, which the operator of ЕСИА advises to leave.
    V1,
}

impl Protocol {
    pub(super) const fn form(self) -> Form {
        match self {
            Self::V2 => Form::Bare,
            Self::V1 => Form::Detached,
        }
    }

    const fn authorize(self) -> &'static str {
        match self {
            Self::V2 => "aas/oauth2/v2/ac",
            Self::V1 => "aas/oauth2/ac",
        }
    }

    pub(super) const fn token(self) -> &'static str {
        match self {
            Self::V2 => "aas/oauth2/v3/te",
            Self::V1 => "aas/oauth2/te",
        }
    }
}

/// `2026.01.15 12:00:00 +0000`.
pub(super) fn timestamp(at: Timestamp) -> String {
    let Civil { year, month, day, hour, minute, second } = Civil::of(at);
    format!("{year:04}.{month:02}.{day:02} {hour:02}:{minute:02}:{second:02} +0000")
}

/// What is common to every request.
#[derive(Clone, Copy)]
pub(super) struct Signed<'a> {
    pub settings: &'a Settings,
    pub timestamp: &'a str,
    pub state: &'a str,
    pub redirect_uri: &'a str,
}

impl Signed<'_> {
    /// The text of the authorization request.
    pub(super) fn authorize_text(&self) -> String {
        let Settings { client_id, scope, scope_org, protocol, .. } = self.settings;
        let Self { timestamp, state, redirect_uri, .. } = *self;
        match protocol {
            Protocol::V2 => [client_id.as_str(), scope, scope_org, timestamp, state, redirect_uri].concat(),
            Protocol::V1 => [scope.as_str(), timestamp, client_id, state].concat(),
        }
    }

    /// The text of the request for a code's tokens.
    pub(super) fn code_text(&self, code: &str) -> String {
        match self.settings.protocol {
            Protocol::V2 => self.authorize_text() + code,
            Protocol::V1 => self.authorize_text(),
        }
    }

    /// The text of a request for a token of the system itself.
    pub(super) fn client_text(&self, scope: &str) -> String {
        let Settings { client_id, protocol, .. } = self.settings;
        let Self { timestamp, state, redirect_uri, .. } = *self;
        match protocol {
            Protocol::V2 => [client_id, scope, timestamp, state, redirect_uri].concat(),
            Protocol::V1 => [scope, timestamp, client_id, state].concat(),
        }
    }

    /// Where the browser goes. Each value is encoded so that `+` of the time zone stays one: `%2B`.
    pub(super) fn location(&self, secret: &str, challenge: Option<&str>) -> Option<Url> {
        let settings = self.settings;
        let mut location = under(&settings.base, settings.protocol.authorize())?;
        let mut query = location.query_pairs_mut();
        query.append_pair("client_id", &settings.client_id);
        query.append_pair("response_type", "code");
        query.append_pair("access_type", "online");
        query.append_pair("scope", &settings.scope);
        if settings.protocol == Protocol::V2 && !settings.scope_org.is_empty() {
            query.append_pair("scope_org", &settings.scope_org);
        }
        query.append_pair("timestamp", self.timestamp);
        query.append_pair("state", self.state);
        query.append_pair("redirect_uri", self.redirect_uri);
        if settings.protocol == Protocol::V2 {
            query.append_pair("client_certificate_hash", &settings.certificate_hash());
        }
        query.append_pair("client_secret", secret);
        if settings.require_confirmed {
            query.append_pair("person_filter", CONFIRMED);
        }
        if let Some(challenge) = challenge {
            query.append_pair("code_challenge", challenge);
            query.append_pair("code_challenge_method", "S256");
        }
        drop(query);
        Some(location)
    }

    /// The fields of the request for a code's tokens.
    pub(super) fn code_fields<'f>(&'f self, secret: &'f str, code: &'f str) -> Vec<(&'static str, &'f str)> {
        let mut fields = self.fields(secret, "authorization_code", &self.settings.scope);
        fields.push(("code", code));
        if self.settings.protocol == Protocol::V2 && !self.settings.scope_org.is_empty() {
            fields.push(("scope_org", &self.settings.scope_org));
        }
        fields
    }

    /// The fields of a request for a token of the system itself.
    pub(super) fn client_fields<'f>(&'f self, secret: &'f str, scope: &'f str) -> Vec<(&'static str, &'f str)> {
        let mut fields = self.fields(secret, "client_credentials", scope);
        if self.settings.protocol == Protocol::V1 {
            fields.push(("response_type", "token"));
        }
        fields
    }

    fn fields<'f>(&'f self, secret: &'f str, grant: &'static str, scope: &'f str) -> Vec<(&'static str, &'f str)> {
        vec![
            ("client_id", &self.settings.client_id),
            ("client_secret", secret),
            ("grant_type", grant),
            ("scope", scope),
            ("timestamp", self.timestamp),
            ("state", self.state),
            ("redirect_uri", self.redirect_uri),
            ("token_type", "Bearer"),
        ]
    }
}

/// The address at this path below a base, whatever the base ends with.
pub(super) fn under(base: &Url, path: &str) -> Option<Url> {
    let mut url = base.clone();
    let whole = format!("{}/{path}", base.path().trim_end_matches('/'));
    url.set_path(&whole);
    url.set_query(None);
    url.set_fragment(None);
    (url.path() == whole).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::super::tests::settings;
    use super::*;

    const STATE: &str = "7f4c1a52-0d1e-4c55-9f8e-3a2b6c9d0e11";
    const BACK: &str = "https://sso.example.test/federation/esia/callback";

    fn signed<'a>(settings: &'a Settings, timestamp: &'a str) -> Signed<'a> {
        Signed { settings, timestamp, state: STATE, redirect_uri: BACK }
    }

    #[test]
    fn the_texts_that_are_signed_are_those_of_the_worked_examples() {
        let at = timestamp(Timestamp(1_768_478_400));
        assert_eq!(at, "2026.01.15 12:00:00 +0000");
        let mut settings = settings();
        let v2 = format!("TESTIS01openid fullname snils2026.01.15 12:00:00 +0000{STATE}{BACK}");
        let one = signed(&settings, &at);
        assert_eq!(one.authorize_text(), v2);
        assert_eq!(one.code_text("CODE"), format!("{v2}CODE"));
        let of_system = format!("TESTIS01org_inn?org_oid=12026.01.15 12:00:00 +0000{STATE}{BACK}");
        assert_eq!(one.client_text("org_inn?org_oid=1"), of_system);

        settings.scope_org = "org_inn org_ogrn".to_owned();
        let with_org = format!("TESTIS01openid fullname snilsorg_inn org_ogrn2026.01.15 12:00:00 +0000{STATE}{BACK}");
        assert_eq!(signed(&settings, &at).authorize_text(), with_org);

        settings.protocol = Protocol::V1;
        let v1 = format!("openid fullname snils2026.01.15 12:00:00 +0000TESTIS01{STATE}");
        let one = signed(&settings, &at);
        assert_eq!(one.authorize_text(), v1);
        assert_eq!(one.code_text("CODE"), v1);
        assert_eq!(one.client_text("s"), format!("s2026.01.15 12:00:00 +0000TESTIS01{STATE}"));
    }

    #[test]
    fn the_address_at_esia_is_encoded_so_that_nothing_changes_on_the_way() {
        let mut settings = settings();
        let at = "2026.01.15 12:00:00 +0000";
        let location = signed(&settings, at).location("SECRET-_", None).unwrap();
        let hash = settings.certificate_hash();
        assert_eq!(
            location.as_str(),
            format!(
                "https://esia.example.test/aas/oauth2/v2/ac?client_id=TESTIS01&response_type=code&access_type=online\
                 &scope=openid+fullname+snils&timestamp=2026.01.15+12%3A00%3A00+%2B0000&state={STATE}\
                 &redirect_uri=https%3A%2F%2Fsso.example.test%2Ffederation%2Fesia%2Fcallback\
                 &client_certificate_hash={hash}&client_secret=SECRET-_&person_filter=Y29uZl9hY2M%3D"
            )
        );
        assert!(hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b)));

        settings.require_confirmed = false;
        settings.protocol = Protocol::V1;
        settings.base = "https://gate.example.test/esia/".parse().unwrap();
        let location = signed(&settings, at).location("S", None).unwrap();
        assert!(
            location
                .as_str()
                .starts_with("https://gate.example.test/esia/aas/oauth2/ac?client_id=TESTIS01")
        );
        for absent in ["client_certificate_hash", "person_filter", "scope_org", "code_challenge"] {
            assert!(!location.query_pairs().any(|(name, _)| name == absent), "{absent}");
        }
    }
}
