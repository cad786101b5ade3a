//! Brands that were saved over or beside the built-in ones. A change is told to every node as
//! [`Kind::Brand`](crate::change::Kind::Brand).

use kabinet_core::brand::Brand;
use kabinet_core::time::Timestamp;
use sqlx::FromRow;

use crate::{Db, Result, Tx, json, on_db, on_tx, text};

crate::sql! {
    EVERY = "SELECT name, data, version, updated_at FROM brands ORDER BY name";
    PUT = "INSERT INTO brands (name, data, version, updated_at) VALUES ($1, $2, 1, $3) \
        ON CONFLICT (name) DO UPDATE SET data = excluded.data, version = brands.version + 1, updated_at = excluded.updated_at \
        RETURNING version";
    DELETE = "DELETE FROM brands WHERE name = $1";
}

#[derive(FromRow)]
struct Row {
    name: String,
    data: String,
    version: i64,
    updated_at: i64,
}

/// A brand as it is kept.
#[derive(Debug)]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// What it is; an error when this release cannot read what another one wrote.
    pub brand: Result<Brand>,
    /// How many times it was saved.
    pub version: i64,
    /// When it was saved last.
    pub updated_at: Timestamp,
}

impl From<Row> for Kept {
    fn from(row: Row) -> Self {
        let named = |brand| Brand { name: row.name.clone(), ..brand };
        Self {
            brand: json("brands", &row.data).map(named),
            name: row.name.clone(),
            version: row.version,
            updated_at: Timestamp(row.updated_at),
        }
    }
}

/// Every saved brand, by name.
///
/// # Errors
/// When the database fails.
pub async fn every(db: &Db) -> Result<Vec<Kept>> {
    let rows: Vec<Row> = on_db!(db, pool => sqlx::query_as(EVERY).fetch_all(pool).await)?;
    Ok(rows.into_iter().map(Kept::from).collect())
}

/// Saves a brand, in place of one of the same name; its version.
///
/// # Errors
/// When the database fails.
pub async fn put(tx: &mut Tx, brand: &Brand, now: Timestamp) -> Result<i64> {
    let data = text("brands", brand)?;
    Ok(on_tx!(tx, conn => sqlx::query_scalar(PUT)
        .bind(&brand.name).bind(data).bind(now.0).fetch_one(conn).await)?)
}

/// Deletes a saved brand; `false` when there is none of this name.
///
/// # Errors
/// When the database fails.
pub async fn delete(tx: &mut Tx, name: &str) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(DELETE).bind(name).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}
