//! The hygiene of TLS, about which the suite warns (BCP 195, RFC 9325): what the provider accepts and what it calls with.

use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode, SslVersion};

use crate::party::Secured;
use crate::provider::PROVIDER;

/// Whether a call of the provider's came over a version and a cipher that BCP 195 recommends.
#[track_caller]
pub(crate) fn is_sound(secured: &Secured) {
    match secured.version.as_str() {
        "TLSv1.3" => {}
        "TLSv1.2" => assert!(is_recommended(&secured.cipher), "{secured:?}"),
        _ => panic!("{secured:?}"),
    }
}

/// RFC 9325 §4.2: forward secrecy and authenticated encryption.
fn is_recommended(cipher: &str) -> bool {
    let is_forward = cipher.starts_with("ECDHE-") || cipher.starts_with("DHE-");
    is_forward && (cipher.contains("GCM") || cipher.contains("CHACHA20"))
}

/// What a client that speaks only this version and these ciphers comes to; an error: nothing.
fn handshake((lowest, highest): (SslVersion, SslVersion), ciphers: &str) -> Result<Secured, String> {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    // The client is to offer what is wrong: it must not be our side that refuses.
    builder.set_security_level(0);
    builder.set_verify(SslVerifyMode::NONE);
    builder.set_min_proto_version(Some(lowest)).unwrap();
    builder.set_max_proto_version(Some(highest)).unwrap();
    if !ciphers.is_empty() {
        builder
            .set_cipher_list(ciphers)
            .map_err(|why| format!("the client's own side: {why}"))
            .unwrap();
    }
    let connection = std::net::TcpStream::connect(("127.0.0.1", PROVIDER.port)).unwrap();
    let stream = builder.build().connect("localhost", connection).map_err(|why| why.to_string())?;
    Ok(Secured {
        version: stream.ssl().version_str().to_owned(),
        cipher: stream.ssl().current_cipher().map_or("", |cipher| cipher.name()).to_owned(),
    })
}

const ONLY_1_2: (SslVersion, SslVersion) = (SslVersion::TLS1_2, SslVersion::TLS1_2);

#[test]
fn tls_1_3_and_1_2_are_spoken() {
    let newest = handshake((SslVersion::TLS1_2, SslVersion::TLS1_3), "").unwrap();
    assert_eq!(newest.version, "TLSv1.3");
    let older = handshake(ONLY_1_2, "").unwrap();
    assert_eq!(older.version, "TLSv1.2");
    is_sound(&older);
}

#[test]
fn tls_1_1_and_older_are_refused() {
    for version in [SslVersion::TLS1, SslVersion::TLS1_1] {
        let refused = handshake((version, version), "ALL:@SECLEVEL=0");
        assert!(refused.is_err(), "{refused:?}");
    }
}

#[test]
fn nothing_is_spoken_with_a_cipher_that_bcp_195_does_not_recommend() {
    for cipher in [
        // No forward secrecy.
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
        "AES128-SHA",
        "AES256-SHA256",
        // No authenticated encryption.
        "ECDHE-RSA-AES128-SHA",
        "ECDHE-RSA-AES128-SHA256",
        "ECDHE-RSA-AES256-SHA384",
        "DHE-RSA-AES128-SHA256",
        // No authentication, no encryption.
        "aNULL:@SECLEVEL=0",
        "eNULL:@SECLEVEL=0",
    ] {
        let refused = handshake(ONLY_1_2, cipher);
        assert!(refused.is_err(), "{cipher}: {refused:?}");
    }
    // The same client with a good one: it is the cipher that was refused.
    let good = handshake(ONLY_1_2, "ECDHE-RSA-AES128-GCM-SHA256").unwrap();
    assert_eq!(good.cipher, "ECDHE-RSA-AES128-GCM-SHA256");
    let everything = handshake(ONLY_1_2, "ALL:eNULL:@SECLEVEL=0").unwrap();
    is_sound(&everything);
}
