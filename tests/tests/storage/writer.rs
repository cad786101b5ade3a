//! The writer of SQLite with group commit: what comes back `Ok` is on the disk, what fails takes nobody with it.

use std::collections::BTreeSet;
use std::time::Duration;

use kabinet_core::id::{ClientId, UserId};
use kabinet_store::{Error, Store, Tx, change, throttle};
use tokio::task::JoinSet;

use crate::cancelling::waits;
use crate::place::{Dice, Place};
use crate::world::NOW;

/// Nothing here waits for longer than this unless it hangs.
pub const BOUND: Duration = Duration::from_secs(300);

/// One row under a key of the caller's.
pub async fn put(tx: &mut Tx, key: &str) {
    throttle::fail(tx, key, NOW, NOW.plus(100)).await.unwrap();
}

/// A transaction that writes one row.
pub async fn write(store: &Store, key: &str) -> Result<(), Error> {
    let mut tx = store.begin().await?;
    throttle::fail(&mut tx, key, NOW, NOW.plus(100)).await?;
    tx.commit().await
}

/// Whether the row is there for a reader.
pub async fn has(store: &Store, key: &str) -> bool {
    throttle::read(store.db(), key, NOW).await.unwrap().count > 0
}

/// The rows that a process would find that opened the files as they lie there now, without anybody having closed them.
async fn rows_after_a_crash(place: &Place) -> i64 {
    let crashed = Place::sqlite();
    for suffix in ["", "-wal"] {
        let name = |place: &Place| format!("{}{suffix}", place.file().display());
        std::fs::copy(name(place), name(&crashed)).unwrap();
    }
    crashed.number("SELECT COUNT(*) FROM throttles").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_parallel_transactions_are_in_the_files_when_they_have_been_acknowledged() {
    let (place, store) = Place::ready_sqlite().await;
    for round in 1..=4 {
        let mut writers = JoinSet::new();
        for i in 0..64 {
            let store = store.clone();
            writers.spawn(async move { write(&store, &format!("{round}-{i}")).await });
        }
        while let Some(done) = writers.join_next().await {
            done.unwrap().unwrap();
        }
        assert_eq!(rows_after_a_crash(&place).await, round * 64);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn transactions_that_fail_or_roll_back_take_no_other_with_them() {
    let (place, store) = Place::ready_sqlite().await;
    let mut writers = JoinSet::new();
    for i in 0..128 {
        let store = store.clone();
        writers.spawn(async move {
            let mut tx = store.begin().await.unwrap();
            put(&mut tx, &format!("{i}")).await;
            match i % 4 {
                // A client of nobody's: the foreign key refuses the statement, and the transaction is dropped.
                0 => {
                    let mut grant = crate::world::World {
                        user: UserId::generate(&Dice),
                        client: ClientId::from("none"),
                        session: kabinet_core::id::SessionId::from("none"),
                    }
                    .grant();
                    grant.detail = "{}".to_owned();
                    let hash = kabinet_core::secret::TokenHash::of("CANARY-code");
                    let refused = kabinet_store::grant::issue(&mut tx, &grant, &hash, NOW, NOW).await;
                    assert!(matches!(refused, Err(Error::Database(_))));
                }
                1 => tx.rollback().await.unwrap(),
                _ => tx.commit().await.unwrap(),
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    write(&store, "last").await.unwrap();
    assert_eq!(place.number("SELECT COUNT(*) FROM throttles").await, 65);
    assert_eq!(
        place
            .number("SELECT COUNT(*) FROM throttles WHERE CAST(key AS INTEGER) % 4 < 2 AND key <> 'last'")
            .await,
        0
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_has_committed_reads_what_was_written() {
    let (_place, store) = Place::ready_sqlite().await;
    let mut writers = JoinSet::new();
    for writer in 0..16 {
        let store = store.clone();
        writers.spawn(async move {
            for i in 0..20 {
                let key = format!("{writer}-{i}");
                assert!(!has(&store, &key).await);
                write(&store, &key).await.unwrap();
                assert!(has(&store, &key).await, "{key} is acknowledged and cannot be read");
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_sees_a_transaction_before_the_shared_commit() {
    let (_place, store) = Place::ready_sqlite().await;
    let mut first = store.begin().await.unwrap();
    put(&mut first, "first").await;
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.begin().await.unwrap() }
    });
    let mut commit = Box::pin(first.commit());
    let mut waiting = waiting;
    // The first gives its turn to the second as soon as that one waits; either order of these two is possible.
    let (second, first_is_done) = tokio::select! {
        second = &mut waiting => (second.unwrap(), false),
        done = &mut commit => { done.unwrap(); (waiting.await.unwrap(), true) }
    };
    if !first_is_done {
        assert!(
            waits(&mut commit).await && !has(&store, "first").await,
            "visible before the shared commit"
        );
        second.commit().await.unwrap();
        commit.await.unwrap();
    }
    assert!(has(&store, "first").await);
}

#[tokio::test]
async fn turns_come_in_the_order_of_asking() {
    let (_place, store) = Place::ready_sqlite().await;
    let held = store.begin().await.unwrap();
    let mut asking: Vec<_> = (0..20)
        .map(|i| {
            let store = store.clone();
            Box::pin(async move {
                let mut tx = store.begin().await.unwrap();
                change::tell(&mut tx, change::Kind::Token, &[i.to_string()], NOW).await.unwrap();
                tx.commit().await.unwrap();
            })
        })
        .collect();
    for one in &mut asking {
        assert!(waits(one).await);
    }
    held.rollback().await.unwrap();
    tokio::time::timeout(BOUND, futures_util::future::join_all(asking)).await.unwrap();
    let (_, changes) = change::since(store.db(), 0).await.unwrap();
    let order: Vec<i32> = changes.iter().map(|change| change.what.parse().unwrap()).collect();
    assert_eq!(order, (0..20).collect::<Vec<_>>());
}

/// A table whose constraint is looked at when the transaction commits, reached through a trigger.
const ORPHANS: &str = "CREATE TABLE parents (id TEXT PRIMARY KEY); \
    CREATE TABLE orphans (id TEXT REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED); \
    CREATE TRIGGER adopt AFTER INSERT ON throttles WHEN new.key LIKE 'orphan%' BEGIN INSERT INTO orphans VALUES (new.key); END;";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn when_the_shared_commit_fails_everybody_in_it_is_told_and_nothing_of_it_has_happened() {
    let (_place, store) = Place::ready_sqlite().await;
    _place.run(ORPHANS).await;
    let mut failed = 0;
    for round in 0..20 {
        let mut writers = JoinSet::new();
        for i in 0..16 {
            let (store, key) = (store.clone(), format!("{}{round}-{i}", if i == 7 { "orphan" } else { "child" }));
            writers.spawn(async move { (write(&store, &key).await, key) });
        }
        while let Some(done) = writers.join_next().await {
            let (outcome, key) = tokio::time::timeout(BOUND, async { done.unwrap() }).await.unwrap();
            assert_eq!(outcome.is_ok(), has(&store, &key).await, "{key}: {outcome:?}");
            assert!(outcome.is_err() || !key.starts_with("orphan"));
            failed += usize::from(outcome.is_err());
        }
        write(&store, &format!("after-{round}")).await.unwrap();
    }
    println!("{failed} of 320 transactions shared the fate of the 20 that could not be committed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_error_that_undoes_the_whole_batch_is_told_to_everybody_in_it() {
    let (place, store) = Place::ready_sqlite().await;
    // What SQLite does by itself when the disk is full.
    place
        .run("CREATE TRIGGER full BEFORE INSERT ON throttles WHEN new.key LIKE 'full%' BEGIN SELECT RAISE(ROLLBACK, 'full'); END;")
        .await;
    for round in 0..20 {
        let mut writers = JoinSet::new();
        for i in 0..16 {
            let (store, key) = (store.clone(), format!("{}{round}-{i}", if i % 5 == 3 { "full" } else { "row" }));
            writers.spawn(async move { (write(&store, &key).await, key) });
        }
        while let Some(done) = tokio::time::timeout(BOUND, writers.join_next()).await.unwrap() {
            let (outcome, key) = done.unwrap();
            assert_eq!(outcome.is_ok(), has(&store, &key).await, "{key}: {outcome:?}");
            assert!(outcome.is_err() || !key.starts_with("full"));
        }
        write(&store, &format!("after-{round}")).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn closing_keeps_what_was_acknowledged_and_tells_the_others() {
    for _ in 0..10 {
        let (place, store) = Place::ready_sqlite().await;
        let mut writers = JoinSet::new();
        for i in 0..32 {
            let store = store.clone();
            writers.spawn(async move { write(&store, &format!("{i}")).await.is_ok().then_some(i) });
        }
        let first = writers.join_next().await.unwrap().unwrap();
        tokio::time::timeout(BOUND, store.close()).await.unwrap();
        let mut kept: BTreeSet<i32> = first.into_iter().collect();
        while let Some(done) = tokio::time::timeout(BOUND, writers.join_next()).await.unwrap() {
            kept.extend(done.unwrap());
        }
        assert_eq!(place.number("SELECT COUNT(*) FROM throttles").await, i64::try_from(kept.len()).unwrap());
    }
}
