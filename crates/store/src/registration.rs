//! Clients that registered themselves (RFC 7591), how they manage themselves (RFC 7592), and the tokens that allow to register.

use kabinet_core::id::ClientId;
use kabinet_core::secret::TokenHash;
use kabinet_core::time::Timestamp;
use sqlx::FromRow;

use crate::change::{self, Kind};
use crate::{Db, Result, Tx, client, json, on_db, on_tx, text};

crate::sql! {
    ISSUE = "INSERT INTO initial_access_tokens (id, token_hash, label, uses_left, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)";
    EVERY = "SELECT id, label, uses_left, created_at, expires_at FROM initial_access_tokens ORDER BY created_at, id LIMIT 1000";
    REVOKE = "DELETE FROM initial_access_tokens WHERE id = $1";
    KNOWN = "SELECT id FROM initial_access_tokens WHERE token_hash = $1 AND uses_left > 0 AND expires_at > $2";
    SPEND = "UPDATE initial_access_tokens SET uses_left = uses_left - 1 WHERE token_hash = $1 AND uses_left > 0 AND expires_at > $2 RETURNING id";
    INSERT = "INSERT INTO registrations (client_id, token_hash, held, open, used, created_at) VALUES ($1, $2, '[]', $3, FALSE, $4)";
    BY_CLIENT = "SELECT token_hash, held, open, created_at FROM registrations WHERE client_id = $1";
    ROTATE = "UPDATE registrations SET token_hash = $3 WHERE client_id = $1 AND token_hash = $2 RETURNING token_hash, held, open, created_at";
    HOLD = "UPDATE registrations SET held = $2 WHERE client_id = $1";
    USED = "UPDATE registrations SET used = TRUE WHERE NOT used AND created_at < $1 AND (\
        EXISTS (SELECT 1 FROM consents c WHERE c.client_id = registrations.client_id) \
        OR EXISTS (SELECT 1 FROM grants g WHERE g.client_id = registrations.client_id))";
    UNUSED = "SELECT client_id FROM registrations WHERE open AND NOT used AND created_at < $1 LIMIT 200";
}

/// A token that allows to register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialToken {
    /// Its name; no secret.
    pub id: String,
    /// What the administrator noted.
    pub label: String,
    /// How many registrations it still allows.
    pub uses_left: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

#[derive(FromRow)]
struct TokenRow {
    id: String,
    label: String,
    uses_left: i64,
    created_at: i64,
    expires_at: i64,
}

/// How a client that registered itself is managed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The hash of its registration access token.
    pub token: TokenHash,
    /// Metadata that an administrator set.
    pub held: Vec<String>,
    /// Whether it registered without a token.
    pub open: bool,
    /// When it registered.
    pub created_at: Timestamp,
}

#[derive(FromRow)]
struct Row {
    token_hash: String,
    held: String,
    open: bool,
    created_at: i64,
}

impl TryFrom<Row> for Registration {
    type Error = crate::Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            token: TokenHash::from(row.token_hash),
            held: json("registrations", &row.held)?,
            open: row.open,
            created_at: Timestamp(row.created_at),
        })
    }
}

/// Keeps a new token that allows to register.
///
/// # Errors
/// When the database fails.
pub async fn issue(tx: &mut Tx, new: &InitialToken, token: &TokenHash) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(ISSUE)
        .bind(&new.id).bind(token.as_str()).bind(&new.label).bind(new.uses_left).bind(new.created_at.0).bind(new.expires_at.0)
        .execute(conn).await.map(drop))?;
    Ok(())
}

/// The tokens that allow to register, the oldest first; spent and expired ones stay until they are swept.
///
/// # Errors
/// When the database fails.
pub async fn tokens(db: &Db) -> Result<Vec<InitialToken>> {
    let rows: Vec<TokenRow> = on_db!(db, pool => sqlx::query_as(EVERY).fetch_all(pool).await)?;
    let token = |row: TokenRow| InitialToken {
        id: row.id,
        label: row.label,
        uses_left: row.uses_left,
        created_at: Timestamp(row.created_at),
        expires_at: Timestamp(row.expires_at),
    };
    Ok(rows.into_iter().map(token).collect())
}

/// Takes a token back; `false` when it is unknown.
///
/// # Errors
/// When the database fails.
pub async fn revoke(tx: &mut Tx, id: &str) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(REVOKE).bind(id).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Whether a token allows to register now; [`spend`] has the last word.
///
/// # Errors
/// When the database fails.
pub async fn allows(db: &Db, token: &TokenHash, now: Timestamp) -> Result<bool> {
    let id: Option<String> =
        on_db!(db, pool => sqlx::query_scalar(KNOWN).bind(token.as_str()).bind(now.0).fetch_optional(pool).await)?;
    Ok(id.is_some())
}

/// Spends one use of a token; its id, or nothing when it has none.
///
/// # Errors
/// When the database fails.
pub async fn spend(tx: &mut Tx, token: &TokenHash, now: Timestamp) -> Result<Option<String>> {
    Ok(on_tx!(tx, conn => sqlx::query_scalar(SPEND).bind(token.as_str()).bind(now.0).fetch_optional(conn).await)?)
}

/// Notes that a client registered itself; `open`: without a token.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Tx, client: &ClientId, token: &TokenHash, open: bool, now: Timestamp) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(INSERT)
        .bind(client.as_str()).bind(token.as_str()).bind(open).bind(now.0).execute(conn).await.map(drop))?;
    Ok(())
}

/// How a client is managed; nothing when it did not register itself.
///
/// # Errors
/// When the database fails.
pub async fn by_client(db: &Db, client: &ClientId) -> Result<Option<Registration>> {
    let row: Option<Row> =
        on_db!(db, pool => sqlx::query_as(BY_CLIENT).bind(client.as_str()).fetch_optional(pool).await)?;
    row.map(Registration::try_from).transpose()
}

/// The same for who holds a transaction.
///
/// # Errors
/// When the database fails.
pub async fn by_client_in(tx: &mut Tx, client: &ClientId) -> Result<Option<Registration>> {
    let row: Option<Row> =
        on_tx!(tx, conn => sqlx::query_as(BY_CLIENT).bind(client.as_str()).fetch_optional(conn).await)?;
    row.map(Registration::try_from).transpose()
}

/// Puts a new registration access token in place of the one that was presented; nothing when that is no longer the one.
/// Until the transaction ends no other changes this registration.
///
/// # Errors
/// When the database fails.
pub async fn rotate(
    tx: &mut Tx,
    client: &ClientId,
    presented: &TokenHash,
    new: &TokenHash,
) -> Result<Option<Registration>> {
    let row: Option<Row> = on_tx!(tx, conn => sqlx::query_as(ROTATE)
        .bind(client.as_str()).bind(presented.as_str()).bind(new.as_str()).fetch_optional(conn).await)?;
    row.map(Registration::try_from).transpose()
}

/// Notes what an administrator set, all of it.
///
/// # Errors
/// When the database fails.
pub async fn hold(tx: &mut Tx, client: &ClientId, held: &[String]) -> Result<()> {
    let held = text("registrations", &held)?;
    on_tx!(tx, conn => sqlx::query(HOLD).bind(client.as_str()).bind(held).execute(conn).await.map(drop))?;
    Ok(())
}

/// Whether there are clients that [`delete_unused`] may have to delete.
///
/// # Errors
/// When the database fails.
pub async fn has_unused(db: &Db, before: Timestamp) -> Result<bool> {
    let first: Option<String> =
        on_db!(db, pool => sqlx::query_scalar(UNUSED).bind(before.0).fetch_optional(pool).await)?;
    Ok(first.is_some())
}

/// Deletes clients that registered themselves without a token before `before` and that nobody ever allowed anything; their
/// ids. A bounded number at a time.
///
/// # Errors
/// When the database fails.
pub async fn delete_unused(tx: &mut Tx, before: Timestamp, now: Timestamp) -> Result<Vec<String>> {
    on_tx!(tx, conn => sqlx::query(USED).bind(before.0).execute(conn).await.map(drop))?;
    let unused: Vec<String> = on_tx!(tx, conn => sqlx::query_scalar(UNUSED).bind(before.0).fetch_all(conn).await)?;
    for id in &unused {
        client::delete(tx, &ClientId::from(id.as_str())).await?;
    }
    if !unused.is_empty() {
        change::tell(tx, Kind::Client, &unused, now).await?;
    }
    Ok(unused)
}
