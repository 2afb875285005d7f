//! Claims: `D#<hash of number and provider's id>`, for providers that may not tell when the user
//! sent a message, or may tell one message in two shapes. The claim holds the time and the place
//! chosen at first sight, so that whatever comes of the message later takes the same steps with
//! the same time. It stands in a partition of its own, because a redelivery may call the user by
//! another name.

use crate::item::{Conditional, Expression, decode, encode, s};
use crate::{Store, StoreError};
use serde::{Deserialize, Serialize};
use transom_core::id::MessageId;
use transom_core::identity::Phone;
use transom_core::time::Timestamp;
use transom_core::window::Basis;

/// What was chosen when a provider's message was first seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The time that counts as the user's.
    pub at: Timestamp,
    /// Where that time comes from.
    #[serde(rename = "b")]
    pub basis: Basis,
    /// The message's id, which says where it stands.
    #[serde(rename = "m")]
    pub message: MessageId,
}

impl Store {
    /// Claims a provider's message to one of our numbers, or answers the claim that stands.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn claim(
        &self,
        number: &Phone,
        provider_message_id: &str,
        wanted: &Claim,
    ) -> Result<Claim, StoreError> {
        let hash = self.hash_key.name(&["claim", number.as_str(), provider_message_id]);
        let mut item = encode("claim", wanted)?;
        item.insert("pk".to_owned(), s(format!("D#{hash}")));
        item.insert("sk".to_owned(), s("CLAIM"));
        let expression = Expression::default().when("attribute_not_exists(pk)");
        match self.put(&self.tables.sessions, item, expression).await? {
            Conditional::Done(_) => Ok(wanted.clone()),
            Conditional::Failed(Some(stands)) => decode("claim", stands),
            Conditional::Failed(None) => {
                Err(StoreError::Contended { operation: "claim a message" })
            }
        }
    }
}
