//! Settings of the protocol. All times are seconds.

use kabinet_core::response_type::ResponseType;
use kabinet_core::scope::Scope;
use kabinet_store::logo::Shown;
use serde::{Deserialize, Serialize};

/// Settings of the protocol.
#[derive(Clone, Debug)]
pub struct Config {
    /// The issuer: scheme, host and port, no path, no slash at the end.
    pub issuer: String,
    /// Lifetimes.
    pub token: TokenConfig,
    /// What the server can do, for discovery.
    pub response_types: Vec<ResponseType>,
    /// Dynamic client registration.
    pub registration: RegistrationConfig,
}

/// Who may register a client over HTTP (RFC 7591).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RegistrationMode {
    /// Nobody.
    #[default]
    Closed,
    /// Who holds an initial access token.
    Token,
    /// Anybody.
    Open,
}

/// Dynamic client registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationConfig {
    /// Who may register.
    pub mode: RegistrationMode,
    /// The scopes that a client may register for.
    pub scope: Scope,
    /// How many clients a network may register in an hour without a token.
    pub per_hour: i64,
    /// After how many seconds a client that registered without a token and that nobody used goes.
    pub unused: i64,
    /// Whose pictures are shown.
    pub show_logos: Shown,
}

impl Default for RegistrationConfig {
    fn default() -> Self {
        Self {
            mode: RegistrationMode::Closed,
            scope: Scope::from_iter(["openid", "profile", "email", "phone", "address", "offline_access"]),
            per_hour: 10,
            unused: 7 * 86_400,
            show_logos: Shown::Vouched,
        }
    }
}

/// Lifetimes, in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenConfig {
    /// Authorization code: RFC 6749 §4.1.2 allows ten minutes, a redirect needs seconds.
    pub code: i64,
    /// JWT access token: a product that verifies it alone cannot learn of a revocation sooner.
    pub access: i64,
    /// Opaque access token: asked about at every use, so it may live longer.
    pub opaque_access: i64,
    /// ID token.
    pub id_token: i64,
    /// Refresh token that is not used.
    pub refresh_idle: i64,
    /// Family of refresh tokens at most.
    pub refresh_absolute: i64,
    /// How long the same refresh token gets the same successor: two tabs, a lost answer.
    pub refresh_grace: i64,
    /// A sealed authorization request on its way through sign-in.
    pub flow: i64,
    /// How long a browser may be sent with a pushed request.
    pub par: i64,
    /// The codes of a device (RFC 8628).
    pub device: i64,
}

impl Default for TokenConfig {
    fn default() -> Self {
        const DAY: i64 = 86_400;
        Self {
            code: 60,
            access: 300,
            opaque_access: 600,
            id_token: 3600,
            refresh_idle: 30 * DAY,
            refresh_absolute: 180 * DAY,
            refresh_grace: 10,
            flow: 1800,
            par: 60,
            device: 600,
        }
    }
}
