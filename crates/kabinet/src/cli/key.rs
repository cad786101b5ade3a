//! `kabinet key list | rotate`

use clap::Subcommand;
use kabinet_core::client::Alg;
use kabinet_core::key::{KeyState, SigningKey};
use kabinet_store::key;
use serde_json::{Value, json};

use super::{Desk, Output, moment, origin, wire};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show the keys and their places in the rotation
    List,
    /// Let the next key sign, keep the current one published, and make a new next one
    Rotate {
        /// RS256, PS256, ES256 or EdDSA; repeatable; without it all
        #[arg(long = "alg", value_name = "ALG", value_parser = wire::<Alg>)]
        algs: Vec<Alg>,
    },
}

pub(crate) async fn run(command: &Command, desk: &Desk, output: Output) -> anyhow::Result<()> {
    if let Command::Rotate { algs } = command {
        let master = kabinet::config::master_key(&desk.config, &*desk.ambient.entropy)?;
        let sealer = kabinet_oidc::keys::sealer(&master);
        let algs = if algs.is_empty() { &Alg::ALL[..] } else { algs };
        for alg in algs {
            warn_of_unknown_key(desk, *alg).await?;
            let forge = kabinet::forge(&desk.config, &sealer, &desk.ambient);
            kabinet_oidc::keys::rotate(&desk.store, *alg, forge, &origin()).await?;
        }
        desk.changed().await;
    }
    let keys = key::every(desk.store.db()).await?;
    let list: Vec<Value> = keys.iter().map(object).collect();
    output.answer(&json!({"keys": list}), || keys.iter().map(line).collect())
}

/// Relying parties may keep the JWK set for five minutes: a key that signs sooner after it was published is refused by
/// those that have.
async fn warn_of_unknown_key(desk: &Desk, alg: Alg) -> anyhow::Result<()> {
    const CACHED: i64 = 300;
    let now = desk.ambient.clock.now();
    let keys = key::every(desk.store.db()).await?;
    let young = |key: &SigningKey| key.alg == alg && key.state == KeyState::Next && now.since(key.created_at) < CACHED;
    if keys.iter().any(young) {
        eprintln!(
            "{}: the next key was published less than 5 minutes ago; clients that cached the key set before may refuse tokens until they fetch it again",
            alg.as_str()
        );
    }
    Ok(())
}

fn object(key: &SigningKey) -> Value {
    json!({
        "kid": key.id, "alg": key.alg, "state": key.state,
        "created_at": key.created_at, "retired_at": key.retired_at,
    })
}

fn line(key: &SigningKey) -> String {
    format!(
        "{}  {:5}  {:8}  made {}\n",
        key.id,
        key.alg.as_str(),
        key.state.as_str(),
        moment(key.created_at)
    )
}
