//! The way to a provider and back.
//!
//! 1. [`begin_upstream`](Identity::begin_upstream) remembers an attempt, for one browser and one provider, good for ten minutes
//!    and once, and says where the browser goes. The sealed request travels in it, not through the provider.
//! 2. [`take_return`](Identity::take_return) spends it by the state that the browser brought back. A state of another browser or
//!    provider, a second one and none at all do nothing (RFC 9700 §4.7.1: CSRF; each provider has a redirect URI of its own,
//!    §4.4.2: mix-up).
//! 3. [`finish_upstream`](Identity::finish_upstream) has the provider asked who it was, and decides what follows
//!    ([`linking::decide`]). Who came back and is not known waits in the attempt's row, for this browser alone.
//!
//! No account is made or changed before the provider's whole answer is there.

use std::time::Duration;

use kabinet_core::audit::{Event, Record};
use kabinet_core::external::{Assurance, External};
use kabinet_core::id::AttemptId;
use kabinet_core::linking::{self, Owner, Purpose, Refusal, Situation, Verdict};
use kabinet_core::secret::TokenHash;
use kabinet_store::upstream::{self, Attempt, Link};
use kabinet_store::{certificate, user};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::health::{STEP, within};
use super::link::{Arrived, is_contradicted};
use super::{Arrival, Configured, Departure, Start, UpstreamError, UpstreamSettings, Vouched};
use crate::throttle::network_standing;
use crate::{Error, Identity, Proof, Visit};

/// How long somebody may be at the provider, seconds.
const LIFE: i64 = 10 * 60;
/// How long an attempt is kept after that, so that whoever is late is told so, seconds.
const KEPT: i64 = 3600;
/// How long who came back may link or register, seconds.
const CARRIED: i64 = 15 * 60;
/// The longest state that is looked up.
const LONGEST_STATE: usize = 256;
/// Attempts that one network may begin: (name, how many, in how many seconds).
const NETWORK: [(&str, u32, u64); 2] = [("1m", 120, 60), ("1h", 1500, 3600)];

/// Where somebody wants to go.
#[derive(Clone, Debug)]
pub struct Going {
    /// What for.
    pub purpose: Purpose,
    /// The sealed request with which they go on afterwards.
    pub flow: String,
    /// Whether they want to be remembered.
    pub remember: bool,
}

/// What is kept of an attempt, sealed.
#[derive(Serialize, Deserialize)]
struct Away {
    kept: Value,
    purpose: Purpose,
    flow: String,
    remember: bool,
}

/// A browser that came back with a state of its own: the attempt is spent.
#[derive(Debug)]
pub struct Return {
    id: AttemptId,
    upstream: String,
    state: String,
    kept: Value,
    /// What for.
    pub purpose: Purpose,
    /// The sealed request with which they go on.
    pub flow: String,
    /// Whether they want to be remembered.
    pub remember: bool,
}

/// What the client and its brand allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// People sign in by this provider.
    pub signs_in: bool,
    /// People register by it.
    pub registers: bool,
}

/// What a sign-in at a provider led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamLogin {
    /// It is this person.
    Proven(Proof),
    /// Nobody has linked it; who came back waits under this id.
    Unlinked(AttemptId),
    /// They go on to register.
    Register(AttemptId),
    /// They go on to prove the account.
    Link(AttemptId),
    /// It is linked to that very account already.
    Linked,
}

/// Why a sign-in at a provider led to nothing.
#[derive(Debug, thiserror::Error)]
pub enum FederationError {
    /// No such provider is configured.
    #[error("no such provider")]
    NoSuch,
    /// The state is none that this browser took there and has not brought back yet.
    #[error("the state is not this browser's, was used or is too old")]
    State,
    /// Too many attempts from this network.
    #[error("too many attempts")]
    Throttled {
        /// How long to wait.
        seconds: i64,
    },
    /// The provider's answer.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The rules of linking.
    #[error("refused: {}", .0.code())]
    Refused(Refusal),
    /// Not the person's fault.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<kabinet_store::Error> for FederationError {
    fn from(error: kabinet_store::Error) -> Self {
        Self::Store(error.into())
    }
}

impl FederationError {
    /// The code on pages, in the audit trail and in the metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuch => "not-found",
            Self::State => "upstream-state",
            Self::Throttled { .. } => "throttled",
            Self::Upstream(error) => error.code(),
            Self::Refused(refusal) => refusal.code(),
            Self::Store(_) => "unavailable",
        }
    }
}

impl Identity {
    /// Remembers an attempt and says where the browser goes.
    ///
    /// # Errors
    /// See [`FederationError`]; a provider that is left alone is not asked.
    pub async fn begin_upstream(&self, name: &str, going: Going, visit: &Visit) -> Result<Url, FederationError> {
        let one = self.upstream(name).ok_or(FederationError::NoSuch)?;
        self.pass_attempts(visit).await?;
        if !self.is_up(one) {
            return Err(UpstreamError::Unavailable("left alone after failures".to_owned()).into());
        }
        let (now, entropy) = (self.now(), &*self.0.entropy);
        // A UUID, because ЕСИА takes nothing else; 122 random bits.
        let state = kabinet_core::id::UserId::generate(entropy).to_string();
        let start = Start {
            redirect_uri: &self.redirect_uri(one)?,
            state: &state,
            language: visit.language,
            now,
            entropy,
        };
        let begun = within(STEP, one.upstream.begin(start)).await;
        self.note_health(one, begun.as_ref().err());
        let Departure { location, kept } = match begun {
            Ok(departure) => departure,
            Err(error) => return Err(self.refuse_upstream(one, error.into(), visit).await),
        };
        self.remember_attempt(one, (&state, kept), going, visit).await?;
        Ok(location)
    }

    /// Remembers an attempt of somebody who is at the provider already, and will come back with this state: a page that was opened
    /// inside it. It is not asked. Whoever is not known there goes no further ([`Purpose::Recognise`]).
    ///
    /// # Errors
    /// See [`FederationError`].
    pub async fn expect_upstream(&self, name: &str, flow: &str, visit: &Visit) -> Result<String, FederationError> {
        let one = self.upstream(name).ok_or(FederationError::NoSuch)?;
        let going = Going {
            purpose: Purpose::Recognise,
            flow: flow.to_owned(),
            remember: false,
        };
        self.pass_attempts(visit).await?;
        let state = kabinet_core::id::UserId::generate(&*self.0.entropy).to_string();
        self.remember_attempt(one, (&state, Value::Null), going, visit).await?;
        Ok(state)
    }

    async fn remember_attempt(
        &self,
        one: &Configured,
        (state, kept): (&str, Value),
        going: Going,
        visit: &Visit,
    ) -> Result<(), FederationError> {
        let (now, entropy) = (self.now(), &*self.0.entropy);
        let id = AttemptId::generate(now, entropy);
        let Going { purpose, flow, remember } = going;
        let away = Away { kept, purpose, flow, remember };
        let row = Attempt {
            data: self.0.attempts.seal(&plain(&away)?, id.as_str().as_bytes(), entropy),
            id,
            upstream: one.settings.name.clone(),
            purpose: away.purpose.as_str().to_owned(),
            binding: visit.binding.clone(),
            expires_at: now.plus(LIFE),
            used_at: None,
        };
        let mut tx = self.0.store.begin().await?;
        upstream::begin(&mut tx, &row, &TokenHash::of(state), now.plus(LIFE + KEPT)).await?;
        Ok(tx.commit().await?)
    }

    /// Whether this network may begin another attempt now.
    async fn pass_attempts(&self, visit: &Visit) -> Result<(), FederationError> {
        match network_standing(&self.0.store, &visit.network).await.wait {
            0 => {}
            seconds => return Err(FederationError::Throttled { seconds }),
        }
        for (window, most, seconds) in NETWORK {
            let key = format!("kabinet:upstream:{window}:{}", visit.network);
            if self.0.store.ephemeral().hit(&key, Duration::from_secs(seconds)).await > most {
                return Err(FederationError::Throttled { seconds: i64::try_from(seconds).unwrap_or(i64::MAX) });
            }
        }
        Ok(())
    }

    /// Where a provider sends the browser back: an address of its own for each (RFC 9700 §4.4.2).
    fn redirect_uri(&self, one: &Configured) -> Result<Url, FederationError> {
        let text = format!("{}/login/{}/callback", self.0.config.issuer, one.settings.name);
        Url::parse(&text).map_err(|_| FederationError::NoSuch)
    }

    /// Spends the attempt whose state the browser brought back.
    ///
    /// # Errors
    /// [`FederationError::State`] where there is none in this browser; then nothing has changed.
    pub async fn take_return(
        &self,
        name: &str,
        parameters: &[(String, String)],
        visit: &Visit,
    ) -> Result<Return, FederationError> {
        let one = self.upstream(name).ok_or(FederationError::NoSuch)?;
        let mut states = parameters.iter().filter(|(key, _)| key == "state").map(|(_, value)| value);
        let state = match (states.next(), states.next()) {
            (Some(state), None) if state.len() <= LONGEST_STATE => state,
            _ => return Err(self.refuse_upstream(one, FederationError::State, visit).await),
        };
        let (now, hash) = (self.now(), TokenHash::of(state));
        let mut tx = self.0.store.begin().await?;
        let spent = upstream::spend(&mut tx, (&hash, name, &visit.binding), now).await?;
        tx.commit().await?;
        let away: Option<(AttemptId, Away)> = spent.and_then(|row| {
            let plain = self.0.attempts.open(&row.data, row.id.as_str().as_bytes())?;
            Some((row.id, serde_json::from_slice(&plain).ok()?))
        });
        let Some((id, Away { kept, purpose, flow, remember })) = away else {
            self.explain_state(&hash, name, visit).await?;
            return Err(self.refuse_upstream(one, FederationError::State, visit).await);
        };
        Ok(Return {
            id,
            upstream: name.to_owned(),
            state: state.clone(),
            kept,
            purpose,
            flow,
            remember,
        })
    }

    /// Says in the log why a state was not taken.
    async fn explain_state(&self, state: &TokenHash, name: &str, visit: &Visit) -> Result<(), FederationError> {
        let why = match upstream::by_state(self.0.store.db(), state).await? {
            None => "nobody took it there",
            Some(row) if row.binding != visit.binding => "it is another browser's",
            Some(row) if row.upstream != name => "it was meant for another provider",
            Some(row) if row.used_at.is_some() => "it was brought back before",
            Some(_) => "it is too old",
        };
        tracing::info!(upstream = name, why, "a state was not taken");
        Ok(())
    }

    /// Asks the provider who signed in there, and decides what follows.
    ///
    /// # Errors
    /// See [`FederationError`]; the attempt stays spent.
    pub async fn finish_upstream(
        &self,
        back: Return,
        parameters: &[(String, String)],
        allowed: Allowed,
        visit: &Visit,
    ) -> Result<UpstreamLogin, FederationError> {
        let one = self.upstream(&back.upstream).ok_or(FederationError::NoSuch)?;
        let outcome = match self.ask(one, &back, parameters).await {
            Ok(person) => self.conclude(one, (back, person), allowed, visit).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(login) => {
                let result = match &login {
                    UpstreamLogin::Proven(_) => "signed-in",
                    UpstreamLogin::Unlinked(_) => "unlinked",
                    UpstreamLogin::Register(_) => "register",
                    UpstreamLogin::Link(_) | UpstreamLogin::Linked => "link",
                };
                count(&one.settings.name, result);
                Ok(login)
            }
            Err(error) => Err(self.refuse_upstream(one, error, visit).await),
        }
    }

    async fn ask(
        &self,
        one: &Configured,
        back: &Return,
        parameters: &[(String, String)],
    ) -> Result<External, FederationError> {
        let arrival = Arrival {
            parameters,
            redirect_uri: &self.redirect_uri(one)?,
            state: &back.state,
            kept: &back.kept,
            now: self.now(),
            entropy: &*self.0.entropy,
        };
        let answer = within(STEP, one.upstream.finish(arrival)).await;
        // An error that the browser brought is its own word: nobody was asked, and anybody can make one up.
        if !parameters.iter().any(|(name, _)| name == "error") {
            self.note_health(one, answer.as_ref().err());
        }
        let person = answer?;
        // Whatever a provider's module says: links of one provider are never another's.
        let is_sound =
            person.upstream == one.settings.name && !person.subject.is_empty() && person.subject.len() <= 255;
        if is_sound {
            Ok(person)
        } else {
            Err(UpstreamError::Untrusted("no usable subject".to_owned()).into())
        }
    }

    async fn conclude(
        &self,
        one: &Configured,
        (back, person): (Return, External),
        allowed: Allowed,
        visit: &Visit,
    ) -> Result<UpstreamLogin, FederationError> {
        let Return { id, purpose, remember, .. } = back;
        let found = self.links_of(&person).await?;
        let is_alike = found.is_empty() && self.is_alike(&one.settings, &person).await?;
        let owners = self.owners(&found).await?;
        let verdict = linking::decide(&Situation {
            purpose: &purpose,
            owners: &owners,
            is_contradicted: found.iter().any(|link| is_contradicted(link, &person)),
            signs_in: allowed.signs_in,
            registers: allowed.registers && one.settings.makes_accounts(),
            is_alike,
            has_room: match &purpose {
                Purpose::Link(user) => self.has_room(user).await?,
                Purpose::SignIn | Purpose::Recognise | Purpose::Register => true,
            },
        });
        let user = match &purpose {
            Purpose::Link(user) => Some(user.clone()),
            Purpose::SignIn | Purpose::Recognise | Purpose::Register => None,
        };
        let arrived = |registers, is_alike| Arrived {
            person: person.clone(),
            user: user.clone(),
            remember,
            registers,
            is_alike,
        };
        match verdict {
            Verdict::Known(user) => {
                let proof = self.sign_in_known(one, (&found, &person), &user, visit).await?;
                Ok(UpstreamLogin::Proven(proof))
            }
            Verdict::Unlinked { registers, is_alike } => {
                self.keep_arrived(&id, &arrived(registers, is_alike)).await?;
                Ok(UpstreamLogin::Unlinked(id))
            }
            Verdict::Register => {
                self.keep_arrived(&id, &arrived(true, false)).await?;
                Ok(UpstreamLogin::Register(id))
            }
            Verdict::Link => {
                self.keep_arrived(&id, &arrived(false, false)).await?;
                Ok(UpstreamLogin::Link(id))
            }
            Verdict::Linked => Ok(UpstreamLogin::Linked),
            Verdict::Refuse(refusal) => Err(FederationError::Refused(refusal)),
        }
    }

    async fn owners(&self, found: &[Link]) -> Result<Vec<Owner>, FederationError> {
        let mut owners = Vec::new();
        for link in found {
            let person = user::by_id(self.0.store.db(), &link.user_id).await?.ok_or(Error::Gone)?;
            owners.push(Owner { user: person.id, is_disabled: person.disabled });
        }
        Ok(owners)
    }

    /// Whether an account here has a contact or the СНИЛС of this person. Only what the provider's word is taken for is
    /// compared: whoever learns of the account has proven, there, to hold the contact or to be the person.
    async fn is_alike(&self, settings: &UpstreamSettings, person: &External) -> Result<bool, FederationError> {
        let db = self.0.store.db();
        for told in person.contacts.iter().filter(|told| told.is_verified) {
            if settings.vouches_for(told.contact.kind()) && user::by_contact(db, &told.contact).await?.is_some() {
                return Ok(true);
            }
        }
        let Some(snils) = person.snils.as_deref() else {
            return Ok(false);
        };
        if person.assurance != Assurance::Confirmed || !settings.vouches.contains(&Vouched::Snils) {
            return Ok(false);
        }
        let numbers = kabinet_core::certificate::Numbers { snils: Some(snils), inn: None, key: None };
        let found = certificate::find(db, numbers).await?;
        Ok(found.iter().any(|linked| linked.holder.certificate.is_qualified))
    }

    /// Keeps who came back for the next page of this browser.
    async fn keep_arrived(&self, id: &AttemptId, arrived: &Arrived) -> Result<(), FederationError> {
        let (until, bound) = (self.now().plus(CARRIED), id.as_str().as_bytes());
        let sealed = self.0.arrivals.seal(&plain(arrived)?, bound, &*self.0.entropy);
        let mut tx = self.0.store.begin().await?;
        upstream::arrived(&mut tx, id, &sealed, until).await?;
        Ok(tx.commit().await?)
    }

    /// Writes down why nobody signed in, and counts it; gives the error back. What somebody decided there is no failed try.
    async fn refuse_upstream(&self, one: &Configured, error: FederationError, visit: &Visit) -> FederationError {
        let name = one.settings.name.as_str();
        count(name, error.code());
        match &error {
            FederationError::Upstream(why @ (UpstreamError::Misconfigured { .. } | UpstreamError::Untrusted(_))) => {
                tracing::warn!(upstream = name, error = %why, "a sign-in at a provider failed");
            }
            FederationError::Upstream(why) => tracing::info!(upstream = name, error = %why, "no sign-in at a provider"),
            // Anybody's page can send a browser here with a made-up state: that leaves no row and makes nobody wait.
            FederationError::State
            | FederationError::Store(_)
            | FederationError::Throttled { .. }
            | FederationError::NoSuch => return error,
            FederationError::Refused(_) => {}
        }
        if matches!(error, FederationError::Upstream(UpstreamError::Cancelled | UpstreamError::Unavailable(_))) {
            return error;
        }
        let record = Record::of(Event::LoginFailed).with("method", name).with("reason", error.code());
        let record = visit.client.iter().fold(record, Record::client);
        let written = async {
            let mut tx = self.0.store.begin().await?;
            self.write(&mut tx, &record, &visit.origin).await?;
            tx.commit().await
        };
        if let Err(why) = written.await {
            return why.into();
        }
        error
    }

    /// Who came back under this id, if it was this browser, from this provider.
    pub(super) async fn arrived(
        &self,
        name: &str,
        id: &AttemptId,
        visit: &Visit,
    ) -> Result<Option<Arrived>, kabinet_store::Error> {
        let row = upstream::attempt(self.0.store.db(), id, self.now()).await?;
        let own = row.filter(|row| row.binding == visit.binding && row.upstream == name && row.used_at.is_some());
        Ok(own.and_then(|row| {
            let plain = self.0.arrivals.open(&row.data, row.id.as_str().as_bytes())?;
            serde_json::from_slice(&plain).ok()
        }))
    }
}

fn plain(value: &impl Serialize) -> Result<Vec<u8>, FederationError> {
    serde_json::to_vec(value).map_err(|error| {
        kabinet_store::Error::Inconsistent { table: "upstream_attempts", detail: error.to_string() }.into()
    })
}

fn count(upstream: &str, result: &'static str) {
    metrics::counter!("kabinet_upstream_sign_ins_total", "upstream" => upstream.to_owned(), "result" => result)
        .increment(1);
}
