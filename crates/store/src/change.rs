//! What changed that nodes keep in memory.
//!
//! 1. A change that other nodes must see bumps the one row of `version` and writes what changed beside that number, in
//!    the same transaction. The row's lock orders such transactions, so numbers appear in order.
//! 2. Every node asks [`since`] for what is newer than what it knows, several times a second and at once when Redis
//!    publishes. It drops what it cached of the thing, or remembers that the grant or token is dead.
//! 3. A node that has not heard from the primary for some seconds must not call a token good.
//!
//! Rows are kept for longer than any access token lives, then swept.

use kabinet_core::time::Timestamp;

use crate::{Db, Result, Tx, on_db, on_tx};

/// How long a change is kept, seconds: longer than any access token lives.
pub const KEPT: i64 = 2 * 3600;

crate::sql! {
    BUMP = "UPDATE version SET n = n + 1 WHERE id = 1 RETURNING n";
    INSERT = "INSERT INTO changes (n, kind, ref, expires_at) VALUES ($1, $2, $3, $4)";
    SINCE = "SELECT v.n, c.kind, c.ref, c.n FROM version v LEFT JOIN changes c ON c.n > $1 WHERE v.id = 1 ORDER BY c.n";
}

/// The newest number, and a change's kind, thing and number when there is one.
type Row = (i64, Option<String>, Option<String>, Option<i64>);

/// What kind of thing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A grant ended; `ref` is its id.
    Grant,
    /// One access token was revoked; `ref` is its `jti`.
    Token,
    /// A client changed or went; `ref` is its id.
    Client,
    /// A person changed, was disabled or went; `ref` is the subject.
    User,
    /// The signing keys changed.
    Keys,
    /// A legal document was published; `ref` is its kind.
    Document,
    /// A brand was saved or deleted; `ref` is its name.
    Brand,
    /// The trust of sign-in by certificate changed; `ref` says whereby.
    Trust,
    /// A person said what a device may; `ref` is the hash of its code.
    Device,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Token => "token",
            Self::Client => "client",
            Self::User => "user",
            Self::Keys => "keys",
            Self::Document => "document",
            Self::Brand => "brand",
            Self::Trust => "trust",
            Self::Device => "device",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let all = [
            Self::Grant,
            Self::Token,
            Self::Client,
            Self::User,
            Self::Keys,
            Self::Document,
            Self::Brand,
            Self::Trust,
            Self::Device,
        ];
        all.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Something that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its number.
    pub n: i64,
    /// What kind of thing.
    pub kind: Kind,
    /// Which one.
    pub what: String,
}

/// Tells every node that these things changed, when the transaction commits.
///
/// # Errors
/// When the database fails.
pub async fn tell(tx: &mut Tx, kind: Kind, what: &[String], now: Timestamp) -> Result<()> {
    let n: i64 = on_tx!(tx, conn => sqlx::query_scalar(BUMP).fetch_one(conn).await)?;
    for what in what {
        on_tx!(tx, conn => sqlx::query(INSERT)
            .bind(n).bind(kind.as_str()).bind(what).bind(now.plus(KEPT).0).execute(conn).await.map(drop))?;
    }
    Ok(())
}

/// The newest number, and what changed after number `seen`, in order. One statement.
///
/// # Errors
/// When the database fails.
pub async fn since(db: &Db, seen: i64) -> Result<(i64, Vec<Change>)> {
    let rows: Vec<Row> = on_db!(db, pool => sqlx::query_as(SINCE).bind(seen).fetch_all(pool).await)?;
    let newest = rows.first().map_or(0, |row| row.0);
    let changes = rows
        .into_iter()
        .filter_map(|(_, kind, what, n)| Some(Change { n: n?, kind: Kind::parse(&kind?)?, what: what? }))
        .collect();
    Ok((newest, changes))
}
