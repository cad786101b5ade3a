//! Organisations that people act for, and the choice of one in each product.
//!
//! Every change is made in a transaction that has told of the person first ([`change`](crate::change)), which puts changes of one
//! person in a row, and ends with [`keep`]: the copy in the person's own row, so that claims cost no further read.

use kabinet_core::id::{ClientId, OrganisationId, UserId};
use kabinet_core::organisation::{MOST, Organisation, Organisations};
use kabinet_core::time::Timestamp;
use serde_json::Value;
use sqlx::FromRow;

use crate::{Error, Result, Tx, on_tx, text};

crate::sql! {
    OF_USER = "SELECT id, inn, kpp, ogrn, name, relation, proof, proven_at FROM organisations WHERE user_id = $1 ORDER BY id";
    CHOICES = "SELECT client_id, organisation_id FROM organisation_choices WHERE user_id = $1";
    PUT = "INSERT INTO organisations (id, user_id, inn, kpp, ogrn, name, relation, proof, proven_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
        ON CONFLICT (user_id, inn, kpp) DO UPDATE SET ogrn = excluded.ogrn, name = excluded.name, relation = excluded.relation, \
        proof = excluded.proof, proven_at = excluded.proven_at WHERE organisations.proof = 'stated' \
        OR (organisations.proof = 'invitation' AND excluded.proof <> 'stated') \
        OR (organisations.proof IN ('certificate', 'esia') AND excluded.proof = organisations.proof)";
    REMOVE = "DELETE FROM organisations WHERE id = $1 AND user_id = $2";
    REMOVE_STATED = "DELETE FROM organisations WHERE id = $1 AND user_id = $2 AND proof IN ('stated', 'invitation')";
    CHOOSE = "INSERT INTO organisation_choices (user_id, client_id, organisation_id) VALUES ($1, $2, $3) \
        ON CONFLICT (user_id, client_id) DO UPDATE SET organisation_id = excluded.organisation_id";
    PARTNER_CODES = "SELECT client_id, code FROM partner_codes WHERE user_id = $1";
    PUT_PARTNER_CODE = "INSERT INTO partner_codes (user_id, client_id, code, given_at) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (user_id, client_id) DO UPDATE SET code = excluded.code, given_at = excluded.given_at";
    KEEP = "UPDATE users SET organisations = $2, updated_at = $3 WHERE id = $1";
}

#[derive(FromRow)]
struct Row {
    id: String,
    inn: String,
    kpp: String,
    ogrn: String,
    name: String,
    relation: String,
    proof: String,
    proven_at: i64,
}

impl Row {
    fn read(self) -> Result<Organisation> {
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        Ok(Organisation {
            id: OrganisationId::from(self.id),
            inn: self.inn,
            kpp: given(self.kpp),
            ogrn: given(self.ogrn),
            name: self.name,
            relation: named(&self.relation)?,
            proof: named(&self.proof)?,
            proof_time: Timestamp(self.proven_at),
        })
    }
}

fn named<T: serde::de::DeserializeOwned>(name: &str) -> Result<T> {
    serde_json::from_value(Value::from(name))
        .map_err(|e| Error::Inconsistent { table: "organisations", detail: e.to_string() })
}

/// Adds an organisation, or says anew what the person had stated; one that somebody vouches for stays as it is. `false` when the
/// person has too many.
///
/// # Errors
/// When the database fails.
pub async fn put(tx: &mut Tx, user: &UserId, one: &Organisation) -> Result<bool> {
    let part = |text: &Option<String>| text.clone().unwrap_or_default();
    on_tx!(tx, conn => sqlx::query(PUT)
        .bind(one.id.as_str()).bind(user.as_str()).bind(&one.inn).bind(part(&one.kpp)).bind(part(&one.ogrn)).bind(&one.name)
        .bind(one.relation.as_str()).bind(one.proof.as_str()).bind(one.proof_time.0).execute(conn).await.map(drop))?;
    Ok(list(tx, user).await?.len() <= MOST)
}

/// Which organisations may be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removable {
    /// What the person stated or was invited into: by the person.
    Stated,
    /// Any: by an administrator.
    Any,
}

/// Removes an organisation and every choice of it; `false` when the person has no such one.
///
/// # Errors
/// When the database fails.
pub async fn remove(tx: &mut Tx, user: &UserId, id: &OrganisationId, which: Removable) -> Result<bool> {
    let statement = match which {
        Removable::Stated => REMOVE_STATED,
        Removable::Any => REMOVE,
    };
    let rows = on_tx!(tx, conn => sqlx::query(statement)
        .bind(id.as_str()).bind(user.as_str()).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Remembers for which organisation the person acts in a product; `false` when it is not theirs.
///
/// # Errors
/// When the database fails.
pub async fn choose(tx: &mut Tx, user: &UserId, client: &ClientId, id: &OrganisationId) -> Result<bool> {
    if !list(tx, user).await?.iter().any(|one| one.id == *id) {
        return Ok(false);
    }
    on_tx!(tx, conn => sqlx::query(CHOOSE)
        .bind(user.as_str()).bind(client.as_str()).bind(id.as_str()).execute(conn).await.map(drop))?;
    Ok(true)
}

/// Keeps the partner's code that a person gave to a product. [`keep`] follows.
///
/// # Errors
/// When the database fails.
pub async fn put_partner_code(
    tx: &mut Tx,
    (user, client): (&UserId, &ClientId),
    code: &str,
    now: Timestamp,
) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(PUT_PARTNER_CODE)
        .bind(user.as_str()).bind(client.as_str()).bind(code).bind(now.0).execute(conn).await.map(drop))?;
    Ok(())
}

async fn list(tx: &mut Tx, user: &UserId) -> Result<Vec<Organisation>> {
    let rows: Vec<Row> = on_tx!(tx, conn => sqlx::query_as(OF_USER).bind(user.as_str()).fetch_all(conn).await)?;
    rows.into_iter().map(Row::read).collect()
}

/// Copies a person's organisations and choices into their own row.
///
/// # Errors
/// When the database fails.
pub async fn keep(tx: &mut Tx, user: &UserId, now: Timestamp) -> Result<Organisations> {
    let list = list(tx, user).await?;
    let choices: Vec<(String, String)> =
        on_tx!(tx, conn => sqlx::query_as(CHOICES).bind(user.as_str()).fetch_all(conn).await)?;
    let chosen = choices
        .into_iter()
        .map(|(client, id)| (ClientId::from(client), OrganisationId::from(id)))
        .collect();
    let codes: Vec<(String, String)> =
        on_tx!(tx, conn => sqlx::query_as(PARTNER_CODES).bind(user.as_str()).fetch_all(conn).await)?;
    let partner_codes = codes.into_iter().map(|(client, code)| (ClientId::from(client), code)).collect();
    let held = Organisations { list, chosen, partner_codes };
    let copy = text("users", &held)?;
    on_tx!(tx, conn => sqlx::query(KEEP).bind(user.as_str()).bind(copy).bind(now.0).execute(conn).await.map(drop))?;
    Ok(held)
}
