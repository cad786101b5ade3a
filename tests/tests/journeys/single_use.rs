//! R01 and R03 in their quick forms: codes and refresh tokens under parallel callers, through the handlers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kabinet_core::client::Profile;
use kabinet_tests::{Answer, Ask, Rp, TestApp, Tokens, eventually};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const THINGS: usize = 40;
const CALLERS: usize = 20;

/// Every caller asks for every thing at the same instant; the answers by thing.
async fn storm<T, F, R>(things: &[T], call: F) -> BTreeMap<usize, Vec<Answer>>
where
    T: Clone + Send + 'static,
    F: Fn(T) -> R + Clone + Send + 'static,
    R: Future<Output = Answer> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(things.len() * CALLERS));
    let mut calls = JoinSet::new();
    for (i, thing) in things.iter().enumerate() {
        for _ in 0..CALLERS {
            let (thing, call, barrier) = (thing.clone(), call.clone(), barrier.clone());
            calls.spawn(async move {
                barrier.wait().await;
                (i, call(thing).await)
            });
        }
    }
    let mut answers: BTreeMap<usize, Vec<Answer>> = BTreeMap::new();
    while let Some(done) = calls.join_next().await {
        let (i, answer) = done.unwrap();
        answers.entry(i).or_default().push(answer);
    }
    answers
}

async fn codes(app: &TestApp, rp: &Rp, scope: &str) -> Vec<(String, Ask)> {
    let (person, mut browser) = (app.anyone().await, app.browser());
    app.sign_in(&mut browser, &person).await;
    let mut codes = Vec::new();
    for _ in 0..THINGS {
        let ask = rp.ask_for(scope);
        codes.push((rp.authorize(&mut browser, &ask).await.code().to_owned(), ask));
    }
    codes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_of_forty_codes_is_redeemed_once_by_twenty_at_a_time_and_the_replay_ends_its_tokens() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let codes = codes(&app, &rp, "openid offline_access").await;
    let caller = rp.clone();
    let answers = storm(&codes, move |(code, ask)| {
        let rp = caller.clone();
        async move { rp.redeem(&code, &ask).await }
    })
    .await;
    assert_eq!(answers.len(), THINGS);
    for (i, answers) in answers {
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.code() == 200);
        assert_eq!((won.len(), lost.len()), (1, CALLERS - 1), "code {i}");
        for answer in &lost {
            answer.refused(400, "invalid_grant");
        }
        let tokens = Tokens::of(&won[0]);
        // RFC 6749 §4.1.2: what was given for a code that came twice is dead.
        assert!(!rp.is_active(&tokens.access).await, "the access token of code {i} lives");
        rp.refresh(&tokens.refresh).await.refused(400, "invalid_grant");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_of_forty_families_has_one_successor_for_twenty_that_refresh_at_once() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let mut families = Vec::new();
    for (code, ask) in codes(&app, &rp, "openid offline_access").await {
        families.push(Tokens::of(&rp.redeem(&code, &ask).await).refresh);
    }
    for round in 0..3 {
        let caller = rp.clone();
        let answers = storm(&families, move |token| {
            let rp = caller.clone();
            async move { rp.refresh(&token).await }
        })
        .await;
        for (i, answers) in answers {
            let successors: BTreeSet<String> = answers
                .iter()
                .filter(|answer| match answer.code() {
                    200 => true,
                    _ => {
                        answer.refused(400, "invalid_grant");
                        false
                    }
                })
                .map(|answer| Tokens::of(answer).refresh)
                .collect();
            assert_eq!(successors.len(), 1, "family {i}, round {round}");
            assert!(!successors.contains(&families[i]), "a token is its own successor");
            families[i] = successors.into_iter().next().unwrap();
        }
    }
}

#[tokio::test]
async fn a_refresh_token_used_again_after_its_successor_ends_the_family_on_every_node() {
    let app = TestApp::start().await;
    let other = app.another_node().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    let first = rp.sign_in_with(&app, &mut browser, &person, &rp.ask_for("openid offline_access")).await;
    let second = Tokens::of(&rp.refresh(&first.refresh).await);
    let third = Tokens::of(&rp.refresh(&second.refresh).await);
    assert!(rp.is_active(&third.access).await);
    rp.refresh(&first.refresh).await.refused(400, "invalid_grant");
    assert!(!rp.is_active(&third.access).await, "the family lives on after a replay");
    rp.refresh(&third.refresh).await.refused(400, "invalid_grant");
    let mut there = rp.clone();
    there.use_node(&other);
    eventually("the other node hears of it", || async { !there.is_active(&third.access).await }).await;
}

#[tokio::test]
async fn a_repeated_refresh_within_the_grace_gets_the_same_successor_and_a_late_one_ends_the_family() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    let first = rp.sign_in_with(&app, &mut browser, &person, &rp.ask_for("openid offline_access")).await;
    let second = Tokens::of(&rp.refresh(&first.refresh).await);
    app.clock.advance(9);
    assert_eq!(Tokens::of(&rp.refresh(&first.refresh).await).refresh, second.refresh);
    app.clock.advance(30);
    rp.refresh(&first.refresh).await.refused(400, "invalid_grant");
    rp.refresh(&second.refresh).await.refused(400, "invalid_grant");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_revocation_was_answered_no_parallel_refresh_leaves_a_living_token() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    for (code, ask) in codes(&app, &rp, "openid offline_access").await {
        let tokens = Tokens::of(&rp.redeem(&code, &ask).await);
        let (refreshing, token) = (rp.clone(), tokens.refresh.clone());
        let refresh = tokio::spawn(async move { refreshing.refresh(&token).await });
        assert_eq!(rp.revoke(&tokens.refresh).await.code(), 200);
        let refreshed = refresh.await.unwrap();
        assert!(matches!(refreshed.code(), 200 | 400), "{}", refreshed.body);
        assert!(!rp.is_active(&tokens.access).await);
        if refreshed.code() == 200 {
            let late = Tokens::of(&refreshed);
            assert!(!rp.is_active(&late.access).await, "a token of a revoked family lives");
            rp.refresh(&late.refresh).await.refused(400, "invalid_grant");
        }
    }
}
