//! `kabinet key list | rotate | delete`

use anyhow::bail;
use clap::Subcommand;
use kabinet_core::client::Alg;
use kabinet_core::id::KeyId;
use kabinet_core::key::{KeyState, Ring, SigningKey};
use kabinet_core::time::Timestamp;
use kabinet_oidc::keys::{generate, rotation};
use kabinet_store::key;
use serde_json::{Value, json};

use super::{Desk, Output, moment, origin, wire};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show the keys and their places in the rotation
    List,
    /// Forget a key that signs nothing any more, at once: whatever it signed is worthless from then on
    ///
    /// For a key that leaked: rotate first, then delete it. Without that, a key leaves by itself once nothing needs it.
    Delete {
        #[arg(value_name = "KID")]
        id: KeyId,
    },
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
    let master = kabinet::config::master_key(&desk.config, &*desk.ambient.entropy)?;
    let sealer = kabinet_oidc::keys::sealer(&master);
    let forge = kabinet::forge(&desk.config, &sealer, &desk.ambient);
    match command {
        Command::List => {}
        Command::Delete { id } => {
            if !rotation::remove(&desk.store, id, forge, &origin()).await? {
                bail!(
                    "{id} is no key that signs nothing any more; `kabinet key list` shows all, `key rotate` moves one on"
                );
            }
            desk.changed().await;
        }
        Command::Rotate { algs, profile, force } => {
            let ring = profile.unwrap_or_default();
            let algs = if algs.is_empty() { ring.algs() } else { algs };
            if let Some(alg) = algs.iter().find(|alg| !ring.algs().contains(alg)) {
                bail!("--alg {}: the keys of the profile 1c are RS256 only", alg.as_str());
            }
            let keys = key::every(desk.store.db()).await?;
            let next = algs.iter().map(|alg| rotation::next(&keys, (ring, *alg)));
            let next = next.collect::<Result<Vec<_>, _>>()?;
            if !force && let Some(unknown) = next.iter().find(|key| !rotation::is_known(key, desk.now())) {
                // A key that signs before every cache of the JWK set has it is refused by those that have not.
                bail!(
                    "{}: the next key was published less than 5 minutes ago; clients that cached the key set before would refuse its tokens. Wait, or use --force",
                    unknown.alg.as_str()
                );
            }
            for next in next {
                let fresh = generate((ring, next.alg), KeyState::Next, forge)?;
                rotation::rotate(&desk.store, next, &fresh, &*desk.ambient.entropy, &origin()).await?;
            }
            desk.changed().await;
        }
    }
    let every = kabinet::schedule(&desk.config).rotate_every;
    let keys = key::every(desk.store.db()).await?;
    let list: Vec<Value> = keys.iter().map(|key| object(key, every)).collect();
    output.answer(&json!({"keys": list}), || keys.iter().map(|key| line(key, every)).collect())
}

/// When a current key gives way by itself.
fn moves_at(key: &SigningKey, every: i64) -> Option<Timestamp> {
    (every > 0 && key.state == KeyState::Current && key.ring != Ring::OneC).then(|| key.signs_since().plus(every))
}

fn object(key: &SigningKey, every: i64) -> Value {
    json!({
        "kid": key.id, "alg": key.alg, "ring": key.ring, "state": key.state, "published": key.state != KeyState::Retired,
        "created_at": key.created_at, "activated_at": key.activated_at, "rotates_at": moves_at(key, every),
        "retired_at": key.retired_at,
    })
}

fn line(key: &SigningKey, every: i64) -> String {
    let told = match (key.state, key.retired_at) {
        (KeyState::Next, _) => format!("made {}", moment(key.created_at)),
        (KeyState::Current, _) => {
            let until = moves_at(key, every).map_or_else(|| "somebody rotates it".to_owned(), moment);
            format!("signs since {}, until {until}", moment(key.signs_since()))
        }
        (_, Some(at)) => format!("signed until {}", moment(at)),
        (_, None) => String::new(),
    };
    format!(
        "{}  {:6}  {:5}  {:8}  {told}\n",
        key.id,
        key.ring.as_str(),
        key.alg.as_str(),
        key.state.as_str()
    )
}
