//! Sign-in through Госуслуги, as an operator sets it up: what `doctor` finds.

use std::net::TcpListener;
use std::path::Path;

use serde_json::Value;

use crate::Place;

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../gost/fixtures")
        .join(name)
        .display()
        .to_string()
}

/// What `doctor` says under the names of Госуслуги, with this section.
fn examine(place: &Place, lines: &[String]) -> Vec<(String, String, String)> {
    let text = format!("[outbound]\nallow = \"127.0.0.0/8\"\n[esia]\n{}\n", lines.join("\n"));
    std::fs::write(place.0.join("kabinet.toml"), text).unwrap();
    let output = place.run(&["--config", "kabinet.toml", "doctor", "--json"], "");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    let checks = report["checks"].as_array().unwrap().iter();
    checks
        .map(|one| (text(one, "name"), text(one, "status"), text(one, "message")))
        .filter(|(name, ..)| name.starts_with("esia") || name == "config")
        .collect()
}

fn found<'a>(findings: &'a [(String, String, String)], name: &str) -> (&'a str, &'a str) {
    let one = findings
        .iter()
        .find(|one| one.0 == name)
        .unwrap_or_else(|| unreachable!("{name}: {findings:?}"));
    (&one.1, &one.2)
}

#[test]
fn doctor_tells_what_of_sign_in_through_gosuslugi_works() {
    let place = Place::new("esia");
    place.run(&["migrate"], "");
    // Nobody listens where somebody did a moment ago.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let line = |name: &str, value: &str| format!("{name} = {value:?}");
    let base = [
        line("client_id", "TESTIS01"),
        line("contour", "test"),
        line("back_channel_url", &format!("http://{closed}")),
        line("certificate", &fixture("person-256.crt.pem")),
        line("signer", "software"),
        line("token_algorithms", "GOST3410_2012_256"),
    ];
    let with = |more: &[String]| [&base[..], more].concat();
    let (key, trusted) = (
        line("signer_key", &fixture("person-256.key.pem")),
        line("token_certificates", &fixture("org-256.crt.pem")),
    );

    let findings = examine(&place, &with(&[key.clone(), trusted.clone()]));
    let (status, told) = found(&findings, "esia");
    assert_eq!(status, "ok", "{told}");
    let hash = told.split("certificate ").nth(1).unwrap().trim_end_matches('.').to_owned();
    assert_eq!(hash.len(), 64, "{told}");
    assert!(told.starts_with("TESTIS01 (esia-test)"), "{told}");
    assert_eq!(found(&findings, "esia-signer").0, "warn");
    assert_eq!(found(&findings, "esia-tokens").0, "ok");
    assert_eq!(found(&findings, "esia-way").0, "fail");
    assert!(found(&findings, "esia-way").1.contains("esia.back_channel_url"));

    let same = examine(
        &place,
        &with(&[key.clone(), trusted.clone(), line("certificate_hash", &hash.to_lowercase())]),
    );
    assert_eq!(found(&same, "esia").0, "ok");
    let expired = line("token_certificates", &fixture("expired-256.crt.pem"));
    assert_eq!(found(&examine(&place, &with(&[key.clone(), expired])), "esia-tokens").0, "fail");

    for (lines, said) in [
        (
            vec![key.clone(), trusted.clone(), line("certificate_hash", &"0".repeat(64))],
            hash.as_str(),
        ),
        (
            vec![line("signer_key", &fixture("org-256.key.pem")), trusted.clone()],
            "is not the key of esia.certificate",
        ),
        (vec![line("signer_key", "nowhere.pem"), trusted.clone()], "cannot read nowhere.pem"),
        (
            vec![key.clone(), line("token_certificates", &fixture("person-256.key.pem"))],
            "holds no certificate",
        ),
    ] {
        let findings = examine(&place, &with(&lines));
        let (status, told) = found(&findings, "esia");
        assert!(status == "fail" && told.contains(said), "{said}: {told}");
    }
    let long =
        [&base[..3], &[line("certificate", &fixture("person-512.crt.pem"))], &base[4..], &[key, trusted]].concat();
    assert!(found(&examine(&place, &long), "esia").1.contains("256 bits"));

    // A program that gives something else than a signature is found before anybody signs in.
    let command = [&base[..4], &base[5..], &[line("token_certificates", &fixture("org-256.crt.pem"))]].concat();
    let command = [command, vec!["signer_command = [\"/bin/cat\", \"/dev/stdin\"]".to_owned()]].concat();
    let findings = examine(&place, &command);
    assert_eq!(found(&findings, "esia-signer").0, "fail", "{findings:?}");
}
