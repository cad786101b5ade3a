//! Listening over real sockets: drain, ports, certificates.

use std::sync::Arc;

use axum::routing::get;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode, SslVersion};
use openssl::x509::{X509, X509Name};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::*;
use crate::config::Tls;
use crate::{Ambient, Jobs};

fn loopback() -> Config {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Config { listen: any, admin_listen: any, ..Config::default() }
}

fn app(router: Router) -> App {
    App { router, admin: Router::new(), jobs: Jobs::default() }
}

async fn ask(stream: &mut TcpStream) {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
}

#[tokio::test]
async fn a_request_in_progress_gets_its_whole_answer_and_is_asked_to_leave() {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (inside, release) = (entered.clone(), leave.clone());
    let router = Router::new().route(
        "/",
        get(move || {
            let (inside, release) = (inside.clone(), release.clone());
            async move {
                inside.notify_one();
                release.notified().await;
                "x".repeat(100_000)
            }
        }),
    );
    let bound = Bound::new(&loopback()).await.unwrap();
    let (address, _) = bound.addresses().unwrap();
    let app = app(router);
    let shutdown = app.jobs.shutdown().clone();
    let serving = tokio::spawn(bound.serve(app));
    let mut stream = TcpStream::connect(address).await.unwrap();
    ask(&mut stream).await;
    entered.notified().await;
    shutdown.begin();
    leave.notify_one();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"),
        "{}",
        &answer[..200]
    );
    assert!(answer.ends_with(&"x".repeat(100_000)));
    serving.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn who_is_connected_and_has_not_asked_yet_is_still_heard_when_the_end_begins() {
    let bound = Bound::new(&loopback()).await.unwrap();
    let (address, _) = bound.addresses().unwrap();
    let app = app(Router::new().route("/", get(|| async { "heard" })));
    let shutdown = app.jobs.shutdown().clone();
    // Connected before anybody accepts, and asking only once the end has begun.
    let mut stream = TcpStream::connect(address).await.unwrap();
    shutdown.begin();
    let serving = tokio::spawn(bound.serve(app));
    ask(&mut stream).await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("heard") && answer.contains("connection: close"), "{answer}");
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let bound = Bound::new(&loopback()).await.unwrap();
    let (address, _) = bound.addresses().unwrap();
    let app = app(Router::new());
    let shutdown = app.jobs.shutdown().clone();
    let serving = tokio::spawn(bound.serve(app));
    let mut stream = TcpStream::connect(address).await.unwrap();
    ask(&mut stream).await;
    stream.readable().await.unwrap();
    shutdown.begin();
    tokio::time::timeout(Duration::from_secs(5), serving).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn an_address_in_use_is_named_by_its_key() {
    let taken = Bound::new(&loopback()).await.unwrap();
    let config = Config { admin_listen: taken.addresses().unwrap().0, ..loopback() };
    let why = Bound::new(&config).await.err().unwrap();
    assert!(format!("{why:#}").starts_with("admin_listen: cannot listen on 127.0.0.1:"), "{why:#}");
}

fn self_signed(name: &str) -> (X509, PKey<Private>) {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut subject = X509Name::builder().unwrap();
    subject.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder
        .set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap())
        .unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(&subject).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    (builder.build(), key)
}

struct Files(std::path::PathBuf);

impl Files {
    fn new() -> Self {
        let id: [u8; 8] = kabinet_core::ambient::random(&*Ambient::real().entropy);
        let folder = std::env::temp_dir().join(format!("kabinet-tls-{:016x}", u64::from_ne_bytes(id)));
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn tls(&self) -> Tls {
        Tls {
            cert: Some(self.0.join("cert.pem")),
            key: Some(self.0.join("key.pem")),
        }
    }

    fn write(&self, (cert, key): &(X509, PKey<Private>)) {
        std::fs::write(self.0.join("cert.pem"), cert.to_pem().unwrap()).unwrap();
        std::fs::write(self.0.join("key.pem"), key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a client sees: the name in the certificate, the version and the protocol chosen.
fn greet(address: SocketAddr, highest: SslVersion) -> Option<(String, String, Vec<u8>)> {
    let mut builder = SslConnector::builder(SslMethod::tls()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    builder.set_max_proto_version(Some(highest)).unwrap();
    builder.set_alpn_protos(b"\x02h2\x08http/1.1").unwrap();
    let stream = std::net::TcpStream::connect(address).unwrap();
    let stream = builder.build().connect("localhost", stream).ok()?;
    let certificate = stream.ssl().peer_certificate().unwrap();
    let name = certificate.subject_name().entries().next().unwrap().data().to_string().unwrap();
    Some((
        name,
        stream.ssl().version_str().to_owned(),
        stream.ssl().selected_alpn_protocol().unwrap_or_default().to_vec(),
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn https_offers_tls_1_2_and_http_2_and_takes_a_changed_certificate() {
    let files = Files::new();
    files.write(&self_signed("first"));
    let bound = Bound::new(&Config { tls: files.tls(), ..loopback() }).await.unwrap();
    let (address, _) = bound.addresses().unwrap();
    let certificate = bound.certificate.clone().unwrap();
    // Served without the task that follows the files, which would race with this test.
    let handle = Handle::new();
    let serving = spawn(
        Door::new(bound.public, Shutdown::default()),
        Router::new(),
        bound.certificate,
        handle.clone(),
    );
    let seen = |highest| tokio::task::spawn_blocking(move || greet(address, highest));
    let first = seen(SslVersion::TLS1_3).await.unwrap();
    assert_eq!(first, Some(("first".to_owned(), "TLSv1.3".to_owned(), b"h2".to_vec())));
    assert_eq!(seen(SslVersion::TLS1_2).await.unwrap().unwrap().1, "TLSv1.2");
    assert_eq!(seen(SslVersion::TLS1_1).await.unwrap(), None);

    let second = self_signed("the second");
    std::fs::write(files.tls().cert.unwrap(), second.0.to_pem().unwrap()).unwrap();
    assert!(certificate.reload().is_err(), "a certificate without its key is unfit");
    assert_eq!(seen(SslVersion::TLS1_3).await.unwrap().unwrap().0, "first");
    assert!(!certificate.reload().unwrap(), "the same unfit files are not tried again");
    std::fs::write(files.tls().key.unwrap(), second.1.private_key_to_pem_pkcs8().unwrap()).unwrap();
    assert!(certificate.reload().unwrap());
    assert_eq!(seen(SslVersion::TLS1_3).await.unwrap().unwrap().0, "the second");
    handle.shutdown();
    serving.await.unwrap().unwrap();
}

#[test]
fn an_unfit_certificate_is_named_by_its_key() {
    let files = Files::new();
    let said = || format!("{:#}", Certificate::load(&files.tls()).err().unwrap());
    assert!(said().starts_with("tls.cert: cannot read"), "{}", said());
    files.write(&self_signed("first"));
    std::fs::write(files.tls().key.unwrap(), self_signed("other").1.private_key_to_pem_pkcs8().unwrap()).unwrap();
    assert!(said().starts_with("tls.key: "), "{}", said());
    std::fs::write(files.tls().cert.unwrap(), "nonsense").unwrap();
    assert!(said().starts_with("tls.cert: "), "{}", said());
}
