//! What a provider says of itself: discovery (OpenID Connect Discovery 1.0 §4) and its keys.
//!
//! Both are kept for an hour. Keys are read anew for a key that is not among them, once a minute at most: whoever sends tokens with
//! made-up keys does not make us call. What was read stays good while the provider does not answer.

use std::sync::{Mutex, PoisonError};

use kabinet_core::time::Timestamp;
use kabinet_fetch::{Fetch, Response};
use openidconnect::core::CoreJsonWebKeySet;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::{Mode, OpenIdSettings, UpstreamError, misconfigured, silent, unavailable, untrusted};

/// How long what was read is used, seconds.
const FRESH: i64 = 3600;
/// How soon keys may be read again, seconds.
const AGAIN: i64 = 60;

/// Where everything is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub authorization: Url,
    pub token: Url,
    pub userinfo: Option<Url>,
    /// Whether every answer has `iss` (RFC 9207 §3).
    pub sends_issuer: bool,
    jwks: Option<Url>,
    end_session: Option<Url>,
}

/// What was read of a provider, and when.
#[derive(Default)]
pub(super) struct Known {
    place: Mutex<Option<(Timestamp, Place)>>,
    keys: Mutex<Option<(Timestamp, CoreJsonWebKeySet)>>,
}

#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    jwks_uri: Option<Url>,
    userinfo_endpoint: Option<Url>,
    end_session_endpoint: Option<Url>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

fn kept<T: Clone>(place: &Mutex<Option<(Timestamp, T)>>) -> Option<(Timestamp, T)> {
    place.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn keep<T: Clone>(place: &Mutex<Option<(Timestamp, T)>>, value: &T, now: Timestamp) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, value.clone()));
}

impl Known {
    /// Where everything is: as the operator says, else as discovery does.
    pub async fn place(
        &self,
        settings: &OpenIdSettings,
        fetch: &Fetch,
        now: Timestamp,
    ) -> Result<Place, UpstreamError> {
        if let Some(place) = named(settings) {
            return Ok(place);
        }
        let before = kept(&self.place);
        if let Some((read, place)) = &before
            && now.since(*read) < FRESH
        {
            return Ok(place.clone());
        }
        match discover(settings, fetch).await {
            Ok(place) => {
                keep(&self.place, &place, now);
                Ok(place)
            }
            Err(UpstreamError::Unavailable(why)) => match before {
                Some((_, place)) => Ok(place),
                None => Err(UpstreamError::Unavailable(why)),
            },
            Err(error) => Err(error),
        }
    }

    /// The provider's keys.
    pub async fn keys(
        &self,
        settings: &OpenIdSettings,
        fetch: &Fetch,
        now: Timestamp,
    ) -> Result<CoreJsonWebKeySet, UpstreamError> {
        let before = kept(&self.keys);
        if let Some((read, keys)) = &before
            && now.since(*read) < FRESH
        {
            return Ok(keys.clone());
        }
        match (self.read_keys(settings, fetch, now).await, before) {
            (Err(UpstreamError::Unavailable(_)), Some((_, keys))) => Ok(keys),
            (read, _) => read,
        }
    }

    /// The keys as they are now, unless they were read a moment ago.
    pub async fn newer_keys(
        &self,
        settings: &OpenIdSettings,
        fetch: &Fetch,
        now: Timestamp,
    ) -> Result<CoreJsonWebKeySet, UpstreamError> {
        match kept(&self.keys) {
            Some((read, keys)) if now.since(read) < AGAIN => Ok(keys),
            _ => self.read_keys(settings, fetch, now).await,
        }
    }

    async fn read_keys(
        &self,
        settings: &OpenIdSettings,
        fetch: &Fetch,
        now: Timestamp,
    ) -> Result<CoreJsonWebKeySet, UpstreamError> {
        let place = self.place(settings, fetch, now).await?;
        let url = place
            .jwks
            .ok_or_else(|| misconfigured("discovery", "the provider names no keys (jwks_uri)"))?;
        let answer = fetch.get(url).await.map_err(|error| silent("keys", &error))?;
        let keys: CoreJsonWebKeySet = serde_json::from_value(object(&answer, "keys")?.into())
            .map_err(|_| unavailable("what the provider sent as its keys is no JWK set"))?;
        keep(&self.keys, &keys, now);
        Ok(keys)
    }

    /// Where the session ends, as far as it is known.
    pub fn end_session(&self) -> Option<Url> {
        kept(&self.place)?.1.end_session
    }

    /// Whether the provider answers now.
    pub async fn probe(&self, settings: &OpenIdSettings, fetch: &Fetch) -> Result<(), UpstreamError> {
        let url = match named(settings) {
            // Without a code it refuses; that it answers at all is enough.
            Some(place) => place.jwks.unwrap_or(place.token),
            None => discovery(settings)?,
        };
        let answer = fetch.get(url).await.map_err(|error| silent("probe", &error))?;
        if answer.status.is_server_error() {
            return Err(unavailable(&format!("answered {}", answer.status.as_u16())));
        }
        Ok(())
    }
}

/// What the operator says, where it is enough.
fn named(settings: &OpenIdSettings) -> Option<Place> {
    let places = &settings.places;
    let has_keys = settings.mode == Mode::Userinfo || places.jwks.is_some();
    has_keys.then_some(())?;
    Some(Place {
        authorization: places.authorization.clone()?,
        token: places.token.clone()?,
        userinfo: places.userinfo.clone(),
        sends_issuer: false,
        jwks: places.jwks.clone(),
        end_session: places.end_session.clone(),
    })
}

/// §4.1: the path is put after the issuer's.
fn discovery(settings: &OpenIdSettings) -> Result<Url, UpstreamError> {
    let text = format!("{}/.well-known/openid-configuration", settings.issuer.trim_end_matches('/'));
    Url::parse(&text).map_err(|_| misconfigured("settings", "the issuer is no URL"))
}

async fn discover(settings: &OpenIdSettings, fetch: &Fetch) -> Result<Place, UpstreamError> {
    let answer = fetch.get(discovery(settings)?).await.map_err(|error| silent("discovery", &error))?;
    let found: Discovered = serde_json::from_value(object(&answer, "discovery")?.into())
        .map_err(|_| unavailable("what the provider sent as its metadata is none"))?;
    // §4.3: the issuer must be exactly the one that was asked.
    if found.issuer != settings.issuer {
        return Err(untrusted("discovery names another issuer"));
    }
    // §3 has https throughout; one that an operator reaches by http, on a loopback address, may go on so.
    let further = [&found.jwks_uri, &found.userinfo_endpoint, &found.end_session_endpoint];
    let all = [&found.authorization_endpoint, &found.token_endpoint].into_iter();
    let own = settings.issuer.split(':').next().unwrap_or_default();
    if all
        .chain(further.into_iter().flatten())
        .any(|url| url.scheme() != "https" && url.scheme() != own)
    {
        return Err(untrusted("discovery names an address that is not https"));
    }
    let places = &settings.places;
    let or = |named: &Option<Url>, found: Option<Url>| named.clone().or(found);
    Ok(Place {
        authorization: places.authorization.clone().unwrap_or(found.authorization_endpoint),
        token: places.token.clone().unwrap_or(found.token_endpoint),
        userinfo: or(&places.userinfo, found.userinfo_endpoint),
        sends_issuer: found.authorization_response_iss_parameter_supported,
        jwks: or(&places.jwks, found.jwks_uri),
        end_session: or(&places.end_session, found.end_session_endpoint),
    })
}

/// The JSON object of an answer.
pub(super) fn object(answer: &Response, what: &str) -> Result<Map<String, Value>, UpstreamError> {
    if !answer.status.is_success() {
        return Err(unavailable(&format!("{what} answered {}", answer.status.as_u16())));
    }
    serde_json::from_slice(&answer.body).map_err(|_| unavailable(&format!("{what} sent something else than JSON")))
}
