//! `kabinet audit`: what the audit trail tells in sum.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use kabinet_core::time::{Civil, Timestamp};
use kabinet_store::audit;
use serde_json::json;

use super::{Desk, Output};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// How people signed in within a month: sign-ins by way, country and product
    Methods(Month),
}

#[derive(Args)]
pub(crate) struct Month {
    /// The month, by UTC, as 2026-11; without it the one that is going on
    #[arg(long, value_name = "YYYY-MM")]
    month: Option<String>,
}

/// Records that are read at a time.
const PAGE: i64 = 1000;

pub(crate) async fn run(command: Command, desk: &Desk, output: Output) -> anyhow::Result<()> {
    let Command::Methods(Month { month }) = command;
    let (name, within) = span(month.as_deref(), desk.now())?;
    let mut after = String::new();
    // By way, country and product: how many, and by how many people.
    let mut sums: BTreeMap<[String; 3], (u64, BTreeSet<String>)> = BTreeMap::new();
    loop {
        let page = audit::sign_ins(desk.store.db(), within, &after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        for one in page {
            let told = |name: &str| {
                let data: serde_json::Value = serde_json::from_str(&one.data).unwrap_or_default();
                data[name].as_str().unwrap_or("unknown").to_owned()
            };
            let key = [told("method"), told("country"), one.client_id.clone().unwrap_or_default()];
            let (count, people) = sums.entry(key).or_default();
            *count += 1;
            people.extend(one.user_id);
        }
    }
    let rows: Vec<_> = sums
        .iter()
        .map(|([method, country, client], (count, people))| {
            let client = Some(client).filter(|client| !client.is_empty());
            json!({"method": method, "country": country, "client_id": client, "sign_ins": count, "people": people.len()})
        })
        .collect();
    let text = || {
        let mut text = format!("Sign-ins of {name}\n");
        for ([method, country, client], (count, people)) in &sums {
            let client = if client.is_empty() { "-" } else { client };
            // Writing to a String cannot fail.
            let _ = write!(text, "\n{count:>8}  {:>6} people  {method:<12} {country:<8} {client}", people.len());
        }
        if sums.is_empty() {
            text.push_str("\nnobody signed in");
        }
        text
    };
    output.answer(&json!({"month": name, "rows": rows}), text)
}

/// The month's name, its first second and the first one after it.
fn span(month: Option<&str>, now: Timestamp) -> anyhow::Result<(String, (Timestamp, Timestamp))> {
    let (year, number) = match month {
        Some(text) => {
            let (year, number) = text
                .split_once('-')
                .with_context(|| format!("--month: {text:?} is no month as 2026-11"))?;
            let read = |text: &str| text.parse::<u32>().ok();
            match (read(year), read(number)) {
                (Some(year @ 2000..=9999), Some(number @ 1..=12)) => (year, number),
                _ => bail!("--month: {text:?} is no month as 2026-11"),
            }
        }
        None => {
            let Civil { year, month, .. } = Civil::of(now);
            (u32::try_from(year).unwrap_or_default(), u32::try_from(month).unwrap_or_default())
        }
    };
    let first = |year: u32, month: u32| {
        let text = format!("{year:04}-{month:02}-01T00:00:00Z");
        let at = chrono::DateTime::parse_from_rfc3339(&text).with_context(|| format!("{text} is no moment"))?;
        anyhow::Ok(Timestamp(at.timestamp()))
    };
    let (next_year, next) = if number == 12 { (year + 1, 1) } else { (year, number + 1) };
    Ok((format!("{year:04}-{number:02}"), (first(year, number)?, first(next_year, next)?)))
}
