//! People.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::client::Role;
use crate::contact::{Contact, ContactKind};
use crate::document::Agreed;
use crate::id::{ClientId, UserId};
use crate::organisation::Organisations;
use crate::time::Timestamp;
use crate::verified::Verified;

/// A person's account.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// The subject.
    pub id: UserId,
    /// A disabled person cannot sign in and their tokens are dead.
    pub disabled: bool,
    /// OpenID standard claims that are kept as given (`name`, `given_name`, `address` …); never `sub`, contacts or
    /// `updated_at`, which are computed.
    pub claims: Map<String, Value>,
    /// The main phone.
    pub phone: Option<ConfirmedContact>,
    /// The main e-mail address.
    pub email: Option<ConfirmedContact>,
    /// The administrative role, if any.
    pub role: Option<Role>,
    /// The versions of the legal texts that were agreed to last; `None`: never asked, as with accounts that an administrator
    /// makes.
    pub agreed: Option<Agreed>,
    /// The organisations that the person acts for.
    pub organisations: Organisations,
    /// What providers have verified of the person.
    pub verified: Verified,
    /// The account that this one became part of. Then it is `disabled`, too.
    pub merged_into: Option<UserId>,
    /// After a merge: the clients that know the person by the `sub` of another account, and of which.
    pub subjects: BTreeMap<ClientId, UserId>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When the claims or contacts last changed (`updated_at`).
    pub updated_at: Timestamp,
}

/// A contact and when its owner last proved to hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmedContact {
    /// The contact.
    pub contact: Contact,
    /// When a code sent to it was entered; `None`: not confirmed.
    pub verified_at: Option<Timestamp>,
}

impl User {
    /// An account without anything.
    #[must_use]
    pub fn new(id: UserId, created_at: Timestamp) -> Self {
        Self {
            id,
            disabled: false,
            claims: Map::new(),
            phone: None,
            email: None,
            role: None,
            agreed: None,
            organisations: Organisations::default(),
            verified: Verified::default(),
            merged_into: None,
            subjects: BTreeMap::new(),
            created_at,
            updated_at: created_at,
        }
    }

    /// The account whose `sub` this client knows the person by: the own one, unless accounts were merged.
    #[must_use]
    pub fn known_as(&self, client: &ClientId) -> &UserId {
        self.subjects.get(client).unwrap_or(&self.id)
    }

    /// The main contact of a kind.
    #[must_use]
    pub fn contact(&self, kind: ContactKind) -> Option<&ConfirmedContact> {
        match kind {
            ContactKind::Phone => self.phone.as_ref(),
            ContactKind::Email => self.email.as_ref(),
        }
    }

    /// Whether a `login_hint` is a confirmed contact of this person, in any spelling.
    #[must_use]
    pub fn is_known_by(&self, hint: &str) -> bool {
        let contacts = [&self.phone, &self.email].into_iter().flatten();
        let mut confirmed = contacts.filter(|held| held.verified_at.is_some()).map(|held| &held.contact);
        confirmed.any(|contact| Contact::parse(contact.kind(), hint).as_ref() == Some(contact))
    }

    /// What the person is called on pages: the name, else the phone, else the e-mail address.
    #[must_use]
    pub fn display_name(&self) -> String {
        let name = self.claims.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
        name.map(str::to_owned)
            .or_else(|| self.phone.as_ref().map(|c| c.contact.display()))
            .or_else(|| self.email.as_ref().map(|c| c.contact.display()))
            .unwrap_or_else(|| self.id.to_string())
    }
}
