//! Revocation lists of authorities that OpenSSL's engine makes, fetched from a real listener.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{StatusCode, Uri};
use kabinet_core::audit::Origin;
use kabinet_gost::{Certificate, Content, ParameterSet, Reason, Request, Verdict};
use kabinet_identity::Identity;
use kabinet_identity::trust::{Fault, TrustError};
use kabinet_store::trust::{Role, Source};
use kabinet_tests::{TestApp, eventually};

use crate::engine::{Engine, Kind, fixture};

const CONTENT: &[u8] = b"challenge";
/// The tests' clocks begin at 2026-11-23T00:00:00Z.
const YESTERDAY: &str = "20261122000000Z";
const TODAY: &str = "20261123000000Z";
const TOMORROW: &str = "20261124000000Z";
const HOUR: i64 = 3600;

pub fn kind() -> Kind {
    Kind::gost(ParameterSet::CryptoProA)
}

pub fn origin() -> Origin {
    Origin { actor: "command line", ..Origin::default() }
}

/// What an address answers.
#[derive(Clone)]
pub enum Reply {
    Body(Vec<u8>),
    Status(u16),
    Redirect(String),
    /// Nothing, however long somebody waits.
    Silence,
}

#[derive(Clone, Default)]
struct Shared {
    replies: Arc<Mutex<HashMap<String, Reply>>>,
    hits: Arc<Mutex<Vec<String>>>,
}

/// Where authorities publish.
pub struct Publisher {
    pub base: String,
    shared: Shared,
}

impl Publisher {
    pub async fn open() -> Self {
        let shared = Shared::default();
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", socket.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(socket, router).await });
        Self { base, shared }
    }

    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub fn reply(&self, path: &str, reply: Reply) {
        self.shared.replies.lock().unwrap().insert(path.to_owned(), reply);
    }

    pub fn hits(&self, path: &str) -> usize {
        self.shared.hits.lock().unwrap().iter().filter(|hit| *hit == path).count()
    }

    pub fn all_hits(&self) -> usize {
        self.shared.hits.lock().unwrap().len()
    }
}

async fn answer(State(shared): State<Shared>, uri: Uri) -> Response {
    let path = uri.path().to_owned();
    shared.hits.lock().unwrap().push(path.clone());
    let reply = shared.replies.lock().unwrap().get(&path).cloned();
    match reply {
        Some(Reply::Body(body)) => body.into_response(),
        Some(Reply::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Reply::Redirect(to)) => (StatusCode::FOUND, [("location", to)]).into_response(),
        Some(Reply::Silence) => std::future::pending().await,
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A root, an authority and people under it, whose lists are published here.
pub struct World {
    pub engine: Engine,
    pub publisher: Publisher,
    pub app: TestApp,
}

impl World {
    /// Nobody is trusted yet, and no job runs beside the test.
    pub async fn with(allows: bool) -> Self {
        let publisher = Publisher::open().await;
        let engine = Engine::new();
        engine.lists_at(&publisher.base);
        engine.authorities(&kind());
        engine.write("content", CONTENT);
        for authority in ["root", "issuing"] {
            let list = engine.list(authority, &kind(), YESTERDAY, TOMORROW);
            publisher.reply(&format!("/{authority}.crl"), Reply::Body(list));
        }
        let mut app = TestApp::start_with(|config| {
            if allows {
                config.outbound.allow = vec!["127.0.0.1".parse().unwrap()];
            }
        })
        .await;
        app.node.jobs = kabinet::Jobs::default();
        Self { engine, publisher, app }
    }

    /// The root is trusted.
    pub async fn new() -> Self {
        let world = Self::with(true).await;
        world.trust_root().await;
        world
    }

    pub async fn trust_root(&self) {
        let root = self.certificate("root");
        assert!(self.app.identity.add_authority(&root, Role::Anchor, &origin()).await.unwrap());
    }

    pub fn certificate(&self, name: &str) -> Certificate {
        Certificate::parse(&self.engine.der(&format!("{name}.crt"))).unwrap()
    }

    pub fn chain(&self, name: &str) -> Vec<Certificate> {
        [name, "issuing", "root"].map(|one| self.certificate(one)).to_vec()
    }

    /// What this node says of a signature of this person's.
    fn verdict(&self, identity: &Identity, name: &str) -> Verdict {
        let (certificate, key) = (format!("{name}.crt"), format!("{name}.key"));
        let fixed = ["cms", "-sign", "-binary", "-in", "content", "-signer", &certificate, "-inkey", &key];
        let form = ["-md", kind().digest, "-cades", "-nosmimecap", "-certfile", "issuing.crt", "-outform", "DER"];
        self.engine.run(&[&fixed[..], &form, &["-out", "message.der"]].concat());
        identity.verifier().check(Request {
            signature: &self.engine.read("message.der"),
            content: Content::Expected(CONTENT),
            certificates: &[],
            now: self.app.now(),
        })
    }

    fn reason(&self, name: &str) -> Option<Reason> {
        self.verdict(&self.app.identity, name).result.err().map(|refusal| refusal.reason)
    }

    /// Another node on the same database, which has heard of nothing since it started.
    async fn another(&self) -> Identity {
        let master = kabinet::config::master_key(&self.app.config, &*self.app.ambient.entropy).unwrap();
        let identity = kabinet::identity(&self.app.config, &self.app.store, master, &self.app.ambient).unwrap();
        identity.load_trust().await.unwrap();
        identity
    }

    /// The lists of the chain are fetched, however long it takes.
    async fn fetched(&self) {
        let chain = self.chain("person");
        eventually("the lists are there", async || {
            self.app.identity.fetch_missing_lists(&chain).await;
            self.reason("person").is_none()
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signatures_chain_brings_its_lists_once_for_everybody() {
    let world = World::new().await;
    let identity = &world.app.identity;
    let other = world.another().await;
    let verdict = world.verdict(identity, "person");
    assert_eq!(verdict.result.unwrap_err().reason, Reason::RevocationUnknown);
    let chain = verdict.seen.chain;
    assert_eq!(chain, world.chain("person"));
    let many = (0..8).map(|_| identity.fetch_missing_lists(&chain));
    futures_util::future::join_all(many).await;
    eventually("the lists are there", async || world.reason("person").is_none()).await;
    let hits = || (world.publisher.hits("/issuing.crl"), world.publisher.hits("/root.crl"));
    assert_eq!(hits(), (1, 1));
    assert_eq!(world.reason("revoked"), Some(Reason::Revoked));

    assert!(!identity.fetch_missing_lists(&chain).await, "nothing is missing any more");
    assert!(
        other.fetch_missing_lists(&chain).await,
        "a node that has not heard yet looks before it calls"
    );
    assert!(world.verdict(&other, "person").result.is_ok());
    assert_eq!(hits(), (1, 1));

    let report = identity.trust_report().await.unwrap();
    let roles: Vec<(Role, Source)> = report.authorities.iter().map(|one| (one.row.role, one.row.source)).collect();
    assert_eq!(
        roles,
        [(Role::Anchor, Source::Operator), (Role::Intermediate, Source::Signature)],
        "the authority that made a list is remembered with it"
    );
    assert_eq!((report.lists.len(), report.addresses.len()), (2, 2));
    assert!(report.stale(kabinet_core::time::Timestamp(world.app.now())).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_called_for_a_chain_that_does_not_hold() {
    let world = World::with(true).await;
    let identity = &world.app.identity;
    let chain = world.chain("person");
    assert!(!identity.fetch_missing_lists(&chain).await, "no anchor");
    assert_eq!(identity.refresh_due_lists().await.unwrap(), 0);
    world.trust_root().await;
    // The same names under other keys.
    let stranger = Engine::new();
    stranger.lists_at(&world.publisher.base);
    stranger.authorities(&kind());
    let strangers = |name: &str| Certificate::parse(&stranger.der(&format!("{name}.crt"))).unwrap();
    let [person, issuing, root] = ["person", "issuing", "root"].map(strangers);
    for chain in [
        vec![],
        vec![person.clone()],
        vec![person.clone(), issuing.clone(), root],
        vec![person.clone(), issuing, world.certificate("root")],
        vec![person, world.certificate("issuing"), world.certificate("root")],
        vec![world.certificate("person"), world.certificate("root")],
        vec![world.certificate("person"), world.certificate("issuing")],
    ] {
        assert!(!identity.fetch_missing_lists(&chain).await);
    }
    assert_eq!(world.publisher.all_hits(), 0);
    assert!(identity.trust_report().await.unwrap().addresses.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_private_address_is_called_without_the_operators_leave_and_none_twice_in_a_row() {
    let world = World::with(false).await;
    world.trust_root().await;
    let identity = &world.app.identity;
    let chain = world.chain("person");
    let failures = async || {
        let report = identity.trust_report().await.unwrap();
        let told: Vec<_> = report.addresses.iter().map(|one| (one.failure.clone(), one.failures)).collect();
        told
    };
    assert!(!identity.fetch_missing_lists(&chain).await);
    let refused = (Some(Fault::Unreachable.to_string()), 1);
    eventually("both were tried", async || failures().await == [refused.clone(), refused.clone()]).await;
    assert!(!identity.fetch_missing_lists(&chain).await);
    assert_eq!(
        failures().await,
        [refused.clone(), refused],
        "an address that failed a moment ago is left alone"
    );
    world.app.clock.advance(61);
    assert!(!identity.fetch_missing_lists(&chain).await);
    eventually("both were tried again", async || {
        failures().await.iter().all(|(_, failures)| *failures == 2)
    })
    .await;
    assert_eq!(world.publisher.all_hits(), 0);
    assert_eq!(world.reason("person"), Some(Reason::RevocationUnknown));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_revoked_is_refused_from_the_next_list_on_and_an_older_one_changes_nothing() {
    let world = World::new().await;
    world.fetched().await;
    let identity = &world.app.identity;
    let old = world.engine.list("issuing", &kind(), YESTERDAY, TOMORROW);
    world.engine.revoke("person", &kind());
    let new = world.engine.list("issuing", &kind(), TODAY, "20261125000000Z");
    world.publisher.reply("/issuing.crl", Reply::Body(new));
    assert_eq!(identity.refresh_due_lists().await.unwrap(), 0, "it is nobody's turn");
    world.app.clock.advance(2 * HOUR);
    assert_eq!(identity.refresh_due_lists().await.unwrap(), 2);
    assert_eq!(world.reason("person"), Some(Reason::Revoked));

    let report = identity.trust_report().await.unwrap();
    let number = |report: &kabinet_identity::trust::Report| {
        report.lists.iter().find(|list| list.entries == 2).unwrap().number.clone().unwrap()
    };
    let newest = number(&report);
    // A mirror, or somebody on the way, serves the list of before.
    world.publisher.reply("/issuing.crl", Reply::Body(old));
    world.app.clock.advance(24 * HOUR);
    let asked = identity.refresh_all_lists().await.unwrap();
    let outcomes: Vec<_> = asked.iter().map(|one| one.outcome).collect();
    assert_eq!(outcomes, [Err(Fault::Older), Ok(false)]);
    assert_eq!(world.reason("person"), Some(Reason::Revoked));
    assert_eq!(number(&identity.trust_report().await.unwrap()), newest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_out_of_date_is_told_and_clears_nobody() {
    let world = World::new().await;
    world.fetched().await;
    world.publisher.reply("/issuing.crl", Reply::Status(503));
    world.app.clock.advance(25 * HOUR);
    let identity = &world.app.identity;
    assert_eq!(world.reason("person"), Some(Reason::CrlStale));
    assert_eq!(identity.refresh_due_lists().await.unwrap(), 2);
    assert_eq!(world.reason("person"), Some(Reason::CrlStale), "the old list stays");
    assert_eq!(world.reason("revoked"), Some(Reason::Revoked), "and still names whom it names");
    let report = identity.trust_report().await.unwrap();
    let now = kabinet_core::time::Timestamp(world.app.now());
    assert_eq!(report.stale(now).len(), 2);
    let failing: Vec<_> = report.failing(now).iter().map(|one| one.failure.clone().unwrap()).collect();
    assert_eq!(failing, [Fault::Status(503).to_string()]);
    // Once it is published again, it is there with the next turn.
    for authority in ["root", "issuing"] {
        let list = world.engine.list(authority, &kind(), TOMORROW, "20261126000000Z");
        world.publisher.reply(&format!("/{authority}.crl"), Reply::Body(list));
    }
    world.app.clock.advance(2 * HOUR);
    assert_eq!(identity.refresh_due_lists().await.unwrap(), 2);
    assert_eq!(world.reason("person"), None);
    assert!(identity.trust_report().await.unwrap().failing(now).is_empty());
}

/// An authority in the list of accredited ones: its status, addresses of its lists, its certificates.
type Listed<'a> = (&'a str, &'a [String], &'a [Vec<u8>]);

/// A list of accredited authorities.
pub fn accredited(authorities: &[Listed<'_>]) -> String {
    let one = |(status, addresses, certificates): &Listed<'_>| {
        let addresses: String = addresses.iter().map(|one| format!("<Адрес>{one}</Адрес>")).collect();
        let certificate = |der: &Vec<u8>| {
            let data = STANDARD.encode(der);
            format!("<ДанныеСертификата><Отпечаток>00</Отпечаток><Данные>{data}</Данные></ДанныеСертификата>")
        };
        let certificates: String = certificates.iter().map(certificate).collect();
        format!(
            "<УдостоверяющийЦентр><Название>Проба</Название><СтатусАккредитации><Статус>{status}</Статус></СтатусАккредитации>\
             <ПрограммноАппаратныеКомплексы><ПрограммноАппаратныйКомплекс><КлючиУполномоченныхЛиц><Ключ>\
             <АдресаСписковОтзыва>{addresses}</АдресаСписковОтзыва><Сертификаты>{certificates}</Сертификаты>\
             </Ключ></КлючиУполномоченныхЛиц></ПрограммноАппаратныйКомплекс></ПрограммноАппаратныеКомплексы></УдостоверяющийЦентр>"
        )
    };
    let inside: String = authorities.iter().map(one).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><АккредитованныеУдостоверяющиеЦентры><Версия>7</Версия>{inside}\
         </АккредитованныеУдостоверяющиеЦентры>"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_list_of_a_known_authority_is_refused_by_name() {
    let world = World::new().await;
    let stranger = Engine::new();
    stranger.authorities(&kind());
    let good = world.engine.list("issuing", &kind(), YESTERDAY, TOMORROW);
    let other = world.publisher.base.replace("127.0.0.1", "localhost");
    let answers = [
        ("/a-good.crl", Reply::Body(good.clone()), Ok(true)),
        ("/a-text.crl", Reply::Body(b"<html>Sorry</html>".to_vec()), Err(Fault::NoList)),
        ("/b-cut.crl", Reply::Body(good[..good.len() - 1].to_vec()), Err(Fault::NoList)),
        (
            "/c-twin.crl",
            Reply::Body(stranger.list("issuing", &kind(), YESTERDAY, TOMORROW)),
            Err(Fault::WrongSignature),
        ),
        (
            "/d-stranger.crl",
            Reply::Body(std::fs::read(fixture("issuing.crl.pem")).unwrap()),
            Err(Fault::UnknownIssuer),
        ),
        (
            "/e-future.crl",
            Reply::Body(world.engine.list("issuing", &kind(), TOMORROW, "20261125000000Z")),
            Err(Fault::Future),
        ),
        ("/f-huge.crl", Reply::Body(vec![0x30; 16 * 1024 * 1024 + 1]), Err(Fault::TooLarge)),
        ("/g-gone.crl", Reply::Status(404), Err(Fault::Status(404))),
        ("/h-away.crl", Reply::Redirect(format!("{other}/a-good.crl")), Err(Fault::Redirect)),
        ("/i-round.crl", Reply::Redirect("/i-round.crl".to_owned()), Err(Fault::Redirect)),
        ("/j-silent.crl", Reply::Silence, Err(Fault::TooSlow)),
        ("/k-moved.crl", Reply::Redirect("/a-good.crl".to_owned()), Ok(false)),
    ];
    for (path, reply, _) in &answers {
        world.publisher.reply(path, reply.clone());
    }
    let identity = &world.app.identity;
    let addresses: Vec<String> = answers.iter().map(|(path, ..)| world.publisher.at(path)).collect();
    let lists = [
        "ldap://127.0.0.1/cn=x".to_owned(),
        "file:///etc/hostname".to_owned(),
        "http://a:b@127.0.0.1/".to_owned(),
    ];
    let list = accredited(&[("Действует", &[&addresses[..], &lists].concat(), &[world.engine.der("issuing.crt")])]);
    let imported = identity.import_authorities(list.into_bytes(), "test", &origin()).await.unwrap();
    assert_eq!(imported.kept.values().sum::<usize>(), 1);
    let asked = identity.refresh_all_lists().await.unwrap();
    let mut said: HashMap<&str, Result<bool, Fault>> = HashMap::new();
    for one in &asked {
        said.insert(one.address.strip_prefix(&world.publisher.base).unwrap(), one.outcome);
    }
    for (path, _, expected) in &answers {
        // Which of two addresses with one list comes first is nobody's matter.
        let is_list = expected.is_ok();
        assert!(said[path] == *expected || is_list && said[path].is_ok(), "{path}: {:?}", said[path]);
    }
    // Those, and that of the authority's own certificate.
    assert_eq!(asked.len(), answers.len() + 1, "{said:?}");
    assert_eq!(identity.trust_report().await.unwrap().lists.len(), 2);
    assert_eq!(world.reason("person"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_list_of_accredited_authorities_only_what_leads_to_an_anchor_is_kept_and_a_bad_one_changes_nothing() {
    let world = World::with(true).await;
    let identity = &world.app.identity;
    let stranger = Engine::new();
    stranger.authorities(&kind());
    let list = accredited(&[
        (
            "Действует",
            &[world.publisher.at("/issuing.crl")],
            &[world.engine.der("issuing.crt"), world.engine.der("person.crt"), b"no certificate".to_vec()],
        ),
        ("Прекращена", &[], &[stranger.der("issuing.crt"), stranger.der("root.crt")]),
        ("", &[], &[world.engine.der("issuing.crt"), world.engine.der("root.crt")]),
    ]);
    let import = async |text: &str| identity.import_authorities(text.as_bytes().to_vec(), "test", &origin()).await;
    assert!(matches!(import(&list).await, Err(TrustError::NoAnchors)));
    world.trust_root().await;
    let imported = import(&list).await.unwrap();
    assert_eq!(imported.version.as_deref(), Some("7"));
    let kept: Vec<_> = imported.kept.iter().map(|(status, count)| (status.as_str(), *count)).collect();
    assert_eq!(kept, [("Действует", 1), ("не указан", 1)]);
    let dropped: Vec<_> = imported.dropped.into_iter().collect();
    let expected = [("certificate_malformed", 1), ("chain_forbidden", 1), ("duplicate", 1), ("untrusted", 2)];
    assert_eq!(dropped, expected);
    let standing = async || {
        let report = identity.trust_report().await.unwrap();
        let of = |one: &kabinet_identity::trust::Standing| {
            (
                one.row.thumbprint.clone(),
                one.row.role,
                one.row.source,
                one.row.status.clone(),
                one.row.addresses.len(),
            )
        };
        let authorities: Vec<_> = report.authorities.iter().map(of).collect();
        (authorities, report.addresses.len())
    };
    let after = standing().await;
    let root = (
        world.certificate("root").sha256(),
        Role::Anchor,
        Source::Operator,
        Some("не указан".to_owned()),
        0,
    );
    let issuing = (
        world.certificate("issuing").sha256(),
        Role::Intermediate,
        Source::List,
        Some("Действует".to_owned()),
        1,
    );
    assert_eq!(after, (vec![root, issuing], 2));

    // What is hostile, empty, or leads nowhere leaves everything as it is.
    let nowhere = accredited(&[("Действует", &[], &[stranger.der("root.crt")])]);
    for bad in ["", "<html/>", &list[..list.len() / 2], &accredited(&[]), &nowhere] {
        assert!(import(bad).await.is_err());
        assert_eq!(standing().await, after);
    }
    // A list without it takes the authority away again, and not what the operator added.
    let only_root = accredited(&[("Действует", &[], &[world.engine.der("root.crt")])]);
    import(&only_root).await.unwrap();
    let (authorities, addresses) = standing().await;
    assert_eq!((authorities.len(), authorities[0].1, addresses), (1, Role::Anchor, 0));

    // An anchor takes with it what leads nowhere then.
    import(&list).await.unwrap();
    let thumbprint = world.certificate("root").sha256();
    assert_eq!(identity.remove_authority(&thumbprint, &origin()).await.unwrap(), 2);
    assert_eq!(identity.remove_authority(&thumbprint, &origin()).await.unwrap(), 0);
    assert_eq!(standing().await, (vec![], 0));
    assert!(!identity.has_anchors());
}
