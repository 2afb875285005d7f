//! The states of a message and the facts they are computed from (design §5, F4, U1, U2).

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the customer.
    In,
    /// To the customer.
    Out,
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The customer.
    Customer,
    /// A person at the desk.
    Agent,
    /// Another system, by API.
    System,
    /// A rule.
    Automation,
    /// The business's own WhatsApp app (U12).
    Phone,
}

/// Where an outbound message stands on our own road, apart from what the provider says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Inbound: stored.
    Received,
    /// Waiting in, or for, a queue.
    Queued,
    /// Put off until its `due_at`: the provider asked us to wait.
    Deferred,
    /// Waiting for the customer's next message, because the window is closed (U3).
    Held,
    /// Waiting for its time (E15).
    Scheduled,
    /// Waiting for a place of the limit, which its scope wakes it for.
    Limited,
    /// A provider call is, or was, under way.
    Sending,
    /// The provider's answer to the newest attempt is a fact.
    Answered,
    /// Refused by a rule before any call.
    Refused,
    /// Cancelled before any call.
    Cancelled,
}

impl Phase {
    /// Those in which no call was begun and a message may be withdrawn.
    pub const WAITING: [Self; 5] =
        [Self::Queued, Self::Deferred, Self::Held, Self::Scheduled, Self::Limited];

    /// Whether the message waits for its call.
    #[must_use]
    pub fn is_waiting(self) -> bool {
        Self::WAITING.contains(&self)
    }
}

/// What is known of an attempt. Each is set once and never removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactKind {
    /// The provider took the message.
    Accepted,
    /// The provider handed it to WhatsApp.
    Sent,
    /// It reached the customer's phone.
    Delivered,
    /// The customer saw it.
    Read,
    /// It was refused or could not be delivered.
    Failed,
    /// Nobody knows whether the provider has it.
    Unknown,
}

impl FactKind {
    /// Every kind there is.
    pub const ALL: [Self; 6] =
        [Self::Accepted, Self::Sent, Self::Delivered, Self::Read, Self::Failed, Self::Unknown];

    /// The kind as callers read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// Reads a kind.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == text)
    }

    /// Which fact is shown: `read > delivered > failed > sent > accepted > unknown`.
    const fn rank(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Accepted => 1,
            Self::Sent => 2,
            Self::Failed => 3,
            Self::Delivered => 4,
            Self::Read => 5,
        }
    }
}

/// Where a fact comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The provider said so.
    Provider,
    /// We know it ourselves.
    Transom,
}

/// A fact about one attempt. The field names are short because they stand in an item that an
/// update pays for as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// When: the provider's own time, or our receipt of it.
    #[serde(rename = "t")]
    pub at: Timestamp,
    /// Who says so.
    #[serde(rename = "s")]
    pub source: Source,
    /// The provider's code, for a failure.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// All facts of a message, by attempt (from 1) and kind.
pub type Facts = BTreeMap<(u32, FactKind), Fact>;

/// The status that is shown (`http-api.md`, Messages).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waiting for the customer's next message.
    Held,
    /// Put off: by the provider, or until a place of the limit is free.
    Deferred,
    /// Waiting for its time.
    Scheduled,
    /// Waiting for its turn.
    Queued,
    /// A call is under way.
    Sending,
    /// The provider took it.
    Accepted,
    /// On its way.
    Sent,
    /// On the customer's phone.
    Delivered,
    /// Seen.
    Read,
    /// Refused by a rule.
    Refused,
    /// Not delivered.
    Failed,
    /// The provider may or may not have it; never sent again by itself.
    Unknown,
    /// Withdrawn before any call.
    Cancelled,
    /// Inbound.
    Received,
}

impl Status {
    /// The status as callers read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Deferred => "deferred",
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Accepted => "accepted",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Cancelled => "cancelled",
            Self::Received => "received",
        }
    }

    /// True when a person must know that the customer does not have the message (U1).
    #[must_use]
    pub const fn is_undelivered(self) -> bool {
        match self {
            Self::Refused | Self::Failed | Self::Unknown => true,
            Self::Held
            | Self::Deferred
            | Self::Scheduled
            | Self::Queued
            | Self::Sending
            | Self::Accepted
            | Self::Sent
            | Self::Delivered
            | Self::Read
            | Self::Cancelled
            | Self::Received => false,
        }
    }
}

impl From<FactKind> for Status {
    fn from(kind: FactKind) -> Self {
        match kind {
            FactKind::Accepted => Self::Accepted,
            FactKind::Sent => Self::Sent,
            FactKind::Delivered => Self::Delivered,
            FactKind::Read => Self::Read,
            FactKind::Failed => Self::Failed,
            FactKind::Unknown => Self::Unknown,
        }
    }
}

/// The strongest fact of one attempt.
#[must_use]
pub fn strongest(facts: &Facts, attempt: u32) -> Option<(FactKind, &Fact)> {
    facts
        .iter()
        .filter(|((a, _), _)| *a == attempt)
        .max_by_key(|((_, kind), _)| kind.rank())
        .map(|((_, kind), fact)| (*kind, fact))
}

/// The status to show: a pure function of the phase and of the *set* of facts, so that any
/// order and any repetition of statuses gives the same message (F4). The newest attempt speaks
/// first; only its own evidence clears an earlier failure (F9).
#[must_use]
pub fn shown(phase: Phase, attempt: u32, facts: &Facts) -> Status {
    let evidence = strongest(facts, attempt).map(|(kind, _)| Status::from(kind));
    match phase {
        Phase::Received => Status::Received,
        Phase::Refused => Status::Refused,
        Phase::Cancelled => Status::Cancelled,
        Phase::Queued => Status::Queued,
        Phase::Deferred | Phase::Limited => Status::Deferred,
        Phase::Held => Status::Held,
        Phase::Scheduled => Status::Scheduled,
        Phase::Sending => evidence.unwrap_or(Status::Sending),
        Phase::Answered => evidence.unwrap_or(Status::Unknown),
    }
}

/// Whether the provider has, or may have, this attempt: only without such evidence may the
/// message's place in the limit be given back (D13).
#[must_use]
pub fn may_have_happened(facts: &Facts, attempt: u32) -> bool {
    let has = |kind| facts.contains_key(&(attempt, kind));
    has(FactKind::Delivered) || has(FactKind::Read) || !has(FactKind::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(kinds: &[(u32, FactKind)]) -> Facts {
        let fact = Fact { at: Timestamp::ZERO, source: Source::Provider, code: None };
        kinds.iter().map(|key| (*key, fact.clone())).collect()
    }

    #[test]
    fn the_shown_status_follows_the_documented_rank() {
        use FactKind::{Accepted, Delivered, Failed, Read, Sent, Unknown};
        let cases: [(&[FactKind], Status); 8] = [
            (&[Accepted], Status::Accepted),
            (&[Accepted, Sent], Status::Sent),
            (&[Read], Status::Read),
            (&[Failed, Delivered], Status::Delivered),
            (&[Sent, Failed], Status::Failed),
            (&[Unknown, Delivered], Status::Delivered),
            (&[Unknown, Accepted], Status::Accepted),
            (&[Unknown], Status::Unknown),
        ];
        for (kinds, expected) in cases {
            let keyed: Vec<_> = kinds.iter().map(|k| (1, *k)).collect();
            assert_eq!(shown(Phase::Answered, 1, &facts(&keyed)), expected, "{kinds:?}");
        }
    }

    #[test]
    fn a_new_attempt_shows_its_own_state() {
        let known = facts(&[(1, FactKind::Failed)]);
        assert_eq!(shown(Phase::Answered, 1, &known), Status::Failed);
        assert_eq!(shown(Phase::Queued, 2, &known), Status::Queued);
        assert_eq!(shown(Phase::Sending, 2, &known), Status::Sending);
    }

    #[test]
    fn d13_a_place_is_given_back_only_when_the_send_certainly_did_not_happen() {
        assert!(!may_have_happened(&facts(&[(1, FactKind::Failed)]), 1));
        assert!(may_have_happened(&facts(&[(1, FactKind::Failed), (1, FactKind::Delivered)]), 1));
        assert!(may_have_happened(&facts(&[(1, FactKind::Unknown)]), 1));
    }
}
