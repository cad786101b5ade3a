//! Every outgoing call of the product: one guarded HTTP client, and [`mail`] beside it.
//!
//! A URL that came from outside (a client's metadata, a call-back, an upstream's discovery document) must not reach
//! inside (OWASP ASVS 5.0 §1.3.6; CVE-2020-10770 and its many successors). So a call goes through these steps:
//!
//! 1. The scheme is https. Plain http is for addresses that the operator lists in [`Options::allow`], and for public ones
//!    where what comes back is signed ([`Options::plain_http`]).
//! 2. A host that is an address, in any spelling (`0x7f.1`, `[::ffff:127.0.0.1]`), is checked by [`address`].
//! 3. A name is resolved here, its forbidden addresses are dropped, and the connection goes to what is left: there is
//!    no second resolution that could answer otherwise.
//! 4. A redirect is handed back, unless the request asks to follow it; then each hop starts again at step 1, never
//!    leaves https, and carries no header of the caller to another origin.
//! 5. The body is counted while it arrives and cut off at its limit; the whole call has one deadline.
//!
//! No cookie is kept, no proxy is taken from the environment, nothing is decompressed. With [`Options::proxy`] the proxy
//! resolves names: a name that resolves here to a forbidden address is refused, and what only the proxy can resolve is
//! the proxy's to refuse.
//!
//! Errors are coarse on purpose, see [`Error`]; the reason is in the log, without path or query.

pub mod address;
#[cfg(any(test, feature = "double"))]
mod double;
mod live;
pub mod mail;
mod message;
pub mod sms;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use ipnet::IpNet;
use serde::Serialize;
use url::Url;

#[cfg(any(test, feature = "double"))]
pub use double::Calls;
pub use message::{Error, Failure, Request, Response};

/// What may be called and what a call may cost.
#[derive(Clone, Debug)]
pub struct Options {
    /// Networks that may be called although they are not public, also over plain http.
    pub allow: Vec<IpNet>,
    /// Whether public addresses may be called over plain http too. Only for what proves itself by its own signature.
    pub plain_http: bool,
    /// Further certificate authorities, PEM.
    pub ca: Option<Bytes>,
    /// The proxy for calls to public addresses; what is in `allow` is called directly.
    pub proxy: Option<Url>,
    /// From the first look-up to the last byte, redirects included.
    pub timeout: Duration,
    /// To a usable connection.
    pub connect_timeout: Duration,
    /// Bytes of a body that are read at most, unless a request says otherwise.
    pub max_body: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            plain_http: false,
            ca: None,
            proxy: None,
            timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(2),
            max_body: 64 * 1024,
        }
    }
}

/// A client could not be made from its options.
#[derive(Debug, thiserror::Error)]
pub enum BadOptions {
    /// [`Options::ca`] holds no certificate.
    #[error("the file of certificate authorities holds no PEM certificate")]
    Ca,
    /// [`Options::proxy`] is no proxy URL.
    #[error("the proxy is no http or https URL with a host")]
    Proxy,
}

/// The client. A clone is cheap and shares the connections.
#[derive(Clone)]
pub struct Fetch(Arc<Kind>);

enum Kind {
    Live(live::Live),
    #[cfg(any(test, feature = "double"))]
    Scripted(double::Script),
}

impl Fetch {
    /// A client that calls the network.
    ///
    /// # Errors
    /// [`BadOptions`] names the option that cannot be used.
    pub fn new(options: Options) -> Result<Self, BadOptions> {
        Ok(Self(Arc::new(Kind::Live(live::Live::new(options)?))))
    }

    /// Sends a request. Every status is a [`Response`]; a redirect too, when it was not asked to be followed.
    ///
    /// # Errors
    /// [`Error`], never [`Error::Status`].
    pub async fn request(&self, request: Request) -> Result<Response, Error> {
        match &*self.0 {
            Kind::Live(live) => live.request(request).await,
            #[cfg(any(test, feature = "double"))]
            Kind::Scripted(script) => script.answer(request),
        }
    }

    /// GET, as [`Fetch::request`].
    ///
    /// # Errors
    /// As [`Fetch::request`].
    pub async fn get(&self, url: Url) -> Result<Response, Error> {
        self.request(Request::new(Method::GET, url)).await
    }

    /// POST of a form (`application/x-www-form-urlencoded`), as [`Fetch::request`].
    ///
    /// # Errors
    /// As [`Fetch::request`].
    pub async fn post_form(&self, url: Url, fields: &[(&str, &str)]) -> Result<Response, Error> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.post(url, "application/x-www-form-urlencoded", body.into()).await
    }

    /// POST of a JSON body, as [`Fetch::request`].
    ///
    /// # Errors
    /// As [`Fetch::request`]; [`Error::Malformed`] when `value` has no JSON form.
    pub async fn post_json<T: Serialize>(&self, url: Url, value: &T) -> Result<Response, Error> {
        let body = serde_json::to_vec(value).map_err(|_| Error::Malformed)?;
        self.post(url, "application/json", body.into()).await
    }

    async fn post(&self, url: Url, content_type: &'static str, body: Bytes) -> Result<Response, Error> {
        let mut request = Request::new(Method::POST, url);
        request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        request.body = body;
        self.request(request).await
    }
}

impl std::fmt::Debug for Fetch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fetch")
    }
}
