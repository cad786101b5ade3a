//! The pictures of clients (`logo_uri`), as they were fetched.
//!
//! A client that registered itself without a token shows its picture only where pictures of everybody are shown, or once an
//! administrator has set its `logo_uri`: both reads ask that, so that a setting which is taken back acts at once.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kabinet_core::id::ClientId;
use kabinet_core::picture::{Format, Picture};
use kabinet_core::time::Timestamp;

use crate::{Db, Error, Result, Tx, on_db, on_tx};

crate::sql! {
    KEEP = "INSERT INTO logos (client_id, uri, hash, media_type, content, fetched_at) VALUES ($1, $2, $3, $4, $5, $6) \
        ON CONFLICT (client_id) DO UPDATE SET uri = excluded.uri, hash = excluded.hash, media_type = excluded.media_type, \
        content = excluded.content, fetched_at = excluded.fetched_at";
    FORGET = "DELETE FROM logos WHERE client_id = $1";
    SOURCE = "SELECT uri FROM logos WHERE client_id = $1";
    OF_CLIENT = "SELECT hash FROM logos WHERE client_id = $1 AND uri = $2 AND ($3 OR NOT EXISTS (\
        SELECT 1 FROM registrations r WHERE r.client_id = logos.client_id AND r.open AND r.held NOT LIKE '%\"logo_uri\"%'))";
    BY_HASH = "SELECT media_type, content FROM logos WHERE hash = $1 AND ($2 OR NOT EXISTS (\
        SELECT 1 FROM registrations r WHERE r.client_id = logos.client_id AND r.open AND r.held NOT LIKE '%\"logo_uri\"%')) LIMIT 1";
}

/// Whose pictures are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// Of clients that an administrator made, allowed to register or gave a picture.
    #[default]
    Vouched,
    /// Of all.
    All,
}

/// Keeps the picture that was at `uri`, in place of the client's last one.
///
/// # Errors
/// When the database fails.
pub async fn keep(tx: &mut Tx, client: &ClientId, uri: &str, picture: &Picture, now: Timestamp) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(KEEP)
        .bind(client.as_str()).bind(uri).bind(picture.hash()).bind(picture.format().media_type())
        .bind(STANDARD.encode(picture.bytes())).bind(now.0).execute(conn).await.map(drop))?;
    Ok(())
}

/// Forgets a client's picture.
///
/// # Errors
/// When the database fails.
pub async fn forget(tx: &mut Tx, client: &ClientId) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(FORGET).bind(client.as_str()).execute(conn).await.map(drop))?;
    Ok(())
}

/// Where the picture was that is kept of a client.
///
/// # Errors
/// When the database fails.
pub async fn source(db: &Db, client: &ClientId) -> Result<Option<String>> {
    Ok(on_db!(db, pool => sqlx::query_scalar(SOURCE).bind(client.as_str()).fetch_optional(pool).await)?)
}

/// The hash of the picture that pages show of a client whose `logo_uri` this is.
///
/// # Errors
/// When the database fails.
pub async fn of_client(db: &Db, client: &ClientId, uri: &str, shown: Shown) -> Result<Option<String>> {
    Ok(
        on_db!(db, pool => sqlx::query_scalar(OF_CLIENT).bind(client.as_str()).bind(uri).bind(shown == Shown::All)
        .fetch_optional(pool).await)?,
    )
}

/// The picture with this hash, if pages show it.
///
/// # Errors
/// When the database fails.
pub async fn by_hash(db: &Db, hash: &str, shown: Shown) -> Result<Option<(Format, Vec<u8>)>> {
    let row: Option<(String, String)> = on_db!(db, pool => sqlx::query_as(BY_HASH)
        .bind(hash).bind(shown == Shown::All).fetch_optional(pool).await)?;
    let Some((media_type, content)) = row else {
        return Ok(None);
    };
    let bad = |detail: &str| Error::Inconsistent { table: "logos", detail: detail.to_owned() };
    let format = Format::of_media_type(&media_type).ok_or_else(|| bad("media_type"))?;
    let bytes = STANDARD.decode(content).map_err(|_| bad("content"))?;
    Ok(Some((format, bytes)))
}
