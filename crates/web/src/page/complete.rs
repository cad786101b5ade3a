//! `/complete`: what the client cannot do without is asked for and confirmed, once, before the code is given.
//!
//! 1. GET shows what the account of this flow lacks; whoever lacks nothing goes on.
//! 2. POST sends a code to the contact; `/complete/confirm` spends it and the flow goes on. The refusal answers the client
//!    with `access_denied`.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kabinet_core::authn::Session;
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::decision::Step;
use kabinet_core::user::User;
use kabinet_identity::{CodeError, Confirmed, Purpose};
use kabinet_oidc::authorize::{Checked, Next};

use super::code::{Place, Tried, Trouble, complaint};
use super::login::invalid;
use super::{Opened, answer, chrome, error_page, failed, flow_or_page, go, html, onward, refused, to};
use crate::form::{Asked, Form};
use crate::site::Site;
use crate::view::{self, CodePurpose, Complete, Errors, Message};
use crate::visit::Visit;

const CODE: Place = Place {
    path: "/complete/confirm",
    start: "/complete",
    purpose: CodePurpose::Add,
    serves: Purpose::Contact,
};

/// Somebody who lacks something.
struct Lacking {
    session: Session,
    user: std::sync::Arc<User>,
    checked: Checked,
    kind: ContactKind,
}

/// Who must be asked for what in this flow; `Err`: the flow goes on without, or fails.
async fn lacking(visit: &Visit, opened: &Opened) -> Result<Lacking, Response> {
    let provider = &visit.site.provider;
    let mut sessions = match visit.sessions().await {
        Ok(sessions) => sessions,
        Err(error) => return Err(failed(visit, &error.to_string()).await),
    };
    let (place, checked) = match provider.next(&opened.flow, &sessions, &visit.audit()).await {
        Ok(Next::Page(Step::Complete(place), checked)) => (place, checked),
        Ok(next) => return Err(go(visit, &opened.flow, Some(&opened.sealed), next).await),
        Err(refusal) => return Err(refused(visit, refusal).await),
    };
    let session = sessions.swap_remove(place);
    let user = match provider.user(&session.user_id).await {
        Ok(Some(user)) => user,
        Ok(None) => return Err(to(visit, &format!("/login?flow={}", opened.sealed))),
        Err(error) => return Err(failed(visit, &error.to_string()).await),
    };
    match checked.client.metadata.lacks(&user) {
        Some(kind) => Ok(Lacking { session, user, checked, kind }),
        // Confirmed in another tab a moment ago.
        None => Err(to(visit, &onward(opened))),
    }
}

/// `GET /complete`
pub(crate) async fn get(visit: Visit, asked: Asked) -> Response {
    match flow_or_page(&visit, &asked.flow).await {
        Ok(opened) => show(&visit, &opened, (String::new(), Errors::none(), StatusCode::OK)).await,
        Err(response) => response,
    }
}

async fn show(visit: &Visit, opened: &Opened, said: (String, Errors, StatusCode)) -> Response {
    match lacking(visit, opened).await {
        Ok(lacking) => page(visit, opened, &lacking, said),
        Err(response) => response,
    }
}

fn page(
    visit: &Visit,
    opened: &Opened,
    lacking: &Lacking,
    (value, errors, status): (String, Errors, StatusCode),
) -> Response {
    let client = &lacking.checked.client;
    let page = Complete {
        chrome: chrome(visit, Some(opened), Some(client)),
        client_name: client.metadata.client_name.clone(),
        kind: lacking.kind,
        value,
        account: (lacking.user.display_name(), lacking.session.id.to_string()),
        is_taken: errors.code() == "contact-taken",
        errors,
    };
    html(visit, status, &view::render(&page))
}

/// `POST /complete`
pub(crate) async fn post(State(site): State<Site>, visit: Visit, form: Form) -> Response {
    let opened = match flow_or_page(&visit, form.get("flow")).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let lacking = match lacking(&visit, &opened).await {
        Ok(lacking) => lacking,
        Err(response) => return response,
    };
    let typed = form.get(lacking.kind.as_str()).to_owned();
    // What was typed is for the account that the page showed, whoever signed in elsewhere meanwhile.
    if !visit.accepts(&form) || form.get("account") != lacking.session.id.as_str() {
        let stale = Errors::whole(Message::of("form-stale"));
        return page(&visit, &opened, &lacking, (typed, stale, StatusCode::OK));
    }
    if form.has("deny") {
        return match site.provider.deny(&opened.flow).await {
            Ok(response) => answer(&visit, &response),
            Err(refusal) => refused(&visit, refusal).await,
        };
    }
    let Some(contact) = Contact::parse(lacking.kind, &typed) else {
        let errors = Errors::field(lacking.kind.as_str(), invalid(lacking.kind));
        return page(&visit, &opened, &lacking, (typed, errors, StatusCode::UNPROCESSABLE_ENTITY));
    };
    let person = visit.person(Some(&opened.flow));
    let error = match site.identity.begin_contact(&lacking.session, &contact, &person).await {
        Ok(id) => return to(&visit, &CODE.at(&opened, &id)),
        Err(error) => error,
    };
    let status = match error {
        CodeError::Limited { .. } => StatusCode::TOO_MANY_REQUESTS,
        CodeError::Unreachable => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    match complaint(error) {
        Ok(errors) => page(&visit, &opened, &lacking, (typed, errors, status)),
        Err(Trouble::Unknown) => error_page(&visit, StatusCode::BAD_REQUEST, "request-expired-here").await,
        Err(Trouble::Failed(error)) => failed(&visit, &error).await,
    }
}

/// `GET /complete/confirm`
pub(crate) async fn confirm_get(visit: Visit, asked: Asked) -> Response {
    CODE.get(&visit, asked).await
}

/// `POST /complete/confirm`
pub(crate) async fn confirm_post(visit: Visit, form: Form) -> Response {
    let Tried { opened, id, outcome } = match CODE.tried(&visit, &form).await {
        Ok(tried) => tried,
        Err(response) => return response,
    };
    match outcome {
        Ok(Confirmed::Added(_)) => {
            visit.site.provider.changed().await;
            to(&visit, &onward(&opened))
        }
        Ok(Confirmed::Taken(contact)) => {
            let errors = Errors::field(contact.kind().as_str(), Message::of("contact-taken"));
            show(&visit, &opened, (contact.display(), errors, StatusCode::UNPROCESSABLE_ENTITY)).await
        }
        Ok(_) => CODE.refuse(&visit, &opened, &id, CodeError::Unknown).await,
        Err(error) => CODE.refuse(&visit, &opened, &id, error).await,
    }
}
