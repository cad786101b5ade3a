use super::*;

fn web() -> ClientMetadata {
    let mut web = ClientMetadata::of_profile(Profile::Web, "Проба");
    web.redirect_uris.push("https://rp.example/cb".to_owned());
    web
}

#[test]
fn a_profile_with_a_redirect_uri_is_a_sound_client() {
    assert_eq!(web().check(), Ok(()));
    assert_eq!(ClientMetadata::of_profile(Profile::Machine, "Служба").check(), Ok(()));
    assert_eq!(ClientMetadata::of_profile(Profile::Device, "Терминал").check(), Ok(()));
}

#[test]
fn each_unsound_client_is_refused_by_the_field_that_is_wrong() {
    type Spoil = fn(&mut ClientMetadata);
    let cases: [(&str, Spoil); 28] = [
        ("client_name", |c| c.client_name = "  ".to_owned()),
        ("client_name", |c| c.client_name = "Банк\u{202e}к".to_owned()),
        ("client_uri", |c| c.client_uri = Some("javascript:alert(1)".to_owned())),
        ("redirect_uris", |c| c.redirect_uris.clear()),
        ("redirect_uris", |c| c.redirect_uris.push("http://rp.example/".to_owned())),
        ("response_types", |c| c.response_types = vec!["id_token".parse().unwrap()]),
        ("response_types", |c| c.response_types.push("code id_token".parse().unwrap())),
        ("request_uris", |c| c.request_uris.push("https://rp.example/request#hash".to_owned())),
        ("grant_types", |c| {
            c.token_endpoint_auth_method = AuthMethod::None;
            c.grant_types.push(GrantType::ClientCredentials);
        }),
        ("grant_types", |c| {
            c.token_endpoint_auth_method = AuthMethod::None;
            c.grant_types.push(GrantType::TokenExchange);
            c.token_exchange_audiences.push("https://api.example".to_owned());
        }),
        ("token_exchange_audiences", |c| c.grant_types.push(GrantType::TokenExchange)),
        ("token_exchange_audiences", |c| {
            c.token_exchange_audiences.push("https://api.example".to_owned());
        }),
        ("token_exchange_audiences", |c| {
            c.grant_types.push(GrantType::TokenExchange);
            c.token_exchange_audiences.push("https://api.example/ x".to_owned());
        }),
        ("scope", |c| c.scope = Scope::parse("kabinet:admin").unwrap()),
        ("scope", |c| c.scope = Scope::parse("openid kabinet:invite").unwrap()),
        ("login_methods", |c| c.login_methods = Some(Vec::new())),
        ("registration_methods", |c| c.registration_methods = Some(vec![MethodName::Code])),
        ("resources", |c| c.resources.push("https://api.example/#x".to_owned())),
        ("jwks", |c| c.token_endpoint_auth_method = AuthMethod::PrivateKeyJwt),
        ("jwks", |c| c.jwks = Some(JwkSet::default())),
        ("jwks_uri", |c| c.jwks_uri = Some("http://rp.example/jwks".to_owned())),
        ("jwks_uri", |c| c.jwks_uri = Some("https://rp.example/jwks#x".to_owned())),
        ("policy_uri", |c| c.policy_uri = Some("javascript:alert(1)".to_owned())),
        ("initiate_login_uri", |c| {
            c.initiate_login_uri = Some("http://rp.example/login".to_owned())
        }),
        ("contacts", |c| c.contacts = vec!["x".repeat(257)]),
        ("subject_type", |c| {
            c.subject_type = SubjectType::Pairwise;
            c.redirect_uris.push("https://other.example/cb".to_owned());
        }),
        ("subject_type", |c| {
            c.subject_type = SubjectType::Pairwise;
            c.profile = Profile::Native;
            c.redirect_uris = vec!["com.evil.app://rp.example/cb".to_owned()];
        }),
        ("redirect_uris", |c| c.redirect_uris.push("https://zzz,frame-ancestors/cb".to_owned())),
    ];
    for (field, spoil) in cases {
        let mut client = web();
        spoil(&mut client);
        assert_eq!(client.check().unwrap_err().field, field);
    }
}

#[test]
fn metadata_with_an_unknown_name_is_not_read() {
    let mut json = serde_json::to_value(web()).unwrap();
    assert!(serde_json::from_value::<ClientMetadata>(json.clone()).is_ok());
    json["redirect_uri"] = "https://rp.example/cb".into();
    assert!(serde_json::from_value::<ClientMetadata>(json).is_err());
}

#[test]
fn loopback_ports_vary_for_native_apps_only() {
    let mut native = ClientMetadata::of_profile(Profile::Native, "Приложение");
    native.redirect_uris.push("http://127.0.0.1/cb".to_owned());
    assert!(native.find_redirect("http://127.0.0.1:4711/cb").is_some());
    native.profile = Profile::Web;
    assert!(native.find_redirect("http://127.0.0.1:4711/cb").is_none());
}
