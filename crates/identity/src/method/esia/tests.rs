//! The client against scripted answers: what it asks, and what it makes of what it is told.

use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;

use http::header::AUTHORIZATION;
use kabinet_core::external::Assurance;
use kabinet_core::language::Language;
use kabinet_fetch::{Calls, Error};
use kabinet_gost::pem;
use kabinet_gost::sign::SigningKey;
use kabinet_gost::signature::{Bare, verify_bare};

use super::signer::{Form, Service, Signature, Software};
use super::*;

/// 2027-01-01T00:00:00Z.
pub(super) const NOW: Timestamp = Timestamp(1_798_761_600);
const STATE: &str = "7f4c1a52-0d1e-4c55-9f8e-3a2b6c9d0e11";
const OID: &str = "1000323031";

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../gost/fixtures/", $name)).as_slice()
    };
}

mod answers;
mod signers;
mod tokens;

struct Fixed(Timestamp);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Bytes that look random and repeat from run to run.
#[derive(Default)]
struct Dice(AtomicU64);

impl Entropy for Dice {
    fn fill(&self, out: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        let made = Digest::Streebog512.of(&number.to_be_bytes());
        out.copy_from_slice(&made[..out.len()]);
    }
}

fn certificate(file: &[u8]) -> Certificate {
    Certificate::parse(&pem::read(file).unwrap().remove(0).der).unwrap()
}

/// The certificate of the system.
fn own() -> Certificate {
    certificate(fixture!("person-256.crt.pem"))
}

/// The certificate that ЕСИА signs tokens with.
fn of_esia() -> Certificate {
    certificate(fixture!("org-256.crt.pem"))
}

/// The same by RSA, with its key; made at the first use.
static RSA: LazyLock<(openssl::pkey::PKey<openssl::pkey::Private>, Certificate)> = LazyLock::new(|| {
    use openssl::asn1::Asn1Time;
    use openssl::x509::{X509, X509NameBuilder};
    let key = openssl::pkey::PKey::from_rsa(openssl::rsa::Rsa::generate(2048).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "ESIA").unwrap();
    let name = name.build();
    let mut made = X509::builder().unwrap();
    made.set_version(2).unwrap();
    let serial = openssl::bn::BigNum::from_u32(7).and_then(|one| one.to_asn1_integer()).unwrap();
    made.set_serial_number(&serial).unwrap();
    made.set_subject_name(&name).unwrap();
    made.set_issuer_name(&name).unwrap();
    made.set_pubkey(&key).unwrap();
    made.set_not_before(&Asn1Time::from_str("20260101000000Z").unwrap()).unwrap();
    made.set_not_after(&Asn1Time::from_str("20280101000000Z").unwrap()).unwrap();
    made.sign(&key, openssl::hash::MessageDigest::sha256()).unwrap();
    let der = made.build().to_der().unwrap();
    (key, Certificate::parse(&der).unwrap())
});

pub(super) fn settings() -> Settings {
    Settings {
        upstream: "esia".to_owned(),
        client_id: "TESTIS01".to_owned(),
        base: "https://esia.example.test".parse().unwrap(),
        back_channel: "https://gate.example.test/esia/".parse().unwrap(),
        issuer: "http://esia.gosuslugi.ru/".to_owned(),
        certificate: own(),
        signer_reversed: false,
        scope: "openid fullname snils".to_owned(),
        scope_org: String::new(),
        org_scopes: Vec::new(),
        protocol: Protocol::V2,
        token_algorithms: TokenAlgorithm::ALL.to_vec(),
        require_confirmed: true,
        pkce: false,
    }
}

fn esia(settings: Settings, answers: Vec<Result<Response, Error>>) -> (Esia, Calls) {
    let (fetch, calls) = Fetch::scripted(answers);
    let signer = Software::new(fixture!("person-256.key.pem"), own()).unwrap();
    let parts = Parts {
        settings,
        signer: Arc::new(signer),
        token_certificates: vec![certificate(fixture!("plain-256.crt.pem")), of_esia(), RSA.1.clone()],
        fetch,
        clock: Arc::new(Fixed(NOW)),
    };
    (Esia::new(parts), calls)
}

fn back() -> Url {
    "https://sso.example.test/federation/esia/callback".parse().unwrap()
}

async fn begin(esia: &Esia) -> Result<Departure, UpstreamError> {
    let (redirect_uri, entropy) = (back(), Dice::default());
    let start = Start {
        redirect_uri: &redirect_uri,
        state: STATE,
        language: Language::Ru,
        now: NOW,
        entropy: &entropy,
    };
    esia.begin(start).await
}

async fn finish(esia: &Esia, query: &str, kept: &Value) -> Result<External, UpstreamError> {
    let (redirect_uri, entropy) = (back(), Dice::default());
    let parameters: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let arrival = Arrival {
        parameters: &parameters,
        redirect_uri: &redirect_uri,
        state: STATE,
        kept,
        now: NOW,
        entropy: &entropy,
    };
    esia.finish(arrival).await
}

async fn arrive(esia: &Esia) -> Result<External, UpstreamError> {
    finish(esia, "code=CODE&state=x", &json!({})).await
}

/// The state of the token request that is made after so many draws.
fn state_after(draws: u64) -> String {
    uuid(&Dice(AtomicU64::new(draws)))
}

/// A token with this header and these claims, signed by ГОСТ.
fn gost(header: &Value, claims: &Value, key: &[u8]) -> String {
    let signed = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let key = SigningKey::read(key).unwrap();
    let signature = key.sign_message(signed.as_bytes(), |out| Dice::default().fill(out)).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn rsa(header: &Value, claims: &Value) -> String {
    let signed = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let mut signer = openssl::sign::Signer::new(openssl::hash::MessageDigest::sha256(), &RSA.0).unwrap();
    let signature = signer.sign_oneshot_to_vec(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn access_header() -> Value {
    json!({"ver": 1, "typ": "JWT", "sbt": "access", "alg": "GOST3410_2012_256"})
}

fn identity_header() -> Value {
    json!({"ver": 1, "typ": "JWT", "alg": "GOST3410_2012_256"})
}

/// The newer form, with `acr` as an object.
fn access_claims(scopes: &str) -> Value {
    json!({
        "acr": {"tls": "gost"}, "nbf": NOW.0, "iat": NOW.0, "exp": NOW.0 + 3600, "scope": scopes,
        "iss": "http://esia.gosuslugi.ru/", "urn:esia:sid": "12072fa7", "urn:esia:sbj_id": 1_000_323_031,
        "client_id": "TESTIS01"
    })
}

fn identity_claims() -> Value {
    json!({
        "aud": "TESTIS01", "sub": 1_000_323_031, "nbf": NOW.0, "iat": NOW.0, "exp": NOW.0 + 10_800, "amr": "PWD",
        "iss": "http://esia.gosuslugi.ru/", "auth_time": NOW.0, "urn:esia:sid": "12072fa7",
        "urn:esia:sbj": {"urn:esia:sbj:typ": "P", "urn:esia:sbj:is_tru": true, "urn:esia:sbj:oid": 1_000_323_031,
                         "urn:esia:sbj:nam": "OID.1000323031", "urn:esia:sbj:lvl": "PR"}
    })
}

const SCOPES: &str = "openid fullname?oid=1000323031 snils?oid=1000323031";

fn tokens_of(access: &str, identity: &str) -> Value {
    json!({"access_token": access, "id_token": identity, "state": state_after(0), "token_type": "Bearer",
           "expires_in": 3600})
}

/// The answer of the token endpoint to the first request, for these scopes and this subject.
fn tokens(scopes: &str, identity: &Value) -> Result<Response, Error> {
    let key = fixture!("org-256.key.pem");
    let access = gost(&access_header(), &access_claims(scopes), key);
    let identity = gost(&identity_header(), identity, key);
    ok(tokens_of(&access, &identity))
}

fn ok(body: Value) -> Result<Response, Error> {
    answer(StatusCode::OK, body)
}

#[expect(clippy::unnecessary_wraps, reason = "scripts are lists of results")]
fn answer(status: StatusCode, body: Value) -> Result<Response, Error> {
    Ok(Response::of_json(status, &body))
}

#[expect(clippy::unnecessary_wraps, reason = "scripts are lists of results")]
fn html(status: StatusCode) -> Result<Response, Error> {
    Ok(Response {
        status,
        headers: HeaderMap::new(),
        body: "<html>Технические работы</html>".into(),
    })
}

fn person() -> Value {
    json!({"stateFacts": ["EntityRoot"], "firstName": "Имя", "lastName": "Фамилия", "middleName": "Отчество",
           "snils": "000-000-600 06", "trusted": true, "verifying": false, "status": "REGISTERED"})
}

/// The fields of a form, by name.
fn form(body: &[u8]) -> std::collections::BTreeMap<String, String> {
    form_urlencoded::parse(body).into_owned().collect()
}

/// Whether `secret` is the system's bare signature of the text.
fn is_signed(secret: &str, text: &str) -> bool {
    let signature = URL_SAFE_NO_PAD.decode(secret).unwrap();
    verify_bare(&own(), Bare::Gost256, text.as_bytes(), &signature).is_ok()
}

fn at(parts: &str) -> String {
    format!("https://gate.example.test/esia/{parts}")
}
