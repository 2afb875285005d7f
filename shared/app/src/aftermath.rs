//! What follows from how a message ended: the place given back, the mark that it did not arrive,
//! the events. Taken from what is stored, so that whoever dies half-way is followed by the sweep,
//! which takes the same steps again. Only after all of them is the message's visit removed.

use crate::event::Event;
use crate::{App, AppError};
use serde_json::json;
use transom_core::account::{Account, Sender};
use transom_core::code::Code;
use transom_core::event::{Cause, EventKind};
use transom_core::id::MessageId;
use transom_core::message::{FactKind, Phase};
use transom_core::plan::Lapse;
use transom_core::time::Timestamp;
use transom_store::Message;
use transom_wire::Reference;

impl App {
    /// Takes what follows from a message that has ended: answered, refused or cancelled. Every
    /// step is idempotent.
    ///
    /// # Errors
    /// When something could not be stored; the message stays due, and the sweep comes again.
    pub(crate) async fn finish(&self, message: &Message, now: Timestamp) -> Result<(), AppError> {
        let Some(id) = &message.id else { return Ok(()) };
        match message.phase {
            Phase::Answered => self.finish_answered(id, message, now).await?,
            Phase::Refused => {
                self.refund_place(message).await?;
                self.uncount_for_agent(message, message.attempt).await?;
                self.store.put_undelivered(id).await?;
                let limit = self.limit_event(message).await?;
                let budget = self.budget_event(message).await?;
                let events = ended_event(id, message).into_iter().chain(limit).chain(budget);
                self.publish(events.collect()).await?;
            }
            Phase::Cancelled => {
                self.refund_place(message).await?;
                self.uncount_for_agent(message, message.attempt).await?;
                self.publish(ended_event(id, message).into_iter().collect()).await?;
            }
            Phase::Received
            | Phase::Queued
            | Phase::Deferred
            | Phase::Held
            | Phase::Scheduled
            | Phase::Limited
            | Phase::Sending => return Ok(()),
        }
        if message.held_until.is_some() {
            let (conversation, _) = self.follow_conversation(&id.conversation()).await?;
            self.store.drop_held(&conversation, std::slice::from_ref(id)).await?;
        }
        if message.phase == Phase::Answered {
            return self.settle_or_watch(id, message, now).await;
        }
        self.store.settle(id).await?;
        Ok(())
    }

    async fn finish_answered(
        &self,
        id: &MessageId,
        message: &Message,
        now: Timestamp,
    ) -> Result<(), AppError> {
        if message.reserved && !message.counts {
            // It went out within a window after all.
            self.refund_place(message).await?;
        }
        let Some(account) = self.store.account(&message.account).await? else { return Ok(()) };
        let reference = Reference { message: id.clone(), attempt: message.attempt };
        if let Some(provider_id) = &message.provider_message_id {
            self.join_answer(&account, provider_id, &reference, now).await?;
        }
        if let Some(phone) = &message.answered_as
            && let Some(sender) = self.store.sender(&message.sender).await?
        {
            self.alias_of_answer(&sender, &id.conversation(), phone, now).await?;
        }
        for ((attempt, kind), fact) in &message.facts {
            if *attempt == message.attempt {
                self.after_fact(&account, &reference, message, *kind, fact, now).await?;
            }
        }
        Ok(())
    }

    /// That a refusal has found the limit reached: one event per scope and countdown, however many
    /// sends meet it.
    async fn limit_event(&self, message: &Message) -> Result<Option<Event>, AppError> {
        let refusal = message.refusal.as_ref().filter(|r| r.code == Code::LimitReached);
        let Some(refusal) = refusal else { return Ok(None) };
        let Some(sender) = self.store.sender(&message.sender).await? else { return Ok(None) };
        let Some(account) = self.store.account(&sender.sender.account).await? else {
            return Ok(None);
        };
        let sender = self.with_limit(sender.sender, &account.account).await?;
        let at = refusal.at;
        Ok(Some(self.limit_reached(&sender, &account.account, refusal.retry_at, at)))
    }

    /// That a scope's limit is reached, until `next_free_at`.
    pub(crate) fn limit_reached(
        &self,
        sender: &Sender,
        account: &Account,
        next_free_at: Option<Timestamp>,
        at: Timestamp,
    ) -> Event {
        let scope = crate::limit::scope_of(sender, account);
        let what = self.store.hash_key().name(&["limit", &scope]);
        let cause = Cause::Changed(what, next_free_at.unwrap_or(Timestamp::ZERO));
        let data = json!({
            "sender": sender.id,
            "limit": sender.messaging_limit,
            "scope": sender.limit_scope,
            "next_free_at": next_free_at.map(Timestamp::rfc3339),
        });
        Event::new(EventKind::LimitReached, &cause, at, data)
    }

    /// That a refusal has found the budget spent: one event per sender and period.
    async fn budget_event(&self, message: &Message) -> Result<Option<Event>, AppError> {
        let refusal = message.refusal.as_ref().filter(|r| r.code == Code::BudgetReached);
        let Some((refusal, ends_at)) = refusal.and_then(|r| Some((r, r.retry_at?))) else {
            return Ok(None);
        };
        let Some(sender) = self.store.sender(&message.sender).await? else { return Ok(None) };
        let budget = sender
            .budget
            .map(|b| json!({ "amount": b.most.amount, "currency": b.most.currency, "per": b.per }));
        let cause = Cause::Changed(format!("budget:{}", message.sender), ends_at);
        let data = json!({
            "sender": message.sender,
            "budget": budget,
            "resets_at": ends_at.rfc3339(),
        });
        let mut event = Event::new(EventKind::BudgetReached, &cause, refusal.at, data);
        event.sender = Some(message.sender.clone());
        Ok(Some(event))
    }

    /// The same where the caller has an answer already: a failure is left to the sweep.
    pub(crate) async fn finish_or_leave(&self, message: &Message, now: Timestamp) {
        if let Err(error) = self.finish(message, now).await {
            tracing::warn!(
                outcome = "left_to_the_sweep",
                message = message.id.as_ref().map(ToString::to_string),
                error = %crate::error::chain(&error),
                "what follows from a message"
            );
        }
    }
}

/// The event of a message that ended before any call: refused by a rule, or cancelled.
pub(crate) fn ended_event(id: &MessageId, message: &Message) -> Option<Event> {
    let cause = Cause::Refused(id.clone(), message.attempt);
    let refusal = message.refusal.as_ref();
    let at = refusal.map_or(message.received_at, |r| r.at);
    let failure = refusal.map(|r| {
        json!({
            "code": r.lapse.map_or(r.code.as_str(), Lapse::as_str),
            "also": r.also,
            "detail": r.detail,
            "remedy": r.lapse.map_or(r.code.remedy(), Lapse::remedy),
            "retry_at": r.retry_at.map(Timestamp::rfc3339),
        })
    });
    let kind = match message.phase {
        Phase::Refused => EventKind::MessageRefused,
        Phase::Cancelled => EventKind::MessageStatus,
        Phase::Received
        | Phase::Queued
        | Phase::Deferred
        | Phase::Held
        | Phase::Scheduled
        | Phase::Limited
        | Phase::Sending
        | Phase::Answered => return None,
    };
    let mut data = json!({
        "message": id,
        "conversation": id.conversation(),
        "sender": message.sender,
        "attempt": message.attempt,
        "status": message.status().as_str(),
        "at": at.rfc3339(),
        "failure": failure,
    });
    if let (Some(refusal), Some(fields)) = (refusal, data.as_object_mut()) {
        fields.insert("code".to_owned(), json!(refusal.code));
    }
    Some(Event::new(kind, &cause, at, data).in_conversation(&id.conversation(), &message.sender))
}

/// Whether a fact makes an event of its own beside `message.status`.
pub(crate) const fn alarm(kind: FactKind) -> Option<EventKind> {
    match kind {
        FactKind::Failed => Some(EventKind::MessageFailed),
        FactKind::Unknown => Some(EventKind::MessageUnknown),
        FactKind::Accepted | FactKind::Sent | FactKind::Delivered | FactKind::Read => None,
    }
}
