//! The stand-in for Astral.Toolbox, spoken to over its socket; what it signs is judged by our verifier.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use kabinet::Ambient;
use kabinet_gost::{Anchor, Certificate, Content, Crl, Policy, Reason, Request, Trust, Verifier, pem};
use kabinet_standins::toolbox::{self, Authority, Control, Mode, PATH, PROVIDER, VERSION};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const CONTENT: &[u8] = "Вход в Единый личный кабинет\n".as_bytes();

struct Program {
    dir: TempDir,
    control: Control,
    at: String,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

impl Program {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open(dir.path(), "http://127.0.0.1:9/").unwrap();
        let (router, control) = toolbox::router(authority);
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = format!("ws://{}{PATH}", socket.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(socket, router).await });
        Self { dir, control, at }
    }

    async fn connect(&self) -> Socket {
        connect_async(&self.at).await.unwrap().0
    }

    fn id(&self, name: &str) -> String {
        let signers = self.control.authority().signers();
        signers.iter().find(|signer| signer.name == name).unwrap().id.clone()
    }

    fn verifier(&self) -> Verifier {
        let authority = self.control.authority();
        let der = |file| pem::read(&std::fs::read(file).unwrap()).unwrap().remove(0).der;
        let trust = Trust {
            anchors: vec![Anchor::parse(&der(authority.anchor())).unwrap()],
            certificates: vec![Certificate::parse(&der(authority.intermediate())).unwrap()],
            crls: authority.lists().map(|file| Arc::new(Crl::parse(&der(file)).unwrap())).into(),
            answers: Vec::new(),
        };
        Verifier { trust, policy: Policy::default() }
    }
}

async fn ask(socket: &mut Socket, code: u32, data: &Value) -> Option<Value> {
    let request = json!({"Code": code, "Data": data.to_string(), "MessageId": format!("m{code}")});
    socket.send(Message::text(request.to_string())).await.unwrap();
    match socket.next().await {
        Some(Ok(Message::Text(text))) => Some(serde_json::from_str(&text).unwrap()),
        _ => None,
    }
}

fn to_sign(id: &str) -> Value {
    json!({"Base64Data": STANDARD.encode(CONTENT), "SubjectKeyId": id})
}

async fn signature(socket: &mut Socket, id: &str) -> Vec<u8> {
    let answer = ask(socket, 7, &to_sign(id)).await.unwrap();
    let text = answer["Data"].as_str().unwrap_or_else(|| panic!("{answer}"));
    STANDARD.decode(text.replace("\r\n", "")).unwrap()
}

#[tokio::test]
async fn what_the_stand_in_signs_is_judged_as_its_certificates_deserve() {
    let program = Program::start().await;
    let verifier = program.verifier();
    let mut socket = program.connect().await;
    let judge = |signature: &[u8]| {
        let request = Request {
            signature,
            content: Content::Expected(CONTENT),
            certificates: &[],
            now: Ambient::real().clock.now().0,
        };
        verifier.check(request).result.err().map(|refusal| refusal.reason)
    };
    for (name, expected) in [
        ("person", None),
        ("head", None),
        ("trader", None),
        ("seal", None),
        ("revoked", Some(Reason::Revoked)),
        ("stranger", Some(Reason::Untrusted)),
        ("expired", Some(Reason::Expired)),
    ] {
        let signed = signature(&mut socket, &program.id(name)).await;
        assert_eq!(judge(&signed), expected, "{name}");
    }
    program.control.set(Mode::Attached);
    let attached = signature(&mut socket, &program.id("person")).await;
    assert!(attached.windows(CONTENT.len()).any(|window| window == CONTENT));
    assert_eq!(judge(&attached), None, "the same text inside changes nothing");
    program.control.set(Mode::OtherText);
    assert_eq!(judge(&signature(&mut socket, &program.id("person")).await), Some(Reason::DigestMismatch));
}

#[tokio::test]
async fn the_stand_in_speaks_the_protocol_and_plays_its_failures() {
    let program = Program::start().await;
    let mut socket = program.connect().await;
    let version = ask(&mut socket, 5, &json!({})).await.unwrap();
    assert_eq!((&version["Data"]["version"], &version["MessageId"]), (&json!(VERSION), &json!("m5")));
    assert_eq!(ask(&mut socket, 11, &json!({})).await.unwrap()["Data"][0]["providerName"], PROVIDER);
    let list = ask(&mut socket, 6, &json!({})).await.unwrap();
    let person = program.id("person");
    let of_person = list["Data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["subjectKeyId"] == person.as_str());
    let stores: Vec<&Value> = of_person.map(|entry| &entry["storeInfo"]["storeName"]).collect();
    assert_eq!(stores, ["My", "Token"]);

    for (mode, told) in [
        (Mode::Cancel, "0x800704C7"),
        (Mode::WrongPin, "0x8010006B"),
        (Mode::PinBlocked, "0x8010006C"),
        (Mode::NoKey, "0x80090016"),
        (Mode::Licence, "0x8007065B"),
        (Mode::Unknown, "0x80004005"),
    ] {
        program.control.set(mode);
        let answer = ask(&mut socket, 7, &to_sign(&person)).await.unwrap();
        assert_eq!(answer["Success"], false, "{mode:?}");
        assert!(answer["Message"].as_str().unwrap().contains(told), "{answer}");
    }
    program.control.set(Mode::NoProviders);
    assert_eq!(ask(&mut socket, 11, &json!({})).await.unwrap()["Data"], json!([]));
    program.control.set(Mode::NoCertificates);
    assert_eq!(ask(&mut socket, 6, &json!({})).await.unwrap()["Data"], json!([]));
    program.control.set(Mode::WrongId);
    assert_eq!(ask(&mut socket, 7, &to_sign(&person)).await.unwrap()["MessageId"], "another");
    program.control.set(Mode::Normal);
    assert_eq!(program.control.signatures(), 1);
    assert_eq!(ask(&mut socket, 7, &to_sign("00")).await.unwrap()["Success"], false);
    assert_eq!(ask(&mut socket, 99, &json!({})).await.unwrap()["Success"], false);

    let (mut closing, _) = connect_async(format!("{}?mode=close", program.at)).await.unwrap();
    assert!(ask(&mut closing, 7, &to_sign(&person)).await.is_none());

    program.control.allow(vec!["https://id.example.test".to_owned()]);
    let mut request = program.at.as_str().into_client_request().unwrap();
    assert!(matches!(connect_async(request.clone()).await, Err(Error::Http(answer)) if answer.status() == 403));
    request.headers_mut().insert("origin", "https://id.example.test".parse().unwrap());
    assert!(connect_async(request).await.is_ok());
}

#[tokio::test]
async fn an_authority_is_gone_on_with() {
    let program = Program::start().await;
    let again = Authority::open(program.dir.path(), "http://127.0.0.1:9/").unwrap();
    let ids =
        |authority: &Authority| -> Vec<String> { authority.signers().iter().map(|signer| signer.id.clone()).collect() };
    assert_eq!(ids(&again), ids(program.control.authority()));
    assert!(again.served_list("issuing.crl").is_ok() && again.served_list("../openssl.cnf").is_err());
}
