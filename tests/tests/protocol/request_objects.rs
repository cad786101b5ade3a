//! Request objects by value and by reference (OpenID Connect Core §6, RFC 9101).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jwk::alg::ec::{EcCurve, EcKeyPair};
use josekit::jws::{ES256, JwsSigner};
use kabinet_core::client::{Alg, ClientMetadata, Profile, RequestObjectAlg, Unsigned};
use kabinet_tests::{Ask, Tokens, jwt};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::world::World;

/// A key of a relying party.
struct Key {
    pair: EcKeyPair,
    kid: &'static str,
}

impl Key {
    fn new(kid: &'static str) -> Self {
        Self { pair: EcKeyPair::generate(EcCurve::P256).unwrap(), kid }
    }

    fn publish(&self, metadata: &mut ClientMetadata) {
        let mut public = serde_json::to_value(self.pair.to_jwk_public_key()).unwrap();
        public["kid"] = self.kid.into();
        metadata.jwks = Some(serde_json::from_value(json!({"keys": [public]})).unwrap());
    }

    fn sign(&self, claims: &Value) -> String {
        let signer = ES256.signer_from_der(self.pair.to_der_private_key()).unwrap();
        let header = json!({"alg": "ES256", "kid": self.kid, "typ": "oauth-authz-req+jwt"});
        jwt::forge(&header, claims, |text| signer.sign(text).unwrap())
    }
}

fn unsigned(claims: &Value) -> String {
    jwt::forge(&json!({"alg": "none"}), claims, |_| Vec::new())
}

/// The parameters of a request as the claims of an object.
fn inside(world: &World, ask: &Ask) -> Value {
    let mut claims: serde_json::Map<String, Value> =
        ask.params.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    claims.insert("iss".to_owned(), world.rp.id.as_str().into());
    claims.insert("aud".to_owned(), world.app.config.issuer.clone().into());
    claims.insert("exp".to_owned(), (world.app.now() + 300).into());
    claims.into()
}

/// What must stand beside an object (OpenID Connect Core §6.1).
fn beside(world: &World, object: &str) -> Ask {
    Ask { params: Vec::new(), verifier: None }
        .with("client_id", world.rp.id.as_str())
        .with("response_type", "code")
        .with("scope", "openid")
        .with("redirect_uri", world.rp.redirect_uri())
        .with("request", object)
}

#[tokio::test]
async fn the_redirect_uri_inside_counts_good_or_bad() {
    let mut world = World::new().await;
    let ask = world.rp.ask();
    let object = unsigned(&inside(&world, &ask));
    let outer = beside(&world, &object).with("redirect_uri", "https://evil.test/cb");
    let callback = world.rp.authorize(&mut world.browser, &outer).await;
    assert_eq!(callback.url, "https://rp.test/cb");
    // And a bad one inside is not followed because a good one stands outside.
    let bad = unsigned(&inside(&world, &ask.with("redirect_uri", "https://evil.test/cb")));
    world.browser.get(&beside(&world, &bad).url()).await;
    assert_eq!(world.browser.page.error(), "redirect_uri");
}

#[tokio::test]
async fn an_object_is_fetched_only_from_where_its_client_registered_it() {
    // A real relying party on the loopback address; it counts who asks.
    let asked = Arc::new(AtomicUsize::new(0));
    let content = Arc::new(tokio::sync::RwLock::new(String::new()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let served = (asked.clone(), content.clone());
    let site = Router::new()
        .route(
            "/request.jwt",
            get(async move || {
                served.0.fetch_add(1, Ordering::SeqCst);
                served.1.read().await.clone()
            }),
        )
        .route("/away", get(async || axum::response::Redirect::temporary("/request.jwt")))
        .route("/large", get(async || "x".repeat(70_000)));
    let server = tokio::spawn(async move { axum::serve(listener, site).await });
    let key = Key::new("a");
    let uris = ["/request.jwt", "/away", "/large", "/missing"].map(|path| format!("{base}{path}"));
    let mut world = World::over(
        |config| config.outbound.allow = vec!["127.0.0.0/8".parse().unwrap()],
        Profile::Web,
        |m| {
            key.publish(m);
            m.request_uris = uris.to_vec();
        },
    )
    .await;
    for signed in [true, false] {
        let ask = world.rp.ask();
        let claims = inside(&world, &ask);
        *content.write().await = if signed { key.sign(&claims) } else { unsigned(&claims) };
        let enter = beside(&world, "").without("request").with("request_uri", &uris[0]);
        let callback = world.rp.authorize(&mut world.browser, &enter).await;
        assert_eq!(callback.get("state"), ask.get("state"));
        Tokens::of(&world.rp.redeem(callback.code(), &ask).await);
        // The hash in a fragment must be that of what is there (OpenID Connect Core §6.2).
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(content.read().await.as_bytes()));
        for (fragment, error) in [(hash.as_str(), ""), ("AAAA", "invalid_request_uri")] {
            let enter = beside(&world, "")
                .without("request")
                .with("request_uri", &format!("{}#{fragment}", uris[0]));
            assert_eq!(world.rp.authorize(&mut world.browser, &enter).await.get("error"), error, "{fragment}");
        }
    }
    let before = asked.load(Ordering::SeqCst);
    for bad in [
        &uris[1],
        &uris[2],
        &uris[3],
        &format!("{}?x", uris[0]),
        "https://rp.test/other.jwt",
        "file:///etc/passwd",
        "urn:x",
    ] {
        let enter = beside(&world, "").without("request").with("request_uri", bad);
        assert_eq!(
            world.rp.authorize(&mut world.browser, &enter).await.get("error"),
            "invalid_request_uri",
            "{bad}"
        );
    }
    assert_eq!(
        asked.load(Ordering::SeqCst),
        before,
        "nothing but what is registered is fetched, and no redirect followed"
    );
    server.abort();
}

#[tokio::test]
async fn addresses_inside_are_not_fetched_unless_listed() {
    let mut world = World::of(Profile::Web, |m| {
        m.request_uris = [
            "http://127.0.0.1:9/r",
            "https://127.0.0.1:9/r",
            "http://169.254.169.254/latest/meta-data/",
            "https://[::1]/r",
        ]
        .map(str::to_owned)
        .to_vec();
    })
    .await;
    for uri in world.rp.metadata.request_uris.clone() {
        let enter = beside(&world, "").without("request").with("request_uri", &uri);
        assert_eq!(
            world.rp.authorize(&mut world.browser, &enter).await.get("error"),
            "invalid_request_uri",
            "{uri}"
        );
    }
}

#[tokio::test]
async fn a_signed_object_is_good_only_with_the_clients_key_and_its_registered_algorithm() {
    let (key, foreign) = (Key::new("a"), Key::new("a"));
    let mut world = World::of(Profile::Web, |m| {
        key.publish(m);
        m.request_object_signing_alg = Some(RequestObjectAlg::Signed(Alg::ES256));
    })
    .await;
    let ask = world.rp.ask();
    let claims = inside(&world, &ask);
    let outer = beside(&world, &key.sign(&claims));
    let callback = world.rp.authorize(&mut world.browser, &outer).await;
    assert_eq!(callback.get("state"), ask.get("state"));
    let tampered = {
        let good = key.sign(&claims);
        let (header, rest) = good.split_once('.').unwrap();
        let (_, signature) = rest.split_once('.').unwrap();
        format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(json!({"scope": "openid"}).to_string()))
    };
    for bad in [
        foreign.sign(&claims),
        unsigned(&claims),
        tampered,
        "a.b.c".to_owned(),
        "a.b.c.d.e".to_owned(),
        "x".to_owned(),
    ] {
        let outer = beside(&world, &bad);
        let callback = world.rp.authorize(&mut world.browser, &outer).await;
        assert_eq!(callback.get("error"), "invalid_request_object", "{bad}");
    }
    world.rp.metadata.request_object_signing_alg = None;
    let unsigned_only = world
        .app
        .client(Profile::Web, |m| {
            key.publish(m);
            m.request_object_signing_alg = Some(RequestObjectAlg::Unsigned(Unsigned::None));
        })
        .await;
    world.rp = unsigned_only;
    let claims = inside(&world, &world.rp.ask());
    let outer = beside(&world, &key.sign(&claims));
    let callback = world.rp.authorize(&mut world.browser, &outer).await;
    assert_eq!(callback.get("error"), "invalid_request_object");
}

#[tokio::test]
async fn what_an_object_says_of_itself_is_checked() {
    let key = Key::new("a");
    let mut world = World::of(Profile::Web, |m| key.publish(m)).await;
    let ask = world.rp.ask();
    let good = inside(&world, &ask);
    let now = world.app.now();
    let cases = [
        ("iss", json!("another")),
        ("iss", json!(5)),
        ("client_id", json!("another")),
        ("aud", json!("https://another.test")),
        ("aud", json!(["https://another.test"])),
        ("exp", json!(now)),
        ("exp", json!("soon")),
        ("exp", json!(1.5)),
        ("nbf", json!(now + 61)),
        ("sub", json!(world.rp.id.as_str())),
        ("request", json!("x")),
        ("request_uri", json!("https://rp.test/x")),
        ("response_type", json!("id_token")),
        ("scope", json!(["openid"])),
    ];
    for (name, value) in cases {
        let mut claims = good.clone();
        claims[name] = value.clone();
        let outer = beside(&world, &key.sign(&claims));
        let callback = world.rp.authorize(&mut world.browser, &outer).await;
        assert_eq!(
            (callback.get("error"), callback.get("code")),
            ("invalid_request_object", ""),
            "{name}: {value}"
        );
    }
    let mut several = good.clone();
    several["aud"] = json!(["https://another.test", world.app.config.issuer]);
    several["nbf"] = json!(now + 8);
    assert!(
        !{
            let outer = beside(&world, &key.sign(&several));
            world.rp.authorize(&mut world.browser, &outer).await
        }
        .code()
        .is_empty()
    );
    let both = beside(&world, &key.sign(&good)).with("request_uri", "https://rp.test/x");
    assert_eq!(world.rp.authorize(&mut world.browser, &both).await.get("error"), "invalid_request");
    // Nowhere to send the error to: a page, and no redirect.
    let lost = beside(&world, "x.y.z").without("redirect_uri");
    world.browser.get(&lost.url()).await;
    assert!(world.browser.page.left.is_none() && world.browser.page.status == 400);
}

#[tokio::test]
async fn an_object_can_be_pushed() {
    let key = Key::new("a");
    let mut world = World::of(Profile::Web, |m| key.publish(m)).await;
    let ask = world.rp.ask();
    let mut claims = inside(&world, &ask);
    claims["exp"] = (world.app.now() + 10).into();
    let object = key.sign(&claims);
    let answer = world
        .rp
        .post("/oauth2/par", &[("client_id", world.rp.id.as_str()), ("request", &object)])
        .await;
    assert_eq!(answer.code(), 201, "{}", answer.body);
    world.app.clock.advance(30);
    let enter = Ask { params: Vec::new(), verifier: None }
        .with("client_id", world.rp.id.as_str())
        .with("request_uri", &answer.member("request_uri"));
    let callback = world.rp.authorize(&mut world.browser, &enter).await;
    // What was good when it was pushed is answered after its `exp` too: it is checked once, at entry.
    Tokens::of(&world.rp.redeem(callback.code(), &ask).await);
}
