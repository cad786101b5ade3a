//! OpenID Connect as a relying party does it: the `openidconnect` crate over [`kabinet_fetch`].
//!
//! 1. Discovery and keys are read anew each time, so a rotated key is always known.
//! 2. The request has PKCE (S256), `state` and `nonce`.
//! 3. The ID token's signature, `iss`, `aud`, `exp`, `nonce` and, where present, `at_hash` are verified
//!    (OpenID Connect Core 1.0 §3.1.3.7, §3.1.3.8); the userinfo answer must have the same `sub` (§5.3.2).
//! 4. A refreshed ID token must be for the same person (§12.2).

use std::fmt::Display;
use std::pin::Pin;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kabinet_fetch::{Fetch, Request};
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreTokenResponse, CoreUserInfoClaims};
use openidconnect::{
    AccessTokenHash, AsyncHttpClient, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndSessionUrl,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl, LogoutRequest, Nonce,
    NonceVerifier, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl,
    ProviderMetadataWithLogout, RedirectUrl, RefreshToken, RequestTokenError, Scope, SubjectIdentifier, TokenResponse,
};
use serde_json::Value;
use url::Url;

const SCOPES: [&str; 4] = ["profile", "email", "phone", "offline_access"];

/// How the product is registered at the provider.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The provider.
    pub issuer: String,
    /// The client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Where the product itself is.
    pub base: Url,
    /// Calls the provider, which is on loopback.
    pub fetch: Fetch,
}

impl Registration {
    /// Where the provider sends people back to.
    #[must_use]
    pub fn redirect_uri(base: &Url) -> String {
        format!("{}callback", base.as_str())
    }

    /// Where the provider sends people after a sign-out.
    #[must_use]
    pub fn post_logout_redirect_uri(base: &Url) -> String {
        format!("{}signed-out", base.as_str())
    }
}

/// A sign-in on its way.
#[derive(Debug)]
pub struct Pending {
    /// Comes back with the answer.
    pub state: CsrfToken,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
}

/// Somebody who is signed in here.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// What the page greets them by.
    pub name: String,
    /// The verified claims of the ID token, as JSON.
    pub claims: String,
    /// The userinfo answer, as JSON.
    pub userinfo: String,
    /// The scopes in fact granted.
    pub scope: String,
    /// How often the tokens were refreshed.
    pub refreshed: u32,
    /// Whether there is a refresh token.
    pub can_refresh: bool,
    subject: SubjectIdentifier,
    id_token: CoreIdToken,
    refresh_token: Option<RefreshToken>,
}

/// Why a sign-in, a refresh or a sign-out did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// OAuth's own error answer, from either endpoint.
    #[error("{error}{}{description}", if description.is_empty() { "" } else { ": " })]
    Provider {
        /// The code.
        error: String,
        /// The text for the developer.
        description: String,
    },
    /// No sign-in of this browser has that `state`.
    #[error("в этом браузере такой вход не начинали, или он уже завершён (state)")]
    State,
    /// RFC 9207.
    #[error("ответ пришёл от другого провайдера (iss)")]
    Issuer,
    /// Neither a code nor an error.
    #[error("в ответе нет кода")]
    NoCode,
    /// The provider could not be asked or answered nonsense.
    #[error("провайдер не ответил как должен: {0}")]
    Call(String),
    /// The ID token or the userinfo answer does not verify.
    #[error("ответ провайдера не прошёл проверку: {0}")]
    Unverified(String),
}

impl Fault {
    /// Who said no, for the page.
    pub fn whose(&self) -> &'static str {
        match self {
            Self::Provider { .. } => "Провайдер отказал",
            _ => "Продукт не принял ответ",
        }
    }
}

fn call(why: impl Display) -> Fault {
    Fault::Call(why.to_string())
}

fn unverified(why: impl Display) -> Fault {
    Fault::Unverified(why.to_string())
}

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// The product's side of the protocol.
pub struct Protocol {
    registration: Registration,
    http: Http,
}

impl Protocol {
    /// For a registered product.
    #[must_use]
    pub fn new(registration: Registration) -> Self {
        let http = Http(registration.fetch.clone());
        Self { registration, http }
    }

    /// The provider.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.registration.issuer
    }

    /// Starts a sign-in: where to send the browser and what to remember.
    ///
    /// # Errors
    /// When discovery fails.
    pub async fn begin(&self) -> Result<(Url, Pending), Fault> {
        let (client, _) = self.discover().await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
            .add_scopes(SCOPES.map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(challenge)
            .url();
        Ok((url, Pending { state, nonce, verifier }))
    }

    /// Redeems the code and verifies what comes back.
    ///
    /// # Errors
    /// Any [`Fault`] of the provider's answers.
    pub async fn finish(&self, pending: Pending, code: String) -> Result<SignedIn, Fault> {
        let (client, _) = self.discover().await?;
        let exchange = client.exchange_code(AuthorizationCode::new(code)).map_err(call)?;
        let tokens = exchange
            .set_pkce_verifier(pending.verifier)
            .request_async(&self.http)
            .await
            .map_err(refused)?;
        let id_token = tokens.id_token().ok_or_else(|| unverified("нет id_token"))?.clone();
        let subject = verify(&client, &tokens, &id_token, &pending.nonce)?;
        let refresh_token = tokens.refresh_token().cloned();
        let userinfo = self.userinfo(&client, &tokens, &subject).await?;
        Ok(SignedIn {
            name: name(&userinfo, &subject),
            claims: payload(&id_token)?,
            userinfo: pretty(&serde_json::to_value(&userinfo).map_err(call)?),
            scope: scopes(&tokens).unwrap_or_else(|| format!("openid {}", SCOPES.join(" "))),
            refreshed: 0,
            can_refresh: refresh_token.is_some(),
            subject,
            id_token,
            refresh_token,
        })
    }

    /// New tokens for the old refresh token, verified like the first ones.
    ///
    /// # Errors
    /// Any [`Fault`] of the provider's answers; then the session here is over.
    pub async fn refresh(&self, current: &SignedIn) -> Result<SignedIn, Fault> {
        let Some(old) = &current.refresh_token else {
            return Err(call("провайдер не дал refresh_token"));
        };
        let (client, _) = self.discover().await?;
        let exchange = client.exchange_refresh_token(old).map_err(call)?;
        let tokens = exchange.request_async(&self.http).await.map_err(refused)?;
        let mut renewed = SignedIn { refreshed: current.refreshed + 1, ..current.clone() };
        // RFC 6749 §6: the answer may hold a new refresh token, and then the old one is dropped.
        renewed.refresh_token = tokens.refresh_token().or(Some(old)).cloned();
        renewed.scope = scopes(&tokens).unwrap_or(renewed.scope);
        if let Some(id_token) = tokens.id_token() {
            // OpenID Connect Core 1.0 §12.2: the nonce should be absent; the rest of the checks stay.
            let subject = verify(&client, &tokens, id_token, |_: Option<&Nonce>| Ok(()))?;
            if subject != current.subject {
                return Err(unverified("refresh_token сменил человека"));
            }
            renewed.claims = payload(id_token)?;
            renewed.id_token = id_token.clone();
        }
        let userinfo = self.userinfo(&client, &tokens, &current.subject).await?;
        renewed.userinfo = pretty(&serde_json::to_value(&userinfo).map_err(call)?);
        renewed.name = name(&userinfo, &current.subject);
        Ok(renewed)
    }

    /// Where to send the browser to sign out at the provider (OpenID Connect RP-Initiated Logout 1.0 §2).
    ///
    /// # Errors
    /// When discovery fails or the provider has no such endpoint.
    pub async fn sign_out(&self, ended: &SignedIn) -> Result<Url, Fault> {
        let (_, end_session) = self.discover().await?;
        let end_session = end_session.ok_or_else(|| call("нет end_session_endpoint"))?;
        let back = Registration::post_logout_redirect_uri(&self.registration.base);
        let request = LogoutRequest::from(end_session)
            .set_id_token_hint(&ended.id_token)
            .set_client_id(ClientId::new(self.registration.client_id.clone()))
            .set_post_logout_redirect_uri(PostLogoutRedirectUrl::new(back).map_err(call)?);
        Ok(request.http_get_url())
    }

    async fn discover(&self) -> Result<(Client, Option<EndSessionUrl>), Fault> {
        let Registration { issuer, client_id, client_secret, base, .. } = &self.registration;
        let issuer = IssuerUrl::new(issuer.clone()).map_err(call)?;
        let metadata = ProviderMetadataWithLogout::discover_async(issuer, &self.http).await.map_err(call)?;
        let end_session = metadata.additional_metadata().end_session_endpoint.clone();
        let secret = ClientSecret::new(client_secret.clone());
        let redirect = RedirectUrl::new(Registration::redirect_uri(base)).map_err(call)?;
        let client = CoreClient::from_provider_metadata(metadata, ClientId::new(client_id.clone()), Some(secret));
        Ok((client.set_redirect_uri(redirect), end_session))
    }

    async fn userinfo(
        &self,
        client: &Client,
        tokens: &CoreTokenResponse,
        subject: &SubjectIdentifier,
    ) -> Result<CoreUserInfoClaims, Fault> {
        let request = client.user_info(tokens.access_token().clone(), Some(subject.clone())).map_err(call)?;
        request.request_async(&self.http).await.map_err(unverified)
    }
}

/// Verifies the ID token and its tie to the access token; gives whose it is.
fn verify(
    client: &Client,
    tokens: &CoreTokenResponse,
    id_token: &CoreIdToken,
    nonce: impl NonceVerifier,
) -> Result<SubjectIdentifier, Fault> {
    let verifier = client.id_token_verifier();
    let claims = id_token.claims(&verifier, nonce).map_err(unverified)?;
    if let Some(expected) = claims.access_token_hash() {
        let algorithm = id_token.signing_alg().map_err(unverified)?;
        let key = id_token.signing_key(&verifier).map_err(unverified)?;
        let actual = AccessTokenHash::from_token(tokens.access_token(), algorithm, key).map_err(unverified)?;
        if actual != *expected {
            return Err(unverified("at_hash не от этого access_token"));
        }
    }
    Ok(claims.subject().clone())
}

/// The claims of a token that was verified, whole: the typed ones leave out what they do not know.
fn payload(id_token: &CoreIdToken) -> Result<String, Fault> {
    let text = id_token.to_string();
    let middle = text.split('.').nth(1).unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD.decode(middle).map_err(unverified)?;
    serde_json::from_slice(&bytes).map(|value: Value| pretty(&value)).map_err(unverified)
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn scopes(tokens: &CoreTokenResponse) -> Option<String> {
    let scopes = tokens.scopes()?.iter().map(|scope| scope.as_str());
    Some(scopes.collect::<Vec<_>>().join(" "))
}

fn name(userinfo: &CoreUserInfoClaims, subject: &SubjectIdentifier) -> String {
    let name = userinfo.name().and_then(|names| names.get(None)).map(|name| name.to_string());
    let phone = || userinfo.phone_number().map(|phone| phone.to_string());
    let email = || userinfo.email().map(|email| email.to_string());
    name.or_else(phone).or_else(email).unwrap_or_else(|| subject.to_string())
}

fn refused<E, T>(why: RequestTokenError<E, openidconnect::StandardErrorResponse<T>>) -> Fault
where
    E: std::error::Error,
    T: openidconnect::ErrorResponseType + Display,
{
    match why {
        RequestTokenError::ServerResponse(answer) => Fault::Provider {
            error: answer.error().to_string(),
            description: answer.error_description().cloned().unwrap_or_default(),
        },
        other => call(other),
    }
}

/// The guarded client in the shape that the crate expects.
pub(crate) struct Http(pub Fetch);

#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpFault {
    #[error(transparent)]
    Fetch(#[from] kabinet_fetch::Error),
    #[error("the address is no URL")]
    Url(#[from] url::ParseError),
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpFault;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpFault>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let mut ours = Request::new(parts.method, parts.uri.to_string().parse()?);
            ours.headers = parts.headers;
            ours.body = body.into();
            let answer = self.0.request(ours).await?;
            let mut response = HttpResponse::new(answer.body.to_vec());
            *response.status_mut() = answer.status;
            *response.headers_mut() = answer.headers;
            Ok(response)
        })
    }
}

#[cfg(test)]
pub(crate) mod doubles {
    use super::*;

    /// A sign-in on its way with this `state`.
    pub(crate) fn pending(state: &str) -> Pending {
        let verifier = PkceCodeVerifier::new("v".repeat(43));
        Pending {
            state: CsrfToken::new(state.to_owned()),
            nonce: Nonce::new("n".to_owned()),
            verifier,
        }
    }

    /// Somebody of this name, whose ID token nobody verified.
    pub(crate) fn signed_in(name: &str) -> SignedIn {
        let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#);
        let claims = r#"{"iss":"http://localhost","sub":"s","aud":["c"],"exp":1,"iat":1}"#;
        let token = format!("{head}.{}.AAAA", URL_SAFE_NO_PAD.encode(claims));
        SignedIn {
            name: name.to_owned(),
            claims: claims.to_owned(),
            userinfo: "{}".to_owned(),
            scope: "openid".to_owned(),
            refreshed: 0,
            can_refresh: false,
            subject: SubjectIdentifier::new("s".to_owned()),
            id_token: token.parse().unwrap(),
            refresh_token: None,
        }
    }
}
