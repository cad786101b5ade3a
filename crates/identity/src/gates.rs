//! The gates that a code passes before it is sent, from the cheap to the dear (SMS pumping, spam, enumeration).
//!
//! 1. **network**: so many codes in an hour and in a day are asked for from one; from a third of them on, an unknown browser
//!    does some work first;
//! 2. **asn**: the same for the autonomous system of that network, where the operator has tables (`source.rs`);
//! 3. **device**: a browser that has signed in to the account passes the gates of network, system and destination, and is
//!    counted apart at those of the contact, so that strangers never stand between an account and its owner;
//! 4. **country** and **number**: in the number itself, see `Identity::reaches`;
//! 5. **contact**: so many codes in an hour and in a day, whoever asks, and none after too many wrong ones;
//! 6. **range** and **country**: how many codes go there and how many are entered (`kabinet_core::destination`).
//!
//! Whoever is refused is told the same at each of 1, 2, 5 and 6: to come again in so many minutes. Which gate it was stands in
//! the log and in the metric. A code that was refused has not been counted.

use std::time::Duration;

use kabinet_core::contact::Contact;
use kabinet_core::destination::{Limits, Verdict, judge};
use kabinet_core::work::Action;
use kabinet_store::destination::{self, Names};
use kabinet_store::{Store, Tx, throttle, user};

use crate::confirmation::CodeError;
use crate::delivery::Purpose;
use crate::throttle::{SOFT, Trust};
use crate::{Error, Identity, Visit};

const HOUR: i64 = 3600;
pub(crate) const DAY: i64 = 24 * HOUR;

/// Codes that one network may ask for: (name, how many, in how many seconds).
const NETWORK: [(&str, u32, u64); 2] = [("1h", 200, 3600), ("1d", 1000, 24 * 3600)];

/// Who asks for a code, and where it is to go.
pub(crate) struct Asking<'a> {
    pub action: Action,
    pub contact: &'a Contact,
    pub trust: Trust,
    pub visit: &'a Visit,
}

/// What a code of this purpose is asked for with, where its page asks for work.
pub(crate) fn action_of(purpose: Purpose) -> Action {
    match purpose {
        Purpose::Register => Action::Register,
        _ => Action::Recover,
    }
}

fn network_key(window: &str, network: &str) -> String {
    format!("kabinet:code:{window}:{network}")
}

/// Whether a network has asked for so many codes that the next ones cost some work.
pub(crate) async fn is_tense(store: &Store, network: &str) -> bool {
    for (window, most, _) in NETWORK {
        if store.ephemeral().hits(&network_key(window, network)).await >= most / SOFT {
            return true;
        }
    }
    false
}

/// Says in the log and in the metric which gate refused.
fn refuse(gate: &'static str, seconds: i64) -> CodeError {
    refused(gate);
    CodeError::Limited { seconds }
}

pub(crate) fn refused(gate: &'static str) {
    metrics::counter!("kabinet_codes_refused_total", "gate" => gate).increment(1);
    tracing::info!(gate, "a code was refused");
}

impl Identity {
    /// Counts a request of this network and of its autonomous system: the gate that stands before any work of ours.
    pub(crate) async fn pass_network(&self, action: Action, contact: &Contact, visit: &Visit) -> Result<(), CodeError> {
        self.accept_work(action, visit).await;
        let (mut wait, mut gate, mut is_tense) = (0, "network", false);
        for (window, most, seconds) in NETWORK {
            let key = network_key(window, &visit.network);
            let hits = self.0.store.ephemeral().hit(&key, Duration::from_secs(seconds)).await;
            is_tense |= hits > most / SOFT;
            if hits > most {
                wait = i64::try_from(seconds).unwrap_or(i64::MAX);
            }
        }
        match self.pass_source(action, contact, visit).await {
            Verdict::Open => {}
            Verdict::Closed { seconds } if wait == 0 => (wait, gate) = (seconds, "asn"),
            _ => is_tense = true,
        }
        if (wait == 0 && !is_tense) || self.is_own_device(contact, visit).await? {
            return Ok(());
        }
        match wait {
            0 => Ok(self.demand_work(action, visit).await?),
            seconds => Err(refuse(gate, seconds)),
        }
    }

    /// Whether this browser has signed in before to the account of this contact.
    async fn is_own_device(&self, contact: &Contact, visit: &Visit) -> Result<bool, Error> {
        if visit.devices.is_empty() {
            return Ok(false);
        }
        let holder = user::by_contact(self.0.store.db(), contact).await?;
        Ok(holder.is_some_and(|holder| self.0.throttle.knows(holder.id.as_str(), visit)))
    }

    /// Counts a code in the transaction that sends it, and gives that back if it may be sent.
    pub(crate) async fn pass_gates(&self, mut tx: Tx, asking: &Asking<'_>) -> Result<Tx, CodeError> {
        self.pass_contact(&mut tx, asking).await?;
        let (Some(range), Some(country)) = (asking.contact.range(), asking.contact.country()) else {
            return Ok(tx);
        };
        let (config, now) = (&self.0.config.confirmation, self.now());
        let names = Names { range, country: country.as_str() };
        let [in_range, in_country] = destination::sent(&mut tx, names, now, HOUR).await?;
        if asking.trust == Trust::Known {
            return Ok(tx);
        }
        let limits = |most, sample| Limits {
            most,
            sample,
            percent: config.entered_percent,
            closed: config.closed,
        };
        let (range_sample, country_sample) = config.samples;
        for (gate, name, verdict) in [
            ("range", range, judge(&in_range, &limits(Some(config.per_range), range_sample), now)),
            ("country", country.as_str(), judge(&in_country, &limits(None, country_sample), now)),
        ] {
            match verdict {
                Verdict::Open => {}
                Verdict::Tight => self.demand_work(asking.action, asking.visit).await?,
                Verdict::Full { seconds } | Verdict::Closed { seconds } => return Err(refuse(gate, seconds)),
                Verdict::Closes { seconds } => {
                    tx.rollback().await?;
                    self.close(name, seconds).await?;
                    return Err(refuse(gate, seconds));
                }
            }
        }
        Ok(tx)
    }

    /// Counts an invitation for its contact and its range, in the transaction that sends it. Who invites is known and has a
    /// limit of their own, so nothing is asked of a browser; and its code is entered days later, so it counts as entered at once:
    /// it neither opens nor closes a range or a country, but a closed or full one holds.
    pub(crate) async fn pass_invitation(&self, tx: &mut Tx, contact: &Contact) -> Result<(), CodeError> {
        let now = self.now();
        let key = self.0.throttle.sending(contact, "invitation", Trust::Unknown);
        let (count, ends) = throttle::count(tx, &key, now, DAY).await?;
        if count > self.0.config.invitation.per_contact {
            return Err(refuse("contact", ends.since(now).max(1)));
        }
        let (Some(range), Some(country)) = (contact.range(), contact.country()) else {
            return Ok(());
        };
        let config = &self.0.config.confirmation;
        let names = Names { range, country: country.as_str() };
        let [in_range, in_country] = destination::sent(tx, names, now, HOUR).await?;
        destination::entered(tx, names, now).await?;
        let limits = |most| Limits {
            most,
            sample: i64::MAX,
            percent: config.entered_percent,
            closed: config.closed,
        };
        for (gate, tally, most) in [("range", in_range, Some(config.per_range)), ("country", in_country, None)] {
            match judge(&tally, &limits(most), now) {
                Verdict::Open | Verdict::Tight => {}
                Verdict::Full { seconds } | Verdict::Closed { seconds } | Verdict::Closes { seconds } => {
                    return Err(refuse(gate, seconds));
                }
            }
        }
        Ok(())
    }

    /// The limits of a contact, whoever asks.
    async fn pass_contact(&self, tx: &mut Tx, asking: &Asking<'_>) -> Result<(), CodeError> {
        let (config, now) = (&self.0.config.confirmation, self.now());
        let mut today = 0;
        for (window, seconds, most) in [("1h", HOUR, config.per_hour), ("1d", DAY, config.per_day)] {
            let key = self.0.throttle.sending(asking.contact, window, asking.trust);
            let (count, ends) = throttle::count(tx, &key, now, seconds).await?;
            if count > most {
                return Err(refuse("contact", ends.since(now).max(1)));
            }
            today = count;
        }
        // So many wrong tries take some codes: the first ones of a day need not look.
        if today.saturating_sub(1).saturating_mul(config.tries) < config.wrong_per_day {
            return Ok(());
        }
        match self.wrong_codes_wait(tx, asking.contact, asking.trust).await? {
            Some(seconds) => Err(refuse("wrong-codes", seconds)),
            None => Ok(()),
        }
    }

    /// In how many seconds codes for a contact are compared again; `None`: now.
    pub(crate) async fn wrong_codes_wait(
        &self,
        tx: &mut Tx,
        contact: &Contact,
        trust: Trust,
    ) -> Result<Option<i64>, Error> {
        let (key, now) = (self.0.throttle.wrong_code(contact, trust), self.now());
        let wrong = throttle::window(tx, &key, now).await?;
        let spent = wrong.filter(|(count, _)| *count >= self.0.config.confirmation.wrong_per_day);
        Ok(spent.map(|(_, ends)| ends.since(now).max(1)))
    }

    async fn close(&self, name: &str, seconds: i64) -> Result<(), Error> {
        let mut tx = self.0.store.begin().await?;
        if destination::close(&mut tx, name, self.now().plus(seconds)).await? {
            tracing::warn!(destination = name, seconds, "too few codes come back from a destination; it is closed");
        }
        Ok(tx.commit().await?)
    }
}
