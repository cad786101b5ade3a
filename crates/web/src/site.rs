//! What every handler shares.

use std::sync::Arc;

use ipnet::IpNet;
use kabinet_core::ambient::{Clock, Entropy};
use kabinet_core::seal::{MasterKey, Sealer, Stamper};
use kabinet_identity::Identity;
use kabinet_oidc::Provider;

/// Settings of the web layer.
#[derive(Clone, Debug)]
pub struct Config {
    /// The issuer: scheme, host and port.
    pub issuer: String,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The least and the greatest length of a password, characters.
    pub password_length: (u32, u32),
    /// How long a remembered session's cookie lives, seconds.
    pub remembered: i64,
    /// How long a code by SMS and one by e-mail live, seconds.
    pub code_life: (i64, i64),
}

/// What the site is made of.
pub struct Parts {
    /// Settings.
    pub config: Config,
    /// The protocol.
    pub provider: Provider,
    /// The people.
    pub identity: Identity,
    /// The key from which all others are derived.
    pub master: MasterKey,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
}

/// What every handler shares. Cheap to clone.
#[derive(Clone)]
pub struct Site {
    inner: Arc<Inner>,
}

/// See [`Parts`]; the rest is prepared once.
pub struct Inner {
    pub(crate) config: Config,
    pub(crate) provider: Provider,
    pub(crate) identity: Identity,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) form_stamper: Stamper,
    pub(crate) state_stamper: Stamper,
    pub(crate) code_sealer: Sealer,
    pub(crate) cookies: crate::cookies::Names,
    pub(crate) secure: bool,
    metadata: String,
}

impl Site {
    /// Prepares what does not change while the program runs.
    ///
    /// # Errors
    /// When the metadata cannot be written, which a checked configuration does not cause.
    pub fn new(parts: Parts) -> kabinet_oidc::Result<Self> {
        let Parts { config, provider, identity, master, clock, entropy } = parts;
        let inner = Inner {
            metadata: provider.metadata()?,
            form_stamper: master.stamper("form-token"),
            state_stamper: master.stamper("browser-state"),
            code_sealer: master.sealer("entered-code"),
            cookies: crate::cookies::Names::of(&config.issuer),
            secure: config.issuer.starts_with("https:"),
            config,
            provider,
            identity,
            clock,
            entropy,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub(crate) fn metadata(&self) -> &str {
        &self.metadata
    }
}

impl std::ops::Deref for Site {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.inner
    }
}
