//! What people allow: nothing that was allowed is lost by what is allowed at the same instant.

use std::sync::Arc;

use kabinet_core::decision::GivenConsent;
use kabinet_core::scope::Scope;
use kabinet_store::consent;
use tokio::sync::Barrier;

use crate::place::Place;
use crate::world::{NOW, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_allowances_at_once_none_is_lost() {
    let (_place, store) = Place::ready().await;
    let world = World::of(&store).await;
    let scopes = ["openid profile", "openid email", "openid phone", "openid address"];
    let begin = Arc::new(Barrier::new(scopes.len()));
    let tasks = scopes.map(|scope| {
        let (store, begin) = (store.clone(), begin.clone());
        let (user_id, client) = (world.user.clone(), world.client.clone());
        let scope = Scope::parse(scope).unwrap();
        tokio::spawn(async move {
            begin.wait().await;
            let given = GivenConsent { user_id, scope, flow: None };
            let mut tx = store.begin().await.unwrap();
            let allowed = consent::put(&mut tx, &given, &client, NOW).await.unwrap();
            tx.commit().await.unwrap();
            assert!(given.scope.iter().all(|one| allowed.has(one)), "{allowed}");
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
    let given = consent::of_browser(store.db(), &world.client, std::slice::from_ref(&world.user))
        .await
        .unwrap();
    assert_eq!(given.len(), 1);
    assert_eq!(given[0].scope, Scope::parse("openid profile email phone address").unwrap());
}
