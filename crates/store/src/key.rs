//! Signing keys. Partial unique indexes hold at most one current and one next key per ring and algorithm, so that two nodes that
//! make the first keys at the same time end with one set.

use kabinet_core::client::Alg;
use kabinet_core::id::KeyId;
use kabinet_core::key::{KeyState, Ring, SigningKey};
use kabinet_core::time::Timestamp;
use serde_json::Value;
use sqlx::FromRow;

use crate::{Db, Error, Result, Tx, on_db, on_tx};

crate::sql! {
    EVERY = "SELECT id, alg, ring, state, public_jwk, private_sealed, created_at, activated_at, retired_at FROM signing_keys ORDER BY created_at, id";
    INSERT = "INSERT INTO signing_keys (id, alg, state, public_jwk, private_sealed, created_at, activated_at, retired_at, ring) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
        ON CONFLICT DO NOTHING";
    ACTIVATE = "UPDATE signing_keys SET state = 'current', activated_at = $2 WHERE id = $1 AND state = 'next'";
    REPLACE = "UPDATE signing_keys SET state = 'previous', retired_at = $2 WHERE id = $1 AND state = 'current'";
    RETIRE = "UPDATE signing_keys SET state = 'retired', private_sealed = '' WHERE id = $1 AND state = 'previous'";
    DELETE = "DELETE FROM signing_keys WHERE id = $1";
}

#[derive(FromRow)]
struct Row {
    id: String,
    alg: String,
    ring: String,
    state: String,
    public_jwk: String,
    private_sealed: String,
    created_at: i64,
    activated_at: Option<i64>,
    retired_at: Option<i64>,
}

impl TryFrom<Row> for SigningKey {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let bad = |e: serde_json::Error| Error::Inconsistent { table: "signing_keys", detail: e.to_string() };
        Ok(Self {
            id: KeyId::from(row.id),
            alg: serde_json::from_value::<Alg>(Value::from(row.alg)).map_err(bad)?,
            ring: serde_json::from_value::<Ring>(Value::from(row.ring)).map_err(bad)?,
            state: serde_json::from_value::<KeyState>(Value::from(row.state)).map_err(bad)?,
            public_jwk: row.public_jwk,
            private_sealed: row.private_sealed,
            created_at: Timestamp(row.created_at),
            activated_at: row.activated_at.map(Timestamp),
            retired_at: row.retired_at.map(Timestamp),
        })
    }
}

/// Every key, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn every(db: &Db) -> Result<Vec<SigningKey>> {
    let rows: Vec<Row> = on_db!(db, pool => sqlx::query_as(EVERY).fetch_all(pool).await)?;
    rows.into_iter().map(SigningKey::try_from).collect()
}

/// Every key as this transaction sees them.
///
/// # Errors
/// When the database fails.
pub async fn every_in(tx: &mut Tx) -> Result<Vec<SigningKey>> {
    let rows: Vec<Row> = on_tx!(tx, conn => sqlx::query_as(EVERY).fetch_all(conn).await)?;
    rows.into_iter().map(SigningKey::try_from).collect()
}

/// Adds a key; `false` when its place is taken.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Tx, key: &SigningKey) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(INSERT)
        .bind(key.id.as_str()).bind(key.alg.as_str()).bind(key.state.as_str()).bind(&key.public_jwk).bind(&key.private_sealed)
        .bind(key.created_at.0).bind(key.activated_at.map(|t| t.0)).bind(key.retired_at.map(|t| t.0)).bind(key.ring.as_str()).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Lets a next key sign; `false` when it is none.
///
/// # Errors
/// When the database fails or the place is taken.
pub async fn activate(tx: &mut Tx, id: &KeyId, now: Timestamp) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(ACTIVATE)
        .bind(id.as_str()).bind(now.0).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Takes its place from a current key; `false` when it is none.
///
/// # Errors
/// When the database fails.
pub async fn replace(tx: &mut Tx, id: &KeyId, now: Timestamp) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(REPLACE)
        .bind(id.as_str()).bind(now.0).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Takes a previous key out of the published set and erases its private half; `false` when it is none.
///
/// # Errors
/// When the database fails.
pub async fn retire(tx: &mut Tx, id: &KeyId) -> Result<bool> {
    let rows =
        on_tx!(tx, conn => sqlx::query(RETIRE).bind(id.as_str()).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Deletes a key for good; `false` when it was gone.
///
/// # Errors
/// When the database fails.
pub async fn delete(tx: &mut Tx, id: &KeyId) -> Result<bool> {
    let rows =
        on_tx!(tx, conn => sqlx::query(DELETE).bind(id.as_str()).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}
