//! The protocol's endpoints, in process: one module per endpoint or table. The modules of the OpenID conformance suite are in
//! `certification`.
#![expect(clippy::unwrap_used, reason = "tests")]

mod access;
mod accounts;
mod assertions;
mod authorize;
mod back_channel;
mod claims;
mod clients;
mod code;
mod crates;
mod discovery;
mod encrypted;
mod forged;
mod front_channel;
mod headers;
mod hostile;
mod jwt_bearer;
mod key_rotation;
mod life_cycle;
mod logos;
mod logout;
mod managing;
mod mended;
mod pushed;
mod redirects;
mod refresh;
mod registration;
mod repeated;
mod request_objects;
mod requests;
mod response_types;
mod session_management;
mod signed;
mod token_exchange;
mod world;
