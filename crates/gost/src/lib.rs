//! Russian signatures: ГОСТ Р 34.10-2012 over ГОСТ Р 34.11-2012, in certificates (RFC 9215) and in CMS (RFC 5652).
//!
//! The crate knows nothing of sign-in, reads no file, asks no clock and calls nobody: bytes, trust and the time go in, a
//! [`Verdict`] comes out. It only verifies; making signatures is behind the feature `sign`, for development.
//!
//! | layer | modules |
//! |---|---|
//! | the verdict | [`verify`]: the checks in their order; [`verdict`]: every reason to refuse, with its code and step |
//! | trust | `path`: paths by `rustls-webpki`; `authority`: who may be trusted below an anchor; [`crl`], [`ocsp`]: revocation; [`identity`]: whom a certificate names |
//! | making signatures | `sign`, for development only |
//! | messages | `cms`, [`certificate`], `name`, `algorithm`: what fits what; `foreign`: RSA and ECDSA by OpenSSL |
//! | encodings | `der`, [`ber`], [`pem`], [`oid`] |
//! | numbers | `curve`, `parameters`: points and the twelve parameter sets; [`signature`], [`digest`] |
//!
//! What is not claimed: this is no certified crypto means (СКЗИ), and a verdict is no «проверка квалифицированной подписи» in
//! the sense of 63-ФЗ. A certified verifier can take its place behind [`SignatureVerifier`].

mod algorithm;
mod authority;
pub mod ber;
pub mod certificate;
mod cms;
pub mod crl;
mod curve;
mod der;
#[cfg(any(feature = "sign", test))]
pub mod detached;
pub mod digest;
mod foreign;
#[cfg(any(feature = "fuzz", test))]
pub mod fuzz;
pub mod identity;
mod name;
pub mod ocsp;
pub mod oid;
mod parameters;
mod path;
pub mod pem;
mod search;
#[cfg(any(feature = "sign", test))]
pub mod sign;
pub mod signature;
pub mod verdict;
pub mod verify;

pub use certificate::Certificate;
pub use cms::{MAX_ATTRIBUTES, MAX_BYTES, MAX_CERTIFICATES};
pub use crl::Crl;
pub use der::Malformed;
pub use name::Name;
pub use ocsp::Ocsp;
pub use parameters::ParameterSet;
pub use path::Anchor;
pub use verdict::{Accepted, Reason, Refusal, Verdict};
pub use verify::{Content, Policy, Request, Require, Revocation, SignatureVerifier, Trust, Verifier};
