//! A database for each test, quickly: one is migrated and given its keys per process, the others are copies of it.
//!
//! On SQLite the copy is a file, on PostgreSQL a database made from a template. Each test on Redis has one of its sixteen
//! databases to itself.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use kabinet::Ambient;
use kabinet::config::{Config, ServiceUrl};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tokio::sync::OnceCell;

/// Whether tests run on PostgreSQL.
pub(crate) fn is_postgres() -> bool {
    match std::env::var("KABINET_TEST_DB").as_deref() {
        Ok("postgres") => true,
        Ok("sqlite") | Err(_) => false,
        Ok(other) => panic!("KABINET_TEST_DB is {other}; it must be sqlite or postgres"),
    }
}

enum Template {
    Sqlite(Vec<u8>),
    Postgres(String),
}

static TEMPLATE: OnceCell<Template> = OnceCell::const_new();
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// The database of one test; gone when dropped.
#[derive(Debug, Default)]
pub(crate) struct Database {
    name: Option<String>,
    redis: Option<Redis>,
}

impl Database {
    /// Makes a database and names it in the configuration.
    pub(crate) async fn new(config: &mut Config, dir: &Path, ambient: &Ambient) -> Self {
        let template = TEMPLATE.get_or_init(|| migrated(config.clone(), ambient)).await;
        let mut database = Self { name: None, redis: Redis::take() };
        match template {
            Template::Sqlite(bytes) => {
                let path = dir.join("kabinet.db");
                std::fs::write(&path, bytes).expect("a writable folder");
                config.store.url = ServiceUrl::from(format!("sqlite:{}", path.display()));
            }
            Template::Postgres(template) => {
                let name = new_name("test");
                on_server(format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
                config.store.url = ServiceUrl::from(url_of(&name));
                database.name = Some(name);
            }
        }
        config.redis.url = database.redis.as_ref().map(|redis| ServiceUrl::from(redis.url()));
        config.store.migrate = Some(false);
        database
    }

    /// A database without tables: for tests of the migrations.
    pub(crate) async fn empty(config: &mut Config, dir: &Path) -> Self {
        let mut database = Self::default();
        if is_postgres() {
            let name = new_name("empty");
            on_server(format!("CREATE DATABASE {name}")).await;
            config.store.url = ServiceUrl::from(url_of(&name));
            database.name = Some(name);
        } else {
            config.store.url = ServiceUrl::from(format!("sqlite:{}", dir.join("empty.db").display()));
        }
        config.store.migrate = Some(true);
        database
    }
}

/// A database without tables, and a Redis where tests run on one, named in the configuration; gone when the guard is dropped.
pub async fn empty_database(config: &mut Config, dir: &Path) -> impl Drop + Send + Sync + use<> {
    let mut database = Database::empty(config, dir).await;
    database.redis = Redis::take();
    config.redis.url = database.redis.as_ref().map(|redis| ServiceUrl::from(redis.url()));
    database
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some(name) = self.name.take() else { return };
        // A runtime of its own: that of the test is ending.
        let drop = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(on_server(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
        };
        let _ = std::thread::spawn(drop).join();
    }
}

/// The one migrated database, with keys for every algorithm.
async fn migrated(mut config: Config, ambient: &Ambient) -> Template {
    config.store.migrate = Some(true);
    config.redis.url = None;
    if is_postgres() {
        let name = new_name("template");
        on_server(format!("CREATE DATABASE {name}")).await;
        config.store.url = ServiceUrl::from(url_of(&name));
        kabinet::migrate(&config, ambient).await.expect("the template migrates");
        return Template::Postgres(name);
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("template.db");
    config.store.url = ServiceUrl::from(format!("sqlite:{}", path.display()));
    kabinet::migrate(&config, ambient).await.expect("the template migrates");
    let log = dir.path().join("template.db-wal");
    assert!(std::fs::metadata(log).map_or(0, |meta| meta.len()) == 0, "the template was not closed");
    Template::Sqlite(std::fs::read(path).expect("the template"))
}

fn new_name(kind: &str) -> String {
    format!("kabinet_{kind}_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

fn server() -> String {
    std::env::var("KABINET_TEST_POSTGRES").expect("KABINET_TEST_POSTGRES names the server")
}

fn url_of(database: &str) -> String {
    let mut url = url::Url::parse(&server()).expect("KABINET_TEST_POSTGRES is a URL");
    url.set_path(database);
    url.to_string()
}

async fn on_server(statement: String) {
    let options: sqlx::postgres::PgConnectOptions = server().parse().expect("KABINET_TEST_POSTGRES is a URL");
    let mut connection = options.disable_statement_logging().connect().await.expect("PostgreSQL answers");
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .expect("PostgreSQL does it");
    connection.close().await.expect("PostgreSQL ends");
}

/// One of the databases of the test Redis.
#[derive(Debug)]
struct Redis(u8);

static FREE: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static FILLED: std::sync::Once = std::sync::Once::new();

impl Redis {
    fn take() -> Option<Self> {
        if !is_postgres() || std::env::var_os("KABINET_TEST_REDIS").is_none() {
            return None;
        }
        let free = || FREE.lock().unwrap_or_else(PoisonError::into_inner);
        FILLED.call_once(|| free().extend(0..16));
        let number = free().pop().expect("no more than sixteen tests at a time");
        let redis = Self(number);
        let client = redis::Client::open(redis.url()).expect("KABINET_TEST_REDIS is a URL");
        let mut connection = client.get_connection().expect("Redis answers");
        redis::cmd("FLUSHDB").exec(&mut connection).expect("Redis empties a database");
        Some(redis)
    }

    fn url(&self) -> String {
        let server = std::env::var("KABINET_TEST_REDIS").expect("KABINET_TEST_REDIS names the server");
        format!("{}/{}", server.trim_end_matches('/'), self.0)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        FREE.lock().unwrap_or_else(PoisonError::into_inner).push(self.0);
    }
}
