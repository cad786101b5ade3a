//! `/choose`: which of the accounts of this browser goes on.
//!
//! 1. GET lists the accounts, the one that `login_hint` means first, and leads to the sign-in of another.
//! 2. POST goes on with the chosen one, or signs one out and shows the page again; the others stay signed in.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kabinet_core::authn::Session;
use kabinet_core::user::User;
use kabinet_store::session::PER_BROWSER;

use super::login::present;
use super::{Opened, chrome, client_of, failed, flow_or_page, html, logout, onward, to, to_with_sessions};
use crate::form::{Asked, Form};
use crate::site::Site;
use crate::view::{self, AccountChoice, ChooseAccount, Errors, Message};
use crate::visit::Visit;

/// `GET /choose`
pub(crate) async fn get(visit: Visit, asked: Asked) -> Response {
    let notice = (asked.done == "signed-out").then(|| Message::of("choose-done"));
    match flow_or_page(&visit, &asked.flow).await {
        Ok(opened) => show(&visit, &opened, notice, Errors::none()).await,
        Err(response) => response,
    }
}

async fn show(visit: &Visit, opened: &Opened, notice: Option<Message>, errors: Errors) -> Response {
    let sessions = match visit.sessions().await {
        Ok(sessions) => sessions,
        Err(error) => return failed(visit, &error.to_string()).await,
    };
    if sessions.is_empty() {
        return to(visit, &format!("/login?flow={}", opened.sealed));
    }
    let hint = opened.flow.request().and_then(|request| request.login_hint.as_deref());
    let mut accounts = Vec::new();
    for session in &sessions {
        let Ok(Some(user)) = visit.site.provider.user(&session.user_id).await else {
            continue;
        };
        let is_hinted = hint.is_some_and(|hint| user.is_known_by(hint));
        accounts.insert(if is_hinted { 0 } else { accounts.len() }, choice(session, &user));
    }
    let client = client_of(visit, opened).await;
    let page = ChooseAccount {
        chrome: chrome(visit, Some(opened), client.as_deref()),
        is_full: accounts.len() >= PER_BROWSER,
        accounts,
        another_href: format!("/login?flow={}&another=1", opened.sealed),
        notice,
        errors,
    };
    html(visit, StatusCode::OK, &view::render(&page))
}

fn choice(session: &Session, user: &User) -> AccountChoice {
    let name = user.display_name();
    let contact = user.phone.as_ref().or(user.email.as_ref()).map(|held| held.contact.display());
    AccountChoice {
        value: session.id.to_string(),
        contact: contact.filter(|contact| *contact != name).unwrap_or_default(),
        name,
    }
}

/// `POST /choose`
pub(crate) async fn post(State(site): State<Site>, visit: Visit, form: Form) -> Response {
    let opened = match flow_or_page(&visit, form.get("flow")).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    if !visit.accepts(&form) {
        return show(&visit, &opened, None, Errors::whole(Message::of("form-stale"))).await;
    }
    let sessions = match visit.sessions().await {
        Ok(sessions) => sessions,
        Err(error) => return failed(&visit, &error.to_string()).await,
    };
    let of_button = |name| sessions.iter().find(|session| session.id.as_str() == form.get(name));
    if let Some(session) = of_button("sign-out") {
        return logout::one(&visit, session, &format!("/choose?flow={}&done=signed-out", opened.sealed)).await;
    }
    let Some(session) = of_button("account") else {
        return show(&visit, &opened, None, Errors::none()).await;
    };
    match site.identity.choose(session, &opened.flow.id).await {
        Ok(()) => chosen(&visit, &opened, session).await,
        Err(error) => failed(&visit, &error.to_string()).await,
    }
}

/// Goes on with the chosen account in front: it is the one that pages without a request are about.
async fn chosen(visit: &Visit, opened: &Opened, chosen: &Session) -> Response {
    let mut present = match present(visit).await {
        Ok(present) => present,
        Err(response) => return response,
    };
    present.sort_by_key(|(_, session)| session.id != chosen.id);
    let remembered = present.iter().any(|(_, session)| session.remembered);
    let values: Vec<_> = present.into_iter().map(|(value, _)| value).collect();
    to_with_sessions(visit, &onward(opened), &values, remembered)
}
