//! Which algorithms there are, and which fit each other.
//!
//! Sources: RFC 9215 §2-§4 (ГОСТ in certificates), RFC 4490 and R 1323565.1.025-2019 (in CMS), RFC 8017, RFC 4055, RFC 5480,
//! RFC 5758 (the others).
//!
//! * The parameters of a digest or a signature algorithm are absent or NULL: both are found in practice.
//! * A SignerInfo names the key's algorithm, or the one of signature with digest; both are read.
//! * ГОСТ Р 34.10-2001 and ГОСТ Р 34.11-94 are known only to be refused by name.
//! * RSA has at least 2048 bits and at most 8192, ECDSA uses P-256 or P-384, both with SHA-256 or stronger; RSA in PKCS #1
//!   v1.5 or PSS. They are allowed by policy only.

use crate::ParameterSet;
use crate::der::{Element, Malformed, Reader, tag};
use crate::digest::Digest;
use crate::foreign::{self, ForeignKey, Scheme};
use crate::oid::{self, dotted};
use crate::signature;
use crate::verdict::{Reason, Refusal};

/// AlgorithmIdentifier (RFC 5280 §4.1.1.2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Algorithm<'a> {
    pub oid: &'a [u8],
    pub parameters: Option<Element<'a>>,
}

impl<'a> Algorithm<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let mut inside = reader.sequence()?;
        let oid = inside.oid()?;
        let parameters = if inside.is_empty() { None } else { Some(inside.element()?) };
        inside.end()?;
        Ok(Self { oid, parameters })
    }

    fn has_no_parameters(&self) -> bool {
        self.parameters.is_none_or(|parameters| parameters.whole == [tag::NULL, 0])
    }

    fn unsupported(&self) -> Refusal {
        let withdrawn = [oid::KEY_2001, oid::SIGNATURE_2001, oid::DIGEST_94].contains(&self.oid);
        let reason = if withdrawn {
            Reason::AlgorithmWithdrawn
        } else {
            Reason::AlgorithmUnsupported
        };
        Refusal::new(reason, dotted(self.oid))
    }

    /// A digest that messages may be signed with.
    pub(crate) fn digest(&self) -> Result<Digest, Refusal> {
        match Digest::of_oid(self.oid) {
            Some(digest) if digest != Digest::Sha1 && self.has_no_parameters() => Ok(digest),
            _ => Err(self.unsupported()),
        }
    }
}

/// The key in a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublicKey {
    /// ГОСТ Р 34.10-2012, X‖Y little-endian.
    Gost(ParameterSet, Vec<u8>),
    /// Another algorithm's.
    Foreign(ForeignKey, Vec<u8>),
}

impl PublicKey {
    /// Reads SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).
    pub(crate) fn read(info: &[u8]) -> Result<Self, Refusal> {
        let mut inside = Reader::of_only(info, tag::SEQUENCE).map_err(|_| Reason::CertificateMalformed)?;
        let algorithm = Algorithm::read(&mut inside).map_err(|_| Reason::CertificateMalformed)?;
        let bits = inside.bytes_of_bits().map_err(|_| Reason::CertificateMalformed)?;
        match algorithm.oid {
            oid::KEY_256 => gost_key(&algorithm, bits, 256),
            oid::KEY_512 => gost_key(&algorithm, bits, 512),
            oid::KEY_RSA if algorithm.has_no_parameters() => Ok(Self::Foreign(ForeignKey::Rsa, bits.to_vec())),
            oid::KEY_EC => {
                let mut parameters = algorithm.parameters.map(|one| Reader::new(one.whole));
                let curve = parameters.as_mut().and_then(|one| one.oid().ok()).unwrap_or_default();
                let key = match curve {
                    oid::P256 => ForeignKey::P256,
                    oid::P384 => ForeignKey::P384,
                    _ => return Err(Refusal::new(Reason::CurveUnsupported, dotted(curve))),
                };
                Ok(Self::Foreign(key, bits.to_vec()))
            }
            _ => Err(algorithm.unsupported()),
        }
    }

    /// The name for people.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Gost(set, _) => format!("ГОСТ Р 34.10-2012, {} bit, {}", set.bits(), set.name()),
            Self::Foreign(key, _) => key.name().to_owned(),
        }
    }

    /// How a signer with this key signed, or what does not fit.
    pub(crate) fn scheme(&self, digest: Digest, algorithm: &Algorithm<'_>) -> Result<Scheme, Refusal> {
        let mismatch =
            || Refusal::new(Reason::AlgorithmMismatch, format!("{} under {}", dotted(algorithm.oid), self.name()));
        match self {
            Self::Gost(set, _) => {
                let (key, signature, fitting) = match set.bits() {
                    256 => (oid::KEY_256, oid::SIGNATURE_256, Digest::Streebog256),
                    _ => (oid::KEY_512, oid::SIGNATURE_512, Digest::Streebog512),
                };
                let known = [oid::KEY_256, oid::KEY_512, oid::SIGNATURE_256, oid::SIGNATURE_512];
                if !known.contains(&algorithm.oid) {
                    let other = foreign::is_known(algorithm.oid);
                    return Err(if other { mismatch() } else { algorithm.unsupported() });
                }
                let fits = [key, signature].contains(&algorithm.oid) && digest == fitting && gost_parameters(algorithm);
                if fits { Ok(Scheme::Gost(digest)) } else { Err(mismatch()) }
            }
            Self::Foreign(key, _) => {
                if !foreign::is_known(algorithm.oid) {
                    return Err(algorithm.unsupported());
                }
                foreign::scheme(*key, digest, algorithm).ok_or_else(mismatch)
            }
        }
    }

    /// Verifies the signature over the message.
    pub(crate) fn verify(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<(), Reason> {
        match (self, scheme) {
            (Self::Gost(set, key), Scheme::Gost(digest)) => {
                signature::verify(*set, key, &digest.of(message), signature).map_err(reason_of)
            }
            (Self::Foreign(kind, key), scheme) => foreign::verify(*kind, key, scheme, message, signature),
            _ => Err(Reason::AlgorithmMismatch),
        }
    }
}

/// What a signature covers.
#[derive(Debug)]
pub(crate) enum Covered {
    /// The octets.
    Octets(Vec<u8>),
    /// Their digest, which the algorithm of the signature names.
    Digest(Digest, Vec<u8>),
}

impl Covered {
    /// Keeps of what was signed with this algorithm as little as is needed to verify it: for ГОСТ the digest.
    pub(crate) fn by(algorithm: &[u8], octets: &[u8]) -> Self {
        let digest = match Algorithm::read(&mut Reader::new(algorithm)) {
            Ok(Algorithm { oid: oid::SIGNATURE_256, .. }) => Digest::Streebog256,
            Ok(Algorithm { oid: oid::SIGNATURE_512, .. }) => Digest::Streebog512,
            _ => return Self::Octets(octets.to_vec()),
        };
        Self::Digest(digest, digest.of(octets))
    }
}

impl PublicKey {
    /// As [`Self::verify_signed`], of what was kept of the octets.
    pub(crate) fn verify_covered(&self, algorithm: &[u8], covered: &Covered, signature: &[u8]) -> Result<(), Reason> {
        match (self, covered) {
            (_, Covered::Octets(octets)) => self.verify_signed(algorithm, octets, signature),
            (Self::Gost(set, key), Covered::Digest(digest, value)) => {
                let algorithm =
                    Algorithm::read(&mut Reader::new(algorithm)).map_err(|_| Reason::CertificateMalformed)?;
                self.scheme(*digest, &algorithm).map_err(|refusal| refusal.reason)?;
                signature::verify(*set, key, value, signature).map_err(reason_of)
            }
            (Self::Foreign(..), Covered::Digest(..)) => Err(Reason::AlgorithmMismatch),
        }
    }

    /// Verifies what a certificate or a revocation list is signed with; the algorithm names the digest too.
    pub(crate) fn verify_signed(&self, algorithm: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Reason> {
        let algorithm = Algorithm::read(&mut Reader::new(algorithm)).map_err(|_| Reason::CertificateMalformed)?;
        let digests = match self {
            Self::Gost(set, _) if set.bits() == 256 => &[Digest::Streebog256][..],
            Self::Gost(..) => &[Digest::Streebog512],
            Self::Foreign(..) => &[Digest::Sha256, Digest::Sha384, Digest::Sha512],
        };
        // A bare key algorithm names no digest and stands in messages only.
        if [oid::KEY_256, oid::KEY_512, oid::KEY_RSA].contains(&algorithm.oid) {
            return Err(Reason::AlgorithmMismatch);
        }
        let mut fault = Reason::AlgorithmMismatch;
        for digest in digests {
            match self.scheme(*digest, &algorithm) {
                Ok(scheme) => return self.verify(scheme, message, signature),
                Err(refusal) => fault = refusal.reason,
            }
        }
        Err(fault)
    }
}

/// Absent or NULL; some signers repeat the key's parameters.
fn gost_parameters(algorithm: &Algorithm<'_>) -> bool {
    let repeats_key = [oid::KEY_256, oid::KEY_512].contains(&algorithm.oid);
    algorithm.has_no_parameters() || repeats_key && algorithm.parameters.is_some_and(|one| one.tag == tag::SEQUENCE)
}

pub(crate) fn reason_of(fault: signature::Fault) -> Reason {
    match fault {
        signature::Fault::KeyLength | signature::Fault::Key => Reason::KeyInvalid,
        signature::Fault::DigestLength => Reason::AlgorithmMismatch,
        signature::Fault::SignatureLength | signature::Fault::Range => Reason::SignatureMalformed,
        signature::Fault::Mismatch => Reason::SignatureBad,
    }
}

/// RFC 9215 §4.2: parameters are the curve and, with some parameter sets, the digest. The key is an OCTET STRING inside.
fn gost_key(algorithm: &Algorithm<'_>, bits: &[u8], size: usize) -> Result<PublicKey, Refusal> {
    let parameters = algorithm.parameters.ok_or(Reason::CertificateMalformed)?;
    let (curve, digest) = gost_key_parameters(parameters).map_err(|_| Reason::CertificateMalformed)?;
    let set = ParameterSet::of_oid(curve).ok_or_else(|| Refusal::new(Reason::CurveUnsupported, dotted(curve)))?;
    let fitting = if size == 256 { oid::DIGEST_256 } else { oid::DIGEST_512 };
    if set.bits() != size || digest.is_some_and(|digest| digest != fitting) {
        return Err(Refusal::new(Reason::AlgorithmMismatch, format!("{size} bit with {}", set.name())));
    }
    let mut inside = Reader::new(bits);
    let key = inside.expect(tag::OCTET_STRING).map_err(|_| Reason::KeyInvalid)?;
    inside.end().map_err(|_| Reason::KeyInvalid)?;
    if key.len() != size / 4 {
        return Err(Reason::KeyInvalid.into());
    }
    Ok(PublicKey::Gost(set, key.to_vec()))
}

fn gost_key_parameters(parameters: Element<'_>) -> Result<(&[u8], Option<&[u8]>), Malformed> {
    let mut inside = Reader::of_only(parameters.whole, tag::SEQUENCE)?;
    let curve = inside.oid()?;
    let digest = inside.optional(tag::OID)?;
    inside.end()?;
    Ok((curve, digest))
}
