//! F06: the `claims` parameter and request objects. The first line of the input is a `claims` parameter or a request object, the
//! second one the query beside it.
//!
//! Promised: `claims` is an object without a member twice, of 8 KiB and 128 levels at most, and asks for known claims alone; what
//! was read survives the seal. Only `alg` `none` without a signature is unsigned. Of the parameters those inside win, those beside
//! it fill up, the token's own claims and another object never pass. All of it happens on a stack of 256 KiB (a worker of the
//! server has 2 MiB), and the work grows with the length and not faster.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kabinet_core::claims::scope_of;
use kabinet_core::json;
use kabinet_core::scope::Scope;
use kabinet_oidc::claims::ClaimsRequest;
use kabinet_oidc::request::Params;
use kabinet_oidc::request_object::{merged, unsigned};
use serde_json::{Map, Value};

use crate::work;

const STACK: usize = 256 * 1024;
/// Claims of a JWT that are no parameters, and what a request object must not bring.
const NEVER: [&str; 7] = ["iss", "aud", "exp", "nbf", "iat", "jti", "sub"];

/// A thread with a small stack: what goes in is run there.
struct Narrow {
    to: SyncSender<Vec<u8>>,
    back: Receiver<()>,
}

pub(crate) fn run(data: &[u8]) {
    let Some(text) = crate::text(data) else { return };
    // Passing it to a thread takes longer than the work: what is nested, and some of the rest.
    if depth(text) > 16 || data.len().is_multiple_of(16) {
        narrow(data);
    } else {
        reads(text);
    }
}

fn narrow(data: &[u8]) {
    static NARROW: OnceLock<Mutex<Narrow>> = OnceLock::new();
    let narrow = NARROW.get_or_init(|| {
        let (to, inside) = sync_channel::<Vec<u8>>(0);
        let (done, back) = sync_channel(0);
        let work = move || {
            for data in inside {
                on_narrow(&data);
                if done.send(()).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().stack_size(STACK).spawn(work).expect("a thread");
        Mutex::new(Narrow { to, back })
    });
    let narrow = narrow.lock().expect("one at a time");
    narrow.to.send(data.to_vec()).expect("it is there");
    narrow.back.recv().expect("it does not fail");
}

fn on_narrow(data: &[u8]) {
    let Some(text) = crate::text(data) else { return };
    let (first, _) = text.split_once('\n').unwrap_or((text, ""));
    // Ever deeper, up to what no request needs.
    for depth in [60, 126, 200] {
        claims(&format!("{}{first}{}", r#"{"userinfo":"#.repeat(depth), "}".repeat(depth)));
        claims(&format!(r#"{{"id_token":{{"acr":{}{first}{}}}}}"#, "[".repeat(depth), "]".repeat(depth)));
    }
    reads(text);
}

fn reads(text: &str) {
    let (first, beside) = text.split_once('\n').unwrap_or((text, ""));
    claims(first);
    object(first);
    if let Ok(inside) = json::object(first.as_bytes()) {
        merges(&inside, beside);
    }
}

/// The deepest nesting outside strings.
fn depth(text: &str) -> usize {
    let (mut deep, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => deep += 1,
            (false, b'}' | b']') => deep = deep.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(deep);
    }
    deepest
}

fn claims(text: &str) {
    let Ok(read) = work::within(text.len(), || ClaimsRequest::parse(text)) else {
        return;
    };
    assert!(text.len() <= 8 * 1024 && depth(text) <= 128);
    let whole = json::object(text.as_bytes()).expect("an object without a member twice");
    let asked = |place: &str| whole.get(place).and_then(Value::as_object);
    for (place, names) in [("userinfo", &read.userinfo), ("id_token", &read.id_token)] {
        let known: Vec<&String> = asked(place)
            .into_iter()
            .flat_map(Map::keys)
            .filter(|name| scope_of(name).is_some())
            .collect();
        assert_eq!(names.len(), known.len());
        assert!(known.len() <= 64 && known.iter().all(|name| names.contains(name)));
        assert!(names.is_sorted());
    }
    let acr = asked("id_token")
        .and_then(|asked| asked.get("acr"))
        .filter(|acr| acr["essential"] == true);
    assert!(read.acr.is_empty() || acr.is_some());
    if let Some(sub) = &read.sub {
        assert!(
            ["id_token", "userinfo"]
                .iter()
                .any(|place| asked(place).is_some_and(|asked| asked["sub"]["value"] == *sub))
        );
    }
    let sealed = serde_json::to_string(&read).expect("JSON");
    assert_eq!(serde_json::from_str::<ClaimsRequest>(&sealed).expect("what was sealed"), read);
    let nothing = read.clone().within(&Scope::default());
    assert!(nothing.userinfo.is_empty() && nothing.id_token.is_empty());
    let all = read.clone().within(&read.scope());
    assert_eq!(all, read);
}

fn object(text: &str) {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let encoded = |header: &str, signature: &str| format!("{}.{}.{signature}", part(header), part(text));
    let payload = json::object(text.as_bytes()).ok();
    assert_eq!(work::within(2 * text.len(), || unsigned(&encoded(r#"{"alg":"none"}"#, ""))), payload);
    for (header, signature) in [
        (r#"{"alg":"none"}"#, "c2ln"),
        (r#"{"alg":"none"}"#, "."),
        (r#"{"alg":"NONE"}"#, ""),
        (r#"{"alg":"none","alg":"ES256"}"#, ""),
        (r#"{"alg":["none"]}"#, ""),
        (r#"{"alg":"none","crit":["exp"]}"#, ""),
        ("{}", ""),
    ] {
        assert_eq!(unsigned(&encoded(header, signature)), None, "{header}");
    }
    // The text itself as an object, and as a header.
    if let Some(read) = unsigned(text) {
        assert!(text.ends_with('.') && text.matches('.').count() == 2);
        let payload = text.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        assert_eq!(json::object(&payload.expect("base64url")), Ok(read));
    }
    let as_header = unsigned(&format!("{}.{}.", part(text), part("{}")));
    let says_none = payload
        .is_some_and(|header| header.get("alg").is_some_and(|alg| alg == "none") && !header.contains_key("crit"));
    assert_eq!(as_header.is_some(), says_none);
}

fn merges(inside: &Map<String, Value>, beside: &str) {
    let beside = Params::parse(beside.as_bytes());
    let Ok(all) = work::within(beside.iter().count() * 64 + Value::Object(inside.clone()).to_string().len(), || {
        merged(&beside, inside)
    }) else {
        return;
    };
    if all.sound().is_err() {
        return;
    }
    let text = |name: &str| inside.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    for (name, value) in all.iter() {
        let is_inside = match inside.get(name) {
            Some(Value::String(text)) => text == value,
            Some(Value::Array(several)) => several.iter().any(|one| one == value),
            Some(other) => serde_json::to_string(other).is_ok_and(|text| text == value),
            None => false,
        };
        assert!(is_inside || beside.all(name).any(|one| one == value), "{name} came from nowhere");
        assert!(
            !NEVER.contains(&name) || beside.get(name) == Some(value),
            "a claim of the token passed as {name}"
        );
        assert!(
            !matches!(name, "request" | "request_uri") || inside.contains_key(name),
            "the object stands in itself"
        );
    }
    for name in ["client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge", "prompt", "response_mode"] {
        if let Some(text) = text(name) {
            assert_eq!(all.get(name), Some(text), "what stands inside wins");
        } else if !inside.contains_key(name) {
            assert_eq!(all.get(name), beside.get(name));
        }
    }
    if let (Some(one), Some(other)) = (text("response_type"), beside.get("response_type")) {
        assert_eq!(one, other);
    }
}
