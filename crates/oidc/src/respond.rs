//! The answer of the authorization endpoint (OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode, RFC 9207).

use crate::request::AuthorizeParams;

/// How the parameters travel back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseMode {
    /// In the query of the redirect URI.
    Query,
    /// In its fragment.
    Fragment,
    /// In the body of a POST that the browser makes.
    FormPost,
}

impl ResponseMode {
    /// Reads `response_mode`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "query" => Some(Self::Query),
            "fragment" => Some(Self::Fragment),
            "form_post" => Some(Self::FormPost),
            _ => None,
        }
    }
}

/// Where an answer goes: only ever a redirect URI that the client registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The redirect URI, byte for byte as asked.
    pub redirect_uri: String,
    /// How.
    pub mode: ResponseMode,
    /// `state`, given back as it came.
    pub state: Option<String>,
}

/// An answer on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Where to.
    pub to: Destination,
    /// What, `state` and `iss` included.
    pub params: Vec<(&'static str, String)>,
}

impl Destination {
    pub(crate) fn of(params: &AuthorizeParams, mode: ResponseMode) -> Self {
        Self {
            redirect_uri: params.redirect_uri.clone(),
            mode,
            state: params.state.clone(),
        }
    }

    /// Completes an answer with `state` and the issuer.
    #[must_use]
    pub fn answer(self, mut params: Vec<(&'static str, String)>, issuer: &str) -> Response {
        if let Some(state) = &self.state {
            params.push(("state", state.clone()));
        }
        // RFC 9207 §2: the issuer stands in every authorization response, errors included.
        params.push(("iss", issuer.to_owned()));
        Response { to: self, params }
    }
}

impl Response {
    /// The URL to send the browser to for `query` and `fragment`. The registered text stays as it is; parameters are
    /// added behind it.
    #[must_use]
    pub fn url(&self) -> String {
        let mut encoded = form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.params {
            encoded.append_pair(name, value);
        }
        let uri = &self.to.redirect_uri;
        let separator = match (self.to.mode, uri.split_once('?')) {
            (ResponseMode::Fragment, _) => "#",
            (_, None) => "?",
            // A later `?` belongs to a value, an `&` in the path to the path.
            (_, Some((_, query))) if query.is_empty() || query.ends_with('&') => "",
            (_, Some(_)) => "&",
        };
        format!("{uri}{separator}{}", encoded.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(uri: &str, mode: ResponseMode) -> String {
        let to = Destination {
            redirect_uri: uri.to_owned(),
            mode,
            state: Some("a&b+c d я".to_owned()),
        };
        to.answer(vec![("code", "x".to_owned())], "https://id.example").url()
    }

    #[test]
    fn the_registered_text_is_kept_and_values_are_encoded() {
        let tail = "code=x&state=a%26b%2Bc+d+%D1%8F&iss=https%3A%2F%2Fid.example";
        assert_eq!(url("https://rp.example", ResponseMode::Query), format!("https://rp.example?{tail}"));
        assert_eq!(
            url("https://rp.example/?d=1&e=2", ResponseMode::Query),
            format!("https://rp.example/?d=1&e=2&{tail}")
        );
        for (uri, separator) in [
            ("https://rp.example/?", ""),
            ("https://rp.example/?d=1&", ""),
            ("https://rp.example/?next=https://rp.example/?", "&"),
            ("https://rp.example/a&", "?"),
        ] {
            assert_eq!(url(uri, ResponseMode::Query), format!("{uri}{separator}{tail}"));
        }
        assert_eq!(
            url("https://rp.example/cb", ResponseMode::Fragment),
            format!("https://rp.example/cb#{tail}")
        );
    }
}
