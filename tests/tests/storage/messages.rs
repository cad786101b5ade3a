//! The queue of messages: one sender at a time, nothing left behind.

use kabinet_core::id::{ConfirmationId, MessageId};
use kabinet_core::time::Timestamp;
use kabinet_store::message::{self, NewMessage, Settled, State};
use kabinet_store::{Store, sweep};

use crate::place::{Dice, Place};
use crate::world::NOW;

/// A message in the queue that is good for 300 s and kept for 1000 s.
async fn post(store: &Store, id: &str, about: Option<&str>) -> MessageId {
    let new = NewMessage {
        id: MessageId::from(id),
        channel: "sms",
        purpose: "register",
        recipient: "+7 910 •••-••-99".to_owned(),
        recipient_key: "key".to_owned(),
        about: about.map(ConfirmationId::from),
        body: Some("sealed".to_owned()),
        at: NOW,
        expires_at: NOW.plus(300),
        keep_until: NOW.plus(1000),
    };
    let mut tx = store.begin().await.unwrap();
    message::insert(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    new.id
}

async fn take(store: &Store, now: Timestamp) -> Vec<String> {
    let mut tx = store.begin().await.unwrap();
    let taken = message::take(&mut tx, now, now.plus(30), 16).await.unwrap();
    tx.commit().await.unwrap();
    taken.into_iter().map(|one| one.id).collect()
}

async fn settle(store: &Store, id: &str, state: State) {
    let end = Settled {
        state,
        route: "smsru".to_owned(),
        reference: "r-1".to_owned(),
        reason: String::new(),
        cost: 450,
    };
    let mut tx = store.begin().await.unwrap();
    message::settle(&mut tx, id, &end, NOW).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_reach_for_a_message_one_gets_it() {
    let (_place, store) = Place::ready().await;
    for i in 0..50 {
        post(&store, &format!("m{i:02}"), None).await;
    }
    let takers: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut all = Vec::new();
                for _ in 0..8 {
                    all.extend(take(&store, NOW).await);
                }
                all
            })
        })
        .collect();
    let mut all = Vec::new();
    for taker in takers {
        all.extend(taker.await.unwrap());
    }
    all.sort_unstable();
    assert_eq!(all, (0..50).map(|i| format!("m{i:02}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_lease_that_ended_gives_the_message_to_the_next() {
    let (_place, store) = Place::ready().await;
    post(&store, "m", None).await;
    assert_eq!(take(&store, NOW).await, ["m"]);
    assert!(take(&store, NOW.plus(29)).await.is_empty());
    assert_eq!(take(&store, NOW.plus(30)).await, ["m"]);
}

#[tokio::test]
async fn the_body_is_gone_as_soon_as_the_message_left_the_queue() {
    let (place, store) = Place::ready().await;
    let bodies = || place.number("SELECT COUNT(*) FROM messages WHERE body IS NOT NULL");
    for (id, state) in [("sent", State::Sent), ("failed", State::Failed)] {
        post(&store, id, None).await;
        take(&store, NOW).await;
        assert_eq!(bodies().await, 1);
        settle(&store, id, state).await;
        assert_eq!(bodies().await, 0, "{id}");
    }
    post(&store, "late", None).await;
    let mut tx = store.begin().await.unwrap();
    assert_eq!(message::expire(&mut tx, NOW.plus(299)).await.unwrap(), 0);
    assert_eq!(message::expire(&mut tx, NOW.plus(300)).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(bodies().await, 0);
    assert!(take(&store, NOW.plus(300)).await.is_empty());
}

#[tokio::test]
async fn a_later_code_takes_the_earlier_one_out_of_the_queue() {
    let (_place, store) = Place::ready().await;
    let about = ConfirmationId::from("c");
    post(&store, "one", Some("c")).await;
    let mut tx = store.begin().await.unwrap();
    message::supersede(&mut tx, &about, NOW).await.unwrap();
    tx.commit().await.unwrap();
    post(&store, "two", Some("c")).await;
    assert_eq!(take(&store, NOW).await, ["two"]);
    settle(&store, "two", State::Failed).await;
    assert_eq!(message::state_of(store.db(), &about).await.unwrap(), Some(State::Failed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_that_spend_at_once_spend_no_more_than_the_day_allows() {
    let (_place, store) = Place::ready().await;
    let spenders: Vec<_> = (0..20)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut tx = store.begin().await.unwrap();
                let fits = message::reserve(&mut tx, 20_000, 100, 1050).await.unwrap();
                tx.commit().await.unwrap();
                fits
            })
        })
        .collect();
    let mut fitted = 0;
    for spender in spenders {
        fitted += i64::from(spender.await.unwrap());
    }
    assert_eq!((fitted, message::spent(store.db(), 20_000).await.unwrap()), (10, 1000));
    let mut tx = store.begin().await.unwrap();
    assert!(!message::reserve(&mut tx, 20_001, 1051, 1050).await.unwrap(), "the first of a day, too");
    message::correct(&mut tx, 20_000, -100).await.unwrap();
    assert!(message::reserve(&mut tx, 20_000, 100, 1050).await.unwrap());
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn the_log_is_swept_at_its_end() {
    let (place, store) = Place::ready().await;
    let id = MessageId::generate(NOW, &Dice);
    post(&store, id.as_str(), None).await;
    take(&store, NOW).await;
    settle(&store, id.as_str(), State::Sent).await;
    assert_eq!(sweep::sweep(&store, NOW.plus(1000)).await.unwrap(), 0);
    assert_eq!(sweep::sweep(&store, NOW.plus(1001)).await.unwrap(), 1);
    assert_eq!(place.number("SELECT COUNT(*) FROM messages").await, 0);
}
