//! Whether every saved brand can be used, every client's brand exists, and nobody is left without a way in.

use kabinet::config::Config;
use kabinet_core::brand::Brands;
use kabinet_core::client::Client;
use kabinet_core::method::unusable;
use kabinet_store::{Store, brand};

use super::Findings;
use crate::cli::client;

pub(super) async fn all(config: &Config, store: &Store, findings: &mut Findings) {
    if !matches!(store.is_current().await, Ok(true)) {
        return;
    }
    let read = async { anyhow::Ok((brand::every(store.db()).await?, client::every(store).await?)) };
    match read.await {
        Ok((kept, clients)) => examine(config, (kept, &clients), findings),
        Err(why) => findings.fail("brands", format!("{why:#}")),
    }
}

fn examine(config: &Config, (kept, clients): (Vec<brand::Kept>, &[Client]), findings: &mut Findings) {
    let mut saved = Vec::new();
    let mut unread = Vec::new();
    for one in kept {
        match one.brand {
            Ok(brand) => saved.push(brand),
            Err(_) => unread.push(one.name),
        }
    }
    let (brands, left_out) = Brands::with(saved);
    unread.extend(left_out.into_iter().map(|(name, _)| name));
    let mut troubles = Vec::new();
    if !unread.is_empty() {
        troubles.push(format!("{} cannot be used and is left out; save it again", unread.join(", ")));
    }
    for client in clients {
        let (name, metadata) = (client.metadata.brand.as_deref(), &client.metadata);
        let known = name.is_none_or(|name| brands.get(name).is_some());
        if !known {
            let name = name.unwrap_or_default();
            troubles.push(format!(
                "{} names the brand {name}, which does not exist: its pages have the default one",
                client.id
            ));
        }
        let brand = brands.find(name);
        let lists = (brand.login_methods(Some(metadata)), brand.registration_methods(Some(metadata)));
        let closed = unusable(Some(lists.0), Some(lists.1), &kabinet::built(config));
        troubles.extend(closed.iter().map(|(field, problem)| format!("{field} of {} {problem}", client.id)));
    }
    if troubles.is_empty() {
        findings.ok(
            "brands",
            format!("Of {} brands, every one that clients name is there.", brands.iter().count()),
        );
    }
    for trouble in troubles {
        findings.warn("brands", format!("{trouble}."));
    }
}
