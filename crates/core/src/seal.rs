//! Sealing: authenticated encryption under keys derived from the one master key that all nodes share.
//!
//! A seal is base64url of `version (1) ‖ key id (4) ‖ nonce (24) ‖ ciphertext and tag`, XChaCha20-Poly1305. The key is
//! HKDF-SHA256 of the master key with the purpose as `info`, so that a seal made for one purpose never opens for
//! another; `bound` is authenticated beside it and never stored.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::ambient::{Entropy, random};

const VERSION: u8 = 1;
const HEAD: usize = 1 + 4 + 24;

/// The 32 bytes from which every other key of the installation is derived.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// A master key that is not 32 bytes in standard base64.
#[derive(Debug, thiserror::Error)]
#[error("the master key must be 32 bytes in standard base64")]
pub struct BadMasterKey;

impl MasterKey {
    /// Reads the key from standard base64 with padding (RFC 4648 §4).
    ///
    /// # Errors
    /// When the text is not base64 of exactly 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, BadMasterKey> {
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| BadMasterKey)?);
        Ok(Self(Zeroizing::new(bytes.as_slice().try_into().map_err(|_| BadMasterKey)?)))
    }

    /// A new key.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(Zeroizing::new(random(entropy)))
    }

    /// The key in standard base64, for the file that keeps it.
    #[must_use]
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0.as_slice()))
    }

    /// A 32-byte key for one purpose.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut out = Zeroizing::new([0; 32]);
        let expanded = Hkdf::<Sha256>::new(Some(b"kabinet"), self.0.as_slice()).expand(purpose.as_bytes(), &mut *out);
        debug_assert!(expanded.is_ok(), "HKDF gives up to 8160 bytes");
        out
    }

    /// Seals and opens values of one purpose.
    #[must_use]
    pub fn sealer(&self, purpose: &str) -> Sealer {
        let id: [u8; 32] = *self.derive(&format!("{purpose}/id"));
        Sealer {
            cipher: XChaCha20Poly1305::new((&*self.derive(purpose)).into()),
            id: [id[0], id[1], id[2], id[3]],
        }
    }

    /// Makes and checks message authentication codes of one purpose.
    #[must_use]
    pub fn stamper(&self, purpose: &str) -> Stamper {
        Stamper { key: self.derive(purpose) }
    }
}

/// Seals values of one purpose.
#[derive(Clone)]
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    id: [u8; 4],
}

impl Sealer {
    /// Seals `plain`; `bound` must be given again to open it. Base64url without padding.
    #[must_use]
    pub fn seal(&self, plain: &[u8], bound: &[u8], entropy: &dyn Entropy) -> String {
        let nonce: [u8; 24] = random(entropy);
        let body = self.cipher.encrypt(XNonce::from_slice(&nonce), Payload { msg: plain, aad: bound });
        debug_assert!(body.is_ok(), "XChaCha20-Poly1305 fails beyond 256 GiB only");
        let mut out = Vec::with_capacity(HEAD + plain.len() + 16);
        out.push(VERSION);
        out.extend_from_slice(&self.id);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&body.unwrap_or_default());
        URL_SAFE_NO_PAD.encode(out)
    }

    /// Opens a seal; `None` for anything that this key did not seal for this purpose and this `bound`.
    #[must_use]
    pub fn open(&self, sealed: &str, bound: &[u8]) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        if bytes.len() < HEAD || bytes[0] != VERSION || bytes[1..5] != self.id {
            return None;
        }
        let payload = Payload { msg: &bytes[HEAD..], aad: bound };
        self.cipher.decrypt(XNonce::from_slice(&bytes[5..HEAD]), payload).ok()
    }
}

/// Message authentication codes (HMAC-SHA256) of one purpose.
#[derive(Clone)]
pub struct Stamper {
    key: Zeroizing<[u8; 32]>,
}

impl Stamper {
    /// The code over `parts`, each with its length before it; base64url.
    #[must_use]
    pub fn stamp(&self, parts: &[&str]) -> String {
        let Ok(mut mac) = <Hmac<Sha256> as Mac>::new_from_slice(self.key.as_slice()) else {
            return String::new();
        };
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }

    /// Whether `stamp` is the code over `parts`, in constant time.
    #[must_use]
    pub fn verify(&self, parts: &[&str], stamp: &str) -> bool {
        !stamp.is_empty() && bool::from(self.stamp(parts).as_bytes().ct_eq(stamp.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);
    impl Entropy for Fixed {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    #[test]
    fn a_seal_opens_only_for_its_purpose_key_and_bound_value() {
        let key = MasterKey::generate(&Fixed(1));
        let sealed = key.sealer("flow").seal(b"hello", b"browser", &Fixed(2));
        assert_eq!(key.sealer("flow").open(&sealed, b"browser").as_deref(), Some(&b"hello"[..]));
        assert_eq!(key.sealer("flow").open(&sealed, b"other"), None);
        assert_eq!(key.sealer("code").open(&sealed, b"browser"), None);
        assert_eq!(MasterKey::generate(&Fixed(9)).sealer("flow").open(&sealed, b"browser"), None);
    }

    #[test]
    fn every_single_changed_character_breaks_a_seal() {
        let sealer = MasterKey::generate(&Fixed(1)).sealer("flow");
        let sealed = sealer.seal(b"hello", b"", &Fixed(2));
        for i in 0..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[i] = if bytes[i] == b'A' { b'Q' } else { b'A' };
            assert_eq!(sealer.open(&String::from_utf8(bytes).unwrap(), b""), None, "at {i}");
        }
        assert_eq!(sealer.open("", b""), None);
    }

    #[test]
    fn parts_of_a_stamp_cannot_be_shifted_into_each_other() {
        let stamper = MasterKey::generate(&Fixed(1)).stamper("form");
        assert!(stamper.verify(&["ab", "c"], &stamper.stamp(&["ab", "c"])));
        assert!(!stamper.verify(&["a", "bc"], &stamper.stamp(&["ab", "c"])));
        assert!(!stamper.verify(&["ab", "c"], ""));
    }
}
