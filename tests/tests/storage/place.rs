//! A database of a test's own, gone with the test.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use kabinet_core::ambient::Entropy;
use kabinet_store::{Options, Store};
use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// The one that this run is about.
pub fn kind() -> Kind {
    match std::env::var("KABINET_TEST_DB").as_deref() {
        Ok("postgres") => Kind::Postgres,
        _ => Kind::Sqlite,
    }
}

/// The PostgreSQL server, if this run has one. A run that is about PostgreSQL must have one.
pub fn server() -> Option<String> {
    let url = std::env::var("KABINET_TEST_POSTGRES").ok();
    assert!(
        url.is_some() || kind() == Kind::Sqlite,
        "KABINET_TEST_DB is postgres and KABINET_TEST_POSTGRES is not set"
    );
    url
}

/// An empty database.
pub struct Place {
    pub url: String,
    dir: TempDir,
    server: Option<String>,
}

impl Place {
    /// Of the kind that this run is about.
    pub async fn empty() -> Self {
        match kind() {
            Kind::Sqlite => Self::sqlite(),
            Kind::Postgres => Self::postgres().await.expect("a PostgreSQL server"),
        }
    }

    pub fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("kabinet.db").display());
        Self { url, dir, server: None }
    }

    /// `None` when this run has no server.
    pub async fn postgres() -> Option<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let server = server()?;
        let name = format!("storage_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        administer(&server, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        administer(&server, format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        let mut url = url::Url::parse(&server).unwrap();
        url.set_path(&name);
        Some(Self {
            url: url.to_string(),
            dir: tempfile::tempdir().unwrap(),
            server: Some(server),
        })
    }

    /// A store on it, not migrated.
    pub async fn open(&self) -> Store {
        self.open_with_redis(None).await
    }

    pub async fn open_with_redis(&self, redis: Option<String>) -> Store {
        Store::open(&Options { url: self.url.clone(), redis, connections: 8 }).await.unwrap()
    }

    /// A migrated store on a new place.
    pub async fn ready() -> (Self, Store) {
        let place = Self::empty().await;
        let store = place.open().await;
        store.migrate().await.unwrap();
        (place, store)
    }

    /// The same on SQLite whatever the run is about: for the tests of its writer.
    pub async fn ready_sqlite() -> (Self, Store) {
        let place = Self::sqlite();
        let store = place.open().await;
        store.migrate().await.unwrap();
        (place, store)
    }

    /// The database file.
    pub fn file(&self) -> PathBuf {
        self.dir.path().join("kabinet.db")
    }

    /// Runs SQL beside the store, on a connection of its own.
    pub async fn run(&self, sql: &str) {
        if self.server.is_some() {
            let mut connection = PgConnectOptions::from_str(&self.url).unwrap().connect().await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        } else {
            let mut connection = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }

    /// One number from the database, read on a connection of its own.
    pub async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        if self.server.is_some() {
            let mut connection = PgConnectOptions::from_str(&self.url).unwrap().connect().await.unwrap();
            let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
            connection.close().await.unwrap();
            number
        } else {
            let mut connection = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
            let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
            connection.close().await.unwrap();
            number
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(server) = self.server.take() else { return };
        let name = self.url.rsplit('/').next().unwrap_or_default().to_owned();
        // A thread with a runtime of its own: a drop cannot wait in the test's.
        let gone = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(administer(&server, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
        });
        drop(gone.join());
    }
}

async fn administer(server: &str, sql: String) {
    let mut connection: PgConnection = PgConnectOptions::from_str(server).unwrap().connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Bytes that never repeat within a test run.
pub struct Dice;

impl Entropy for Dice {
    fn fill(&self, out: &mut [u8]) {
        static THROWN: AtomicU64 = AtomicU64::new(0);
        for chunk in out.chunks_mut(32) {
            let throw = THROWN.fetch_add(1, Ordering::Relaxed).to_le_bytes();
            let bytes = Sha256::digest([throw, u64::from(std::process::id()).to_le_bytes()].concat());
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}
