//! The drivers of `fetch` against the stand-ins of the other sides, over real sockets.

#![expect(clippy::unwrap_used, reason = "tests")]

mod letter;
mod mail;
mod sms;
