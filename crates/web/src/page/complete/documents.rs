//! Legal texts that came into force since the person agreed, or whose consent was taken back.
//!
//! The agreement is accepted by the button's text; the personal-data consent has a box of its own that is never ticked for the
//! person (156-ФЗ: separate from everything else that is confirmed). The button accepts what its page showed and nothing newer.

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;
use kabinet_core::document::{Document, Documents, Kind, Reference};
use kabinet_core::user::User;

use super::{Lacking, Said};
use crate::form::Form;
use crate::page::{Opened, chrome, failed, html, onward, to};
use crate::view::{self, CompleteDocuments, Errors, Message, NewText, legal_path};
use crate::visit::Visit;

/// The texts that this person is asked about.
type Asked<'a> = (&'a Lacking, &'a [Arc<Document>]);

pub(super) fn page(visit: &Visit, opened: &Opened, (lacking, texts): Asked<'_>, said: Said) -> Response {
    let documents = visit.site.provider.documents();
    let asks = |kind| texts.iter().any(|text| text.head.kind == kind);
    let page = CompleteDocuments {
        chrome: chrome(visit, Some(opened), lacking.client.as_deref()),
        texts: texts.iter().map(|text| row(&documents, &lacking.user, text)).collect(),
        asks_agreement: asks(Kind::Agreement),
        asks_consent: asks(Kind::PdConsent),
        account: (lacking.user.display_name(), lacking.session.id.to_string()),
        shown: stamp(visit, opened, (lacking, texts)),
        has_product: lacking.client.is_some(),
        errors: said.errors,
    };
    html(visit, said.status, &view::render(&page))
}

/// A text with the one that the person agreed to before, if there was one.
fn row(documents: &Documents, user: &User, text: &Document) -> NewText {
    let head = &text.head;
    let before = user.agreed.as_ref().and_then(|agreed| agreed.version_of(head.kind.as_str(), &head.brand));
    let before = before.and_then(|version| documents.find(head.kind, &head.brand, version));
    NewText {
        kind: head.kind,
        title: head.title.clone(),
        version: head.version.clone(),
        published_at: (!head.is_sample()).then_some(head.published_at),
        href: legal_path(head),
        before_href: before.map(legal_path),
    }
}

/// What the page showed to whom: only that is agreed to by its button.
fn stamp(visit: &Visit, opened: &Opened, (lacking, texts): Asked<'_>) -> String {
    let shown: Vec<String> = texts
        .iter()
        .map(|text| {
            let Reference { document, brand, version, sha256 } = text.head.reference();
            format!("{document}@{brand}:{version}:{sha256}")
        })
        .collect();
    let parts = ["documents", opened.flow.id.as_str(), lacking.session.id.as_str(), &shown.join(",")];
    visit.site.form_stamper.stamp(&parts)
}

pub(super) async fn post(visit: &Visit, opened: &Opened, asked: Asked<'_>, form: &Form) -> Response {
    let (lacking, texts) = asked;
    let again = |errors, status| page(visit, opened, asked, Said::again(String::new(), errors, status));
    // Another version may have come since the page was shown.
    if form.get("shown") != stamp(visit, opened, asked) {
        return again(Errors::whole(Message::of("form-stale")), StatusCode::OK);
    }
    let asks_consent = texts.iter().any(|text| text.head.kind == Kind::PdConsent);
    if asks_consent && !form.has("pd-consent") {
        let missing = Message::of("consent-missing").with("place", "complete");
        return again(Errors::field("pd-consent", missing), StatusCode::UNPROCESSABLE_ENTITY);
    }
    let references: Vec<Reference> = texts.iter().map(|text| text.head.reference()).collect();
    let person = visit.person(Some(&opened.flow));
    match visit.site.identity.agree(&lacking.session.user_id, &references, &person).await {
        Ok(()) => {
            visit.site.provider.changed().await;
            to(visit, &onward(opened))
        }
        Err(error) => failed(visit, &error.to_string()).await,
    }
}
