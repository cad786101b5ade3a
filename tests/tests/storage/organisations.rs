//! Organisations: kept once with each person, copied into the person's own row, gone with them.

use kabinet_core::id::OrganisationId;
use kabinet_core::organisation::{Named, Organisation, Proof, Relation, Typed};
use kabinet_store::organisation::{self, Removable};
use kabinet_store::{client, user};

use crate::place::{Dice, Place};
use crate::world::{NOW, World};

fn one(inn: &str, name: &str, proof: Proof) -> Organisation {
    let named = Named::read(Typed { inn, name, ..Typed::default() }).unwrap();
    named.of_person(OrganisationId::generate(NOW, &Dice), (Relation::Head, proof), NOW)
}

#[tokio::test]
async fn what_was_stated_is_said_anew_and_what_somebody_vouches_for_stays() {
    let (_place, store) = Place::ready().await;
    let world = World::of(&store).await;
    let mut tx = store.begin().await.unwrap();
    for (name, proof) in [
        ("первое", Proof::Stated),
        ("второе", Proof::Stated),
        ("проверенное", Proof::Administrator),
        ("третье", Proof::Stated),
    ] {
        assert!(organisation::put(&mut tx, &world.user, &one("7707083893", name, proof)).await.unwrap());
    }
    let held = organisation::keep(&mut tx, &world.user, NOW).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((held.list.len(), held.list[0].name.as_str()), (1, "проверенное"));
    assert_eq!(user::by_id(store.db(), &world.user).await.unwrap().unwrap().organisations, held);
}

#[tokio::test]
async fn what_gosuslugi_tells_of_no_longer_is_vouched_for_no_longer() {
    let (_place, store) = Place::ready().await;
    let world = World::of(&store).await;
    let mut tx = store.begin().await.unwrap();
    let head = one("7707083893", "П", Proof::Esia);
    let own = one("500100732259", "ИП", Proof::Stated);
    organisation::put(&mut tx, &world.user, &own).await.unwrap();
    organisation::put_told(&mut tx, &world.user, &[head.clone(), one("1000000002", "К", Proof::Esia)])
        .await
        .unwrap();
    assert!(organisation::choose(&mut tx, &world.user, &world.client, &head.id).await.unwrap());
    // Dismissed from one, and no longer the head of the other.
    let worker = Organisation {
        relation: Relation::Employee,
        proof_time: NOW.plus(60),
        ..one("7707083893", "П", Proof::Esia)
    };
    organisation::put_told(&mut tx, &world.user, &[worker]).await.unwrap();
    let held = organisation::keep(&mut tx, &world.user, NOW).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(held.list.len(), 2, "{:?}", held.list);
    let chosen = held.of_client(&world.client).unwrap();
    assert_eq!((chosen.relation, chosen.proof_time), (Relation::Employee, NOW.plus(60)));
    assert!(held.list.contains(&own), "what the person stated stays");
}

#[tokio::test]
async fn a_choice_is_of_the_persons_own_and_goes_with_the_organisation_or_the_client() {
    let (place, store) = Place::ready().await;
    let (world, other) = (World::of(&store).await, World::of(&store).await);
    let (first, second) = (one("7707083893", "П", Proof::Stated), one("500100732259", "ИП", Proof::Stated));
    let mut tx = store.begin().await.unwrap();
    for it in [&first, &second] {
        organisation::put(&mut tx, &world.user, it).await.unwrap();
        assert!(organisation::choose(&mut tx, &world.user, &world.client, &it.id).await.unwrap());
    }
    organisation::choose(&mut tx, &world.user, &other.client, &first.id).await.unwrap();
    assert!(!organisation::choose(&mut tx, &other.user, &other.client, &first.id).await.unwrap());
    assert!(!organisation::remove(&mut tx, &other.user, &first.id, Removable::Any).await.unwrap());
    let held = organisation::keep(&mut tx, &world.user, NOW).await.unwrap();
    assert_eq!(held.of_client(&world.client).unwrap().id, second.id);
    assert!(organisation::remove(&mut tx, &world.user, &second.id, Removable::Stated).await.unwrap());
    let held = organisation::keep(&mut tx, &world.user, NOW).await.unwrap();
    assert_eq!((held.list.len(), held.chosen.len()), (1, 1));
    assert!(client::delete(&mut tx, &other.client).await.unwrap());
    assert!(user::delete(&mut tx, &world.user).await.unwrap());
    tx.commit().await.unwrap();
    for table in ["organisations", "organisation_choices"] {
        assert_eq!(place.number(&format!("SELECT COUNT(*) FROM {table}")).await, 0);
    }
}

#[tokio::test]
async fn nobody_has_more_than_fifty() {
    let (_place, store) = Place::ready().await;
    let world = World::of(&store).await;
    let mut tx = store.begin().await.unwrap();
    for i in 0..=50 {
        let mut it = one("7707083893", "П", Proof::Stated);
        it.kpp = Some(format!("{i:04}01001"));
        assert_eq!(organisation::put(&mut tx, &world.user, &it).await.unwrap(), i < 50, "{i}");
    }
    tx.rollback().await.unwrap();
}
