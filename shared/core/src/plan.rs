//! What a sender of a message asked for in case it cannot go out now: hold it until the customer
//! writes, send a template instead, wait for a place of the limit, wait for a time (U3, E2, E15).

use crate::code::Code;
use crate::content::TemplateUse;
use crate::decide::{Decision, Refusal, SentAs};
use crate::message::{Direction, Origin, Phase, Status};
use crate::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// How far ahead a message may be scheduled: a quarter of a year. What is further away belongs
/// into the caller's own calendar.
pub const SCHEDULED_AHEAD_MAX: Millis = Millis::from_hours(24 * 90);

/// How many replies one conversation holds at most: its item names them, and every message of the
/// customer rewrites that item.
pub const HELD_MAX: usize = 5;

/// What happens to a free-form message whose window is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenClosed {
    /// It is refused.
    #[default]
    Refuse,
    /// It waits for the customer's next message.
    Hold,
    /// A template goes out in its place.
    Template,
}

/// What a sender of a message asked for beside its content. The field names are short because they
/// stand in an item that an update pays for as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// When the window is closed.
    #[serde(rename = "c", default, skip_serializing_if = "is_refuse")]
    pub when_closed: WhenClosed,
    /// The template that goes out in place of the content then.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<TemplateUse>,
    /// Whether it waits when the limit is reached.
    #[serde(rename = "l", default, skip_serializing_if = "std::ops::Not::not")]
    pub waits_for_a_place: bool,
    /// When it is sent, if not at once.
    #[serde(rename = "at", default, skip_serializing_if = "Option::is_none")]
    pub send_at: Option<Timestamp>,
}

fn is_refuse(when: &WhenClosed) -> bool {
    *when == WhenClosed::Refuse
}

impl Plan {
    /// Whether nothing was asked for: it is sent at once, or refused.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// Which of a message's two contents goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Its own.
    Own,
    /// The template in its place, because of this.
    Fallback(Code),
}

/// What becomes of a message now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Course {
    /// It goes out.
    Send {
        /// What of it.
        which: Which,
        /// As what.
        sent_as: SentAs,
        /// Whether it takes a place of the limit.
        counts: bool,
    },
    /// Nothing but the closed window is in its way, and it waits for that.
    Hold(Refusal),
    /// It may not be sent.
    Refuse(Refusal),
}

/// Chooses the course of a message from what the rules say about its own content and, where the
/// window is closed and a template stands in for it, about that. Every other refusal stands: a
/// message that could not be sent in an open window is neither held nor replaced.
#[must_use]
pub fn course(own: Decision, plan: &Plan, fallback: impl FnOnce() -> Decision) -> Course {
    let refusal = match own {
        Decision::Send { sent_as, counts } => {
            return Course::Send { which: Which::Own, sent_as, counts };
        }
        Decision::Refuse(refusal) => refusal,
    };
    if !refusal.by_window {
        return Course::Refuse(refusal);
    }
    match plan.when_closed {
        WhenClosed::Refuse => Course::Refuse(refusal),
        WhenClosed::Hold => Course::Hold(refusal),
        WhenClosed::Template => {
            let codes = || std::iter::once(refusal.code).chain(refusal.also.iter().copied());
            let because = codes().find(|code| code.is_window()).unwrap_or(refusal.code);
            match fallback() {
                Decision::Send { sent_as, counts } => {
                    Course::Send { which: Which::Fallback(because), sent_as, counts }
                }
                Decision::Refuse(mut instead) => {
                    // Why the template may not go out is what the caller can mend; that it was asked for
                    // because of the window stands beside it.
                    if instead.code != because && !instead.also.contains(&because) {
                        let wallet =
                            instead.also.iter().position(|c| *c == Code::InsufficientBalance);
                        instead.also.insert(wallet.unwrap_or(instead.also.len()), because);
                    }
                    Course::Refuse(instead)
                }
            }
        }
    }
}

/// What happens to a held reply that a newer one has overtaken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overtaken {
    /// It is cancelled: the customer has heard something newer.
    #[default]
    Drop,
    /// It goes out all the same.
    Send,
}

/// How long a sender's replies are held, and what is done with those that were overtaken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldPolicy {
    /// How long a reply is held at most.
    pub max_age_s: u32,
    /// What is done with an overtaken one.
    pub overtaken: Overtaken,
}

impl Default for HoldPolicy {
    /// Three days, so that what was answered on a Friday evening still goes out on Monday.
    fn default() -> Self {
        Self { max_age_s: 3 * 24 * 3600, overtaken: Overtaken::Drop }
    }
}

impl HoldPolicy {
    /// Until when a reply is held that begins to wait at `now`.
    #[must_use]
    pub fn until(&self, now: Timestamp) -> Timestamp {
        now.plus(Millis::from_seconds(i64::from(self.max_age_s)))
    }
}

/// Why a held reply did not go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lapse {
    /// The customer did not write within the time for which it was held.
    Stale,
    /// A newer reply has gone out.
    Overtaken,
}

impl Lapse {
    /// The reason as callers read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stale => "stale",
            Self::Overtaken => "overtaken",
        }
    }

    /// What it means.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Stale => "the customer did not write within the time for which it was held",
            Self::Overtaken => "a newer reply went out while it was held",
        }
    }

    /// One sentence that a person can act on.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Stale => {
                "Send it again if it still holds, or an approved template; the sender's setting \
                 hold.max_age_s says how long replies are held."
            }
            Self::Overtaken => {
                "Send it again if it still holds; the sender's setting hold.overtaken says what \
                 happens to overtaken replies."
            }
        }
    }
}

/// Whether an outbound message has overtaken the replies that were held before it: it was written
/// by somebody, and the customer has it or is about to. What a rule sends, such as a greeting, is
/// no reply.
#[must_use]
pub fn overtakes(direction: Direction, origin: Origin, phase: Phase, shown: Status) -> bool {
    let is_a_reply = match origin {
        Origin::Agent | Origin::System | Origin::Phone => true,
        Origin::Customer | Origin::Automation => false,
    };
    let is_under_way = match phase {
        Phase::Queued | Phase::Deferred | Phase::Sending => true,
        Phase::Answered => shown != Status::Failed,
        Phase::Received
        | Phase::Held
        | Phase::Scheduled
        | Phase::Limited
        | Phase::Refused
        | Phase::Cancelled => false,
    };
    direction == Direction::Out && is_a_reply && is_under_way
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEND: Decision = Decision::Send { sent_as: SentAs::Template, counts: true };

    fn refuse(code: Code, also: &[Code]) -> Decision {
        Decision::Refuse(Refusal {
            code,
            also: also.to_vec(),
            detail: None,
            retry_at: None,
            nearest: None,
            by_window: code.asks_for_a_template(),
        })
    }

    fn plan(when_closed: WhenClosed) -> Plan {
        Plan { when_closed, ..Plan::default() }
    }

    #[test]
    fn u3_nothing_but_a_closed_window_is_held() {
        let closed = || refuse(Code::WindowExpired, &[]);
        let never = || unreachable!("no template was asked for");
        assert!(matches!(course(closed(), &plan(WhenClosed::Hold), never), Course::Hold(_)));
        let never_opened = refuse(Code::WindowNeverOpened, &[]);
        assert!(matches!(course(never_opened, &plan(WhenClosed::Hold), never), Course::Hold(_)));
        assert!(matches!(course(closed(), &Plan::default(), never), Course::Refuse(_)));
        let unlike = refuse(Code::TemplateMismatch, &[Code::WindowExpired]);
        assert!(matches!(course(unlike, &plan(WhenClosed::Hold), never), Course::Hold(_)));
        for code in [Code::AccountDeactivated, Code::TextTooLong, Code::OptedOut] {
            let refused = refuse(code, &[Code::WindowExpired]);
            let chosen = course(refused, &plan(WhenClosed::Hold), never);
            assert!(matches!(chosen, Course::Refuse(r) if r.code == code));
        }
        let sent = course(SEND, &plan(WhenClosed::Hold), never);
        assert!(matches!(sent, Course::Send { which: Which::Own, .. }));
    }

    #[test]
    fn u5_a_template_stands_in_only_for_a_closed_window_and_passes_the_same_guard() {
        let asked = plan(WhenClosed::Template);
        let closed = || refuse(Code::WindowExpired, &[]);
        let chosen = course(closed(), &asked, || SEND);
        let which = Which::Fallback(Code::WindowExpired);
        assert_eq!(chosen, Course::Send { which, sent_as: SentAs::Template, counts: true });
        let chosen = course(closed(), &asked, || refuse(Code::NotOptedIn, &[]));
        let Course::Refuse(refusal) = chosen else { panic!("the template is refused") };
        assert_eq!((refusal.code, refusal.also), (Code::NotOptedIn, vec![Code::WindowExpired]));
        let unlike = refuse(Code::TemplateMismatch, &[Code::WindowExpired]);
        assert!(
            matches!(course(unlike, &asked, || SEND), Course::Send { which: w, .. } if w == which)
        );
        // Both lack consent: it is said once, and why the template was asked for stands beside it.
        let consent = || {
            Decision::Refuse(Refusal {
                code: Code::NotOptedIn,
                also: vec![Code::WindowExpired],
                detail: None,
                retry_at: None,
                nearest: None,
                by_window: true,
            })
        };
        let poor = || refuse(Code::NotOptedIn, &[Code::InsufficientBalance]);
        let Course::Refuse(refusal) = course(consent(), &asked, poor) else { panic!("refused") };
        assert_eq!(refusal.code, Code::NotOptedIn);
        assert_eq!(refusal.also, [Code::WindowExpired, Code::InsufficientBalance]);
        let other = course(refuse(Code::Interrupted, &[]), &asked, || SEND);
        assert!(matches!(other, Course::Refuse(r) if r.code == Code::Interrupted));
    }

    #[test]
    fn u3_only_what_somebody_wrote_and_the_customer_may_have_overtakes() {
        let by = |origin, phase, shown| overtakes(Direction::Out, origin, phase, shown);
        assert!(by(Origin::Agent, Phase::Queued, Status::Queued));
        assert!(by(Origin::System, Phase::Answered, Status::Unknown), "he may have it");
        assert!(by(Origin::Phone, Phase::Answered, Status::Sent));
        assert!(!by(Origin::Agent, Phase::Answered, Status::Failed));
        assert!(!by(Origin::Agent, Phase::Held, Status::Held));
        assert!(!by(Origin::Agent, Phase::Refused, Status::Refused));
        assert!(!by(Origin::Automation, Phase::Answered, Status::Read), "a greeting is no reply");
        let customers =
            overtakes(Direction::In, Origin::Customer, Phase::Received, Status::Received);
        assert!(!customers);
    }
}
