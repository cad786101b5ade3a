//! API tokens: made by a person for a program of theirs, shown once, taken back one by one.
//!
//! 1. Making one needs a fresh proof of the account, by its password or, without one, by a code: whoever finds an open browser
//!    gets nothing that lasts. Its hash is kept; every confirmed contact is told.
//! 2. What it may open is a part of what the operator allows to such tokens (`api_tokens.scopes`), for a year at most.
//! 3. Its owner takes it back in the cabinet, an administrator on the command line, and anybody who finds it by handing it in
//!    ([`report_leaked`](Identity::report_leaked)): whoever holds the text could do worse. What came of it dies with it.
//! 4. A disabled account, a new password by recovery and a withdrawn consent to the processing of personal data end every token,
//!    as they end every grant (`kabinet_store::grant::end_of_user`).
//! 5. A week before its end its owner is told.

use std::time::Duration;

use kabinet_core::api_token::{self as token, ApiToken, Networks};
use kabinet_core::audit::{Event, Origin, Record};
use kabinet_core::authn::Session;
use kabinet_core::brand::Brand;
use kabinet_core::id::{ApiTokenId, ClientId, ConfirmationId, OrganisationId, SessionId, UserId};
use kabinet_core::scope::Scope;
use kabinet_core::secret::{Secret, TokenHash};
use kabinet_core::user::User;
use kabinet_store::change::{self, Kind};
use kabinet_store::{Error as StoreError, api_token, user};
use serde::{Deserialize, Serialize};

use crate::confirmation::{Attempt, CodeError, Confirmed};
use crate::delivery::{Notice, Purpose, Word};
use crate::{Error, Identity, Visit};

/// How many reports one network may make in a window, and the window.
const REPORTS: (u32, Duration) = (60, Duration::from_secs(3600));

/// What a person wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewApiToken {
    /// What they call it.
    pub name: String,
    /// The most that comes of it.
    pub scope: Scope,
    /// The one client that may exchange it; none: every client that may.
    pub client: Option<ClientId>,
    /// The organisation that its bearer acts for.
    pub organisation: Option<OrganisationId>,
    /// How long it lives, seconds.
    pub life: i64,
    /// Where it may be used from.
    pub networks: Networks,
}

/// A token that was made.
#[derive(Debug, PartialEq, Eq)]
pub struct MadeApiToken {
    /// Its text, which nobody can show again.
    pub text: Secret,
    /// What is remembered of it.
    pub token: ApiToken,
}

/// Why none was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadApiToken {
    /// The name cannot be shown.
    #[error("the name must have 1 to 100 characters, none of which hides others")]
    Name,
    /// Nothing, or something that such tokens may not open.
    #[error("the scope is empty or may not be given to API tokens")]
    Scope,
    /// The person does not act for it.
    #[error("the person does not act for that organisation")]
    Organisation,
    /// Too long or no time at all.
    #[error("the life is out of bounds")]
    Life,
    /// They have as many as one may have.
    #[error("too many API tokens")]
    TooMany,
}

/// Why none was made: the person's choice, or a failure of ours.
#[derive(Debug, thiserror::Error)]
pub enum ApiTokenError {
    /// What they want cannot be.
    #[error(transparent)]
    Bad(#[from] BadApiToken),
    /// Not the person's fault.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<StoreError> for ApiTokenError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

/// What a code that proves the account once more makes.
#[derive(Serialize, Deserialize)]
#[serde(tag = "then")]
pub(crate) enum FreshApiToken {
    /// A token of this account, in the session in which the code was asked for.
    #[serde(rename = "make-api-token")]
    Make {
        user: UserId,
        session: SessionId,
        new: NewApiToken,
    },
}

impl Identity {
    /// Whether a person could make this token now.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check_api_token(&self, person: &User, new: &NewApiToken) -> Result<(), BadApiToken> {
        let config = &self.0.config.api_token;
        let allowed: Scope = config.scopes.iter().map(String::as_str).collect();
        if token::name(&new.name).as_ref() != Some(&new.name) {
            return Err(BadApiToken::Name);
        }
        if new.scope.is_empty() || !new.scope.is_within(&allowed) {
            return Err(BadApiToken::Scope);
        }
        let acts_for = |id: &OrganisationId| person.organisations.list.iter().any(|one| one.id == *id);
        if new.organisation.as_ref().is_some_and(|id| !acts_for(id)) {
            return Err(BadApiToken::Organisation);
        }
        if !(1..=config.longest).contains(&new.life) {
            return Err(BadApiToken::Life);
        }
        Ok(())
    }

    /// Makes a token for a person who has just proven the account, and tells every contact.
    ///
    /// # Errors
    /// See [`ApiTokenError`].
    pub async fn make_api_token(
        &self,
        user: &UserId,
        new: &NewApiToken,
        visit: &Visit,
    ) -> Result<MadeApiToken, ApiTokenError> {
        let (now, entropy) = (self.now(), &*self.0.entropy);
        let mut tx = self.0.store.begin().await?;
        // Puts changes of one account in a row, so that two at once are counted.
        change::tell(&mut tx, Kind::User, &[user.to_string()], now).await?;
        let person = user::by_id_in(&mut tx, user).await?.filter(|person| !person.disabled);
        let person = person.ok_or(Error::Gone)?;
        self.check_api_token(&person, new)?;
        if api_token::count(&mut tx, user, now).await? >= self.0.config.api_token.most {
            return Err(BadApiToken::TooMany.into());
        }
        let text = token::generate(entropy);
        let token = ApiToken {
            id: ApiTokenId::generate(now, entropy),
            user_id: user.clone(),
            name: new.name.clone(),
            scope: new.scope.clone(),
            client_id: new.client.clone(),
            organisation_id: new.organisation.clone(),
            networks: new.networks.clone(),
            created_at: now,
            expires_at: now.plus(new.life),
            used: None,
            ended_at: None,
        };
        api_token::insert(&mut tx, &token, &TokenHash::of(text.expose())).await?;
        let record = record_of(Event::ApiTokenCreated, &token)
            .with("scope", token.scope.to_string())
            .with("expires_at", token.expires_at.0)
            .with("networks", token.networks.to_string());
        self.write(&mut tx, &record, &visit.origin).await?;
        let notice = Notice {
            person: &person,
            except: None,
            word: Word::ApiTokenMade(now),
            brand: &visit.brand,
        };
        self.post_to_all(&mut tx, notice).await?;
        tx.commit().await?;
        self.0.store.ephemeral().publish().await;
        self.posted();
        Ok(MadeApiToken { text, token })
    }

    /// Sends a code that proves an account without a password once more, and then makes a token.
    ///
    /// # Errors
    /// See [`CodeError`]; [`CodeError::NotSent`] where the account has no contact that codes are sent to.
    pub async fn begin_api_token(
        &self,
        person: &User,
        session: &Session,
        new: NewApiToken,
        visit: &Visit,
    ) -> Result<ConfirmationId, CodeError> {
        let contact = self.second_contact(person).ok_or(CodeError::NotSent)?;
        let then = FreshApiToken::Make { user: person.id.clone(), session: session.id.clone(), new };
        self.request_code(Purpose::SignIn, &contact, &then, visit).await
    }

    pub(crate) async fn finish_api_token(
        &self,
        attempt: &Attempt,
        then: FreshApiToken,
        visit: &Visit,
    ) -> Result<Confirmed, CodeError> {
        let FreshApiToken::Make { user, session, new } = then;
        self.spend_in_session(attempt, (&session, &user), visit).await?;
        match self.make_api_token(&user, &new, visit).await {
            Ok(made) => Ok(Confirmed::ApiTokenMade(Box::new(made))),
            Err(ApiTokenError::Bad(bad)) => Ok(Confirmed::ApiTokenNotMade(bad)),
            Err(ApiTokenError::Store(error)) => Err(error.into()),
        }
    }

    /// The tokens of a person, the living ones first, also those that have ended within a month.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn api_tokens_of(&self, user: &UserId) -> Result<Vec<ApiToken>, Error> {
        Ok(api_token::of_user(self.0.store.db(), user, self.now()).await?)
    }

    /// Takes a token of this person back; `false` when there is none, or it had ended.
    ///
    /// # Errors
    /// When the database fails; then nothing has changed.
    pub async fn revoke_api_token(&self, user: &UserId, id: &ApiTokenId, origin: &Origin) -> Result<bool, Error> {
        let mut tx = self.0.store.begin().await?;
        let Some(token) = api_token::end(&mut tx, id, user, self.now()).await? else {
            tx.rollback().await?;
            return Ok(false);
        };
        self.write(&mut tx, &record_of(Event::ApiTokenRevoked, &token), origin).await?;
        tx.commit().await?;
        self.0.store.ephemeral().publish().await;
        Ok(true)
    }

    /// Takes what somebody has found: if it is a token of ours, it is revoked and its owner told; whether it was. `Err`: after how
    /// many seconds this network may report again. Nothing of this is said to anybody.
    ///
    /// # Errors
    /// When the database fails; then nothing has changed.
    pub async fn report_leaked(&self, text: &str, visit: &Visit) -> Result<Result<bool, i64>, Error> {
        let (most, window) = REPORTS;
        let key = format!("leaked {}", visit.network);
        if self.0.store.ephemeral().hit(&key, window).await > most {
            return Ok(Err(i64::try_from(window.as_secs()).unwrap_or(i64::MAX)));
        }
        if !token::is_sound(text) {
            return Ok(Ok(false));
        }
        let now = self.now();
        let mut tx = self.0.store.begin().await?;
        let Some(token) = api_token::end_by_hash(&mut tx, &TokenHash::of(text), now).await? else {
            tx.rollback().await?;
            return Ok(Ok(false));
        };
        let origin = Origin { actor: "finder", ..visit.origin.clone() };
        self.write(&mut tx, &record_of(Event::ApiTokenLeaked, &token), &origin).await?;
        if let Some(person) = user::by_id_in(&mut tx, &token.user_id).await? {
            let notice = Notice {
                person: &person,
                except: None,
                word: Word::ApiTokenLeaked(now),
                brand: &visit.brand,
            };
            self.post_to_all(&mut tx, notice).await?;
        }
        tx.commit().await?;
        self.0.store.ephemeral().publish().await;
        self.posted();
        Ok(Ok(true))
    }

    /// Tells people whose tokens end within a week, once each. How many.
    ///
    /// # Errors
    /// When the database fails; they are told the next time.
    pub async fn remind_of_api_tokens(&self, brand: &Brand) -> Result<usize, Error> {
        let mut tx = self.0.store.begin().await?;
        let ending = api_token::remind(&mut tx, self.0.config.api_token.remind, self.now()).await?;
        if ending.is_empty() {
            tx.rollback().await?;
            return Ok(0);
        }
        for token in &ending {
            if let Some(person) = user::by_id_in(&mut tx, &token.user_id).await? {
                let notice = Notice {
                    person: &person,
                    except: None,
                    word: Word::ApiTokenEnds(token.expires_at),
                    brand,
                };
                self.post_to_all(&mut tx, notice).await?;
            }
        }
        tx.commit().await?;
        self.posted();
        Ok(ending.len())
    }
}

fn record_of(event: Event, token: &ApiToken) -> Record {
    let record = Record::of(event).user(&token.user_id).with("api_token", token.id.as_str());
    let record = token.client_id.iter().fold(record, Record::client);
    record.with("organisation", token.organisation_id.as_ref().map(OrganisationId::as_str))
}
