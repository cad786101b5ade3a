//! Who is told that a sign-in ended: the clients of each session, and the queue of notices for them.
//!
//! ```text
//! queued ─▶ sending ─▶ told | dead
//!    ▲         ├─▶ queued    (another attempt)
//!    │         └─▶ dropped   (nobody is there to be told, or the person has signed in again)
//!    └─ also when a sender died: its lease is `due_at`
//! ```
//!
//! A notice is written by the transaction that ends the session ([`session::end`](crate::session::end),
//! [`grant::end_of_user`](crate::grant::end_of_user)), so none can be forgotten or sent for what did not happen. It is taken by
//! one statement that sets the end of the lease: two nodes never hold one at the same time. The number of attempts fences
//! off a sender whose lease has ended.

use kabinet_core::id::{ClientId, SessionId, UserId};
use kabinet_core::time::Timestamp;
use sqlx::FromRow;

use crate::{Db, Result, Tx, on_db, on_tx};

/// How long a notice is kept at most, and how long one that was told or dropped, seconds.
const KEPT: (i64, i64) = (30 * 86_400, 86_400);

crate::sql! {
    NOTE = "INSERT INTO session_clients (session_id, client_id) VALUES ($1, $2) ON CONFLICT (session_id, client_id) DO NOTHING";
    CLIENTS = "SELECT client_id FROM session_clients WHERE session_id = $1 ORDER BY client_id";
    OF_SESSION = "INSERT INTO logout_notices (client_id, user_id, session_id, state, reason, attempts, created_at, due_at, keep_until) \
        SELECT c.id, $2, $1, 'queued', '', 0, $3, $3, $4 FROM session_clients p JOIN clients c ON c.id = p.client_id \
        JOIN sessions s ON s.id = p.session_id WHERE p.session_id = $1 AND s.user_id = $2 AND c.backchannel_logout AND NOT c.disabled \
        ON CONFLICT (client_id, user_id, session_id) DO UPDATE SET state = excluded.state, reason = '', attempts = 0, \
        created_at = excluded.created_at, due_at = excluded.due_at, settled_at = NULL, keep_until = excluded.keep_until";
    OF_USER = "INSERT INTO logout_notices (client_id, user_id, session_id, state, reason, attempts, created_at, due_at, keep_until) \
        SELECT DISTINCT c.id, g.user_id, CASE WHEN c.backchannel_session THEN g.session_id ELSE '' END, 'queued', '', 0, \
        CAST($2 AS BIGINT), CAST($2 AS BIGINT), CAST($3 AS BIGINT) FROM grants g JOIN clients c ON c.id = g.client_id \
        WHERE g.user_id = $1 AND g.ended_at IS NULL AND g.code_used_at IS NOT NULL AND c.backchannel_logout AND NOT c.disabled \
        ON CONFLICT (client_id, user_id, session_id) DO UPDATE SET state = excluded.state, reason = '', attempts = 0, \
        created_at = excluded.created_at, due_at = excluded.due_at, settled_at = NULL, keep_until = excluded.keep_until";
    NEXT_DUE = "SELECT MIN(due_at) FROM logout_notices WHERE state IN ('queued', 'sending')";
    DROP_STALE = "UPDATE logout_notices SET state = 'dropped', reason = 'signed in again', settled_at = $1, keep_until = $2 \
        WHERE state IN ('queued', 'sending') AND due_at <= $1 AND session_id = '' AND EXISTS (SELECT 1 FROM grants g \
        WHERE g.user_id = logout_notices.user_id AND g.client_id = logout_notices.client_id AND g.ended_at IS NULL \
        AND g.session_id <> '' AND g.created_at >= logout_notices.created_at)";
    TAKE = "UPDATE logout_notices SET state = 'sending', attempts = attempts + 1, due_at = $2 \
        WHERE (client_id, user_id, session_id) IN (SELECT n.client_id, n.user_id, n.session_id FROM logout_notices n \
        WHERE n.state IN ('queued', 'sending') AND n.due_at <= $1 AND (n.session_id = $4 OR $4 = '') ORDER BY n.attempts, n.due_at LIMIT $3) \
        AND state IN ('queued', 'sending') AND due_at <= $1 RETURNING client_id, user_id, session_id, attempts";
    SETTLE = "UPDATE logout_notices SET state = $5, reason = $6, settled_at = $7, keep_until = $8 \
        WHERE client_id = $1 AND user_id = $2 AND session_id = $3 AND state = 'sending' AND attempts = $4";
    AGAIN = "UPDATE logout_notices SET state = 'queued', reason = $5, due_at = $6 \
        WHERE client_id = $1 AND user_id = $2 AND session_id = $3 AND state = 'sending' AND attempts = $4";
    RECENT = "SELECT client_id, user_id, session_id, state, reason, attempts, created_at, due_at, settled_at FROM logout_notices \
        WHERE (state = $1 OR $1 = '') AND (client_id = $2 OR $2 = '') ORDER BY created_at DESC, client_id, user_id, session_id LIMIT $3";
}

/// Where a notice is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits for an attempt.
    Queued,
    /// Somebody is sending it.
    Sending,
    /// The client has taken it.
    Told,
    /// The client refused it, or did not answer for too long.
    Dead,
    /// There is nothing to tell any more.
    Dropped,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Sending, Self::Told, Self::Dead, Self::Dropped];

    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Told => "told",
            Self::Dead => "dead",
            Self::Dropped => "dropped",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// A notice that this caller alone may send until its lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Whom to tell.
    pub client_id: ClientId,
    /// Whose sign-in ended.
    pub user_id: UserId,
    /// Which session; `None`: all of the person.
    pub session_id: Option<SessionId>,
    /// Attempts, this one included.
    pub attempts: i64,
}

/// A line of the queue, for operators.
#[derive(Clone, Debug, FromRow)]
pub struct Line {
    /// Whom to tell.
    pub client_id: String,
    /// Whose sign-in ended.
    pub user_id: String,
    /// Which session; empty: all of the person.
    pub session_id: String,
    /// See [`State`].
    pub state: String,
    /// Why the last attempt failed.
    pub reason: String,
    /// Attempts so far.
    pub attempts: i64,
    /// When the sign-in ended.
    pub created_at: i64,
    /// When the next attempt is due, if it waits for one.
    pub due_at: i64,
    /// When it left the queue.
    pub settled_at: Option<i64>,
}

/// Notes that a client got a code in a session.
///
/// # Errors
/// When the database fails, or the session has just ended.
pub async fn note(tx: &mut Tx, session: &SessionId, client: &ClientId) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(NOTE).bind(session.as_str()).bind(client.as_str()).execute(conn).await.map(drop))?;
    Ok(())
}

/// The clients that were noted for a session.
pub(crate) async fn clients_of(tx: &mut Tx, session: &SessionId) -> Result<Vec<ClientId>> {
    let ids: Vec<String> =
        on_tx!(tx, conn => sqlx::query_scalar(CLIENTS).bind(session.as_str()).fetch_all(conn).await)?;
    Ok(ids.into_iter().map(ClientId::from).collect())
}

/// Puts a notice for each client of a session that is about to end into the queue; how many.
pub(crate) async fn of_session(tx: &mut Tx, (session, user): (&SessionId, &UserId), now: Timestamp) -> Result<u64> {
    Ok(on_tx!(tx, conn => sqlx::query(OF_SESSION)
        .bind(session.as_str()).bind(user.as_str()).bind(now.0).bind(now.plus(KEPT.0).0)
        .execute(conn).await.map(|done| done.rows_affected()))?)
}

/// Puts a notice for each client that has a grant of a person into the queue, before those grants end: about the person
/// as a whole, or about the grants' sessions where the client must be told of sessions.
pub(crate) async fn of_user(tx: &mut Tx, user: &UserId, now: Timestamp) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(OF_USER)
        .bind(user.as_str()).bind(now.0).bind(now.plus(KEPT.0).0).execute(conn).await.map(drop))?;
    Ok(())
}

/// When the next notice is due.
///
/// # Errors
/// When the database fails.
pub async fn next_due(db: &Db) -> Result<Option<Timestamp>> {
    let due: Option<i64> = on_db!(db, pool => sqlx::query_scalar(NEXT_DUE).fetch_one(pool).await)?;
    Ok(due.map(Timestamp))
}

/// Drops what is due about a person as a whole who has signed in to the client again since; how many.
///
/// # Errors
/// When the database fails.
pub async fn drop_stale(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    Ok(on_tx!(tx, conn => sqlx::query(DROP_STALE)
        .bind(now.0).bind(now.plus(KEPT.1).0).execute(conn).await.map(|done| done.rows_affected()))?)
}

/// Takes up to `most` notices that are due, for this caller alone until `lease`; of one session where it is given. Those
/// that were never tried come first.
///
/// # Errors
/// When the database fails.
pub async fn take(
    tx: &mut Tx,
    (now, lease): (Timestamp, Timestamp),
    most: i64,
    session: Option<&SessionId>,
) -> Result<Vec<Taken>> {
    let rows: Vec<(String, String, String, i64)> = on_tx!(tx, conn => sqlx::query_as(TAKE)
        .bind(now.0).bind(lease.0).bind(most).bind(session.map_or("", SessionId::as_str)).fetch_all(conn).await)?;
    let taken = |(client, user, session, attempts): (String, String, String, i64)| Taken {
        client_id: ClientId::from(client),
        user_id: UserId::from(user),
        session_id: Some(session).filter(|id| !id.is_empty()).map(SessionId::from),
        attempts,
    };
    Ok(rows.into_iter().map(taken).collect())
}

/// Notes how a notice that was taken has ended; `false` when it is no longer this caller's.
///
/// # Errors
/// When the database fails.
pub async fn settle(tx: &mut Tx, taken: &Taken, (state, reason): (State, &str), now: Timestamp) -> Result<bool> {
    let kept = if state == State::Dead { KEPT.0 } else { KEPT.1 };
    let rows = on_tx!(tx, conn => sqlx::query(SETTLE)
        .bind(taken.client_id.as_str()).bind(taken.user_id.as_str()).bind(session_of(taken)).bind(taken.attempts)
        .bind(state.as_str()).bind(reason).bind(now.0).bind(now.plus(kept).0)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Gives a notice that was taken back to the queue; `false` when it is no longer this caller's.
///
/// # Errors
/// When the database fails.
pub async fn again(tx: &mut Tx, taken: &Taken, reason: &str, due: Timestamp) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(AGAIN)
        .bind(taken.client_id.as_str()).bind(taken.user_id.as_str()).bind(session_of(taken)).bind(taken.attempts)
        .bind(reason).bind(due.0).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

fn session_of(taken: &Taken) -> &str {
    taken.session_id.as_ref().map_or("", SessionId::as_str)
}

/// The newest notices, at most `most`; in one state and for one client where these are given.
///
/// # Errors
/// When the database fails.
pub async fn recent(db: &Db, state: Option<State>, client: Option<&ClientId>, most: i64) -> Result<Vec<Line>> {
    let (state, client) = (state.map_or("", State::as_str), client.map_or("", ClientId::as_str));
    Ok(on_db!(db, pool => sqlx::query_as(RECENT).bind(state).bind(client).bind(most).fetch_all(pool).await)?)
}
