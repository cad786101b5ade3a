//! What came back.

use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// An answer that was read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; every answer of the provider is text.
    pub body: String,
}

impl Answer {
    /// Reads a response to its end.
    pub async fn of(response: axum::response::Response) -> Self {
        use http_body_util::BodyExt;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body in memory").to_bytes();
        Self {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// The status as a number.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.status.as_u16()
    }

    /// A header, or an empty text.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Every value of a header.
    #[must_use]
    pub fn every(&self, name: &str) -> Vec<String> {
        self.headers
            .get_all(name)
            .iter()
            .map(|value| value.to_str().expect("ASCII").to_owned())
            .collect()
    }

    /// `Location`, or an empty text.
    #[must_use]
    pub fn location(&self) -> &str {
        self.header("location")
    }

    /// The body as JSON; `null` when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// A text member of the JSON body.
    #[must_use]
    pub fn member(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_default().to_owned()
    }

    /// `error` of the JSON body.
    #[must_use]
    pub fn error(&self) -> String {
        self.member("error")
    }

    /// Fails unless this is a JSON error of RFC 6749 §5.2 with this status and code that nobody stores.
    #[track_caller]
    pub fn refused(&self, status: u16, error: &str) -> &Self {
        assert_eq!((self.code(), self.error().as_str()), (status, error), "{}", self.body);
        assert_eq!(self.header("content-type"), "application/json");
        assert!(self.header("cache-control").contains("no-store"), "{:?}", self.headers);
        let body = self.json();
        let members: Vec<&String> = body.as_object().expect("an object").keys().collect();
        assert!(
            members
                .iter()
                .all(|name| ["error", "error_description", "error_uri"].contains(&name.as_str())),
            "{members:?}"
        );
        let description = self.member("error_description");
        // RFC 6749 §5.2: %x20-21 / %x23-5B / %x5D-7E.
        assert!(
            description.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)),
            "{description}"
        );
        self
    }

    /// Fails unless this is 200.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code(), 200, "{} {:?}", self.body, self.headers);
        self
    }
}

/// `application/x-www-form-urlencoded` text.
#[must_use]
pub fn form_body<N: AsRef<str>, V: AsRef<str>>(pairs: &[(N, V)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Names and values in order.
pub type Pairs = Vec<(String, String)>;

/// The parameters behind `?` of a URL, and those behind `#`.
#[must_use]
pub fn query_of(url: &str) -> (Pairs, Pairs) {
    let read = |text: &str| form_urlencoded::parse(text.as_bytes()).into_owned().collect();
    let (rest, fragment) = url.split_once('#').unwrap_or((url, ""));
    (rest.split_once('?').map(|(_, query)| read(query)).unwrap_or_default(), read(fragment))
}
