//! Bad input on the pages where people type: an answer of 4xx with a sentence, nothing sent, nothing half-made.

use futures_util::future::join_all;
use kabinet_core::client::{Profile, TokenFormat};
use kabinet_tests::{Browser, PASSWORD, TestApp};

use crate::budgets::Counted;
use crate::registration;

/// Posts a form with a field that no browser would send like that.
async fn post_with(browser: &mut Browser, form: &str, fields: &[(&str, &str)], action: &str) -> u16 {
    let body = browser.filled(form, fields, "submit");
    browser.post(action, &body).await;
    assert!(
        (400..500).contains(&browser.page.status),
        "{}: {}",
        browser.page.status,
        browser.page.text()
    );
    assert!(browser.page.has("error") && !browser.page.error().is_empty(), "{}", browser.page.source());
    browser.page.status
}

#[tokio::test]
async fn a_contact_with_control_characters_or_markup_is_refused_and_nothing_is_sent() {
    let app = TestApp::start().await;
    let strange = [
        ("email", "a@example.com\r\nBcc: b@example.com"),
        ("email", "a@example.com\0"),
        ("email", "a\u{1b}[31m@example.com"),
        ("email", "<a href=//evil.test>@example.com"),
        ("email", "a@example.com@evil.test"),
        ("email", "\"a b\"@example.com"),
        ("email", "a@example.com,b@example.com"),
        ("email", "a\u{202e}@example.com"),
        ("phone", "+7916123456\u{0}7"),
        ("phone", "+7916123456\u{202e}7"),
        ("phone", "+79161234567,+79161234568"),
        ("phone", "+79161234567;ext=1"),
        ("phone", "٨٩١٦١٢٣٤٥٦٧"),
    ];
    for (field, typed) in strange {
        for (page, form) in [("/login", "login-form"), ("/register", "register-form"), ("/recover", "recover-form")] {
            let mut browser = app.browser();
            browser.get(&format!("{page}?by={field}")).await;
            let mut fields = vec![(field, typed)];
            match form {
                "login-form" => fields.push(("password", PASSWORD)),
                "register-form" => fields.extend([("password", PASSWORD), ("pd-consent", "on")]),
                _ => {}
            }
            assert_eq!(post_with(&mut browser, form, &fields, page).await, 422, "{page} {typed:?}");
            assert!(!browser.page.source().contains("<a href=//evil"), "{typed:?} is markup on {page}");
        }
    }
    assert!(app.messages().is_empty());
    assert_eq!(kabinet_store::user::count(app.store.db()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_password_of_ten_thousand_characters_is_400_before_it_is_hashed() {
    let app = TestApp::start().await;
    let person = app.user("ivan@example.com", PASSWORD).await;
    let counted = Counted::of(&app).await;
    let long = "п".repeat(10_000);
    let hashes = counted.identity.hashes();
    for (page, form, field, more) in [
        ("/login?by=email", "login-form", "password", vec![("email", "ivan@example.com")]),
        (
            "/register?by=email",
            "register-form",
            "password",
            vec![("email", "new@example.com"), ("pd-consent", "on")],
        ),
    ] {
        let mut browser = app.browser();
        browser.use_node(&counted.node);
        browser.get(page).await;
        let fields = [&more[..], &[(field, long.as_str())]].concat();
        let path = page.split('?').next().unwrap();
        assert_eq!(post_with(&mut browser, form, &fields, path).await, 400, "{page}");
        assert!(browser.page.text().contains("длиннее 256"), "{}", browser.page.text());
        assert!(!browser.page.source().contains("ппп"));
    }
    let mut browser = app.browser();
    browser.use_node(&counted.node);
    browser.get("/recover?by=email").await;
    browser.submit("recover-form", &[("email", "ivan@example.com")], "submit").await;
    browser
        .submit("code-form", &[("code", &app.code_sent_to("ivan@example.com"))], "submit")
        .await;
    let fields = [("new-password", long.as_str())];
    assert_eq!(post_with(&mut browser, "new-password-form", &fields, "/recover/password").await, 400);
    assert_eq!((counted.identity.hashes() - hashes, app.messages().len()), (0, 1));
    let mut same = app.browser();
    app.sign_in(&mut same, &person).await;
}

#[tokio::test]
async fn a_storm_of_presses_for_another_code_sends_one_and_keeps_to_the_hour() {
    let app = TestApp::start().await;
    let browser = registration::begin(&app, "+79161234567").await;
    let body = browser.filled("code-form", &[], "resend");
    for sent in 1..=5 {
        app.clock.advance(300);
        let mut presses: Vec<Browser> = (0..20).map(|_| browser.clone()).collect();
        let pressed = join_all(presses.iter_mut().map(|one| async {
            one.post("/register/confirm", &body).await;
            one.page.status
        }));
        let statuses = pressed.await;
        assert!(statuses.iter().all(|status| matches!(status, 200 | 422 | 429)), "{statuses:?}");
        let expected = if sent < 5 { sent + 1 } else { 5 };
        assert_eq!(app.messages().len(), expected, "{statuses:?}");
    }
    let mut last = browser;
    last.post("/register/confirm", &body).await;
    assert_eq!((last.page.status, last.page.error().as_str()), (429, "code-limit"));
}

#[tokio::test]
async fn a_registration_form_that_is_sent_again_makes_no_second_account() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    browser.get("/register").await;
    let fields = [("phone", "+79161234567"), ("password", PASSWORD), ("pd-consent", "on")];
    let body = browser.filled("register-form", &fields, "submit");
    let mut again = browser.clone();
    browser.post("/register", &body).await;
    let first = app.code_sent_to("+79161234567");
    browser.submit("code-form", &[("code", &first)], "submit").await;
    assert!(browser.page.has("continue"), "{}", browser.page.text());
    again.post("/register", &body).await;
    let second = app.code_sent_to("+79161234567");
    again.submit("code-form", &[("code", &second)], "submit").await;
    assert!(again.page.has("login-form") && again.session().is_empty(), "{}", again.page.text());
    assert_eq!(kabinet_store::user::count(app.store.db()).await.unwrap(), 1);
}

#[tokio::test]
async fn what_a_visitor_says_about_hosts_and_itself_stands_in_no_message() {
    let app = TestApp::start().await;
    let rp = app
        .client(Profile::Web, |metadata| {
            metadata.client_name = "<a href=\"//evil.test\">Приз</a>".to_owned()
        })
        .await;
    for contact in ["+79161234567", "ivan@example.com"] {
        let mut browser = app.browser();
        for name in ["x-forwarded-host", "forwarded", "x-original-url", "referer", "user-agent"] {
            browser.headers.push((name.to_owned(), "evil.test".to_owned()));
        }
        browser.headers.push(("host".to_owned(), "evil.test".to_owned()));
        browser.get(&rp.ask().url()).await;
        browser.click("go-register").await;
        registration::fill(&mut browser, contact, PASSWORD).await;
        assert!(browser.page.has("code-form"), "{}", browser.page.text());
        let code = app.code_sent_to(contact);
        browser.submit("code-form", &[("code", &code)], "submit").await;
        let mut browser = app.browser();
        browser
            .headers
            .push(("user-agent".to_owned(), "evil.test <b>\u{7f}".replace('\u{7f}', "")));
        let field = if contact.contains('@') { "email" } else { "phone" };
        browser.get(&format!("/recover?by={field}")).await;
        browser.submit("recover-form", &[(field, contact)], "submit").await;
    }
    assert_eq!(app.messages().len(), 4);
    for message in app.messages() {
        let text = message.to_string();
        assert!(!text.contains("evil") && !text.contains("Приз") && !text.contains("<b>"), "{text}");
        let lines = message["text"].as_str().unwrap().lines().count();
        assert!(message["channel"] != "sms" || lines <= 2, "{text}");
    }
    let sms = app.messages().into_iter().find(|message| message["channel"] == "sms").unwrap();
    assert!(sms["text"].as_str().unwrap().contains("@id.test #"), "{sms}");
}

/// Every value that differs from this one in one character, and every shorter one of some.
fn spoilt(value: &str) -> Vec<String> {
    let mut all: Vec<String> = (1..8).map(|cut| value[..value.len() - cut].to_owned()).collect();
    all.push(format!("{value}A"));
    for (i, old) in value.char_indices() {
        let new = if old == 'A' { 'B' } else { 'A' };
        all.push(format!("{}{new}{}", &value[..i], &value[i + old.len_utf8()..]));
    }
    all
}

#[tokio::test]
async fn a_bearer_value_with_any_character_changed_cut_off_or_added_opens_nothing() {
    let app = TestApp::start().await;
    let rp = app
        .client(Profile::Web, |metadata| metadata.access_token_format = TokenFormat::Opaque)
        .await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    let ask = rp.ask_for("openid offline_access");
    let tokens = rp.sign_in_with(&app, &mut browser, &person, &ask).await;
    for access in spoilt(&tokens.access) {
        assert_eq!(rp.userinfo(&access).await.code(), 401, "{access}");
    }
    for refresh in spoilt(&tokens.refresh) {
        assert_eq!(rp.refresh(&refresh).await.code(), 400, "{refresh}");
    }
    let (name, kept) = browser.jar.iter().find(|(name, _)| name.contains("kabinet-session")).unwrap();
    for session in spoilt(&kept.value) {
        let mut thief = app.browser();
        thief.jar.insert(name.clone(), kabinet_tests::Kept { value: session, until: None });
        thief.get("/account").await;
        assert_eq!(thief.page.path(), "/login");
    }
    assert_eq!(rp.userinfo(&tokens.access).await.code(), 200, "the true ones are still good");
    assert_eq!(rp.refresh(&tokens.refresh).await.code(), 200);
}

#[tokio::test]
async fn codes_of_every_page_are_unknown_on_every_other() {
    let app = TestApp::start().await;
    let person = app.user("ivan@example.com", PASSWORD).await;
    let register = registration::begin(&app, "new@example.com").await;
    let mut recover = app.browser();
    recover.get("/recover?by=email").await;
    recover.submit("recover-form", &[("email", &person.contact)], "submit").await;
    for (mut browser, contact, other) in [
        (register, "new@example.com", "/recover/confirm"),
        (recover, "ivan@example.com", "/register/confirm"),
    ] {
        let code = app.code_sent_to(contact);
        let body = browser.filled("code-form", &[("code", &code)], "submit");
        for path in [other, "/complete/confirm"] {
            let mut elsewhere = browser.clone();
            elsewhere.post(path, &body).await;
            assert!(elsewhere.session().is_empty() && !elsewhere.page.has("new-password-form"), "{path}");
            assert!(elsewhere.page.status < 500, "{}", elsewhere.page.text());
        }
        browser.submit("code-form", &[("code", &code)], "submit").await;
        assert!(
            browser.page.has("continue") || browser.page.has("new-password-form"),
            "{}",
            browser.page.text()
        );
    }
}
