//! The built binary as a process beside a test's database, spoken to through the same browser.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use axum::Router;
use kabinet_tests::program::{command, forwarder, log};
use kabinet_tests::{Node, TestApp};
use sqlx::{AssertSqlSafe, Connection};

pub use kabinet_tests::program::{BOUND, free_port, run};

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
        let router = forwarder(client, base);
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

    /// Waits for the end.
    pub async fn ended(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
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
