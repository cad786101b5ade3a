//! `/recover`: a code, then a new password, behind «Забыли пароль?».
//!
//! 1. POST `/recover` sends a code and leads to its page, whether or not there is such an account.
//! 2. POST `/recover/confirm` spends the code and leads to `/recover/password`, which belongs to this browser for minutes.
//! 3. There the password is set; or, for a phone that was not proven for long, a second code is sent or a wait begun; or
//!    the number is said to be somebody else's account's. Nobody is signed in by any of it.

use axum::extract::State;
use axum::response::Response;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::id::RecoveryId;
use kabinet_core::password::BadPassword;
use kabinet_core::time::Timestamp;
use kabinet_core::work::Action;
use kabinet_identity::{CodeError, Confirmed, Purpose, RecoveryError, Way, Work};
use kabinet_store::recovery::Stage;

use super::code::{Place, Tried, Trouble, complaint};
use super::login::{self, Shown, invalid, work_wait};
use super::register::{password_message, password_status};
use super::ways::Ways;
use super::{Opened, add_device, chrome, client_of, error_page, failed, flow_or_page, html, to};
use crate::form::{Asked, Form};
use crate::site::Site;
use crate::view::{self, Chrome, CodePurpose, Errors, Message, NewPassword, Recover, SecondProof, Told};
use crate::visit::Visit;

const CODE: Place = Place {
    path: "/recover/confirm",
    start: "/recover",
    purpose: CodePurpose::Prove,
    serves: Purpose::Recover,
};

/// `GET /recover`
pub(crate) async fn get(visit: Visit, asked: Asked) -> Response {
    let opened = match flow_or_page(&visit, &asked.flow).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let errors = if asked.done == "over" {
        Errors::whole(Message::of("recovery-over"))
    } else {
        Errors::none()
    };
    show(
        &visit,
        &opened,
        Ways::of(&visit).identifier(asked.by),
        (String::new(), errors, StatusCode::OK, None),
    )
    .await
}

async fn show(
    visit: &Visit,
    opened: &Opened,
    identifier: ContactKind,
    (value, errors, status, work): (String, Errors, StatusCode, Option<Work>),
) -> Response {
    let asked = Ways::of(visit).identifier(Some(identifier));
    let value = if asked == identifier { value } else { String::new() };
    let work = match work {
        None => visit.site.identity.offer_work(Action::Recover, &visit.person(Some(&opened.flow))).await,
        work => work,
    };
    let chrome = Chrome { work, ..chrome(visit, Some(opened), None) };
    html(visit, status, &view::render(&Recover { chrome, identifier: asked, value, errors }))
}

/// `POST /recover`
pub(crate) async fn post(State(site): State<Site>, visit: Visit, form: Form) -> Response {
    let opened = match flow_or_page(&visit, form.get("flow")).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let (identifier, typed) = form.identifier();
    if !visit.accepts(&form) {
        let stale = Errors::whole(Message::of("form-stale"));
        return show(&visit, &opened, identifier, (typed, stale, StatusCode::OK, None)).await;
    }
    if let Some(refusal) = Ways::of(&visit).refusal(identifier) {
        let refused = (typed, Errors::whole(refusal), StatusCode::UNPROCESSABLE_ENTITY, None);
        return show(&visit, &opened, identifier, refused).await;
    }
    let Some(contact) = Contact::parse(identifier, &typed) else {
        let errors = Errors::field(identifier.as_str(), invalid(identifier));
        return show(&visit, &opened, identifier, (typed, errors, StatusCode::UNPROCESSABLE_ENTITY, None)).await;
    };
    let person = visit.worker(&opened.flow, &form);
    let error = match site.identity.begin_recovery(&contact, &person).await {
        Ok(id) => return to(&visit, &CODE.at(&opened, &id)),
        Err(error) => error,
    };
    if let CodeError::Work(_) = error {
        let work = site.identity.work_after(Action::Recover, &person);
        let errors = Errors::whole(work_wait(work.as_ref()).0);
        return show(&visit, &opened, identifier, (typed, errors, StatusCode::TOO_MANY_REQUESTS, work)).await;
    }
    let status = match error {
        CodeError::Limited { .. } => StatusCode::TOO_MANY_REQUESTS,
        CodeError::Unreachable => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    match complaint(error) {
        Ok(errors) => show(&visit, &opened, identifier, (typed, errors, status, None)).await,
        Err(trouble) => stuck(&visit, trouble).await,
    }
}

async fn stuck(visit: &Visit, trouble: Trouble) -> Response {
    match trouble {
        Trouble::Unknown => error_page(visit, StatusCode::BAD_REQUEST, "request-expired-here").await,
        Trouble::Failed(error) => failed(visit, &error).await,
    }
}

/// `GET /recover/confirm`
pub(crate) async fn confirm_get(visit: Visit, asked: Asked) -> Response {
    CODE.get(&visit, asked).await
}

/// `POST /recover/confirm`
pub(crate) async fn confirm_post(visit: Visit, form: Form) -> Response {
    let Tried { opened, id, outcome } = match CODE.tried(&visit, &form).await {
        Ok(tried) => tried,
        Err(response) => return response,
    };
    match outcome {
        Ok(Confirmed::Recovering(recovery)) => {
            to(&visit, &format!("/recover/password?flow={}&id={recovery}", opened.sealed))
        }
        Ok(_) => CODE.refuse(&visit, &opened, &id, CodeError::Unknown).await,
        Err(error) => CODE.refuse(&visit, &opened, &id, error).await,
    }
}

/// `GET /recover/password`
pub(crate) async fn password_get(visit: Visit, asked: Asked) -> Response {
    match flow_or_page(&visit, &asked.flow).await {
        Ok(opened) => offer(&visit, &opened, &RecoveryId::from(asked.id), (Errors::none(), None, StatusCode::OK)).await,
        Err(response) => response,
    }
}

/// What a recovery offers at its stage.
async fn offer(
    visit: &Visit,
    opened: &Opened,
    id: &RecoveryId,
    (errors, notice, status): (Errors, Option<Message>, StatusCode),
) -> Response {
    let way = match visit.site.identity.recovery(id, &visit.person(Some(&opened.flow))).await {
        Ok(Some(way)) => way,
        Ok(None) => return to(visit, &format!("/recover?flow={}&done=over", opened.sealed)),
        Err(error) => return failed(visit, &error.to_string()).await,
    };
    let client = client_of(visit, opened).await;
    let mut chrome = chrome(visit, Some(opened), client.as_deref());
    chrome.here = format!("/recover/password?flow={}&id={id}", opened.sealed);
    let Way { contact, stage, others, due_at } = way;
    let hidden = vec![("id", id.to_string())];
    let page = if stage == Stage::Ready {
        let password_min = visit.site.config.password_length.0;
        view::render(&NewPassword { chrome, contact, password_min, errors, notice, hidden })
    } else {
        let hours = visit.site.identity.config().recovery.delay / 3600;
        let only_disown = stage == Stage::Registered;
        view::render(&SecondProof {
            chrome,
            contact,
            only_disown,
            others,
            due_at,
            hours,
            errors,
            hidden,
        })
    };
    html(visit, status, &page)
}

/// `POST /recover/password`
pub(crate) async fn password_post(State(site): State<Site>, visit: Visit, form: Form) -> Response {
    let opened = match flow_or_page(&visit, form.get("flow")).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let id = RecoveryId::from(form.get("id"));
    if !visit.accepts(&form) {
        let stale = (Errors::none(), Some(Message::of("form-stale")), StatusCode::OK);
        return offer(&visit, &opened, &id, stale).await;
    }
    let person = visit.person(Some(&opened.flow));
    if let Some(at) = form.suffix("send-") {
        let Ok(at) = at.parse() else {
            return error_page(&visit, StatusCode::BAD_REQUEST, "error-request").await;
        };
        return match site.identity.begin_second(&id, at, &person).await {
            Ok(confirmation) => to(&visit, &CODE.at(&opened, &confirmation)),
            Err(error) => match complaint(error) {
                Ok(errors) => offer(&visit, &opened, &id, (errors, None, StatusCode::UNPROCESSABLE_ENTITY)).await,
                Err(trouble) => stuck(&visit, trouble).await,
            },
        };
    }
    if form.has("not-mine") {
        return match site.identity.disown(&id, &person).await {
            Ok(due) => told(&visit, &opened, ("disowned-title", &["disowned-lead"]), due).await,
            Err(error) => refuse(&visit, &opened, &id, error).await,
        };
    }
    if form.has("wait") {
        return match site.identity.wait_for_recovery(&id, &person).await {
            Ok(due) => told(&visit, &opened, ("waiting-title", &["waiting-lead", "waiting-stop"]), due).await,
            Err(error) => refuse(&visit, &opened, &id, error).await,
        };
    }
    if form.get("new-password").is_empty() {
        let missing = Errors::field("new-password", Message::of("password-missing"));
        return offer(&visit, &opened, &id, (missing, None, StatusCode::UNPROCESSABLE_ENTITY)).await;
    }
    if form.is_oversized("new-password") {
        let long = Errors::field("new-password", password_message(&BadPassword::TooLong, &visit));
        return offer(&visit, &opened, &id, (long, None, StatusCode::BAD_REQUEST)).await;
    }
    match site.identity.set_password(&id, &form.secret("new-password"), &person).await {
        Ok((contact, mark)) => {
            metrics::counter!("kabinet_recoveries_total").increment(1);
            site.provider.changed().await;
            let mut shown = Shown::of(contact.kind(), contact.display());
            shown.notice = Some(Message::of("password-set"));
            let mut response = login::show(&visit, &opened, shown).await;
            add_device(&visit, &mut response, mark);
            response
        }
        Err(error) => refuse(&visit, &opened, &id, error).await,
    }
}

async fn refuse(visit: &Visit, opened: &Opened, id: &RecoveryId, error: RecoveryError) -> Response {
    match error {
        RecoveryError::Password(bad) => {
            let errors = Errors::field("new-password", password_message(&bad, visit));
            offer(visit, opened, id, (errors, None, password_status(&bad))).await
        }
        RecoveryError::Busy { seconds } => {
            let busy = (Errors::whole(Message::of("login-busy")), None, StatusCode::SERVICE_UNAVAILABLE);
            let mut response = offer(visit, opened, id, busy).await;
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.unsigned_abs()));
            response
        }
        RecoveryError::Over => to(visit, &format!("/recover?flow={}&done=over", opened.sealed)),
        RecoveryError::Store(error) => failed(visit, &error.to_string()).await,
    }
}

/// What will happen, and when.
async fn told(
    visit: &Visit,
    opened: &Opened,
    (heading, lines): (&'static str, &[&'static str]),
    due: Timestamp,
) -> Response {
    let client = client_of(visit, opened).await;
    let chrome = chrome(visit, Some(opened), client.as_deref());
    let date = chrome.moment(&due).text;
    let lines = lines.iter().map(|line| Message::of(line).with("date", date.clone())).collect();
    let onward = (chrome.link("/login"), Message::of("to-login"));
    html(
        visit,
        StatusCode::OK,
        &view::render(&Told { heading: Message::of(heading), lines, onward, chrome }),
    )
}
