//! API tokens of people.
//!
//! ```text
//! insert ─▶ living ─▶ end: revoked, leaked, or with every grant of the person
//!              └────── expires ──────┘ (swept a month later)
//! ```
//!
//! A token is the grant of the access tokens that come of it, so ending one is told to every node as the end of a grant.

use kabinet_core::api_token::{ApiToken, Networks, Use};
use kabinet_core::id::{ApiTokenId, ClientId, OrganisationId, UserId};
use kabinet_core::scope::Scope;
use kabinet_core::secret::TokenHash;
use kabinet_core::time::Timestamp;
use sqlx::FromRow;

use crate::change::{self, Kind};
use crate::{Db, Error, Result, Tx, on_db, on_tx};

/// How long a row is kept after its token has ended, seconds.
const KEPT: i64 = 30 * 24 * 3600;
/// How often a use is written down at most, seconds.
const NOTED: i64 = 60;
/// How many owners are reminded in one transaction.
const AT_ONCE: i64 = 100;

macro_rules! columns {
    () => {
        "id, user_id, name, scope, client_id, organisation_id, networks, created_at, expires_at, used_at, used_ip, used_agent, ended_at"
    };
}

crate::sql! {
    INSERT = "INSERT INTO api_tokens (id, token_hash, user_id, name, scope, client_id, organisation_id, networks, created_at, expires_at, \
        keep_until, used_ip, used_agent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '', '')";
    COUNT = "SELECT COUNT(*) FROM api_tokens WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2";
    BY_HASH = concat!("SELECT ", columns!(), " FROM api_tokens WHERE token_hash = $1");
    OWNER = "SELECT user_id FROM api_tokens WHERE id = $1";
    OF_USER = concat!("SELECT ", columns!(), " FROM api_tokens WHERE user_id = $1 \
        ORDER BY CASE WHEN ended_at IS NULL AND expires_at > $2 THEN 0 ELSE 1 END, created_at DESC, id DESC LIMIT 500");
    NOTE_USE = "UPDATE api_tokens SET used_at = $2, used_ip = $3, used_agent = $4 WHERE id = $1 AND (used_at IS NULL OR used_at <= $5)";
    END = concat!("UPDATE api_tokens SET ended_at = $3, keep_until = $4 WHERE id = $1 AND user_id = $2 AND ended_at IS NULL RETURNING ", columns!());
    END_BY_HASH = concat!("UPDATE api_tokens SET ended_at = $2, keep_until = $3 WHERE token_hash = $1 AND ended_at IS NULL RETURNING ", columns!());
    END_OF_USER = "UPDATE api_tokens SET ended_at = $2, keep_until = $3 WHERE user_id = $1 AND ended_at IS NULL RETURNING id";
    REMIND = concat!("UPDATE api_tokens SET reminded_at = $1 WHERE id IN (SELECT id FROM api_tokens WHERE reminded_at IS NULL AND ended_at IS NULL \
        AND expires_at > $1 AND expires_at <= $2 AND expires_at - created_at > $3 LIMIT $4) AND reminded_at IS NULL RETURNING ", columns!());
}

#[derive(FromRow)]
struct Row {
    id: String,
    user_id: String,
    name: String,
    scope: String,
    client_id: Option<String>,
    organisation_id: Option<String>,
    networks: String,
    created_at: i64,
    expires_at: i64,
    used_at: Option<i64>,
    used_ip: String,
    used_agent: String,
    ended_at: Option<i64>,
}

impl TryFrom<Row> for ApiToken {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let bad = |detail: String| Error::Inconsistent { table: "api_tokens", detail };
        Ok(Self {
            id: ApiTokenId::from(row.id),
            user_id: UserId::from(row.user_id),
            name: row.name,
            scope: Scope::parse(&row.scope).map_err(|e| bad(e.to_string()))?,
            client_id: row.client_id.map(ClientId::from),
            organisation_id: row.organisation_id.map(OrganisationId::from),
            networks: Networks::parse(&row.networks).map_err(|e| bad(e.to_string()))?,
            created_at: Timestamp(row.created_at),
            expires_at: Timestamp(row.expires_at),
            used: row.used_at.map(|at| Use { at: Timestamp(at), ip: row.used_ip, agent: row.used_agent }),
            ended_at: row.ended_at.map(Timestamp),
        })
    }
}

/// Writes a new token.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Tx, new: &ApiToken, token: &TokenHash) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(INSERT)
        .bind(new.id.as_str()).bind(token.as_str()).bind(new.user_id.as_str()).bind(&new.name).bind(new.scope.to_string())
        .bind(new.client_id.as_ref().map(ClientId::as_str)).bind(new.organisation_id.as_ref().map(OrganisationId::as_str))
        .bind(new.networks.to_string()).bind(new.created_at.0).bind(new.expires_at.0).bind(new.expires_at.plus(KEPT).0)
        .execute(conn).await.map(drop))?;
    Ok(())
}

/// How many living tokens a person has.
///
/// # Errors
/// When the database fails.
pub async fn count(tx: &mut Tx, user: &UserId, now: Timestamp) -> Result<i64> {
    Ok(on_tx!(tx, conn => sqlx::query_scalar(COUNT).bind(user.as_str()).bind(now.0).fetch_one(conn).await)?)
}

/// The token with this text, living or not.
///
/// # Errors
/// When the database fails.
pub async fn by_hash(db: &Db, token: &TokenHash) -> Result<Option<ApiToken>> {
    let row: Option<Row> = on_db!(db, pool => sqlx::query_as(BY_HASH).bind(token.as_str()).fetch_optional(pool).await)?;
    row.map(ApiToken::try_from).transpose()
}

/// Whose a token is.
///
/// # Errors
/// When the database fails.
pub async fn owner(db: &Db, id: &str) -> Result<Option<UserId>> {
    let user: Option<String> = on_db!(db, pool => sqlx::query_scalar(OWNER).bind(id).fetch_optional(pool).await)?;
    Ok(user.map(UserId::from))
}

/// The tokens of a person, the living ones before the others, the newest first; those that have ended stay for a month.
///
/// # Errors
/// When the database fails.
pub async fn of_user(db: &Db, user: &UserId, now: Timestamp) -> Result<Vec<ApiToken>> {
    let rows: Vec<Row> =
        on_db!(db, pool => sqlx::query_as(OF_USER).bind(user.as_str()).bind(now.0).fetch_all(pool).await)?;
    rows.into_iter().map(ApiToken::try_from).collect()
}

/// Notes a use, unless one was noted within a minute.
///
/// # Errors
/// When the database fails.
pub async fn note_use(tx: &mut Tx, id: &ApiTokenId, last: &Use) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(NOTE_USE)
        .bind(id.as_str()).bind(last.at.0).bind(&last.ip).bind(&last.agent).bind(last.at.plus(-NOTED).0)
        .execute(conn).await.map(drop))?;
    Ok(())
}

/// Ends a token of this person, and with it what came of it on every node; `None`: there is none, or it had ended.
///
/// # Errors
/// When the database fails.
pub async fn end(tx: &mut Tx, id: &ApiTokenId, user: &UserId, now: Timestamp) -> Result<Option<ApiToken>> {
    let row: Option<Row> = on_tx!(tx, conn => sqlx::query_as(END)
        .bind(id.as_str()).bind(user.as_str()).bind(now.0).bind(now.plus(KEPT).0).fetch_optional(conn).await)?;
    told(tx, row, now).await
}

/// The same for the token with this text, whosever it is.
///
/// # Errors
/// When the database fails.
pub async fn end_by_hash(tx: &mut Tx, token: &TokenHash, now: Timestamp) -> Result<Option<ApiToken>> {
    let row: Option<Row> = on_tx!(tx, conn => sqlx::query_as(END_BY_HASH)
        .bind(token.as_str()).bind(now.0).bind(now.plus(KEPT).0).fetch_optional(conn).await)?;
    told(tx, row, now).await
}

async fn told(tx: &mut Tx, row: Option<Row>, now: Timestamp) -> Result<Option<ApiToken>> {
    let Some(row) = row else { return Ok(None) };
    change::tell(tx, Kind::Grant, std::slice::from_ref(&row.id), now).await?;
    row.try_into().map(Some)
}

/// Ends every token of a person: their ids, to be told to every node.
pub(crate) async fn end_of_user(tx: &mut Tx, user: &UserId, now: Timestamp) -> Result<Vec<String>> {
    Ok(on_tx!(tx, conn => sqlx::query_scalar(END_OF_USER)
        .bind(user.as_str()).bind(now.0).bind(now.plus(KEPT).0).fetch_all(conn).await)?)
}

/// Marks the tokens that end within `ahead` seconds and whose owners have not heard of it, some at a time. Those that were made
/// for no longer than that are left out.
///
/// # Errors
/// When the database fails.
pub async fn remind(tx: &mut Tx, ahead: i64, now: Timestamp) -> Result<Vec<ApiToken>> {
    let rows: Vec<Row> = on_tx!(tx, conn => sqlx::query_as(REMIND)
        .bind(now.0).bind(now.plus(ahead).0).bind(ahead).bind(AT_ONCE).fetch_all(conn).await)?;
    rows.into_iter().map(ApiToken::try_from).collect()
}
