//! Registration by phone or e-mail, with a password, a certificate or an account at another provider.
//!
//! 1. [`begin_registration`](Identity::begin_registration) checks the password and hashes it, seals it with what was agreed
//!    to, and sends a code. Nothing of it is an account yet.
//! 2. The right code ([`confirm`](Identity::confirm)) makes the account, its confirmed contact, its password and the records
//!    of what was agreed to, in the transaction that spends the code.
//!    A certificate that was signed with takes the place of the password: it is linked, and what it says of the person and of
//!    an organisation is kept. An address that stands in it proves nothing and is confirmed like any other.
//!    So is an account at a provider. A contact on which that provider's word is taken needs no code
//!    ([`register_by_upstream`](Identity::register_by_upstream)).
//! 3. A contact that has an account already goes the same way at the same cost; only its owner learns of it, from the
//!    message and after the right code. Nothing is made or changed then. Two registrations of one contact at once end the
//!    same way for the slower.

use kabinet_core::audit::{Event, Origin, Record};
use kabinet_core::authn::Factor;
use kabinet_core::claims;
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::document::{Agreed, Reference};
use kabinet_core::id::{ClientId, UserId};
use kabinet_core::password::{self, BadPassword, normal};
use kabinet_core::secret::Secret;
use kabinet_core::time::Timestamp;
use kabinet_core::user::ConfirmedContact;
use kabinet_core::work::Action;
use kabinet_store::recovery::Stage;
use kabinet_store::user::NewUser;
use kabinet_store::{Error as StoreError, Tx, certificate, organisation, upstream, user};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use kabinet_core::id::ConfirmationId;

use crate::agreement::Given;
use crate::confirmation::{Attempt, CodeError, Confirmed};
use crate::delivery::Purpose;
use crate::gates::refused;
use crate::hashing::{self, HashError};
use crate::leaked::Key;
use crate::method::certificate::{CertificateError, Signer};
use crate::method::password::METHOD;
use crate::method::upstream::{Guest, claims as upstream_claims};
use crate::{Error, Identity, NeedsWork, Proof, Trouble, Visit, strength};

/// Who wants to register.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The phone or e-mail address.
    pub contact: Contact,
    /// By what the account is signed in to.
    pub by: By,
    /// The texts that were agreed to.
    pub documents: Vec<Reference>,
    /// The client that the person came from.
    pub client: Option<ClientId>,
}

/// By what a new account is signed in to.
#[derive(Clone, Debug)]
pub enum By {
    /// The password as typed.
    Password(Secret),
    /// A certificate that has just signed.
    Certificate {
        /// Whose.
        signer: Box<Signer>,
        /// «Код партнёра», checked by `kabinet_core::organisation::partner_code`.
        partner_code: Option<String>,
    },
    /// An account at another provider that somebody has just signed in to.
    Upstream(Box<Guest>),
}

/// Why a registration did not begin.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The password may not be set.
    #[error(transparent)]
    Password(#[from] BadPassword),
    /// The certificate belongs to an account, or its numbers do.
    #[error("the certificate belongs to an account")]
    Linked,
    /// The account at the provider belongs to an account, or has served, or may make none.
    #[error("the account at the provider cannot register")]
    Guest,
    /// The contact belongs to an account. Said only to whom the provider has vouched for it.
    #[error("the contact belongs to an account")]
    Exists,
    /// Too many codes went to the contact or were asked for from the network.
    #[error("too many codes")]
    Limited {
        /// When the next one may be asked for.
        seconds: i64,
    },
    /// Too many sign-ins at once.
    #[error("too many sign-ins at once")]
    Busy {
        /// When to come again.
        seconds: i64,
    },
    /// Some work is to be done first.
    #[error(transparent)]
    Work(NeedsWork),
    /// Codes are not sent to numbers like this one.
    #[error("codes are not sent to such numbers")]
    Unreachable,
    /// The code could not be sent.
    #[error("the code was not sent")]
    NotSent,
    /// Not the person's fault.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<HashError> for RegisterError {
    fn from(error: HashError) -> Self {
        match Trouble::from(error) {
            Trouble::Busy(seconds) => Self::Busy { seconds },
            Trouble::Error(error) => Self::Store(error),
        }
    }
}

impl From<CodeError> for RegisterError {
    fn from(error: CodeError) -> Self {
        match error {
            CodeError::Limited { seconds } => Self::Limited { seconds },
            CodeError::Work(work) => Self::Work(work),
            CodeError::Unreachable => Self::Unreachable,
            CodeError::Store(error) => Self::Store(error),
            _ => Self::NotSent,
        }
    }
}

/// What is sealed while the code is on its way.
#[derive(Serialize, Deserialize)]
struct Intent {
    phc: Option<String>,
    signer: Option<Signer>,
    #[serde(default)]
    guest: Option<Guest>,
    partner_code: Option<String>,
    documents: Vec<Reference>,
    client: Option<ClientId>,
    at: Timestamp,
    ip: String,
    agent: String,
}

impl Identity {
    /// Begins a registration and sends its code. The answer, its time and its cost are the same whether or not the contact
    /// has an account.
    ///
    /// # Errors
    /// See [`RegisterError`].
    pub async fn begin_registration(&self, new: Registration, visit: &Visit) -> Result<ConfirmationId, RegisterError> {
        match &new.by {
            By::Password(password) => {
                let names = [&[new.contact.value()][..], &visit.brand.names()].concat();
                self.check_new_password(password, &names).await??;
            }
            By::Certificate { signer, .. } => match self.account_of(signer.holder()).await {
                Ok(None) => {}
                Err(CertificateError::Store(error)) => return Err(error.into()),
                Ok(Some(_)) | Err(_) => return Err(RegisterError::Linked),
            },
            By::Upstream(guest) => self.check_guest(guest).await?,
        }
        if !self.reaches(&new.contact) {
            refused("number");
            return Err(RegisterError::Unreachable);
        }
        self.pass_network(Action::Register, &new.contact, visit).await?;
        let mut intent = Intent {
            phc: None,
            signer: None,
            guest: None,
            partner_code: None,
            documents: new.documents,
            client: new.client,
            at: self.now(),
            ip: visit.origin.ip.clone(),
            agent: visit.origin.agent.clone(),
        };
        match new.by {
            By::Password(password) => intent.phc = Some(self.hash_password(password.expose()).await?),
            By::Certificate { signer, partner_code } => {
                (intent.signer, intent.partner_code) = (Some(*signer), partner_code);
            }
            By::Upstream(guest) => intent.guest = Some(*guest),
        }
        Ok(self.start_confirmation(Purpose::Register, &new.contact, &intent, visit).await?)
    }

    /// Whether who came back from a provider may make an account now.
    async fn check_guest(&self, guest: &Guest) -> Result<(), RegisterError> {
        let name = guest.person().upstream.as_str();
        let may = self.upstream(name).is_some_and(|one| one.settings.makes_accounts());
        if may && guest.registers && self.links_of(guest.person()).await.map_err(Error::from)?.is_empty() {
            Ok(())
        } else {
            Err(RegisterError::Guest)
        }
    }

    /// Makes an account for who came back from a provider, with a contact that it has verified and on which its word is taken.
    ///
    /// # Errors
    /// See [`RegisterError`]; then nothing was made.
    pub async fn register_by_upstream(
        &self,
        contact: Contact,
        (guest, documents): (&Guest, Vec<Reference>),
        visit: &Visit,
    ) -> Result<Proof, RegisterError> {
        self.check_guest(guest).await?;
        if !self.is_vouched(guest, &contact) {
            return Err(RegisterError::Guest);
        }
        let intent = Intent {
            phc: None,
            signer: None,
            guest: Some(guest.clone()),
            partner_code: None,
            documents,
            client: visit.client.clone(),
            at: self.now(),
            ip: visit.origin.ip.clone(),
            agent: visit.origin.agent.clone(),
        };
        let mut tx = self.0.store.begin().await.map_err(Error::from)?;
        let proof = match self.make(&mut tx, (&intent, &contact), visit).await {
            Ok(proof) => proof,
            Err(Error::Store(StoreError::Taken("upstream"))) | Err(Error::Gone) => return Err(RegisterError::Guest),
            Err(Error::Store(StoreError::Taken(_))) => return Err(RegisterError::Exists),
            Err(error) => return Err(error.into()),
        };
        tx.commit().await.map_err(Error::from)?;
        let first = proof.factors.iter().copied().filter(|factor| *factor != Factor::Otp).collect();
        Ok(Proof { factors: first, ..proof })
    }

    /// Makes an account with a password for a contact that an invitation has proven, inside the transaction that spends the
    /// invitation.
    pub(crate) async fn make_invited(
        &self,
        tx: &mut Tx,
        (contact, phc, documents): (&Contact, String, Vec<Reference>),
        (client, visit): (Option<ClientId>, &Visit),
    ) -> Result<Proof, Error> {
        let intent = Intent {
            phc: Some(phc),
            signer: None,
            guest: None,
            partner_code: None,
            documents,
            client,
            at: self.now(),
            ip: visit.origin.ip.clone(),
            agent: visit.origin.agent.clone(),
        };
        let proof = self.make(tx, (&intent, contact), visit).await?;
        // NIST SP 800-63B-4 §3.1.3: a code that lived for days proves the contact and is no authenticator.
        let factors = proof.factors.iter().copied().filter(|factor| *factor != Factor::Otp).collect();
        Ok(Proof { factors, ..proof })
    }

    /// Whether a contact is one that a provider has verified and on which its word is taken.
    #[must_use]
    pub fn is_vouched(&self, guest: &Guest, contact: &Contact) -> bool {
        let person = guest.person();
        self.upstream(&person.upstream)
            .is_some_and(|one| one.settings.vouches_for(contact.kind()))
            && person.contacts.iter().any(|told| told.is_verified && told.contact == *contact)
    }

    /// Whether a password may be set, by somebody who has these contacts, for a product of these names: first what costs next to nothing, then the estimate, which takes milliseconds and
    /// therefore a permit, as a hash does. The outer error is no word on the password.
    pub(crate) async fn check_new_password(
        &self,
        typed: &Secret,
        names: &[&str],
    ) -> Result<Result<(), BadPassword>, HashError> {
        let config = &self.0.config;
        let context = [names, &[config.host.as_str()]].concat();
        let length = config.password.min_length..=config.password.max_length;
        if let Err(bad) = password::check(typed.expose(), length, &context) {
            return Ok(Err(bad));
        }
        if self
            .0
            .leaked
            .load()
            .as_ref()
            .is_some_and(|filter| filter.contains(Key::of(typed.expose())))
        {
            return Ok(Err(BadPassword::Leaked));
        }
        let (typed, names, least) = (typed.clone(), password::names(&context), config.password.strength);
        let permit = self.0.hasher.permit().await?;
        let (magnitude, _) = hashing::aside(permit, move || strength::magnitude(typed.expose(), &names)).await?;
        Ok(if magnitude < f64::from(least) {
            Err(BadPassword::Guessable)
        } else {
            Ok(())
        })
    }

    pub(crate) async fn hash_password(&self, typed: &str) -> Result<String, HashError> {
        let permit = self.0.hasher.permit().await?;
        let (phc, _) = self.0.hasher.hash(permit, &normal(typed), &*self.0.entropy).await?;
        Ok(phc)
    }

    /// Spends a right code and makes the account, unless the contact has one.
    pub(crate) async fn finish_registration(&self, attempt: Attempt, visit: &Visit) -> Result<Confirmed, CodeError> {
        let mut holder = user::by_contact(self.0.store.db(), &attempt.contact).await?;
        let mut tx = self.spend(&attempt, visit).await?;
        if holder.is_none() {
            match self.register(&mut tx, &attempt, visit).await {
                Ok(proof) => {
                    tx.commit().await?;
                    return Ok(Confirmed::Registered(proof, attempt.contact));
                }
                // Somebody else has just registered the contact. PostgreSQL ends the transaction at that, so the code is
                // spent in another one.
                Err(Error::Store(StoreError::Taken(_))) => {
                    tx.rollback().await?;
                    tx = self.spend(&attempt, visit).await?;
                    // Inside: the other registration may be in the same batch of commits, which readers do not see yet.
                    holder = user::by_contact_in(&mut tx, &attempt.contact).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        // Deleted between the two: whoever holds the contact begins again.
        let Some(holder) = holder else {
            return Err(CodeError::Spent);
        };
        let recovery = self
            .open_recovery(&mut tx, (&holder.id, &attempt.contact), Stage::Registered, visit)
            .await?;
        tx.commit().await?;
        Ok(Confirmed::Exists(attempt.contact, recovery))
    }

    /// Makes the account that was asked for, inside the transaction that spent its code.
    async fn register(&self, tx: &mut Tx, attempt: &Attempt, visit: &Visit) -> Result<Proof, Error> {
        let intent: Intent = attempt.intent()?;
        self.make(tx, (&intent, &attempt.contact), visit).await
    }

    /// Makes an account whose contact was proven.
    async fn make(&self, tx: &mut Tx, (intent, contact): (&Intent, &Contact), visit: &Visit) -> Result<Proof, Error> {
        let (now, id) = (self.now(), UserId::generate(&*self.0.entropy));
        let contacts = vec![ConfirmedContact { contact: contact.clone(), verified_at: Some(now) }];
        user::insert(
            tx,
            &NewUser {
                id: id.clone(),
                claims: match (&intent.signer, &intent.guest) {
                    (Some(signer), _) => claims(signer),
                    (None, Some(guest)) => upstream_claims(guest.person()),
                    (None, None) => Map::new(),
                },
                role: None,
                contacts,
                created_at: now,
            },
        )
        .await?;
        if let Some(phc) = &intent.phc {
            user::put_credential(tx, &id, (METHOD.id, id.as_str()), phc, now).await?;
        }
        if let Some(signer) = &intent.signer {
            self.register_signer(tx, &id, signer, (intent, visit)).await?;
        }
        let mut first = intent.signer.as_ref().map_or(Factor::Pwd, Signer::factor);
        if let Some(guest) = &intent.guest {
            first = self.register_guest(tx, &id, guest, visit).await?;
        }
        let about = |event| intent.client.iter().fold(Record::of(event).user(&id), Record::client);
        self.write(tx, &about(Event::UserRegistered), &visit.origin).await?;
        self.write(tx, &about(Event::ContactConfirmed).with("kind", contact.kind().as_str()), &visit.origin)
            .await?;
        // From where and when the box was ticked, which is not where and when the code was entered.
        let ticked = Origin {
            ip: intent.ip.clone(),
            agent: intent.agent.clone(),
            ..visit.origin.clone()
        };
        let given = Given {
            client: intent.client.as_ref(),
            origin: &ticked,
            at: intent.at,
        };
        self.accept(tx, (&id, Agreed::default()), &intent.documents, &given).await?;
        // NIST SP 800-63B-4 §3.1.3.1: a code by e-mail proves the address and is no authenticator.
        let factors = match contact.kind() {
            ContactKind::Phone => vec![first, Factor::Otp],
            ContactKind::Email => vec![first],
        };
        let upstream = intent.guest.as_ref().map(|guest| guest.person().upstream.clone());
        Ok(Proof { registered: true, upstream, ..Proof::new(id, factors) })
    }

    /// Links the account at a provider with which a new account is made; what it counts for.
    async fn register_guest(&self, tx: &mut Tx, id: &UserId, guest: &Guest, visit: &Visit) -> Result<Factor, Error> {
        let one = self.upstream(&guest.person().upstream).ok_or(Error::Gone)?;
        // A code may be entered after the row of who came back has gone; the unique link holds then, too.
        upstream::forget(tx, guest.id()).await?;
        self.connect(tx, id, guest, visit).await?;
        self.note_external(tx, one, id, guest.person()).await?;
        Ok(one.settings.factor(guest.person()))
    }

    /// Links the certificate of a new account and keeps what came with it.
    async fn register_signer(
        &self,
        tx: &mut Tx,
        id: &UserId,
        signer: &Signer,
        (intent, visit): (&Intent, &Visit),
    ) -> Result<(), Error> {
        certificate::forget_challenge(tx, signer.challenge()).await?;
        self.link_in(tx, id, signer.holder(), visit).await?;
        if let (Some(code), Some(client)) = (&intent.partner_code, &intent.client) {
            organisation::put_partner_code(tx, (id, client), code, self.now()).await?;
            organisation::keep(tx, id, self.now()).await?;
        }
        self.note_organisation(tx, id, signer.holder()).await?;
        self.drop_draft(tx, signer).await
    }
}

/// What a certificate says of the person, as standard claims (OpenID Connect Core §5.1).
fn claims(signer: &Signer) -> Map<String, Value> {
    let holder = signer.holder();
    let (given, middle) = holder.given_name.as_deref().map_or((None, None), |names| {
        names.split_once(' ').map_or((Some(names), None), |(a, b)| (Some(a), Some(b)))
    });
    let found = [
        ("name", Some(holder.name.as_str())),
        ("family_name", holder.surname.as_deref()),
        ("given_name", given),
        ("middle_name", middle),
    ];
    let mut claims: Map<String, Value> = found
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?.trim()))))
        .collect();
    // What claims may not hold is left out, name by name.
    claims.retain(|name, value| claims::check(&Map::from_iter([(name.clone(), value.clone())])).is_ok());
    claims
}
