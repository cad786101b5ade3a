//! What stand-ins for OpenID providers have in common: signed tokens, codes, client authentication, PKCE, and [`Faults`]
//! that are asked for.

mod fault;
mod jose;
mod token;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kabinet_core::ambient::{Entropy, random};
use kabinet_core::time::Timestamp;
use openssl::sha::sha256;
use serde_json::json;

pub(crate) use fault::Asked;
pub use fault::{At, Failure, Fault, Faults};
pub use jose::Alg;
pub(crate) use jose::{Key, encode, hmac};
pub(crate) use token::{Draft, Keys, half_hash, id_token};

/// How long a code lives, seconds.
const CODE_LIFE: i64 = 60;

/// Names and values, as a query or a form has them.
pub(crate) type Pairs = Vec<(String, String)>;

/// A query or a form, read.
pub(crate) fn pairs(text: &str) -> Pairs {
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

/// A value; an empty text where it is absent.
pub(crate) fn value<'a>(pairs: &'a Pairs, name: &str) -> &'a str {
    pairs.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
}

/// Whether a name stands there more than once (RFC 6749 §3.1).
pub(crate) fn repeats(pairs: &Pairs) -> bool {
    let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.windows(2).any(|two| two[0] == two[1])
}

/// An address with these added to its query; empty values are left out.
pub(crate) fn address(base: &str, added: &[(&str, &str)]) -> String {
    let added = added.iter().filter(|(_, value)| !value.is_empty());
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(added).finish();
    let mark = if base.contains('?') { '&' } else { '?' };
    format!("{base}{mark}{query}")
}

/// An unguessable text.
pub(crate) fn fresh(entropy: &dyn Entropy) -> String {
    encode(&random::<24>(entropy))
}

/// An error of the token endpoint (RFC 6749 §5.2).
pub(crate) fn refusal(error: &str, description: &str) -> Response {
    let status = if error == "invalid_client" {
        StatusCode::UNAUTHORIZED
    } else {
        StatusCode::BAD_REQUEST
    };
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::WWW_AUTHENTICATE, "Basic realm=\"stand-in\"")];
    let body = Json(json!({"error": error, "error_description": description}));
    match status {
        StatusCode::UNAUTHORIZED => (status, headers, body).into_response(),
        _ => (status, [(header::CACHE_CONTROL, "no-store")], body).into_response(),
    }
}

/// The client and the secret that a request of the token endpoint has, in the header or in the form, never in both
/// (RFC 6749 §2.3.1).
pub(crate) fn credentials(headers: &HeaderMap, form: &Pairs) -> Option<(String, String)> {
    let (id, secret) = (value(form, "client_id").to_owned(), value(form, "client_secret").to_owned());
    let Some(header) = headers.get(header::AUTHORIZATION) else {
        return (!id.is_empty()).then_some((id, secret));
    };
    let basic = header.to_str().ok()?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(basic).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    let [user, password] = [user, password].map(decoded);
    let is_one = secret.is_empty() && (id.is_empty() || id == user);
    is_one.then_some((user, password))
}

fn decoded(text: &str) -> String {
    let form = format!("v={text}");
    form_urlencoded::parse(form.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// `code_challenge` and its method, as they came with the request.
#[derive(Clone, Default)]
pub(crate) struct Challenge {
    value: String,
    is_plain: bool,
}

impl Challenge {
    /// `None`: a method that does not exist.
    pub(crate) fn of(request: &Pairs) -> Option<Self> {
        let is_plain = match value(request, "code_challenge_method") {
            "S256" => false,
            "plain" | "" => true,
            _ => return None,
        };
        Some(Self { value: value(request, "code_challenge").to_owned(), is_plain })
    }

    /// Whether there is one.
    pub(crate) fn is_present(&self) -> bool {
        !self.value.is_empty()
    }

    /// RFC 7636 §4.6; a verifier without a challenge is refused, too (RFC 9700 §2.1.1).
    pub(crate) fn is_met(&self, verifier: &str) -> bool {
        match (self.is_present(), verifier.is_empty()) {
            (false, true) => true,
            (true, false) if self.is_plain => self.value == verifier,
            (true, false) => self.value == encode(&sha256(verifier.as_bytes())),
            _ => false,
        }
    }
}

/// Codes, each good once.
pub(crate) struct Codes<T>(Mutex<HashMap<String, Issued<T>>>);

struct Issued<T> {
    grant: T,
    until: Timestamp,
    is_used: bool,
}

impl<T> Default for Codes<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Codes<T> {
    /// A code, as the browser brings it; the faults of codes are here.
    pub(crate) fn issue(&self, grant: T, faults: &Faults, (now, entropy): (Timestamp, &dyn Entropy)) -> String {
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if faults.take(Fault::UnknownCode) {
            return fresh(entropy);
        }
        let used = codes.iter().find(|(_, issued)| issued.is_used).map(|(code, _)| code.clone());
        if let Some(used) = used
            && faults.take(Fault::UsedCode)
        {
            return used;
        }
        let life = if faults.take(Fault::ExpiredCode) { -1 } else { CODE_LIFE };
        let code = fresh(entropy);
        codes.insert(code.clone(), Issued { grant, until: now.plus(life), is_used: false });
        code
    }

    /// What a code stands for; a second time nothing, and nothing once it has expired.
    pub(crate) fn redeem(&self, code: &str, now: Timestamp) -> Option<T> {
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let issued = codes.get_mut(code)?;
        let is_good = !issued.is_used && now <= issued.until;
        issued.is_used = true;
        is_good.then(|| issued.grant.clone())
    }
}
