//! Senders that were deleted and whose conversations are being told so, page by page (M50).
//!
//! | item | where | attributes |
//! |---|---|---|
//! | `INTERRUPTED` in `S#<sender>` | sessions | `due_at`; `at`: when the sender was deleted; `pa`, `pc`: the inbox entry behind which the telling goes on |

use crate::inbox::InboxCursor;
use crate::item::{Expression, Item, n, number_of, s, text_of};
use crate::messages::updated;
use crate::{Store, StoreError, Updated};
use transom_core::id::{ConversationId, SenderId};
use transom_core::time::Timestamp;

pub(crate) const INTERRUPTED: &str = "INTERRUPTED";

pub(crate) fn partition(sender: &SenderId) -> String {
    format!("S#{sender}")
}

/// A deleted sender whose conversations are not all told yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interruption {
    /// The sender.
    pub sender: SenderId,
    /// When it was deleted.
    pub at: Timestamp,
    /// When the telling goes on.
    pub due_at: Timestamp,
    /// The last conversation that was told.
    pub after: Option<InboxCursor>,
}

impl Store {
    /// Writes down that a sender's conversations are to be told, before it is deleted.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn put_interruption(&self, wanted: &Interruption) -> Result<(), StoreError> {
        let pk = partition(&wanted.sender);
        let mut item = Item::from([
            ("pk".to_owned(), s(&pk)),
            ("sk".to_owned(), s(INTERRUPTED)),
            ("at".to_owned(), n(wanted.at.as_millis())),
            ("due_at".to_owned(), n(wanted.due_at.as_millis())),
            ("due_shard".to_owned(), s(self.due_shard(&pk))),
        ]);
        if let Some(after) = &wanted.after {
            item.insert("pa".to_owned(), n(after.at.as_millis()));
            item.insert("pc".to_owned(), s(after.conversation.as_str()));
        }
        self.put(&self.tables.sessions, item, Expression::default()).await.map(|_| ())
    }

    /// A sender whose conversations are still to be told.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn interruption(
        &self,
        sender: &SenderId,
    ) -> Result<Option<Interruption>, StoreError> {
        let item = self.get(&self.tables.sessions, &partition(sender), INTERRUPTED).await?;
        let Some(item) = item else { return Ok(None) };
        let time = |name| number_of(&item, name).map(Timestamp::from_millis);
        let (Some(at), Some(due_at)) = (time("at"), time("due_at")) else {
            return Err(StoreError::corrupt("interruption", "it has no time"));
        };
        let told = text_of(&item, "pc").and_then(|id| ConversationId::parse(id).ok());
        let after = time("pa").zip(told).map(|(at, conversation)| InboxCursor { at, conversation });
        Ok(Some(Interruption { sender: sender.clone(), at, due_at, after }))
    }

    /// The telling goes on behind `next` at its time, or is over. `Changed` when somebody else went
    /// on since it was read, or the sender was deleted again.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn go_on_interrupting(
        &self,
        seen: &Interruption,
        next: Option<(Option<&InboxCursor>, Timestamp)>,
    ) -> Result<Updated, StoreError> {
        let pk = partition(&seen.sender);
        let table = &self.tables.sessions;
        let mut expression = Expression::default()
            .name("#at", "at")
            .value(":at", n(seen.at.as_millis()))
            .value(":due", n(seen.due_at.as_millis()));
        expression = match &seen.after {
            None => expression.when("#at = :at AND due_at = :due AND attribute_not_exists(pc)"),
            Some(after) => expression
                .value(":told", s(after.conversation.as_str()))
                .when("#at = :at AND due_at = :due AND pc = :told"),
        };
        let done = match next {
            None => self.delete(table, &pk, INTERRUPTED, expression).await?,
            Some((after, due_at)) => {
                let mut moved =
                    expression.set("due_at = :next").value(":next", n(due_at.as_millis()));
                if let Some(after) = after {
                    moved = moved
                        .set("pa = :pa")
                        .set("pc = :pc")
                        .value(":pa", n(after.at.as_millis()))
                        .value(":pc", s(after.conversation.as_str()));
                }
                self.update(table, &pk, INTERRUPTED, moved).await?
            }
        };
        Ok(updated(&done))
    }
}
