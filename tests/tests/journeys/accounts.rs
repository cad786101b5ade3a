//! Several accounts in one browser, and the chooser.

use kabinet_core::client::Profile;
use kabinet_tests::{Callback, TestApp, Tokens};

#[tokio::test]
async fn the_chooser_lists_the_accounts_of_the_browser_and_the_chosen_one_goes_on() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let (first, second) = (app.anyone().await, app.anyone().await);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &first).await;
    app.sign_in(&mut browser, &second).await;
    for (account, person) in [("account-1", &second), ("account-2", &first)] {
        let ask = rp.ask().with("prompt", "select_account");
        browser.get(&ask.url()).await;
        assert!(browser.page.has("account-1") && browser.page.has("account-2") && !browser.page.has("account-3"));
        browser.submit("choose-form", &[], account).await;
        let tokens = Tokens::of(&rp.redeem(Callback::of(&browser.page).code(), &ask).await);
        assert_eq!(rp.verify(&tokens.id).await["sub"], person.id.as_str());
        app.clock.advance(1);
    }
    let silent = rp.ask().with("prompt", "none");
    let tokens = Tokens::of(&rp.redeem(rp.authorize(&mut browser, &silent).await.code(), &silent).await);
    assert_eq!(rp.verify(&tokens.id).await["sub"], first.id.as_str(), "the one that this client last got");
}

#[tokio::test]
async fn with_several_accounts_and_nothing_to_tell_by_prompt_none_asks_for_a_choice() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let mut browser = app.browser();
    for _ in 0..2 {
        let person = app.anyone().await;
        app.sign_in(&mut browser, &person).await;
    }
    let callback = rp.authorize(&mut browser, &rp.ask().with("prompt", "none")).await;
    assert_eq!(callback.get("error"), "account_selection_required");
}

#[tokio::test]
async fn an_account_of_another_browser_cannot_be_chosen() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let (mine, other) = (app.anyone().await, app.anyone().await);
    let (mut browser, mut elsewhere) = (app.browser(), app.browser());
    app.sign_in(&mut browser, &mine).await;
    app.sign_in(&mut elsewhere, &other).await;
    elsewhere.get(&rp.ask().with("prompt", "select_account").url()).await;
    let foreign = elsewhere.filled("choose-form", &[], "account-1");
    browser.get(&rp.ask().with("prompt", "select_account").url()).await;
    let mut body = browser.filled("choose-form", &[], "account-1");
    body.iter_mut().find(|(name, _)| name == "account").unwrap().1 =
        foreign.iter().find(|(name, _)| name == "account").unwrap().1.clone();
    browser.post("/choose", &body).await;
    assert!(browser.page.has("choose-form") && browser.page.left.is_none());
}

#[tokio::test]
async fn a_sixth_account_takes_the_place_of_the_one_used_the_longest_time_ago() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let mut browser = app.browser();
    let mut people = Vec::new();
    for _ in 0..6 {
        let person = app.anyone().await;
        app.sign_in(&mut browser, &person).await;
        people.push(person);
        app.clock.advance(10);
    }
    browser.get(&rp.ask().with("prompt", "select_account").url()).await;
    assert!(browser.page.has("account-5") && !browser.page.has("account-6"));
    let digits: String = browser.page.text().chars().filter(char::is_ascii_digit).collect();
    let is_shown = |number: usize| digits.contains(&people[number].contact[2..]);
    assert!(!is_shown(0) && (1..6).all(is_shown), "the first one has given way: {digits}");
}
