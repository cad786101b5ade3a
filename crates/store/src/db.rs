//! The two databases behind one type, and how a statement reaches them.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Postgres, Transaction};

use crate::ephemeral::Ephemeral;
use crate::writer::{Turn, Writer};
use crate::{Error, Result};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// How long a statement may wait for a connection or for its turn to write.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where to remember.
#[derive(Clone, Debug)]
pub struct Options {
    /// `sqlite:PATH` or `postgres://…`.
    pub url: String,
    /// `redis://…`; `None`: ephemera stay in process.
    pub redis: Option<String>,
    /// Connections of the pool (SQLite: readers).
    pub connections: u32,
}

/// A database, for reading.
#[derive(Clone)]
pub enum Db {
    /// One file: a pool of readers beside the one writer.
    Sqlite {
        /// Readers.
        readers: SqlitePool,
        /// The writer.
        writer: Arc<Writer>,
        /// Statements so far.
        count: Arc<AtomicU64>,
    },
    /// A server.
    Postgres {
        /// Connections.
        pool: PgPool,
        /// Statements so far.
        count: Arc<AtomicU64>,
    },
}

/// A transaction. Dropped without [`commit`](Tx::commit) it changes nothing.
pub enum Tx {
    /// The turn of the writer.
    Sqlite(Turn, Arc<AtomicU64>),
    /// READ COMMITTED: races are decided by single statements.
    Postgres(Transaction<'static, Postgres>, Arc<AtomicU64>),
}

/// Declares the statements of a model as constants, and `ALL` of them for the test that prepares each.
#[macro_export]
macro_rules! sql {
    ($($name:ident = $text:expr;)*) => {
        $(const $name: &str = $text;)*
        pub(crate) const ALL: &[&str] = &[$($name),*];
    };
}

/// Runs one read on whichever database it is; `$pool` is the executor.
#[macro_export]
macro_rules! on_db {
    ($db:expr, $pool:ident => $body:expr) => {
        match $db {
            $crate::Db::Sqlite { readers: $pool, count, .. } => {
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                $body
            }
            $crate::Db::Postgres { pool: $pool, count } => {
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                $body
            }
        }
    };
}

/// Runs one statement in a transaction on whichever database it is; `$conn` is the executor.
#[macro_export]
macro_rules! on_tx {
    ($tx:expr, $conn:ident => $body:expr) => {
        match $tx {
            $crate::Tx::Sqlite(turn, count) => {
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let $conn = turn.connection();
                $body
            }
            $crate::Tx::Postgres(inner, count) => {
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let $conn = &mut **inner;
                $body
            }
        }
    };
}

/// Everything that is remembered.
#[derive(Clone)]
pub struct Store {
    db: Db,
    ephemeral: Ephemeral,
}

impl Store {
    /// Opens the database (SQLite: makes the file) and, in the background, Redis. Does not migrate.
    ///
    /// # Errors
    /// When the URL is neither kind or the database does not answer. A Redis that is down is no error.
    pub async fn open(options: &Options) -> Result<Self> {
        let count = Arc::new(AtomicU64::new(0));
        let db = if options.url.starts_with("postgres") {
            let connect = PgConnectOptions::from_str(&options.url)?.disable_statement_logging();
            let pool = PgPoolOptions::new()
                .max_connections(options.connections.max(2))
                .acquire_timeout(PATIENCE)
                .connect_with(connect)
                .await?;
            Db::Postgres { pool, count }
        } else {
            let connect = SqliteConnectOptions::from_str(&options.url)?
                .create_if_missing(true)
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(PATIENCE)
                .disable_statement_logging();
            let writer = Arc::new(Writer::open(&connect.clone().journal_mode(SqliteJournalMode::Wal), PATIENCE).await?);
            // The file remembers its journal mode: readers find it set.
            let readers = SqlitePoolOptions::new()
                .max_connections(options.connections.max(1))
                .acquire_timeout(PATIENCE)
                .connect_with(connect)
                .await?;
            Db::Sqlite { readers, writer, count }
        };
        Ok(Self { db, ephemeral: Ephemeral::open(options.redis.as_deref())? })
    }

    /// Applies the migrations that are missing. Safe to run on several nodes at once.
    ///
    /// # Errors
    /// When a migration fails or an applied one differs from the embedded one.
    pub async fn migrate(&self) -> Result<()> {
        match &self.db {
            Db::Sqlite { writer, .. } => writer.migrate(&MIGRATIONS).await,
            Db::Postgres { pool, .. } => Ok(MIGRATIONS.run(pool).await?),
        }
    }

    /// Whether every embedded migration has been applied.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_current(&self) -> Result<bool> {
        const APPLIED: &str = "SELECT COUNT(*) FROM _sqlx_migrations WHERE success";
        let count: std::result::Result<i64, sqlx::Error> =
            on_db!(&self.db, pool => sqlx::query_scalar(APPLIED).fetch_one(pool).await);
        match count {
            Ok(n) => Ok(usize::try_from(n).is_ok_and(|n| n >= MIGRATIONS.iter().count())),
            Err(sqlx::Error::Database(_)) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<()> {
        const PING: &str = "SELECT 1";
        on_db!(&self.db, pool => sqlx::query(PING).execute(pool).await.map(drop))?;
        Ok(())
    }

    /// Starts a transaction.
    ///
    /// # Errors
    /// [`Error::Busy`] when no turn or connection comes free within five seconds.
    pub async fn begin(&self) -> Result<Tx> {
        match &self.db {
            Db::Sqlite { writer, count, .. } => Ok(Tx::Sqlite(writer.begin().await?, count.clone())),
            Db::Postgres { pool, count } => match pool.begin().await {
                Ok(tx) => Ok(Tx::Postgres(tx, count.clone())),
                Err(sqlx::Error::PoolTimedOut) => Err(Error::Busy),
                Err(e) => Err(e.into()),
            },
        }
    }

    /// The database, for reads.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// What may be lost.
    #[must_use]
    pub fn ephemeral(&self) -> &Ephemeral {
        &self.ephemeral
    }

    /// How many statements have been run, `BEGIN` and `COMMIT` not counted: for the test of the budgets.
    #[must_use]
    pub fn statements_run(&self) -> u64 {
        match &self.db {
            Db::Sqlite { count, .. } | Db::Postgres { count, .. } => count.load(Ordering::Relaxed),
        }
    }

    /// Closes every connection; SQLite folds its log into the database file.
    pub async fn close(&self) {
        match &self.db {
            Db::Sqlite { readers, writer, .. } => {
                readers.close().await;
                writer.close().await;
            }
            Db::Postgres { pool, .. } => pool.close().await,
        }
    }
}

impl Tx {
    /// Makes everything in the transaction durable.
    ///
    /// # Errors
    /// When the database could not; then nothing of it has happened.
    pub async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(turn, _) => turn.commit().await,
            Self::Postgres(tx, _) => Ok(tx.commit().await?),
        }
    }

    /// Forgets everything in the transaction, now rather than when dropped.
    ///
    /// # Errors
    /// When the database does not answer; nothing has happened then either.
    pub async fn rollback(self) -> Result<()> {
        match self {
            Self::Sqlite(turn, _) => turn.rollback().await,
            Self::Postgres(tx, _) => Ok(tx.rollback().await?),
        }
    }
}
