//! What is due, and when to look again (design §4, "Lazy due times" and "The sweep").

use crate::message::Phase;
use crate::time::{Millis, Timestamp};
use crate::window::{Channel, Window};
use serde::{Deserialize, Serialize};

/// Who is told that a window is about to close.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Threshold {
    /// How long before the end.
    pub before_s: u32,
    /// Who is told: `agent`, `queue`, `supervisor`, `on_call`.
    pub to: String,
}

impl Threshold {
    /// The default: the agent, two hours before the end.
    #[must_use]
    pub fn default_ladder() -> Vec<Self> {
        vec![Self { before_s: 7200, to: "agent".to_owned() }]
    }

    fn before(&self) -> Millis {
        Millis::from_seconds(i64::from(self.before_s))
    }
}

/// What is done before a window closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reminders<'a> {
    /// Who is warned.
    pub ladder: &'a [Threshold],
    /// How long before the end the customer is reminded, if at all.
    pub nudge: Option<Millis>,
}

impl<'a> Reminders<'a> {
    /// Warnings alone.
    #[must_use]
    pub const fn of(ladder: &'a [Threshold]) -> Self {
        Self { ladder, nudge: None }
    }
}

/// A notice about one countdown of one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A threshold has passed and the window is still open (U6).
    Expiring {
        /// The threshold.
        threshold: Threshold,
        /// When the window closes.
        expires_at: Timestamp,
    },
    /// The customer is to be reminded.
    Nudge {
        /// Since when.
        at: Timestamp,
    },
    /// The window has closed.
    Expired {
        /// When it closed.
        expires_at: Timestamp,
    },
}

/// What a visit to a conversation decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// What to tell, in order.
    pub notices: Vec<Notice>,
    /// Every notice up to this instant has been given.
    pub noticed_until: Timestamp,
    /// When to look again; `None` when nothing is left to tell.
    pub next: Option<Timestamp>,
}

/// The instants at which a countdown speaks.
fn instants(expires_at: Timestamp, reminders: Reminders<'_>) -> impl Iterator<Item = Timestamp> {
    let spans = reminders.ladder.iter().map(Threshold::before).chain(reminders.nudge);
    spans.map(move |before| expires_at.minus(before)).chain(std::iter::once(expires_at))
}

/// When the sweep must look at a conversation next, given that everything up to
/// `noticed_until` has been told. Never decreases when `last_user_at` grows.
#[must_use]
pub fn next_visit(
    window: &Window,
    noticed_until: Timestamp,
    reminders: Reminders<'_>,
    channel: Channel,
) -> Option<Timestamp> {
    instants(window.expires_at(channel), reminders).filter(|t| *t > noticed_until).min()
}

/// Decides what a visit at `now` tells. A warning that comes after the end is not given any
/// more: the end itself is told.
#[must_use]
pub fn visit(
    window: &Window,
    noticed_until: Timestamp,
    now: Timestamp,
    reminders: Reminders<'_>,
    channel: Channel,
) -> Visit {
    let expires_at = window.expires_at(channel);
    let mut notices = Vec::new();
    if now >= expires_at {
        if expires_at > noticed_until {
            notices.push(Notice::Expired { expires_at });
        }
    } else {
        let has_passed = |at: Timestamp| noticed_until < at && at <= now;
        let mut passed: Vec<&Threshold> =
            reminders.ladder.iter().filter(|t| has_passed(expires_at.minus(t.before()))).collect();
        passed.sort_by_key(|t| std::cmp::Reverse(t.before_s));
        notices.extend(
            passed.into_iter().map(|t| Notice::Expiring { threshold: t.clone(), expires_at }),
        );
        let nudge = reminders.nudge.map(|before| expires_at.minus(before));
        notices.extend(nudge.filter(|at| has_passed(*at)).map(|at| Notice::Nudge { at }));
    }
    let noticed_until = noticed_until.max(now);
    Visit { notices, noticed_until, next: next_visit(window, noticed_until, reminders, channel) }
}

/// How long a queued message may wait before the sweep puts it into its queue once more.
/// Longer than a full queue needs, because a second entry is harmless but not free.
pub const QUEUED_PATIENCE: Millis = Millis::from_seconds(900);

/// How long a call may be under way: the deadline of the call and of recording its answer.
/// After this the answer is lost for good.
pub const SENDING_PATIENCE: Millis = Millis::from_seconds(120);

/// What the sweep does with a message that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageDue {
    /// Put it into its queue once more, and look again then.
    Enqueue {
        /// When to look again.
        next: Timestamp,
    },
    /// It is held: see whether the window has opened, or its time has passed.
    LookAtHold,
    /// Its call was begun and nobody knows how it ended.
    MarkUnknown,
    /// Look again later.
    Wait(Timestamp),
    /// Nothing is left to do.
    Clear,
}

/// Decides what a message whose `due_at` has come needs. `claimed_at` is when its newest call
/// was begun.
#[must_use]
pub fn message_due(phase: Phase, claimed_at: Option<Timestamp>, now: Timestamp) -> MessageDue {
    match phase {
        Phase::Queued | Phase::Deferred | Phase::Scheduled | Phase::Limited => {
            MessageDue::Enqueue { next: now.plus(QUEUED_PATIENCE) }
        }
        Phase::Held => MessageDue::LookAtHold,
        Phase::Sending => {
            let until = claimed_at.unwrap_or(Timestamp::ZERO).plus(SENDING_PATIENCE);
            if now >= until { MessageDue::MarkUnknown } else { MessageDue::Wait(until) }
        }
        Phase::Received | Phase::Answered | Phase::Refused | Phase::Cancelled => MessageDue::Clear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Basis;

    const WA: Channel = Channel::WHATSAPP;
    const HOUR: i64 = 3_600_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn window(last: i64) -> Window {
        Window {
            last_user_at: at(last),
            opened_at: at(0),
            basis: Basis::UserTime,
            refused_at: None,
        }
    }

    #[test]
    fn u6_one_notice_per_threshold_and_one_at_the_end() {
        let ladder = Threshold::default_ladder();
        let look = |noticed, now| visit(&window(0), noticed, at(now), Reminders::of(&ladder), WA);
        assert!(look(at(0), 22 * HOUR - 1).notices.is_empty());
        for offset in [0, 1] {
            let warned = look(at(0), 22 * HOUR + offset);
            assert!(matches!(warned.notices.as_slice(), [Notice::Expiring { .. }]), "{offset}");
        }
        let first = look(at(0), 22 * HOUR);
        assert_eq!(first.next, Some(at(24 * HOUR)));
        let again = look(first.noticed_until, 24 * HOUR - 1);
        assert!(again.notices.is_empty());
        for offset in [0, 1] {
            let end = look(again.noticed_until, 24 * HOUR + offset);
            assert!(matches!(end.notices.as_slice(), [Notice::Expired { .. }]), "{offset}");
            assert_eq!(end.next, None);
            assert!(look(end.noticed_until, 24 * HOUR + offset + 1).notices.is_empty());
        }
    }

    #[test]
    fn u6_a_new_message_cancels_what_was_due() {
        let ladder = Threshold::default_ladder();
        let visited = visit(&window(5 * HOUR), at(0), at(22 * HOUR), Reminders::of(&ladder), WA);
        assert!(visited.notices.is_empty());
        assert_eq!(visited.next, Some(at(27 * HOUR)));
    }

    #[test]
    fn u5_a_reminder_is_due_once_at_its_time_and_never_after_the_end() {
        let ladder = Threshold::default_ladder();
        let reminders = Reminders { ladder: &ladder, nudge: Some(Millis::from_hours(4)) };
        let look = |noticed, now| visit(&window(0), at(noticed), at(now), reminders, WA);
        assert_eq!(next_visit(&window(0), at(0), reminders, WA), Some(at(20 * HOUR)));
        assert!(look(0, 20 * HOUR - 1).notices.is_empty());
        for offset in [0, 1] {
            let due = look(0, 20 * HOUR + offset);
            assert_eq!(due.notices, [Notice::Nudge { at: at(20 * HOUR) }], "{offset}");
            assert_eq!(due.next, Some(at(22 * HOUR)));
        }
        for again in [20 * HOUR + 1, 21 * HOUR] {
            assert!(look(20 * HOUR, again).notices.is_empty(), "{again}");
        }
        // A late look reminds as long as the window is open.
        let late = |offset| look(0, 24 * HOUR + offset).notices;
        assert!(late(-1).contains(&Notice::Nudge { at: at(20 * HOUR) }));
        for offset in [0, 1, HOUR] {
            let told = late(offset);
            assert!(matches!(told.as_slice(), [Notice::Expired { .. }]), "{told:?}");
        }
    }

    #[test]
    fn a_late_sweep_tells_the_end_and_no_stale_warning() {
        let visited = visit(
            &window(0),
            at(0),
            at(30 * HOUR),
            Reminders::of(&Threshold::default_ladder()),
            WA,
        );
        assert!(matches!(visited.notices.as_slice(), [Notice::Expired { .. }]));
    }

    #[test]
    fn a_call_under_way_is_given_its_time_and_then_called_unknown() {
        let due = |now| message_due(Phase::Sending, Some(at(0)), at(now));
        assert_eq!(due(119_999), MessageDue::Wait(at(120_000)));
        assert_eq!(due(120_000), MessageDue::MarkUnknown);
        assert_eq!(due(120_001), MessageDue::MarkUnknown);
        assert_eq!(message_due(Phase::Answered, None, at(0)), MessageDue::Clear);
    }
}
