//! `/register`: two fields and a box, then a code, then the way on.
//!
//! 1. Where the client or its brand has closed registration, GET and POST say so. POST `/register` checks the fields and
//!    sends a code; nothing is made yet. A contact that is known already leads to the
//!    same page, so that nobody learns of it without holding the contact.
//! 2. POST `/register/confirm` spends the code: the account, its contact, its password and its consents are made in one
//!    transaction, and the person is signed in.
//! 3. `/register/done` says so and leads on.

use axum::extract::State;
use axum::response::Response;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use kabinet_core::client::Client;
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::document::{Kind, Reference};
use kabinet_core::id::{ConfirmationId, RecoveryId};
use kabinet_core::password::BadPassword;
use kabinet_core::work::Action;
use kabinet_identity::{By, CodeError, Confirmed as Proven, Purpose, RegisterError, Registration as New, Work};

use super::certificate::register::linked_already;
use super::code::{Place, Tried};
use super::login::{self, Shown, invalid, signed_in, work_wait};
use super::ways::Ways;
use super::{Opened, chrome, client_of, closed, failed, flow_or_page, html, onward, to};
use crate::form::{Asked, Form};
use crate::site::Site;
use crate::view::{self, Chrome, CodePurpose, Confirmed, Errors, Message, Registration};
use crate::visit::Visit;

/// `GET /register`
pub(crate) async fn get(visit: Visit, asked: Asked) -> Response {
    let opened = match flow_or_page(&visit, &asked.flow).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    show(&visit, &opened, Ways::of(&visit).identifier(asked.by), Typed::default()).await
}

#[derive(Default)]
struct Typed {
    value: String,
    consent: bool,
    errors: Errors,
    status: Option<StatusCode>,
    work: Option<Work>,
}

async fn show(visit: &Visit, opened: &Opened, asked: ContactKind, typed: Typed) -> Response {
    let ways = Ways::of(visit);
    let (has_form, methods) = (ways.has_registration_form(), ways.registration_tiles());
    if !has_form && methods.is_empty() {
        return closed(visit, opened, "registration-closed", Some("/login"));
    }
    let identifier = ways.identifier(Some(asked));
    let work = match typed.work {
        None => visit.site.identity.offer_work(Action::Register, &visit.person(Some(&opened.flow))).await,
        work => work,
    };
    let page = Registration {
        chrome: Chrome { work, ..chrome(visit, Some(opened), None) },
        password: has_form,
        identifier,
        value: if identifier == asked { typed.value } else { String::new() },
        pd_consent: typed.consent,
        password_min: visit.site.config.password_length.0,
        errors: typed.errors,
        methods,
    };
    html(visit, typed.status.unwrap_or(StatusCode::OK), &view::render(&page))
}

/// `POST /register`
pub(crate) async fn post(State(site): State<Site>, visit: Visit, form: Form) -> Response {
    let opened = match flow_or_page(&visit, form.get("flow")).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let (identifier, value) = form.identifier();
    let mut typed = Typed { value, consent: form.has("pd-consent"), ..Typed::default() };
    if !visit.accepts(&form) {
        typed.errors = Errors::whole(Message::of("form-stale"));
        return show(&visit, &opened, identifier, typed).await;
    }
    let (errors, status) = read(&visit, &form);
    (typed.errors, typed.status) = (errors, Some(status));
    let contact = Contact::parse(identifier, &typed.value);
    let Some(contact) = contact.filter(|_| typed.errors.is_empty() && Ways::of(&visit).has_registration_form()) else {
        return show(&visit, &opened, identifier, typed).await;
    };
    let person = visit.worker(&opened.flow, &form);
    let new = New {
        contact,
        by: By::Password(form.secret("password")),
        documents: documents(&site, client_of(&visit, &opened).await.as_deref()),
        client: person.client.clone(),
    };
    match site.identity.begin_registration(new, &person).await {
        Ok(id) => to(&visit, &format!("/register/confirm?flow={}&id={id}", opened.sealed)),
        Err(error) => {
            if matches!(error, RegisterError::Work(_)) {
                typed.work = site.identity.work_after(Action::Register, &person);
            }
            refuse(&visit, &opened, identifier, typed, error).await
        }
    }
}

/// What is wrong with the fields, before anything is hashed or sent.
fn read(visit: &Visit, form: &Form) -> (Errors, StatusCode) {
    let (kind, typed) = form.identifier();
    if let Some(refusal) = Ways::of(visit).refusal(kind) {
        return (Errors::whole(refusal), StatusCode::UNPROCESSABLE_ENTITY);
    }
    if form.is_oversized("password") {
        let long = password_message(&BadPassword::TooLong, visit);
        return (Errors::field("password", long), StatusCode::BAD_REQUEST);
    }
    let mut errors = Errors::none();
    if Contact::parse(kind, &typed).is_none() {
        errors = errors.and(kind.as_str(), invalid(kind));
    }
    if form.get("password").is_empty() {
        errors = errors.and("password", Message::of("password-missing"));
    }
    if !form.has("pd-consent") {
        errors = errors.and("pd-consent", Message::of("consent-missing").with("place", "register"));
    }
    (errors, StatusCode::UNPROCESSABLE_ENTITY)
}

/// What the form's sentence and box agree to.
pub(crate) fn documents(site: &Site, client: Option<&Client>) -> Vec<Reference> {
    let documents = site.provider.documents();
    let brand = client.and_then(|client| client.metadata.brand.as_deref());
    let in_force = Kind::ASKED.into_iter().filter_map(|kind| documents.in_force(kind, brand));
    in_force.map(|document| document.head.reference()).collect()
}

async fn refuse(
    visit: &Visit,
    opened: &Opened,
    identifier: ContactKind,
    mut typed: Typed,
    error: RegisterError,
) -> Response {
    // RFC 9110 §10.2.3
    let wait = match &error {
        RegisterError::Limited { seconds } | RegisterError::Busy { seconds } => Some(seconds.unsigned_abs()),
        _ => None,
    };
    let (errors, status) = match error {
        RegisterError::Work(_) => (Errors::whole(work_wait(typed.work.as_ref()).0), StatusCode::TOO_MANY_REQUESTS),
        RegisterError::Store(error) => return failed(visit, &error.to_string()).await,
        error => complain(visit, error),
    };
    typed.errors = errors;
    typed.status = Some(status);
    let mut response = show(visit, opened, identifier, typed).await;
    if let Some(seconds) = wait {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// What a form says about a registration that did not begin, and its status.
pub(crate) fn complain(visit: &Visit, error: RegisterError) -> (Errors, StatusCode) {
    let limited = |seconds: i64| Message::of("code-limit").with("minutes", (seconds + 59) / 60);
    match error {
        RegisterError::Password(bad) => {
            (Errors::field("password", password_message(&bad, visit)), password_status(&bad))
        }
        RegisterError::Linked => linked_already(),
        RegisterError::Guest => (Errors::whole(Message::of("upstream-linked-elsewhere")), StatusCode::CONFLICT),
        RegisterError::Exists => (Errors::whole(Message::of("upstream-contact-taken")), StatusCode::CONFLICT),
        RegisterError::Work(_) => (Errors::whole(work_wait(None).0), StatusCode::TOO_MANY_REQUESTS),
        RegisterError::Limited { seconds } => (Errors::whole(limited(seconds)), StatusCode::TOO_MANY_REQUESTS),
        RegisterError::Busy { .. } => (Errors::whole(Message::of("login-busy")), StatusCode::SERVICE_UNAVAILABLE),
        RegisterError::Unreachable => {
            (Errors::field("phone", Message::of("phone-unreachable")), StatusCode::UNPROCESSABLE_ENTITY)
        }
        RegisterError::NotSent => (Errors::whole(Message::of("code-not-sent")), StatusCode::SERVICE_UNAVAILABLE),
        RegisterError::Store(_) => (Errors::whole(Message::of("error-unavailable")), StatusCode::SERVICE_UNAVAILABLE),
    }
}

pub(crate) fn password_message(bad: &BadPassword, visit: &Visit) -> Message {
    metrics::counter!("kabinet_passwords_refused_total", "rule" => bad.as_str()).increment(1);
    let (min, max) = visit.site.config.password_length;
    match bad {
        BadPassword::TooShort { .. } => Message::of("password-short").with("min", min),
        BadPassword::TooLong => Message::of("password-long").with("max", max),
        BadPassword::Common | BadPassword::Context | BadPassword::Guessable => Message::of("password-weak"),
        BadPassword::Leaked => Message::of("password-leaked"),
    }
}

/// A password that is too long is no password that somebody typed.
pub(crate) fn password_status(bad: &BadPassword) -> StatusCode {
    match bad {
        BadPassword::TooLong => StatusCode::BAD_REQUEST,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

const CODE: Place = Place {
    path: "/register/confirm",
    start: "/register",
    purpose: CodePurpose::Register,
    serves: Purpose::Register,
};

/// `GET /register/confirm`
pub(crate) async fn confirm_get(visit: Visit, asked: Asked) -> Response {
    CODE.get(&visit, asked).await
}

/// `POST /register/confirm`
pub(crate) async fn confirm_post(visit: Visit, form: Form) -> Response {
    let Tried { opened, id, outcome } = match CODE.tried(&visit, &form).await {
        Ok(tried) => tried,
        Err(response) => return response,
    };
    match outcome {
        Ok(Proven::Registered(proof, contact)) => {
            metrics::counter!("kabinet_registrations_total").increment(1);
            let done = format!("/register/done?flow={}&by={}", opened.sealed, contact.kind().as_str());
            signed_in(&visit, &opened, proof, false, &done).await
        }
        Ok(Proven::Exists(contact, recovery)) => exists(&visit, &opened, &contact, &recovery).await,
        Ok(_) => CODE.refuse(&visit, &opened, &id, CodeError::Unknown).await,
        // A second press of the button: the account is there.
        Err(CodeError::Spent) if confirmed(&visit, &opened, &id).await => {
            let mut shown = Shown::of(ContactKind::Phone, String::new());
            shown.notice = Some(Message::of("account-exists"));
            login::show(&visit, &opened, shown).await
        }
        Err(error) => CODE.refuse(&visit, &opened, &id, error).await,
    }
}

/// Whoever holds the contact may know that it has an account.
async fn exists(visit: &Visit, opened: &Opened, contact: &Contact, recovery: &RecoveryId) -> Response {
    let mut shown = Shown::of(contact.kind(), contact.display());
    // A number may have belonged to somebody else before.
    if contact.kind() == ContactKind::Phone {
        shown.disown = Some(format!("/recover/password?flow={}&id={recovery}", opened.sealed));
    }
    shown.notice = Some(Message::of("account-exists"));
    login::show(visit, opened, shown).await
}

/// Whether a confirmation has been used, rather than used up.
async fn confirmed(visit: &Visit, opened: &Opened, id: &ConfirmationId) -> bool {
    matches!(
        visit
            .site
            .identity
            .confirmation(Purpose::Register, id, &visit.person(Some(&opened.flow)))
            .await,
        Ok(None)
    )
}

/// `GET /register/done`
pub(crate) async fn done(visit: Visit, asked: Asked) -> Response {
    let opened = match flow_or_page(&visit, &asked.flow).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    if visit.session_values.is_empty() {
        return to(&visit, &format!("/register?flow={}", opened.sealed));
    }
    let client = client_of(&visit, &opened).await;
    let page = Confirmed {
        chrome: chrome(&visit, Some(&opened), client.as_deref()),
        kind: asked.by.unwrap_or(ContactKind::Phone),
        href: onward(&opened),
    };
    html(&visit, StatusCode::OK, &view::render(&page))
}
