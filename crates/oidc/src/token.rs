//! The token endpoint (RFC 6749 §3.2): authenticate the client, find the grant type, check the proof of possession if there is one,
//! redeem, answer.

use kabinet_core::audit::Origin;
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::secret::Secret;
use serde_json::{Map, Value};

use crate::client_auth::AuthenticatedClient;
use crate::grant::{GRANTS, Request};
use crate::request::Params;
use crate::{Caller, Provider, Result};

/// What a client gets.
#[derive(Debug)]
pub struct Tokens {
    /// `access_token`
    pub access_token: Secret,
    /// `token_type`
    pub token_type: &'static str,
    /// `expires_in`, seconds.
    pub expires_in: i64,
    /// `scope`: what was granted.
    pub scope: String,
    /// `refresh_token`
    pub refresh_token: Option<Secret>,
    /// `id_token`
    pub id_token: Option<String>,
    /// `issued_token_type`: what `access_token` is, in the answer to a token exchange.
    pub issued_token_type: Option<&'static str>,
}

impl Tokens {
    /// The JSON body (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3, RFC 8693 §2.2.1, RFC 9449 §5).
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut body = Map::new();
        body.insert("access_token".to_owned(), self.access_token.expose().into());
        body.insert("token_type".to_owned(), self.token_type.into());
        body.insert("expires_in".to_owned(), self.expires_in.into());
        if !self.scope.is_empty() {
            body.insert("scope".to_owned(), self.scope.as_str().into());
        }
        if let Some(token) = &self.refresh_token {
            body.insert("refresh_token".to_owned(), token.expose().into());
        }
        if let Some(token) = &self.id_token {
            body.insert("id_token".to_owned(), token.as_str().into());
        }
        if let Some(kind) = self.issued_token_type {
            body.insert("issued_token_type".to_owned(), kind.into());
        }
        Value::Object(body)
    }
}

impl Provider {
    /// Answers a token request: the client that asked, and what it gets.
    ///
    /// # Errors
    /// An OAuth error, or a failure of ours.
    pub async fn token(
        &self,
        authorization: Option<&str>,
        params: &Params,
        caller: &Caller,
    ) -> Result<(AuthenticatedClient, Tokens)> {
        params.sound()?;
        let grant_type = params.need("grant_type", "grant_type is missing")?;
        let client = self.authenticate(authorization, params, caller).await?;
        let grant = GRANTS.iter().find(|grant| grant.kind.as_str() == grant_type);
        let grant = grant.ok_or(OAuthError::new(Code::UnsupportedGrantType, "this grant_type is not offered"))?;
        // RFC 6749 §5.2: unauthorized_client when the client may not use this grant type.
        if !client.metadata.may(grant.kind) {
            return Err(OAuthError::new(Code::UnauthorizedClient, "this client may not use this grant_type").into());
        }
        let key = self.possession(&caller.dpop, ("POST", "/oauth2/token"), None).await?;
        // RFC 9449 §5.2: such a client never gets tokens that are bound to nothing.
        if key.is_none() && client.metadata.dpop_bound_access_tokens {
            return Err(OAuthError::new(Code::InvalidRequest, "this client must send a DPoP proof (RFC 9449)").into());
        }
        // Before anything is spent: the client's keys may have to be fetched.
        let envelope = self.envelope(&client, client.metadata.id_token_encryption()).await?;
        let request = Request {
            provider: self,
            client: &client,
            params,
            origin: &caller.origin,
            envelope: envelope.as_ref(),
            key: key.as_ref(),
        };
        let tokens = (grant.redeem)(request).await?;
        Ok((client, tokens))
    }

    pub(crate) fn client_origin(origin: &Origin) -> Origin {
        Origin { actor: "client", ..origin.clone() }
    }
}
