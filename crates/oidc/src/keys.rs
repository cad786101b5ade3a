//! Signing keys: made, sealed, rotated, published (RFC 7517) and used. Names josekit together with [`tokens`](crate::tokens).
//!
//! Every algorithm has a key that signs now (`current`), one that is published before it signs (`next`), and those that
//! signed before (`previous`), published until the longest token they signed has ended. Clients of the profile `1c` have a
//! ring of their own with one RS256 key, because 1С holds a pasted copy of it. Keys are made by `migrate` and by
//! `key rotate`, never in a request. The algorithm always comes from the key's record, never from a token's header
//! (RFC 8725 §3.1).

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::JoseError;
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::{EcCurve, EcKeyPair};
use josekit::jwk::alg::ed::EdCurve;
use josekit::jws::{ES256, EdDSA, JwsAlgorithm, JwsSigner, JwsVerifier, PS256, RS256};
use kabinet_core::ambient::{Clock, Entropy};
use kabinet_core::audit::{Event, Origin, Record};
use kabinet_core::client::Alg;
use kabinet_core::id::KeyId;
use kabinet_core::key::{KeyState, Ring, SigningKey};
use kabinet_core::seal::{MasterKey, Sealer};
use kabinet_core::time::Timestamp;
use kabinet_store::{Store, Tx, change, key};
use openssl::ec::EcKey;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// How long a previous key stays published, seconds: longer than any token that it signed, and any cache of it.
const PUBLISHED_AFTER: i64 = 2 * 86_400;

/// Opens and seals private keys.
#[must_use]
pub fn sealer(master: &MasterKey) -> Sealer {
    master.sealer("signing-key")
}

/// A key that is ready to sign and verify.
pub struct Key {
    /// `kid`.
    pub id: KeyId,
    /// What it signs with.
    pub alg: Alg,
    signer: Box<dyn JwsSigner>,
    verifier: Box<dyn JwsVerifier>,
    /// The encoded header of each [`Typ`].
    headers: [String; 3],
}

/// `typ` of a token, which tells the kinds apart (RFC 8725 §3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typ {
    /// ID token.
    Jwt,
    /// Access token (RFC 9068 §2.1).
    AtJwt,
    /// Logout token (Back-Channel Logout 1.0 §2.4).
    LogoutJwt,
}

impl Typ {
    /// The header value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jwt => "JWT",
            Self::AtJwt => "at+jwt",
            Self::LogoutJwt => "logout+jwt",
        }
    }
}

/// ES256 over OpenSSL's own ECDSA: a third faster than through its digest contexts, and the signature comes in the two
/// halves that JWS wants (RFC 7518 §3.4).
#[derive(Clone, Debug)]
struct P256(EcKey<Private>);

impl JwsSigner for P256 {
    fn algorithm(&self) -> &dyn JwsAlgorithm {
        &ES256
    }

    fn key_id(&self) -> Option<&str> {
        None
    }

    fn signature_len(&self) -> usize {
        64
    }

    fn sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, JoseError> {
        let bad = |e: ErrorStack| JoseError::InvalidSignature(e.into());
        let signature = EcdsaSig::sign(&Sha256::digest(message), &self.0).map_err(bad)?;
        let mut out = signature.r().to_vec_padded(32).map_err(bad)?;
        out.extend(signature.s().to_vec_padded(32).map_err(bad)?);
        Ok(out)
    }

    fn box_clone(&self) -> Box<dyn JwsSigner> {
        Box::new(self.clone())
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({}, {})", self.id, self.alg.as_str())
    }
}

impl Key {
    /// The compact JWS (RFC 7515 §7.1) of `claims`, a JSON object.
    ///
    /// # Errors
    /// When signing fails, which a sound key does not.
    pub fn sign(&self, typ: Typ, claims: &impl Serialize) -> Result<String> {
        let claims = serde_json::to_vec(claims).map_err(|e| Error::Bug(e.to_string()))?;
        let mut token = String::with_capacity(claims.len() * 4 / 3 + 600);
        token.push_str(&self.headers[typ as usize]);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.signer.sign(token.as_bytes()).map_err(|e| Error::Bug(e.to_string()))?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// Whether `signature` is this key's over `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verifier.verify(message, signature).is_ok()
    }
}

/// The keys in use, and the JWKS as it is served.
#[derive(Debug, Default)]
pub struct Keyring {
    current: HashMap<(Ring, Alg), Arc<Key>>,
    by_id: HashMap<KeyId, Arc<Key>>,
    /// The JWK set as JSON text.
    pub jwks: String,
}

impl Keyring {
    /// Opens every key.
    ///
    /// # Errors
    /// When one was sealed under another master key or cannot be read.
    pub fn load(records: Vec<SigningKey>, sealer: &Sealer) -> Result<Self> {
        let mut ring = Self::default();
        let mut published = Vec::new();
        for record in records {
            let key = Arc::new(open(&record, sealer)?);
            published.push(serde_json::from_str::<Value>(&record.public_jwk).map_err(|e| Error::Bug(e.to_string()))?);
            if record.state == KeyState::Current {
                ring.current.insert((record.ring, record.alg), key.clone());
            }
            ring.by_id.insert(record.id, key);
        }
        ring.jwks = json!({ "keys": published }).to_string();
        Ok(ring)
    }

    /// The key that signs with an algorithm now for clients of a ring; where the ring has none of that algorithm, the
    /// common one.
    ///
    /// # Errors
    /// When there is none: `kabinet migrate` makes them.
    pub fn current(&self, ring: Ring, alg: Alg) -> Result<&Key> {
        let key = self.current.get(&(ring, alg)).or_else(|| self.current.get(&(Ring::Common, alg)));
        let key = key.map(|key| &**key);
        key.ok_or_else(|| Error::Bug(format!("there is no {} key; run kabinet migrate", alg.as_str())))
    }

    /// A key of ours by its id.
    #[must_use]
    pub fn find(&self, kid: &str) -> Option<&Key> {
        self.by_id.get(&KeyId::from(kid)).map(|key| &**key)
    }

    /// Whether every algorithm of every ring has a key that signs.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        places().all(|place| self.current.contains_key(&place))
    }
}

/// Every ring with each of its algorithms.
fn places() -> impl Iterator<Item = (Ring, Alg)> {
    Ring::ALL.into_iter().flat_map(|ring| ring.algs().iter().map(move |alg| (ring, *alg)))
}

fn open(record: &SigningKey, sealer: &Sealer) -> Result<Key> {
    let bad = |e: JoseError| Error::Bug(format!("signing key {}: {e}", record.id));
    let plain = sealer
        .open(&record.private_sealed, record.id.as_str().as_bytes())
        .ok_or_else(|| Error::Bug(format!("signing key {} was sealed under another master key", record.id)))?;
    let jwk = Jwk::from_bytes(&plain).map_err(bad)?;
    let (signer, verifier): (Box<dyn JwsSigner>, Box<dyn JwsVerifier>) = match record.alg {
        Alg::RS256 => (
            Box::new(RS256.signer_from_jwk(&jwk).map_err(bad)?),
            Box::new(RS256.verifier_from_jwk(&jwk).map_err(bad)?),
        ),
        Alg::PS256 => (
            Box::new(PS256.signer_from_jwk(&jwk).map_err(bad)?),
            Box::new(PS256.verifier_from_jwk(&jwk).map_err(bad)?),
        ),
        Alg::ES256 => (Box::new(p256(&jwk).map_err(bad)?), Box::new(ES256.verifier_from_jwk(&jwk).map_err(bad)?)),
        Alg::EdDSA => (
            Box::new(EdDSA.signer_from_jwk(&jwk).map_err(bad)?),
            Box::new(EdDSA.verifier_from_jwk(&jwk).map_err(bad)?),
        ),
    };
    let header = |typ: Typ| {
        let header = json!({"alg": record.alg.as_str(), "kid": record.id.as_str(), "typ": typ.as_str()});
        URL_SAFE_NO_PAD.encode(header.to_string())
    };
    let headers = [header(Typ::Jwt), header(Typ::AtJwt), header(Typ::LogoutJwt)];
    Ok(Key {
        id: record.id.clone(),
        alg: record.alg,
        signer,
        verifier,
        headers,
    })
}

fn p256(jwk: &Jwk) -> std::result::Result<P256, JoseError> {
    let bad = |e: ErrorStack| JoseError::InvalidKeyFormat(e.into());
    let der = EcKeyPair::from_jwk(jwk)?.to_der_private_key();
    Ok(P256(PKey::private_key_from_der(&der).and_then(|key| key.ec_key()).map_err(bad)?))
}

/// What keys are made with.
#[derive(Clone, Copy)]
pub struct Forge<'a> {
    /// Seals the private parts.
    pub sealer: &'a Sealer,
    /// RSA modulus, bits: 2048 is what every stock client takes.
    pub rsa_bits: u32,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Chance.
    pub entropy: &'a dyn Entropy,
}

/// Makes a key. Takes up to a second for RSA.
///
/// # Errors
/// When OpenSSL fails.
pub fn generate((ring, alg): (Ring, Alg), state: KeyState, forge: Forge<'_>) -> Result<SigningKey> {
    let Forge { sealer, rsa_bits, clock, entropy } = forge;
    let now = clock.now();
    let bad = |e: JoseError| Error::Bug(e.to_string());
    let id = KeyId::generate(now, entropy);
    let mut jwk = match alg {
        Alg::RS256 | Alg::PS256 => Jwk::generate_rsa_key(rsa_bits),
        Alg::ES256 => Jwk::generate_ec_key(EcCurve::P256),
        Alg::EdDSA => Jwk::generate_ed_key(EdCurve::Ed25519),
    }
    .map_err(bad)?;
    let label = |jwk: &mut Jwk| {
        jwk.set_algorithm(alg.as_str());
        jwk.set_key_id(id.as_str());
        jwk.set_key_use("sig");
    };
    label(&mut jwk);
    // josekit drops kid, alg and use from the public part.
    let mut public = jwk.to_public_key().map_err(bad)?;
    label(&mut public);
    let private_sealed = sealer.seal(jwk.to_string().as_bytes(), id.as_str().as_bytes(), entropy);
    Ok(SigningKey {
        id,
        alg,
        ring,
        state,
        public_jwk: public.to_string(),
        private_sealed,
        created_at: now,
        retired_at: None,
    })
}

/// Makes every key that is missing: a current and a next one per ring and algorithm. How many were made.
///
/// # Errors
/// When the store or OpenSSL fails.
pub async fn ensure(store: &Store, forge: Forge<'_>) -> Result<usize> {
    let present = key::every(store.db()).await?;
    let has = |place, state| present.iter().any(|key| (key.ring, key.alg) == place && key.state == state);
    let mut made = 0;
    for (ring, alg) in places() {
        for state in [KeyState::Current, KeyState::Next] {
            if has((ring, alg), state) {
                continue;
            }
            let new = generate((ring, alg), state, forge)?;
            let now = new.created_at;
            let mut tx = store.begin().await?;
            if key::insert(&mut tx, &new).await? {
                let origin = Origin { actor: "system", ..Origin::default() };
                let record = Record::of(Event::KeyCreated)
                    .with("kid", new.id.as_str())
                    .with("alg", alg.as_str())
                    .with("ring", ring.as_str());
                kabinet_store::audit::write(&mut tx, &record, &origin, now, forge.entropy).await?;
                change::tell(&mut tx, change::Kind::Keys, &[new.id.to_string()], now).await?;
                made += 1;
            }
            tx.commit().await?;
        }
    }
    Ok(made)
}

/// Moves an algorithm of a ring on: next becomes current, current becomes previous, a new next is made, and previous keys that no
/// token needs any more go.
///
/// # Errors
/// When the store or OpenSSL fails; then nothing has moved.
pub async fn rotate(store: &Store, place: (Ring, Alg), forge: Forge<'_>, origin: &Origin) -> Result<KeyId> {
    let (ring, alg) = place;
    let fresh = generate(place, KeyState::Next, forge)?;
    let now = fresh.created_at;
    let mut tx = store.begin().await?;
    let current = step(&mut tx, place, now).await?;
    key::insert(&mut tx, &fresh).await?;
    let record = Record::of(Event::KeyRotated)
        .with("kid", current.as_str())
        .with("alg", alg.as_str())
        .with("ring", ring.as_str());
    kabinet_store::audit::write(&mut tx, &record, origin, now, forge.entropy).await?;
    change::tell(&mut tx, change::Kind::Keys, &[current.to_string()], now).await?;
    tx.commit().await?;
    Ok(current)
}

async fn step(tx: &mut Tx, place: (Ring, Alg), now: Timestamp) -> Result<KeyId> {
    let mut keys = key::every_in(tx).await?;
    keys.retain(|key| (key.ring, key.alg) == place);
    let next = keys.iter().find(|key| key.state == KeyState::Next);
    let next =
        next.ok_or_else(|| Error::Bug(format!("there is no next {} key; run kabinet migrate", place.1.as_str())))?;
    for old in keys.iter().filter(|key| key.state == KeyState::Current) {
        key::set_state(tx, &old.id, KeyState::Previous, Some(now)).await?;
    }
    key::set_state(tx, &next.id, KeyState::Current, None).await?;
    for old in keys.iter().filter(|key| key.retired_at.is_some_and(|at| now.since(at) > PUBLISHED_AFTER)) {
        key::delete(tx, &old.id).await?;
    }
    Ok(next.id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;
    impl Entropy for Fixed {
        fn fill(&self, out: &mut [u8]) {
            out.fill(7);
        }
    }

    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp(1)
        }
    }

    fn forge(sealer: &Sealer) -> Forge<'_> {
        Forge { sealer, rsa_bits: 2048, clock: &Fixed, entropy: &Fixed }
    }

    #[test]
    fn each_algorithm_signs_and_its_public_key_has_no_private_part() {
        let sealer = sealer(&MasterKey::generate(&Fixed));
        for alg in Alg::ALL {
            let record = generate((Ring::Common, alg), KeyState::Current, forge(&sealer)).unwrap();
            let public: Value = serde_json::from_str(&record.public_jwk).unwrap();
            assert_eq!(public["kid"], record.id.as_str());
            assert_eq!(public["alg"], alg.as_str());
            for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
                assert!(public.get(private).is_none(), "{private} of {alg:?}");
            }
            let ring = Keyring::load(vec![record.clone()], &sealer).unwrap();
            let token = ring.current(Ring::OneC, alg).unwrap().sign(Typ::Jwt, &json!({"sub": "x"})).unwrap();
            let (message, signature) = token.rsplit_once('.').unwrap();
            let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
            assert!(ring.find(record.id.as_str()).unwrap().verifies(message.as_bytes(), &signature));
            assert!(!ring.find(record.id.as_str()).unwrap().verifies(b"other", &signature));
        }
    }

    #[test]
    fn a_key_sealed_under_another_master_key_stops_the_start() {
        let record = generate(
            (Ring::Common, Alg::ES256),
            KeyState::Current,
            forge(&sealer(&MasterKey::generate(&Fixed))),
        )
        .unwrap();
        struct Other;
        impl Entropy for Other {
            fn fill(&self, out: &mut [u8]) {
                out.fill(8);
            }
        }
        assert!(Keyring::load(vec![record], &sealer(&MasterKey::generate(&Other))).is_err());
    }
}
