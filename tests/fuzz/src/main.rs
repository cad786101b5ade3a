//! Fuzz targets: whatever bytes come, the parsers and checks say what an independent reading of the specification says.
//!
//! One binary, so that one build and one link serve every target; `KABINET_FUZZ` names the one to run (see [`TARGETS`]).
//!
//! 1. `cargo xtask test --only fuzz` builds it with the address sanitizer and runs every target for ten seconds.
//! 2. Without the feature `libfuzzer` it replays files, in an ordinary build: `KABINET_FUZZ=F03 cargo run -p kabinet-fuzz FILE…`.
//! 3. `corpus/F03` and so on hold what each target starts from: real inputs and known attacks, as text. `dictionary` holds the
//!    words that no mutation guesses.
//!
//! A target is one module and one line in [`TARGETS`], and a folder in `corpus`. It asserts more than that nothing panics: its
//! module says what. What a target finds is mended beside the code, with a unit test.
//!
//! F05, proofs of possession (RFC 9449), begins with what has that shape today: assertions of clients.
//! F07 and F08 (certificates, messages, signatures) stand beside what they hold, in `kabinet_gost::fuzz`.
#![cfg_attr(feature = "libfuzzer", no_main)]

mod assertion;
mod claims;
mod form;
mod jose;
mod redirect;
mod request;
mod work;

/// A target: takes any bytes and panics when an assertion does not hold.
type Target = fn(&[u8]);

/// Every target by its name in the table of fuzz targets.
const TARGETS: &[(&str, Target)] = &[
    ("F01", redirect::run),
    ("F02", form::run),
    ("F03", jose::run),
    ("F04", claims::run),
    ("F05", assertion::run),
    ("F06", request::run),
    ("F07", kabinet_gost::fuzz::structures),
    ("F08", kabinet_gost::fuzz::signatures),
];

/// The target that the environment names.
fn chosen() -> Target {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus");
    for (name, _) in TARGETS {
        assert!(std::path::Path::new(corpus).join(name).is_dir(), "{name} has no corpus");
    }
    let name = std::env::var("KABINET_FUZZ").unwrap_or_default();
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("KABINET_FUZZ={name:?} names no target")).1
}

/// The input as text; `None` when it is not UTF-8.
fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

#[cfg(feature = "libfuzzer")]
static TARGET: std::sync::OnceLock<Target> = std::sync::OnceLock::new();

#[cfg(feature = "libfuzzer")]
libfuzzer_sys::fuzz_target!(|data: &[u8]| TARGET.get_or_init(chosen)(data));

#[cfg(not(feature = "libfuzzer"))]
fn main() -> std::io::Result<()> {
    let target = chosen();
    for file in std::env::args_os().skip(1) {
        println!("{}", file.display());
        target(&std::fs::read(file)?);
    }
    Ok(())
}
