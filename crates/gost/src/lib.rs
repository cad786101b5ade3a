//! Russian signatures: ГОСТ Р 34.10-2012 over ГОСТ Р 34.11-2012, in certificates (RFC 9215) and in CMS (RFC 5652).
//!
//! So far this crate names things: the object identifiers below, and what can be wrong with a signature. It knows nothing
//! of sign-in.

pub mod oid;

/// Why a signature, a certificate or a message is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not the structure that it should be.
    #[error("malformed {what}")]
    Malformed {
        /// Which structure.
        what: &'static str,
    },
    /// It uses an algorithm that is not accepted.
    #[error("unsupported algorithm {oid}")]
    Unsupported {
        /// The algorithm's object identifier, dotted.
        oid: String,
    },
    /// The signature does not belong to the content and the key.
    #[error("the signature does not match")]
    Signature,
}
