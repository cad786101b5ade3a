//! What a demonstration begins with: one account and one client per product. What is there already stays.

use anyhow::{Context, bail};
use kabinet::Ambient;
use kabinet::config::{Config, master_key};
use kabinet_core::audit::{Event, Origin, Record};
use kabinet_core::client::{Client, ClientMetadata, ClientSecret, Profile};
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::id::ClientId;
use kabinet_core::method::MethodName;
use kabinet_core::secret::{Secret, TokenHash, TokenKind};
use kabinet_identity::NewAccount;
use kabinet_store::trust::Role;
use kabinet_store::{Store, audit, change, client, user};
use serde_json::{Value, json};
use url::Url;

use crate::party::protocol::Registration;
use crate::party::{PRODUCTS, Product};
use crate::place::{Saved, SavedClient, readable_password};
use crate::toolbox::Program;

/// The phone of the ready account.
pub const PHONE: &str = "+79105940899";

/// Secrets for a first run.
pub fn invent(ambient: &Ambient) -> Saved {
    let (now, entropy) = (ambient.clock.now(), &*ambient.entropy);
    let client = |_| SavedClient {
        id: ClientId::generate(now, entropy).to_string(),
        secret: TokenKind::ClientSecret.generate(entropy).expose().to_owned(),
    };
    Saved {
        password: readable_password(entropy),
        clients: PRODUCTS.iter().map(client).collect(),
        issuer_port: None,
        party_ports: Vec::new(),
        outbox_port: None,
        provider_ports: Vec::new(),
    }
}

/// Makes what is missing, and moves the clients to where their products are now.
///
/// # Errors
/// When the database cannot be used or belongs to something else.
pub async fn plant(config: &Config, ambient: &Ambient, saved: &Saved, bases: &[Url]) -> anyhow::Result<()> {
    kabinet::migrate(config, ambient).await?;
    let store = kabinet::open_store(config).await?;
    for ((product, saved), base) in PRODUCTS.iter().zip(&saved.clients).zip(bases) {
        plant_client(&store, ambient, wanted(product, saved, base, ambient)).await?;
    }
    plant_account(config, &store, ambient, &saved.password).await?;
    store.close().await;
    Ok(())
}

fn wanted(product: &Product, saved: &SavedClient, base: &Url, ambient: &Ambient) -> Client {
    let now = ambient.clock.now();
    let mut metadata = ClientMetadata::of_profile(Profile::Web, product.name);
    metadata.redirect_uris = vec![Registration::redirect_uri(base)];
    metadata.post_logout_redirect_uris = vec![Registration::post_logout_redirect_uri(base)];
    metadata.client_uri = Some(base.to_string());
    metadata.brand = Some(product.brand.to_owned());
    metadata.first_party = product.first_party;
    let usual: &[MethodName] = if product.ways.is_empty() { &MethodName::ALL } else { product.ways };
    metadata.login_methods = Some(with_providers(product, usual));
    metadata.registration_methods = Some(with_providers(product, &MethodName::REGISTERING));
    metadata.require_pkce = true;
    let secret = ClientSecret {
        hash: TokenHash::of(&saved.secret),
        created_at: now,
        expires_at: None,
    };
    let id = ClientId::from(saved.id.as_str());
    Client {
        id,
        metadata,
        secrets: vec![secret],
        disabled: false,
        created_at: now,
        updated_at: now,
    }
}

/// These ways, and then the providers that the product names.
fn with_providers(product: &Product, ways: &[MethodName]) -> Vec<MethodName> {
    let named = product.providers.iter().filter_map(|name| MethodName::parse(name));
    ways.iter().copied().chain(named).collect()
}

async fn plant_client(store: &Store, ambient: &Ambient, wanted: Client) -> anyhow::Result<()> {
    wanted.metadata.check()?;
    let now = ambient.clock.now();
    let found = client::by_id(store.db(), &wanted.id).await?;
    let mut tx = store.begin().await?;
    let event = match found {
        Some(found) if found.metadata == wanted.metadata => return Ok(tx.rollback().await?),
        Some(found) => {
            client::update(&mut tx, &Client { metadata: wanted.metadata, updated_at: now, ..found }).await?;
            Event::ClientUpdated
        }
        None => {
            client::insert(&mut tx, &wanted).await?;
            Event::ClientCreated
        }
    };
    audit::write(&mut tx, &Record::of(event).client(&wanted.id), &origin(), now, &*ambient.entropy).await?;
    change::tell(&mut tx, change::Kind::Client, &[wanted.id.to_string()], now).await?;
    Ok(tx.commit().await?)
}

async fn plant_account(config: &Config, store: &Store, ambient: &Ambient, password: &str) -> anyhow::Result<()> {
    let phone = Contact::parse(ContactKind::Phone, PHONE).context("the phone of the account is no phone")?;
    if user::by_contact(store.db(), &phone).await?.is_some() {
        return Ok(());
    }
    let identity = kabinet::identity(config, store, master_key(config, &*ambient.entropy)?, ambient)?;
    let Value::Object(claims) = json!({
        "name": "Мария Соколова", "given_name": "Мария", "family_name": "Соколова", "locale": "ru-RU", "zoneinfo": "Europe/Moscow",
    }) else {
        bail!("the claims of the account are no object");
    };
    let account = NewAccount {
        contacts: vec![phone],
        password: Some(Secret::from(password)),
        claims,
        role: None,
    };
    identity.create_user(account, &origin()).await?;
    Ok(())
}

/// Lets the provider believe the authority of the signature program. What is believed already stays.
///
/// # Errors
/// When the database cannot be used or the authority's certificates are of no use.
pub async fn trust(config: &Config, ambient: &Ambient, program: &Program) -> anyhow::Result<()> {
    let store = kabinet::open_store(config).await?;
    let identity = kabinet::identity(config, &store, master_key(config, &*ambient.entropy)?, ambient)?;
    for (certificate, role) in program.authority.certificates()?.iter().zip([Role::Anchor, Role::Intermediate]) {
        identity.add_authority(certificate, role, &origin()).await?;
    }
    store.close().await;
    Ok(())
}

fn origin() -> Origin {
    Origin { actor: "demo", ..Origin::default() }
}
