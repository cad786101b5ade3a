//! PostgreSQL and Redis for one run: in the run's temporary folder, on free ports, gone with it.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::guardian::Guardian;
use crate::shell;

/// A port that was free a moment ago.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// The newest PostgreSQL's folder of programs, 15 or later.
pub fn postgres_programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<(u32, PathBuf)> = versions
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(version, bin)| *version >= 15 && bin.join("initdb").is_file())
        .collect();
    found.sort();
    // The one the product is tested with, if it is there.
    let wanted = found.iter().find(|(version, _)| *version == 15).or(found.last());
    wanted.map(|(_, bin)| bin.clone())
}

pub fn is_root() -> bool {
    shell::output(Command::new("id").arg("-u")).is_some_and(|id| id.trim() == "0")
}

/// Starts PostgreSQL and returns its URL. As root it runs as the user `postgres`, since it refuses root.
pub fn start_postgres(guardian: &Guardian) -> Result<String> {
    let bin = postgres_programs().context("PostgreSQL 15 or later is not installed")?;
    let home = guardian.dir().join("pg");
    std::fs::create_dir_all(&home)?;
    let root = is_root();
    if root {
        shell::run(Command::new("chown").arg("postgres").arg(&home))?;
    }
    let (data, port) = (home.join("data"), free_port()?);
    let as_owner = |program: &str| owner_command(&bin.join(program), &home, root);
    shell::run(
        as_owner("initdb")
            .args(["-A", "trust", "-U", "kabinet", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"])
            .arg(&data)
            .stdout(Stdio::null()),
    )?;
    let settings = format!(
        "-c fsync=off -c full_page_writes=off -c max_connections=400 -c listen_addresses=127.0.0.1 -p {port} -k {}",
        home.display()
    );
    shell::run(
        as_owner("pg_ctl")
            .args(["-w", "-t", "60", "-o", &settings, "-l"])
            .arg(home.join("log"))
            .arg("-D")
            .arg(&data)
            .arg("start")
            .stdout(Stdio::null()),
    )?;
    Ok(format!("postgres://kabinet@127.0.0.1:{port}/postgres"))
}

fn owner_command(program: &Path, home: &Path, root: bool) -> Command {
    let mut command = if root {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    // Its own group: Ctrl-C goes to the run, and the guardian ends the server.
    command.current_dir(home).process_group(0);
    command
}

/// Starts Redis without any file and returns its URL.
pub fn start_redis(guardian: &Guardian) -> Result<String> {
    let port = free_port()?;
    let mut command = Command::new(shell::find("redis-server").context("redis-server is not installed")?);
    command
        .args(["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"])
        .arg(guardian.dir());
    println!("$ {} &", shell::shown(&command));
    let mut child = command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    guardian.watch("redis", child.id());
    let begun = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        if let Some(status) = child.try_wait()? {
            bail!("redis-server ended with {status}");
        }
        if begun.elapsed() > Duration::from_secs(20) {
            bail!("redis-server did not answer in 20 s");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(format!("redis://127.0.0.1:{port}/"))
}
