//! What the store promises, on both databases: single use, one writer, nothing lost, nothing left behind.
//!
//! `KABINET_TEST_DB` says which database a test gets (`sqlite` unless it says `postgres`); each test makes its own.
//! `KABINET_TEST_POSTGRES` is the URL of a server that the tests may make databases on.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod brands;
mod cancelling;
mod changes;
mod consents;
mod documents;
mod ephemera;
mod growth;
mod messages;
mod migrations;
mod organisations;
mod place;
mod spending;
mod statements;
mod sweeper;
mod trust;
mod upstreams;
mod world;
mod writer;
