//! B31: state, nonce and everything that is shown are hostile text.

use kabinet_core::client::Profile;
use kabinet_tests::{Tokens, jwt};

use crate::world::World;

fn corpus() -> Vec<String> {
    let mut corpus: Vec<String> = [
        "a&b=c&code=evil",
        "a+b",
        "a b",
        "a%20b",
        "a%26b",
        "\"><script>alert(1)</script>",
        "'><img src=x onerror=alert(1)>",
        "</form><form action=//evil.test>",
        "a#b?c=d",
        "{{7*7}}",
        "${7*7}",
        "«ёлки» — 北京 🦀",
        "a;b,c",
        "\\\"\\'",
        "<!--",
        "]]>",
        "&lt;x&gt;&#38;",
        "javascript:alert(1)",
        "=",
        "%",
        "%zz",
        "../../etc/passwd",
        "' OR 1=1 --",
        "null",
        "-",
        "\u{202e}txt.exe",
        "a\u{a0}b",
    ]
    .map(str::to_owned)
    .to_vec();
    corpus.push("s".repeat(2048));
    corpus.push("\"&<я".repeat(400));
    corpus
}

#[tokio::test]
async fn state_and_nonce_come_back_as_they_were_in_every_mode() {
    let mut world = World::new().await;
    for text in corpus().into_iter().filter(|text| text.len() <= 2048) {
        for mode in ["query", "fragment", "form_post"] {
            let ask = world.rp.ask().with("state", &text).with("nonce", &text).with("response_mode", mode);
            let callback = world.rp.come_back(&world.app, &mut world.browser, &world.person, &ask).await;
            assert_eq!(callback.get("state"), text, "{mode}");
            let names: Vec<&str> = callback.params.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["code", "state", "iss"], "{text}");
            let tokens = Tokens::of(&world.rp.redeem(callback.code(), &ask).await);
            assert_eq!(jwt::parts(&tokens.id).1["nonce"], text.as_str());
        }
    }
}

#[tokio::test]
async fn state_survives_sign_in_and_consent() {
    let text = "\"><script>alert(1)</script>&+ я\u{202e}";
    let mut world = World::signed_out(Profile::Web, |m| m.first_party = false).await;
    let ask = world
        .rp
        .ask_for("openid profile")
        .with("state", text)
        .with("login_hint", text)
        .with("ui_locales", text);
    let callback = world.rp.come_back(&world.app, &mut world.browser, &world.person, &ask).await;
    assert_eq!(callback.get("state"), text);
}

#[tokio::test]
async fn a_state_of_more_than_two_kilobytes_is_refused_and_not_given_back() {
    let mut world = World::new().await;
    let callback = world
        .rp
        .authorize(&mut world.browser, &world.rp.ask().with("state", &"s".repeat(2049)))
        .await;
    assert_eq!((callback.get("error"), callback.get("state")), ("invalid_request", ""));
    for name in ["nonce", "login_hint", "acr_values", "ui_locales", "prompt", "scope"] {
        let callback = world
            .rp
            .authorize(&mut world.browser, &world.rp.ask().with(name, &"x".repeat(2049)))
            .await;
        assert_eq!(callback.get("error"), "invalid_request", "{name}");
    }
}

#[tokio::test]
async fn a_request_too_long_for_a_url_travels_through_sign_in_all_the_same() {
    let mut world = World::signed_out(Profile::Web, |_| ()).await;
    let ask = world.rp.ask().with("state", &"я".repeat(1024)).with("nonce", &"n".repeat(2048));
    world.browser.get(&ask.url()).await;
    assert!(world.browser.page.at.len() < 4_096, "{}", world.browser.page.at.len());
    world.app.fill_in(&mut world.browser, &world.person).await;
    assert_eq!(kabinet_tests::Callback::of(&world.browser.page).get("state"), ask.get("state"));
}

#[tokio::test]
async fn the_page_that_posts_an_answer_holds_no_markup_of_the_client() {
    let mut world = World::new().await;
    let tags = |page: &kabinet_tests::Page| ["script", "form", "img", "b", "svg", "a"].map(|tag| page.html.count(tag));
    let harmless = world.rp.ask().with("response_mode", "form_post").url();
    let usual = tags(world.browser.get(&harmless).await);
    for text in corpus().into_iter().filter(|text| text.len() <= 2048) {
        let page = world
            .browser
            .get(&world.rp.ask().with("state", &text).with("response_mode", "form_post").url())
            .await;
        assert_eq!(tags(page), usual, "{text}");
        let policy = page.answer.as_ref().unwrap().header("content-security-policy").to_owned();
        assert!(policy.contains("script-src 'nonce-") && !policy.contains("unsafe-inline"), "{policy}");
        assert!(page.answer.as_ref().unwrap().header("cache-control").contains("no-store"));
        let fields = page.html.form("form-post").unwrap().fields;
        assert!(fields.iter().any(|field| field.name == "state" && field.value == text));
    }
}

#[tokio::test]
async fn error_pages_do_not_repeat_what_the_request_held() {
    let mut world = World::new().await;
    for text in ["\"><script>alert(1)</script>", "CANARYTEXT", "<b>x</b>"] {
        for name in ["client_id", "redirect_uri"] {
            let page = world.browser.get(&world.rp.ask().with(name, text).url()).await;
            assert_eq!(page.status, 400);
            assert!(
                !page.text().contains(text)
                    && !page.source().contains("<script>alert")
                    && !page.source().contains("<b>x"),
                "{name}"
            );
        }
        let query = kabinet_tests::form_body(&[("flow", text), ("lang", text), ("by", text), ("id_token_hint", text)]);
        for path in [
            "/login",
            "/register",
            "/consent",
            "/choose",
            "/oauth2/resume",
            "/oauth2/logout",
            "/nowhere",
            "/legal/x",
        ] {
            let answer = world.app.get(&format!("{path}?{query}")).await;
            assert!(!kabinet_tests::text_of(&answer.body).contains(text), "{path} {text}");
            assert!(!answer.body.contains("<script>alert") && !answer.body.contains("<b>x"), "{path} {text}");
            assert!(answer.header("content-type").starts_with("text/html"), "{path}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_hostile_login_hint_stays_in_its_field() {
    let mut world = World::signed_out(Profile::Web, |_| ()).await;
    for text in corpus().into_iter().filter(|text| text.len() <= 2048) {
        let page = world.browser.get(&world.rp.ask().with("login_hint", &text).url()).await;
        assert!(
            page.has("login-form") && page.html.count("img") == page.source().matches("<img ").count(),
            "{text}"
        );
        assert!(!page.source().contains("<script>alert"), "{text}");
    }
}

#[tokio::test]
async fn the_name_of_a_client_is_text_on_every_page() {
    let name = "<script>alert(1)</script> & \"Сын\"";
    let mut world = World::of(Profile::Web, |m| {
        m.first_party = false;
        name.clone_into(&mut m.client_name);
    })
    .await;
    world.browser.get(&world.rp.ask().url()).await;
    assert!(world.browser.page.has("consent-form") && !world.browser.page.source().contains("<script>alert"));
    assert!(world.browser.page.text().contains("alert(1)"));
}

#[tokio::test]
async fn what_is_wrong_in_a_back_channel_request_is_not_repeated() {
    let world = World::new().await;
    let text = "\"><script>alert(1)</script>";
    for path in ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"] {
        for name in ["grant_type", "code", "token", "client_id", "scope", "refresh_token", "token_type_hint"] {
            let answer = world.app.post(path, &[(name, text)]).await;
            assert!(!answer.body.contains("alert") && answer.code() >= 400, "{path} {name}");
        }
    }
}
