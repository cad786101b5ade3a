//! The keys of clients: what their assertions and request objects are verified with and what is encrypted to them
//! (OpenID Connect Core §10, RFC 7591 §2 `jwks` and `jwks_uri`).
//!
//! 1. Keys come from the client's own metadata alone: inline, or fetched through the guarded client from the registered
//!    URL. What a token's header says of keys (`jwk`, `jku`, `x5c`, `x5u`) is never looked at; `kid` only picks one of them. The
//!    one exception is a proof of possession, which is about the key in its header and nothing else ([`verify_by_own`]).
//! 2. A fetched set is kept in memory for [`LIFE`], without it when it cannot be fetched again: a key that its owner took
//!    away must not go on. A token that no remembered key verifies makes us fetch once more, at most [`BURST`] times in
//!    [`WINDOW`] per URL, so that a rotation is seen at once and nobody makes us hammer a client.
//! 3. A token is read strictly: compact form, canonical base64url, no member twice, an algorithm from the caller's list that
//!    fits the key. `none`, HMAC, `crit`, `b64` and encryption are refused. Times are whole seconds.
//!
//! The signature is the only thing that [`Provider::verify_client_jwt`] judges; issuer, audience, times and the rest are
//! the caller's, through the strict readers of [`ClientClaims`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::JoseError;
use josekit::jwk::Jwk;
use josekit::jws::{ES256, EdDSA, JwsVerifier, PS256, RS256};
use kabinet_core::client::{Alg, Client};
use kabinet_core::json;
use kabinet_core::jwk::{JwkSet, KeyManagement, PublicKey, is_private};
use kabinet_core::time::Timestamp;
use kabinet_fetch::Fetch;
use serde_json::{Map, Value};
use url::Url;

use crate::Provider;

/// How long a fetched set is used, seconds.
const LIFE: i64 = 600;
/// Fetches of one URL at most, while tokens fit no remembered key.
const BURST: usize = 3;
/// The time in which they are counted, seconds.
const WINDOW: i64 = 90;
/// How many sets are remembered.
const REMEMBERED: usize = 1000;
/// Longer tokens are not read, bytes.
const LONGEST: usize = 16 * 1024;
/// The largest time that a claim may hold: the end of the year 9999.
const LAST_TIME: i64 = 253_402_300_799;

const NOT_SIGNED: BadJwt = BadJwt("not signed by a key of its issuer");

/// Why a token of a client is not good; for the log, and coarse enough for the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadJwt(pub &'static str);

/// What the header of a token must say of its kind (RFC 8725 §3.11), compared as a media type (RFC 7515 §4.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypPolicy {
    /// One of these.
    Required(&'static [&'static str]),
    /// One of these or none.
    Optional(&'static [&'static str]),
}

impl TypPolicy {
    fn allows(self, typ: Option<&Value>) -> bool {
        let (known, may_lack) = match self {
            Self::Required(known) => (known, false),
            Self::Optional(known) => (known, true),
        };
        match typ {
            None => may_lack,
            Some(Value::String(typ)) => {
                let typ = typ.to_ascii_lowercase();
                let short = typ.strip_prefix("application/").unwrap_or(&typ);
                known.iter().any(|known| known.eq_ignore_ascii_case(short))
            }
            Some(_) => false,
        }
    }
}

/// The claims of a token whose signature is the client's.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientClaims(pub Map<String, Value>);

impl ClientClaims {
    /// A claim that must be one text when it is there.
    ///
    /// # Errors
    /// When it is anything else, a list of one text included.
    pub fn text(&self, name: &str) -> Result<Option<&str>, BadJwt> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(BadJwt("a claim that must be a text is none")),
        }
    }

    /// A claim that must be a time in whole seconds when it is there (RFC 7519 §2, `NumericDate`).
    ///
    /// # Errors
    /// When it is a text, a fraction, negative or beyond the year 9999.
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, BadJwt> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => match value.as_i64() {
                Some(seconds @ 0..=LAST_TIME) => Ok(Some(Timestamp(seconds))),
                _ => Err(BadJwt("a claim that must be a time in seconds is none")),
            },
        }
    }
}

/// A key of a client's that something may be encrypted to.
#[derive(Clone, Debug)]
pub struct EncryptionKey {
    /// `kid`, for the header.
    pub kid: Option<String>,
    /// The public half, bare.
    pub jwk: Jwk,
}

/// Where somebody's public keys stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeySource<'a> {
    /// Inline.
    pub(crate) jwks: Option<&'a JwkSet>,
    /// Or published.
    pub(crate) jwks_uri: Option<&'a str>,
}

impl<'a> KeySource<'a> {
    fn of(client: &'a Client) -> Self {
        Self {
            jwks: client.metadata.jwks.as_ref(),
            jwks_uri: client.metadata.jwks_uri.as_deref(),
        }
    }
}

/// The key sets that were fetched.
#[derive(Default)]
pub(crate) struct Fetched {
    sets: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Set>>>>,
}

/// A set, empty until it could be fetched.
#[derive(Default)]
struct Set {
    keys: Arc<[PublicKey]>,
    fetched_at: Option<Timestamp>,
    asked_at: Vec<Timestamp>,
}

/// Whether what is remembered will do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    Remembered,
    Afresh,
}

impl Fetched {
    fn of(&self, uri: &str) -> Arc<tokio::sync::Mutex<Set>> {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        if sets.len() >= REMEMBERED && !sets.contains_key(uri) {
            sets.clear();
        }
        sets.entry(uri.to_owned()).or_default().clone()
    }

    /// Forgets sets that nobody may use any more.
    pub(crate) fn forget(&self, now: Timestamp) {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is locked is being fetched.
        sets.retain(|_, set| set.try_lock().map_or(true, |set| set.is_fresh(now) || set.was_asked(now)));
    }
}

impl Set {
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.fetched_at.is_some_and(|at| now.since(at) < LIFE)
    }

    fn was_asked(&self, now: Timestamp) -> bool {
        self.asked_at.iter().any(|at| now.since(*at) < WINDOW)
    }

    /// The keys, and whether they were asked for just now.
    async fn get(&mut self, fetch: &Fetch, uri: &str, want: Want, now: Timestamp) -> (Arc<[PublicKey]>, bool) {
        if self.is_fresh(now) && want == Want::Remembered {
            return (self.keys.clone(), false);
        }
        self.asked_at.retain(|at| now.since(*at) < WINDOW);
        let asks = self.asked_at.len() < BURST;
        if asks {
            self.asked_at.push(now);
            match fetch_set(fetch, uri).await {
                Ok(keys) => {
                    self.keys = keys.into();
                    self.fetched_at = Some(now);
                }
                Err(why) => tracing::info!(error = why, "the keys of a client cannot be fetched"),
            }
        }
        (if self.is_fresh(now) { self.keys.clone() } else { Arc::default() }, asks)
    }
}

async fn fetch_set(fetch: &Fetch, uri: &str) -> Result<Vec<PublicKey>, &'static str> {
    let url = Url::parse(uri).map_err(|_| "jwks_uri is no URL")?;
    let answer = fetch.get(url).await.and_then(kabinet_fetch::Response::success);
    let answer = answer.map_err(|_| "jwks_uri gave no usable answer")?;
    let object = json::object(&answer.body).map_err(|_| "the answer is no JSON object")?;
    let set: JwkSet = serde_json::from_value(Value::Object(object)).map_err(|_| "the answer is no JWK set")?;
    Ok(set.usable())
}

/// A compact JWS, taken apart and not yet believed.
struct Unverified<'a> {
    message: &'a str,
    signature: Vec<u8>,
    claims: &'a str,
    alg: Alg,
    kid: Option<String>,
    jwk: Option<Value>,
}

impl<'a> Unverified<'a> {
    fn read(token: &'a str, allowed: &[Alg], typ: TypPolicy) -> Result<Self, BadJwt> {
        const FORM: BadJwt = BadJwt("not a compact JWS");
        if token.len() > LONGEST {
            return Err(BadJwt("longer than 16384 bytes"));
        }
        let (message, signature) = token.rsplit_once('.').ok_or(FORM)?;
        let (header, claims) = message.split_once('.').ok_or(FORM)?;
        // A JWE has five parts: it is never opened (V28).
        if claims.contains('.') {
            return Err(FORM);
        }
        let mut header = json::object(&URL_SAFE_NO_PAD.decode(header).map_err(|_| FORM)?).map_err(|_| FORM)?;
        // RFC 7515 §4.1.11: an extension that is not understood is refused; RFC 7797 is not.
        if ["crit", "b64", "enc", "zip"].iter().any(|name| header.contains_key(*name)) {
            return Err(BadJwt("the header holds an extension that is not taken"));
        }
        if !typ.allows(header.get("typ")) {
            return Err(BadJwt("typ is that of another kind of token"));
        }
        let name = header.get("alg").and_then(Value::as_str);
        let alg = allowed.iter().copied().find(|alg| Some(alg.as_str()) == name);
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return Err(BadJwt("kid is no text")),
        };
        Ok(Self {
            message,
            signature: URL_SAFE_NO_PAD.decode(signature).map_err(|_| FORM)?,
            claims,
            alg: alg.ok_or(BadJwt("signed with an algorithm that is not taken here"))?,
            kid,
            jwk: header.remove("jwk"),
        })
    }

    /// Whether one of these keys made the signature.
    fn is_signed_by(&self, keys: &[PublicKey]) -> bool {
        keys.iter()
            .filter(|key| key.verifies(self.alg))
            // A key without an id may be any.
            .filter(|key| self.kid.is_none() || key.kid.is_none() || key.kid == self.kid)
            .filter_map(|key| verifier(key, self.alg).ok())
            .any(|verifier| verifier.verify(self.message.as_bytes(), &self.signature).is_ok())
    }

    fn verify(&self, keys: &[PublicKey]) -> Result<ClientClaims, BadJwt> {
        if self.is_signed_by(keys) { self.claims() } else { Err(NOT_SIGNED) }
    }

    fn claims(&self) -> Result<ClientClaims, BadJwt> {
        let bytes = URL_SAFE_NO_PAD.decode(self.claims).map_err(|_| BadJwt("the claims are not base64url"))?;
        json::object(&bytes)
            .map(ClientClaims)
            .map_err(|_| BadJwt("the claims are no JSON object, or one stands twice"))
    }
}

/// The subject that a token names, unproven: for finding the client whose keys may prove it.
pub(crate) fn unproven_subject(token: &str) -> Option<String> {
    if token.len() > LONGEST {
        return None;
    }
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    json::object(&claims).ok()?.get("sub")?.as_str().map(str::to_owned)
}

fn verifier(key: &PublicKey, alg: Alg) -> Result<Box<dyn JwsVerifier>, JoseError> {
    let jwk = Jwk::from_map(key.bare.clone())?;
    Ok(match alg {
        Alg::RS256 => Box::new(RS256.verifier_from_jwk(&jwk)?),
        Alg::PS256 => Box::new(PS256.verifier_from_jwk(&jwk)?),
        Alg::ES256 => Box::new(ES256.verifier_from_jwk(&jwk)?),
        Alg::EdDSA => Box::new(EdDSA.verifier_from_jwk(&jwk)?),
    })
}

/// The claims of a token that one of these keys signed, with an algorithm of these that the key is for; of them nothing else has
/// been checked.
///
/// # Errors
/// When none of the keys made the signature, or the token is not one that is read here.
pub fn verify(token: &str, keys: &[PublicKey], allowed: &[Alg], typ: TypPolicy) -> Result<ClientClaims, BadJwt> {
    Unverified::read(token, allowed, typ)?.verify(keys)
}

/// The key in the header of a token that it signed itself, and the claims, of which nothing has been checked: a proof that its
/// maker holds the key, which may be anybody's (RFC 9449 §4.3).
///
/// # Errors
/// When the header holds no public key that is fit for use, or that key did not make the signature.
pub fn verify_by_own(token: &str, allowed: &[Alg], typ: TypPolicy) -> Result<(PublicKey, ClientClaims), BadJwt> {
    let token = Unverified::read(token, allowed, typ)?;
    let Some(Value::Object(jwk)) = &token.jwk else {
        return Err(BadJwt("jwk is missing in the header, or no object"));
    };
    if is_private(jwk) {
        return Err(BadJwt("jwk holds a private or symmetric key"));
    }
    let key = PublicKey::read(jwk).ok_or(BadJwt("jwk is no key that is taken here"))?;
    let is_good = key.verifies(token.alg)
        && verifier(&key, token.alg)
            .is_ok_and(|verifier| verifier.verify(token.message.as_bytes(), &token.signature).is_ok());
    if !is_good {
        return Err(BadJwt("not signed by the key in the header"));
    }
    Ok((key, token.claims()?))
}

impl Provider {
    /// Verifies a JWT that a client signed and gives its claims, of which nothing else has been checked.
    ///
    /// # Errors
    /// When no key of the client's made the signature, or the token is not one that is read here.
    pub async fn verify_client_jwt(
        &self,
        client: &Client,
        token: &str,
        allowed: &[Alg],
        typ: TypPolicy,
    ) -> Result<ClientClaims, BadJwt> {
        self.verify_jwt_of(KeySource::of(client), token, allowed, typ).await
    }

    /// The same for whoever's keys these are.
    pub(crate) async fn verify_jwt_of(
        &self,
        source: KeySource<'_>,
        token: &str,
        allowed: &[Alg],
        typ: TypPolicy,
    ) -> Result<ClientClaims, BadJwt> {
        let token = Unverified::read(token, allowed, typ)?;
        let (keys, asked_now) = self.keys_of(source, Want::Remembered).await;
        let verified = token.verify(&keys);
        // OpenID Connect Core §10.1.1: keys are rotated by publishing new ones.
        if verified == Err(NOT_SIGNED) && !asked_now && source.jwks_uri.is_some() {
            let (afresh, asked_now) = self.keys_of(source, Want::Afresh).await;
            if asked_now {
                return token.verify(&afresh);
            }
        }
        verified
    }

    /// The key of a client's that something for it is encrypted to; the first that fits, as it stands in its set.
    pub async fn client_encryption_key(&self, client: &Client, alg: KeyManagement) -> Option<EncryptionKey> {
        let first = |keys: &[PublicKey]| {
            keys.iter().filter(|key| key.encrypts(alg)).find_map(|key| {
                let jwk = Jwk::from_map(key.bare.clone()).ok()?;
                Some(EncryptionKey { kid: key.kid.clone(), jwk })
            })
        };
        let (keys, asked_now) = self.keys_of(KeySource::of(client), Want::Remembered).await;
        if let Some(key) = first(&keys) {
            return Some(key);
        }
        if asked_now || client.metadata.jwks_uri.is_none() {
            return None;
        }
        first(&self.keys_of(KeySource::of(client), Want::Afresh).await.0)
    }

    async fn keys_of(&self, source: KeySource<'_>, want: Want) -> (Arc<[PublicKey]>, bool) {
        match (source.jwks, source.jwks_uri) {
            (Some(inline), _) => (inline.usable().into(), false),
            (None, Some(uri)) => {
                let set = self.inner.client_keys.of(uri);
                // One fetch at a time; those who wait get what it brought.
                let mut set = set.lock().await;
                set.get(&self.inner.fetch, uri, want, self.now()).await
            }
            (None, None) => (Arc::default(), false),
        }
    }
}

#[cfg(test)]
mod tests {
    use josekit::jws::JwsSigner;
    use kabinet_fetch::Response;
    use serde_json::json;

    use super::*;

    const TYP: TypPolicy = TypPolicy::Optional(&["JWT"]);

    /// A private key and the public half as a client publishes it.
    fn pair(kid: &str) -> (Jwk, Value) {
        let private = Jwk::generate_ed_key(josekit::jwk::alg::ed::EdCurve::Ed25519).unwrap();
        let mut public = private.to_public_key().unwrap();
        public.set_key_id(kid);
        (private, serde_json::to_value(&public).unwrap())
    }

    fn sign(header: &Value, claims: &str, key: &Jwk) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims));
        let signature = EdDSA.signer_from_jwk(key).unwrap().sign(message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn keys(public: &Value) -> Vec<PublicKey> {
        serde_json::from_value::<JwkSet>(json!({"keys": [public]})).unwrap().usable()
    }

    fn good(token: &str, keys: &[PublicKey]) -> Result<ClientClaims, BadJwt> {
        let token = Unverified::read(token, &Alg::ALL, TYP)?;
        if token.is_signed_by(keys) {
            token.claims()
        } else {
            Err(BadJwt("signature"))
        }
    }

    #[test]
    fn a_token_signed_by_the_client_s_key_gives_its_claims() {
        let (private, public) = pair("a");
        for header in [
            json!({"alg": "EdDSA"}),
            json!({"alg": "EdDSA", "kid": "a"}),
            json!({"alg": "EdDSA", "kid": "a", "typ": "application/jwt"}),
            // Never looked at.
            json!({"alg": "EdDSA", "jku": "https://evil.example/", "jwk": {"kty": "oct"}, "x5c": ["AAAA"], "x5u": "x"}),
        ] {
            let token = sign(&header, r#"{"sub":"x"}"#, &private);
            assert_eq!(good(&token, &keys(&public)).unwrap().text("sub"), Ok(Some("x")), "{header}");
        }
    }

    #[test]
    fn headers_that_would_change_how_a_token_is_read_are_refused() {
        let (private, public) = pair("a");
        let stranger = pair("a").0;
        let refused = |token: String| assert!(good(&token, &keys(&public)).is_err(), "{token}");
        refused(sign(&json!({"alg": "EdDSA", "kid": "a"}), "{}", &stranger));
        for header in [
            json!({"alg": "none"}),
            json!({"alg": "None"}),
            json!({"alg": "HS256"}),
            json!({"alg": "ES256"}),
            json!({"alg": ""}),
            json!({"alg": ["EdDSA"]}),
            json!({}),
            json!({"alg": "EdDSA", "kid": "b"}),
            json!({"alg": "EdDSA", "kid": "../../dev/null"}),
            json!({"alg": "EdDSA", "kid": 1}),
            json!({"alg": "EdDSA", "crit": []}),
            json!({"alg": "EdDSA", "crit": ["exp"]}),
            json!({"alg": "EdDSA", "b64": false}),
            json!({"alg": "EdDSA", "zip": "DEF"}),
            json!({"alg": "EdDSA", "typ": "at+jwt"}),
            json!({"alg": "EdDSA", "typ": "logout+jwt"}),
            json!({"alg": "EdDSA", "typ": 1}),
        ] {
            refused(sign(&header, "{}", &private));
        }
        let sound = sign(&json!({"alg": "EdDSA"}), "{}", &private);
        assert!(good(&sound, &keys(&public)).is_ok());
        let (message, signature) = sound.rsplit_once('.').unwrap();
        for spoilt in [
            format!("{message}."),
            message.to_owned(),
            format!("{sound}="),
            format!(" {sound}"),
            format!("{sound}\n"),
            format!("{message}.{signature}.x.y"),
            format!(".{sound}"),
            format!("{message}..{signature}"),
            ".".repeat(10_000),
            "x".repeat(20_000),
            String::new(),
        ] {
            refused(spoilt);
        }
        refused(sign(&json!({"alg": "EdDSA"}), r#"{"sub":"x","sub":"y"}"#, &private));
        refused(sign(&json!({"alg": "EdDSA"}), "[]", &private));
        let twice = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"none","alg":"EdDSA"}"#),
            URL_SAFE_NO_PAD.encode("{}")
        );
        let signature = EdDSA.signer_from_jwk(&private).unwrap().sign(twice.as_bytes()).unwrap();
        refused(format!("{twice}.{}", URL_SAFE_NO_PAD.encode(signature)));
    }

    #[test]
    fn claims_are_read_by_their_exact_type() {
        let claims = ClientClaims(json::object(br#"{"t":1795392000,"s":"1795392000","f":1.5,"e":1e3,"n":-1,"b":9223372036854775808,"y":253402300800,"l":["x"],"z":null}"#).unwrap());
        assert_eq!(claims.time("t"), Ok(Some(Timestamp(1_795_392_000))));
        assert_eq!(claims.time("absent"), Ok(None));
        for bad in ["s", "f", "e", "n", "b", "y", "l", "z"] {
            assert!(claims.time(bad).is_err(), "{bad}");
        }
        assert_eq!(claims.text("s"), Ok(Some("1795392000")));
        for bad in ["t", "l", "z"] {
            assert!(claims.text(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_set_is_fetched_again_when_it_is_old_or_no_key_fits_and_no_oftener() {
        let answers = (0..10).map(|n| {
            let set = json!({"keys": [pair(&n.to_string()).1]});
            Ok(Response::of_json(http::StatusCode::OK, &set))
        });
        let (fetch, calls) = Fetch::scripted(answers);
        let (uri, start) = ("https://rp.example/jwks", 1_000_000);
        let mut set = Set::default();
        let mut kid = async |want, at| {
            let (keys, _) = set.get(&fetch, uri, want, Timestamp(start + at)).await;
            keys.first().and_then(|key| key.kid.clone()).unwrap_or_default()
        };
        assert_eq!(kid(Want::Remembered, 0).await, "0");
        assert_eq!(kid(Want::Remembered, LIFE - 1).await, "0");
        assert_eq!(kid(Want::Remembered, LIFE).await, "1");
        for expected in ["2", "3", "3", "3"] {
            assert_eq!(kid(Want::Afresh, LIFE + 1).await, expected);
        }
        assert_eq!(kid(Want::Afresh, LIFE + 1 + WINDOW).await, "4");
        assert_eq!(calls.take().len(), 5);
    }

    #[tokio::test]
    async fn keys_that_cannot_be_fetched_again_end_with_their_life() {
        let set = json!({"keys": [pair("a").1]});
        let (fetch, _) = Fetch::scripted([Ok(Response::of_json(http::StatusCode::OK, &set))]);
        let mut set = Set::default();
        let mut count = async |want, at| set.get(&fetch, "https://rp.example/jwks", want, Timestamp(at)).await.0.len();
        assert_eq!(count(Want::Remembered, 0).await, 1);
        assert_eq!(count(Want::Afresh, 1).await, 1, "a failed fetch takes nothing away");
        assert_eq!(count(Want::Remembered, LIFE).await, 0);
    }
}
