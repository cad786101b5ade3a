//! Merging another account of the same person into this one: `/account/merge`.
//!
//! 1. GET explains; its button asks for a fresh proof of the account that stays, by the form that proves it elsewhere, or by a code.
//! 2. An attempt begins, and `/login` follows: the person signs in to the other account by any of its ways, through a request that
//!    belongs to the attempt. It leads back here.
//! 3. GET with the attempt's `id` says in full what will happen, with the buttons `merge` and `cancel`. Until the other account is
//!    proven it says that, and leads to the sign-in again.
//! 4. POST merges, once. `cancel` forgets the sign-in to the other account that began here; either way the account that stays is
//!    the first of this browser again.
//!
//! `undo-merge` asks for the same proof, on the same form, and parts the accounts. `/login/merged` does so for whoever knows the
//! password that the merged account had.

use std::collections::BTreeSet;

use axum::response::Response;
use http::StatusCode;
use kabinet_core::authn::Session;
use kabinet_core::contact::ContactKind;
use kabinet_core::id::{ClientId, FlowId, MergeId, SessionId};
use kabinet_core::secret::Secret;
use kabinet_identity::{Ending, FreshMerge, MergeError, MergePreview, Merging, Party};
use kabinet_oidc::sealed::{Flow, Target};

use super::account::{Signed, signed, token_minutes};
use super::certificate::link::{METHODS, of_person, other_account};
use super::certificate::not_sent;
use super::login::{self, Proven, present, proven};
use super::upstream::link::{CODE, done, provider};
use super::{Opened, chrome, failed, flow_or_page, html, to, to_with_sessions};
use crate::form::{Asked, Form};
use crate::view::{self, AccountMerge, Chrome, Errors, FormPlace, MergeParty, MergePlan, Message, with_query};
use crate::visit::Visit;

/// The page.
pub(super) const HERE: &str = "/account/merge";

/// Whether a flow is a sign-in to the account that is to become part of another one.
pub(super) fn is_on_the_way(target: &Target) -> bool {
    matches!(target, Target::Page(path) if path.starts_with(HERE))
}

/// `GET /account/merge`
pub(crate) async fn get(visit: Visit, asked: Asked) -> Response {
    if asked.id.is_empty() {
        return match signed(&visit).await {
            Ok(_) if asked.flow.is_empty() => show(&visit, page(&visit)),
            Ok(signed) => again(&visit, &signed, asked).await,
            Err(response) => response,
        };
    }
    match merging(&visit, &asked.id).await {
        Ok((merging, _)) => state(&visit, &merging).await,
        Err(response) => response,
    }
}

/// The form that proves the account that stays, for the other kind of contact.
async fn again(visit: &Visit, signed: &Signed, asked: Asked) -> Response {
    let opened = match flow_or_page(visit, &asked.flow).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let mut shown = of_person(&signed.user, place(&asked.undo));
    if let Some(kind) = asked.by.filter(|kind| *kind != shown.identifier) {
        (shown.identifier, shown.value) = (kind, String::new());
    }
    login::show(visit, &opened, shown).await
}

fn page(visit: &Visit) -> AccountMerge<'_> {
    AccountMerge {
        chrome: chrome(visit, None, None),
        id: None,
        sign_in: None,
        plan: None,
        errors: Errors::none(),
        notice: None,
    }
}

fn show(visit: &Visit, page: AccountMerge<'_>) -> Response {
    let status = if page.errors.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::CONFLICT
    };
    html(visit, status, &view::render(&page))
}

/// The attempt of this browser with this id and all its sessions, or the answer to give instead.
async fn merging(visit: &Visit, id: &str) -> Result<(Merging, Vec<(Secret, Session)>), Response> {
    let held = present(visit).await?;
    let sessions: Vec<Session> = held.iter().map(|(_, session)| session.clone()).collect();
    match visit.site.identity.merging(&MergeId::from(id), &sessions, &visit.person(None)).await {
        Ok(Some(merging)) => Ok((merging, held)),
        Ok(None) => Err(to(visit, &format!("{METHODS}?done=merge-expired"))),
        Err(error) => Err(failed(visit, &error.to_string()).await),
    }
}

/// How far the attempt has come.
async fn state(visit: &Visit, merging: &Merging) -> Response {
    let mut page = page(visit);
    page.id = Some(merging.id().to_string());
    let preview = match visit.site.identity.merge_preview(merging).await {
        Ok(preview) => preview.filter(|_| !merging.is_same()),
        Err(error) => return failed(visit, &error.to_string()).await,
    };
    if let Some(preview) = preview {
        page.errors = preview
            .refusal
            .map_or_else(Errors::none, |refusal| Errors::whole(Message::of(refusal.code())));
        page.plan = Some(plan(visit, &page.chrome, preview).await);
        return show(visit, page);
    }
    if merging.is_same() {
        page.errors = Errors::whole(Message::of("merge-same"));
    }
    page.sign_in = match sign_in(visit, merging.flow(), merging.id()).await {
        Ok(location) => Some(location),
        Err(response) => return response,
    };
    show(visit, page)
}

/// The sign-in to the other account.
async fn sign_in(visit: &Visit, flow: &FlowId, id: &MergeId) -> Result<String, Response> {
    let target = Target::Page(with_query(HERE, "id", id.as_str()));
    let flow = Flow {
        id: flow.clone(),
        ..visit.site.provider.new_flow(target, &visit.binding_hash())
    };
    match visit.site.provider.seal(&flow, &visit.network()).await {
        Ok(sealed) => Ok(format!("{}&another=1", with_query("/login", "flow", &sealed))),
        Err(error) => Err(failed(visit, &error.to_string()).await),
    }
}

async fn plan(visit: &Visit, chrome: &Chrome<'_>, preview: MergePreview) -> MergePlan {
    let MergePreview { staying, other, refusal, undo_until } = preview;
    let ways = other
        .certificates
        .iter()
        .map(|owner| chrome.t_with("merge-certificate", "owner", owner.clone()));
    let connections = other.connections.iter().map(|one| {
        let name = provider(visit, chrome, &one.upstream);
        one.name.as_ref().map_or(name.clone(), |owner| format!("{name}: {owner}"))
    });
    let held = |one: &&kabinet_core::organisation::Organisation| {
        !staying.user.organisations.list.iter().any(|own| own.inn == one.inn && own.kpp == one.kpp)
    };
    let alone: BTreeSet<ClientId> = other.known_by.difference(&staying.known_by).cloned().collect();
    let both: BTreeSet<ClientId> = other.known_by.intersection(&staying.known_by).cloned().collect();
    let allowed: BTreeSet<ClientId> = other.consents.difference(&staying.consents).cloned().collect();
    MergePlan {
        ways: ways.chain(connections).collect(),
        organisations: other.user.organisations.list.iter().filter(held).map(|one| one.name.clone()).collect(),
        consents: names(visit, &allowed).await,
        known_alone: names(visit, &alone).await,
        known_both: names(visit, &both).await,
        moves_password: other.has_password && !staying.has_password,
        drops_password: other.has_password && staying.has_password,
        sessions: u32::try_from(other.sessions).unwrap_or(u32::MAX),
        token_minutes: token_minutes(visit),
        undo_until,
        is_refused: refusal.is_some(),
        stays: party(staying),
        ends: party(other),
    }
}

fn party(party: Party) -> MergeParty {
    MergeParty {
        name: party.user.display_name(),
        id: party.user.id.to_string(),
        contacts: party.contacts.iter().map(|held| held.contact.display()).collect(),
    }
}

/// What clients are called.
async fn names(visit: &Visit, clients: &BTreeSet<ClientId>) -> Vec<String> {
    let mut names = Vec::new();
    for id in clients {
        // One that is disabled or cannot be read is named by its id: leaving it out would hide that it knows the person.
        let client = visit.site.provider.client(id).await.ok().flatten();
        names.push(client.map_or_else(|| id.to_string(), |client| client.metadata.client_name.clone()));
    }
    names.sort();
    names
}

/// `POST /account/merge`
pub(crate) async fn post(visit: Visit, form: Form) -> Response {
    if form.has("merge") || form.has("cancel") {
        return finish(&visit, &form).await;
    }
    let signed = match signed(&visit).await {
        Ok(signed) => signed,
        Err(response) => return response,
    };
    if form.has("password") {
        return prove(&visit, &signed, &form).await;
    }
    if !visit.accepts(&form) {
        return to(&visit, &format!("{METHODS}?done=stale"));
    }
    ask(&visit, &signed, form.get("undo")).await
}

/// The form that proves the account that stays: to begin, or to undo the merge that is named.
fn place(undo: &str) -> FormPlace {
    let is_undo = !undo.is_empty();
    FormPlace {
        page: if is_undo { with_query(HERE, "undo", undo) } else { HERE.to_owned() },
        hidden: if is_undo { vec![("undo", undo.to_owned())] } else { Vec::new() },
        fresh: Some(Message::of(if is_undo { "merge-fresh-undo" } else { "merge-fresh" })),
        back: METHODS,
    }
}

/// A flow of its own for the attempt.
async fn new_flow(visit: &Visit) -> Result<Opened, Response> {
    let flow = visit.site.provider.new_flow(Target::Page(METHODS.to_owned()), &visit.binding_hash());
    match visit.site.provider.seal(&flow, &visit.network()).await {
        Ok(sealed) => Ok(Opened { flow, sealed }),
        Err(error) => Err(failed(visit, &error.to_string()).await),
    }
}

async fn ask(visit: &Visit, signed: &Signed, undo: &str) -> Response {
    let opened = match new_flow(visit).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    match visit.site.identity.has_password(&signed.user.id).await {
        Ok(true) => login::show(visit, &opened, of_person(&signed.user, place(undo))).await,
        Ok(false) => {
            let (user, session) = (signed.user.id.clone(), signed.session.id.clone());
            let then = match undo {
                "" => FreshMerge::Begin { user, session },
                id => FreshMerge::Undo { user, session, merge: MergeId::from(id) },
            };
            let person = visit.person(Some(&opened.flow));
            match visit.site.identity.begin_fresh_merge(&signed.user, &then, &person).await {
                Ok(id) => to(visit, &CODE.at(&opened, &id)),
                Err(error) => not_sent(visit, error).await,
            }
        }
        Err(error) => failed(visit, &error.to_string()).await,
    }
}

/// The password of the account that stays.
async fn prove(visit: &Visit, signed: &Signed, form: &Form) -> Response {
    let undo = form.get("undo");
    let opened = match flow_or_page(visit, form.get("flow")).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let proof = match proven(visit, &opened, form, place(undo)).await {
        Ok(proof) => proof,
        Err(response) => return response,
    };
    if proof.user_id != signed.user.id {
        return other_account(visit, &opened, of_person(&signed.user, place(undo))).await;
    }
    let identity = &visit.site.identity;
    if !undo.is_empty() {
        let person = visit.person(Some(&opened.flow));
        return match identity.undo_merge(&signed.session, &MergeId::from(undo), &person).await {
            Ok(()) => done(visit, "merge-undone").await,
            Err(MergeError::Store(error)) => failed(visit, &error.to_string()).await,
            Err(error) => done(visit, error.code()).await,
        };
    }
    // Of its own, so that no sign-in of before counts.
    let opened = match new_flow(visit).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    match identity.begin_merge(&proof, &signed.session, &visit.person(Some(&opened.flow))).await {
        Ok(id) => begun(visit, &opened, &id).await,
        Err(MergeError::Store(error)) => failed(visit, &error.to_string()).await,
        Err(error) => done(visit, error.code()).await,
    }
}

/// The account that stays is proven: the other one is next.
pub(super) async fn begun(visit: &Visit, opened: &Opened, id: &MergeId) -> Response {
    match sign_in(visit, &opened.flow.id, id).await {
        Ok(location) => to(visit, &location),
        Err(response) => response,
    }
}

/// `merge` or `cancel`.
async fn finish(visit: &Visit, form: &Form) -> Response {
    let id = form.get("id");
    let (merging, held) = match merging(visit, id).await {
        Ok(found) => found,
        Err(response) => return response,
    };
    if !visit.accepts(form) {
        return to(visit, &with_query(HERE, "id", id));
    }
    let (identity, person) = (&visit.site.identity, visit.person(None));
    let sessions: Vec<Session> = held.iter().map(|(_, session)| session.clone()).collect();
    let gone = merging.other.as_ref().filter(|_| !merging.is_same());
    if form.has("cancel") {
        let gone = gone.filter(|_| merging.began_other());
        if let Some(other) = gone
            && let Err(error) = identity.end_session(&other.id, &other.user_id, Ending::SignOut, &person).await
        {
            return failed(visit, &error.to_string()).await;
        }
        visit.site.provider.changed().await;
        return back(visit, (&merging, held), gone.map(|other| &other.id), METHODS);
    }
    match identity.merge(merging.id(), &sessions, &person).await {
        Ok(_) => {
            visit.site.provider.changed().await;
            let gone = gone.map(|other| other.id.clone());
            back(visit, (&merging, held), gone.as_ref(), &format!("{METHODS}?done=merged"))
        }
        Err(MergeError::Store(error)) => failed(visit, &error.to_string()).await,
        Err(MergeError::Refused(_)) => state(visit, &merging).await,
        Err(error) => to(visit, &format!("{METHODS}?done={}", error.code())),
    }
}

/// To a page of the account that stays, which is the first of this browser again.
fn back(
    visit: &Visit,
    (merging, held): (&Merging, Vec<(Secret, Session)>),
    gone: Option<&SessionId>,
    location: &str,
) -> Response {
    let mut held: Vec<_> = held.into_iter().filter(|(_, session)| Some(&session.id) != gone).collect();
    held.sort_by_key(|(_, session)| session.id != merging.session.id);
    let remembered = held.iter().any(|(_, session)| session.remembered);
    let values: Vec<Secret> = held.into_iter().map(|(value, _)| value).collect();
    to_with_sessions(visit, location, &values, remembered)
}

const MERGED: &str = "/login/merged";

/// The form that proves an account that became part of another one.
fn merged_place() -> FormPlace {
    FormPlace {
        page: MERGED.to_owned(),
        hidden: Vec::new(),
        fresh: Some(Message::of("merge-fresh-merged")),
        back: "/login",
    }
}

/// `GET /login/merged`
pub(crate) async fn merged(visit: Visit, asked: Asked) -> Response {
    let opened = match flow_or_page(&visit, &asked.flow).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let kind = asked.by.unwrap_or(ContactKind::Phone);
    let shown = login::Shown {
        place: merged_place(),
        ..login::Shown::of(kind, String::new())
    };
    login::show(&visit, &opened, shown).await
}

/// `POST /login/merged`: parts the accounts, with the password that the merged one had.
pub(crate) async fn part(visit: Visit, form: Form) -> Response {
    let opened = match flow_or_page(&visit, form.get("flow")).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let (kind, typed) = form.identifier();
    let mut shown = login::Shown { place: merged_place(), ..login::Shown::of(kind, typed) };
    let outcome = match login::checked(&visit, &opened, &form, merged_place()).await {
        Ok(Proven::Merged(proof, _)) => {
            visit
                .site
                .identity
                .undo_merge_by_password(&proof, &visit.person(Some(&opened.flow)))
                .await
        }
        // The password of the account that stayed, or of one that was never part of another.
        Ok(Proven::Account(_)) => Err(MergeError::NoSuch),
        Err(response) => return response,
    };
    match outcome {
        Ok(()) => {
            visit.site.provider.changed().await;
            shown.place = FormPlace::default();
            shown.notice = Some(Message::of("merge-undone-sign-in"));
        }
        Err(MergeError::Store(error)) => return failed(&visit, &error.to_string()).await,
        Err(error) => {
            shown.errors = Errors::whole(Message::of(error.code()));
            shown.status = StatusCode::CONFLICT;
        }
    }
    login::show(&visit, &opened, shown).await
}
