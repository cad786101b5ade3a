//! The OpenID service.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use openssl::error::ErrorStack;
use serde_json::{Value, json};

use super::account::{Bot, Mode, User};
use super::{At, Control, Fault, Outcome};
use crate::openid::{Challenge, Draft, Pairs, address, credentials, fresh, id_token, pairs, refusal, repeats, value};
use crate::upstream::Choice;

/// From `iat` to `exp`, seconds.
const LIFE: i64 = 3600;
const SCOPES: [&str; 5] = ["openid", "phone", "profile", "telegram:bot_access", "ton:wallet"];

/// What a person has allowed.
#[derive(Clone)]
pub(super) struct Grant {
    bot: i64,
    redirect_uri: String,
    user: User,
    scope: String,
    nonce: String,
    challenge: Challenge,
}

/// A request that was checked.
pub(super) struct Checked {
    /// Who asks.
    pub bot: Bot,
    redirect_uri: String,
    challenge: Challenge,
}

/// A checked request, or the address that it goes back to.
///
/// # Errors
/// What the page says where nobody knows where to send it back to.
pub(super) fn check(control: &Control, request: &Pairs) -> Result<Result<Checked, String>, &'static str> {
    let id = value(request, "client_id").parse::<i64>().unwrap_or_default();
    let bot = control.bot(|bot| bot.id == id).ok_or("Такого бота нет (client_id)")?;
    if bot.mode == Mode::Legacy {
        return Err("У этого бота нет входа по OpenID: его переключают в BotFather");
    }
    let redirect_uri = value(request, "redirect_uri").to_owned();
    if !bot.urls.contains(&redirect_uri) {
        return Err("Такой адрес не зарегистрирован (redirect_uri)");
    }
    let back = |error: &str| Ok(Err(back(control, (&redirect_uri, value(request, "state")), ("error", error))));
    if repeats(request) {
        return back("invalid_request");
    }
    if !["code", "post_message"].contains(&value(request, "response_type")) {
        return back("unsupported_response_type");
    }
    if !value(request, "scope").split(' ').any(|scope| scope == "openid") {
        return back("invalid_scope");
    }
    match Challenge::of(request) {
        Some(challenge) => Ok(Ok(Checked { bot, redirect_uri, challenge })),
        None => back("invalid_request"),
    }
}

/// What the person's answer leads to.
pub(super) fn decide(control: &Control, request: &Pairs, choice: Choice<'_>) -> Result<Outcome, &'static str> {
    let Checked { bot, redirect_uri, challenge } = match check(control, request)? {
        Ok(checked) => checked,
        Err(address) => return Ok(Outcome::Leave(address)),
    };
    let is_message = value(request, "response_type") == "post_message";
    let tell = |message| Outcome::Tell { origin: origin(&redirect_uri), message };
    let state = value(request, "state");
    let Choice::Allow(persona) = choice else {
        return Ok(match is_message {
            true => tell(json!({"event": "auth_result", "error": "access_denied"})),
            false => Outcome::Leave(back(control, (&redirect_uri, state), ("error", "access_denied"))),
        });
    };
    let grant = Grant {
        bot: bot.id,
        redirect_uri: redirect_uri.clone(),
        user: control.chosen(persona)?,
        scope: value(request, "scope").to_owned(),
        nonce: value(request, "nonce").to_owned(),
        challenge,
    };
    if is_message {
        let token = token_for(control, &bot, &grant, true).map_err(|_| "OpenSSL")?;
        return Ok(tell(json!({"event": "auth_result", "result": token})));
    }
    let code = control.0.codes.issue(grant, control.faults(), (control.now(), &*control.0.entropy));
    Ok(Outcome::Leave(back(control, (&redirect_uri, state), ("code", &code))))
}

fn back(control: &Control, (redirect_uri, state): (&str, &str), answer: (&str, &str)) -> String {
    let state = if control.faults().take(Fault::WrongState) {
        "another"
    } else {
        state
    };
    address(redirect_uri, &[answer, ("state", state)])
}

fn origin(url: &str) -> String {
    url.split('/').take(3).collect::<Vec<_>>().join("/")
}

/// The ID token; the nonce comes back to pages that were given the token itself, and not by way of a code.
fn token_for(control: &Control, bot: &Bot, grant: &Grant, has_nonce: bool) -> Result<String, ErrorStack> {
    let now = control.now();
    let scopes: Vec<&str> = grant.scope.split(' ').collect();
    let mut claims = grant.user.claims(&scopes, control.faults().take(Fault::PhonePlus));
    let values = [
        ("iss", json!(control.0.issuer)),
        ("aud", json!(bot.id.to_string())),
        ("sub", json!(grant.user.subject(bot.id))),
        ("iat", json!(now.0)),
        ("exp", json!(now.plus(LIFE).0)),
    ];
    claims.extend(values.map(|(name, value)| (name.to_owned(), value)));
    if !grant.nonce.is_empty() && (has_nonce || control.faults().take(Fault::NonceEchoed)) {
        claims.insert("nonce".to_owned(), json!(grant.nonce));
    }
    id_token(
        &control.kept().keys,
        control.faults(),
        Draft { claims, alg: bot.alg, secret: &bot.secret },
    )
}

pub(super) async fn discovery(State(control): State<Control>) -> Response {
    if let Some(failed) = control.faults().pass(At::Discovery).await {
        return failed;
    }
    let at = |path: &str| format!("{}/{path}", control.0.issuer);
    Json(json!({
        "issuer": control.0.issuer,
        "authorization_endpoint": at("auth"),
        "token_endpoint": at("token"),
        "jwks_uri": at(".well-known/jwks.json"),
        "response_types_supported": ["code"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA", "ES256K"],
        "scopes_supported": SCOPES,
        "claims_supported": ["aud", "preferred_username", "phone_number", "exp", "iat", "iss", "name", "picture", "sub", "ton"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "grant_types_supported": ["authorization_code"],
    }))
    .into_response()
}

pub(super) async fn jwks(State(control): State<Control>) -> Response {
    if let Some(failed) = control.faults().pass(At::Keys).await {
        return failed;
    }
    let published = control.kept().keys.published();
    let Ok(mut keys) = published else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    // The vendor's RSA key was exported by a browser.
    for key in keys.iter_mut().filter(|key| key["kty"] == "RSA") {
        if let Some(members) = key.as_object_mut() {
            members.remove("use");
            members.insert("key_ops".to_owned(), json!(["verify"]));
            members.insert("ext".to_owned(), json!(true));
        }
    }
    Json(json!({"keys": keys})).into_response()
}

pub(super) async fn token_without_form() -> Response {
    Json(json!({"error": "unsupported_grant_type"})).into_response()
}

pub(super) async fn token(State(control): State<Control>, headers: HeaderMap, body: String) -> Response {
    if let Some(failed) = control.faults().pass(At::Token).await {
        return failed;
    }
    match redeem(&control, &headers, &pairs(&body)) {
        Ok(answer) => ([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response(),
        Err((error, description)) => refusal(error, description),
    }
}

fn redeem(control: &Control, headers: &HeaderMap, form: &Pairs) -> Result<Value, (&'static str, &'static str)> {
    if value(form, "grant_type") != "authorization_code" {
        return Err(("unsupported_grant_type", "only authorization_code"));
    }
    let (id, secret) = credentials(headers, form).ok_or(("invalid_client", "no client authentication"))?;
    let is_it = |bot: &Bot| bot.id.to_string() == id && bot.secret == secret && bot.mode == Mode::Oidc;
    let bot = control
        .bot(is_it)
        .ok_or(("invalid_client", "unknown bot, wrong secret, or no Web Login"))?;
    let grant = control.0.codes.redeem(value(form, "code"), control.now());
    let grant = grant.ok_or(("invalid_grant", "the code is unknown, used or expired"))?;
    if grant.bot != bot.id || grant.redirect_uri != value(form, "redirect_uri") {
        return Err(("invalid_grant", "the code belongs to another client or redirect_uri"));
    }
    if !grant.challenge.is_met(value(form, "code_verifier")) {
        return Err(("invalid_grant", "code_verifier"));
    }
    let access = fresh(&*control.0.entropy);
    let mut answer = json!({"access_token": access, "token_type": "Bearer", "expires_in": LIFE});
    if !control.faults().take(Fault::NoToken) {
        let token = token_for(control, &bot, &grant, false);
        answer["id_token"] = json!(token.map_err(|_| ("server_error", "no signature"))?);
    }
    Ok(answer)
}

/// For pages inside Telegram: where to ask the person, and then the token for what came back.
pub(super) async fn in_app(State(control): State<Control>, RawQuery(query): RawQuery) -> Response {
    let request = pairs(&query.unwrap_or_default());
    let code = value(&request, "code");
    if code.is_empty() {
        let id = value(&request, "client_id");
        return Json(json!({"url": format!("tg://resolve?domain=oauth&startapp={id}")})).into_response();
    }
    let grant = control.0.codes.redeem(code, control.now());
    let made = grant.and_then(|grant| {
        let bot = control.bot(|bot| bot.id == grant.bot)?;
        token_for(&control, &bot, &grant, true).ok()
    });
    match made {
        Some(token) => Json(json!({"result": token})).into_response(),
        None => Json(json!({"error": "invalid code"})).into_response(),
    }
}

/// For apps: a link that opens Telegram.
pub(super) async fn cross_app(RawQuery(query): RawQuery) -> Response {
    let request = pairs(&query.unwrap_or_default());
    let id = value(&request, "client_id");
    Json(json!({"url": format!("tg://resolve?domain=oauth&startapp={id}")})).into_response()
}
