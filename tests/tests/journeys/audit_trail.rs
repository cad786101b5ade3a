//! One audit record per security-relevant change: written once, in the transaction that makes the change.

use kabinet_core::client::Profile;
use kabinet_store::audit;
use kabinet_tests::{PASSWORD, TestApp, Tokens};

const EVENTS: [&str; 28] = [
    "user.registered",
    "user.created",
    "user.disabled",
    "user.enabled",
    "user.unlocked",
    "user.deleted",
    "contact.confirmed",
    "password.changed",
    "password.rehashed",
    "login.succeeded",
    "login.failed",
    "session.ended",
    "document.accepted",
    "consent.granted",
    "consent.withdrawn",
    "grant.issued",
    "grant.redeemed",
    "grant.ended",
    "token.revoked",
    "token.exchanged",
    "client.created",
    "client.updated",
    "client.secret_rotated",
    "client.deleted",
    "key.created",
    "key.rotated",
    "key.retired",
    "key.deleted",
];

/// How many records of each event there are, those without any left out.
async fn records(app: &TestApp) -> Vec<(&'static str, i64)> {
    let mut counts = Vec::new();
    for event in EVENTS {
        counts.push((event, audit::count(app.store.db(), event).await.unwrap()));
    }
    counts
}

/// What was written while `work` was done.
async fn written(app: &TestApp, work: impl Future) -> Vec<(&'static str, i64)> {
    let before = records(app).await;
    work.await;
    let after = records(app).await;
    after
        .into_iter()
        .zip(before)
        .map(|(after, before)| (after.0, after.1 - before.1))
        .filter(|(_, n)| *n != 0)
        .collect()
}

#[tokio::test]
async fn each_step_of_a_person_and_a_client_writes_its_record_once() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |metadata| metadata.first_party = false).await;
    let mut browser = super::registration::begin(&app, "+79161234567").await;
    let code = app.code_sent_to("+79161234567");
    let registered = written(&app, browser.submit("code-form", &[("code", &code)], "submit")).await;
    let expected = [("user.registered", 1), ("contact.confirmed", 1), ("login.succeeded", 1), ("document.accepted", 2)];
    assert_eq!(registered, expected);
    let ask = rp.ask_for("openid offline_access");
    assert_eq!(written(&app, browser.get(&ask.url())).await, []);
    let allowed = written(&app, browser.submit("consent-form", &[], "allow")).await;
    assert_eq!(allowed, [("consent.granted", 1), ("grant.issued", 1)]);
    let callback = kabinet_tests::Callback::of(&browser.page);
    let mut tokens = None;
    let redeemed = written(&app, async { tokens = Some(Tokens::of(&rp.redeem(callback.code(), &ask).await)) }).await;
    assert_eq!(redeemed, [("grant.redeemed", 1)]);
    let tokens = tokens.unwrap();
    assert_eq!(written(&app, rp.refresh(&tokens.refresh)).await, []);
    assert_eq!(written(&app, rp.redeem(callback.code(), &ask)).await, [("grant.ended", 1)]);
    assert_eq!(written(&app, rp.redeem(callback.code(), &ask)).await, [], "a family ends once");
    assert_eq!(written(&app, rp.revoke(&tokens.refresh)).await, [], "what has ended is not ended again");
    browser.get("/account").await;
    let out = written(&app, browser.submit("sign-out-form", &[], "sign-out")).await;
    assert_eq!(out, [("session.ended", 1)]);
    browser.get("/login").await;
    let wrong = [("phone", "+79161234567"), ("password", "CANARY-неверный")];
    assert_eq!(written(&app, browser.submit("login-form", &wrong, "submit")).await, [("login.failed", 1)]);
    let right = [("phone", "+79161234567"), ("password", PASSWORD)];
    assert_eq!(
        written(&app, browser.submit("login-form", &right, "submit")).await,
        [("login.succeeded", 1)]
    );
}

#[tokio::test]
async fn revocation_writes_one_record_for_the_family_or_for_the_token() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    let first = rp.sign_in(&app, &mut browser, &person).await;
    let second = rp.sign_in(&app, &mut browser, &person).await;
    assert_eq!(written(&app, rp.revoke(&first.refresh)).await, [("grant.ended", 1)]);
    assert_eq!(written(&app, rp.revoke(&first.refresh)).await, []);
    assert_eq!(written(&app, rp.revoke(&second.access)).await, [("token.revoked", 1)]);
    assert_eq!(written(&app, rp.revoke(&second.access)).await, []);
}

#[tokio::test]
async fn a_change_whose_record_cannot_be_written_does_not_happen() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    let tokens = rp.sign_in(&app, &mut browser, &person).await;
    let ask = rp.ask();
    let callback = rp.authorize(&mut browser, &ask).await;
    super::program::run_sql(&app, "ALTER TABLE audit RENAME TO audit_away").await;
    let answer = rp.redeem(callback.code(), &ask).await;
    assert_eq!(answer.code(), 503, "{}", answer.body);
    assert_eq!(rp.revoke(&tokens.refresh).await.code(), 503);
    let mut other = app.browser();
    other.get("/login").await;
    other
        .submit("login-form", &[("phone", &person.contact), ("password", &person.password)], "submit")
        .await;
    assert_eq!((other.page.status, other.session().as_str()), (503, ""));
    browser.get("/account").await;
    browser.submit("sign-out-form", &[], "sign-out").await;
    assert_eq!(browser.page.status, 503);
    super::program::run_sql(&app, "ALTER TABLE audit_away RENAME TO audit").await;
    browser.get("/account").await;
    assert_eq!(browser.page.path(), "/account", "the session has ended without a record");
    assert!(rp.is_active(&tokens.access).await, "the family has ended without a record");
    assert_eq!(rp.redeem(callback.code(), &ask).await.code(), 200, "the code was spent without a record");
}
