//! Two accounts again.

use super::*;

#[tokio::test]
async fn everything_is_given_back_and_the_other_devices_sign_in_anew() {
    let elsewhere = Elsewhere::open("anna-there").await;
    let app = TestApp::start_with(|config| elsewhere.configure(config, "head-office", |_| ())).await;
    let (staying, other) = twins(&app).await;
    let mut browser = app.browser();
    browser.get("/login").await;
    browser.click("method-head-office").await;
    let left = browser.page.left.clone().unwrap();
    browser.get(&elsewhere.sign_in(&left)).await;
    browser.click("go-link").await;
    browser.fill_in(&other, &[]).await;
    let mut browser = app.browser();
    merge(&app, &mut browser, (&staying, &other)).await;
    // Somebody signs in to the account that stayed by what came from the other.
    let mut moved = app.browser();
    moved.get("/login").await;
    moved.click("method-head-office").await;
    let left = moved.page.left.clone().unwrap();
    moved.get(&elsewhere.sign_in(&left)).await;
    assert_eq!(moved.page.path(), "/account");

    // Nothing happens before the password.
    browser.get("/account/methods").await;
    let form = undo_form(&browser).unwrap();
    browser.submit(&form, &[], "undo").await;
    assert!(browser.page.has("login-form"));
    let asked = browser.page.clone();
    browser.fill_in(&with_password_of(&staying, &other), &[]).await;
    assert!(browser.page.has("login-form"), "{}", browser.page.text());
    browser.page = asked.clone();
    browser.fill_in(&staying, &[]).await;
    assert_eq!(browser.page.at, "/account/methods?done=merge-undone", "{}", browser.page.text());
    assert!(browser.page.has("no-connections") && undo_form(&browser).is_none());
    browser.get("/account/contacts").await;
    assert!(!browser.page.text().contains(&other.contact));
    moved.get("/account").await;
    assert!(moved.page.has("login-form"), "a session that the moved sign-in opened has ended");

    let mut back = app.browser();
    app.sign_in(&mut back, &other).await;
    back.get("/account/methods").await;
    assert!(back.page.text().contains("Анна Там"), "{}", back.page.text());
    for person in [&staying, &other] {
        assert!(notices(&app, person).iter().any(|text| text.contains("объединение аккаунтов отменено")));
    }
    // It is undone once.
    browser.page = asked;
    browser.fill_in(&staying, &[]).await;
    assert_eq!(browser.page.error(), "merge-gone", "{}", browser.page.text());
}

#[tokio::test]
async fn what_was_added_stays_and_what_was_removed_does_not_come_back() {
    let app = TestApp::start().await;
    let (staying, other) = twins(&app).await;
    let named = |inn: &'static str, name: &'static str| [("inn", inn), ("kpp", ""), ("organisation-name", name)];
    let mut browser = app.browser();
    app.sign_in(&mut browser, &other).await;
    for (inn, name) in [("7707083893", "Ромашка"), ("7736050003", "Василёк")] {
        browser.get("/account/organisations").await;
        browser.submit("organisation-form", &named(inn, name), "submit").await;
    }
    let mut browser = app.browser();
    merge(&app, &mut browser, (&staying, &other)).await;
    browser.get("/account/organisations").await;
    browser.submit("organisation-form", &named("5003021311", "Лютик"), "submit").await;
    let removal = browser
        .page
        .html
        .ids()
        .into_iter()
        .filter(|id| id.starts_with("remove-"))
        .collect::<Vec<_>>();
    assert_eq!(removal.len(), 3, "{removal:?}");
    browser.submit("organisations-form", &[], &removal[0]).await;
    let left = browser.page.text();
    part(&mut browser, &staying).await;
    browser.get("/account/organisations").await;
    let own = browser.page.text();
    let mut back = app.browser();
    app.sign_in(&mut back, &other).await;
    back.get("/account/organisations").await;
    let theirs = back.page.text();
    for (name, is_own) in [("Лютик", true), ("Ромашка", false), ("Василёк", false)] {
        let was_left = left.contains(name);
        assert_eq!(own.contains(name), is_own && was_left, "{name}: {own}");
        assert_eq!(theirs.contains(name), !is_own && was_left, "{name}: {theirs}");
    }
}

#[tokio::test]
async fn for_thirty_days_and_then_no_more() {
    let app = TestApp::start().await;
    let (staying, other) = twins(&app).await;
    merge(&app, &mut app.browser(), (&staying, &other)).await;
    app.clock.advance(30 * DAY - 1);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &staying).await;
    browser.get("/account/methods").await;
    let form = undo_form(&browser).unwrap();
    browser.submit(&form, &[], "undo").await;
    app.clock.advance(1);
    browser.fill_in(&staying, &[]).await;
    assert_eq!(browser.page.error(), "merge-gone", "{}", browser.page.text());
    app.clock.advance(1);
    kabinet_store::sweep::sweep(&app.store, kabinet_core::time::Timestamp(app.now()))
        .await
        .unwrap();
    for table in ["SELECT id FROM merges", "SELECT id FROM merge_attempts"] {
        let left = column(&app, table).await;
        assert!(left.is_empty(), "{table}: {left:?}");
    }
    // The merged account keeps its sub and nothing else.
    let found = kabinet_store::user::by_id(app.store.db(), &other.id).await.unwrap().unwrap();
    assert!(found.merged_into.is_some() && found.claims.is_empty());
    let password = kabinet_store::user::credential(app.store.db(), "password", other.id.as_str())
        .await
        .unwrap();
    assert_eq!(password, None);
}

#[tokio::test]
async fn at_the_sign_in_the_former_password_says_what_happened_and_undoes_it() {
    let app = TestApp::start().await;
    let (staying, other) = twins(&app).await;
    let mut intruder = app.browser();
    merge(&app, &mut intruder, (&staying, &other)).await;
    let mut browser = app.browser();
    browser.get("/login").await;
    browser.fill_in(&other, &[]).await;
    assert_eq!(
        (browser.page.status, browser.page.error().as_str()),
        (403, "login-merged"),
        "{}",
        browser.page.text()
    );
    assert!(browser.session().is_empty());
    browser.click("go-merged").await;
    let stranger = Person {
        password: "не тот пароль".to_owned(), ..other.clone()
    };
    browser.fill_in(&stranger, &[]).await;
    assert_eq!(browser.page.error(), "login-wrong", "{}", browser.page.text());
    browser.fill_in(&with_password_of(&other, &staying), &[]).await;
    assert_eq!(
        browser.page.error(),
        "merge-gone",
        "the password of the account that stayed is another matter"
    );
    browser.click("back").await;
    browser.get("/login/merged").await;
    browser.fill_in(&other, &[]).await;
    assert!(browser.page.text().contains("Аккаунты снова разделены"), "{}", browser.page.text());
    browser.fill_in(&other, &[]).await;
    assert_eq!(browser.page.path(), "/account", "{}", browser.page.text());
    // Whoever had merged them is out.
    intruder.get("/account").await;
    assert!(intruder.page.has("login-form"));
    app.sign_in(&mut app.browser(), &staying).await;
}
