//! What a system signs its requests with: the key and the certificate that an operator of the real service buys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kabinet_core::ambient::{Entropy, random};
use kabinet_core::time::Timestamp;

use super::certificate::{Draft, pkcs8};
use super::keys::{EARLIER, KeyError, VALID, new_key};

/// A key of ГОСТ Р 34.10-2012 with 256 bits, and its certificate, which it has signed itself.
pub struct Credentials {
    /// The key, PKCS #8 in PEM.
    pub key: String,
    /// The certificate, PEM.
    pub certificate: String,
}

impl Credentials {
    /// New ones, good for more than a year. The real service takes none that is self-signed.
    ///
    /// # Errors
    /// [`KeyError::Gost`].
    pub fn make(name: &str, entropy: &dyn Entropy, now: Timestamp) -> Result<Self, KeyError> {
        let (number, key) = new_key(entropy)?;
        let draft = Draft {
            name,
            organisation: name,
            serial: random(entropy),
            from: now.plus(-EARLIER),
            to: now.plus(VALID),
        };
        let certificate = draft.signed(&key, |buffer| entropy.fill(buffer)).ok_or(KeyError::Gost)?;
        Ok(Self {
            key: pem("PRIVATE KEY", &pkcs8(&key, &number)),
            certificate: pem("CERTIFICATE", &certificate),
        })
    }
}

/// RFC 7468, as OpenSSL writes it.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kabinet_gost::signature::SigningKey;
    use kabinet_gost::{Certificate, pem as reader};

    struct Sevens;
    impl Entropy for Sevens {
        fn fill(&self, out: &mut [u8]) {
            out.fill(7);
        }
    }

    #[test]
    fn the_key_is_read_back_and_fits_its_certificate() {
        let made = Credentials::make("KABINET", &Sevens, Timestamp(1_795_392_000)).unwrap();
        let der = reader::read(made.certificate.as_bytes()).unwrap().remove(0).der;
        let certificate = Certificate::parse(&der).unwrap();
        assert!(SigningKey::read(made.key.as_bytes()).unwrap().fits(&certificate));
        assert_eq!(certificate.subject().title(), "KABINET");
    }
}
