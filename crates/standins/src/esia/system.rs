//! Client systems («информационные системы») and what was approved for them: the application that an operator of the real
//! service has to file, as a value.

use std::path::PathBuf;

use kabinet_gost::digest::Digest;
use kabinet_gost::{Certificate, ParameterSet, oid, pem};
use serde::Deserialize;
use url::{Host, Url};

use super::code::{self, Refusal};
use super::keys::TokenAlgorithm;

/// What a token for an organisation's data has before the scope in the first version of the protocol.
pub(super) const OLD_PREFIX: &str = "http://esia.gosuslugi.ru/";

/// The scopes about people that there are.
pub(super) const SCOPES: &[&str] = &[
    "openid",
    "fullname",
    "birthdate",
    "birthplace",
    "gender",
    "snils",
    "inn",
    "email",
    "mobile",
    "contacts",
    "addresses",
    "id_doc",
    "usr_org",
    "foreign_passport_doc",
    "drivers_licence_doc",
    "medical_doc",
    "birth_cert_doc",
    "residence_doc",
    "temporary_residence_doc",
    "military_doc",
    "history_passport_doc",
    "vehicles",
    "self_employed",
    "kid_fullname",
    "kid_birthdate",
    "kid_snils",
    "kid_birth_cert_doc",
    "bio",
    "ext_auth_result",
    "electronic_workbook",
    "ndfl_person",
    "payout_income",
    "ils_doc",
];

/// Those about organisations.
pub(super) const ORGANISATION_SCOPES: &[&str] =
    &["org_shortname", "org_fullname", "org_inn", "org_ogrn", "org_kpp", "org_type", "org_leg"];

/// A client system.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// The mnemonic, which is its `client_id`.
    pub mnemonic: String,
    /// What it is called on the consent page.
    #[serde(default)]
    pub name: String,
    /// Its certificates.
    #[serde(default)]
    pub certificates: Vec<Registered>,
    /// Addresses that a person may be sent back to.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Hosts that a person may be sent back to, whatever the path: what ЕСИА registers.
    #[serde(default)]
    pub redirect_hosts: Vec<String>,
    /// Approved scopes about people.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Approved scopes about organisations.
    #[serde(default)]
    pub org_scopes: Vec<String>,
    /// What its tokens are signed with.
    #[serde(default)]
    pub token_algorithm: TokenAlgorithm,
    /// Types of consent that it may ask for.
    #[serde(default)]
    pub consents: Vec<String>,
    /// Whether access was given; without, the certificate and the mnemonic do not help.
    #[serde(default = "yes")]
    pub active: bool,
}

impl Default for System {
    /// Nothing approved, with access.
    fn default() -> Self {
        Self {
            mnemonic: String::new(),
            name: String::new(),
            certificates: Vec::new(),
            redirect_uris: Vec::new(),
            redirect_hosts: Vec::new(),
            scopes: Vec::new(),
            org_scopes: Vec::new(),
            token_algorithm: TokenAlgorithm::default(),
            consents: Vec::new(),
            active: true,
        }
    }
}

/// A certificate of a system.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registered {
    /// Where its file is; read by whoever reads the configuration.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// Itself, DER or PEM.
    #[serde(skip)]
    pub bytes: Vec<u8>,
    /// Whether it may be used.
    #[serde(default = "yes")]
    pub active: bool,
}

impl Registered {
    /// An active one, DER or PEM.
    #[must_use]
    pub fn active(bytes: Vec<u8>) -> Self {
        Self { file: None, bytes, active: true }
    }
}

const fn yes() -> bool {
    true
}

/// Why a system cannot be registered.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// The mnemonic is empty, or has white space in it.
    #[error("a system has no mnemonic, or one with a space")]
    Mnemonic,
    /// A certificate cannot be read.
    #[error("{0}: a certificate cannot be read: it has to be X.509 of version 3, PEM or DER")]
    Certificate(String),
    /// A certificate has no ГОСТ key of 256 bits.
    #[error("{0}: the key of a certificate is {1}; requests are signed with ГОСТ Р 34.10-2012 of 256 bits")]
    Key(String, String),
    /// A scope that does not exist.
    #[error("{0}: there is no scope {1}")]
    Scope(String, String),
    /// An address that is none.
    #[error("{0}: {1} is no address with https, or with http on loopback")]
    Address(String, String),
}

/// A certificate as requests are checked with it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) certificate: Certificate,
    pub(super) set: ParameterSet,
    pub(super) key: Vec<u8>,
    /// Стрибог-256 of the DER, upper-case hexadecimal.
    pub(super) hash: String,
    pub(super) is_active: bool,
}

impl Known {
    /// Whether it may be used now.
    pub(super) fn serves(&self, now: i64) -> bool {
        self.is_active && self.certificate.not_before() <= now && now <= self.certificate.not_after()
    }
}

/// A registered system.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) system: System,
    pub(super) certificates: Vec<Known>,
}

impl Client {
    pub(super) fn of(system: System) -> Result<Self, RegistrationError> {
        let name = system.mnemonic.clone();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(RegistrationError::Mnemonic);
        }
        let certificates = system.certificates.iter().map(|one| known(&name, one)).collect::<Result<_, _>>()?;
        let strange = |scopes: &[String], all: &[&str]| scopes.iter().find(|one| !all.contains(&one.as_str())).cloned();
        let strange = strange(&system.scopes, SCOPES).or_else(|| strange(&system.org_scopes, ORGANISATION_SCOPES));
        if let Some(scope) = strange {
            return Err(RegistrationError::Scope(name, scope));
        }
        if let Some(uri) = system.redirect_uris.iter().find(|uri| !is_address(uri)) {
            return Err(RegistrationError::Address(name, uri.clone()));
        }
        Ok(Self { system, certificates })
    }

    /// Whether a person may be sent there.
    pub(super) fn may_return_to(&self, uri: &str) -> bool {
        let is_host = |url: &Url| {
            let host = url.host_str().unwrap_or_default();
            self.system.redirect_hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
        };
        self.system.redirect_uris.iter().any(|known| known == uri)
            || is_address(uri) && Url::parse(uri).is_ok_and(|url| is_host(&url))
    }

    /// Whether its host is that of an address that a person may be sent to.
    pub(super) fn has_host_of(&self, uri: &str) -> bool {
        let origin = |uri: &str| Url::parse(uri).ok().map(|url| url.origin());
        let wanted = origin(uri);
        self.may_return_to(uri)
            || wanted.is_some() && self.system.redirect_uris.iter().any(|known| origin(known) == wanted)
    }

    /// The scopes of a request, each known and approved.
    pub(super) fn scopes(&self, scope: &str) -> Result<Vec<String>, Refusal> {
        let parts: Vec<&str> = scope.split(' ').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return Err(code::INVALID_SCOPE.because("scopes are parted by one space each"));
        }
        for part in &parts {
            if !SCOPES.contains(part) {
                return Err(code::INVALID_SCOPE.because(format!("there is no scope {part}")));
            }
            if !self.system.scopes.iter().any(|approved| approved == part) {
                let why = format!("the scope {part} was not approved for {}", self.system.mnemonic);
                return Err(code::NO_GRANTS.because(why));
            }
        }
        Ok(parts.into_iter().map(str::to_owned).collect())
    }

    /// The scopes about organisations, `name?org_oid=OID` or, where a person chooses, `name` alone.
    pub(super) fn organisation_scopes(&self, scope: &str) -> Result<Vec<OrganisationScope>, Refusal> {
        let mut scopes = Vec::new();
        for part in scope.split(' ').filter(|part| !part.is_empty()) {
            let bare = part.strip_prefix(OLD_PREFIX).unwrap_or(part);
            let (name, oid) = match bare.split_once("?org_oid=") {
                Some((name, oid)) => match oid.parse() {
                    Ok(oid) => (name, Some(oid)),
                    Err(_) => return Err(code::INVALID_SCOPE.because(format!("org_oid in {part} is no number"))),
                },
                None => (bare, None),
            };
            if !ORGANISATION_SCOPES.contains(&name) {
                return Err(code::INVALID_SCOPE.because(format!("there is no scope {name} about organisations")));
            }
            if !self.system.org_scopes.iter().any(|approved| approved == name) {
                let why = format!("the scope {name} was not approved for {}", self.system.mnemonic);
                return Err(code::NO_GRANTS.because(why));
            }
            scopes.push(OrganisationScope { name: name.to_owned(), organisation: oid });
        }
        Ok(scopes)
    }
}

/// A scope about an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OrganisationScope {
    pub(super) name: String,
    pub(super) organisation: Option<u64>,
}

fn known(system: &str, one: &Registered) -> Result<Known, RegistrationError> {
    let unreadable = || RegistrationError::Certificate(system.to_owned());
    let der = pem::read(&one.bytes)
        .map_err(|_| unreadable())?
        .into_iter()
        .next()
        .ok_or_else(unreadable)?
        .der;
    let certificate = Certificate::parse(&der).map_err(|_| unreadable())?;
    let (set, key) = certificate
        .gost_key()
        .filter(|(set, _)| set.bits() == 256)
        .ok_or_else(|| RegistrationError::Key(system.to_owned(), certificate.key_name()))?;
    let hash = oid::hex(&Digest::Streebog256.of(&der)).to_uppercase();
    Ok(Known { certificate, set, key, hash, is_active: one.active })
}

/// Absolute, https or on loopback, without a fragment.
fn is_address(uri: &str) -> bool {
    let Ok(url) = Url::parse(uri) else {
        return false;
    };
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    url.fragment().is_none() && (url.scheme() == "https" || url.scheme() == "http" && is_loopback)
}
