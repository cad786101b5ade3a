//! ID tokens by signature and encryption, and signed introspection.
//!
//! An ID token is minted beside a rotation, which writes; what one kind costs more than another is the signature. Signed
//! introspection writes nothing.

use anyhow::{Context, Result};

use super::{Row, Scene, bare_signatures, http, rate_of, refresh_load, running, same, signed_in};
use crate::bench::load::Measured;
use crate::bench::scripts::code_of;
use crate::bench::server::REDIRECT_URI;

/// The public key of RFC 7517, appendix A.1: whatever is encrypted to it, nobody reads.
const RECIPIENT: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"}]}"#;
const API: &str = "https://api.example.test";

pub fn id_tokens(scene: &mut Scene<'_>) -> Vec<Row> {
    let mut rows: Vec<Row> = ["RS256", "ES256", "EdDSA"]
        .map(|alg| {
            let load = refresh_load(scene, &["--id-token-signed-response-alg", alg]);
            Row::load(&format!("refresh_token with an ID token {alg}"), load, "")
        })
        .into();
    let encrypted = encrypted_load(scene);
    rows.push(Row::load("refresh_token with an ID token ES256 in ECDH-ES A128CBC-HS256", encrypted, ""));
    rows
}

fn encrypted_load(scene: &mut Scene<'_>) -> Result<Measured> {
    let jwks = running(scene)?.write("recipient.json", RECIPIENT)?;
    let signed = ["--id-token-signed-response-alg", "ES256", "--id-token-encrypted-response-alg", "ECDH-ES"];
    refresh_load(scene, &[&signed[..], &["--jwks", &jwks]].concat())
}

/// Introspection and userinfo as JWTs, beside the signature alone.
pub fn signed(scene: &mut Scene<'_>) -> Vec<Row> {
    let introspection = introspection_load(scene);
    let rate = rate_of(&introspection);
    let first = Row::load("introspect, a JWT signed RS256", introspection, "");
    let mut rows = vec![first.beside(rate, "bare RSA-2048", bare_signatures(), 0.0)];
    for alg in ["RS256", "ES256", "EdDSA"] {
        rows.push(Row::load(&format!("userinfo, a JWT signed {alg}"), userinfo_load(scene, alg), ""));
    }
    rows
}

fn introspection_load(scene: &mut Scene<'_>) -> Result<Measured> {
    let provider = running(scene)?;
    let flags = ["--profile", "machine", "--resource", API, "--default-resource", API, "--client-uri", API];
    let client = provider.create_client("Asks for JWTs", &flags)?;
    let answer = provider.post("/oauth2/token", &client, &[("grant_type", "client_credentials")])?;
    let token = answer["access_token"].as_str().context("no access token")?;
    let accept = "Accept: application/token-introspection+jwt".to_owned();
    same(
        provider.port,
        &http::post("/oauth2/introspect", &[client.basic(), accept], &[("token", token)]),
    )
}

fn userinfo_load(scene: &mut Scene<'_>, alg: &str) -> Result<Measured> {
    let (client, request) = signed_in(scene, &["--userinfo-signed-response-alg", alg])?;
    let provider = &scene.provider;
    let answer = http::Connection::new(provider.port).send(&request)?;
    let code = code_of(&answer).with_context(|| format!("authorize answered {} without a code", answer.status))?;
    let fields = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", REDIRECT_URI)];
    let tokens = provider.post("/oauth2/token", &client, &fields)?;
    let token = tokens["access_token"].as_str().context("no access token")?;
    same(provider.port, &http::get("/oauth2/userinfo", &[format!("Authorization: Bearer {token}")]))
}
