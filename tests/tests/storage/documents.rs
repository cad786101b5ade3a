//! Legal texts: published once, never changed, in one order however many publish at once.

use std::collections::BTreeSet;

use kabinet_core::audit::Origin;
use kabinet_core::document::{Act, Agreed, Kind, NewDocument};
use kabinet_core::language::Words;
use kabinet_store::change::{self, Kind as Change};
use kabinet_store::document::{self, Agreement, Publication};
use kabinet_store::{Store, user};
use tokio::task::JoinSet;

use crate::place::{Dice, Place};
use crate::world::{NOW, World};

fn new(version: &str, is_minor: bool) -> NewDocument {
    NewDocument {
        brand: "*".to_owned(),
        kind: Kind::Agreement,
        version: version.to_owned(),
        title: Words::new("Соглашение", "Agreement"),
        body: format!("Редакция {version}"),
        is_minor,
    }
}

async fn publish(store: &Store, new: &NewDocument) -> Publication {
    let mut tx = store.begin().await.unwrap();
    change::tell(&mut tx, Change::Document, &["agreement".to_owned()], NOW).await.unwrap();
    let done = document::publish(&mut tx, new, NOW).await.unwrap();
    tx.commit().await.unwrap();
    done
}

#[tokio::test]
async fn a_version_is_published_once_and_another_text_under_its_name_is_refused() {
    let (_place, store) = Place::ready().await;
    assert_eq!(publish(&store, &new("1", true)).await, Publication::NothingBefore);
    let Publication::Done(head) = publish(&store, &new("1", false)).await else {
        panic!()
    };
    assert_eq!(head.edition, 1);
    assert_eq!(publish(&store, &new("1", false)).await, Publication::Before(head));
    let other = NewDocument { body: "иной".to_owned(), ..new("1", false) };
    assert_eq!(publish(&store, &other).await, Publication::Differs);
    let renamed = NewDocument { title: Words::new("Иное", "Other"), ..new("1", false) };
    assert_eq!(publish(&store, &renamed).await, Publication::Differs);
    publish(&store, &new("1.1", true)).await;
    let Publication::Done(third) = publish(&store, &new("2", false)).await else {
        panic!()
    };
    assert_eq!(third.edition, 3);
    let documents = document::published(store.db()).await.unwrap();
    let editions: Vec<_> = documents
        .heads()
        .filter(|head| !head.is_sample())
        .map(|head| (head.version.as_str(), head.edition))
        .collect();
    assert_eq!(editions, [("1", 1), ("1.1", 1), ("2", 3)]);
    assert_eq!(documents.in_force(Kind::Agreement, None).unwrap().body, "Редакция 2");
    let first = document::one(store.db(), Kind::Agreement, "*", "1").await.unwrap().unwrap();
    assert_eq!(first.body, "Редакция 1");
    assert!(document::one(store.db(), Kind::Agreement, "edo", "1").await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn those_who_publish_at_once_come_one_after_the_other() {
    let (_place, store) = Place::ready().await;
    let mut writers = JoinSet::new();
    for version in 0..12 {
        let store = store.clone();
        writers.spawn(async move { publish(&store, &new(&version.to_string(), false)).await });
    }
    let done = writers.join_all().await;
    assert!(done.iter().all(|one| matches!(one, Publication::Done(_))), "{done:?}");
    let documents = document::published(store.db()).await.unwrap();
    let editions: BTreeSet<_> = documents.heads().map(|head| head.edition).collect();
    assert_eq!(editions, (0..=12).collect());
}

#[tokio::test]
async fn records_are_read_as_they_were_written_and_go_with_their_person() {
    let (place, store) = Place::ready().await;
    let world = World::of(&store).await;
    let Publication::Done(head) = publish(&store, &new("1", false)).await else {
        panic!()
    };
    let (text, origin) = (
        head.reference(),
        Origin {
            ip: "192.0.2.1".to_owned(),
            agent: "Browser".to_owned(),
            ..Origin::default()
        },
    );
    let mut tx = store.begin().await.unwrap();
    for (act, at) in [(Act::Given, NOW), (Act::Withdrawn, NOW.plus(5))] {
        let agreement = Agreement {
            text: &text,
            act,
            client: Some(&world.client),
            origin: &origin,
            at,
        };
        document::record(&mut tx, &world.user, &agreement, &Dice).await.unwrap();
    }
    let mut agreed = Agreed::default();
    agreed.put(&text);
    document::set_agreed(&mut tx, &world.user, &agreed).await.unwrap();
    tx.commit().await.unwrap();
    let records = document::of_user(store.db(), &world.user).await.unwrap();
    assert_eq!(records.iter().map(|record| record.act).collect::<Vec<_>>(), [Act::Withdrawn, Act::Given]);
    assert_eq!((&records[1].text, records[1].client.as_ref()), (&text, Some(&world.client)));
    let person = user::by_id(store.db(), &world.user).await.unwrap().unwrap();
    assert_eq!(person.agreed, Some(agreed));
    let mut tx = store.begin().await.unwrap();
    assert!(user::delete(&mut tx, &world.user).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(place.number("SELECT COUNT(*) FROM document_consents").await, 0);
    assert_eq!(place.number("SELECT COUNT(*) FROM documents").await, 1);
}

#[tokio::test]
async fn a_record_of_the_version_before_reads_as_given_for_every_brand() {
    let (place, store) = Place::ready().await;
    let world = World::of(&store).await;
    let insert = format!(
        "INSERT INTO document_consents (id, user_id, document, version, sha256, given_at, ip, agent) \
         VALUES ('r', '{}', 'agreement', '1', 'ab', 7, '', '')",
        world.user
    );
    place.run(&insert).await;
    let records = document::of_user(store.db(), &world.user).await.unwrap();
    assert_eq!((records[0].text.brand.as_str(), records[0].act), ("*", Act::Given));
}
