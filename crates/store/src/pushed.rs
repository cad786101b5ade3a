//! Requests kept on the server: seals too long for a URL, and pushed authorization requests (RFC 9126).

use std::ops::Range;

use kabinet_core::id::ClientId;
use kabinet_core::time::Timestamp;

use crate::{Db, Result, Tx, on_db, on_tx};

crate::sql! {
    INSERT = "INSERT INTO pushed_requests (id, client_id, content, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)";
    BY_ID = "SELECT content FROM pushed_requests WHERE id = $1 AND expires_at > $2 AND used_at IS NULL";
    PUSHED = "SELECT content FROM pushed_requests WHERE id = $1 AND client_id = $2 AND created_at > $3 AND expires_at > $4 AND used_at IS NULL";
    SPEND = "UPDATE pushed_requests SET used_at = $2 WHERE id = $1 AND used_at IS NULL";
    COUNT = "SELECT COUNT(*) FROM pushed_requests";
}

/// Keeps a request for this `life`.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Tx, id: &str, client: &ClientId, content: &str, life: Range<Timestamp>) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(INSERT)
        .bind(id).bind(client.as_str()).bind(content).bind(life.start.0).bind(life.end.0).execute(conn).await.map(drop))?;
    Ok(())
}

/// The request with this id while it is good.
///
/// # Errors
/// When the database fails.
pub async fn by_id(db: &Db, id: &str, now: Timestamp) -> Result<Option<String>> {
    Ok(on_db!(db, pool => sqlx::query_scalar(BY_ID).bind(id).bind(now.0).fetch_optional(pool).await)?)
}

/// The request that this client pushed after `since`, while it is not spent.
///
/// # Errors
/// When the database fails.
pub async fn of_client(
    db: &Db,
    id: &str,
    client: &ClientId,
    since: Timestamp,
    now: Timestamp,
) -> Result<Option<String>> {
    Ok(on_db!(db, pool => sqlx::query_scalar(PUSHED)
        .bind(id).bind(client.as_str()).bind(since.0).bind(now.0).fetch_optional(pool).await)?)
}

/// Spends a pushed request: true exactly once.
///
/// # Errors
/// When the database fails.
pub async fn spend(tx: &mut Tx, id: &str, now: Timestamp) -> Result<bool> {
    let spent = on_tx!(tx, conn => sqlx::query(SPEND).bind(id).bind(now.0).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(spent == 1)
}

/// How many are kept: they are made by anonymous visitors, so they are capped.
///
/// # Errors
/// When the database fails.
pub async fn count(db: &Db) -> Result<i64> {
    Ok(on_db!(db, pool => sqlx::query_scalar(COUNT).fetch_one(pool).await)?)
}
