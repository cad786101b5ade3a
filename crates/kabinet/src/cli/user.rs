//! `kabinet user create | show | disable | enable | unlock | organisation | delete`
//!
//! A person is named by subject, phone or e-mail address. Each change is one transaction with its audit record; whoever
//! is disabled or deleted is signed out everywhere.

mod organisation;

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{ArgGroup, Args, Subcommand};
use kabinet_core::client::Role;
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::id::UserId;
use kabinet_core::user::{ConfirmedContact, User};
use kabinet_identity::{AccountError, NewAccount};
use kabinet_store::user;
use serde_json::{Map, Value, json};

use super::{Desk, Output, origin, read_password, wire};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make an account; its contacts count as confirmed and documents are not asked
    Create(Box<New>),
    /// Show a person
    Show {
        #[arg(value_name = "SUB|PHONE|EMAIL")]
        who: String,
    },
    /// End every session and token of a person and refuse new ones
    Disable {
        #[arg(value_name = "SUB|PHONE|EMAIL")]
        who: String,
    },
    /// Let a disabled person sign in again
    Enable {
        #[arg(value_name = "SUB|PHONE|EMAIL")]
        who: String,
    },
    /// Forget failed sign-ins and counted codes, so that nobody waits any more
    Unlock {
        #[arg(value_name = "SUB|PHONE|EMAIL")]
        who: String,
    },
    /// The organisations that a person acts for
    #[command(subcommand)]
    Organisation(organisation::Command),
    /// Delete an account for good; its subject is never given to anybody else
    Delete {
        #[arg(value_name = "SUB|PHONE|EMAIL")]
        who: String,
    },
}

#[derive(Args)]
#[command(group = ArgGroup::new("contact").args(["phone", "email"]).required(true).multiple(true))]
pub(crate) struct New {
    /// A phone number
    #[arg(long, value_name = "PHONE", value_parser = phone)]
    phone: Option<Contact>,
    /// An e-mail address
    #[arg(long, value_name = "ADDRESS", value_parser = email)]
    email: Option<Contact>,
    /// Read the password from standard input: one line, so that it stands in no list of processes
    #[arg(long, required = true)]
    password_stdin: bool,
    /// A JSON object of OpenID standard claims (name, given_name, birthdate, address …)
    #[arg(long, value_name = "FILE")]
    claims: Option<PathBuf>,
    /// Make an administrator: owner, security, support, developer or auditor
    #[arg(long, value_name = "ROLE", value_parser = wire::<Role>)]
    role: Option<Role>,
}

pub(super) fn phone(text: &str) -> Result<Contact, String> {
    Contact::parse(ContactKind::Phone, text).ok_or_else(|| "is no phone number; write it as +79161234567".to_owned())
}

pub(super) fn email(text: &str) -> Result<Contact, String> {
    Contact::parse(ContactKind::Email, text).ok_or_else(|| "is no e-mail address".to_owned())
}

pub(crate) async fn run(command: Command, desk: &Desk, output: Output) -> anyhow::Result<()> {
    match command {
        Command::Create(new) => create(*new, desk, output).await,
        Command::Show { who } => {
            let object = object(&find(desk, &who).await?);
            output.answer(&object, || serde_json::to_string_pretty(&object).unwrap_or_default())
        }
        Command::Disable { who } => set_disabled(&who, true, desk, output).await,
        Command::Enable { who } => set_disabled(&who, false, desk, output).await,
        Command::Unlock { who } => {
            let id = find(desk, &who).await?.id;
            let unlocked = desk.identity()?.unlock(&id, &origin()).await?;
            output.answer(&json!({"sub": id, "unlocked": unlocked}), || format!("{id} may try again."))
        }
        Command::Organisation(command) => organisation::run(command, desk, output).await,
        Command::Delete { who } => {
            let id = find(desk, &who).await?.id;
            desk.identity()?.delete_user(&id, &origin()).await?;
            output.answer(&json!({"sub": id, "deleted": true}), || format!("Deleted {id}."))
        }
    }
}

pub(super) async fn find(desk: &Desk, who: &str) -> anyhow::Result<User> {
    let db = desk.store.db();
    let by_id = user::by_id(db, &UserId::from(who)).await?;
    let kind = if who.contains('@') {
        ContactKind::Email
    } else {
        ContactKind::Phone
    };
    let found = match (by_id, Contact::parse(kind, who)) {
        (Some(found), _) => Some(found),
        (None, Some(contact)) => user::by_contact(db, &contact).await?,
        (None, None) => None,
    };
    found.context("nobody has this subject, phone or e-mail address")
}

async fn create(new: New, desk: &Desk, output: Output) -> anyhow::Result<()> {
    let claims = new.claims.as_deref().map(read_claims).transpose()?.unwrap_or_default();
    let password = Some(read_password(std::io::stdin().lock(), "--password-stdin")?);
    let contacts: Vec<Contact> = new.phone.into_iter().chain(new.email).collect();
    let account = NewAccount { contacts, password, claims, role: new.role };
    let identity = desk.identity()?;
    identity.refuse_leaked(kabinet::leaked::configured(&desk.config)?);
    let id = identity.create_user(account, &origin()).await.map_err(explain)?;
    let made = user::by_id(desk.store.db(), &id).await?.context("the account is gone already")?;
    let object = object(&made);
    output.answer(&object, || format!("sub  {id}"))
}

/// Names the flag that is to blame.
fn explain(why: AccountError) -> anyhow::Error {
    match why {
        AccountError::Password(why) => anyhow::anyhow!("--password-stdin: {why}"),
        AccountError::Claim(why) => anyhow::anyhow!("--claims: {why}"),
        AccountError::Taken(kind) => {
            anyhow::anyhow!("--{kind}: belongs to another account; `kabinet user show` finds it")
        }
        other => other.into(),
    }
}

fn read_claims(path: &Path) -> anyhow::Result<Map<String, Value>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("--claims: cannot read {}", path.display()))?;
    let place =
        |why: serde_json::Error| format!("--claims: {} is no JSON object (line {})", path.display(), why.line());
    serde_json::from_str(&text).map_err(|why| anyhow::anyhow!(place(why)))
}

async fn set_disabled(who: &str, disabled: bool, desk: &Desk, output: Output) -> anyhow::Result<()> {
    let user = find(desk, who).await?;
    if let Some(into) = &user.merged_into {
        anyhow::bail!(
            "{} became part of {into}; its owner can undo that for some days on /account/methods, nobody else can",
            user.id
        );
    }
    let id = user.id;
    let changed = desk.identity()?.set_disabled(&id, disabled, &origin()).await?;
    output.answer(&json!({"sub": id, "disabled": disabled, "changed": changed}), || {
        let state = if disabled { "disabled" } else { "enabled" };
        if changed {
            format!("{id} is {state}.")
        } else {
            format!("{id} was {state} already.")
        }
    })
}

fn object(user: &User) -> Value {
    let value = |contact: &Option<ConfirmedContact>| contact.as_ref().map(|known| known.contact.value().to_owned());
    json!({
        "sub": user.id,
        "phone": value(&user.phone),
        "email": value(&user.email),
        "claims": user.claims,
        "role": user.role,
        "organisations": user.organisations.list,
        "disabled": user.disabled,
        "merged_into": user.merged_into,
        "known_as": user.subjects,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
    })
}
