//! Front-Channel Logout 1.0: what the page after a sign-out loads.

use kabinet_core::client::{ClientMetadata, Profile};
use kabinet_tests::{BackChannel, Rp, TestApp, Tokens, form_body, query_of};

use crate::world::World;

const BYE: &str = "https://rp.test/bye";
const OUT: &str = "https://rp.test/out?keep=1";

fn listens(metadata: &mut ClientMetadata) {
    metadata.frontchannel_logout_uri = Some(OUT.to_owned());
    metadata.post_logout_redirect_uris = vec![BYE.to_owned()];
}

async fn world() -> (World, Tokens) {
    let mut world = World::of(Profile::Web, listens).await;
    let tokens = world.tokens("openid").await;
    (world, tokens)
}

fn asked(tokens: &Tokens) -> String {
    let form = [("id_token_hint", tokens.id.as_str()), ("post_logout_redirect_uri", BYE), ("state", "a b&c")];
    format!("/oauth2/logout?{}", form_body(&form))
}

/// The frames that the page loads, and the origins that its policy lets it load.
fn frames(world: &World) -> (Vec<String>, String) {
    let page = &world.browser.page;
    let policy = page.answer.as_ref().unwrap().header("content-security-policy").to_owned();
    let allowed = policy.split("; ").find_map(|part| part.strip_prefix("frame-src ")).unwrap_or_default();
    (page.html.attributes("iframe", "src"), allowed.to_owned())
}

async fn sid(rp: &Rp, tokens: &Tokens) -> String {
    rp.verify(&tokens.id).await["sid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_query_of_a_front_channel_uri_stays_and_iss_and_sid_follow() {
    let (mut world, tokens) = world().await;
    world.browser.get(&asked(&tokens)).await;
    let (loaded, allowed) = frames(&world);
    assert_eq!((loaded.len(), allowed.as_str()), (1, "https://rp.test"));
    assert!(loaded[0].starts_with("https://rp.test/out?keep=1&"), "{}", loaded[0]);
    let sid = sid(&world.rp, &tokens).await;
    let expected = [("keep", "1"), ("iss", "https://id.test"), ("sid", &sid)];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(query_of(&loaded[0]).0, expected);
    let onward = world.browser.page.html.attribute("continue", "href").unwrap();
    assert_eq!(onward, "https://rp.test/bye?state=a+b%26c");
    let ask = world.rp.ask().with("prompt", "none");
    assert_eq!(world.rp.authorize(&mut world.browser, &ask).await.get("error"), "login_required");
}

#[tokio::test]
async fn a_client_without_a_front_channel_is_returned_to_at_once() {
    let mut world = World::of(Profile::Web, |m| m.post_logout_redirect_uris = vec![BYE.to_owned()]).await;
    let tokens = world.tokens("openid").await;
    world.browser.get(&asked(&tokens)).await;
    assert!(world.browser.page.left.as_ref().is_some_and(|left| left.starts_with(BYE)));
}

#[tokio::test]
async fn every_client_of_the_session_is_loaded_once_and_nobody_else() {
    let (mut world, tokens) = world().await;
    let other = world
        .app
        .client(Profile::Web, |m| {
            m.redirect_uris = vec!["https://other.test:8443/cb".to_owned()];
            m.frontchannel_logout_uri = Some("https://other.test:8443/out".to_owned());
        })
        .await;
    let elsewhere = world.app.client(Profile::Web, listens).await;
    let disabled = world.app.client(Profile::Web, listens).await;
    for rp in [&other, &other, &disabled] {
        rp.sign_in(&world.app, &mut world.browser, &world.person).await;
    }
    let mut there = world.app.browser();
    elsewhere.sign_in(&world.app, &mut there, &world.person).await;
    world.app.change_client(&disabled.id, |client| client.disabled = true).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    kabinet_tests::eventually("the node hears of it", || async { disabled.token(&form).await.code() == 401 }).await;
    world.browser.get(&asked(&tokens)).await;
    let (mut loaded, allowed) = frames(&world);
    loaded.sort();
    assert_eq!(loaded.len(), 2, "{loaded:?}");
    assert!(loaded[0].starts_with("https://other.test:8443/out?iss="), "{loaded:?}");
    assert_eq!(allowed, "https://other.test:8443 https://rp.test");
}

#[tokio::test]
async fn on_our_own_page_and_in_the_cabinet_the_frames_are_loaded_and_nothing_is_left() {
    for (path, form, button) in [("/logout", "logout-confirm", "submit"), ("/account", "sign-out-form", "sign-out")] {
        let (mut world, _) = world().await;
        world.browser.get(path).await;
        world.browser.submit(form, &[], button).await;
        let (loaded, allowed) = frames(&world);
        assert_eq!((loaded.len(), allowed.as_str()), (1, "https://rp.test"), "{path}");
        assert!(world.browser.page.has("signed-out") && !world.browser.page.has("continue"), "{path}");
        assert!(world.browser.session().is_empty());
    }
}

#[tokio::test]
async fn a_page_without_frames_allows_none() {
    let mut world = World::new().await;
    world.browser.get("/logout").await;
    assert_eq!(frames(&world), (Vec::new(), String::new()));
}

#[tokio::test]
async fn both_channels_of_a_client_hear_of_it() {
    let app = TestApp::start_with(BackChannel::allow).await;
    let channel = BackChannel::open().await;
    let rp = app
        .client(Profile::Web, |metadata| {
            listens(metadata);
            metadata.backchannel_logout_uri = Some(channel.uri.clone());
        })
        .await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    let tokens = rp.sign_in(&app, &mut browser, &person).await;
    browser.get(&asked(&tokens)).await;
    assert_eq!(browser.page.html.attributes("iframe", "src").len(), 1);
    assert_eq!(channel.calls().len(), 1);
}
