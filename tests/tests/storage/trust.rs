//! The trust of sign-in by certificate: imports replace each other, one node fetches, a list replaces what it was compared with.

use kabinet_core::time::Timestamp;
use kabinet_store::trust::{self, Authority, Imported, List, Role, Source, Told};
use kabinet_store::{Store, Tx};
use tokio::task::JoinSet;

use crate::place::Place;
use crate::world::NOW;

fn authority(thumbprint: &str, source: Source) -> Authority {
    Authority {
        thumbprint: thumbprint.to_owned(),
        role: Role::Intermediate,
        source,
        certificate: "MAA=".to_owned(),
        status: (source == Source::List).then(|| "Действует".to_owned()),
        addresses: vec![format!("http://crl.test/{thumbprint}")],
        added_at: NOW,
    }
}

fn imported(version: &str) -> Imported {
    Imported {
        source: "https://list.test".to_owned(),
        version: Some(version.to_owned()),
        kept: 2,
        dropped: 1,
        at: NOW,
    }
}

fn list(digest: &str, this_update: i64) -> List {
    List {
        series: "s".to_owned(),
        issuer: "Проба".to_owned(),
        digest: digest.to_owned(),
        number: Some("0a".to_owned()),
        this_update: NOW.plus(this_update),
        next_update: NOW.plus(this_update + 10),
        entries: 3,
        bytes: 4,
        stored_at: NOW,
    }
}

async fn standing(store: &Store) -> Vec<(String, Source, bool)> {
    let rows = trust::authorities(store.db()).await.unwrap();
    let mut rows: Vec<_> = rows.into_iter().map(|row| (row.thumbprint, row.source, row.status.is_some())).collect();
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    rows
}

async fn committed(store: &Store, run: impl AsyncFnOnce(&mut Tx)) {
    let mut tx = store.begin().await.unwrap();
    run(&mut tx).await;
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn an_import_takes_the_place_of_the_one_before_and_touches_nothing_of_the_operators() {
    let (_place, store) = Place::ready().await;
    committed(&store, async |tx| {
        for (thumbprint, source) in [("own", Source::Operator), ("both", Source::Operator), ("met", Source::Signature)]
        {
            assert!(trust::learn_authority(tx, &authority(thumbprint, source)).await.unwrap());
            assert!(!trust::learn_authority(tx, &authority(thumbprint, Source::List)).await.unwrap());
        }
        let listed = ["both", "met", "first"].map(|one| authority(one, Source::List));
        trust::import(tx, &listed, &imported("1")).await.unwrap();
    })
    .await;
    let all = [("both", Source::Operator, true), ("first", Source::List, true), ("met", Source::List, true)];
    let of = |rows: &[(&str, Source, bool)]| -> Vec<(String, Source, bool)> {
        rows.iter().map(|(name, source, listed)| ((*name).to_owned(), *source, *listed)).collect()
    };
    assert_eq!(standing(&store).await, of(&[&all[..], &[("own", Source::Operator, false)]].concat()));
    let rows = trust::authorities(store.db()).await.unwrap();
    let own = rows.iter().find(|row| row.thumbprint == "own").unwrap();
    assert!(own.addresses.is_empty(), "what no list says any more is forgotten");

    committed(&store, async |tx| {
        trust::import(tx, &[authority("second", Source::List)], &imported("2")).await.unwrap();
    })
    .await;
    let after = [("both", Source::Operator, false), ("own", Source::Operator, false), ("second", Source::List, true)];
    assert_eq!(standing(&store).await, of(&after));
    assert_eq!(trust::imported(store.db()).await.unwrap(), Some(imported("2")));

    // The operator's word goes before everything else.
    committed(&store, async |tx| {
        let anchor = Authority { role: Role::Anchor, ..authority("second", Source::Operator) };
        trust::put_authority(tx, &anchor).await.unwrap();
        assert!(trust::delete_authority(tx, "own").await.unwrap());
        assert!(!trust::delete_authority(tx, "own").await.unwrap());
    })
    .await;
    let rows = trust::authorities(store.db()).await.unwrap();
    let second = rows.iter().find(|row| row.thumbprint == "second").unwrap();
    assert_eq!((second.role, second.source, rows.len()), (Role::Anchor, Source::Operator, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_gets_the_lease_of_an_address_and_only_when_it_is_its_turn() {
    let (_place, store) = Place::ready().await;
    const ADDRESS: &str = "http://crl.test/a";
    committed(&store, async |tx| trust::put_address(tx, ADDRESS, Told::Signature, NOW).await.unwrap()).await;
    let claim = async |store: &Store, now: Timestamp| {
        let mut tx = store.begin().await.unwrap();
        let claimed = trust::claim(&mut tx, ADDRESS, now, now.plus(60)).await.unwrap();
        tx.commit().await.unwrap();
        claimed
    };
    assert_eq!(claim(&store, NOW.plus(-1)).await, None, "it is not its turn");
    let mut nodes = JoinSet::new();
    for _ in 0..12 {
        let store = store.clone();
        nodes.spawn(async move {
            let mut tx = store.begin().await.unwrap();
            let claimed = trust::claim(&mut tx, ADDRESS, NOW, NOW.plus(60)).await.unwrap();
            tx.commit().await.unwrap();
            claimed
        });
    }
    let winners: Vec<i64> = nodes.join_all().await.into_iter().flatten().collect();
    assert_eq!(winners, [0]);
    assert_eq!(trust::due(store.db(), NOW.plus(59), 10).await.unwrap(), Vec::<String>::new());
    // Whoever had it is gone; the next one fails.
    assert_eq!(claim(&store, NOW.plus(60)).await, Some(0));
    committed(&store, async |tx| trust::failed(tx, ADDRESS, "no answer", NOW.plus(120)).await.unwrap()).await;
    assert_eq!(claim(&store, NOW.plus(119)).await, None);
    let row = trust::address(store.db(), ADDRESS).await.unwrap().unwrap();
    assert_eq!(
        (row.failure.as_deref(), row.failures, row.leased_until),
        (Some("no answer"), 1, Timestamp(0))
    );
    assert_eq!(claim(&store, NOW.plus(120)).await, Some(1));
    committed(&store, async |tx| {
        trust::succeeded(tx, ADDRESS, "s", NOW.plus(121), NOW.plus(500)).await.unwrap();
        trust::put_address(tx, ADDRESS, Told::Authority, NOW).await.unwrap();
    })
    .await;
    let row = trust::address(store.db(), ADDRESS).await.unwrap().unwrap();
    assert_eq!((row.failure, row.failures, row.series.as_deref()), (None, 0, Some("s")));
    assert_eq!(
        (row.fetched_at, row.next_at, row.told),
        (Some(NOW.plus(121)), NOW.plus(500), Told::Signature)
    );
}

#[tokio::test]
async fn addresses_of_one_series_wait_for_each_other_and_lists_go_with_the_last_of_them() {
    let (_place, store) = Place::ready().await;
    committed(&store, async |tx| {
        for address in ["http://a.test/", "http://b.test/", "http://c.test/"] {
            trust::put_address(tx, address, Told::Authority, NOW).await.unwrap();
        }
        trust::succeeded(tx, "http://b.test/", "s", NOW, NOW.plus(5)).await.unwrap();
        trust::succeeded(tx, "http://a.test/", "s", NOW, NOW.plus(50)).await.unwrap();
        assert!(trust::put_list(tx, &list("d", 0), "MAA=", None).await.unwrap());
    })
    .await;
    assert_eq!(trust::due(store.db(), NOW.plus(49), 10).await.unwrap(), ["http://c.test/"]);
    assert_eq!(trust::due(store.db(), NOW.plus(50), 1).await.unwrap(), ["http://c.test/"]);
    assert_eq!(trust::due(store.db(), NOW.plus(50), 10).await.unwrap().len(), 3);
    committed(&store, async |tx| trust::hurry(tx, NOW).await.unwrap()).await;
    assert_eq!(trust::due(store.db(), NOW, 10).await.unwrap().len(), 3);
    for (address, gone) in [("http://a.test/", 0), ("http://c.test/", 0), ("http://b.test/", 1)] {
        committed(&store, async |tx| {
            trust::delete_address(tx, address).await.unwrap();
            assert_eq!(trust::delete_lost_lists(tx).await.unwrap(), gone);
        })
        .await;
    }
    assert!(trust::lists(store.db()).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_list_replaces_the_one_that_it_was_compared_with_and_no_other() {
    let (_place, store) = Place::ready().await;
    let put = async |new: List, old: Option<&str>| {
        let mut tx = store.begin().await.unwrap();
        let data = format!("data of {}", new.digest);
        let stored = trust::put_list(&mut tx, &new, &data, old).await.unwrap();
        tx.commit().await.unwrap();
        stored
    };
    assert!(put(list("one", 0), None).await);
    assert!(!put(list("two", 1), None).await, "somebody was first");
    assert!(!put(list("two", 1), Some("none")).await);
    assert!(put(list("two", 1), Some("one")).await);
    assert_eq!(trust::lists(store.db()).await.unwrap(), [list("two", 1)]);
    let mut tx = store.begin().await.unwrap();
    assert_eq!(trust::list_in(&mut tx, "s").await.unwrap(), Some(list("two", 1)));
    assert_eq!(trust::list_in(&mut tx, "t").await.unwrap(), None);
    tx.rollback().await.unwrap();
    let data = trust::data(store.db(), "s").await.unwrap();
    assert_eq!(data, Some(("two".to_owned(), "data of two".to_owned())));

    let mut nodes = JoinSet::new();
    for node in 0..8 {
        let store = store.clone();
        nodes.spawn(async move {
            let mut tx = store.begin().await.unwrap();
            let stored = trust::put_list(&mut tx, &list(&format!("n{node}"), 2), "", Some("two")).await.unwrap();
            tx.commit().await.unwrap();
            stored
        });
    }
    assert_eq!(nodes.join_all().await.into_iter().filter(|stored| *stored).count(), 1);
}
