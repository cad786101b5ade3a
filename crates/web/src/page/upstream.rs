//! Sign-in at another provider: `/login/{method}`, its callback, and what follows.
//!
//! 1. GET `/login/{method}` or `/register/{method}` sends the browser to the provider. The sealed request stays here.
//! 2. `/login/{method}/callback` takes what it brought back, once, in the browser that went. Who is known is signed in.
//! 3. Who is not goes on under an id that only this browser can use: to `/login/{method}/unlinked` and from there to
//!    [`link`], or to [`register`].
//!
//! Whatever goes wrong is one page with a code of its own; what the provider said stands in the log.

pub(crate) mod link;
pub(crate) mod register;

use axum::extract::{Path, RawQuery};
use axum::response::Response;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use kabinet_core::id::AttemptId;
use kabinet_core::linking::{Purpose, Refusal};
use kabinet_identity::method::upstream::UpstreamError;
use kabinet_identity::{Allowed, FederationError, Going, Guest, UpstreamLogin, UpstreamSettings};
use kabinet_oidc::sealed::Target;

use super::login::signed_in;
use super::ways::{Ways, method_of};
use super::{Opened, chrome, closed, error_page, error_view, failed, flow_or_page, html, not_found_page, onward, to};
use crate::form::Asked;
use crate::view::{self, Link, Message, UnlinkedUpstream, with_query};
use crate::visit::Visit;

/// `GET /login/{method}`
pub(crate) async fn get(visit: Visit, Path(name): Path<String>, asked: Asked) -> Response {
    let opened = match known(&visit, &name, &asked.flow).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    if !Ways::of(&visit).has_upstream_login(&name) {
        return closed(&visit, &opened, "login-closed", Some("/login"));
    }
    depart(&visit, &opened, &name, Purpose::SignIn).await
}

/// The flow of a page about a provider that is configured.
async fn known(visit: &Visit, name: &str, flow: &str) -> Result<Opened, Response> {
    if visit.site.identity.upstream(name).is_none() {
        return Err(not_found_page(visit));
    }
    flow_or_page(visit, flow).await
}

/// Sends the browser to a provider.
async fn depart(visit: &Visit, opened: &Opened, name: &str, purpose: Purpose) -> Response {
    let going = Going { purpose, flow: opened.sealed.clone(), remember: false };
    let person = visit.person(Some(&opened.flow));
    match visit.site.identity.begin_upstream(name, going, &person).await {
        Ok(location) => to(visit, location.as_str()),
        Err(error) => refuse(visit, Some(opened), name, error).await,
    }
}

/// `GET /login/{method}/callback`
pub(crate) async fn callback(visit: Visit, Path(name): Path<String>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let parameters: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().take(64).collect();
    let identity = &visit.site.identity;
    let back = match identity.take_return(&name, &parameters, &visit.person(None)).await {
        Ok(back) => back,
        Err(error) => return refuse(&visit, None, &name, error).await,
    };
    let opened = match flow_or_page(&visit, &back.flow).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let ways = Ways::of(&visit);
    let allowed = Allowed {
        signs_in: ways.has_upstream_login(&name),
        registers: ways.has_upstream_registration(&name),
    };
    let (person, remember) = (visit.person(Some(&opened.flow)), back.remember);
    match identity.finish_upstream(back, &parameters, allowed, &person).await {
        Ok(UpstreamLogin::Proven(proof)) => {
            visit.site.provider.changed().await;
            signed_in(&visit, &opened, proof, remember, &onward(&opened)).await
        }
        Ok(UpstreamLogin::Unlinked(id)) => to(&visit, &carry(&opened, &format!("/login/{name}/unlinked"), &id)),
        Ok(UpstreamLogin::Register(id)) => to(&visit, &carry(&opened, &register::page(&name), &id)),
        Ok(UpstreamLogin::Link(id)) => link::prove(&visit, &opened, &name, &id).await,
        Ok(UpstreamLogin::Linked) => link::done(&visit, "upstream-linked-already").await,
        Err(error) => refuse(&visit, Some(&opened), &name, error).await,
    }
}

/// The address of a page that somebody who came back goes on to.
fn carry(opened: &Opened, path: &str, id: &AttemptId) -> String {
    with_query(&with_query(path, "flow", &opened.sealed), "id", id.as_str())
}

/// Who came back under an id, or the page that says that it is too late.
async fn guest(visit: &Visit, opened: &Opened, (name, id): (&str, &str)) -> Result<Guest, Response> {
    let (id, person) = (AttemptId::from(id), visit.person(Some(&opened.flow)));
    match visit.site.identity.guest(name, &id, &person).await {
        Ok(Some(guest)) => Ok(guest),
        Ok(None) => Err(error_page(visit, StatusCode::BAD_REQUEST, "request-expired-here").await),
        Err(error) => Err(failed(visit, &error.to_string()).await),
    }
}

/// `GET /login/{method}/unlinked`
pub(crate) async fn unlinked(visit: Visit, Path(name): Path<String>, asked: Asked) -> Response {
    let opened = match known(&visit, &name, &asked.flow).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let guest = match guest(&visit, &opened, (&name, &asked.id)).await {
        Ok(guest) => guest,
        Err(response) => return response,
    };
    let ways = Ways::of(&visit);
    let chrome = chrome(&visit, Some(&opened), None);
    let may_register = guest.registers && ways.has_upstream_registration(&name);
    let page = UnlinkedUpstream {
        provider: provider(&visit, &chrome, &name),
        owner: guest.person().name.clone(),
        is_alike: guest.is_alike,
        link: ways.has_login_form().then(|| carry(&opened, &link::page(&name), guest.id())),
        register: may_register.then(|| carry(&opened, &register::page(&name), guest.id())),
        retry: chrome.link("/login"),
        chrome,
    };
    html(&visit, StatusCode::OK, &view::render(&page))
}

/// What a provider is called on pages.
pub(in crate::page) fn provider(visit: &Visit, chrome: &view::Chrome<'_>, name: &str) -> String {
    let settings = visit.site.identity.upstream(name).map(|one| &one.settings);
    settings.map_or_else(|| name.to_owned(), |settings: &UpstreamSettings| method_of(settings).label(chrome))
}

/// The page that says why nobody was signed in.
async fn refuse(visit: &Visit, opened: Option<&Opened>, name: &str, error: FederationError) -> Response {
    let (status, wait) = match &error {
        FederationError::NoSuch => return not_found_page(visit),
        FederationError::Store(error) => return failed(visit, &error.to_string()).await,
        FederationError::Throttled { seconds } => (StatusCode::TOO_MANY_REQUESTS, Some(*seconds)),
        FederationError::State => (StatusCode::BAD_REQUEST, None),
        FederationError::Refused(Refusal::Ambiguous | Refusal::Elsewhere | Refusal::Full) => {
            (StatusCode::CONFLICT, None)
        }
        FederationError::Refused(Refusal::Closed | Refusal::Disabled | Refusal::Unknown) => {
            (StatusCode::FORBIDDEN, None)
        }
        FederationError::Upstream(error) => match error {
            UpstreamError::Cancelled | UpstreamError::Stale(_) => (StatusCode::BAD_REQUEST, None),
            UpstreamError::Unconfirmed { .. } | UpstreamError::NeedsSecondFactor | UpstreamError::OtherOrganisation => {
                (StatusCode::FORBIDDEN, None)
            }
            UpstreamError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, Some(30)),
            UpstreamError::Misconfigured { .. } | UpstreamError::Untrusted(_) => (StatusCode::BAD_GATEWAY, None),
        },
    };
    let code = error.code();
    let (key, wait_minutes) = match &error {
        FederationError::Throttled { seconds } => ("login-throttled", (seconds + 59) / 60),
        FederationError::Refused(Refusal::Disabled) => ("login-blocked", 0),
        _ => (code, 0),
    };
    let mut page = error_view(visit, Message::of("error-request")).with_code(code);
    page.message = Message::of(key)
        .with("provider", provider(visit, &page.chrome, name))
        .with("minutes", wait_minutes)
        .with("id", visit.request_id.clone());
    let is_elsewhere = matches!(error, FederationError::Refused(Refusal::Elsewhere));
    let (path, text) = match opened.map(|opened| &opened.flow.target) {
        // Whoever owns the other account, too, can make the two one.
        Some(Target::Page(path)) if is_elsewhere && path.starts_with(link::METHODS) => (super::merge::HERE, "merge-go"),
        Some(Target::Page(path)) if path.starts_with(link::METHODS) => (link::METHODS, "back"),
        _ => ("/login", "go-login"),
    };
    page.chrome.flow = opened.map(|opened| opened.sealed.clone());
    // The address of a callback says nothing more: the switch of languages leads to the way in.
    page.chrome.here = page.chrome.link(path);
    page.back = Link {
        href: if path == "/login" {
            page.chrome.link(path)
        } else {
            path.to_owned()
        },
        text: page.chrome.t(text).into_owned(),
    };
    let mut response = html(visit, status, &view::render(&page));
    if let Some(seconds) = wait {
        // RFC 9110 §10.2.3.
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.unsigned_abs()));
    }
    response
}
