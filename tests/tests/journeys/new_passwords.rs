//! Passwords that may not be set, as the pages say it: one that is weak, one that has leaked, one that is no password.

use kabinet_core::time::Timestamp;
use kabinet_identity::leaked::{Filter, Key};
use kabinet_tests::TestApp;
use tempfile::TempDir;

use crate::registration::fill;

const PHONE: &str = "+79161234567";

/// A node with a filter file of these passwords.
async fn with_filter(passwords: &[&str]) -> (TestApp, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("leaked.filter");
    let keys = passwords.iter().map(|password| Key::of(password)).collect();
    let filter = Filter::of(keys, Timestamp(0)).unwrap();
    filter.write(std::fs::File::create(&path).unwrap()).unwrap();
    (TestApp::start_with(|config| config.password.filter = Some(path)).await, dir)
}

#[tokio::test]
async fn the_page_says_whether_a_password_is_weak_or_has_leaked_and_another_one_is_accepted() {
    let (app, _dir) = with_filter(&["тихий дождь над Окой"]).await;
    let mut browser = app.browser();
    browser.get("/register").await;
    for (password, says) in [
        ("Кузнецов1974", "Пароль легко подобрать. Добавьте ещё слова или символы."),
        ("+7 (916) 123-45-67", "Пароль легко подобрать. Добавьте ещё слова или символы."),
        ("тихий дождь над Окой", "Этот пароль встречался в утечках. Придумайте другой."),
    ] {
        fill(&mut browser, PHONE, password).await;
        assert_eq!(browser.page.status, 422);
        assert!(browser.page.text().contains(says), "{password}: {}", browser.page.text());
    }
    assert!(app.messages().is_empty());
    fill(&mut browser, PHONE, "тихий дождь над Угрой").await;
    assert!(browser.page.has("code-form"), "{}", browser.page.text());
}

#[tokio::test]
async fn ten_thousand_characters_are_a_bad_request_before_anything_is_hashed() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    browser.get("/register").await;
    fill(&mut browser, PHONE, &"x".repeat(10_000)).await;
    assert_eq!(browser.page.status, 400);
    assert!(browser.page.has("password-error"));
    assert!(app.messages().is_empty());
}
