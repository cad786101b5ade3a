//! The harness of the in-process tests: the real provider without a socket.
//!
//! - [`TestApp`]: a provider on a database of its own, with a clock that stands still until it is moved.
//! - [`Browser`]: what a person uses: cookies, pages, forms by id, no scripts.
//! - [`BackChannel`]: where such a client hears of sign-outs.
//! - [`Rp`]: a registered client that builds requests, redeems, refreshes and verifies.
//! - [`program`]: the built binary, for what a process must do; browsers and clients can go on with one, too.
//!
//! `KABINET_TEST_DB` says `sqlite` (default) or `postgres`; then `KABINET_TEST_POSTGRES` names a server on which databases
//! may be made, and `KABINET_TEST_REDIS` a Redis whose sixteen databases may be emptied. `KABINET_TEST_LOGS` is a folder
//! that logs are written to. Secrets that tests choose begin with `CANARY-`, so that a search of the logs finds leaks.
#![expect(clippy::expect_used, clippy::panic, reason = "a harness fails by panicking")]

mod answer;
mod app;
mod back_channel;
mod browser;
mod client_key;
mod database;
mod elsewhere;
mod html;
pub mod jwt;
pub mod program;
mod rp;
pub mod signature;

pub use answer::{Answer, Pairs, form_body, query_of};
pub use app::{Node, Person, START, TestApp, TestClock};
pub use back_channel::{BackChannel, Call, Reply};
pub use browser::{Browser, Kept, Page};
pub use client_key::{ClientKey, Published};
pub use database::empty_database;
pub use elsewhere::{Elsewhere, Script};
pub use html::{Form, Html, text_of};
pub use rp::{Ask, Callback, JWT_BEARER, Rp, Tokens, basic};

/// The issuer of every provider under test unless it says otherwise.
pub const ISSUER: &str = "https://id.test";

/// The password of people who are made without one of their own.
pub const PASSWORD: &str = "CANARY-верный пароль 1";

/// Waits until `condition` holds, as long as [`program::BOUND`]. For what another task does.
pub async fn eventually<F, T>(what: &str, mut condition: F)
where
    F: FnMut() -> T,
    T: Future<Output = bool>,
{
    let begun = std::time::Instant::now();
    while begun.elapsed() < program::BOUND {
        if condition().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("not in time: {what}");
}
