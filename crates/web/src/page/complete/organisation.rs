//! The organisation that the person acts for in the product: stated where there is none, chosen where there are several.

use axum::response::Response;
use http::StatusCode;
use kabinet_core::id::OrganisationId;
use kabinet_core::organisation::{Organisation, Proof};
use kabinet_identity::OrganisationError;

use super::{Lacking, Said};
use crate::form::Form;
use crate::page::{Opened, chrome, failed, html, onward, organisations, to};
use crate::view::{self, CompleteOrganisation, Errors, Message, TypedOrganisation};
use crate::visit::Visit;

/// The person, and the organisations to choose from.
type Asked<'a> = (&'a Lacking, &'a [Organisation]);

pub(super) fn page(visit: &Visit, opened: &Opened, (lacking, held): Asked<'_>, said: Said) -> Response {
    show(visit, opened, (lacking, held), (TypedOrganisation::default(), said))
}

fn show(
    visit: &Visit,
    opened: &Opened,
    (lacking, held): Asked<'_>,
    (typed, said): (TypedOrganisation, Said),
) -> Response {
    let client = lacking.client.as_deref();
    let page = CompleteOrganisation {
        chrome: chrome(visit, Some(opened), client),
        client_name: client.map(|client| client.metadata.client_name.clone()).unwrap_or_default(),
        choices: held.to_vec(),
        typed,
        account: (lacking.user.display_name(), lacking.session.id.to_string()),
        errors: said.errors,
    };
    html(visit, said.status, &view::render(&page))
}

pub(super) async fn post(visit: &Visit, opened: &Opened, asked: Asked<'_>, form: &Form) -> Response {
    let (lacking, held) = asked;
    if held.is_empty() {
        state(visit, opened, asked, form).await
    } else {
        choose(visit, opened, lacking, form).await
    }
}

async fn state(visit: &Visit, opened: &Opened, asked: Asked<'_>, form: &Form) -> Response {
    let (user, typed) = (&asked.0.session.user_id, organisations::typed(form));
    let again = |typed, errors| {
        show(
            visit,
            opened,
            asked,
            (typed, Said::again(String::new(), errors, StatusCode::UNPROCESSABLE_ENTITY)),
        )
    };
    let named = match organisations::read(&typed) {
        Ok(named) => named,
        Err(errors) => return again(typed, errors),
    };
    let known = (named.relation(), Proof::Stated);
    match visit.site.identity.add_organisation(user, named, known, &visit.audit()).await {
        Ok(_) => {
            visit.site.provider.changed().await;
            to(visit, &onward(opened))
        }
        Err(OrganisationError::TooMany) => again(typed, Errors::whole(Message::of("organisations-too-many"))),
        Err(OrganisationError::Store(error)) => failed(visit, &error.to_string()).await,
    }
}

async fn choose(visit: &Visit, opened: &Opened, lacking: &Lacking, form: &Form) -> Response {
    let Some(client) = lacking.client.as_deref() else {
        return to(visit, &onward(opened));
    };
    let id = OrganisationId::from(form.get("organisation"));
    let (identity, user) = (&visit.site.identity, &lacking.session.user_id);
    match identity.choose_organisation(user, &client.id, &id, &visit.audit()).await {
        // Nothing is chosen, or what was removed in another tab: the page is shown anew.
        Ok(false) => to(visit, &format!("/complete?flow={}", opened.sealed)),
        Ok(true) => {
            visit.site.provider.changed().await;
            to(visit, &onward(opened))
        }
        Err(error) => failed(visit, &error.to_string()).await,
    }
}
