//! Counts the webhooks under way, so that a test can wait for the last one instead of sleeping.

use tokio::sync::watch;

/// The count of webhooks under way.
#[derive(Debug)]
pub(super) struct InFlight {
    count: watch::Sender<usize>,
}

/// One piece of work under way; dropping it ends it, also when its task panics.
#[derive(Debug)]
pub(super) struct Underway {
    count: watch::Sender<usize>,
}

impl InFlight {
    pub(super) fn new() -> Self {
        Self { count: watch::Sender::new(0) }
    }

    /// Counts one more, from now until the guard is dropped.
    pub(super) fn begin(&self) -> Underway {
        self.count.send_modify(|count| *count += 1);
        Underway { count: self.count.clone() }
    }

    /// Waits until nothing is under way.
    pub(super) async fn none(&self) {
        let mut watched = self.count.subscribe();
        // The sender lives in `self`, so the channel cannot close while we wait.
        let _ = watched.wait_for(|count| *count == 0).await;
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.count.send_modify(|count| *count -= 1);
    }
}
