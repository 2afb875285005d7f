//! The rolling messaging limit (M20-M23, D11, D13): what counts, and until when.
//!
//! Counted are unique users with a business-initiated message whose *latest* provider call
//! lies in the last 24 hours; a message that waits for its call counts from its reservation. The
//! transactions stand in `store`; this is what they decide on.

use crate::time::{Millis, Timestamp};
use std::collections::BTreeMap;

/// How long a place is taken after the latest provider call.
pub const ROLLING: Millis = Millis::from_hours(24);

/// How much later than the arithmetic says a caller is told to come back, because the clocks of
/// two instances differ.
pub const CLOCK_MARGIN: Millis = Millis::from_seconds(2);

/// How many attempts a place remembers by name: a record without bound would grow with every
/// message to one user, and its item must stay below 1 KB.
pub const HOLDERS_MAX: usize = 8;

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

/// One user's place: the attempts that hold it, each with its time (the reservation, then the
/// call). An attempt that certainly did not happen leaves again (D13); one that did, or may have,
/// simply stays until its time has passed, so nothing needs to be written to confirm it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The attempts that are remembered by name.
    pub holders: BTreeMap<String, Timestamp>,
    /// The latest time of those that are not: they can no longer leave.
    pub sealed: Option<Timestamp>,
}

/// What becomes of a place when an attempt leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaving {
    /// The attempt did not hold it.
    NotHeld,
    /// Others hold it.
    Kept(Place),
    /// Nobody holds it any more.
    Free,
}

impl Place {
    /// A place that one attempt holds from `now` on.
    #[must_use]
    pub fn of(holder: &str, now: Timestamp) -> Self {
        Self { holders: BTreeMap::from([(holder.to_owned(), now)]), sealed: None }
    }

    /// The latest time of any attempt: the place is taken for [`ROLLING`] after it.
    #[must_use]
    pub fn at(&self) -> Option<Timestamp> {
        self.holders.values().copied().chain(self.sealed).max()
    }

    /// The place with one more attempt, or with its call; `None` when that changes nothing. The
    /// latest call counts; repeating a reservation does not make it later.
    #[must_use]
    pub fn joined(&self, holder: &str, now: Timestamp, calling: bool) -> Option<Self> {
        match self.holders.get(holder) {
            Some(since) if *since >= now || (!calling && is_live(*since, now)) => return None,
            Some(_) | None => {}
        }
        let mut place = self.clone();
        place.holders.insert(holder.to_owned(), now);
        if place.holders.len() > HOLDERS_MAX {
            place.holders.retain(|name, at| name == holder || is_live(*at, now));
        }
        while place.holders.len() > HOLDERS_MAX {
            place.seal_oldest(holder);
        }
        Some(place)
    }

    fn seal_oldest(&mut self, but: &str) {
        let others = self.holders.iter().filter(|(name, _)| *name != but);
        let oldest = others.min_by_key(|(_, at)| **at).map(|(name, _)| name.clone());
        if let Some(at) = oldest.and_then(|name| self.holders.remove(&name)) {
            self.sealed = self.sealed.max(Some(at));
        }
    }

    /// The place without an attempt that certainly did not happen.
    #[must_use]
    pub fn left(&self, holder: &str, now: Timestamp) -> Leaving {
        let mut place = self.clone();
        if place.holders.remove(holder).is_none() {
            return Leaving::NotHeld;
        }
        match place.at() {
            Some(at) if is_live(at, now) => Leaving::Kept(place),
            Some(_) | None => Leaving::Free,
        }
    }
}

/// Which of `used` places, the oldest first and from 0, must be free before one more may be
/// taken: none but the oldest when the scope is just full, a later one when the limit was lowered.
#[must_use]
pub const fn frees_at_index(used: u32, limit: u32) -> u32 {
    used.saturating_sub(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn m21_a_place_is_taken_for_exactly_24_hours() {
        let then = at(1_000);
        assert!(is_live(then, then.plus(Millis::new(ROLLING.get() - 1))));
        assert!(!is_live(then, then.plus(ROLLING)));
        assert_eq!(expired_until(then.plus(ROLLING)), then);
        assert_eq!(next_free_at(then).since(then).get(), 86_402_000);
    }

    #[test]
    fn m21_the_latest_call_counts_and_a_repeated_reservation_does_not() {
        let place = Place::of("a.1", at(10));
        assert_eq!(place.joined("a.1", at(20), false), None);
        let called = place.joined("a.1", at(20), true).expect("moved");
        assert_eq!(called.at(), Some(at(20)));
        assert_eq!(called.joined("a.1", at(15), true), None, "a slower clock moves nothing back");
        let rider = called.joined("b.1", at(30), false).expect("joined");
        assert_eq!(rider.at(), Some(at(30)));
    }

    #[test]
    fn d13_what_did_not_happen_leaves_no_trace() {
        let place = Place::of("a.1", at(10)).joined("b.1", at(30), true).expect("joined");
        let Leaving::Kept(rest) = place.left("b.1", at(40)) else { panic!("a.1 holds it") };
        assert_eq!(rest.at(), Some(at(10)), "as if b.1 had never been");
        assert_eq!(rest.left("b.1", at(40)), Leaving::NotHeld);
        assert_eq!(rest.left("a.1", at(40)), Leaving::Free);
        let later = at(10).plus(ROLLING);
        assert_eq!(place.left("b.1", later), Leaving::Free, "the other's time has passed");
    }

    #[test]
    fn a_place_remembers_so_many_and_forgets_no_time() {
        let mut place = Place::of("0", at(0));
        for n in 1..=20_i64 {
            place = place.joined(&n.to_string(), at(n), true).expect("joined");
            assert!(place.holders.len() <= HOLDERS_MAX);
        }
        assert_eq!((place.at(), place.sealed), (Some(at(20)), Some(at(12))));
        let mut rest = place;
        for n in 13..=20_i64 {
            let Leaving::Kept(kept) = rest.left(&n.to_string(), at(30)) else {
                panic!("what is sealed holds it")
            };
            rest = kept;
        }
        assert_eq!(rest.at(), Some(at(12)));
    }

    #[test]
    fn m22_a_lowered_limit_waits_for_more_than_the_oldest() {
        assert_eq!(frees_at_index(250, 250), 0);
        assert_eq!(frees_at_index(1000, 250), 750);
        assert_eq!(frees_at_index(10, 250), 0);
    }
}
