//! What people allowed third-party clients.

use kabinet_core::decision::GivenConsent;
use kabinet_core::id::{ClientId, FlowId, UserId};
use kabinet_core::scope::Scope;
use kabinet_core::time::Timestamp;

use crate::{Db, Error, Result, Tx, on_db, on_tx};

crate::sql! {
    OF_BROWSER = "SELECT user_id, scope, flow_id FROM consents WHERE client_id = $1 AND user_id IN ($2, $3, $4, $5, $6)";
    OF_USER = "SELECT client_id, scope, given_at FROM consents WHERE user_id = $1 ORDER BY given_at DESC";
    PUT = "INSERT INTO consents (user_id, client_id, scope, flow_id, given_at) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (user_id, client_id) DO UPDATE SET flow_id = excluded.flow_id, given_at = excluded.given_at RETURNING scope";
    WIDEN = "UPDATE consents SET scope = $3 WHERE user_id = $1 AND client_id = $2";
    WITHDRAW = "DELETE FROM consents WHERE user_id = $1 AND client_id = $2";
    WITHDRAW_ALL = "DELETE FROM consents WHERE client_id = $1";
}

fn scope(text: &str) -> Result<Scope> {
    Scope::parse(text).map_err(|e| Error::Inconsistent { table: "consents", detail: e.to_string() })
}

/// What each of these people (at most five) allowed the client.
///
/// # Errors
/// When the database fails.
pub async fn of_browser(db: &Db, client: &ClientId, users: &[UserId]) -> Result<Vec<GivenConsent>> {
    let at = |i: usize| users.get(i).map_or("", UserId::as_str);
    let rows: Vec<(String, String, Option<String>)> = on_db!(db, pool => sqlx::query_as(OF_BROWSER)
        .bind(client.as_str()).bind(at(0)).bind(at(1)).bind(at(2)).bind(at(3)).bind(at(4)).fetch_all(pool).await)?;
    rows.into_iter()
        .map(|(user, granted, flow)| {
            Ok(GivenConsent {
                user_id: UserId::from(user),
                scope: scope(&granted)?,
                flow: flow.map(FlowId::from),
            })
        })
        .collect()
}

/// What a person allowed: client, scope, when.
///
/// # Errors
/// When the database fails.
pub async fn of_user(db: &Db, user: &UserId) -> Result<Vec<(ClientId, Scope, Timestamp)>> {
    let rows: Vec<(String, String, i64)> =
        on_db!(db, pool => sqlx::query_as(OF_USER).bind(user.as_str()).fetch_all(pool).await)?;
    rows.into_iter()
        .map(|(client, granted, at)| Ok((ClientId::from(client), scope(&granted)?, Timestamp(at))))
        .collect()
}

/// Remembers that a person allowed a client this scope, in answer to a sealed request; all that is allowed now. What was allowed
/// before stays, also by somebody at the same instant: the row is held from the first statement on.
///
/// # Errors
/// When the database fails.
pub async fn put(tx: &mut Tx, given: &GivenConsent, client: &ClientId, now: Timestamp) -> Result<Scope> {
    let kept: String = on_tx!(tx, conn => sqlx::query_scalar(PUT)
        .bind(given.user_id.as_str()).bind(client.as_str()).bind(given.scope.to_string())
        .bind(given.flow.as_ref().map(FlowId::as_str)).bind(now.0).fetch_one(conn).await)?;
    let kept = scope(&kept)?;
    let all = kept.union(&given.scope);
    if all != kept {
        on_tx!(tx, conn => sqlx::query(WIDEN)
            .bind(given.user_id.as_str()).bind(client.as_str()).bind(all.to_string()).execute(conn).await.map(drop))?;
    }
    Ok(all)
}

/// Takes an allowance back; `false` when there was none.
///
/// # Errors
/// When the database fails.
pub async fn withdraw(tx: &mut Tx, user: &UserId, client: &ClientId) -> Result<bool> {
    let rows = on_tx!(tx, conn => sqlx::query(WITHDRAW).bind(user.as_str()).bind(client.as_str()).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Forgets what anybody allowed a client; of how many people.
///
/// # Errors
/// When the database fails.
pub async fn withdraw_all(tx: &mut Tx, client: &ClientId) -> Result<u64> {
    Ok(on_tx!(tx, conn => sqlx::query(WITHDRAW_ALL).bind(client.as_str()).execute(conn).await
        .map(|done| done.rows_affected()))?)
}
