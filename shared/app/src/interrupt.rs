//! Tells the open conversations of a deleted sender that they are interrupted (M50).
//!
//! A sender may have very many, so they are told by the sweep, a page of its inbox at a time. That
//! they are to be told is written down before the sender is deleted: a deletion that dies in between
//! leaves a note that finds nothing to tell.

use crate::event::Event;
use crate::sweep::window_data;
use crate::{App, AppError};
use serde_json::json;
use transom_core::event::{Cause, EventKind};
use transom_core::id::SenderId;
use transom_core::identity::Phone;
use transom_core::time::{Millis, Timestamp};
use transom_core::window::Channel;
use transom_store::{InboxCursor, Interruption, Session};

/// How long the index of conversations may lag behind the last message that was taken for the sender.
const INDEX_LAG: Millis = Millis::from_seconds(5);
/// How long the deletion itself may still be under way when its note is found.
const DELETION_PATIENCE: Millis = Millis::from_seconds(60);
/// How many conversations are told in one go.
const PAGE: u16 = 100;

impl App {
    /// Writes down that a sender's conversations are to be told. Called before it is deleted.
    ///
    /// # Errors
    /// When it could not be stored.
    pub(crate) async fn note_interruption(
        &self,
        sender: &SenderId,
        at: Timestamp,
    ) -> Result<(), AppError> {
        let due_at = at.plus(INDEX_LAG);
        let wanted = Interruption { sender: sender.clone(), at, due_at, after: None };
        Ok(self.store.put_interruption(&wanted).await?)
    }

    /// Tells the next page of a deleted sender's conversations.
    ///
    /// # Errors
    /// When the tables or the queue cannot be reached: the next sweep tells the same page again,
    /// under the same ids.
    pub(crate) async fn visit_interruption(
        &self,
        sender: &SenderId,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let Some(seen) = self.store.interruption(sender).await?.filter(|i| i.due_at <= now) else {
            return Ok(());
        };
        let Some((number, at)) = self.deleted_number(sender).await? else {
            return self.leave_interruption(&seen, now).await;
        };
        let page = self.store.inbox(&number, seen.after.as_ref(), PAGE).await?;
        let ids = page.iter().map(|entry| entry.conversation.clone()).collect();
        let sessions = self.sessions_of(ids).await?;
        let told = sessions.iter().flatten();
        let events: Vec<Event> = told.filter_map(|s| interrupted(s, sender, at)).collect();
        for event in &events {
            if let Some(conversation) = &event.conversation {
                self.store.put_event(conversation, &event.stored()).await?;
            }
        }
        self.publish(events).await?;
        let last = page.last().filter(|_| page.len() == usize::from(PAGE));
        let after = last.map(|e| InboxCursor { at: e.at, conversation: e.conversation.clone() });
        // Changed: another sweep told the same page, or the sender was deleted once more.
        let next = after.as_ref().map(|after| (Some(after), now));
        self.store.go_on_interrupting(&seen, next).await?;
        Ok(())
    }

    /// The number of a sender that is deleted, and since when. `None` while it is in use, or once its
    /// number is another sender's: then that one answers its conversations (D1).
    async fn deleted_number(
        &self,
        sender: &SenderId,
    ) -> Result<Option<(Phone, Timestamp)>, AppError> {
        let Some(record) = self.store.sender(sender).await? else { return Ok(None) };
        let Some(at) = record.sender.deleted_at else { return Ok(None) };
        let owner = self.store.sender_of_number(&record.sender.phone).await?;
        Ok(owner.filter(|owner| owner == sender).map(|_| (record.sender.phone, at)))
    }

    /// The sender is in use: it was put again, or its deletion has not happened, and may yet.
    async fn leave_interruption(
        &self,
        seen: &Interruption,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let patience = seen.at.plus(DELETION_PATIENCE);
        if now < patience {
            self.store.go_on_interrupting(seen, Some((None, patience))).await?;
        } else {
            self.store.go_on_interrupting(seen, None).await?;
        }
        Ok(())
    }
}

/// The event of a conversation whose window was open when its sender was deleted.
fn interrupted(session: &Session, sender: &SenderId, at: Timestamp) -> Option<Event> {
    let window = session.window()?;
    if !window.is_open(at, Channel::WHATSAPP) {
        return None;
    }
    let mut data = window_data(session, sender, window.expires_at(Channel::WHATSAPP));
    data["interrupted_at"] = json!(at.rfc3339());
    let cause = Cause::Changed(format!("conversation:{}", session.id), at);
    let event = Event::new(EventKind::ConversationInterrupted, &cause, at, data);
    Some(event.in_conversation(&session.id, sender))
}
