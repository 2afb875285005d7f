//! What happened in a conversation: events that stand in items of their own, and events that
//! its messages tell. Both carry the ids under which subscribers were told.

use super::cursor;
use crate::aftermath::ended_event;
use crate::event::Event;
use crate::hold::released_event;
use crate::record_status::fact_events;
use crate::unconfirmed::unconfirmed_event;
use crate::view::{List, message_view};
use crate::{App, AppError};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use transom_core::event::{Cause, EventKind};
use transom_core::id::{AccountId, ConversationId, MessageId};
use transom_core::message::Direction;
use transom_core::time::{Millis, Timestamp};
use transom_core::window::Channel;
use transom_store::{AccountRecord, Message, Session, StoredEvent};
use transom_wire::Reference;
use utoipa::ToSchema;

/// How many stored events one read takes.
const STORED_PAGE: u16 = 200;
/// How many such reads one page of events makes: a conversation gathers a few events a day, so
/// this is years of silence between two messages.
const STORED_PAGES_MAX: u32 = 10;

/// An event, as subscribers read it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EventView {
    /// Its kind, such as `message.received`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id, made from its cause: the same as subscribers were told.
    #[schema(example = "evt_…")]
    pub id: String,
    /// When it happened.
    pub timestamp: String,
    /// What it tells.
    #[schema(value_type = Object)]
    pub data: Value,
}

struct Happened {
    at: Timestamp,
    view: EventView,
}

impl App {
    /// A page of what happened in a conversation, newest first. The page covers as many of its
    /// messages as `limit` says and everything that happened between them, so it may hold more
    /// events than `limit`.
    ///
    /// # Errors
    /// `not_found`, a cursor of another list, or when the table cannot be reached.
    pub async fn conversation_events(
        &self,
        id: &ConversationId,
        limit: u16,
        cursor: Option<&str>,
    ) -> Result<List<EventView>, AppError> {
        let session = self.existing_session(id).await?;
        let (messages, next) = self.message_page(id, limit, cursor).await?;
        // The page before went down to the cursor's instant, inclusive.
        let until = match cursor {
            Some(text) => {
                let before = MessageId::from_sortable(id, &cursor::read(text)?);
                before.map_err(|_| cursor::foreign())?.at().minus(Millis::new(1))
            }
            None => END_OF_TIME,
        };
        let oldest = messages.last().and_then(|m| m.id.as_ref()).map(MessageId::at);
        let from = oldest.filter(|_| next.is_some()).unwrap_or(Timestamp::ZERO);
        let mut happened = self.stored_between(id, from, until).await?;
        let begun = told_by_session(&session).into_iter().map(shown);
        happened.extend(begun.filter(|h| from <= h.at && h.at <= until));
        let accounts = self.accounts_of(&messages).await?;
        for message in &messages {
            if let (Some(id), Some(account)) = (&message.id, accounts.get(&message.account)) {
                happened.extend(told_by(id, message, account).into_iter().map(shown));
            }
        }
        happened.sort_by(|a, b| (b.at, &b.view.id).cmp(&(a.at, &a.view.id)));
        let items = happened.into_iter().map(|h| h.view).collect();
        Ok(List { items, next_cursor: next })
    }

    async fn stored_between(
        &self,
        id: &ConversationId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Happened>, AppError> {
        let mut seen = HashSet::new();
        let mut events = Vec::new();
        let mut until = until;
        for _ in 0..STORED_PAGES_MAX {
            if until < from {
                break;
            }
            let page = self.store.stored_events(id, from, until, STORED_PAGE).await?;
            let is_last = page.len() < usize::from(STORED_PAGE);
            // The next read begins at the last one's instant, because several may share it.
            until = page.last().map_or(until, |e| e.at);
            let fresh: Vec<_> = page.into_iter().filter(|e| seen.insert(e.id.clone())).collect();
            let is_stuck = fresh.is_empty();
            events.extend(fresh.into_iter().map(stored));
            if is_last || is_stuck {
                break;
            }
        }
        Ok(events)
    }

    async fn accounts_of(
        &self,
        messages: &[Message],
    ) -> Result<HashMap<AccountId, AccountRecord>, AppError> {
        let mut known = HashMap::new();
        for message in messages {
            if !known.contains_key(&message.account)
                && let Some(record) = self.store.account(&message.account).await?
            {
                known.insert(message.account.clone(), record);
            }
        }
        Ok(known)
    }
}

/// That it was begun, and that its present window was opened, stands in the conversation itself.
fn told_by_session(session: &Session) -> Vec<Event> {
    let message = |sortable: &Option<String>| {
        MessageId::from_sortable(&session.id, sortable.as_deref().unwrap_or_default()).ok()
    };
    let mut events = Vec::new();
    if session.begun_by.is_some() {
        let data = json!({ "conversation": session.id, "sender": session.sender });
        let cause = Cause::Begun(session.id.clone());
        let kind = EventKind::ConversationOpened;
        events.push(Event::new(kind, &cause, session.created_at, data));
    }
    if let (Some(by), Some(window)) = (message(&session.opened_by), session.window()) {
        let data = json!({
            "conversation": session.id,
            "sender": session.sender,
            "opened_at": window.opened_at.rfc3339(),
            "expires_at": window.expires_at(Channel::WHATSAPP).rfc3339(),
        });
        let cause = Cause::Opened(session.id.clone(), by);
        events.push(Event::new(EventKind::WindowOpened, &cause, window.opened_at, data));
    }
    events
}

/// Later than everything; the twelve hexadecimal digits of a sort key hold it.
const END_OF_TIME: Timestamp = Timestamp::from_millis(0x0000_ffff_ffff_ffff);

fn stored(event: StoredEvent) -> Happened {
    let data = serde_json::from_str(&event.data).unwrap_or(Value::Null);
    let view = EventView { kind: event.kind, id: event.id, timestamp: event.at.rfc3339(), data };
    Happened { at: event.at, view }
}

fn shown(event: Event) -> Happened {
    let view = EventView {
        kind: event.kind.as_str().to_owned(),
        id: event.id,
        timestamp: event.at.rfc3339(),
        data: event.data,
    };
    Happened { at: event.at, view }
}

/// The events that a message tells, with the ids under which they were published.
fn told_by(id: &MessageId, message: &Message, account: &AccountRecord) -> Vec<Event> {
    if message.direction == Direction::In {
        let data = json!({
            "conversation": id.conversation(),
            "sender": message.sender,
            "message": message_view(message, account.account.provider),
        });
        let cause = Cause::Received(id.clone());
        return vec![Event::new(EventKind::MessageReceived, &cause, id.at(), data)];
    }
    let mut events: Vec<Event> = released_event(id, message).into_iter().collect();
    events.extend(unconfirmed_event(id, message));
    for ((attempt, kind), fact) in &message.facts {
        let reference = Reference { message: id.clone(), attempt: *attempt };
        events.extend(fact_events(account, &reference, message, *kind, fact));
    }
    events.extend(ended_event(id, message));
    events
}
