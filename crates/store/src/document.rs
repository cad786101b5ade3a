//! Which legal texts a person agreed to: a record of its own for each (152-ФЗ as amended by 156-ФЗ).

use kabinet_core::ambient::Entropy;
use kabinet_core::audit::Origin;
use kabinet_core::id::{ClientId, UserId, row_id};
use kabinet_core::time::Timestamp;

use crate::{Db, Result, Tx, on_db, on_tx};

crate::sql! {
    INSERT = "INSERT INTO document_consents (id, user_id, document, version, sha256, given_at, ip, agent, client_id) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    OF_USER = "SELECT document, version, sha256, given_at FROM document_consents WHERE user_id = $1 ORDER BY given_at DESC, document";
    SET_AGREED = "UPDATE users SET agreed = $2 WHERE id = $1";
}

/// The text that was agreed to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Document {
    /// Its kind, as `personal-data-consent`.
    pub document: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the text, lower-case hexadecimal.
    pub sha256: String,
}

/// How a person agreed to a text.
#[derive(Clone, Copy, Debug)]
pub struct Agreement<'a> {
    /// The text.
    pub document: &'a Document,
    /// The client whose page it was.
    pub client: Option<&'a ClientId>,
    /// From where.
    pub origin: &'a Origin,
    /// When.
    pub at: Timestamp,
}

/// Which versions these are, in the same words whatever their order: `agreement:2,pd-consent:3`.
#[must_use]
pub fn versions(documents: &[Document]) -> String {
    let mut names: Vec<String> = documents.iter().map(|d| format!("{}:{}", d.document, d.version)).collect();
    names.sort_unstable();
    names.join(",")
}

/// Keeps on the account which versions were agreed to, so that the question whether to ask again costs no further read.
///
/// # Errors
/// When the database fails.
pub async fn set_agreed(tx: &mut Tx, user: &UserId, documents: &[Document]) -> Result<()> {
    on_tx!(tx, conn => sqlx::query(SET_AGREED)
        .bind(user.as_str()).bind(versions(documents)).execute(conn).await.map(drop))?;
    Ok(())
}

/// Records that a person agreed to a text.
///
/// # Errors
/// When the database fails.
pub async fn record(tx: &mut Tx, user: &UserId, agreement: &Agreement<'_>, entropy: &dyn Entropy) -> Result<()> {
    let Agreement { document, client, origin, at } = agreement;
    on_tx!(tx, conn => sqlx::query(INSERT)
        .bind(row_id(*at, entropy)).bind(user.as_str()).bind(&document.document).bind(&document.version).bind(&document.sha256)
        .bind(at.0).bind(&origin.ip).bind(&origin.agent).bind(client.map(ClientId::as_str)).execute(conn).await.map(drop))?;
    Ok(())
}

/// What a person agreed to, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn of_user(db: &Db, user: &UserId) -> Result<Vec<(Document, Timestamp)>> {
    let rows: Vec<(String, String, String, i64)> =
        on_db!(db, pool => sqlx::query_as(OF_USER).bind(user.as_str()).fetch_all(pool).await)?;
    Ok(rows
        .into_iter()
        .map(|(document, version, sha256, at)| (Document { document, version, sha256 }, Timestamp(at)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_versions_read_the_same_in_any_order() {
        let of = |document: &str, version: &str| Document {
            document: document.to_owned(),
            version: version.to_owned(),
            sha256: String::new(),
        };
        let (agreement, consent) = (of("agreement", "2"), of("pd-consent", "3"));
        assert_eq!(versions(&[consent.clone(), agreement.clone()]), "agreement:2,pd-consent:3");
        assert_eq!(versions(&[agreement.clone(), consent]), "agreement:2,pd-consent:3");
        assert_ne!(versions(&[of("agreement", "3")]), versions(&[agreement]));
        assert_eq!(versions(&[]), "");
    }
}
