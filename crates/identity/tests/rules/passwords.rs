use kabinet_core::audit::Event;
use kabinet_core::authn::Factor;
use kabinet_identity::{HashingConfig, LoginError, NewAccount, Visit};

use crate::world::{BAD, GOOD, World, browser, config, email, phone, visit};

async fn guess(world: &World, contact: &str, password: &str, visit: &Visit) -> Result<(), LoginError> {
    let contact = if contact.contains('@') { email(contact) } else { phone(contact) };
    world.identity.check_password(&contact, password, visit).await.map(drop)
}

fn from(i: usize) -> Visit {
    browser("one", &format!("10.0.{i}.0/24"))
}

#[tokio::test]
async fn unknown_wrong_and_without_a_password_are_one_answer_at_one_hash_each() {
    let world = World::new().await;
    world.ivan().await;
    world
        .account(NewAccount {
            contacts: vec![phone("+79161234567")],
            ..NewAccount::default()
        })
        .await;
    for contact in ["+79105940899", "ivan@example.test", "+79161234567", "nobody@example.test", "+79990000000"] {
        let (before, statements) = (world.identity.hashes(), world.store.statements_run());
        assert!(matches!(guess(&world, contact, BAD, &visit()).await, Err(LoginError::Wrong)), "{contact}");
        assert_eq!(world.identity.hashes() - before, 1, "{contact}");
        assert_eq!(world.store.statements_run() - statements, 11, "{contact}");
    }
    assert_eq!(world.records(Event::LoginFailed).await, 5);
}

#[tokio::test]
async fn a_password_over_a_kilobyte_is_wrong_before_it_is_hashed() {
    let world = World::new().await;
    world.ivan().await;
    let before = world.identity.hashes();
    for long in ["x".repeat(1025), "и\u{306}".repeat(600), "x".repeat(1 << 20)] {
        assert!(matches!(guess(&world, "+79105940899", &long, &visit()).await, Err(LoginError::Wrong)));
    }
    assert_eq!((world.identity.hashes() - before, world.records(Event::LoginFailed).await), (0, 0));
}

#[tokio::test]
async fn the_right_password_proves_the_person_by_any_contact_and_in_any_normal_form() {
    let world = World::new().await;
    let id = world.ivan().await;
    let proof = world.identity.check_password(&email("ivan@example.test"), GOOD, &visit()).await.unwrap();
    assert_eq!((proof.user_id, proof.factors), (id.clone(), vec![Factor::Pwd]));
    let breve = world
        .account(NewAccount {
            contacts: vec![phone("+79161234567")],
            password: Some("тихий дождь над рекой".into()),
            ..NewAccount::default()
        })
        .await;
    let typed = "тихии\u{306} дождь над рекои\u{306}";
    let proof = world.identity.check_password(&phone("+79161234567"), typed, &visit()).await.unwrap();
    assert_eq!(proof.user_id, breve);
    assert!(matches!(
        guess(&world, "+79105940899", &format!("{GOOD} "), &visit()).await,
        Err(LoginError::Wrong)
    ));
}

#[tokio::test]
async fn after_ten_failures_even_the_right_password_waits_and_costs_nothing() {
    let world = World::new().await;
    world.ivan().await;
    for i in 0..10 {
        // Both contacts, and every address, count for the one account.
        let contact = ["+79105940899", "ivan@example.test"][i % 2];
        assert!(matches!(guess(&world, contact, BAD, &from(i)).await, Err(LoginError::Wrong)), "{i}");
    }
    let before = (world.identity.hashes(), world.records(Event::LoginFailed).await);
    for password in [GOOD, BAD] {
        assert!(matches!(
            guess(&world, "+79105940899", password, &from(99)).await,
            Err(LoginError::Throttled { seconds: 30 })
        ));
    }
    assert_eq!((world.identity.hashes(), world.records(Event::LoginFailed).await), before);
    world.pass(29);
    assert!(matches!(
        guess(&world, "+79105940899", GOOD, &from(99)).await,
        Err(LoginError::Throttled { seconds: 1 })
    ));
    world.pass(1);
    assert!(matches!(guess(&world, "+79105940899", BAD, &from(99)).await, Err(LoginError::Wrong)));
    assert!(matches!(
        guess(&world, "+79105940899", GOOD, &from(99)).await,
        Err(LoginError::Throttled { seconds: 60 })
    ));
    world.pass(60);
    assert!(guess(&world, "+79105940899", GOOD, &from(99)).await.is_ok());
}

#[tokio::test]
async fn an_unknown_contact_waits_in_the_same_way() {
    let world = World::new().await;
    for i in 0..10 {
        assert!(matches!(
            guess(&world, "nobody@example.test", BAD, &from(i)).await,
            Err(LoginError::Wrong)
        ));
    }
    assert!(matches!(
        guess(&world, "nobody@example.test", BAD, &from(10)).await,
        Err(LoginError::Throttled { seconds: 30 })
    ));
    assert!(matches!(
        guess(&world, "somebody@example.test", BAD, &from(10)).await,
        Err(LoginError::Wrong)
    ));
}

#[tokio::test]
async fn a_known_device_passes_while_strangers_wait_and_waits_for_its_own_failures_only() {
    let world = World::new().await;
    world.ivan().await;
    for i in 0..10 {
        drop(guess(&world, "+79105940899", BAD, &from(i)).await);
    }
    assert!(matches!(
        guess(&world, "+79105940899", GOOD, &visit()).await,
        Err(LoginError::Throttled { .. })
    ));
    let known = world.known(&phone("+79105940899")).await;
    assert!(guess(&world, "+79105940899", GOOD, &known).await.is_ok());
    for _ in 0..10 {
        assert!(matches!(guess(&world, "+79105940899", BAD, &known).await, Err(LoginError::Wrong)));
    }
    assert!(matches!(
        guess(&world, "+79105940899", GOOD, &known).await,
        Err(LoginError::Throttled { seconds: 30 })
    ));
}

#[tokio::test]
async fn a_sign_in_forgets_the_failures_of_its_own_kind_of_device_only() {
    let world = World::new().await;
    world.ivan().await;
    for _ in 0..9 {
        drop(guess(&world, "+79105940899", BAD, &visit()).await);
    }
    let known = world.known(&phone("+79105940899")).await;
    let proof = world.proof(&phone("+79105940899")).await;
    world.identity.sign_in(proof.clone(), false, &[], &known).await.unwrap();
    drop(guess(&world, "+79105940899", BAD, &visit()).await);
    assert!(
        matches!(guess(&world, "+79105940899", GOOD, &visit()).await, Err(LoginError::Throttled { .. })),
        "the owner's sign-in gave the guesser no new tries"
    );
    world.identity.sign_in(proof, false, &[], &visit()).await.unwrap();
    assert!(guess(&world, "+79105940899", GOOD, &visit()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_guesses_are_at_most_the_limit_and_the_permits() {
    let world = World::new().await;
    world.ivan().await;
    let before = world.identity.hashes();
    let guesses: Vec<_> = (0..80)
        .map(|i| {
            let identity = world.identity.clone();
            tokio::spawn(async move { identity.check_password(&phone("+79105940899"), BAD, &from(i)).await.is_ok() })
        })
        .collect();
    for guess in guesses {
        assert!(!guess.await.unwrap());
    }
    let hashes = world.identity.hashes() - before;
    assert!((10..=12).contains(&hashes), "{hashes}");
}

#[tokio::test]
async fn a_thousand_patient_guesses_get_a_hundred_and_then_one_a_day() {
    let world = World::new().await;
    world.ivan().await;
    let before = world.identity.hashes();
    for i in 0..1000 {
        drop(guess(&world, "+79105940899", BAD, &browser("one", &format!("10.{}.{}.0/24", i / 250, i % 250))).await);
        world.pass(360);
    }
    // A hundred hours: ten at once, then by doubling waits, then one an hour.
    let hashes = world.identity.hashes() - before;
    assert!((90..=105).contains(&hashes), "{hashes}");
    assert!(
        matches!(guess(&world, "+79105940899", GOOD, &visit()).await, Err(LoginError::Throttled { seconds }) if seconds <= 86_400)
    );
    world.pass(86_400);
    assert!(guess(&world, "+79105940899", GOOD, &visit()).await.is_ok(), "never a lock");
}

#[tokio::test]
async fn a_network_of_strangers_waits_after_many_failures_and_nobody_else_does() {
    let world = World::new().await;
    world.ivan().await;
    for i in 0..60 {
        assert!(
            matches!(guess(&world, &format!("u{i}@example.test"), BAD, &visit()).await, Err(LoginError::Wrong)),
            "{i}"
        );
    }
    assert!(matches!(
        guess(&world, "+79105940899", GOOD, &visit()).await,
        Err(LoginError::Throttled { seconds: 60 })
    ));
    assert!(
        guess(&world, "+79105940899", GOOD, &world.known(&phone("+79105940899")).await)
            .await
            .is_ok()
    );
    assert!(guess(&world, "+79105940899", GOOD, &from(1)).await.is_ok());
}

#[tokio::test]
async fn counters_survive_a_restart_and_hold_on_every_node() {
    let world = World::new().await;
    world.ivan().await;
    for i in 0..10 {
        drop(guess(&world, "+79105940899", BAD, &from(i)).await);
    }
    let node = world.node(config(), 1);
    assert!(matches!(
        node.check_password(&phone("+79105940899"), GOOD, &visit()).await,
        Err(LoginError::Throttled { seconds: 30 })
    ));
}

#[tokio::test]
async fn only_who_knows_its_password_learns_that_an_account_is_disabled() {
    let world = World::new().await;
    let id = world.ivan().await;
    assert!(world.identity.set_disabled(&id, true, &visit().origin).await.unwrap());
    assert!(matches!(guess(&world, "+79105940899", BAD, &visit()).await, Err(LoginError::Wrong)));
    assert!(matches!(guess(&world, "+79105940899", GOOD, &visit()).await, Err(LoginError::Blocked)));
    assert!(world.identity.set_disabled(&id, false, &visit().origin).await.unwrap());
    assert!(guess(&world, "+79105940899", GOOD, &visit()).await.is_ok());
}

#[tokio::test]
async fn a_hash_of_another_cost_is_made_again_once_at_sign_in() {
    let world = World::new().await;
    world.ivan().await;
    let dearer = world.node(
        kabinet_identity::Config {
            hashing: HashingConfig { iterations: 2, ..config().hashing },
            ..config()
        },
        1,
    );
    let contact = phone("+79105940899");
    assert!(dearer.check_password(&contact, BAD, &visit()).await.is_err());
    assert_eq!(world.records(Event::PasswordRehashed).await, 0);
    dearer.check_password(&contact, GOOD, &visit()).await.unwrap();
    assert_eq!((world.records(Event::PasswordRehashed).await, dearer.hashes()), (1, 3));
    dearer.check_password(&contact, GOOD, &visit()).await.unwrap();
    assert_eq!((world.records(Event::PasswordRehashed).await, dearer.hashes()), (1, 4));
}

#[tokio::test]
async fn a_stolen_database_is_of_no_use_under_another_master_key() {
    let world = World::new().await;
    world.ivan().await;
    let thief = world.node(config(), 2);
    assert!(matches!(
        thief.check_password(&phone("+79105940899"), GOOD, &visit()).await,
        Err(LoginError::Wrong)
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_told_to_come_later_instead_of_queueing_for_ever() {
    let world = World::new().await;
    world.ivan().await;
    let hashing = HashingConfig { memory: 8192, permits: Some(1), queue: 2, ..config().hashing };
    let small = world.node(kabinet_identity::Config { hashing, ..config() }, 1);
    let logins: Vec<_> = (0..40)
        .map(|i| {
            let (small, contact) = (small.clone(), email(&format!("u{i}@example.test")));
            tokio::spawn(async move { small.check_password(&contact, BAD, &from(i)).await })
        })
        .collect();
    let mut busy = 0;
    for login in logins {
        match login.await.unwrap() {
            Err(LoginError::Busy { seconds }) if seconds >= 1 => busy += 1,
            Err(LoginError::Wrong) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(busy > 0 && small.hashes() < 40, "{busy} busy");
}
