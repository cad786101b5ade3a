//! The keys of a contour, their certificates, and the tokens («маркеры») that they sign.
//!
//! A token is a JWT whose header has `ver` and `sbt` beside `typ` and `alg`, and no `kid`. `RS256` is RFC 7518's;
//! `GOST3410_2012_256` is s‖r over the Стрибог-256 of `header.payload`.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kabinet_core::ambient::{Entropy, random};
use kabinet_core::time::Timestamp;
use kabinet_gost::ParameterSet;
use kabinet_gost::digest::Digest;
use kabinet_gost::signature::{self, SigningKey};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::{Signer, Verifier};
use openssl::x509::{X509, X509NameBuilder};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::certificate::Draft;

/// The name of the curve in the real certificates.
pub(super) const CURVE: ParameterSet = ParameterSet::CryptoProXchA;
/// How long before its making a certificate is valid already, and how long it is valid, seconds.
pub(super) const EARLIER: i64 = 86_400;
pub(super) const VALID: i64 = 450 * 86_400;

const ORGANISATION: &str = "Стенд-подставка вместо ЕСИА";

/// What a system's tokens are signed with: the setting of the technological portal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenAlgorithm {
    /// RSA with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// ГОСТ Р 34.10-2012 of 256 bits.
    #[default]
    #[serde(rename = "GOST3410_2012_256")]
    Gost,
}

impl TokenAlgorithm {
    /// Its name in headers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Gost => "GOST3410_2012_256",
        }
    }

    pub(super) const fn other(self) -> Self {
        match self {
            Self::Rs256 => Self::Gost,
            Self::Gost => Self::Rs256,
        }
    }
}

/// Why keys could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// OpenSSL failed.
    #[error("an RSA key could not be made: {0}")]
    Rsa(#[from] ErrorStack),
    /// The source of chance gives no number below the order of the curve.
    #[error("a ГОСТ key could not be made")]
    Gost,
    /// A kept key is none.
    #[error("a kept ГОСТ key is no number below the order of its curve")]
    Kept,
}

/// The keys as they can be kept and used again by another run.
#[derive(Clone)]
pub struct KeyMaterial {
    /// The private number, big-endian.
    pub gost: [u8; 32],
    /// The private RSA key, PEM.
    pub rsa: Vec<u8>,
    /// Both certificates, DER: ГОСТ's and RSA's.
    pub certificates: [Vec<u8>; 2],
}

struct RsaPair {
    key: PKey<Private>,
    certificate: Vec<u8>,
}

/// One generation of keys.
pub(super) struct Keys {
    number: [u8; 32],
    gost: SigningKey,
    gost_certificate: Vec<u8>,
    /// Made when first asked for: it takes a while.
    rsa: OnceLock<RsaPair>,
    rsa_serial: u32,
    name: String,
    made: Timestamp,
}

impl Keys {
    pub(super) fn make(contour: &str, entropy: &dyn Entropy, now: Timestamp) -> Result<Self, KeyError> {
        let (number, gost) = new_key(entropy)?;
        let name = format!("ESIA stand-in, {contour}");
        let draft = Draft {
            name: &name,
            organisation: ORGANISATION,
            serial: random(entropy),
            from: now.plus(-EARLIER),
            to: now.plus(VALID),
        };
        let gost_certificate = draft.signed(&gost, |buffer| entropy.fill(buffer)).ok_or(KeyError::Gost)?;
        Ok(Self {
            number,
            gost,
            gost_certificate,
            rsa: OnceLock::new(),
            rsa_serial: u32::from_be_bytes(random(entropy)),
            name,
            made: now,
        })
    }

    pub(super) fn kept(material: &KeyMaterial) -> Result<Self, KeyError> {
        let [gost_certificate, certificate] = material.certificates.clone();
        let key = PKey::private_key_from_pem(&material.rsa)?;
        Ok(Self {
            number: material.gost,
            gost: SigningKey::new(CURVE, &material.gost).ok_or(KeyError::Kept)?,
            gost_certificate,
            rsa: OnceLock::from(RsaPair { key, certificate }),
            rsa_serial: 0,
            name: String::new(),
            made: Timestamp(0),
        })
    }

    pub(super) fn material(&self) -> Result<KeyMaterial, KeyError> {
        let rsa = self.rsa()?;
        Ok(KeyMaterial {
            gost: self.number,
            rsa: rsa.key.private_key_to_pem_pkcs8()?,
            certificates: [self.gost_certificate.clone(), rsa.certificate.clone()],
        })
    }

    /// DER.
    pub(super) fn certificate(&self, algorithm: TokenAlgorithm) -> Result<Vec<u8>, KeyError> {
        match algorithm {
            TokenAlgorithm::Gost => Ok(self.gost_certificate.clone()),
            TokenAlgorithm::Rs256 => Ok(self.rsa()?.certificate.clone()),
        }
    }

    fn rsa(&self) -> Result<&RsaPair, KeyError> {
        if let Some(pair) = self.rsa.get() {
            return Ok(pair);
        }
        let pair = rsa_pair(&self.name, self.rsa_serial, self.made)?;
        Ok(self.rsa.get_or_init(|| pair))
    }

    /// The token with this subtype (`access`, `authorization_code`) and payload.
    pub(super) fn token(
        &self,
        subtype: &str,
        algorithm: TokenAlgorithm,
        payload: &Value,
        entropy: &dyn Entropy,
    ) -> Result<String, KeyError> {
        let input = unsigned(subtype, algorithm.as_str(), payload);
        let signature = self.sign(algorithm, input.as_bytes(), entropy)?;
        Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    pub(super) fn sign(
        &self,
        algorithm: TokenAlgorithm,
        input: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, KeyError> {
        match algorithm {
            TokenAlgorithm::Rs256 => {
                let mut signer = Signer::new(MessageDigest::sha256(), &self.rsa()?.key)?;
                Ok(signer.sign_oneshot_to_vec(input)?)
            }
            TokenAlgorithm::Gost => self.gost.sign_message(input, |buffer| entropy.fill(buffer)).ok_or(KeyError::Gost),
        }
    }

    /// Whether one of these keys signed the token.
    pub(super) fn has_signed(&self, token: &str) -> bool {
        let Some((input, signature)) = token.rsplit_once('.') else {
            return false;
        };
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else {
            return false;
        };
        let header = input.split('.').next().and_then(|header| URL_SAFE_NO_PAD.decode(header).ok());
        let header: Option<Value> = header.and_then(|header| serde_json::from_slice(&header).ok());
        match header.as_ref().and_then(|header| header["alg"].as_str()) {
            Some("RS256") => self.rsa.get().is_some_and(|rsa| {
                let verify = || {
                    let mut verifier = Verifier::new(MessageDigest::sha256(), &rsa.key)?;
                    verifier.verify_oneshot(&signature, input.as_bytes())
                };
                verify().unwrap_or(false)
            }),
            Some("GOST3410_2012_256") => {
                let digest = Digest::Streebog256.of(input.as_bytes());
                let key = self.gost.public_key().unwrap_or_default();
                signature::verify(CURVE, &key, &digest, &signature).is_ok()
            }
            _ => false,
        }
    }
}

/// A new private key with its number, big-endian.
pub(super) fn new_key(entropy: &dyn Entropy) -> Result<([u8; 32], SigningKey), KeyError> {
    let draw = |_| {
        let number = random::<32>(entropy);
        SigningKey::new(CURVE, &number).map(|key| (number, key))
    };
    (0..8).find_map(draw).ok_or(KeyError::Gost)
}

/// `header.payload`.
pub(super) fn unsigned(subtype: &str, algorithm: &str, payload: &Value) -> String {
    // In the order in which ЕСИА writes it.
    let header = format!(r#"{{"ver":1,"typ":"JWT","sbt":"{subtype}","alg":"{algorithm}"}}"#);
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}", encode(&header), encode(&payload.to_string()))
}

fn rsa_pair(name: &str, serial: u32, made: Timestamp) -> Result<RsaPair, KeyError> {
    let key = PKey::from_rsa(Rsa::generate(2048)?)?;
    let mut subject = X509NameBuilder::new()?;
    subject.append_entry_by_nid(Nid::COUNTRYNAME, "RU")?;
    subject.append_entry_by_nid(Nid::ORGANIZATIONNAME, ORGANISATION)?;
    subject.append_entry_by_nid(Nid::COMMONNAME, name)?;
    let subject = subject.build();
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&*BigNum::from_u32(serial)?.to_asn1_integer()?)?;
    builder.set_subject_name(&subject)?;
    builder.set_issuer_name(&subject)?;
    builder.set_pubkey(&key)?;
    builder.set_not_before(&*Asn1Time::from_unix(made.plus(-EARLIER).0)?)?;
    builder.set_not_after(&*Asn1Time::from_unix(made.plus(VALID).0)?)?;
    builder.sign(&key, MessageDigest::sha256())?;
    let certificate = builder.build().to_der()?;
    Ok(RsaPair { key, certificate })
}
