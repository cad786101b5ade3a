//! What is asked, and what is made of the answers.

use super::*;

#[tokio::test]
async fn a_person_signs_in_and_every_request_is_signed_over_what_it_says() {
    let mut settings = settings();
    settings.scope = "openid fullname email mobile".to_owned();
    settings.pkce = true;
    let scopes = format!("openid fullname?oid={OID} email?oid={OID} mobile?oid={OID}");
    let contacts = json!({"stateFacts": ["hasSize"], "size": 1, "elements": [
        {"type": "MBT", "vrfStu": "VERIFIED", "value": "+7(912)0000006", "verifyingValue": "+7(913)1111111"}]});
    let (esia, calls) = esia(settings, vec![tokens(&scopes, &identity_claims()), ok(person()), ok(contacts)]);

    let departure = begin(&esia).await.unwrap();
    let query = form(departure.location.query().unwrap().as_bytes());
    let text = format!("TESTIS01openid fullname email mobile2027.01.01 00:00:00 +0000{STATE}{}", back());
    assert!(is_signed(&query["client_secret"], &text));
    assert_eq!(query["code_challenge_method"], "S256");

    let external = finish(&esia, &format!("code=CODE&state={STATE}"), &departure.kept).await.unwrap();
    assert_eq!((external.upstream.as_str(), external.subject.as_str()), ("esia", OID));
    assert_eq!(external.assurance, Assurance::Confirmed);
    assert_eq!(external.name.as_deref(), Some("Фамилия Имя Отчество"));
    assert_eq!(external.contacts.len(), 1);
    assert!(external.contacts[0].is_verified && external.contacts[0].contact.value() == "+79120000006");

    let calls = calls.take();
    let urls: Vec<String> = calls.iter().map(|call| call.url.to_string()).collect();
    let person = at(&format!("rs/prns/{OID}"));
    assert_eq!(urls, [at("aas/oauth2/v3/te"), person.clone(), format!("{person}/ctts?embed=(elements)")]);
    let sent = form(&calls[0].body);
    assert_ne!(sent["state"], STATE);
    assert_eq!(sent["state"].len(), 36);
    let text = format!(
        "TESTIS01openid fullname email mobile2027.01.01 00:00:00 +0000{}{}CODE",
        sent["state"],
        back()
    );
    assert!(is_signed(&sent["client_secret"], &text));
    let verifier = URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(&sent["code_verifier"]));
    assert_eq!(verifier, query["code_challenge"]);
    for (name, value) in [
        ("grant_type", "authorization_code"),
        ("token_type", "Bearer"),
        ("code", "CODE"),
        ("redirect_uri", back().as_str()),
        ("client_certificate_hash", esia.settings.certificate_hash().as_str()),
    ] {
        assert_eq!(sent[name], value);
    }
    assert!(calls[1..].iter().all(|call| call.headers[AUTHORIZATION].is_sensitive()));
}

#[tokio::test]
async fn the_old_protocol_signs_in_cms_and_sends_no_hash() {
    let mut settings = settings();
    settings.protocol = Protocol::V1;
    let (esia, calls) = esia(settings, vec![tokens(SCOPES, &identity_claims()), ok(person())]);
    let departure = begin(&esia).await.unwrap();
    assert_eq!(departure.location.path(), "/aas/oauth2/ac");
    arrive(&esia).await.unwrap();
    let calls = calls.take();
    assert_eq!(calls[0].url.as_str(), at("aas/oauth2/te"));
    let sent = form(&calls[0].body);
    assert!(!sent.contains_key("client_certificate_hash"));
    let message = URL_SAFE_NO_PAD.decode(&sent["client_secret"]).unwrap();
    assert!(message.windows(own().der().len()).any(|part| part == own().der()));
}

#[tokio::test]
async fn what_came_back_without_a_code_is_told_apart() {
    for (query, page) in [
        ("error=access_denied&error_description=ESIA-007004%3A+x", "upstream-cancelled"),
        ("error=access_denied&error_description=ESIA-007053%3A+x", "upstream-misconfigured"),
        ("error=x&error_description=ESIA-007008%3A+x&code=CODE", "upstream-unavailable"),
        ("state=x", "upstream-stale"),
        ("code=", "upstream-stale"),
        ("code=a&code=b", "upstream-stale"),
    ] {
        let (esia, calls) = esia(settings(), Vec::new());
        assert_eq!(finish(&esia, query, &json!({})).await.unwrap_err().code(), page, "{query}");
        assert!(calls.take().is_empty(), "{query}");
    }
    let (esia, calls) = esia(settings(), Vec::new());
    let long = format!("code={}", "a".repeat(LONGEST_CODE + 1));
    assert_eq!(finish(&esia, &long, &json!({})).await.unwrap_err().code(), "upstream-stale");
    assert!(calls.take().is_empty());
}

#[tokio::test]
async fn every_failure_of_the_back_channel_has_its_page() {
    let refused = |code: &str| {
        let description = format!("ESIA-{code}: secret text");
        answer(
            StatusCode::BAD_REQUEST,
            json!({"error": "invalid_request", "error_description": description}),
        )
    };
    let good = || tokens(SCOPES, &identity_claims());
    let mut other_state = tokens_of("a", "b");
    other_state["state"] = json!(STATE);
    let only_access = json!({"access_token": "a", "state": state_after(0)});
    for (answers, page) in [
        (vec![Err(Error::TimedOut)], "upstream-unavailable"),
        (vec![html(StatusCode::OK)], "upstream-unavailable"),
        (vec![html(StatusCode::SERVICE_UNAVAILABLE)], "upstream-unavailable"),
        (vec![answer(StatusCode::BAD_GATEWAY, json!({}))], "upstream-unavailable"),
        (vec![ok(json!([]))], "upstream-unavailable"),
        (vec![refused("007011")], "upstream-stale"),
        (vec![refused("007014")], "upstream-misconfigured"),
        (vec![refused("007015")], "upstream-misconfigured"),
        (vec![refused("007008")], "upstream-unavailable"),
        (vec![ok(other_state)], "upstream-untrusted"),
        (vec![ok(json!({"state": state_after(0)}))], "upstream-untrusted"),
        (vec![ok(only_access)], "upstream-misconfigured"),
        (vec![good(), html(StatusCode::OK)], "upstream-unavailable"),
        (vec![good(), html(StatusCode::INTERNAL_SERVER_ERROR)], "upstream-unavailable"),
        (vec![good(), html(StatusCode::UNAUTHORIZED)], "upstream-stale"),
        (vec![good(), html(StatusCode::FORBIDDEN)], "upstream-misconfigured"),
        (vec![good(), html(StatusCode::NOT_FOUND)], "upstream-stale"),
        (vec![good(), ok(json!({"trusted": true, "status": "DELETED"}))], "upstream-stale"),
        (vec![good(), Err(Error::Broken)], "upstream-unavailable"),
    ] {
        let shown = format!("{answers:?}");
        let (esia, _) = esia(settings(), answers);
        let failure = arrive(&esia).await.unwrap_err();
        assert_eq!(failure.code(), page, "{shown}");
        assert!(!format!("{failure} {failure:?}").contains("secret"), "{failure:?}");
    }
}

#[tokio::test]
async fn an_account_that_is_not_confirmed_is_refused_where_it_must_be_and_says_so_where_not() {
    let with = |subject: Value| {
        let mut claims = identity_claims();
        claims["urn:esia:sbj"] = subject;
        claims
    };
    let plain = json!({"urn:esia:sbj:typ": "P", "urn:esia:sbj:oid": OID, "urn:esia:sbj:lvl": "P"});
    let child = json!({"urn:esia:sbj:is_tru": true, "urn:esia:sbj:oid": OID, "urn:esia:sbj:lvl": "KD"});
    for (subject, verifying, page) in [
        (&plain, false, "upstream-unconfirmed"),
        (&plain, true, "upstream-verifying"),
        (&child, false, "upstream-unconfirmed"),
    ] {
        let mut person = person();
        person["verifying"] = json!(verifying);
        let (strict, calls) = esia(settings(), vec![tokens(SCOPES, &with(subject.clone())), ok(person.clone())]);
        assert_eq!(arrive(&strict).await.unwrap_err().code(), page);
        assert_eq!(calls.take().len(), 2);
        let mut settings = settings();
        settings.require_confirmed = false;
        let (lax, _) = esia(settings, vec![tokens(SCOPES, &with(subject.clone())), ok(person)]);
        assert_eq!(arrive(&lax).await.unwrap().assurance, Assurance::Unconfirmed);
    }
}

#[tokio::test]
async fn collections_are_asked_for_by_scope_alone_and_a_forbidden_one_is_empty() {
    let (esia_, calls) = esia(settings(), vec![tokens(SCOPES, &identity_claims()), ok(person())]);
    assert!(arrive(&esia_).await.unwrap().contacts.is_empty());
    assert_eq!(calls.take().len(), 2);
    // A scope that was given for another account opens nothing.
    let foreign = tokens("openid contacts?oid=1000000001", &identity_claims());
    let (esia_, calls) = esia(settings(), vec![foreign, ok(person())]);
    arrive(&esia_).await.unwrap();
    assert_eq!(calls.take().len(), 2);
    let scopes = format!("openid contacts?oid={OID} usr_org?oid={OID}");
    let forbidden = || html(StatusCode::FORBIDDEN);
    let answers = vec![tokens(&scopes, &identity_claims()), ok(person()), forbidden(), forbidden()];
    let (esia, calls) = esia(settings(), answers);
    let external = arrive(&esia).await.unwrap();
    assert!(external.contacts.is_empty() && external.organisations.is_empty());
    assert_eq!(calls.take().len(), 4);
}

#[tokio::test]
async fn addresses_in_an_answer_lead_to_the_back_channel_or_nowhere() {
    let scopes = format!("openid contacts?oid={OID}");
    let contact = || ok(json!({"type": "EML", "vrfStu": "VERIFIED", "value": "a@example.test"}));
    let with = |links: Value| {
        vec![
            tokens(&scopes, &identity_claims()),
            ok(person()),
            ok(json!({"elements": links})),
            contact(),
            contact(),
        ]
    };
    let path = format!("rs/prns/{OID}/ctts");
    let links = json!([
        format!("https://esia.example.test/{path}/1"),
        format!("http://esia.example.test/{path}/1?x=1#y"),
        {"type": "EML", "value": "b@example.test"},
    ]);
    let (esia_, calls) = esia(settings(), with(links));
    assert_eq!(arrive(&esia_).await.unwrap().contacts.len(), 3);
    let urls: Vec<String> = calls.take()[3..].iter().map(|call| call.url.to_string()).collect();
    assert_eq!(urls, [at(&format!("{path}/1")), at(&format!("{path}/1"))]);

    for link in [
        format!("https://evil.example.test/{path}/1"),
        format!("https://esia.example.test:8443/{path}/1"),
        format!("https://esia.example.test@evil.example.test/{path}/1"),
        "https://esia.example.test/rs/../aas/oauth2/te".to_owned(),
        "https://gate.example.test/rs/prns/1".to_owned(),
        "https://gate.example.test/esiars/prns/1".to_owned(),
        "http://169.254.169.254/rs/latest".to_owned(),
        "file:///rs/etc".to_owned(),
        "/rs/prns/1/ctts/1".to_owned(),
    ] {
        let (esia, calls) = esia(settings(), with(json!([link])));
        assert_eq!(arrive(&esia).await.unwrap_err().code(), "upstream-untrusted", "{link}");
        assert_eq!(calls.take().len(), 3, "{link}");
    }
}

#[tokio::test]
async fn organisations_come_from_roles_and_the_step_after_them() {
    let roles = || {
        ok(json!({"size": 2, "elements": [
            {"oid": 1002416012, "fullName": "ООО «Проба»", "type": "LEGAL", "chief": true, "active": true},
            {"oid": 1002416013, "fullName": "АО «Вторая»", "type": "LEGAL", "active": true}]}))
    };
    let told =
        || ok(json!({"oid": 1_002_416_012, "inn": "7707083893", "ogrn": "1027700132195", "isLiquidated": false}));

    // Asked for with the sign-in: the person's own token opens the one that they chose.
    let mut with_start = settings();
    with_start.scope_org = "org_inn org_ogrn".to_owned();
    let scopes = format!("openid usr_org?oid={OID} org_inn?org_oid=1002416012 org_ogrn?org_oid=1002416012");
    let answers = vec![tokens(&scopes, &identity_claims()), ok(person()), roles(), told()];
    let (esia_, calls) = esia(with_start, answers);
    let query = form(begin(&esia_).await.unwrap().location.query().unwrap().as_bytes());
    assert_eq!(query["scope_org"], "org_inn org_ogrn");
    let found = arrive(&esia_).await.unwrap().organisations;
    // Of the other one nobody knows more than that the person acts for it.
    assert_eq!(found.iter().map(|one| one.inn.as_str()).collect::<Vec<_>>(), ["7707083893", ""]);
    let calls = calls.take();
    assert_eq!(form(&calls[0].body)["scope_org"], "org_inn org_ogrn");
    assert_eq!(calls[3].url.as_str(), at("rs/orgs/1002416012"));

    // Asked for by the system itself, each by a token of its own; one that it may not ask about is left out.
    let mut by_itself = settings();
    by_itself.org_scopes = vec!["org_inn".to_owned(), "org_ogrn".to_owned()];
    let scopes = format!("openid usr_org?oid={OID}");
    let own = |draws: u64, oid: &str| {
        let mut claims = access_claims(&format!("http://esia.gosuslugi.ru/org_inn?org_oid={oid}"));
        claims.as_object_mut().unwrap().remove("urn:esia:sbj_id");
        let token = gost(&access_header(), &claims, fixture!("org-256.key.pem"));
        ok(json!({"access_token": token, "state": state_after(draws), "token_type": "Bearer", "expires_in": 3600}))
    };
    let refused = answer(
        StatusCode::BAD_REQUEST,
        json!({"error": "access_denied", "error_description": "ESIA-007194: x", "state": "x"}),
    );
    let start = || vec![tokens(&scopes, &identity_claims()), ok(person()), roles()];
    let (esia_, calls) = esia(
        by_itself.clone(),
        start().into_iter().chain([own(2, "1002416012"), told(), refused]).collect(),
    );
    let found = arrive(&esia_).await.unwrap().organisations;
    assert_eq!(found.iter().map(|one| one.inn.as_str()).collect::<Vec<_>>(), ["7707083893", ""]);
    let calls = calls.take();
    let sent = form(&calls[3].body);
    let scope =
        "http://esia.gosuslugi.ru/org_inn?org_oid=1002416012 http://esia.gosuslugi.ru/org_ogrn?org_oid=1002416012";
    assert_eq!((sent["grant_type"].as_str(), sent["scope"].as_str()), ("client_credentials", scope));
    let text = format!("TESTIS01{scope}2027.01.01 00:00:00 +0000{}{}", sent["state"], back());
    assert!(is_signed(&sent["client_secret"], &text));

    // No answer is not «no organisation».
    let broken = start().into_iter().chain([own(2, "1002416012"), Err(Error::TimedOut)]).collect();
    let (esia, _) = esia(by_itself, broken);
    assert_eq!(arrive(&esia).await.unwrap_err().code(), "upstream-unavailable");
}

#[tokio::test]
async fn the_clock_of_esia_is_measured_and_allowed_for() {
    let dated = |date: &str| {
        let headers = HeaderMap::from_iter([(DATE, HeaderValue::from_str(date).unwrap())]);
        Ok(Response { status: StatusCode::OK, headers, body: Default::default() })
    };
    let answers = vec![
        dated("Fri, 01 Jan 2027 00:03:00 GMT"),
        dated("nonsense"),
        dated("Fri, 01 Jan 2027 01:00:00 GMT"),
        html(StatusCode::SERVICE_UNAVAILABLE),
    ];
    let (esia, calls) = esia(settings(), answers);
    let timestamp = async |esia: &Esia| {
        let location = begin(esia).await.unwrap().location;
        form(location.query().unwrap().as_bytes())["timestamp"].clone()
    };
    assert_eq!(timestamp(&esia).await, "2027.01.01 00:00:00 +0000");
    esia.probe().await.unwrap();
    assert_eq!(esia.clock_offset(), 180);
    assert_eq!(timestamp(&esia).await, "2027.01.01 00:03:00 +0000");
    esia.probe().await.unwrap();
    assert_eq!(esia.clock_offset(), 180);
    // An hour is no clock that runs badly.
    esia.probe().await.unwrap();
    assert_eq!(
        (esia.clock_offset(), timestamp(&esia).await.as_str()),
        (3600, "2027.01.01 00:00:00 +0000")
    );
    assert_eq!(esia.probe().await.unwrap_err().code(), "upstream-unavailable");
    assert_eq!(esia.probe().await.unwrap_err().code(), "upstream-unavailable");
    let calls = calls.take();
    assert!(calls.iter().all(|call| call.method == Method::HEAD && call.url.as_str() == at("")));
}

#[test]
fn the_way_out_names_the_system_and_where_to_return() {
    let (esia, _) = esia(settings(), Vec::new());
    let back = "https://sso.example.test/?a=b&c".parse().unwrap();
    assert_eq!(
        esia.leave(&back).unwrap().as_str(),
        "https://esia.example.test/idp/ext/Logout?client_id=TESTIS01\
         &redirect_url=https%3A%2F%2Fsso.example.test%2F%3Fa%3Db%26c"
    );
}
