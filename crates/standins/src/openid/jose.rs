//! Keys and signed tokens (RFC 7515, RFC 7517, RFC 7518 §3, RFC 8037, RFC 8812), made with OpenSSL.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Bytes of a coordinate and of each half of a signature, on both curves.
const WIDTH: i32 = 32;

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Alg {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
    /// ECDSA on secp256k1 with SHA-256.
    ES256K,
}

impl Alg {
    /// Its name in the header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
            Self::ES256K => "ES256K",
        }
    }
}

/// A key pair and what it is called.
#[derive(Clone)]
pub(crate) struct Key {
    pub kid: String,
    pub alg: Alg,
    pair: PKey<Private>,
}

impl Key {
    /// A new pair.
    pub(crate) fn generate(alg: Alg, kid: impl Into<String>) -> Result<Self, ErrorStack> {
        let on = |curve| EcKey::generate(EcGroup::from_curve_name(curve)?.as_ref()).and_then(PKey::from_ec_key);
        let pair = match alg {
            Alg::RS256 => PKey::from_rsa(Rsa::generate(2048)?)?,
            Alg::ES256 => on(Nid::X9_62_PRIME256V1)?,
            Alg::ES256K => on(Nid::SECP256K1)?,
            Alg::EdDSA => PKey::generate_ed25519()?,
        };
        Ok(Self { kid: kid.into(), alg, pair })
    }

    /// The public half (RFC 7517 §4).
    pub(crate) fn jwk(&self) -> Result<Value, ErrorStack> {
        let mut jwk = match self.alg {
            Alg::RS256 => {
                let rsa = self.pair.rsa()?;
                json!({"kty": "RSA", "n": encode(&rsa.n().to_vec()), "e": encode(&rsa.e().to_vec())})
            }
            Alg::ES256 | Alg::ES256K => {
                let key = self.pair.ec_key()?;
                let (mut x, mut y, mut context) = (BigNum::new()?, BigNum::new()?, BigNumContext::new()?);
                key.public_key().affine_coordinates_gfp(key.group(), &mut x, &mut y, &mut context)?;
                let curve = if self.alg == Alg::ES256 { "P-256" } else { "secp256k1" };
                let [x, y] = [x.to_vec_padded(WIDTH)?, y.to_vec_padded(WIDTH)?].map(|bytes| encode(&bytes));
                json!({"kty": "EC", "crv": curve, "x": x, "y": y})
            }
            Alg::EdDSA => json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&self.pair.raw_public_key()?)}),
        };
        jwk["kid"] = json!(self.kid);
        jwk["alg"] = json!(self.alg.as_str());
        jwk["use"] = json!("sig");
        Ok(jwk)
    }

    /// The public half as PEM: what an algorithm swap uses for a secret.
    pub(crate) fn public_pem(&self) -> Result<Vec<u8>, ErrorStack> {
        self.pair.public_key_to_pem()
    }

    /// The public half of an Ed25519 pair, 32 bytes.
    pub(crate) fn public_raw(&self) -> Result<Vec<u8>, ErrorStack> {
        self.pair.raw_public_key()
    }

    /// A signature in the form that tokens have.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        match self.alg {
            Alg::EdDSA => Signer::new_without_digest(&self.pair)?.sign_oneshot_to_vec(bytes),
            Alg::RS256 => Signer::new(MessageDigest::sha256(), &self.pair)?.sign_oneshot_to_vec(bytes),
            Alg::ES256 | Alg::ES256K => {
                let der = Signer::new(MessageDigest::sha256(), &self.pair)?.sign_oneshot_to_vec(bytes)?;
                let signature = EcdsaSig::from_der(&der)?;
                Ok([signature.r().to_vec_padded(WIDTH)?, signature.s().to_vec_padded(WIDTH)?].concat())
            }
        }
    }
}

/// A token with this header and content, signed by `sign`.
pub(crate) fn token<E>(
    header: &Value,
    claims: &Value,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<String, E> {
    let input = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let signature = sign(input.as_bytes())?;
    Ok(format!("{input}.{}", encode(&signature)))
}

/// HMAC with SHA-256.
pub(crate) fn hmac(key: &[u8], bytes: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    Signer::new(MessageDigest::sha256(), PKey::hmac(key)?.as_ref())?.sign_oneshot_to_vec(bytes)
}

/// base64url without padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
