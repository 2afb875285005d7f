//! `E#` items: events that no other item of the conversation tells (a window that was about to
//! close, a window that closed, a word on consent). Events about messages are read from the
//! messages themselves, so they cost nothing here.

use crate::item::{Expression, Item, Query, decode, encode, s};
use crate::sessions::partition;
use crate::{Store, StoreError};
use serde::{Deserialize, Serialize};
use transom_core::id::{ConversationId, MessageId};
use transom_core::time::Timestamp;

/// A stored event of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEvent {
    /// Its id, made from its cause.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// When it happened.
    pub at: Timestamp,
    /// Its data, as JSON.
    pub data: String,
}

impl Store {
    /// Stores an event; a repeat of the same cause writes the same item.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn put_event(
        &self,
        conversation: &ConversationId,
        event: &StoredEvent,
    ) -> Result<(), StoreError> {
        let mut item: Item = encode("event", event)?;
        item.insert("pk".into(), s(partition(conversation)));
        item.insert("sk".into(), s(format!("E#{:012x}#{}", event.at.as_millis().max(0), event.id)));
        self.put(&self.tables.sessions, item, Expression::default()).await.map(|_| ())
    }

    /// The stored events of a conversation between two instants, newest first.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn stored_events(
        &self,
        conversation: &ConversationId,
        from: Timestamp,
        until: Timestamp,
        limit: u16,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let keys = Expression::default()
            .value(":pk", s(partition(conversation)))
            .value(":from", s(format!("E#{:012x}", from.as_millis().max(0))))
            .value(":until", s(format!("E#{:012x}~", until.as_millis().max(0))))
            .when("pk = :pk AND sk BETWEEN :from AND :until");
        let page = self
            .query(Query {
                table: &self.tables.sessions,
                index: None,
                keys,
                forward: false,
                limit: i32::from(limit),
                consistent: true,
                start: None,
            })
            .await?;
        page.items.into_iter().map(|item| decode("event", item)).collect()
    }
}

/// Marks beside the messages that the customer does not have (U1): `X#<sortable>`, written when
/// a message becomes undelivered and removed when evidence clears it.
impl Store {
    /// Marks a message as undelivered.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn put_undelivered(&self, id: &MessageId) -> Result<(), StoreError> {
        let item = Item::from([
            ("pk".to_owned(), s(partition(&id.conversation()))),
            ("sk".to_owned(), s(format!("X#{}", id.sortable()))),
        ]);
        self.put(&self.tables.sessions, item, Expression::default()).await.map(|_| ())
    }

    /// Clears that mark.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn clear_undelivered(&self, id: &MessageId) -> Result<(), StoreError> {
        let pk = partition(&id.conversation());
        let sk = format!("X#{}", id.sortable());
        self.delete(&self.tables.sessions, &pk, &sk, Expression::default()).await.map(|_| ())
    }

    /// The messages of a conversation that the customer does not have, oldest first, at most 1000.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn undelivered(
        &self,
        conversation: &ConversationId,
    ) -> Result<Vec<MessageId>, StoreError> {
        let keys = Expression::default()
            .value(":pk", s(partition(conversation)))
            .value(":prefix", s("X#"))
            .when("pk = :pk AND begins_with(sk, :prefix)");
        let page = self
            .query(Query {
                table: &self.tables.sessions,
                index: None,
                keys,
                forward: true,
                limit: 1000,
                consistent: true,
                start: None,
            })
            .await?;
        Ok(page
            .items
            .iter()
            .filter_map(|item| crate::item::text_of(item, "sk")?.strip_prefix("X#"))
            .filter_map(|sortable| MessageId::from_sortable(conversation, sortable).ok())
            .collect())
    }
}
