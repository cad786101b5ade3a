//! `kabinet certificate verify`
//!
//! Explains a signature that a customer sends: the verdict, the code and the step of a refusal, whom the certificate names,
//! and the path to the anchor. Neither configuration nor database nor network is needed.
//!
//! Exit codes: 0 accepted, 1 refused, 2 used wrongly. A file that cannot be read, or whose content is no certificate or no
//! revocation list, is wrong use; a signature that cannot be read is a refused one.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use kabinet::Ambient;
use kabinet_core::time::Timestamp;
use kabinet_gost::identity::Subject;
use kabinet_gost::{Anchor, Certificate, Content, Crl, Ocsp, Policy, Request, Trust, Verdict, Verifier, pem};
use serde_json::{Value, json};

use super::{Output, moment};

/// Exit code of wrong use, the same as for arguments that cannot be parsed.
const WRONG_USE: u8 = 2;
/// The largest signature file that is read: base64 of the largest message, and more.
const SIGNATURE_BYTES: u64 = 1024 * 1024;
/// The largest of the other files: a revocation list's limit in base64.
const FILE_BYTES: u64 = 96 * 1024 * 1024;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Say whether a signature is accepted, and why not: exit 0 accepted, 1 refused, 2 used wrongly
    Verify(Box<Verify>),
}

/// Files are PEM, DER or bare base64; a PEM file may hold several objects.
#[derive(Args)]
pub(crate) struct Verify {
    /// The signature: a CMS message, attached or detached
    #[arg(long, value_name = "FILE")]
    signature: PathBuf,
    /// What was to be signed; without it the content inside the signature is explained
    #[arg(long, value_name = "FILE")]
    content: Option<PathBuf>,
    /// A trusted root certificate; may be repeated
    #[arg(long = "anchor", value_name = "FILE", required = true)]
    anchors: Vec<PathBuf>,
    /// A certificate of an authority or of the signer that is not in the signature; may be repeated
    #[arg(long = "certificate", value_name = "FILE")]
    certificates: Vec<PathBuf>,
    /// A revocation list; may be repeated
    #[arg(long = "crl", value_name = "FILE")]
    crls: Vec<PathBuf>,
    /// An answer of an OCSP responder, in DER; may be repeated
    #[arg(long = "ocsp", value_name = "FILE")]
    answers: Vec<PathBuf>,
    /// The moment to verify for, as 2027-01-31T12:00:00Z; without it now
    #[arg(long, value_name = "RFC3339", value_parser = rfc_3339)]
    at: Option<Timestamp>,
    /// Which certificates are accepted
    #[arg(long, value_enum, default_value_t = Require::Qualified)]
    require: Require,
    /// What happens where the lists do not say whether a certificate was revoked
    #[arg(long, value_enum, default_value_t = Revocation::Required)]
    revocation: Revocation,
    /// Which algorithms are accepted
    #[arg(long, value_enum, default_value_t = Algorithms::Gost)]
    algorithms: Algorithms,
}

#[derive(Clone, Copy, ValueEnum)]
enum Require {
    /// Qualified ones (63-ФЗ) only
    Qualified,
    /// Any that lead to an anchor
    Any,
}

#[derive(Clone, Copy, ValueEnum)]
enum Revocation {
    /// Refuse
    Required,
    /// Accept and say so; what a list names is refused
    Preferred,
    /// Do not ask
    Off,
}

#[derive(Clone, Copy, ValueEnum)]
enum Algorithms {
    /// ГОСТ Р 34.10-2012
    Gost,
    /// The same, RSA and ECDSA
    Any,
}

fn rfc_3339(text: &str) -> Result<Timestamp, String> {
    let moment = chrono::DateTime::parse_from_rfc3339(text).map_err(|why| why.to_string())?;
    Ok(Timestamp(moment.timestamp()))
}

pub(crate) fn run(command: &Command, output: Output) -> anyhow::Result<ExitCode> {
    let Command::Verify(arguments) = command;
    let verdict = match verify(arguments) {
        Ok(verdict) => verdict,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "kabinet: {why:#}");
            return Ok(ExitCode::from(WRONG_USE));
        }
    };
    output.answer(&as_json(&verdict), || as_text(&verdict))?;
    Ok(if verdict.result.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Reads the files and verifies; an error is wrong use.
fn verify(arguments: &Verify) -> anyhow::Result<Verdict> {
    let mut trust = Trust::default();
    for file in &arguments.anchors {
        for der in objects("--anchor", file, "CERTIFICATE")? {
            trust
                .anchors
                .push(Anchor::parse(&der).with_context(|| not_a("--anchor", file, "certificate"))?);
        }
    }
    for file in &arguments.certificates {
        for der in objects("--certificate", file, "CERTIFICATE")? {
            let certificate = Certificate::parse(&der).with_context(|| not_a("--certificate", file, "certificate"))?;
            trust.certificates.push(certificate);
        }
    }
    for file in &arguments.crls {
        for der in objects("--crl", file, "X509 CRL")? {
            let list = Crl::parse(&der).with_context(|| not_a("--crl", file, "revocation list"))?;
            trust.crls.push(Arc::new(list));
        }
    }
    for file in &arguments.answers {
        let bytes = read("--ocsp", file, kabinet_gost::ocsp::MAX_BYTES as u64)?;
        let answer = Ocsp::parse(&bytes).with_context(|| not_a("--ocsp", file, "successful OCSP answer"))?;
        trust.answers.push(Arc::new(answer));
    }
    // Of one that is longer the rest does not matter: it is refused as too large.
    let signature = signature(&beginning("--signature", &arguments.signature, SIGNATURE_BYTES)?);
    let content = arguments.content.as_ref().map(|file| read("--content", file, FILE_BYTES)).transpose()?;
    let now = arguments.at.unwrap_or_else(|| Ambient::real().clock.now());
    let verifier = Verifier { trust, policy: policy(arguments) };
    Ok(verifier.check(Request {
        signature: &signature,
        content: content.as_deref().map_or(Content::Attached, Content::Expected),
        certificates: &[],
        now: now.0,
    }))
}

fn policy(arguments: &Verify) -> Policy {
    Policy {
        require: match arguments.require {
            Require::Qualified => kabinet_gost::Require::Qualified,
            Require::Any => kabinet_gost::Require::Any,
        },
        revocation: match arguments.revocation {
            Revocation::Required => kabinet_gost::Revocation::Required,
            Revocation::Preferred => kabinet_gost::Revocation::Preferred,
            Revocation::Off => kabinet_gost::Revocation::Off,
        },
        allow_foreign: matches!(arguments.algorithms, Algorithms::Any),
        ..Policy::default()
    }
}

fn not_a(flag: &str, file: &Path, what: &str) -> String {
    format!("{flag}: {} holds no {what}", file.display())
}

/// The first bytes of a file, as many as this.
fn beginning(flag: &str, file: &Path, bytes: u64) -> anyhow::Result<Vec<u8>> {
    let cannot = || format!("{flag}: cannot read {}", file.display());
    let mut read = Vec::new();
    File::open(file)
        .with_context(cannot)?
        .take(bytes)
        .read_to_end(&mut read)
        .with_context(cannot)?;
    Ok(read)
}

pub(super) fn read(flag: &str, file: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    let bytes = beginning(flag, file, limit + 1)?;
    if bytes.len() as u64 > limit {
        bail!("{flag}: {} is larger than {} MiB", file.display(), limit / 1024 / 1024);
    }
    Ok(bytes)
}

/// The objects of this kind in a file; a PEM file may hold others beside them.
pub(super) fn objects(flag: &str, file: &Path, label: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    let bytes = read(flag, file, FILE_BYTES)?;
    let all = pem::read(&bytes).with_context(|| format!("{flag}: {} is no PEM and no DER", file.display()))?;
    let wanted = all.into_iter().filter(|one| one.label.as_deref().is_none_or(|found| found == label));
    let wanted: Vec<Vec<u8>> = wanted.map(|one| one.der).collect();
    if wanted.is_empty() {
        bail!("{flag}: {} holds no {label}", file.display());
    }
    Ok(wanted)
}

/// The message in the file. What is neither PEM nor base64 is judged as it stands.
fn signature(file: &[u8]) -> Vec<u8> {
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let in_pem = pem::read(file).ok().filter(|objects| objects.len() == 1 && objects[0].label.is_some());
    if let Some(one) = in_pem.and_then(|mut objects| objects.pop()) {
        return one.der;
    }
    let base64 = std::str::from_utf8(file).ok().and_then(|text| pem::base64(text).ok());
    base64.unwrap_or_else(|| file.to_vec())
}

fn as_json(verdict: &Verdict) -> Value {
    let refusal = verdict.result.as_ref().err();
    let accepted = verdict.result.as_ref().ok();
    let subject = verdict.seen.subject.as_ref();
    let certificate = verdict.seen.certificate.as_ref();
    json!({
        "accepted": accepted.is_some(),
        "error": refusal.map(|refusal| refusal.reason.code()),
        "step": refusal.map(|refusal| refusal.reason.step().name()),
        "message": refusal.map(ToString::to_string),
        "kind": subject.map(|subject| subject.kind.name()),
        "qualified": accepted.map(|accepted| accepted.is_qualified),
        "revocation": accepted.map(|accepted| accepted.revocation.name()),
        "subject": subject.map(|subject| {
            fields(subject).into_iter().map(|(name, _, value)| (name.to_owned(), json!(value))).collect::<Value>()
        }),
        "signing_time": verdict.seen.signing_time.map(rfc_3339_of),
        "certificate": certificate.map(certificate_json),
        "chain": verdict.seen.chain.iter().map(certificate_json).collect::<Vec<_>>(),
    })
}

fn certificate_json(certificate: &Certificate) -> Value {
    json!({
        "subject": certificate.subject().title(),
        "issuer": certificate.issuer().title(),
        "serial": hex(certificate.serial()),
        "not_before": rfc_3339_of(certificate.not_before()),
        "not_after": rfc_3339_of(certificate.not_after()),
        "algorithm": certificate.key_name(),
        "tools": certificate.tool_classes().iter().map(|class| class.name()).collect::<Vec<_>>(),
        "thumbprint": certificate.thumbprint(),
    })
}

pub(super) fn rfc_3339_of(at: i64) -> String {
    chrono::DateTime::from_timestamp(at, 0)
        .map_or_else(|| at.to_string(), |time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Name in JSON, name for people, value.
fn fields(subject: &Subject) -> [(&'static str, &'static str, Option<&str>); 11] {
    [
        ("common_name", "name", subject.common_name.as_deref()),
        ("surname", "surname", subject.surname.as_deref()),
        ("given_name", "given name", subject.given_name.as_deref()),
        ("snils", "СНИЛС", subject.snils.as_deref()),
        ("inn", "ИНН", subject.inn.as_deref()),
        ("ogrnip", "ОГРНИП", subject.ogrnip.as_deref()),
        ("organisation", "organisation", subject.organisation.as_deref()),
        ("title", "title", subject.title.as_deref()),
        ("innle", "ИННЮЛ", subject.inn_organisation.as_deref()),
        ("ogrn", "ОГРН", subject.ogrn.as_deref()),
        ("email", "e-mail", subject.email.as_deref()),
    ]
}

fn as_text(verdict: &Verdict) -> String {
    let mut lines = match &verdict.result {
        Ok(accepted) => vec![
            "ACCEPTED".to_owned(),
            line("qualified", if accepted.is_qualified { "yes" } else { "no" }),
            line("revocation", accepted.revocation.name()),
        ],
        Err(refusal) => vec![
            format!("REFUSED: {}", refusal.reason.code()),
            line("step", refusal.reason.step().name()),
            line("because", &refusal.to_string()),
        ],
    };
    let seen = &verdict.seen;
    if let Some(at) = seen.signing_time {
        lines.push(line("signed", &format!("{} by the signer's clock", moment(Timestamp(at)))));
    }
    if let Some(algorithm) = &seen.algorithm {
        lines.push(line("key", algorithm));
    }
    if let Some(subject) = &seen.subject {
        let proven = if verdict.result.is_ok() { "" } else { ", nothing of it is proven" };
        lines.push(format!("\nSigner: {}{proven}", subject.kind.name()));
        lines.extend(fields(subject).iter().filter_map(|(_, name, value)| value.map(|value| line(name, value))));
    }
    let chain = if seen.chain.is_empty() {
        seen.certificate.as_slice()
    } else {
        &seen.chain
    };
    if !chain.is_empty() {
        lines.push(if seen.chain.is_empty() { "\nCertificate" } else { "\nPath" }.to_owned());
    }
    for one in chain {
        let (from, to) = (moment(Timestamp(one.not_before())), moment(Timestamp(one.not_after())));
        lines.push(format!("  {}\n      valid {from} to {to}", one.subject().title()));
        lines.push(format!("      serial {}, SHA-1 {}", hex(one.serial()), one.thumbprint()));
    }
    lines.join("\n")
}

fn line(name: &str, value: &str) -> String {
    format!("  {name:<13} {value}")
}
