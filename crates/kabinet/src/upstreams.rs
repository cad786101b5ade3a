//! The providers that people may sign in at, as `[esia]` and `[upstream.NAME]` set them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use kabinet_core::language::Words;
use kabinet_core::method::{Built, MethodName};
use kabinet_core::secret::Secret;
use kabinet_fetch::Fetch;
use kabinet_identity::UpstreamSettings;
use kabinet_identity::method::esia::Esia;
use kabinet_identity::method::telegram::{self, Telegram};
use kabinet_identity::method::upstream::Configured;
use kabinet_identity::method::upstream::openid::{OpenId, OpenIdSettings, Places, Quirks};
use kabinet_store::Store;

use crate::config::{self, Config, Contour, Upstream};
use crate::outbound;

/// How long one call to a provider may take unless its section says otherwise: somebody waits for the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Every configured provider, in the order in which pages show them.
///
/// # Errors
/// When a client for its calls cannot be made.
pub(crate) fn configured(config: &Config, esia: Option<Arc<Esia>>) -> anyhow::Result<Vec<Configured>> {
    let mut all = Vec::new();
    if let Some(esia) = esia {
        all.push(Configured::new(gosuslugi(&config.esia), esia));
    }
    for (name, upstream) in &config.upstream {
        let fetch = fetch(config, upstream).with_context(|| format!("upstream.{name}"))?;
        let openid = OpenId::new(openid(name, upstream), fetch);
        all.push(Configured::new(settings(name, upstream), Arc::new(openid)));
    }
    Ok(all)
}

/// The same with the forms that a bot's token signs: they go by the name of Telegram, too, and are part of its provider.
///
/// # Errors
/// As [`configured`].
pub(crate) fn with_telegram(
    config: &Config,
    store: &Store,
    esia: Option<Arc<Esia>>,
) -> anyhow::Result<Vec<Configured>> {
    let mut all = configured(config, esia)?;
    if !config.telegram.is_on() {
        return Ok(all);
    }
    let at = all.iter().position(|one| one.settings.name == telegram::NAME);
    let (settings, openid) = match at.map(|at| all.remove(at)) {
        Some(Configured { settings, upstream, .. }) => (settings, Some(upstream)),
        None => (UpstreamSettings { is_foreign: true, ..UpstreamSettings::new(telegram::NAME) }, None),
    };
    let fetch = Fetch::new(outbound::options(config, PATIENCE)?)?;
    let settings = UpstreamSettings { opens_inside: config.telegram.mini_app, ..settings };
    let whole = Telegram::new(config.telegram.settings(), openid, (store.clone(), fetch));
    all.insert(at.unwrap_or(all.len()), Configured::new(settings, Arc::new(whole)));
    Ok(all)
}

/// What this installation can do of what brands and clients may allow.
#[must_use]
pub fn built(config: &Config) -> Built {
    let mut built = kabinet_identity::method::built();
    if config.esia.client_id.is_some()
        && let Some(name) = MethodName::parse(config.esia.contour.upstream())
    {
        if !built.login.contains(&name) {
            built.login.push(name);
        }
        if config.esia.registers && !built.registration.contains(&name) {
            built.registration.push(name);
        }
    }
    if config.telegram.is_on() && !config.upstream.contains_key(telegram::NAME) {
        built.login.push(MethodName::Telegram);
    }
    for (name, upstream) in &config.upstream {
        let Some(name) = MethodName::parse(name) else { continue };
        built.login.push(name);
        if upstream.registers && !upstream.is_foreign() {
            built.registration.push(name);
        }
    }
    built
}

/// Asks every provider of `[upstream.NAME]` whether it answers now: its name, and why not.
///
/// # Errors
/// When a client for the calls cannot be made.
pub async fn probe_upstreams(config: &Config) -> anyhow::Result<Vec<(String, Result<(), String>)>> {
    let mut all = Vec::new();
    for one in configured(config, None)? {
        let answer = one.upstream.probe().await;
        all.push((one.settings.name, answer.map_err(|why| why.to_string())));
    }
    Ok(all)
}

fn fetch(config: &Config, upstream: &Upstream) -> anyhow::Result<Fetch> {
    let options = outbound::options(config, patience(upstream))?;
    Ok(Fetch::new(kabinet_fetch::Options {
        proxy: upstream.proxy.clone(),
        connect_timeout: options.connect_timeout.max(patience(upstream) / 3),
        ..options
    })?)
}

/// How long one call to a provider may take.
fn patience(upstream: &Upstream) -> Duration {
    upstream.timeout.map_or(PATIENCE, |time| time.duration())
}

fn gosuslugi(esia: &config::Esia) -> UpstreamSettings {
    UpstreamSettings {
        title: match esia.contour {
            // Pages have words of their own.
            Contour::Production => Words::default(),
            Contour::Test => Words::new("Госуслуги (тест)", "Gosuslugi (test)"),
        },
        registers: esia.registers,
        is_strong: esia.two_factors,
        vouches: esia.vouches.clone(),
        // The token, the person, and one more for contacts or organisations.
        patience: 3 * esia.timeout.duration(),
        ..UpstreamSettings::new(esia.contour.upstream())
    }
}

fn settings(name: &str, upstream: &Upstream) -> UpstreamSettings {
    let title = match (&upstream.title_ru, &upstream.title_en) {
        (Some(ru), Some(en)) => Words::new(ru, en),
        _ => upstream.preset.title(),
    };
    UpstreamSettings {
        // Pages have words of their own for Telegram.
        title: if title.is_empty() && name != "telegram" {
            Words::new(name, name)
        } else {
            title
        },
        registers: upstream.registers,
        is_foreign: upstream.is_foreign(),
        is_strong: upstream.strong,
        vouches: upstream.vouches.clone(),
        // Discovery, keys or the token, userinfo.
        patience: 3 * patience(upstream),
        ..UpstreamSettings::new(name)
    }
}

fn openid(name: &str, upstream: &Upstream) -> OpenIdSettings {
    let known = upstream.preset.settings();
    let mut claims = known.claims;
    claims.extend(upstream.claim_paths());
    let named = |given: &Option<url::Url>, known: Option<url::Url>| given.clone().or(known);
    OpenIdSettings {
        name: name.to_owned(),
        issuer: upstream.issuer.clone().unwrap_or(known.issuer),
        client_id: upstream.client_id.clone().unwrap_or_default(),
        client_secret: upstream.client_secret.as_ref().map(|secret| Secret::from(secret.0.expose())),
        scopes: if upstream.scopes.is_empty() {
            known.scopes
        } else {
            upstream.scopes.clone()
        },
        mode: upstream.mode.unwrap_or(known.mode),
        client_auth: upstream.client_auth.unwrap_or(known.client_auth),
        signing: upstream.signing.unwrap_or(known.signing),
        asking: known.asking,
        quirks: Quirks {
            no_userinfo: upstream.no_userinfo.unwrap_or(known.quirks.no_userinfo),
            nonce_optional: upstream.nonce_optional.unwrap_or(known.quirks.nonce_optional),
            no_email: upstream.no_email.unwrap_or(known.quirks.no_email),
            ..known.quirks
        },
        places: Places {
            authorization: named(&upstream.authorization_endpoint, known.places.authorization),
            token: named(&upstream.token_endpoint, known.places.token),
            jwks: named(&upstream.jwks_uri, known.places.jwks),
            userinfo: named(&upstream.userinfo_endpoint, known.places.userinfo),
            end_session: named(&upstream.end_session_endpoint, known.places.end_session),
        },
        claims,
    }
}
