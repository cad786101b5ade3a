//! What people and clients do, through the in-process router as a browser without scripts, and through the built binary
//! where a process must be killed, told or configured.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod abuse;
mod accounts;
mod api_tokens;
mod asking;
mod audit_trail;
mod brands;
mod budgets;
mod certificates;
mod command_line;
mod complete;
mod consent;
mod countries;
mod delivery;
mod device;
mod documents;
mod esia;
mod flows;
mod input;
mod invitations;
mod mended;
mod merge;
mod new_passwords;
mod organisations;
mod processes;
mod program;
mod recovery;
mod registration;
mod sessions;
mod sign_in;
mod single_use;
mod systems;
mod tabs;
mod telegram;
mod texts;
mod tls;
mod upstreams;
mod withdrawal;
mod work;
