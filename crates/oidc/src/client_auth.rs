//! Who is calling: client authentication at the token endpoint and its neighbours (RFC 6749 §2.3, OpenID Connect Core §9).
//!
//! One method per request: Basic with form-encoded halves, the body, an assertion, or none for public clients. A public
//! client that sends Basic with an empty secret is one (oidc-agent does). Wrong secrets are counted per client and
//! network, in rows that survive a restart; beyond [`FREE`] a minute the right one waits too.
//!
//! An assertion (`private_key_jwt`, RFC 7523 §3) passes these checks in this order:
//!
//! 1. It is signed by a key of the client that it names, with an algorithm that the client may use (see
//!    [`keys::client`](crate::keys::client)); `client_secret_jwt` is not offered, since only hashes of secrets are kept.
//! 2. `iss` and `sub` are the client. `aud` is one text: the issuer, the token endpoint, or the endpoint that is asked; a
//!    list is refused, because an assertion that is good elsewhere, too, can be carried from there to here
//!    (draft-ietf-oauth-rfc7523bis).
//! 3. `exp` is ahead and by no more than [`LONGEST_ASSERTION`]; `iat` and `nbf` are no more than [`SKEW`] ahead.
//! 4. `jti` was not used before: one unique insert, which two requests with the same assertion cannot both make.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kabinet_core::client::{AuthMethod, Client};
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::id::ClientId;
use kabinet_core::seal::Stamper;
use kabinet_core::time::Timestamp;
use kabinet_store::{Store, assertion, throttle};

use crate::keys::client::{BadJwt, ClientClaims, TypPolicy, unproven_subject};
use crate::request::Params;
use crate::{Caller, Provider, Result};

/// How many wrong secrets a minute are free, per client and network.
const FREE: i64 = 20;
/// Seconds.
const WINDOW: i64 = 60;
/// How far ahead an assertion may end, seconds: stock libraries make them for an hour (Authlib does).
const LONGEST_ASSERTION: i64 = 3600;
/// How far the clock of a client may be from ours, seconds.
const SKEW: i64 = 30;
/// The longest `jti`, bytes.
const LONGEST_JTI: usize = 256;
/// RFC 7523 §2.2
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// None is what stock libraries say, the others what they could (draft-ietf-oauth-rfc7523bis).
const ASSERTION_TYP: TypPolicy = TypPolicy::Optional(&["JWT", "client-authentication+jwt"]);

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
    proof: Proof,
}

/// What it offers in proof of that.
enum Proof {
    None,
    Secret(String),
    Assertion(String),
}

impl Provider {
    /// Authenticates the client of a request to the token endpoint from its `Authorization` header and its body.
    ///
    /// # Errors
    /// `invalid_client`, or `invalid_request` for two methods at once.
    pub async fn authenticate(
        &self,
        authorization: Option<&str>,
        params: &Params,
        caller: &Caller,
    ) -> Result<AuthenticatedClient> {
        self.authenticate_at("/oauth2/token", authorization, params, caller).await
    }

    /// The same at another endpoint, whose own URL an assertion may name as its audience, too. `path` is that endpoint's.
    ///
    /// # Errors
    /// As [`Self::authenticate`].
    pub async fn authenticate_at(
        &self,
        path: &str,
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
        match (client.metadata.token_endpoint_auth_method, claimed.proof) {
            (AuthMethod::None, Proof::None) => Ok(AuthenticatedClient(client)),
            (AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost, Proof::Secret(secret))
                if client.knows_secret(&secret, self.now()) =>
            {
                Ok(AuthenticatedClient(client))
            }
            (AuthMethod::PrivateKeyJwt, Proof::Assertion(assertion)) => {
                self.prove(&client, &assertion, path).await?;
                Ok(AuthenticatedClient(client))
            }
            (_, proof) => {
                if matches!(proof, Proof::Secret(_)) {
                    self.inner.guesses.count(self.store(), &id, &caller.network, self.now()).await?;
                }
                Err(UNKNOWN.with_detail(format_args!("client {id}")).into())
            }
        }
    }

    /// Checks an assertion and uses it up.
    async fn prove(&self, client: &Client, assertion: &str, path: &str) -> Result<()> {
        let refused = |why: BadJwt| UNKNOWN.with_detail(format_args!("client {}: {why}", client.id));
        let verified = self
            .verify_client_jwt(client, assertion, client.metadata.assertion_algs(), ASSERTION_TYP)
            .await;
        let claims = verified.map_err(refused)?;
        let (jti, ends) = check_assertion(&claims, &client.id, (self.issuer(), path), self.now()).map_err(refused)?;
        let mut tx = self.store().begin().await?;
        let is_first = assertion::use_up(&mut tx, &client.id, jti, ends).await?;
        tx.commit().await?;
        // RFC 7523 §3: the same jti is not accepted twice.
        if is_first {
            Ok(())
        } else {
            Err(refused(BadJwt("the assertion was used before")).into())
        }
    }
}

/// The id of a sound assertion of a client, and until when it must be remembered. `issuer` is ours, `path` that of the endpoint
/// that is asked.
///
/// # Errors
/// Says which of the checks 2 and 3 above it fails.
pub fn check_assertion<'a>(
    claims: &'a ClientClaims,
    client: &ClientId,
    (issuer, path): (&str, &str),
    now: Timestamp,
) -> std::result::Result<(&'a str, Timestamp), BadJwt> {
    // RFC 7523 §3: issuer and subject are the client.
    if claims.text("iss")? != Some(client.as_str()) || claims.text("sub")? != Some(client.as_str()) {
        return Err(BadJwt("iss and sub must be the client_id"));
    }
    let audience = claims.text("aud")?.ok_or(BadJwt("aud is missing"))?;
    let at = |path: &str| audience.strip_prefix(issuer).is_some_and(|rest| rest == path);
    if !(at("") || at("/oauth2/token") || at(path)) {
        return Err(BadJwt("aud is neither the issuer nor the token endpoint"));
    }
    let exp = claims.time("exp")?.ok_or(BadJwt("exp is missing"))?;
    if now.since(exp) >= SKEW {
        return Err(BadJwt("the assertion has expired"));
    }
    if exp.since(now) > LONGEST_ASSERTION + SKEW {
        return Err(BadJwt("exp is more than an hour ahead"));
    }
    for name in ["iat", "nbf"] {
        if claims.time(name)?.is_some_and(|at| at.since(now) > SKEW) {
            return Err(BadJwt("iat or nbf is ahead"));
        }
    }
    let jti = claims.text("jti")?.ok_or(BadJwt("jti is missing"))?;
    if jti.is_empty() || jti.len() > LONGEST_JTI {
        return Err(BadJwt("jti must have 1 to 256 bytes"));
    }
    Ok((jti, exp.plus(SKEW)))
}

fn claimed(authorization: Option<&str>, params: &Params) -> std::result::Result<Claimed, OAuthError> {
    // RFC 6749 §2.3: a client must not use more than one method in a request.
    const TWO: OAuthError = OAuthError::new(Code::InvalidRequest, "two client authentication methods in one request");
    let body_id = params.get("client_id");
    let body_secret = params.get("client_secret");
    let assertion = params.get("client_assertion");
    if assertion.is_some() != params.get("client_assertion_type").is_some() {
        return Err(OAuthError::new(
            Code::InvalidRequest,
            "client_assertion and client_assertion_type go together (RFC 7521 section 4.2)",
        ));
    }
    if let Some(assertion) = assertion {
        if authorization.is_some() || body_secret.is_some() {
            return Err(TWO);
        }
        return asserted(assertion, params);
    }
    let Some(header) = authorization else {
        let id = body_id.ok_or(UNKNOWN)?;
        let proof = body_secret.map_or(Proof::None, |secret| Proof::Secret(secret.to_owned()));
        return Ok(Claimed { id: id.to_owned(), proof });
    };
    let Some((id, secret)) = basic(header) else {
        return Err(UNKNOWN);
    };
    if body_secret.is_some() {
        return Err(TWO);
    }
    if body_id.is_some_and(|body| body != id) {
        return Err(OAuthError::new(
            Code::InvalidRequest,
            "client_id differs from the one in the Authorization header",
        ));
    }
    let proof = if secret.is_empty() { Proof::None } else { Proof::Secret(secret) };
    Ok(Claimed { id, proof })
}

fn asserted(assertion: &str, params: &Params) -> std::result::Result<Claimed, OAuthError> {
    if params.get("client_assertion_type") != Some(JWT_BEARER) {
        return Err(UNKNOWN.with_detail("another client_assertion_type"));
    }
    let id = unproven_subject(assertion).ok_or(UNKNOWN.with_detail("an assertion without a subject"))?;
    // RFC 7521 §4.2: client_id is not needed, and must be the same client.
    if params.get("client_id").is_some_and(|named| named != id) {
        return Err(UNKNOWN.with_detail("client_id is not the subject of the assertion"));
    }
    Ok(Claimed { id, proof: Proof::Assertion(assertion.to_owned()) })
}

/// Client and secret in a `Basic` header: both halves are form-encoded before they are joined (RFC 6749 §2.3.1).
#[must_use]
pub fn basic(header: &str) -> Option<(String, String)> {
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
        for with in ["&client_secret=s", "&client_assertion_type=x"] {
            let both = Params::parse(format!("client_assertion=a.b.c{with}").as_bytes());
            assert_eq!(claimed(Some(&header("id:s")), &both).err().map(|e| e.code), Some(Code::InvalidRequest));
            assert!(claimed(None, &both).is_err(), "{with}");
        }
        assert_eq!(claimed(None, &Params::default()).err().map(|e| e.code), Some(Code::InvalidClient));
    }
}
