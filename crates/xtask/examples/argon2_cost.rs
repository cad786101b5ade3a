//! The bare cost of the password hash: how many Argon2id hashes one core makes in a second, with the provider's
//! default parameters (19 MiB, two passes, one lane). `cargo xtask bench` holds password sign-in against it.

#![expect(clippy::print_stdout, reason = "its output is its result")]

use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, Version};

fn main() -> anyhow::Result<()> {
    let params = Params::new(19 * 1024, 2, 1, None).map_err(|error| anyhow::anyhow!("{error}"))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut out = [0_u8; 32];
    let begun = Instant::now();
    let mut hashes = 0_u32;
    while begun.elapsed() < Duration::from_secs(3) {
        argon2
            .hash_password_into(b"correct horse battery staple", b"sixteen byte sal", &mut out)
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        hashes += 1;
    }
    println!("{:.2}", f64::from(hashes) / begun.elapsed().as_secs_f64());
    Ok(())
}
