//! Metadata: OpenID Connect Discovery 1.0 §3 and RFC 8414, one document of facts. It says what the server does and nothing
//! that it does not.

use kabinet_core::client::{Alg, AuthMethod};
use kabinet_core::jwk::{ContentEncryption, KeyManagement};
use kabinet_core::response_type::ResponseType;
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm, CoreResponseMode,
    CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{
    AdditionalProviderMetadata, AuthUrl, IssuerUrl, JsonWebKeySetUrl, LanguageTag, ProviderMetadata, RegistrationUrl,
    ResponseTypes, Scope, TokenUrl, UserInfoUrl,
};
use serde::{Deserialize, Serialize};

use crate::dpop::ALGS;
use crate::grant::GRANTS;
use crate::{Error, Provider, Result};

/// What the openidconnect crate's metadata does not know: RFC 8414, 7009, 7662, 7636, 8628, 9126, 9207, 9449, 9701, RP-Initiated Logout and
/// its companions, `prompt=create`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Beyond {
    revocation_endpoint: String,
    revocation_endpoint_auth_methods_supported: Vec<String>,
    revocation_endpoint_auth_signing_alg_values_supported: Vec<String>,
    introspection_endpoint: String,
    introspection_endpoint_auth_methods_supported: Vec<String>,
    introspection_endpoint_auth_signing_alg_values_supported: Vec<String>,
    end_session_endpoint: String,
    pushed_authorization_request_endpoint: String,
    device_authorization_endpoint: String,
    check_session_iframe: String,
    backchannel_logout_supported: bool,
    backchannel_logout_session_supported: bool,
    frontchannel_logout_supported: bool,
    frontchannel_logout_session_supported: bool,
    code_challenge_methods_supported: Vec<String>,
    dpop_signing_alg_values_supported: Vec<String>,
    authorization_response_iss_parameter_supported: bool,
    prompt_values_supported: Vec<String>,
    introspection_signing_alg_values_supported: Vec<String>,
    introspection_encryption_alg_values_supported: Vec<String>,
    introspection_encryption_enc_values_supported: Vec<String>,
}

impl AdditionalProviderMetadata for Beyond {}

type Metadata = ProviderMetadata<
    Beyond,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// The scopes that every provider of ours knows.
const SCOPES: [&str; 10] = [
    "openid",
    "profile",
    "email",
    "phone",
    "address",
    "org",
    "orgs",
    "identity",
    "identity_document",
    "offline_access",
];

impl Provider {
    /// The metadata document as JSON text.
    ///
    /// # Errors
    /// When the issuer is no URL, which the configuration does not let through.
    pub fn metadata(&self) -> Result<String> {
        let at = |path: &str| format!("{}{path}", self.issuer());
        let bad = |e: url::ParseError| Error::Bug(e.to_string());
        let methods = || AuthMethod::ALL;
        let names = || methods().into_iter().map(|method| method.as_str().to_owned()).collect::<Vec<_>>();
        let alg_names = || Alg::ALL.map(|alg| alg.as_str().to_owned()).to_vec();
        let beyond = Beyond {
            revocation_endpoint: at("/oauth2/revoke"),
            revocation_endpoint_auth_methods_supported: names(),
            revocation_endpoint_auth_signing_alg_values_supported: alg_names(),
            introspection_endpoint: at("/oauth2/introspect"),
            introspection_endpoint_auth_methods_supported: names().into_iter().filter(|name| name != "none").collect(),
            introspection_endpoint_auth_signing_alg_values_supported: alg_names(),
            end_session_endpoint: at("/oauth2/logout"),
            pushed_authorization_request_endpoint: at("/oauth2/par"),
            device_authorization_endpoint: at("/oauth2/device_authorization"),
            check_session_iframe: at("/oauth2/session"),
            backchannel_logout_supported: true,
            backchannel_logout_session_supported: true,
            frontchannel_logout_supported: true,
            frontchannel_logout_session_supported: true,
            code_challenge_methods_supported: vec!["S256".to_owned()],
            dpop_signing_alg_values_supported: ALGS.map(|alg| alg.as_str().to_owned()).to_vec(),
            authorization_response_iss_parameter_supported: true,
            prompt_values_supported: ["none", "login", "consent", "select_account", "create"]
                .map(str::to_owned)
                .to_vec(),
            introspection_signing_alg_values_supported: alg_names(),
            introspection_encryption_alg_values_supported: KeyManagement::ALL
                .map(|alg| alg.as_str().to_owned())
                .to_vec(),
            introspection_encryption_enc_values_supported: ContentEncryption::ALL
                .map(|enc| enc.as_str().to_owned())
                .to_vec(),
        };
        let algs = || Alg::ALL.map(signing_alg).to_vec();
        let metadata: Metadata = ProviderMetadata::new(
            IssuerUrl::new(self.issuer().to_owned()).map_err(bad)?,
            AuthUrl::new(at("/oauth2/authorize")).map_err(bad)?,
            JsonWebKeySetUrl::new(at("/oauth2/jwks")).map_err(bad)?,
            self.config().response_types.iter().map(|kind| response_type(*kind)).collect(),
            vec![CoreSubjectIdentifierType::Public, CoreSubjectIdentifierType::Pairwise],
            algs(),
            beyond,
        );
        let metadata = metadata
            .set_token_endpoint(Some(TokenUrl::new(at("/oauth2/token")).map_err(bad)?))
            .set_registration_endpoint(self.registration_endpoint()?)
            .set_userinfo_endpoint(Some(UserInfoUrl::new(at("/oauth2/userinfo")).map_err(bad)?))
            .set_scopes_supported(Some(SCOPES.map(|scope| Scope::new(scope.to_owned())).to_vec()))
            .set_response_modes_supported(Some(vec![
                CoreResponseMode::Query,
                CoreResponseMode::Fragment,
                CoreResponseMode::FormPost,
            ]))
            .set_grant_types_supported(Some(self.grant_types()))
            .set_token_endpoint_auth_methods_supported(Some(methods().map(auth_method).to_vec()))
            .set_token_endpoint_auth_signing_alg_values_supported(Some(algs()))
            .set_acr_values_supported(Some(
                kabinet_core::authn::ACR
                    .map(|acr| openidconnect::AuthenticationContextClass::new(acr.to_owned()))
                    .to_vec(),
            ))
            .set_display_values_supported(Some(vec![CoreAuthDisplay::Page, CoreAuthDisplay::Popup]))
            .set_claim_types_supported(Some(vec![CoreClaimType::Normal]))
            .set_claims_supported(Some(claims_supported().map(|claim| CoreClaimName::new(claim.to_owned())).collect()))
            .set_claims_parameter_supported(Some(true))
            .set_request_parameter_supported(Some(true))
            .set_request_uri_parameter_supported(Some(true))
            .set_require_request_uri_registration(Some(true))
            .set_request_object_signing_alg_values_supported(Some(
                std::iter::once(CoreJwsSigningAlgorithm::None).chain(algs()).collect(),
            ))
            .set_ui_locales_supported(Some(["ru", "en"].map(|tag| LanguageTag::new(tag.to_owned())).to_vec()))
            .set_userinfo_signing_alg_values_supported(Some(algs()))
            .set_id_token_encryption_alg_values_supported(Some(KeyManagement::ALL.map(key_management).to_vec()))
            .set_id_token_encryption_enc_values_supported(Some(ContentEncryption::ALL.map(content_encryption).to_vec()))
            .set_userinfo_encryption_alg_values_supported(Some(KeyManagement::ALL.map(key_management).to_vec()))
            .set_userinfo_encryption_enc_values_supported(Some(
                ContentEncryption::ALL.map(content_encryption).to_vec(),
            ));
        serde_json::to_string(&metadata).map_err(|e| Error::Bug(e.to_string()))
    }

    fn registration_endpoint(&self) -> Result<Option<RegistrationUrl>> {
        let url = self.takes_registrations().then(|| format!("{}/oauth2/register", self.issuer()));
        url.map(RegistrationUrl::new).transpose().map_err(|e| Error::Bug(e.to_string()))
    }

    /// Those of the token endpoint, and `implicit` where a response type gives tokens without it.
    fn grant_types(&self) -> Vec<CoreGrantType> {
        let mut kinds: Vec<_> = GRANTS.iter().map(|grant| grant_type(grant.kind.as_str())).collect();
        if self.config().response_types.iter().any(|kind| kind.is_front_channel()) {
            kinds.push(CoreGrantType::Implicit);
        }
        kinds
    }
}

fn response_type(kind: ResponseType) -> ResponseTypes<CoreResponseType> {
    let parts = [
        (kind.code, CoreResponseType::Code),
        (kind.id_token, CoreResponseType::IdToken),
        (kind.token, CoreResponseType::Token),
    ];
    ResponseTypes::new(parts.into_iter().filter_map(|(asked, part)| asked.then_some(part)).collect())
}

fn claims_supported() -> impl Iterator<Item = &'static str> {
    kabinet_core::claims::SUPPORTED
        .into_iter()
        .chain(["email_verified", "phone_number_verified"])
}

fn key_management(alg: KeyManagement) -> CoreJweKeyManagementAlgorithm {
    match alg {
        KeyManagement::RsaOaep256 => CoreJweKeyManagementAlgorithm::RsaOaepSha256,
        KeyManagement::EcdhEs => CoreJweKeyManagementAlgorithm::EcdhEs,
    }
}

fn content_encryption(enc: ContentEncryption) -> CoreJweContentEncryptionAlgorithm {
    match enc {
        ContentEncryption::A128CbcHs256 => CoreJweContentEncryptionAlgorithm::Aes128CbcHmacSha256,
        ContentEncryption::A256Gcm => CoreJweContentEncryptionAlgorithm::Aes256Gcm,
    }
}

fn grant_type(name: &str) -> CoreGrantType {
    match name {
        "authorization_code" => CoreGrantType::AuthorizationCode,
        "refresh_token" => CoreGrantType::RefreshToken,
        "client_credentials" => CoreGrantType::ClientCredentials,
        other => CoreGrantType::Extension(other.to_owned()),
    }
}

fn signing_alg(alg: Alg) -> CoreJwsSigningAlgorithm {
    match alg {
        Alg::RS256 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
        Alg::PS256 => CoreJwsSigningAlgorithm::RsaSsaPssSha256,
        Alg::ES256 => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
        Alg::EdDSA => CoreJwsSigningAlgorithm::EdDsa,
    }
}

fn auth_method(method: AuthMethod) -> CoreClientAuthMethod {
    match method {
        AuthMethod::None => CoreClientAuthMethod::None,
        AuthMethod::ClientSecretBasic => CoreClientAuthMethod::ClientSecretBasic,
        AuthMethod::ClientSecretPost => CoreClientAuthMethod::ClientSecretPost,
        AuthMethod::PrivateKeyJwt => CoreClientAuthMethod::PrivateKeyJwt,
    }
}
