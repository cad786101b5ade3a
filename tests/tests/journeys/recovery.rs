//! Getting an account back, phones that change hands, and what the owner hears of it.

use kabinet_core::client::Profile;
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::id::UserId;
use kabinet_core::time::Timestamp;
use kabinet_core::user::ConfirmedContact;
use kabinet_store::user;
use kabinet_tests::{Browser, PASSWORD, Person, TestApp, Tokens};

use crate::registration;

const PHONE: &str = "+79161234567";
const EMAIL: &str = "anna@example.com";
const NEW: &str = "совсем-другие-слова-42";
const DAY: i64 = 86_400;

fn parse(contact: &str) -> Contact {
    let kind = if contact.contains('@') {
        ContactKind::Email
    } else {
        ContactKind::Phone
    };
    Contact::parse(kind, contact).unwrap()
}

/// Asks for a code up to the page where it is entered.
async fn ask(app: &TestApp, contact: &str) -> Browser {
    let mut browser = app.browser();
    browser.get("/login").await;
    browser.click("go-recover").await;
    let field = if contact.contains('@') { "email" } else { "phone" };
    if field == "email" {
        browser.click("toggle-identifier").await;
    }
    browser.submit("recover-form", &[(field, contact)], "submit").await;
    assert!(browser.page.has("code-form"), "{}", browser.page.text());
    browser
}

/// Asks for a code and enters the right one.
async fn prove(app: &TestApp, contact: &str) -> Browser {
    let mut browser = ask(app, contact).await;
    let code = app.code_sent_to(contact);
    browser.submit("code-form", &[("code", &code)], "submit").await;
    browser
}

async fn set(browser: &mut Browser, password: &str) {
    browser.submit("new-password-form", &[("new-password", password)], "submit").await;
}

async fn opens(app: &TestApp, contact: &str, password: &str) -> bool {
    let person = Person {
        id: UserId::from(""),
        kind: parse(contact).kind(),
        contact: contact.to_owned(),
        password: password.to_owned(),
    };
    let mut browser = app.browser();
    browser.get("/login").await;
    app.fill_in(&mut browser, &person).await;
    browser.page.path() == "/account"
}

async fn holder(app: &TestApp, contact: &str) -> Option<UserId> {
    user::by_contact(app.store.db(), &parse(contact)).await.unwrap().map(|user| user.id)
}

/// Gives the person one more contact that was proven at this moment.
async fn add(app: &TestApp, person: &Person, contact: &str) {
    let held = ConfirmedContact {
        contact: parse(contact),
        verified_at: Some(Timestamp(app.now())),
    };
    let mut tx = app.store.begin().await.unwrap();
    user::insert_contact(&mut tx, &person.id, &held, true).await.unwrap();
    tx.commit().await.unwrap();
}

fn notices(app: &TestApp, to: &str) -> Vec<String> {
    let sent = app.messages();
    let to_them = sent.iter().filter(|message| message["to"] == to && message["purpose"] == "notice");
    to_them.map(|message| message["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_phone_and_by_email_and_nobody_is_signed_in_by_it() {
    let app = TestApp::start().await;
    for contact in [PHONE, EMAIL] {
        let person = app.user(contact, PASSWORD).await;
        let mut browser = prove(&app, contact).await;
        assert_eq!(browser.page.path(), "/recover/password");
        assert!(!browser.page.source().contains(&parse(contact).display()) || contact == EMAIL);
        set(&mut browser, NEW).await;
        assert!(browser.page.has("login-form"), "{}", browser.page.text());
        assert!(browser.page.text().contains("Пароль изменён"));
        assert!(browser.session().is_empty());
        assert!(opens(&app, contact, NEW).await && !opens(&app, contact, PASSWORD).await);
        assert_eq!(holder(&app, contact).await.unwrap(), person.id);
        assert!(notices(&app, contact)[0].contains("пароль изменён"));
    }
}

#[tokio::test]
async fn a_new_password_ends_every_session_and_every_token() {
    let app = TestApp::start().await;
    let person = app.user(PHONE, PASSWORD).await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let mut elsewhere = app.browser();
    let tokens: Tokens = rp.sign_in_with(&app, &mut elsewhere, &person, &rp.ask_for("openid offline_access")).await;
    let mut browser = prove(&app, PHONE).await;
    set(&mut browser, NEW).await;
    rp.refresh(&tokens.refresh).await.refused(400, "invalid_grant");
    assert!(!rp.is_active(&tokens.access).await);
    elsewhere.get("/account").await;
    assert_eq!(elsewhere.page.path(), "/login");
}

#[tokio::test]
async fn without_an_account_everything_looks_the_same_and_nothing_is_sent() {
    let app = TestApp::start().await;
    app.user(PHONE, PASSWORD).await;
    let disabled = app.user("+79161234569", PASSWORD).await;
    app.set_disabled(&disabled, true).await;
    let mut seen = Vec::new();
    for contact in [PHONE, "+79161234568", "+79161234569"] {
        let mut browser = app.browser();
        browser.get("/recover").await;
        let before = app.messages().len();
        browser.submit("recover-form", &[("phone", contact)], "submit").await;
        let first = (browser.page.status, browser.page.path().to_owned(), browser.page.text());
        browser.submit("code-form", &[("code", "000001")], "submit").await;
        seen.push((
            first.0,
            first.1,
            first.2.replace(&contact[10..], ""),
            browser.page.text().replace(&contact[10..], ""),
        ));
        assert_eq!(app.messages().len() - before, usize::from(contact == PHONE), "{contact}");
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}

#[tokio::test]
async fn a_recovery_belongs_to_one_browser_and_sets_one_password() {
    let app = TestApp::start().await;
    app.user(PHONE, PASSWORD).await;
    let mut stranger = app.browser();
    stranger.get("/recover").await;
    let waiting = ask(&app, PHONE).await;
    let mut body = waiting.filled("code-form", &[("code", &app.code_sent_to(PHONE))], "submit");
    let token = stranger.filled("recover-form", &[], "submit");
    let token = token.into_iter().find(|(name, _)| name == "form-token").unwrap();
    body.iter_mut().find(|(name, _)| name == "form-token").unwrap().1 = token.1.clone();
    stranger.post("/recover/confirm", &body).await;
    assert!(
        stranger.page.status < 500 && !stranger.page.has("new-password-form"),
        "another browser spends the code"
    );
    let mut browser = waiting;
    browser.submit("code-form", &[("code", &app.code_sent_to(PHONE))], "submit").await;
    stranger.get(&browser.page.at.clone()).await;
    assert_eq!(stranger.page.path(), "/recover");
    let passwords: Vec<String> = (0..20).map(|i| format!("{NEW}-{i}")).collect();
    let mut tabs: Vec<Browser> = (0..20).map(|_| browser.clone()).collect();
    let all = tabs.iter_mut().zip(&passwords).map(|(tab, password)| set(tab, password));
    futures_util::future::join_all(all).await;
    assert_eq!(tabs.iter().filter(|tab| tab.page.has("login-form")).count(), 1);
    assert!(tabs.iter().all(|tab| tab.page.status < 500));
    let won = tabs.iter().position(|tab| tab.page.has("login-form")).unwrap();
    assert!(opens(&app, PHONE, &passwords[won]).await);
    set(&mut browser, NEW).await;
    assert_eq!((browser.page.path(), browser.page.error().as_str()), ("/recover", "recovery-over"));
}

#[tokio::test]
async fn a_code_counts_for_what_it_was_sent_for() {
    let app = TestApp::start().await;
    app.user(PHONE, PASSWORD).await;
    let mut recovering = ask(&app, PHONE).await;
    let code = app.code_sent_to(PHONE);
    let body = recovering.filled("code-form", &[("code", &code)], "submit");
    for other in ["/register/confirm", "/complete/confirm"] {
        let mut elsewhere = recovering.clone();
        elsewhere.post(other, &body).await;
        assert!(
            elsewhere.session().is_empty() && elsewhere.page.status == 400,
            "{other}: {}",
            elsewhere.page.text()
        );
    }
    recovering.submit("code-form", &[("code", &code)], "submit").await;
    assert!(recovering.page.has("new-password-form"), "the other pages have not spent it");
    let mut registering = registration::begin(&app, "+79161234500").await;
    let code = app.code_sent_to("+79161234500");
    let mut elsewhere = registering.clone();
    elsewhere
        .post("/recover/confirm", &registering.filled("code-form", &[("code", &code)], "submit"))
        .await;
    assert!(!elsewhere.page.has("new-password-form") && holder(&app, "+79161234500").await.is_none());
    registering.submit("code-form", &[("code", &code)], "submit").await;
    assert!(registering.page.has("continue"), "the other page has not spent it");
}

#[tokio::test]
async fn a_weak_password_is_refused_and_the_recovery_goes_on() {
    let app = TestApp::start().await;
    app.user(PHONE, PASSWORD).await;
    let mut browser = prove(&app, PHONE).await;
    for weak in ["", "короткий", "1234567890", "89161234567"] {
        set(&mut browser, weak).await;
        assert_eq!(browser.page.status, 422, "{weak}");
        assert!(browser.page.has("new-password-error"));
    }
    set(&mut browser, NEW).await;
    assert!(browser.page.has("login-form"));
    let mut late = prove(&app, PHONE).await;
    app.clock.advance(15 * 60);
    set(&mut late, NEW).await;
    assert_eq!(late.page.error(), "recovery-over");
}

#[tokio::test]
async fn an_old_phone_needs_a_second_proof() {
    let app = TestApp::start().await;
    let person = app.user(PHONE, PASSWORD).await;
    app.clock.advance(181 * DAY);
    add(&app, &person, EMAIL).await;
    let mut browser = prove(&app, PHONE).await;
    assert!(
        browser.page.has("second-form") && browser.page.text().contains("a•••@example.com"),
        "{}",
        browser.page.text()
    );
    browser.submit("second-form", &[], "send-0").await;
    // Pages that show a contact in full do not show that of another page's code.
    let id = browser.page.at.split("id=").nth(1).unwrap().to_owned();
    for other in ["/register/confirm", "/complete/confirm"] {
        let mut curious = browser.clone();
        curious.get(&format!("{other}?id={id}")).await;
        assert!(!curious.page.source().contains(EMAIL), "{other}");
    }
    let code = app.code_sent_to(EMAIL);
    browser.submit("code-form", &[("code", &code)], "submit").await;
    set(&mut browser, NEW).await;
    assert!(opens(&app, PHONE, NEW).await, "{}", browser.page.text());
}

#[tokio::test]
async fn an_old_phone_alone_waits_and_the_owner_can_stop_it() {
    let app = TestApp::start().await;
    let person = app.user(PHONE, PASSWORD).await;
    app.clock.advance(181 * DAY);
    add(&app, &person, EMAIL).await;
    let mut thief = prove(&app, PHONE).await;
    thief.submit("second-form", &[], "wait").await;
    assert!(thief.page.text().contains("Ожидание началось"), "{}", thief.page.text());
    assert!(notices(&app, EMAIL)[0].contains("восстановление") && notices(&app, PHONE).len() == 1);
    app.clock.advance(DAY);
    assert!(opens(&app, EMAIL, PASSWORD).await, "the owner signs in");
    app.clock.advance(3 * DAY);
    let mut thief = prove(&app, PHONE).await;
    assert!(thief.page.has("second-form"), "the wait was stopped");
    thief.submit("second-form", &[], "wait").await;
    app.clock.advance(3 * DAY - 1);
    let waiting = prove(&app, PHONE).await;
    assert!(waiting.page.has("second-form") && !waiting.page.has("wait"), "it waits already");
    app.clock.advance(1);
    let mut browser = prove(&app, PHONE).await;
    set(&mut browser, NEW).await;
    assert!(opens(&app, PHONE, NEW).await, "{}", browser.page.text());
}

#[tokio::test]
async fn a_number_that_changed_hands_leaves_the_account_after_the_wait_and_makes_a_new_one() {
    let app = TestApp::start().await;
    let person = app.user(PHONE, PASSWORD).await;
    add(&app, &person, EMAIL).await;
    let mut heir = registration::begin(&app, PHONE).await;
    let code = app.code_sent_to(PHONE);
    heir.submit("code-form", &[("code", &code)], "submit").await;
    assert!(heir.page.has("login-form") && heir.session().is_empty());
    heir.click("not-mine").await;
    heir.submit("second-form", &[], "not-mine").await;
    assert!(heir.page.text().contains("Номер будет отвязан"), "{}", heir.page.text());
    assert_eq!((notices(&app, EMAIL).len(), notices(&app, PHONE).len()), (1, 0));
    app.clock.advance(3 * DAY - 1);
    assert_eq!(app.identity.settle_handovers().await.unwrap(), 0);
    app.clock.advance(1);
    assert_eq!(app.identity.settle_handovers().await.unwrap(), 1);
    assert_eq!(app.identity.settle_handovers().await.unwrap(), 0);
    assert!(holder(&app, PHONE).await.is_none());
    assert_eq!(holder(&app, EMAIL).await.unwrap(), person.id, "the account is otherwise untouched");
    assert!(opens(&app, EMAIL, PASSWORD).await);
    let mut heir = registration::begin(&app, PHONE).await;
    let code = app.code_sent_to(PHONE);
    heir.submit("code-form", &[("code", &code)], "submit").await;
    assert!(heir.page.has("continue"));
    assert_ne!(
        holder(&app, PHONE).await.unwrap(),
        person.id,
        "a subject is never given to another person"
    );
}

#[tokio::test]
async fn the_owner_keeps_a_number_by_signing_in() {
    let app = TestApp::start().await;
    let person = app.user(PHONE, PASSWORD).await;
    let mut heir = prove(&app, PHONE).await;
    heir.submit("new-password-form", &[], "not-mine").await;
    assert!(heir.page.text().contains("Номер будет отвязан"), "{}", heir.page.text());
    assert!(opens(&app, PHONE, PASSWORD).await);
    app.clock.advance(4 * DAY);
    assert_eq!(app.identity.settle_handovers().await.unwrap(), 0);
    assert_eq!(holder(&app, PHONE).await.unwrap(), person.id);
}

#[tokio::test]
async fn a_sign_in_from_a_new_device_is_told_once_to_every_contact_and_one_after_registration_to_none() {
    let app = TestApp::start().await;
    let person = app.user(PHONE, PASSWORD).await;
    add(&app, &person, EMAIL).await;
    let mut browser = app.browser();
    for _ in 0..3 {
        app.sign_in(&mut browser, &person).await;
    }
    assert_eq!((notices(&app, PHONE).len(), notices(&app, EMAIL).len()), (1, 1));
    assert!(notices(&app, PHONE)[0].contains("вход с нового устройства"));
    app.sign_in(&mut app.browser(), &person).await;
    assert_eq!(notices(&app, PHONE).len(), 2);
    let mut fresh = registration::begin(&app, "+79161234500").await;
    let code = app.code_sent_to("+79161234500");
    fresh.submit("code-form", &[("code", &code)], "submit").await;
    assert!(notices(&app, "+79161234500").is_empty());
}

#[tokio::test]
async fn another_code_waits_its_minute_and_the_page_speaks_the_language_of_its_reader() {
    let app = TestApp::start().await;
    app.user(PHONE, PASSWORD).await;
    let mut browser = app.browser();
    browser.get("/recover?lang=en").await;
    browser.submit("recover-form", &[("phone", PHONE)], "submit").await;
    assert!(browser.page.text().contains("+7 916 •••-••-67"), "{}", browser.page.text());
    let text = app.messages()[0]["text"].as_str().unwrap().to_owned();
    assert!(text.contains("is your code to set a new password"), "{text}");
    browser.submit("code-form", &[], "resend").await;
    assert_eq!((browser.page.status, app.messages().len()), (422, 1));
    app.clock.advance(60);
    browser.submit("code-form", &[], "resend").await;
    assert_eq!(app.messages().len(), 2);
}

#[tokio::test]
async fn a_gateway_that_is_down_tells_nobody_who_has_an_account() {
    let app = TestApp::start().await;
    app.user(PHONE, PASSWORD).await;
    let outbox = app.config.delivery.outbox.clone().unwrap();
    drop(std::fs::remove_file(&outbox));
    std::fs::create_dir(&outbox).unwrap();
    let mut seen = Vec::new();
    for contact in [PHONE, "+79161234568"] {
        let mut browser = app.browser();
        browser.get("/recover").await;
        browser.submit("recover-form", &[("phone", contact)], "submit").await;
        seen.push((browser.page.status, browser.page.path().to_owned(), browser.page.error()));
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn a_new_password_closes_every_other_recovery_of_the_account() {
    let app = TestApp::start().await;
    let person = app.user(PHONE, PASSWORD).await;
    add(&app, &person, EMAIL).await;
    let mut thief = prove(&app, EMAIL).await;
    let mut owner = prove(&app, PHONE).await;
    set(&mut owner, NEW).await;
    set(&mut thief, "пароль-который-знает-вор-1").await;
    assert_eq!(thief.page.error(), "recovery-over");
    assert!(opens(&app, PHONE, NEW).await);
}
