//! Ways to other providers and the links that come of them.

use kabinet_core::id::{AttemptId, LinkId, UserId};
use kabinet_core::secret::TokenHash;
use kabinet_store::upstream::{self, Attempt, Link};
use kabinet_store::user::{self, NewUser};
use kabinet_store::{Error, Store};

use crate::place::{Dice, Place};
use crate::world::{NOW, World};

fn binding() -> TokenHash {
    TokenHash::of("browser")
}

async fn begun(store: &Store, state: &str) -> AttemptId {
    let id = AttemptId::generate(NOW, &Dice);
    let attempt = Attempt {
        id: id.clone(),
        upstream: "there".to_owned(),
        purpose: "sign-in".to_owned(),
        binding: binding(),
        data: "sealed".to_owned(),
        expires_at: NOW.plus(600),
        used_at: None,
    };
    let mut tx = store.begin().await.unwrap();
    upstream::begin(&mut tx, &attempt, &TokenHash::of(state), NOW.plus(4200)).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn spend(store: &Store, (state, name, browser): (&str, &str, &str), at: i64) -> bool {
    let mut tx = store.begin().await.unwrap();
    let which = (&TokenHash::of(state), name, &TokenHash::of(browser));
    let spent = upstream::spend(&mut tx, which, NOW.plus(at)).await.unwrap();
    tx.commit().await.unwrap();
    spent.is_some()
}

#[tokio::test]
async fn an_attempt_is_spent_once_by_its_browser_for_its_provider_and_in_time() {
    let (_place, store) = Place::ready().await;
    let id = begun(&store, "state").await;
    for which in [("another", "there", "browser"), ("state", "elsewhere", "browser"), ("state", "there", "another")] {
        assert!(!spend(&store, which, 1).await, "{which:?}");
    }
    let own = ("state", "there", "browser");
    assert!(!spend(&store, own, 600).await, "too late");
    // What came back waits under the id, and serves once.
    let mut tx = store.begin().await.unwrap();
    assert!(!upstream::forget(&mut tx, &id).await.unwrap(), "nobody has come back yet");
    tx.commit().await.unwrap();
    let all: Vec<bool> = futures_util::future::join_all((0..20).map(|_| spend(&store, own, 1))).await;
    assert_eq!(all.iter().filter(|won| **won).count(), 1);
    let mut tx = store.begin().await.unwrap();
    upstream::arrived(&mut tx, &id, "who came", NOW.plus(900)).await.unwrap();
    tx.commit().await.unwrap();
    let kept = upstream::attempt(store.db(), &id, NOW.plus(899)).await.unwrap().unwrap();
    assert_eq!((kept.data.as_str(), kept.used_at), ("who came", Some(NOW.plus(1))));
    assert_eq!(upstream::attempt(store.db(), &id, NOW.plus(900)).await.unwrap(), None);
    for serves in [true, false] {
        let mut tx = store.begin().await.unwrap();
        assert_eq!(upstream::forget(&mut tx, &id).await.unwrap(), serves);
        tx.commit().await.unwrap();
    }
}

fn link_of(user: &UserId, subject: &str, other_id: Option<&str>) -> Link {
    Link {
        id: LinkId::generate(NOW, &Dice),
        user_id: user.clone(),
        upstream: "there".to_owned(),
        subject: subject.to_owned(),
        other_id: other_id.map(str::to_owned),
        person: "sealed".to_owned(),
        linked_at: NOW,
        used_at: None,
    }
}

async fn link(store: &Store, new: &Link) -> Result<(), Error> {
    let mut tx = store.begin().await.unwrap();
    upstream::link(&mut tx, new).await?;
    tx.commit().await
}

#[tokio::test]
async fn an_identity_belongs_to_one_account_by_either_of_its_names_and_goes_with_it() {
    let (_place, store) = Place::ready().await;
    let (anna, boris) = (World::of(&store).await.user, UserId::generate(&Dice));
    let mut tx = store.begin().await.unwrap();
    let new = NewUser {
        id: boris.clone(),
        claims: serde_json::Map::new(),
        role: None,
        contacts: Vec::new(),
        created_at: NOW,
    };
    user::insert(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    link(&store, &link_of(&anna, "s1", Some("1"))).await.unwrap();
    for taken in [link_of(&boris, "s1", None), link_of(&boris, "s2", Some("1")), link_of(&anna, "s1", Some("2"))] {
        assert!(matches!(link(&store, &taken).await, Err(Error::Taken("upstream"))), "{taken:?}");
    }
    // Without a second name there is nothing to share; at another provider the same name is somebody else.
    link(&store, &link_of(&boris, "s3", None)).await.unwrap();
    link(&store, &link_of(&boris, "s4", None)).await.unwrap();
    link(
        &store,
        &Link {
            upstream: "elsewhere".to_owned(),
            ..link_of(&boris, "s1", Some("1"))
        },
    )
    .await
    .unwrap();
    let found = async |subject, other| upstream::find(store.db(), "there", (subject, other)).await.unwrap().len();
    assert_eq!(
        (found("s1", None).await, found("x", Some("1")).await, found("s3", Some("1")).await),
        (1, 1, 2)
    );
    assert_eq!(found("1", None).await, 0);
    let own = upstream::of_user(store.db(), &anna).await.unwrap();
    let mut tx = store.begin().await.unwrap();
    assert!(!upstream::unlink(&mut tx, &boris, &own[0].id).await.unwrap(), "it is not his");
    assert!(user::delete(&mut tx, &anna).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(found("s1", Some("1")).await, 0);
    assert_eq!(
        upstream::count(store.db()).await.unwrap(),
        [("elsewhere".to_owned(), 1), ("there".to_owned(), 2)]
    );
}
