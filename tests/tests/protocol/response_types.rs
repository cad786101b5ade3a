//! What the response types of the implicit and hybrid flows must not do. What they do is in `certification`.

use kabinet_core::client::{Alg, ClientMetadata, GrantType, Profile};
use kabinet_core::response_type::ResponseType;
use kabinet_tests::{Ask, Tokens};

use crate::world::World;

const IMPLICIT: [&str; 2] = ["id_token", "id_token token"];
const HYBRID: [&str; 3] = ["code id_token", "code token", "code id_token token"];

fn every() -> impl Iterator<Item = &'static str> {
    IMPLICIT.into_iter().chain(HYBRID)
}

fn with_all(metadata: &mut ClientMetadata) {
    metadata.response_types = ResponseType::ALL.to_vec();
    metadata.grant_types.push(GrantType::Implicit);
}

async fn world() -> World {
    World::of(Profile::Web, with_all).await
}

/// A sound request of this type; PKCE goes with a code.
fn ask(world: &World, kind: &str) -> Ask {
    let ask = world.rp.ask().with("response_type", kind);
    if kind.contains("code") { ask } else { ask.without_pkce() }
}

#[tokio::test]
async fn an_id_token_in_front_is_signed_as_the_client_registered_too() {
    for alg in Alg::ALL {
        let mut world = World::of(Profile::Web, |m| {
            with_all(m);
            m.id_token_signed_response_alg = alg;
        })
        .await;
        let ask = ask(&world, "id_token");
        let callback = world.rp.authorize(&mut world.browser, &ask).await;
        world.rp.verify(callback.get("id_token")).await;
    }
}

#[tokio::test]
async fn tokens_never_stand_in_a_query() {
    let mut world = world().await;
    for kind in every() {
        let ask = ask(&world, kind).with("response_mode", "query");
        let callback = world.rp.authorize(&mut world.browser, &ask).await;
        assert_eq!((callback.get("error"), callback.mode), ("invalid_request", "fragment"), "{kind}");
    }
}

#[tokio::test]
async fn a_client_gets_only_the_response_types_that_it_registered() {
    let mut world = World::new().await;
    for kind in every() {
        let ask = ask(&world, kind);
        let callback = world.rp.authorize(&mut world.browser, &ask).await;
        assert_eq!((callback.get("error"), callback.mode), ("unauthorized_client", "fragment"), "{kind}");
    }
    for kind in ["token", "none", "id_token id_token", "code foo"] {
        let ask = ask(&world, kind);
        let callback = world.rp.authorize(&mut world.browser, &ask).await;
        assert_eq!(callback.get("error"), "unsupported_response_type", "{kind}");
    }
}

#[tokio::test]
async fn an_id_token_without_the_scope_openid_is_refused() {
    let mut world = world().await;
    let ask = ask(&world, "id_token").with("scope", "email");
    let callback = world.rp.authorize(&mut world.browser, &ask).await;
    assert_eq!(callback.get("error"), "invalid_scope");
}

#[tokio::test]
async fn offline_access_needs_a_code_and_the_front_channel_never_brings_a_refresh_token() {
    let mut world = world().await;
    let silent = ask(&world, "id_token token").with("scope", "openid offline_access");
    let callback = world.rp.authorize(&mut world.browser, &silent).await;
    assert_eq!((callback.get("scope"), callback.get("refresh_token")), ("openid", ""));
    let hybrid = ask(&world, "code id_token token").with("scope", "openid offline_access");
    let callback = world.rp.authorize(&mut world.browser, &hybrid).await;
    assert_eq!(callback.get("refresh_token"), "");
    assert!(!Tokens::of(&world.rp.redeem(callback.code(), &hybrid).await).refresh.is_empty());
}

#[tokio::test]
async fn a_replayed_code_ends_the_token_that_came_beside_it_and_so_does_a_sign_out() {
    let mut world = world().await;
    let hybrid = ask(&world, "code token");
    let callback = world.rp.authorize(&mut world.browser, &hybrid).await;
    Tokens::of(&world.rp.redeem(callback.code(), &hybrid).await);
    world.rp.redeem(callback.code(), &hybrid).await.refused(400, "invalid_grant");
    assert!(!world.rp.is_active(callback.get("access_token")).await);
    let implicit = ask(&world, "id_token token");
    let callback = world.rp.authorize(&mut world.browser, &implicit).await;
    // Later than any code lives: the row is there as long as the token is.
    world.app.clock.advance(200);
    kabinet_store::sweep::sweep(&world.app.store, world.app.ambient.clock.now())
        .await
        .unwrap();
    assert!(world.rp.is_active(callback.get("access_token")).await);
    let logout = format!("/oauth2/logout?id_token_hint={}", callback.get("id_token"));
    world.browser.get(&logout).await;
    assert!(!world.rp.is_active(callback.get("access_token")).await);
}

#[tokio::test]
async fn a_public_client_needs_no_challenge_where_there_is_no_code() {
    let mut world = World::of(Profile::Spa, with_all).await;
    for (kind, error) in [("id_token", ""), ("code id_token", "invalid_request")] {
        let ask = world.rp.ask().with("response_type", kind).without_pkce();
        let callback = world.rp.authorize(&mut world.browser, &ask).await;
        assert_eq!(callback.get("error"), error, "{kind}");
    }
}
