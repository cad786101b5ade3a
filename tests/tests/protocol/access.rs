//! B15, B16, B27: what an access token is good for, for how long, and who may ask about it.

use http::Method;
use kabinet_core::client::{ClientMetadata, Profile, Role, TokenFormat};
use kabinet_tests::{Rp, Tokens, eventually, jwt};
use serde_json::json;

use crate::world::World;

const API: &str = "https://api.test/v1";

fn with_api(metadata: &mut ClientMetadata) {
    metadata.resources = vec![API.to_owned(), "https://api.test/v2".to_owned()];
}

async fn machine(world: &World, change: impl FnOnce(&mut ClientMetadata)) -> Rp {
    world.app.client(Profile::Machine, change).await
}

const CREDENTIALS: (&str, &str) = ("grant_type", "client_credentials");

#[tokio::test]
async fn an_access_token_is_a_jwt_of_rfc_9068_and_lives_five_minutes() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid").await;
    let (header, claims) = jwt::parts(&tokens.access);
    assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("ES256")));
    jwt::verify(&tokens.access, &world.rp.jwks().await).unwrap();
    for claim in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "auth_time", "acr", "amr"] {
        assert!(claims.get(claim).is_some(), "{claim}");
    }
    assert_eq!(tokens.json["expires_in"], 300);
    world.app.clock.advance(299);
    world.rp.userinfo(&tokens.access).await.ok();
    world.app.clock.advance(1);
    world.rp.userinfo(&tokens.access).await.refused(401, "invalid_token");
    assert!(!world.rp.is_active(&tokens.access).await);
}

#[tokio::test]
async fn an_opaque_token_tells_nothing_and_works_the_same() {
    let mut world = World::of(Profile::Web, |m| m.access_token_format = TokenFormat::Opaque).await;
    let tokens = world.tokens("openid email").await;
    assert!(tokens.access.starts_with("kbn_at_") && !tokens.access.contains('.'));
    assert_eq!(world.rp.userinfo(&tokens.access).await.ok().json()["email"], "anna@example.ru");
    let facts = world.rp.introspect(&tokens.access).await;
    assert_eq!(
        (&facts["active"], &facts["scope"], &facts["client_id"]),
        (&json!(true), &json!("email openid"), &json!(world.rp.id))
    );
    for place in [8, tokens.access.len() / 2, tokens.access.len() - 1] {
        let mut changed = tokens.access.clone().into_bytes();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        world
            .rp
            .userinfo(&String::from_utf8(changed).unwrap())
            .await
            .refused(401, "invalid_token");
    }
    world.app.clock.advance(600);
    world.rp.userinfo(&tokens.access).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn the_audience_is_the_resource_and_beside_it_the_issuer_for_openid() {
    let mut world = World::of(Profile::Web, |m| {
        with_api(m);
        m.scope = "openid email api".to_owned().try_into().unwrap();
    })
    .await;
    let aud = |tokens: &Tokens| jwt::parts(&tokens.access).1["aud"].clone();
    assert_eq!(aud(&world.tokens("openid").await), json!(["https://id.test"]));
    let both = world.tokens_of(&world.rp.ask().with("resource", API)).await;
    assert_eq!(aud(&both), json!([API, "https://id.test"]));
    world.rp.userinfo(&both.access).await.ok();
    let api = world.tokens_of(&world.rp.ask_for("api").with("resource", API)).await;
    assert_eq!(aud(&api), json!([API]));
    assert!(api.id.is_empty(), "no ID token without openid");
    let answer = world.rp.userinfo(&api.access).await;
    assert!(matches!(answer.code(), 401 | 403), "{}", answer.body);
}

#[tokio::test]
async fn a_default_resource_stands_in_for_a_missing_one() {
    let mut world = World::of(Profile::Web, |m| m.default_resource = Some(API.to_owned())).await;
    let tokens = world.tokens("openid").await;
    assert_eq!(jwt::parts(&tokens.access).1["aud"], json!([API, "https://id.test"]));
}

#[tokio::test]
async fn a_resource_that_is_not_the_clients_is_invalid_target() {
    let mut world = World::of(Profile::Web, with_api).await;
    for resource in ["https://evil.test/", "https://api.test/v1/", "https://API.test/v1", "x", "https://api.test/v1#x"]
    {
        let callback = world.rp.authorize(&mut world.browser, &world.rp.ask().with("resource", resource)).await;
        assert_eq!((callback.get("error"), callback.get("code")), ("invalid_target", ""), "{resource}");
    }
    let first = world.tokens_of(&world.rp.ask().with("resource", API)).await;
    for resource in ["https://evil.test/", "https://api.test/v2"] {
        let form = [("grant_type", "refresh_token"), ("refresh_token", first.refresh.as_str()), ("resource", resource)];
        world.rp.token(&form).await.refused(400, "invalid_target");
    }
    Tokens::of(&world.rp.refresh(&first.refresh).await);
    let machine = machine(&world, with_api).await;
    machine
        .token(&[CREDENTIALS, ("resource", "https://evil.test/")])
        .await
        .refused(400, "invalid_target");
}

/// RFC 8707 §2.2: each answer is for the resources that its request names, of those that were granted.
#[tokio::test]
async fn a_token_request_may_name_some_of_the_granted_resources() {
    const SECOND: &str = "https://api.test/v2";
    let mut world = World::of(Profile::Web, |m| {
        with_api(m);
        m.resources.push("https://api.test/v3".to_owned());
    })
    .await;
    let ask = world.rp.ask().with("resource", API).and("resource", SECOND);
    let code = world.code(&ask).await;
    let redeem = |resource| {
        [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", ask.get("redirect_uri")),
            ("code_verifier", ask.verifier.as_deref().unwrap()),
            ("resource", resource),
        ]
    };
    // The client's own, but not granted; a refusal spends nothing.
    for resource in ["https://api.test/v3", "https://evil.test"] {
        world.rp.token(&redeem(resource)).await.refused(400, "invalid_target");
    }
    let aud = |tokens: &Tokens| jwt::parts(&tokens.access).1["aud"].clone();
    let issuer = "https://id.test";
    let first = Tokens::of(&world.rp.token(&redeem(API)).await);
    assert_eq!(aud(&first), json!([API, issuer]));
    let refresh = |token: &str, resources: &[&str]| {
        let mut form = vec![
            ("grant_type".to_owned(), "refresh_token".to_owned()),
            ("refresh_token".to_owned(), token.to_owned()),
        ];
        form.extend(resources.iter().map(|one| ("resource".to_owned(), (*one).to_owned())));
        form
    };
    let rp = world.rp.clone();
    let send = async |form: Vec<(String, String)>| {
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        rp.token(&form).await
    };
    send(refresh(&first.refresh, &["https://api.test/v3"]))
        .await
        .refused(400, "invalid_target");
    send(refresh(&first.refresh, &[API, "https://api.test/v3"]))
        .await
        .refused(400, "invalid_target");
    let second = Tokens::of(&send(refresh(&first.refresh, &[SECOND])).await);
    assert_eq!(aud(&second), json!([SECOND, issuer]));
    let third = Tokens::of(&send(refresh(&second.refresh, &[API, SECOND])).await);
    assert_eq!(aud(&third), json!([API, SECOND, issuer]));
    assert_eq!(
        aud(&Tokens::of(&send(refresh(&third.refresh, &[])).await)),
        json!([API, SECOND, issuer]),
        "all that was granted"
    );
}

#[tokio::test]
async fn introspection_answers_the_issuing_client_and_the_resource_and_nobody_else() {
    let mut world = World::of(Profile::Web, with_api).await;
    let tokens = world.tokens_of(&world.rp.ask().with("resource", API)).await;
    let resource = machine(&world, |m| m.client_uri = Some(API.to_owned())).await;
    let other = machine(&world, |m| m.client_uri = Some("https://api.test/v2".to_owned())).await;
    let bystander = world.app.client(Profile::Web, with_api).await;
    assert!(world.rp.is_active(&tokens.access).await && resource.is_active(&tokens.access).await);
    for nobody in [&other, &bystander] {
        assert_eq!(nobody.introspect(&tokens.access).await, json!({"active": false}));
    }
    let facts = resource.introspect(&tokens.access).await;
    for claim in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "token_type"] {
        assert!(facts.get(claim).is_some(), "{claim}");
    }
    assert!(facts.get("grant").is_none());
}

#[tokio::test]
async fn what_is_no_token_is_inactive_and_nothing_more() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid").await;
    let long = "x".repeat(30_000);
    for bad in [
        "x",
        "a.b.c",
        "..",
        "kbn_at_",
        "kbn_at_x",
        "kbn_rt_x",
        "kbn_ac_x",
        &tokens.id,
        &format!("{}x", tokens.access),
        &long,
    ] {
        assert_eq!(world.rp.introspect(bad).await, json!({"active": false}), "{bad:.30}");
    }
    world.rp.post("/oauth2/introspect", &[]).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn a_client_that_acts_for_itself_gets_a_token_that_opens_no_userinfo() {
    let world = World::new().await;
    let machine = machine(&world, |m| m.scope = "openid email api".to_owned().try_into().unwrap()).await;
    let tokens = Tokens::of(&machine.token(&[CREDENTIALS]).await);
    let claims = jwt::parts(&tokens.access).1;
    assert_eq!(claims["sub"], format!("client:{}", machine.id), "cannot look like a person");
    assert_eq!(
        (tokens.json["scope"].as_str(), tokens.refresh.as_str(), tokens.id.as_str()),
        (Some("api"), "", "")
    );
    let answer = machine.userinfo(&tokens.access).await;
    answer.refused(403, "insufficient_scope");
    for scope in ["openid", "api openid", "offline_access", "profile", "unheard-of", "api \"x\""] {
        machine.token(&[CREDENTIALS, ("scope", scope)]).await.refused(400, "invalid_scope");
    }
}

#[tokio::test]
async fn the_admin_scope_is_for_clients_with_a_role_and_stands_alone() {
    let mut world = World::new().await;
    let plain = machine(&world, |m| m.scope = "api".to_owned().try_into().unwrap()).await;
    plain
        .token(&[CREDENTIALS, ("scope", "kabinet:admin")])
        .await
        .refused(400, "invalid_scope");
    let admin = machine(&world, |m| {
        m.admin_role = Some(Role::Owner);
        m.scope = "api".to_owned().try_into().unwrap();
    })
    .await;
    admin
        .token(&[CREDENTIALS, ("scope", "kabinet:admin api")])
        .await
        .refused(400, "invalid_scope");
    let tokens = Tokens::of(&admin.token(&[CREDENTIALS, ("scope", "kabinet:admin")]).await);
    assert_eq!(jwt::parts(&tokens.access).1["aud"], json!(["https://id.test/api/admin/v1"]));
    admin.userinfo(&tokens.access).await.refused(403, "insufficient_scope");
    let without = Tokens::of(&admin.token(&[CREDENTIALS]).await);
    assert_eq!(without.json["scope"], "api", "not by default");
    let ask = world.rp.ask_for("openid kabinet:admin");
    assert_eq!(world.tokens_of(&ask).await.json["scope"], "openid");
}

#[tokio::test]
async fn a_token_in_the_query_is_refused() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid").await;
    for path in [
        format!("/oauth2/userinfo?access_token={}", tokens.access),
        format!("/oauth2/userinfo?token={}", tokens.access),
    ] {
        for method in [Method::GET, Method::POST] {
            let answer = world.app.call(method, &path, &[], "").await;
            assert!(matches!(answer.code(), 400 | 401) && !answer.body.contains("sub"), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_request_without_a_good_bearer_gets_a_challenge() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid").await;
    let nothing = world.app.get("/oauth2/userinfo").await;
    assert_eq!((nothing.code(), nothing.header("www-authenticate")), (401, "Bearer realm=\"kabinet\""));
    for header in [format!("Basic {}", tokens.access), tokens.access.clone(), "Bearer".to_owned(), "Bearer ".to_owned()]
    {
        let answer = world.app.call(Method::GET, "/oauth2/userinfo", &[("authorization", &header)], "").await;
        assert!(
            answer.code() == 401 && answer.header("www-authenticate").starts_with("Bearer"),
            "{header:.12}"
        );
    }
    let dpop = format!("DPoP {}", tokens.access);
    let answer = world.app.call(Method::GET, "/oauth2/userinfo", &[("authorization", &dpop)], "").await;
    assert!(answer.refused(401, "invalid_token").header("www-authenticate").starts_with("DPoP"));
    for bad in ["x", &tokens.refresh, &tokens.id, &format!("{}.", tokens.access), &tokens.access.to_lowercase()] {
        let answer = world.rp.userinfo(bad).await;
        answer.refused(401, "invalid_token");
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""));
    }
    let case = format!("bEaReR {}", tokens.access);
    world
        .app
        .call(Method::GET, "/oauth2/userinfo", &[("authorization", &case)], "")
        .await
        .ok();
}

#[tokio::test]
async fn a_revoked_access_token_is_dead_at_once_and_its_family_lives() {
    for format in [TokenFormat::Jwt, TokenFormat::Opaque] {
        let mut world = World::of(Profile::Web, |m| m.access_token_format = format).await;
        let tokens = world.tokens("openid").await;
        world.rp.userinfo(&tokens.access).await.ok();
        let answer = world.rp.revoke(&tokens.access).await.ok();
        assert!(answer.body.is_empty() && answer.header("cache-control").contains("no-store"));
        world.rp.userinfo(&tokens.access).await.refused(401, "invalid_token");
        assert!(!world.rp.is_active(&tokens.access).await);
        let next = Tokens::of(&world.rp.refresh(&tokens.refresh).await);
        world.rp.userinfo(&next.access).await.ok();
    }
}

#[tokio::test]
async fn a_revoked_refresh_token_ends_its_family_at_once() {
    let mut world = World::new().await;
    let first = world.tokens("openid offline_access").await;
    let second = Tokens::of(&world.rp.refresh(&first.refresh).await);
    world.rp.revoke(&second.refresh).await.ok();
    world.rp.refresh(&second.refresh).await.refused(400, "invalid_grant");
    for dead in [&first.access, &second.access] {
        world.rp.userinfo(dead).await.refused(401, "invalid_token");
    }
    world.rp.revoke(&second.refresh).await.ok();
}

#[tokio::test]
async fn revoking_what_is_unknown_is_no_error_and_what_is_somebody_elses_is_refused() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid").await;
    let other = world.app.client(Profile::Web, |_| ()).await;
    let public = world.app.client(Profile::Spa, |_| ()).await;
    for client in [&other, &public] {
        for token in ["x", "kbn_rt_x", "kbn_at_x", "a.b.c", &tokens.id] {
            let answer = client.revoke(token).await.ok();
            assert!(answer.body.is_empty());
        }
        for token in [&tokens.access, &tokens.refresh] {
            client.revoke(token).await.refused(400, "invalid_grant");
        }
    }
    world.rp.userinfo(&tokens.access).await.ok();
    Tokens::of(&world.rp.refresh(&tokens.refresh).await);
    other.post("/oauth2/revoke", &[]).await.refused(400, "invalid_request");
    // A wrong hint about the type is no reason to look elsewhere (RFC 7009 §2.1).
    world
        .rp
        .post("/oauth2/revoke", &[("token", &tokens.access), ("token_type_hint", "refresh_token")])
        .await
        .ok();
    world.rp.userinfo(&tokens.access).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn a_disabled_person_has_no_tokens_within_a_second() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid offline_access").await;
    world.app.set_disabled(&world.person, true).await;
    let rp = &world.rp;
    let began = std::time::Instant::now();
    eventually("userinfo refuses", || async { rp.userinfo(&tokens.access).await.code() == 401 }).await;
    assert!(began.elapsed().as_millis() < 1_000, "{:?}", began.elapsed());
    assert!(!rp.is_active(&tokens.access).await && !rp.is_active(&tokens.refresh).await);
    rp.refresh(&tokens.refresh).await.refused(400, "invalid_grant");
    let ask = rp.ask().with("prompt", "none");
    assert_eq!(rp.authorize(&mut world.browser, &ask).await.get("error"), "login_required");
    // Enabling does not bring the dead back.
    world.app.set_disabled(&world.person, false).await;
    rp.refresh(&tokens.refresh).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_disabled_or_deleted_client_has_no_tokens_within_a_second() {
    for is_deleted in [false, true] {
        let mut world = World::new().await;
        let tokens = world.tokens("openid offline_access").await;
        if is_deleted {
            world.app.delete_client(&world.rp.id).await;
        } else {
            world.app.change_client(&world.rp.id, |client| client.disabled = true).await;
        }
        let rp = &world.rp;
        let began = std::time::Instant::now();
        eventually("userinfo refuses", || async { rp.userinfo(&tokens.access).await.code() == 401 }).await;
        assert!(began.elapsed().as_millis() < 1_000, "{:?}", began.elapsed());
        rp.refresh(&tokens.refresh).await.refused(401, "invalid_client");
        world.browser.get(&rp.ask().url()).await;
        assert_eq!(world.browser.page.error(), "unknown_client");
    }
}

#[tokio::test]
async fn a_deleted_person_is_gone_from_every_endpoint() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid offline_access").await;
    world.app.delete_user(&world.person).await;
    let rp = &world.rp;
    eventually("userinfo refuses", || async { rp.userinfo(&tokens.access).await.code() == 401 }).await;
    rp.refresh(&tokens.refresh).await.refused(400, "invalid_grant");
    assert!(!rp.is_active(&tokens.refresh).await);
}

#[tokio::test]
async fn what_is_revoked_here_is_dead_on_another_node_within_a_second_and_after_a_restart() {
    let mut world = World::new().await;
    let node = world.app.another_node().await;
    let mut there = world.rp.clone();
    there.use_node(&node);
    let tokens = world.tokens("openid").await;
    there.userinfo(&tokens.access).await.ok();
    world.rp.revoke(&tokens.access).await.ok();
    eventually("the other node refuses", || async { there.userinfo(&tokens.access).await.code() == 401 }).await;
    world.app.restart().await;
    world.rp.use_node(&world.app.node);
    world.rp.userinfo(&tokens.access).await.refused(401, "invalid_token");
}
