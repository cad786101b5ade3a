//! Tokens: minted, read back, told apart.
//!
//! * ID token: OpenID Connect Core §2, `typ` JWT, one string as `aud`.
//! * Access token: RFC 9068 JWT (`typ` at+jwt), or opaque: the same claims sealed. Neither has a row; both name their grant.
//! * Refresh token: the grant, a generation, and a code that only this installation can make for that grant (see
//!   `kabinet_store::grant`); 16 + 4 + 32 bytes behind the prefix.
//!
//! Reading one back checks the kind first (`typ` or prefix), then the key's own algorithm, the signature, the issuer and the
//! times; every claim that is needed must be there and of its type (RFC 8725 §3).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kabinet_core::ambient::{Entropy, random};
use kabinet_core::authn::Authentication;
use kabinet_core::client::{Alg, Client, Profile, TokenFormat};
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::id::{ClientId, GrantId, SessionId};
use kabinet_core::jwk::Thumbprint;
use kabinet_core::key::Ring;
use kabinet_core::organisation::Organisation;
use kabinet_core::scope::Scope;
use kabinet_core::secret::{Secret, TokenHash, TokenKind};
use kabinet_core::time::Timestamp;
use kabinet_core::user::User;
use kabinet_store::grant::Grant;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::keys::Typ;
use crate::keys::encryption::Envelope;
use crate::{Error, Provider, Result};

/// Longer texts are no token of ours, bytes.
const LONGEST: usize = 16 * 1024;
/// How many verified tokens are remembered.
const REMEMBERED: usize = 50_000;

/// What the protocol keeps in a grant's row beside what the store knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Detail {
    pub(crate) redirect_uri: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) nonce: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) challenge: Option<String>,
    pub(crate) authentication: Authentication,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) resource: Vec<String>,
    /// Claims that the request named, for UserInfo and for the ID token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) userinfo_claims: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) id_token_claims: Vec<String>,
    /// The key that may redeem the code (RFC 9449 §10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dpop_jkt: Option<Thumbprint>,
}

impl Detail {
    pub(crate) fn of(grant: &Grant) -> Result<Self> {
        serde_json::from_str(&grant.detail).map_err(|e| Error::Bug(format!("grant {}: {e}", grant.id)))
    }
}

/// The claims of an access token (RFC 9068 §2.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The issuer.
    pub iss: String,
    /// The person, or the client itself.
    pub sub: String,
    /// Whom it is for.
    #[serde(deserialize_with = "one_or_many")]
    pub aud: Vec<String>,
    /// End.
    pub exp: i64,
    /// Beginning.
    pub iat: i64,
    /// Its id.
    pub jti: String,
    /// Whose it is.
    pub client_id: ClientId,
    /// What it allows.
    #[serde(default, skip_serializing_if = "Scope::is_empty")]
    pub scope: Scope,
    /// The family; none when a client acts for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantId>,
    /// When the person proved who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// How well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// Names of claims that UserInfo gives beside those of the scope (OpenID Connect Core §5.5).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub userinfo_claims: Vec<String>,
    /// By what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// Who acts for the person; none when it is the client that the token was first given to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Box<Actor>>,
    /// The key that it is bound to; none: to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// The organisation that the API token names which it came of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<Organisation>,
}

/// What confirms that a token is its bearer's (RFC 7800 §3.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The key by its thumbprint (RFC 9449 §6.1).
    pub jkt: Thumbprint,
}

/// `aud` as a list, whether it is one or a text (RFC 7519 §4.1.3).
fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Audience::deserialize(deserializer)? {
        Audience::One(one) => vec![one],
        Audience::Many(many) => many,
    })
}

/// Who acts with a token for somebody else (RFC 8693 §4.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The client, as a subject.
    pub sub: String,
    /// Who acted before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Box<Actor>>,
}

impl Actor {
    /// This actor and all who acted before, the last one first.
    pub(crate) fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |actor| actor.act.as_deref())
    }

    fn client(&self) -> ClientId {
        ClientId::from(self.sub.strip_prefix(CLIENT).unwrap_or_default())
    }
}

/// What the subject of a client begins with: it cannot look like a person's (RFC 9700 §4.15).
const CLIENT: &str = "client:";

/// A client as the subject of a token.
pub(crate) fn client_subject(client: &ClientId) -> String {
    format!("{CLIENT}{client}")
}

impl Access {
    /// `token_type` (RFC 6750 §4, RFC 9449 §5).
    #[must_use]
    pub fn token_type(&self) -> &'static str {
        if self.cnf.is_some() { "DPoP" } else { "Bearer" }
    }

    /// Whether the token is good at the provider's own endpoints.
    #[must_use]
    pub fn is_for(&self, audience: &str) -> bool {
        self.aud.iter().any(|aud| aud == audience)
    }
}

/// Access tokens that were verified and have not ended.
#[derive(Default)]
pub(crate) struct Verified {
    tokens: Mutex<HashMap<[u8; 32], Arc<Access>>>,
}

impl Verified {
    /// Forgets everything: the keys have changed.
    pub(crate) fn clear(&self) {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) fn forget(&self, now: Timestamp) {
        self.tokens
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, access| access.exp > now.0);
    }
}

/// What an ID token hint says of who and where.
#[derive(Clone, Debug)]
pub struct Hint {
    /// What the client knows the person by.
    pub subject: String,
    /// The client that the ID token was for.
    pub client_id: ClientId,
    /// The client's name for the session.
    pub sid: Option<String>,
}

impl Provider {
    /// `aud` of an access token: the resources asked for or the client's own, and the issuer beside them when the token
    /// also opens userinfo; the issuer alone without a resource. 1С compares it with one name, so that a resource of its stands
    /// alone; its claims are in the ID token.
    pub(crate) fn audience(&self, client: &Client, resource: &[String], scope: &Scope) -> Vec<String> {
        let mut aud: Vec<String> = resource.to_vec();
        if aud.is_empty() {
            aud.extend(client.metadata.default_resource.clone());
        }
        let is_compared = client.metadata.profile == Profile::OneC;
        if aud.is_empty() || (scope.has("openid") && !is_compared) {
            aud.push(self.issuer().to_owned());
        }
        aud
    }

    /// Mints an access token: its text and its life in seconds.
    pub(crate) fn mint_access(&self, client: &Client, access: &Access) -> Result<(Secret, i64)> {
        let life = access.exp - access.iat;
        match client.metadata.access_token_format {
            TokenFormat::Jwt => {
                let key = self.inner.keys.load();
                let key =
                    key.current(Ring::of(client.metadata.profile), client.metadata.access_token_signed_response_alg)?;
                // RFC 9068 §2.1: the type tells an access token from an ID token.
                let token = match (client.metadata.profile, access.aud.as_slice()) {
                    // RFC 7519 §4.1.3: one audience may be a text, which is what 1С compares.
                    (Profile::OneC, [one]) => {
                        let mut claims = serde_json::to_value(access).map_err(|e| Error::Bug(e.to_string()))?;
                        claims["aud"] = one.as_str().into();
                        key.sign(Typ::AtJwt, &claims)?
                    }
                    _ => key.sign(Typ::AtJwt, access)?,
                };
                Ok((Secret::from(token), life))
            }
            TokenFormat::Opaque => {
                let plain = serde_json::to_vec(access).map_err(|e| Error::Bug(e.to_string()))?;
                let sealed = self.inner.access_sealer.seal(&plain, b"", self.entropy());
                Ok((Secret::from(format!("{}{sealed}", TokenKind::Access.prefix())), life))
            }
        }
    }

    pub(crate) fn access_life(&self, client: &Client) -> i64 {
        match client.metadata.access_token_format {
            TokenFormat::Jwt => self.config().token.access,
            TokenFormat::Opaque => self.config().token.opaque_access,
        }
    }

    /// The claims of an access token about a person.
    pub(crate) fn access_of(
        &self,
        client: &Client,
        (user, grant): (&User, &Grant),
        detail: &Detail,
        scope: &Scope,
    ) -> Access {
        let now = self.now();
        Access {
            iss: self.issuer().to_owned(),
            sub: self.subject(client, user),
            aud: self.audience(client, &detail.resource, scope),
            exp: now.plus(self.access_life(client)).0,
            iat: now.0,
            jti: kabinet_core::id::row_id(now, self.entropy()),
            client_id: client.id.clone(),
            scope: scope.clone(),
            grant: Some(grant.id.clone()),
            auth_time: Some(detail.authentication.at.0),
            acr: Some(detail.authentication.acr().to_owned()),
            userinfo_claims: detail.userinfo_claims.clone(),
            amr: detail.authentication.amr().iter().map(|&method| method.to_owned()).collect(),
            act: None,
            cnf: None,
            org: None,
        }
    }

    /// Mints an ID token (OpenID Connect Core §2), encrypted where the client wants it (§10.2). `nonce` only in the answer to an
    /// authorization request or a code (§12.2). Claims of the scopes stand in it where the client's setting says so, and where
    /// nothing else could bring them: without an access token (§5.4).
    pub(crate) fn mint_id_token(
        &self,
        client: &Client,
        grant: &Grant,
        detail: &Detail,
        beside: Beside<'_>,
    ) -> Result<String> {
        let now = self.now();
        let alg = client.metadata.id_token_signed_response_alg;
        let mut claims = if client.metadata.claims_in_id_token || beside.is_alone() {
            kabinet_core::claims::of(beside.user, &grant.scope, &client.id)
        } else {
            Map::new()
        };
        claims.extend(kabinet_core::claims::named(beside.user, &detail.id_token_claims, &client.id));
        let own = json!({
            "iss": self.issuer(),
            "sub": self.subject(client, beside.user),
            "aud": client.id.as_str(),
            "exp": now.plus(self.config().token.id_token).0,
            "iat": now.0,
            "auth_time": detail.authentication.at.0,
            "acr": detail.authentication.acr(),
            "amr": detail.authentication.amr(),
            "sid": self.sid(&grant.session_id, &client.id),
        });
        claims.extend(own.as_object().cloned().unwrap_or_default());
        let optional = [
            ("at_hash", beside.access_token.map(|token| half_hash(token, alg))),
            ("c_hash", beside.code.map(|code| half_hash(code, alg))),
            ("nonce", beside.nonce.map(str::to_owned)),
        ];
        claims.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))));
        let keys = self.inner.keys.load();
        let token = keys.current(Ring::of(client.metadata.profile), alg)?.sign(Typ::Jwt, &claims)?;
        match beside.envelope {
            Some(envelope) => envelope.close(&token),
            None => Ok(token),
        }
    }

    /// The name of a session as one client knows it: two clients cannot compare theirs.
    #[must_use]
    pub fn sid(&self, session: &SessionId, client: &ClientId) -> String {
        self.inner
            .sid_stamper
            .stamp(&[session.as_str(), client.as_str()])
            .chars()
            .take(22)
            .collect()
    }

    /// What a new family's refresh tokens are made with, beside the master key.
    pub(crate) fn refresh_salt(entropy: &dyn Entropy) -> String {
        URL_SAFE_NO_PAD.encode(random::<16>(entropy))
    }

    /// The refresh token of a generation of a family.
    pub(crate) fn refresh_token(&self, id: &GrantId, generation: i64, salt: &str) -> Secret {
        let tag = self.refresh_tag(id, generation, salt);
        let mut bytes = uuid_bytes(id).to_vec();
        bytes.extend_from_slice(&u32::try_from(generation).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(&tag);
        Secret::from(format!("{}{}", TokenKind::Refresh.prefix(), URL_SAFE_NO_PAD.encode(bytes)))
    }

    fn refresh_tag(&self, id: &GrantId, generation: i64, salt: &str) -> Vec<u8> {
        let stamp = self.inner.refresh_stamper.stamp(&[id.as_str(), &generation.to_string(), salt]);
        URL_SAFE_NO_PAD.decode(stamp).unwrap_or_default()
    }

    /// Takes a refresh token apart; whether it is ours is known only with the family's salt.
    pub(crate) fn read_refresh(token: &str) -> Option<(GrantId, i64)> {
        let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(TokenKind::Refresh.prefix())?).ok()?;
        let (id, rest) = bytes.split_first_chunk::<16>()?;
        let (generation, tag) = rest.split_first_chunk::<4>()?;
        let id = uuid_text(id);
        (tag.len() == 32).then(|| (GrantId::from(id), i64::from(u32::from_be_bytes(*generation))))
    }

    /// Whether a refresh token is this family's, in constant time.
    pub(crate) fn is_refresh_of(&self, token: &str, grant: &Grant, generation: i64) -> bool {
        TokenHash::of(self.refresh_token(&grant.id, generation, &grant.refresh_salt).expose()).matches(token)
    }

    /// Reads an access token of ours back and checks that nothing has ended it. A resource of ours asks [`Self::admit`] instead,
    /// which also wants the proof by the key that the token may be bound to.
    ///
    /// # Errors
    /// `invalid_token` for everything that is not a good one; [`Error::Stale`] when that cannot be known.
    pub(crate) async fn read_access(&self, token: &str) -> Result<Arc<Access>> {
        const BAD: OAuthError = OAuthError::new(Code::InvalidToken, "the access token is unknown, expired or revoked");
        let access = self.verify_access(token).ok_or(BAD)?;
        if access.exp <= self.now().0 {
            return Err(BAD.into());
        }
        self.listen_first().await?;
        if self.is_dead(access.grant.as_ref(), &access.jti) {
            return Err(BAD.into());
        }
        // A disabled or deleted client or person: their tokens are dead whatever they say.
        let Some(client) = self.client(&access.client_id).await? else {
            return Err(BAD.into());
        };
        for actor in access.act.iter().flat_map(|actor| actor.chain()) {
            if self.client(&actor.client()).await?.is_none() {
                return Err(BAD.into());
            }
        }
        if access.grant.is_some() && self.person_of(&access, &client).await?.is_none() {
            return Err(BAD.into());
        }
        Ok(access)
    }

    fn verify_access(&self, token: &str) -> Option<Arc<Access>> {
        if token.len() > LONGEST {
            return None;
        }
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(access) = self.inner.verified.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(&digest) {
            return Some(access.clone());
        }
        let access: Access = match token.strip_prefix(TokenKind::Access.prefix()) {
            Some(sealed) => serde_json::from_slice(&self.inner.access_sealer.open(sealed, b"")?).ok()?,
            None => self.verify_jwt(token, Typ::AtJwt)?,
        };
        if access.iss != self.issuer() {
            return None;
        }
        let access = Arc::new(access);
        let mut tokens = self.inner.verified.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= REMEMBERED {
            tokens.clear();
        }
        tokens.insert(digest, access.clone());
        Some(access)
    }

    /// Verifies a JWT of ours and gives its claims. The header names a key of ours and nothing else is read from it.
    fn verify_jwt<T: serde::de::DeserializeOwned>(&self, token: &str, typ: Typ) -> Option<T> {
        #[derive(Deserialize)]
        struct Header {
            alg: String,
            kid: String,
            typ: String,
            crit: Option<Value>,
        }
        let (message, signature) = token.rsplit_once('.')?;
        let (header, payload) = message.split_once('.')?;
        let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        let keys = self.inner.keys.load();
        let key = keys.find(&header.kid)?;
        // RFC 8725 §3.1: the algorithm is the key's. RFC 7515 §4.1.11: an extension we do not know is refused.
        if header.alg != key.alg.as_str() || header.typ != typ.as_str() || header.crit.is_some() {
            return None;
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        if !key.verifies(message.as_bytes(), &signature) {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }

    /// Reads an ID token that we issued, expired or not (OpenID Connect Core §3.1.2.1, RP-Initiated Logout §2). One that is
    /// still encrypted is readable by its client alone, who decrypts it before (Core §3.1.2.1).
    #[must_use]
    pub fn read_hint(&self, token: &str) -> Option<Hint> {
        #[derive(Deserialize)]
        struct Claims {
            iss: String,
            sub: String,
            aud: String,
            sid: Option<String>,
            /// Past or not; what lacks it is no ID token (OpenID Connect Core §2), as signed userinfo does.
            #[expect(dead_code, reason = "only its presence matters")]
            exp: i64,
        }
        if token.len() > LONGEST {
            return None;
        }
        let claims: Claims = self.verify_jwt(token, Typ::Jwt)?;
        let ours = claims.iss == self.issuer();
        ours.then(|| Hint {
            subject: claims.sub,
            client_id: ClientId::from(claims.aud),
            sid: claims.sid,
        })
    }
}

/// What an ID token is issued beside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beside<'a> {
    pub(crate) user: &'a User,
    pub(crate) access_token: Option<&'a Secret>,
    /// The code in the same answer of the authorization endpoint.
    pub(crate) code: Option<&'a Secret>,
    pub(crate) nonce: Option<&'a str>,
    /// What it is encrypted with after it was signed.
    pub(crate) envelope: Option<&'a Envelope>,
}

impl Beside<'_> {
    /// Whether nothing that could bring the person's claims was or will be given.
    fn is_alone(&self) -> bool {
        self.access_token.is_none() && self.code.is_none()
    }
}

/// `at_hash` and `c_hash`: the left half of the hash that goes with the signature (OpenID Connect Core §3.1.3.6, §3.3.2.11).
/// Ed25519 goes with SHA-512.
fn half_hash(value: &Secret, alg: Alg) -> String {
    let text = value.expose().as_bytes();
    match alg {
        Alg::EdDSA => URL_SAFE_NO_PAD.encode(&sha2::Sha512::digest(text)[..32]),
        Alg::RS256 | Alg::PS256 | Alg::ES256 => URL_SAFE_NO_PAD.encode(&Sha256::digest(text)[..16]),
    }
}

fn uuid_bytes(id: &GrantId) -> [u8; 16] {
    let hex: String = id.as_str().chars().filter(|c| *c != '-').collect();
    u128::from_str_radix(&hex, 16).unwrap_or_default().to_be_bytes()
}

fn uuid_text(bytes: &[u8; 16]) -> String {
    let hex = format!("{:032x}", u128::from_be_bytes(*bytes));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_token_names_its_family_and_generation() {
        let id = GrantId::from("0198c0de-0000-7abc-8def-0123456789ab");
        assert_eq!(uuid_text(&uuid_bytes(&id)), id.as_str());
        let mut bytes = uuid_bytes(&id).to_vec();
        bytes.extend_from_slice(&7u32.to_be_bytes());
        bytes.extend_from_slice(&[1; 32]);
        let token = |bytes: &[u8]| format!("kbn_rt_{}", URL_SAFE_NO_PAD.encode(bytes));
        assert_eq!(Provider::read_refresh(&token(&bytes)), Some((id, 7)));
        assert_eq!(Provider::read_refresh(&token(&bytes[..51])), None);
        assert_eq!(Provider::read_refresh(&token(&bytes).replace("_rt_", "_ac_")), None);
        assert_eq!(Provider::read_refresh(""), None);
    }

    #[test]
    fn at_hash_and_c_hash_are_the_left_half_of_the_hash_of_the_algorithm() {
        // The examples of OpenID Connect Core, appendix A.3 and A.4.
        let token = Secret::from("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y");
        assert_eq!(half_hash(&token, Alg::RS256), "77QmUPtjPfzWtF2AnpK9RQ");
        let code = Secret::from("Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk");
        assert_eq!(half_hash(&code, Alg::RS256), "LDktKdoQak3Pk0cnXxCltA");
        assert_eq!(half_hash(&token, Alg::EdDSA).len(), 43);
    }
}
