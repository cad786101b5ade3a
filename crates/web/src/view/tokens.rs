//! `/account/tokens`.

use askama::Template;
use kabinet_core::api_token::Use;
use kabinet_core::organisation::Organisation;
use kabinet_core::scope::Scope;
use kabinet_core::time::Timestamp;

use super::account::{Section, device_name, scope_title};
use super::chrome::{Chrome, plain_name};
use super::form::{Errors, Message};

/// An API token of the person.
#[derive(Clone, Debug)]
pub struct ApiTokenRow {
    /// Its id; the button is `revoke-ID`, name and value likewise.
    pub id: String,
    /// What the person calls it.
    pub name: String,
    /// What it may open.
    pub scope: Scope,
    /// The one client that may exchange it.
    pub client_name: Option<String>,
    /// The organisation that its bearer acts for.
    pub organisation: Option<String>,
    /// Where it may be used from; empty: everywhere.
    pub networks: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether that is over.
    pub is_over: bool,
    /// When it was used last.
    pub used: Option<Use>,
}

impl ApiTokenRow {
    fn scopes(&self, chrome: &Chrome<'_>) -> String {
        self.scope.iter().map(|scope| scope_title(scope, chrome)).collect::<Vec<_>>().join(", ")
    }

    /// What narrows it, in one line.
    fn bounds(&self) -> String {
        let parts =
            [self.client_name.as_deref().map(plain_name), self.organisation.clone(), Some(self.networks.clone())];
        parts
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" · ")
    }

    fn revoke_label(&self, chrome: &Chrome<'_>) -> String {
        chrome.t_with("api-token-revoke-of", "name", self.name.clone())
    }
}

fn caller(used: &Use) -> String {
    let program = device_name(&used.agent).or_else(|| used.agent.split('/').next().map(str::to_owned));
    let parts = [Some(used.ip.clone()), program];
    parts
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" · ")
}

/// What the form of a token holds.
#[derive(Clone, Debug, Default)]
pub struct TypedApiToken {
    /// The name.
    pub name: String,
    /// The scopes that are ticked.
    pub scopes: Vec<String>,
    /// The chosen client; empty: any.
    pub client: String,
    /// The chosen organisation; empty: none.
    pub organisation: String,
    /// How many days it lives.
    pub days: String,
    /// Where it may be used from.
    pub networks: String,
}

impl TypedApiToken {
    fn has(&self, scope: &str) -> bool {
        self.scopes.iter().any(|ticked| ticked == scope)
    }
}

/// A token that was made just now.
#[derive(Clone, Debug)]
pub struct ApiTokenText {
    /// What the person calls it.
    pub name: String,
    /// Its text, this once.
    pub text: String,
}

/// `/account/tokens`: text `api-token` of one made just now; form `tokens-form`, buttons `revoke-ID`; form `token-form`, posts
/// `token-name`, `scope-NAME` for each, `client`, `organisation`, `days`, `networks`, button `submit`.
#[derive(Template)]
#[template(path = "account-tokens.html")]
pub struct AccountTokens<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// The tokens, the newest first.
    pub tokens: Vec<ApiTokenRow>,
    /// The one that was made just now.
    pub made: Option<ApiTokenText>,
    /// What was typed.
    pub typed: TypedApiToken,
    /// The scopes that such tokens may have.
    pub scopes: Vec<String>,
    /// The clients that take them: name and id.
    pub clients: Vec<(String, String)>,
    /// The organisations of the person.
    pub organisations: Vec<Organisation>,
    /// How many days one lives at most.
    pub longest: i64,
    /// How long an access token lives that products check by themselves, in minutes.
    pub token_minutes: u32,
    /// What is wrong.
    pub errors: Errors,
    /// What happened.
    pub notice: Option<Message>,
}

impl AccountTokens<'_> {
    fn section(&self) -> Section {
        Section::Tokens
    }

    fn has_living(&self) -> bool {
        self.tokens.iter().any(|row| !row.is_over)
    }
}
