//! The one clock. In the cloud it is the system's; local mode moves it by hand; a test's stands
//! still until it is moved or somebody waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use transom_core::time::{Millis, Timestamp};

/// A clock. Cheap to clone; clones tell the same time.
#[derive(Debug, Clone, Default)]
pub struct Clock(Kind);

#[derive(Debug, Clone, Default)]
enum Kind {
    #[default]
    System,
    Shifted(Arc<AtomicI64>),
    Manual(Arc<AtomicI64>),
}

fn system_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(Kind::System)
    }

    /// The system's clock, already moved forward by `ahead`, which can be moved further.
    #[must_use]
    pub fn shifted(ahead: Millis) -> Self {
        Self(Kind::Shifted(Arc::new(AtomicI64::new(ahead.get().max(0)))))
    }

    /// How far this clock has been moved ahead of the system's.
    #[must_use]
    pub fn ahead(&self) -> Millis {
        match &self.0 {
            Kind::System | Kind::Manual(_) => Millis::new(0),
            Kind::Shifted(offset) => Millis::new(offset.load(Ordering::SeqCst)),
        }
    }

    /// A clock that stands at `at`. Whoever sleeps moves it, so no test waits.
    #[must_use]
    pub fn manual(at: Timestamp) -> Self {
        Self(Kind::Manual(Arc::new(AtomicI64::new(at.as_millis()))))
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(match &self.0 {
            Kind::System => system_millis(),
            Kind::Shifted(offset) => system_millis().saturating_add(offset.load(Ordering::SeqCst)),
            Kind::Manual(now) => now.load(Ordering::SeqCst),
        })
    }

    /// Moves the clock forward to `at`; it never goes back. The system's clock cannot be moved.
    pub fn advance_to(&self, at: Timestamp) {
        let by = at.since(self.now()).get();
        match &self.0 {
            Kind::System => {}
            Kind::Shifted(offset) => {
                offset.fetch_add(by.max(0), Ordering::SeqCst);
            }
            Kind::Manual(now) => {
                now.fetch_max(at.as_millis(), Ordering::SeqCst);
            }
        }
    }

    /// Waits until `at`. A manual clock is moved there instead.
    pub async fn sleep_until(&self, at: Timestamp) {
        match &self.0 {
            Kind::System | Kind::Shifted(_) => {
                let wait = at.since(self.now());
                if wait > Millis::new(0) {
                    tokio::time::sleep(wait.to_std()).await;
                }
            }
            Kind::Manual(_) => {
                self.advance_to(at);
                // Others may have something to do at the new time.
                tokio::task::yield_now().await;
            }
        }
    }
}
