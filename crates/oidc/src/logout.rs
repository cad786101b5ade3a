//! RP-Initiated Logout 1.0: what a request to the end-session endpoint means. The sessions themselves are ended by the
//! caller.
//!
//! * A valid `id_token_hint` names the client and the session; that session ends without a question.
//! * `post_logout_redirect_uri` is followed only for a client that is proven by the hint, byte for byte as registered (§3).
//! * Anything else asks the person first, and leads nowhere but to our own page.

use std::sync::Arc;

use kabinet_core::authn::Session;
use kabinet_core::client::Client;

use crate::request::Params;
use crate::respond::{Destination, Response, ResponseMode};
use crate::tokens::Hint;
use crate::{Provider, Result};

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

    /// Whether the hint names this session, so that it may end without a question.
    #[must_use]
    pub fn is_meant(&self, logout: &Logout, session: &Session) -> bool {
        logout.hint.as_ref().is_some_and(|hint| match &hint.sid {
            Some(sid) => *sid == self.sid(&session.id, &hint.client_id),
            None => logout
                .client
                .as_ref()
                .is_some_and(|client| self.subject(client, &session.user_id) == hint.subject),
        })
    }
}
