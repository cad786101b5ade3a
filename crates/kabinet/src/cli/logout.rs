//! `kabinet logout list`

use clap::Subcommand;
use kabinet_core::id::ClientId;
use kabinet_core::time::Timestamp;
use kabinet_store::logout::{self, Line, State};
use serde_json::{Value, json};

use super::{Desk, Output, moment};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// The newest notices: to which client, about which sign-in, and what became of them
    List {
        /// queued, sending, told, dead (given up) or dropped (nothing to tell any more)
        #[arg(long, value_parser = state)]
        state: Option<State>,
        /// Only those to this client
        #[arg(long, value_name = "CLIENT_ID")]
        client: Option<ClientId>,
        /// Lines at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
}

pub(crate) async fn run(command: Command, desk: &Desk, output: Output) -> anyhow::Result<()> {
    let Command::List { state, client, limit } = command;
    let lines = logout::recent(desk.store.db(), state, client.as_ref(), limit.into()).await?;
    let object = json!({"notices": lines.iter().map(object).collect::<Vec<_>>()});
    output.answer(&object, || lines.iter().map(line).collect())
}

fn state(name: &str) -> Result<State, String> {
    State::parse(name).ok_or_else(|| format!("one of {}", State::ALL.map(State::as_str).join(", ")))
}

fn object(line: &Line) -> Value {
    let session = Some(&line.session_id).filter(|id| !id.is_empty());
    let is_waiting = matches!(State::parse(&line.state), Some(State::Queued | State::Sending));
    json!({
        "client_id": line.client_id, "sub": line.user_id, "session": session, "state": line.state, "reason": line.reason,
        "attempts": line.attempts, "created_at": line.created_at, "due_at": is_waiting.then_some(line.due_at),
        "settled_at": line.settled_at,
    })
}

fn line(line: &Line) -> String {
    let Line { client_id, user_id, state, attempts, reason, .. } = line;
    let at = moment(Timestamp(line.created_at));
    format!("{at}  {client_id}  {user_id}  {state:7}  {attempts}  {reason}\n")
}
