//! Modules of the four logout plans.
//!
//! `session-management-…`: what the framed page's script answers is computed here from the cookie as that script does, and tried
//! in Chromium by the browser tests. A client that registers itself cannot switch session management on, so there an
//! administrator does (`kabinet client update --session-management`).

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kabinet_core::client::Alg;
use kabinet_tests::{Callback, ClientKey, Rp, form_body, jwt, query_of};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::provider::{BOUND, trusting};
use crate::suite::{Registration, Run, Signed};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn bye(run: &Run) -> String {
    format!("{}/bye", run.at.party.origin)
}

async fn signed_in(run: &mut Run) -> (Rp, Signed) {
    let rp = run.client().await;
    let ask = run.ask(&rp);
    let signed = run.complete(&rp, &ask).await;
    (rp, signed)
}

async fn sign_out(run: &mut Run, form: &[(&str, &str)]) {
    run.browser.get(&format!("/oauth2/logout?{}", form_body(form))).await;
}

async fn is_signed_in(run: &mut Run, rp: &Rp) -> bool {
    let ask = run.ask(rp).with("prompt", "none");
    let callback = run.silent(&ask).await;
    assert!(matches!(callback.get("error"), "" | "login_required"), "{:?}", callback.params);
    callback.get("error").is_empty()
}

/// The browser is led back with this query, and nobody is signed in any more.
async fn led_back(run: &mut Run, rp: &Rp, query: &[(&str, &str)]) {
    let left = run
        .browser
        .page
        .left
        .clone()
        .unwrap_or_else(|| panic!("still here: {}", run.browser.page.text()));
    assert_eq!(left.split('?').next(), Some(bye(run).as_str()));
    let found = query_of(&left).0;
    let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(found, query);
    assert!(!is_signed_in(run, rp).await);
}

/// The browser stays on a page of ours. A question is answered with yes, and even then nothing leads to the client; an error
/// ends nothing.
async fn stays_here(run: &mut Run, rp: &Rp) {
    let page = &run.browser.page;
    assert!(page.left.is_none(), "{:?}", page.left);
    assert!(page.status == 400 || page.has("logout-confirm"), "{} {}", page.status, page.text());
    if page.has("logout-confirm") {
        run.browser.submit("logout-confirm", &[], "submit").await;
        assert!(run.browser.page.left.is_none(), "{:?}", run.browser.page.left);
    } else {
        assert!(is_signed_in(run, rp).await);
    }
}

pub(crate) async fn rp_initiated_logout(run: &mut Run) {
    let (rp, signed) = signed_in(run).await;
    let (bye, state) = (bye(run), "CANARY-a b&c=д");
    sign_out(
        run,
        &[("id_token_hint", &signed.id_token), ("post_logout_redirect_uri", &bye), ("state", state)],
    )
    .await;
    led_back(run, &rp, &[("state", state)]).await;
}

pub(crate) async fn no_state(run: &mut Run) {
    let (rp, signed) = signed_in(run).await;
    let bye = bye(run);
    sign_out(run, &[("id_token_hint", &signed.id_token), ("post_logout_redirect_uri", &bye)]).await;
    led_back(run, &rp, &[]).await;
}

async fn elsewhere(run: &mut Run, hint: impl FnOnce(&Signed) -> String, uri: &str) {
    let (rp, signed) = signed_in(run).await;
    let hint = hint(&signed);
    sign_out(run, &[("id_token_hint", &hint), ("post_logout_redirect_uri", uri), ("state", "x")]).await;
    stays_here(run, &rp).await;
}

fn own(signed: &Signed) -> String {
    signed.id_token.clone()
}

pub(crate) async fn bad_post_logout_redirect_uri(run: &mut Run) {
    elsewhere(run, own, "https://evil.test/bye").await;
}

pub(crate) async fn query_added_to_post_logout_redirect_uri(run: &mut Run) {
    let uri = format!("{}?foo=bar", bye(run));
    elsewhere(run, own, &uri).await;
}

/// The signature is taken away.
pub(crate) async fn modified_id_token_hint(run: &mut Run) {
    let uri = bye(run);
    let unsigned = |signed: &Signed| jwt::forge(&json!({"alg": "none"}), &signed.claims, |_| Vec::new());
    elsewhere(run, unsigned, &uri).await;
}

/// Another key's signature.
pub(crate) async fn bad_id_token_hint(run: &mut Run) {
    let uri = bye(run);
    let foreign = ClientKey::new(Alg::ES256, "x");
    let forged = move |signed: &Signed| {
        let header = json!({"alg": "ES256", "kid": jwt::parts(&signed.id_token).0["kid"]});
        foreign.sign_with(&header, &signed.claims)
    };
    elsewhere(run, forged, &uri).await;
}

pub(crate) async fn no_id_token_hint(run: &mut Run) {
    let (rp, _) = signed_in(run).await;
    let bye = bye(run);
    sign_out(run, &[("post_logout_redirect_uri", &bye), ("state", "x")]).await;
    stays_here(run, &rp).await;
}

/// The person is asked, and stays with us.
async fn asked(run: &mut Run, form: &[(&str, &str)]) {
    let (rp, _) = signed_in(run).await;
    sign_out(run, form).await;
    run.browser.submit("logout-confirm", &[], "submit").await;
    stayed(run, &rp).await;
}

async fn stayed(run: &mut Run, rp: &Rp) {
    assert!(run.browser.page.left.is_none() && run.browser.page.status == 200);
    assert!(run.browser.page.has("signed-out"), "{}", run.browser.page.text());
    assert!(!is_signed_in(run, rp).await);
}

pub(crate) async fn no_params(run: &mut Run) {
    asked(run, &[]).await;
}

pub(crate) async fn only_state(run: &mut Run) {
    asked(run, &[("state", "x")]).await;
}

pub(crate) async fn no_post_logout_redirect_uri(run: &mut Run) {
    let (rp, signed) = signed_in(run).await;
    sign_out(run, &[("id_token_hint", &signed.id_token), ("state", "x")]).await;
    stayed(run, &rp).await;
}

pub(crate) async fn rp_initiated_discovery(run: &mut Run) {
    let facts = run.at.facts().await;
    assert_eq!(facts["end_session_endpoint"], format!("{}/oauth2/logout", run.at.issuer));
}

async fn supports(run: &Run, names: [&str; 2]) {
    let facts = run.at.facts().await;
    names.iter().for_each(|name| assert_eq!(facts[*name], true, "{name}"));
    assert!(facts["end_session_endpoint"].is_string());
}

pub(crate) async fn back_channel_discovery(run: &mut Run) {
    supports(run, ["backchannel_logout_supported", "backchannel_logout_session_supported"]).await;
}

pub(crate) async fn front_channel_discovery(run: &mut Run) {
    supports(run, ["frontchannel_logout_supported", "frontchannel_logout_session_supported"]).await;
}

pub(crate) async fn session_management_discovery(run: &mut Run) {
    let facts = run.at.facts().await;
    assert_eq!(facts["check_session_iframe"], format!("{}/oauth2/session", run.at.issuer));
}

pub(crate) async fn back_channel(run: &mut Run) {
    let place = run.place("back-channel");
    let uri = format!("{}{place}", run.at.party.origin);
    let more = json!({"backchannel_logout_uri": uri, "backchannel_logout_session_required": true});
    let rp = run.client_with("back-channel", more).await.rp;
    let ask = run.ask(&rp);
    let signed = run.complete(&rp, &ask).await;
    let bye = bye(run);
    let began = run.at.now();
    sign_out(
        run,
        &[("id_token_hint", &signed.id_token), ("post_logout_redirect_uri", &bye), ("state", "x")],
    )
    .await;
    led_back(run, &rp, &[("state", "x")]).await;
    let begun = Instant::now();
    let calls = loop {
        let calls = run.at.party.calls(&place);
        if !calls.is_empty() {
            break calls;
        }
        assert!(begun.elapsed() < BOUND, "no logout token came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    for call in &calls {
        crate::tls::is_sound(&call.secured);
        let form: Vec<(String, String)> = form_urlencoded::parse(call.body.as_bytes()).into_owned().collect();
        let [(name, token)] = form.as_slice() else {
            panic!("{form:?}")
        };
        assert_eq!((name.as_str(), call.query.as_str()), ("logout_token", ""));
        logout_token(run, &rp, &signed, (token, began)).await;
    }
}

/// Back-Channel Logout §2.4 and §2.6.
async fn logout_token(run: &Run, rp: &Rp, signed: &Signed, (token, began): (&str, i64)) {
    let claims = jwt::verify(token, &rp.jwks().await).unwrap();
    let (header, _) = jwt::parts(token);
    assert_eq!((&header["typ"], &header["alg"]), (&json!("logout+jwt"), &json!("RS256")));
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(run.at.issuer), &json!(rp.id)));
    assert_eq!((&claims["sub"], &claims["sid"]), (&signed.claims["sub"], &signed.claims["sid"]));
    assert_eq!(claims["events"], json!({ EVENT: {} }));
    assert!(claims.get("nonce").is_none() && claims["jti"].is_string(), "{claims}");
    let time = |name: &str| claims[name].as_i64().unwrap();
    assert!(time("iat") >= began && time("exp") == time("iat") + 120, "{claims}");
    let known = ["iss", "sub", "aud", "iat", "exp", "jti", "events", "sid"];
    assert!(claims.as_object().unwrap().keys().all(|name| known.contains(&name.as_str())), "{claims}");
}

pub(crate) async fn front_channel(run: &mut Run) {
    let place = run.place("front-channel");
    let uri = format!("{}{place}", run.at.party.origin);
    let more = json!({"frontchannel_logout_uri": uri, "frontchannel_logout_session_required": true});
    let rp = run.client_with("front-channel", more).await.rp;
    let ask = run.ask(&rp);
    let signed = run.complete(&rp, &ask).await;
    let bye = bye(run);
    sign_out(
        run,
        &[("id_token_hint", &signed.id_token), ("post_logout_redirect_uri", &bye), ("state", "x")],
    )
    .await;
    let page = &run.browser.page;
    let policy = page.answer.as_ref().unwrap().header("content-security-policy").to_owned();
    let allowed = policy.split("; ").find_map(|part| part.strip_prefix("frame-src ")).unwrap_or_default();
    assert_eq!(allowed, run.at.party.origin, "{policy}");
    // The browser loads the frames, then goes on.
    let client = trusting(&run.at.authority);
    let frames = page.html.attributes("iframe", "src");
    for frame in &frames {
        assert_eq!(client.get(frame).send().await.unwrap().status(), 200, "{frame}");
    }
    let calls = run.at.party.calls(&place);
    let [call] = calls.as_slice() else {
        panic!("{frames:?}: {calls:?}")
    };
    let told: Vec<_> = form_urlencoded::parse(call.query.as_bytes()).into_owned().collect();
    let sid = signed.claims["sid"].as_str().unwrap();
    let expected = [("iss", run.at.issuer.as_str()), ("sid", sid)];
    assert_eq!(told, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let onward = page.html.attribute("continue", "href").unwrap();
    assert_eq!(onward, format!("{bye}?state=x"));
    run.browser.get(&onward).await;
    led_back(run, &rp, &[("state", "x")]).await;
}

/// What the framed page answers to a page of the client (Session Management §4.2).
fn answered(run: &Run, rp: &Rp, session_state: &str) -> &'static str {
    let jar = &run.browser.jar;
    let state = jar.get("__Host-kabinet-state").map(|kept| kept.value.as_str()).unwrap_or_default();
    let (_, salt) = session_state.split_once('.').unwrap();
    let text = format!("{} {} {state} {salt}", rp.id, run.at.party.origin);
    let expected = format!("{}.{salt}", URL_SAFE_NO_PAD.encode(Sha256::digest(text)));
    if expected == session_state { "unchanged" } else { "changed" }
}

/// A client that has session management, and the first answer with a `session_state`: a running node hears of a change within a
/// second.
async fn with_state(run: &mut Run) -> (Rp, Callback, Signed) {
    let rp = match run.variant.registration {
        Registration::Static => run.client_with("session", json!({"session_management": true})).await.rp,
        Registration::Dynamic => {
            let rp = run.client_with("session", json!({})).await.rp;
            let (at, id) = (run.at, rp.id.to_string());
            let update = move || at.run(&["client", "update", &id, "--session-management", "--json"]);
            tokio::task::spawn_blocking(update).await.unwrap();
            rp
        }
    };
    let begun = Instant::now();
    loop {
        let ask = run.ask(&rp);
        run.visit(&ask).await;
        let callback = run.returned(&ask);
        let signed = run.finish(&rp, &ask, &callback).await;
        if !callback.get("session_state").is_empty() {
            return (rp, callback, signed);
        }
        assert!(begun.elapsed() < BOUND, "no session_state");
    }
}

pub(crate) async fn session_management(run: &mut Run) {
    let (rp, callback, signed) = with_state(run).await;
    let state = callback.get("session_state");
    assert!(!state.contains(' ') && state.contains('.'), "{state}");
    assert_eq!(answered(run, &rp, state), "unchanged");
    let page: Value = run.at.facts().await["check_session_iframe"].take();
    let path = page.as_str().unwrap().strip_prefix(&run.at.issuer).unwrap().to_owned();
    let begun = Instant::now();
    loop {
        let answer = run.at.get(&path).await.ok();
        let policy = answer.header("content-security-policy");
        let ancestors = policy
            .split("; ")
            .find_map(|part| part.strip_prefix("frame-ancestors "))
            .unwrap_or_default();
        if ancestors == run.at.party.origin {
            assert!(answer.header("content-type").starts_with("text/html"));
            assert_eq!(answer.header("x-frame-options"), "");
            break;
        }
        assert!(begun.elapsed() < BOUND, "the client may not frame it: {policy}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let bye = bye(run);
    sign_out(run, &[("id_token_hint", &signed.id_token), ("post_logout_redirect_uri", &bye)]).await;
    led_back(run, &rp, &[]).await;
    assert_eq!(answered(run, &rp, state), "changed");
}
