//! Whether a message that the provider took has arrived in its time (U10).

use crate::message::{FactKind, Facts, strongest};
use crate::time::{Millis, Timestamp};

/// What the watch over an answered attempt decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// It arrived, or failed, or nobody watches: nothing is left to do.
    Over,
    /// It may still arrive in its time, which ends then.
    Until(Timestamp),
    /// It has not arrived in its time, which ended then.
    Unconfirmed(Timestamp),
}

/// Decides about `attempt` at `now`, for a sender whose messages are given `patience`. The time
/// begins when the provider took the message.
#[must_use]
pub fn watch(facts: &Facts, attempt: u32, patience: Option<Millis>, now: Timestamp) -> Watch {
    let Some(patience) = patience else { return Watch::Over };
    let since = match strongest(facts, attempt) {
        Some((FactKind::Accepted | FactKind::Sent, fact)) => {
            facts.get(&(attempt, FactKind::Accepted)).unwrap_or(fact).at
        }
        Some((FactKind::Delivered | FactKind::Read | FactKind::Failed | FactKind::Unknown, _))
        | None => return Watch::Over,
    };
    let until = since.plus(patience);
    if now < until { Watch::Until(until) } else { Watch::Unconfirmed(until) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Fact, Source};

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn facts(kinds: &[(u32, FactKind, i64)]) -> Facts {
        let fact = |ms| Fact { at: at(ms), source: Source::Provider, code: None };
        kinds.iter().map(|(attempt, kind, ms)| ((*attempt, *kind), fact(*ms))).collect()
    }

    #[test]
    fn u10_unconfirmed_to_the_millisecond() {
        let taken = facts(&[(1, FactKind::Accepted, 1000)]);
        let seen = |now| watch(&taken, 1, Some(Millis::from_seconds(600)), at(now));
        assert_eq!(seen(600_999), Watch::Until(at(601_000)));
        assert_eq!(seen(601_000), Watch::Unconfirmed(at(601_000)));
        assert_eq!(seen(601_001), Watch::Unconfirmed(at(601_000)));
        assert_eq!(watch(&taken, 1, None, at(601_001)), Watch::Over, "nobody watches");
    }

    #[test]
    fn u10_sent_does_not_begin_the_time_anew_and_evidence_ends_it() {
        let patience = Some(Millis::from_seconds(10));
        let sent = facts(&[(1, FactKind::Accepted, 0), (1, FactKind::Sent, 9000)]);
        assert_eq!(watch(&sent, 1, patience, at(9_999)), Watch::Until(at(10_000)));
        for now in [10_000, 10_001] {
            assert_eq!(watch(&sent, 1, patience, at(now)), Watch::Unconfirmed(at(10_000)), "{now}");
        }
        for kind in [FactKind::Delivered, FactKind::Read, FactKind::Failed] {
            let known = facts(&[(1, FactKind::Accepted, 0), (1, kind, 9000)]);
            assert_eq!(watch(&known, 1, patience, at(20_000)), Watch::Over, "{kind:?}");
        }
        let retried = facts(&[(1, FactKind::Delivered, 0), (2, FactKind::Accepted, 5000)]);
        assert_eq!(watch(&retried, 2, patience, at(20_000)), Watch::Unconfirmed(at(15_000)));
    }
}
