//! The rolling messaging limit (M20-M23, D11, D13): what counts, and until when.
//!
//! Counted are unique users with a business-initiated message whose *latest* provider call
//! lies in the last 24 hours. The transactions stand in `store`; this is what they decide on.

use crate::time::{Millis, Timestamp};

/// How long a place is taken after the latest provider call.
pub const ROLLING: Millis = Millis::from_hours(24);

/// How much later than the arithmetic says a caller is told to come back, because the clocks of
/// two instances differ.
pub const CLOCK_MARGIN: Millis = Millis::from_seconds(2);

/// Whether a marker whose latest call was at `at` still takes a place at `now`.
#[must_use]
pub fn is_live(at: Timestamp, now: Timestamp) -> bool {
    now < at.plus(ROLLING)
}

/// The latest `at` that is expired at `now`.
#[must_use]
pub fn expired_until(now: Timestamp) -> Timestamp {
    now.minus(ROLLING)
}

/// When the place whose latest call was at `oldest` is free for certain.
#[must_use]
pub fn next_free_at(oldest: Timestamp) -> Timestamp {
    oldest.plus(ROLLING).plus(CLOCK_MARGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m21_a_place_is_taken_for_exactly_24_hours() {
        let at = Timestamp::from_millis(1_000);
        assert!(is_live(at, at.plus(Millis::new(ROLLING.get() - 1))));
        assert!(!is_live(at, at.plus(ROLLING)));
        assert_eq!(expired_until(at.plus(ROLLING)), at);
        assert_eq!(next_free_at(at).since(at).get(), 86_402_000);
    }
}
