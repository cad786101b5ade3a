//! The code grant's order of steps, driven by oxide-auth's `code_grant` machines. The only file that names oxide_auth.
//!
//! Nothing is authorized, exchanged or refreshed without the machine's final word; what it cannot say (OpenID, exact
//! strings, error codes, lifetimes) is checked before or instead, as this table says. Each row has a test below or in the
//! protocol tests.
//!
//! | the machine | we |
//! |---|---|
//! | knows the response type `code` alone | read `response_type` ourselves (`core::response_type`) and say `code`: what else is asked for changes what is given at the end, not who may have it |
//! | binds a redirect URI by parsed URL and sends out a normalised one | match exact strings first (`core::redirect`) and keep the string that was asked |
//! | takes a PKCE challenge of any length and `plain` unless told otherwise | check length, alphabet and method before it |
//! | lets a verifier without a challenge pass | refuse it: a downgrade (RFC 9700 §4.8.2) |
//! | answers a wrong verifier with `invalid_request` | `invalid_grant` (RFC 7636 §4.6) |
//! | answers an unknown or used code with `invalid_request` | `invalid_grant` (RFC 6749 §5.2) |
//! | asks to authenticate the client itself, Basic only for refresh | have authenticated before; answer by comparing ids |
//! | reads the clock; codes live 10 minutes, refreshed tokens an hour | decide by our clock before it; give it an end that is far off |
//! | narrows the family's scope for good when a refresh asks for less | take the narrowed scope for this answer only |
//! | prints errors with wrong JSON names | never print its errors |
//! | issues a bearer token without ID token | take the grant at its last step and mint all tokens ourselves |

use std::borrow::Cow;

use kabinet_core::error::{Code, OAuthError};
use kabinet_core::scope::Scope;
use oxide_auth::code_grant::extensions::Pkce;
use oxide_auth::code_grant::{accesstoken, authorization, refresh};
use oxide_auth::primitives::grant::{Extensions, Grant as Machine, Value};
use oxide_auth::primitives::registrar::{BoundClient, ExactUrl, PreGrant, RegisteredUrl};
use serde::{Deserialize, Serialize};

use crate::request::AuthorizeParams;

const NO_PKCE: OAuthError =
    OAuthError::new(Code::InvalidRequest, "code_challenge is required for this client (RFC 7636)");
const BAD_PKCE: OAuthError = OAuthError::new(
    Code::InvalidRequest,
    "code_challenge must be 43 to 128 unreserved characters (RFC 7636 section 4.2)",
);
const PLAIN_PKCE: OAuthError =
    OAuthError::new(Code::InvalidRequest, "code_challenge_method must be S256 (RFC 9700 section 2.1.1)");
const ALIEN: OAuthError =
    OAuthError::new(Code::InvalidGrant, "the code does not belong to this client and redirect_uri");
const BAD_VERIFIER: OAuthError =
    OAuthError::new(Code::InvalidGrant, "code_verifier does not match (RFC 7636 section 4.6)");
const UNKNOWN_SCOPE: OAuthError = OAuthError::new(Code::InvalidScope, "scope is not a list of scope tokens");
const WIDER: OAuthError = OAuthError::new(Code::InvalidScope, "scope exceeds what was granted (RFC 6749 section 6)");
const BUG: OAuthError = OAuthError::new(Code::ServerError, "the provider failed");

/// What the machine approved of an authorization request; only [`authorize`] makes one.
#[derive(Clone, Debug)]
pub(crate) struct Approved {
    /// The challenge with its method, as the machine encodes it; `None` without PKCE.
    pub(crate) challenge: Option<String>,
    /// What the client may ask for of what it asked.
    pub(crate) scope: Scope,
}

struct Asking<'a>(&'a AuthorizeParams);

impl authorization::Request for Asking<'_> {
    fn valid(&self) -> bool {
        true
    }

    fn client_id(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(&self.0.client_id))
    }

    fn scope(&self) -> Option<Cow<'_, str>> {
        Some(self.0.scope.as_str()).filter(|scope| !scope.is_empty()).map(Cow::Borrowed)
    }

    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(&self.0.redirect_uri))
    }

    fn state(&self) -> Option<Cow<'_, str>> {
        self.0.state.as_deref().map(Cow::Borrowed)
    }

    fn response_type(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("code"))
    }

    fn extension(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

/// Walks an authorization request through the machine. Client and redirect URI have been proven; `allowed` is what the
/// client may ask for.
pub(crate) fn authorize(params: &AuthorizeParams, needs_pkce: bool, allowed: &Scope) -> Result<Approved, OAuthError> {
    use authorization::{Authorization, Input, Output};
    let challenge = check_challenge(params, needs_pkce)?;
    let request = Asking(params);
    let mut machine = Authorization::new(&request);
    let mut input = Input::None;
    loop {
        input = match machine.advance(input) {
            Output::Bind { client_id, redirect_uri } => {
                // The exact string was matched before; the machine gets it bound as that same string.
                let exact: ExactUrl = redirect_uri.ok_or(BUG)?;
                let bound = BoundClient {
                    client_id: Cow::Owned(client_id),
                    redirect_uri: Cow::Owned(RegisteredUrl::Exact(exact)),
                };
                Input::Bound { request: &request, bound_client: bound }
            }
            Output::Extend => Input::Extended(pkce_extension(challenge.clone())),
            Output::Negotiate { bound_client, scope } => {
                let asked = scope
                    .map(|scope| Scope::parse(&scope.to_string()))
                    .transpose()
                    .map_err(|_| UNKNOWN_SCOPE)?;
                let granted = asked.unwrap_or_default().common(allowed);
                let pre_grant = PreGrant {
                    client_id: bound_client.client_id.clone().into_owned(),
                    redirect_uri: bound_client.redirect_uri.clone().into_owned(),
                    scope: machine_scope(&granted)?,
                };
                Input::Negotiated { pre_grant, state: params.state.clone() }
            }
            Output::Ok { pre_grant, .. } => {
                let scope = Scope::parse(&pre_grant.scope.to_string()).map_err(|_| BUG)?.common(allowed);
                return Ok(Approved { challenge, scope });
            }
            Output::Err(_) => return Err(UNKNOWN_SCOPE),
        };
    }
}

/// oxide-auth has no empty scope; `-` stands for it and is in no client's list.
fn machine_scope(scope: &Scope) -> Result<oxide_auth::primitives::scope::Scope, OAuthError> {
    let text = if scope.is_empty() { "-".to_owned() } else { scope.to_string() };
    text.parse().map_err(|_| BUG)
}

fn check_challenge(params: &AuthorizeParams, needs_pkce: bool) -> Result<Option<String>, OAuthError> {
    let pkce = if needs_pkce { Pkce::required() } else { Pkce::optional() };
    let Some(challenge) = &params.code_challenge else {
        // RFC 7636 §4.4.1: a server that demands PKCE answers invalid_request when the challenge is missing.
        if needs_pkce || params.code_challenge_method.is_some() {
            return Err(NO_PKCE);
        }
        return Ok(None);
    };
    // RFC 7636 §4.2: code-challenge = 43*128unreserved
    if !unreserved(challenge) {
        return Err(BAD_PKCE);
    }
    let method = params.code_challenge_method.as_deref().map(Cow::Borrowed);
    let encoded = pkce.challenge(method, Some(Cow::Borrowed(challenge))).map_err(|()| PLAIN_PKCE)?;
    encoded.ok_or(BUG)?.into_private_value().map_err(|()| BUG)
}

fn unreserved(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
}

fn pkce_extension(challenge: Option<String>) -> Extensions {
    let mut extensions = Extensions::new();
    if challenge.is_some() {
        extensions.set(&Pkce::optional(), Value::private(challenge));
    }
    extensions
}

/// What of a redeemed grant the machine looks at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Recovered {
    /// Whose it is.
    pub(crate) client_id: String,
    /// Whom it is about.
    pub(crate) user_id: String,
    /// As it was asked.
    pub(crate) redirect_uri: String,
    /// What was granted.
    pub(crate) scope: Scope,
    /// The challenge as [`Approved`] had it.
    pub(crate) challenge: Option<String>,
}

impl Recovered {
    fn machine(&self) -> Result<Machine, OAuthError> {
        Ok(Machine {
            owner_id: self.user_id.clone(),
            client_id: self.client_id.clone(),
            scope: machine_scope(&self.scope)?,
            redirect_uri: self.redirect_uri.parse().map_err(|_| BUG)?,
            // Our own clock has decided; the machine's must not.
            until: chrono::DateTime::<chrono::Utc>::MAX_UTC,
            extensions: pkce_extension(self.challenge.clone()),
        })
    }
}

/// An exchange of a code, as far as the machine goes before the code is looked up.
pub(crate) struct Exchange {
    machine: accesstoken::AccessToken,
    redirect_uri: String,
    verifier: Option<String>,
}

struct Exchanging<'a> {
    client_id: &'a str,
    code: &'a str,
    redirect_uri: &'a str,
}

impl accesstoken::Request for Exchanging<'_> {
    fn valid(&self) -> bool {
        true
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self.code))
    }

    fn authorization(&self) -> accesstoken::Authorization<'_> {
        accesstoken::Authorization::None
    }

    fn client_id(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self.client_id))
    }

    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self.redirect_uri))
    }

    fn grant_type(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("authorization_code"))
    }

    fn extension(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

impl Exchange {
    /// Begins an exchange by a client that has been authenticated.
    pub(crate) fn begin(
        client_id: &str,
        code: &str,
        redirect_uri: &str,
        verifier: Option<&str>,
    ) -> Result<Self, OAuthError> {
        use accesstoken::{AccessToken, Input, Output};
        let mut machine = AccessToken::new(&Exchanging { client_id, code, redirect_uri });
        let asked = match machine.advance(Input::None) {
            Output::Authenticate { client, .. } => client == client_id,
            _ => {
                return Err(OAuthError::new(
                    Code::InvalidGrant,
                    "redirect_uri is not the one of the authorization request",
                ));
            }
        };
        // The client proved itself before; the machine must mean the same one.
        if !asked || !matches!(machine.advance(Input::Authenticated), Output::Recover { .. }) {
            return Err(BUG);
        }
        Ok(Self {
            machine,
            redirect_uri: redirect_uri.to_owned(),
            verifier: verifier.map(str::to_owned),
        })
    }

    /// Ends it with the grant that the code was issued for: `Ok` is the machine's word that tokens may be given.
    pub(crate) fn finish(mut self, grant: &Recovered) -> Result<(), OAuthError> {
        use accesstoken::{Input, Output};
        // RFC 6749 §4.1.3: the redirect_uri must be identical; strings, since the machine compares parsed URLs.
        if grant.redirect_uri != self.redirect_uri {
            return Err(ALIEN);
        }
        let mut extensions = match self.machine.advance(Input::Recovered(Some(Box::new(grant.machine()?)))) {
            Output::Extend { extensions } => extensions.clone(),
            _ => return Err(ALIEN),
        };
        let pkce = Pkce::optional();
        let challenge = extensions.remove(&pkce);
        // RFC 9700 §4.8.2: a verifier without a challenge is a downgrade.
        if challenge.is_none() && self.verifier.is_some() {
            return Err(BAD_VERIFIER);
        }
        // RFC 7636 §4.1: code-verifier = 43*128unreserved
        if self.verifier.as_deref().is_some_and(|verifier| !unreserved(verifier)) {
            return Err(BAD_VERIFIER);
        }
        pkce.verify(challenge, self.verifier.take().map(Cow::Owned)).map_err(|()| BAD_VERIFIER)?;
        match self.machine.advance(Input::Extended { access_extensions: Extensions::new() }) {
            Output::Issue { .. } => Ok(()),
            _ => Err(BUG),
        }
    }
}

struct Refreshing<'a>(&'a str);

impl refresh::Request for Refreshing<'_> {
    fn valid(&self) -> bool {
        true
    }

    fn refresh_token(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self.0))
    }

    fn scope(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn grant_type(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("refresh_token"))
    }

    fn authorization(&self) -> Option<(Cow<'_, str>, Cow<'_, [u8]>)> {
        None
    }

    fn extension(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

/// Walks a refresh through the machine, once the grant is known: the scope of this answer. `client_id` is who
/// authenticated; `scope` is what the request asks for.
pub(crate) fn refresh(
    token: &str,
    client_id: &str,
    grant: &Recovered,
    scope: Option<&str>,
) -> Result<Scope, OAuthError> {
    use refresh::{Input, Output, Refresh};
    // RFC 6749 §3.3 before the machine, whose own grammar is wider.
    scope.map(Scope::parse).transpose().map_err(|_| UNKNOWN_SCOPE)?;
    let asked = || scope.map(Cow::Borrowed);
    let mut machine = Refresh::new(&Refreshing(token));
    let mut input = Input::None;
    loop {
        input = match machine.advance(input) {
            Output::RecoverRefresh { .. } => {
                Input::Recovered { scope: asked(), grant: Some(Box::new(grant.machine()?)) }
            }
            // RFC 6749 §6: the refresh token is bound to the client it was issued to.
            Output::Unauthenticated { client, .. } if client == client_id => Input::Authenticated { scope: asked() },
            Output::Unauthenticated { .. } => {
                return Err(OAuthError::new(Code::InvalidGrant, "the refresh token belongs to another client"));
            }
            Output::Refresh { grant, .. } => {
                return Scope::parse(&grant.scope.to_string())
                    .map(|scope| scope.without(&Scope::from_iter(["-"])))
                    .map_err(|_| BUG);
            }
            Output::Err(_) => return Err(WIDER),
            Output::Ok(_) => return Err(BUG),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    fn params() -> AuthorizeParams {
        AuthorizeParams {
            client_id: "c".to_owned(),
            redirect_uri: "https://rp.example".to_owned(),
            response_type: "code".to_owned(),
            scope: "openid email".to_owned(),
            code_challenge: Some(CHALLENGE.to_owned()),
            code_challenge_method: Some("S256".to_owned()),
            ..AuthorizeParams::default()
        }
    }

    fn all() -> Scope {
        Scope::parse("openid email profile").unwrap()
    }

    fn recovered() -> Recovered {
        let approved = authorize(&params(), true, &all()).unwrap();
        Recovered {
            client_id: "c".to_owned(),
            user_id: "u".to_owned(),
            redirect_uri: "https://rp.example".to_owned(),
            scope: approved.scope,
            challenge: approved.challenge,
        }
    }

    fn exchange(redirect_uri: &str, verifier: Option<&str>, grant: &Recovered) -> Result<(), OAuthError> {
        Exchange::begin("c", "code", redirect_uri, verifier)?.finish(grant)
    }

    #[test]
    fn a_scope_outside_the_clients_list_is_not_granted() {
        let asked = AuthorizeParams { scope: "openid admin".to_owned(), ..params() };
        assert_eq!(authorize(&asked, true, &all()).unwrap().scope.to_string(), "openid");
        let none = AuthorizeParams { scope: String::new(), ..params() };
        assert!(authorize(&none, true, &all()).unwrap().scope.is_empty());
    }

    #[test]
    fn a_challenge_is_checked_before_the_machine_sees_it() {
        let refuse = |challenge: Option<&str>, method: Option<&str>, needs| {
            let asked = AuthorizeParams {
                code_challenge: challenge.map(str::to_owned),
                code_challenge_method: method.map(str::to_owned),
                ..params()
            };
            authorize(&asked, needs, &all()).err()
        };
        assert_eq!(refuse(None, None, true), Some(NO_PKCE));
        assert_eq!(refuse(None, Some("S256"), false), Some(NO_PKCE));
        assert_eq!(refuse(Some("abc"), Some("S256"), true), Some(BAD_PKCE));
        assert_eq!(refuse(Some(&"a".repeat(129)), Some("S256"), true), Some(BAD_PKCE));
        assert_eq!(refuse(Some(&"+".repeat(43)), Some("S256"), true), Some(BAD_PKCE));
        assert_eq!(refuse(Some(CHALLENGE), Some("plain"), true), Some(PLAIN_PKCE));
        assert_eq!(refuse(Some(CHALLENGE), None, true), Some(PLAIN_PKCE));
        assert_eq!(refuse(None, None, false), None);
    }

    #[test]
    fn challenge_and_verifier_go_together_or_not_at_all() {
        let with = recovered();
        let without = Recovered { challenge: None, ..recovered() };
        let uri = "https://rp.example";
        assert_eq!(exchange(uri, Some(VERIFIER), &with), Ok(()));
        assert_eq!(exchange(uri, None, &with), Err(BAD_VERIFIER));
        assert_eq!(exchange(uri, Some(&"a".repeat(43)), &with), Err(BAD_VERIFIER));
        assert_eq!(exchange(uri, Some("short"), &with), Err(BAD_VERIFIER));
        assert_eq!(exchange(uri, Some(VERIFIER), &without), Err(BAD_VERIFIER));
        assert_eq!(exchange(uri, None, &without), Ok(()));
    }

    #[test]
    fn a_redirect_uri_that_parses_to_the_same_url_is_not_the_same() {
        assert_eq!(exchange("https://rp.example/", Some(VERIFIER), &recovered()), Err(ALIEN));
        assert_eq!(exchange("https://RP.example", Some(VERIFIER), &recovered()), Err(ALIEN));
        assert!(exchange("not a url", Some(VERIFIER), &recovered()).is_err());
    }

    #[test]
    fn a_code_of_another_client_is_not_exchanged() {
        let theirs = Recovered { client_id: "other".to_owned(), ..recovered() };
        assert_eq!(exchange("https://rp.example", Some(VERIFIER), &theirs), Err(ALIEN));
    }

    #[test]
    fn a_refresh_may_ask_for_less_and_never_for_more() {
        let grant = recovered();
        let ask = |scope| refresh("t", "c", &grant, scope).map(|scope| scope.to_string());
        assert_eq!(ask(None), Ok("email openid".to_owned()));
        assert_eq!(ask(Some("openid")), Ok("openid".to_owned()));
        assert_eq!(ask(Some("openid profile")), Err(WIDER));
        assert_eq!(ask(Some("open\"id")), Err(UNKNOWN_SCOPE));
        assert_eq!(refresh("t", "other", &grant, None).unwrap_err().code, Code::InvalidGrant);
    }
}
