use kabinet_core::audit::Event;
use kabinet_core::authn::Session;
use kabinet_core::client::{Client, ClientMetadata, Profile, Role};
use kabinet_core::id::{ClientId, FlowId, GrantId, UserId};
use kabinet_core::secret::{Secret, TokenHash};
use kabinet_identity::{Ending, Error, NewAccount, SignedIn, Visit};
use kabinet_store::grant::{self, Grant};

use crate::world::{GOOD, World, email, phone, visit};

async fn sign_in(world: &World, remember: bool, present: &[Session]) -> SignedIn {
    let proof = world.proof(&phone("+79105940899")).await;
    world.identity.sign_in(proof, remember, present, &visit()).await.unwrap()
}

async fn end(world: &World, session: &Session, user: &UserId, ending: Ending) -> bool {
    world.identity.end_session(&session.id, user, ending, &visit()).await.unwrap().is_some()
}

async fn live(world: &World, cookies: &[&Secret]) -> Vec<Session> {
    let cookies: Vec<Secret> = cookies.iter().map(|&cookie| cookie.clone()).collect();
    world.identity.sessions(&cookies).await.unwrap()
}

#[tokio::test]
async fn only_the_cookie_that_was_given_finds_the_session() {
    let world = World::new().await;
    world.ivan().await;
    let flow = Visit { flow: Some(FlowId::from("f1")), ..visit() };
    let proof = world.proof(&phone("+79105940899")).await;
    let SignedIn { session, cookie, .. } = world.identity.sign_in(proof, false, &[], &flow).await.unwrap();
    assert_eq!(live(&world, &[&cookie]).await, std::slice::from_ref(&session));
    assert_eq!(
        (session.authentication.flow, session.ip.as_str()),
        (Some(FlowId::from("f1")), "192.0.2.7")
    );
    for other in ["", "kbn_sid_", session.id.as_str(), TokenHash::of(cookie.expose()).as_str()] {
        assert!(live(&world, &[&Secret::from(other)]).await.is_empty(), "{other}");
    }
    assert!(!world.holds(cookie.expose()));
    assert_eq!(world.records(Event::LoginSucceeded).await, 1);
}

#[tokio::test]
async fn the_same_person_keeps_the_session_and_gets_a_new_cookie_and_the_old_one_is_dead() {
    let world = World::new().await;
    world.ivan().await;
    let first = sign_in(&world, false, &[]).await;
    world.pass(100);
    let second = sign_in(&world, true, std::slice::from_ref(&first.session)).await;
    assert_eq!(
        (&second.session.id, second.session.created_at),
        (&first.session.id, first.session.created_at)
    );
    assert_eq!((second.session.authentication.at, second.session.remembered), (world.now(), true));
    assert!(live(&world, &[&first.cookie]).await.is_empty());
    assert_eq!(live(&world, &[&second.cookie]).await, [second.session]);
}

#[tokio::test]
async fn a_session_that_ended_meanwhile_does_not_come_back_under_its_id() {
    let world = World::new().await;
    let ivan = world.ivan().await;
    let first = sign_in(&world, false, &[]).await;
    assert!(end(&world, &first.session, &ivan, Ending::SignOut).await);
    let second = sign_in(&world, false, std::slice::from_ref(&first.session)).await;
    assert_ne!(second.session.id, first.session.id);
}

#[tokio::test]
async fn a_browser_holds_five_accounts_in_the_order_of_its_cookies_and_a_sixth_takes_the_oldest_place() {
    let world = World::new().await;
    let (mut sessions, mut cookies) = (Vec::new(), Vec::new());
    for i in 0..6 {
        let contact = email(&format!("u{i}@example.test"));
        world
            .account(NewAccount {
                contacts: vec![contact.clone()],
                password: Some(GOOD.into()),
                ..NewAccount::default()
            })
            .await;
        let proof = world.proof(&contact).await;
        let done = world.identity.sign_in(proof, false, &sessions, &visit()).await.unwrap();
        sessions.push(done.session);
        cookies.push(done.cookie);
        world.pass(1);
    }
    let order = |list: &[Session]| list.iter().map(|s| s.id.clone()).collect::<Vec<_>>();
    let newest: Vec<&Secret> = cookies.iter().rev().take(5).collect();
    let expected: Vec<_> = sessions.iter().rev().take(5).map(|s| s.id.clone()).collect();
    assert_eq!(order(&live(&world, &newest).await), expected);
    assert!(live(&world, &[&cookies[0]]).await.is_empty());
}

#[tokio::test]
async fn a_session_ends_without_use_and_at_the_latest_after_its_span() {
    const DAY: i64 = 86_400;
    let world = World::new().await;
    world.ivan().await;
    for (remember, idle, longest) in [(false, DAY, 7 * DAY), (true, 14 * DAY, 30 * DAY)] {
        let unused = sign_in(&world, remember, &[]).await.cookie;
        world.pass(idle - 1);
        assert_eq!(live(&world, &[&unused]).await.len(), 1);
        world.pass(idle);
        assert!(live(&world, &[&unused]).await.is_empty(), "idle, {remember}");
        let used = sign_in(&world, remember, &[]).await.cookie;
        for _ in 0..longest / (DAY / 2) - 1 {
            world.pass(DAY / 2);
            assert_eq!(live(&world, &[&used]).await.len(), 1);
        }
        world.pass(DAY / 2);
        assert!(live(&world, &[&used]).await.is_empty(), "span, {remember}");
    }
}

#[tokio::test]
async fn an_administrator_is_asked_again_after_a_quarter_of_an_hour_whatever_was_ticked() {
    let world = World::new().await;
    let contact = email("admin@example.test");
    world
        .account(NewAccount {
            contacts: vec![contact.clone()],
            password: Some(GOOD.into()),
            role: Some(Role::Owner),
            ..NewAccount::default()
        })
        .await;
    let proof = world.proof(&contact).await;
    let done = world.identity.sign_in(proof, true, &[], &visit()).await.unwrap();
    assert!(!done.session.remembered);
    for _ in 0..3 {
        world.pass(899);
        assert_eq!(live(&world, &[&done.cookie]).await.len(), 1);
    }
    world.pass(900);
    assert!(live(&world, &[&done.cookie]).await.is_empty());
}

#[tokio::test]
async fn the_use_of_a_session_is_written_at_most_once_a_minute() {
    let world = World::new().await;
    world.ivan().await;
    let cookie = sign_in(&world, false, &[]).await.cookie;
    let mut cost = Vec::new();
    for _ in 0..3 {
        let before = world.store.statements_run();
        live(&world, &[&cookie]).await;
        cost.push(world.store.statements_run() - before);
        world.pass(59);
    }
    assert_eq!(cost, [1, 1, 3]);
}

#[tokio::test]
async fn a_person_ends_only_their_own_sessions_and_keeps_the_present_one() {
    let world = World::new().await;
    let ivan = world.ivan().await;
    let stranger = world.register(&phone("+79161234567")).await.user_id;
    let (first, second, here) = (
        sign_in(&world, false, &[]).await,
        sign_in(&world, false, &[]).await,
        sign_in(&world, false, &[]).await,
    );
    assert!(!end(&world, &first.session, &stranger, Ending::SignOut).await);
    assert_eq!(live(&world, &[&first.cookie]).await.len(), 1);
    assert!(end(&world, &first.session, &ivan, Ending::SignOut).await);
    assert!(!end(&world, &first.session, &ivan, Ending::SignOut).await);
    assert_eq!(world.identity.sessions_of(&ivan).await.unwrap().len(), 2);
    assert_eq!(world.identity.end_others(&here.session, &visit()).await.unwrap(), 1);
    assert!(live(&world, &[&second.cookie]).await.is_empty());
    assert_eq!(live(&world, &[&here.cookie]).await.len(), 1);
    assert_eq!(world.records(Event::SessionEnded).await, 2);
}

#[tokio::test]
async fn with_a_session_end_the_grants_that_do_not_outlive_it() {
    let world = World::new().await;
    let ivan = world.ivan().await;
    let session = sign_in(&world, false, &[]).await.session;
    let client = client(&world).await;
    let with_session = issue(&world, &session, &client, false).await;
    let offline = issue(&world, &session, &client, true).await;
    assert!(end(&world, &session, &ivan, Ending::SignOut).await);
    let ended = async |id| grant::by_id(world.store.db(), id).await.unwrap().unwrap().ended_at.is_some();
    assert_eq!((ended(&with_session).await, ended(&offline).await), (true, false));
    let another = sign_in(&world, false, &[]).await.session;
    let cut = issue(&world, &another, &client, true).await;
    assert!(end(&world, &another, &ivan, Ending::Cut).await);
    assert!(ended(&cut).await, "ended from elsewhere, with all that came of it");
    world.identity.set_disabled(&ivan, true, &visit().origin).await.unwrap();
    assert!(ended(&offline).await, "a disabled person has no grants at all");
}

#[tokio::test]
async fn a_disabled_or_deleted_person_has_no_session_and_gets_none_for_an_old_proof() {
    let world = World::new().await;
    let ivan = world.ivan().await;
    let cookie = sign_in(&world, false, &[]).await.cookie;
    let proof = world.proof(&phone("+79105940899")).await;
    world.identity.set_disabled(&ivan, true, &visit().origin).await.unwrap();
    assert!(live(&world, &[&cookie]).await.is_empty());
    assert!(matches!(
        world.identity.sign_in(proof.clone(), false, &[], &visit()).await,
        Err(Error::Gone)
    ));
    world.identity.set_disabled(&ivan, false, &visit().origin).await.unwrap();
    assert!(live(&world, &[&cookie]).await.is_empty(), "enabling brings no session back");
    world.identity.delete_user(&ivan, &visit().origin).await.unwrap();
    assert!(matches!(world.identity.sign_in(proof, false, &[], &visit()).await, Err(Error::Gone)));
}

#[tokio::test]
async fn the_chosen_account_is_remembered_for_its_request() {
    let world = World::new().await;
    world.ivan().await;
    let done = sign_in(&world, false, &[]).await;
    world.identity.choose(&done.session, &FlowId::from("f7")).await.unwrap();
    assert_eq!(live(&world, &[&done.cookie]).await[0].chosen_for, Some(FlowId::from("f7")));
}

async fn client(world: &World) -> ClientId {
    let metadata = ClientMetadata::of_profile(Profile::Web, "ЭДО");
    let id = ClientId::from("edo");
    let client = Client {
        id: id.clone(),
        metadata,
        secrets: Vec::new(),
        disabled: false,
        created_at: world.now(),
        updated_at: world.now(),
    };
    let mut tx = world.store.begin().await.unwrap();
    kabinet_store::client::insert(&mut tx, &client).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn issue(world: &World, session: &Session, client: &ClientId, offline: bool) -> GrantId {
    let id = GrantId::from(format!("grant-{offline}-{}", session.id));
    let grant = Grant {
        id: id.clone(),
        client_id: client.clone(),
        user_id: session.user_id.clone(),
        session_id: session.id.clone(),
        scope: kabinet_core::scope::Scope::parse("openid").unwrap(),
        detail: "{}".to_owned(),
        offline,
        refresh_salt: String::new(),
        refresh_generation: 0,
        refresh_used_at: world.now(),
        refresh_expires_at: world.now(),
        created_at: world.now(),
        expires_at: world.now().plus(86_400),
        ended_at: None,
        key: None,
    };
    let mut tx = world.store.begin().await.unwrap();
    let ends = world.now().plus(60);
    grant::issue(&mut tx, &grant, &TokenHash::of(id.as_str()), ends, ends).await.unwrap();
    tx.commit().await.unwrap();
    id
}
