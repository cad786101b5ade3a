//! The stand-ins for OpenID providers, spoken to over a socket by the openidconnect crate and by the client that the product
//! calls out with.

#![expect(clippy::unwrap_used, reason = "tests")]

mod stand;
mod telegram;
mod upstream;
