//! `/oauth2/userinfo` by GET and POST (OpenID Connect Core §5.3.1), with a bearer token or one that is bound to a key (RFC 9449
//! §7). A token in the query is refused (RFC 9700 §4.3.2).

use axum::extract::{Request, State};
use axum::response::Response;
use http::Method;
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::secret::Secret;
use kabinet_oidc::Error;
use kabinet_oidc::dpop::{self, Credentials};
use kabinet_oidc::request::Params;

use crate::error::{self, Scheme, private, with_nonce};
use crate::form::body_of;
use crate::site::Site;
use crate::visit::Visit;

const TWICE: OAuthError =
    OAuthError::new(Code::InvalidRequest, "more than one access token in the request (RFC 6750 section 2)");

/// `GET` and `POST /oauth2/userinfo`
pub(crate) async fn userinfo(State(site): State<Site>, visit: Visit, request: Request) -> Response {
    let header = visit.authorization.as_deref().map(shown);
    let body = if request.method() == Method::POST && request.headers().contains_key(http::header::CONTENT_TYPE) {
        match body_of(request, &site).await {
            Ok(body) => {
                let params = Params::parse(&body);
                if let Err(error) = params.sound() {
                    return error::oauth(&Error::Client(error), Scheme::Bearer);
                }
                params.get("access_token").map(Secret::from)
            }
            Err(response) => return response,
        }
    } else {
        None
    };
    let (scheme, token) = match (header, body) {
        (None | Some(None), None) => return error::no_token(),
        (Some(_), Some(_)) => return error::oauth(&Error::Client(TWICE), Scheme::Bearer),
        (Some(Some(shown)), None) => shown,
        (None, Some(token)) => (dpop::Scheme::Bearer, token),
    };
    let credentials = Credentials {
        token: &token,
        scheme,
        proof: &visit.dpop,
        target: (visit.method.as_str(), "/oauth2/userinfo"),
    };
    let response = match site.provider.userinfo(credentials).await {
        Ok(answer) => private(&answer),
        Err(failure) => error::oauth(&failure, challenged(scheme)),
    };
    with_nonce(response, &visit)
}

pub(crate) fn challenged(scheme: dpop::Scheme) -> Scheme {
    match scheme {
        dpop::Scheme::Bearer => Scheme::Bearer,
        dpop::Scheme::Dpop => Scheme::Dpop,
    }
}

/// The token of the header and how it is shown; the scheme's case does not matter (RFC 9110 §11.1).
pub(crate) fn shown(header: &str) -> Option<(dpop::Scheme, Secret)> {
    let (scheme, token) = header.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("dpop") && !token.is_empty() {
        return Some((dpop::Scheme::Dpop, Secret::from(token)));
    }
    bearer(header).map(|token| (dpop::Scheme::Bearer, Secret::from(token)))
}

/// The token of `Authorization: Bearer`.
pub(crate) fn bearer(header: &str) -> Option<String> {
    let (scheme, token) = header.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
}
