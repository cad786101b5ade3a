//! B01 and B03: a redirect URI is compared byte by byte, and what cannot be proven gets a page and no redirect.

use kabinet_core::client::{ClientMetadata, Profile};
use kabinet_tests::{Callback, TestApp};

use crate::world::World;

const GOOD: &str = "https://rp.test/cb";

/// What looks like `GOOD` to one parser or another.
const NEAR: [&str; 58] = [
    "https://rp.test/cb/",
    "https://rp.test/cb//",
    "https://rp.test//cb",
    "https://rp.test/CB",
    "https://RP.test/cb",
    "HTTPS://rp.test/cb",
    "http://rp.test/cb",
    "https://rp.test/cb?",
    "https://rp.test/cb?x=1",
    "https://rp.test/cb&x=1",
    "https://rp.test/cb#",
    "https://rp.test/cb#x",
    "https://rp.test/cb%23x",
    "https://rp.test/%63b",
    "https://rp.test/c%62",
    "https://rp.test/cb%2f",
    "https://rp.test/cb%00",
    "https://rp.test/cb%20",
    "https://rp.test/cb ",
    " https://rp.test/cb",
    "https://rp.test/./cb",
    "https://rp.test/x/../cb",
    "https://rp.test/%2e/cb",
    "https://rp.test/x/%2e%2e/cb",
    "https://rp.test/cb/.",
    "https://rp.test/cb/..",
    "https://rp.test/cb;x",
    "https://rp.test/cb;",
    "https://rp.test:443/cb",
    "https://rp.test:8443/cb",
    "https://rp.test:/cb",
    "https://rp.test./cb",
    "https://evil.rp.test/cb",
    "https://rp.test.evil.test/cb",
    "https://evilrp.test/cb",
    "https://rp.test@evil.test/cb",
    "https://user@rp.test/cb",
    "https://user:password@rp.test/cb",
    "https://evil.test/cb",
    "https://evil.test/https://rp.test/cb",
    "https://evil.test?https://rp.test/cb",
    "https://evil.test#https://rp.test/cb",
    "https://evil.test\\@rp.test/cb",
    "https:\\\\rp.test\\cb",
    "https://rp.test\\cb",
    "https:/rp.test/cb",
    "https:rp.test/cb",
    "//rp.test/cb",
    "/cb",
    "cb",
    "https://rр.test/cb",
    "https://xn--r-9tb.test/cb",
    "https://rp.test%2fcb",
    "https://rp.test/cb%252f",
    "javascript://rp.test/cb%0aalert(1)",
    "data:text/html,https://rp.test/cb",
    "https://rp.test/cb,https://evil.test/",
    "null",
];

#[tokio::test]
async fn a_near_miss_of_a_redirect_uri_gets_a_page_and_never_a_redirect() {
    let mut world = World::new().await;
    for near in NEAR {
        for prompt in ["", "none"] {
            let ask = world.rp.ask().with("redirect_uri", near).with("prompt", prompt);
            let page = world.browser.get(&ask.url()).await;
            assert!(
                page.left.is_none() && page.hops.iter().all(|hop| hop.location().is_empty()),
                "{near}: {:?}",
                page.left
            );
            assert_eq!((page.status, page.error().as_str()), (400, "redirect_uri"), "{near}");
        }
    }
    assert_eq!(world.rp.authorize(&mut world.browser, &world.rp.ask()).await.url, GOOD);
}

#[tokio::test]
async fn control_characters_in_a_redirect_uri_get_a_page() {
    let mut world = World::new().await;
    for raw in [
        "https://rp.test/cb%0d%0aset-cookie:x=1",
        "https://rp.test/cb%09",
        "https://rp.test/%00cb",
        "https://rp.test/cb%7f",
    ] {
        let rest = kabinet_tests::form_body(&world.rp.ask().without("redirect_uri").params);
        let page = world.browser.get(&format!("/oauth2/authorize?{rest}&redirect_uri={raw}")).await;
        assert_eq!((page.status, page.left.is_none()), (400, true), "{raw}");
        assert!(
            page.hops[0]
                .headers
                .get("set-cookie")
                .is_none_or(|cookie| !cookie.to_str().unwrap().contains("x=1"))
        );
    }
}

#[tokio::test]
async fn an_unknown_client_gets_a_page() {
    let mut world = World::new().await;
    let long = "x".repeat(4_000);
    for id in ["", "nobody", "../", "' OR '1'='1", "00000000-0000-0000-0000-000000000000", &long] {
        let page = world.browser.get(&world.rp.ask().with("client_id", id).url()).await;
        assert_eq!(
            (page.status, page.error().as_str(), page.left.is_none()),
            (400, "unknown_client", true),
            "{id}"
        );
    }
    let upper = world.rp.id.as_str().to_uppercase();
    let page = world.browser.get(&world.rp.ask().with("client_id", &upper).url()).await;
    assert_eq!(page.error(), "unknown_client");
}

#[tokio::test]
async fn a_client_or_redirect_uri_that_stands_twice_gets_a_page() {
    let mut world = World::new().await;
    let other = world.app.client(Profile::Web, |_| ()).await;
    for (name, value) in
        [("client_id", other.id.as_str()), ("redirect_uri", "https://evil.test/"), ("redirect_uri", GOOD)]
    {
        let page = world.browser.get(&world.rp.ask().and(name, value).url()).await;
        assert_eq!(
            (page.status, page.error().as_str(), page.left.is_none()),
            (400, "invalid_request", true),
            "{name}={value}"
        );
    }
}

#[tokio::test]
async fn the_redirect_uri_of_another_client_gets_a_page() {
    let mut world = World::new().await;
    let other = world
        .app
        .client(Profile::Web, |m| m.redirect_uris = vec!["https://other.test/cb".to_owned()])
        .await;
    let page = world.browser.get(&world.rp.ask().with("redirect_uri", other.redirect_uri()).url()).await;
    assert_eq!(page.error(), "redirect_uri");
}

#[tokio::test]
async fn a_page_about_a_bad_request_has_a_sentence_an_id_and_a_way_back() {
    let mut world = World::new().await;
    let page = world.browser.get(&world.rp.ask().with("redirect_uri", "https://evil.test/").url()).await;
    assert!(page.has("back") && !page.html.text_by_id("request-id").unwrap().is_empty());
    assert_eq!(
        page.html.text_by_id("request-id").unwrap(),
        page.answer.as_ref().unwrap().header("x-request-id")
    );
    assert!(page.text().chars().any(|c| ('а'..='я').contains(&c)));
}

#[tokio::test]
async fn a_native_app_may_vary_the_port_of_a_loopback_address_and_nothing_else() {
    let mut world = World::of(Profile::Native, |m| {
        m.redirect_uris = ["http://127.0.0.1/cb", "http://[::1]/cb", "com.example.app:/cb"]
            .map(str::to_owned)
            .to_vec();
    })
    .await;
    for good in ["http://127.0.0.1:4711/cb", "http://127.0.0.1/cb", "http://[::1]:65535/cb", "com.example.app:/cb"] {
        let callback = world.rp.authorize(&mut world.browser, &world.rp.ask().with("redirect_uri", good)).await;
        assert_eq!(callback.url, good);
    }
    for bad in [
        "http://127.0.0.1:4711/cb/",
        "http://127.0.0.1:99999/cb",
        "http://127.0.0.1:4711@evil.test/cb",
        "http://127.0.0.1:4711.evil.test/cb",
        "https://127.0.0.1:4711/cb",
        "http://127.0.0.2:4711/cb",
        "http://localhost:4711/cb",
        "http://0x7f000001:4711/cb",
        "http://127.1:4711/cb",
        "http://[0:0:0:0:0:0:0:1]:4711/cb",
        "http://127.0.0.1.evil.test/cb",
        "http://127.0.0.1:/cb",
        "com.example.app:4711/cb",
        "com.example.app://cb",
        "COM.example.app:/cb",
    ] {
        let page = world.browser.get(&world.rp.ask().with("redirect_uri", bad).url()).await;
        assert_eq!(page.error(), "redirect_uri", "{bad}");
    }
}

#[tokio::test]
async fn a_web_client_keeps_the_port_of_its_loopback_address() {
    let mut world = World::of(Profile::Web, |m| m.redirect_uris = vec!["http://127.0.0.1:3000/cb".to_owned()]).await;
    world
        .browser
        .get(&world.rp.ask().with("redirect_uri", "http://127.0.0.1:3001/cb").url())
        .await;
    assert_eq!(world.browser.page.error(), "redirect_uri");
    world.browser.get(&world.rp.ask().url()).await;
    assert_eq!(Callback::of(&world.browser.page).url, "http://127.0.0.1:3000/cb");
}

#[test]
fn a_dangerous_redirect_uri_cannot_be_registered() {
    let bad = [
        "javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "about:blank",
        "blob:https://rp.test/x",
        "http://rp.test/cb",
        "http://10.0.0.1/cb",
        "ftp://rp.test/",
        "rp.test/cb",
        "//rp.test/cb",
        "/cb",
        "",
        "https://",
        "https://rp.test/cb#x",
        "https://user@rp.test/cb",
        "https://rp.test/c b",
        "https://rp.test/\\cb",
        "https://рп.test/cb",
        "https://rp.test/cb\n",
        "myapp:/cb",
    ];
    for uri in bad {
        for profile in [Profile::Web, Profile::Spa, Profile::Native] {
            let mut metadata = ClientMetadata::of_profile(profile, "x");
            metadata.redirect_uris.push(uri.to_owned());
            assert!(metadata.check().is_err(), "{uri} for {profile:?}");
        }
    }
}

#[tokio::test]
async fn a_client_that_is_disabled_or_changed_on_the_way_is_caught_at_resume() {
    let mut world = World::signed_out(Profile::Web, |_| ()).await;
    let (app, rp): (&TestApp, _) = (&world.app, &world.rp);
    world.browser.get(&rp.ask().url()).await;
    assert!(world.browser.page.has("login-form"));
    app.change_client(&rp.id, |client| client.metadata.redirect_uris = vec!["https://rp.test/new".to_owned()])
        .await;
    let probe = rp.ask().url();
    kabinet_tests::eventually("the node hears of it", || async { app.get(&probe).await.code() == 400 }).await;
    app.fill_in(&mut world.browser, &world.person).await;
    assert_eq!(
        (world.browser.page.left.is_none(), world.browser.page.error().as_str()),
        (true, "redirect_uri")
    );
}
