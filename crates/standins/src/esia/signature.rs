//! `client_secret`: what a client signs, how, and why a signature is refused.
//!
//! | call | what is signed, one value after the other |
//! |---|---|
//! | first version, any | `scope`, `timestamp`, `client_id`, `state` |
//! | `/v2/ac` | `client_id`, `scope`, `scope_org`, `timestamp`, `state`, `redirect_uri` |
//! | `/v3/te`, a code | the same and `code` |
//! | `/v3/te`, client credentials | `client_id`, `scope`, `timestamp`, `state`, `redirect_uri` |
//! | `/v3/te`, a refresh | as `/v2/ac`, or `client_id`, `scope`, `timestamp`, `state`, `refresh_token`: public clients disagree |
//!
//! 1. The first version is a detached CMS message; its signer must be a registered certificate (007002, else 007005).
//! 2. The second is the bare signature s‖r, 64 bytes, with the certificate that `client_certificate_hash` names (007053).
//! 3. A refusal is explained: the expected string with the length of each part, its digest, the hash that came, and what the
//!    signature turns out to be where it is a known mistake (reversed, r‖s, another order, another key). It is still refused.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose as Engine};
use kabinet_gost::digest::Digest;
use kabinet_gost::verdict::Reason;
use kabinet_gost::{Certificate, detached, oid, signature};

use super::code::{self, Refusal};
use super::credentials::pem;
use super::fields::Fields;
use super::system::{Client, Known};

/// Which version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// `/ac`, `/te`: CMS.
    First,
    /// `/v2/ac`, `/v3/te`: bare.
    Second,
}

/// With padding or without.
const EITHER: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const URL_SAFE: Engine = GeneralPurpose::new(&alphabet::URL_SAFE, EITHER);
const STANDARD: Engine = GeneralPurpose::new(&alphabet::STANDARD, EITHER);

/// The parts of the string for `/v2/ac`, and for a refresh as most do it.
pub(super) const AUTHORIZE: &[&str] = &["client_id", "scope", "scope_org", "timestamp", "state", "redirect_uri"];
pub(super) const FIRST: &[&str] = &["scope", "timestamp", "client_id", "state"];
pub(super) const CODE: &[&str] = &["client_id", "scope", "scope_org", "timestamp", "state", "redirect_uri", "code"];
pub(super) const CREDENTIALS: &[&str] = &["client_id", "scope", "timestamp", "state", "redirect_uri"];
pub(super) const REFRESH_WITH_TOKEN: &[&str] = &["client_id", "scope", "timestamp", "state", "refresh_token"];

/// Every order of parts that some client signs; the first that is right for a call is tried by name, the others explain.
const ORDERS: &[(&str, &[&str])] = &[
    ("the first version", FIRST),
    ("/v2/ac", AUTHORIZE),
    ("/v2/ac without scope_org", CREDENTIALS),
    ("/v3/te with a code", CODE),
    (
        "/v3/te with a code, without scope_org",
        &["client_id", "scope", "timestamp", "state", "redirect_uri", "code"],
    ),
    ("/v3/te with a refresh token", REFRESH_WITH_TOKEN),
];

/// Decodes what came as base64.
pub(super) fn decode(text: &str, is_lenient: bool) -> Option<Vec<u8>> {
    if !is_lenient {
        return URL_SAFE_NO_PAD.decode(text).ok();
    }
    URL_SAFE.decode(text).or_else(|_| STANDARD.decode(text)).ok()
}

/// A request whose signature is to be checked.
pub(super) struct Request<'a> {
    pub(super) fields: &'a Fields,
    pub(super) version: Version,
    /// The strings that may be signed, each as its parts.
    pub(super) allowed: &'a [&'a [&'a str]],
    pub(super) is_lenient: bool,
    pub(super) now: i64,
}

impl Request<'_> {
    fn string(&self, parts: &[&str]) -> String {
        parts.iter().map(|part| self.fields.get(part)).collect()
    }

    /// Checks the hash and the signature.
    pub(super) fn check(&self, client: &Client) -> Result<(), Refusal> {
        match self.version {
            Version::First => self.check_message(client),
            Version::Second => self.check_bare(self.certificate(client)?, client),
        }
    }

    /// The certificate that the hash names.
    fn certificate<'c>(&self, client: &'c Client) -> Result<&'c Known, Refusal> {
        let given = self.fields.get("client_certificate_hash");
        let refuse = |why: &str| {
            let known = client.certificates.iter().map(|one| {
                let state = if one.serves(self.now) {
                    ""
                } else {
                    " (not active or not valid now)"
                };
                format!("registered certificate: {}{state}", one.hash)
            });
            let given = format!("received hash: {given} ({} characters)", given.len());
            Err(code::SECRET_WRONG.because(why).with(std::iter::once(given).chain(known).collect()))
        };
        if let Some(known) = client.certificates.iter().find(|one| one.hash == given) {
            return match known.serves(self.now) {
                true => Ok(known),
                false => refuse("the certificate of this hash is not active or not valid now"),
            };
        }
        let of = |one: &Known| mistaken_hash(given, &one.certificate, &one.hash);
        match client.certificates.iter().find_map(of) {
            Some(mistake) => refuse(mistake),
            None if client.certificates.is_empty() => refuse("the system has no certificate registered"),
            None => refuse("client_certificate_hash is of no certificate that is registered for the system"),
        }
    }

    fn check_bare(&self, known: &Known, client: &Client) -> Result<(), Refusal> {
        let secret = self.fields.get("client_secret");
        let Some(bytes) = decode(secret, self.is_lenient) else {
            return Err(code::SECRET_WRONG.because(not_base64(secret)).with(self.explain()));
        };
        if bytes.len() != 64 {
            let why = if bytes.first() == Some(&0x30) {
                "client_secret is a CMS message; this version wants the bare signature".to_owned()
            } else {
                format!("client_secret has {} bytes instead of 64", bytes.len())
            };
            return Err(code::SECRET_WRONG.because(why).with(self.explain()));
        }
        let is_signed = |one: &Known, text: &str, bytes: &[u8]| {
            let digest = Digest::Streebog256.of(text.as_bytes());
            signature::verify(one.set, &one.key, &digest, bytes).is_ok()
        };
        if self.allowed.iter().any(|parts| is_signed(known, &self.string(parts), &bytes)) {
            return Ok(());
        }
        let why = self.mistake(known, client, &bytes, is_signed);
        let why =
            why.unwrap_or_else(|| "the signature is not of the expected string with this certificate's key".into());
        Err(code::SECRET_WRONG.because(why).with(self.explain()))
    }

    /// What a signature that does not hold was meant to be.
    fn mistake(
        &self,
        known: &Known,
        client: &Client,
        bytes: &[u8],
        is_signed: impl Fn(&Known, &str, &[u8]) -> bool,
    ) -> Option<String> {
        let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
        let swapped = [&bytes[32..], &bytes[..32]].concat();
        let forms = [
            (bytes, ""),
            (&reversed, "its bytes are in reverse order, as CryptoPro gives them: reverse all 64"),
            (&swapped, "it is r‖s: put s first"),
        ];
        let expected = self.allowed.first().map(|parts| self.string(parts)).unwrap_or_default();
        for (form, mistake) in forms {
            if is_signed(known, &expected, form) {
                return Some(mistake.to_owned());
            }
            let order = ORDERS.iter().find(|(_, parts)| is_signed(known, &self.string(parts), form));
            if let Some((name, _)) = order {
                let and = if mistake.is_empty() {
                    String::new()
                } else {
                    format!("; and {mistake}")
                };
                return Some(format!("what is signed is the string for {name}{and}"));
            }
        }
        let other = client
            .certificates
            .iter()
            .find(|other| other.hash != known.hash && is_signed(other, &expected, bytes));
        other.map(|other| format!("it is signed with the key of another certificate of the system, {}", other.hash))
    }

    fn check_message(&self, client: &Client) -> Result<(), Refusal> {
        let secret = self.fields.get("client_secret");
        let Some(bytes) = decode(secret, self.is_lenient) else {
            return Err(code::UNAUTHORIZED.because(not_base64(secret)).with(self.explain()));
        };
        let active: Vec<Certificate> = client
            .certificates
            .iter()
            .filter(|one| one.serves(self.now))
            .map(|one| one.certificate.clone())
            .collect();
        let outcomes = self
            .allowed
            .iter()
            .map(|parts| detached::signer(&bytes, self.string(parts).as_bytes(), &active));
        let mut fault = None;
        for outcome in outcomes {
            match outcome {
                Ok(_) => return Ok(()),
                Err(refusal) => fault = Some(refusal),
            }
        }
        let Some(fault) = fault else { return Ok(()) };
        let code = match fault.reason {
            Reason::CertificateMissing => code::CERTIFICATE_MISMATCH,
            _ => code::UNAUTHORIZED,
        };
        let why = if bytes.len() == 64 {
            "client_secret is a bare signature; the first version wants a detached CMS message".to_owned()
        } else {
            let order = ORDERS
                .iter()
                .find(|(_, parts)| detached::signer(&bytes, self.string(parts).as_bytes(), &active).is_ok());
            match order {
                Some((name, _)) => format!("what is signed is the string for {name}"),
                None => fault.to_string(),
            }
        };
        Err(code.because(why).with(self.explain()))
    }

    /// The expected string, its parts with their lengths in bytes, its digest.
    fn explain(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for parts in self.allowed {
            let string = self.string(parts);
            let digest = oid::hex(&Digest::Streebog256.of(string.as_bytes()));
            let lengths: Vec<String> =
                parts.iter().map(|part| format!("{part} {}", self.fields.get(part).len())).collect();
            lines.push(format!("expected string ({} bytes): {string}", string.len()));
            lines.push(format!("lengths: {}", lengths.join(", ")));
            lines.push(format!("Стрибог-256 of it: {digest}"));
        }
        let hash = self.fields.get("client_certificate_hash");
        if !hash.is_empty() {
            lines.push(format!("received hash: {hash} ({} characters)", hash.len()));
        }
        let secret = self.fields.get("client_secret");
        lines.push(format!("received client_secret: {} characters", secret.len()));
        lines
    }
}

fn not_base64(secret: &str) -> String {
    let hint = if secret.contains(' ') {
        ": a `+` of base64 must be sent as %2B"
    } else {
        ""
    };
    format!("client_secret is no base64url{hint}")
}

/// What the hash is where it is not that of the DER in upper case.
fn mistaken_hash(given: &str, certificate: &Certificate, right: &str) -> Option<&'static str> {
    let lower = given.to_ascii_lowercase();
    let is = |digest: Digest, bytes: &[u8]| oid::hex(&digest.of(bytes)) == lower;
    let der = certificate.der();
    let reversed: Vec<u8> = Digest::Streebog256.of(der).into_iter().rev().collect();
    let pem = pem("CERTIFICATE", der);
    if right.eq_ignore_ascii_case(given) {
        Some("client_certificate_hash is in lower case")
    } else if is(Digest::Sha1, der) {
        Some("client_certificate_hash is SHA-1, the thumbprint that Windows shows; Стрибог-256 of the DER is wanted")
    } else if is(Digest::Sha256, der) {
        Some("client_certificate_hash is SHA-256; Стрибог-256 of the DER is wanted")
    } else if oid::hex(&reversed) == lower {
        Some("client_certificate_hash has its bytes in reverse order")
    } else if [pem.as_str(), pem.trim_end()].iter().any(|pem| is(Digest::Streebog256, pem.as_bytes())) {
        Some("client_certificate_hash is of the PEM file; that of the DER is wanted")
    } else {
        None
    }
}
