//! `kabinet user organisation add | list | remove`
//!
//! What is entered here somebody has checked: its proof is `administrator`, and the person can neither change nor remove it.

use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand};
use kabinet_core::id::{OrganisationId, UserId};
use kabinet_core::organisation::{BadOrganisation, Named, Organisation, Proof, Relation, Typed};
use kabinet_store::organisation::Removable;
use kabinet_store::user;
use serde_json::{Value, json};

use super::find;
use crate::cli::{Desk, Output, origin, wire};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Add an organisation that a person acts for, as checked by you
    Add(Box<New>),
    /// Show the organisations of a person
    List {
        #[arg(value_name = "SUB|PHONE|EMAIL")]
        who: String,
    },
    /// Take an organisation from a person
    Remove {
        #[arg(value_name = "SUB|PHONE|EMAIL")]
        who: String,
        /// Its INN
        #[arg(long, value_name = "INN")]
        inn: String,
        /// Its KPP, where the person has several of this INN
        #[arg(long, value_name = "KPP")]
        kpp: Option<String>,
    },
}

#[derive(Args)]
pub(crate) struct New {
    #[arg(value_name = "SUB|PHONE|EMAIL")]
    who: String,
    /// INN: 10 digits, or 12 of a sole proprietor
    #[arg(long, value_name = "INN")]
    inn: String,
    /// KPP, of an organisation alone
    #[arg(long, value_name = "KPP", default_value = "")]
    kpp: String,
    /// OGRN or OGRNIP
    #[arg(long, value_name = "OGRN", default_value = "")]
    ogrn: String,
    /// Its name
    #[arg(long, value_name = "NAME")]
    name: String,
    /// employee, head or entrepreneur; without it employee, or entrepreneur with an INN of 12 digits
    #[arg(long, value_name = "RELATION", value_parser = wire::<Relation>)]
    relation: Option<Relation>,
}

pub(crate) async fn run(command: Command, desk: &Desk, output: Output) -> anyhow::Result<()> {
    match command {
        Command::Add(new) => add(*new, desk, output).await,
        Command::List { who } => {
            let id = find(desk, &who).await?.id;
            answer(&id, desk, output).await
        }
        Command::Remove { who, inn, kpp } => remove(&who, (&inn, kpp.as_deref()), desk, output).await,
    }
}

async fn add(new: New, desk: &Desk, output: Output) -> anyhow::Result<()> {
    let id = find(desk, &new.who).await?.id;
    let New { inn, kpp, ogrn, name, relation, .. } = &new;
    let named = Named::read(Typed { inn, kpp, ogrn, name }).map_err(|bad| {
        let flag = match bad {
            BadOrganisation::Inn => "--inn",
            BadOrganisation::Kpp => "--kpp",
            BadOrganisation::Ogrn => "--ogrn",
            BadOrganisation::Name => "--name",
        };
        anyhow!("{flag}: {bad}")
    })?;
    let known = (relation.unwrap_or_else(|| named.relation()), Proof::Administrator);
    desk.identity()?.add_organisation(&id, named, known, &origin()).await?;
    answer(&id, desk, output).await
}

async fn remove(who: &str, (inn, kpp): (&str, Option<&str>), desk: &Desk, output: Output) -> anyhow::Result<()> {
    let person = find(desk, who).await?;
    let is_it = |one: &&Organisation| one.inn == inn && kpp.is_none_or(|kpp| one.kpp.as_deref() == Some(kpp));
    let found: Vec<OrganisationId> = person.organisations.list.iter().filter(is_it).map(|one| one.id.clone()).collect();
    let [one] = found.as_slice() else {
        bail!("--inn, --kpp: {} organisations of this person are meant; one must be", found.len());
    };
    desk.identity()?.remove_organisation(&person.id, one, Removable::Any, &origin()).await?;
    answer(&person.id, desk, output).await
}

async fn answer(id: &UserId, desk: &Desk, output: Output) -> anyhow::Result<()> {
    let list = user::by_id(desk.store.db(), id).await?.context("the account is gone")?.organisations.list;
    let objects: Vec<Value> = list.iter().map(|one| json!(one)).collect();
    output.answer(&json!({"sub": id, "organisations": objects}), || {
        let line = |one: &Organisation| {
            let kpp = one.kpp.as_deref().unwrap_or("-");
            format!("{:12}  {kpp:9}  {:13}  {}\n", one.inn, one.proof.as_str(), one.name)
        };
        if list.is_empty() {
            "None.".to_owned()
        } else {
            list.iter().map(line).collect()
        }
    })
}
