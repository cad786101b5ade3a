//! Pictures of clients: fetched once when the client is saved, served from our own origin, shown of those that somebody vouches
//! for (OpenID Connect Registration 1.0 §2, RFC 7591 §5).

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Method, Request, StatusCode, Uri};
use kabinet::config::{Config, RegistrationMode, ShowLogos};
use kabinet_core::client::Profile;
use kabinet_core::id::ClientId;
use kabinet_tests::{Browser, Page, Rp, TestApp};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::registration::{app_with, call, initial_token, management, register, rp_of, text, web};

/// What stands at a path: status, `Location`, body.
type Place = (u16, &'static str, Vec<u8>);

#[derive(Clone, Default)]
struct Places(Arc<Mutex<(HashMap<String, Place>, usize)>>);

/// Where clients keep their pictures.
struct Host {
    origin: String,
    places: Places,
}

impl Host {
    /// On a thread of its own: the provider waits but a few seconds.
    fn start() -> Self {
        let places = Places::default();
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let origin = format!("http://{}", socket.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(places.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        std::thread::spawn(move || {
            runtime.block_on(async { axum::serve(tokio::net::TcpListener::from_std(socket).unwrap(), router).await })
        });
        Self { origin, places }
    }

    fn put(&self, path: &str, place: Place) -> String {
        self.places.0.lock().unwrap().0.insert(path.to_owned(), place);
        format!("{}{path}", self.origin)
    }

    fn calls(&self) -> usize {
        self.places.0.lock().unwrap().1
    }
}

async fn answer(State(places): State<Places>, uri: Uri) -> Response {
    let mut places = places.0.lock().unwrap();
    places.1 += 1;
    match places.0.get(uri.path()) {
        // The type says nothing: what counts is the content.
        Some((status, location, body)) => (
            StatusCode::from_u16(*status).unwrap(),
            [("location", *location), ("content-type", "text/html")],
            body.clone(),
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The head of a PNG of this width, which is all that is looked at.
fn png(width: u32) -> Vec<u8> {
    let head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    [&head[..], &width.to_be_bytes(), &64_u32.to_be_bytes(), &[8, 6, 0, 0, 0, 0, 0, 0, 0]].concat()
}

fn good(width: u32) -> Place {
    (200, "", png(width))
}

async fn start(mode: RegistrationMode, change: impl FnOnce(&mut Config)) -> TestApp {
    app_with(mode, |config| {
        config.registration.per_hour = 1000;
        change(config);
    })
    .await
}

fn picture(page: &Page) -> Option<String> {
    let sources = page.html.attributes("img", "src");
    assert!(
        sources.len() <= 1 && sources.iter().all(|source| source.starts_with("/logos/")),
        "{sources:?}"
    );
    sources.into_iter().next()
}

/// The sign-in page of a client.
async fn sign_in(app: &TestApp, rp: &Rp) -> Browser {
    let mut browser = app.browser();
    browser.get(&rp.ask().url()).await;
    assert!(browser.page.has("login-form"), "{}", browser.page.text());
    browser
}

async fn shown(app: &TestApp, rp: &Rp) -> Option<String> {
    picture(&sign_in(app, rp).await.page)
}

async fn served(app: &TestApp, path: &str) -> (StatusCode, http::HeaderMap, Vec<u8>) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let answer = app.node.router.clone().oneshot(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    (parts.status, parts.headers, to_bytes(body, 1 << 20).await.unwrap().to_vec())
}

async fn register_by_token(app: &TestApp, uri: &str) -> (Value, Rp) {
    static LIFE: AtomicI64 = AtomicI64::new(3600);
    let token = initial_token(app, 1, LIFE.fetch_add(1, Ordering::SeqCst)).await;
    let answer = call(app, Method::POST, "/oauth2/register", Some(&token), &web(json!({"logo_uri": uri}))).await;
    assert_eq!((answer.code(), &answer.json()["logo_uri"]), (201, &json!(uri)), "{}", answer.body);
    (answer.json(), rp_of(app, &answer).await)
}

/// The picture that is shown of a client. On a machine that is busy for seconds it may not have been fetched: then the client
/// is saved again, as the guide says.
async fn picture_of(app: &TestApp, rp: &Rp, said: &mut Value) -> String {
    let mut tries = 0;
    loop {
        if let Some(path) = shown(app, rp).await {
            return path;
        }
        let uri = said["logo_uri"].clone();
        *said = replace(app, said, json!({"logo_uri": uri})).await;
        tries += 1;
        assert!(tries < 30, "it never came");
    }
}

/// Replaces a registration; what is said of it then.
async fn replace(app: &TestApp, said: &Value, more: Value) -> Value {
    let (path, token) = management(said);
    let mut body = web(more);
    body["client_id"] = said["client_id"].clone();
    call(app, Method::PUT, &path, Some(&token), &body).await.ok().json()
}

#[tokio::test]
async fn a_picture_is_shown_at_sign_in_and_consent_and_served_so_that_it_can_do_nothing() {
    let (app, host) = (start(RegistrationMode::Token, |_| ()).await, Host::start());
    let uri = host.put("/logo", good(64));
    let (mut said, rp) = register_by_token(&app, &uri).await;
    let path = picture_of(&app, &rp, &mut said).await;
    let calls = host.calls();

    let mut browser = sign_in(&app, &rp).await;
    assert_eq!(picture(&browser.page).as_ref(), Some(&path));
    assert!(!browser.page.source().contains(&host.origin));
    let person = app.anyone().await;
    app.fill_in(&mut browser, &person).await;
    assert!(browser.page.has("consent-form"), "{}", browser.page.text());
    assert_eq!(picture(&browser.page).as_ref(), Some(&path));

    let (status, headers, bytes) = served(&app, &path).await;
    assert_eq!((status, bytes), (StatusCode::OK, png(64)));
    for (name, value) in [
        ("content-type", "image/png"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert_eq!(host.calls(), calls, "no visitor makes it be fetched");
    for unknown in ["/logos/", "/logos/x", &path[..path.len() - 1], &format!("/logos/{}", "0".repeat(64))] {
        assert_eq!(served(&app, unknown).await.0, StatusCode::NOT_FOUND, "{unknown}");
    }
}

#[tokio::test]
async fn of_whoever_registers_without_a_token_nothing_is_fetched_unless_all_are_shown() {
    let host = Host::start();
    let uri = host.put("/logo", good(64));
    let app = start(RegistrationMode::Open, |_| ()).await;
    let answer = register(&app, &web(json!({"logo_uri": uri}))).await;
    assert_eq!(answer.code(), 201, "{}", answer.body);
    assert_eq!((shown(&app, &rp_of(&app, &answer).await).await, host.calls()), (None, 0));
    let other = host.put("/other", good(65));
    replace(&app, &answer.json(), json!({"logo_uri": other})).await;
    assert_eq!((shown(&app, &rp_of(&app, &answer).await).await, host.calls()), (None, 0));

    let mut app = start(RegistrationMode::Open, |config| config.registration.show_logos = ShowLogos::All).await;
    let answer = register(&app, &web(json!({"logo_uri": uri}))).await;
    let rp = rp_of(&app, &answer).await;
    let path = picture_of(&app, &rp, &mut answer.json()).await;
    assert_eq!(served(&app, &path).await.0, StatusCode::OK);
    // The setting is taken back: from then on it is neither shown nor served.
    app.config.registration.show_logos = ShowLogos::Vouched;
    app.restart().await;
    assert_eq!(shown(&app, &rp_of(&app, &answer).await).await, None);
    assert_eq!(served(&app, &path).await.0, StatusCode::NOT_FOUND);
    // An administrator sets the picture of that client: it is vouched for.
    let id = ClientId::from(text(&answer.json(), "client_id"));
    let mut tx = app.store.begin().await.unwrap();
    kabinet_store::registration::hold(&mut tx, &id, &["logo_uri".to_owned()]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(shown(&app, &rp_of(&app, &answer).await).await.as_ref(), Some(&path));
}

#[tokio::test]
async fn what_is_no_picture_fails_no_registration_and_the_next_save_tries_again() {
    let (app, host) = (start(RegistrationMode::Token, |_| ()).await, Host::start());
    let elsewhere = host.put("/elsewhere", good(64));
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    let mut long = png(64);
    long.resize(64 * 1024 + 1, 0);
    let moved: &'static str = Box::leak(elsewhere.into_boxed_str());
    for (path, place) in [
        ("/svg", (200, "", svg.to_vec())),
        ("/html", (200, "", b"<!doctype html><title>x</title>".to_vec())),
        ("/long", (200, "", long)),
        ("/wide", good(1025)),
        ("/missing", (404, "", png(64))),
        ("/moved", (302, moved, Vec::new())),
        ("/empty", (200, "", Vec::new())),
    ] {
        let uri = host.put(path, place);
        let (mut said, rp) = register_by_token(&app, &uri).await;
        assert_eq!(shown(&app, &rp).await, None, "{path}");
        host.put(path, good(64));
        picture_of(&app, &rp, &mut said).await;
    }
    // Nobody listens there, and inside nobody is asked.
    for uri in [
        "http://127.0.0.1:9/logo",
        "http://10.0.0.1/logo",
        "http://[::1]/logo",
        "https://169.254.169.254/logo",
    ] {
        let (_, rp) = register_by_token(&app, uri).await;
        assert_eq!(shown(&app, &rp).await, None, "{uri}");
    }
}

#[tokio::test]
async fn a_picture_follows_its_address_and_goes_with_its_client() {
    let (app, host) = (start(RegistrationMode::Token, |_| ()).await, Host::start());
    let [one, two, none] = [("/one", good(1)), ("/two", good(2)), ("/none", (404, "", Vec::new()))]
        .map(|(path, place)| host.put(path, place));
    let (mut said, rp) = register_by_token(&app, &one).await;
    let first = picture_of(&app, &rp, &mut said).await;
    let calls = host.calls();
    said = replace(&app, &said, json!({"logo_uri": one, "client_name": "Renamed"})).await;
    assert_eq!(shown(&app, &rp).await.as_ref(), Some(&first));
    assert_eq!(host.calls(), calls, "the same address is not fetched again");
    said = replace(&app, &said, json!({"logo_uri": two})).await;
    let second = picture_of(&app, &rp, &mut said).await;
    assert_eq!(served(&app, &second).await.2, png(2));
    assert_eq!(served(&app, &first).await.0, StatusCode::NOT_FOUND);
    // A new address without a picture does not keep the old one.
    said = replace(&app, &said, json!({"logo_uri": none})).await;
    assert_eq!(shown(&app, &rp).await, None);
    said = replace(&app, &said, json!({"logo_uri": one})).await;
    assert_eq!(picture_of(&app, &rp, &mut said).await, first);
    said = replace(&app, &said, json!({})).await;
    assert_eq!((shown(&app, &rp).await, served(&app, &first).await.0), (None, StatusCode::NOT_FOUND));
    said = replace(&app, &said, json!({"logo_uri": one})).await;
    assert_eq!(picture_of(&app, &rp, &mut said).await, first);
    let (path, token) = management(&said);
    assert_eq!(call(&app, Method::DELETE, &path, Some(&token), &Value::Null).await.code(), 204);
    assert_eq!(served(&app, &first).await.0, StatusCode::NOT_FOUND);
    // A client that an administrator made has one as soon as it was fetched, and none before.
    let by_hand = app.client(Profile::Web, |metadata| metadata.logo_uri = Some(one)).await;
    assert_eq!(shown(&app, &by_hand).await, None);
}
