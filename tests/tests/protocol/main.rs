//! The protocol's endpoints, in process: one module per endpoint or table. The tests named `c_…` are modules of the OpenID
//! conformance suite.
#![expect(clippy::unwrap_used, reason = "tests")]

mod access;
mod accounts;
mod assertions;
mod authorize;
mod clients;
mod code;
mod conformance;
mod conformance_logout;
mod crates;
mod discovery;
mod encrypted;
mod forged;
mod headers;
mod hostile;
mod jwt_bearer;
mod key_rotation;
mod managing;
mod mended;
mod redirects;
mod refresh;
mod registration;
mod repeated;
mod signed;
mod token_exchange;
mod world;
