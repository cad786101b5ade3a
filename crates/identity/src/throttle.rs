//! Who must wait after failed sign-ins (NIST SP 800-63B-4 §3.2.2).
//!
//! Failures are counted per account, whichever of its contacts was typed; an unknown contact is counted in the same way
//! under itself. A browser that has signed in to the account before is counted apart per network, so that strangers never
//! make its owner wait. All others count twice: per network, and together from anywhere, so that many addresses gain
//! nothing.
//!
//! Ten failures are free. Then each one costs a wait: 30 s, doubling up to an hour, and a day from the hundredth on. It is
//! never a lock. Beside it, unknown browsers of one network have a number of failures per minute and per hour, which is
//! kept where it may be lost.
//!
//! Half-way to the waits, after five failures or a third of what a network may have, an unknown browser does some work
//! before each try (see `work.rs`).
//!
//! Counters are read again with the hash permit in hand, and written before it is given back: guesses that come at the
//! same instant are at most the limit and the permits.

use std::time::Duration;

use kabinet_core::contact::Contact;
use kabinet_core::seal::Stamper;
use kabinet_core::secret::TokenHash;
use kabinet_core::time::Timestamp;
use kabinet_core::user::User;
use kabinet_store::throttle::{Failures, clear, clear_prefix, fail, read};
use kabinet_store::{Result, Store, Tx};

use serde::{Deserialize, Serialize};

use crate::Visit;

/// Failures in a row that cost nothing.
const FREE: i64 = 10;
/// Failures in a row from which on an unknown browser does some work first.
const TENSE: i64 = 5;
/// A network that has had this part of its failures does some work first.
pub(crate) const SOFT: u32 = 3;
/// Failures in a row from which on there is one try a day.
const MANY: i64 = 100;
/// The first wait, seconds.
const FIRST_WAIT: i64 = 30;
/// The longest wait below [`MANY`], seconds.
const LONGEST_WAIT: i64 = 3600;
const DAY: i64 = 24 * 3600;

/// Failures per network of unknown browsers: (name, how many, in how many seconds).
const NETWORK: [(&str, u32, u64); 2] = [("1m", 60, 60), ("1h", 600, 3600)];

/// The counters that one attempt is held against.
pub(crate) struct Counters {
    keys: Vec<String>,
    network: Option<String>,
}

/// Makes the keys of counters; they are digests, so that the table names nobody.
pub(crate) struct Throttle {
    stamper: Stamper,
}

impl Throttle {
    pub fn new(stamper: Stamper) -> Self {
        Self { stamper }
    }

    /// The counters of an attempt to sign in to the account that holds `contact`.
    pub fn sign_in(&self, user: Option<&User>, contact: &Contact, visit: &Visit) -> Counters {
        match user {
            Some(user) => self.of_user(user.id.as_str(), visit),
            None => self.of((contact.kind().as_str(), contact.value()), visit, false),
        }
    }

    /// The counters of an account, by its subject.
    pub fn of_user(&self, user: &str, visit: &Visit) -> Counters {
        self.of(("user", user), visit, self.knows(user, visit))
    }

    /// What a browser that has signed in to an account holds: no other browser and no other account has the same.
    pub fn device(&self, user: &str, binding: &TokenHash) -> String {
        self.stamper.stamp(&["device", user, binding.as_str()])
    }

    fn of(&self, (kind, subject): (&str, &str), visit: &Visit, known: bool) -> Counters {
        let account = self.account(kind, subject);
        let key = |device, network: &str| format!("{account}{}", self.stamper.stamp(&[subject, device, network]));
        if known {
            return Counters { keys: vec![key("known", &visit.network)], network: None };
        }
        let keys = vec![key("unknown", &visit.network), key("unknown", "")];
        Counters { keys, network: Some(visit.network.clone()) }
    }

    /// What the keys of an account's failures begin with.
    fn account(&self, kind: &str, subject: &str) -> String {
        self.stamper.stamp(&["sign-in", kind, subject])
    }

    /// Forgets the failures of an account from everywhere, and what was counted for its contacts.
    pub async fn forget(&self, tx: &mut Tx, user: &str, contacts: &[Contact]) -> Result<()> {
        clear_prefix(tx, &self.account("user", user)).await?;
        for contact in contacts {
            for trust in [Trust::Known, Trust::Unknown] {
                for window in ["1h", "1d"] {
                    clear(tx, &self.sending(contact, window, trust)).await?;
                }
                clear(tx, &self.wrong_code(contact, trust)).await?;
            }
        }
        Ok(())
    }

    /// Whether a browser has signed in to an account before.
    pub fn knows(&self, user: &str, visit: &Visit) -> bool {
        visit.devices.contains(&self.device(user, &visit.binding))
    }

    /// The key under which codes to a contact are counted; those that its owner asks for on a known device, apart.
    pub fn sending(&self, contact: &Contact, window: &str, trust: Trust) -> String {
        self.contact("code", contact, &[window, trust.as_str()])
    }

    /// The key under which wrong codes for a contact are counted.
    pub fn wrong_code(&self, contact: &Contact, trust: Trust) -> String {
        self.contact("wrong-code", contact, &[trust.as_str()])
    }

    fn contact(&self, what: &str, contact: &Contact, more: &[&str]) -> String {
        self.stamper.stamp(&[&[what, contact.kind().as_str(), contact.value()], more].concat())
    }
}

/// Whether a browser has signed in before to the account that it asks about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Trust {
    /// It has.
    #[serde(rename = "known")]
    Known,
    /// It has not, or there is no such account.
    #[default]
    #[serde(rename = "unknown")]
    Unknown,
}

impl Trust {
    fn as_str(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Unknown => "unknown",
        }
    }
}

/// What the counters of an attempt say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// How many seconds it must wait; 0: none.
    pub wait: i64,
    /// Whether some work is to be done first.
    pub is_tense: bool,
}

impl Counters {
    /// Of an attempt that names nobody: its network alone.
    pub fn of_network(visit: &Visit) -> Self {
        Self { keys: Vec::new(), network: Some(visit.network.clone()) }
    }

    /// Whether this attempt must wait, or some work be done for it.
    pub async fn standing(&self, store: &Store, now: Timestamp) -> Result<Standing> {
        let mut standing = match &self.network {
            Some(network) => network_standing(store, network).await,
            None => Standing { wait: 0, is_tense: false },
        };
        for key in &self.keys {
            let failures = read(store.db(), key, now).await?;
            standing.wait = standing.wait.max(wait(failures, now));
            standing.is_tense |= self.network.is_some() && failures.count >= TENSE;
        }
        Ok(standing)
    }

    /// Counts a failure.
    pub async fn fail(&self, tx: &mut Tx, now: Timestamp) -> Result<()> {
        for key in &self.keys {
            // A week, so that waits of up to a day are not forgotten before they are over.
            fail(tx, key, now, now.plus(7 * DAY)).await?;
        }
        Ok(())
    }

    /// Counts a failure of the network.
    pub async fn fail_network(&self, store: &Store) {
        let Some(network) = &self.network else { return };
        for (name, _, seconds) in NETWORK {
            store.ephemeral().hit(&network_key(name, network), Duration::from_secs(seconds)).await;
        }
    }

    /// Forgets the failures after a success.
    pub async fn clear(&self, tx: &mut Tx) -> Result<()> {
        for key in &self.keys {
            clear(tx, key).await?;
        }
        Ok(())
    }
}

/// What the failures of unknown browsers of a network say.
pub(crate) async fn network_standing(store: &Store, network: &str) -> Standing {
    let mut standing = Standing { wait: 0, is_tense: false };
    for (name, most, seconds) in NETWORK {
        let hits = store.ephemeral().hits(&network_key(name, network)).await;
        standing.is_tense |= hits >= most / SOFT;
        if hits >= most {
            standing.wait = standing.wait.max(i64::try_from(seconds).unwrap_or(i64::MAX));
        }
    }
    standing
}

fn network_key(window: &str, network: &str) -> String {
    format!("kabinet:sign-in:{window}:{network}")
}

/// How many seconds are left to wait after these failures.
fn wait(failures: Failures, now: Timestamp) -> i64 {
    let step = match failures.count {
        ..FREE => return 0,
        MANY.. => DAY,
        count => FIRST_WAIT.saturating_mul(1 << (count - FREE).min(16)).min(LONGEST_WAIT),
    };
    // A clock that was set back must not make anybody wait for longer than the step.
    failures.last.plus(step).since(now).clamp(0, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_begin_after_ten_failures_and_double_up_to_an_hour_and_never_become_a_lock() {
        let at = |count| wait(Failures { count, last: Timestamp(1000) }, Timestamp(1000));
        assert_eq!([0, 1, 9].map(at), [0, 0, 0]);
        assert_eq!([10, 11, 12, 16, 17, 99].map(at), [30, 60, 120, 1920, 3600, 3600]);
        assert_eq!([100, 100_000].map(at), [DAY, DAY]);
    }

    #[test]
    fn a_wait_passes_and_a_clock_set_back_does_not_stretch_it() {
        let failures = Failures { count: 10, last: Timestamp(1000) };
        assert_eq!([1001, 1029, 1030, 9999].map(|now| wait(failures, Timestamp(now))), [29, 1, 0, 0]);
        assert_eq!(wait(failures, Timestamp(5)), 30);
    }
}
