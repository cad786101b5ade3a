//! R11 in its quick form, and what becomes of a signing key: published before it signs, published after, known to its own
//! hints, gone.

use kabinet::config::Seconds;
use kabinet_core::client::{Alg, Profile};
use kabinet_core::key::{KeyState, Ring};
use kabinet_tests::{Rp, TestApp, Tokens, eventually, jwt};
use serde_json::Value;

use crate::world::World;

const DAY: i64 = 86_400;
/// What the JWK set's `Cache-Control` allows.
const CACHE: i64 = 300;

/// A relying party that keeps the JWK set for as long as it may and never asks before.
struct Verifier {
    keys: Value,
    asked_at: i64,
}

impl Verifier {
    async fn verify(&mut self, app: &TestApp, token: &str) -> Result<Value, String> {
        if app.now() - self.asked_at >= CACHE {
            *self = Self {
                keys: app.get("/oauth2/jwks").await.ok().json(),
                asked_at: app.now(),
            };
        }
        jwt::verify(token, &self.keys)
    }
}

/// Three of them, whose caches end at different moments.
fn verifiers(app: &TestApp) -> [Verifier; 3] {
    [0, 100, 200].map(|ago| Verifier { keys: Value::Null, asked_at: app.now() - CACHE - ago })
}

async fn kid_in_use(app: &TestApp, alg: Alg) -> String {
    let keys = kabinet_store::key::every(app.store.db()).await.unwrap();
    let current =
        |key: &&kabinet_core::key::SigningKey| (key.ring, key.alg, key.state) == (Ring::Common, alg, KeyState::Current);
    keys.iter().find(current).unwrap().id.to_string()
}

/// Waits until the node signs with the keys that are current.
async fn heard(app: &TestApp, rp: &Rp) {
    let kid = kid_in_use(app, Alg::ES256).await;
    eventually("the node signs with the new key", async || {
        let token = Tokens::of(&rp.token(&[("grant_type", "client_credentials")]).await).access;
        jwt::parts(&token).0["kid"] == kid.as_str()
    })
    .await;
}

#[tokio::test]
async fn five_rotations_by_the_schedule_are_noticed_by_no_verifier_that_caches_the_keys() {
    let app = &TestApp::start_with(|config| config.keys.rotate_every = Seconds::days(20)).await;
    let rp = app.client(Profile::Web, |m| m.id_token_signed_response_alg = Alg::EdDSA).await;
    let service = app.client(Profile::Machine, |_| ()).await;
    let person = app.anyone().await;
    let ask = rp.ask_for("openid offline_access");
    let mut tokens = rp.sign_in_with(app, &mut app.browser(), &person, &ask).await;
    let mut verifiers = verifiers(app);
    let mut living: Vec<(i64, String)> = Vec::new();
    let mut kids = std::collections::BTreeSet::new();
    for _ in 0..5 {
        app.clock.advance(app.config.keys.rotate_every.get() - 1200);
        // Across the rotation in steps that no cache is a multiple of.
        for _ in 0..24 {
            app.clock.advance(70);
            // Tokens are asked for while the keys move, and after.
            let ask = [("grant_type", "client_credentials")];
            let load = futures_util::future::join_all((0..4).map(|_| service.token(&ask)));
            let (moved, meanwhile) = futures_util::future::join(app.tend_keys(), load).await;
            if moved > 0 {
                heard(app, &service).await;
            }
            let after = service.token(&ask).await;
            let given = meanwhile.iter().chain([&after]).map(|answer| Tokens::of(answer).access);
            living.extend(given.map(|access| (app.now() + 300, access)));
            living.retain(|(end, _)| *end > app.now());
            for verifier in &mut verifiers {
                for (_, token) in &living {
                    let header = jwt::parts(token).0;
                    verifier.verify(app, token).await.unwrap_or_else(|why| panic!("{why}: {header}"));
                    kids.insert(header["kid"].as_str().unwrap().to_owned());
                }
            }
        }
        tokens = Tokens::of(&rp.refresh(&tokens.refresh).await);
        for verifier in &mut verifiers {
            verifier.verify(app, &tokens.id).await.unwrap();
        }
    }
    assert_eq!(kids.len(), 6, "five rotations and the first key");
}

#[tokio::test]
async fn a_rotation_that_was_forced_before_the_next_key_was_known_is_noticed() {
    let world = World::signed_out(Profile::Web, |_| ()).await;
    let app = &world.app;
    let service = app.client(Profile::Machine, |_| ()).await;
    let [mut verifier, ..] = verifiers(app);
    let token = async || Tokens::of(&service.token(&[("grant_type", "client_credentials")]).await).access;
    verifier.verify(app, &token().await).await.unwrap();
    for expected in [true, false] {
        app.rotate(Alg::ES256).await;
        heard(app, &service).await;
        assert_eq!(verifier.verify(app, &token().await).await.is_ok(), expected);
    }
}

#[tokio::test]
async fn a_key_is_unpublished_after_its_tokens_and_forgotten_after_its_sessions() {
    let mut world = World::new().await;
    let old = world.tokens("openid offline_access").await;
    let kid = jwt::parts(&old.id).0["kid"].as_str().unwrap().to_owned();
    world.app.rotate(Alg::RS256).await;
    let state = async |app: &TestApp| {
        let keys = kabinet_store::key::every(app.store.db()).await.unwrap();
        keys.into_iter()
            .find(|key| key.id.as_str() == kid)
            .map(|key| (key.state, key.private_sealed.is_empty()))
    };
    let is_published = async |app: &TestApp| app.get("/oauth2/jwks").await.body.contains(&kid);
    assert_eq!(state(&world.app).await, Some((KeyState::Previous, false)));
    world.app.clock.advance(2 * DAY);
    assert_eq!(world.app.tend_keys().await, 0);
    assert!(is_published(&world.app).await);
    world.app.clock.advance(1);
    assert_eq!(world.app.tend_keys().await, 1);
    assert_eq!(state(&world.app).await, Some((KeyState::Retired, true)));
    eventually("the key is published no more", async || !is_published(&world.app).await).await;
    // The hint of a session that is older than the key's last days is still ours.
    world.app.sign_in(&mut world.browser, &world.person).await;
    let ask = world.rp.ask().with("prompt", "none").with("id_token_hint", &old.id);
    assert!(!world.rp.authorize(&mut world.browser, &ask).await.get("code").is_empty());
    world.rp.userinfo(&old.id).await.refused(401, "invalid_token");
    world.app.clock.advance(30 * DAY);
    assert_eq!(world.app.tend_keys().await, 1);
    assert_eq!(state(&world.app).await, None);
    world.app.sign_in(&mut world.browser, &world.person).await;
    let rp = world.rp.clone();
    for _ in 0..200 {
        let ask = rp.ask().with("prompt", "none").with("id_token_hint", &old.id);
        if rp.authorize(&mut world.browser, &ask).await.get("error") == "invalid_request" {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the forgotten key still knows its hint");
}

#[tokio::test]
async fn the_schedule_leaves_the_key_of_1c_alone_and_may_be_off() {
    let app = TestApp::start_with(|config| config.keys.rotate_every = Seconds(0)).await;
    app.clock.advance(3_000 * DAY);
    assert_eq!(app.tend_keys().await, 0);
    let app = TestApp::start().await;
    let of_1c = async || {
        let keys = kabinet_store::key::every(app.store.db()).await.unwrap();
        keys.into_iter().filter(|key| key.ring == Ring::OneC).collect::<Vec<_>>()
    };
    let before = of_1c().await;
    app.clock.advance(90 * DAY - 1);
    assert_eq!(app.tend_keys().await, 0);
    app.clock.advance(1);
    assert_eq!(app.tend_keys().await, Alg::ALL.len());
    assert_eq!(app.tend_keys().await, 0, "counted from the rotation");
    assert_eq!(of_1c().await, before);
}

#[tokio::test]
async fn two_nodes_that_rotate_at_once_rotate_once() {
    let app = TestApp::start().await;
    for _ in 0..3 {
        app.clock.advance(90 * DAY);
        let before = kid_in_use(&app, Alg::EdDSA).await;
        let moved = futures_util::future::join_all((0..4).map(|_| app.tend_keys())).await;
        let keys = kabinet_store::key::every(app.store.db()).await.unwrap();
        let count = |state| keys.iter().filter(|key| (key.alg, key.state) == (Alg::EdDSA, state)).count();
        assert_eq!((count(KeyState::Current), count(KeyState::Next)), (1, 1), "{moved:?}");
        assert_ne!(kid_in_use(&app, Alg::EdDSA).await, before);
    }
    let rotations = kabinet_store::audit::count(app.store.db(), "key.rotated").await.unwrap();
    assert_eq!(rotations, 3 * i64::try_from(Alg::ALL.len()).unwrap());
}

#[tokio::test]
async fn a_node_that_slept_through_a_rotation_signs_with_the_new_key() {
    let mut world = World::signed_out(Profile::Web, |_| ()).await;
    let app = &mut world.app;
    let service = app.client(Profile::Machine, |_| ()).await;
    let token = async || Tokens::of(&service.token(&[("grant_type", "client_credentials")]).await).access;
    let before = jwt::parts(&token().await).0["kid"].clone();
    // Nothing asks for changes any more, and those that the node misses are swept.
    drop(std::mem::take(&mut app.node.jobs));
    let kid = app.rotate(Alg::ES256).await;
    app.clock.advance(3 * 3600);
    kabinet_store::sweep::sweep(&app.store, kabinet_core::time::Timestamp(app.now()))
        .await
        .unwrap();
    assert_ne!(before, kid.as_str());
    eventually("the node hears and signs with the new key", async || {
        jwt::parts(&token().await).0["kid"] == kid.as_str()
    })
    .await;
}
