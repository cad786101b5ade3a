//! The control over HTTP: for whoever tries a system and cannot call [`Handle`].
//!
//! | request | what |
//! |---|---|
//! | `GET /log`, `DELETE /log` | why requests were granted and refused; forgets that |
//! | `GET /faults`, `POST /faults`, `DELETE /faults` | what goes wrong: `{"step":"token","fault":"html","status":503,"times":1}` |
//! | `POST /clock` | `{"shift":-400}`: by how many seconds ЕСИА's clock is ahead |
//! | `POST /rotate` | new keys and certificates |
//! | `GET /certificates/{file}` | what tokens are signed with; `GET /certificates`: their names |
//! | `GET /people` | who can sign in |
//! | `POST /people/{id}` | `{"deleted":true}`, `{"revoke_consents":true}`, `{"email":"…"}`, `{"level":"standard"}` |
//! | `POST /systems/{mnemonic}` | `{"token_algorithm":"RS256"}`, `{"active":false}`, `{"scopes":[…]}` |
//!
//! It takes JSON alone, so that no page of another site can ask it from a browser.

use axum::extract::{Path, State as Extract};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::fault::Planned;
use super::keys::TokenAlgorithm;
use super::persona::Level;
use super::{Entry, FILES, Handle};

pub(super) fn routes() -> Router<Handle> {
    Router::new()
        .route("/log", get(log).delete(forget))
        .route("/faults", get(faults).post(plan).delete(clear))
        .route("/clock", post(shift))
        .route("/rotate", post(rotate))
        .route("/certificates", get(async || Json(FILES.map(|(name, _)| name))))
        .route("/certificates/{file}", get(super::certificate_file))
        .route("/people", get(people))
        .route("/people/{id}", post(change_person))
        .route("/systems/{mnemonic}", post(change_system))
}

async fn log(Extract(handle): Extract<Handle>) -> Json<Vec<Entry>> {
    Json(handle.log())
}

async fn forget(Extract(handle): Extract<Handle>) -> StatusCode {
    handle.state().journal.clear();
    StatusCode::NO_CONTENT
}

async fn faults(Extract(handle): Extract<Handle>) -> Json<Vec<Planned>> {
    Json(handle.state().faults.clone())
}

async fn plan(Extract(handle): Extract<Handle>, Json(planned): Json<Planned>) -> Response {
    if !planned.fault.fits(planned.step) {
        return (
            StatusCode::BAD_REQUEST,
            "there is no such error or status, or it cannot be at this step\n",
        )
            .into_response();
    }
    handle.state().faults.push(planned);
    StatusCode::NO_CONTENT.into_response()
}

async fn clear(Extract(handle): Extract<Handle>) -> StatusCode {
    handle.clear_faults();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shift {
    shift: i64,
}

async fn shift(Extract(handle): Extract<Handle>, Json(Shift { shift }): Json<Shift>) -> StatusCode {
    handle.shift_clock(shift);
    StatusCode::NO_CONTENT
}

async fn rotate(Extract(handle): Extract<Handle>, headers: HeaderMap) -> StatusCode {
    if headers.contains_key(header::ORIGIN) {
        return StatusCode::FORBIDDEN;
    }
    match handle.rotate_keys() {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

async fn people(Extract(handle): Extract<Handle>) -> Json<Vec<Value>> {
    let one = |person: super::Persona| {
        json!({"id": person.id, "oid": person.oid, "name": person.name(), "about": person.about, "level": person.level,
            "snils": person.snils, "contacts": person.contacts.iter().map(|one| &one.value).collect::<Vec<_>>()})
    };
    Json(handle.people().into_iter().map(one).collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonChange {
    deleted: Option<bool>,
    verifying: Option<bool>,
    level: Option<Level>,
    email: Option<String>,
    #[serde(default)]
    revoke_consents: bool,
}

async fn change_person(
    Extract(handle): Extract<Handle>,
    Path(id): Path<String>,
    Json(change): Json<PersonChange>,
) -> StatusCode {
    let is_known = handle.change_person(&id, |person| {
        person.is_deleted = change.deleted.unwrap_or(person.is_deleted);
        person.is_verifying = change.verifying.unwrap_or(person.is_verifying);
        person.level = change.level.unwrap_or(person.level);
        for one in person.contacts.iter_mut().filter(|one| one.kind == "EML") {
            one.value = change.email.clone().unwrap_or_else(|| std::mem::take(&mut one.value));
        }
    });
    if change.revoke_consents {
        handle.revoke_consents(&id);
    }
    if is_known { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SystemChange {
    token_algorithm: Option<TokenAlgorithm>,
    active: Option<bool>,
    scopes: Option<Vec<String>>,
}

async fn change_system(
    Extract(handle): Extract<Handle>,
    Path(mnemonic): Path<String>,
    Json(change): Json<SystemChange>,
) -> Response {
    let changed = handle.change_system(&mnemonic, |system| {
        system.token_algorithm = change.token_algorithm.unwrap_or(system.token_algorithm);
        system.active = change.active.unwrap_or(system.active);
        system.scopes = change.scopes.unwrap_or_else(|| std::mem::take(&mut system.scopes));
    });
    match changed {
        Ok(true) => StatusCode::NO_CONTENT.into_response(),
        Ok(false) => StatusCode::NOT_FOUND.into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response(),
    }
}
