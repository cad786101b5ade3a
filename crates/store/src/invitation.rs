//! Invitations on their way to a phone or an e-mail address.
//!
//! ```text
//! insert ─▶ pending ─▶ accept: used, once, with the account that it led to
//!              ├─ attempt: a wrong code spends a try of every one that waits for the contact
//!              └─ replace, withdraw, or the time is over (kept for a while, then swept)
//! ```
//!
//! Accepting and trying are one statement each.

use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::id::{ClientId, InvitationId, UserId};
use kabinet_core::invitation::Invitation;
use kabinet_core::time::Timestamp;
use sqlx::FromRow;

use crate::{Db, Error, Result, Tx, json, on_db, on_tx, text};

macro_rules! columns {
    () => {
        "id, inviter_id, contact_kind, contact_value, code_hash, detail, attempts_left, created_at, expires_at, used_at, withdrawn_at, \
         user_id, request_hash"
    };
}

crate::sql! {
    INSERT = "INSERT INTO invitations (id, inviter_id, contact_kind, contact_value, code_hash, detail, attempts_left, created_at, \
        expires_at, keep_until, request_key, request_hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    BY_ID = concat!("SELECT ", columns!(), " FROM invitations WHERE id = $1");
    BY_REQUEST = concat!("SELECT ", columns!(), " FROM invitations WHERE inviter_id = $1 AND request_key = $2");
    EVERY = concat!("SELECT ", columns!(), " FROM invitations ORDER BY created_at DESC, id DESC LIMIT 1000");
    ATTEMPT = concat!("UPDATE invitations SET attempts_left = attempts_left - 1 WHERE contact_kind = $1 AND contact_value = $2 \
        AND used_at IS NULL AND withdrawn_at IS NULL AND attempts_left > 0 AND expires_at > $3 RETURNING ", columns!());
    ACCEPT = concat!("UPDATE invitations SET used_at = $2, user_id = $3 WHERE id = $1 AND used_at IS NULL AND withdrawn_at IS NULL \
        AND expires_at > $4 RETURNING ", columns!());
    REPLACE = "UPDATE invitations SET withdrawn_at = $4 WHERE COALESCE(inviter_id, '') = $1 AND contact_kind = $2 AND contact_value = $3 \
        AND used_at IS NULL AND withdrawn_at IS NULL RETURNING id";
    WITHDRAW = "UPDATE invitations SET withdrawn_at = $2 WHERE id = $1 AND used_at IS NULL AND withdrawn_at IS NULL RETURNING id";
}

#[derive(FromRow)]
struct Row {
    id: String,
    inviter_id: Option<String>,
    contact_kind: String,
    contact_value: String,
    code_hash: String,
    detail: String,
    attempts_left: i64,
    created_at: i64,
    expires_at: i64,
    used_at: Option<i64>,
    withdrawn_at: Option<i64>,
    user_id: Option<String>,
    request_hash: Option<String>,
}

/// An invitation with what only this program compares.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The invitation.
    pub invitation: Invitation,
    /// Keyed digest of its code.
    pub code: String,
    /// What the request asked for that made it, hashed, where it had a key.
    pub request: Option<String>,
}

impl TryFrom<Row> for Stored {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let kind = ContactKind::parse(&row.contact_kind)
            .ok_or_else(|| Error::Inconsistent { table: "invitations", detail: "contact_kind".to_owned() })?;
        Ok(Self {
            code: row.code_hash,
            request: row.request_hash,
            invitation: Invitation {
                id: InvitationId::from(row.id),
                inviter: row.inviter_id.map(ClientId::from),
                contact: Contact::stored(kind, row.contact_value),
                particulars: json("invitations", &row.detail)?,
                attempts_left: row.attempts_left,
                created_at: Timestamp(row.created_at),
                expires_at: Timestamp(row.expires_at),
                used_at: row.used_at.map(Timestamp),
                withdrawn_at: row.withdrawn_at.map(Timestamp),
                user_id: row.user_id.map(UserId::from),
            },
        })
    }
}

/// What is remembered of a new invitation beside itself.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// Keyed digest of the code, bound to the id.
    pub code: &'a str,
    /// How long the row is kept.
    pub until: Timestamp,
    /// The key of the request, stamped, and what it asked for, hashed.
    pub request: Option<(&'a str, &'a str)>,
}

/// Remembers an invitation whose code is being sent.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Tx, new: &Invitation, kept: Kept<'_>) -> Result<()> {
    let detail = text("invitations", &new.particulars)?;
    let (key, hash) = kept.request.unzip();
    on_tx!(tx, conn => sqlx::query(INSERT)
        .bind(new.id.as_str()).bind(new.inviter.as_ref().map(ClientId::as_str)).bind(new.contact.kind().as_str()).bind(new.contact.value())
        .bind(kept.code).bind(detail).bind(new.attempts_left).bind(new.created_at.0).bind(new.expires_at.0).bind(kept.until.0)
        .bind(key).bind(hash).execute(conn).await.map(drop))?;
    Ok(())
}

/// The invitation with this id, whatever became of it.
///
/// # Errors
/// When the database fails.
pub async fn by_id(db: &Db, id: &InvitationId) -> Result<Option<Invitation>> {
    let row: Option<Row> = on_db!(db, pool => sqlx::query_as(BY_ID).bind(id.as_str()).fetch_optional(pool).await)?;
    Ok(row.map(Stored::try_from).transpose()?.map(|stored| stored.invitation))
}

/// The invitation that an earlier request of this client with the same key made.
///
/// # Errors
/// When the database fails.
pub async fn by_request(tx: &mut Tx, inviter: &ClientId, key: &str) -> Result<Option<Stored>> {
    let row: Option<Row> =
        on_tx!(tx, conn => sqlx::query_as(BY_REQUEST).bind(inviter.as_str()).bind(key).fetch_optional(conn).await)?;
    row.map(Stored::try_from).transpose()
}

/// The newest 1000 invitations, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn every(db: &Db) -> Result<Vec<Invitation>> {
    let rows: Vec<Row> = on_db!(db, pool => sqlx::query_as(EVERY).fetch_all(pool).await)?;
    rows.into_iter().map(|row| Ok(Stored::try_from(row)?.invitation)).collect()
}

/// Spends a try of every invitation that waits for a contact, and gives them: one of them may have the code that was typed. Then
/// the caller rolls back, so that only wrong codes are spent. Two tries at once wait for each other.
///
/// # Errors
/// When the database fails.
pub async fn attempt(tx: &mut Tx, contact: &Contact, now: Timestamp) -> Result<Vec<Stored>> {
    let rows: Vec<Row> = on_tx!(tx, conn => sqlx::query_as(ATTEMPT)
        .bind(contact.kind().as_str()).bind(contact.value()).bind(now.0).fetch_all(conn).await)?;
    rows.into_iter().map(Stored::try_from).collect()
}

/// Spends an invitation for an account; `None`: it was spent or withdrawn, or ended before `not_before`.
///
/// # Errors
/// When the database fails.
pub async fn accept(
    tx: &mut Tx,
    id: &InvitationId,
    user: &UserId,
    (now, not_before): (Timestamp, Timestamp),
) -> Result<Option<Invitation>> {
    let row: Option<Row> = on_tx!(tx, conn => sqlx::query_as(ACCEPT)
        .bind(id.as_str()).bind(now.0).bind(user.as_str()).bind(not_before.0).fetch_optional(conn).await)?;
    Ok(row.map(Stored::try_from).transpose()?.map(|stored| stored.invitation))
}

/// Withdraws what this inviter has on its way to a contact; which.
///
/// # Errors
/// When the database fails.
pub async fn replace(
    tx: &mut Tx,
    inviter: Option<&ClientId>,
    contact: &Contact,
    now: Timestamp,
) -> Result<Vec<InvitationId>> {
    let ids: Vec<String> = on_tx!(tx, conn => sqlx::query_scalar(REPLACE)
        .bind(inviter.map_or("", ClientId::as_str)).bind(contact.kind().as_str()).bind(contact.value()).bind(now.0)
        .fetch_all(conn).await)?;
    Ok(ids.into_iter().map(InvitationId::from).collect())
}

/// Withdraws an invitation; `false` when it was accepted or withdrawn before, or there is none.
///
/// # Errors
/// When the database fails.
pub async fn withdraw(tx: &mut Tx, id: &InvitationId, now: Timestamp) -> Result<bool> {
    let found: Option<String> =
        on_tx!(tx, conn => sqlx::query_scalar(WITHDRAW).bind(id.as_str()).bind(now.0).fetch_optional(conn).await)?;
    Ok(found.is_some())
}
