//! Modules of the implicit, hybrid and form post plans, each for every response type it is run with, and what those response
//! types must not do.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kabinet_core::client::{Alg, ClientMetadata, GrantType, Profile};
use kabinet_core::response_type::ResponseType;
use kabinet_tests::{Ask, Callback, Tokens};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

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

fn half(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(text.as_bytes())[..16])
}

/// What the answer holds, by the response type: nothing less and nothing more.
async fn check_answer(world: &World, kind: &str, ask: &Ask, callback: &Callback) -> Option<Value> {
    let asked = |part: &str| kind.split(' ').any(|word| word == part);
    assert_eq!(
        (callback.get("state"), callback.get("iss")),
        (ask.get("state"), "https://id.test"),
        "{kind}"
    );
    assert_eq!(callback.get("code").is_empty(), !asked("code"), "{kind}: {:?}", callback.params);
    assert_eq!(callback.get("access_token").is_empty(), !asked("token"), "{kind}");
    assert_eq!(callback.get("id_token").is_empty(), !asked("id_token"), "{kind}");
    assert_eq!(
        (callback.get("token_type") == "Bearer", !callback.get("expires_in").is_empty()),
        (asked("token"), asked("token"))
    );
    if !asked("id_token") {
        return None;
    }
    let claims = world.rp.verify(callback.get("id_token")).await;
    assert_eq!(
        (&claims["nonce"], &claims["sub"]),
        (&json!(ask.get("nonce")), &json!(world.person.id)),
        "{kind}"
    );
    let at_hash = asked("token").then(|| json!(half(callback.get("access_token"))));
    let c_hash = asked("code").then(|| json!(half(callback.get("code"))));
    assert_eq!(
        (claims.get("at_hash"), claims.get("c_hash")),
        (at_hash.as_ref(), c_hash.as_ref()),
        "{kind}"
    );
    Some(claims)
}

#[tokio::test]
async fn c_oidcc_server_with_every_response_type() {
    let mut world = world().await;
    for kind in every() {
        let ask = ask(&world, kind);
        let callback = world.rp.authorize(&mut world.browser, &ask).await;
        assert_eq!(callback.mode, "fragment", "{kind}");
        let in_front = check_answer(&world, kind, &ask, &callback).await;
        if kind.contains("code") {
            let tokens = Tokens::of(&world.rp.redeem(callback.code(), &ask).await);
            let behind = world.rp.verify(&tokens.id).await;
            // OpenID Connect Core §3.3.3.6: the same issuer and subject in both.
            assert_eq!((&behind["sub"], &behind["nonce"]), (&json!(world.person.id), &json!(ask.get("nonce"))));
            if let Some(in_front) = in_front {
                assert_eq!((&in_front["iss"], &in_front["sid"]), (&behind["iss"], &behind["sid"]));
            }
        }
        if kind.contains(" token") {
            assert_eq!(
                world.rp.userinfo(callback.get("access_token")).await.ok().json()["sub"],
                world.person.id.as_str()
            );
            assert!(world.rp.is_active(callback.get("access_token")).await, "{kind}");
        }
    }
}

#[tokio::test]
async fn c_oidcc_server_form_post_with_every_response_type() {
    let mut world = world().await;
    for kind in every().chain(["code"]) {
        let ask = ask(&world, kind).with("response_mode", "form_post");
        world.browser.get(&ask.url()).await;
        assert!(world.browser.page.has("form-post"), "{kind}: a button for browsers without scripts");
        world.browser.submit("form-post", &[], "").await;
        let callback = Callback::of(&world.browser.page);
        assert_eq!(callback.mode, "form_post");
        check_answer(&world, kind, &ask, &callback).await;
    }
}

#[tokio::test]
async fn c_oidcc_idtoken_signature_in_the_front_channel() {
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
async fn c_oidcc_ensure_request_without_nonce_fails_wherever_an_id_token_comes_in_front() {
    let mut world = world().await;
    for kind in every() {
        let ask = ask(&world, kind).without("nonce");
        let callback = world.rp.authorize(&mut world.browser, &ask).await;
        // OpenID Connect Core §3.3.2.11 wants it in `code token` only when one was sent.
        let expected = if kind.contains("id_token") { "invalid_request" } else { "" };
        assert_eq!((callback.get("error"), callback.mode), (expected, "fragment"), "{kind}");
    }
}

#[tokio::test]
async fn c_oidcc_scope_all_stands_in_an_id_token_only_when_nothing_else_can_bring_it() {
    let mut world = world().await;
    for kind in every().filter(|kind| kind.contains("id_token")) {
        let ask = ask(&world, kind).with("scope", "openid profile email address");
        let callback = world.rp.authorize(&mut world.browser, &ask).await;
        let claims = world.rp.verify(callback.get("id_token")).await;
        let has = ["name", "email", "address"].map(|claim| claims.get(claim).is_some());
        assert_eq!(has, [kind == "id_token"; 3], "{kind}: {claims}");
        if kind.contains(" token") {
            let info = world.rp.userinfo(callback.get("access_token")).await.ok().json();
            assert!(["name", "email", "address"].iter().all(|claim| info.get(claim).is_some()), "{kind}");
        }
    }
}

#[tokio::test]
async fn c_oidcc_prompt_none_answers_in_the_fragment() {
    let world = world().await;
    for kind in every() {
        let mut stranger = world.app.browser();
        let ask = ask(&world, kind).with("prompt", "none");
        let callback = world.rp.authorize(&mut stranger, &ask).await;
        assert_eq!((callback.get("error"), callback.mode), ("login_required", "fragment"), "{kind}");
        assert_eq!(callback.get("state"), ask.get("state"));
    }
}

#[tokio::test]
async fn c_oidcc_max_age_and_hint_in_the_front_channel() {
    let mut world = world().await;
    let first = ask(&world, "id_token");
    let hint = world.rp.authorize(&mut world.browser, &first).await.get("id_token").to_owned();
    let again = ask(&world, "id_token token")
        .with("max_age", "10000")
        .with("prompt", "none")
        .with("id_token_hint", &hint);
    let callback = world.rp.authorize(&mut world.browser, &again).await;
    let (before, after) = (world.rp.verify(&hint).await, world.rp.verify(callback.get("id_token")).await);
    assert_eq!((&before["auth_time"], &before["sub"]), (&after["auth_time"], &after["sub"]));
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
