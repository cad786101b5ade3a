//! A person, a client and what hangs on them, as few rows as a test needs.

use kabinet_core::authn::{Authentication, Factor, Session};
use kabinet_core::client::{Client, ClientMetadata, Profile};
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::id::{ClientId, ConfirmationId, GrantId, SessionId, UserId};
use kabinet_core::scope::Scope;
use kabinet_core::secret::{Secret, TokenHash, TokenKind};
use kabinet_core::time::Timestamp;
use kabinet_store::confirmation::{self, Confirmation};
use kabinet_store::grant::{self, Grant};
use kabinet_store::user::{self, NewUser};
use kabinet_store::{Store, client, session};

use crate::place::Dice;

/// The moment at which the tests play.
pub const NOW: Timestamp = Timestamp(1_800_000_000);

/// One person and one client.
pub struct World {
    pub user: UserId,
    pub client: ClientId,
    /// Signed in until [`NOW`] + 100 s unless it is used.
    pub session: SessionId,
}

impl World {
    pub async fn of(store: &Store) -> Self {
        let (user, client) = (UserId::generate(&Dice), ClientId::generate(NOW, &Dice));
        let mut tx = store.begin().await.unwrap();
        let new = NewUser {
            id: user.clone(),
            claims: serde_json::Map::new(),
            role: None,
            contacts: Vec::new(),
            created_at: NOW,
        };
        user::insert(&mut tx, &new).await.unwrap();
        let row = Client {
            id: client.clone(),
            metadata: ClientMetadata::of_profile(Profile::Web, "Проба"),
            secrets: Vec::new(),
            disabled: false,
            created_at: NOW,
            updated_at: NOW,
        };
        client::insert(&mut tx, &row).await.unwrap();
        let row = Session {
            id: SessionId::generate(NOW, &Dice),
            user_id: user.clone(),
            authentication: Authentication { at: NOW, factors: vec![Factor::Pwd], flow: None },
            chosen_for: None,
            remembered: false,
            created_at: NOW,
            seen_at: NOW,
            expires_at: NOW.plus(1000),
            ip: String::new(),
            agent: String::new(),
        };
        let secret = TokenHash::of(TokenKind::Session.generate(&Dice).expose());
        session::insert(&mut tx, &secret, &row, NOW.plus(100)).await.unwrap();
        tx.commit().await.unwrap();
        Self { user, client, session: row.id }
    }

    /// A grant that has not been written.
    pub fn grant(&self) -> Grant {
        Grant {
            id: GrantId::generate(NOW, &Dice),
            client_id: self.client.clone(),
            user_id: self.user.clone(),
            session_id: self.session.clone(),
            scope: Scope::parse("openid").unwrap(),
            detail: "{}".to_owned(),
            offline: true,
            refresh_salt: "c2FsdA".to_owned(),
            refresh_generation: 0,
            refresh_used_at: NOW,
            refresh_expires_at: NOW,
            created_at: NOW,
            expires_at: NOW.plus(1000),
            ended_at: None,
            key: None,
        }
    }

    /// A grant whose code waits to be redeemed.
    pub async fn issued(&self, store: &Store) -> (Grant, Secret) {
        let (grant, code) = (self.grant(), TokenKind::Code.generate(&Dice));
        let mut tx = store.begin().await.unwrap();
        let hash = TokenHash::of(code.expose());
        grant::issue(&mut tx, &grant, &hash, NOW.plus(60), NOW.plus(120)).await.unwrap();
        tx.commit().await.unwrap();
        (grant, code)
    }

    /// A family whose first refresh token is good.
    pub async fn opened(&self, store: &Store) -> Grant {
        let (grant, code) = self.issued(store).await;
        let mut tx = store.begin().await.unwrap();
        grant::redeem(&mut tx, &TokenHash::of(code.expose()), &self.client, NOW)
            .await
            .unwrap()
            .unwrap();
        let opening = grant::Opening {
            generation: 1,
            refresh_expires_at: NOW.plus(900),
            keep_until: NOW.plus(900),
            key: None,
        };
        grant::open(&mut tx, &grant.id, opening).await.unwrap();
        tx.commit().await.unwrap();
        grant
    }
}

/// A confirmation on its way, with the digest of its code.
pub async fn confirmation(store: &Store, tries: i64) -> (Confirmation, &'static str) {
    let new = Confirmation {
        id: ConfirmationId::generate(NOW, &Dice),
        purpose: "register".to_owned(),
        contact: Contact::parse(ContactKind::Email, "a@example.com").unwrap(),
        binding: TokenHash::of("CANARY-binding"),
        payload: "sealed".to_owned(),
        attempts_left: tries,
        sends: 1,
        sent_at: NOW,
        expires_at: NOW.plus(300),
        used_at: None,
    };
    let mut tx = store.begin().await.unwrap();
    confirmation::insert(&mut tx, &new, "CANARY-right", NOW.plus(3900)).await.unwrap();
    tx.commit().await.unwrap();
    (new, "CANARY-right")
}
