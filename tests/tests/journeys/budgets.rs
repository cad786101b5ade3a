//! The statement budgets of DESIGN §5, counted on a node whose store the test holds: nothing else runs on it.

use std::sync::Arc;

use kabinet_core::client::{Profile, TokenFormat};
use kabinet_store::Store;
use kabinet_tests::{Browser, Node, Rp, TestApp, Tokens};

/// A node without background jobs.
pub struct Counted {
    pub identity: kabinet_identity::Identity,
    pub node: Node,
    store: Store,
    provider: kabinet_oidc::Provider,
}

impl Counted {
    pub async fn of(app: &TestApp) -> Self {
        let (config, ambient) = (&app.config, &app.ambient);
        let store = kabinet::open_store(config).await.unwrap();
        let master = kabinet::config::master_key(config, &*ambient.entropy).unwrap();
        let (clock, entropy) = (ambient.clock.clone(), ambient.entropy.clone());
        let parts = kabinet_oidc::Parts {
            config: kabinet_oidc::Config {
                issuer: config.issuer.clone(),
                token: kabinet_oidc::config::TokenConfig::default(),
                response_types: vec![kabinet_core::response_type::ResponseType::CODE],
                registration: kabinet_oidc::config::RegistrationConfig::default(),
            },
            store: store.clone(),
            master: master.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            fetch: kabinet::outbound::fetch(config, kabinet::outbound::CLIENTS).unwrap(),
        };
        let provider = kabinet_oidc::Provider::open(parts).await.unwrap();
        let identity = kabinet::identity(config, &store, master.clone(), ambient).unwrap();
        let site = kabinet_web::Config {
            issuer: config.issuer.clone(),
            countries: Default::default(),
            country_header: None,
            country: None,
            trusted_proxies: Vec::new(),
            password_length: (10, 256),
            remembered: 86_400,
            code_life: (300, 600),
        };
        let parts = kabinet_web::Parts {
            config: site,
            provider: provider.clone(),
            identity: identity.clone(),
            master,
            clock,
            entropy: Arc::clone(&entropy),
        };
        let router = kabinet_web::router(kabinet_web::Site::new(parts).unwrap());
        let node = Node {
            router,
            admin: axum::Router::new(),
            jobs: kabinet::Jobs::default(),
        };
        Self { identity, node, store, provider }
    }

    /// How many statements the work runs, the node having just heard from the database.
    pub async fn count<T>(&self, work: impl Future<Output = T>) -> (u64, T) {
        self.provider.hear().await.unwrap();
        let before = self.store.statements_run();
        let done = work.await;
        (self.store.statements_run() - before, done)
    }

    async fn client(
        &self,
        app: &TestApp,
        profile: Profile,
        change: impl FnOnce(&mut kabinet_core::client::ClientMetadata),
    ) -> Rp {
        let mut rp = app.client(profile, change).await;
        rp.use_node(&self.node);
        // The news of it would drop it from memory again.
        self.provider.hear().await.unwrap();
        rp
    }

    async fn signed_in(&self, app: &TestApp, accounts: usize) -> Browser {
        let mut browser = app.browser();
        browser.use_node(&self.node);
        for _ in 0..accounts {
            let person = app.anyone().await;
            app.sign_in(&mut browser, &person).await;
        }
        browser
    }
}

#[tokio::test]
async fn the_pages_of_a_brand_cost_no_statement_for_an_anonymous_visitor() {
    let app = TestApp::start().await;
    let saved = kabinet_core::brand::Brands::built_in().get("1c-etp").unwrap().clone();
    app.save_brand(&saved).await;
    let counted = Counted::of(&app).await;
    let rp = counted
        .client(&app, Profile::Web, |metadata| metadata.brand = Some("1c-etp".to_owned()))
        .await;
    let mut browser = app.browser();
    browser.use_node(&counted.node);
    browser.get(&rp.ask().url()).await;
    let url = rp.ask().url();
    let (statements, _) = counted.count(browser.get(&url)).await;
    assert!(browser.page.text().contains("Вход в 1С-ЭТП"));
    assert_eq!(statements, 0, "the request and its sign-in page");
    let (statements, _) = counted.count(browser.click("go-register")).await;
    assert_eq!(statements, 0, "registration");
}

#[tokio::test]
async fn authorize_with_a_session_costs_at_most_four_reads_and_one_write_with_its_audit_record() {
    let app = TestApp::start().await;
    let counted = Counted::of(&app).await;
    let ours = counted.client(&app, Profile::Web, |_| ()).await;
    let theirs = counted.client(&app, Profile::Web, |metadata| metadata.first_party = false).await;
    for accounts in [1, 3] {
        let mut browser = counted.signed_in(&app, accounts).await;
        for rp in [&ours, &theirs] {
            // The first time may show a consent and fills the memory.
            browser.get(&rp.ask().with("prompt", "select_account").url()).await;
            if browser.page.has("choose-form") {
                browser.submit("choose-form", &[], "account-1").await;
            }
            if browser.page.has("consent-form") {
                browser.submit("consent-form", &[], "allow").await;
            }
            let ask = rp.ask();
            let (statements, callback) = counted.count(rp.authorize(&mut browser, &ask)).await;
            assert!(!callback.code().is_empty());
            println!(
                "authorize, {accounts} account(s), first party {}: {statements} statements",
                rp.metadata.first_party
            );
            assert!(statements <= 6, "{statements} statements");
        }
    }
}

#[tokio::test]
async fn authorize_that_also_notes_the_use_of_the_session_stays_within_the_budget() {
    let app = TestApp::start().await;
    let counted = Counted::of(&app).await;
    let rp = counted.client(&app, Profile::Web, |_| ()).await;
    let mut browser = counted.signed_in(&app, 1).await;
    rp.authorize(&mut browser, &rp.ask()).await;
    app.clock.advance(61);
    let ask = rp.ask();
    let (statements, _) = counted.count(rp.authorize(&mut browser, &ask)).await;
    println!("authorize, noting the use of the session: {statements} statements");
    assert!(statements <= 6, "{statements} statements");
}

#[tokio::test]
async fn a_request_for_which_nobody_is_signed_in_writes_nothing_and_reads_nothing_when_warm() {
    let app = TestApp::start().await;
    let counted = Counted::of(&app).await;
    let rp = counted.client(&app, Profile::Web, |_| ()).await;
    let mut browser = app.browser();
    browser.use_node(&counted.node);
    browser.get(&rp.ask().url()).await;
    let ask = rp.ask();
    let (statements, _) = counted.count(browser.get(&ask.url())).await;
    assert_eq!(statements, 0, "an anonymous visitor costs the database something");
}

#[tokio::test]
async fn a_device_that_polls_while_nobody_has_decided_costs_the_database_nothing() {
    let app = TestApp::start().await;
    let counted = Counted::of(&app).await;
    let rp = counted.client(&app, Profile::Device, |_| ()).await;
    let begun = rp.post("/oauth2/device_authorization", &[("scope", "openid")]).await.ok();
    let code = begun.member("device_code");
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let form = [("grant_type", grant), ("device_code", code.as_str())];
    let (statements, answer) = counted.count(rp.token(&form)).await;
    answer.refused(400, "authorization_pending");
    assert_eq!(statements, 0, "the node where it began");
    // Another node reads the row once.
    let other = Counted::of(&app).await;
    let mut there = rp;
    there.use_node(&other.node);
    there.token(&form).await.refused(400, "authorization_pending");
    let (statements, answer) = other.count(there.token(&form)).await;
    answer.refused(400, "slow_down");
    assert_eq!(statements, 0, "another node");
}

#[tokio::test]
async fn a_text_that_is_no_api_token_costs_the_database_nothing_and_one_that_is_costs_a_read_and_a_write() {
    use kabinet_core::client::GrantType;
    let app = TestApp::start().await;
    let counted = Counted::of(&app).await;
    let change = |metadata: &mut kabinet_core::client::ClientMetadata| {
        metadata.grant_types.push(GrantType::TokenExchange);
        metadata.token_exchange_audiences = vec!["https://stock.test".to_owned()];
        metadata.scope = kabinet_core::scope::Scope::parse("profile").unwrap();
    };
    let rp = counted.client(&app, Profile::Machine, change).await;
    let exchange = async |text: &str| {
        let kind = "urn:kabinet:token-type:api-token";
        let grant = GrantType::TokenExchange.as_str();
        rp.token(&[("grant_type", grant), ("subject_token", text), ("subject_token_type", kind)])
            .await
    };
    // The first call fills the memory with the client.
    exchange("x").await.refused(400, "invalid_request");
    let sound = kabinet_core::api_token::generate(&*app.ambient.entropy);
    let mut broken = sound.expose().to_owned();
    let last = if broken.pop() == Some('0') { '1' } else { '0' };
    broken.push(last);
    for text in [broken.as_str(), "kbn_pat_", "x"] {
        let (statements, answer) = counted.count(exchange(text)).await;
        answer.refused(400, "invalid_request");
        assert_eq!(statements, 0, "{text}");
    }
    let (statements, answer) = counted.count(exchange(sound.expose())).await;
    answer.refused(400, "invalid_request");
    assert_eq!(statements, 1, "one that nobody has");
    let mut finder = app.browser();
    finder.use_node(&counted.node);
    let (statements, page) = counted.count(finder.post("/oauth2/leaked", &[("token", &broken)])).await;
    assert_eq!((statements, page.status), (0, 204), "handed in");
}

#[tokio::test]
async fn the_token_endpoint_costs_at_most_four_statements_for_a_code_and_for_a_refresh() {
    let app = TestApp::start().await;
    let counted = Counted::of(&app).await;
    let rp = counted.client(&app, Profile::Web, |_| ()).await;
    let mut browser = counted.signed_in(&app, 1).await;
    for scope in ["openid profile email", "openid offline_access"] {
        let ask = rp.ask_for(scope);
        let callback = rp.authorize(&mut browser, &ask).await;
        let (code, answer) = counted.count(rp.redeem(callback.code(), &ask)).await;
        let tokens = Tokens::of(&answer);
        let (refresh, answer) = counted.count(rp.refresh(&tokens.refresh)).await;
        drop(Tokens::of(&answer));
        println!("token, {scope}: code {code}, refresh {refresh} statements");
        assert!(code <= 4 && refresh <= 4, "code {code}, refresh {refresh}");
    }
}

#[tokio::test]
async fn client_credentials_introspection_and_userinfo_cost_nothing_when_warm() {
    let app = TestApp::start().await;
    let counted = Counted::of(&app).await;
    let machine = counted.client(&app, Profile::Machine, |_| ()).await;
    let mut browser = counted.signed_in(&app, 1).await;
    for format in [TokenFormat::Jwt, TokenFormat::Opaque] {
        let rp = counted.client(&app, Profile::Web, |metadata| metadata.access_token_format = format).await;
        let ask = rp.ask_for("openid profile email");
        let callback = rp.authorize(&mut browser, &ask).await;
        let tokens = Tokens::of(&rp.redeem(callback.code(), &ask).await);
        for warm in [false, true] {
            let (given, answer) = counted.count(machine.token(&[("grant_type", "client_credentials")])).await;
            assert_eq!(answer.code(), 200, "{}", answer.body);
            let (introspected, active) = counted.count(rp.is_active(&tokens.access)).await;
            let (told, answer) = counted.count(rp.userinfo(&tokens.access)).await;
            assert!(active && answer.code() == 200);
            if warm {
                assert_eq!((given, introspected, told), (0, 0, 0), "{format:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_a_login_leaves_behind_after_retention_is_within_a_kilobyte_beside_its_audit_records() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let person = app.anyone().await;
    for _ in 0..20 {
        let mut browser = app.browser();
        rp.sign_in_with(&app, &mut browser, &person, &rp.ask_for("openid offline_access")).await;
    }
    app.clock.advance(200 * 86_400);
    kabinet_store::sweep::sweep(&app.store, app.ambient.clock.now()).await.unwrap();
    assert_eq!(kabinet_store::sweep::sweep(&app.store, app.ambient.clock.now()).await.unwrap(), 0);
    let left = kabinet_store::session::by_user(app.store.db(), &person.id, app.ambient.clock.now())
        .await
        .unwrap();
    assert!(left.is_empty());
    let records = kabinet_store::audit::of_user(app.store.db(), &person.id, 1_000).await.unwrap();
    println!("a login leaves {} audit records", (records.len() - 1) as f64 / 20.0);
}
