//! The signature program of the demonstration: the stand-in for Astral.Toolbox, on the real program's port where that is free.
//!
//! It signs with OpenSSL's GOST engine. Where that is not installed there is no such program, and everything else goes on.

use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::Context;
use axum::Router;
use kabinet_standins::toolbox::{self, Authority, PATH, PORT};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

use crate::place;

/// The program, bound and not yet served.
pub struct Program {
    /// Its page.
    pub url: Url,
    /// Whose certificates it signs with.
    pub authority: Authority,
    socket: TcpListener,
    router: Router,
}

impl Program {
    /// Binds the port, or a free one where it is taken, and makes the certificates in the folder, or goes on with those that it
    /// has.
    ///
    /// # Errors
    /// When the engine is not installed, the folder cannot be used or there is no free port.
    pub async fn open(dir: &Path, port: u16) -> anyhow::Result<Self> {
        let socket = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Ok(socket) => socket,
            Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?,
        };
        let (dir, url) = (dir.to_owned(), place::url(&socket, "/")?);
        let lists = url.to_string();
        let made = tokio::task::spawn_blocking(move || Authority::open(&dir, &lists)).await?;
        let authority = made.context("the stand-in for Astral.Toolbox")?;
        let (router, _) = toolbox::router(authority.clone());
        Ok(Self { url, authority, socket, router })
    }

    /// The same on the usual port.
    ///
    /// # Errors
    /// As [`Program::open`].
    pub async fn usual(dir: &Path) -> anyhow::Result<Self> {
        Self::open(dir, PORT).await
    }

    /// Where a page reaches it.
    pub fn address(&self) -> String {
        format!("ws://127.0.0.1:{}{PATH}", place::port(&self.socket))
    }

    /// How the provider is told of it: the section `certificate`.
    pub fn settings(&self) -> (&'static str, Value) {
        ("certificate", json!({"toolbox": [self.address()]}))
    }

    /// What is said of it where it runs alone.
    pub fn json(&self) -> Value {
        json!({
            "url": self.url,
            "address": self.address(),
            "anchor": self.authority.anchor(),
            "intermediate": self.authority.intermediate(),
            "lists": self.authority.lists(),
        })
    }

    /// What is to be served.
    pub fn split(self) -> (TcpListener, Router) {
        (self.socket, self.router)
    }
}
