//! The rolling messaging limit (M20-M23, D11, D13): what counts, and until when.
//!
//! Counted are unique users with a business-initiated message whose *latest* provider call
//! lies in the last 24 hours; a message that waits for its call counts from its reservation. The
//! transactions stand in `store`; this is what they decide on.

use crate::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long a place is taken after the latest provider call.
pub const ROLLING: Millis = Millis::from_hours(24);

/// The messaging limit of a new sender or portfolio: WhatsApp's own for a business that is not
/// verified (M21). Any other figure is data (M22).
pub const LIMIT_DEFAULT: u32 = 250;

/// Who has set a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetBy {
    /// An administrator.
    Administrator,
    /// The provider, by an event.
    Provider,
}

/// The latest word on a limit. Words count by their time, so that a provider's events end in the
/// same figure in any order (M22).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitChange {
    /// When it was said.
    pub at: Timestamp,
    /// By whom.
    pub by: SetBy,
    /// The figure before it; `None` is unlimited.
    pub from: Option<u32>,
}

/// What a provider's word on a limit comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitWord {
    /// A later one has been said.
    Overtaken,
    /// It is the latest one already: what followed from it follows again, from the figure before.
    Repeated(Option<u32>),
    /// It is new.
    New(LimitChange),
}

/// Weighs a provider's word that the limit is `to`, said at `at` where that is told.
#[must_use]
pub fn limit_word(
    standing: Option<u32>,
    latest: Option<&LimitChange>,
    to: Option<u32>,
    at: Option<Timestamp>,
    now: Timestamp,
) -> LimitWord {
    let said_at = at.unwrap_or(now).min(now);
    match latest {
        // Without a time a repeat is known by what it says.
        Some(known) if at.is_none() && known.by == SetBy::Provider && standing == to => {
            LimitWord::Repeated(known.from)
        }
        Some(known) if known.at == said_at && known.by == SetBy::Provider && standing == to => {
            LimitWord::Repeated(known.from)
        }
        // Of two words of one instant the lower counts: rather too few than too many.
        Some(known) if known.at == said_at && height(to) < height(standing) => {
            LimitWord::New(LimitChange { at: said_at, by: SetBy::Provider, from: standing })
        }
        Some(known) if known.at >= said_at => LimitWord::Overtaken,
        Some(_) | None => {
            LimitWord::New(LimitChange { at: said_at, by: SetBy::Provider, from: standing })
        }
    }
}

/// How high a limit is: no limit is higher than any.
#[must_use]
pub fn height(limit: Option<u32>) -> u64 {
    limit.map_or(u64::MAX, u64::from)
}

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
    fn m22_words_on_a_limit_end_in_one_figure_in_any_order() {
        // Tiers as a provider tells them, one a second, and the last two at one instant.
        let words = [(250, 1), (1_000, 2), (10_000, 3), (2_000, 4), (1_500, 4)];
        let mut orders = vec![vec![]];
        for word in words {
            orders = orders
                .into_iter()
                .flat_map(|order: Vec<_>| {
                    (0..=order.len()).map(move |place| {
                        let mut more = order.clone();
                        more.insert(place, word);
                        more
                    })
                })
                .collect();
        }
        assert_eq!(orders.len(), 120);
        for order in orders {
            let (mut standing, mut latest) = (Some(50), None);
            // Each comes twice.
            for (to, said_at) in order.iter().flat_map(|word| [word, word]) {
                let said = (Some(*to), Some(at(*said_at)));
                match limit_word(standing, latest.as_ref(), said.0, said.1, at(100)) {
                    LimitWord::New(change) => (standing, latest) = (said.0, Some(change)),
                    LimitWord::Repeated(_) | LimitWord::Overtaken => {}
                }
            }
            assert_eq!(standing, Some(1_500), "{order:?}");
        }
    }

    #[test]
    fn m22_an_administrators_word_is_overtaken_by_a_later_event_alone() {
        let said = LimitChange { at: at(50), by: SetBy::Administrator, from: Some(250) };
        let word = |to, when| limit_word(Some(1_000), Some(&said), to, when, at(100));
        for same_or_earlier in [49, 50] {
            let said_then = word(Some(2_000), Some(at(same_or_earlier)));
            assert_eq!(said_then, LimitWord::Overtaken, "{same_or_earlier}");
        }
        assert!(matches!(word(None, Some(at(51))), LimitWord::New(_)));
        assert!(matches!(word(Some(2_000), None), LimitWord::New(_)), "now is later");
        let ahead =
            LimitWord::New(LimitChange { at: at(100), by: SetBy::Provider, from: Some(1_000) });
        assert_eq!(
            word(Some(2_000), Some(at(500))),
            ahead,
            "no word of the future outweighs later ones"
        );
    }

    #[test]
    fn m21_a_place_is_taken_for_exactly_24_hours() {
        let then = at(1_000);
        for (offset, live) in [(-1, true), (0, false), (1, false)] {
            let now = at(1_000 + 24 * 3_600_000 + offset);
            assert_eq!(is_live(then, now), live, "{offset}");
            assert_eq!(then > expired_until(now), live, "{offset}");
            // What was reserved so long ago is reserved anew, and before that changes nothing.
            assert_eq!(Place::of("a.1", then).joined("a.1", now, false).is_none(), live);
        }
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
        for (offset, held) in [(-1, true), (0, false), (1, false)] {
            let later = at(10).plus(ROLLING).plus(Millis::new(offset));
            let left = place.left("b.1", later);
            assert_eq!(left != Leaving::Free, held, "{offset}: the other's time has passed");
        }
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
        for (used, index) in [(249, 0), (250, 0), (251, 1)] {
            assert_eq!(frees_at_index(used, 250), index, "{used}");
        }
        assert_eq!(frees_at_index(1000, 250), 750);
        assert_eq!(frees_at_index(10, 250), 0);
    }
}
