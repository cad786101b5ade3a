//! The verifier of ГОСТ signatures beside two other implementations: OpenSSL's GOST engine, which makes what is verified, and
//! gostcrypto, which verifies it too.
//!
//! Needs `openssl` with `libengine-gost-openssl`, and a Python with gostcrypto (`E2E_PYTHON`, else `python3`);
//! `cargo xtask test --only gost` installs both. Without them these tests fail and say so.

#![expect(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

mod answers;
mod bare;
mod curl;
mod engine;
mod esia_standin;
mod messages;
mod oracle;
mod responders;
mod signing;
mod toolbox;
mod trust;
mod trust_commands;
