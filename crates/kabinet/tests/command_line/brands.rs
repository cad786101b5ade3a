//! `kabinet brand`

use super::Place;

const DOKI: &str = r##"
colour = "#0a5c36"
help_url = "https://help.example/"
registration_methods = []
title = { ru = "Доки", en = "Doki" }
heading = { ru = "ДОКИ", en = "DOKI" }
entity = { ru = "АО «Доки»", en = "Doki JSC" }
[texts]
login_title = { ru = "Вход в {product}: \"да\"", en = "Welcome to {product}" }
"##;

/// What a command prints for people.
fn text(place: &Place, arguments: &[&str]) -> String {
    let output = place.run(arguments, "");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_brand_show_prints_is_what_brand_set_takes() {
    let place = Place::new("brands");
    place.json(&["migrate"], "");
    let set = |name: &str, input: &str| place.json(&["brand", "set", name, "--file", "-"], input);
    for name in ["default", "astral-edo", "1c-etp"] {
        let shown = text(&place, &["brand", "show", name]);
        assert_eq!(set(name, &shown)["version"], 1, "{name}");
        assert_eq!(text(&place, &["brand", "show", name]), shown, "{name}");
        // The same again changes nothing.
        assert_eq!(set(name, &shown)["changed"], false);
        assert_eq!(place.json(&["brand", "delete", name], "")["built_in"], true);
        assert_eq!(place.refusal(&["brand", "delete", name]).0, 1);
    }
    assert_eq!(set("doki", DOKI)["version"], 1);
    let shown = text(&place, &["brand", "show", "doki"]);
    std::fs::write(place.0.join("doki.toml"), shown.replace("#0a5c36", "#7a1f1f")).unwrap();
    assert_eq!(place.json(&["brand", "set", "doki", "--file", "doki.toml"], "")["version"], 2);
    let object = place.json(&["brand", "show", "doki"], "");
    assert_eq!(
        (&object["name"], &object["version"], &object["colour"]),
        (&"doki".into(), &2.into(), &"#7a1f1f".into())
    );
    assert_eq!(object["texts"]["login_title"]["ru"], "Вход в {product}: \"да\"");
    assert_eq!(object["login_methods"][0], "password");
    let list = place.json(&["brand", "list"], "");
    let names: Vec<_> = list["brands"]
        .as_array()
        .unwrap()
        .iter()
        .map(|brand| brand["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["1c-etp", "astral-edo", "default", "doki"]);
}

#[test]
fn a_brand_that_is_refused_is_told_everything_that_is_wrong_at_once() {
    let place = Place::new("bad-brand");
    place.json(&["migrate"], "");
    let refused = |name: &str, input: &str| {
        let output = place.run(&["brand", "set", name, "--file", "-"], input);
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    };
    let bad = DOKI
        .replace("#0a5c36", "#f0f0f0")
        .replace("https://help", "javascript://help")
        .replace("ДОКИ", "ДО\u{202e}КИ")
        .replace(
            "registration_methods = []",
            "registration_methods = [\"esia\"]\nlogin_methods = [\"telegram\"]",
        )
        .replace("{product}: ", "{user}: <script>");
    let said = refused("Doki!", &bad);
    for field in [
        "name: ",
        "heading.ru: ",
        "colour_ink: has a contrast of ",
        "help_url: ",
        "texts.login_title.ru: ",
        "login_methods: allows no method that this release has: password",
        "registration_methods: allows no method",
    ] {
        assert!(said.contains(&format!("\n  {field}")), "{field}: {said}");
    }
    for (wrong, named) in [
        (DOKI.replace("help_url", "help_uri"), "line 3: unknown field `help_uri`"),
        (DOKI.replace("[]", "[\"Fax\"]"), "line 4: "),
        ("colour = ".to_owned(), "line 1: "),
        (DOKI.replace("colour", "year = 2021\ncolour_ink"), "missing field `colour`"),
        ("#".repeat(70_000), "longer than 64 KiB"),
    ] {
        let said = refused("doki", &wrong);
        assert!(
            said.starts_with("kabinet: --file: ") && said.contains(named) && said.lines().count() == 1,
            "{said}"
        );
    }
    assert_eq!(place.refusal(&["brand", "show", "doki"]).0, 1, "nothing was saved");
    let (code, said) = place.refusal(&["brand", "set", "doki", "--file", "nowhere.toml"]);
    assert!(code == 1 && said.contains("nowhere.toml"), "{said}");
}

#[test]
fn a_brand_that_clients_name_stays_and_a_client_names_only_what_is_there() {
    let place = Place::new("named-brand");
    place.json(&["migrate"], "");
    let create = ["client", "create", "Доки", "--profile", "web", "--redirect-uri", "https://rp.example/cb"];
    let with = |more: &[&'static str]| [&create[..], more].concat();
    let (code, said) = place.refusal(&with(&["--brand", "doki"]));
    assert!(code == 1 && said.contains("there is no brand doki"), "{said}");
    for (wrong, flag) in [
        (&["--login-method", "esia"][..], "--login-method: allows no method"),
        (&["--login-method", "none"], "--login-method: allows no way"),
        (&["--registration-method", "esia"], "--registration-method: allows no method"),
        (&["--registration-method", "telegram"], "--registration-method: names telegram"),
        (
            &["--registration-method", "none", "--registration-method", "password"],
            "--registration-method: none and",
        ),
    ] {
        let (code, said) = place.refusal(&with(wrong));
        assert!(code == 1 && said.starts_with(&format!("kabinet: {flag}")), "{said}");
    }
    assert_eq!(place.refusal(&with(&["--login-method", "Fax"])).0, 2);
    let (code, said) = place.refusal(&with(&["--login-method", "fax"]));
    assert!(
        code == 1 && said.contains("names fax, which is no method and no configured provider"),
        "{said}"
    );

    place.json(&["brand", "set", "doki", "--file", "-"], DOKI);
    let methods = ["--login-method", "esia", "--login-method", "password", "--registration-method", "none"];
    let made = place.json(&with(&[&["--brand", "doki"], &methods[..]].concat()), "");
    let id = made["client_id"].as_str().unwrap();
    let shown = place.json(&["client", "show", id], "");
    assert_eq!(shown["login_methods"], serde_json::json!(["esia", "password"]));
    assert_eq!(shown["registration_methods"], serde_json::json!([]));
    let (code, said) = place.refusal(&["brand", "delete", "doki"]);
    assert!(code == 1 && said.contains("Доки") && said.contains(id), "{said}");
    let changed = place.json(&["client", "update", id, "--registration-method", "", "--brand", "astral-edo"], "");
    assert!(
        changed.get("registration_methods").is_none() && changed["login_methods"].is_array(),
        "{changed}"
    );
    assert_eq!(place.json(&["brand", "delete", "doki"], "")["deleted"], true);
}

#[test]
fn the_brand_of_the_guides_is_one_that_is_taken() {
    let place = Place::new("guide-brands");
    place.json(&["migrate"], "");
    for guide in ["ru", "en"] {
        let path = format!("{}/../../docs/guides/operator.{guide}.md", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let example = text.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
        assert_eq!(place.json(&["brand", "set", guide, "--file", "-"], example)["version"], 1);
    }
}
