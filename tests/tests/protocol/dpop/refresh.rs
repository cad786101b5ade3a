//! Refresh tokens (RFC 9449 §5): whose are bound to the key, since when, and whose are not.

use super::*;

#[tokio::test]
async fn a_refresh_token_of_a_public_client_is_bound_to_the_key_and_stays_the_same() {
    let mut world = World::of(Profile::Native, |_| ()).await;
    let (key, thief) = (key(), key());
    let tokens = bound(&mut world, &key, "openid offline_access").await;
    let (app, rp) = (&world.app, &world.rp);
    rp.refresh(&tokens.refresh).await.refused(400, "invalid_grant");
    ask(app, rp, &thief, &refreshing(&tokens.refresh)).await.refused(400, "invalid_grant");
    let mut access = tokens.access;
    for _ in 0..3 {
        app.clock.advance(60);
        let next = Tokens::of(&ask(app, rp, &key, &refreshing(&tokens.refresh)).await);
        assert_eq!(
            (next.refresh.as_str(), &next.json["token_type"]),
            (tokens.refresh.as_str(), &json!("DPoP"))
        );
        assert_ne!(next.access, access);
        access = next.access;
    }
    // Whoever tried without the key has ended nothing.
    shown(&world, &key, &access).await.ok();
    rp.revoke(&tokens.refresh).await.ok();
    ask(app, rp, &key, &refreshing(&tokens.refresh)).await.refused(400, "invalid_grant");
    shown(&world, &key, &access).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn a_refresh_token_of_a_client_that_authenticates_is_bound_to_that_and_rotates() {
    let mut world = World::new().await;
    let (first, second) = (key(), key());
    let tokens = bound(&mut world, &first, "openid offline_access").await;
    let (app, rp) = (&world.app, &world.rp);
    let next = Tokens::of(&ask(app, rp, &second, &refreshing(&tokens.refresh)).await);
    assert_ne!(next.refresh, tokens.refresh);
    assert_eq!(jwt::parts(&next.access).1["cnf"]["jkt"], thumbprint(&second));
    let last = Tokens::of(&rp.refresh(&next.refresh).await);
    assert_eq!(last.json["token_type"], "Bearer");
    assert!(jwt::parts(&last.access).1.get("cnf").is_none());
}

#[tokio::test]
async fn a_family_that_began_without_a_key_rotates_until_a_proof_binds_it() {
    let mut world = World::of(Profile::Native, |_| ()).await;
    let (key, thief) = (key(), key());
    let tokens = world.tokens("openid offline_access").await;
    let (app, rp) = (&world.app, &world.rp);
    let unbound = Tokens::of(&rp.refresh(&tokens.refresh).await);
    assert_eq!(unbound.json["token_type"], "Bearer");
    let bound = Tokens::of(&ask(app, rp, &key, &refreshing(&unbound.refresh)).await);
    assert_eq!(bound.json["token_type"], "DPoP");
    assert_ne!(bound.refresh, unbound.refresh);
    // RFC 9449 §5: what was given for a proof is of use with that key alone.
    rp.refresh(&bound.refresh).await.refused(400, "invalid_grant");
    ask(app, rp, &thief, &refreshing(&bound.refresh)).await.refused(400, "invalid_grant");
    let next = Tokens::of(&ask(app, rp, &key, &refreshing(&bound.refresh)).await);
    assert_eq!(next.refresh, bound.refresh);
    // The text from before is still a replay.
    app.clock.advance(60);
    rp.refresh(&unbound.refresh).await.refused(400, "invalid_grant");
    ask(app, rp, &key, &refreshing(&bound.refresh)).await.refused(400, "invalid_grant");
}
