//! Messages on their way to people: the queue, and afterwards the log of what was sent.
//!
//! ```text
//! queued ─▶ sending ─▶ sent ─▶ delivered | failed   (as the gateway reports)
//!    ▲         ├─▶ queued    (another attempt)
//!    │         └─▶ failed    (no route took it)
//!    └─ also when a sender died: its lease is `due_at`
//! queued ─▶ expired            withheld: written for nobody, so that nobody can tell
//! ```
//!
//! A message is taken for sending by one statement that sets the end of the lease, so two nodes never hold one at the
//! same time; a node that dies gives it back by its lease ending. The body is gone in every state but the first two.

use kabinet_core::id::{ConfirmationId, MessageId};
use kabinet_core::time::Timestamp;
use sqlx::FromRow;

use crate::{Db, Result, Tx, on_db, on_tx};

crate::sql! {
    INSERT = "INSERT INTO messages (id, channel, purpose, recipient, recipient_key, about, body, state, route, reference, reason, \
        attempts, cost, created_at, due_at, expires_at, keep_until) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', '', '', 0, 0, $9, $9, $10, $11)";
    SUPERSEDE = "UPDATE messages SET state = 'expired', body = NULL, settled_at = $2 WHERE about = $1 AND state = 'queued'";
    NEXT_DUE = "SELECT MIN(due_at) FROM messages WHERE state IN ('queued', 'sending')";
    TAKE = "UPDATE messages SET state = 'sending', attempts = attempts + 1, due_at = $2 WHERE id IN \
        (SELECT m.id FROM messages m WHERE m.state IN ('queued', 'sending') AND m.due_at <= $1 AND m.expires_at > $1 \
        ORDER BY m.due_at, m.id LIMIT $3) AND state IN ('queued', 'sending') AND due_at <= $1 \
        RETURNING id, channel, purpose, body, route, attempts, created_at, expires_at";
    EXPIRE = "UPDATE messages SET state = 'expired', body = NULL, settled_at = $1 WHERE id IN \
        (SELECT m.id FROM messages m WHERE m.state IN ('queued', 'sending') AND m.due_at <= $1 AND m.expires_at <= $1 LIMIT 500) \
        AND state IN ('queued', 'sending')";
    SETTLE = "UPDATE messages SET state = $2, route = $3, reference = $4, reason = $5, cost = $6, settled_at = $7, body = NULL \
        WHERE id = $1 AND state = 'sending'";
    AGAIN = "UPDATE messages SET state = 'queued', route = $2, reason = $3, due_at = $4 WHERE id = $1 AND state = 'sending'";
    REPORT = "UPDATE messages SET state = $3, settled_at = $4 WHERE route = $1 AND reference = $2 AND state = 'sent'";
    STATE_OF = "SELECT state FROM messages WHERE about = $1 ORDER BY created_at DESC, id DESC LIMIT 1";
    WAITING = "SELECT COUNT(*), MIN(created_at) FROM messages WHERE state IN ('queued', 'sending')";
    IN_HAND = "SELECT COUNT(*) FROM messages WHERE (state = 'sending' AND due_at <= $2) OR (state = 'queued' AND due_at <= $1)";
    RECENT = "SELECT id, channel, purpose, recipient, state, route, reason, attempts, cost, created_at, settled_at FROM messages \
        WHERE (recipient_key = $1 OR $1 = '') AND (state = $2 OR $2 = '') ORDER BY created_at DESC, id DESC LIMIT $3";
    RESERVE = "INSERT INTO delivery_spend (day, kopecks, expires_at) VALUES ($1, $2, $3) ON CONFLICT (day) DO UPDATE SET \
        kopecks = delivery_spend.kopecks + excluded.kopecks WHERE delivery_spend.kopecks + excluded.kopecks <= $4 RETURNING kopecks";
    CORRECT = "UPDATE delivery_spend SET kopecks = kopecks + $2 WHERE day = $1";
    SPENT = "SELECT kopecks FROM delivery_spend WHERE day = $1";
}

/// Where a message is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits for an attempt.
    Queued,
    /// Somebody is sending it.
    Sending,
    /// A gateway or mail server has it.
    Sent,
    /// The gateway reports that it arrived.
    Delivered,
    /// No route took it, or the gateway reports that it did not arrive.
    Failed,
    /// It was not sent while it was worth something, or another one took its place.
    Expired,
    /// It was written for nobody and never goes out.
    Withheld,
}

impl State {
    const ALL: [Self; 7] = [
        Self::Queued,
        Self::Sending,
        Self::Sent,
        Self::Delivered,
        Self::Failed,
        Self::Expired,
        Self::Withheld,
    ];

    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Withheld => "withheld",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// A new message.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Its id.
    pub id: MessageId,
    /// `sms` or `email`.
    pub channel: &'static str,
    /// What for.
    pub purpose: &'static str,
    /// Where to, masked.
    pub recipient: String,
    /// Where to, as a keyed digest.
    pub recipient_key: String,
    /// The confirmation whose code it holds.
    pub about: Option<ConfirmationId>,
    /// Where to, the code and the text, sealed; `None`: for nobody.
    pub body: Option<String>,
    /// When it was written.
    pub at: Timestamp,
    /// From when on it has no worth.
    pub expires_at: Timestamp,
    /// How long the log keeps it.
    pub keep_until: Timestamp,
}

/// A message that this caller alone may send until its lease ends.
#[derive(Clone, Debug, FromRow)]
pub struct Taken {
    /// Its id.
    pub id: String,
    /// `sms` or `email`.
    pub channel: String,
    /// What for.
    pub purpose: String,
    /// Where to, the code and the text, sealed.
    pub body: Option<String>,
    /// The route to ask; empty: the first.
    pub route: String,
    /// Attempts, this one included.
    pub attempts: i64,
    /// When it was written.
    pub created_at: i64,
    /// From when on it has no worth.
    pub expires_at: i64,
}

/// How a message ended.
#[derive(Clone, Debug)]
pub struct Settled {
    /// [`State::Sent`] or [`State::Failed`].
    pub state: State,
    /// The route that took it or was asked last.
    pub route: String,
    /// The gateway's id of it.
    pub reference: String,
    /// Why it failed, for operators: no contact, no code.
    pub reason: String,
    /// What it cost, in kopecks.
    pub cost: i64,
}

/// A line of the log.
#[derive(Clone, Debug, FromRow)]
pub struct Line {
    /// The message's id.
    pub id: String,
    /// `sms` or `email`.
    pub channel: String,
    /// What for.
    pub purpose: String,
    /// Where to, masked.
    pub recipient: String,
    /// See [`State`].
    pub state: String,
    /// The route that took it or is asked next.
    pub route: String,
    /// Why the last attempt failed.
    pub reason: String,
    /// Attempts so far.
    pub attempts: i64,
    /// What it cost, in kopecks.
    pub cost: i64,
    /// When it was written.
    pub created_at: i64,
    /// When it left the queue.
    pub settled_at: Option<i64>,
}

/// Puts a message into the queue, inside the transaction that makes it true.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Tx, new: &NewMessage) -> Result<()> {
    let state = if new.body.is_some() { State::Queued } else { State::Withheld };
    on_tx!(tx, conn => sqlx::query(INSERT)
        .bind(new.id.as_str()).bind(new.channel).bind(new.purpose).bind(&new.recipient).bind(&new.recipient_key)
        .bind(new.about.as_ref().map(ConfirmationId::as_str)).bind(&new.body).bind(state.as_str())
        .bind(new.at.0).bind(new.expires_at.0).bind(new.keep_until.0).execute(conn).await.map(drop))?;
    Ok(())
}

/// Takes what still waits with a code of this confirmation out of the queue: another code takes its place.
///
/// # Errors
/// When the database fails.
pub async fn supersede(tx: &mut Tx, about: &ConfirmationId, now: Timestamp) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(SUPERSEDE).bind(about.as_str()).bind(now.0).execute(conn).await.map(drop))?;
    Ok(())
}

/// When the next message is due.
///
/// # Errors
/// When the database fails.
pub async fn next_due(db: &Db) -> Result<Option<Timestamp>> {
    let due: Option<i64> = on_db!(db, pool => sqlx::query_scalar(NEXT_DUE).fetch_one(pool).await)?;
    Ok(due.map(Timestamp))
}

/// Takes up to `most` messages that are due, for this caller alone until `lease`.
///
/// # Errors
/// When the database fails.
pub async fn take(tx: &mut Tx, now: Timestamp, lease: Timestamp, most: i64) -> Result<Vec<Taken>> {
    Ok(on_tx!(tx, conn => sqlx::query_as(TAKE).bind(now.0).bind(lease.0).bind(most).fetch_all(conn).await)?)
}

/// Erases the bodies of messages that were not sent in time; how many.
///
/// # Errors
/// When the database fails.
pub async fn expire(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    Ok(on_tx!(tx, conn => sqlx::query(EXPIRE).bind(now.0).execute(conn).await.map(|done| done.rows_affected()))?)
}

/// Notes how a message that was taken has ended, and erases its body.
///
/// # Errors
/// When the database fails.
pub async fn settle(tx: &mut Tx, id: &str, end: &Settled, now: Timestamp) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(SETTLE)
        .bind(id).bind(end.state.as_str()).bind(&end.route).bind(&end.reference).bind(&end.reason).bind(end.cost)
        .bind(now.0).execute(conn).await.map(drop))?;
    Ok(())
}

/// Gives a message that was taken back to the queue, for `route` at `due`.
///
/// # Errors
/// When the database fails.
pub async fn again(tx: &mut Tx, id: &str, (route, reason): (&str, &str), due: Timestamp) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(AGAIN)
        .bind(id).bind(route).bind(reason).bind(due.0).execute(conn).await.map(drop))?;
    Ok(())
}

/// Notes what a gateway reports of a message that it took: [`State::Delivered`] or [`State::Failed`]; `false` when there is
/// no such message or its end is known.
///
/// # Errors
/// When the database fails.
pub async fn report(tx: &mut Tx, (route, reference): (&str, &str), state: State, now: Timestamp) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(REPORT)
        .bind(route).bind(reference).bind(state.as_str()).bind(now.0).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// The state of the newest message of a confirmation.
///
/// # Errors
/// When the database fails.
pub async fn state_of(db: &Db, about: &ConfirmationId) -> Result<Option<State>> {
    let name: Option<String> =
        on_db!(db, pool => sqlx::query_scalar(STATE_OF).bind(about.as_str()).fetch_optional(pool).await)?;
    Ok(name.and_then(|name| State::parse(&name)))
}

/// How many messages wait, and since when the oldest of them.
///
/// # Errors
/// When the database fails.
pub async fn waiting(db: &Db) -> Result<(i64, Option<Timestamp>)> {
    let (count, since): (i64, Option<i64>) = on_db!(db, pool => sqlx::query_as(WAITING).fetch_one(pool).await)?;
    Ok((count, since.map(Timestamp)))
}

/// How many messages are being sent under a lease that ends by `lease`, or are due.
///
/// # Errors
/// When the database fails.
pub async fn in_hand(db: &Db, now: Timestamp, lease: Timestamp) -> Result<i64> {
    Ok(on_db!(db, pool => sqlx::query_scalar(IN_HAND).bind(now.0).bind(lease.0).fetch_one(pool).await)?)
}

/// The newest lines of the log, at most `most`; of one recipient and in one state where these are given.
///
/// # Errors
/// When the database fails.
pub async fn recent(db: &Db, recipient_key: &str, state: Option<State>, most: i64) -> Result<Vec<Line>> {
    let state = state.map_or("", State::as_str);
    Ok(on_db!(db, pool => sqlx::query_as(RECENT).bind(recipient_key).bind(state).bind(most).fetch_all(pool).await)?)
}

/// Sets kopecks of a day aside; `false` when the day would cost more than `most`, and then nothing is set aside.
///
/// # Errors
/// When the database fails.
pub async fn reserve(tx: &mut Tx, day: i64, kopecks: i64, most: i64) -> Result<bool> {
    if kopecks > most {
        return Ok(false);
    }
    let expires = (day + 32) * 86_400;
    let total: Option<i64> = on_tx!(tx, conn => sqlx::query_scalar(RESERVE)
        .bind(day).bind(kopecks).bind(expires).bind(most).fetch_optional(conn).await)?;
    Ok(total.is_some())
}

/// Adds to, or with a negative number takes from, what a day cost.
///
/// # Errors
/// When the database fails.
pub async fn correct(tx: &mut Tx, day: i64, kopecks: i64) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(CORRECT).bind(day).bind(kopecks).execute(conn).await.map(drop))?;
    Ok(())
}

/// What a day cost so far, in kopecks.
///
/// # Errors
/// When the database fails.
pub async fn spent(db: &Db, day: i64) -> Result<i64> {
    let spent: Option<i64> = on_db!(db, pool => sqlx::query_scalar(SPENT).bind(day).fetch_optional(pool).await)?;
    Ok(spent.unwrap_or(0))
}
