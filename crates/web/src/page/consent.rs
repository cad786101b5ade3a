//! `/consent`: a third-party client asks, the person allows or refuses.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kabinet_core::authn::Session;
use kabinet_core::decision::Step;
use kabinet_core::id::UserId;
use kabinet_oidc::authorize::{Checked, Next};

use super::{Opened, answer, chrome, client_logo, failed, flow_or_page, go, html, onward, refused, to};
use crate::form::{Asked, Form};
use crate::site::Site;
use crate::view::{self, Chrome, Consent, Errors, Message};
use crate::visit::Visit;

/// `GET /consent`
pub(crate) async fn get(visit: Visit, asked: Asked) -> Response {
    match flow_or_page(&visit, &asked.flow).await {
        Ok(opened) => show(&visit, &opened, Errors::none()).await,
        Err(response) => response,
    }
}

async fn show(visit: &Visit, opened: &Opened, errors: Errors) -> Response {
    let sessions = match visit.sessions().await {
        Ok(sessions) => sessions,
        Err(error) => return failed(visit, &error.to_string()).await,
    };
    match visit.site.provider.next(&opened.flow, &sessions, &visit.audit()).await {
        Ok(Next::Page(Step::Consent(place), checked)) => {
            page(visit, opened, &checked, sessions.get(place), errors).await
        }
        Ok(next) => go(visit, &opened.flow, Some(&opened.sealed), next).await,
        Err(refusal) => refused(visit, refusal).await,
    }
}

async fn page(
    visit: &Visit,
    opened: &Opened,
    checked: &Checked,
    session: Option<&Session>,
    errors: Errors,
) -> Response {
    let account = match session {
        Some(session) => visit
            .site
            .provider
            .user(&session.user_id)
            .await
            .ok()
            .flatten()
            .map(|user| user.display_name()),
        None => None,
    };
    let redirect_uri = opened.flow.request().map_or("", |request| request.redirect_uri.as_str());
    let host = url::Url::parse(redirect_uri).ok();
    let host = host
        .as_ref()
        .and_then(|url| url.host_str())
        .map_or_else(|| redirect_uri.to_owned(), str::to_owned);
    let page = Consent {
        shown: session.map(|session| stamp(visit, opened, checked, &session.user_id)).unwrap_or_default(),
        session: session.map(|session| session.id.to_string()).unwrap_or_default(),
        chrome: Chrome {
            client_logo: client_logo(visit).await,
            ..chrome(visit, Some(opened), Some(&checked.client))
        },
        client_name: checked.client.metadata.client_name.clone(),
        redirect_host: host,
        scope: checked.allowing.clone(),
        account: account.unwrap_or_default(),
        another_href: format!("/login?flow={}&another=1", opened.sealed),
        errors,
    };
    html(visit, StatusCode::OK, &view::render(&page))
}

/// What the page showed to whom: only that is allowed by its button.
fn stamp(visit: &Visit, opened: &Opened, checked: &Checked, user: &UserId) -> String {
    let scope = checked.allowing.to_string();
    visit
        .site
        .form_stamper
        .stamp(&["consent", opened.flow.id.as_str(), user.as_str(), &scope])
}

/// `POST /consent`
pub(crate) async fn post(State(site): State<Site>, visit: Visit, form: Form) -> Response {
    let opened = match flow_or_page(&visit, form.get("flow")).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    if !visit.accepts(&form) {
        return show(&visit, &opened, Errors::whole(Message::of("form-stale"))).await;
    }
    if form.has("deny") {
        return match site.provider.deny(&opened.flow).await {
            Ok(response) => answer(&visit, &response),
            Err(refusal) => refused(&visit, refusal).await,
        };
    }
    if !form.has("allow") {
        return show(&visit, &opened, Errors::none()).await;
    }
    match shown_to(&visit, &opened, &form).await {
        Ok(session) => allow(&visit, &opened, &form, &session).await,
        Err(response) => response,
    }
}

/// The session of the account that the page showed, chosen for this flow: what follows is about that account, whoever
/// signed in elsewhere meanwhile. Without it the person chooses anew.
async fn shown_to(visit: &Visit, opened: &Opened, form: &Form) -> Result<Session, Response> {
    let sessions = match visit.sessions().await {
        Ok(sessions) => sessions,
        Err(error) => return Err(failed(visit, &error.to_string()).await),
    };
    let Some(session) = sessions.into_iter().find(|session| session.id.as_str() == form.get("account")) else {
        return Err(to(visit, &format!("/choose?flow={}", opened.sealed)));
    };
    match visit.site.identity.choose(&session, &opened.flow.id).await {
        Ok(()) => Ok(session),
        Err(error) => Err(failed(visit, &error.to_string()).await),
    }
}

async fn allow(visit: &Visit, opened: &Opened, form: &Form, shown: &Session) -> Response {
    let (site, flow) = (&visit.site, &opened.flow);
    let sessions = match visit.sessions().await {
        Ok(sessions) => sessions,
        Err(error) => return failed(visit, &error.to_string()).await,
    };
    let (place, checked) = match site.provider.next(flow, &sessions, &visit.audit()).await {
        Ok(Next::Page(Step::Consent(place), checked)) => (place, checked),
        Ok(next) => return go(visit, flow, Some(&opened.sealed), next).await,
        Err(refusal) => return refused(visit, refusal).await,
    };
    // An administrator may have changed the scopes since the page was shown.
    let same = sessions.get(place).is_some_and(|session| session.id == shown.id);
    if !same || form.get("shown") != stamp(visit, opened, &checked, &shown.user_id) {
        return show(visit, opened, Errors::whole(Message::of("form-stale"))).await;
    }
    match site.provider.allow(flow, shown, &checked, &visit.audit()).await {
        Ok(()) => to(visit, &onward(opened)),
        Err(error) => failed(visit, &error.to_string()).await,
    }
}
