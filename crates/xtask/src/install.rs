//! Installs what the chosen parts need and the machine lacks. Prints each command; where it may not run one, prints
//! that command for a person to run. A part whose need is still unmet fails later, by itself.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::needs::{NPM_STAMP, Need, PYTHON_STAMP, Stamp, cargo_deny, go_party, go_party_sources, node, venv};
use crate::{servers, shell};

const CARGO_DENY: &str = "cargo-deny@0.20.2";
/// The Node of npm's `node` package that is installed where the system's is too old.
const NODE: &str = "node@22";
/// To install something.
const ATTEMPTS: u32 = 3;

/// Meets as many of the needs as it can. The commands that a person must run, if any, come back.
pub fn meet(needs: &[Need]) -> Vec<String> {
    let mut by_hand = Vec::new();
    let packages: Vec<&str> = needs
        .iter()
        .filter(|need| !need.is_met())
        .flat_map(|need| need.debian_packages())
        .copied()
        .collect();
    if !packages.is_empty() {
        by_hand.extend(install_debian(&packages));
    }
    for need in needs.iter().filter(|need| !need.is_met()) {
        // Networks fail now and then.
        for attempt in 1..=ATTEMPTS {
            match install_other(*need) {
                Ok(()) => break,
                Err(error) => eprintln!("xtask: {need:?}, attempt {attempt} of {ATTEMPTS}: {error:#}"),
            }
        }
    }
    by_hand
}

/// Runs apt-get as root or through a sudo that asks nothing; the command itself where neither is possible.
fn install_debian(packages: &[&str]) -> Option<String> {
    let by_hand = format!("sudo apt-get install --no-install-recommends {}", packages.join(" "));
    let sudo: &[&str] = if servers::is_root() {
        &[]
    } else if shell::output(Command::new("sudo").args(["-n", "true"])).is_some() {
        &["sudo", "-n"]
    } else {
        eprintln!("xtask: not root and no sudo without a password; run this by hand:\n    {by_hand}");
        return Some(by_hand);
    };
    let apt = |words: &[&str]| {
        let line =
            [sudo, &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"], words, packages_of(words, packages)].concat();
        // Its unpacking fills thousands of lines; what goes wrong is on standard error.
        shell::run(Command::new(line[0]).args(&line[1..]).stdout(Stdio::null()))
    };
    let done = apt(&["update", "-qq"]).and_then(|()| apt(&["install", "-y", "-qq", "--no-install-recommends"]));
    done.err().map(|error| {
        eprintln!("xtask: {error:#}");
        by_hand
    })
}

fn packages_of<'a>(words: &[&str], packages: &'a [&'a str]) -> &'a [&'a str] {
    if words.contains(&"install") { packages } else { &[] }
}

fn install_other(need: Need) -> Result<()> {
    match need {
        Need::Rustfmt => shell::run(Command::new("rustup").args(["component", "add", "rustfmt"])),
        Need::Clippy => shell::run(Command::new("rustup").args(["component", "add", "clippy"])),
        Need::CargoDeny => install_cargo_deny(),
        Need::Node => install_node(),
        Need::NpmPackages => install_npm_packages(),
        Need::PythonPackages => install_python_packages(),
        Need::GoParty => build_go_party(),
        _ => Ok(()),
    }
}

/// It only reads manifests: a build without link-time optimisation takes a third of the time and is as good.
fn install_cargo_deny() -> Result<()> {
    shell::run(
        shell::cargo()
            .args(["install", "--locked", "--quiet", CARGO_DENY, "--root"])
            .arg(shell::target().join("tools"))
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
    )?;
    cargo_deny().map(|_| ()).context("cargo-deny was built and is not there")
}

fn install_node() -> Result<()> {
    let home = shell::target().join("node");
    std::fs::create_dir_all(&home)?;
    shell::run(
        Command::new("npm")
            .args(["install", "--no-save", "--no-audit", "--no-fund", "--prefix"])
            .arg(&home)
            .arg(NODE),
    )?;
    node().map(|_| ()).context("npm's `node` package brought no program")
}

/// `PATH` with a Node first that is new enough.
pub fn path_with_node() -> Result<std::ffi::OsString> {
    let node = node().context("no Node 20 or newer")?;
    let dir = node.parent().unwrap_or(Path::new("/")).to_path_buf();
    let path = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths(std::iter::once(dir).chain(std::env::split_paths(&path)))?)
}

/// With the system's own Node, even an older one: it knows the system's certificate authorities, and no script runs.
fn install_npm_packages() -> Result<()> {
    must_exist(&NPM_STAMP)?;
    let mut command = Command::new("npm");
    command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    shell::run(command.current_dir(shell::root().join("tests/e2e")))?;
    Ok(NPM_STAMP.set()?)
}

fn install_python_packages() -> Result<()> {
    must_exist(&PYTHON_STAMP)?;
    if !venv().join("bin/pip").is_file() {
        shell::run(Command::new("python3").args(["-m", "venv"]).arg(venv()))?;
    }
    shell::run(
        // Not the program `pip`: it names the folder that it was made in, whose copy this may be.
        Command::new(venv().join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:", "-r"])
            .arg(PYTHON_STAMP.list()),
    )?;
    Ok(PYTHON_STAMP.set()?)
}

/// With the Go that is there, whatever newer one its modules may know of, and without a C compiler.
fn build_go_party() -> Result<()> {
    // Go leaves a program alone that would come out the same, and its age is what counts.
    std::fs::remove_file(go_party()).ok();
    shell::run(
        Command::new("go")
            .args(["build", "-buildvcs=false", "-trimpath", "-o"])
            .arg(go_party())
            .arg(".")
            .current_dir(go_party_sources())
            .env("CGO_ENABLED", "0")
            .env("GOTOOLCHAIN", "local"),
    )
}

fn must_exist(stamp: &Stamp) -> Result<()> {
    if !stamp.list().is_file() {
        bail!("{} does not exist", stamp.list().display());
    }
    Ok(())
}
