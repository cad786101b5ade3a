//! `kabinet brand list | show | set | delete`
//!
//! A brand is read and written as TOML: what `show` prints is what `set` takes. `set` says everything that is wrong at once
//! and saves nothing then. Each change is one transaction with its audit record, and running nodes are told of it. A brand
//! that clients name is not deleted, unless a built-in one stands behind it.

use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Subcommand;
use kabinet::config::Config;
use kabinet_core::audit::{Event, Record};
use kabinet_core::brand::{Brand, Brands, DEFAULT};
use kabinet_core::client::Client;
use kabinet_core::method::unusable;
use kabinet_store::brand::{self, Kept};
use kabinet_store::{Tx, audit, change};
use serde_json::{Value, json};

use super::{Desk, Output, client, origin};

/// No brand is as long as that, bytes.
const LONGEST: u64 = 64 * 1024;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show all brands
    List,
    /// Show one brand as the file that `set` takes
    Show {
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Save a brand, over a built-in one of the same name too
    Set {
        /// a-z, 0-9 and -: what clients name with --brand
        #[arg(value_name = "NAME")]
        name: String,
        /// A TOML file; - reads standard input
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
    /// Delete a saved brand; a built-in one of the same name is in force again
    Delete {
        #[arg(value_name = "NAME")]
        name: String,
    },
}

pub(crate) async fn run(command: Command, desk: &Desk, output: Output) -> anyhow::Result<()> {
    match command {
        Command::List => list(desk, output).await,
        Command::Show { name } => show(&name, desk, output).await,
        Command::Set { name, file } => {
            let brand = read(&file, &name, &desk.config)?;
            set(brand, desk, output).await
        }
        Command::Delete { name } => delete(&name, desk, output).await,
    }
}

/// Refuses a name that no brand has.
pub(super) async fn known(name: &str, desk: &Desk) -> anyhow::Result<()> {
    let kept = brand::every(desk.store.db()).await?;
    if Brands::built_in().get(name).is_none() && !kept.iter().any(|one| one.name == name) {
        bail!(unknown(name));
    }
    Ok(())
}

/// The brand of this name as it is now; the default one where it has none.
pub(super) async fn of(name: Option<&str>, desk: &Desk) -> anyhow::Result<Brand> {
    if let Some(name) = name
        && let Some(kept) = find(name, desk).await?
    {
        return Ok(kept.brand?);
    }
    let default = match name {
        Some(name) if Brands::built_in().get(name).is_some() => None,
        _ => find(DEFAULT, desk).await?,
    };
    match default {
        Some(kept) => Ok(kept.brand?),
        None => Ok(Brands::built_in().find(name).clone()),
    }
}

fn unknown(name: &str) -> String {
    format!("there is no brand {name}; `kabinet brand list` shows all")
}

async fn list(desk: &Desk, output: Output) -> anyhow::Result<()> {
    let kept = brand::every(desk.store.db()).await?;
    let built_in = Brands::built_in();
    let is_saved = |name: &str| kept.iter().any(|one| one.name == name);
    let mut objects: Vec<Value> = built_in
        .iter()
        .filter(|brand| !is_saved(&brand.name))
        .map(|brand| json!({"name": brand.name, "built_in": true, "version": 0, "title": brand.title}))
        .collect();
    objects.extend(kept.iter().map(|one| {
        let title = one.brand.as_ref().ok().map(|brand| &brand.title);
        let is_built_in = built_in.get(&one.name).is_some();
        json!({"name": one.name, "built_in": is_built_in, "version": one.version, "title": title, "updated_at": one.updated_at})
    }));
    objects.sort_by_key(|one| one["name"].as_str().unwrap_or_default().to_owned());
    let line = |one: &Value| {
        let version = match one["version"].as_i64() {
            Some(0) => "built in".to_owned(),
            Some(version) => format!("version {version}"),
            None => String::new(),
        };
        let title = one["title"]["ru"].as_str().unwrap_or("(cannot be read by this release)");
        format!("{:20}  {version:11}  {title}\n", one["name"].as_str().unwrap_or_default())
    };
    output.answer(&json!({"brands": objects}), || objects.iter().map(line).collect())
}

async fn show(name: &str, desk: &Desk, output: Output) -> anyhow::Result<()> {
    let (brand, version) = match find(name, desk).await? {
        Some(kept) => (kept.brand?, kept.version),
        None => (Brands::built_in().get(name).cloned().with_context(|| unknown(name))?, 0),
    };
    let text = toml::to_string_pretty(&brand).context("the brand cannot be written as TOML")?;
    output.answer(&object(&brand, version)?, || text)
}

async fn find(name: &str, desk: &Desk) -> anyhow::Result<Option<Kept>> {
    let kept = brand::every(desk.store.db()).await?;
    Ok(kept.into_iter().find(|one| one.name == name))
}

fn object(brand: &Brand, version: i64) -> anyhow::Result<Value> {
    let mut object = serde_json::to_value(brand)?;
    object["name"] = brand.name.as_str().into();
    object["version"] = version.into();
    Ok(object)
}

/// Reads a brand and says everything that is wrong with it.
fn read(file: &PathBuf, name: &str, config: &Config) -> anyhow::Result<Brand> {
    let mut text = String::new();
    let source: Box<dyn Read> = if file.as_os_str() == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file).with_context(|| format!("--file: {} cannot be opened", file.display()))?)
    };
    source.take(LONGEST + 1).read_to_string(&mut text).context("--file: cannot be read")?;
    if text.len() as u64 > LONGEST {
        bail!("--file: is longer than 64 KiB");
    }
    let brand: Brand = toml::from_str(&text).map_err(|why| misread(&text, &why))?;
    let brand = Brand { name: name.to_owned(), ..brand };
    let mut problems: Vec<String> = brand.check().err().unwrap_or_default().iter().map(ToString::to_string).collect();
    // What is empty has been named already.
    if problems.iter().all(|problem| !problem.starts_with("login_methods")) {
        let lists = (Some(&brand.login_methods[..]), Some(&brand.registration_methods[..]));
        problems.extend(
            unusable(lists.0, lists.1, &kabinet::built(config))
                .iter()
                .map(|(field, problem)| format!("{field}: {problem}")),
        );
    }
    if problems.is_empty() {
        return Ok(brand);
    }
    bail!("the brand cannot be used:\n  {}", problems.join("\n  "))
}

/// One line in place of the parser's drawing.
fn misread(text: &str, why: &toml::de::Error) -> anyhow::Error {
    let line = why
        .span()
        .and_then(|span| text.get(..span.start))
        .map(|before| before.matches('\n').count() + 1);
    let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
    anyhow::anyhow!("--file: {place}{}", why.message().replace('\n', ", "))
}

async fn set(brand: Brand, desk: &Desk, output: Output) -> anyhow::Result<()> {
    let before = find(&brand.name, desk).await?;
    if let Some(Kept { brand: Ok(same), version, .. }) = &before
        && *same == brand
    {
        let told = json!({"name": brand.name, "version": version, "changed": false});
        return output.answer(&told, || format!("{} is version {version} already.", brand.name));
    }
    let mut tx = desk.store.begin().await?;
    let version = brand::put(&mut tx, &brand, desk.now()).await?;
    finish(tx, Record::of(Event::BrandChanged).with("version", version), &brand.name, desk).await?;
    output.answer(&json!({"name": brand.name, "version": version, "changed": true}), || {
        format!("{} is version {version} now.", brand.name)
    })
}

async fn delete(name: &str, desk: &Desk, output: Output) -> anyhow::Result<()> {
    let is_built_in = Brands::built_in().get(name).is_some();
    if !is_built_in {
        let named: Vec<Client> = client::every(&desk.store).await?;
        let named: Vec<String> = named
            .iter()
            .filter(|client| client.metadata.brand.as_deref() == Some(name))
            .map(|client| format!("{} ({})", client.metadata.client_name, client.id))
            .collect();
        if !named.is_empty() {
            bail!(
                "{name} is the brand of {}; give them another with `kabinet client update ID --brand`",
                named.join(", ")
            );
        }
    }
    let mut tx = desk.store.begin().await?;
    if !brand::delete(&mut tx, name).await? {
        if is_built_in {
            bail!("{name} is built in and nothing was saved over it");
        }
        bail!(unknown(name));
    }
    finish(tx, Record::of(Event::BrandDeleted), name, desk).await?;
    output.answer(&json!({"name": name, "deleted": true, "built_in": is_built_in}), || {
        let after = if is_built_in { " The built-in one is in force again." } else { "" };
        format!("Deleted {name}.{after}")
    })
}

/// Writes the audit record, tells the nodes and commits.
async fn finish(mut tx: Tx, record: Record, name: &str, desk: &Desk) -> anyhow::Result<()> {
    let now = desk.now();
    audit::write(&mut tx, &record.with("brand", name), &origin(), now, &*desk.ambient.entropy).await?;
    change::tell(&mut tx, change::Kind::Brand, &[name.to_owned()], now).await?;
    tx.commit().await?;
    desk.changed().await;
    Ok(())
}
