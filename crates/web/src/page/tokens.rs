//! `/account/tokens`: API tokens of the person.
//!
//! 1. The form is read and checked, then `login-form` asks for a fresh proof of this very account, with what was typed in hidden
//!    fields; with the right password the token is made. An account without a password enters a code at `/account/tokens/confirm`.
//! 2. The answer to that post shows the token, this once: it stands in no address, and the answer is not stored.
//! 3. «Отозвать» needs no proof: it takes a right away.

use axum::response::Response;
use http::StatusCode;
use kabinet_core::api_token::{self, ApiToken, BadNetworks, MOST_NETWORKS, Networks};
use kabinet_core::id::{ApiTokenId, ClientId, OrganisationId};
use kabinet_core::scope::Scope;
use kabinet_identity::{ApiTokenError, BadApiToken, CodeError, Confirmed, MadeApiToken, NewApiToken, Purpose};
use kabinet_oidc::sealed::Target;

use super::account::{Signed, notice, signed, token_minutes};
use super::certificate::link::{of_person, other_account};
use super::certificate::not_sent;
use super::code::{Place, Tried};
use super::login::{self, proven};
use super::{Opened, chrome, failed, flow_or_page, html, to};
use crate::form::{Asked, Form};
use crate::view::{
    self, AccountTokens, ApiTokenRow, ApiTokenText, CodePurpose, Errors, FormPlace, Message, TypedApiToken,
};
use crate::visit::Visit;

const HERE: &str = "/account/tokens";
const DAY: i64 = 24 * 3600;

const CODE: Place = Place {
    path: "/account/tokens/confirm",
    start: HERE,
    purpose: CodePurpose::Prove,
    serves: Purpose::SignIn,
};

/// What the page says beside the list.
#[derive(Default)]
struct Said {
    typed: Option<TypedApiToken>,
    errors: Errors,
    notice: Option<Message>,
    made: Option<ApiTokenText>,
}

/// `GET /account/tokens`
pub(crate) async fn get(visit: Visit, asked: Asked) -> Response {
    match signed(&visit).await {
        Ok(signed) => {
            let said = Said { notice: notice(&asked), ..Said::default() };
            show(&visit, &signed, said).await
        }
        Err(response) => response,
    }
}

/// `POST /account/tokens`: takes a token back, or asks for the proof, or makes one with it.
pub(crate) async fn post(visit: Visit, form: Form) -> Response {
    let signed = match signed(&visit).await {
        Ok(signed) => signed,
        Err(response) => return response,
    };
    let typed = typed(&form);
    let new = match read(&visit, &signed, &typed).await {
        Ok(new) => new,
        Err(response) => return response,
    };
    if form.has("password") {
        return match new {
            Ok(new) => make(&visit, &signed, &form, (typed, new)).await,
            // Changed since the form before was checked.
            Err(errors) => refuse(&visit, &signed, typed, errors).await,
        };
    }
    if !visit.accepts(&form) {
        let said = Said {
            typed: form.has("submit").then_some(typed),
            notice: Some(Message::of("form-stale")),
            ..Said::default()
        };
        return show(&visit, &signed, said).await;
    }
    if let Some(id) = form.suffix("revoke-") {
        return revoke(&visit, &signed, &ApiTokenId::from(id)).await;
    }
    match new {
        Ok(new) => prove(&visit, &signed, (typed, new)).await,
        Err(errors) => refuse(&visit, &signed, typed, errors).await,
    }
}

async fn revoke(visit: &Visit, signed: &Signed, id: &ApiTokenId) -> Response {
    match visit.site.identity.revoke_api_token(&signed.user.id, id, &visit.audit()).await {
        Ok(_) => {
            visit.site.provider.changed().await;
            to(visit, &format!("{HERE}?done=api-token"))
        }
        Err(error) => failed(visit, &error.to_string()).await,
    }
}

/// Asks for the proof of the account.
async fn prove(visit: &Visit, signed: &Signed, (typed, new): (TypedApiToken, NewApiToken)) -> Response {
    let flow = visit.site.provider.new_flow(Target::Page(HERE.to_owned()), &visit.binding_hash());
    let opened = match visit.site.provider.seal(&flow, &visit.network()).await {
        Ok(sealed) => Opened { flow, sealed },
        Err(error) => return failed(visit, &error.to_string()).await,
    };
    let identity = &visit.site.identity;
    match identity.has_password(&signed.user.id).await {
        Ok(true) => login::show(visit, &opened, of_person(&signed.user, place(&typed))).await,
        Ok(false) => {
            let person = visit.person(Some(&opened.flow));
            match identity.begin_api_token(&signed.user, &signed.session, new, &person).await {
                Ok(id) => to(visit, &CODE.at(&opened, &id)),
                Err(error) => not_sent(visit, error).await,
            }
        }
        Err(error) => failed(visit, &error.to_string()).await,
    }
}

/// The form that proves the account, with what was typed.
fn place(typed: &TypedApiToken) -> FormPlace {
    FormPlace {
        page: HERE.to_owned(),
        hidden: vec![
            ("token-name", typed.name.clone()),
            ("scope", typed.scopes.join(" ")),
            ("client", typed.client.clone()),
            ("organisation", typed.organisation.clone()),
            ("days", typed.days.clone()),
            ("networks", typed.networks.clone()),
        ],
        fresh: Some(Message::of("token-fresh").with("name", typed.name.clone())),
        back: HERE,
    }
}

async fn make(visit: &Visit, signed: &Signed, form: &Form, (typed, new): (TypedApiToken, NewApiToken)) -> Response {
    let opened = match flow_or_page(visit, form.get("flow")).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let proof = match proven(visit, &opened, form, place(&typed)).await {
        Ok(proof) => proof,
        Err(response) => return response,
    };
    if proof.user_id != signed.user.id {
        return other_account(visit, &opened, of_person(&signed.user, place(&typed))).await;
    }
    let person = visit.person(Some(&opened.flow));
    match visit.site.identity.make_api_token(&signed.user.id, &new, &person).await {
        Ok(made) => shown_once(visit, signed, made).await,
        Err(ApiTokenError::Bad(bad)) => refuse(visit, signed, typed, complaint(visit, bad)).await,
        Err(ApiTokenError::Store(error)) => failed(visit, &error.to_string()).await,
    }
}

/// `GET /account/tokens/confirm`
pub(crate) async fn confirm_get(visit: Visit, asked: Asked) -> Response {
    match signed(&visit).await {
        Ok(_) => CODE.get(&visit, asked).await,
        Err(response) => response,
    }
}

/// `POST /account/tokens/confirm`: the proof of an account that has no password.
pub(crate) async fn confirm_post(visit: Visit, form: Form) -> Response {
    let signed = match signed(&visit).await {
        Ok(signed) => signed,
        Err(response) => return response,
    };
    let Tried { opened, id, outcome } = match CODE.tried(&visit, &form).await {
        Ok(tried) => tried,
        Err(response) => return response,
    };
    match outcome {
        Ok(Confirmed::ApiTokenMade(made)) => shown_once(&visit, &signed, *made).await,
        Ok(Confirmed::ApiTokenNotMade(bad)) => {
            let said = Said {
                errors: Errors::whole(first(complaint(&visit, bad))),
                ..Said::default()
            };
            show(&visit, &signed, said).await
        }
        Ok(_) => CODE.refuse(&visit, &opened, &id, CodeError::Unknown).await,
        Err(error) => CODE.refuse(&visit, &opened, &id, error).await,
    }
}

async fn shown_once(visit: &Visit, signed: &Signed, made: MadeApiToken) -> Response {
    visit.site.provider.changed().await;
    let made = ApiTokenText { name: made.token.name, text: made.text.expose().to_owned() };
    show(visit, signed, Said { made: Some(made), ..Said::default() }).await
}

fn typed(form: &Form) -> TypedApiToken {
    TypedApiToken {
        name: form.get("token-name").trim().to_owned(),
        scopes: form
            .ticked("scope-")
            .chain(form.get("scope").split_ascii_whitespace())
            .map(str::to_owned)
            .collect(),
        client: form.get("client").to_owned(),
        organisation: form.get("organisation").to_owned(),
        days: form.get("days").trim().to_owned(),
        networks: form.get("networks").trim().to_owned(),
    }
}

/// Reads what was typed. The outer `Err` is a failure of ours.
async fn read(visit: &Visit, signed: &Signed, typed: &TypedApiToken) -> Result<Result<NewApiToken, Errors>, Response> {
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let mut errors = Errors::none();
    let mut wrong = |field, message| errors = std::mem::take(&mut errors).and(field, message);
    if api_token::name(&typed.name).is_none() {
        wrong("token-name", Message::of("token-name-invalid"));
    }
    let scope = Scope::parse(&typed.scopes.join(" ")).unwrap_or_default();
    if scope.is_empty() {
        wrong("scope", Message::of("api-token-scope-missing"));
    }
    let client = given(&typed.client).map(ClientId::from);
    match visit.site.provider.exchanging_clients().await {
        Ok(known) if client.as_ref().is_none_or(|id| known.iter().any(|(_, known)| known == id)) => {}
        Ok(_) => wrong("client", Message::of("client-invalid")),
        Err(error) => return Err(failed(visit, &error.to_string()).await),
    }
    let days: i64 = typed.days.parse().unwrap_or(0);
    let networks = Networks::parse(&typed.networks).unwrap_or_else(|bad| {
        wrong(
            "networks",
            match bad {
                BadNetworks::Unreadable => Message::of("networks-invalid"),
                BadNetworks::TooMany => Message::of("networks-many").with("max", MOST_NETWORKS),
            },
        );
        Networks::default()
    });
    let new = NewApiToken {
        name: typed.name.clone(),
        scope,
        client,
        organisation: given(&typed.organisation).map(OrganisationId::from),
        life: days.clamp(0, 100_000) * DAY,
        networks,
    };
    if !errors.is_empty() {
        return Ok(Err(errors));
    }
    Ok(match visit.site.identity.check_api_token(&signed.user, &new) {
        Ok(()) => Ok(new),
        Err(bad) => Err(complaint(visit, bad)),
    })
}

fn complaint(visit: &Visit, bad: BadApiToken) -> Errors {
    match bad {
        BadApiToken::Name => Errors::field("token-name", Message::of("token-name-invalid")),
        BadApiToken::Scope => Errors::field("scope", Message::of("api-token-scope-missing")),
        BadApiToken::Organisation => Errors::field("organisation", Message::of("organisation-invalid")),
        BadApiToken::Life => Errors::field("days", Message::of("days-invalid").with("max", longest(visit))),
        BadApiToken::TooMany => Errors::whole(Message::of("api-tokens-many")),
    }
}

/// The one sentence, where the form has gone.
fn first(errors: Errors) -> Message {
    let field = errors.labels().next().and_then(|(field, _)| errors.of(field));
    errors.summary().or(field).cloned().unwrap_or_else(|| Message::of("form-stale"))
}

fn longest(visit: &Visit) -> i64 {
    visit.site.identity.config().api_token.longest / DAY
}

async fn refuse(visit: &Visit, signed: &Signed, typed: TypedApiToken, errors: Errors) -> Response {
    show(visit, signed, Said { typed: Some(typed), errors, ..Said::default() }).await
}

async fn show(visit: &Visit, signed: &Signed, said: Said) -> Response {
    let found = visit.site.identity.api_tokens_of(&signed.user.id).await;
    let tokens = match found {
        Ok(tokens) => tokens,
        Err(error) => return failed(visit, &error.to_string()).await,
    };
    let clients = match visit.site.provider.exchanging_clients().await {
        Ok(clients) => clients,
        Err(error) => return failed(visit, &error.to_string()).await,
    };
    let config = &visit.site.identity.config().api_token;
    let now = visit.site.clock.now();
    let row = |token: ApiToken| ApiTokenRow {
        client_name: token.client_id.as_ref().and_then(|id| {
            let name = clients.iter().find(|(_, known)| known == id).map(|(name, _)| name.clone());
            name.or_else(|| Some(id.to_string()))
        }),
        organisation: token.organisation_id.as_ref().and_then(|id| {
            let held = signed.user.organisations.list.iter().find(|one| one.id == *id);
            held.map(|one| one.name.clone())
        }),
        id: token.id.to_string(),
        name: token.name,
        scope: token.scope,
        networks: token.networks.to_string(),
        expires_at: token.expires_at,
        is_over: token.expires_at <= now,
        used: token.used,
    };
    let status = if said.errors.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let fresh = || TypedApiToken {
        days: (config.life / DAY).to_string(),
        ..TypedApiToken::default()
    };
    let page = AccountTokens {
        chrome: chrome(visit, None, None),
        tokens: tokens.into_iter().filter(|token| token.ended_at.is_none()).map(row).collect(),
        made: said.made,
        typed: said.typed.unwrap_or_else(fresh),
        scopes: config.scopes.clone(),
        longest: longest(visit),
        clients: clients.iter().map(|(name, id)| (name.clone(), id.to_string())).collect(),
        organisations: signed.user.organisations.list.clone(),
        token_minutes: token_minutes(visit),
        errors: said.errors,
        notice: said.notice,
    };
    html(visit, status, &view::render(&page))
}
