//! HTTP: routes, pages, middleware. The only crate that knows axum.
//!
//! A request passes the layers of [`layers`] (request id, limits, headers, metrics), becomes a [`visit::Visit`] (who asks, in
//! which language, with which cookies) and is answered by a handler named as its URL: [`oauth`] for the protocol's
//! endpoints, [`page`] for what people see. Every route stands in [`routes::routes`] with who may call it.

mod api;
pub mod assets;
pub mod brand;
mod cookies;
mod delivery;
mod error;
mod form;
pub mod i18n;
mod layers;
mod oauth;
mod page;
pub mod routes;
mod site;
pub mod view;
mod visit;

pub use routes::{Access, router, routes};
pub use site::{Config, Parts, Site};
