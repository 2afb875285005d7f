//! How a sender's rate is divided (M24, design §5).
//!
//! Each lane is one FIFO group, worked on by one invocation at a time, which leaves at least
//! `1000 / rate` ms after every call, the last one included. So the next invocation of the
//! lane cannot begin too early, no state is needed, and in no sliding second do the lanes
//! together hold more than the sum of their rates, which is the sender's.

use crate::time::Millis;

/// How many messages a second one lane carries at most: what one invocation after another can
/// carry with batches of ten, so that a single conversation may use a whole small sender's share.
const LANE_RATE_MAX: u32 = 40;

/// How much longer than its share a lane pauses, in percent and at least one millisecond: calls
/// that leave evenly do not arrive evenly.
const SLACK_PERCENT: u32 = 3;

/// Which of the two queues a message waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Road {
    /// Inside a window: an agent's reply never waits behind a campaign.
    Replies,
    /// Templates outside a window.
    Campaigns,
}

/// One lane: its number among its road's lanes, and its rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    /// The road that it belongs to.
    pub road: Road,
    /// Its number, from 0.
    pub index: u32,
    /// Messages a second, at least 1.
    pub rate: u32,
}

/// The least time between the beginnings of two calls of a lane of `rate` messages a second.
#[must_use]
pub fn spacing(rate: u32) -> Millis {
    let even = 1000_u32.div_ceil(rate.max(1));
    let slack = even.saturating_mul(SLACK_PERCENT).div_ceil(100).max(1);
    Millis::new(i64::from(even.saturating_add(slack)))
}

/// A quarter of the rate is kept for replies, the rest is for campaigns; a sender of one
/// message a second has one lane for both.
#[must_use]
pub fn rates(rate_per_second: u32) -> (u32, u32) {
    let replies = rate_per_second.div_ceil(4).max(1);
    (replies, rate_per_second.saturating_sub(replies))
}

/// The lane of a message: by its conversation, so that the calls of one conversation never
/// overlap and keep their order.
#[must_use]
pub fn lane(rate_per_second: u32, wanted: Road, conversation_hash: u64) -> Lane {
    let (replies, campaigns) = rates(rate_per_second);
    let (road, rate) = match wanted {
        Road::Replies => (Road::Replies, replies),
        Road::Campaigns if campaigns == 0 => (Road::Replies, replies),
        Road::Campaigns => (Road::Campaigns, campaigns),
    };
    let lanes = rate.div_ceil(LANE_RATE_MAX).max(1);
    let index =
        u32::try_from(conversation_hash.checked_rem(u64::from(lanes)).unwrap_or(0)).unwrap_or(0);
    let share = rate.checked_div(lanes).unwrap_or(1);
    let more = rate.checked_rem(lanes).unwrap_or(0);
    Lane { road, index, rate: if index < more { share.saturating_add(1) } else { share } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn m24_the_lanes_of_a_sender_never_carry_more_than_its_rate() {
        for rate in 1..=1000 {
            let mut lanes = BTreeMap::new();
            for hash in 0..200 {
                for road in [Road::Replies, Road::Campaigns] {
                    let l = lane(rate, road, hash);
                    assert!(l.rate >= 1);
                    // No sliding second, both of its ends included, holds more starts than this.
                    lanes.insert((l.road, l.index), 1000 / spacing(l.rate).get() + 1);
                }
            }
            let total: i64 = lanes.values().sum();
            assert!(total <= i64::from(rate), "{rate}: {total}");
            assert!(total >= i64::from(rate) * 6 / 10 || rate < 4, "{rate} is used: {total}");
        }
    }

    #[test]
    fn a_quarter_is_kept_for_replies() {
        assert_eq!(rates(20), (5, 15));
        assert_eq!(rates(80), (20, 60));
        assert_eq!(rates(1), (1, 0));
    }
}
