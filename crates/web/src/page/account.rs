//! `/account`: who am I, contacts, sessions, allowances. Needs a session; without one the sign-in page comes first.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kabinet_core::authn::Session;
use kabinet_core::client::Client;
use kabinet_core::id::{ClientId, SessionId};
use kabinet_core::scope::Scope;
use kabinet_core::time::Timestamp;
use kabinet_core::user::User;
use kabinet_identity::Ending;
use kabinet_oidc::sealed::Target;
use std::sync::Arc;

use super::{agreements, chrome, failed, html, to};
use crate::form::{Asked, Form};
use crate::site::Site;
use crate::view::{
    self, AccountConsents, AccountContacts, AccountHome, AccountSessions, ConsentRow, Message, Person, SessionRow,
    device_name,
};
use crate::visit::Visit;

/// What happened before the page was shown.
pub(super) fn notice(asked: &Asked) -> Option<Message> {
    match asked.done.as_str() {
        "session" => Some(Message::of("session-ended")),
        "sessions" => Some(Message::of("sessions-ended").with("count", asked.count)),
        "consent" => Some(Message::of("consent-withdrawn")),
        "organisation-added" => Some(Message::of("organisation-added")),
        "organisation-removed" => Some(Message::of("organisation-removed")),
        "certificate-linked" => Some(Message::of("certificate-linked")),
        "certificate-unlinked" => Some(Message::of("certificate-unlinked")),
        "upstream-linked" => Some(Message::of("upstream-linked")),
        "upstream-linked-already" => Some(Message::of("upstream-linked-already")),
        "upstream-unlinked" => Some(Message::of("upstream-unlinked")),
        "api-token" => Some(Message::of("api-token-revoked")),
        "merged" => Some(Message::of("merged")),
        "merge-undone" => Some(Message::of("merge-undone")),
        "no-consent" => Some(Message::of("pd-not-given")),
        "stale" => Some(Message::of("form-stale")),
        _ => None,
    }
}

/// The person whose pages these are, and the session that looks at them.
pub(super) struct Signed {
    pub(super) session: Session,
    pub(super) user: Arc<User>,
}

pub(super) async fn signed(visit: &Visit) -> Result<Signed, Response> {
    let sessions = match visit.sessions().await {
        Ok(sessions) => sessions,
        Err(error) => return Err(failed(visit, &error.to_string()).await),
    };
    if let Some(session) = sessions.into_iter().next() {
        match visit.site.provider.user(&session.user_id).await {
            Ok(Some(user)) => return Ok(Signed { session, user }),
            Ok(None) => {}
            Err(error) => return Err(failed(visit, &error.to_string()).await),
        }
    }
    let path = visit.here.split('?').next().unwrap_or("/account").to_owned();
    let flow = visit.site.provider.new_flow(Target::Page(path), &visit.binding_hash());
    match visit.site.provider.seal(&flow, &visit.network()).await {
        Ok(sealed) => Err(to(visit, &format!("/login?flow={sealed}"))),
        Err(error) => Err(failed(visit, &error.to_string()).await),
    }
}

async fn rows(visit: &Visit, signed: &Signed) -> Result<Vec<SessionRow>, Response> {
    let mut sessions = match visit.site.identity.sessions_of(&signed.user.id).await {
        Ok(sessions) => sessions,
        Err(error) => return Err(failed(visit, &error.to_string()).await),
    };
    sessions.sort_by_key(|session| session.id != signed.session.id);
    let row = |session: Session| SessionRow {
        device: device_name(&session.agent),
        network: session.ip,
        started: session.created_at,
        seen: session.seen_at,
        current: session.id == signed.session.id,
        id: session.id.to_string(),
    };
    Ok(sessions.into_iter().map(row).collect())
}

pub(super) fn token_minutes(visit: &Visit) -> u32 {
    u32::try_from(visit.site.provider.config().token.access / 60).unwrap_or(5)
}

/// `GET /`
pub(crate) async fn start(visit: Visit) -> Response {
    to(&visit, "/account")
}

/// `GET /account`
pub(crate) async fn home(visit: Visit, asked: Asked) -> Response {
    let signed = match signed(&visit).await {
        Ok(signed) => signed,
        Err(response) => return response,
    };
    let sessions = match rows(&visit, &signed).await {
        Ok(rows) => rows,
        Err(response) => return response,
    };
    let page = AccountHome {
        chrome: chrome(&visit, None, None),
        person: Person::of(&signed.user),
        sessions,
        token_minutes: token_minutes(&visit),
        notice: notice(&asked),
    };
    html(&visit, StatusCode::OK, &view::render(&page))
}

/// `GET /account/contacts`
pub(crate) async fn contacts(visit: Visit, asked: Asked) -> Response {
    let signed = match signed(&visit).await {
        Ok(signed) => signed,
        Err(response) => return response,
    };
    let page = AccountContacts {
        chrome: chrome(&visit, None, None),
        person: Person::of(&signed.user),
        notice: notice(&asked),
    };
    html(&visit, StatusCode::OK, &view::render(&page))
}

/// `GET /account/sessions`
pub(crate) async fn sessions(visit: Visit, asked: Asked) -> Response {
    let signed = match signed(&visit).await {
        Ok(signed) => signed,
        Err(response) => return response,
    };
    let sessions = match rows(&visit, &signed).await {
        Ok(rows) => rows,
        Err(response) => return response,
    };
    let page = AccountSessions {
        chrome: chrome(&visit, None, None),
        person: Person::of(&signed.user),
        sessions,
        token_minutes: token_minutes(&visit),
        notice: notice(&asked),
    };
    html(&visit, StatusCode::OK, &view::render(&page))
}

/// `POST /account/sessions`: ends one session of the person, or all others.
pub(crate) async fn end_sessions(State(site): State<Site>, visit: Visit, form: Form) -> Response {
    let signed = match signed(&visit).await {
        Ok(signed) => signed,
        Err(response) => return response,
    };
    if !visit.accepts(&form) {
        return to(&visit, "/account/sessions?done=stale");
    }
    let person = visit.person(None);
    let done = if form.has("end-others") {
        site.identity
            .end_others(&signed.session, &person)
            .await
            .map(|count| format!("/account/sessions?done=sessions&count={count}"))
    } else {
        let id = SessionId::from(form.suffix("end-session-").unwrap_or_default());
        site.identity
            .end_session(&id, &signed.user.id, Ending::Cut, &person)
            .await
            .map(|_| "/account/sessions?done=session".to_owned())
    };
    match done {
        Ok(location) => {
            site.provider.changed().await;
            to(&visit, &location)
        }
        Err(error) => failed(&visit, &error.to_string()).await,
    }
}

/// `GET /account/consents`
pub(crate) async fn consents(visit: Visit, asked: Asked) -> Response {
    let signed = match signed(&visit).await {
        Ok(signed) => signed,
        Err(response) => return response,
    };
    let allowed = match visit.site.provider.consents_of(&signed.user.id).await {
        Ok(allowed) => allowed,
        Err(error) => return failed(&visit, &error.to_string()).await,
    };
    let agreed = match visit.site.identity.agreements_of(&signed.user.id).await {
        Ok(agreed) => agreed,
        Err(error) => return failed(&visit, &error.to_string()).await,
    };
    let documents = agreements::rows(&visit, &agreed).await;
    let row = |(client, scope, since): (Arc<Client>, Scope, Timestamp)| ConsentRow {
        id: client.id.to_string(),
        client_name: client.metadata.client_name.clone(),
        scope,
        since,
    };
    let page = AccountConsents {
        chrome: chrome(&visit, None, None),
        consents: allowed.into_iter().map(row).collect(),
        documents,
        has_consent: agreements::has_consent(&signed.user),
        token_minutes: token_minutes(&visit),
        notice: notice(&asked),
    };
    html(&visit, StatusCode::OK, &view::render(&page))
}

/// `POST /account/consents`: takes an allowance back; every token that came of it dies.
pub(crate) async fn withdraw(State(site): State<Site>, visit: Visit, form: Form) -> Response {
    let signed = match signed(&visit).await {
        Ok(signed) => signed,
        Err(response) => return response,
    };
    if !visit.accepts(&form) {
        return to(&visit, "/account/consents?done=stale");
    }
    let client = ClientId::from(form.suffix("withdraw-").unwrap_or_default());
    match site.provider.withdraw(&signed.session, &client, &visit.audit()).await {
        Ok(()) => to(&visit, "/account/consents?done=consent"),
        Err(error) => failed(&visit, &error.to_string()).await,
    }
}
