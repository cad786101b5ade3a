//! `/logout`: asked for by the person, or by a client that could not prove which session it means.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kabinet_core::authn::Session;
use kabinet_core::client::Client;
use kabinet_core::redirect::origin_of;
use kabinet_core::secret::Secret;
use kabinet_identity::Ending;
use kabinet_oidc::logout::Logout;
use kabinet_oidc::request::Params;

use super::login::present;
use super::ways::method_of;
use super::{chrome, error_page, failed, html, html_with_frames, set_sessions, to};
use crate::form::Form;
use crate::site::Site;
use crate::view::{self, Errors, LogoutConfirm, Message, SignedOut};
use crate::visit::Visit;

/// What of a client's request the confirmation form carries.
pub(crate) const CARRIED: [&str; 4] = ["id_token_hint", "client_id", "post_logout_redirect_uri", "state"];

/// `GET /logout`
pub(crate) async fn get(visit: Visit) -> Response {
    confirm(&visit, None, Vec::new(), Errors::none()).await
}

/// Asks the person whether to sign out, for a client's request.
pub(crate) async fn ask(visit: &Visit, logout: &Logout, params: &Params) -> Response {
    let hidden = CARRIED
        .into_iter()
        .filter_map(|name| params.get(name).map(|value| (name, value.to_owned())))
        .collect();
    confirm(visit, logout.client.clone(), hidden, Errors::none()).await
}

async fn confirm(
    visit: &Visit,
    client: Option<Arc<Client>>,
    hidden: Vec<(&'static str, String)>,
    errors: Errors,
) -> Response {
    let sessions = match visit.sessions().await {
        Ok(sessions) => sessions,
        Err(error) => return failed(visit, &error.to_string()).await,
    };
    let Some(first) = sessions.first() else {
        return signed_out(visit, Farewell { client: client.as_deref(), ..Farewell::default() });
    };
    let account = visit
        .site
        .provider
        .user(&first.user_id)
        .await
        .ok()
        .flatten()
        .map(|user| user.display_name());
    let page = LogoutConfirm {
        chrome: chrome(visit, None, client.as_deref()),
        action: "/logout".to_owned(),
        account,
        stay_href: "/account".to_owned(),
        hidden,
        errors,
    };
    html(visit, StatusCode::OK, &view::render(&page))
}

/// `POST /logout`
pub(crate) async fn post(State(site): State<Site>, visit: Visit, form: Form) -> Response {
    let carried = CARRIED
        .into_iter()
        .filter(|name| form.has(name))
        .map(|name| (name, form.get(name).to_owned()));
    let hidden: Vec<_> = carried.collect();
    let params: Params = hidden.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let logout = match site.provider.read_logout(&params).await {
        Ok(Ok(logout)) => logout,
        Ok(Err(_)) => return show_error(&visit).await,
        Err(error) => return failed(&visit, &error.to_string()).await,
    };
    if !visit.accepts(&form) {
        return confirm(&visit, logout.client.clone(), hidden, Errors::whole(Message::of("form-stale"))).await;
    }
    let sessions = match visit.sessions().await {
        Ok(sessions) => sessions,
        Err(error) => return failed(&visit, &error.to_string()).await,
    };
    end(&visit, &logout, &sessions).await
}

/// Ends these sessions of this browser and leads back to the client, or says that it is done.
pub(crate) async fn end(visit: &Visit, logout: &Logout, sessions: &[Session]) -> Response {
    let leave = leave(visit, sessions).await;
    let frames = match end_all(visit, sessions).await {
        Ok(frames) => frames,
        Err(response) => return response,
    };
    let response = match &logout.then {
        Some(location) if frames.is_empty() => to(visit, location),
        then => {
            let client = logout.client.as_deref();
            signed_out(visit, Farewell { client, notice: None, frames, then: then.clone(), leave })
        }
    };
    left(visit, response).await
}

/// Ends one session and says that it is done.
pub(crate) async fn out(visit: &Visit, session: &Session) -> Response {
    let leave = leave(visit, std::slice::from_ref(session)).await;
    match end_all(visit, std::slice::from_ref(session)).await {
        Ok(frames) => left(visit, signed_out(visit, Farewell { frames, leave, ..Farewell::default() })).await,
        Err(response) => response,
    }
}

/// Ends one session of this browser and goes on to `location` with the others.
pub(crate) async fn one(visit: &Visit, session: &Session, location: &str) -> Response {
    match end_all(visit, std::slice::from_ref(session)).await {
        Ok(frames) if frames.is_empty() => left(visit, to(visit, location)).await,
        // Products with a front channel hear of it on a page that goes on by itself.
        Ok(frames) => {
            let then = Some(location.to_owned());
            left(visit, signed_out(visit, Farewell { frames, then, ..Farewell::default() })).await
        }
        Err(response) => response,
    }
}

/// Where the person signs out of the provider, too, by which one of these sessions began. A page does without it where the
/// database fails.
async fn leave(visit: &Visit, sessions: &[Session]) -> Option<(String, String)> {
    let identity = &visit.site.identity;
    for session in sessions {
        let Ok(Some(name)) = identity.upstream_of(session).await else {
            continue;
        };
        let (one, url) = (identity.upstream(&name), identity.leave_upstream(&name));
        if let (Some(one), Some(url)) = (one, url) {
            let chrome = chrome(visit, None, None);
            return Some((url.to_string(), method_of(&one.settings).label(&chrome)));
        }
    }
    None
}

/// Says that the session has ended; the browser keeps the others.
pub(crate) async fn gone(visit: &Visit, notice: Option<Message>) -> Response {
    left(visit, signed_out(visit, Farewell { notice, ..Farewell::default() })).await
}

/// Ends sessions; clients that want to hear of it by their back-channel have done so, or had their time to. What the page
/// loads for those with a front channel.
async fn end_all(visit: &Visit, sessions: &[Session]) -> Result<Vec<String>, Response> {
    let (site, person) = (&visit.site, visit.person(None));
    let mut ended = Vec::new();
    for session in sessions {
        match site.identity.end_session(&session.id, &session.user_id, Ending::SignOut, &person).await {
            Ok(done) => ended.extend(done),
            Err(error) => return Err(failed(visit, &error.to_string()).await),
        }
    }
    site.provider.changed().await;
    let awaited: Vec<_> = ended.iter().filter(|one| one.notices > 0).map(|one| one.id.clone()).collect();
    if !awaited.is_empty() {
        site.provider.tell_now(&awaited).await;
    }
    let mut frames = Vec::new();
    for one in &ended {
        frames.extend(site.provider.front_channels(&one.id, &one.clients).await);
    }
    Ok(frames)
}

/// The answer with the sessions of this browser that are still alive.
async fn left(visit: &Visit, mut response: Response) -> Response {
    // A request without the cookie tells nothing about it.
    if visit.session_values.is_empty() {
        return response;
    }
    let kept = match present(visit).await {
        Ok(present) => present,
        Err(response) => return response,
    };
    let remembered = kept.iter().any(|(_, session)| session.remembered);
    let values: Vec<Secret> = kept.into_iter().map(|(value, _)| value).collect();
    set_sessions(visit, &mut response, &values, remembered);
    response
}

/// What the page after a sign-out says and does.
#[derive(Default)]
struct Farewell<'a> {
    client: Option<&'a Client>,
    notice: Option<Message>,
    /// What it loads for front channels.
    frames: Vec<String>,
    /// Where it goes on to then.
    then: Option<String>,
    leave: Option<(String, String)>,
}

fn signed_out(visit: &Visit, farewell: Farewell<'_>) -> Response {
    let Farewell { client, notice, frames, then, leave } = farewell;
    let mut origins: Vec<String> = frames.iter().filter_map(|url| origin_of(url)).collect();
    origins.sort_unstable();
    origins.dedup();
    let page = SignedOut {
        chrome: chrome(visit, None, client),
        back_href: client.and_then(|client| client.metadata.client_uri.clone()),
        notice,
        frames,
        then,
        leave,
    };
    html_with_frames(visit, StatusCode::OK, &view::render(&page), &origins)
}

/// A request whose hint or redirect URI is not to be followed.
pub(crate) async fn show_error(visit: &Visit) -> Response {
    error_page(visit, StatusCode::BAD_REQUEST, "logout-failed").await
}
