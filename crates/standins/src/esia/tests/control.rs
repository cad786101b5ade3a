//! Who is let in, organisations, consents, keys, and what is asked for over the control.

use super::*;

#[tokio::test]
async fn organisations_are_opened_to_their_people_and_by_the_systems_own_token() {
    let world = World::new();
    let tokens = world.signed_in("employee", &[]).await;
    let oid = payload(&tokens["access_token"])["urn:esia:sbj_id"].to_string();
    let roles = world.read(&tokens, &format!("/rs/prns/{oid}/roles")).await.json();
    assert_eq!(roles["size"], 2);
    assert_eq!(
        (&roles["elements"][0]["admin"], &roles["elements"][0]["type"]),
        (&json!(true), &json!("LEGAL"))
    );
    let orgs = world.read(&tokens, &format!("/rs/prns/{oid}/orgs")).await.json();
    let path = orgs["elements"][0].as_str().unwrap().strip_prefix("http://esia.test").unwrap().to_owned();
    assert_eq!(world.read(&tokens, &path).await.status, 403);
    let organisation = path.rsplit('/').next().unwrap();
    let scope = format!("org_inn?org_oid={organisation}");
    let mut fields = world.exchange("", &[("grant_type", "client_credentials"), ("scope", &scope)]);
    world.sign(&mut fields, signature::CREDENTIALS);
    let own = world.tokens(&fields).await.json();
    let body = world.read(&own, &path).await.json();
    assert_eq!((&body["inn"], body.get("shortName")), (&json!("9800004018"), None));
    // By the person's own token, when asked at sign-in.
    let asked = world.signed_in("trader", &[("scope_org", "org_inn org_shortname")]).await;
    assert!(
        payload(&asked["access_token"])["scope"]
            .as_str()
            .unwrap()
            .ends_with("org_shortname?org_oid=1000700001")
    );
    assert_eq!(world.read(&asked, "/rs/orgs/1000700001").await.json()["shortName"], "ИП Торговцев П. А.");
    for (persona, scope) in [("confirmed", "org_inn".to_owned()), ("trader", scope)] {
        let (back, _) = world.sign_in(&world.authorization(&[("scope_org", &scope)]), persona).await;
        assert_eq!(back.code(), "007194", "{persona}");
    }
}

#[tokio::test]
async fn a_consent_is_asked_with_its_purpose_and_can_be_renewed() {
    let world = World::new();
    let permission = |change: Value| {
        let mut one = json!({"responsibleObject": "ООО", "sysname": "PROBE", "expire": 262_800,
            "actions": [{"sysname": "ALL_ACTIONS_TO_DATA"}], "purposes": [{"sysname": "CHECK"}],
            "scopes": [{"sysname": "snils"}]});
        for (name, value) in change.as_object().unwrap() {
            one[name] = value.clone();
        }
        URL_SAFE_NO_PAD.encode(json!([one]).to_string())
    };
    for (change, code) in [
        (json!({"sysname": ""}), "036700"),
        (json!({"sysname": "OTHER"}), "036701"),
        (json!({"scopes": []}), "036702"),
        (json!({"scopes": [{"sysname": "gender"}]}), "036703"),
        (json!({"actions": []}), "036705"),
        (json!({"actions": [{"sysname": "SELL"}]}), "036706"),
        (json!({"purposes": []}), "036707"),
        (json!({"expire": 0}), "036716"),
        (json!({"purposes": [{"sysname": ""}]}), "036726"),
        (json!({"purposes": [{"sysname": "A"}, {"sysname": "B"}]}), "036727"),
    ] {
        let fields = world.authorization(&[("scope", "openid"), ("permissions", &permission(change))]);
        assert_eq!(world.authorize(&fields, "").await.code(), code);
    }
    let more = [("scope", "openid"), ("permissions", &permission(json!({})))];
    let tokens = world.signed_in("confirmed", &more).await;
    let access = payload(&tokens["access_token"]);
    let oid = access["urn:esia:sbj_id"].to_string();
    assert_eq!(access["scope"], format!("openid snils?oid={oid}"));
    assert_eq!(access["permissions"][0]["sysname"], "PROBE");
    let renew = || {
        let scope = format!("prm_chg?oid={oid}");
        let mut fields = world.exchange("", &[("grant_type", "client_credentials"), ("scope", &scope)]);
        world.sign(&mut fields, signature::CREDENTIALS);
        fields
    };
    let renewed = world.tokens(&renew()).await.json();
    assert_eq!(world.read(&renewed, &format!("/rs/prns/{oid}")).await.json()["snils"], "000-000-601 19");
    world.handle.revoke_consents("confirmed");
    assert_eq!(world.tokens(&renew()).await.code(), "007019");
}

#[tokio::test]
async fn keys_change_in_mid_flight_and_earlier_tokens_still_open_data() {
    let world = World::new();
    let before = world.handle.certificate(TokenAlgorithm::Gost).unwrap();
    let code = world.sign_in(&world.authorization(&[]), "confirmed").await.0.back("code");
    let old = world.signed_in("confirmed", &[]).await;
    world.handle.rotate_keys().unwrap();
    let after = world.handle.certificate(TokenAlgorithm::Gost).unwrap();
    assert_ne!(before, after);
    let new = world.tokens(&world.exchange(&code, &[])).await.json();
    let holds = |certificate: &[u8], token: &Value| {
        let (set, key) = Certificate::parse(certificate).unwrap().gost_key().unwrap();
        let (input, signature) = token.as_str().unwrap().rsplit_once('.').unwrap();
        let digest = Digest::Streebog256.of(input.as_bytes());
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        kabinet_gost::signature::verify(set, &key, &digest, &signature).is_ok()
    };
    assert!(holds(&before, &old["id_token"]) && !holds(&after, &old["id_token"]));
    assert!(holds(&after, &new["id_token"]) && !holds(&before, &new["id_token"]));
    let oid = payload(&old["access_token"])["urn:esia:sbj_id"].to_string();
    assert_eq!(world.read(&old, &format!("/rs/prns/{oid}")).await.status, 200);
    // Another run has the same keys.
    let settings = Settings {
        keys: Some(world.handle.key_material().unwrap()),
        ..Settings::new(world.clock.clone(), world.entropy.clone())
    };
    assert_eq!(standin(settings).unwrap().handle.certificate(TokenAlgorithm::Gost).unwrap(), after);
}

#[tokio::test]
async fn faults_are_asked_for_over_the_control_and_end_when_cleared() {
    let world = World::new();
    let plan = async |fault: Value| {
        let answer = world.ask(Method::POST, "/faults", fault).await;
        assert_eq!(answer.status, 204, "{}", answer.text);
    };
    plan(json!({"step": "authorize", "fault": "error", "code": "007008", "times": 1})).await;
    assert_eq!(world.authorize(&world.authorization(&[]), "").await.code(), "007008");
    plan(json!({"step": "return", "fault": "wrong-state", "times": 1})).await;
    assert_ne!(world.sign_in(&world.authorization(&[]), "confirmed").await.0.back("state"), STATE);
    plan(json!({"step": "token", "fault": "html", "status": 503, "times": 1})).await;
    let code = world.sign_in(&world.authorization(&[]), "confirmed").await.0.back("code");
    let html = world.tokens(&world.exchange(&code, &[])).await;
    assert_eq!((html.status, html.header("content-type")), (503, "text/html; charset=utf-8"));
    for (fault, check) in [
        (
            "wrong-issuer",
            (|tokens: &Value| payload(&tokens["id_token"])["iss"] == "http://esia.example.com/") as fn(&Value) -> bool,
        ),
        ("wrong-audience", |tokens| payload(&tokens["id_token"])["aud"] == "ANOTHER_SYSTEM"),
        ("expired", |tokens| payload(&tokens["id_token"])["exp"].as_i64() < Some(NOW)),
        ("not-yet-valid", |tokens| payload(&tokens["access_token"])["nbf"].as_i64() > Some(NOW)),
        ("no-algorithm", |tokens| header_of(&tokens["access_token"])["alg"] == "none"),
        ("swapped-algorithm", |tokens| header_of(&tokens["id_token"])["alg"] == "RS256"),
        ("another-subject", |tokens| {
            payload(&tokens["id_token"])["sub"] != payload(&tokens["access_token"])["urn:esia:sbj_id"]
        }),
        ("no-id-token", |tokens| tokens.get("id_token").is_none()),
        ("no-state", |tokens| tokens.get("state").is_none()),
        ("wrong-state", |tokens| tokens["state"] != "11111111-2222-4333-8444-555555555555"),
        ("unknown-key", |tokens| header_of(&tokens["id_token"])["alg"] == "GOST3410_2012_256"),
    ] {
        plan(json!({"step": "token", "fault": fault, "times": 1})).await;
        assert!(check(&world.signed_in("confirmed", &[]).await), "{fault}");
    }
    let tokens = world.signed_in("confirmed", &[]).await;
    let oid = payload(&tokens["access_token"])["urn:esia:sbj_id"].to_string();
    plan(json!({"step": "contacts", "fault": "status", "status": 403, "times": 1})).await;
    assert_eq!(world.read(&tokens, &format!("/rs/prns/{oid}/ctts")).await.status, 403);
    plan(json!({"step": "contacts", "fault": "foreign-elements", "base": "http://169.254.169.254", "times": 1})).await;
    let foreign = world.read(&tokens, &format!("/rs/prns/{oid}/ctts?embed=(elements)")).await.json();
    assert!(foreign["elements"][0].as_str().unwrap().starts_with("http://169.254.169.254/"));
    plan(json!({"step": "person", "fault": "truncated", "times": 1})).await;
    let half = world.read(&tokens, &format!("/rs/prns/{oid}")).await;
    assert!(serde_json::from_str::<Value>(&half.text).is_err());
    for unknown in [
        json!({"step": "token", "fault": "nothing"}),
        json!({"step": "token", "fault": "error", "code": "1"}),
        json!({"step": "person", "fault": "error", "code": "007008"}),
        json!({"step": "logout", "fault": "expired"}),
    ] {
        assert!(world.ask(Method::POST, "/faults", unknown).await.status >= 400);
    }
}

#[tokio::test]
async fn what_is_held_is_answered_when_faults_are_cleared() {
    let world = World::new();
    world.handle.fault(Step::Root, Fault::Hold);
    let held = world.get("/", &[]);
    let clear = async {
        while !world.handle.state().faults.is_empty() {
            assert_eq!(world.ask(Method::DELETE, "/faults", json!({})).await.status, 204);
        }
    };
    let (answer, ()) = tokio::join!(held, clear);
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn the_clock_is_seen_in_date_and_in_the_window() {
    let world = World::new();
    assert_eq!(world.get("/", &[]).await.header("date"), "Thu, 15 Jan 2026 12:00:00 GMT");
    assert_eq!(world.ask(Method::POST, "/clock", json!({"shift": 400})).await.status, 204);
    assert_eq!(world.get("/", &[]).await.header("date"), "Thu, 15 Jan 2026 12:06:40 GMT");
    assert_eq!(world.authorize(&world.authorization(&[]), "").await.code(), "007015");
    let ahead = world
        .authorize(&world.authorization(&[("timestamp", "2026.01.15 15:06:40 +0300")]), "")
        .await;
    assert!(ahead.header("location").starts_with("/login"));
}

#[tokio::test]
async fn people_and_systems_change_over_the_control() {
    let world = World::new();
    let tokens = world.signed_in("changing", &[]).await;
    let mail = async |tokens: &Value| {
        let oid = payload(&tokens["access_token"])["urn:esia:sbj_id"].to_string();
        let contacts = world.read(tokens, &format!("/rs/prns/{oid}/ctts?embed=(elements)")).await.json();
        contacts["elements"][0]["value"].as_str().unwrap().to_owned()
    };
    assert_eq!(mail(&tokens).await, "before@example.com");
    assert_eq!(mail(&world.signed_in("changing", &[]).await).await, "after@example.com");
    assert_eq!(
        world
            .ask(Method::POST, "/people/confirmed", json!({"email": "new@example.com"}))
            .await
            .status,
        204
    );
    assert_eq!(
        world.handle.person("confirmed").unwrap().contact_of("EML").unwrap().value,
        "new@example.com"
    );
    assert_eq!(world.ask(Method::POST, "/people/nobody", json!({})).await.status, 404);
    let change = json!({"token_algorithm": "RS256"});
    assert_eq!(world.ask(Method::POST, "/systems/TESTIS01", change).await.status, 204);
    let tokens = world.signed_in("letters", &[]).await;
    assert_eq!(
        header_of(&tokens["id_token"]),
        json!({"ver": 1, "typ": "JWT", "sbt": "id", "alg": "RS256"})
    );
    let oid = payload(&tokens["access_token"])["urn:esia:sbj_id"].to_string();
    assert_eq!(
        world.read(&tokens, &format!("/rs/prns/{oid}")).await.json()["lastName"],
        "Д'Артаньян-Семёнов"
    );
    assert_eq!(world.ask(Method::POST, "/people/letters", json!({"deleted": true})).await.status, 204);
    assert_eq!(world.read(&tokens, &format!("/rs/prns/{oid}")).await.json()["status"], "DELETED");
    let people = world.ask(Method::GET, "/people", json!({})).await.json();
    assert_eq!(people[0]["id"], "confirmed");
    assert!(world.ask(Method::GET, "/log", json!({})).await.json().as_array().unwrap().len() > 5);
}

#[tokio::test]
async fn whom_a_filter_keeps_out_goes_back_with_the_reason() {
    let world = World::new();
    let filter = |name: &str| base64::engine::general_purpose::STANDARD.encode(name);
    for (persona, name, code) in [
        ("standard", "conf_acc", "007055"),
        ("child", "conf_acc", "007055"),
        ("child", "acc_not_kid", "007062"),
        ("confirmed", "acc_kid", "007062"),
        ("confirmed", "conf_acc", ""),
        ("child", "acc_kid", ""),
    ] {
        let fields = world.authorization(&[("person_filter", &filter(name))]);
        let (back, _) = world.sign_in(&fields, persona).await;
        if code.is_empty() {
            assert!(!back.back("code").is_empty(), "{persona} {name}");
        } else {
            assert_eq!(back.code(), code, "{persona} {name}");
        }
    }
    let tokens = world.signed_in("standard", &[]).await;
    let subject = payload(&tokens["id_token"])["urn:esia:sbj"].clone();
    assert!(subject.get("urn:esia:sbj:is_tru").is_none());
    assert_eq!(subject["urn:esia:sbj:lvl"], "P");
    assert_eq!(
        payload(&world.signed_in("child", &[]).await["id_token"])["urn:esia:sbj"]["urn:esia:sbj:lvl"],
        "KD"
    );
}
