//! The commands, and what they share: reading the configuration, opening the store, answering.

mod audit;
mod brand;
mod certificate;
mod client;
mod config;
mod delivery;
mod doctor;
mod document;
mod invitation;
mod key;
mod logout;
mod password;
mod registration;
mod serve;
mod token;
mod trust;
mod user;

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use kabinet::config::{Config, ConfigError, Environment, Loaded};
use kabinet::{Ambient, telemetry};
use kabinet_core::audit::Origin;
use kabinet_core::secret::Secret;
use kabinet_core::time::Timestamp;
use kabinet_identity::Identity;
use kabinet_store::Store;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Single sign-on for a group of products.
#[derive(Parser)]
#[command(name = "kabinet", version, max_term_width = 100, disable_help_subcommand = true)]
struct Cli {
    /// The configuration file; without it KABINET_CONFIG, then /etc/kabinet/kabinet.toml if it is there
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON object and nothing else
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the provider until SIGTERM
    Serve,
    /// Bring the database up to date and make the signing keys that are missing
    Migrate,
    /// Check the installation: one line a finding, exit 1 when something must be mended
    Doctor,
    /// The configuration
    #[command(subcommand)]
    Config(config::Command),
    /// Relying parties: the products that people sign in to
    #[command(subcommand)]
    Client(client::Command),
    /// Brands: how the pages of each product look and speak
    #[command(subcommand)]
    Brand(brand::Command),
    /// People
    #[command(subcommand)]
    User(user::Command),
    /// Invitations to people: a code by SMS or e-mail that opens an account
    #[command(subcommand)]
    Invitation(invitation::Command),
    /// API tokens that people made for programs of theirs
    #[command(subcommand)]
    Token(token::Command),
    /// Signatures made with certificates
    #[command(subcommand)]
    Certificate(certificate::Command),
    /// Authorities that sign-in by certificate believes, and their revocation lists
    #[command(subcommand)]
    Trust(trust::Command),
    /// What the audit trail tells
    #[command(subcommand)]
    Audit(audit::Command),
    /// Signing keys
    #[command(subcommand)]
    Key(key::Command),
    /// Messages to people
    #[command(subcommand)]
    Delivery(delivery::Command),
    /// Notices that tell products of sign-outs
    #[command(subcommand)]
    Logout(logout::Command),
    /// Leaked passwords that nobody may set
    #[command(subcommand)]
    Password(password::Command),
    /// Legal texts that people agree to
    #[command(subcommand)]
    Document(document::Command),
    /// Clients that register themselves (RFC 7591)
    #[command(subcommand)]
    Registration(registration::Command),
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    // Wrong usage ends here with exit code 2, help with 0.
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(why) => return fail(&anyhow::Error::new(why).context("cannot start")),
    };
    match runtime.block_on(dispatch(cli)) {
        Ok(code) => code,
        Err(why) => fail(&why),
    }
}

fn fail(why: &anyhow::Error) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "kabinet: {why:#}");
    ExitCode::FAILURE
}

async fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    let output = Output { json: cli.json };
    let loaded = Loaded::read(cli.config.as_deref(), &Environment::of_process());
    if let Command::Doctor = cli.command {
        return doctor::run(loaded, output).await;
    }
    if let Command::Password(command) = &cli.command {
        password::run(command, output)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Command::Certificate(command) = &cli.command {
        return certificate::run(command, output);
    }
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(ConfigError(problems)) => bail!("the configuration cannot be used:\n  {}", problems.join("\n  ")),
    };
    let mut log = loaded.config.log.clone();
    if !matches!(cli.command, Command::Serve) {
        // Standard error is read by a person or a script here, not by a log collector.
        "warn".clone_into(&mut log.level);
    }
    telemetry::install(&log);
    match cli.command {
        Command::Serve => serve::serve(&loaded.config).await?,
        Command::Migrate => serve::migrate(&loaded.config, output).await?,
        Command::Config(command) => config::run(&command, &loaded, output)?,
        command => {
            let desk = Desk::open(loaded.config).await?;
            let done = at_desk(command, &desk, output).await;
            desk.store.close().await;
            done?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a command that looks at or changes the database.
async fn at_desk(command: Command, desk: &Desk, output: Output) -> anyhow::Result<()> {
    match command {
        Command::Client(command) => client::run(command, desk, output).await,
        Command::Brand(command) => brand::run(command, desk, output).await,
        Command::User(command) => user::run(command, desk, output).await,
        Command::Invitation(command) => invitation::run(command, desk, output).await,
        Command::Token(command) => token::run(command, desk, output).await,
        Command::Trust(command) => trust::run(command, desk, output).await,
        Command::Audit(command) => audit::run(command, desk, output).await,
        Command::Key(command) => key::run(&command, desk, output).await,
        Command::Delivery(command) => delivery::run(command, desk, output).await,
        Command::Logout(command) => logout::run(command, desk, output).await,
        Command::Document(command) => document::run(command, desk, output).await,
        Command::Registration(command) => registration::run(command, desk, output).await,
        Command::Serve
        | Command::Migrate
        | Command::Doctor
        | Command::Config(_)
        | Command::Password(_)
        | Command::Certificate(_) => Ok(()),
    }
}

/// What a command that looks at or changes the database works with.
pub(crate) struct Desk {
    config: Config,
    store: Store,
    ambient: Ambient,
}

impl Desk {
    /// Opens a database that is there and up to date.
    async fn open(config: Config) -> anyhow::Result<Self> {
        if let Some(file) = kabinet::config::database_file(&config)
            && !file.exists()
        {
            bail!("there is no database at {}; run `kabinet migrate`", file.display());
        }
        let store = kabinet::open_store(&config).await?;
        if !store.is_current().await? {
            bail!("the database is not up to date; run `kabinet migrate`");
        }
        Ok(Self { config, store, ambient: Ambient::real() })
    }

    /// Everything about people, over the same database.
    fn identity(&self) -> anyhow::Result<Identity> {
        let master = kabinet::config::master_key(&self.config, &*self.ambient.entropy)?;
        kabinet::identity(&self.config, &self.store, master, &self.ambient)
    }

    fn now(&self) -> Timestamp {
        self.ambient.clock.now()
    }

    /// Tells running nodes to look for what changed; without Redis they look several times a second.
    async fn changed(&self) {
        self.store.ephemeral().publish().await;
    }
}

/// Who changes something here, for the audit trail.
fn origin() -> Origin {
    Origin { actor: "command line", ..Origin::default() }
}

/// Where answers go.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// Answers with the object, or with text for people.
    fn answer(self, object: &Value, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        let text = if self.json { object.to_string() } else { text() };
        let mut out = std::io::stdout().lock();
        out.write_all(text.trim_end().as_bytes())
            .and_then(|()| out.write_all(b"\n"))
            .context("cannot print the answer")
    }
}

/// Reads the wire name of a value of a closed set; for arguments.
fn wire<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(Value::from(text)).map_err(|why| why.to_string())
}

/// A moment as people read it.
fn moment(at: Timestamp) -> String {
    chrono::DateTime::from_timestamp(at.0, 0)
        .map_or_else(|| at.0.to_string(), |time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// One line without its newline; spaces belong to the password. `flag` is what asked for it.
fn read_password(mut input: impl BufRead, flag: &str) -> anyhow::Result<Secret> {
    let mut line = String::new();
    input
        .read_line(&mut line)
        .with_context(|| format!("{flag}: cannot read a line of UTF-8"))?;
    let password = line
        .strip_suffix('\n')
        .map_or(line.as_str(), |rest| rest.strip_suffix('\r').unwrap_or(rest));
    if password.is_empty() {
        bail!("{flag}: the first line of standard input is empty");
    }
    Ok(Secret::from(password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_first_line_with_its_spaces_and_without_its_newline() {
        for (input, password) in
            [("secret\n", "secret"), ("secret", "secret"), (" a b \r\nsecond\n", " a b "), ("a\n\n", "a")]
        {
            assert_eq!(read_password(input.as_bytes(), "--stdin").unwrap().expose(), password);
        }
        assert!(read_password("\n".as_bytes(), "--stdin").is_err());
        assert!(read_password("".as_bytes(), "--stdin").is_err());
        assert!(read_password(&b"\xff\n"[..], "--stdin").is_err());
    }
}
