//! The stand-in, walked through as a client and a browser do, with a key of the tests' own.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use axum::body::Body;
use axum::http::{Method, Request};
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
    headers: axum::http::HeaderMap,
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
    let body = world.read(&tokens, &format!("/rs/prns/{oid}")).await.json();
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
