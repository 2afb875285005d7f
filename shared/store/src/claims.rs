//! Claims: `D#<provider message id>`, for providers that do not tell when the user sent a
//! message. The claim holds the time and the place chosen at first sight, so that every
//! redelivery takes the same steps with the same time.

use crate::item::{Conditional, Expression, Item, n, number_of, s, text_of};
use crate::sessions::partition;
use crate::{Store, StoreError};
use transom_core::id::{ConversationId, MessageId};
use transom_core::time::Timestamp;

/// What was chosen when a provider's message was first seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The time that counts as the user's.
    pub at: Timestamp,
    /// The message's id. The claim stands where the payload's own identity leads, whatever that is
    /// an alias of by now, and the id says where the message stands.
    pub message: MessageId,
}

impl Store {
    /// Claims a provider's message, or answers the claim that stands.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn claim(
        &self,
        conversation: &ConversationId,
        provider_message_id: &str,
        wanted: &Claim,
    ) -> Result<Claim, StoreError> {
        let item = Item::from([
            ("pk".to_owned(), s(partition(conversation))),
            ("sk".to_owned(), s(format!("D#{provider_message_id}"))),
            ("at".to_owned(), n(wanted.at.as_millis())),
            ("m".to_owned(), s(wanted.message.as_str())),
        ]);
        let expression = Expression::default().when("attribute_not_exists(pk)");
        match self.put(&self.tables.sessions, item, expression).await? {
            Conditional::Done(_) => Ok(wanted.clone()),
            Conditional::Failed(Some(item)) => {
                let at = number_of(&item, "at").map(Timestamp::from_millis);
                let message = text_of(&item, "m").and_then(|m| MessageId::parse(m).ok());
                match (at, message) {
                    (Some(at), Some(message)) => Ok(Claim { at, message }),
                    _ => Err(StoreError::corrupt("claim", "a field is missing")),
                }
            }
            Conditional::Failed(None) => {
                Err(StoreError::Contended { operation: "claim a message" })
            }
        }
    }
}
