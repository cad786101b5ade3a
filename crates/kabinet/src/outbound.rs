//! The guarded client for outgoing calls, as `[outbound]` sets it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use kabinet_fetch::{Fetch, Options};
use kabinet_gost::SignatureVerifier;
use kabinet_identity::trust::OutsideVerifier;

use crate::config::Config;

/// How long a call to what a client published may take: somebody waits for the answer.
pub const CLIENTS: Duration = Duration::from_secs(5);

/// How long a revocation list may take.
const LISTS: Duration = Duration::from_secs(10);

/// A client whose calls end after `patience`.
///
/// # Errors
/// When the file of certificate authorities cannot be used.
pub fn fetch(config: &Config, patience: Duration) -> anyhow::Result<Fetch> {
    Fetch::new(options(config, patience)?).context("outbound.ca")
}

/// A client for revocation lists: authorities publish them over plain http, since each bears a signature.
pub(crate) fn lists(config: &Config) -> anyhow::Result<Fetch> {
    let options = Options { plain_http: true, ..options(config, LISTS)? };
    Fetch::new(options).context("outbound.ca")
}

/// The verifier of signatures that the configuration names.
///
/// # Errors
/// When its token cannot be sent, or the file of certificate authorities cannot be used.
pub(crate) fn verifier(config: &Config) -> anyhow::Result<Option<Arc<dyn SignatureVerifier>>> {
    let section = &config.certificate;
    let Some(url) = &section.verifier_url else {
        return Ok(None);
    };
    let token = section.verifier_token.as_ref().map(|token| &token.0);
    let asked =
        OutsideVerifier::new((fetch(config, CLIENTS)?, url.clone()), token, (section.require, section.revocation));
    Ok(Some(Arc::new(asked.context("certificate.verifier_token")?)))
}

/// What may be called, with calls that end after `patience`.
pub(crate) fn options(config: &Config, patience: Duration) -> anyhow::Result<Options> {
    Ok(Options {
        allow: config.outbound.allow.iter().map(|network| network.0).collect(),
        ca: authorities(config)?,
        timeout: patience,
        ..Options::default()
    })
}

/// The file of further certificate authorities, if one is named.
pub(crate) fn authorities(config: &Config) -> anyhow::Result<Option<Bytes>> {
    let Some(path) = &config.outbound.ca else {
        return Ok(None);
    };
    let file = std::fs::read(path).with_context(|| format!("outbound.ca: cannot read {}", path.display()))?;
    Ok(Some(file.into()))
}
