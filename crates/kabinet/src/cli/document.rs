//! `kabinet document publish | list | show`
//!
//! A version is published once and never changed: the same text again changes nothing, another one under the same version is
//! refused. Running nodes hear of a publication within a second, and whoever agreed to an earlier edition is asked at the next
//! sign-in.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand};
use kabinet_core::document::{Documents, EVERY_BRAND, Head, Kind, NewDocument};
use kabinet_core::language::Words;
use kabinet_identity::PublishError;
use kabinet_store::document;
use serde_json::{Value, json};

use super::{Desk, Output, moment, origin, wire};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Publish a version; whoever agreed to an earlier edition is asked at the next sign-in
    Publish(Box<New>),
    /// Show every version
    List,
    /// Show one version with its text
    Show {
        /// agreement, pd-consent or pd-policy
        #[arg(long, value_name = "KIND", value_parser = wire::<Kind>)]
        kind: Kind,
        /// The brand that it was published for; without it, that of every brand
        #[arg(long, value_name = "NAME", default_value = EVERY_BRAND)]
        brand: String,
        /// The version; without it, the one in force
        #[arg(long, value_name = "VERSION")]
        version: Option<String>,
    },
}

#[derive(Args)]
pub(crate) struct New {
    /// agreement, pd-consent or pd-policy
    #[arg(long, value_name = "KIND", value_parser = wire::<Kind>)]
    kind: Kind,
    /// The brand that it is for; without it, every brand without a text of its own
    #[arg(long, value_name = "NAME", default_value = EVERY_BRAND)]
    brand: String,
    /// What people read as the version, such as 2 or 2026-12-01
    #[arg(long, value_name = "VERSION")]
    version: String,
    /// The title in Russian
    #[arg(long, value_name = "TITLE")]
    title_ru: String,
    /// The title in English
    #[arg(long, value_name = "TITLE")]
    title_en: String,
    /// The text in Russian, plain UTF-8; a line that begins with "## " is a heading
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// A small correction: nobody who agreed to the version before is asked again
    #[arg(long)]
    minor: bool,
}

pub(crate) async fn run(command: Command, desk: &Desk, output: Output) -> anyhow::Result<()> {
    match command {
        Command::Publish(new) => publish(*new, desk, output).await,
        Command::List => list(desk, output).await,
        Command::Show { kind, brand, version } => show(kind, &brand, version.as_deref(), desk, output).await,
    }
}

async fn publish(new: New, desk: &Desk, output: Output) -> anyhow::Result<()> {
    let document = NewDocument {
        brand: new.brand,
        kind: new.kind,
        version: new.version,
        title: Words { ru: new.title_ru, en: new.title_en },
        body: read(&new.file)?,
        is_minor: new.minor,
    };
    let (head, is_new) = desk.identity()?.publish(&document, &origin()).await.map_err(explain)?;
    let mut object = object(&head, &document::published(desk.store.db()).await?);
    object["published"] = is_new.into();
    output.answer(&object, || {
        let name = format!("{} {}", head.kind.as_str(), head.version);
        match (is_new, document.is_minor || head.kind == Kind::PdPolicy) {
            (false, _) => format!("{name} was published before; nothing has changed."),
            (true, true) => format!("Published {name}; nobody is asked again."),
            (true, false) => format!("Published {name}; people are asked at their next sign-in."),
        }
    })
}

/// The text of the file, without the mark that some editors put in front.
fn read(file: &Path) -> anyhow::Result<String> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("--file: cannot read {} as UTF-8", file.display()))?;
    Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned))
}

/// Names the flag that is to blame.
fn explain(why: PublishError) -> anyhow::Error {
    match why {
        PublishError::Bad(bad) => {
            let flag = match bad.field {
                "title" => "--title-ru, --title-en",
                "body" => "--file",
                "brand" => "--brand",
                _ => "--version",
            };
            anyhow!("{flag}: {}", bad.problem)
        }
        PublishError::Differs => anyhow!("--version: {why}"),
        PublishError::NothingBefore => anyhow!("--minor: {why}"),
        PublishError::Store(why) => why.into(),
    }
}

async fn list(desk: &Desk, output: Output) -> anyhow::Result<()> {
    let documents = document::published(desk.store.db()).await?;
    let list: Vec<Value> = documents.heads().map(|head| object(head, &documents)).collect();
    output.answer(&json!({"documents": list}), || {
        let line = |head: &Head| {
            let published = if head.is_sample() {
                "built in".to_owned()
            } else {
                format!("published {}", moment(head.published_at))
            };
            let note = if documents.is_in_force(head) { "  in force" } else { "" };
            format!("{:10}  {:10}  {:16}  {published}{note}\n", head.kind.as_str(), head.brand, head.version)
        };
        documents.heads().map(line).collect()
    })
}

async fn show(kind: Kind, brand: &str, version: Option<&str>, desk: &Desk, output: Output) -> anyhow::Result<()> {
    let documents = document::published(desk.store.db()).await?;
    let head = match version {
        Some(version) => documents.find(kind, brand, version),
        None => documents.in_force(kind, Some(brand)).map(|document| &document.head),
    };
    let Some(head) = head else {
        bail!("there is no such document; `kabinet document list` shows all");
    };
    let body = match documents.text_of(head) {
        Some(document) => Some(document.body.clone()),
        None => document::one(desk.store.db(), kind, &head.brand, &head.version)
            .await?
            .map(|found| found.body),
    };
    let mut object = object(head, &documents);
    let body = body.context("the text is gone")?;
    object["body"] = body.as_str().into();
    output.answer(&object, || format!("{}\n{}, {}\n\n{body}", head.title.ru, head.version, head.sha256))
}

fn object(head: &Head, documents: &Documents) -> Value {
    json!({
        "kind": head.kind,
        "brand": head.brand,
        "version": head.version,
        "title": head.title,
        "sha256": head.sha256,
        "published_at": (!head.is_sample()).then_some(head.published_at),
        "edition": head.edition,
        "sample": head.is_sample(),
        "in_force": documents.is_in_force(head),
    })
}
