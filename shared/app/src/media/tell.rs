//! What follows from how a media item stands: subscribers are told, and its visit goes on to the
//! next try, or is removed. Taken from what is stored, so that whoever comes first after a crash
//! takes the same steps (ADR 9).

use crate::event::Event;
use crate::{App, AppError};
use serde_json::json;
use transom_core::event::{Cause, EventKind};
use transom_core::fetch::MediaState;
use transom_core::id::MediaId;
use transom_core::time::Timestamp;
use transom_store::MediaRecord;

impl App {
    /// Tells how a media item stands, where that is to be told, and sets its next visit.
    pub(super) async fn tell_media(
        &self,
        id: &MediaId,
        record: &MediaRecord,
        now: Timestamp,
    ) -> Result<(), AppError> {
        if record.untold
            && let Some(event) = event(id, record, now)
        {
            self.publish(vec![event]).await?;
        }
        let next = MediaRecord { untold: false, due_at: record.next_at, ..record.clone() };
        // Changed: it has gone on meanwhile, and whoever did that looks after it.
        self.store.advance_media(id, record, &next).await?;
        Ok(())
    }

    /// The same where failing is no error: the sweep does it.
    pub(super) async fn tell_media_or_leave(
        &self,
        id: &MediaId,
        record: &MediaRecord,
        now: Timestamp,
    ) {
        if let Err(error) = self.tell_media(id, record, now).await {
            tracing::warn!(outcome = "left_to_the_sweep", media = %id, error = %crate::error::chain(&error), "what follows from its state");
        }
    }
}

fn event(id: &MediaId, record: &MediaRecord, now: Timestamp) -> Option<Event> {
    let kind = match record.state {
        MediaState::Pending => return None,
        MediaState::Stored => EventKind::MediaStored,
        MediaState::Failed | MediaState::Expired => EventKind::MediaFailed,
    };
    let message = id.message();
    let data = json!({
        "media": id,
        "message": message,
        "conversation": message.as_ref().map(|m| m.conversation()),
        "sender": record.sender,
        "state": record.state,
        "content_type": record.content_type,
        "bytes": record.bytes,
        "error": record.error,
        "next_try_at": record.next_at.map(Timestamp::rfc3339),
    });
    let cause = Cause::Media(id.clone(), record.round, record.state);
    let event = Event::new(kind, &cause, now, data);
    Some(match (message, &record.sender) {
        (Some(message), Some(sender)) => event.in_conversation(&message.conversation(), sender),
        _ => event,
    })
}
