//! Grants: one row from the authorization code to the last refresh.
//!
//! ```text
//!            issue                 redeem                     rotate (generation + 1)
//! (request) ───────▶ code waiting ────────▶ redeemed ─────────────────────┐◀─┐
//!                       │ not redeemed          │ end: revoked, replayed,  └──┘
//!                       ▼ (swept)               ▼ signed out, expired (swept)
//! ```
//!
//! * The code is spent by one `UPDATE … WHERE code_used_at IS NULL … RETURNING` (RFC 6749 §4.1.2).
//! * A refresh token is not stored: it names the grant and a generation and is authenticated by a key that needs both
//!   the master key and `refresh_salt`. The row holds the generation that is good now, so a family is one row however
//!   often it rotates, and a replay of any earlier generation is seen for as long as the family lives.
//!   See docs/decisions/0001-refresh-generation.md.
//! * A family whose refresh tokens are bound to a key stays at its generation: a token alone is of no use to a thief.
//! * Ending a grant is told to every node ([`change`](crate::change)), because access tokens have no row.

use kabinet_core::id::{ClientId, GrantId, SessionId, UserId};
use kabinet_core::jwk::Thumbprint;
use kabinet_core::scope::Scope;
use kabinet_core::secret::TokenHash;
use kabinet_core::time::Timestamp;
use sqlx::FromRow;

use crate::change::{self, Kind};
use crate::logout;
use crate::session::Ending;
use crate::{Db, Error, Result, Tx, api_token, on_db, on_tx};

macro_rules! columns {
    () => {
        "id, client_id, user_id, session_id, scope, detail, offline, refresh_salt, refresh_generation, refresh_used_at, \
         refresh_expires_at, created_at, expires_at, ended_at, jkt"
    };
}

crate::sql! {
    INSERT = "INSERT INTO grants (id, client_id, user_id, session_id, scope, detail, code_hash, code_expires_at, offline, refresh_salt, \
        refresh_generation, refresh_used_at, refresh_expires_at, created_at, expires_at, keep_until) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 0, 0, $11, $12, $13)";
    REDEEM = concat!("UPDATE grants SET code_used_at = $3 WHERE code_hash = $1 AND client_id = $2 AND code_used_at IS NULL \
        AND code_expires_at > $3 AND ended_at IS NULL \
        AND EXISTS (SELECT 1 FROM sessions s WHERE s.id = grants.session_id) RETURNING ", columns!());
    OPEN = "UPDATE grants SET refresh_generation = $2, refresh_expires_at = $3, keep_until = $4, jkt = $5 WHERE id = $1";
    BY_CODE = concat!("SELECT ", columns!(), ", code_used_at FROM grants WHERE code_hash = $1");
    BY_ID = concat!("SELECT ", columns!(), " FROM grants WHERE id = $1");
    LIVING = concat!("SELECT ", columns!(), " FROM grants WHERE id = $1 AND (offline OR EXISTS (SELECT 1 FROM sessions s \
        WHERE s.id = grants.session_id AND s.idle_expires_at > $2 AND s.expires_at > $2))");
    ROTATE = concat!("UPDATE grants SET refresh_generation = refresh_generation + CASE WHEN jkt IS NULL THEN 1 ELSE 0 END, \
        refresh_used_at = $4, refresh_expires_at = $5, keep_until = $6, jkt = COALESCE(jkt, $7) \
        WHERE id = $1 AND refresh_generation = $2 AND client_id = $3 AND ended_at IS NULL AND refresh_expires_at > $4 AND expires_at > $4 \
        AND (offline OR EXISTS (SELECT 1 FROM sessions s WHERE s.id = grants.session_id AND s.idle_expires_at > $4 AND s.expires_at > $4)) \
        RETURNING ", columns!());
    LAST_FOR_CLIENT = "SELECT user_id FROM grants WHERE client_id = $1 AND session_id IN ($2, $3, $4, $5, $6) ORDER BY created_at DESC, id DESC LIMIT 1";
    END = "UPDATE grants SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL";
    END_OF_SESSION = "UPDATE grants SET ended_at = $2 WHERE session_id = $1 AND (NOT offline OR $3) AND ended_at IS NULL RETURNING id";
    END_OF_USER = "UPDATE grants SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL RETURNING id";
    END_OF_CLIENT = "UPDATE grants SET ended_at = $2 WHERE client_id = $1 AND ended_at IS NULL RETURNING id";
    END_OF_CONSENT = "UPDATE grants SET ended_at = $3 WHERE user_id = $1 AND client_id = $2 AND ended_at IS NULL RETURNING id";
}

/// A grant as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The family.
    pub id: GrantId,
    /// Whose tokens they are.
    pub client_id: ClientId,
    /// Whom they are about.
    pub user_id: UserId,
    /// The sign-in that it came from.
    pub session_id: SessionId,
    /// What was granted.
    pub scope: Scope,
    /// What the protocol keeps beside it, as JSON; the store does not look inside.
    pub detail: String,
    /// Whether it outlives the session (`offline_access`).
    pub offline: bool,
    /// Random per family; part of the key that authenticates its refresh tokens. Base64url.
    pub refresh_salt: String,
    /// The generation that is good now; 0: no refresh token was given.
    pub refresh_generation: i64,
    /// When it last rotated.
    pub refresh_used_at: Timestamp,
    /// When the current refresh token ends if it is not used.
    pub refresh_expires_at: Timestamp,
    /// When the code was issued.
    pub created_at: Timestamp,
    /// When the family ends at the latest.
    pub expires_at: Timestamp,
    /// When it was ended before that.
    pub ended_at: Option<Timestamp>,
    /// The key that its refresh tokens are bound to (RFC 9449 §5); such ones are not rotated.
    pub key: Option<Thumbprint>,
}

#[derive(FromRow)]
struct Row {
    id: String,
    client_id: String,
    user_id: String,
    session_id: String,
    scope: String,
    detail: String,
    offline: bool,
    refresh_salt: String,
    refresh_generation: i64,
    refresh_used_at: i64,
    refresh_expires_at: i64,
    created_at: i64,
    expires_at: i64,
    ended_at: Option<i64>,
    jkt: Option<String>,
}

#[derive(FromRow)]
struct CodeRow {
    #[sqlx(flatten)]
    grant: Row,
    code_used_at: Option<i64>,
}

impl TryFrom<Row> for Grant {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let scope =
            Scope::parse(&row.scope).map_err(|e| Error::Inconsistent { table: "grants", detail: e.to_string() })?;
        Ok(Self {
            id: GrantId::from(row.id),
            client_id: ClientId::from(row.client_id),
            user_id: UserId::from(row.user_id),
            session_id: SessionId::from(row.session_id),
            scope,
            detail: row.detail,
            offline: row.offline,
            refresh_salt: row.refresh_salt,
            refresh_generation: row.refresh_generation,
            refresh_used_at: Timestamp(row.refresh_used_at),
            refresh_expires_at: Timestamp(row.refresh_expires_at),
            created_at: Timestamp(row.created_at),
            expires_at: Timestamp(row.expires_at),
            ended_at: row.ended_at.map(Timestamp),
            key: bound(row.jkt)?,
        })
    }
}

fn bound(jkt: Option<String>) -> Result<Option<Thumbprint>> {
    let Some(text) = jkt else { return Ok(None) };
    // A row that cannot be read must not pass for one that is bound to nothing.
    let key = Thumbprint::parse(&text);
    key.map(Some)
        .ok_or_else(|| Error::Inconsistent { table: "grants", detail: "jkt is no thumbprint".to_owned() })
}

/// Writes a grant whose code waits to be redeemed until `code_expires_at`; the row is kept until `keep_until`.
///
/// # Errors
/// When the database fails.
pub async fn issue(
    tx: &mut Tx,
    grant: &Grant,
    code: &TokenHash,
    code_expires_at: Timestamp,
    keep_until: Timestamp,
) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(INSERT)
        .bind(grant.id.as_str()).bind(grant.client_id.as_str()).bind(grant.user_id.as_str()).bind(grant.session_id.as_str())
        .bind(grant.scope.to_string()).bind(&grant.detail).bind(code.as_str()).bind(code_expires_at.0).bind(grant.offline)
        .bind(&grant.refresh_salt).bind(grant.created_at.0).bind(grant.expires_at.0).bind(keep_until.0)
        .execute(conn).await.map(drop))?;
    Ok(())
}

/// Spends a code of this client: the grant, exactly once, and only while the code is good.
///
/// # Errors
/// When the database fails.
pub async fn redeem(tx: &mut Tx, code: &TokenHash, client: &ClientId, now: Timestamp) -> Result<Option<Grant>> {
    let row: Option<Row> = on_tx!(tx, conn => sqlx::query_as(REDEEM)
        .bind(code.as_str()).bind(client.as_str()).bind(now.0).fetch_optional(conn).await)?;
    row.map(Grant::try_from).transpose()
}

/// What redeeming a code sets.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// The generation of the first refresh token; 0: none is given.
    pub generation: i64,
    /// When that ends if it is not used.
    pub refresh_expires_at: Timestamp,
    /// How long to keep the row.
    pub keep_until: Timestamp,
    /// The key that its refresh tokens are bound to.
    pub key: Option<&'a Thumbprint>,
}

/// After a redeemed code: makes the family ready for its refresh tokens.
///
/// # Errors
/// When the database fails.
pub async fn open(tx: &mut Tx, id: &GrantId, opening: Opening<'_>) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(OPEN)
        .bind(id.as_str()).bind(opening.generation).bind(opening.refresh_expires_at.0).bind(opening.keep_until.0)
        .bind(opening.key.map(Thumbprint::as_str)).execute(conn).await.map(drop))?;
    Ok(())
}

/// The grant of a code with whether the code was spent before: to tell a replay from a mistake.
///
/// # Errors
/// When the database fails.
pub async fn by_code(tx: &mut Tx, code: &TokenHash) -> Result<Option<(Grant, bool)>> {
    let row: Option<CodeRow> =
        on_tx!(tx, conn => sqlx::query_as(BY_CODE).bind(code.as_str()).fetch_optional(conn).await)?;
    row.map(|row| Ok((row.grant.try_into()?, row.code_used_at.is_some()))).transpose()
}

/// The grant with this id.
///
/// # Errors
/// When the database fails.
pub async fn by_id(db: &Db, id: &GrantId) -> Result<Option<Grant>> {
    let row: Option<Row> = on_db!(db, pool => sqlx::query_as(BY_ID).bind(id.as_str()).fetch_optional(pool).await)?;
    row.map(Grant::try_from).transpose()
}

/// The grant with this id, unless it ended with its sign-in session.
///
/// # Errors
/// When the database fails.
pub async fn living(db: &Db, id: &GrantId, now: Timestamp) -> Result<Option<Grant>> {
    let row: Option<Row> =
        on_db!(db, pool => sqlx::query_as(LIVING).bind(id.as_str()).bind(now.0).fetch_optional(pool).await)?;
    row.map(Grant::try_from).transpose()
}

/// The same inside a transaction.
///
/// # Errors
/// When the database fails.
pub async fn living_in(tx: &mut Tx, id: &GrantId, now: Timestamp) -> Result<Option<Grant>> {
    let row: Option<Row> =
        on_tx!(tx, conn => sqlx::query_as(LIVING).bind(id.as_str()).bind(now.0).fetch_optional(conn).await)?;
    row.map(Grant::try_from).transpose()
}

/// What a rotation changes.
#[derive(Clone, Copy, Debug)]
pub struct Rotation<'a> {
    /// The generation that the presented token names.
    pub presented: i64,
    /// Now.
    pub now: Timestamp,
    /// When the successor ends if it is not used.
    pub refresh_expires_at: Timestamp,
    /// How long to keep the row.
    pub keep_until: Timestamp,
    /// The key that a family is bound to from now on which is bound to none.
    pub key: Option<&'a Thumbprint>,
}

/// Moves a family to its next generation, or keeps one that is bound to a key at its own: the grant as it is afterwards, exactly
/// once per generation, and only while the family, the presented generation and, without `offline_access`, the sign-in session are good.
///
/// # Errors
/// When the database fails.
pub async fn rotate(tx: &mut Tx, id: &GrantId, client: &ClientId, rotation: Rotation<'_>) -> Result<Option<Grant>> {
    let row: Option<Row> = on_tx!(tx, conn => sqlx::query_as(ROTATE)
        .bind(id.as_str()).bind(rotation.presented).bind(client.as_str()).bind(rotation.now.0)
        .bind(rotation.refresh_expires_at.0).bind(rotation.keep_until.0).bind(rotation.key.map(Thumbprint::as_str))
        .fetch_optional(conn).await)?;
    row.map(Grant::try_from).transpose()
}

/// The person whom this client last got in one of these sessions.
///
/// # Errors
/// When the database fails.
pub async fn last_for_client(db: &Db, client: &ClientId, sessions: &[SessionId]) -> Result<Option<UserId>> {
    let at = |i: usize| sessions.get(i).map_or("", SessionId::as_str);
    let user: Option<String> = on_db!(db, pool => sqlx::query_scalar(LAST_FOR_CLIENT)
        .bind(client.as_str()).bind(at(0)).bind(at(1)).bind(at(2)).bind(at(3)).bind(at(4)).fetch_optional(pool).await)?;
    Ok(user.map(UserId::from))
}

/// Ends one grant and tells every node; `false` when it had ended.
///
/// # Errors
/// When the database fails.
pub async fn end(tx: &mut Tx, id: &GrantId, now: Timestamp) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(END).bind(id.as_str()).bind(now.0).execute(conn).await.map(|done| done.rows_affected()))?;
    if rows == 0 {
        return Ok(false);
    }
    change::tell(tx, Kind::Grant, &[id.to_string()], now).await?;
    Ok(true)
}

/// Ends the grants of a session: those that do not outlive it, or all. Their ids, to be told to every node.
pub(crate) async fn end_of_session(
    tx: &mut Tx,
    session: &SessionId,
    ending: Ending,
    now: Timestamp,
) -> Result<Vec<String>> {
    let offline_too = ending == Ending::Cut;
    Ok(on_tx!(tx, conn => sqlx::query_scalar(END_OF_SESSION)
        .bind(session.as_str()).bind(now.0).bind(offline_too).fetch_all(conn).await)?)
}

/// Ends every grant of a person, also those that outlived their sessions, and their API tokens, and tells every node and, by
/// the queue, every client that wants to hear of it. How many.
///
/// # Errors
/// When the database fails.
pub async fn end_of_user(tx: &mut Tx, user: &UserId, now: Timestamp) -> Result<usize> {
    logout::of_user(tx, user, now).await?;
    let mut ids: Vec<String> =
        on_tx!(tx, conn => sqlx::query_scalar(END_OF_USER).bind(user.as_str()).bind(now.0).fetch_all(conn).await)?;
    ids.extend(api_token::end_of_user(tx, user, now).await?);
    ended(tx, ids, now).await
}

/// Ends every grant of a client, and tells every node. How many.
///
/// # Errors
/// When the database fails.
pub async fn end_of_client(tx: &mut Tx, client: &ClientId, now: Timestamp) -> Result<usize> {
    let ids: Vec<String> =
        on_tx!(tx, conn => sqlx::query_scalar(END_OF_CLIENT).bind(client.as_str()).bind(now.0).fetch_all(conn).await)?;
    ended(tx, ids, now).await
}

/// Ends every grant of a person to a client, and tells every node. How many.
///
/// # Errors
/// When the database fails.
pub async fn end_of_consent(tx: &mut Tx, user: &UserId, client: &ClientId, now: Timestamp) -> Result<usize> {
    let ids: Vec<String> = on_tx!(tx, conn => sqlx::query_scalar(END_OF_CONSENT)
        .bind(user.as_str()).bind(client.as_str()).bind(now.0).fetch_all(conn).await)?;
    ended(tx, ids, now).await
}

pub(crate) async fn ended(tx: &mut Tx, ids: Vec<String>, now: Timestamp) -> Result<usize> {
    if !ids.is_empty() {
        change::tell(tx, Kind::Grant, &ids, now).await?;
    }
    Ok(ids.len())
}
