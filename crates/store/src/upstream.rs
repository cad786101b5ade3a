//! Ways to another provider and back, and the accounts there that belong to accounts here.
//!
//! An attempt belongs to one browser and one provider. It is spent by one statement when the browser comes back; from then on
//! its row holds who came back, until that has served or is too old.

use kabinet_core::id::{AttemptId, LinkId, SessionId, UserId};
use kabinet_core::secret::TokenHash;
use kabinet_core::time::Timestamp;
use sqlx::FromRow;

use crate::{Db, Error, Result, Tx, on_db, on_tx};

macro_rules! attempt {
    () => {
        "id, upstream, purpose, binding_hash, data, expires_at, used_at"
    };
}

macro_rules! link {
    () => {
        "id, user_id, upstream, subject, other_id, person, linked_at, used_at"
    };
}

crate::sql! {
    BEGIN = "INSERT INTO upstream_attempts (id, state_hash, upstream, purpose, binding_hash, data, expires_at, keep_until) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    SPEND = concat!("UPDATE upstream_attempts SET used_at = $4 WHERE state_hash = $1 AND upstream = $2 AND binding_hash = $3 \
        AND used_at IS NULL AND expires_at > $4 RETURNING ", attempt!());
    BY_STATE = concat!("SELECT ", attempt!(), " FROM upstream_attempts WHERE state_hash = $1");
    ARRIVED = "UPDATE upstream_attempts SET data = $2, expires_at = $3, keep_until = $3 WHERE id = $1";
    ATTEMPT = concat!("SELECT ", attempt!(), " FROM upstream_attempts WHERE id = $1 AND expires_at > $2");
    FORGET = "DELETE FROM upstream_attempts WHERE id = $1 AND used_at IS NOT NULL";
    FIND = concat!("SELECT ", link!(), " FROM upstream_links WHERE upstream = $1 AND (subject = $2 OR other_id = $3) ORDER BY id");
    OF_USER = concat!("SELECT ", link!(), " FROM upstream_links WHERE user_id = $1 ORDER BY linked_at, id");
    LINK = "INSERT INTO upstream_links (id, user_id, upstream, subject, other_id, person, linked_at, used_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    USE = "UPDATE upstream_links SET subject = $2, other_id = COALESCE($3, other_id), person = $4, used_at = $5 WHERE id = $1";
    UNLINK = "DELETE FROM upstream_links WHERE id = $1 AND user_id = $2";
    COUNT = "SELECT upstream, COUNT(*) FROM upstream_links GROUP BY upstream ORDER BY upstream";
    NOTE_SESSION = "UPDATE sessions SET upstream = $2 WHERE id = $1";
    OF_SESSION = "SELECT upstream FROM sessions WHERE id = $1 AND upstream IS NOT NULL";
}

/// A way to a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its id; the provider never sees it.
    pub id: AttemptId,
    /// The provider.
    pub upstream: String,
    /// What for.
    pub purpose: String,
    /// The browser, as the hash of its binding cookie.
    pub binding: TokenHash,
    /// What is kept of it, sealed.
    pub data: String,
    /// When it is too late.
    pub expires_at: Timestamp,
    /// When the browser came back.
    pub used_at: Option<Timestamp>,
}

#[derive(FromRow)]
struct AttemptRow {
    id: String,
    upstream: String,
    purpose: String,
    binding_hash: String,
    data: String,
    expires_at: i64,
    used_at: Option<i64>,
}

impl From<AttemptRow> for Attempt {
    fn from(row: AttemptRow) -> Self {
        Self {
            id: AttemptId::from(row.id),
            upstream: row.upstream,
            purpose: row.purpose,
            binding: TokenHash::from(row.binding_hash),
            data: row.data,
            expires_at: Timestamp(row.expires_at),
            used_at: row.used_at.map(Timestamp),
        }
    }
}

/// An account at a provider that belongs to an account here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// Whose account.
    pub user_id: UserId,
    /// The provider.
    pub upstream: String,
    /// The identifier there.
    pub subject: String,
    /// A second identifier of the same account there.
    pub other_id: Option<String>,
    /// What the provider said last, sealed.
    pub person: String,
    /// Since when.
    pub linked_at: Timestamp,
    /// When somebody last signed in by it.
    pub used_at: Option<Timestamp>,
}

#[derive(FromRow)]
struct LinkRow {
    id: String,
    user_id: String,
    upstream: String,
    subject: String,
    other_id: Option<String>,
    person: String,
    linked_at: i64,
    used_at: Option<i64>,
}

impl From<LinkRow> for Link {
    fn from(row: LinkRow) -> Self {
        Self {
            id: LinkId::from(row.id),
            user_id: UserId::from(row.user_id),
            upstream: row.upstream,
            subject: row.subject,
            other_id: row.other_id,
            person: row.person,
            linked_at: Timestamp(row.linked_at),
            used_at: row.used_at.map(Timestamp),
        }
    }
}

/// Remembers that a browser goes to a provider, with the state that it brings back.
///
/// # Errors
/// When the database fails.
pub async fn begin(tx: &mut Tx, new: &Attempt, state: &TokenHash, keep_until: Timestamp) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(BEGIN)
        .bind(new.id.as_str()).bind(state.as_str()).bind(&new.upstream).bind(&new.purpose).bind(new.binding.as_str()).bind(&new.data)
        .bind(new.expires_at.0).bind(keep_until.0).execute(conn).await.map(drop))?;
    Ok(())
}

/// Spends the attempt of this state, provider and browser. `None`: there is none, it was spent before or is too old; then
/// nothing has changed.
///
/// # Errors
/// When the database fails.
pub async fn spend(
    tx: &mut Tx,
    (state, upstream, binding): (&TokenHash, &str, &TokenHash),
    now: Timestamp,
) -> Result<Option<Attempt>> {
    let row: Option<AttemptRow> = on_tx!(tx, conn => sqlx::query_as(SPEND)
        .bind(state.as_str()).bind(upstream).bind(binding.as_str()).bind(now.0).fetch_optional(conn).await)?;
    Ok(row.map(Attempt::from))
}

/// The attempt of a state, whosever it is and spent or not: why it could not be spent.
///
/// # Errors
/// When the database fails.
pub async fn by_state(db: &Db, state: &TokenHash) -> Result<Option<Attempt>> {
    let row: Option<AttemptRow> =
        on_db!(db, pool => sqlx::query_as(BY_STATE).bind(state.as_str()).fetch_optional(pool).await)?;
    Ok(row.map(Attempt::from))
}

/// Keeps who came back, until `until`.
///
/// # Errors
/// When the database fails.
pub async fn arrived(tx: &mut Tx, id: &AttemptId, data: &str, until: Timestamp) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(ARRIVED).bind(id.as_str()).bind(data).bind(until.0).execute(conn).await.map(drop))?;
    Ok(())
}

/// An attempt by its id, unless it is too old.
///
/// # Errors
/// When the database fails.
pub async fn attempt(db: &Db, id: &AttemptId, now: Timestamp) -> Result<Option<Attempt>> {
    let row: Option<AttemptRow> =
        on_db!(db, pool => sqlx::query_as(ATTEMPT).bind(id.as_str()).bind(now.0).fetch_optional(pool).await)?;
    Ok(row.map(Attempt::from))
}

/// Forgets a spent attempt, so that who came back serves once; `false` when they did before.
///
/// # Errors
/// When the database fails.
pub async fn forget(tx: &mut Tx, id: &AttemptId) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(FORGET)
        .bind(id.as_str()).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// The links that an identity has, by either of its identifiers.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, upstream: &str, (subject, other_id): (&str, Option<&str>)) -> Result<Vec<Link>> {
    let rows: Vec<LinkRow> = on_db!(db, pool => sqlx::query_as(FIND)
        .bind(upstream).bind(subject).bind(other_id).fetch_all(pool).await)?;
    Ok(rows.into_iter().map(Link::from).collect())
}

/// The same inside a transaction.
///
/// # Errors
/// When the database fails.
pub async fn find_in(tx: &mut Tx, upstream: &str, (subject, other_id): (&str, Option<&str>)) -> Result<Vec<Link>> {
    let rows: Vec<LinkRow> = on_tx!(tx, conn => sqlx::query_as(FIND)
        .bind(upstream).bind(subject).bind(other_id).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(Link::from).collect())
}

/// The links of an account, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn of_user(db: &Db, user: &UserId) -> Result<Vec<Link>> {
    let rows: Vec<LinkRow> = on_db!(db, pool => sqlx::query_as(OF_USER).bind(user.as_str()).fetch_all(pool).await)?;
    Ok(rows.into_iter().map(Link::from).collect())
}

/// The same inside a transaction.
///
/// # Errors
/// When the database fails.
pub async fn of_user_in(tx: &mut Tx, user: &UserId) -> Result<Vec<Link>> {
    let rows: Vec<LinkRow> = on_tx!(tx, conn => sqlx::query_as(OF_USER).bind(user.as_str()).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(Link::from).collect())
}

/// Links an identity to an account.
///
/// # Errors
/// [`Error::Taken`] when it, or its second identifier, is linked already.
pub async fn link(tx: &mut Tx, new: &Link) -> Result<()> {
    let done: std::result::Result<(), sqlx::Error> = on_tx!(tx, conn => sqlx::query(LINK)
        .bind(new.id.as_str()).bind(new.user_id.as_str()).bind(&new.upstream).bind(&new.subject).bind(new.other_id.as_deref())
        .bind(&new.person).bind(new.linked_at.0).bind(new.used_at.map(|at| at.0)).execute(conn).await.map(drop));
    match done.map_err(Error::from) {
        Err(error) if error.is_conflict() => Err(Error::Taken("upstream")),
        other => other,
    }
}

/// Notes a sign-in, with the identifiers and what the provider said at it; `false` when it is linked no more.
///
/// # Errors
/// [`Error::Taken`] when an identifier that it has more is linked already.
pub async fn note_use(tx: &mut Tx, link: &Link, now: Timestamp) -> Result<bool> {
    let done: std::result::Result<u64, sqlx::Error> = on_tx!(tx, conn => sqlx::query(USE)
        .bind(link.id.as_str()).bind(&link.subject).bind(link.other_id.as_deref()).bind(&link.person).bind(now.0)
        .execute(conn).await.map(|done| done.rows_affected()));
    match done.map_err(Error::from) {
        Err(error) if error.is_conflict() => Err(Error::Taken("upstream")),
        other => Ok(other? > 0),
    }
}

/// Takes an identity from an account; `false` when it is not there.
///
/// # Errors
/// When the database fails.
pub async fn unlink(tx: &mut Tx, user: &UserId, id: &LinkId) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(UNLINK)
        .bind(id.as_str()).bind(user.as_str()).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// How many identities of each provider are linked.
///
/// # Errors
/// When the database fails.
pub async fn count(db: &Db) -> Result<Vec<(String, i64)>> {
    Ok(on_db!(db, pool => sqlx::query_as(COUNT).fetch_all(pool).await)?)
}

/// Notes from which provider the last sign-in of a session came.
///
/// # Errors
/// When the database fails.
pub async fn note_session(tx: &mut Tx, session: &SessionId, upstream: &str) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(NOTE_SESSION).bind(session.as_str()).bind(upstream).execute(conn).await.map(drop))?;
    Ok(())
}

/// The provider that a session's last sign-in by one came from.
///
/// # Errors
/// When the database fails.
pub async fn of_session(db: &Db, session: &SessionId) -> Result<Option<String>> {
    Ok(on_db!(db, pool => sqlx::query_scalar(OF_SESSION).bind(session.as_str()).fetch_optional(pool).await)?)
}
