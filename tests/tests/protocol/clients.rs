//! B18, B19, B33: client authentication, and the shape of every refusal.

use http::Method;
use kabinet_core::client::{Alg, AuthMethod, Profile};
use kabinet_core::key::Ring;
use kabinet_tests::{Tokens, basic, eventually, form_body, jwt};

use crate::world::World;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const BACK: [&str; 3] = ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"];

fn body(path: &str) -> String {
    let grant = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    if path == BACK[0] {
        form_body(&grant)
    } else {
        form_body(&[("token", "x")])
    }
}

#[tokio::test]
async fn a_wrong_client_is_invalid_client_with_a_challenge_only_if_it_used_the_header() {
    let world = World::new().await;
    let (id, secret) = (world.rp.id.to_string(), world.rp.secret.clone().unwrap());
    for path in BACK {
        for header in [
            basic(&id, "wrong"),
            basic("nobody", &secret),
            basic(&id, ""),
            basic("", ""),
            "Basic !!!".to_owned(),
            "Basic".to_owned(),
            format!("Bearer {secret}"),
        ] {
            let answer = world.app.call(Method::POST, path, &[FORM, ("authorization", &header)], &body(path)).await;
            answer.refused(401, "invalid_client");
            assert!(answer.header("www-authenticate").starts_with("Basic realm="), "{header}");
        }
        let wrong = form_body(&[("client_id", id.as_str()), ("client_secret", "wrong")]);
        for claimed in [
            wrong,
            format!("client_id={id}"),
            "client_id=nobody".to_owned(),
            String::new(),
            format!("client_secret={secret}"),
        ] {
            let answer = world.app.call(Method::POST, path, &[FORM], &format!("{}&{claimed}", body(path))).await;
            answer.refused(401, "invalid_client");
        }
    }
}

#[tokio::test]
async fn two_ways_to_authenticate_in_one_request_are_refused() {
    let world = World::new().await;
    let (id, secret) = (world.rp.id.to_string(), world.rp.secret.clone().unwrap());
    let header = basic(&id, &secret);
    for path in BACK {
        let both = format!(
            "{}&{}",
            body(path),
            form_body(&[("client_id", id.as_str()), ("client_secret", secret.as_str())])
        );
        world
            .app
            .call(Method::POST, path, &[FORM, ("authorization", &header)], &both)
            .await
            .refused(400, "invalid_request");
        let other = format!("{}&client_id=somebody-else", body(path));
        world
            .app
            .call(Method::POST, path, &[FORM, ("authorization", &header)], &other)
            .await
            .refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_secret_may_come_either_way_with_its_characters_encoded() {
    let world = World::new().await;
    let header = basic(world.rp.id.as_str(), world.rp.secret.as_deref().unwrap());
    let answer = world
        .app
        .call(Method::POST, "/oauth2/introspect", &[FORM, ("authorization", &header)], "token=x")
        .await;
    assert_eq!(answer.ok().json()["active"], false);
    let lower = header.replacen("Basic", "basic", 1);
    world
        .app
        .call(Method::POST, "/oauth2/introspect", &[FORM, ("authorization", &lower)], "token=x")
        .await
        .ok();
}

#[tokio::test]
async fn a_public_client_names_itself_or_sends_basic_with_an_empty_secret() {
    let mut world = World::of(Profile::Spa, |_| ()).await;
    let tokens = world.tokens("openid").await;
    let form = form_body(&[("grant_type", "refresh_token"), ("refresh_token", &tokens.refresh)]);
    let header = basic(world.rp.id.as_str(), "");
    let answer = world
        .app
        .call(Method::POST, "/oauth2/token", &[FORM, ("authorization", &header)], &form)
        .await;
    Tokens::of(&answer);
    for secret in ["x", "null"] {
        let header = basic(world.rp.id.as_str(), secret);
        world
            .app
            .call(Method::POST, "/oauth2/token", &[FORM, ("authorization", &header)], &form)
            .await
            .refused(401, "invalid_client");
    }
}

#[tokio::test]
async fn a_public_client_cannot_introspect() {
    let mut world = World::of(Profile::Spa, |_| ()).await;
    let tokens = world.tokens("openid").await;
    world
        .rp
        .post("/oauth2/introspect", &[("token", &tokens.access)])
        .await
        .refused(401, "invalid_client");
}

#[tokio::test]
async fn guessing_a_secret_is_throttled_and_the_right_one_is_limited_with_it() {
    let mut world = World::new().await;
    let mut wrong = world.rp.clone();
    wrong.secret = Some("CANARY-wrong".to_owned());
    let mut refused = 0;
    for _ in 0..60 {
        let answer = wrong.refresh("x").await;
        assert!(matches!(answer.code(), 401 | 429 | 503), "{}", answer.code());
        refused += u32::from(answer.code() == 401);
    }
    assert!((1..=20).contains(&refused), "{refused} guesses were answered");
    let right = world.rp.refresh("x").await;
    assert!(matches!(right.code(), 429 | 503), "the right secret waits too: {}", right.code());
    assert!(!right.header("retry-after").is_empty());
    // Another client of the same network does not.
    let other = world.app.client(Profile::Web, |_| ()).await;
    other.refresh("x").await.refused(400, "invalid_grant");
    // The counters are rows: a restart forgets nothing, and the window ends by itself.
    world.app.restart().await;
    let node = world.app.another_node().await;
    world.rp.use_node(&node);
    assert!(matches!(world.rp.refresh("x").await.code(), 429 | 503));
    world.app.clock.advance(61);
    eventually("the window is over", || async { world.rp.refresh("x").await.code() == 400 }).await;
}

#[tokio::test]
async fn tokens_of_1c_are_signed_by_a_key_of_its_own_that_only_its_own_rotation_moves() {
    let mut world = World::of(Profile::OneC, |_| ()).await;
    let kids = |tokens: &Tokens| {
        let kid = |token: &str| {
            let header = jwt::parts(token).0;
            assert_eq!(header["alg"], "RS256");
            header["kid"].as_str().unwrap().to_owned()
        };
        [kid(&tokens.access), kid(&tokens.id)]
    };
    let first = kids(&world.tokens("openid").await);
    let ordinary = world.app.client(Profile::Web, |_| ()).await;
    let of_web = ordinary.sign_in(&world.app, &mut world.browser, &world.person).await;
    assert_ne!(jwt::parts(&of_web.id).0["kid"], first[0]);
    let common = world.app.rotate(Alg::RS256).await;
    hears_of(&world, &common).await;
    assert_eq!(kids(&world.tokens("openid").await), first);
    let own = world.app.rotate_in(Ring::OneC, Alg::RS256).await;
    hears_of(&world, &own).await;
    let tokens = world.tokens("openid").await;
    assert_eq!(kids(&tokens), [own.clone(), own]);
    world.rp.verify(&tokens.id).await;
    world.rp.userinfo(&tokens.access).await.ok();
}

/// Waits until the node has heard of a rotation, which published one key more.
async fn hears_of(world: &World, kid: &str) {
    let app = &world.app;
    eventually("the node knows the rotated keys", || async {
        let keys = kabinet_store::key::every(app.store.db()).await.unwrap();
        let served = app.get("/oauth2/jwks").await.json();
        let served = served["keys"].as_array().unwrap().len();
        served == keys.len() && keys.iter().any(|key| key.id.as_str() == kid)
    })
    .await;
}

#[tokio::test]
async fn a_body_of_another_type_is_refused() {
    let world = World::new().await;
    let header = basic(world.rp.id.as_str(), world.rp.secret.as_deref().unwrap());
    for path in BACK {
        for content_type in [
            "application/json",
            "text/plain",
            "multipart/form-data; boundary=x",
            "",
            "application/x-www-form-urlencodedx",
        ] {
            let headers = [("authorization", header.as_str()), ("content-type", content_type)];
            let answer = world
                .app
                .call(Method::POST, path, &headers, r#"{"grant_type":"client_credentials"}"#)
                .await;
            assert!(matches!(answer.code(), 400 | 415), "{path} {content_type}: {}", answer.code());
            assert_eq!(answer.error(), "invalid_request");
            assert!(answer.header("cache-control").contains("no-store"));
        }
        let answer = world.app.call(Method::POST, path, &[("authorization", &header)], &body(path)).await;
        assert_eq!(answer.error(), "invalid_request", "no content type at all");
        let charset = [
            ("authorization", header.as_str()),
            ("content-type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8"),
        ];
        assert!(matches!(
            world.app.call(Method::POST, path, &charset, &body(path)).await.error().as_str(),
            "" | "invalid_grant"
        ));
    }
}

#[tokio::test]
async fn a_body_beyond_64_kilobytes_is_413_and_one_below_is_read() {
    let world = World::new().await;
    let pages = [
        "/oauth2/authorize",
        "/oauth2/logout",
        "/oauth2/userinfo",
        "/login",
        "/register",
        "/consent",
        "/choose",
        "/logout",
    ];
    for path in BACK.iter().chain(&pages) {
        let answer = world.app.post(path, &[("token", "x".repeat(64 * 1024))]).await;
        assert_eq!(answer.code(), 413, "{path}");
    }
    for path in BACK {
        let answer = world.app.post(path, &[("token", "x".repeat(64 * 1024))]).await;
        assert_eq!(answer.error(), "invalid_request");
        assert!(answer.header("cache-control").contains("no-store"));
        world
            .app
            .post(path, &[("grant_type", "x"), ("token", &"x".repeat(60 * 1024))])
            .await
            .refused(401, "invalid_client");
    }
}

#[tokio::test]
async fn other_methods_are_not_allowed() {
    let world = World::new().await;
    for path in BACK {
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH, Method::HEAD] {
            let answer = world
                .app
                .call(method.clone(), &format!("{path}?grant_type=refresh_token&token=x"), &[], "")
                .await;
            assert_eq!(answer.code(), 405, "{method} {path}");
        }
    }
    assert_eq!(world.app.call(Method::DELETE, "/oauth2/userinfo", &[], "").await.code(), 405);
}

#[tokio::test]
async fn parameters_of_a_token_request_in_the_query_count_for_nothing() {
    let world = World::new().await;
    let machine = world.app.client(Profile::Machine, |_| ()).await;
    let header = basic(machine.id.as_str(), machine.secret.as_deref().unwrap());
    let answer = world
        .app
        .call(
            Method::POST,
            "/oauth2/token?grant_type=client_credentials",
            &[FORM, ("authorization", &header)],
            "",
        )
        .await;
    answer.refused(400, "invalid_request");
    let secret =
        form_body(&[("client_id", machine.id.as_str()), ("client_secret", machine.secret.as_deref().unwrap())]);
    let answer = world
        .app
        .call(Method::POST, &format!("/oauth2/token?{secret}"), &[FORM], "grant_type=client_credentials")
        .await;
    answer.refused(401, "invalid_client");
}

#[tokio::test]
async fn a_rotated_secret_is_good_until_its_end_and_no_longer() {
    let world = World::new().await;
    let now = world.app.clock.clone();
    let end = kabinet_core::time::Timestamp(world.app.now() + 100);
    world
        .app
        .change_client(&world.rp.id, |client| client.secrets[0].expires_at = Some(end))
        .await;
    now.advance(99);
    world.rp.refresh("x").await.refused(400, "invalid_grant");
    now.advance(1);
    let rp = &world.rp;
    eventually("the old secret is refused", || async { rp.refresh("x").await.code() == 401 }).await;
}

#[tokio::test]
async fn the_method_that_was_registered_is_the_one_that_counts_for_a_client_without_secret() {
    let world = World::of(Profile::Web, |m| m.token_endpoint_auth_method = AuthMethod::ClientSecretPost).await;
    let mut nameless = world.rp.clone();
    nameless.secret = None;
    nameless.metadata.token_endpoint_auth_method = AuthMethod::None;
    nameless.refresh("x").await.refused(401, "invalid_client");
}

#[tokio::test]
async fn a_guesser_cannot_name_another_network_for_itself() {
    let world = World::new().await;
    let header = basic(world.rp.id.as_str(), "CANARY-wrong");
    let mut refused = 0;
    for n in 0..60 {
        let (address, forwarded) = (format!("192.0.2.{n}"), format!("for=192.0.2.{n}"));
        let headers = [
            FORM,
            ("authorization", header.as_str()),
            ("x-forwarded-for", address.as_str()),
            ("x-real-ip", &address),
            ("forwarded", &forwarded),
        ];
        let answer = world.app.call(Method::POST, "/oauth2/token", &headers, &body("/oauth2/token")).await;
        refused += u32::from(answer.code() == 401);
    }
    assert!(refused <= 20, "{refused}");
}
