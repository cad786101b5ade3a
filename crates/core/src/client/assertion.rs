//! Who may vouch for people to a client (RFC 7523 §2.1).

use serde::{Deserialize, Serialize};

use super::{BadClient, ClientMetadata, GrantType, SubjectType};
use crate::jwk::JwkSet;
use crate::redirect::{PrivateSchemes, check_registration};

/// The one issuer whose assertions about people a client may turn into access tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssertionIssuer {
    /// `iss` of its assertions, byte by byte.
    pub issuer: String,
    /// Its public keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<JwkSet>,
    /// Where it publishes them, in place of `jwks`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
}

impl ClientMetadata {
    pub(super) fn check_assertion_issuer(&self) -> Result<(), BadClient> {
        let bad = |detail: &str| Err(BadClient { field: "assertion_issuer", detail: detail.to_owned() });
        let has_grant = self.may(GrantType::JwtBearer);
        // RFC 7523 §2.1 leaves client authentication open; here an assertion that is found helps nobody.
        if has_grant && self.is_public() {
            return Err(BadClient {
                field: "grant_types",
                detail: "jwt-bearer needs a client that authenticates".to_owned(),
            });
        }
        let Some(issuer) = &self.assertion_issuer else {
            return if has_grant {
                bad("must be given with the grant type jwt-bearer")
            } else {
                Ok(())
            };
        };
        if !has_grant {
            return bad("is for clients with the grant type jwt-bearer");
        }
        if self.subject_type == SubjectType::Pairwise {
            return bad("is for clients whose subject_type is public: the issuer knows people by their common sub");
        }
        let is_name = (1..=512).contains(&issuer.issuer.len()) && issuer.issuer.bytes().all(|b| b.is_ascii_graphic());
        if !is_name {
            return bad("the name must have 1 to 512 visible ASCII characters");
        }
        match (&issuer.jwks, &issuer.jwks_uri) {
            (Some(set), None) => match set.check() {
                Ok(()) => Ok(()),
                Err(why) => bad(&format!("jwks {why}")),
            },
            (None, Some(uri)) => match check_registration(uri, PrivateSchemes::Refused) {
                Ok(()) => Ok(()),
                Err(why) => bad(&format!("jwks_uri {uri:?} {why}")),
            },
            (None, None) | (Some(_), Some(_)) => bad("needs either its jwks or its jwks_uri"),
        }
    }
}
