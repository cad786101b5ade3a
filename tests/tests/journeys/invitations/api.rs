//! `/api/invitations/v1`: who may invite, how many, and what is wrong with a request.

use super::*;

#[tokio::test]
async fn a_client_and_a_contact_have_so_many_invitations_in_a_day() {
    let app = TestApp::start_with(|config: &mut Config| config.invitation.per_client = 5).await;
    let (service, other) = (inviter(&app).await, inviter(&app).await);
    for _ in 0..3 {
        service.invite(&app, json!({"phone": PHONE})).await;
    }
    for one in [&service, &other] {
        let full = one.ask(&app, &json!({"phone": PHONE})).await;
        assert_eq!(full.code(), 429, "{}", full.body);
        assert_eq!(full.header("content-type"), "application/problem+json");
        let wait: i64 = full.header("retry-after").parse().unwrap();
        assert!((1..=24 * 3600).contains(&wait), "{wait}");
    }
    // What was refused has not counted for the client: two are left.
    for n in 0..2 {
        service.invite(&app, json!({"email": format!("a{n}@example.com")})).await;
    }
    assert_eq!(service.ask(&app, &json!({"email": "b@example.com"})).await.code(), 429);
    other.invite(&app, json!({"email": "b@example.com"})).await;
    assert_eq!(app.messages().len(), 6);
    // The owner of the contact registers all the same.
    let mut browser = app.browser();
    browser.get("/register").await;
    crate::registration::fill(&mut browser, PHONE, PASSWORD).await;
    assert!(browser.page.has("code-form"), "{}", browser.page.text());
    app.clock.advance(24 * 3600);
    let token = token(&service.rp).await;
    let answer = call(&app, &token, (Method::POST, HERE), &json!({"phone": PHONE}).to_string()).await;
    assert_eq!(answer.code(), 201, "{}", answer.body);
}

#[tokio::test]
async fn nobody_pumps_messages_through_it() {
    let app = TestApp::start_with(|config: &mut Config| config.confirmation.per_range = 3).await;
    let service = inviter(&app).await;
    // No mobile number, and a country that is switched off.
    for number in ["+78001234567", "+74951234567", "+37529123456", "+77011234567"] {
        let answer = service.ask(&app, &json!({"phone": number})).await;
        assert_eq!(answer.code(), 422, "{number}: {}", answer.body);
        assert_eq!(answer.json()["errors"][0]["field"], "phone");
    }
    for n in 0..3 {
        service.invite(&app, json!({"phone": format!("+7916123000{n}")})).await;
    }
    assert_eq!(
        service.ask(&app, &json!({"phone": "+79161230009"})).await.code(),
        429,
        "the range is full"
    );
    service.invite(&app, json!({"phone": "+79169990009"})).await;
    assert_eq!(app.messages().len(), 4);
}

#[tokio::test]
async fn a_request_that_is_repeated_with_its_key_sends_nothing_again() {
    let app = TestApp::start().await;
    let (service, other) = (inviter(&app).await, inviter(&app).await);
    let ask = async |inviter: &Inviter, key: &str, body: &Value| {
        let authorization = format!("Bearer {}", inviter.token);
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", key),
        ];
        app.call(Method::POST, HERE, &headers, &body.to_string()).await
    };
    let body = json!({"phone": PHONE});
    let (one, two) = tokio::join!(ask(&service, "k-1", &body), ask(&service, "k-1", &body));
    assert_eq!(
        (one.code(), two.code(), one.json()["id"] == two.json()["id"]),
        (201, 201, true),
        "{}",
        two.body
    );
    assert_eq!(app.messages().len(), 1);
    assert_eq!(ask(&service, "k-1", &json!({"email": EMAIL})).await.code(), 422);
    for bad in ["", &"k".repeat(256), "ключ"] {
        assert_eq!(ask(&service, bad, &body).await.code(), 400, "{bad}");
    }
    // Keys of one client are nothing to another.
    assert_ne!(ask(&other, "k-1", &body).await.json()["id"], one.json()["id"]);
}

#[tokio::test]
async fn every_member_that_cannot_be_had_is_named_and_nothing_is_sent() {
    let app = TestApp::start().await;
    let service = inviter(&app).await;
    for body in ["", "[]", "{", "null", "\"x\"", "{\"phone\":\"+79161234567\",\"phone\":\"+79161234568\"}"] {
        let answer = call(&app, &service.token, (Method::POST, HERE), body).await;
        assert_eq!(
            (answer.code(), answer.header("content-type")),
            (400, "application/problem+json"),
            "{body}"
        );
    }
    for (request, fields) in [
        (json!({}), vec!["phone"]),
        (json!({"phone": PHONE, "email": EMAIL}), vec!["phone"]),
        (
            json!({"phone": "12", "language": "de", "role": "owner"}),
            vec!["role", "phone", "language"],
        ),
        (json!({"phone": PHONE, "client_id": "none"}), vec!["client_id"]),
        (
            json!({"phone": PHONE, "organisation": {"inn": "1", "name": "П"}}),
            vec!["organisation.inn"],
        ),
        (
            json!({"phone": PHONE, "organisation": {"inn": INN, "name": "a\u{202e}b"}}),
            vec!["organisation.name"],
        ),
        (json!({"phone": PHONE, "partner_code": "1"}), vec!["partner_code"]),
    ] {
        let answer = service.ask(&app, &request).await;
        let said = answer.json();
        let named: Vec<&str> = said["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["field"].as_str().unwrap())
            .collect();
        assert_eq!((answer.code(), named), (422, fields), "{request}: {said}");
        assert!(said["errors"].as_array().unwrap().iter().all(|one| one["detail"].is_string()), "{said}");
    }
    let authorization = format!("Bearer {}", service.token);
    let form = [("authorization", authorization.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(app.call(Method::POST, HERE, &form, "phone=x").await.code(), 415);
    let long = json!({"phone": PHONE, "x": "x".repeat(70_000)});
    assert_eq!(service.ask(&app, &long).await.code(), 413);
    assert_eq!((app.messages().len(), count(&app, "invitation.created").await), (0, 0));
}

#[tokio::test]
async fn only_the_client_s_own_token_with_the_scope_invites() {
    let app = TestApp::start().await;
    let (service, other) = (inviter(&app).await, inviter(&app).await);
    let id = service.invite(&app, json!({"phone": PHONE})).await;
    let one = format!("{HERE}/{id}");
    let calls = [(Method::POST, HERE), (Method::GET, one.as_str()), (Method::DELETE, one.as_str())];
    // Another client's invitation is not there.
    for call_of in &calls[1..] {
        assert_eq!(call(&app, &other.token, call_of.clone(), "").await.code(), 404);
    }
    let machine = app
        .client(Profile::Machine, |metadata| metadata.scope = Scope::parse("api").unwrap())
        .await;
    let plain = Tokens::of(&machine.token(&[("grant_type", "client_credentials")]).await).access;
    let (rp, person) = (product(&app, |_| ()).await, app.anyone().await);
    let of_person = rp.sign_in(&app, &mut app.browser(), &person).await.access;
    for (token, status) in [(plain.as_str(), 403), (&of_person, 403), ("x", 401), ("", 401)] {
        for call_of in &calls {
            let answer = call(&app, token, call_of.clone(), &json!({"email": EMAIL}).to_string()).await;
            assert_eq!(answer.code(), status, "{} {}: {}", call_of.0, call_of.1, answer.body);
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
        }
    }
    // Asked for by name and alone, by a client that has it, and by no other grant.
    let form = |scope: &'static str| [("grant_type", "client_credentials"), ("scope", scope)];
    for (who, scope) in [
        (&machine, "kabinet:invite"),
        (&service.rp, "kabinet:invite api"),
        (&service.rp, "kabinet:invite kabinet:admin"),
    ] {
        who.token(&form(scope)).await.refused(400, "invalid_scope");
    }
    let silent = Tokens::of(&service.rp.token(&[("grant_type", "client_credentials")]).await);
    assert_eq!(call(&app, &silent.access, (Method::GET, &one), "").await.code(), 403);
    let refused = rp.authorize(&mut app.browser(), &rp.ask_for("kabinet:invite")).await;
    assert_eq!(refused.get("error"), "invalid_scope");
    // The token is for kabinet itself, and good until the client loses the scope.
    let facts = service.rp.introspect(&service.token).await;
    assert_eq!(
        (&facts["aud"], &facts["scope"]),
        (&json!(["https://id.test"]), &json!("kabinet:invite")),
        "{facts}"
    );
    app.change_client(&service.rp.id, |client| client.metadata.scope = Scope::parse("api").unwrap())
        .await;
    kabinet_tests::eventually("the node hears of it", async || {
        call(&app, &service.token, (Method::GET, &one), "").await.code() == 403
    })
    .await;
    // With the client its invitations are gone.
    app.delete_client(&service.rp.id).await;
    let mut browser = app.browser();
    enter(&mut browser, &app.code_sent_to(PHONE), PHONE).await;
    assert_refused(&browser);
}

#[tokio::test]
async fn whoever_may_invite_no_more_has_invited_nobody() {
    let app = TestApp::start().await;
    let service = inviter(&app).await;
    service.invite(&app, json!({"phone": PHONE, "organisation": organisation()})).await;
    app.change_client(&service.rp.id, |client| client.metadata.scope = Scope::parse("api").unwrap())
        .await;
    kabinet_tests::eventually("the node hears of it", async || {
        let mut browser = app.browser();
        enter(&mut browser, &app.code_sent_to(PHONE), PHONE).await;
        browser.page.error() == "invitation-over" && !browser.page.has("register-form")
    })
    .await;
}

#[tokio::test]
async fn an_id_that_no_invitation_has_is_not_found_whatever_stands_in_it() {
    let app = TestApp::start().await;
    let service = inviter(&app).await;
    for id in ["none", "%00", "a%00b", "%27%20OR%201=1--"] {
        for method in [Method::GET, Method::DELETE] {
            let answer = call(&app, &service.token, (method, &format!("{HERE}/{id}")), "").await;
            assert_eq!(answer.code(), 404, "{id}: {}", answer.body);
        }
    }
}
