//! Clients that manage their own registration (RFC 7592).

use http::Method;
use kabinet_core::client::{Alg, Profile};
use kabinet_core::id::ClientId;
use kabinet_tests::ClientKey;
use serde_json::{Value, json};

use crate::registration::{call, management, open, register, rp_of, text, web};

#[tokio::test]
async fn a_client_reads_replaces_and_deletes_itself_and_its_token_changes_with_each_replacement() {
    let app = open().await;
    let answer = register(&app, &web(json!({"client_name": "One", "client_uri": "https://rp.test/"}))).await;
    let said = answer.json();
    let (path, first) = management(&said);
    let read = call(&app, Method::GET, &path, Some(&first), &Value::Null).await.ok().json();
    assert_eq!(
        (&read["client_name"], text(&read, "registration_access_token")),
        (&json!("One"), first.as_str())
    );
    assert!(read.get("client_secret").is_none(), "only its hash is kept");
    let body =
        web(json!({"client_id": said["client_id"], "client_secret": said["client_secret"], "client_name": "Two"}));
    let changed = call(&app, Method::PUT, &path, Some(&first), &body).await.ok().json();
    let (_, second) = management(&changed);
    assert_ne!(first, second);
    assert_eq!(
        (&changed["client_name"], changed.get("client_uri")),
        (&json!("Two"), None),
        "left out is taken away"
    );
    for (method, sent) in [(Method::GET, Value::Null), (Method::PUT, body.clone()), (Method::DELETE, Value::Null)] {
        call(&app, method, &path, Some(&first), &sent).await.refused(401, "invalid_token");
    }
    // Of several at once one wins.
    let answers =
        futures_util::future::join_all((0..5).map(|_| call(&app, Method::PUT, &path, Some(&second), &body))).await;
    assert_eq!(answers.iter().filter(|answer| answer.code() == 200).count(), 1);
    let won = answers.iter().find(|answer| answer.code() == 200).unwrap().json();
    let (_, third) = management(&won);
    // The secret is the same all along.
    let rp = rp_of(&app, &answer).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    let tokens = rp.sign_in_with(&app, &mut browser, &person, &rp.ask()).await;
    let gone = call(&app, Method::DELETE, &path, Some(&third), &Value::Null).await;
    assert_eq!((gone.code(), gone.body.as_str()), (204, ""));
    assert_eq!(rp.userinfo(&tokens.access).await.code(), 401, "its tokens are dead");
    call(&app, Method::GET, &path, Some(&third), &Value::Null)
        .await
        .refused(401, "invalid_token");
}

#[tokio::test]
async fn management_is_for_the_client_s_own_token() {
    let app = open().await;
    let (one, two) = (register(&app, &web(json!({}))).await.json(), register(&app, &web(json!({}))).await.json());
    let (path, token) = management(&one);
    let (_, others) = management(&two);
    let by_hand = app.client(Profile::Web, |_| ()).await;
    let secret = text(&one, "client_secret").to_owned();
    let mut spoilt = token.clone();
    spoilt.pop();
    let body = web(json!({"client_id": one["client_id"]}));
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let without = call(&app, method.clone(), &path, None, &body).await;
        assert_eq!((without.code(), without.header("www-authenticate")), (401, "Bearer realm=\"kabinet\""));
        for wrong in [&others, &secret, &spoilt, &format!("{token}A"), &String::new()] {
            call(&app, method.clone(), &path, Some(wrong), &body).await.refused(401, "invalid_token");
        }
        for other in ["nobody", by_hand.id.as_str(), "%00", "..%2f", &"x".repeat(5000)] {
            let answer = call(&app, method.clone(), &format!("/oauth2/register/{other}"), Some(&token), &body).await;
            answer.refused(401, "invalid_token");
        }
    }
    let basic = app
        .call(
            Method::GET,
            &path,
            &[("authorization", &kabinet_tests::basic(text(&one, "client_id"), &secret))],
            "",
        )
        .await;
    basic.refused(401, "invalid_token");
    // A client that an administrator disabled manages nothing.
    app.change_client(&ClientId::from(text(&one, "client_id")), |client| client.disabled = true)
        .await;
    call(&app, Method::GET, &path, Some(&token), &Value::Null)
        .await
        .refused(401, "invalid_token");
}

#[tokio::test]
async fn a_replacement_leaves_what_an_administrator_set() {
    let app = open().await;
    let said = register(&app, &web(json!({"scope": "openid profile email"}))).await.json();
    let (path, token) = management(&said);
    let id = ClientId::from(text(&said, "client_id"));
    app.change_client(&id, |client| {
        client.metadata.first_party = true;
        client.metadata.scope = kabinet_core::scope::Scope::from_iter(["openid"]);
        client.metadata.resources = vec!["https://api.test/".to_owned()];
    })
    .await;
    let mut tx = app.store.begin().await.unwrap();
    kabinet_store::registration::hold(&mut tx, &id, &["scope".to_owned()]).await.unwrap();
    tx.commit().await.unwrap();
    let body = web(json!({"client_id": said["client_id"], "scope": "openid profile email", "client_name": "New"}));
    let changed = call(&app, Method::PUT, &path, Some(&token), &body).await.ok().json();
    assert_eq!((&changed["scope"], &changed["client_name"]), (&json!("openid"), &json!("New")));
    let client = kabinet_store::client::by_id(app.store.db(), &id).await.unwrap().unwrap();
    assert!(client.metadata.first_party && client.metadata.resources.len() == 1);
}

#[tokio::test]
async fn a_new_redirect_uri_or_key_voids_what_people_allowed_and_a_new_name_does_not() {
    let app = open().await;
    let key = |kid: &str| ClientKey::new(Alg::ES256, kid);
    let first = key("1");
    let answer =
        register(&app, &web(json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": first.jwks()}))).await;
    assert_eq!(answer.code(), 201, "{}", answer.body);
    let mut said = answer.json();
    let mut rp = rp_of(&app, &answer).await;
    rp.key = Some(first.clone());
    let (person, mut browser) = (app.anyone().await, app.browser());
    rp.sign_in_with(&app, &mut browser, &person, &rp.ask()).await;
    let silent = async |browser: &mut kabinet_tests::Browser| {
        rp.authorize(browser, &rp.ask().with("prompt", "none")).await.get("error").to_owned()
    };
    assert_eq!(silent(&mut browser).await, "");
    let jwks = first.jwks();
    for (change, error) in [
        (json!({"client_name": "Other"}), ""),
        (
            json!({"redirect_uris": ["https://rp.test/cb", "https://evil.test/cb"]}),
            "consent_required",
        ),
        (
            json!({"redirect_uris": ["https://rp.test/cb", "https://evil.test/cb"], "jwks": key("2").jwks()}),
            "consent_required",
        ),
    ] {
        let (path, token) = management(&said);
        let mut body = web(json!({
            "client_id": said["client_id"], "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks,
        }));
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let changed = call(&app, Method::PUT, &path, Some(&token), &body).await;
        assert_eq!(changed.code(), 200, "{}", changed.body);
        said = changed.json();
        assert_eq!(silent(&mut browser).await, error, "{change}");
        rp.come_back(&app, &mut browser, &person, &rp.ask()).await;
        assert_eq!(silent(&mut browser).await, "", "allowed anew");
    }
}

#[tokio::test]
async fn a_client_that_an_administrator_trusts_cannot_become_another_party_by_itself() {
    let app = open().await;
    let said = register(&app, &web(json!({}))).await.json();
    let (path, token) = management(&said);
    let id = ClientId::from(text(&said, "client_id"));
    app.change_client(&id, |client| client.metadata.first_party = true).await;
    for change in [
        json!({"redirect_uris": ["https://evil.test/cb"]}),
        json!({"token_endpoint_auth_method": "none"}),
        json!({"jwks_uri": "https://evil.test/jwks"}),
    ] {
        let mut body = web(json!({"client_id": said["client_id"]}));
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        call(&app, Method::PUT, &path, Some(&token), &body).await.refused(403, "access_denied");
    }
    let body = web(json!({"client_id": said["client_id"], "client_name": "Renamed"}));
    let changed = call(&app, Method::PUT, &path, Some(&token), &body).await.ok().json();
    assert_eq!(changed["client_name"], "Renamed");
}

#[tokio::test]
async fn a_client_replaces_its_registration_sixty_times_an_hour() {
    let app = open().await;
    let said = register(&app, &web(json!({}))).await.json();
    let (path, mut token) = management(&said);
    for number in 0..60 {
        let body = web(json!({"client_id": said["client_id"], "client_name": format!("Number {number}")}));
        let changed = call(&app, Method::PUT, &path, Some(&token), &body).await.ok().json();
        token = management(&changed).1;
    }
    let body = web(json!({"client_id": said["client_id"]}));
    call(&app, Method::PUT, &path, Some(&token), &body)
        .await
        .refused(503, "temporarily_unavailable");
    call(&app, Method::GET, &path, Some(&token), &Value::Null).await.ok();
    app.clock.advance(3600);
    call(&app, Method::PUT, &path, Some(&token), &body).await.ok();
}
