//! Ways back into an account, and changes of hands that wait.
//!
//! A recovery belongs to the browser that entered the right code and is spent once. A handover is open until it is
//! ended: by being carried out, or by a sign-in of whoever holds the account.

use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::id::{HandoverId, RecoveryId, UserId};
use kabinet_core::secret::TokenHash;
use kabinet_core::time::Timestamp;
use sqlx::FromRow;

use crate::{Db, Error, Result, Tx, on_db, on_tx};

macro_rules! recovery {
    () => {
        "id, user_id, contact_kind, contact_value, binding_hash, stage, expires_at"
    };
}

macro_rules! handover {
    () => {
        "id, kind, user_id, contact_kind, contact_value, due_at, expires_at"
    };
}

crate::sql! {
    INSERT = concat!("INSERT INTO recoveries (", recovery!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7)");
    LIVE = concat!("SELECT ", recovery!(), " FROM recoveries WHERE id = $1 AND binding_hash = $2 AND used_at IS NULL AND expires_at > $3");
    SPEND = concat!("UPDATE recoveries SET used_at = $4 WHERE id = $1 AND binding_hash = $2 AND stage = $3 AND used_at IS NULL \
        AND expires_at > $4 RETURNING ", recovery!());
    CLOSE = "UPDATE recoveries SET used_at = $2 WHERE user_id = $1 AND used_at IS NULL";
    PROMOTE = concat!("UPDATE recoveries SET stage = 'ready' WHERE id = $1 AND binding_hash = $2 AND user_id = $3 AND stage = 'second' \
        AND used_at IS NULL AND expires_at > $4 RETURNING ", recovery!());
    BEGIN = "INSERT INTO handovers (id, kind, user_id, contact_kind, contact_value, begun_at, due_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
    OPEN = concat!("SELECT ", handover!(), " FROM handovers WHERE kind = $1 AND user_id = $2 AND contact_kind = $3 AND contact_value = $4 \
        AND ended_at IS NULL AND expires_at > $5");
    DUE = concat!("SELECT ", handover!(), " FROM handovers WHERE kind = $1 AND ended_at IS NULL AND due_at <= $2 AND expires_at > $2 \
        ORDER BY due_at LIMIT 100");
    END = "UPDATE handovers SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL";
    END_OF_USER = "UPDATE handovers SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL";
}

/// How far a recovery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The password may be set.
    Ready,
    /// The contact alone is not enough.
    Second,
    /// Somebody tried to register a contact that has an account: nothing may be set, the contact may be disowned.
    Registered,
}

impl Stage {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Second => "second",
            Self::Registered => "registered",
        }
    }
}

/// What a right code opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Its id; stands in the page's URL.
    pub id: RecoveryId,
    /// Whose account.
    pub user_id: UserId,
    /// The contact that was proven.
    pub contact: Contact,
    /// The browser that proved it.
    pub binding: TokenHash,
    /// How far it has come.
    pub stage: Stage,
    /// When it is over.
    pub expires_at: Timestamp,
}

/// What waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandoverKind {
    /// To set a new password by a phone that was not proven for long.
    Recover,
    /// To take a contact from the account.
    Detach,
}

impl HandoverKind {
    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recover => "recover",
            Self::Detach => "detach",
        }
    }
}

/// A change that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handover {
    /// Its id.
    pub id: HandoverId,
    /// What will happen.
    pub kind: HandoverKind,
    /// Whose account.
    pub user_id: UserId,
    /// The contact that was proven.
    pub contact: Contact,
    /// When it may happen.
    pub due_at: Timestamp,
    /// When it is void.
    pub expires_at: Timestamp,
}

#[derive(FromRow)]
struct RecoveryRow {
    id: String,
    user_id: String,
    contact_kind: String,
    contact_value: String,
    binding_hash: String,
    stage: String,
    expires_at: i64,
}

impl TryFrom<RecoveryRow> for Recovery {
    type Error = Error;

    fn try_from(row: RecoveryRow) -> Result<Self> {
        let stages = [Stage::Ready, Stage::Second, Stage::Registered];
        Ok(Self {
            stage: stages
                .into_iter()
                .find(|stage| stage.as_str() == row.stage)
                .ok_or_else(|| inconsistent("recoveries", "stage"))?,
            contact: contact("recoveries", &row.contact_kind, row.contact_value)?,
            id: RecoveryId::from(row.id),
            user_id: UserId::from(row.user_id),
            binding: TokenHash::from(row.binding_hash),
            expires_at: Timestamp(row.expires_at),
        })
    }
}

#[derive(FromRow)]
struct HandoverRow {
    id: String,
    kind: String,
    user_id: String,
    contact_kind: String,
    contact_value: String,
    due_at: i64,
    expires_at: i64,
}

impl TryFrom<HandoverRow> for Handover {
    type Error = Error;

    fn try_from(row: HandoverRow) -> Result<Self> {
        let kinds = [HandoverKind::Recover, HandoverKind::Detach];
        Ok(Self {
            kind: kinds
                .into_iter()
                .find(|kind| kind.as_str() == row.kind)
                .ok_or_else(|| inconsistent("handovers", "kind"))?,
            contact: contact("handovers", &row.contact_kind, row.contact_value)?,
            id: HandoverId::from(row.id),
            user_id: UserId::from(row.user_id),
            due_at: Timestamp(row.due_at),
            expires_at: Timestamp(row.expires_at),
        })
    }
}

fn contact(table: &'static str, kind: &str, value: String) -> Result<Contact> {
    let kind = ContactKind::parse(kind).ok_or_else(|| inconsistent(table, "contact_kind"))?;
    Ok(Contact::stored(kind, value))
}

fn inconsistent(table: &'static str, column: &str) -> Error {
    Error::Inconsistent { table, detail: column.to_owned() }
}

/// Remembers what a right code opened.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Tx, new: &Recovery) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(INSERT)
        .bind(new.id.as_str()).bind(new.user_id.as_str()).bind(new.contact.kind().as_str()).bind(new.contact.value())
        .bind(new.binding.as_str()).bind(new.stage.as_str()).bind(new.expires_at.0).execute(conn).await.map(drop))?;
    Ok(())
}

/// The recovery with this id, if it is this browser's, not over and not spent.
///
/// # Errors
/// When the database fails.
pub async fn live(db: &Db, id: &RecoveryId, binding: &TokenHash, now: Timestamp) -> Result<Option<Recovery>> {
    let row: Option<RecoveryRow> = on_db!(db, pool => sqlx::query_as(LIVE)
        .bind(id.as_str()).bind(binding.as_str()).bind(now.0).fetch_optional(pool).await)?;
    row.map(Recovery::try_from).transpose()
}

/// Spends a live recovery of this browser that stands at `stage`, once.
///
/// # Errors
/// When the database fails.
pub async fn spend(
    tx: &mut Tx,
    id: &RecoveryId,
    binding: &TokenHash,
    stage: Stage,
    now: Timestamp,
) -> Result<Option<Recovery>> {
    let row: Option<RecoveryRow> = on_tx!(tx, conn => sqlx::query_as(SPEND)
        .bind(id.as_str()).bind(binding.as_str()).bind(stage.as_str()).bind(now.0).fetch_optional(conn).await)?;
    row.map(Recovery::try_from).transpose()
}

/// Lets a recovery go on after its second proof, which must be of the same person and browser.
///
/// # Errors
/// When the database fails.
pub async fn promote(
    tx: &mut Tx,
    id: &RecoveryId,
    binding: &TokenHash,
    user: &UserId,
    now: Timestamp,
) -> Result<Option<Recovery>> {
    let row: Option<RecoveryRow> = on_tx!(tx, conn => sqlx::query_as(PROMOTE)
        .bind(id.as_str()).bind(binding.as_str()).bind(user.as_str()).bind(now.0).fetch_optional(conn).await)?;
    row.map(Recovery::try_from).transpose()
}

/// Closes every open recovery of an account.
///
/// # Errors
/// When the database fails.
pub async fn close(tx: &mut Tx, user: &UserId, now: Timestamp) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(CLOSE).bind(user.as_str()).bind(now.0).execute(conn).await.map(drop))?;
    Ok(())
}

/// Begins to wait; `false` when the same wait is open already.
///
/// # Errors
/// When the database fails.
pub async fn begin_handover(tx: &mut Tx, new: &Handover, now: Timestamp) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(BEGIN)
        .bind(new.id.as_str()).bind(new.kind.as_str()).bind(new.user_id.as_str()).bind(new.contact.kind().as_str())
        .bind(new.contact.value()).bind(now.0).bind(new.due_at.0).bind(new.expires_at.0)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// The open wait of this kind for a contact of a person.
///
/// # Errors
/// When the database fails.
pub async fn open_handover(
    db: &Db,
    kind: HandoverKind,
    user: &UserId,
    contact: &Contact,
    now: Timestamp,
) -> Result<Option<Handover>> {
    let row: Option<HandoverRow> = on_db!(db, pool => sqlx::query_as(OPEN)
        .bind(kind.as_str()).bind(user.as_str()).bind(contact.kind().as_str()).bind(contact.value()).bind(now.0)
        .fetch_optional(pool).await)?;
    row.map(Handover::try_from).transpose()
}

/// The same inside a transaction.
///
/// # Errors
/// When the database fails.
pub async fn open_handover_in(
    tx: &mut Tx,
    kind: HandoverKind,
    user: &UserId,
    contact: &Contact,
    now: Timestamp,
) -> Result<Option<Handover>> {
    let row: Option<HandoverRow> = on_tx!(tx, conn => sqlx::query_as(OPEN)
        .bind(kind.as_str()).bind(user.as_str()).bind(contact.kind().as_str()).bind(contact.value()).bind(now.0)
        .fetch_optional(conn).await)?;
    row.map(Handover::try_from).transpose()
}

/// What of this kind has waited long enough, the oldest first, a hundred at most.
///
/// # Errors
/// When the database fails.
pub async fn due(db: &Db, kind: HandoverKind, now: Timestamp) -> Result<Vec<Handover>> {
    let rows: Vec<HandoverRow> =
        on_db!(db, pool => sqlx::query_as(DUE).bind(kind.as_str()).bind(now.0).fetch_all(pool).await)?;
    rows.into_iter().map(Handover::try_from).collect()
}

/// Ends a wait; `false` when it was ended before.
///
/// # Errors
/// When the database fails.
pub async fn end_handover(tx: &mut Tx, id: &HandoverId, now: Timestamp) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(END).bind(id.as_str()).bind(now.0)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Ends every open wait for a person's account. How many.
///
/// # Errors
/// When the database fails.
pub async fn end_handovers(tx: &mut Tx, user: &UserId, now: Timestamp) -> Result<u64> {
    Ok(on_tx!(tx, conn => sqlx::query(END_OF_USER).bind(user.as_str()).bind(now.0)
        .execute(conn).await.map(|done| done.rows_affected()))?)
}
