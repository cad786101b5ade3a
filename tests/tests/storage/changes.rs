//! What nodes are told: every change, once, in order.

use std::collections::BTreeSet;

use kabinet_store::change::{self, Kind};
use tokio::task::JoinSet;

use crate::place::Place;
use crate::world::NOW;

const WRITERS: usize = 16;
const EACH: usize = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_that_asks_again_and_again_sees_every_change_of_parallel_writers_in_order() {
    let (_place, store) = Place::ready().await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        writers.spawn(async move {
            for i in 0..EACH {
                let mut tx = store.begin().await.unwrap();
                change::tell(&mut tx, Kind::Token, &[format!("{writer}-{i}")], NOW).await.unwrap();
                // Some do not come to an end: nobody may hear of them, and no number may be missed for them.
                if i % 5 == 4 {
                    tx.rollback().await.unwrap()
                } else {
                    tx.commit().await.unwrap()
                }
            }
        });
    }
    let (mut seen, mut heard) = (0, Vec::new());
    let mut done = false;
    loop {
        let (newest, changes) = change::since(store.db(), seen).await.unwrap();
        assert!(newest >= seen);
        heard.extend(changes);
        seen = newest;
        if done {
            break;
        }
        done = writers.is_empty();
        if let Some(writer) = writers.try_join_next() {
            writer.unwrap();
        } else {
            tokio::task::yield_now().await;
        }
    }
    assert!(heard.windows(2).all(|pair| pair[0].n < pair[1].n), "numbers come in order");
    assert_eq!(heard.len(), WRITERS * EACH * 4 / 5);
    assert_eq!(heard.iter().map(|change| &change.what).collect::<BTreeSet<_>>().len(), heard.len());
    for writer in 0..WRITERS {
        let prefix = format!("{writer}-");
        let own: Vec<usize> = heard.iter().filter_map(|c| c.what.strip_prefix(&prefix)?.parse().ok()).collect();
        assert!(own.is_sorted(), "the changes of one writer come in its order");
    }
}

#[tokio::test]
async fn several_things_told_at_once_are_heard_together() {
    let (_place, store) = Place::ready().await;
    let mut tx = store.begin().await.unwrap();
    change::tell(&mut tx, Kind::Grant, &["a".to_owned(), "b".to_owned()], NOW).await.unwrap();
    tx.commit().await.unwrap();
    let (newest, changes) = change::since(store.db(), 0).await.unwrap();
    assert_eq!((newest, changes.len()), (1, 2));
    assert!(changes.iter().all(|change| change.n == 1 && change.kind == Kind::Grant));
    assert_eq!(change::since(store.db(), newest).await.unwrap(), (1, Vec::new()));
}
