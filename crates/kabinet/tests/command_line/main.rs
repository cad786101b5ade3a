//! The built binary, used as an operator uses it.
#![expect(clippy::unwrap_used, reason = "tests")]

mod brands;
mod certificate;
mod esia;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// An installation in a folder of its own.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("kabinet-cli-{}-{name}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kabinet"));
        command
            .args(arguments)
            .current_dir(&self.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KABINET")) {
            command.env_remove(name);
        }
        command.env("KABINET__HASHING__MEMORY", "64").env("KABINET__HASHING__ITERATIONS", "1");
        let mut child = command.spawn().unwrap();
        // A command that needs no input may have ended already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// What the command answers with `--json`: one object and nothing else.
    fn json(&self, arguments: &[&str], input: &str) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat(), input);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The exit code and what was said on standard error; nothing may stand on standard output.
    fn refusal(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments, "");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn clients_and_people_are_made_shown_changed_and_deleted() {
    let place = Place::new("life");
    assert_eq!(place.json(&["migrate"], "")["keys_made"], 10);
    assert_eq!(place.json(&["migrate"], "")["keys_made"], 0);

    let redirect = ["--redirect-uri", "https://rp.example/cb"];
    let made = place.json(
        &[&["client", "create", "Проба", "--profile", "web", "--first-party"], &redirect[..]].concat(),
        "",
    );
    let id = made["client_id"].as_str().unwrap();
    assert!(made["client_secret"].as_str().unwrap().starts_with("kbn_cs_"));
    assert_eq!((&made["first_party"], &made["client_name"]), (&true.into(), &"Проба".into()));
    let shown = place.json(&["client", "show", id], "");
    assert!(shown.get("client_secret").is_none() && shown["client_secrets"].as_array().unwrap().len() == 1);
    let changed =
        place.json(&["client", "update", id, "--scope", "openid email", "--scope", "phone", "--disabled"], "");
    assert_eq!((&changed["scope"], &changed["disabled"]), (&"email openid phone".into(), &true.into()));
    assert_eq!(changed["redirect_uris"], made["redirect_uris"]);
    let listens = place.json(&["client", "update", id, "--backchannel-logout-uri", "https://rp.example/out"], "");
    assert_eq!(listens["backchannel_logout_uri"], "https://rp.example/out");
    let (code, said) = place.refusal(&["client", "update", id, "--backchannel-logout-uri", "http://rp.example/out"]);
    assert!(code == 1 && said.contains("--backchannel-logout-uri") && said.contains("https"), "{said}");
    let quiet = place.json(&["client", "update", id, "--backchannel-logout-uri", ""], "");
    assert!(quiet.get("backchannel_logout_uri").is_none());
    assert_eq!(place.json(&["logout", "list", "--state", "dead"], ""), serde_json::json!({"notices": []}));
    let (code, said) = place.refusal(&["logout", "list", "--state", "lost"]);
    assert!(code == 2 && said.contains("dead"), "{said}");
    assert_ne!(place.json(&["client", "rotate-secret", id], "")["client_secret"], made["client_secret"]);
    let exchange = ["--grant-type", "token_exchange", "--token-exchange-audience", "https://api.example"];
    let service = place.json(&[&["client", "create", "Служба", "--profile", "machine"], &exchange[..]].concat(), "");
    let service = service["client_id"].as_str().unwrap();
    let shown = place.json(&["client", "show", service], "");
    assert_eq!(shown["token_exchange_audiences"], serde_json::json!(["https://api.example"]));
    let shown = place.json(&["client", "update", service, "--userinfo-signed-response-alg", "ES256"], "");
    assert_eq!(shown["userinfo_signed_response_alg"], "ES256");
    let plain = place.json(&["client", "update", service, "--userinfo-signed-response-alg", ""], "");
    assert!(plain.get("userinfo_signed_response_alg").is_none());
    let back = place.json(&["client", "update", service, "--grant-type", "client_credentials"], "");
    assert!(back.get("token_exchange_audiences").is_none());
    place.json(&["client", "delete", service], "");
    let public = place.json(&[&["client", "create", "Приложение", "--profile", "spa"], &redirect[..]].concat(), "");
    assert!(public.get("client_secret").is_none());
    assert_eq!(place.json(&["client", "list"], "")["clients"].as_array().unwrap().len(), 2);
    place.json(&["client", "delete", id], "");
    assert_eq!(place.refusal(&["client", "show", id]).0, 1);

    let person = place.json(
        &["user", "create", "--phone", "8 916 123-45-67", "--password-stdin"],
        "лошадь-батарея-скрепка-7\n",
    );
    assert_eq!(person["phone"], "+79161234567");
    let sub = person["sub"].as_str().unwrap();
    assert_eq!(place.json(&["user", "show", "+79161234567"], "")["sub"], sub);
    assert_eq!(place.json(&["user", "disable", sub], "")["changed"], true);
    assert_eq!(place.json(&["user", "show", sub], "")["disabled"], true);
    place.json(&["user", "enable", sub], "");
    place.json(&["user", "delete", sub], "");
    assert_eq!(place.refusal(&["user", "show", sub]).0, 1);
}

#[test]
fn a_client_relies_on_an_issuer_and_has_its_answers_encrypted() {
    const KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;
    let place = Place::new("issuer");
    place.json(&["migrate"], "");
    std::fs::write(place.0.join("key.json"), KEY).unwrap();
    let create = |more: &[&'static str]| [&["client", "create", "Служба", "--profile", "machine"], more].concat();
    let grant = ["--grant-type", "jwt_bearer"];
    let issuer = ["--assertion-issuer", "https://planner.example"];
    let keys = ["--assertion-issuer-jwks", "key.json"];
    assert!(place.refusal(&create(&grant)).1.starts_with("kabinet: --assertion-issuer: "));
    assert_eq!(place.refusal(&create(&[&grant[..], &issuer].concat())).0, 2, "without keys");
    assert_eq!(place.refusal(&create(&[&grant[..], &keys].concat())).0, 2, "whose keys");
    let uri = ["--assertion-issuer-jwks-uri", "https://planner.example/jwks"];
    assert_eq!(place.refusal(&create(&[&grant[..], &issuer, &keys, &uri].concat())).0, 2, "both");
    let made = place.json(&create(&[&grant[..], &issuer, &keys].concat()), "");
    assert_eq!(made["assertion_issuer"]["jwks"]["keys"][0]["kty"], "EC");
    let id = made["client_id"].as_str().unwrap();
    let encrypted = ["--jwks", "key.json", "--introspection-encrypted-response-alg", "ECDH-ES"];
    let shown = place.json(&[&["client", "update", id], &encrypted[..]].concat(), "");
    assert_eq!(shown["introspection_encrypted_response_alg"], "ECDH-ES");
    for wrong in [["--id-token-encrypted-response-alg", "RSA1_5"], ["--userinfo-signed-response-alg", "none"]] {
        assert_eq!(place.refusal(&[&["client", "update", id], &wrong[..]].concat()).0, 2);
    }
    let (_, said) = place.refusal(&["client", "update", id, "--userinfo-encrypted-response-alg", "ECDH-ES"]);
    assert!(said.starts_with("kabinet: --userinfo-encrypted-response-alg: "), "{said}");
}

#[test]
fn signing_keys_are_shown_rotated_and_deleted() {
    let place = Place::new("keys");
    place.json(&["migrate"], "");
    let keys = |arguments: &[&str]| place.json(&[&["key"], arguments].concat(), "")["keys"].as_array().unwrap().clone();
    let find = |keys: &[Value], ring: &str, state: &str| {
        let is = |key: &&Value| key["alg"] == "RS256" && key["ring"] == ring && key["state"] == state;
        keys.iter().find(is).cloned()
    };
    let before = keys(&["list"]);
    assert_eq!(before.len(), 10);
    let current = find(&before, "common", "current").unwrap();
    let (since, until) = (current["activated_at"].as_i64().unwrap(), current["rotates_at"].as_i64().unwrap());
    assert_eq!(until - since, 90 * 86_400);
    assert!(find(&before, "1c", "current").unwrap()["rotates_at"].is_null(), "by hand only");
    assert!(place.refusal(&["key", "rotate", "--alg", "RS256"]).1.contains("5 minutes"));
    let kid = current["kid"].as_str().unwrap();
    assert_eq!(place.refusal(&["key", "delete", kid]).0, 1, "it signs");
    let after = keys(&["rotate", "--alg", "RS256", "--force"]);
    let kid_of = |keys: &[Value], state| find(keys, "common", state).unwrap()["kid"].clone();
    assert_eq!((after.len(), kid_of(&after, "previous")), (11, current["kid"].clone()));
    assert_eq!(kid_of(&after, "current"), kid_of(&before, "next"));
    assert_eq!(find(&after, "1c", "current"), find(&before, "1c", "current"));
    assert_eq!(keys(&["delete", kid]).len(), 10);
}

#[test]
fn a_client_with_a_key_has_no_secret_and_its_keys_are_a_file_or_an_address() {
    let place = Place::new("client-keys");
    place.json(&["migrate"], "");
    let half = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
    let key = format!("{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"{half}\"}}");
    for (name, text) in [
        ("one.json", key.clone()),
        ("set.json", format!("{{\"keys\":[{key}]}}")),
        ("private.json", key.replace("\"x\"", "\"d\":\"AQ\",\"x\"")),
        ("twice.json", key.replace("\"x\"", "\"kty\":\"OKP\",\"x\"")),
        ("text.json", "no key".to_owned()),
    ] {
        std::fs::write(place.0.join(name), text).unwrap();
    }
    let create = [
        "client",
        "create",
        "Служба",
        "--profile",
        "machine",
        "--token-endpoint-auth-method",
        "private_key_jwt",
    ];
    let made = place.json(&[&create[..], &["--jwks", "one.json"]].concat(), "");
    assert!(made.get("client_secret").is_none() && made["jwks"]["keys"][0]["crv"] == "Ed25519");
    let id = made["client_id"].as_str().unwrap();
    assert_eq!(place.refusal(&["client", "rotate-secret", id]).0, 1);
    let changed = place.json(&["client", "update", id, "--jwks-uri", "https://rp.example/jwks"], "");
    assert_eq!((changed.get("jwks"), &changed["jwks_uri"]), (None, &"https://rp.example/jwks".into()));
    let back = place.json(&["client", "update", id, "--jwks", "set.json"], "");
    assert!(back.get("jwks_uri").is_none() && back["jwks"]["keys"].as_array().unwrap().len() == 1);
    for bad in ["private.json", "twice.json", "text.json", "absent.json"] {
        let (code, said) = place.refusal(&[&create[..], &["--jwks", bad]].concat());
        assert!(matches!(code, 1 | 2) && said.contains("--jwks"), "{bad}: {said}");
    }
    let (_, said) = place.refusal(&create);
    assert!(said.contains("private_key_jwt needs jwks or jwks_uri"), "{said}");
    let (_, said) = place.refusal(&[&create[..], &["--jwks-uri", "http://rp.example/jwks"]].concat());
    assert!(said.contains("--jwks-uri") && said.contains("https"), "{said}");
    // With a secret again, it gets one when it asks.
    place.json(&["client", "update", id, "--token-endpoint-auth-method", "client_secret_basic"], "");
    assert!(place.json(&["client", "rotate-secret", id], "")["client_secret"].is_string());
    let pairwise = ["client", "create", "П", "--profile", "web", "--subject-type", "pairwise"];
    let uris = ["--redirect-uri", "https://a.example/cb", "--redirect-uri", "https://b.example/cb"];
    let (_, said) = place.refusal(&[&pairwise[..], &uris].concat());
    assert!(said.contains("--subject-type"), "{said}");
    assert_eq!(place.json(&[&pairwise[..], &uris[..2]].concat(), "")["subject_type"], "pairwise");
}

#[test]
fn tokens_that_allow_to_register_are_made_listed_and_taken_back_and_shown_once() {
    let place = Place::new("registration");
    place.json(&["migrate"], "");
    let token = ["registration", "token"];
    let made = place.json(&[&token[..], &["create", "--uses", "3", "--label", "Ромашка"]].concat(), "");
    assert!(made["initial_access_token"].as_str().unwrap().starts_with("kbn_ia_"));
    let listed = place.json(&[&token[..], &["list"]].concat(), "");
    let one = &listed["initial_access_tokens"][0];
    assert_eq!(
        (&one["id"], &one["uses_left"], &one["label"]),
        (&made["id"], &3.into(), &"Ромашка".into())
    );
    assert!(!listed.to_string().contains("kbn_ia_"));
    let id = made["id"].as_str().unwrap();
    place.json(&[&token[..], &["revoke", id]].concat(), "");
    assert_eq!(place.refusal(&[&token[..], &["revoke", id]].concat()).0, 1);
    for bad in [["--uses", "0"], ["--expires-in", "1"], ["--expires-in", "400d"]] {
        assert_ne!(place.refusal(&[&token[..], &["create"], &bad].concat()).0, 0, "{bad:?}");
    }
}

#[test]
fn a_refusal_is_one_sentence_with_the_fix_on_standard_error() {
    let place = Place::new("refusal");
    let (code, said) = place.refusal(&["client", "list"]);
    assert_eq!(
        (code, said.as_str()),
        (1, "kabinet: there is no database at kabinet.db; run `kabinet migrate`\n")
    );
    for wrong in [
        &["nonsense"][..],
        &[],
        &["client", "create", "X"],
        &["client", "create", "X", "--profile", "webb"],
        &["user", "create", "--password-stdin"],
    ] {
        assert_eq!(place.refusal(wrong).0, 2, "{wrong:?}");
    }
    place.json(&["migrate"], "");
    let (code, said) =
        place.refusal(&["client", "create", "X", "--profile", "web", "--redirect-uri", "http://rp.example/"]);
    assert_eq!(code, 1);
    assert!(said.starts_with("kabinet: --redirect-uri: ") && said.lines().count() == 1, "{said}");
    let (code, said) = place.refusal(&["user", "create", "--email", "a@b.ru", "--password-stdin"]);
    assert!(code == 1 && said.starts_with("kabinet: --password-stdin: "), "{said}");
}

#[test]
fn the_examination_of_a_sound_installation_finds_nothing_to_mend() {
    let place = Place::new("doctor");
    let before = place.run(&["doctor"], "");
    assert_eq!(before.status.code(), Some(1));
    assert!(!place.0.join("kabinet.db").exists(), "an examination makes nothing");
    place.json(&["migrate"], "");
    let report = place.json(&["doctor"], "");
    assert_eq!(report["ok"], true, "{report}");
    std::fs::remove_file(place.0.join("kabinet.db.key")).unwrap();
    let report: Value = serde_json::from_slice(&place.run(&["doctor", "--json"], "").stdout).unwrap();
    assert_eq!(report["ok"], false, "{report}");
}

#[test]
fn a_filter_file_of_leaked_passwords_is_made_asked_and_in_force() {
    let place = Place::new("filter");
    let write = |name: &str, text: &[u8]| std::fs::write(place.0.join(name), text).unwrap();
    let (leaked, other) = ("тихий дождь над Окой\n", "тихий дождь над Угрой\n");
    write("list.txt", format!("qwerty\n{leaked}qwerty\n").as_bytes());
    let build = ["password", "filter", "build", "--out", "leaked.filter", "--from"];
    let made = place.json(&[&build[..], &["list.txt"]].concat(), "");
    assert_eq!((&made["passwords"], &made["left_out"]), (&2.into(), &0.into()));
    let check = ["password", "filter", "check", "leaked.filter", "--stdin"];
    assert_eq!(place.json(&check, leaked)["found"], true);
    assert_eq!(place.json(&check, other)["found"], false);

    write(
        "kabinet.toml",
        b"listen = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n[password]\nfilter = \"leaked.filter\"\n",
    );
    let config = ["--config", "kabinet.toml"];
    place.json(&["migrate"], "");
    let create = [&config[..], &["user", "create", "--email", "a@b.ru", "--password-stdin"]].concat();
    let refused = place.run(&create, leaked);
    let said = "kabinet: --password-stdin: the password has been seen in a leak\n";
    assert_eq!(String::from_utf8(refused.stderr).unwrap(), said);
    let refused = place.run(&create, "Кузнецов1974\n");
    assert_eq!(
        String::from_utf8(refused.stderr).unwrap(),
        "kabinet: --password-stdin: the password is easy to guess\n"
    );
    place.json(&create, other);
    let doctor = |place: &Place| -> Value {
        serde_json::from_slice(&place.run(&[&config[..], &["doctor", "--json"]].concat(), "").stdout).unwrap()
    };
    let finding = |report: &Value| {
        report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|c| c["name"] == "leaked")
            .cloned()
            .unwrap()
    };
    let sound = finding(&doctor(&place));
    assert_eq!(sound["status"], "ok");
    assert!(sound["message"].as_str().unwrap().contains("knows 2 passwords"), "{sound}");

    let mut damaged = std::fs::read(place.0.join("leaked.filter")).unwrap();
    damaged[70] ^= 1;
    write("leaked.filter", &damaged);
    assert_eq!(finding(&doctor(&place))["status"], "fail");
    let (code, said) = place.refusal(&[&config[..], &["serve"]].concat());
    assert!(code == 1 && said.contains("password.filter: leaked.filter: is damaged"), "{said}");
    write("leaked.filter", &damaged[..100]);
    let (code, said) = place.refusal(&[&config[..], &["serve"]].concat());
    assert!(code == 1 && said.contains("has 100 bytes where"), "{said}");
    let (code, said) = place.refusal(&[&build[..], &["list.txt", "--sha1"]].concat());
    assert!(code == 1 && said.contains("line 1 is no SHA-1 hash"), "{said}");
    let (code, said) = place.refusal(&[&build[..], &["nothing.txt"]].concat());
    assert!(code == 1 && said.contains("--from: cannot read nothing.txt"), "{said}");
}

#[test]
fn a_picture_that_cannot_be_fetched_fails_no_command_and_naming_it_again_tries_again() {
    let place = Place::new("logo");
    place.json(&["migrate"], "");
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/logo.png", server.local_addr().unwrap());
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\x06\0\0\0\0\0\0\0";
    std::thread::spawn(move || {
        for stream in server.incoming() {
            let Ok(mut stream) = stream else { return };
            // The whole head, so that closing does not reset the connection.
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n")
                && std::io::Read::read_to_end(&mut std::io::Read::take(&mut stream, 1), &mut head)
                    .is_ok_and(|read| read == 1)
            {}
            let answer = [
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", png.len()).as_bytes(),
                png,
            ]
            .concat();
            let _ = stream.write_all(&answer);
        }
    });
    // Inside addresses are not called unless they are listed; the client is there all the same, and the object alone on stdout.
    let create = [
        "client",
        "create",
        "Shop",
        "--profile",
        "web",
        "--redirect-uri",
        "https://rp.example/cb",
        "--json",
        "--logo-uri",
    ];
    let made = place.run(&[&create[..], &[&uri]].concat(), "");
    let said = String::from_utf8(made.stderr).unwrap();
    assert!(
        made.status.success() && said.starts_with("kabinet: --logo-uri: ") && said.contains("the client is saved"),
        "{said}"
    );
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(made["logo_uri"], uri.as_str());
    let id = made["client_id"].as_str().unwrap();
    std::fs::write(place.0.join("kabinet.toml"), "[outbound]\nallow = [\"127.0.0.1\"]\n").unwrap();
    let update = |uri: &str| place.run(&["--config", "kabinet.toml", "client", "update", id, "--logo-uri", uri], "");
    // A machine that is busy for seconds takes more than one try.
    let tries = (0..30)
        .map(|_| update(&uri))
        .take_while(|done| done.status.success() && !done.stderr.is_empty());
    assert!(tries.count() < 30, "it is fetched");
    // Whatever else is changed leaves it alone.
    let renamed = place.run(&["client", "update", id, "--client-name", "Store"], "");
    assert!(renamed.status.success() && renamed.stderr.is_empty());
    let (code, said) = place.refusal(&["client", "update", id, "--logo-uri", "javascript:alert(1)"]);
    assert!(code == 1 && said.contains("--logo-uri: must be an http or https URL"), "{said}");
    assert!(update("").status.success());
    assert_eq!(place.json(&["client", "show", id], "").get("logo_uri"), None);
}

#[test]
fn a_table_of_networks_that_cannot_be_read_stops_the_start_with_file_line_and_reason() {
    let place = Place::new("networks");
    let write = |name: &str, text: &str| std::fs::write(place.0.join(name), text).unwrap();
    write(
        "kabinet.toml",
        "listen = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n[confirmation]\nnetworks = [\"v4.csv\", \"v6.tsv\"]\n",
    );
    let with = |arguments: &'static [&'static str]| [&["--config", "kabinet.toml"], arguments].concat();
    let finding = || -> Value {
        let report = place.run(&with(&["doctor", "--json"]), "").stdout;
        let report: Value = serde_json::from_slice(&report).unwrap();
        report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|c| c["name"] == "networks")
            .cloned()
            .unwrap()
    };
    write("v4.csv", "# ours\n192.0.2.0/24,64500\n192.0.2.1/24,64500\n");
    write("v6.tsv", "2001:db8::\t2001:db8::ffff\t64500\tRU\tEXAMPLE\n");
    place.json(&["migrate"], "");
    let why = "confirmation.networks: v4.csv:3: the network has bits set beyond its prefix";
    for command in [&["config", "check"][..], &["serve"]] {
        let (code, said) = place.refusal(&with(command));
        assert!(code == 1 && said == format!("kabinet: {why}\n"), "{command:?}: {said}");
    }
    let failed = finding();
    assert_eq!((&failed["status"], &failed["message"]), (&"fail".into(), &format!("{why}.").into()));

    write("v4.csv", "192.0.2.0/24,64500\n");
    assert_eq!(place.json(&with(&["config", "check"]), "")["ok"], true);
    let sound = finding();
    assert_eq!(sound["status"], "ok");
    assert!(sound["message"].as_str().unwrap().contains(": 2 networks, 1 KB"), "{sound}");
    write("v4.csv", "");
    write("v6.tsv", "");
    let (code, said) = place.refusal(&with(&["config", "check"]));
    assert!(code == 1 && said.contains("the files hold no network"), "{said}");
    std::fs::remove_file(place.0.join("v6.tsv")).unwrap();
    let (code, said) = place.refusal(&with(&["serve"]));
    assert!(code == 1 && said.contains("confirmation.networks: cannot read v6.tsv"), "{said}");
}

#[test]
fn documents_are_published_once_and_what_was_published_is_never_changed() {
    let place = Place::new("documents");
    place.json(&["migrate"], "");
    let write = |text: &str| std::fs::write(place.0.join("text.txt"), text).unwrap();
    let publish = |version: &'static str, more: &[&'static str]| {
        let titles = ["--title-ru", "Соглашение", "--title-en", "Agreement", "--file", "text.txt"];
        let named = ["document", "publish", "--kind", "agreement", "--version", version];
        [&named[..], &titles, more].concat()
    };
    write("\u{feff}## Предмет\nТекст.\n");
    let (code, told) = place.refusal(&publish("1", &["--minor"]));
    assert!(code == 1 && told.contains("--minor"), "{told}");
    let made = place.json(&publish("1", &[]), "");
    assert_eq!(
        (&made["published"], &made["in_force"], &made["edition"]),
        (&true.into(), &true.into(), &1.into())
    );
    assert_eq!(place.json(&publish("1", &[]), "")["published"], false);
    write("## Предмет\nИной текст.\n");
    let (code, told) = place.refusal(&publish("1", &[]));
    assert!(code == 1 && told.contains("--version") && told.lines().count() == 1, "{told}");
    for (more, flag) in [(&["--brand", "A b"][..], "--brand"), (&["--title-en", ""], "--title")] {
        let (_, told) = place.refusal(&publish("2", more));
        assert!(told.contains(flag), "{told}");
    }
    write("a\u{7}b");
    assert!(place.refusal(&publish("2", &[])).1.contains("--file"));
    std::fs::write(place.0.join("text.txt"), b"\xff\xfe").unwrap();
    assert!(place.refusal(&publish("2", &[])).1.contains("--file"));
    write("Правка.");
    assert_eq!(place.json(&publish("1.1", &["--minor"]), "")["edition"], 1);
    assert_eq!(place.json(&publish("7", &["--brand", "edo"]), "")["brand"], "edo");

    let list = place.json(&["document", "list"], "");
    let in_force: Vec<_> = list["documents"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["in_force"] == true)
        .collect();
    let names: Vec<_> = in_force
        .iter()
        .map(|one| (one["kind"].as_str().unwrap(), one["version"].as_str().unwrap()))
        .collect();
    assert_eq!(
        names,
        [
            ("pd-consent", "1 (образец)"),
            ("pd-policy", "1 (образец)"),
            ("agreement", "1.1"),
            ("agreement", "7")
        ]
    );
    let shown = place.json(&["document", "show", "--kind", "agreement", "--version", "1"], "");
    assert_eq!((&shown["body"], &shown["in_force"]), (&"## Предмет\nТекст.\n".into(), &false.into()));
    assert_eq!(shown["sha256"], made["sha256"]);
    assert_eq!(
        place.json(&["document", "show", "--kind", "agreement", "--brand", "edo"], "")["body"],
        "Правка."
    );
    assert_eq!(place.refusal(&["document", "show", "--kind", "agreement", "--version", "9"]).0, 1);
    let examined = place.json(&["doctor"], "");
    let finding = examined["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["name"] == "documents")
        .unwrap();
    assert!(finding["message"].as_str().unwrap().contains("pd-consent"), "{finding}");
}

#[test]
fn organisations_of_a_person_are_added_listed_and_removed() {
    let place = Place::new("organisations");
    place.json(&["migrate"], "");
    place.json(
        &["user", "create", "--email", "ivan@example.ru", "--password-stdin"],
        "длинная фраза из слов\n",
    );
    let named =
        |inn: &'static str| ["user", "organisation", "add", "ivan@example.ru", "--name", "ООО «Ромашка»", "--inn", inn];
    let made = place.json(&[&named("7707083893")[..], &["--kpp", "773601001", "--relation", "head"]].concat(), "");
    let one = &made["organisations"][0];
    assert_eq!(
        (&one["proof"], &one["relation"], &one["kpp"]),
        (&"administrator".into(), &"head".into(), &"773601001".into())
    );
    place.json(&named("7707083893"), "");
    assert_eq!(
        place.json(&["user", "organisation", "list", "ivan@example.ru"], "")["organisations"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    for (more, flag) in [(&["--ogrn", "1"][..], "--ogrn"), (&["--kpp", "1"], "--kpp")] {
        let (code, told) = place.refusal(&[&named("7707083893")[..], more].concat());
        assert!(code == 1 && told.contains(flag), "{told}");
    }
    assert!(place.refusal(&named("7707083894")).1.contains("--inn"));
    let remove = ["user", "organisation", "remove", "ivan@example.ru", "--inn", "7707083893"];
    assert_eq!(place.refusal(&remove).0, 1, "which of the two?");
    let left = place.json(&[&remove[..], &["--kpp", "773601001"]].concat(), "");
    assert_eq!(left["organisations"].as_array().unwrap().len(), 1);
    assert_eq!(place.json(&remove, "")["organisations"].as_array().unwrap().len(), 0);
}
