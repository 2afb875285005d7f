//! How many messages agents may send: to one customer in 24 hours, and in all in 30 days (M25,
//! M26). Off unless a sender sets them. The items stand in `store`; this is what they decide on.

use crate::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long a message to one customer counts.
pub const TO_ONE: Millis = Millis::from_hours(24);

/// A message of an agent counts for so many days, and for the rest of the day on which it was sent:
/// days are counted as a whole, and never let go too early.
pub const AGENT_DAYS: i64 = 30;

/// The most that may be set for one customer: the messages that count are kept by name.
pub const TO_ONE_MAX: u32 = 100;

const DAY_MS: i64 = 86_400_000;

/// What a sender sets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentLimits {
    /// Messages of agents to one customer in 24 hours, or until he answers (M25): 1 to
    /// [`TO_ONE_MAX`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_user_24h: Option<u32>,
    /// Messages of one agent in 30 days (M26).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_agent_30d: Option<u32>,
}

/// What becomes of a counter when one more message asks for a place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counting<T> {
    /// It is counted already.
    Counted,
    /// It is counted when this is written.
    Count(T),
    /// The limit is reached.
    Full {
        /// When there is a place again.
        free_at: Timestamp,
    },
}

/// The messages to one customer that still count, each with its time.
pub type ToOne = BTreeMap<String, Timestamp>;

/// How many messages an agent sent on each day since 1970, in UTC.
pub type ByDay = BTreeMap<i64, u32>;

/// The day of an instant.
#[must_use]
pub const fn day_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(DAY_MS)
}

/// One more message to a customer who wrote at `last_user_at`: his message begins the count anew.
#[must_use]
pub fn one_more_to(
    held: &ToOne,
    limit: u32,
    last_user_at: Option<Timestamp>,
    holder: &str,
    now: Timestamp,
) -> Counting<ToOne> {
    if held.contains_key(holder) {
        return Counting::Counted;
    }
    let counts = |at: Timestamp| now < at.plus(TO_ONE) && last_user_at.is_none_or(|last| at > last);
    let mut live: ToOne =
        held.iter().filter(|(_, at)| counts(**at)).map(|(name, at)| (name.clone(), *at)).collect();
    let mut oldest_first: Vec<Timestamp> = live.values().copied().collect();
    oldest_first.sort_unstable();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    // A limit that was lowered wants more than the oldest to be gone.
    let over = oldest_first.len().checked_sub(limit);
    match over.and_then(|over| oldest_first.get(over).or(oldest_first.last())) {
        Some(last_to_go) => Counting::Full { free_at: last_to_go.plus(TO_ONE) },
        None => {
            live.insert(holder.to_owned(), now);
            Counting::Count(live)
        }
    }
}

/// One more message of an agent.
#[must_use]
pub fn one_more_of(days: &ByDay, limit: u32, now: Timestamp) -> Counting<ByDay> {
    let today = day_of(now);
    let mut live: ByDay = days
        .iter()
        .filter(|(day, _)| **day >= today.saturating_sub(AGENT_DAYS))
        .map(|(day, sent)| (*day, *sent))
        .collect();
    let used = live.values().fold(0_u32, |sum, sent| sum.saturating_add(*sent));
    if used < limit {
        let sent = live.entry(today).or_default();
        *sent = sent.saturating_add(1);
        return Counting::Count(live);
    }
    // The day with which enough are gone.
    let mut left = used;
    let mut gone = today;
    for (day, sent) in &live {
        gone = *day;
        left = left.saturating_sub(*sent);
        if left < limit {
            break;
        }
    }
    let free = gone.saturating_add(AGENT_DAYS).saturating_add(1).saturating_mul(DAY_MS);
    Counting::Full { free_at: Timestamp::from_millis(free) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn held(times: &[i64]) -> ToOne {
        times.iter().enumerate().map(|(n, ms)| (format!("m{n}"), at(*ms))).collect()
    }

    #[test]
    fn m25_ten_pass_and_the_eleventh_waits_for_the_first_to_be_24_hours_old() {
        let day = TO_ONE.get();
        for count in 9..=11 {
            let times: Vec<i64> = (0..count).collect();
            let asked = one_more_to(&held(&times), 10, None, "new", at(1000));
            match count {
                9 => assert!(matches!(asked, Counting::Count(live) if live.len() == 10)),
                // Of eleven, from a time when more were allowed, two must go.
                _ => assert_eq!(asked, Counting::Full { free_at: at(day + count - 10) }),
            }
        }
        let ten = held(&(0..10).collect::<Vec<i64>>());
        let full = |now| matches!(one_more_to(&ten, 10, None, "new", now), Counting::Full { .. });
        assert!(full(at(day - 1)));
        assert!(!full(at(day)));
        assert!(!full(at(day + 1)));
    }

    #[test]
    fn m25_the_customers_answer_begins_the_count_anew() {
        let ten = held(&(0..10).collect::<Vec<i64>>());
        for (answered, counted) in [(4, 6), (5, 5), (6, 4)] {
            let asked = one_more_to(&ten, 10, Some(at(answered)), "new", at(20));
            let Counting::Count(live) = asked else { panic!("{answered}: full") };
            assert_eq!(live.len(), counted, "{answered}: the later ones, and the new");
        }
        assert_eq!(one_more_to(&ten, 10, None, "m3", at(20)), Counting::Counted);
    }

    #[test]
    fn m26_the_hundred_thousandth_passes_and_the_next_does_not() {
        let now = at(100 * DAY_MS);
        for (used, passes) in [(99_999, true), (100_000, false), (100_001, false)] {
            let days = ByDay::from([(95, used - 40_000), (99, 40_000)]);
            let asked = one_more_of(&days, 100_000, now);
            match passes {
                true => assert!(matches!(asked, Counting::Count(live) if live[&100] == 1)),
                // The 95th day ends with the 95th; 30 days later its last message is gone.
                false => assert_eq!(asked, Counting::Full { free_at: at(126 * DAY_MS) }),
            }
        }
    }

    #[test]
    fn m26_a_message_counts_for_30_days_and_never_less() {
        let days = ByDay::from([(70, 1)]);
        let full = |now| matches!(one_more_of(&days, 1, at(now)), Counting::Full { .. });
        // The end of day 70, and 30 days later.
        for (offset, counts) in [(-1, true), (0, false), (1, false)] {
            assert_eq!(full(71 * DAY_MS + 30 * DAY_MS + offset), counts, "{offset}");
        }
    }
}
