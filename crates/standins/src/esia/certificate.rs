//! Self-signed certificates of ГОСТ keys (RFC 5280 §4.1, RFC 9215 §4), and keys as files (PKCS #8, RFC 5208 §5).

use kabinet_core::time::{Civil, Timestamp};
use kabinet_gost::oid;
use kabinet_gost::signature::SigningKey;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT: u8 = 0x06;
const UTF8: u8 = 0x0c;
const PRINTABLE: u8 = 0x13;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

const COUNTRY: &[u8] = &[0x55, 0x04, 0x06];

/// What a certificate says beside its key.
pub(super) struct Draft<'a> {
    pub(super) name: &'a str,
    pub(super) organisation: &'a str,
    pub(super) serial: [u8; 8],
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl Draft<'_> {
    /// The certificate of a 256-bit key, in DER; `fill` fills a buffer with random bytes.
    pub(super) fn signed(&self, key: &SigningKey, fill: impl FnMut(&mut [u8])) -> Option<Vec<u8>> {
        let algorithm = sequence(&[&element(OBJECT, oid::SIGNATURE_256)]);
        let name = self.name();
        let usage = [BIT_STRING, 2, 6, 0xc0];
        let usage = sequence(&[&element(OBJECT, oid::KEY_USAGE), &element(OCTET_STRING, &usage)]);
        let inside = sequence(&[
            &element(VERSION, &element(INTEGER, &[2])),
            &element(INTEGER, &self.serial()),
            &algorithm,
            &name,
            &sequence(&[&time(self.from), &time(self.to)]),
            &name,
            &key_info(key)?,
            &element(EXTENSIONS, &sequence(&[&usage])),
        ]);
        let signature = key.sign_message(&inside, fill)?;
        Some(sequence(&[&inside, &algorithm, &bits(&signature)]))
    }

    /// Positive, and in the fewest octets.
    fn serial(&self) -> [u8; 8] {
        let mut serial = self.serial;
        serial[0] = serial[0] & 0x3f | 0x40;
        serial
    }

    fn name(&self) -> Vec<u8> {
        let one =
            |kind, tag, text: &str| element(SET, &sequence(&[&element(OBJECT, kind), &element(tag, text.as_bytes())]));
        sequence(&[
            &one(COUNTRY, PRINTABLE, "RU"),
            &one(oid::ORGANISATION, UTF8, self.organisation),
            &one(oid::COMMON_NAME, UTF8, self.name),
        ])
    }
}

/// SubjectPublicKeyInfo: X‖Y, each little-endian, in an OCTET STRING.
fn key_info(key: &SigningKey) -> Option<Vec<u8>> {
    Some(sequence(&[&key_algorithm(key), &bits(&element(OCTET_STRING, &key.public_key()?))]))
}

fn key_algorithm(key: &SigningKey) -> Vec<u8> {
    let parameters = sequence(&[&element(OBJECT, key.parameter_set().oid()), &element(OBJECT, oid::DIGEST_256)]);
    sequence(&[&element(OBJECT, oid::KEY_256), &parameters])
}

/// PKCS #8 (RFC 5208 §5) of a key and its big-endian number, in DER.
pub(super) fn pkcs8(key: &SigningKey, number: &[u8; 32]) -> Vec<u8> {
    let little: Vec<u8> = number.iter().rev().copied().collect();
    sequence(&[&element(INTEGER, &[0]), &key_algorithm(key), &element(OCTET_STRING, &little)])
}

/// RFC 5280 §4.1.2.5: UTCTime through 2049.
fn time(at: Timestamp) -> Vec<u8> {
    let Civil { year, month, day, hour, minute, second } = Civil::of(at);
    let rest = format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    if year < 2050 {
        element(UTC_TIME, format!("{:02}{rest}", year % 100).as_bytes())
    } else {
        element(GENERALIZED_TIME, format!("{year:04}{rest}").as_bytes())
    }
}

fn bits(bytes: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], bytes].concat())
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(SEQUENCE, &parts.concat())
}

/// An element in DER.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length = &length[length.iter().take_while(|octet| **octet == 0).count()..];
    let mut whole = vec![tag];
    match length {
        [] => whole.push(0),
        [short @ ..0x80] => whole.push(*short),
        long => {
            whole.push(0x80 | u8::try_from(long.len()).unwrap_or_default());
            whole.extend_from_slice(long);
        }
    }
    whole.extend_from_slice(content);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use kabinet_gost::{Certificate, ParameterSet};

    #[test]
    fn a_certificate_is_read_back_as_it_was_made() {
        for set in [ParameterSet::CryptoProA, ParameterSet::CryptoProXchA] {
            let key = SigningKey::new(set, &[7; 32]).unwrap();
            let draft = Draft {
                name: "ЕСИА",
                organisation: "О",
                serial: [0xff; 8],
                from: Timestamp(1_798_761_600),
                to: Timestamp(2_600_000_000),
            };
            let der = draft.signed(&key, |buffer| buffer.fill(5)).unwrap();
            let read = Certificate::parse(&der).unwrap();
            assert_eq!(read.gost_key(), Some((set, key.public_key().unwrap())));
            assert_eq!((read.not_before(), read.not_after()), (draft.from.0, draft.to.0));
            assert_eq!(read.subject().title(), "ЕСИА");
            assert!(read.is_self_issued());
            assert_eq!(read.check_authority(draft.from.0, false).unwrap_err().reason.code(), "chain_forbidden");
        }
    }
}
