//! The clock and the randomness of the machine: the only place that reads them from the surroundings.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use kabinet_core::ambient::{Clock, Entropy};
use kabinet_core::time::Timestamp;

/// What a provider takes from its surroundings.
#[derive(Clone)]
pub struct Ambient {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
}

impl Ambient {
    /// The system's clock and randomness.
    #[must_use]
    pub fn real() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        }
    }
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the clock that everything else is given"
        )]
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    }
}

struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the randomness that everything else is given"
        )]
        let filled = getrandom::fill(out);
        if filled.is_err() {
            // A guessable key is worse than no process at all.
            std::process::abort();
        }
    }
}
