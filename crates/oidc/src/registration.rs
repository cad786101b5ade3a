//! Dynamic client registration (RFC 7591, OpenID Connect Registration 1.0) and its management (RFC 7592).
//!
//! 1. Who may: nobody, the bearer of an initial access token, or anybody, as [`RegistrationConfig::mode`] says. Without a
//!    token a network registers a few clients an hour, and a client that nobody allowed anything goes after a week.
//! 2. What: `core::registration` makes metadata of what was said; privileges cannot be asked for.
//! 3. `sector_identifier_uri` is fetched through the guarded client and must list every redirect URI (OpenID Connect
//!    Registration §5).
//! 4. `logo_uri` is fetched, too, where pages will show it (`logo.rs`); without it the registration goes on.
//! 5. Client, initial token and audit record are one transaction. The client gets a secret, where it authenticates by one,
//!    and a registration access token; hashes of both are kept.
//! 6. With that token the client reads, replaces or deletes itself. Each replacement changes the token (RFC 7592 §5); of two
//!    at once one wins. What an administrator set stays. New redirect URIs or keys are a new party behind an old name, so
//!    remembered consents are voided. A deletion ends every grant.
//!
//! Differs from RFC 7592 §3: a secret is shown once and not at each reading, since only its hash is kept.

use kabinet_core::audit::{Event, Record};
use kabinet_core::client::{BadClient, Client, ClientMetadata, ClientSecret};
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::id::ClientId;
use kabinet_core::json;
use kabinet_core::registration::{Before, Offer, description, metadata};
use kabinet_core::secret::{Secret, TokenHash, TokenKind};
use kabinet_core::time::Timestamp;
use kabinet_store::{Tx, audit, change, client, consent, grant, registration as store, throttle};
use serde_json::{Map, Value};
use url::Url;

use crate::config::RegistrationMode;
use crate::live::is_an_id;
use crate::{Caller, Error, Provider, Result};

/// The window in which registrations of a network are counted, seconds.
const HOUR: i64 = 3600;
/// How often a client may replace its registration in that time.
const REPLACEMENTS: i64 = 60;
const BAD_TOKEN: OAuthError = OAuthError::new(Code::InvalidToken, "the token is unknown, spent, expired or revoked");
const CHANGED: OAuthError = OAuthError::new(
    Code::TemporarilyUnavailable,
    "the client was changed by somebody else meanwhile, try again",
);

/// Why a registration request is refused.
#[derive(Debug)]
pub enum Refusal {
    /// A token is needed and none was sent.
    NoToken,
    /// The metadata cannot be registered.
    Metadata(BadClient),
    /// Anything else.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl From<BadClient> for Refusal {
    fn from(bad: BadClient) -> Self {
        Self::Metadata(bad)
    }
}

/// What registration functions return.
pub type Answer<T> = std::result::Result<T, Refusal>;

/// A client as it is told to itself.
#[derive(Debug)]
pub struct Registered {
    /// The client.
    pub client: Client,
    /// A secret that was made just now.
    pub secret: Option<Secret>,
    /// What it manages itself by.
    pub token: Secret,
}

impl Provider {
    /// Whether somebody may register now.
    #[must_use]
    pub fn takes_registrations(&self) -> bool {
        self.config().registration.mode != RegistrationMode::Closed
    }

    fn offer(&self) -> Offer {
        Offer {
            response_types: self.config().response_types.clone(),
            scope: self.config().registration.scope.clone(),
        }
    }

    /// Registers a client (RFC 7591 §3).
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn register(&self, bearer: Option<&str>, body: &[u8], caller: &Caller) -> Answer<Registered> {
        if !self.takes_registrations() {
            return Err(OAuthError::new(Code::AccessDenied, "clients are registered by an administrator here").into());
        }
        let initial = self.initial_token(bearer).await?;
        let request = read(body)?;
        let metadata = metadata(&request, None, &self.offer())?;
        if initial.is_none() {
            self.count_registration(caller).await?;
        }
        self.check_sector(&metadata).await?;
        let (now, entropy) = (self.now(), self.entropy());
        let (secret, secrets) = self.new_secret(&metadata);
        let client = Client {
            id: ClientId::generate(now, entropy),
            metadata,
            secrets,
            disabled: false,
            created_at: now,
            updated_at: now,
        };
        let logo = self.renew_logo((&client.id, &client.metadata), initial.is_some()).await?;
        let token = TokenKind::Registration.generate(entropy);
        let mut record = Record::of(Event::ClientRegistered).client(&client.id);
        let mut tx = self.store().begin().await?;
        if let Some(initial) = &initial {
            // Two registrations by the last use of a token: one statement decides.
            let id = store::spend(&mut tx, initial, now).await?.ok_or(BAD_TOKEN)?;
            record = record.with("initial_access_token", id);
        }
        client::insert(&mut tx, &client).await?;
        logo.apply(&mut tx, &client.id, now).await?;
        store::insert(&mut tx, &client.id, &TokenHash::of(token.expose()), initial.is_none(), now).await?;
        self.finish(tx, record, &client.id, caller).await?;
        Ok(Registered { client, secret, token })
    }

    /// The initial access token that was presented, when it is good; nothing where none is needed.
    async fn initial_token(&self, bearer: Option<&str>) -> Answer<Option<TokenHash>> {
        let Some(token) = bearer else {
            return match self.config().registration.mode {
                RegistrationMode::Open => Ok(None),
                RegistrationMode::Token | RegistrationMode::Closed => Err(Refusal::NoToken),
            };
        };
        let hash = TokenHash::of(token);
        if !store::allows(self.store().db(), &hash, self.now()).await? {
            return Err(BAD_TOKEN.into());
        }
        Ok(Some(hash))
    }

    /// Counts before anything is fetched or written for somebody who may be unknown.
    async fn count_registration(&self, caller: &Caller) -> Answer<()> {
        let key = format!("registration:{}", self.inner.registration_stamper.stamp(&[&caller.network]));
        let mut tx = self.store().begin().await?;
        let (count, _) = throttle::count(&mut tx, &key, self.now(), HOUR).await?;
        tx.commit().await?;
        if count > self.config().registration.per_hour {
            return Err(
                OAuthError::new(Code::TemporarilyUnavailable, "too many registrations, try again in an hour").into(),
            );
        }
        Ok(())
    }

    /// Each replacement is a record and makes nodes read the client anew.
    async fn count_replacement(&self, id: &ClientId) -> Answer<()> {
        let key = format!("registration:{}", self.inner.registration_stamper.stamp(&["replaced", id.as_str()]));
        let mut tx = self.store().begin().await?;
        let (count, _) = throttle::count(&mut tx, &key, self.now(), HOUR).await?;
        tx.commit().await?;
        if count > REPLACEMENTS {
            return Err(OAuthError::new(Code::TemporarilyUnavailable, "too many changes, try again in an hour").into());
        }
        Ok(())
    }

    /// Reads a client's registration (RFC 7592 §2.1).
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn read_registration(&self, id: &ClientId, bearer: Option<&str>) -> Answer<Registered> {
        let (client, _, token) = self.manager(id, bearer).await?;
        Ok(Registered { client, secret: None, token })
    }

    /// Replaces a client's metadata (RFC 7592 §2.2).
    ///
    /// # Errors
    /// See [`Refusal`]; then nothing has changed.
    pub async fn replace_registration(
        &self,
        id: &ClientId,
        bearer: Option<&str>,
        body: &[u8],
        caller: &Caller,
    ) -> Answer<Registered> {
        let (before, registration, presented) = self.manager(id, bearer).await?;
        let request = read(body)?;
        self.check_replacement(&request, &before)?;
        let base = Before { metadata: &before.metadata, held: &registration.held };
        let metadata = metadata(&request, Some(base), &self.offer())?;
        // No consent stands between such a client and people, so nobody but an administrator makes it another party.
        let known = &before.metadata;
        let is_trusted = known.first_party
            || known.admin_role.is_some()
            || !known.resources.is_empty()
            || !known.token_exchange_audiences.is_empty();
        if is_trusted && is_another_party(known, &metadata) {
            return Err(
                OAuthError::new(Code::AccessDenied, "an administrator trusts this client and changes this").into(),
            );
        }
        self.count_replacement(id).await?;
        let sector =
            |metadata: &ClientMetadata| (metadata.sector_identifier_uri.clone(), metadata.redirect_uris.clone());
        if metadata.sector_identifier_uri.is_some() && sector(&metadata) != sector(&before.metadata) {
            self.count_registration(caller).await?;
            self.check_sector(&metadata).await?;
        }
        let is_vouched = !registration.open || registration.held.iter().any(|held| held == "logo_uri");
        let logo = self.renew_logo((id, &metadata), is_vouched).await?;
        let now = self.now();
        let token = TokenKind::Registration.generate(self.entropy());
        let mut client = Client { metadata, updated_at: now, ..before.clone() };
        let has_secret = client.metadata.token_endpoint_auth_method.has_secret();
        let mut secret = None;
        if !has_secret {
            client.secrets.clear();
        } else if client.secrets.is_empty() {
            (secret, client.secrets) = self.new_secret(&client.metadata);
        }
        let mut tx = self.store().begin().await?;
        let (old, new) = (TokenHash::of(presented.expose()), TokenHash::of(token.expose()));
        // RFC 7592 §5: of two requests with the same token one wins.
        let kept = store::rotate(&mut tx, id, &old, &new).await?.ok_or(BAD_TOKEN)?;
        if kept.held != registration.held || client::by_id_in(&mut tx, id).await?.as_ref() != Some(&before) {
            return Err(CHANGED.into());
        }
        client::update(&mut tx, &client).await?;
        logo.apply(&mut tx, id, now).await?;
        let mut record = Record::of(Event::ClientUpdated).client(id).with("by", "registration access token");
        if is_another_party(&before.metadata, &client.metadata) {
            let voided = consent::withdraw_all(&mut tx, id).await?;
            record = record.with("consents_voided", voided);
        }
        self.finish(tx, record, id, caller).await?;
        Ok(Registered { client, secret, token })
    }

    /// Deletes a client with its grants and consents (RFC 7592 §2.3).
    ///
    /// # Errors
    /// See [`Refusal`]; then nothing has changed.
    pub async fn delete_registration(&self, id: &ClientId, bearer: Option<&str>, caller: &Caller) -> Answer<()> {
        self.manager(id, bearer).await?;
        let mut tx = self.store().begin().await?;
        // Ended first, so that nodes that remember its tokens are told that they are dead.
        grant::end_of_client(&mut tx, id, self.now()).await?;
        if !client::delete(&mut tx, id).await? {
            return Err(BAD_TOKEN.into());
        }
        let record = Record::of(Event::ClientDeleted).client(id).with("by", "registration access token");
        Ok(self.finish(tx, record, id, caller).await?)
    }

    /// Deletes clients that registered themselves without a token and that nobody used; how many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sweep_registrations(&self) -> Result<usize> {
        let now = self.now();
        let before = now.plus(-self.config().registration.unused);
        if !store::has_unused(self.store().db(), before).await? {
            return Ok(0);
        }
        let mut tx = self.store().begin().await?;
        let gone = store::delete_unused(&mut tx, before, now).await?;
        tx.commit().await?;
        self.changed().await;
        Ok(gone.len())
    }

    /// The client whose registration access token was presented. RFC 7592 §2: one answer for an unknown client and a
    /// wrong token.
    async fn manager(&self, id: &ClientId, bearer: Option<&str>) -> Answer<(Client, store::Registration, Secret)> {
        let token = bearer.ok_or(Refusal::NoToken)?;
        if !is_an_id(id.as_str()) {
            return Err(BAD_TOKEN.into());
        }
        let db = self.store().db();
        let registration = store::by_client(db, id).await?.filter(|known| known.token.matches(token));
        let registration = registration.ok_or(BAD_TOKEN)?;
        let client = client::by_id(db, id).await?.filter(|client| !client.disabled).ok_or(BAD_TOKEN)?;
        Ok((client, registration, Secret::from(token)))
    }

    /// RFC 7592 §2.2: the client names itself, and nothing that only the server says.
    fn check_replacement(&self, request: &Map<String, Value>, client: &Client) -> Answer<()> {
        let bad = |field, detail: &str| Err(BadClient { field, detail: detail.to_owned() }.into());
        if request.get("client_id").and_then(Value::as_str) != Some(client.id.as_str()) {
            return bad("client_id", "must be there and must not change (RFC 7592 section 2.2)");
        }
        for name in [
            "registration_access_token",
            "registration_client_uri",
            "client_secret_expires_at",
            "client_id_issued_at",
        ] {
            if request.contains_key(name) {
                return bad(name, "must not be sent (RFC 7592 section 2.2)");
            }
        }
        match request.get("client_secret") {
            None => Ok(()),
            Some(Value::String(secret)) if client.knows_secret(secret, self.now()) => Ok(()),
            Some(_) => bad("client_secret", "must be the present one (RFC 7592 section 2.2)"),
        }
    }

    /// OpenID Connect Registration §5: the file lists every redirect URI.
    async fn check_sector(&self, metadata: &ClientMetadata) -> Answer<()> {
        let Some(uri) = &metadata.sector_identifier_uri else {
            return Ok(());
        };
        let bad = |detail: &str| BadClient { field: "sector_identifier_uri", detail: detail.to_owned() };
        let url = Url::parse(uri).map_err(|_| bad("is no URL"))?;
        let listed: std::result::Result<Vec<String>, _> =
            self.inner.fetch.get(url).await.and_then(kabinet_fetch::Response::json);
        let listed = listed.map_err(|_| bad("gave no JSON array of redirect URIs"))?;
        if metadata.redirect_uris.iter().all(|uri| listed.contains(uri)) {
            Ok(())
        } else {
            Err(bad("does not list every redirect URI (OpenID Connect Registration section 5)").into())
        }
    }

    fn new_secret(&self, metadata: &ClientMetadata) -> (Option<Secret>, Vec<ClientSecret>) {
        if !metadata.token_endpoint_auth_method.has_secret() {
            return (None, Vec::new());
        }
        let secret = TokenKind::ClientSecret.generate(self.entropy());
        let kept = ClientSecret {
            hash: TokenHash::of(secret.expose()),
            created_at: self.now(),
            expires_at: None,
        };
        (Some(secret), vec![kept])
    }

    async fn finish(&self, mut tx: Tx, record: Record, id: &ClientId, caller: &Caller) -> Result<()> {
        let now = self.now();
        audit::write(&mut tx, &record, &Self::client_origin(&caller.origin), now, self.entropy()).await?;
        change::tell(&mut tx, change::Kind::Client, &[id.to_string()], now).await?;
        tx.commit().await?;
        self.changed().await;
        Ok(())
    }

    /// What a client is told of itself (RFC 7591 §3.2.1, RFC 7592 §3).
    #[must_use]
    pub fn registration_json(&self, registered: &Registered) -> Value {
        let Registered { client, secret, token } = registered;
        let mut body = description(&client.metadata);
        let mut say = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
        say("client_id", client.id.as_str().into());
        say("client_id_issued_at", client.created_at.0.into());
        if let Some(secret) = secret {
            say("client_secret", secret.expose().into());
        }
        if client.metadata.token_endpoint_auth_method.has_secret() {
            // RFC 7591 §3.2.1: 0 when it does not expire.
            let end = |ends: &Option<Timestamp>| ends.map_or(0, |at| at.0);
            say(
                "client_secret_expires_at",
                client.secrets.last().map_or(0, |last| end(&last.expires_at)).into(),
            );
        }
        say("registration_access_token", token.expose().into());
        say(
            "registration_client_uri",
            format!("{}/oauth2/register/{}", self.issuer(), client.id).into(),
        );
        Value::Object(body)
    }
}

fn read(body: &[u8]) -> Answer<Map<String, Value>> {
    let bad = |why: json::BadJson| BadClient {
        field: "body",
        detail: format!("{why}; it must be one JSON object"),
    };
    Ok(json::object(body).map_err(bad)?)
}

/// Whether those who get the codes, or those who can redeem them, may be others than before.
fn is_another_party(before: &ClientMetadata, after: &ClientMetadata) -> bool {
    before.redirect_uris != after.redirect_uris
        || before.jwks != after.jwks
        || before.jwks_uri != after.jwks_uri
        || before.token_endpoint_auth_method != after.token_endpoint_auth_method
}
