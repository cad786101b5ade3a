//! Answers that a client wants as a JWT: userinfo (OpenID Connect Core §5.3.2) and introspection (RFC 9701).
//!
//! What is signed says who says it and to whom (`iss`, `aud`), and its type keeps it from being taken for another kind of
//! token: introspection has a `typ` of its own and no claim of the token at the top (RFC 9701 §8.1), userinfo has no `exp`.
//! The algorithm is the client's choice among those of its ring; `none` is not offered. Encryption comes after the signature
//! and never alone, see [`Envelope`](crate::keys::encryption::Envelope).

use kabinet_core::client::{Alg, Client};
use kabinet_core::jwk::Encryption;
use kabinet_core::key::Ring;
use serde_json::{Map, Value};

use crate::keys::Typ;
use crate::{Provider, Result};

/// The body of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// JSON.
    Json(Value),
    /// A JWT.
    Jwt {
        /// `Content-Type`.
        media_type: &'static str,
        /// The compact form.
        token: String,
    },
}

impl Provider {
    /// Signs claims to a client, and encrypts what is signed as it wants.
    pub(crate) async fn sign_to(
        &self,
        client: &Client,
        (alg, encryption): (Alg, Option<Encryption>),
        typ: Typ,
        mut claims: Map<String, Value>,
    ) -> Result<String> {
        let envelope = self.envelope(client, encryption).await?;
        claims.insert("iss".to_owned(), self.issuer().into());
        claims.insert("aud".to_owned(), client.id.as_str().into());
        let keys = self.keys();
        let token = keys.current(Ring::of(client.metadata.profile), alg)?.sign(typ, &claims)?;
        match envelope {
            Some(envelope) => envelope.close(&token),
            None => Ok(token),
        }
    }
}
