//! Introspection (RFC 7662): whether a token is good now. Answers the client that the token belongs to and a resource that
//! it is for; everybody else learns `active: false`, and nothing about why.
//!
//! A resource that asks for it gets the same facts signed (RFC 9701), to keep or to show. There, only the resource that an
//! access token is for is answered: neither the client that the token belongs to, nor anybody about a refresh token (§5).

use kabinet_core::client::{Alg, Client};
use serde_json::{Map, Value, json};

use crate::client_auth::AuthenticatedClient;
use crate::keys::Typ;
use crate::signed::Answer;
use crate::{Error, Provider, Result};

/// The media type of signed introspection (RFC 9701 §4).
pub const SIGNED: &str = "application/token-introspection+jwt";

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// RFC 7662.
    Json,
    /// RFC 9701.
    Jwt,
}

impl Provider {
    /// What an authenticated client may know of a token, in the form that it wants.
    ///
    /// # Errors
    /// Only when it cannot be known.
    pub async fn introspect(&self, token: &str, asking: &AuthenticatedClient, form: Form) -> Result<Answer> {
        let facts = self.facts(token, asking).await?;
        if form == Form::Json {
            return Ok(Answer::Json(facts));
        }
        let aud: Vec<String> = serde_json::from_value(facts["aud"].clone()).unwrap_or_default();
        // RFC 9701 §5: active is false and nothing else is told where the token is not meant for who asks.
        let facts = if is_resource(asking, &aud, self.issuer()) {
            facts
        } else {
            json!({"active": false})
        };
        let alg = asking.metadata.introspection_signed_response_alg.unwrap_or(Alg::RS256);
        let claims =
            Map::from_iter([("iat".to_owned(), self.now().0.into()), ("token_introspection".to_owned(), facts)]);
        let form = (alg, asking.metadata.introspection_encryption());
        let token = self.sign_to(asking, form, Typ::IntrospectionJwt, claims).await?;
        Ok(Answer::Jwt { media_type: SIGNED, token })
    }

    async fn facts(&self, token: &str, asking: &AuthenticatedClient) -> Result<Value> {
        let inactive = json!({"active": false});
        if let Some((id, generation)) = Self::read_refresh(token) {
            let now = self.now();
            let grant = kabinet_store::grant::living(self.store().db(), &id, now).await?;
            let good = grant.filter(|grant| {
                grant.client_id == asking.id
                    && generation > 0
                    && generation == grant.refresh_generation
                    && grant.ended_at.is_none()
                    && grant.refresh_expires_at > now
                    && grant.expires_at > now
                    && self.is_refresh_of(token, grant, generation)
            });
            let Some(grant) = good else { return Ok(inactive) };
            return Ok(json!({
                "active": true, "iss": self.issuer(), "sub": self.subject_of(asking, &grant.user_id).await?, "client_id": grant.client_id.as_str(),
                "scope": grant.scope.to_string(), "exp": grant.refresh_expires_at.min(grant.expires_at).0, "token_type": "refresh_token",
            }));
        }
        let access = match self.read_access(token).await {
            Ok(access) => access,
            Err(Error::Client(_)) => return Ok(inactive),
            Err(other) => return Err(other),
        };
        if access.client_id != asking.id && !is_resource(asking, &access.aud, self.issuer()) {
            return Ok(inactive);
        }
        let mut body = serde_json::to_value(&*access).map_err(|e| Error::Bug(e.to_string()))?;
        if let Some(object) = body.as_object_mut() {
            object.remove("grant");
            object.remove("userinfo_claims");
            object.insert("active".to_owned(), true.into());
            object.insert("token_type".to_owned(), access.token_type().into());
        }
        Ok(body)
    }
}

/// Whether the client is one of the resources that the token is for: by its id, or by the address it was registered with. The
/// issuer is nobody else's address.
pub(crate) fn is_resource(client: &Client, aud: &[String], issuer: &str) -> bool {
    !client.metadata.is_public()
        && aud
            .iter()
            .filter(|aud| *aud != issuer)
            .any(|aud| aud == client.id.as_str() || client.metadata.client_uri.as_ref() == Some(aud))
}
