//! Sign-in at another provider: what every one of them does, whatever its protocol.
//!
//! 1. [`Upstream::begin`] says where the browser goes, and what must be remembered until it comes back.
//! 2. [`Upstream::finish`] takes what the browser brought back, asks the provider by itself, and says who signed in there.
//!
//! That the answer belongs to this browser, this provider and this one attempt is checked before `finish` is called, by the
//! state of the attempt; everything that is the provider's own protocol is checked by `finish`. Neither knows of accounts here.
//!
//! What surrounds them is the same for all: [`attempt`] (the way there and back), [`link`] (whose account it is, linking and
//! unlinking) and [`health`] (a provider that does not answer is left alone for a while). What follows is decided by
//! [`kabinet_core::linking`]. [`openid`] is the provider that speaks OpenID Connect.

mod attempt;
mod health;
mod link;
pub mod openid;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use kabinet_core::ambient::Entropy;
use kabinet_core::authn::Factor;
use kabinet_core::contact::ContactKind;
use kabinet_core::external::{Assurance, External};
use kabinet_core::language::{Language, Words};
use kabinet_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::Identity;

pub use attempt::{Allowed, FederationError, Going, Return, UpstreamLogin};
pub use health::Health;
pub(crate) use link::claims;
pub use link::{Connection, FreshLink, Guest, UpstreamLinkError};

/// What an upstream answers, later.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, UpstreamError>> + Send + 'a>>;

/// A provider that people are sent to.
pub trait Upstream: Send + Sync {
    /// Where the browser goes.
    fn begin<'a>(&'a self, start: Start<'a>) -> Answer<'a, Departure>;

    /// Who has signed in there.
    fn finish<'a>(&'a self, arrival: Arrival<'a>) -> Answer<'a, External>;

    /// Where the browser goes to end its session at the provider, too; `back`: where it shall return. `None`: the provider
    /// has no such page.
    fn leave(&self, back: &Url) -> Option<Url>;

    /// Whether the provider answers now; asked from time to time, away from any request.
    fn probe(&self) -> Answer<'_, ()>;
}

/// An attempt that begins.
#[derive(Clone, Copy)]
pub struct Start<'a> {
    /// Where the browser comes back.
    pub redirect_uri: &'a Url,
    /// A UUID in lower case, new for this attempt.
    pub state: &'a str,
    /// The language of the pages.
    pub language: Language,
    /// The time.
    pub now: Timestamp,
    /// Chance.
    pub entropy: &'a dyn Entropy,
}

/// Where an attempt goes.
#[derive(Clone, Debug)]
pub struct Departure {
    /// The address at the provider.
    pub location: Url,
    /// What `finish` must know of it (nonce, verifier); kept sealed.
    pub kept: Value,
}

/// An attempt that comes back.
#[derive(Clone, Copy)]
pub struct Arrival<'a> {
    /// What the browser brought, as it stands in the query.
    pub parameters: &'a [(String, String)],
    /// As at the start.
    pub redirect_uri: &'a Url,
    /// As at the start; `parameters` has the same.
    pub state: &'a str,
    /// As at the start.
    pub kept: &'a Value,
    /// The time.
    pub now: Timestamp,
    /// Chance.
    pub entropy: &'a dyn Entropy,
}

impl<'a> Arrival<'a> {
    /// A parameter that stands there once; `None` also where it is repeated (RFC 6749 §3.1).
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        let mut found = self.parameters.iter().filter(|(key, _)| key == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }
}

/// Why nobody has signed in there. The text in a variant is for the operator's log and holds no token, code or personal data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// The person refused there.
    #[error("the person refused")]
    Cancelled,
    /// The provider does not answer, or says that it cannot now.
    #[error("the provider is not available: {0}")]
    Unavailable(String),
    /// What was brought back is too old, was used before, or is nothing that the provider knows. The person starts again.
    #[error("the answer cannot be used: {0}")]
    Stale(String),
    /// The provider does not accept this system: registration, certificate, scope, clock. Only the operator can mend it.
    #[error("the provider does not accept this system: {code}: {detail}")]
    Misconfigured {
        /// The provider's own code.
        code: String,
        /// What it says and what to look at.
        detail: String,
    },
    /// The person's account there is not confirmed, and must be here.
    #[error("the account there is not confirmed")]
    Unconfirmed {
        /// Whether the provider is checking the person now.
        is_verifying: bool,
    },
    /// The account there lacks what the request demands (a second factor).
    #[error("the account there needs a second factor")]
    NeedsSecondFactor,
    /// The person does not act for the organisation that was asked for.
    #[error("the person is not in the organisation")]
    OtherOrganisation,
    /// What the provider said cannot be believed: a signature, an issuer, an audience, a time.
    #[error("the provider's answer is not to be believed: {0}")]
    Untrusted(String),
}

impl UpstreamError {
    /// The code on pages and in the audit trail.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Cancelled => "upstream-cancelled",
            Self::Unavailable(_) => "upstream-unavailable",
            Self::Stale(_) => "upstream-stale",
            Self::Misconfigured { .. } => "upstream-misconfigured",
            Self::Unconfirmed { is_verifying: true } => "upstream-verifying",
            Self::Unconfirmed { is_verifying: false } => "upstream-unconfirmed",
            Self::NeedsSecondFactor => "upstream-second-factor",
            Self::OtherOrganisation => "upstream-organisation",
            Self::Untrusted(_) => "upstream-untrusted",
        }
    }
}

/// What a provider's word is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vouched {
    /// A phone that it has verified needs no code here.
    Phone,
    /// An e-mail address that it has verified needs no code here.
    Email,
    /// СНИЛС of a confirmed person.
    Snils,
    /// Organisations of a confirmed person; kept with the proof `esia`.
    Organisations,
}

/// What the operator says of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// Its name: in URLs, in page ids, in lists of methods, and with every link for ever.
    pub name: String,
    /// What its button says; empty: what pages say of a method of this name.
    pub title: Words,
    /// Whether an account can be made with it.
    pub registers: bool,
    /// Whether it is another country's (406-ФЗ): it is no way in by itself, so an account keeps another one, and it never
    /// makes an account.
    pub is_foreign: bool,
    /// Whether a sign-in there counts as two factors (`acr` 2), where it has confirmed the person.
    pub is_strong: bool,
    /// What its word is taken for.
    pub vouches: Vec<Vouched>,
    /// How long a step of a sign-in waits for it at most, all its calls together.
    pub patience: Duration,
    /// Whether people come from pages of ours that were opened inside it, without being sent there first.
    pub opens_inside: bool,
}

impl UpstreamSettings {
    /// A provider of this name whose word is taken for nothing.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: Words::default(),
            registers: false,
            is_foreign: false,
            is_strong: false,
            vouches: Vec::new(),
            patience: health::STEP,
            opens_inside: false,
        }
    }

    /// Whether an account can be made with it.
    #[must_use]
    pub fn makes_accounts(&self) -> bool {
        self.registers && !self.is_foreign
    }

    /// Whether its word on a contact of this kind is taken.
    #[must_use]
    pub fn vouches_for(&self, kind: ContactKind) -> bool {
        self.vouches.contains(&match kind {
            ContactKind::Phone => Vouched::Phone,
            ContactKind::Email => Vouched::Email,
        })
    }

    /// What a sign-in there is worth.
    pub(crate) fn factor(&self, person: &External) -> Factor {
        if self.is_strong && person.assurance == Assurance::Confirmed {
            Factor::FedStrong
        } else {
            Factor::Fed
        }
    }
}

/// A provider as it is configured.
pub struct Configured {
    /// What the operator says of it.
    pub settings: UpstreamSettings,
    /// How to speak to it.
    pub upstream: Arc<dyn Upstream>,
    pub(crate) health: Health,
}

impl Configured {
    /// A provider that nobody has asked yet.
    #[must_use]
    pub fn new(settings: UpstreamSettings, upstream: Arc<dyn Upstream>) -> Self {
        Self { settings, upstream, health: Health::default() }
    }
}

impl Identity {
    /// The configured providers, in the order of the configuration.
    #[must_use]
    pub fn upstreams(&self) -> &[Configured] {
        &self.0.upstreams
    }

    /// The provider of this name.
    #[must_use]
    pub fn upstream(&self, name: &str) -> Option<&Configured> {
        self.0.upstreams.iter().find(|one| one.settings.name == name)
    }

    /// Whether a provider has answered lately, as far as this node knows.
    #[must_use]
    pub fn is_up(&self, one: &Configured) -> bool {
        one.health.is_up(self.now())
    }

    /// Where the browser goes to end its session at a provider, too.
    #[must_use]
    pub fn leave_upstream(&self, name: &str) -> Option<Url> {
        let back = Url::parse(&self.0.config.issuer).ok()?;
        self.upstream(name)?.upstream.leave(&back)
    }

    /// Asks each provider whether it answers.
    pub async fn probe_upstreams(&self) {
        for one in &self.0.upstreams {
            let answer = health::within(health::PROBE, one.upstream.probe()).await;
            self.note_health(one, answer.as_ref().err());
        }
    }
}
