//! `/register`: two fields and a box, then a code, then the way on.
//!
//! 1. POST `/register` checks the fields and sends a code; nothing is made yet. A contact that is known already leads to the
//!    same page, so that nobody learns of it without holding the contact.
//! 2. POST `/register/confirm` spends the code: the account, its contact, its password and its consents are made in one
//!    transaction, and the person is signed in.
//! 3. `/register/done` says so and leads on.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::id::ConfirmationId;
use kabinet_core::password::BadPassword;
use kabinet_identity::{CodeError, Confirmed as Proven, RegisterError, Registration as New};
use kabinet_store::document::Document;

use super::login::{self, Shown, invalid, signed_in};
use super::{Opened, chrome, client_of, error_page, failed, flow_or_page, html, onward, to};
use crate::brand::documents::Kind;
use crate::form::{Asked, Form};
use crate::site::Site;
use crate::view::{self, Chrome, CodeEntry, CodePurpose, Confirmed, Errors, Message, Registration};
use crate::visit::Visit;

/// `GET /register`
pub(crate) async fn get(visit: Visit, asked: Asked) -> Response {
    let opened = match flow_or_page(&visit, &asked.flow).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    show(&visit, &opened, asked.by.unwrap_or(ContactKind::Phone), Typed::default()).await
}

#[derive(Default)]
struct Typed {
    value: String,
    consent: bool,
    errors: Errors,
    status: Option<StatusCode>,
}

async fn show(visit: &Visit, opened: &Opened, identifier: ContactKind, typed: Typed) -> Response {
    let client = client_of(visit, opened).await;
    let page = Registration {
        chrome: chrome(visit, Some(opened), client.as_deref()),
        identifier,
        value: typed.value,
        pd_consent: typed.consent,
        password_min: visit.site.config.password_min,
        errors: typed.errors,
        methods: Vec::new(),
    };
    html(visit, typed.status.unwrap_or(StatusCode::OK), &view::render(&page))
}

/// `POST /register`
pub(crate) async fn post(State(site): State<Site>, visit: Visit, form: Form) -> Response {
    let opened = match flow_or_page(&visit, form.get("flow")).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let identifier = if form.has("email") {
        ContactKind::Email
    } else {
        ContactKind::Phone
    };
    let mut typed = Typed {
        value: form.get(identifier.as_str()).to_owned(),
        consent: form.has("pd-consent"),
        ..Typed::default()
    };
    if !visit.accepts(&form) {
        typed.errors = Errors::whole(Message::of("form-stale"));
        return show(&visit, &opened, identifier, typed).await;
    }
    let contact = Contact::parse(identifier, &typed.value);
    if contact.is_none() {
        typed.errors = typed.errors.and(identifier.as_str(), invalid(identifier));
    }
    if form.get("password").is_empty() {
        typed.errors = typed.errors.and("password", Message::of("password-missing"));
    }
    if !typed.consent {
        typed.errors = typed.errors.and("pd-consent", Message::of("consent-missing"));
    }
    typed.status = Some(StatusCode::UNPROCESSABLE_ENTITY);
    let Some(contact) = contact.filter(|_| typed.errors.is_empty()) else {
        return show(&visit, &opened, identifier, typed).await;
    };
    let person = visit.person(Some(&opened.flow));
    let new = New {
        contact,
        password: form.secret("password"),
        documents: documents(&site),
        client: person.client.clone(),
    };
    match site.identity.begin_registration(new, &person).await {
        Ok(id) => to(&visit, &format!("/register/confirm?flow={}&id={id}", opened.sealed)),
        Err(error) => refuse(&visit, &opened, identifier, typed, error).await,
    }
}

/// What the form's sentence and box agree to.
fn documents(site: &Site) -> Vec<Document> {
    let of = |kind| site.documents.current(kind);
    let agreed = [Kind::Agreement, Kind::PdConsent].into_iter().filter_map(of);
    agreed
        .map(|d| Document {
            document: d.kind.as_str().to_owned(),
            version: d.version.clone(),
            sha256: d.sha256.clone(),
        })
        .collect()
}

async fn refuse(
    visit: &Visit,
    opened: &Opened,
    identifier: ContactKind,
    mut typed: Typed,
    error: RegisterError,
) -> Response {
    let limited = |seconds: i64| Message::of("code-limit").with("minutes", (seconds + 59) / 60);
    let (errors, status) = match error {
        RegisterError::Password(bad) => {
            (Errors::field("password", password_message(&bad, visit)), StatusCode::UNPROCESSABLE_ENTITY)
        }
        RegisterError::Limited { seconds } => (Errors::whole(limited(seconds)), StatusCode::TOO_MANY_REQUESTS),
        RegisterError::Busy { .. } => (Errors::whole(Message::of("login-busy")), StatusCode::SERVICE_UNAVAILABLE),
        RegisterError::NotSent => (Errors::whole(Message::of("code-not-sent")), StatusCode::SERVICE_UNAVAILABLE),
        RegisterError::Store(error) => return failed(visit, &error.to_string()).await,
    };
    typed.errors = errors;
    typed.status = Some(status);
    show(visit, opened, identifier, typed).await
}

fn password_message(bad: &BadPassword, visit: &Visit) -> Message {
    match bad {
        BadPassword::TooShort { .. } => Message::of("password-short").with("min", visit.site.config.password_min),
        BadPassword::TooLong => Message::of("password-long").with("max", 256),
        BadPassword::Common | BadPassword::Context => Message::of("password-weak"),
    }
}

/// `GET /register/confirm`
pub(crate) async fn confirm_get(visit: Visit, asked: Asked) -> Response {
    let opened = match flow_or_page(&visit, &asked.flow).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let notice = asked.sent.then(|| Message::of("code-resent"));
    show_code(&visit, &opened, &ConfirmationId::from(asked.id), Errors::none(), notice).await
}

async fn show_code(
    visit: &Visit,
    opened: &Opened,
    id: &ConfirmationId,
    errors: Errors,
    notice: Option<Message>,
) -> Response {
    let pending = match visit.site.identity.confirmation(id, &visit.person(Some(&opened.flow))).await {
        Ok(Some(pending)) => pending,
        // Another browser's, confirmed already, or long gone: the beginning is the only way.
        Ok(None) => return to(visit, &format!("/register?flow={}", opened.sealed)),
        Err(error) => return failed(visit, &error.to_string()).await,
    };
    let status = if errors.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let errors = if errors.is_empty() && pending.expired {
        Errors::field("code", Message::of("code-expired"))
    } else {
        errors
    };
    let client = client_of(visit, opened).await;
    let (sms, email) = visit.site.config.code_life;
    let life = if pending.contact.kind() == ContactKind::Phone { sms } else { email };
    let here = format!("/register/confirm?flow={}&id={id}", opened.sealed);
    let page = CodeEntry {
        chrome: Chrome { here, ..chrome(visit, Some(opened), client.as_deref()) },
        purpose: CodePurpose::Register,
        action: "/register/confirm".to_owned(),
        contact: pending.contact,
        wait: u32::try_from(pending.resend_in).unwrap_or(0),
        life_minutes: u32::try_from(life / 60).unwrap_or(0),
        errors,
        notice,
        hidden: vec![("id", id.to_string())],
    };
    html(visit, status, &view::render(&page))
}

/// `POST /register/confirm`
pub(crate) async fn confirm_post(State(site): State<Site>, visit: Visit, form: Form) -> Response {
    let opened = match flow_or_page(&visit, form.get("flow")).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let id = ConfirmationId::from(form.get("id"));
    if !visit.accepts(&form) {
        return show_code(&visit, &opened, &id, Errors::none(), Some(Message::of("form-stale"))).await;
    }
    let person = visit.person(Some(&opened.flow));
    if form.has("resend") {
        return match site.identity.resend(&id, &person).await {
            Ok(()) => to(&visit, &format!("/register/confirm?flow={}&id={id}&sent=1", opened.sealed)),
            Err(error) => wrong(&visit, &opened, &id, error).await,
        };
    }
    let code: String = form.get("code").chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    if code.is_empty() {
        return show_code(&visit, &opened, &id, Errors::field("code", Message::of("code-missing")), None).await;
    }
    match site.identity.confirm(&id, &code, &person).await {
        Ok(Proven::Registered(proof, contact)) => {
            metrics::counter!("kabinet_registrations_total").increment(1);
            let done = format!("/register/done?flow={}&by={}", opened.sealed, contact.kind().as_str());
            signed_in(&visit, &opened, proof, false, &done).await
        }
        Ok(Proven::Exists(contact)) => exists(&visit, &opened, &contact).await,
        Err(error) => wrong(&visit, &opened, &id, error).await,
    }
}

/// Whoever holds the contact may know that it has an account.
async fn exists(visit: &Visit, opened: &Opened, contact: &Contact) -> Response {
    let mut shown = Shown::of(contact.kind(), contact.display());
    shown.notice = Some(Message::of("account-exists"));
    login::show(visit, opened, shown).await
}

async fn wrong(visit: &Visit, opened: &Opened, id: &ConfirmationId, error: CodeError) -> Response {
    let errors = match error {
        CodeError::Wrong { left } if left > 0 => Errors::field("code", Message::of("code-wrong").with("left", left)),
        // A second press of the button: the account is there.
        CodeError::Spent if confirmed(visit, opened, id).await => {
            let mut shown = Shown::of(ContactKind::Phone, String::new());
            shown.notice = Some(Message::of("account-exists"));
            return login::show(visit, opened, shown).await;
        }
        CodeError::Wrong { .. } | CodeError::Spent | CodeError::Expired => {
            Errors::field("code", Message::of("code-expired"))
        }
        CodeError::Wait { seconds } => Errors::whole(Message::of("code-wait").with("seconds", seconds)),
        CodeError::Limited { seconds } => Errors::whole(Message::of("code-limit").with("minutes", (seconds + 59) / 60)),
        CodeError::NotSent => Errors::whole(Message::of("code-not-sent")),
        CodeError::Unknown => return error_page(visit, StatusCode::BAD_REQUEST, "request-expired-here").await,
        CodeError::Store(error) => return failed(visit, &error.to_string()).await,
    };
    show_code(visit, opened, id, errors, None).await
}

/// Whether a confirmation has been used, rather than used up.
async fn confirmed(visit: &Visit, opened: &Opened, id: &ConfirmationId) -> bool {
    matches!(visit.site.identity.confirmation(id, &visit.person(Some(&opened.flow))).await, Ok(None))
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
