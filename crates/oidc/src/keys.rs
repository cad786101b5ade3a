//! Signing keys: made, sealed, rotated, published (RFC 7517) and used. Names josekit, together with [`client`] and
//! [`encryption`].
//!
//! Every algorithm has a key that signs now (`current`), one that is published before it signs (`next`), those that
//! signed before (`previous`), published until the longest token they signed has ended, and those that only know their own
//! hints (`retired`); see [`rotation`]. Clients of the profile `1c` have a ring of their own with one RS256 key, because 1С
//! holds a pasted copy of it. Keys are made by `migrate`, by `key rotate` and by a job, never in a request. The algorithm
//! always comes from the key's record, never from a token's header (RFC 8725 §3.1).

pub(crate) mod encryption;
pub mod rotation;

pub mod client;

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
use kabinet_core::client::Alg;
use kabinet_core::id::KeyId;
use kabinet_core::key::{KeyState, Ring, SigningKey};
use kabinet_core::seal::{MasterKey, Sealer};
use openssl::ec::EcKey;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{Error, Result};

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
    /// None once it is retired.
    signer: Option<Box<dyn JwsSigner>>,
    verifier: Box<dyn JwsVerifier>,
    /// The encoded header of each [`Typ`].
    headers: [String; Typ::ALL.len()],
}

/// `typ` of a token, which tells the kinds apart (RFC 8725 §3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typ {
    /// ID token, and userinfo, which lacks `exp`.
    Jwt,
    /// Access token (RFC 9068 §2.1).
    AtJwt,
    /// Signed introspection (RFC 9701 §5).
    IntrospectionJwt,
    /// Logout token (Back-Channel Logout 1.0 §2.4).
    LogoutJwt,
}

impl Typ {
    /// Every kind, in the order of the headers of a [`Key`].
    const ALL: [Self; 4] = [Self::Jwt, Self::AtJwt, Self::IntrospectionJwt, Self::LogoutJwt];

    /// The header value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jwt => "JWT",
            Self::AtJwt => "at+jwt",
            Self::IntrospectionJwt => "token-introspection+jwt",
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
        let signer = self.signer.as_ref().ok_or_else(|| Error::Bug(format!("key {} signs no more", self.id)))?;
        let signature = signer.sign(token.as_bytes()).map_err(|e| Error::Bug(e.to_string()))?;
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
            if record.state != KeyState::Retired {
                let jwk = serde_json::from_str::<Value>(&record.public_jwk);
                published.push(jwk.map_err(|e| Error::Bug(e.to_string()))?);
            }
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
    let signer = match record.state {
        KeyState::Retired => None,
        KeyState::Next | KeyState::Current | KeyState::Previous => Some(signer(record, sealer)?),
    };
    let public = Jwk::from_bytes(record.public_jwk.as_bytes()).map_err(bad)?;
    let verifier: Box<dyn JwsVerifier> = match record.alg {
        Alg::RS256 => Box::new(RS256.verifier_from_jwk(&public).map_err(bad)?),
        Alg::PS256 => Box::new(PS256.verifier_from_jwk(&public).map_err(bad)?),
        Alg::ES256 => Box::new(ES256.verifier_from_jwk(&public).map_err(bad)?),
        Alg::EdDSA => Box::new(EdDSA.verifier_from_jwk(&public).map_err(bad)?),
    };
    let header = |typ: Typ| {
        let header = json!({"alg": record.alg.as_str(), "kid": record.id.as_str(), "typ": typ.as_str()});
        URL_SAFE_NO_PAD.encode(header.to_string())
    };
    let headers = Typ::ALL.map(header);
    Ok(Key {
        id: record.id.clone(),
        alg: record.alg,
        signer,
        verifier,
        headers,
    })
}

fn signer(record: &SigningKey, sealer: &Sealer) -> Result<Box<dyn JwsSigner>> {
    let bad = |e: JoseError| Error::Bug(format!("signing key {}: {e}", record.id));
    let plain = sealer
        .open(&record.private_sealed, record.id.as_str().as_bytes())
        .ok_or_else(|| Error::Bug(format!("signing key {} was sealed under another master key", record.id)))?;
    let jwk = Jwk::from_bytes(&plain).map_err(bad)?;
    Ok(match record.alg {
        Alg::RS256 => Box::new(RS256.signer_from_jwk(&jwk).map_err(bad)?),
        Alg::PS256 => Box::new(PS256.signer_from_jwk(&jwk).map_err(bad)?),
        Alg::ES256 => Box::new(p256(&jwk).map_err(bad)?),
        Alg::EdDSA => Box::new(EdDSA.signer_from_jwk(&jwk).map_err(bad)?),
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
        activated_at: (state == KeyState::Current).then_some(now),
        retired_at: None,
    })
}

#[cfg(test)]
mod tests {
    use kabinet_core::time::Timestamp;

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
    fn a_retired_key_verifies_and_neither_signs_nor_is_published() {
        let sealer = sealer(&MasterKey::generate(&Fixed));
        for alg in Alg::ALL {
            let mut record = generate((Ring::Common, alg), KeyState::Previous, forge(&sealer)).unwrap();
            let ring = Keyring::load(vec![record.clone()], &sealer).unwrap();
            let key = ring.find(record.id.as_str()).unwrap();
            let token = key.sign(Typ::Jwt, &json!({"sub": "x"})).unwrap();
            assert!(ring.jwks.contains(record.id.as_str()));
            record.state = KeyState::Retired;
            record.private_sealed.clear();
            let ring = Keyring::load(vec![record.clone()], &sealer).unwrap();
            let key = ring.find(record.id.as_str()).unwrap();
            let (message, signature) = token.rsplit_once('.').unwrap();
            assert!(key.verifies(message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()));
            assert!(key.sign(Typ::Jwt, &json!({})).is_err());
            assert!(!ring.jwks.contains(record.id.as_str()));
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
