//! Certificates of people, the texts that they sign, and registrations by certificate that wait.
//!
//! A challenge belongs to one browser, one purpose and one request. A try spends an attempt before anything is verified; the
//! challenge itself is spent by one statement, once its signature was accepted.

use kabinet_core::certificate::{Holder, Linked, Numbers};
use kabinet_core::id::{CertificateId, ChallengeId, FlowId, UserId};
use kabinet_core::secret::TokenHash;
use kabinet_core::time::Timestamp;
use sqlx::FromRow;

use crate::{Db, Error, Result, Tx, json, on_db, on_tx, text};

macro_rules! challenge {
    () => {
        "id, purpose, binding_hash, flow_id, text, attempts_left, expires_at, used_at"
    };
}

macro_rules! certificate {
    () => {
        "id, user_id, holder, linked_at, used_at"
    };
}

crate::sql! {
    INSERT_CHALLENGE = "INSERT INTO challenges (id, purpose, binding_hash, flow_id, text, attempts_left, expires_at, keep_until) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    TRY = concat!("UPDATE challenges SET attempts_left = attempts_left - 1 WHERE id = $1 AND attempts_left > 0 RETURNING ", challenge!());
    CHALLENGE = concat!("SELECT ", challenge!(), " FROM challenges WHERE id = $1");
    SPEND = "UPDATE challenges SET used_at = $2 WHERE id = $1 AND used_at IS NULL";
    FORGET = "DELETE FROM challenges WHERE id = $1 AND used_at IS NOT NULL";
    FIND = concat!("SELECT ", certificate!(), " FROM certificates WHERE snils = $1 OR inn = $2 OR key_hash = $3");
    OF_USER = concat!("SELECT ", certificate!(), " FROM certificates WHERE user_id = $1 ORDER BY linked_at, id");
    LINK = "INSERT INTO certificates (id, user_id, snils, inn, key_hash, holder, linked_at, used_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    RENEW = "UPDATE certificates SET snils = COALESCE(snils, $2), inn = COALESCE(inn, $3), holder = $4 WHERE id = $1";
    USE = "UPDATE certificates SET used_at = $2 WHERE id = $1";
    UNLINK = "DELETE FROM certificates WHERE id = $1 AND user_id = $2";
    PUT_DRAFT = "INSERT INTO registration_drafts (key, data, expires_at) VALUES ($1, $2, $3) \
        ON CONFLICT (key) DO UPDATE SET data = excluded.data, expires_at = excluded.expires_at";
    DRAFT = "SELECT data FROM registration_drafts WHERE key = $1 AND expires_at > $2";
    DROP_DRAFT = "DELETE FROM registration_drafts WHERE key = $1";
}

/// A text to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Its id, the number in the text.
    pub id: ChallengeId,
    /// What the signature will do.
    pub purpose: String,
    /// The browser that asked, as the hash of its binding cookie.
    pub binding: TokenHash,
    /// The request that it was made for.
    pub flow: Option<FlowId>,
    /// What is signed, byte for byte.
    pub text: String,
    /// How many tries are left.
    pub attempts_left: i64,
    /// When it stops being good.
    pub expires_at: Timestamp,
    /// When its signature was accepted.
    pub used_at: Option<Timestamp>,
}

#[derive(FromRow)]
struct ChallengeRow {
    id: String,
    purpose: String,
    binding_hash: String,
    flow_id: Option<String>,
    text: String,
    attempts_left: i64,
    expires_at: i64,
    used_at: Option<i64>,
}

impl From<ChallengeRow> for Challenge {
    fn from(row: ChallengeRow) -> Self {
        Self {
            id: ChallengeId::from(row.id),
            purpose: row.purpose,
            binding: TokenHash::from(row.binding_hash),
            flow: row.flow_id.map(FlowId::from),
            text: row.text,
            attempts_left: row.attempts_left,
            expires_at: Timestamp(row.expires_at),
            used_at: row.used_at.map(Timestamp),
        }
    }
}

#[derive(FromRow)]
struct Row {
    id: String,
    user_id: String,
    holder: String,
    linked_at: i64,
    used_at: Option<i64>,
}

impl Row {
    fn read(self) -> Result<Linked> {
        Ok(Linked {
            id: CertificateId::from(self.id),
            user_id: UserId::from(self.user_id),
            holder: json("certificates", &self.holder)?,
            linked_at: Timestamp(self.linked_at),
            used_at: self.used_at.map(Timestamp),
        })
    }
}

/// Remembers a text that is to be signed.
///
/// # Errors
/// When the database fails.
pub async fn insert_challenge(tx: &mut Tx, new: &Challenge, keep_until: Timestamp) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(INSERT_CHALLENGE)
        .bind(new.id.as_str()).bind(&new.purpose).bind(new.binding.as_str()).bind(new.flow.as_ref().map(FlowId::as_str)).bind(&new.text)
        .bind(new.attempts_left).bind(new.expires_at.0).bind(keep_until.0).execute(conn).await.map(drop))?;
    Ok(())
}

/// Spends one try. `None`: no such challenge, or no try is left.
///
/// # Errors
/// When the database fails.
pub async fn try_challenge(tx: &mut Tx, id: &ChallengeId) -> Result<Option<Challenge>> {
    let row: Option<ChallengeRow> =
        on_tx!(tx, conn => sqlx::query_as(TRY).bind(id.as_str()).fetch_optional(conn).await)?;
    Ok(row.map(Challenge::from))
}

/// The challenge with this id, spent or not.
///
/// # Errors
/// When the database fails.
pub async fn challenge(db: &Db, id: &ChallengeId) -> Result<Option<Challenge>> {
    let row: Option<ChallengeRow> =
        on_db!(db, pool => sqlx::query_as(CHALLENGE).bind(id.as_str()).fetch_optional(pool).await)?;
    Ok(row.map(Challenge::from))
}

/// Spends a challenge whose signature was accepted; `false` when it was spent before.
///
/// # Errors
/// When the database fails.
pub async fn spend_challenge(tx: &mut Tx, id: &ChallengeId, now: Timestamp) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(SPEND)
        .bind(id.as_str()).bind(now.0).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Forgets a challenge that was spent, so that what its signature proved serves once; `false` when it did before.
///
/// # Errors
/// When the database fails.
pub async fn forget_challenge(tx: &mut Tx, id: &ChallengeId) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(FORGET)
        .bind(id.as_str()).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// The linked certificates that any of these numbers belongs to: more than one when the numbers contradict each other.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, numbers: Numbers<'_>) -> Result<Vec<Linked>> {
    let rows: Vec<Row> = on_db!(db, pool => sqlx::query_as(FIND)
        .bind(numbers.snils).bind(numbers.inn).bind(numbers.key).fetch_all(pool).await)?;
    rows.into_iter().map(Row::read).collect()
}

/// The same inside a transaction.
///
/// # Errors
/// When the database fails.
pub async fn find_in(tx: &mut Tx, numbers: Numbers<'_>) -> Result<Vec<Linked>> {
    let rows: Vec<Row> = on_tx!(tx, conn => sqlx::query_as(FIND)
        .bind(numbers.snils).bind(numbers.inn).bind(numbers.key).fetch_all(conn).await)?;
    rows.into_iter().map(Row::read).collect()
}

/// The certificates of an account, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn of_user(db: &Db, user: &UserId) -> Result<Vec<Linked>> {
    let rows: Vec<Row> = on_db!(db, pool => sqlx::query_as(OF_USER).bind(user.as_str()).fetch_all(pool).await)?;
    rows.into_iter().map(Row::read).collect()
}

/// The same inside a transaction.
///
/// # Errors
/// When the database fails.
pub async fn of_user_in(tx: &mut Tx, user: &UserId) -> Result<Vec<Linked>> {
    let rows: Vec<Row> = on_tx!(tx, conn => sqlx::query_as(OF_USER).bind(user.as_str()).fetch_all(conn).await)?;
    rows.into_iter().map(Row::read).collect()
}

/// Links a certificate to an account.
///
/// # Errors
/// [`Error::Taken`] when one of its numbers is linked already.
pub async fn link(tx: &mut Tx, new: &Linked) -> Result<()> {
    let (holder, numbers) = (text("certificates", &new.holder)?, new.holder.numbers());
    let done: std::result::Result<(), sqlx::Error> = on_tx!(tx, conn => sqlx::query(LINK)
        .bind(new.id.as_str()).bind(new.user_id.as_str()).bind(numbers.snils).bind(numbers.inn).bind(numbers.key).bind(holder)
        .bind(new.linked_at.0).bind(new.used_at.map(|at| at.0)).execute(conn).await.map(drop));
    match done.map_err(Error::from) {
        Err(error) if error.is_conflict() => Err(Error::Taken("certificate")),
        other => other,
    }
}

/// Notes what a newer certificate of the same person says.
///
/// # Errors
/// [`Error::Taken`] when a number that it has more belongs to somebody.
pub async fn renew(tx: &mut Tx, id: &CertificateId, holder: &Holder) -> Result<()> {
    let (kept, numbers) = (text("certificates", holder)?, holder.numbers());
    let done: std::result::Result<(), sqlx::Error> = on_tx!(tx, conn => sqlx::query(RENEW)
        .bind(id.as_str()).bind(numbers.snils).bind(numbers.inn).bind(kept).execute(conn).await.map(drop));
    match done.map_err(Error::from) {
        Err(error) if error.is_conflict() => Err(Error::Taken("certificate")),
        other => other,
    }
}

/// Notes a sign-in with a certificate; `false` when it is linked no more.
///
/// # Errors
/// When the database fails.
pub async fn note_use(tx: &mut Tx, id: &CertificateId, now: Timestamp) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(USE)
        .bind(id.as_str()).bind(now.0).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Takes a certificate from an account; `false` when it is not there.
///
/// # Errors
/// When the database fails.
pub async fn unlink(tx: &mut Tx, user: &UserId, id: &CertificateId) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(UNLINK)
        .bind(id.as_str()).bind(user.as_str()).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Keeps a registration for later, in place of the one before.
///
/// # Errors
/// When the database fails.
pub async fn put_draft(tx: &mut Tx, key: &str, data: &str, expires_at: Timestamp) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(PUT_DRAFT).bind(key).bind(data).bind(expires_at.0).execute(conn).await.map(drop))?;
    Ok(())
}

/// A registration that was kept for later.
///
/// # Errors
/// When the database fails.
pub async fn draft(db: &Db, key: &str, now: Timestamp) -> Result<Option<String>> {
    Ok(on_db!(db, pool => sqlx::query_scalar(DRAFT).bind(key).bind(now.0).fetch_optional(pool).await)?)
}

/// Forgets a registration that was kept for later.
///
/// # Errors
/// When the database fails.
pub async fn drop_draft(tx: &mut Tx, key: &str) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(DROP_DRAFT).bind(key).execute(conn).await.map(drop))?;
    Ok(())
}
