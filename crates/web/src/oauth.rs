//! The protocol's endpoints over HTTP. Each handler turns headers and body into values, asks `kabinet-oidc`, and writes the
//! answer.

pub(crate) mod authorize;
pub(crate) mod cors;
pub(crate) mod leaked;
pub(crate) mod logout;
pub(crate) mod metadata;
pub(crate) mod register;
pub(crate) mod session;
pub(crate) mod token;
pub(crate) mod userinfo;
