//! Sign-in through Госуслуги against the stand-in for ЕСИА, which checks every signature and knows nothing of the client: the
//! client as the configuration makes it, over real connections.

mod accounts;
mod faults;
mod people;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::Body;
use http::Request;
use kabinet::Ambient;
use kabinet::config::{Config, Contour, SignerKind};
use kabinet_core::ambient::Clock;
use kabinet_core::external::External;
use kabinet_core::language::Language;
use kabinet_core::time::Timestamp;
use kabinet_gost::pem;
use kabinet_identity::method::esia::Esia;
use kabinet_identity::method::upstream::{Arrival, Departure, Start, Upstream, UpstreamError};
use kabinet_standins::esia::{self as standin, Handle, Registered, Settings, Standin, System, TokenAlgorithm};
use kabinet_tests::{Answer, Html, START, form_body};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tower::ServiceExt;
use url::Url;

const STATE: &str = "7f4c1a52-0d1e-4c55-9f8e-3a2b6c9d0e11";
const KEY: &[u8] = include_bytes!("../../../crates/gost/fixtures/person-256.key.pem");
const CERTIFICATE: &[u8] = include_bytes!("../../../crates/gost/fixtures/person-256.crt.pem");

struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// A stand-in with one system that is approved for everything, and the files that its operator got.
struct Gosuslugi {
    handle: Handle,
    router: Router,
    base: String,
    dir: TempDir,
    ambient: Ambient,
    clock: Arc<Hand>,
}

impl Gosuslugi {
    async fn start() -> Self {
        let clock = Arc::new(Hand(AtomicI64::new(START)));
        let ambient = Ambient { clock: clock.clone(), entropy: Ambient::real().entropy };
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let system = System {
            mnemonic: "TESTIS01".to_owned(),
            name: "Проба".to_owned(),
            certificates: vec![Registered::active(pem::read(CERTIFICATE).unwrap().remove(0).der)],
            redirect_uris: Vec::new(),
            redirect_hosts: vec!["id.test".to_owned()],
            scopes: words("openid fullname birthdate gender snils inn email mobile usr_org id_doc"),
            org_scopes: words("org_inn org_ogrn org_kpp org_shortname"),
            token_algorithm: TokenAlgorithm::Gost,
            consents: Vec::new(),
            active: true,
        };
        let settings = Settings {
            systems: vec![system],
            ..Settings::new(clock.clone(), ambient.entropy.clone())
        };
        let Standin { router, handle, .. } = standin::standin(settings).unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", socket.local_addr().unwrap());
        let served = router.clone();
        tokio::spawn(async move { axum::serve(socket, served).await });
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("own.key"), KEY).unwrap();
        std::fs::write(dir.path().join("own.crt"), CERTIFICATE).unwrap();
        let esia = Self { handle, router, base, dir, ambient, clock };
        esia.publish_certificate(TokenAlgorithm::Gost, "token.cer");
        esia
    }

    /// Writes the certificate of the moment where the operator keeps it.
    fn publish_certificate(&self, algorithm: TokenAlgorithm, file: &str) {
        std::fs::write(self.dir.path().join(file), self.handle.certificate(algorithm).unwrap()).unwrap();
    }

    /// The configuration of an operator who has done everything right.
    fn config(&self) -> Config {
        let file = |name: &str| self.dir.path().join(name);
        let mut config = Config::default();
        config.outbound.allow = vec!["127.0.0.0/8".parse().unwrap()];
        config.esia.client_id = Some("TESTIS01".to_owned());
        config.esia.contour = Contour::Test;
        config.esia.base_url = Some(self.base.parse().unwrap());
        config.esia.certificate = Some(file("own.crt"));
        config.esia.signer = SignerKind::Software;
        config.esia.signer_key = Some(file("own.key"));
        config.esia.token_certificates = vec![file("token.cer")];
        // A busy machine is no fault of anybody's.
        config.esia.timeout = "60s".parse().unwrap();
        config.esia.scope = ["openid", "fullname", "birthdate", "snils", "inn", "email", "mobile"]
            .map(str::to_owned)
            .to_vec();
        config
    }

    fn client(&self, config: &Config) -> Esia {
        kabinet::esia::open(config, &self.ambient).unwrap().unwrap()
    }

    /// What a person does in a browser of their own: who they choose, and whether they allow it. What comes back to us.
    async fn visit(&self, location: &Url, persona: &str, allow: bool) -> Vec<(String, String)> {
        assert!(location.as_str().starts_with(&self.base), "{location}");
        let decision = if allow { "allow" } else { "deny" };
        let (mut cookie, mut choice) = (String::new(), Vec::new());
        let mut to = location[url::Position::BeforePath..].to_owned();
        loop {
            let request = if choice.is_empty() {
                Request::get(&to).header("cookie", &cookie).body(Body::empty())
            } else {
                let form = form_body(&choice);
                Request::post("/login")
                    .header("cookie", &cookie)
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body(Body::from(form))
            };
            let answer = Answer::of(self.router.clone().oneshot(request.unwrap()).await.unwrap()).await;
            if let Some(set) = answer.every("set-cookie").first() {
                set.split(';').next().unwrap_or_default().clone_into(&mut cookie);
            }
            if answer.location().starts_with("https://id.test/") {
                let back: Url = answer.location().parse().unwrap();
                return back.query_pairs().into_owned().collect();
            }
            if !answer.location().is_empty() {
                (to, choice) = (answer.location().to_owned(), Vec::new());
                continue;
            }
            assert_eq!(answer.code(), 200, "{}", answer.body);
            let form = Html::parse(&answer.body).form("standin-form").unwrap();
            let hidden =
                |name: &str| form.fields.iter().find(|field| field.name == name).map(|field| field.value.clone());
            choice = vec![("request", hidden("request").unwrap()), ("decision", decision.to_owned())];
            match hidden("step") {
                Some(step) => choice.push(("step", step)),
                None => choice.push(("persona", persona.to_owned())),
            }
        }
    }

    async fn begin(&self, client: &Esia) -> Result<Departure, UpstreamError> {
        let start = Start {
            redirect_uri: &back(),
            state: STATE,
            language: Language::Ru,
            now: self.ambient.clock.now(),
            entropy: &*self.ambient.entropy,
        };
        client.begin(start).await
    }

    async fn finish(
        &self,
        client: &Esia,
        kept: &serde_json::Value,
        parameters: &[(String, String)],
    ) -> Result<External, UpstreamError> {
        let arrival = Arrival {
            parameters,
            redirect_uri: &back(),
            state: STATE,
            kept,
            now: self.ambient.clock.now(),
            entropy: &*self.ambient.entropy,
        };
        client.finish(arrival).await
    }

    /// The whole way of a person who allows everything.
    async fn sign_in(&self, client: &Esia, persona: &str) -> Result<External, UpstreamError> {
        let departure = self.begin(client).await?;
        let parameters = self.visit(&departure.location, persona, true).await;
        assert!(parameters.iter().any(|(name, value)| name == "state" && value == STATE), "{parameters:?}");
        self.finish(client, &departure.kept, &parameters).await
    }

    /// What the stand-in refused, with its reasons: for the message of a test that fails.
    fn reasons(&self) -> String {
        format!("{:#?}", self.handle.log())
    }
}

fn back() -> Url {
    "https://id.test/login/esia-test/callback".parse().unwrap()
}
