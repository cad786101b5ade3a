//! Revocation lists (RFC 5280 §5).
//!
//! A list is read once. One that is well formed but of a kind that is not understood (a delta list, an indirect one, one for
//! some reasons only, one with an unknown critical extension, one of version 1 or without nextUpdate) is kept and clears
//! nobody. Then [`status`] says what the lists at hand tell of one certificate:
//!
//! 1. A list counts when it names the certificate's issuer and is signed with the key that signed the certificate, and that
//!    key may sign lists. Authorities with several keys under one name publish a list for each; the key identifier in a list
//!    only says which is tried first.
//! 2. A certificate whose serial number is in such a list is revoked, however old or new the list is. Lists whose numbers
//!    may be another issuer's or may mean something else (indirect ones, unknown critical extensions) are left out.
//! 3. A list in date whose scope holds the certificate (RFC 5280 §5.2.5, §6.3.3) and that does not list it clears it.

use std::cmp::{Ordering, Reverse};
use std::sync::Arc;

use crate::algorithm::{Covered, PublicKey};
use crate::certificate::{CRL_SIGN, Certificate, authority_key_id, full_name};
use crate::der::{Malformed, Reader, tag, wrap};
use crate::oid;

/// The largest list, in bytes.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;

/// A revocation list, whose signature has not been verified.
#[derive(Debug)]
pub struct Crl {
    issuer: Vec<u8>,
    this_update: i64,
    next_update: i64,
    serials: Serials,
    extensions: Extensions,
    /// What the signature covers, and how it was made.
    signed: Covered,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
}

impl Crl {
    /// Reads a list in DER.
    ///
    /// # Errors
    ///
    /// It is larger than [`MAX_BYTES`] or not as RFC 5280 §5.1 demands.
    pub fn parse(der: &[u8]) -> Result<Self, Malformed> {
        if der.len() > MAX_BYTES {
            return Err(Malformed);
        }
        let mut whole = Reader::of_only(der, tag::SEQUENCE)?;
        let signed = whole.element()?;
        let algorithm = whole.element()?.whole.to_vec();
        let signature = whole.bytes_of_bits()?.to_vec();
        whole.end()?;
        let mut inside = Reader::of_only(signed.whole, tag::SEQUENCE)?;
        let version = inside.optional(tag::INTEGER)?;
        // RFC 5280 §5.1.1.2: both name the same algorithm.
        if inside.element()?.whole != algorithm {
            return Err(Malformed);
        }
        let issuer = inside.element()?.whole.to_vec();
        Reader::of_only(&issuer, tag::SEQUENCE)?;
        let this_update = inside.time()?;
        let next_update = match inside.peek() {
            Some(tag::UTC_TIME | tag::GENERALIZED_TIME) => Some(inside.time()?),
            _ => None,
        };
        let entries = inside.optional(tag::SEQUENCE)?.unwrap_or_default();
        let mut extensions = match inside.optional(tag::constructed(0))? {
            Some(list) => Extensions::read(list)?,
            None => Extensions { is_complete: false, ..Extensions::default() },
        };
        inside.end()?;
        // RFC 5280 §5.1.2.1, §5.1.2.5: version 2, and nextUpdate is there.
        extensions.is_complete &= version == Some(&[1]) && next_update.is_some();
        let serials = read_entries(entries, &mut extensions)?;
        Ok(Self {
            issuer,
            this_update,
            next_update: next_update.unwrap_or(this_update),
            serials,
            extensions,
            signed: Covered::by(&algorithm, signed.whole),
            algorithm,
            signature,
        })
    }

    /// The issuer's name in DER.
    #[must_use]
    pub fn issuer_der(&self) -> &[u8] {
        &self.issuer
    }

    /// When it was made, seconds since 1970.
    #[must_use]
    pub fn this_update(&self) -> i64 {
        self.this_update
    }

    /// When the next one is due at the latest; when this one was made, if it does not say so.
    #[must_use]
    pub fn next_update(&self) -> i64 {
        self.next_update
    }

    /// The CRL number (RFC 5280 §5.2.3): an unsigned number, big-endian, in the fewest octets.
    #[must_use]
    pub fn number(&self) -> Option<&[u8]> {
        self.extensions
            .number
            .as_deref()
            .map(|number| number.strip_prefix(&[0]).unwrap_or(number))
    }

    /// How many certificates it lists.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.serials.ends.len()
    }

    /// The distribution point whose certificates it is about, in DER; empty: all of its issuer's.
    #[must_use]
    pub fn point_der(&self) -> &[u8] {
        &self.extensions.point
    }

    /// Whether it says something of certificates by itself: no delta list and none of a kind that is not understood.
    #[must_use]
    pub fn is_understood(&self) -> bool {
        self.extensions.is_understood && !self.extensions.is_delta
    }

    /// Whether this authority, whose own standing is not looked at, made it: its name, its key, and that it may.
    #[must_use]
    pub fn is_of(&self, authority: &Certificate) -> bool {
        let is_signed = || authority.public_key().is_ok_and(|key| self.is_signed_by(&key));
        self.issuer == authority.subject_der() && authority.may(CRL_SIGN) && is_signed()
    }

    /// Whether a certificate that it does not list is not revoked (RFC 5280 §6.3.3 (b)).
    fn clears(&self, certificate: &Certificate) -> bool {
        let Extensions { is_complete, is_understood, scope, .. } = &self.extensions;
        *is_complete && *is_understood && scope.as_ref().is_none_or(|scope| scope.holds(certificate))
    }

    fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.verify_covered(&self.algorithm, &self.signed, &self.signature).is_ok()
    }

    /// Whether it names another key of its issuer than this one. Authorities with several keys make a list for each.
    pub(crate) fn is_of_other_key(&self, key_id: Option<&[u8]>) -> bool {
        match (self.extensions.authority_key_id.as_deref(), key_id) {
            (Some(ours), Some(theirs)) => ours != theirs,
            _ => false,
        }
    }

    /// Whether it says that the issuer's certificate of this serial number was revoked.
    pub(crate) fn lists(&self, serial: &[u8]) -> bool {
        self.extensions.is_understood && self.serials.hold(fewest_octets(serial))
    }
}

/// Serial numbers, sorted, one after the other: a list can have a million of them.
#[derive(Debug)]
struct Serials {
    octets: Box<[u8]>,
    /// Where each ends.
    ends: Box<[u32]>,
}

impl Serials {
    /// Of a list, so that there are fewer octets than [`MAX_BYTES`].
    fn of(mut serials: Vec<&[u8]>) -> Self {
        serials.sort_unstable();
        let mut end = 0;
        let ends = serials.iter().map(|serial| {
            end += serial.len();
            u32::try_from(end).unwrap_or(u32::MAX)
        });
        let ends = ends.collect();
        Self { octets: serials.concat().into(), ends }
    }

    fn get(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(at).copied().unwrap_or(start);
        self.octets.get(start as usize..end as usize).unwrap_or_default()
    }

    fn hold(&self, serial: &[u8]) -> bool {
        let (mut from, mut to) = (0, self.ends.len());
        while from < to {
            let middle = usize::midpoint(from, to);
            match self.get(middle).cmp(serial) {
                Ordering::Less => from = middle + 1,
                Ordering::Greater => to = middle,
                Ordering::Equal => return true,
            }
        }
        false
    }
}

/// What the extensions of a list say.
#[derive(Debug)]
struct Extensions {
    /// The content of the CRL number's INTEGER (RFC 5280 §5.2.3).
    number: Option<Vec<u8>>,
    /// issuingDistributionPoint as it stands.
    point: Vec<u8>,
    authority_key_id: Option<Vec<u8>>,
    scope: Option<Scope>,
    is_delta: bool,
    /// Whether what it does not list may be not revoked.
    is_complete: bool,
    /// Whether its serial numbers are those of the issuer's certificates.
    is_understood: bool,
}

impl Default for Extensions {
    fn default() -> Self {
        Self {
            number: None,
            point: Vec::new(),
            authority_key_id: None,
            scope: None,
            is_delta: false,
            is_complete: true,
            is_understood: true,
        }
    }
}

impl Extensions {
    fn read(list: &[u8]) -> Result<Self, Malformed> {
        let mut extensions = Self::default();
        let mut list = Reader::of_only(list, tag::SEQUENCE)?;
        while !list.is_empty() {
            let (kind, is_critical, value) = extension(&mut list)?;
            match kind {
                oid::AUTHORITY_KEY_ID => extensions.authority_key_id = authority_key_id(value)?,
                // One that is no number is none: nothing but the order of lists hangs on it.
                oid::CRL_NUMBER => {
                    extensions.number = Reader::new(value).integer().ok().map(|number| fewest_octets(number).to_vec());
                }
                oid::DELTA_CRL_INDICATOR => {
                    extensions.is_delta = true;
                    extensions.is_complete = false;
                }
                oid::ISSUING_DISTRIBUTION_POINT => {
                    extensions.point.extend(value);
                    match Scope::read(value) {
                        Ok(scope) if extensions.scope.is_none() => {
                            extensions.is_complete &= scope.is_complete;
                            extensions.scope = Some(scope);
                        }
                        _ => extensions.is_understood = false,
                    }
                }
                // RFC 5280 §5.2: a list with a critical extension that is not known clears nobody.
                _ => extensions.is_understood &= !is_critical,
            }
        }
        Ok(extensions)
    }
}

/// The identifier, whether it is critical, and the value.
fn extension<'a>(list: &mut Reader<'a>) -> Result<(&'a [u8], bool, &'a [u8]), Malformed> {
    let mut one = list.sequence()?;
    let kind = one.oid()?;
    let is_critical = one.optional(tag::BOOLEAN)?.is_some_and(|value| value != [0]);
    let value = one.expect(tag::OCTET_STRING)?;
    one.end()?;
    Ok((kind, is_critical, value))
}

/// The serial numbers of revokedCertificates (RFC 5280 §5.1.2.6), sorted.
fn read_entries(entries: &[u8], extensions: &mut Extensions) -> Result<Serials, Malformed> {
    let mut serials = Vec::new();
    let mut entries = Reader::new(entries);
    while !entries.is_empty() {
        let mut entry = entries.sequence()?;
        let serial = fewest_octets(entry.expect(tag::INTEGER)?);
        entry.time()?;
        let mut is_removed = false;
        if !entry.is_empty() {
            let mut list = entry.sequence()?;
            while !list.is_empty() {
                let (kind, is_critical, value) = extension(&mut list)?;
                // RFC 5280 §5.3.1: removeFromCRL, in a delta list only.
                is_removed |= extensions.is_delta && kind == oid::CRL_REASON && value == REMOVE_FROM_CRL;
                // RFC 5280 §5.3: such a list clears nobody. Among these is certificateIssuer, of indirect lists.
                extensions.is_understood &= !is_critical || kind == oid::CRL_REASON;
            }
        }
        entry.end()?;
        if !is_removed {
            serials.push(serial);
        }
    }
    Ok(Serials::of(serials))
}

const REMOVE_FROM_CRL: &[u8] = &[0x0a, 1, 8];

/// The content of an INTEGER without octets that say nothing: some authorities write them.
fn fewest_octets(mut number: &[u8]) -> &[u8] {
    while let [0, rest @ ..] = number
        && rest.first().is_some_and(|next| next & 0x80 == 0)
    {
        number = rest;
    }
    number
}

/// IssuingDistributionPoint (RFC 5280 §5.2.5).
#[derive(Debug)]
struct Scope {
    /// The GeneralNames of the distribution point in DER; none where it has no name.
    names: Option<Vec<Vec<u8>>>,
    only_people: bool,
    only_authorities: bool,
    /// Not for some reasons only, and not named in a way that is not understood.
    is_complete: bool,
}

impl Scope {
    /// Refuses indirect lists and those of attribute certificates.
    fn read(value: &[u8]) -> Result<Self, Malformed> {
        let mut scope = Self {
            names: None,
            only_people: false,
            only_authorities: false,
            is_complete: true,
        };
        let mut fields = Reader::of_only(value, tag::SEQUENCE)?;
        while !fields.is_empty() {
            let field = fields.element()?;
            let is_true = field.content != [0];
            match field.tag {
                0xa0 => match full_name(field.content)? {
                    Some(names) => scope.names = Some(names),
                    None => scope.is_complete = false,
                },
                0x81 => scope.only_people = is_true,
                0x82 => scope.only_authorities = is_true,
                0x83 => scope.is_complete = false,
                0x84 | 0x85 if !is_true => {}
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
        // RFC 5280 §6.3.3 (b)(2)(i): one name of the list's distribution point is one of the certificate's. A certificate
        // without one counts as of the point that bears its issuer's name.
        let named = self.names.as_ref().is_none_or(|names| match certificate.distribution_points() {
            Some(points) => names.iter().any(|name| points.contains(name)),
            None => names.contains(&wrap(tag::constructed(4), certificate.issuer_der())),
        });
        fits && named
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
    let of_issuer = lists.iter().map(AsRef::as_ref);
    let mut of_issuer: Vec<&Crl> = of_issuer.filter(|list| list.issuer_der() == certificate.issuer_der()).collect();
    let is_of_other_key = |list: &Crl| list.is_of_other_key(issuer.subject_key_id());
    if of_issuer.is_empty() {
        return Status::Missing;
    }
    let Ok(key) = issuer.public_key() else {
        return Status::Bad;
    };
    // RFC 5280 §6.3.3 (f): the key may sign lists.
    let is_signed = |list: &Crl| issuer.may(CRL_SIGN) && list.is_signed_by(&key);
    if of_issuer.iter().any(|list| list.lists(certificate.serial()) && is_signed(list)) {
        return Status::Revoked;
    }
    // Those of this key by their own word come first, then the freshest: mostly one signature is verified.
    of_issuer.sort_by_key(|list| (is_of_other_key(list), Reverse(list.next_update())));
    let mut status = if of_issuer.iter().all(|list| is_of_other_key(list)) {
        Status::Missing
    } else {
        Status::Bad
    };
    for list in of_issuer {
        if list.this_update() > now || !list.clears(certificate) || !is_signed(list) {
            continue;
        }
        let late = now - list.next_update();
        if late <= 0 {
            return Status::Good;
        }
        status = match status {
            Status::Stale(known) => Status::Stale(known.min(late)),
            _ => Status::Stale(late),
        };
    }
    status
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
    fn a_serial_number_is_found_among_many_of_different_lengths() {
        let numbers: Vec<Vec<u8>> = (0_u32..3000).map(|at| at.to_be_bytes()[3 - at as usize % 3..].to_vec()).collect();
        let serials = Serials::of(numbers.iter().map(Vec::as_slice).collect());
        assert!(numbers.iter().all(|number| serials.hold(number)));
        assert!(!serials.hold(&[]) && !serials.hold(&[1, 2, 3, 4, 5]) && !serials.hold(&[0xff, 0xff, 0xff]));
        assert!(!Serials::of(Vec::new()).hold(&[1]));
    }

    #[test]
    fn a_list_for_some_certificates_only_clears_no_others() {
        let certificate = |pem: &[u8]| Certificate::parse(&crate::pem::read(pem).unwrap()[0].der).unwrap();
        let authority = certificate(include_bytes!("../fixtures/issuing-ca.crt.pem"));
        let person = certificate(include_bytes!("../fixtures/person-256.crt.pem"));
        let uri = |address: &str| wrap(tag::context(6), address.as_bytes());
        let point = |names: &[u8]| wrap(tag::constructed(0), &wrap(tag::constructed(0), names));
        let directory = |name: &[u8]| wrap(tag::constructed(4), name);
        let relative = wrap(tag::constructed(0), &wrap(tag::constructed(1), &[]));
        for (fields, of_person, of_authority) in [
            (Vec::new(), true, true),
            (vec![0x81, 1, 0xff], true, false),
            (vec![0x82, 1, 0xff], false, true),
            (point(&uri("http://crl.test.invalid/issuing.crl")), true, false),
            (point(&uri("http://crl.test.invalid/root.crl")), false, true),
            (point(&directory(authority.subject_der())), false, false),
            (point(&[directory(&[]), uri("http://crl.test.invalid/root.crl")].concat()), false, true),
            (point(&[]), false, false),
        ] {
            let scope = Scope::read(&wrap(tag::SEQUENCE, &fields)).unwrap();
            assert_eq!((scope.holds(&person), scope.holds(&authority)), (of_person, of_authority), "{fields:?}");
        }
        for indirect in [[0x84, 1, 0xff], [0x85, 1, 0xff]] {
            assert!(Scope::read(&wrap(tag::SEQUENCE, &indirect)).is_err());
        }
        for partly in [&[0x83, 2, 6, 0x40][..], &relative] {
            assert!(!Scope::read(&wrap(tag::SEQUENCE, partly)).unwrap().is_complete);
        }
    }
}
