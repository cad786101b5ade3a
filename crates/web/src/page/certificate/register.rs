//! Registration by certificate: `/register/certificate` and `/register/certificate/details`.
//!
//! 1. The certificate is proven on the same page as at sign-in. One that an account has leads to the sign-in.
//! 2. The details: an address (or phone) to confirm, the partner's code where a product asks, the consent. The organisation is
//!    the one in the certificate. «Вернуться позже» keeps what was typed for whoever signs with that certificate again.
//! 3. POST sends the code; `/register/confirm` makes the account with the certificate linked.

use axum::response::Response;
use http::StatusCode;
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::organisation::partner_code;
use kabinet_identity::{By, CertificatePurpose, Draft, RegisterError, Registration as New, Signer};

use super::{Shown, carry, organisation, show, signer};
use crate::form::{Asked, Form};
use crate::page::login::{invalid, work_wait};
use crate::page::register::{complain, documents};
use crate::page::ways::Ways;
use crate::page::{Opened, chrome, client_of, closed, error_page, failed, flow_or_page, html, to};
use crate::view::{self, CertificateRegistration, Errors, Message, Told, certificate_message};
use crate::visit::Visit;

/// The page with the details.
pub(super) const DETAILS: &str = "/register/certificate/details";

/// `GET /register/certificate`
pub(crate) async fn get(visit: Visit, asked: Asked) -> Response {
    match opened(&visit, &asked.flow).await {
        Ok(opened) => show(&visit, &opened, Shown::of(CertificatePurpose::Register)),
        Err(response) => response,
    }
}

async fn opened(visit: &Visit, flow: &str) -> Result<Opened, Response> {
    let opened = flow_or_page(visit, flow).await?;
    if Ways::of(visit).has_certificate_registration() {
        Ok(opened)
    } else {
        Err(closed(visit, &opened, "registration-closed", Some("/login")))
    }
}

/// `POST /register/certificate`
pub(crate) async fn post(visit: Visit, form: Form) -> Response {
    let opened = match opened(&visit, form.get("flow")).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let signer = match signer(&visit, &opened, &form, CertificatePurpose::Register).await {
        Ok(signer) => signer,
        Err(response) => return response,
    };
    let person = visit.person(Some(&opened.flow));
    let carried = visit.site.identity.seal_signer(&signer, None, &person);
    to(&visit, &carry(&opened, DETAILS, &carried))
}

/// What was typed.
struct Typed {
    kind: ContactKind,
    value: String,
    partner_code: String,
    consent: bool,
    errors: Errors,
    status: StatusCode,
}

/// `GET /register/certificate/details`
pub(crate) async fn details(visit: Visit, asked: Asked) -> Response {
    let opened = match opened(&visit, &asked.flow).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let Some(signer) = carried(&visit, &opened, &asked.signer) else {
        return too_late(&visit).await;
    };
    let draft = match visit.site.identity.draft(&signer).await {
        Ok(draft) => draft,
        Err(error) => return failed(&visit, &error.to_string()).await,
    };
    let kept = draft.is_some();
    let mut draft = draft.unwrap_or_default();
    if !kept {
        draft.contact = signer.holder().email.clone().unwrap_or_default();
    }
    let kind = Ways::of(&visit).identifier(asked.by.or(Some(kind_of(&draft.contact))));
    let typed = Typed {
        value: if kind_of(&draft.contact) == kind {
            draft.contact
        } else {
            String::new()
        },
        kind,
        partner_code: draft.partner_code,
        consent: false,
        errors: Errors::none(),
        status: StatusCode::OK,
    };
    form_page(&visit, &opened, (&signer, &asked.signer), typed)
}

/// An address unless it can only be a phone.
fn kind_of(contact: &str) -> ContactKind {
    if Contact::parse(ContactKind::Phone, contact).is_some() {
        ContactKind::Phone
    } else {
        ContactKind::Email
    }
}

fn carried(visit: &Visit, opened: &Opened, carried: &str) -> Option<Signer> {
    let person = visit.person(Some(&opened.flow));
    visit.site.identity.open_signer(carried, &person).map(|(signer, _)| signer)
}

async fn too_late(visit: &Visit) -> Response {
    error_page(visit, StatusCode::BAD_REQUEST, "request-expired-here").await
}

fn form_page(visit: &Visit, opened: &Opened, (signer, sealed): (&Signer, &str), typed: Typed) -> Response {
    let holder = signer.holder();
    let page = CertificateRegistration {
        chrome: chrome(visit, Some(opened), None),
        signer: sealed.to_owned(),
        owner: holder.name.clone(),
        organisation: organisation(holder),
        identifier: typed.kind,
        value: typed.value,
        has_partner: visit.client().is_some(),
        partner_code: typed.partner_code,
        pd_consent: typed.consent,
        errors: typed.errors,
    };
    html(visit, typed.status, &view::render(&page))
}

/// `POST /register/certificate/details`
pub(crate) async fn details_post(visit: Visit, form: Form) -> Response {
    let opened = match opened(&visit, form.get("flow")).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let sealed = form.get("signer");
    let Some(signer) = carried(&visit, &opened, sealed) else {
        return too_late(&visit).await;
    };
    let (kind, value) = form.identifier();
    let mut typed = Typed {
        kind,
        value,
        partner_code: form.get("partner-code").to_owned(),
        consent: form.has("pd-consent"),
        errors: Errors::none(),
        status: StatusCode::UNPROCESSABLE_ENTITY,
    };
    if !visit.accepts(&form) {
        typed.errors = Errors::whole(Message::of("form-stale"));
        typed.status = StatusCode::OK;
        return form_page(&visit, &opened, (&signer, sealed), typed);
    }
    if form.has("later") {
        return later(&visit, &opened, &signer, typed).await;
    }
    typed.errors = read(&visit, &typed);
    let contact = Contact::parse(kind, &typed.value);
    let Some(contact) = contact.filter(|_| typed.errors.is_empty()) else {
        return form_page(&visit, &opened, (&signer, sealed), typed);
    };
    let person = visit.worker(&opened.flow, &form);
    let new = New {
        contact,
        by: By::Certificate {
            signer: Box::new(signer.clone()),
            partner_code: partner_code(&typed.partner_code),
        },
        documents: documents(&visit.site, client_of(&visit, &opened).await.as_deref()),
        client: person.client.clone(),
    };
    match visit.site.identity.begin_registration(new, &person).await {
        Ok(id) => to(&visit, &format!("/register/confirm?flow={}&id={id}", opened.sealed)),
        Err(RegisterError::Store(error)) => failed(&visit, &error.to_string()).await,
        Err(RegisterError::Work(_)) => {
            typed.errors = Errors::whole(work_wait(None).0);
            typed.status = StatusCode::TOO_MANY_REQUESTS;
            form_page(&visit, &opened, (&signer, sealed), typed)
        }
        Err(error) => {
            (typed.errors, typed.status) = complain(&visit, error);
            form_page(&visit, &opened, (&signer, sealed), typed)
        }
    }
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
    if !typed.partner_code.trim().is_empty() && partner_code(&typed.partner_code).is_none() {
        errors = errors.and("partner-code", Message::of("partner-code-invalid"));
    }
    if !typed.consent {
        errors = errors.and("pd-consent", Message::of("consent-missing").with("place", "register"));
    }
    errors
}

async fn later(visit: &Visit, opened: &Opened, signer: &Signer, typed: Typed) -> Response {
    let short = |text: String, most| text.chars().take(most).collect();
    let draft = Draft {
        contact: short(typed.value, 320),
        partner_code: short(typed.partner_code, 64),
    };
    if let Err(error) = visit.site.identity.keep_draft(signer, &draft).await {
        return failed(visit, &error.to_string()).await;
    }
    let chrome = chrome(visit, Some(opened), None);
    let page = Told {
        heading: Message::of("draft-kept"),
        lines: vec![Message::of("draft-kept-how")],
        onward: (chrome.link("/login"), Message::of("go-login")),
        chrome,
    };
    html(visit, StatusCode::OK, &view::render(&page))
}

/// What a registration says where an account has the certificate.
pub(crate) fn linked_already() -> (Errors, StatusCode) {
    (Errors::whole(certificate_message("linked-elsewhere")), StatusCode::CONFLICT)
}
