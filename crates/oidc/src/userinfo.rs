//! UserInfo (OpenID Connect Core §5.3): the claims that the scopes of an access token give, and those that the request asked
//! for by name (§5.5), as JSON or, where the client is registered for it (`userinfo_signed_response_alg`), as a JWT and never
//! otherwise.

use kabinet_core::error::{Code, OAuthError};

use crate::dpop::Credentials;
use crate::keys::Typ;
use crate::signed::Answer;
use crate::{Provider, Result};

impl Provider {
    /// The claims for an access token.
    ///
    /// # Errors
    /// Those of [`Self::admit`]; `insufficient_scope` when the token was not given for `openid`.
    pub async fn userinfo(&self, shown: Credentials<'_>) -> Result<Answer> {
        const GONE: OAuthError = OAuthError::new(Code::InvalidToken, "the access token is unknown, expired or revoked");
        let access = self.admit(shown).await?;
        // OpenID Connect Core §5.3.1: the token comes of an OpenID authentication; and it must be meant for us.
        if access.grant.is_none() || !access.scope.has("openid") {
            return Err(OAuthError::new(Code::InsufficientScope, "the token was not given for the scope openid").into());
        }
        if !access.is_for(self.issuer()) {
            return Err(OAuthError::new(Code::InvalidToken, "the token is for another audience").into());
        }
        let client = self.client(&access.client_id).await?.ok_or(GONE)?;
        let user = self.person_of(&access, &client).await?.ok_or(GONE)?;
        let mut claims = kabinet_core::claims::of(&user, &access.scope, &access.client_id);
        claims.extend(kabinet_core::claims::named(&user, &access.userinfo_claims, &access.client_id));
        if let Some(org) = &access.org {
            claims.insert("org".to_owned(), serde_json::json!(org));
        }
        claims.insert("sub".to_owned(), access.sub.as_str().into());
        let Some(alg) = client.metadata.userinfo_signed_response_alg else {
            return Ok(Answer::Json(claims.into()));
        };
        // OpenID Connect Core §5.3.2: a signed answer names the issuer and the client.
        let form = (alg, client.metadata.userinfo_encryption());
        let token = self.sign_to(&client, form, Typ::Jwt, claims).await?;
        Ok(Answer::Jwt { media_type: "application/jwt", token })
    }
}
