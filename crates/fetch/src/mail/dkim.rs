//! Signatures over letters: DKIM (RFC 6376), RSA with SHA-256 or Ed25519 (RFC 8463), relaxed/relaxed.
//!
//! 1. The body is hashed with its white space evened out (§3.4.4).
//! 2. The headers of [`SIGNED`] are evened out (§3.4.2) and signed together with the signature's own header, whose `b` is
//!    still empty (§3.7).
//!
//! Headers of [`ONCE`] are listed once more than they occur, so that a second one added on the way breaks the signature
//! (§8.15). No `l` (a body could be added to), no `x`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Private};
use openssl::sha::sha256;
use openssl::sign::Signer as OpensslSigner;

use super::BadRelay;

/// How letters are signed. Shows nothing in `Debug`: it has none.
#[derive(Clone)]
pub struct Dkim {
    /// The domain that answers for the letter: the sender's, or one above it.
    pub domain: String,
    /// The name of the public key in the DNS, `SELECTOR._domainkey.DOMAIN`.
    pub selector: String,
    /// The private key, PEM: RSA or Ed25519.
    pub key: Bytes,
}

const SIGNED: [&str; 7] = ["from", "to", "subject", "date", "message-id", "mime-version", "content-type"];
const ONCE: [&str; 3] = ["from", "to", "subject"];

pub(super) struct Signer {
    domain: String,
    selector: String,
    key: PKey<Private>,
}

impl Signer {
    pub(super) fn new(dkim: &Dkim) -> Result<Self, BadRelay> {
        if !is_name(&dkim.domain) || !is_name(&dkim.selector) {
            return Err(BadRelay::DkimName);
        }
        let key = PKey::private_key_from_pem(&dkim.key).map_err(|_| BadRelay::DkimKey)?;
        // RFC 8301 §3.2: signers use RSA keys of at least 1024 bits.
        let is_fit = key.id() == Id::ED25519 || (key.id() == Id::RSA && key.bits() >= 1024);
        if !is_fit {
            return Err(BadRelay::DkimKey);
        }
        Ok(Self {
            domain: dkim.domain.clone(),
            selector: dkim.selector.clone(),
            key,
        })
    }

    /// The header that signs the letter, its line end included.
    pub(super) fn sign(&self, letter: &[u8], date: u64) -> Option<String> {
        let text = std::str::from_utf8(letter).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let body_hash = STANDARD.encode(sha256(relaxed_body(body).as_bytes()));
        let listed: Vec<_> = SIGNED.into_iter().chain(ONCE).collect();
        let algorithm = if self.key.id() == Id::RSA { "rsa-sha256" } else { "ed25519-sha256" };
        let unsigned = format!(
            "DKIM-Signature: v=1; a={algorithm}; c=relaxed/relaxed; d={};\r\n s={}; t={date};\r\n h={};\r\n bh={body_hash};\r\n b=",
            self.domain,
            self.selector,
            listed.join(":"),
        );
        let mut hashed = String::new();
        for name in SIGNED {
            hashed.push_str(&relaxed_header(header(head, name)?)?);
            hashed.push_str("\r\n");
        }
        hashed.push_str(&relaxed_header(&unsigned)?);
        let signature = STANDARD.encode(self.raw(hashed.as_bytes())?);
        Some(format!("{unsigned}{}\r\n", folded(&signature)))
    }

    fn raw(&self, data: &[u8]) -> Option<Vec<u8>> {
        if self.key.id() == Id::RSA {
            let mut signer = OpensslSigner::new(MessageDigest::sha256(), &self.key).ok()?;
            return signer.sign_oneshot_to_vec(data).ok();
        }
        // RFC 8463 §3: Ed25519 signs the SHA-256 hash of the data.
        let mut signer = OpensslSigner::new_without_digest(&self.key).ok()?;
        signer.sign_oneshot_to_vec(&sha256(data)).ok()
    }
}

/// A name in the DNS, ASCII.
fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(is_sign)
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// The header of this name, folded as it stands.
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut at = 0;
    while at < head.len() {
        let rest = &head[at..];
        let mut end = rest.find("\r\n").unwrap_or(rest.len());
        while rest[end..].starts_with("\r\n ") || rest[end..].starts_with("\r\n\t") {
            end += 2 + rest[end + 2..].find("\r\n").unwrap_or(rest.len() - end - 2);
        }
        let found = &rest[..end];
        if found.split_once(':').is_some_and(|(one, _)| one.trim_end().eq_ignore_ascii_case(name)) {
            return Some(found);
        }
        at += end + 2;
    }
    None
}

/// RFC 6376 §3.4.2, without the line end.
fn relaxed_header(header: &str) -> Option<String> {
    let (name, value) = header.split_once(':')?;
    let words: Vec<_> = value.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()).collect();
    Some(format!("{}:{}", name.trim_end().to_ascii_lowercase(), words.join(" ")))
}

/// RFC 6376 §3.4.4.
fn relaxed_body(body: &str) -> String {
    let mut out = String::new();
    let mut empty = 0;
    for line in body.split("\r\n") {
        let line = relaxed_line(line);
        if line.is_empty() {
            empty += 1;
            continue;
        }
        out.extend(std::iter::repeat_n("\r\n", std::mem::take(&mut empty)));
        out.push_str(&line);
        out.push_str("\r\n");
    }
    out
}

fn relaxed_line(line: &str) -> String {
    let mut out = String::new();
    for piece in line.split_inclusive([' ', '\t']) {
        let word = piece.trim_end_matches([' ', '\t']);
        out.push_str(word);
        if word.len() < piece.len() && !out.ends_with(' ') {
            out.push(' ');
        }
    }
    out.truncate(out.trim_end_matches(' ').len());
    out
}

/// RFC 5322 §2.1.1: lines of at most 78 characters.
fn folded(signature: &str) -> String {
    let mut out = String::new();
    for (at, sign) in signature.chars().enumerate() {
        if at > 0 && at % 72 == 0 {
            out.push_str("\r\n ");
        }
        out.push(sign);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_and_headers_are_evened_out_as_the_standard_shows() {
        // RFC 6376 §3.4.5, example 1.
        assert_eq!(relaxed_header("A: X").unwrap(), "a:X");
        assert_eq!(relaxed_header("B : Y\t\r\n\tZ  ").unwrap(), "b:Y Z");
        assert_eq!(relaxed_body(" C \r\nD \t E\r\n\r\n\r\n"), " C\r\nD E\r\n");
        for (body, expected) in [
            ("", ""),
            ("\r\n\r\n", ""),
            ("a", "a\r\n"),
            ("a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n"),
            ("\r\na", "\r\na\r\n"),
            ("  \r\na \t\r\n \r\n", "\r\na\r\n"),
        ] {
            assert_eq!(relaxed_body(body), expected, "{body:?}");
        }
    }

    #[test]
    fn a_header_is_found_with_its_folded_lines() {
        let head = "Subject: a\r\n b\r\nTo: c\r\nX-To: d";
        assert_eq!(header(head, "subject"), Some("Subject: a\r\n b"));
        assert_eq!(header(head, "to"), Some("To: c"));
        assert_eq!(header(head, "x-to"), Some("X-To: d"));
        assert_eq!(header(head, "from"), None);
    }
}
