//! Each client keeps the `sub` that it knew.

use super::*;
use kabinet_core::client::SubjectType;
use kabinet_tests::Rp;

async fn sub(app: &TestApp, rp: &Rp, person: &Person) -> String {
    let tokens = rp.sign_in(app, &mut app.browser(), person).await;
    let claims = rp.verify(&tokens.id).await;
    let info = rp.userinfo(&tokens.access).await.json();
    let introspected = rp.introspect(&tokens.access).await;
    assert_eq!((&info["sub"], &introspected["sub"]), (&claims["sub"], &claims["sub"]));
    claims["sub"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn whichever_account_it_knew_public_and_pairwise() {
    let app = TestApp::start().await;
    let (staying, other) = twins(&app).await;
    for (kind, site) in [(SubjectType::Public, "public"), (SubjectType::Pairwise, "pairwise")] {
        let (staying, other) = if kind == SubjectType::Public {
            (staying.clone(), other.clone())
        } else {
            twins(&app).await
        };
        let mut clients = Vec::new();
        for name in ["theirs", "own", "both", "neither"] {
            let uri = format!("https://{name}-{site}.test/cb");
            let change = |metadata: &mut kabinet_core::client::ClientMetadata| {
                metadata.redirect_uris = vec![uri];
                metadata.subject_type = kind;
            };
            clients.push(app.client(Profile::Web, change).await);
        }
        let [theirs, own, both, neither] = &clients[..] else {
            unreachable!("four were made")
        };
        let before = [sub(&app, theirs, &other).await, sub(&app, own, &staying).await, sub(&app, both, &staying).await];
        let apart = sub(&app, both, &other).await;
        assert_ne!(before[2], apart);
        merge(&app, &mut app.browser(), (&staying, &other)).await;
        let after =
            [sub(&app, theirs, &staying).await, sub(&app, own, &staying).await, sub(&app, both, &staying).await];
        assert_eq!(after, before, "{site}");
        let met = sub(&app, neither, &staying).await;
        assert!(
            !before.contains(&met) || kind == SubjectType::Public && met == staying.id.as_str(),
            "{met}"
        );
        // From the contact of the other account as well.
        assert_eq!(sub(&app, theirs, &with_password_of(&other, &staying)).await, before[0]);

        // Two accounts again: each has its own everywhere.
        let mut browser = app.browser();
        app.sign_in(&mut browser, &staying).await;
        part(&mut browser, &staying).await;
        assert_eq!(sub(&app, theirs, &other).await, before[0], "{site}");
        assert_eq!(sub(&app, both, &other).await, apart, "{site}");
        assert_ne!(sub(&app, theirs, &staying).await, before[0], "{site}");
        assert_eq!(sub(&app, neither, &staying).await, met, "{site}");
    }
}

#[tokio::test]
async fn refreshed_tokens_hints_and_a_grant_that_was_swept() {
    let app = TestApp::start().await;
    let (staying, other) = twins(&app).await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let before = rp
        .sign_in_with(&app, &mut app.browser(), &other, &rp.ask_for("openid offline_access"))
        .await;
    assert!(!before.refresh.is_empty());
    let first = rp.verify(&before.id).await;
    // A client that knows the person from long ago only.
    let old = app.client(Profile::Web, |_| ()).await;
    sub(&app, &old, &other).await;
    app.clock.advance(200 * DAY);
    kabinet_store::sweep::sweep(&app.store, kabinet_core::time::Timestamp(app.now()))
        .await
        .unwrap();
    let left = column(&app, "SELECT client_id FROM grants").await;
    assert!(!left.contains(&old.id.to_string()), "{left:?}");

    merge(&app, &mut app.browser(), (&staying, &other)).await;
    // What the merged account's tokens were good for is over.
    assert_eq!(rp.refresh(&before.refresh).await.code(), 400);
    assert!(!rp.is_active(&before.access).await);
    assert_eq!(sub(&app, &old, &staying).await, other.id.as_str());

    let mut browser = app.browser();
    let after = rp.sign_in_with(&app, &mut browser, &staying, &rp.ask_for("openid offline_access")).await;
    assert_eq!(rp.verify(&after.id).await["sub"], other.id.as_str());
    assert_eq!(rp.introspect(&after.refresh).await["sub"], other.id.as_str());
    let again = Tokens::of(&rp.refresh(&after.refresh).await);
    assert_eq!(rp.verify(&again.id).await["sub"], other.id.as_str());
    assert_eq!(rp.userinfo(&again.access).await.json()["sub"], other.id.as_str());
    // An ID token of before the merge still means this person.
    assert_eq!(first["sub"], other.id.as_str());
    let ask = rp.ask().with("prompt", "none").with("id_token_hint", &after.id);
    let callback = rp.authorize(&mut browser, &ask).await;
    assert!(!callback.code().is_empty());

    // An undo ends what was given under that name.
    let mut cabinet = app.browser();
    app.sign_in(&mut cabinet, &staying).await;
    part(&mut cabinet, &staying).await;
    assert_eq!(cabinet.page.at, "/account/methods?done=merge-undone", "{}", cabinet.page.text());
    assert_eq!(rp.refresh(&again.refresh).await.code(), 400);
    assert!(!rp.is_active(&again.access).await);
}

#[tokio::test]
async fn another_node_and_a_fresh_one_name_the_same() {
    let mut app = TestApp::start().await;
    let (staying, other) = twins(&app).await;
    let rp = app.client(Profile::Web, |_| ()).await;
    assert_eq!(sub(&app, &rp, &other).await, other.id.as_str());
    assert_eq!(sub(&app, &app.client(Profile::Web, |_| ()).await, &staying).await, staying.id.as_str());
    merge(&app, &mut app.browser(), (&staying, &other)).await;
    app.restart().await;
    let mut rp = rp;
    rp.use_node(&app.node);
    assert_eq!(sub(&app, &rp, &staying).await, other.id.as_str());
}

#[tokio::test]
async fn a_client_keeps_the_name_of_a_merged_account_that_was_deleted() {
    let app = TestApp::start().await;
    let (staying, other) = twins(&app).await;
    let rp = app.client(Profile::Web, |_| ()).await;
    sub(&app, &rp, &other).await;
    merge(&app, &mut app.browser(), (&staying, &other)).await;
    app.delete_user(&other).await;
    assert_eq!(sub(&app, &rp, &staying).await, other.id.as_str());
}

/// An access token of an API token lives for minutes and has no grant that the undo could end.
#[tokio::test]
async fn what_came_of_an_api_token_under_the_others_name_is_over_with_the_merge() {
    let app = TestApp::start().await;
    let (staying, other) = twins(&app).await;
    let exchanges = |m: &mut kabinet_core::client::ClientMetadata| {
        m.grant_types.push(kabinet_core::client::GrantType::TokenExchange);
        m.token_exchange_audiences = vec!["https://api.test".to_owned()];
    };
    let rp = app.client(Profile::Web, exchanges).await;
    sub(&app, &rp, &other).await;
    let mut browser = app.browser();
    merge(&app, &mut browser, (&staying, &other)).await;
    let new = kabinet_identity::NewApiToken {
        name: "Выгрузка".to_owned(),
        scope: kabinet_core::scope::Scope::parse("openid profile").unwrap(),
        client: None,
        organisation: None,
        life: DAY,
        networks: kabinet_core::api_token::Networks::default(),
    };
    let made = app.identity.make_api_token(&staying.id, &new, &visit()).await.unwrap();
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", made.text.expose()),
        ("subject_token_type", "urn:kabinet:token-type:api-token"),
    ];
    let given = Tokens::of(&rp.token(&form).await);
    assert_eq!(rp.userinfo(&given.access).await.json()["sub"], other.id.as_str());
    part(&mut browser, &staying).await;
    assert_eq!(rp.userinfo(&given.access).await.code(), 401);
    assert!(!rp.is_active(&given.access).await);
    // The API token is its owner's still.
    let again = Tokens::of(&rp.token(&form).await);
    assert_eq!(rp.userinfo(&again.access).await.json()["sub"], staying.id.as_str());
}

fn visit() -> kabinet_identity::Visit {
    kabinet_identity::Visit {
        origin: kabinet_core::audit::Origin::default(),
        network: String::new(),
        binding: kabinet_core::secret::TokenHash::of("x"),
        flow: None,
        client: None,
        brand: kabinet_core::brand::Brands::built_in().shared(None),
        devices: Vec::new(),
        language: kabinet_core::language::Language::default(),
        country: None,
        work: None,
    }
}
