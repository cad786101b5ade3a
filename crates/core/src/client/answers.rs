//! How a client wants its answers encrypted (OpenID Connect Registration §2, RFC 9701 §6).

use super::{BadClient, ClientMetadata};
use crate::jwk::{ContentEncryption, Encryption, KeyManagement};

impl ClientMetadata {
    /// How its ID tokens are encrypted.
    #[must_use]
    pub fn id_token_encryption(&self) -> Option<Encryption> {
        both(self.id_token_encrypted_response_alg, self.id_token_encrypted_response_enc)
    }

    /// How its userinfo is encrypted.
    #[must_use]
    pub fn userinfo_encryption(&self) -> Option<Encryption> {
        both(self.userinfo_encrypted_response_alg, self.userinfo_encrypted_response_enc)
    }

    /// How introspection is encrypted that it asks for as a JWT.
    #[must_use]
    pub fn introspection_encryption(&self) -> Option<Encryption> {
        both(self.introspection_encrypted_response_alg, self.introspection_encrypted_response_enc)
    }

    pub(super) fn check_answers(&self) -> Result<(), BadClient> {
        let bad = |field, detail: &str| Err(BadClient { field, detail: detail.to_owned() });
        let answers = [
            (
                "id_token_encrypted_response_alg",
                self.id_token_encrypted_response_enc,
                self.id_token_encryption(),
            ),
            (
                "userinfo_encrypted_response_alg",
                self.userinfo_encrypted_response_enc,
                self.userinfo_encryption(),
            ),
            (
                "introspection_encrypted_response_alg",
                self.introspection_encrypted_response_enc,
                self.introspection_encryption(),
            ),
        ];
        for (field, enc, encryption) in answers {
            // OpenID Connect Registration §2: when enc is included, alg must be, too.
            if enc.is_some() && encryption.is_none() {
                return bad(field, "must be given beside the enc (OpenID Connect Registration section 2)");
            }
            if encryption.is_some_and(|encryption| !self.may_have_key(encryption.alg)) {
                return bad(field, "needs a key in jwks, or a jwks_uri, that can be encrypted to with it");
            }
        }
        // What is encrypted alone says nothing of who made it: anybody can encrypt to a public key.
        if self.userinfo_encryption().is_some() && self.userinfo_signed_response_alg.is_none() {
            return bad(
                "userinfo_encrypted_response_alg",
                "needs userinfo_signed_response_alg: it is signed, then encrypted",
            );
        }
        Ok(())
    }

    /// Whether a key for this is among those registered, or may be among those published.
    fn may_have_key(&self, alg: KeyManagement) -> bool {
        let registered = self.jwks.as_ref().map(|set| set.usable().iter().any(|key| key.encrypts(alg)));
        registered.unwrap_or(self.jwks_uri.is_some())
    }
}

fn both(alg: Option<KeyManagement>, enc: Option<ContentEncryption>) -> Option<Encryption> {
    alg.map(|alg| Encryption { alg, enc: enc.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::client::{Alg, Profile};

    fn with_key() -> ClientMetadata {
        let mut client = ClientMetadata::of_profile(Profile::Web, "Проба");
        client.redirect_uris.push("https://rp.example/cb".to_owned());
        let half = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
        let set = json!({"keys": [{"kty": "EC", "crv": "P-256", "x": half, "y": half, "use": "enc"}]});
        client.jwks = serde_json::from_value(set).unwrap();
        client
    }

    #[test]
    fn an_encrypted_answer_needs_its_alg_a_key_and_for_userinfo_a_signature() {
        type Change = fn(&mut ClientMetadata);
        let cases: [(Result<(), &str>, Change); 8] = [
            (Ok(()), |c| c.id_token_encrypted_response_alg = Some(KeyManagement::EcdhEs)),
            (Err("id_token_encrypted_response_alg"), |c| {
                c.id_token_encrypted_response_alg = Some(KeyManagement::RsaOaep256)
            }),
            (Err("introspection_encrypted_response_alg"), |c| {
                c.introspection_encrypted_response_alg = Some(KeyManagement::EcdhEs);
                c.jwks = None;
            }),
            (Ok(()), |c| {
                c.introspection_encrypted_response_alg = Some(KeyManagement::EcdhEs);
                c.jwks = None;
                c.jwks_uri = Some("https://rp.example/jwks".to_owned());
            }),
            (Err("id_token_encrypted_response_alg"), |c| {
                c.id_token_encrypted_response_enc = Some(ContentEncryption::A256Gcm);
            }),
            (Err("introspection_encrypted_response_alg"), |c| {
                c.introspection_encrypted_response_enc = Some(ContentEncryption::A256Gcm);
            }),
            (Err("userinfo_encrypted_response_alg"), |c| {
                c.userinfo_encrypted_response_alg = Some(KeyManagement::EcdhEs);
            }),
            (Ok(()), |c| {
                c.userinfo_encrypted_response_alg = Some(KeyManagement::EcdhEs);
                c.userinfo_signed_response_alg = Some(Alg::ES256);
            }),
        ];
        for (expected, change) in cases {
            let mut client = with_key();
            change(&mut client);
            assert_eq!(client.check().map_err(|bad| bad.field), expected);
        }
    }

    #[test]
    fn other_algorithms_are_not_read() {
        for (field, value) in [
            ("id_token_encrypted_response_alg", "RSA1_5"),
            ("id_token_encrypted_response_alg", "RSA-OAEP"),
            ("id_token_encrypted_response_alg", "PBES2-HS256+A128KW"),
            ("id_token_encrypted_response_alg", "dir"),
            ("id_token_encrypted_response_alg", "none"),
            ("id_token_encrypted_response_enc", "A128GCM"),
            ("userinfo_signed_response_alg", "none"),
            ("userinfo_signed_response_alg", "HS256"),
        ] {
            let mut metadata = serde_json::to_value(with_key()).unwrap();
            metadata[field] = value.into();
            assert!(serde_json::from_value::<ClientMetadata>(metadata).is_err(), "{field} {value}");
        }
    }
}
