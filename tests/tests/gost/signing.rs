//! What this side signs, the engine verifies: the signatures and digests that Госуслуги are asked with.

use kabinet_gost::digest::Digest;
use kabinet_gost::sign::SigningKey;
use kabinet_gost::{Certificate, ParameterSet, oid};

use crate::engine::{Engine, Kind};

/// Bytes that look random and repeat from run to run.
fn chance(seed: usize) -> impl FnMut(&mut [u8]) {
    let mut count = 0_usize;
    move |out| {
        count += 1;
        let made = Digest::Streebog512.of(format!("{seed} {count}").as_bytes());
        out.copy_from_slice(&made[..out.len()]);
    }
}

#[test]
fn the_engine_accepts_bare_signatures_made_with_its_own_keys_and_refuses_altered_ones() {
    let engine = Engine::new();
    for set in ParameterSet::ALL {
        engine.key("key.pem", set);
        let key = SigningKey::read(&engine.read("key.pem")).unwrap();
        for number in 0..3 {
            let message = format!("TESTIS01openid{number}").repeat(number + 1);
            let mut signature = key.sign_message(message.as_bytes(), chance(number)).unwrap();
            assert!(engine.verifies("key.pem", set, message.as_bytes(), &signature), "{}", set.name());
            signature[number] ^= 1;
            assert!(!engine.verifies("key.pem", set, message.as_bytes(), &signature), "{}", set.name());
        }
    }
}

#[test]
fn openssl_accepts_a_detached_message_and_computes_the_same_hash_of_the_certificate() {
    let engine = Engine::new();
    engine.authorities(&Kind::gost(ParameterSet::CryptoProXchA));
    let certificate = Certificate::parse(&engine.der("person.crt")).unwrap();
    let key = SigningKey::read(&engine.read("person.key")).unwrap();
    assert!(key.fits(&certificate));
    let message = key.detached(&certificate, b"openid2026.01.15", 1_798_761_600, chance(1)).unwrap();
    engine.write("message.p7s", &message);
    engine.write("good.txt", b"openid2026.01.15");
    engine.write("bad.txt", b"openid2026.01.16");
    let verify = |content: &str| {
        let fixed = ["cms", "-verify", "-binary", "-noverify", "-inform", "DER", "-in", "message.p7s"];
        engine
            .output(&[&fixed[..], &["-content", content, "-out", "out"]].concat())
            .status
            .success()
    };
    assert!(verify("good.txt"));
    assert!(!verify("bad.txt"));

    engine.write("person.der", certificate.der());
    let said = engine.output(&["dgst", "-md_gost12_256", "-r", "person.der"]).stdout;
    let said = String::from_utf8(said).unwrap();
    assert_eq!(oid::hex(&Digest::Streebog256.of(certificate.der())), said[..64]);
}

#[tokio::test]
async fn openssl_signs_requests_to_gosuslugi_as_a_program() {
    let engine = Engine::new();
    engine.key("own.key", ParameterSet::CryptoProXchA);
    let made = [
        "req",
        "-new",
        "-x509",
        "-key",
        "own.key",
        "-md_gost12_256",
        "-subj",
        "/CN=TESTIS01",
        // Version 3, as authorities issue it.
        "-addext",
        "keyUsage=digitalSignature",
        "-days",
        "3650",
    ];
    engine.run(&[&made[..], &["-out", "own.crt"]].concat());
    let file = |name: &str| engine.file(name);
    let script = format!(
        "OPENSSL_CONF={} CADIR=/ exec openssl dgst -md_gost12_256 -sign {}",
        crate::engine::fixture("gost-openssl.cnf").display(),
        file("own.key").display()
    );
    let mut config = kabinet::config::Config::default();
    config.esia.client_id = Some("TESTIS01".to_owned());
    config.esia.certificate = Some(file("own.crt"));
    config.esia.token_certificates = vec![file("own.crt")];
    config.esia.signer_command = ["/bin/sh", "-c", &script].map(str::to_owned).to_vec();
    config.esia.signer_timeout = "60s".parse().unwrap();
    let ambient = kabinet::Ambient::real();
    let sign = async |config: &kabinet::config::Config| {
        let esia = kabinet::esia::open(config, &ambient).unwrap().unwrap();
        esia.try_signer(&*ambient.entropy).await
    };
    sign(&config).await.unwrap();

    // What CryptoPro's tools give is the same from the last octet to the first.
    config.esia.signer_reversed = true;
    let failure = sign(&config).await.unwrap_err().to_string();
    assert!(failure.contains("esia.signer_reversed"), "{failure}");
}
