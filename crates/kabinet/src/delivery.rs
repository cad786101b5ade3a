//! The routes that messages leave by, from the configuration.
//!
//! The outbox, where it is set, is the only route: an installation that keeps codes in a file must not send some of them
//! to people. Without it SMS go to the gateways that `delivery.sms` names, in that order, and e-mail to the relay of
//! `[delivery.smtp]`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use kabinet_fetch::sms::{self, Account, Preset, Sms, Template};
use kabinet_fetch::{Fetch, mail};
use kabinet_identity::delivery::{Callbacks, Report};
use kabinet_identity::{Failure, Message, Receipt, Route, Routes, Sending};
use url::Url;

use crate::config::{Config, Delivery, GatewayName, Hidden, SmtpSecurity};
use crate::outbound;
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
    let fetch = outbound::fetch(config, PATIENCE)?;
    let sms = delivery.sms.iter().map(|name| gateway(delivery, *name, &fetch));
    Ok(Routes {
        sms: sms.collect::<anyhow::Result<_>>()?,
        email: relay(config)?.into_iter().map(|relay| Arc::new(Mail(relay)) as Arc<dyn Route>).collect(),
        day_limit: Some(i64::from(delivery.day_limit) * 100),
    })
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
    let template = match preset {
        Some(preset) => {
            preset.template(Url::parse(address).with_context(|| format!("delivery.{}.url", name.as_str()))?)
        }
        None => template(delivery, address)?,
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let account = Account {
        login: text(&set.login),
        key: set.key.as_ref().map(|Hidden(key)| key.expose().to_owned()).unwrap_or_default(),
        sender: text(&set.sender),
    };
    if let Some(missing) = preset.and_then(|preset| preset.misses(&account)) {
        bail!("delivery.{}.{missing}: must be given", name.as_str());
    }
    Ok(Arc::new(Gateway {
        name,
        reports: preset.map(Reports),
        price: i64::from(set.price),
        gateway: sms::Gateway::new(fetch.clone(), template, account),
    }))
}

/// A gateway for SMS as a route.
struct Gateway {
    name: GatewayName,
    reports: Option<Reports>,
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

    fn callbacks(&self) -> Option<&dyn Callbacks> {
        self.reports.as_ref().map(|reports| reports as &dyn Callbacks)
    }
}

/// The call-backs of a gateway whose form is known.
struct Reports(Preset);

impl Callbacks for Reports {
    fn read(&self, content_type: &str, body: &[u8]) -> Option<Vec<Report>> {
        let reports = self.0.reports(content_type, body).ok()?;
        let is_final = |report: sms::Report| {
            let arrived = match report.state {
                sms::State::Delivered => true,
                sms::State::Failed => false,
                sms::State::Underway => return None,
            };
            Some(Report { reference: report.id, arrived })
        };
        Some(reports.into_iter().filter_map(is_final).collect())
    }

    fn acknowledgement(&self) -> &'static str {
        self.0.acknowledgement()
    }
}

/// The form of the gateway that `[delivery.template]` describes.
fn template(delivery: &Delivery, url: &str) -> anyhow::Result<Template> {
    let set = &delivery.template;
    let settings = sms::Settings {
        url,
        auth: set.auth.as_str(),
        body: set.body.as_str(),
        fields: &set.fields,
        accepted: &set.accepted,
        id: &set.id,
        cost: set.cost.as_deref().unwrap_or_default(),
        error: &set.error,
        busy: &set.busy,
    };
    Template::parse(&settings).map_err(|bad| match bad.setting {
        "url" => anyhow!("delivery.gateway.url: {}", bad.why),
        setting => anyhow!("delivery.template.{setting}: {}", bad.why),
    })
}

/// The mail server, where one is named.
///
/// # Errors
/// When a file or a setting of it cannot be used.
pub fn relay(config: &Config) -> anyhow::Result<Option<mail::Relay>> {
    let set = &config.delivery.smtp;
    let Some(host) = set.host.clone() else { return Ok(None) };
    let from = set.from.clone().unwrap_or_default();
    let dkim = match (&set.dkim_selector, &set.dkim_key) {
        (Some(selector), Some(path)) => Some(mail::Dkim {
            domain: domain_of(&from).to_owned(),
            selector: selector.clone(),
            key: read("delivery.smtp.dkim_key", path)?,
        }),
        _ => None,
    };
    let login = set.login.clone().zip(set.password.as_ref());
    let options = mail::Options {
        host,
        port: set.port,
        security: match set.security {
            SmtpSecurity::StartTls => mail::Security::StartTls,
            SmtpSecurity::Tls => mail::Security::Tls,
            SmtpSecurity::Plain => mail::Security::Plain,
        },
        login: login.map(|(name, Hidden(password))| mail::Login { name, password: password.expose().to_owned() }),
        from,
        ca: outbound::authorities(config)?,
        dkim,
        allow: config.outbound.allow.iter().map(|network| network.0).collect(),
        timeout: PATIENCE,
    };
    mail::Relay::new(options).map(Some).map_err(|bad| anyhow!("delivery.smtp.{bad}"))
}

/// The domain of a mailbox, with or without a name before it.
fn domain_of(mailbox: &str) -> &str {
    let address = mailbox.trim_end().trim_end_matches('>');
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}

fn read(key: &str, path: &Path) -> anyhow::Result<Bytes> {
    let text = std::fs::read(path).with_context(|| format!("{key}: cannot read {}", path.display()))?;
    Ok(text.into())
}

/// The mail server as a route.
struct Mail(mail::Relay);

impl Route for Mail {
    fn name(&self) -> &'static str {
        "smtp"
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(async move {
            let letter = mail::Letter {
                to: message.to.value(),
                subject: &message.subject,
                text: &message.text,
                html: (!message.html.is_empty()).then_some(&message.html),
                id: message.id.as_str(),
                date: u64::try_from(message.at.0).unwrap_or(0),
            };
            let reference = self.0.send(letter).await.map_err(failure)?;
            Ok(Receipt { reference, cost: None })
        })
    }
}

/// A driver's failure in the words of the queue: codes and statuses only.
fn failure(why: kabinet_fetch::Failure) -> Failure {
    let text = why.to_string();
    match why {
        kabinet_fetch::Failure::Refused { .. } => Failure::Refused(text),
        kabinet_fetch::Failure::Busy | kabinet_fetch::Failure::Unreached => Failure::Later(text),
        kabinet_fetch::Failure::Unclear(_) => Failure::Unclear(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_of_a_mailbox_is_what_stands_behind_the_at() {
        for (mailbox, domain) in [("a@b.ru", "b.ru"), ("Личный кабинет <no-reply@id.b.ru>", "id.b.ru"), ("none", "")]
        {
            assert_eq!(domain_of(mailbox), domain, "{mailbox}");
        }
    }
}
