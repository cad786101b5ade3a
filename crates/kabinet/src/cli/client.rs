//! `kabinet client create | list | show | update | rotate-secret | delete`
//!
//! Flags have the metadata names of RFC 7591. Each change is one transaction with its audit record, and running nodes are
//! told of it.

mod flags;
mod vrd;

use std::io::Write;

use anyhow::{Context, bail};
use clap::Subcommand;
use kabinet::config::Seconds;
use kabinet::outbound;
use kabinet_core::audit::{Event, Record};
use kabinet_core::client::{Client, ClientMetadata, ClientSecret, Profile};
use kabinet_core::id::ClientId;
use kabinet_core::method::unusable;
use kabinet_core::registration::differing;
use kabinet_core::secret::{Secret, TokenHash, TokenKind};
use kabinet_oidc::logo::{self, Renewal};
use kabinet_store::{Store, Tx, audit, change, client, grant, registration};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Desk, Output, brand, moment, origin, wire};
use flags::Flags;

/// Clients that are read in one go.
const PAGE: i64 = 200;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Register a client; a confidential one gets its secret here, once
    Create {
        /// What people see it called
        #[arg(value_name = "NAME")]
        name: String,
        /// What kind of application: web, spa, native, machine, device or 1c
        #[arg(long, value_parser = wire::<Profile>)]
        profile: Profile,
        #[command(flatten)]
        flags: Box<Flags>,
    },
    /// Show all clients
    List,
    /// Show one client
    Show {
        #[arg(value_name = "CLIENT_ID")]
        id: ClientId,
        /// As metadata, or as what 1С:Enterprise needs in default.vrd: json or vrd
        #[arg(long, value_name = "FORMAT", default_value = "json", value_parser = wire::<Format>)]
        format: Format,
    },
    /// Change a client; a flag that is given replaces what was there
    Update {
        #[arg(value_name = "CLIENT_ID")]
        id: ClientId,
        /// What people see it called
        #[arg(long = "client-name", value_name = "NAME")]
        name: Option<String>,
        /// Whether it gets nothing any more and its tokens are dead
        #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
        disabled: Option<bool>,
        #[command(flatten)]
        flags: Box<Flags>,
    },
    /// Make a new secret
    RotateSecret {
        #[arg(value_name = "CLIENT_ID")]
        id: ClientId,
        /// How long the old secret stays good beside the new one, as in 1h
        #[arg(long, value_name = "TIME", default_value = "0")]
        overlap: Seconds,
    },
    /// Delete a client with its grants and consents
    Delete {
        #[arg(value_name = "CLIENT_ID")]
        id: ClientId,
    },
}

/// How a client is shown.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    Json,
    Vrd,
}

pub(crate) async fn run(command: Command, desk: &Desk, output: Output) -> anyhow::Result<()> {
    match command {
        Command::Create { name, profile, flags } => {
            let mut metadata = ClientMetadata::of_profile(profile, &name);
            check_flags(&flags, desk).await?;
            flags.apply(&mut metadata);
            create(metadata, desk, output).await
        }
        Command::List => list(desk, output).await,
        Command::Show { id, format: Format::Json } => {
            let client = find(desk, &id).await?;
            output.answer(&object(&client), || pretty(&object(&client)))
        }
        Command::Show { id, format: Format::Vrd } => show_vrd(&find(desk, &id).await?, desk, output).await,
        Command::Update { id, name, disabled, flags } => {
            let mut client = find(desk, &id).await?;
            let before = client.metadata.clone();
            check_flags(&flags, desk).await?;
            let names_logo = flags.names_logo();
            flags.apply(&mut client.metadata);
            client.metadata.client_name = name.unwrap_or(client.metadata.client_name);
            let is_disabled_now = disabled == Some(true) && !client.disabled;
            client.disabled = disabled.unwrap_or(client.disabled);
            let mut changed = differing(&before, &client.metadata);
            // Whoever names the picture that is there vouches for it.
            if names_logo && !changed.iter().any(|name| name == "logo_uri") {
                changed.push("logo_uri".to_owned());
            }
            update(client, (is_disabled_now, &changed), desk, output).await
        }
        Command::RotateSecret { id, overlap } => rotate_secret(find(desk, &id).await?, overlap, desk, output).await,
        Command::Delete { id } => delete(&id, desk, output).await,
    }
}

async fn find(desk: &Desk, id: &ClientId) -> anyhow::Result<Client> {
    client::by_id(desk.store.db(), id).await?.with_context(|| unknown(id))
}

fn unknown(id: &ClientId) -> String {
    format!("there is no client {id}; `kabinet client list` shows all")
}

async fn create(metadata: ClientMetadata, desk: &Desk, output: Output) -> anyhow::Result<()> {
    check(&metadata, desk)?;
    let now = desk.now();
    let id = ClientId::generate(now, &*desk.ambient.entropy);
    let (secret, secrets) = if metadata.token_endpoint_auth_method.has_secret() {
        new_secret(desk)
    } else {
        (None, Vec::new())
    };
    let client = Client {
        id,
        metadata,
        secrets,
        disabled: false,
        created_at: now,
        updated_at: now,
    };
    let logo = renew_logo(&client, Renewal::IfNew, desk).await?;
    let mut tx = desk.store.begin().await?;
    client::insert(&mut tx, &client).await?;
    logo.apply(&mut tx, &client.id, now).await?;
    finish(tx, Event::ClientCreated, &client.id, desk).await?;
    let mut object = serde_json::to_value(&client.metadata)?;
    object["client_id"] = json!(client.id);
    if let Some(secret) = &secret {
        object["client_secret"] = secret.expose().into();
    }
    output.answer(&object, || {
        let secret = secret
            .as_ref()
            .map(|secret| format!("client_secret  {}\n", secret.expose()))
            .unwrap_or_default();
        let advice = if secret.is_empty() {
            ""
        } else {
            "The secret is shown this once; keep it where the product reads it.\n"
        };
        format!("client_id      {}\n{secret}{advice}", client.id)
    })
}

/// Refuses lists that cannot be meant, and a brand that does not exist.
async fn check_flags(flags: &Flags, desk: &Desk) -> anyhow::Result<()> {
    flags.check()?;
    match flags.brand() {
        Some(name) if !name.is_empty() => brand::known(name, desk).await.context("--brand"),
        _ => Ok(()),
    }
}

/// Checks metadata and names the flag that is wrong.
fn check(metadata: &ClientMetadata, desk: &Desk) -> anyhow::Result<()> {
    let lists = (metadata.login_methods.as_deref(), metadata.registration_methods.as_deref());
    let (field, detail) = match metadata.check() {
        Err(bad) => (bad.field, bad.detail),
        Ok(()) => match unusable(lists.0, lists.1, &kabinet::built(&desk.config)).into_iter().next() {
            Some(problem) => problem,
            None => return Ok(()),
        },
    };
    let flag = match field {
        "client_name" => "the name".to_owned(),
        "jwks" => "--jwks".to_owned(),
        // Lists have a flag for one of theirs: redirect_uris, --redirect-uri.
        field => format!("--{}", field.trim_end_matches('s').replace('_', "-")),
    };
    bail!("{flag}: {detail}")
}

fn new_secret(desk: &Desk) -> (Option<Secret>, Vec<ClientSecret>) {
    let secret = TokenKind::ClientSecret.generate(&*desk.ambient.entropy);
    let kept = ClientSecret {
        hash: TokenHash::of(secret.expose()),
        created_at: desk.now(),
        expires_at: None,
    };
    (Some(secret), vec![kept])
}

/// Writes the audit record, tells the nodes and commits.
async fn finish(mut tx: Tx, event: Event, id: &ClientId, desk: &Desk) -> anyhow::Result<()> {
    let now = desk.now();
    audit::write(&mut tx, &Record::of(event).client(id), &origin(), now, &*desk.ambient.entropy).await?;
    change::tell(&mut tx, change::Kind::Client, &[id.to_string()], now).await?;
    tx.commit().await?;
    desk.changed().await;
    Ok(())
}

/// Every client.
pub(super) async fn every(store: &Store) -> anyhow::Result<Vec<Client>> {
    let mut clients: Vec<Client> = Vec::new();
    loop {
        let after = clients.last().map(|client| client.id.to_string()).unwrap_or_default();
        let page = client::page(store.db(), &after, PAGE).await?;
        let is_last = i64::try_from(page.len()).is_ok_and(|rows| rows < PAGE);
        clients.extend(page);
        if is_last {
            return Ok(clients);
        }
    }
}

async fn list(desk: &Desk, output: Output) -> anyhow::Result<()> {
    let clients = every(&desk.store).await?;
    let objects: Vec<Value> = clients.iter().map(object).collect();
    output.answer(&json!({"clients": objects}), || {
        let profile = |client: &Client| json!(client.metadata.profile).as_str().unwrap_or_default().to_owned();
        let note = |client: &Client| if client.disabled { "  (disabled)" } else { "" };
        let line = |client: &Client| {
            format!("{}  {:8}{}{}\n", client.id, profile(client), client.metadata.client_name, note(client))
        };
        clients.iter().map(line).collect()
    })
}

/// The metadata and what else is known, without secrets.
fn object(client: &Client) -> Value {
    let mut object = json!(client.metadata);
    object["client_id"] = json!(client.id);
    object["disabled"] = client.disabled.into();
    object["created_at"] = json!(client.created_at);
    object["updated_at"] = json!(client.updated_at);
    let secret = |secret: &ClientSecret| json!({"created_at": secret.created_at, "expires_at": secret.expires_at});
    object["client_secrets"] = client.secrets.iter().map(secret).collect();
    object
}

async fn show_vrd(client: &Client, desk: &Desk, output: Output) -> anyhow::Result<()> {
    let keys = kabinet_store::key::every(desk.store.db()).await?;
    let vrd = vrd::Vrd::of(client, &desk.config.issuer, &keys)?;
    let object = json!({
        "client_id": client.id, "openidconnect": vrd.openidconnect, "access_token_authentication": vrd.access_token_authentication,
    });
    output.answer(&object, || vrd.text())
}

fn pretty(object: &Value) -> String {
    serde_json::to_string_pretty(object).unwrap_or_default()
}

async fn update(
    mut client: Client,
    (is_disabled_now, changed): (bool, &[String]),
    desk: &Desk,
    output: Output,
) -> anyhow::Result<()> {
    check(&client.metadata, desk)?;
    client.updated_at = desk.now();
    if !client.metadata.token_endpoint_auth_method.has_secret() {
        client.secrets.clear();
    }
    let names_logo = changed.iter().any(|name| name == "logo_uri");
    let renewal = if names_logo { Renewal::Always } else { Renewal::IfNew };
    let logo = renew_logo(&client, renewal, desk).await?;
    let mut tx = desk.store.begin().await?;
    if !client::update(&mut tx, &client).await? {
        bail!(unknown(&client.id));
    }
    logo.apply(&mut tx, &client.id, client.updated_at).await?;
    hold(&mut tx, &client.id, changed).await?;
    if is_disabled_now {
        grant::end_of_client(&mut tx, &client.id, desk.now()).await?;
    }
    finish(tx, Event::ClientUpdated, &client.id, desk).await?;
    output.answer(&object(&client), || {
        let lacks = client.metadata.token_endpoint_auth_method.has_secret() && client.secrets.is_empty();
        let advice = format!("\nIt has no secret yet; run `kabinet client rotate-secret {}`.", client.id);
        format!("Changed {}.{}", client.id, if lacks { &advice } else { "" })
    })
}

/// Fetches the picture of a client that is about to be saved; without it the client is saved all the same.
async fn renew_logo(client: &Client, renewal: Renewal, desk: &Desk) -> anyhow::Result<logo::Change> {
    if client.metadata.logo_uri.is_none() {
        return Ok(logo::Change::None);
    }
    let fetch = outbound::fetch(&desk.config, outbound::CLIENTS)?;
    let (change, bad) = logo::renew(&fetch, desk.store.db(), (&client.id, &client.metadata), renewal).await?;
    if let Some(why) = bad {
        let said = format!("kabinet: --logo-uri: {why}; the client is saved, its next change tries again\n");
        std::io::stderr().write_all(said.as_bytes()).context("cannot print the answer")?;
    }
    Ok(change)
}

/// A client that registered itself cannot change what an administrator set.
async fn hold(tx: &mut Tx, id: &ClientId, changed: &[String]) -> anyhow::Result<()> {
    let Some(known) = registration::by_client_in(tx, id).await? else {
        return Ok(());
    };
    let mut held = known.held;
    for name in changed {
        if !held.contains(name) {
            held.push(name.clone());
        }
    }
    Ok(registration::hold(tx, id, &held).await?)
}

async fn rotate_secret(mut client: Client, overlap: Seconds, desk: &Desk, output: Output) -> anyhow::Result<()> {
    let method = client.metadata.token_endpoint_auth_method;
    if !method.has_secret() {
        bail!("{} has no secret (token_endpoint_auth_method is {})", client.id, method.as_str());
    }
    let now = desk.now();
    let until = now.plus(overlap.get());
    client.secrets.retain(|old| overlap.0 > 0 && old.expires_at.is_none_or(|end| end > now));
    for old in &mut client.secrets {
        old.expires_at = Some(old.expires_at.map_or(until, |end| end.min(until)));
    }
    let (secret, new) = new_secret(desk);
    client.secrets.extend(new);
    client.updated_at = now;
    let mut tx = desk.store.begin().await?;
    if !client::update(&mut tx, &client).await? {
        bail!(unknown(&client.id));
    }
    finish(tx, Event::ClientSecretRotated, &client.id, desk).await?;
    let secret = secret.as_ref().map(Secret::expose).unwrap_or_default();
    output.answer(&json!({"client_id": client.id, "client_secret": secret}), || {
        let old = if overlap.0 > 0 {
            format!("The old secret is good until {}.\n", moment(until))
        } else {
            String::new()
        };
        format!("client_secret  {secret}\n{old}The secret is shown this once; keep it where the product reads it.\n")
    })
}

async fn delete(id: &ClientId, desk: &Desk, output: Output) -> anyhow::Result<()> {
    let mut tx = desk.store.begin().await?;
    // Ended first, so that nodes that remember its tokens are told that they are dead.
    grant::end_of_client(&mut tx, id, desk.now()).await?;
    if !client::delete(&mut tx, id).await? {
        bail!(unknown(id));
    }
    finish(tx, Event::ClientDeleted, id, desk).await?;
    output.answer(&json!({"client_id": id, "deleted": true}), || format!("Deleted {id}."))
}
