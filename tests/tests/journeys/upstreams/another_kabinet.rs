//! Another kabinet as the provider: the preset `kabinet` against the real thing, over real connections.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode};
use kabinet::config::{Hidden, Seconds, Upstream};
use kabinet_core::client::Profile;
use kabinet_identity::method::upstream::Vouched;
use kabinet_identity::method::upstream::openid::Preset;
use serde_json::json;
use tower::ServiceExt;

use super::*;

/// A listener whose router comes later: the issuer must be known before the provider is.
async fn listen() -> (String, Arc<OnceLock<Router>>) {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", socket.local_addr().unwrap());
    let place: Arc<OnceLock<Router>> = Arc::default();
    let later = place.clone();
    let router = Router::new().fallback(move |request: Request<Body>| {
        let later = later.clone();
        async move {
            match later.get() {
                Some(router) => router.clone().oneshot(request).await.into_response(),
                None => Response::from(StatusCode::SERVICE_UNAVAILABLE.into_response()),
            }
        }
    });
    tokio::spawn(async move { axum::serve(socket, router).await });
    (issuer, place)
}

#[tokio::test]
async fn people_of_one_kabinet_register_and_sign_in_at_another() {
    let (issuer, place) = listen().await;
    let office = TestApp::start_with(|config| config.issuer.clone_from(&issuer)).await;
    assert!(place.set(office.node.router.clone()).is_ok());
    let client = office
        .client(Profile::Web, |metadata| {
            metadata.redirect_uris = vec!["https://id.test/login/head-office/callback".to_owned()];
        })
        .await;
    let branch = TestApp::start_with(|config| {
        config.outbound.allow = vec!["127.0.0.1".parse().unwrap()];
        let upstream = Upstream {
            preset: Preset::Kabinet,
            issuer: Some(issuer.clone()),
            client_id: Some(client.id.to_string()),
            client_secret: client.secret.as_deref().map(|secret| Hidden(secret.into())),
            timeout: Some(Seconds(120)),
            registers: true,
            vouches: vec![Vouched::Phone],
            ..Upstream::default()
        };
        config.upstream.insert(NAME.to_owned(), upstream);
    })
    .await;
    let anna = office
        .user_with("+79990000001", kabinet_tests::PASSWORD, &json!({"name": "Анна из офиса"}))
        .await;
    let (mut there, mut here) = (office.browser(), branch.browser());

    here.get("/register").await;
    here.click("method-head-office").await;
    there.get(&here.page.left.clone().unwrap()).await;
    there.fill_in(&anna, &[]).await;
    let back = there.page.left.clone().unwrap_or_else(|| panic!("{}", there.page.text()));
    here.get(&back).await;
    assert_eq!(here.page.path(), format!("/register/{NAME}/details"), "{}", here.page.text());
    assert!(
        here.page.has("vouched") && here.page.text().contains("Анна из офиса"),
        "{}",
        here.page.text()
    );
    here.submit("register-form", &[("pd-consent", "on")], "submit").await;
    assert_eq!(here.page.path(), "/register/done", "{}", here.page.text());

    // From then on one button is enough, here and there.
    let mut here = branch.browser();
    here.get("/login").await;
    here.click("method-head-office").await;
    there.get(&here.page.left.clone().unwrap()).await;
    here.get(&there.page.left.clone().unwrap()).await;
    assert_eq!(here.page.path(), "/account", "{}", here.page.text());
    here.submit("sign-out-form", &[], "sign-out").await;
    let leave = here.page.html.attribute("leave-upstream", "href").unwrap();
    assert!(leave.starts_with(&format!("{issuer}/oauth2/logout?client_id=")), "{leave}");
}
