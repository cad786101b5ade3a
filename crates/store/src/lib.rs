//! What is remembered: SQL models on SQLite and PostgreSQL, and ephemera in Redis or in process.
//!
//! **How it is written.** One SQL text serves both databases. Each model file starts with its statements
//! ([`sql!`](crate::sql)), then its types, then functions: reads take [`&Db`](Db), changes take [`&mut Tx`](Tx). A change
//! that must be all or nothing is one `Tx`, with its audit record ([`audit::write`]) inside:
//!
//! ```ignore
//! let mut tx = store.begin().await?;
//! user::insert(&mut tx, &new).await?;
//! audit::write(&mut tx, &Record::of(Event::UserCreated).user(&new.id), &origin, now, entropy).await?;
//! tx.commit().await?;
//! ```
//!
//! A race is decided by one statement (`UPDATE … WHERE used_at IS NULL … RETURNING`), never by read-then-write. What nodes
//! keep in memory is told to them through [`change`]; what may be lost is in [`ephemeral`].

mod db;
mod writer;

pub mod api_token;
pub mod assertion;
pub mod audit;
pub mod brand;
pub mod certificate;
pub mod change;
pub mod client;
pub mod confirmation;
pub mod consent;
pub mod destination;
pub mod device;
pub mod document;
pub mod ephemeral;
pub mod grant;
pub mod invitation;
pub mod key;
pub mod logo;
pub mod logout;
pub mod merge;
pub mod message;
pub mod organisation;
pub mod pushed;
pub mod recovery;
pub mod registration;
pub mod session;
pub mod sweep;
pub mod throttle;
pub mod trust;
pub mod upstream;
pub mod user;

pub use db::{Db, Options, Store, Tx};

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database answered with an error or not at all.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// Another transaction's commit failed and took this one with it.
    #[error("database: {0}")]
    Shared(std::sync::Arc<sqlx::Error>),
    /// The migrations could not be applied.
    #[error("migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A row that this program cannot have written.
    #[error("inconsistent row in {table}: {detail}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// What is wrong, without the value.
        detail: String,
    },
    /// A unique value is taken already.
    #[error("{0} is taken")]
    Taken(&'static str),
    /// The writer or the pool stayed busy beyond the deadline.
    #[error("the database is busy")]
    Busy,
    /// Redis answered with an error.
    #[error("redis: {0}")]
    Redis(#[from] redis::RedisError),
}

impl Error {
    /// Whether a unique index refused the row.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(e)) if e.is_unique_violation())
    }
}

/// What store functions return.
pub type Result<T> = std::result::Result<T, Error>;

pub(crate) fn json<T: serde::de::DeserializeOwned>(table: &'static str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| Error::Inconsistent { table, detail: e.to_string() })
}

pub(crate) fn text<T: serde::Serialize>(table: &'static str, value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::Inconsistent { table, detail: e.to_string() })
}

/// Every statement of every model, so that a test can prepare each against both databases.
#[must_use]
pub fn statements() -> Vec<&'static str> {
    [
        api_token::ALL,
        assertion::ALL,
        audit::ALL,
        brand::ALL,
        certificate::ALL,
        change::ALL,
        client::ALL,
        confirmation::ALL,
        consent::ALL,
        destination::ALL,
        device::ALL,
        document::ALL,
        grant::ALL,
        invitation::ALL,
        key::ALL,
        logo::ALL,
        logout::ALL,
        merge::ALL,
        message::ALL,
        organisation::ALL,
        pushed::ALL,
        recovery::ALL,
        registration::ALL,
        session::ALL,
        sweep::ALL,
        throttle::ALL,
        trust::ALL,
        upstream::ALL,
        user::ALL,
    ]
    .concat()
}
