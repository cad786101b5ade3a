//! Every route with who may call it, by hand.

use std::collections::BTreeSet;

use kabinet_web::Access::{
    self, Anyone, Bearer, Browser, Client, ConfidentialClient, Finder, Gateway, Inviter, Person, Registrant,
    Registration,
};

/// (method, path, who may call it).
pub const ROUTES: [(&str, &str, Access); 106] = [
    ("GET", "/", Anyone),
    ("GET", "/.well-known/oauth-authorization-server", Anyone),
    ("GET", "/.well-known/openid-configuration", Anyone),
    ("DELETE", "/oauth2/register/{client_id}", Registration),
    ("GET", "/account", Person),
    ("GET", "/account/consents", Person),
    ("GET", "/account/consents/pd-consent", Person),
    ("GET", "/account/contacts", Person),
    ("GET", "/account/merge", Person),
    ("GET", "/account/methods", Person),
    ("GET", "/account/methods/certificate", Person),
    ("GET", "/account/methods/confirm", Person),
    ("GET", "/account/organisations", Person),
    ("GET", "/account/sessions", Person),
    ("GET", "/account/tokens", Person),
    ("GET", "/account/tokens/confirm", Person),
    ("GET", "/assets/{file}", Anyone),
    ("GET", "/choose", Browser),
    ("GET", "/complete", Browser),
    ("GET", "/complete/confirm", Browser),
    ("GET", "/consent", Browser),
    ("GET", "/legal/{document}", Anyone),
    ("GET", "/login", Browser),
    ("GET", "/login/certificate", Browser),
    ("GET", "/login/certificate/confirm", Browser),
    ("GET", "/login/certificate/link", Browser),
    ("GET", "/login/certificate/unlinked", Browser),
    ("GET", "/login/merged", Browser),
    ("GET", "/login/telegram/mini-app", Browser),
    ("GET", "/login/telegram/widget", Browser),
    ("GET", "/login/{method}", Browser),
    ("GET", "/login/{method}/callback", Browser),
    ("GET", "/login/{method}/link", Browser),
    ("GET", "/login/{method}/unlinked", Browser),
    ("GET", "/logos/{hash}", Anyone),
    ("GET", "/logout", Browser),
    ("GET", "/oauth2/authorize", Browser),
    ("GET", "/oauth2/jwks", Anyone),
    ("GET", "/oauth2/logout", Browser),
    ("GET", "/oauth2/register/{client_id}", Registration),
    ("GET", "/oauth2/resume", Browser),
    ("GET", "/oauth2/session", Anyone),
    ("GET", "/oauth2/userinfo", Bearer),
    ("GET", "/recover", Browser),
    ("GET", "/recover/confirm", Browser),
    ("GET", "/recover/password", Browser),
    ("GET", "/register", Browser),
    ("GET", "/register/certificate", Browser),
    ("GET", "/register/certificate/details", Browser),
    ("GET", "/register/confirm", Browser),
    ("GET", "/register/done", Browser),
    ("GET", "/register/{method}", Browser),
    ("GET", "/register/{method}/details", Browser),
    ("POST", "/account/consents", Person),
    ("POST", "/account/consents/pd-consent", Person),
    ("POST", "/account/merge", Person),
    ("POST", "/account/methods", Person),
    ("POST", "/account/methods/certificate", Person),
    ("POST", "/account/methods/confirm", Person),
    ("POST", "/account/organisations", Person),
    ("POST", "/account/sessions", Person),
    ("POST", "/account/tokens", Person),
    ("POST", "/account/tokens/confirm", Person),
    ("POST", "/choose", Browser),
    ("GET", "/code", Browser),
    ("POST", "/code", Browser),
    ("GET", "/code/device", Browser),
    ("POST", "/code/device", Browser),
    ("GET", "/code/device/confirm", Browser),
    ("POST", "/code/device/confirm", Browser),
    ("GET", "/code/invitation", Browser),
    ("POST", "/code/invitation", Browser),
    ("POST", "/api/invitations/v1", Inviter),
    ("GET", "/api/invitations/v1/{id}", Inviter),
    ("DELETE", "/api/invitations/v1/{id}", Inviter),
    ("POST", "/complete", Browser),
    ("POST", "/complete/confirm", Browser),
    ("POST", "/consent", Browser),
    ("POST", "/delivery/{route}/{secret}", Gateway),
    ("POST", "/login", Browser),
    ("POST", "/login/certificate", Browser),
    ("POST", "/login/certificate/challenge", Browser),
    ("POST", "/login/certificate/confirm", Browser),
    ("POST", "/login/certificate/link", Browser),
    ("POST", "/login/merged", Browser),
    ("POST", "/login/{method}/link", Browser),
    ("POST", "/logout", Browser),
    ("POST", "/oauth2/authorize", Browser),
    ("POST", "/oauth2/introspect", ConfidentialClient),
    ("POST", "/oauth2/leaked", Finder),
    ("POST", "/oauth2/logout", Browser),
    ("POST", "/oauth2/par", Client),
    ("POST", "/oauth2/device_authorization", Client),
    ("POST", "/oauth2/register", Registrant),
    ("POST", "/oauth2/revoke", Client),
    ("POST", "/oauth2/token", Client),
    ("POST", "/oauth2/userinfo", Bearer),
    ("POST", "/recover", Browser),
    ("POST", "/recover/confirm", Browser),
    ("POST", "/recover/password", Browser),
    ("POST", "/register", Browser),
    ("POST", "/register/certificate", Browser),
    ("POST", "/register/certificate/details", Browser),
    ("POST", "/register/confirm", Browser),
    ("POST", "/register/{method}/details", Browser),
    ("PUT", "/oauth2/register/{client_id}", Registration),
];

/// A path of the route. Assets have their hash in their names: this one is none.
pub fn example(path: &str) -> String {
    path.replace("{file}", "none.css")
        .replace("{hash}", "none")
        .replace("{document}", "pd-policy")
        .replace("{client_id}", "none")
        .replace("{method}", "none")
        .replace("{id}", "none")
        .replace("{route}/{secret}", "sms_ru/unknown")
}

/// The routes of one method, as example paths.
pub fn paths_of(method: &str) -> Vec<(String, Access)> {
    let of = ROUTES.iter().filter(|(known, ..)| *known == method);
    of.map(|(_, path, access)| (example(path), *access)).collect()
}

#[test]
fn every_route_stands_in_the_table_with_who_may_call_it() {
    let served: BTreeSet<String> = kabinet_web::routes()
        .iter()
        .map(|route| format!("{} {} {:?}", route.method, route.path, route.access))
        .collect();
    let listed: BTreeSet<String> = ROUTES
        .iter()
        .map(|(method, path, access)| format!("{method} {path} {access:?}"))
        .collect();
    let missing: Vec<_> = served.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&served).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "not in the table: {missing:?}; not served: {gone:?}"
    );
    assert_eq!(kabinet_web::routes().len(), ROUTES.len(), "a route stands twice");
}
