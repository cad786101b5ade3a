//! Whom sign-in by certificate believes: authorities, and the revocation lists that they publish. A change is told to every
//! node as [`Kind::Trust`](crate::change::Kind::Trust).
//!
//! 1. An address of lists is fetched by whoever gets its lease ([`claim`]): one statement, so that one node does it.
//! 2. A list replaces exactly the one that it was compared with ([`put_list`]); whoever came later compares again.

use kabinet_core::time::Timestamp;
use sqlx::FromRow;

use crate::{Db, Error, Result, Tx, json, on_db, on_tx, text};

crate::sql! {
    AUTHORITIES = "SELECT thumbprint, role, source, certificate, status, addresses, added_at FROM authorities ORDER BY added_at, thumbprint";
    PUT_AUTHORITY = "INSERT INTO authorities (thumbprint, role, source, certificate, status, addresses, added_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) \
        ON CONFLICT (thumbprint) DO UPDATE SET role = excluded.role, source = excluded.source";
    LEARN_AUTHORITY = "INSERT INTO authorities (thumbprint, role, source, certificate, status, addresses, added_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (thumbprint) DO NOTHING";
    LIST_AUTHORITY = "INSERT INTO authorities (thumbprint, role, source, certificate, status, addresses, added_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) \
        ON CONFLICT (thumbprint) DO UPDATE SET status = excluded.status, addresses = excluded.addresses, \
        source = CASE WHEN authorities.source = 'signature' THEN 'list' ELSE authorities.source END";
    DELETE_AUTHORITY = "DELETE FROM authorities WHERE thumbprint = $1";
    UNLIST = "UPDATE authorities SET status = NULL, addresses = '[]'";
    DELETE_LISTED = "DELETE FROM authorities WHERE source = 'list' AND status IS NULL";
    IMPORTED = "SELECT source, version, kept, dropped, imported_at FROM authority_imports WHERE id = 1";
    PUT_IMPORTED = "INSERT INTO authority_imports (id, source, version, kept, dropped, imported_at) VALUES (1, $1, $2, $3, $4, $5) \
        ON CONFLICT (id) DO UPDATE SET source = excluded.source, version = excluded.version, kept = excluded.kept, \
        dropped = excluded.dropped, imported_at = excluded.imported_at";
    ADDRESSES = "SELECT address, source, series, fetched_at, failure, failures, next_at, leased_until FROM revocation_addresses \
        ORDER BY address";
    ADDRESS = "SELECT address, source, series, fetched_at, failure, failures, next_at, leased_until FROM revocation_addresses \
        WHERE address = $1";
    PUT_ADDRESS = "INSERT INTO revocation_addresses (address, source, failures, next_at, leased_until) VALUES ($1, $2, 0, $3, 0) \
        ON CONFLICT (address) DO NOTHING";
    NAME_ADDRESS = "UPDATE revocation_addresses SET source = $2 WHERE address = $1";
    DELETE_ADDRESS = "DELETE FROM revocation_addresses WHERE address = $1";
    DUE = "SELECT address FROM revocation_addresses WHERE next_at <= $1 AND leased_until <= $1 ORDER BY failures, next_at, address LIMIT $2";
    CLAIM = "UPDATE revocation_addresses SET leased_until = $3 WHERE address = $1 AND next_at <= $2 AND leased_until <= $2 RETURNING failures";
    HURRY = "UPDATE revocation_addresses SET next_at = $1 WHERE next_at > $1";
    SUCCEEDED = "UPDATE revocation_addresses SET series = $2, fetched_at = $3, failure = NULL, failures = 0, next_at = $4, leased_until = 0 \
        WHERE address = $1";
    MIRRORS = "UPDATE revocation_addresses SET next_at = $2 WHERE series = $1 AND next_at < $2";
    FAILED = "UPDATE revocation_addresses SET failure = $2, failures = failures + 1, next_at = $3, leased_until = 0 WHERE address = $1";
    LISTS = "SELECT series, issuer, digest, number, this_update, next_update, entries, bytes, stored_at FROM revocation_lists ORDER BY series";
    HEAD = "SELECT series, issuer, digest, number, this_update, next_update, entries, bytes, stored_at FROM revocation_lists WHERE series = $1";
    DATA = "SELECT digest, data FROM revocation_lists WHERE series = $1";
    INSERT_LIST = "INSERT INTO revocation_lists (series, digest, number, this_update, next_update, entries, bytes, stored_at, data, issuer) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (series) DO NOTHING";
    REPLACE_LIST = "UPDATE revocation_lists SET digest = $2, number = $3, this_update = $4, next_update = $5, entries = $6, bytes = $7, \
        stored_at = $8, data = $9, issuer = $10 WHERE series = $1 AND digest = $11";
    DELETE_LISTS = "DELETE FROM revocation_lists WHERE series NOT IN (SELECT series FROM revocation_addresses WHERE series IS NOT NULL)";
}

/// What an authority is trusted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Paths end with it.
    Anchor,
    /// Paths lead through it.
    Intermediate,
}

impl Role {
    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anchor => "anchor",
            Self::Intermediate => "intermediate",
        }
    }
}

/// How an authority came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The operator added it.
    Operator,
    /// It stands in the list of accredited authorities.
    List,
    /// It came with a signature and leads to an anchor.
    Signature,
}

impl Source {
    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::List => "list",
            Self::Signature => "signature",
        }
    }
}

/// An authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// SHA-256 of its certificate.
    pub thumbprint: String,
    /// What it is trusted for.
    pub role: Role,
    /// How it came here.
    pub source: Source,
    /// Its certificate: DER in base64.
    pub certificate: String,
    /// What the list of accredited authorities says of it, if it stands there.
    pub status: Option<String>,
    /// Where that list says that its revocation lists are.
    pub addresses: Vec<String>,
    /// When it was added.
    pub added_at: Timestamp,
}

/// The import of the list of accredited authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The file or URL.
    pub source: String,
    /// The version that the list gives itself.
    pub version: Option<String>,
    /// Certificates that were kept.
    pub kept: i64,
    /// Certificates that were not.
    pub dropped: i64,
    /// When.
    pub at: Timestamp,
}

/// How an address of revocation lists came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// An authority's certificate or the list of accredited authorities names it.
    Authority,
    /// The certificate of somebody who signed names it.
    Signature,
}

impl Told {
    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authority => "authority",
            Self::Signature => "signature",
        }
    }
}

/// An address that revocation lists are fetched from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The URL.
    pub address: String,
    /// How it came here.
    pub told: Told,
    /// The series of the list that was found there.
    pub series: Option<String>,
    /// When a usable list was found there last.
    pub fetched_at: Option<Timestamp>,
    /// Why the last attempt failed; `None`: it did not.
    pub failure: Option<String>,
    /// How many attempts have failed since.
    pub failures: i64,
    /// When it is tried again.
    pub next_at: Timestamp,
    /// Until when somebody fetches it.
    pub leased_until: Timestamp,
}

/// What is known of a revocation list beside its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Names the key and the distribution point that it is of.
    pub series: String,
    /// The name of the authority that made it, for people.
    pub issuer: String,
    /// SHA-256 of the list.
    pub digest: String,
    /// The CRL number in hexadecimal.
    pub number: Option<String>,
    /// When it was made.
    pub this_update: Timestamp,
    /// When the next one is due.
    pub next_update: Timestamp,
    /// How many certificates it lists.
    pub entries: i64,
    /// How long it is.
    pub bytes: i64,
    /// When it was stored here.
    pub stored_at: Timestamp,
}

#[derive(FromRow)]
struct AuthorityRow {
    thumbprint: String,
    role: String,
    source: String,
    certificate: String,
    status: Option<String>,
    addresses: String,
    added_at: i64,
}

impl TryFrom<AuthorityRow> for Authority {
    type Error = Error;

    fn try_from(row: AuthorityRow) -> Result<Self> {
        let unknown = |what: &str| Error::Inconsistent { table: "authorities", detail: format!("unknown {what}") };
        let role = [Role::Anchor, Role::Intermediate].into_iter().find(|one| one.as_str() == row.role);
        let source = [Source::Operator, Source::List, Source::Signature];
        let source = source.into_iter().find(|one| one.as_str() == row.source);
        Ok(Self {
            thumbprint: row.thumbprint,
            role: role.ok_or_else(|| unknown("role"))?,
            source: source.ok_or_else(|| unknown("source"))?,
            certificate: row.certificate,
            status: row.status,
            addresses: json("authorities", &row.addresses)?,
            added_at: Timestamp(row.added_at),
        })
    }
}

#[derive(FromRow)]
struct AddressRow {
    address: String,
    source: String,
    series: Option<String>,
    fetched_at: Option<i64>,
    failure: Option<String>,
    failures: i64,
    next_at: i64,
    leased_until: i64,
}

impl From<AddressRow> for Address {
    fn from(row: AddressRow) -> Self {
        Self {
            address: row.address,
            told: if row.source == Told::Authority.as_str() {
                Told::Authority
            } else {
                Told::Signature
            },
            series: row.series,
            fetched_at: row.fetched_at.map(Timestamp),
            failure: row.failure,
            failures: row.failures,
            next_at: Timestamp(row.next_at),
            leased_until: Timestamp(row.leased_until),
        }
    }
}

#[derive(FromRow)]
struct ListRow {
    series: String,
    issuer: String,
    digest: String,
    number: Option<String>,
    this_update: i64,
    next_update: i64,
    entries: i64,
    bytes: i64,
    stored_at: i64,
}

impl From<ListRow> for List {
    fn from(row: ListRow) -> Self {
        Self {
            series: row.series,
            issuer: row.issuer,
            digest: row.digest,
            number: row.number,
            this_update: Timestamp(row.this_update),
            next_update: Timestamp(row.next_update),
            entries: row.entries,
            bytes: row.bytes,
            stored_at: Timestamp(row.stored_at),
        }
    }
}

/// Every authority, the oldest first.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn authorities(db: &Db) -> Result<Vec<Authority>> {
    let rows: Vec<AuthorityRow> = on_db!(db, pool => sqlx::query_as(AUTHORITIES).fetch_all(pool).await)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The same for who holds a transaction.
///
/// # Errors
/// As [`authorities`].
pub async fn authorities_in(tx: &mut Tx) -> Result<Vec<Authority>> {
    let rows: Vec<AuthorityRow> = on_tx!(tx, conn => sqlx::query_as(AUTHORITIES).fetch_all(conn).await)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

async fn write(tx: &mut Tx, statement: &'static str, one: &Authority) -> Result<bool> {
    let addresses = text("authorities", &one.addresses)?;
    let rows = on_tx!(tx, conn => sqlx::query(statement)
        .bind(&one.thumbprint).bind(one.role.as_str()).bind(one.source.as_str()).bind(&one.certificate)
        .bind(&one.status).bind(addresses).bind(one.added_at.0)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Adds an authority; one that is there gets this role and source.
///
/// # Errors
/// When the database fails.
pub async fn put_authority(tx: &mut Tx, one: &Authority) -> Result<()> {
    write(tx, PUT_AUTHORITY, one).await.map(drop)
}

/// Adds an authority unless it is there; whether it was not.
///
/// # Errors
/// When the database fails.
pub async fn learn_authority(tx: &mut Tx, one: &Authority) -> Result<bool> {
    write(tx, LEARN_AUTHORITY, one).await
}

/// Takes an authority away; `false` when there is none of this thumbprint.
///
/// # Errors
/// When the database fails.
pub async fn delete_authority(tx: &mut Tx, thumbprint: &str) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(DELETE_AUTHORITY)
        .bind(thumbprint).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Puts these authorities in place of those of the last import. Each has a status.
///
/// # Errors
/// When the database fails.
pub async fn import(tx: &mut Tx, listed: &[Authority], imported: &Imported) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(UNLIST).execute(conn).await.map(drop))?;
    for one in listed {
        write(tx, LIST_AUTHORITY, one).await?;
    }
    on_tx!(tx, conn => sqlx::query(DELETE_LISTED).execute(conn).await.map(drop))?;
    on_tx!(tx, conn => sqlx::query(PUT_IMPORTED)
        .bind(&imported.source).bind(&imported.version).bind(imported.kept).bind(imported.dropped).bind(imported.at.0)
        .execute(conn).await.map(drop))?;
    Ok(())
}

/// The last import, if there was one.
///
/// # Errors
/// When the database fails.
pub async fn imported(db: &Db) -> Result<Option<Imported>> {
    type Row = (String, Option<String>, i64, i64, i64);
    let row: Option<Row> = on_db!(db, pool => sqlx::query_as(IMPORTED).fetch_optional(pool).await)?;
    Ok(row.map(|(source, version, kept, dropped, at)| Imported { source, version, kept, dropped, at: Timestamp(at) }))
}

/// Every address of revocation lists, in the order of the alphabet.
///
/// # Errors
/// When the database fails.
pub async fn addresses(db: &Db) -> Result<Vec<Address>> {
    let rows: Vec<AddressRow> = on_db!(db, pool => sqlx::query_as(ADDRESSES).fetch_all(pool).await)?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// The same for who holds a transaction.
///
/// # Errors
/// When the database fails.
pub async fn addresses_in(tx: &mut Tx) -> Result<Vec<Address>> {
    let rows: Vec<AddressRow> = on_tx!(tx, conn => sqlx::query_as(ADDRESSES).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// One address, if it is known.
///
/// # Errors
/// When the database fails.
pub async fn address(db: &Db, address: &str) -> Result<Option<Address>> {
    let row: Option<AddressRow> = on_db!(db, pool => sqlx::query_as(ADDRESS).bind(address).fetch_optional(pool).await)?;
    Ok(row.map(Into::into))
}

/// Adds an address, to be fetched from `next_at` on, unless it is there.
///
/// # Errors
/// When the database fails.
pub async fn put_address(tx: &mut Tx, address: &str, told: Told, next_at: Timestamp) -> Result<()> {
    Ok(on_tx!(tx, conn => sqlx::query(PUT_ADDRESS)
        .bind(address).bind(told.as_str()).bind(next_at.0).execute(conn).await.map(drop))?)
}

/// Says anew how an address came here.
///
/// # Errors
/// When the database fails.
pub async fn name_address(tx: &mut Tx, address: &str, told: Told) -> Result<()> {
    Ok(on_tx!(tx, conn => sqlx::query(NAME_ADDRESS).bind(address).bind(told.as_str()).execute(conn).await.map(drop))?)
}

/// Takes an address away.
///
/// # Errors
/// When the database fails.
pub async fn delete_address(tx: &mut Tx, address: &str) -> Result<()> {
    Ok(on_tx!(tx, conn => sqlx::query(DELETE_ADDRESS).bind(address).execute(conn).await.map(drop))?)
}

/// Takes away the lists that no address leads to any more; how many.
///
/// # Errors
/// When the database fails.
pub async fn delete_lost_lists(tx: &mut Tx) -> Result<u64> {
    Ok(on_tx!(tx, conn => sqlx::query(DELETE_LISTS).execute(conn).await.map(|done| done.rows_affected()))?)
}

/// The addresses whose turn it is, those that answered last time first.
///
/// # Errors
/// When the database fails.
pub async fn due(db: &Db, now: Timestamp, most: i64) -> Result<Vec<String>> {
    Ok(on_db!(db, pool => sqlx::query_scalar(DUE).bind(now.0).bind(most).fetch_all(pool).await)?)
}

/// Makes it every address's turn.
///
/// # Errors
/// When the database fails.
pub async fn hurry(tx: &mut Tx, now: Timestamp) -> Result<()> {
    Ok(on_tx!(tx, conn => sqlx::query(HURRY).bind(now.0).execute(conn).await.map(drop))?)
}

/// Takes the lease of an address whose turn it is, until then; how many attempts have failed before. `None`: it is not its
/// turn, or somebody else has the lease.
///
/// # Errors
/// When the database fails.
pub async fn claim(tx: &mut Tx, address: &str, now: Timestamp, until: Timestamp) -> Result<Option<i64>> {
    Ok(on_tx!(tx, conn => sqlx::query_scalar(CLAIM)
        .bind(address).bind(now.0).bind(until.0).fetch_optional(conn).await)?)
}

/// Notes that an address led to a usable list of this series, and when it is its turn again; other addresses of the series
/// wait as long.
///
/// # Errors
/// When the database fails.
pub async fn succeeded(tx: &mut Tx, address: &str, series: &str, now: Timestamp, next_at: Timestamp) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(SUCCEEDED)
        .bind(address).bind(series).bind(now.0).bind(next_at.0).execute(conn).await.map(drop))?;
    Ok(on_tx!(tx, conn => sqlx::query(MIRRORS).bind(series).bind(next_at.0).execute(conn).await.map(drop))?)
}

/// Notes why an address led to nothing, and when it is its turn again.
///
/// # Errors
/// When the database fails.
pub async fn failed(tx: &mut Tx, address: &str, failure: &str, next_at: Timestamp) -> Result<()> {
    Ok(on_tx!(tx, conn => sqlx::query(FAILED)
        .bind(address).bind(failure).bind(next_at.0).execute(conn).await.map(drop))?)
}

/// What is known of every list.
///
/// # Errors
/// When the database fails.
pub async fn lists(db: &Db) -> Result<Vec<List>> {
    let rows: Vec<ListRow> = on_db!(db, pool => sqlx::query_as(LISTS).fetch_all(pool).await)?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// What is known of the list of a series.
///
/// # Errors
/// When the database fails.
pub async fn list_in(tx: &mut Tx, series: &str) -> Result<Option<List>> {
    let row: Option<ListRow> = on_tx!(tx, conn => sqlx::query_as(HEAD).bind(series).fetch_optional(conn).await)?;
    Ok(row.map(Into::into))
}

/// The digest and the content (DER in base64) of the list of a series.
///
/// # Errors
/// When the database fails.
pub async fn data(db: &Db, series: &str) -> Result<Option<(String, String)>> {
    Ok(on_db!(db, pool => sqlx::query_as(DATA).bind(series).fetch_optional(pool).await)?)
}

/// Stores a list in place of the one with the digest `old`, or as the first of its series. `false`: another was stored
/// meanwhile.
///
/// # Errors
/// When the database fails.
pub async fn put_list(tx: &mut Tx, list: &List, data: &str, old: Option<&str>) -> Result<bool> {
    let rows = on_tx!(tx, conn => {
        let query = sqlx::query(if old.is_some() { REPLACE_LIST } else { INSERT_LIST })
            .bind(&list.series).bind(&list.digest).bind(&list.number).bind(list.this_update.0).bind(list.next_update.0)
            .bind(list.entries).bind(list.bytes).bind(list.stored_at.0).bind(data).bind(&list.issuer);
        match old {
            Some(old) => query.bind(old),
            None => query,
        }
        .execute(conn).await.map(|done| done.rows_affected())
    })?;
    Ok(rows > 0)
}
