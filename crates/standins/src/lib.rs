//! Stand-ins for the outside world, for the demonstration and for tests. None is in the production binary.
//!
//! A stand-in speaks the real protocol of what it stands for and says on each of its pages that it is not the real thing.
//! Each is one module with one function that gives an [`axum::Router`]; whoever starts it chooses where it listens. What
//! does not speak HTTP listens by itself.
//!
//! - [`esia`]: ЕСИА (Госуслуги), with people, organisations and signatures.
//! - [`outbox`]: the phones and mailboxes that codes are sent to, as one page.
//! - [`sms_gateway`]: four SMS gateways, and one of no known form.
//! - [`smtp`]: a mail server that catches letters.
//! - [`telegram`]: Telegram, as far as people sign in by it.
//! - [`toolbox`]: Astral.Toolbox, which signs with certificates for pages.
//! - [`upstream`]: a plain OpenID provider that people are sent to.
//!
//! [`look`] is the shell that their pages, and those of the demonstration's products, have in common.

pub mod esia;
pub mod look;
mod openid;
pub mod outbox;
pub mod sms_gateway;
pub mod smtp;
pub mod telegram;
pub mod toolbox;
pub mod upstream;
