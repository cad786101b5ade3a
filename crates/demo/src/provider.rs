//! The provider itself: its configuration, its socket, its life.

use anyhow::Context;
use kabinet::config::Config;
use kabinet::listen::Bound;
use kabinet::{Ambient, Shutdown};
use tokio::task::JoinHandle;

use crate::place::{self, Place};
use crate::post::Post;
use crate::providers::Providers;
use crate::toolbox::Program;

/// Where the provider listens if it can.
const USUAL_PORT: u16 = 8080;
/// Free ports that are tried: another process may take one between the look and the binding.
const TRIES: usize = 20;

/// A provider with its sockets bound.
pub struct Provider {
    /// Its configuration.
    pub config: Config,
    /// Its public port.
    pub port: u16,
    bound: Bound,
}

/// Binds the last run's port, else the usual one, else a free one.
///
/// # Errors
/// When none can be bound.
pub async fn bind(at: At<'_>) -> anyhow::Result<Provider> {
    let mut last = None;
    for port in at.place.saved().issuer_port.into_iter().chain([USUAL_PORT]) {
        if place::is_free(port).await
            && let Ok(provider) = bind_to(at, port).await
        {
            return Ok(provider);
        }
    }
    for _ in 0..TRIES {
        let port = place::free_port().await?;
        if place::is_free(port).await {
            match bind_to(at, port).await {
                Ok(provider) => return Ok(provider),
                Err(why) => last = Some(why),
            }
        }
    }
    Err(last.unwrap_or_else(|| anyhow::anyhow!("there is no free port")))
}

/// What the provider is told of.
#[derive(Clone, Copy)]
pub struct At<'a> {
    /// Where the demonstration lives.
    pub place: &'a Place,
    /// How it sends.
    pub post: &'a Post,
    /// Where people are sent to.
    pub providers: &'a Providers,
    /// What signs.
    pub program: Option<&'a Program>,
}

async fn bind_to(at: At<'_>, port: u16) -> anyhow::Result<Provider> {
    let config = config(at, port)?;
    Ok(Provider { bound: Bound::new(&config).await?, config, port })
}

fn config(At { place, post, providers, program }: At<'_>, port: u16) -> anyhow::Result<Config> {
    let mut settings = serde_json::json!({
        "issuer": format!("http://localhost:{port}"),
        "listen": format!("127.0.0.1:{port}"),
        "admin_listen": "127.0.0.1:0",
        "store": {"url": format!("sqlite:{}", place.database().display())},
        "log": {"level": "warn"},
    });
    let sections = post.settings(place).into_iter().chain(providers.settings());
    for (section, value) in sections.chain(program.map(Program::settings)) {
        settings[section] = value;
    }
    let text = toml::to_string(&settings).context("the settings cannot be written as TOML")?;
    Ok(Config::from_toml(&text)?)
}

/// Serves until the shutdown begins.
///
/// # Errors
/// When the provider cannot be put together.
pub async fn serve(provider: Provider, ambient: Ambient) -> anyhow::Result<(Shutdown, JoinHandle<anyhow::Result<()>>)> {
    let app = kabinet::app(&provider.config, ambient).await?;
    let shutdown = app.jobs.shutdown().clone();
    Ok((shutdown, tokio::spawn(provider.bound.serve(app))))
}
