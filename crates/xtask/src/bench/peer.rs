//! The peer: node oidc-provider with its in-memory adapter, on the same core, under the same load, in the same run.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use super::http;
use super::server::pinned_to;
use crate::guardian::Guardian;
use crate::{needs, servers, shell};

const PACKAGE: &str = "oidc-provider@9.13.3";
const PROGRAM: &str = include_str!("peer.mjs");

/// A running oidc-provider.
pub struct Peer {
    pub port: u16,
    child: Child,
    facts: Value,
}

impl Peer {
    /// Installs it under `target/bench-peer` where it is missing, and starts it on core 0.
    pub fn start(guardian: &Guardian) -> Result<Self> {
        let node = needs::node().context("no Node 20 or newer")?;
        let home = shell::target().join("bench-peer");
        std::fs::create_dir_all(&home)?;
        if !home.join("node_modules/oidc-provider").is_dir() {
            let args = ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", PACKAGE, "--prefix"];
            shell::run(Command::new("npm").args(args).arg(&home))?;
        }
        std::fs::write(home.join("peer.mjs"), PROGRAM)?;
        let port = servers::free_port()?;
        let mut command = pinned_to(0, Path::new(&node));
        command
            .arg("peer.mjs")
            .arg(port.to_string())
            .current_dir(&home)
            .env("NODE_ENV", "production");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        guardian.watch("peer", child.id());
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let facts = serde_json::from_str(&line).context("oidc-provider did not start")?;
        Ok(Self { port, child, facts })
    }

    pub fn basic(&self) -> String {
        http::basic("peer", "peer-secret")
    }

    /// Refresh tokens, each of its own grant.
    pub fn refresh_tokens(&self) -> Vec<String> {
        let tokens = self.facts["refresh_tokens"].as_array().into_iter().flatten();
        tokens.filter_map(|token| token.as_str().map(str::to_owned)).collect()
    }

    pub fn opaque_token(&self) -> &str {
        self.facts["opaque_token"].as_str().unwrap_or_default()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
