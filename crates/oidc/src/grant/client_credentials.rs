//! `client_credentials` (RFC 6749 §4.4): a client acts for itself. Nothing is written and no refresh token is given.
//!
//! A client with an `admin_role` may ask for `kabinet:admin`, alone; that token is for the admin API and nothing else.
//! One with the scope `kabinet:invite` asks for it by name and alone; that token is for kabinet itself.

use kabinet_core::client::GrantType;
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::scope::{INVITE, Scope};

use super::{Grant, Request};
use crate::Result;
use crate::token::Tokens;
use crate::tokens::{Access, client_subject};

/// The grant type.
pub const GRANT: Grant = Grant {
    kind: GrantType::ClientCredentials,
    redeem: |request| Box::pin(redeem(request)),
};

/// The scope of the admin API.
const ADMIN: &str = "kabinet:admin";

async fn redeem(request: Request<'_>) -> Result<Tokens> {
    let (provider, client, params) = (request.provider, request.client, request.params);
    let asked = params.get("scope").map(Scope::parse).transpose();
    let asked = asked.map_err(|_| OAuthError::new(Code::InvalidScope, "scope is not a list of scope tokens"))?;
    let (scope, aud) = match asked {
        Some(scope) if scope.has(ADMIN) => {
            if client.metadata.admin_role.is_none() || scope.iter().count() > 1 {
                return Err(OAuthError::new(
                    Code::InvalidScope,
                    "kabinet:admin is not for this client or does not stand alone",
                )
                .into());
            }
            (scope, vec![format!("{}/api/admin/v1", provider.issuer())])
        }
        Some(scope) if scope.has(INVITE) => {
            if !client.metadata.scope.has(INVITE) || scope.iter().count() > 1 || params.get("resource").is_some() {
                return Err(OAuthError::new(
                    Code::InvalidScope,
                    "kabinet:invite is not for this client or does not stand alone",
                )
                .into());
            }
            (scope, vec![provider.issuer().to_owned()])
        }
        asked => {
            // OpenID scopes are about a person; a client that acts for itself has none.
            let allowed = client.metadata.scope.without(&Scope::from_iter([
                "openid",
                "offline_access",
                "profile",
                "email",
                "phone",
                "address",
                "org",
                "orgs",
                "identity",
                "identity_document",
                INVITE,
            ]));
            let scope = asked.unwrap_or_else(|| allowed.clone());
            if !scope.is_within(&allowed) {
                return Err(OAuthError::new(Code::InvalidScope, "scope is not allowed for this client").into());
            }
            let resource: Vec<String> = params.all("resource").map(str::to_owned).collect();
            if !resource.iter().all(|resource| client.metadata.resources.contains(resource)) {
                return Err(
                    OAuthError::new(Code::InvalidTarget, "resource is not one of this client's (RFC 8707)").into()
                );
            }
            let aud = provider.audience(client, &resource, &scope);
            (scope, aud)
        }
    };
    let now = provider.now();
    let access = Access {
        iss: provider.issuer().to_owned(),
        // RFC 9068 §2.2: the client itself is the subject; its id cannot look like a person's (RFC 9700 §4.15).
        sub: client_subject(&client.id),
        aud,
        exp: now.plus(provider.access_life(client)).0,
        iat: now.0,
        jti: kabinet_core::id::row_id(now, provider.entropy()),
        client_id: client.id.clone(),
        scope: scope.clone(),
        grant: None,
        auth_time: None,
        acr: None,
        userinfo_claims: Vec::new(),
        amr: Vec::new(),
        act: None,
        cnf: request.confirmation(),
        org: None,
    };
    let (access_token, expires_in) = provider.mint_access(client, &access)?;
    Ok(Tokens {
        access_token,
        token_type: access.token_type(),
        expires_in,
        scope: scope.to_string(),
        refresh_token: None,
        id_token: None,
        issued_token_type: None,
    })
}
