//! How a module runs: for every variant of the plans that it belongs to, in a browser with an empty jar, as a client of the kind
//! that the variant names.
//!
//! 1. A variant is a response type, a response mode, a kind of registration and a client authentication.
//! 2. A static client is made by `kabinet client create`, one for each name and response type; a dynamic one registers itself for
//!    each run and deletes itself at its end, as the suite's do.
//! 3. The variants of a module run side by side, a few of all modules at a time, so that nobody's time limits are tried by load.
//!    A module that waits gives its place away meanwhile.
//! 4. What a run gets is checked by [`Run::finish`] as the suite checks it in every module, and by [`crate::looks`].

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kabinet_core::client::{Alg, AuthMethod};
use kabinet_tests::{Ask, Browser, Callback, ClientKey, Rp, Tokens, jwt};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

use crate::looks;
use crate::provider::{PROVIDER, Provider, RUNTIME};

/// How a client came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Registration {
    /// By the command line.
    Static,
    /// It registered itself.
    Dynamic,
}

/// How the answer comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As the response type has it.
    Default,
    /// In a form.
    FormPost,
}

/// What a run is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variant {
    pub(crate) response_type: &'static str,
    pub(crate) mode: Mode,
    pub(crate) registration: Registration,
    pub(crate) auth: AuthMethod,
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { response_type, mode, registration, auth } = self;
        write!(f, "response_type={response_type} {mode:?} {registration:?} {}", auth.as_str())
    }
}

impl Variant {
    /// Whether the response type names this part.
    pub(crate) fn has(&self, part: &str) -> bool {
        self.response_type.split(' ').any(|word| word == part)
    }

    /// Whether there is an access token in the end.
    pub(crate) fn gives_access(&self) -> bool {
        self.response_type != "id_token"
    }
}

pub(crate) type Plan = fn() -> Vec<Variant>;

fn each(types: &[&'static str], modes: &[Mode], registrations: &[Registration], auth: AuthMethod) -> Vec<Variant> {
    let mut variants = Vec::new();
    for response_type in types.iter().copied() {
        for mode in modes.iter().copied() {
            let of = |registration: &Registration| Variant { response_type, mode, registration: *registration, auth };
            variants.extend(registrations.iter().map(of));
        }
    }
    variants
}

const CODE: [&str; 1] = ["code"];
const IMPLICIT: [&str; 2] = ["id_token", "id_token token"];
const HYBRID: [&str; 3] = ["code id_token", "code token", "code id_token token"];
const EVERY: [&str; 6] = ["code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"];
const MODES: [Mode; 2] = [Mode::Default, Mode::FormPost];
const BOTH: [Registration; 2] = [Registration::Static, Registration::Dynamic];

/// `oidcc-basic-…` and `oidcc-formpost-basic-…`
pub(crate) fn basic() -> Vec<Variant> {
    each(&CODE, &MODES, &BOTH, AuthMethod::ClientSecretBasic)
}

/// `oidcc-implicit-…` and `oidcc-formpost-implicit-…`
pub(crate) fn implicit() -> Vec<Variant> {
    each(&IMPLICIT, &MODES, &BOTH, AuthMethod::ClientSecretBasic)
}

/// `oidcc-hybrid-…` and `oidcc-formpost-hybrid-…`
pub(crate) fn hybrid() -> Vec<Variant> {
    each(&HYBRID, &MODES, &BOTH, AuthMethod::ClientSecretBasic)
}

/// The one module of the basic and hybrid plans that is run with the secret in the body.
pub(crate) fn secret_post() -> Vec<Variant> {
    each(&[&CODE[..], &HYBRID].concat(), &MODES, &BOTH, AuthMethod::ClientSecretPost)
}

/// `oidcc-dynamic-…`
pub(crate) fn dynamic() -> Vec<Variant> {
    each(&EVERY, &[Mode::Default], &[Registration::Dynamic], AuthMethod::PrivateKeyJwt)
}

/// `oidcc-3rdparty-init-login-…`
pub(crate) fn third_party() -> Vec<Variant> {
    each(&EVERY, &[Mode::Default], &[Registration::Dynamic], AuthMethod::ClientSecretBasic)
}

/// The four logout plans.
pub(crate) fn logout() -> Vec<Variant> {
    each(&EVERY, &[Mode::Default], &BOTH, AuthMethod::ClientSecretBasic)
}

/// A body of a module.
pub(crate) type Body = for<'a> fn(&'a mut Run) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Runs a module for every variant of its plans that `fits`; fails with the names of those that failed.
pub(crate) fn run(plans: &[Plan], fits: fn(&Variant) -> bool, body: Body) {
    let variants: Vec<Variant> = plans.iter().flat_map(|plan| plan()).filter(fits).collect();
    assert!(!variants.is_empty());
    LazyLock::force(&PROVIDER);
    let failures = RUNTIME.block_on(async {
        let one = |variant: Variant| {
            let task = tokio::spawn(async move {
                let mut run = Run::start(variant).await;
                body(&mut run).await;
                run.end().await;
            });
            (variant, task)
        };
        let tasks: Vec<_> = variants.into_iter().map(one).collect();
        let mut failures = Vec::new();
        for (variant, task) in tasks {
            if let Err(error) = task.await {
                failures.push(format!("{variant}: {}", message(error)));
            }
        }
        failures
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn message(error: tokio::task::JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else {
        return "cancelled".to_owned();
    };
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_default()
}

/// Places of runs at a time.
static PLACES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(6)));
/// Static clients by what they were made of.
static CLIENTS: LazyLock<Mutex<HashMap<String, Arc<OnceCell<Value>>>>> = LazyLock::new(Mutex::default);
/// The key pair of every client that authenticates by one and does not change it.
pub(crate) static KEY: LazyLock<ClientKey> = LazyLock::new(|| ClientKey::new(Alg::RS256, "rp-1"));

/// A client of a run.
pub(crate) struct Client {
    pub(crate) rp: Rp,
    /// What it was told when it was made known.
    pub(crate) registered: Value,
}

/// One module with one variant.
pub(crate) struct Run {
    pub(crate) at: &'static Provider,
    pub(crate) variant: Variant,
    pub(crate) browser: Browser,
    registered: Vec<Value>,
    place: Option<OwnedSemaphorePermit>,
}

/// What a sign-in gave, everything checked.
pub(crate) struct Signed {
    /// The ID token, from behind where there are two.
    pub(crate) id_token: String,
    /// Its claims.
    pub(crate) claims: Value,
    /// Every access token.
    pub(crate) access: Vec<String>,
    /// What the token endpoint gave.
    pub(crate) tokens: Option<Tokens>,
    /// What userinfo says.
    pub(crate) info: Value,
}

impl Run {
    async fn start(variant: Variant) -> Self {
        let place = Some(PLACES.clone().acquire_owned().await.unwrap());
        Self {
            at: &PROVIDER,
            variant,
            browser: PROVIDER.browser(),
            registered: Vec::new(),
            place,
        }
    }

    /// Deletes what registered itself, as the suite does.
    async fn end(self) {
        for registered in &self.registered {
            assert_eq!(self.at.manage(http::Method::DELETE, registered).await.code(), 204);
        }
    }

    /// Waits; others may run meanwhile.
    pub(crate) async fn rest(&mut self, time: Duration) {
        self.place = None;
        tokio::time::sleep(time).await;
        self.place = Some(PLACES.clone().acquire_owned().await.unwrap());
    }

    /// Waits until the clock shows a later second than this one; others may run meanwhile.
    pub(crate) async fn after(&mut self, second: i64) {
        self.place = None;
        self.at.after(second).await;
        self.place = Some(PLACES.clone().acquire_owned().await.unwrap());
    }

    /// The client of the plan.
    pub(crate) async fn client(&mut self) -> Rp {
        self.client_with("one", json!({})).await.rp
    }

    /// The second one, with another redirect URI.
    pub(crate) async fn second_client(&mut self) -> Rp {
        self.client_with("two", json!({})).await.rp
    }

    /// A client with this metadata beside what every client of the variant has. A static one of the same name is made once.
    pub(crate) async fn client_with(&mut self, name: &str, more: Value) -> Client {
        let metadata = self.metadata(name, more);
        let registered = match self.variant.registration {
            Registration::Dynamic => {
                let answer = self.at.register(&metadata).await;
                assert_eq!((answer.code(), answer.header("cache-control")), (201, "no-store"), "{}", answer.body);
                self.registered.push(answer.json());
                answer.json()
            }
            Registration::Static => self.static_client(name, metadata.clone()).await,
        };
        let texts = |name: &str| {
            let list = metadata[name].as_array().into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let mut known = Provider::metadata(texts("redirect_uris"));
        known.token_endpoint_auth_method = self.variant.auth;
        let mut rp = self.at.rp(known, &registered);
        if self.variant.auth == AuthMethod::PrivateKeyJwt {
            rp.key = Some(KEY.clone());
            rp.audience = format!("{}/oauth2/token", self.at.issuer);
        }
        Client { rp, registered }
    }

    /// What every client of the variant says of itself, and more.
    pub(crate) fn metadata(&self, name: &str, more: Value) -> Value {
        let origin = &self.at.party.origin;
        let mut grants = Vec::new();
        grants.extend(self.variant.has("code").then_some("authorization_code"));
        grants.extend((self.variant.response_type != "code").then_some("implicit"));
        let mut metadata = json!({
            "client_name": format!("Проба {name}"), "redirect_uris": [format!("{origin}/cb/{name}")],
            "post_logout_redirect_uris": [format!("{origin}/bye")], "contacts": ["certification@rp.test"],
            "response_types": [self.variant.response_type], "grant_types": grants,
            "token_endpoint_auth_method": self.variant.auth.as_str(),
        });
        if self.variant.auth == AuthMethod::PrivateKeyJwt {
            metadata["jwks"] = KEY.jwks();
        }
        for (name, value) in more.as_object().unwrap() {
            metadata[name] = value.clone();
        }
        metadata
    }

    async fn static_client(&self, name: &str, metadata: Value) -> Value {
        let key = format!("{name} {} {}", self.variant.response_type, self.variant.auth.as_str());
        let clients = || CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = clients().entry(key).or_default().clone();
        let at = self.at;
        let make = async || tokio::task::spawn_blocking(move || at.run(&as_texts(&flags(&metadata)))).await.unwrap();
        cell.get_or_init(make).await.clone()
    }

    /// A sound request of the variant: no PKCE, as the plans have it.
    pub(crate) fn ask(&self, rp: &Rp) -> Ask {
        self.shaped(rp.ask().without_pkce())
    }

    /// A request with the variant's response type and mode.
    pub(crate) fn shaped(&self, ask: Ask) -> Ask {
        let ask = ask.with("response_type", self.variant.response_type);
        match self.variant.mode {
            Mode::Default => ask,
            Mode::FormPost => ask.with("response_mode", "form_post"),
        }
    }

    /// A path at the relying parties' site for this module and variant alone.
    pub(crate) fn place(&self, module: &str) -> String {
        place(module, &self.variant)
    }

    /// The same for every mode, in which a static client is one and the same.
    pub(crate) fn places(&self, module: &str) -> Vec<String> {
        let of = |mode| place(module, &Variant { mode, ..self.variant });
        MODES.map(of).to_vec()
    }

    /// Goes to the provider and through sign-in and consent where they are asked for; where the browser then is.
    pub(crate) async fn visit(&mut self, ask: &Ask) {
        self.browser.get(&ask.url()).await;
        self.go_on().await;
    }

    /// Does what the pages ask for until the browser leaves or something else is shown.
    pub(crate) async fn go_on(&mut self) {
        if self.browser.page.has("login-form") {
            self.browser.fill_in(&self.at.person, &[]).await;
        }
        if self.browser.page.has("consent-form") {
            self.browser.submit("consent-form", &[], "allow").await;
        }
        if self.browser.page.has("form-post") {
            self.browser.submit("form-post", &[], "").await;
        }
    }

    /// What came back, wherever it stands.
    #[track_caller]
    pub(crate) fn back(&self, ask: &Ask) -> Callback {
        let callback = Callback::of(&self.browser.page);
        looks::callback(&callback);
        assert_eq!(callback.get("state"), ask.get("state"));
        // RFC 9207 §2
        assert_eq!(callback.get("iss"), self.at.issuer);
        callback
    }

    /// What came back, where the variant wants it.
    #[track_caller]
    pub(crate) fn returned(&self, ask: &Ask) -> Callback {
        let callback = self.back(ask);
        let mode = match (self.variant.mode, self.variant.response_type) {
            (Mode::FormPost, _) => "form_post",
            (Mode::Default, "code") => "query",
            (Mode::Default, _) => "fragment",
        };
        assert_eq!(
            (callback.mode, callback.url.as_str()),
            (mode, ask.get("redirect_uri")),
            "{:?}",
            callback.params
        );
        callback
    }

    /// Sends a browser that is to come back without being asked anything.
    pub(crate) async fn silent(&mut self, ask: &Ask) -> Callback {
        self.browser.get(&ask.url()).await;
        if self.browser.page.has("form-post") {
            self.browser.submit("form-post", &[], "").await;
        }
        self.returned(ask)
    }

    /// Signs in for this request and takes what it gives.
    pub(crate) async fn complete(&mut self, rp: &Rp, ask: &Ask) -> Signed {
        self.visit(ask).await;
        let callback = self.returned(ask);
        self.finish(rp, ask, &callback).await
    }

    /// Takes what an answer gives, and checks it all: what the response type names and nothing else, hashes, signatures, claims.
    pub(crate) async fn finish(&self, rp: &Rp, ask: &Ask, callback: &Callback) -> Signed {
        assert_eq!(callback.get("error"), "", "{:?}", callback.params);
        for (part, name) in [("code", "code"), ("id_token", "id_token"), ("token", "access_token")] {
            assert_eq!(callback.get(name).is_empty(), !self.variant.has(part), "{name}: {:?}", callback.params);
        }
        let with_token = self.variant.has("token");
        assert_eq!(
            (callback.get("token_type") == "Bearer", !callback.get("expires_in").is_empty()),
            (with_token, with_token)
        );
        let wanted = Wanted::of(ask, self.variant.response_type);
        let mut signed = Signed {
            id_token: callback.get("id_token").to_owned(),
            claims: Value::Null,
            access: Vec::new(),
            tokens: None,
            info: Value::Null,
        };
        signed.access.extend(with_token.then(|| callback.get("access_token").to_owned()));
        if self.variant.has("id_token") {
            signed.claims = self.checked(rp, ask, &signed.id_token, &wanted.front).await;
            // OpenID Connect Core §3.2.2.9, §3.3.2.11
            let at_hash = with_token.then(|| json!(half(callback.get("access_token"))));
            let c_hash = self.variant.has("code").then(|| json!(half(callback.get("code"))));
            let hashes = (signed.claims.get("at_hash"), signed.claims.get("c_hash"));
            assert_eq!(hashes, (at_hash.as_ref(), c_hash.as_ref()));
        }
        if self.variant.has("code") {
            assert!(callback.code().len() >= 22, "at least 128 bits: {}", callback.code());
            let tokens = Tokens::of(&rp.redeem(callback.code(), ask).await);
            let claims = self.checked(rp, ask, &tokens.id, &wanted.behind).await;
            assert!(claims.get("at_hash").is_none_or(|hash| *hash == half(&tokens.access)), "{claims}");
            // OpenID Connect Core §3.3.3.6
            assert!(signed.claims.is_null() || signed.claims["sid"] == claims["sid"]);
            signed.access.push(tokens.access.clone());
            (signed.id_token, signed.claims, signed.tokens) = (tokens.id.clone(), claims, Some(tokens));
        }
        for token in &signed.access {
            signed.info = self.userinfo(rp, token).await;
            assert_eq!(signed.info["sub"], signed.claims["sub"]);
            looks::userinfo(&signed.info, &as_texts(&wanted.userinfo));
        }
        signed
    }

    /// What userinfo says, plain or in a JWT of the provider for this client (OpenID Connect Core §5.3.2).
    async fn userinfo(&self, rp: &Rp, token: &str) -> Value {
        let answer = rp.userinfo(token).await.ok();
        if answer.header("content-type") != "application/jwt" {
            return answer.json();
        }
        let mut claims = jwt::verify(&answer.body, &rp.jwks().await).unwrap();
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(self.at.issuer), &json!(rp.id)));
        let members = claims.as_object_mut().unwrap();
        ["iss", "aud"].iter().for_each(|name| drop(members.remove(*name)));
        claims
    }

    /// The claims of an ID token that is good.
    async fn checked(&self, rp: &Rp, ask: &Ask, token: &str, asked: &[String]) -> Value {
        let claims = rp.verify(token).await;
        let nonce = (!ask.get("nonce").is_empty()).then(|| json!(ask.get("nonce")));
        assert_eq!(claims.get("nonce"), nonce.as_ref(), "{claims}");
        assert!(claims["sub"].as_str().is_some_and(|sub| !sub.is_empty() && sub.len() <= 255), "{claims}");
        looks::id_token(&claims, &as_texts(asked));
        asked
            .iter()
            .for_each(|claim| assert!(claims.get(claim).is_some(), "an ID token lacks {claim}: {claims}"));
        claims
    }
}

fn place(module: &str, variant: &Variant) -> String {
    format!("/{module}/{variant}").replace([' ', '='], "-")
}

/// Which claims a request is to bring where.
struct Wanted {
    front: Vec<String>,
    behind: Vec<String>,
    userinfo: Vec<String>,
}

impl Wanted {
    fn of(ask: &Ask, response_type: &str) -> Self {
        let named: Value = serde_json::from_str(ask.get("claims")).unwrap_or_default();
        let names = |place: &str| named[place].as_object().into_iter().flat_map(Map::keys).cloned().collect::<Vec<_>>();
        let of_scope: Vec<String> = ask.get("scope").split(' ').flat_map(claims_of).map(str::to_owned).collect();
        let mut front = names("id_token");
        let behind = front.clone();
        // OpenID Connect Core §5.4: there is no access token to ask userinfo with.
        if response_type == "id_token" {
            front.extend(of_scope.clone());
        }
        let userinfo = [of_scope, names("userinfo")].concat();
        Self { front, behind, userinfo }
    }
}

/// The claims that a scope brings of our person.
fn claims_of(scope: &str) -> impl Iterator<Item = &'static str> + use<> {
    let claims: &[&str] = match scope {
        "profile" => &[
            "name",
            "given_name",
            "family_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
        ],
        "email" => &["email", "email_verified"],
        "phone" => &["phone_number", "phone_number_verified"],
        "address" => &["address"],
        _ => &[],
    };
    claims.iter().copied()
}

/// The left half of a hash (OpenID Connect Core §3.1.3.6).
fn half(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(text.as_bytes())[..16])
}

pub(crate) fn as_texts(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}

/// The command line that makes a client of this metadata: its flags are the metadata's names.
fn flags(metadata: &Value) -> Vec<String> {
    let mut flags: Vec<String> =
        ["client", "create", metadata["client_name"].as_str().unwrap(), "--profile", "web", "--json"]
            .map(str::to_owned)
            .to_vec();
    // The command line names the grant types by the response types.
    let named = |(name, _): &(&String, &Value)| !["client_name", "grant_types"].contains(&name.as_str());
    for (name, value) in metadata.as_object().unwrap().iter().filter(named) {
        let flag = format!("--{}", name.replace('_', "-"));
        match value {
            Value::Array(list) => {
                for one in list {
                    flags.extend([flag.trim_end_matches('s').to_owned(), one.as_str().unwrap().to_owned()]);
                }
            }
            Value::Bool(true) => flags.push(flag),
            value => flags.extend([flag, value.as_str().unwrap().to_owned()]),
        }
    }
    flags
}
