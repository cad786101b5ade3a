//! `kabinet delivery list | test | callbacks`

use anyhow::{Context, bail};
use clap::Subcommand;
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::time::Timestamp;
use kabinet_identity::delivery::{Failure, Tested};
use kabinet_store::message::{Line, State};
use serde_json::{Value, json};

use super::{Desk, Output, moment};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// The newest messages: to whom (masked), by which route, and what became of them
    List {
        /// Only those to this phone or e-mail address
        #[arg(long, value_name = "CONTACT")]
        to: Option<String>,
        /// queued, sending, sent, delivered, failed, expired or withheld (nobody has an account with that contact)
        #[arg(long, value_parser = state)]
        state: Option<State>,
        /// Lines at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// The addresses where gateways may tell what became of messages, to be typed into their settings; each holds a secret
    Callbacks,
    /// Ask every route of a contact's channel to take a test message, past the queue
    Test {
        /// Your own phone or e-mail address
        #[arg(long, value_name = "CONTACT")]
        to: String,
    },
}

pub(crate) async fn run(command: Command, desk: &Desk, output: Output) -> anyhow::Result<()> {
    let master = kabinet::config::master_key(&desk.config, &*desk.ambient.entropy)?;
    let identity = kabinet::identity(&desk.config, &desk.store, master, &desk.ambient)?;
    match command {
        Command::List { to, state, limit } => {
            let to = to.as_deref().map(contact).transpose()?;
            let lines = identity.delivery_log(to.as_ref(), state, limit.into()).await?;
            let spent = identity.spent_today().await?;
            let object =
                json!({"messages": lines.iter().map(object).collect::<Vec<_>>(), "spent_today_kopecks": spent});
            output.answer(&object, || {
                let head = format!("SMS cost {}.{:02} roubles today.\n", spent / 100, spent % 100);
                lines.iter().map(line).fold(head, |all, line| all + &line)
            })
        }
        Command::Callbacks => {
            let issuer = &desk.config.issuer;
            let address = |(route, secret)| (route, format!("{issuer}/delivery/{route}/{secret}"));
            let addresses: Vec<_> = identity.callbacks().into_iter().map(address).collect();
            let object = json!({"callbacks": addresses.iter().map(|(route, url)| json!({"route": route, "url": url}))
                .collect::<Vec<_>>()});
            output.answer(&object, || match addresses.is_empty() {
                true => "No configured gateway tells what became of messages.\n".to_owned(),
                false => addresses.iter().map(|(route, url)| format!("{route:<9} {url}\n")).collect(),
            })
        }
        Command::Test { to } => {
            let tested = identity.test_routes(&contact(&to)?).await;
            if tested.is_empty() {
                bail!("no route for this contact is configured (delivery.sms, delivery.smtp.host)");
            }
            let object = json!({"routes": tested.iter().map(outcome).collect::<Vec<_>>()});
            let all_well = tested.iter().all(|one| one.answer.is_ok());
            output.answer(&object, || tested.iter().map(said).collect())?;
            if all_well {
                Ok(())
            } else {
                bail!("not every route took the message")
            }
        }
    }
}

fn contact(typed: &str) -> anyhow::Result<Contact> {
    let kind = if typed.contains('@') {
        ContactKind::Email
    } else {
        ContactKind::Phone
    };
    Contact::parse(kind, typed).context("--to: neither a phone number nor an e-mail address")
}

fn state(name: &str) -> Result<State, String> {
    State::parse(name).ok_or_else(|| "one of queued, sending, sent, delivered, failed, expired, withheld".to_owned())
}

fn object(line: &Line) -> Value {
    json!({
        "id": line.id, "channel": line.channel, "purpose": line.purpose, "to": line.recipient, "state": line.state,
        "route": line.route, "reason": line.reason, "attempts": line.attempts, "cost_kopecks": line.cost,
        "created_at": line.created_at, "settled_at": line.settled_at,
    })
}

fn line(line: &Line) -> String {
    let Line {
        channel, purpose, recipient, state, route, reason, attempts, ..
    } = line;
    let at = moment(Timestamp(line.created_at));
    format!("{at}  {channel:5}  {purpose:8}  {recipient:20}  {state:9}  {route:8}  {attempts}  {reason}\n")
}

fn outcome(tested: &Tested) -> Value {
    match &tested.answer {
        Ok(receipt) => json!({"route": tested.route, "ok": true, "reference": receipt.reference}),
        Err(failure) => {
            json!({"route": tested.route, "ok": false, "error": failure.to_string(), "certain": !matches!(failure, Failure::Unclear(_))})
        }
    }
}

fn said(tested: &Tested) -> String {
    match &tested.answer {
        Ok(_) => format!("{}: took the message\n", tested.route),
        Err(failure) => format!("{}: {failure}\n", tested.route),
    }
}
