//! The sealed flow: a checked request on its way through sign-in, consent and back, kept by the browser.
//!
//! 1. The authorization endpoint checks a request and seals it with an id of its own, the time and the browser's binding.
//! 2. Pages carry the seal in the parameter `flow`; nothing is written for a visitor who goes away.
//! 3. At resume it is opened, and the checks that can change are made again.
//!
//! Refused: a seal that is not ours, was changed, or is older than [`TokenConfig::flow`](crate::config::TokenConfig). A seal
//! longer than 3 KiB becomes a row and the parameter its id.

use std::time::Duration;

use kabinet_core::id::{ClientId, FlowId};
use kabinet_core::secret::TokenHash;
use kabinet_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::request::AuthorizeParams;
use crate::{Error, Provider, Result};

/// Longer seals are kept on the server, in characters.
const IN_URL: usize = 3 * 1024;
/// How many are kept on the server at most: visitors make them.
const KEPT: i64 = 100_000;
/// How many visitors of one network may have kept in an hour.
pub(crate) const PER_NETWORK: u32 = 300;
/// The prefix of a seal that is kept on the server.
const ROW: &str = "row.";

/// What a person is on the way to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// An authorization request.
    #[serde(rename = "a")]
    Authorize(Box<AuthorizeParams>),
    /// A page of the provider itself: a path from `/`.
    #[serde(rename = "p")]
    Page(String),
}

/// A request on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// What authentication, choice and consent are tied to.
    #[serde(rename = "i")]
    pub id: FlowId,
    /// When it was sealed first.
    #[serde(rename = "t")]
    pub at: Timestamp,
    /// Hash of the browser's binding cookie.
    #[serde(rename = "b")]
    pub binding: TokenHash,
    /// Where to.
    #[serde(rename = "x")]
    pub target: Target,
}

impl Flow {
    /// The authorization request, if it is one.
    #[must_use]
    pub fn request(&self) -> Option<&AuthorizeParams> {
        match &self.target {
            Target::Authorize(params) => Some(params),
            Target::Page(_) => None,
        }
    }
}

/// Why a seal does not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsealed {
    /// Not ours, changed, or of another installation.
    Broken,
    /// Too old; the client whose request it was, where that can still be read.
    Expired(Option<ClientId>),
}

impl Provider {
    /// A new flow to `target` in the browser with this binding.
    #[must_use]
    pub fn new_flow(&self, target: Target, binding: &TokenHash) -> Flow {
        let now = self.now();
        Flow {
            id: FlowId::generate(now, self.entropy()),
            at: now,
            binding: binding.clone(),
            target,
        }
    }

    /// Seals a flow for the parameter `flow`. `network`: whose visitors make it, since long ones are counted.
    ///
    /// # Errors
    /// When a long one cannot be kept on the server.
    pub async fn seal(&self, flow: &Flow, network: &str) -> Result<String> {
        let plain = serde_json::to_vec(flow).map_err(|e| Error::Bug(e.to_string()))?;
        let sealed = self.inner.flow_sealer.seal(&plain, b"", self.entropy());
        if sealed.len() <= IN_URL {
            return Ok(sealed);
        }
        self.make_room(network, PER_NETWORK).await?;
        let client = ClientId::from(flow.request().map_or("", |request| request.client_id.as_str()));
        let id = format!(
            "{ROW}{}",
            kabinet_core::secret::TokenKind::Code
                .generate(self.entropy())
                .expose()
                .trim_start_matches("kbn_ac_")
        );
        let mut tx = self.store().begin().await?;
        kabinet_store::pushed::insert(
            &mut tx,
            &id,
            &client,
            &sealed,
            self.now()..flow.at.plus(self.config().token.flow),
        )
        .await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Makes sure that one more request may be kept for this network or client, of which `most` may in an hour.
    pub(crate) async fn make_room(&self, whose: &str, most: u32) -> Result<()> {
        let hits = self
            .store()
            .ephemeral()
            .hit(&format!("kabinet:seal:{whose}"), Duration::from_secs(3600))
            .await;
        if hits > most || kabinet_store::pushed::count(self.store().db()).await? >= KEPT {
            return Err(kabinet_store::Error::Busy.into());
        }
        Ok(())
    }

    /// Opens the parameter `flow`.
    ///
    /// # Errors
    /// When the store fails; a seal that does not open is the inner error.
    pub async fn unseal(&self, text: &str) -> Result<std::result::Result<Flow, Unsealed>> {
        let row = match text.strip_prefix(ROW) {
            Some(_) => match kabinet_store::pushed::by_id(self.store().db(), text, self.now()).await? {
                Some(sealed) => Some(sealed),
                None => return Ok(Err(Unsealed::Expired(None))),
            },
            None => None,
        };
        let sealed = row.as_deref().unwrap_or(text);
        let opened = self
            .inner
            .flow_sealer
            .open(sealed, b"")
            .and_then(|plain| serde_json::from_slice::<Flow>(&plain).ok());
        Ok(match opened {
            None => Err(Unsealed::Broken),
            Some(flow) if self.now().since(flow.at) > self.config().token.flow => {
                Err(Unsealed::Expired(flow.request().map(|request| request.client_id.as_str().into())))
            }
            Some(flow) => Ok(flow),
        })
    }
}
