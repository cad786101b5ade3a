//! Registration by phone and by e-mail, and every way in which it does not come to pass.

use kabinet_core::contact::{Contact, ContactKind, Country};
use kabinet_core::document::Reference;
use kabinet_store::{document, user};
use kabinet_tests::{Browser, PASSWORD, TestApp};

const PHONE: &str = "+79161234567";

/// Fills in the form of the page that is shown.
pub async fn fill(browser: &mut Browser, contact: &str, password: &str) {
    let field = if contact.contains('@') { "email" } else { "phone" };
    if !browser
        .page
        .html
        .form("register-form")
        .unwrap()
        .fields
        .iter()
        .any(|one| one.name == field)
    {
        browser.click("toggle-identifier").await;
    }
    browser
        .submit(
            "register-form",
            &[(field, contact), ("password", password), ("pd-consent", "on")],
            "submit",
        )
        .await;
}

/// Registers up to the page that asks for the code.
pub async fn begin(app: &TestApp, contact: &str) -> Browser {
    let mut browser = app.browser();
    browser.get("/register").await;
    fill(&mut browser, contact, PASSWORD).await;
    assert!(browser.page.has("code-form"), "{}", browser.page.text());
    browser
}

async fn enter(app: &TestApp, browser: &mut Browser, to: &str) {
    let code = app.code_sent_to(to);
    browser.submit("code-form", &[("code", &code)], "submit").await;
}

async fn person_with(app: &TestApp, contact: &str) -> Option<kabinet_core::user::User> {
    let kind = if contact.contains('@') {
        ContactKind::Email
    } else {
        ContactKind::Phone
    };
    user::by_contact(app.store.db(), &Contact::parse(kind, contact).unwrap()).await.unwrap()
}

/// Some six digits that are not these.
fn other_than(code: &str) -> String {
    code.chars()
        .map(|c| {
            if c == '9' {
                '0'
            } else {
                char::from_digit(c.to_digit(10).unwrap() + 1, 10).unwrap()
            }
        })
        .collect()
}

#[tokio::test]
async fn a_person_registers_by_phone_and_is_signed_in_with_a_consent_on_record() {
    let app = TestApp::start().await;
    let mut browser = begin(&app, "8 (916) 123-45-67").await;
    assert!(person_with(&app, PHONE).await.is_none(), "nothing is made before the code");
    enter(&app, &mut browser, PHONE).await;
    assert!(browser.page.has("continue"), "{}", browser.page.text());
    browser.click("continue").await;
    assert_eq!(browser.page.path(), "/account");
    let person = person_with(&app, PHONE).await.unwrap();
    assert!(person.phone.unwrap().verified_at.is_some());
    let documents = document::of_user(app.store.db(), &person.id).await.unwrap();
    let consent = documents
        .iter()
        .find(|record| record.text.document.contains("consent"))
        .expect("a consent record");
    assert_eq!(consent.at, app.ambient.clock.now());
    assert!(!consent.text.version.is_empty() && consent.text.sha256.len() == 64);
}

#[tokio::test]
async fn the_account_lists_the_documents_agreed_to_with_links_to_those_very_texts() {
    let app = TestApp::start().await;
    let mut browser = begin(&app, "8 (916) 123-45-67").await;
    enter(&app, &mut browser, PHONE).await;
    browser.get("/account/consents").await;
    let page = browser.page.text();
    let person = person_with(&app, PHONE).await.unwrap();
    let documents = document::of_user(app.store.db(), &person.id).await.unwrap();
    let versions: Vec<_> = documents.into_iter().map(|record| record.text).collect();
    assert_eq!(versions.len(), 2);
    let agreed = person.agreed.unwrap();
    let is_kept = |text: &Reference| agreed.version_of(&text.document, &text.brand) == Some(text.version.as_str());
    assert!(versions.iter().all(is_kept), "asking again needs no record");
    assert!(browser.page.has("documents"), "{page}");
    for document in &versions {
        let start = format!("/legal/{}?version=", document.document);
        let links = browser.page.html.attributes("a", "href");
        let link = links.iter().find(|link| link.starts_with(&start)).expect("a link to the text");
        assert!(page.contains(&document.version), "{page}");
        let mut reader = app.browser();
        reader.get(link).await;
        assert_eq!(reader.page.html.attribute("document", "data-sha256").as_ref(), Some(&document.sha256));
    }
}

#[tokio::test]
async fn a_person_registers_by_email_and_signs_in_with_that_password_in_another_browser() {
    let app = TestApp::start().await;
    let mut browser = begin(&app, "Ivan.Petrov@Example.com").await;
    enter(&app, &mut browser, "ivan.petrov@example.com").await;
    assert!(browser.page.has("continue"), "{}", browser.page.text());
    let mut elsewhere = app.browser();
    elsewhere.get("/login?by=email").await;
    elsewhere
        .submit("login-form", &[("email", "ivan.petrov@example.com"), ("password", PASSWORD)], "submit")
        .await;
    assert_eq!(elsewhere.page.path(), "/account", "{}", elsewhere.page.text());
}

#[tokio::test]
async fn registration_from_a_product_leads_back_to_the_product() {
    let app = TestApp::start().await;
    let rp = app.client(kabinet_core::client::Profile::Web, |_| ()).await;
    let (ask, mut browser) = (rp.ask(), app.browser());
    browser.get(&ask.url()).await;
    browser.click("go-register").await;
    fill(&mut browser, PHONE, PASSWORD).await;
    enter(&app, &mut browser, PHONE).await;
    browser.click("continue").await;
    let callback = kabinet_tests::Callback::of(&browser.page);
    assert_eq!(rp.redeem(callback.code(), &ask).await.code(), 200);
}

#[tokio::test]
async fn a_contact_that_is_known_gets_the_same_page_and_only_its_holder_learns_of_the_account() {
    let app = TestApp::start().await;
    let known = app.user(PHONE, PASSWORD).await;
    let (strange, mut again) = (begin(&app, "+79160000001").await, begin(&app, PHONE).await);
    let shape = |browser: &Browser| (browser.page.status, browser.page.path().to_owned(), browser.page.html.ids());
    assert_eq!(shape(&strange), shape(&again));
    let text = |browser: &Browser, number: &str| browser.page.text().replace(number, "…");
    assert_eq!(text(&strange, "+7 916 000-00-01").len(), text(&again, "+7 916 123-45-67").len());
    let users = user::count(app.store.db()).await.unwrap();
    enter(&app, &mut again, PHONE).await;
    assert!(again.page.has("login-form"), "{}", again.page.text());
    assert!(again.page.text().contains("аккаунт уже создан"), "{}", again.page.text());
    assert_eq!(user::count(app.store.db()).await.unwrap(), users, "nothing is made");
    assert!(again.session().is_empty(), "a code for a registration signs nobody in");
    let mut browser = app.browser();
    app.sign_in(&mut browser, &known).await;
}

#[tokio::test]
async fn five_wrong_codes_make_the_right_one_useless() {
    let app = TestApp::start().await;
    let mut browser = begin(&app, PHONE).await;
    let right = app.code_sent_to(PHONE);
    let wrong = other_than(&right);
    for left in (0..5).rev() {
        browser.submit("code-form", &[("code", &wrong)], "submit").await;
        assert_eq!(browser.page.status, 422);
        assert!(
            left == 0 || browser.page.text().contains(&format!("попыток: {left}")),
            "{}",
            browser.page.text()
        );
    }
    browser.submit("code-form", &[("code", &right)], "submit").await;
    assert!(browser.page.has("code-form"));
    assert!(person_with(&app, PHONE).await.is_none());
}

#[tokio::test]
async fn another_code_is_refused_before_a_minute_and_replaces_the_first_after_it() {
    let app = TestApp::start().await;
    let mut browser = begin(&app, PHONE).await;
    let first = app.code_sent_to(PHONE);
    app.clock.advance(59);
    browser.submit("code-form", &[], "resend").await;
    assert_eq!((browser.page.status, app.messages().len()), (422, 1), "{}", browser.page.text());
    app.clock.advance(1);
    browser.submit("code-form", &[], "resend").await;
    assert_eq!((browser.page.status, app.messages().len()), (200, 2), "{}", browser.page.text());
    let second = app.code_sent_to(PHONE);
    if first != second {
        browser.submit("code-form", &[("code", &first)], "submit").await;
        assert_eq!(browser.page.status, 422, "the old code is dead");
    }
    browser.submit("code-form", &[("code", &second)], "submit").await;
    assert!(browser.page.has("continue"), "{}", browser.page.text());
}

#[tokio::test]
async fn a_code_is_too_late_after_its_minutes() {
    let app = TestApp::start().await;
    for (contact, life) in [(PHONE, 300), ("a@example.com", 600)] {
        let mut browser = begin(&app, contact).await;
        app.clock.advance(life);
        enter(&app, &mut browser, contact).await;
        assert!(
            browser.page.has("code-form") && person_with(&app, contact).await.is_none(),
            "{}",
            browser.page.text()
        );
    }
}

#[tokio::test]
async fn the_page_for_the_code_leads_another_browser_to_the_beginning() {
    let app = TestApp::start().await;
    let browser = begin(&app, PHONE).await;
    let mut other = app.browser();
    other.get(&browser.page.at).await;
    assert_eq!(other.page.path(), "/register");
    let mut body = browser.filled("code-form", &[("code", &app.code_sent_to(PHONE))], "submit");
    let token = other
        .page
        .html
        .form("register-form")
        .unwrap()
        .fields
        .into_iter()
        .find(|one| one.name == "form-token");
    body.iter_mut().find(|(name, _)| name == "form-token").unwrap().1 = token.unwrap().value;
    other.post("/register/confirm", &body).await;
    assert!(person_with(&app, PHONE).await.is_none(), "another browser spends the code");
    assert!(other.session().is_empty());
}

#[tokio::test]
async fn without_the_box_or_with_a_weak_password_nothing_is_sent_and_what_was_typed_stays() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    browser.get("/register").await;
    let cases: [(&str, &str, &str, &str); 4] = [
        (PHONE, PASSWORD, "", "pd-consent-error"),
        (PHONE, "короткий", "on", "password-error"),
        (PHONE, "1234567890", "on", "password-error"),
        ("12", PASSWORD, "on", "phone-error"),
    ];
    for (phone, password, ticked, error) in cases {
        browser
            .submit(
                "register-form",
                &[("phone", phone), ("password", password), ("pd-consent", ticked)],
                "submit",
            )
            .await;
        assert_eq!(browser.page.status, 422);
        assert!(browser.page.has(error), "{error}: {:?}", browser.page.html.ids());
        let form = browser.page.html.form("register-form").unwrap();
        let value = |name: &str| form.fields.iter().find(|field| field.name == name).unwrap().clone();
        assert_eq!((value("phone").value.as_str(), value("password").value.as_str()), (phone, ""));
        assert_eq!(value("pd-consent").checked, ticked == "on");
    }
    assert!(app.messages().is_empty());
}

#[tokio::test]
async fn the_same_code_page_sent_twice_makes_one_account() {
    let app = TestApp::start().await;
    let browser = begin(&app, PHONE).await;
    let body = browser.filled("code-form", &[("code", &app.code_sent_to(PHONE))], "submit");
    let mut tabs = [browser.clone(), browser.clone(), browser];
    futures_util::future::join_all(tabs.iter_mut().map(|tab| tab.post("/register/confirm", &body))).await;
    assert_eq!(tabs.iter().filter(|tab| tab.page.has("continue")).count(), 1);
    assert!(tabs.iter().all(|tab| tab.page.status < 500));
    assert_eq!(user::count(app.store.db()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_number_that_codes_are_not_sent_to_is_said_at_once_whoever_holds_it() {
    let app = TestApp::start_with(|config| {
        config.confirmation.countries = vec![Country::Russia, Country::Kazakhstan];
    })
    .await;
    app.user("+4930901820", PASSWORD).await;
    for (number, reached) in [
        ("+4930901820", false),
        ("+4930901821", false),
        ("84951234567", false),
        ("+375291234567", false),
        ("+77011234567", true),
    ] {
        let mut browser = app.browser();
        browser.get("/register").await;
        fill(&mut browser, number, PASSWORD).await;
        assert_eq!(browser.page.has("code-form"), reached, "{number}");
        assert_eq!(browser.page.has("phone-error"), !reached, "{number}");
        browser.get("/recover").await;
        browser.submit("recover-form", &[("phone", number)], "submit").await;
        assert_eq!(
            (browser.page.has("code-form"), browser.page.status == 422),
            (reached, !reached),
            "{number}"
        );
    }
    assert_eq!(
        app.messages().len(),
        1,
        "a code to register, and nothing to the number without an account"
    );
}
