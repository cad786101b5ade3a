//! `kabinet serve` and `kabinet migrate`

use anyhow::Context;
use kabinet::config::Config;
use kabinet::listen::Bound;
use kabinet::{Ambient, Shutdown};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use super::Output;

pub(crate) async fn serve(config: &Config) -> anyhow::Result<()> {
    let bound = Bound::new(config).await?;
    let app = kabinet::app(config, Ambient::real()).await?;
    info!(issuer = config.issuer, version = env!("CARGO_PKG_VERSION"), "kabinet starts");
    end_on_signal(app.jobs.shutdown().clone())?;
    bound.serve(app).await
}

fn end_on_signal(shutdown: Shutdown) -> anyhow::Result<()> {
    let mut term = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => info!("SIGTERM"),
            _ = interrupt.recv() => info!("SIGINT"),
        }
        shutdown.begin();
    });
    Ok(())
}

pub(crate) async fn migrate(config: &Config, output: Output) -> anyhow::Result<()> {
    let made = kabinet::migrate(config, &Ambient::real()).await?;
    output.answer(&json!({"ok": true, "keys_made": made}), || match made {
        0 => "The database is up to date.".to_owned(),
        _ => format!("The database is up to date; {made} signing keys were made."),
    })
}
