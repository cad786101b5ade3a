//! What is sent, what comes back, and how it fails.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde::de::DeserializeOwned;
use url::Url;

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where to; without user name and password.
    pub url: Url,
    /// Headers beside those that the client sets itself (Host, Content-Length, User-Agent).
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Bytes,
    /// Redirects that are followed at most; only for GET and HEAD, whose repetition is harmless.
    pub follow: u8,
    /// Bytes of the answer's body that are read at most; absent: the client's own limit.
    pub max_body: Option<usize>,
}

impl Request {
    /// A request without headers and body that follows no redirect.
    #[must_use]
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            follow: 0,
            max_body: None,
        }
    }
}

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status, whatever it is.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Response {
    /// The answer itself when its status is 2xx.
    ///
    /// # Errors
    /// [`Error::Status`] otherwise.
    pub fn success(self) -> Result<Self, Error> {
        if self.status.is_success() {
            Ok(self)
        } else {
            Err(Error::Status(self.status.as_u16()))
        }
    }

    /// The body of a 2xx answer as JSON.
    ///
    /// # Errors
    /// [`Error::Status`] or [`Error::Malformed`].
    pub fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        serde_json::from_slice(&self.success()?.body).map_err(|_| Error::Malformed)
    }
}

/// Why there is no usable answer.
///
/// The texts of the first three are the same and say nothing of the address: whoever gave the URL may see the text and
/// must not learn from it what runs inside. For the same reason a name that does not exist is [`Error::Refused`] like
/// one that only has forbidden addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The URL may not be called, or its name has no address that may.
    #[error("the other side did not answer")]
    Refused,
    /// No connection, or it broke.
    #[error("the other side did not answer")]
    Unreachable,
    /// The deadline passed.
    #[error("the other side did not answer")]
    TimedOut,
    /// The body is longer than its limit.
    #[error("the answer is not usable")]
    TooLarge,
    /// The body is not what was expected.
    #[error("the answer is not usable")]
    Malformed,
    /// Another status than 2xx where only that is of use.
    #[error("the other side answered with status {0}")]
    Status(u16),
}
