//! `kabinet trust`, run as an operator runs it, beside a served provider.

use std::process::{Child, Output, Stdio};

use kabinet_tests::program::{command, free_port, log, run};
use kabinet_tests::{TestApp, eventually};
use serde_json::Value;

use crate::engine::{Engine, Kind};
use crate::trust::{Reply, World, accredited, kind};

/// The settings of a test's provider as environment variables.
fn environment(app: &TestApp) -> Vec<(&'static str, String)> {
    let config = &app.config;
    let mut environment = vec![
        ("KABINET__ISSUER", config.issuer.clone()),
        ("KABINET__TRUSTED_PROXIES", "127.0.0.0/8".to_owned()),
        ("KABINET__STORE__URL", config.store.url.expose().to_owned()),
        ("KABINET__MASTER_KEY", config.master_key.as_ref().unwrap().0.expose().to_owned()),
    ];
    if !config.outbound.allow.is_empty() {
        environment.push(("KABINET__OUTBOUND__ALLOW", "127.0.0.1".to_owned()));
    }
    if let Some(redis) = &config.redis.url {
        environment.push(("KABINET__REDIS__URL", redis.expose().to_owned()));
    }
    environment
}

fn told(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {:?}", told(output)))
}

fn path(engine: &Engine, file: &str) -> String {
    engine.file(file).display().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_anchor_is_added_only_by_whoever_gives_its_thumbprint() {
    let world = World::with(true).await;
    let environment = environment(&world.app);
    let trust = |arguments: &[&str]| run(&[&["trust"], arguments].concat(), &environment);
    assert_eq!(json(&trust(&["list", "--json"]))["authorities"], Value::Array(vec![]));
    let (root, issuing) = (path(&world.engine, "root.crt"), path(&world.engine, "issuing.crt"));
    let certificate = world.certificate("root");
    let (sha1, sha256) = (certificate.thumbprint(), certificate.sha256());
    // Nobody sits at a terminal here, so nobody can agree.
    for arguments in [&["add", &root][..], &["add", &root, "--sha256", &sha1], &["add", &root, "--json"]] {
        let (code, said) = told(&trust(arguments));
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(&sha1) && said.contains(&sha256) && said.contains("2044"), "{said}");
    }
    let spelled: Vec<String> = sha256
        .as_bytes()
        .chunks(2)
        .map(|two| String::from_utf8_lossy(two).to_uppercase())
        .collect();
    let add = ["add", &root, &issuing, "--sha256", &spelled.join(":"), "--json"];
    for is_new in [true, false] {
        let added = json(&trust(&add));
        let of = |at: usize| (added["authorities"][at]["role"].clone(), added["authorities"][at]["added"].clone());
        assert_eq!(of(0), ("anchor".into(), is_new.into()));
        assert_eq!(of(1), ("intermediate".into(), is_new.into()));
    }
    // What is no authority's, or of an algorithm that is not taken.
    let foreign = Engine::new();
    foreign.authorities(&Kind::ecdsa("P-256", "sha256"));
    let foreign_sha256 = kabinet_gost::Certificate::parse(&foreign.der("root.crt")).unwrap().sha256();
    world.engine.write("text", b"no certificate");
    for arguments in [
        &["add", &path(&world.engine, "person.crt")][..],
        &["add", &path(&world.engine, "text")],
        &["add", &path(&world.engine, "nothing")],
        &["add", &path(&foreign, "root.crt"), "--sha256", &foreign_sha256],
        &["remove", "00"],
        &["import"],
        &["import", &path(&world.engine, "text")],
    ] {
        let (code, said) = told(&trust(arguments));
        assert!(
            code == Some(1) && !said.trim().is_empty() && !said.contains("panicked"),
            "{arguments:?}: {said}"
        );
    }
    let any = [&environment[..], &[("KABINET__CERTIFICATE__ALGORITHMS", "any".to_owned())]].concat();
    let taken = run(&["trust", "add", &path(&foreign, "root.crt"), "--sha256", &foreign_sha256], &any);
    assert!(taken.status.success(), "{:?}", told(&taken));

    let list = json(&trust(&["list", "--json"]));
    let of = |one: &Value| (one["role"].as_str().unwrap().to_owned(), one["fault"].is_null());
    let mut authorities: Vec<_> = list["authorities"].as_array().unwrap().iter().map(of).collect();
    authorities.sort();
    // RSA and ECDSA are of no use where the setting does not take them.
    let expected = [("anchor", false), ("anchor", true), ("intermediate", true)];
    assert_eq!(authorities, expected.map(|(role, is_used)| (role.to_owned(), is_used)));
    let text = String::from_utf8(trust(&["list"]).stdout).unwrap();
    assert!(
        text.contains(&sha256) && text.contains("NOT USED") && text.contains("Проба: корень"),
        "{text}"
    );

    let removed = json(&trust(&["remove", &sha1.to_uppercase(), "--json"]));
    assert_eq!((&removed["removed"], &removed["sha256"]), (&true.into(), &sha256.into()));
}

/// A served provider; killed when dropped.
struct Served(Child, u16);

impl Served {
    fn start(environment: &[(&str, String)]) -> Self {
        let (port, admin) = (free_port(), free_port());
        let mut command = command(&["serve"], environment);
        command.env("KABINET__LISTEN", format!("127.0.0.1:{port}"));
        command.env("KABINET__ADMIN_LISTEN", format!("127.0.0.1:{admin}"));
        Self(
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log(port)).spawn().unwrap(),
            admin,
        )
    }

    /// Waits until the metrics have this line.
    async fn shows(&self, line: &str) {
        let url = format!("http://127.0.0.1:{}/metrics", self.1);
        eventually(line, async || match reqwest::get(&url).await {
            Ok(answer) => answer.text().await.is_ok_and(|text| text.lines().any(|one| one == line)),
            Err(_) => false,
        })
        .await;
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_imports_and_fetches_every_other_knows() {
    let world = World::with(true).await;
    let environment = environment(&world.app);
    let served = Served::start(&environment);
    let ok = |arguments: &[&str]| {
        let done = run(&[arguments, &["--json"]].concat(), &environment);
        assert!(done.status.success(), "{arguments:?}: {:?}", told(&done));
        json(&done)
    };
    let doctor = || {
        let checks = json(&run(&["doctor", "--json"], &environment));
        let trust = |one: &&Value| one["name"] == "trust";
        let found: Vec<Value> = checks["checks"].as_array().unwrap().iter().filter(trust).cloned().collect();
        found
    };
    assert!(doctor()[0]["message"].as_str().unwrap().starts_with("No trust anchor"));

    let sha256 = world.certificate("root").sha256();
    ok(&["trust", "add", &path(&world.engine, "root.crt"), "--sha256", &sha256]);
    served.shows("kabinet_revocation_lists 0").await;
    // The processes have the clock on the wall, whatever it says: lists that are in date for long.
    for authority in ["root", "issuing"] {
        let list = world.engine.list(authority, &kind(), "20240101000000Z", "20440101000000Z");
        world.publisher.reply(&format!("/{authority}.crl"), Reply::Body(list));
    }
    let list = accredited(&[("Действует", &[world.publisher.at("/issuing.crl")], &[world.engine.der("issuing.crt")])]);
    world.publisher.reply("/tsl.xml", Reply::Body(list.into_bytes()));
    let url = world.publisher.at("/tsl.xml");
    let forbidden: Vec<_> = environment.iter().filter(|(name, _)| !name.contains("OUTBOUND")).cloned().collect();
    assert!(!run(&["trust", "import", &url], &forbidden).status.success());
    assert_eq!(world.publisher.hits("/tsl.xml"), 0, "no private address is called unless it is listed");
    let imported = ok(&["trust", "import", &url]);
    assert_eq!((&imported["kept"]["Действует"], &imported["version"]), (&1.into(), &"7".into()));

    ok(&["trust", "refresh"]);
    served.shows("kabinet_revocation_lists 2").await;
    let listed = ok(&["trust", "list"]);
    assert_eq!(listed["lists"].as_array().unwrap().len(), 2);
    assert_eq!(listed["imported"]["kept"], 1);
    assert_eq!(doctor()[0]["status"], "ok", "{:?}", doctor());

    // A list that cannot be fetched any more, and one that is out of date.
    world.publisher.reply("/issuing.crl", Reply::Status(500));
    let stale = world.engine.list("root", &kind(), "20240201000000Z", "20240202000000Z");
    world.publisher.reply("/root.crl", Reply::Body(stale));
    let refreshed = run(&["trust", "refresh", "--json"], &environment);
    assert_eq!(told(&refreshed).0, Some(1), "{:?}", told(&refreshed));
    served.shows("kabinet_revocation_lists_stale 1").await;
    let warned: Vec<String> = doctor().iter().map(|one| one["message"].as_str().unwrap().to_owned()).collect();
    assert!(warned.iter().any(|one| one.contains("1 revocation lists are out of date")), "{warned:?}");

    ok(&["trust", "remove", &sha256]);
    served.shows("kabinet_revocation_lists 0").await;
    let events: Vec<String> = events_of(&world.app).await;
    assert_eq!(events, ["trust.added", "trust.imported", "trust.removed"]);
}

/// The events of the trust in the audit trail.
async fn events_of(app: &TestApp) -> Vec<String> {
    use sqlx::Connection;
    const EVENTS: &str = "SELECT event FROM audit WHERE event LIKE 'trust.%' ORDER BY event";
    let url = app.config.store.url.expose();
    if url.starts_with("postgres") {
        let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
        return sqlx::query_scalar(EVENTS).fetch_all(&mut connection).await.unwrap();
    }
    let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
    sqlx::query_scalar(EVENTS).fetch_all(&mut connection).await.unwrap()
}
