//! The provider under measurement: the release binary on a fresh SQLite, on core 0, driven by its CLI and pages.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::http::{self, Connection};
use super::page::Browser;
use crate::guardian::Guardian;
use crate::{servers, shell};

pub const PASSWORD: &str = "лошадь-батарея-скрепка-7";
pub const REDIRECT_URI: &str = "http://127.0.0.1:9/callback";

/// A configured provider; it runs between `start` and `stop`.
pub struct Provider {
    binary: PathBuf,
    dir: PathBuf,
    name: &'static str,
    pub port: u16,
    /// The port in the issuer; a neighbour listens elsewhere.
    issuer: u16,
    admin_port: u16,
    is_migrated: bool,
    child: Option<Child>,
    /// Whether a password's hash takes half a MiB, and as long as ever: for what memory is without hashes.
    pub small_hashes: bool,
    /// Further settings.
    pub settings: Vec<(&'static str, String)>,
}

/// A registered client.
pub struct Client {
    pub id: String,
    pub secret: String,
}

impl Client {
    pub fn basic(&self) -> String {
        http::basic(&self.id, &self.secret)
    }
}

impl Provider {
    /// Lays out a provider; its database is migrated before it first starts.
    pub fn create(binary: &Path, guardian: &Guardian) -> Result<Self> {
        Self::named("provider", binary, guardian)
    }

    /// One of another name, with a database of its own.
    pub fn named(name: &'static str, binary: &Path, guardian: &Guardian) -> Result<Self> {
        let dir = guardian.dir().join(name);
        std::fs::create_dir_all(&dir)?;
        let port = servers::free_port()?;
        Ok(Self {
            binary: binary.to_path_buf(),
            dir,
            name,
            port,
            issuer: port,
            admin_port: servers::free_port()?,
            is_migrated: false,
            child: None,
            small_hashes: false,
            settings: Vec::new(),
        })
    }

    /// Another node on the same database.
    pub fn neighbour(&self) -> Result<Self> {
        Ok(Self {
            binary: self.binary.clone(),
            dir: self.dir.clone(),
            name: "neighbour",
            port: servers::free_port()?,
            issuer: self.issuer,
            admin_port: servers::free_port()?,
            is_migrated: true,
            child: None,
            small_hashes: self.small_hashes,
            settings: self.settings.clone(),
        })
    }

    fn command(&self, pinned: bool) -> Command {
        let mut command = if pinned {
            pinned_to(0, &self.binary)
        } else {
            Command::new(&self.binary)
        };
        command
            .current_dir(&self.dir)
            .env("KABINET__ISSUER", self.issuer())
            .env("KABINET__LISTEN", format!("127.0.0.1:{}", self.port))
            .env("KABINET__ADMIN_LISTEN", format!("127.0.0.1:{}", self.admin_port))
            .env("KABINET__STORE__URL", format!("sqlite:{}", self.dir.join("kabinet.db").display()))
            .env("KABINET__DELIVERY__OUTBOX", self.dir.join("outbox.jsonl"))
            // Products of these rows listen on loopback.
            .env("KABINET__OUTBOUND__ALLOW", "127.0.0.1")
            .env("KABINET__LOG__LEVEL", "warn")
            .envs(self.settings.iter().map(|(name, value)| (*name, value.as_str())));
        if self.small_hashes {
            command.env("KABINET__HASHING__MEMORY", "512").env("KABINET__HASHING__ITERATIONS", "76");
        }
        command
    }

    /// Runs a command of the CLI; its standard output.
    pub fn cli(&self, args: &[&str], input: Option<&str>) -> Result<String> {
        let mut command = self.command(false);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| self.binary.display().to_string())?;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            stdin.write_all(input.as_bytes())?;
        }
        let out = child.wait_with_output()?;
        if !out.status.success() {
            let stderr = String::from_utf8_lossy(&out.stderr);
            let last = stderr.trim().lines().next_back().unwrap_or_default().to_owned();
            bail!("`kabinet {}`: {last}", args.join(" "));
        }
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    }

    fn cli_json(&self, args: &[&str], input: Option<&str>) -> Result<Value> {
        let out = self.cli(&[args, &["--json"]].concat(), input)?;
        serde_json::from_str(&out).with_context(|| out.clone())
    }

    /// Registers a client; `args` are further flags of `kabinet client create`.
    pub fn create_client(&self, name: &str, args: &[&str]) -> Result<Client> {
        let made = self.cli_json(&[&["client", "create", name], args].concat(), None)?;
        let field = |key: &str| made[key].as_str().map(str::to_owned).with_context(|| format!("no {key} in {made}"));
        Ok(Client { id: field("client_id")?, secret: field("client_secret")? })
    }

    pub fn create_web_client(&self, flags: &[&str]) -> Result<Client> {
        let web = ["--profile", "web", "--redirect-uri", REDIRECT_URI, "--first-party"];
        self.create_client("Web", &[&web[..], flags].concat())
    }

    /// A file in the provider's folder; its path.
    pub fn write(&self, name: &str, text: &str) -> Result<String> {
        let path = self.dir.join(name);
        std::fs::write(&path, text)?;
        Ok(path.display().to_string())
    }

    pub fn create_user(&self, phone: &str) -> Result<()> {
        self.cli_json(&["user", "create", "--phone", phone, "--password-stdin"], Some(PASSWORD))
            .map(|_| ())
    }

    /// Starts the server on core 0; the time until the first answer of status 200.
    pub fn start(&mut self, guardian: &Guardian) -> Result<Duration> {
        if !self.is_migrated {
            self.cli(&["migrate"], None)?;
            self.is_migrated = true;
        }
        let log = std::fs::File::create(self.log())?;
        let mut command = self.command(true);
        command.arg("serve").stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let begun = Instant::now();
        let mut child = command.spawn()?;
        guardian.watch(self.name, child.id());
        let request = http::get("/.well-known/openid-configuration", &[]);
        loop {
            if Connection::new(self.port).send(&request).is_ok_and(|answer| answer.status == 200) {
                let took = begun.elapsed();
                self.child = Some(child);
                return Ok(took);
            }
            if let Some(status) = child.try_wait()? {
                bail!("the server ended with {status}: {}", self.last_log_line());
            }
            if begun.elapsed() > Duration::from_secs(20) {
                child.kill().ok();
                child.wait().ok();
                bail!("the server did not answer in 20 s: {}", self.last_log_line());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn log(&self) -> PathBuf {
        self.dir.join(format!("{}.log", self.name))
    }

    fn last_log_line(&self) -> String {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        log.trim().lines().next_back().unwrap_or_default().to_owned()
    }

    /// Ends the server with SIGTERM, as an orchestrator does; how long it took, if it ran.
    pub fn stop(&mut self, guardian: &Guardian) -> Option<Duration> {
        let mut child = self.child.take()?;
        let begun = Instant::now();
        Command::new("kill").arg(child.id().to_string()).status().ok();
        child.wait().ok();
        guardian.forget(self.name);
        Some(begun.elapsed())
    }

    /// Resident memory in KiB.
    pub fn memory(&self) -> Result<u64> {
        let child = self.child.as_ref().context("the server does not run")?;
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).context("no VmRSS")
    }

    /// The processor time that the server has had.
    pub fn processor(&self) -> Result<Duration> {
        /// Linux counts in hundredths of a second (USER_HZ).
        const TICK: Duration = Duration::from_millis(10);
        let child = self.child.as_ref().context("the server does not run")?;
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id()))?;
        // The name of the program stands in brackets and may hold blanks.
        let fields = stat.rsplit_once(')').context("no stat")?.1.split_whitespace();
        let ticks: Vec<u32> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
        Ok(TICK * ticks.iter().sum::<u32>())
    }

    /// Where people and products reach it.
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.issuer)
    }

    /// The program that is measured.
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// A browser in which the person has signed in.
    pub fn sign_in(&self, phone: &str) -> Result<Browser> {
        let mut browser = Browser::new(self.port);
        let page = browser.get("/login")?;
        let answer = browser.submit(&page, "login-form", &[("phone", phone), ("password", PASSWORD)])?;
        if !matches!(answer.status, 302 | 303) {
            bail!("sign-in answered {}", answer.status);
        }
        Ok(browser)
    }

    /// A POST to an endpoint outside of any load.
    pub fn post(&self, path: &str, client: &Client, fields: &[(&str, &str)]) -> Result<Value> {
        let answer = Connection::new(self.port).send(&http::post(path, &[client.basic()], fields))?;
        if answer.status != 200 {
            bail!("{path} answered {}: {}", answer.status, answer.text());
        }
        answer.json()
    }
}

/// The program on one core, where `taskset` is there and the core exists.
pub fn pinned_to(core: usize, program: &Path) -> Command {
    if !can_pin() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

/// Whether server and load can have a core each.
pub fn can_pin() -> bool {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // Once this process is pinned itself, it sees one core only; the other is core 0.
    shell::find("taskset").is_some() && (cores > 1 || Path::new("/sys/devices/system/cpu/cpu1").exists())
}
