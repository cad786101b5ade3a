//! `kabinet config check | print`

use clap::Subcommand;
use kabinet::config::{Loaded, Origins};
use serde_json::json;

use super::Output;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Say whether the configuration can be used
    Check,
    /// Print what is in force; secrets are masked
    Print {
        /// Say where each value came from
        #[arg(long)]
        origin: bool,
    },
}

pub(crate) fn run(command: &Command, loaded: &Loaded, output: Output) -> anyhow::Result<()> {
    match command {
        Command::Check => {
            kabinet::networks::configured(&loaded.config)?;
            let file = loaded.file.as_ref().map(|file| file.display().to_string());
            let source = file.clone().map_or_else(|| "no file".to_owned(), |file| format!("the file {file}"));
            output.answer(&json!({"ok": true, "file": file}), || format!("The configuration is sound ({source})."))
        }
        Command::Print { origin } => {
            let origins = if *origin { Origins::Shown } else { Origins::Hidden };
            output.answer(&loaded.to_json(origins), || loaded.to_toml(origins))
        }
    }
}
