//! Refresh tokens: rotation, the ten seconds of grace, and what kills a family (RFC 9700 §4.14.2).

use kabinet_core::client::Profile;
use kabinet_tests::{Tokens, jwt};

use crate::world::World;

const OFFLINE: &str = "openid offline_access";

#[tokio::test]
async fn the_same_token_within_ten_seconds_gets_the_same_successor() {
    let mut world = World::new().await;
    let first = world.tokens(OFFLINE).await;
    let second = Tokens::of(&world.rp.refresh(&first.refresh).await);
    assert_ne!(first.refresh, second.refresh);
    for _ in 0..3 {
        world.app.clock.advance(3);
        let again = Tokens::of(&world.rp.refresh(&first.refresh).await);
        assert_eq!(again.refresh, second.refresh);
        world.rp.userinfo(&again.access).await.ok();
    }
    Tokens::of(&world.rp.refresh(&second.refresh).await);
}

#[tokio::test]
async fn a_replay_after_ten_seconds_kills_the_family_although_the_answer_is_400() {
    let mut world = World::new().await;
    let first = world.tokens(OFFLINE).await;
    let second = Tokens::of(&world.rp.refresh(&first.refresh).await);
    world.app.clock.advance(11);
    world.rp.refresh(&first.refresh).await.refused(400, "invalid_grant");
    world.rp.refresh(&second.refresh).await.refused(400, "invalid_grant");
    for dead in [&first.access, &second.access] {
        world.rp.userinfo(dead).await.refused(401, "invalid_token");
    }
    assert!(!world.rp.is_active(&second.refresh).await);
}

#[tokio::test]
async fn a_replay_after_the_successor_was_used_kills_the_family_even_within_ten_seconds() {
    let mut world = World::new().await;
    let first = world.tokens(OFFLINE).await;
    let second = Tokens::of(&world.rp.refresh(&first.refresh).await);
    let third = Tokens::of(&world.rp.refresh(&second.refresh).await);
    world.rp.refresh(&first.refresh).await.refused(400, "invalid_grant");
    world.rp.refresh(&third.refresh).await.refused(400, "invalid_grant");
    world.rp.userinfo(&third.access).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn another_client_neither_refreshes_nor_kills_a_family() {
    let mut world = World::new().await;
    let others = [world.app.client(Profile::Web, |_| ()).await, world.app.client(Profile::Spa, |_| ()).await];
    let first = world.tokens(OFFLINE).await;
    let second = Tokens::of(&world.rp.refresh(&first.refresh).await);
    world.app.clock.advance(60);
    for other in &others {
        other.refresh(&second.refresh).await.refused(400, "invalid_grant");
        // Spent already: of the rightful client it would kill.
        other.refresh(&first.refresh).await.refused(400, "invalid_grant");
        other.revoke(&second.refresh).await.refused(400, "invalid_grant");
    }
    Tokens::of(&world.rp.refresh(&second.refresh).await);
}

#[tokio::test]
async fn a_forged_generation_neither_refreshes_nor_kills() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut world = World::new().await;
    let first = world.tokens(OFFLINE).await;
    let bytes = URL_SAFE_NO_PAD.decode(first.refresh.strip_prefix("kbn_rt_").unwrap()).unwrap();
    for place in 0..bytes.len() {
        let mut forged = bytes.clone();
        forged[place] ^= 1;
        let forged = format!("kbn_rt_{}", URL_SAFE_NO_PAD.encode(forged));
        world.rp.refresh(&forged).await.refused(400, "invalid_grant");
    }
    for bad in [
        "x",
        "kbn_rt_",
        "kbn_rt_!",
        &first.access,
        &first.id,
        &first.refresh[..40],
        &format!("{}=", first.refresh),
        &format!("{}A", first.refresh),
    ] {
        world.rp.refresh(bad).await.refused(400, "invalid_grant");
    }
    Tokens::of(&world.rp.refresh(&first.refresh).await);
}

#[tokio::test]
async fn a_narrower_scope_holds_for_one_answer_only() {
    let mut world = World::new().await;
    let first = world.tokens("openid email profile offline_access").await;
    let narrow = [("grant_type", "refresh_token"), ("refresh_token", &first.refresh), ("scope", "openid email")];
    let second = Tokens::of(&world.rp.token(&narrow).await);
    assert_eq!(second.json["scope"], "email openid");
    assert!(world.rp.userinfo(&second.access).await.ok().json().get("name").is_none());
    let third = Tokens::of(&world.rp.refresh(&second.refresh).await);
    assert_eq!(third.json["scope"], "email offline_access openid profile");
}

#[tokio::test]
async fn a_scope_never_grows() {
    let mut world = World::new().await;
    let first = world.tokens(OFFLINE).await;
    for wider in ["openid email", "openid offline_access profile", "kabinet:admin", "unheard-of", "openid \"x\""] {
        let form = [("grant_type", "refresh_token"), ("refresh_token", &first.refresh), ("scope", wider)];
        world.rp.token(&form).await.refused(400, "invalid_scope");
    }
    // A request that was refused spends nothing.
    Tokens::of(&world.rp.refresh(&first.refresh).await);
}

#[tokio::test]
async fn a_repetition_within_ten_seconds_may_not_widen_either() {
    let mut world = World::new().await;
    let first = world.tokens(OFFLINE).await;
    Tokens::of(&world.rp.refresh(&first.refresh).await);
    let form = [("grant_type", "refresh_token"), ("refresh_token", &first.refresh), ("scope", "openid email")];
    world.rp.token(&form).await.refused(400, "invalid_scope");
}

#[tokio::test]
async fn without_offline_access_a_refresh_token_ends_with_the_session() {
    let mut world = World::new().await;
    let bound = world.tokens("openid").await;
    let offline = world.tokens(OFFLINE).await;
    world.browser.get("/logout").await;
    world.browser.submit("logout-confirm", &[], "submit").await;
    world.rp.refresh(&bound.refresh).await.refused(400, "invalid_grant");
    world.rp.userinfo(&bound.access).await.refused(401, "invalid_token");
    Tokens::of(&world.rp.refresh(&offline.refresh).await);
}

#[tokio::test]
async fn without_offline_access_a_refresh_token_ends_when_the_session_runs_out() {
    let mut world = World::new().await;
    let bound = world.tokens("openid").await;
    let offline = world.tokens(OFFLINE).await;
    world.app.clock.advance(24 * 3600 + 1);
    world.rp.refresh(&bound.refresh).await.refused(400, "invalid_grant");
    Tokens::of(&world.rp.refresh(&offline.refresh).await);
}

#[tokio::test]
async fn a_refresh_token_ends_after_thirty_days_without_use_and_after_180_days_at_all() {
    let mut world = World::new().await;
    let day = 24 * 3600;
    let mut tokens = world.tokens(OFFLINE).await;
    for _ in 0..6 {
        world.app.clock.advance(29 * day);
        tokens = Tokens::of(&world.rp.refresh(&tokens.refresh).await);
    }
    world.app.clock.advance(7 * day);
    world.rp.refresh(&tokens.refresh).await.refused(400, "invalid_grant");
    world.app.sign_in(&mut world.browser, &world.person).await;
    let tokens = world.tokens(OFFLINE).await;
    world.app.clock.advance(30 * day + 1);
    world.rp.refresh(&tokens.refresh).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_public_client_rotates_too() {
    let mut world = World::of(Profile::Native, |m| m.redirect_uris = vec!["com.example.app:/cb".to_owned()]).await;
    let first = world.tokens(OFFLINE).await;
    let second = Tokens::of(&world.rp.refresh(&first.refresh).await);
    assert_ne!(first.refresh, second.refresh);
    world.app.clock.advance(11);
    world.rp.refresh(&first.refresh).await.refused(400, "invalid_grant");
    world.rp.refresh(&second.refresh).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_client_that_may_not_refresh_gets_no_refresh_token() {
    use kabinet_core::client::GrantType;
    let mut world = World::of(Profile::Web, |m| m.grant_types = vec![GrantType::AuthorizationCode]).await;
    let tokens = world.tokens(OFFLINE).await;
    assert_eq!((tokens.refresh.as_str(), tokens.json["scope"].as_str()), ("", Some("openid")));
}

#[tokio::test]
async fn a_refreshed_id_token_is_about_the_same_sign_in_and_has_no_nonce() {
    let mut world = World::new().await;
    let first = world.tokens(OFFLINE).await;
    world.app.clock.advance(3_000);
    let second = Tokens::of(&world.rp.refresh(&first.refresh).await);
    let (old, new) = (jwt::parts(&first.id).1, jwt::parts(&second.id).1);
    for claim in ["sub", "aud", "iss", "auth_time", "sid", "acr", "amr"] {
        assert_eq!(old[claim], new[claim], "{claim}");
    }
    assert!(new.get("nonce").is_none() && new["iat"].as_i64() > old["iat"].as_i64());
}

#[tokio::test]
async fn only_the_good_generation_is_called_active_and_only_to_its_client() {
    let mut world = World::new().await;
    let other = world.app.client(Profile::Web, |_| ()).await;
    let first = world.tokens(OFFLINE).await;
    assert!(world.rp.is_active(&first.refresh).await && !other.is_active(&first.refresh).await);
    let second = Tokens::of(&world.rp.refresh(&first.refresh).await);
    assert!(!world.rp.is_active(&first.refresh).await && world.rp.is_active(&second.refresh).await);
    let body = world.rp.introspect(&second.refresh).await;
    assert_eq!(
        (body["token_type"].as_str(), body["sub"].as_str()),
        (Some("refresh_token"), Some(world.person.id.as_str()))
    );
}

#[tokio::test]
async fn a_family_lives_on_another_node_and_dies_there_too() {
    let mut world = World::new().await;
    let node = world.app.another_node().await;
    let first = world.tokens(OFFLINE).await;
    let mut there = world.rp.clone();
    there.use_node(&node);
    let second = Tokens::of(&there.refresh(&first.refresh).await);
    assert_eq!(
        Tokens::of(&world.rp.refresh(&first.refresh).await).refresh,
        second.refresh,
        "the same successor here"
    );
    world.app.clock.advance(11);
    world.rp.refresh(&first.refresh).await.refused(400, "invalid_grant");
    there.refresh(&second.refresh).await.refused(400, "invalid_grant");
    kabinet_tests::eventually("the access token is dead there", || async {
        there.userinfo(&second.access).await.code() == 401
    })
    .await;
}
