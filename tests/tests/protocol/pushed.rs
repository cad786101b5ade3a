//! Pushed authorization requests (RFC 9126).

use kabinet_core::client::{AuthMethod, Profile};
use kabinet_tests::{Ask, Rp, Tokens, eventually};

use crate::world::World;

/// Pushes a request as it stands and gives the answer.
async fn push(rp: &Rp, ask: &Ask) -> kabinet_tests::Answer {
    // A public client names itself anyway, as everywhere.
    let is_named = |name: &str| name == "client_id" && rp.metadata.is_public();
    let pairs = ask.params.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let form: Vec<(&str, &str)> = pairs.filter(|(name, _)| !is_named(name)).collect();
    rp.post("/oauth2/par", &form).await
}

/// The name of a request that was taken.
async fn pushed(rp: &Rp, ask: &Ask) -> String {
    let answer = push(rp, ask).await;
    assert_eq!(answer.code(), 201, "{}", answer.body);
    assert!(answer.header("cache-control").contains("no-store"));
    assert_eq!(answer.json()["expires_in"], 60);
    answer.member("request_uri")
}

fn enter(rp: &Rp, uri: &str) -> Ask {
    Ask { params: Vec::new(), verifier: None }
        .with("client_id", rp.id.as_str())
        .with("request_uri", uri)
}

#[tokio::test]
async fn a_pushed_request_is_answered_as_it_was_pushed() {
    let mut world = World::new().await;
    let ask = world.rp.ask_for("openid email");
    let uri = pushed(&world.rp, &ask).await;
    assert!(uri.starts_with("urn:ietf:params:oauth:request_uri:") && uri.len() > 34 + 22, "{uri}");
    // What stands beside it is ignored: it was all said before.
    let enter = enter(&world.rp, &uri)
        .with("scope", "openid phone")
        .with("redirect_uri", "https://evil.test/")
        .with("state", "x");
    let callback = world.rp.authorize(&mut world.browser, &enter).await;
    assert_eq!((callback.get("state"), callback.url.as_str()), (ask.get("state"), "https://rp.test/cb"));
    let tokens = Tokens::of(&world.rp.redeem(callback.code(), &ask).await);
    assert_eq!(tokens.json["scope"], "email openid");
}

#[tokio::test]
async fn it_may_be_entered_twice_and_is_answered_once() {
    let mut world = World::signed_out(Profile::Web, |_| ()).await;
    let ask = world.rp.ask();
    let enter = enter(&world.rp, &pushed(&world.rp, &ask).await);
    let mut second = world.app.browser();
    second.get(&enter.url()).await;
    assert!(second.page.has("login-form"));
    let callback = world.rp.come_back(&world.app, &mut world.browser, &world.person, &enter).await;
    assert!(!callback.code().is_empty());
    world.app.fill_in(&mut second, &world.person).await;
    let late = kabinet_tests::Callback::of(&second.page);
    assert_eq!((late.get("error"), late.get("code")), ("invalid_request_uri", ""));
    // And it can no longer be entered.
    world.browser.get(&enter.url()).await;
    assert!(world.browser.page.left.is_none() && world.browser.page.status == 400);
}

#[tokio::test]
async fn a_browser_that_comes_after_a_minute_or_with_another_client_gets_a_page() {
    let mut world = World::new().await;
    let other = world.app.client(Profile::Web, |_| ()).await;
    let uri = pushed(&world.rp, &world.rp.ask()).await;
    world.browser.get(&enter(&other, &uri).url()).await;
    assert!(world.browser.page.left.is_none() && world.browser.page.status == 400);
    for bad in ["urn:ietf:params:oauth:request_uri:", "urn:ietf:params:oauth:request_uri:AAAA", &format!("{uri}A")] {
        world.browser.get(&enter(&world.rp, bad).url()).await;
        assert!(world.browser.page.left.is_none() && world.browser.page.status == 400, "{bad}");
    }
    world.app.clock.advance(59);
    let callback = world.rp.authorize(&mut world.browser, &enter(&world.rp, &uri)).await;
    assert!(!callback.code().is_empty());
    let uri = pushed(&world.rp, &world.rp.ask()).await;
    world.app.clock.advance(60);
    world.browser.get(&enter(&world.rp, &uri).url()).await;
    assert!(world.browser.page.left.is_none() && world.browser.page.status == 400);
}

#[tokio::test]
async fn a_sign_in_may_take_longer_than_the_minute() {
    let mut world = World::signed_out(Profile::Web, |_| ()).await;
    let ask = world.rp.ask();
    let enter = enter(&world.rp, &pushed(&world.rp, &ask).await);
    world.browser.get(&enter.url()).await;
    world.app.clock.advance(900);
    kabinet_store::sweep::sweep(&world.app.store, world.app.ambient.clock.now())
        .await
        .unwrap();
    world.app.fill_in(&mut world.browser, &world.person).await;
    let callback = kabinet_tests::Callback::of(&world.browser.page);
    Tokens::of(&world.rp.redeem(callback.code(), &ask).await);
}

#[tokio::test]
async fn what_is_wrong_is_said_to_the_client_at_once() {
    let world = World::new().await;
    let ask = || world.rp.ask();
    let cases = [
        (ask().with("request_uri", "urn:ietf:params:oauth:request_uri:x"), "invalid_request"),
        (ask().with("redirect_uri", "https://evil.test/"), "invalid_request"),
        (ask().without("redirect_uri"), "invalid_request"),
        (ask().with("response_type", "token"), "unsupported_response_type"),
        (ask().with("scope", "nothing-of-ours"), "invalid_scope"),
        (ask().with("code_challenge_method", "plain"), "invalid_request"),
        (ask().with("prompt", "none login"), "invalid_request"),
        (ask().with("resource", "https://elsewhere.test"), "invalid_target"),
        (ask().with("claims", "[]"), "invalid_request"),
        (ask().with("id_token_hint", "x"), "invalid_request"),
        (ask().and("state", "again"), "invalid_request"),
        (ask().with("request", "x.y.z"), "invalid_request_object"),
    ];
    for (ask, error) in cases {
        push(&world.rp, &ask).await.refused(400, error);
    }
    let mut stranger = world.rp.clone();
    stranger.secret = Some("wrong".to_owned());
    push(&stranger, &ask()).await.refused(401, "invalid_client");
    let other = world.app.client(Profile::Web, |_| ()).await;
    push(&world.rp, &ask().with("client_id", other.id.as_str()))
        .await
        .refused(400, "invalid_request");
}

#[tokio::test]
async fn a_client_that_must_push_cannot_come_directly() {
    let mut world = World::of(Profile::Web, |m| m.require_pushed_authorization_requests = true).await;
    let ask = world.rp.ask();
    let callback = world.rp.authorize(&mut world.browser, &ask).await;
    assert_eq!((callback.get("error"), callback.get("code")), ("invalid_request", ""));
    let enter = enter(&world.rp, &pushed(&world.rp, &ask).await);
    let callback = world.rp.authorize(&mut world.browser, &enter).await;
    assert!(!callback.code().is_empty());
}

#[tokio::test]
async fn public_clients_push_too_and_a_client_that_changed_meanwhile_is_checked_again() {
    let mut world = World::of(Profile::Spa, |_| ()).await;
    assert_eq!(world.rp.metadata.token_endpoint_auth_method, AuthMethod::None);
    let ask = world.rp.ask();
    let uri = pushed(&world.rp, &ask).await;
    let callback = world.rp.authorize(&mut world.browser, &enter(&world.rp, &uri)).await;
    Tokens::of(&world.rp.redeem(callback.code(), &ask).await);
    let uri = pushed(&world.rp, &ask).await;
    let id = world.rp.id.clone();
    world
        .app
        .change_client(&id, |client| client.metadata.redirect_uris = vec!["https://rp.test/new".to_owned()])
        .await;
    let mut browser = world.browser;
    let rp = &world.rp;
    eventually("the changed client is known", || async { push(rp, &ask).await.code() == 400 }).await;
    browser.get(&enter(rp, &uri).url()).await;
    assert_eq!(browser.page.error(), "redirect_uri");
}

#[tokio::test]
async fn discovery_names_the_endpoint() {
    let world = World::new().await;
    let facts = world.app.get("/.well-known/openid-configuration").await.json();
    assert_eq!(facts["pushed_authorization_request_endpoint"], "https://id.test/oauth2/par");
}

#[tokio::test]
async fn one_address_of_a_client_that_authenticates_stands_for_all_its_people() {
    let world = World::new().await;
    let ask = world.rp.ask();
    for _ in 0..320 {
        pushed(&world.rp, &ask).await;
    }
    let public = world.app.client(Profile::Spa, |_| ()).await;
    let ask = public.ask();
    let mut answers = Vec::new();
    for _ in 0..301 {
        answers.push(push(&public, &ask).await.code());
    }
    assert_eq!((answers[299], answers[300]), (201, 503));
}
