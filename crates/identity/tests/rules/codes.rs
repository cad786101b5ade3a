use kabinet_identity::{CodeError, Confirmed, Purpose, RegisterError};

use crate::world::{World, browser, email, other, phone, registration, visit};

#[tokio::test]
async fn five_wrong_codes_spend_the_right_one_as_well() {
    let world = World::new().await;
    let id = world.begin(&phone("+79105940899"), &visit()).await;
    let code = world.last().await.code;
    for left in (0..5).rev() {
        let said = world.identity.confirm(Purpose::Register, &id, &other(&code), &visit()).await;
        assert!(matches!(said, Err(CodeError::Wrong { left: said }) if said == left), "{said:?}");
    }
    assert!(matches!(
        world.identity.confirm(Purpose::Register, &id, &code, &visit()).await,
        Err(CodeError::Spent)
    ));
    assert_eq!(
        (
            world.people().await,
            world
                .identity
                .confirmation(Purpose::Register, &id, &visit())
                .await
                .unwrap()
                .unwrap()
                .attempts_left
        ),
        (0, 0)
    );
}

#[tokio::test]
async fn the_fifth_try_may_still_be_the_right_one_and_spaces_do_not_matter() {
    let world = World::new().await;
    let id = world.begin(&phone("+79105940899"), &visit()).await;
    let code = world.last().await.code;
    for _ in 0..4 {
        drop(world.identity.confirm(Purpose::Register, &id, "", &visit()).await);
    }
    let typed = format!(" {} {}\n", &code[..3], &code[3..]);
    assert!(matches!(
        world.identity.confirm(Purpose::Register, &id, &typed, &visit()).await,
        Ok(Confirmed::Registered(..))
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_guesses_get_no_more_tries_than_there_are() {
    let world = World::new().await;
    let id = world.begin(&phone("+79105940899"), &visit()).await;
    let code = world.last().await.code;
    let guesses: Vec<_> = (0..30)
        .map(|_| {
            let (identity, id, code) = (world.identity.clone(), id.clone(), other(&code));
            tokio::spawn(async move {
                matches!(
                    identity.confirm(Purpose::Register, &id, &code, &visit()).await,
                    Err(CodeError::Wrong { .. })
                )
            })
        })
        .collect();
    let mut tried = 0;
    for guess in guesses {
        tried += i32::from(guess.await.unwrap());
    }
    assert_eq!(tried, 5);
}

#[tokio::test]
async fn another_browser_sees_nothing_and_spends_no_try() {
    let world = World::new().await;
    let id = world.begin(&phone("+79105940899"), &visit()).await;
    let (code, stranger) = (world.last().await.code, browser("two", "192.0.2.0/24"));
    world.pass(60);
    assert_eq!(world.identity.confirmation(Purpose::Register, &id, &stranger).await.unwrap(), None);
    assert!(matches!(
        world.identity.confirm(Purpose::Register, &id, &code, &stranger).await,
        Err(CodeError::Unknown)
    ));
    assert!(matches!(
        world.identity.resend(Purpose::Register, &id, &stranger).await,
        Err(CodeError::Unknown)
    ));
    assert!(matches!(
        world.identity.confirm(Purpose::Register, &"nothing".into(), &code, &visit()).await,
        Err(CodeError::Unknown)
    ));
    let shown = world.identity.confirmation(Purpose::Register, &id, &visit()).await.unwrap().unwrap();
    assert_eq!((shown.attempts_left, shown.purpose, world.sent().await.len()), (5, Purpose::Register, 1));
}

#[tokio::test]
async fn a_code_of_one_confirmation_is_wrong_for_another() {
    let world = World::new().await;
    let first = world.begin(&phone("+79105940899"), &visit()).await;
    let code = world.last().await.code;
    let second = world.begin(&phone("+79161234567"), &visit()).await;
    assert_ne!(world.last().await.code, code);
    assert!(matches!(
        world.identity.confirm(Purpose::Register, &second, &code, &visit()).await,
        Err(CodeError::Wrong { left: 4 })
    ));
    assert!(world.identity.confirm(Purpose::Register, &first, &code, &visit()).await.is_ok());
}

#[tokio::test]
async fn a_code_lives_five_minutes_by_sms_and_ten_by_mail() {
    let world = World::new().await;
    for (contact, life) in [(phone("+79105940899"), 300), (email("ivan@example.test"), 600)] {
        let id = world.begin(&contact, &visit()).await;
        let code = world.last().await.code;
        world.pass(life - 1);
        assert!(
            !world
                .identity
                .confirmation(Purpose::Register, &id, &visit())
                .await
                .unwrap()
                .unwrap()
                .expired
        );
        world.pass(1);
        assert!(
            world
                .identity
                .confirmation(Purpose::Register, &id, &visit())
                .await
                .unwrap()
                .unwrap()
                .expired
        );
        assert!(matches!(
            world.identity.confirm(Purpose::Register, &id, &code, &visit()).await,
            Err(CodeError::Expired)
        ));
        world.identity.resend(Purpose::Register, &id, &visit()).await.unwrap();
        assert!(matches!(
            world.identity.confirm(Purpose::Register, &id, &code, &visit()).await,
            Err(CodeError::Wrong { left: 4 })
        ));
        assert!(matches!(
            world.identity.confirm(Purpose::Register, &id, &world.last().await.code, &visit()).await,
            Ok(Confirmed::Registered(..))
        ));
    }
}

#[tokio::test]
async fn another_code_may_be_sent_after_one_two_and_five_minutes_and_five_times_an_hour() {
    let world = World::new().await;
    let contact = phone("+79105940899");
    let id = world.begin(&contact, &visit()).await;
    for wait in [60, 120, 300, 300] {
        world.pass(wait - 1);
        assert!(
            matches!(
                world.identity.resend(Purpose::Register, &id, &visit()).await,
                Err(CodeError::Wait { seconds: 1 })
            ),
            "{wait}"
        );
        assert_eq!(
            world
                .identity
                .confirmation(Purpose::Register, &id, &visit())
                .await
                .unwrap()
                .unwrap()
                .resend_in,
            1
        );
        world.pass(1);
        world.identity.resend(Purpose::Register, &id, &visit()).await.unwrap();
        world.identity.deliver_due().await.unwrap();
    }
    let code = world.last().await.code;
    world.pass(300);
    assert!(
        matches!(world.identity.resend(Purpose::Register, &id, &visit()).await, Err(CodeError::Limited { seconds }) if seconds == 3600 - 1080)
    );
    // Whoever asks: the limit is the contact's. Another contact has its own.
    let elsewhere = browser("two", "198.51.100.0/24");
    let said = world.identity.begin_registration(registration(&contact), &elsewhere).await;
    assert!(matches!(said, Err(RegisterError::Limited { seconds: 2520 })), "{said:?}");
    assert_eq!(world.sent().await.len(), 5);
    world.begin(&phone("+79161234567"), &visit()).await;
    // What was refused has not replaced the code; it has only grown old.
    assert!(matches!(
        world.identity.confirm(Purpose::Register, &id, &code, &visit()).await,
        Err(CodeError::Expired)
    ));
}

#[tokio::test]
async fn a_contact_gets_ten_codes_a_day() {
    let world = World::new().await;
    let contact = phone("+79105940899");
    for _ in 0..10 {
        world.begin(&contact, &visit()).await;
        world.pass(1200);
    }
    let said = world.identity.begin_registration(registration(&contact), &visit()).await;
    assert!(
        matches!(said, Err(RegisterError::Limited { seconds }) if seconds == 86_400 - 12_000),
        "{said:?}"
    );
    world.pass(86_400 - 12_000);
    world.begin(&contact, &visit()).await;
}

#[tokio::test]
async fn a_network_gets_so_many_codes_an_hour() {
    let world = World::new().await;
    for i in 0..200 {
        world.begin(&email(&format!("u{i}@example.test")), &visit()).await;
    }
    let said = world
        .identity
        .begin_registration(registration(&email("last@example.test")), &visit())
        .await;
    assert!(matches!(said, Err(RegisterError::Limited { seconds: 3600 })));
    world.begin(&email("last@example.test"), &browser("one", "198.51.100.0/24")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_double_press_of_resend_sends_one_code() {
    let world = World::new().await;
    let id = world.begin(&phone("+79105940899"), &visit()).await;
    world.pass(60);
    let presses: Vec<_> = (0..6)
        .map(|_| {
            let (identity, id) = (world.identity.clone(), id.clone());
            tokio::spawn(async move { identity.resend(Purpose::Register, &id, &visit()).await })
        })
        .collect();
    for press in presses {
        assert!(matches!(press.await.unwrap(), Ok(()) | Err(CodeError::Wait { seconds: 120 })));
    }
    assert_eq!(world.sent().await.len(), 2);
    assert!(
        world
            .identity
            .confirm(Purpose::Register, &id, &world.last().await.code, &visit())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_confirmed_code_is_spent_and_its_page_gone() {
    let world = World::new().await;
    let id = world.begin(&phone("+79105940899"), &visit()).await;
    let code = world.last().await.code;
    world.identity.confirm(Purpose::Register, &id, &code, &visit()).await.unwrap();
    assert!(matches!(
        world.identity.confirm(Purpose::Register, &id, &code, &visit()).await,
        Err(CodeError::Spent)
    ));
    world.pass(60);
    assert!(matches!(
        world.identity.resend(Purpose::Register, &id, &visit()).await,
        Err(CodeError::Spent)
    ));
    assert_eq!(world.identity.confirmation(Purpose::Register, &id, &visit()).await.unwrap(), None);
}
