//! `kabinet registration token create | list | revoke`
//!
//! Initial access tokens (RFC 7591 §3): whoever holds one registers as many clients as it allows, until it ends. Only its
//! hash is kept; it is shown once.

use anyhow::bail;
use clap::Subcommand;
use kabinet::config::Seconds;
use kabinet_core::audit::{Event, Record};
use kabinet_core::id::row_id;
use kabinet_core::secret::{TokenHash, TokenKind};
use kabinet_store::registration::{self, InitialToken};
use kabinet_store::{Tx, audit};
use serde_json::{Value, json};

use super::{Desk, Output, moment, origin};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Tokens that allow to register clients over HTTP
    #[command(subcommand)]
    Token(Token),
}

#[derive(Subcommand)]
pub(crate) enum Token {
    /// Make a token; it is shown this once
    Create {
        /// How many clients it registers
        #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        uses: u32,
        /// How long it is good, as in 24h
        #[arg(long, value_name = "TIME", default_value = "24h")]
        expires_in: Seconds,
        /// Whom it is for, for the list
        #[arg(long, value_name = "TEXT", default_value = "")]
        label: String,
    },
    /// Show the tokens, without what is secret of them
    List,
    /// Take a token back; clients that it registered stay
    Revoke {
        #[arg(value_name = "TOKEN_ID")]
        id: String,
    },
}

pub(crate) async fn run(command: Command, desk: &Desk, output: Output) -> anyhow::Result<()> {
    let Command::Token(command) = command;
    match command {
        Token::Create { uses, expires_in, label } => create((uses, expires_in), label, desk, output).await,
        Token::List => list(desk, output).await,
        Token::Revoke { id } => revoke(&id, desk, output).await,
    }
}

async fn create((uses, life): (u32, Seconds), label: String, desk: &Desk, output: Output) -> anyhow::Result<()> {
    if life < Seconds(60) || life > Seconds::days(366) {
        bail!("--expires-in: must be a minute at least and a year at most");
    }
    if label.chars().count() > 100 || label.chars().any(char::is_control) {
        bail!("--label: must have 100 characters at most and none that controls");
    }
    let now = desk.now();
    let token = TokenKind::InitialAccess.generate(&*desk.ambient.entropy);
    let new = InitialToken {
        id: row_id(now, &*desk.ambient.entropy),
        label,
        uses_left: uses.into(),
        created_at: now,
        expires_at: now.plus(life.get()),
    };
    let mut tx = desk.store.begin().await?;
    registration::issue(&mut tx, &new, &TokenHash::of(token.expose())).await?;
    finish(tx, Event::InitialTokenCreated, &new.id, desk).await?;
    let mut answer = object(&new);
    answer["initial_access_token"] = token.expose().into();
    output.answer(&answer, || {
        format!(
            "initial_access_token  {}\nIt registers {uses}, until {}. It is shown this once.\n",
            token.expose(),
            moment(new.expires_at)
        )
    })
}

async fn list(desk: &Desk, output: Output) -> anyhow::Result<()> {
    let tokens = registration::tokens(desk.store.db()).await?;
    let objects: Vec<Value> = tokens.iter().map(object).collect();
    output.answer(&json!({"initial_access_tokens": objects}), || {
        let line = |token: &InitialToken| {
            format!(
                "{}  {} left, until {}  {}\n",
                token.id,
                token.uses_left,
                moment(token.expires_at),
                token.label
            )
        };
        tokens.iter().map(line).collect()
    })
}

async fn revoke(id: &str, desk: &Desk, output: Output) -> anyhow::Result<()> {
    let mut tx = desk.store.begin().await?;
    if !registration::revoke(&mut tx, id).await? {
        bail!("there is no token {id}; `kabinet registration token list` shows all");
    }
    finish(tx, Event::InitialTokenRevoked, id, desk).await?;
    output.answer(&json!({"id": id, "revoked": true}), || format!("Revoked {id}."))
}

fn object(token: &InitialToken) -> Value {
    json!({
        "id": token.id, "label": token.label, "uses_left": token.uses_left,
        "created_at": token.created_at, "expires_at": token.expires_at,
    })
}

async fn finish(mut tx: Tx, event: Event, id: &str, desk: &Desk) -> anyhow::Result<()> {
    let record = Record::of(event).with("initial_access_token", id);
    audit::write(&mut tx, &record, &origin(), desk.now(), &*desk.ambient.entropy).await?;
    Ok(tx.commit().await?)
}
