//! One SQL text for both databases: each statement of the store is prepared on each.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, SqlSafeStr};

use crate::place::Place;

#[tokio::test]
async fn every_statement_is_understood_by_sqlite() {
    let (place, _store) = Place::ready_sqlite().await;
    let mut connection = SqliteConnectOptions::from_str(&place.url).unwrap().connect().await.unwrap();
    let statements = kabinet_store::statements();
    assert!(statements.len() > 50, "the list of statements has shrunk to {}", statements.len());
    for statement in statements {
        let prepared = connection.prepare(AssertSqlSafe(statement).into_sql_str()).await;
        assert!(prepared.is_ok(), "{statement}\n{:?}", prepared.err());
    }
}

#[tokio::test]
async fn every_statement_is_understood_by_postgresql() {
    let Some(place) = Place::postgres().await else { return };
    let store = place.open().await;
    store.migrate().await.unwrap();
    let mut connection = PgConnectOptions::from_str(&place.url).unwrap().connect().await.unwrap();
    for statement in kabinet_store::statements() {
        let prepared = connection.prepare(AssertSqlSafe(statement).into_sql_str()).await;
        assert!(prepared.is_ok(), "{statement}\n{:?}", prepared.err());
    }
}

#[test]
fn no_statement_stands_in_the_list_twice() {
    let mut statements = kabinet_store::statements();
    statements.sort_unstable();
    let twice: Vec<_> = statements.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
