//! Sign-in, linking and registration at another provider, which is a real one over loopback.

mod another_kabinet;
mod health;
mod linking;
mod refused;
mod registering;

use kabinet_core::client::Profile;
use kabinet_tests::{Browser, Elsewhere, Person, TestApp, Tokens};
use serde_json::{Value, json};

const NAME: &str = "head-office";

/// A provider under test, and the other one.
async fn start() -> (TestApp, Elsewhere) {
    start_with(|_| ()).await
}

async fn start_with(change: impl FnOnce(&mut kabinet::config::Upstream)) -> (TestApp, Elsewhere) {
    let elsewhere = Elsewhere::open("anna-there").await;
    let app = TestApp::start_with(|config| elsewhere.configure(config, NAME, change)).await;
    (app, elsewhere)
}

/// Presses the provider's button on the page that is shown, and comes back.
async fn go(elsewhere: &Elsewhere, browser: &mut Browser) {
    browser.click(&format!("method-{NAME}")).await;
    come_back(elsewhere, browser).await;
}

/// Comes back from where the browser has left to.
async fn come_back(elsewhere: &Elsewhere, browser: &mut Browser) {
    assert!(browser.page.left.is_some(), "still here: {}", browser.page.text());
    let left = browser.page.left.clone().unwrap();
    browser.get(&elsewhere.sign_in(&left)).await;
}

/// Links the provider on the way in, and leaves the browser at the account.
async fn link(elsewhere: &Elsewhere, browser: &mut Browser, person: &Person) {
    browser.get("/login").await;
    go(elsewhere, browser).await;
    assert!(browser.page.has("unlinked"), "{}", browser.page.text());
    browser.click("go-link").await;
    browser.fill_in(person, &[]).await;
    assert_eq!(browser.page.path(), "/account", "{}", browser.page.text());
}

/// A person to whom the provider is linked.
async fn linked(app: &TestApp, elsewhere: &Elsewhere) -> Person {
    let person = app.anyone().await;
    link(elsewhere, &mut app.browser(), &person).await;
    person
}

/// The notices that went to a person, the last last.
fn notices(app: &TestApp, person: &Person) -> Vec<String> {
    let all = app.messages();
    let own = all
        .iter()
        .filter(|one| one["to"] == person.contact.as_str() && one["purpose"] == "notice");
    own.map(|one| one["text"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn who_is_linked_signs_in_with_one_button_and_tokens_say_how() {
    let (app, elsewhere) = start().await;
    let person = linked(&app, &elsewhere).await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let (mut browser, ask) = (app.browser(), rp.ask());
    browser.get(&ask.url()).await;
    go(&elsewhere, &mut browser).await;
    let callback = kabinet_tests::Callback::of(&browser.page);
    let tokens = Tokens::of(&rp.redeem(callback.code(), &ask).await);
    let claims = rp.verify(&tokens.id).await;
    assert_eq!(claims["sub"], person.id.as_str());
    assert_eq!((&claims["amr"], &claims["acr"]), (&json!(["fed"]), &Value::from("1")));
    assert!(notices(&app, &person).iter().any(|text| text.contains("нового устройства")));
}

#[tokio::test]
async fn userinfo_adds_what_the_token_lacks_and_only_for_the_same_subject() {
    let (app, elsewhere) = start().await;
    elsewhere.script().userinfo = Some(json!({"sub": "anna-there", "family_name": "Оттуда", "name": "Другое имя"}));
    let mut browser = app.browser();
    browser.get("/login").await;
    go(&elsewhere, &mut browser).await;
    assert!(
        browser.page.has("unlinked") && browser.page.text().contains("Анна Там"),
        "{}",
        browser.page.text()
    );
    elsewhere.script().userinfo = Some(json!({"sub": "somebody-else", "name": "Анна Там"}));
    browser.get("/login").await;
    go(&elsewhere, &mut browser).await;
    assert_eq!((browser.page.error().as_str(), browser.page.status), ("upstream-untrusted", 502));
}

#[tokio::test]
async fn signing_out_offers_to_sign_out_there_too() {
    let (app, elsewhere) = start().await;
    linked(&app, &elsewhere).await;
    let mut browser = app.browser();
    browser.get("/login").await;
    go(&elsewhere, &mut browser).await;
    assert_eq!(browser.page.path(), "/account", "{}", browser.page.text());
    browser.submit("sign-out-form", &[], "sign-out").await;
    let href = browser.page.html.attribute("leave-upstream", "href").unwrap();
    assert!(href.starts_with(&format!("{}/end?client_id=", elsewhere.issuer)), "{href}");
    // Who came by a password is offered nothing of the kind.
    let other = app.anyone().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &other).await;
    browser.submit("sign-out-form", &[], "sign-out").await;
    assert!(browser.page.has("signed-out") && !browser.page.has("leave-upstream"));
}

#[tokio::test]
async fn the_button_is_there_where_the_client_allows_it_and_in_its_own_order() {
    let (app, _elsewhere) = start().await;
    let methods = |names: &[&str]| {
        Some(names.iter().map(|name| kabinet_core::method::MethodName::parse(name).unwrap()).collect())
    };
    let closed = app.client(Profile::Web, |metadata| metadata.login_methods = methods(&["password"])).await;
    let mut browser = app.browser();
    browser.get(&closed.ask().url()).await;
    assert!(browser.page.has("login-form") && !browser.page.has("method-head-office"));
    let flow = browser
        .filled("login-form", &[], "submit")
        .into_iter()
        .find(|(name, _)| name == "flow")
        .unwrap()
        .1;
    browser.get(&format!("/login/{NAME}?flow={flow}")).await;
    assert_eq!((browser.page.status, browser.page.error().as_str()), (403, "login-closed"));
    let only = app.client(Profile::Web, |metadata| metadata.login_methods = methods(&[NAME])).await;
    browser.get(&only.ask().url()).await;
    assert!(
        !browser.page.has("login-form") && browser.page.has("method-head-office"),
        "{}",
        browser.page.text()
    );
    assert_eq!(browser.get("/login/nobody").await.status, 404);
}
