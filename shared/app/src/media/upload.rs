//! A caller stores a file: its bytes at once, or an address that it is copied from. WhatsApp takes
//! addresses alone (M41), so what is sent later is a link of ours that ends; so is what a message's
//! content is made into where its provider has no fields for it.

use super::MediaView;
use crate::objects::{Kept, key_of};
use crate::outbound::{FileHead, check_url};
use crate::{App, AppError, Problem};
use bytes::Bytes;
use std::time::Duration;
use transom_core::account::Provider;
use transom_core::code::Code;
use transom_core::content::Content;
use transom_core::fetch::{FETCH_PATIENCE, MediaState, is_animated_webp, kept_type};
use transom_core::id::{MediaId, MessageId};
use transom_core::time::{Millis, Timestamp};
use transom_store::{MediaPut, MediaRecord, StoreError};
use transom_wire::MadeFile;

/// Characters of chance in the id of an upload.
const CHANCE_CHARS: usize = 31;
/// For how long a copy is tried: its caller waits for it.
const COPIED_WITHIN: Millis = Millis::from_hours(24);
/// How long a provider's link is good. Providers fetch within seconds, and keep what they fetched
/// for minutes; a send that waits in a provider's own queue may take longer.
const PROVIDER_LINK_FOR: Millis = Millis::from_hours(4);

/// How long writing a file for a provider may take: it is small, and a message waits for it that has
/// some seconds for everything.
const MADE_WITHIN: Duration = Duration::from_secs(5);

/// What is told of a file that a caller stores.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Its type.
    pub content_type: Option<String>,
    /// The name that it is saved under.
    pub filename: Option<String>,
}

impl App {
    /// Stores bytes that a caller sends.
    ///
    /// # Errors
    /// When they cannot be stored; a repeat stores them once more, under another id.
    pub async fn store_file(
        &self,
        bytes: Bytes,
        told: Told,
        now: Timestamp,
    ) -> Result<MediaView, AppError> {
        if bytes.is_empty() {
            let detail = "the body is empty; send the file's bytes, or JSON with a `url`";
            return Err(Problem::invalid(detail).into());
        }
        let found = infer::get(&bytes).map(|found| found.mime_type());
        let content_type = kept_type(found, told.content_type.as_deref());
        let id = self.new_media_id()?;
        let record = MediaRecord {
            state: MediaState::Stored,
            content_type: Some(content_type.clone()),
            bytes: Some(bytes.len() as u64),
            animated: is_animated_webp(&bytes),
            kept_until: now,
            next_at: None,
            due_at: None,
            ..new_record(told.clone(), now)
        };
        let kept = Kept { content_type, filename: told.filename };
        let length = bytes.len() as u64;
        // The bytes first: an item whose bytes are missing would be a promise.
        self.objects.put(&key_of(&id), &kept, length, bytes.into(), now).await?;
        self.keep_new(&id, &record).await?;
        tracing::info!(outcome = "stored", media = %id, bytes = length, "media");
        self.media_view(&id, &record, now).await
    }

    /// Begins to copy a file from an address.
    ///
    /// # Errors
    /// `media_url` when the address may not be asked; otherwise when it cannot be written down.
    pub async fn copy_file(
        &self,
        url: &str,
        told: Told,
        now: Timestamp,
    ) -> Result<MediaView, AppError> {
        if let Err(why) = check_url(url, self.config.local) {
            return Err(Problem::new(Code::MediaUrl, why).into());
        }
        let id = self.new_media_id()?;
        let record = MediaRecord { url: Some(url.to_owned()), ..new_record(told, now) };
        self.keep_new(&id, &record).await?;
        self.enqueue_media(&id, &record).await;
        self.media_view(&id, &record, now).await
    }

    fn new_media_id(&self) -> Result<MediaId, AppError> {
        let corrupt = |e| StoreError::Corrupt { what: "media id", reason: format!("{e:?}") };
        Ok(MediaId::of_upload(&self.entropy.text(CHANCE_CHARS)).map_err(corrupt)?)
    }

    async fn keep_new(&self, id: &MediaId, record: &MediaRecord) -> Result<(), AppError> {
        match self.store.put_media(id, record).await? {
            // Its own answer was lost on the way: nobody else has this id.
            MediaPut::New | MediaPut::Exists(_) => Ok(()),
        }
    }

    /// Writes down what is known of the stored file that a content names. Answers why it cannot be
    /// sent.
    ///
    /// # Errors
    /// `not_found` when there is no such file, or the table cannot be reached.
    pub(super) async fn look_at_stored(
        &self,
        content: &mut Content,
    ) -> Result<Option<(Code, String)>, AppError> {
        let Some(media) = content.media_mut() else { return Ok(None) };
        let (Some(id), None) = (media.media.clone(), &media.url) else { return Ok(None) };
        let missing = || Problem::not_found(format!("media item `{id}`"));
        let id = MediaId::parse(&id).map_err(|_| missing())?;
        let record = self.known_media(&id).await?;
        if record.state != MediaState::Stored {
            let state = record.state.as_str();
            let why = record.error.map(|error| format!(": {error}")).unwrap_or_default();
            let detail = format!("media item `{id}` is {state}{why}");
            return Ok(Some((Code::MediaNotReady, detail)));
        }
        media.animated = record.animated;
        let head = FileHead { content_type: record.content_type, bytes: record.bytes };
        Ok(super::look::write_down(media, head))
    }

    /// Where a provider fetches the file of a message's content: the caller's own address, or a link
    /// that ends.
    pub(crate) async fn link_for_provider(
        &self,
        provider: Provider,
        message: &MessageId,
        content: &Content,
        now: Timestamp,
    ) -> Result<Option<String>, AppError> {
        let Some(media) = content.media() else {
            let Some(made) = transom_wire::made_file(provider, content) else { return Ok(None) };
            // Boxed: rarely taken, and it would make every send's future as large.
            return Box::pin(self.keep_made(message, made, now)).await.map(Some);
        };
        if media.url.is_some() {
            return Ok(media.url.clone());
        }
        let Some(id) = media.media.as_deref().and_then(|id| MediaId::parse(id).ok()) else {
            return Ok(None);
        };
        let (url, _) = self.objects.link(&key_of(&id), PROVIDER_LINK_FOR, now).await?;
        Ok(Some(url))
    }

    /// Stores a file that was made of a message's content, and answers a link to it. Under the key
    /// of the message's own file, of which an outgoing message has none: a retry writes the same
    /// bytes over themselves, and whoever erases the message finds it.
    async fn keep_made(
        &self,
        message: &MessageId,
        made: MadeFile,
        now: Timestamp,
    ) -> Result<String, AppError> {
        let MadeFile { content_type, filename, bytes } = made;
        let key = key_of(&message.media());
        let kept =
            Kept { content_type: content_type.to_owned(), filename: Some(filename.to_owned()) };
        let length = bytes.len() as u64;
        let write = self.objects.put(&key, &kept, length, bytes.into(), now);
        let late = |_| AppError::Objects {
            operation: "write a file for the provider",
            reason: "timeout".to_owned(),
        };
        tokio::time::timeout(MADE_WITHIN, write).await.map_err(late)??;
        let (url, _) = self.objects.link(&key, PROVIDER_LINK_FOR, now).await?;
        Ok(url)
    }
}

fn new_record(told: Told, now: Timestamp) -> MediaRecord {
    MediaRecord {
        state: MediaState::Pending,
        account: None,
        sender: None,
        url: None,
        provider_media_id: None,
        declared_type: told.content_type,
        content_type: None,
        filename: told.filename,
        bytes: None,
        animated: None,
        kept_until: now.plus(COPIED_WITHIN),
        received_at: now,
        round: 0,
        tries: 0,
        enqueue: 0,
        error: None,
        untold: false,
        next_at: Some(now),
        due_at: Some(now.plus(FETCH_PATIENCE)),
    }
}
