//! Every form: without the token of this browser, or from another site, it does nothing; with it, it does.

use kabinet_core::client::RequiredClaim;
use kabinet_tests::signature::Holder;
use kabinet_tests::{Browser, PASSWORD};
use kabinet_web::Access;

use crate::table::ROUTES;
use crate::world::{FORM, World};

/// A form that is filled in and ready to be sent.
struct Ready {
    path: &'static str,
    browser: Browser,
    body: Vec<(String, String)>,
}

impl Ready {
    fn of(path: &'static str, browser: Browser, form: &str, values: &[(&str, &str)], button: &str) -> Self {
        let body = browser.filled(form, values, button);
        assert_eq!(browser.page.html.form(form).unwrap().action.split('?').next().unwrap(), path);
        Self { path, browser, body }
    }

    /// The same with another form token, or none.
    fn with_token(&self, token: Option<&str>) -> Vec<(String, String)> {
        let others = self.body.iter().filter(|(name, _)| name != "form-token").cloned();
        others.chain(token.map(|token| ("form-token".to_owned(), token.to_owned()))).collect()
    }

    fn token(&self) -> String {
        self.body.iter().find(|(name, _)| name == "form-token").unwrap().1.clone()
    }
}

/// Every form of the table, on a page where sending it would change something.
async fn every(world: &World) -> Vec<Ready> {
    let mut all = Vec::new();
    let mut page = world.app.browser();
    page.get("/login").await;
    let pair = [("phone", world.person.contact.as_str()), ("password", PASSWORD)];
    all.push(Ready::of("/login", page, "login-form", &pair, "submit"));

    let mut page = world.app.browser();
    page.get("/register").await;
    let fields = [("phone", "+79990000001"), ("password", PASSWORD), ("pd-consent", "on")];
    all.push(Ready::of("/register", page, "register-form", &fields, "submit"));

    let mut page = world.app.browser();
    page.get("/register").await;
    page.submit(
        "register-form",
        &[("phone", "+79990000002"), ("password", PASSWORD), ("pd-consent", "on")],
        "submit",
    )
    .await;
    let code = world.app.code_sent_to("+79990000002");
    all.push(Ready::of("/register/confirm", page, "code-form", &[("code", &code)], "submit"));

    let needs = |metadata: &mut kabinet_core::client::ClientMetadata| {
        metadata.required_claims = vec![RequiredClaim::Email, RequiredClaim::PhoneNumber];
    };
    let needy = world.app.client(kabinet_core::client::Profile::Web, needs).await;
    for at in ["/complete", "/complete/confirm"] {
        let mut page = world.browser.clone();
        page.get(&needy.ask().url()).await;
        let address = format!("{}@example.com", at.len());
        if at == "/complete" {
            all.push(Ready::of(at, page, "complete-form", &[("email", &address)], "submit"));
            continue;
        }
        page.submit("complete-form", &[("email", &address)], "submit").await;
        let code = world.app.code_sent_to(&address);
        all.push(Ready::of(at, page, "code-form", &[("code", &code)], "submit"));
    }

    let mut page = world.app.browser();
    page.get("/recover").await;
    let fields = [("phone", world.person.contact.as_str())];
    all.push(Ready::of("/recover", page, "recover-form", &fields, "submit"));

    for at in ["/recover/confirm", "/recover/password"] {
        let person = world.app.anyone().await;
        let mut page = world.app.browser();
        page.get("/recover").await;
        let field = if person.contact.contains('@') { "email" } else { "phone" };
        page.get(&format!("/recover?by={field}")).await;
        page.submit("recover-form", &[(field, &person.contact)], "submit").await;
        let code = world.app.code_sent_to(&person.contact);
        if at == "/recover/confirm" {
            all.push(Ready::of(at, page, "code-form", &[("code", &code)], "submit"));
            continue;
        }
        page.submit("code-form", &[("code", &code)], "submit").await;
        let fields = [("new-password", "другой-пароль-из-слов-5")];
        all.push(Ready::of(at, page, "new-password-form", &fields, "submit"));
    }

    let mut page = world.browser.clone();
    page.get(&world.theirs.ask().url()).await;
    all.push(Ready::of("/consent", page, "consent-form", &[], "allow"));

    let mut page = world.browser.clone();
    page.get(&world.ours.ask().with("prompt", "select_account").url()).await;
    all.push(Ready::of("/choose", page, "choose-form", &[], "account-1"));

    let allowed = world
        .app
        .client(kabinet_core::client::Profile::Web, |metadata| metadata.first_party = false)
        .await;
    let mut page = world.browser.clone();
    allowed.sign_in(&world.app, &mut page, &world.person).await;
    page.get("/account/consents").await;
    all.push(Ready::of(
        "/account/consents",
        page,
        "consents-form",
        &[],
        &format!("withdraw-{}", allowed.id),
    ));

    let mut page = world.app.browser();
    page.get("/register").await;
    let fields = [("phone", "+79990000003"), ("password", PASSWORD), ("pd-consent", "on")];
    page.submit("register-form", &fields, "submit").await;
    let code = world.app.code_sent_to("+79990000003");
    page.submit("code-form", &[("code", &code)], "submit").await;
    page.get("/account/consents/pd-consent").await;
    all.push(Ready::of("/account/consents/pd-consent", page, "withdraw-form", &[], "submit"));

    let mut page = world.browser.clone();
    page.get("/account/organisations").await;
    let fields = [("inn", "7707083893"), ("organisation-name", "ООО «Ромашка»")];
    all.push(Ready::of("/account/organisations", page, "organisation-form", &fields, "submit"));

    let mut page = world.browser.clone();
    page.get("/account/merge").await;
    page.submit("merge-start", &[], "begin").await;
    let pair = [("phone", world.person.contact.as_str()), ("password", PASSWORD)];
    all.push(Ready::of("/account/merge", page, "login-form", &pair, "submit"));
    let (staying, merged) = (world.app.anyone().await, world.app.user("merged@example.test", "прежний пароль 2").await);
    let mut page = world.app.browser();
    world.app.sign_in(&mut page, &staying).await;
    page.get("/account/merge").await;
    page.submit("merge-start", &[], "begin").await;
    page.fill_in(&staying, &[]).await;
    page.fill_in(&merged, &[]).await;
    page.submit("merge-form", &[], "merge").await;
    let mut page = world.app.browser();
    page.get("/login/merged").await;
    page.click("toggle-identifier").await;
    let fields = [("email", merged.contact.as_str()), ("password", merged.password.as_str())];
    all.push(Ready::of("/login/merged", page, "login-form", &fields, "submit"));

    let mut second = world.app.browser();
    world.app.sign_in(&mut second, &world.person).await;
    let mut page = world.browser.clone();
    page.get("/account/sessions").await;
    all.push(Ready::of("/account/sessions", page, "sessions-form", &[], "end-others"));

    let mut page = world.other.clone();
    page.get("/logout").await;
    all.push(Ready::of("/logout", page, "logout-confirm", &[], "submit"));
    with_certificates(world, &mut all).await;
    with_devices(world, &mut all).await;
    with_tokens(world, &mut all).await;
    with_upstream(world, &mut all).await;
    all.sort_by_key(|ready| ready.path);
    all
}

/// Signs on the page that is shown.
async fn sign(world: &World, page: &mut Browser, holder: Holder) {
    let signed = holder.fields(page, &*world.app.ambient.entropy).await;
    let fields: Vec<(&str, &str)> = signed.iter().map(|(name, value)| (*name, value.as_str())).collect();
    page.submit("certificate-form", &fields, "submit").await;
}

/// The forms of pages about certificates; one is linked to the person.
async fn with_certificates(world: &World, all: &mut Vec<Ready>) {
    let (anna, other, head) = (Holder("person-256"), Holder("person-512"), Holder("org-256"));
    let pair = [("phone", world.person.contact.as_str()), ("password", PASSWORD)];
    let mut page = world.app.browser();
    page.get("/login/certificate").await;
    sign(world, &mut page, anna).await;
    page.click("go-link").await;
    page.submit("login-form", &pair, "submit").await;

    for (at, start, holder) in [
        ("/login/certificate", "/login/certificate", anna),
        ("/register/certificate", "/register/certificate", head),
        ("/account/methods/certificate", "/account/methods/certificate", other),
    ] {
        let mut page = if at.starts_with("/account") {
            world.browser.clone()
        } else {
            world.app.browser()
        };
        page.get(start).await;
        let signed = holder.fields(&page, &*world.app.ambient.entropy).await;
        let fields: Vec<(&str, &str)> = signed.iter().map(|(name, value)| (*name, value.as_str())).collect();
        all.push(Ready::of(at, page, "certificate-form", &fields, "submit"));
    }
    let mut page = world.app.browser();
    page.get("/login/certificate").await;
    let body = page.filled("certificate-form", &[], "submit");
    all.push(Ready { path: "/login/certificate/challenge", browser: page, body });

    let mut page = world.app.browser();
    page.get("/login/certificate").await;
    sign(world, &mut page, anna).await;
    let code = world.app.code_sent_to(&world.person.contact);
    all.push(Ready::of("/login/certificate/confirm", page, "code-form", &[("code", &code)], "submit"));

    let mut page = world.app.browser();
    page.get("/login/certificate").await;
    sign(world, &mut page, other).await;
    page.click("go-link").await;
    all.push(Ready::of("/login/certificate/link", page, "login-form", &pair, "submit"));

    let mut page = world.app.browser();
    page.get("/register/certificate").await;
    sign(world, &mut page, head).await;
    if page
        .page
        .html
        .form("register-form")
        .unwrap()
        .fields
        .iter()
        .all(|field| field.name != "email")
    {
        page.click("toggle-identifier").await;
    }
    // Kept for later: by then the same person's other certificate is linked.
    all.push(Ready::of(
        "/register/certificate/details",
        page,
        "register-form",
        &[("email", "head@example.test")],
        "later",
    ));

    let mut page = world.browser.clone();
    page.get("/account/methods").await;
    page.submit("unlink-certificate", &[], "unlink").await;
    all.push(Ready::of("/account/methods", page, "login-form", &pair, "submit"));
}

/// The code of the invitation, once its message has gone out.
async fn invitation_code(app: &kabinet_tests::TestApp) -> String {
    kabinet_tests::eventually("the invitation has gone out", async || {
        app.identity.deliver_due().await.unwrap();
        !app.code_sent_to("novy@example.test").is_empty()
    })
    .await;
    app.code_sent_to("novy@example.test")
}

/// The forms of «У меня есть код».
async fn with_devices(world: &World, all: &mut Vec<Ready>) {
    let rp = world.app.client(kabinet_core::client::Profile::Device, |_| ()).await;
    let request = kabinet_core::invitation::Request {
        contact: kabinet_core::contact::Contact::parse(kabinet_core::contact::ContactKind::Email, "novy@example.test")
            .unwrap(),
        particulars: kabinet_core::invitation::Particulars::default(),
    };
    let brands = kabinet_core::brand::Brands::built_in();
    let new = kabinet_identity::NewInvitation {
        request: &request,
        inviter: None,
        brand: brands.find(None),
        key: None,
        origin: &kabinet_core::audit::Origin::default(),
    };
    world.app.identity.invite(new).await.unwrap();
    let mut page = world.app.browser();
    page.get("/code").await;
    let code = invitation_code(&world.app).await;
    page.submit("code-form", &[("code", &code)], "submit").await;
    page.submit("code-form", &[("contact", "novy@example.test")], "submit").await;
    let fields = [("password", PASSWORD), ("pd-consent", "on")];
    all.push(Ready::of("/code/invitation", page, "register-form", &fields, "submit"));
    let mut page = world.browser.clone();
    for at in ["/code", "/code/device"] {
        // From the network that the forms are sent from.
        let begun = world
            .app
            .post("/oauth2/device_authorization", &[("client_id", rp.id.as_str())])
            .await
            .ok();
        let code = begun.member("user_code");
        page.get("/code").await;
        if at == "/code" {
            all.push(Ready::of(at, page.clone(), "code-form", &[("code", &code)], "submit"));
            continue;
        }
        page.submit("code-form", &[("code", &code)], "submit").await;
        all.push(Ready::of(at, page.clone(), "consent-form", &[], "allow"));
    }
}

/// The form that asks for the proof before an API token is made.
async fn with_tokens(world: &World, all: &mut Vec<Ready>) {
    let exchanging = |metadata: &mut kabinet_core::client::ClientMetadata| {
        metadata.grant_types.push(kabinet_core::client::GrantType::TokenExchange);
    };
    world.app.client(kabinet_core::client::Profile::Native, exchanging).await;
    let mut page = world.browser.clone();
    ask_for_token(&mut page).await;
    let pair = [("phone", world.person.contact.as_str()), ("password", PASSWORD)];
    all.push(Ready::of("/account/tokens", page, "login-form", &pair, "submit"));
}

async fn ask_for_token(page: &mut Browser) {
    let signed_in = page.clone();
    let has_form = async || signed_in.clone().get("/account/tokens").await.has("token-form");
    kabinet_tests::eventually("the node has heard of the client", has_form).await;
    page.get("/account/tokens").await;
    page.submit("token-form", &[("token-name", "Обмен"), ("scope-openid", "on")], "submit")
        .await;
}

/// Comes back from the other provider, where somebody has signed in whom nobody knows.
async fn come_back(world: &World, page: &mut Browser, subject: &str) {
    world.elsewhere.claim("sub", subject);
    let left = page.page.left.clone().unwrap();
    page.get(&world.elsewhere.sign_in(&left)).await;
}

/// The forms of pages about another provider.
async fn with_upstream(world: &World, all: &mut Vec<Ready>) {
    let pair = [("phone", world.person.contact.as_str()), ("password", PASSWORD)];
    let mut page = world.app.browser();
    page.get("/login/head-office").await;
    come_back(world, &mut page, "to-be-linked").await;
    page.click("go-link").await;
    all.push(Ready::of("/login/head-office/link", page, "login-form", &pair, "submit"));

    world.elsewhere.claim("phone_number", "+79990000007");
    world.elsewhere.claim("phone_number_verified", true);
    let mut page = world.app.browser();
    page.get("/register/head-office").await;
    come_back(world, &mut page, "without-a-password").await;
    page.submit("register-form", &[("pd-consent", "on")], "submit").await;
    page.get("/account/methods").await;
    page.submit("link-head-office", &[], "link").await;
    come_back(world, &mut page, "another-of-theirs").await;
    kabinet_tests::eventually("the code arrives", async || !world.app.code_sent_to("+79990000007").is_empty()).await;
    let code = world.app.code_sent_to("+79990000007");
    all.push(Ready::of("/account/methods/confirm", page, "code-form", &[("code", &code)], "submit"));

    world.elsewhere.claim("phone_number", "+79990000009");
    let mut page = world.app.browser();
    page.get("/register/head-office").await;
    come_back(world, &mut page, "also-without-a-password").await;
    page.submit("register-form", &[("pd-consent", "on")], "submit").await;
    ask_for_token(&mut page).await;
    kabinet_tests::eventually("the code arrives", async || !world.app.code_sent_to("+79990000009").is_empty()).await;
    let code = world.app.code_sent_to("+79990000009");
    all.push(Ready::of("/account/tokens/confirm", page, "code-form", &[("code", &code)], "submit"));

    world.elsewhere.claim("phone_number", "+79990000010");
    let mut page = world.app.browser();
    page.get("/register/head-office").await;
    come_back(world, &mut page, "has-a-device").await;
    page.submit("register-form", &[("pd-consent", "on")], "submit").await;
    let rp = world.app.client(kabinet_core::client::Profile::Device, |_| ()).await;
    let asked = [("client_id", rp.id.as_str())];
    let begun = world.app.post("/oauth2/device_authorization", &asked).await.ok();
    page.get("/code").await;
    page.submit("code-form", &[("code", &begun.member("user_code"))], "submit").await;
    page.submit("consent-form", &[], "allow").await;
    kabinet_tests::eventually("the code arrives", async || !world.app.code_sent_to("+79990000010").is_empty()).await;
    let code = world.app.code_sent_to("+79990000010");
    all.push(Ready::of("/code/device/confirm", page, "code-form", &[("code", &code)], "submit"));

    world.elsewhere.claim("phone_number", "+79990000008");
    let mut page = world.app.browser();
    page.get("/register/head-office").await;
    come_back(world, &mut page, "to-register").await;
    let fields = [("phone", "+79990000008"), ("pd-consent", "on")];
    all.push(Ready::of("/register/head-office/details", page, "register-form", &fields, "submit"));
}

#[tokio::test]
async fn every_form_of_the_table_is_tried_here() {
    let world = World::new().await;
    let tried: Vec<&str> = every(&world).await.iter().map(|ready| ready.path).collect();
    let listed = ROUTES
        .iter()
        .filter(|(method, _, access)| *method == "POST" && matches!(access, Access::Browser | Access::Person));
    // Those two are the protocol's: they carry no form of ours and change nothing without a hint.
    let listed = listed.map(|(_, path, _)| path.replace("{method}", "head-office"));
    let mut listed: Vec<String> = listed.filter(|path| !path.starts_with("/oauth2/")).collect();
    listed.sort();
    assert_eq!(tried, listed);
}

#[tokio::test]
async fn a_form_without_a_good_token_of_this_browser_changes_nothing() {
    let world = World::new().await;
    let forms = every(&world).await;
    let mut stranger = world.app.browser();
    stranger.get("/login").await;
    let foreign = stranger
        .page
        .html
        .form("login-form")
        .unwrap()
        .fields
        .into_iter()
        .find(|one| one.name == "form-token")
        .unwrap()
        .value;
    for ready in &forms {
        let before = world.state().await;
        let own = ready.token();
        let (time, code) = own.split_once('.').unwrap();
        let later = format!("{}.{code}", time.parse::<i64>().unwrap() + 1);
        let no_code = format!("{time}.");
        let tokens = [
            None,
            Some(""),
            Some("x"),
            Some(foreign.as_str()),
            Some(later.as_str()),
            Some(no_code.as_str()),
            Some(code),
        ];
        for token in tokens {
            let answer = world.post(ready.path, Some(&ready.browser), &ready.with_token(token)).await;
            assert!(matches!(answer.code(), 200 | 303 | 422), "{}: {}", ready.path, answer.code());
            assert!(
                !answer.every("set-cookie").iter().any(|cookie| cookie.contains("session")),
                "{} {token:?}",
                ready.path
            );
            assert_eq!(world.state().await, before, "{} with the token {token:?}", ready.path);
        }
        let mut without_binding = ready.browser.clone();
        without_binding.jar.retain(|name, _| !name.contains("browser"));
        world.post(ready.path, Some(&without_binding), &ready.body).await;
        assert_eq!(world.state().await, before, "{} without the binding cookie", ready.path);
    }
}

#[tokio::test]
async fn a_form_from_another_site_changes_nothing_even_with_a_good_token() {
    let world = World::new().await;
    for ready in every(&world).await {
        let before = world.state().await;
        let body = kabinet_tests::form_body(&ready.body);
        let foreign: [&[(&str, &str)]; 6] = [
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://id.test")],
            &[("origin", "https://evil.test")],
            &[("origin", "https://id.test.evil.test")],
            &[("origin", "http://id.test")],
        ];
        for headers in foreign {
            let headers = [&[("content-type", FORM)], headers].concat();
            world.call(("POST", ready.path), Some(&ready.browser), &headers, &body).await;
            assert_eq!(world.state().await, before, "{} with {headers:?}", ready.path);
        }
    }
}

#[tokio::test]
async fn a_form_that_is_not_sent_as_a_form_changes_nothing() {
    let world = World::new().await;
    for ready in every(&world).await {
        let before = world.state().await;
        let body = kabinet_tests::form_body(&ready.body);
        for kind in ["application/json", "text/plain", "multipart/form-data; boundary=x", ""] {
            let headers = [("content-type", kind), ("sec-fetch-site", "same-origin")];
            let answer = world.call(("POST", ready.path), Some(&ready.browser), &headers, &body).await;
            assert!((400..500).contains(&answer.code()), "{} as {kind:?}: {}", ready.path, answer.code());
            assert_eq!(world.state().await, before, "{} as {kind:?}", ready.path);
        }
    }
}

#[tokio::test]
async fn a_form_with_the_token_of_this_browser_does_what_it_says() {
    let world = World::new().await;
    for (i, ready) in every(&world).await.into_iter().enumerate() {
        let before = world.state().await;
        // What old or modest browsers send is enough.
        let headers: &[(&str, &str)] = match i % 3 {
            0 => &[],
            1 => &[("origin", "null")],
            _ => &[("sec-fetch-site", "same-origin"), ("origin", "https://id.test")],
        };
        let headers = [&[("content-type", FORM)], headers].concat();
        let answer = world
            .call(
                ("POST", ready.path),
                Some(&ready.browser),
                &headers,
                &kabinet_tests::form_body(&ready.body),
            )
            .await;
        assert!(matches!(answer.code(), 200 | 303), "{}: {} {}", ready.path, answer.code(), answer.body);
        // `/code` carries what was typed to the next page, and remembers nothing.
        assert!(ready.path == "/code" || world.state().await != before, "{} does nothing", ready.path);
    }
}

#[tokio::test]
async fn a_form_token_is_too_old_after_half_a_day() {
    let world = World::new().await;
    let mut page = world.app.browser();
    page.get("/login").await;
    let body = page.filled("login-form", &[("phone", &world.person.contact), ("password", PASSWORD)], "submit");
    let body: Vec<_> = body.into_iter().filter(|(name, _)| name != "flow").collect();
    world.app.clock.advance(12 * 3600);
    let before = world.state().await;
    world.post("/login", Some(&page), &body).await;
    assert_eq!(world.state().await, before);
}

#[tokio::test]
async fn the_protocol_s_own_posts_from_another_site_change_nothing() {
    let world = World::new().await;
    let before = world.state().await;
    let headers = [("content-type", FORM), ("sec-fetch-site", "cross-site"), ("origin", "https://evil.test")];
    let ask = kabinet_tests::form_body(&world.theirs.ask().params);
    let answer = world.call(("POST", "/oauth2/authorize"), Some(&world.browser), &headers, &ask).await;
    assert!(answer.location().starts_with("/oauth2/resume?flow="), "{}", answer.body);
    world.call(("POST", "/oauth2/logout"), Some(&world.browser), &headers, "").await;
    world
        .call(
            ("POST", "/oauth2/logout"),
            Some(&world.browser),
            &headers,
            "id_token_hint=x&logout_hint=y",
        )
        .await;
    assert_eq!(world.state().await, before, "a page of another site signs people out");
}
