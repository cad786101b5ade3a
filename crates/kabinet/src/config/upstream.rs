//! `[upstream.NAME]`: other providers that people may sign in at.
//!
//! The name is the operator's: it stands in URLs, in lists of methods and with every link for ever. `esia` is a section of its own.

use std::collections::BTreeMap;

use kabinet_core::method::MethodName;
use kabinet_identity::method::upstream::Vouched;
use kabinet_identity::method::upstream::openid::{ClientAuth, Mode, Preset, Signing};
use serde::{Deserialize, Serialize};
use url::Url;

use super::check::is_loopback;
use super::values::{Hidden, Seconds, list};
use super::{Config, Dict, Value};

/// Another provider. What is absent is as its preset has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Upstream {
    /// What is known of the provider: `openid`, `kabinet`, `telegram`, `vk`, `yandex`, `sber`, `t-id`.
    pub preset: Preset,
    /// `iss`, byte for byte.
    pub issuer: Option<String>,
    /// Who this installation is there.
    pub client_id: Option<String>,
    /// What proves it.
    pub client_secret: Option<Hidden>,
    /// How it is proven: `basic` or `post`.
    pub client_auth: Option<ClientAuth>,
    /// What its button says in Russian.
    pub title_ru: Option<String>,
    /// What its button says in English.
    pub title_en: Option<String>,
    /// What is asked for.
    #[serde(deserialize_with = "list")]
    pub scopes: Vec<String>,
    /// How somebody is known: `openid` or `userinfo`.
    pub mode: Option<Mode>,
    /// The one algorithm of ID tokens: `RS256`, `ES256` or `EdDSA`.
    pub signing: Option<Signing>,
    /// It sends no nonce back.
    pub nonce_optional: Option<bool>,
    /// Its userinfo is not asked.
    pub no_userinfo: Option<bool>,
    /// Its e-mail addresses are left out.
    pub no_email: Option<bool>,
    /// Where a fact stands, `NAME=PATH`, as in `phone_number=user.phone`; `sub` is the identifier, `id` the second one.
    #[serde(deserialize_with = "list")]
    pub claims: Vec<String>,
    /// Where the browser goes, in place of what discovery says.
    pub authorization_endpoint: Option<Url>,
    /// Where the code is redeemed.
    pub token_endpoint: Option<Url>,
    /// Where the keys are.
    pub jwks_uri: Option<Url>,
    /// Where it says who it is.
    pub userinfo_endpoint: Option<Url>,
    /// Where the session there ends.
    pub end_session_endpoint: Option<Url>,
    /// The proxy for calls to it. The browser goes there by itself.
    pub proxy: Option<Url>,
    /// How long one call to it may take; absent: 5 s. A step of a sign-in takes three of them at most.
    pub timeout: Option<Seconds>,
    /// Whether an account can be made with it. Reason: linking only, until the operator has thought of it.
    pub registers: bool,
    /// Whether it is another country's, so that it is no way in by itself (406-ФЗ).
    pub foreign: Option<bool>,
    /// Whether a sign-in there counts as two factors where it has confirmed the person.
    pub strong: bool,
    /// What its word is taken for: `phone`, `email` (verified there, so without a code here), `snils`, `organisations`. Reason:
    /// none, whoever can write an address there would own it here.
    #[serde(deserialize_with = "list")]
    pub vouches: Vec<Vouched>,
}

impl Upstream {
    /// Whether it is another country's.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.foreign.unwrap_or_else(|| self.preset.is_foreign())
    }

    /// The pairs of `claims`.
    #[must_use]
    pub fn claim_paths(&self) -> BTreeMap<String, String> {
        let pair =
            |text: &String| text.split_once('=').map(|(name, path)| (name.trim().to_owned(), path.trim().to_owned()));
        self.claims.iter().filter_map(pair).collect()
    }
}

/// The names of the keys of a provider.
pub(super) fn fields() -> Dict {
    Value::serialize(Upstream::default()).ok().and_then(Value::into_dict).unwrap_or_default()
}

/// What is wrong with the providers: the key and a sentence.
pub(super) fn problems(config: &Config) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, upstream) in &config.upstream {
        let key = |field: &str| format!("upstream.{name}.{field}");
        let is_telegram = name == "telegram" && upstream.preset == Preset::Telegram;
        if !is_telegram && !matches!(MethodName::parse(name), Some(MethodName::Upstream(_))) {
            let what = "is no name for a provider: a letter first, then a to z, digits and -, 24 at most, and none of another \
                        method; telegram is for the preset telegram";
            found.push((format!("upstream.{name}"), what.to_owned()));
        }
        let known = upstream.preset.settings();
        if upstream.client_id.as_deref().unwrap_or_default().is_empty() {
            found.push((key("client_id"), "must be given".to_owned()));
        }
        match upstream.issuer.as_deref().unwrap_or(&known.issuer) {
            "" => found.push((key("issuer"), "must be given".to_owned())),
            issuer if Url::parse(issuer).is_ok_and(|url| is_fit(&url) && url.query().is_none()) => {}
            _ => found.push((key("issuer"), "must be an https URL without a query".to_owned())),
        }
        let urls = [
            ("authorization_endpoint", &upstream.authorization_endpoint),
            ("token_endpoint", &upstream.token_endpoint),
            ("jwks_uri", &upstream.jwks_uri),
            ("userinfo_endpoint", &upstream.userinfo_endpoint),
            ("end_session_endpoint", &upstream.end_session_endpoint),
        ];
        for (field, _) in urls.iter().filter(|(_, url)| url.as_ref().is_some_and(|url| !is_fit(url))) {
            found.push((key(field), "must be an https URL".to_owned()));
        }
        if upstream
            .proxy
            .as_ref()
            .is_some_and(|url| !matches!(url.scheme(), "http" | "https") || !url.has_host())
        {
            found.push((key("proxy"), "must be an http or https URL with a host".to_owned()));
        }
        if let Some(bad) = upstream.claims.iter().find(|text| !text.contains('=')) {
            found.push((
                key("claims"),
                format!("holds {bad:?}; it must be NAME=PATH, as in phone_number=user.phone"),
            ));
        }
        if upstream.title_ru.is_some() != upstream.title_en.is_some() {
            found.push((key("title_en"), "and title_ru are given together".to_owned()));
        }
        let titles = [&upstream.title_ru, &upstream.title_en];
        if titles
            .into_iter()
            .flatten()
            .any(|title| title.trim().is_empty() || title.chars().count() > 40)
        {
            found.push((key("title_ru"), "must have 1 to 40 characters".to_owned()));
        }
        if upstream.timeout.is_some_and(|time| time.0 == 0 || time > Seconds::minutes(2)) {
            found.push((key("timeout"), "must be longer than nothing and 2m at most".to_owned()));
        }
        if upstream.registers && upstream.is_foreign() {
            found.push((key("registers"), "cannot be: a provider of another country makes no accounts".to_owned()));
        }
        let mode = upstream.mode.unwrap_or(known.mode);
        if mode == Mode::Userinfo && upstream.userinfo_endpoint.is_none() && known.places.userinfo.is_none() {
            found.push((key("userinfo_endpoint"), "must be given where mode is userinfo".to_owned()));
        }
    }
    found
}

fn is_fit(url: &Url) -> bool {
    let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    is_plain && (url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url)))
}
