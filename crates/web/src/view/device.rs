//! «У меня есть код»: the page of a code, and what a person allows to a device.

use askama::Template;
use kabinet_core::contact::Contact;
use kabinet_core::invitation::Parts;
use kabinet_core::scope::Scope;
use kabinet_core::time::Timestamp;

use super::account::device_name;
use super::chrome::{Chrome, plain_name};
use super::form::{Errors, Message};
use super::request::{ScopeLine, mixes_alphabets, scope_lines};

/// `/code`: form `code-form`, field `code` and, for an invitation, `contact`; button `submit`.
#[derive(Template)]
#[template(path = "user-code.html")]
pub struct UserCodePage<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// What is in the field.
    pub value: String,
    /// Whether it came with the address, so that it must be compared with the device's screen.
    pub compare: bool,
    /// Where an invitation went, as typed; `None`: it is not asked for.
    pub contact: Option<String>,
    /// What is wrong.
    pub errors: Errors,
}

/// `/code/device`: form `consent-form`, buttons `deny` and `allow`.
#[derive(Template)]
#[template(path = "device.html")]
pub struct DevicePage<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// The client's name as registered.
    pub client_name: String,
    /// The code, as the device shows it.
    pub user_code: String,
    /// What is asked for.
    pub scope: Scope,
    /// Who is signed in.
    pub account: String,
    /// Where «другой аккаунт» leads.
    pub another_href: String,
    /// The address that the device asked from.
    pub ip: String,
    /// How the device named itself.
    pub agent: String,
    /// When it asked.
    pub asked_at: Timestamp,
    /// Whether it asked from another network than this browser's.
    pub is_elsewhere: bool,
    /// Hidden fields.
    pub hidden: Vec<(&'static str, String)>,
    /// What is wrong.
    pub errors: Errors,
}

impl DevicePage<'_> {
    fn scopes(&self) -> Vec<ScopeLine> {
        scope_lines(&self.chrome, &self.scope)
    }

    fn is_lookalike(&self) -> bool {
        plain_name(&self.client_name) != self.client_name.trim() || mixes_alphabets(&self.client_name)
    }

    fn device(&self) -> String {
        device_name(&self.agent).unwrap_or_else(|| self.agent.clone())
    }
}

/// How whoever is invited goes on.
#[derive(Clone, Debug)]
pub enum InvitedWay {
    /// Makes an account: form `register-form`, fields `password`, `pd-consent`.
    Register {
        /// Whether the consent was ticked before.
        pd_consent: bool,
        /// The least length of a password, characters.
        password_min: u32,
    },
    /// Signs in to the account of the contact: link `go-login`.
    SignIn {
        /// Where to.
        href: String,
    },
    /// Joins with the account that is signed in: form `invitation-form`, button `accept`.
    Join,
}

/// `/code/invitation`: what a right code leads to, and how it goes on.
#[derive(Template)]
#[template(path = "invitation.html")]
pub struct InvitationPage<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// Who is invited.
    pub contact: Contact,
    /// The name of the client that invites; `None`: an administrator.
    pub by: Option<String>,
    /// The organisation.
    pub organisation: Option<Parts>,
    /// How it goes on.
    pub way: InvitedWay,
    /// Hidden fields.
    pub hidden: Vec<(&'static str, String)>,
    /// What is wrong.
    pub errors: Errors,
}

impl InvitationPage<'_> {
    /// The action in full: who invites whom into what.
    fn lead(&self) -> String {
        let by = self.by.as_ref().map(|name| self.chrome.quoted(name));
        let organisation = self.organisation.as_ref().map(|one| self.chrome.quoted(&one.name));
        let key = match (&by, &organisation) {
            (Some(_), Some(_)) => "invitation-by-into",
            (Some(_), None) => "invitation-by",
            (None, Some(_)) => "invitation-into",
            (None, None) => "invitation-plain",
        };
        let message = Message::of(key).with("product", self.chrome.product());
        let message = by.into_iter().fold(message, |message, by| message.with("by", by));
        let message = organisation.into_iter().fold(message, |message, one| message.with("organisation", one));
        self.chrome.message(&message)
    }
}
