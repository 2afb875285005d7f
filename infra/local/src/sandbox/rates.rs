//! How fast each business number hands messages over.

use std::collections::{BTreeMap, VecDeque};

/// The span over which a sender's rate is counted.
const RATE_SPAN_MS: i64 = 1000;

/// When each business number handed over its last messages.
#[derive(Debug, Default)]
pub(super) struct RecentSends {
    by_sender: BTreeMap<String, VecDeque<i64>>,
}

impl RecentSends {
    /// Counts one send, unless the last second is full.
    pub(super) fn admit(&mut self, sender: &str, now_ms: i64, per_second: usize) -> bool {
        let recent = self.by_sender.entry(sender.to_owned()).or_default();
        while recent.front().is_some_and(|at_ms| now_ms - at_ms >= RATE_SPAN_MS) {
            recent.pop_front();
        }
        let admitted = recent.len() < per_second;
        if admitted {
            recent.push_back(now_ms);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_counts_over_a_sliding_second_for_each_sender() {
        let mut recent = RecentSends::default();
        assert!(recent.admit("+1", 0, 2));
        assert!(recent.admit("+1", 600, 2));
        assert!(!recent.admit("+1", 999, 2));
        assert!(recent.admit("+2", 999, 2));
        assert!(recent.admit("+1", 1000, 2));
        assert!(!recent.admit("+1", 1599, 2));
        assert!(recent.admit("+1", 1600, 2));
    }
}
