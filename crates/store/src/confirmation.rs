//! Confirmation codes on their way to a phone or an e-mail address.
//!
//! One row is one attempt of one browser to prove one contact for one purpose. A try spends an attempt and compares in
//! the same statement; a right code is accepted once. A new code replaces the old one, so only the newest is good.

use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::id::ConfirmationId;
use kabinet_core::secret::TokenHash;
use kabinet_core::time::Timestamp;
use sqlx::FromRow;

use crate::{Db, Result, Tx, on_db, on_tx};

macro_rules! columns {
    () => {
        "id, purpose, contact_kind, contact_value, binding_hash, payload, attempts_left, sends, sent_at, expires_at, used_at"
    };
}

crate::sql! {
    INSERT = "INSERT INTO confirmations (id, purpose, contact_kind, contact_value, binding_hash, code_hash, payload, attempts_left, \
        sends, sent_at, expires_at, keep_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10, $11)";
    BY_ID = concat!("SELECT ", columns!(), " FROM confirmations WHERE id = $1 AND keep_until > $2");
    SPEND = concat!("UPDATE confirmations SET attempts_left = attempts_left - 1, used_at = CASE WHEN code_hash = $2 THEN CAST($3 AS BIGINT) END \
        WHERE id = $1 AND binding_hash = $4 AND used_at IS NULL AND attempts_left > 0 AND expires_at > $3 \
        AND NOT EXISTS (SELECT 1 FROM throttles WHERE key = $5 AND failures >= $6 AND throttles.expires_at > $3) RETURNING ", columns!());
    RESEND = "UPDATE confirmations SET code_hash = $2, attempts_left = $3, sends = sends + 1, sent_at = $4, expires_at = $5, keep_until = $6 \
        WHERE id = $1 AND used_at IS NULL AND sends = $7";
}

/// A confirmation as it is remembered, without the code.
#[derive(Clone, Debug)]
pub struct Confirmation {
    /// Its id; stands in the page's URL.
    pub id: ConfirmationId,
    /// What it is for: `register`, …
    pub purpose: String,
    /// Where the code went.
    pub contact: Contact,
    /// The browser that asked, as the hash of its binding cookie.
    pub binding: TokenHash,
    /// What happens when it is confirmed, sealed.
    pub payload: String,
    /// How many tries are left.
    pub attempts_left: i64,
    /// How many codes were sent.
    pub sends: i64,
    /// When the last one was sent.
    pub sent_at: Timestamp,
    /// When the last one stops being good.
    pub expires_at: Timestamp,
    /// When it was confirmed.
    pub used_at: Option<Timestamp>,
}

#[derive(FromRow)]
struct Row {
    id: String,
    purpose: String,
    contact_kind: String,
    contact_value: String,
    binding_hash: String,
    payload: String,
    attempts_left: i64,
    sends: i64,
    sent_at: i64,
    expires_at: i64,
    used_at: Option<i64>,
}

impl From<Row> for Confirmation {
    fn from(row: Row) -> Self {
        let kind = if row.contact_kind == "phone" {
            ContactKind::Phone
        } else {
            ContactKind::Email
        };
        Self {
            id: ConfirmationId::from(row.id),
            purpose: row.purpose,
            contact: Contact::stored(kind, row.contact_value),
            binding: TokenHash::from(row.binding_hash),
            payload: row.payload,
            attempts_left: row.attempts_left,
            sends: row.sends,
            sent_at: Timestamp(row.sent_at),
            expires_at: Timestamp(row.expires_at),
            used_at: row.used_at.map(Timestamp),
        }
    }
}

/// Remembers a confirmation whose first code is being sent. `code`: a keyed digest of the code, bound to the id.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Tx, new: &Confirmation, code: &str, keep_until: Timestamp) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(INSERT)
        .bind(new.id.as_str()).bind(&new.purpose).bind(new.contact.kind().as_str()).bind(new.contact.value())
        .bind(new.binding.as_str()).bind(code).bind(&new.payload).bind(new.attempts_left).bind(new.sent_at.0)
        .bind(new.expires_at.0).bind(keep_until.0).execute(conn).await.map(drop))?;
    Ok(())
}

/// The confirmation with this id, also when its code has expired or was used.
///
/// # Errors
/// When the database fails.
pub async fn by_id(db: &Db, id: &ConfirmationId, now: Timestamp) -> Result<Option<Confirmation>> {
    let row: Option<Row> =
        on_db!(db, pool => sqlx::query_as(BY_ID).bind(id.as_str()).bind(now.0).fetch_optional(pool).await)?;
    Ok(row.map(Confirmation::from))
}

/// One try of a code.
#[derive(Clone, Copy, Debug)]
pub struct Guess<'a> {
    /// The confirmation.
    pub id: &'a ConfirmationId,
    /// Keyed digest of what was typed.
    pub code: &'a str,
    /// The browser that tries.
    pub binding: &'a TokenHash,
    /// The counter of wrong tries that this one is held against.
    pub counter: &'a str,
    /// How many wrong tries it allows.
    pub most: i64,
}

/// Spends one try of this browser and compares the code in the same statement, so that any number of parallel guesses
/// gets no more tries than there are. `used_at` of the answer is set: the code was right, and is accepted this once; not
/// set: it was wrong. `None`: no try was left, or the code had expired, was used before or is another browser's, or its
/// contact has had its wrong tries.
///
/// # Errors
/// When the database fails.
pub async fn spend(tx: &mut Tx, guess: &Guess<'_>, now: Timestamp) -> Result<Option<Confirmation>> {
    let row: Option<Row> = on_tx!(tx, conn => sqlx::query_as(SPEND)
        .bind(guess.id.as_str()).bind(guess.code).bind(now.0).bind(guess.binding.as_str()).bind(guess.counter).bind(guess.most)
        .fetch_optional(conn).await)?;
    Ok(row.map(Confirmation::from))
}

/// A new code in place of the old one.
#[derive(Clone, Debug)]
pub struct NewCode {
    /// Keyed digest of the code.
    pub code: String,
    /// Tries that it allows.
    pub attempts: i64,
    /// Now.
    pub sent_at: Timestamp,
    /// When it stops being good.
    pub expires_at: Timestamp,
    /// How long to keep the row.
    pub keep_until: Timestamp,
    /// How many were sent before: decides between two that press the button at once.
    pub sends: i64,
}

/// Replaces the code; `false` when another request was faster or it was confirmed already.
///
/// # Errors
/// When the database fails.
pub async fn resend(tx: &mut Tx, id: &ConfirmationId, new: &NewCode) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(RESEND)
        .bind(id.as_str()).bind(&new.code).bind(new.attempts).bind(new.sent_at.0).bind(new.expires_at.0).bind(new.keep_until.0)
        .bind(new.sends).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}
