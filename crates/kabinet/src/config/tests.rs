//! The rules of reading, as tables of what is given and what is answered.

use super::*;
use crate::Ambient;

fn env(pairs: &[(&str, &str)]) -> Environment {
    Environment(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

/// Reads the environment alone, whatever stands in `/etc`.
fn read(pairs: &[(&str, &str)]) -> Result<(Config, BTreeMap<String, String>), ConfigError> {
    let mut sources = Sources::new();
    sources.add_environment(&env(pairs));
    sources.finish()
}

fn refusal(pairs: &[(&str, &str)]) -> String {
    read(pairs).unwrap_err().to_string()
}

fn folder() -> PathBuf {
    let name: [u8; 8] = kabinet_core::ambient::random(&*Ambient::real().entropy);
    let path = std::env::temp_dir().join(format!("kabinet-config-{:016x}", u64::from_ne_bytes(name)));
    std::fs::create_dir(&path).unwrap();
    path
}

#[test]
fn nothing_at_all_is_a_configuration() {
    assert_eq!(read(&[]).unwrap().0, Config::default());
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let folder = folder();
    let file = folder.join("kabinet.toml");
    std::fs::write(
        &file,
        "listen = \"127.0.0.1:1\"\n[session]\nidle = 90\nmax = \"2d\"\n[log]\nlevel = \"debug\"\n",
    )
    .unwrap();
    let environment =
        env(&[("KABINET_CONFIG", file.to_str().unwrap()), ("KABINET__SESSION__MAX", "3d"), ("OTHER__X", "1")]);
    let loaded = Loaded::read(None, &environment).unwrap();
    assert_eq!(loaded.config.session.idle, Seconds(90));
    assert_eq!(loaded.config.session.max, Seconds::days(3));
    assert_eq!(loaded.config.listen.port(), 1);
    assert_eq!(loaded.origin("session.max"), "environment variable KABINET__SESSION__MAX");
    assert_eq!(loaded.origin("session.idle"), format!("file {}", file.display()));
    assert_eq!(loaded.origin("issuer"), "default");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn every_type_can_be_given_as_text() {
    let (config, _) = read(&[
        ("KABINET__ISSUER", "https://id.example.test"),
        ("KABINET__TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
        ("KABINET__STORE__MIGRATE", "false"),
        ("KABINET__STORE__CONNECTIONS", "3"),
        ("KABINET__REGISTRATION__MODE", "token"),
        ("KABINET__CONFIRMATION__RESEND", "10,1m"),
        ("KABINET__LOG__FORMAT", "json"),
        ("KABINET__HASHING__PERMITS", "7"),
        ("KABINET__DELIVERY__OUTBOX", "123"),
        ("KABINET__DELIVERY__OUTBOX_FORCE", "true"),
    ])
    .unwrap();
    assert_eq!(config.trusted_proxies.len(), 2);
    assert_eq!((config.migrates(), config.store.connections, config.hashing.permits), (false, 3, Some(7)));
    assert_eq!(config.confirmation.resend, [Seconds(10), Seconds(60)]);
    assert_eq!(config.delivery.outbox.unwrap().to_str(), Some("123"));
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_one() {
    for (name, nearest) in [
        ("KABINET__ISSUR", "issuer"),
        ("KABINET__STORE__ULR", "store.url"),
        ("KABINET__STOR__URL", "store.url"),
        ("KABINET__OUTBOX", "delivery.outbox"),
        ("KABINET__SESSION_IDLE", "session.idle"),
        ("KABINET__ISSUER_FILE", "issuer"),
        ("KABINET__TLS__KEY__FILE", "tls.key"),
    ] {
        let said = refusal(&[(name, "x")]);
        assert!(
            said.contains(name)
                && (said.contains(&format!("the nearest is {nearest}")) || said.contains("is one value")),
            "{said}"
        );
    }
    let said = Config::from_toml("[store]\nurl = \"sqlite:a\"\nconections = 5\n")
        .unwrap_err()
        .to_string();
    assert_eq!(said, "store.conections (text): is not a known key; the nearest is store.connections");
    let said = Config::from_toml("store = \"sqlite:a\"\n").unwrap_err().to_string();
    assert_eq!(said, "store (text): is a section; give its keys, as in store.connections");
    let said = Config::from_toml("[issuer]\nurl = 1\n").unwrap_err().to_string();
    assert_eq!(said, "issuer (text): is one value and has no keys of its own");
    assert!(refusal(&[("KABINET__store__url", "x")]).contains("KABINET__STORE__URL"));
}

#[test]
fn every_bad_value_is_named_with_its_path_and_source_at_once() {
    let said = refusal(&[
        ("KABINET__LISTEN", "localhost:80"),
        ("KABINET__SESSION__IDLE", "soon"),
        ("KABINET__STORE__MIGRATE", "perhaps"),
        ("KABINET__REGISTRATION__MODE", "ajar"),
        ("KABINET__TRUSTED_PROXIES", "10.0.0.1/8"),
        ("KABINET__STORE__CONNECTIONS", "0"),
        ("KABINET__NOTHING", "1"),
    ]);
    for key in [
        "listen",
        "session.idle",
        "store.migrate",
        "registration.mode",
        "trusted_proxies",
        "store.connections",
        "nothing",
    ] {
        let name = key.to_uppercase().replace('.', "__");
        assert!(
            said.contains(&format!("{key} (environment variable KABINET__{name}): ")),
            "{key} in {said}"
        );
    }
    assert_eq!(said.lines().count(), 7, "{said}");
}

#[test]
fn an_issuer_is_an_origin_and_http_only_on_loopback() {
    for good in ["http://localhost:8080", "http://127.0.0.1:1", "http://127.9.9.9", "http://[::1]:8080"] {
        assert!(read(&[("KABINET__ISSUER", good)]).is_ok(), "{good}");
    }
    for bad in [
        "",
        "id.example.test",
        "ftp://id.example.test",
        "http://id.example.test",
        "http://192.168.0.1",
        "http://localhost.example.test",
        "https://id.example.test/",
        "https://id.example.test/auth",
        "https://id.example.test?x",
        "https://id.example.test#x",
        "https://ID.example.test",
        "https://id.example.test:443",
        "https://a@id.example.test",
        "https://a:b@id.example.test",
        "http://0.0.0.0",
    ] {
        assert!(
            refusal(&[("KABINET__ISSUER", bad), ("KABINET__TRUSTED_PROXIES", "::1")]).starts_with("issuer ("),
            "{bad}"
        );
    }
}

#[test]
fn an_https_issuer_needs_a_certificate_or_a_named_proxy_and_refuses_the_outbox() {
    let issuer = ("KABINET__ISSUER", "https://id.example.test");
    assert!(refusal(&[issuer]).contains("trusted_proxies"));
    assert!(read(&[issuer, ("KABINET__TRUSTED_PROXIES", "10.0.0.0/8")]).is_ok());
    let (cert, key) = (("KABINET__TLS__CERT", "c.pem"), ("KABINET__TLS__KEY", "k.pem"));
    assert!(read(&[issuer, cert, key]).is_ok());
    assert!(refusal(&[issuer, cert]).contains("tls.key"));
    assert!(refusal(&[cert, key]).contains("must be https"));
    let outbox = ("KABINET__DELIVERY__OUTBOX", "out.jsonl");
    assert!(refusal(&[issuer, cert, key, outbox]).starts_with("delivery.outbox "));
    assert!(read(&[issuer, cert, key, outbox, ("KABINET__DELIVERY__OUTBOX_FORCE", "true")]).is_ok());
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    for (pairs, key) in [
        (vec![("KABINET__SESSION__IDLE", "8d")], "session.idle"),
        (vec![("KABINET__TOKEN__CODE", "11m")], "token.code"),
        (vec![("KABINET__TOKEN__ACCESS", "0")], "token.access"),
        (vec![("KABINET__ADMIN_LISTEN", "127.0.0.1:8080")], "admin_listen"),
        (vec![("KABINET__LOG__LEVEL", "loud")], "log.level"),
        (vec![("KABINET__LOG__LEVEL", "info,kabinet_oidc=loud")], "log.level"),
        (
            vec![("KABINET__REGISTRATION__RESPONSE_TYPES", "code,token")],
            "registration.response_types",
        ),
        (vec![("KABINET__STORE__URL", "mysql://x")], "store.url"),
        (vec![("KABINET__STORE__URL", "sqlite::memory:")], "store.url"),
        (vec![("KABINET__STORE__URL", "postgres://db/kabinet")], "master_key"),
        (vec![("KABINET__REDIS__URL", "db:6379")], "redis.url"),
        (vec![("KABINET__PASSWORD__MIN_LENGTH", "4")], "password.min_length"),
        (vec![("KABINET__HASHING__MEMORY", "1")], "hashing.memory"),
        (vec![("KABINET__KEYS__RSA_BITS", "1024")], "keys.rsa_bits"),
        (vec![("KABINET__KEYS__ROTATE_EVERY", "23h")], "keys.rotate_every"),
        (vec![("KABINET__CERTIFICATE__GRACE", "8d")], "certificate.grace"),
        (
            vec![("KABINET__CERTIFICATE__TOOLBOX_PAGE", "http://example.test/")],
            "certificate.toolbox_page",
        ),
    ] {
        let said = refusal(&pairs);
        assert!(said.starts_with(&format!("{key} (")) && said.lines().count() == 1, "{key}: {said}");
    }
}

#[test]
fn pages_connect_to_a_signing_agent_on_loopback_only() {
    for good in ["", "ws://localhost:9292/RegistrationOffice", "wss://127.0.0.1:9292/a,ws://[::1]:1/"] {
        assert!(read(&[("KABINET__CERTIFICATE__TOOLBOX", good)]).is_ok(), "{good}");
    }
    for bad in [
        "wss://example.test/",
        "wss://10.0.0.1:9292/",
        "https://127.0.0.1:9292/",
        "wss://a@127.0.0.1:9292/",
        "wss://127.0.0.1:9292/;script-src *",
        "wss://127.0.0.1:9292/?a",
        "wss://127.0.0.1:9292/#a",
        "wss://127.1:9292/",
        "wss://127.0.0.1:9292",
        "RegistrationOffice",
    ] {
        let said = refusal(&[("KABINET__CERTIFICATE__TOOLBOX", bad)]);
        assert!(said.starts_with("certificate.toolbox (") && said.lines().count() == 1, "{bad}: {said}");
    }
}

#[test]
fn a_secret_is_never_repeated_and_may_come_from_a_file() {
    let said = refusal(&[
        ("KABINET__MASTER_KEY", "hunter2"),
        ("KABINET__STORE__URL", "hunter2://u:hunter2@x"),
        ("KABINET__REDIS__URL", "hunter2"),
    ]);
    assert!(!said.contains("hunter2") && said.lines().count() == 3, "{said}");
    let said = Config::from_toml("master_key = hunter2\n").unwrap_err().to_string();
    assert!(!said.contains("hunter2") && said.contains("line 1"), "{said}");
    let said = Config::from_toml("master_key = [\"hunter2\"]\n").unwrap_err().to_string();
    assert!(!said.contains("hunter2") && said.starts_with("master_key (text)"), "{said}");

    let folder = folder();
    let file = folder.join("key");
    std::fs::write(&file, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n").unwrap();
    let named = ("KABINET__MASTER_KEY_FILE", file.to_str().unwrap());
    let (config, origins) = read(&[named, ("KABINET__STORE__URL", "postgres://u:hunter2@db/kabinet")]).unwrap();
    let loaded = Loaded { config, file: None, origins };
    assert_eq!(loaded.origin("master_key"), "environment variable KABINET__MASTER_KEY_FILE");
    let printed = format!("{}{}{:?}", loaded.to_toml(Origins::Shown), loaded.to_json(Origins::Hidden), loaded);
    assert!(!printed.contains("AAAA") && !printed.contains("hunter2"), "{printed}");
    assert!(refusal(&[named, ("KABINET__MASTER_KEY", "x")]).contains("not both"));
    assert!(refusal(&[("KABINET__MASTER_KEY_FILE", "/nowhere/key")]).contains("cannot read the file /nowhere/key"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_is_printed_can_be_read_again() {
    let (config, origins) = read(&[("KABINET__HASHING__PERMITS", "2"), ("KABINET__TRUSTED_PROXIES", "::1")]).unwrap();
    let loaded = Loaded { config: config.clone(), file: None, origins };
    for origins in [Origins::Hidden, Origins::Shown] {
        assert_eq!(Config::from_toml(&loaded.to_toml(origins)).unwrap(), config);
    }
}

/// The reference file with every setting in force: a line `#key = value` is a setting, `# text` a comment.
fn reference() -> String {
    let text = include_str!("../../../../config/kabinet.toml");
    let is_setting = |line: &str| {
        line.strip_prefix('#')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
    };
    text.lines().map(|line| line[usize::from(is_setting(line))..].to_owned() + "\n").collect()
}

#[test]
fn the_reference_file_gives_every_key_with_its_default_and_no_other() {
    let table: toml::Table = toml::from_str(&reference()).unwrap();
    let mut named = Vec::new();
    collect_keys(&Value::serialize(table).unwrap().into_dict().unwrap(), "", &mut named);
    assert_eq!(named, keys());
    // Keys without a default have an example there.
    let examples = [
        "master_key",
        "tls.cert",
        "tls.key",
        "redis.url",
        "outbound.ca",
        "delivery.outbox",
        "delivery.template.cost",
        "password.filter",
        "hashing.permits",
        "store.migrate",
        "country.rules",
        "country.header",
        "country.default",
        "certificate.toolbox_page",
        "certificate.list_url",
        "certificate.verifier_url",
        "certificate.verifier_token",
        "telegram.bot_token",
    ];
    // login, key, sender and url of five gateways; of the mail server six, of Госуслуги nine.
    let examples = examples.len() + 5 * 4 + 6 + 9;
    let mut sources = Sources::new();
    let text = reference();
    let without: String = text
        .lines()
        .filter(|line| !line.contains("# example"))
        .map(|line| format!("{line}\n"))
        .collect();
    sources.add_toml(&without, "text").unwrap();
    assert_eq!(sources.finish().unwrap().0, Config::default());
    assert_eq!(text.matches("# example").count(), examples);
    // As it stands the file changes nothing.
    assert_eq!(
        Config::from_toml(include_str!("../../../../config/kabinet.toml")).unwrap(),
        Config::default()
    );
}

fn on_sqlite(folder: &Path) -> Config {
    let mut config = Config::default();
    config.store.url = format!("sqlite:{}", folder.join("k.db").display()).into();
    config
}

#[test]
fn starts_at_the_same_time_end_with_one_master_key_and_leave_nothing_else() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let config = on_sqlite(&folder);
    let made: Vec<String> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| master_key(&config, &*Ambient::real().entropy).unwrap().to_base64().to_string()))
            .collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert!(made.iter().all(|key| *key == made[0]));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    let file = key_file(&config).unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
    assert!(matches!(
        master_key(&config, &*Ambient::real().entropy),
        Err(MasterKeyError::Mode { mode: 0o640, .. })
    ));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_database_whose_key_file_is_gone_gets_no_new_key() {
    let folder = folder();
    let config = on_sqlite(&folder);
    std::fs::write(folder.join("k.db"), "rows").unwrap();
    assert!(matches!(master_key(&config, &*Ambient::real().entropy), Err(MasterKeyError::Lost { .. })));
    std::fs::write(key_file(&config).unwrap(), "").unwrap();
    std::fs::set_permissions(key_file(&config).unwrap(), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert!(matches!(
        master_key(&config, &*Ambient::real().entropy),
        Err(MasterKeyError::Malformed(_))
    ));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_provider_has_the_name_that_the_operator_gives_it() {
    let (config, origins) = read(&[
        ("KABINET__UPSTREAM__HEAD_OFFICE__PRESET", "kabinet"),
        ("KABINET__UPSTREAM__HEAD_OFFICE__ISSUER", "https://id.head-office.example"),
        ("KABINET__UPSTREAM__HEAD_OFFICE__CLIENT_ID", "us"),
        ("KABINET__UPSTREAM__HEAD_OFFICE__CLIENT_SECRET", "CANARY-secret"),
        ("KABINET__UPSTREAM__HEAD_OFFICE__VOUCHES", "phone,email"),
    ])
    .unwrap();
    let office = &config.upstream["head-office"];
    assert_eq!((office.client_id.as_deref(), office.vouches.len()), (Some("us"), 2));
    let loaded = Loaded { config, file: None, origins };
    let shown = loaded.to_toml(Origins::Shown);
    assert!(shown.contains("[upstream.head-office]") && !shown.contains("CANARY"), "{shown}");
    assert!(shown.contains("environment variable KABINET__UPSTREAM__HEAD_OFFICE__ISSUER"), "{shown}");
    let text = "[upstream.telegram]\npreset = \"telegram\"\nclient_id = \"1\"\n";
    assert!(Config::from_toml(text).is_ok());
}

#[test]
fn a_provider_that_cannot_be_meant_is_refused_and_its_secret_not_repeated() {
    let sound = "issuer = \"https://x.example\"\nclient_id = \"us\"\nclient_secret = \"CANARY-secret\"\n";
    for (name, more, what) in [
        ("office", "preset = \"fax\"\n", "upstream.office.preset"),
        ("office", "isuer = \"x\"\n", "upstream.office.issuer"),
        ("esia", "", "is no name for a provider"),
        ("telegram", "", "is no name for a provider"),
        ("office", "mode = \"userinfo\"\n", "upstream.office.userinfo_endpoint"),
        (
            "office",
            "token_endpoint = \"http://x.example/token\"\n",
            "upstream.office.token_endpoint",
        ),
        ("office", "registers = true\nforeign = true\n", "upstream.office.registers"),
        ("office", "claims = [\"phone\"]\n", "upstream.office.claims"),
        ("office", "title_ru = \"Офис\"\n", "upstream.office.title_en"),
        ("office", "signing = \"none\"\n", "upstream.office.signing"),
        ("office", "client_secret_2 = 1\n", "upstream.office.client_secret"),
    ] {
        let refusal = Config::from_toml(&format!("[upstream.{name}]\n{sound}{more}")).unwrap_err().to_string();
        assert!(refusal.contains(what), "{name} {more}: {refusal}");
        assert!(!refusal.contains("CANARY"), "{refusal}");
    }
    let nothing = Config::from_toml("[upstream.office]\n").unwrap_err().to_string();
    assert!(
        nothing.contains("upstream.office.client_id") && nothing.contains("upstream.office.issuer"),
        "{nothing}"
    );
}
