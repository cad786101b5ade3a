//! A verifier outside, asked over HTTP: a certified one where an operator must have one.
//!
//! It is sent the signature and the text as one JSON object, and answers whether it accepts. Whom to believe, and what was
//! revoked, is its own business; whom the certificate names is read here, by the rules of [`kabinet_gost::identity`].
//! docs/reference/outside-verifier.md has both objects.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use kabinet_core::secret::Secret;
use kabinet_fetch::{Fetch, Request as Call};
use kabinet_gost::verdict::{RevocationStatus, Seen};
use kabinet_gost::verify::{Answer, Unavailable};
use kabinet_gost::{Accepted, Certificate, Content, Reason, Request, Require, Revocation, SignatureVerifier, Verdict};
use serde::{Deserialize, Serialize};
use url::Url;

/// The verifier at this address.
pub struct OutsideVerifier {
    fetch: Fetch,
    url: Url,
    bearer: Option<HeaderValue>,
    require: Require,
    revocation: Revocation,
}

/// What it is asked.
#[derive(Serialize)]
struct Question<'a> {
    /// The CMS message, base64.
    signature: String,
    /// What was to be signed, base64.
    content: String,
    /// The moment to decide for, seconds since 1970.
    at: i64,
    require: &'a Require,
    revocation: &'a Revocation,
}

/// What it answers.
#[derive(Deserialize)]
struct Reply {
    accepted: bool,
    /// One of our codes; any other counts as a signature that is bad.
    error: Option<String>,
    /// The signer's certificate, DER in base64.
    certificate: Option<String>,
    #[serde(default)]
    qualified: bool,
    revocation: Option<String>,
}

impl OutsideVerifier {
    /// One that is asked by this client. `token`: what it wants as a bearer token (RFC 6750).
    ///
    /// # Errors
    /// When the token cannot stand in a header.
    pub fn new(
        (fetch, url): (Fetch, Url),
        token: Option<&Secret>,
        (require, revocation): (Require, Revocation),
    ) -> Result<Self, http::header::InvalidHeaderValue> {
        let bearer = token
            .map(|token| {
                HeaderValue::try_from(format!("Bearer {}", token.expose())).map(|mut value| {
                    value.set_sensitive(true);
                    value
                })
            })
            .transpose()?;
        Ok(Self { fetch, url, bearer, require, revocation })
    }

    async fn ask(&self, request: Request<'_>) -> Result<Verdict, Unavailable> {
        let Content::Expected(content) = request.content else {
            return Err(Unavailable("it is never asked to explain a message".to_owned()));
        };
        let question = Question {
            signature: STANDARD.encode(request.signature),
            content: STANDARD.encode(content),
            at: request.now,
            require: &self.require,
            revocation: &self.revocation,
        };
        let unusable = |why: &str| Unavailable(format!("{why} ({})", self.url.host_str().unwrap_or_default()));
        let mut call = Call::new(Method::POST, self.url.clone());
        call.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        call.headers.extend(self.bearer.iter().map(|bearer| (AUTHORIZATION, bearer.clone())));
        call.body = serde_json::to_vec(&question)
            .map_err(|_| unusable("the question has no JSON form"))?
            .into();
        let answer = self.fetch.request(call).await.map_err(|error| unusable(&error.to_string()))?;
        if answer.status != StatusCode::OK {
            return Err(unusable(&format!("status {}", answer.status.as_u16())));
        }
        let reply: Reply =
            serde_json::from_slice(&answer.body).map_err(|_| unusable("the answer is not understood"))?;
        self.read(reply).map_err(unusable)
    }

    fn read(&self, reply: Reply) -> Result<Verdict, &'static str> {
        let certificate = reply.certificate.map(|text| {
            let der = STANDARD.decode(text).map_err(|_| "the certificate is no base64")?;
            Certificate::parse(&der).map_err(|_| "the certificate cannot be read")
        });
        let certificate = certificate.transpose()?;
        let seen = Seen { certificate: certificate.clone(), ..Seen::default() };
        if !reply.accepted {
            let known = Reason::ALL.iter().find(|reason| Some(reason.code()) == reply.error.as_deref());
            let reason = known.copied().unwrap_or(Reason::SignatureBad);
            return Ok(Verdict { result: Err(reason.into()), seen });
        }
        let certificate = certificate.ok_or("it accepts and names no certificate")?;
        let status = [
            RevocationStatus::Good,
            RevocationStatus::Stale,
            RevocationStatus::Unknown,
            RevocationStatus::NotChecked,
        ];
        let revocation = status
            .into_iter()
            .find(|status| Some(status.name()) == reply.revocation.as_deref())
            .ok_or("it accepts and does not say what it knows of revocation")?;
        let result = if self.require == Require::Qualified && !reply.qualified {
            Err(Reason::NotQualified.into())
        } else if self.revocation == Revocation::Required && revocation != RevocationStatus::Good {
            Err(Reason::RevocationUnknown.into())
        } else {
            Accepted::of(certificate, reply.qualified, revocation, self.require)
        };
        Ok(Verdict { result, seen })
    }
}

impl SignatureVerifier for OutsideVerifier {
    fn verify<'a>(&'a self, request: Request<'a>) -> Answer<'a> {
        Box::pin(self.ask(request))
    }
}
