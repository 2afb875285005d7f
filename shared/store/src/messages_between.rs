//! The messages of a conversation between two times, for whoever counts them.

use crate::item::{Expression, Query, s};
use crate::messages::read_message;
use crate::sessions::partition;
use crate::{Message, Store, StoreError};
use transom_core::content::Content;
use transom_core::id::ConversationId;
use transom_core::message::Direction;
use transom_core::time::Timestamp;

/// How many messages one page of a query brings.
const PAGE: i32 = 500;

impl Store {
    /// Every message of a conversation from `from` on and before `to`, oldest first. Of long
    /// messages the body is read only where it may be a template, whose name is needed.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn messages_between(
        &self,
        conversation: &ConversationId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Message>, StoreError> {
        let mut messages = Vec::new();
        let mut start = None;
        loop {
            // The message's own time begins its sort key; what is at `to` has more behind it.
            let keys = Expression::default()
                .value(":pk", s(partition(conversation)))
                .value(":from", s(format!("M#{:012x}", from.as_millis().max(0))))
                .value(":to", s(format!("M#{:012x}", to.as_millis().max(0))))
                .when("pk = :pk AND sk BETWEEN :from AND :to");
            let page = self
                .query(Query {
                    table: &self.tables.sessions,
                    index: None,
                    keys,
                    forward: true,
                    limit: PAGE,
                    consistent: true,
                    start,
                })
                .await?;
            for item in page.items {
                let mut message = read_message(conversation, item)?;
                if message.direction == Direction::Out {
                    self.fill_body(&mut message).await?;
                }
                if message.content.as_ref().is_none_or(|c| c.template().is_none()) {
                    // What was written is nothing that is counted.
                    message.content = Some(Content::Text { text: String::new() });
                }
                messages.push(message);
            }
            start = page.last;
            if start.is_none() {
                return Ok(messages);
            }
        }
    }
}
