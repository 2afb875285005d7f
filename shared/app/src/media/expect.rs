//! A message with a file arrives: the file is written down as pending, before its message is, and
//! due. A redelivery finds it and mends what failed (F7).

use crate::{App, AppError};
use transom_core::content::Content;
use transom_core::fetch::{FETCH_PATIENCE, MediaState, kept_until};
use transom_core::id::{MediaId, MessageId};
use transom_core::time::Timestamp;
use transom_store::{AccountRecord, MediaPut, MediaRecord, SenderRecord, Updated};

/// A file that is to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) id: MediaId,
    pub(crate) record: MediaRecord,
}

impl App {
    /// Writes down that the content's file is to be fetched, and takes out of the content where
    /// from: addresses of a provider are its business and ours. Answers the file when its job is
    /// to be begun.
    pub(crate) async fn expect_file(
        &self,
        account: &AccountRecord,
        sender: &SenderRecord,
        message: &MessageId,
        content: &mut Content,
        now: Timestamp,
    ) -> Result<Option<Expected>, AppError> {
        let Some(media) = content.media_mut() else { return Ok(None) };
        let id = message.media();
        media.media = Some(id.to_string());
        let record = MediaRecord {
            state: MediaState::Pending,
            account: Some(account.account.id.clone()),
            sender: Some(sender.sender.id.clone()),
            url: media.url.take(),
            provider_media_id: media.provider_media_id.take(),
            declared_type: media.content_type.clone(),
            content_type: None,
            filename: media.filename.clone(),
            bytes: None,
            animated: None,
            kept_until: kept_until(media.kept_until.take(), now),
            received_at: now,
            round: 0,
            tries: 0,
            enqueue: 0,
            error: None,
            untold: false,
            next_at: Some(now),
            due_at: Some(now.plus(FETCH_PATIENCE)),
        };
        match self.store.put_media(&id, &record).await? {
            MediaPut::New => Ok(Some(Expected { id, record })),
            MediaPut::Exists(stored) => self.mend(id, *stored, &record).await,
        }
    }

    /// The same message came again.
    ///
    /// | its file | then |
    /// |---|---|
    /// | is here | nothing |
    /// | is being fetched | its entry again, which its queue knows |
    /// | could not be had | another round, from where the provider says now |
    async fn mend(
        &self,
        id: MediaId,
        stored: MediaRecord,
        told: &MediaRecord,
    ) -> Result<Option<Expected>, AppError> {
        match stored.state {
            MediaState::Stored => Ok(None),
            MediaState::Pending => Ok(Some(Expected { id, record: stored })),
            MediaState::Failed | MediaState::Expired => {
                let source = MediaRecord {
                    url: told.url.clone(),
                    provider_media_id: told.provider_media_id.clone(),
                    kept_until: stored.kept_until.max(told.kept_until),
                    ..stored.clone()
                };
                let record = another_round(&source, told.received_at);
                let begun = self.store.advance_media(&id, &stored, &record).await?;
                // Changed: somebody else has begun it.
                Ok((begun == Updated::Done).then_some(Expected { id, record }))
            }
        }
    }
}

/// A media item whose fetching begins anew.
pub(super) fn another_round(record: &MediaRecord, now: Timestamp) -> MediaRecord {
    MediaRecord {
        state: MediaState::Pending,
        round: record.round.saturating_add(1),
        tries: 0,
        enqueue: record.enqueue.saturating_add(1),
        untold: false,
        next_at: Some(now),
        due_at: Some(now.plus(FETCH_PATIENCE)),
        ..record.clone()
    }
}
