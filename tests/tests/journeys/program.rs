//! The built binary as a process beside a test's database, spoken to through the same browser.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use http::Request;
use kabinet_tests::{Node, TestApp};
use sqlx::{AssertSqlSafe, Connection};

/// Whatever is waited for comes within this.
pub const BOUND: Duration = Duration::from_secs(20);

/// The binary: `KABINET_BIN`, or the one beside this test; built when it is missing.
pub fn binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let find = || {
        if let Some(named) = std::env::var_os("KABINET_BIN") {
            return PathBuf::from(named);
        }
        let own = std::env::current_exe().unwrap();
        let built = own.parent().unwrap().parent().unwrap().join("kabinet");
        if !built.is_file() {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            assert!(Command::new(cargo).args(["build", "-p", "kabinet"]).status().unwrap().success());
        }
        built
    };
    BINARY.get_or_init(find).clone()
}

/// The binary with nothing in its environment but what is given.
pub fn command(arguments: &[&str], environment: &[(&str, String)]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).env_clear().current_dir(std::env::temp_dir());
    for (key, value) in environment {
        command.env(key, value);
    }
    command
}

/// Runs it to its end.
pub fn run(arguments: &[&str], environment: &[(&str, String)]) -> Output {
    command(arguments, environment).stdin(Stdio::null()).output().unwrap()
}

/// Runs SQL on the database of a test, beside everybody.
pub async fn run_sql(app: &TestApp, sql: &str) {
    let url = app.config.store.url.expose().to_owned();
    let sql = AssertSqlSafe(sql.to_owned());
    if url.starts_with("postgres") {
        let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    } else {
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    }
}

/// The settings of a test's provider as environment variables.
pub fn environment(app: &TestApp) -> Vec<(&'static str, String)> {
    let config = &app.config;
    let mut environment = vec![
        ("KABINET__ISSUER", config.issuer.clone()),
        ("KABINET__TRUSTED_PROXIES", "127.0.0.0/8".to_owned()),
        ("KABINET__STORE__URL", config.store.url.expose().to_owned()),
        ("KABINET__MASTER_KEY", config.master_key.as_ref().unwrap().0.expose().to_owned()),
        (
            "KABINET__DELIVERY__OUTBOX",
            config.delivery.outbox.as_ref().unwrap().display().to_string(),
        ),
        ("KABINET__DELIVERY__OUTBOX_FORCE", "true".to_owned()),
        ("KABINET__HASHING__MEMORY", "8".to_owned()),
        ("KABINET__HASHING__ITERATIONS", "1".to_owned()),
    ];
    if let Some(redis) = &config.redis.url {
        environment.push(("KABINET__REDIS__URL", redis.expose().to_owned()));
    }
    environment
}

pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// A served provider; killed when dropped.
pub struct Served {
    pub port: u16,
    pub admin: u16,
    process: Child,
}

impl Served {
    /// Starts the binary and waits until it is ready.
    pub async fn start(environment: &[(&str, String)]) -> Self {
        let (port, admin) = (free_port(), free_port());
        let mut command = command(&["serve"], environment);
        command.env("KABINET__LISTEN", format!("127.0.0.1:{port}"));
        command.env("KABINET__ADMIN_LISTEN", format!("127.0.0.1:{admin}"));
        command.env("KABINET__LOG__FORMAT", "json");
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log(port)).spawn().unwrap();
        let mut served = Self { port, admin, process };
        let begun = Instant::now();
        while !served.is_ready().await {
            assert!(served.process.try_wait().unwrap().is_none(), "the provider ended at its start");
            assert!(begun.elapsed() < BOUND, "the provider is not ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        served
    }

    async fn is_ready(&self) -> bool {
        let answer = reqwest::get(format!("http://127.0.0.1:{}/health/ready", self.admin)).await;
        answer.is_ok_and(|answer| answer.status() == 200)
    }

    /// The process as a node that browsers and clients can go on with.
    pub fn node(&self) -> Node {
        let base = format!("http://127.0.0.1:{}", self.port);
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let router =
            Router::new().fallback(move |request: Request<Body>| forward(client.clone(), base.clone(), request));
        Node { router, admin: Router::new(), jobs: kabinet::Jobs::default() }
    }

    /// SIGKILL, now.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        assert!(
            Command::new("kill")
                .args([name, &self.process.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Waits for the end; how long it took.
    pub async fn ended(&mut self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return (status, begun.elapsed());
            }
            assert!(begun.elapsed() < BOUND, "the provider does not end");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Where the log goes: into the folder that is searched for canaries, if there is one.
fn log(port: u16) -> Stdio {
    let Some(folder) = std::env::var_os("KABINET_TEST_LOGS").map(PathBuf::from) else {
        return Stdio::null();
    };
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("served-{}-{port}.jsonl", std::process::id()));
    std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap().into()
}

async fn forward(client: reqwest::Client, base: String, request: Request<Body>) -> http::Response<Body> {
    let (parts, body) = request.into_parts();
    let url = format!("{base}{}", parts.uri.path_and_query().map_or("/", |path| path.as_str()));
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let answer = client
        .request(parts.method, url)
        .headers(parts.headers)
        .body(body)
        .send()
        .await
        .expect("an answer");
    let mut response = http::Response::builder().status(answer.status());
    *response.headers_mut().unwrap() = answer.headers().clone();
    response.body(Body::from(answer.bytes().await.expect("a whole answer"))).unwrap()
}
