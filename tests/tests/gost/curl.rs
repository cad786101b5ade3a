//! Sign-in with curl and `openssl cms`, without a browser: `tests/certificate/sign-in.sh` against a provider on a port.

use std::path::Path;
use std::process::{Command, Output};

use kabinet_gost::Revocation;
use kabinet_identity::config::SecondProof;
use kabinet_tests::signature::Holder;
use kabinet_tests::{TestApp, eventually};

use crate::engine::{Engine, fixture};

async fn start(second_proof: SecondProof) -> (TestApp, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let app = TestApp::start_with(|config| {
        config.issuer.clone_from(&issuer);
        config.certificate.revocation = Revocation::Off;
        config.certificate.second_proof = second_proof;
    })
    .await;
    app.trust_fixtures().await;
    let router = app.node.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (app, issuer)
}

/// Runs the script as somebody of the fixtures, in the browser that the folder stands for.
async fn sign_in(issuer: &str, who: &str, digest: &str, folder: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("certificate/sign-in.sh");
    let mut command = Command::new("sh");
    command
        .arg(script)
        .arg(issuer)
        .args([fixture(&format!("{who}.crt.pem")), fixture(&format!("{who}.key.pem"))])
        .arg(folder)
        .env("OPENSSL_CONF", fixture("gost-openssl.cnf"))
        .env("CADIR", folder)
        .env("DIGEST", digest);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

async fn link(app: &TestApp) -> kabinet_tests::Person {
    let person = app.anyone().await;
    let mut browser = app.browser();
    browser.get("/login/certificate").await;
    let signed = Holder("person-256").fields(&browser, &*app.ambient.entropy).await;
    let fields: Vec<(&str, &str)> = signed.iter().map(|(name, value)| (*name, value.as_str())).collect();
    browser.submit("certificate-form", &fields, "submit").await;
    browser.click("go-link").await;
    browser.fill_in(&person, &[]).await;
    assert_eq!(browser.page.path(), "/account", "{}", browser.page.text());
    person
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_with_curl_and_openssl_signs_in() {
    let engine = Engine::new();
    let (app, issuer) = start(SecondProof::Never).await;
    let folder = engine.file("browser");
    let output = sign_in(&issuer, "person-256", "md_gost12_256", &folder).await;
    assert_eq!(output.status.code(), Some(4), "nobody has linked it: {output:?}");
    link(&app).await;
    let output = sign_in(&issuer, "person-256", "md_gost12_256", &folder).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("/account"), "{output:?}");
    assert!(std::fs::read_to_string(folder.join("cookies")).unwrap().contains("kabinet-session"));
    let output = sign_in(&issuer, "expired-256", "md_gost12_256", &engine.file("other")).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr).trim(), "expired");
    let output = sign_in(&issuer, "person-512", "md_gost12_512", &engine.file("third")).await;
    assert_eq!(output.status.code(), Some(4), "512 bits, and not linked: {output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_new_browser_the_program_is_told_that_a_code_was_sent() {
    let engine = Engine::new();
    let (app, issuer) = start(SecondProof::NewDevice).await;
    let person = link(&app).await;
    let output = sign_in(&issuer, "person-256", "md_gost12_256", &engine.file("browser")).await;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    // The node's own job sends it.
    eventually("the code is sent", async || !app.code_sent_to(&person.contact).is_empty()).await;
}
