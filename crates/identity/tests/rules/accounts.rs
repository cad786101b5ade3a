use kabinet_core::audit::{Event, Origin};
use kabinet_identity::{AccountError, NewAccount};
use kabinet_store::{change, user};
use serde_json::json;

use crate::world::{GOOD, World, email, phone, visit};

#[tokio::test]
async fn an_account_is_made_with_confirmed_contacts_and_claims_or_not_at_all() {
    let world = World::new().await;
    let with = |contacts, password: &str, claims: serde_json::Value| NewAccount {
        contacts,
        password: Some(password.into()),
        claims: claims.as_object().unwrap().clone(),
        role: None,
    };
    let id = world
        .account(with(vec![phone("+79105940899")], GOOD, json!({"name": "Иван Петров"})))
        .await;
    let person = user::by_id(world.store.db(), &id).await.unwrap().unwrap();
    assert_eq!(
        (person.display_name(), person.phone.unwrap().verified_at),
        ("Иван Петров".to_owned(), Some(world.now()))
    );
    let origin = Origin::default();
    let refused = async |new| world.identity.create_user(new, &origin).await.unwrap_err();
    assert!(matches!(refused(with(vec![], GOOD, json!({}))).await, AccountError::NoContact));
    assert!(matches!(
        refused(with(vec![phone("+79161234567")], "qwerty123456", json!({}))).await,
        AccountError::Password(_)
    ));
    assert!(matches!(
        refused(with(vec![phone("+79161234567")], GOOD, json!({"sub": "x"}))).await,
        AccountError::Claim(_)
    ));
    let taken = vec![email("ivan@example.test"), phone("+79105940899")];
    assert!(matches!(refused(with(taken, GOOD, json!({}))).await, AccountError::Taken("phone")));
    assert_eq!((world.people().await, world.records(Event::UserCreated).await), (1, 1));
    assert!(user::by_contact(world.store.db(), &email("ivan@example.test")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_deleted_account_is_gone_and_its_contact_free_for_somebody_with_another_subject() {
    let world = World::new().await;
    let contact = phone("+79105940899");
    let first = world.register(&contact).await.user_id;
    assert!(world.identity.delete_user(&first, &Origin::default()).await.unwrap());
    assert!(!world.identity.delete_user(&first, &Origin::default()).await.unwrap());
    assert!(world.identity.check_password(&contact, GOOD, &visit()).await.is_err());
    let second = world.register(&contact).await.user_id;
    assert_ne!(first, second);
    assert_eq!(world.records(Event::UserDeleted).await, 1);
}

#[tokio::test]
async fn disabling_is_told_to_every_node_once() {
    let world = World::new().await;
    let ivan = world.ivan().await;
    assert!(world.identity.set_disabled(&ivan, true, &Origin::default()).await.unwrap());
    assert!(!world.identity.set_disabled(&ivan, true, &Origin::default()).await.unwrap());
    assert!(!world.identity.set_disabled(&"nobody".into(), true, &Origin::default()).await.unwrap());
    let (_, changes) = change::since(world.store.db(), 0).await.unwrap();
    assert_eq!(
        changes.iter().filter(|c| c.kind == change::Kind::User && c.what == ivan.as_str()).count(),
        1
    );
    assert_eq!(world.records(Event::UserDisabled).await, 1);
}
