//! gostcrypto, an implementation in Python by yet others, says the same of sound and altered signatures.

use std::io::Write;
use std::process::{Command, Stdio};

use kabinet_gost::ParameterSet;
use kabinet_gost::signature::verify;

use crate::bare::digest;
use crate::engine::Engine;

/// The sets that gostcrypto knows: each curve once.
const SETS: [ParameterSet; 7] = [
    ParameterSet::Tc26A256,
    ParameterSet::Tc26B256,
    ParameterSet::Tc26C256,
    ParameterSet::Tc26D256,
    ParameterSet::Tc26A512,
    ParameterSet::Tc26B512,
    ParameterSet::Tc26C512,
];

/// Reads lines of set, key, digest and signature in hexadecimal, as they stand in certificates; prints a verdict for each.
const PROGRAM: &str = "
import sys
from gostcrypto import gosthash, gostsignature as gs
for line in sys.stdin:
    name, key, message, signature = line.split()
    half = len(key) // 4
    key, message, signature = (bytearray.fromhex(text) for text in (key, message, signature))
    wide = half > 32
    digest = gosthash.new('streebog512' if wide else 'streebog256', data=message).digest()
    verifier = gs.new(gs.MODE_512 if wide else gs.MODE_256, gs.CURVES_R_1323565_1_024_2019[name])
    point = key[:half][::-1] + key[half:][::-1]
    print(int(verifier.verify(point, digest[::-1], signature[half:] + signature[:half])))
";

fn ask(lines: &str) -> Vec<bool> {
    let python = std::env::var("E2E_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut command = Command::new(python);
    command
        .args(["-c", PROGRAM])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|why| panic!("Python cannot be run: {why}"));
    let mut input = child.stdin.take().unwrap();
    let lines = lines.to_owned();
    // An interpreter without gostcrypto ends before it has read everything.
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "gostcrypto is missing or failed; `cargo xtask test --only gost` installs it: {said}"
    );
    writer.join().unwrap().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(|line| line == "1").collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn gostcrypto_agrees_on_every_signature_good_or_altered() {
    let (mut lines, mut ours) = (String::new(), Vec::new());
    for set in SETS {
        let engine = Engine::new();
        let key = engine.key("key.pem", set);
        for number in 0..2 {
            let message = format!("{number} over {}", set.name());
            let good = engine.sign("key.pem", set, message.as_bytes());
            let mut altered = good.clone();
            altered[number * 11] ^= 1;
            for signature in [good, altered] {
                ours.push(verify(set, &key, &digest(set, message.as_bytes()), &signature).is_ok());
                let line = [hex(&key), hex(message.as_bytes()), hex(&signature)].join(" ");
                lines.push_str(&format!("{} {line}\n", set.name()));
            }
        }
    }
    assert_eq!(ask(&lines), ours);
    assert_eq!(ours.iter().filter(|good| **good).count(), SETS.len() * 2);
}
