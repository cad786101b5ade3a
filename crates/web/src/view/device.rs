//! «У меня есть код»: the page of a code, and what a person allows to a device.

use askama::Template;
use kabinet_core::scope::Scope;
use kabinet_core::time::Timestamp;

use super::account::device_name;
use super::chrome::{Chrome, plain_name};
use super::form::Errors;
use super::request::{ScopeLine, mixes_alphabets, scope_lines};

/// `/code`: form `code-form`, field `code`, button `submit`.
#[derive(Template)]
#[template(path = "user-code.html")]
pub struct UserCodePage<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// What is in the field.
    pub value: String,
    /// Whether it came with the address, so that it must be compared with the device's screen.
    pub compare: bool,
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
