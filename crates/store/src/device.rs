//! Devices that wait for a person's word (RFC 8628).
//!
//! ```text
//! insert ─▶ waiting ─▶ enter (bound to one person) ─▶ decide: allowed or refused, once
//!               └──────────── expires (swept after a day) ─────────────┘
//! ```
//!
//! Entering and deciding are one statement each. A decision is told to every node, since those answer polls from memory.

use kabinet_core::id::{ClientId, SessionId, UserId};
use kabinet_core::scope::Scope;
use kabinet_core::secret::TokenHash;
use kabinet_core::time::Timestamp;
use sqlx::FromRow;

use crate::change::{self, Kind};
use crate::{Db, Error, Result, Tx, on_db, on_tx};

macro_rules! columns {
    () => {
        "device_code, client_id, scope, detail, network, ip, agent, created_at, expires_at, user_id, is_allowed"
    };
}

crate::sql! {
    INSERT = "INSERT INTO device_requests (device_code, user_code, client_id, scope, detail, network, ip, agent, created_at, expires_at, \
        keep_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (user_code) DO NOTHING";
    BY_DEVICE = concat!("SELECT ", columns!(), " FROM device_requests WHERE device_code = $1");
    ENTER = concat!("UPDATE device_requests SET user_id = $2, session_id = $3 WHERE user_code = $1 AND expires_at > $4 \
        AND decided_at IS NULL AND (user_id IS NULL OR user_id = $2) RETURNING ", columns!());
    DECIDE = concat!("UPDATE device_requests SET decided_at = $4, is_allowed = $5 WHERE device_code = $1 AND user_id = $2 \
        AND session_id = $3 AND expires_at > $4 AND decided_at IS NULL RETURNING ", columns!());
    COUNT = "SELECT COUNT(*) FROM device_requests WHERE expires_at > $1";
}

/// A device that waits, or waited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// What it polls with, hashed.
    pub device_code: TokenHash,
    /// Which client.
    pub client_id: ClientId,
    /// What it asks for, within what the client may.
    pub scope: Scope,
    /// What the protocol keeps beside it, as JSON; the store does not look inside.
    pub detail: String,
    /// The network that it asked from.
    pub network: String,
    /// The address.
    pub ip: String,
    /// How it named itself.
    pub agent: String,
    /// When it asked.
    pub created_at: Timestamp,
    /// When its codes end.
    pub expires_at: Timestamp,
    /// Who entered the code.
    pub user_id: Option<UserId>,
    /// What that person said; `None`: nothing yet.
    pub is_allowed: Option<bool>,
}

#[derive(FromRow)]
struct Row {
    device_code: String,
    client_id: String,
    scope: String,
    detail: String,
    network: String,
    ip: String,
    agent: String,
    created_at: i64,
    expires_at: i64,
    user_id: Option<String>,
    is_allowed: Option<bool>,
}

impl TryFrom<Row> for Device {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let scope = Scope::parse(&row.scope)
            .map_err(|e| Error::Inconsistent { table: "device_requests", detail: e.to_string() })?;
        Ok(Self {
            device_code: TokenHash::from(row.device_code),
            client_id: ClientId::from(row.client_id),
            scope,
            detail: row.detail,
            network: row.network,
            ip: row.ip,
            agent: row.agent,
            created_at: Timestamp(row.created_at),
            expires_at: Timestamp(row.expires_at),
            user_id: row.user_id.map(UserId::from),
            is_allowed: row.is_allowed,
        })
    }
}

/// Keeps a device that begins to wait; `false`: the code for the person came up within the last day.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Tx, new: &Device, user_code: &str, keep_until: Timestamp) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(INSERT)
        .bind(new.device_code.as_str()).bind(user_code).bind(new.client_id.as_str()).bind(new.scope.to_string()).bind(&new.detail)
        .bind(&new.network).bind(&new.ip).bind(&new.agent).bind(new.created_at.0).bind(new.expires_at.0).bind(keep_until.0)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// The device that polls with this code.
///
/// # Errors
/// When the database fails.
pub async fn by_device(db: &Db, code: &TokenHash) -> Result<Option<Device>> {
    let row: Option<Row> =
        on_db!(db, pool => sqlx::query_as(BY_DEVICE).bind(code.as_str()).fetch_optional(pool).await)?;
    row.map(Device::try_from).transpose()
}

/// Binds the device with this code to the person who entered it; `None`: no device waits with it, or it is somebody else's.
///
/// # Errors
/// When the database fails.
pub async fn enter(
    tx: &mut Tx,
    user_code: &str,
    (user, session): (&UserId, &SessionId),
    now: Timestamp,
) -> Result<Option<Device>> {
    let row: Option<Row> = on_tx!(tx, conn => sqlx::query_as(ENTER)
        .bind(user_code).bind(user.as_str()).bind(session.as_str()).bind(now.0).fetch_optional(conn).await)?;
    row.map(Device::try_from).transpose()
}

/// Writes down what the person said who entered the code, in that session; `None`: too late, or said before.
///
/// # Errors
/// When the database fails.
pub async fn decide(
    tx: &mut Tx,
    code: &TokenHash,
    (user, session): (&UserId, &SessionId),
    is_allowed: bool,
    now: Timestamp,
) -> Result<Option<Device>> {
    change::tell(tx, Kind::Device, &[code.as_str().to_owned()], now).await?;
    let row: Option<Row> = on_tx!(tx, conn => sqlx::query_as(DECIDE)
        .bind(code.as_str()).bind(user.as_str()).bind(session.as_str()).bind(now.0).bind(is_allowed)
        .fetch_optional(conn).await)?;
    row.map(Device::try_from).transpose()
}

/// How many devices wait: anybody makes them, so they are capped.
///
/// # Errors
/// When the database fails.
pub async fn count(db: &Db, now: Timestamp) -> Result<i64> {
    Ok(on_db!(db, pool => sqlx::query_scalar(COUNT).bind(now.0).fetch_one(pool).await)?)
}
