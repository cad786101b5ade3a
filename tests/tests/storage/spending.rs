//! Single use (R01, R03, R04 below HTTP): whoever comes first gets it, everybody else gets nothing.

use std::future::Future;
use std::sync::Arc;

use kabinet_core::secret::TokenHash;
use kabinet_store::confirmation::{self, Confirmation, Guess};
use kabinet_store::grant::{self, Rotation};
use kabinet_store::{Store, throttle};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::place::Place;
use crate::world::{NOW, World, confirmation as confirmation_of};

const THINGS: usize = 40;
const CALLERS: usize = 20;

fn guess<'a>(one: &'a Confirmation, code: &'a str) -> Guess<'a> {
    Guess {
        id: &one.id,
        code,
        binding: &one.binding,
        counter: "tries",
        most: 20,
    }
}

/// Calls `attempt` for every thing by every caller at the same instant; how many attempts of each thing succeeded.
async fn race<T, F, R>(things: Vec<T>, attempt: F) -> Vec<usize>
where
    T: Clone + Send + 'static,
    F: Fn(T) -> R + Clone + Send + 'static,
    R: Future<Output = bool> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(things.len() * CALLERS));
    let mut calls = JoinSet::new();
    for (i, thing) in things.iter().enumerate() {
        for _ in 0..CALLERS {
            let (thing, attempt, barrier) = (thing.clone(), attempt.clone(), barrier.clone());
            calls.spawn(async move {
                barrier.wait().await;
                (i, attempt(thing).await)
            });
        }
    }
    let mut won = vec![0; things.len()];
    while let Some(done) = calls.join_next().await {
        let (i, ok) = done.unwrap();
        won[i] += usize::from(ok);
    }
    won
}

async fn transaction<T>(
    store: &Store,
    what: impl AsyncFnOnce(&mut kabinet_store::Tx) -> kabinet_store::Result<T>,
) -> T {
    let mut tx = store.begin().await.unwrap();
    let done = what(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_code_is_redeemed_once_however_many_ask_at_once() {
    let (place, store) = Place::ready().await;
    let world = World::of(&store).await;
    let mut codes = Vec::new();
    for _ in 0..THINGS {
        codes.push(TokenHash::of(world.issued(&store).await.1.expose()));
    }
    let (shared, client) = (store.clone(), world.client.clone());
    let won = race(codes, move |code| {
        let (store, client) = (shared.clone(), client.clone());
        async move {
            transaction(&store, async |tx| grant::redeem(tx, &code, &client, NOW).await)
                .await
                .is_some()
        }
    })
    .await;
    assert_eq!(won, vec![1; THINGS]);
    assert_eq!(place.number("SELECT COUNT(*) FROM grants WHERE code_used_at IS NOT NULL").await, 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_generation_of_a_family_is_left_once_however_many_rotate_at_once() {
    let (place, store) = Place::ready().await;
    let world = World::of(&store).await;
    let mut families = Vec::new();
    for _ in 0..THINGS {
        families.push(world.opened(&store).await.id);
    }
    for generation in 1..=3 {
        let (shared, client) = (store.clone(), world.client.clone());
        let won = race(families.clone(), move |id| {
            let (store, client) = (shared.clone(), client.clone());
            let rotation = Rotation {
                presented: generation,
                now: NOW,
                refresh_expires_at: NOW.plus(900),
                keep_until: NOW.plus(900),
                key: None,
            };
            async move {
                let after = transaction(&store, async |tx| grant::rotate(tx, &id, &client, rotation).await).await;
                assert!(after.as_ref().is_none_or(|grant| grant.refresh_generation == generation + 1));
                after.is_some()
            }
        })
        .await;
        assert_eq!(won, vec![1; THINGS]);
    }
    assert_eq!(place.number("SELECT COUNT(*) FROM grants WHERE refresh_generation = 4").await, 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_confirmation_is_accepted_once_however_many_bring_the_right_code_at_once() {
    let (_place, store) = Place::ready().await;
    let mut ids = Vec::new();
    for _ in 0..THINGS {
        ids.push(confirmation_of(&store, 5).await.0);
    }
    let shared = store.clone();
    let won = race(ids, move |one| {
        let store = shared.clone();
        async move {
            let spent =
                transaction(&store, async |tx| confirmation::spend(tx, &guess(&one, "CANARY-right"), NOW).await).await;
            spent.is_some_and(|spent| spent.used_at.is_some())
        }
    })
    .await;
    assert_eq!(won, vec![1; THINGS]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_wrong_codes_get_no_more_tries_than_there_are() {
    let (place, store) = Place::ready().await;
    let mut ids = Vec::new();
    for _ in 0..THINGS {
        ids.push(confirmation_of(&store, 5).await.0);
    }
    let shared = store.clone();
    let tried = race(ids.clone(), move |one| {
        let store = shared.clone();
        async move {
            transaction(&store, async |tx| confirmation::spend(tx, &guess(&one, "CANARY-wrong"), NOW).await)
                .await
                .is_some()
        }
    })
    .await;
    assert_eq!(tried, vec![5; THINGS]);
    assert_eq!(
        place
            .number("SELECT COUNT(*) FROM confirmations WHERE attempts_left = 0 AND used_at IS NULL")
            .await,
        40
    );
    let late = transaction(&store, async |tx| confirmation::spend(tx, &guess(&ids[0], "CANARY-right"), NOW).await);
    assert!(late.await.is_none(), "the right code is too late when no try is left");
}

#[tokio::test]
async fn a_contact_that_has_had_its_wrong_tries_gets_no_more_until_they_are_forgotten() {
    let (_place, store) = Place::ready().await;
    let one = confirmation_of(&store, 5).await.0;
    let mut tx = store.begin().await.unwrap();
    for _ in 0..20 {
        throttle::count(&mut tx, "tries", NOW, 100).await.unwrap();
    }
    tx.commit().await.unwrap();
    for (after, spent) in [(99, false), (100, true)] {
        let mut tx = store.begin().await.unwrap();
        let found = confirmation::spend(&mut tx, &guess(&one, "CANARY-right"), NOW.plus(after)).await.unwrap();
        assert_eq!(found.is_some(), spent, "after {after} s");
    }
}

#[tokio::test]
async fn what_is_spent_and_rolled_back_can_be_spent_again() {
    let (_place, store) = Place::ready().await;
    let world = World::of(&store).await;
    let hash = TokenHash::of(world.issued(&store).await.1.expose());
    let mut tx = store.begin().await.unwrap();
    assert!(grant::redeem(&mut tx, &hash, &world.client, NOW).await.unwrap().is_some());
    tx.rollback().await.unwrap();
    let redeem = || transaction(&store, async |tx| grant::redeem(tx, &hash, &world.client, NOW).await);
    assert!(redeem().await.is_some());
    assert!(redeem().await.is_none());
}

#[tokio::test]
async fn a_code_of_another_client_or_past_its_end_is_not_spent() {
    let (_place, store) = Place::ready().await;
    let (world, other) = (World::of(&store).await, World::of(&store).await);
    let hash = TokenHash::of(world.issued(&store).await.1.expose());
    let at = async |client, now| transaction(&store, async |tx| grant::redeem(tx, &hash, client, now).await).await;
    assert!(at(&other.client, NOW).await.is_none());
    assert!(at(&world.client, NOW.plus(60)).await.is_none());
    assert!(at(&world.client, NOW.plus(59)).await.is_some());
}

#[tokio::test]
async fn a_family_without_offline_access_rotates_only_while_its_session_lives() {
    let (place, store) = Place::ready().await;
    let world = World::of(&store).await;
    let family = world.opened(&store).await;
    place.run("UPDATE grants SET offline = FALSE").await;
    let rotate = async |presented| {
        let rotation = Rotation {
            presented,
            now: NOW,
            refresh_expires_at: NOW.plus(900),
            keep_until: NOW.plus(900),
            key: None,
        };
        transaction(&store, async |tx| grant::rotate(tx, &family.id, &world.client, rotation).await).await
    };
    assert!(rotate(1).await.is_some());
    place.run("DELETE FROM sessions").await;
    assert_eq!(rotate(2).await, None);
}

#[tokio::test]
async fn a_code_whose_session_has_ended_is_not_spent() {
    let (place, store) = Place::ready().await;
    let world = World::of(&store).await;
    let hash = TokenHash::of(world.issued(&store).await.1.expose());
    place.run("DELETE FROM sessions").await;
    let spent = transaction(&store, async |tx| grant::redeem(tx, &hash, &world.client, NOW).await).await;
    assert_eq!(spent, None);
}
