//! The sweeper: takes away rows that have expired, a bounded number per transaction so that nobody waits for it.

use kabinet_core::time::Timestamp;

use crate::{Result, Store, on_tx};

/// How many rows of one table go in one transaction.
const AT_ONCE: i64 = 500;

crate::sql! {
    SESSIONS = "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE idle_expires_at < $1 OR expires_at < $1 LIMIT $2)";
    GRANTS = "DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE keep_until < $1 LIMIT $2)";
    CONFIRMATIONS = "DELETE FROM confirmations WHERE id IN (SELECT id FROM confirmations WHERE keep_until < $1 LIMIT $2)";
    THROTTLES = "DELETE FROM throttles WHERE key IN (SELECT key FROM throttles WHERE expires_at < $1 LIMIT $2)";
    DESTINATIONS = "DELETE FROM destinations WHERE name IN (SELECT name FROM destinations WHERE ends_at < $1 LIMIT $2)";
    PUSHED = "DELETE FROM pushed_requests WHERE id IN (SELECT id FROM pushed_requests WHERE expires_at < $1 LIMIT $2)";
    RECOVERIES = "DELETE FROM recoveries WHERE id IN (SELECT id FROM recoveries WHERE expires_at < $1 LIMIT $2)";
    HANDOVERS = "DELETE FROM handovers WHERE id IN (SELECT id FROM handovers WHERE expires_at < $1 LIMIT $2)";
    MESSAGES = "DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE keep_until < $1 LIMIT $2)";
    NOTICES = "DELETE FROM logout_notices WHERE (client_id, user_id, session_id) IN (SELECT client_id, user_id, session_id \
        FROM logout_notices WHERE keep_until < $1 LIMIT $2)";
    SPEND = "DELETE FROM delivery_spend WHERE day IN (SELECT day FROM delivery_spend WHERE expires_at < $1 LIMIT $2)";
    ASSERTIONS = "DELETE FROM assertions WHERE id IN (SELECT id FROM assertions WHERE expires_at < $1 LIMIT $2)";
    CHALLENGES = "DELETE FROM challenges WHERE id IN (SELECT id FROM challenges WHERE keep_until < $1 LIMIT $2)";
    UPSTREAM_ATTEMPTS = "DELETE FROM upstream_attempts WHERE id IN (SELECT id FROM upstream_attempts WHERE keep_until < $1 LIMIT $2)";
    DRAFTS = "DELETE FROM registration_drafts WHERE key IN (SELECT key FROM registration_drafts WHERE expires_at < $1 LIMIT $2)";
    DEVICES = "DELETE FROM device_requests WHERE device_code IN (SELECT device_code FROM device_requests WHERE keep_until < $1 LIMIT $2)";
    INVITATIONS = "DELETE FROM invitations WHERE id IN (SELECT id FROM invitations WHERE keep_until < $1 LIMIT $2)";
    INITIAL_TOKENS = "DELETE FROM initial_access_tokens WHERE id IN (SELECT id FROM initial_access_tokens WHERE expires_at < $1 LIMIT $2)";
    API_TOKENS = "DELETE FROM api_tokens WHERE id IN (SELECT id FROM api_tokens WHERE keep_until < $1 LIMIT $2)";
    CHANGES = "DELETE FROM changes WHERE n IN (SELECT n FROM changes WHERE expires_at < $1 LIMIT $2)";
}

/// Takes away what expired before `now`. How many rows.
///
/// # Errors
/// When the database fails; what was taken away before stays away.
pub async fn sweep(store: &Store, now: Timestamp) -> Result<u64> {
    let mut total = 0;
    for statement in [
        SESSIONS,
        GRANTS,
        CONFIRMATIONS,
        THROTTLES,
        DESTINATIONS,
        PUSHED,
        RECOVERIES,
        HANDOVERS,
        MESSAGES,
        NOTICES,
        SPEND,
        ASSERTIONS,
        CHALLENGES,
        UPSTREAM_ATTEMPTS,
        DRAFTS,
        DEVICES,
        INVITATIONS,
        INITIAL_TOKENS,
        API_TOKENS,
        CHANGES,
    ] {
        loop {
            let mut tx = store.begin().await?;
            let rows = on_tx!(&mut tx, conn => sqlx::query(statement)
                .bind(now.0).bind(AT_ONCE).execute(conn).await.map(|done| done.rows_affected()))?;
            tx.commit().await?;
            total += rows;
            if rows < AT_ONCE.unsigned_abs() {
                break;
            }
        }
    }
    Ok(total)
}
