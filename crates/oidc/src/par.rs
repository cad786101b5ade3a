//! Pushed authorization requests (RFC 9126).
//!
//! 1. The client authenticates as at the token endpoint and posts the parameters, or a request object with them. They go through
//!    the same checks as at the authorization endpoint, but every error is JSON for the client: no browser is there yet.
//! 2. What was read is kept as a row; the client gets its name, a `request_uri`, and has a minute (`token.par`) to send a browser
//!    with it. The row lives as long as the flow that begins with it, and other parameters beside it are ignored (RFC 9101 §6.3).
//! 3. The transaction that writes the code spends the row (RFC 9126 §4): a browser may come twice, an answer is given once.
//!
//! Refused: `request_uri` among the parameters (§2.1), another client's row, more rows than [`sealed`](crate::sealed) keeps.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kabinet_core::ambient::random;
use kabinet_core::client::Client;
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::id::ClientId;
use kabinet_core::time::Timestamp;
use kabinet_store::{Tx, pushed};

use crate::authorize::{Fault, Refusal};
use crate::client_auth::AuthenticatedClient;
use crate::request::{AuthorizeParams, Params};
use crate::sealed::PER_NETWORK;
use crate::{Caller, Error, Provider, Result};

/// What every name of a pushed request begins with (RFC 9126 §2.2).
const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

/// How many requests a client that authenticates may push in an hour.
const PER_CLIENT: u32 = 20_000;

/// What the client gets (RFC 9126 §2.2).
#[derive(Clone, Debug)]
pub struct Pushed {
    /// The name of the request.
    pub request_uri: String,
    /// Seconds until it can no longer be entered.
    pub expires_in: i64,
}

impl Pushed {
    /// The JSON body.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({"request_uri": self.request_uri, "expires_in": self.expires_in})
    }
}

/// Whether a `request_uri` is one of ours, good or not.
pub(crate) fn is_pushed(uri: &str) -> bool {
    uri.starts_with(PREFIX)
}

impl Provider {
    /// Keeps the request of a client that has authenticated.
    ///
    /// # Errors
    /// What is wrong with it, as an OAuth error.
    pub async fn push(&self, client: &AuthenticatedClient, params: &Params, caller: &Caller) -> Result<Pushed> {
        params.sound()?;
        // RFC 9126 §2.1: the request_uri parameter must not be provided.
        if params.get("request_uri").is_some() {
            return Err(
                OAuthError::new(Code::InvalidRequest, "request_uri cannot be pushed (RFC 9126 section 2.1)").into(),
            );
        }
        let params = named(params, &client.id);
        let mut request = self.read(client.arc(), &params).await.map_err(direct)?;
        self.bind(&mut request, client.arc(), caller).await?;
        let kept = serde_json::to_string(&request).map_err(|e| Error::Bug(e.to_string()))?;
        // One address of a client that has proven itself stands for all its people.
        if client.metadata.is_public() {
            self.make_room(&caller.network, PER_NETWORK).await?;
        } else {
            self.make_room(&format!("client:{}", client.id), PER_CLIENT).await?;
        }
        let request_uri = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random::<32>(self.entropy())));
        let now = self.now();
        let (par, flow) = (self.config().token.par, self.config().token.flow);
        let life = now..now.plus(par + flow);
        let mut tx = self.store().begin().await?;
        pushed::insert(&mut tx, &request_uri, &client.id, &kept, life).await?;
        tx.commit().await?;
        Ok(Pushed { request_uri, expires_in: par })
    }

    /// RFC 9449 §10.1: a proof with a pushed request stands for `dpop_jkt`, and must not differ from one.
    async fn bind(&self, request: &mut AuthorizeParams, client: &Arc<Client>, caller: &Caller) -> Result<()> {
        const ANOTHER: OAuthError = OAuthError::new(
            Code::InvalidDpopProof,
            "the proof is by another key than dpop_jkt (RFC 9449 section 10.1)",
        );
        let Some(key) = self.possession(&caller.dpop, ("POST", "/oauth2/par"), None).await? else {
            return Ok(());
        };
        if request.dpop_jkt.as_deref().is_some_and(|named| named != key.as_str()) {
            return Err(ANOTHER.into());
        }
        request.dpop_jkt = Some(key.as_str().to_owned());
        // Not every response type can be bound.
        let destination = Self::destination(client, request).map_err(direct)?;
        self.check(request, client.clone(), destination).map_err(direct)?;
        Ok(())
    }

    /// The request that this client pushed under this name.
    pub(crate) async fn pushed(
        &self,
        uri: &str,
        client: &Arc<Client>,
    ) -> std::result::Result<AuthorizeParams, Refusal> {
        const GONE: Refusal = Refusal::Page(Fault::ExpiredRequest);
        let now = self.now();
        let since = now.plus(-self.config().token.par);
        let kept = pushed::of_client(self.store().db(), uri, &client.id, since, now)
            .await
            .map_err(Error::from)?;
        let mut request: AuthorizeParams =
            serde_json::from_str(&kept.ok_or(GONE)?).map_err(|e| Error::Bug(e.to_string()))?;
        // What may have changed since it was pushed.
        let destination = Self::destination(client, &request)?;
        self.check(&request, client.clone(), destination)?;
        request.pushed = Some(uri.to_owned());
        Ok(request)
    }

    /// Spends a pushed request together with the answer to it.
    pub(crate) async fn spend_pushed(&self, tx: &mut Tx, id: &str, now: Timestamp) -> Result<()> {
        if pushed::spend(tx, id, now).await? {
            return Ok(());
        }
        Err(
            OAuthError::new(Code::InvalidRequestUri, "this pushed request was answered before (RFC 9126 section 4)")
                .into(),
        )
    }
}

/// The parameters with the client that proved itself as `client_id`. Another one stays, and is refused with the rest.
fn named(params: &Params, client: &ClientId) -> Params {
    if params.get("client_id").is_some() {
        return params.clone();
    }
    params.clone().with("client_id", client.as_str())
}

/// A refusal of the authorization endpoint for a client instead of a browser (RFC 9126 §2.3).
fn direct(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Answer(_, error) => error.into(),
        Refusal::Page(Fault::BadRedirectUri) => {
            OAuthError::new(Code::InvalidRequest, "redirect_uri is missing or not one of this client's").into()
        }
        Refusal::Page(_) => OAuthError::new(Code::InvalidRequest, "the request cannot be read").into(),
        Refusal::Failed(error) => error,
    }
}
