//! Counters of failed attempts that must survive a restart: one bounded row per thing that is counted.

use kabinet_core::time::Timestamp;

use crate::{Db, Result, Tx, on_db, on_tx};

crate::sql! {
    READ = "SELECT failures, failed_at FROM throttles WHERE key = $1 AND expires_at > $2";
    FAIL = "INSERT INTO throttles (key, failures, failed_at, expires_at) VALUES ($1, 1, $2, $3) ON CONFLICT (key) DO UPDATE SET \
        failures = CASE WHEN throttles.expires_at > excluded.failed_at THEN throttles.failures + 1 ELSE 1 END, \
        failed_at = excluded.failed_at, expires_at = excluded.expires_at RETURNING failures";
    COUNT = "INSERT INTO throttles (key, failures, failed_at, expires_at) VALUES ($1, 1, $2, $3) ON CONFLICT (key) DO UPDATE SET \
        failures = CASE WHEN throttles.expires_at > excluded.failed_at THEN throttles.failures + 1 ELSE 1 END, \
        failed_at = excluded.failed_at, \
        expires_at = CASE WHEN throttles.expires_at > excluded.failed_at THEN throttles.expires_at ELSE excluded.expires_at END \
        RETURNING failures, expires_at";
    WINDOW = "SELECT failures, expires_at FROM throttles WHERE key = $1 AND expires_at > $2";
    PREFIXED = "SELECT key, failures, expires_at FROM throttles WHERE key LIKE $1 AND expires_at > $2 ORDER BY failures DESC LIMIT 50000";
    CLEAR = "DELETE FROM throttles WHERE key = $1";
    CLEAR_PREFIXED = "DELETE FROM throttles WHERE key LIKE $1";
}

/// How often something failed in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// How often.
    pub count: i64,
    /// When last.
    pub last: Timestamp,
}

/// The failures under a key. The key is a digest: no identifier of a person.
///
/// # Errors
/// When the database fails.
pub async fn read(db: &Db, key: &str, now: Timestamp) -> Result<Failures> {
    let row: Option<(i64, i64)> =
        on_db!(db, pool => sqlx::query_as(READ).bind(key).bind(now.0).fetch_optional(pool).await)?;
    Ok(row.map_or_else(Failures::default, |(count, last)| Failures { count, last: Timestamp(last) }))
}

/// Counts one more failure; how many there are now. Forgotten at `expires_at` unless another one follows.
///
/// # Errors
/// When the database fails.
pub async fn fail(tx: &mut Tx, key: &str, now: Timestamp, expires_at: Timestamp) -> Result<i64> {
    Ok(on_tx!(tx, conn => sqlx::query_scalar(FAIL).bind(key).bind(now.0).bind(expires_at.0).fetch_one(conn).await)?)
}

/// Counts one more event in a window of `seconds` that begins with the first one; how many there are now and when the
/// window ends. A transaction that is rolled back has not counted.
///
/// # Errors
/// When the database fails.
pub async fn count(tx: &mut Tx, key: &str, now: Timestamp, seconds: i64) -> Result<(i64, Timestamp)> {
    let (count, ends): (i64, i64) = on_tx!(tx, conn => sqlx::query_as(COUNT)
        .bind(key).bind(now.0).bind(now.plus(seconds).0).fetch_one(conn).await)?;
    Ok((count, Timestamp(ends)))
}

/// How many events were counted in the open window of a key, and when it ends.
///
/// # Errors
/// When the database fails.
pub async fn window(tx: &mut Tx, key: &str, now: Timestamp) -> Result<Option<(i64, Timestamp)>> {
    let row: Option<(i64, i64)> =
        on_tx!(tx, conn => sqlx::query_as(WINDOW).bind(key).bind(now.0).fetch_optional(conn).await)?;
    Ok(row.map(|(count, ends)| (count, Timestamp(ends))))
}

/// The open windows whose keys begin with `prefix`, each with its count and its end; the 50 000 fullest of them.
///
/// # Errors
/// When the database fails.
pub async fn with_prefix(db: &Db, prefix: &str, now: Timestamp) -> Result<Vec<(String, i64, Timestamp)>> {
    let rows: Vec<(String, i64, i64)> = on_db!(db, pool => sqlx::query_as(PREFIXED)
        .bind(format!("{prefix}%")).bind(now.0).fetch_all(pool).await)?;
    Ok(rows.into_iter().map(|(key, count, ends)| (key, count, Timestamp(ends))).collect())
}

/// Forgets the failures under a key.
///
/// # Errors
/// When the database fails.
pub async fn clear(tx: &mut Tx, key: &str) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(CLEAR).bind(key).execute(conn).await.map(drop))?;
    Ok(())
}

/// Forgets everything under keys that begin with `prefix`, a digest. How many keys.
///
/// # Errors
/// When the database fails.
pub async fn clear_prefix(tx: &mut Tx, prefix: &str) -> Result<u64> {
    Ok(
        on_tx!(tx, conn => sqlx::query(CLEAR_PREFIXED).bind(format!("{prefix}%")).execute(conn).await
        .map(|done| done.rows_affected()))?,
    )
}
