//! Two people, two clients, and what the database holds: to see that nothing has changed.

use http::Method;
use kabinet_core::client::Profile;
use kabinet_identity::method::upstream::Vouched;
use kabinet_tests::{Answer, Browser, Elsewhere, Person, Rp, TestApp, form_body};
use sqlx::{AssertSqlSafe, Connection};

pub const FORM: &str = "application/x-www-form-urlencoded";

pub struct World {
    pub app: TestApp,
    /// Another provider, `head-office`, by which people may register.
    pub elsewhere: Elsewhere,
    pub person: Person,
    /// Signed in as [`person`](Self::person).
    pub browser: Browser,
    /// Signed in as somebody else.
    pub other: Browser,
    /// Of the house.
    pub ours: Rp,
    /// A third party.
    pub theirs: Rp,
}

impl World {
    pub async fn new() -> Self {
        // The authorities of the fixtures publish their lists nowhere.
        let elsewhere = Elsewhere::open("somebody").await;
        let app = TestApp::start_with(|config| {
            config.certificate.revocation = kabinet_gost::Revocation::Off;
            elsewhere.configure(config, "head-office", |upstream| {
                upstream.registers = true;
                upstream.vouches = vec![Vouched::Phone];
            });
        })
        .await;
        app.trust_fixtures().await;
        let (person, other_person) = (app.anyone().await, app.anyone().await);
        let (mut browser, mut other) = (app.browser(), app.browser());
        app.sign_in(&mut browser, &person).await;
        app.sign_in(&mut other, &other_person).await;
        let ours = app.client(Profile::Web, |_| ()).await;
        let theirs = app.client(Profile::Web, |metadata| metadata.first_party = false).await;
        Self { app, elsewhere, person, browser, other, ours, theirs }
    }

    /// Everything that is remembered, as text.
    pub async fn state(&self) -> String {
        let url = self.app.config.store.url.expose().to_owned();
        if url.starts_with("postgres") {
            postgres_state(&url).await
        } else {
            sqlite_state(&url).await
        }
    }

    /// One request with the cookies of a browser and further headers.
    pub async fn call(
        &self,
        (method, path): (&str, &str),
        browser: Option<&Browser>,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let jar = browser.map(cookies).unwrap_or_default();
        let mut all = headers.to_vec();
        if !jar.is_empty() {
            all.push(("cookie", &jar));
        }
        self.app.call(Method::from_bytes(method.as_bytes()).unwrap(), path, &all, body).await
    }

    /// A form from a page of the provider itself.
    pub async fn post<N: AsRef<str>, V: AsRef<str>>(
        &self,
        path: &str,
        browser: Option<&Browser>,
        form: &[(N, V)],
    ) -> Answer {
        self.call(
            ("POST", path),
            browser,
            &[("content-type", FORM), ("sec-fetch-site", "same-origin")],
            &form_body(form),
        )
        .await
    }
}

/// The `Cookie` header of a browser.
pub fn cookies(browser: &Browser) -> String {
    browser
        .jar
        .iter()
        .map(|(name, kept)| format!("{name}={}", kept.value))
        .collect::<Vec<_>>()
        .join("; ")
}

async fn sqlite_state(url: &str) -> String {
    let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut state = String::new();
    for table in tables {
        let columns: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(format!("SELECT name FROM pragma_table_info('{table}')")))
                .fetch_all(&mut connection)
                .await
                .unwrap();
        let row = columns
            .iter()
            .map(|column| format!("quote({column})"))
            .collect::<Vec<_>>()
            .join(" || ',' || ");
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!("SELECT {row} FROM {table} ORDER BY 1")))
            .fetch_all(&mut connection)
            .await
            .unwrap();
        state.push_str(&format!("{table}: {}\n", rows.join("\n  ")));
    }
    state
}

async fn postgres_state(url: &str) -> String {
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    let mut state = String::new();
    for table in tables {
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!("SELECT t::text FROM {table} t ORDER BY 1")))
            .fetch_all(&mut connection)
            .await
            .unwrap();
        state.push_str(&format!("{table}: {}\n", rows.join("\n  ")));
    }
    state
}
