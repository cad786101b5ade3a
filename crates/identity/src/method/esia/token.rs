//! The tokens («маркеры») of ЕСИА: JSON Web Signatures that only its own certificates verify.
//!
//! 1. `alg` is one of the pinned set: `RS256`, `GOST3410_2012_256`. Which of them ЕСИА uses is a setting in its technical portal;
//!    `none` and everything else is refused before anything is computed.
//! 2. There is no `kid` and no JWKS: each trusted certificate of the algorithm's kind that is valid now is tried.
//! 3. The issuer is the contour's; the audience is the mnemonic, in `aud` of an id_token and in `client_id` of an access token.
//! 4. `exp`, `nbf` and `iat` hold with 60 s of leeway.
//! 5. A token of one kind is never taken for another (`sbt` in the header).
//!
//! Numbers and strings are both read where samples show both. Scopes come back as `name?oid=…`. `acr` is an object that tells of
//! TLS and is not looked at. Nothing here repeats a token in an error.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kabinet_core::time::Timestamp;
use kabinet_gost::Certificate;
use kabinet_gost::signature::{Bare, verify_bare};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Seconds by which a time may be off (RFC 7519 §4.1.4).
const LEEWAY: i64 = 60;
/// The longest token that is read, in bytes.
const LONGEST: usize = 32 * 1024;
/// The most digits of an OID.
const OID_DIGITS: usize = 20;

/// An algorithm that ЕСИА signs its tokens with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenAlgorithm {
    /// RSA with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// ГОСТ Р 34.10-2012 with 256 bits.
    #[serde(rename = "GOST3410_2012_256")]
    Gost256,
}

impl TokenAlgorithm {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Rs256, Self::Gost256];

    /// The name in `alg`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Gost256 => "GOST3410_2012_256",
        }
    }

    const fn bare(self) -> Bare {
        match self {
            Self::Rs256 => Bare::Rs256,
            Self::Gost256 => Bare::Gost256,
        }
    }

    /// Whether tokens of this algorithm can be verified with the key of the certificate.
    #[must_use]
    pub fn fits(self, certificate: &Certificate) -> bool {
        self.bare().fits(certificate)
    }
}

/// Which of the tokens it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Access,
    Identity,
}

/// What a token must be.
pub(super) struct Expected<'a> {
    pub algorithms: &'a [TokenAlgorithm],
    pub certificates: &'a [Certificate],
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub now: Timestamp,
}

impl Expected<'_> {
    /// The claims of a token that is to be believed; else why not, in words for the log.
    pub(super) fn verify(&self, token: &str, kind: Kind) -> Result<Map<String, Value>, String> {
        if token.len() > LONGEST {
            return Err("a token is too long".to_owned());
        }
        let (signed, signature) = token.rsplit_once('.').ok_or("a token is no JWS")?;
        let (header, payload) = signed.split_once('.').ok_or("a token is no JWS")?;
        let signature = URL_SAFE_NO_PAD.decode(signature.trim_end_matches('=')).map_err(|_| "a token is no JWS")?;
        let header = object(header).ok_or("the header of a token is no JSON object")?;
        self.check_signature(&header, signed.as_bytes(), &signature)?;
        check_kind(&header, kind)?;
        let claims = object(payload).ok_or("the claims of a token are no JSON object")?;
        self.check_claims(&claims, kind)?;
        Ok(claims)
    }

    fn check_signature(&self, header: &Map<String, Value>, signed: &[u8], signature: &[u8]) -> Result<(), String> {
        let named = header.get("alg").and_then(Value::as_str).unwrap_or_default();
        // RFC 8725 §3.1: the algorithm is the verifier's choice.
        let allowed = self.algorithms.iter().find(|one| one.as_str() == named);
        let Some(algorithm) = allowed else {
            let known = TokenAlgorithm::ALL.iter().find(|one| one.as_str() == named);
            return Err(match known {
                Some(known) => {
                    format!("a token is signed with {}, which esia.token_algorithms leaves out", known.as_str())
                }
                None => "a token is signed with no algorithm of ESIA's".to_owned(),
            });
        };
        // RFC 7515 §4.1.11: nothing that must be understood is.
        if header.contains_key("crit") {
            return Err("a token has a header that must be understood and is not".to_owned());
        }
        let fits: Vec<&Certificate> = self.certificates.iter().filter(|one| algorithm.fits(one)).collect();
        let is_valid = |one: &&&Certificate| one.not_before() <= self.now.0 && self.now.0 <= one.not_after();
        let valid: Vec<&&Certificate> = fits.iter().filter(is_valid).collect();
        if valid.iter().any(|one| verify_bare(one, algorithm.bare(), signed, signature).is_ok()) {
            return Ok(());
        }
        Err(format!(
            "a token is signed with {} and none of {} valid certificates verifies it ({} of that kind in \
             esia.token_certificates)",
            algorithm.as_str(),
            valid.len(),
            fits.len()
        ))
    }

    fn check_claims(&self, claims: &Map<String, Value>, kind: Kind) -> Result<(), String> {
        if claims.get("iss").and_then(Value::as_str) != Some(self.issuer) {
            return Err(format!("a token is not issued by {}", self.issuer));
        }
        let audience = match kind {
            Kind::Access => claims.get("client_id"),
            Kind::Identity => match claims.get("aud") {
                Some(Value::Array(several)) if several.len() == 1 => several.first(),
                other => other,
            },
        };
        if audience.and_then(Value::as_str) != Some(self.client_id) {
            return Err("a token is meant for another system".to_owned());
        }
        let moment = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or_else(|| format!("{name} of a token is no time")),
        };
        match moment("exp")? {
            Some(exp) if self.now.0 < exp.saturating_add(LEEWAY) => {}
            _ => return Err("a token has expired".to_owned()),
        }
        for name in ["nbf", "iat"] {
            if moment(name)?.is_some_and(|from| self.now.0.saturating_add(LEEWAY) < from) {
                return Err("a token is not valid yet".to_owned());
            }
        }
        Ok(())
    }
}

/// `sbt` is in every access token and code that was seen, in no id_token.
fn check_kind(header: &Map<String, Value>, kind: Kind) -> Result<(), String> {
    let sbt = header.get("sbt").and_then(Value::as_str);
    let is_other = match kind {
        Kind::Access => sbt.is_some_and(|sbt| sbt != "access"),
        Kind::Identity => sbt.is_some_and(|sbt| ["access", "authorization_code", "refresh"].contains(&sbt)),
    };
    if is_other {
        Err("a token is of another kind".to_owned())
    } else {
        Ok(())
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// An OID, written as a number or as text: digits.
pub(super) fn oid(value: Option<&Value>) -> Option<String> {
    let text = match value? {
        Value::Number(number) => number.as_u64()?.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    let is_oid = (1..=OID_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_oid.then_some(text)
}

/// The scopes that an access token gives: bare names (the last part of those that are addresses) with the OID that each was
/// given for.
pub(super) struct Granted(Vec<(String, Option<String>)>);

impl Granted {
    pub(super) fn of(claims: &Map<String, Value>) -> Self {
        let scope = claims.get("scope").and_then(Value::as_str).unwrap_or_default();
        let one = |scope: &str| {
            let (name, of) = scope.split_once('?').map_or((scope, None), |(name, of)| (name, Some(of)));
            let name = name.rsplit('/').next().unwrap_or(name);
            let oid = of.and_then(|of| of.split_once('=')).map(|(_, oid)| oid.to_owned());
            (name.to_owned(), oid)
        };
        Self(scope.split_ascii_whitespace().map(one).collect())
    }

    /// Whether one of the names was given for this OID, or for nobody in particular.
    pub(super) fn has(&self, names: &[&str], oid: &str) -> bool {
        let is_given = |(name, of): &(String, Option<String>)| {
            names.contains(&name.as_str()) && of.as_deref().is_none_or(|of| of == oid)
        };
        self.0.iter().any(is_given)
    }

    /// Whether something about this organisation was given by name.
    pub(super) fn has_organisation(&self, oid: &str) -> bool {
        self.0.iter().any(|(name, of)| name.starts_with("org_") && of.as_deref() == Some(oid))
    }
}
