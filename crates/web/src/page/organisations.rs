//! `/account/organisations`: the organisations that the person acts for. What they stated themselves they may remove; what
//! somebody vouches for is only shown.

use axum::response::Response;
use http::StatusCode;
use kabinet_core::id::OrganisationId;
use kabinet_core::organisation::{BadOrganisation, Named, Proof, Typed};
use kabinet_identity::OrganisationError;
use kabinet_store::organisation::Removable;

use super::account::{Signed, notice, signed};
use super::{chrome, failed, html, to};
use crate::form::{Asked, Form};
use crate::view::{self, AccountOrganisations, Errors, Message, TypedOrganisation};
use crate::visit::Visit;

const HERE: &str = "/account/organisations";

/// What the form of an organisation holds.
pub(in crate::page) fn typed(form: &Form) -> TypedOrganisation {
    TypedOrganisation {
        inn: form.get("inn").to_owned(),
        kpp: form.get("kpp").to_owned(),
        name: form.get("organisation-name").to_owned(),
    }
}

/// Reads an organisation as typed.
pub(in crate::page) fn read(typed: &TypedOrganisation) -> Result<Named, Errors> {
    let TypedOrganisation { inn, kpp, name } = typed;
    Named::read(Typed { inn, kpp, ogrn: "", name }).map_err(|bad| match bad {
        BadOrganisation::Inn => Errors::field("inn", Message::of("inn-invalid")),
        BadOrganisation::Kpp => Errors::field("kpp", Message::of("kpp-invalid")),
        BadOrganisation::Ogrn | BadOrganisation::Name => {
            Errors::field("organisation-name", Message::of("organisation-name-invalid"))
        }
    })
}

/// `GET /account/organisations`
pub(crate) async fn get(visit: Visit, asked: Asked) -> Response {
    match signed(&visit).await {
        Ok(signed) => show(
            &visit,
            &signed,
            (TypedOrganisation::default(), Errors::none(), StatusCode::OK),
            notice(&asked),
        ),
        Err(response) => response,
    }
}

fn show(
    visit: &Visit,
    signed: &Signed,
    (typed, errors, status): (TypedOrganisation, Errors, StatusCode),
    notice: Option<Message>,
) -> Response {
    let page = AccountOrganisations {
        chrome: chrome(visit, None, None),
        list: signed.user.organisations.list.clone(),
        typed,
        errors,
        notice,
    };
    html(visit, status, &view::render(&page))
}

/// `POST /account/organisations`: adds one, or removes one that the person stated.
pub(crate) async fn post(visit: Visit, form: Form) -> Response {
    let signed = match signed(&visit).await {
        Ok(signed) => signed,
        Err(response) => return response,
    };
    if !visit.accepts(&form) {
        return to(&visit, &format!("{HERE}?done=stale"));
    }
    match form.suffix("remove-") {
        Some(id) => remove(&visit, &signed, &OrganisationId::from(id)).await,
        None => add(&visit, &signed, &form).await,
    }
}

async fn remove(visit: &Visit, signed: &Signed, id: &OrganisationId) -> Response {
    let (identity, user) = (&visit.site.identity, &signed.user.id);
    match identity.remove_organisation(user, id, Removable::Stated, &visit.audit()).await {
        Ok(_) => {
            visit.site.provider.changed().await;
            to(visit, &format!("{HERE}?done=organisation-removed"))
        }
        Err(error) => failed(visit, &error.to_string()).await,
    }
}

async fn add(visit: &Visit, signed: &Signed, form: &Form) -> Response {
    let typed = typed(form);
    let again = |typed, errors| show(visit, signed, (typed, errors, StatusCode::UNPROCESSABLE_ENTITY), None);
    let named = match read(&typed) {
        Ok(named) => named,
        Err(errors) => return again(typed, errors),
    };
    let known = (named.relation(), Proof::Stated);
    match visit.site.identity.add_organisation(&signed.user.id, named, known, &visit.audit()).await {
        Ok(_) => {
            visit.site.provider.changed().await;
            to(visit, &format!("{HERE}?done=organisation-added"))
        }
        Err(OrganisationError::TooMany) => again(typed, Errors::whole(Message::of("organisations-too-many"))),
        Err(OrganisationError::Store(error)) => failed(visit, &error.to_string()).await,
    }
}
