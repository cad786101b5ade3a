//! The routes that messages leave by, from the configuration.
//!
//! The outbox, where it is set, is the only route: an installation that keeps codes in a file must not send some of them
//! to people. Without it SMS go to the gateways that `delivery.sms` names, in that order, and e-mail to the relay of
//! `[delivery.smtp]`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use kabinet_fetch::sms::{self, Account, Auth, Body, Preset, Sms, Template};
use kabinet_fetch::{Fetch, Options};
use kabinet_identity::{Failure, Message, Receipt, Route, Routes, Sending};
use url::Url;

use crate::config::{Config, Delivery, GatewayAuth, GatewayBody, GatewayName, Hidden};
use crate::outbox::Outbox;

/// How long a gateway may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The routes that this configuration names.
///
/// # Errors
/// When the outbox or a file cannot be used, or a gateway's template is unsound.
pub fn routes(config: &Config) -> anyhow::Result<Routes> {
    let delivery = &config.delivery;
    if let Some(path) = &delivery.outbox {
        let outbox = Outbox::open(path.clone());
        let outbox = outbox.with_context(|| format!("delivery.outbox: cannot write {}", path.display()))?;
        let route: Arc<dyn Route> = Arc::new(outbox);
        return Ok(Routes {
            sms: vec![route.clone()],
            email: vec![route],
            day_limit: None,
        });
    }
    let fetch = fetch(config)?;
    let sms = delivery.sms.iter().map(|name| gateway(delivery, *name, &fetch));
    Ok(Routes {
        sms: sms.collect::<anyhow::Result<_>>()?,
        email: Vec::new(),
        day_limit: Some(i64::from(delivery.day_limit) * 100),
    })
}

/// The guarded client for what the operator configured.
fn fetch(config: &Config) -> anyhow::Result<Fetch> {
    let read = |path: &std::path::PathBuf| {
        let pem = std::fs::read(path).with_context(|| format!("outbound.ca: cannot read {}", path.display()));
        pem.map(Into::into)
    };
    let options = Options {
        allow: config.outbound.allow.iter().map(|network| network.0).collect(),
        ca: config.outbound.ca.as_ref().map(read).transpose()?,
        timeout: PATIENCE,
        ..Options::default()
    };
    Fetch::new(options).context("outbound.ca")
}

fn gateway(delivery: &Delivery, name: GatewayName, fetch: &Fetch) -> anyhow::Result<Arc<dyn Route>> {
    let set = delivery.of(name);
    let preset = match name {
        GatewayName::SmsRu => Some(Preset::SmsRu),
        GatewayName::Smsc => Some(Preset::Smsc),
        GatewayName::SmsAero => Some(Preset::SmsAero),
        GatewayName::Exolve => Some(Preset::Exolve),
        GatewayName::Gateway => None,
    };
    let address = set.url.as_deref().or(preset.map(Preset::address)).unwrap_or_default();
    let url = Url::parse(address).with_context(|| format!("delivery.{}.url", name.as_str()))?;
    let template = match preset {
        Some(preset) => preset.template(url),
        None => template(delivery, url)?,
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let account = Account {
        login: text(&set.login),
        key: set.key.as_ref().map(|Hidden(key)| key.expose().to_owned()).unwrap_or_default(),
        sender: text(&set.sender),
    };
    Ok(Arc::new(Gateway {
        name,
        price: i64::from(set.price),
        gateway: sms::Gateway::new(fetch.clone(), template, account),
    }))
}

/// A gateway for SMS as a route.
struct Gateway {
    name: GatewayName,
    price: i64,
    gateway: sms::Gateway,
}

impl Route for Gateway {
    fn name(&self) -> &'static str {
        self.name.as_str()
    }

    fn price(&self) -> i64 {
        self.price
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(async move {
            let sms = Sms {
                to: message.to.value(),
                text: &message.text,
                id: message.id.as_str(),
            };
            let sent = self.gateway.send(sms).await.map_err(failure)?;
            let cost = sent.cost.and_then(|kopecks| i64::try_from(kopecks).ok());
            Ok(Receipt { reference: sent.id, cost })
        })
    }
}

/// The form of the gateway that `[delivery.template]` describes.
fn template(delivery: &Delivery, url: Url) -> anyhow::Result<Template> {
    let set = &delivery.template;
    let pairs = |key: &'static str, all: &[String]| {
        let split = |one: &String| one.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        let pairs = all.iter().map(split).collect::<Option<Vec<_>>>();
        pairs.with_context(|| format!("delivery.template.{key}: NAME=VALUE each"))
    };
    Ok(Template {
        url,
        auth: match set.auth {
            GatewayAuth::Fields => Auth::Fields,
            GatewayAuth::Basic => Auth::Basic,
            GatewayAuth::Bearer => Auth::Bearer,
        },
        body: match set.body {
            GatewayBody::Form => Body::Form,
            GatewayBody::Json => Body::Json,
        },
        fields: pairs("fields", &set.fields)?,
        accepted: pairs("accepted", &set.accepted)?,
        id: set.id.clone(),
        cost: set.cost.clone(),
        error: set.error.clone(),
    })
}

/// A gateway's failure in the words of the queue: codes and statuses only.
fn failure(why: sms::Failure) -> Failure {
    let text = why.to_string();
    match why {
        sms::Failure::Refused { .. } => Failure::Refused(text),
        sms::Failure::Busy => Failure::Later(text),
        sms::Failure::Unclear(_) => Failure::Unclear(text),
    }
}
