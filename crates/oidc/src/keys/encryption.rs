//! What is encrypted to a client: a token that was signed before (RFC 7519 §5.2, nested; OpenID Connect Core §10.2).
//!
//! Only outward: nothing that comes in is ever decrypted, so that no header of a stranger's chooses work for us (PBES2
//! counts, `zip`). Offered are RSA-OAEP-256 and ECDH-ES (P-256, X25519), each with A128CBC-HS256 or A256GCM, without
//! compression. The key is the first of the client's own set that fits.

use josekit::JoseError;
use josekit::jwe::{self, ECDH_ES, JweEncrypter, JweHeader, RSA_OAEP_256};
use kabinet_core::client::Client;
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::jwk::{ContentEncryption, Encryption, KeyManagement};

use super::client::EncryptionKey;
use crate::{Provider, Result};

const NO_KEY: OAuthError =
    OAuthError::new(Code::InvalidRequest, "the client's jwks holds no key that the answer can be encrypted to");
const OUT_OF_REACH: OAuthError = OAuthError::new(
    Code::TemporarilyUnavailable,
    "the client's jwks_uri gives no key that the answer can be encrypted to",
);

/// A key of a client's that is ready to encrypt to.
#[derive(Debug)]
pub(crate) struct Envelope {
    encrypter: Box<dyn JweEncrypter>,
    kid: Option<String>,
    enc: ContentEncryption,
}

impl Envelope {
    fn of(key: EncryptionKey, wanted: Encryption) -> std::result::Result<Self, JoseError> {
        let encrypter: Box<dyn JweEncrypter> = match wanted.alg {
            KeyManagement::RsaOaep256 => Box::new(RSA_OAEP_256.encrypter_from_jwk(&key.jwk)?),
            KeyManagement::EcdhEs => Box::new(ECDH_ES.encrypter_from_jwk(&key.jwk)?),
        };
        Ok(Self { encrypter, kid: key.kid, enc: wanted.enc })
    }

    /// The compact JWE (RFC 7516 §7.1) of a signed token.
    ///
    /// # Errors
    /// When the key turns out to be none, such as a point of low order.
    pub(crate) fn close(&self, token: &str) -> Result<String> {
        let mut header = JweHeader::new();
        header.set_content_encryption(self.enc.as_str());
        // RFC 7519 §5.2: cty must be JWT for a nested token.
        header.set_content_type("JWT");
        if let Some(kid) = &self.kid {
            header.set_key_id(kid);
        }
        let closed = jwe::serialize_compact(token.as_bytes(), &header, &*self.encrypter);
        Ok(closed.map_err(|why| NO_KEY.with_detail(why))?)
    }
}

impl Provider {
    /// What a client's answer is encrypted with, if it wants that. Asked before anything is spent, since the keys may have
    /// to be fetched.
    ///
    /// # Errors
    /// When the client has no such key.
    pub(crate) async fn envelope(&self, client: &Client, wanted: Option<Encryption>) -> Result<Option<Envelope>> {
        let Some(wanted) = wanted else { return Ok(None) };
        let missing = if client.metadata.jwks_uri.is_some() { OUT_OF_REACH } else { NO_KEY };
        let key = self.client_encryption_key(client, wanted.alg).await.ok_or(missing)?;
        Ok(Some(Envelope::of(key, wanted).map_err(|why| NO_KEY.with_detail(why))?))
    }
}
