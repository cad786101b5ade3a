//! Session Management 1.0: a client's page can ask, without a request, whether the browser's sign-in changed.
//!
//! 1. The answer to an authorization request of a client with `session_management` has a `session_state` (§3):
//!    `base64url(SHA-256(client_id " " origin " " browser_state " " salt)) "." salt`, over the origin of its redirect URI.
//! 2. `browser_state` stands in a cookie that scripts of the provider's own origin can read, and changes with the set of
//!    sessions.
//! 3. The page at `check_session_iframe` (§4) computes the same for whoever posts it a message, over the origin that the
//!    browser vouches for, and answers `unchanged`, `changed` or `error`. Only pages of registered origins may frame it.
//!
//! Browsers keep cookies from frames of other sites, so this serves products on the provider's own site; others hear of
//! sign-outs by their back-channel.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kabinet_core::ambient::random;
use kabinet_core::client::Client;
use kabinet_core::redirect::origin_of;
use sha2::{Digest, Sha256};

use crate::Provider;

impl Provider {
    /// `session_state` for a client that has it and this redirect URI; `None` for others, and for a private scheme, which has
    /// no origin.
    #[must_use]
    pub fn session_state(&self, client: &Client, redirect_uri: &str, browser_state: &str) -> Option<String> {
        if !client.metadata.session_management {
            return None;
        }
        let salt = URL_SAFE_NO_PAD.encode(random::<12>(self.entropy()));
        let text = [client.id.as_str(), &origin_of(redirect_uri)?, browser_state, &salt].join(" ");
        Some(format!("{}.{salt}", URL_SAFE_NO_PAD.encode(Sha256::digest(text))))
    }
}
