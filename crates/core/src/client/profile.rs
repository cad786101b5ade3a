//! What a client is when only its profile and name are said.

use super::{Alg, AuthMethod, ClientMetadata, GrantType, Profile, SubjectType, TokenFormat};
use crate::response_type::ResponseType;
use crate::scope::Scope;

impl ClientMetadata {
    /// The defaults of a profile.
    #[must_use]
    pub fn of_profile(profile: Profile, name: &str) -> Self {
        use GrantType::{AuthorizationCode, ClientCredentials, DeviceCode, RefreshToken};
        let (grants, auth, scope): (&[GrantType], AuthMethod, &str) = match profile {
            Profile::Web => (
                &[AuthorizationCode, RefreshToken],
                AuthMethod::ClientSecretBasic,
                "openid profile email phone address offline_access",
            ),
            Profile::Spa => {
                (&[AuthorizationCode, RefreshToken], AuthMethod::None, "openid profile email phone address")
            }
            Profile::Native => (
                &[AuthorizationCode, RefreshToken],
                AuthMethod::None,
                "openid profile email phone address offline_access",
            ),
            Profile::Machine => (&[ClientCredentials], AuthMethod::ClientSecretBasic, ""),
            Profile::Device => (&[DeviceCode, RefreshToken], AuthMethod::None, "openid profile offline_access"),
            Profile::OneC => (
                &[AuthorizationCode, RefreshToken],
                AuthMethod::ClientSecretBasic,
                "openid profile email phone",
            ),
        };
        let redirects = grants.contains(&AuthorizationCode);
        Self {
            client_name: name.to_owned(),
            profile,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            backchannel_logout_uri: None,
            backchannel_logout_session_required: false,
            frontchannel_logout_uri: None,
            frontchannel_logout_session_required: false,
            session_management: false,
            grant_types: grants.to_vec(),
            response_types: if redirects { vec![ResponseType::CODE] } else { Vec::new() },
            scope: Scope::parse(scope).unwrap_or_default(),
            token_endpoint_auth_method: auth,
            token_endpoint_auth_signing_alg: None,
            jwks: None,
            jwks_uri: None,
            require_pkce: false,
            dpop_bound_access_tokens: false,
            first_party: false,
            brand: None,
            login_methods: None,
            registration_methods: None,
            client_uri: None,
            logo_uri: None,
            policy_uri: None,
            tos_uri: None,
            contacts: Vec::new(),
            initiate_login_uri: None,
            software_id: None,
            software_version: None,
            default_max_age: None,
            require_auth_time: false,
            subject_type: SubjectType::Public,
            sector_identifier_uri: None,
            id_token_signed_response_alg: Alg::RS256,
            userinfo_signed_response_alg: None,
            introspection_signed_response_alg: None,
            id_token_encrypted_response_alg: None,
            id_token_encrypted_response_enc: None,
            userinfo_encrypted_response_alg: None,
            userinfo_encrypted_response_enc: None,
            introspection_encrypted_response_alg: None,
            introspection_encrypted_response_enc: None,
            // 1С verifies with a pasted RSA key.
            access_token_signed_response_alg: if profile == Profile::OneC { Alg::RS256 } else { Alg::ES256 },
            access_token_format: TokenFormat::Jwt,
            request_object_signing_alg: None,
            request_uris: Vec::new(),
            require_pushed_authorization_requests: false,
            // 1С maps the person by a claim of the ID token.
            claims_in_id_token: profile == Profile::OneC,
            required_claims: Vec::new(),
            default_resource: None,
            resources: Vec::new(),
            token_exchange_audiences: Vec::new(),
            assertion_issuer: None,
            admin_role: None,
        }
    }
}
