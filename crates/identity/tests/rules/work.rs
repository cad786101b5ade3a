//! Work while the risk is high: when it is asked for, what it is good for, and who never meets it.

use kabinet_core::work::{Action, solve};
use kabinet_identity::{CodeError, Config, Identity, LoginError, RegisterError, Solution, Visit, Work, WorkConfig};

use crate::world::{BAD, GOOD, World, browser, config, email, phone, registration, visit};

/// A node that asks for little work and a wait of ten seconds.
fn node(world: &World) -> Identity {
    let work = WorkConfig { bits: 6, delay: 10 };
    world.node(Config { work, ..config() }, 1)
}

fn with(work: Solution, visit: Visit) -> Visit {
    Visit { work: Some(work), ..visit }
}

/// What a page without a challenge brings.
fn bare(visit: Visit) -> Visit {
    with(Solution::default(), visit)
}

fn solved(work: &Work) -> Solution {
    Solution::new(&work.sealed, &solve(&work.nonce, work.bits))
}

async fn try_password(node: &Identity, password: &str, visit: &Visit) -> Result<(), LoginError> {
    node.check_password(&phone("+79105940899"), password, visit).await.map(drop)
}

/// An account with five failures of strangers.
async fn tense() -> (World, Identity) {
    let world = World::new().await;
    world.ivan().await;
    let node = node(&world);
    for i in 0..5 {
        let from = bare(browser("one", &format!("10.0.{i}.0/24")));
        assert!(matches!(try_password(&node, BAD, &from).await, Err(LoginError::Wrong)), "{i}");
    }
    (world, node)
}

#[tokio::test]
async fn after_five_failures_a_try_costs_work_and_without_it_nothing_is_hashed_or_counted() {
    let (world, node) = tense().await;
    let before = (node.hashes(), world.store.statements_run());
    for password in [GOOD, BAD] {
        assert!(matches!(try_password(&node, password, &bare(visit())).await, Err(LoginError::Work(_))));
    }
    assert_eq!(node.hashes(), before.0);
    let work = node.work_after(Action::SignIn, &bare(visit())).unwrap();
    assert!(try_password(&node, GOOD, &with(solved(&work), visit())).await.is_ok());
}

#[tokio::test]
async fn an_unknown_person_costs_the_same_work() {
    let world = World::new().await;
    let node = node(&world);
    let nobody = email("nobody@example.test");
    for i in 0..5 {
        let from = bare(browser("one", &format!("10.0.{i}.0/24")));
        drop(node.check_password(&nobody, BAD, &from).await);
    }
    assert!(matches!(
        node.check_password(&nobody, BAD, &bare(visit())).await,
        Err(LoginError::Work(_))
    ));
}

#[tokio::test]
async fn an_answer_is_good_once_for_its_browser_its_action_and_ten_minutes() {
    let (world, node) = tense().await;
    let new = || node.work_after(Action::SignIn, &bare(visit())).unwrap();
    let used = new();
    assert!(matches!(
        try_password(&node, BAD, &with(solved(&used), visit())).await,
        Err(LoginError::Wrong)
    ));
    let again = try_password(&node, GOOD, &with(solved(&used), visit())).await;
    assert!(matches!(again, Err(LoginError::Work(_))), "the same answer again: {again:?}");
    let foreign = try_password(&node, GOOD, &with(solved(&new()), browser("two", "192.0.2.0/24"))).await;
    assert!(matches!(foreign, Err(LoginError::Work(_))), "in another browser: {foreign:?}");
    let elsewhere = node.work_after(Action::Register, &bare(visit())).unwrap();
    let elsewhere = try_password(&node, GOOD, &with(solved(&elsewhere), visit())).await;
    assert!(matches!(elsewhere, Err(LoginError::Work(_))), "of another page: {elsewhere:?}");
    let wrong = Solution::new(&new().sealed, "99999999999999999999");
    assert!(matches!(try_password(&node, GOOD, &with(wrong, visit())).await, Err(LoginError::Work(_))));
    let mut spoilt = solved(&new());
    spoilt.sealed.pop();
    assert!(matches!(
        try_password(&node, GOOD, &with(spoilt, visit())).await,
        Err(LoginError::Work(_))
    ));
    let old = new();
    world.pass(601);
    assert!(matches!(
        try_password(&node, GOOD, &with(solved(&old), visit())).await,
        Err(LoginError::Work(_))
    ));
}

#[tokio::test]
async fn without_a_script_the_same_challenge_is_accepted_after_its_delay() {
    let (world, node) = tense().await;
    let first = node.work_after(Action::SignIn, &bare(visit())).unwrap();
    assert_eq!(first.wait, 10);
    world.pass(4);
    let unanswered = || with(Solution::new(&first.sealed, ""), visit());
    let early = unanswered();
    assert!(matches!(try_password(&node, GOOD, &early).await, Err(LoginError::Work(_))));
    let shown = node.work_after(Action::SignIn, &early).unwrap();
    assert_eq!((shown.sealed.as_str(), shown.wait), (first.sealed.as_str(), 6), "the time waited counts");
    world.pass(6);
    assert!(try_password(&node, GOOD, &unanswered()).await.is_ok());
    assert!(matches!(try_password(&node, GOOD, &unanswered()).await, Err(LoginError::Work(_))), "once");
}

#[tokio::test]
async fn a_page_carries_its_challenge_from_the_third_part_of_what_a_network_may_do() {
    let world = World::new().await;
    world.ivan().await;
    let node = node(&world);
    let known = world.known(&phone("+79105940899")).await;
    for i in 0..20 {
        assert_eq!(node.offer_work(Action::SignIn, &visit()).await, None, "{i}");
        drop(node.check_password(&email(&format!("u{i}@example.test")), BAD, &bare(visit())).await);
    }
    assert!(node.offer_work(Action::SignIn, &visit()).await.is_some());
    assert_eq!(node.offer_work(Action::Register, &visit()).await, None, "failures are no codes");
    assert_eq!(node.offer_work(Action::SignIn, &known).await, None, "a device of somebody's own");
    assert_eq!(
        node.offer_work(Action::SignIn, &browser("one", "10.0.0.0/24")).await,
        None,
        "another network"
    );
}

#[tokio::test]
async fn codes_cost_work_from_a_third_of_a_network_s_and_from_half_of_a_range_s() {
    let world = World::new().await;
    let node = node(&world);
    let ask = async |contact, visit: &Visit| node.begin_registration(registration(&contact), visit).await.map(drop);
    for i in 0..66 {
        ask(email(&format!("u{i}@example.test")), &bare(visit())).await.unwrap();
    }
    assert!(node.offer_work(Action::Register, &visit()).await.is_some());
    let before = node.hashes();
    assert!(matches!(
        ask(email("last@example.test"), &bare(visit())).await,
        Err(RegisterError::Work(_))
    ));
    assert_eq!(node.hashes(), before, "work comes before the hash");
    let work = node.work_after(Action::Register, &bare(visit())).unwrap();
    ask(email("last@example.test"), &with(solved(&work), visit())).await.unwrap();
    // A range, each code from a network of its own.
    let from = |i: usize| browser("one", &format!("10.0.{i}.0/24"));
    for i in 0..20 {
        ask(phone(&format!("+7916123{i:04}")), &bare(from(i))).await.unwrap();
    }
    world.pass(3600);
    for i in 0..20 {
        ask(phone(&format!("+7916123{i:04}")), &bare(from(i))).await.unwrap();
    }
    let last = phone("+79161239999");
    assert!(
        matches!(ask(last.clone(), &bare(from(30))).await, Err(RegisterError::Limited { .. })),
        "no code came back"
    );
}

#[tokio::test]
async fn one_answer_stands_for_both_gates_of_one_request() {
    let world = World::new().await;
    let mut config = Config { work: WorkConfig { bits: 6, delay: 10 }, ..config() };
    config.confirmation.entered_percent = 0;
    let node = world.node(config, 1);
    for i in 0..20 {
        let contact = phone(&format!("+7916123{i:04}"));
        node.begin_registration(registration(&contact), &bare(visit())).await.unwrap();
    }
    for i in 0..46 {
        let contact = email(&format!("u{i}@example.test"));
        node.begin_registration(registration(&contact), &bare(visit())).await.unwrap();
    }
    let contact = phone("+79161239999");
    let refused = node.begin_recovery(&contact, &bare(visit())).await;
    assert!(matches!(refused, Err(CodeError::Work(_))), "{refused:?}");
    let work = node.work_after(Action::Recover, &bare(visit())).unwrap();
    node.begin_recovery(&contact, &with(solved(&work), visit())).await.unwrap();
}

#[tokio::test]
async fn the_owner_on_a_known_device_never_meets_it() {
    let (world, node) = tense().await;
    let known = bare(world.known(&phone("+79105940899")).await);
    for i in 0..30 {
        drop(node.check_password(&email(&format!("u{i}@example.test")), BAD, &bare(visit())).await);
    }
    for _ in 0..7 {
        assert!(matches!(try_password(&node, BAD, &known).await, Err(LoginError::Wrong)));
    }
    assert!(try_password(&node, GOOD, &known).await.is_ok());
}

#[tokio::test]
async fn nothing_is_asked_where_work_is_switched_off() {
    let world = World::new().await;
    let node = world.node(Config { work: WorkConfig { bits: 0, delay: 10 }, ..config() }, 1);
    for i in 0..9 {
        let from = bare(browser("one", &format!("10.0.{i}.0/24")));
        assert!(matches!(try_password(&node, BAD, &from).await, Err(LoginError::Wrong)));
    }
    assert_eq!(node.work_after(Action::SignIn, &bare(visit())), None);
}
