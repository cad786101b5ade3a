//! What once went wrong in the hands of people: two tabs, a second press, several accounts in one browser.

use kabinet_core::client::{Client, Profile};
use kabinet_core::scope::Scope;
use kabinet_tests::{Ask, Browser, Callback, Person, Rp, TestApp, Tokens, eventually};

use crate::registration;

async fn third_party(app: &TestApp, scope: &str) -> Rp {
    let change = |metadata: &mut kabinet_core::client::ClientMetadata| {
        metadata.first_party = false;
        metadata.scope = Scope::parse(scope).unwrap();
    };
    app.client(Profile::Web, change).await
}

/// The accounts of these people that the page shows.
fn shown<'p>(browser: &Browser, people: &[&'p Person]) -> Vec<&'p str> {
    let digits: String = browser.page.text().chars().filter(char::is_ascii_digit).collect();
    let people = people.iter().filter(|person| digits.contains(&person.contact[2..]));
    people.map(|person| person.id.as_str()).collect()
}

/// Whom the code is about that the browser has just brought back.
async fn sub_of(rp: &Rp, browser: &Browser, ask: &Ask) -> String {
    let tokens = Tokens::of(&rp.redeem(Callback::of(&browser.page).code(), ask).await);
    rp.verify(&tokens.id).await["sub"].as_str().unwrap().to_owned()
}

/// The page of a request of its own, from which another account signs in and allows.
async fn allow_as_another(app: &TestApp, rp: &Rp, browser: &mut Browser, person: &Person) {
    let ask = rp.ask();
    browser.get(&ask.url()).await;
    let flow = browser.page.at.split("flow=").nth(1).unwrap().to_owned();
    browser.get(&format!("/login?flow={flow}&another=1")).await;
    app.fill_in(browser, person).await;
    browser.submit("consent-form", &[], "allow").await;
    assert_eq!(sub_of(rp, browser, &ask).await, person.id.as_str());
}

/// Two people, one browser: the first sees the consent page in one tab, the second signs in and allows in another.
struct TwoTabs {
    app: TestApp,
    rp: Rp,
    first: Person,
    second: Person,
    tab: Browser,
    ask: Ask,
}

impl TwoTabs {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let rp = third_party(&app, "openid").await;
        let (first, second) = (app.anyone().await, app.anyone().await);
        let (mut tab, ask) = (app.browser(), rp.ask());
        app.sign_in(&mut tab, &first).await;
        tab.get(&ask.url()).await;
        assert!(tab.page.has("consent-form"));
        assert_eq!(shown(&tab, &[&first, &second]), [first.id.as_str()]);
        app.clock.advance(1);
        Self { app, rp, first, second, tab, ask }
    }

    /// Allows in the first tab, with the cookies of the second, and goes on for as long as it is asked. Whoever gets the
    /// code was on the page whose button was pressed last.
    async fn allow_what_is_shown(mut self, second_tab: &Browser) {
        let people = [&self.first, &self.second];
        let mut seen = shown(&self.tab, &people);
        self.tab.jar.clone_from(&second_tab.jar);
        self.tab.submit("consent-form", &[], "allow").await;
        for _ in 0..3 {
            let (form, button) = match &self.tab.page {
                page if page.has("choose-form") => ("choose-form", "account-1"),
                page if page.has("consent-form") => ("consent-form", "allow"),
                _ => break,
            };
            seen = shown(&self.tab, &people);
            self.tab.submit(form, &[], button).await;
        }
        if self.tab.page.has("login-form") {
            return;
        }
        let sub = sub_of(&self.rp, &self.tab, &self.ask).await;
        assert!(seen.contains(&sub.as_str()), "a code for {sub}, but the page showed {seen:?}");
    }
}

#[tokio::test]
async fn allowing_in_one_tab_gives_no_code_for_an_account_that_allowed_the_same_client_in_another_tab() {
    let tabs = TwoTabs::new().await;
    let mut second_tab = tabs.tab.clone();
    allow_as_another(&tabs.app, &tabs.rp, &mut second_tab, &tabs.second).await;
    tabs.allow_what_is_shown(&second_tab).await;
}

#[tokio::test]
async fn allowing_in_one_tab_gives_no_code_for_an_account_that_signed_in_at_another_client_in_another_tab() {
    let tabs = TwoTabs::new().await;
    let mut second_tab = tabs.tab.clone();
    let elsewhere = third_party(&tabs.app, "openid").await;
    allow_as_another(&tabs.app, &elsewhere, &mut second_tab, &tabs.second).await;
    tabs.allow_what_is_shown(&second_tab).await;
}

#[tokio::test]
async fn allowing_in_one_tab_gives_no_code_for_an_account_that_took_the_browser_over_in_another_tab() {
    let tabs = TwoTabs::new().await;
    let mut second_tab = tabs.tab.clone();
    second_tab.get("/account").await;
    second_tab.submit("sign-out-form", &[], "sign-out").await;
    tabs.rp.sign_in(&tabs.app, &mut second_tab, &tabs.second).await;
    tabs.allow_what_is_shown(&second_tab).await;
}

#[tokio::test]
async fn a_consent_whose_scopes_grew_after_the_page_was_shown_is_asked_for_again() {
    let app = TestApp::start().await;
    let rp = third_party(&app, "openid").await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    app.sign_in(&mut browser, &person).await;
    let ask = rp.ask_for("openid phone address");
    browser.get(&ask.url()).await;
    let (before, at) = (browser.page.text(), browser.page.at.clone());
    let widen = |client: &mut Client| client.metadata.scope = Scope::parse("openid phone address").unwrap();
    app.change_client(&rp.id, widen).await;
    let (other_tab, before, at) = (&browser, &before, &at);
    eventually("the node hears of it", || async move {
        let mut tab = other_tab.clone();
        tab.get(at).await;
        tab.page.text() != *before
    })
    .await;
    browser.submit("consent-form", &[], "allow").await;
    assert!(browser.page.has("consent-form"), "allowed unseen: {:?}", browser.page.left);
    let given = kabinet_store::consent::of_user(app.store.db(), &person.id).await.unwrap();
    assert!(given.is_empty(), "{given:?}");
    browser.submit("consent-form", &[], "allow").await;
    let tokens = Tokens::of(&rp.redeem(Callback::of(&browser.page).code(), &ask).await);
    let scope = Scope::parse(tokens.json["scope"].as_str().unwrap()).unwrap();
    assert!(scope.has("phone") && scope.has("address"), "{scope}");
}

#[tokio::test]
async fn of_accounts_signed_in_within_one_second_the_first_gives_way_to_the_sixth() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let (mut browser, mut people) = (app.browser(), Vec::new());
    for _ in 0..6 {
        let person = app.anyone().await;
        app.sign_in(&mut browser, &person).await;
        people.push(person);
    }
    browser.get(&rp.ask().with("prompt", "select_account").url()).await;
    assert!(browser.page.has("account-5") && !browser.page.has("account-6"), "{}", browser.page.text());
    let everybody: Vec<&Person> = people.iter().collect();
    let kept: Vec<&str> = people[1..].iter().map(|person| person.id.as_str()).collect();
    assert_eq!(shown(&browser, &everybody), kept);
    for (i, person) in people.iter().enumerate() {
        let now = app.ambient.clock.now();
        let alive = kabinet_store::session::by_user(app.store.db(), &person.id, now).await.unwrap();
        assert_eq!(alive.len(), usize::from(i > 0), "person {i}");
    }
}

#[tokio::test]
async fn a_remembered_account_stays_remembered_when_another_signs_in_without_that() {
    let app = TestApp::start().await;
    let (remembered, other) = (app.anyone().await, app.anyone().await);
    let mut browser = app.browser();
    browser.get("/login").await;
    app.fill_in_with(&mut browser, &remembered, &[("remember", "on")]).await;
    app.sign_in(&mut browser, &other).await;
    let kept = browser.jar.iter().find(|(name, _)| name.contains("kabinet-session")).unwrap().1;
    assert!(kept.until.is_some(), "the cookie ends with the browser");
    browser.close();
    browser.get("/account").await;
    assert_eq!(browser.page.path(), "/account");
}

#[tokio::test]
async fn after_a_wrong_password_the_language_switch_keeps_the_way_back_to_the_client() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let (person, mut browser, ask) = (app.anyone().await, app.browser(), rp.ask());
    browser.get(&ask.url()).await;
    let wrong = Person {
        password: "CANARY-не тот пароль".to_owned(),
        ..person.clone()
    };
    app.fill_in(&mut browser, &wrong).await;
    assert_eq!(browser.page.status, 422);
    let links = browser.page.html.attributes("a", "href");
    let switches: Vec<&String> = links
        .iter()
        .filter(|href| href.contains("lang=") && !href.starts_with("/legal/"))
        .collect();
    assert!(!switches.is_empty() && switches.iter().all(|href| href.contains("flow=")), "{switches:?}");
    let english = switches.iter().find(|href| href.contains("lang=en")).unwrap().to_string();
    browser.get(&english).await;
    app.fill_in(&mut browser, &person).await;
    assert_eq!(Callback::of(&browser.page).get("state"), ask.get("state"));
}

#[tokio::test]
async fn a_second_press_of_the_confirmation_button_leads_to_sign_in_and_says_that_the_account_exists() {
    let app = TestApp::start().await;
    let contact = "+79161234567";
    let mut browser = registration::begin(&app, contact).await;
    let code = app.code_sent_to(contact);
    let body = browser.filled("code-form", &[("code", &code)], "submit");
    let mut same_cookies = browser.clone();
    browser.post("/register/confirm", &body).await;
    assert!(browser.page.has("continue"), "{}", browser.page.text());
    let mut afterwards = browser.clone();
    for press in [&mut same_cookies, &mut afterwards] {
        press.post("/register/confirm", &body).await;
        assert!(press.page.has("login-form") && !press.page.has("register-form"), "{}", press.page.text());
        assert!(press.page.text().contains("аккаунт уже создан"), "{}", press.page.text());
    }
    afterwards.get("/account").await;
    assert_eq!(afterwards.page.path(), "/account", "the first press signed in");
}
