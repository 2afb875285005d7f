//! The four FIFO queues: replies, campaigns, media, events.

use crate::AppError;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use transom_core::id::{MediaId, MessageId};
use transom_core::lane::Road;

/// The URLs of the queues; they are defined in `template.yaml` alone. A function that does not
/// send to a queue has no URL for it.
#[derive(Debug, Clone, Default)]
pub struct QueueUrls {
    /// Replies inside a window.
    pub replies: Option<String>,
    /// Templates outside a window.
    pub campaigns: Option<String>,
    /// Files to fetch.
    pub media: Option<String>,
    /// Events for subscribers.
    pub events: Option<String>,
}

/// What stands in the queue of media: which file, in which round, after how many tries. One that
/// has been tried since is not tried by this entry again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaEntry {
    /// The media item.
    pub media: MediaId,
    /// Its round.
    pub round: u32,
    /// The tries of that round before this one.
    pub tries: u32,
}

/// What stands in the outbound queues: which message, and the how-manieth entry it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboundEntry {
    /// The message.
    pub message: MessageId,
    /// Which of its entries this is.
    pub enqueue: u32,
    /// The rate of its lane, in messages a second, as it was when the entry was made; all entries
    /// of a lane are paced by their own.
    #[serde(default = "slowest")]
    pub rate: u32,
}

/// The rate of an entry that does not tell one.
const fn slowest() -> u32 {
    1
}

/// A message for a FIFO queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueEntry {
    /// Its group: entries of one group stay in order.
    pub group: String,
    /// Entries of one group with the same id within five minutes are one.
    pub deduplication: String,
    /// The body.
    pub body: String,
}

/// The queues.
#[derive(Debug, Clone)]
pub struct Queues {
    client: Client,
    urls: Arc<QueueUrls>,
}

/// The most entries that SQS takes in one call.
const BATCH_MAX: usize = 10;

impl Queues {
    /// The queues behind `client`.
    #[must_use]
    pub fn new(client: Client, urls: QueueUrls) -> Self {
        Self { client, urls: Arc::new(urls) }
    }

    /// Puts a message's id into the queue of its road.
    ///
    /// # Errors
    /// When the queue cannot be reached.
    pub async fn send_outbound(&self, road: Road, entry: &QueueEntry) -> Result<(), AppError> {
        let url = match road {
            Road::Replies => &self.urls.replies,
            Road::Campaigns => &self.urls.campaigns,
        };
        self.send_all(url.as_deref(), std::slice::from_ref(entry)).await
    }

    /// Puts media items into their queue.
    ///
    /// # Errors
    /// When the queue cannot be reached.
    pub async fn send_media(&self, entries: &[QueueEntry]) -> Result<(), AppError> {
        self.send_all(self.urls.media.as_deref(), entries).await
    }

    /// Puts events into their queue.
    ///
    /// # Errors
    /// When the queue cannot be reached.
    pub async fn send_events(&self, entries: &[QueueEntry]) -> Result<(), AppError> {
        self.send_all(self.urls.events.as_deref(), entries).await
    }

    /// One cheap signed call, so that the connection is open before the first request. It sends
    /// nothing: an empty batch is refused by the service, and that answer is enough.
    pub async fn warm(&self) {
        let url = [&self.urls.events, &self.urls.replies, &self.urls.campaigns]
            .into_iter()
            .find_map(Option::as_deref);
        if let Some(url) = url {
            let _refused = self
                .client
                .send_message_batch()
                .queue_url(url)
                .set_entries(Some(Vec::new()))
                .send()
                .await;
        }
    }

    async fn send_all(&self, url: Option<&str>, entries: &[QueueEntry]) -> Result<(), AppError> {
        if entries.is_empty() {
            return Ok(());
        }
        let url = url.ok_or_else(|| AppError::Queue {
            operation: "find its queue",
            reason: "no queue URL is configured for this function".to_owned(),
        })?;
        for batch in entries.chunks(BATCH_MAX) {
            self.send_batch(url, batch).await?;
        }
        Ok(())
    }

    async fn send_batch(&self, url: &str, batch: &[QueueEntry]) -> Result<(), AppError> {
        let failed = |reason: String| AppError::Queue { operation: "send", reason };
        let mut entries = Vec::with_capacity(batch.len());
        for (index, entry) in batch.iter().enumerate() {
            let built = SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_group_id(&entry.group)
                .message_deduplication_id(&entry.deduplication)
                .message_body(&entry.body)
                .build()
                .map_err(|e| failed(e.to_string()))?;
            entries.push(built);
        }
        let output = self
            .client
            .send_message_batch()
            .queue_url(url)
            .set_entries(Some(entries))
            .send()
            .await
            .map_err(|e| {
                use aws_sdk_sqs::error::ProvideErrorMetadata;
                failed(e.code().unwrap_or("not reached").to_owned())
            })?;
        match output.failed().first() {
            None => Ok(()),
            Some(entry) => Err(failed(entry.code().to_owned())),
        }
    }
}
