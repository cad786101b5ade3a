//! Identifiers. None of them is a secret: each may stand in a log line, an audit record or a URL.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::ambient::{Entropy, random};
use crate::time::Timestamp;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The identifier as it is stored and sent.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(value: String) -> Self {
                Self(value)
            }
        }

        impl From<&str> for $name {
            fn from(value: &str) -> Self {
                Self(value.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

id! {
    /// A person; the `sub` of every product unless the client asks for pairwise subjects. A random UUID.
    UserId
    /// A relying party; `client_id`.
    ClientId
    /// One account signed in on one browser.
    SessionId
    /// One authorization of a client by a person: the family that its code and refresh tokens belong to.
    GrantId
    /// One sealed authorization request on its way through sign-in and consent.
    FlowId
    /// A confirmation code on its way to a phone or an e-mail address.
    ConfirmationId
    /// What a right code opened: a way back into an account.
    RecoveryId
    /// A change that waits until the holders of an account had time to stop it.
    HandoverId
    /// An invitation on its way to a phone or an e-mail address.
    InvitationId
    /// A message to a person; also the key by which a gateway knows a second attempt.
    MessageId
    /// A signing key; the `kid` in the JWKS.
    KeyId
    /// An organisation of one person.
    OrganisationId
    /// A certificate that belongs to an account.
    CertificateId
    /// A text to be signed; stands in that text.
    ChallengeId
    /// A way to another provider and back.
    AttemptId
    /// An account at another provider that belongs to an account here.
    LinkId
    /// An API token of a person.
    ApiTokenId
    /// Two accounts on the way to become one, and then that they did.
    MergeId
}

macro_rules! generated {
    ($($name:ident)*) => {$(
        impl $name {
            /// A new identifier that sorts by `now` (UUID version 7, RFC 9562 §5.7).
            #[must_use]
            pub fn generate(now: Timestamp, entropy: &dyn Entropy) -> Self {
                let millis = u64::try_from(now.0).unwrap_or(0).saturating_mul(1000);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random(entropy)).into_uuid().to_string())
            }
        }
    )*};
}

generated! { ClientId SessionId GrantId FlowId ConfirmationId InvitationId RecoveryId HandoverId KeyId MessageId OrganisationId CertificateId AttemptId LinkId ApiTokenId MergeId }

impl UserId {
    /// A new subject: random, so that it tells nothing about when the person registered (UUID version 4).
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(uuid::Builder::from_random_bytes(random(entropy)).into_uuid().to_string())
    }
}

impl ChallengeId {
    /// A new number: 192 random bits, base64url.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(URL_SAFE_NO_PAD.encode(random::<24>(entropy)))
    }
}

/// A new unique identifier for rows that have no type of their own (audit records, consent records).
#[must_use]
pub fn row_id(now: Timestamp, entropy: &dyn Entropy) -> String {
    GrantId::generate(now, entropy).0
}
