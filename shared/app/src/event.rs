//! Events: built from their cause, put into their queue, told by the notifier.

use crate::queues::QueueEntry;
use crate::{App, AppError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use transom_core::event::{Cause, EventKind};
use transom_core::id::{ConversationId, SenderId};
use transom_core::time::Timestamp;
use transom_store::{HashKey, StoredEvent};

/// The largest body that is told whole. A queue takes 256 KiB for a batch, and a body grows when
/// it is quoted inside an entry.
const BODY_BYTES_MAX: usize = 20 * 1024;

/// An event on its way to subscribers.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its kind.
    pub kind: EventKind,
    /// Its id, made from its cause.
    pub id: String,
    /// When it happened.
    pub at: Timestamp,
    /// The conversation it belongs to, where it does.
    pub conversation: Option<ConversationId>,
    /// The sender it belongs to, where it does.
    pub sender: Option<SenderId>,
    /// What it tells.
    pub data: Value,
}

/// What stands in the events queue. Tagged, so that a reader of another version can tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "v", rename_all = "snake_case")]
pub enum EventEntry {
    /// A new event.
    Tell {
        /// Its kind.
        kind: String,
        /// Its id.
        id: String,
        /// The sender it belongs to.
        #[serde(default)]
        sender: Option<SenderId>,
        /// The body, exactly as it is posted.
        body: String,
    },
    /// A delivery whose time for another try has come.
    Retry {
        /// The subscription.
        subscription: String,
        /// The event's id.
        event: String,
    },
}

impl Event {
    /// An event of `kind` with the id of its `cause`.
    #[must_use]
    pub fn new(kind: EventKind, cause: &Cause, at: Timestamp, data: Value) -> Self {
        let id = HashKey::event(kind, cause);
        Self { kind, id, at, conversation: None, sender: None, data }
    }

    /// The same event, as one of a conversation: it is told in order with that one's others.
    #[must_use]
    pub fn in_conversation(mut self, conversation: &ConversationId, sender: &SenderId) -> Self {
        self.conversation = Some(conversation.clone());
        self.sender = Some(sender.clone());
        self
    }

    /// The body that subscribers read.
    #[must_use]
    pub fn body(&self) -> String {
        json!({
            "type": self.kind.as_str(),
            "id": self.id,
            "timestamp": self.at.rfc3339(),
            "data": self.data,
        })
        .to_string()
    }

    /// The event as it is kept in its conversation.
    #[must_use]
    pub fn stored(&self) -> StoredEvent {
        StoredEvent {
            id: self.id.clone(),
            kind: self.kind.as_str().to_owned(),
            at: self.at,
            data: self.data.to_string(),
        }
    }

    /// The body, or a short one where a queue message would not hold it: the whole stands in the
    /// conversation, where the API shows it.
    fn body_that_fits(&self) -> String {
        let body = self.body();
        if body.len() <= BODY_BYTES_MAX {
            return body;
        }
        let data = json!({
            "conversation": self.conversation,
            "sender": self.sender,
            "message": { "id": self.data["message"]["id"] },
            "truncated": true,
        });
        Self { data, ..self.clone() }.body()
    }

    fn entry(&self) -> QueueEntry {
        let entry = EventEntry::Tell {
            kind: self.kind.as_str().to_owned(),
            id: self.id.clone(),
            sender: self.sender.clone(),
            body: self.body_that_fits(),
        };
        let group =
            self.conversation.as_ref().map_or_else(|| "account".to_owned(), ToString::to_string);
        QueueEntry {
            group,
            deduplication: self.id.clone(),
            body: serde_json::to_string(&entry).unwrap_or_default(),
        }
    }
}

impl App {
    /// Puts events into their queue. Called after what they tell is durable and before the
    /// caller is answered.
    ///
    /// # Errors
    /// When the queue cannot be reached: the caller answers 5xx, or repeats.
    pub async fn publish(&self, events: Vec<Event>) -> Result<(), AppError> {
        let entries: Vec<QueueEntry> = events.iter().map(Event::entry).collect();
        self.queues.send_events(&entries).await
    }
}
