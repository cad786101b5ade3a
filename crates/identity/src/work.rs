//! Work that is asked of an unknown browser while the risk is high, in place of a captcha (`kabinet_core::work`).
//!
//! 1. A page that is shown while much fails or is sent in its network carries a challenge ([`offer_work`](Identity::offer_work)),
//!    which its script solves while the person types.
//! 2. What is posted is held against what is known then: the failures of the account, the codes of a range of numbers. If
//!    work is due and was not done, nothing has happened, and the page is shown again with its challenge.
//! 3. A challenge is accepted once, with its answer at once or, from a browser without a script, after its delay. The mark
//!    of its use may be lost together with Redis; while Redis does not answer none is accepted.
//!
//! A browser that has signed in to the account before never meets it.

use std::time::Duration;

use kabinet_core::work::{Action, Challenge, LIFE};
use tokio::sync::OnceCell;

use crate::throttle::network_standing;
use crate::{Identity, Visit, gates};

/// What a page gives to its script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The challenge as it comes back.
    pub sealed: String,
    /// What is hashed before the answer.
    pub nonce: String,
    /// How many zero bits the hash must begin with.
    pub bits: u32,
    /// How many seconds a browser without a script waits.
    pub wait: i64,
}

/// What a form brought back. Accepted once, it stands for all that its visit does.
#[derive(Clone, Debug, Default)]
pub struct Solution {
    /// The challenge; empty: the page had none.
    pub sealed: String,
    /// The answer; empty: no script has found one.
    pub answer: String,
    accepted: OnceCell<bool>,
}

impl Solution {
    /// What stood in the two fields of a form.
    #[must_use]
    pub fn new(sealed: &str, answer: &str) -> Self {
        Self {
            sealed: sealed.to_owned(),
            answer: answer.to_owned(),
            accepted: OnceCell::new(),
        }
    }
}

/// Some work is to be done first; nothing has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("some work is to be done first")]
pub struct NeedsWork;

impl Identity {
    /// The challenge for a page that is shown now; `None` while the risk is low or where this browser is somebody's own.
    pub async fn offer_work(&self, action: Action, visit: &Visit) -> Option<Work> {
        if self.0.config.work.bits == 0 || !visit.devices.is_empty() {
            return None;
        }
        let store = &self.0.store;
        let is_tense = match action {
            Action::SignIn => network_standing(store, &visit.network).await.is_tense,
            _ => gates::is_tense(store, &visit.network).await || self.is_source_tense(action, visit).await,
        };
        is_tense.then(|| self.new_work(action, visit))
    }

    /// The challenge for a page whose post was not enough: the one that it brought while that is good, so that the time
    /// waited counts, else a new one. `None` where work is never asked.
    #[must_use]
    pub fn work_after(&self, action: Action, visit: &Visit) -> Option<Work> {
        if self.0.config.work.bits == 0 {
            return None;
        }
        let brought = visit.work.as_ref().filter(|work| work.accepted.get() != Some(&true));
        let good = brought.and_then(|work| Some((&work.sealed, self.open_work(&work.sealed, action, visit)?)));
        Some(match good {
            Some((sealed, challenge)) => self.shown(sealed.clone(), challenge),
            None => self.new_work(action, visit),
        })
    }

    /// Passes where work is never asked, where this visit's page asks for none, or where it was done.
    pub(crate) async fn demand_work(&self, action: Action, visit: &Visit) -> Result<(), NeedsWork> {
        let Some(work) = visit.work.as_ref().filter(|_| self.0.config.work.bits > 0) else {
            return Ok(());
        };
        if self.has_worked(work, action, visit).await {
            return Ok(());
        }
        metrics::counter!("kabinet_work_asked_total").increment(1);
        Err(NeedsWork)
    }

    /// Accepts what was done, where the page had a challenge, before anybody waits for a transaction.
    pub(crate) async fn accept_work(&self, action: Action, visit: &Visit) {
        if let Some(work) = visit.work.as_ref().filter(|work| !work.sealed.is_empty()) {
            self.has_worked(work, action, visit).await;
        }
    }

    async fn has_worked(&self, work: &Solution, action: Action, visit: &Visit) -> bool {
        *work.accepted.get_or_init(|| self.redeem_work(work, action, visit)).await
    }

    async fn redeem_work(&self, work: &Solution, action: Action, visit: &Visit) -> bool {
        let Some(challenge) = self.open_work(&work.sealed, action, visit) else {
            return false;
        };
        if !challenge.is_done(&work.answer, self.0.config.work.delay, self.now()) {
            return false;
        }
        let (key, life) = (format!("kabinet:work:{}", challenge.nonce), Duration::from_secs(2 * LIFE.unsigned_abs()));
        self.0.store.ephemeral().mark_once(&key, life).await
    }

    fn open_work(&self, sealed: &str, action: Action, visit: &Visit) -> Option<Challenge> {
        let plain = self.0.works.open(sealed, visit.binding.as_str().as_bytes())?;
        let challenge: Challenge = serde_json::from_slice(&plain).ok()?;
        challenge.is_good(action, self.now()).then_some(challenge)
    }

    fn new_work(&self, action: Action, visit: &Visit) -> Work {
        let entropy = &*self.0.entropy;
        let challenge = Challenge::new(action, self.0.config.work.bits, self.now(), entropy);
        let plain = serde_json::to_vec(&challenge).unwrap_or_default();
        let sealed = self.0.works.seal(&plain, visit.binding.as_str().as_bytes(), entropy);
        self.shown(sealed, challenge)
    }

    fn shown(&self, sealed: String, challenge: Challenge) -> Work {
        Work {
            wait: challenge.wait(self.0.config.work.delay, self.now()),
            sealed,
            nonce: challenge.nonce,
            bits: challenge.bits,
        }
    }
}
