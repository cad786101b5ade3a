//! The providers that people are sent to: stand-ins for Госуслуги, for Telegram, and for any OpenID provider.
//!
//! 1. Each is bound before the provider is, because it stands in its settings.
//! 2. Once the provider has its own port, it is registered at each with the address that people come back to.
//!
//! Their people are always the same, so a link that was made in an earlier run still holds; keys and secrets are new every time.
//! One that cannot start is left out, and everything else goes on.

use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use kabinet::Ambient;
use kabinet_core::secret::TokenKind;
use kabinet_standins::esia::{self, Contour, Credentials, Registered, System};
use kabinet_standins::{telegram, upstream};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use url::Url;

use crate::place::{self, Place, Saved};

/// What the OpenID provider is called in the provider's settings.
pub const PARTNER: &str = "partner";

/// Their names in the JSON, in the order in which their ports are kept.
pub const NAMES: [&str; 3] = ["esia", "telegram", "upstream"];

const MNEMONIC: &str = "KABINETDEMO";
const SCOPES: [&str; 9] = ["openid", "fullname", "birthdate", "gender", "snils", "inn", "email", "mobile", "usr_org"];
const ORGANISATION_SCOPES: [&str; 4] = ["org_shortname", "org_fullname", "org_inn", "org_ogrn"];
const BOT: i64 = 7_000_000_001;
const CLIENT: &str = "kabinet-demo";

/// Registers the provider, whose issuer is given.
type Register = Box<dyn FnOnce(&str) -> anyhow::Result<()> + Send>;

/// Where it stands in the provider's settings.
#[derive(Clone, Copy)]
enum Section {
    Own(&'static str),
    /// `[upstream.NAME]`
    Upstream(&'static str),
}

/// One of them, bound and not yet served.
struct Standin {
    section: Section,
    settings: Value,
    router: Router,
    register: Register,
}

/// A stand-in on its socket, or why there is none.
struct Bound {
    url: Url,
    socket: TcpListener,
    standin: anyhow::Result<Standin>,
}

/// All of them.
pub struct Providers(Vec<Bound>);

/// Where each is, in the order of [`NAMES`], or why it is not.
pub type Places = Vec<anyhow::Result<Url>>;

impl Providers {
    /// Binds the last run's ports, or free ones where those are taken.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn open(place: &Place, saved: &Saved, ambient: &Ambient) -> anyhow::Result<Self> {
        let mut all = Vec::new();
        for (n, name) in NAMES.iter().enumerate() {
            let socket = place::bind(saved.provider_ports.get(n).copied()).await?;
            let url = place::url(&socket, "/")?;
            let standin = match n {
                0 => esia(place, &url, ambient),
                1 => telegram(&url, ambient),
                _ => partner(&url, ambient),
            };
            let standin = standin.with_context(|| format!("the stand-in {name}"));
            all.push(Bound { url, socket, standin });
        }
        Ok(Self(all))
    }

    /// How the provider is told of them: its sections.
    pub fn settings(&self) -> Vec<(&'static str, Value)> {
        let mut sections = Vec::new();
        let mut upstreams = Map::new();
        for standin in self.0.iter().filter_map(|bound| bound.standin.as_ref().ok()) {
            let settings = standin.settings.clone();
            match standin.section {
                Section::Own(name) => sections.push((name, settings)),
                Section::Upstream(name) => _ = upstreams.insert(name.to_owned(), settings),
            }
        }
        sections.push(("upstream", Value::Object(upstreams)));
        sections
    }

    /// Their ports, for the next run.
    pub fn ports(&self) -> Vec<u16> {
        self.0.iter().map(|bound| place::port(&bound.socket)).collect()
    }

    /// Registers the provider with each; what is to be served, and what is said of them.
    pub fn split(self, issuer: &str) -> (Vec<(TcpListener, Router)>, Places) {
        let mut served = Vec::new();
        let mut places = Vec::new();
        for Bound { url, socket, standin } in self.0 {
            let registered = standin.and_then(|standin| {
                (standin.register)(issuer)?;
                Ok(standin.router)
            });
            places.push(registered.map(|router| {
                served.push((socket, router));
                url
            }));
        }
        (served, places)
    }
}

fn origin(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

fn callback(issuer: &str, name: &str) -> String {
    format!("{issuer}/login/{name}/callback")
}

fn secret(ambient: &Ambient) -> String {
    TokenKind::ClientSecret.generate(&*ambient.entropy).expose().to_owned()
}

fn telegram(url: &Url, ambient: &Ambient) -> anyhow::Result<Standin> {
    let (router, control) = telegram::router(&origin(url), Arc::clone(&ambient.clock), Arc::clone(&ambient.entropy))?;
    let secret = secret(ambient);
    let settings = json!({
        "preset": "telegram", "issuer": origin(url), "client_id": BOT.to_string(), "client_secret": secret,
    });
    let register =
        move |issuer: &str| Ok(control.register(telegram::Bot::new(BOT, &secret, callback(issuer, "telegram")))?);
    Ok(Standin {
        section: Section::Upstream("telegram"),
        settings,
        router,
        register: Box::new(register),
    })
}

fn partner(url: &Url, ambient: &Ambient) -> anyhow::Result<Standin> {
    let (router, control) = upstream::router(&origin(url), Arc::clone(&ambient.clock), Arc::clone(&ambient.entropy))?;
    let secret = secret(ambient);
    let settings = json!({
        "preset": "openid", "issuer": origin(url), "client_id": CLIENT, "client_secret": secret,
        "title_ru": "Партнёр", "title_en": "Partner", "registers": true, "vouches": ["phone", "email"],
    });
    let register = move |issuer: &str| {
        control.register(upstream::Client {
            post_logout_redirect_uris: vec![issuer.to_owned(), format!("{issuer}/")],
            ..upstream::Client::new(CLIENT, &secret, callback(issuer, PARTNER))
        });
        Ok(())
    };
    Ok(Standin {
        section: Section::Upstream(PARTNER),
        settings,
        router,
        register: Box::new(register),
    })
}

fn esia(place: &Place, url: &Url, ambient: &Ambient) -> anyhow::Result<Standin> {
    let (clock, entropy) = (Arc::clone(&ambient.clock), Arc::clone(&ambient.entropy));
    let credentials = Credentials::make("Демонстрация kabinet", &*entropy, clock.now())?;
    let begun = esia::Settings {
        contour: Contour::Production,
        ..esia::Settings::new(clock, entropy)
    };
    let (router, handle) = esia::router(begun)?;
    let files = EsiaFiles::write(place, &credentials, &handle)?;
    let settings = json!({
        "client_id": MNEMONIC, "base_url": origin(url), "certificate": files.certificate,
        "signer": "software", "signer_key": files.key, "token_certificates": files.tokens,
        // Asked for with the sign-in they would keep out whoever is in no organisation.
        "scope": SCOPES, "scope_org": ORGANISATION_SCOPES, "org_tokens": true,
    });
    let register = move |issuer: &str| {
        Ok(handle.add_system(System {
            mnemonic: MNEMONIC.to_owned(),
            name: "Демонстрация kabinet".to_owned(),
            certificates: vec![Registered::active(credentials.certificate.into_bytes())],
            redirect_uris: vec![callback(issuer, "esia")],
            redirect_hosts: vec!["localhost".to_owned()],
            scopes: SCOPES.map(str::to_owned).to_vec(),
            org_scopes: ORGANISATION_SCOPES.map(str::to_owned).to_vec(),
            token_algorithm: esia::TokenAlgorithm::default(),
            consents: Vec::new(),
            active: true,
        })?)
    };
    Ok(Standin {
        section: Section::Own("esia"),
        settings,
        router,
        register: Box::new(register),
    })
}

/// What an operator has in files: the system's key and certificate, and the certificates of ЕСИА.
struct EsiaFiles {
    key: PathBuf,
    certificate: PathBuf,
    tokens: Vec<PathBuf>,
}

impl EsiaFiles {
    fn write(place: &Place, credentials: &Credentials, handle: &esia::Handle) -> anyhow::Result<Self> {
        let dir = place.esia();
        std::fs::create_dir_all(&dir)?;
        let key = dir.join("system.key");
        // Whoever has it signs as this system.
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&key)?;
        std::io::Write::write_all(&mut file, credentials.key.as_bytes())?;
        let certificate = dir.join("system.pem");
        std::fs::write(&certificate, &credentials.certificate)?;
        let mut tokens = Vec::new();
        for (name, der) in handle.certificates()? {
            let file = dir.join(name);
            std::fs::write(&file, der)?;
            tokens.push(file);
        }
        Ok(Self { key, certificate, tokens })
    }
}
