//! The gates of a code: pumping one range of numbers, wrong codes from everywhere, networks, and what a device of the owner's
//! is spared.

use kabinet_core::contact::Contact;
use kabinet_identity::{CodeError, Config, ConfirmationConfig, Confirmed, Identity, Purpose, RegisterError, Visit};

use crate::world::{World, browser, config, email, other, phone, registration, visit};

/// A number of a range.
fn number(range: &str, i: usize) -> Contact {
    phone(&format!("{range}{i:04}"))
}

async fn ask(identity: &Identity, contact: &Contact, i: usize) -> Result<(), RegisterError> {
    let from = browser("one", &format!("10.{}.{}.0/24", i / 250, i % 250));
    identity.begin_registration(registration(contact), &from).await.map(drop)
}

/// Asks for codes to the numbers of a range from as many networks; how many were sent before one was refused, and for how
/// long.
async fn pump(world: &World, identity: &Identity, range: &str, most: usize) -> (usize, i64) {
    for i in 0..most {
        match ask(identity, &number(range, i), i).await {
            Ok(()) => assert_eq!(world.last().await.to, number(range, i).value()),
            Err(RegisterError::Limited { seconds }) => return (i, seconds),
            Err(other) => panic!("{other:?}"),
        }
    }
    (most, 0)
}

fn strict(change: impl FnOnce(&mut ConfirmationConfig)) -> Config {
    let mut config = config();
    change(&mut config.confirmation);
    config
}

#[tokio::test]
async fn a_range_whose_codes_nobody_enters_is_closed_for_half_an_hour_and_another_range_is_not() {
    let world = World::new().await;
    assert_eq!(pump(&world, &world.identity, "+7916123", 60).await, (20, 1800));
    for seconds in [1799, 1] {
        assert!(matches!(
            ask(&world.identity, &number("+7916123", 99), 99).await,
            Err(RegisterError::Limited { .. })
        ));
        ask(&world.identity, &number("+7916124", 99), 99).await.unwrap();
        ask(&world.identity, &email(&format!("u{seconds}@example.test")), 99).await.unwrap();
        world.pass(seconds);
    }
    ask(&world.identity, &number("+7916123", 99), 99).await.unwrap();
}

#[tokio::test]
async fn a_range_whose_codes_are_entered_stays_open_up_to_its_number_in_an_hour() {
    let world = World::new().await;
    for i in 0..40 {
        let contact = number("+7916123", i);
        let id = world.begin(&contact, &visit()).await;
        if i % 3 == 0 {
            let done = world.identity.confirm(Purpose::Register, &id, &world.last().await.code, &visit()).await;
            assert!(matches!(done, Ok(Confirmed::Registered(..))), "{done:?}");
        }
    }
    assert!(matches!(
        ask(&world.identity, &number("+7916123", 40), 40).await,
        Err(RegisterError::Limited { seconds: 3600 })
    ));
    world.pass(3600);
    ask(&world.identity, &number("+7916123", 40), 40).await.unwrap();
}

#[tokio::test]
async fn what_was_refused_is_not_counted_so_that_nobody_keeps_a_range_closed() {
    let world = World::new().await;
    pump(&world, &world.identity, "+7916123", 60).await;
    for _ in 0..30 {
        world.pass(60);
        drop(ask(&world.identity, &number("+7916123", 99), 99).await);
    }
    ask(&world.identity, &number("+7916123", 99), 99).await.unwrap();
}

#[tokio::test]
async fn a_country_whose_codes_nobody_enters_is_closed_whatever_the_ranges() {
    let world = World::new().await;
    let node = world.node(strict(|confirmation| confirmation.samples.1 = 30), 1);
    for i in 0..30 {
        ask(&node, &number(&format!("+79161{i:02}"), i), i).await.unwrap();
    }
    assert!(matches!(
        ask(&node, &number("+7916999", 1), 1).await,
        Err(RegisterError::Limited { seconds: 1800 })
    ));
    // On every node and after a restart: it stands in the database.
    let other_node = world.node(strict(|confirmation| confirmation.samples.1 = 30), 1);
    assert!(matches!(
        ask(&other_node, &number("+7916998", 1), 1).await,
        Err(RegisterError::Limited { .. })
    ));
}

#[tokio::test]
async fn a_code_that_is_sent_costs_one_statement_for_its_destination_and_one_by_mail_none() {
    let world = World::new().await;
    let mut statements = Vec::new();
    for contact in [phone("+79161230001"), phone("+79161230002"), email("a@example.test"), email("b@example.test")] {
        let before = world.store.statements_run();
        world.begin(&contact, &visit()).await;
        statements.push(world.store.statements_run() - before);
    }
    assert_eq!((statements[0], statements[2]), (statements[1], statements[3]));
    assert_eq!(statements[0] - statements[2], 1, "{statements:?}");
}

#[tokio::test]
async fn the_owner_on_a_known_device_gets_a_code_at_every_gate_that_strangers_have_closed() {
    let world = World::new().await;
    world.ivan().await;
    let (contact, known) = (phone("+79105940899"), world.known(&phone("+79105940899")).await);
    // The contact: strangers have asked for all the codes that it gets in an hour.
    for i in 0..5 {
        world
            .identity
            .begin_recovery(&contact, &browser("two", &format!("10.1.{i}.0/24")))
            .await
            .unwrap();
    }
    let stranger = browser("two", "10.2.0.0/24");
    assert!(matches!(
        world.identity.begin_recovery(&contact, &stranger).await,
        Err(CodeError::Limited { .. })
    ));
    // The range.
    assert_eq!(pump(&world, &world.identity, "+7910594", 60).await.0, 15);
    // The network.
    for i in 0..200 {
        world.begin(&email(&format!("u{i}@example.test")), &visit()).await;
    }
    assert!(matches!(
        world.identity.begin_recovery(&email("a@example.test"), &known).await,
        Err(CodeError::Limited { .. })
    ));
    let id = world.identity.begin_recovery(&contact, &known).await.unwrap();
    let done = world.identity.confirm(Purpose::Recover, &id, &world.last().await.code, &known).await;
    assert!(matches!(done, Ok(Confirmed::Recovering(_))), "{done:?}");
}

/// Enters wrong codes for a contact until they are no longer compared; how many were.
async fn guess_codes(world: &World, contact: &Contact, visit: &Visit) -> usize {
    for round in 0.. {
        let Ok(id) = world.identity.begin_recovery(contact, visit).await else {
            return round * 5;
        };
        let code = world.last().await.code;
        for i in 0..5 {
            match world.identity.confirm(Purpose::Recover, &id, &other(&code), visit).await {
                Err(CodeError::Wrong { .. }) => {}
                Err(CodeError::Limited { .. }) => return round * 5 + i,
                said => panic!("{said:?}"),
            }
        }
        world.pass(1000);
    }
    0
}

#[tokio::test]
async fn a_contact_has_twenty_wrong_codes_a_day_and_then_no_more_codes_and_its_owner_is_counted_apart() {
    let world = World::new().await;
    world.ivan().await;
    let contact = phone("+79105940899");
    let stranger = browser("two", "10.2.0.0/24");
    assert_eq!(guess_codes(&world, &contact, &stranger).await, 20);
    let known = world.known(&contact).await;
    let id = world.identity.begin_recovery(&contact, &known).await.unwrap();
    let done = world.identity.confirm(Purpose::Recover, &id, &world.last().await.code, &known).await;
    assert!(matches!(done, Ok(Confirmed::Recovering(_))), "{done:?}");
    world.pass(86_400);
    world.identity.begin_recovery(&contact, &stranger).await.unwrap();
}

#[tokio::test]
async fn a_right_code_is_not_compared_after_twenty_wrong_ones_for_other_codes_of_the_contact() {
    let world = World::new().await;
    let contact = email("new@example.test");
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push((world.begin(&contact, &visit()).await, world.last().await.code));
    }
    let (last, right) = open.pop().unwrap();
    for (id, code) in &open {
        for _ in 0..5 {
            let said = world.identity.confirm(Purpose::Register, id, &other(code), &visit()).await;
            assert!(matches!(said, Err(CodeError::Wrong { .. })), "{said:?}");
        }
    }
    let said = world.identity.confirm(Purpose::Register, &last, &right, &visit()).await;
    assert!(matches!(said, Err(CodeError::Limited { seconds: 86_400 })), "{said:?}");
    assert_eq!(world.people().await, 0);
}
