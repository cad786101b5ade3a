//! What once went wrong at the protocol's endpoints.

use axum::body::Body;
use http::{Method, Request};
use kabinet_core::client::{Alg, Profile};
use kabinet_tests::{Answer, Browser, Callback, ISSUER, TestApp, Tokens, eventually, form_body};
use sqlx::{AssertSqlSafe, Connection};
use tower::ServiceExt;

use crate::world::World;

const BYE: &str = "https://rp.test/bye";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

async fn world_with_bye() -> World {
    World::of(Profile::Web, |metadata| metadata.post_logout_redirect_uris = vec![BYE.to_owned()]).await
}

/// Whether `prompt=none` gives a code.
async fn is_signed_in(world: &mut World) -> bool {
    let ask = world.rp.ask().with("prompt", "none");
    let callback = world.rp.authorize(&mut world.browser, &ask).await;
    assert!(matches!(callback.get("error"), "" | "login_required"), "{:?}", callback.params);
    !callback.get("code").is_empty()
}

async fn sign_out(browser: &mut Browser) {
    browser.get("/account").await;
    browser.submit("sign-out-form", &[], "sign-out").await;
    assert!(browser.page.has("signed-out"), "{}", browser.page.text());
}

/// Changes the database behind the provider's back.
async fn tamper(app: &TestApp, statement: &str) {
    let url = app.config.store.url.expose();
    let statement = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()));
    if url.starts_with("postgres") {
        let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
        statement.execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    } else {
        let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
        statement.execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

fn cookies(browser: &Browser) -> String {
    let pairs = browser.jar.iter().map(|(name, kept)| format!("{name}={}", kept.value));
    pairs.collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn a_sign_out_posted_from_another_site_leaves_the_cookie_and_goes_on_as_a_get_that_ends_the_session() {
    let mut world = world_with_bye().await;
    let tokens = world.tokens("openid").await;
    let form = [("id_token_hint", tokens.id.as_str()), ("post_logout_redirect_uri", BYE), ("state", "x y")];
    world.browser.post_from_elsewhere("/oauth2/logout", &form).await;
    let hops = world.browser.page.hops.clone();
    assert_eq!(hops[0].code(), 303, "{}", hops[0].body);
    assert!(hops[0].location().starts_with("/oauth2/logout?"), "{}", hops[0].location());
    let set = hops[0].every("set-cookie");
    assert!(set.iter().all(|cookie| !cookie.contains("kabinet-session")), "{set:?}");
    assert_eq!(world.browser.page.left.as_deref(), Some("https://rp.test/bye?state=x+y"));
    assert!(!is_signed_in(&mut world).await);
    world.rp.refresh(&tokens.refresh).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_hint_of_an_earlier_session_asks_before_it_ends_the_present_one() {
    let mut world = world_with_bye().await;
    let old = world.tokens("openid").await;
    sign_out(&mut world.browser).await;
    world.app.clock.advance(1);
    world.app.sign_in(&mut world.browser, &world.person).await;
    let form = [("id_token_hint", old.id.as_str()), ("post_logout_redirect_uri", BYE)];
    let url = format!("/oauth2/logout?{}", form_body(&form));
    world.browser.get(&url).await;
    assert!(world.browser.page.has("logout-confirm"), "{:?}", world.browser.page.left);
    assert!(is_signed_in(&mut world).await, "ended without a question");
    world.browser.post("/oauth2/logout", &form).await;
    assert!(world.browser.page.has("logout-confirm"), "{:?}", world.browser.page.left);
    assert!(is_signed_in(&mut world).await, "ended without a question by POST");
    world.browser.get(&url).await;
    world.browser.submit("logout-confirm", &[], "submit").await;
    assert_eq!(world.browser.page.left.as_deref(), Some(BYE));
    assert!(!is_signed_in(&mut world).await, "confirmed, but not ended");
}

#[tokio::test]
async fn a_code_of_a_session_that_was_signed_out_before_its_redemption_is_refused() {
    for scope in ["openid", "openid offline_access"] {
        let mut world = World::new().await;
        let ask = world.rp.ask_for(scope);
        let code = world.code(&ask).await;
        sign_out(&mut world.browser).await;
        world.rp.redeem(&code, &ask).await.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn a_refresh_token_ends_with_its_idle_session_within_the_grace_too() {
    let mut world = World::new().await;
    let first = world.tokens("openid").await;
    world.app.clock.advance(24 * 3600 - 4);
    let second = Tokens::of(&world.rp.refresh(&first.refresh).await);
    assert!(world.rp.is_active(&second.refresh).await);
    // Eight seconds after the first one was used: it would be a repetition, were there a session.
    world.app.clock.advance(8);
    for token in [&first.refresh, &second.refresh] {
        assert!(!world.rp.is_active(token).await);
        world.rp.refresh(token).await.refused(400, "invalid_grant");
        assert!(!world.rp.is_active(token).await);
    }
}

#[tokio::test]
async fn a_form_of_another_site_gives_no_browser_a_binding_and_takes_none_away() {
    let mut world = World::signed_out(Profile::Web, |_| ()).await;
    let ask = world.rp.ask();
    world.browser.get(&ask.url()).await;
    let mut tab = world.browser.clone();
    for (is_known, mut browser) in [(false, world.app.browser()), (true, world.browser.clone())] {
        let pages = [
            ("/oauth2/authorize", world.rp.ask().params),
            ("/login", vec![("phone".to_owned(), "+79160000000".to_owned())]),
        ];
        for (path, form) in pages {
            browser.post_from_elsewhere(path, &form).await;
            let set = browser.page.hops[0].every("set-cookie");
            assert!(set.is_empty(), "POST {path}: {set:?}");
        }
        if is_known {
            assert_eq!(browser.jar, tab.jar);
            tab.jar = browser.jar;
        }
    }
    world.app.fill_in(&mut tab, &world.person).await;
    assert_eq!(Callback::of(&tab.page).get("state"), ask.get("state"), "the open tab goes on at once");
}

#[tokio::test]
async fn a_path_that_begins_with_two_slashes_gets_a_page_without_links_to_another_host() {
    let app = TestApp::start().await;
    for path in ["//evil.example/x", "//evil.example/x?lang=en", "///evil.example", "//evil.example//x?a=//b"] {
        let mut browser = app.browser();
        browser.get(&format!("{ISSUER}{path}")).await;
        let page = &browser.page;
        assert_eq!(page.status, 404, "{path}");
        let places = [("a", "href"), ("link", "href"), ("form", "action"), ("script", "src"), ("img", "src")];
        for (tag, attribute) in places {
            let leading = page.html.attributes(tag, attribute);
            assert!(
                leading.iter().all(|to| !to.starts_with("//") && !to.starts_with("/\\")),
                "{path}: {leading:?}"
            );
        }
        assert!(!page.html.attributes("a", "href").is_empty(), "{path}: the language links are gone");
    }
}

#[tokio::test]
async fn head_at_the_authorization_endpoint_writes_no_grant() {
    let mut world = World::new().await;
    world.browser.get("/account").await;
    let mine = cookies(&world.browser);
    let now = world.app.ambient.clock.now();
    let sessions = kabinet_store::session::by_user(world.app.store.db(), &world.person.id, now)
        .await
        .unwrap();
    let ids: Vec<_> = sessions.into_iter().map(|session| session.id).collect();
    let last = || kabinet_store::grant::last_for_client(world.app.store.db(), &world.rp.id, &ids);
    let ask = world.rp.ask();
    let answer = world.app.call(Method::HEAD, &ask.url(), &[("cookie", &mine)], "").await;
    assert_eq!((answer.code(), answer.location()), (405, ""));
    // The same request, sealed, as HEAD too.
    let form = form_body(&ask.params);
    let posted = world
        .app
        .call(
            Method::POST,
            "/oauth2/authorize",
            &[FORM, ("cookie", &mine), ("sec-fetch-site", "cross-site")],
            &form,
        )
        .await;
    let resume = posted.location().to_owned();
    assert!(resume.starts_with("/oauth2/resume?"), "{resume}");
    let answer = world.app.call(Method::HEAD, &resume, &[("cookie", &mine)], "").await;
    assert_eq!((answer.code(), answer.location()), (405, ""));
    assert!(last().await.unwrap().is_none(), "HEAD writes a grant");
    let answer = world.app.call(Method::GET, &resume, &[("cookie", &mine)], "").await;
    assert!(answer.location().contains("code="), "{}", answer.location());
    assert!(last().await.unwrap().is_some());
}

#[tokio::test]
async fn made_up_methods_and_paths_make_no_metric_series() {
    let app = TestApp::start().await;
    let read = || async {
        let request = Request::get("/metrics").body(Body::empty()).unwrap();
        Answer::of(app.node.admin.clone().oneshot(request).await.unwrap()).await.ok().body
    };
    for i in 0..300 {
        let method = Method::from_bytes(format!("MADEUP{i}").as_bytes()).unwrap();
        app.call(method.clone(), "/login", &[], "").await;
        app.call(method, &format!("/madeup-{i}"), &[], "").await;
    }
    let text = read().await;
    let lines = || text.lines().filter(|line| line.starts_with("kabinet_http_requests_total{"));
    assert!(
        lines().any(|line| line.contains("method=\"other\"") && line.contains("route=\"/login\"")),
        "{text}"
    );
    assert!(!text.to_ascii_lowercase().contains("madeup"));
    // Other tests of this process add to the same numbers: no count of series, but every label.
    let methods: std::collections::BTreeSet<&str> =
        lines().filter_map(|line| line.split("method=\"").nth(1)?.split('"').next()).collect();
    assert!(
        methods.iter().all(|method| ["GET", "POST", "HEAD", "OPTIONS", "other"].contains(method)),
        "{methods:?}"
    );
}

#[tokio::test]
async fn a_change_of_keys_is_heard_although_they_could_not_be_read_at_first() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid").await;
    let before = world.rp.jwks().await["keys"].as_array().unwrap().len();
    tamper(
        &world.app,
        "UPDATE signing_keys SET private_sealed = 'x' || private_sealed WHERE alg = 'EdDSA'",
    )
    .await;
    world.app.rotate(Alg::ES256).await;
    let (rp, access) = (&world.rp, tokens.access.as_str());
    let cannot_know = || async { rp.post("/oauth2/introspect", &[("token", access)]).await.code() == 503 };
    eventually("the node knows that it has not heard", cannot_know).await;
    assert_eq!(rp.jwks().await["keys"].as_array().unwrap().len(), before);
    tamper(
        &world.app,
        "UPDATE signing_keys SET private_sealed = substr(private_sealed, 2) WHERE alg = 'EdDSA'",
    )
    .await;
    eventually("the new keys are published", || async {
        rp.jwks().await["keys"].as_array().unwrap().len() == before + 1
    })
    .await;
    assert!(rp.is_active(access).await);
}

#[tokio::test]
async fn a_revocation_that_the_database_cannot_answer_is_no_success() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid").await;
    let rp = world.rp.clone();
    assert!(rp.is_active(&tokens.access).await);
    tamper(&world.app, "ALTER TABLE grants RENAME TO grants_away").await;
    let answer = rp.revoke(&tokens.refresh).await;
    tamper(&world.app, "ALTER TABLE grants_away RENAME TO grants").await;
    assert_eq!(answer.code(), 503, "{}", answer.body);
    assert!(rp.is_active(&tokens.refresh).await);
    tamper(&world.app, "ALTER TABLE changes RENAME TO changes_away").await;
    let access = tokens.access.as_str();
    let cannot_know = || async { rp.post("/oauth2/introspect", &[("token", access)]).await.code() == 503 };
    eventually("the node knows that it has not heard", cannot_know).await;
    let answer = rp.revoke(access).await;
    tamper(&world.app, "ALTER TABLE changes_away RENAME TO changes").await;
    assert_eq!(answer.code(), 503, "{}", answer.body);
    eventually("the database answers again", || async { rp.revoke(access).await.code() == 200 }).await;
    assert!(!rp.is_active(access).await);
    assert_eq!(rp.revoke(&tokens.refresh).await.code(), 200);
    assert!(!rp.is_active(&tokens.refresh).await);
}

#[tokio::test]
async fn max_age_0_asks_again_within_the_same_second_and_only_once() {
    let mut world = World::new().await;
    let ask = world.rp.ask().with("max_age", "0");
    world.browser.get(&ask.url()).await;
    assert!(world.browser.page.has("login-form"), "{:?}", world.browser.page.left);
    world.app.fill_in(&mut world.browser, &world.person).await;
    let callback = Callback::of(&world.browser.page);
    let tokens = Tokens::of(&world.rp.redeem(callback.code(), &ask).await);
    assert_eq!(world.rp.verify(&tokens.id).await["auth_time"], world.app.now());
    let silent = world.rp.ask().with("max_age", "0").with("prompt", "none");
    let callback = world.rp.authorize(&mut world.browser, &silent).await;
    assert_eq!(callback.get("error"), "login_required");
}
