//! Assertions of clients that were used (RFC 7523 §3), and proofs of people that are good once: one row each until it has
//! expired. The unique insert is what decides between two requests with the same one.

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

/// Uses up a proof that somebody else has signed for a person; `false` when it was used before. `mark` is the same for the
/// same proof, and no client's.
///
/// # Errors
/// When the database fails.
pub async fn use_up_proof(tx: &mut Tx, mark: &str, expires_at: Timestamp) -> Result<bool> {
    // No client has an empty id.
    use_up(tx, &ClientId::from(""), mark, expires_at).await
}
