//! Who signs requests to ЕСИА.
//!
//! ЕСИА demands a signature of ГОСТ Р 34.10-2012 over each request, and of an operator in production a certified crypto means
//! (СКЗИ). So the key is not here: a [`Signer`] has it.
//!
//! | form | where the key is |
//! |---|---|
//! | [`Software`] | a file; for development, not certified, behind the feature `software-signer` |
//! | a command (in `kabinet`) | wherever the program keeps it |
//! | [`Service`] | a signing service in the operator's network |
//!
//! What comes back is checked with the certificate before it is sent anywhere: a wrong key or a wrong order of bytes is told
//! here in a sentence, and not by ЕСИА as 007053 or 007005.

use std::future::Future;
use std::pin::Pin;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method};
use kabinet_core::ambient::Entropy;
use kabinet_core::secret::Secret;
use kabinet_core::time::Timestamp;
use kabinet_fetch::{Fetch, Request, Response};
use kabinet_gost::signature::{Bare, verify_bare};
use kabinet_gost::{Certificate, pem};
use url::Url;

/// The length of a bare signature of 256 bits.
const BARE: usize = 64;
/// The longest answer that is read: a message in CMS, in hexadecimal.
const LONGEST: usize = 64 * 1024;

/// The form of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// s‖r, each 32 octets, big-endian (v2 and v3).
    Bare,
    /// CMS SignedData without the content, with the certificate, in DER (v1).
    Detached,
}

impl Form {
    /// The name, as commands and services are told it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Detached => "detached",
        }
    }
}

/// Something to sign.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// What is signed.
    pub message: &'a [u8],
    /// As what.
    pub form: Form,
    /// The time, for a form that tells it.
    pub now: Timestamp,
    /// Chance.
    pub entropy: &'a dyn Entropy,
}

/// Why there is no signature. The text is for the operator and repeats nothing of what was to be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// Nobody answered; it may work later.
    #[error("the signer does not answer: {0}")]
    Unavailable(String),
    /// It cannot work as it is set.
    #[error("{0}")]
    Unfit(String),
}

/// What a signer answers, later.
pub type Signature<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, SignerError>> + Send + 'a>>;

/// Who signs.
pub trait Signer: Send + Sync {
    /// Signs; a bare signature in the order of bytes that this signer has.
    fn sign<'a>(&'a self, job: Job<'a>) -> Signature<'a>;
}

/// A signer together with what its signatures must be.
pub(super) struct Checked<'a> {
    pub signer: &'a dyn Signer,
    pub certificate: &'a Certificate,
    /// Whether the signer gives its octets from the last to the first, as CryptoPro's tools do.
    pub is_reversed: bool,
}

impl Checked<'_> {
    /// The signature, as `client_secret` has it.
    pub(super) async fn sign(&self, job: Job<'_>) -> Result<String, SignerError> {
        let mut signature = self.signer.sign(job).await?;
        if job.form == Form::Bare {
            if self.is_reversed {
                signature.reverse();
            }
            self.check(job.message, &signature)?;
        }
        Ok(URL_SAFE_NO_PAD.encode(signature))
    }

    fn check(&self, message: &[u8], signature: &[u8]) -> Result<(), SignerError> {
        let fits = |signature: &[u8]| verify_bare(self.certificate, Bare::Gost256, message, signature).is_ok();
        if fits(signature) {
            return Ok(());
        }
        let reversed: Vec<u8> = signature.iter().rev().copied().collect();
        let swapped = signature.split_at_checked(BARE / 2).map(|(one, two)| [two, one].concat());
        let what = if signature.len() != BARE {
            format!("the signer gave {} octets; a bare signature has {BARE}", signature.len())
        } else if fits(&reversed) {
            "the signer gives its octets in the other order; change esia.signer_reversed".to_owned()
        } else if swapped.is_some_and(|swapped| fits(&swapped)) {
            "the signer gives r before s; ESIA demands s before r".to_owned()
        } else {
            "what the signer gives is no signature by the key of esia.certificate".to_owned()
        };
        Err(SignerError::Unfit(what))
    }
}

/// Reads what a command or a service gives: the octets themselves, or text of them in hexadecimal or base64 of either alphabet.
///
/// # Errors
/// [`SignerError::Unfit`]: it is none of these.
pub fn read(output: &[u8], form: Form) -> Result<Vec<u8>, SignerError> {
    let unfit = || {
        SignerError::Unfit(match form {
            Form::Bare => "the signer gave neither 64 octets nor their hexadecimal or base64".to_owned(),
            Form::Detached => "the signer gave no message in CMS, as DER, PEM or base64".to_owned(),
        })
    };
    match form {
        Form::Bare if output.len() == BARE => Ok(output.to_vec()),
        Form::Bare => {
            let text = std::str::from_utf8(output).map_err(|_| unfit())?;
            let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            let octets = if text.len() == 2 * BARE { of_hex(&text) } else { of_base64(&text) };
            octets.filter(|octets| octets.len() == BARE).ok_or_else(unfit)
        }
        Form::Detached => {
            let objects = pem::read(output).map_err(|_| unfit())?;
            let der = objects.into_iter().next().map(|object| object.der);
            der.filter(|der| der.first() == Some(&0x30)).ok_or_else(unfit)
        }
    }
}

fn of_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    digits.chunks_exact(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).ok()).collect()
}

fn of_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    STANDARD_NO_PAD.decode(text).ok()
}

/// Signs with a key that this process holds. For development: not certified, and its time depends on the key.
#[cfg(any(feature = "software-signer", test))]
pub struct Software {
    key: kabinet_gost::sign::SigningKey,
    certificate: Certificate,
}

#[cfg(any(feature = "software-signer", test))]
impl Software {
    /// A key in PKCS #8 (PEM or DER) and the certificate for it.
    ///
    /// # Errors
    /// A sentence about what is wrong with them.
    pub fn new(key: &[u8], certificate: Certificate) -> Result<Self, &'static str> {
        let unread = "is no private key of ГОСТ Р 34.10-2012 in PKCS #8 without a password";
        let key = kabinet_gost::sign::SigningKey::read(key).map_err(|_| unread)?;
        if !key.fits(&certificate) {
            return Err("is not the key of esia.certificate");
        }
        Ok(Self { key, certificate })
    }
}

#[cfg(any(feature = "software-signer", test))]
impl Signer for Software {
    fn sign<'a>(&'a self, job: Job<'a>) -> Signature<'a> {
        let fill = |out: &mut [u8]| job.entropy.fill(out);
        let signed = match job.form {
            Form::Bare => self.key.sign_message(job.message, fill),
            Form::Detached => self.key.detached(&self.certificate, job.message, job.now.0, fill),
        };
        let signed = signed.ok_or_else(|| SignerError::Unfit("the built-in signer failed".to_owned()));
        Box::pin(std::future::ready(signed))
    }
}

/// Asks a signing service: `POST` of the octets as `application/octet-stream` to its address with `form=bare` or
/// `form=detached` in the query; `200` with the signature as [`read`] takes it.
pub struct Service {
    fetch: Fetch,
    url: Url,
    /// `Bearer …`.
    authorization: Option<HeaderValue>,
}

impl Service {
    /// A service at `url`, which knows its customer by a bearer token. `None`: the token cannot stand in a header.
    #[must_use]
    pub fn new(fetch: Fetch, url: Url, token: Option<&Secret>) -> Option<Self> {
        let authorization = match token {
            Some(token) => {
                let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose())).ok()?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        Some(Self { fetch, url, authorization })
    }

    async fn ask(&self, job: Job<'_>) -> Result<Vec<u8>, SignerError> {
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("form", job.form.as_str());
        let mut request = Request::new(Method::POST, url);
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        request
            .headers
            .insert(ACCEPT, HeaderValue::from_static("application/octet-stream, text/plain"));
        if let Some(authorization) = &self.authorization {
            request.headers.insert(AUTHORIZATION, authorization.clone());
        }
        request.body = job.message.to_vec().into();
        request.max_body = Some(LONGEST);
        let answer = self.fetch.request(request).await.and_then(Response::success);
        let answer = answer.map_err(|why| SignerError::Unavailable(why.to_string()))?;
        read(&answer.body, job.form)
    }
}

impl Signer for Service {
    fn sign<'a>(&'a self, job: Job<'a>) -> Signature<'a> {
        Box::pin(self.ask(job))
    }
}
