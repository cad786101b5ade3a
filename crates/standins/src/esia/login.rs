//! The person's part: who signs in, what they consent to, and the end of the session.
//!
//! 1. `/login` shows the form of people, or of a login and a password, unless the browser has a session already.
//! 2. Whom `person_filter` keeps out goes back with 007055 or 007062.
//! 3. Consent is asked once for a person, a system and a set of scopes; whoever acts for several organisations says for which.
//! 4. A code goes back. A refusal goes back as `access_denied` with 007004.

use askama::Template;
use axum::extract::State as Extract;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use kabinet_core::time::Timestamp;
use serde_json::json;

use super::authorize::{self, Authorization, Back, Filter};
use super::code::{self, Refusal};
use super::fault::{Fault, Step};
use super::fields::Fields;
use super::persona::{Level, Persona};
use super::system::OrganisationScope;
use super::token::{self, Grant};
use super::{Handle, PASSWORD, html};
use crate::look;

const SIGN_IN: &str = "/login";
/// How long a person stays signed in, seconds.
pub(super) const SESSION_LIFE: i64 = 8 * 3_600;

/// A person's session in one browser.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) person: u64,
    pub(super) sid: String,
    pub(super) at: Timestamp,
}

#[derive(Template)]
#[template(path = "esia_sign_in.html")]
struct SignIn {
    request: String,
    system: String,
    people: Vec<(&'static str, String, &'static str, &'static str)>,
    fault: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "esia_consent.html")]
struct Consent {
    request: String,
    system: String,
    person: String,
    scopes: Vec<String>,
    purposes: Vec<String>,
    organisations: Vec<(u64, &'static str)>,
}

#[derive(Template)]
#[template(path = "esia_message.html")]
struct Message {
    title: &'static str,
    text: String,
    code: Option<&'static str>,
    people: Vec<(&'static str, String, &'static str)>,
}

fn page(template: &impl Template, status: StatusCode) -> Response {
    match template.render() {
        Ok(text) => (status, look::leaving(text)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The page for a failure that cannot go back to the client.
pub(super) fn refused(refusal: &Refusal) -> Response {
    let text = refusal.description();
    let message = Message {
        title: "Запрос не принят",
        text: format!("{text} {}", refusal.why),
        code: Some(refusal.code.number),
        people: Vec::new(),
    };
    page(&message, StatusCode::BAD_REQUEST)
}

fn lost() -> Response {
    let message = Message {
        title: "Вход не начат или уже закончен",
        text: "Начните на странице системы, в которую хотите войти.".to_owned(),
        code: None,
        people: Vec::new(),
    };
    page(&message, StatusCode::BAD_REQUEST)
}

/// `/`: what this is. `HEAD` of it is how clients measure the clock.
pub(super) async fn front(Extract(handle): Extract<Handle>) -> Response {
    if let Some(Fault::Html { status } | Fault::Status { status }) = handle.meet(Step::Root).await {
        return html(status);
    }
    let people = handle
        .people()
        .into_iter()
        .map(|person| (person.id, person.name(), person.about))
        .collect();
    let message = Message {
        title: "Подставная ЕСИА",
        text: format!("Контур: {}. Пароль у всех один: {PASSWORD}.", handle.0.contour.as_str()),
        code: None,
        people,
    };
    page(&message, StatusCode::OK)
}

impl Handle {
    fn cookie_name(&self) -> String {
        format!("esia-standin-{}", self.0.contour.as_str())
    }

    /// The session of the browser, of a person who still has an account.
    fn session(&self, fields: &Fields) -> Option<(Session, Persona)> {
        let now = self.now();
        let state = self.state();
        let session = state.sessions.get(fields.cookie(&self.cookie_name())?)?;
        if now >= session.at.plus(SESSION_LIFE) {
            return None;
        }
        let person = state.person(session.person).filter(|person| !person.is_deleted)?;
        Some((session.clone(), person.clone()))
    }

    fn request(&self, fields: &Fields) -> Option<Authorization> {
        let now = self.now();
        self.state().requests.get(fields.get("request")).filter(|one| now < one.ends).cloned()
    }

    fn system_name(&self, mnemonic: &str) -> String {
        let state = self.state();
        let name = state.client(mnemonic).map(|client| client.system.name.clone()).unwrap_or_default();
        if name.is_empty() { mnemonic.to_owned() } else { name }
    }
}

pub(super) async fn show(Extract(handle): Extract<Handle>, fields: Fields) -> Response {
    let Some(authorization) = handle.request(&fields) else {
        return lost();
    };
    match handle.session(&fields) {
        Some((session, person)) => proceed(&handle, &fields, authorization, session, &person).await,
        None => sign_in(&handle, &fields, &authorization, None),
    }
}

fn sign_in(handle: &Handle, fields: &Fields, authorization: &Authorization, fault: Option<&'static str>) -> Response {
    let level = |person: &Persona| match person.level {
        Level::Confirmed => "подтверждённая",
        Level::Standard => "стандартная",
        Level::Simplified => "упрощённая",
        Level::Child => "детская",
    };
    let people = handle.people().iter().map(|one| (one.id, one.name(), one.about, level(one))).collect();
    let template = SignIn {
        request: fields.get("request").to_owned(),
        system: handle.system_name(&authorization.client),
        people,
        fault,
    };
    page(&template, if fault.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK })
}

pub(super) async fn press(Extract(handle): Extract<Handle>, fields: Fields) -> Response {
    let Some(authorization) = handle.request(&fields) else {
        return lost();
    };
    if fields.get("decision") == "deny" {
        return go_back(&handle, &fields, &authorization, &code::DENIED.because("the person refused"));
    }
    if fields.get("step") == "consent" {
        let Some((session, person)) = handle.session(&fields) else {
            return sign_in(&handle, &fields, &authorization, None);
        };
        return consented(&handle, &fields, authorization, session, &person).await;
    }
    let person = match chosen(&handle, &fields) {
        Ok(person) => person,
        Err(fault) => return sign_in(&handle, &fields, &authorization, Some(fault)),
    };
    let hex = handle.state().rules.hex_session;
    let sid = if hex {
        (handle.uuid() + &handle.uuid()).replace('-', "")
    } else {
        handle.uuid()
    };
    let session = Session { person: person.oid, sid, at: handle.now() };
    let id = handle.uuid();
    handle.state().sessions.insert(id.clone(), session.clone());
    let mut response = proceed(&handle, &fields, authorization, session, &person).await;
    let cookie = format!("{}={id}; Path=/; HttpOnly; SameSite=Lax", handle.cookie_name());
    set_cookie(response.headers_mut(), &cookie);
    response
}

fn set_cookie(headers: &mut HeaderMap, cookie: &str) {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// Who is chosen in the list, or typed with the password.
fn chosen(handle: &Handle, fields: &Fields) -> Result<Persona, &'static str> {
    let state = handle.state();
    let found = if fields.has("login") {
        let person = state.people.iter().find(|person| person.is_called(fields.get("login")));
        person.filter(|_| fields.get("password") == PASSWORD).ok_or("Неверный логин или пароль")
    } else {
        let person = state.people.iter().find(|person| person.id == fields.get("persona"));
        person.ok_or("Выберите, кто входит")
    }?;
    if found.is_deleted {
        Err("Учётная запись удалена")
    } else {
        Ok(found.clone())
    }
}

/// What the person has to consent to, as it is remembered.
fn wish(authorization: &Authorization) -> String {
    let mut scopes: Vec<&str> = authorization.scopes.iter().map(String::as_str).collect();
    scopes.sort_unstable();
    let organisations = authorization.organisation_scopes.iter().map(|one| one.name.as_str());
    let permissions = authorization.permissions.iter().map(|one| one.sysname.as_str());
    scopes.into_iter().chain(organisations).chain(permissions).collect::<Vec<_>>().join(" ")
}

/// Goes on with a person who is known.
async fn proceed(
    handle: &Handle,
    fields: &Fields,
    authorization: Authorization,
    session: Session,
    person: &Persona,
) -> Response {
    if let Some(refusal) = unwanted(authorization.filter, person) {
        return go_back(handle, fields, &authorization, &refusal);
    }
    let is_member = |oid: u64| person.memberships.iter().any(|one| one.organisation == oid);
    let asked = &authorization.organisation_scopes;
    let foreign = asked.iter().filter_map(|one| one.organisation).find(|oid| !is_member(*oid));
    if foreign.is_some() || !asked.is_empty() && person.memberships.is_empty() {
        let why = match foreign {
            Some(oid) => format!("{} is not in the organisation {oid}", person.id),
            None => format!("{} is in no organisation", person.id),
        };
        return go_back(handle, fields, &authorization, &code::NOT_MEMBER.because(why));
    }
    let open = asked.iter().any(|one| one.organisation.is_none());
    let must_choose = open && person.memberships.len() > 1;
    let known = (person.oid, authorization.client.clone(), wish(&authorization));
    if must_choose || !handle.state().consents.contains(&known) {
        return consent(handle, fields, &authorization, person, must_choose);
    }
    let only = person.memberships.first().map(|one| one.organisation);
    finish(handle, fields, authorization, session, only).await
}

fn unwanted(filter: Option<Filter>, person: &Persona) -> Option<Refusal> {
    let is_child = person.level == Level::Child;
    match filter? {
        Filter::Confirmed if !person.level.is_trusted() => {
            Some(code::NOT_CONFIRMED.because(format!("{} is not confirmed", person.id)))
        }
        Filter::Children if !is_child => Some(code::USER_TYPE.because(format!("{} is no child", person.id))),
        Filter::NoChildren if is_child => Some(code::USER_TYPE.because(format!("{} is a child", person.id))),
        _ => None,
    }
}

fn consent(
    handle: &Handle,
    fields: &Fields,
    authorization: &Authorization,
    person: &Persona,
    must_choose: bool,
) -> Response {
    let state = handle.state();
    let organisations = person.memberships.iter().filter(|_| must_choose);
    let organisations = organisations.filter_map(|one| state.organisation(one.organisation));
    let organisations = organisations.map(|one| (one.oid, one.short_name)).collect();
    drop(state);
    let asked = authorization.organisation_scopes.iter().map(|one| one.name.clone());
    let of_consents = authorization
        .permissions
        .iter()
        .flat_map(|one| &one.scopes)
        .map(|one| one.sysname.clone());
    let purposes = authorization.permissions.iter().map(|one| {
        let purposes: Vec<&str> = one.purposes.iter().map(|one| one.sysname.as_str()).collect();
        let actions: Vec<&str> = one.actions.iter().map(|one| one.sysname.as_str()).collect();
        let (whose, days) = (&one.responsible_object, one.expire / 1_440);
        format!("{}: {whose}, {}, {}, {days} дн.", one.sysname, purposes.join(", "), actions.join(", "))
    });
    let template = Consent {
        request: fields.get("request").to_owned(),
        system: handle.system_name(&authorization.client),
        person: person.name(),
        scopes: authorization.scopes.iter().cloned().chain(of_consents).chain(asked).collect(),
        purposes: purposes.collect(),
        organisations,
    };
    page(&template, StatusCode::OK)
}

async fn consented(
    handle: &Handle,
    fields: &Fields,
    authorization: Authorization,
    session: Session,
    person: &Persona,
) -> Response {
    if let Some(refusal) = unwanted(authorization.filter, person) {
        return go_back(handle, fields, &authorization, &refusal);
    }
    let typed = fields.get("organisation");
    let organisation = person
        .memberships
        .iter()
        .map(|one| one.organisation)
        .find(|oid| typed.is_empty() || oid.to_string() == typed);
    let known = (person.oid, authorization.client.clone(), wish(&authorization));
    handle.state().consents.insert(known);
    finish(handle, fields, authorization, session, organisation).await
}

/// Sends a code.
async fn finish(
    handle: &Handle,
    fields: &Fields,
    authorization: Authorization,
    session: Session,
    organisation: Option<u64>,
) -> Response {
    let fault = handle.meet(Step::Return).await;
    match &fault {
        Some(Fault::Html { status } | Fault::Status { status }) => return html(*status),
        Some(Fault::Error { code }) => return go_back(handle, fields, &authorization, &authorize::asked_for(code)),
        _ => {}
    }
    let now = handle.now();
    let grant = grant(&authorization, &session, organisation);
    let ends = now.plus(handle.state().rules.code_life);
    let payload = json!({"iss": handle.issuer(), "iat": now.0, "nbf": now.0, "exp": ends.0,
        "client_id": grant.client, "scope": grant.text(), "urn:esia:sid": session.sid,
        "urn:esia:sbj_id": session.person, "code_id": handle.uuid()});
    let Ok(code) = token::sign(handle, &grant.client, "authorization_code", &payload) else {
        return html(500);
    };
    let state = match fault {
        Some(Fault::WrongState) => handle.uuid(),
        Some(Fault::NoState) => String::new(),
        _ => authorization.state.clone(),
    };
    handle.granted(SIGN_IN, &grant.client, format!("{} signed in, a code goes back", session.person));
    let mut kept = handle.state();
    kept.requests.remove(fields.get("request"));
    if let Some(person) = kept.people.iter_mut().find(|one| one.oid == session.person) {
        person.signs_in();
    }
    kept.codes.insert(code.clone(), token::Code::new(authorization.clone(), grant, ends));
    drop(kept);
    let back = Back {
        redirect_uri: authorization.redirect_uri,
        state: String::new(),
    };
    let mut answer = vec![("code", code.as_str())];
    if !state.is_empty() {
        answer.push(("state", state.as_str()));
    }
    back.with(&answer)
}

fn grant(authorization: &Authorization, session: &Session, organisation: Option<u64>) -> Grant {
    let of_consents = authorization
        .permissions
        .iter()
        .flat_map(|one| &one.scopes)
        .map(|one| one.sysname.clone());
    let organisation_scopes = authorization.organisation_scopes.iter().map(|one| OrganisationScope {
        name: one.name.clone(),
        organisation: one.organisation.or(organisation),
    });
    Grant {
        client: authorization.client.clone(),
        person: Some(session.person),
        sid: session.sid.clone(),
        at: session.at,
        scopes: authorization.scopes.iter().cloned().chain(of_consents).collect(),
        organisation_scopes: organisation_scopes.collect(),
        permissions: authorization.permissions.iter().map(|one| one.sysname.clone()).collect(),
    }
}

fn go_back(handle: &Handle, fields: &Fields, authorization: &Authorization, refusal: &Refusal) -> Response {
    handle.refused(SIGN_IN, &authorization.client, refusal);
    handle.state().requests.remove(fields.get("request"));
    let back = Back {
        redirect_uri: authorization.redirect_uri.clone(),
        state: authorization.state.clone(),
    };
    back.tell(refusal)
}

/// `/idp/ext/Logout?client_id=…&redirect_url=…`.
pub(super) async fn leave(Extract(handle): Extract<Handle>, fields: Fields) -> Response {
    if let Some(Fault::Html { status } | Fault::Status { status }) = handle.meet(Step::Logout).await {
        return html(status);
    }
    let name = handle.cookie_name();
    let session = fields.cookie(&name).unwrap_or_default().to_owned();
    let (mnemonic, to) = (fields.get("client_id"), fields.get("redirect_url"));
    let may_go = {
        let mut state = handle.state();
        state.sessions.remove(&session);
        state.client(mnemonic).is_some_and(|client| !to.is_empty() && client.has_host_of(to))
    };
    handle.granted(
        "/idp/ext/Logout",
        mnemonic,
        if may_go { "left, and back" } else { "left; nowhere to go back to" },
    );
    let mut response = if may_go {
        Redirect::to(to).into_response()
    } else {
        let message = Message {
            title: "Вы вышли",
            text: "Вход в подставной ЕСИА закончен в этом браузере.".to_owned(),
            code: None,
            people: Vec::new(),
        };
        page(&message, StatusCode::OK)
    };
    set_cookie(response.headers_mut(), &format!("{name}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"));
    response
}
