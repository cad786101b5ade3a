//! Registration by a provider: `/register/{method}` and `/register/{method}/details`.
//!
//! 1. GET `/register/{method}` sends the browser to the provider. Whose account there is known is signed in.
//! 2. The details: a contact, prefilled with what the provider told, and the consent. POST makes the account at once where the
//!    provider's word on that contact is taken; any other contact gets a code, and `/register/confirm` makes the account.
//! 3. A contact that has an account leads to the sign-in, which links.

use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::linking::Purpose;
use kabinet_identity::{By, Guest, RegisterError, Registration as New};

use super::{carry, depart, guest, known, link, provider};
use crate::form::{Asked, Form};
use crate::page::login::{invalid, signed_in, work_wait};
use crate::page::register::{complain, documents};
use crate::page::ways::Ways;
use crate::page::{Opened, chrome, client_of, closed, failed, html, to};
use crate::view::{self, Errors, Message, UpstreamRegistration};
use crate::visit::Visit;

/// The page with the details.
pub(super) fn page(name: &str) -> String {
    format!("/register/{name}/details")
}

async fn opened(visit: &Visit, name: &str, flow: &str) -> Result<Opened, Response> {
    let opened = known(visit, name, flow).await?;
    if Ways::of(visit).has_upstream_registration(name) {
        Ok(opened)
    } else {
        Err(closed(visit, &opened, "registration-closed", Some("/login")))
    }
}

/// `GET /register/{method}`
pub(crate) async fn get(visit: Visit, Path(name): Path<String>, asked: Asked) -> Response {
    match opened(&visit, &name, &asked.flow).await {
        Ok(opened) => depart(&visit, &opened, &name, Purpose::Register).await,
        Err(response) => response,
    }
}

/// What was typed.
struct Typed {
    kind: ContactKind,
    value: String,
    consent: bool,
    errors: Errors,
    status: StatusCode,
}

/// `GET /register/{method}/details`
pub(crate) async fn details(visit: Visit, Path(name): Path<String>, asked: Asked) -> Response {
    let opened = match opened(&visit, &name, &asked.flow).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let guest = match guest(&visit, &opened, (&name, &asked.id)).await {
        Ok(guest) => guest,
        Err(response) => return response,
    };
    let told = |kind: ContactKind| {
        let contacts = guest.person().contacts.iter().filter(move |told| told.contact.kind() == kind);
        contacts.map(|told| told.contact.display()).next()
    };
    let first = guest.person().contacts.first().map(|told| told.contact.kind());
    let kind = Ways::of(&visit).identifier(asked.by.or(first));
    let typed = Typed {
        value: told(kind).unwrap_or_default(),
        kind,
        consent: false,
        errors: Errors::none(),
        status: StatusCode::OK,
    };
    form_page(&visit, &opened, (&name, &guest), typed)
}

fn form_page(visit: &Visit, opened: &Opened, (name, guest): (&str, &Guest), typed: Typed) -> Response {
    let chrome = chrome(visit, Some(opened), None);
    let is_vouched =
        Contact::parse(typed.kind, &typed.value).is_some_and(|contact| visit.site.identity.is_vouched(guest, &contact));
    let page = UpstreamRegistration {
        id: guest.id().to_string(),
        action: page(name),
        provider: provider(visit, &chrome, name),
        owner: guest.person().name.clone(),
        identifier: typed.kind,
        value: typed.value,
        is_vouched,
        link: carry(opened, &link::page(name), guest.id()),
        pd_consent: typed.consent,
        errors: typed.errors,
        chrome,
    };
    html(visit, typed.status, &view::render(&page))
}

/// `POST /register/{method}/details`
pub(crate) async fn details_post(visit: Visit, Path(name): Path<String>, form: Form) -> Response {
    let opened = match opened(&visit, &name, form.get("flow")).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let guest = match guest(&visit, &opened, (&name, form.get("id"))).await {
        Ok(guest) => guest,
        Err(response) => return response,
    };
    let (kind, value) = form.identifier();
    let mut typed = Typed {
        kind,
        value,
        consent: form.has("pd-consent"),
        errors: Errors::none(),
        status: StatusCode::UNPROCESSABLE_ENTITY,
    };
    if !visit.accepts(&form) {
        typed.errors = Errors::whole(Message::of("form-stale"));
        typed.status = StatusCode::OK;
        return form_page(&visit, &opened, (&name, &guest), typed);
    }
    typed.errors = read(&visit, &typed);
    let contact = Contact::parse(kind, &typed.value).filter(|_| typed.errors.is_empty());
    let Some(contact) = contact else {
        return form_page(&visit, &opened, (&name, &guest), typed);
    };
    let texts = documents(&visit.site, client_of(&visit, &opened).await.as_deref());
    let (identity, person) = (&visit.site.identity, visit.worker(&opened.flow, &form));
    if identity.is_vouched(&guest, &contact) {
        return match identity.register_by_upstream(contact, (&guest, texts), &person).await {
            Ok(proof) => {
                metrics::counter!("kabinet_registrations_total").increment(1);
                visit.site.provider.changed().await;
                let done = format!("/register/done?flow={}&by={}", opened.sealed, kind.as_str());
                signed_in(&visit, &opened, proof, false, &done).await
            }
            Err(error) => refuse(&visit, &opened, (&name, &guest), (typed, error)).await,
        };
    }
    let new = New {
        contact,
        by: By::Upstream(Box::new(guest.clone())),
        documents: texts,
        client: person.client.clone(),
    };
    match identity.begin_registration(new, &person).await {
        Ok(id) => to(&visit, &format!("/register/confirm?flow={}&id={id}", opened.sealed)),
        Err(error) => refuse(&visit, &opened, (&name, &guest), (typed, error)).await,
    }
}

async fn refuse(
    visit: &Visit,
    opened: &Opened,
    at: (&str, &Guest),
    (mut typed, error): (Typed, RegisterError),
) -> Response {
    (typed.errors, typed.status) = match error {
        RegisterError::Store(error) => return failed(visit, &error.to_string()).await,
        RegisterError::Work(_) => (Errors::whole(work_wait(None).0), StatusCode::TOO_MANY_REQUESTS),
        error => complain(visit, error),
    };
    form_page(visit, opened, at, typed)
}

/// What is wrong with the fields.
fn read(visit: &Visit, typed: &Typed) -> Errors {
    if let Some(refusal) = Ways::of(visit).refusal(typed.kind) {
        return Errors::whole(refusal);
    }
    let mut errors = Errors::none();
    if Contact::parse(typed.kind, &typed.value).is_none() {
        errors = errors.and(typed.kind.as_str(), invalid(typed.kind));
    }
    if !typed.consent {
        errors = errors.and("pd-consent", Message::of("consent-missing").with("place", "register"));
    }
    errors
}
