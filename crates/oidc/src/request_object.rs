//! Request objects (OpenID Connect Core §6, RFC 9101): the parameters of an authorization request as a JWT, by value (`request`)
//! or by reference (`request_uri`).
//!
//! 1. By reference only from an address that the client registered (`request_uris`), fetched through the guarded client: https,
//!    no redirect, 64 KiB, 5 s, and so often in a minute. A fragment of the address is the hash of what is there (Core §6.2) and is held against it.
//! 2. A signed one is verified with the client's own keys, by its `request_object_signing_alg` when it registered one. An unsigned
//!    one says no more than the same parameters beside it would, and is read unless the client registered an algorithm.
//! 3. Its parameters replace those beside it; what it does not hold is taken from beside it (Core §6.1).
//!
//! Refused: another client's object, one for another audience, one that is over or not yet good, an object inside an object, an
//! encrypted one, `request` and `request_uri` together, and a `response_type` that differs from the one beside it.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kabinet_core::client::{Alg, Client, RequestObjectAlg, Unsigned};
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::json;
use kabinet_core::time::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use url::Url;

use crate::authorize::{Fault, Refusal};
use crate::keys::client::{ClientClaims, TypPolicy};
use crate::request::{AuthorizeParams, Params};
use crate::{Provider, Result};

/// How far a client's clock may be off, seconds.
const SKEW: i64 = 60;
/// How often the objects of one client are fetched in a minute.
const FETCHES: u32 = 120;
/// Bytes of an object.
const LONGEST: usize = 64 * 1024;
/// Claims of the JWT itself: no parameters.
const OWN: [&str; 7] = ["iss", "aud", "exp", "nbf", "iat", "jti", "sub"];

const fn bad(why: &'static str) -> OAuthError {
    OAuthError::new(Code::InvalidRequestObject, why)
}

impl Provider {
    /// The parameters of a request, those of its request object included.
    pub(crate) async fn resolve(&self, client: &Arc<Client>, params: &Params) -> std::result::Result<Params, Refusal> {
        let object = match (params.get("request"), params.get("request_uri")) {
            (None, None) => return Ok(params.clone()),
            _ if params.sound().is_err() => return Ok(params.clone()),
            // OpenID Connect Core §6.2, RFC 9101 §5: not both.
            (Some(_), Some(_)) => {
                Err(OAuthError::new(Code::InvalidRequest, "request and request_uri exclude each other").into())
            }
            (Some(object), None) => self.read_object(client, object).await,
            (None, Some(uri)) => match self.fetch_object(client, uri).await {
                Ok(object) => self.read_object(client, &object).await,
                Err(error) => Err(error.into()),
            },
        };
        match object.and_then(|object| Ok(merged(params, &object)?)) {
            Ok(params) => Ok(params),
            Err(crate::Error::Client(error)) => Err(self.refuse_object(client, params, error)),
            Err(error) => Err(error.into()),
        }
    }

    /// The redirect URI beside the object is where its errors go, if it is one of the client's.
    fn refuse_object(&self, client: &Client, params: &Params, error: OAuthError) -> Refusal {
        match Self::destination(client, &AuthorizeParams::of(params)) {
            Ok(destination) => self.refuse(&destination, error),
            Err(_) => {
                tracing::info!(error.code = error.code.as_str(), error.detail = error.detail, "{}", error.description);
                Refusal::Page(Fault::BadRequest)
            }
        }
    }

    async fn fetch_object(&self, client: &Client, uri: &str) -> std::result::Result<String, OAuthError> {
        const BAD: OAuthError = OAuthError::new(
            Code::InvalidRequestUri,
            "request_uri is not one of this client's, or nothing good is there",
        );
        let (place, hash) = uri.split_once('#').map_or((uri, None), |(place, hash)| (place, Some(hash)));
        if !client.metadata.request_uris.iter().any(|known| known == place) {
            return Err(BAD);
        }
        let url = Url::parse(place).map_err(|_| BAD)?;
        // Anybody's browser can make us fetch it.
        let key = format!("kabinet:request-uri:{}", client.id);
        if self.store().ephemeral().hit(&key, Duration::from_secs(60)).await > FETCHES {
            return Err(BAD.with_detail("fetched too often in this minute"));
        }
        let answer = self.inner.fetch.get(url).await.map_err(|error| BAD.with_detail(error))?;
        if answer.status != 200_u16 || answer.body.len() > LONGEST {
            return Err(BAD.with_detail(answer.status));
        }
        if hash.is_some_and(|hash| hash != URL_SAFE_NO_PAD.encode(Sha256::digest(&answer.body))) {
            return Err(BAD.with_detail("the fragment is not the hash of what is there"));
        }
        let text = std::str::from_utf8(&answer.body).map_err(|error| BAD.with_detail(error))?;
        Ok(text.trim().to_owned())
    }

    async fn read_object(&self, client: &Client, object: &str) -> Result<Map<String, Value>> {
        if object.len() > LONGEST {
            return Err(bad("the request object is longer than 64 KiB").into());
        }
        if object.split('.').count() == 5 {
            return Err(bad("encrypted request objects are not supported").into());
        }
        let claims = match unsigned(object) {
            Some(claims) => match client.metadata.request_object_signing_alg {
                None | Some(RequestObjectAlg::Unsigned(Unsigned::None)) => ClientClaims(claims),
                Some(RequestObjectAlg::Signed(_)) => return Err(bad("the request object must be signed").into()),
            },
            None => {
                let allowed: &[Alg] = match &client.metadata.request_object_signing_alg {
                    None => &Alg::ALL,
                    Some(RequestObjectAlg::Signed(alg)) => std::slice::from_ref(alg),
                    Some(RequestObjectAlg::Unsigned(_)) => &[],
                };
                let typ = TypPolicy::Optional(&["oauth-authz-req+jwt", "jwt"]);
                let verified = self.verify_client_jwt(client, object, allowed, typ).await;
                verified.map_err(|why| bad("the request object is not signed by this client").with_detail(why))?
            }
        };
        check(&claims, client.id.as_str(), self.issuer(), self.now())?;
        Ok(claims.0)
    }
}

/// Checks the claims of an object that `client` sends to us, the `issuer`.
///
/// # Errors
/// `invalid_request_object`.
pub fn check(claims: &ClientClaims, client: &str, issuer: &str, now: Timestamp) -> std::result::Result<(), OAuthError> {
    let is = |name: &str, wanted: &str| claims.0.get(name).is_none_or(|value| value == wanted);
    // OpenID Connect Core §6.1: iss is the client, client_id the one beside it.
    if !is("iss", client) || !is("client_id", client) {
        return Err(bad("the request object is another client's"));
    }
    // RFC 9101 §10.8: what could pass for a client assertion is not read as a request.
    if claims.0.get("sub").is_some_and(|sub| sub == client) {
        return Err(bad("the request object must not have the client as its subject"));
    }
    let is_meant = match claims.0.get("aud") {
        None => true,
        Some(Value::Array(several)) => several.iter().any(|one| one == issuer),
        Some(one) => one == issuer,
    };
    if !is_meant {
        return Err(bad("the request object is for another audience"));
    }
    let time = |name: &str| claims.time(name).map_err(|why| bad("exp or nbf is no time").with_detail(why));
    if time("exp")?.is_some_and(|exp| exp <= now) || time("nbf")?.is_some_and(|nbf| nbf.since(now) > SKEW) {
        return Err(bad("the request object is over or not yet good"));
    }
    // RFC 9101 §4.
    if claims.0.contains_key("request") || claims.0.contains_key("request_uri") {
        return Err(bad("a request object must not hold another one"));
    }
    Ok(())
}

/// The claims of an object that is not signed (`alg` is `none` and there is no signature); `None`: it is none.
#[must_use]
pub fn unsigned(object: &str) -> Option<Map<String, Value>> {
    let rest = object.strip_suffix('.')?;
    let (header, payload) = rest.split_once('.')?;
    let part = |text: &str| json::object(&URL_SAFE_NO_PAD.decode(text).ok()?).ok();
    let header = part(header)?;
    (header.get("alg")? == "none" && !header.contains_key("crit")).then(|| part(payload))?
}

/// The object's parameters, and beside them those that it does not hold.
///
/// # Errors
/// `invalid_request_object` for a parameter of the wrong type, or another `response_type` than the one beside it.
pub fn merged(beside: &Params, object: &Map<String, Value>) -> std::result::Result<Params, OAuthError> {
    let differs = |name: &str| {
        let inside = object.get(name).and_then(Value::as_str);
        inside.is_some_and(|inside| beside.get(name).is_some_and(|outside| outside != inside))
    };
    // OpenID Connect Core §6.1: the values must match where they stand in both.
    if differs("response_type") {
        return Err(bad("response_type differs inside and beside the request object"));
    }
    let mut pairs = Vec::new();
    for (name, value) in object.iter().filter(|(name, _)| !OWN.contains(&name.as_str())) {
        match (name.as_str(), value) {
            (_, Value::String(text)) => pairs.push((name.clone(), text.clone())),
            ("resource", Value::Array(several)) => {
                let texts = several.iter().filter_map(Value::as_str);
                pairs.extend(texts.map(|text| (name.clone(), text.to_owned())));
            }
            ("max_age", Value::Number(seconds)) => pairs.push((name.clone(), seconds.to_string())),
            ("claims", Value::Object(_)) => pairs.push((name.clone(), value.to_string())),
            (_, Value::Null) => {}
            _ if AuthorizeParams::knows(name) => {
                return Err(bad("a parameter of the request object has the wrong type"));
            }
            _ => {}
        }
    }
    let inside: Vec<String> = pairs.iter().map(|(name, _)| name.clone()).collect();
    let outside = beside
        .iter()
        .filter(|(name, _)| !matches!(*name, "request" | "request_uri") && !inside.iter().any(|known| known == name));
    pairs.extend(outside.map(|(name, value)| (name.to_owned(), value.to_owned())));
    Ok(pairs.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn part(value: &Value) -> String {
        URL_SAFE_NO_PAD.encode(value.to_string())
    }

    #[test]
    fn only_alg_none_without_a_signature_is_unsigned() {
        let payload = part(&json!({"client_id": "c"}));
        let with = |header: Value, signature: &str| unsigned(&format!("{}.{payload}.{signature}", part(&header)));
        assert!(with(json!({"alg": "none"}), "").is_some());
        assert!(with(json!({"alg": "none", "typ": "oauth-authz-req+jwt"}), "").is_some());
        for header in [
            json!({"alg": "None"}),
            json!({"alg": "NONE"}),
            json!({"alg": ""}),
            json!({}),
            json!({"alg": "RS256"}),
        ] {
            assert!(with(header.clone(), "").is_none(), "{header}");
        }
        assert!(with(json!({"alg": "none"}), "c2ln").is_none());
        assert!(with(json!({"alg": "none", "crit": ["b64"], "b64": false}), "").is_none());
        assert!(unsigned(&format!("{}.{payload}", part(&json!({"alg": "none"})))).is_none());
    }

    #[test]
    fn the_times_of_an_object_are_whole_seconds_within_reason() {
        let now = Timestamp(1_000_000);
        let is_good = |claims: Value| {
            check(&ClientClaims(claims.as_object().unwrap().clone()), "c", "https://id.example", now).is_ok()
        };
        assert!(is_good(json!({"exp": 1_000_001, "nbf": 1_000_060})));
        for bad in [
            json!({"exp": 1_000_000}),
            json!({"nbf": 1_000_061}),
            json!({"exp": 1e10}),
            json!({"exp": "1000001"}),
            json!({"exp": i64::MAX}),
            json!({"exp": u64::MAX}),
            json!({"nbf": -1}),
            json!({"nbf": null}),
        ] {
            assert!(!is_good(bad.clone()), "{bad}");
        }
    }

    #[test]
    fn what_stands_inside_wins_and_the_rest_is_taken_from_beside() {
        let beside =
            Params::parse(b"client_id=c&response_type=code&scope=openid&redirect_uri=https://evil&state=a&request=x");
        let object = json!({"redirect_uri": "https://rp.example", "max_age": 5, "claims": {"userinfo": {}}, "iss": "c",
            "resource": ["https://a", "https://b"], "nonce": null, "other": {"is": "ignored"}});
        let all = merged(&beside, object.as_object().unwrap()).unwrap();
        assert_eq!(all.get("redirect_uri"), Some("https://rp.example"));
        assert_eq!((all.get("max_age"), all.get("claims")), (Some("5"), Some(r#"{"userinfo":{}}"#)));
        assert_eq!((all.get("state"), all.get("scope")), (Some("a"), Some("openid")));
        assert_eq!(all.all("resource").count(), 2);
        assert_eq!(
            (all.get("request"), all.get("iss"), all.get("other"), all.get("nonce")),
            (None, None, None, None)
        );
        assert!(all.sound().is_ok());
    }

    #[test]
    fn a_contradiction_or_a_wrong_type_is_refused() {
        let beside = Params::parse(b"client_id=c&response_type=code");
        for object in [json!({"response_type": "id_token"}), json!({"scope": ["openid"]}), json!({"state": 5})] {
            assert!(merged(&beside, object.as_object().unwrap()).is_err(), "{object}");
        }
        let control = json!({"state": "a\r\nb"});
        assert!(merged(&beside, control.as_object().unwrap()).unwrap().sound().is_err());
    }
}
