//! `/oauth2/userinfo` by GET and POST (OpenID Connect Core §5.3.1). A token in the query is refused (RFC 9700 §4.3.2).

use axum::extract::{Request, State};
use axum::response::Response;
use http::Method;
use kabinet_core::error::{Code, OAuthError};
use kabinet_oidc::Error;
use kabinet_oidc::request::Params;

use crate::error::{self, Scheme, private};
use crate::form::body_of;
use crate::site::Site;
use crate::visit::Visit;

const TWICE: OAuthError =
    OAuthError::new(Code::InvalidRequest, "more than one access token in the request (RFC 6750 section 2)");

/// `GET` and `POST /oauth2/userinfo`
pub(crate) async fn userinfo(State(site): State<Site>, visit: Visit, request: Request) -> Response {
    let header = visit.authorization.as_deref().map(bearer);
    let body = if request.method() == Method::POST && request.headers().contains_key(http::header::CONTENT_TYPE) {
        match body_of(request, &site).await {
            Ok(body) => {
                let params = Params::parse(&body);
                if let Err(error) = params.sound() {
                    return error::oauth(&Error::Client(error), Scheme::Bearer);
                }
                params.get("access_token").map(str::to_owned)
            }
            Err(response) => return response,
        }
    } else {
        None
    };
    let token = match (header, body) {
        (None, None) => return error::no_token(),
        (Some(None), None) => return error::no_token(),
        (Some(_), Some(_)) => return error::oauth(&Error::Client(TWICE), Scheme::Bearer),
        (Some(Some(token)), None) => token,
        (None, Some(token)) => token,
    };
    match site.provider.userinfo(&token).await {
        Ok(answer) => private(&answer),
        Err(failure) => error::oauth(&failure, Scheme::Bearer),
    }
}

/// The token of `Authorization: Bearer`; the scheme's case does not matter (RFC 9110 §11.1).
pub(crate) fn bearer(header: &str) -> Option<String> {
    let (scheme, token) = header.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
}
