//! A relying party: builds requests, takes answers, redeems, refreshes, verifies.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{Method, Request};
use kabinet::Ambient;
use kabinet_core::ambient::{Clock, Entropy, random};
use kabinet_core::client::{AuthMethod, Client, ClientMetadata};
use kabinet_core::id::ClientId;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tower::ServiceExt;

use crate::answer::{Answer, form_body, query_of};
use crate::app::{Person, TestApp};
use crate::browser::{Browser, Page};
use crate::client_key::ClientKey;
use crate::jwt;

/// RFC 7523 §2.2
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A registered client.
#[derive(Clone)]
pub struct Rp {
    /// `client_id`.
    pub id: ClientId,
    /// `client_secret`, for a confidential one.
    pub secret: Option<String>,
    /// Its key pair, for one that authenticates by assertions.
    pub key: Option<ClientKey>,
    /// As registered.
    pub metadata: ClientMetadata,
    /// `aud` of its assertions: the issuer unless it is changed.
    pub audience: String,
    router: Router,
    issuer: String,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// An authorization request that is being built.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Names and values in order.
    pub params: Vec<(String, String)>,
    /// The PKCE verifier, if a challenge is sent.
    pub verifier: Option<String>,
}

/// What came back to the redirect URI.
#[derive(Clone, Debug, Default)]
pub struct Callback {
    /// The URL without its query and fragment.
    pub url: String,
    /// The parameters, wherever they were.
    pub params: Vec<(String, String)>,
    /// `query`, `fragment` or `form_post`.
    pub mode: &'static str,
}

/// What the token endpoint gave.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// `access_token`.
    pub access: String,
    /// `refresh_token`, or an empty text.
    pub refresh: String,
    /// `id_token`, or an empty text.
    pub id: String,
    /// The whole answer.
    pub json: Value,
}

impl Ask {
    /// Sets or replaces a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        match self.params.iter_mut().find(|(known, _)| known == name) {
            Some((_, kept)) => value.clone_into(kept),
            None => self.params.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Adds a parameter even if it is there.
    #[must_use]
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.params.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves a parameter out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.params.retain(|(known, _)| known != name);
        self
    }

    /// Leaves PKCE out.
    #[must_use]
    pub fn without_pkce(mut self) -> Self {
        self.verifier = None;
        self.without("code_challenge").without("code_challenge_method")
    }

    /// A parameter's value, or an empty text.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.params
            .iter()
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value.as_str())
    }

    /// The request as a path of the provider.
    #[must_use]
    pub fn url(&self) -> String {
        format!("/oauth2/authorize?{}", form_body(&self.params))
    }
}

impl Callback {
    /// Reads where a browser went to.
    ///
    /// # Panics
    /// When it did not leave the provider.
    #[must_use]
    #[track_caller]
    pub fn of(page: &Page) -> Self {
        let left = page
            .left
            .as_ref()
            .unwrap_or_else(|| panic!("still at {} ({}): {}", page.at, page.status, page.text()));
        let url = left.split(['?', '#']).next().unwrap_or_default().to_owned();
        let (query, fragment) = query_of(left);
        let (mode, params) = match (page.sent.is_empty(), fragment.is_empty()) {
            (false, _) => ("form_post", page.sent.clone()),
            (true, false) => ("fragment", fragment),
            (true, true) => ("query", query),
        };
        Self { url, params, mode }
    }

    /// A parameter, or an empty text.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.params
            .iter()
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value.as_str())
    }

    /// `code`.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn code(&self) -> &str {
        assert!(!self.get("code").is_empty(), "no code: {:?}", self.params);
        self.get("code")
    }
}

impl Tokens {
    /// Reads an answer of the token endpoint.
    ///
    /// # Panics
    /// When it is an error.
    #[track_caller]
    pub fn of(answer: &Answer) -> Self {
        assert_eq!(answer.code(), 200, "{}", answer.body);
        let json = answer.json();
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        Self {
            access: text("access_token"),
            refresh: text("refresh_token"),
            id: text("id_token"),
            json: json.clone(),
        }
    }
}

impl Rp {
    pub(crate) fn new(app: &TestApp, client: Client, secret: Option<String>) -> Self {
        Self {
            id: client.id,
            secret,
            key: None,
            metadata: client.metadata,
            audience: app.config.issuer.clone(),
            router: app.node.router.clone(),
            issuer: app.config.issuer.clone(),
            clock: app.clock.clone(),
            entropy: app.ambient.entropy.clone(),
        }
    }

    /// A client of a provider in another process, which `router` leads to.
    #[must_use]
    pub fn over(router: Router, issuer: String, ambient: &Ambient, metadata: ClientMetadata) -> Self {
        Self {
            id: ClientId::from(""),
            secret: None,
            key: None,
            metadata,
            audience: issuer.clone(),
            router,
            issuer,
            clock: ambient.clock.clone(),
            entropy: ambient.entropy.clone(),
        }
    }

    /// Goes on with another node of the same provider.
    pub fn use_node(&mut self, node: &crate::Node) {
        self.router = node.router.clone();
    }

    /// The first redirect URI.
    #[must_use]
    pub fn redirect_uri(&self) -> &str {
        self.metadata.redirect_uris.first().map_or("", String::as_str)
    }

    /// A random text.
    #[must_use]
    pub fn random(&self) -> String {
        URL_SAFE_NO_PAD.encode(random::<32>(&*self.entropy))
    }

    /// A sound request for `openid` with state, nonce and PKCE.
    #[must_use]
    pub fn ask(&self) -> Ask {
        let verifier = self.random();
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let (state, nonce) = (format!("CANARY-{}", self.random()), self.random());
        let params = [
            ("client_id", self.id.as_str()),
            ("response_type", "code"),
            ("redirect_uri", self.redirect_uri()),
            ("scope", "openid"),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let params = params.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Ask { params, verifier: Some(verifier) }
    }

    /// A sound request for these scopes.
    #[must_use]
    pub fn ask_for(&self, scope: &str) -> Ask {
        self.ask().with("scope", scope)
    }

    /// Sends a signed-in browser with the request; it must come back at once.
    pub async fn authorize(&self, browser: &mut Browser, ask: &Ask) -> Callback {
        Callback::of(browser.get(&ask.url()).await)
    }

    /// Goes all the way: sign-in and consent where they are asked for, then the code is redeemed.
    pub async fn sign_in(&self, app: &TestApp, browser: &mut Browser, person: &Person) -> Tokens {
        self.sign_in_with(app, browser, person, &self.ask()).await
    }

    /// The same for a request of one's own.
    pub async fn sign_in_with(&self, app: &TestApp, browser: &mut Browser, person: &Person, ask: &Ask) -> Tokens {
        let callback = self.come_back(app, browser, person, ask).await;
        Tokens::of(&self.redeem(callback.code(), ask).await)
    }

    /// Goes to the provider and through sign-in and consent; what comes back is not redeemed.
    pub async fn come_back(&self, app: &TestApp, browser: &mut Browser, person: &Person, ask: &Ask) -> Callback {
        browser.get(&ask.url()).await;
        if browser.page.has("login-form") {
            app.fill_in(browser, person).await;
        }
        if browser.page.has("consent-form") {
            browser.submit("consent-form", &[], "allow").await;
        }
        if browser.page.has("form-post") {
            browser.submit("form-post", &[], "").await;
        }
        Callback::of(&browser.page)
    }

    /// Redeems a code.
    pub async fn redeem(&self, code: &str, ask: &Ask) -> Answer {
        let mut form = vec![("grant_type", "authorization_code"), ("code", code)];
        let redirect_uri = ask.get("redirect_uri");
        if !redirect_uri.is_empty() {
            form.push(("redirect_uri", redirect_uri));
        }
        if let Some(verifier) = &ask.verifier {
            form.push(("code_verifier", verifier));
        }
        self.token(&form).await
    }

    /// Asks the token endpoint, authenticated as registered.
    pub async fn token(&self, form: &[(&str, &str)]) -> Answer {
        self.post("/oauth2/token", form).await
    }

    /// Refreshes.
    pub async fn refresh(&self, token: &str) -> Answer {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// Introspects.
    pub async fn introspect(&self, token: &str) -> Value {
        self.post("/oauth2/introspect", &[("token", token)]).await.ok().json()
    }

    /// Introspects with an `Accept` header of one's own.
    pub async fn introspect_as(&self, token: &str, accept: &str) -> Answer {
        self.post_with("/oauth2/introspect", &[("token", token)], &[("accept", accept)]).await
    }

    /// Whether introspection calls a token active.
    pub async fn is_active(&self, token: &str) -> bool {
        self.introspect(token).await["active"] == true
    }

    /// Revokes.
    pub async fn revoke(&self, token: &str) -> Answer {
        self.post("/oauth2/revoke", &[("token", token)]).await
    }

    /// Asks userinfo with a token in the header.
    pub async fn userinfo(&self, token: &str) -> Answer {
        let request = Request::get("/oauth2/userinfo").header("authorization", format!("Bearer {token}"));
        self.send(request.body(Body::empty()).expect("a sound request")).await
    }

    /// POST of a form to one of the client's endpoints, authenticated as registered.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.post_with(path, form, &[]).await
    }

    /// The same with further headers.
    pub async fn post_with(&self, path: &str, form: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let assertion;
        let mut form = form.to_vec();
        let mut request = Request::builder().method(Method::POST).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match (self.metadata.token_endpoint_auth_method, &self.secret) {
            (AuthMethod::ClientSecretBasic, Some(secret)) => {
                request = request.header("authorization", basic(self.id.as_str(), secret));
            }
            (AuthMethod::ClientSecretPost, Some(secret)) => {
                form.extend([("client_id", self.id.as_str()), ("client_secret", secret)])
            }
            (AuthMethod::PrivateKeyJwt, _) => {
                assertion = self.assertion();
                form.extend([("client_assertion_type", JWT_BEARER), ("client_assertion", assertion.as_str())]);
            }
            _ => form.push(("client_id", self.id.as_str())),
        }
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(form_body(&form))).expect("a sound request")).await
    }

    /// The claims of a sound assertion.
    #[must_use]
    pub fn assertion_claims(&self) -> Value {
        let now = self.clock.now().0;
        json!({
            "iss": self.id, "sub": self.id, "aud": self.audience, "jti": self.random(), "iat": now, "exp": now + 60,
        })
    }

    /// A sound assertion.
    ///
    /// # Panics
    /// When the client has no key pair.
    #[must_use]
    pub fn assertion(&self) -> String {
        self.key.as_ref().expect("a key pair").sign(&self.assertion_claims())
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(self.router.clone().oneshot(request).await.expect("infallible")).await
    }

    /// The published keys.
    pub async fn jwks(&self) -> Value {
        self.send(Request::get("/oauth2/jwks").body(Body::empty()).expect("a sound request"))
            .await
            .ok()
            .json()
    }

    /// Verifies an ID token as OpenID Connect Core §3.1.3.7 demands: signature, issuer, audience, time; its claims.
    ///
    /// # Panics
    /// When it is not good.
    pub async fn verify(&self, id_token: &str) -> Value {
        let claims = jwt::verify(id_token, &self.jwks().await).expect("a good signature");
        let (header, _) = jwt::parts(id_token);
        assert_eq!(header["alg"], self.metadata.id_token_signed_response_alg.as_str());
        assert_eq!(claims["iss"], self.issuer);
        assert_eq!(claims["aud"], self.id.as_str());
        let now = self.clock.now().0;
        assert!(claims["exp"].as_i64().is_some_and(|exp| exp > now && exp <= now + 86_400), "{claims}");
        assert!(claims["iat"].as_i64().is_some_and(|iat| iat <= now), "{claims}");
        claims
    }
}

/// `Authorization: Basic` (RFC 6749 §2.3.1: both parts are form-encoded first).
#[must_use]
pub fn basic(id: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(id), encode(secret))))
}
