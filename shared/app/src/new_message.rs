//! The item that a message begins as, by what was decided on it.

use crate::submit::{SendContext, SendRequest, refusal_record};
use transom_core::code::Code;
use transom_core::content::Content;
use transom_core::decide::SentAs;
use transom_core::due::QUEUED_PATIENCE;
use transom_core::id::MessageId;
use transom_core::message::{Direction, Facts, Phase};
use transom_core::plan::{Course, Plan, Which};
use transom_core::template::Template;
use transom_core::time::Timestamp;
use transom_store::{Message, RefusalRecord};

pub(crate) fn new_message(
    request: &SendRequest,
    context: &SendContext,
    id: &MessageId,
    course: &Course,
    now: Timestamp,
) -> Message {
    let Begun { phase, sent_as, counts, instead, refusal } = Begun::of(course, &request.plan, now);
    let held_until = (phase == Phase::Held).then(|| context.sender.waiting.hold.until(now));
    let due_at = match (phase, request.plan.send_at) {
        (Phase::Scheduled, Some(at)) => at,
        (_, _) => now.plus(QUEUED_PATIENCE),
    };
    Message {
        id: Some(id.clone()),
        direction: Direction::Out,
        origin: request.origin,
        sent_by: request.sent_by.clone(),
        account: context.account.account.id.clone(),
        sender: context.sender.sender.id.clone(),
        content: Some(pinned(&request.content, context.template.as_ref())),
        plan: pinned_plan(&request.plan, context.fallback.as_ref()),
        instead,
        held_until,
        released_at: None,
        watched: None,
        unconfirmed: None,
        phase,
        attempt: 1,
        enqueue: 1,
        claimed_at: None,
        claim: None,
        received_at: now,
        provider_message_id: None,
        answered_as: None,
        sent_as,
        counts,
        reserved: false,
        cost: None,
        refusal,
        forwarded: false,
        reply_to: request.reply_to.as_ref().map(ToString::to_string),
        reaction: None,
        edited: None,
        deleted: None,
        referral: None,
        due_shard: None,
        due_at: Some(held_until.map_or(due_at, |until| due_at.min(until))),
        facts: Facts::new(),
    }
}

/// How a new message begins.
struct Begun {
    phase: Phase,
    sent_as: Option<SentAs>,
    counts: bool,
    instead: Option<Code>,
    refusal: Option<RefusalRecord>,
}

impl Begun {
    fn of(course: &Course, plan: &Plan, now: Timestamp) -> Self {
        let waits = |phase, sent_as, counts, instead| Self {
            phase,
            sent_as: Some(sent_as),
            counts,
            instead,
            refusal: None,
        };
        let later = plan.send_at.is_some_and(|at| now < at);
        match course {
            Course::Send { which, sent_as, counts } => {
                let instead = match which {
                    Which::Own => None,
                    Which::Fallback(because) => Some(*because),
                };
                let phase = if later { Phase::Scheduled } else { Phase::Queued };
                waits(phase, *sent_as, *counts, instead)
            }
            Course::Hold(_) => {
                let phase = if later { Phase::Scheduled } else { Phase::Held };
                waits(phase, SentAs::Session, false, None)
            }
            // Whether the window is open then, nobody knows now.
            Course::Refuse(refusal) if later && refusal.by_window => {
                waits(Phase::Scheduled, SentAs::Session, false, None)
            }
            Course::Refuse(refusal) => Self {
                phase: Phase::Refused,
                sent_as: None,
                counts: false,
                instead: None,
                refusal: Some(refusal_record(refusal, now)),
            },
        }
    }
}

/// The same for the template in place of the content.
fn pinned_plan(plan: &Plan, template: Option<&Template>) -> Plan {
    let mut plan = plan.clone();
    if let (Some(used), Some(template)) = (&mut plan.fallback, template) {
        used.language.get_or_insert_with(|| template.language.clone());
    }
    plan
}

/// The content with the language that was found: a language added later changes nothing.
fn pinned(content: &Content, template: Option<&Template>) -> Content {
    let mut content = content.clone();
    if let (Content::Template(used), Some(template)) = (&mut content, template) {
        used.language.get_or_insert_with(|| template.language.clone());
    }
    content
}
