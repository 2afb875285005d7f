//! A conversation and its contact as callers read them.

use super::words::{BasisWord, BlockedReasonWord, CodeWord, OptInWord, WindowStateWord};
use serde::Serialize;
use transom_core::code::{BlockedReason, Code};
use transom_core::consent::OptIn;
use transom_core::due::Threshold;
use transom_core::id::SenderId;
use transom_core::message::Direction;
use transom_core::time::{Millis, Timestamp};
use transom_core::window::{Basis, Channel, EXPIRING_DEFAULT, Window, WindowState, state};
use transom_store::{Message, Session};
use utoipa::ToSchema;

/// A conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConversationView {
    /// Its id.
    #[schema(example = "cnv_…")]
    pub id: String,
    /// The sender that uses its number now.
    pub sender: String,
    /// `open`, `ended` or `interrupted`.
    pub status: &'static str,
    /// `notifying_agent`, `agent_responding`, `responded` or `unanswered`; `null` while there is
    /// no message.
    pub desk: Option<&'static str>,
    /// The customer.
    pub contact: ContactView,
    /// The customer service window.
    pub window: WindowView,
    /// Whether a free-form reply is possible now, and if not, why.
    pub reply: ReplyView,
    /// The brand that it was begun for.
    pub brand: Option<String>,
    /// The queue that it waits in.
    pub queue: Option<String>,
    /// The agent who owns it.
    pub assignee: Option<String>,
    /// The agent who was asked in.
    pub conference: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// How many outbound messages the customer does not have.
    pub undelivered: usize,
    /// The conversation before it.
    pub predecessor: Option<String>,
    /// Every conversation before it whose messages belong to its history, the latest first; its
    /// `predecessor` among them.
    pub predecessors: Vec<String>,
    /// The conversation after it.
    pub successor: Option<String>,
    /// When it was begun.
    pub opened_at: String,
    /// When its newest message was sent.
    pub last_message_at: Option<String>,
}

/// A customer, in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ContactView {
    /// Its id.
    #[schema(example = "ctc_…")]
    pub id: String,
    /// The phone number, where it is known.
    pub phone: Option<String>,
    /// The business-scoped user id, where it is known.
    pub user_id: Option<String>,
    /// The customer's own name for himself.
    pub name: Option<String>,
    /// `unknown`, `in` or `out`.
    #[schema(value_type = OptInWord)]
    pub opt_in: OptIn,
    /// Whether the window is open.
    pub active: bool,
}

/// A customer, in a list of contacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ContactDetail {
    /// Its id.
    #[schema(example = "ctc_…")]
    pub id: String,
    /// The conversation with this customer.
    pub conversation: String,
    /// The phone number, where it is known.
    pub phone: Option<String>,
    /// The business-scoped user id, where it is known.
    pub user_id: Option<String>,
    /// The customer's own name for himself.
    pub name: Option<String>,
    /// `unknown`, `in` or `out`.
    #[schema(value_type = OptInWord)]
    pub opt_in: OptIn,
    /// When the customer said so.
    pub opt_in_at: Option<String>,
    /// Where.
    pub opt_in_source: Option<String>,
    /// Whether the window is open.
    pub active: bool,
}

/// The customer service window. Everything but `state` is `null` while the customer has never
/// written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WindowView {
    /// `none`, `open`, `expiring` or `expired`.
    #[schema(value_type = WindowStateWord)]
    pub state: WindowState,
    /// When it was opened.
    pub opened_at: Option<String>,
    /// Until when sends are allowed.
    pub expires_at: Option<String>,
    /// Whole seconds until then.
    pub seconds_left: Option<i64>,
    /// `user_time` or `receipt`: where the customer's time comes from.
    #[schema(value_type = Option<BasisWord>)]
    pub basis: Option<Basis>,
    /// Until when the provider certainly agrees.
    pub certain_until: Option<String>,
}

/// Whether a free-form reply is possible now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReplyView {
    /// Whether it is.
    pub allowed: bool,
    /// `session_ended`, `integration_removed`, `account_deactivated`, `session_expired` or
    /// `interrupted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BlockedReasonWord>)]
    pub reason: Option<BlockedReason>,
    /// The refusal code that a send would meet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<CodeWord>)]
    pub cause: Option<Code>,
    /// One sentence that a person can act on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<&'static str>,
}

/// What a conversation is shown from.
#[derive(Debug, Clone, Copy)]
pub struct ConversationFacts<'a> {
    /// The conversation.
    pub session: &'a Session,
    /// The sender that uses its number now.
    pub sender: &'a SenderId,
    /// Whether that sender is deleted (M50).
    pub interrupted: bool,
    /// Whom the sender warns before a window closes.
    pub ladder: &'a [Threshold],
    /// Why a free-form reply is not possible.
    pub blocked: Option<Code>,
    /// The newest message.
    pub newest: Option<&'a Message>,
    /// How many outbound messages the customer does not have.
    pub undelivered: usize,
}

const CHANNEL: Channel = Channel::WHATSAPP;

/// A conversation at `now`.
#[must_use]
pub fn conversation_view(facts: &ConversationFacts<'_>, now: Timestamp) -> ConversationView {
    let session = facts.session;
    ConversationView {
        id: session.id.to_string(),
        sender: facts.sender.to_string(),
        status: if facts.interrupted { "interrupted" } else { "open" },
        desk: facts.newest.map(|message| match message.direction {
            Direction::In => "notifying_agent",
            Direction::Out => "responded",
        }),
        contact: contact_view(session, now),
        window: window_view(session.window().as_ref(), facts.ladder, now),
        reply: reply_view(facts.blocked),
        brand: session.brand.as_ref().map(ToString::to_string),
        queue: None,
        assignee: None,
        conference: None,
        tags: Vec::new(),
        undelivered: facts.undelivered,
        predecessor: session.predecessor.as_ref().map(ToString::to_string),
        predecessors: session.predecessors().map(ToString::to_string).collect(),
        successor: session.alias_of.as_ref().map(ToString::to_string),
        opened_at: session.created_at.rfc3339(),
        last_message_at: facts.newest.and_then(|m| m.id.as_ref()).map(|id| id.at().rfc3339()),
    }
}

/// The customer of a conversation at `now`.
#[must_use]
pub fn contact_view(session: &Session, now: Timestamp) -> ContactView {
    ContactView {
        id: session.id.contact(),
        phone: session.phone.as_ref().map(ToString::to_string),
        user_id: session.user_id.as_ref().map(|id| id.as_str().to_owned()),
        name: session.name.clone(),
        opt_in: session.consent.state,
        active: is_active(session, now),
    }
}

/// The same, with what a list of contacts adds.
#[must_use]
pub fn contact_detail(session: &Session, now: Timestamp) -> ContactDetail {
    let said = session.consent.state != OptIn::Unknown;
    ContactDetail {
        id: session.id.contact(),
        conversation: session.id.to_string(),
        phone: session.phone.as_ref().map(ToString::to_string),
        user_id: session.user_id.as_ref().map(|id| id.as_str().to_owned()),
        name: session.name.clone(),
        opt_in: session.consent.state,
        opt_in_at: said.then(|| session.consent.at.rfc3339()),
        opt_in_source: session.consent.source.clone(),
        active: is_active(session, now),
    }
}

/// A window at `now`, for a sender that warns as `ladder` says.
#[must_use]
pub fn window_view(window: Option<&Window>, ladder: &[Threshold], now: Timestamp) -> WindowView {
    let last_threshold = ladder
        .iter()
        .map(|t| Millis::from_seconds(i64::from(t.before_s)))
        .min()
        .unwrap_or(EXPIRING_DEFAULT);
    let expires_at = window.map(|w| w.expires_at(CHANNEL));
    WindowView {
        state: state(window, now, last_threshold, CHANNEL),
        opened_at: window.map(|w| w.opened_at.rfc3339()),
        expires_at: expires_at.map(Timestamp::rfc3339),
        seconds_left: expires_at.map(|at| at.since(now).whole_seconds().max(0)),
        basis: window.map(|w| w.basis),
        certain_until: window.map(|w| w.certain_until(CHANNEL).rfc3339()),
    }
}

/// What is told of a reply that `blocked` blocks, if anything does.
#[must_use]
pub fn reply_view(blocked: Option<Code>) -> ReplyView {
    ReplyView {
        allowed: blocked.is_none(),
        reason: blocked.and_then(BlockedReason::of),
        cause: blocked,
        remedy: blocked.map(Code::remedy),
    }
}

fn is_active(session: &Session, now: Timestamp) -> bool {
    session.window().is_some_and(|w| w.is_open(now, CHANNEL))
}

#[cfg(test)]
#[path = "conversation_tests.rs"]
mod tests;
