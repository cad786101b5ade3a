//! Data of people and organisations, as much of it as the token's scopes open.
//!
//! 1. The bearer token is one of ours, signed by us, not ended, not revoked (401).
//! 2. It is the person's own, and its scopes open the resource (403). A field that no scope opens is absent, never null.
//! 3. A collection gives addresses of its elements, or with `embed=(elements)` the elements; a person gives whole collections
//!    with `embed=(contacts.elements,…)`. Addresses are absolute, with the host that the request was sent to.
//!
//! The bodies of refusals are not known; these have `code` and `message`.

use axum::Json;
use axum::extract::{Path, State as Extract};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::fault::{Fault, Step};
use super::fields::Fields;
use super::persona::{Document, Organisation, PersonContact, Persona};
use super::token::Grant;
use super::{Handle, html};

/// Scopes of documents and their types.
const DOCUMENTS: &[(&str, &[&str])] = &[
    ("id_doc", &["RF_PASSPORT", "FID_DOC"]),
    ("foreign_passport_doc", &["FRGN_PASS"]),
    ("drivers_licence_doc", &["RF_DRIVING_LICENSE"]),
    ("military_doc", &["MLTR_ID"]),
    ("medical_doc", &["MDCL_PLCY"]),
    ("birth_cert_doc", &["BRTH_CERT"]),
];

/// The collections of a person: the path, the name in `embed`, the step.
const COLLECTIONS: &[(&str, &str, Step)] = &[
    ("ctts", "contacts", Step::Contacts),
    ("addrs", "addresses", Step::Addresses),
    ("docs", "documents", Step::Documents),
    ("orgs", "organizations", Step::Roles),
    ("roles", "roles", Step::Roles),
    ("kids", "kids", Step::Person),
    ("vhls", "vehicles", Step::Person),
];

fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({"code": code, "message": message}))).into_response()
}

fn unauthorized(message: &str) -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
    (challenge, refuse(StatusCode::UNAUTHORIZED, "unauthorized", message)).into_response()
}

fn forbidden(message: &str) -> Response {
    refuse(StatusCode::FORBIDDEN, "noGrants", message)
}

/// The token is another person's.
struct Foreign;

impl From<Foreign> for Response {
    fn from(Foreign: Foreign) -> Self {
        forbidden("the token is not this person's")
    }
}

/// What a request may see.
struct Reader {
    grant: Grant,
    base: String,
    fault: Option<Fault>,
    embed: String,
}

impl Reader {
    /// Checks the token, and that nothing goes wrong on demand.
    async fn of(handle: &Handle, fields: &Fields, step: Step) -> Result<Self, Response> {
        let fault = handle.meet(step).await;
        match fault {
            Some(Fault::Html { status }) => return Err(html(status)),
            Some(Fault::Status { status }) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                return Err(refuse(status, "asked-for", "this status was asked for"));
            }
            _ => {}
        }
        let header = |name| fields.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let token = header(header::AUTHORIZATION).strip_prefix("Bearer ").unwrap_or_default();
        let grant = grant(handle, token).map_err(|(status, why)| {
            handle.granted("/rs", "", format!("refused with {status}: {why}"));
            if status == 403 { forbidden(why) } else { unauthorized(why) }
        })?;
        let base = match &fault {
            Some(Fault::ForeignElements { base }) => base.clone(),
            _ => format!("http://{}", header(header::HOST)),
        };
        Ok(Self { grant, base, fault, embed: fields.get("embed").to_owned() })
    }

    /// The person of this OID, if the token is theirs.
    fn person(&self, handle: &Handle, oid: &str) -> Result<Persona, Foreign> {
        let own = self.grant.person.filter(|own| own.to_string() == oid);
        own.and_then(|oid| handle.state().person(oid).cloned()).ok_or(Foreign)
    }

    fn answer(&self, body: &Value) -> Response {
        let text = body.to_string();
        let text = match self.fault {
            Some(Fault::Truncated) => text.chars().take(text.chars().count() / 2).collect(),
            _ => text,
        };
        ([(header::CONTENT_TYPE, "application/json;charset=UTF-8")], text).into_response()
    }
}

fn grant(handle: &Handle, token: &str) -> Result<Grant, (u16, &'static str)> {
    if token.is_empty() {
        return Err((401, "there is no bearer token"));
    }
    let now = handle.now();
    let (grant, keys) = {
        let state = handle.state();
        let access = state.tokens.get(token).ok_or((401, "the token is none of ours"))?;
        if access.is_revoked {
            return Err((401, "the token was revoked with its code"));
        }
        if now >= access.ends {
            return Err((401, "the token has expired"));
        }
        if access.is_withdrawn {
            return Err((403, "the person has taken their consent back"));
        }
        (access.grant.clone(), state.keys.clone())
    };
    if keys.iter().any(|keys| keys.has_signed(token)) {
        Ok(grant)
    } else {
        Err((401, "the token is not signed with a key of ours"))
    }
}

pub(super) async fn person(Extract(handle): Extract<Handle>, Path(oid): Path<String>, fields: Fields) -> Response {
    let reader = match Reader::of(&handle, &fields, Step::Person).await {
        Ok(reader) => reader,
        Err(response) => return response,
    };
    let person = match reader.person(&handle, &oid) {
        Ok(person) => person,
        Err(foreign) => return foreign.into(),
    };
    let mut body = fields_of(&person, &reader.grant, handle.now().0);
    let embedded = reader
        .embed
        .trim_matches(['(', ')'])
        .split(',')
        .filter_map(|one| one.strip_suffix(".elements"));
    for name in embedded {
        let Some((path, ..)) = COLLECTIONS.iter().find(|(_, known, _)| *known == name) else {
            continue;
        };
        if let Some(elements) = elements(&handle, &person, &reader.grant, path) {
            let elements: Vec<Value> = elements.into_iter().map(|(_, element)| element).collect();
            body[name] = collection_of(elements);
        }
    }
    handle.granted("/rs/prns", &reader.grant.client, format!("{oid} is read"));
    reader.answer(&body)
}

pub(super) async fn collection(
    Extract(handle): Extract<Handle>,
    Path((oid, part)): Path<(String, String)>,
    fields: Fields,
) -> Response {
    let (reader, elements) = match read(&handle, &oid, &part, &fields).await {
        Ok(both) => both,
        Err(response) => return response,
    };
    let is_embedded = reader.embed.trim_matches(['(', ')']).split(',').any(|one| one == "elements");
    let foreign = matches!(reader.fault, Some(Fault::ForeignElements { .. }));
    // Roles come whole: one call tells of every organisation.
    let whole = (is_embedded || part == "roles") && !foreign;
    let list = elements.into_iter().map(|(id, element)| {
        let address = match part.as_str() {
            "orgs" => format!("{}/rs/orgs/{id}", reader.base),
            _ => format!("{}/rs/prns/{oid}/{part}/{id}", reader.base),
        };
        if whole { element } else { address.into() }
    });
    handle.granted("/rs/prns", &reader.grant.client, format!("{part} of {oid} are read"));
    reader.answer(&collection_of(list.collect()))
}

pub(super) async fn element(
    Extract(handle): Extract<Handle>,
    Path((oid, part, id)): Path<(String, String, String)>,
    fields: Fields,
) -> Response {
    let (reader, elements) = match read(&handle, &oid, &part, &fields).await {
        Ok(both) => both,
        Err(response) => return response,
    };
    match elements.into_iter().find(|(known, _)| known.to_string() == id) {
        Some((_, element)) => reader.answer(&element),
        None => refuse(StatusCode::NOT_FOUND, "notFound", "no such element"),
    }
}

/// The elements of a collection that the token opens.
async fn read(
    handle: &Handle,
    oid: &str,
    part: &str,
    fields: &Fields,
) -> Result<(Reader, Vec<(u64, Value)>), Response> {
    let Some((path, _, step)) = COLLECTIONS.iter().find(|(path, ..)| *path == part) else {
        return Err(refuse(StatusCode::NOT_FOUND, "notFound", "no such collection"));
    };
    let reader = Reader::of(handle, fields, *step).await?;
    let person = reader.person(handle, oid)?;
    match elements(handle, &person, &reader.grant, path) {
        Some(elements) => Ok((reader, elements)),
        None => {
            handle.granted("/rs/prns", &reader.grant.client, format!("refused with 403: no scope opens {part}"));
            Err(forbidden("no scope opens this"))
        }
    }
}

fn collection_of(elements: Vec<Value>) -> Value {
    json!({"stateFacts": ["hasSize"], "size": elements.len(), "eTag": "0A1B2C3D", "elements": elements})
}

fn fields_of(person: &Persona, grant: &Grant, now: i64) -> Value {
    let mut body = json!({"stateFacts": ["EntityRoot"], "trusted": person.level.is_trusted(),
        "status": if person.is_deleted { "DELETED" } else { "REGISTERED" }, "verifying": person.is_verifying,
        "updatedOn": now - 86_400, "containsUpCfmCode": false, "eTag": format!("{:X}", person.oid)});
    let mut put = |scope: &str, name: &str, value: Option<Value>| {
        if let Some(value) = value.filter(|_| grant.has(scope)) {
            body[name] = value;
        }
    };
    let text = |value: Option<&'static str>| value.map(Value::from);
    put("fullname", "lastName", text(Some(person.last_name)));
    put("fullname", "firstName", text(Some(person.first_name)));
    put("fullname", "middleName", text(person.middle_name));
    put("birthdate", "birthDate", text(person.birth_date));
    put("birthplace", "birthPlace", text(person.birth_place));
    put("gender", "gender", text(person.gender));
    put("snils", "snils", text(person.snils));
    put("inn", "inn", text(person.inn));
    put("id_doc", "citizenship", text(person.citizenship));
    put("id_doc", "rIdDoc", person.documents.first().map(|document| document.id.into()));
    put("self_employed", "selfEmployed", Some(json!({"confirmed": false})));
    body
}

/// The elements with their ids; none where no scope opens the collection.
fn elements(handle: &Handle, person: &Persona, grant: &Grant, path: &str) -> Option<Vec<(u64, Value)>> {
    match path {
        "ctts" => contacts(person, grant),
        "docs" => documents(person, grant),
        "addrs" => grant.has("addresses").then(|| vec![(5_001, address())]),
        "orgs" | "roles" => grant.has("usr_org").then(|| roles(handle, person)),
        "kids" => grant.has("kid_fullname").then(Vec::new),
        "vhls" => grant.has("vehicles").then(Vec::new),
        _ => None,
    }
}

fn contacts(person: &Persona, grant: &Grant) -> Option<Vec<(u64, Value)>> {
    let opens = |kind: &str| match kind {
        "EML" => grant.has("contacts") || grant.has("email"),
        "MBT" => grant.has("contacts") || grant.has("mobile"),
        _ => grant.has("contacts"),
    };
    if !["EML", "MBT"].into_iter().any(opens) {
        return None;
    }
    Some(
        person
            .contacts
            .iter()
            .filter(|one| opens(one.kind))
            .map(|one| (one.id, contact(one)))
            .collect(),
    )
}

fn contact(one: &PersonContact) -> Value {
    let mut body = json!({"stateFacts": ["Identifiable"], "id": one.id, "type": one.kind, "value": one.value,
        "vrfStu": if one.is_verified { "VERIFIED" } else { "NOT_VERIFIED" }, "eTag": format!("{:X}", one.id)});
    if let Some(pending) = &one.pending {
        body["verifyingValue"] = pending.clone().into();
        body["vrfValStu"] = "VERIFYING".into();
        body["isCfmCodeExpired"] = true.into();
    }
    body
}

fn documents(person: &Persona, grant: &Grant) -> Option<Vec<(u64, Value)>> {
    let opened = || DOCUMENTS.iter().filter(|(scope, _)| grant.has(scope)).flat_map(|(_, kinds)| *kinds);
    opened().next()?;
    let body = |one: &Document| {
        let mut body = one.fields.clone();
        body["stateFacts"] = json!(["EntityRoot"]);
        body["id"] = one.id.into();
        body["type"] = one.kind.into();
        (one.id, body)
    };
    Some(
        person
            .documents
            .iter()
            .filter(|one| opened().any(|kind| *kind == one.kind))
            .map(body)
            .collect(),
    )
}

fn address() -> Value {
    json!({"stateFacts": ["Identifiable"], "id": 5_001, "type": "PLV", "countryId": "RUS", "zipCode": "980000",
        "addressStr": "г. Придуманный, ул. Первая", "region": "Придуманная", "city": "Придуманный",
        "street": "Первая", "house": "1", "flat": "2"})
}

fn roles(handle: &Handle, person: &Persona) -> Vec<(u64, Value)> {
    let state = handle.state();
    let role = |one: &super::Membership| {
        let organisation = state.organisation(one.organisation)?;
        let Organisation { oid, kind, full_name, short_name, ogrn, is_liquidated, .. } = organisation;
        let body = json!({"oid": oid, "prnOid": person.oid, "fullName": full_name, "shortName": short_name,
            "ogrn": ogrn, "type": kind, "chief": one.chief, "admin": one.admin, "active": true,
            "hasRightOfSubstitution": one.chief, "hasApprovalTabAccess": false, "isLiquidated": is_liquidated});
        Some((*oid, body))
    };
    person.memberships.iter().filter_map(role).collect()
}

pub(super) async fn organisation(
    Extract(handle): Extract<Handle>,
    Path(oid): Path<String>,
    fields: Fields,
) -> Response {
    let reader = match Reader::of(&handle, &fields, Step::Organisation).await {
        Ok(reader) => reader,
        Err(response) => return response,
    };
    let found = oid.parse().ok().and_then(|oid| handle.state().organisation(oid).cloned());
    let Some(organisation) = found else {
        return refuse(StatusCode::NOT_FOUND, "notFound", "no such organisation");
    };
    let scopes = reader.grant.organisation_scopes.iter();
    let opened: Vec<&str> = scopes
        .filter(|one| one.organisation == Some(organisation.oid))
        .map(|one| one.name.as_str())
        .collect();
    if opened.is_empty() {
        return forbidden("no scope opens this organisation");
    }
    let mut body = json!({"stateFacts": ["Identifiable"], "oid": organisation.oid, "isLiquidated": organisation.is_liquidated,
        "type": organisation.kind, "eTag": format!("{:X}", organisation.oid)});
    for (scope, name, value) in [
        ("org_shortname", "shortName", Some(organisation.short_name)),
        ("org_fullname", "fullName", Some(organisation.full_name)),
        ("org_ogrn", "ogrn", Some(organisation.ogrn)),
        ("org_inn", "inn", Some(organisation.inn)),
        ("org_kpp", "kpp", organisation.kpp),
        ("org_leg", "leg", Some("")),
    ] {
        if let Some(value) = value.filter(|_| opened.contains(&scope)) {
            body[name] = value.into();
        }
    }
    handle.granted("/rs/orgs", &reader.grant.client, format!("{oid} is read"));
    reader.answer(&body)
}
