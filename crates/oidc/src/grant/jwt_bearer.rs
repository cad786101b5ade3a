//! JWT bearer grant (RFC 7523 §2.1): a client gets an access token for a person for whom an issuer that it may rely on vouches.
//!
//! 1. The client authenticates, and its own metadata names the one issuer that is believed, with that issuer's keys
//!    (`assertion_issuer`). Nobody is believed by default, and no issuer for every client. Why so: docs/decisions/0005.
//! 2. `assertion` is signed by one of those keys. `iss` is that issuer; `aud` is one text, our issuer or the token endpoint;
//!    `exp` is ahead and by no more than [`LONGEST`]; `iat` and `nbf` are not ahead; `jti` is used once (§3).
//! 3. `sub` is a person's `sub` here. They are enabled, have agreed to the documents in force, and, where the client is not
//!    first-party, have allowed it this scope before. There is no page in this grant, so nothing is asked.
//! 4. The token belongs to a grant of its own, so that whatever ends the person's other grants ends it, too.
//!
//! Refused: `openid` and `offline_access`, since nobody has signed in here: no ID token, no userinfo, no refresh token, and
//! no `auth_time`, `acr` or `amr` in what is given. Assertions in place of client authentication are another matter, see
//! [`client_auth`](crate::client_auth).

use kabinet_core::audit::{Event, Record};
use kabinet_core::client::{Alg, Client, GrantType};
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::id::{GrantId, SessionId, UserId};
use kabinet_core::scope::Scope;
use kabinet_core::secret::{TokenHash, TokenKind};
use kabinet_core::time::Timestamp;
use kabinet_store::grant::{self as store, Grant as Stored};
use kabinet_store::{Tx, assertion, audit};

use super::{Grant, Request};
use crate::keys::client::{BadJwt, ClientClaims, KeySource, TypPolicy};
use crate::token::Tokens;
use crate::tokens::Access;
use crate::{Error, Provider, Result};

/// The grant type.
pub const GRANT: Grant = Grant {
    kind: GrantType::JwtBearer,
    redeem: |request| Box::pin(redeem(request)),
};

/// How far ahead an assertion may end, seconds.
const LONGEST: i64 = 600;
/// How far the clock of an issuer may be from ours, seconds.
const SKEW: i64 = 30;
/// The longest `jti`, bytes.
const LONGEST_JTI: usize = 256;
/// None is what stock libraries say, the other what they should (draft-ietf-oauth-rfc7523bis).
const TYP: TypPolicy = TypPolicy::Optional(&["JWT", "authorization-grant+jwt"]);

// RFC 7521 §4.1.1: invalid_grant when the assertion is not valid.
const BAD: OAuthError = OAuthError::new(Code::InvalidGrant, "the assertion is not one that this client may use");

/// What an assertion says once it is believed.
struct Vouched {
    person: UserId,
    jti: String,
    ends: Timestamp,
}

async fn redeem(request: Request<'_>) -> Result<Tokens> {
    let (provider, client) = (request.provider, request.client);
    let (scope, aud) = wanted(request)?;
    let vouched = vouched(request).await?;
    // After a merge the client means the person by the account that it knew.
    let person = provider.named(client, vouched.person.as_str()).await?;
    let person = person.ok_or_else(|| BAD.with_detail("nobody has this sub"))?;
    may_act_for(request, &person.id, &scope).await?;
    let now = provider.now();
    let access = Access {
        iss: provider.issuer().to_owned(),
        sub: vouched.person.to_string(),
        aud,
        exp: now.plus(provider.access_life(client)).0,
        iat: now.0,
        jti: kabinet_core::id::row_id(now, provider.entropy()),
        client_id: client.id.clone(),
        scope,
        grant: Some(GrantId::generate(now, provider.entropy())),
        auth_time: None,
        acr: None,
        amr: Vec::new(),
        userinfo_claims: Vec::new(),
        act: None,
        cnf: request.confirmation(),
        org: None,
    };
    let mut tx = provider.store().begin().await?;
    // RFC 7523 §3: a jti is used once; it is not that of the client's own assertions.
    if !assertion::use_up(&mut tx, &client.id, &format!("grant {}", vouched.jti), vouched.ends).await? {
        tx.rollback().await?;
        return Err(BAD.with_detail("the assertion was used before").into());
    }
    write(request, &mut tx, (&access, &person.id), now).await?;
    tx.commit().await?;
    let (access_token, expires_in) = provider.mint_access(client, &access)?;
    Ok(Tokens {
        access_token,
        token_type: access.token_type(),
        expires_in,
        scope: access.scope.to_string(),
        refresh_token: None,
        id_token: None,
        issued_token_type: None,
    })
}

/// The grant behind the token, and what is written down of it.
async fn write(request: Request<'_>, tx: &mut Tx, (access, person): (&Access, &UserId), now: Timestamp) -> Result<()> {
    let (provider, client) = (request.provider, request.client);
    let entropy = provider.entropy();
    let Some(id) = access.grant.clone() else {
        return Err(Error::Bug("a token without its grant".to_owned()));
    };
    let ends = Timestamp(access.exp);
    let grant = Stored {
        id,
        client_id: client.id.clone(),
        user_id: person.clone(),
        // Nobody signed in, so no sign-out ends it.
        session_id: SessionId::from(""),
        scope: access.scope.clone(),
        detail: "{}".to_owned(),
        offline: true,
        refresh_salt: Provider::refresh_salt(entropy),
        refresh_generation: 0,
        refresh_used_at: Timestamp(0),
        refresh_expires_at: Timestamp(0),
        created_at: now,
        expires_at: ends,
        ended_at: None,
        key: None,
    };
    // A code that nobody has and that has expired already.
    let code = TokenHash::of(TokenKind::Code.generate(entropy).expose());
    store::issue(tx, &grant, &code, Timestamp(0), ends.plus(60)).await?;
    let issuer = client.metadata.assertion_issuer.as_ref().map(|issuer| issuer.issuer.as_str());
    let record = Record::of(Event::GrantIssued)
        .user(&grant.user_id)
        .client(&client.id)
        .with("grant", grant.id.as_str())
        .with("scope", grant.scope.to_string())
        .with("assertion_issuer", issuer);
    audit::write(tx, &record, &Provider::client_origin(request.origin), now, entropy).await?;
    Ok(())
}

/// Scope and audience, as for a client that acts for itself.
fn wanted(request: Request<'_>) -> Result<(Scope, Vec<String>)> {
    let (client, params) = (request.client, request.params);
    let allowed = client.metadata.scope.without(&Scope::from_iter(["openid", "offline_access"]));
    let scope = match params.get("scope") {
        None => allowed,
        Some(asked) => Scope::parse(asked).ok().filter(|asked| asked.is_within(&allowed)).ok_or(OAuthError::new(
            Code::InvalidScope,
            "scope is not allowed for this client, or needs a person who signs in",
        ))?,
    };
    let resource: Vec<String> = params.all("resource").map(str::to_owned).collect();
    if !resource.iter().all(|resource| client.metadata.resources.contains(resource)) {
        return Err(OAuthError::new(Code::InvalidTarget, "resource is not one of this client's (RFC 8707)").into());
    }
    let aud = request.provider.audience(client, &resource, &scope);
    Ok((scope, aud))
}

/// Reads and believes the assertion, without using it up.
async fn vouched(request: Request<'_>) -> Result<Vouched> {
    let (provider, client) = (request.provider, request.client);
    let token = request.params.need("assertion", "assertion is missing")?;
    let refused = |why: BadJwt| BAD.with_detail(format_args!("client {}: {why}", client.id));
    let Some(issuer) = &client.metadata.assertion_issuer else {
        return Err(BAD.with_detail("the client relies on no issuer").into());
    };
    let keys = KeySource {
        jwks: issuer.jwks.as_ref(),
        jwks_uri: issuer.jwks_uri.as_deref(),
    };
    let claims = provider.verify_jwt_of(keys, token, &Alg::ALL, TYP).await.map_err(refused)?;
    Ok(check(provider, &issuer.issuer, &claims).map_err(refused)?)
}

fn check(provider: &Provider, issuer: &str, claims: &ClientClaims) -> std::result::Result<Vouched, BadJwt> {
    let now = provider.now();
    // RFC 7523 §3: the issuer is the one that the keys belong to, and it is not us.
    if claims.text("iss")? != Some(issuer) || issuer == provider.issuer() {
        return Err(BadJwt("iss is not the issuer that the client relies on"));
    }
    let aud = claims.text("aud")?.ok_or(BadJwt("aud is missing"))?;
    let rest = aud.strip_prefix(provider.issuer());
    if !matches!(rest, Some("" | "/oauth2/token")) {
        return Err(BadJwt("aud is neither the issuer nor the token endpoint"));
    }
    let ends = claims.time("exp")?.ok_or(BadJwt("exp is missing"))?;
    if now.since(ends) >= SKEW {
        return Err(BadJwt("the assertion has expired"));
    }
    if ends.since(now) > LONGEST + SKEW {
        return Err(BadJwt("exp is more than ten minutes ahead"));
    }
    for name in ["iat", "nbf"] {
        if claims.time(name)?.is_some_and(|at| at.since(now) > SKEW) {
            return Err(BadJwt("iat or nbf is ahead"));
        }
    }
    let jti = claims.text("jti")?.filter(|jti| (1..=LONGEST_JTI).contains(&jti.len()));
    let person = claims.text("sub")?.filter(|sub| (1..=64).contains(&sub.len()));
    Ok(Vouched {
        person: UserId::from(person.ok_or(BadJwt("sub is missing"))?),
        jti: jti.ok_or(BadJwt("jti must have 1 to 256 bytes"))?.to_owned(),
        // Remembered for as long as it could come back.
        ends: ends.plus(SKEW + 1),
    })
}

/// What a page would have asked must have been answered before.
async fn may_act_for(request: Request<'_>, person: &UserId, scope: &Scope) -> Result<()> {
    let provider = request.provider;
    let client: &Client = request.client;
    const UNKNOWN: OAuthError =
        OAuthError::new(Code::InvalidGrant, "the person has not signed in to this client lately");
    if provider.missing(person, Some((client, scope))).await?.is_some() {
        return Err(UNKNOWN.with_detail("something is to be asked of the person").into());
    }
    if client.metadata.first_party {
        return Ok(());
    }
    let people = std::slice::from_ref(person);
    let given = kabinet_store::consent::of_browser(provider.store().db(), &client.id, people).await?;
    if given.iter().any(|given| scope.is_within(&given.scope)) {
        return Ok(());
    }
    Err(UNKNOWN.with_detail("the person has not allowed this scope").into())
}
