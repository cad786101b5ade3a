//! Modules of the basic, implicit, hybrid and form post plans.

use std::time::Duration;

use kabinet_tests::{Callback, jwt};
use serde_json::json;

use crate::suite::{Registration, Run, Signed, Variant};

/// The suite runs everything with two clients.
pub(crate) async fn server(run: &mut Run) {
    for rp in [run.client().await, run.second_client().await] {
        let ask = run.ask(&rp);
        let signed = run.complete(&rp, &ask).await;
        assert_eq!(signed.claims["sub"], run.at.person.id.as_str());
        assert!(signed.info.is_null() || signed.info == json!({"sub": run.at.person.id}));
    }
}

/// One sign-in with `client_secret_post`.
pub(crate) async fn server_client_secret_post(run: &mut Run) {
    let rp = run.client_with("post", json!({})).await.rp;
    let ask = run.ask(&rp);
    run.complete(&rp, &ask).await;
}

pub(crate) async fn response_type_missing(run: &mut Run) {
    let rp = run.client().await;
    let ask = run.ask(&rp).without("response_type");
    run.visit(&ask).await;
    let callback = run.back(&ask);
    assert!(
        matches!(callback.get("error"), "unsupported_response_type" | "invalid_request"),
        "{:?}",
        callback.params
    );
    assert_eq!((callback.get("code"), callback.get("id_token")), ("", ""));
}

pub(crate) async fn idtoken_signature(run: &mut Run) {
    let rp = run.client().await;
    let ask = run.ask(&rp);
    let signed = run.complete(&rp, &ask).await;
    let (header, _) = jwt::parts(&signed.id_token);
    assert!(header["alg"] == "RS256" && header["kid"].is_string(), "{header}");
    // And a signature that is not that of the text is none.
    let (text, signature) = signed.id_token.rsplit_once('.').unwrap();
    let (first, rest) = signature.split_at(1);
    let other = if first == "A" { "B" } else { "A" };
    assert!(jwt::verify(&format!("{text}.{other}{rest}"), &rp.jwks().await).is_err());
}

pub(crate) async fn idtoken_unsigned(run: &mut Run) {
    let unsigned = json!({"id_token_signed_response_alg": "none"});
    let metadata = run.metadata("unsigned", unsigned);
    match run.variant.registration {
        Registration::Dynamic => {
            run.at.register(&metadata).await.refused(400, "invalid_client_metadata");
        }
        Registration::Static => {
            let at = run.at;
            let create =
                ["client", "create", "X", "--profile", "web", "--redirect-uri", "https://rp.test/cb", "--json"];
            let with = move |alg: &'static str| [&create[..], &["--id-token-signed-response-alg", alg]].concat();
            let refused = move |alg| at.refuses(&with(alg));
            let found = tokio::task::spawn_blocking(move || (refused("none"), refused("RS256"))).await;
            assert_eq!(found.unwrap(), (true, false), "`none` is what is wrong with it");
        }
    }
    let facts = run.at.facts().await;
    let algs = facts["id_token_signing_alg_values_supported"].as_array().unwrap().clone();
    assert!(algs.contains(&json!("RS256")) && !algs.contains(&json!("none")), "{algs:?}");
}

async fn with_access(run: &mut Run) -> (kabinet_tests::Rp, Signed, String) {
    let rp = run.client().await;
    let ask = run.ask(&rp);
    let signed = run.complete(&rp, &ask).await;
    let access = signed.access.last().unwrap().clone();
    (rp, signed, access)
}

pub(crate) async fn userinfo_get(run: &mut Run) {
    let (rp, signed, access) = with_access(run).await;
    let answer = rp.userinfo(&access).await.ok();
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.json()["sub"], signed.claims["sub"]);
}

async fn userinfo_post(run: &Run, headers: &[(&str, &str)], body: &str) -> serde_json::Value {
    let mut request = http::Request::post("/oauth2/userinfo");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    run.at.send(request.body(body.to_owned().into()).unwrap()).await.ok().json()
}

pub(crate) async fn userinfo_post_header(run: &mut Run) {
    let (_, signed, access) = with_access(run).await;
    let info = userinfo_post(run, &[("authorization", &format!("Bearer {access}"))], "").await;
    assert_eq!(info["sub"], signed.claims["sub"]);
}

/// The suite only warns when this is not supported.
pub(crate) async fn userinfo_post_body(run: &mut Run) {
    let (_, signed, access) = with_access(run).await;
    let form = kabinet_tests::form_body(&[("access_token", &access)]);
    let info = userinfo_post(run, &[("content-type", "application/x-www-form-urlencoded")], &form).await;
    assert_eq!(info["sub"], signed.claims["sub"]);
}

/// `code` and `code token`.
pub(crate) async fn without_nonce_succeeds(run: &mut Run) {
    let rp = run.client().await;
    let ask = run.ask(&rp).without("nonce");
    run.complete(&rp, &ask).await;
}

/// Wherever an ID token comes in front.
pub(crate) async fn without_nonce_fails(run: &mut Run) {
    let rp = run.client().await;
    let ask = run.ask(&rp).without("nonce");
    run.visit(&ask).await;
    let callback = run.returned(&ask);
    assert_eq!(
        (callback.get("error"), callback.get("id_token")),
        ("invalid_request", ""),
        "{:?}",
        callback.params
    );
}

/// What a scope is to bring, and where, [`Run::finish`] knows.
async fn scope(run: &mut Run, scope: &str) -> Signed {
    let rp = run.client().await;
    let ask = run.ask(&rp).with("scope", scope);
    let signed = run.complete(&rp, &ask).await;
    let told = if run.variant.gives_access() { &signed.info } else { &signed.claims };
    let known = crate::provider::claims();
    for (name, value) in known.as_object().unwrap() {
        assert!(told.get(name).is_none_or(|said| said == value), "{name}: {told}");
    }
    signed
}

pub(crate) async fn scope_profile(run: &mut Run) {
    scope(run, "openid profile").await;
}

pub(crate) async fn scope_email(run: &mut Run) {
    scope(run, "openid email").await;
}

pub(crate) async fn scope_address(run: &mut Run) {
    scope(run, "openid address").await;
}

pub(crate) async fn scope_phone(run: &mut Run) {
    scope(run, "openid phone").await;
}

pub(crate) async fn scope_all(run: &mut Run) {
    scope(run, "openid profile email address phone").await;
}

/// Scopes and parameters in another order.
pub(crate) async fn alternate_happy_flow(run: &mut Run) {
    let rp = run.client().await;
    let mut ask = run.ask(&rp).with("scope", "phone email openid profile");
    ask.params.reverse();
    run.complete(&rp, &ask).await;
}

async fn with(run: &mut Run, name: &str, value: &str) -> Signed {
    let rp = run.client().await;
    let ask = run.ask(&rp).with(name, value);
    run.complete(&rp, &ask).await
}

pub(crate) async fn display_page(run: &mut Run) {
    with(run, "display", "page").await;
}

pub(crate) async fn display_popup(run: &mut Run) {
    with(run, "display", "popup").await;
}

pub(crate) async fn unknown_parameter(run: &mut Run) {
    with(run, "extra", "foobar").await;
}

pub(crate) async fn login_hint(run: &mut Run) {
    with(run, "login_hint", "buffy@localhost").await;
}

pub(crate) async fn ui_locales(run: &mut Run) {
    with(run, "ui_locales", "se").await;
}

pub(crate) async fn claims_locales(run: &mut Run) {
    with(run, "claims_locales", "se").await;
}

/// The suite only warns when another class is named.
pub(crate) async fn acr_values(run: &mut Run) {
    let signed = with(run, "acr_values", "1 2").await;
    assert!(
        ["1", "2"].contains(&signed.claims["acr"].as_str().unwrap_or_default()),
        "{}",
        signed.claims
    );
}

fn auth_time(signed: &Signed) -> i64 {
    signed.claims["auth_time"]
        .as_i64()
        .unwrap_or_else(|| panic!("no auth_time: {}", signed.claims))
}

/// Signs in twice with the same client; the second request must show the sign-in form.
async fn again(run: &mut Run, name: &str, value: &str) -> (Signed, Signed) {
    let rp = run.client().await;
    let ask = run.ask(&rp);
    let first = run.complete(&rp, &ask).await;
    // More than `max_age=1` allows, and late enough for another `auth_time`.
    run.after(auth_time(&first) + 1).await;
    let ask = run.ask(&rp).with(name, value);
    run.browser.get(&ask.url()).await;
    assert!(run.browser.page.has("login-form"), "{}", run.browser.page.text());
    run.go_on().await;
    let callback = run.returned(&ask);
    let second = run.finish(&rp, &ask, &callback).await;
    (first, second)
}

pub(crate) async fn prompt_login(run: &mut Run) {
    let (first, second) = again(run, "prompt", "login").await;
    assert!(auth_time(&second) > auth_time(&first));
    assert_eq!(first.claims["sub"], second.claims["sub"]);
}

pub(crate) async fn max_age_1(run: &mut Run) {
    let (first, second) = again(run, "max_age", "1").await;
    assert!(auth_time(&second) > auth_time(&first) + 1);
    assert_eq!(first.claims["sub"], second.claims["sub"]);
}

pub(crate) async fn max_age_10000(run: &mut Run) {
    let rp = run.client().await;
    let ask = run.ask(&rp);
    let first = run.complete(&rp, &ask).await;
    let ask = run.ask(&rp).with("max_age", "10000");
    let callback = run.silent(&ask).await;
    let second = run.finish(&rp, &ask, &callback).await;
    assert_eq!((auth_time(&first), &first.claims["sub"]), (auth_time(&second), &second.claims["sub"]));
}

pub(crate) async fn prompt_none_not_logged_in(run: &mut Run) {
    let rp = run.client().await;
    let state = "s".repeat(128);
    let ask = run.ask(&rp).with("prompt", "none").with("state", &state);
    let callback = run.silent(&ask).await;
    let refused = ["login_required", "interaction_required", "account_selection_required", "consent_required"];
    assert!(refused.contains(&callback.get("error")), "{:?}", callback.params);
    assert_eq!(callback.get("state"), state);
}

pub(crate) async fn prompt_none_logged_in(run: &mut Run) {
    let rp = run.client().await;
    let ask = run.ask(&rp);
    let first = run.complete(&rp, &ask).await;
    run.after(auth_time(&first)).await;
    let ask = run.ask(&rp).with("prompt", "none");
    let callback = run.silent(&ask).await;
    let second = run.finish(&rp, &ask, &callback).await;
    assert_eq!((auth_time(&first), &first.claims["sub"]), (auth_time(&second), &second.claims["sub"]));
}

pub(crate) async fn id_token_hint(run: &mut Run) {
    let rp = run.client().await;
    let ask = run.ask(&rp);
    let first = run.complete(&rp, &ask).await;
    let ask = run.ask(&rp).with("prompt", "none").with("id_token_hint", &first.id_token);
    let callback = run.silent(&ask).await;
    let second = run.finish(&rp, &ask, &callback).await;
    assert_eq!(first.claims["sub"], second.claims["sub"]);
}

/// The second use is refused by a 4xx and ends what the first one gave; the suite warns only.
async fn reuse(run: &mut Run, wait: Option<Duration>) {
    let rp = run.client().await;
    let ask = run.ask(&rp);
    run.visit(&ask).await;
    let callback = run.returned(&ask);
    let signed = run.finish(&rp, &ask, &callback).await;
    if let Some(time) = wait {
        run.rest(time).await;
    }
    rp.redeem(callback.code(), &ask).await.refused(400, "invalid_grant");
    for access in &signed.access {
        rp.userinfo(access).await.refused(401, "invalid_token");
    }
    let refresh = signed.tokens.unwrap().refresh;
    if !refresh.is_empty() {
        rp.refresh(&refresh).await.refused(400, "invalid_grant");
    }
}

pub(crate) async fn codereuse(run: &mut Run) {
    reuse(run, None).await;
}

/// Thirty seconds in fact: the code would have lived on for as long again. All variants wait side by side.
pub(crate) async fn codereuse_30seconds(run: &mut Run) {
    reuse(run, Some(Duration::from_secs(30))).await;
}

/// A page that names what is wrong, and no way to where nobody registered.
fn stays(run: &Run, error: &str) {
    let page = &run.browser.page;
    assert_eq!((page.status, page.error().as_str()), (400, error), "{}", page.text());
    assert!(page.left.is_none(), "{:?}", page.left);
    let links = page.html.attributes("a", "href");
    assert!(links.iter().all(|link| !link.contains("//evil.test")), "{links:?}");
}

/// Also [`crate::dynamic`]'s, for other redirect URIs.
pub(crate) async fn refused_at(run: &mut Run, rp: &kabinet_tests::Rp, redirect_uri: &str) {
    let ask = run.ask(rp).with("redirect_uri", redirect_uri);
    run.browser.get(&ask.url()).await;
    stays(run, "redirect_uri");
}

pub(crate) async fn ensure_registered_redirect_uri(run: &mut Run) {
    let rp = run.client().await;
    refused_at(run, &rp, "https://evil.test/cb").await;
    refused_at(run, &rp, &format!("{}x", rp.redirect_uri())).await;
}

pub(crate) async fn ensure_redirect_uri_in_authorization_request(run: &mut Run) {
    let uris = ["first", "second"].map(|name| format!("{}/cb/{name}", run.at.party.origin));
    let rp = run.client_with("two-uris", json!({"redirect_uris": uris})).await.rp;
    let ask = run.ask(&rp).without("redirect_uri");
    run.browser.get(&ask.url()).await;
    stays(run, "redirect_uri");
}

/// A form on the relying party's page: no cookie comes with it.
pub(crate) async fn ensure_post_request_succeeds(run: &mut Run) {
    let rp = run.client().await;
    for _ in 0..2 {
        let ask = run.ask(&rp);
        run.browser.post_from_elsewhere("/oauth2/authorize", &ask.params).await;
        run.go_on().await;
        let callback: Callback = run.returned(&ask);
        run.finish(&rp, &ask, &callback).await;
    }
}

/// Whether a variant belongs to a module that needs an access token for userinfo.
pub(crate) fn gives_access(variant: &Variant) -> bool {
    variant.gives_access()
}

/// Whether an ID token comes in front: then a nonce must be sent.
pub(crate) fn needs_nonce(variant: &Variant) -> bool {
    variant.has("id_token")
}

pub(crate) fn needs_no_nonce(variant: &Variant) -> bool {
    !needs_nonce(variant)
}

pub(crate) fn with_code(variant: &Variant) -> bool {
    variant.has("code")
}

/// What the implicit and the hybrid plan run with one response type only.
pub(crate) fn once_a_plan(variant: &Variant) -> bool {
    ["code", "id_token token", "code id_token"].contains(&variant.response_type)
}
