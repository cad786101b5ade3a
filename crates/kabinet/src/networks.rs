//! The tables of autonomous systems (`confirmation.networks`).

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use anyhow::{Context, anyhow, ensure};
use kabinet_identity::asn::{BadTable, Networks, Tables};

use crate::config::Config;

/// Reads the tables of these files; `None` when no file is named.
///
/// # Errors
/// Says which line of which file is unfit, and why.
pub fn read(paths: &[PathBuf]) -> anyhow::Result<Option<Networks>> {
    let mut tables = Tables::default();
    for path in paths {
        let shown = path.display();
        let file = File::open(path).with_context(|| format!("cannot read {shown}"))?;
        tables.read(BufReader::with_capacity(1 << 16, file)).map_err(|bad| match bad {
            BadTable::Line { line, what } => anyhow!("{shown}:{line}: {what}"),
            BadTable::Io(why) => anyhow::Error::new(why).context(format!("cannot read {shown}")),
        })?;
    }
    let networks = (!paths.is_empty()).then(|| tables.finish());
    // A file that is being replaced is empty for a moment.
    ensure!(
        networks.as_ref().is_none_or(|networks| networks.networks() > 0),
        "the files hold no network"
    );
    Ok(networks)
}

/// Reads the tables that the configuration names, if it names any.
///
/// # Errors
/// Says which line of which file is unfit, and why.
pub fn configured(config: &Config) -> anyhow::Result<Option<Networks>> {
    read(&config.confirmation.networks).context("confirmation.networks")
}
