//! The configuration in the words of each crate.

use kabinet_core::country::CountryRules;
use kabinet_identity::{
    ApiTokenConfig, CertificateConfig, ConfirmationConfig, DeliveryConfig, HashingConfig, PasswordConfig,
    RecoveryConfig, SessionConfig, WorkConfig,
};

use kabinet_oidc::config::RegistrationConfig;
use kabinet_oidc::keys::rotation::{JWKS_CACHE, Schedule};

use crate::config::{Config, RegistrationMode, Seconds, ShowLogos};

/// Settings of the protocol.
pub(crate) fn oidc(config: &Config) -> kabinet_oidc::Config {
    let token = &config.token;
    kabinet_oidc::Config {
        issuer: config.issuer.clone(),
        token: kabinet_oidc::config::TokenConfig {
            code: token.code.get(),
            access: token.access.get(),
            opaque_access: token.opaque.get(),
            id_token: token.id_token.get(),
            refresh_idle: token.refresh_idle.get(),
            refresh_absolute: token.refresh_max.get(),
            refresh_grace: token.refresh_grace.get(),
            flow: token.seal.get(),
            par: token.par.get(),
            device: token.device.get(),
        },
        response_types: config.registration.response_types.clone(),
        registration: RegistrationConfig {
            mode: match config.registration.mode {
                RegistrationMode::Closed => kabinet_oidc::config::RegistrationMode::Closed,
                RegistrationMode::Token => kabinet_oidc::config::RegistrationMode::Token,
                RegistrationMode::Open => kabinet_oidc::config::RegistrationMode::Open,
            },
            scope: config.registration.scopes.iter().map(String::as_str).collect(),
            per_hour: config.registration.per_hour.into(),
            unused: config.registration.unused.get(),
            show_logos: match config.registration.show_logos {
                ShowLogos::Vouched => kabinet_store::logo::Shown::Vouched,
                ShowLogos::All => kabinet_store::logo::Shown::All,
            },
        },
    }
}

/// When signing keys move by themselves, and for how long they are known afterwards.
pub(crate) fn schedule(config: &Config) -> Schedule {
    const HOUR: i64 = 3600;
    let (token, session) = (&config.token, &config.session);
    let longest = |times: &[Seconds]| times.iter().map(|time| time.get()).max().unwrap_or_default();
    // A key that has just been replaced may still have signed, and what it signed and the set are kept by others.
    let published = longest(&[token.access, token.opaque, token.id_token]) + JWKS_CACHE + HOUR;
    let published = published.max(48 * HOUR);
    // RP-Initiated Logout §2: an ID token comes back as a hint for as long as its session.
    let sessions = longest(&[session.max, session.remembered_max, session.admin_max]);
    Schedule {
        rotate_every: config.keys.rotate_every.get(),
        published,
        kept: published.max(sessions + HOUR),
    }
}

/// Settings of everything about people.
pub(crate) fn identity(config: &Config) -> kabinet_identity::Config {
    let (session, confirmation, hashing) = (&config.session, &config.confirmation, &config.hashing);
    kabinet_identity::Config {
        issuer: config.issuer.clone(),
        host: url::Url::parse(&config.issuer)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_default(),
        session: SessionConfig {
            idle: session.idle.get(),
            max: session.max.get(),
            remembered_idle: session.remembered_idle.get(),
            remembered_max: session.remembered_max.get(),
            admin_idle: session.admin_idle.get(),
            admin_max: session.admin_max.get(),
        },
        password: PasswordConfig {
            min_length: config.password.shortest() as usize,
            max_length: config.password.max_length as usize,
            strength: config.password.strength,
        },
        hashing: HashingConfig {
            memory: hashing.memory,
            iterations: hashing.iterations,
            parallelism: hashing.parallelism,
            permits: hashing.permits.map(|permits| permits as usize),
            queue: hashing.queue as usize,
            wait: hashing.wait.get(),
        },
        confirmation: ConfirmationConfig {
            digits: confirmation.digits.into(),
            sms: confirmation.sms.get(),
            email: confirmation.email.get(),
            tries: confirmation.tries.into(),
            resend: confirmation.resend.iter().copied().map(Seconds::get).collect(),
            per_hour: confirmation.per_hour.into(),
            per_day: confirmation.per_day.into(),
            countries: confirmation.countries.clone(),
            wrong_per_day: confirmation.wrong_per_day.into(),
            per_range: confirmation.per_range.into(),
            samples: (confirmation.range_sample.into(), confirmation.country_sample.into()),
            entered_percent: confirmation.entered_percent.into(),
            closed: confirmation.closed.get(),
            per_asn: confirmation.per_asn.into(),
            registrations_per_asn: confirmation.registrations_per_asn.into(),
            asn_sample: confirmation.asn_sample.into(),
        },
        work: WorkConfig {
            bits: config.work.bits.into(),
            delay: config.work.delay.get(),
        },
        recovery: RecoveryConfig {
            phone_fresh: config.recovery.phone_fresh.get(),
            delay: config.recovery.delay.get(),
            ticket: config.recovery.ticket.get(),
        },
        delivery: DeliveryConfig { keep: config.delivery.keep.get() },
        certificate: certificate(&config.certificate),
        api_token: ApiTokenConfig {
            scopes: config.api_tokens.scopes.clone(),
            life: config.api_tokens.life.get(),
            longest: config.api_tokens.max.get(),
            most: config.api_tokens.per_person.into(),
            remind: config.api_tokens.remind.get(),
        },
    }
}

fn certificate(section: &crate::config::Certificate) -> CertificateConfig {
    CertificateConfig {
        require: section.require,
        revocation: section.revocation,
        grace: section.grace.get(),
        algorithms: section.algorithms,
        demand_signing_certificate: section.demand_signing_certificate,
        second_proof: section.second_proof,
        two_factors: section.two_factors,
        toolbox: section.toolbox.clone(),
        toolbox_page: section.toolbox_page.clone(),
        list_url: section.list_url.clone(),
    }
}

/// Settings of routes and pages.
pub(crate) fn web(config: &Config) -> kabinet_web::Config {
    kabinet_web::Config {
        issuer: config.issuer.clone(),
        countries: CountryRules::of(&config.country.rules),
        country_header: config.country.header.as_deref().and_then(|name| name.parse().ok()),
        country: config.country.default,
        trusted_proxies: config.trusted_proxies.iter().map(|network| network.0).collect(),
        password_length: (config.password.shortest(), config.password.max_length),
        remembered: config.session.remembered_max.get(),
        code_life: (config.confirmation.sms.get(), config.confirmation.email.get()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_here_are_the_defaults_of_each_crate() {
        let config = Config::default();
        assert_eq!(oidc(&config).token, kabinet_oidc::config::TokenConfig::default());
        assert_eq!(oidc(&config).registration, RegistrationConfig::default());
        let ours = identity(&config);
        assert_eq!(
            ours,
            kabinet_identity::Config {
                issuer: "http://localhost:8080".to_owned(),
                host: "localhost".to_owned(),
                ..kabinet_identity::Config::default()
            }
        );
    }
}
