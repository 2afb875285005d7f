//! A message as callers read it.

use super::shapes::ContentView;
use super::words::{CodeWord, DirectionWord, OriginWord, SentAsWord, SourceWord, StatusWord};
use super::{CostView, cost_view};
use crate::submit::waits_until;
use serde::Serialize;
use std::collections::BTreeMap;
use transom_core::account::Provider;
use transom_core::code::Code;
use transom_core::content::Content;
use transom_core::decide::SentAs;
use transom_core::message::{Direction, Fact, FactKind, Origin, Phase, Source, Status, strongest};
use transom_core::plan::Lapse;
use transom_core::time::Timestamp;
use transom_store::{Mark, Message, RefusalRecord};
use transom_wire::{Concern, Explanation, UNKNOWN_CODE, explain};
use utoipa::ToSchema;

/// What is shown beside a message that the customer forwarded (M141).
pub const FORWARDED_NOTICE: &str = "Forwarded: the customer passed this message on and may not be \
    its author. Check what it says, and where its links lead, before you act on it.";

/// A message.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MessageView {
    /// Its id.
    #[schema(example = "msg_…")]
    pub id: String,
    /// Its conversation.
    #[schema(example = "cnv_…")]
    pub conversation: String,
    /// `in` or `out`.
    #[schema(value_type = DirectionWord)]
    pub direction: Direction,
    /// `customer`, `agent`, `system`, `automation` or `phone`.
    #[schema(value_type = OriginWord)]
    pub origin: Origin,
    /// The agent or key that sent it.
    pub sent_by: Option<String>,
    /// What it holds, as the customer gets it; `type` names the kind.
    #[schema(value_type = Option<ContentView>)]
    pub content: Option<Content>,
    /// What was to be sent, where a template goes out in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<InsteadView>,
    /// `session` or `template`: what an outbound message is sent as.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<SentAsWord>)]
    pub sent_as: Option<SentAs>,
    /// Until when it waits at most: held for the customer's next message, scheduled, or put off by
    /// the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<String>,
    /// When it was released, where it was held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub released_at: Option<String>,
    /// How it stands.
    #[schema(value_type = StatusWord)]
    pub status: Status,
    /// Accepted or sent, but not delivered within the sender's time.
    pub unconfirmed: bool,
    /// Everything that became known, by time.
    pub statuses: Vec<StatusView>,
    /// Why the customer does not have it.
    pub failure: Option<FailureView>,
    /// Every provider call.
    pub attempts: Vec<AttemptView>,
    /// What it was expected to cost when it was taken; `null` where no price was known.
    pub cost: Option<CostView>,
    /// When it was sent: by the customer, or by whoever submitted it. Lists are sorted by this.
    pub sent_at: String,
    /// When it reached this service.
    pub received_at: String,
    /// Whether the customer forwarded it.
    pub forwarded: bool,
    /// What to tell a person who reads a forwarded message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<&'static str>,
    /// The message that it answers.
    pub reply_to: Option<String>,
    /// The advertisement or post that the customer came from.
    pub referral: Option<BTreeMap<String, String>>,
    /// The customer's reaction to it.
    pub reactions: Vec<ReactionView>,
    /// When the customer corrected it. What it says now is in the message of the type `edit` that
    /// answers it.
    pub edited_at: Option<String>,
    /// When it was deleted for everyone.
    pub deleted_at: Option<String>,
}

/// A reaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReactionView {
    /// What stands at the message.
    #[schema(example = "👍")]
    pub emoji: String,
    /// `customer`.
    pub by: &'static str,
    /// When.
    pub at: String,
}

/// Something that became known of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StatusView {
    /// What.
    #[schema(value_type = StatusWord)]
    pub status: Status,
    /// When.
    pub at: String,
    /// `provider` or `transom`.
    #[schema(value_type = SourceWord)]
    pub source: Source,
    /// Of which attempt; absent for inbound messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
}

/// Why the customer does not have a message.
///
/// `code` is a code of the contract when a rule refused the message, `stale` or `overtaken` when it
/// was held in vain. When the provider refused it, or nobody knows, it is one of
/// `recipient_refused`, `account_refused`, `content_refused`, `rate_limited`,
/// `insufficient_balance`, `window_expired`, `provider_refused` (a code that nobody has classified) and
/// `outcome_unknown`: whom the provider's own code concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FailureView {
    /// The kind of failure.
    pub code: &'static str,
    /// The provider's own code.
    pub provider_code: Option<String>,
    /// What it means.
    pub meaning: String,
    /// Whether `POST /v1/messages/{id}/retry` may help.
    pub retryable: bool,
    /// One sentence that a person can act on.
    pub remedy: &'static str,
}

/// What a template goes out in place of.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct InsteadView {
    /// What was to be sent.
    #[schema(value_type = Option<ContentView>)]
    pub content: Option<Content>,
    /// Why it is not: `window_expired` or `window_never_opened`.
    #[schema(value_type = CodeWord)]
    pub because: Code,
}

/// One call of the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AttemptView {
    /// Its number, from 1.
    pub attempt: u32,
    /// How it stands.
    #[schema(value_type = StatusWord)]
    pub status: Status,
    /// When its call was begun; known of the newest attempt only.
    pub begun_at: Option<String>,
    /// The provider's id of it; known of the newest attempt only.
    pub provider_message_id: Option<String>,
    /// The provider's code, where it failed.
    pub provider_code: Option<String>,
}

/// A message as callers read it. `provider` is its account's, and explains the codes.
#[must_use]
pub fn message_view(message: &Message, provider: impl Into<Option<Provider>>) -> MessageView {
    let id = message.id.as_ref();
    MessageView {
        id: id.map(ToString::to_string).unwrap_or_default(),
        conversation: id.map(|id| id.conversation().to_string()).unwrap_or_default(),
        direction: message.direction,
        origin: message.origin,
        sent_by: message.sent_by.clone(),
        content: message.outgoing(),
        instead_of: message
            .instead
            .map(|because| InsteadView { content: message.content.clone(), because }),
        sent_as: message.sent_as,
        waits_until: waits_until(message).map(Timestamp::rfc3339),
        released_at: message.released_at.map(Timestamp::rfc3339),
        status: message.status(),
        unconfirmed: message.is_unconfirmed(),
        statuses: statuses(message),
        failure: failure(message, provider.into()),
        attempts: attempts(message),
        cost: cost_view(message.cost.as_ref()),
        sent_at: id.map_or(message.received_at, |id| id.at()).rfc3339(),
        received_at: message.received_at.rfc3339(),
        forwarded: message.forwarded,
        notice: message.forwarded.then_some(FORWARDED_NOTICE),
        reply_to: message.reply_to.clone(),
        referral: message.referral.clone(),
        reactions: reactions(message),
        edited_at: message.edited.as_ref().map(|mark| mark.at.rfc3339()),
        deleted_at: message.deleted.as_ref().map(|mark| mark.at.rfc3339()),
    }
}

fn reactions(message: &Message) -> Vec<ReactionView> {
    let Some(Mark { at, emoji: Some(emoji), .. }) = &message.reaction else { return Vec::new() };
    vec![ReactionView { emoji: emoji.clone(), by: "customer", at: at.rfc3339() }]
}

fn statuses(message: &Message) -> Vec<StatusView> {
    if message.direction == Direction::In {
        return vec![StatusView {
            status: Status::Received,
            at: message.received_at.rfc3339(),
            source: Source::Provider,
            attempt: None,
        }];
    }
    let mut facts: Vec<_> = message.facts.iter().collect();
    // The map is by attempt and by the order of a message's life: a stable sort keeps that
    // order for facts of one instant, because some providers tell whole seconds only.
    facts.sort_by_key(|(_, fact)| fact.at);
    facts
        .into_iter()
        .map(|((attempt, kind), fact)| StatusView {
            status: Status::from(*kind),
            at: fact.at.rfc3339(),
            source: fact.source,
            attempt: Some(*attempt),
        })
        .collect()
}

fn attempts(message: &Message) -> Vec<AttemptView> {
    let newest = message.attempt;
    (1..=newest)
        .filter_map(|attempt| {
            let is_newest = attempt == newest;
            let evidence = strongest(&message.facts, attempt);
            let under_way = is_newest && message.phase == Phase::Sending;
            let status = match evidence {
                Some((kind, _)) => Status::from(kind),
                None if under_way => Status::Sending,
                None => return None,
            };
            let code = [FactKind::Failed, FactKind::Unknown]
                .iter()
                .find_map(|kind| message.facts.get(&(attempt, *kind))?.code.clone());
            Some(AttemptView {
                attempt,
                status,
                begun_at: message.claimed_at.filter(|_| is_newest).map(|at| at.rfc3339()),
                provider_message_id: message.provider_message_id.clone().filter(|_| is_newest),
                provider_code: code,
            })
        })
        .collect()
}

/// What is said of an outcome that nobody knows and that no code of the provider explains.
const OUTCOME_UNKNOWN: Explanation = Explanation {
    concern: Concern::Outcome,
    meaning: "the provider's answer did not come, so it may or may not have the message",
    retryable: false,
    remedy: "Wait for a status, or look for the message at the provider before sending it again.",
};

fn failure(message: &Message, provider: Option<Provider>) -> Option<FailureView> {
    if let Some(refusal) = &message.refusal
        && matches!(message.phase, Phase::Refused | Phase::Cancelled)
    {
        return Some(refused(refusal));
    }
    // The newest attempt that left a trace: until a new one has evidence of its own, the
    // failure before it stands (F9).
    let (kind, fact) =
        (1..=message.attempt).rev().find_map(|attempt| strongest(&message.facts, attempt))?;
    match kind {
        FactKind::Failed | FactKind::Unknown => Some(failed(kind, fact, provider)),
        FactKind::Accepted | FactKind::Sent | FactKind::Delivered | FactKind::Read => None,
    }
}

fn refused(refusal: &RefusalRecord) -> FailureView {
    FailureView {
        code: refusal.lapse.map_or(refusal.code.as_str(), Lapse::as_str),
        provider_code: None,
        meaning: refusal.detail.clone().unwrap_or_else(|| refusal.code.title().to_owned()),
        retryable: false,
        remedy: refusal.lapse.map_or(refusal.code.remedy(), Lapse::remedy),
    }
}

fn failed(kind: FactKind, fact: &Fact, provider: Option<Provider>) -> FailureView {
    let code = match &fact.code {
        Some(code) => Some(code.as_str()),
        None => (kind == FactKind::Unknown).then_some("unknown"),
    };
    let explained = provider.zip(code).map(|(provider, code)| explain(provider, code));
    let explanation = match explained.unwrap_or(UNKNOWN_CODE) {
        UNKNOWN_CODE if kind == FactKind::Unknown => OUTCOME_UNKNOWN,
        explanation => explanation,
    };
    let code = match explanation.concern {
        _ if kind == FactKind::Unknown => "outcome_unknown",
        _ if explanation == UNKNOWN_CODE => "provider_refused",
        Concern::User => "recipient_refused",
        Concern::Account => "account_refused",
        Concern::Balance => "insufficient_balance",
        Concern::Content => "content_refused",
        Concern::Pace => "rate_limited",
        Concern::Window => "window_expired",
        Concern::Outcome => "provider_refused",
    };
    FailureView {
        code,
        provider_code: fact.code.clone(),
        meaning: explanation.meaning.to_owned(),
        retryable: explanation.retryable,
        remedy: explanation.remedy,
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
