//! The legal texts that a person agreed to, in `/account/consents`, and the withdrawal of the personal-data consent.
//!
//! `/account/consents/pd-consent` says what follows; its button takes the consent back, which ends every session and grant. The
//! next sign-in asks for it on `/complete`.

use std::collections::HashMap;

use axum::response::Response;
use http::StatusCode;
use kabinet_core::document::{Kind, Record, standings};
use kabinet_core::id::ClientId;
use kabinet_core::user::User;

use super::account::{Signed, notice, signed, token_minutes};
use super::{chrome, failed, html, logout, to};
use crate::form::{Asked, Form};
use crate::view::{self, ConsentWithdrawal, DocumentRow, Message, legal_path};
use crate::visit::Visit;

/// Whether a person has given a personal-data consent that can be taken back.
pub(super) fn has_consent(user: &User) -> bool {
    user.agreed.as_ref().is_some_and(|agreed| agreed.has(Kind::PdConsent.as_str()))
}

/// A row for each agreement among the records, the newest first.
pub(super) async fn rows(visit: &Visit, records: &[Record]) -> Vec<DocumentRow> {
    let documents = visit.site.provider.documents();
    let mut names: HashMap<&ClientId, Option<String>> = HashMap::new();
    for id in records.iter().filter_map(|record| record.client.as_ref()) {
        if !names.contains_key(id) {
            // The name of a client that is gone is no reason to hide the record.
            let client = visit.site.provider.client(id).await.ok().flatten();
            names.insert(id, client.map(|client| client.metadata.client_name.clone()));
        }
    }
    let row = |(record, standing): (&Record, _)| {
        let current =
            Kind::of_name(&record.text.document).and_then(|kind| documents.in_force(kind, Some(&record.text.brand)));
        let head = documents.named(&record.text);
        DocumentRow {
            kind: record.text.document.clone(),
            title: head.or(current.map(|text| &text.head)).map(|head| head.title.clone()),
            version: record.text.version.clone(),
            at: record.at,
            client_name: record.client.as_ref().and_then(|id| names.get(id).cloned().flatten()),
            standing,
            href: head.map(legal_path),
        }
    };
    standings(records).into_iter().map(row).collect()
}

/// `GET /account/consents/pd-consent`
pub(crate) async fn get(visit: Visit, asked: Asked) -> Response {
    let Signed { user, .. } = match signed(&visit).await {
        Ok(signed) => signed,
        Err(response) => return response,
    };
    let has_consent = has_consent(&user);
    let page = ConsentWithdrawal {
        chrome: chrome(&visit, None, None),
        has_consent,
        token_minutes: token_minutes(&visit),
        notice: notice(&asked).or_else(|| (!has_consent).then(|| Message::of("pd-not-given"))),
    };
    html(&visit, StatusCode::OK, &view::render(&page))
}

/// `POST /account/consents/pd-consent`
pub(crate) async fn post(visit: Visit, form: Form) -> Response {
    let Signed { session, .. } = match signed(&visit).await {
        Ok(signed) => signed,
        Err(response) => return response,
    };
    if !visit.accepts(&form) {
        return to(&visit, "/account/consents/pd-consent?done=stale");
    }
    match visit.site.identity.withdraw_consent(&session, &visit.person(None)).await {
        Ok(true) => {
            metrics::counter!("kabinet_consents_withdrawn_total").increment(1);
            visit.site.provider.changed().await;
            logout::gone(&visit, Some(Message::of("pd-withdrawn"))).await
        }
        Ok(false) => to(&visit, "/account/consents?done=no-consent"),
        Err(error) => failed(&visit, &error.to_string()).await,
    }
}
