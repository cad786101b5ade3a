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
    EVERY = "SELECT id, alg, ring, state, public_jwk, private_sealed, created_at, retired_at FROM signing_keys ORDER BY created_at, id";
    INSERT = "INSERT INTO signing_keys (id, alg, state, public_jwk, private_sealed, created_at, retired_at, ring) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
        ON CONFLICT DO NOTHING";
    MOVE = "UPDATE signing_keys SET state = $2, retired_at = $3 WHERE id = $1";
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
        .bind(key.created_at.0).bind(key.retired_at.map(|t| t.0)).bind(key.ring.as_str()).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Moves a key to another place in the rotation.
///
/// # Errors
/// When the database fails or the place is taken.
pub async fn set_state(tx: &mut Tx, id: &KeyId, state: KeyState, retired_at: Option<Timestamp>) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(MOVE)
        .bind(id.as_str()).bind(state.as_str()).bind(retired_at.map(|t| t.0)).execute(conn).await.map(drop))?;
    Ok(())
}

/// Deletes a key for good.
///
/// # Errors
/// When the database fails.
pub async fn delete(tx: &mut Tx, id: &KeyId) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(DELETE).bind(id.as_str()).execute(conn).await.map(drop))?;
    Ok(())
}
