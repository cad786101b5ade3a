//! Devices without a browser (RFC 8628): the request, what a person says to it, and the answers to polls.
//!
//! 1. The device posts to `/oauth2/device_authorization` and gets two codes: one to poll with, 256 bits, kept as a hash; one for
//!    a person's fingers ([`UserCode`]), kept stamped and never given twice within a day.
//! 2. The person enters it while signed in ([`Provider::enter_device`]): from then on it is theirs, to anybody else it is unknown.
//!    Wrong codes are counted per session and per network.
//! 3. The person allows or refuses ([`Provider::decide_device`]), once. Allowing writes the grant, whose code is the one that the
//!    device polls with, so that everything that holds of an authorization code holds of it: one redemption, a replay ends the
//!    family, it dies with the session that allowed it.
//! 4. Polls ([`crate::grant::device_code`]) are answered from memory while nobody has decided; a decision is told to every node.
//!    One that comes early gets `slow_down`, and its interval grows; a decided one is answered however early it comes.
//!
//! RFC 10027 names the attack: somebody else's device is shown to a person who is then talked into allowing it. The page shows who
//! asks, from where and when, and asks for the password where that is another network.
//!
//! Refused: clients without the grant type (dynamic registration never gives it), scopes that the client has not, more devices than
//! [`WAITING`] or than a network may begin.

use std::collections::HashMap;
use std::time::Duration;

use kabinet_core::audit::{Event, Origin, Record};
use kabinet_core::authn::Session;
use kabinet_core::client::{Client, GrantType};
use kabinet_core::decision::GivenConsent;
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::id::{ClientId, GrantId};
use kabinet_core::scope::Scope;
use kabinet_core::secret::{Secret, TokenHash, TokenKind};
use kabinet_core::time::Timestamp;
use kabinet_core::user_code::UserCode;
use kabinet_store::device as store;
pub use kabinet_store::device::Device;
use kabinet_store::grant::Grant;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client_auth::AuthenticatedClient;
use crate::request::Params;
use crate::tokens::Detail;
use crate::{Caller, Error, Provider, Result};

/// How often a device may poll, seconds (RFC 8628 §3.2), and what an early poll adds to that (§3.5).
const INTERVAL: i64 = 5;
/// The interval grows no further, seconds.
const LONGEST: i64 = 60;
/// For how long no code for a person is given again, seconds.
const KEPT: i64 = 86_400;
/// How many devices may wait.
const WAITING: i64 = 100_000;
/// How many of one network may begin in an hour.
const PER_NETWORK: u32 = 300;
/// Wrong codes of one session, and of one network, within [`WINDOW`].
const WRONG: (u32, u32) = (5, 10);
const WINDOW: Duration = Duration::from_secs(600);
/// Draws of a code before the store must be thought broken.
const DRAWS: u32 = 20;

/// What a device gets (RFC 8628 §3.2).
#[derive(Debug)]
pub struct Begun {
    device_code: Secret,
    user_code: UserCode,
    expires_in: i64,
}

impl Begun {
    /// The JSON body; `page` is where a person enters the code.
    #[must_use]
    pub fn to_json(&self, page: &str) -> Value {
        json!({
            "device_code": self.device_code.expose(),
            "user_code": self.user_code.to_string(),
            "verification_uri": page,
            "verification_uri_complete": format!("{page}?user_code={}", self.user_code),
            "expires_in": self.expires_in,
            "interval": INTERVAL,
        })
    }
}

/// What is kept of a request beside what the store knows.
#[derive(Serialize, Deserialize)]
struct Kept {
    resource: Vec<String>,
}

/// Why a code that was entered leads nowhere.
#[derive(Debug)]
pub enum NotEntered {
    /// No device waits with it, or it is somebody else's.
    Unknown,
    /// Too many wrong ones came from this session or network.
    TooMany,
    /// Not the person's fault.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for NotEntered {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Devices that poll and of which nothing was decided yet, as this node knows.
#[derive(Default)]
pub(crate) struct Polls(HashMap<TokenHash, Poll>);

struct Poll {
    client: ClientId,
    expires_at: Timestamp,
    interval: i64,
    last: Option<Timestamp>,
}

impl Polls {
    pub(crate) fn drop_one(&mut self, code: &str) {
        self.0.remove(&TokenHash::from(code.to_owned()));
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn forget(&mut self, now: Timestamp) {
        self.0.retain(|_, poll| poll.expires_at > now);
    }

    pub(crate) fn wait(&mut self, code: TokenHash, client: &ClientId, expires_at: Timestamp) {
        if self.0.len() < usize::try_from(WAITING).unwrap_or(usize::MAX) {
            let poll = Poll {
                client: client.clone(),
                expires_at,
                interval: INTERVAL,
                last: None,
            };
            self.0.entry(code).or_insert(poll);
        }
    }

    /// What a poll gets that can be answered from here.
    pub(crate) fn answer(&mut self, code: &TokenHash, client: &ClientId, now: Timestamp) -> Option<Code> {
        let poll = self.0.get_mut(code).filter(|poll| poll.client == *client)?;
        if poll.expires_at <= now {
            self.0.remove(code);
            return Some(Code::ExpiredToken);
        }
        let is_early = poll.last.is_some_and(|last| now.since(last) < poll.interval);
        poll.last = Some(now);
        if is_early {
            // RFC 8628 §3.5: the interval must be increased by 5 seconds for this and all subsequent requests.
            poll.interval = (poll.interval + INTERVAL).min(LONGEST);
            return Some(Code::SlowDown);
        }
        Some(Code::AuthorizationPending)
    }
}

impl Provider {
    /// Begins for a device of a client that has authenticated, or is public and has named itself.
    ///
    /// # Errors
    /// What is wrong with the request, as an OAuth error.
    pub async fn begin_device(&self, client: &AuthenticatedClient, params: &Params, caller: &Caller) -> Result<Begun> {
        params.sound()?;
        if !client.metadata.may(GrantType::DeviceCode) {
            return Err(OAuthError::new(Code::UnauthorizedClient, "this client may not use this grant_type").into());
        }
        let scope = asked_scope(client, params)?;
        let resource: Vec<String> = params.all("resource").map(str::to_owned).collect();
        if !resource.iter().all(|one| client.metadata.resources.contains(one)) {
            return Err(OAuthError::new(Code::InvalidTarget, "resource is unknown (RFC 8707)").into());
        }
        let (now, entropy) = (self.now(), self.entropy());
        let key = format!("kabinet:device:{}", caller.network);
        let begun = self.store().ephemeral().hit(&key, Duration::from_secs(3600)).await;
        if begun > PER_NETWORK || store::count(self.store().db(), now).await? >= WAITING {
            return Err(kabinet_store::Error::Busy.into());
        }
        let device_code = TokenKind::Device.generate(entropy);
        let expires_in = self.config().token.device;
        let mut new = Device {
            device_code: TokenHash::of(device_code.expose()),
            client_id: client.id.clone(),
            scope,
            detail: serde_json::to_string(&Kept { resource }).map_err(|e| Error::Bug(e.to_string()))?,
            network: caller.network.clone(),
            ip: caller.origin.ip.clone(),
            agent: caller.origin.agent.clone(),
            created_at: now,
            expires_at: now.plus(expires_in),
            user_id: None,
            is_allowed: None,
        };
        let mut tx = self.store().begin().await?;
        for _ in 0..DRAWS {
            let user_code = UserCode::generate(entropy);
            if store::insert(&mut tx, &new, &self.stamped(&user_code), now.plus(KEPT)).await? {
                tx.commit().await?;
                let hash = std::mem::replace(&mut new.device_code, TokenHash::from(String::new()));
                self.inner.live.polls(|polls| polls.wait(hash, &new.client_id, new.expires_at));
                return Ok(Begun { device_code, user_code, expires_in });
            }
        }
        Err(Error::Bug("no code for a person is free".to_owned()))
    }

    /// A code for a person as it is stored.
    fn stamped(&self, code: &UserCode) -> String {
        self.inner.user_code_stamper.stamp(&[&code.letters()])
    }

    /// Binds the device that shows this code to the person of a session.
    ///
    /// # Errors
    /// See [`NotEntered`].
    pub async fn enter_device(
        &self,
        code: &UserCode,
        session: &Session,
        network: &str,
    ) -> std::result::Result<(Device, std::sync::Arc<Client>), NotEntered> {
        let ephemeral = self.store().ephemeral();
        let of_session = format!("kabinet:user-code:{}", session.id);
        let of_network = format!("kabinet:user-code:{network}");
        let (session_limit, network_limit) = WRONG;
        if ephemeral.hits(&of_session).await >= session_limit || ephemeral.hits(&of_network).await >= network_limit {
            return Err(NotEntered::TooMany);
        }
        let mut tx = self.store().begin().await?;
        let found = store::enter(&mut tx, &self.stamped(code), (&session.user_id, &session.id), self.now()).await?;
        tx.commit().await?;
        if let Some(device) = found
            && let Some(client) = self.device_client(&device).await?
        {
            return Ok((device, client));
        }
        ephemeral.hit(&of_session, WINDOW).await;
        ephemeral.hit(&of_network, WINDOW).await;
        metrics::counter!("kabinet_device_codes_total", "result" => "wrong").increment(1);
        Err(NotEntered::Unknown)
    }

    /// The client of a device while it may still use this grant type.
    async fn device_client(&self, device: &Device) -> Result<Option<std::sync::Arc<Client>>> {
        let client = self.client(&device.client_id).await?;
        Ok(client.filter(|client| client.metadata.may(GrantType::DeviceCode)))
    }

    /// Writes down what the person said; `None`: the code is over, was decided before, or its client may no longer ask.
    ///
    /// # Errors
    /// When the store fails; then nothing is decided.
    pub async fn decide_device(
        &self,
        code: &TokenHash,
        session: &Session,
        is_allowed: bool,
        origin: &Origin,
    ) -> Result<Option<std::sync::Arc<Client>>> {
        let (now, entropy) = (self.now(), self.entropy());
        let mut tx = self.store().begin().await?;
        let who = (&session.user_id, &session.id);
        let Some(device) = store::decide(&mut tx, code, who, is_allowed, now).await? else {
            tx.rollback().await?;
            return Ok(None);
        };
        let Some(client) = self.device_client(&device).await? else {
            tx.rollback().await?;
            return Ok(None);
        };
        let scope = device.scope.common(&client.metadata.scope);
        let event = if is_allowed { Event::DeviceAllowed } else { Event::DeviceRefused };
        let mut record = Record::of(event).user(&session.user_id).client(&client.id).session(&session.id);
        record = record.with("device_ip", device.ip.as_str());
        if is_allowed {
            let grant = self.device_grant(&device, session, scope)?;
            let (end, keep) = (device.expires_at, device.expires_at.plus(60));
            kabinet_store::grant::issue(&mut tx, &grant, &device.device_code, end, keep).await?;
            if client.metadata.hears_of_logout() {
                kabinet_store::logout::note(&mut tx, &session.id, &client.id).await?;
            }
            // So that it stands among the person's allowances, and ends with them.
            let given = GivenConsent {
                user_id: session.user_id.clone(),
                scope: grant.scope.clone(),
                flow: None,
            };
            kabinet_store::consent::put(&mut tx, &given, &client.id, now).await?;
            record = record.with("grant", grant.id.as_str()).with("scope", grant.scope.to_string());
        }
        kabinet_store::audit::write(&mut tx, &record, origin, now, entropy).await?;
        tx.commit().await?;
        self.changed().await;
        let result = if is_allowed { "allowed" } else { "refused" };
        metrics::counter!("kabinet_device_codes_total", "result" => result).increment(1);
        Ok(Some(client))
    }

    fn device_grant(&self, device: &Device, session: &Session, scope: Scope) -> Result<Grant> {
        let (now, entropy) = (self.now(), self.entropy());
        let kept: Kept = serde_json::from_str(&device.detail).map_err(|e| Error::Bug(e.to_string()))?;
        let detail = Detail {
            // No browser comes back; it stands for where the person went.
            redirect_uri: format!("{}/code", self.issuer()),
            nonce: None,
            challenge: None,
            authentication: session.authentication.clone(),
            resource: kept.resource,
            userinfo_claims: Vec::new(),
            id_token_claims: Vec::new(),
            dpop_jkt: None,
        };
        Ok(Grant {
            id: GrantId::generate(now, entropy),
            client_id: device.client_id.clone(),
            user_id: session.user_id.clone(),
            session_id: session.id.clone(),
            offline: scope.has("offline_access"),
            scope,
            detail: serde_json::to_string(&detail).map_err(|e| Error::Bug(e.to_string()))?,
            refresh_salt: Self::refresh_salt(entropy),
            refresh_generation: 0,
            refresh_used_at: now,
            refresh_expires_at: now,
            created_at: now,
            expires_at: now.plus(self.config().token.refresh_absolute),
            ended_at: None,
            key: None,
        })
    }
}

/// What the device asks for; without a word, all that its client may.
fn asked_scope(client: &AuthenticatedClient, params: &Params) -> Result<Scope> {
    const UNKNOWN: OAuthError = OAuthError::new(Code::InvalidScope, "scope is not a list of scopes of this client");
    let allowed = &client.metadata.scope;
    let Some(text) = params.get("scope") else {
        return Ok(allowed.clone());
    };
    let asked = Scope::parse(text).map_err(|_| UNKNOWN)?;
    if asked.common(allowed) != asked {
        return Err(UNKNOWN.into());
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_early_poll_makes_the_next_ones_rarer_and_a_decided_one_is_no_longer_here() {
        let (code, client) = (TokenHash::of("code"), ClientId::from("tv"));
        let mut polls = Polls::default();
        polls.wait(code.clone(), &client, Timestamp(600));
        let mut at = |second| polls.answer(&code, &client, Timestamp(second));
        assert_eq!(at(0), Some(Code::AuthorizationPending));
        assert_eq!(at(4), Some(Code::SlowDown));
        // Ten seconds from the poll before.
        assert_eq!(at(13), Some(Code::SlowDown));
        assert_eq!(at(28), Some(Code::AuthorizationPending));
        for second in 29..60 {
            assert_eq!(at(second), Some(Code::SlowDown));
        }
        assert_eq!(at(59 + LONGEST), Some(Code::AuthorizationPending));
        assert_eq!(polls.answer(&code, &ClientId::from("other"), Timestamp(300)), None);
        assert_eq!(polls.answer(&code, &client, Timestamp(600)), Some(Code::ExpiredToken));
        polls.wait(code.clone(), &client, Timestamp(900));
        polls.drop_one(code.as_str());
        assert_eq!(polls.answer(&code, &client, Timestamp(601)), None);
    }
}
