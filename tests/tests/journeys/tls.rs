//! Built-in HTTPS: served from two files, and from the new ones when they change.

use std::path::Path;
use std::process::{Command, Stdio};

use kabinet_tests::TestApp;

use super::program::{BOUND, Served, environment};

/// A new self-signed certificate and its key in these files.
fn certificate(cert: &Path, key: &Path) -> Vec<u8> {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout"])
        .arg(key)
        .arg("-out")
        .arg(cert)
        .stderr(Stdio::null())
        .status();
    assert!(made.unwrap().success());
    std::fs::read(cert).unwrap()
}

/// Asks for the discovery, trusting this certificate alone.
async fn answers(port: u16, trusted: &[u8]) -> bool {
    let trusted = reqwest::Certificate::from_pem(trusted).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([trusted]).build().unwrap();
    let answer = client
        .get(format!("https://localhost:{port}/.well-known/openid-configuration"))
        .send()
        .await;
    answer.is_ok_and(|answer| answer.status() == 200 && answer.headers().contains_key("strict-transport-security"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn https_is_served_and_a_changed_certificate_is_taken_without_a_restart() {
    let app = TestApp::start().await;
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let first = certificate(&cert, &key);
    let mut environment = environment(&app);
    environment.push(("KABINET__TLS__CERT", cert.display().to_string()));
    environment.push(("KABINET__TLS__KEY", key.display().to_string()));
    let served = Served::start(&environment).await;
    assert!(answers(served.port, &first).await);
    let plain = reqwest::get(format!("http://127.0.0.1:{}/.well-known/openid-configuration", served.port)).await;
    assert!(!plain.is_ok_and(|answer| answer.status() == 200), "plain HTTP on the port of HTTPS");

    // As certbot does: the new files are put in the place of the old ones.
    let (new_cert, new_key) = (dir.path().join("new-cert.pem"), dir.path().join("new-key.pem"));
    let second = certificate(&new_cert, &new_key);
    std::fs::rename(&new_key, &key).unwrap();
    std::fs::rename(&new_cert, &cert).unwrap();
    let begun = std::time::Instant::now();
    while !answers(served.port, &second).await {
        assert!(begun.elapsed() < BOUND, "the new certificate is not served");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }

    // A broken file changes nothing.
    std::fs::write(&cert, "nonsense").unwrap();
    assert!(answers(served.port, &second).await, "a broken certificate takes the site down");
}
