//! The queue of messages: what is sent when, by whom, and what is left of it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use kabinet_core::contact::Contact;
use kabinet_core::seal::MasterKey;
use kabinet_identity::{
    CodeError, Failure, Identity, Message, Purpose, Receipt, RegisterError, Route, Routes, Sending,
};
use kabinet_store::message::State;

use crate::world::{Dice, World, config, phone, registration, visit};

const PHONE: &str = "+79105940899";

/// A gateway that answers what it is told to, in turn, and then takes everything.
#[derive(Default)]
struct Gateway {
    name: &'static str,
    price: i64,
    answers: Mutex<VecDeque<Result<Receipt, Failure>>>,
    taken: Mutex<Vec<(String, String)>>,
}

impl Gateway {
    fn new(name: &'static str, answers: impl IntoIterator<Item = Result<Receipt, Failure>>) -> Arc<Self> {
        Arc::new(Self {
            name,
            price: 500,
            answers: Mutex::new(answers.into_iter().collect()),
            taken: Mutex::default(),
        })
    }

    /// The ids of the messages that it was asked to take, and their codes.
    fn asked(&self) -> Vec<(String, String)> {
        self.taken.lock().unwrap().clone()
    }
}

impl Route for Gateway {
    fn name(&self) -> &'static str {
        self.name
    }

    fn price(&self) -> i64 {
        self.price
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        let code = message.code.as_ref().map_or_else(String::new, |code| code.expose().to_owned());
        self.taken.lock().unwrap().push((message.id.to_string(), code));
        Box::pin(std::future::ready(
            self.answers.lock().unwrap().pop_front().unwrap_or(Ok(Receipt::default())),
        ))
    }
}

fn later() -> Result<Receipt, Failure> {
    Err(Failure::Later("no connection".to_owned()))
}

fn refused() -> Result<Receipt, Failure> {
    Err(Failure::Refused("104".to_owned()))
}

fn unclear() -> Result<Receipt, Failure> {
    Err(Failure::Unclear("time out".to_owned()))
}

/// A node whose SMS go by these gateways.
fn node(world: &World, gateways: &[&Arc<Gateway>], day_limit: Option<i64>) -> Identity {
    let sms = gateways.iter().map(|one| (*one).clone() as Arc<dyn Route>).collect();
    world.node_with(
        config(),
        MasterKey::generate(&Dice::new(AtomicU64::new(1))),
        Routes { sms, email: Vec::new(), day_limit },
    )
}

async fn register(identity: &Identity, number: &str) -> kabinet_core::id::ConfirmationId {
    identity.begin_registration(registration(&phone(number)), &visit()).await.unwrap()
}

async fn states(identity: &Identity) -> Vec<(String, String)> {
    let lines = identity.delivery_log(None, None, 50).await.unwrap();
    lines.into_iter().map(|line| (line.state, line.route)).collect()
}

#[tokio::test]
async fn a_request_sends_nothing_and_the_queue_sends_it_once() {
    let world = World::new().await;
    let gateway = Gateway::new("one", []);
    let identity = node(&world, &[&gateway], None);
    register(&identity, PHONE).await;
    assert!(gateway.asked().is_empty());
    assert_eq!(identity.deliver_due().await.unwrap(), 1);
    assert_eq!(identity.deliver_due().await.unwrap(), 0);
    assert_eq!(gateway.asked().len(), 1);
    assert_eq!(states(&identity).await, [("sent".to_owned(), "one".to_owned())]);
}

#[tokio::test]
async fn the_text_of_a_message_never_stands_in_the_database_and_the_log_masks_where_it_went() {
    let world = World::new().await;
    let gateway = Gateway::new("one", []);
    let identity = node(&world, &[&gateway], None);
    register(&identity, PHONE).await;
    assert!(!world.holds("чтобы создать аккаунт"));
    identity.deliver_due().await.unwrap();
    assert!(!world.holds("чтобы создать аккаунт"));
    let log = identity.delivery_log(Some(&phone(PHONE)), None, 5).await.unwrap();
    assert_eq!((log.len(), log[0].recipient.as_str()), (1, "+7 910 •••-••-99"));
    assert!(identity.delivery_log(Some(&phone("+79105940800")), None, 5).await.unwrap().is_empty());
}

#[tokio::test]
async fn another_gateway_is_asked_at_once_where_the_first_surely_did_not_send() {
    for answer in [later(), refused()] {
        let world = World::new().await;
        let (first, second) = (Gateway::new("one", [answer]), Gateway::new("two", []));
        let identity = node(&world, &[&first, &second], None);
        register(&identity, PHONE).await;
        assert_eq!(identity.deliver_due().await.unwrap(), 2);
        assert_eq!(first.asked(), second.asked(), "the same message, the same code, the same id");
        assert_eq!(states(&identity).await, [("sent".to_owned(), "two".to_owned())]);
    }
}

#[tokio::test]
async fn after_an_answer_that_did_not_come_a_minute_passes_before_anybody_is_asked() {
    let world = World::new().await;
    let (first, second) = (Gateway::new("one", [unclear()]), Gateway::new("two", []));
    let identity = node(&world, &[&first, &second], None);
    register(&identity, PHONE).await;
    identity.deliver_due().await.unwrap();
    world.pass(59);
    assert_eq!(identity.deliver_due().await.unwrap(), 0);
    world.pass(1);
    assert_eq!(identity.deliver_due().await.unwrap(), 1);
    assert_eq!((first.asked().len(), second.asked().len()), (1, 1));
}

#[tokio::test]
async fn a_gateway_that_is_dead_for_a_minute_gets_the_code_after_it() {
    let world = World::new().await;
    let gateway = Gateway::new("one", std::iter::repeat_with(later).take(6));
    let identity = node(&world, &[&gateway], None);
    let id = register(&identity, PHONE).await;
    for _ in 0..100 {
        identity.deliver_due().await.unwrap();
        world.pass(1);
    }
    let asked = gateway.asked();
    // 2, 4, 8, 15 and then, left alone for 30 s after the fifth failure, one trial at a time.
    assert_eq!(asked.len(), 7, "{asked:?}");
    assert!(identity.confirm(Purpose::Register, &id, &asked[0].1, &visit()).await.is_ok());
}

#[tokio::test]
async fn a_gateway_that_fails_again_and_again_is_left_alone() {
    let world = World::new().await;
    let (first, second) = (Gateway::new("one", std::iter::repeat_with(later).take(100)), Gateway::new("two", []));
    let identity = node(&world, &[&first, &second], None);
    for i in 0..20 {
        register(&identity, &format!("+791059408{i:02}")).await;
        identity.deliver_due().await.unwrap();
    }
    assert_eq!((first.asked().len(), second.asked().len()), (5, 20));
}

#[tokio::test]
async fn a_code_whose_time_is_over_is_not_sent_and_its_body_is_gone() {
    let world = World::new().await;
    let gateway = Gateway::new("one", []);
    let identity = node(&world, &[&gateway], None);
    register(&identity, PHONE).await;
    world.pass(300);
    assert_eq!(identity.deliver_due().await.unwrap(), 0);
    assert!(gateway.asked().is_empty());
    assert_eq!(states(&identity).await, [("expired".to_owned(), String::new())]);
}

#[tokio::test]
async fn the_page_says_so_when_no_gateway_took_the_code_and_another_may_be_asked_for() {
    let world = World::new().await;
    let gateway = Gateway::new("one", [refused()]);
    let identity = node(&world, &[&gateway], None);
    let id = register(&identity, PHONE).await;
    let said = || async {
        identity
            .confirmation(Purpose::Register, &id, &visit())
            .await
            .unwrap()
            .unwrap()
            .undelivered
    };
    assert!(!said().await);
    identity.deliver_due().await.unwrap();
    assert!(said().await);
    world.pass(60);
    identity.resend(Purpose::Register, &id, &visit()).await.unwrap();
    assert!(!said().await);
    identity.deliver_due().await.unwrap();
    assert!(identity.confirm(Purpose::Register, &id, &gateway.asked()[1].1, &visit()).await.is_ok());
}

#[tokio::test]
async fn a_new_code_takes_the_place_of_one_that_still_waits() {
    let world = World::new().await;
    let gateway = Gateway::new("one", []);
    let identity = node(&world, &[&gateway], None);
    let id = register(&identity, PHONE).await;
    world.pass(60);
    identity.resend(Purpose::Register, &id, &visit()).await.unwrap();
    assert_eq!(identity.deliver_due().await.unwrap(), 1);
    assert!(identity.confirm(Purpose::Register, &id, &gateway.asked()[0].1, &visit()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_senders_hand_each_message_over_once() {
    let world = World::new().await;
    let gateway = Gateway::new("one", []);
    let nodes: Vec<Identity> = (0..4).map(|_| node(&world, &[&gateway], None)).collect();
    for i in 0..40 {
        register(&nodes[0], &format!("+79105{i:02}0899")).await;
    }
    let senders: Vec<_> = nodes
        .iter()
        .cloned()
        .map(|one| tokio::spawn(async move { one.deliver_due().await.unwrap() }))
        .collect();
    let mut made = 0;
    for sender in senders {
        made += sender.await.unwrap();
    }
    let mut ids: Vec<String> = gateway.asked().into_iter().map(|(id, _)| id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((made, ids.len(), gateway.asked().len()), (40, 40, 40));
}

#[tokio::test]
async fn what_a_sender_that_died_had_in_hand_is_sent_by_another_under_the_same_id() {
    let world = World::new().await;
    let gateway = Gateway::new("one", []);
    let identity = node(&world, &[&gateway], None);
    register(&identity, PHONE).await;
    let mut tx = world.store.begin().await.unwrap();
    let taken = kabinet_store::message::take(&mut tx, world.now(), world.now().plus(30), 16)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(identity.deliver_due().await.unwrap(), 0);
    world.pass(30);
    assert_eq!(identity.deliver_due().await.unwrap(), 1);
    assert_eq!(gateway.asked()[0].0, taken[0].id);
}

#[tokio::test]
async fn a_day_costs_no_more_than_it_may() {
    let world = World::new().await;
    let gateway = Gateway::new("one", [Ok(Receipt { reference: "r".to_owned(), cost: Some(300) })]);
    let identity = node(&world, &[&gateway], Some(1000));
    for i in 0..4 {
        register(&identity, &format!("+791059408{i:02}")).await;
        identity.deliver_due().await.unwrap();
    }
    // 300 as told, 500, and then 200 are left.
    assert_eq!(gateway.asked().len(), 2);
    assert_eq!(identity.spent_today().await.unwrap(), 800);
    let failed = identity.delivery_log(None, Some(State::Failed), 50).await.unwrap();
    assert_eq!(failed.iter().map(|line| line.reason.as_str()).collect::<Vec<_>>(), ["day limit"; 2]);
    world.pass(24 * 3600);
    register(&identity, "+79105940855").await;
    identity.deliver_due().await.unwrap();
    assert_eq!((gateway.asked().len(), identity.spent_today().await.unwrap()), (3, 500));
}

#[tokio::test]
async fn what_was_surely_not_sent_costs_nothing() {
    let world = World::new().await;
    let gateway = Gateway::new("one", [refused()]);
    let identity = node(&world, &[&gateway], Some(1000));
    register(&identity, PHONE).await;
    identity.deliver_due().await.unwrap();
    assert_eq!(identity.spent_today().await.unwrap(), 0);
}

#[tokio::test]
async fn a_report_says_what_became_of_a_message() {
    let world = World::new().await;
    let receipt = |id: &str| Ok(Receipt { reference: id.to_owned(), cost: None });
    let gateway = Gateway::new("one", [receipt("a"), receipt("b")]);
    let identity = node(&world, &[&gateway], None);
    for number in [PHONE, "+79105940898"] {
        register(&identity, number).await;
        identity.deliver_due().await.unwrap();
    }
    assert!(identity.reported("one", "a", true).await.unwrap());
    assert!(identity.reported("one", "b", false).await.unwrap());
    assert!(!identity.reported("one", "b", true).await.unwrap(), "its end is known");
    assert!(!identity.reported("two", "a", true).await.unwrap());
    let log = |to: Contact| {
        let identity = identity.clone();
        async move { identity.delivery_log(Some(&to), None, 5).await.unwrap().remove(0).state }
    };
    assert_eq!(
        (log(phone(PHONE)).await, log(phone("+79105940898")).await),
        ("delivered".to_owned(), "failed".to_owned())
    );
}

#[tokio::test]
async fn without_a_route_nobody_gets_a_code_whoever_they_are() {
    let world = World::new().await;
    world.ivan().await;
    let identity = node(&world, &[], None);
    for number in [PHONE, "+79105940800"] {
        let said = identity.begin_registration(registration(&phone(number)), &visit()).await;
        assert!(matches!(said, Err(RegisterError::NotSent)));
        let said = identity.begin_recovery(&phone(number), &visit()).await;
        assert!(matches!(said, Err(CodeError::NotSent)));
    }
}

#[tokio::test]
async fn a_recovery_for_nobody_leaves_the_same_rows_and_sends_nothing() {
    let world = World::new().await;
    world.ivan().await;
    let gateway = Gateway::new("one", []);
    let identity = node(&world, &[&gateway], None);
    let mut costs = Vec::new();
    for number in [PHONE, "+79105940800"] {
        let before = world.store.statements_run();
        identity.begin_recovery(&phone(number), &visit()).await.unwrap();
        costs.push(world.store.statements_run() - before);
    }
    assert_eq!(costs[0], costs[1]);
    assert_eq!(identity.deliver_due().await.unwrap(), 1);
    assert_eq!(gateway.asked().len(), 1);
    let mut states = states(&identity).await;
    states.sort_unstable();
    assert_eq!(states, [("sent".to_owned(), "one".to_owned()), ("withheld".to_owned(), String::new())]);
}

#[tokio::test]
async fn a_gateway_that_is_down_keeps_nobody_waiting_and_no_code_is_lost() {
    let world = World::new().await;
    world.post.broken.store(true, Ordering::SeqCst);
    let id = world.begin(&phone(PHONE), &visit()).await;
    assert!(world.sent().await.is_empty());
    world.pass(60);
    world.post.broken.store(false, Ordering::SeqCst);
    let code = world.last().await.code;
    assert!(world.identity.confirm(Purpose::Register, &id, &code, &visit()).await.is_ok());
}

#[tokio::test]
async fn a_message_under_another_master_key_fails_and_stops_nobody_else() {
    let world = World::new().await;
    let gateway = Gateway::new("one", []);
    let foreign = {
        let routes = Routes {
            sms: vec![gateway.clone()],
            email: Vec::new(),
            day_limit: None,
        };
        world.node_with(config(), MasterKey::generate(&Dice::new(AtomicU64::new(99))), routes)
    };
    register(&foreign, PHONE).await;
    let identity = node(&world, &[&gateway], None);
    register(&identity, "+79105940800").await;
    assert_eq!(identity.deliver_due().await.unwrap(), 2);
    assert_eq!(gateway.asked().len(), 1);
}
