//! The built binary, used as an operator uses it.
#![expect(clippy::unwrap_used, reason = "tests")]

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
    assert_ne!(place.json(&["client", "rotate-secret", id], "")["client_secret"], made["client_secret"]);
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
