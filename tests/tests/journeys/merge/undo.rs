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

#[tokio::test]
async fn clients_hear_of_the_sign_outs_under_the_name_that_they_knew() {
    let app = TestApp::start_with(kabinet_tests::BackChannel::allow).await;
    let (staying, other) = twins(&app).await;
    let channel = kabinet_tests::BackChannel::open().await;
    let listens = |metadata: &mut kabinet_core::client::ClientMetadata| {
        metadata.backchannel_logout_uri = Some(channel.uri.clone());
    };
    let rp = app.client(Profile::Web, listens).await;
    let calls = std::sync::Mutex::new(Vec::new());
    // As whom a client hears that the session of this ID token has ended.
    let told = async |id_token: &str| {
        let sid = rp.verify(id_token).await["sid"].clone();
        let keys = rp.jwks().await;
        let heard = || {
            let mut calls = calls.lock().unwrap();
            calls.extend(channel.calls());
            let mut claims = calls
                .iter()
                .map(|call: &kabinet_tests::Call| kabinet_tests::jwt::verify(call.token(), &keys).unwrap());
            claims.find(|claims| claims["sid"] == sid)
        };
        kabinet_tests::eventually("the client hears of it", async || heard().is_some()).await;
        heard().unwrap()["sub"].clone()
    };
    let before = rp.sign_in(&app, &mut app.browser(), &other).await;
    merge(&app, &mut app.browser(), (&staying, &other)).await;
    assert_eq!(told(&before.id).await, other.id.as_str(), "of the account that was merged");
    let during = rp.sign_in(&app, &mut app.browser(), &staying).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &staying).await;
    part(&mut browser, &staying).await;
    assert_eq!(told(&during.id).await, other.id.as_str(), "of the other sessions of the one that stayed");
}

#[tokio::test]
async fn what_a_provider_vouched_for_goes_with_its_link() {
    use kabinet_core::organisation::{Named, Proof, Relation, Typed};
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
    let now = kabinet_core::time::Timestamp(app.now());
    let facts = r#"{"head-office":{"at":1,"claims":{"given_name":"Анна"}}}"#;
    let verified = serde_json::from_str(facts).unwrap();
    let mut tx = app.store.begin().await.unwrap();
    kabinet_store::user::set_verified(&mut tx, &other.id, &verified, now).await.unwrap();
    tx.commit().await.unwrap();

    let mut browser = app.browser();
    merge(&app, &mut browser, (&staying, &other)).await;
    // The provider is unlinked while they are one, and before that it told of an organisation.
    let typed = Typed { inn: "7707083893", name: "Проба", ..Typed::default() };
    let one = Named::read(typed)
        .unwrap()
        .of_person("told".to_owned().into(), (Relation::Head, Proof::Esia), now);
    let mut tx = app.store.begin().await.unwrap();
    assert!(kabinet_store::organisation::put(&mut tx, &staying.id, &one).await.unwrap());
    kabinet_store::organisation::keep(&mut tx, &staying.id, now).await.unwrap();
    tx.commit().await.unwrap();
    browser.get("/account/methods").await;
    browser.submit("unlink-head-office", &[], "unlink").await;
    browser.fill_in(&staying, &[]).await;
    part(&mut browser, &staying).await;
    assert_eq!(browser.page.at, "/account/methods?done=merge-undone", "{}", browser.page.text());
    let person = async |id| kabinet_store::user::by_id(app.store.db(), id).await.unwrap().unwrap();
    assert!(person(&other.id).await.verified.is_empty(), "it was unlinked, and does not come back");
    let held = person(&staying.id).await.organisations.list;
    assert_eq!((held[0].proof, held[0].relation), (Proof::Stated, Relation::Employee));
}

#[tokio::test]
async fn a_wrong_password_costs_the_same_whether_or_not_an_account_was_merged() {
    let app = TestApp::start().await;
    let (staying, other) = twins(&app).await;
    merge(&app, &mut app.browser(), (&staying, &other)).await;
    let (apart, mut costs) = (app.anyone().await, Vec::new());
    let counted = crate::budgets::Counted::of(&app).await;
    let nobody = Person { contact: "nobody@example.test".to_owned(), ..other.clone() };
    for person in [&staying, &other, &apart, &nobody] {
        let wrong = Person {
            password: "не тот пароль".to_owned(), ..person.clone()
        };
        let mut browser = app.browser();
        browser.use_node(&counted.node);
        browser.get("/login").await;
        let before = counted.identity.hashes();
        browser.fill_in(&wrong, &[]).await;
        assert_eq!(browser.page.error(), "login-wrong", "{}", browser.page.text());
        costs.push(counted.identity.hashes() - before);
    }
    assert!(costs[0] > 0 && costs.iter().all(|cost| *cost == costs[0]), "{costs:?}");
}
