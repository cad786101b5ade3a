//! A provider, a client, and a person who is signed in.

use kabinet::config::Config;
use kabinet_core::client::{ClientMetadata, Profile};
use kabinet_tests::{Ask, Browser, PASSWORD, Person, Rp, TestApp, Tokens};
use serde_json::json;

pub(crate) struct World {
    pub(crate) app: TestApp,
    pub(crate) rp: Rp,
    pub(crate) person: Person,
    pub(crate) browser: Browser,
}

impl World {
    /// A first-party web client and somebody signed in.
    pub(crate) async fn new() -> Self {
        Self::of(Profile::Web, |_| ()).await
    }

    /// Another kind of client.
    pub(crate) async fn of(profile: Profile, change: impl FnOnce(&mut ClientMetadata)) -> Self {
        let mut world = Self::signed_out(profile, change).await;
        world.app.sign_in(&mut world.browser, &world.person).await;
        world
    }

    /// Another kind of client at a provider with other settings.
    pub(crate) async fn over(
        settings: impl FnOnce(&mut Config),
        profile: Profile,
        change: impl FnOnce(&mut ClientMetadata),
    ) -> Self {
        let mut world = Self::at(TestApp::start_with(settings).await, profile, change).await;
        world.app.sign_in(&mut world.browser, &world.person).await;
        world
    }

    /// Nobody is signed in yet.
    pub(crate) async fn signed_out(profile: Profile, change: impl FnOnce(&mut ClientMetadata)) -> Self {
        Self::at(TestApp::start().await, profile, change).await
    }

    async fn at(app: TestApp, profile: Profile, change: impl FnOnce(&mut ClientMetadata)) -> Self {
        let rp = app.client(profile, change).await;
        let claims = json!({
            "name": "Анна Петрова", "given_name": "Анна", "family_name": "Петрова", "birthdate": "1990-01-02", "gender": "female",
            "address": {"locality": "Калуга", "country": "Россия"},
        });
        let person = app.user_with("anna@example.ru", PASSWORD, &claims).await;
        let browser = app.browser();
        Self { app, rp, person, browser }
    }

    /// The code for a request; the browser must come back at once.
    pub(crate) async fn code(&mut self, ask: &Ask) -> String {
        self.rp.authorize(&mut self.browser, ask).await.code().to_owned()
    }

    /// Tokens for these scopes.
    pub(crate) async fn tokens(&mut self, scope: &str) -> Tokens {
        let ask = self.rp.ask_for(scope);
        self.tokens_of(&ask).await
    }

    /// Tokens for a request.
    pub(crate) async fn tokens_of(&mut self, ask: &Ask) -> Tokens {
        let rp = self.rp.clone();
        rp.sign_in_with(&self.app, &mut self.browser, &self.person, ask).await
    }
}
