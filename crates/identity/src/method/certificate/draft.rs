//! «Вернуться позже»: a registration by certificate that somebody wants to finish another day.
//!
//! It is found again by the person that the certificate names, who signs once more; nothing in it signs anybody in. What was
//! typed is sealed and forgotten after a month, or once the account is made.

use kabinet_core::certificate::Numbers;
use kabinet_store::{Tx, certificate};
use serde::{Deserialize, Serialize};

use super::Signer;
use crate::{Error, Identity};

/// How long it is kept, seconds.
const KEPT: i64 = 30 * 24 * 3600;

/// What was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The contact as typed.
    pub contact: String,
    /// The partner's code as typed.
    pub partner_code: String,
}

impl Identity {
    /// Keeps what somebody has typed, in place of what was kept before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_draft(&self, signer: &Signer, draft: &Draft) -> Result<(), Error> {
        let key = self.draft_key(signer);
        let plain = serde_json::to_vec(draft).unwrap_or_default();
        let sealed = self.0.signers.seal(&plain, key.as_bytes(), &*self.0.entropy);
        let mut tx = self.0.store.begin().await?;
        certificate::put_draft(&mut tx, &key, &sealed, self.now().plus(KEPT)).await?;
        Ok(tx.commit().await?)
    }

    /// What the same person had typed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn draft(&self, signer: &Signer) -> Result<Option<Draft>, Error> {
        let key = self.draft_key(signer);
        let sealed = certificate::draft(self.0.store.db(), &key, self.now()).await?;
        let plain = sealed.and_then(|sealed| self.0.signers.open(&sealed, key.as_bytes()));
        Ok(plain.and_then(|plain| serde_json::from_slice(&plain).ok()))
    }

    pub(crate) async fn drop_draft(&self, tx: &mut Tx, signer: &Signer) -> Result<(), Error> {
        Ok(certificate::drop_draft(tx, &self.draft_key(signer)).await?)
    }

    fn draft_key(&self, signer: &Signer) -> String {
        let Numbers { snils, inn, key } = signer.holder().numbers();
        self.0.codes.stamp(&["draft", snils.or(inn).or(key).unwrap_or_default()])
    }
}
