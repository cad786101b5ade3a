//! F03: JSON, keys and signed tokens. The first line of the input is the header of a token, the second one its claims; they are
//! signed here. Or the first line is a JWK set and the second one a token that somebody else made.
//!
//! Promised:
//! 1. Strict JSON is what `serde_json` reads, unless a member stands twice; that is counted in the text.
//! 2. A token passes exactly when a table written here says so; one bit more or less and it does not.
//! 3. What is verified with keys from outside is verified by another implementation, too, with the same algorithm and one of the
//!    same keys; `none` and symmetric algorithms never are, nor is anything encrypted.
//! 4. A key that is fit for use holds no private part; what is encrypted to it is encrypted as we chose.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jwe::{self, ECDH_ES, JweEncrypter, JweHeader, RSA_OAEP_256};
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jwk::alg::ed::EdCurve;
use josekit::jws::{ES256, EdDSA, JwsSigner};
use kabinet_core::client::Alg;
use kabinet_core::json;
use kabinet_core::jwk::{JwkSet, KeyManagement, PublicKey};
use kabinet_oidc::keys::client::{TypPolicy, verify};
use openidconnect::JsonWebKey;
use openidconnect::core::{CoreJsonWebKey, CoreJwsSigningAlgorithm};
use serde_json::{Map, Value, json};

use crate::work;

const TYP: TypPolicy = TypPolicy::Optional(&["JWT", "client-authentication+jwt"]);
/// Bytes of a token.
const LONGEST: usize = 16 * 1024;

pub(crate) fn run(data: &[u8]) {
    let Some(text) = crate::text(data) else { return };
    let (first, second) = text.split_once('\n').unwrap_or((text, "{}"));
    let object = strict(first);
    strict(second);
    refuses_foreign(second);
    match object {
        Some(set) if set.contains_key("keys") => with_keys(set, second),
        _ => signed(first, second),
    }
}

/// Members of all objects in a JSON text, by the colons outside its strings.
fn members_in(text: &str) -> usize {
    let (mut members, mut in_string, mut escaped) = (0, false, false);
    for byte in text.bytes() {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b':') => members += 1,
            _ => {}
        }
    }
    members
}

fn members_of(value: &Value) -> usize {
    match value {
        Value::Object(object) => object.len() + object.values().map(members_of).sum::<usize>(),
        Value::Array(list) => list.iter().map(members_of).sum(),
        _ => 0,
    }
}

/// The object of a text when it is one, by a parser that keeps the last of two members; and ours must agree.
fn strict(text: &str) -> Option<Map<String, Value>> {
    let ours = work::within(text.len(), || json::object(text.as_bytes()).ok());
    let expected = match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) if members_of(&value) == members_in(text) => value.as_object().cloned(),
        _ => None,
    };
    assert_eq!(ours, expected, "{text}");
    ours
}

/// Keys of this process, with one id for both.
struct Own {
    signers: [(&'static str, Box<dyn JwsSigner>); 2],
    public: Vec<PublicKey>,
}

fn own() -> &'static Own {
    static OWN: OnceLock<Own> = OnceLock::new();
    OWN.get_or_init(|| {
        let ed = Jwk::generate_ed_key(EdCurve::Ed25519).expect("a key");
        let ec = Jwk::generate_ec_key(EcCurve::P256).expect("a key");
        let public = |key: &Jwk| {
            let mut key = key.to_public_key().expect("its public half");
            key.set_key_id("a");
            key.as_ref().clone()
        };
        let set = JwkSet { keys: vec![public(&ed), public(&ec)] };
        let signers: [(&str, Box<dyn JwsSigner>); 2] = [
            ("EdDSA", Box::new(EdDSA.signer_from_jwk(&ed).expect("a signer"))),
            ("ES256", Box::new(ES256.signer_from_jwk(&ec).expect("a signer"))),
        ];
        Own { signers, public: set.usable() }
    })
}

/// What we sign is taken when the table says so.
fn signed(header: &str, claims: &str) {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let named = strict(header).and_then(|header| Some(header.get("alg")?.as_str()?.to_owned()));
    let own = own();
    let (alg, signer) = own
        .signers
        .iter()
        .find(|(alg, _)| Some(*alg) == named.as_deref())
        .unwrap_or(&own.signers[0]);
    let signature = signer.sign(message.as_bytes()).expect("a signature");
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
    let expected =
        strict(claims).filter(|_| token.len() <= LONGEST && strict(header).is_some_and(|header| is_good(&header, alg)));
    let verified = verify(&token, &own.public, &Alg::ALL, TYP);
    assert_eq!(verified.as_ref().ok().map(|claims| &claims.0), expected.as_ref(), "{verified:?} {header}");
    for other in Alg::ALL.into_iter().filter(|other| other.as_str() != *alg) {
        assert!(verify(&token, &own.public, &[other], TYP).is_err(), "an algorithm that was not allowed");
    }
    if expected.is_some() {
        assert!(verify(&token, &own.public[..0], &Alg::ALL, TYP).is_err());
        assert!(verify(&format!("{message}."), &own.public, &Alg::ALL, TYP).is_err());
        refuses_flipped(&token, &own.public);
    }
}

/// RFC 7515 §4.1, RFC 8725 §3.
fn is_good(header: &Map<String, Value>, alg: &str) -> bool {
    let typ = header.get("typ").map(|typ| typ.as_str().unwrap_or_default().to_lowercase());
    let kinds = ["jwt", "client-authentication+jwt", "application/jwt", "application/client-authentication+jwt"];
    header.get("alg").and_then(Value::as_str) == Some(alg)
        && header.get("kid").is_none_or(|kid| kid.as_str() == Some("a"))
        && typ.is_none_or(|typ| kinds.contains(&typ.as_str()))
        && !["crit", "b64", "enc", "zip"].iter().any(|name| header.contains_key(*name))
}

/// One flipped bit of each part.
fn refuses_flipped(token: &str, keys: &[PublicKey]) {
    let mut start = 0;
    for part in token.split('.') {
        for place in [start, start + part.len() / 2, start + part.len().saturating_sub(1)] {
            for bit in [0, 5] {
                let mut bytes = token.as_bytes().to_vec();
                let Some(byte) = bytes.get_mut(place) else { continue };
                *byte ^= 1 << bit;
                let Ok(flipped) = String::from_utf8(bytes) else {
                    continue;
                };
                assert!(verify(&flipped, keys, &Alg::ALL, TYP).is_err(), "{flipped}");
            }
        }
        start += part.len() + 1;
    }
}

/// What nobody signed with our keys is refused, and so is what is not signed.
fn refuses_foreign(token: &str) {
    let own = own();
    assert!(work::within(token.len(), || verify(token, &own.public, &Alg::ALL, TYP)).is_err());
}

fn with_keys(set: Map<String, Value>, token: &str) {
    let Ok(set) = serde_json::from_value::<JwkSet>(Value::Object(set)) else {
        return;
    };
    let usable = set.usable();
    if set.check().is_ok() {
        assert!(!usable.is_empty() && set.keys.len() <= kabinet_core::jwk::MOST);
        for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(!set.keys.iter().any(|key| key.contains_key(name)), "a private key was registered");
        }
    }
    for key in &usable {
        assert!(key.bare.keys().all(|name| ["kty", "crv", "n", "e", "x", "y"].contains(&name.as_str())));
        for alg in KeyManagement::ALL.into_iter().filter(|alg| key.encrypts(*alg)) {
            closes(key, alg);
        }
    }
    for alg in Alg::ALL {
        let Ok(claims) = verify(token, &usable, &[alg], TYP) else {
            continue;
        };
        let read = reference(token, &set, alg).expect("verified, and the reference does not");
        assert_eq!(claims.0, read);
        assert!(verify(token, &usable, &Alg::ALL, TYP).is_ok());
        refuses_flipped(token, &usable);
    }
}

/// The claims of a token by another implementation, which is told the algorithm.
fn reference(token: &str, set: &JwkSet, alg: Alg) -> Option<Map<String, Value>> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else {
        return None;
    };
    let bytes = |part: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
        (URL_SAFE_NO_PAD.encode(&bytes) == part).then_some(bytes)
    };
    let object = |part: &str| serde_json::from_slice::<Map<String, Value>>(&bytes(part)?).ok();
    let header = object(header)?;
    let algorithm = match alg {
        Alg::RS256 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
        Alg::PS256 => CoreJwsSigningAlgorithm::RsaSsaPssSha256,
        Alg::ES256 => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
        Alg::EdDSA => CoreJwsSigningAlgorithm::EdDsa,
    };
    let message = token.rsplit_once('.')?.0;
    let signature = bytes(signature)?;
    let is_its_own = |key: &Map<String, Value>| {
        let fits = |name: &str, wanted: &str| key.get(name).is_none_or(|value| value == wanted);
        let is_named = header.get("kid").is_none_or(|kid| key.get("kid").is_none_or(|own| own == kid));
        is_named && fits("alg", alg.as_str()) && fits("use", "sig")
    };
    let bare = |key: &Map<String, Value>| {
        let names = ["kty", "crv", "n", "e", "x", "y"];
        let members = names.iter().filter_map(|name| Some(((*name).to_owned(), key.get(*name)?.clone())));
        serde_json::from_value::<CoreJsonWebKey>(Value::Object(members.collect())).ok()
    };
    let mut keys = set.keys.iter().filter(|key| is_its_own(key)).filter_map(bare);
    let is_signed = keys.any(|key| key.verify_signature(&algorithm, message.as_bytes(), &signature).is_ok());
    (header.get("alg")? == alg.as_str() && is_signed).then(|| object(claims)).flatten()
}

/// What goes to a client's key goes there as we chose, whatever the key says.
fn closes(key: &PublicKey, alg: KeyManagement) {
    let jwk = Jwk::from_map(key.bare.clone()).expect("a key that is fit for use");
    let encrypter: Option<Box<dyn JweEncrypter>> = match alg {
        KeyManagement::RsaOaep256 => RSA_OAEP_256.encrypter_from_jwk(&jwk).ok().map(|one| Box::new(one) as _),
        KeyManagement::EcdhEs => ECDH_ES.encrypter_from_jwk(&jwk).ok().map(|one| Box::new(one) as _),
    };
    let mut header = JweHeader::new();
    header.set_content_encryption("A256GCM");
    // A point that is none, or one of low order, is found here at the latest.
    let Some(Ok(closed)) = encrypter.map(|encrypter| jwe::serialize_compact(b"x", &header, &*encrypter)) else {
        return;
    };
    let header = closed
        .split('.')
        .next()
        .and_then(|part| URL_SAFE_NO_PAD.decode(part).ok())
        .expect("a header");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    assert_eq!((&header["alg"], &header["enc"]), (&json!(alg.as_str()), &json!("A256GCM")));
    assert!(header.get("zip").is_none() && closed.split('.').count() == 5);
}
