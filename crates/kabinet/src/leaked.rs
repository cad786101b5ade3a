//! The filter file of leaked passwords (`password.filter`).

use std::fs::File;
use std::path::Path;

use anyhow::Context;
use kabinet_identity::leaked::Filter;

use crate::config::Config;

/// Reads a filter file.
///
/// # Errors
/// Says in a sentence what is wrong with it.
pub fn read(path: &Path) -> anyhow::Result<Filter> {
    let open = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
    let (size, file) = open.with_context(|| format!("cannot read {}", path.display()))?;
    Filter::read(file, size).with_context(|| path.display().to_string())
}

/// Reads the filter file that the configuration names, if it names one.
///
/// # Errors
/// Says in a sentence what is wrong with it.
pub fn configured(config: &Config) -> anyhow::Result<Option<Filter>> {
    config.password.filter.as_deref().map(read).transpose().context("password.filter")
}
