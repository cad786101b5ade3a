//! Saved brands: a version for each change, nothing lost to a row that cannot be read.

use kabinet_core::brand::{Brand, Brands};
use kabinet_core::language::Words;
use kabinet_store::brand;
use tokio::task::JoinSet;

use crate::place::Place;
use crate::world::NOW;

fn named(name: &str, heading: &str) -> Brand {
    Brand {
        name: name.to_owned(),
        heading: Words::new(heading, heading),
        ..Brands::built_in().find(None).clone()
    }
}

#[tokio::test]
async fn a_brand_comes_back_as_it_was_saved_and_its_version_grows() {
    let (_place, store) = Place::ready().await;
    for (version, heading) in [(1, "один"), (2, "два \" ' \\ 😀")] {
        let mut tx = store.begin().await.unwrap();
        assert_eq!(brand::put(&mut tx, &named("b", heading), NOW.plus(version)).await.unwrap(), version);
        assert_eq!(brand::put(&mut tx, &named(&format!("a{version}"), heading), NOW).await.unwrap(), 1);
        tx.commit().await.unwrap();
    }
    let kept = brand::every(store.db()).await.unwrap();
    assert_eq!(kept.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["a1", "a2", "b"]);
    let last = &kept[2];
    assert_eq!((last.version, last.updated_at), (2, NOW.plus(2)));
    assert_eq!(*last.brand.as_ref().unwrap(), named("b", "два \" ' \\ 😀"));
    let mut tx = store.begin().await.unwrap();
    assert!(brand::delete(&mut tx, "b").await.unwrap());
    assert!(!brand::delete(&mut tx, "b").await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(brand::every(store.db()).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_one_of_parallel_changes_has_a_version_of_its_own() {
    let (_place, store) = Place::ready().await;
    let mut writers = JoinSet::new();
    for writer in 0..12 {
        let store = store.clone();
        writers.spawn(async move {
            let mut tx = store.begin().await.unwrap();
            let version = brand::put(&mut tx, &named("b", &writer.to_string()), NOW).await.unwrap();
            tx.commit().await.unwrap();
            version
        });
    }
    let mut versions = writers.join_all().await;
    versions.sort_unstable();
    assert_eq!(versions, (1..=12).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_row_that_another_release_wrote_spoils_no_other() {
    let (place, store) = Place::ready().await;
    let mut tx = store.begin().await.unwrap();
    brand::put(&mut tx, &named("good", "x"), NOW).await.unwrap();
    tx.commit().await.unwrap();
    for data in ["{}", "not JSON", r##"{"colour":"#000000","hologram":true}"##] {
        place.run("DELETE FROM brands WHERE name = 'bad'").await;
        let insert = format!("INSERT INTO brands (name, data, version, updated_at) VALUES ('bad', '{data}', 1, 1)");
        place.run(&insert).await;
        let kept = brand::every(store.db()).await.unwrap();
        assert!(kept[0].brand.is_err() && kept[1].brand.is_ok(), "{data}");
    }
}
