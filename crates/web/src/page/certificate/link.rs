//! Linking and unlinking: `/account/methods`, `/account/methods/certificate` and `/login/certificate/link`.
//!
//! 1. «Привязать сертификат» leads to the page of a certificate; its POST proves the certificate and carries the signer on.
//! 2. `/login/certificate/link` proves the account by its password, and links. Whoever comes from the sign-in page is signed in
//!    by it; whoever was signed in proves that very account. An account without a password enters a code instead.
//! 3. «Отвязать» asks for the same proof on the same form, after the button.

use axum::response::Response;
use http::StatusCode;
use kabinet_core::certificate::Linked;
use kabinet_core::contact::ContactKind;
use kabinet_core::id::{CertificateId, UserId};
use kabinet_core::user::User;
use kabinet_identity::{CertificatePurpose, Fresh, LinkError, Merge, Signer};
use kabinet_oidc::sealed::Target;

use super::{Shown, carry, not_sent, organisation, show, signer, to_code};
use crate::form::{Asked, Form};
use crate::page::account::{Signed, notice, signed};
use crate::page::login::{self, proven, signed_in};
use crate::page::upstream;
use crate::page::ways::Ways;
use crate::page::{Opened, chrome, error_page, failed, flow_or_page, html, onward, to};
use crate::view::{
    self, AccountMethods, CertificateRow, Errors, FormPlace, MergeRow, Message, certificate_message, with_query,
};
use crate::visit::Visit;

/// The page that proves the account.
pub(super) const HERE: &str = "/login/certificate/link";
pub(in crate::page) const METHODS: &str = "/account/methods";

/// `GET /account/methods`
pub(crate) async fn methods(visit: Visit, asked: Asked) -> Response {
    match signed(&visit).await {
        Ok(signed) => list(&visit, &signed, &asked).await,
        Err(response) => response,
    }
}

async fn list(visit: &Visit, signed: &Signed, asked: &Asked) -> Response {
    let (identity, user) = (&visit.site.identity, &signed.user.id);
    let chrome = chrome(visit, None, None);
    let found = async {
        let certificates = identity.certificates_of(user).await?;
        let ways = (identity.has_password(user).await?, identity.has_other_way(user).await?);
        let connections = upstream::link::rows(visit, &chrome, signed).await?;
        Ok::<_, kabinet_identity::Error>((certificates, ways, connections, identity.merges_of(user).await?))
    };
    let (certificates, (has_password, has_other_way), connections, merges) = match found.await {
        Ok(found) => found,
        Err(error) => return failed(visit, &error.to_string()).await,
    };
    let now = visit.site.clock.now();
    let row = |linked: Linked| CertificateRow {
        id: linked.id.to_string(),
        organisation: organisation(&linked.holder),
        owner: linked.holder.name,
        issuer: linked.holder.certificate.issuer,
        not_after: linked.holder.certificate.not_after,
        is_over: linked.holder.certificate.not_after < now,
        used_at: linked.used_at,
    };
    let wrong = match asked.done.as_str() {
        known @ ("linked-elsewhere" | "weaker") => Some(certificate_message(known)),
        "certificates-too-many" => Some(Message::of("certificates-too-many")),
        "certificate-last" => Some(Message::of("certificate-last")),
        "upstream-linked-elsewhere" => Some(Message::of("upstream-linked-elsewhere")),
        "upstream-ambiguous" => Some(Message::of("upstream-ambiguous")),
        "upstream-too-many" => Some(Message::of("upstream-too-many")),
        "upstream-last" => Some(Message::of("upstream-last")),
        "merge-expired" => Some(Message::of("merge-expired")),
        "merge-gone" => Some(Message::of("merge-gone")),
        "merge-disabled" => Some(Message::of("merge-disabled")),
        _ => None,
    };
    let page = AccountMethods {
        chrome,
        has_password,
        certificates: certificates.into_iter().map(row).collect(),
        can_link: Ways::of(visit).has_certificate_login(),
        has_other_way,
        connections,
        linkable: Ways::of(visit).linkable(),
        merges: merges.into_iter().map(merge_row).collect(),
        errors: wrong.map_or_else(Errors::none, Errors::whole),
        notice: notice(asked),
    };
    html(visit, StatusCode::OK, &view::render(&page))
}

fn merge_row(merge: Merge) -> MergeRow {
    let contact = merge.moved.contacts.first().map(|one| one.contact().display());
    MergeRow::of((merge.id, contact, merge.at, merge.undo_until))
}

/// `POST /account/methods`: begins to link, or to unlink.
pub(crate) async fn change(visit: Visit, form: Form) -> Response {
    let signed = match signed(&visit).await {
        Ok(signed) => signed,
        Err(response) => return response,
    };
    match (form.has("password"), form.has("connection")) {
        (true, false) => return unlink(&visit, &signed, &form).await,
        (true, true) => return upstream::link::unlink(&visit, &signed, &form).await,
        (false, _) => {}
    }
    if !visit.accepts(&form) {
        return to(&visit, &format!("{METHODS}?done=stale"));
    }
    if form.has("connection") {
        return upstream::link::ask_unlink(&visit, &signed, &form).await;
    }
    if form.has("link") && form.get("link") != "certificate" {
        return upstream::link::begin(&visit, &signed, form.get("link")).await;
    }
    if form.has("link") {
        return to(&visit, &format!("{METHODS}/certificate"));
    }
    let opened = match back_to_methods(&visit, "certificate-unlinked").await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let certificate = CertificateId::from(form.get("certificate"));
    match visit.site.identity.has_password(&signed.user.id).await {
        Ok(true) => {
            let place = unlinking(&certificate);
            login::show(&visit, &opened, of_person(&signed.user, place)).await
        }
        Ok(false) => {
            let then = Fresh::Unlink {
                user: signed.user.id.clone(),
                session: signed.session.id.clone(),
                certificate,
            };
            send_code(&visit, &signed, &opened, &then).await
        }
        Err(error) => failed(&visit, &error.to_string()).await,
    }
}

fn unlinking(certificate: &CertificateId) -> FormPlace {
    FormPlace {
        page: METHODS.to_owned(),
        hidden: vec![("certificate", certificate.to_string())],
        fresh: Some(Message::of("fresh-unlink")),
        back: METHODS,
    }
}

/// The form with the person's own contact in it.
pub(in crate::page) fn of_person(user: &User, place: FormPlace) -> login::Shown {
    let held = user.contact(ContactKind::Phone).or_else(|| user.contact(ContactKind::Email));
    let (kind, value) =
        held.map_or((ContactKind::Phone, String::new()), |held| (held.contact.kind(), held.contact.display()));
    login::Shown { place, ..login::Shown::of(kind, value) }
}

async fn unlink(visit: &Visit, signed: &Signed, form: &Form) -> Response {
    let certificate = CertificateId::from(form.get("certificate"));
    let opened = match flow_or_page(visit, form.get("flow")).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let place = unlinking(&certificate);
    let proof = match proven(visit, &opened, form, place.clone()).await {
        Ok(proof) => proof,
        Err(response) => return response,
    };
    if proof.user_id != signed.user.id {
        return other_account(visit, &opened, of_person(&signed.user, place)).await;
    }
    let person = visit.person(Some(&opened.flow));
    match visit.site.identity.unlink_certificate(&signed.user.id, &certificate, &person).await {
        Ok(()) => done(visit, "certificate-unlinked").await,
        Err(LinkError::Store(error)) => failed(visit, &error.to_string()).await,
        Err(error) => done(visit, key(&error)).await,
    }
}

pub(in crate::page) async fn other_account(visit: &Visit, opened: &Opened, mut shown: login::Shown) -> Response {
    shown.errors = Errors::whole(Message::of("fresh-other-account"));
    shown.status = StatusCode::FORBIDDEN;
    login::show(visit, opened, shown).await
}

async fn send_code(visit: &Visit, signed: &Signed, opened: &Opened, then: &Fresh) -> Response {
    let person = visit.person(Some(&opened.flow));
    match visit.site.identity.begin_fresh(&signed.user, then, &person).await {
        Ok(id) => to_code(visit, opened, &id),
        Err(error) => not_sent(visit, error).await,
    }
}

/// Back at the list, with what happened.
pub(super) async fn done(visit: &Visit, what: &str) -> Response {
    visit.site.provider.changed().await;
    to(visit, &format!("{METHODS}?done={what}"))
}

/// The word in the address for why nothing was linked or unlinked.
pub(super) const fn key(error: &LinkError) -> &'static str {
    match error {
        LinkError::Elsewhere => "linked-elsewhere",
        LinkError::Weaker => "weaker",
        LinkError::TooMany => "certificates-too-many",
        LinkError::LastWay => "certificate-last",
        LinkError::NoSuch | LinkError::Spent | LinkError::Store(_) => "stale",
    }
}

/// A flow whose end is the list.
pub(in crate::page) async fn back_to_methods(visit: &Visit, what: &str) -> Result<Opened, Response> {
    let target = Target::Page(format!("{METHODS}?done={what}"));
    let flow = visit.site.provider.new_flow(target, &visit.binding_hash());
    match visit.site.provider.seal(&flow, &visit.network()).await {
        Ok(sealed) => Ok(Opened { flow, sealed }),
        Err(error) => Err(failed(visit, &error.to_string()).await),
    }
}

/// `GET /account/methods/certificate`
pub(crate) async fn certificate_get(visit: Visit) -> Response {
    if let Err(response) = signed(&visit).await {
        return response;
    }
    match back_to_methods(&visit, "certificate-linked").await {
        Ok(opened) => show(&visit, &opened, Shown::of(CertificatePurpose::Link)),
        Err(response) => response,
    }
}

/// `POST /account/methods/certificate`: the certificate is proven, the account is next.
pub(crate) async fn certificate_post(visit: Visit, form: Form) -> Response {
    let signed = match signed(&visit).await {
        Ok(signed) => signed,
        Err(response) => return response,
    };
    let opened = match flow_or_page(&visit, form.get("flow")).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let signer = match signer(&visit, &opened, &form, CertificatePurpose::Link).await {
        Ok(signer) => signer,
        Err(response) => return response,
    };
    let (identity, person) = (&visit.site.identity, visit.person(Some(&opened.flow)));
    match identity.has_password(&signed.user.id).await {
        Ok(true) => {
            let carried = identity.seal_signer(&signer, Some(&signed.user.id), &person);
            to(&visit, &carry(&opened, HERE, &carried))
        }
        Ok(false) => {
            let then = Fresh::Link {
                user: signed.user.id.clone(),
                session: signed.session.id.clone(),
                signer,
            };
            send_code(&visit, &signed, &opened, &then).await
        }
        Err(error) => failed(&visit, &error.to_string()).await,
    }
}

/// The form that proves the account, for this signer.
fn linking(signer: &Signer, carried: &str, user: Option<&UserId>) -> FormPlace {
    FormPlace {
        back: if user.is_some() { METHODS } else { "/login/certificate" },
        page: with_query(HERE, "signer", carried),
        hidden: vec![("signer", carried.to_owned())],
        fresh: Some(Message::of("fresh-link").with("owner", signer.holder().name.clone())),
    }
}

/// `GET /login/certificate/link`
pub(crate) async fn get(visit: Visit, asked: Asked) -> Response {
    let opened = match flow_or_page(&visit, &asked.flow).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let person = visit.person(Some(&opened.flow));
    let Some((signer, user)) = visit.site.identity.open_signer(&asked.signer, &person) else {
        return too_late(&visit).await;
    };
    let place = linking(&signer, &asked.signer, user.as_ref());
    let mut shown = match user {
        Some(_) => match signed(&visit).await {
            Ok(signed) => of_person(&signed.user, place),
            Err(response) => return response,
        },
        None => login::Shown { place, ..login::Shown::of(ContactKind::Phone, String::new()) },
    };
    if let Some(kind) = asked.by.filter(|kind| *kind != shown.identifier) {
        (shown.identifier, shown.value) = (kind, String::new());
    }
    login::show(&visit, &opened, shown).await
}

/// `POST /login/certificate/link`
pub(crate) async fn post(visit: Visit, form: Form) -> Response {
    let opened = match flow_or_page(&visit, form.get("flow")).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let person = visit.person(Some(&opened.flow));
    let carried = form.get("signer");
    let Some((signer, user)) = visit.site.identity.open_signer(carried, &person) else {
        return too_late(&visit).await;
    };
    let proof = match proven(&visit, &opened, &form, linking(&signer, carried, user.as_ref())).await {
        Ok(proof) => proof,
        Err(response) => return response,
    };
    let shown = |kind, value| login::Shown {
        place: linking(&signer, carried, user.as_ref()),
        ..login::Shown::of(kind, value)
    };
    let (kind, typed) = form.identifier();
    if user.as_ref().is_some_and(|user| *user != proof.user_id) {
        return other_account(&visit, &opened, shown(kind, typed)).await;
    }
    match visit.site.identity.link_certificate(&proof.user_id, &signer, &person).await {
        Ok(_) => {
            visit.site.provider.changed().await;
            if user.is_some() {
                return to(&visit, &onward(&opened));
            }
            signed_in(&visit, &opened, proof.with_signature(&signer), false, &onward(&opened)).await
        }
        Err(LinkError::Store(error)) => failed(&visit, &error.to_string()).await,
        Err(LinkError::Spent) => too_late(&visit).await,
        Err(error) => {
            let mut shown = shown(kind, typed);
            shown.errors = Errors::whole(match error {
                LinkError::Weaker => certificate_message("weaker"),
                LinkError::TooMany => Message::of("certificates-too-many"),
                _ => certificate_message("linked-elsewhere"),
            });
            shown.status = StatusCode::CONFLICT;
            login::show(&visit, &opened, shown).await
        }
    }
}

async fn too_late(visit: &Visit) -> Response {
    error_page(visit, StatusCode::BAD_REQUEST, "request-expired-here").await
}
