//! The Login Widget, Mini Apps, and as much of the Bot API as tells whether a token is good.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Map, Value, json};

use super::account::{Bot, Mode, User};
use super::signed::{self, Reading};
use super::{At, Control, Outcome, pages};
use crate::openid::{Pairs, encode, fresh, pairs, value};
use crate::upstream::Choice;

const COOKIE: &str = "stel_ssid";

/// The widget's window, as it was asked for.
pub(super) struct Window {
    /// Whose.
    pub bot: Bot,
    origin: String,
    return_to: String,
}

/// A checked request for the window.
///
/// # Errors
/// What the page says.
pub(super) fn check(control: &Control, request: &Pairs) -> Result<Window, &'static str> {
    let id = value(request, "bot_id").parse::<i64>().unwrap_or_default();
    let bot = control.bot(|bot| bot.id == id).ok_or("Bot id required")?;
    if bot.mode == Mode::Oidc {
        return Err("Deprecated: у этого бота вход по OpenID");
    }
    let origin = value(request, "origin").to_owned();
    if bot.domain.is_empty() || host(&origin) != bot.domain {
        return Err("Bot domain invalid");
    }
    let return_to = value(request, "return_to").to_owned();
    if !return_to.is_empty() && host(&return_to) != bot.domain {
        return Err("Bot domain invalid");
    }
    Ok(Window { bot, origin, return_to })
}

/// Host and port.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// What the person's answer leads to.
pub(super) fn decide(control: &Control, request: &Pairs, choice: Choice<'_>) -> Result<Outcome, &'static str> {
    let Window { bot, origin, return_to } = check(control, request)?;
    let result = match choice {
        Choice::Allow(persona) => object(&control.widget(bot.id, control.chosen(persona)?.id)?),
        Choice::Deny => json!(false),
    };
    if return_to.is_empty() {
        // The button in the frame has opened the window, and it is of this site.
        let origin = if value(request, "embed").is_empty() {
            origin
        } else {
            control.0.issuer.clone()
        };
        return Ok(Outcome::Tell {
            origin,
            message: json!({"event": "auth_result", "result": result}),
        });
    }
    Ok(Outcome::Leave(format!("{return_to}#tgAuthResult={}", encode(ascii(&result).as_bytes()))))
}

/// The fields as the widget's script has them: numbers as numbers.
fn object(fields: &signed::Fields) -> Value {
    let mut object = Map::new();
    for (name, text) in fields {
        let is_number = ["id", "auth_date"].contains(&name.as_str());
        let number = text.parse::<i64>().ok().filter(|_| is_number);
        object.insert(name.clone(), number.map_or_else(|| json!(text), |number| json!(number)));
    }
    Value::Object(object)
}

/// JSON with nothing but ASCII: the page that takes it apart reads bytes.
fn ascii(value: &Value) -> String {
    let mut units = [0; 2];
    let mut text = String::new();
    for c in value.to_string().chars() {
        if c.is_ascii() {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut units) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

/// Lets the browser keep who it is.
pub(super) fn remember(control: &Control, user: &User, mut response: Response) -> Response {
    let id = fresh(&*control.0.entropy);
    if let Ok(cookie) = HeaderValue::from_str(&format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Lax")) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    control.kept().browsers.insert(id, user.id);
    response
}

/// Who is signed in at Telegram in this browser, for the page that the widget stands on.
pub(super) async fn who(State(control): State<Control>, headers: HeaderMap, body: String) -> Response {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let form = pairs(&body);
    let id = value(&form, "bot_id").parse::<i64>().unwrap_or_default();
    let origin = text(header::ORIGIN);
    let bot = control.bot(|bot| bot.id == id && bot.mode == Mode::Legacy && bot.domain == host(origin));
    let Some(bot) = bot else {
        return (StatusCode::FORBIDDEN, Json(json!({"error": "Bot domain invalid"}))).into_response();
    };
    let cookies = text(header::COOKIE).split("; ").filter_map(|pair| pair.split_once('='));
    let key = cookies.into_iter().find(|(name, _)| *name == COOKIE).map(|(_, value)| value);
    let user = key.and_then(|key| control.kept().browsers.get(key).copied());
    let fields = user.and_then(|user| control.widget(bot.id, user).ok());
    let answer = match fields {
        Some(fields) => json!({"user": object(&fields), "origin": origin}),
        None => json!({"user": null, "origin": origin}),
    };
    let mut response = Json(answer).into_response();
    if let Ok(origin) = HeaderValue::from_str(origin) {
        let allowed = [
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin),
            (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")),
        ];
        response.headers_mut().extend(allowed);
    }
    response
}

/// The frame with the button.
pub(super) async fn embed(
    State(control): State<Control>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    if let Some(failed) = control.faults().pass(At::Authorize).await {
        return failed;
    }
    let request = pairs(&query.unwrap_or_default());
    let origin = value(&request, "origin");
    let bot = control.bot(|bot| bot.name == name);
    match bot {
        None => pages::refusal("Username invalid"),
        Some(bot) if bot.mode == Mode::Oidc => pages::refusal("Deprecated: у этого бота вход по OpenID"),
        Some(bot) if bot.domain.is_empty() || bot.domain != host(origin) => pages::refusal("Bot domain invalid"),
        Some(bot) => pages::frame(&bot, origin),
    }
}

/// Who opens the Mini App.
pub(super) async fn choose_for_app(State(control): State<Control>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let id = value(&pairs(&query), "bot_id").parse::<i64>().unwrap_or_default();
    match control.bot(|bot| bot.id == id) {
        Some(bot) => pages::choice(&control.kept().users, &bot, ("/mini-app", &query)),
        None => pages::refusal("Такого бота нет (bot_id)"),
    }
}

/// Opens it, as the app of Telegram does: what it is given stands in the fragment.
pub(super) async fn open_app(State(control): State<Control>, body: String) -> Response {
    let form = pairs(&body);
    let request = pairs(value(&form, "request"));
    let id = value(&request, "bot_id").parse::<i64>().unwrap_or_default();
    let url = value(&request, "url");
    if value(&form, "allow").is_empty() || !url.starts_with("http") {
        return pages::refusal("Приложение не открыто");
    }
    let made = control
        .chosen(value(&form, "persona"))
        .and_then(|user| control.init_data(id, user.id, Reading::default()));
    match made {
        Ok(data) => {
            let given = [("tgWebAppData", data.as_str()), ("tgWebAppVersion", "9.5"), ("tgWebAppPlatform", "weba")];
            let fragment = form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish();
            Redirect::to(&format!("{url}#{fragment}")).into_response()
        }
        Err(why) => pages::refusal(why),
    }
}

pub(super) async fn get_me(State(control): State<Control>, Path(token): Path<String>) -> Response {
    let token = token.strip_prefix("bot").unwrap_or_default().to_owned();
    match control.bot(|bot| bot.token() == token) {
        Some(Bot { id, name, .. }) => {
            let bot = json!({"id": id, "is_bot": true, "first_name": name, "username": name});
            Json(json!({"ok": true, "result": bot})).into_response()
        }
        None => {
            let refused = json!({"ok": false, "error_code": 401, "description": "Unauthorized"});
            (StatusCode::UNAUTHORIZED, Json(refused)).into_response()
        }
    }
}
