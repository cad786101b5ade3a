//! What Telegram brings back after the `#`, where no server sees it: a page of ours reads it and goes on to the callback.
//!
//! 1. `/login/telegram/widget` is where the widget's window leads back to, with the state of the attempt in the query. Fields
//!    that stand in the query already go on at once.
//! 2. `/login/telegram/mini-app` is opened inside Telegram as a Mini App: the attempt begins here, for nobody was sent away. Anybody
//!    can make a link to it with a proof of their own, so that the page names whose account it is and waits for a word
//!    (login CSRF, RFC 6749 §10.12), and nothing is ever linked from here.
//!
//! Both need a script, as Telegram's own pages do. Everything that is checked is checked behind the callback.

use axum::extract::RawQuery;
use axum::response::Response;
use http::StatusCode;
use kabinet_identity::FederationError;
use kabinet_identity::method::telegram::NAME;

use super::{chrome, error_view, failed, flow_or_page, html, not_found, to};
use crate::form::Asked;
use crate::view::{self, Message, TelegramReturn};
use crate::visit::Visit;

const CALLBACK: &str = "/login/telegram/callback";

/// `GET /login/telegram/widget`
pub(crate) async fn widget(visit: Visit, RawQuery(query): RawQuery) -> Response {
    if visit.site.identity.upstream(NAME).is_none() {
        return not_found(visit).await;
    }
    let query = query.unwrap_or_default();
    let value = |name: &str| {
        let found = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    if !value("hash").is_empty() {
        // Encoded anew: an address may come with bytes that no header takes.
        let fields = form_urlencoded::parse(query.as_bytes());
        let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        return to(&visit, &format!("{CALLBACK}?{encoded}"));
    }
    returned(&visit, value("state"), false)
}

/// `GET /login/telegram/mini-app`
pub(crate) async fn mini_app(visit: Visit, asked: Asked) -> Response {
    let is_on = visit.site.identity.upstream(NAME).is_some_and(|one| one.settings.opens_inside);
    if !is_on {
        return not_found(visit).await;
    }
    let opened = match flow_or_page(&visit, &asked.flow).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let person = visit.person(Some(&opened.flow));
    match visit.site.identity.expect_upstream(NAME, &opened.sealed, &person).await {
        Ok(state) => returned(&visit, state, true),
        Err(FederationError::Throttled { seconds }) => {
            let message = Message::of("error-throttled").with("minutes", (seconds + 59) / 60);
            html(&visit, StatusCode::TOO_MANY_REQUESTS, &view::render(&error_view(&visit, message)))
        }
        Err(error) => failed(&visit, &error.to_string()).await,
    }
}

fn returned(visit: &Visit, state: String, asks: bool) -> Response {
    let chrome = chrome(visit, None, None);
    let page = TelegramReturn {
        callback: CALLBACK,
        state,
        asks,
        retry: chrome.link("/login"),
        chrome,
    };
    html(visit, StatusCode::OK, &view::render(&page))
}
