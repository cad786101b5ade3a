//! The parts of a test run: what each needs, runs and counts.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::guardian::Guardian;
use crate::needs::{Need, cargo_deny, has_openssl};
use crate::tally::Tally;
use crate::{canary, fuzz, install, shell, tidy};

/// A part that takes longer hangs.
const LIMIT_SECONDS: &str = "2400";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    Postgres,
}

/// What a part does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Format,
    /// Builds everything that the other parts run; fails where clippy warns.
    Clippy,
    Tidy,
    Deny,
    Unit,
    /// One test binary of the crate `kabinet-tests`.
    Suite(Database),
    Fuzz,
    Browser,
    Canaries,
}

#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// The name that `--only` takes; several parts may share it.
    pub name: &'static str,
    pub needs: &'static [Need],
    work: Work,
}

const SERVERS: &[Need] = &[Need::OpensslHeaders, Need::Postgres, Need::Redis];
const BROWSER: &[Need] = &[
    Need::OpensslHeaders,
    Need::Chromium,
    Need::GostEngine,
    Need::Apache,
    Need::ModAuthOpenidc,
    Need::Fonts,
    Need::Python,
    Need::Node,
    Need::NpmPackages,
    Need::PythonPackages,
    Need::Go,
    Need::GoParty,
];
const GOST: &[Need] = &[Need::OpensslHeaders, Need::GostEngine, Need::Curl, Need::Python, Need::PythonPackages];

const fn part(name: &'static str, needs: &'static [Need], work: Work) -> Part {
    Part { name, needs, work }
}

/// Every part, in the order they run.
pub const PARTS: &[Part] = &[
    part("format", &[Need::Rustfmt], Work::Format),
    part("clippy", &[Need::Clippy, Need::OpensslHeaders], Work::Clippy),
    part("tidy", &[], Work::Tidy),
    part("deny", &[Need::CargoDeny], Work::Deny),
    part("unit", SERVERS, Work::Unit),
    part("protocol", SERVERS, Work::Suite(Database::Sqlite)),
    part("protocol", SERVERS, Work::Suite(Database::Postgres)),
    part("journeys", SERVERS, Work::Suite(Database::Sqlite)),
    part("journeys", SERVERS, Work::Suite(Database::Postgres)),
    part("certification", SERVERS, Work::Suite(Database::Sqlite)),
    part("certification", SERVERS, Work::Suite(Database::Postgres)),
    part("guards", SERVERS, Work::Suite(Database::Sqlite)),
    part("storage", SERVERS, Work::Suite(Database::Sqlite)),
    part("storage", SERVERS, Work::Suite(Database::Postgres)),
    part("gost", GOST, Work::Suite(Database::Sqlite)),
    part("fuzz", &[Need::OpensslHeaders, Need::Cxx], Work::Fuzz),
    part("browser", BROWSER, Work::Browser),
    part("canaries", &[], Work::Canaries),
];

/// What the parts of one run share.
pub struct Scene<'a> {
    pub guardian: &'a Guardian,
    /// Where the servers under test write their logs.
    pub logs: PathBuf,
    /// Variables for every test: the servers' URLs and so on.
    pub variables: Vec<(&'static str, String)>,
}

/// How a part ended.
#[derive(Debug)]
pub struct Outcome {
    pub ok: bool,
    pub tally: Tally,
    pub note: String,
}

impl Outcome {
    /// A part without tests of its own counts as one.
    fn whole(ok: bool, note: impl Into<String>) -> Self {
        let tally = Tally { passed: u64::from(ok), failed: u64::from(!ok), ignored: 0 };
        Self { ok, tally, note: note.into() }
    }

    fn counted(ok: bool, mut tally: Tally) -> Self {
        let mut notes = Vec::new();
        if tally.passed + tally.failed == 0 {
            notes.push("no test ran".to_owned());
        }
        if tally.ignored > 0 {
            notes.push(format!("{} ignored", tally.ignored));
        }
        if !ok && tally.failed == 0 {
            notes.push("did not build or did not end".to_owned());
        }
        let ok = ok && notes.is_empty() && tally.failed == 0;
        if !ok && tally.failed == 0 {
            tally.failed = 1;
        }
        Self { ok, tally, note: notes.join("; ") }
    }

    pub fn could_not_run(note: impl Into<String>) -> Self {
        Self::whole(false, note)
    }
}

impl Part {
    /// The name in the table.
    pub fn title(&self) -> String {
        match self.work {
            Work::Suite(Database::Sqlite) if !["guards", "gost"].contains(&self.name) => {
                format!("{} sqlite", self.name)
            }
            Work::Suite(Database::Postgres) => format!("{} postgres+redis", self.name),
            _ => self.name.to_owned(),
        }
    }

    pub fn uses_servers(&self) -> bool {
        self.needs.contains(&Need::Postgres)
    }

    /// Whether its tests write logs that `canaries` then searches.
    pub fn writes_logs(&self) -> bool {
        matches!(self.work, Work::Suite(_) | Work::Browser)
    }

    pub fn run(&self, scene: &Scene<'_>) -> Outcome {
        if let Some(need) = self.needs.iter().find(|need| need.is_vital() && !need.is_met()) {
            return Outcome::could_not_run(format!("could not run: no {need:?}"));
        }
        let done = match self.work {
            Work::Format => {
                limited(scene, &cargo(&["fmt", "--all", "--check"]), |_| ()).map(|ok| Outcome::whole(ok, ""))
            }
            Work::Clippy => clippy(scene),
            Work::Tidy => tidy::run().map(|ok| Outcome::whole(ok, "")),
            Work::Deny => deny(scene),
            Work::Unit => unit(scene),
            Work::Suite(database) => suite(scene, self.name, database),
            Work::Fuzz => fuzz::run(scene),
            Work::Browser => browser(scene),
            Work::Canaries => canaries(scene),
        };
        done.unwrap_or_else(|error| Outcome::could_not_run(format!("could not run: {error:#}")))
    }
}

/// Runs the command under a time limit, so that it ends with the run.
pub fn limited(scene: &Scene<'_>, command: &Command, each: impl FnMut(&str)) -> Result<bool> {
    let mut limited = Command::new("timeout");
    limited
        .args(["-k", "10", LIMIT_SECONDS])
        .arg(command.get_program())
        .args(command.get_args());
    if let Some(dir) = command.get_current_dir() {
        limited.current_dir(dir);
    }
    for (key, value) in command.get_envs() {
        limited.env(key, value.unwrap_or_default());
    }
    for (key, _) in std::env::vars_os().filter(|(key, _)| key.to_string_lossy().starts_with("KABINET__")) {
        limited.env_remove(key);
    }
    let ok = shell::stream(&mut limited, |pid| scene.guardian.watch("part", pid), each);
    scene.guardian.forget("part");
    ok
}

/// Cargo with the settings that every part shares, so that nothing is built twice.
pub fn cargo(args: &[&str]) -> Command {
    let mut command = shell::cargo();
    command.args(args);
    if has_openssl() {
        command.env("OPENSSL_NO_VENDOR", "1");
    }
    if let Some(driver) = clippy_driver() {
        command.env("RUSTC_WORKSPACE_WRAPPER", driver);
    }
    if std::env::var_os("CI").is_some_and(|ci| ci == "true") {
        command.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_INCREMENTAL", "0");
    }
    command
}

/// One build is linted and run: clippy's driver is the compiler of this workspace's crates in every part.
fn clippy(scene: &Scene<'_>) -> Result<Outcome> {
    let build = cargo(&["build", "--workspace", "--all-targets"]);
    // What the compiler says stands on standard error, and again when nothing had to be built.
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec \"$@\" 2>&1", "clippy"])
        .arg(build.get_program())
        .args(build.get_args());
    command.current_dir(shell::root());
    for (key, value) in build.get_envs() {
        command.env(key, value.unwrap_or_default());
    }
    let mut warnings = 0_u32;
    let ok = limited(scene, &command, |line| warnings += u32::from(line.starts_with("warning")))?;
    let note = if warnings > 0 {
        format!("{warnings} warnings")
    } else {
        String::new()
    };
    Ok(Outcome::whole(ok && warnings == 0, note))
}

/// Every test outside the crate `kabinet-tests`. As everywhere, the whole workspace is selected: with another selection the
/// same crates have other features and are built again.
fn unit(scene: &Scene<'_>) -> Result<Outcome> {
    let mut args = ["test", "--workspace", "--lib", "--bins", "--no-fail-fast"].map(str::to_owned).to_vec();
    for name in integration_tests()? {
        args.extend(["--test".to_owned(), name]);
    }
    tests(scene, &args.iter().map(String::as_str).collect::<Vec<_>>(), Database::Sqlite)
}

/// The names of the test binaries under `crates`.
fn integration_tests() -> Result<Vec<String>> {
    let entries = |folder: PathBuf| std::fs::read_dir(&folder).with_context(|| folder.display().to_string());
    let mut names = Vec::new();
    for package in entries(shell::root().join("crates"))? {
        let folder = package?.path().join("tests");
        for test in if folder.is_dir() { Some(entries(folder)?) } else { None }.into_iter().flatten() {
            let path = test?.path();
            if path.join("main.rs").is_file() || path.extension().is_some_and(|end| end == "rs") {
                names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
            }
        }
    }
    names.sort();
    Ok(names)
}

/// Beside the running toolchain's cargo.
fn clippy_driver() -> Option<PathBuf> {
    let beside = std::env::var_os("CARGO").map(|cargo| PathBuf::from(cargo).with_file_name("clippy-driver"));
    beside.filter(|driver| driver.is_file())
}

fn deny(scene: &Scene<'_>) -> Result<Outcome> {
    let program = cargo_deny().context("no cargo-deny")?;
    let deny = |checks: &[&str]| {
        let mut command = Command::new(&program);
        command
            .args(["--log-level", "error", "--workspace", "--config", ".deny.toml", "check"])
            .args(checks);
        command.current_dir(shell::root());
        command
    };
    let mut ok = limited(scene, &deny(&["bans", "licenses", "sources"]), |_| ())?;
    let mut note = "advisories: not run, no database here";
    if has_advisories() {
        ok &= limited(scene, &deny(&["--disable-fetch", "advisories"]), |_| ())?;
        note = "advisories: run on the database found here";
    }
    Ok(Outcome::whole(ok, note))
}

/// Whether a copy of the advisory database is where cargo-deny looks for one.
fn has_advisories() -> bool {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let databases = home.and_then(|home| std::fs::read_dir(home.join("advisory-dbs")).ok());
    databases
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| entry.path().join("crates").is_dir())
}

fn tests(scene: &Scene<'_>, args: &[&str], database: Database) -> Result<Outcome> {
    let mut command = cargo(args);
    command.envs(scene.variables.iter().cloned());
    command.env("E2E_PYTHON", crate::needs::venv().join("bin/python"));
    command.env("KABINET_TEST_DB", if database == Database::Sqlite { "sqlite" } else { "postgres" });
    let mut tally = Tally::default();
    let ok = limited(scene, &command, |line| tally.read_cargo(line))?;
    Ok(Outcome::counted(ok, tally))
}

fn suite(scene: &Scene<'_>, name: &str, database: Database) -> Result<Outcome> {
    let file = format!("tests/tests/{name}/main.rs");
    if !shell::root().join(&file).is_file() {
        return Ok(Outcome::could_not_run(format!("{file} does not exist")));
    }
    let lacks = |key: &str| !scene.variables.iter().any(|(name, _)| *name == key);
    if database == Database::Postgres && (lacks("KABINET_TEST_POSTGRES") || lacks("KABINET_TEST_REDIS")) {
        return Ok(Outcome::could_not_run("could not run: PostgreSQL or Redis did not start"));
    }
    tests(scene, &["test", "--workspace", "--test", name, "--no-fail-fast"], database)
}

fn browser(scene: &Scene<'_>) -> Result<Outcome> {
    let program = "tests/e2e/run.mjs";
    if !shell::root().join(program).is_file() {
        return Ok(Outcome::could_not_run(format!("{program} does not exist")));
    }
    if !limited(scene, &cargo(&["build", "--workspace", "--bins"]), |_| ())? {
        return Ok(Outcome::could_not_run("the binaries do not build"));
    }
    let built = |name: &str| shell::target().join("debug").join(name);
    let mut command = Command::new("node");
    command
        .arg(program)
        .arg("--binary")
        .arg(built("kabinet"))
        .arg("--demo")
        .arg(built("kabinet-demo"))
        .arg("--esia")
        .arg(built("kabinet-esia-standin"));
    command.current_dir(shell::root()).env("PATH", install::path_with_node()?);
    command.envs(scene.variables.iter().cloned());
    command.env("E2E_PYTHON", crate::needs::venv().join("bin/python"));
    command.env("E2E_GO_OIDC", crate::needs::go_party());
    let mut tally = Tally::default();
    let ok = limited(scene, &command, |line| tally.read_plain(line))?;
    Ok(Outcome::counted(ok, tally))
}

fn canaries(scene: &Scene<'_>) -> Result<Outcome> {
    let (leaks, read) = canary::search(&scene.logs)?;
    for leak in &leaks {
        println!("{leak}");
    }
    let note = match (read, leaks.len()) {
        (0, _) => "nothing was logged, so nothing was searched".to_owned(),
        (read, 0) => format!("{read} log files"),
        (_, leaks) => format!("{leaks} lines of the logs hold a secret"),
    };
    Ok(Outcome::whole(read > 0 && leaks.is_empty(), note))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_of_crates_are_found_by_name() {
        let names = integration_tests().unwrap();
        assert!(names.contains(&"command_line".to_owned()), "{names:?}");
        assert!(names.contains(&"esia".to_owned()), "{names:?}");
        assert!(!names.contains(&"journeys".to_owned()), "{names:?}");
    }

    #[test]
    fn a_part_that_ran_no_test_has_failed() {
        let outcome = Outcome::counted(true, Tally::default());
        assert!(!outcome.ok);
        assert_eq!(outcome.tally.failed, 1);
    }

    #[test]
    fn a_part_that_skipped_a_test_has_failed() {
        assert!(!Outcome::counted(true, Tally { passed: 3, failed: 0, ignored: 1 }).ok);
    }

    #[test]
    fn a_part_whose_tests_all_passed_has_passed_with_their_number() {
        let outcome = Outcome::counted(true, Tally { passed: 3, failed: 0, ignored: 0 });
        assert!(outcome.ok);
        assert_eq!(outcome.tally.passed, 3);
    }
}
