//! The page of API tokens.

use kabinet_core::api_token::Use;
use kabinet_core::scope::Scope;

use super::*;
use crate::view::{AccountTokens, ApiTokenRow, ApiTokenText, TypedApiToken};

pub(super) fn pages(scene: Scene<'_>) -> Vec<Sample> {
    let used = || Use { at: NOW, ip: HOSTILE.to_owned(), agent: HOSTILE.to_owned() };
    let row = |id: &str, is_over| ApiTokenRow {
        id: id.to_owned(),
        name: HOSTILE.to_owned(),
        scope: Scope::parse("openid https://api.example/?a&b").unwrap(),
        client_name: Some(HOSTILE.to_owned()),
        organisation: Some(HOSTILE.to_owned()),
        networks: "203.0.113.0/24".to_owned(),
        expires_at: NOW,
        is_over,
        used: is_over.then(used),
    };
    let page = |tokens, clients, errors| AccountTokens {
        chrome: Chrome { flow: None, ..scene.chrome("/account/tokens") },
        tokens,
        made: None,
        typed: TypedApiToken {
            name: HOSTILE.to_owned(),
            scopes: vec!["openid".to_owned()],
            days: HOSTILE.to_owned(),
            networks: HOSTILE.to_owned(),
            ..TypedApiToken::default()
        },
        scopes: vec!["openid".to_owned(), "https://api.example/?a&b".to_owned()],
        clients,
        organisations: Vec::new(),
        longest: 365,
        token_minutes: 5,
        errors,
        notice: None,
    };
    let clients = || vec![(HOSTILE.to_owned(), "c1".to_owned())];
    let wrong = Errors::field("token-name", Message::of("token-name-invalid"))
        .and("scope", Message::of("api-token-scope-missing"))
        .and("client", Message::of("client-invalid"))
        .and("days", Message::of("days-invalid").with("max", 365))
        .and("networks", Message::of("networks-many").with("max", 20));
    let made = AccountTokens {
        made: Some(ApiTokenText { name: HOSTILE.to_owned(), text: HOSTILE.to_owned() }),
        ..page(Vec::new(), clients(), Errors::none())
    };
    vec![
        sample(
            "account-tokens",
            &page(vec![row("t1", false), row("t2", true)], clients(), wrong),
            &[
                "tokens-form",
                "revoke-t1",
                "token-form",
                "token-name-error",
                "scope-error",
                "client-c1",
                "days-error",
                "networks-error",
                "submit",
            ],
        ),
        sample(
            "account-tokens-none",
            &page(Vec::new(), Vec::new(), Errors::none()),
            &["no-tokens", "no-token-clients"],
        ),
        sample("account-tokens-made", &made, &["api-token", "continue"]),
    ]
}
