//! Certificates (RFC 5280 §4.1) and the fields that make one qualified.
//!
//! Sources: RFC 5280, RFC 9215 (ГОСТ keys), R 1323565.1.023-2018 and ФСБ order 795 (names, sign tools, classes of tools).
//!
//! This reads facts; `path` decides whom to believe, with `rustls-webpki`'s own parser over the same bytes. Extensions that
//! are not named here are not looked at: `webpki` refuses critical ones that it does not know.

use std::sync::Arc;

use crate::ParameterSet;
use crate::algorithm::PublicKey;
use crate::der::{Malformed, Reader, Result, tag};
use crate::digest::Digest;
use crate::name::{Name, text};
use crate::oid;
use crate::verdict::{Reason, Refusal};

/// The largest certificate that is read, in bytes.
pub const MAX_BYTES: usize = 8 * 1024;

/// The class of the tools that the owner or the authority uses (policy 1.2.643.100.113.n).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ToolClass {
    /// КС1.
    Kc1,
    /// КС2.
    Kc2,
    /// КС3.
    Kc3,
    /// КВ1.
    Kb1,
    /// КВ2.
    Kb2,
    /// КА1.
    Ka1,
}

impl ToolClass {
    fn of_policy(policy: &[u8]) -> Option<Self> {
        match policy.strip_prefix(oid::TOOL_CLASS)? {
            [1] => Some(Self::Kc1),
            [2] => Some(Self::Kc2),
            [3] => Some(Self::Kc3),
            [4] => Some(Self::Kb1),
            [5] => Some(Self::Kb2),
            [6] => Some(Self::Ka1),
            _ => None,
        }
    }

    /// The name in Latin letters, as the standards write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kc1 => "KC1",
            Self::Kc2 => "KC2",
            Self::Kc3 => "KC3",
            Self::Kb1 => "KB1",
            Self::Kb2 => "KB2",
            Self::Ka1 => "KA1",
        }
    }
}

/// A bit of keyUsage, counted from the left (RFC 5280 §4.2.1.3).
pub(crate) const DIGITAL_SIGNATURE: u32 = 0;
pub(crate) const KEY_CERT_SIGN: u32 = 5;
pub(crate) const CRL_SIGN: u32 = 6;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Extensions {
    seen: Vec<Vec<u8>>,
    subject_key_id: Option<Vec<u8>>,
    authority_key_id: Option<Vec<u8>>,
    is_authority: bool,
    key_usage: Option<Vec<u8>>,
    key_period: Option<(Option<i64>, Option<i64>)>,
    tool_classes: Vec<ToolClass>,
    purposes: Option<Vec<Vec<u8>>>,
    subject_sign_tool: Option<String>,
    issuer_sign_tool: Vec<String>,
    identification_kind: Option<u8>,
    crl_addresses: Vec<String>,
    ocsp_addresses: Vec<String>,
    distribution_points: Option<Vec<Vec<u8>>>,
}

/// A certificate's facts. A clone is cheap and shares them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate(Arc<Facts>);

#[derive(Debug, PartialEq, Eq)]
struct Facts {
    der: Vec<u8>,
    serial: Vec<u8>,
    issuer: (Vec<u8>, Name),
    subject: (Vec<u8>, Name),
    not_before: i64,
    not_after: i64,
    key_info: Vec<u8>,
    extensions: Extensions,
}

impl Certificate {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    ///
    /// It is larger than [`MAX_BYTES`] or not as RFC 5280 §4.1 demands.
    pub fn parse(der: &[u8]) -> Result<Self> {
        if der.len() > MAX_BYTES {
            return Err(Malformed);
        }
        let mut whole = Reader::of_only(der, tag::SEQUENCE)?;
        let mut inside = whole.sequence()?;
        // The signature's algorithm and the signature: `webpki` compares and verifies them.
        whole.sequence()?;
        whole.bytes_of_bits()?;
        whole.end()?;
        // Only version 3 has extensions.
        if Reader::new(inside.expect(tag::constructed(0))?).integer()? != [2] {
            return Err(Malformed);
        }
        let serial = inside.integer()?.to_vec();
        inside.sequence()?;
        let issuer = inside.element()?.whole.to_vec();
        let mut validity = inside.sequence()?;
        let (not_before, not_after) = (validity.time()?, validity.time()?);
        validity.end()?;
        let subject = inside.element()?.whole.to_vec();
        let key_info = inside.element()?.whole.to_vec();
        inside.optional(tag::context(1))?;
        inside.optional(tag::context(2))?;
        let extensions = match inside.optional(tag::constructed(3))? {
            Some(list) => Extensions::read(list)?,
            None => Extensions::default(),
        };
        inside.end()?;
        let (issuer_name, subject_name) = (Name::read(&issuer)?, Name::read(&subject)?);
        Ok(Self(Arc::new(Facts {
            der: der.to_vec(),
            serial,
            issuer: (issuer, issuer_name),
            subject: (subject, subject_name),
            not_before,
            not_after,
            key_info,
            extensions,
        })))
    }

    /// The certificate itself.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// The octets of the serial number.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        &self.0.serial
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &Name {
        &self.0.issuer.1
    }

    /// The issuer as it is encoded.
    #[must_use]
    pub fn issuer_der(&self) -> &[u8] {
        &self.0.issuer.0
    }

    /// The subject.
    #[must_use]
    pub fn subject(&self) -> &Name {
        &self.0.subject.1
    }

    /// The subject as it is encoded.
    #[must_use]
    pub fn subject_der(&self) -> &[u8] {
        &self.0.subject.0
    }

    /// Valid from this second (since 1970) on.
    #[must_use]
    pub fn not_before(&self) -> i64 {
        self.0.not_before
    }

    /// Valid up to and including this second.
    #[must_use]
    pub fn not_after(&self) -> i64 {
        self.0.not_after
    }

    /// SubjectPublicKeyInfo in DER.
    #[must_use]
    pub fn key_info(&self) -> &[u8] {
        &self.0.key_info
    }

    pub(crate) fn public_key(&self) -> std::result::Result<PublicKey, Refusal> {
        PublicKey::read(&self.0.key_info)
    }

    /// Whether this key signed it.
    pub(crate) fn check_signature(&self, key: &PublicKey) -> std::result::Result<(), Reason> {
        let parts = || {
            let mut whole = Reader::of_only(&self.0.der, tag::SEQUENCE)?;
            Ok((whole.element()?.whole, whole.element()?.whole, whole.bytes_of_bits()?))
        };
        let (signed, algorithm, signature) = parts().map_err(|_: Malformed| Reason::CertificateMalformed)?;
        key.verify_signed(algorithm, signed, signature)
    }

    /// The ГОСТ key, if it is one: its parameter set and X‖Y, each little-endian.
    #[must_use]
    pub fn gost_key(&self) -> Option<(ParameterSet, Vec<u8>)> {
        match self.public_key() {
            Ok(PublicKey::Gost(set, key)) => Some((set, key)),
            _ => None,
        }
    }

    /// What the key is, for people.
    #[must_use]
    pub fn key_name(&self) -> String {
        self.public_key().map_or_else(|refusal| refusal.to_string(), |key| key.name())
    }

    /// The SHA-1 of the certificate, which Russian tools show as its thumbprint.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        oid::hex(&Digest::Sha1.of(&self.0.der))
    }

    pub(crate) fn subject_key_id(&self) -> Option<&[u8]> {
        self.0.extensions.subject_key_id.as_deref()
    }

    /// Whether it may issue certificates (basicConstraints).
    #[must_use]
    pub fn is_authority(&self) -> bool {
        self.0.extensions.is_authority
    }

    pub(crate) fn authority_key_id(&self) -> Option<&[u8]> {
        self.0.extensions.authority_key_id.as_deref()
    }

    /// Whether keyUsage has this bit; a certificate without the extension may do anything (RFC 5280 §4.2.1.3).
    pub(crate) fn may(&self, bit: u32) -> bool {
        self.0.extensions.key_usage.as_ref().is_none_or(|bits| {
            let octet = bits.get(bit as usize / 8).copied().unwrap_or_default();
            octet & 0x80 >> (bit % 8) != 0
        })
    }

    /// Whether the private key may sign at this second (privateKeyUsagePeriod).
    pub(crate) fn key_may_sign_at(&self, now: i64) -> bool {
        self.0
            .extensions
            .key_period
            .is_none_or(|(from, to)| from.is_none_or(|from| from <= now) && to.is_none_or(|to| now <= to))
    }

    /// The purposes in extendedKeyUsage (DER contents of identifiers); none where there is no such extension.
    pub(crate) fn purposes(&self) -> Option<&[Vec<u8>]> {
        self.0.extensions.purposes.as_deref()
    }

    /// The classes of tools in the policies.
    #[must_use]
    pub fn tool_classes(&self) -> &[ToolClass] {
        &self.0.extensions.tool_classes
    }

    /// The owner's tool, as the certificate says.
    #[must_use]
    pub fn subject_sign_tool(&self) -> Option<&str> {
        self.0.extensions.subject_sign_tool.as_deref()
    }

    /// How the authority saw whom it certifies: 0 in person, 1 by a qualified signature, 2 by a passport's chip, 3 by a
    /// state system.
    #[must_use]
    pub fn identification_kind(&self) -> Option<u8> {
        self.0.extensions.identification_kind
    }

    /// Where the issuer publishes its revocation lists, as the certificate says: an attacker's word until a path is
    /// verified.
    #[must_use]
    pub fn crl_addresses(&self) -> &[String] {
        &self.0.extensions.crl_addresses
    }

    /// Where the issuer answers about it (RFC 6960 §3.1), as the certificate says: an attacker's word until a path is verified.
    #[must_use]
    pub fn ocsp_addresses(&self) -> &[String] {
        &self.0.extensions.ocsp_addresses
    }

    /// The names (GeneralName in DER) of the distribution points whose lists are the issuer's own and for all reasons; none
    /// where there is no such extension.
    pub(crate) fn distribution_points(&self) -> Option<&[Vec<u8>]> {
        self.0.extensions.distribution_points.as_deref()
    }

    /// Whether the fields are those of a qualified certificate: a class of tools, the owner's tool, and the four texts about
    /// the issuer's, none of them empty. That its path ends in a trusted anchor is not looked at.
    #[must_use]
    pub fn has_qualified_fields(&self) -> bool {
        let Extensions { tool_classes, subject_sign_tool, issuer_sign_tool, .. } = &self.0.extensions;
        let is_full = |text: &String| !text.is_empty();
        let has_tools = subject_sign_tool.as_ref().is_some_and(is_full);
        !tool_classes.is_empty() && has_tools && issuer_sign_tool.len() == 4 && issuer_sign_tool.iter().all(is_full)
    }
}

impl Extensions {
    fn read(list: &[u8]) -> Result<Self> {
        let mut extensions = Self::default();
        let mut list = Reader::of_only(list, tag::SEQUENCE)?;
        while !list.is_empty() {
            let mut one = list.sequence()?;
            let kind = one.oid()?;
            one.optional(tag::BOOLEAN)?;
            let value = one.expect(tag::OCTET_STRING)?;
            one.end()?;
            // RFC 5280 §4.2: at most one of each.
            if extensions.seen.iter().any(|seen| seen == kind) {
                return Err(Malformed);
            }
            extensions.seen.push(kind.to_vec());
            extensions.add(kind, value)?;
        }
        Ok(extensions)
    }

    fn add(&mut self, kind: &[u8], value: &[u8]) -> Result<()> {
        match kind {
            oid::SUBJECT_KEY_ID => self.subject_key_id = Some(only(value, tag::OCTET_STRING)?.to_vec()),
            oid::AUTHORITY_KEY_ID => self.authority_key_id = authority_key_id(value)?,
            oid::BASIC_CONSTRAINTS => {
                let mut inside = Reader::of_only(value, tag::SEQUENCE)?;
                self.is_authority = inside.optional(tag::BOOLEAN)? == Some(&[0xff]);
            }
            oid::KEY_USAGE => self.key_usage = Some(bits(value)?),
            oid::PRIVATE_KEY_USAGE_PERIOD => self.key_period = Some(key_period(value)?),
            oid::CERTIFICATE_POLICIES => self.tool_classes = tool_classes(value)?,
            oid::EXTENDED_KEY_USAGE => self.purposes = Some(purposes(value)?),
            oid::SUBJECT_SIGN_TOOL => self.subject_sign_tool = Some(only_text(value)?),
            oid::ISSUER_SIGN_TOOL => self.issuer_sign_tool = issuer_sign_tool(value)?,
            oid::IDENTIFICATION_KIND => {
                let mut inside = Reader::new(value);
                self.identification_kind = inside.integer()?.first().copied().filter(|kind| *kind < 0x80);
                inside.end()?;
            }
            oid::AUTHORITY_INFO_ACCESS => self.ocsp_addresses = ocsp_addresses(value)?,
            oid::CRL_DISTRIBUTION_POINTS => {
                let names = distribution_points(value)?;
                self.crl_addresses = addresses(&names)?;
                self.distribution_points = Some(names);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The addresses of responders in authorityInfoAccess (RFC 5280 §4.2.2.1).
fn ocsp_addresses(value: &[u8]) -> Result<Vec<String>> {
    let mut list = Reader::of_only(value, tag::SEQUENCE)?;
    let mut found = Vec::new();
    while !list.is_empty() {
        let mut one = list.sequence()?;
        let (method, place) = (one.oid()?, one.element()?);
        one.end()?;
        if method == oid::OCSP && place.tag == tag::context(6) {
            found.push(text(tag::IA5_STRING, place.content)?);
        }
    }
    Ok(found)
}

/// The content of the one element of this tag.
fn only(value: &[u8], tag: u8) -> Result<&[u8]> {
    let mut inside = Reader::new(value);
    let content = inside.expect(tag)?;
    inside.end()?;
    Ok(content)
}

fn only_text(value: &[u8]) -> Result<String> {
    let mut inside = Reader::new(value);
    let element = inside.element()?;
    inside.end()?;
    text(element.tag, element.content)
}

/// RFC 5280 §4.2.1.1; the issuer and serial in it are not used.
pub(crate) fn authority_key_id(value: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut inside = Reader::of_only(value, tag::SEQUENCE)?;
    Ok(inside.optional(tag::context(0))?.map(<[u8]>::to_vec))
}

/// The octets of a BIT STRING of named bits.
fn bits(value: &[u8]) -> Result<Vec<u8>> {
    match only(value, tag::BIT_STRING)? {
        [unused, bits @ ..] if *unused < 8 && (*unused == 0 || !bits.is_empty()) => Ok(bits.to_vec()),
        _ => Err(Malformed),
    }
}

/// notBefore [0], notAfter [1], both GeneralizedTime (RFC 3280 §4.2.1.4).
fn key_period(value: &[u8]) -> Result<(Option<i64>, Option<i64>)> {
    let mut inside = Reader::of_only(value, tag::SEQUENCE)?;
    let mut moment = |number| {
        let text = inside.optional(tag::context(number))?;
        text.map(|text| Reader::new(&crate::der::wrap(tag::GENERALIZED_TIME, text)).time())
            .transpose()
    };
    let period = (moment(0)?, moment(1)?);
    inside.end()?;
    Ok(period)
}

fn tool_classes(value: &[u8]) -> Result<Vec<ToolClass>> {
    let mut classes = Vec::new();
    let mut policies = Reader::of_only(value, tag::SEQUENCE)?;
    while !policies.is_empty() {
        classes.extend(ToolClass::of_policy(policies.sequence()?.oid()?));
    }
    Ok(classes)
}

fn purposes(value: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut purposes = Vec::new();
    let mut inside = Reader::of_only(value, tag::SEQUENCE)?;
    while !inside.is_empty() {
        purposes.push(inside.oid()?.to_vec());
    }
    Ok(purposes)
}

/// Four texts: the authority's tool, its centre, and the documents that confirm both.
fn issuer_sign_tool(value: &[u8]) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    let mut inside = Reader::of_only(value, tag::SEQUENCE)?;
    while !inside.is_empty() {
        let element = inside.element()?;
        texts.push(text(element.tag, element.content)?);
    }
    Ok(texts)
}

/// The full names (RFC 5280 §4.2.1.13) of points without reasons and without another issuer.
fn distribution_points(value: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    let mut points = Reader::of_only(value, tag::SEQUENCE)?;
    while !points.is_empty() {
        let mut point = points.sequence()?;
        let name = point.optional(tag::constructed(0))?;
        if let (Some(name), true) = (name, point.is_empty()) {
            names.extend(full_name(name)?.unwrap_or_default());
        }
    }
    Ok(names)
}

/// The URIs among names.
fn addresses(names: &[Vec<u8>]) -> Result<Vec<String>> {
    let names = names.iter().map(|name| Reader::new(name).element());
    let uris = names.filter(|name| name.is_ok_and(|name| name.tag == tag::context(6)));
    uris.map(|name| text(tag::IA5_STRING, name?.content)).collect()
}

/// The GeneralNames in DER of a DistributionPointName; none for a name relative to the issuer's.
pub(crate) fn full_name(name: &[u8]) -> Result<Option<Vec<Vec<u8>>>> {
    let mut name = Reader::new(name);
    let Some(full) = name.optional(tag::constructed(0))? else {
        return Ok(None);
    };
    name.end()?;
    let mut names = Vec::new();
    let mut full = Reader::new(full);
    while !full.is_empty() {
        names.push(full.element()?.whole.to_vec());
    }
    Ok(Some(names))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::der::wrap;

    fn fixture(pem: &[u8]) -> Certificate {
        Certificate::parse(&crate::pem::read(pem).unwrap()[0].der).unwrap()
    }

    #[test]
    fn the_fields_of_a_qualified_certificate() {
        let person = fixture(include_bytes!("../fixtures/person-256.crt.pem"));
        assert!(person.has_qualified_fields());
        assert!(person.tool_classes().contains(&ToolClass::Kc1), "{:?}", person.tool_classes());
        assert!(person.subject_sign_tool().is_some_and(|tool| !tool.is_empty()));
        assert!(person.may(DIGITAL_SIGNATURE) && !person.may(KEY_CERT_SIGN));
        assert_eq!(person.gost_key().unwrap().0, ParameterSet::CryptoProXchA);
        assert_eq!((person.not_before(), person.not_after()), (1_704_067_200, 2_335_219_200));
        assert!(!fixture(include_bytes!("../fixtures/plain-256.crt.pem")).has_qualified_fields());
        let authority = fixture(include_bytes!("../fixtures/issuing-ca.crt.pem"));
        assert!(authority.may(KEY_CERT_SIGN));
        assert_eq!(person.issuer_der(), authority.subject_der());
        assert_eq!(person.authority_key_id(), authority.subject_key_id());
    }

    #[test]
    fn the_time_of_the_private_key_is_read() {
        let moment = |number, text: &str| wrap(tag::context(number), text.as_bytes());
        let both = [moment(0, "20240101000000Z"), moment(1, "20250401000000Z")].concat();
        assert_eq!(key_period(&wrap(tag::SEQUENCE, &both)), Ok((Some(1_704_067_200), Some(1_743_465_600))));
        assert_eq!(
            key_period(&wrap(tag::SEQUENCE, &moment(1, "20250401000000Z"))),
            Ok((None, Some(1_743_465_600)))
        );
        assert_eq!(key_period(&wrap(tag::SEQUENCE, &moment(1, "250401000000Z"))), Err(Malformed));
    }

    #[test]
    fn a_certificate_cut_short_or_followed_by_more_is_malformed() {
        let der = fixture(include_bytes!("../fixtures/person-256.crt.pem")).der().to_vec();
        for length in 0..der.len() {
            assert!(Certificate::parse(&der[..length]).is_err(), "{length}");
        }
        assert!(Certificate::parse(&[&der[..], &[0]].concat()).is_err());
    }
}
