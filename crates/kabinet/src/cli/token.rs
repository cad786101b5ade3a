//! `kabinet token list | revoke`
//!
//! API tokens of people, which they make in the cabinet. Their texts are kept nowhere, so that only what they are called and
//! may do can be shown.

use anyhow::bail;
use clap::Subcommand;
use kabinet_core::api_token::{ApiToken, Use};
use kabinet_core::id::ApiTokenId;
use kabinet_core::time::Timestamp;
use serde_json::{Value, json};

use super::user::find;
use super::{Desk, Output, moment, origin};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show the API tokens of a person, also those that ended within a month
    List {
        /// The person: subject, phone or e-mail address
        #[arg(long, value_name = "WHO")]
        user: String,
    },
    /// Take API tokens back; what came of them dies within a second
    Revoke {
        /// The person: subject, phone or e-mail address
        #[arg(long, value_name = "WHO")]
        user: String,
        /// Every one of theirs
        #[arg(long, conflicts_with = "ids", required_unless_present = "ids")]
        all: bool,
        #[arg(value_name = "TOKEN_ID")]
        ids: Vec<ApiTokenId>,
    },
}

pub(crate) async fn run(command: Command, desk: &Desk, output: Output) -> anyhow::Result<()> {
    match command {
        Command::List { user } => list(&user, desk, output).await,
        Command::Revoke { user, all, ids } => revoke(&user, (all, ids), desk, output).await,
    }
}

async fn list(user: &str, desk: &Desk, output: Output) -> anyhow::Result<()> {
    let (identity, now) = (desk.identity()?, desk.now());
    let person = find(desk, user).await?;
    let tokens = identity.api_tokens_of(&person.id).await?;
    let objects: Vec<Value> = tokens.iter().map(|token| object(token, now)).collect();
    output.answer(&json!({"sub": person.id, "api_tokens": objects}), || {
        let line = |token: &ApiToken| {
            let used = token
                .used
                .as_ref()
                .map_or_else(|| "never used".to_owned(), |used| format!("used {}", moment(used.at)));
            format!(
                "{}  {:8}until {}  {used}  {}  {}\n",
                token.id,
                state(token, now),
                moment(token.expires_at),
                token.scope,
                token.name
            )
        };
        tokens.iter().map(line).collect()
    })
}

async fn revoke(
    user: &str,
    (all, mut ids): (bool, Vec<ApiTokenId>),
    desk: &Desk,
    output: Output,
) -> anyhow::Result<()> {
    let (identity, now) = (desk.identity()?, desk.now());
    let person = find(desk, user).await?;
    if all {
        let tokens = identity.api_tokens_of(&person.id).await?;
        ids = tokens
            .into_iter()
            .filter(|token| state(token, now) == "good")
            .map(|token| token.id)
            .collect();
    }
    for id in &ids {
        if !identity.revoke_api_token(&person.id, id, &origin()).await? && !all {
            bail!(
                "{} has no living API token {id}; `kabinet token list --user {}` shows all",
                person.id,
                person.id
            );
        }
    }
    output.answer(&json!({"sub": person.id, "revoked": ids}), || format!("Revoked {}.", ids.len()))
}

fn state(token: &ApiToken, now: Timestamp) -> &'static str {
    match token.ended_at {
        Some(_) => "revoked",
        None if token.expires_at <= now => "expired",
        None => "good",
    }
}

fn object(token: &ApiToken, now: Timestamp) -> Value {
    let used = |used: &Use| json!({"at": used.at, "ip": used.ip, "agent": used.agent});
    json!({
        "id": token.id, "name": token.name, "state": state(token, now), "scope": token.scope.to_string(),
        "client_id": token.client_id, "organisation": token.organisation_id, "networks": token.networks.to_string(),
        "created_at": token.created_at, "expires_at": token.expires_at, "ended_at": token.ended_at,
        "used": token.used.as_ref().map(used),
    })
}
