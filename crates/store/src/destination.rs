//! Codes sent to and entered from ranges of phone numbers and countries (`kabinet_core::destination`).
//!
//! A code counts for its range and its country in one statement, always in this order, so that two transactions cannot wait
//! for each other. A row ends with its window and is swept; there are no more rows than codes were sent.

use kabinet_core::destination::Tally;
use kabinet_core::time::Timestamp;

use crate::{Result, Tx, on_tx};

crate::sql! {
    SENT = "INSERT INTO destinations (name, sent, entered, closed, ends_at) VALUES ($1, 1, 0, FALSE, $4), ($2, 1, 0, FALSE, $4) \
        ON CONFLICT (name) DO UPDATE SET \
        sent = CASE WHEN destinations.ends_at > $3 THEN destinations.sent + 1 ELSE 1 END, \
        entered = CASE WHEN destinations.ends_at > $3 THEN destinations.entered ELSE 0 END, \
        closed = CASE WHEN destinations.ends_at > $3 THEN destinations.closed ELSE FALSE END, \
        ends_at = CASE WHEN destinations.ends_at > $3 THEN destinations.ends_at ELSE excluded.ends_at END \
        RETURNING name, sent, entered, closed, ends_at";
    ENTERED = "INSERT INTO destinations (name, sent, entered, closed, ends_at) VALUES ($1, 0, 0, FALSE, $3), ($2, 0, 0, FALSE, $3) \
        ON CONFLICT (name) DO UPDATE SET entered = destinations.entered + 1";
    CLOSE = "UPDATE destinations SET closed = TRUE, ends_at = $2 WHERE name = $1 AND closed = FALSE";
}

/// The range and the country of a phone, by their names.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// The number without its last four digits.
    pub range: &'a str,
    /// The country.
    pub country: &'a str,
}

/// Counts a code that is being sent in windows of `seconds`; what is counted now for the range and for the country. A
/// transaction that is rolled back has not counted.
///
/// # Errors
/// When the database fails.
pub async fn sent(tx: &mut Tx, names: Names<'_>, now: Timestamp, seconds: i64) -> Result<[Tally; 2]> {
    let rows: Vec<(String, i64, i64, bool, i64)> = on_tx!(tx, conn => sqlx::query_as(SENT)
        .bind(names.range).bind(names.country).bind(now.0).bind(now.plus(seconds).0).fetch_all(conn).await)?;
    let none = Tally {
        sent: 1,
        entered: 0,
        closed: false,
        ends_at: now.plus(seconds),
    };
    let of = |name: &str| {
        let row = rows.iter().find(|row| row.0 == name);
        row.map_or(none, |&(_, sent, entered, closed, ends_at)| Tally {
            sent,
            entered,
            closed,
            ends_at: Timestamp(ends_at),
        })
    };
    Ok([of(names.range), of(names.country)])
}

/// Counts a code that was entered. One whose window is over counts for nothing.
///
/// # Errors
/// When the database fails.
pub async fn entered(tx: &mut Tx, names: Names<'_>, now: Timestamp) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(ENTERED).bind(names.range).bind(names.country).bind(now.0).execute(conn).await.map(drop))?;
    Ok(())
}

/// Closes a destination until `until`; `false` when it is closed already.
///
/// # Errors
/// When the database fails.
pub async fn close(tx: &mut Tx, name: &str, until: Timestamp) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(CLOSE).bind(name).bind(until.0).execute(conn).await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}
