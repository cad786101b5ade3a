//! Legal texts as they were published, and who agreed to which: a record of its own for each (152-ФЗ as amended by 156-ФЗ).
//!
//! Rows of both tables are only ever added. What a person agreed to last also stands in their own row, so that whether to ask
//! again costs no further read.

use kabinet_core::ambient::Entropy;
use kabinet_core::audit::Origin;
use kabinet_core::document::{Act, Agreed, Document, Documents, Head, Kind, NewDocument, Record, Reference, sha256};
use kabinet_core::id::{ClientId, UserId, row_id};
use kabinet_core::language::Words;
use kabinet_core::time::Timestamp;
use sqlx::FromRow;

use crate::{Db, Error, Result, Tx, on_db, on_tx};

crate::sql! {
    PUBLISHED = "SELECT brand, kind, version, edition, title_ru, title_en, sha256, published_at, CASE WHEN number = (SELECT MAX(m.number) \
        FROM documents m WHERE m.brand = d.brand AND m.kind = d.kind) THEN body END AS body FROM documents d ORDER BY brand, kind, number";
    ONE = "SELECT brand, kind, version, edition, title_ru, title_en, sha256, published_at, body FROM documents WHERE brand = $1 AND kind = $2 AND version = $3";
    NEWEST = "SELECT number, edition FROM documents WHERE brand = $1 AND kind = $2 ORDER BY number DESC LIMIT 1";
    PUBLISH = "INSERT INTO documents (brand, kind, version, number, edition, title_ru, title_en, body, sha256, published_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    INSERT = "INSERT INTO document_consents (id, user_id, document, brand, version, sha256, act, given_at, ip, agent, client_id) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    OF_USER = "SELECT document, brand, version, sha256, act, given_at, client_id FROM document_consents WHERE user_id = $1 \
        OR user_id IN (SELECT m.id FROM users m WHERE m.merged_into = $1) ORDER BY given_at DESC, id DESC LIMIT 200";
    SET_AGREED = "UPDATE users SET agreed = $2 WHERE id = $1";
}

#[derive(FromRow)]
struct Row {
    brand: String,
    kind: String,
    version: String,
    edition: i64,
    title_ru: String,
    title_en: String,
    sha256: String,
    published_at: i64,
    body: Option<String>,
}

impl Row {
    fn read(self) -> Result<(Head, Option<String>)> {
        let kind = Kind::of_name(&self.kind)
            .ok_or(Error::Inconsistent { table: "documents", detail: "the kind is unknown".to_owned() })?;
        let head = Head {
            brand: self.brand,
            kind,
            version: self.version,
            edition: self.edition,
            title: Words { ru: self.title_ru, en: self.title_en },
            sha256: self.sha256,
            published_at: Timestamp(self.published_at),
        };
        Ok((head, self.body))
    }
}

/// Every version, the texts of those in force with it. One statement.
///
/// # Errors
/// When the database fails.
pub async fn published(db: &Db) -> Result<Documents> {
    let rows: Vec<Row> = on_db!(db, pool => sqlx::query_as(PUBLISHED).fetch_all(pool).await)?;
    Ok(Documents::of(rows.into_iter().map(Row::read).collect::<Result<_>>()?))
}

/// One version with its text.
///
/// # Errors
/// When the database fails.
pub async fn one(db: &Db, kind: Kind, brand: &str, version: &str) -> Result<Option<Document>> {
    let row: Option<Row> = on_db!(db, pool => sqlx::query_as(ONE)
        .bind(brand).bind(kind.as_str()).bind(version).fetch_optional(pool).await)?;
    let Some((head, body)) = row.map(Row::read).transpose()? else {
        return Ok(None);
    };
    Ok(body.map(|body| Document { head, body }))
}

/// What came of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Publication {
    /// It is in force.
    Done(Head),
    /// The same text was published as this version before; nothing has changed.
    Before(Head),
    /// This version has another text or title.
    Differs,
    /// A correction needs a version that it corrects.
    NothingBefore,
}

/// Publishes a version, in a transaction that has told of it: that puts publications in a row.
///
/// # Errors
/// When the database fails.
pub async fn publish(tx: &mut Tx, new: &NewDocument, now: Timestamp) -> Result<Publication> {
    let (brand, kind, version) = (new.brand.as_str(), new.kind.as_str(), new.version.as_str());
    let same: Option<Row> = on_tx!(tx, conn => sqlx::query_as(ONE)
        .bind(brand).bind(kind).bind(version).fetch_optional(conn).await)?;
    if let Some((head, body)) = same.map(Row::read).transpose()? {
        let is_same = body.as_deref() == Some(new.body.as_str()) && head.title == new.title;
        return Ok(if is_same { Publication::Before(head) } else { Publication::Differs });
    }
    let newest: Option<(i64, i64)> =
        on_tx!(tx, conn => sqlx::query_as(NEWEST).bind(brand).bind(kind).fetch_optional(conn).await)?;
    let number = newest.map_or(1, |(number, _)| number + 1);
    let edition = match (new.is_minor, newest) {
        (true, None) => return Ok(Publication::NothingBefore),
        (true, Some((_, edition))) => edition,
        (false, _) => number,
    };
    let head = Head {
        brand: new.brand.clone(),
        kind: new.kind,
        version: new.version.clone(),
        edition,
        title: new.title.clone(),
        sha256: sha256(&new.body),
        published_at: now,
    };
    on_tx!(tx, conn => sqlx::query(PUBLISH)
        .bind(brand).bind(kind).bind(version).bind(number).bind(edition).bind(&head.title.ru).bind(&head.title.en)
        .bind(&new.body).bind(&head.sha256).bind(now.0).execute(conn).await.map(drop))?;
    Ok(Publication::Done(head))
}

/// How a person agreed to a text or took it back.
#[derive(Clone, Copy, Debug)]
pub struct Agreement<'a> {
    /// The text.
    pub text: &'a Reference,
    /// Which of the two.
    pub act: Act,
    /// The client whose page it was.
    pub client: Option<&'a ClientId>,
    /// From where.
    pub origin: &'a Origin,
    /// When.
    pub at: Timestamp,
}

/// Keeps on the account what was agreed to last.
///
/// # Errors
/// When the database fails.
pub async fn set_agreed(tx: &mut Tx, user: &UserId, agreed: &Agreed) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(SET_AGREED)
        .bind(user.as_str()).bind(agreed.to_string()).execute(conn).await.map(drop))?;
    Ok(())
}

/// Records what a person did.
///
/// # Errors
/// When the database fails.
pub async fn record(tx: &mut Tx, user: &UserId, agreement: &Agreement<'_>, entropy: &dyn Entropy) -> Result<()> {
    let Agreement { text, act, client, origin, at } = agreement;
    on_tx!(tx, conn => sqlx::query(INSERT)
        .bind(row_id(*at, entropy)).bind(user.as_str()).bind(&text.document).bind(&text.brand).bind(&text.version)
        .bind(&text.sha256).bind(act.as_str()).bind(at.0).bind(&origin.ip).bind(&origin.agent)
        .bind(client.map(ClientId::as_str)).execute(conn).await.map(drop))?;
    Ok(())
}

#[derive(FromRow)]
struct RecordRow {
    document: String,
    brand: String,
    version: String,
    sha256: String,
    act: String,
    given_at: i64,
    client_id: Option<String>,
}

impl RecordRow {
    fn read(self) -> Result<Record> {
        let act = Act::of_name(&self.act).ok_or(Error::Inconsistent {
            table: "document_consents",
            detail: "the act is unknown".to_owned(),
        })?;
        Ok(Record {
            text: Reference {
                document: self.document,
                brand: self.brand,
                version: self.version,
                sha256: self.sha256,
            },
            act,
            at: Timestamp(self.given_at),
            client: self.client_id.map(ClientId::from),
        })
    }
}

/// The last records of a person, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn of_user(db: &Db, user: &UserId) -> Result<Vec<Record>> {
    let rows: Vec<RecordRow> = on_db!(db, pool => sqlx::query_as(OF_USER).bind(user.as_str()).fetch_all(pool).await)?;
    rows.into_iter().map(RecordRow::read).collect()
}

/// The same inside a transaction.
///
/// # Errors
/// When the database fails.
pub async fn of_user_in(tx: &mut Tx, user: &UserId) -> Result<Vec<Record>> {
    let rows: Vec<RecordRow> = on_tx!(tx, conn => sqlx::query_as(OF_USER).bind(user.as_str()).fetch_all(conn).await)?;
    rows.into_iter().map(RecordRow::read).collect()
}
