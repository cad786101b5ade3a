//! `kabinet key list | rotate`

use anyhow::bail;
use clap::Subcommand;
use kabinet_core::client::Alg;
use kabinet_core::key::{KeyState, Ring, SigningKey};
use kabinet_store::key;
use serde_json::{Value, json};

use super::{Desk, Output, moment, origin, wire};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show the keys and their places in the rotation
    List,
    /// Let the next key sign, keep the current one published, and make a new next one
    ///
    /// Relying parties that fetch the key set notice nothing. 1С does not fetch it: its key stands in default.vrd as a
    /// copy, so it moves only with --profile 1c, and then the new public key must be pasted anew in every such publication.
    Rotate {
        /// The keys of this profile alone: 1c
        #[arg(long, value_name = "PROFILE", value_parser = wire::<Ring>)]
        profile: Option<Ring>,
        /// Rotate although the next key was published less than five minutes ago
        #[arg(long)]
        force: bool,
        /// RS256, PS256, ES256 or EdDSA; repeatable; without it all
        #[arg(long = "alg", value_name = "ALG", value_parser = wire::<Alg>)]
        algs: Vec<Alg>,
    },
}

pub(crate) async fn run(command: &Command, desk: &Desk, output: Output) -> anyhow::Result<()> {
    if let Command::Rotate { algs, profile, force } = command {
        let ring = profile.unwrap_or_default();
        let master = kabinet::config::master_key(&desk.config, &*desk.ambient.entropy)?;
        let sealer = kabinet_oidc::keys::sealer(&master);
        let algs = if algs.is_empty() { ring.algs() } else { algs };
        if let Some(alg) = algs.iter().find(|alg| !ring.algs().contains(alg)) {
            bail!("--alg {}: the keys of the profile 1c are RS256 only", alg.as_str());
        }
        for alg in algs {
            if !force {
                refuse_unknown_key(desk, (ring, *alg)).await?;
            }
        }
        for alg in algs {
            let forge = kabinet::forge(&desk.config, &sealer, &desk.ambient);
            kabinet_oidc::keys::rotate(&desk.store, (ring, *alg), forge, &origin()).await?;
        }
        desk.changed().await;
    }
    let keys = key::every(desk.store.db()).await?;
    let list: Vec<Value> = keys.iter().map(object).collect();
    output.answer(&json!({"keys": list}), || keys.iter().map(line).collect())
}

/// Relying parties may keep the JWK set for five minutes: a key that signs sooner after it was published is refused by
/// those that have.
async fn refuse_unknown_key(desk: &Desk, place: (Ring, Alg)) -> anyhow::Result<()> {
    const CACHED: i64 = 300;
    let now = desk.ambient.clock.now();
    let keys = key::every(desk.store.db()).await?;
    let next = keys.iter().find(|key| (key.ring, key.alg) == place && key.state == KeyState::Next);
    if next.is_some_and(|key| now.since(key.created_at) < CACHED) {
        bail!(
            "{}: the next key was published less than 5 minutes ago; clients that cached the key set before would refuse its tokens. Wait, or use --force",
            place.1.as_str()
        );
    }
    Ok(())
}

fn object(key: &SigningKey) -> Value {
    json!({
        "kid": key.id, "alg": key.alg, "ring": key.ring, "state": key.state,
        "created_at": key.created_at, "retired_at": key.retired_at,
    })
}

fn line(key: &SigningKey) -> String {
    format!(
        "{}  {:6}  {:5}  {:8}  made {}\n",
        key.id,
        key.ring.as_str(),
        key.alg.as_str(),
        key.state.as_str(),
        moment(key.created_at)
    )
}
