//! Two accounts of one person that become one.

use askama::Template;
use kabinet_core::id::MergeId;
use kabinet_core::time::Timestamp;

use super::account::Section;
use super::chrome::Chrome;
use super::form::{Errors, Message};

/// `/account/merge`: first form `merge-start` (button `begin`); then link `merge-sign-in` and form `merge-form` (button `cancel`); then
/// form `merge-form` (posts `id`; buttons `merge`, `cancel`).
#[derive(Template)]
#[template(path = "account-merge.html")]
pub struct AccountMerge<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// The attempt; `None`: none has begun.
    pub id: Option<String>,
    /// Where the person signs in to the other account, while that is not proven.
    pub sign_in: Option<String>,
    /// What will happen, once it is.
    pub plan: Option<MergePlan>,
    /// Why nothing will.
    pub errors: Errors,
    /// What happened.
    pub notice: Option<Message>,
}

impl AccountMerge<'_> {
    fn section(&self) -> Section {
        Section::Methods
    }
}

/// One of the two accounts.
#[derive(Clone, Debug)]
pub struct MergeParty {
    /// What the person is called in it.
    pub name: String,
    /// Its `sub`.
    pub id: String,
    /// Its phones and addresses.
    pub contacts: Vec<String>,
}

/// What a merge will do.
#[derive(Clone, Debug)]
pub struct MergePlan {
    /// The account that stays.
    pub stays: MergeParty,
    /// The one that becomes part of it.
    pub ends: MergeParty,
    /// The ways to sign in that move, passwords aside.
    pub ways: Vec<String>,
    /// Whether the account that stays gets the password of the other one.
    pub moves_password: bool,
    /// Whether that one's password stops being good.
    pub drops_password: bool,
    /// The organisations that move.
    pub organisations: Vec<String>,
    /// The third-party clients whose allowances move.
    pub consents: Vec<String>,
    /// The clients that know the other account alone.
    pub known_alone: Vec<String>,
    /// The clients that know both.
    pub known_both: Vec<String>,
    /// How many sessions end.
    pub sessions: u32,
    /// How long an access token lives that products check by themselves, in minutes.
    pub token_minutes: u32,
    /// Until when it can be undone.
    pub undo_until: Timestamp,
    /// Whether the rules forbid it.
    pub is_refused: bool,
}

/// An account that became part of this one.
#[derive(Clone, Debug)]
pub struct MergeRow {
    /// Its id, posted as `undo`.
    pub id: String,
    /// One of its contacts.
    pub contact: Option<String>,
    /// When they became one.
    pub at: Timestamp,
    /// Until when that can be undone.
    pub undo_until: Timestamp,
}

impl MergeRow {
    /// As it is shown.
    #[must_use]
    pub fn of((id, contact, at, undo_until): (MergeId, Option<String>, Timestamp, Timestamp)) -> Self {
        Self { id: id.to_string(), contact, at, undo_until }
    }

    pub(super) fn name(&self, chrome: &Chrome<'_>) -> String {
        self.contact.clone().unwrap_or_else(|| chrome.t("merge-nameless").into_owned())
    }
}
