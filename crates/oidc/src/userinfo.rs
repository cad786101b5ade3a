//! UserInfo (OpenID Connect Core §5.3): the claims that the scopes of an access token give.

use kabinet_core::error::{Code, OAuthError};
use serde_json::{Map, Value};

use crate::{Provider, Result};

impl Provider {
    /// The claims for an access token.
    ///
    /// # Errors
    /// `invalid_token`; `insufficient_scope` when the token was not given for `openid`.
    pub async fn userinfo(&self, token: &str) -> Result<Map<String, Value>> {
        let access = self.read_access(token).await?;
        // OpenID Connect Core §5.3.1: the token comes of an OpenID authentication; and it must be meant for us.
        if access.grant.is_none() || !access.scope.has("openid") {
            return Err(OAuthError::new(Code::InsufficientScope, "the token was not given for the scope openid").into());
        }
        if !access.is_for(self.issuer()) {
            return Err(OAuthError::new(Code::InvalidToken, "the token is for another audience").into());
        }
        let gone = OAuthError::new(Code::InvalidToken, "the access token is unknown, expired or revoked");
        let client = self.client(&access.client_id).await?.ok_or(gone.clone())?;
        let user = self.person_of(&access, &client).await?.ok_or(gone)?;
        let mut claims = kabinet_core::claims::of(&user, &access.scope, &access.client_id);
        claims.insert("sub".to_owned(), access.sub.as_str().into());
        Ok(claims)
    }
}
