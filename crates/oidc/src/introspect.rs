//! Introspection (RFC 7662): whether a token is good now. Answers the client that the token belongs to and a resource that
//! it is for; everybody else learns `active: false`, and nothing about why.

use kabinet_core::client::Client;
use serde_json::{Value, json};

use crate::client_auth::AuthenticatedClient;
use crate::{Error, Provider, Result};

impl Provider {
    /// What an authenticated client may know of a token.
    ///
    /// # Errors
    /// Only when it cannot be known.
    pub async fn introspect(&self, token: &str, asking: &AuthenticatedClient) -> Result<Value> {
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
            return Ok(good.map_or(inactive, |grant| {
                json!({
                    "active": true, "iss": self.issuer(), "sub": self.subject(asking, &grant.user_id), "client_id": grant.client_id.as_str(),
                    "scope": grant.scope.to_string(), "exp": grant.refresh_expires_at.min(grant.expires_at).0, "token_type": "refresh_token",
                })
            }));
        }
        let access = match self.read_access(token).await {
            Ok(access) => access,
            Err(Error::Client(_)) => return Ok(inactive),
            Err(other) => return Err(other),
        };
        if access.client_id != asking.id && !is_resource(asking, &access.aud) {
            return Ok(inactive);
        }
        let mut body = serde_json::to_value(&*access).map_err(|e| Error::Bug(e.to_string()))?;
        if let Some(object) = body.as_object_mut() {
            object.remove("grant");
            object.insert("active".to_owned(), true.into());
            object.insert("token_type".to_owned(), "Bearer".into());
        }
        Ok(body)
    }
}

/// Whether the client is one of the resources that the token is for: by its id, or by the address it was registered with.
fn is_resource(client: &Client, aud: &[String]) -> bool {
    !client.metadata.is_public()
        && aud
            .iter()
            .any(|aud| aud == client.id.as_str() || client.metadata.client_uri.as_ref() == Some(aud))
}
