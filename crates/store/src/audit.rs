//! The audit trail: one record per security-relevant change, in the transaction that makes the change.

use kabinet_core::ambient::Entropy;
use kabinet_core::audit::{Origin, Record};
use kabinet_core::id::{ClientId, SessionId, UserId, row_id};
use kabinet_core::time::Timestamp;

use crate::{Db, Result, Tx, on_db, on_tx, text};

crate::sql! {
    INSERT = "INSERT INTO audit (id, at, event, actor, user_id, client_id, session_id, request_id, ip, agent, data) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    OF_USER = "SELECT event, at, ip, agent FROM audit WHERE user_id = $1 ORDER BY at DESC, id DESC LIMIT $2";
    SIGN_INS = "SELECT id, user_id, client_id, data FROM audit WHERE event = 'login.succeeded' AND at >= $1 AND at < $2 AND id > $3 \
        ORDER BY id LIMIT $4";
    COUNT = "SELECT COUNT(*) FROM audit WHERE event = $1";
}

/// Writes a record.
///
/// # Errors
/// When the database fails; then the change must not happen either.
pub async fn write(tx: &mut Tx, record: &Record, origin: &Origin, now: Timestamp, entropy: &dyn Entropy) -> Result<()> {
    let data = text("audit", &record.data)?;
    on_tx!(tx, conn => sqlx::query(INSERT)
        .bind(row_id(now, entropy)).bind(now.0).bind(record.event.as_str()).bind(origin.actor)
        .bind(record.user.as_ref().map(UserId::as_str)).bind(record.client.as_ref().map(ClientId::as_str))
        .bind(record.session.as_ref().map(SessionId::as_str)).bind(&origin.request).bind(&origin.ip).bind(&origin.agent).bind(data)
        .execute(conn).await.map(drop))?;
    Ok(())
}

/// What a reader of the trail sees of a record.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Seen {
    /// The event's name.
    pub event: String,
    /// When, unix seconds.
    pub at: i64,
    /// From where.
    pub ip: String,
    /// By which browser.
    pub agent: String,
}

/// The newest records about a person.
///
/// # Errors
/// When the database fails.
pub async fn of_user(db: &Db, user: &UserId, limit: i64) -> Result<Vec<Seen>> {
    Ok(on_db!(db, pool => sqlx::query_as(OF_USER).bind(user.as_str()).bind(limit).fetch_all(pool).await)?)
}

/// A sign-in as the trail has it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct SignIn {
    /// The record's id.
    pub id: String,
    /// Who.
    pub user_id: Option<String>,
    /// At which product.
    pub client_id: Option<String>,
    /// What the record says beside, JSON.
    pub data: String,
}

/// Sign-ins within a span of time, those after a record, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn sign_ins(db: &Db, (from, to): (Timestamp, Timestamp), after: &str, limit: i64) -> Result<Vec<SignIn>> {
    Ok(on_db!(db, pool => sqlx::query_as(SIGN_INS)
        .bind(from.0).bind(to.0).bind(after).bind(limit).fetch_all(pool).await)?)
}

/// How many records of an event there are.
///
/// # Errors
/// When the database fails.
pub async fn count(db: &Db, event: &str) -> Result<i64> {
    Ok(on_db!(db, pool => sqlx::query_scalar(COUNT).bind(event).fetch_one(pool).await)?)
}
