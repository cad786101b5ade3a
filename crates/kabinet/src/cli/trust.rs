//! `kabinet trust list | add | import | refresh | remove`
//!
//! Whom sign-in by certificate believes. An anchor is added only by whoever gives its SHA-256 thumbprint, by a flag or, at a
//! terminal, by agreeing to the one that is shown: everything else is believed for a path to an anchor. Each change is one
//! transaction with its audit record, and running nodes are told of it.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Subcommand, ValueEnum};
use kabinet::outbound;
use kabinet_core::time::Timestamp;
use kabinet_fetch::{Request, Response};
use kabinet_gost::Certificate;
use kabinet_identity::Identity;
use kabinet_identity::trust::{Import, MAX_LIST_OF_AUTHORITIES, Report, Standing, TrustError};
use kabinet_store::trust::{Address, List, Role, Source};
use serde_json::{Value, json};
use url::Url;

use super::certificate::{objects, read, rfc_3339_of};
use super::{Desk, Output, moment, origin};

/// How long the list of accredited authorities may take: it has tens of megabytes.
const PATIENCE: Duration = Duration::from_secs(120);
/// Redirects on the way to it.
const HOPS: u8 = 3;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show anchors, the authorities below them, and the state of their revocation lists
    List,
    /// Add certificates of authorities; an anchor must be confirmed by its SHA-256 thumbprint
    Add {
        /// Certificates, PEM or DER; a PEM file may hold several
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// What they are trusted for; without it one that is its own issuer is an anchor
        #[arg(long = "as", value_enum, value_name = "ROLE")]
        role: Option<As>,
        /// The SHA-256 thumbprint of an anchor, as its authority publishes it; may be repeated
        #[arg(long, value_name = "THUMBPRINT")]
        sha256: Vec<String>,
    },
    /// Import the list of accredited authorities in place of the last one; kept is what leads to an anchor
    Import {
        /// A file or an https URL; without it certificate.list_url
        #[arg(value_name = "FILE|URL")]
        from: Option<String>,
    },
    /// Fetch all revocation lists now: exit 1 when one that is needed is missing or out of date then
    Refresh,
    /// Take an authority away, and what leads nowhere without it
    Remove {
        /// Its SHA-256 or SHA-1 thumbprint
        #[arg(value_name = "THUMBPRINT")]
        thumbprint: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum As {
    /// Paths end with it
    Anchor,
    /// Paths lead through it
    Intermediate,
}

pub(crate) async fn run(command: Command, desk: &Desk, output: Output) -> anyhow::Result<()> {
    let identity = desk.identity()?;
    match command {
        Command::List => list(&identity, desk, output).await,
        Command::Add { files, role, sha256 } => add(&files, role, &sha256, &identity, output).await,
        Command::Import { from } => import(from, &identity, desk, output).await,
        Command::Refresh => refresh(&identity, desk, output).await,
        Command::Remove { thumbprint } => remove(&thumbprint, &identity, output).await,
    }
}

/// A thumbprint as people write it.
fn plain(thumbprint: &str) -> String {
    let is_digit = |sign: &char| !matches!(sign, ' ' | ':' | '-');
    thumbprint.chars().filter(is_digit).collect::<String>().to_ascii_lowercase()
}

async fn add(
    files: &[PathBuf],
    role: Option<As>,
    sha256: &[String],
    identity: &Identity,
    output: Output,
) -> anyhow::Result<()> {
    let mut wanted: Vec<(Certificate, Role)> = Vec::new();
    for file in files {
        for certificate in certificates(file)? {
            identity
                .check_authority(&certificate)
                .with_context(|| format!("{} cannot be trusted", file.display()))?;
            let role = match role {
                Some(As::Anchor) => Role::Anchor,
                Some(As::Intermediate) => Role::Intermediate,
                None if certificate.is_self_issued() => Role::Anchor,
                None => Role::Intermediate,
            };
            wanted.push((certificate, role));
        }
    }
    let known = identity.trust_report().await?;
    let given: Vec<String> = sha256.iter().map(|one| plain(one)).collect();
    let is_there = |one: &Certificate| {
        let same = |known: &&Standing| known.certificate == *one && known.row.role == Role::Anchor;
        known.authorities.iter().find(same).is_some()
    };
    for (certificate, _) in wanted.iter().filter(|(one, role)| *role == Role::Anchor && !is_there(one)) {
        if !given.contains(&certificate.sha256()) {
            confirm(certificate, output)?;
        }
    }
    let mut answers = Vec::new();
    for (certificate, role) in &wanted {
        let is_new = identity.add_authority(certificate, *role, &origin()).await?;
        answers.push((certificate, *role, is_new));
    }
    let object = |(certificate, role, is_new): &(&Certificate, Role, bool)| {
        let mut object = facts(certificate);
        object["role"] = role.as_str().into();
        object["added"] = (*is_new).into();
        object
    };
    let line = |(certificate, role, is_new): &(&Certificate, Role, bool)| {
        let done = if *is_new { "Added as" } else { "Was there already as" };
        format!("{done} {}:\n{}\n", role.as_str(), described(certificate))
    };
    output.answer(&json!({"authorities": answers.iter().map(object).collect::<Vec<_>>()}), || {
        answers.iter().map(line).collect()
    })
}

fn certificates(file: &Path) -> anyhow::Result<Vec<Certificate>> {
    let read = |der: Vec<u8>| {
        Certificate::parse(&der).with_context(|| format!("{} holds something that is no certificate", file.display()))
    };
    objects("trust add", file, "CERTIFICATE")?.into_iter().map(read).collect()
}

/// Asks whoever sits at the terminal; everybody else must have given the thumbprint.
fn confirm(certificate: &Certificate, output: Output) -> anyhow::Result<()> {
    let shown = described(certificate);
    if output.json || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        bail!(
            "an anchor is added by whoever confirms its thumbprint:\n{shown}\n\
             compare it with what the authority publishes and give --sha256 {}",
            certificate.sha256()
        );
    }
    let mut err = std::io::stderr().lock();
    write!(
        err,
        "{shown}\nEverybody whom this authority vouches for will be believed. Compare the thumbprints with what it \
         publishes.\nType yes to trust it as an anchor: "
    )
    .and_then(|()| err.flush())
    .context("cannot ask")?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("cannot read the answer")?;
    if line.trim() == "yes" { Ok(()) } else { bail!("nothing was added") }
}

fn facts(certificate: &Certificate) -> Value {
    json!({
        "subject": certificate.subject().title(),
        "issuer": certificate.issuer().title(),
        "algorithm": certificate.key_name(),
        "not_before": rfc_3339_of(certificate.not_before()),
        "not_after": rfc_3339_of(certificate.not_after()),
        "sha1": certificate.thumbprint(),
        "sha256": certificate.sha256(),
    })
}

fn described(certificate: &Certificate) -> String {
    let (from, to) = (Timestamp(certificate.not_before()), Timestamp(certificate.not_after()));
    format!(
        "  {}\n      issued by {}\n      {}, valid {} to {}\n      SHA-1   {}\n      SHA-256 {}",
        certificate.subject().title(),
        certificate.issuer().title(),
        certificate.key_name(),
        moment(from),
        moment(to),
        certificate.thumbprint(),
        certificate.sha256(),
    )
}

async fn remove(thumbprint: &str, identity: &Identity, output: Output) -> anyhow::Result<()> {
    let wanted = plain(thumbprint);
    let report = identity.trust_report().await?;
    let is_wanted = |one: &&Standing| one.row.thumbprint == wanted || one.certificate.thumbprint() == wanted;
    let found: Vec<&Standing> = report.authorities.iter().filter(is_wanted).collect();
    let [found] = found.as_slice() else {
        bail!("there is no authority with this SHA-256 or SHA-1 thumbprint; `kabinet trust list` shows all");
    };
    let gone = identity.remove_authority(&found.row.thumbprint, &origin()).await?;
    let others = gone.saturating_sub(1);
    output.answer(&json!({"sha256": found.row.thumbprint, "removed": gone > 0, "others": others}), || {
        let with = if others > 0 {
            format!(", and {others} that led nowhere without it")
        } else {
            String::new()
        };
        format!("Removed {}{with}.", found.certificate.subject().title())
    })
}

async fn import(from: Option<String>, identity: &Identity, desk: &Desk, output: Output) -> anyhow::Result<()> {
    let configured = desk.config.certificate.list_url.as_ref().map(Url::to_string);
    let from = from.or(configured).context("name a file or a URL, or set certificate.list_url")?;
    let is_url = from.starts_with("https://") || from.starts_with("http://");
    let xml = if is_url {
        download(&from, desk).await.with_context(|| format!("{from} was not read"))?
    } else {
        read("trust import", Path::new(&from), MAX_LIST_OF_AUTHORITIES as u64)?
    };
    let imported = match identity.import_authorities(xml, &from, &origin()).await {
        Err(TrustError::NothingKept(import)) => {
            let why = TrustError::NothingKept(Import::default());
            bail!("{why}; dropped: {}", reasons(&import));
        }
        other => other?,
    };
    let object = json!({"version": imported.version, "kept": imported.kept, "dropped": imported.dropped});
    output.answer(&object, || {
        let kept: usize = imported.kept.values().sum();
        let status: String = imported.kept.iter().map(|(status, count)| format!("  {count:6}  {status}\n")).collect();
        let version = imported
            .version
            .as_ref()
            .map(|version| format!(" (version {version})"))
            .unwrap_or_default();
        format!(
            "Kept {kept} certificates of authorities that lead to an anchor{version}:\n{status}Dropped: {}.\n\
             The list's own signature is not verified: what is kept is believed for its path to an anchor.",
            reasons(&imported)
        )
    })
}

fn reasons(import: &Import) -> String {
    let all: Vec<String> = import.dropped.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

async fn download(from: &str, desk: &Desk) -> anyhow::Result<Vec<u8>> {
    let mut request = Request::new(http::Method::GET, Url::parse(from)?);
    request.max_body = Some(MAX_LIST_OF_AUTHORITIES);
    request.follow = HOPS;
    let fetch = outbound::fetch(&desk.config, PATIENCE)?;
    let answer = fetch.request(request).await.and_then(Response::success)?;
    Ok(answer.body.to_vec())
}

async fn refresh(identity: &Identity, desk: &Desk, output: Output) -> anyhow::Result<()> {
    let fetched = identity.refresh_all_lists().await?;
    let report = identity.trust_report().await?;
    let now = desk.now();
    let object = |one: &kabinet_identity::trust::Fetched| {
        let said = match &one.outcome {
            Ok(true) => "stored",
            Ok(false) => "unchanged",
            Err(_) => "failed",
        };
        let why = one.outcome.err().map(|fault| fault.to_string());
        json!({"address": one.address, "outcome": said, "reason": why})
    };
    let objects: Vec<Value> = fetched.iter().map(object).collect();
    let troubles = report.failing(now).len() + report.stale(now).len();
    output.answer(&json!({"fetched": objects, "ok": troubles == 0}), || {
        let line = |one: &Value| {
            let why = one["reason"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
            format!("{:9}  {}{why}\n", text(&one["outcome"]), text(&one["address"]))
        };
        if objects.is_empty() {
            "There is nothing to fetch: no authority names an address of revocation lists.".to_owned()
        } else {
            objects.iter().map(line).collect()
        }
    })?;
    if troubles > 0 {
        bail!("{troubles} revocation lists are missing or out of date; `kabinet trust list` shows which");
    }
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

async fn list(identity: &Identity, desk: &Desk, output: Output) -> anyhow::Result<()> {
    let (report, now) = (identity.trust_report().await?, desk.now());
    output.answer(&as_json(&report, now), || as_text(&report, now))
}

fn as_json(report: &Report, now: Timestamp) -> Value {
    let authority = |one: &Standing| {
        let mut object = facts(&one.certificate);
        object["role"] = one.row.role.as_str().into();
        object["source"] = one.row.source.as_str().into();
        object["status"] = one.row.status.clone().into();
        object["fault"] = one.fault.as_ref().map(ToString::to_string).into();
        object["added_at"] = rfc_3339_of(one.row.added_at.0).into();
        object
    };
    let list = |one: &List| {
        json!({
            "issuer": one.issuer,
            "number": one.number,
            "this_update": rfc_3339_of(one.this_update.0),
            "next_update": rfc_3339_of(one.next_update.0),
            "stale": one.next_update < now,
            "entries": one.entries,
            "bytes": one.bytes,
            "stored_at": rfc_3339_of(one.stored_at.0),
            "addresses": places(report, one).map(|place| place.address.as_str()).collect::<Vec<_>>(),
        })
    };
    let address = |one: &Address| {
        json!({
            "address": one.address,
            "told_by": one.told.as_str(),
            "fetched_at": one.fetched_at.map(|at| rfc_3339_of(at.0)),
            "failure": one.failure,
            "failures": one.failures,
            "next_at": rfc_3339_of(one.next_at.0),
        })
    };
    let imported = report.imported.as_ref().map(|one| {
        json!({
            "source": one.source,
            "version": one.version,
            "kept": one.kept,
            "dropped": one.dropped,
            "imported_at": rfc_3339_of(one.at.0),
        })
    });
    json!({
        "authorities": report.authorities.iter().map(authority).collect::<Vec<_>>(),
        "lists": report.lists.iter().map(list).collect::<Vec<_>>(),
        "addresses": report.addresses.iter().map(address).collect::<Vec<_>>(),
        "imported": imported,
    })
}

/// Where a list was found.
fn places<'a>(report: &'a Report, list: &'a List) -> impl Iterator<Item = &'a Address> {
    let is_of = |one: &&Address| one.series.as_ref() == Some(&list.series);
    report.addresses.iter().filter(is_of)
}

fn as_text(report: &Report, now: Timestamp) -> String {
    let (anchors, others): (Vec<&Standing>, Vec<&Standing>) =
        report.authorities.iter().partition(|one| one.row.role == Role::Anchor);
    if anchors.is_empty() && others.is_empty() {
        return "Nobody is trusted, so nobody signs in by certificate; `kabinet trust add FILE` adds an anchor."
            .to_owned();
    }
    let mut out = section("Anchors", anchors.iter().map(|one| standing(one)));
    out += &section("Authorities below them", others.iter().map(|one| standing(one)));
    let list = |one: &List| {
        let state = if one.next_update < now {
            "OUT OF DATE since"
        } else {
            "in date until"
        };
        let where_from: String = places(report, one).map(|place| format!("\n      {}", place.address)).collect();
        format!(
            "  {}\n      {} entries, made {}, {state} {}{where_from}",
            one.issuer,
            one.entries,
            moment(one.this_update),
            moment(one.next_update)
        )
    };
    out += &section("Revocation lists", report.lists.iter().map(list));
    let failing = report.addresses.iter().filter_map(|one| {
        let why = one.failure.as_ref()?;
        Some(format!(
            "  {}\n      {why}; {} attempts failed, the next is at {}",
            one.address,
            one.failures,
            moment(one.next_at)
        ))
    });
    out += &section("Addresses that fail", failing);
    if let Some(one) = &report.imported {
        let version = one.version.as_deref().unwrap_or("none");
        out += &format!(
            "List of accredited authorities: {} certificates kept, {} dropped, version {version}, imported {} from {}\n",
            one.kept,
            one.dropped,
            moment(one.at),
            one.source
        );
    }
    out
}

fn section(title: &str, lines: impl Iterator<Item = String>) -> String {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return String::new();
    }
    format!("{title} ({})\n{}\n\n", lines.len(), lines.join("\n"))
}

fn standing(one: &Standing) -> String {
    let from = match one.row.source {
        Source::Operator => "added by the operator",
        Source::List => "from the list of accredited authorities",
        Source::Signature => "came with a signature",
    };
    let status = one.row.status.as_ref().map(|status| format!(" (there: {status})")).unwrap_or_default();
    let fault = one.fault.as_ref().map(|fault| format!("\n      NOT USED: {fault}")).unwrap_or_default();
    format!("{}\n      {from}{status}{fault}", described(&one.certificate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbprint_is_read_as_people_write_it() {
        for text in ["AB:cd:01", "ab cd 01", "abcd01", "AB-CD-01"] {
            assert_eq!(plain(text), "abcd01");
        }
    }
}
