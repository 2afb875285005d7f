//! Media items: where a file comes from, how fetching it stands, as what it is kept. The bytes
//! are in object storage; this is what is known of them.

use crate::item::{Conditional, Expression, Item, decode, encode, n, s};
use crate::sessions::partition;
use crate::{Store, StoreError, Updated};
use serde::{Deserialize, Serialize};
use transom_core::fetch::MediaState;
use transom_core::id::{AccountId, MediaId, SenderId};
use transom_core::time::Timestamp;

/// The sort key of an item that belongs to no message.
const FILE: &str = "FILE";

/// A media item. Field names are short in the item and long here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaRecord {
    /// Where it stands.
    #[serde(rename = "st")]
    pub state: MediaState,
    /// The account whose provider keeps it; none for a file that a caller stored.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The sender that received it.
    #[serde(rename = "se", default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<SenderId>,
    /// Where it is fetched from.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The provider's own id of it.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub provider_media_id: Option<String>,
    /// The type that was declared.
    #[serde(rename = "dt", default, skip_serializing_if = "Option::is_none")]
    pub declared_type: Option<String>,
    /// The type that it is kept and served as.
    #[serde(rename = "ct", default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Its name, where one is told.
    #[serde(rename = "fn", default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// Its size in bytes, once it is here.
    #[serde(rename = "by", default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Whether the picture moves.
    #[serde(rename = "an", default, skip_serializing_if = "Option::is_none")]
    pub animated: Option<bool>,
    /// Until when it can be fetched.
    #[serde(rename = "ku")]
    pub kept_until: Timestamp,
    /// When it became known.
    #[serde(rename = "r")]
    pub received_at: Timestamp,
    /// The round: a retry, or a redelivery after a failure, begins another one.
    #[serde(rename = "rd", default)]
    pub round: u32,
    /// How often it was tried in this round.
    #[serde(rename = "n", default)]
    pub tries: u32,
    /// How often it was put into its queue.
    #[serde(rename = "q", default)]
    pub enqueue: u32,
    /// Why the last try failed, in words that hold nothing of an address or a secret.
    #[serde(rename = "er", default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether its state is still to be told to subscribers.
    #[serde(rename = "ut", default, skip_serializing_if = "std::ops::Not::not")]
    pub untold: bool,
    /// When it is tried again, beside the queue's own entry.
    #[serde(rename = "na", default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// When the sweep must look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
}

/// What became of a new media item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaPut {
    /// It is stored.
    New,
    /// It stood there already.
    Exists(Box<MediaRecord>),
}

/// Where a media item stands: with its message, or in a partition of its own.
pub(crate) fn key(id: &MediaId) -> (String, String) {
    match id.message() {
        Some(message) => (partition(&message.conversation()), format!("F#{}0", message.sortable())),
        None => (format!("F#{id}"), FILE.to_owned()),
    }
}

/// The media item of a key from the due index.
pub(crate) fn id_of(pk: &str, sk: &str) -> Option<MediaId> {
    if let Some(id) = pk.strip_prefix("F#") {
        return MediaId::parse(id).ok().filter(|_| sk == FILE);
    }
    let (conversation, place) = (pk.strip_prefix("C#")?, sk.strip_prefix("F#")?);
    MediaId::parse(&format!("med_{conversation}{place}")).ok()
}

impl Store {
    /// Stores a media item unless it exists.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn put_media(
        &self,
        id: &MediaId,
        record: &MediaRecord,
    ) -> Result<MediaPut, StoreError> {
        let expression = Expression::default().when("attribute_not_exists(pk)");
        match self.put(&self.tables.sessions, self.media_item(id, record)?, expression).await? {
            Conditional::Done(_) => Ok(MediaPut::New),
            Conditional::Failed(Some(item)) => {
                Ok(MediaPut::Exists(Box::new(decode("media item", item)?)))
            }
            Conditional::Failed(None) => {
                Err(StoreError::Contended { operation: "store a media item" })
            }
        }
    }

    /// Reads a media item, consistently.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn media(&self, id: &MediaId) -> Result<Option<MediaRecord>, StoreError> {
        let (pk, sk) = key(id);
        let item = self.get(&self.tables.sessions, &pk, &sk).await?;
        item.map(|item| decode("media item", item)).transpose()
    }

    /// Writes how a media item stands now, if it still stands as it was decided on.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn advance_media(
        &self,
        id: &MediaId,
        seen: &MediaRecord,
        next: &MediaRecord,
    ) -> Result<Updated, StoreError> {
        let state = seen.state.as_str();
        let expression = Expression::default()
            .name("#n", "n")
            .value(":st", s(state))
            .value(":rd", n(seen.round))
            .value(":n", n(seen.tries))
            .value(":q", n(seen.enqueue))
            .when("st = :st AND rd = :rd AND #n = :n AND q = :q");
        match self.put(&self.tables.sessions, self.media_item(id, next)?, expression).await? {
            Conditional::Done(_) => Ok(Updated::Done),
            Conditional::Failed(_) => Ok(Updated::Changed),
        }
    }

    fn media_item(&self, id: &MediaId, record: &MediaRecord) -> Result<Item, StoreError> {
        let mut item = encode("media item", record)?;
        let (pk, sk) = key(id);
        item.insert("pk".to_owned(), s(pk));
        item.insert("sk".to_owned(), s(sk));
        if record.due_at.is_some() {
            item.insert("due_shard".to_owned(), s(self.due_shard(id.as_str())));
        }
        Ok(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use transom_core::id::{ConversationId, MessageId, MessageTail};

    #[test]
    fn a_key_names_its_media_item() {
        let conversation = ConversationId::parse("cnv_abcdefghijklmnopqrstuvw2").expect("an id");
        let tail = MessageTail::parse("0123456789ab").expect("a tail");
        let message = MessageId::new(&conversation, Timestamp::from_millis(7), &tail);
        let upload = MediaId::of_upload(&"a".repeat(31)).expect("an id");
        for id in [message.media(), upload] {
            let (pk, sk) = key(&id);
            assert_eq!(id_of(&pk, &sk), Some(id));
        }
        assert_eq!(id_of("C#abcdefghijklmnopqrstuvw2", "M#x"), None);
        assert_eq!(id_of("F#med_x", FILE), None);
    }
}
