//! The gate of autonomous systems: codes are counted by who runs the network that asks for them, where the operator has
//! supplied tables (`asn.rs`). Without tables, and for addresses that they do not hold, there is no such gate.
//!
//! 1. Requests for codes, and those of them that begin a registration, are counted by the hour; beyond a number each costs
//!    an unknown browser some work.
//! 2. SMS that went out and codes of such that were entered are counted, too; when too few come back each costs work, and
//!    when hardly any of a lot do, none is sent until the hour is over (`kabinet_core::destination::judge_source`).
//!
//! The counters may be lost (DESIGN decision 7). Their hours are those of the clock, so that what was sent and what was
//! entered begin together.

use std::time::Duration;

use kabinet_core::contact::Contact;
use kabinet_core::destination::{Source, Verdict, judge_source};
use kabinet_core::work::Action;

use crate::asn::Asn;
use crate::{Identity, Visit};

const HOUR: i64 = 3600;
const LIFE: Duration = Duration::from_secs(HOUR.unsigned_abs());

/// What is counted.
#[derive(Clone, Copy)]
enum What {
    Asked,
    Registrations,
    Sent,
    Entered,
    /// That the log has been told of its being closed.
    Told,
}

impl What {
    fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Registrations => "registrations",
            Self::Sent => "sent",
            Self::Entered => "entered",
            Self::Told => "told",
        }
    }
}

/// Whether a request is counted or only looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Count,
    Peek,
}

impl Identity {
    /// Counts a request, and says what becomes of it.
    pub(crate) async fn pass_source(&self, action: Action, contact: &Contact, visit: &Visit) -> Verdict {
        let Some(asn) = self.system_of(visit) else {
            return Verdict::Open;
        };
        let is_sms = contact.country().is_some();
        let verdict = self.judge(asn, action, is_sms, Look::Count).await;
        if let Verdict::Closed { seconds } = verdict
            && self.0.store.ephemeral().mark_once(&self.key(asn, What::Told), LIFE).await
        {
            tracing::warn!(%asn, seconds, "too few codes come back from an autonomous system; it gets no SMS for a while");
        }
        verdict
    }

    /// Whether the next code costs the visitors of this autonomous system some work.
    pub(crate) async fn is_source_tense(&self, action: Action, visit: &Visit) -> bool {
        match self.system_of(visit) {
            Some(asn) => self.judge(asn, action, true, Look::Peek).await != Verdict::Open,
            None => false,
        }
    }

    /// Counts a code that is on its way.
    pub(crate) async fn count_sent(&self, contact: &Contact, visit: &Visit) {
        self.count(What::Sent, contact, visit).await;
    }

    /// Counts a code that was entered.
    pub(crate) async fn count_entered(&self, contact: &Contact, visit: &Visit) {
        self.count(What::Entered, contact, visit).await;
    }

    async fn count(&self, what: What, contact: &Contact, visit: &Visit) {
        if let (Some(asn), Some(_)) = (self.system_of(visit), contact.country()) {
            self.0.store.ephemeral().hit(&self.key(asn, what), LIFE).await;
        }
    }

    async fn judge(&self, asn: Asn, action: Action, is_sms: bool, look: Look) -> Verdict {
        let config = &self.0.config.confirmation;
        let mut asked = (self.counted(asn, What::Asked, look).await, config.per_asn);
        if action == Action::Register {
            let begun = (self.counted(asn, What::Registrations, look).await, config.registrations_per_asn);
            // The one that is over its number counts.
            if begun.0 > begun.1 {
                asked = begun;
            }
        }
        let (sent, entered) = match is_sms {
            true => (
                self.counted(asn, What::Sent, Look::Peek).await,
                self.counted(asn, What::Entered, Look::Peek).await,
            ),
            false => (0, 0),
        };
        let left = HOUR - self.now().0.rem_euclid(HOUR);
        judge_source(&Source { asked, sent, entered }, config.asn_sample, config.entered_percent, left)
    }

    async fn counted(&self, asn: Asn, what: What, look: Look) -> i64 {
        let (ephemeral, key) = (self.0.store.ephemeral(), self.key(asn, what));
        match look {
            Look::Count => ephemeral.hit(&key, LIFE).await.into(),
            Look::Peek => ephemeral.hits(&key).await.into(),
        }
    }

    fn key(&self, asn: Asn, what: What) -> String {
        format!("kabinet:code:{asn}:{}:{}", self.now().0.div_euclid(HOUR), what.as_str())
    }

    fn system_of(&self, visit: &Visit) -> Option<Asn> {
        let networks = self.0.networks.load();
        networks.as_ref()?.find(visit.origin.ip.parse().ok()?)
    }
}
