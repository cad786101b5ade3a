//! People, their contacts and what they sign in with.

use kabinet_core::client::Role;
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::document::Agreed;
use kabinet_core::id::UserId;
use kabinet_core::time::Timestamp;
use kabinet_core::user::{ConfirmedContact, User};
use kabinet_core::verified::Verified;
use serde_json::{Map, Value};
use sqlx::FromRow;

use crate::{Db, Error, Result, Tx, json, on_db, on_tx, text};

macro_rules! person {
    ($rest:literal) => {
        concat!(
            "SELECT u.id, u.disabled, u.claims, u.role, u.agreed, u.organisations, u.verified, u.merged_into, u.subjects, u.created_at, u.updated_at, ",
            "p.value AS phone, p.verified_at AS phone_verified_at, e.value AS email, e.verified_at AS email_verified_at ",
            "FROM users u ",
            "LEFT JOIN contacts p ON p.user_id = u.id AND p.kind = 'phone' AND p.main ",
            "LEFT JOIN contacts e ON e.user_id = u.id AND e.kind = 'email' AND e.main ",
            $rest
        )
    };
}

crate::sql! {
    BY_ID = person!("WHERE u.id = $1");
    BY_CONTACT = person!("JOIN contacts x ON x.user_id = u.id WHERE x.kind = $1 AND x.value = $2");
    CREDENTIAL = "SELECT data FROM credentials WHERE method = $1 AND subject = $2";
    INSERT = "INSERT INTO users (id, disabled, claims, role, created_at, updated_at) VALUES ($1, FALSE, $2, $3, $4, $4)";
    INSERT_CONTACT = "INSERT INTO contacts (kind, value, user_id, main, verified_at) VALUES ($1, $2, $3, $4, $5)";
    VERIFY_CONTACT = "UPDATE contacts SET verified_at = $3 WHERE kind = $1 AND value = $2";
    REMOVE_CONTACT = "DELETE FROM contacts WHERE kind = $1 AND value = $2 AND user_id = $3";
    PROMOTE_CONTACT = "UPDATE contacts SET main = TRUE WHERE kind = $1 AND user_id = $2 AND value = (SELECT MIN(c.value) FROM contacts c \
        WHERE c.kind = $1 AND c.user_id = $2) AND NOT EXISTS (SELECT 1 FROM contacts c WHERE c.kind = $1 AND c.user_id = $2 AND c.main)";
    TOUCH = "UPDATE users SET updated_at = $2 WHERE id = $1";
    CONTACTS = "SELECT kind, value, main, verified_at FROM contacts WHERE user_id = $1 ORDER BY kind, main DESC, value";
    PUT_CREDENTIAL = "INSERT INTO credentials (method, subject, user_id, data, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5) \
        ON CONFLICT (method, subject) DO UPDATE SET data = excluded.data, updated_at = excluded.updated_at \
        WHERE credentials.user_id = excluded.user_id";
    REPLACE_CREDENTIAL = "UPDATE credentials SET data = $4, updated_at = $5 WHERE method = $1 AND subject = $2 AND data = $3";
    SET_DISABLED = "UPDATE users SET disabled = $2, updated_at = $3 WHERE id = $1 AND disabled <> $2 AND merged_into IS NULL";
    SET_VERIFIED = "UPDATE users SET verified = $2, updated_at = $3 WHERE id = $1";
    DELETE = "DELETE FROM users WHERE id = $1";
    COUNT = "SELECT COUNT(*) FROM users";
}

#[derive(FromRow)]
struct Row {
    id: String,
    disabled: bool,
    claims: String,
    role: Option<String>,
    agreed: Option<String>,
    organisations: Option<String>,
    verified: Option<String>,
    merged_into: Option<String>,
    subjects: Option<String>,
    created_at: i64,
    updated_at: i64,
    phone: Option<String>,
    phone_verified_at: Option<i64>,
    email: Option<String>,
    email_verified_at: Option<i64>,
}

impl TryFrom<Row> for User {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let contact = |kind, value: Option<String>, at: Option<i64>| {
            value.map(|value| ConfirmedContact {
                contact: Contact::stored(kind, value),
                verified_at: at.map(Timestamp),
            })
        };
        Ok(Self {
            id: UserId::from(row.id),
            disabled: row.disabled,
            claims: json("users", &row.claims)?,
            phone: contact(ContactKind::Phone, row.phone, row.phone_verified_at),
            email: contact(ContactKind::Email, row.email, row.email_verified_at),
            role: row.role.map(|role| role_of(&role)).transpose()?,
            agreed: row.agreed.as_deref().map(Agreed::parse),
            organisations: row.organisations.map(|copy| json("users", &copy)).transpose()?.unwrap_or_default(),
            verified: row.verified.map(|facts| json("users", &facts)).transpose()?.unwrap_or_default(),
            merged_into: row.merged_into.map(UserId::from),
            subjects: row.subjects.map(|names| json("users", &names)).transpose()?.unwrap_or_default(),
            created_at: Timestamp(row.created_at),
            updated_at: Timestamp(row.updated_at),
        })
    }
}

/// Keeps what providers have verified of a person.
///
/// # Errors
/// When the database fails.
pub async fn set_verified(tx: &mut Tx, id: &UserId, verified: &Verified, now: Timestamp) -> Result<()> {
    let facts = if verified.is_empty() {
        None
    } else {
        Some(text("users", verified)?)
    };
    on_tx!(tx, conn => sqlx::query(SET_VERIFIED).bind(id.as_str()).bind(facts).bind(now.0).execute(conn).await.map(drop))?;
    Ok(())
}

fn role_of(text: &str) -> Result<Role> {
    serde_json::from_value(Value::from(text)).map_err(|e| Error::Inconsistent { table: "users", detail: e.to_string() })
}

/// A new account.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The subject.
    pub id: UserId,
    /// Standard claims, already checked by `kabinet_core::claims::check`.
    pub claims: Map<String, Value>,
    /// The administrative role.
    pub role: Option<Role>,
    /// The first phone and the first e-mail address become the main ones.
    pub contacts: Vec<ConfirmedContact>,
    /// When it is made.
    pub created_at: Timestamp,
}

/// The person with this subject.
///
/// # Errors
/// When the database fails.
pub async fn by_id(db: &Db, id: &UserId) -> Result<Option<User>> {
    let row: Option<Row> = on_db!(db, pool => sqlx::query_as(BY_ID).bind(id.as_str()).fetch_optional(pool).await)?;
    row.map(User::try_from).transpose()
}

/// The same inside a transaction.
///
/// # Errors
/// When the database fails.
pub async fn by_id_in(tx: &mut Tx, id: &UserId) -> Result<Option<User>> {
    let row: Option<Row> = on_tx!(tx, conn => sqlx::query_as(BY_ID).bind(id.as_str()).fetch_optional(conn).await)?;
    row.map(User::try_from).transpose()
}

/// The person who holds this contact.
///
/// # Errors
/// When the database fails.
pub async fn by_contact(db: &Db, contact: &Contact) -> Result<Option<User>> {
    let (kind, value) = (contact.kind().as_str(), contact.value());
    let row: Option<Row> =
        on_db!(db, pool => sqlx::query_as(BY_CONTACT).bind(kind).bind(value).fetch_optional(pool).await)?;
    row.map(User::try_from).transpose()
}

/// The same inside a transaction.
///
/// # Errors
/// When the database fails.
pub async fn by_contact_in(tx: &mut Tx, contact: &Contact) -> Result<Option<User>> {
    let (kind, value) = (contact.kind().as_str(), contact.value());
    let row: Option<Row> =
        on_tx!(tx, conn => sqlx::query_as(BY_CONTACT).bind(kind).bind(value).fetch_optional(conn).await)?;
    row.map(User::try_from).transpose()
}

/// All contacts of a person with whether each is the main one of its kind; main ones first.
///
/// # Errors
/// When the database fails.
pub async fn contacts(db: &Db, id: &UserId) -> Result<Vec<(ConfirmedContact, bool)>> {
    let rows: Vec<(String, String, bool, Option<i64>)> =
        on_db!(db, pool => sqlx::query_as(CONTACTS).bind(id.as_str()).fetch_all(pool).await)?;
    Ok(rows.into_iter().map(held).collect())
}

fn held((kind, value, main, at): (String, String, bool, Option<i64>)) -> (ConfirmedContact, bool) {
    let kind = if kind == "phone" { ContactKind::Phone } else { ContactKind::Email };
    let contact = ConfirmedContact {
        contact: Contact::stored(kind, value),
        verified_at: at.map(Timestamp),
    };
    (contact, main)
}

/// The same inside a transaction, without which is the main one.
///
/// # Errors
/// When the database fails.
pub async fn contacts_in(tx: &mut Tx, id: &UserId) -> Result<Vec<ConfirmedContact>> {
    let rows: Vec<(String, String, bool, Option<i64>)> =
        on_tx!(tx, conn => sqlx::query_as(CONTACTS).bind(id.as_str()).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(|row| held(row).0).collect())
}

/// The data of a credential: for the method `password` and a user id, a PHC string.
///
/// # Errors
/// When the database fails.
pub async fn credential(db: &Db, method: &str, subject: &str) -> Result<Option<String>> {
    Ok(on_db!(db, pool => sqlx::query_scalar(CREDENTIAL).bind(method).bind(subject).fetch_optional(pool).await)?)
}

/// Adds an account with its contacts.
///
/// # Errors
/// [`Error::Taken`] when a contact belongs to somebody.
pub async fn insert(tx: &mut Tx, new: &NewUser) -> Result<()> {
    let claims = text("users", &new.claims)?;
    let role = new
        .role
        .map(|role| text("users", &role))
        .transpose()?
        .map(|role| role.trim_matches('"').to_owned());
    on_tx!(tx, conn => sqlx::query(INSERT).bind(new.id.as_str()).bind(claims).bind(role).bind(new.created_at.0).execute(conn).await.map(drop))?;
    for (i, contact) in new.contacts.iter().enumerate() {
        let kind = contact.contact.kind();
        let main = !new.contacts[..i].iter().any(|before| before.contact.kind() == kind);
        insert_contact(tx, &new.id, contact, main).await?;
    }
    Ok(())
}

/// Adds a contact to an account.
///
/// # Errors
/// [`Error::Taken`] when it belongs to somebody.
pub async fn insert_contact(tx: &mut Tx, id: &UserId, contact: &ConfirmedContact, main: bool) -> Result<()> {
    let (kind, value, at) =
        (contact.contact.kind().as_str(), contact.contact.value(), contact.verified_at.map(|t| t.0));
    let done: std::result::Result<(), sqlx::Error> = on_tx!(tx, conn => sqlx::query(INSERT_CONTACT)
        .bind(kind).bind(value).bind(id.as_str()).bind(main).bind(at).execute(conn).await.map(drop));
    match done.map_err(Error::from) {
        Err(e) if e.is_conflict() => Err(Error::Taken(kind)),
        other => other,
    }
}

/// Notes that a contact was proven again.
///
/// # Errors
/// When the database fails.
pub async fn verify_contact(tx: &mut Tx, contact: &Contact, now: Timestamp) -> Result<()> {
    let (kind, value) = (contact.kind().as_str(), contact.value());
    on_tx!(tx, conn => sqlx::query(VERIFY_CONTACT).bind(kind).bind(value).bind(now.0).execute(conn).await.map(drop))?;
    Ok(())
}

/// Takes a contact from a person; another one of the kind becomes the main one. `false` when it was not theirs.
///
/// # Errors
/// When the database fails.
pub async fn remove_contact(tx: &mut Tx, id: &UserId, contact: &Contact, now: Timestamp) -> Result<bool> {
    let (kind, value) = (contact.kind().as_str(), contact.value());
    let rows = on_tx!(tx, conn => sqlx::query(REMOVE_CONTACT)
        .bind(kind).bind(value).bind(id.as_str()).execute(conn).await.map(|done| done.rows_affected()))?;
    if rows == 0 {
        return Ok(false);
    }
    on_tx!(tx, conn => sqlx::query(PROMOTE_CONTACT).bind(kind).bind(id.as_str()).execute(conn).await.map(drop))?;
    touch(tx, id, now).await?;
    Ok(true)
}

/// Notes that claims or contacts of a person changed (`updated_at`).
///
/// # Errors
/// When the database fails.
pub async fn touch(tx: &mut Tx, id: &UserId, now: Timestamp) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(TOUCH).bind(id.as_str()).bind(now.0).execute(conn).await.map(drop))?;
    Ok(())
}

/// Sets or replaces a credential of a person.
///
/// # Errors
/// [`Error::Taken`] when the subject of the method belongs to somebody else.
pub async fn put_credential(
    tx: &mut Tx,
    id: &UserId,
    (method, subject): (&'static str, &str),
    data: &str,
    now: Timestamp,
) -> Result<()> {
    let rows = on_tx!(tx, conn => sqlx::query(PUT_CREDENTIAL)
        .bind(method).bind(subject).bind(id.as_str()).bind(data).bind(now.0).execute(conn).await.map(|done| done.rows_affected()))?;
    if rows == 0 { Err(Error::Taken(method)) } else { Ok(()) }
}

/// Puts `new` in the place of `old`; `false` when the credential is no longer `old`.
///
/// # Errors
/// When the database fails.
pub async fn replace_credential(
    tx: &mut Tx,
    (method, subject): (&str, &str),
    old: &str,
    new: &str,
    now: Timestamp,
) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(REPLACE_CREDENTIAL)
        .bind(method).bind(subject).bind(old).bind(new).bind(now.0).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Disables or enables an account; `false` when it was so already, is unknown or was merged into another one.
///
/// # Errors
/// When the database fails.
pub async fn set_disabled(tx: &mut Tx, id: &UserId, disabled: bool, now: Timestamp) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(SET_DISABLED)
        .bind(id.as_str()).bind(disabled).bind(now.0).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Deletes an account with everything that hangs on it; `false` when it is unknown.
///
/// # Errors
/// When the database fails.
pub async fn delete(tx: &mut Tx, id: &UserId) -> Result<bool> {
    let rows =
        on_tx!(tx, conn => sqlx::query(DELETE).bind(id.as_str()).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// How many accounts there are.
///
/// # Errors
/// When the database fails.
pub async fn count(db: &Db) -> Result<i64> {
    Ok(on_db!(db, pool => sqlx::query_scalar(COUNT).fetch_one(pool).await)?)
}
