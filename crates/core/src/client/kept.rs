//! A client as it is remembered: metadata, and hashes of its secrets.

use serde::{Deserialize, Serialize};

use super::ClientMetadata;
use crate::id::ClientId;
use crate::secret::TokenHash;
use crate::time::Timestamp;

/// A client as it is remembered.
#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    /// `client_id`.
    pub id: ClientId,
    /// What it is.
    pub metadata: ClientMetadata,
    /// Hashes of the secrets that are good now: one, or two while a rotation overlaps.
    pub secrets: Vec<ClientSecret>,
    /// A disabled client gets nothing and its tokens are dead.
    pub disabled: bool,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it last changed; its version for `If-Match`.
    pub updated_at: Timestamp,
}

/// The hash of one client secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSecret {
    /// SHA-256 of the secret.
    pub hash: TokenHash,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops being good; `None`: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl Client {
    /// Whether `secret` is one of the client's that is good at `now`; constant time for each of them.
    #[must_use]
    pub fn knows_secret(&self, secret: &str, now: Timestamp) -> bool {
        self.secrets
            .iter()
            .filter(|s| s.expires_at.is_none_or(|end| end > now))
            .fold(false, |found, s| s.hash.matches(secret) | found)
    }
}
