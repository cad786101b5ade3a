//! Whether a provider answers. One that failed several times in a row is left alone for a while: whoever presses its button is
//! told at once, nobody waits for it, and pages hide the button.
//!
//! Each node knows what it has seen itself. Only silence counts ([`UpstreamError::Unavailable`]); a person who refuses, or an answer
//! that is not believed, shows that somebody is there.

use std::future::Future;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use kabinet_core::time::Timestamp;

use super::{Configured, UpstreamError};
use crate::Identity;

/// Failures in a row after which a provider is left alone.
const FAILURES: u32 = 3;
/// For how long, seconds; after that one more try is made by whoever comes.
const REST: i64 = 30;
/// How long a step of a sign-in waits for a provider unless its settings say otherwise.
pub(super) const STEP: Duration = Duration::from_secs(15);
/// The same for a probe.
pub(super) const PROBE: Duration = Duration::from_secs(10);

/// What this node has seen of a provider.
#[derive(Debug, Default)]
pub struct Health {
    failures: AtomicU32,
    /// Until when it is left alone.
    rests_until: AtomicI64,
}

impl Health {
    /// Whether it is worth asking.
    #[must_use]
    pub fn is_up(&self, now: Timestamp) -> bool {
        self.failures.load(Ordering::Relaxed) < FAILURES || self.rests_until.load(Ordering::Relaxed) <= now.0
    }

    /// Notes an answer or a silence; `true` when the provider has just come to be left alone, or has just come back.
    fn note(&self, is_silent: bool, now: Timestamp) -> bool {
        if !is_silent {
            return self.failures.swap(0, Ordering::Relaxed) >= FAILURES;
        }
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if failures >= FAILURES {
            self.failures.store(FAILURES, Ordering::Relaxed);
            self.rests_until.store(now.plus(REST).0, Ordering::Relaxed);
        }
        failures == FAILURES
    }
}

impl Identity {
    /// Counts how a provider answered.
    pub(super) fn note_health(&self, one: &Configured, error: Option<&UpstreamError>) {
        let (now, name) = (self.now(), one.settings.name.clone());
        let is_silent = matches!(error, Some(UpstreamError::Unavailable(_)));
        if one.health.note(is_silent, now) {
            match error {
                Some(error) if is_silent => {
                    tracing::warn!(upstream = name, %error, "a provider does not answer; its button is hidden for a while");
                }
                _ => tracing::info!(upstream = name, "a provider answers again"),
            }
        }
        metrics::gauge!("kabinet_upstream_up", "upstream" => name).set(if one.health.is_up(now) { 1.0 } else { 0.0 });
    }
}

/// The answer of a provider, unless it takes too long.
pub(super) async fn within<T>(
    most: Duration,
    answer: impl Future<Output = Result<T, UpstreamError>>,
) -> Result<T, UpstreamError> {
    tokio::time::timeout(most, answer)
        .await
        .unwrap_or_else(|_| Err(UpstreamError::Unavailable("no answer in time".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_that_is_silent_several_times_in_a_row_is_left_alone_for_a_while() {
        let (health, now) = (Health::default(), Timestamp(1000));
        assert!(!health.note(true, now) && !health.note(true, now));
        assert!(!health.note(false, now), "an answer between two silences");
        assert!(!health.note(true, now) && !health.note(true, now));
        assert!(health.is_up(now));
        assert!(health.note(true, now));
        assert!(!health.is_up(now) && !health.is_up(now.plus(REST - 1)));
        // Whoever comes then asks once more; another silence prolongs it at once.
        assert!(health.is_up(now.plus(REST)));
        health.note(true, now.plus(REST));
        assert!(!health.is_up(now.plus(REST)));
        assert!(health.note(false, now.plus(REST)) && health.is_up(now.plus(REST)));
    }
}
