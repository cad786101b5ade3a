//! Signed messages: CMS SignedData (RFC 5652 §5) with one signer, as CAdES-BES makes them (RFC 5126 §4.3.1).
//!
//! 1. The input is bounded before anything is read, then made DER (`ber`).
//! 2. ContentInfo must be SignedData over content of type data, with exactly one SignerInfo.
//! 3. Certificates in the message are counted and measured; revocation lists and unsigned attributes in it are passed over:
//!    what nobody signed proves nothing.
//! 4. The signed attributes are kept as they stand. RFC 5652 §5.4 signs their DER, which sorts a SET; some tools sign them
//!    unsorted. [`Attributes::signed_forms`] gives both, which cover the same attributes.

use crate::algorithm::Algorithm;
use crate::ber;
use crate::certificate;
use crate::der::{Malformed, Reader, tag, wrap};
use crate::oid;
use crate::verdict::{Reason, Refusal};

/// The largest message, in bytes.
pub const MAX_BYTES: usize = 128 * 1024;
/// The most certificates in a message.
pub const MAX_CERTIFICATES: usize = 10;
/// The most signed attributes.
pub const MAX_ATTRIBUTES: usize = 32;

/// A message in DER, bounded.
pub(crate) struct Envelope(Vec<u8>);

impl Envelope {
    pub(crate) fn open(bytes: &[u8]) -> Result<Self, Reason> {
        if bytes.len() > MAX_BYTES {
            return Err(Reason::TooLarge);
        }
        match ber::normalise(bytes) {
            Ok(der) => Ok(Self(der)),
            Err(ber::Fault::TooDeep) => Err(Reason::TooDeep),
            Err(ber::Fault::Malformed) => Err(Reason::MessageMalformed),
        }
    }

    pub(crate) fn message(&self) -> Result<Message<'_>, Refusal> {
        let mut info = Reader::of_only(&self.0, tag::SEQUENCE).map_err(malformed)?;
        let content_type = info.oid().map_err(malformed)?;
        if content_type != oid::SIGNED_DATA {
            return Err(Refusal::new(Reason::NotSignedData, oid::dotted(content_type)));
        }
        let content = info.expect(tag::constructed(0)).map_err(malformed)?;
        info.end().map_err(malformed)?;
        Message::read(Reader::of_only(content, tag::SEQUENCE).map_err(malformed)?)
    }
}

fn malformed(_: Malformed) -> Reason {
    Reason::MessageMalformed
}

/// What SignedData says.
pub(crate) struct Message<'a> {
    /// None in a detached signature.
    pub content: Option<&'a [u8]>,
    pub certificates: Vec<&'a [u8]>,
    pub signer: Signer<'a>,
}

/// SignerInfo (RFC 5652 §5.3).
pub(crate) struct Signer<'a> {
    pub id: SignerId<'a>,
    pub digest: Algorithm<'a>,
    /// The content of the SET.
    attributes: Option<&'a [u8]>,
    pub algorithm: Algorithm<'a>,
    pub signature: &'a [u8],
}

/// Who signed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SignerId<'a> {
    IssuerAndSerial { issuer: &'a [u8], serial: &'a [u8] },
    KeyId(&'a [u8]),
}

impl<'a> Message<'a> {
    fn read(mut data: Reader<'a>) -> Result<Self, Refusal> {
        data.integer().map_err(malformed)?;
        data.expect(tag::SET).map_err(malformed)?;
        let content = content(&mut data)?;
        let certificates = match data.optional(tag::constructed(0)).map_err(malformed)? {
            Some(list) => certificates(Reader::new(list))?,
            None => Vec::new(),
        };
        data.optional(tag::constructed(1)).map_err(malformed)?;
        let mut signers = Reader::new(data.expect(tag::SET).map_err(malformed)?);
        data.end().map_err(malformed)?;
        if signers.is_empty() {
            return Err(Reason::NoSigner.into());
        }
        let signer = signers.sequence().map_err(malformed)?;
        // Counted before any of them is read.
        if !signers.is_empty() {
            return Err(Reason::TwoSigners.into());
        }
        Ok(Self {
            content,
            certificates,
            signer: Signer::read(signer).map_err(malformed)?,
        })
    }
}

fn content<'a>(data: &mut Reader<'a>) -> Result<Option<&'a [u8]>, Refusal> {
    let mut encapsulated = data.sequence().map_err(malformed)?;
    let kind = encapsulated.oid().map_err(malformed)?;
    if kind != oid::DATA {
        return Err(Refusal::new(Reason::ContentTypeWrong, oid::dotted(kind)));
    }
    let content = encapsulated.optional(tag::constructed(0)).map_err(malformed)?;
    encapsulated.end().map_err(malformed)?;
    content
        .map(|content| {
            let mut inside = Reader::new(content);
            let octets = inside.expect(tag::OCTET_STRING)?;
            inside.end().map(|()| octets)
        })
        .transpose()
        .map_err(|malformed_one| malformed(malformed_one).into())
}

/// The certificates of RFC 5280; attribute certificates and other forms are passed over and counted.
fn certificates(mut list: Reader<'_>) -> Result<Vec<&[u8]>, Reason> {
    let mut certificates = Vec::new();
    let mut count = 0;
    while !list.is_empty() {
        let one = list.element().map_err(malformed)?;
        count += 1;
        if count > MAX_CERTIFICATES || one.whole.len() > certificate::MAX_BYTES {
            return Err(Reason::TooManyCertificates);
        }
        if one.tag == tag::SEQUENCE {
            certificates.push(one.whole);
        }
    }
    Ok(certificates)
}

impl<'a> Signer<'a> {
    fn read(mut info: Reader<'a>) -> Result<Self, Malformed> {
        info.integer()?;
        let id = match info.optional(tag::context(0))? {
            Some(key_id) => SignerId::KeyId(key_id),
            None => {
                let mut both = info.sequence()?;
                let issuer = both.element()?.whole;
                let serial = both.integer()?;
                both.end()?;
                SignerId::IssuerAndSerial { issuer, serial }
            }
        };
        let digest = Algorithm::read(&mut info)?;
        let attributes = info.optional(tag::constructed(0))?;
        let algorithm = Algorithm::read(&mut info)?;
        let signature = info.expect(tag::OCTET_STRING)?;
        info.optional(tag::constructed(1))?;
        info.end()?;
        Ok(Self { id, digest, attributes, algorithm, signature })
    }

    /// The signed attributes, each there once with one value.
    pub(crate) fn attributes(&self) -> Result<Attributes<'a>, Refusal> {
        // RFC 5652 §5.3 lets them be absent over data; then the signature could be taken for one over other bytes.
        let content = self.attributes.ok_or(Reason::AttributesMissing)?;
        let mut attributes = Attributes { content, list: Vec::new() };
        let mut set = Reader::new(content);
        while !set.is_empty() {
            if attributes.list.len() == MAX_ATTRIBUTES {
                return Err(Reason::TooManyAttributes.into());
            }
            attributes.list.push(Attribute::read(&mut set)?);
        }
        for (at, one) in attributes.list.iter().enumerate() {
            // RFC 5652 §5.3, §11: not more than one instance, exactly one value.
            if attributes.list[..at].iter().any(|other| other.kind == one.kind) {
                return Err(Refusal::new(Reason::AttributeDuplicate, oid::dotted(one.kind)));
            }
        }
        Ok(attributes)
    }
}

struct Attribute<'a> {
    kind: &'a [u8],
    /// The one value.
    value: &'a [u8],
    whole: &'a [u8],
}

impl<'a> Attribute<'a> {
    fn read(set: &mut Reader<'a>) -> Result<Self, Refusal> {
        let bad = |_| Reason::AttributeMalformed;
        let element = set.element().map_err(bad)?;
        let mut inside = Reader::of_only(element.whole, tag::SEQUENCE).map_err(bad)?;
        let kind = inside.oid().map_err(bad)?;
        let mut values = Reader::new(inside.expect(tag::SET).map_err(bad)?);
        inside.end().map_err(bad)?;
        let value = values
            .element()
            .map_err(|_| Refusal::new(Reason::AttributeDuplicate, oid::dotted(kind)))?;
        if !values.is_empty() {
            return Err(Refusal::new(Reason::AttributeDuplicate, oid::dotted(kind)));
        }
        Ok(Self { kind, value: value.whole, whole: element.whole })
    }
}

/// Signed attributes.
pub(crate) struct Attributes<'a> {
    content: &'a [u8],
    list: Vec<Attribute<'a>>,
}

/// A certificate as a signed attribute names it (RFC 5035 §4, §5.4.1).
pub(crate) struct CertificateId<'a> {
    pub digest: &'a [u8],
    /// The DER content of the digest's identifier.
    pub algorithm: &'a [u8],
    /// The serial number, and the issuer's name in DER.
    pub issuer_and_serial: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> Attributes<'a> {
    fn value(&self, kind: &[u8]) -> Option<&'a [u8]> {
        self.list.iter().find(|one| one.kind == kind).map(|one| one.value)
    }

    /// Whether the content type is there and is data (RFC 5652 §11.1).
    pub(crate) fn content_type_is_data(&self) -> bool {
        self.value(oid::CONTENT_TYPE)
            .is_some_and(|value| Reader::new(value).oid() == Ok(oid::DATA))
    }

    pub(crate) fn message_digest(&self) -> Result<&'a [u8], Reason> {
        let value = self.value(oid::MESSAGE_DIGEST).ok_or(Reason::DigestMissing)?;
        Reader::new(value).expect(tag::OCTET_STRING).map_err(|_| Reason::AttributeMalformed)
    }

    /// The signer's clock.
    pub(crate) fn signing_time(&self) -> Option<i64> {
        Reader::new(self.value(oid::SIGNING_TIME)?).time().ok()
    }

    /// The certificates that the signature is bound to, one by each attribute that is there.
    pub(crate) fn signing_certificates(&self) -> Result<Vec<CertificateId<'a>>, Reason> {
        let mut ids = Vec::new();
        for (kind, default) in [(oid::SIGNING_CERTIFICATE_V2, oid::SHA256), (oid::SIGNING_CERTIFICATE, oid::SHA1)] {
            if let Some(value) = self.value(kind) {
                ids.push(signing_certificate(value, default).map_err(|_| Reason::AttributeMalformed)?);
            }
        }
        Ok(ids)
    }

    /// What may have been signed: the attributes as they stand, and sorted where that differs.
    pub(crate) fn signed_forms(&self) -> Vec<Vec<u8>> {
        let mut sorted: Vec<&[u8]> = self.list.iter().map(|one| one.whole).collect();
        // X.690 §11.6: as if padded with zeros, which for elements that differ is the order of their octets.
        sorted.sort_unstable();
        let sorted = sorted.concat();
        let mut forms = vec![wrap(tag::SET, self.content)];
        if sorted != self.content {
            forms.push(wrap(tag::SET, &sorted));
        }
        forms
    }
}

/// The first ESSCertID or ESSCertIDv2: RFC 5035 §4 says that it is the signer's.
fn signing_certificate<'a>(value: &'a [u8], default: &'static [u8]) -> Result<CertificateId<'a>, Malformed> {
    let mut inside = Reader::of_only(value, tag::SEQUENCE)?;
    let mut ids = inside.sequence()?;
    let mut id = ids.sequence()?;
    let algorithm = match id.peek() {
        Some(tag::SEQUENCE) => Algorithm::read(&mut id)?.oid,
        _ => default,
    };
    let digest = id.expect(tag::OCTET_STRING)?;
    let issuer_and_serial = match id.optional(tag::SEQUENCE)? {
        Some(both) => {
            let mut both = Reader::new(both);
            let mut names = both.sequence()?;
            let name = Reader::new(names.expect(tag::constructed(4))?).element()?.whole;
            names.end()?;
            let serial = both.integer()?;
            both.end()?;
            Some((serial, name))
        }
        None => None,
    };
    id.end()?;
    Ok(CertificateId { digest, algorithm, issuer_and_serial })
}
