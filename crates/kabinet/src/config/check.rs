//! What a configuration must fulfil beyond being readable.

use kabinet_core::response_type::ResponseType;
use kabinet_core::seal::MasterKey;
use url::{Host, Url};

use kabinet_core::scope::Scope;

use super::{ApiTokens, Certificate, Config, Confirmation, Delivery, GatewayName, Registration, Seconds};

/// Every contradiction: the key that is to be changed and what is wrong with it.
pub(super) fn problems(config: &Config) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    network(config, &mut found);
    storage(config, &mut found);
    lifetimes(config, &mut found);
    people(config, &mut found);
    certificate(&config.certificate, &mut found);
    super::country::problems(config, &mut found);
    super::esia::problems(config, &mut found);
    found.extend(super::telegram::problems(config));
    found
}

type Found = Vec<(&'static str, String)>;

fn network(config: &Config, found: &mut Found) {
    if let Err(what) = check_issuer(&config.issuer) {
        found.push(("issuer", what));
    }
    match (&config.tls.cert, &config.tls.key) {
        (Some(_), None) => found.push(("tls.key", "is missing beside tls.cert".to_owned())),
        (None, Some(_)) => found.push(("tls.cert", "is missing beside tls.key".to_owned())),
        (None, None) if config.is_https() && config.trusted_proxies.is_empty() => found.push((
            "issuer",
            "is https: give tls.cert and tls.key, or name the proxy that ends TLS in trusted_proxies".to_owned(),
        )),
        (Some(_), Some(_)) if !config.is_https() => {
            found.push(("issuer", "must be https when tls.cert and tls.key are given".to_owned()));
        }
        _ => {}
    }
    if config.listen == config.admin_listen && config.listen.port() != 0 {
        found.push(("admin_listen", "must differ from listen".to_owned()));
    }
    delivery(&config.delivery, found);
    if config.delivery.outbox.is_some() && config.is_https() && !config.delivery.outbox_force {
        found.push((
            "delivery.outbox",
            "keeps codes in a file and is refused with an https issuer, unless delivery.outbox_force is true"
                .to_owned(),
        ));
    }
    if !config.registration.response_types.contains(&ResponseType::CODE) {
        found.push(("registration.response_types", "must hold code".to_owned()));
    }
    registration(&config.registration, found);
    api_tokens(&config.api_tokens, found);
    if let Some(part) = config.log.level.split(',').find(|part| !is_level(part)) {
        found.push((
            "log.level",
            format!("{part:?} is no level; write error, warn, info, debug or trace, or MODULE=LEVEL"),
        ));
    }
}

fn api_tokens(section: &ApiTokens, found: &mut Found) {
    let is_scope = |scope: &String| !scope.contains(' ') && Scope::parse(scope).is_ok_and(|scope| !scope.is_empty());
    if !section.scopes.iter().all(is_scope) {
        found.push(("api_tokens.scopes", "holds one that is no scope (RFC 6749 section 3.3)".to_owned()));
    }
    // No refresh tokens come of them, and administrators are not acted for.
    let is_closed = |scope: &String| scope == "offline_access" || scope.starts_with("kabinet:");
    if section.scopes.iter().any(is_closed) {
        found.push((
            "api_tokens.scopes",
            "offline_access and kabinet:… cannot be given to API tokens".to_owned(),
        ));
    }
    if section.max < Seconds::days(1) || section.max > Seconds::days(366) {
        found.push(("api_tokens.max", "must be a day at least and a year at most".to_owned()));
    }
    if section.life < Seconds::days(1) || section.life > section.max {
        found.push(("api_tokens.life", "must be a day at least and api_tokens.max at most".to_owned()));
    }
    within(found, "api_tokens.per_person", section.per_person, 1, 400);
    at_most(found, "api_tokens.remind", section.remind, Seconds::days(60));
}

fn registration(registration: &Registration, found: &mut Found) {
    let scopes = Scope::parse(&registration.scopes.join(" "));
    if scopes.is_err() || registration.scopes.iter().any(|scope| scope.is_empty() || scope.contains(' ')) {
        found.push(("registration.scopes", "holds one that is no scope (RFC 6749 section 3.3)".to_owned()));
    }
    // The admin API's scope comes with a role, which nobody gives themselves.
    if registration.scopes.iter().any(|scope| scope == "kabinet:admin") {
        found.push(("registration.scopes", "kabinet:admin cannot be registered for".to_owned()));
    }
    if registration.scopes.is_empty() {
        found.push(("registration.scopes", "must name at least one".to_owned()));
    }
    within(found, "registration.per_hour", registration.per_hour, 1, 100_000);
    if registration.unused < Seconds::hours(1) {
        found.push(("registration.unused", "must be an hour at least".to_owned()));
    }
    at_most(found, "registration.unused", registration.unused, Seconds::days(366));
}

/// What a gateway or mail server that is named needs beside its name.
fn delivery(delivery: &Delivery, found: &mut Found) {
    for name in &delivery.sms {
        let (key, url) = match name {
            GatewayName::SmsRu => ("delivery.smsru.key", "delivery.smsru.url"),
            GatewayName::Smsc => ("delivery.smsc.key", "delivery.smsc.url"),
            GatewayName::SmsAero => ("delivery.smsaero.key", "delivery.smsaero.url"),
            GatewayName::Exolve => ("delivery.exolve.key", "delivery.exolve.url"),
            GatewayName::Gateway => ("delivery.gateway.key", "delivery.gateway.url"),
        };
        let gateway = delivery.of(*name);
        if gateway.key.is_none() {
            found.push((key, format!("must be given: delivery.sms names {}", name.as_str())));
        }
        match gateway.url.as_deref().map(Url::parse) {
            Some(Err(_)) => found.push((url, "must be an absolute URL".to_owned())),
            None if *name == GatewayName::Gateway => found.push((url, "must be given".to_owned())),
            _ => {}
        }
    }
    let smtp = &delivery.smtp;
    if smtp.host.is_none() {
        return;
    }
    if smtp.from.is_none() {
        found.push(("delivery.smtp.from", "must be given beside delivery.smtp.host".to_owned()));
    }
    match (&smtp.login, &smtp.password) {
        (Some(_), None) => found.push(("delivery.smtp.password", "is missing beside delivery.smtp.login".to_owned())),
        (None, Some(_)) => found.push(("delivery.smtp.login", "is missing beside delivery.smtp.password".to_owned())),
        _ => {}
    }
    match (&smtp.dkim_selector, &smtp.dkim_key) {
        (Some(_), None) => {
            found.push(("delivery.smtp.dkim_key", "is missing beside delivery.smtp.dkim_selector".to_owned()));
        }
        (None, Some(_)) => {
            found.push(("delivery.smtp.dkim_selector", "is missing beside delivery.smtp.dkim_key".to_owned()));
        }
        _ => {}
    }
}

fn is_level(part: &str) -> bool {
    let level = part.rsplit('=').next().unwrap_or_default().trim();
    let known = ["off", "error", "warn", "info", "debug", "trace"];
    known.contains(&level.to_ascii_lowercase().as_str())
        && part.parse::<tracing_subscriber::filter::Directive>().is_ok()
}

/// OpenID Connect Discovery 1.0 §3: an https URL without query and fragment; here also without path, and http on
/// loopback only. It must stand as every URL parser would write it, because clients compare it byte by byte.
fn check_issuer(issuer: &str) -> Result<(), String> {
    let url = Url::parse(issuer).map_err(|_| format!("{issuer:?} is no absolute URL, as in https://id.example.ru"))?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(format!("{issuer:?} must be an https URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password".to_owned());
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(format!("{issuer:?} must be https; http is for localhost, 127.0.0.0/8 and ::1 only"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{issuer:?} must have no query and no fragment"));
    }
    let origin = url.origin().ascii_serialization();
    if url.path() != "/" {
        return Err(format!("{issuer:?} must have no path; give kabinet a host of its own, as in {origin}"));
    }
    if issuer != origin {
        return Err(format!("{issuer:?} must be written as {origin}"));
    }
    Ok(())
}

/// Addresses that a page of ours opens, and those that it shows.
fn certificate(certificate: &Certificate, found: &mut Found) {
    // A page's policy names them as they stand, so they must stand as a URL parser would write them.
    let is_agent = |text: &String| {
        Url::parse(text).is_ok_and(|url| {
            let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
            let is_path = |sign: u8| sign.is_ascii_alphanumeric() || b"/-._~".contains(&sign);
            matches!(url.scheme(), "ws" | "wss")
                && is_loopback(&url)
                && is_plain
                && url.fragment().is_none()
                && url.path().bytes().all(is_path)
                && url.as_str() == text
        })
    };
    if let Some(bad) = certificate.toolbox.iter().find(|address| !is_agent(address)) {
        let form =
            "it must be ws or wss to localhost, 127.0.0.0/8 or ::1, as in wss://127.0.0.1:9292/RegistrationOffice";
        found.push(("certificate.toolbox", format!("holds {bad:?}; {form}")));
    }
    within(found, "certificate.toolbox", certificate.toolbox.len() as u32, 0, 8);
    for (key, url) in [
        ("certificate.toolbox_page", &certificate.toolbox_page),
        ("certificate.list_url", &certificate.list_url),
        ("certificate.verifier_url", &certificate.verifier_url),
    ] {
        let is_fit = |url: &Url| url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url));
        if url.as_ref().is_some_and(|url| !is_fit(url)) {
            found.push((key, "must be an https URL".to_owned()));
        }
    }
    if certificate.verifier_token.is_some() && certificate.verifier_url.is_none() {
        found.push(("certificate.verifier_token", "has no certificate.verifier_url that it is for".to_owned()));
    }
    at_most(found, "certificate.grace", certificate.grace, Seconds::days(7));
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn storage(config: &Config, found: &mut Found) {
    let url = config.store.url.expose();
    match url.split_once(':') {
        Some(("sqlite", path))
            if path.is_empty() || path == "//" || path.contains(":memory:") || path.contains(['?', '%']) =>
        {
            found.push(("store.url", "must name a file, as in sqlite:/var/lib/kabinet/kabinet.db".to_owned()));
        }
        Some(("sqlite", _)) => {}
        Some(("postgres" | "postgresql", _)) if Url::parse(url).is_ok_and(|url| url.has_host()) => {
            if config.master_key.is_none() {
                let what = "must be given with PostgreSQL, the same for every node; \
                            `openssl rand -base64 32` makes one";
                found.push(("master_key", what.to_owned()));
            }
        }
        _ => found.push(("store.url", "must be sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE".to_owned())),
    }
    let key = config.master_key.as_ref().map(|key| key.0.expose());
    if key.is_some_and(|key| MasterKey::from_base64(key).is_err()) {
        found.push((
            "master_key",
            "must be 32 bytes in standard base64; `openssl rand -base64 32` makes one".to_owned(),
        ));
    }
    let is_redis = |url: &str| Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "redis" | "redis+unix" | "unix"));
    if config.redis.url.as_ref().is_some_and(|url| !is_redis(url.expose())) {
        found.push(("redis.url", "must be redis://HOST:PORT/DATABASE or unix:///PATH".to_owned()));
    }
    within(found, "store.connections", config.store.connections, 1, 1000);
}

fn within(found: &mut Found, key: &'static str, value: u32, least: u32, most: u32) {
    if !(least..=most).contains(&value) {
        found.push((key, format!("is {value}; it must be between {least} and {most}")));
    }
}

fn lifetimes(config: &Config, found: &mut Found) {
    let (session, token) = (&config.session, &config.token);
    let all = [
        ("session.idle", session.idle),
        ("session.max", session.max),
        ("session.remembered_idle", session.remembered_idle),
        ("session.remembered_max", session.remembered_max),
        ("session.admin_idle", session.admin_idle),
        ("session.admin_max", session.admin_max),
        ("token.code", token.code),
        ("token.access", token.access),
        ("token.opaque", token.opaque),
        ("token.id_token", token.id_token),
        ("token.refresh_idle", token.refresh_idle),
        ("token.refresh_max", token.refresh_max),
        ("token.seal", token.seal),
        ("token.par", token.par),
        ("token.device_code", token.device_code),
        ("token.device_interval", token.device_interval),
        ("confirmation.sms", config.confirmation.sms),
        ("confirmation.email", config.confirmation.email),
        ("confirmation.closed", config.confirmation.closed),
        ("work.delay", config.work.delay),
        ("recovery.phone_fresh", config.recovery.phone_fresh),
        ("recovery.delay", config.recovery.delay),
        ("recovery.ticket", config.recovery.ticket),
        ("hashing.wait", config.hashing.wait),
    ];
    for (key, _) in all.iter().filter(|(_, time)| time.0 == 0) {
        found.push((key, "must be longer than nothing".to_owned()));
    }
    let pairs = [
        ("session.idle", session.idle, "session.max", session.max),
        (
            "session.remembered_idle",
            session.remembered_idle,
            "session.remembered_max",
            session.remembered_max,
        ),
        ("session.admin_idle", session.admin_idle, "session.admin_max", session.admin_max),
        ("token.refresh_idle", token.refresh_idle, "token.refresh_max", token.refresh_max),
    ];
    for (key, idle, limit_key, limit) in pairs.into_iter().filter(|(_, idle, _, max)| idle > max) {
        found.push((key, format!("is {idle}, longer than {limit_key} ({limit})")));
    }
    // RFC 6749 §4.1.2: a maximum authorization code lifetime of 10 minutes is recommended.
    at_most(found, "token.code", token.code, Seconds::minutes(10));
    // NIST SP 800-63B-4 §3.1.3.2: a code sent out of band is good for 10 minutes at most.
    at_most(found, "confirmation.sms", config.confirmation.sms, Seconds::minutes(10));
    at_most(found, "confirmation.email", config.confirmation.email, Seconds::hours(24));
    at_most(found, "token.refresh_grace", token.refresh_grace, Seconds::minutes(1));
    // Nodes remember what was revoked for two hours (`kabinet_store::change::KEPT`); no access token may live longer.
    at_most(found, "token.access", token.access, Seconds::minutes(90));
    at_most(found, "token.opaque", token.opaque, Seconds::minutes(90));
}

fn at_most(found: &mut Found, key: &'static str, time: Seconds, most: Seconds) {
    if time > most {
        found.push((key, format!("is {time}; at most {most} is allowed")));
    }
}

/// The limits of what is sent and tried beyond one code.
fn codes(confirmation: &Confirmation, found: &mut Found) {
    // NIST SP 800-63B-4 §3.2.2: at most 100 consecutive failures.
    within(
        found,
        "confirmation.wrong_per_day",
        confirmation.wrong_per_day.into(),
        confirmation.tries.into(),
        100,
    );
    within(found, "confirmation.per_range", confirmation.per_range, 1, 10_000);
    within(found, "confirmation.range_sample", confirmation.range_sample, 5, 10_000);
    within(found, "confirmation.country_sample", confirmation.country_sample, 100, 1_000_000);
    within(found, "confirmation.entered_percent", confirmation.entered_percent.into(), 0, 90);
    within(found, "confirmation.per_asn", confirmation.per_asn, 10, 10_000_000);
    within(
        found,
        "confirmation.registrations_per_asn",
        confirmation.registrations_per_asn,
        10,
        10_000_000,
    );
    within(found, "confirmation.asn_sample", confirmation.asn_sample, 20, 1_000_000);
    at_most(found, "confirmation.closed", confirmation.closed, Seconds::hours(24));
}

fn people(config: &Config, found: &mut Found) {
    let (confirmation, password, hashing) = (&config.confirmation, &config.password, &config.hashing);
    within(found, "confirmation.digits", confirmation.digits.into(), 6, 10);
    within(found, "confirmation.tries", confirmation.tries.into(), 1, 10);
    if confirmation.resend.is_empty() {
        found.push(("confirmation.resend", "must name at least one wait".to_owned()));
    }
    within(found, "confirmation.per_hour", confirmation.per_hour.into(), 1, 60);
    within(
        found,
        "confirmation.per_day",
        confirmation.per_day.into(),
        confirmation.per_hour.into(),
        250,
    );
    codes(confirmation, found);
    // Beyond 24 bits a telephone works for minutes; longer than a minute nobody waits.
    within(found, "work.bits", config.work.bits.into(), 0, 24);
    at_most(found, "work.delay", config.work.delay, Seconds::minutes(1));
    within(found, "password.min_length", password.min_length, 8, 64);
    // NIST SP 800-63B-4 §3.1.1.2: at least 64 characters are to be allowed.
    within(found, "password.max_length", password.max_length, 64, 4096);
    within(found, "password.strength", password.strength, 6, 14);
    within(found, "hashing.parallelism", hashing.parallelism, 1, 16);
    // RFC 9106 §3.1: at least 8 KiB for each lane.
    within(
        found,
        "hashing.memory",
        hashing.memory,
        8 * hashing.parallelism.clamp(1, 16),
        4 * 1024 * 1024,
    );
    within(found, "hashing.iterations", hashing.iterations, 1, 100);
    within(found, "hashing.queue", hashing.queue, 1, 100_000);
    if let Some(permits) = hashing.permits {
        within(found, "hashing.permits", permits, 1, 1024);
    }
    if ![2048, 3072, 4096].contains(&config.keys.rsa_bits) {
        found.push(("keys.rsa_bits", format!("is {}; it must be 2048, 3072 or 4096", config.keys.rsa_bits)));
    }
    let every = config.keys.rotate_every;
    if every.0 != 0 && every < Seconds::hours(24) {
        found.push(("keys.rotate_every", format!("is {every}; it must be 0 or at least 24h")));
    }
}
