//! JWTs as a relying party reads them, and as an attacker makes them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jwk::Jwk;
use josekit::jws::{ES256, EdDSA, JwsVerifier, PS256, RS256};
use serde_json::Value;

/// Header and claims, without looking at the signature.
///
/// # Panics
/// When it is no compact JWS.
#[must_use]
pub fn parts(token: &str) -> (Value, Value) {
    let pieces: Vec<&str> = token.split('.').collect();
    assert_eq!(pieces.len(), 3, "not a JWS: {token}");
    let read = |piece: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(piece).expect("base64url")).expect("JSON");
    (read(pieces[0]), read(pieces[1]))
}

/// Encodes header and claims and signs them as `sign` says.
pub fn forge(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", encode(header), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(text.as_bytes()));
    format!("{text}.{signature}")
}

/// Verifies a token by a JWK set: the key is found by `kid`, the algorithm is the key's own.
///
/// # Errors
/// Says what is wrong.
pub fn verify(token: &str, jwks: &Value) -> Result<Value, String> {
    let (header, claims) = parts(token);
    let keys = jwks["keys"].as_array().ok_or("no keys")?;
    let key = keys.iter().find(|key| key["kid"] == header["kid"]).ok_or("no such kid")?;
    if key["alg"] != header["alg"] {
        return Err(format!("alg {} with a key for {}", header["alg"], key["alg"]));
    }
    let jwk = Jwk::from_map(key.as_object().ok_or("no object")?.clone()).map_err(|why| why.to_string())?;
    let verifier: Box<dyn JwsVerifier> = match key["alg"].as_str() {
        Some("RS256") => Box::new(RS256.verifier_from_jwk(&jwk).map_err(|why| why.to_string())?),
        Some("PS256") => Box::new(PS256.verifier_from_jwk(&jwk).map_err(|why| why.to_string())?),
        Some("ES256") => Box::new(ES256.verifier_from_jwk(&jwk).map_err(|why| why.to_string())?),
        Some("EdDSA") => Box::new(EdDSA.verifier_from_jwk(&jwk).map_err(|why| why.to_string())?),
        other => return Err(format!("alg {other:?}")),
    };
    let (text, signature) = token.rsplit_once('.').ok_or("no signature")?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|why| why.to_string())?;
    verifier.verify(text.as_bytes(), &signature).map_err(|why| why.to_string())?;
    Ok(claims)
}
