//! The sweeper takes away what has expired, all of it and nothing else, a bounded number of rows at a time.

use kabinet_core::id::{AttemptId, ClientId};
use kabinet_core::secret::TokenHash;
use kabinet_core::time::Timestamp;
use kabinet_store::{Store, assertion, change, destination, pushed, registration, sweep, throttle, upstream};

use crate::place::Place;
use crate::world::{NOW, World, confirmation};

/// (table, seconds after [`NOW`] until which its one row must stay).
const LIVES: [(&str, i64); 11] = [
    ("initial_access_tokens", 30),
    ("assertions", 40),
    ("pushed_requests", 50),
    ("sessions", 100),
    ("grants", 120),
    ("throttles", 200),
    ("destinations", 300),
    ("confirmations", 3900),
    ("upstream_attempts", 4200),
    ("changes", change::KEPT),
    ("logout_notices", 30 * 86_400),
];

async fn one_row_in_each(place: &Place, store: &Store) {
    let world = World::of(store).await;
    world.issued(store).await;
    confirmation(store, 5).await;
    let mut tx = store.begin().await.unwrap();
    throttle::fail(&mut tx, "somebody", NOW, NOW.plus(200)).await.unwrap();
    let names = destination::Names { range: "+7916123", country: "RU" };
    destination::sent(&mut tx, names, NOW, 300).await.unwrap();
    let token = registration::InitialToken {
        id: "id".to_owned(),
        label: String::new(),
        uses_left: 1,
        created_at: NOW,
        expires_at: NOW.plus(30),
    };
    registration::issue(&mut tx, &token, &TokenHash::of("token")).await.unwrap();
    assert!(assertion::use_up(&mut tx, &ClientId::from("any"), "jti", NOW.plus(40)).await.unwrap());
    pushed::insert(&mut tx, "id", &ClientId::from("any"), "sealed", NOW..NOW.plus(50))
        .await
        .unwrap();
    let attempt = upstream::Attempt {
        id: AttemptId::from("id"),
        upstream: "there".to_owned(),
        purpose: "sign-in".to_owned(),
        binding: TokenHash::of("browser"),
        data: String::new(),
        expires_at: NOW.plus(600),
        used_at: None,
    };
    upstream::begin(&mut tx, &attempt, &TokenHash::of("state"), NOW.plus(4200)).await.unwrap();
    change::tell(&mut tx, change::Kind::Token, &["jti".to_owned()], NOW).await.unwrap();
    tx.commit().await.unwrap();
    place
        .run(&format!(
            "INSERT INTO logout_notices (client_id, user_id, session_id, state, reason, attempts, created_at, due_at, keep_until) \
             SELECT id, 'u', 's', 'dead', '', 8, 0, 0, {} FROM clients",
            NOW.plus(30 * 86_400).0
        ))
        .await;
    place.run("DELETE FROM destinations WHERE name = 'RU'").await;
}

async fn rows(place: &Place, table: &str) -> i64 {
    place.number(&format!("SELECT COUNT(*) FROM {table}")).await
}

#[tokio::test]
async fn each_row_stays_until_its_end_and_goes_after_it() {
    let (place, store) = Place::ready().await;
    one_row_in_each(&place, &store).await;
    for (i, (table, life)) in LIVES.into_iter().enumerate() {
        assert_eq!(sweep::sweep(&store, NOW.plus(life)).await.unwrap(), 0, "{table} goes too early");
        assert_eq!(sweep::sweep(&store, NOW.plus(life + 1)).await.unwrap(), 1, "{table} does not go");
        let left: Vec<i64> = futures_util::future::join_all(LIVES.map(|(table, _)| rows(&place, table))).await;
        assert_eq!(
            left,
            LIVES.iter().enumerate().map(|(j, _)| i64::from(j > i)).collect::<Vec<_>>(),
            "after {table}"
        );
    }
    for table in ["users", "clients", "version"] {
        assert_eq!(rows(&place, table).await, 1, "{table} is not the sweeper's");
    }
}

#[tokio::test]
async fn a_session_past_its_longest_life_goes_even_when_it_was_used_a_moment_ago() {
    let (place, store) = Place::ready().await;
    one_row_in_each(&place, &store).await;
    place
        .run(&format!(
            "UPDATE sessions SET idle_expires_at = {}, expires_at = {}",
            NOW.0 + 90_000,
            NOW.0 - 1
        ))
        .await;
    assert_eq!(sweep::sweep(&store, NOW).await.unwrap(), 1);
    assert_eq!(rows(&place, "sessions").await, 0);
}

#[tokio::test]
async fn a_mountain_of_expired_rows_goes_in_small_transactions_that_others_get_in_between() {
    let (place, store) = Place::ready().await;
    let many = 5_000;
    place
        .run(&format!(
            "INSERT INTO throttles (key, failures, failed_at, expires_at) \
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {many}) \
             SELECT 'k' || i, 1, 1, CASE WHEN i % 2 = 0 THEN 10 ELSE 30 END FROM n"
        ))
        .await;
    // A transaction that never ends would keep a big one out; small ones show themselves by what is gone in between.
    let before = store.statements_run();
    assert_eq!(sweep::sweep(&store, Timestamp(20)).await.unwrap(), many / 2);
    let statements = store.statements_run() - before;
    assert!(
        statements >= 5 + many / 2 / 500,
        "{statements} statements for {many} rows: too many rows in one"
    );
    assert_eq!(place.number("SELECT COUNT(*) FROM throttles").await, i64::try_from(many / 2).unwrap());
    assert_eq!(place.number("SELECT COUNT(*) FROM throttles WHERE expires_at = 10").await, 0);
}
