//! What people see, and the scripts that stand on other sites' pages.

use askama::Template;
use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::Value;

use super::Control;
use super::account::{Bot, User};
use crate::look::{self, Colours};

const COLOURS: Colours = Colours {
    ground: "#2481cc",
    ink: "#ffffff",
    links: ("#1a6fb3", "#7cc0f2"),
};

const SCRIPTS: [(&str, &str); 4] = [
    ("/js/telegram-login.js", include_str!("../../assets/telegram/login.js")),
    ("/js/telegram-widget.js", include_str!("../../assets/telegram/widget.js")),
    ("/js/frame.js", include_str!("../../assets/telegram/frame.js")),
    ("/js/tell.js", include_str!("../../assets/telegram/tell.js")),
];

/// Style sheet, icon and scripts.
pub(super) fn assets() -> Router<Control> {
    let router = Router::new()
        .route("/telegram.css", get(async || look::stylesheet(COLOURS)))
        .route("/telegram.svg", get(async || look::icon(COLOURS)));
    SCRIPTS.into_iter().fold(router, |router, (path, text)| {
        let script = ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], text);
        router.route(path, get(async move || script.clone()))
    })
}

#[derive(Template, Default)]
#[template(path = "telegram.html")]
struct Page {
    bot: String,
    action: &'static str,
    request: String,
    people: Vec<(i64, String, String)>,
    refusal: String,
    telling: Option<(String, String)>,
    frame: Option<(i64, String)>,
}

/// Who it is.
pub(super) fn choice(users: &[User], bot: &Bot, (action, request): (&'static str, &str)) -> Response {
    let page = Page {
        bot: bot.name.clone(),
        action,
        request: request.to_owned(),
        people: users.iter().map(described).collect(),
        ..Page::default()
    };
    render(&page).map_or_else(IntoResponse::into_response, look::leaving)
}

/// Who has an account here, for whoever looks.
pub(super) fn front(users: &[User]) -> Response {
    let people = users.iter().map(described).collect();
    render(&Page { people, ..Page::default() }).map_or_else(IntoResponse::into_response, look::page)
}

fn described(user: &User) -> (i64, String, String) {
    let known = match (user.username.as_str(), user.shares_phone) {
        ("", true) => format!("+{}", user.phone),
        ("", false) => "телефоном не делится".to_owned(),
        (name, true) => format!("@{name}, +{}", user.phone),
        (name, false) => format!("@{name}, телефоном не делится"),
    };
    (user.id, user.name(), known)
}

/// Nothing can be done.
pub(super) fn refusal(why: &str) -> Response {
    let page = Page { refusal: why.to_owned(), ..Page::default() };
    match render(&page) {
        Ok(text) => (StatusCode::BAD_REQUEST, look::page(text)).into_response(),
        Err(status) => status.into_response(),
    }
}

/// Tells the page that opened the window, if it is of this origin.
pub(super) fn telling(origin: &str, message: &Value) -> Response {
    let page = Page {
        telling: Some((origin.to_owned(), message.to_string())),
        ..Page::default()
    };
    scripted(&page, "frame-ancestors 'none'")
}

/// The button in a frame, which only this origin may show.
pub(super) fn frame(bot: &Bot, origin: &str) -> Response {
    let page = Page {
        bot: bot.name.clone(),
        frame: Some((bot.id, origin.to_owned())),
        ..Page::default()
    };
    scripted(&page, &format!("frame-ancestors {origin}"))
}

fn render(page: &Page) -> Result<String, StatusCode> {
    page.render().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

fn scripted(page: &Page, ancestors: &str) -> Response {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; {ancestors}"
    );
    let mut response = match render(page) {
        Ok(text) => look::page(text),
        Err(status) => return status.into_response(),
    };
    let Ok(policy) = HeaderValue::from_str(&policy) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}
