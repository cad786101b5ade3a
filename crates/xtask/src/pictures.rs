//! `cargo xtask pictures`: the pages as they are, for `docs/pictures`.

use std::process::Command;

use anyhow::{Result, bail};

use crate::needs::Need;
use crate::{install, shell};

/// What the browser part needs, but for the relying parties.
const NEEDS: &[Need] = &[Need::OpensslHeaders, Need::Chromium, Need::Fonts, Need::Node, Need::NpmPackages];

/// Builds the binary and takes the pictures; true when all were taken and are small enough.
pub fn run(args: &[String]) -> Result<bool> {
    if !args.is_empty() {
        bail!("usage: cargo xtask pictures");
    }
    for command in install::meet(NEEDS) {
        println!("to be run by hand: {command}");
    }
    shell::run(shell::cargo().args(["build", "-p", "kabinet"]))?;
    let mut command = Command::new("node");
    command.current_dir(shell::root()).env("PATH", install::path_with_node()?);
    command
        .args(["tests/e2e/pictures.mjs", "--out", "docs/pictures", "--binary"])
        .arg(shell::target().join("debug/kabinet"));
    shell::stream(&mut command, |_| (), |_| ())
}
