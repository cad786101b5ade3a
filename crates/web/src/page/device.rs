//! «У меня есть код»: `/code`, and `/code/device`, where a person allows or refuses what a device asks (RFC 8628 §3.3).
//!
//! 1. `/code` takes a code: eight letters are a device's, digits an invitation's (see `invitation.rs`). One from a QR code leaves the address at once and stands in the field, to be compared with the screen;
//!    nothing goes on by itself. What was typed is sealed for this browser and carried on, past the sign-in where nobody is signed in.
//! 2. `/code/device` looks the code up, which makes it this person's, and shows who asks, from where, when, and for what.
//! 3. POST refuses or allows, once; allowing waits for legal texts that were not agreed to yet. Where the device asked from another network, the password is asked for first, of an account without one a code at
//!    `/code/device/confirm`: whoever is talked into it by telephone has a moment to think (RFC 10027).

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;
use kabinet_core::authn::Session;
use kabinet_core::client::Client;
use kabinet_core::invitation;
use kabinet_core::time::Timestamp;
use kabinet_core::user_code::UserCode;
use kabinet_identity::{CodeError, Confirmed, Purpose};
use kabinet_oidc::device::Device;
use kabinet_oidc::device::NotEntered;
use kabinet_oidc::sealed::Target;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::certificate::link::{of_person, other_account};
use super::certificate::not_sent;
use super::code::{Place, Tried};
use super::login::{self, proven};
use super::{Opened, chrome, failed, flow_or_page, html, to};
use crate::form::{Asked, Form};
use crate::view::{self, CodePurpose, DevicePage, Errors, FormPlace, Message, Told, UserCodePage, with_query};
use crate::visit::Visit;

const CODE: Place = Place {
    path: "/code/device/confirm",
    start: HERE,
    purpose: CodePurpose::Prove,
    serves: Purpose::SignIn,
};
const HERE: &str = "/code";
const DEVICE: &str = "/code/device";
/// How long a code is carried, seconds: as long as it lives.
const CARRIED: i64 = 600;

/// A code on its way to the page where it is looked up.
#[derive(Serialize, Deserialize)]
struct Entered {
    code: String,
    at: Timestamp,
}

/// `GET /code`
pub(crate) async fn get(visit: Visit, asked: Asked) -> Response {
    let opened = match flow_or_page(&visit, &asked.flow).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    // RFC 8628 §3.3.1 puts the code into the address; there it stays no longer than it must.
    if let Some(code) = UserCode::read(&asked.user_code) {
        return to(&visit, &with_query(HERE, "entered", &carry(&visit, &code)));
    }
    let code = carried(&visit, &asked.entered).map(|code| code.to_string());
    let page = UserCodePage {
        chrome: chrome(&visit, Some(&opened), None),
        compare: code.is_some(),
        value: code.unwrap_or_default(),
        contact: None,
        errors: Errors::none(),
    };
    html(&visit, StatusCode::OK, &view::render(&page))
}

/// `POST /code`
pub(crate) async fn post(visit: Visit, form: Form) -> Response {
    let opened = match flow_or_page(&visit, form.get("flow")).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    if !visit.accepts(&form) {
        let stale = Errors::whole(Message::of("form-stale"));
        return entry(&visit, &opened, form.get("code"), (stale, StatusCode::OK));
    }
    if let Some(code) = invitation::code(form.get("code")) {
        return super::invitation::entered(&visit, &opened, &form, &code).await;
    }
    let Some(code) = UserCode::read(form.get("code")) else {
        let malformed = Errors::field("code", Message::of("user-code-malformed"));
        return entry(&visit, &opened, form.get("code"), (malformed, StatusCode::UNPROCESSABLE_ENTITY));
    };
    to(&visit, &with_query(DEVICE, "entered", &carry(&visit, &code)))
}

fn entry(visit: &Visit, opened: &Opened, typed: &str, (errors, status): (Errors, StatusCode)) -> Response {
    let page = UserCodePage {
        chrome: chrome(visit, Some(opened), None),
        value: typed.chars().take(40).collect(),
        compare: false,
        contact: None,
        errors,
    };
    html(visit, status, &view::render(&page))
}

fn carry(visit: &Visit, code: &UserCode) -> String {
    let entered = Entered { code: code.letters(), at: visit.site.clock.now() };
    let plain = serde_json::to_vec(&entered).unwrap_or_default();
    let bound = visit.binding_hash();
    visit.site.code_sealer.seal(&plain, bound.as_str().as_bytes(), &*visit.site.entropy)
}

fn carried(visit: &Visit, sealed: &str) -> Option<UserCode> {
    let bound = visit.binding_hash();
    let plain = visit.site.code_sealer.open(sealed, bound.as_str().as_bytes())?;
    let entered: Entered = serde_json::from_slice(&plain).ok()?;
    let is_fresh = visit.site.clock.now().since(entered.at) <= CARRIED;
    UserCode::read(&entered.code).filter(|_| is_fresh)
}

/// A device of which this person decides.
struct Waiting {
    code: UserCode,
    device: Device,
    client: Arc<Client>,
    session: Session,
}

/// The device of a code that was carried here; `Err` is the page that is shown instead.
async fn waiting(visit: &Visit, sealed: &str) -> Result<Waiting, Response> {
    let Some(code) = carried(visit, sealed) else {
        return Err(to(visit, HERE));
    };
    let sessions = match visit.sessions().await {
        Ok(sessions) => sessions,
        Err(error) => return Err(failed(visit, &error.to_string()).await),
    };
    let Some(session) = sessions.into_iter().next() else {
        return Err(by_way_of(visit, "/login", sealed).await);
    };
    match visit.site.provider.enter_device(&code, &session, &visit.network()).await {
        Ok((device, client)) => Ok(Waiting { code, device, client, session }),
        Err(NotEntered::Failed(error)) => Err(failed(visit, &error.to_string()).await),
        Err(NotEntered::Unknown) => Err(not_found(visit, &code).await),
        Err(NotEntered::TooMany) => Err(too_many(visit, &code).await),
    }
}

async fn not_found(visit: &Visit, code: &UserCode) -> Response {
    let unknown = Errors::field("code", Message::of("user-code-unknown"));
    again(visit, code, (unknown, StatusCode::UNPROCESSABLE_ENTITY)).await
}

async fn too_many(visit: &Visit, code: &UserCode) -> Response {
    let many = (Errors::whole(Message::of("user-code-many")), StatusCode::TOO_MANY_REQUESTS);
    ([(RETRY_AFTER, "600")], again(visit, code, many).await).into_response()
}

async fn again(visit: &Visit, code: &UserCode, wrong: (Errors, StatusCode)) -> Response {
    match flow_or_page(visit, "").await {
        Ok(opened) => entry(visit, &opened, &code.to_string(), wrong),
        Err(response) => response,
    }
}

/// A flow whose end is the page of this code.
async fn back_to(visit: &Visit, sealed: &str) -> Result<Opened, Response> {
    let target = Target::Page(with_query(DEVICE, "entered", sealed));
    let flow = visit.site.provider.new_flow(target, &visit.binding_hash());
    match visit.site.provider.seal(&flow, &visit.network()).await {
        Ok(sealed) => Ok(Opened { flow, sealed }),
        Err(error) => Err(failed(visit, &error.to_string()).await),
    }
}

/// To another page that leads back here.
async fn by_way_of(visit: &Visit, path: &str, sealed: &str) -> Response {
    match back_to(visit, sealed).await {
        Ok(opened) => to(visit, &with_query(path, "flow", &opened.sealed)),
        Err(response) => response,
    }
}

/// `GET /code/device`
pub(crate) async fn device(visit: Visit, asked: Asked) -> Response {
    match waiting(&visit, &asked.entered).await {
        Ok(waiting) => show(&visit, &asked.entered, waiting, (Errors::none(), StatusCode::OK)).await,
        Err(response) => response,
    }
}

async fn show(visit: &Visit, sealed: &str, waiting: Waiting, (errors, status): (Errors, StatusCode)) -> Response {
    if let Err(error) = visit.belongs_to(&waiting.client.id).await {
        return failed(visit, &error.to_string()).await;
    }
    let user = match visit.site.provider.user(&waiting.session.user_id).await {
        Ok(user) => user,
        Err(error) => return failed(visit, &error.to_string()).await,
    };
    let opened = match back_to(visit, sealed).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let page = DevicePage {
        another_href: format!("/login?flow={}&another=1", opened.sealed),
        chrome: chrome(visit, Some(&opened), None),
        hidden: hidden(visit, sealed, &waiting),
        client_name: waiting.client.metadata.client_name.clone(),
        user_code: waiting.code.to_string(),
        account: user.map(|user| user.display_name()).unwrap_or_default(),
        is_elsewhere: waiting.device.network != visit.network(),
        scope: waiting.device.scope,
        ip: waiting.device.ip,
        agent: waiting.device.agent,
        asked_at: waiting.device.created_at,
        errors,
    };
    html(visit, status, &view::render(&page))
}

/// The code, the account that the page showed, and what it showed to whom.
fn hidden(visit: &Visit, sealed: &str, waiting: &Waiting) -> Vec<(&'static str, String)> {
    vec![
        ("entered", sealed.to_owned()),
        ("account", waiting.session.id.to_string()),
        ("shown", stamp(visit, waiting)),
    ]
}

fn stamp(visit: &Visit, waiting: &Waiting) -> String {
    let scope = waiting.device.scope.to_string();
    let shown = ["device", waiting.device.device_code.as_str(), waiting.session.user_id.as_str(), &scope];
    visit.site.form_stamper.stamp(&shown)
}

/// `POST /code/device`
pub(crate) async fn decide(visit: Visit, form: Form) -> Response {
    let sealed = form.get("entered");
    let waiting = match waiting(&visit, sealed).await {
        Ok(waiting) => waiting,
        Err(response) => return response,
    };
    let is_same = waiting.session.id.as_str() == form.get("account") && stamp(&visit, &waiting) == form.get("shown");
    let is_proof = form.has("password");
    if !is_same || !visit.accepts(&form) {
        let stale = (Errors::whole(Message::of("form-stale")), StatusCode::OK);
        return show(&visit, sealed, waiting, stale).await;
    }
    if form.has("deny") {
        return said(&visit, &waiting, false).await;
    }
    if !is_proof && !form.has("allow") {
        return show(&visit, sealed, waiting, (Errors::none(), StatusCode::OK)).await;
    }
    // No product gets anything past legal texts, however it asks; to refuse needs none of them.
    match visit.site.provider.missing(&waiting.session.user_id, None).await {
        Ok(None) => {}
        Ok(Some(_)) => return by_way_of(&visit, "/complete", sealed).await,
        Err(error) => return failed(&visit, &error.to_string()).await,
    }
    match prove(&visit, &form, &waiting).await {
        Ok(()) => said(&visit, &waiting, true).await,
        Err(response) => response,
    }
}

/// Asks for a further proof where the device is in another network than the person; `Err` is the page that asks.
async fn prove(visit: &Visit, form: &Form, waiting: &Waiting) -> Result<(), Response> {
    if waiting.device.network == visit.network() {
        return Ok(());
    }
    let session = &waiting.session;
    let person = match visit.site.provider.user(&session.user_id).await {
        Ok(Some(person)) => person,
        Ok(None) => return Err(to(visit, HERE)),
        Err(error) => return Err(failed(visit, &error.to_string()).await),
    };
    let sealed = form.get("entered");
    let opened = back_to(visit, sealed).await?;
    let identity = &visit.site.identity;
    match identity.has_password(&person.id).await {
        Ok(true) => {}
        Ok(false) => {
            let (who, shown) = ((&*person, session), stamp(visit, waiting));
            return Err(match identity.begin_fresh_device(who, shown, &visit.person(Some(&opened.flow))).await {
                Ok(id) => to(visit, &CODE.at(&opened, &id)),
                Err(error) => not_sent(visit, error).await,
            });
        }
        Err(error) => return Err(failed(visit, &error.to_string()).await),
    }
    let client = chrome(visit, None, None).quoted(&waiting.client.metadata.client_name);
    let place = FormPlace {
        page: DEVICE.to_owned(),
        hidden: hidden(visit, sealed, waiting),
        fresh: Some(Message::of("device-fresh").with("client", client)),
        back: HERE,
    };
    if !form.has("password") {
        return Err(login::show(visit, &opened, of_person(&person, place)).await);
    }
    let proof = proven(visit, &opened, form, place.clone()).await?;
    if proof.user_id == person.id {
        return Ok(());
    }
    Err(other_account(visit, &opened, of_person(&person, place)).await)
}

/// `GET /code/device/confirm`
pub(crate) async fn confirm_get(visit: Visit, asked: Asked) -> Response {
    CODE.get(&visit, asked).await
}

/// `POST /code/device/confirm`: the further proof of an account that has no password.
pub(crate) async fn confirm_post(visit: Visit, form: Form) -> Response {
    let Tried { opened, id, outcome } = match CODE.tried(&visit, &form).await {
        Ok(tried) => tried,
        Err(response) => return response,
    };
    let shown = match outcome {
        Ok(Confirmed::DeviceProven(shown)) => shown,
        Ok(_) => return CODE.refuse(&visit, &opened, &id, CodeError::Unknown).await,
        Err(error) => return CODE.refuse(&visit, &opened, &id, error).await,
    };
    let Target::Page(page) = &opened.flow.target else {
        return to(&visit, HERE);
    };
    let query = page.split_once('?').map_or("", |(_, query)| query);
    let sealed = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "entered");
    let sealed = sealed.map(|(_, value)| value.into_owned()).unwrap_or_default();
    match waiting(&visit, &sealed).await {
        Ok(waiting) if stamp(&visit, &waiting) == shown => said(&visit, &waiting, true).await,
        Ok(waiting) => {
            let stale = (Errors::whole(Message::of("form-stale")), StatusCode::OK);
            show(&visit, &sealed, waiting, stale).await
        }
        Err(response) => response,
    }
}

async fn said(visit: &Visit, waiting: &Waiting, is_allowed: bool) -> Response {
    let Waiting { device, session, .. } = waiting;
    let decided = visit
        .site
        .provider
        .decide_device(&device.device_code, session, is_allowed, &visit.audit())
        .await;
    match decided {
        Ok(Some(_)) if is_allowed => {
            // What was allowed stands; a message that cannot be written takes nothing back.
            if let Err(error) = visit.site.identity.tell_of_device(&session.user_id, &visit.person(None)).await {
                tracing::warn!(%error, "nobody was told of a device that was allowed");
            }
            told(visit, "device-allowed", &["device-allowed-how", "device-allowed-later"])
        }
        Ok(Some(_)) => told(visit, "device-refused", &["device-refused-how"]),
        Ok(None) => {
            let over = (Errors::whole(Message::of("device-over")), StatusCode::CONFLICT);
            again(visit, &waiting.code, over).await
        }
        Err(error) => failed(visit, &error.to_string()).await,
    }
}

fn told(visit: &Visit, heading: &'static str, lines: &[&'static str]) -> Response {
    let page = Told {
        chrome: chrome(visit, None, None),
        heading: Message::of(heading),
        lines: lines.iter().map(|line| Message::of(line)).collect(),
        onward: ("/account".to_owned(), Message::of("back-home")),
    };
    html(visit, StatusCode::OK, &view::render(&page))
}
