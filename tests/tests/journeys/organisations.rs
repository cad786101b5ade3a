//! The organisation that a person acts for: stated once, chosen once per product, told with who vouches for it.

use kabinet_core::client::{ClientMetadata, Profile, RequiredClaim};
use kabinet_core::organisation::{Named, Proof, Typed};
use kabinet_core::scope::Scope;
use kabinet_store::user;
use kabinet_tests::{Browser, Callback, Person, Rp, TestApp, Tokens};

const INN: &str = "7707083893";
const OTHER: &str = "500100732259";

async fn needy(app: &TestApp, change: impl FnOnce(&mut ClientMetadata)) -> Rp {
    let needs = |metadata: &mut ClientMetadata| {
        metadata.scope = Scope::parse("openid org orgs").unwrap();
        metadata.required_claims = vec![RequiredClaim::Organisation];
        change(metadata);
    };
    app.client(Profile::Web, needs).await
}

async fn signed_in(app: &TestApp) -> (Person, Browser) {
    let person = app.anyone().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &person).await;
    (person, browser)
}

/// Enters an organisation as an administrator does.
async fn enter(app: &TestApp, person: &Person, inn: &str) {
    let named = Named::read(Typed { inn, name: "Проверенная", ..Typed::default() }).unwrap();
    let known = (named.relation(), Proof::Administrator);
    let origin = kabinet_core::audit::Origin::default();
    app.identity.add_organisation(&person.id, named, known, &origin).await.unwrap();
}

async fn claims(rp: &Rp, browser: &mut Browser) -> serde_json::Value {
    let ask = rp.ask_for("openid org orgs");
    let callback = rp.authorize(browser, &ask).await;
    let tokens = Tokens::of(&rp.redeem(callback.code(), &ask).await);
    rp.userinfo(&tokens.access).await.json()
}

#[tokio::test]
async fn a_missing_organisation_is_stated_once_and_the_claim_says_that_nobody_vouches() {
    let app = TestApp::start().await;
    let (_, mut browser) = signed_in(&app).await;
    let rp = needy(&app, |_| ()).await;
    let silent = rp.authorize(&mut browser.clone(), &rp.ask().with("prompt", "none")).await;
    assert_eq!(silent.get("error"), "interaction_required");
    browser.get(&rp.ask().url()).await;
    assert_eq!(browser.page.path(), "/complete");
    browser
        .submit(
            "complete-form",
            &[("inn", INN), ("kpp", "773601001"), ("organisation-name", "ООО «Ромашка»")],
            "submit",
        )
        .await;
    assert!(!Callback::of(&browser.page).code().is_empty(), "{}", browser.page.text());
    let given = claims(&rp, &mut browser).await;
    assert_eq!((&given["org"]["inn"], &given["org"]["proof"]), (&INN.into(), &"stated".into()));
    assert_eq!((&given["org"]["kpp"], &given["orgs"][0]), (&"773601001".into(), &given["org"]));
    assert_eq!(given["org"]["proof_time"], app.now());
}

#[tokio::test]
async fn what_cannot_be_an_organisation_is_refused_at_its_field_and_a_refusal_goes_back() {
    let app = TestApp::start().await;
    let (person, mut browser) = signed_in(&app).await;
    let rp = needy(&app, |_| ()).await;
    browser.get(&rp.ask().url()).await;
    let long = "7".repeat(10_000);
    let cases = [
        ("770708389A", "", "П", "inn"),
        ("7707083894", "", "П", "inn"),
        ("", "", "П", "inn"),
        (&long, "", "П", "inn"),
        ("7707\u{7}083893", "", "П", "inn"),
        (INN, "12", "П", "kpp"),
        (OTHER, "773601001", "П", "kpp"),
        (INN, "", "", "organisation-name"),
        (INN, "", "a\u{0}b", "organisation-name"),
        (INN, "", &long, "organisation-name"),
    ];
    for (inn, kpp, name, field) in cases {
        browser
            .submit("complete-form", &[("inn", inn), ("kpp", kpp), ("organisation-name", name)], "submit")
            .await;
        let at = (browser.page.status, browser.page.has(&format!("{field}-error")));
        assert_eq!(at, (422, true), "{field}: {}", browser.page.text());
    }
    browser.submit("complete-form", &[], "deny").await;
    assert_eq!(Callback::of(&browser.page).get("error"), "access_denied");
    let held = user::by_id(app.store.db(), &person.id).await.unwrap().unwrap();
    assert!(held.organisations.list.is_empty());
}

#[tokio::test]
async fn of_several_one_is_chosen_for_each_product_once_and_another_products_choice_is_its_own() {
    let app = TestApp::start().await;
    let (person, mut browser) = signed_in(&app).await;
    enter(&app, &person, INN).await;
    enter(&app, &person, OTHER).await;
    let held = user::by_id(app.store.db(), &person.id).await.unwrap().unwrap().organisations;
    let (first, second) = (needy(&app, |_| ()).await, needy(&app, |client| client.required_claims.clear()).await);
    for (rp, inn) in [(&first, OTHER), (&second, INN)] {
        browser.get(&rp.ask_for("openid org orgs").url()).await;
        assert!(browser.page.has("organisations"), "{}", browser.page.text());
        browser.submit("complete-form", &[], "submit").await;
        assert!(browser.page.has("organisations"), "nothing was chosen");
        let mut body = browser.filled("complete-form", &[], "submit");
        body.retain(|(name, _)| name != "organisation");
        body.push(("organisation".to_owned(), "somebody-elses".to_owned()));
        browser.post("/complete", &body).await;
        assert!(browser.page.has("organisations"), "one that is not theirs");
        let id = held.list.iter().find(|one| one.inn == inn).unwrap().id.to_string();
        let mut body = browser.filled("complete-form", &[], "submit");
        body.retain(|(name, _)| name != "organisation");
        body.push(("organisation".to_owned(), id));
        browser.post("/complete", &body).await;
        assert!(!Callback::of(&browser.page).code().is_empty(), "{}", browser.page.text());
    }
    for (rp, inn) in [(&first, OTHER), (&second, INN)] {
        let given = claims(rp, &mut browser).await;
        assert_eq!((&given["org"]["inn"], &given["org"]["proof"]), (&inn.into(), &"administrator".into()));
        assert_eq!(given["orgs"].as_array().unwrap().len(), 2);
    }
}

/// Who vouches for those that the account lists.
fn proofs(browser: &Browser) -> Vec<String> {
    let mut proofs = browser.page.html.attributes("tr", "data-proof");
    proofs.sort_unstable();
    proofs
}

#[tokio::test]
async fn the_account_lists_adds_and_removes_what_was_stated_and_nothing_else() {
    let app = TestApp::start().await;
    let (person, mut browser) = signed_in(&app).await;
    enter(&app, &person, INN).await;
    browser.get("/account/organisations").await;
    browser
        .submit("organisation-form", &[("inn", "1"), ("organisation-name", "П")], "submit")
        .await;
    assert!(browser.page.status == 422 && browser.page.has("inn-error"));
    browser
        .submit("organisation-form", &[("inn", OTHER), ("organisation-name", "<script>")], "submit")
        .await;
    assert_eq!(proofs(&browser), ["administrator", "stated"]);
    // Stating what an administrator has checked does not take that back.
    browser
        .submit("organisation-form", &[("inn", INN), ("organisation-name", "Своя")], "submit")
        .await;
    assert_eq!(proofs(&browser), ["administrator", "stated"]);
    let held = user::by_id(app.store.db(), &person.id).await.unwrap().unwrap().organisations.list;
    let of = |proof| held.iter().find(|one| one.proof == proof).unwrap().id.clone();
    let mut body = browser.filled("organisation-form", &[], "submit");
    body.push((format!("remove-{}", of(Proof::Administrator)), String::new()));
    browser.post("/account/organisations", &body).await;
    assert_eq!(proofs(&browser).len(), 2, "checked by an administrator");
    browser.submit("organisations-form", &[], &format!("remove-{}", of(Proof::Stated))).await;
    assert_eq!(proofs(&browser), ["administrator"]);
}
