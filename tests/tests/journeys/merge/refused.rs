//! Accounts that stay two.

use super::*;

async fn refusal(app: &TestApp, both: (&Person, &Person)) -> (u16, String) {
    let mut browser = app.browser();
    app.sign_in(&mut browser, both.0).await;
    begin(&mut browser, both.0).await;
    browser.fill_in(both.1, &[]).await;
    assert!(!browser.page.has("merge") && browser.page.has("cancel"), "{}", browser.page.text());
    (browser.page.status, browser.page.error())
}

#[tokio::test]
async fn an_administrators_account_on_either_side() {
    let app = TestApp::start().await;
    let (staying, _) = twins(&app).await;
    let account = kabinet_identity::NewAccount {
        contacts: vec![
            kabinet_core::contact::Contact::parse(kabinet_core::contact::ContactKind::Email, "root@example.test")
                .unwrap(),
        ],
        password: Some(PASSWORD.into()),
        role: Some(kabinet_core::client::Role::Support),
        ..kabinet_identity::NewAccount::default()
    };
    let id = app.identity.create_user(account, &kabinet_core::audit::Origin::default()).await.unwrap();
    let root = Person {
        id,
        kind: kabinet_core::contact::ContactKind::Email,
        contact: "root@example.test".to_owned(),
        password: PASSWORD.to_owned(),
    };
    let expected = (409, "merge-administrator".to_owned());
    assert_eq!(refusal(&app, (&staying, &root)).await, expected);
    assert_eq!(refusal(&app, (&root, &staying)).await, expected);
}

#[tokio::test]
async fn an_account_that_was_merged_lately() {
    let app = TestApp::start().await;
    let (staying, other) = twins(&app).await;
    let third = app.anyone().await;
    merge(&app, &mut app.browser(), (&staying, &other)).await;
    let expected = (409, "merge-recent".to_owned());
    assert_eq!(refusal(&app, (&staying, &third)).await, expected);
    assert_eq!(refusal(&app, (&third, &staying)).await, expected);
    // When it can no longer be undone, it can be merged again.
    app.clock.advance(30 * DAY);
    merge(&app, &mut app.browser(), (&third, &staying)).await;
}

#[tokio::test]
async fn an_account_that_was_disabled_meanwhile() {
    let app = TestApp::start().await;
    let (staying, other) = twins(&app).await;
    let mut browser = app.browser();
    prove_both(&app, &mut browser, (&staying, &other)).await;
    app.set_disabled(&other, true).await;
    browser.submit("merge-form", &[], "merge").await;
    assert_ne!(browser.page.at, "/account/methods?done=merged", "{}", browser.page.text());
    assert!(merged_records(&app).await.is_empty());
}

#[tokio::test]
async fn nobody_enables_an_account_that_became_part_of_another() {
    let app = TestApp::start().await;
    let (staying, other) = twins(&app).await;
    merge(&app, &mut app.browser(), (&staying, &other)).await;
    let origin = kabinet_core::audit::Origin::default();
    assert!(!app.identity.set_disabled(&other.id, false, &origin).await.unwrap());
    let found = kabinet_store::user::by_id(app.store.db(), &other.id).await.unwrap().unwrap();
    assert!(found.disabled && found.merged_into.as_ref() == Some(&staying.id));
}
