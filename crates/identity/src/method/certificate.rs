//! Sign-in by a certificate: a person signs a text of ours, and the certificate says who it was.
//!
//! 1. [`begin_challenge`](Identity::begin_challenge) makes the text: what it is for, this site, the product, a number, a code
//!    that stands on the screen, too, and when it ends. It is kept, good for five minutes, five tries and one signature, for one
//!    browser and one request. Nothing that a product or a person sends is ever signed.
//! 2. [`check_signature`](Identity::check_signature) verifies the signature over the kept text, byte for byte
//!    (`kabinet_gost::verify` has the checks in their order; a verifier outside may take its place), and spends the challenge.
//! 3. [`sign_in_by_certificate`](Identity::sign_in_by_certificate) finds the account by СНИЛС, then by ИНН. One that nobody
//!    linked signs nobody in (`link`): no equal name, address or number of an account's contacts ever links.
//! 4. A browser that is new to the account gives a second proof, a code to a contact: the signature of a text cannot tell on
//!    whose page it was asked for, so a page that relays it would get in with the signature alone.
//! 5. A newer certificate of the same person is taken as theirs where it is no weaker, and every contact is told.
//!
//! Refused beside what the verifier refuses: the certificate of an organisation without a person, numbers that lead to two
//! accounts or contradict what is linked, a certificate that is weaker than the linked one, a disabled account.

mod challenge;
mod draft;
mod holder;
mod link;

use std::sync::Arc;

use kabinet_core::audit::{Event, Record};
use kabinet_core::authn::Factor;
use kabinet_core::certificate::{Holder, Linked};
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::id::{CertificateId, ChallengeId, ConfirmationId, UserId};
use kabinet_core::time::Timestamp;
use kabinet_core::user::User;
use kabinet_gost::verdict::RevocationStatus;
use kabinet_gost::{Certificate, Content, Ocsp, Reason, Request, SignatureVerifier, Verdict, pem};
use kabinet_store::{Tx, certificate, user};
use serde::{Deserialize, Serialize};

use crate::api_token::FreshApiToken;
use crate::config::{SecondProof, TwoFactors};
use crate::confirmation::{Attempt, CodeError, Confirmed};
use crate::delivery::{Notice, Purpose, Word};
use crate::device::FreshDevice;
use crate::hashing::{HashError, aside};
use crate::merge::FreshMerge;
use crate::method::upstream::FreshLink;
use crate::method::{Method, Place};
use crate::throttle::{Counters, network_standing};
use crate::{Error, Identity, Proof, Trouble, Visit};

pub use challenge::Challenge;
pub use draft::Draft;
pub use link::{Fresh, LinkError};

/// The entry in the list of methods.
pub const METHOD: Method = Method { id: "certificate", place: Place::Beside, registers: true };

/// How long a proven certificate can be linked or registered with, seconds.
const CARRIED: i64 = 15 * 60;

/// What a signature is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificatePurpose {
    /// To sign in.
    SignIn,
    /// To make an account.
    Register,
    /// To link the certificate to the account that is signed in.
    Link,
}

impl CertificatePurpose {
    /// The name in forms and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Register => "register",
            Self::Link => "link",
        }
    }

    /// The purpose of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::SignIn, Self::Register, Self::Link].into_iter().find(|one| one.as_str() == name)
    }
}

/// Why a signature proved nothing, or nothing that helps.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// There is no such challenge in this browser, for this use and request.
    #[error("unknown challenge")]
    Unknown,
    /// Its five minutes are over.
    #[error("the challenge has expired")]
    Expired,
    /// It was signed before, or its tries are spent.
    #[error("the challenge is spent")]
    Spent,
    /// What was sent is no base64.
    #[error("the signature is no base64")]
    Malformed,
    /// The verifier refused.
    #[error("refused: {}", .0.code())]
    Refused(Reason),
    /// The certificate names an organisation and no person.
    #[error("the certificate names no person")]
    Seal,
    /// Its numbers lead to two accounts, or contradict those of the linked certificate.
    #[error("the numbers in the certificate contradict each other")]
    Ambiguous,
    /// The linked certificate is a qualified one, this one is not.
    #[error("the certificate is weaker than the linked one")]
    Weaker,
    /// The account is disabled.
    #[error("the account is disabled")]
    Blocked,
    /// Too many attempts from this network.
    #[error("too many attempts")]
    Throttled {
        /// How long to wait.
        seconds: i64,
    },
    /// Too much is computed at once.
    #[error("too many sign-ins at once")]
    Busy {
        /// When to come again.
        seconds: i64,
    },
    /// The second proof could not be sent.
    #[error(transparent)]
    Code(CodeError),
    /// The verifier outside could not be asked.
    #[error(transparent)]
    Unavailable(#[from] kabinet_gost::verify::Unavailable),
    /// Not the person's fault.
    #[error(transparent)]
    Store(#[from] Error),
}

impl CertificateError {
    /// The code in answers, pages and the audit trail.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "challenge-unknown",
            Self::Expired => "challenge-expired",
            Self::Spent => "challenge-used",
            Self::Malformed => "malformed",
            Self::Refused(reason) => reason.code(),
            Self::Seal => "seal",
            Self::Ambiguous => "ambiguous",
            Self::Weaker => "weaker",
            Self::Blocked => "blocked",
            Self::Throttled { .. } => "throttled",
            Self::Busy { .. } | Self::Unavailable(_) | Self::Store(_) => "unavailable",
            Self::Code(_) => "code",
        }
    }
}

impl From<kabinet_store::Error> for CertificateError {
    fn from(error: kabinet_store::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<HashError> for CertificateError {
    fn from(error: HashError) -> Self {
        match Trouble::from(error) {
            Trouble::Busy(seconds) => Self::Busy { seconds },
            Trouble::Error(error) => Self::Store(error),
        }
    }
}

/// Somebody who has just signed a challenge. Only this module makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signer {
    holder: Holder,
    challenge: ChallengeId,
    factor: Factor,
}

impl Signer {
    /// Whom the certificate names.
    #[must_use]
    pub fn holder(&self) -> &Holder {
        &self.holder
    }

    pub(crate) fn challenge(&self) -> &ChallengeId {
        &self.challenge
    }

    /// What the signature is worth in a sign-in.
    pub(crate) fn factor(&self) -> Factor {
        self.factor
    }
}

/// What a signature led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateLogin {
    /// It is this person.
    Proven(Proof),
    /// It is somebody with an account, who enters a code that was sent.
    Confirm(ConfirmationId),
    /// Nobody has linked the certificate.
    Unlinked,
}

/// A signer on the way to the page that links or registers: sealed for one browser.
#[derive(Serialize, Deserialize)]
struct Carried {
    signer: Signer,
    until: Timestamp,
    /// The account that it may be linked to, where that was signed in.
    user: Option<UserId>,
}

impl Identity {
    /// Verifies the signature of a challenge and spends it. `signature`: a CMS message in base64, which may have line breaks.
    ///
    /// # Errors
    /// See [`CertificateError`]; a signature that was refused leaves the challenge as long as it has tries.
    pub async fn check_signature(
        &self,
        what: CertificatePurpose,
        id: &ChallengeId,
        signature: &str,
        visit: &Visit,
    ) -> Result<Signer, CertificateError> {
        match self.verify_challenge(what, id, signature, visit).await {
            Ok(signer) => {
                metrics::counter!("kabinet_certificate_signatures_total", "result" => "accepted").increment(1);
                Ok(signer)
            }
            Err(error) => {
                metrics::counter!("kabinet_certificate_signatures_total", "result" => error.code()).increment(1);
                self.record_refusal(&error, None, visit).await?;
                Err(error)
            }
        }
    }

    async fn verify_challenge(
        &self,
        what: CertificatePurpose,
        id: &ChallengeId,
        signature: &str,
        visit: &Visit,
    ) -> Result<Signer, CertificateError> {
        self.pass_signatures(visit).await?;
        self.count_of_network("signature", visit).await?;
        let kept = self.try_challenge(what, id, visit).await?;
        let signature = pem::base64(signature).map_err(|_| CertificateError::Malformed)?;
        let verdict = match &self.0.outside {
            Some(outside) => self.verify_outside(&**outside, &kept.text, &signature).await?,
            None => self.verify_asking(&kept.text, &signature).await?,
        };
        let seen = verdict.seen.certificate.as_ref().map(Certificate::sha256);
        let accepted = verdict.result.map_err(|refusal| {
            // Without the detail: it may be the name of a person.
            tracing::info!(error.code = refusal.reason.code(), certificate.sha256 = seen, "a signature was refused");
            CertificateError::Refused(refusal.reason)
        })?;
        let holder = holder::of(&accepted).ok_or(CertificateError::Seal)?;
        let mut tx = self.0.store.begin().await?;
        if !certificate::spend_challenge(&mut tx, id, self.now()).await? {
            return Err(CertificateError::Spent);
        }
        tx.commit().await?;
        tracing::info!(
            certificate.sha256 = holder.certificate.sha256,
            certificate.revocation = accepted.revocation.name(),
            "a signature was accepted"
        );
        let is_strong = match self.0.config.certificate.two_factors {
            TwoFactors::Checked => accepted.revocation != RevocationStatus::Unknown,
            TwoFactors::Always => true,
            TwoFactors::Never => false,
        };
        let factor = if is_strong { Factor::Cert } else { Factor::CertUnchecked };
        Ok(Signer { holder, challenge: id.clone(), factor })
    }

    async fn verify_outside(
        &self,
        outside: &dyn SignatureVerifier,
        text: &str,
        signature: &[u8],
    ) -> Result<Verdict, CertificateError> {
        let request = Request {
            signature,
            content: Content::Expected(text.as_bytes()),
            certificates: &[],
            now: self.now().0,
        };
        outside.verify(request).await.map_err(|unavailable| {
            tracing::warn!(error = %unavailable, "a signature could not be verified");
            unavailable.into()
        })
    }

    /// Verifies; where lists leave a certificate in doubt, once more with what its authority says.
    async fn verify_asking(&self, text: &str, signature: &[u8]) -> Result<Verdict, CertificateError> {
        let is_in_doubt = |verdict: &Verdict| match &verdict.result {
            Ok(accepted) => matches!(accepted.revocation, RevocationStatus::Unknown | RevocationStatus::Stale),
            Err(refusal) => {
                matches!(refusal.reason, Reason::RevocationUnknown | Reason::CrlStale | Reason::CrlBad)
            }
        };
        let mut verdict = self.verify(text, signature, Vec::new()).await?;
        if is_in_doubt(&verdict) && self.fetch_missing_lists(&verdict.seen.chain).await {
            verdict = self.verify(text, signature, Vec::new()).await?;
        }
        if is_in_doubt(&verdict) {
            let answers = self.ask_responders(&verdict.seen.chain).await;
            if !answers.is_empty() {
                verdict = self.verify(text, signature, answers).await?;
            }
        }
        Ok(verdict)
    }

    /// Some milliseconds of computing, under the permits that hashing has.
    async fn verify(&self, text: &str, signature: &[u8], answers: Vec<Arc<Ocsp>>) -> Result<Verdict, CertificateError> {
        let (mut verifier, now) = (self.verifier(), self.now().0);
        if !answers.is_empty() {
            Arc::make_mut(&mut verifier).trust.answers = answers;
        }
        let (text, signature) = (text.to_owned(), signature.to_vec());
        let permit = self.0.hasher.permit().await?;
        let (verdict, _) = aside(permit, move || {
            verifier.check(Request {
                signature: &signature,
                content: Content::Expected(text.as_bytes()),
                certificates: &[],
                now,
            })
        })
        .await?;
        Ok(verdict)
    }

    /// Whether this network may ask for and try signatures now.
    async fn pass_signatures(&self, visit: &Visit) -> Result<(), CertificateError> {
        match network_standing(&self.0.store, &visit.network).await.wait {
            0 => Ok(()),
            seconds => Err(CertificateError::Throttled { seconds }),
        }
    }

    /// Counts a signature that was refused, and writes it down.
    async fn record_refusal(
        &self,
        error: &CertificateError,
        user: Option<&UserId>,
        visit: &Visit,
    ) -> Result<(), CertificateError> {
        if matches!(
            error,
            CertificateError::Throttled { .. }
                | CertificateError::Busy { .. }
                | CertificateError::Unavailable(_)
                | CertificateError::Store(_)
        ) {
            return Ok(());
        }
        let record = Record::of(Event::LoginFailed).with("method", METHOD.id).with("reason", error.code());
        let record = user.iter().fold(record, |record, user| record.user(user));
        let record = visit.client.iter().fold(record, Record::client);
        let mut tx = self.0.store.begin().await?;
        self.write(&mut tx, &record, &visit.origin).await?;
        tx.commit().await?;
        Counters::of_network(visit).fail_network(&self.0.store).await;
        Ok(())
    }

    /// Finds the account of a signer, and asks for a second proof in a browser that is new to it. `remember`: what the person
    /// wishes, for the page of that proof.
    ///
    /// # Errors
    /// See [`CertificateError`].
    pub async fn sign_in_by_certificate(
        &self,
        (signer, remember): (Signer, bool),
        visit: &Visit,
    ) -> Result<CertificateLogin, CertificateError> {
        let Some(linked) = self.account_of(signer.holder()).await? else {
            return Ok(CertificateLogin::Unlinked);
        };
        let person = user::by_id(self.0.store.db(), &linked.user_id).await?.ok_or(Error::Gone)?;
        let refused = if person.disabled {
            Some(CertificateError::Blocked)
        } else if is_weaker(signer.holder(), &linked) {
            Some(CertificateError::Weaker)
        } else {
            None
        };
        if let Some(error) = refused {
            self.record_refusal(&error, Some(&person.id), visit).await?;
            return Err(error);
        }
        let is_known = self.0.throttle.knows(person.id.as_str(), visit);
        let is_enough = match self.0.config.certificate.second_proof {
            SecondProof::Never => true,
            SecondProof::NewDevice => is_known,
            SecondProof::Always => false,
        };
        if is_enough {
            let mut tx = self.0.store.begin().await?;
            self.note_sign_in(&mut tx, &linked, &signer, visit).await?;
            tx.commit().await?;
            self.posted();
            return Ok(CertificateLogin::Proven(Proof::new(person.id, vec![signer.factor()])));
        }
        let contact = self.second_contact(&person).ok_or(CertificateError::Code(CodeError::NotSent))?;
        let intent = Fresh::SignIn { certificate: linked.id, user: person.id, signer, remember };
        let sent = self.request_code(Purpose::SignIn, &contact, &intent, visit).await;
        sent.map(CertificateLogin::Confirm).map_err(CertificateError::Code)
    }

    /// Where a second proof goes: an address costs nothing and its box is not lost with a phone.
    pub(crate) fn second_contact(&self, person: &User) -> Option<Contact> {
        [ContactKind::Email, ContactKind::Phone]
            .into_iter()
            .filter(|kind| self.has_route(*kind))
            .find_map(|kind| person.contact(kind).filter(|held| held.verified_at.is_some()))
            .map(|held| held.contact.clone())
    }

    /// The linked certificate of the person that a certificate names.
    pub(crate) async fn account_of(&self, holder: &Holder) -> Result<Option<Linked>, CertificateError> {
        let found = certificate::find(self.0.store.db(), holder.numbers()).await?;
        only(found, holder)
    }

    /// Does what a right code of [`Purpose::SignIn`] was for.
    pub(crate) async fn finish_fresh(&self, attempt: Attempt, visit: &Visit) -> Result<Confirmed, CodeError> {
        if let Ok(then) = attempt.intent::<FreshLink>() {
            return self.finish_fresh_link(&attempt, then, visit).await;
        }
        if let Ok(then) = attempt.intent::<FreshApiToken>() {
            return self.finish_api_token(&attempt, then, visit).await;
        }
        if let Ok(then) = attempt.intent::<FreshDevice>() {
            return self.finish_fresh_device(&attempt, then, visit).await;
        }
        if let Ok(then) = attempt.intent::<FreshMerge>() {
            return self.finish_fresh_merge(&attempt, then, visit).await;
        }
        match attempt.intent()? {
            Fresh::SignIn { user, certificate, signer, remember } => {
                let proof = self.finish_sign_in(&attempt, (&user, &certificate, &signer), visit).await?;
                Ok(Confirmed::SignedIn(proof, remember))
            }
            Fresh::Link { user, session, signer } => {
                self.spend_in_session(&attempt, (&session, &user), visit).await?;
                match self.link_certificate(&user, &signer, visit).await {
                    Ok(_) => Ok(Confirmed::Linked),
                    Err(LinkError::Store(error)) => Err(error.into()),
                    Err(error) => Ok(Confirmed::NotLinked(error)),
                }
            }
            Fresh::Unlink { user, session, certificate } => {
                self.spend_in_session(&attempt, (&session, &user), visit).await?;
                match self.unlink_certificate(&user, &certificate, visit).await {
                    Ok(()) => Ok(Confirmed::Unlinked),
                    Err(LinkError::Store(error)) => Err(error.into()),
                    Err(error) => Ok(Confirmed::NotLinked(error)),
                }
            }
        }
    }

    /// The person, unless they were disabled or lost the contact since the code was sent there.
    async fn still_holds(&self, tx: &mut Tx, attempt: &Attempt, id: &UserId) -> Result<Option<User>, CodeError> {
        let holder = user::by_contact_in(tx, &attempt.contact).await?;
        Ok(holder.filter(|holder| holder.id == *id && !holder.disabled))
    }

    async fn finish_sign_in(
        &self,
        attempt: &Attempt,
        (user, certificate, signer): (&UserId, &CertificateId, &Signer),
        visit: &Visit,
    ) -> Result<Proof, CodeError> {
        let mut tx = self.spend(attempt, visit).await?;
        let found = certificate::find_in(&mut tx, signer.holder().numbers()).await?;
        // Unlinked, disabled or moved since the code was sent.
        let linked = only(found, signer.holder()).ok().flatten();
        let linked = linked.filter(|linked| linked.id == *certificate && linked.user_id == *user);
        let person = self.still_holds(&mut tx, attempt, user).await?;
        let (Some(linked), Some(person)) = (linked, person) else {
            tx.commit().await?;
            return Err(CodeError::Spent);
        };
        self.note_sign_in(&mut tx, &linked, signer, visit).await?;
        tx.commit().await?;
        self.posted();
        // NIST SP 800-63B-4 §3.1.3.1: a code by e-mail proves the address and is no authenticator.
        let factors = match attempt.contact.kind() {
            ContactKind::Phone => vec![signer.factor(), Factor::Otp],
            ContactKind::Email => vec![signer.factor()],
        };
        Ok(Proof::new(person.id, factors))
    }

    /// Notes a sign-in, and what a newer certificate says.
    async fn note_sign_in(&self, tx: &mut Tx, linked: &Linked, signer: &Signer, visit: &Visit) -> Result<(), Error> {
        certificate::note_use(tx, &linked.id, self.now()).await?;
        self.renew_in(tx, linked, signer.holder(), visit).await
    }

    /// Takes a newer certificate of the same person in place of the linked one, and tells every contact of it.
    async fn renew_in(&self, tx: &mut Tx, linked: &Linked, holder: &Holder, visit: &Visit) -> Result<(), Error> {
        // Of two that somebody uses in turn the one that lasts longer is kept.
        let is_newer = holder.certificate.sha256 != linked.holder.certificate.sha256
            && holder.certificate.not_after > linked.holder.certificate.not_after;
        if !is_newer {
            return Ok(());
        }
        certificate::renew(tx, &linked.id, &linked.holder.renewed(holder)).await?;
        self.note_organisation(tx, &linked.user_id, holder).await?;
        let record = Record::of(Event::CertificateRenewed)
            .user(&linked.user_id)
            .with("certificate", linked.id.as_str())
            .with("sha256", holder.certificate.sha256.as_str());
        self.write(tx, &record, &visit.origin).await?;
        if let Some(person) = user::by_id_in(tx, &linked.user_id).await? {
            let notice = Notice {
                person: &person,
                except: None,
                word: Word::CertificateRenewed(self.now()),
                brand: &visit.brand,
            };
            self.post_to_all(tx, notice).await?;
        }
        Ok(())
    }

    /// Carries a signer to the next page, in this browser only. `user`: the account that it may be linked to, where one is
    /// signed in.
    #[must_use]
    pub fn seal_signer(&self, signer: &Signer, user: Option<&UserId>, visit: &Visit) -> String {
        let carried = Carried {
            signer: signer.clone(),
            until: self.now().plus(CARRIED),
            user: user.cloned(),
        };
        let plain = serde_json::to_vec(&carried).unwrap_or_default();
        self.0.signers.seal(&plain, visit.binding.as_str().as_bytes(), &*self.0.entropy)
    }

    /// The signer that was carried here, and the account that it may be linked to; `None`: it is another browser's, was
    /// changed or is too old.
    #[must_use]
    pub fn open_signer(&self, sealed: &str, visit: &Visit) -> Option<(Signer, Option<UserId>)> {
        let plain = self.0.signers.open(sealed, visit.binding.as_str().as_bytes())?;
        let carried: Carried = serde_json::from_slice(&plain).ok()?;
        (carried.until > self.now()).then_some((carried.signer, carried.user))
    }
}

/// Whether somebody's certificate is no qualified one where the linked one is.
fn is_weaker(holder: &Holder, linked: &Linked) -> bool {
    linked.holder.certificate.is_qualified && !holder.certificate.is_qualified
}

/// The one linked certificate that was found, unless several were or it contradicts the holder.
fn only(mut found: Vec<Linked>, holder: &Holder) -> Result<Option<Linked>, CertificateError> {
    match (found.pop(), found.is_empty()) {
        (None, _) => Ok(None),
        (Some(one), true) if one.holder.agrees_with(holder) => Ok(Some(one)),
        _ => Err(CertificateError::Ambiguous),
    }
}
