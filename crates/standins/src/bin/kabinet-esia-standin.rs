//! `kabinet-esia-standin`: the stand-in for ЕСИА as a program of its own, for any team that integrates with ЕСИА.
//!
//! 1. `serve --config FILE` reads the systems that are registered, binds both addresses, prints one line of JSON once it
//!    answers, and tells of every refusal on stderr.
//! 2. `client DIR MNEMONIC` makes a key and a certificate for whoever has no ГОСТ tools at hand.
//!
//! It listens on loopback. `--listen` may say otherwise, with a warning: whoever reaches it signs in as whoever they like. The
//! control never does. Ctrl-C or SIGTERM ends it.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use kabinet_core::ambient::{Clock, Entropy};
use kabinet_core::time::Timestamp;
use kabinet_standins::esia::{
    self, Contour, Credentials, Entry, Handle, KeyMaterial, Rules, Settings, Standin, System,
};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// A stand-in for ЕСИА (Госуслуги): signs in invented people, checks every signature and says why it refuses
#[derive(Parser)]
#[command(name = "kabinet-esia-standin", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the stand-in
    Serve(Serve),
    /// Make a ГОСТ key and a self-signed certificate for a system: DIR/MNEMONIC.key and DIR/MNEMONIC.crt
    Client {
        /// The directory
        dir: PathBuf,
        /// The mnemonic of the system
        mnemonic: String,
    },
}

#[derive(Args)]
struct Serve {
    /// The registered systems and the rules; see docs/reference/esia-standin.toml
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Where browsers and systems reach it; an address outside loopback is taken with a warning
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Where faults are asked for and the log is read; loopback only
    #[arg(long, value_name = "ADDRESS:PORT")]
    control: Option<SocketAddr>,
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default = "anywhere")]
    listen: SocketAddr,
    #[serde(default = "anywhere")]
    control: SocketAddr,
    #[serde(default)]
    contour: Contour,
    /// Where keys and certificates are kept; without it each run has its own.
    keys: Option<PathBuf>,
    #[serde(default)]
    rules: Rules,
    #[serde(default)]
    system: Vec<System>,
}

/// Any free port on loopback.
fn anywhere() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place of this program that reads the clock"
        )]
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX)))
    }
}

struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place of this program that reads chance"
        )]
        let filled = getrandom::fill(out);
        if filled.is_err() {
            // Without chance there is nothing to go on with.
            std::process::abort();
        }
    }
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Serve(serve) => run(serve),
        Command::Client { dir, mnemonic } => make_client(&dir, &mnemonic),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            say(&format!("kabinet-esia-standin: {why}"));
            ExitCode::FAILURE
        }
    }
}

fn say(line: &str) {
    // Nobody reads it where this fails.
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn make_client(dir: &Path, mnemonic: &str) -> Result<(), Fault> {
    if mnemonic.is_empty() || !mnemonic.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c)) {
        return Err("a mnemonic has Latin letters, digits, `_`, `-` and `.`".into());
    }
    let made = Credentials::make(mnemonic, &SystemEntropy, SystemClock.now())?;
    std::fs::create_dir_all(dir)?;
    write_private(&dir.join(format!("{mnemonic}.key")), made.key.as_bytes())?;
    std::fs::write(dir.join(format!("{mnemonic}.crt")), made.certificate)?;
    Ok(())
}

/// Readable by the owner alone; never over a file that is there.
fn write_private(file: &Path, bytes: &[u8]) -> Result<(), Fault> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(file);
    let mut opened = opened.map_err(|why| format!("{}: {why}", file.display()))?;
    opened.write_all(bytes)?;
    Ok(())
}

fn run(serve: Serve) -> Result<(), Fault> {
    tokio::runtime::Runtime::new()?.block_on(start(serve))
}

async fn start(serve: Serve) -> Result<(), Fault> {
    let (config, dir) = read(&serve.config)?;
    if !config.listen.ip().is_loopback() {
        return Err("`listen` in the file is loopback; only --listen says otherwise".into());
    }
    let listen = serve.listen.unwrap_or(config.listen);
    let control = serve.control.unwrap_or(config.control);
    if !control.ip().is_loopback() {
        return Err("the control listens on loopback only".into());
    }
    if !listen.ip().is_loopback() {
        say("WARNING: listening outside loopback: whoever reaches this signs in as whoever they like");
    }
    let settings = Settings {
        contour: config.contour,
        systems: config.system,
        keys: config.keys.as_ref().map(|keys| kept(&dir.join(keys))).transpose()?.flatten(),
        rules: config.rules,
        ..Settings::new(Arc::new(SystemClock), Arc::new(SystemEntropy))
    };
    let Standin { router, control: controls, handle } = esia::standin(settings)?;
    let certificates = match &config.keys {
        Some(keys) => keep(&dir.join(keys), &handle)?,
        None => Vec::new(),
    };
    let (site, office) = (TcpListener::bind(listen).await?, TcpListener::bind(control).await?);
    let ready = json!({
        "esia": format!("http://{}", site.local_addr()?),
        "control": format!("http://{}", office.local_addr()?),
        "issuer": handle.issuer(),
        "certificates": certificates,
    });
    let mut entries = handle.follow();
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{ready}")?;
    stdout.flush()?;
    let tell = async move {
        while let Some(entry) = entries.recv().await {
            report(&entry);
        }
    };
    tokio::select! {
        ended = axum::serve(site, router).into_future() => Ok(ended?),
        ended = axum::serve(office, controls).into_future() => Ok(ended?),
        () = tell => Ok(()),
        ended = asked_to_end() => ended,
    }
}

async fn asked_to_end() -> Result<(), Fault> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminated.recv() => Ok(()),
        pressed = tokio::signal::ctrl_c() => Ok(pressed?),
    }
}

/// The file, with the certificates that it names, and its directory, which their paths are relative to.
fn read(file: &Path) -> Result<(Config, PathBuf), Fault> {
    let of = |file: &Path, why: &dyn std::fmt::Display| format!("{}: {why}", file.display());
    let text = std::fs::read_to_string(file).map_err(|why| of(file, &why))?;
    let mut config: Config = toml::from_str(&text).map_err(|why| of(file, &why))?;
    let dir = file.parent().unwrap_or(Path::new("")).to_owned();
    for certificate in config.system.iter_mut().flat_map(|system| &mut system.certificates) {
        let Some(path) = &certificate.file else {
            return Err("a certificate has no `file`".into());
        };
        let path = dir.join(path);
        certificate.bytes = std::fs::read(&path).map_err(|why| of(&path, &why))?;
    }
    Ok((config, dir))
}

const GOST_KEY: &str = "gost.number";
const RSA_KEY: &str = "rsa.key";

/// The keys of an earlier run.
fn kept(dir: &Path) -> Result<Option<KeyMaterial>, Fault> {
    if !dir.join(GOST_KEY).is_file() {
        return Ok(None);
    }
    let read = |name: &str| std::fs::read(dir.join(name)).map_err(|why| format!("{}: {why}", dir.join(name).display()));
    let gost = read(GOST_KEY)?.try_into().map_err(|_| format!("{GOST_KEY} has no 32 bytes"))?;
    let certificates = esia::CERTIFICATE_FILES.map(read);
    let [gost_certificate, rsa_certificate] = certificates;
    Ok(Some(KeyMaterial {
        gost,
        rsa: read(RSA_KEY)?,
        certificates: [gost_certificate?, rsa_certificate?],
    }))
}

/// Keeps the keys and writes the certificates; gives the paths of these.
fn keep(dir: &Path, handle: &Handle) -> Result<Vec<PathBuf>, Fault> {
    std::fs::create_dir_all(dir)?;
    if !dir.join(GOST_KEY).is_file() {
        let material = handle.key_material()?;
        write_private(&dir.join(RSA_KEY), &material.rsa)?;
        for (name, der) in esia::CERTIFICATE_FILES.iter().zip(&material.certificates) {
            std::fs::write(dir.join(name), der)?;
        }
        // Last: it says that the others are there.
        write_private(&dir.join(GOST_KEY), &material.gost)?;
    }
    Ok(esia::CERTIFICATE_FILES.iter().map(|name| dir.join(name)).collect())
}

/// A refusal with what explains it.
fn report(entry: &Entry) {
    let Some(code) = &entry.code else { return };
    say(&format!("{} {} ESIA-{code}: {}", entry.request, entry.client, entry.text));
    for line in &entry.details {
        say(&format!("    {line}"));
    }
}
