//! RP-Initiated Logout 1.0: what a request to the end-session endpoint means. The sessions themselves are ended by the
//! caller. Front-Channel Logout 1.0: what the browser loads so that clients hear of it.
//!
//! * A valid `id_token_hint` names the client and the session; that session ends without a question.
//! * `post_logout_redirect_uri` is followed only for a client that is proven by the hint, byte for byte as registered (§3).
//! * Anything else asks the person first, and leads nowhere but to our own page.

use std::sync::Arc;

use kabinet_core::authn::Session;
use kabinet_core::client::Client;
use kabinet_core::id::{ClientId, SessionId};

use crate::request::Params;
use crate::respond::{Destination, Response, ResponseMode};
use crate::tokens::Hint;
use crate::{Provider, Result};

/// Frames on one page at most: a browser that has to load more of them is better told by the back-channels.
const FRAMES: usize = 50;

/// What a logout request asks for.
#[derive(Clone, Debug)]
pub struct Logout {
    /// The client that asks, when the hint proves it.
    pub client: Option<Arc<Client>>,
    /// Where to send the browser afterwards.
    pub then: Option<String>,
    hint: Option<Hint>,
}

/// Why a logout request gets an error page: its hint or its redirect URI is not ours to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadLogout;

impl Provider {
    /// Reads a logout request. `Err(BadLogout)` inside: the person sees an error page and nothing is followed.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn read_logout(&self, params: &Params) -> Result<std::result::Result<Logout, BadLogout>> {
        if params.sound().is_err() {
            return Ok(Err(BadLogout));
        }
        let hint = match params.get("id_token_hint") {
            Some(token) => match self.read_hint(token) {
                Some(hint) => Some(hint),
                None => return Ok(Err(BadLogout)),
            },
            None => None,
        };
        // RP-Initiated Logout §2: client_id must match the audience of the hint.
        if let (Some(hint), Some(id)) = (&hint, params.get("client_id"))
            && hint.client_id.as_str() != id
        {
            return Ok(Err(BadLogout));
        }
        let client = match &hint {
            Some(hint) => self.client(&hint.client_id).await?,
            None => None,
        };
        let then = match params.get("post_logout_redirect_uri") {
            None => None,
            Some(uri) => {
                let proven = client.as_ref().and_then(|client| client.metadata.find_post_logout(uri));
                let Some(uri) = proven else { return Ok(Err(BadLogout)) };
                Some(self.way_back(uri, params.get("state")))
            }
        };
        Ok(Ok(Logout { client, then, hint }))
    }

    fn way_back(&self, uri: &str, state: Option<&str>) -> String {
        let to = Destination {
            redirect_uri: uri.to_owned(),
            mode: ResponseMode::Query,
            state: None,
        };
        // RP-Initiated Logout §3: only state is passed back.
        match state {
            Some(state) => Response { to, params: vec![("state", state.to_owned())] }.url(),
            None => uri.to_owned(),
        }
    }

    /// What the browser loads so that the front channels of these clients hear of the end of a session: one address for each
    /// client that has a `frontchannel_logout_uri`, with `iss` and `sid` (§2). A client that cannot be read is left out: the
    /// sign-out itself has happened.
    pub async fn front_channels(&self, session: &SessionId, clients: &[ClientId]) -> Vec<String> {
        let mut frames = Vec::new();
        for id in clients {
            let client = match self.client(id).await {
                Ok(client) => client,
                Err(error) => {
                    tracing::warn!(%error, client.id = %id, "a client did not hear of a sign-out by its front channel");
                    None
                }
            };
            let uri = client.and_then(|client| client.metadata.frontchannel_logout_uri.clone());
            if let Some(redirect_uri) = uri.filter(|_| frames.len() < FRAMES) {
                let to = Destination { redirect_uri, mode: ResponseMode::Query, state: None };
                let params = vec![("iss", self.issuer().to_owned()), ("sid", self.sid(session, id))];
                frames.push(Response { to, params }.url());
            }
        }
        frames
    }

    /// Whether the hint names this session, so that it may end without a question.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn is_meant(&self, logout: &Logout, session: &Session) -> Result<bool> {
        let Some(hint) = &logout.hint else { return Ok(false) };
        Ok(match (&hint.sid, &logout.client) {
            (Some(sid), _) => *sid == self.sid(&session.id, &hint.client_id),
            (None, Some(client)) => self.subject_of(client, &session.user_id).await? == hint.subject,
            (None, None) => false,
        })
    }
}
