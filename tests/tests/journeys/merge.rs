//! Two accounts of one person become one, and two again.

mod proofs;
mod refused;
mod subjects;
mod undo;

use kabinet_core::client::Profile;
use kabinet_store::Db;
use kabinet_tests::{Browser, Elsewhere, PASSWORD, Person, TestApp, Tokens};
use serde_json::Value;

const DAY: i64 = 86_400;

/// A person with two accounts: the first stays, with a phone; the other has an address and a password of its own.
async fn twins(app: &TestApp) -> (Person, Person) {
    let number = kabinet_core::secret::decimal_code(12, &*app.ambient.entropy);
    let other = format!("{}@example.test", number.expose());
    (app.anyone().await, app.user(&other, "прежний пароль 2").await)
}

/// Proves the account that stays, and leaves the browser at the sign-in to the other.
async fn begin(browser: &mut Browser, staying: &Person) {
    browser.get("/account/methods").await;
    browser.click("go-merge").await;
    browser.submit("merge-start", &[], "begin").await;
    browser.fill_in(staying, &[]).await;
    assert_eq!(browser.page.path(), "/login", "{}", browser.page.text());
}

/// The same, and proves the other account, too.
async fn prove_both(app: &TestApp, browser: &mut Browser, (staying, other): (&Person, &Person)) {
    app.sign_in(browser, staying).await;
    begin(browser, staying).await;
    browser.fill_in(other, &[]).await;
    assert!(browser.page.has("merge"), "{}", browser.page.text());
}

/// Merges the other account into the first; the browser is signed in to the one that stays.
async fn merge(app: &TestApp, browser: &mut Browser, both: (&Person, &Person)) {
    prove_both(app, browser, both).await;
    browser.submit("merge-form", &[], "merge").await;
    assert_eq!(browser.page.at, "/account/methods?done=merged", "{}", browser.page.text());
}

/// Undoes the one merge that the page shows, with the password of the account that stays.
async fn part(browser: &mut Browser, staying: &Person) {
    browser.get("/account/methods").await;
    let form = undo_form(browser).expect("a merge that can be undone");
    browser.submit(&form, &[], "undo").await;
    browser.fill_in(staying, &[]).await;
}

fn undo_form(browser: &Browser) -> Option<String> {
    browser.page.html.ids().into_iter().find(|id| id.starts_with("undo-merge-"))
}

/// The notices that went to a contact.
fn notices(app: &TestApp, person: &Person) -> Vec<String> {
    let all = app.messages();
    let own = all
        .iter()
        .filter(|one| one["to"] == person.contact.as_str() && one["purpose"] == "notice");
    own.map(|one| one["text"].as_str().unwrap_or_default().to_owned()).collect()
}

/// The texts of one column, whichever the database.
async fn column(app: &TestApp, sql: &'static str) -> Vec<String> {
    match app.store.db() {
        Db::Sqlite { readers, .. } => sqlx::query_scalar(sql).fetch_all(readers).await.unwrap(),
        Db::Postgres { pool, .. } => sqlx::query_scalar(sql).fetch_all(pool).await.unwrap(),
    }
}

async fn merged_records(app: &TestApp) -> Vec<String> {
    column(app, "SELECT data FROM audit WHERE event = 'account.merged'").await
}

/// The account of a person with the contact of one and the password of another.
fn with_password_of(contact: &Person, password: &Person) -> Person {
    Person { password: password.password.clone(), ..contact.clone() }
}

#[tokio::test]
async fn both_proven_the_other_becomes_part_of_the_first_and_everybody_is_told() {
    let app = TestApp::start().await;
    let (staying, other) = twins(&app).await;
    let mut elsewhere = app.browser();
    app.sign_in(&mut elsewhere, &other).await;
    let mut browser = app.browser();
    prove_both(&app, &mut browser, (&staying, &other)).await;
    let page = browser.page.text();
    assert!(
        page.contains(&other.contact) && page.contains("30 дней") || page.contains("можно отменить"),
        "{page}"
    );
    assert!(browser.page.has("cancel"));
    browser.submit("merge-form", &[], "merge").await;
    assert_eq!(browser.page.at, "/account/methods?done=merged", "{}", browser.page.text());
    // The browser is at the account that stays, with the contact of the other.
    browser.get("/account/contacts").await;
    assert!(browser.page.text().contains(&other.contact), "{}", browser.page.text());
    // The other one's sessions have ended; its contact leads to the account that stays, with that one's password.
    elsewhere.get("/account").await;
    assert!(elsewhere.page.has("login-form"));
    let mut fresh = app.browser();
    app.sign_in(&mut fresh, &with_password_of(&other, &staying)).await;
    for person in [&staying, &other] {
        let told = notices(&app, person);
        let merged = told.iter().find(|text| text.contains("аккаунта объединены"));
        let merged = merged.unwrap_or_else(|| panic!("{told:?}"));
        assert!(merged.contains("Разделить аккаунты") && !merged.contains("http"), "{merged}");
    }
}

#[tokio::test]
async fn everything_moves_that_only_the_other_account_has() {
    let elsewhere = Elsewhere::open("anna-there").await;
    let app = TestApp::start_with(|config| elsewhere.configure(config, "head-office", |_| ())).await;
    let (staying, other) = twins(&app).await;
    let third = app.client(Profile::Web, |metadata| metadata.first_party = false).await;
    let mut browser = app.browser();
    let ask = third.ask();
    browser.get(&ask.url()).await;
    browser.click("method-head-office").await;
    let left = browser.page.left.clone().unwrap();
    browser.get(&elsewhere.sign_in(&left)).await;
    browser.click("go-link").await;
    browser.fill_in(&other, &[]).await;
    browser.submit("consent-form", &[], "allow").await;
    let callback = kabinet_tests::Callback::of(&browser.page);
    Tokens::of(&third.redeem(callback.code(), &ask).await);
    let named = [("inn", "7707083893"), ("kpp", "773601001"), ("organisation-name", "Ромашка")];
    browser.get("/account/organisations").await;
    browser.submit("organisation-form", &named, "submit").await;
    assert!(browser.page.text().contains("Ромашка"), "{}", browser.page.text());

    let mut browser = app.browser();
    prove_both(&app, &mut browser, (&staying, &other)).await;
    let plan = browser.page.text();
    for part in ["Вход head-office", "Ромашка", "Проба", &other.contact] {
        assert!(plan.contains(part), "{part}: {plan}");
    }
    browser.submit("merge-form", &[], "merge").await;
    assert!(browser.page.text().contains("Анна Там"), "{}", browser.page.text());
    browser.get("/account/organisations").await;
    assert!(browser.page.text().contains("Ромашка"));
    browser.get("/account/consents").await;
    assert!(browser.page.text().contains("Проба"), "{}", browser.page.text());
    // The provider signs in to the account that stays, and the client asks nothing again.
    let (mut fresh, ask) = (app.browser(), third.ask());
    fresh.get(&ask.url()).await;
    fresh.click("method-head-office").await;
    let left = fresh.page.left.clone().unwrap();
    fresh.get(&elsewhere.sign_in(&left)).await;
    let callback = kabinet_tests::Callback::of(&fresh.page);
    let tokens = Tokens::of(&third.redeem(callback.code(), &ask).await);
    assert_eq!(
        third.verify(&tokens.id).await["sub"],
        other.id.as_str(),
        "it knew the other account alone"
    );
    fresh.get("/account").await;
    assert!(fresh.page.source().contains(staying.id.as_str()) || fresh.page.path() == "/account");
}

#[tokio::test]
async fn the_other_account_is_proven_by_any_of_its_ways() {
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
    app.sign_in(&mut browser, &staying).await;
    // Where linking finds that the identity belongs to the other account, the page leads here.
    browser.get("/account/methods").await;
    browser.submit("link-head-office", &[], "link").await;
    let left = browser.page.left.clone().unwrap();
    browser.get(&elsewhere.sign_in(&left)).await;
    assert_eq!(browser.page.error(), "upstream-linked-elsewhere");
    assert!(browser.page.source().contains("href=\"/account/merge\""), "{}", browser.page.source());
    begin(&mut browser, &staying).await;
    browser.click("method-head-office").await;
    let left = browser.page.left.clone().unwrap();
    browser.get(&elsewhere.sign_in(&left)).await;
    assert!(browser.page.has("merge"), "{}", browser.page.text());
    browser.submit("merge-form", &[], "merge").await;
    assert_eq!(browser.page.at, "/account/methods?done=merged");
}

#[tokio::test]
async fn whoever_cancels_is_where_they_were() {
    let app = TestApp::start().await;
    let (staying, other) = twins(&app).await;
    let mut browser = app.browser();
    prove_both(&app, &mut browser, (&staying, &other)).await;
    let open = browser.clone();
    browser.submit("merge-form", &[], "cancel").await;
    assert_eq!(browser.page.at, "/account/methods");
    browser.get("/account").await;
    assert!(browser.page.source().contains("contact-phone") && !browser.page.text().contains(&other.contact));
    // The sign-in to the other account that began here is gone, so the page that is still open merges nothing.
    let mut open = open;
    open.submit("merge-form", &[], "merge").await;
    assert_ne!(open.page.at, "/account/methods?done=merged", "{}", open.page.text());
    app.sign_in(&mut app.browser(), &other).await;
}

#[tokio::test]
async fn the_audit_names_both_and_the_operator_sees_it() {
    let app = TestApp::start().await;
    let (staying, other) = twins(&app).await;
    let mut browser = app.browser();
    merge(&app, &mut browser, (&staying, &other)).await;
    let events = merged_records(&app).await;
    assert_eq!(events.len(), 1, "{events:?}");
    let data: Value = serde_json::from_str(&events[0]).unwrap();
    assert_eq!(
        (&data["sub"], &data["merged_sub"]),
        (&staying.id.as_str().into(), &other.id.as_str().into())
    );
    part(&mut browser, &staying).await;
    let undone = column(&app, "SELECT data FROM audit WHERE event = 'account.merge_undone'").await;
    assert!(undone.len() == 1 && undone[0].contains(other.id.as_str()), "{undone:?}");
}

#[tokio::test]
async fn with_the_account_that_stayed_goes_the_one_that_became_part_of_it() {
    let app = TestApp::start().await;
    let (staying, other) = twins(&app).await;
    merge(&app, &mut app.browser(), (&staying, &other)).await;
    app.delete_user(&staying).await;
    for person in [&staying, &other] {
        let found = kabinet_store::user::by_id(app.store.db(), &person.id).await.unwrap();
        assert!(found.is_none(), "{found:?}");
    }
    // Its contacts are free again, for an account with another sub.
    let again = app.user(&other.contact, PASSWORD).await;
    assert_ne!(again.id, other.id);
}

#[tokio::test]
async fn without_the_merged_account_there_is_nothing_to_undo_and_the_rest_stays() {
    let app = TestApp::start().await;
    let (staying, other) = twins(&app).await;
    let mut browser = app.browser();
    merge(&app, &mut browser, (&staying, &other)).await;
    app.delete_user(&other).await;
    browser.get("/account/methods").await;
    assert_eq!(undo_form(&browser), None);
    app.sign_in(&mut app.browser(), &with_password_of(&other, &staying)).await;
}

#[tokio::test]
async fn an_account_without_a_password_is_proven_by_a_code_and_gets_the_other_ones_password() {
    let elsewhere = Elsewhere::open("anna-there").await;
    let registers = |upstream: &mut kabinet::config::Upstream| {
        upstream.registers = true;
        upstream.vouches = vec![kabinet_identity::method::upstream::Vouched::Phone];
    };
    let app = TestApp::start_with(|config| elsewhere.configure(config, "head-office", registers)).await;
    let other = app.anyone().await;
    elsewhere.claim("phone_number", "79990000001");
    elsewhere.claim("phone_number_verified", true);
    let mut browser = app.browser();
    browser.get("/register").await;
    browser.click("method-head-office").await;
    let left = browser.page.left.clone().unwrap();
    browser.get(&elsewhere.sign_in(&left)).await;
    browser.submit("register-form", &[("pd-consent", "on")], "submit").await;
    browser.get("/account/methods").await;
    assert!(browser.page.has("no-password"), "{}", browser.page.text());
    browser.click("go-merge").await;
    browser.submit("merge-start", &[], "begin").await;
    assert_eq!(browser.page.path(), "/account/methods/confirm", "{}", browser.page.text());
    let code = app.code_sent_to("+79990000001");
    browser.submit("code-form", &[("code", code.as_str())], "submit").await;
    assert_eq!(browser.page.path(), "/login", "{}", browser.page.text());
    browser.fill_in(&other, &[]).await;
    browser.submit("merge-form", &[], "merge").await;
    assert_eq!(browser.page.at, "/account/methods?done=merged", "{}", browser.page.text());
    assert!(browser.page.has("has-password"));
    app.sign_in(&mut app.browser(), &other).await;
    part(&mut browser, &other).await;
    assert_eq!(browser.page.at, "/account/methods?done=merge-undone", "{}", browser.page.text());
    assert!(browser.page.has("no-password"), "{}", browser.page.text());
    app.sign_in(&mut app.browser(), &other).await;
}
