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
/// The texts of the first four are the same and say nothing of the address: whoever gave the URL may see the text and
/// must not learn from it what runs inside. For the same reason a name that does not exist is [`Error::Refused`] like
/// one that only has forbidden addresses.
///
/// After [`Error::Refused`] and [`Error::Unreachable`] nothing was asked. After any other the other side may have done
/// what it was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The URL may not be called, or its name has no address that may.
    #[error("the other side did not answer")]
    Refused,
    /// No connection came about: nobody listens, TLS was refused, the connection took too long to make.
    #[error("the other side did not answer")]
    Unreachable,
    /// The connection broke after it was made.
    #[error("the other side did not answer")]
    Broken,
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

/// Why a message for a person was not taken, told apart by what it allows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nothing was asked: no connection, or none that may be used. Not sent; another way may be tried at once.
    #[error("there was no connection to the other side")]
    Unreached,
    /// Not sent, and asking again would change nothing.
    #[error("the other side refused the message (status {status}, code {code:?})")]
    Refused {
        /// The status of the answer, of HTTP or SMTP; 0 when the message was not worth asking for.
        status: u16,
        /// The other side's own code: letters, digits and the signs of a name, no words that could repeat the text.
        code: Option<String>,
    },
    /// The other side wants to be asked later; not sent.
    #[error("the other side asks for patience")]
    Busy,
    /// Nobody knows whether it was sent.
    #[error("the other side gave no usable answer: {0}")]
    Unclear(Error),
}

impl Failure {
    /// Refused by this side: the message cannot be sent by anybody.
    pub(crate) const UNFIT: Self = Self::Refused { status: 0, code: None };

    /// Whether the message was surely not sent, so that another way may be tried without sending it twice.
    #[must_use]
    pub const fn is_certain(&self) -> bool {
        !matches!(self, Self::Unclear(_))
    }
}

/// Whether a word of an answer is a code or an id and no sentence.
pub(crate) fn is_code(word: &str) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=64).contains(&word.len()) && word.bytes().all(is_sign)
}
