//! B06, B07, B09, B10: codes and their proof keys.

use kabinet_core::client::Profile;
use kabinet_tests::{Ask, Tokens};

use crate::world::World;

/// Redeems with another verifier, or none.
async fn redeem_with(world: &World, code: &str, ask: &Ask, verifier: Option<&str>) -> kabinet_tests::Answer {
    let ask = Ask { verifier: verifier.map(str::to_owned), ..ask.clone() };
    world.rp.redeem(code, &ask).await
}

#[tokio::test]
async fn challenge_and_verifier_go_together_or_not_at_all() {
    let mut world = World::new().await;
    let stray = world.rp.random();
    for (challenge, verifier, good) in
        [(true, true, true), (true, false, false), (false, true, false), (false, false, true)]
    {
        let ask = if challenge { world.rp.ask() } else { world.rp.ask().without_pkce() };
        let code = world.code(&ask).await;
        let own = ask.verifier.clone().unwrap_or_else(|| stray.clone());
        let answer = redeem_with(&world, &code, &ask, verifier.then_some(own.as_str())).await;
        if good {
            Tokens::of(&answer);
        } else {
            answer.refused(400, "invalid_grant");
        }
    }
}

#[tokio::test]
async fn a_wrong_verifier_is_refused_and_does_not_spend_the_code() {
    let mut world = World::new().await;
    let ask = world.rp.ask();
    let code = world.code(&ask).await;
    let good = ask.verifier.clone().unwrap();
    let challenge = ask.get("code_challenge").to_owned();
    for bad in [
        &good[..42],
        &"a".repeat(129),
        &good.to_lowercase(),
        &format!("{good}="),
        &format!("{}я", &good[..42]),
        &format!("{} ", &good[..42]),
        &challenge,
        &world.rp.random(),
        &good.replace(&good[..1], "+"),
        &"a".repeat(128),
        &"~".repeat(43),
    ] {
        redeem_with(&world, &code, &ask, Some(bad)).await.refused(400, "invalid_grant");
    }
    Tokens::of(&redeem_with(&world, &code, &ask, Some(&good)).await);
}

#[tokio::test]
async fn verifiers_of_43_to_128_characters_are_good() {
    use base64::Engine;
    use sha2::Digest;
    let mut world = World::of(Profile::Spa, |_| ()).await;
    for (length, good) in [(42, false), (43, true), (128, true), (129, false)] {
        let verifier = "a-._~Z9".repeat(19)[..length].to_owned();
        let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(&verifier));
        let ask = Ask {
            verifier: Some(verifier),
            ..world.rp.ask().with("code_challenge", &challenge)
        };
        let code = world.code(&ask).await;
        assert_eq!(world.rp.redeem(&code, &ask).await.code() == 200, good, "{length}");
    }
}

#[tokio::test]
async fn a_code_is_good_for_sixty_seconds() {
    let mut world = World::new().await;
    let ask = world.rp.ask();
    let code = world.code(&ask).await;
    world.app.clock.advance(59);
    Tokens::of(&world.rp.redeem(&code, &ask).await);
    let ask = world.rp.ask();
    let code = world.code(&ask).await;
    world.app.clock.advance(60);
    world.rp.redeem(&code, &ask).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_code_is_bound_to_its_client_and_another_one_cannot_even_kill_it() {
    let mut world = World::new().await;
    let other = world.app.client(Profile::Web, |_| ()).await;
    let public = world.app.client(Profile::Spa, |_| ()).await;
    let ask = world.rp.ask();
    let code = world.code(&ask).await;
    other.redeem(&code, &ask).await.refused(400, "invalid_grant");
    public.redeem(&code, &ask).await.refused(400, "invalid_grant");
    let tokens = Tokens::of(&world.rp.redeem(&code, &ask).await);
    other.redeem(&code, &ask).await.refused(400, "invalid_grant");
    world.rp.userinfo(&tokens.access).await.ok();
}

#[tokio::test]
async fn a_code_is_bound_to_its_redirect_uri() {
    let mut world = World::of(Profile::Web, |m| m.redirect_uris.push("https://rp.test/second".to_owned())).await;
    let ask = world.rp.ask();
    let code = world.code(&ask).await;
    for bad in [
        "https://rp.test/second",
        "https://rp.test/cb/",
        "https://RP.test/cb",
        "https://rp.test:443/cb",
        "https://evil.test/",
    ] {
        world
            .rp
            .redeem(&code, &ask.clone().with("redirect_uri", bad))
            .await
            .refused(400, "invalid_grant");
    }
    world
        .rp
        .redeem(&code, &ask.clone().without("redirect_uri"))
        .await
        .refused(400, "invalid_request");
    Tokens::of(&world.rp.redeem(&code, &ask).await);
}

#[tokio::test]
async fn a_second_use_of_a_code_kills_what_the_first_use_gave() {
    let mut world = World::new().await;
    let ask = world.rp.ask_for("openid offline_access");
    let code = world.code(&ask).await;
    let first = Tokens::of(&world.rp.redeem(&code, &ask).await);
    let second = Tokens::of(&world.rp.refresh(&first.refresh).await);
    world.rp.redeem(&code, &ask).await.refused(400, "invalid_grant");
    for dead in [&first.access, &second.access] {
        world.rp.userinfo(dead).await.refused(401, "invalid_token");
        assert!(!world.rp.is_active(dead).await);
    }
    world.rp.refresh(&second.refresh).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn what_is_no_code_is_refused() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid").await;
    let ask = world.rp.ask();
    let code = world.code(&ask).await;
    let (flipped, long) = (format!("{}x", &code[..code.len() - 1]), "x".repeat(10_000));
    for bad in [
        "x",
        "kbn_ac_",
        &tokens.refresh,
        &tokens.access,
        &tokens.id,
        &flipped,
        &format!("{code} "),
        &long,
        "' OR '1'='1",
    ] {
        world.rp.redeem(bad, &ask).await.refused(400, "invalid_grant");
    }
    world.rp.redeem("", &ask).await.refused(400, "invalid_request");
    Tokens::of(&world.rp.redeem(&code, &ask).await);
}

#[tokio::test]
async fn grants_that_are_not_offered_are_refused() {
    let world = World::new().await;
    let facts = world.app.get("/.well-known/openid-configuration").await.json();
    for grant in ["password", "implicit", "x", "AUTHORIZATION_CODE"] {
        let form = [("grant_type", grant), ("username", "anna@example.ru"), ("password", "CANARY-x")];
        world.rp.token(&form).await.refused(400, "unsupported_grant_type");
        assert!(!facts["grant_types_supported"].as_array().unwrap().contains(&grant.into()));
    }
    world.rp.token(&[("code", "x")]).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn a_client_uses_only_the_grants_it_is_registered_for() {
    let world = World::new().await;
    world
        .rp
        .token(&[("grant_type", "client_credentials")])
        .await
        .refused(400, "unauthorized_client");
    let machine = world.app.client(Profile::Machine, |_| ()).await;
    machine
        .token(&[("grant_type", "authorization_code"), ("code", "x"), ("redirect_uri", "x")])
        .await
        .refused(400, "unauthorized_client");
    machine
        .token(&[("grant_type", "refresh_token"), ("refresh_token", "x")])
        .await
        .refused(400, "unauthorized_client");
}

#[tokio::test]
async fn signing_out_before_the_code_is_redeemed_ends_it() {
    let mut world = World::new().await;
    let ask = world.rp.ask();
    let code = world.code(&ask).await;
    world.browser.get("/logout").await;
    world.browser.submit("logout-confirm", &[], "submit").await;
    world.rp.redeem(&code, &ask).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_code_is_refused_once_the_person_is_disabled() {
    let mut world = World::new().await;
    let ask = world.rp.ask();
    let code = world.code(&ask).await;
    world.app.set_disabled(&world.person, true).await;
    world.rp.redeem(&code, &ask).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn the_answer_to_a_code_is_never_stored() {
    let mut world = World::new().await;
    let ask = world.rp.ask();
    world.browser.get(&ask.url()).await;
    for hop in &world.browser.page.hops {
        assert!(hop.header("cache-control").contains("no-store"), "the redirect holds a code");
    }
    let code = kabinet_tests::Callback::of(&world.browser.page).code().to_owned();
    let answer = world.rp.redeem(&code, &ask).await.ok();
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
    assert_eq!(answer.header("content-type"), "application/json");
}
