//! A message that the provider took and that nobody heard of again is shown as unconfirmed after
//! the sender's time (U10): in the message, among the undelivered, and in one event.
//!
//! The visit that an answered message has anyway is kept until then, instead of being removed.

use crate::event::Event;
use crate::{App, AppError};
use serde_json::json;
use transom_core::event::{Cause, EventKind};
use transom_core::id::MessageId;
use transom_core::time::{Millis, Timestamp};
use transom_core::watch::{Watch, watch};
use transom_store::{Message, Unconfirmed, Updated};

impl App {
    /// Ends the visit of an answered message from which everything has followed; or keeps it until
    /// its time to arrive is over.
    pub(crate) async fn settle_or_watch(
        &self,
        id: &MessageId,
        message: &Message,
        now: Timestamp,
    ) -> Result<(), AppError> {
        match self.watch_over(message, now).await? {
            Watch::Until(until) => {
                // A visit before that time needs no move: it looks, and is put off if need be.
                let moved = message.due_at.is_none_or(|due| until < due).then_some(until);
                self.store.watch_attempt(id, message.attempt, moved).await?;
                Ok(())
            }
            Watch::Unconfirmed(since) => self.flag(id, message, since).await,
            Watch::Over => {
                self.store.settle(id).await?;
                Ok(())
            }
        }
    }

    /// The sweep's look at an answered message that is watched.
    pub(crate) async fn visit_watched(
        &self,
        id: &MessageId,
        message: &Message,
        now: Timestamp,
    ) -> Result<(), AppError> {
        match self.watch_over(message, now).await? {
            Watch::Until(until) => {
                self.store.reschedule(id, message, Some(until)).await?;
            }
            Watch::Unconfirmed(since) => self.flag(id, message, since).await?,
            Watch::Over => {
                self.store.settle(id).await?;
            }
        }
        Ok(())
    }

    async fn flag(
        &self,
        id: &MessageId,
        message: &Message,
        since: Timestamp,
    ) -> Result<(), AppError> {
        let flag = Unconfirmed { attempt: message.attempt, at: since };
        if self.store.flag_unconfirmed(id, &flag).await? == Updated::Changed {
            // Evidence came meanwhile: the next look ends it.
            return Ok(());
        }
        tracing::warn!(outcome = "unconfirmed", message = %id, sender = %message.sender, "not delivered in its time");
        let flagged = Message { unconfirmed: Some(flag), ..message.clone() };
        self.mark_undelivered(id).await?;
        self.publish(unconfirmed_event(id, &flagged).into_iter().collect()).await?;
        self.store.settle(id).await?;
        Ok(())
    }

    async fn watch_over(&self, message: &Message, now: Timestamp) -> Result<Watch, AppError> {
        // Without a delivery to wait for nobody needs to know how long.
        let any = Some(Millis::new(0));
        if watch(&message.facts, message.attempt, any, now) == Watch::Over {
            return Ok(Watch::Over);
        }
        let sender = self.store.sender(&message.sender).await?;
        let patience = sender.and_then(|s| s.waiting.unconfirmed_after_s);
        let patience = patience.map(|s| Millis::from_seconds(i64::from(s)));
        Ok(watch(&message.facts, message.attempt, patience, now))
    }
}

/// That a message was not delivered in its time.
pub(crate) fn unconfirmed_event(id: &MessageId, message: &Message) -> Option<Event> {
    let flag = message.unconfirmed.as_ref()?;
    let cause = Cause::Unconfirmed(id.clone(), flag.attempt);
    let data = json!({
        "message": id,
        "conversation": id.conversation(),
        "sender": message.sender,
        "attempt": flag.attempt,
        "status": message.status().as_str(),
        "at": flag.at.rfc3339(),
        "remedy": "Ask the customer by another way, or wait: the mark goes when the message arrives.",
    });
    let event = Event::new(EventKind::MessageUnconfirmed, &cause, flag.at, data);
    Some(event.in_conversation(&id.conversation(), &message.sender))
}
