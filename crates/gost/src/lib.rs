//! Russian signatures: ГОСТ Р 34.10-2012 over ГОСТ Р 34.11-2012, in certificates (RFC 9215) and in CMS (RFC 5652).
//!
//! The crate knows nothing of sign-in, reads no file, asks no clock and calls nobody: bytes, trust and the time go in, a
//! verdict comes out. It only verifies; making signatures is behind the feature `sign`, for development.
//!
//! | layer | modules |
//! |---|---|
//! | numbers | `curve`, `parameters`: points and the twelve parameter sets; [`signature`], [`digest`] |
//! | encodings | `der`, [`ber`], [`pem`], [`oid`] |
//!
//! What is not claimed: this is no certified crypto means (СКЗИ), and a verdict is no «проверка квалифицированной подписи» in
//! the sense of 63-ФЗ.

pub mod ber;
mod curve;
mod der;
pub mod digest;
pub mod oid;
mod parameters;
pub mod pem;
pub mod signature;

pub use der::Malformed;
pub use parameters::ParameterSet;
