//! `/complete`: what is missing is asked for, once, before the code is given.
//!
//! 1. GET shows what is missing of the account of this flow: legal texts first ([`documents`]), then a contact that the client
//!    cannot do without, then an organisation ([`organisation`]); whoever lacks nothing goes on. A sign-in that no product waits
//!    for is asked about the texts, too.
//! 2. POST records the agreement, or sends a code to the contact; `/complete/confirm` spends it. Then the flow goes on.
//! 3. The refusal answers the client with `access_denied`; without a client it is a sign-out.

mod documents;
mod organisation;

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;
use kabinet_core::authn::Session;
use kabinet_core::client::Client;
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::decision::{Missing, Step};
use kabinet_core::user::User;
use kabinet_identity::{CodeError, Confirmed, Purpose};
use kabinet_oidc::authorize::Next;

use super::code::{Place, Tried, Trouble, complaint};
use super::login::invalid;
use super::{Opened, answer, chrome, error_page, failed, flow_or_page, go, html, logout, onward, refused, to};
use crate::form::{Asked, Form};
use crate::view::{self, CodePurpose, Complete, Errors, Message};
use crate::visit::Visit;

const CODE: Place = Place {
    path: "/complete/confirm",
    start: "/complete",
    purpose: CodePurpose::Add,
    serves: Purpose::Contact,
};

/// Somebody of whom something is missing.
struct Lacking {
    session: Session,
    user: Arc<User>,
    /// Who waits for it; `None`: the cabinet itself.
    client: Option<Arc<Client>>,
    missing: Missing,
}

/// What a form says when it is shown again, and how.
struct Said {
    typed: String,
    errors: Errors,
    status: StatusCode,
}

impl Said {
    fn nothing() -> Self {
        Self::again(String::new(), Errors::none(), StatusCode::OK)
    }

    fn again(typed: String, errors: Errors, status: StatusCode) -> Self {
        Self { typed, errors, status }
    }
}

/// Who must be asked for what in this flow; `Err`: the flow goes on without, or fails.
async fn lacking(visit: &Visit, opened: &Opened) -> Result<Lacking, Response> {
    let provider = &visit.site.provider;
    let mut sessions = match visit.sessions().await {
        Ok(sessions) => sessions,
        Err(error) => return Err(failed(visit, &error.to_string()).await),
    };
    let (place, asking) = match opened.flow.request() {
        None if sessions.is_empty() => return Err(to(visit, &format!("/login?flow={}", opened.sealed))),
        None => (0, None),
        Some(_) => match provider.next(&opened.flow, &sessions, &visit.audit()).await {
            Ok(Next::Page(Step::Complete(place), checked)) => (place, Some((checked.client, checked.scope))),
            Ok(next) => return Err(go(visit, &opened.flow, Some(&opened.sealed), next).await),
            Err(refusal) => return Err(refused(visit, refusal).await),
        },
    };
    let session = sessions.swap_remove(place);
    let asked_by = asking.as_ref().map(|(client, scope)| (&**client, scope));
    match provider.missing(&session.user_id, asked_by).await {
        Ok(Some((user, missing))) => Ok(Lacking {
            session,
            user,
            client: asking.map(|(client, _)| client),
            missing,
        }),
        // Given in another tab a moment ago.
        Ok(None) => Err(to(visit, &onward(opened))),
        Err(error) => Err(failed(visit, &error.to_string()).await),
    }
}

/// `GET /complete`
pub(crate) async fn get(visit: Visit, asked: Asked) -> Response {
    match flow_or_page(&visit, &asked.flow).await {
        Ok(opened) => show(&visit, &opened, Said::nothing()).await,
        Err(response) => response,
    }
}

async fn show(visit: &Visit, opened: &Opened, said: Said) -> Response {
    match lacking(visit, opened).await {
        Ok(lacking) => page(visit, opened, &lacking, said),
        Err(response) => response,
    }
}

fn page(visit: &Visit, opened: &Opened, lacking: &Lacking, said: Said) -> Response {
    match &lacking.missing {
        Missing::Documents(texts) => documents::page(visit, opened, (lacking, texts), said),
        Missing::Contact(kind) => contact_page(visit, opened, (lacking, *kind), said),
        Missing::Organisation(held) => organisation::page(visit, opened, (lacking, held), said),
    }
}

fn contact_page(visit: &Visit, opened: &Opened, (lacking, kind): (&Lacking, ContactKind), said: Said) -> Response {
    let client = lacking.client.as_deref();
    let page = Complete {
        chrome: chrome(visit, Some(opened), client),
        client_name: client.map(|client| client.metadata.client_name.clone()).unwrap_or_default(),
        kind,
        value: said.typed,
        account: (lacking.user.display_name(), lacking.session.id.to_string()),
        is_taken: said.errors.code() == "contact-taken",
        errors: said.errors,
    };
    html(visit, said.status, &view::render(&page))
}

/// `POST /complete`
pub(crate) async fn post(visit: Visit, form: Form) -> Response {
    let opened = match flow_or_page(&visit, form.get("flow")).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let lacking = match lacking(&visit, &opened).await {
        Ok(lacking) => lacking,
        Err(response) => return response,
    };
    // What was typed is for the account that the page showed, whoever signed in elsewhere meanwhile.
    if !visit.accepts(&form) || form.get("account") != lacking.session.id.as_str() {
        let typed = match lacking.missing {
            Missing::Contact(kind) => form.get(kind.as_str()).to_owned(),
            Missing::Documents(_) | Missing::Organisation(_) => String::new(),
        };
        let stale = Errors::whole(Message::of("form-stale"));
        return page(&visit, &opened, &lacking, Said::again(typed, stale, StatusCode::OK));
    }
    if form.has("deny") {
        return deny(&visit, &opened, &lacking).await;
    }
    match &lacking.missing {
        Missing::Documents(texts) => documents::post(&visit, &opened, (&lacking, texts), &form).await,
        Missing::Contact(kind) => post_contact(&visit, &opened, (&lacking, *kind), &form).await,
        Missing::Organisation(held) => organisation::post(&visit, &opened, (&lacking, held), &form).await,
    }
}

/// The person gives nothing: the client hears of it; nobody stays signed in to the cabinet on such terms.
async fn deny(visit: &Visit, opened: &Opened, lacking: &Lacking) -> Response {
    if lacking.client.is_none() {
        return logout::out(visit, &lacking.session).await;
    }
    match visit.site.provider.deny(&opened.flow).await {
        Ok(response) => answer(visit, &response),
        Err(refusal) => refused(visit, refusal).await,
    }
}

async fn post_contact(
    visit: &Visit,
    opened: &Opened,
    (lacking, kind): (&Lacking, ContactKind),
    form: &Form,
) -> Response {
    let typed = form.get(kind.as_str()).to_owned();
    let again = |errors, status| page(visit, opened, lacking, Said::again(typed.clone(), errors, status));
    let Some(contact) = Contact::parse(kind, &typed) else {
        return again(Errors::field(kind.as_str(), invalid(kind)), StatusCode::UNPROCESSABLE_ENTITY);
    };
    let person = visit.person(Some(&opened.flow));
    let error = match visit.site.identity.begin_contact(&lacking.session, &contact, &person).await {
        Ok(id) => return to(visit, &CODE.at(opened, &id)),
        Err(error) => error,
    };
    let status = match error {
        CodeError::Limited { .. } => StatusCode::TOO_MANY_REQUESTS,
        CodeError::Unreachable => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    match complaint(error) {
        Ok(errors) => again(errors, status),
        Err(Trouble::Unknown) => error_page(visit, StatusCode::BAD_REQUEST, "request-expired-here").await,
        Err(Trouble::Failed(error)) => failed(visit, &error).await,
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
            show(&visit, &opened, Said::again(contact.display(), errors, StatusCode::UNPROCESSABLE_ENTITY)).await
        }
        Ok(_) => CODE.refuse(&visit, &opened, &id, CodeError::Unknown).await,
        Err(error) => CODE.refuse(&visit, &opened, &id, error).await,
    }
}
