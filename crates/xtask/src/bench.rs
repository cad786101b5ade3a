//! `cargo xtask bench`: the release binary measured against its budgets.
//!
//! The server runs on core 0 and the load on core 1. What depends on the machine is measured beside something else in
//! the same run, as a ratio: node oidc-provider, OpenSSL's bare signature, the bare Argon2id hash. A row that cannot be
//! measured says why and the others go on.

mod http;
mod load;
mod page;
mod peer;
mod rows;
mod scripts;
mod server;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::guardian::Guardian;
use crate::needs::has_openssl;
use crate::{shell, table};
use peer::Peer;
use rows::{GROUPS, Row};
use server::Provider;

/// What the rows of one run share.
pub struct Scene<'a> {
    guardian: &'a Guardian,
    provider: Provider,
    peer: Result<Peer>,
}

/// Builds, measures, prints the table; true when no row misses its budget.
pub fn run(args: &[String]) -> Result<bool> {
    let Options { only, with_peer, binary } = options(args)?;
    let binary = binary.map_or_else(build, Ok)?;
    let bare_hashes = wanted(&only, "password").then(bare_hashes);
    pin_the_load();
    let guardian = Guardian::start()?;
    let provider = Provider::create(&binary, &guardian)?;
    let peer = if with_peer {
        Peer::start(&guardian)
    } else {
        Err(anyhow::anyhow!("--no-peer"))
    };
    if let Err(error) = &peer {
        println!("peer not run: {error:#}");
    }
    let mut scene = Scene { guardian: &guardian, provider, peer };
    let mut rows = vec![rows::size(&binary)];
    for (name, measure) in GROUPS {
        if wanted(&only, name) {
            println!("measuring {name}");
            rows.extend(measure(&mut scene));
        }
    }
    if let Some(bare) = bare_hashes {
        println!("measuring password");
        rows.extend(rows::password(&mut scene, bare));
    }
    scene.provider.stop(&guardian);
    Ok(close(&rows))
}

/// The release binary.
fn build() -> Result<PathBuf> {
    let mut build = shell::cargo();
    build.args(["build", "--release", "-p", "kabinet"]);
    if has_openssl() {
        build.env("OPENSSL_NO_VENDOR", "1");
    }
    shell::run(&mut build)?;
    Ok(shell::target().join("release/kabinet"))
}

struct Options {
    only: Vec<String>,
    with_peer: bool,
    /// Another build than this tree's.
    binary: Option<PathBuf>,
}

fn options(args: &[String]) -> Result<Options> {
    let (mut only, mut with_peer, mut binary) = (Vec::new(), true, None);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "--no-peer" => with_peer = false,
            "--binary" => binary = Some(std::path::absolute(rest.next().context("--binary PATH")?)?),
            "--only" => only = rest.next().context("--only ROW,…")?.split(',').map(str::to_owned).collect(),
            other => {
                bail!("unknown option {other:?}; usage: cargo xtask bench [--only ROW,…] [--no-peer] [--binary PATH]")
            }
        }
    }
    let names: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).chain(["size", "password"]).collect();
    if let Some(unknown) = only.iter().find(|name| !names.contains(&name.as_str())) {
        bail!("no row is named {unknown:?}: {}", names.join(", "));
    }
    Ok(Options { only, with_peer, binary })
}

fn wanted(only: &[String], name: &str) -> bool {
    only.is_empty() || only.iter().any(|one| one == name)
}

/// Argon2id hashes a second on core 0, with nothing else around them.
fn bare_hashes() -> Result<f64> {
    let args = ["build", "--release", "-p", "xtask", "--example", "argon2_cost"];
    shell::run(shell::cargo().args(args))?;
    let program = shell::target().join("release/examples/argon2_cost");
    let out = shell::output(&mut server::pinned_to(0, &program)).context("argon2_cost failed")?;
    Ok(out.trim().parse()?)
}

/// The threads that this one starts inherit its core.
fn pin_the_load() {
    let pinned = server::can_pin()
        && shell::output(Command::new("taskset").args(["-cp", "1", &std::process::id().to_string()])).is_some();
    println!(
        "{}",
        if pinned {
            "server on core 0, load on core 1"
        } else {
            "not pinned: one core or no taskset"
        }
    );
}

fn close(rows: &[Row]) -> bool {
    let head = ["what", "measured", "p50", "p99", "beside", "budget", "verdict"]
        .map(str::to_owned)
        .to_vec();
    let cells: Vec<Vec<String>> = std::iter::once(head).chain(rows.iter().map(Row::cells)).collect();
    println!("\n{}", table::render(&cells));
    rows.iter().all(|row| !row.misses())
}
