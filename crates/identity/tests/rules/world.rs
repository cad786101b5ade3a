//! A provider of its own for each test.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use kabinet_core::ambient::{Clock, Entropy};
use kabinet_core::audit::{Event, Origin};
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::document::Reference;
use kabinet_core::id::{ConfirmationId, UserId};
use kabinet_core::seal::MasterKey;
use kabinet_core::secret::{Secret, TokenHash};
use kabinet_core::time::Timestamp;
use kabinet_fetch::Fetch;
use kabinet_identity::{
    By, Config, Confirmed, Failure, HashingConfig, Identity, Message, NewAccount, Parts, Proof, Purpose, Receipt,
    Registration, Route, Routes, Sending, Visit,
};
use kabinet_store::{Options, Store, audit, user};

pub const GOOD: &str = "лошадь-батарея-скрепка-7";
pub const BAD: &str = "совсем-другой-пароль-9";

/// A clock that stands still until it is moved.
pub struct Dial(AtomicI64);
impl Clock for Dial {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// Different bytes each time, the same in each run (SplitMix64).
pub struct Dice(AtomicU64);
impl Dice {
    pub const fn new(seed: AtomicU64) -> Self {
        Self(seed)
    }
}
impl Entropy for Dice {
    fn fill(&self, out: &mut [u8]) {
        for byte in out {
            let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = ((z ^ (z >> 31)) & 0xff) as u8;
        }
    }
}

/// A message as it went out.
#[derive(Clone, Debug)]
pub struct Sent {
    pub channel: &'static str,
    pub to: String,
    pub purpose: &'static str,
    pub code: String,
    pub text: String,
}

#[derive(Default)]
pub struct Post {
    sent: Mutex<Vec<Sent>>,
    pub broken: AtomicBool,
}
impl Post {
    fn take(&self, message: &Message) -> Result<Receipt, Failure> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(Failure::Later("the gateway is down".to_owned()));
        }
        self.sent.lock().unwrap().push(Sent {
            channel: message.channel.as_str(),
            to: message.to.value().to_owned(),
            purpose: message.purpose.as_str(),
            code: message.code.as_ref().map_or_else(String::new, |code| code.expose().to_owned()),
            text: message.text.clone(),
        });
        Ok(Receipt::default())
    }
}
impl Route for Post {
    fn name(&self) -> &'static str {
        "post"
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(std::future::ready(self.take(message)))
    }
}

pub struct World {
    pub identity: Identity,
    pub store: Store,
    pub post: Arc<Post>,
    pub dir: tempfile::TempDir,
    clock: Arc<Dial>,
    entropy: Arc<Dice>,
}

/// Argon2id at its smallest.
pub fn config() -> Config {
    let hashing = HashingConfig {
        memory: 8,
        iterations: 1,
        permits: Some(2),
        ..HashingConfig::default()
    };
    Config {
        host: "id.example.test".to_owned(),
        hashing,
        ..Config::default()
    }
}

/// Calls that must not happen here.
fn nowhere() -> Fetch {
    Fetch::new(kabinet_fetch::Options::default()).unwrap()
}

impl World {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("kabinet.db").display());
        let store = Store::open(&Options { url, redis: None, connections: 4 }).await.unwrap();
        store.migrate().await.unwrap();
        let (clock, entropy, post) = (
            Arc::new(Dial(AtomicI64::new(1_800_000_000))),
            Arc::new(Dice(AtomicU64::new(7))),
            Arc::new(Post::default()),
        );
        let identity = Self::identity(&store, config(), 1, (&clock, &entropy, &post));
        Self { identity, store, post, dir, clock, entropy }
    }

    fn identity(store: &Store, config: Config, key: u64, parts: (&Arc<Dial>, &Arc<Dice>, &Arc<Post>)) -> Identity {
        Identity::new(Parts {
            store: store.clone(),
            config,
            master: MasterKey::generate(&Dice(AtomicU64::new(key))),
            clock: parts.0.clone(),
            entropy: parts.1.clone(),
            routes: Routes {
                sms: vec![parts.2.clone()],
                email: vec![parts.2.clone()],
                day_limit: None,
            },
            fetch: nowhere(),
            verifier: None,
            upstreams: Vec::new(),
        })
    }

    /// Another node on the same database, with its own settings and, unless `key` is 1, another master key.
    pub fn node(&self, config: Config, key: u64) -> Identity {
        Self::identity(&self.store, config, key, (&self.clock, &self.entropy, &self.post))
    }

    /// Another node on the same database whose messages leave by these routes.
    pub fn node_with(&self, config: Config, master: MasterKey, routes: Routes) -> Identity {
        Identity::new(Parts {
            store: self.store.clone(),
            config,
            master,
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            routes,
            fetch: nowhere(),
            verifier: None,
            upstreams: Vec::new(),
        })
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn pass(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Everything that went out, after what is due has.
    pub async fn sent(&self) -> Vec<Sent> {
        self.identity.deliver_due().await.unwrap();
        self.post.sent.lock().unwrap().clone()
    }

    pub async fn last(&self) -> Sent {
        self.sent().await.pop().unwrap()
    }

    pub async fn people(&self) -> i64 {
        user::count(self.store.db()).await.unwrap()
    }

    pub async fn records(&self, event: Event) -> i64 {
        audit::count(self.store.db(), event.as_str()).await.unwrap()
    }

    /// An account with a phone, an e-mail address and the good password.
    pub async fn ivan(&self) -> UserId {
        self.account(NewAccount {
            contacts: vec![phone("+79105940899"), email("ivan@example.test")],
            password: Some(GOOD.into()),
            ..NewAccount::default()
        })
        .await
    }

    pub async fn account(&self, new: NewAccount) -> UserId {
        self.identity.create_user(new, &Origin::default()).await.unwrap()
    }

    /// A visit by a browser that has signed in to the account of this contact before.
    pub async fn known(&self, contact: &Contact) -> Visit {
        let user = user::by_contact(self.store.db(), contact).await.unwrap().unwrap();
        let mark = self.identity.device_mark(&user.id, &visit().binding);
        Visit { devices: vec![mark], ..visit() }
    }

    pub async fn proof(&self, contact: &Contact) -> Proof {
        let known = self.known(contact).await;
        self.identity.check_password(contact, GOOD, &known).await.unwrap()
    }

    pub async fn begin(&self, contact: &Contact, visit: &Visit) -> ConfirmationId {
        let id = self.identity.begin_registration(registration(contact), visit).await.unwrap();
        self.identity.deliver_due().await.unwrap();
        id
    }

    pub async fn register(&self, contact: &Contact) -> Proof {
        let id = self.begin(contact, &visit()).await;
        match self
            .identity
            .confirm(Purpose::Register, &id, &self.last().await.code, &visit())
            .await
            .unwrap()
        {
            Confirmed::Registered(proof, _) => proof,
            _ => panic!("the contact is new"),
        }
    }

    /// Whether the bytes stand anywhere in the database files.
    pub fn holds(&self, text: &str) -> bool {
        std::fs::read_dir(self.dir.path()).unwrap().any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        })
    }
}

pub fn phone(number: &str) -> Contact {
    Contact::parse(ContactKind::Phone, number).unwrap()
}

pub fn email(address: &str) -> Contact {
    Contact::parse(ContactKind::Email, address).unwrap()
}

pub fn registration(contact: &Contact) -> Registration {
    let document = Reference {
        document: "personal-data-consent".to_owned(),
        brand: "*".to_owned(),
        version: "1".to_owned(),
        sha256: "ab".repeat(32),
    };
    Registration {
        contact: contact.clone(),
        by: By::Password(Secret::from(GOOD)),
        documents: vec![document],
        client: Some("edo".into()),
    }
}

/// A browser that nobody knows.
pub fn visit() -> Visit {
    browser("one", "192.0.2.0/24")
}

pub fn browser(cookie: &str, network: &str) -> Visit {
    let origin = Origin {
        actor: "person",
        ip: "192.0.2.7".to_owned(),
        agent: "Browser/1".to_owned(),
        request: "r1".to_owned(),
    };
    Visit {
        origin,
        network: network.to_owned(),
        binding: TokenHash::of(cookie),
        flow: None,
        client: None,
        brand: kabinet_core::brand::Brands::built_in().shared(None),
        devices: Vec::new(),
        language: kabinet_core::language::Language::Ru,
        work: None,
    }
}

/// A code that is not this one.
pub fn other(code: &str) -> String {
    let first = if code.starts_with('9') { '0' } else { '9' };
    format!("{first}{}", &code[1..])
}
