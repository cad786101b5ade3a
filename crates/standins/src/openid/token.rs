//! ID tokens, right and wrong.

use kabinet_core::ambient::{Entropy, random};
use openssl::error::ErrorStack;
use openssl::sha::sha256;
use serde_json::{Map, Value, json};

use super::fault::{Fault, Faults};
use super::jose::{self, Alg, Key};

/// Somebody else, as an issuer and as a client.
const STRANGER: (&str, &str) = ("https://stranger.invalid", "stranger");
const HOUR: i64 = 3600;

/// The keys that are published, each algorithm's once.
pub(crate) struct Keys(Vec<Key>);

impl Keys {
    /// New pairs of these algorithms and names.
    pub(crate) fn generate(wanted: &[(Alg, &str)]) -> Result<Self, ErrorStack> {
        wanted
            .iter()
            .map(|(alg, kid)| Key::generate(*alg, *kid))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The published set.
    pub(crate) fn published(&self) -> Result<Vec<Value>, ErrorStack> {
        self.0.iter().map(Key::jwk).collect()
    }

    /// Puts a new pair in the place of the one of this algorithm, under a new name.
    pub(crate) fn rotate(&mut self, alg: Alg, entropy: &dyn Entropy) -> Result<(), ErrorStack> {
        let kid = format!("{}-{}", alg.as_str().to_ascii_lowercase(), jose::encode(&random::<6>(entropy)));
        let key = Key::generate(alg, kid)?;
        self.0.retain(|old| old.alg != alg);
        self.0.push(key);
        Ok(())
    }

    fn of(&self, is_wanted: impl Fn(Alg) -> bool) -> Result<&Key, ErrorStack> {
        // Nothing is signed with an algorithm that nobody asked for a key of.
        self.0.iter().find(|key| is_wanted(key.alg)).ok_or_else(ErrorStack::get)
    }
}

/// What an ID token is made from.
pub(crate) struct Draft<'a> {
    /// Every claim, as it should be.
    pub claims: Map<String, Value>,
    /// How it should be signed.
    pub alg: Alg,
    /// The client's secret.
    pub secret: &'a str,
}

/// The token, with the faults that are asked for.
pub(crate) fn id_token(keys: &Keys, faults: &Faults, draft: Draft<'_>) -> Result<String, ErrorStack> {
    let Draft { mut claims, alg, secret } = draft;
    spoil(&mut claims, faults);
    let claims = Value::Object(claims);
    let key = keys.of(|one| one == alg)?;
    let hs256 = || json!({"alg": "HS256", "kid": key.kid});
    if faults.take(Fault::AlgNone) {
        return jose::token(&json!({"alg": "none"}), &claims, |_| Ok(Vec::new()));
    }
    if faults.take(Fault::AlgSecret) {
        return jose::token(&hs256(), &claims, |bytes| jose::hmac(secret.as_bytes(), bytes));
    }
    if faults.take(Fault::AlgPublicKey) {
        let pem = key.public_pem()?;
        return jose::token(&hs256(), &claims, |bytes| jose::hmac(&pem, bytes));
    }
    let signed = |key: &Key, header: Value| jose::token(&header, &claims, |bytes| key.sign(bytes));
    if faults.take(Fault::AlgSwap) {
        let key = keys.of(|one| one != alg)?;
        return signed(key, json!({"alg": key.alg.as_str(), "kid": key.kid}));
    }
    if faults.take(Fault::UnknownKey) {
        return signed(&Key::generate(alg, "unknown")?, json!({"alg": alg.as_str(), "kid": "unknown"}));
    }
    if faults.take(Fault::NoKey) {
        return signed(key, json!({"alg": alg.as_str()}));
    }
    let header = json!({"alg": alg.as_str(), "kid": key.kid, "typ": "JWT"});
    if faults.take(Fault::WrongSignature) {
        return jose::token(&header, &claims, |_| key.sign(b"something else"));
    }
    signed(key, header)
}

fn spoil(claims: &mut Map<String, Value>, faults: &Faults) {
    let (issuer, client) = STRANGER;
    let ours = claims.get("aud").cloned().unwrap_or_default();
    let values = [
        (Fault::WrongIssuer, "iss", json!(issuer)),
        (Fault::WrongAudience, "aud", json!(client)),
        (Fault::AudienceList, "aud", json!([ours])),
        (Fault::AudienceStranger, "aud", json!([ours, client])),
        (Fault::WrongParty, "azp", json!(client)),
        (Fault::WrongNonce, "nonce", json!("another")),
        (Fault::WrongHash, "at_hash", json!(half_hash("another"))),
    ];
    for (fault, claim, value) in values {
        if faults.take(fault) {
            claims.insert(claim.to_owned(), value);
        }
    }
    let absent = [(Fault::NoNonce, "nonce"), (Fault::NoExpiry, "exp"), (Fault::NoSubject, "sub"), (Fault::NoId, "id")];
    for (fault, claim) in absent {
        if faults.take(fault) {
            claims.remove(claim);
        }
    }
    if faults.take(Fault::Expired) {
        shift(claims, -2 * HOUR);
    }
    if faults.take(Fault::NotYet) {
        shift(claims, HOUR);
        claims.insert("nbf".to_owned(), claims.get("iat").cloned().unwrap_or_default());
    }
}

fn shift(claims: &mut Map<String, Value>, seconds: i64) {
    for claim in ["iat", "exp", "auth_time"] {
        if let Some(at) = claims.get(claim).and_then(Value::as_i64) {
            claims.insert(claim.to_owned(), json!(at + seconds));
        }
    }
}

/// `at_hash` (OpenID Connect Core §3.1.3.6) of an access token, for algorithms with SHA-256.
pub(crate) fn half_hash(access_token: &str) -> String {
    jose::encode(&sha256(access_token.as_bytes())[..16])
}
