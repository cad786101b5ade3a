//! The one signal that everything ends by.

use std::sync::Arc;

use tokio::sync::watch;

/// Says that the process is ending. Clones are the same signal.
#[derive(Clone, Debug)]
pub struct Shutdown(Arc<watch::Sender<bool>>);

impl Default for Shutdown {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Shutdown {
    /// Begins to end: readiness goes, listeners drain, jobs stop.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Whether the end has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the end begins.
    pub async fn begun(&self) {
        let mut seen = self.0.subscribe();
        // The sender lives in `self`, so this ends by the value alone.
        let _ = seen.wait_for(|begun| *begun).await;
    }
}
