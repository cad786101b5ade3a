//! A verifier outside takes the place of the built-in one. Here it is the crate's own, behind HTTP as a certified one would be.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use kabinet::config::Hidden;
use kabinet_gost::{Anchor, Certificate, Content, Policy, Request, Revocation, Trust, Verifier};
use kabinet_identity::config::SecondProof;
use kabinet_tests::TestApp;
use kabinet_tests::signature::fixture;
use serde_json::{Value, json};

use super::{ANNA, OTHER, refusal, sign};

const TOKEN: &str = "what-the-verifier-wants";

/// What the service does with questions.
#[derive(Clone, Copy, Debug)]
enum Mode {
    Honest,
    Accepts(&'static str),
    NamesNobody,
    Broken,
}

#[derive(Clone)]
struct Service {
    verifier: Arc<Verifier>,
    mode: Arc<Mutex<Mode>>,
}

fn of(file: &str) -> Certificate {
    Certificate::parse(&kabinet_gost::pem::read(&fixture(file)).unwrap().remove(0).der).unwrap()
}

async fn answer(State(service): State<Service>, headers: HeaderMap, Json(asked): Json<Value>) -> (StatusCode, String) {
    assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
    assert_eq!((&asked["require"], &asked["revocation"]), (&json!("qualified"), &json!("required")));
    let bytes = |name: &str| STANDARD.decode(asked[name].as_str().unwrap()).unwrap();
    let (signature, content) = (bytes("signature"), bytes("content"));
    let verdict = service.verifier.check(Request {
        signature: &signature,
        content: Content::Expected(&content),
        certificates: &[],
        now: asked["at"].as_i64().unwrap(),
    });
    let mode = *service.mode.lock().unwrap();
    let reply = match (mode, verdict.result) {
        (Mode::Broken, _) => return (StatusCode::OK, "<html>down for maintenance</html>".to_owned()),
        (_, Err(refusal)) => json!({"accepted": false, "error": refusal.reason.code()}),
        (Mode::NamesNobody, Ok(_)) => json!({"accepted": true, "qualified": true, "revocation": "good"}),
        (mode, Ok(accepted)) => {
            let revocation = if let Mode::Accepts(revocation) = mode { revocation } else { "good" };
            let certificate = STANDARD.encode(accepted.certificate.der());
            json!({"accepted": true, "qualified": accepted.is_qualified, "revocation": revocation, "certificate": certificate})
        }
    };
    (StatusCode::OK, reply.to_string())
}

/// A provider that trusts nobody itself, and its verifier.
async fn start() -> (TestApp, Arc<Mutex<Mode>>) {
    let trust = Trust {
        anchors: vec![Anchor::parse(of("root-ca.crt.pem").der()).unwrap()],
        certificates: vec![of("issuing-ca.crt.pem")],
        ..Trust::default()
    };
    let policy = Policy { revocation: Revocation::Off, ..Policy::default() };
    let mode = Arc::new(Mutex::new(Mode::Honest));
    let service = Service {
        verifier: Arc::new(Verifier { trust, policy }),
        mode: mode.clone(),
    };
    let socket = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let url = format!("http://{}/verify", socket.local_addr().unwrap());
    let router = Router::new().route("/verify", post(answer)).with_state(service);
    tokio::spawn(async move { axum::serve(socket, router).await });
    let app = TestApp::start_with(|config| {
        config.outbound.allow = vec!["127.0.0.1".parse().unwrap()];
        config.certificate.verifier_url = Some(url.parse().unwrap());
        config.certificate.verifier_token = Some(Hidden(TOKEN.to_owned().into()));
        config.certificate.second_proof = SecondProof::Never;
    })
    .await;
    (app, mode)
}

#[tokio::test]
async fn a_verifier_outside_decides_and_no_anchor_is_needed() {
    let (app, _) = start().await;
    let person = app.anyone().await;
    let mut browser = app.browser();
    super::link(&app, &mut browser, (ANNA, &person)).await;
    browser.submit("sign-out-form", &[], "sign-out").await;
    browser.get("/login/certificate").await;
    sign(&app, &mut browser, ANNA).await;
    assert_eq!(browser.page.path(), "/account", "{}", browser.page.text());
}

#[tokio::test]
async fn what_the_verifier_refuses_is_refused_with_its_code() {
    let (app, _) = start().await;
    for (holder, code) in [("expired-256", "expired"), ("plain-256", "not_qualified")] {
        let mut browser = app.browser();
        browser.get("/login/certificate").await;
        sign(&app, &mut browser, kabinet_tests::signature::Holder(holder)).await;
        assert_eq!(refusal(&browser), code, "{}", browser.page.text());
    }
}

#[tokio::test]
async fn an_answer_that_says_too_little_signs_nobody_in() {
    let (app, mode) = start().await;
    for (told, status, code) in [
        (Mode::Broken, 503, "unavailable"),
        (Mode::NamesNobody, 503, "unavailable"),
        (Mode::Accepts("perhaps"), 503, "unavailable"),
        // The verifier is lax where this provider is not.
        (Mode::Accepts("unknown"), 422, "revocation_unknown"),
    ] {
        *mode.lock().unwrap() = told;
        let mut browser = app.browser();
        browser.get("/login/certificate").await;
        sign(&app, &mut browser, OTHER).await;
        assert_eq!((browser.page.status, refusal(&browser).as_str()), (status, code), "{told:?}");
        assert!(browser.session().is_empty() && browser.page.has("certificate-form"));
    }
}
