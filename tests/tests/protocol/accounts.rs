//! Several accounts in one browser (DESIGN 20), requests posted by other sites (P03), and the binding of browsers.

use kabinet_core::client::Profile;
use kabinet_tests::{Browser, Callback, Person, Tokens, jwt};

use crate::world::World;

fn binding(browser: &Browser) -> String {
    browser
        .jar
        .get("__Host-kabinet-browser")
        .map(|kept| kept.value.clone())
        .unwrap_or_default()
}

/// A world whose browser holds a second account, signed in last.
async fn two() -> (World, Person) {
    let mut world = World::new().await;
    let second = world.app.anyone().await;
    world.app.sign_in(&mut world.browser, &second).await;
    (world, second)
}

/// Whom `prompt=none` gives a code for, or the error.
async fn silent(world: &mut World, ask: kabinet_tests::Ask) -> String {
    let ask = ask.with("prompt", "none");
    let callback = world.rp.authorize(&mut world.browser, &ask).await;
    if !callback.get("error").is_empty() {
        return callback.get("error").to_owned();
    }
    let tokens = Tokens::of(&world.rp.redeem(callback.code(), &ask).await);
    jwt::parts(&tokens.id).1["sub"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn with_two_accounts_and_nothing_to_go_by_prompt_none_asks_for_a_choice() {
    let (mut world, _) = two().await;
    let ask = world.rp.ask();
    assert_eq!(silent(&mut world, ask.clone()).await, "account_selection_required");
    world.browser.get(&ask.url()).await;
    assert!(world.browser.page.has("choose-form"));
}

#[tokio::test]
async fn a_hint_picks_the_account() {
    let (mut world, second) = two().await;
    let mut alone = world.app.browser();
    let hint = world.rp.sign_in(&world.app, &mut alone, &second).await;
    let ask = world.rp.ask().with("id_token_hint", &hint.id);
    assert_eq!(silent(&mut world, ask).await, second.id.as_str());
    let first = world.person.clone();
    let hint = world.rp.sign_in(&world.app, &mut world.app.browser(), &first).await;
    let ask = world.rp.ask().with("id_token_hint", &hint.id);
    assert_eq!(silent(&mut world, ask).await, first.id.as_str());
}

#[tokio::test]
async fn the_account_that_a_client_last_got_here_is_taken_again_and_each_client_has_its_own() {
    let (mut world, second) = two().await;
    let other = world.app.client(Profile::Web, |_| ()).await;
    world.browser.get(&world.rp.ask().url()).await;
    let person = world.person.clone();
    choose(&mut world.browser, "account-2").await;
    let got = Callback::of(&world.browser.page);
    assert!(!got.code().is_empty());
    let ask = world.rp.ask();
    let again = silent(&mut world, ask).await;
    assert!(again == person.id.as_str() || again == second.id.as_str());
    let ask = other.ask();
    world.rp = other;
    let callback = world.rp.authorize(&mut world.browser, &ask.with("prompt", "none")).await;
    assert_eq!(
        callback.get("error"),
        "account_selection_required",
        "what one client got says nothing to another"
    );
}

async fn choose(browser: &mut Browser, id: &str) {
    browser.submit("choose-form", &[], id).await;
}

#[tokio::test]
async fn each_account_of_the_choice_leads_to_its_own_subject() {
    let (mut world, second) = two().await;
    let mut subjects = Vec::new();
    for id in ["account-1", "account-2"] {
        let ask = world.rp.ask().with("prompt", "select_account");
        world.browser.get(&ask.url()).await;
        choose(&mut world.browser, id).await;
        let tokens = Tokens::of(&world.rp.redeem(Callback::of(&world.browser.page).code(), &ask).await);
        subjects.push(jwt::parts(&tokens.id).1["sub"].as_str().unwrap().to_owned());
    }
    subjects.sort();
    let mut both = [world.person.id.to_string(), second.id.to_string()];
    both.sort();
    assert_eq!(subjects, both);
}

#[tokio::test]
async fn a_choice_of_an_account_that_is_not_in_this_browser_shows_the_step_again() {
    let (mut world, _) = two().await;
    world.browser.get(&world.rp.ask().url()).await;
    let mut body = world.browser.filled("choose-form", &[], "account-1");
    for (name, value) in &mut body {
        if name == "account" {
            "somebody-else".clone_into(value);
        }
    }
    world.browser.post("/choose", &body).await;
    assert!(world.browser.page.has("choose-form"));
}

#[tokio::test]
async fn a_hint_ends_the_session_of_its_account_and_leaves_the_other() {
    let (mut world, second) = two().await;
    let ask = world.rp.ask().with("prompt", "select_account");
    world.browser.get(&ask.url()).await;
    choose(&mut world.browser, "account-1").await;
    let tokens = Tokens::of(&world.rp.redeem(Callback::of(&world.browser.page).code(), &ask).await);
    let ended = jwt::parts(&tokens.id).1["sub"].clone();
    world.browser.get(&format!("/oauth2/logout?id_token_hint={}", tokens.id)).await;
    let left = if ended == second.id.as_str() {
        world.person.id.clone()
    } else {
        second.id
    };
    let ask = world.rp.ask();
    assert_eq!(silent(&mut world, ask).await, left.as_str());
}

#[tokio::test]
async fn five_accounts_at_most_live_in_one_browser() {
    let mut world = World::new().await;
    for _ in 0..6 {
        let person = world.app.anyone().await;
        world.app.sign_in(&mut world.browser, &person).await;
    }
    assert_eq!(world.browser.session().split('.').count(), 5);
    world.browser.get(&world.rp.ask().url()).await;
    assert!(world.browser.page.has("account-5") && !world.browser.page.has("account-6"));
}

#[tokio::test]
async fn one_person_is_one_subject_for_all_clients_and_has_a_session_name_per_client() {
    let mut world = World::new().await;
    let other = world.app.client(Profile::Web, |_| ()).await;
    let here = world.tokens("openid").await;
    let there = other.sign_in(&world.app, &mut world.browser, &world.person).await;
    let (here, there) = (jwt::parts(&here.id).1, jwt::parts(&there.id).1);
    assert_eq!(here["sub"], there["sub"]);
    assert_ne!(here["sid"], there["sid"]);
}

#[tokio::test]
async fn a_request_posted_by_another_site_without_cookies_still_ends_in_single_sign_on() {
    let mut world = World::new().await;
    let ask = world.rp.ask();
    let (session, bound) = (world.browser.session(), binding(&world.browser));
    world.browser.post_from_elsewhere("/oauth2/authorize", &ask.params).await;
    let callback = Callback::of(&world.browser.page);
    Tokens::of(&world.rp.redeem(callback.code(), &ask).await);
    assert_eq!(world.browser.session(), session);
    assert_eq!(binding(&world.browser), bound, "forms in other tabs are bound to it");
}

#[tokio::test]
async fn a_silent_request_posted_without_any_cookie_is_login_required_and_no_page() {
    let mut world = World::new().await;
    let mut frame = world.app.browser();
    let ask = world.rp.ask().with("prompt", "none");
    frame.post_from_elsewhere("/oauth2/authorize", &ask.params).await;
    assert_eq!(Callback::of(&frame.page).get("error"), "login_required");
    world.browser = frame;
    let callback = world.rp.authorize(&mut world.browser, &ask).await;
    assert_eq!(callback.get("error"), "login_required");
}

#[tokio::test]
async fn the_binding_of_a_browser_survives_sign_in_and_sign_out() {
    let mut world = World::signed_out(Profile::Web, |_| ()).await;
    world.browser.get("/login").await;
    let bound = binding(&world.browser);
    assert!(!bound.is_empty());
    world.app.fill_in(&mut world.browser, &world.person).await;
    world.browser.get(&world.rp.ask().url()).await;
    world.browser.get("/logout").await;
    world.browser.submit("logout-confirm", &[], "submit").await;
    assert_eq!(binding(&world.browser), bound);
}

#[tokio::test]
async fn ten_tabs_each_end_in_a_code_of_their_own() {
    let mut world = World::signed_out(Profile::Web, |m| m.first_party = false).await;
    let asks: Vec<_> = (0..10).map(|_| world.rp.ask_for("openid profile")).collect();
    let mut pages = Vec::new();
    for ask in &asks {
        pages.push(world.browser.get(&ask.url()).await.clone());
    }
    for (ask, page) in asks.iter().zip(pages) {
        world.browser.page = page;
        world.app.fill_in(&mut world.browser, &world.person).await;
        if world.browser.page.has("consent-form") {
            world.browser.submit("consent-form", &[], "allow").await;
        }
        let callback = Callback::of(&world.browser.page);
        assert_eq!(callback.get("state"), ask.get("state"));
        Tokens::of(&world.rp.redeem(callback.code(), ask).await);
    }
}

#[tokio::test]
async fn a_flow_goes_on_after_a_restart_and_on_another_node() {
    let mut world = World::signed_out(Profile::Web, |m| m.first_party = false).await;
    let ask = world.rp.ask_for("openid profile");
    world.browser.get(&ask.url()).await;
    let node = world.app.another_node().await;
    world.browser.use_node(&node);
    world.app.fill_in(&mut world.browser, &world.person).await;
    world.app.restart().await;
    world.browser.use_node(&world.app.node);
    world.rp.use_node(&world.app.node);
    world.browser.submit("consent-form", &[], "allow").await;
    let callback = Callback::of(&world.browser.page);
    Tokens::of(&world.rp.redeem(callback.code(), &ask).await);
}

#[tokio::test]
async fn a_flow_in_another_browser_starts_at_the_sign_in_and_carries_no_proof_along() {
    let mut world = World::of(Profile::Web, |m| m.first_party = false).await;
    let ask = world.rp.ask().with("prompt", "login");
    world.browser.get(&ask.url()).await;
    let at = world.browser.page.at.clone();
    world.app.fill_in(&mut world.browser, &world.person).await;
    assert!(world.browser.page.has("consent-form"));
    let carried = world.browser.page.at.clone();
    let mut victim = world.app.browser();
    for url in [&at, &carried, &carried.replace("/consent", "/oauth2/resume")] {
        victim.get(url).await;
        assert!(victim.page.has("login-form"), "{url:.20}: {}", victim.page.text());
    }
    // A signed-in victim proves nothing by somebody else's flow either: prompt=login asks again.
    let other = world.app.anyone().await;
    world.app.sign_in(&mut victim, &other).await;
    victim.get(&carried.replace("/consent", "/oauth2/resume")).await;
    assert!(victim.page.has("login-form"), "{}", victim.page.text());
}
