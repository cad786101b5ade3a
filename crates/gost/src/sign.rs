//! Making signatures of ГОСТ Р 34.10-2012, for development, stand-ins and tests: its time depends on the key, and this is no
//! certified crypto means (СКЗИ).
//!
//! 1. A private key is read from PKCS #8 as OpenSSL's GOST engine writes it: 32 or 64 bytes, little-endian, in the OCTET STRING
//!    itself or in one inside it, or an INTEGER.
//! 2. The random number of a signature is a digest of the key, what is signed, and fresh chance: neither a broken source of
//!    chance nor a repeated message shows the key.
//! 3. A bare signature is s‖r, each big-endian (RFC 9215 §3); [`SigningKey::detached`] puts it into CMS (RFC 5652 §5).
//!
//! Encrypted keys and the containers of other tools are not read.

use crate::algorithm::Algorithm;
use crate::certificate::Certificate;
use crate::der::{Malformed, Reader, Result, tag, wrap};
use crate::digest::Digest;
use crate::{ParameterSet, oid, pem};

pub use crate::signature::SigningKey;

/// What the random number of a signature is made of, beside the key and the message.
const NONCE: &[u8] = b"kabinet gost nonce";
/// The year in seconds before which a time is written in the short form (RFC 5280 §4.1.2.5).
const YEAR_2050: i64 = 2_524_608_000;

impl SigningKey {
    /// Reads a private key: PEM (`PRIVATE KEY`) or DER of PKCS #8 (RFC 5208 §5).
    ///
    /// # Errors
    ///
    /// It is none of ГОСТ Р 34.10-2012, or not written as described above.
    pub fn read(file: &[u8]) -> Result<Self> {
        let objects = pem::read(file)?;
        let is_key = |one: &&pem::Object| one.label.as_deref().is_none_or(|label| label == "PRIVATE KEY");
        Self::of_pkcs8(&objects.iter().find(is_key).ok_or(Malformed)?.der)
    }

    fn of_pkcs8(der: &[u8]) -> Result<Self> {
        let mut inside = Reader::of_only(der, tag::SEQUENCE)?;
        inside.integer()?;
        let algorithm = Algorithm::read(&mut inside)?;
        let parameters = algorithm.parameters.ok_or(Malformed)?;
        let curve = Reader::of_only(parameters.whole, tag::SEQUENCE)?.oid()?;
        let set = ParameterSet::of_oid(curve).ok_or(Malformed)?;
        let kind = if set.bits() == 256 { oid::KEY_256 } else { oid::KEY_512 };
        if algorithm.oid != kind {
            return Err(Malformed);
        }
        let number = number(inside.expect(tag::OCTET_STRING)?, set.bits() / 8)?;
        Self::new(set, &number).ok_or(Malformed)
    }

    /// s‖r over a message. `fill` fills a buffer with random bytes.
    pub fn sign_message(&self, message: &[u8], mut fill: impl FnMut(&mut [u8])) -> Option<Vec<u8>> {
        let digest = digest_of(self.parameter_set()).0.of(message);
        self.sign(&digest, |k| {
            let mut fresh = [0; 32];
            fill(&mut fresh);
            let made = Digest::Streebog512.of(&[NONCE, &self.number, &digest, &fresh].concat());
            k.copy_from_slice(&made[..k.len()]);
        })
    }

    /// CMS SignedData without the content, with the certificate of this key and the signed attributes that RFC 5652 §11
    /// names, in DER. `at`: the time that it tells, in seconds since 1970.
    pub fn detached(
        &self,
        certificate: &Certificate,
        message: &[u8],
        at: i64,
        fill: impl FnMut(&mut [u8]),
    ) -> Option<Vec<u8>> {
        let (digest, digest_oid, key_oid) = digest_of(self.parameter_set());
        let mut attributes = [
            attribute(oid::CONTENT_TYPE, &id(oid::DATA)),
            attribute(oid::SIGNING_TIME, &time(at)),
            attribute(oid::MESSAGE_DIGEST, &wrap(tag::OCTET_STRING, &digest.of(message))),
        ];
        // X.690 §11.6: the elements of a SET OF stand in order.
        attributes.sort();
        let attributes = attributes.concat();
        let signature = self.sign_message(&wrap(tag::SET, &attributes), fill)?;
        let digest = sequence(&[&id(digest_oid)]);
        let signer = sequence(&[
            &wrap(tag::INTEGER, &[1]),
            &sequence(&[certificate.issuer_der(), &wrap(tag::INTEGER, certificate.serial())]),
            &digest,
            &wrap(tag::constructed(0), &attributes),
            &sequence(&[&id(key_oid)]),
            &wrap(tag::OCTET_STRING, &signature),
        ]);
        let data = sequence(&[
            &wrap(tag::INTEGER, &[1]),
            &wrap(tag::SET, &digest),
            &sequence(&[&id(oid::DATA)]),
            &wrap(tag::constructed(0), certificate.der()),
            &wrap(tag::SET, &signer),
        ]);
        Some(sequence(&[&id(oid::SIGNED_DATA), &wrap(tag::constructed(0), &data)]))
    }

    /// Whether the certificate is for this key.
    #[must_use]
    pub fn fits(&self, certificate: &Certificate) -> bool {
        certificate.gost_key().is_some_and(|(set, key)| {
            Self::new(set, &self.number)
                .and_then(|own| own.public_key())
                .is_some_and(|own| own == key)
        })
    }
}

/// The private number, big-endian and of the full length.
fn number(octets: &[u8], length: usize) -> Result<Vec<u8>> {
    let little = |octets: &[u8]| octets.iter().rev().copied().collect();
    if octets.len() == length {
        return Ok(little(octets));
    }
    let mut inside = Reader::new(octets);
    let element = inside.element()?;
    inside.end()?;
    match (element.tag, element.content) {
        (tag::OCTET_STRING, octets) if octets.len() == length => Ok(little(octets)),
        (tag::INTEGER, octets) => {
            let octets = &octets[octets.iter().take_while(|octet| **octet == 0).count()..];
            let missing = length.checked_sub(octets.len()).ok_or(Malformed)?;
            Ok([&vec![0; missing], octets].concat())
        }
        _ => Err(Malformed),
    }
}

fn digest_of(set: ParameterSet) -> (Digest, &'static [u8], &'static [u8]) {
    match set.bits() {
        256 => (Digest::Streebog256, oid::DIGEST_256, oid::KEY_256),
        _ => (Digest::Streebog512, oid::DIGEST_512, oid::KEY_512),
    }
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    wrap(tag::SEQUENCE, &parts.concat())
}

fn id(oid: &[u8]) -> Vec<u8> {
    wrap(tag::OID, oid)
}

fn attribute(oid: &[u8], value: &[u8]) -> Vec<u8> {
    sequence(&[&id(oid), &wrap(tag::SET, value)])
}

/// RFC 5652 §11.3: UTCTime up to 2049, GeneralizedTime from then on.
fn time(at: i64) -> Vec<u8> {
    let (days, seconds) = (at.div_euclid(86_400) + 719_468, at.rem_euclid(86_400));
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let rest = format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    if at < YEAR_2050 {
        wrap(tag::UTC_TIME, format!("{:02}{rest}", year % 100).as_bytes())
    } else {
        wrap(tag::GENERALIZED_TIME, format!("{year:04}{rest}").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::{Bare, verify, verify_bare};
    use crate::{Anchor, Content, Policy, Request, Trust, Verifier};

    const XCH_A: ParameterSet = ParameterSet::CryptoProXchA;

    fn fixture(name: &str) -> Vec<u8> {
        std::fs::read(format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    fn certificate(name: &str) -> Certificate {
        Certificate::parse(&pem::read(&fixture(name)).unwrap()[0].der).unwrap()
    }

    /// Bytes that look random and repeat from run to run.
    fn chance(seed: u8) -> impl FnMut(&mut [u8]) {
        let mut count = 0_u8;
        move |out| {
            count = count.wrapping_add(1);
            let made = Digest::Streebog512.of(&[seed, count]);
            out.copy_from_slice(&made[..out.len()]);
        }
    }

    #[test]
    fn the_worked_example_for_esia() {
        let key = SigningKey::new(XCH_A, &[0x11; 32]).unwrap();
        let public = "86663d5b60783c4cae59ccc5c4a7fed8083a2518eb6cd30b58ae9857806755c3\
                      a68da8e763eeaea51b7849115fd7b1b0025bceb3fcb2370838a5e0d9f081291e";
        assert_eq!(oid::hex(&key.public_key().unwrap()), public);
        let text = "TESTIS01openid fullname snils2026.01.15 12:00:00 +0000\
                    7f4c1a52-0d1e-4c55-9f8e-3a2b6c9d0e11https://sso.example.test/federation/esia/callback";
        let digest = Digest::Streebog256.of(text.as_bytes());
        assert_eq!(oid::hex(&digest), "cc6eddfa1134634a71e770d4970ef976c91e53c70fdb94ecc9886775d8d05fa6");
        // k = 0x5555…55, which lies below q.
        let signature = key.sign(&digest, |k| k.fill(0x55)).unwrap();
        let wanted = "4uY+1jbiTCflXronb3b/EubvHqhqUMmpr93IRWxYDm9uQzZVRHaPqZNnuLIz4cVazuMZgf9FlqH69BKZzSAS1g==";
        assert_eq!(signature, pem::base64(wanted).unwrap());
        assert_eq!(verify(XCH_A, &key.public_key().unwrap(), &digest, &signature), Ok(()));
    }

    #[test]
    fn keys_of_the_engine_sign_for_their_certificates_and_no_two_signatures_are_the_same() {
        for name in ["person-256", "org-256", "plain-256", "person-512"] {
            let key = SigningKey::read(&fixture(&format!("{name}.key.pem"))).unwrap();
            let own = certificate(&format!("{name}.crt.pem"));
            assert!(key.fits(&own), "{name}");
            assert!(!key.fits(&certificate("root-ca.crt.pem")), "{name}");
            let (one, two) = (key.sign_message(b"x", chance(1)).unwrap(), key.sign_message(b"x", chance(2)).unwrap());
            assert_ne!(one, two, "{name}");
            if name != "person-512" {
                for signature in [&one, &two] {
                    assert_eq!(verify_bare(&own, Bare::Gost256, b"x", signature), Ok(()), "{name}");
                    assert!(verify_bare(&own, Bare::Gost256, b"y", signature).is_err(), "{name}");
                }
            }
        }
    }

    #[test]
    fn a_source_of_chance_that_repeats_itself_does_not_repeat_the_number_for_other_messages() {
        let key = SigningKey::read(&fixture("person-256.key.pem")).unwrap();
        let [one, two] = [&b"one"[..], b"two"].map(|text| key.sign_message(text, |out| out.fill(7)).unwrap());
        // The second half is r, the mark of the random number.
        assert_ne!(one[32..], two[32..]);
    }

    #[test]
    fn a_private_key_is_read_in_each_form_of_the_engine_and_in_no_other() {
        let number: Vec<u8> = (1..=32).collect();
        let little: Vec<u8> = number.iter().rev().copied().collect();
        let pkcs8 = |kind: &[u8], inside: &[u8]| {
            let parameters = sequence(&[&id(XCH_A.oid()), &id(oid::DIGEST_256)]);
            let algorithm = sequence(&[&id(kind), &parameters]);
            sequence(&[&wrap(tag::INTEGER, &[0]), &algorithm, &wrap(tag::OCTET_STRING, inside)])
        };
        let forms = [little.clone(), wrap(tag::OCTET_STRING, &little), wrap(tag::INTEGER, &number)];
        for form in &forms {
            assert_eq!(SigningKey::read(&pkcs8(oid::KEY_256, form)).unwrap().number, number);
        }
        for bad in [&little[1..], &wrap(tag::OCTET_STRING, &little[1..]), &[0; 32], &[], &wrap(tag::INTEGER, &[1; 33])]
        {
            assert!(SigningKey::read(&pkcs8(oid::KEY_256, bad)).is_err(), "{bad:?}");
        }
        assert!(SigningKey::read(&pkcs8(oid::KEY_512, &little)).is_err());
        assert!(SigningKey::read(&fixture("person-256.crt.pem")).is_err());
        assert!(SigningKey::read(b"").is_err());
    }

    #[test]
    fn a_detached_message_is_accepted_by_the_verifier() {
        let (key, own) = (
            SigningKey::read(&fixture("person-256.key.pem")).unwrap(),
            certificate("person-256.crt.pem"),
        );
        for at in [1_798_761_600, YEAR_2050 + 1] {
            let message = key.detached(&own, b"text", at, chance(3)).unwrap();
            let trust = Trust {
                anchors: vec![Anchor::parse(certificate("root-ca.crt.pem").der()).unwrap()],
                certificates: vec![certificate("issuing-ca.crt.pem")],
                ..Trust::default()
            };
            let policy = Policy { revocation: crate::Revocation::Off, ..Policy::default() };
            let verifier = Verifier { trust, policy };
            let verdict = |content| {
                verifier.check(Request {
                    signature: &message,
                    content: Content::Expected(content),
                    certificates: &[],
                    now: 1_798_761_600,
                })
            };
            assert!(verdict(b"text").result.is_ok());
            assert!(verdict(b"other").result.is_err());
        }
    }

    #[test]
    fn a_time_is_written_in_the_form_of_its_year() {
        assert_eq!(Reader::new(&time(1_798_761_600)).time(), Ok(1_798_761_600));
        assert_eq!(Reader::new(&time(951_825_600)).time(), Ok(951_825_600));
        assert_eq!(Reader::new(&time(YEAR_2050)).time(), Ok(YEAR_2050));
    }
}
