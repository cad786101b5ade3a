//! The sweeper: takes away rows that have expired, a bounded number per transaction so that nobody waits for it.

use kabinet_core::time::Timestamp;

use crate::{Result, Store, on_tx};

/// How many rows of one table go in one transaction.
const AT_ONCE: i64 = 500;

crate::sql! {
    SESSIONS = "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE idle_expires_at < $1 OR expires_at < $1 LIMIT $2)";
    KNOWN = "INSERT INTO known_clients (user_id, client_id) SELECT DISTINCT g.user_id, g.client_id FROM grants g WHERE g.id IN (SELECT id \
        FROM grants WHERE keep_until < $1 ORDER BY keep_until, id LIMIT $2) ON CONFLICT (user_id, client_id) DO NOTHING";
    GRANTS = "DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE keep_until < $1 ORDER BY keep_until, id LIMIT $2) \
        AND EXISTS (SELECT 1 FROM known_clients k WHERE k.user_id = grants.user_id AND k.client_id = grants.client_id)";
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
    MERGE_ATTEMPTS = "DELETE FROM merge_attempts WHERE id IN (SELECT id FROM merge_attempts WHERE expires_at < $1 LIMIT $2)";
    MERGES = "DELETE FROM merges WHERE id IN (SELECT id FROM merges WHERE undo_until < $1 LIMIT $2)";
    MERGED = "UPDATE users SET claims = '{}', verified = NULL, organisations = NULL WHERE id IN (SELECT u.id FROM users u \
        WHERE u.merged_into IS NOT NULL AND (u.claims <> '{}' OR u.verified IS NOT NULL OR u.organisations IS NOT NULL) AND u.updated_at < $1 AND NOT EXISTS (SELECT 1 FROM merges m WHERE m.merged_id = u.id) LIMIT $2)";
    MERGED_PASSWORDS = "DELETE FROM credentials WHERE (method, subject) IN (SELECT c.method, c.subject FROM credentials c JOIN users u ON u.id = c.user_id \
        WHERE u.merged_into IS NOT NULL AND u.updated_at < $1 AND NOT EXISTS (SELECT 1 FROM merges m WHERE m.merged_id = u.id) LIMIT $2)";
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
        MERGE_ATTEMPTS,
        MERGES,
        MERGED,
        MERGED_PASSWORDS,
        INITIAL_TOKENS,
        API_TOKENS,
        CHANGES,
    ] {
        loop {
            let mut tx = store.begin().await?;
            // What a client knows somebody by outlives the grant that showed it.
            if statement == GRANTS {
                on_tx!(&mut tx, conn => sqlx::query(KNOWN).bind(now.0).bind(AT_ONCE).execute(conn).await.map(drop))?;
            }
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
