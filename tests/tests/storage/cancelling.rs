//! The writer of SQLite when the caller goes away: at every point where a transaction can be dropped, it has happened as
//! a whole or not at all, one that was not being committed has not happened, and nobody else waits or fails for it.

use std::future::{Future, poll_fn};
use std::task::Poll;

use kabinet_store::{Error, Store};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::place::Place;
use crate::writer::{BOUND, has, put, write};

/// No transaction here waits more often than this.
const POINTS: usize = 40;

/// Runs a future until it has waited `times` and drops it when it waits once more: `None`, or what came of it before.
pub async fn dropped_after<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut waited = 0;
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if waited == times => Poll::Ready(None),
        Poll::Pending => {
            waited += 1;
            Poll::Pending
        }
    })
    .await
}

/// Whether a future has to wait when it is asked once.
pub async fn waits<F: Future + Unpin>(future: &mut F) -> bool {
    dropped_after(0, future).await.is_none()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Commit,
    Rollback,
    Drop,
}

/// Two rows in one transaction.
async fn pair(store: &Store, name: &str, end: End) -> Result<(), Error> {
    let mut tx = store.begin().await?;
    put(&mut tx, &format!("{name}-a")).await;
    put(&mut tx, &format!("{name}-b")).await;
    match end {
        End::Commit => tx.commit().await,
        End::Rollback => tx.rollback().await,
        End::Drop => Ok(()),
    }
}

/// How many of the pair are there; by now whatever goes on after the drop must have ended, since it holds the turn.
async fn left(store: &Store, name: &str) -> usize {
    usize::from(has(store, &format!("{name}-a")).await) + usize::from(has(store, &format!("{name}-b")).await)
}

/// Drops a transaction at each point, alone on the writer; afterwards another must work.
async fn alone(end: End) {
    let (_place, store) = Place::ready_sqlite().await;
    let mut ended = false;
    for point in 0..POINTS {
        let name = format!("{end:?}-{point}");
        let outcome = timeout(BOUND, dropped_after(point, pair(&store, &name, end))).await.unwrap();
        timeout(BOUND, write(&store, &format!("next-{point}")))
            .await
            .expect("the next waits for ever")
            .unwrap();
        assert!(has(&store, &format!("next-{point}")).await);
        let rows = left(&store, &name).await;
        assert!(rows == 0 || rows == 2, "half a transaction after {point} points");
        assert!(
            rows == 0 || end == End::Commit,
            "nobody committed what was dropped after {point} points ({end:?})"
        );
        if let Some(outcome) = outcome {
            outcome.unwrap();
            assert_eq!(rows, if end == End::Commit { 2 } else { 0 });
            ended = true;
        }
    }
    assert!(ended, "the transaction has more than {POINTS} points");
}

#[tokio::test]
async fn a_commit_dropped_at_any_point_happens_as_a_whole_or_not_and_the_next_works() {
    alone(End::Commit).await;
}

#[tokio::test]
async fn a_rollback_dropped_at_any_point_has_changed_nothing_and_the_next_works() {
    alone(End::Rollback).await;
}

#[tokio::test]
async fn a_transaction_dropped_at_any_point_has_changed_nothing_and_the_next_works() {
    alone(End::Drop).await;
}

/// The first has passed its turn on and waits for the batch; the second, which holds the turn, is dropped at each point.
async fn second_of_a_batch(end: End) {
    let (_place, store) = Place::ready_sqlite().await;
    for point in 0..POINTS {
        let (first, second) = (format!("first-{point}"), format!("second-{point}"));
        let mut tx = store.begin().await.unwrap();
        put(&mut tx, &first).await;
        let mut next = Box::pin(pair(&store, &second, end));
        assert!(waits(&mut next).await, "the second waits for its turn");
        // The first passes the turn on, since somebody waits, and from now on depends on the other.
        let waiting = tokio::spawn(tx.commit());
        let outcome = timeout(BOUND, dropped_after(point, next)).await.expect("the second hangs");
        let told = timeout(BOUND, waiting)
            .await
            .unwrap_or_else(|_| panic!("the first is stranded ({end:?}, {point})"));
        told.unwrap()
            .unwrap_or_else(|e| panic!("the first fails for the second ({end:?}, {point}): {e}"));
        timeout(BOUND, write(&store, &format!("next-{point}")))
            .await
            .expect("the next waits for ever")
            .unwrap();
        assert!(has(&store, &first).await, "acknowledged and lost ({end:?}, {point})");
        let rows = left(&store, &second).await;
        assert!(
            rows == 0 || rows == 2 && end == End::Commit,
            "{rows} rows after {point} points of {end:?}"
        );
        assert!(!matches!(outcome, Some(Ok(()))) || end != End::Commit || rows == 2);
    }
}

#[tokio::test]
async fn the_first_of_a_batch_is_committed_when_the_commit_of_the_second_is_dropped_at_any_point() {
    second_of_a_batch(End::Commit).await;
}

#[tokio::test]
async fn the_first_of_a_batch_is_committed_when_the_rollback_of_the_second_is_dropped_at_any_point() {
    second_of_a_batch(End::Rollback).await;
}

#[tokio::test]
async fn the_first_of_a_batch_is_committed_when_the_second_is_dropped_at_any_point() {
    second_of_a_batch(End::Drop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_in_which_many_go_away_loses_nothing_that_was_acknowledged_and_invents_nothing() {
    let (_place, store) = Place::ready_sqlite().await;
    for round in 0..12 {
        let mut crowd = JoinSet::new();
        for i in 0..60 {
            let store = store.clone();
            let end = [End::Commit, End::Commit, End::Rollback, End::Drop][i % 4];
            let patience = if i % 3 == 0 { usize::MAX } else { (i * 7 + round) % 14 };
            crowd.spawn(async move {
                let name = format!("{round}-{i}");
                let outcome = dropped_after(patience, pair(&store, &name, end)).await;
                (name, end, outcome)
            });
        }
        let mut outcomes = Vec::new();
        while let Some(one) = timeout(BOUND, crowd.join_next()).await.expect("somebody is stranded") {
            outcomes.push(one.unwrap());
        }
        timeout(BOUND, write(&store, &format!("after-{round}")))
            .await
            .expect("the next waits for ever")
            .unwrap();
        for (name, end, outcome) in outcomes {
            let rows = left(&store, &name).await;
            match (end, outcome) {
                (End::Commit, Some(done)) => {
                    done.unwrap();
                    assert_eq!(rows, 2, "{name} is acknowledged");
                }
                (End::Commit, None) => assert!(rows == 0 || rows == 2, "{name} is there by half"),
                _ => assert_eq!(rows, 0, "{name} was not committed"),
            }
        }
    }
}

#[tokio::test]
async fn a_waiter_that_gives_up_strands_nobody_who_counted_on_it() {
    let (_place, store) = Place::ready_sqlite().await;
    for point in 0..6 {
        let key = format!("first-{point}");
        let mut tx = store.begin().await.unwrap();
        put(&mut tx, &key).await;
        let mut waiter = Box::pin(store.begin());
        assert!(waits(&mut waiter).await);
        let waiting = tokio::spawn(tx.commit());
        if let Some(Ok(turn)) = dropped_after(point, waiter).await {
            drop(turn);
        }
        timeout(BOUND, waiting).await.expect("the first is stranded").unwrap().unwrap();
        assert!(has(&store, &key).await);
    }
}

#[tokio::test]
async fn a_turn_that_does_not_come_free_is_refused_as_busy_and_the_batch_is_not_lost() {
    let (_place, store) = Place::ready_sqlite().await;
    let mut first = store.begin().await.unwrap();
    put(&mut first, "first").await;
    let mut second = Box::pin(store.begin());
    assert!(waits(&mut second).await);
    let waiting = tokio::spawn(first.commit());
    let held = timeout(BOUND, second).await.unwrap().unwrap();
    let third = timeout(BOUND, store.begin()).await.expect("it waits for longer than it should");
    assert!(matches!(third, Err(Error::Busy)));
    drop(held);
    timeout(BOUND, waiting).await.expect("the first is stranded").unwrap().unwrap();
    assert!(has(&store, "first").await);
}
