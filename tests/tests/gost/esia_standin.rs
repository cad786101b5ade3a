//! The stand-in for ЕСИА beside OpenSSL's GOST engine and curl: the client here shares no line with kabinet's own, so the two
//! cannot be wrong together.
//!
//! The engine makes the client's key, certificate, hash and signatures, and verifies the tokens; curl is the browser and the
//! back channel.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kabinet::Ambient;
use kabinet_core::time::{Civil, Timestamp};
use kabinet_gost::ParameterSet;
use kabinet_standins::esia::{self, Credentials, Handle, Registered, Settings, Standin, System, TokenAlgorithm};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::engine::Engine;

const SET: ParameterSet = ParameterSet::CryptoProXchA;
const MNEMONIC: &str = "TESTIS01";
const BACK: &str = "https://sso.example.test/federation/esia/callback";
const STATE: &str = "7f4c1a52-0d1e-4c55-9f8e-3a2b6c9d0e11";
const SCOPE: &str = "openid fullname snils";
const V2: &[&str] = &["client_id", "scope", "scope_org", "timestamp", "state", "redirect_uri"];
const V3: &[&str] = &["client_id", "scope", "scope_org", "timestamp", "state", "redirect_uri", "code"];
const V1: &[&str] = &["scope", "timestamp", "client_id", "state"];

type Fields = Vec<(&'static str, String)>;

struct Client {
    engine: Engine,
    handle: Handle,
    base: String,
    hash: String,
}

/// What curl got.
struct Got {
    status: String,
    to: String,
    body: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{} {}", self.status, self.body))
    }

    /// A field of the way back to the client.
    fn back(&self, name: &str) -> String {
        let query = self.to.strip_prefix(BACK).and_then(|rest| rest.strip_prefix('?'));
        let query = query.unwrap_or_else(|| panic!("{} {} {}", self.status, self.to, self.body));
        let mut fields = form_urlencoded::parse(query.as_bytes());
        fields
            .find(|(one, _)| one == name)
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    }

    /// ЕСИА's number of the error, wherever it stands.
    fn code(&self) -> String {
        let text = if self.to.is_empty() {
            self.body.clone()
        } else {
            self.back("error_description")
        };
        let place = text.find("ESIA-").unwrap_or_else(|| panic!("{} {} {text}", self.status, self.to));
        text[place + 5..place + 11].to_owned()
    }
}

impl Client {
    /// A system with a fresh certificate by the engine, and a second one that is registered for nobody.
    async fn start() -> Self {
        let engine = Engine::new();
        for name in ["own", "strange"] {
            engine.key(&format!("{name}.key"), SET);
            let (key, certificate) = (format!("{name}.key"), format!("{name}.crt"));
            let subject = format!("/CN={MNEMONIC}");
            let made = ["-subj", &subject, "-addext", "keyUsage=digitalSignature", "-days", "30", "-out", &certificate];
            engine.run(&[&["req", "-new", "-x509", "-key", &key, "-md_gost12_256"], &made[..]].concat());
        }
        let der = engine.der("own.crt");
        engine.write("own.der", &der);
        engine.run(&["dgst", "-md_gost12_256", "-binary", "-out", "hash", "own.der"]);
        let hash = kabinet_gost::oid::hex(&engine.read("hash")).to_uppercase();
        let system = System {
            mnemonic: MNEMONIC.to_owned(),
            name: "Проба".to_owned(),
            certificates: vec![Registered::active(der)],
            redirect_uris: Vec::new(),
            redirect_hosts: vec!["sso.example.test".to_owned()],
            scopes: ["openid", "fullname", "snils"].map(str::to_owned).into(),
            org_scopes: vec!["org_inn".to_owned()],
            token_algorithm: TokenAlgorithm::Gost,
            consents: Vec::new(),
            active: true,
        };
        let ambient = Ambient::real();
        let settings = Settings {
            systems: vec![system],
            ..Settings::new(ambient.clock, ambient.entropy)
        };
        let Standin { router, handle, .. } = esia::standin(settings).unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", socket.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(socket, router).await });
        Self { engine, handle, base, hash }
    }

    fn curl(&self, path: &str, arguments: &[String]) -> Got {
        let jar = self.engine.file("cookies");
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--noproxy", "*", "--write-out", "\n%{http_code} %{redirect_url}"])
            .arg("--cookie")
            .arg(&jar)
            .arg("--cookie-jar")
            .arg(&jar)
            .args(arguments)
            .arg(if path.starts_with("http") {
                path.to_owned()
            } else {
                format!("{}{path}", self.base)
            })
            .output()
            .unwrap_or_else(|why| panic!("curl cannot be run: {why}"));
        assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, last) = text.rsplit_once('\n').unwrap();
        let (status, to) = last.split_once(' ').unwrap();
        Got {
            status: status.to_owned(),
            to: to.to_owned(),
            body: body.to_owned(),
        }
    }

    fn send(&self, how: &[&str], path: &str, fields: &[(&'static str, String)]) -> Got {
        let mut arguments: Vec<String> = how.iter().map(|one| (*one).to_owned()).collect();
        for (name, value) in fields {
            arguments.extend(["--data-urlencode".to_owned(), format!("{name}={value}")]);
        }
        self.curl(path, &arguments)
    }

    fn authorize(&self, path: &str, fields: &Fields) -> Got {
        self.send(&["--get"], path, fields)
    }

    fn post(&self, path: &str, fields: &[(&'static str, String)]) -> Got {
        self.send(&[], path, fields)
    }

    fn stamp(&self, seconds: i64) -> String {
        let Civil { year, month, day, hour, minute, second } = Civil::of(Timestamp(self.handle.now().0 + seconds));
        format!("{year:04}.{month:02}.{day:02} {hour:02}:{minute:02}:{second:02} +0000")
    }

    fn fields(&self) -> Fields {
        vec![
            ("client_id", MNEMONIC.to_owned()),
            ("response_type", "code".to_owned()),
            ("access_type", "offline".to_owned()),
            ("scope", SCOPE.to_owned()),
            ("timestamp", self.stamp(0)),
            ("state", STATE.to_owned()),
            ("redirect_uri", BACK.to_owned()),
        ]
    }

    /// The bare signature by the engine, s‖r.
    fn bare(&self, key: &str, fields: &Fields, parts: &[&str]) -> Vec<u8> {
        self.engine.sign(key, SET, string(fields, parts).as_bytes())
    }

    /// Fields for the second version, signed.
    fn second(&self, change: &[(&'static str, &str)]) -> Fields {
        let mut fields = self.fields();
        fields.push(("client_certificate_hash", self.hash.clone()));
        set(&mut fields, change);
        let signature = self.bare("own.key", &fields, V2);
        with_secret(fields, &signature)
    }

    /// The detached message by `openssl cms`.
    fn message(&self, name: &str, text: &str, more: &[&str]) -> Vec<u8> {
        self.engine.write("text", text.as_bytes());
        let (certificate, key) = (format!("{name}.crt"), format!("{name}.key"));
        let fixed = ["cms", "-sign", "-binary", "-nosmimecap", "-md", "md_gost12_256", "-in", "text"];
        let files = ["-signer", &certificate, "-inkey", &key, "-outform", "DER", "-out", "message.p7s"];
        self.engine.run(&[&fixed[..], &files, more].concat());
        self.engine.read("message.p7s")
    }

    /// Fields for the first version, signed.
    fn first(&self, change: &[(&'static str, &str)], more: &[&str]) -> Fields {
        let mut fields = self.fields();
        set(&mut fields, change);
        let message = self.message("own", &string(&fields, V1), more);
        with_secret(fields, &message)
    }

    /// From an accepted request to the way back, as somebody of the list.
    fn sign_in(&self, begun: &Got, persona: &str) -> Got {
        let request = begun.to.split_once("/login?request=");
        let request = request
            .unwrap_or_else(|| panic!("{} {} {}", begun.status, begun.to, begun.body))
            .1
            .to_owned();
        let page = self.curl(&begun.to, &[]);
        if page.to.starts_with(BACK) {
            return page;
        }
        for id in ["standin-form", "id=\"login\"", "id=\"password\"", "id=\"allow\"", "id=\"deny\""] {
            assert!(page.body.contains(id), "{id}: {}", page.body);
        }
        let pressed = |more: (&'static str, &str)| {
            let allowed = ("decision", "allow".to_owned());
            self.post("/login", &[("request", request.clone()), allowed, (more.0, more.1.to_owned())])
        };
        let chosen = pressed(("persona", persona));
        if chosen.to.is_empty() {
            pressed(("step", "consent"))
        } else {
            chosen
        }
    }

    fn exchange(&self, code: &str) -> Fields {
        let mut fields: Fields = self
            .fields()
            .into_iter()
            .filter(|(name, _)| !["response_type", "access_type"].contains(name))
            .collect();
        set(
            &mut fields,
            &[("grant_type", "authorization_code"), ("token_type", "Bearer"), ("code", code)],
        );
        fields
    }

    /// The engine's verdict on a token, with the certificate that the stand-in publishes.
    fn token_holds(&self, token: &str, file: &str, digest: &str) -> bool {
        let (input, signature) = token.rsplit_once('.').unwrap();
        self.engine.write("input", input.as_bytes());
        self.engine.write("signature", &URL_SAFE_NO_PAD.decode(signature).unwrap());
        self.curl(
            &format!("/public/{file}"),
            &["--output".into(), self.engine.file(file).display().to_string()],
        );
        let public = ["x509", "-inform", "DER", "-in", file, "-pubkey", "-noout", "-out", "token.pub"];
        self.engine.run(&public);
        let verify = ["dgst", digest, "-verify", "token.pub", "-signature", "signature", "input"];
        self.engine.output(&verify).status.success()
    }
}

fn set(fields: &mut Fields, change: &[(&'static str, &str)]) {
    for (name, value) in change {
        fields.retain(|(one, _)| one != name);
        fields.push((name, (*value).to_owned()));
    }
}

fn string(fields: &Fields, parts: &[&str]) -> String {
    let value = |part: &&str| fields.iter().find(|(name, _)| name == part).map_or("", |(_, value)| value.as_str());
    parts.iter().map(value).collect()
}

fn with_secret(mut fields: Fields, secret: &[u8]) -> Fields {
    set(&mut fields, &[("client_secret", &URL_SAFE_NO_PAD.encode(secret))]);
    fields
}

fn part(token: &Value, at: usize) -> Value {
    let part = token.as_str().unwrap().split('.').nth(at).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_version_from_the_request_to_the_persons_data() {
    let client = Client::start().await;
    let begun = client.authorize("/aas/oauth2/v2/ac", &client.second(&[]));
    assert_eq!(begun.status, "302", "{}", begun.body);
    let back = client.sign_in(&begun, "confirmed");
    assert_eq!(back.back("state"), STATE);
    let mut fields = client.exchange(&back.back("code"));
    let fresh = "0b0f7a4e-5b0c-4d5a-8f2e-6f0a3c1d2e4b";
    set(&mut fields, &[("client_certificate_hash", &client.hash), ("state", fresh)]);
    let signature = client.bare("own.key", &fields, V3);
    let fields = with_secret(fields, &signature);
    let got = client.post("/aas/oauth2/v3/te", &fields);
    assert_eq!(got.status, "200", "{}", got.body);
    let tokens = got.json();
    assert_eq!((&tokens["state"], &tokens["token_type"]), (&fresh.into(), &"Bearer".into()));
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(part(&tokens["access_token"], 0)["alg"], "GOST3410_2012_256");
    for token in [access, tokens["id_token"].as_str().unwrap()] {
        assert!(client.token_holds(token, "GOST_STANDIN.cer", "-md_gost12_256"), "{token}");
    }
    let other = if access.as_bytes()[60] == b'A' { 'B' } else { 'A' };
    let altered = format!("{}{other}{}", &access[..60], &access[61..]);
    assert!(!client.token_holds(&altered, "GOST_STANDIN.cer", "-md_gost12_256"));
    client
        .engine
        .run(&["x509", "-inform", "DER", "-in", "GOST_STANDIN.cer", "-out", "token.pem"]);
    client.engine.run(&["verify", "-check_ss_sig", "-CAfile", "token.pem", "token.pem"]);
    let oid = part(&tokens["access_token"], 1)["urn:esia:sbj_id"].to_string();
    let bearer = ["--header".to_owned(), format!("Authorization: Bearer {access}")];
    let person = client.curl(&format!("/rs/prns/{oid}"), &bearer).json();
    assert_eq!((&person["snils"], &person["lastName"]), (&"000-000-601 19".into(), &"Пробная".into()));
    assert_eq!(
        client.curl(&format!("/rs/prns/{oid}/ctts"), &bearer).status,
        "403",
        "no scope opens contacts"
    );
    assert_eq!(client.curl(&format!("/rs/prns/{oid}"), &[]).status, "401");
    assert_eq!(client.post("/aas/oauth2/v3/te", &fields).code(), "007011", "a code is good once");
    assert_eq!(
        client.curl(&format!("/rs/prns/{oid}"), &bearer).status,
        "401",
        "and its tokens have ended"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_version_with_signed_attributes_and_without_and_tokens_by_rsa() {
    let client = Client::start().await;
    client
        .handle
        .change_system(MNEMONIC, |system| system.token_algorithm = TokenAlgorithm::Rs256)
        .unwrap();
    for more in [&[][..], &["-noattr"]] {
        let back = client.sign_in(&client.authorize("/aas/oauth2/ac", &client.first(&[], more)), "employee");
        let fields = client.exchange(&back.back("code"));
        let message = client.message("own", &string(&fields, V1), more);
        let tokens = client.post("/aas/oauth2/te", &with_secret(fields, &message)).json();
        assert_eq!(part(&tokens["id_token"], 0)["alg"], "RS256", "{tokens}");
        let token = tokens["id_token"].as_str().unwrap();
        assert!(client.token_holds(token, "RSA_STANDIN.cer", "-sha256"));
    }
    // A system's own token for an organisation, with the scope as an address.
    let scope = "http://esia.gosuslugi.ru/org_inn?org_oid=1000700002";
    let mut fields = client.exchange("");
    fields.retain(|(name, _)| *name != "code");
    set(
        &mut fields,
        &[("grant_type", "client_credentials"), ("response_type", "token"), ("scope", scope)],
    );
    let message = client.message("own", &string(&fields, V1), &[]);
    let own = client.post("/aas/oauth2/te", &with_secret(fields, &message)).json();
    let bearer = ["--header".to_owned(), format!("Authorization: Bearer {}", own["access_token"].as_str().unwrap())];
    let organisation = client.curl("/rs/orgs/1000700002", &bearer).json();
    assert_eq!((&organisation["inn"], organisation.get("ogrn")), (&"9800004018".into(), None));
}

#[test]
fn the_engine_reads_the_key_and_the_certificate_that_the_stand_in_makes_for_a_system() {
    let engine = Engine::new();
    let ambient = Ambient::real();
    let made = Credentials::make(MNEMONIC, &*ambient.entropy, ambient.clock.now()).unwrap();
    engine.write("client.key", made.key.as_bytes());
    engine.write("client.crt", made.certificate.as_bytes());
    engine.run(&["verify", "-check_ss_sig", "-CAfile", "client.crt", "client.crt"]);
    engine.run(&["x509", "-in", "client.crt", "-pubkey", "-noout", "-out", "of-certificate.pub"]);
    engine.run(&["pkey", "-in", "client.key", "-pubout", "-out", "of-key.pub"]);
    assert_eq!(engine.read("of-certificate.pub"), engine.read("of-key.pub"));
    let signature = engine.sign("client.key", SET, b"text");
    assert!(engine.verifies("client.key", SET, b"text", &signature));
    let system = System {
        mnemonic: MNEMONIC.to_owned(),
        certificates: vec![Registered::active(made.certificate.into_bytes())],
        ..System::default()
    };
    let (_, handle) = esia::router(Settings::new(ambient.clock, ambient.entropy)).unwrap();
    handle.add_system(system).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_check_of_the_second_version_refuses_with_its_own_code() {
    let client = Client::start().await;
    let ask = |fields: &Fields| client.authorize("/aas/oauth2/v2/ac", fields).code();
    // Signed as they are, and wrong.
    for (name, value, code) in [
        ("client_id", "NOBODY", "008010"),
        ("response_type", "token", "007009"),
        ("redirect_uri", "https://elsewhere.example.test/", "007023"),
        ("state", "7f4c1a520d1e4c559f8e3a2b6c9d0e11", "007003"),
        ("timestamp", &client.stamp(-3_600), "007015"),
        ("timestamp", &client.stamp(3_600), "007015"),
        ("timestamp", "2026-01-15T12:00:00Z", "007015"),
        ("scope", "", "007013"),
        ("scope", "openid nothing", "007006"),
        ("scope", "openid mobile", "007019"),
        ("client_certificate_hash", &client.hash.to_lowercase(), "007053"),
        (
            "client_certificate_hash",
            "95EAC433F341104C5B99A8F5B54C2D62A80FA1F10F9A6D79835248F2AF88DABA",
            "007053",
        ),
        ("client_certificate_hash", "", "007014"),
        ("person_filter", "Y29uZl9hY2", "007003"),
        ("permissions", "W10", "036700"),
    ] {
        assert_eq!(ask(&client.second(&[(name, value)])), code, "{name}={value}");
    }
    let mut twice = client.second(&[]);
    twice.push(("scope", SCOPE.to_owned()));
    assert_eq!(ask(&twice), "007003");
    // Right, and signed wrongly.
    let mut fields = client.fields();
    fields.push(("client_certificate_hash", client.hash.clone()));
    let right = client.bare("own.key", &fields, V2);
    let reversed: Vec<u8> = right.iter().rev().copied().collect();
    let v1 = string(&fields, V1);
    for (secret, why) in [
        (reversed, "reverse order"),
        ([&right[32..], &right[..32]].concat(), "r‖s"),
        (client.bare("strange.key", &fields, V2), "is not of the expected string"),
        (client.bare("own.key", &fields, V1), "the string for the first version"),
        (client.message("own", &v1, &[]), "is a CMS message"),
    ] {
        assert_eq!(ask(&with_secret(fields.clone(), &secret)), "007053", "{why}");
        let last = client.handle.log().pop().unwrap();
        assert!(last.text.contains(why), "{}", last.text);
        let expected = string(&fields, V2);
        assert!(last.details.iter().any(|line| line.ends_with(&expected)), "{:?}", last.details);
    }
    // The plus of the zone unescaped.
    let query: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(client.second(&[])).finish();
    let raw = client.curl(&format!("/aas/oauth2/v2/ac?{}", query.replace("%2B0000", "+0000")), &[]);
    assert_eq!(raw.code(), "007015");
    assert!(client.handle.log().pop().unwrap().text.contains("%2B"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_check_of_the_first_version_refuses_with_its_own_code() {
    let client = Client::start().await;
    let ask = |fields: &Fields| client.authorize("/aas/oauth2/ac", fields).code();
    let fields = client.fields();
    let text = string(&fields, V1);
    let of = |secret: &[u8]| {
        with_secret(
            client
                .fields()
                .into_iter()
                .map(|(name, value)| {
                    let value = if name == "timestamp" {
                        string(&fields, &["timestamp"])
                    } else {
                        value
                    };
                    (name, value)
                })
                .collect(),
            secret,
        )
    };
    assert_eq!(ask(&of(&client.message("strange", &text, &[]))), "007002", "another's certificate");
    assert_eq!(ask(&of(&client.message("own", &text, &["-nodetach"]))), "007005", "not detached");
    assert_eq!(ask(&of(&client.message("own", "other", &[]))), "007005", "another text");
    assert_eq!(ask(&of(&client.message("own", "other", &["-noattr"]))), "007005");
    assert_eq!(ask(&of(&client.bare("own.key", &fields, V1))), "007005", "a bare signature");
    assert!(client.handle.log().pop().unwrap().text.contains("wants a detached CMS message"));
    let second = client.message("own", &string(&fields, V2), &[]);
    assert_eq!(ask(&of(&second)), "007005");
    assert!(client.handle.log().pop().unwrap().text.contains("the string for /v2/ac"));
    for (name, value, code) in [
        ("client_secret", "", "007014"),
        ("scope", "", "007013"),
        ("redirect_uri", "https://elsewhere.example.test/", "007023"),
    ] {
        let mut fields = of(&client.message("own", &text, &[]));
        set(&mut fields, &[(name, value)]);
        assert_eq!(ask(&fields), code, "{name}");
    }
}
