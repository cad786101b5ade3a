//! The protocol: OpenID Connect Core 1.0 on OAuth 2.0, as a library that knows neither HTTP nor pages.
//!
//! A request reaches it as parameters and leaves as a value that the web layer renders. One module per endpoint:
//! [`authorize`], [`par`], [`device`], [`token`], [`userinfo`], [`introspect`], [`revoke`], [`logout`] (and [`backchannel`],
//! [`session_state`]), [`registration`], [`discovery`]; [`dpop`] binds tokens to keys at several of them; a grant type is one module in
//! [`grant`] and one line in [`grant::GRANTS`].
//!
//! What is on the hot path and what it costs the database (asserted by a test):
//!
//! | request | statements |
//! |---|---|
//! | authorize with a session | sessions (read by the caller), consents (third-party clients), last account (several accounts); one transaction with the grant and its audit record |
//! | token, code | redeem, first generation, audit record: one transaction |
//! | token, device code | none while nobody has decided; then as a code, and the device's row |
//! | token, refresh | rotate: one transaction |
//! | token, token exchange | audit record: one transaction; an API token is read before, and its use noted beside |
//! | token, JWT bearer | consents (third-party clients); one transaction with the assertion's id, the grant and its audit record |
//! | token, client_credentials; introspect; userinfo | none when warm |

pub mod authorize;
pub mod backchannel;
pub mod claims;
pub mod client_auth;
pub mod config;
pub mod consent;
pub mod device;
pub mod discovery;
pub mod dpop;
mod flow;
pub mod grant;
pub mod introspect;
mod inviter;
pub mod keys;
pub mod live;
pub mod logo;
pub mod logout;
pub mod par;
pub mod registration;
pub mod request;
pub mod request_object;
pub mod respond;
pub mod revoke;
pub mod sealed;
pub mod session_state;
pub mod signed;
mod subject;
pub mod token;
pub mod tokens;
pub mod userinfo;

use std::sync::Arc;

use arc_swap::ArcSwap;
use kabinet_core::ambient::{Clock, Entropy};
use kabinet_core::audit::Origin;
use kabinet_core::document::Documents;
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::seal::{MasterKey, Sealer, Stamper};
use kabinet_core::time::Timestamp;
use kabinet_fetch::Fetch;
use kabinet_store::Store;

pub use config::Config;

/// Why a request could not be answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client's fault, in its own words.
    #[error(transparent)]
    Client(#[from] OAuthError),
    /// The store failed: 503, and it may be tried again.
    #[error(transparent)]
    Store(#[from] kabinet_store::Error),
    /// Ours: a bug or a broken key.
    #[error("{0}")]
    Bug(String),
    /// This node has not heard from the primary for too long to call anything good.
    #[error("the node has not heard from the database")]
    Stale,
}

impl Error {
    /// What the wire says.
    #[must_use]
    pub fn wire(&self) -> OAuthError {
        match self {
            Self::Client(error) => error.clone(),
            Self::Store(error) => {
                OAuthError::new(Code::TemporarilyUnavailable, "the provider is busy, try again").with_detail(error)
            }
            Self::Stale => {
                OAuthError::new(Code::TemporarilyUnavailable, "the provider is busy, try again").with_detail(self)
            }
            Self::Bug(detail) => OAuthError::new(Code::ServerError, "the provider failed").with_detail(detail),
        }
    }
}

/// What protocol functions return.
pub type Result<T> = std::result::Result<T, Error>;

/// The provider's protocol side. Cheap to clone.
#[derive(Clone)]
pub struct Provider {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    store: Store,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    keys: ArcSwap<keys::Keyring>,
    documents: ArcSwap<Documents>,
    brands: ArcSwap<kabinet_core::brand::Brands>,
    key_sealer: Sealer,
    flow_sealer: Sealer,
    access_sealer: Sealer,
    refresh_stamper: Stamper,
    sid_stamper: Stamper,
    user_code_stamper: Stamper,
    registration_stamper: Stamper,
    nonce_stamper: Stamper,
    subjects: subject::Subjects,
    live: live::Live,
    verified: tokens::Verified,
    guesses: client_auth::Guesses,
    fetch: Fetch,
    client_keys: keys::client::Fetched,
    origins: live::Origins,
}

/// What a provider is made of.
pub struct Parts {
    /// Settings.
    pub config: Config,
    /// What is remembered.
    pub store: Store,
    /// The key from which all others are derived.
    pub master: MasterKey,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// The guarded client for what clients publish: keys, sector identifiers.
    pub fetch: Fetch,
}

/// Who sent a back-channel or front-channel request: for the audit trail and the throttles.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// For the audit trail.
    pub origin: Origin,
    /// The network that guesses are counted by.
    pub network: String,
    /// The proof of possession that came with the request, unchecked.
    pub dpop: dpop::Presented,
}

impl Provider {
    /// Loads the keys and learns what is dead.
    ///
    /// # Errors
    /// When the store fails or a key cannot be opened with this master key.
    pub async fn open(parts: Parts) -> Result<Self> {
        let key_sealer = keys::sealer(&parts.master);
        let stamper = parts.master.stamper("client-secret-guesses");
        let guesses = client_auth::Guesses::load(&parts.store, stamper, parts.clock.now()).await?;
        let inner = Inner {
            config: parts.config,
            store: parts.store,
            clock: parts.clock,
            entropy: parts.entropy,
            keys: ArcSwap::default(),
            documents: ArcSwap::default(),
            brands: ArcSwap::default(),
            key_sealer,
            flow_sealer: parts.master.sealer("flow"),
            access_sealer: parts.master.sealer("access-token"),
            refresh_stamper: parts.master.stamper("refresh-token"),
            sid_stamper: parts.master.stamper("sid"),
            user_code_stamper: parts.master.stamper("user-code"),
            registration_stamper: parts.master.stamper("registration-networks"),
            nonce_stamper: parts.master.stamper("dpop-nonce"),
            subjects: subject::Subjects::of(parts.master.stamper("pairwise-subject")),
            live: live::Live::default(),
            verified: tokens::Verified::default(),
            guesses,
            fetch: parts.fetch,
            client_keys: keys::client::Fetched::default(),
            origins: live::Origins::default(),
        };
        let provider = Self { inner: Arc::new(inner) };
        // Who has heard nothing yet loads everything: keys, documents, brands.
        provider.hear().await?;
        Ok(provider)
    }

    /// Settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The issuer, exactly as it stands in every token.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.inner.config.issuer
    }

    /// The keys in use.
    #[must_use]
    pub fn keys(&self) -> Arc<keys::Keyring> {
        self.inner.keys.load_full()
    }

    /// The legal documents, as this node last heard of them.
    #[must_use]
    pub fn documents(&self) -> Arc<Documents> {
        self.inner.documents.load_full()
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    fn entropy(&self) -> &dyn Entropy {
        &*self.inner.entropy
    }

    fn store(&self) -> &Store {
        &self.inner.store
    }
}
