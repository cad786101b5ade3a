//! Signing keys: their place in the rotation. The private part is sealed; only `oidc` ever opens it.

use serde::{Deserialize, Serialize};

use crate::client::Alg;
use crate::id::KeyId;
use crate::time::Timestamp;

/// Where a key stands in the rotation of its algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// Published, so that relying parties have it cached before it signs.
    Next,
    /// Signs.
    Current,
    /// Published, so that what it signed still verifies.
    Previous,
}

impl KeyState {
    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Current => "current",
            Self::Previous => "previous",
        }
    }
}

/// A signing key as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// `kid`.
    pub id: KeyId,
    /// What it signs with.
    pub alg: Alg,
    /// Its place in the rotation.
    pub state: KeyState,
    /// The public JWK (RFC 7517) as JSON text.
    pub public_jwk: String,
    /// The private JWK, sealed under the master key (purpose `signing-key`, bound to the id).
    pub private_sealed: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it left the place of the current key; `None` until then.
    pub retired_at: Option<Timestamp>,
}
