//! Modules about how a request is made: request objects, the `claims` parameter, PKCE.

use kabinet_tests::{Ask, Rp, jwt};
use serde_json::{Map, Value, json};

use crate::suite::{KEY, Run};

/// The parameters of a request as the claims of an object.
fn inside(run: &Run, rp: &Rp, ask: &Ask) -> Value {
    let mut claims: Map<String, Value> =
        ask.params.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    claims.insert("iss".to_owned(), json!(rp.id));
    claims.insert("aud".to_owned(), json!(run.at.issuer));
    claims.into()
}

fn unsigned(claims: &Value) -> String {
    jwt::forge(&json!({"alg": "none"}), claims, |_| Vec::new())
}

/// What must stand beside an object (OpenID Connect Core §6.1), and nothing that could be taken in its place.
fn beside(rp: &Rp, ask: &Ask) -> Ask {
    Ask { params: Vec::new(), verifier: None }
        .with("client_id", rp.id.as_str())
        .with("response_type", ask.get("response_type"))
        .with("scope", "openid")
}

/// Signs in by `outer`; what comes back must answer what `inner` asks.
async fn by(run: &mut Run, rp: &Rp, inner: &Ask, outer: &Ask) {
    run.visit(outer).await;
    let callback = run.returned(inner);
    run.finish(rp, inner, &callback).await;
}

async fn unsigned_client(run: &mut Run) -> Rp {
    let more = json!({"request_object_signing_alg": "none"});
    run.client_with("unsigned-object", more).await.rp
}

/// kabinet supports them, so nothing less than the whole is taken for an answer.
pub(crate) async fn unsigned_request_object(run: &mut Run) {
    let rp = unsigned_client(run).await;
    let ask = run.ask(&rp).with("scope", "openid email");
    let outer = beside(&rp, &ask).with("request", &unsigned(&inside(run, &rp, &ask)));
    by(run, &rp, &ask, &outer).await;
}

/// The redirect URI inside is used, the bad one beside it is not.
pub(crate) async fn ensure_request_object_with_redirect_uri(run: &mut Run) {
    let rp = unsigned_client(run).await;
    let ask = run.ask(&rp);
    let outer = beside(&rp, &ask).with("request", &unsigned(&inside(run, &rp, &ask)));
    by(run, &rp, &ask, &outer.with("redirect_uri", "https://evil.test/cb")).await;
}

/// A client whose request objects are fetched from places of this module; the URL of this variant's.
async fn fetched(run: &mut Run, module: &str, alg: &str) -> (Rp, String) {
    let origin = run.at.party.origin.clone();
    let uris: Vec<String> = run.places(module).iter().map(|path| format!("{origin}{path}")).collect();
    let more = json!({"request_uris": uris, "request_object_signing_alg": alg});
    let uri = format!("{origin}{}", run.place(module));
    (run.client_with(module, more).await.rp, uri)
}

pub(crate) async fn request_uri_unsigned(run: &mut Run) {
    let (rp, uri) = fetched(run, "request-uri-unsigned", "none").await;
    let ask = run.ask(&rp);
    run.at
        .party
        .publish(&run.place("request-uri-unsigned"), &unsigned(&inside(run, &rp, &ask)));
    let outer = beside(&rp, &ask).with("request_uri", &uri);
    by(run, &rp, &ask, &outer).await;
}

pub(crate) async fn request_uri_signed_rs256(run: &mut Run) {
    let (rp, uri) = fetched(run, "request-uri-signed-rs256", "RS256").await;
    let ask = run.ask(&rp);
    let place = run.place("request-uri-signed-rs256");
    run.at.party.publish(&place, &KEY.sign(&inside(run, &rp, &ask)));
    let outer = beside(&rp, &ask).with("request_uri", &uri);
    by(run, &rp, &ask, &outer).await;
    // And by its signature, not by its address.
    let ask = run.ask(&rp);
    run.at.party.publish(&place, &unsigned(&inside(run, &rp, &ask)));
    run.browser.get(&outer.with("redirect_uri", rp.redirect_uri()).url()).await;
    let refused = kabinet_tests::Callback::of(&run.browser.page);
    assert_eq!(refused.get("error"), "invalid_request_object", "{:?}", refused.params);
}

/// At userinfo, or in the ID token where there is nothing to ask userinfo with; the suite only warns when it is missing.
pub(crate) async fn claims_essential(run: &mut Run) {
    let rp = run.client().await;
    let place = if run.variant.gives_access() { "userinfo" } else { "id_token" };
    let claims = json!({place: {"name": {"essential": true}}}).to_string();
    let ask = run.ask(&rp).with("claims", &claims);
    let signed = run.complete(&rp, &ask).await;
    let told = if run.variant.gives_access() { &signed.info } else { &signed.claims };
    assert_eq!(told["name"], crate::provider::claims()["name"]);
}

pub(crate) async fn valid_pkce(run: &mut Run) {
    let rp = run.client().await;
    let ask = run.shaped(rp.ask());
    assert!(ask.verifier.is_some());
    run.complete(&rp, &ask).await;
}
