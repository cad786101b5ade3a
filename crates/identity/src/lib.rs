//! Who people are: login methods, sign-in sessions, registration, throttling and the delivery of codes.
//!
//! Everything goes through [`Identity`], which is cheap to clone:
//!
//! ```text
//! begin_registration ─▶ (code sent) ─▶ confirm ──┐
//!                                                ├─▶ Proof ─▶ sign_in ─▶ session and its cookie
//! check_password ────────────────────────────────┘
//! begin_challenge ─▶ (signed) ─▶ check_signature ─▶ sign_in_by_certificate ─▶ Proof
//! begin_upstream ─▶ (signed in there) ─▶ take_return ─▶ finish_upstream ─▶ Proof
//! try_invitation ─▶ ticket ─▶ register_invited ─▶ Proof, or join_invited with a session
//! begin_recovery ─▶ (code sent) ─▶ confirm ─▶ set_password ─▶ (sign in again)
//! ```
//!
//! A [`Proof`] is made only here, by a method that checked it, so a session cannot begin without one. It knows nothing of
//! HTTP and nothing of OAuth: a [`Visit`] says who is asking, and the caller keeps the cookie.

pub mod account;
mod agreement;
mod api_token;
pub mod asn;
pub mod config;
pub mod confirmation;
pub mod contact;
pub mod delivery;
mod device;
mod facts;
mod gates;
mod hashing;
pub mod invitation;
pub mod leaked;
mod merge;
pub mod method;
mod organisation;
pub mod recovery;
pub mod registration;
pub mod session;
mod source;
mod strength;
mod throttle;
pub mod trust;
mod work;

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use kabinet_core::ambient::{Clock, Entropy};
use kabinet_core::audit::{Origin, Record};
use kabinet_core::authn::Factor;
use kabinet_core::brand::Brand;
use kabinet_core::country::CountryCode;
use kabinet_core::id::{ClientId, FlowId, UserId};
use kabinet_core::language::Language;
use kabinet_core::seal::{MasterKey, Sealer, Stamper};
use kabinet_core::secret::TokenHash;
use kabinet_core::time::Timestamp;
use kabinet_fetch::Fetch;
use kabinet_gost::{SignatureVerifier, Verifier};
use kabinet_store::{Store, Tx, audit};

pub use account::{AccountError, NewAccount};
pub use agreement::PublishError;
pub use api_token::{ApiTokenError, BadApiToken, MadeApiToken, NewApiToken};
pub use config::{
    Algorithms, ApiTokenConfig, CertificateConfig, Config, ConfirmationConfig, DeliveryConfig, HashingConfig,
    InvitationConfig, MergeConfig, PasswordConfig, RecoveryConfig, SecondProof, SessionConfig, TwoFactors, WorkConfig,
};
pub use confirmation::{CodeError, Confirmed, Pending};
pub use delivery::{Channel, Failure, Message, Purpose, Receipt, Route, Routes, Sending};
pub use invitation::{InviteError, InvitedError, NewInvitation, TryError};
pub use kabinet_store::merge::Merge;
pub use merge::{FreshMerge, MergeError, MergePreview, MergedProof, Merging, Party};
pub use method::certificate::{
    CertificateError, CertificateLogin, CertificatePurpose, Challenge, Draft, Fresh, LinkError, Signer,
};
pub use method::password::LoginError;
pub use method::upstream::{
    Allowed, Configured, Connection, FederationError, FreshLink, Going, Guest, Return, UpstreamLinkError,
    UpstreamLogin, UpstreamSettings,
};
pub use organisation::OrganisationError;
pub use recovery::{RecoveryError, Way};
pub use registration::{By, RegisterError, Registration};
pub use session::{Ended, Ending, SignedIn};
pub use work::{NeedsWork, Solution, Work};

use asn::Networks;
use delivery::Post;
use hashing::{HashError, Hasher};
use leaked::Filter;
use throttle::Throttle;

/// Why something could not be done through nobody's fault but ours.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] kabinet_store::Error),
    /// The account is gone or was disabled since it was proven.
    #[error("the account is gone or disabled")]
    Gone,
    /// A password could not be hashed or its stored hash not read.
    #[error("password hash: {0}")]
    Hash(String),
}

/// What the crate is made from.
pub struct Parts {
    /// What is remembered.
    pub store: Store,
    /// Settings.
    pub config: Config,
    /// From which pepper, seals and stamps derive.
    pub master: MasterKey,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// How messages leave.
    pub routes: Routes,
    /// How revocation lists are fetched: also over plain http, since each is signed.
    pub fetch: Fetch,
    /// Who verifies signatures in place of this process; `None`: it does so itself.
    pub verifier: Option<Arc<dyn SignatureVerifier>>,
    /// The providers that people are sent to, in the order in which pages show them.
    pub upstreams: Vec<Configured>,
}

/// Who people are.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

pub(crate) struct Inner {
    pub store: Store,
    pub config: Config,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub post: Post,
    pub hasher: Hasher,
    pub throttle: Throttle,
    pub leaked: ArcSwapOption<Filter>,
    pub networks: ArcSwapOption<Networks>,
    pub codes: Stamper,
    pub payloads: Sealer,
    pub invitations: Sealer,
    pub works: Sealer,
    pub signers: Sealer,
    pub attempts: Sealer,
    pub arrivals: Sealer,
    pub externals: Sealer,
    pub upstreams: Vec<Configured>,
    pub verifier: ArcSwap<Verifier>,
    pub known: tokio::sync::Mutex<trust::Known>,
    pub responders: trust::Responders,
    pub outside: Option<Arc<dyn SignatureVerifier>>,
    pub fetch: Fetch,
}

impl Identity {
    /// Puts the parts together; nothing is read or written yet.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts {
            store,
            config,
            master,
            clock,
            entropy,
            routes,
            fetch,
            verifier,
            upstreams,
        } = parts;
        Self(Arc::new(Inner {
            hasher: Hasher::new(&config.hashing, master.derive("password-pepper"), &*entropy),
            throttle: Throttle::new(master.stamper("throttle")),
            leaked: ArcSwapOption::empty(),
            networks: ArcSwapOption::empty(),
            codes: master.stamper("confirmation-code"),
            payloads: master.sealer("confirmation"),
            invitations: master.sealer("invitation"),
            works: master.sealer("work"),
            signers: master.sealer("signer"),
            attempts: master.sealer("upstream-attempt"),
            arrivals: master.sealer("upstream-arrival"),
            externals: master.sealer("upstream-person"),
            upstreams,
            verifier: ArcSwap::from_pointee(trust::nobody(&config)),
            known: tokio::sync::Mutex::default(),
            responders: trust::Responders::default(),
            outside: verifier,
            fetch,
            post: Post::new(routes, &master),
            store,
            config,
            clock,
            entropy,
        }))
    }

    /// The settings that it was made with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// How many password hashes have been computed, for the metrics and for tests of what an attempt costs.
    #[must_use]
    pub fn hashes(&self) -> u64 {
        self.0.hasher.made()
    }

    /// From now on nobody may set a password that this filter finds.
    pub fn refuse_leaked(&self, filter: Option<Filter>) {
        self.0.leaked.store(filter.map(Arc::new));
    }

    /// From now on codes are counted by autonomous system, too, as these tables know them.
    pub fn count_by_system(&self, networks: Option<Networks>) {
        self.0.networks.store(networks.map(Arc::new));
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// What a browser is given when it signs in to an account, to be shown at later attempts: worth nothing in another
    /// browser or for another account.
    #[must_use]
    pub fn device_mark(&self, user: &UserId, binding: &TokenHash) -> String {
        self.0.throttle.device(user.as_str(), binding)
    }

    async fn write(&self, tx: &mut Tx, record: &Record, origin: &Origin) -> kabinet_store::Result<()> {
        audit::write(tx, record, origin, self.now(), &*self.0.entropy).await
    }
}

/// Who is asking.
#[derive(Clone, Debug)]
pub struct Visit {
    /// Who and from where, for the records.
    pub origin: Origin,
    /// The network: `/24` of an IPv4 address, `/64` of an IPv6 one. What is counted per network uses it as it is.
    pub network: String,
    /// The hash of the browser's binding cookie.
    pub binding: TokenHash,
    /// The sealed authorization request that the person came with.
    pub flow: Option<FlowId>,
    /// The client of that request.
    pub client: Option<ClientId>,
    /// The brand of the pages: messages come in its name.
    pub brand: Arc<Brand>,
    /// The device marks that this browser holds, see [`Identity::device_mark`]. Failures of a browser that has signed in
    /// to the account before are counted apart, so that strangers cannot make its owner wait.
    pub devices: Vec<String>,
    /// The language of the pages, and of the codes that are sent.
    pub language: Language,
    /// The country that the visitor is in, as far as somebody trusted says so.
    pub country: Option<CountryCode>,
    /// What the form brought back of the work that its page may ask for; `None`: it asks for none, because a proof stands
    /// before it.
    pub work: Option<Solution>,
}

/// That somebody has just proven to be this person. Only this crate makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Proof {
    /// Who.
    pub user_id: UserId,
    /// By what, sorted.
    pub factors: Vec<Factor>,
    /// Whether the account was made by this proof: nobody need be told of its first sign-in.
    pub(crate) registered: bool,
    /// The provider where it was given.
    pub(crate) upstream: Option<String>,
}

impl Proof {
    pub(crate) fn new(user_id: UserId, mut factors: Vec<Factor>) -> Self {
        factors.sort_unstable();
        Self { user_id, factors, registered: false, upstream: None }
    }

    /// The same with the signature whose certificate was just linked to this account.
    #[must_use]
    pub fn with_signature(mut self, signer: &Signer) -> Self {
        self.factors.push(signer.factor());
        Self {
            registered: self.registered,
            upstream: self.upstream,
            ..Self::new(self.user_id, self.factors)
        }
    }

    /// The same with the sign-in at a provider that was just linked to this account.
    #[must_use]
    pub fn with_guest(mut self, guest: &Guest, settings: &UpstreamSettings) -> Self {
        self.factors.push(settings.factor(guest.person()));
        let registered = self.registered;
        Self { registered, ..Self::new(self.user_id, self.factors) }.through_upstream(&settings.name)
    }

    pub(crate) fn through_upstream(self, name: &str) -> Self {
        Self { upstream: Some(name.to_owned()), ..self }
    }
}

/// Either kind of trouble that hashing can have, for the error types that tell "come later" from a failure.
pub(crate) enum Trouble {
    Busy(i64),
    Error(Error),
}

impl From<HashError> for Trouble {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy { seconds } => Self::Busy(seconds),
            HashError::Failed(detail) => Self::Error(Error::Hash(detail)),
        }
    }
}
