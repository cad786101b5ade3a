//! RSA and ECDSA, for operators that allow certificates of other countries' or their own authorities. OpenSSL computes.

use openssl::bn::BigNumContext;
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Public};
use openssl::rsa::{Padding, Rsa};
use openssl::sign::{RsaPssSaltlen, Verifier};

use crate::algorithm::Algorithm;
use crate::der::{Malformed, Reader, tag};
use crate::digest::Digest;
use crate::oid;
use crate::verdict::Reason;

/// The sizes of an RSA modulus that are taken, in bits.
const RSA_BITS: std::ops::RangeInclusive<u32> = 2048..=8192;

/// A kind of key that is not ГОСТ's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForeignKey {
    Rsa,
    P256,
    P384,
}

impl ForeignKey {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rsa => "RSA",
            Self::P256 => "ECDSA P-256",
            Self::P384 => "ECDSA P-384",
        }
    }
}

/// How a signature was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Gost(Digest),
    RsaPkcs1(Digest),
    /// With a salt of so many octets, and MGF1 over the same digest.
    RsaPss(Digest, u16),
    Ecdsa(Digest),
}

/// The algorithms that a SignerInfo may name, with the digest that they imply.
const KNOWN: [(&[u8], Option<Digest>); 8] = [
    (oid::KEY_RSA, None),
    (oid::RSA_PSS, None),
    (oid::RSA_SHA256, Some(Digest::Sha256)),
    (oid::RSA_SHA384, Some(Digest::Sha384)),
    (oid::RSA_SHA512, Some(Digest::Sha512)),
    (oid::ECDSA_SHA256, Some(Digest::Sha256)),
    (oid::ECDSA_SHA384, Some(Digest::Sha384)),
    (oid::ECDSA_SHA512, Some(Digest::Sha512)),
];

pub(crate) fn is_known(algorithm: &[u8]) -> bool {
    KNOWN.iter().any(|(known, _)| *known == algorithm)
}

/// The scheme, if key, digest and algorithm fit each other.
pub(crate) fn scheme(key: ForeignKey, digest: Digest, algorithm: &Algorithm<'_>) -> Option<Scheme> {
    if !matches!(digest, Digest::Sha256 | Digest::Sha384 | Digest::Sha512) {
        return None;
    }
    let (_, implied) = KNOWN.iter().find(|(known, _)| *known == algorithm.oid)?;
    if implied.is_some_and(|implied| implied != digest) {
        return None;
    }
    let is_ecdsa = [oid::ECDSA_SHA256, oid::ECDSA_SHA384, oid::ECDSA_SHA512].contains(&algorithm.oid);
    match key {
        ForeignKey::Rsa if algorithm.oid == oid::RSA_PSS => {
            salt_of_pss(algorithm, digest).ok().map(|salt| Scheme::RsaPss(digest, salt))
        }
        ForeignKey::Rsa => (!is_ecdsa).then_some(Scheme::RsaPkcs1(digest)),
        ForeignKey::P256 | ForeignKey::P384 => is_ecdsa.then_some(Scheme::Ecdsa(digest)),
    }
}

/// RFC 4055 §3.1: the digest, MGF1 over it, a salt that is no shorter, nothing else. OpenSSL makes the salt as long as fits.
fn salt_of_pss(algorithm: &Algorithm<'_>, digest: Digest) -> Result<u16, Malformed> {
    let parameters = algorithm.parameters.ok_or(Malformed)?;
    let mut inside = Reader::of_only(parameters.whole, tag::SEQUENCE)?;
    let hash = Algorithm::read(&mut Reader::new(inside.expect(tag::constructed(0))?))?;
    let mask = Algorithm::read(&mut Reader::new(inside.expect(tag::constructed(1))?))?;
    let salt = Reader::new(inside.expect(tag::constructed(2))?).integer()?;
    inside.end()?;
    let of_mask = Algorithm::read(&mut Reader::new(mask.parameters.ok_or(Malformed)?.whole))?;
    let same = |one: &Algorithm<'_>| Digest::of_oid(one.oid) == Some(digest);
    let least = match digest {
        Digest::Sha384 => 48,
        Digest::Sha512 => 64,
        _ => 32,
    };
    let salt = match *salt {
        [one @ ..=0x7f] => u16::from(one),
        [high @ ..=0x7f, low] => u16::from_be_bytes([high, low]),
        _ => return Err(Malformed),
    };
    if same(&hash) && mask.oid == oid::MGF1 && same(&of_mask) && salt >= least {
        Ok(salt)
    } else {
        Err(Malformed)
    }
}

/// Verifies the signature over the message; the key is the content of its BIT STRING.
pub(crate) fn verify(
    kind: ForeignKey,
    key: &[u8],
    scheme: Scheme,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Reason> {
    let key = public_key(kind, key).map_err(|_| Reason::KeyInvalid)?;
    if kind == ForeignKey::Rsa && !RSA_BITS.contains(&key.bits()) {
        return Err(Reason::KeyInvalid);
    }
    match matches(&key, scheme, message, signature) {
        Ok(true) => Ok(()),
        _ => Err(Reason::SignatureBad),
    }
}

fn public_key(kind: ForeignKey, key: &[u8]) -> Result<PKey<Public>, ErrorStack> {
    let curve = match kind {
        ForeignKey::Rsa => return PKey::from_rsa(Rsa::public_key_from_der_pkcs1(key)?),
        ForeignKey::P256 => Nid::X9_62_PRIME256V1,
        ForeignKey::P384 => Nid::SECP384R1,
    };
    let group = EcGroup::from_curve_name(curve)?;
    let mut context = BigNumContext::new()?;
    let point = EcPoint::from_bytes(&group, key, &mut context)?;
    let key = EcKey::from_public_key(&group, &point)?;
    key.check_key()?;
    PKey::from_ec_key(key)
}

fn matches(key: &PKey<Public>, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<bool, ErrorStack> {
    let (Scheme::Gost(digest) | Scheme::RsaPkcs1(digest) | Scheme::RsaPss(digest, _) | Scheme::Ecdsa(digest)) = scheme;
    let digest = match digest {
        Digest::Sha256 => MessageDigest::sha256(),
        Digest::Sha384 => MessageDigest::sha384(),
        Digest::Sha512 => MessageDigest::sha512(),
        _ => return Ok(false),
    };
    let mut verifier = Verifier::new(digest, key)?;
    if let Scheme::RsaPss(_, salt) = scheme {
        verifier.set_rsa_padding(Padding::PKCS1_PSS)?;
        verifier.set_rsa_pss_saltlen(RsaPssSaltlen::custom(i32::from(salt)))?;
        verifier.set_rsa_mgf1_md(digest)?;
    }
    verifier.verify_oneshot(signature, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::der::wrap;

    fn pss(salt: &[u8]) -> Vec<u8> {
        let digest = wrap(tag::SEQUENCE, &wrap(tag::OID, oid::SHA256));
        let mask = wrap(tag::SEQUENCE, &[wrap(tag::OID, oid::MGF1), digest.clone()].concat());
        let salt = wrap(tag::constructed(2), &wrap(tag::INTEGER, salt));
        let fields = [wrap(tag::constructed(0), &digest), wrap(tag::constructed(1), &mask), salt].concat();
        wrap(tag::SEQUENCE, &[wrap(tag::OID, oid::RSA_PSS), wrap(tag::SEQUENCE, &fields)].concat())
    }

    #[test]
    fn a_salt_may_be_longer_than_the_digest_and_not_shorter() {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let public = key.rsa().unwrap().public_key_to_der_pkcs1().unwrap();
        for (salt, is_taken) in [(&[0x1f][..], false), (&[0x20], true), (&[0, 0xde], true), (&[0xde], false)] {
            let der = pss(salt);
            let algorithm = Algorithm::read(&mut Reader::new(&der)).unwrap();
            let scheme = scheme(ForeignKey::Rsa, Digest::Sha256, &algorithm);
            assert_eq!(scheme.is_some(), is_taken, "{salt:?}");
            let Some(scheme) = scheme else { continue };
            let mut signer = openssl::sign::Signer::new(MessageDigest::sha256(), &key).unwrap();
            signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
            let length = RsaPssSaltlen::custom(salt.last().map_or(0, |last| i32::from(*last)));
            signer.set_rsa_pss_saltlen(length).unwrap();
            let signature = signer.sign_oneshot_to_vec(b"content").unwrap();
            assert_eq!(verify(ForeignKey::Rsa, &public, scheme, b"content", &signature), Ok(()));
            assert!(verify(ForeignKey::Rsa, &public, scheme, b"other", &signature).is_err());
        }
    }
}
