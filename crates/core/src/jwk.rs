//! Public keys of clients (RFC 7517, RFC 8037): which are fit for use, and for what.
//!
//! 1. A set is an object with `keys`, at most [`MOST`] of them.
//! 2. A key that we do not know how to use is passed over (RFC 7517 §5), in a registration and in a fetched set alike.
//! 3. A symmetric key or one with its private half never belongs to us: a registration that holds one is refused
//!    ([`JwkSet::check`]), in a fetched set it is passed over.
//! 4. A key is used for what its `kty`, `crv`, `alg`, `use` and `key_ops` all allow and for nothing else, so that a token's
//!    header cannot choose how a key is read (RFC 8725 §3.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::client::Alg;

/// Keys of one client at most.
pub const MOST: usize = 16;
/// The longest `kid`, bytes.
const LONGEST_KID: usize = 256;
/// RSA moduli, bits: shorter ones are broken, longer ones cost the verifier.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;
/// The points of Ed25519 of order 1, 2, 4 and 8, with those that are written with a coordinate beyond the field.
const SMALL_ORDER: [&str; 7] = [
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU",
    "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o",
    "7P_______________________________________38",
    "7f_______________________________________38",
    "7v_______________________________________38",
];
/// Members of private and symmetric keys (RFC 7518 §6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A set of keys as it was registered or fetched (RFC 7517 §5).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JwkSet {
    /// The keys.
    pub keys: Vec<Map<String, Value>>,
}

/// Why a set cannot be registered; the text is for the developer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadJwkSet {
    /// None, or too many.
    #[error("must hold 1 to 16 keys")]
    Count,
    /// It would be no secret any more.
    #[error("holds a private or symmetric key; give the public half alone and make a new key pair")]
    Private,
    /// Nothing that we can use.
    #[error("holds no usable key: RSA of 2048 to 4096 bits, EC P-256, OKP Ed25519 or X25519")]
    Useless,
}

/// What kind of key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// `RSA`
    Rsa,
    /// `EC` with `P-256`
    P256,
    /// `OKP` with `Ed25519`
    Ed25519,
    /// `OKP` with `X25519`
    X25519,
}

/// How the key that encrypts a content is agreed on (RFC 7518 §4.1); what is not listed is not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyManagement {
    /// RSAES-OAEP with SHA-256 and MGF1 with SHA-256.
    #[serde(rename = "RSA-OAEP-256")]
    RsaOaep256,
    /// Direct agreement by an ephemeral key.
    #[serde(rename = "ECDH-ES")]
    EcdhEs,
}

impl KeyManagement {
    /// Every one that is offered.
    pub const ALL: [Self; 2] = [Self::RsaOaep256, Self::EcdhEs];

    /// The `alg` value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RsaOaep256 => "RSA-OAEP-256",
            Self::EcdhEs => "ECDH-ES",
        }
    }
}

/// How a content is encrypted (RFC 7518 §5.1); what is not listed is not offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ContentEncryption {
    /// AES in CBC mode with HMAC-SHA-256: what every implementation must know.
    #[default]
    #[serde(rename = "A128CBC-HS256")]
    A128CbcHs256,
    /// AES in Galois/counter mode.
    #[serde(rename = "A256GCM")]
    A256Gcm,
}

impl ContentEncryption {
    /// Every one that is offered.
    pub const ALL: [Self; 2] = [Self::A128CbcHs256, Self::A256Gcm];

    /// The `enc` value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A128CbcHs256 => "A128CBC-HS256",
            Self::A256Gcm => "A256GCM",
        }
    }
}

/// How an answer is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encryption {
    /// To the key.
    pub alg: KeyManagement,
    /// The content.
    pub enc: ContentEncryption,
}

/// The digest of the members that make a key (RFC 7638), base64url of SHA-256: the name of a key that its holder cannot choose.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Thumbprint(String);

impl Thumbprint {
    /// Reads one that somebody else computed: 32 bytes in canonical base64url.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == 32).then(|| Self(text.to_owned()))
    }

    /// The text, 43 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A public key that is fit for use.
#[derive(Clone, Debug, PartialEq)]
pub struct PublicKey {
    /// `kid`
    pub kid: Option<String>,
    /// What kind of key it is.
    pub kind: KeyType,
    /// The members that make the key, and no other.
    pub bare: Map<String, Value>,
    usage: Option<String>,
    alg: Option<String>,
    operations: Option<Vec<String>>,
}

impl JwkSet {
    /// Checks a set that is to be registered.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn check(&self) -> Result<(), BadJwkSet> {
        if self.keys.is_empty() || self.keys.len() > MOST {
            return Err(BadJwkSet::Count);
        }
        if self.keys.iter().any(is_private) {
            return Err(BadJwkSet::Private);
        }
        if self.usable().is_empty() {
            return Err(BadJwkSet::Useless);
        }
        Ok(())
    }

    /// The keys that are fit for use; none when there are too many.
    #[must_use]
    pub fn usable(&self) -> Vec<PublicKey> {
        if self.keys.len() > MOST {
            return Vec::new();
        }
        self.keys.iter().filter_map(PublicKey::read).collect()
    }
}

/// Whether a key is symmetric or holds a member of a private half (RFC 7518 §6).
#[must_use]
pub fn is_private(key: &Map<String, Value>) -> bool {
    key.get("kty").is_some_and(|kty| kty == "oct") || PRIVATE.iter().any(|name| key.contains_key(*name))
}

impl PublicKey {
    /// Reads one key; none when it is not public or not fit for use.
    #[must_use]
    pub fn read(key: &Map<String, Value>) -> Option<Self> {
        if is_private(key) {
            return None;
        }
        let text = |name: &str| key.get(name).map(|value| value.as_str().map(str::to_owned));
        // A member of the wrong type spoils the key.
        let optional = |name: &str| match text(name) {
            Some(None) => None,
            Some(value) => Some(value),
            None => Some(None),
        };
        let operations = match key.get("key_ops") {
            Some(list) => Some(serde_json::from_value::<Vec<String>>(list.clone()).ok()?),
            None => None,
        };
        let kid = optional("kid")?;
        if kid.as_ref().is_some_and(|kid| kid.len() > LONGEST_KID) {
            return None;
        }
        let kind = match (text("kty")??.as_str(), optional("crv")?.as_deref()) {
            ("RSA", None) => KeyType::Rsa,
            ("EC", Some("P-256")) => KeyType::P256,
            ("OKP", Some("Ed25519")) => KeyType::Ed25519,
            ("OKP", Some("X25519")) => KeyType::X25519,
            _ => return None,
        };
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(key.get(name)?.as_str()?).ok();
        let names: &[&str] = match kind {
            KeyType::Rsa => {
                let (n, e) = (bytes("n")?, bytes("e")?);
                is_sound_rsa(&n, &e).then_some(&["kty", "n", "e"])?
            }
            KeyType::P256 => {
                (bytes("x")?.len() == 32 && bytes("y")?.len() == 32).then_some(&["kty", "crv", "x", "y"])?
            }
            KeyType::Ed25519 => is_sound_ed25519(bytes("x")?).then_some(&["kty", "crv", "x"])?,
            KeyType::X25519 => (bytes("x")?.len() == 32).then_some(&["kty", "crv", "x"])?,
        };
        let bare = names.iter().filter_map(|name| Some(((*name).to_owned(), key.get(*name)?.clone())));
        Some(Self {
            kid,
            kind,
            bare: bare.collect(),
            usage: optional("use")?,
            alg: optional("alg")?,
            operations,
        })
    }

    /// RFC 7638 §3: the digest of the required members alone, in the order of their names and without spaces.
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        let names: &[&str] = match self.kind {
            KeyType::Rsa => &["e", "kty", "n"],
            KeyType::P256 => &["crv", "kty", "x", "y"],
            KeyType::Ed25519 | KeyType::X25519 => &["crv", "kty", "x"],
        };
        let member = |name: &&str| format!("{}:{}", json!(name), self.bare.get(*name).unwrap_or(&Value::Null));
        let text = format!("{{{}}}", names.iter().map(member).collect::<Vec<_>>().join(","));
        Thumbprint(URL_SAFE_NO_PAD.encode(Sha256::digest(text)))
    }

    /// Whether the key may verify signatures made with `alg`.
    #[must_use]
    pub fn verifies(&self, alg: Alg) -> bool {
        let fits = match alg {
            Alg::RS256 | Alg::PS256 => self.kind == KeyType::Rsa,
            Alg::ES256 => self.kind == KeyType::P256,
            Alg::EdDSA => self.kind == KeyType::Ed25519,
        };
        fits && self.is_for(alg.as_str(), "sig", &["verify"])
    }

    /// Whether the key may encrypt to its owner with `alg`.
    #[must_use]
    pub fn encrypts(&self, alg: KeyManagement) -> bool {
        let (fits, operations): (bool, &[&str]) = match alg {
            KeyManagement::RsaOaep256 => (self.kind == KeyType::Rsa, &["encrypt", "wrapKey"]),
            // The public half of an agreement has no operation of its own (RFC 7517 §4.3), some name the private half's.
            KeyManagement::EcdhEs => {
                (matches!(self.kind, KeyType::P256 | KeyType::X25519), &["deriveKey", "deriveBits"])
            }
        };
        fits && self.is_for(alg.as_str(), "enc", operations)
    }

    fn is_for(&self, alg: &str, usage: &str, operations: &[&str]) -> bool {
        self.alg.as_ref().is_none_or(|own| own == alg)
            && self.usage.as_ref().is_none_or(|own| own == usage)
            && self.operations.as_ref().is_none_or(|own| {
                own.iter().any(|one| operations.contains(&one.as_str())) || (own.is_empty() && usage == "enc")
            })
    }
}

/// A point that is not of small order: under one of those a signature can be made for any message without a private key.
fn is_sound_ed25519(mut x: Vec<u8>) -> bool {
    // The sign of the other coordinate.
    x.last_mut().into_iter().for_each(|last| *last &= 0x7f);
    x.len() == 32 && !SMALL_ORDER.contains(&URL_SAFE_NO_PAD.encode(x).as_str())
}

/// A modulus of a length that we take, and an odd exponent of at most 32 bits that is not 1.
fn is_sound_rsa(n: &[u8], e: &[u8]) -> bool {
    let significant = |bytes: &[u8]| bytes.iter().skip_while(|byte| **byte == 0).copied().collect::<Vec<u8>>();
    let (n, e) = (significant(n), significant(e));
    let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
    let is_odd = |bytes: &[u8]| bytes.last().is_some_and(|last| last % 2 == 1);
    RSA_BITS.contains(&bits) && is_odd(&n) && e.len() <= 4 && is_odd(&e) && e != [1]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rsa(bits: usize) -> Value {
        let mut n = vec![0xff; bits / 8];
        n[0] = 0x80;
        json!({"kty": "RSA", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode(n)})
    }

    fn with(mut key: Value, members: Value) -> Value {
        key.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        key
    }

    fn p256() -> Value {
        let half = URL_SAFE_NO_PAD.encode([1; 32]);
        json!({"kty": "EC", "crv": "P-256", "x": half, "y": half})
    }

    fn okp(curve: &str) -> Value {
        json!({"kty": "OKP", "crv": curve, "x": URL_SAFE_NO_PAD.encode([1; 32])})
    }

    fn set(keys: &[Value]) -> JwkSet {
        serde_json::from_value(json!({"keys": keys})).unwrap()
    }

    #[test]
    fn a_key_is_for_what_all_of_its_members_allow() {
        let verifies = |key: Value, alg| set(&[key]).usable().iter().any(|key| key.verifies(alg));
        let encrypts = |key: Value, alg| set(&[key]).usable().iter().any(|key| key.encrypts(alg));
        assert!(verifies(rsa(2048), Alg::RS256) && verifies(rsa(4096), Alg::PS256));
        assert!(verifies(p256(), Alg::ES256) && verifies(okp("Ed25519"), Alg::EdDSA));
        assert!(encrypts(rsa(2048), KeyManagement::RsaOaep256) && encrypts(p256(), KeyManagement::EcdhEs));
        assert!(encrypts(okp("X25519"), KeyManagement::EcdhEs));
        assert!(verifies(
            with(rsa(2048), json!({"alg": "RS256", "use": "sig", "key_ops": ["verify"]})),
            Alg::RS256
        ));
        for (key, alg) in [
            (rsa(2048), Alg::ES256),
            (p256(), Alg::RS256),
            (okp("X25519"), Alg::EdDSA),
            (okp("Ed448"), Alg::EdDSA),
            (with(rsa(2048), json!({"alg": "RS256"})), Alg::PS256),
            (with(rsa(2048), json!({"alg": "HS256"})), Alg::RS256),
            (with(rsa(2048), json!({"use": "enc"})), Alg::RS256),
            (with(rsa(2048), json!({"key_ops": ["sign"]})), Alg::RS256),
            (with(rsa(2048), json!({"key_ops": []})), Alg::RS256),
            (with(rsa(2048), json!({"kid": 7})), Alg::RS256),
        ] {
            assert!(!verifies(key.clone(), alg), "{key} {alg:?}");
        }
        assert!(!encrypts(with(p256(), json!({"use": "sig"})), KeyManagement::EcdhEs));
        assert!(!encrypts(okp("Ed25519"), KeyManagement::EcdhEs));
    }

    #[test]
    fn the_thumbprint_is_that_of_the_specifications_and_looks_at_nothing_else() {
        // RFC 7638 §3.1; RFC 8037 appendix A.3; RFC 9449 §6.1 with the key of its §4.1.
        for (key, thumbprint) in [
            (
                json!({"kty": "RSA", "alg": "RS256", "kid": "2011-04-29", "e": "AQAB", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}),
                "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
            ),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
                "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            ),
            (
                json!({"kty": "EC", "use": "sig", "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA", "crv": "P-256"}),
                "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
            ),
        ] {
            let read = PublicKey::read(key.as_object().unwrap()).unwrap().thumbprint();
            assert_eq!(read.as_str(), thumbprint);
            assert_eq!(Thumbprint::parse(thumbprint), Some(read));
        }
        for bad in
            ["", "x", "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4", "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4J"]
        {
            assert_eq!(Thumbprint::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn keys_that_are_weak_costly_or_unknown_are_passed_over() {
        for key in [
            rsa(1024),
            rsa(2040),
            rsa(8192),
            rsa(16384),
            with(rsa(2048), json!({"e": "AQ"})),
            with(rsa(2048), json!({"e": "Ag"})),
            with(rsa(2048), json!({"e": URL_SAFE_NO_PAD.encode([1; 256])})),
            with(p256(), json!({"crv": "P-521"})),
            with(p256(), json!({"x": "AQ"})),
            with(okp("Ed25519"), json!({"x": SMALL_ORDER[0]})),
            with(okp("Ed25519"), json!({"x": SMALL_ORDER[3]})),
            // The same point as the last one with the other sign.
            with(okp("Ed25519"), json!({"x": "7v________________________________________8"})),
            json!({"kty": "oct", "k": "AAAA"}),
            json!({"kty": "new"}),
            json!({}),
        ] {
            assert!(set(std::slice::from_ref(&key)).usable().is_empty(), "{key:.80}");
        }
    }

    #[test]
    fn a_registered_set_holds_public_keys_and_one_of_use() {
        assert_eq!(set(&[rsa(2048), json!({"kty": "new"})]).check(), Ok(()));
        assert_eq!(set(&[]).check(), Err(BadJwkSet::Count));
        assert_eq!(set(&vec![rsa(2048); 17]).check(), Err(BadJwkSet::Count));
        assert_eq!(set(&[rsa(1024)]).check(), Err(BadJwkSet::Useless));
        let secret = json!({"kty": "oct", "k": "AAAA"});
        for private in [with(rsa(2048), json!({"d": "AQ"})), with(okp("Ed25519"), json!({"d": "AQ"})), secret] {
            assert_eq!(set(&[p256(), private]).check(), Err(BadJwkSet::Private));
        }
    }
}
