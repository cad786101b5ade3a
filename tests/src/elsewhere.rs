//! Another OpenID provider: a real listener on loopback, small, strict where a client must be right, and wrong on demand.
//!
//! Nobody clicks there: [`Elsewhere::sign_in`] reads where a browser was sent, and says where it comes back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode};
use kabinet::config::{Config, Hidden, Seconds, Upstream};
use kabinet_core::client::Alg;
use kabinet_identity::method::upstream::openid::Signing;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{ClientKey, START, query_of};

/// What the client is called there.
const CLIENT: &str = "kabinet-here";
const SECRET: &str = "CANARY-upstream-secret";

/// What the provider does.
pub struct Script {
    /// Who signs in next: claims of the ID token.
    pub claims: Map<String, Value>,
    /// What userinfo says, where there is one.
    pub userinfo: Option<Value>,
    /// What signs ID tokens.
    pub key: ClientKey,
    /// What is published.
    pub published: Value,
    /// Another header of the ID token.
    pub header: Option<Value>,
    /// What a path answers in place of what it should: a status and a body.
    pub instead: BTreeMap<&'static str, (u16, String)>,
    /// Whether the nonce comes back.
    pub sends_nonce: bool,
    /// `iss` of the answer; `None`: there is none.
    pub answer_issuer: Option<String>,
    /// How often each path was called.
    pub calls: BTreeMap<String, usize>,
    codes: BTreeMap<String, BTreeMap<String, String>>,
}

/// A provider on loopback.
#[derive(Clone)]
pub struct Elsewhere {
    /// Its issuer.
    pub issuer: String,
    script: Arc<Mutex<Script>>,
}

impl Elsewhere {
    /// A provider at which the person `subject` signs in.
    pub async fn open(subject: &str) -> Self {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let issuer = format!("http://{}", socket.local_addr().expect("an address"));
        let key = ClientKey::new(Alg::ES256, "k1");
        let script = Script {
            claims: Map::from_iter([("sub".to_owned(), subject.into()), ("name".to_owned(), "Анна Там".into())]),
            userinfo: None,
            published: key.jwks(),
            key,
            header: None,
            instead: BTreeMap::new(),
            sends_nonce: true,
            answer_issuer: Some(issuer.clone()),
            calls: BTreeMap::new(),
            codes: BTreeMap::new(),
        };
        let this = Self { issuer, script: Arc::new(Mutex::new(script)) };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .with_state(this.clone());
        tokio::spawn(async move { axum::serve(socket, router).await });
        this
    }

    /// What it does from now on.
    ///
    /// # Panics
    /// When another test thread has panicked with it.
    pub fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().expect("no panic before")
    }

    /// Says that so and so is what is claimed of whoever signs in next.
    pub fn claim(&self, name: &str, value: impl Into<Value>) {
        self.script().claims.insert(name.to_owned(), value.into());
    }

    /// Names the provider in a configuration.
    pub fn configure(&self, config: &mut Config, name: &str, change: impl FnOnce(&mut Upstream)) {
        config.outbound.allow = vec!["127.0.0.1".parse().expect("an address")];
        let mut upstream = Upstream {
            issuer: Some(self.issuer.clone()),
            client_id: Some(CLIENT.to_owned()),
            client_secret: Some(Hidden(SECRET.into())),
            title_ru: Some(format!("Вход {name}")),
            title_en: Some(format!("Sign-in {name}")),
            signing: Some(Signing::ES256),
            // However slow the machine is: no test here is about the time.
            timeout: Some(Seconds(120)),
            ..Upstream::default()
        };
        change(&mut upstream);
        config.upstream.insert(name.to_owned(), upstream);
    }

    /// The person signs in where the browser was sent; where it comes back, as a path of the provider under test.
    ///
    /// # Panics
    /// When the request is not one of the code flow with PKCE, a nonce and a state.
    #[must_use]
    pub fn sign_in(&self, location: &str) -> String {
        assert!(location.starts_with(&format!("{}/authorize?", self.issuer)), "{location}");
        let (asked, _) = query_of(location);
        let one = |name: &str| {
            asked
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
                .unwrap_or_default()
        };
        assert_eq!((one("response_type").as_str(), one("client_id").as_str()), ("code", CLIENT));
        assert_eq!(one("code_challenge_method"), "S256");
        assert!(one("state").len() == 36 && one("nonce").len() >= 32, "{location}");
        assert!(one("scope").split(' ').any(|scope| scope == "openid"), "{location}");
        let mut script = self.script();
        let code = format!("CANARY-code-{}", script.codes.len());
        let kept = ["nonce", "code_challenge", "redirect_uri"].map(|name| (name.to_owned(), one(name)));
        script.codes.insert(code.clone(), kept.into());
        let mut back = form_urlencoded::Serializer::new(String::new());
        back.append_pair("code", &code).append_pair("state", &one("state"));
        if let Some(issuer) = &script.answer_issuer {
            back.append_pair("iss", issuer);
        }
        let redirect = one("redirect_uri");
        let path = redirect.splitn(4, '/').nth(3).expect("a path");
        format!("/{path}?{}", back.finish())
    }

    /// The same where the person refuses, or something goes wrong before they can.
    #[must_use]
    pub fn refuse(&self, location: &str, error: &str) -> String {
        let back = self.sign_in(location);
        let (path, query) = back.split_once('?').expect("a query");
        let rest = query.split_once('&').expect("more than a code").1;
        format!("{path}?error={error}&{rest}")
    }
}

fn instead(script: &mut Script, path: &'static str) -> Option<Response> {
    *script.calls.entry(path.to_owned()).or_default() += 1;
    let (status, body) = script.instead.get(path)?.clone();
    let kind = if body.starts_with('{') { "application/json" } else { "text/html" };
    Some((StatusCode::from_u16(status).expect("a status"), [("content-type", kind)], body).into_response())
}

async fn discovery(State(this): State<Elsewhere>) -> Response {
    let mut script = this.script();
    if let Some(response) = instead(&mut script, "discovery") {
        return response;
    }
    let issuer = &this.issuer;
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "end_session_endpoint": format!("{issuer}/end"),
        "authorization_response_iss_parameter_supported": true,
    });
    if script.userinfo.is_some() {
        document["userinfo_endpoint"] = format!("{issuer}/userinfo").into();
    }
    axum::Json(document).into_response()
}

async fn jwks(State(this): State<Elsewhere>) -> Response {
    let mut script = this.script();
    instead(&mut script, "jwks").unwrap_or_else(|| axum::Json(script.published.clone()).into_response())
}

async fn userinfo(State(this): State<Elsewhere>, headers: HeaderMap) -> Response {
    let mut script = this.script();
    if let Some(response) = instead(&mut script, "userinfo") {
        return response;
    }
    if headers.get("authorization").is_none_or(|value| value != "Bearer CANARY-access") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    axum::Json(script.userinfo.clone()).into_response()
}

async fn token(State(this): State<Elsewhere>, headers: HeaderMap, body: String) -> Response {
    let mut script = this.script();
    if let Some(response) = instead(&mut script, "token") {
        return response;
    }
    let refuse = |error: &str| (StatusCode::BAD_REQUEST, axum::Json(json!({"error": error}))).into_response();
    let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{SECRET}")));
    if headers.get("authorization").is_none_or(|value| value != basic.as_str()) {
        return refuse("invalid_client");
    }
    let form: BTreeMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let Some(kept) = script.codes.remove(&field("code")) else {
        return refuse("invalid_grant");
    };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier")));
    if challenge != kept["code_challenge"] || field("redirect_uri") != kept["redirect_uri"] {
        return refuse("invalid_grant");
    }
    let mut claims = Map::from_iter([
        ("iss".to_owned(), Value::from(this.issuer.as_str())),
        ("aud".to_owned(), CLIENT.into()),
        ("iat".to_owned(), START.into()),
        ("exp".to_owned(), (START + 3600).into()),
    ]);
    if script.sends_nonce {
        claims.insert("nonce".to_owned(), kept["nonce"].as_str().into());
    }
    claims.extend(script.claims.clone());
    let claims = Value::Object(claims);
    let id_token = match &script.header {
        Some(header) => script.key.sign_with(header, &claims),
        None => script.key.sign(&claims),
    };
    let body = json!({"access_token": "CANARY-access", "token_type": "Bearer", "expires_in": 60, "id_token": id_token});
    axum::Json(body).into_response()
}
