//! Whether sign-in by certificate has somebody to believe, for how long still, and whether its revocation lists are in date.

use kabinet::config::Config;
use kabinet_core::time::Timestamp;
use kabinet_identity::trust::{Report, report};
use kabinet_store::Store;
use kabinet_store::trust::Role;

use super::Findings;

const DAY: i64 = 86_400;
/// An anchor that ends sooner than that is to be replaced now, days: its successor must reach every installation.
const SOON: i64 = 90;
/// The list of accredited authorities is old after so many days.
const OLD_IMPORT: i64 = 90;

pub(super) async fn all(config: &Config, store: &Store, now: Timestamp, findings: &mut Findings) {
    if !matches!(store.is_current().await, Ok(true)) {
        return;
    }
    match report(store.db(), now, config.certificate.algorithms).await {
        Ok(report) => examine(&report, now, findings),
        Err(why) => findings.fail("trust", why.to_string()),
    }
}

fn examine(report: &Report, now: Timestamp, findings: &mut Findings) {
    let anchors = report.authorities.iter().filter(|one| one.row.role == Role::Anchor);
    let anchors: Vec<_> = anchors.collect();
    if anchors.is_empty() {
        return findings.ok("trust", "No trust anchor: nobody signs in by certificate (`kabinet trust add` adds one).");
    }
    let mut troubles = Vec::new();
    for one in &anchors {
        let days = (one.certificate.not_after() - now.0) / DAY;
        let title = one.certificate.subject().title();
        match &one.fault {
            Some(fault) => troubles.push(format!("The anchor {title} is not used: {fault}")),
            None if days < SOON => {
                troubles.push(format!("The anchor {title} expires in {days} days; add its successor"))
            }
            None => {}
        }
    }
    let (stale, failing) = (report.stale(now), report.failing(now));
    if let Some(first) = stale.first() {
        troubles.push(format!("{} revocation lists are out of date, as that of {}", stale.len(), first.issuer));
    }
    if let Some(first) = failing.first() {
        let why = first.failure.as_deref().unwrap_or_default();
        troubles.push(format!(
            "{} addresses lead to no revocation list, as {} ({why})",
            failing.len(),
            first.address
        ));
    }
    if let Some(imported) = &report.imported
        && now.since(imported.at) > OLD_IMPORT * DAY
    {
        let days = now.since(imported.at) / DAY;
        troubles.push(format!(
            "The list of accredited authorities is {days} days old; run `kabinet trust import`"
        ));
    }
    if troubles.is_empty() {
        findings.ok(
            "trust",
            format!(
                "{} anchors, {} authorities below them, {} revocation lists in date.",
                anchors.len(),
                report.authorities.len() - anchors.len(),
                report.lists.len()
            ),
        );
    }
    for trouble in troubles {
        findings.warn("trust", format!("{trouble}."));
    }
}
