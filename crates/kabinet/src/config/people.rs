//! What people and products do with accounts: invitations, API tokens, two accounts that become one.

use serde::{Deserialize, Serialize};

use super::values::{Seconds, list};

/// Invitations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Invitation {
    /// Digits of a code: 6 to 8. Reason: it lives for days, so it has more than a code that lives for minutes.
    pub digits: u8,
    /// Life of a code: 24h to 72h. Reason: whoever is invited on a Friday evening comes to work on Monday with the longest.
    pub life: Seconds,
    /// Wrong codes after which an invitation is dead.
    pub tries: u8,
    /// Invitations that one client makes in a day. Reason: stolen credentials send no more SMS than that.
    pub per_client: u32,
    /// Invitations that one contact gets in a day, whoever invites. Reason: more only annoy whoever holds it.
    pub per_contact: u8,
}

impl Default for Invitation {
    fn default() -> Self {
        Self {
            digits: 8,
            life: Seconds::hours(48),
            tries: 5,
            per_client: 200,
            per_contact: 3,
        }
    }
}

/// API tokens of people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiTokens {
    /// Scopes that they may have. Reason: what a person may let anybody know of themselves; the scopes of APIs are named by
    /// the operator.
    #[serde(deserialize_with = "list")]
    pub scopes: Vec<String>,
    /// How long one lives where its owner does not say. Reason: long enough to be forgotten is too long.
    pub life: Seconds,
    /// How long one lives at most. Reason: nothing that opens an account lasts for ever.
    pub max: Seconds,
    /// How many living ones a person may have. Reason: more than anybody can watch over.
    pub per_person: u32,
    /// How long before its end its owner is told. Reason: a week is enough to put a new one in place.
    pub remind: Seconds,
}

impl Default for ApiTokens {
    fn default() -> Self {
        Self {
            scopes: ["openid", "profile", "email", "phone", "org", "orgs"].map(str::to_owned).to_vec(),
            life: Seconds::days(180),
            max: Seconds::days(365),
            per_person: 50,
            remind: Seconds::days(7),
        }
    }
}

/// Two accounts of one person that become one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Merge {
    /// For how long that can be undone. Reason: time to read the notice, also after a holiday.
    pub undo: Seconds,
}

impl Default for Merge {
    fn default() -> Self {
        Self { undo: Seconds::days(30) }
    }
}
