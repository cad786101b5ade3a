//! Answers of OCSP responders (RFC 6960), beside or in place of revocation lists.
//!
//! [`request`] asks about one certificate, without a nonce, so that responders may answer from a cache (RFC 5019 §2.1.1). An
//! answer is read once ([`Ocsp::parse`]); [`status`] then says what the answers at hand tell of one certificate:
//!
//! 1. An answer counts when it is signed by the key that signed the certificate, or by a responder whom that very key certified
//!    for it (id-kp-OCSPSigning, RFC 6960 §4.2.2.2), in date, and not listed as revoked. The answer names the signer.
//! 2. It is about this certificate when the digests of the issuer's name and key and the serial number are those of it.
//! 3. «revoked» revokes, however old the answer. «good» clears while the answer is in date; one without nextUpdate for an hour.
//!    «unknown», answers from the future and those with an extension that must be understood say nothing.

use std::sync::Arc;

use crate::algorithm::{Covered, PublicKey};
use crate::certificate::Certificate;
use crate::cms::MAX_CERTIFICATES;
use crate::crl::{self, Crl};
use crate::der::{Malformed, Reader, tag, wrap};
use crate::digest::Digest;
use crate::oid;

/// The largest answer, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;
/// The most certificates that an answer may be about.
const MAX_SINGLES: usize = 32;
/// How far a responder's clock may be ahead, seconds.
const SKEW: i64 = 300;
/// For how long an answer without nextUpdate clears, seconds: newer information is always there (RFC 6960 §4.2.2.1).
const WITHOUT_END: i64 = 3600;

/// A request about one certificate, DER. SHA-1 names the issuer, as every responder understands (RFC 5019 §2.1.1); nothing is
/// signed with it. `None`: the issuer's key cannot be read.
#[must_use]
pub fn request(certificate: &Certificate, issuer: &Certificate) -> Option<Vec<u8>> {
    let algorithm = wrap(tag::SEQUENCE, &[wrap(tag::OID, oid::SHA1), vec![tag::NULL, 0]].concat());
    let [name, key] = [issuer.subject_der(), key_octets(issuer)?].map(|bytes| Digest::Sha1.of(bytes));
    let id = [
        algorithm,
        wrap(tag::OCTET_STRING, &name),
        wrap(tag::OCTET_STRING, &key),
        wrap(tag::INTEGER, certificate.serial()),
    ];
    // CertID, Request, requestList, TBSRequest, OCSPRequest.
    Some((0..5).fold(id.concat(), |content, _| wrap(tag::SEQUENCE, &content)))
}

/// The content of subjectPublicKey, which issuerKeyHash and a responder's key hash are made of.
fn key_octets(certificate: &Certificate) -> Option<&[u8]> {
    let mut info = Reader::of_only(certificate.key_info(), tag::SEQUENCE).ok()?;
    info.element().ok()?;
    info.bytes_of_bits().ok()
}

/// An answer, whose signature has not been verified.
#[derive(Debug)]
pub struct Ocsp {
    responder: Responder,
    singles: Vec<Single>,
    /// Whether nothing must be understood that is not.
    is_understood: bool,
    certificates: Vec<Certificate>,
    signed: Covered,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
}

/// ResponderID: by name, or by SHA-1 of the key.
#[derive(Debug)]
enum Responder {
    Name(Vec<u8>),
    Key(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CertStatus {
    Good,
    Revoked,
    Unknown,
}

/// SingleResponse.
#[derive(Debug)]
struct Single {
    digest: Option<Digest>,
    name_hash: Vec<u8>,
    key_hash: Vec<u8>,
    serial: Vec<u8>,
    status: CertStatus,
    this_update: i64,
    next_update: Option<i64>,
}

impl Ocsp {
    /// Reads a successful answer in DER.
    ///
    /// # Errors
    ///
    /// It is larger than [`MAX_BYTES`], not as RFC 6960 §4.2.1 demands, or says that the responder has no answer.
    pub fn parse(der: &[u8]) -> Result<Self, Malformed> {
        if der.len() > MAX_BYTES {
            return Err(Malformed);
        }
        let mut whole = Reader::of_only(der, tag::SEQUENCE)?;
        // responseStatus: successful.
        if whole.expect(ENUMERATED)? != [0] {
            return Err(Malformed);
        }
        let mut bytes = Reader::of_only(whole.expect(tag::constructed(0))?, tag::SEQUENCE)?;
        whole.end()?;
        if bytes.oid()? != oid::OCSP_BASIC {
            return Err(Malformed);
        }
        let basic = bytes.expect(tag::OCTET_STRING)?;
        bytes.end()?;
        let mut basic = Reader::of_only(basic, tag::SEQUENCE)?;
        let data = basic.element()?;
        let algorithm = basic.element()?.whole.to_vec();
        let signature = basic.bytes_of_bits()?.to_vec();
        let certificates = match basic.optional(tag::constructed(0))? {
            Some(list) => read_certificates(list)?,
            None => Vec::new(),
        };
        basic.end()?;
        let mut answer = Self {
            responder: Responder::Name(Vec::new()),
            singles: Vec::new(),
            is_understood: true,
            certificates,
            signed: Covered::by(&algorithm, data.whole),
            algorithm,
            signature,
        };
        answer.read_data(data.whole)?;
        Ok(answer)
    }

    /// Whether the other one has the same signed content.
    #[cfg(any(feature = "fuzz", test))]
    pub(crate) fn says_what(&self, other: &Self) -> bool {
        let digest = |one: &Self| match &one.signed {
            Covered::Digest(_, digest) => digest.clone(),
            Covered::Octets(octets) => octets.clone(),
        };
        digest(self) == digest(other)
    }

    /// Until when its freshest word clears somebody, seconds since 1970.
    #[must_use]
    pub fn good_until(&self) -> i64 {
        self.singles.iter().map(Single::ends).max().unwrap_or_default()
    }

    /// ResponseData.
    fn read_data(&mut self, data: &[u8]) -> Result<(), Malformed> {
        let mut data = Reader::of_only(data, tag::SEQUENCE)?;
        // version: v1, by default.
        data.optional(tag::constructed(0))?;
        let responder = data.element()?;
        self.responder = match responder.tag {
            0xa1 => Responder::Name(responder.content.to_vec()),
            0xa2 => Responder::Key(only(responder.content)?.to_vec()),
            _ => return Err(Malformed),
        };
        data.time()?;
        let mut singles = data.sequence()?;
        while !singles.is_empty() {
            if self.singles.len() == MAX_SINGLES {
                return Err(Malformed);
            }
            let (single, is_understood) = Single::read(singles.sequence()?)?;
            self.is_understood &= is_understood;
            self.singles.push(single);
        }
        if let Some(list) = data.optional(tag::constructed(1))? {
            self.is_understood &= !has_critical(list)?;
        }
        data.end()
    }

    /// Whether it was signed for the authority whose key this is.
    fn is_signed_for(&self, asked: &Asked<'_>) -> bool {
        let is_named = |one: &Certificate| match &self.responder {
            Responder::Name(name) => one.subject_der() == name,
            Responder::Key(hash) => key_octets(one).is_some_and(|key| Digest::Sha1.is_of(key, hash)),
        };
        let is_signed = |key: &PublicKey| key.verify_covered(&self.algorithm, &self.signed, &self.signature).is_ok();
        if is_named(asked.issuer) && asked.issuer.public_key().is_ok_and(|key| is_signed(&key)) {
            return true;
        }
        self.certificates
            .iter()
            .filter(|one| is_named(one) && asked.certified(one))
            .any(|one| one.public_key().is_ok_and(|key| is_signed(&key)))
    }
}

const ENUMERATED: u8 = 0x0a;

/// The content of the one OCTET STRING.
fn only(value: &[u8]) -> Result<&[u8], Malformed> {
    let mut inside = Reader::new(value);
    let content = inside.expect(tag::OCTET_STRING)?;
    inside.end()?;
    Ok(content)
}

fn read_certificates(list: &[u8]) -> Result<Vec<Certificate>, Malformed> {
    let mut list = Reader::of_only(list, tag::SEQUENCE)?;
    let mut found = Vec::new();
    while !list.is_empty() {
        if found.len() == MAX_CERTIFICATES {
            return Err(Malformed);
        }
        found.push(Certificate::parse(list.element()?.whole)?);
    }
    Ok(found)
}

/// Whether an extension must be understood; none is.
fn has_critical(list: &[u8]) -> Result<bool, Malformed> {
    let mut list = Reader::of_only(list, tag::SEQUENCE)?;
    let mut found = false;
    while !list.is_empty() {
        let mut one = list.sequence()?;
        one.oid()?;
        found |= one.optional(tag::BOOLEAN)?.is_some_and(|value| value != [0]);
        one.expect(tag::OCTET_STRING)?;
        one.end()?;
    }
    Ok(found)
}

impl Single {
    fn read(mut single: Reader<'_>) -> Result<(Self, bool), Malformed> {
        let mut id = single.sequence()?;
        let mut algorithm = id.sequence()?;
        let digest = Digest::of_oid(algorithm.oid()?);
        let (name_hash, key_hash) = (id.expect(tag::OCTET_STRING)?, id.expect(tag::OCTET_STRING)?);
        let serial = id.integer()?;
        id.end()?;
        let status = match single.element()?.tag {
            0x80 => CertStatus::Good,
            0xa1 => CertStatus::Revoked,
            0x82 => CertStatus::Unknown,
            _ => return Err(Malformed),
        };
        let this_update = single.time()?;
        let next_update = match single.optional(tag::constructed(0))? {
            Some(time) => Some(Reader::new(time).time()?),
            None => None,
        };
        let is_understood = match single.optional(tag::constructed(1))? {
            Some(list) => !has_critical(list)?,
            None => true,
        };
        single.end()?;
        let read = Self {
            digest,
            name_hash: name_hash.to_vec(),
            key_hash: key_hash.to_vec(),
            serial: serial.to_vec(),
            status,
            this_update,
            next_update,
        };
        Ok((read, is_understood))
    }

    fn is_about(&self, asked: &Asked<'_>) -> bool {
        self.serial == asked.certificate.serial()
            && self.digest.is_some_and(|digest| {
                digest.is_of(asked.issuer.subject_der(), &self.name_hash)
                    && key_octets(asked.issuer).is_some_and(|key| digest.is_of(key, &self.key_hash))
            })
    }

    fn ends(&self) -> i64 {
        self.next_update.unwrap_or(self.this_update.saturating_add(WITHOUT_END))
    }
}

/// A certificate that is asked about.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub certificate: &'a Certificate,
    /// Its issuer's, whose signature on it was verified.
    pub issuer: &'a Certificate,
    pub lists: &'a [Arc<Crl>],
    pub now: i64,
    pub allow_foreign: bool,
}

impl Asked<'_> {
    /// Whether the authority lets this certificate's holder answer for it.
    fn certified(&self, responder: &Certificate) -> bool {
        let Self { issuer, lists, now, allow_foreign, .. } = *self;
        let may_answer = responder
            .purposes()
            .is_some_and(|purposes| purposes.iter().any(|one| one == oid::OCSP_SIGNING));
        let is_allowed = |key: &PublicKey| allow_foreign || matches!(key, PublicKey::Gost(..));
        may_answer
            && (responder.not_before()..=responder.not_after()).contains(&now)
            && responder.issuer_der() == issuer.subject_der()
            && responder.public_key().is_ok_and(|key| is_allowed(&key))
            && issuer.public_key().is_ok_and(|key| responder.check_signature(&key).is_ok())
            && crl::status(lists, responder, issuer, now) != crl::Status::Revoked
    }
}

/// What answers tell of one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Good,
    Revoked,
    /// No answer that can be used.
    Silent,
}

/// Asks the answers.
pub(crate) fn status(answers: &[Arc<Ocsp>], asked: &Asked<'_>) -> Status {
    let mut status = Status::Silent;
    for answer in answers.iter().filter(|answer| answer.is_understood) {
        let about = answer.singles.iter().filter(|single| single.is_about(asked));
        let about: Vec<&Single> = about.filter(|single| single.this_update <= asked.now + SKEW).collect();
        let is_revoked = about.iter().any(|single| single.status == CertStatus::Revoked);
        let is_cleared = about.iter().any(|single| single.status == CertStatus::Good && asked.now <= single.ends());
        if !(is_revoked || is_cleared) || !answer.is_signed_for(asked) {
            continue;
        }
        if is_revoked {
            return Status::Revoked;
        }
        status = Status::Good;
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2027-01-01T00:00:00Z.
    const NOW: i64 = 1_798_761_600;

    fn certificate(pem: &[u8]) -> Certificate {
        Certificate::parse(&crate::pem::read(pem).unwrap()[0].der).unwrap()
    }

    #[test]
    fn an_answer_counts_for_its_certificate_while_it_is_in_date_and_whole() {
        let der = include_bytes!("../fixtures/ocsp-person-256.der");
        let answers = [Arc::new(Ocsp::parse(der).unwrap())];
        let issuer = certificate(include_bytes!("../fixtures/issuing-ca.crt.pem"));
        let person = certificate(include_bytes!("../fixtures/person-256.crt.pem"));
        let other = certificate(include_bytes!("../fixtures/org-256.crt.pem"));
        let asked = |certificate, now| {
            let asked = Asked {
                certificate,
                issuer: &issuer,
                lists: &[],
                now,
                allow_foreign: false,
            };
            status(&answers, &asked)
        };
        assert_eq!(asked(&person, NOW), Status::Good);
        assert_eq!(asked(&other, NOW), Status::Silent);
        assert_eq!(asked(&person, answers[0].good_until() + 1), Status::Silent);
        assert_eq!(asked(&person, answers[0].singles[0].this_update - SKEW - 1), Status::Silent);
        assert!((0..der.len()).all(|length| Ocsp::parse(&der[..length]).is_err()));
        assert!(Ocsp::parse(&vec![0x30; MAX_BYTES + 1]).is_err());
    }

    #[test]
    fn a_request_names_the_certificate_by_its_issuer_and_number() {
        let issuer = certificate(include_bytes!("../fixtures/issuing-ca.crt.pem"));
        let person = certificate(include_bytes!("../fixtures/person-256.crt.pem"));
        let request = request(&person, &issuer).unwrap();
        let mut id = Reader::new(&request);
        for _ in 0..5 {
            id = id.sequence().unwrap();
        }
        let algorithm = id.sequence().unwrap().oid().unwrap();
        let (name, key) = (id.expect(tag::OCTET_STRING).unwrap(), id.expect(tag::OCTET_STRING).unwrap());
        assert_eq!(algorithm, oid::SHA1);
        assert!(
            Digest::Sha1.is_of(issuer.subject_der(), name) && Digest::Sha1.is_of(key_octets(&issuer).unwrap(), key)
        );
        assert_eq!(id.integer().unwrap(), person.serial());
    }
}
