//! Which legal texts there are and which a person agreed to (152-ФЗ as amended by 156-ФЗ).
//!
//! 1. [`publish`](Identity::publish) adds a version; every node hears of it. What was published before stays.
//! 2. [`agree`](Identity::agree) records each text by itself: version, hash, time, address, browser, client. The account keeps
//!    what was agreed to last ([`User::agreed`](kabinet_core::user::User::agreed)), so that whether to ask again is known
//!    without reading the records.
//! 3. [`withdraw_consent`](Identity::withdraw_consent) takes the personal-data consent back: a record of its own, the end of every
//!    session and grant, and word to every confirmed contact, in one transaction. The account stays; nobody gets anything of
//!    it until the person consents again, which the next sign-in asks for.
//!
//! Changes of one account's agreements come one after the other: each tells of its change first, and that locks.

use kabinet_core::audit::{Event, Origin, Record};
use kabinet_core::authn::Session;
use kabinet_core::document::{Act, Agreed, BadDocument, Document, Head, Kind as DocumentKind, NewDocument, Reference};
use kabinet_core::id::{ClientId, UserId};
use kabinet_core::time::Timestamp;
use kabinet_store::change::{self, Kind};
use kabinet_store::document::{self, Agreement, Publication};
use kabinet_store::{Error as StoreError, Result as StoreResult, Tx, grant, user};

use crate::delivery::{Notice, Word};
use crate::{Error, Identity, Visit};

/// Why a version was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// It cannot be published as it is.
    #[error(transparent)]
    Bad(#[from] BadDocument),
    /// What was published is never changed.
    #[error("this version was published with another text or title; give the new text a version of its own")]
    Differs,
    /// There is nothing that it could correct.
    #[error("nothing was published before that this could be a correction of")]
    NothingBefore,
    /// Not the caller's fault.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<StoreError> for PublishError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

/// Where, from where and when texts were agreed to.
pub(crate) struct Given<'a> {
    pub client: Option<&'a ClientId>,
    pub origin: &'a Origin,
    pub at: Timestamp,
}

impl Identity {
    /// Publishes a version of a legal text; `false` when the very same was published before and nothing has changed.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub async fn publish(&self, new: &NewDocument, origin: &Origin) -> Result<(Head, bool), PublishError> {
        new.check()?;
        let (now, kind) = (self.now(), new.kind.as_str());
        let mut tx = self.0.store.begin().await?;
        change::tell(&mut tx, Kind::Document, &[kind.to_owned()], now).await?;
        let head = match document::publish(&mut tx, new, now).await? {
            Publication::Done(head) => head,
            Publication::Before(head) => {
                tx.rollback().await?;
                return Ok((head, false));
            }
            Publication::Differs => return Err(PublishError::Differs),
            Publication::NothingBefore => return Err(PublishError::NothingBefore),
        };
        let record = Record::of(Event::DocumentPublished)
            .with("document", kind)
            .with("brand", head.brand.as_str())
            .with("version", head.version.as_str())
            .with("sha256", head.sha256.as_str())
            .with("minor", new.is_minor);
        self.write(&mut tx, &record, origin).await?;
        tx.commit().await?;
        self.0.store.ephemeral().publish().await;
        Ok((head, true))
    }

    /// A version with its text, also one that is no longer in force; samples are not kept here.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn document(&self, head: &Head) -> Result<Option<Document>, Error> {
        Ok(document::one(self.0.store.db(), head.kind, &head.brand, &head.version).await?)
    }

    /// Records that a person who has an account agreed to these texts; of what was agreed to in another tab a moment ago, no
    /// second record is made.
    ///
    /// # Errors
    /// When the database fails; then nothing is recorded.
    pub async fn agree(&self, id: &UserId, texts: &[Reference], visit: &Visit) -> Result<(), Error> {
        let given = Given {
            client: visit.client.as_ref(),
            origin: &visit.origin,
            at: self.now(),
        };
        let mut tx = self.0.store.begin().await?;
        change::tell(&mut tx, Kind::User, &[id.to_string()], given.at).await?;
        let person = user::by_id_in(&mut tx, id).await?.ok_or(Error::Gone)?;
        let agreed = person.agreed.unwrap_or_default();
        let is_new = |text: &&Reference| agreed.version_of(&text.document, &text.brand) != Some(text.version.as_str());
        let new: Vec<Reference> = texts.iter().filter(is_new).cloned().collect();
        self.accept(&mut tx, (id, agreed), &new, &given).await?;
        tx.commit().await?;
        self.0.store.ephemeral().publish().await;
        Ok(())
    }

    /// What a person agreed to and took back, the newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn agreements_of(&self, id: &UserId) -> Result<Vec<kabinet_core::document::Record>, Error> {
        Ok(document::of_user(self.0.store.db(), id).await?)
    }

    /// Takes the personal-data consent back and ends every session and grant of the person; `false` when none is in force.
    ///
    /// # Errors
    /// When the database fails; then nothing has changed.
    pub async fn withdraw_consent(&self, session: &Session, visit: &Visit) -> Result<bool, Error> {
        let (now, id, kind) = (self.now(), &session.user_id, DocumentKind::PdConsent.as_str());
        let mut tx = self.0.store.begin().await?;
        change::tell(&mut tx, Kind::User, &[id.to_string()], now).await?;
        let person = user::by_id_in(&mut tx, id).await?.ok_or(Error::Gone)?;
        let mut agreed = person.agreed.clone().unwrap_or_default();
        let taken = agreed.take(kind);
        if taken.is_empty() {
            tx.rollback().await?;
            return Ok(false);
        }
        for text in self.texts_of(&mut tx, id, taken).await? {
            self.record(
                &mut tx,
                id,
                &Agreement {
                    text: &text,
                    act: Act::Withdrawn,
                    client: None,
                    origin: &visit.origin,
                    at: now,
                },
            )
            .await?;
        }
        document::set_agreed(&mut tx, id, &agreed).await?;
        self.end_all_in(&mut tx, (id, ""), "the personal-data consent was withdrawn", &visit.origin)
            .await?;
        grant::end_of_user(&mut tx, id, now).await?;
        let notice = Notice {
            person: &person,
            except: None,
            word: Word::ConsentWithdrawn(now),
            brand: &visit.brand,
        };
        self.post_to_all(&mut tx, notice).await?;
        tx.commit().await?;
        self.0.store.ephemeral().publish().await;
        self.posted();
        Ok(true)
    }

    /// The personal-data consents of these brands and versions as they were recorded.
    async fn texts_of(&self, tx: &mut Tx, id: &UserId, taken: Vec<(String, String)>) -> StoreResult<Vec<Reference>> {
        let records = document::of_user_in(tx, id).await?;
        let kind = DocumentKind::PdConsent.as_str();
        let text = |(brand, version): (String, String)| {
            let is_it = |text: &&Reference| text.document == kind && text.brand == brand && text.version == version;
            let recorded = records.iter().map(|record| &record.text).find(is_it);
            let sha256 = recorded.map(|text| text.sha256.clone()).unwrap_or_default();
            Reference { document: kind.to_owned(), brand, version, sha256 }
        };
        Ok(taken.into_iter().map(text).collect())
    }

    /// Records agreements inside a transaction and notes them on the account, beside what it `agreed` to before.
    pub(crate) async fn accept(
        &self,
        tx: &mut Tx,
        (id, mut agreed): (&UserId, Agreed),
        texts: &[Reference],
        given: &Given<'_>,
    ) -> StoreResult<()> {
        let Given { client, origin, at } = *given;
        for text in texts {
            self.record(tx, id, &Agreement { text, act: Act::Given, client, origin, at }).await?;
            agreed.put(text);
        }
        document::set_agreed(tx, id, &agreed).await
    }

    /// The record and its audit record.
    async fn record(&self, tx: &mut Tx, id: &UserId, agreement: &Agreement<'_>) -> StoreResult<()> {
        document::record(tx, id, agreement, &*self.0.entropy).await?;
        let Agreement { text, act, client, origin, .. } = agreement;
        let event = match act {
            Act::Given => Event::DocumentAccepted,
            Act::Withdrawn => Event::ConsentWithdrawn,
        };
        let about = client.iter().fold(Record::of(event).user(id), |record, client| record.client(client));
        let about = about
            .with("document", text.document.as_str())
            .with("brand", text.brand.as_str())
            .with("version", text.version.as_str());
        self.write(tx, &about, origin).await
    }
}
