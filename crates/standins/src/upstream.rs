//! A plain OpenID provider: what a company or a service has to which this one sends people (OpenID Connect Core, RFC 6749,
//! RFC 7636, RFC 9207).
//!
//! | path | |
//! |---|---|
//! | `/.well-known/openid-configuration`, `/jwks` | metadata and keys: RS256 and ES256 |
//! | `/authorize` | form `standin-form`: choice `persona`, buttons `allow` and `deny` |
//! | `/token` | `authorization_code` with PKCE; the secret in the header or in the form |
//! | `/userinfo` | the claims of the scopes |
//! | `/end-session` | leads back to a registered address |
//! | `/control` | GET: what is asked for and was seen; POST: asks for more; DELETE: all is well again |
//!
//! 1. A request for authorization names a registered client and one of its addresses, letter for letter, or gets a page.
//!    Anything else that is wrong with it goes back to that address.
//! 2. The person chooses who they are. There is no session: every sign-in is asked for, and `prompt=none` is refused.
//! 3. The code is good once and for a minute, for the client and the address that it was issued to.
//! 4. What should go wrong is asked for: by [`Control::faults`], or over HTTP: `{"fault":"wrong-nonce","times":1}`,
//!    `{"at":"token","failure":"slow"}` and then `{"release":true}`, `{"skew":-300}`, `{"rotate":"RS256"}`, `{"person":{…}}`,
//!    `{"client":{…}}`. Without `times` until it is healed.
//!
//! A test that has no browser takes the page's part by [`Control::answer`].

mod person;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use kabinet_core::ambient::{Clock, Entropy};
use kabinet_core::time::Timestamp;
use openssl::error::ErrorStack;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::look::{self, Colours};
pub use crate::openid::{Alg, At, Failure, Fault, Faults};
use crate::openid::{
    Asked, Challenge, Codes, Draft, Keys, Pairs, address, credentials, fresh, half_hash, id_token, pairs, refusal,
    repeats, value,
};
pub use person::Person;

const COLOURS: Colours = Colours {
    ground: "#2d5bd0",
    ink: "#ffffff",
    links: ("#2d5bd0", "#9bb6ff"),
};
/// Lives of an access token and of an ID token, seconds.
const LIFE: i64 = 3600;
const SCOPES: [&str; 4] = ["openid", "profile", "email", "phone"];

/// A registered client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// `client_id`.
    pub id: String,
    /// `client_secret`; empty: a public client.
    #[serde(default)]
    pub secret: String,
    /// Where people may be sent back to.
    pub redirect_uris: Vec<String>,
    /// Where they may be sent after a sign-out.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// How its ID tokens are signed: RS256 or ES256.
    #[serde(default = "rs256")]
    pub alg: Alg,
}

const fn rs256() -> Alg {
    Alg::RS256
}

impl Client {
    /// A client with this one address and RS256.
    #[must_use]
    pub fn new(id: &str, secret: &str, redirect_uri: impl Into<String>) -> Self {
        Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
            redirect_uris: vec![redirect_uri.into()],
            post_logout_redirect_uris: Vec::new(),
            alg: Alg::RS256,
        }
    }
}

/// What a person does on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice<'a> {
    /// Signs in as the one with this `sub`; empty: as the one that is proposed.
    Allow(&'a str),
    /// Refuses.
    Deny,
}

/// The control over the provider. A clone is the same.
#[derive(Clone)]
pub struct Control(Arc<Shared>);

struct Shared {
    issuer: String,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    faults: Faults,
    codes: Codes<Grant>,
    kept: Mutex<Kept>,
}

struct Kept {
    keys: Keys,
    clients: Vec<Client>,
    people: Vec<Person>,
    tokens: HashMap<String, Grant>,
}

/// What a person has allowed.
#[derive(Clone)]
struct Grant {
    client: String,
    redirect_uri: String,
    person: Person,
    scopes: Vec<String>,
    nonce: String,
    challenge: Challenge,
    at: Timestamp,
}

/// A request for authorization that was checked.
struct Checked {
    client: Client,
    redirect_uri: String,
    state: String,
    request: Pairs,
    challenge: Challenge,
}

/// A request for authorization that was refused.
enum Refused {
    /// Nobody knows where to send it back to.
    Here(&'static str),
    /// It goes back to this address.
    Back(String),
}

/// The provider at `issuer`, which has no slash at its end, and the control over it.
///
/// # Errors
/// When no keys can be made.
pub fn router(issuer: &str, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<(Router, Control), ErrorStack> {
    let keys = Keys::generate(&[(Alg::RS256, "rsa-1"), (Alg::ES256, "ec-1")])?;
    let people = Person::all();
    let control = Control(Arc::new(Shared {
        issuer: issuer.to_owned(),
        clock,
        entropy,
        faults: Faults::default(),
        codes: Codes::default(),
        kept: Mutex::new(Kept { keys, people, clients: Vec::new(), tokens: HashMap::new() }),
    }));
    let router = Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/jwks", get(jwks))
        .route("/authorize", get(show).post(press))
        .route("/token", post(token))
        .route("/userinfo", get(userinfo).post(userinfo))
        .route("/end-session", get(end_session))
        .route("/control", get(told).post(ask).delete(heal))
        .route("/", get(home))
        .route("/upstream.css", get(async || look::stylesheet(COLOURS)))
        .route("/upstream.svg", get(async || look::icon(COLOURS)));
    Ok((router.with_state(control.clone()), control))
}

impl Control {
    /// What should go wrong.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// Registers a client, in the place of one of the same id.
    pub fn register(&self, client: Client) {
        let clients = &mut self.kept().clients;
        clients.retain(|known| known.id != client.id);
        clients.push(client);
    }

    /// Opens an account, in the place of one of the same `sub`.
    pub fn add(&self, person: Person) {
        let people = &mut self.kept().people;
        people.retain(|known| known.subject != person.subject);
        people.push(person);
    }

    /// Publishes a new key of this algorithm in the place of the old one.
    ///
    /// # Errors
    /// When none can be made.
    pub fn rotate(&self, alg: Alg) -> Result<(), ErrorStack> {
        self.kept().keys.rotate(alg, &*self.0.entropy)
    }

    /// Where the browser goes when a person, at this address of the provider, does this.
    ///
    /// # Errors
    /// What the page says where the request is refused with nowhere to go back to.
    pub fn answer(&self, url: &str, choice: Choice<'_>) -> Result<String, &'static str> {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        match self.check(query) {
            Ok(checked) => self.decide(&checked, choice),
            Err(Refused::Back(address)) => Ok(address),
            Err(Refused::Here(why)) => Err(why),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now().plus(self.0.faults.ahead())
    }

    fn check(&self, query: &str) -> Result<Checked, Refused> {
        let request = pairs(query);
        let known = self
            .kept()
            .clients
            .iter()
            .find(|client| client.id == value(&request, "client_id"))
            .cloned();
        let client = known.ok_or(Refused::Here("Такой клиент не зарегистрирован (client_id)"))?;
        let redirect_uri = value(&request, "redirect_uri").to_owned();
        if !client.redirect_uris.contains(&redirect_uri) {
            return Err(Refused::Here("Такой адрес возврата не зарегистрирован (redirect_uri)"));
        }
        let state = value(&request, "state").to_owned();
        let back = |error: &str| Refused::Back(self.refused(&redirect_uri, &state, error));
        if repeats(&request) {
            return Err(back("invalid_request"));
        }
        if value(&request, "response_type") != "code" {
            return Err(back("unsupported_response_type"));
        }
        if !value(&request, "scope").split(' ').any(|scope| scope == "openid") {
            return Err(back("invalid_scope"));
        }
        if value(&request, "prompt") == "none" {
            return Err(back("login_required"));
        }
        let challenge = Challenge::of(&request).ok_or_else(|| back("invalid_request"))?;
        // RFC 9700 §2.1.1: a public client has nothing else that ties the code to it.
        if client.secret.is_empty() && !challenge.is_present() {
            return Err(back("invalid_request"));
        }
        Ok(Checked { client, redirect_uri, state, request, challenge })
    }

    fn decide(&self, checked: &Checked, choice: Choice<'_>) -> Result<String, &'static str> {
        let Checked { client, redirect_uri, state, request, challenge } = checked;
        let Choice::Allow(subject) = choice else {
            return Ok(self.refused(redirect_uri, state, "access_denied"));
        };
        let people = self.kept().people.clone();
        let person = people.into_iter().find(|person| subject.is_empty() || person.subject == subject);
        let asked = value(request, "scope").split(' ').map(str::to_owned);
        let grant = Grant {
            client: client.id.clone(),
            redirect_uri: redirect_uri.clone(),
            person: person.ok_or("Такого человека здесь нет (persona)")?,
            scopes: asked.filter(|scope| SCOPES.contains(&scope.as_str())).collect(),
            nonce: value(request, "nonce").to_owned(),
            challenge: challenge.clone(),
            at: self.now(),
        };
        let code = self.0.codes.issue(grant, &self.0.faults, (self.now(), &*self.0.entropy));
        Ok(self.back(redirect_uri, state, ("code", &code)))
    }

    fn refused(&self, redirect_uri: &str, state: &str, error: &str) -> String {
        self.back(redirect_uri, state, ("error", error))
    }

    fn back(&self, redirect_uri: &str, state: &str, answer: (&str, &str)) -> String {
        let faults = &self.0.faults;
        let state = if faults.take(Fault::WrongState) { "another" } else { state };
        let issuer = match (faults.take(Fault::NoIss), faults.take(Fault::ForeignIss)) {
            (true, _) => "",
            (_, true) => "https://stranger.invalid",
            _ => &self.0.issuer,
        };
        address(redirect_uri, &[answer, ("state", state), ("iss", issuer)])
    }

    fn redeem(&self, headers: &HeaderMap, form: &Pairs) -> Result<Value, (&'static str, &'static str)> {
        let (id, secret) = credentials(headers, form).ok_or(("invalid_client", "no client authentication"))?;
        let known = self
            .kept()
            .clients
            .iter()
            .find(|client| client.id == id && client.secret == secret)
            .cloned();
        let client = known.ok_or(("invalid_client", "unknown client or wrong secret"))?;
        if value(form, "grant_type") != "authorization_code" {
            return Err(("unsupported_grant_type", "only authorization_code"));
        }
        let grant = self.0.codes.redeem(value(form, "code"), self.now());
        let grant = grant.ok_or(("invalid_grant", "the code is unknown, used or expired"))?;
        if grant.client != client.id || grant.redirect_uri != value(form, "redirect_uri") {
            return Err(("invalid_grant", "the code belongs to another client or redirect_uri"));
        }
        if !grant.challenge.is_met(value(form, "code_verifier")) {
            return Err(("invalid_grant", "code_verifier"));
        }
        let access = fresh(&*self.0.entropy);
        let mut answer = json!({
            "access_token": access, "token_type": "Bearer", "expires_in": LIFE, "scope": grant.scopes.join(" "),
        });
        if !self.0.faults.take(Fault::NoToken) {
            let token = self.id_token(&client, &grant, &access);
            answer["id_token"] = json!(token.map_err(|_| ("server_error", "no signature"))?);
        }
        self.kept().tokens.insert(access, grant);
        Ok(answer)
    }

    fn id_token(&self, client: &Client, grant: &Grant, access: &str) -> Result<String, ErrorStack> {
        let now = self.now();
        let mut claims = Map::new();
        let values = [
            ("iss", json!(self.0.issuer)),
            ("sub", json!(grant.person.subject)),
            ("aud", json!(client.id)),
            ("iat", json!(now.0)),
            ("exp", json!(now.plus(LIFE).0)),
            ("auth_time", json!(grant.at.0)),
            ("at_hash", json!(half_hash(access))),
            ("nonce", json!(grant.nonce)),
        ];
        claims.extend(
            values
                .into_iter()
                .filter(|(_, value)| value != "")
                .map(|(name, value)| (name.to_owned(), value)),
        );
        let draft = Draft { claims, alg: client.alg, secret: &client.secret };
        id_token(&self.kept().keys, &self.0.faults, draft)
    }
}

async fn discovery(State(control): State<Control>) -> Response {
    if let Some(failed) = control.faults().pass(At::Discovery).await {
        return failed;
    }
    let at = |path: &str| format!("{}/{path}", control.0.issuer);
    Json(json!({
        "issuer": control.0.issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "userinfo_endpoint": at("userinfo"),
        "jwks_uri": at("jwks"),
        "end_session_endpoint": at("end-session"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256", "plain"],
        "scopes_supported": SCOPES,
        "claims_supported": ["sub", "name", "family_name", "given_name", "birthdate", "gender", "email", "email_verified",
            "phone_number", "phone_number_verified"],
        "authorization_response_iss_parameter_supported": true,
    }))
    .into_response()
}

async fn jwks(State(control): State<Control>) -> Response {
    if let Some(failed) = control.faults().pass(At::Keys).await {
        return failed;
    }
    let published = control.kept().keys.published();
    match published {
        Ok(keys) => Json(json!({"keys": keys})).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[derive(Template, Default)]
#[template(path = "upstream.html")]
struct Page {
    client: String,
    scopes: String,
    request: String,
    people: Vec<(String, String, String)>,
    refusal: &'static str,
}

async fn show(State(control): State<Control>, RawQuery(query): RawQuery) -> Response {
    if let Some(failed) = control.faults().pass(At::Authorize).await {
        return failed;
    }
    let query = query.unwrap_or_default();
    match control.check(&query) {
        Ok(checked) => page(
            StatusCode::OK,
            &Page {
                client: checked.client.id,
                scopes: value(&checked.request, "scope").to_owned(),
                request: query,
                people: control.kept().people.iter().map(described).collect(),
                refusal: "",
            },
        ),
        Err(refused) => refused.into_response(),
    }
}

fn described(person: &Person) -> (String, String, String) {
    let verified = |value: &str, is_verified: bool| match (value, is_verified) {
        ("", _) => None,
        (value, true) => Some(value.to_owned()),
        (value, false) => Some(format!("{value}, не подтверждён")),
    };
    let contacts = [
        verified(&person.email, person.email_verified),
        verified(&person.phone_number, person.phone_number_verified),
    ];
    let contacts: Vec<String> = contacts.into_iter().flatten().collect();
    (person.subject.clone(), person.name(), contacts.join("; "))
}

fn page(status: StatusCode, page: &Page) -> Response {
    match page.render() {
        Ok(text) => (status, look::leaving(text)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Back(address) => Redirect::to(&address).into_response(),
            Self::Here(refusal) => page(StatusCode::BAD_REQUEST, &Page { refusal, ..Page::default() }),
        }
    }
}

async fn press(State(control): State<Control>, body: String) -> Response {
    let form = pairs(&body);
    let choice = match (value(&form, "allow"), value(&form, "persona")) {
        ("", _) => Choice::Deny,
        (_, persona) => Choice::Allow(persona),
    };
    match control.check(value(&form, "request")) {
        Ok(checked) => match control.decide(&checked, choice) {
            Ok(address) => Redirect::to(&address).into_response(),
            Err(why) => Refused::Here(why).into_response(),
        },
        Err(refused) => refused.into_response(),
    }
}

async fn token(State(control): State<Control>, headers: HeaderMap, body: String) -> Response {
    if let Some(failed) = control.faults().pass(At::Token).await {
        return failed;
    }
    match control.redeem(&headers, &pairs(&body)) {
        Ok(answer) => ([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response(),
        Err((error, description)) => refusal(error, description),
    }
}

async fn userinfo(State(control): State<Control>, headers: HeaderMap) -> Response {
    if let Some(failed) = control.faults().pass(At::Userinfo).await {
        return failed;
    }
    let text = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let token = text.strip_prefix("Bearer ").unwrap_or_default();
    let grant = control.kept().tokens.get(token).cloned();
    let Some(grant) = grant.filter(|grant| control.now().since(grant.at) <= LIFE) else {
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")];
        return (StatusCode::UNAUTHORIZED, challenge).into_response();
    };
    let mut claims = grant.person.claims(&grant.scopes, control.faults());
    if control.faults().take(Fault::OtherPerson) {
        claims.insert("sub".to_owned(), json!("somebody-else"));
    }
    Json(claims).into_response()
}

/// OpenID Connect RP-Initiated Logout 1.0 §2: back to a registered address, with the state.
async fn end_session(State(control): State<Control>, RawQuery(query): RawQuery) -> Response {
    let request = pairs(&query.unwrap_or_default());
    let back = value(&request, "post_logout_redirect_uri");
    let is_registered = |client: &Client| client.post_logout_redirect_uris.iter().any(|known| known == back);
    let is_known = control.kept().clients.iter().any(is_registered);
    if is_known {
        return Redirect::to(&address(back, &[("state", value(&request, "state"))])).into_response();
    }
    Refused::Here("Такой адрес возврата не зарегистрирован (post_logout_redirect_uri)").into_response()
}

/// Who has an account here, for whoever looks.
async fn home(State(control): State<Control>) -> Response {
    let people = control.kept().people.iter().map(described).collect();
    page(StatusCode::OK, &Page { people, ..Page::default() })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    rotate: Option<Alg>,
    person: Option<Person>,
    client: Option<Client>,
}

async fn told(State(control): State<Control>) -> Json<Value> {
    Json(control.faults().told())
}

/// Either something that should go wrong, or something that should be there.
async fn ask(State(control): State<Control>, Json(asked): Json<Value>) -> StatusCode {
    if let Ok(fault) = serde_json::from_value::<Asked>(asked.clone()) {
        return match control.faults().ask(&fault) {
            true => StatusCode::NO_CONTENT,
            false => StatusCode::UNPROCESSABLE_ENTITY,
        };
    }
    let Ok(wish) = serde_json::from_value::<Wish>(asked) else {
        return StatusCode::UNPROCESSABLE_ENTITY;
    };
    if let Some(person) = wish.person {
        control.add(person);
    }
    if let Some(client) = wish.client {
        control.register(client);
    }
    match wish.rotate.map(|alg| control.rotate(alg)) {
        Some(Err(_)) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::NO_CONTENT,
    }
}

async fn heal(State(control): State<Control>) -> StatusCode {
    control.faults().heal();
    StatusCode::NO_CONTENT
}
