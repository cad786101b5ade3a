//! Legal texts: whoever agreed to an earlier edition is asked once, and to what was agreed can always be shown.

use kabinet_core::client::{Profile, RequiredClaim};
use kabinet_core::document::{Act, Kind, Record};
use kabinet_core::id::UserId;
use kabinet_store::{audit, document, user};
use kabinet_tests::{Browser, Callback, PASSWORD, Person, Rp, TestApp, eventually};

use crate::registration;

const PHONE: &str = "+79161234567";

/// Somebody who registered, and so agreed to what was in force.
pub async fn registered(app: &TestApp) -> (Person, Browser) {
    let mut browser = registration::begin(app, PHONE).await;
    let code = app.code_sent_to(PHONE);
    browser.submit("code-form", &[("code", &code)], "submit").await;
    browser.click("continue").await;
    assert_eq!(browser.page.path(), "/account", "{}", browser.page.text());
    let contact = kabinet_core::contact::Contact::parse(kabinet_core::contact::ContactKind::Phone, PHONE).unwrap();
    let found = user::by_contact(app.store.db(), &contact).await.unwrap().unwrap();
    let person = Person {
        id: found.id,
        kind: contact.kind(),
        contact: PHONE.to_owned(),
        password: PASSWORD.to_owned(),
    };
    (person, browser)
}

pub async fn records(app: &TestApp, user: &UserId) -> Vec<Record> {
    document::of_user(app.store.db(), user).await.unwrap()
}

async fn product(app: &TestApp) -> Rp {
    app.client(Profile::Web, |_| ()).await
}

/// Goes to the client, which must lead to the question.
async fn is_asked(browser: &mut Browser, rp: &Rp) {
    browser.get(&rp.ask().url()).await;
    assert_eq!(browser.page.path(), "/complete", "{}", browser.page.text());
    assert!(browser.page.has("new-documents"));
}

#[tokio::test]
async fn whoever_agreed_to_an_earlier_edition_is_asked_once_and_the_record_says_how() {
    let app = TestApp::start().await;
    let (person, mut browser) = registered(&app).await;
    let rp = product(&app).await;
    assert!(!rp.authorize(&mut browser, &rp.ask()).await.code().is_empty());
    app.clock.advance(60);
    app.publish(Kind::Agreement, "2").await;
    is_asked(&mut browser, &rp).await;
    let page = browser.page.text();
    assert!(page.contains("Документы изменились") && page.contains("прежняя редакция"), "{page}");
    assert!(!browser.page.has("pd-consent"), "the consent has not changed: {page}");
    browser.submit("complete-form", &[], "submit").await;
    assert!(!Callback::of(&browser.page).code().is_empty());
    let given = records(&app, &person.id).await;
    let last = &given[0];
    let (text, stored) = (
        &last.text,
        document::one(app.store.db(), Kind::Agreement, "*", "2").await.unwrap().unwrap(),
    );
    assert_eq!((text.version.as_str(), &text.sha256), ("2", &stored.head.sha256));
    assert_eq!((last.at.0, last.act, last.client.as_ref()), (app.now(), Act::Given, Some(&rp.id)));
    let accepted: i64 = audit::count(app.store.db(), "document.accepted").await.unwrap();
    assert_eq!((given.len(), accepted), (3, 3));
    // Neither the same product nor a second one asks again.
    for rp in [&rp, &product(&app).await] {
        assert!(!rp.authorize(&mut browser, &rp.ask()).await.code().is_empty());
    }
}

#[tokio::test]
async fn the_consent_has_a_box_of_its_own_and_nothing_goes_on_until_it_is_ticked() {
    let app = TestApp::start().await;
    let (person, mut browser) = registered(&app).await;
    let rp = product(&app).await;
    app.publish(Kind::Agreement, "2").await;
    app.publish(Kind::PdConsent, "2").await;
    is_asked(&mut browser, &rp).await;
    let form = browser.page.html.form("complete-form").unwrap();
    assert!(form.fields.iter().any(|field| field.name == "pd-consent" && !field.checked));
    browser.submit("complete-form", &[], "submit").await;
    assert_eq!((browser.page.status, browser.page.error().as_str()), (422, "consent-missing"));
    assert!(browser.page.has("pd-consent-error"));
    assert_eq!(records(&app, &person.id).await.len(), 2, "nothing is recorded");
    browser.submit("complete-form", &[("pd-consent", "on")], "submit").await;
    assert!(!Callback::of(&browser.page).code().is_empty());
    assert_eq!(records(&app, &person.id).await.len(), 4);
}

#[tokio::test]
async fn a_refusal_goes_back_to_the_product_or_signs_out_and_prompt_none_shows_nothing() {
    let app = TestApp::start().await;
    let (person, mut browser) = registered(&app).await;
    let rp = product(&app).await;
    app.publish(Kind::Agreement, "2").await;
    let silent = rp.authorize(&mut browser.clone(), &rp.ask().with("prompt", "none")).await;
    assert_eq!(silent.get("error"), "interaction_required");
    is_asked(&mut browser, &rp).await;
    browser.submit("complete-form", &[], "deny").await;
    let callback = Callback::of(&browser.page);
    assert_eq!(callback.get("error"), "access_denied");
    assert!(!callback.get("state").is_empty());
    browser.get("/account").await;
    assert_eq!(browser.page.path(), "/account", "still signed in");
    // Without a product.
    browser.get("/login?another=1").await;
    app.fill_in(&mut browser, &person).await;
    assert_eq!(browser.page.path(), "/complete", "{}", browser.page.text());
    browser.submit("complete-form", &[], "deny").await;
    assert!(browser.page.has("signed-out"), "{}", browser.page.text());
    browser.get("/account").await;
    assert_eq!(browser.page.path(), "/login");
    assert_eq!(records(&app, &person.id).await.len(), 2);
}

#[tokio::test]
async fn a_sign_in_without_a_product_is_asked_too_and_goes_on_to_its_page() {
    let app = TestApp::start().await;
    let (person, _) = registered(&app).await;
    app.publish(Kind::PdConsent, "2").await;
    let mut browser = app.browser();
    browser.get("/account/sessions").await;
    app.fill_in(&mut browser, &person).await;
    assert_eq!(browser.page.path(), "/complete");
    browser.submit("complete-form", &[("pd-consent", "on")], "submit").await;
    assert_eq!(browser.page.path(), "/account/sessions");
    let mut again = app.browser();
    app.sign_in(&mut again, &person).await;
}

#[tokio::test]
async fn ten_tabs_are_all_asked_and_one_answer_is_recorded() {
    let app = TestApp::start().await;
    let (person, browser) = registered(&app).await;
    let rp = product(&app).await;
    app.publish(Kind::PdConsent, "2").await;
    let mut tabs = Vec::new();
    for _ in 0..10 {
        let mut tab = browser.clone();
        is_asked(&mut tab, &rp).await;
        let body = tab.filled("complete-form", &[("pd-consent", "on")], "submit");
        tabs.push((tab, body));
    }
    futures_util::future::join_all(tabs.iter_mut().map(|(tab, body)| tab.post("/complete", body))).await;
    for (tab, _) in &tabs {
        assert!(!Callback::of(&tab.page).code().is_empty(), "{}", tab.page.text());
    }
    assert_eq!(records(&app, &person.id).await.len(), 3);
}

#[tokio::test]
async fn a_correction_and_the_policy_are_asked_about_by_nobody() {
    let app = TestApp::start().await;
    app.publish(Kind::Agreement, "1").await;
    let (_, mut browser) = registered(&app).await;
    let rp = product(&app).await;
    app.publish_with(Kind::Agreement, "1.1", |new| new.is_minor = true).await;
    app.publish(Kind::PdPolicy, "2").await;
    assert!(!rp.authorize(&mut browser, &rp.ask()).await.code().is_empty());
    app.publish(Kind::Agreement, "2").await;
    is_asked(&mut browser, &rp).await;
}

#[tokio::test]
async fn an_account_made_by_an_administrator_is_asked_about_what_begins_later_only() {
    let app = TestApp::start().await;
    app.publish(Kind::Agreement, "1").await;
    let person = app.user(PHONE, PASSWORD).await;
    let rp = product(&app).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &person).await;
    assert!(!rp.authorize(&mut browser, &rp.ask()).await.code().is_empty());
    app.clock.advance(1);
    app.publish(Kind::Agreement, "2").await;
    is_asked(&mut browser, &rp).await;
    assert!(browser.page.text().contains("Нужно ваше согласие"), "{}", browser.page.text());
    browser.submit("complete-form", &[("pd-consent", "on")], "submit").await;
    assert!(!Callback::of(&browser.page).code().is_empty());
}

#[tokio::test]
async fn a_brand_with_a_text_of_its_own_asks_its_people_and_nobody_else() {
    let app = TestApp::start().await;
    let (_, mut browser) = registered(&app).await;
    let plain = product(&app).await;
    let branded = app.client(Profile::Web, |client| client.brand = Some("astral-edo".to_owned())).await;
    assert!(!branded.authorize(&mut browser, &branded.ask()).await.code().is_empty());
    app.publish_with(Kind::Agreement, "1", |new| new.brand = "astral-edo".to_owned()).await;
    assert!(!plain.authorize(&mut browser, &plain.ask()).await.code().is_empty());
    is_asked(&mut browser, &branded).await;
    let links = browser.page.html.attributes("a", "href");
    assert!(
        links.iter().any(|link| link == "/legal/agreement?version=1&brand=astral-edo"),
        "{links:?}"
    );
    browser.submit("complete-form", &[], "submit").await;
    for rp in [&branded, &plain] {
        assert!(!rp.authorize(&mut browser, &rp.ask()).await.code().is_empty());
    }
}

#[tokio::test]
async fn texts_come_before_data_and_both_are_asked_on_one_way() {
    let app = TestApp::start().await;
    let (_, mut browser) = registered(&app).await;
    let rp = app
        .client(Profile::Web, |client| client.required_claims = vec![RequiredClaim::Email])
        .await;
    app.publish(Kind::Agreement, "2").await;
    is_asked(&mut browser, &rp).await;
    browser.submit("complete-form", &[], "submit").await;
    assert_eq!(browser.page.path(), "/complete");
    browser.submit("complete-form", &[("email", "anna@example.com")], "submit").await;
    let code = app.code_sent_to("anna@example.com");
    browser.submit("code-form", &[("code", &code)], "submit").await;
    assert!(!Callback::of(&browser.page).code().is_empty(), "{}", browser.page.text());
}

#[tokio::test]
async fn the_button_accepts_what_its_page_showed_and_not_what_came_after() {
    let app = TestApp::start().await;
    let (person, mut browser) = registered(&app).await;
    let rp = product(&app).await;
    app.publish(Kind::Agreement, "2").await;
    is_asked(&mut browser, &rp).await;
    app.publish(Kind::Agreement, "3").await;
    browser.submit("complete-form", &[], "submit").await;
    assert_eq!(browser.page.error(), "form-stale");
    assert_eq!(records(&app, &person.id).await.len(), 2);
    browser.submit("complete-form", &[], "submit").await;
    assert!(!Callback::of(&browser.page).code().is_empty());
    assert_eq!(
        records(&app, &person.id).await.iter().filter(|record| record.text.version == "2").count(),
        0
    );
}

#[tokio::test]
async fn another_node_asks_nobody_for_what_was_agreed_to_on_the_first() {
    let app = TestApp::start().await;
    let (_, mut browser) = registered(&app).await;
    let (rp, other) = (product(&app).await, app.another_node().await);
    app.publish(Kind::Agreement, "2").await;
    browser.use_node(&other);
    let reader = browser.clone();
    let has_heard = async || reader.clone().get("/legal/agreement?version=2").await.status == 200;
    eventually("the other node hears of the document", has_heard).await;
    is_asked(&mut browser, &rp).await;
    let body = browser.filled("complete-form", &[], "submit");
    let mut first = app.browser();
    first.jar = browser.jar.clone();
    first.post("/complete", &body).await;
    assert!(!Callback::of(&first.page).code().is_empty());
    // At once, before the second node has heard of it.
    browser.get(&rp.ask().url()).await;
    assert!(!Callback::of(&browser.page).code().is_empty(), "{}", browser.page.text());
}

#[tokio::test]
async fn every_version_is_shown_as_it_was_and_an_unknown_one_is_not_found() {
    let app = TestApp::start().await;
    app.publish(Kind::Agreement, "1").await;
    app.publish(Kind::Agreement, "2").await;
    let mut browser = app.browser();
    for (path, text, is_former) in [
        ("/legal/agreement", "Текст редакции 2.", false),
        ("/legal/agreement?version=2", "Текст редакции 2.", false),
        ("/legal/agreement?version=1", "Текст редакции 1.", true),
        ("/legal/agreement?brand=astral-edo", "Текст редакции 2.", false),
        (
            "/legal/agreement?version=1%20(%D0%BE%D0%B1%D1%80%D0%B0%D0%B7%D0%B5%D1%86)",
            "Это образец",
            true,
        ),
    ] {
        browser.get(path).await;
        assert!(browser.page.text().contains(text), "{path}: {}", browser.page.text());
        assert_eq!(browser.page.has("former"), is_former, "{path}");
    }
    let unknown = [
        "/legal/agreement?version=3",
        "/legal/agreement?version=1&brand=astral-edo",
        "/legal/nothing",
        "/legal/agreement?version=%27;--",
    ];
    for path in unknown {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_account_tells_what_is_in_force_and_what_was_replaced() {
    let app = TestApp::start().await;
    let (_, mut browser) = registered(&app).await;
    let rp = app.client(Profile::Web, |client| client.client_name = "Ромашка".to_owned()).await;
    app.clock.advance(60);
    app.publish(Kind::Agreement, "2").await;
    is_asked(&mut browser, &rp).await;
    browser.submit("complete-form", &[], "submit").await;
    browser.get("/account/consents").await;
    let mut states = browser.page.html.attributes("tr", "data-state");
    states.sort_unstable();
    assert_eq!(states, ["document-in-force", "document-in-force", "document-replaced"]);
    assert!(browser.page.text().contains("Ромашка"));
}
