//! Sign-in through Госуслуги (ЕСИА), by its own protocol: v2/ac with v3/te, or v1 (Методические рекомендации по использованию
//! ЕСИА; the published clients that were compared stand in docs/how-to/esia.en.md).
//!
//! 1. `begin` signs the request (`request`) with whoever holds the key ([`signer`]) and sends the browser to ЕСИА.
//! 2. `finish` reads what came back: an error by ЕСИА's own code (`error`), or a code.
//! 3. The code goes to the back channel with a signature, a time and a state of its own; the answer must repeat that state.
//! 4. Both tokens are verified (`token`) and must name one subject.
//! 5. The person, the contacts and the roles are asked for, each only where the granted scope covers it (`person`).
//! 6. Where only confirmed accounts are wanted, ЕСИА was asked to refuse others, and it is checked again here: that wish was not
//!    signed, so the browser could have taken it away.
//!
//! What is refused: addresses in answers that lead anywhere but to the back channel; `nonce` is not sent, ЕСИА breaks on it. No
//! token, code or answer is logged or repeated in an error, and none is kept: what a person is called is all that remains.
//!
//! The clock of ЕСИА is read from the `Date` of its answers. A difference up to [`MOST_SKEW`] is allowed for, in requests and in
//! the times of tokens, and told of.

mod error;
mod person;
mod request;
mod rest;
pub mod signer;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{ACCEPT, CONTENT_TYPE, DATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use kabinet_core::ambient::{Clock, Entropy, random};
use kabinet_core::external::External;
use kabinet_core::time::Timestamp;
use kabinet_fetch::{Fetch, Request, Response};
use kabinet_gost::digest::Digest;
use kabinet_gost::{Certificate, oid};
use serde_json::{Map, Value, json};
use sha2::Digest as _;
use url::Url;

use super::upstream::{Answer, Arrival, Departure, Start, Upstream, UpstreamError};
use person::Account;
use request::{Signed, under};
use rest::{Caller, bearer};
use signer::{Checked, Job, Signer, SignerError};
use token::{Expected, Granted, Kind};

pub use request::Protocol;
pub use token::TokenAlgorithm;

/// The largest difference between the clocks that is allowed for, in seconds.
pub const MOST_SKEW: i64 = 600;
/// The difference from which the operator is told, in seconds.
const WARNED_SKEW: i64 = 30;
/// The longest code that is sent on, in bytes. It is a JWT.
const LONGEST_CODE: usize = 8 * 1024;
/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 256 * 1024;

/// How ЕСИА is asked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of the contour: `esia`, `esia-test`. Links of one are none of the other.
    pub upstream: String,
    /// The mnemonic of the system.
    pub client_id: String,
    /// Where browsers reach ЕСИА.
    pub base: Url,
    /// Where this server reaches it: the same, or a gateway.
    pub back_channel: Url,
    /// `iss` of its tokens.
    pub issuer: String,
    /// The certificate of the system, as it was uploaded to the technical portal.
    pub certificate: Certificate,
    /// Whether the signer gives a bare signature from its last octet to its first.
    pub signer_reversed: bool,
    /// Scopes, separated by spaces, in the order in which they are signed and sent.
    pub scope: String,
    /// Scopes about an organisation that are asked for with the sign-in; v2 only.
    pub scope_org: String,
    /// Scopes about an organisation that the system asks for by itself, for each organisation of the person.
    pub org_scopes: Vec<String>,
    /// Which requests.
    pub protocol: Protocol,
    /// What tokens may be signed with.
    pub token_algorithms: Vec<TokenAlgorithm>,
    /// Whether an account must be confirmed.
    pub require_confirmed: bool,
    /// Whether a code is bound to the attempt by PKCE (RFC 7636).
    pub pkce: bool,
}

impl Settings {
    /// What names the certificate in requests: Стрибог-256 of its DER, 64 hexadecimal digits in upper case.
    #[must_use]
    pub fn certificate_hash(&self) -> String {
        oid::hex(&Digest::Streebog256.of(self.certificate.der())).to_uppercase()
    }
}

/// What the client is made from.
pub struct Parts {
    /// How ЕСИА is asked.
    pub settings: Settings,
    /// Who signs.
    pub signer: Arc<dyn Signer>,
    /// The certificates that ЕСИА signs tokens with.
    pub token_certificates: Vec<Certificate>,
    /// How ЕСИА is called.
    pub fetch: Fetch,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
}

/// Госуслуги, as somewhere to sign in.
pub struct Esia {
    settings: Settings,
    signer: Arc<dyn Signer>,
    trusted: ArcSwap<Vec<Certificate>>,
    fetch: Fetch,
    clock: Arc<dyn Clock>,
    /// Seconds by which the clock of ЕСИА is ahead.
    offset: AtomicI64,
    has_warned: AtomicBool,
}

/// Until when tokens of an algorithm can be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// The algorithm.
    pub algorithm: TokenAlgorithm,
    /// The last second at which one of the certificates is valid; `None`: none is valid now.
    pub until: Option<Timestamp>,
}

/// Until when tokens of each algorithm can be verified with these certificates.
#[must_use]
pub fn outlook(certificates: &[Certificate], algorithms: &[TokenAlgorithm], now: Timestamp) -> Vec<Outlook> {
    let of = |algorithm: &TokenAlgorithm| {
        let fits = || certificates.iter().filter(|one| algorithm.fits(one) && now.0 <= one.not_after());
        let is_covered = fits().any(|one| one.not_before() <= now.0);
        let until = fits().map(|one| Timestamp(one.not_after())).max().filter(|_| is_covered);
        Outlook { algorithm: *algorithm, until }
    };
    algorithms.iter().map(of).collect()
}

impl Esia {
    /// Puts the parts together; nobody is called yet.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { settings, signer, token_certificates, fetch, clock } = parts;
        Self {
            settings,
            signer,
            trusted: ArcSwap::from_pointee(token_certificates),
            fetch,
            clock,
            offset: AtomicI64::new(0),
            has_warned: AtomicBool::new(false),
        }
    }

    /// What names the system's certificate in requests.
    #[must_use]
    pub fn certificate_hash(&self) -> String {
        self.settings.certificate_hash()
    }

    /// Believes these certificates from now on.
    pub fn trust(&self, token_certificates: Vec<Certificate>) {
        self.trusted.store(Arc::new(token_certificates));
    }

    /// Until when tokens can be verified; also as a metric.
    #[must_use]
    pub fn outlook(&self, now: Timestamp) -> Vec<Outlook> {
        let found = outlook(&self.trusted.load(), &self.settings.token_algorithms, now);
        for one in &found {
            let left = one.until.map_or(0, |until| until.since(now).max(0));
            metrics::gauge!("kabinet_esia_token_certificate_seconds", "alg" => one.algorithm.as_str())
                .set(i32::try_from(left).map_or(f64::from(i32::MAX), f64::from));
        }
        found
    }

    /// Seconds by which the clock of ЕСИА is ahead of this one, as last measured.
    #[must_use]
    pub fn clock_offset(&self) -> i64 {
        self.offset.load(Ordering::Relaxed)
    }

    /// Lets the signer sign something that asks for nothing, and checks the signature.
    ///
    /// # Errors
    /// [`UpstreamError::Misconfigured`] or [`UpstreamError::Unavailable`], in words for the operator.
    pub async fn try_signer(&self, entropy: &dyn Entropy) -> Result<(), UpstreamError> {
        self.sign("kabinet doctor", self.clock.now(), entropy).await.map(drop)
    }

    /// The time at ЕСИА. A difference too large to be a clock's is not believed.
    fn there(&self, now: Timestamp) -> Timestamp {
        let offset = self.clock_offset();
        if offset.abs() <= MOST_SKEW { now.plus(offset) } else { now }
    }

    fn heed_clock(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let Some(date) = date.and_then(|date| httpdate::parse_http_date(date).ok()) else {
            return;
        };
        let Ok(since) = date.duration_since(std::time::UNIX_EPOCH) else {
            return;
        };
        let offset = Timestamp(i64::try_from(since.as_secs()).unwrap_or(i64::MAX)).since(self.clock.now());
        self.offset.store(offset, Ordering::Relaxed);
        let shown = i32::try_from(offset).unwrap_or(i32::MAX);
        metrics::gauge!("kabinet_esia_clock_offset_seconds").set(f64::from(shown));
        let is_off = offset.abs() > WARNED_SKEW;
        if is_off && !self.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                upstream = self.settings.upstream,
                offset,
                "the clock differs from that of ESIA; set it (NTP)"
            );
        }
        if !is_off {
            self.has_warned.store(false, Ordering::Relaxed);
        }
    }

    async fn call(&self, mut request: Request) -> Result<Response, UpstreamError> {
        request.max_body = Some(LONGEST_ANSWER);
        let answer = self.fetch.request(request).await;
        let answer = answer.map_err(|why| UpstreamError::Unavailable(why.to_string()))?;
        self.heed_clock(&answer.headers);
        Ok(answer)
    }

    async fn sign(&self, message: &str, now: Timestamp, entropy: &dyn Entropy) -> Result<String, UpstreamError> {
        let checked = Checked {
            signer: &*self.signer,
            certificate: &self.settings.certificate,
            is_reversed: self.settings.signer_reversed,
        };
        let form = self.settings.protocol.form();
        let job = Job { message: message.as_bytes(), form, now, entropy };
        checked.sign(job).await.map_err(|why| match why {
            SignerError::Unavailable(_) => UpstreamError::Unavailable(why.to_string()),
            SignerError::Unfit(detail) => UpstreamError::Misconfigured { code: "signer".to_owned(), detail },
        })
    }

    async fn start(&self, start: Start<'_>) -> Result<Departure, UpstreamError> {
        let timestamp = request::timestamp(self.there(start.now));
        let signed = Signed {
            settings: &self.settings,
            timestamp: &timestamp,
            state: start.state,
            redirect_uri: start.redirect_uri.as_str(),
        };
        let secret = self.sign(&signed.authorize_text(), self.there(start.now), start.entropy).await?;
        let verifier = self.settings.pkce.then(|| URL_SAFE_NO_PAD.encode(random::<32>(start.entropy)));
        // RFC 7636 §4.2.
        let challenge = verifier.as_ref().map(|verifier| URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(verifier)));
        let location = signed.location(&secret, challenge.as_deref());
        let location = location.ok_or_else(|| misconfigured("base", "esia.base_url cannot be used"))?;
        let kept = verifier.map_or_else(|| json!({}), |verifier| json!({ "verifier": verifier }));
        Ok(Departure { location, kept })
    }

    async fn arrive(&self, arrival: Arrival<'_>) -> Result<External, UpstreamError> {
        if let Some(error) = arrival.parameter("error") {
            return Err(error::of_answer(error, arrival.parameter("error_description").unwrap_or_default()));
        }
        let code = arrival.parameter("code").filter(|code| (1..=LONGEST_CODE).contains(&code.len()));
        let code = code.ok_or_else(|| UpstreamError::Stale("neither a code nor an error came back".to_owned()))?;
        let (access, identity) = self.redeem(arrival, code).await?;
        let access_claims = self.verify(&access, Kind::Access)?;
        let identity_claims = self.verify(&identity, Kind::Identity)?;
        let subject = subject(&access_claims, &identity_claims)?;
        let caller = Caller {
            authorization: bearer(&access)?,
            granted: Granted::of(&access_claims),
            subject: &subject,
            arrival,
        };
        self.person(&caller, &Account::of(&identity_claims)).await
    }

    fn verify(&self, token: &str, kind: Kind) -> Result<Map<String, Value>, UpstreamError> {
        let expected = Expected {
            algorithms: &self.settings.token_algorithms,
            certificates: &self.trusted.load(),
            issuer: &self.settings.issuer,
            client_id: &self.settings.client_id,
            now: self.there(self.clock.now()),
        };
        expected.verify(token, kind).map_err(UpstreamError::Untrusted)
    }

    /// Access token and id_token for a code.
    async fn redeem(&self, arrival: Arrival<'_>, code: &str) -> Result<(String, String), UpstreamError> {
        let (at, state) = (self.there(arrival.now), uuid(arrival.entropy));
        let timestamp = request::timestamp(at);
        let signed = Signed {
            settings: &self.settings,
            timestamp: &timestamp,
            state: &state,
            redirect_uri: arrival.redirect_uri.as_str(),
        };
        let secret = self.sign(&signed.code_text(code), at, arrival.entropy).await?;
        let mut fields = signed.code_fields(&secret, code);
        let verifier = arrival.kept.get("verifier").and_then(Value::as_str);
        fields.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        let answer = self.ask_token(&fields, &state).await?;
        let token = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        match (token("access_token"), token("id_token")) {
            (Some(access), Some(identity)) => Ok((access, identity)),
            (None, _) => Err(UpstreamError::Untrusted("the answer has no access_token".to_owned())),
            (_, None) => Err(misconfigured("id_token", "there is no id_token; esia.scope must hold openid")),
        }
    }

    /// An access token of the system itself, for these scopes.
    async fn own_token(&self, scope: &str, arrival: Arrival<'_>) -> Result<String, UpstreamError> {
        let (at, state) = (self.there(arrival.now), uuid(arrival.entropy));
        let timestamp = request::timestamp(at);
        let signed = Signed {
            settings: &self.settings,
            timestamp: &timestamp,
            state: &state,
            redirect_uri: arrival.redirect_uri.as_str(),
        };
        let secret = self.sign(&signed.client_text(scope), at, arrival.entropy).await?;
        let answer = self.ask_token(&signed.client_fields(&secret, scope), &state).await?;
        let token = answer.get("access_token").and_then(Value::as_str);
        let token = token.ok_or_else(|| UpstreamError::Untrusted("the answer has no access_token".to_owned()))?;
        self.verify(token, Kind::Access)?;
        Ok(token.to_owned())
    }

    async fn ask_token(&self, fields: &[(&str, &str)], state: &str) -> Result<Map<String, Value>, UpstreamError> {
        let hash = self.settings.certificate_hash();
        let hash = (self.settings.protocol == Protocol::V2).then_some(("client_certificate_hash", hash.as_str()));
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields.iter().copied().chain(hash))
            .finish();
        let mut request = Request::new(Method::POST, self.back(self.settings.protocol.token())?);
        request
            .headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        request.body = form.into();
        let answer = self.call(request).await?;
        // Some failures come as HTML.
        let Ok(fields) = serde_json::from_slice::<Map<String, Value>>(&answer.body) else {
            return Err(match answer.status.is_client_error() {
                // Perhaps for the code that a browser brought: that somebody answers is known all the same.
                true => misconfigured(&format!("status-{}", answer.status.as_u16()), "refused without a code of ESIA"),
                false => no_json(answer.status),
            });
        };
        if let Some(error) = fields.get("error").and_then(Value::as_str) {
            let description = fields.get("error_description").and_then(Value::as_str);
            return Err(error::of_answer(error, description.unwrap_or_default()));
        }
        if !answer.status.is_success() {
            return Err(UpstreamError::Unavailable(format!("status {}", answer.status.as_u16())));
        }
        if fields.get("state").and_then(Value::as_str) != Some(state) {
            return Err(UpstreamError::Untrusted("the answer repeats another state".to_owned()));
        }
        Ok(fields)
    }

    fn back(&self, path: &str) -> Result<Url, UpstreamError> {
        under(&self.settings.back_channel, path)
            .ok_or_else(|| misconfigured("back-channel", "esia.back_channel_url cannot be used"))
    }

    async fn greet(&self) -> Result<(), UpstreamError> {
        let answer = self.call(Request::new(Method::HEAD, self.back("")?)).await?;
        if answer.status.is_server_error() {
            return Err(UpstreamError::Unavailable(format!("status {}", answer.status.as_u16())));
        }
        Ok(())
    }
}

impl Upstream for Esia {
    fn begin<'a>(&'a self, start: Start<'a>) -> Answer<'a, Departure> {
        Box::pin(self.start(start))
    }

    fn finish<'a>(&'a self, arrival: Arrival<'a>) -> Answer<'a, External> {
        Box::pin(self.arrive(arrival))
    }

    fn leave(&self, back: &Url) -> Option<Url> {
        let mut url = under(&self.settings.base, "idp/ext/Logout")?;
        url.query_pairs_mut()
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_url", back.as_str());
        Some(url)
    }

    fn probe(&self) -> Answer<'_, ()> {
        Box::pin(self.greet())
    }
}

fn misconfigured(code: &str, detail: &str) -> UpstreamError {
    UpstreamError::Misconfigured { code: code.to_owned(), detail: detail.to_owned() }
}

fn no_json(status: StatusCode) -> UpstreamError {
    UpstreamError::Unavailable(format!("status {} with something that is no JSON object", status.as_u16()))
}

/// The one OID that both tokens name.
fn subject(access: &Map<String, Value>, identity: &Map<String, Value>) -> Result<String, UpstreamError> {
    let inner = identity.get("urn:esia:sbj").and_then(|subject| subject.get("urn:esia:sbj:oid"));
    let named = [access.get("urn:esia:sbj_id"), identity.get("sub")].map(token::oid);
    let [Some(one), Some(two)] = named else {
        return Err(UpstreamError::Untrusted("a token names nobody".to_owned()));
    };
    let is_other = inner.is_some() && token::oid(inner).as_ref() != Some(&one);
    if one != two || is_other {
        return Err(UpstreamError::Untrusted("the tokens name two people".to_owned()));
    }
    Ok(one)
}

/// A UUID of version 4, in lower case.
fn uuid(entropy: &dyn Entropy) -> String {
    let mut bytes = random::<16>(entropy);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = oid::hex(&bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
