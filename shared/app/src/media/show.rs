//! A media item as callers read it, with a link that ends; and its retry.

use super::expect::another_round;
use crate::objects::key_of;
use crate::view::words::MediaStateWord;
use crate::{App, AppError, Problem};
use serde::Serialize;
use transom_core::code::Code;
use transom_core::fetch::MediaState;
use transom_core::id::MediaId;
use transom_core::time::{Millis, Timestamp};
use transom_store::{MediaRecord, Updated};
use utoipa::ToSchema;

/// How long a link for a person is good: to look at a file, not to pass it on.
const LINK_FOR: Millis = Millis::from_seconds(900);

/// A media item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MediaView {
    /// Its id.
    #[schema(example = "med_…")]
    pub id: String,
    /// `pending`, `stored`, `failed` or `expired`. A failed one may still be tried:
    /// `next_try_at` says so.
    #[schema(value_type = MediaStateWord, example = "stored")]
    pub state: MediaState,
    /// The message that it came with; `null` for one that was stored by `POST /v1/media`.
    pub message: Option<String>,
    /// Its type by its bytes, once it is stored; until then as it was declared.
    #[schema(example = "image/jpeg")]
    pub content_type: Option<String>,
    /// Its size.
    pub bytes: Option<u64>,
    /// Its name, where one is told.
    pub filename: Option<String>,
    /// Where it can be read until `url_expires_at`, without a key; `null` unless it is stored.
    pub url: Option<String>,
    /// When `url` ends.
    pub url_expires_at: Option<String>,
    /// Until when it can be fetched from where it is; `null` once it is stored.
    pub kept_until: Option<String>,
    /// How often it was tried since the last retry.
    pub tries: u32,
    /// When it is tried again; `null` when it is not.
    pub next_try_at: Option<String>,
    /// Why the last try failed.
    pub error: Option<String>,
}

impl App {
    /// A media item, with a link if it is stored.
    ///
    /// # Errors
    /// When there is none, or the table cannot be reached.
    pub async fn show_media(&self, id: &MediaId, now: Timestamp) -> Result<MediaView, AppError> {
        let record = self.known_media(id).await?;
        self.media_view(id, &record, now).await
    }

    pub(crate) async fn known_media(&self, id: &MediaId) -> Result<MediaRecord, AppError> {
        let found = self.store.media(id).await?;
        found.ok_or_else(|| Problem::not_found(format!("media item `{id}`")).into())
    }

    pub(super) async fn media_view(
        &self,
        id: &MediaId,
        record: &MediaRecord,
        now: Timestamp,
    ) -> Result<MediaView, AppError> {
        let is_stored = record.state == MediaState::Stored;
        let link = match is_stored {
            true => Some(self.objects.link(&key_of(id), LINK_FOR, now).await?),
            false => None,
        };
        let content_type = record.content_type.clone().filter(|_| is_stored);
        Ok(MediaView {
            id: id.to_string(),
            state: record.state,
            message: id.message().map(|message| message.to_string()),
            content_type: content_type.or_else(|| record.declared_type.clone()),
            bytes: record.bytes,
            filename: record.filename.clone(),
            url: link.as_ref().map(|(url, _)| url.clone()),
            url_expires_at: link.map(|(_, until)| until.rfc3339()),
            kept_until: (!is_stored).then(|| record.kept_until.rfc3339()),
            tries: record.tries,
            next_try_at: record.next_at.map(Timestamp::rfc3339),
            error: record.error.clone(),
        })
    }

    /// Begins another round of fetching, at once, whatever was decided before.
    ///
    /// # Errors
    /// `not_retryable` for one that is here; otherwise when there is none, or the table cannot be
    /// reached.
    pub async fn retry_media(&self, id: &MediaId, now: Timestamp) -> Result<MediaView, AppError> {
        let record = self.known_media(id).await?;
        if record.state == MediaState::Stored {
            let detail = format!("media item `{id}` is stored already");
            return Err(Problem::new(Code::NotRetryable, detail).into());
        }
        let next = another_round(&record, now);
        if self.store.advance_media(id, &record, &next).await? == Updated::Changed {
            // A try has just ended, or another retry has just begun: that is how it stands.
            return self.show_media(id, now).await;
        }
        self.enqueue_media(id, &next).await;
        self.media_view(id, &next, now).await
    }
}
