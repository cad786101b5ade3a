//! Codes counted by autonomous system (`confirmation.networks`), seen from behind a proxy.

use kabinet_tests::{Browser, PASSWORD, TestApp};

use crate::registration::fill;

const TABLES: [&str; 2] = [
    "network,autonomous_system_number,autonomous_system_organization\n10.1.0.0/16,64500,\"Mobile, Ltd.\"\n",
    "2001:db8::\t2001:db8:ffff:ffff:ffff:ffff:ffff:ffff\t64500\tRU\tMOBILE\n10.2.0.0\t10.2.255.255\t64501\tRU\tOTHER\n",
];

/// A provider behind the proxies of 198.51.100.0/24, with or without tables.
async fn start(has_tables: bool) -> (TestApp, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let files = [0, 1].map(|i| dir.path().join(format!("{i}.txt")));
    for (file, table) in files.iter().zip(TABLES) {
        std::fs::write(file, table).unwrap();
    }
    let app = TestApp::start_with(|config| {
        config.trusted_proxies = vec!["198.51.100.0/24".parse().unwrap()];
        config.work.bits = 8;
        config.confirmation.registrations_per_asn = 10;
        config.confirmation.asn_sample = 4;
        if has_tables {
            config.confirmation.networks = files.to_vec();
        }
    })
    .await;
    (app, dir)
}

/// Somebody whose address the proxy names.
async fn from(app: &TestApp, address: &str) -> Browser {
    let mut browser = app.browser();
    browser.headers.push(("x-forwarded-for".to_owned(), address.to_owned()));
    browser.get("/register?by=email").await;
    browser
}

#[tokio::test]
async fn an_eleventh_registration_of_one_system_costs_work_in_whichever_network_and_without_tables_nothing() {
    for has_tables in [true, false] {
        let (app, _files) = start(has_tables).await;
        for i in 0..10 {
            let address = if i % 2 == 0 {
                format!("10.1.{i}.7")
            } else {
                format!("2001:db8:{i}::7")
            };
            let mut browser = from(&app, &address).await;
            fill(&mut browser, &format!("u{i}@example.com"), PASSWORD).await;
            assert!(browser.page.has("code-form"), "{i}: {}", browser.page.text());
        }
        let mut browser = from(&app, "10.1.99.7").await;
        fill(&mut browser, "new@example.com", PASSWORD).await;
        let asked = browser.page.status == 429 && browser.page.error() == "work-wait";
        assert_eq!(asked, has_tables, "{}", browser.page.text());
        if has_tables {
            assert!(from(&app, "10.1.98.7").await.page.has("work-answer"), "the page brings its work");
            browser.works = true;
            fill(&mut browser, "new@example.com", PASSWORD).await;
        }
        assert!(browser.page.has("code-form"), "{}", browser.page.text());
        for elsewhere in ["10.2.1.7", "10.3.1.7"] {
            let mut other = from(&app, elsewhere).await;
            assert!(!other.page.has("work-answer"));
            fill(&mut other, &format!("u{elsewhere}@example.com"), PASSWORD).await;
            assert!(other.page.has("code-form"), "{elsewhere}: {}", other.page.text());
        }
    }
}

#[tokio::test]
async fn a_system_whose_codes_nobody_enters_gets_no_sms_until_the_hour_is_over_and_says_nothing_of_why() {
    let (app, _files) = start(true).await;
    let ask = async |system: u8, i: u8, contact: &str| {
        let mut browser = from(&app, &format!("10.{system}.{i}.7")).await;
        browser.works = true;
        // The page may not have known yet that work is due.
        for _ in 0..2 {
            if !browser.page.has("code-form") && browser.page.error() != "code-limit" {
                fill(&mut browser, contact, PASSWORD).await;
            }
        }
        browser
    };
    for i in 0..20 {
        let browser = ask(1, i, &format!("+7916{i:03}0001")).await;
        assert!(browser.page.has("code-form"), "{i}: {}", browser.page.text());
    }
    let refused = ask(1, 30, "+79169990001").await;
    assert_eq!((refused.page.status, refused.page.error().as_str()), (429, "code-limit"));
    assert!(refused.page.text().contains("Коды запрашивали слишком часто"), "{}", refused.page.text());
    assert_eq!(app.messages().len(), 20);
    for (system, contact) in [(1, "one@example.com"), (2, "+79169990002")] {
        let browser = ask(system, 40, contact).await;
        assert!(browser.page.has("code-form"), "{contact}: {}", browser.page.text());
    }
    app.clock.advance(3600);
    assert!(ask(1, 50, "+79169990003").await.page.has("code-form"));
}
