//! Several accounts in one browser, and the chooser.

use kabinet_core::client::Profile;
use kabinet_tests::{Ask, Browser, Callback, Person, Rp, TestApp, Tokens};

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
    assert!(browser.page.has("account-5") && !browser.page.has("account-6") && browser.page.has("choose-full"));
    let digits: String = browser.page.text().chars().filter(char::is_ascii_digit).collect();
    let is_shown = |number: usize| digits.contains(&people[number].contact[2..]);
    assert!(!is_shown(0) && (1..6).all(is_shown), "the first one has given way: {digits}");
}

/// A browser with these accounts signed in, the last of them in front.
async fn with_accounts(app: &TestApp, count: usize) -> (Vec<Person>, Browser) {
    let (mut people, mut browser) = (Vec::new(), app.browser());
    for _ in 0..count {
        let person = app.anyone().await;
        app.sign_in(&mut browser, &person).await;
        people.push(person);
        app.clock.advance(1);
    }
    (people, browser)
}

/// Whose ID token the answer brings.
async fn subject(rp: &Rp, browser: &Browser, ask: &Ask) -> String {
    let tokens = Tokens::of(&rp.redeem(Callback::of(&browser.page).code(), ask).await);
    rp.verify(&tokens.id).await["sub"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_chooser_leads_to_the_sign_in_of_another_account_which_then_goes_on() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let (_, mut browser) = with_accounts(&app, 1).await;
    let newcomer = app.anyone().await;
    let ask = rp.ask().with("prompt", "select_account");
    browser.get(&ask.url()).await;
    browser.click("choose-another").await;
    app.fill_in(&mut browser, &newcomer).await;
    assert_eq!(subject(&rp, &browser, &ask).await, newcomer.id.as_str());
    browser.get(&rp.ask().with("prompt", "select_account").url()).await;
    assert!(browser.page.has("account-2"), "both stay signed in: {}", browser.page.text());
}

#[tokio::test]
async fn one_account_is_signed_out_on_the_chooser_and_the_others_stay() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |client| client.first_party = true).await;
    let (people, mut browser) = with_accounts(&app, 2).await;
    let ask = rp.ask().with("prompt", "select_account");
    browser.get(&ask.url()).await;
    let page = browser.page.at.clone();
    browser.submit("choose-form", &[], "sign-out-1").await;
    assert!(browser.page.path() == "/choose" && browser.page.text().contains("Вы вышли из аккаунта"));
    assert!(browser.page.has("account-1") && !browser.page.has("account-2"), "{}", browser.page.text());
    assert!(app.identity.sessions_of(&people[1].id).await.unwrap().is_empty());
    browser.submit("choose-form", &[], "account-1").await;
    assert_eq!(subject(&rp, &browser, &ask).await, people[0].id.as_str());
    // The last one, too: then there is only the sign-in.
    browser.get(&page).await;
    browser.submit("choose-form", &[], "sign-out-1").await;
    assert!(browser.page.has("login-form"), "{}", browser.page.text());
}

#[tokio::test]
async fn an_account_of_another_browser_cannot_be_signed_out() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let ((_, mut mine), (others, _)) = (with_accounts(&app, 1).await, with_accounts(&app, 1).await);
    mine.get(&rp.ask().with("prompt", "select_account").url()).await;
    let session = app.identity.sessions_of(&others[0].id).await.unwrap()[0].id.to_string();
    let mut body = mine.filled("choose-form", &[], "sign-out-1");
    body.iter_mut().find(|(name, _)| name == "sign-out").unwrap().1 = session;
    mine.post("/choose", &body).await;
    assert_eq!(app.identity.sessions_of(&others[0].id).await.unwrap().len(), 1);
    assert!(mine.page.has("account-1"));
}

#[tokio::test]
async fn login_hint_takes_its_account_among_several_and_stands_first_on_the_chooser() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |client| client.first_party = true).await;
    let (people, mut browser) = with_accounts(&app, 3).await;
    for person in &people {
        for prompt in [None, Some("none")] {
            let ask = rp.ask().with("login_hint", &person.contact);
            let ask = prompt.map_or(ask.clone(), |prompt| ask.with("prompt", prompt));
            browser.get(&ask.url()).await;
            assert_eq!(subject(&rp, &browser, &ask).await, person.id.as_str());
        }
    }
    app.clock.advance(1);
    let ask = rp.ask().with("login_hint", &people[0].contact).with("prompt", "select_account");
    browser.get(&ask.url()).await;
    browser.submit("choose-form", &[], "account-1").await;
    assert_eq!(subject(&rp, &browser, &ask).await, people[0].id.as_str());
    // A hint of nobody here changes nothing: the one that this client last got.
    let ask = rp.ask().with("login_hint", "nobody@example.test");
    browser.get(&ask.url()).await;
    assert_eq!(subject(&rp, &browser, &ask).await, people[0].id.as_str());
}
