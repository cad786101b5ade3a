use kabinet_core::audit::Event;
use kabinet_core::authn::Factor;
use kabinet_core::password::BadPassword;
use kabinet_core::secret::Secret;
use kabinet_identity::{By, CodeError, Confirmed, Purpose, RegisterError, Registration};
use kabinet_store::{document, user};

use crate::world::{GOOD, World, browser, email, phone, registration, visit};

#[tokio::test]
async fn nothing_is_an_account_until_the_code_is_entered_and_then_everything_is() {
    let world = World::new().await;
    let contact = phone("8 910 594-08-99");
    let id = world.begin(&contact, &visit()).await;
    let sent = world.last().await;
    assert_eq!(
        (world.people().await, sent.channel, sent.to.as_str(), sent.purpose),
        (0, "sms", "+79105940899", "register")
    );
    assert_eq!(
        sent.text,
        format!(
            "Код {0}, чтобы создать аккаунт и войти в Личный кабинет. Никому его не сообщайте.\n@id.example.test #{0}",
            sent.code
        )
    );
    assert!(sent.code.len() == 6 && sent.code.bytes().all(|b| b.is_ascii_digit()));
    let Confirmed::Registered(proof, to) =
        world.identity.confirm(Purpose::Register, &id, &sent.code, &visit()).await.unwrap()
    else {
        panic!()
    };
    assert_eq!((to, proof.factors.clone()), (contact.clone(), vec![Factor::Pwd, Factor::Otp]));
    let person = user::by_contact(world.store.db(), &contact).await.unwrap().unwrap();
    assert_eq!((&person.id, person.phone.unwrap().verified_at), (&proof.user_id, Some(world.now())));
    assert_eq!(person.agreed.unwrap().to_string(), "personal-data-consent:1");
    let agreed = document::of_user(world.store.db(), &proof.user_id).await.unwrap();
    assert_eq!((agreed.len(), agreed[0].text.document.as_str()), (1, "personal-data-consent"));
    for event in [Event::UserRegistered, Event::ContactConfirmed, Event::DocumentAccepted] {
        assert_eq!(world.records(event).await, 1, "{event:?}");
    }
    assert_eq!(
        world.identity.check_password(&contact, GOOD, &visit()).await.unwrap().user_id,
        proof.user_id
    );
}

#[tokio::test]
async fn neither_code_nor_password_nor_its_hash_stands_in_the_database_while_the_code_is_on_its_way() {
    let world = World::new().await;
    world.begin(&phone("+79105940899"), &visit()).await;
    assert!(world.holds("register"), "the row is there");
    for secret in [GOOD, "argon2id", "personal-data-consent"] {
        assert!(!world.holds(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_mail_has_no_line_for_browsers() {
    let world = World::new().await;
    world.begin(&email("ivan@example.test"), &visit()).await;
    let sent = world.last().await;
    assert_eq!((sent.channel, sent.text.lines().count()), ("email", 1));
}

#[tokio::test]
async fn a_bad_password_sends_nothing_and_costs_nothing() {
    let world = World::new().await;
    let with = |password: &str| Registration {
        by: By::Password(Secret::from(password)),
        ..registration(&email("ivan.petrov@example.test"))
    };
    for (password, why) in [
        ("короткий", BadPassword::TooShort { min: 10 }),
        ("qwerty123456", BadPassword::Common),
        ("ivan.petrov@example.test", BadPassword::Context),
        ("личный кабинет", BadPassword::Context),
    ] {
        match world.identity.begin_registration(with(password), &visit()).await {
            Err(RegisterError::Password(said)) => assert_eq!(said, why),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((world.sent().await.len(), world.identity.hashes()), (0, 0));
}

#[tokio::test]
async fn a_contact_with_an_account_goes_the_same_way_and_changes_nothing() {
    let world = World::new().await;
    let ivan = world.ivan().await;
    let cost = async |number| {
        let contact = &phone(number);
        let (hashes, statements) = (world.identity.hashes(), world.store.statements_run());
        let id = world.begin(contact, &visit()).await;
        (id, world.identity.hashes() - hashes, world.store.statements_run() - statements)
    };
    let (_, hashes, statements) = cost("+79161234567").await;
    let fresh = world.last().await.text;
    let (id, again, as_many) = cost("+79105940899").await;
    assert_eq!((again, as_many), (hashes, statements));
    let sent = world.last().await;
    assert!(sent.text.contains("уже есть аккаунт") && sent.text.contains(&sent.code) && !fresh.contains("уже есть"));
    let shown = world.identity.confirmation(Purpose::Register, &id, &visit()).await.unwrap().unwrap();
    assert_eq!((shown.attempts_left, shown.resend_in, shown.expired), (5, 60, false));
    let before = user::by_id(world.store.db(), &ivan).await.unwrap();
    world.pass(30);
    let done = world.identity.confirm(Purpose::Register, &id, &sent.code, &visit()).await.unwrap();
    assert!(matches!(done, Confirmed::Exists(known, _) if known == phone("+79105940899")));
    assert_eq!((world.people().await, world.records(Event::UserRegistered).await), (1, 0));
    assert_eq!(user::by_id(world.store.db(), &ivan).await.unwrap(), before);
    assert!(matches!(
        world.identity.confirm(Purpose::Register, &id, &sent.code, &visit()).await,
        Err(CodeError::Spent)
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_confirms_of_one_code_make_one_account() {
    let world = World::new().await;
    let id = world.begin(&phone("+79105940899"), &visit()).await;
    let code = world.last().await.code;
    let tries: Vec<_> = (0..12)
        .map(|_| {
            let (identity, id, code) = (world.identity.clone(), id.clone(), code.clone());
            tokio::spawn(async move { identity.confirm(Purpose::Register, &id, &code, &visit()).await })
        })
        .collect();
    let (mut made, mut spent) = (0, 0);
    for done in tries {
        match done.await.unwrap() {
            Ok(Confirmed::Registered(..)) => made += 1,
            Ok(Confirmed::Exists(..)) | Err(CodeError::Spent) => spent += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((made, spent, world.people().await), (1, 11, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_registrations_of_one_contact_make_one_account_and_the_slower_learns_of_it() {
    let world = World::new().await;
    let contact = phone("+79105940899");
    let mut tries = Vec::new();
    for cookie in ["one", "two", "three", "four"] {
        let visit = browser(cookie, "192.0.2.0/24");
        let id = world.begin(&contact, &visit).await;
        tries.push((id, world.last().await.code, visit));
    }
    let tries: Vec<_> = tries
        .into_iter()
        .map(|(id, code, visit)| {
            let identity = world.identity.clone();
            tokio::spawn(async move { identity.confirm(Purpose::Register, &id, &code, &visit).await.unwrap() })
        })
        .collect();
    let mut made = 0;
    for done in tries {
        made += i32::from(matches!(done.await.unwrap(), Confirmed::Registered(..)));
    }
    assert_eq!((made, world.people().await, world.records(Event::UserRegistered).await), (1, 1, 1));
}

#[tokio::test]
async fn agreeing_anew_adds_a_record_and_the_account_keeps_the_new_versions() {
    let world = World::new().await;
    let contact = phone("+79105940899");
    let id = world.begin(&contact, &visit()).await;
    let Confirmed::Registered(proof, _) = world
        .identity
        .confirm(Purpose::Register, &id, &world.last().await.code, &visit())
        .await
        .unwrap()
    else {
        panic!()
    };
    let mut newer = registration(&contact).documents;
    newer[0].version = "2".to_owned();
    world.identity.agree(&proof.user_id, &newer, &visit()).await.unwrap();
    let person = user::by_id(world.store.db(), &proof.user_id).await.unwrap().unwrap();
    assert_eq!(person.agreed.unwrap().to_string(), "personal-data-consent:2");
    let mut versions: Vec<_> = world.identity.agreements_of(&proof.user_id).await.unwrap();
    versions.sort_by(|one, other| one.text.version.cmp(&other.text.version));
    assert_eq!(versions.iter().map(|record| record.text.version.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(world.records(Event::DocumentAccepted).await, 2);
}
