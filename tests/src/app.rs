//! A provider for one test.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request};
use kabinet::Ambient;
use kabinet::config::{Config, Hidden, Log, LogFormat};
use kabinet_core::ambient::Clock;
use kabinet_core::audit::Origin;
use kabinet_core::brand::Brand;
use kabinet_core::client::{Alg, Client, ClientMetadata, ClientSecret, Profile};
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::document::{EVERY_BRAND, Kind, NewDocument};
use kabinet_core::id::{ClientId, UserId};
use kabinet_core::key::{KeyState, Ring, SigningKey};
use kabinet_core::language::Words;
use kabinet_core::secret::{Secret, TokenHash, TokenKind};
use kabinet_core::time::Timestamp;
use kabinet_identity::{Identity, NewAccount};
use kabinet_store::trust::Role;
use kabinet_store::{Store, change, client, grant};
use serde_json::{Map, Value};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::answer::{Answer, form_body};
use crate::browser::Browser;
use crate::database::Database;
use crate::rp::Rp;
use crate::{ISSUER, PASSWORD};

/// Where every clock begins: 2026-11-23T00:00:00Z.
pub const START: i64 = 1_795_392_000;

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl TestClock {
    fn new() -> Self {
        Self(AtomicI64::new(START))
    }

    /// Moves on by so many seconds.
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// A running node: what is served, and the jobs beside it.
pub struct Node {
    /// The public listener's.
    pub router: Router,
    /// The admin listener's.
    pub admin: Router,
    /// Ends with the node.
    pub jobs: kabinet::Jobs,
}

/// A person with an account.
#[derive(Clone, Debug)]
pub struct Person {
    /// `sub`.
    pub id: UserId,
    /// `phone` or `email`.
    pub kind: ContactKind,
    /// The phone or address.
    pub contact: String,
    /// The password.
    pub password: String,
}

/// A provider on a database of its own. The fields are dropped in this order: jobs, connections, database, folder.
pub struct TestApp {
    /// The first node.
    pub node: Node,
    /// The configuration.
    pub config: Config,
    /// The provider's clock.
    pub clock: Arc<TestClock>,
    /// The clock and the system's randomness.
    pub ambient: Ambient,
    /// The database, opened a second time, as the command line does.
    pub store: Store,
    /// The people.
    pub identity: Identity,
    _database: Database,
    _dir: TempDir,
}

impl TestApp {
    /// A provider for `https://id.test`.
    pub async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    /// A provider whose configuration differs.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        log_to_file();
        let dir = tempfile::tempdir().expect("a temporary folder");
        let clock = Arc::new(TestClock::new());
        let ambient = Ambient { clock: clock.clone(), entropy: Ambient::real().entropy };
        let mut config = config_in(dir.path().join("outbox.jsonl"));
        let database = Database::new(&mut config, dir.path(), &ambient).await;
        change(&mut config);
        let node = start_node(&config, &ambient).await;
        let store = kabinet::open_store(&config).await.expect("the database opens");
        let master = kabinet::config::master_key(&config, &*ambient.entropy).expect("a master key");
        let identity = kabinet::identity(&config, &store, master, &ambient).expect("an outbox");
        Self {
            node,
            config,
            clock,
            ambient,
            store,
            identity,
            _database: database,
            _dir: dir,
        }
    }

    /// Another node on the same database.
    pub async fn another_node(&self) -> Node {
        start_node(&self.config, &self.ambient).await
    }

    /// Ends the node and starts another on the same database: memory is gone.
    pub async fn restart(&mut self) {
        self.node = self.another_node().await;
    }

    /// The present moment of the provider.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.clock.now().0
    }

    /// A new browser.
    #[must_use]
    pub fn browser(&self) -> Browser {
        Browser::new(
            self.node.router.clone(),
            self.config.issuer.clone(),
            (self.clock.clone(), Some(self.identity.clone())),
        )
    }

    /// Sends a request to the first node.
    pub async fn send(&self, mut request: Request<Body>) -> Answer {
        if request.extensions().get::<ConnectInfo<SocketAddr>>().is_none() {
            request
                .extensions_mut()
                .insert(ConnectInfo(SocketAddr::from((IpAddr::from([203, 0, 113, 9]), 40_000))));
        }
        let is_post = request.method() == Method::POST;
        let answer = Answer::of(self.node.router.clone().oneshot(request).await.expect("infallible")).await;
        if is_post {
            settle(&self.identity).await;
        }
        answer
    }

    /// GET without cookies and without following anything.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).expect("a sound request")).await
    }

    /// GET or any other method with headers.
    pub async fn call(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).expect("a sound request")).await
    }

    /// POST of a form without cookies.
    pub async fn post<N: AsRef<str>, V: AsRef<str>>(&self, path: &str, form: &[(N, V)]) -> Answer {
        self.call(
            Method::POST,
            path,
            &[("content-type", "application/x-www-form-urlencoded")],
            &form_body(form),
        )
        .await
    }

    /// A person with a confirmed phone or e-mail address and a password.
    pub async fn user(&self, contact: &str, password: &str) -> Person {
        self.user_with(contact, password, &Value::Null).await
    }

    /// A person with a phone of their own.
    pub async fn anyone(&self) -> Person {
        let number = kabinet_core::secret::decimal_code(7, &*self.ambient.entropy);
        self.user(&format!("+7916{}", number.expose()), PASSWORD).await
    }

    /// A person with claims.
    pub async fn user_with(&self, contact: &str, password: &str, claims: &Value) -> Person {
        let kind = if contact.contains('@') {
            ContactKind::Email
        } else {
            ContactKind::Phone
        };
        let parsed = Contact::parse(kind, contact).expect("a phone or an e-mail address");
        let claims: Map<String, Value> = claims.as_object().cloned().unwrap_or_default();
        let password_text = Some(Secret::from(password));
        let account = NewAccount {
            contacts: vec![parsed],
            password: password_text,
            claims,
            role: None,
        };
        let id = self.identity.create_user(account, &origin()).await.expect("an account");
        Person {
            id,
            kind,
            contact: contact.to_owned(),
            password: password.to_owned(),
        }
    }

    /// Registers a client as the command line does, with `https://rp.test/cb` unless `change` says otherwise.
    pub async fn client(&self, profile: Profile, change: impl FnOnce(&mut ClientMetadata)) -> Rp {
        let mut metadata = ClientMetadata::of_profile(profile, "Проба");
        if !metadata.response_types.is_empty() {
            metadata.redirect_uris.push("https://rp.test/cb".to_owned());
            metadata.first_party = true;
        }
        change(&mut metadata);
        metadata.check().expect("sound metadata");
        let now = self.clock.now();
        let id = ClientId::generate(now, &*self.ambient.entropy);
        let has_secret = metadata.token_endpoint_auth_method.has_secret();
        let secret = has_secret.then(|| TokenKind::ClientSecret.generate(&*self.ambient.entropy));
        let kept = |secret: &Secret| ClientSecret {
            hash: TokenHash::of(secret.expose()),
            created_at: now,
            expires_at: None,
        };
        let secrets = secret.iter().map(kept).collect();
        let new = Client {
            id: id.clone(),
            metadata: metadata.clone(),
            secrets,
            disabled: false,
            created_at: now,
            updated_at: now,
        };
        let mut tx = self.store.begin().await.expect("a transaction");
        client::insert(&mut tx, &new).await.expect("a client");
        change::tell(&mut tx, change::Kind::Client, &[id.to_string()], now)
            .await
            .expect("word of it");
        tx.commit().await.expect("committed");
        Rp::new(self, new, secret.map(|secret| secret.expose().to_owned()))
    }

    /// A client that registered itself, with the secret that it was given.
    #[must_use]
    pub fn rp(&self, client: Client, secret: Option<String>) -> Rp {
        Rp::new(self, client, secret)
    }

    /// The protocol as another node has it, for what jobs do.
    pub async fn provider(&self) -> kabinet_oidc::Provider {
        let master = kabinet::config::master_key(&self.config, &*self.ambient.entropy).expect("a master key");
        kabinet::provider(&self.config, &self.store, &master, &self.ambient).await.expect("keys")
    }

    /// Changes a client as the command line does; running nodes hear of it within a second.
    pub async fn change_client(&self, id: &ClientId, change: impl FnOnce(&mut Client)) {
        let mut found = client::by_id(self.store.db(), id).await.expect("the store answers").expect("a client");
        let was_disabled = found.disabled;
        change(&mut found);
        let now = self.clock.now();
        found.updated_at = now;
        let mut tx = self.store.begin().await.expect("a transaction");
        assert!(client::update(&mut tx, &found).await.expect("the store answers"));
        if found.disabled && !was_disabled {
            grant::end_of_client(&mut tx, id, now).await.expect("ended grants");
        }
        change::tell(&mut tx, change::Kind::Client, &[id.to_string()], now)
            .await
            .expect("word of it");
        tx.commit().await.expect("committed");
        self.store.ephemeral().publish().await;
    }

    /// Saves a brand as the command line does, unchecked; running nodes hear of it within a second.
    pub async fn save_brand(&self, brand: &Brand) {
        let now = self.clock.now();
        let mut tx = self.store.begin().await.expect("a transaction");
        kabinet_store::brand::put(&mut tx, brand, now).await.expect("a saved brand");
        let names = [brand.name.clone()];
        change::tell(&mut tx, change::Kind::Brand, &names, now).await.expect("word of it");
        tx.commit().await.expect("committed");
        self.store.ephemeral().publish().await;
    }

    /// Deletes a client as the command line does.
    pub async fn delete_client(&self, id: &ClientId) {
        let now = self.clock.now();
        let mut tx = self.store.begin().await.expect("a transaction");
        grant::end_of_client(&mut tx, id, now).await.expect("ended grants");
        assert!(client::delete(&mut tx, id).await.expect("the store answers"));
        change::tell(&mut tx, change::Kind::Client, &[id.to_string()], now)
            .await
            .expect("word of it");
        tx.commit().await.expect("committed");
        self.store.ephemeral().publish().await;
    }

    /// Disables or enables a person as the command line does.
    pub async fn set_disabled(&self, person: &Person, disabled: bool) {
        assert!(
            self.identity
                .set_disabled(&person.id, disabled, &origin())
                .await
                .expect("the store answers")
        );
    }

    /// Deletes a person as the command line does.
    pub async fn delete_user(&self, person: &Person) {
        assert!(self.identity.delete_user(&person.id, &origin()).await.expect("the store answers"));
    }

    /// Rotates the common keys of an algorithm as the command line does; the id of the key that signs now.
    pub async fn rotate(&self, alg: Alg) -> String {
        self.rotate_in(Ring::Common, alg).await
    }

    /// The same in a ring.
    pub async fn rotate_in(&self, ring: Ring, alg: Alg) -> String {
        let master = kabinet::config::master_key(&self.config, &*self.ambient.entropy).expect("a master key");
        let sealer = kabinet_oidc::keys::sealer(&master);
        let forge = kabinet_oidc::keys::Forge {
            sealer: &sealer,
            rsa_bits: 2048,
            clock: &*self.ambient.clock,
            entropy: &*self.ambient.entropy,
        };
        let fresh = kabinet_oidc::keys::generate((ring, alg), KeyState::Next, forge).expect("a new key");
        let keys = kabinet_store::key::every(self.store.db()).await.expect("the store answers");
        let next = kabinet_oidc::keys::rotation::next(&keys, (ring, alg)).expect("a next key");
        kabinet_oidc::keys::rotation::rotate(&self.store, next, &fresh, &*self.ambient.entropy, &origin())
            .await
            .expect("new keys");
        self.store.ephemeral().publish().await;
        let keys = kabinet_store::key::every(self.store.db()).await.expect("the store answers");
        let current = |key: &&SigningKey| (key.ring, key.alg) == (ring, alg) && key.state == KeyState::Current;
        keys.iter().find(current).expect("a current key").id.to_string()
    }

    /// Moves the keys that are due, as a node's job does each minute; how many have moved.
    pub async fn tend_keys(&self) -> usize {
        let master = kabinet::config::master_key(&self.config, &*self.ambient.entropy).expect("a master key");
        let sealer = kabinet_oidc::keys::sealer(&master);
        kabinet::tend_keys(&self.config, &self.store, &sealer, &self.ambient)
            .await
            .expect("the store answers")
    }

    /// Publishes a legal text for every brand as the command line does, and waits until the first node has heard of it.
    pub async fn publish(&self, kind: Kind, version: &str) {
        self.publish_with(kind, version, |_| ()).await;
    }

    /// The same for a text that differs.
    pub async fn publish_with(&self, kind: Kind, version: &str, change: impl FnOnce(&mut NewDocument)) {
        let mut new = NewDocument {
            brand: EVERY_BRAND.to_owned(),
            kind,
            version: version.to_owned(),
            title: Words::new("Документ", "Document"),
            body: format!("Текст редакции {version}."),
            is_minor: false,
        };
        change(&mut new);
        self.identity.publish(&new, &origin()).await.expect("a sound document");
        let path = format!("/legal/{}?brand={}&version={}", kind.as_str(), new.brand, new.version);
        crate::eventually("the node hears of the document", async || self.get(&path).await.code() == 200).await;
    }

    /// Adds the authorities of the ГОСТ fixtures as an operator does, and waits until the first node has heard of them.
    pub async fn trust_fixtures(&self) {
        for (file, role) in [("root-ca", Role::Anchor), ("issuing-ca", Role::Intermediate)] {
            let file = crate::signature::fixture(&format!("{file}.crt.pem"));
            let der = kabinet_gost::pem::read(&file).expect("PEM").remove(0).der;
            let certificate = kabinet_gost::Certificate::parse(&der).expect("a certificate");
            self.identity.add_authority(&certificate, role, &origin()).await.expect("an authority");
        }
        crate::eventually("the node hears of the anchor", async || {
            self.get("/login").await.body.contains("method-certificate")
        })
        .await;
    }

    /// Signs a person in on `/login` and leaves the browser at `/account`.
    pub async fn sign_in(&self, browser: &mut Browser, person: &Person) {
        browser.get("/login?another=1").await;
        self.fill_in(browser, person).await;
        assert_eq!(browser.page.path(), "/account", "{}", browser.page.text());
    }

    /// Fills in the sign-in form that the browser shows.
    pub async fn fill_in(&self, browser: &mut Browser, person: &Person) {
        self.fill_in_with(browser, person, &[]).await;
    }

    /// The same with further fields, such as `("remember", "on")`.
    pub async fn fill_in_with(&self, browser: &mut Browser, person: &Person, more: &[(&str, &str)]) {
        browser.fill_in(person, more).await;
    }

    /// Every message that was sent, oldest first: the browser waits after each form until what it caused has gone out.
    #[must_use]
    pub fn messages(&self) -> Vec<Value> {
        let text =
            std::fs::read_to_string(self.config.delivery.outbox.as_ref().expect("an outbox")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// The last code that was sent to a phone (`+7…`) or an address; empty when there was none.
    #[must_use]
    pub fn code_sent_to(&self, to: &str) -> String {
        let messages = self.messages();
        let last = messages.iter().rev().find(|message| message["to"] == to && message["code"].is_string());
        last.and_then(|message| message["code"].as_str()).unwrap_or_default().to_owned()
    }

    /// A migration's playground: a database without tables named in a configuration of its own, kept by the guard.
    pub async fn empty_database(&self) -> (Config, impl Drop + use<>) {
        let mut config = self.config.clone();
        let database = Database::empty(&mut config, self._dir.path()).await;
        (config, database)
    }
}

/// Waits until no message is due or in the hands of a node's own job.
pub(crate) async fn settle(identity: &Identity) {
    crate::eventually("every message that is due has gone out", || async {
        identity.deliver_due().await.expect("the store answers");
        identity.post_is_idle().await.expect("the store answers")
    })
    .await;
}

/// Who changes things in tests, for the audit trail.
fn origin() -> Origin {
    Origin { actor: "command line", ..Origin::default() }
}

async fn start_node(config: &Config, ambient: &Ambient) -> Node {
    let kabinet::App { router, admin, jobs } =
        kabinet::app(config, ambient.clone()).await.expect("the provider starts");
    Node { router, admin, jobs }
}

fn config_in(outbox: PathBuf) -> Config {
    let mut config = Config { issuer: ISSUER.to_owned(), ..Config::default() };
    config.master_key = Some(Hidden(Secret::from(STANDARD.encode(b"CANARY-master-key-of-every-test."))));
    config.delivery.outbox = Some(outbox);
    config.delivery.outbox_force = true;
    config.store.connections = 4;
    // As cheap as Argon2 gets: its cost is no matter of these tests.
    // No browser of these tests has a script; those about work ask for some.
    config.work.bits = 0;
    config.hashing.memory = 8;
    config.hashing.iterations = 1;
    config
}

/// Sends the logs of the process to a file of its own in the folder `KABINET_TEST_LOGS`.
fn log_to_file() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let Some(folder) = std::env::var_os("KABINET_TEST_LOGS").map(PathBuf::from) else { return };
        std::fs::create_dir_all(&folder).expect("KABINET_TEST_LOGS can be made");
        let path = folder.join(format!("tests-{}.jsonl", std::process::id()));
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path).expect("KABINET_TEST_LOGS can be written");
        let level = "info,kabinet=debug,kabinet_core=debug,kabinet_store=debug,kabinet_oidc=debug,kabinet_identity=debug,kabinet_web=debug";
        let log = Log { format: LogFormat::Json, level: level.to_owned() };
        let logger = kabinet::telemetry::logger(&log, Arc::new(file));
        let _ = tracing::dispatcher::set_global_default(logger);
    });
}
