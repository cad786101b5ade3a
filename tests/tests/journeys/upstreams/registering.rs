//! Accounts that are made by another provider.

use kabinet_core::audit::Origin;
use kabinet_core::brand::Brands;
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::language::Language;
use kabinet_core::secret::TokenHash;
use kabinet_identity::method::upstream::Vouched;
use kabinet_identity::{UpstreamLinkError, Visit};

use super::*;

/// Presses the provider's button on the page of registration and comes back.
async fn register(elsewhere: &Elsewhere, browser: &mut Browser) {
    browser.get("/register").await;
    go(elsewhere, browser).await;
    assert_eq!(browser.page.path(), format!("/register/{NAME}/details"), "{}", browser.page.text());
}

fn registers(upstream: &mut kabinet::config::Upstream) {
    upstream.registers = true;
    upstream.vouches = vec![Vouched::Phone];
}

#[tokio::test]
async fn a_contact_that_the_provider_vouches_for_needs_no_code() {
    let (app, elsewhere) = start_with(registers).await;
    elsewhere.claim("phone_number", "79990000001");
    elsewhere.claim("phone_number_verified", true);
    elsewhere.claim("given_name", "Анна");
    let mut browser = app.browser();
    register(&elsewhere, &mut browser).await;
    assert!(browser.page.has("vouched"));
    browser.submit("register-form", &[], "submit").await;
    assert!(
        browser.page.error() == "pd-consent" || browser.page.status == 422,
        "{}",
        browser.page.text()
    );
    browser.submit("register-form", &[("pd-consent", "on")], "submit").await;
    assert_eq!(browser.page.path(), "/register/done", "{}", browser.page.text());
    browser.get("/account").await;
    assert!(browser.page.text().contains("Анна"), "{}", browser.page.text());
    browser.get("/account/methods").await;
    assert!(browser.page.has("no-password"));
    // Without it nobody gets in: it stays.
    assert!(!browser.page.has("unlink-head-office"), "{}", browser.page.text());
    let mut again = app.browser();
    again.get("/register").await;
    go(&elsewhere, &mut again).await;
    assert_eq!(again.page.path(), "/account", "who is known is signed in: {}", again.page.text());
}

#[tokio::test]
async fn any_other_contact_gets_a_code() {
    let (app, elsewhere) = start_with(registers).await;
    for (verified, typed) in [(json!(true), "+79990000003"), (json!(false), "+79990000002"), (json!("true"), "")] {
        elsewhere.claim("sub", format!("of {verified} {typed}"));
        elsewhere.claim("phone_number", "+79990000002");
        elsewhere.claim("phone_number_verified", verified.clone());
        let mut browser = app.browser();
        if verified == json!("true") {
            // What is no boolean makes the token unreadable: it is not what the specification calls verified.
            browser.get("/register").await;
            go(&elsewhere, &mut browser).await;
            assert_eq!(browser.page.error(), "upstream-untrusted", "{}", browser.page.text());
            continue;
        }
        register(&elsewhere, &mut browser).await;
        browser.submit("register-form", &[("phone", typed), ("pd-consent", "on")], "submit").await;
        assert_eq!(browser.page.path(), "/register/confirm", "{}", browser.page.text());
        let code = app.code_sent_to(typed);
        browser.submit("code-form", &[("code", &code)], "submit").await;
        assert_eq!(browser.page.path(), "/register/done", "{}", browser.page.text());
        browser.get("/account/methods").await;
        assert!(browser.page.has("connections"), "{}", browser.page.text());
    }
}

#[tokio::test]
async fn a_contact_that_has_an_account_leads_to_the_sign_in_that_links() {
    let (app, elsewhere) = start_with(registers).await;
    let owner = app.user("+79990000004", kabinet_tests::PASSWORD).await;
    elsewhere.claim("phone_number", "+79990000004");
    elsewhere.claim("phone_number_verified", true);
    let mut browser = app.browser();
    browser.get("/register").await;
    go(&elsewhere, &mut browser).await;
    assert!(browser.page.has("unlinked") && browser.page.has("alike"), "{}", browser.page.text());
    browser.click("go-register").await;
    browser.submit("register-form", &[("pd-consent", "on")], "submit").await;
    assert_eq!((browser.page.status, browser.page.error().as_str()), (409, "upstream-contact-taken"));
    assert!(browser.session().is_empty());
    browser.click("go-link").await;
    browser.fill_in(&owner, &[]).await;
    assert_eq!(browser.page.path(), "/account", "{}", browser.page.text());
}

#[tokio::test]
async fn nobody_registers_by_a_provider_that_may_only_be_linked_nor_by_a_foreign_one() {
    for foreign in [false, true] {
        // With both the configuration is refused; where it is there all the same, it makes no accounts.
        let (app, elsewhere) = start_with(|upstream| {
            upstream.registers = foreign;
            upstream.foreign = Some(foreign);
        })
        .await;
        let mut browser = app.browser();
        browser.get("/register").await;
        assert!(!browser.page.has("method-head-office"));
        assert_eq!(browser.get(&format!("/register/{NAME}")).await.status, 403);
        browser.get("/login").await;
        go(&elsewhere, &mut browser).await;
        assert!(
            browser.page.has("unlinked") && !browser.page.has("go-register"),
            "{}",
            browser.page.text()
        );
        let details = browser.page.at.replace("/login/", "/register/").replace("/unlinked", "/details");
        assert_eq!(browser.get(&details).await.status, 403);
    }
}

#[tokio::test]
async fn a_foreign_provider_is_no_way_in_that_another_one_could_be_given_up_for() {
    let (foreign, own) = (Elsewhere::open("far").await, Elsewhere::open("near").await);
    let app = TestApp::start_with(|config| {
        own.configure(config, NAME, registers);
        foreign.configure(config, "abroad", |upstream| upstream.foreign = Some(true));
    })
    .await;
    own.claim("phone_number", "+79990000005");
    own.claim("phone_number_verified", true);
    let mut browser = app.browser();
    register(&own, &mut browser).await;
    browser.submit("register-form", &[("pd-consent", "on")], "submit").await;
    browser.get("/account/methods").await;
    browser.submit("link-abroad", &[], "link").await;
    come_back(&foreign, &mut browser).await;
    // No password: a code proves the account.
    assert_eq!(browser.page.path(), "/account/methods/confirm", "{}", browser.page.text());
    // A code that a GET has sent: nobody has waited for the courier.
    kabinet_tests::eventually("the code arrives", async || !app.code_sent_to("+79990000005").is_empty()).await;
    let code = app.code_sent_to("+79990000005");
    browser.submit("code-form", &[("code", &code)], "submit").await;
    assert_eq!(browser.page.at, "/account/methods?done=upstream-linked", "{}", browser.page.text());
    assert!(
        browser.page.has("unlink-abroad") && !browser.page.has("unlink-head-office"),
        "{}",
        browser.page.text()
    );
    browser.submit("unlink-abroad", &[], "unlink").await;
    let code = app.code_sent_to("+79990000005");
    browser.submit("code-form", &[("code", &code)], "submit").await;
    assert_eq!(browser.page.at, "/account/methods?done=upstream-unlinked", "{}", browser.page.text());
}

#[tokio::test]
async fn the_last_two_ways_in_given_up_at_once_leave_one() {
    let (near, branch) = (Elsewhere::open("near").await, Elsewhere::open("branch").await);
    let app = TestApp::start_with(|config| {
        near.configure(config, NAME, registers);
        branch.configure(config, "branch", |_| ());
    })
    .await;
    near.claim("phone_number", "+79990000006");
    near.claim("phone_number_verified", true);
    let mut browser = app.browser();
    register(&near, &mut browser).await;
    browser.submit("register-form", &[("pd-consent", "on")], "submit").await;
    browser.get("/account/methods").await;
    browser.submit("link-branch", &[], "link").await;
    come_back(&branch, &mut browser).await;
    kabinet_tests::eventually("the code arrives", async || !app.code_sent_to("+79990000006").is_empty()).await;
    let code = app.code_sent_to("+79990000006");
    browser.submit("code-form", &[("code", &code)], "submit").await;
    assert!(
        browser.page.has("unlink-branch") && browser.page.has("unlink-head-office"),
        "{}",
        browser.page.text()
    );
    let contact = Contact::parse(ContactKind::Phone, "+79990000006").unwrap();
    let user = kabinet_store::user::by_contact(app.store.db(), &contact).await.unwrap().unwrap().id;
    let links = app.identity.connections_of(&user).await.unwrap();
    let visit = visit();
    let unlink = |place: usize| app.identity.unlink_upstream(&user, &links[place].id, &visit);
    let (first, second) = tokio::join!(unlink(0), unlink(1));
    assert!(
        matches!(
            (&first, &second),
            (Ok(()), Err(UpstreamLinkError::LastWay)) | (Err(UpstreamLinkError::LastWay), Ok(()))
        ),
        "{first:?} {second:?}"
    );
    assert_eq!(app.identity.connections_of(&user).await.unwrap().len(), 1);
}

/// Somebody's browser, without pages.
fn visit() -> Visit {
    Visit {
        country: None,
        origin: Origin::default(),
        network: "198.51.100.0/24".to_owned(),
        binding: TokenHash::of("b"),
        flow: None,
        client: None,
        brand: Brands::built_in().shared(None),
        devices: Vec::new(),
        language: Language::default(),
        work: None,
    }
}
