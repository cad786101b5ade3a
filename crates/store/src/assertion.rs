//! Assertions of clients that were used (RFC 7523 §3): one row each until it has expired. The unique insert is what decides
//! between two requests with the same one.

use kabinet_core::id::ClientId;
use kabinet_core::secret::TokenHash;
use kabinet_core::time::Timestamp;

use crate::{Result, Tx, on_tx};

crate::sql! {
    USE = "INSERT INTO assertions (id, expires_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
}

/// Uses up a client's assertion; `false` when it was used before. `jti` is the client's own name for it.
///
/// # Errors
/// When the database fails.
pub async fn use_up(tx: &mut Tx, client: &ClientId, jti: &str, expires_at: Timestamp) -> Result<bool> {
    // The id of a client has no line break, so that no two pairs have the same digest.
    let id = TokenHash::of(&format!("{client}\n{jti}"));
    let rows = on_tx!(tx, conn => sqlx::query(USE).bind(id.as_str()).bind(expires_at.0).execute(conn).await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}
