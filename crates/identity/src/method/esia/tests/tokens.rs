//! Which tokens are believed.

use super::*;

fn key() -> &'static [u8] {
    fixture!("org-256.key.pem")
}

fn access() -> String {
    gost(&access_header(), &access_claims(SCOPES), key())
}

fn identity() -> String {
    gost(&identity_header(), &identity_claims(), key())
}

fn with(mut value: Value, name: &str, one: Value) -> Value {
    value[name] = one;
    value
}

async fn outcome(settings: Settings, access: &str, identity: &str) -> Result<External, UpstreamError> {
    let (esia, _) = esia(settings, vec![ok(tokens_of(access, identity)), ok(person())]);
    arrive(&esia).await
}

async fn refused(access: &str, identity: &str, what: &str) {
    match outcome(settings(), access, identity).await {
        Err(failure @ UpstreamError::Untrusted(_)) => {
            let said = format!("{failure} {failure:?}");
            for secret in [access, identity, OID].into_iter().filter(|one| one.len() >= OID.len()) {
                assert!(!said.contains(secret), "{what}: {said}");
            }
        }
        other => panic!("{what}: {other:?}"),
    }
}

#[tokio::test]
async fn tokens_of_both_algorithms_are_believed_in_the_forms_that_were_seen() {
    let [rsa_access, rsa_identity] = [(access_header(), access_claims(SCOPES)), (identity_header(), identity_claims())]
        .map(|(header, claims)| rsa(&with(header, "alg", json!("RS256")), &claims));
    assert!(outcome(settings(), &access(), &identity()).await.is_ok());
    assert!(outcome(settings(), &rsa_access, &rsa_identity).await.is_ok());
    // One of each is as good: each is verified by itself.
    assert!(outcome(settings(), &rsa_access, &identity()).await.is_ok());

    // Numbers as text, an audience in a list, no header of kind, no `lvl`, no inner OID.
    let mut claims = with(identity_claims(), "sub", json!(OID));
    claims["aud"] = json!(["TESTIS01"]);
    claims["urn:esia:sbj"] = json!({"urn:esia:sbj:is_tru": true});
    let text = gost(&identity_header(), &claims, key());
    let old = gost(
        &json!({"alg": "GOST3410_2012_256"}),
        &with(access_claims(SCOPES), "urn:esia:sbj_id", json!(OID)),
        key(),
    );
    assert_eq!(outcome(settings(), &old, &text).await.unwrap().subject, OID);

    // Padding does not matter.
    assert!(outcome(settings(), &format!("{}==", access()), &identity()).await.is_ok());
}

#[tokio::test]
async fn an_algorithm_that_is_not_pinned_is_refused_whatever_the_signature() {
    for alg in ["none", "HS256", "RS512", "rs256", ""] {
        let header = with(access_header(), "alg", json!(alg));
        refused(&gost(&header, &access_claims(SCOPES), key()), &identity(), alg).await;
    }
    let unsigned = gost(&with(access_header(), "alg", json!("none")), &access_claims(SCOPES), key());
    let unsigned = format!("{}.", unsigned.rsplit_once('.').unwrap().0);
    refused(&unsigned, &identity(), "no signature").await;
    // The header names the other algorithm.
    let swapped = gost(&with(access_header(), "alg", json!("RS256")), &access_claims(SCOPES), key());
    refused(&swapped, &identity(), "ГОСТ as RS256").await;
    let swapped = rsa(&access_header(), &access_claims(SCOPES));
    refused(&swapped, &identity(), "RSA as ГОСТ").await;
    refused(&gost(&json!({"typ": "JWT"}), &access_claims(SCOPES), key()), &identity(), "no algorithm").await;

    let mut only_rsa = settings();
    only_rsa.token_algorithms = vec![TokenAlgorithm::Rs256];
    let failure = outcome(only_rsa, &access(), &identity()).await.unwrap_err();
    assert!(
        failure.to_string().contains("GOST3410_2012_256, which esia.token_algorithms leaves out"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_token_with_one_claim_wrong_is_refused() {
    for (name, value) in [
        ("iss", json!("http://esia-portal1.test.gosuslugi.ru/")),
        ("iss", json!("https://esia.gosuslugi.ru/")),
        ("iss", Value::Null),
        ("exp", json!(NOW.0 - 60)),
        ("exp", Value::Null),
        ("exp", json!("2027")),
        ("nbf", json!(NOW.0 + 61)),
        ("iat", json!(NOW.0 + 61)),
        ("iat", json!("x")),
    ] {
        let what = format!("{name} {value}");
        let one = gost(&access_header(), &with(access_claims(SCOPES), name, value.clone()), key());
        refused(&one, &identity(), &what).await;
        let one = gost(&identity_header(), &with(identity_claims(), name, value), key());
        refused(&access(), &one, &what).await;
    }
    for (name, value) in [
        ("client_id", json!("OTHER01")),
        ("client_id", Value::Null),
        ("urn:esia:sbj_id", json!(1_000_000_001)),
        ("urn:esia:sbj_id", json!("../1")),
        ("urn:esia:sbj_id", Value::Null),
    ] {
        let what = format!("{name} {value}");
        let one = gost(&access_header(), &with(access_claims(SCOPES), name, value), key());
        refused(&one, &identity(), &what).await;
    }
    for (name, value) in [
        ("aud", json!("OTHER01")),
        ("aud", json!(["TESTIS01", "OTHER01"])),
        ("sub", json!(1_000_000_001)),
        ("sub", json!(1.5)),
        ("urn:esia:sbj", json!({"urn:esia:sbj:oid": 1_000_000_001})),
    ] {
        let what = format!("{name} {value}");
        let one = gost(&identity_header(), &with(identity_claims(), name, value), key());
        refused(&access(), &one, &what).await;
    }
}

#[tokio::test]
async fn a_minute_is_allowed_for_and_no_more() {
    for (name, value) in [("exp", NOW.0 - 59), ("nbf", NOW.0 + 60), ("iat", NOW.0 + 60)] {
        let one = gost(&access_header(), &with(access_claims(SCOPES), name, json!(value)), key());
        assert!(outcome(settings(), &one, &identity()).await.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn a_token_of_another_kind_or_by_another_key_is_refused() {
    // The code is a JWT of the same issuer.
    let code = gost(&with(access_header(), "sbt", json!("authorization_code")), &access_claims(SCOPES), key());
    refused(&code, &identity(), "a code").await;
    refused(&identity(), &identity(), "an id_token as an access token").await;
    let mut claims = access_claims(SCOPES);
    claims["aud"] = json!("TESTIS01");
    claims["sub"] = json!(OID);
    refused(&access(), &gost(&access_header(), &claims, key()), "an access token as an id_token").await;
    let foreign = gost(&access_header(), &access_claims(SCOPES), fixture!("revoked-256.key.pem"));
    refused(&foreign, &identity(), "a key that nobody knows").await;
    let own = gost(&access_header(), &access_claims(SCOPES), fixture!("person-256.key.pem"));
    refused(&own, &identity(), "the system's own key").await;
    let crit = with(with(access_header(), "crit", json!(["b64"])), "b64", json!(false));
    refused(&gost(&crit, &access_claims(SCOPES), key()), &identity(), "crit").await;
    let good = access();
    let cut = &good[..good.len() - 4];
    for broken in ["", "a", "a.b", "a.b.c", "..", cut, &format!("{good}A"), &good.replacen('.', "..", 1)] {
        refused(broken, &identity(), broken).await;
    }
    refused(&"a".repeat(40_000), &identity(), "too long").await;
    for at in [5, good.find('.').unwrap() + 9] {
        let mut altered = good.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        refused(&String::from_utf8(altered).unwrap(), &identity(), "altered").await;
    }
}

#[tokio::test]
async fn only_a_certificate_in_its_time_counts_and_a_new_one_is_believed_at_once() {
    let answers = || vec![ok(tokens_of(&access(), &identity())), ok(person())];
    let with_certificates = |certificates: Vec<Certificate>, answers| {
        let (esia, _) = esia(settings(), answers);
        esia.trust(certificates);
        esia
    };
    let expired = certificate(fixture!("expired-256.crt.pem"));
    for certificates in [
        vec![],
        vec![expired.clone()],
        vec![RSA.1.clone()],
        vec![certificate(fixture!("person-512.crt.pem"))],
    ] {
        let esia = with_certificates(certificates, answers());
        assert_eq!(arrive(&esia).await.unwrap_err().code(), "upstream-untrusted");
    }
    let signed = gost(&access_header(), &access_claims(SCOPES), fixture!("expired-256.key.pem"));
    let of_expired = vec![ok(tokens_of(&signed, &identity())), ok(person())];
    let esia = with_certificates(vec![expired.clone(), of_esia()], of_expired);
    assert_eq!(arrive(&esia).await.unwrap_err().code(), "upstream-untrusted");

    let esia = with_certificates(vec![], answers());
    esia.trust(vec![expired, of_esia()]);
    assert!(arrive(&esia).await.is_ok());
}

#[test]
fn the_outlook_tells_until_when_tokens_can_be_verified() {
    let certificates = [of_esia(), RSA.1.clone(), certificate(fixture!("expired-256.crt.pem"))];
    let of = |certificates: &[Certificate], now| {
        outlook(certificates, &TokenAlgorithm::ALL, now)
            .into_iter()
            .map(|one| one.until)
            .collect::<Vec<_>>()
    };
    let [rsa_end, gost_end] = [RSA.1.not_after(), of_esia().not_after()].map(|at| Some(Timestamp(at)));
    assert_eq!(of(&certificates, NOW), [rsa_end, gost_end]);
    assert_eq!(of(&certificates[..1], NOW), [None, gost_end]);
    // Before any of them begins nothing can be verified, although they will be valid for long.
    assert_eq!(of(&certificates, Timestamp(0)), [None, None]);
    let (esia, _) = esia(settings(), Vec::new());
    assert_eq!(esia.outlook(NOW).len(), 2);
}
