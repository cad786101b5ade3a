//! F02: the decoder of forms and queries, and of `Basic`. Input: the bytes of a form.
//!
//! Promised: names and values are those that a decoder written here finds, in order, the empty ones left out. A name that stands
//! twice, a control character, what is not UTF-8, and more than [`MOST`] parameters are faults, and nothing else is. What was
//! read and is written again is read the same. A client's name and secret survive `Basic`. Work grows with the length.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kabinet_oidc::client_auth::basic;
use kabinet_oidc::request::{MOST, Params};

use crate::work;

/// Parameters that may stand several times (RFC 8707 §2, RFC 8693 §2.1).
const SEVERAL: [&str; 2] = ["resource", "audience"];

pub(crate) fn run(data: &[u8]) {
    let params = work::within(data.len(), || Params::parse(data));
    let (expected, is_sound) = model(data);
    let read: Vec<(&str, &str)> = params.iter().collect();
    let expected: Vec<(&str, &str)> = expected.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(read, expected);
    assert_eq!(params.sound().is_ok(), is_sound);
    for (name, value) in &read {
        let first = read.iter().find(|(known, _)| known == name).expect("itself");
        assert_eq!(params.get(name), Some(first.1));
        let all: Vec<&str> = params.all(name).collect();
        assert!(all.contains(value) && (all.len() == 1 || SEVERAL.contains(name)), "{name} stands twice");
    }
    assert!(!(is_sound && read.iter().any(|(name, _)| params.repeats(name))));
    again(&read);
    credentials(data);
}

/// Bytes of a name or a value (URL standard, application/x-www-form-urlencoded parsing).
fn decoded(text: &[u8]) -> Vec<u8> {
    let hex = |at: usize| text.get(at).and_then(|digit| (*digit as char).to_digit(16));
    let mut out = Vec::new();
    let mut at = 0;
    while at < text.len() {
        match (text[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', ..) => out.push(b' '),
            (other, ..) => out.push(other),
        }
        at += 1;
    }
    out
}

/// What is read of a form, and whether nothing is wrong with it.
fn model(data: &[u8]) -> (Vec<(String, String)>, bool) {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut is_sound = true;
    for piece in data.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty()) {
        let equals = piece.iter().position(|byte| *byte == b'=');
        let (name, value) = equals.map_or((piece, &[][..]), |at| (&piece[..at], &piece[at + 1..]));
        let (name, value) = (decoded(name), decoded(value));
        if value.is_empty() {
            continue;
        }
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).ok()?;
            let is_text = !text.contains('\u{fffd}') && !text.chars().any(char::is_control);
            is_text.then_some(text)
        };
        match (text(name), text(value)) {
            (Some(name), Some(value)) if pairs.len() < MOST => {
                let is_again = !SEVERAL.contains(&name.as_str()) && pairs.iter().any(|(known, _)| *known == name);
                is_sound &= !is_again;
                if !is_again {
                    pairs.push((name, value));
                }
            }
            _ => is_sound = false,
        }
    }
    (pairs, is_sound)
}

/// Written and read again, in the usual way and with every byte escaped.
fn again(read: &[(&str, &str)]) {
    let mut usual = form_urlencoded::Serializer::new(String::new());
    usual.extend_pairs(read);
    let escaped = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let every: Vec<String> = read.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
    for form in [usual.finish(), every.join("&")] {
        let params = Params::parse(form.as_bytes());
        assert!(params.sound().is_ok());
        assert!(params.iter().eq(read.iter().copied()), "{form}");
    }
}

fn credentials(data: &[u8]) {
    let Some(text) = crate::text(data) else { return };
    let _ = basic(text);
    let _ = basic(&format!("Basic {}", STANDARD.encode(text)));
    let (id, secret) = text.split_at(text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at));
    let encoded = |half: &str| form_urlencoded::byte_serialize(half.as_bytes()).collect::<String>();
    let header = format!("bAsIc {}", STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret))));
    assert_eq!(basic(&header), Some((id.to_owned(), secret.to_owned())));
}
