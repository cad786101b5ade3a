//! Whether sign-in through Госуслуги can work: the certificate and who signs with it, the certificates of ЕСИА, the way there and
//! its clock. What only ЕСИА knows (the approval, the upload, the scopes) is told of as what to compare.

use kabinet::Ambient;
use kabinet::config::{Config, SignerKind};
use kabinet::esia::{SOON, open, own_certificate};
use kabinet_core::time::Timestamp;
use kabinet_identity::method::esia::Esia;
use kabinet_identity::method::upstream::Upstream;

use super::Findings;

const DAY: i64 = 86_400;
/// Seconds by which the clocks may differ before it is told.
const SKEW: i64 = 30;

pub(super) async fn all(config: &Config, ambient: &Ambient, findings: &mut Findings) {
    let esia = match open(config, ambient) {
        Ok(None) => return findings.ok("esia", "No mnemonic (esia.client_id): nobody signs in through Госуслуги."),
        Err(why) => return findings.fail("esia", format!("{why:#}.")),
        Ok(Some(esia)) => esia,
    };
    let now = ambient.clock.now();
    own(config, &esia, now, findings);
    signer(config, &esia, ambient, findings).await;
    trusted(&esia, now, findings);
    organisations(config, findings);
    way(config, &esia, findings).await;
}

fn own(config: &Config, esia: &Esia, now: Timestamp, findings: &mut Findings) {
    let Ok(certificate) = own_certificate(&config.esia) else {
        return;
    };
    let client_id = config.esia.client_id.as_deref().unwrap_or_default();
    let shown = format!("{client_id} ({}): the technical portal must show", config.esia.contour.upstream());
    let days = (certificate.not_after() - now.0) / DAY;
    let told = format!("{shown} the certificate {}", esia.certificate_hash());
    if now.0 < certificate.not_before() || certificate.not_after() < now.0 {
        findings.fail("esia", "esia.certificate is not valid now; upload a new one and give it here.");
    } else if days < SOON {
        findings.warn("esia", format!("{told}. It ends in {days} days; order a new one."));
    } else {
        findings.ok("esia", format!("{told}."));
    }
}

async fn signer(config: &Config, esia: &Esia, ambient: &Ambient, findings: &mut Findings) {
    match esia.try_signer(&*ambient.entropy).await {
        Err(why) => findings.fail("esia-signer", format!("{why}.")),
        Ok(()) if config.esia.signer == SignerKind::Software => {
            findings.warn("esia-signer", "The built-in signer signs: for development, no certified means (СКЗИ).")
        }
        Ok(()) => findings.ok("esia-signer", "Signs with the key of esia.certificate."),
    }
}

fn trusted(esia: &Esia, now: Timestamp, findings: &mut Findings) {
    let mut troubles = Vec::new();
    let outlook = esia.outlook(now);
    for one in &outlook {
        let alg = one.algorithm.as_str();
        match one.until.map(|until| until.since(now) / DAY) {
            None => {
                troubles.push(format!("tokens signed with {alg} cannot be verified: no certificate for it is valid"))
            }
            Some(days) if days < SOON => troubles.push(format!("the last certificate for {alg} ends in {days} days")),
            Some(_) => {}
        }
    }
    let sentence = format!("{}; get the new esia.zip (esia.token_certificates).", troubles.join("; "));
    if outlook.iter().all(|one| one.until.is_none()) {
        findings.fail("esia-tokens", sentence);
    } else if troubles.is_empty() {
        findings.ok("esia-tokens", "The certificates of ESIA are valid for a month at least.");
    } else {
        findings.warn("esia-tokens", sentence);
    }
}

fn organisations(config: &Config, findings: &mut Findings) {
    if !config.esia.scope_org.is_empty() && !config.esia.org_tokens {
        findings.warn(
            "esia-organisations",
            "Whoever is in no organisation at ESIA cannot sign in (ESIA-007194): esia.scope_org is asked for with the sign-in. \
             To let them in, set esia.org_tokens = true.",
        );
    }
}

async fn way(config: &Config, esia: &Esia, findings: &mut Findings) {
    if let Err(why) = esia.probe().await {
        let key = if config.esia.back_channel_url.is_some() {
            "esia.back_channel_url"
        } else {
            "esia.base_url"
        };
        return findings.fail("esia-way", format!("{why} ({key}, outbound.allow, outbound.ca)."));
    }
    match esia.clock_offset() {
        offset if offset.abs() > SKEW => {
            findings.warn(
                "esia-way",
                format!("ESIA answers; its clock is {offset} s ahead of this one: set it (NTP)."),
            );
        }
        _ => findings.ok("esia-way", "ESIA answers, and the clocks agree."),
    }
}
