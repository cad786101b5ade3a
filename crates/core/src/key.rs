//! Signing keys: their place in the rotation. The private part is sealed; only `oidc` ever opens it.

use serde::{Deserialize, Serialize};

use crate::client::{Alg, Profile};
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
    /// Not published; its public half alone is kept, so that an ID token comes back as a hint for as long as a session.
    Retired,
}

impl KeyState {
    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Current => "current",
            Self::Previous => "previous",
            Self::Retired => "retired",
        }
    }
}

/// Which clients' tokens a key signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ring {
    /// Everybody's; rotates when the operator says so or on a schedule.
    #[default]
    #[serde(rename = "common")]
    Common,
    /// Those of the profile `1c`: 1С holds a pasted copy of the public key, so it rotates only by hand.
    #[serde(rename = "1c")]
    OneC,
}

impl Ring {
    /// Every ring.
    pub const ALL: [Self; 2] = [Self::Common, Self::OneC];

    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Common => "common",
            Self::OneC => "1c",
        }
    }

    /// The ring of a profile's tokens.
    #[must_use]
    pub fn of(profile: Profile) -> Self {
        if profile == Profile::OneC { Self::OneC } else { Self::Common }
    }

    /// What it has keys for.
    #[must_use]
    pub const fn algs(self) -> &'static [Alg] {
        match self {
            Self::Common => &Alg::ALL,
            Self::OneC => &[Alg::RS256],
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
    /// Whose tokens it signs.
    pub ring: Ring,
    /// Its place in the rotation.
    pub state: KeyState,
    /// The public JWK (RFC 7517) as JSON text.
    pub public_jwk: String,
    /// The private JWK, sealed under the master key (purpose `signing-key`, bound to the id); empty once it is retired.
    pub private_sealed: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it began to sign; `None` before, and for keys that did before this was noted.
    pub activated_at: Option<Timestamp>,
    /// When it left the place of the current key; `None` until then.
    pub retired_at: Option<Timestamp>,
}

impl SigningKey {
    /// Since when a current key signs.
    #[must_use]
    pub fn signs_since(&self) -> Timestamp {
        self.activated_at.unwrap_or(self.created_at)
    }
}
