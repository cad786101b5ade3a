//! The provider under test: the built binary with built-in HTTPS and an authority of the test's own, one for all modules; its
//! command line; and the end of it all, which a guardian sees to, however this process ends.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use kabinet::Ambient;
use kabinet::config::Config;
use kabinet_core::client::{ClientMetadata, Profile};
use kabinet_core::contact::ContactKind;
use kabinet_core::id::{ClientId, UserId};
use kabinet_tests::program::{command, forwarder, free_port, log};
use kabinet_tests::{Answer, Browser, PASSWORD, Person, Rp, empty_database};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::party::Party;
use crate::{dynamic, looks, suite};

pub(crate) use kabinet_tests::program::BOUND;

/// What the person has told of herself: every standard claim but the contacts.
pub(crate) fn claims() -> Value {
    json!({
        "name": "CANARY-Анна Петрова", "given_name": "Анна", "family_name": "Петрова", "middle_name": "Ивановна", "nickname": "Аня",
        "profile": "https://rp.test/anna", "picture": "https://rp.test/anna.png", "website": "https://anna.test/",
        "gender": "female", "birthdate": "1990-01-02", "zoneinfo": "Europe/Moscow", "locale": "ru-RU",
        "address": {"locality": "Калуга", "country": "Россия"},
    })
}

/// One runtime for every module: connections are kept between them.
pub(crate) static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
});

/// The one provider. It begins with the first module that looks at it.
pub(crate) static PROVIDER: LazyLock<Provider> = LazyLock::new(|| RUNTIME.block_on(Provider::start()));

pub(crate) struct Provider {
    pub(crate) issuer: String,
    pub(crate) port: u16,
    pub(crate) person: Person,
    /// What the relying parties publish and are called at.
    pub(crate) party: Party,
    pub(crate) ambient: Ambient,
    /// The certificate of the authority, PEM.
    pub(crate) authority: Vec<u8>,
    router: Router,
    environment: Vec<(&'static str, String)>,
    /// Its end closes the guardian's input.
    _guardian: Child,
    _database: Box<dyn Send + Sync>,
}

impl Provider {
    async fn start() -> Self {
        // Made here, once: no module waits for a key in the middle of a time limit.
        LazyLock::force(&suite::KEY);
        LazyLock::force(&dynamic::NEXT);
        let dir = tempfile::tempdir().unwrap().keep();
        certificates(&dir);
        let authority = std::fs::read(dir.join("ca.pem")).unwrap();
        let party = Party::open(&dir);
        let mut config = Config::default();
        let database = empty_database(&mut config, &dir).await;
        let mut environment = settings(&config, &dir);
        let client = trusting(&authority);
        let (port, child) = serve(&mut environment, &client).await;
        let guardian = guard(&child, &dir);
        let issuer = format!("https://localhost:{port}");
        let router = examined(forwarder(client, issuer.clone()), issuer.clone());
        let person = create_person(&environment, &dir);
        Self {
            issuer,
            port,
            person,
            party,
            ambient: Ambient::real(),
            authority,
            router,
            environment,
            _guardian: guardian,
            _database: Box::new(database),
        }
    }

    /// A browser that trusts the authority, with nothing in its jar.
    pub(crate) fn browser(&self) -> Browser {
        Browser::over(self.router.clone(), self.issuer.clone(), self.ambient.clock.clone())
    }

    /// The present moment.
    pub(crate) fn now(&self) -> i64 {
        self.ambient.clock.now().0
    }

    /// Waits until the clock shows a later second than this one.
    pub(crate) async fn after(&self, second: i64) {
        while self.now() <= second {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends a request without cookies.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(self.router.clone().oneshot(request).await.unwrap()).await
    }

    /// GET without cookies.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// The metadata that the provider publishes.
    pub(crate) async fn facts(&self) -> Value {
        self.get("/.well-known/openid-configuration").await.ok().json()
    }

    /// Registers a client over HTTP.
    pub(crate) async fn register(&self, body: &Value) -> Answer {
        let request = Request::post("/oauth2/register").header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Calls a client's own registration.
    pub(crate) async fn manage(&self, method: http::Method, registered: &Value) -> Answer {
        let text = |name: &str| registered[name].as_str().unwrap().to_owned();
        let path = text("registration_client_uri").strip_prefix(&self.issuer).unwrap().to_owned();
        let bearer = format!("Bearer {}", text("registration_access_token"));
        let request = Request::builder().method(method).uri(path).header("authorization", bearer);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Runs the command line beside the running provider; what it answers.
    pub(crate) fn run(&self, arguments: &[&str]) -> Value {
        run(&self.environment, arguments, None)
    }

    /// Whether the command line refuses to do this.
    pub(crate) fn refuses(&self, arguments: &[&str]) -> bool {
        !command(arguments, &self.environment)
            .stdin(Stdio::null())
            .output()
            .unwrap()
            .status
            .success()
    }

    /// A client as it was made known, by hand or by itself.
    pub(crate) fn rp(&self, metadata: ClientMetadata, registered: &Value) -> Rp {
        let mut rp = Rp::over(self.router.clone(), self.issuer.clone(), &self.ambient, metadata);
        rp.id = ClientId::from(registered["client_id"].as_str().unwrap());
        rp.secret = registered["client_secret"].as_str().map(str::to_owned);
        rp
    }

    /// Metadata of a client with these redirect URIs.
    pub(crate) fn metadata(redirect_uris: Vec<String>) -> ClientMetadata {
        ClientMetadata {
            redirect_uris,
            ..ClientMetadata::of_profile(Profile::Web, "Проба")
        }
    }
}

/// An HTTPS client that trusts this authority alone and follows nothing.
pub(crate) fn trusting(authority: &[u8]) -> reqwest::Client {
    let authority = reqwest::Certificate::from_pem(authority).unwrap();
    let builder = reqwest::Client::builder().tls_certs_only([authority]);
    // Given up before the provider does so: no request is sent into a connection that it has just closed.
    let builder = builder.pool_idle_timeout(Duration::from_secs(5));
    builder.redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// Everything that comes back is looked at, whatever module asked for it.
fn examined(router: Router, issuer: String) -> Router {
    Router::new().fallback(move |request: Request<Body>| {
        let (router, issuer) = (router.clone(), issuer.clone());
        async move {
            let path = request.uri().path().to_owned();
            let answer = Answer::of(router.oneshot(request).await.unwrap()).await;
            looks::every_answer(&issuer, &path, &answer);
            let mut response = http::Response::builder().status(answer.status);
            *response.headers_mut().unwrap() = answer.headers;
            response.body(Body::from(answer.body)).unwrap()
        }
    })
}

/// An authority, and one certificate for both sides. RSA, so that a cipher without forward secrecy would have a key to use.
fn certificates(dir: &Path) {
    let openssl = |arguments: &[&str]| {
        let made = Command::new("openssl").current_dir(dir).args(arguments).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    };
    let fresh = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"];
    let of_authority = [
        &fresh[..],
        &["-subj", "/CN=Authority of the test", "-keyout", "ca.key", "-out", "ca.pem"],
        &["-addext", "keyUsage=critical,keyCertSign"],
    ];
    let of_servers = [
        &fresh[..],
        &[
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-subj",
            "/CN=localhost",
            "-keyout",
            "tls.key",
            "-out",
            "tls.pem",
        ],
        &["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"],
    ];
    openssl(&of_authority.concat());
    openssl(&of_servers.concat());
}

fn settings(config: &Config, dir: &Path) -> Vec<(&'static str, String)> {
    let file = |name: &str| dir.join(name).display().to_string();
    let response_types = ["code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"];
    let mut environment = vec![
        ("KABINET__ADMIN_LISTEN", "127.0.0.1:0".to_owned()),
        ("KABINET__STORE__URL", config.store.url.expose().to_owned()),
        ("KABINET__MASTER_KEY", STANDARD.encode(b"CANARY-master-key-of-every-test.")),
        ("KABINET__TLS__CERT", file("tls.pem")),
        ("KABINET__TLS__KEY", file("tls.key")),
        ("KABINET__OUTBOUND__ALLOW", "127.0.0.0/8".to_owned()),
        ("KABINET__OUTBOUND__CA", file("ca.pem")),
        ("KABINET__REGISTRATION__MODE", "open".to_owned()),
        ("KABINET__REGISTRATION__SHOW_LOGOS", "all".to_owned()),
        ("KABINET__REGISTRATION__RESPONSE_TYPES", response_types.join(",")),
        // The suite, too, registers more than a product would.
        ("KABINET__REGISTRATION__PER_HOUR", "100000".to_owned()),
        ("KABINET__DELIVERY__OUTBOX", file("outbox.jsonl")),
        ("KABINET__DELIVERY__OUTBOX_FORCE", "true".to_owned()),
        // As cheap as Argon2 gets: its cost is no matter of these tests. No browser of theirs has a script.
        ("KABINET__HASHING__MEMORY", "8".to_owned()),
        ("KABINET__HASHING__ITERATIONS", "1".to_owned()),
        ("KABINET__HASHING__WAIT", "60s".to_owned()),
        ("KABINET__WORK__BITS", "0".to_owned()),
        ("KABINET__STORE__MIGRATE", "true".to_owned()),
        ("KABINET__LOG__FORMAT", "json".to_owned()),
    ];
    environment.extend(config.redis.url.as_ref().map(|url| ("KABINET__REDIS__URL", url.expose().to_owned())));
    environment
}

/// Serves until it is killed. Somebody else may have taken the port in the meantime: then another one is tried.
async fn serve(environment: &mut Vec<(&'static str, String)>, client: &reqwest::Client) -> (u16, Child) {
    let common = environment.len();
    let begun = Instant::now();
    for _ in 0..5 {
        let port = free_port();
        environment.truncate(common);
        environment.push(("KABINET__ISSUER", format!("https://localhost:{port}")));
        environment.push(("KABINET__LISTEN", format!("127.0.0.1:{port}")));
        let mut serve = command(&["serve"], environment);
        let mut child = serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log(port)).spawn().unwrap();
        let facts = format!("https://localhost:{port}/.well-known/openid-configuration");
        while child.try_wait().unwrap().is_none() {
            if client.get(&facts).send().await.is_ok_and(|answer| answer.status() == 200) {
                return (port, child);
            }
            assert!(begun.elapsed() < BOUND, "the provider is not ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    panic!("the provider ends at its start; with KABINET_TEST_LOGS its log says why");
}

/// Kills the provider and takes its folder away once this process has ended: nobody else does, a static is never dropped.
fn guard(child: &Child, dir: &Path) -> Child {
    let script = r#"cat >/dev/null; kill -9 "$0"; rm -rf "$1""#;
    let mut guardian = Command::new("sh");
    guardian.args(["-c", script, &child.id().to_string()]).arg(dir);
    guardian
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn run(environment: &[(&'static str, String)], arguments: &[&str], input: Option<&str>) -> Value {
    let mut command = command(arguments, environment);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.unwrap_or_default().as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

fn create_person(environment: &[(&'static str, String)], dir: &Path) -> Person {
    let file = dir.join("claims.json");
    std::fs::write(&file, claims().to_string()).unwrap();
    let (email, file) = ("anna@example.ru", file.display().to_string());
    let create = ["user", "create", "--email", email, "--phone", "+79161234567", "--password-stdin"];
    let arguments = [&create[..], &["--claims", &file, "--json"]].concat();
    let made = run(environment, &arguments, Some(&format!("{PASSWORD}\n")));
    Person {
        id: UserId::from(made["sub"].as_str().unwrap()),
        kind: ContactKind::Email,
        contact: email.to_owned(),
        password: PASSWORD.to_owned(),
    }
}
