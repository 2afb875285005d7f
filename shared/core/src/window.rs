//! The customer service window (M1-M20, D12, D14).
//!
//! A window belongs to (business number, user). It is a set of facts that merge by maximum,
//! and its state is a comparison with `now`: never the existence of a row.

use crate::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// How long a WhatsApp window stays open after the user's last message (M3).
pub const WHATSAPP_WINDOW: Millis = Millis::from_hours(24);

/// How far ahead of our clock a provider's time may lie before it is cut back. Machines that
/// keep time by NTP agree to well below this.
pub const FUTURE_SKEW: Millis = Millis::from_seconds(5);

/// How much earlier than `expires_at` a window is certain when the provider does not tell when
/// the user sent the message: the receipt may be late by the time a message takes to reach us.
pub const RECEIPT_MARGIN: Millis = Millis::from_seconds(60);

/// The default first warning: two hours before the end.
pub const EXPIRING_DEFAULT: Millis = Millis::from_hours(2);

/// How a channel's windows behave. WhatsApp's is [`Channel::WHATSAPP`]; another channel is
/// another value, the code is the same (M19).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channel {
    /// How long a window stays open after the user's last message.
    pub window: Millis,
}

impl Channel {
    /// WhatsApp: 24 hours (M3, M15).
    pub const WHATSAPP: Self = Self { window: WHATSAPP_WINDOW };
}

/// Where the time of a user's message comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The provider told when the user sent it (M6).
    UserTime,
    /// The provider does not tell; the time is that of its own receipt where it tells that, and of
    /// our first receipt otherwise.
    Receipt,
}

/// The facts of a window. Absent when the user has never written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The latest time at which the user sent a message.
    pub last_user_at: Timestamp,
    /// When the chain of overlapping windows that `last_user_at` belongs to began.
    pub opened_at: Timestamp,
    /// Where `last_user_at` comes from.
    pub basis: Basis,
    /// The latest free-form send that the provider refused because the window is closed: its
    /// evidence outweighs our arithmetic (63016 and its like).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_at: Option<Timestamp>,
}

/// What a user's message does to a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// The window was closed, or never open: this message opens it.
    Opens(Window),
    /// The window was open at the message's time: it is extended.
    Extends(Window),
    /// The message began before the window that stands: only the beginning moves.
    Predates(Window),
    /// Nothing changes: the message is older, or was seen before.
    Unchanged,
}

/// The state of a window at an instant (M13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowState {
    /// The user has never written.
    None,
    /// Free-form messages may be sent.
    Open,
    /// Open, but the last threshold before the end has passed (D14: pure time).
    Expiring,
    /// Closed: a template is needed (M8).
    Expired,
}

/// Cuts a provider's time back to our clock plus [`FUTURE_SKEW`], so that a wrong clock
/// elsewhere cannot hold a window open for ever.
#[must_use]
pub fn clamp_user_time(claimed: Timestamp, now: Timestamp) -> Timestamp {
    claimed.min(now.plus(FUTURE_SKEW))
}

/// Merges a user's message, sent at `at`, into what is known of the window.
///
/// Commutative, associative over one chain, and idempotent: a late older message never
/// shortens a window and a replay never reopens it (M5, M6, F8).
#[must_use]
pub fn merge(window: Option<&Window>, at: Timestamp, basis: Basis, channel: Channel) -> Merge {
    let Some(known) = window else {
        return Merge::Opens(Window { last_user_at: at, opened_at: at, basis, refused_at: None });
    };
    if at > known.last_user_at {
        // The provider's own refusal counts: what it has closed is opened anew.
        let open_then = at < known.expires_at(channel);
        let merged = Window {
            last_user_at: at,
            opened_at: if open_then { known.opened_at } else { at },
            basis,
            refused_at: known.refused_at,
        };
        return if open_then { Merge::Extends(merged) } else { Merge::Opens(merged) };
    }
    let overlaps = at < known.opened_at && known.opened_at < at.plus(channel.window);
    if overlaps {
        return Merge::Predates(Window { opened_at: at, ..*known });
    }
    Merge::Unchanged
}

impl Window {
    /// When the window closes: sends are allowed while now < this (D12).
    #[must_use]
    pub fn expires_at(&self, channel: Channel) -> Timestamp {
        let by_time = self.last_user_at.plus(channel.window);
        match self.refused_at {
            Some(refused) if refused >= self.last_user_at => by_time.min(refused),
            Some(_) | None => by_time,
        }
    }

    /// Until when a caller may rely on the window without the provider's own word.
    #[must_use]
    pub fn certain_until(&self, channel: Channel) -> Timestamp {
        match self.basis {
            Basis::UserTime => self.expires_at(channel),
            Basis::Receipt => self.expires_at(channel).minus(RECEIPT_MARGIN),
        }
    }

    /// True while free-form messages may be sent: `now < expires_at`, closed at equality (D12).
    #[must_use]
    pub fn is_open(&self, now: Timestamp, channel: Channel) -> bool {
        now < self.expires_at(channel)
    }
}

/// The state of a window at `now`; `last_threshold` is the sender's smallest warning span.
#[must_use]
pub fn state(
    window: Option<&Window>,
    now: Timestamp,
    last_threshold: Millis,
    channel: Channel,
) -> WindowState {
    match window {
        None => WindowState::None,
        Some(w) if !w.is_open(now, channel) => WindowState::Expired,
        Some(w) if now >= w.expires_at(channel).minus(last_threshold) => WindowState::Expiring,
        Some(_) => WindowState::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WA: Channel = Channel::WHATSAPP;
    const HOUR: i64 = 3_600_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + ms)
    }

    fn apply(window: Option<Window>, t: Timestamp, channel: Channel) -> Option<Window> {
        match merge(window.as_ref(), t, Basis::UserTime, channel) {
            Merge::Opens(w) | Merge::Extends(w) | Merge::Predates(w) => Some(w),
            Merge::Unchanged => window,
        }
    }

    fn opened(ms: i64) -> Window {
        apply(None, at(ms), WA).unwrap()
    }

    /// The window ends at `ms`: open before, closed at equality (D12).
    fn assert_ends(window: &Window, ms: i64, channel: Channel) {
        assert_eq!(window.expires_at(channel), at(ms));
        for (offset, open) in [(-1, true), (0, false), (1, false)] {
            assert_eq!(window.is_open(at(ms + offset), channel), open, "{offset}");
        }
    }

    #[test]
    fn m3_d12_open_until_the_last_millisecond_and_closed_at_equality() {
        assert_ends(&opened(0), 24 * HOUR, WA);
    }

    #[test]
    fn m5_the_countdown_resets_with_each_message() {
        let w = apply(Some(opened(0)), at(10 * HOUR), WA).unwrap();
        assert_ends(&w, 34 * HOUR, WA);
        assert_eq!(w.opened_at, at(0));
    }

    #[test]
    fn m6_m7_the_users_own_time_counts_however_late_it_arrives() {
        let w = opened(0);
        assert_ends(&w, 24 * HOUR, WA);
        assert_eq!(w.certain_until(WA), w.expires_at(WA));
        // Where it is not told, the last minute is not certain.
        let received = Window { basis: Basis::Receipt, ..w };
        assert_ends(&received, 24 * HOUR, WA);
        assert_eq!(received.certain_until(WA), at(24 * HOUR - 60_000));
    }

    #[test]
    fn m12_a_message_after_expiry_reopens() {
        let merged = merge(Some(&opened(0)), at(25 * HOUR), Basis::UserTime, WA);
        assert!(matches!(merged, Merge::Opens(w) if w.opened_at == at(25 * HOUR)));
        // The edge belongs to the new window: at equality the old one is closed.
        assert!(matches!(
            merge(Some(&opened(0)), at(24 * HOUR), Basis::UserTime, WA),
            Merge::Opens(_)
        ));
        assert!(matches!(
            merge(Some(&opened(0)), at(24 * HOUR + 1), Basis::UserTime, WA),
            Merge::Opens(_)
        ));
        assert!(matches!(
            merge(Some(&opened(0)), at(24 * HOUR - 1), Basis::UserTime, WA),
            Merge::Extends(_)
        ));
    }

    #[test]
    fn m13_d14_states_are_pure_time() {
        let w = opened(0);
        let state_at = |ms| state(Some(&w), at(ms), EXPIRING_DEFAULT, WA);
        assert_eq!(state(None, at(0), EXPIRING_DEFAULT, WA), WindowState::None);
        assert_eq!(state_at(22 * HOUR - 1), WindowState::Open);
        assert_eq!(state_at(22 * HOUR), WindowState::Expiring);
        assert_eq!(state_at(22 * HOUR + 1), WindowState::Expiring);
        assert_eq!(state_at(24 * HOUR - 1), WindowState::Expiring);
        assert_eq!(state_at(24 * HOUR), WindowState::Expired);
        assert_eq!(state_at(24 * HOUR + 1), WindowState::Expired);
    }

    #[test]
    fn m19_the_length_is_a_constant_of_the_channel() {
        let wechat = Channel { window: Millis::from_hours(48) };
        assert_ends(&apply(None, at(0), wechat).unwrap(), 48 * HOUR, wechat);
    }

    #[test]
    fn m18_who_wrote_within_24_hours_is_active_and_who_never_wrote_is_not() {
        let is_active =
            |window: Option<&Window>, ms| match state(window, at(ms), EXPIRING_DEFAULT, WA) {
                WindowState::Open | WindowState::Expiring => true,
                WindowState::None | WindowState::Expired => false,
            };
        for (ms, active) in [(24 * HOUR - 1, true), (24 * HOUR, false), (24 * HOUR + 1, false)] {
            assert_eq!(is_active(Some(&opened(0)), ms), active, "{ms}");
            assert!(!is_active(None, ms), "{ms}");
        }
    }

    #[test]
    fn a_time_in_the_future_is_cut_back() {
        for (claimed, taken) in [(4_999, 4_999), (5_000, 5_000), (5_001, 5_000), (HOUR, 5_000)] {
            assert_eq!(clamp_user_time(at(claimed), at(0)), at(taken), "{claimed}");
        }
        assert_eq!(clamp_user_time(at(-HOUR), at(0)), at(-HOUR));
    }

    #[test]
    fn the_providers_refusal_closes_and_a_later_message_reopens() {
        let mut w = opened(0);
        w.refused_at = Some(at(5 * HOUR));
        assert_ends(&w, 5 * HOUR, WA);
        assert_ends(&apply(Some(w), at(6 * HOUR), WA).unwrap(), 30 * HOUR, WA);
    }

    #[test]
    fn f8_any_order_and_any_repetition_of_messages_gives_one_window() {
        let times = [0, 3 * HOUR, 20 * HOUR, 30 * HOUR];
        let expected = times.iter().fold(None, |w, t| apply(w, at(*t), WA));
        let orders: [[usize; 6]; 5] = [
            [3, 2, 1, 0, 0, 3],
            [1, 0, 2, 3, 1, 1],
            [2, 3, 0, 1, 2, 0],
            [0, 0, 3, 2, 1, 3],
            [3, 2, 0, 1, 3, 2],
        ];
        for order in orders {
            let got = order.iter().fold(None, |w, i| apply(w, at(times[*i]), WA));
            assert_eq!(got.unwrap().last_user_at, expected.unwrap().last_user_at);
        }
        let replay = merge(expected.as_ref(), at(0), Basis::UserTime, WA);
        assert_eq!(replay, Merge::Unchanged);
    }
}
