//! Object identifiers, dotted (RFC 9215 §2-§4, RFC 7836 §5.2).

/// ГОСТ Р 34.11-2012, 256 bits.
pub const DIGEST_256: &str = "1.2.643.7.1.1.2.2";
/// ГОСТ Р 34.11-2012, 512 bits.
pub const DIGEST_512: &str = "1.2.643.7.1.1.2.3";
/// A public key for ГОСТ Р 34.10-2012, 256 bits.
pub const KEY_256: &str = "1.2.643.7.1.1.1.1";
/// A public key for ГОСТ Р 34.10-2012, 512 bits.
pub const KEY_512: &str = "1.2.643.7.1.1.1.2";
/// ГОСТ Р 34.10-2012 with ГОСТ Р 34.11-2012, 256 bits.
pub const SIGNATURE_256: &str = "1.2.643.7.1.1.3.2";
/// ГОСТ Р 34.10-2012 with ГОСТ Р 34.11-2012, 512 bits.
pub const SIGNATURE_512: &str = "1.2.643.7.1.1.3.3";
