//! F13: the life of tokens as a state machine. Random sequences of what clients, people and administrators do, with the clock moved
//! and the node restarted in between, run beside a model that says what must come of each step.
//!
//! Promised (docs/security/fuzzing.md): a code or a generation of a refresh token yields one success, also to two requests at
//! once; what was revoked, ended, disabled or has expired never comes back, neither by time nor by a restart; wrong client secrets
//! are counted across restarts and forgotten by time alone.
//!
//! A sequence that fails is shrunk and printed. The seed is fixed; `PROPTEST_CASES` and `PROPTEST_RNG_SEED` make longer and other runs.

use kabinet_core::client::Profile;
use kabinet_tests::{Ask, Browser, Person, Rp, TestApp, Tokens};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

const CASES: u32 = 24;
const STEPS: usize = 40;
const DAY: i64 = 24 * 3600;
const ACCESS: i64 = 300;
const CODE: i64 = 60;
const GRACE: i64 = 10;
const IDLE: i64 = 30 * DAY;
/// Wrong secrets in a window of a minute that are free.
const FREE: u32 = 20;
const NEW_PASSWORD: &str = "CANARY-совсем другие слова 42";

/// What somebody does. A number chooses a family: 0 is the youngest.
#[derive(Clone, Debug)]
enum Step {
    /// A code, in one of two browsers; the person signs in where they are not.
    Authorize {
        browser: usize,
        offline: bool,
    },
    /// Redeems the youngest code that was not, once or twice at the same moment.
    Redeem {
        twice: bool,
    },
    /// Sends a code again, or for the first time.
    Replay {
        family: usize,
    },
    /// Sends the refresh token of so many generations ago, once or twice at the same moment.
    Refresh {
        family: usize,
        back: usize,
        twice: bool,
    },
    RevokeRefresh {
        family: usize,
        back: usize,
    },
    RevokeAccess {
        family: usize,
        back: usize,
    },
    SignOut {
        browser: usize,
    },
    /// Ends the sessions of the other browser from this one's.
    EndOthers {
        browser: usize,
    },
    Disable(bool),
    NewPassword,
    /// Wrong secrets of the client.
    Guess(u32),
    Wait(i64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let family = prop_oneof![4 => Just(0), 1 => 1..4_usize];
    let browser = 0..2_usize;
    let back = prop_oneof![5 => Just(0), 3 => Just(1), 1 => 2..4_usize];
    let twice = prop::bool::weighted(0.2);
    let wait = prop::sample::select(&[1, GRACE, GRACE + 1, GRACE + 1, GRACE + 1, CODE, ACCESS, DAY + 3600][..]);
    prop_oneof![
        4 => (browser.clone(), any::<bool>()).prop_map(|(browser, offline)| Step::Authorize { browser, offline }),
        5 => twice.prop_map(|twice| Step::Redeem { twice }),
        1 => family.clone().prop_map(|family| Step::Replay { family }),
        14 => (family.clone(), back.clone(), twice).prop_map(|(family, back, twice)| Step::Refresh { family, back, twice }),
        1 => (family.clone(), back.clone()).prop_map(|(family, back)| Step::RevokeRefresh { family, back }),
        2 => (family, back).prop_map(|(family, back)| Step::RevokeAccess { family, back }),
        1 => browser.clone().prop_map(|browser| Step::SignOut { browser }),
        1 => browser.prop_map(|browser| Step::EndOthers { browser }),
        1 => any::<bool>().prop_map(Step::Disable),
        1 => Just(Step::NewPassword),
        1 => (1..=FREE + 1).prop_map(Step::Guess),
        6 => wait.prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

/// An access token.
struct Access {
    text: String,
    ends: i64,
    revoked: bool,
}

/// What came of one authorization.
struct Family {
    ask: Ask,
    code: String,
    code_ends: i64,
    redeemed: bool,
    session: usize,
    offline: bool,
    ended: bool,
    /// The refresh token of every generation.
    refresh: Vec<String>,
    rotated: i64,
    access: Vec<Access>,
}

/// A sign-in.
struct Session {
    browser: usize,
    /// Its row is gone.
    ended: bool,
    /// Nobody used it for a day.
    ran_out: bool,
}

struct Life {
    app: TestApp,
    rp: Rp,
    person: Person,
    browsers: [Browser; 2],
    disabled: bool,
    renewed: bool,
    sessions: Vec<Session>,
    families: Vec<Family>,
    /// Wrong secrets, and when the window ends.
    guesses: (u32, i64),
}

impl Life {
    async fn new(settings: Settings) -> Self {
        let app = TestApp::start_with(settings).await;
        let rp = app.client(Profile::Web, |_| ()).await;
        let person = app.anyone().await;
        let browsers = [app.browser(), app.browser()];
        Self {
            app,
            rp,
            person,
            browsers,
            disabled: false,
            renewed: false,
            sessions: Vec::new(),
            families: Vec::new(),
            guesses: (0, 0),
        }
    }

    async fn take(&mut self, step: &Step) {
        match *step {
            Step::Authorize { browser, offline } => self.authorize(browser, offline).await,
            Step::Redeem { twice } => {
                let at = self.families.iter().rposition(|family| !family.redeemed);
                self.redeem(at, twice).await;
            }
            Step::Replay { family } => self.redeem(self.find(family), false).await,
            Step::Refresh { family, back, twice } => self.refresh(family, back, twice).await,
            Step::RevokeRefresh { family, back } => self.revoke_refresh(family, back).await,
            Step::RevokeAccess { family, back } => self.revoke_access(family, back).await,
            Step::SignOut { browser } => self.sign_out(browser).await,
            Step::EndOthers { browser } => self.end_others(browser).await,
            Step::Disable(disabled) => self.disable(disabled).await,
            Step::NewPassword => self.new_password().await,
            Step::Guess(count) => self.guess(count).await,
            Step::Wait(seconds) => {
                self.app.clock.advance(seconds);
                // A day without use is more than any session has, and all shorter waits together are less.
                self.sessions.iter_mut().for_each(|session| session.ran_out |= seconds > DAY);
            }
            Step::Restart => self.restart().await,
        }
    }

    /// The family that a number chooses, from the youngest on.
    fn find(&self, number: usize) -> Option<usize> {
        self.families.len().checked_sub(1 + number)
    }

    /// The live session of a browser.
    fn session_in(&self, browser: usize) -> Option<usize> {
        self.sessions.iter().position(|one| one.browser == browser && !one.ended && !one.ran_out)
    }

    /// Whether the family is not over: ended, or gone with its session.
    fn lives(&self, family: &Family) -> bool {
        let session = &self.sessions[family.session];
        !family.ended && (family.offline || !session.ended && !session.ran_out)
    }

    /// Whether wrong secrets make the right one wait.
    fn must_wait(&self) -> bool {
        self.guesses.0 >= FREE && self.guesses.1 > self.app.now()
    }

    async fn authorize(&mut self, browser: usize, offline: bool) {
        let ask = self.rp.ask_for(if offline { "openid offline_access" } else { "openid" });
        let page = self.browsers[browser].get(&ask.url()).await;
        assert_eq!(page.has("login-form"), self.session_in(browser).is_none(), "signed in, or not");
        if self.disabled {
            return;
        }
        let session = match self.session_in(browser) {
            Some(session) => session,
            None => {
                self.app.fill_in(&mut self.browsers[browser], &self.person).await;
                self.sessions.push(Session { browser, ended: false, ran_out: false });
                self.sessions.len() - 1
            }
        };
        let code = kabinet_tests::Callback::of(&self.browsers[browser].page).code().to_owned();
        let now = self.app.now();
        let family = Family {
            ask,
            code,
            code_ends: now + CODE,
            redeemed: false,
            session,
            offline,
            ended: false,
            refresh: Vec::new(),
            rotated: now,
            access: Vec::new(),
        };
        self.families.push(family);
    }

    /// Notes what a token answer brought.
    fn keep(&mut self, family: usize, answer: &kabinet_tests::Answer) -> String {
        let (tokens, now) = (Tokens::of(answer), self.app.now());
        let access = Access { text: tokens.access, ends: now + ACCESS, revoked: false };
        self.families[family].access.push(access);
        tokens.refresh
    }

    async fn redeem(&mut self, family: Option<usize>, twice: bool) {
        let Some(at) = family else { return };
        let family = &self.families[at];
        let is_good = !family.redeemed
            && !family.ended
            && family.code_ends > self.app.now()
            && !self.sessions[family.session].ended;
        let redeem = || self.rp.redeem(&family.code, &family.ask);
        if self.must_wait() {
            assert_eq!(redeem().await.code(), 503);
            return;
        }
        let answers = if twice {
            let (one, other) = tokio::join!(redeem(), redeem());
            vec![one, other]
        } else {
            vec![redeem().await]
        };
        let good: Vec<_> = answers.iter().filter(|answer| answer.code() == 200).collect();
        assert_eq!(good.len(), usize::from(is_good), "successes of one code");
        for answer in answers.iter().filter(|answer| answer.code() != 200) {
            answer.refused(400, "invalid_grant");
        }
        // RFC 6749 §4.1.2: whoever comes second ends what the first one got.
        let was_redeemed = self.families[at].redeemed;
        self.families[at].ended |= was_redeemed || (is_good && twice);
        if let Some(answer) = good.first() {
            let refresh = self.keep(at, answer);
            let now = self.app.now();
            let family = &mut self.families[at];
            (family.redeemed, family.rotated) = (true, now);
            family.refresh.push(refresh);
        }
    }

    async fn refresh(&mut self, family: usize, back: usize, twice: bool) {
        let Some(at) = self.find(family) else { return };
        let family = &self.families[at];
        let Some(generation) = family.refresh.len().checked_sub(1 + back) else {
            return;
        };
        let token = family.refresh[generation].clone();
        if self.must_wait() {
            assert_eq!(self.rp.refresh(&token).await.code(), 503);
            return;
        }
        let now = self.app.now();
        let lives = self.lives(family);
        let is_repeated = back == 1 && now - family.rotated <= GRACE;
        let is_good = lives && (is_repeated || back == 0 && now < family.rotated + IDLE);
        let answers = if twice {
            let (one, other) = tokio::join!(self.rp.refresh(&token), self.rp.refresh(&token));
            vec![one, other]
        } else {
            vec![self.rp.refresh(&token).await]
        };
        if !is_good {
            for answer in &answers {
                answer.refused(400, "invalid_grant");
            }
            // RFC 9700 §4.14.2: a replay ends the family.
            self.families[at].ended |= lives && back > 0;
            return;
        }
        let successors: Vec<String> = answers.iter().map(|answer| self.keep(at, answer)).collect();
        assert!(successors.iter().all(|one| *one == successors[0]), "two successors of one generation");
        let family = &mut self.families[at];
        if back == 0 {
            assert!(!family.refresh.contains(&successors[0]), "a generation came again");
            family.refresh.push(successors[0].clone());
            family.rotated = now;
        } else {
            assert_eq!(family.refresh[generation + 1], successors[0]);
        }
    }

    async fn revoke_refresh(&mut self, family: usize, back: usize) {
        let Some(at) = self.find(family) else { return };
        let Some(generation) = self.families[at].refresh.len().checked_sub(1 + back) else {
            return;
        };
        let answer = self.rp.revoke(&self.families[at].refresh[generation]).await;
        assert_eq!(answer.code(), if self.must_wait() { 503 } else { 200 });
        self.families[at].ended |= answer.code() == 200;
    }

    async fn revoke_access(&mut self, family: usize, back: usize) {
        let Some(at) = self.find(family) else { return };
        let Some(place) = self.families[at].access.len().checked_sub(1 + back) else {
            return;
        };
        let answer = self.rp.revoke(&self.families[at].access[place].text).await;
        assert_eq!(answer.code(), if self.must_wait() { 503 } else { 200 });
        self.families[at].access[place].revoked |= answer.code() == 200;
    }

    /// A session is over, and what hangs on it, too.
    fn end(&mut self, session: usize, with_offline: bool) {
        self.sessions[session].ended = true;
        let families = self.families.iter_mut().filter(|family| family.session == session);
        families.for_each(|family| family.ended |= with_offline || !family.offline);
    }

    async fn sign_out(&mut self, browser: usize) {
        let Some(session) = self.session_in(browser) else {
            return;
        };
        self.browsers[browser].get("/logout").await;
        self.browsers[browser].submit("logout-confirm", &[], "submit").await;
        self.end(session, false);
    }

    async fn end_others(&mut self, browser: usize) {
        let Some(own) = self.session_in(browser) else { return };
        // Rows of sessions that ran out may have been swept, or not.
        if self.sessions.iter().any(|session| session.ran_out) {
            return;
        }
        let others: Vec<usize> =
            (0..self.sessions.len()).filter(|one| *one != own && !self.sessions[*one].ended).collect();
        if others.is_empty() {
            return;
        }
        self.browsers[browser].get("/account/sessions").await;
        self.browsers[browser].submit("sessions-form", &[], "end-others").await;
        others.into_iter().for_each(|other| self.end(other, true));
    }

    fn end_all(&mut self) {
        (0..self.sessions.len()).for_each(|session| self.end(session, true));
    }

    async fn disable(&mut self, disabled: bool) {
        if self.disabled == disabled {
            return;
        }
        self.app.set_disabled(&self.person, disabled).await;
        self.disabled = disabled;
        if disabled {
            self.end_all();
        }
        // By the command line: a node that runs hears of it within a second, one that starts knows it.
        self.restart().await;
    }

    async fn new_password(&mut self) {
        // Codes to one person are not sent as often as they are asked for.
        if self.disabled || self.renewed {
            return;
        }
        let mut browser = self.app.browser();
        browser.get("/login").await;
        browser.click("go-recover").await;
        browser.submit("recover-form", &[("phone", &self.person.contact)], "submit").await;
        let code = self.app.code_sent_to(&self.person.contact);
        browser.submit("code-form", &[("code", &code)], "submit").await;
        browser.submit("new-password-form", &[("new-password", NEW_PASSWORD)], "submit").await;
        assert!(browser.page.has("login-form"), "{}", browser.page.text());
        self.person.password = NEW_PASSWORD.to_owned();
        self.renewed = true;
        self.end_all();
    }

    async fn guess(&mut self, count: u32) {
        let mut thief = self.rp.clone();
        thief.secret = Some("CANARY-wrong".to_owned());
        for _ in 0..count {
            let answer = thief.refresh("x").await;
            if self.must_wait() {
                assert_eq!(answer.code(), 503);
                continue;
            }
            answer.refused(401, "invalid_client");
            let now = self.app.now();
            self.guesses = if self.guesses.1 > now {
                (self.guesses.0 + 1, self.guesses.1)
            } else {
                (1, now + 60)
            };
        }
    }

    async fn restart(&mut self) {
        self.app.restart().await;
        self.rp.use_node(&self.app.node);
        self.browsers.iter_mut().for_each(|browser| browser.use_node(&self.app.node));
    }

    /// Whether everything that was ever given is as good as it should be.
    async fn check(&self) {
        let now = self.app.now();
        for family in &self.families {
            for access in &family.access {
                let is_good = !family.ended && !access.revoked && access.ends > now;
                let expected = if is_good { 200 } else { 401 };
                assert_eq!(
                    self.rp.userinfo(&access.text).await.code(),
                    expected,
                    "an access token of {}",
                    family.ended
                );
            }
            if self.must_wait() {
                continue;
            }
            for (generation, token) in family.refresh.iter().enumerate() {
                let is_last = generation + 1 == family.refresh.len();
                let is_good = is_last && self.lives(family) && now < family.rotated + IDLE;
                assert_eq!(
                    self.rp.is_active(token).await,
                    is_good,
                    "generation {generation} of {}",
                    family.refresh.len()
                );
            }
        }
    }
}

/// What the provider is told, beside its defaults.
type Settings = fn(&mut kabinet::config::Config);

async fn live(settings: Settings, steps: &[Step]) {
    let mut life = Life::new(settings).await;
    for (at, step) in steps.iter().enumerate() {
        life.take(step).await;
        if at % 4 == 3 {
            life.check().await;
        }
    }
    life.check().await;
    life.restart().await;
    life.check().await;
}

/// Runs sequences beside the model; the shortest one that fails, as text.
fn run(settings: Settings, sequences: impl Strategy<Value = Vec<Step>>, cases: u32) -> Result<(), String> {
    let mut config = Config {
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() || cases == 1 {
        config.cases = cases;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(13);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcome = TestRunner::new(config).run(&sequences, |steps| {
        runtime.block_on(live(settings, &steps));
        Ok(())
    });
    outcome.map_err(|failure| failure.to_string())
}

#[test]
fn whatever_happens_a_token_is_good_exactly_as_long_as_it_should_be() {
    let sequences = prop::collection::vec(step(), 1..=STEPS);
    if let Err(failure) = run(|_| (), sequences, CASES) {
        panic!("{failure}");
    }
}

#[test]
fn a_provider_that_keeps_another_promise_is_found_out() {
    let steps = vec![
        Step::Authorize { browser: 0, offline: false },
        Step::Redeem { twice: false },
        Step::Refresh { family: 0, back: 0, twice: false },
        Step::Wait(GRACE + 1),
        Step::Refresh { family: 0, back: 1, twice: false },
        Step::Authorize { browser: 0, offline: true },
        Step::Redeem { twice: true },
        Step::Authorize { browser: 1, offline: true },
        Step::Redeem { twice: false },
        Step::Wait(ACCESS),
    ];
    assert_eq!(run(|_| (), Just(steps.clone()), 1), Ok(()));
    // A replay that a longer grace lets through, access tokens that outlive their time.
    let broken: [Settings; 2] = [|config| config.token.refresh_grace.0 = 60, |config| config.token.access.0 = 600];
    for settings in broken {
        assert!(run(settings, Just(steps.clone()), 1).is_err());
    }
}
