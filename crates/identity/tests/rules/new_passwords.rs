use kabinet_core::audit::Origin;
use kabinet_core::contact::Contact;
use kabinet_core::password::BadPassword::{self, Common, Context, Guessable, Leaked};
use kabinet_core::secret::Secret;
use kabinet_core::time::Timestamp;
use kabinet_identity::leaked::{Filter, Key};
use kabinet_identity::{
    AccountError, By, Config, Confirmed, HashingConfig, Identity, NewAccount, PasswordConfig, Purpose, RecoveryError,
    RegisterError, Registration,
};

use crate::world::{World, config, email, phone, registration, visit};

/// What an administrator is told who makes an account for ivan.petrov@example.test, +7 910 594-08-99.
async fn check(identity: &Identity, password: &str) -> Result<(), BadPassword> {
    let new = NewAccount {
        contacts: vec![email("ivan.petrov@example.test"), phone("+79105940899")],
        password: Some(Secret::from(password)),
        ..NewAccount::default()
    };
    match identity.create_user(new, &Origin::default()).await {
        Ok(id) => {
            assert!(identity.delete_user(&id, &Origin::default()).await.unwrap());
            Ok(())
        }
        Err(AccountError::Password(bad)) => Err(bad),
        Err(other) => panic!("{password}: {other}"),
    }
}

#[tokio::test]
async fn what_guessers_get_to_soon_is_refused_with_the_rule_that_found_it() {
    let world = World::new().await;
    let mut otherwise = Vec::new();
    for (bad, passwords) in [
        (
            // Words and rows that everybody tries, a few of them together.
            Common,
            &[
                "qwerty123456",
                "1234567890",
                "йцукенгшщз",
                "Welcome@2026!",
                "P@ssw0rd2026",
                "Наташа1987",
                "yfnfif1987!",
                "Пароль2026!",
                "gfhjkm12345",
                "приветпривет",
                "ghbdtnghbdtn",
                "руддщцщкдв",
                "01.01.1990!",
                "aaaaaaaaaaaa",
                "correct horse battery staple",
                "сентябрь2024",
                "привет12345",
                "солнышко-2024",
                "люблютебя1",
                "ялюблютебя",
                "москва2024!",
                "solnyshko1",
                "администратор",
                "metallica1981",
                "liverpool1892",
                "superman2020",
                "мойпароль1",
                "abcdefghabcdefgh",
                "zaq1!QAZxsw2",
                "йцу123кен456",
                "арбузарбузарбузарбуз",
            ][..],
        ),
        (
            // The person's and the product's own names.
            Context,
            &[
                "ivan.petrov@example.test",
                "IvanPetrov77!",
                "петров1985",
                "gtnhjd1985",
                "шмфтюзуекщм1",
                "89105940899",
                "8 (910) 594-08-99",
                "+7-910-594-08-99",
                "5940899-мама",
                "Личныйкабинет1",
                "kabinet-2026",
                "id.example.test",
            ][..],
        ),
        (
            // Russian and English words, names, cities, repetitions and dates that the short list does not have.
            Guessable,
            &[
                "ЛюблюМаму1",
                "екатеринбург1",
                "владивосток",
                "нижнийновгород",
                "бухгалтерия",
                "бухгалтерия2026",
                "Krasnodar93",
                ",e[ufknthbz1",
                "александрович",
                "александровна1985",
                "Кузнецов1974",
                "kuznetsov1974",
                "repytwjd1974",
                "спартакчемпион",
                "приветмедвед",
                "здравствуйте1",
                "ватрушка55",
                "пожалуйста1",
                "butterfly99",
                "DarthVader1",
                "tinkerbell1",
                "ltdeirf1985",
            ][..],
        ),
    ] {
        for password in passwords {
            let said = check(&world.identity, password).await;
            if said != Err(bad.clone()) {
                otherwise.push((password, said));
            }
        }
    }
    assert_eq!(otherwise, []);
}

#[tokio::test]
async fn a_long_phrase_and_a_random_string_are_accepted_whatever_they_are_made_of() {
    let world = World::new().await;
    for good in [
        "лошадь-батарея-скрепка-7",
        "correct-pony-socket-paperclip",
        "vR8#kq2Lzx",
        "тихий дождь над Окой",
        "bluewhalecollectsumbrellas",
        "8401927365",
        "kwzpmtrhxd",
        "привет из Калуги, 2026",
        "  пробелы  по  краям  ",
        "dragon coffee summer matrix",
        "шесть пингвинов пьют компот",
        "Петров купил кабинет и зонт",
        "🂡🂢🂣 ночь 🌙 звёзды",
        "CANARY-верный пароль 1",
        "мама мыла раму, а папа спал",
        "zhiraf nosit galstuk",
        "((((((((((~№:?*-=_+…|",
    ] {
        assert_eq!(check(&world.identity, good).await, Ok(()), "{good}");
    }
    let longest: String = "дождь и 7 зонтов; ".repeat(16).chars().take(256).collect();
    assert_eq!(check(&world.identity, &longest).await, Ok(()));
}

#[tokio::test]
async fn how_much_a_password_must_withstand_is_a_setting() {
    let world = World::new().await;
    let with = |strength| {
        let password = PasswordConfig { strength, ..PasswordConfig::default() };
        world.node(Config { password, ..config() }, 1)
    };
    for (password, least) in [("Krasnodar93", 5), ("vR8#kq2Lzx", 10), ("лошадь-батарея-скрепка-7", 14)]
    {
        let node = with(least);
        assert_eq!(check(&node, password).await, Ok(()), "{password}");
    }
    assert_eq!(check(&with(11), "vR8#kq2Lzx").await, Err(Guessable));
}

fn leaked(passwords: &[&str]) -> Option<Filter> {
    let keys = passwords.iter().map(|password| Key::of(password)).collect();
    Some(Filter::of(keys, Timestamp(1_800_000_000)).unwrap())
}

#[tokio::test]
async fn a_leaked_password_is_refused_everywhere_where_one_is_set_and_only_there() {
    let world = World::new().await;
    let (identity, password) = (&world.identity, "тихий дождь над Окой");
    let ivan = phone("+79105940899");
    world.ivan().await;
    identity.refuse_leaked(leaked(&[password, crate::world::GOOD]));
    assert_eq!(check_other(identity, password).await, Err(Leaked));
    let new = Registration {
        by: By::Password(Secret::from(password)),
        ..registration(&email("a@example.test"))
    };
    let refused = identity.begin_registration(new, &visit()).await;
    assert!(matches!(refused, Err(RegisterError::Password(Leaked))), "{refused:?}");
    // Whoever has one already signs in with it, and recovers to another one only.
    assert!(identity.check_password(&ivan, crate::world::GOOD, &visit()).await.is_ok());
    let id = identity.begin_recovery(&ivan, &visit()).await.unwrap();
    let Confirmed::Recovering(id) =
        identity.confirm(Purpose::Recover, &id, &world.last().await.code, &visit()).await.unwrap()
    else {
        panic!("the code opens a recovery")
    };
    let refused = identity.set_password(&id, &Secret::from(password), &visit()).await;
    assert!(matches!(refused, Err(RecoveryError::Password(Leaked))), "{refused:?}");
    identity.refuse_leaked(None);
    assert!(identity.set_password(&id, &Secret::from(password), &visit()).await.is_ok());
}

async fn check_other(identity: &Identity, password: &str) -> Result<(), BadPassword> {
    let contacts: Vec<Contact> = vec![email("other@example.test")];
    let new = NewAccount {
        contacts,
        password: Some(Secret::from(password)),
        ..NewAccount::default()
    };
    match identity.create_user(new, &Origin::default()).await {
        Ok(_) => Ok(()),
        Err(AccountError::Password(bad)) => Err(bad),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_is_too_long_is_refused_before_anything_is_reckoned() {
    let world = World::new().await;
    // A node without a permit to hash refuses it all the same.
    let hashing = HashingConfig { permits: Some(1), queue: 0, ..config().hashing };
    let busy = world.node(Config { hashing, ..config() }, 1);
    assert_eq!(check(&busy, &"лошадь ".repeat(1500)).await, Err(BadPassword::TooLong));
    assert_eq!(busy.hashes(), 0);
}
