//! The gate of autonomous systems: what many networks of one ask for together.

use kabinet_core::contact::Contact;
use kabinet_core::work::Action;
use kabinet_identity::asn::Tables;
use kabinet_identity::{CodeError, Config, Confirmed, Identity, Purpose, RegisterError, Visit};

use crate::world::{World, browser, config, email, phone, registration};

/// AS64500 has 10.1.0.0/16, AS64501 has 10.2.0.0/16.
fn node(world: &World, change: impl FnOnce(&mut Config)) -> Identity {
    let mut config = config();
    config.work.bits = 8;
    change(&mut config);
    let node = world.node(config, 1);
    let mut tables = Tables::default();
    tables.read(&b"10.1.0.0/16,64500\n10.2.0.0/16,64501\n"[..]).unwrap();
    node.count_by_system(Some(tables.finish()));
    node
}

/// Somebody in a network of their own of this autonomous system.
fn from(system: usize, i: usize) -> Visit {
    let mut visit = browser("one", &format!("10.{system}.{i}.0/24"));
    visit.origin.ip = format!("10.{system}.{i}.9");
    visit
}

/// The same, on a page that asks for work, which was not done.
fn idle(system: usize, i: usize) -> Visit {
    Visit {
        work: Some(kabinet_identity::Solution::new("", "")),
        ..from(system, i)
    }
}

/// A number in a range of its own.
fn number(i: usize) -> Contact {
    phone(&format!("+7916{i:03}0001"))
}

async fn ask(node: &Identity, contact: &Contact, visit: &Visit) -> Result<(), RegisterError> {
    node.begin_registration(registration(contact), visit).await.map(drop)
}

#[tokio::test]
async fn a_system_that_asks_for_a_lot_pays_with_work_and_is_never_refused_for_that() {
    let world = World::new().await;
    let node = node(&world, |config| config.confirmation.per_asn = 20);
    for i in 0..20 {
        let contact = email(&format!("u{i}@example.test"));
        node.begin_recovery(&contact, &idle(1, i)).await.unwrap();
    }
    assert!(node.offer_work(Action::Recover, &from(1, 99)).await.is_none());
    let contact = email("one@example.test");
    assert!(matches!(node.begin_recovery(&contact, &idle(1, 30)).await, Err(CodeError::Work(_))));
    assert!(node.offer_work(Action::Recover, &from(1, 99)).await.is_some());
    // Where a page asks for no work, nothing but the counter of its network refuses.
    node.begin_recovery(&contact, &from(1, 31)).await.unwrap();
    node.begin_recovery(&contact, &idle(2, 0)).await.unwrap();
    // An address in no table.
    node.begin_recovery(&contact, &idle(3, 0)).await.unwrap();
    // Without tables it is as it was.
    node.count_by_system(None);
    node.begin_recovery(&contact, &idle(1, 32)).await.unwrap();
}

#[tokio::test]
async fn registrations_of_a_system_have_a_number_of_their_own() {
    let world = World::new().await;
    let node = node(&world, |config| config.confirmation.registrations_per_asn = 10);
    for i in 0..10 {
        ask(&node, &email(&format!("u{i}@example.test")), &idle(1, i)).await.unwrap();
    }
    let contact = email("one@example.test");
    assert!(matches!(ask(&node, &contact, &idle(1, 20)).await, Err(RegisterError::Work(_))));
    node.begin_recovery(&contact, &idle(1, 21)).await.unwrap();
    ask(&node, &contact, &idle(2, 0)).await.unwrap();
    world.pass(3600);
    ask(&node, &contact, &idle(1, 22)).await.unwrap();
}

#[tokio::test]
async fn a_system_whose_codes_nobody_enters_pays_first_and_then_gets_no_sms_until_the_hour_is_over() {
    let world = World::new().await;
    let node = node(&world, |config| config.confirmation.asn_sample = 4);
    for i in 0..20 {
        let asked = ask(&node, &number(i), &idle(1, i)).await;
        assert_eq!(matches!(asked, Err(RegisterError::Work(_))), i >= 4, "{i}: {asked:?}");
        if i >= 4 {
            ask(&node, &number(i), &from(1, i)).await.unwrap();
        }
    }
    world.pass(600);
    let left = 3600 - world.now().0 % 3600;
    match ask(&node, &number(30), &from(1, 30)).await {
        Err(RegisterError::Limited { seconds }) => assert_eq!(seconds, left),
        other => panic!("{other:?}"),
    }
    // Neither mail, nor another system, nor the owner of an account on a known device.
    ask(&node, &email("one@example.test"), &from(1, 31)).await.unwrap();
    ask(&node, &number(31), &idle(2, 0)).await.unwrap();
    world.ivan().await;
    let contact = phone("+79105940899");
    let known = world.known(&contact).await;
    let own = Visit {
        devices: known.devices,
        binding: known.binding,
        ..idle(1, 32)
    };
    node.begin_recovery(&contact, &own).await.unwrap();
    assert!(matches!(
        node.begin_recovery(&contact, &from(1, 33)).await,
        Err(CodeError::Limited { .. })
    ));
    world.pass(left);
    ask(&node, &number(34), &idle(1, 34)).await.unwrap();
}

#[tokio::test]
async fn a_system_whose_people_enter_their_codes_is_asked_for_nothing() {
    let world = World::new().await;
    let node = node(&world, |config| config.confirmation.asn_sample = 4);
    for i in 0..24 {
        let visit = idle(1, i);
        let id = node.begin_registration(registration(&number(i)), &visit).await.unwrap();
        if i % 4 == 0 {
            let code = world.last().await.code;
            let done = node.confirm(Purpose::Register, &id, &code, &visit).await;
            assert!(matches!(done, Ok(Confirmed::Registered(..))), "{done:?}");
        }
    }
}
