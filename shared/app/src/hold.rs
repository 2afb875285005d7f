//! A reply outside the window is held until the customer writes again, and released once (U3, E2):
//! in order, unless it has become stale or a newer reply has overtaken it.
//!
//! The message is `held` and due; the conversation names it, so that the customer's next message
//! finds it without a look. Whoever releases takes these steps, each idempotent, and a repeat takes
//! them again from what is stored: the message is queued, the event told, its id put into the
//! queue, and the conversation forgets it last.

use crate::event::Event;
use crate::{App, AppError};
use serde_json::json;
use transom_core::code::Code;
use transom_core::consent::OptIn;
use transom_core::due::QUEUED_PATIENCE;
use transom_core::event::{Cause, EventKind};
use transom_core::id::MessageId;
use transom_core::message::Phase;
use transom_core::plan::{HELD_MAX, HoldPolicy, Lapse, Overtaken, overtakes};
use transom_core::time::Timestamp;
use transom_core::window::Channel;
use transom_store::{HeldInSession, Message, RefusalRecord, Session, StoreError, Updated};

/// How often a conversation is read again because its customer wrote meanwhile.
const ROUNDS_MAX: u32 = 20;

/// How many of a conversation's newest messages are looked at for one that has overtaken a held one.
const NEWER_MAX: u16 = 50;

impl App {
    /// Lets the conversation know a message that is `held`, or releases it because the customer has
    /// written meanwhile, or refuses it because so many are held already.
    pub(crate) async fn keep_held(
        &self,
        session: &Session,
        message: Message,
        now: Timestamp,
    ) -> Result<Message, AppError> {
        let Some(id) = message.id.clone() else { return Ok(message) };
        let mut session = session.clone();
        for _ in 0..ROUNDS_MAX {
            match self.store.add_held(&session, &id).await? {
                HeldInSession::Known => return Ok(message),
                HeldInSession::Full => {
                    let refusal = one_too_many(session.window().is_some(), now);
                    return self.refuse_held(&id, message, refusal, now).await;
                }
                HeldInSession::Changed => {}
            }
            let (_, stands) = self.follow_conversation(&session.id).await?;
            let Some(stands) = stands else { return Ok(message) };
            session = stands;
            if is_open(&session, now) {
                let mut waiting = session.clone();
                waiting.held.insert(id.clone());
                Box::pin(self.release_held(&waiting, now)).await?;
                return Ok(self.store.message(&id).await?.unwrap_or(message));
            }
        }
        Err(StoreError::Contended { operation: "hold a reply" }.into())
    }

    async fn refuse_held(
        &self,
        id: &MessageId,
        mut message: Message,
        refusal: RefusalRecord,
        now: Timestamp,
    ) -> Result<Message, AppError> {
        let soon = now.plus(QUEUED_PATIENCE);
        if self.store.end_waiting(id, Phase::Refused, Some(&refusal), soon).await? == Updated::Done
        {
            message.phase = Phase::Refused;
            message.refusal = Some(refusal);
            message.due_at = Some(soon);
            return Ok(message);
        }
        Ok(self.store.message(id).await?.unwrap_or(message))
    }

    /// A message whose window has closed since it was submitted, and which asked to be held then.
    pub(crate) async fn hold_queued(
        &self,
        message: &Message,
        session: &Session,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let Some(id) = &message.id else { return Ok(()) };
        let until = self.hold_policy(message).await?.until(now);
        let next = now.plus(QUEUED_PATIENCE).min(until);
        if self.store.hold(id, message.phase, until, next).await? == Updated::Changed {
            return Ok(());
        }
        tracing::info!(outcome = "held", message = %id, sender = %message.sender, "before the call");
        let mut held = message.clone();
        held.phase = Phase::Held;
        held.held_until = Some(until);
        let kept = self.keep_held(session, held, now).await?;
        if kept.phase == Phase::Refused {
            self.finish_or_leave(&kept, now).await;
        }
        Ok(())
    }

    pub(crate) async fn hold_policy(&self, message: &Message) -> Result<HoldPolicy, AppError> {
        let sender = self.store.sender(&message.sender).await?;
        Ok(sender.map(|s| s.waiting.hold).unwrap_or_default())
    }

    /// Releases what is held for a customer whose window is open, oldest first. Nothing is read when
    /// nothing is held.
    ///
    /// # Errors
    /// When something could not be stored; everything is safe to repeat.
    pub(crate) async fn release_held(
        &self,
        session: &Session,
        now: Timestamp,
    ) -> Result<(), AppError> {
        if session.held.is_empty() || !is_open(session, now) {
            return Ok(());
        }
        let (newest, _) = self.store.messages(&session.id, None, NEWER_MAX).await?;
        let mut ids: Vec<MessageId> = session.held.iter().cloned().collect();
        // Two conversations that became one: by time, not by where they stand.
        ids.sort_by(|a, b| a.sortable().cmp(b.sortable()));
        for id in &ids {
            self.release_one(id, session, &newest, now).await?;
        }
        self.store.drop_held(&session.id, &ids).await?;
        Ok(())
    }

    async fn release_one(
        &self,
        id: &MessageId,
        session: &Session,
        newest: &[Message],
        now: Timestamp,
    ) -> Result<(), AppError> {
        let Some(message) = self.store.message(id).await? else { return Ok(()) };
        let message = if message.phase == Phase::Held {
            if let Some(reason) = self.lapse(&message, newest, now).await? {
                return self.end_held(message, lapsed(reason, now), now).await;
            }
            if opted_out_since(session, id) {
                return self.end_held(message, opted_out(now), now).await;
            }
            let next = now.plus(QUEUED_PATIENCE);
            let released = self.store.release_message(id, &message, now, next).await?;
            let Some(stands) = self.store.message(id).await? else { return Ok(()) };
            if released == Updated::Done {
                tracing::info!(outcome = "released", message = %id, sender = %message.sender, "held message");
            }
            stands
        } else {
            message
        };
        // Released here, or by whoever was here before and may not have come further.
        if message.phase == Phase::Queued && message.released_at.is_some() {
            self.tell_released(id, &message).await?;
            let rate = self.rate_of(&message).await?;
            // Otherwise the next would overtake it: whoever comes again begins with this one.
            self.try_enqueue(id, &message, rate).await?;
        }
        Ok(())
    }

    /// Why a held message does not go out any more.
    async fn lapse(
        &self,
        message: &Message,
        newest: &[Message],
        now: Timestamp,
    ) -> Result<Option<Lapse>, AppError> {
        if message.held_until.is_some_and(|until| now >= until) {
            return Ok(Some(Lapse::Stale));
        }
        if self.hold_policy(message).await?.overtaken == Overtaken::Send {
            return Ok(None);
        }
        let own = message.id.as_ref().map(MessageId::sortable);
        let overtaken = newest.iter().any(|m| {
            m.id.as_ref().map(MessageId::sortable) > own
                && m.released_at.is_none()
                && overtakes(m.direction, m.origin, m.phase, m.status())
        });
        Ok(overtaken.then_some(Lapse::Overtaken))
    }

    async fn end_held(
        &self,
        mut message: Message,
        refusal: RefusalRecord,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let Some(id) = message.id.clone() else { return Ok(()) };
        let soon = now.plus(QUEUED_PATIENCE);
        let ended = self.store.end_waiting(&id, Phase::Cancelled, Some(&refusal), soon).await?;
        if ended == Updated::Changed {
            return Ok(());
        }
        tracing::info!(outcome = "not_released", message = %id, sender = %message.sender, reason = refusal.lapse.map(Lapse::as_str), "held message");
        message.phase = Phase::Cancelled;
        message.refusal = Some(refusal);
        self.finish(&message, now).await
    }

    pub(crate) async fn tell_released(
        &self,
        id: &MessageId,
        message: &Message,
    ) -> Result<(), AppError> {
        self.publish(released_event(id, message).into_iter().collect()).await
    }

    pub(crate) async fn rate_of(&self, message: &Message) -> Result<u32, AppError> {
        let sender = self.store.sender(&message.sender).await?;
        Ok(sender.map_or(1, |s| s.sender.rate_per_second))
    }

    /// The sweep's look at a held message: its time has passed, or the window has opened and whoever
    /// saw that did not live to release it, or its conversation may not know it yet.
    pub(crate) async fn visit_held(
        &self,
        id: &MessageId,
        message: Message,
        now: Timestamp,
    ) -> Result<(), AppError> {
        if message.held_until.is_none_or(|until| now >= until) {
            return self.end_held(message, lapsed(Lapse::Stale, now), now).await;
        }
        let (_, session) = self.follow_conversation(&id.conversation()).await?;
        let Some(mut session) = session else { return Ok(()) };
        if is_open(&session, now) {
            session.held.insert(id.clone());
            return self.release_held(&session, now).await;
        }
        let seen = message.clone();
        let kept = self.keep_held(&session, message, now).await?;
        match kept.phase {
            Phase::Held => {
                self.store.reschedule(id, &seen, kept.held_until).await?;
                Ok(())
            }
            Phase::Refused => self.finish(&kept, now).await,
            Phase::Received
            | Phase::Queued
            | Phase::Deferred
            | Phase::Scheduled
            | Phase::Limited
            | Phase::Sending
            | Phase::Answered
            | Phase::Cancelled => Ok(()),
        }
    }
}

/// That a held message was released.
pub(crate) fn released_event(id: &MessageId, message: &Message) -> Option<Event> {
    let at = message.released_at?;
    let cause = Cause::Released(id.clone(), at);
    let data = json!({
        "message": id,
        "conversation": id.conversation(),
        "sender": message.sender,
        "submitted_at": message.received_at.rfc3339(),
        "at": at.rfc3339(),
    });
    let event = Event::new(EventKind::MessageReleased, &cause, at, data);
    Some(event.in_conversation(&id.conversation(), &message.sender))
}

fn is_open(session: &Session, now: Timestamp) -> bool {
    session.window().is_some_and(|window| window.is_open(now, Channel::WHATSAPP))
}

/// Why a reply is not held beside as many others as there may be, to a customer who has written, or
/// never did.
pub(crate) fn one_too_many(has_written: bool, now: Timestamp) -> RefusalRecord {
    let code = if has_written { Code::WindowExpired } else { Code::WindowNeverOpened };
    let detail = format!(
        "no window is open, and {HELD_MAX} replies are held for this customer already; \
         cancel one, or wait until the customer writes"
    );
    RefusalRecord { detail: Some(detail), ..RefusalRecord::new(code, now) }
}

/// Whether the customer has said stop since the message was written, or said it before and nobody
/// knew then: nobody looks when it is released, so it is not, although a reply in an open window
/// needs no consent.
pub(crate) fn opted_out_since(session: &Session, id: &MessageId) -> bool {
    let known_at = session.consent_known_at.unwrap_or(session.consent.at);
    session.consent.state == OptIn::Out && session.consent.at.max(known_at) >= id.at()
}

pub(crate) fn opted_out(now: Timestamp) -> RefusalRecord {
    let detail = Some("the customer opted out while the message was waiting".to_owned());
    RefusalRecord { detail, ..RefusalRecord::new(Code::OptedOut, now) }
}

fn lapsed(reason: Lapse, now: Timestamp) -> RefusalRecord {
    RefusalRecord {
        detail: Some(reason.meaning().to_owned()),
        lapse: Some(reason),
        ..RefusalRecord::new(Code::WindowExpired, now)
    }
}
