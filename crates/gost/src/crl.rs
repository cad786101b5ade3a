//! Revocation lists (RFC 5280 §5).
//!
//! A list is read once: by `rustls-webpki`, which refuses delta lists, indirect ones, lists for some reasons only and critical
//! extensions that it does not know, and keeps the serial numbers; and here for the rest. Then [`status`] says what the lists
//! at hand tell of one certificate:
//!
//! 1. A list counts when it names the certificate's issuer and is signed with the key that signed the certificate, and that
//!    key may sign lists. Authorities with several keys under one name publish a list for each.
//! 2. A certificate whose serial number is in such a list is revoked, however old the list is.
//! 3. A list in date whose scope holds the certificate (RFC 5280 §5.2.5, §6.3.3) and that does not list it clears it.

use std::sync::Arc;

use webpki::{CertRevocationList, OwnedCertRevocationList};

use crate::algorithm::PublicKey;
use crate::certificate::{CRL_SIGN, Certificate, authority_key_id, full_name};
use crate::der::{Malformed, Reader, tag};
use crate::oid;

/// The largest list, in bytes.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;

/// A revocation list, whose signature has not been verified.
#[derive(Debug)]
pub struct Crl {
    list: CertRevocationList<'static>,
    facts: Facts,
}

#[derive(Debug)]
struct Facts {
    issuer: Vec<u8>,
    authority_key_id: Option<Vec<u8>>,
    this_update: i64,
    next_update: i64,
    /// What the signature covers, and how it was made.
    signed: Vec<u8>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
}

impl Crl {
    /// Reads a list in DER.
    ///
    /// # Errors
    ///
    /// It is larger than [`MAX_BYTES`], not as RFC 5280 §5 demands, or of a kind that is not taken.
    pub fn parse(der: &[u8]) -> Result<Self, Malformed> {
        if der.len() > MAX_BYTES {
            return Err(Malformed);
        }
        let list = OwnedCertRevocationList::from_der(der).map_err(|_| Malformed)?;
        Ok(Self { list: list.into(), facts: Facts::read(der)? })
    }

    /// The issuer's name in DER.
    #[must_use]
    pub fn issuer_der(&self) -> &[u8] {
        &self.facts.issuer
    }

    /// When it was made, seconds since 1970.
    #[must_use]
    pub fn this_update(&self) -> i64 {
        self.facts.this_update
    }

    /// When the next one is due at the latest.
    #[must_use]
    pub fn next_update(&self) -> i64 {
        self.facts.next_update
    }

    /// Whether it was made for this certificate among others (RFC 5280 §6.3.3 (b)).
    fn holds(&self, certificate: &Certificate) -> bool {
        let Some(scope) = self.list.issuing_distribution_point() else {
            return true;
        };
        Scope::read(scope).is_ok_and(|scope| scope.holds(certificate))
    }

    fn is_signed_by(&self, key: &PublicKey) -> bool {
        let Facts { signed, algorithm, signature, .. } = &self.facts;
        key.verify_signed(algorithm, signed, signature).is_ok()
    }

    /// Whether it names another key of its issuer than this one. Authorities with several keys make a list for each.
    pub(crate) fn is_of_other_key(&self, key_id: Option<&[u8]>) -> bool {
        match (self.facts.authority_key_id.as_deref(), key_id) {
            (Some(ours), Some(theirs)) => ours != theirs,
            _ => false,
        }
    }

    pub(crate) fn lists(&self, serial: &[u8]) -> bool {
        matches!(self.list.find_serial(serial), Ok(Some(_)))
    }
}

impl Facts {
    fn read(der: &[u8]) -> Result<Self, Malformed> {
        let mut whole = Reader::of_only(der, tag::SEQUENCE)?;
        let signed = whole.element()?;
        let algorithm = whole.element()?.whole.to_vec();
        let signature = whole.bytes_of_bits()?.to_vec();
        whole.end()?;
        let mut inside = Reader::of_only(signed.whole, tag::SEQUENCE)?;
        inside.optional(tag::INTEGER)?;
        inside.sequence()?;
        let issuer = inside.element()?.whole.to_vec();
        let (this_update, next_update) = (inside.time()?, inside.time()?);
        inside.optional(tag::SEQUENCE)?;
        let authority_key_id = match inside.optional(tag::constructed(0))? {
            Some(list) => key_id(list)?,
            None => None,
        };
        inside.end()?;
        let signed = signed.whole.to_vec();
        Ok(Self {
            issuer,
            authority_key_id,
            this_update,
            next_update,
            signed,
            algorithm,
            signature,
        })
    }
}

fn key_id(list: &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
    let mut list = Reader::of_only(list, tag::SEQUENCE)?;
    while !list.is_empty() {
        let mut one = list.sequence()?;
        let kind = one.oid()?;
        one.optional(tag::BOOLEAN)?;
        if kind == oid::AUTHORITY_KEY_ID {
            return authority_key_id(one.expect(tag::OCTET_STRING)?);
        }
    }
    Ok(None)
}

/// IssuingDistributionPoint (RFC 5280 §5.2.5), of which `webpki` lets pass these fields.
#[derive(Default)]
struct Scope {
    addresses: Vec<String>,
    only_people: bool,
    only_authorities: bool,
}

impl Scope {
    fn read(value: &[u8]) -> Result<Self, Malformed> {
        let mut scope = Self::default();
        let mut fields = Reader::new(value);
        // `webpki` keeps the extension's value, with or without its SEQUENCE.
        if fields.peek() == Some(tag::SEQUENCE) {
            fields = fields.sequence()?;
        }
        while !fields.is_empty() {
            let field = fields.element()?;
            let is_true = field.content == [0xff];
            match field.tag {
                0xa0 => scope.addresses = full_name(field.content)?,
                0x81 => scope.only_people = is_true,
                0x82 => scope.only_authorities = is_true,
                _ => return Err(Malformed),
            }
        }
        Ok(scope)
    }

    fn holds(&self, certificate: &Certificate) -> bool {
        let fits = if certificate.is_authority() {
            !self.only_people
        } else {
            !self.only_authorities
        };
        let of_certificate = certificate.crl_addresses();
        let share = self.addresses.iter().any(|address| of_certificate.contains(address));
        fits && (self.addresses.is_empty() || of_certificate.is_empty() || share)
    }
}

/// What revocation lists tell of one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Good,
    /// Cleared by a list that has been out of date for so many seconds.
    Stale(i64),
    Revoked,
    /// There are lists of the issuer, none of which can be used.
    Bad,
    Missing,
}

/// Asks the lists about a certificate and its issuer's, whose signature on it was verified.
pub(crate) fn status(lists: &[Arc<Crl>], certificate: &Certificate, issuer: &Certificate, now: i64) -> Status {
    let mut of_issuer: Vec<&Crl> = lists
        .iter()
        .map(AsRef::as_ref)
        .filter(|list| list.issuer_der() == certificate.issuer_der())
        .filter(|list| !list.is_of_other_key(issuer.subject_key_id()))
        .collect();
    if of_issuer.is_empty() {
        return Status::Missing;
    }
    let Ok(key) = issuer.public_key() else {
        return Status::Bad;
    };
    // Those that list the certificate come first, then the freshest: mostly one signature is verified.
    of_issuer.sort_by_key(|list| (!list.lists(certificate.serial()), std::cmp::Reverse(list.next_update())));
    let usable = |list: &&Crl| list.this_update() <= now && issuer.may(CRL_SIGN) && list.is_signed_by(&key);
    for list in of_issuer.into_iter().filter(usable) {
        if list.lists(certificate.serial()) {
            return Status::Revoked;
        }
        if list.holds(certificate) {
            let late = now - list.next_update();
            return if late > 0 { Status::Stale(late) } else { Status::Good };
        }
    }
    Status::Bad
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_knows_its_times_its_issuer_and_its_serial_numbers() {
        let der = |pem: &[u8]| crate::pem::read(pem).unwrap()[0].der.clone();
        let certificate = |pem: &[u8]| Certificate::parse(&der(pem)).unwrap();
        let authority = certificate(include_bytes!("../fixtures/issuing-ca.crt.pem"));
        let revoked = certificate(include_bytes!("../fixtures/revoked-256.crt.pem"));
        let good = certificate(include_bytes!("../fixtures/person-256.crt.pem"));
        let fresh = Crl::parse(&der(include_bytes!("../fixtures/issuing.crl.pem"))).unwrap();
        let stale = Crl::parse(&der(include_bytes!("../fixtures/issuing-stale.crl.pem"))).unwrap();
        for list in [&fresh, &stale] {
            assert_eq!(list.issuer_der(), authority.subject_der());
            assert!(!list.is_of_other_key(authority.subject_key_id()) && list.is_of_other_key(Some(&[1])));
            assert!(list.lists(revoked.serial()) && !list.lists(good.serial()));
        }
        assert!(fresh.next_update() > stale.next_update());
        let whole = der(include_bytes!("../fixtures/issuing.crl.pem"));
        assert!((0..whole.len()).all(|length| Crl::parse(&whole[..length]).is_err()));
    }

    #[test]
    fn a_list_for_some_certificates_only_clears_no_others() {
        use crate::der::wrap;
        let certificate = |pem: &[u8]| Certificate::parse(&crate::pem::read(pem).unwrap()[0].der).unwrap();
        let authority = certificate(include_bytes!("../fixtures/issuing-ca.crt.pem"));
        let person = certificate(include_bytes!("../fixtures/person-256.crt.pem"));
        let point = |address: &str| {
            let name = wrap(tag::context(6), address.as_bytes());
            wrap(tag::constructed(0), &wrap(tag::constructed(0), &name))
        };
        for (fields, of_person, of_authority) in [
            (Vec::new(), true, true),
            (vec![0x81, 1, 0xff], true, false),
            (vec![0x82, 1, 0xff], false, true),
            (point("http://crl.test.invalid/issuing.crl"), true, false),
            (point("http://crl.test.invalid/root.crl"), false, true),
        ] {
            for value in [fields.clone(), wrap(tag::SEQUENCE, &fields)] {
                let scope = Scope::read(&value).unwrap();
                assert_eq!((scope.holds(&person), scope.holds(&authority)), (of_person, of_authority), "{fields:?}");
            }
        }
        assert!(Scope::read(&[0x84, 1, 0xff]).is_err());
    }
}
