//! Signatures of any text by the people of the ГОСТ fixtures.
//!
//! A fixture is a whole CMS message that OpenSSL's engine made; here its digest and its signature are replaced by those of
//! another text. The certificate, the signed attributes and the encoding stay the engine's.

use std::ops::Range;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kabinet_core::ambient::Entropy;
use kabinet_gost::digest::Digest;
use kabinet_gost::signature::SigningKey;
use kabinet_gost::{Certificate, pem};

use crate::browser::Browser;

/// The attribute messageDigest (RFC 5652 §11.2), DER.
const MESSAGE_DIGEST: [u8; 11] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];

/// A file of the ГОСТ fixtures.
///
/// # Panics
/// When there is no such file.
#[must_use]
pub fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/gost/fixtures").join(name);
    std::fs::read(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// A text that is to be signed.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// Its number.
    pub id: String,
    /// The text.
    pub text: Vec<u8>,
    /// The code on the screen.
    pub code: String,
}

impl Challenge {
    /// Asks for a text as the script of the page of a certificate does.
    ///
    /// # Panics
    /// When none is given.
    pub async fn of(browser: &Browser) -> Self {
        let answer = Self::asked(browser).await;
        let of = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        Self {
            id: of("challenge"),
            text: STANDARD.decode(of("text")).expect("base64"),
            code: of("code"),
        }
    }

    /// What the script is answered.
    ///
    /// # Panics
    /// When the page is none of a certificate.
    pub async fn asked(browser: &Browser) -> serde_json::Value {
        let mut script = browser.clone();
        let body = script.filled("certificate-form", &[], "submit");
        script.post("/login/certificate/challenge", &body).await;
        script.page.answer.as_ref().expect("an answer").json()
    }
}

/// Somebody of the fixtures who signs: `person-256`, `person-512`, `org-256`, `expired-256`, `revoked-256`, `plain-256`.
#[derive(Clone, Copy, Debug)]
pub struct Holder(pub &'static str);

impl Holder {
    /// A detached signature of the text, base64.
    ///
    /// # Panics
    /// When the fixture is not what it should be.
    #[must_use]
    pub fn sign(self, text: &[u8], entropy: &dyn Entropy) -> String {
        STANDARD.encode(self.message(text, entropy))
    }

    /// What the script puts into the form of the page that is shown: `challenge` and `signature`.
    pub async fn fields(self, browser: &Browser, entropy: &dyn Entropy) -> [(&'static str, String); 2] {
        let asked = Challenge::of(browser).await;
        let signature = self.sign(&asked.text, entropy);
        [("challenge", asked.id), ("signature", signature)]
    }

    /// The same as [`sign`](Self::sign), as bytes.
    ///
    /// # Panics
    /// When the fixture is not what it should be.
    #[must_use]
    pub fn message(self, text: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        self.message_under(&certificate(self.0), text, entropy)
    }

    /// A detached signature of the text under another certificate of the same key and length, see [`reissue`], base64.
    ///
    /// # Panics
    /// When the fixture is not what it should be.
    #[must_use]
    pub fn sign_under(self, certificate: &[u8], text: &[u8], entropy: &dyn Entropy) -> String {
        STANDARD.encode(self.message_under(certificate, text, entropy))
    }

    fn message_under(self, under: &[u8], text: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        let mut message = fixture(&format!("detached-{}.p7s", self.0));
        let own = certificate(self.0);
        let (set, _) = Certificate::parse(&own).expect("a certificate").gost_key().expect("a key of ГОСТ");
        let digest = if set.bits() == 512 {
            Digest::Streebog512
        } else {
            Digest::Streebog256
        };

        // The certificate stands in the message, and its digest in the attribute signingCertificateV2.
        if under != own {
            replace(&mut message, &own, under);
            replace(&mut message, &digest.of(&own), &digest.of(under));
        }

        let (attributes, signature) = signer(&message);
        let at = attributes.start + find(&message[attributes.clone()], &MESSAGE_DIGEST);
        let value = digest.of(text);
        // SET and OCTET STRING around it, each with a length of one byte.
        let at = at + MESSAGE_DIGEST.len() + 4;
        message[at..at + value.len()].copy_from_slice(&value);

        // RFC 5652 §5.4: the attributes are digested as a SET OF.
        let mut signed = message[attributes].to_vec();
        signed[0] = 0x31;
        let made = key(self.0).sign(&digest.of(&signed), |bytes| entropy.fill(bytes)).expect("a signature");
        message[signature].copy_from_slice(&made);
        message
    }
}

/// A certificate of the fixtures, DER.
fn certificate(name: &str) -> Vec<u8> {
    pem::read(&fixture(&format!("{name}.crt.pem"))).expect("a certificate").remove(0).der
}

fn key(name: &str) -> SigningKey {
    let (set, public) = Certificate::parse(&certificate(name))
        .expect("a certificate")
        .gost_key()
        .expect("a key of ГОСТ");
    let key = pem::read(&fixture(&format!("{name}.key.pem"))).expect("a key");
    let der = &key[0].der;
    let mut number = der[der.len() - set.bits() / 8..].to_vec();
    // The engine writes it little-endian.
    number.reverse();
    let key = SigningKey::new(set, &number).expect("a private key");
    assert_eq!(key.public_key().as_deref(), Some(public.as_slice()), "{name}");
    key
}

/// The certificate of somebody of the fixtures with other bytes in it, signed anew by the fixtures' authority. `changes`: what
/// stands there once, and what takes its place, of the same length.
///
/// # Panics
/// When the fixture is not what it should be.
#[must_use]
pub fn reissue(holder: Holder, changes: &[(&[u8], &[u8])], entropy: &dyn Entropy) -> Vec<u8> {
    let mut issued = certificate(holder.0);
    for (old, new) in changes {
        replace(&mut issued, old, new);
    }
    let parts = children(&issued, inside(&issued, 0..issued.len()));
    let digest = Digest::Streebog256.of(&issued[parts[0].clone()]);
    let made = key("issuing-ca").sign(&digest, |bytes| entropy.fill(bytes)).expect("a signature");
    let end = issued.len();
    issued[end - made.len()..].copy_from_slice(&made);
    issued
}

/// Replaces what stands there by as many bytes.
fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    assert_eq!(old.len(), new.len());
    let at = find(bytes, old);
    bytes[at..at + new.len()].copy_from_slice(new);
}

fn find(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
        .expect("bytes that stand there")
}

/// Where the signed attributes stand, with their tag, and where the signature's octets do.
fn signer(message: &[u8]) -> (Range<usize>, Range<usize>) {
    let content_info = inside(message, 0..message.len());
    let explicit = children(message, content_info)[1].clone();
    let signed_data = children(message, inside(message, explicit))[0].clone();
    let infos = children(message, inside(message, signed_data)).pop().expect("signerInfos");
    let info = children(message, inside(message, infos))[0].clone();
    let parts = children(message, inside(message, info));
    let attributes = parts.iter().find(|part| message[part.start] == 0xa0).expect("signed attributes");
    let signature = parts.iter().rev().find(|part| message[part.start] == 0x04).expect("a signature");
    (attributes.clone(), inside(message, signature.clone()))
}

/// The content of the element that stands here.
fn inside(message: &[u8], element: Range<usize>) -> Range<usize> {
    let (header, length) = header(&message[element.start..]);
    element.start + header..element.start + header + length
}

/// The elements in a content, each with its tag.
fn children(message: &[u8], content: Range<usize>) -> Vec<Range<usize>> {
    let (mut found, mut at) = (Vec::new(), content.start);
    while at < content.end {
        let (header, length) = header(&message[at..]);
        found.push(at..at + header + length);
        at += header + length;
    }
    found
}

/// How long tag and length are, and how long the content is (X.690 §8.1, definite lengths).
fn header(element: &[u8]) -> (usize, usize) {
    match element[1] {
        short @ ..0x80 => (2, usize::from(short)),
        long => {
            let bytes = usize::from(long & 0x7f);
            let length = element[2..2 + bytes].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            (2 + bytes, length)
        }
    }
}
