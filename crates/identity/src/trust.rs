//! Whom sign-in by certificate believes: the anchors, the authorities below them, and their revocation lists.

use std::sync::Arc;

use kabinet_gost::{Trust, Verifier};

use crate::{Config, Identity};

/// A verifier that believes nobody yet.
pub(crate) fn nobody(config: &Config) -> Verifier {
    Verifier { trust: Trust::default(), policy: config.certificate.policy() }
}

impl Identity {
    /// Verifies signatures by certificate, with the trust of this moment.
    pub(crate) fn verifier(&self) -> Arc<Verifier> {
        self.0.verifier.load_full()
    }

    /// Whether there is an anchor: without one nobody can sign in by certificate.
    #[must_use]
    pub fn has_anchors(&self) -> bool {
        !self.0.verifier.load().trust.anchors.is_empty()
    }

    /// Stand-in until the lists are fetched.
    pub(crate) async fn fetch_missing_lists(&self, _chain: &[kabinet_gost::Certificate]) -> bool {
        false
    }
}
