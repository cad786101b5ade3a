//! Sign-in by certificate: `/login/certificate`, its challenge, and the second proof.
//!
//! 1. GET shows the page whose script finds the signature program. Where the client or its brand has no such way, it says so.
//! 2. The script asks for a text at `/login/certificate/challenge`, has it signed and posts the form.
//! 3. POST verifies: the person is signed in; or enters a code that went to a contact, since the browser is new to the
//!    account; or has a certificate that nobody linked, and chooses between linking it ([`link`]) and registering
//!    ([`register`]).
//!
//! A refusal is the same page with a code and a sentence of its own.

pub(crate) mod link;
pub(crate) mod register;

use axum::response::Response;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use kabinet_core::certificate::Holder;
use kabinet_core::id::ChallengeId;
use kabinet_identity::{CertificateError, CertificateLogin, CertificatePurpose, CodeError, Confirmed, Purpose, Signer};
use serde_json::json;

use super::code::{Place, Tried, Trouble, complaint};
use super::login::signed_in;
use super::ways::Ways;
use super::{Further, Opened, chrome, closed, error_page, failed, flow_or_page, html, html_with, onward, to};
use crate::error::private_json;
use crate::form::{Asked, Form};
use crate::view::{
    self, CertificateError as Refused, CertificatePage, CodePurpose, Message, PLUGIN_SCRIPTS, UnlinkedPage,
    certificate_message, with_query,
};
use crate::visit::Visit;

const HERE: &str = "/login/certificate";
const UNLINKED: &str = "/login/certificate/unlinked";

const CODE: Place = Place {
    path: "/login/certificate/confirm",
    start: HERE,
    purpose: CodePurpose::Prove,
    serves: Purpose::SignIn,
};

/// What the page is shown for and with.
pub(super) struct Shown {
    pub(super) purpose: CertificatePurpose,
    pub(super) remember: bool,
    pub(super) error: Option<Refused>,
    pub(super) status: StatusCode,
}

impl Shown {
    pub(super) fn of(purpose: CertificatePurpose) -> Self {
        Self {
            purpose,
            remember: false,
            error: None,
            status: StatusCode::OK,
        }
    }

    fn refused(mut self, (error, status): (Refused, StatusCode)) -> Self {
        (self.error, self.status) = (Some(error), status);
        self
    }
}

/// The page of a certificate, with the addresses that its script may speak to.
pub(super) fn show(visit: &Visit, opened: &Opened, shown: Shown) -> Response {
    let (config, ways) = (&visit.site.identity.config().certificate, Ways::of(visit));
    let chrome = chrome(visit, Some(opened), None);
    let (mut methods, back) = match shown.purpose {
        CertificatePurpose::SignIn => (ways.login_tiles(), chrome.link("/login")),
        CertificatePurpose::Register => (ways.registration_tiles(), chrome.link("/register")),
        CertificatePurpose::Link => (Vec::new(), "/account/methods".to_owned()),
    };
    methods.retain(|method| *method != view::Method::Certificate);
    let has_form = match shown.purpose {
        CertificatePurpose::SignIn => ways.has_login_form(),
        CertificatePurpose::Register => ways.has_registration_form(),
        CertificatePurpose::Link => false,
    };
    if has_form {
        methods.insert(0, view::Method::Password);
    }
    let page = CertificatePage {
        chrome,
        purpose: shown.purpose,
        toolbox: config.toolbox.clone(),
        toolbox_page: config.toolbox_page.as_ref().map(ToString::to_string),
        remember: shown.remember,
        error: shown.error,
        methods,
        back,
    };
    let further = Further {
        connect: &config.toolbox,
        scripts: &PLUGIN_SCRIPTS,
        ..Further::default()
    };
    html_with(visit, shown.status, &view::render(&page), further)
}

/// `GET /login/certificate`
pub(crate) async fn get(visit: Visit, asked: Asked) -> Response {
    match flow_or_page(&visit, &asked.flow).await {
        Ok(opened) if Ways::of(&visit).has_certificate_login() => {
            show(&visit, &opened, Shown::of(CertificatePurpose::SignIn))
        }
        Ok(opened) => closed(&visit, &opened, "login-closed", Some("/login")),
        Err(response) => response,
    }
}

/// `POST /login/certificate/challenge`: JSON for the page's script.
pub(crate) async fn challenge(visit: Visit, form: Form) -> Response {
    let locale = visit.locale(None);
    let refuse = |code: &str, message: &Message, status| {
        private_json(status, &json!({"error": code, "message": message.in_locale(locale)}))
    };
    if !visit.accepts(&form) {
        return refuse("form-stale", &Message::of("form-stale"), StatusCode::UNPROCESSABLE_ENTITY);
    }
    let opened = match flow_or_page(&visit, form.get("flow")).await {
        Ok(opened) => opened,
        Err(response) => {
            let message = Message::of("request-expired-here");
            return refuse("request-expired-here", &message, response.status());
        }
    };
    let Some(purpose) = CertificatePurpose::parse(form.get("purpose")) else {
        return refuse("malformed", &certificate_message("malformed"), StatusCode::BAD_REQUEST);
    };
    let product = visit.client().map(|client| client.metadata.client_name.as_str());
    let person = visit.person(Some(&opened.flow));
    match visit.site.identity.begin_challenge(purpose, product, &person).await {
        Ok(challenge) => {
            let body = json!({
                "challenge": challenge.id.as_str(),
                "text": base64(challenge.text.as_bytes()),
                "code": challenge.code,
                "expires_in": challenge.expires_in,
            });
            private_json(StatusCode::OK, &body)
        }
        Err(error) => {
            log(&error);
            let wait = wait_of(&error);
            let (shown, status) = refusal(&visit, error);
            let mut response = refuse(&shown.code, &shown.message, status);
            retry_after(&mut response, wait);
            response
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Who has signed the posted form; `Err` is the page that says why nobody did.
pub(super) async fn signer(
    visit: &Visit,
    opened: &Opened,
    form: &Form,
    purpose: CertificatePurpose,
) -> Result<Signer, Response> {
    let shown = Shown { remember: form.has("remember"), ..Shown::of(purpose) };
    if !visit.accepts(form) {
        let stale = Refused {
            code: "form-stale".to_owned(),
            message: Message::of("form-stale"),
        };
        return Err(show(visit, opened, shown.refused((stale, StatusCode::UNPROCESSABLE_ENTITY))));
    }
    let id = ChallengeId::from(form.get("challenge"));
    let person = visit.person(Some(&opened.flow));
    let checked = visit.site.identity.check_signature(purpose, &id, form.get("signature"), &person).await;
    match checked {
        Ok(signer) => Ok(signer),
        Err(error) => Err(refuse(visit, opened, shown, error).await),
    }
}

/// The page again, with what is wrong.
pub(super) async fn refuse(visit: &Visit, opened: &Opened, shown: Shown, error: CertificateError) -> Response {
    if let CertificateError::Store(error) = &error {
        return failed(visit, &error.to_string()).await;
    }
    let wait = wait_of(&error);
    let mut response = show(visit, opened, shown.refused(refusal(visit, error)));
    retry_after(&mut response, wait);
    response
}

fn log(error: &CertificateError) {
    if let CertificateError::Store(error) = error {
        tracing::warn!(error = %error, "a text to be signed could not be made");
    }
}

const fn wait_of(error: &CertificateError) -> Option<i64> {
    match error {
        CertificateError::Throttled { seconds } | CertificateError::Busy { seconds } => Some(*seconds),
        _ => None,
    }
}

/// RFC 9110 §10.2.3.
fn retry_after(response: &mut Response, seconds: Option<i64>) {
    if let Some(seconds) = seconds {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.unsigned_abs()));
    }
}

/// What a refusal says, and its status.
fn refusal(visit: &Visit, error: CertificateError) -> (Refused, StatusCode) {
    let code = error.code();
    let status = match &error {
        CertificateError::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
        CertificateError::Busy { .. } | CertificateError::Unavailable(_) | CertificateError::Store(_) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        CertificateError::Blocked => StatusCode::FORBIDDEN,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let message = match error {
        CertificateError::Blocked => Message::of("login-blocked").with("id", visit.request_id.clone()),
        CertificateError::Throttled { seconds } => Message::of("login-throttled").with("minutes", (seconds + 59) / 60),
        CertificateError::Code(CodeError::NotSent | CodeError::Unreachable) => Message::of("certificate-no-contact"),
        CertificateError::Code(CodeError::Limited { seconds }) => {
            Message::of("code-limit").with("minutes", (seconds + 59) / 60)
        }
        _ => certificate_message(code),
    };
    (Refused { code: code.to_owned(), message }, status)
}

/// `POST /login/certificate`
pub(crate) async fn post(visit: Visit, form: Form) -> Response {
    let opened = match flow_or_page(&visit, form.get("flow")).await {
        Ok(opened) if Ways::of(&visit).has_certificate_login() => opened,
        Ok(opened) => return closed(&visit, &opened, "login-closed", Some("/login")),
        Err(response) => return response,
    };
    let signer = match signer(&visit, &opened, &form, CertificatePurpose::SignIn).await {
        Ok(signer) => signer,
        Err(response) => return response,
    };
    let (person, remember) = (visit.person(Some(&opened.flow)), form.has("remember"));
    let carried = visit.site.identity.seal_signer(&signer, None, &person);
    match visit.site.identity.sign_in_by_certificate((signer, remember), &person).await {
        Ok(CertificateLogin::Proven(proof)) => {
            visit.site.provider.changed().await;
            signed_in(&visit, &opened, proof, remember, &onward(&opened)).await
        }
        Ok(CertificateLogin::Confirm(id)) => to(&visit, &CODE.at(&opened, &id)),
        Ok(CertificateLogin::Unlinked) => to(&visit, &carry(&opened, UNLINKED, &carried)),
        Err(error) => {
            let shown = Shown { remember, ..Shown::of(CertificatePurpose::SignIn) };
            refuse(&visit, &opened, shown, error).await
        }
    }
}

/// The address of a page that a signer is carried to.
pub(super) fn carry(opened: &Opened, path: &str, signer: &str) -> String {
    with_query(&with_query(path, "flow", &opened.sealed), "signer", signer)
}

/// `GET /login/certificate/unlinked`
pub(crate) async fn unlinked(visit: Visit, asked: Asked) -> Response {
    let opened = match flow_or_page(&visit, &asked.flow).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let person = visit.person(Some(&opened.flow));
    let Some((signer, _)) = visit.site.identity.open_signer(&asked.signer, &person) else {
        return to(&visit, &with_query(HERE, "flow", &opened.sealed));
    };
    let holder = signer.holder();
    let chrome = chrome(&visit, Some(&opened), None);
    let register = Ways::of(&visit)
        .has_certificate_registration()
        .then(|| carry(&opened, register::DETAILS, &asked.signer));
    let page = UnlinkedPage {
        owner: holder.name.clone(),
        organisation: organisation(holder),
        valid_until: chrome.day(&holder.certificate.not_after).text,
        link: carry(&opened, link::HERE, &asked.signer),
        register,
        retry: chrome.link(HERE),
        chrome,
    };
    html(&visit, StatusCode::OK, &view::render(&page))
}

/// The organisation in a certificate, for people.
pub(super) fn organisation(holder: &Holder) -> Option<String> {
    holder.organisation.as_ref().map(|one| one.name.clone())
}

/// `GET /login/certificate/confirm`
pub(crate) async fn confirm_get(visit: Visit, asked: Asked) -> Response {
    CODE.get(&visit, asked).await
}

/// `POST /login/certificate/confirm`: the second proof of a sign-in, or the proof of an account that has no password.
pub(crate) async fn confirm_post(visit: Visit, form: Form) -> Response {
    let Tried { opened, id, outcome } = match CODE.tried(&visit, &form).await {
        Ok(tried) => tried,
        Err(response) => return response,
    };
    match outcome {
        Ok(Confirmed::SignedIn(proof, remember)) => {
            visit.site.provider.changed().await;
            signed_in(&visit, &opened, proof, remember, &onward(&opened)).await
        }
        Ok(Confirmed::Linked) => link::done(&visit, "certificate-linked").await,
        Ok(Confirmed::Unlinked) => link::done(&visit, "certificate-unlinked").await,
        Ok(Confirmed::NotLinked(error)) => link::done(&visit, link::key(&error)).await,
        Ok(_) => CODE.refuse(&visit, &opened, &id, CodeError::Unknown).await,
        Err(error) => CODE.refuse(&visit, &opened, &id, error).await,
    }
}

/// Leads to the page of a code that proves an account.
pub(super) fn to_code(visit: &Visit, opened: &Opened, id: &kabinet_core::id::ConfirmationId) -> Response {
    to(visit, &CODE.at(opened, id))
}

/// A code that could not be sent, as a page of its own.
pub(in crate::page) async fn not_sent(visit: &Visit, error: CodeError) -> Response {
    match complaint(error) {
        Err(Trouble::Failed(error)) => failed(visit, &error).await,
        Err(Trouble::Unknown) => error_page(visit, StatusCode::BAD_REQUEST, "request-expired-here").await,
        Ok(_) => error_page(visit, StatusCode::TOO_MANY_REQUESTS, "certificate-no-code").await,
    }
}
