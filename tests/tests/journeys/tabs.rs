//! Ten tabs of one browser, opened at one instant: two products, sign-ins and registrations mixed, finished step by step in an
//! order that chance gives, with a restart in the middle and a second node taking half. Each ends in a code for its own
//! request.

use futures_util::future::join_all;
use kabinet_core::client::Profile;
use kabinet_tests::{Ask, Browser, Callback, PASSWORD, Person, Rp, TestApp};

use crate::registration;

/// Chance that is the same in each run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, many: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % many as u64).unwrap()
    }
}

/// What a tab is on the way to.
struct Tab {
    browser: Browser,
    rp: usize,
    ask: Ask,
    /// The number to register; `None`: it signs in.
    registers: Option<String>,
}

impl Tab {
    /// One step on; the form that the page shows says which.
    async fn step(&mut self, app: &TestApp, person: &Person) {
        let page = &self.browser.page;
        if page.has("continue") {
            self.browser.click("continue").await;
        } else if page.has("code-form") {
            let code = app.code_sent_to(self.registers.as_ref().unwrap());
            self.browser.submit("code-form", &[("code", &code)], "submit").await;
        } else if page.has("register-form") {
            registration::fill(&mut self.browser, self.registers.as_ref().unwrap(), PASSWORD).await;
        } else if page.has("login-form") && self.registers.is_some() {
            self.browser.click("go-register").await;
        } else {
            app.fill_in(&mut self.browser, person).await;
        }
        assert!(self.browser.page.status < 500, "{}", self.browser.page.text());
    }
}

async fn ten_at_once(app: &TestApp, products: &[Rp; 2]) -> Vec<Tab> {
    let mut tabs: Vec<Tab> = (0..10)
        .map(|i| Tab {
            browser: app.browser(),
            rp: i % 2,
            ask: products[i % 2].ask(),
            registers: (i % 3 == 1).then(|| format!("+7916{i}234567")),
        })
        .collect();
    join_all(tabs.iter_mut().map(|tab| {
        let url = tab.ask.url();
        async move { tab.browser.get(&url).await.status }
    }))
    .await;
    tabs
}

async fn all_arrive(seed: u64) {
    let mut app = TestApp::start().await;
    let products = [app.client(Profile::Web, |_| ()).await, app.client(Profile::Web, |_| ()).await];
    let (person, mut dice) = (app.anyone().await, Dice(seed));
    let mut tabs = ten_at_once(&app, &products).await;
    // They share one jar; each answer has set a binding, and the last one stays.
    let mut jar = tabs[9].browser.jar.clone();
    let mut open: Vec<usize> = (0..10).collect();
    let (mut steps, mut second) = (0, None);
    while !open.is_empty() {
        if steps == 14 {
            app.restart().await;
            second = Some(app.another_node().await);
        }
        let place = dice.below(open.len());
        let tab = &mut tabs[open[place]];
        if let Some(second) = &second {
            tab.browser.use_node(if dice.below(2) == 0 { second } else { &app.node });
        }
        tab.browser.jar.clone_from(&jar);
        tab.step(&app, &person).await;
        jar.clone_from(&tab.browser.jar);
        if tab.browser.page.left.is_some() {
            open.remove(place);
        }
        steps += 1;
        assert!(steps < 100, "seed {seed}: tabs {open:?} go round in circles");
    }
    assert!(second.is_some(), "the restart came too late, after {steps} steps");
    for tab in &tabs {
        let callback = Callback::of(&tab.browser.page);
        assert_eq!(callback.get("state"), tab.ask.get("state"), "seed {seed}");
        let mut rp = products[tab.rp].clone();
        rp.use_node(&app.node);
        let answer = rp.redeem(callback.code(), &tab.ask).await;
        assert_eq!(answer.code(), 200, "seed {seed}: {}", answer.body);
    }
}

#[tokio::test]
async fn ten_tabs_opened_at_once_all_arrive_in_whatever_order_they_are_finished() {
    for seed in [1, 2, 3, 4, 5] {
        all_arrive(seed).await;
    }
}
