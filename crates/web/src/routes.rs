//! Every route, and who may call it. The guard test compares this list with its own: a route cannot slip in.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post, put};
use tower_http::catch_panic::CatchPanicLayer;

use crate::api::invitations;
use crate::delivery;
use crate::layers;
use crate::oauth::{
    authorize, cors, leaked, logout as rp_logout, metadata, register as registration, session, token, userinfo,
};
use crate::page::{
    account, agreements, certificate, choose, complete, consent, device, invitation, legal, login, logout, merge,
    not_found, organisations, recover, register, telegram, tokens, upstream, wrong_method,
};
use crate::site::Site;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody; nothing is changed.
    Anyone,
    /// Anybody's browser; a change needs a form token of that browser.
    Browser,
    /// Whoever holds the token that it ends.
    Finder,
    /// A client that authenticates, or a public one that names itself.
    Client,
    /// A client that authenticates; a public one may not.
    ConfidentialClient,
    /// The bearer of an access token.
    Bearer,
    /// The bearer of an initial access token; anybody where registration is open, nobody where it is closed.
    Registrant,
    /// The bearer of the client's own registration access token.
    Registration,
    /// The bearer of a client's own access token with the scope `kabinet:invite`.
    Inviter,
    /// A person who is signed in.
    Person,
    /// A gateway that was told the address, which holds a secret.
    Gateway,
}

/// One route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: &'static str,
    /// The path, with `{…}` for variable parts.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
}

type Entry = (Route, fn() -> MethodRouter<Site>);

macro_rules! table {
    ($($method:ident $path:literal $access:ident => $handler:expr;)*) => {
        &[$((
            Route { method: table!(@name $method), path: $path, access: Access::$access },
            || $method($handler),
        )),*]
    };
    (@name get) => { "GET" };
    (@name post) => { "POST" };
    (@name put) => { "PUT" };
    (@name delete) => { "DELETE" };
}

/// Endpoints that browser clients of other origins call.
static SHARED: &[Entry] = table! {
    post "/oauth2/token" Client => token::token;
    get "/oauth2/userinfo" Bearer => userinfo::userinfo;
    post "/oauth2/userinfo" Bearer => userinfo::userinfo;
    post "/oauth2/revoke" Client => token::revoke;
};

/// Everything else.
static OWN: &[Entry] = table! {
    get "/.well-known/openid-configuration" Anyone => metadata::discovery;
    get "/.well-known/oauth-authorization-server" Anyone => metadata::discovery;
    post "/oauth2/introspect" ConfidentialClient => token::introspect;
    post "/oauth2/par" Client => token::par;
    post "/oauth2/device_authorization" Client => token::device;
    post "/oauth2/leaked" Finder => leaked::leaked;
    post "/oauth2/register" Registrant => registration::register;
    get "/oauth2/register/{client_id}" Registration => registration::read;
    put "/oauth2/register/{client_id}" Registration => registration::replace;
    delete "/oauth2/register/{client_id}" Registration => registration::delete;
    get "/oauth2/jwks" Anyone => metadata::jwks;
    get "/oauth2/authorize" Browser => authorize::get;
    post "/oauth2/authorize" Browser => authorize::post;
    get "/oauth2/resume" Browser => authorize::resume;
    get "/oauth2/logout" Browser => rp_logout::get;
    post "/oauth2/logout" Browser => rp_logout::post;
    get "/oauth2/session" Anyone => session::get;
    get "/login" Browser => login::get;
    post "/login" Browser => login::post;
    get "/login/merged" Browser => merge::merged;
    post "/login/merged" Browser => merge::part;
    get "/login/certificate" Browser => certificate::get;
    post "/login/certificate" Browser => certificate::post;
    post "/login/certificate/challenge" Browser => certificate::challenge;
    get "/login/certificate/confirm" Browser => certificate::confirm_get;
    post "/login/certificate/confirm" Browser => certificate::confirm_post;
    get "/login/certificate/link" Browser => certificate::link::get;
    post "/login/certificate/link" Browser => certificate::link::post;
    get "/login/certificate/unlinked" Browser => certificate::unlinked;
    get "/login/{method}" Browser => upstream::get;
    get "/login/{method}/callback" Browser => upstream::callback;
    get "/login/{method}/link" Browser => upstream::link::get;
    post "/login/{method}/link" Browser => upstream::link::post;
    get "/login/{method}/unlinked" Browser => upstream::unlinked;
    get "/login/telegram/mini-app" Browser => telegram::mini_app;
    get "/login/telegram/widget" Browser => telegram::widget;
    get "/register" Browser => register::get;
    post "/register" Browser => register::post;
    get "/register/certificate" Browser => certificate::register::get;
    post "/register/certificate" Browser => certificate::register::post;
    get "/register/certificate/details" Browser => certificate::register::details;
    post "/register/certificate/details" Browser => certificate::register::details_post;
    get "/register/confirm" Browser => register::confirm_get;
    post "/register/confirm" Browser => register::confirm_post;
    get "/register/done" Browser => register::done;
    get "/register/{method}" Browser => upstream::register::get;
    get "/register/{method}/details" Browser => upstream::register::details;
    post "/register/{method}/details" Browser => upstream::register::details_post;
    get "/recover" Browser => recover::get;
    post "/recover" Browser => recover::post;
    get "/recover/confirm" Browser => recover::confirm_get;
    post "/recover/confirm" Browser => recover::confirm_post;
    get "/recover/password" Browser => recover::password_get;
    post "/recover/password" Browser => recover::password_post;
    get "/complete" Browser => complete::get;
    post "/complete" Browser => complete::post;
    get "/complete/confirm" Browser => complete::confirm_get;
    post "/complete/confirm" Browser => complete::confirm_post;
    get "/consent" Browser => consent::get;
    post "/consent" Browser => consent::post;
    get "/code" Browser => device::get;
    post "/code" Browser => device::post;
    get "/code/device" Browser => device::device;
    post "/code/device" Browser => device::decide;
    get "/code/device/confirm" Browser => device::confirm_get;
    post "/code/device/confirm" Browser => device::confirm_post;
    get "/code/invitation" Browser => invitation::get;
    post "/code/invitation" Browser => invitation::post;
    post "/api/invitations/v1" Inviter => invitations::create;
    get "/api/invitations/v1/{id}" Inviter => invitations::read;
    delete "/api/invitations/v1/{id}" Inviter => invitations::withdraw;
    get "/choose" Browser => choose::get;
    post "/choose" Browser => choose::post;
    get "/logout" Browser => logout::get;
    post "/logout" Browser => logout::post;
    get "/account" Person => account::home;
    get "/account/contacts" Person => account::contacts;
    get "/account/sessions" Person => account::sessions;
    post "/account/sessions" Person => account::end_sessions;
    get "/account/consents" Person => account::consents;
    post "/account/consents" Person => account::withdraw;
    get "/account/consents/pd-consent" Person => agreements::get;
    post "/account/consents/pd-consent" Person => agreements::post;
    get "/account/methods" Person => certificate::link::methods;
    post "/account/methods" Person => certificate::link::change;
    get "/account/methods/confirm" Person => upstream::link::confirm_get;
    post "/account/methods/confirm" Person => upstream::link::confirm_post;
    get "/account/merge" Person => merge::get;
    post "/account/merge" Person => merge::post;
    get "/account/methods/certificate" Person => certificate::link::certificate_get;
    post "/account/methods/certificate" Person => certificate::link::certificate_post;
    get "/account/organisations" Person => organisations::get;
    post "/account/organisations" Person => organisations::post;
    get "/account/tokens" Person => tokens::get;
    post "/account/tokens" Person => tokens::post;
    get "/account/tokens/confirm" Person => tokens::confirm_get;
    post "/account/tokens/confirm" Person => tokens::confirm_post;
    post "/delivery/{route}/{secret}" Gateway => delivery::report;
    get "/legal/{document}" Anyone => legal::document;
    get "/assets/{file}" Anyone => legal::asset;
    get "/logos/{hash}" Anyone => legal::logo;
    get "/" Anyone => account::start;
};

/// Every route.
#[must_use]
pub fn routes() -> Vec<Route> {
    SHARED.iter().chain(OWN).map(|(route, _)| *route).collect()
}

/// The whole site.
pub fn router(site: Site) -> Router {
    let build = |entries: &[Entry]| {
        entries.iter().fold(Router::new(), |router: Router<Site>, (route, handler)| {
            let handler = handler();
            // A signature with its certificates in base64 is larger than any other form.
            let holds_signature = route.method == "POST" && route.path.ends_with("/certificate");
            let handler = if holds_signature {
                handler.layer(DefaultBodyLimit::max(layers::SIGNATURE_BODY))
            } else {
                handler
            };
            router.route(route.path, handler)
        })
    };
    // Before the layer: a fallback that is set later stands outside of it, and preflights would not reach it.
    let shared = build(SHARED)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(site.clone(), cors::layer));
    build(OWN)
        .merge(shared)
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(layers::BODY))
        .layer(CatchPanicLayer::custom(layers::caught))
        .layer(from_fn_with_state(site.clone(), layers::around))
        .with_state(site)
}
