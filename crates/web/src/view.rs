//! Pages as values: a struct per page, rendered to HTML by the template of its name. Nothing here knows HTTP.
//!
//! A handler fills a struct and calls [`render`]. Every page has a [`Chrome`]; every form posts `form-token` and, where
//! the page belongs to an authorization request, `flow`. Ids of forms, fields, buttons and links are an interface:
//! tests, password managers and people's automation hold on to them.
//!
//! All text is escaped by the templates. The only markup made in code is [`Chrome::rich`], from our own messages.

pub mod account;
pub mod certificate;
pub mod chrome;
pub mod device;
pub mod entry;
pub mod form;
pub mod merge;
pub mod notice;
pub mod request;
pub mod telegram;
#[cfg(test)]
mod tests;
pub mod tokens;
pub mod upstream;

use askama::Template;

pub use account::{
    AccountConsents, AccountContacts, AccountHome, AccountMethods, AccountOrganisations, AccountSessions,
    CertificateRow, ConsentRow, ConsentWithdrawal, ContactRow, DocumentRow, Person, Section, SessionRow,
    TypedOrganisation, device_name,
};
pub use certificate::{
    CERTIFICATE_CODES, CertificateError, CertificatePage, CertificateRegistration, PLUGIN_SCRIPTS, UnlinkedPage,
    certificate_message,
};
pub use chrome::{Chrome, LEGAL_ROOT, Link, legal_path, with_query};
pub use device::{DevicePage, InvitationPage, InvitedWay, UserCodePage};
pub use entry::{
    CodeEntry, CodePurpose, Complete, CompleteDocuments, CompleteOrganisation, Confirmed, FormPlace, Method,
    NewPassword, NewText, Offers, Recover, Registration, SecondProof, SignIn, Told,
};
pub use form::{Errors, Message};
pub use merge::{AccountMerge, MergeParty, MergePlan, MergeRow};
pub use notice::{DocumentPage, ErrorPage, FormPost};
pub use request::{AccountChoice, ChooseAccount, Consent, LogoutConfirm, SignedOut};
pub use telegram::TelegramReturn;
pub use tokens::{AccountTokens, ApiTokenRow, ApiTokenText, TypedApiToken};
pub use upstream::{ConnectionRow, UnlinkedUpstream, UpstreamRegistration};

/// The page as HTML. A template that fails is a defect: it is logged, and a bare sentence takes the page's place.
pub fn render(page: &impl Template) -> String {
    page.render().unwrap_or_else(|error| {
        tracing::error!(%error, "a page failed to render");
        "<!doctype html><html lang=\"ru\"><meta charset=\"utf-8\"><title>500</title><p>Не удалось показать страницу."
            .to_owned()
    })
}
