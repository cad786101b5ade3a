//! What a client knows a person by (OpenID Connect Core §8): the person's own id, or for `subject_type` `pairwise` a name that
//! only clients of the same sector see, so that two products cannot compare theirs.
//!
//! A pairwise subject is a code over sector and person under a key of the installation. It cannot be turned back: who the
//! person of a token is, is known from the token's grant; who a hint means, by making the names of those who are signed in.
//!
//! After accounts were merged a client goes on knowing the person by the account that it knew
//! ([`User::known_as`](kabinet_core::user::User::known_as)): what is named is that account, whichever of the two forms is used.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kabinet_core::authn::Session;
use kabinet_core::client::{Client, SubjectType};
use kabinet_core::id::{GrantId, UserId};
use kabinet_core::seal::Stamper;
use kabinet_core::user::User;

use crate::tokens::Access;
use crate::{Provider, Result};

/// How many grants' people are remembered.
const REMEMBERED: usize = 20_000;
/// How many merges, each into the next account, are followed.
const MERGES: usize = 8;

/// Makes pairwise subjects, and remembers whose grants are whose.
pub(crate) struct Subjects {
    stamper: Stamper,
    people: Mutex<HashMap<GrantId, UserId>>,
}

impl Subjects {
    pub(crate) fn of(stamper: Stamper) -> Self {
        Self { stamper, people: Mutex::default() }
    }
}

impl Provider {
    /// The `sub` of a person for a client.
    #[must_use]
    pub fn subject(&self, client: &Client, user: &User) -> String {
        self.name(client, user.known_as(&client.id))
    }

    /// The same where only the id is at hand, and of whoever is disabled or gone.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn subject_of(&self, client: &Client, id: &UserId) -> Result<String> {
        Ok(match self.anybody(id).await? {
            Some(user) => self.subject(client, &user),
            None => self.name(client, id),
        })
    }

    fn name(&self, client: &Client, account: &UserId) -> String {
        match (client.metadata.subject_type, client.metadata.sector()) {
            (SubjectType::Pairwise, Some(sector)) => self.inner.subjects.stamper.stamp(&[&sector, account.as_str()]),
            _ => account.to_string(),
        }
    }

    /// The person whom a client means by a `sub` that is an account's id: its own, or the one that it became part of.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn named(&self, client: &Client, sub: &str) -> Result<Option<Arc<User>>> {
        let mut found = self.anybody(&UserId::from(sub)).await?;
        for _ in 0..MERGES {
            let Some(into) = found.as_ref().and_then(|user| user.merged_into.clone()) else {
                break;
            };
            found = self.anybody(&into).await?;
        }
        Ok(found.filter(|user| !user.disabled && user.known_as(&client.id).as_str() == sub))
    }

    /// The person whom a token of this client is about, from memory where the subject does not tell.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn person_of(&self, access: &Access, client: &Client) -> Result<Option<Arc<User>>> {
        // After an exchange the subject is what the client knows that the token was first given to.
        let is_own = access.act.is_none();
        // What came of an API token has no sign-in, and no grant that ends when a merge is undone.
        let is_signed_in = access.auth_time.is_some();
        if client.metadata.subject_type == SubjectType::Public && is_own && is_signed_in {
            let found = self.named(client, &access.sub).await?;
            // A merged account may have been deleted: the client knows the person by its name still.
            if found.is_some() || self.anybody(&UserId::from(access.sub.as_str())).await?.is_some() {
                return Ok(found);
            }
        }
        let Some(grant) = &access.grant else { return Ok(None) };
        let known = self.people().get(grant).cloned();
        let id = match known {
            Some(id) => id,
            None => match kabinet_store::grant::by_id(self.store().db(), grant).await? {
                Some(found) => self.remember_person(grant, found.user_id),
                // An API token is the grant of what came of it.
                None => match kabinet_store::api_token::owner(self.store().db(), grant.as_str()).await? {
                    Some(owner) => self.remember_person(grant, owner),
                    None => return Ok(None),
                },
            },
        };
        let found = self.user(&id).await?;
        Ok(found.filter(|user| !is_own || is_signed_in || self.subject(client, user) == access.sub))
    }

    /// Whom of those who are signed in a subject of this client means, from a hint or asked for by value; otherwise nobody that
    /// we know.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn hinted(&self, client: &Client, hint: &str, sessions: &[Session]) -> Result<UserId> {
        for session in sessions {
            if self.subject_of(client, &session.user_id).await? == hint {
                return Ok(session.user_id.clone());
            }
        }
        Ok(UserId::from(""))
    }

    fn people(&self) -> std::sync::MutexGuard<'_, HashMap<GrantId, UserId>> {
        self.inner.subjects.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember_person(&self, grant: &GrantId, user: UserId) -> UserId {
        let mut people = self.people();
        if people.len() >= REMEMBERED {
            people.clear();
        }
        people.insert(grant.clone(), user.clone());
        user
    }
}
