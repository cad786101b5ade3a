//! The product's site in process; the provider's side is a scripted client.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::http::Request;
use kabinet_fetch::{Fetch, Response as Fetched};
use serde_json::json;
use tower::ServiceExt;

use super::*;

pub(super) use super::protocol::doubles::{pending, signed_in};

/// Never the same bytes twice.
#[derive(Default)]
pub(super) struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, out: &mut [u8]) {
        let n = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        for (place, byte) in out.iter_mut().zip(n.iter().cycle()) {
            *place = *byte;
        }
    }
}

const ISSUER: &str = "http://localhost:8080";

fn discovery() -> [Fetched; 2] {
    let metadata = json!({
        "issuer": ISSUER,
        "authorization_endpoint": format!("{ISSUER}/oauth2/authorize"),
        "token_endpoint": format!("{ISSUER}/oauth2/token"),
        "userinfo_endpoint": format!("{ISSUER}/oauth2/userinfo"),
        "end_session_endpoint": format!("{ISSUER}/oauth2/logout"),
        "jwks_uri": format!("{ISSUER}/oauth2/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    [Fetched::of_json(StatusCode::OK, &metadata), Fetched::of_json(StatusCode::OK, &json!({"keys": []}))]
}

fn site(answers: Vec<Fetched>) -> (Router, kabinet_fetch::Calls) {
    let (fetch, calls) = Fetch::scripted(answers.into_iter().map(Ok));
    let registration = Registration {
        issuer: ISSUER.to_owned(),
        client_id: "c".to_owned(),
        client_secret: "s".to_owned(),
        base: "http://127.0.0.1:9001/".parse().unwrap(),
        fetch,
    };
    let neighbours = Neighbours {
        outbox: "http://127.0.0.1:9003/outbox".parse().unwrap(),
        other: ("Другой", "http://127.0.0.1:9002/".parse().unwrap()),
    };
    (router(PRODUCTS[0], registration, neighbours, Arc::new(Counting::default())), calls)
}

async fn get(site: &Router, path: &str, cookie: &str) -> Response {
    let request = Request::get(path).header(header::COOKIE, cookie).body(Body::empty()).unwrap();
    site.clone().oneshot(request).await.unwrap()
}

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn header_of<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers()[name].to_str().unwrap()
}

#[tokio::test]
async fn a_sign_in_leaves_with_pkce_state_and_nonce_and_a_cookie_of_this_port() {
    let (site, _) = site(discovery().into());
    let response = get(&site, "/sign-in", "").await;
    let url: Url = header_of(&response, "location").parse().unwrap();
    let query: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!(query["code_challenge_method"], "S256");
    assert_eq!(query["redirect_uri"], "http://127.0.0.1:9001/callback");
    assert!(query.contains_key("state") && query.contains_key("nonce") && query["scope"].starts_with("openid "));
    let cookie = header_of(&response, "set-cookie");
    assert!(
        cookie.starts_with("product-9001=") && cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
}

#[tokio::test]
async fn an_answer_is_taken_only_in_the_browser_that_asked_and_only_once() {
    let (site, calls) = site(discovery().into());
    let begun = get(&site, "/sign-in", "").await;
    let url: Url = header_of(&begun, "location").parse().unwrap();
    let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let cookie = header_of(&begun, "set-cookie").split(';').next().unwrap().to_owned();
    calls.take();

    let denied = format!("/callback?state={state}&error=access_denied&error_description=%3Cb%3Eno");
    let strange = get(&site, &denied, "product-9001=other").await;
    assert_eq!(strange.status(), StatusCode::BAD_REQUEST);
    assert!(text(strange).await.contains("(state)"));

    let shown = text(get(&site, &denied, &cookie).await).await;
    assert!(shown.contains("access_denied: ") && !shown.contains("<b>no"), "{shown}");
    assert!(text(get(&site, &denied, &cookie).await).await.contains("(state)"));
    assert!(calls.take().is_empty(), "nothing was asked of the provider");
}

#[tokio::test]
async fn an_answer_of_another_issuer_is_thrown_away() {
    let (site, calls) = site(discovery().into());
    let begun = get(&site, "/sign-in", "").await;
    let url: Url = header_of(&begun, "location").parse().unwrap();
    let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let cookie = header_of(&begun, "set-cookie").split(';').next().unwrap().to_owned();
    calls.take();
    let path = format!("/callback?state={state}&code=x&iss=http%3A%2F%2Fevil.example");
    assert!(text(get(&site, &path, &cookie).await).await.contains("(iss)"));
    assert!(calls.take().is_empty());
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_said_so_on_the_page() {
    let (site, _) = site(Vec::new());
    let response = get(&site, "/sign-in", "").await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(text(response).await.contains("провайдер не ответил"));
    assert!(text(get(&site, "/", "").await).await.contains("id=\"sign-in\""));
}
