//! A provider that speaks OpenID Connect Core 1.0, or OAuth 2.0 with an endpoint that tells who it is.
//!
//! 1. [`begin`](Upstream::begin): the code flow with PKCE S256 (RFC 7636) and a nonce; the addresses come from discovery, unless the
//!    operator has named them.
//! 2. [`finish`](Upstream::finish): `iss` of the answer, where the provider sends one, is the issuer (RFC 9207); the code is
//!    redeemed; the ID token is verified (§3.1.3.7): signature by a key of the provider with the one configured algorithm, `iss`,
//!    `aud` the client and nobody else, `exp` and `iat` within a minute, `nonce`. Never is it only decoded.
//! 3. Userinfo, where there is one, adds what the token lacks, for the same `sub` alone (§5.3.2).
//!
//! Differing from the specification, by setting: a nonce that does not come back is accepted (PKCE and the state hold the code
//! to this browser, and the token comes over the back channel); without an ID token ([`Mode::Userinfo`]) the endpoint's word counts.
//!
//! Every call goes through the guarded client: no redirect is followed, an answer has 64 KiB at most.

mod metadata;
mod person;
mod presets;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use kabinet_core::ambient::{Entropy, random};
use kabinet_core::external::External;
use kabinet_core::secret::Secret;
use kabinet_core::time::Timestamp;
use kabinet_fetch::{Fetch, Request};
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreGenderClaim, CoreIdTokenVerifier, CoreJsonWebKeySet,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AdditionalClaims, AuthType, AuthUrl, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken,
    HttpRequest, HttpResponse, IdToken, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, RequestTokenError, Scope, SignatureVerificationError, TokenResponse, TokenUrl,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::{Answer, Arrival, Departure, Start, Upstream, UpstreamError};
use metadata::{Known, Place};
pub use presets::Preset;

/// How far the provider's clock may be off, seconds.
const LEEWAY: i64 = 60;
/// The oldest ID token that is taken, seconds since it was issued: it has just been asked for.
const OLDEST: i64 = 10 * 60;

/// How somebody is known at a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// By an ID token.
    #[default]
    Openid,
    /// By what an endpoint says to the bearer of the access token.
    Userinfo,
}

/// How the client proves itself at the token endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// `client_secret_basic`.
    #[default]
    Basic,
    /// `client_secret_post`.
    Post,
}

/// The algorithm of ID tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signing {
    /// What every provider has (OpenID Connect Core §15.1).
    #[default]
    RS256,
    /// ECDSA with P-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

impl Signing {
    const fn name(self) -> CoreJwsSigningAlgorithm {
        match self {
            Self::RS256 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
            Self::ES256 => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
            Self::EdDSA => CoreJwsSigningAlgorithm::EdDsa,
        }
    }
}

/// How the userinfo endpoint is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Asking {
    /// GET with `Authorization: Bearer` (RFC 6750 §2.1).
    #[default]
    Bearer,
    /// GET with `Authorization: OAuth` (Яндекс ID).
    OAuth,
    /// POST of a form with `access_token` and `client_id` (VK ID).
    Form,
    /// POST of a form with the client's credentials, and `Authorization: Bearer` (Т-ID).
    Post,
}

/// What a provider does otherwise than the specification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// It has no userinfo endpoint, or nothing more is to be asked there.
    pub no_userinfo: bool,
    /// It does not send the nonce back. One that comes back must be right.
    pub nonce_optional: bool,
    /// It knows no e-mail address: one that it sends is left out.
    pub no_email: bool,
    /// The parameter `device_id` of its answer is sent on to the token endpoint (VK ID).
    pub device_id: bool,
    /// Each call has a number in the header `rquid` (Сбер ID).
    pub numbered: bool,
}

/// Addresses that the operator names instead of those that discovery tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Where the browser goes.
    pub authorization: Option<Url>,
    /// Where the code is redeemed.
    pub token: Option<Url>,
    /// Where the keys are.
    pub jwks: Option<Url>,
    /// Where it says who it is.
    pub userinfo: Option<Url>,
    /// Where the session there ends.
    pub end_session: Option<Url>,
}

/// A provider that speaks OpenID Connect.
#[derive(Clone, Debug)]
pub struct OpenIdSettings {
    /// Its name in the configuration.
    pub name: String,
    /// `iss`, compared byte by byte.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// What proves it; none for a public client.
    pub client_secret: Option<Secret>,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// How somebody is known.
    pub mode: Mode,
    /// How the client proves itself.
    pub client_auth: ClientAuth,
    /// The algorithm of ID tokens, no other.
    pub signing: Signing,
    /// How userinfo is asked.
    pub asking: Asking,
    /// What differs.
    pub quirks: Quirks,
    /// Addresses instead of those of discovery.
    pub places: Places,
    /// Where each fact stands: the name of a standard claim, to the name or the path (`user.first_name`) that it has there. `sub` is
    /// the identifier, `id` the second one.
    pub claims: BTreeMap<String, String>,
}

/// A provider that speaks OpenID Connect, with what is known of it.
pub struct OpenId {
    settings: OpenIdSettings,
    fetch: Fetch,
    known: Known,
}

/// What is kept while the browser is there.
#[derive(Serialize, Deserialize)]
struct Kept {
    nonce: String,
    verifier: String,
}

/// Claims that are not among the standard ones.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Further(Map<String, Value>);

impl AdditionalClaims for Further {}

type Token = IdToken<Further, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

/// What redeeming a code gave.
struct Redeemed {
    access_token: Option<String>,
    id_token: Option<String>,
}

impl OpenId {
    /// A provider that nobody has asked yet.
    #[must_use]
    pub fn new(settings: OpenIdSettings, fetch: Fetch) -> Self {
        Self { settings, fetch, known: Known::default() }
    }

    async fn place(&self, now: Timestamp) -> Result<Place, UpstreamError> {
        self.known.place(&self.settings, &self.fetch, now).await
    }

    async fn go(&self, start: Start<'_>) -> Result<Departure, UpstreamError> {
        let place = self.place(start.now).await?;
        let (nonce, verifier) = (text(start.entropy), text(start.entropy));
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.clone()));
        let client = self.client(&place, start.redirect_uri, CoreJsonWebKeySet::new(Vec::new()))?;
        let (state, sent) = (start.state.to_owned(), nonce.clone());
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(sent),
            )
            .set_pkce_challenge(challenge);
        let scopes = self.settings.scopes.iter().filter(|scope| *scope != "openid");
        for scope in scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        if self.settings.mode == Mode::Openid {
            request = request.add_extra_param("ui_locales", start.language.code());
        }
        let (location, _, _) = request.url();
        let kept = serde_json::to_value(Kept { nonce, verifier }).unwrap_or_default();
        Ok(Departure { location, kept })
    }

    /// The client of the openidconnect crate for this provider.
    fn client(
        &self,
        place: &Place,
        redirect_uri: &Url,
        keys: CoreJsonWebKeySet,
    ) -> Result<
        CoreClient<
            openidconnect::EndpointSet,
            openidconnect::EndpointNotSet,
            openidconnect::EndpointNotSet,
            openidconnect::EndpointNotSet,
            openidconnect::EndpointSet,
        >,
        UpstreamError,
    > {
        let settings = &self.settings;
        let unfit = |what: &str| misconfigured("settings", what);
        let issuer = IssuerUrl::new(settings.issuer.clone()).map_err(|_| unfit("the issuer is no URL"))?;
        let mut client = CoreClient::new(ClientId::new(settings.client_id.clone()), issuer, keys)
            .set_auth_uri(AuthUrl::from_url(place.authorization.clone()))
            .set_token_uri(TokenUrl::from_url(place.token.clone()))
            .set_redirect_uri(RedirectUrl::from_url(redirect_uri.clone()))
            .set_auth_type(match settings.client_auth {
                ClientAuth::Basic => AuthType::BasicAuth,
                ClientAuth::Post => AuthType::RequestBody,
            });
        if let Some(secret) = &settings.client_secret {
            client = client.set_client_secret(ClientSecret::new(secret.expose().to_owned()));
        }
        if settings.mode == Mode::Userinfo {
            client = client.disable_openid_scope();
        }
        Ok(client)
    }

    async fn come_back(&self, arrival: Arrival<'_>) -> Result<External, UpstreamError> {
        let place = self.place(arrival.now).await?;
        self.check_issuer(&arrival, &place)?;
        if let Some(error) = arrival.parameter("error") {
            return Err(refusal(error, arrival.parameter("error_description").unwrap_or_default()));
        }
        let code = arrival.parameter("code").filter(|code| !code.is_empty());
        let code = code.ok_or_else(|| UpstreamError::Stale("the answer has neither code nor error".to_owned()))?;
        let kept: Kept = serde_json::from_value(arrival.kept.clone())
            .map_err(|_| UpstreamError::Stale("what was kept cannot be read".to_owned()))?;
        let redeemed = self.redeem(&place, (code, &kept), arrival).await?;
        let claims = match self.settings.mode {
            Mode::Openid => {
                let token = redeemed.id_token.ok_or_else(|| untrusted("there is no ID token"))?;
                let told = self.verify(&token, &kept.nonce, arrival.now).await?;
                self.add_userinfo(&place, told, redeemed.access_token.as_deref(), arrival.entropy).await?
            }
            Mode::Userinfo => {
                let token = redeemed.access_token.ok_or_else(|| untrusted("there is no access token"))?;
                let endpoint = place.userinfo.as_ref();
                let endpoint = endpoint.ok_or_else(|| misconfigured("settings", "there is no userinfo endpoint"))?;
                self.ask_userinfo(endpoint, &token, arrival.entropy).await?
            }
        };
        person::read(&self.settings, &claims, arrival.now)
    }

    /// RFC 9207 §2.4: an answer of another provider is not taken, nor one without `iss` where this provider always sends it.
    fn check_issuer(&self, arrival: &Arrival<'_>, place: &Place) -> Result<(), UpstreamError> {
        let count = arrival.parameters.iter().filter(|(name, _)| name == "iss").count();
        match arrival.parameter("iss") {
            Some(issuer) if issuer == self.settings.issuer => Ok(()),
            None if count == 0 && !place.sends_issuer => Ok(()),
            _ => Err(untrusted("iss of the answer is not the issuer")),
        }
    }

    async fn redeem(
        &self,
        place: &Place,
        (code, kept): (&str, &Kept),
        arrival: Arrival<'_>,
    ) -> Result<Redeemed, UpstreamError> {
        let client = self.client(place, arrival.redirect_uri, CoreJsonWebKeySet::new(Vec::new()))?;
        let number = self.settings.quirks.numbered.then(|| number(arrival.entropy));
        let fetch = self.fetch.clone();
        let post = move |request: HttpRequest| post(fetch.clone(), request, number.clone());
        let mut exchange = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(kept.verifier.clone()));
        if self.settings.quirks.device_id {
            let device = arrival.parameter("device_id").unwrap_or_default().to_owned();
            exchange = exchange
                .add_extra_param("device_id", device)
                .add_extra_param("state", arrival.state.to_owned());
        }
        match exchange.request_async(&post).await {
            Ok(answer) => Ok(Redeemed {
                access_token: Some(answer.access_token().secret().clone()),
                id_token: answer.id_token().map(ToString::to_string),
            }),
            Err(RequestTokenError::ServerResponse(error)) => Err(refused_code(error.error().as_ref())),
            Err(RequestTokenError::Request(error)) => Err(error.0),
            Err(RequestTokenError::Parse(_, body)) => Err(unreadable(&body)),
            Err(RequestTokenError::Other(_)) => Err(unavailable("the token endpoint sent nothing of use")),
        }
    }

    /// Verifies an ID token; its claims.
    async fn verify(&self, token: &str, nonce: &str, now: Timestamp) -> Result<Map<String, Value>, UpstreamError> {
        let token: Token = token.parse().map_err(|_| untrusted("the ID token cannot be read"))?;
        let keys = self.known.keys(&self.settings, &self.fetch, now).await?;
        let claims = match self.verified(&token, keys, (nonce, now)) {
            // The provider may have a new key since its keys were read.
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
                let keys = self.known.newer_keys(&self.settings, &self.fetch, now).await?;
                self.verified(&token, keys, (nonce, now))
            }
            other => other,
        };
        claims.map_err(|error| {
            // Without what the token says: the crate's texts may repeat values.
            untrusted(match error {
                ClaimsVerificationError::Expired(_) => "the ID token is expired or from the future",
                ClaimsVerificationError::InvalidAudience(_) => "the ID token is for somebody else",
                ClaimsVerificationError::InvalidIssuer(_) => "the ID token is another issuer's",
                ClaimsVerificationError::InvalidNonce(_) => "the nonce of the ID token is not ours",
                ClaimsVerificationError::SignatureVerification(why) => match why {
                    SignatureVerificationError::DisallowedAlg(_) => "the ID token has another algorithm",
                    SignatureVerificationError::NoMatchingKey => "no key of the provider has signed the ID token",
                    _ => "the signature of the ID token is bad",
                },
                _ => "the ID token is unfit",
            })
        })
    }

    fn verified(
        &self,
        token: &Token,
        keys: CoreJsonWebKeySet,
        (nonce, now): (&str, Timestamp),
    ) -> Result<Map<String, Value>, ClaimsVerificationError> {
        let settings = &self.settings;
        let issuer = IssuerUrl::new(settings.issuer.clone())
            .map_err(|_| ClaimsVerificationError::InvalidIssuer(String::new()))?;
        let at = move |seconds: i64| DateTime::<Utc>::from_timestamp(seconds, 0).unwrap_or_default();
        let verifier = CoreIdTokenVerifier::new_public_client(ClientId::new(settings.client_id.clone()), issuer, keys)
            .set_allowed_algs([settings.signing.name()])
            .set_time_fn(move || at(now.0 - LEEWAY))
            .set_issue_time_verifier_fn(move |issued: DateTime<Utc>| {
                let age = now.0 - issued.timestamp();
                if (-LEEWAY..=OLDEST).contains(&age) {
                    Ok(())
                } else {
                    Err("out of time".to_owned())
                }
            });
        let is_optional = settings.quirks.nonce_optional;
        let claims = token.claims(&verifier, |found: Option<&Nonce>| match found {
            Some(found) if found.secret() == nonce => Ok(()),
            None if is_optional => Ok(()),
            _ => Err("another nonce".to_owned()),
        })?;
        // §3.1.3.7 no. 3 allows audiences that the client trusts beside itself: none is.
        if claims.audiences().len() != 1 {
            return Err(ClaimsVerificationError::InvalidAudience(String::new()));
        }
        match serde_json::to_value(claims) {
            Ok(Value::Object(map)) => Ok(map),
            _ => Err(ClaimsVerificationError::Other(String::new())),
        }
    }

    /// What userinfo says beside the ID token, which goes before it.
    async fn add_userinfo(
        &self,
        place: &Place,
        told: Map<String, Value>,
        token: Option<&str>,
        entropy: &dyn Entropy,
    ) -> Result<Map<String, Value>, UpstreamError> {
        let endpoint = place.userinfo.as_ref().filter(|_| !self.settings.quirks.no_userinfo);
        let (Some(endpoint), Some(token)) = (endpoint, token) else {
            return Ok(told);
        };
        let mut claims = self.ask_userinfo(endpoint, token, entropy).await?;
        // OpenID Connect Core §5.3.2: what is said of another subject must not be used.
        if claims.get("sub") != told.get("sub") {
            return Err(untrusted("userinfo speaks of somebody else"));
        }
        claims.extend(told);
        Ok(claims)
    }

    async fn ask_userinfo(
        &self,
        endpoint: &Url,
        token: &str,
        entropy: &dyn Entropy,
    ) -> Result<Map<String, Value>, UpstreamError> {
        let (settings, is_posted) = (&self.settings, matches!(self.settings.asking, Asking::Form | Asking::Post));
        let mut call = Request::new(if is_posted { Method::POST } else { Method::GET }, endpoint.clone());
        let scheme = match settings.asking {
            Asking::Bearer | Asking::Post => Some("Bearer"),
            Asking::OAuth => Some("OAuth"),
            Asking::Form => None,
        };
        if let Some(scheme) = scheme {
            let mut value = HeaderValue::from_str(&format!("{scheme} {token}"))
                .map_err(|_| untrusted("the access token is none"))?;
            value.set_sensitive(true);
            call.headers.insert(AUTHORIZATION, value);
        }
        call.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if settings.quirks.numbered
            && let Ok(number) = HeaderValue::from_str(&number(entropy))
        {
            call.headers.insert("x-introspect-rquid", number);
        }
        if is_posted {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.append_pair("client_id", &settings.client_id);
            match (settings.asking, &settings.client_secret) {
                (Asking::Form, _) => drop(form.append_pair("access_token", token)),
                (_, Some(secret)) => drop(form.append_pair("client_secret", secret.expose())),
                _ => {}
            }
            call.body = form.finish().into();
            call.headers
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        }
        let answer = self.fetch.request(call).await.map_err(|error| silent("userinfo", &error))?;
        metadata::object(&answer, "userinfo")
    }
}

impl Upstream for OpenId {
    fn begin<'a>(&'a self, start: Start<'a>) -> Answer<'a, Departure> {
        Box::pin(self.go(start))
    }

    fn finish<'a>(&'a self, arrival: Arrival<'a>) -> Answer<'a, External> {
        Box::pin(self.come_back(arrival))
    }

    fn leave(&self, back: &Url) -> Option<Url> {
        let mut url = self.settings.places.end_session.clone().or_else(|| self.known.end_session())?;
        // RP-Initiated Logout §2; the provider asks the person, since there is no hint.
        url.query_pairs_mut()
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("post_logout_redirect_uri", back.as_str());
        Some(url)
    }

    fn probe(&self) -> Answer<'_, ()> {
        Box::pin(self.known.probe(&self.settings, &self.fetch))
    }
}

/// The error type that the openidconnect crate hands through.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Failed(UpstreamError);

/// Sends a request of the openidconnect crate by the guarded client.
async fn post(fetch: Fetch, request: HttpRequest, number: Option<String>) -> Result<HttpResponse, Failed> {
    let (parts, body) = request.into_parts();
    let url = Url::parse(&parts.uri.to_string()).map_err(|_| Failed(unavailable("no URL")))?;
    let mut call = Request::new(parts.method, url);
    call.headers = parts.headers;
    if let Some(number) = number.as_deref().and_then(|number| HeaderValue::from_str(number).ok()) {
        call.headers.insert("rquid", number);
    }
    call.body = body.into();
    let answer = fetch.request(call).await.map_err(|error| Failed(silent("token endpoint", &error)))?;
    if answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Failed(unavailable(&format!("the token endpoint answered {}", answer.status.as_u16()))));
    }
    // RFC 6749 §5.2 has JSON here. Whatever else stands before the provider has refused, perhaps for the code that a browser brought:
    // that it answers is known all the same.
    if answer.status.is_client_error() && serde_json::from_slice::<Map<String, Value>>(&answer.body).is_err() {
        let code = format!("status-{}", answer.status.as_u16());
        return Err(Failed(misconfigured(&code, "the token endpoint refused without a reason")));
    }
    let mut response = HttpResponse::new(answer.body.to_vec());
    (*response.status_mut(), *response.headers_mut()) = (answer.status, answer.headers);
    Ok(response)
}

/// 256 random bits: a nonce, or a verifier of 43 characters (RFC 7636 §4.1).
fn text(entropy: &dyn Entropy) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random::<32>(entropy))
}

/// 32 hexadecimal digits.
fn number(entropy: &dyn Entropy) -> String {
    random::<16>(entropy).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn untrusted(why: &str) -> UpstreamError {
    UpstreamError::Untrusted(why.to_owned())
}

fn unavailable(why: &str) -> UpstreamError {
    UpstreamError::Unavailable(why.to_owned())
}

fn silent(what: &str, error: &kabinet_fetch::Error) -> UpstreamError {
    UpstreamError::Unavailable(format!("{what}: {error}"))
}

fn misconfigured(code: &str, detail: &str) -> UpstreamError {
    UpstreamError::Misconfigured { code: code.to_owned(), detail: detail.to_owned() }
}

/// An answer of the token endpoint that cannot be read: no JSON at all, or tokens that are none.
fn unreadable(body: &[u8]) -> UpstreamError {
    match serde_json::from_slice::<Map<String, Value>>(body) {
        Ok(answer) if answer.contains_key("id_token") => untrusted("the ID token cannot be read"),
        // Some say 200 and refuse.
        Ok(answer) if answer.get("error").is_some_and(Value::is_string) => {
            refused_code(answer["error"].as_str().unwrap_or_default())
        }
        _ => unavailable("the token endpoint sent something else than JSON tokens"),
    }
}

/// A code of an error in an answer, as it may stand in a log: RFC 6749 §4.1.2.1 has letters and `_`.
fn plain_code(code: &str) -> String {
    code.chars()
        .filter(|c| c.is_ascii_alphanumeric() || "_-.".contains(*c))
        .take(64)
        .collect()
}

/// What an `error` in the browser's answer means (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6).
fn refusal(code: &str, description: &str) -> UpstreamError {
    match code {
        "access_denied" | "consent_required" | "login_required" | "interaction_required" | "user_cancelled" => {
            UpstreamError::Cancelled
        }
        "server_error" | "temporarily_unavailable" => UpstreamError::Unavailable(plain_code(code)),
        _ => {
            let has_more = if description.is_empty() { "" } else { ", with a description" };
            misconfigured(&plain_code(code), &format!("the authorization endpoint refused{has_more}"))
        }
    }
}

/// What an error of the token endpoint means (RFC 6749 §5.2).
fn refused_code(code: &str) -> UpstreamError {
    match code {
        "invalid_grant" => UpstreamError::Stale("the code was not accepted".to_owned()),
        "server_error" | "temporarily_unavailable" => UpstreamError::Unavailable(plain_code(code)),
        _ => misconfigured(
            &plain_code(code),
            "the token endpoint refused; look at client_id, the secret and the redirect URI",
        ),
    }
}
