//! The stand-in, walked through as a client and a browser do, with a key of the tests' own.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::BodyExt;
use kabinet_gost::digest::Digest;
use kabinet_gost::signature::SigningKey;
use kabinet_gost::{Certificate, ParameterSet, oid};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::certificate::Draft;
use super::*;

mod control;

/// 2026-01-15T12:00:00Z.
const NOW: i64 = 1_768_478_400;
const STAMP: &str = "2026.01.15 12:00:00 +0000";
const STATE: &str = "7f4c1a52-0d1e-4c55-9f8e-3a2b6c9d0e11";
const BACK: &str = "https://sso.example.test/federation/esia/callback";
const SCOPE: &str = "openid fullname email mobile usr_org";

struct At(AtomicI64);

impl Clock for At {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

struct Counted(AtomicU64);

impl Entropy for Counted {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let count = self.0.fetch_add(1, Ordering::SeqCst);
            chunk.copy_from_slice(&Digest::Streebog256.of(&count.to_be_bytes())[..chunk.len()]);
        }
    }
}

struct World {
    router: Router,
    control: Router,
    handle: Handle,
    clock: Arc<At>,
    entropy: Arc<Counted>,
    key: SigningKey,
    hash: String,
}

type Pairs<'a> = Vec<(&'a str, String)>;

struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{}", self.text))
    }

    /// A field of the way back.
    fn back(&self, name: &str) -> String {
        let to = self.header("location");
        assert!(to.starts_with(BACK), "{} {to} {}", self.status, self.text);
        let query = to.split_once('?').unwrap().1;
        let mut fields = form_urlencoded::parse(query.as_bytes());
        fields
            .find(|(one, _)| one == name)
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    }

    fn code(&self) -> String {
        let description = match self.header("location") {
            "" => self.json()["error_description"].as_str().unwrap().to_owned(),
            _ => self.back("error_description"),
        };
        description.strip_prefix("ESIA-").unwrap_or_else(|| panic!("{description}"))[..6].to_owned()
    }
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(At(AtomicI64::new(NOW)));
        let entropy = Arc::new(Counted(AtomicU64::new(0)));
        let key = SigningKey::new(ParameterSet::CryptoProA, &[0x11; 32]).unwrap();
        let draft = Draft {
            name: "TESTIS01",
            organisation: "Проба",
            serial: [1; 8],
            from: Timestamp(NOW - 86_400),
            to: Timestamp(NOW + 86_400_000),
        };
        let der = draft.signed(&key, |buffer| entropy.fill(buffer)).unwrap();
        let hash = oid::hex(&Digest::Streebog256.of(&der)).to_uppercase();
        let scopes = "openid fullname birthdate snils inn email mobile contacts id_doc usr_org";
        let system = System {
            mnemonic: "TESTIS01".to_owned(),
            name: "Проба".to_owned(),
            certificates: vec![Registered::active(der)],
            redirect_uris: vec![BACK.to_owned()],
            redirect_hosts: Vec::new(),
            scopes: scopes.split(' ').map(str::to_owned).collect(),
            org_scopes: ["org_inn", "org_shortname"].map(str::to_owned).into(),
            token_algorithm: TokenAlgorithm::Gost,
            consents: vec!["PROBE".to_owned()],
            active: true,
        };
        let settings = Settings {
            systems: vec![system],
            ..Settings::new(clock.clone(), entropy.clone())
        };
        let Standin { router, control, handle } = standin(settings).unwrap();
        Self { router, control, handle, clock, entropy, key, hash }
    }

    async fn send(&self, router: &Router, request: Request<Body>) -> Answer {
        let response = router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::get(path).header("host", "esia.test");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(&self.router, request.body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, fields: &Pairs<'_>, cookie: &str) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", cookie)
            .body(Body::from(body))
            .unwrap();
        self.send(&self.router, request).await
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Answer {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        self.send(&self.control, request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Adds the signature of these fields, in this order.
    fn sign(&self, fields: &mut Pairs<'_>, parts: &[&str]) {
        let value = |part: &&str| fields.iter().find(|(name, _)| name == part).map_or("", |(_, value)| value.as_str());
        let string: String = parts.iter().map(value).collect();
        let digest = Digest::Streebog256.of(string.as_bytes());
        let signature = self.key.sign(&digest, |buffer| self.entropy.fill(buffer)).unwrap();
        fields.retain(|(name, _)| *name != "client_secret");
        fields.push(("client_secret", URL_SAFE_NO_PAD.encode(signature)));
    }

    fn authorization<'a>(&self, more: &[(&'a str, &str)]) -> Pairs<'a> {
        let mut fields: Pairs<'a> = vec![
            ("client_id", "TESTIS01".into()),
            ("response_type", "code".into()),
            ("access_type", "offline".into()),
            ("scope", SCOPE.into()),
            ("timestamp", STAMP.into()),
            ("state", STATE.into()),
            ("redirect_uri", BACK.into()),
            ("client_certificate_hash", self.hash.clone()),
        ];
        set(&mut fields, more);
        self.sign(&mut fields, signature::AUTHORIZE);
        fields
    }

    async fn authorize(&self, fields: &Pairs<'_>, cookie: &str) -> Answer {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.get(&format!("/aas/oauth2/v2/ac?{query}"), &[("cookie", cookie)]).await
    }

    /// Walks from the request to the way back; the cookie of the session comes too.
    async fn sign_in(&self, fields: &Pairs<'_>, persona: &str) -> (Answer, String) {
        let begun = self.authorize(fields, "").await;
        let to = begun.header("location").to_owned();
        let request = to
            .strip_prefix("/login?request=")
            .unwrap_or_else(|| panic!("{to} {}", begun.text))
            .to_owned();
        assert!(self.get(&to, &[]).await.text.contains("standin-form"));
        let pressed = |more: &[(&'static str, &str)]| {
            let mut fields: Pairs<'_> = vec![("request", request.clone()), ("decision", "allow".into())];
            fields.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
            fields
        };
        let chosen = self.post("/login", &pressed(&[("persona", persona)]), "").await;
        let cookie = chosen.header("set-cookie").split(';').next().unwrap().to_owned();
        if chosen.status == 303 {
            return (chosen, cookie);
        }
        assert!(chosen.text.contains("standin-form"), "{}", chosen.text);
        (self.post("/login", &pressed(&[("step", "consent")]), &cookie).await, cookie)
    }

    fn exchange<'a>(&self, code: &str, more: &[(&'a str, &str)]) -> Pairs<'a> {
        let mut fields: Pairs<'a> = vec![
            ("client_id", "TESTIS01".into()),
            ("grant_type", "authorization_code".into()),
            ("token_type", "Bearer".into()),
            ("code", code.into()),
            ("scope", SCOPE.into()),
            ("timestamp", STAMP.into()),
            ("state", "11111111-2222-4333-8444-555555555555".into()),
            ("redirect_uri", BACK.into()),
            ("client_certificate_hash", self.hash.clone()),
        ];
        set(&mut fields, more);
        self.sign(&mut fields, signature::CODE);
        fields
    }

    async fn tokens(&self, fields: &Pairs<'_>) -> Answer {
        self.post("/aas/oauth2/v3/te", fields, "").await
    }

    /// Signs in and gets tokens.
    async fn signed_in(&self, persona: &str, more: &[(&str, &str)]) -> Value {
        let (back, _) = self.sign_in(&self.authorization(more), persona).await;
        let answer = self.tokens(&self.exchange(&back.back("code"), &repeated(more))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    async fn read(&self, tokens: &Value, path: &str) -> Answer {
        let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
        self.get(path, &[("authorization", &bearer)]).await
    }
}

fn set<'a>(fields: &mut Pairs<'a>, more: &[(&'a str, &str)]) {
    for (name, value) in more {
        fields.retain(|(one, _)| one != name);
        fields.push((*name, (*value).to_owned()));
    }
}

/// The fields that a token request repeats.
fn repeated<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    more.iter().copied().filter(|(name, _)| ["scope", "scope_org"].contains(name)).collect()
}

fn payload(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn header_of(token: &Value) -> Value {
    let header = token.as_str().unwrap().split('.').next().unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap()
}

#[tokio::test]
async fn a_person_signs_in_and_the_tokens_open_what_their_scopes_say() {
    let world = World::new();
    let (back, cookie) = world.sign_in(&world.authorization(&[]), "confirmed").await;
    assert_eq!(back.back("state"), STATE);
    let code = back.back("code");
    assert_eq!(header_of(&json!(code))["sbt"], "authorization_code");
    let answer = world.tokens(&world.exchange(&code, &[])).await;
    let tokens = answer.json();
    assert_eq!(
        (&tokens["state"], &tokens["expires_in"]),
        (&json!("11111111-2222-4333-8444-555555555555"), &json!(3600))
    );
    let person = world.handle.person("confirmed").unwrap();
    let oid = person.oid;
    let access = payload(&tokens["access_token"]);
    assert_eq!(
        access["scope"],
        format!("openid fullname?oid={oid} email?oid={oid} mobile?oid={oid} usr_org?oid={oid}")
    );
    assert_eq!((&access["urn:esia:sbj_id"], &access["acr"]["tls"]), (&json!(oid), &json!("gost")));
    let id = payload(&tokens["id_token"]);
    assert_eq!((&id["sub"], &id["aud"], &id["amr"]), (&json!(oid), &json!("TESTIS01"), &json!("PWD")));
    assert_eq!(id["urn:esia:sbj"]["urn:esia:sbj:is_tru"], true);
    let body = world.read(&tokens, &format!("/rs/prns/{oid}/")).await.json();
    assert_eq!((&body["lastName"], &body["trusted"]), (&json!("Пробная"), &json!(true)));
    assert!(
        body.get("snils").is_none() && body.get("birthDate").is_none(),
        "no scope opens them: {body}"
    );
    let contacts = world.read(&tokens, &format!("/rs/prns/{oid}/ctts")).await.json();
    let address = contacts["elements"][0].as_str().unwrap();
    assert_eq!(contacts["size"], 2);
    let path = address.strip_prefix("http://esia.test").unwrap();
    assert_eq!(world.read(&tokens, path).await.json()["type"], "MBT");
    let embedded = world.read(&tokens, &format!("/rs/prns/{oid}/ctts?embed=(elements)")).await.json();
    assert_eq!(embedded["elements"][1]["vrfStu"], "VERIFIED");
    let whole = world
        .read(&tokens, &format!("/rs/prns/{oid}?embed=(contacts.elements,documents.elements)"))
        .await
        .json();
    assert_eq!(whole["contacts"]["size"], 2);
    assert!(whole.get("documents").is_none());
    assert_eq!(world.read(&tokens, &format!("/rs/prns/{oid}/docs")).await.status, 403);
    assert_eq!(world.read(&tokens, &format!("/rs/prns/{}", oid + 1)).await.status, 403);
    assert_eq!(world.get(&format!("/rs/prns/{oid}"), &[]).await.status, 401);
    // The second time nothing is asked.
    let begun = world.authorize(&world.authorization(&[]), &cookie).await;
    let again = world.get(begun.header("location"), &[("cookie", &cookie)]).await;
    assert!(!again.back("code").is_empty());
}

/// Made by other implementations of the digest and of the curve; the key is d = 0x1111…11, as the one of these tests.
#[tokio::test]
async fn a_signature_that_another_implementation_made_is_accepted() {
    let world = World::new();
    world.handle.rules(|rules| rules.lenient_base64 = false);
    let secret = "4uY-1jbiTCflXronb3b_EubvHqhqUMmpr93IRWxYDm9uQzZVRHaPqZNnuLIz4cVazuMZgf9FlqH69BKZzSAS1g";
    let mut fields = world.authorization(&[("scope", "openid fullname snils")]);
    set(&mut fields, &[("client_secret", secret)]);
    let accepted = world.authorize(&fields, "").await;
    assert!(accepted.header("location").starts_with("/login?request="), "{}", accepted.text);
    set(&mut fields, &[("scope", "openid snils fullname")]);
    assert_eq!(world.authorize(&fields, "").await.code(), "007053");
    let details = world.handle.log().pop().unwrap().details;
    assert!(details.iter().any(|line| line.contains("openid snils fullname2026")), "{details:?}");
}

/// Everything that ЕСИА checks, in its order: each row has one thing wrong, with everything after it right.
#[tokio::test]
async fn each_check_of_an_authorization_refuses_with_its_own_code() {
    let world = World::new();
    for (field, value, code) in [
        ("response_type", "token", "007009"),
        ("access_type", "sometimes", "007003"),
        ("state", "0", "007003"),
        ("timestamp", "2026.01.15 11:54:59 +0000", "007015"),
        ("timestamp", "2026.01.15 12:05:01 +0000", "007015"),
        ("timestamp", "2026.01.15 15:00:00  0300", "007015"),
        ("scope", "", "007013"),
        ("scope", "openid unknown", "007006"),
        ("scope", "openid  fullname", "007006"),
        ("scope", "openid gender", "007019"),
        ("scope_org", "org_ogrn?org_oid=1", "007019"),
        ("scope_org", "org_color", "007006"),
        ("person_filter", "conf_acc", "007003"),
        ("permissions", "e30", "036700"),
        ("code_challenge", "abc", "007003"),
    ] {
        let answer = world.authorize(&world.authorization(&[(field, value)]), "").await;
        assert_eq!(answer.code(), code, "{field}={value}");
        assert_eq!(answer.back("state"), if field == "state" { value } else { STATE });
    }
    for name in [
        "client_secret",
        "response_type",
        "state",
        "timestamp",
        "access_type",
        "client_certificate_hash",
        "scope",
    ] {
        let mut fields = world.authorization(&[]);
        fields.retain(|(one, _)| *one != name);
        let answer = world.authorize(&fields, "").await;
        let expected = format!("ESIA-007014: The request doesn`t contain the mandatory parameter [{name}].");
        assert_eq!(answer.back("error_description"), expected);
    }
    let mut twice = world.authorization(&[]);
    twice.push(("state", STATE.to_owned()));
    assert_eq!(world.authorize(&twice, "").await.code(), "007003");
    // Nobody knows where these came from: they stay.
    for (field, value, code) in [
        ("client_id", "NOBODY", "008010"),
        ("redirect_uri", "https://elsewhere.example.test/", "007023"),
        ("redirect_uri", "", "007014"),
    ] {
        let answer = world.authorize(&world.authorization(&[(field, value)]), "").await;
        assert_eq!(answer.status, 400, "{field}");
        assert!(answer.text.contains(&format!("data-error=\"{code}\"")), "{}", answer.text);
    }
    assert!(world.handle.change_system("TESTIS01", |system| system.active = false).unwrap());
    assert_eq!(world.authorize(&world.authorization(&[]), "").await.code(), "007005");
}

#[tokio::test]
async fn a_refused_signature_is_explained_in_the_log() {
    let world = World::new();
    let of = |secret: Vec<u8>| {
        let mut fields = world.authorization(&[]);
        set(&mut fields, &[("client_secret", &URL_SAFE_NO_PAD.encode(secret))]);
        fields
    };
    let secret = |fields: &Pairs<'_>| {
        let secret = &fields.iter().find(|(name, _)| *name == "client_secret").unwrap().1;
        URL_SAFE_NO_PAD.decode(secret).unwrap()
    };
    let right = secret(&world.authorization(&[]));
    let reversed: Vec<u8> = right.iter().rev().copied().collect();
    let mut old = world.authorization(&[]);
    world.sign(&mut old, signature::FIRST);
    let hash = |hash: &str| world.authorization(&[("client_certificate_hash", hash)]);
    let known = world.handle.state().clients[0].certificates[0].certificate.clone();
    for (fields, why) in [
        (of(reversed), "its bytes are in reverse order, as CryptoPro gives them: reverse all 64"),
        (of([&right[32..], &right[..32]].concat()), "it is r‖s: put s first"),
        (of(right[1..].to_vec()), "client_secret has 63 bytes instead of 64"),
        (
            of(vec![0x30; 2_900]),
            "client_secret is a CMS message; this version wants the bare signature",
        ),
        (of(vec![7; 64]), "the signature is not of the expected string with this certificate's key"),
        (old, "what is signed is the string for the first version"),
        (hash(&world.hash.to_lowercase()), "client_certificate_hash is in lower case"),
        (
            hash(&known.thumbprint()),
            "client_certificate_hash is SHA-1, the thumbprint that Windows shows; Стрибог-256 of the DER is wanted",
        ),
        (
            hash(&"0".repeat(64)),
            "client_certificate_hash is of no certificate that is registered for the system",
        ),
    ] {
        let answer = world.authorize(&fields, "").await;
        assert_eq!((answer.code(), answer.back("error")), ("007053".into(), "access_denied".into()), "{why}");
        let entry = world.handle.log().pop().unwrap();
        assert_eq!(entry.text, why);
        assert!(!entry.details.is_empty());
    }
    let logged = world.handle.log();
    let expected = format!("TESTIS01{SCOPE}{STAMP}{STATE}{BACK}");
    let line = format!("expected string ({} bytes): {expected}", expected.len());
    assert!(logged[0].details.contains(&line), "{:?}", logged[0].details);
    let lengths = "lengths: client_id 8, scope 36, scope_org 0, timestamp 25, state 36, redirect_uri 49";
    assert!(logged[0].details.iter().any(|one| one == lengths), "{:?}", logged[0].details);
    // A certificate that is switched off.
    world
        .handle
        .change_system("TESTIS01", |system| system.certificates[0].active = false)
        .unwrap();
    assert_eq!(world.authorize(&world.authorization(&[]), "").await.code(), "007053");
    assert!(world.handle.log().pop().unwrap().text.contains("not active"));
}

#[tokio::test]
async fn base64_is_taken_in_three_forms_or_in_one() {
    let world = World::new();
    let signed = world.authorization(&[]);
    let secret = URL_SAFE_NO_PAD
        .decode(&signed.iter().find(|(name, _)| *name == "client_secret").unwrap().1)
        .unwrap();
    let forms = [
        URL_SAFE_NO_PAD.encode(&secret),
        base64::engine::general_purpose::URL_SAFE.encode(&secret),
        base64::engine::general_purpose::STANDARD.encode(&secret),
    ];
    for is_lenient in [true, false] {
        world.handle.rules(|rules| rules.lenient_base64 = is_lenient);
        for (at, form) in forms.iter().enumerate() {
            let mut fields = signed.clone();
            set(&mut fields, &[("client_secret", form)]);
            let accepted = world.authorize(&fields, "").await.header("location").starts_with("/login");
            assert_eq!(accepted, is_lenient || at == 0, "{form}");
        }
    }
}

#[tokio::test]
async fn a_code_is_good_once_for_its_system_address_and_scopes() {
    let world = World::new();
    let code = world.sign_in(&world.authorization(&[]), "confirmed").await.0.back("code");
    for (field, value, expected) in [
        ("grant_type", "password", "007012"),
        ("token_type", "mac", "007003"),
        ("state", "1", "007003"),
        ("timestamp", "2026.01.15 11:00:00 +0000", "007015"),
        ("client_certificate_hash", "00", "007053"),
        ("redirect_uri", "https://sso.example.test/", "007011"),
        ("scope", "openid", "007011"),
        ("scope_org", "org_inn", "007011"),
        ("code", "a.b.c", "007011"),
        ("code", "", "007014"),
        ("client_id", "NOBODY", "008010"),
        ("code_verifier", "x", "007039"),
    ] {
        let answer = world.tokens(&world.exchange(&code, &[(field, value)])).await;
        assert_eq!((answer.status, answer.code()), (400, expected.to_owned()), "{field}={value}");
    }
    let mut wrong = world.exchange(&code, &[]);
    world.sign(&mut wrong, signature::AUTHORIZE);
    assert_eq!(world.tokens(&wrong).await.code(), "007053", "the code is a part of what is signed");
    let tokens = world.tokens(&world.exchange(&code, &[])).await.json();
    let oid = payload(&tokens["access_token"])["urn:esia:sbj_id"].to_string();
    let path = format!("/rs/prns/{oid}");
    assert_eq!(world.read(&tokens, &path).await.status, 200);
    assert_eq!(world.tokens(&world.exchange(&code, &[])).await.code(), "007011", "used before");
    assert_eq!(world.read(&tokens, &path).await.status, 401, "and what it gave has ended");
    let late = world.sign_in(&world.authorization(&[]), "confirmed").await.0.back("code");
    world.clock.0.store(NOW + 120, Ordering::SeqCst);
    assert_eq!(world.tokens(&world.exchange(&late, &[])).await.code(), "007011", "expired");
}

#[tokio::test]
async fn a_refresh_token_comes_offline_only_and_changes_with_each_use() {
    let world = World::new();
    assert!(
        world
            .signed_in("confirmed", &[("access_type", "online")])
            .await
            .get("refresh_token")
            .is_none()
    );
    let first = world.signed_in("confirmed", &[]).await;
    let refresh = |token: &Value, parts: &[&str]| {
        let mut fields =
            world.exchange("", &[("grant_type", "refresh_token"), ("refresh_token", token.as_str().unwrap())]);
        fields.retain(|(name, _)| *name != "code");
        world.sign(&mut fields, parts);
        fields
    };
    let with_token = refresh(&first["refresh_token"], signature::REFRESH_WITH_TOKEN);
    assert_eq!(world.tokens(&with_token).await.code(), "007053");
    let second = world.tokens(&refresh(&first["refresh_token"], signature::AUTHORIZE)).await.json();
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert_eq!(
        world.tokens(&refresh(&first["refresh_token"], signature::AUTHORIZE)).await.code(),
        "007011"
    );
    world.handle.rules(|rules| rules.refresh_string = RefreshString::WithToken);
    let third = world
        .tokens(&refresh(&second["refresh_token"], signature::REFRESH_WITH_TOKEN))
        .await
        .json();
    let oid = payload(&third["access_token"])["urn:esia:sbj_id"].to_string();
    world.handle.revoke_consents("confirmed");
    let last = world.tokens(&refresh(&third["refresh_token"], signature::REFRESH_WITH_TOKEN)).await;
    assert_eq!(last.code(), "007011", "the consent was taken back");
    assert_eq!(world.read(&third, &format!("/rs/prns/{oid}")).await.status, 403);
}

#[tokio::test]
async fn a_person_may_refuse_and_leaves_by_the_way_that_was_registered() {
    let world = World::new();
    let to = world.authorize(&world.authorization(&[]), "").await.header("location").to_owned();
    let request = to.strip_prefix("/login?request=").unwrap().to_owned();
    let wrong: Pairs<'_> = vec![("request", request.clone()), ("login", "standard".into()), ("password", "x".into())];
    assert_eq!(world.post("/login", &wrong, "").await.status, 400);
    let refused: Pairs<'_> = vec![("request", request), ("decision", "deny".into()), ("persona", "confirmed".into())];
    let back = world.post("/login", &refused, "").await;
    assert_eq!(
        (back.code(), back.back("error"), back.back("state")),
        ("007004".into(), "access_denied".into(), STATE.into())
    );
    assert_eq!(world.post("/login", &refused, "").await.status, 400, "the request is over");
    let (_, cookie) = world.sign_in(&world.authorization(&[]), "confirmed").await;
    let leave = |to: &str| {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("redirect_url", to).finish();
        format!("/idp/ext/Logout?client_id=TESTIS01&{query}")
    };
    let elsewhere = world.get(&leave("https://elsewhere.example.test/"), &[("cookie", &cookie)]).await;
    assert_eq!((elsewhere.status, elsewhere.header("location")), (200, ""));
    let back = world.get(&leave("https://sso.example.test/left"), &[("cookie", &cookie)]).await;
    assert_eq!(back.header("location"), "https://sso.example.test/left");
    let begun = world.authorize(&world.authorization(&[]), &cookie).await;
    let page = world.get(begun.header("location"), &[("cookie", &cookie)]).await;
    assert!(page.text.contains("persona"), "the session has ended");
}
