//! The rules of sign-in, against a real SQLite file: who gets in, who waits, what a code is good for. The clock is set by
//! hand, messages are kept, and cost is counted in hashes instead of time.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod accounts;
mod certificates;
mod codes;
mod delivery;
mod gates;
mod new_passwords;
mod passwords;
mod registrations;
mod sessions;
mod systems;
mod work;
mod world;
