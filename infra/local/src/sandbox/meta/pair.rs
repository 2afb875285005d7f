//! How fast one number may write to one customer.

use std::collections::BTreeMap;

/// What every message to one customer costs in time.
const MESSAGE_MS: i64 = 6_000;

/// A burst may borrow from the future within this span.
const BURST_SPAN_MS: i64 = 6_000;

/// The most messages of a burst.
const BURST_MESSAGES_MAX: i64 = 45;

/// The messages since the last one that stood alone.
#[derive(Debug, Clone, Copy)]
struct Burst {
    began_ms: i64,
    count: i64,
}

/// The bursts of each pair of number and customer.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    bursts: BTreeMap<(String, String), Burst>,
}

impl Pairs {
    /// Counts one message, unless the pair has to wait: up to 45 go within 6 s, and then none
    /// until as many times 6 s have passed since the first of them.
    pub(super) fn admit(&mut self, business: &str, customer: &str, now_ms: i64) -> bool {
        let key = (business.to_owned(), customer.to_owned());
        let burst = self.bursts.entry(key).or_insert(Burst { began_ms: now_ms, count: 0 });
        if now_ms - burst.began_ms >= burst.count * MESSAGE_MS {
            *burst = Burst { began_ms: now_ms, count: 0 };
        }
        let admitted = now_ms - burst.began_ms < BURST_SPAN_MS && burst.count < BURST_MESSAGES_MAX;
        burst.count += i64::from(admitted);
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(pairs: &mut Pairs, at_ms: &[i64]) -> Vec<bool> {
        at_ms.iter().map(|at_ms| pairs.admit("+1", "+91", *at_ms)).collect()
    }

    #[test]
    fn one_message_every_six_seconds_always_passes() {
        let mut pairs = Pairs::default();
        assert_eq!(admitted(&mut pairs, &[0, 6_000, 12_000, 18_000]), [true; 4]);
    }

    #[test]
    fn a_burst_is_paid_back_before_the_next_message() {
        let mut pairs = Pairs::default();
        // Four in 6 s cost 24 s.
        assert_eq!(admitted(&mut pairs, &[0, 100, 200, 5_999]), [true; 4]);
        assert_eq!(admitted(&mut pairs, &[6_000, 23_999, 24_000]), [false, false, true]);
        assert!(pairs.admit("+1", "+92", 6_000));
    }

    #[test]
    fn a_burst_has_an_end() {
        let mut pairs = Pairs::default();
        let admitted = (0..50).filter(|_| pairs.admit("+1", "+91", 0)).count();
        assert_eq!(admitted, 45);
        assert!(!pairs.admit("+1", "+91", 45 * MESSAGE_MS - 1));
        assert!(pairs.admit("+1", "+91", 45 * MESSAGE_MS));
    }
}
