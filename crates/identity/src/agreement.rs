//! Which legal texts a person agreed to (152-ФЗ as amended by 156-ФЗ).
//!
//! Each text has a record of its own: version, hash, time, address, browser, client. The account keeps the versions that
//! were agreed to last ([`User::agreed`](kabinet_core::user::User::agreed)), so that whether to ask again is known without
//! reading the records.

use kabinet_core::audit::{Event, Origin, Record};
use kabinet_core::id::{ClientId, UserId};
use kabinet_core::time::Timestamp;
use kabinet_store::change::{self, Kind};
use kabinet_store::document::{self, Agreement, Document};
use kabinet_store::{Result as StoreResult, Tx};

use crate::{Error, Identity, Visit};

/// Where, from where and when texts were agreed to.
pub(crate) struct Given<'a> {
    pub client: Option<&'a ClientId>,
    pub origin: &'a Origin,
    pub at: Timestamp,
}

impl Identity {
    /// Records that a person who has an account agreed to these texts, which from now on are those agreed to last.
    ///
    /// # Errors
    /// When the database fails; then nothing is recorded.
    pub async fn agree(&self, id: &UserId, documents: &[Document], visit: &Visit) -> Result<(), Error> {
        let given = Given {
            client: visit.client.as_ref(),
            origin: &visit.origin,
            at: self.now(),
        };
        let mut tx = self.0.store.begin().await?;
        self.accept(&mut tx, id, documents, &given).await?;
        change::tell(&mut tx, Kind::User, &[id.to_string()], self.now()).await?;
        tx.commit().await?;
        self.0.store.ephemeral().publish().await;
        Ok(())
    }

    /// The texts that a person agreed to and when, the newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn agreements_of(&self, id: &UserId) -> Result<Vec<(Document, Timestamp)>, Error> {
        Ok(document::of_user(self.0.store.db(), id).await?)
    }

    pub(crate) async fn accept(
        &self,
        tx: &mut Tx,
        id: &UserId,
        documents: &[Document],
        given: &Given<'_>,
    ) -> StoreResult<()> {
        for text in documents {
            let agreement = Agreement {
                document: text,
                client: given.client,
                origin: given.origin,
                at: given.at,
            };
            document::record(tx, id, &agreement, &*self.0.entropy).await?;
            let about = Record::of(Event::DocumentAccepted).user(id);
            let record = given
                .client
                .into_iter()
                .fold(about, Record::client)
                .with("document", text.document.as_str())
                .with("version", text.version.as_str());
            self.write(tx, &record, given.origin).await?;
        }
        document::set_agreed(tx, id, documents).await
    }
}
