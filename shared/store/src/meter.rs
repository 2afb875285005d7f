//! What the store consumes: cost is a feature, so every call is counted.

use aws_sdk_dynamodb::types::ConsumedCapacity;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Read and write units, in tenths, because a read may cost half a unit.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    read_tenths: AtomicU64,
    write_tenths: AtomicU64,
    calls: AtomicU64,
}

impl Meter {
    /// Write units so far, index units included.
    #[must_use]
    pub fn write_units(&self) -> f64 {
        self.0.write_tenths.load(Ordering::Relaxed) as f64 / 10.0
    }

    /// Read units so far.
    #[must_use]
    pub fn read_units(&self) -> f64 {
        self.0.read_tenths.load(Ordering::Relaxed) as f64 / 10.0
    }

    /// Calls so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::Relaxed)
    }

    pub(crate) fn read(&self, consumed: Option<&ConsumedCapacity>) {
        self.add(&self.0.read_tenths, consumed);
    }

    pub(crate) fn write(&self, consumed: Option<&ConsumedCapacity>) {
        self.add(&self.0.write_tenths, consumed);
    }

    /// A condition that fails consumes a unit too, which the service charges and does not report.
    pub(crate) fn failed_condition(&self) {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        self.0.write_tenths.fetch_add(10, Ordering::Relaxed);
    }

    fn add(&self, counter: &AtomicU64, consumed: Option<&ConsumedCapacity>) {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        let units = consumed.and_then(|c| c.capacity_units).unwrap_or(0.0);
        counter.fetch_add((units * 10.0).round().max(0.0) as u64, Ordering::Relaxed);
    }
}
