//! Who is calling: client authentication at the token endpoint and its neighbours (RFC 6749 §2.3, OpenID Connect Core §9).
//!
//! One method per request: Basic with form-encoded halves, the body, or none for public clients. A public client that
//! sends Basic with an empty secret is one (oidc-agent does). Wrong secrets are counted per client and network,
//! in rows that survive a restart; beyond [`FREE`] a minute the right one waits too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kabinet_core::client::Client;
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::id::ClientId;
use kabinet_core::seal::Stamper;
use kabinet_core::time::Timestamp;
use kabinet_store::{Store, throttle};

use crate::request::Params;
use crate::{Caller, Provider, Result};

/// How many wrong secrets a minute are free, per client and network.
const FREE: i64 = 20;
/// Seconds.
const WINDOW: i64 = 60;
/// What the keys of these counters begin with.
const PREFIX: &str = "client-secret:";

const UNKNOWN: OAuthError = OAuthError::new(Code::InvalidClient, "client authentication failed");

/// A client that proved who it is, or a public one that said so. Constructing it is the proof.
#[derive(Clone, Debug)]
pub struct AuthenticatedClient(Arc<Client>);

impl AuthenticatedClient {
    pub(crate) fn arc(&self) -> &Arc<Client> {
        &self.0
    }
}

impl std::ops::Deref for AuthenticatedClient {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.0
    }
}

/// Wrong secrets lately, per client and network: rows that survive a restart, and what this node knows of them, so that
/// nothing is read while secrets are right and nothing is written once a limit is reached.
pub(crate) struct Guesses {
    stamper: Stamper,
    counts: Mutex<HashMap<String, (i64, Timestamp)>>,
}

impl Guesses {
    /// With the windows that were open when the last process ended.
    pub(crate) async fn load(store: &Store, stamper: Stamper, now: Timestamp) -> Result<Self> {
        let rows = throttle::with_prefix(store.db(), PREFIX, now).await?;
        let counts = rows.into_iter().map(|(key, count, ends)| (key, (count, ends))).collect();
        Ok(Self { stamper, counts: Mutex::new(counts) })
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, (i64, Timestamp)>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A digest: the table names nobody.
    fn key(&self, client: &ClientId, network: &str) -> String {
        format!("{PREFIX}{}", self.stamper.stamp(&["client-secret", client.as_str(), network]))
    }

    fn too_many(&self, client: &ClientId, network: &str, now: Timestamp) -> bool {
        // While nobody guesses, nothing is computed.
        if self.known().is_empty() {
            return false;
        }
        let key = self.key(client, network);
        self.known().get(&key).is_some_and(|(count, ends)| *count >= FREE && *ends > now)
    }

    async fn count(&self, store: &Store, client: &ClientId, network: &str, now: Timestamp) -> Result<()> {
        let key = self.key(client, network);
        let mut tx = store.begin().await?;
        let counted = throttle::count(&mut tx, &key, now, WINDOW).await?;
        tx.commit().await?;
        self.known().insert(key, counted);
        Ok(())
    }

    /// Forgets the windows that are over.
    pub(crate) fn forget(&self, now: Timestamp) {
        self.known().retain(|_, (_, ends)| *ends > now);
    }
}

/// What the request says of who sends it.
struct Claimed {
    id: String,
    secret: Option<String>,
}

impl Provider {
    /// Authenticates the client of a request from its `Authorization` header and its body.
    ///
    /// # Errors
    /// `invalid_client`, or `invalid_request` for two methods at once.
    pub async fn authenticate(
        &self,
        authorization: Option<&str>,
        params: &Params,
        caller: &Caller,
    ) -> Result<AuthenticatedClient> {
        let claimed = claimed(authorization, params)?;
        if claimed.id.len() > 256 {
            return Err(UNKNOWN.into());
        }
        // A client may have been disabled on another node.
        self.listen_first().await?;
        let id = ClientId::from(claimed.id);
        let Some(client) = self.client(&id).await? else {
            return Err(UNKNOWN.into());
        };
        if self.inner.guesses.too_many(&id, &caller.network, self.now()) {
            tracing::warn!(client.id = %id, "too many wrong client secrets");
            return Err(OAuthError::new(Code::TemporarilyUnavailable, "too many failed attempts, wait a minute").into());
        }
        match (client.metadata.is_public(), claimed.secret) {
            (true, None) => Ok(AuthenticatedClient(client)),
            (false, Some(secret)) if client.knows_secret(&secret, self.now()) => Ok(AuthenticatedClient(client)),
            (_, secret) => {
                if secret.is_some() {
                    self.inner.guesses.count(self.store(), &id, &caller.network, self.now()).await?;
                }
                Err(UNKNOWN.with_detail(format_args!("client {id}")).into())
            }
        }
    }
}

fn claimed(authorization: Option<&str>, params: &Params) -> std::result::Result<Claimed, OAuthError> {
    let body_id = params.get("client_id");
    let body_secret = params.get("client_secret");
    let Some(header) = authorization else {
        let id = body_id.ok_or(UNKNOWN)?;
        return Ok(Claimed { id: id.to_owned(), secret: body_secret.map(str::to_owned) });
    };
    let Some((id, secret)) = basic(header) else {
        return Err(UNKNOWN);
    };
    // RFC 6749 §2.3: a client must not use more than one method in a request.
    if body_secret.is_some() {
        return Err(OAuthError::new(Code::InvalidRequest, "two client authentication methods in one request"));
    }
    if body_id.is_some_and(|body| body != id) {
        return Err(OAuthError::new(
            Code::InvalidRequest,
            "client_id differs from the one in the Authorization header",
        ));
    }
    Ok(Claimed { id, secret: Some(secret).filter(|secret| !secret.is_empty()) })
}

/// Reads `Basic`: both halves are form-encoded before they are joined (RFC 6749 §2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, value) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decode = |half: &str| {
        let pair = format!("v={}", half.replace('&', "%26"));
        form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned())
    };
    Some((decode(id)?, decode(secret)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    #[test]
    fn both_halves_of_basic_are_form_decoded() {
        assert_eq!(basic(&header("a%3Ab:s%2Bc+d")), Some(("a:b".to_owned(), "s+c d".to_owned())));
        assert_eq!(basic(&header("id:")), Some(("id".to_owned(), String::new())));
        assert_eq!(basic("bAsIc aWQ6cw=="), Some(("id".to_owned(), "s".to_owned())));
        for bad in ["Basic", "Basic !!!", "Bearer x", &header("no-colon")] {
            assert_eq!(basic(bad), None, "{bad}");
        }
    }

    #[test]
    fn two_methods_in_one_request_are_refused() {
        let params = Params::parse(b"client_secret=s");
        assert_eq!(claimed(Some(&header("id:s")), &params).err().map(|e| e.code), Some(Code::InvalidRequest));
        let other = Params::parse(b"client_id=other");
        assert_eq!(claimed(Some(&header("id:s")), &other).err().map(|e| e.code), Some(Code::InvalidRequest));
        assert!(claimed(Some(&header("id:s")), &Params::parse(b"client_id=id")).is_ok());
        assert_eq!(claimed(None, &Params::default()).err().map(|e| e.code), Some(Code::InvalidClient));
    }
}
