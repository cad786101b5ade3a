//! A sign-in by certificate is one verification of a signed message: signature, chain of three, two revocation lists.

use anyhow::{Context, Result};

use super::{Row, Scene, server};
use crate::shell;

/// The message, what it is, and its budget in times of the engine. 512 bits are the signer's; the authorities have 256.
const MESSAGES: [(&str, &str, Option<f64>); 2] = [
    ("detached-person-256.p7s", "signed message, 256 bits", Some(2.0)),
    ("detached-person-512.p7s", "signed message, 512 bits under 256", None),
];

pub fn signatures(_: &mut Scene<'_>) -> Vec<Row> {
    MESSAGES.map(row).into()
}

fn row((message, what, limit): (&str, &str, Option<f64>)) -> Row {
    let budget = if limit.is_some() { "≤ 2 × OpenSSL's GOST engine" } else { "" };
    match cost(message) {
        Ok((ours, engine)) => {
            let ratio = ours / engine;
            let mut row = Row::new(what, format!("{ours:.2} ms"), budget, limit.map(|limit| ratio <= limit));
            row.beside = format!("{ratio:.2} × the engine ({engine:.2} ms)");
            row
        }
        Err(error) => Row::new(what, format!("not measured: {error:#}"), budget, None),
    }
}

/// Milliseconds on core 0, ours and the engine's.
fn cost(message: &str) -> Result<(f64, f64)> {
    let mut build = shell::cargo();
    build.args(["build", "--release", "-p", "xtask", "--example", "signature_cost"]);
    // The system's OpenSSL is the one that has the engine.
    build.env("OPENSSL_NO_VENDOR", "1");
    shell::run(&mut build)?;
    let fixtures = shell::root().join("crates/gost/fixtures");
    let mut command = server::pinned_to(0, &shell::target().join("release/examples/signature_cost"));
    command.arg(&fixtures).arg(message).env("OPENSSL_CONF", fixtures.join("gost.cnf"));
    let out = shell::output(&mut command).context("signature_cost failed; is libengine-gost-openssl installed?")?;
    let (ours, engine) = out.trim().split_once(' ').context("signature_cost printed no two numbers")?;
    Ok((ours.parse()?, engine.parse()?))
}
