//! What a client knows a person by (OpenID Connect Core §8): the person's own id, or for `subject_type` `pairwise` a name that
//! only clients of the same sector see, so that two products cannot compare theirs.
//!
//! A pairwise subject is a code over sector and person under a key of the installation. It cannot be turned back: who the
//! person of a token is, is known from the token's grant; who a hint means, by making the names of those who are signed in.

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
    pub fn subject(&self, client: &Client, user: &UserId) -> String {
        match (client.metadata.subject_type, client.metadata.sector()) {
            (SubjectType::Pairwise, Some(sector)) => self.inner.subjects.stamper.stamp(&[&sector, user.as_str()]),
            _ => user.to_string(),
        }
    }

    /// The person whom a token of this client is about, from memory where the subject does not tell.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn person_of(&self, access: &Access, client: &Client) -> Result<Option<Arc<User>>> {
        // After an exchange the subject is what the client knows that the token was first given to.
        if client.metadata.subject_type == SubjectType::Public && access.act.is_none() {
            return self.user(&UserId::from(access.sub.as_str())).await;
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
        self.user(&id).await
    }

    /// Whom of those who are signed in a subject of this client means, from a hint or asked for by value; otherwise nobody that
    /// we know.
    #[must_use]
    pub(crate) fn hinted(&self, client: &Client, hint: &str, sessions: &[Session]) -> UserId {
        let mut users = sessions.iter().map(|session| &session.user_id);
        users
            .find(|user| self.subject(client, user) == hint)
            .map_or_else(|| UserId::from(""), Clone::clone)
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
