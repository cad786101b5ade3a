//! Accounts of one person that became one: the way there, what moved, and the way back while there is one.
//!
//! An attempt belongs to one browser and one session, and is spent by one statement in the transaction that merges. The row of a
//! merge is what can be undone: whoever takes it away undoes, once; the sweeper takes it away when it is too late. The merged
//! account's own row stays, so that its `sub` is nobody else's, and so does what single clients know the person by
//! (`users.subjects`).

use std::collections::{BTreeMap, BTreeSet};

use kabinet_core::contact::ContactKind;
use kabinet_core::id::{CertificateId, ClientId, FlowId, LinkId, MergeId, OrganisationId, SessionId, UserId};
use kabinet_core::merge::{Moved, MovedContact};
use kabinet_core::secret::TokenHash;
use kabinet_core::time::Timestamp;
use sqlx::FromRow;

use crate::{Db, Result, Tx, json, on_db, on_tx, text};

macro_rules! attempt {
    () => {
        "id, user_id, session_id, binding_hash, flow_id, proven_at, expires_at"
    };
}

macro_rules! merge {
    () => {
        "id, user_id, merged_id, moved, merged_at, undo_until"
    };
}

crate::sql! {
    BEGIN = "INSERT INTO merge_attempts (id, user_id, session_id, binding_hash, flow_id, proven_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    ATTEMPT = concat!("SELECT ", attempt!(), " FROM merge_attempts WHERE id = $1 AND binding_hash = $2 AND used_at IS NULL AND expires_at > $3");
    SPEND = concat!("UPDATE merge_attempts SET used_at = $3 WHERE id = $1 AND binding_hash = $2 AND used_at IS NULL AND expires_at > $3 \
        RETURNING ", attempt!());
    DROP_ATTEMPTS = "DELETE FROM merge_attempts WHERE user_id IN ($1, $2) AND used_at IS NULL";
    KNOWN = "SELECT client_id FROM grants WHERE user_id = $1 UNION SELECT client_id FROM known_clients WHERE user_id = $1 \
        UNION SELECT client_id FROM consents WHERE user_id = $1";
    INVOLVED = "SELECT COUNT(*) FROM merges WHERE (user_id = $1 OR merged_id = $1) AND undo_until > $2";
    WAITING = "SELECT COUNT(*) FROM handovers WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2";
    INSERT = "INSERT INTO merges (id, user_id, merged_id, moved, merged_at, undo_until) VALUES ($1, $2, $3, $4, $5, $6)";
    OF_USER = concat!("SELECT ", merge!(), " FROM merges WHERE user_id = $1 AND undo_until > $2 ORDER BY merged_at, id");
    ANY = "SELECT COUNT(*) FROM (SELECT 1 FROM merges WHERE undo_until > $1 LIMIT 1) m";
    TAKE = concat!("DELETE FROM merges WHERE id = $1 AND user_id = $2 AND undo_until > $3 RETURNING ", merge!());
    MERGED = "SELECT id FROM users WHERE merged_into = $1 ORDER BY id";
    MARK = "UPDATE users SET merged_into = $2, disabled = TRUE, updated_at = $3 WHERE id = $1 AND merged_into IS NULL AND NOT disabled";
    UNMARK = "UPDATE users SET merged_into = NULL, disabled = FALSE, updated_at = $3 WHERE id = $1 AND merged_into = $2";
    SET_SUBJECTS = "UPDATE users SET subjects = $2, updated_at = $3 WHERE id = $1";
    CONTACTS = "SELECT kind, value, main FROM contacts WHERE user_id = $1 ORDER BY kind, value";
    MOVE_CONTACT = "UPDATE contacts SET user_id = $4, main = $5 WHERE kind = $1 AND value = $2 AND user_id = $3";
    PROMOTE = "UPDATE contacts SET main = TRUE WHERE kind = $1 AND user_id = $2 AND value = (SELECT MIN(c.value) FROM contacts c \
        WHERE c.kind = $1 AND c.user_id = $2) AND NOT EXISTS (SELECT 1 FROM contacts m WHERE m.kind = $1 AND m.user_id = $2 AND m.main)";
    MOVE_CERTIFICATES = "UPDATE certificates SET user_id = $2 WHERE user_id = $1 RETURNING id";
    RETURN_CERTIFICATE = "UPDATE certificates SET user_id = $3 WHERE id = $1 AND user_id = $2";
    MOVE_LINKS = "UPDATE upstream_links SET user_id = $2 WHERE user_id = $1 RETURNING id";
    RETURN_LINK = "UPDATE upstream_links SET user_id = $3 WHERE id = $1 AND user_id = $2";
    MOVE_ORGANISATIONS = "UPDATE organisations SET user_id = $2 WHERE user_id = $1 AND NOT EXISTS (SELECT 1 FROM organisations o \
        WHERE o.user_id = $2 AND o.inn = organisations.inn AND o.kpp = organisations.kpp) RETURNING id";
    MOVE_CHOICES = "UPDATE organisation_choices SET user_id = $2 WHERE user_id = $1 AND organisation_id IN (SELECT o.id FROM organisations o \
        WHERE o.user_id = $2) AND client_id NOT IN (SELECT c.client_id FROM organisation_choices c WHERE c.user_id = $2)";
    RETURN_ORGANISATION = "UPDATE organisations SET user_id = $3 WHERE id = $1 AND user_id = $2";
    DROP_CHOICES = "DELETE FROM organisation_choices WHERE organisation_id = $1 AND user_id = $2 AND client_id IN (SELECT c.client_id \
        FROM organisation_choices c WHERE c.user_id = $3)";
    DOUBT_ORGANISATIONS = "UPDATE organisations SET proof = 'stated', relation = CASE WHEN relation = 'head' THEN 'employee' ELSE relation END \
        WHERE user_id = $1 AND proof IN ('certificate', 'esia') AND proven_at >= $2";
    RETURN_CHOICES = "UPDATE organisation_choices SET user_id = $3 WHERE organisation_id = $1 AND user_id = $2";
    MOVE_PARTNER_CODES = "UPDATE partner_codes SET user_id = $2 WHERE user_id = $1 AND client_id NOT IN (SELECT c.client_id FROM partner_codes c \
        WHERE c.user_id = $2) RETURNING client_id";
    RETURN_PARTNER_CODE = "UPDATE partner_codes SET user_id = $3 WHERE client_id = $1 AND user_id = $2 AND given_at <= $4";
    MOVE_CONSENTS = "UPDATE consents SET user_id = $2 WHERE user_id = $1 AND client_id NOT IN (SELECT c.client_id FROM consents c \
        WHERE c.user_id = $2) RETURNING client_id, given_at";
    RETURN_CONSENT = "UPDATE consents SET user_id = $3 WHERE client_id = $1 AND user_id = $2 AND given_at = $4";
    COPY_PASSWORD = "INSERT INTO credentials (method, subject, user_id, data, created_at, updated_at) \
        SELECT 'password', $2, $2, c.data, $3, $3 FROM credentials c WHERE c.method = 'password' AND c.subject = $1 \
        ON CONFLICT (method, subject) DO NOTHING";
    RETURN_PASSWORD = "DELETE FROM credentials WHERE method = 'password' AND subject = $1 AND data = (SELECT c.data FROM credentials c \
        WHERE c.method = 'password' AND c.subject = $2)";
    RENAME_NOTICES = "UPDATE logout_notices SET user_id = $3 WHERE user_id = $1 AND client_id = $2 AND state IN ('queued', 'sending') \
        AND NOT EXISTS (SELECT 1 FROM logout_notices n WHERE n.client_id = $2 AND n.user_id = $3 AND n.session_id = logout_notices.session_id)";
}

/// Somebody on the way to merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its id.
    pub id: MergeId,
    /// The account that stays.
    pub user: UserId,
    /// In which it was proven.
    pub session: SessionId,
    /// The browser, as the hash of its binding cookie.
    pub binding: TokenHash,
    /// The request through which the other account is signed in to.
    pub flow: FlowId,
    /// When the account that stays was proven.
    pub proven_at: Timestamp,
    /// When it is too late.
    pub expires_at: Timestamp,
}

#[derive(FromRow)]
struct AttemptRow {
    id: String,
    user_id: String,
    session_id: String,
    binding_hash: String,
    flow_id: String,
    proven_at: i64,
    expires_at: i64,
}

impl From<AttemptRow> for Attempt {
    fn from(row: AttemptRow) -> Self {
        Self {
            id: MergeId::from(row.id),
            user: UserId::from(row.user_id),
            session: SessionId::from(row.session_id),
            binding: TokenHash::from(row.binding_hash),
            flow: FlowId::from(row.flow_id),
            proven_at: Timestamp(row.proven_at),
            expires_at: Timestamp(row.expires_at),
        }
    }
}

/// A merge that can be undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merge {
    /// Its id.
    pub id: MergeId,
    /// The account that stayed.
    pub user: UserId,
    /// The one that became part of it.
    pub merged: UserId,
    /// What moved.
    pub moved: Moved,
    /// When.
    pub at: Timestamp,
    /// Until when it can be undone.
    pub undo_until: Timestamp,
}

#[derive(FromRow)]
struct MergeRow {
    id: String,
    user_id: String,
    merged_id: String,
    moved: String,
    merged_at: i64,
    undo_until: i64,
}

impl MergeRow {
    fn read(self) -> Result<Merge> {
        Ok(Merge {
            id: MergeId::from(self.id),
            user: UserId::from(self.user_id),
            merged: UserId::from(self.merged_id),
            moved: json("merges", &self.moved)?,
            at: Timestamp(self.merged_at),
            undo_until: Timestamp(self.undo_until),
        })
    }
}

/// Remembers that somebody is on the way to merge.
///
/// # Errors
/// When the database fails.
pub async fn begin(tx: &mut Tx, new: &Attempt) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(BEGIN)
        .bind(new.id.as_str()).bind(new.user.as_str()).bind(new.session.as_str()).bind(new.binding.as_str())
        .bind(new.flow.as_str()).bind(new.proven_at.0).bind(new.expires_at.0).execute(conn).await.map(drop))?;
    Ok(())
}

/// An attempt of this browser that can still be finished.
///
/// # Errors
/// When the database fails.
pub async fn attempt(db: &Db, id: &MergeId, binding: &TokenHash, now: Timestamp) -> Result<Option<Attempt>> {
    let row: Option<AttemptRow> = on_db!(db, pool => sqlx::query_as(ATTEMPT)
        .bind(id.as_str()).bind(binding.as_str()).bind(now.0).fetch_optional(pool).await)?;
    Ok(row.map(Attempt::from))
}

/// Spends an attempt of this browser. `None`: there is none, it was spent before or is too old.
///
/// # Errors
/// When the database fails.
pub async fn spend(tx: &mut Tx, id: &MergeId, binding: &TokenHash, now: Timestamp) -> Result<Option<Attempt>> {
    let row: Option<AttemptRow> = on_tx!(tx, conn => sqlx::query_as(SPEND)
        .bind(id.as_str()).bind(binding.as_str()).bind(now.0).fetch_optional(conn).await)?;
    Ok(row.map(Attempt::from))
}

/// The clients that got this account's `sub`, as far as is known: from its grants, those swept, and what it allowed.
///
/// # Errors
/// When the database fails.
pub async fn known_by(db: &Db, user: &UserId) -> Result<BTreeSet<ClientId>> {
    let ids: Vec<String> = on_db!(db, pool => sqlx::query_scalar(KNOWN).bind(user.as_str()).fetch_all(pool).await)?;
    Ok(ids.into_iter().map(ClientId::from).collect())
}

/// The same inside a transaction.
///
/// # Errors
/// When the database fails.
pub async fn known_by_in(tx: &mut Tx, user: &UserId) -> Result<BTreeSet<ClientId>> {
    let ids: Vec<String> = on_tx!(tx, conn => sqlx::query_scalar(KNOWN).bind(user.as_str()).fetch_all(conn).await)?;
    Ok(ids.into_iter().map(ClientId::from).collect())
}

/// Whether an account is part of a merge that can be undone, and whether something waits to happen to it.
///
/// # Errors
/// When the database fails.
pub async fn state_of(tx: &mut Tx, user: &UserId, now: Timestamp) -> Result<(bool, bool)> {
    let mut found = [0_i64; 2];
    for (place, statement) in found.iter_mut().zip([INVOLVED, WAITING]) {
        *place =
            on_tx!(tx, conn => sqlx::query_scalar(statement).bind(user.as_str()).bind(now.0).fetch_one(conn).await)?;
    }
    Ok((found[0] > 0, found[1] > 0))
}

/// Moves everything that an account can share to another one. What both have stays where it is.
///
/// # Errors
/// When the database fails.
pub async fn give(tx: &mut Tx, from: &UserId, to: &UserId, now: Timestamp) -> Result<Moved> {
    let mut moved = Moved {
        contacts: give_contacts(tx, from, to).await?,
        ..Moved::default()
    };
    moved.certificates = all(tx, MOVE_CERTIFICATES, from, to).await?.into_iter().map(CertificateId::from).collect();
    moved.links = all(tx, MOVE_LINKS, from, to).await?.into_iter().map(LinkId::from).collect();
    moved.organisations = all(tx, MOVE_ORGANISATIONS, from, to)
        .await?
        .into_iter()
        .map(OrganisationId::from)
        .collect();
    on_tx!(tx, conn => sqlx::query(MOVE_CHOICES).bind(from.as_str()).bind(to.as_str()).execute(conn).await.map(drop))?;
    moved.partner_codes = all(tx, MOVE_PARTNER_CODES, from, to).await?.into_iter().map(ClientId::from).collect();
    let consents: Vec<(String, i64)> = on_tx!(tx, conn => sqlx::query_as(MOVE_CONSENTS)
        .bind(from.as_str()).bind(to.as_str()).fetch_all(conn).await)?;
    moved.consents = consents.into_iter().map(|(client, at)| (ClientId::from(client), Timestamp(at))).collect();
    let copied = on_tx!(tx, conn => sqlx::query(COPY_PASSWORD)
        .bind(from.as_str()).bind(to.as_str()).bind(now.0).execute(conn).await.map(|done| done.rows_affected()))?;
    moved.password = copied > 0;
    on_tx!(tx, conn => sqlx::query(DROP_ATTEMPTS).bind(from.as_str()).bind(to.as_str()).execute(conn).await.map(drop))?;
    Ok(moved)
}

/// A statement that moves rows and gives their ids.
async fn all(tx: &mut Tx, statement: &'static str, from: &UserId, to: &UserId) -> Result<Vec<String>> {
    Ok(on_tx!(tx, conn => sqlx::query_scalar(statement).bind(from.as_str()).bind(to.as_str()).fetch_all(conn).await)?)
}

/// Contacts that are the main ones of their kind stay so only where the other account has none of the kind.
async fn give_contacts(tx: &mut Tx, from: &UserId, to: &UserId) -> Result<Vec<MovedContact>> {
    let held = contacts(tx, to).await?;
    let moved = contacts(tx, from).await?;
    for one in &moved {
        let main = one.main && !held.iter().any(|other| other.kind == one.kind);
        move_contact(tx, one, (from, to), main).await?;
    }
    Ok(moved)
}

async fn contacts(tx: &mut Tx, user: &UserId) -> Result<Vec<MovedContact>> {
    let rows: Vec<(String, String, bool)> =
        on_tx!(tx, conn => sqlx::query_as(CONTACTS).bind(user.as_str()).fetch_all(conn).await)?;
    let contact = |(kind, value, main): (String, String, bool)| {
        let kind = if kind == "phone" { ContactKind::Phone } else { ContactKind::Email };
        MovedContact { kind, value, main }
    };
    Ok(rows.into_iter().map(contact).collect())
}

async fn move_contact(tx: &mut Tx, one: &MovedContact, (from, to): (&UserId, &UserId), main: bool) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(MOVE_CONTACT)
        .bind(one.kind.as_str()).bind(&one.value).bind(from.as_str()).bind(to.as_str()).bind(main)
        .execute(conn).await.map(drop))?;
    Ok(())
}

/// Gives back what moved and is still there, and was not changed since.
///
/// # Errors
/// When the database fails.
pub async fn give_back(tx: &mut Tx, merge: &Merge) -> Result<()> {
    let (from, to, moved) = (&merge.user, &merge.merged, &merge.moved);
    for one in &moved.contacts {
        move_contact(tx, one, (from, to), one.main).await?;
    }
    for (kind, user) in [ContactKind::Phone, ContactKind::Email]
        .into_iter()
        .flat_map(|kind| [(kind, from), (kind, to)])
    {
        on_tx!(tx, conn => sqlx::query(PROMOTE).bind(kind.as_str()).bind(user.as_str()).execute(conn).await.map(drop))?;
    }
    for id in &moved.certificates {
        one(tx, RETURN_CERTIFICATE, id.as_str(), merge).await?;
    }
    for id in &moved.links {
        one(tx, RETURN_LINK, id.as_str(), merge).await?;
    }
    for id in &moved.organisations {
        for statement in [RETURN_ORGANISATION, DROP_CHOICES, RETURN_CHOICES] {
            one(tx, statement, id.as_str(), merge).await?;
        }
    }
    // Whoever vouched since may have vouched for the one who leaves; the next sign-in that proves it says so again.
    on_tx!(tx, conn => sqlx::query(DOUBT_ORGANISATIONS)
        .bind(from.as_str()).bind(merge.at.0).execute(conn).await.map(drop))?;
    let dated = moved.consents.iter().map(|(client, at)| (RETURN_CONSENT, client, at));
    let codes = moved.partner_codes.iter().map(|client| (RETURN_PARTNER_CODE, client, &merge.at));
    for (statement, client, at) in dated.chain(codes) {
        on_tx!(tx, conn => sqlx::query(statement)
            .bind(client.as_str()).bind(from.as_str()).bind(to.as_str()).bind(at.0).execute(conn).await.map(drop))?;
    }
    if moved.password {
        on_tx!(tx, conn => sqlx::query(RETURN_PASSWORD)
            .bind(from.as_str()).bind(to.as_str()).execute(conn).await.map(drop))?;
    }
    Ok(())
}

/// A statement that gives one row back.
async fn one(tx: &mut Tx, statement: &'static str, id: &str, merge: &Merge) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(statement)
        .bind(id).bind(merge.user.as_str()).bind(merge.merged.as_str()).execute(conn).await.map(drop))?;
    Ok(())
}

/// Makes an account part of another one; `false` when it is disabled or part of one already.
///
/// # Errors
/// When the database fails.
pub async fn mark(tx: &mut Tx, merged: &UserId, into: &UserId, now: Timestamp) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(MARK)
        .bind(merged.as_str()).bind(into.as_str()).bind(now.0).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Makes it an account of its own again; `false` when it is not part of that one.
///
/// # Errors
/// When the database fails.
pub async fn unmark(tx: &mut Tx, merged: &UserId, into: &UserId, now: Timestamp) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(UNMARK)
        .bind(merged.as_str()).bind(into.as_str()).bind(now.0).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Keeps by the `sub` of which accounts clients know a person.
///
/// # Errors
/// When the database fails.
pub async fn set_subjects(
    tx: &mut Tx,
    user: &UserId,
    subjects: &BTreeMap<ClientId, UserId>,
    now: Timestamp,
) -> Result<()> {
    let names = if subjects.is_empty() {
        None
    } else {
        Some(text("users", subjects)?)
    };
    on_tx!(tx, conn => sqlx::query(SET_SUBJECTS).bind(user.as_str()).bind(names).bind(now.0).execute(conn).await.map(drop))?;
    Ok(())
}

/// Remembers a merge for as long as it can be undone.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Tx, new: &Merge) -> Result<()> {
    let moved = text("merges", &new.moved)?;
    on_tx!(tx, conn => sqlx::query(INSERT)
        .bind(new.id.as_str()).bind(new.user.as_str()).bind(new.merged.as_str()).bind(moved).bind(new.at.0).bind(new.undo_until.0)
        .execute(conn).await.map(drop))?;
    Ok(())
}

/// The merges into this account that can be undone, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn of_user(db: &Db, user: &UserId, now: Timestamp) -> Result<Vec<Merge>> {
    let rows: Vec<MergeRow> =
        on_db!(db, pool => sqlx::query_as(OF_USER).bind(user.as_str()).bind(now.0).fetch_all(pool).await)?;
    rows.into_iter().map(MergeRow::read).collect()
}

/// Whether anybody has a merge that can be undone.
///
/// # Errors
/// When the database fails.
pub async fn any(db: &Db, now: Timestamp) -> Result<bool> {
    let found: i64 = on_db!(db, pool => sqlx::query_scalar(ANY).bind(now.0).fetch_one(pool).await)?;
    Ok(found > 0)
}

/// Takes a merge of this account away, to undo it: `None` when somebody did before or it is too late.
///
/// # Errors
/// When the database fails.
pub async fn take(tx: &mut Tx, id: &MergeId, user: &UserId, now: Timestamp) -> Result<Option<Merge>> {
    let row: Option<MergeRow> = on_tx!(tx, conn => sqlx::query_as(TAKE)
        .bind(id.as_str()).bind(user.as_str()).bind(now.0).fetch_optional(conn).await)?;
    row.map(MergeRow::read).transpose()
}

/// The accounts that are part of this one; they are deleted with it.
///
/// # Errors
/// When the database fails.
pub async fn merged_into(tx: &mut Tx, user: &UserId) -> Result<Vec<UserId>> {
    let ids: Vec<String> = on_tx!(tx, conn => sqlx::query_scalar(MERGED).bind(user.as_str()).fetch_all(conn).await)?;
    Ok(ids.into_iter().map(UserId::from).collect())
}

/// Before a person's row goes: notices for clients that know them by another account's `sub` name that one, since nobody could
/// look it up any more.
///
/// # Errors
/// When the database fails.
pub async fn rename_notices(tx: &mut Tx, user: &UserId, subjects: &BTreeMap<ClientId, UserId>) -> Result<()> {
    for (client, name) in subjects {
        on_tx!(tx, conn => sqlx::query(RENAME_NOTICES)
            .bind(user.as_str()).bind(client.as_str()).bind(name.as_str()).execute(conn).await.map(drop))?;
    }
    Ok(())
}
