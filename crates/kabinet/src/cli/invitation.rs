//! `kabinet invitation create | list | withdraw`
//!
//! Invites somebody in the name of the installation. The code goes to the contact and nowhere else: whoever enters it has proven
//! that the contact is theirs.

use anyhow::{Context, anyhow, bail};
use clap::{ArgGroup, Args, Subcommand};
use kabinet_core::brand::Brand;
use kabinet_core::contact::Contact;
use kabinet_core::id::{ClientId, InvitationId};
use kabinet_core::invitation::{Invitation, Particulars, Parts, Request};
use kabinet_core::language::Language;
use kabinet_core::organisation::{BadOrganisation, Named, Typed, partner_code};
use kabinet_identity::invitation::Withdrawn;
use kabinet_identity::{InviteError, NewInvitation};
use kabinet_store::{client, invitation};
use serde_json::{Value, json};

use super::{Desk, Output, brand, moment, origin, user, wire};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Invite somebody; the code is sent to the contact and shown nowhere
    Create(Box<New>),
    /// Show the newest 1000 invitations and what became of them
    List,
    /// Withdraw an invitation, whoever invited
    Withdraw {
        #[arg(value_name = "INVITATION_ID")]
        id: InvitationId,
    },
}

#[derive(Args)]
#[command(group = ArgGroup::new("contact").args(["phone", "email"]).required(true))]
pub(crate) struct New {
    /// The phone number that the code is sent to
    #[arg(long, value_name = "PHONE", value_parser = user::phone)]
    phone: Option<Contact>,
    /// The e-mail address that the code is sent to
    #[arg(long, value_name = "ADDRESS", value_parser = user::email)]
    email: Option<Contact>,
    /// The organisation that the person joins: its name
    #[arg(long, value_name = "NAME", requires = "inn")]
    organisation: Option<String>,
    /// INN of the organisation
    #[arg(long, value_name = "INN", requires = "organisation")]
    inn: Option<String>,
    /// KPP of the organisation
    #[arg(long, value_name = "KPP", default_value = "", requires = "organisation")]
    kpp: String,
    /// OGRN or OGRNIP of the organisation
    #[arg(long, value_name = "OGRN", default_value = "", requires = "organisation")]
    ogrn: String,
    /// The partner's code that the product gets
    #[arg(long, value_name = "CODE", value_parser = partner, requires = "client")]
    partner_code: Option<String>,
    /// The product that the person goes to afterwards
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<ClientId>,
    /// ru or en: the language of the message
    #[arg(long, value_name = "LANGUAGE", default_value = "ru", value_parser = wire::<Language>)]
    language: Language,
}

fn partner(text: &str) -> Result<String, String> {
    partner_code(text).ok_or_else(|| "must have 1 to 64 letters, digits or -_./".to_owned())
}

pub(crate) async fn run(command: Command, desk: &Desk, output: Output) -> anyhow::Result<()> {
    match command {
        Command::Create(new) => create(*new, desk, output).await,
        Command::List => list(desk, output).await,
        Command::Withdraw { id } => withdraw(&id, desk, output).await,
    }
}

async fn create(new: New, desk: &Desk, output: Output) -> anyhow::Result<()> {
    let contact = new.phone.clone().or(new.email.clone()).context("--phone or --email must be given")?;
    let brand = brand_of(new.client.as_ref(), desk).await?;
    let flag = contact.kind().as_str();
    if !brand.asks_for(contact.kind()) {
        bail!("--{flag}: people of this product do not sign in with such a contact");
    }
    let request = Request {
        contact,
        particulars: Particulars {
            organisation: organisation(&new)?,
            partner_code: new.partner_code,
            client_id: new.client,
            language: new.language,
        },
    };
    let asked = NewInvitation {
        request: &request,
        inviter: None,
        brand: &brand,
        key: None,
        origin: &origin(),
    };
    let made = desk.identity()?.invite(asked).await.map_err(|why| explain(why, flag))?;
    let object = Value::Object(made.described(desk.now()));
    output.answer(&object, || {
        format!("id  {}\nThe code is on its way; it is good until {}.", made.id, moment(made.expires_at))
    })
}

/// Names the flag that is to blame.
fn explain(why: InviteError, flag: &str) -> anyhow::Error {
    match why {
        InviteError::Unreachable | InviteError::NotSent => anyhow!("--{flag}: {why}"),
        InviteError::Limited { seconds } => {
            anyhow!("--{flag}: too many invitations; the next one in {} min", (seconds + 59) / 60)
        }
        other => other.into(),
    }
}

fn organisation(new: &New) -> anyhow::Result<Option<Parts>> {
    let (Some(name), Some(inn)) = (&new.organisation, &new.inn) else {
        return Ok(None);
    };
    let typed = Typed { inn, kpp: &new.kpp, ogrn: &new.ogrn, name };
    let named = Named::read(typed).map_err(|bad| {
        let flag = match bad {
            BadOrganisation::Inn => "--inn",
            BadOrganisation::Kpp => "--kpp",
            BadOrganisation::Ogrn => "--ogrn",
            BadOrganisation::Name => "--organisation",
        };
        anyhow!("{flag}: {bad}")
    })?;
    Ok(Some(Parts::from(&named)))
}

/// The look of the message: the product's.
async fn brand_of(id: Option<&ClientId>, desk: &Desk) -> anyhow::Result<Brand> {
    let product = match id {
        Some(id) => {
            let found = client::by_id(desk.store.db(), id).await?;
            Some(found.with_context(|| format!("--client: there is no client {id}"))?)
        }
        None => None,
    };
    brand::of(product.as_ref().and_then(|client| client.metadata.brand.as_deref()), desk).await
}

async fn list(desk: &Desk, output: Output) -> anyhow::Result<()> {
    let (all, now) = (invitation::every(desk.store.db()).await?, desk.now());
    let object = |one: &Invitation| {
        let mut object = one.described(now);
        object.insert("inviter".to_owned(), json!(one.inviter));
        object.insert("sub".to_owned(), json!(one.user_id));
        Value::Object(object)
    };
    let objects: Vec<Value> = all.iter().map(object).collect();
    output.answer(&json!({"invitations": objects}), || {
        let line = |one: &Invitation| {
            let into = one.particulars.organisation.as_ref().map_or("", |parts| parts.name.as_str());
            let state = one.state(now).as_str();
            format!(
                "{}  {state:9}  until {}  {}  {into}\n",
                one.id,
                moment(one.expires_at),
                one.contact.value()
            )
        };
        if all.is_empty() {
            "None.".to_owned()
        } else {
            all.iter().map(line).collect()
        }
    })
}

async fn withdraw(id: &InvitationId, desk: &Desk, output: Output) -> anyhow::Result<()> {
    match desk.identity()?.withdraw_invitation(id, None, &origin()).await? {
        Withdrawn::Done => output.answer(&json!({"id": id, "withdrawn": true}), || format!("Withdrew {id}.")),
        Withdrawn::Accepted => bail!("the invitation {id} was accepted before"),
        Withdrawn::Unknown => bail!("there is no invitation {id}; `kabinet invitation list` shows them"),
    }
}
