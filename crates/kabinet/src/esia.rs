//! Sign-in through Госуслуги as `[esia]` sets it: its files, and who signs.

mod command;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow, bail, ensure};
use kabinet_core::time::Timestamp;
use kabinet_fetch::Fetch;
use kabinet_gost::signature::Bare;
use kabinet_gost::{Certificate, pem};
use kabinet_identity::method::esia::signer::{Service, Signer};
use kabinet_identity::method::esia::{Esia, Outlook, Parts, Protocol, Settings};
use url::Url;

use crate::Ambient;
use crate::config::{self, Config, SignerKind};
use crate::followed;
use crate::outbound;

use command::Command;

const DAY: i64 = 86_400;
/// How long before its end a certificate is told of, in days: ЕСИА's change about once a year, and the new ones are published
/// some weeks before.
pub const SOON: i64 = 30;

/// The client of Госуслуги that the configuration describes; `None`: none.
///
/// # Errors
/// When a file cannot be used, or does not fit another.
pub fn open(config: &Config, ambient: &Ambient) -> anyhow::Result<Option<Esia>> {
    let Some(client_id) = config.esia.client_id.clone() else {
        return Ok(None);
    };
    let certificate = own_certificate(&config.esia)?;
    let parts = Parts {
        settings: settings(&config.esia, client_id, certificate.clone())?,
        signer: signer(config, certificate)?,
        token_certificates: certificates(&config.esia.token_certificates).context("esia.token_certificates")?,
        fetch: outbound::fetch(config, config.esia.timeout.duration())?,
        clock: ambient.clock.clone(),
    };
    Ok(Some(Esia::new(parts)))
}

fn settings(esia: &config::Esia, client_id: String, certificate: Certificate) -> anyhow::Result<Settings> {
    let base = match &esia.base_url {
        Some(url) => url.clone(),
        None => Url::parse(esia.contour.base())?,
    };
    let with_start = esia.protocol == Protocol::V2 && !esia.org_tokens;
    let settings = Settings {
        upstream: esia.contour.upstream().to_owned(),
        client_id,
        back_channel: esia.back_channel_url.clone().unwrap_or_else(|| base.clone()),
        base,
        issuer: esia.issuer.clone().unwrap_or_else(|| esia.contour.issuer().to_owned()),
        certificate,
        signer_reversed: esia.signer_reversed,
        scope: esia.scope.join(" "),
        scope_org: if with_start { esia.scope_org.join(" ") } else { String::new() },
        org_scopes: if with_start { Vec::new() } else { esia.scope_org.clone() },
        protocol: esia.protocol,
        token_algorithms: esia.token_algorithms.clone(),
        require_confirmed: esia.require_confirmed,
        pkce: esia.pkce,
    };
    if let Some(given) = &esia.certificate_hash {
        let computed = settings.certificate_hash();
        ensure!(
            given.eq_ignore_ascii_case(&computed),
            "esia.certificate_hash: is not the hash of esia.certificate, which is {computed}"
        );
    }
    Ok(settings)
}

/// The certificate of the system.
///
/// # Errors
/// Says in a sentence what is wrong with the file.
pub fn own_certificate(esia: &config::Esia) -> anyhow::Result<Certificate> {
    let path = esia.certificate.as_deref().context("esia.certificate: is not given")?;
    let certificate = only(path).context("esia.certificate")?;
    ensure!(
        Bare::Gost256.fits(&certificate),
        "esia.certificate: its key is {}; ESIA wants ГОСТ Р 34.10-2012 with 256 bits",
        certificate.key_name()
    );
    Ok(certificate)
}

fn only(path: &Path) -> anyhow::Result<Certificate> {
    let mut found = in_file(path)?;
    match (found.pop(), found.is_empty()) {
        (Some(certificate), true) => Ok(certificate),
        _ => bail!("{} must hold one certificate", path.display()),
    }
}

/// The certificates in these files, and in those of these folders.
///
/// # Errors
/// Says which file is unfit, and why.
pub(crate) fn certificates(paths: &[PathBuf]) -> anyhow::Result<Vec<Certificate>> {
    let mut found = Vec::new();
    for path in followed::files(paths) {
        found.extend(in_file(&path)?);
    }
    Ok(found)
}

fn in_file(path: &Path) -> anyhow::Result<Vec<Certificate>> {
    let shown = path.display();
    let file = std::fs::read(path).with_context(|| format!("cannot read {shown}"))?;
    let objects = pem::read(&file).map_err(|_| anyhow!("{shown} is neither PEM nor DER"))?;
    let is_certificate = |one: &pem::Object| one.label.as_deref().is_none_or(|label| label == "CERTIFICATE");
    let objects = objects.iter().filter(|one| is_certificate(one));
    let read: Result<Vec<_>, _> = objects.map(|one| Certificate::parse(&one.der)).collect();
    let read = read.map_err(|_| anyhow!("{shown} holds something that is no certificate"))?;
    ensure!(!read.is_empty(), "{shown} holds no certificate");
    Ok(read)
}

fn signer(config: &Config, certificate: Certificate) -> anyhow::Result<Arc<dyn Signer>> {
    let esia = &config.esia;
    match esia.signer {
        SignerKind::Software => software(esia, certificate),
        SignerKind::Command => Ok(Arc::new(Command::new(&esia.signer_command, esia.signer_timeout.duration()))),
        SignerKind::Http => {
            let url = esia.signer_url.clone().context("esia.signer_url: is not given")?;
            let fetch: Fetch = outbound::fetch(config, esia.signer_timeout.duration())?;
            let token = esia.signer_token.as_ref().map(|token| &token.0);
            let service = Service::new(fetch, url, token);
            Ok(Arc::new(
                service.context("esia.signer_token: holds characters that a header cannot have")?,
            ))
        }
    }
}

#[cfg(feature = "software-signer")]
fn software(esia: &config::Esia, certificate: Certificate) -> anyhow::Result<Arc<dyn Signer>> {
    use kabinet_identity::method::esia::signer::Software;
    let path = esia.signer_key.as_deref().context("esia.signer_key: is not given")?;
    let key = std::fs::read(path).with_context(|| format!("esia.signer_key: cannot read {}", path.display()))?;
    let signer = Software::new(&key, certificate);
    let signer = signer.map_err(|what| anyhow!("esia.signer_key: {} {what}", path.display()))?;
    tracing::warn!("requests to ESIA are signed by the built-in signer: for development, no certified means");
    Ok(Arc::new(signer))
}

#[cfg(not(feature = "software-signer"))]
fn software(_: &config::Esia, _: Certificate) -> anyhow::Result<Arc<dyn Signer>> {
    bail!("esia.signer: software is not in this program")
}

/// Tells of certificates that end soon or have ended.
pub(crate) fn warn(one: Outlook, now: Timestamp) {
    let alg = one.algorithm.as_str();
    match one.until.map(|until| until.since(now) / DAY) {
        None => tracing::warn!(alg, "no certificate of ESIA for this algorithm is valid: its tokens are refused"),
        Some(days) if days < SOON => {
            tracing::warn!(alg, days, "the last certificate of ESIA for this algorithm ends soon; add its successor");
        }
        Some(_) => {}
    }
}
