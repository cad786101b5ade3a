//! Session Management 1.0: `session_state`, the browser's state in a cookie, and the page that products frame. What its
//! script answers is tried in a real browser (tests/e2e).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kabinet_core::client::Profile;
use kabinet_tests::{Browser, Callback, Rp};
use sha2::{Digest, Sha256};

use crate::world::World;

const COOKIE: &str = "__Host-kabinet-state";

async fn world() -> World {
    World::of(Profile::Web, |metadata| metadata.session_management = true).await
}

/// What the framed page answers to a page of `origin` (§4.2).
fn answer(browser: &Browser, rp: &Rp, origin: &str, session_state: &str) -> &'static str {
    let state = browser.jar.get(COOKIE).map(|kept| kept.value.as_str()).unwrap_or_default();
    let Some((_, salt)) = session_state.split_once('.') else {
        return "error";
    };
    let text = format!("{} {origin} {state} {salt}", rp.id);
    let expected = format!("{}.{salt}", URL_SAFE_NO_PAD.encode(Sha256::digest(text)));
    if expected == session_state { "unchanged" } else { "changed" }
}

async fn state_of(world: &mut World) -> String {
    let ask = world.rp.ask();
    world.rp.authorize(&mut world.browser, &ask).await.get("session_state").to_owned()
}

#[tokio::test]
async fn a_state_is_good_for_one_client_and_one_origin() {
    let mut world = world().await;
    let (one, two) = (state_of(&mut world).await, state_of(&mut world).await);
    assert_ne!(one, two, "each has its salt");
    for state in [&one, &two] {
        assert_eq!(answer(&world.browser, &world.rp, "https://rp.test", state), "unchanged");
    }
    assert_eq!(answer(&world.browser, &world.rp, "https://other.test", &one), "changed");
    let other = world.app.client(Profile::Web, |metadata| metadata.session_management = true).await;
    assert_eq!(answer(&world.browser, &other, "https://rp.test", &one), "changed");
}

#[tokio::test]
async fn the_state_changes_with_every_sign_in_and_sign_out_of_the_browser_and_stays_otherwise() {
    let mut world = world().await;
    let state = state_of(&mut world).await;
    let now = |world: &World| answer(&world.browser, &world.rp, "https://rp.test", &state);
    world.app.clock.advance(3600);
    world.browser.get("/account").await;
    world.browser.get("/choose").await;
    assert_eq!(now(&world), "unchanged");
    let second = world.app.anyone().await;
    world.app.sign_in(&mut world.browser, &second).await;
    assert_eq!(now(&world), "changed", "another account");
    let both = {
        let ask = world.rp.ask().with("prompt", "select_account");
        world.browser.get(&ask.url()).await;
        world.browser.submit("choose-form", &[], "account-2").await;
        Callback::of(&world.browser.page).get("session_state").to_owned()
    };
    assert_eq!(
        answer(&world.browser, &world.rp, "https://rp.test", &both),
        "unchanged",
        "the order of the accounts does not matter"
    );
    world.browser.get("/logout").await;
    world.browser.submit("logout-confirm", &[], "submit").await;
    assert_eq!(answer(&world.browser, &world.rp, "https://rp.test", &both), "changed");
}

#[tokio::test]
async fn clients_without_it_get_no_state_and_their_browsers_no_cookie() {
    let mut world = World::new().await;
    assert_eq!(state_of(&mut world).await, "");
    assert!(!world.browser.jar.contains_key(COOKIE));
    let native = world
        .app
        .client(Profile::Native, |metadata| {
            metadata.redirect_uris = vec!["com.example.app:/cb".to_owned()];
            metadata.session_management = true;
        })
        .await;
    let ask = native.ask();
    let callback = native.authorize(&mut world.browser, &ask).await;
    assert!(
        !callback.code().is_empty() && callback.get("session_state").is_empty(),
        "no origin, no state"
    );
}

#[tokio::test]
async fn the_cookie_tells_nothing_of_the_session_and_scripts_read_it_on_this_host_alone() {
    let mut world = world().await;
    let ask = world.rp.ask();
    world.rp.authorize(&mut world.browser, &ask).await;
    let hops = &world.browser.page.hops;
    let set = hops
        .iter()
        .flat_map(|hop| hop.every("set-cookie"))
        .find(|text| text.starts_with(COOKIE))
        .unwrap();
    assert!(
        set.contains("; Secure") && set.contains("; SameSite=Lax") && set.contains("; Path=/"),
        "{set}"
    );
    assert!(!set.contains("HttpOnly") && !set.contains("Domain"), "{set}");
    let value = world.browser.jar[COOKIE].value.clone();
    assert!(value.len() == 43 && !value.contains(&world.browser.session()), "{value}");
}

#[tokio::test]
async fn only_registered_origins_of_clients_that_have_it_may_frame_the_page() {
    let world = World::new().await;
    let page = world.app.get("/oauth2/session").await.ok();
    assert_eq!(page.header("x-frame-options"), "DENY", "nobody has it");
    assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"));
    let rp = world
        .app
        .client(Profile::Web, |metadata| {
            metadata.redirect_uris = vec!["https://one.test:8443/cb".to_owned(), "https://two.test/cb".to_owned()];
            metadata.session_management = true;
        })
        .await;
    let policy = async || world.app.get("/oauth2/session").await.ok().header("content-security-policy").to_owned();
    kabinet_tests::eventually("the node hears of the client", || async { policy().await.contains("one.test") }).await;
    let page = world.app.get("/oauth2/session").await.ok();
    let csp = page.header("content-security-policy");
    assert!(csp.ends_with("frame-ancestors https://one.test:8443 https://two.test"), "{csp}");
    assert!(
        csp.starts_with("default-src 'none'; script-src 'nonce-") && !csp.contains("rp.test"),
        "{csp}"
    );
    assert_eq!(page.header("x-frame-options"), "", "it knows only all or nothing");
    world.app.change_client(&rp.id, |client| client.disabled = true).await;
    kabinet_tests::eventually("the node hears of it", || async { !policy().await.contains("one.test") }).await;
}

#[tokio::test]
async fn an_error_has_no_state() {
    let mut world = world().await;
    let mut nobody = world.app.browser();
    let ask = world.rp.ask().with("prompt", "none");
    let callback = world.rp.authorize(&mut nobody, &ask).await;
    assert_eq!((callback.get("error"), callback.get("session_state")), ("login_required", ""));
    assert!(!nobody.jar.contains_key(COOKIE));
    world.browser.get("/account").await;
}
