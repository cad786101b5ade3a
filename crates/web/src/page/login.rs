//! `/login`: phone or e-mail with a password.
//!
//! 1. GET shows the form for the flow; without one the person is on the way to `/account`.
//! 2. POST checks the form token, whether the client and its brand take such a contact, then the pair; a wrong pair gets one neutral sentence and keeps what was typed.
//! 3. A right one begins or renews the session of that account in this browser, under a new cookie value, and goes on.

use axum::response::Response;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use kabinet_core::authn::Session;
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::secret::Secret;
use kabinet_core::work::Action;
use kabinet_identity::{LoginError, MergedProof, Proof, SignedIn, Work};
use kabinet_oidc::sealed::Target;

use super::merge;
use super::ways::Ways;
use super::{
    Opened, add_device, chrome, client_logo, closed, failed, flow_or_page, html, onward, to, to_with_sessions,
};
use crate::form::{Asked, Form};
use crate::view::{self, Chrome, Errors, FormPlace, Message, Offers, SignIn};
use crate::visit::Visit;

/// What the form shows.
pub(crate) struct Shown {
    pub(crate) identifier: ContactKind,
    pub(crate) value: String,
    pub(crate) remember: bool,
    pub(crate) errors: Errors,
    pub(crate) notice: Option<Message>,
    pub(crate) status: StatusCode,
    /// Where whoever holds this number says that the account is not theirs.
    pub(crate) disown: Option<String>,
    /// Whether the account became part of another one, so that the page leads to where that is undone.
    pub(crate) is_merged: bool,
    /// What the next try costs.
    pub(crate) work: Option<Work>,
    /// Where the form stands.
    pub(crate) place: FormPlace,
}

impl Shown {
    pub(crate) fn of(identifier: ContactKind, value: String) -> Self {
        Self {
            identifier,
            value,
            remember: false,
            errors: Errors::none(),
            notice: None,
            status: StatusCode::OK,
            disown: None,
            is_merged: false,
            work: None,
            place: FormPlace::default(),
        }
    }
}

/// `GET /login`
pub(crate) async fn get(visit: Visit, asked: Asked) -> Response {
    let opened = match flow_or_page(&visit, &asked.flow).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let sessions = match visit.sessions().await {
        Ok(sessions) => sessions,
        Err(error) => return failed(&visit, &error.to_string()).await,
    };
    // Whoever switches between phone and e-mail is on the way to another account already.
    let wants_another = asked.another || asked.by.is_some();
    if let (Target::Page(path), false, false) = (&opened.flow.target, sessions.is_empty(), wants_another) {
        return to(&visit, path);
    }
    let hint = opened.flow.request().and_then(|request| request.login_hint.as_deref());
    let hinted = hint.and_then(|hint| {
        [ContactKind::Phone, ContactKind::Email]
            .into_iter()
            .find_map(|kind| Contact::parse(kind, hint))
    });
    // A hint of a kind that is not asked for here is no help.
    let identifier = Ways::of(&visit).identifier(asked.by.or(hinted.as_ref().map(Contact::kind)));
    let value = hinted.filter(|contact| contact.kind() == identifier).map(|contact| contact.display());
    let mut shown = Shown::of(identifier, value.unwrap_or_default());
    if !sessions.is_empty() && !asked.another && opened.flow.request().is_some() {
        shown.notice = Some(Message::of("reauthenticate"));
    }
    if merge::is_on_the_way(&opened.flow.target) {
        shown.notice = Some(Message::of("merge-sign-in-other"));
    }
    show(&visit, &opened, shown).await
}

/// `POST /login`
pub(crate) async fn post(visit: Visit, form: Form) -> Response {
    let opened = match flow_or_page(&visit, form.get("flow")).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    match proven(&visit, &opened, &form, FormPlace::default()).await {
        Ok(proof) => signed_in(&visit, &opened, proof, form.has("remember"), &onward(&opened)).await,
        Err(response) => response,
    }
}

/// What a posted `login-form` proves; `Err` is the page that says why it proves nothing.
pub(crate) async fn proven(visit: &Visit, opened: &Opened, form: &Form, place: FormPlace) -> Result<Proof, Response> {
    match checked(visit, opened, form, place).await? {
        Proven::Account(proof) => Ok(proof),
        Proven::Merged(proof, mut shown) => {
            let day = chrome(visit, Some(opened), None).day(&proof.at).text;
            shown.errors = Errors::whole(Message::of("login-merged").with("day", day));
            shown.status = StatusCode::FORBIDDEN;
            shown.is_merged = true;
            Err(show(visit, opened, *shown).await)
        }
    }
}

/// What a `login-form` may prove.
pub(super) enum Proven {
    /// An account.
    Account(Proof),
    /// One that became part of another one; and the form as it was.
    Merged(MergedProof, Box<Shown>),
}

/// The same, where the password of an account that became part of another one is of use, too.
pub(super) async fn checked(visit: &Visit, opened: &Opened, form: &Form, place: FormPlace) -> Result<Proven, Response> {
    let identity = &visit.site.identity;
    let (identifier, typed) = form.identifier();
    let mut shown = Shown { place, ..Shown::of(identifier, typed.clone()) };
    shown.remember = form.has("remember");
    if !visit.accepts(form) {
        shown.notice = Some(Message::of("form-stale"));
        return Err(show(visit, opened, shown).await);
    }
    (shown.errors, shown.status) = read(visit, form);
    let contact = Contact::parse(identifier, &typed);
    let Some(contact) = contact.filter(|_| shown.errors.is_empty() && Ways::of(visit).has_login_form()) else {
        return Err(show(visit, opened, shown).await);
    };
    let person = visit.worker(&opened.flow, form);
    match identity.check_password(&contact, form.get("password"), &person).await {
        Ok(proof) => Ok(Proven::Account(proof)),
        Err(LoginError::Merged(proof)) => Ok(Proven::Merged(proof, Box::new(shown))),
        Err(error) => {
            // The risk may have risen with this failure: the next page has its work already.
            let is_due = person.devices.is_empty() || matches!(error, LoginError::Work(_));
            shown.work = identity.work_after(Action::SignIn, &person).filter(|_| is_due);
            Err(refuse(visit, opened, shown, error).await)
        }
    }
}

/// What is wrong with the fields, before anything is compared.
fn read(visit: &Visit, form: &Form) -> (Errors, StatusCode) {
    let (kind, typed) = form.identifier();
    if let Some(refusal) = Ways::of(visit).refusal(kind) {
        return (Errors::whole(refusal), StatusCode::UNPROCESSABLE_ENTITY);
    }
    if form.is_oversized("password") {
        let long = Message::of("password-long").with("max", 256);
        return (Errors::field("password", long), StatusCode::BAD_REQUEST);
    }
    let mut errors = Errors::none();
    if Contact::parse(kind, &typed).is_none() {
        errors = errors.and(kind.as_str(), invalid(kind));
    }
    if form.get("password").is_empty() {
        errors = errors.and("password", Message::of("password-missing"));
    }
    (errors, StatusCode::UNPROCESSABLE_ENTITY)
}

/// What is wrong with a contact that cannot be read.
pub(crate) fn invalid(kind: ContactKind) -> Message {
    Message::of(match kind {
        ContactKind::Phone => "phone-invalid",
        ContactKind::Email => "email-invalid",
    })
}

async fn refuse(visit: &Visit, opened: &Opened, mut shown: Shown, error: LoginError) -> Response {
    let (status, message, wait) = match error {
        LoginError::Wrong => (StatusCode::UNPROCESSABLE_ENTITY, Message::of("login-wrong"), None),
        LoginError::Throttled { seconds } => {
            let minutes = (seconds + 59) / 60;
            (
                StatusCode::TOO_MANY_REQUESTS,
                Message::of("login-throttled").with("minutes", minutes),
                Some(seconds),
            )
        }
        LoginError::Work(_) => {
            let (message, seconds) = work_wait(shown.work.as_ref());
            (StatusCode::TOO_MANY_REQUESTS, message, Some(seconds))
        }
        LoginError::Busy { seconds } => (StatusCode::SERVICE_UNAVAILABLE, Message::of("login-busy"), Some(seconds)),
        LoginError::Blocked => (
            StatusCode::FORBIDDEN,
            Message::of("login-blocked").with("id", visit.request_id.clone()),
            None,
        ),
        // Looked at before.
        LoginError::Merged(_) => (StatusCode::FORBIDDEN, Message::of("login-wrong"), None),
        LoginError::Store(error) => return failed(visit, &error.to_string()).await,
    };
    shown.errors = Errors::whole(message);
    shown.status = status;
    let mut response = show(visit, opened, shown).await;
    if let Some(seconds) = wait {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.unsigned_abs()));
    }
    response
}

/// What is said while work is due, and for how many seconds without a script.
pub(crate) fn work_wait(work: Option<&Work>) -> (Message, i64) {
    let seconds = work.map_or(0, |work| work.wait).max(1);
    (Message::of("work-wait").with("seconds", seconds), seconds)
}

/// Begins or renews the session of a proven person and goes on to `location`.
pub(crate) async fn signed_in(
    visit: &Visit,
    opened: &Opened,
    proof: Proof,
    remember: bool,
    location: &str,
) -> Response {
    let present = match present(visit).await {
        Ok(present) => present,
        Err(response) => return response,
    };
    let sessions: Vec<Session> = present.iter().map(|(_, session)| session.clone()).collect();
    let SignedIn { session, cookie, gave_way } = match visit
        .site
        .identity
        .sign_in(proof, remember, &sessions, &visit.person(Some(&opened.flow)))
        .await
    {
        Ok(signed_in) => signed_in,
        Err(error) => return failed(visit, &error.to_string()).await,
    };
    tracing::info!(user.id = %session.user_id, session.id = %session.id, "signed in");
    let stays = |other: &Session| other.id != session.id && Some(&other.id) != gave_way.as_ref();
    let others: Vec<_> = present.into_iter().filter(|(_, other)| stays(other)).collect();
    // One cookie holds all accounts: it lives as long as the one that lives longest.
    let remembered = session.remembered || others.iter().any(|(_, other)| other.remembered);
    let values: Vec<Secret> = std::iter::once(cookie).chain(others.into_iter().map(|(value, _)| value)).collect();
    // A sign-in that no product waits for is asked here, others before the product gets its code.
    let location = match visit.site.provider.missing(&session.user_id, None).await {
        Ok(Some(_)) if opened.flow.request().is_none() => format!("/complete?flow={}", opened.sealed),
        _ => location.to_owned(),
    };
    let mut response = to_with_sessions(visit, &location, &values, remembered);
    let mark = visit.site.identity.device_mark(&session.user_id, &visit.binding_hash());
    add_device(visit, &mut response, mark);
    response
}

/// The live sessions of this browser, each with its cookie value.
pub(crate) async fn present(visit: &Visit) -> Result<Vec<(Secret, Session)>, Response> {
    let mut present = Vec::new();
    for value in &visit.session_values {
        match visit.site.identity.sessions(std::slice::from_ref(value)).await {
            Ok(found) => present.extend(found.into_iter().map(|session| (value.clone(), session))),
            Err(error) => return Err(failed(visit, &error.to_string()).await),
        }
    }
    Ok(present)
}

/// The sign-in page, with what this client's people may use.
pub(crate) async fn show(visit: &Visit, opened: &Opened, shown: Shown) -> Response {
    let ways = Ways::of(visit);
    let is_fresh = shown.place.fresh.is_some();
    let methods = if is_fresh { Vec::new() } else { ways.login_tiles() };
    let has_form = ways.has_login_form();
    if !has_form && methods.is_empty() {
        return closed(visit, opened, "login-closed", None);
    }
    let identifier = ways.identifier(Some(shown.identifier));
    let work = match shown.work {
        None => visit.site.identity.offer_work(Action::SignIn, &visit.person(Some(&opened.flow))).await,
        work => work,
    };
    let page = SignIn {
        chrome: Chrome {
            work,
            client_logo: client_logo(visit).await,
            ..chrome(visit, Some(opened), None)
        },
        identifier,
        value: if identifier == shown.identifier {
            shown.value
        } else {
            String::new()
        },
        remember: shown.remember,
        errors: shown.errors,
        notice: shown.notice,
        disown: shown.disown,
        is_merged: shown.is_merged,
        methods,
        offers: Offers {
            password: has_form,
            register: ways.has_registration() && !is_fresh,
            recover: has_form && !is_fresh,
            code: ways.has_code() && !is_fresh,
        },
        place: shown.place,
    };
    html(visit, shown.status, &view::render(&page))
}
