//! Migrations: from empty, again, and by several nodes at once.

use crate::place::Place;

const APPLIED: &str = "SELECT COUNT(*) FROM _sqlx_migrations WHERE success";

async fn from_empty_and_again(place: Place) {
    let store = place.open().await;
    assert!(!store.is_current().await.unwrap());
    store.migrate().await.unwrap();
    assert!(store.is_current().await.unwrap());
    let applied = place.number(APPLIED).await;
    place.run("UPDATE version SET n = 7").await;
    store.migrate().await.unwrap();
    place.open().await.migrate().await.unwrap();
    assert_eq!(place.number(APPLIED).await, applied);
    assert_eq!(place.number("SELECT n FROM version").await, 7);
}

async fn at_once(place: Place, nodes: usize) {
    let stores = futures_util::future::join_all((0..nodes).map(|_| place.open())).await;
    let done = futures_util::future::join_all(stores.iter().map(kabinet_store::Store::migrate)).await;
    for outcome in done {
        outcome.unwrap();
    }
    assert!(stores[0].is_current().await.unwrap());
    assert_eq!(place.number("SELECT COUNT(*) FROM version").await, 1);
}

#[tokio::test]
async fn an_empty_sqlite_file_is_migrated_and_a_second_run_changes_nothing() {
    from_empty_and_again(Place::sqlite()).await;
}

#[tokio::test]
async fn an_empty_postgresql_database_is_migrated_and_a_second_run_changes_nothing() {
    let Some(place) = Place::postgres().await else { return };
    from_empty_and_again(place).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_that_migrate_postgresql_at_once_all_succeed() {
    let Some(place) = Place::postgres().await else { return };
    at_once(place, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_new_sqlite_file_can_be_opened_by_many_at_once() {
    for _ in 0..20 {
        let place = Place::sqlite();
        let stores = futures_util::future::join_all((0..16).map(|_| place.open())).await;
        for store in stores {
            store.ping().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_migrate_one_sqlite_file_at_once_all_succeed() {
    for _ in 0..5 {
        at_once(Place::sqlite(), 4).await;
    }
}
