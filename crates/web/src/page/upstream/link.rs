//! Linking and unlinking a provider: `/account/methods` and `/login/{method}/link`.
//!
//! 1. «Привязать» sends the browser to the provider; so does the tile on the sign-in page. Who comes back waits for the proof of the
//!    account.
//! 2. `/login/{method}/link` proves the account by its password, and links. Whoever comes from the sign-in page is signed in by it;
//!    whoever was signed in proves that very account. An account without a password enters a code instead.
//! 3. «Отвязать» asks for the same proof on the same form, after the button.

use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use kabinet_core::contact::ContactKind;
use kabinet_core::id::{AttemptId, LinkId};
use kabinet_core::linking::Purpose;
use kabinet_identity::{CodeError, Confirmed, Connection, FreshLink, Guest, Purpose as Sending, UpstreamLinkError};

pub(in crate::page) use super::provider;
use super::{carry, depart, guest, known};
use crate::form::{Asked, Form};
use crate::page::account::{Signed, signed};
use crate::page::certificate::link::{METHODS as ROOT, back_to_methods, of_person, other_account};
use crate::page::certificate::not_sent;
use crate::page::code::{Place, Tried};
use crate::page::login::{self, proven, signed_in};
use crate::page::merge;
use crate::page::ways::Ways;
use crate::page::{Opened, chrome, failed, flow_or_page, not_found_page, onward, to};
use crate::view::{Chrome, CodePurpose, ConnectionRow, Errors, FormPlace, Message, with_query};
use crate::visit::Visit;

pub(super) const METHODS: &str = ROOT;

pub(in crate::page) const CODE: Place = Place {
    path: "/account/methods/confirm",
    start: METHODS,
    purpose: CodePurpose::Prove,
    serves: Sending::SignIn,
};

/// The page that proves the account.
pub(super) fn page(name: &str) -> String {
    format!("/login/{name}/link")
}

/// Back at the list, with what happened.
pub(in crate::page) async fn done(visit: &Visit, what: &str) -> Response {
    visit.site.provider.changed().await;
    to(visit, &format!("{METHODS}?done={what}"))
}

/// The word in the address for why nothing was linked or unlinked.
const fn key(error: &UpstreamLinkError) -> &'static str {
    error.code()
}

/// What the list of methods says of providers.
pub(in crate::page) async fn rows(
    visit: &Visit,
    chrome: &Chrome<'_>,
    signed: &Signed,
) -> Result<Vec<ConnectionRow>, kabinet_identity::Error> {
    let identity = &visit.site.identity;
    let connections = identity.connections_of(&signed.user.id).await?;
    let removable = identity.removable(&signed.user.id, &connections).await?;
    let mut seen: Vec<String> = Vec::new();
    let row = |one: Connection| {
        let is_first = !seen.contains(&one.upstream);
        seen.push(one.upstream.clone());
        ConnectionRow {
            form: if is_first {
                format!("unlink-{}", one.upstream)
            } else {
                format!("unlink-{}-{}", one.upstream, one.id)
            },
            provider: provider(visit, chrome, &one.upstream),
            owner: one.name,
            linked_at: one.linked_at,
            used_at: one.used_at,
            can_unlink: removable.contains(&one.id),
            id: one.id.to_string(),
        }
    };
    Ok(connections.into_iter().map(row).collect())
}

/// Sends somebody who is signed in to a provider, to link it. The form token was checked.
pub(in crate::page) async fn begin(visit: &Visit, signed: &Signed, name: &str) -> Response {
    if visit.site.identity.upstream(name).is_none() || !Ways::of(visit).has_upstream_login(name) {
        return not_found_page(visit);
    }
    match back_to_methods(visit, "upstream-linked").await {
        Ok(opened) => depart(visit, &opened, name, Purpose::Link(signed.user.id.clone())).await,
        Err(response) => response,
    }
}

/// Somebody who was signed in has come back, and proves the account next.
pub(super) async fn prove(visit: &Visit, opened: &Opened, name: &str, id: &AttemptId) -> Response {
    let signed = match signed(visit).await {
        Ok(signed) => signed,
        Err(response) => return response,
    };
    let guest = match guest(visit, opened, (name, id.as_str())).await {
        Ok(guest) => guest,
        Err(response) => return response,
    };
    // Signed in to another account meanwhile: the form will say so.
    let is_own = guest.user.as_ref() == Some(&signed.user.id);
    match visit.site.identity.has_password(&signed.user.id).await {
        Ok(false) if is_own => {
            let then = FreshLink::Link {
                user: signed.user.id.clone(),
                session: signed.session.id.clone(),
                guest: Box::new(guest),
            };
            send_code(visit, &signed, opened, &then).await
        }
        Ok(_) => to(visit, &carry(opened, &page(name), id)),
        Err(error) => failed(visit, &error.to_string()).await,
    }
}

async fn send_code(visit: &Visit, signed: &Signed, opened: &Opened, then: &FreshLink) -> Response {
    let person = visit.person(Some(&opened.flow));
    match visit.site.identity.begin_fresh_link(&signed.user, then, &person).await {
        Ok(id) => to(visit, &CODE.at(opened, &id)),
        Err(error) => not_sent(visit, error).await,
    }
}

/// `GET /account/methods/confirm`
pub(crate) async fn confirm_get(visit: Visit, asked: Asked) -> Response {
    match signed(&visit).await {
        Ok(_) => CODE.get(&visit, asked).await,
        Err(response) => response,
    }
}

/// `POST /account/methods/confirm`: the proof of an account that has no password.
pub(crate) async fn confirm_post(visit: Visit, form: Form) -> Response {
    if let Err(response) = signed(&visit).await {
        return response;
    }
    let Tried { opened, id, outcome } = match CODE.tried(&visit, &form).await {
        Ok(tried) => tried,
        Err(response) => return response,
    };
    match outcome {
        Ok(Confirmed::UpstreamLinked) => done(&visit, "upstream-linked").await,
        Ok(Confirmed::UpstreamUnlinked) => done(&visit, "upstream-unlinked").await,
        Ok(Confirmed::MergeBegun(id)) => merge::begun(&visit, &opened, &id).await,
        Ok(Confirmed::MergeUndone) => done(&visit, "merge-undone").await,
        Ok(Confirmed::NotMerged(error)) => done(&visit, error.code()).await,
        Ok(Confirmed::UpstreamNotLinked(error)) => done(&visit, key(&error)).await,
        Ok(_) => CODE.refuse(&visit, &opened, &id, CodeError::Unknown).await,
        Err(error) => CODE.refuse(&visit, &opened, &id, error).await,
    }
}

/// The form that proves the account, for who came back.
fn linking(visit: &Visit, opened: &Opened, (name, guest): (&str, &Guest)) -> FormPlace {
    let chrome = chrome(visit, Some(opened), None);
    FormPlace {
        back: if guest.user.is_some() { METHODS } else { "/login" },
        page: with_query(&page(name), "id", guest.id().as_str()),
        hidden: vec![("id", guest.id().to_string())],
        fresh: Some(Message::of("upstream-fresh-link").with("provider", provider(visit, &chrome, name))),
    }
}

/// What the provider says of the person, as the first thing in the form.
fn prefilled(guest: &Guest, place: FormPlace) -> login::Shown {
    let told = guest.person().contacts.first();
    let (kind, value) =
        told.map_or((ContactKind::Phone, String::new()), |told| (told.contact.kind(), told.contact.display()));
    login::Shown { place, ..login::Shown::of(kind, value) }
}

/// `GET /login/{method}/link`
pub(crate) async fn get(visit: Visit, Path(name): Path<String>, asked: Asked) -> Response {
    let opened = match known(&visit, &name, &asked.flow).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let guest = match guest(&visit, &opened, (&name, &asked.id)).await {
        Ok(guest) => guest,
        Err(response) => return response,
    };
    let place = linking(&visit, &opened, (&name, &guest));
    let mut shown = match guest.user {
        Some(_) => match signed(&visit).await {
            Ok(signed) => of_person(&signed.user, place),
            Err(response) => return response,
        },
        None => prefilled(&guest, place),
    };
    if let Some(kind) = asked.by.filter(|kind| *kind != shown.identifier) {
        (shown.identifier, shown.value) = (kind, String::new());
    }
    login::show(&visit, &opened, shown).await
}

/// `POST /login/{method}/link`
pub(crate) async fn post(visit: Visit, Path(name): Path<String>, form: Form) -> Response {
    let opened = match known(&visit, &name, form.get("flow")).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let guest = match guest(&visit, &opened, (&name, form.get("id"))).await {
        Ok(guest) => guest,
        Err(response) => return response,
    };
    let proof = match proven(&visit, &opened, &form, linking(&visit, &opened, (&name, &guest))).await {
        Ok(proof) => proof,
        Err(response) => return response,
    };
    let (kind, typed) = form.identifier();
    let shown = login::Shown {
        place: linking(&visit, &opened, (&name, &guest)),
        ..login::Shown::of(kind, typed)
    };
    if guest.user.as_ref().is_some_and(|user| *user != proof.user_id) {
        return other_account(&visit, &opened, shown).await;
    }
    let (identity, person) = (&visit.site.identity, visit.person(Some(&opened.flow)));
    match identity.link_upstream(&proof.user_id, &guest, &person).await {
        Ok(()) => {
            visit.site.provider.changed().await;
            if guest.user.is_some() {
                return to(&visit, &onward(&opened));
            }
            let proof = match identity.upstream(&name) {
                Some(one) => proof.with_guest(&guest, &one.settings),
                None => proof,
            };
            signed_in(&visit, &opened, proof, guest.remember, &onward(&opened)).await
        }
        Err(UpstreamLinkError::Store(error)) => failed(&visit, &error.to_string()).await,
        Err(UpstreamLinkError::Spent | UpstreamLinkError::NoSuch) => {
            super::error_page(&visit, StatusCode::BAD_REQUEST, "request-expired-here").await
        }
        Err(error) => refused(&visit, &opened, (&name, shown), &error).await,
    }
}

async fn refused(
    visit: &Visit,
    opened: &Opened,
    (name, mut shown): (&str, login::Shown),
    error: &UpstreamLinkError,
) -> Response {
    let name = provider(visit, &chrome(visit, Some(opened), None), name);
    shown.errors = Errors::whole(Message::of(error.code()).with("provider", name));
    shown.status = StatusCode::CONFLICT;
    login::show(visit, opened, shown).await
}

fn unlinking(id: &LinkId) -> FormPlace {
    FormPlace {
        page: METHODS.to_owned(),
        hidden: vec![("connection", id.to_string())],
        fresh: Some(Message::of("upstream-fresh-unlink")),
        back: METHODS,
    }
}

/// Asks for the proof of the account before a provider is unlinked. The form token was checked.
pub(in crate::page) async fn ask_unlink(visit: &Visit, signed: &Signed, form: &Form) -> Response {
    let link = LinkId::from(form.get("connection"));
    let opened = match back_to_methods(visit, "upstream-unlinked").await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    match visit.site.identity.has_password(&signed.user.id).await {
        Ok(true) => login::show(visit, &opened, of_person(&signed.user, unlinking(&link))).await,
        Ok(false) => {
            let then = FreshLink::Unlink {
                user: signed.user.id.clone(),
                session: signed.session.id.clone(),
                link,
            };
            send_code(visit, signed, &opened, &then).await
        }
        Err(error) => failed(visit, &error.to_string()).await,
    }
}

/// Unlinks, with the password that was asked for.
pub(in crate::page) async fn unlink(visit: &Visit, signed: &Signed, form: &Form) -> Response {
    let link = LinkId::from(form.get("connection"));
    let opened = match flow_or_page(visit, form.get("flow")).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let proof = match proven(visit, &opened, form, unlinking(&link)).await {
        Ok(proof) => proof,
        Err(response) => return response,
    };
    if proof.user_id != signed.user.id {
        return other_account(visit, &opened, of_person(&signed.user, unlinking(&link))).await;
    }
    let person = visit.person(Some(&opened.flow));
    match visit.site.identity.unlink_upstream(&signed.user.id, &link, &person).await {
        Ok(()) => done(visit, "upstream-unlinked").await,
        Err(UpstreamLinkError::Store(error)) => failed(visit, &error.to_string()).await,
        Err(error) => done(visit, key(&error)).await,
    }
}
