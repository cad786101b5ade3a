//! Another provider's people: those whom nobody linked, and those who register.

use askama::Template;
use kabinet_core::contact::ContactKind;
use kabinet_core::time::Timestamp;

use super::chrome::{Chrome, with_query};
use super::form::Errors;

/// The account at the provider belongs to nobody here: links `go-link`, `go-register` and `go-retry`.
#[derive(Template)]
#[template(path = "upstream-unlinked.html")]
pub struct UnlinkedUpstream<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// What the provider is called.
    pub provider: String,
    /// What the person is called there.
    pub owner: Option<String>,
    /// Whether they most likely have an account here.
    pub is_alike: bool,
    /// Where the person signs in to link it, where people sign in by a form.
    pub link: Option<String>,
    /// Where they register with it, where that is allowed.
    pub register: Option<String>,
    /// Back to the other ways.
    pub retry: String,
}

/// What an account needs beside its provider: form `register-form`, posts `id`, `email` or `phone`, `pd-consent`, button `submit`;
/// link `go-link`.
#[derive(Template)]
#[template(path = "upstream-registration.html")]
pub struct UpstreamRegistration<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// Who came back.
    pub id: String,
    /// Where the form posts to.
    pub action: String,
    /// What the provider is called.
    pub provider: String,
    /// What the person is called there.
    pub owner: Option<String>,
    /// The field that is asked for.
    pub identifier: ContactKind,
    /// What was typed or told.
    pub value: String,
    /// Whether it needs no code.
    pub is_vouched: bool,
    /// Where whoever has an account signs in to link.
    pub link: String,
    /// Whether the person ticked the consent before; never ticked for them.
    pub pd_consent: bool,
    /// What is wrong.
    pub errors: Errors,
}

impl UpstreamRegistration<'_> {
    fn page(&self) -> String {
        with_query(&self.action, "id", &self.id)
    }
}

/// An account at a provider that belongs to the account.
#[derive(Clone, Debug)]
pub struct ConnectionRow {
    /// Its id, posted as `connection`.
    pub id: String,
    /// The id of its form: `unlink-NAME`, with `-ID` from the second of a provider on.
    pub form: String,
    /// What the provider is called.
    pub provider: String,
    /// What the person is called there.
    pub owner: Option<String>,
    /// Since when.
    pub linked_at: Timestamp,
    /// When somebody last signed in by it.
    pub used_at: Option<Timestamp>,
    /// Whether it may go without locking its owner out.
    pub can_unlink: bool,
}
