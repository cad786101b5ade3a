//! Clients: the relying parties that people sign in to and services that call with their own credentials.
//!
//! A client is its metadata (RFC 7591 names, one JSON object) plus the hashes of its secrets. The metadata type is the
//! one schema behind the command line, the files and the admin API: [`ClientMetadata::check`] is the only place that
//! says what a client may look like.

mod answers;
mod assertion;
mod check;
mod kept;
mod profile;

use serde::{Deserialize, Serialize};

use crate::contact::ContactKind;
use crate::jwk::{ContentEncryption, JwkSet, KeyManagement};
use crate::method::MethodName;
use crate::redirect::{LoopbackPort, find};
use crate::response_type::ResponseType;
use crate::scope::{INVITE, Scope};
use crate::text::disguises;
use crate::user::User;

pub use assertion::AssertionIssuer;
pub use kept::{Client, ClientSecret};

/// What kind of application the client is; sets the defaults of the table in the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// A server-side web application.
    Web,
    /// A browser application without a server.
    Spa,
    /// An installed application.
    Native,
    /// A service that acts for itself.
    Machine,
    /// A device without a browser of its own.
    Device,
    /// An unmodified 1С:Enterprise platform.
    #[serde(rename = "1c")]
    OneC,
}

/// Grant types that a client may be registered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum GrantType {
    /// RFC 6749 §4.1
    #[serde(rename = "authorization_code")]
    AuthorizationCode,
    /// RFC 6749 §6
    #[serde(rename = "refresh_token")]
    RefreshToken,
    /// RFC 6749 §4.2, as OpenID Connect Core §3.2 and §3.3 need it: tokens in the answer of the authorization endpoint.
    #[serde(rename = "implicit")]
    Implicit,
    /// RFC 6749 §4.4
    #[serde(rename = "client_credentials")]
    ClientCredentials,
    /// RFC 8628
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
    /// RFC 8693
    #[serde(rename = "urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
    /// RFC 7523 §2.1
    #[serde(rename = "urn:ietf:params:oauth:grant-type:jwt-bearer")]
    JwtBearer,
}

impl GrantType {
    /// The wire name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::Implicit => "implicit",
            Self::ClientCredentials => "client_credentials",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
            Self::JwtBearer => "urn:ietf:params:oauth:grant-type:jwt-bearer",
        }
    }
}

/// How a client proves who it is at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// A public client.
    None,
    /// RFC 6749 §2.3.1, the header.
    ClientSecretBasic,
    /// RFC 6749 §2.3.1, the body.
    ClientSecretPost,
    /// OpenID Connect Core §9, RFC 7523 §2.2: an assertion signed with the client's key.
    PrivateKeyJwt,
}

impl AuthMethod {
    /// The wire name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// Every method, as discovery lists them.
    pub const ALL: [Self; 4] = [Self::ClientSecretBasic, Self::ClientSecretPost, Self::PrivateKeyJwt, Self::None];

    /// Whether the client has a secret.
    #[must_use]
    pub const fn has_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost)
    }
}

/// Signature algorithms that the provider signs with (RFC 7518 §3.1, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Alg {
    /// RSASSA-PKCS1-v1_5 with SHA-256: what every stock client expects.
    RS256,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// ECDSA with P-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

impl Alg {
    /// Every algorithm, the default one first.
    pub const ALL: [Self; 4] = [Self::RS256, Self::PS256, Self::ES256, Self::EdDSA];

    /// The `alg` value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::PS256 => "PS256",
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
        }
    }
}

/// How a client signs its request objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RequestObjectAlg {
    /// Not at all.
    Unsigned(Unsigned),
    /// With one of its keys.
    Signed(Alg),
}

/// `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unsigned {
    /// RFC 7518 §3.6
    #[serde(rename = "none")]
    None,
}

/// The form of the access tokens that a client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenFormat {
    /// RFC 9068.
    Jwt,
    /// A sealed text that only the provider can read.
    Opaque,
}

/// A claim that a client cannot do without: whoever lacks it is asked for it, once, before the code is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequiredClaim {
    /// A confirmed e-mail address.
    Email,
    /// A confirmed phone.
    PhoneNumber,
    /// An organisation that the person acts for.
    Organisation,
}

impl RequiredClaim {
    /// The kind of contact that the claim is made of.
    #[must_use]
    pub const fn contact(self) -> Option<ContactKind> {
        match self {
            Self::Email => Some(ContactKind::Email),
            Self::PhoneNumber => Some(ContactKind::Phone),
            Self::Organisation => None,
        }
    }
}

/// What a client gets as the `sub` of a person (OpenID Connect Core §8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectType {
    /// The same as every other client.
    #[default]
    Public,
    /// One of its own, shared only by clients of the same sector.
    Pairwise,
}

impl SubjectType {
    fn is_public(&self) -> bool {
        *self == Self::Public
    }
}

/// The role that a service account (`kabinet:admin`) or an administrator has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May do everything.
    Owner,
    /// Keys, anchors, policies, sessions.
    Security,
    /// People, with masked data.
    Support,
    /// Own clients only.
    Developer,
    /// Reads all, changes nothing.
    Auditor,
}

/// What is known of a client: RFC 7591 §2 names, and the provider's own beside them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientMetadata {
    /// Shown to people.
    pub client_name: String,
    /// Sets the defaults.
    pub profile: Profile,
    /// Exact strings, compared byte by byte.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Exact strings for RP-initiated logout.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// Where the provider posts a logout token when a sign-in ends (Back-Channel Logout 1.0 §2.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// Whether each of them must name the session.
    #[serde(default)]
    pub backchannel_logout_session_required: bool,
    /// What the browser loads in a frame when a sign-in ends (Front-Channel Logout 1.0 §2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout_uri: Option<String>,
    /// Whether it must get `iss` and `sid`; it always does.
    #[serde(default)]
    pub frontchannel_logout_session_required: bool,
    /// Ours: whether its pages may ask for the browser's sign-in (Session Management 1.0).
    #[serde(default)]
    pub session_management: bool,
    /// What the token endpoint will do for it.
    pub grant_types: Vec<GrantType>,
    /// What the authorization endpoint will do for it.
    #[serde(default)]
    pub response_types: Vec<ResponseType>,
    /// Signature of its request objects (OpenID Connect Core §6, RFC 9101); absent: signed or not as it likes; `none`: never signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_object_signing_alg: Option<RequestObjectAlg>,
    /// Where request objects may be fetched from, byte by byte without the fragment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub request_uris: Vec<String>,
    /// Whether requests must be pushed (RFC 9126 §6).
    #[serde(default)]
    pub require_pushed_authorization_requests: bool,
    /// What it may ask for.
    pub scope: Scope,
    /// How it authenticates.
    pub token_endpoint_auth_method: AuthMethod,
    /// How it signs its assertions; absent: with any algorithm that fits its keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_signing_alg: Option<Alg>,
    /// Its public keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<JwkSet>,
    /// Where it publishes them, in place of `jwks`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Whether a confidential client must send a PKCE challenge; public ones always must.
    #[serde(default)]
    pub require_pkce: bool,
    /// Ours: no consent is asked.
    #[serde(default)]
    pub first_party: bool,
    /// Whose look and texts its pages have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// Ways to sign in on its pages, in their order; absent: those of the brand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_methods: Option<Vec<MethodName>>,
    /// Ways to register on its pages, in their order; empty: nobody registers there; absent: those of the brand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_methods: Option<Vec<MethodName>>,
    /// Where the product lives: the way back from an error page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    /// Its sign; fetched once when the client is saved and shown from our own origin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<String>,
    /// How it deals with data about people; shown on its sign-in and consent pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    /// Its terms; shown on its sign-in and consent pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    /// Who answers for it; for the operator.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    /// Where a third party may begin a sign-in (OpenID Connect Core §4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiate_login_uri: Option<String>,
    /// The software that the client is an installation of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software_id: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software_version: Option<String>,
    /// `max_age` of requests that name none, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_max_age: Option<u32>,
    /// Whether its ID tokens must say `auth_time`; they always do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_auth_time: bool,
    /// What it gets as the `sub` of a person.
    #[serde(default, skip_serializing_if = "SubjectType::is_public")]
    pub subject_type: SubjectType,
    /// The list of redirect URIs of clients that share their pairwise subjects (OpenID Connect Core §8.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector_identifier_uri: Option<String>,
    /// Signature of its ID tokens.
    #[serde(default = "rs256")]
    pub id_token_signed_response_alg: Alg,
    /// Signature of its userinfo; absent: plain JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_signed_response_alg: Option<Alg>,
    /// Signature of introspection that it asks for as a JWT (RFC 9701 §6); absent: RS256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introspection_signed_response_alg: Option<Alg>,
    /// To which of its keys ID tokens are encrypted after they were signed; absent: they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token_encrypted_response_alg: Option<KeyManagement>,
    /// How; absent: A128CBC-HS256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token_encrypted_response_enc: Option<ContentEncryption>,
    /// The same for userinfo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_encrypted_response_alg: Option<KeyManagement>,
    /// The same for userinfo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_encrypted_response_enc: Option<ContentEncryption>,
    /// The same for introspection that it asks for as a JWT (RFC 9701 §6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introspection_encrypted_response_alg: Option<KeyManagement>,
    /// The same for introspection that it asks for as a JWT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introspection_encrypted_response_enc: Option<ContentEncryption>,
    /// Signature of its JWT access tokens.
    #[serde(default = "es256")]
    pub access_token_signed_response_alg: Alg,
    /// The form of its access tokens.
    #[serde(default = "jwt")]
    pub access_token_format: TokenFormat,
    /// Whether claims of the granted scopes also stand in the ID token.
    #[serde(default)]
    pub claims_in_id_token: bool,
    /// What it cannot do without.
    #[serde(default)]
    pub required_claims: Vec<RequiredClaim>,
    /// `aud` of access tokens when the request names no resource (RFC 8707).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_resource: Option<String>,
    /// Resources that it may name.
    #[serde(default)]
    pub resources: Vec<String>,
    /// Whom it may exchange a token for (RFC 8693): `resource` or `audience` values. Empty: nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_exchange_audiences: Vec<String>,
    /// Who may vouch for people to it (RFC 7523 §2.1). Absent: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assertion_issuer: Option<AssertionIssuer>,
    /// The role of a service account; makes the scope `kabinet:admin` available to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_role: Option<Role>,
}

fn rs256() -> Alg {
    Alg::RS256
}

fn es256() -> Alg {
    Alg::ES256
}

fn jwt() -> TokenFormat {
    TokenFormat::Jwt
}

/// What is wrong with a client's metadata.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {detail}")]
pub struct BadClient {
    /// The metadata name.
    pub field: &'static str,
    /// What is wrong with it, for the developer.
    pub detail: String,
}

impl ClientMetadata {
    /// Checks the whole object.
    ///
    /// # Errors
    /// Names the first field that is wrong.
    pub fn check(&self) -> Result<(), BadClient> {
        self.check_name()?;
        self.check_redirects()?;
        self.check_logout()?;
        self.check_methods()?;
        self.check_keys()?;
        self.check_answers()?;
        self.check_assertion_issuer()?;
        let grants = |grant| self.grant_types.contains(&grant);
        let bad = |field, detail: &str| Err(BadClient { field, detail: detail.to_owned() });
        if self.grant_types.is_empty() {
            return bad("grant_types", "must name at least one grant type");
        }
        self.check_requests()?;
        // RFC 6749 §4.4: client credentials are for confidential clients only.
        if grants(GrantType::ClientCredentials) && self.is_public() {
            return bad(
                "grant_types",
                "client_credentials needs a client that authenticates (RFC 6749 section 4.4)",
            );
        }
        // RFC 8693 §5: whoever is named in a token could otherwise pass it on without proving anything.
        if grants(GrantType::TokenExchange) && self.is_public() {
            return bad("grant_types", "token-exchange needs a client that authenticates (RFC 8693 section 5)");
        }
        if grants(GrantType::TokenExchange) == self.token_exchange_audiences.is_empty() {
            return bad(
                "token_exchange_audiences",
                "must be given with the grant type token-exchange, and with it alone",
            );
        }
        let names =
            |audience: &String| (1..=512).contains(&audience.len()) && audience.bytes().all(|b| b.is_ascii_graphic());
        if !self.token_exchange_audiences.iter().all(names) {
            return bad("token_exchange_audiences", "each must be a URI or a client_id");
        }
        if grants(GrantType::RefreshToken) && !grants(GrantType::AuthorizationCode) && !grants(GrantType::DeviceCode) {
            return bad("grant_types", "refresh_token needs a grant that gives refresh tokens");
        }
        if !self.required_claims.is_empty() && !self.redirects() {
            return bad("required_claims", "nobody signs in to this client: it has no grant type that redirects");
        }
        let is_given = self.scope.has("org") || self.scope.has("orgs");
        if self.required_claims.contains(&RequiredClaim::Organisation) && !is_given {
            return bad("required_claims", "organisation needs the scope org or orgs");
        }
        if self.admin_role.is_some() && !grants(GrantType::ClientCredentials) {
            return bad("admin_role", "is for clients with the grant type client_credentials");
        }
        if self.scope.has("kabinet:admin") {
            return bad("scope", "kabinet:admin comes with admin_role and cannot be listed");
        }
        // Whoever may invite acts for itself alone, so no token about a person ever holds that scope.
        if self.scope.has(INVITE) && self.grant_types != [GrantType::ClientCredentials] {
            return bad(
                "scope",
                "kabinet:invite is for clients with the grant type client_credentials and no other",
            );
        }
        for resource in self.resources.iter().chain(&self.default_resource) {
            // RFC 8707 §2: an absolute URI without a fragment.
            if !url::Url::parse(resource).is_ok_and(|url| url.fragment().is_none()) {
                return bad("resources", "each must be an absolute URI without a fragment (RFC 8707 section 2)");
            }
        }
        Ok(())
    }

    fn check_name(&self) -> Result<(), BadClient> {
        let bad = |detail: &str| Err(BadClient { field: "client_name", detail: detail.to_owned() });
        if self.client_name.trim().is_empty() || self.client_name.chars().count() > 100 {
            return bad("must have 1 to 100 characters");
        }
        // Look-alikes and reordering in a name that people are asked to trust.
        if self.client_name.chars().any(disguises) {
            return bad("must not hold control or direction characters");
        }
        self.check_description()
    }

    /// The first contact that the client requires and the person lacks.
    #[must_use]
    pub fn lacks(&self, user: &User) -> Option<ContactKind> {
        let is_there = |kind| user.contact(kind).is_some_and(|held| held.verified_at.is_some());
        self.required_claims
            .iter()
            .filter_map(|claim| claim.contact())
            .find(|kind| !is_there(*kind))
    }

    /// Whether the client cannot keep a secret (RFC 6749 §2.1).
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.token_endpoint_auth_method == AuthMethod::None
    }

    /// Whether an authorization request must carry a PKCE challenge.
    #[must_use]
    pub fn needs_pkce(&self) -> bool {
        self.is_public() || self.require_pkce
    }

    /// Whether people are sent to its redirect URIs.
    #[must_use]
    pub fn redirects(&self) -> bool {
        self.may(GrantType::AuthorizationCode) || self.may(GrantType::Implicit)
    }

    /// Whether the client may use a grant type.
    #[must_use]
    pub fn may(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }

    /// The redirect URI that a request asks for, if it is one of the client's.
    #[must_use]
    pub fn find_redirect<'a>(&self, asked: &'a str) -> Option<&'a str> {
        let port = if self.profile == Profile::Native {
            LoopbackPort::Any
        } else {
            LoopbackPort::Exact
        };
        find(&self.redirect_uris, asked, port)
    }
}

#[cfg(test)]
mod tests;
