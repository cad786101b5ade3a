//! The flags that `client create` and `client update` share.

use clap::Args;
use kabinet_core::client::{
    Alg, AssertionIssuer, AuthMethod, ClientMetadata, GrantType, RequestObjectAlg, RequiredClaim, Role, SubjectType,
    TokenFormat,
};
use kabinet_core::json;
use kabinet_core::jwk::{ContentEncryption, JwkSet, KeyManagement};
use kabinet_core::method::MethodName;
use kabinet_core::response_type::ResponseType;
use kabinet_core::scope::Scope;

use crate::cli::wire;

/// Metadata of RFC 7591 §2 and the provider's own.
#[derive(Args)]
pub(crate) struct Flags {
    /// Where people return to after sign-in, byte by byte; repeatable
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// Where people return to after sign-out; repeatable
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    post_logout_redirect_uris: Vec<String>,
    /// Where a logout token is posted when a sign-in ends; '' for nowhere
    #[arg(long, value_name = "URI")]
    backchannel_logout_uri: Option<String>,
    /// Each logout token must name the session
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    backchannel_logout_session_required: Option<bool>,
    /// What the browser loads in a frame when a sign-in ends; '' for nothing
    #[arg(long, value_name = "URI")]
    frontchannel_logout_uri: Option<String>,
    /// It must get iss and sid (it always does)
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    frontchannel_logout_session_required: Option<bool>,
    /// Its pages may ask whether the browser's sign-in changed; for products on the provider's own site
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    session_management: Option<bool>,
    /// authorization_code, implicit, refresh_token, client_credentials, device_code, token_exchange or jwt_bearer;
    /// repeatable
    #[arg(long = "grant-type", value_name = "TYPE", value_parser = grant_type)]
    grant_types: Vec<GrantType>,
    /// What the authorization endpoint may answer with; repeatable
    #[arg(long = "response-type", value_name = "TYPE")]
    response_types: Vec<ResponseType>,
    /// RS256, PS256, ES256, EdDSA or none: how its request objects are signed
    #[arg(long, value_name = "ALG", value_parser = wire::<RequestObjectAlg>)]
    request_object_signing_alg: Option<RequestObjectAlg>,
    /// Where its request objects may be fetched from; repeatable
    #[arg(long = "request-uri", value_name = "URI")]
    request_uris: Vec<String>,
    /// Refuse requests that were not pushed (RFC 9126)
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    require_pushed_authorization_requests: Option<bool>,
    /// What it may ask for; repeatable, or separated by spaces
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
    scopes: Vec<Scope>,
    /// client_secret_basic, client_secret_post, private_key_jwt or none
    #[arg(long, value_name = "METHOD", value_parser = wire::<AuthMethod>)]
    token_endpoint_auth_method: Option<AuthMethod>,
    /// How it signs its assertions: RS256, PS256, ES256 or EdDSA; without it with any that fits its keys
    #[arg(long, value_name = "ALG", value_parser = wire::<Alg>)]
    token_endpoint_auth_signing_alg: Option<Alg>,
    /// A file with its public keys, a JWK set or one JWK
    #[arg(long, value_name = "FILE", value_parser = key_file, conflicts_with = "jwks_uri")]
    jwks: Option<JwkSet>,
    /// Where it publishes its public keys; '' takes them away, those of a file too
    #[arg(long, value_name = "URI")]
    jwks_uri: Option<String>,
    /// Demand a PKCE challenge of a confidential client, too
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    require_pkce: Option<bool>,
    /// Refuse token requests without a proof of possession (DPoP, RFC 9449)
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    dpop_bound_access_tokens: Option<bool>,
    /// Ours: no consent is asked
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    first_party: Option<bool>,
    /// Whose look and texts its pages have
    #[arg(long, value_name = "NAME")]
    brand: Option<String>,
    /// A way to sign in on its pages, in their order: password, certificate, esia, telegram or code; repeatable; '' for
    /// those of its brand
    #[arg(long = "login-method", value_name = "METHOD", value_parser = way)]
    login_methods: Vec<Way>,
    /// A way to register on its pages, in their order: password, certificate or esia; repeatable; none closes
    /// registration, '' leaves it to its brand
    #[arg(long = "registration-method", value_name = "METHOD", value_parser = way)]
    registration_methods: Vec<Way>,
    /// Make it a service account of the admin API: owner, security, support, developer or auditor
    #[arg(long, value_name = "ROLE", value_parser = wire::<Role>)]
    admin_role: Option<Role>,
    /// jwt or opaque
    #[arg(long, value_name = "FORMAT", value_parser = wire::<TokenFormat>)]
    access_token_format: Option<TokenFormat>,
    /// RS256, PS256, ES256 or EdDSA
    #[arg(long, value_name = "ALG", value_parser = wire::<Alg>)]
    id_token_signed_response_alg: Option<Alg>,
    /// Give its userinfo signed and never plain: RS256, PS256, ES256 or EdDSA; '' for plain JSON
    #[arg(long, value_name = "ALG", value_parser = optional_alg)]
    userinfo_signed_response_alg: Option<Chosen<Alg>>,
    /// What introspection is signed with that it asks for as a JWT: RS256, PS256, ES256 or EdDSA; '' for RS256
    #[arg(long, value_name = "ALG", value_parser = optional_alg)]
    introspection_signed_response_alg: Option<Chosen<Alg>>,
    /// Encrypt its ID tokens to one of its keys: RSA-OAEP-256 or ECDH-ES; '' for not
    #[arg(long, value_name = "ALG", value_parser = optional_key_management)]
    id_token_encrypted_response_alg: Option<Chosen<KeyManagement>>,
    /// A128CBC-HS256 or A256GCM; '' for the former
    #[arg(long, value_name = "ENC", value_parser = optional_enc)]
    id_token_encrypted_response_enc: Option<Chosen<ContentEncryption>>,
    /// Encrypt its userinfo, which must be signed: RSA-OAEP-256 or ECDH-ES; '' for not
    #[arg(long, value_name = "ALG", value_parser = optional_key_management)]
    userinfo_encrypted_response_alg: Option<Chosen<KeyManagement>>,
    /// A128CBC-HS256 or A256GCM; '' for the former
    #[arg(long, value_name = "ENC", value_parser = optional_enc)]
    userinfo_encrypted_response_enc: Option<Chosen<ContentEncryption>>,
    /// Encrypt introspection that it asks for as a JWT: RSA-OAEP-256 or ECDH-ES; '' for not
    #[arg(long, value_name = "ALG", value_parser = optional_key_management)]
    introspection_encrypted_response_alg: Option<Chosen<KeyManagement>>,
    /// A128CBC-HS256 or A256GCM; '' for the former
    #[arg(long, value_name = "ENC", value_parser = optional_enc)]
    introspection_encrypted_response_enc: Option<Chosen<ContentEncryption>>,
    /// RS256, PS256, ES256 or EdDSA
    #[arg(long, value_name = "ALG", value_parser = wire::<Alg>)]
    access_token_signed_response_alg: Option<Alg>,
    /// Put the claims of the granted scopes into the ID token, too
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    claims_in_id_token: Option<bool>,
    /// email, phone_number or organisation: whoever lacks it is asked for it before the sign-in goes on; repeatable
    #[arg(long = "required-claim", value_name = "CLAIM", value_parser = wire::<RequiredClaim>)]
    required_claims: Vec<RequiredClaim>,
    /// Where the product lives: the way back from an error page
    #[arg(long, value_name = "URL")]
    client_uri: Option<String>,
    /// Its picture, fetched now and shown on its sign-in and consent pages: PNG, JPEG or WebP; '' for none
    #[arg(long, value_name = "URL")]
    logo_uri: Option<String>,
    /// Its privacy policy; its sign-in and consent pages link to it
    #[arg(long, value_name = "URL")]
    policy_uri: Option<String>,
    /// Its terms; its sign-in and consent pages link to them
    #[arg(long, value_name = "URL")]
    tos_uri: Option<String>,
    /// Who answers for it; repeatable
    #[arg(long = "contact", value_name = "TEXT")]
    contacts: Vec<String>,
    /// Where a third party may begin a sign-in (https)
    #[arg(long, value_name = "URL")]
    initiate_login_uri: Option<String>,
    /// max_age of requests that name none, seconds
    #[arg(long, value_name = "SECONDS")]
    default_max_age: Option<u32>,
    /// public, or pairwise: the subject of a person is this client's own
    #[arg(long, value_name = "TYPE", value_parser = wire::<SubjectType>)]
    subject_type: Option<SubjectType>,
    /// The list of redirect URIs of clients that share their pairwise subjects
    #[arg(long, value_name = "URL")]
    sector_identifier_uri: Option<String>,
    /// Audience of access tokens when the request names none (RFC 8707)
    #[arg(long, value_name = "URI")]
    default_resource: Option<String>,
    /// A resource that requests may name (RFC 8707); repeatable
    #[arg(long = "resource", value_name = "URI")]
    resources: Vec<String>,
    /// Whom it may exchange a token for: a resource or a client_id (RFC 8693); repeatable
    #[arg(long = "token-exchange-audience", value_name = "AUDIENCE")]
    token_exchange_audiences: Vec<String>,
    /// Who may vouch for people to it by a signed assertion (RFC 7523 section 2.1): the `iss` of that issuer
    #[arg(long, value_name = "ISSUER", requires = "assertion_keys")]
    assertion_issuer: Option<String>,
    /// A file with that issuer's public keys, a JWK set or one JWK
    #[arg(long, value_name = "FILE", value_parser = key_file, group = "assertion_keys", requires = "assertion_issuer")]
    assertion_issuer_jwks: Option<JwkSet>,
    /// Where that issuer publishes its public keys
    #[arg(long, value_name = "URI", group = "assertion_keys", requires = "assertion_issuer")]
    assertion_issuer_jwks_uri: Option<String>,
}

/// Short names of grant types that are URNs are taken, too.
fn grant_type(text: &str) -> Result<GrantType, String> {
    match text {
        "device_code" => Ok(GrantType::DeviceCode),
        "token_exchange" => Ok(GrantType::TokenExchange),
        "jwt_bearer" => Ok(GrantType::JwtBearer),
        name => wire(name),
    }
}

/// A value, or none in place of the one that was there.
#[derive(Clone, Copy)]
struct Chosen<T>(Option<T>);

fn optional_alg(text: &str) -> Result<Chosen<Alg>, String> {
    chosen(text)
}

fn optional_key_management(text: &str) -> Result<Chosen<KeyManagement>, String> {
    chosen(text)
}

fn optional_enc(text: &str) -> Result<Chosen<ContentEncryption>, String> {
    chosen(text)
}

fn chosen<T: serde::de::DeserializeOwned>(text: &str) -> Result<Chosen<T>, String> {
    if text.is_empty() {
        Ok(Chosen(None))
    } else {
        wire(text).map(|value| Chosen(Some(value)))
    }
}

fn scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text).map_err(|why| why.to_string())
}

fn key_file(path: &str) -> Result<JwkSet, String> {
    let text = std::fs::read(path).map_err(|why| format!("cannot read the file: {why}"))?;
    let object = json::object(&text).map_err(|why| format!("the file {why}"))?;
    if !object.contains_key("keys") {
        return Ok(JwkSet { keys: vec![object] });
    }
    serde_json::from_value(object.into()).map_err(|why| format!("the file is no JWK set: {why}"))
}

/// One value of a list of methods.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// What the brand says.
    OfBrand,
    /// No method at all.
    None,
    Method(MethodName),
}

fn way(text: &str) -> Result<Way, String> {
    match text {
        "" => Ok(Way::OfBrand),
        "none" => Ok(Way::None),
        name => wire(name).map(Way::Method),
    }
}

/// Puts the methods that were given in place of those that were kept.
fn methods(given: &[Way], kept: &mut Option<Vec<MethodName>>) {
    let named = given.iter().filter_map(|way| match way {
        Way::Method(name) => Some(*name),
        Way::OfBrand | Way::None => None,
    });
    if !given.is_empty() {
        *kept = Some(named.collect()).filter(|_| !given.contains(&Way::OfBrand));
    }
}

impl Flags {
    /// The brand that was given.
    pub(super) fn brand(&self) -> Option<&str> {
        self.brand.as_deref()
    }

    /// Whether a picture was named, be it the one that is there.
    pub(super) fn names_logo(&self) -> bool {
        self.logo_uri.is_some()
    }

    /// Refuses `none` or nothing beside a method: one of the two was not meant.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let lists = [("--login-method", &self.login_methods), ("--registration-method", &self.registration_methods)];
        for (flag, list) in lists {
            if list.len() > 1 && list.iter().any(|way| !matches!(way, Way::Method(_))) {
                anyhow::bail!("{flag}: none and an empty text stand alone");
            }
        }
        Ok(())
    }

    /// Puts what was given into the metadata; an empty text takes an optional value away.
    pub(super) fn apply(self, metadata: &mut ClientMetadata) {
        fn list<T>(given: Vec<T>, kept: &mut Vec<T>) {
            if !given.is_empty() {
                *kept = given;
            }
        }
        fn set<T>(given: Option<T>, kept: &mut T) {
            if let Some(given) = given {
                *kept = given;
            }
        }
        fn choose<T>(given: Option<Chosen<T>>, kept: &mut Option<T>) {
            set(given.map(|chosen| chosen.0), kept);
        }
        fn optional(given: Option<String>, kept: &mut Option<String>) {
            if let Some(given) = given {
                *kept = Some(given).filter(|text| !text.is_empty());
            }
        }
        list(self.redirect_uris, &mut metadata.redirect_uris);
        list(self.post_logout_redirect_uris, &mut metadata.post_logout_redirect_uris);
        optional(self.backchannel_logout_uri, &mut metadata.backchannel_logout_uri);
        set(
            self.backchannel_logout_session_required,
            &mut metadata.backchannel_logout_session_required,
        );
        optional(self.frontchannel_logout_uri, &mut metadata.frontchannel_logout_uri);
        set(
            self.frontchannel_logout_session_required,
            &mut metadata.frontchannel_logout_session_required,
        );
        set(self.session_management, &mut metadata.session_management);
        let grants_changed = !self.grant_types.is_empty();
        // RFC 7591 §2.1: response types and grant types go together; what is given of one brings the other.
        match (self.grant_types.is_empty(), self.response_types.is_empty()) {
            (false, true) => {
                let redirects = self.grant_types.contains(&GrantType::AuthorizationCode);
                if redirects == metadata.response_types.is_empty() {
                    metadata.response_types = if redirects { vec![ResponseType::CODE] } else { Vec::new() };
                }
            }
            (true, false) => {
                metadata
                    .grant_types
                    .retain(|kind| !matches!(kind, GrantType::AuthorizationCode | GrantType::Implicit));
                if self.response_types.iter().any(|kind| kind.is_front_channel()) {
                    metadata.grant_types.insert(0, GrantType::Implicit);
                }
                if self.response_types.iter().any(|kind| kind.code) {
                    metadata.grant_types.insert(0, GrantType::AuthorizationCode);
                } else {
                    metadata.grant_types.retain(|kind| *kind != GrantType::RefreshToken);
                }
            }
            _ => {}
        }
        list(self.grant_types, &mut metadata.grant_types);
        list(self.response_types, &mut metadata.response_types);
        list(self.request_uris, &mut metadata.request_uris);
        metadata.request_object_signing_alg = self.request_object_signing_alg.or(metadata.request_object_signing_alg);
        set(
            self.require_pushed_authorization_requests,
            &mut metadata.require_pushed_authorization_requests,
        );
        list(self.resources, &mut metadata.resources);
        list(self.token_exchange_audiences, &mut metadata.token_exchange_audiences);
        if grants_changed && !metadata.may(GrantType::TokenExchange) {
            metadata.token_exchange_audiences.clear();
        }
        if let Some(issuer) = self.assertion_issuer {
            let (jwks, jwks_uri) = (self.assertion_issuer_jwks, self.assertion_issuer_jwks_uri);
            metadata.assertion_issuer = Some(AssertionIssuer { issuer, jwks, jwks_uri });
        } else if grants_changed && !metadata.may(GrantType::JwtBearer) {
            metadata.assertion_issuer = None;
        }
        list(self.required_claims, &mut metadata.required_claims);
        set(self.scopes.into_iter().reduce(|all, one| all.union(&one)), &mut metadata.scope);
        set(self.token_endpoint_auth_method, &mut metadata.token_endpoint_auth_method);
        if self.token_endpoint_auth_signing_alg.is_some() {
            metadata.token_endpoint_auth_signing_alg = self.token_endpoint_auth_signing_alg;
        }
        // One takes the place of the other (RFC 7591 §2).
        if self.jwks.is_some() || self.jwks_uri.is_some() {
            metadata.jwks = self.jwks;
            metadata.jwks_uri = self.jwks_uri.filter(|uri| !uri.is_empty());
        }
        set(self.require_pkce, &mut metadata.require_pkce);
        set(self.dpop_bound_access_tokens, &mut metadata.dpop_bound_access_tokens);
        set(self.first_party, &mut metadata.first_party);
        set(self.access_token_format, &mut metadata.access_token_format);
        set(self.id_token_signed_response_alg, &mut metadata.id_token_signed_response_alg);
        choose(self.userinfo_signed_response_alg, &mut metadata.userinfo_signed_response_alg);
        choose(self.introspection_signed_response_alg, &mut metadata.introspection_signed_response_alg);
        choose(self.id_token_encrypted_response_alg, &mut metadata.id_token_encrypted_response_alg);
        choose(self.id_token_encrypted_response_enc, &mut metadata.id_token_encrypted_response_enc);
        choose(self.userinfo_encrypted_response_alg, &mut metadata.userinfo_encrypted_response_alg);
        choose(self.userinfo_encrypted_response_enc, &mut metadata.userinfo_encrypted_response_enc);
        choose(
            self.introspection_encrypted_response_alg,
            &mut metadata.introspection_encrypted_response_alg,
        );
        choose(
            self.introspection_encrypted_response_enc,
            &mut metadata.introspection_encrypted_response_enc,
        );
        set(self.access_token_signed_response_alg, &mut metadata.access_token_signed_response_alg);
        set(self.claims_in_id_token, &mut metadata.claims_in_id_token);
        optional(self.brand, &mut metadata.brand);
        methods(&self.login_methods, &mut metadata.login_methods);
        methods(&self.registration_methods, &mut metadata.registration_methods);
        optional(self.client_uri, &mut metadata.client_uri);
        optional(self.logo_uri, &mut metadata.logo_uri);
        optional(self.policy_uri, &mut metadata.policy_uri);
        optional(self.tos_uri, &mut metadata.tos_uri);
        list(self.contacts, &mut metadata.contacts);
        optional(self.initiate_login_uri, &mut metadata.initiate_login_uri);
        metadata.default_max_age = self.default_max_age.or(metadata.default_max_age);
        set(self.subject_type, &mut metadata.subject_type);
        optional(self.sector_identifier_uri, &mut metadata.sector_identifier_uri);
        optional(self.default_resource, &mut metadata.default_resource);
        metadata.admin_role = self.admin_role.or(metadata.admin_role);
    }
}
