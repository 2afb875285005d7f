//! Files: those that are sent are looked at before they are taken (M32-M39); those that customers
//! send are stored as pending with their message and fetched by a job of their own, until their
//! provider gives them up (F7).

mod expect;
mod fetch;
mod look;
mod show;
mod tell;
mod transfer;
mod upload;

pub use show::MediaView;
pub use upload::Told;

pub(crate) use expect::Expected;

use transom_core::id::MediaId;
use transom_core::time::{Millis, Timestamp};
use transom_store::MediaRecord;

use crate::App;
use crate::queues::{MediaEntry, QueueEntry};

/// How long what follows from a state may take before the sweep does it.
const TOLD_WITHIN: Millis = Millis::from_seconds(120);

impl App {
    /// Puts a media item into its queue. Failing is not an error: it is durable and due, and the
    /// sweep puts it there.
    pub(crate) async fn enqueue_media(&self, id: &MediaId, record: &MediaRecord) {
        self.enqueue_entries(&[entry(id, record)]).await;
    }

    /// The same for the files of one customer's messages.
    pub(crate) async fn enqueue_expected<'a>(&self, files: impl Iterator<Item = &'a Expected>) {
        let entries: Vec<QueueEntry> = files.map(|file| entry(&file.id, &file.record)).collect();
        self.enqueue_entries(&entries).await;
    }

    async fn enqueue_entries(&self, entries: &[QueueEntry]) {
        if let Err(error) = self.queues.send_media(entries).await {
            let files = entries.len();
            tracing::warn!(outcome = "enqueue_failed", files, %error, "the sweep will put them into their queue");
        }
    }

    /// The sweep meets a media item: what is to be told of it is told, what is to be fetched is put
    /// into its queue.
    pub(crate) async fn visit_media(
        &self,
        id: &MediaId,
        now: Timestamp,
    ) -> Result<(), crate::AppError> {
        let Some(record) = self.store.media(id).await? else { return Ok(()) };
        if record.due_at.is_none_or(|at| at > now) {
            return Ok(());
        }
        if record.untold || record.next_at.is_none() {
            return self.tell_media(id, &record, now).await;
        }
        let next = MediaRecord {
            enqueue: record.enqueue.saturating_add(1),
            due_at: Some(now.plus(transom_core::fetch::FETCH_PATIENCE)),
            ..record.clone()
        };
        if self.store.advance_media(id, &record, &next).await? == transom_store::Updated::Done {
            self.enqueue_media(id, &next).await;
        }
        Ok(())
    }
}

fn entry(id: &MediaId, record: &MediaRecord) -> QueueEntry {
    let MediaRecord { round, tries, enqueue, .. } = *record;
    let entry = MediaEntry { media: id.clone(), round, tries };
    QueueEntry {
        // Files know no order: each is a group of its own.
        group: id.to_string(),
        deduplication: format!("{id}.{round}.{tries}.{enqueue}"),
        body: serde_json::to_string(&entry).unwrap_or_default(),
    }
}
