//! Sign-in sessions. A row lives as long as its session; ending one is deleting it, by [`end`] alone.
//!
//! Only the hash of the cookie's value is kept. A session is read with the five values that a browser may hold.

use kabinet_core::authn::{Authentication, Session};
use kabinet_core::id::{ClientId, FlowId, SessionId, UserId};
use kabinet_core::secret::TokenHash;
use kabinet_core::time::Timestamp;
use sqlx::FromRow;

use crate::{Db, Result, Tx, grant, json, logout, on_db, on_tx, text};

/// How many accounts one browser may hold.
pub const PER_BROWSER: usize = 5;

macro_rules! session {
    ($rest:literal) => {
        concat!(
            "SELECT s.id, s.secret_hash, s.user_id, s.authentication, s.chosen_for, s.remembered, s.created_at, s.seen_at, ",
            "s.expires_at, s.ip, s.agent FROM sessions s JOIN users u ON u.id = s.user_id ",
            $rest
        )
    };
}

crate::sql! {
    HOLD = "UPDATE sessions SET seen_at = seen_at WHERE id = $1 AND user_id = $2 AND idle_expires_at > $3 AND expires_at > $3";
    BY_SECRETS = session!("WHERE s.secret_hash IN ($1, $2, $3, $4, $5) AND s.idle_expires_at > $6 AND s.expires_at > $6 AND NOT u.disabled");
    BY_USER = session!("WHERE s.user_id = $1 AND s.idle_expires_at > $2 AND s.expires_at > $2 ORDER BY s.seen_at DESC LIMIT 100");
    INSERT = "INSERT INTO sessions (id, secret_hash, user_id, authentication, chosen_for, remembered, created_at, seen_at, \
        idle_expires_at, expires_at, ip, agent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    RENEW = "UPDATE sessions SET secret_hash = $2, authentication = $3, remembered = $4, seen_at = $5, idle_expires_at = $6, \
        expires_at = $7, ip = $8, agent = $9 WHERE id = $1";
    TOUCH = "UPDATE sessions SET seen_at = $2, idle_expires_at = $3 WHERE id = $1 AND seen_at < $2";
    CHOOSE = "UPDATE sessions SET chosen_for = $2 WHERE id = $1";
    END = "DELETE FROM sessions WHERE id = $1 AND user_id = $2";
    OTHERS = "SELECT id FROM sessions WHERE user_id = $1 AND id <> $2";
}

#[derive(FromRow)]
struct Row {
    id: String,
    secret_hash: String,
    user_id: String,
    authentication: String,
    chosen_for: Option<String>,
    remembered: bool,
    created_at: i64,
    seen_at: i64,
    expires_at: i64,
    ip: String,
    agent: String,
}

impl Row {
    fn read(self) -> Result<(TokenHash, Session)> {
        let authentication: Authentication = json("sessions", &self.authentication)?;
        let session = Session {
            id: SessionId::from(self.id),
            user_id: UserId::from(self.user_id),
            authentication,
            chosen_for: self.chosen_for.map(FlowId::from),
            remembered: self.remembered,
            created_at: Timestamp(self.created_at),
            seen_at: Timestamp(self.seen_at),
            expires_at: Timestamp(self.expires_at),
            ip: self.ip,
            agent: self.agent,
        };
        Ok((TokenHash::from(self.secret_hash), session))
    }
}

/// The live sessions of enabled people for these cookie values, in the order of `secrets`. At most
/// [`PER_BROWSER`] are looked at.
///
/// # Errors
/// When the database fails.
pub async fn by_secrets(db: &Db, secrets: &[TokenHash], now: Timestamp) -> Result<Vec<Session>> {
    if secrets.is_empty() {
        return Ok(Vec::new());
    }
    let at = |i: usize| secrets.get(i).map_or("", TokenHash::as_str);
    let rows: Vec<Row> = on_db!(db, pool => sqlx::query_as(BY_SECRETS)
        .bind(at(0)).bind(at(1)).bind(at(2)).bind(at(3)).bind(at(4)).bind(now.0).fetch_all(pool).await)?;
    let mut found = rows.into_iter().map(Row::read).collect::<Result<Vec<_>>>()?;
    found.sort_by_key(|(hash, _)| secrets.iter().position(|secret| secret == hash));
    Ok(found.into_iter().map(|(_, session)| session).collect())
}

/// The live sessions of a person, the last used first.
///
/// # Errors
/// When the database fails.
pub async fn by_user(db: &Db, user: &UserId, now: Timestamp) -> Result<Vec<Session>> {
    let rows: Vec<Row> =
        on_db!(db, pool => sqlx::query_as(BY_USER).bind(user.as_str()).bind(now.0).fetch_all(pool).await)?;
    rows.into_iter().map(|row| row.read().map(|(_, session)| session)).collect()
}

/// Begins a session. `idle_expires_at`: when it ends if it is not used.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Tx, secret: &TokenHash, session: &Session, idle_expires_at: Timestamp) -> Result<()> {
    let authentication = text("sessions", &session.authentication)?;
    on_tx!(tx, conn => sqlx::query(INSERT)
        .bind(session.id.as_str()).bind(secret.as_str()).bind(session.user_id.as_str()).bind(authentication)
        .bind(session.chosen_for.as_ref().map(FlowId::as_str)).bind(session.remembered).bind(session.created_at.0)
        .bind(session.seen_at.0).bind(idle_expires_at.0).bind(session.expires_at.0).bind(&session.ip).bind(&session.agent)
        .execute(conn).await.map(drop))?;
    Ok(())
}

/// Gives a session that was proven again its new cookie value, proof and end; `false` when it is gone.
///
/// # Errors
/// When the database fails.
pub async fn renew(tx: &mut Tx, secret: &TokenHash, session: &Session, idle_expires_at: Timestamp) -> Result<bool> {
    let authentication = text("sessions", &session.authentication)?;
    let rows = on_tx!(tx, conn => sqlx::query(RENEW)
        .bind(session.id.as_str()).bind(secret.as_str()).bind(authentication).bind(session.remembered).bind(session.seen_at.0)
        .bind(idle_expires_at.0).bind(session.expires_at.0).bind(&session.ip).bind(&session.agent)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Notes that a session was used; callers do so at most once a minute.
///
/// # Errors
/// When the database fails.
pub async fn touch(tx: &mut Tx, id: &SessionId, now: Timestamp, idle_expires_at: Timestamp) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(TOUCH).bind(id.as_str()).bind(now.0).bind(idle_expires_at.0).execute(conn).await.map(drop))?;
    Ok(())
}

/// Notes that this account was chosen for a sealed request.
///
/// # Errors
/// When the database fails.
pub async fn choose(tx: &mut Tx, id: &SessionId, flow: &FlowId) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(CHOOSE).bind(id.as_str()).bind(flow.as_str()).execute(conn).await.map(drop))?;
    Ok(())
}

/// What ends with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// What the person asked for with it: they sign out, and what was given for use without them stays.
    SignOut,
    /// Everything that came of it: it was ended from elsewhere.
    Cut,
}

/// A session that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub id: SessionId,
    /// How many grants ended with it.
    pub grants: usize,
    /// The clients that had been noted for it ([`logout::note`](crate::logout::note)).
    pub clients: Vec<ClientId>,
    /// How many clients will be told by the queue.
    pub notices: u64,
}

/// Ends those of these sessions that are this person's, and with them their grants; puts a notice for each client that wants
/// to hear of it into the queue. The nodes are told once, last: whoever ends a grant locks it before the row of the
/// version, so that nobody waits in a circle.
///
/// # Errors
/// When the database fails.
pub async fn end(
    tx: &mut Tx,
    (ids, user): (&[SessionId], &UserId),
    ending: Ending,
    now: Timestamp,
) -> Result<Vec<Ended>> {
    let (mut gone, mut grants) = (Vec::new(), Vec::new());
    for id in ids {
        // Before the row goes, which takes what is known of its clients with it.
        let clients = logout::clients_of(tx, id).await?;
        let notices = if clients.is_empty() {
            0
        } else {
            logout::of_session(tx, (id, user), now).await?
        };
        let rows = on_tx!(tx, conn => sqlx::query(END).bind(id.as_str()).bind(user.as_str()).execute(conn).await.map(|done| done.rows_affected()))?;
        if rows > 0 {
            let ended = grant::end_of_session(tx, id, ending, now).await?;
            gone.push(Ended { id: id.clone(), grants: ended.len(), clients, notices });
            grants.extend(ended);
        }
    }
    grant::ended(tx, grants, now).await?;
    Ok(gone)
}

/// The ids of all sessions of a person but this one (an empty id: all).
///
/// # Errors
/// When the database fails.
pub async fn others(tx: &mut Tx, user: &UserId, keep: &str) -> Result<Vec<SessionId>> {
    let ids: Vec<String> =
        on_tx!(tx, conn => sqlx::query_scalar(OTHERS).bind(user.as_str()).bind(keep).fetch_all(conn).await)?;
    Ok(ids.into_iter().map(SessionId::from).collect())
}

/// Whether a session of a person is alive, and stays so until this transaction ends: whoever ends it waits, or was first.
///
/// # Errors
/// When the database fails.
pub async fn is_live(tx: &mut Tx, (id, user): (&SessionId, &UserId), now: Timestamp) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(HOLD)
        .bind(id.as_str()).bind(user.as_str()).bind(now.0).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}
