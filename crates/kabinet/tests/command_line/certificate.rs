//! `kabinet certificate verify` over the files in crates/gost/fixtures.

use serde_json::Value;

use super::Place;

const AT: [&str; 2] = ["--at", "2027-01-01T00:00:00Z"];

fn fixture(name: &str) -> String {
    format!("{}/../gost/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Exit code and answer.
fn verify(place: &Place, signature: &str, more: &[&str]) -> (i32, Value) {
    let (signature, anchor) = (fixture(signature), fixture("root-ca.crt.pem"));
    let fixed = ["certificate", "verify", "--json", "--signature", &signature, "--anchor", &anchor];
    let output = place.run(&[&fixed[..], &AT, more].concat(), "");
    let answer = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap(), answer)
}

#[test]
fn signatures_are_explained_by_code_and_step() {
    let place = Place::new("certificate");
    let [content, issuing, root_list, list, stale] =
        ["challenge.txt", "issuing-ca.crt.pem", "root.crl.pem", "issuing.crl.pem", "issuing-stale.crl.pem"]
            .map(fixture);
    let content = ["--content", &content];
    let known = [&content[..], &["--certificate", &issuing, "--crl", &root_list]].concat();
    let fresh = [&known[..], &["--crl", &list]].concat();
    let out_of_date = [&known[..], &["--crl", &stale]].concat();

    let (code, answer) = verify(&place, "detached-person-256.p7s", &fresh);
    assert_eq!((code, &answer["accepted"], &answer["error"]), (0, &true.into(), &Value::Null), "{answer}");
    assert_eq!((&answer["kind"], &answer["revocation"]), (&"person".into(), &"good".into()));
    assert_eq!(answer["chain"].as_array().unwrap().len(), 3);
    assert_eq!(answer["subject"]["snils"].as_str().unwrap().len(), 11);
    let (code, answer) = verify(&place, "detached-org-256.p7s", &fresh);
    assert_eq!((code, &answer["kind"]), (0, &"organisation".into()));
    assert!(answer["subject"]["ogrn"].is_string() && answer["subject"]["innle"].is_string());

    for (signature, flags, error, step) in [
        ("detached-revoked-256.p7s", &fresh, "revoked", "revocation"),
        ("detached-expired-256.p7s", &fresh, "expired", "path"),
        ("detached-plain-256.p7s", &fresh, "not_qualified", "usage"),
        ("detached-noattr-256.p7s", &fresh, "attributes_missing", "attributes"),
        ("tampered-content-256.p7s", &fresh, "content_mismatch", "content"),
        ("tampered-sigbit-256.p7s", &fresh, "signature_bad", "signature"),
        ("detached-person-256.p7s", &out_of_date, "crl_stale", "revocation"),
        ("detached-person-256.p7s", &known, "revocation_unknown", "revocation"),
        ("detached-person-256.p7s", &content.to_vec(), "revocation_unknown", "revocation"),
        ("challenge.txt", &fresh, "message_malformed", "message"),
    ] {
        let (code, answer) = verify(&place, signature, flags);
        assert_eq!((code, &answer["accepted"]), (1, &false.into()), "{signature} {answer}");
        assert_eq!((&answer["error"], &answer["step"]), (&error.into(), &step.into()), "{signature} {answer}");
    }

    let (code, answer) = verify(&place, "attached-person-256.p7s", &fresh[2..]);
    assert_eq!(code, 0, "{answer}");
    let (code, _) = verify(&place, "detached-plain-256.p7s", &[&fresh[..], &["--require", "any"]].concat());
    assert_eq!(code, 0);
    let (code, answer) =
        verify(&place, "detached-person-256.p7s", &[&known[..], &["--revocation", "preferred"]].concat());
    assert_eq!((code, &answer["revocation"]), (0, &"unknown".into()));
    let (code, answer) = verify(&place, "detached-revoked-256.p7s", &[&known[..], &["--revocation", "off"]].concat());
    assert_eq!((code, &answer["revocation"]), (0, &"not_checked".into()));
}

#[test]
fn a_signature_is_explained_to_people_in_der_pem_and_base64() {
    let place = Place::new("certificate-people");
    let der = std::fs::read(fixture("detached-revoked-256.p7s")).unwrap();
    let base64 = openssl_base64(&der);
    std::fs::write(place.0.join("a.pem"), format!("-----BEGIN CMS-----\n{base64}\n-----END CMS-----\n")).unwrap();
    std::fs::write(place.0.join("a.txt"), &base64).unwrap();
    let [anchor, content, list, root_list, der] =
        ["root-ca.crt.pem", "challenge.txt", "issuing.crl.pem", "root.crl.pem", "detached-revoked-256.p7s"]
            .map(fixture);
    for signature in [der.as_str(), "a.pem", "a.txt"] {
        let fixed = ["certificate", "verify", "--signature", signature, "--anchor", &anchor, "--content", &content];
        let output = place.run(&[&fixed[..], &AT, &["--crl", &list, "--crl", &root_list]].concat(), "");
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(
            text.starts_with("REFUSED: revoked\n") && text.contains("Path") && text.contains("СНИЛС"),
            "{text}"
        );
    }
}

fn openssl_base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn wrong_use_is_told_apart_from_a_refused_signature() {
    let place = Place::new("certificate-use");
    let [signature, anchor, key] = ["detached-person-256.p7s", "root-ca.crt.pem", "root-ca.key.pem"].map(fixture);
    let with = |flags: &[&str]| {
        let all = [&["certificate", "verify", "--json"], flags].concat();
        let (code, said) = place.refusal(&all);
        assert_eq!(code, 2, "{flags:?}: {said}");
        said
    };
    let both = ["--signature", &signature, "--anchor", &anchor];
    with(&["--signature", &signature]);
    with(&["--anchor", &anchor]);
    with(&[&both[..], &["--at", "yesterday"]].concat());
    with(&[&both[..], &["--require", "everything"]].concat());
    with(&[&both[..], &["--revocation", "maybe"]].concat());
    let said = with(&["--signature", "nowhere.p7s", "--anchor", &anchor]);
    assert!(said.contains("--signature: cannot read nowhere.p7s"), "{said}");
    let said = with(&["--signature", ".", "--anchor", &anchor]);
    assert!(said.contains("--signature: cannot read ."), "{said}");
    let said = with(&["--signature", &signature, "--anchor", &key]);
    assert!(said.contains("holds no CERTIFICATE"), "{said}");
    let said = with(&[&both[..], &["--crl", &anchor]].concat());
    assert!(said.contains("holds no X509 CRL"), "{said}");
    let said = with(&[&both[..], &["--certificate", &signature]].concat());
    assert!(said.contains("holds no certificate"), "{said}");
}

#[test]
fn a_broken_configuration_is_in_nobodys_way() {
    let place = Place::new("certificate-config");
    std::fs::write(place.0.join("bad.toml"), "this is = no configuration").unwrap();
    let (code, answer) = verify(&place, "detached-person-256.p7s", &["--config", "bad.toml"]);
    assert_eq!((code, &answer["error"]), (1, &"content_missing".into()));
}

#[test]
fn the_reference_lists_every_code_with_its_step_in_their_order() {
    let file = format!("{}/../../docs/reference/certificate-verify.md", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(file).unwrap();
    let codes = text.split_once("## Codes").unwrap().1.lines().filter_map(|line| line.strip_prefix("| `"));
    let listed: Vec<&str> = codes.filter(|line| !line.starts_with("error`")).collect();
    let all = kabinet_gost::Reason::ALL;
    assert_eq!(listed.len(), all.len());
    for (line, reason) in listed.iter().zip(all) {
        let expected = format!("{}` | {} |", reason.code(), reason.step().name());
        assert!(line.starts_with(&expected), "{line}: {expected}");
    }
}
