//! What a client may say of itself over HTTP (RFC 7591 §2, OpenID Connect Registration 1.0 §2), and what it gets when it says
//! nothing.
//!
//! 1. Only the members of [`REGISTRABLE`] are taken; all others are ignored (RFC 7591 §2), whatever they are called here:
//!    nobody makes themselves first-party, a service account or the owner of a resource (V38).
//! 2. What is not said has the default of the specifications: the code flow, a secret in the header, RS256.
//! 3. Scopes are cut to the list that the operator offers; grant and response types outside of theirs are refused.
//! 4. A change (RFC 7592 §2.2) replaces all of it, so what is left out falls back to its default; but a member that an
//!    administrator set stays as it is, and everything that is not registrable, too.
//!
//! What a whole client must look like says [`ClientMetadata::check`].

use serde_json::{Map, Value, json};

use crate::client::{BadClient, ClientMetadata, GrantType, Profile};
use crate::redirect::origin_of;
use crate::response_type::ResponseType;
use crate::scope::Scope;

/// What a registration may set beside `application_type`: a line here makes a member of [`ClientMetadata`] registrable.
pub const REGISTRABLE: [&str; 41] = [
    "client_name",
    "redirect_uris",
    "post_logout_redirect_uris",
    "grant_types",
    "response_types",
    "scope",
    "token_endpoint_auth_method",
    "token_endpoint_auth_signing_alg",
    "jwks",
    "jwks_uri",
    "client_uri",
    "logo_uri",
    "policy_uri",
    "tos_uri",
    "contacts",
    "initiate_login_uri",
    "software_id",
    "software_version",
    "default_max_age",
    "require_auth_time",
    "subject_type",
    "sector_identifier_uri",
    "id_token_signed_response_alg",
    "id_token_encrypted_response_alg",
    "id_token_encrypted_response_enc",
    "userinfo_signed_response_alg",
    "userinfo_encrypted_response_alg",
    "userinfo_encrypted_response_enc",
    "require_pkce",
    "dpop_bound_access_tokens",
    "claims_in_id_token",
    "request_object_signing_alg",
    "request_uris",
    "require_pushed_authorization_requests",
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
    "frontchannel_logout_uri",
    "frontchannel_logout_session_required",
    "introspection_signed_response_alg",
    "introspection_encrypted_response_alg",
    "introspection_encrypted_response_enc",
];

/// The grant types that can be registered: a person stands behind each.
const GRANT_TYPES: [GrantType; 3] = [GrantType::AuthorizationCode, GrantType::Implicit, GrantType::RefreshToken];

/// What the operator offers to whoever registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// `response_types`
    pub response_types: Vec<ResponseType>,
    /// The scopes that can be had, and that are given when none is named.
    pub scope: Scope,
}

/// What a change starts from.
#[derive(Clone, Copy, Debug)]
pub struct Before<'a> {
    /// The client as it is.
    pub metadata: &'a ClientMetadata,
    /// Members that an administrator set.
    pub held: &'a [String],
}

/// Makes metadata of a request to register or, with `before`, to change; checked as a whole.
///
/// # Errors
/// Names the first member that cannot be had.
pub fn metadata(
    request: &Map<String, Value>,
    before: Option<Before<'_>>,
    offer: &Offer,
) -> Result<ClientMetadata, BadClient> {
    let is_held = |name: &str| before.is_some_and(|before| before.held.iter().any(|held| held == name));
    let mut object = start(profile(request, before)?, request, before, offer);
    for name in REGISTRABLE.into_iter().filter(|name| !is_held(name)) {
        // RFC 7591 §2: null is the same as absent.
        let Some(value) = request.get(name).filter(|value| !value.is_null()) else {
            continue;
        };
        object.insert(name.to_owned(), value.clone());
        // One at a time, so that the answer can name it.
        if serde_json::from_value::<ClientMetadata>(Value::Object(object.clone())).is_err() {
            return Err(bad(name, "has a value that is not offered, or of another type"));
        }
    }
    let mut metadata: ClientMetadata =
        serde_json::from_value(Value::Object(object)).map_err(|_| bad("client_name", "cannot be read"))?;
    if !is_held("scope") {
        let asked = std::mem::take(&mut metadata.scope);
        metadata.scope = asked.common(&offer.scope);
        if metadata.scope.is_empty() {
            return Err(bad("scope", "none of these scopes is offered here"));
        }
    }
    let is_offered = metadata.grant_types.iter().all(|grant| GRANT_TYPES.contains(grant));
    if !(is_held("grant_types") || is_offered && metadata.redirects()) {
        return Err(bad(
            "grant_types",
            "must be authorization_code or implicit, and may be refresh_token beside the former",
        ));
    }
    if !is_held("response_types") && metadata.response_types.iter().any(|one| !offer.response_types.contains(one)) {
        return Err(bad("response_types", "holds one that is not offered here"));
    }
    // A resource is known by its client_uri: nobody takes another's.
    let own = |uri: &String| {
        let origin = origin_of(uri);
        origin.is_some() && metadata.redirect_uris.iter().any(|redirect| origin_of(redirect) == origin)
    };
    if !is_held("client_uri") && !metadata.client_uri.as_ref().is_none_or(own) {
        return Err(bad("client_uri", "must have the origin of a redirect URI"));
    }
    metadata.check()?;
    Ok(metadata)
}

/// The client's own description of itself as it is now (RFC 7591 §3.2.1).
#[must_use]
pub fn description(metadata: &ClientMetadata) -> Map<String, Value> {
    let object = json!(metadata);
    let mut said: Map<String, Value> = REGISTRABLE
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), object.get(name)?.clone())))
        .collect();
    let kind = if metadata.profile == Profile::Native { "native" } else { "web" };
    said.insert("application_type".to_owned(), kind.into());
    // No specification has a default for it: who did not ask learns here what they got.
    said.insert("subject_type".to_owned(), json!(metadata.subject_type));
    said
}

/// The members whose values differ.
#[must_use]
pub fn differing(one: &ClientMetadata, other: &ClientMetadata) -> Vec<String> {
    let (one, other) = (description(one), description(other));
    let differs = |name: &&str| one.get(*name) != other.get(*name);
    REGISTRABLE.into_iter().filter(differs).map(str::to_owned).collect()
}

fn bad(field: &'static str, detail: &str) -> BadClient {
    BadClient { field, detail: detail.to_owned() }
}

/// OpenID Connect Registration §2, `application_type`: `web` unless it says `native`.
fn profile(request: &Map<String, Value>, before: Option<Before<'_>>) -> Result<Profile, BadClient> {
    let asked = match request.get("application_type") {
        None | Some(Value::Null) => Profile::Web,
        Some(kind) if kind == "web" => Profile::Web,
        Some(kind) if kind == "native" => Profile::Native,
        Some(_) => return Err(bad("application_type", "must be web or native")),
    };
    Ok(match before.map(|before| before.metadata.profile) {
        None | Some(Profile::Web | Profile::Native) => asked,
        Some(other) => other,
    })
}

/// Every member with its default, and beside them what is not for the client to say.
fn start(
    profile: Profile,
    request: &Map<String, Value>,
    before: Option<Before<'_>>,
    offer: &Offer,
) -> Map<String, Value> {
    let mut fresh = ClientMetadata::of_profile(profile, &name_of(request));
    fresh.grant_types = grants_of(request);
    fresh.token_endpoint_auth_method = crate::client::AuthMethod::ClientSecretBasic;
    fresh.scope = offer.scope.clone();
    let object = |metadata: &ClientMetadata| json!(metadata).as_object().cloned().unwrap_or_default();
    let mut fresh = object(&fresh);
    let Some(before) = before else { return fresh };
    let mut kept = object(before.metadata);
    for name in REGISTRABLE.into_iter().filter(|name| !before.held.iter().any(|held| held == name)) {
        kept.remove(name);
        kept.extend(fresh.remove_entry(name));
    }
    kept.insert("profile".to_owned(), json!(profile));
    kept
}

/// The grant types of who names none: those that its response types go with (RFC 7591 §2.1), which are `code` unless it says
/// more.
fn grants_of(request: &Map<String, Value>) -> Vec<GrantType> {
    let named = request.get("response_types").and_then(Value::as_array);
    let kinds: Vec<ResponseType> = named.into_iter().flatten().filter_map(|kind| kind.as_str()?.parse().ok()).collect();
    let mut grants = Vec::new();
    if kinds.is_empty() || kinds.iter().any(|kind| kind.code) {
        grants.push(GrantType::AuthorizationCode);
    }
    if kinds.iter().any(|kind| kind.is_front_channel()) {
        grants.push(GrantType::Implicit);
    }
    grants
}

/// What a client that gives no name is called: the host that people return to.
fn name_of(request: &Map<String, Value>) -> String {
    let first = request.get("redirect_uris").and_then(|uris| uris.get(0)).and_then(Value::as_str);
    let host = first
        .and_then(|uri| url::Url::parse(uri).ok())
        .and_then(|url| url.host_str().map(str::to_owned));
    host.map_or_else(|| "client".to_owned(), |host| host.chars().take(100).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{AuthMethod, Role};

    fn offer() -> Offer {
        Offer {
            response_types: vec![ResponseType::CODE],
            scope: Scope::parse("openid profile email offline_access").unwrap(),
        }
    }

    fn ask(body: &Value) -> Result<ClientMetadata, BadClient> {
        metadata(body.as_object().unwrap(), None, &offer())
    }

    #[test]
    fn what_is_not_said_has_the_default_of_the_specifications() {
        let made = ask(&json!({"redirect_uris": ["https://rp.example/cb"], "contacts": null})).unwrap();
        assert_eq!(made.client_name, "rp.example");
        assert_eq!(made.grant_types, [GrantType::AuthorizationCode]);
        assert_eq!(made.response_types, [ResponseType::CODE]);
        assert_eq!(made.token_endpoint_auth_method, AuthMethod::ClientSecretBasic);
        assert_eq!((made.profile, made.scope), (Profile::Web, offer().scope));
        assert!(!made.first_party);
    }

    #[test]
    fn privileges_are_ignored_and_what_is_not_offered_is_refused_by_name() {
        let made = ask(&json!({
            "redirect_uris": ["https://rp.example/cb"], "scope": "openid kabinet:admin docs:write", "first_party": true,
            "admin_role": "owner", "brand": "edo", "profile": "1c", "resources": ["https://api.example/"],
            "default_resource": "https://api.example/", "login_methods": ["password"], "required_claims": ["email"],
            "access_token_format": "opaque", "access_token_signed_response_alg": "RS256", "client_id": "mine",
            "client_secret": "mine", "disabled": false, "unknown": {"a": [1]},
        }))
        .unwrap();
        assert_eq!(made.scope.to_string(), "openid");
        let plain = ask(&json!({"redirect_uris": ["https://rp.example/cb"], "scope": "openid"})).unwrap();
        assert_eq!(made, plain);
        for (name, value) in [
            ("redirect_uris", json!(["https://rp.example/cb#x"])),
            ("redirect_uris", json!(["http://rp.example/cb"])),
            ("redirect_uris", json!(["com.example.app:/cb"])),
            ("redirect_uris", json!("https://rp.example/cb")),
            ("redirect_uris", json!([])),
            ("redirect_uris", json!(vec!["https://rp.example/cb"; 33])),
            ("grant_types", json!(["client_credentials", "authorization_code"])),
            ("grant_types", json!(["refresh_token"])),
            ("response_types", json!(["token"])),
            ("response_types", json!(["id_token"])),
            ("response_types", json!(["code", "code id_token"])),
            ("response_types", json!([])),
            ("scope", json!("kabinet:admin")),
            ("scope", json!(["openid"])),
            ("token_endpoint_auth_method", json!("client_secret_jwt")),
            ("token_endpoint_auth_method", json!(1)),
            ("id_token_signed_response_alg", json!("none")),
            ("id_token_signed_response_alg", json!("HS256")),
            ("initiate_login_uri", json!("http://rp.example/login")),
            ("client_uri", json!("https://api.example/")),
            ("redirect_uris", json!(["https://zzz,frame-ancestors/cb"])),
            ("redirect_uris", json!(["https://a;sandbox/cb"])),
            ("redirect_uris", json!(["https://*/cb"])),
            ("logo_uri", json!("javascript:alert(1)")),
            ("policy_uri", json!("data:text/html,x")),
            ("tos_uri", json!("file:///etc/passwd")),
            ("contacts", json!(vec!["a@rp.example"; 11])),
            ("contacts", json!(["x".repeat(300)])),
            ("client_name", json!("x".repeat(101))),
            ("software_id", json!("x".repeat(300))),
            ("application_type", json!("service")),
            ("subject_type", json!("private")),
            ("jwks", json!({"keys": [{"kty": "oct", "k": "AAAA"}]})),
        ] {
            let mut body = json!({"redirect_uris": ["https://rp.example/cb"]});
            body[name] = value.clone();
            let refused = ask(&body).unwrap_err();
            assert_eq!(refused.field, name, "{value}: {refused}");
        }
    }

    #[test]
    fn grant_types_follow_from_response_types_that_are_offered() {
        let offer = Offer { response_types: ResponseType::ALL.to_vec(), ..offer() };
        for (kinds, grants) in [
            (json!(["id_token", "token id_token"]), vec![GrantType::Implicit]),
            (json!(["code id_token"]), vec![GrantType::AuthorizationCode, GrantType::Implicit]),
            (json!(["code"]), vec![GrantType::AuthorizationCode]),
        ] {
            let body = json!({"redirect_uris": ["https://rp.example/cb"], "response_types": kinds});
            let made = metadata(body.as_object().unwrap(), None, &offer).unwrap();
            assert_eq!(made.grant_types, grants, "{kinds}");
        }
        let body = json!({"redirect_uris": ["https://rp.example/cb"], "grant_types": ["implicit"]});
        assert_eq!(metadata(body.as_object().unwrap(), None, &offer).unwrap_err().field, "response_types");
    }

    #[test]
    fn a_native_application_may_have_its_own_scheme_and_any_loopback_port() {
        let uris = json!(["com.example.app:/cb", "http://127.0.0.1/cb"]);
        let made = ask(&json!({"application_type": "native", "redirect_uris": uris})).unwrap();
        assert!(made.find_redirect("http://127.0.0.1:4711/cb").is_some());
    }

    #[test]
    fn a_change_replaces_what_the_client_said_and_nothing_that_an_administrator_did() {
        let mut now = ask(&json!({"redirect_uris": ["https://rp.example/cb"], "client_uri": "https://rp.example/", "scope": "openid email"})).unwrap();
        now.first_party = true;
        now.admin_role = Some(Role::Auditor);
        now.scope = Scope::parse("openid docs:read").unwrap();
        let held = ["scope".to_owned()];
        let before = Some(Before { metadata: &now, held: &held });
        let body = json!({"redirect_uris": ["https://rp.example/two"], "scope": "openid profile", "first_party": false, "admin_role": null});
        let changed = metadata(body.as_object().unwrap(), before, &offer());
        // The role needs a grant type that cannot be registered: the client cannot shed it either.
        assert_eq!(changed.unwrap_err().field, "admin_role");
        now.admin_role = None;
        let before = Some(Before { metadata: &now, held: &held });
        let changed = metadata(body.as_object().unwrap(), before, &offer()).unwrap();
        assert_eq!(changed.redirect_uris, ["https://rp.example/two"]);
        assert_eq!(changed.client_uri, None, "left out is taken away");
        assert_eq!((changed.scope.to_string().as_str(), changed.first_party), ("docs:read openid", true));
        assert_eq!(differing(&now, &changed), ["redirect_uris", "client_uri"]);
    }
}
