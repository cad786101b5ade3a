//! Clients. A change of one is told to every node through [`change::client`](crate::change::Kind::Client).

use kabinet_core::client::Client;
use kabinet_core::id::ClientId;
use kabinet_core::time::Timestamp;
use sqlx::FromRow;

use crate::{Db, Error, Result, Tx, json, on_db, on_tx, text};

crate::sql! {
    BY_ID = "SELECT id, metadata, secrets, disabled, created_at, updated_at FROM clients WHERE id = $1";
    PAGE = "SELECT id, metadata, secrets, disabled, created_at, updated_at FROM clients WHERE id > $1 ORDER BY id LIMIT $2";
    INSERT = "INSERT INTO clients (id, metadata, secrets, disabled, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6)";
    UPDATE = "UPDATE clients SET metadata = $2, secrets = $3, disabled = $4, updated_at = $5 WHERE id = $1";
    DELETE = "DELETE FROM clients WHERE id = $1";
}

#[derive(FromRow)]
struct Row {
    id: String,
    metadata: String,
    secrets: String,
    disabled: bool,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for Client {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: ClientId::from(row.id),
            metadata: json("clients", &row.metadata)?,
            secrets: json("clients", &row.secrets)?,
            disabled: row.disabled,
            created_at: Timestamp(row.created_at),
            updated_at: Timestamp(row.updated_at),
        })
    }
}

/// The client with this id.
///
/// # Errors
/// When the database fails.
pub async fn by_id(db: &Db, id: &ClientId) -> Result<Option<Client>> {
    let row: Option<Row> = on_db!(db, pool => sqlx::query_as(BY_ID).bind(id.as_str()).fetch_optional(pool).await)?;
    row.map(Client::try_from).transpose()
}

/// The same for who holds a transaction.
///
/// # Errors
/// When the database fails.
pub async fn by_id_in(tx: &mut Tx, id: &ClientId) -> Result<Option<Client>> {
    let row: Option<Row> = on_tx!(tx, conn => sqlx::query_as(BY_ID).bind(id.as_str()).fetch_optional(conn).await)?;
    row.map(Client::try_from).transpose()
}

/// At most `limit` clients whose id sorts behind `after` (empty: from the first).
///
/// # Errors
/// When the database fails.
pub async fn page(db: &Db, after: &str, limit: i64) -> Result<Vec<Client>> {
    let rows: Vec<Row> = on_db!(db, pool => sqlx::query_as(PAGE).bind(after).bind(limit).fetch_all(pool).await)?;
    rows.into_iter().map(Client::try_from).collect()
}

/// Adds a client.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Tx, client: &Client) -> Result<()> {
    let (metadata, secrets) = (text("clients", &client.metadata)?, text("clients", &client.secrets)?);
    on_tx!(tx, conn => sqlx::query(INSERT)
        .bind(client.id.as_str()).bind(metadata).bind(secrets).bind(client.disabled)
        .bind(client.created_at.0).bind(client.updated_at.0).execute(conn).await.map(drop))?;
    Ok(())
}

/// Replaces a client; `false` when it is unknown.
///
/// # Errors
/// When the database fails.
pub async fn update(tx: &mut Tx, client: &Client) -> Result<bool> {
    let (metadata, secrets) = (text("clients", &client.metadata)?, text("clients", &client.secrets)?);
    let rows = on_tx!(tx, conn => sqlx::query(UPDATE)
        .bind(client.id.as_str()).bind(metadata).bind(secrets).bind(client.disabled).bind(client.updated_at.0)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Deletes a client with its grants and consents; `false` when it is unknown.
///
/// # Errors
/// When the database fails.
pub async fn delete(tx: &mut Tx, id: &ClientId) -> Result<bool> {
    let rows =
        on_tx!(tx, conn => sqlx::query(DELETE).bind(id.as_str()).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}
