//! `/consent`: a third-party client asks, the person allows or refuses.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kabinet_core::decision::Step;
use kabinet_core::id::UserId;
use kabinet_oidc::authorize::{Checked, Next};

use super::{Opened, answer, chrome, failed, flow_or_page, go, html, onward, refused, to};
use crate::form::{Asked, Form};
use crate::site::Site;
use crate::view::{self, Consent, Errors, Message};
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
            let user = sessions.get(place).map(|session| session.user_id.clone());
            page(visit, opened, &checked, user.as_ref(), errors).await
        }
        Ok(next) => go(visit, &opened.flow, Some(&opened.sealed), next).await,
        Err(refusal) => refused(visit, refusal).await,
    }
}

async fn page(visit: &Visit, opened: &Opened, checked: &Checked, user: Option<&UserId>, errors: Errors) -> Response {
    let account = match user {
        Some(id) => visit.site.provider.user(id).await.ok().flatten().map(|user| user.display_name()),
        None => None,
    };
    let redirect_uri = opened.flow.request().map_or("", |request| request.redirect_uri.as_str());
    let host = url::Url::parse(redirect_uri).ok();
    let host = host
        .as_ref()
        .and_then(|url| url.host_str())
        .map_or_else(|| redirect_uri.to_owned(), str::to_owned);
    let page = Consent {
        shown: user.map(|user| stamp(visit, opened, checked, user)).unwrap_or_default(),
        chrome: chrome(visit, Some(opened), Some(&checked.client)),
        client_name: checked.client.metadata.client_name.clone(),
        redirect_host: host,
        scope: checked.scope.clone(),
        account: account.unwrap_or_default(),
        another_href: format!("/login?flow={}&another=1", opened.sealed),
        errors,
    };
    html(visit, StatusCode::OK, &view::render(&page))
}

/// What the page showed to whom: only that is allowed by its button.
fn stamp(visit: &Visit, opened: &Opened, checked: &Checked, user: &UserId) -> String {
    let scope = checked.scope.to_string();
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
    let sessions = match visit.sessions().await {
        Ok(sessions) => sessions,
        Err(error) => return failed(&visit, &error.to_string()).await,
    };
    let (place, checked) = match site.provider.next(&opened.flow, &sessions, &visit.audit()).await {
        Ok(Next::Page(Step::Consent(place), checked)) => (place, checked),
        Ok(next) => return go(&visit, &opened.flow, Some(&opened.sealed), next).await,
        Err(refusal) => return refused(&visit, refusal).await,
    };
    let Some(session) = sessions.get(place) else {
        return show(&visit, &opened, Errors::none()).await;
    };
    // Another tab may have changed the account, an administrator the scopes.
    if form.get("shown") != stamp(&visit, &opened, &checked, &session.user_id) {
        return show(&visit, &opened, Errors::whole(Message::of("form-stale"))).await;
    }
    let allowed = async {
        site.provider
            .allow(&opened.flow, session, &checked, &visit.audit())
            .await
            .map_err(|error| error.to_string())?;
        site.identity.choose(session, &opened.flow.id).await.map_err(|error| error.to_string())
    };
    match allowed.await {
        Ok(()) => to(&visit, &onward(&opened)),
        Err(error) => failed(&visit, &error).await,
    }
}
