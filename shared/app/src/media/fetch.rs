//! The queue of media reaches the providers: one try for an entry, streamed into object storage,
//! written down, told.
//!
//! Trying twice does no harm: the same bytes are written over themselves. So a crash anywhere is
//! followed by the entry's redelivery, or by the sweep.

use super::TOLD_WITHIN;
use crate::dispatch::QueuedEntry;
use crate::media::transfer::{Transfer, Transferred};
use crate::objects::{Kept, key_of};
use crate::outbound::NotFollowed;
use crate::queues::MediaEntry;
use crate::receive::updated_event;
use crate::{App, AppError};
use std::time::Duration;
use transom_core::content::{ContactCard, Content};
use transom_core::event::Cause;
use transom_core::fetch::{
    FILE_BYTES_MAX, MediaState, Trouble, after_failure, is_animated_webp, kept_type,
};
use transom_core::id::MediaId;
use transom_core::time::{Millis, Timestamp};
use transom_store::{AccountRecord, MediaRecord, Updated};
use transom_wire::{FileRequest, FileSource, FileStep, read_vcard};
use url::{Host, Url};

/// How long reading a file may take, to its last byte.
const READ_WITHIN: Duration = Duration::from_secs(90);
/// How long a provider may take to tell where a file is.
const DESCRIBE_WITHIN: Duration = Duration::from_secs(15);
/// The most that is read of a description.
const DESCRIPTION_BYTES_MAX: usize = 64 * 1024;
/// What one entry needs at most: both of the above, and writing it down.
const ENTRY_WITHIN: Millis = Millis::from_seconds(120);

/// A try that failed.
pub(super) struct Missed {
    trouble: Trouble,
    why: String,
}

impl Missed {
    pub(super) fn passing(why: impl Into<String>) -> Self {
        Self { trouble: Trouble::Passing, why: why.into() }
    }

    pub(super) fn lasting(why: impl Into<String>) -> Self {
        Self { trouble: Trouble::Final, why: why.into() }
    }
}

impl From<NotFollowed> for Missed {
    fn from(missed: NotFollowed) -> Self {
        match missed {
            NotFollowed::Forbidden(why) => Self::lasting(why),
            NotFollowed::Unanswered(why) => Self::passing(why),
        }
    }
}

/// A file whose first bytes are on their way.
struct Opened {
    response: reqwest::Response,
    declared: Option<String>,
    bytes: Option<u64>,
    sha256: Option<[u8; 32]>,
}

impl App {
    /// Works on one batch of the queue of media, its entries side by side. Answers the receipts of
    /// those to give back.
    pub async fn fetch_batch(&self, entries: Vec<QueuedEntry>, deadline: Timestamp) -> Vec<String> {
        let work = entries.into_iter().map(|entry| async move {
            let result = match serde_json::from_str::<MediaEntry>(&entry.body) {
                Ok(parsed) => self.fetch_entry(&parsed, deadline).await,
                Err(_) => {
                    tracing::error!(outcome = "unreadable_entry", "an entry of the queue of media");
                    Ok(())
                }
            };
            let error = result.err()?;
            tracing::error!(outcome = "given_back", error = %crate::error::chain(&error), "a media item could not be handled");
            Some(entry.receipt)
        });
        futures::future::join_all(work).await.into_iter().flatten().collect()
    }

    async fn fetch_entry(&self, entry: &MediaEntry, deadline: Timestamp) -> Result<(), AppError> {
        let id = &entry.media;
        let Some(record) = self.store.media(id).await? else {
            tracing::error!(outcome = "no_such_media", media = %id, "an entry without a media item");
            return Ok(());
        };
        let now = self.clock.now();
        if record.untold {
            // Whoever came here first ended before it was told.
            self.tell_media(id, &record, now).await?;
        }
        let is_next = record.round == entry.round && record.tries == entry.tries;
        if record.state == MediaState::Stored || record.next_at.is_none() || !is_next {
            return Ok(());
        }
        if now.plus(ENTRY_WITHIN) > deadline {
            return Err(AppError::OutOfTime);
        }
        let fetched = self.fetch(id, &record).await?;
        let now = self.clock.now();
        let next = after_try(&record, fetched, now);
        if self.store.advance_media(id, &record, &next).await? == Updated::Changed {
            // Somebody else has tried it too, and looks after what follows.
            return Ok(());
        }
        let (state, tries) = (next.state.as_str(), next.tries);
        let error = next.error.as_deref().filter(|_| next.state != MediaState::Stored);
        tracing::info!(outcome = state, media = %id, tries, error, bytes = next.bytes, "media");
        if next.untold {
            self.tell_media_or_leave(id, &next, now).await;
        }
        Ok(())
    }

    /// One try. The outer error is ours: the table, the keys; the inner one is why the file could
    /// not be had.
    async fn fetch(
        &self,
        id: &MediaId,
        record: &MediaRecord,
    ) -> Result<Result<MediaRecord, Missed>, AppError> {
        let opened = match &record.account {
            None => self.open_address(record).await,
            Some(account) => match self.store.account(account).await? {
                None => Err(Missed::lasting("its account is gone")),
                Some(account) => self.open_at_provider(&account, record).await?,
            },
        };
        let kept = match opened {
            Ok(opened) => self.keep(id, record, opened).await,
            Err(missed) => Err(missed),
        };
        let (stored, cards) = match kept {
            Ok(kept) => kept,
            Err(missed) => return Ok(Err(missed)),
        };
        if !cards.is_empty() {
            self.show_cards(id, cards).await?;
        }
        Ok(Ok(stored))
    }

    /// Cards that came as a file are shown with their message. Before the file is called stored, so
    /// that a crash in between shows them at the next try.
    async fn show_cards(&self, id: &MediaId, cards: Vec<ContactCard>) -> Result<(), AppError> {
        let Some(message) = id.message() else { return Ok(()) };
        let Some(stands) = self.store.message(&message).await? else { return Ok(()) };
        let Some(Content::Contacts { file, .. }) = stands.content else { return Ok(()) };
        let content = Content::Contacts { contacts: cards, file };
        let Some(shown) = self.store.complete_content(&message, &content).await? else {
            return Ok(());
        };
        let Some(account) = self.store.account(&shown.account).await? else { return Ok(()) };
        let cause = Cause::Updated(message.clone(), message);
        let now = self.clock.now();
        self.publish(vec![updated_event(&cause, &shown, account.account.provider, now)]).await
    }

    /// A file that a caller wants copied: its address, and nobody's secrets.
    async fn open_address(&self, record: &MediaRecord) -> Result<Opened, Missed> {
        let url = record.url.clone().ok_or_else(|| Missed::lasting("it has no address"))?;
        let request = FileRequest { url, headers: Vec::new() };
        self.read(&request, record.declared_type.clone(), None).await
    }

    async fn open_at_provider(
        &self,
        account: &AccountRecord,
        record: &MediaRecord,
    ) -> Result<Result<Opened, Missed>, AppError> {
        let credentials = self.credentials(account)?;
        let sender = match &record.sender {
            Some(sender) => self.store.sender(sender).await?,
            None => None,
        };
        let base = self.api_base(account);
        let from_sandbox = self.config.sandbox_url.is_some() && account.api_base_url.is_none();
        if from_sandbox && record.url.as_deref().is_some_and(|url| !is_this_machine(url)) {
            let why = "local mode fetches the files of its sandbox from this machine alone";
            return Ok(Err(Missed::lasting(why)));
        }
        let source = FileSource {
            url: record.url.as_deref(),
            provider_media_id: record.provider_media_id.as_deref(),
            business_id: sender.as_ref().and_then(|s| s.sender.provider_id.as_deref()),
        };
        let request = match transom_wire::fetch_file(&credentials, &base, &source) {
            Err(unfetchable) => return Ok(Err(Missed::lasting(unfetchable.to_string()))),
            Ok(FileStep::Read(request)) => {
                return Ok(self.read(&request, record.declared_type.clone(), None).await);
            }
            Ok(FileStep::Describe(request)) => request,
        };
        let body = match self.describe(&request).await {
            Ok(body) => body,
            Err(missed) => return Ok(Err(missed)),
        };
        Ok(match transom_wire::read_described(&credentials, &base, &body) {
            Err(unfetchable) => Err(Missed::passing(unfetchable.to_string())),
            Ok(described) => {
                if let Err(too_large) = described.bytes.map_or(Ok(()), fits) {
                    return Ok(Err(too_large));
                }
                let declared = record.declared_type.clone().or(described.content_type);
                self.read(&described.request, declared, described.sha256).await
            }
        })
    }

    async fn describe(&self, request: &FileRequest) -> Result<Vec<u8>, Missed> {
        let got = self.outbound.get(&request.url, &request.headers, DESCRIBE_WITHIN).await?;
        let mut response = answered(got)?;
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(body),
                Err(_) => return Err(Missed::passing("its description broke off")),
            }
            if body.len() > DESCRIPTION_BYTES_MAX {
                return Err(Missed::passing("its description is too long to be one"));
            }
        }
    }

    async fn read(
        &self,
        request: &FileRequest,
        declared: Option<String>,
        sha256: Option<[u8; 32]>,
    ) -> Result<Opened, Missed> {
        let got = self.outbound.get(&request.url, &request.headers, READ_WITHIN).await?;
        let response = answered(got)?;
        let told = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok());
        let bytes = told("content-length").and_then(|length| length.parse().ok());
        bytes.map_or(Ok(()), fits)?;
        let declared = declared.or_else(|| told("content-type").map(str::to_owned));
        Ok(Opened { response, declared, bytes, sha256 })
    }

    /// Streams an opened file into object storage; answers what is known of it then.
    async fn keep(
        &self,
        id: &MediaId,
        record: &MediaRecord,
        opened: Opened,
    ) -> Result<(MediaRecord, Vec<ContactCard>), Missed> {
        let Opened { response, declared, bytes, sha256 } = opened;
        let transfer = Transfer::begin(response, bytes).await?;
        let found = infer::get(transfer.head()).map(|found| found.mime_type());
        let content_type = kept_type(found, declared.as_deref());
        let animated = is_animated_webp(transfer.head());
        let is_card = matches!(content_type.as_str(), "text/vcard" | "text/x-vcard");
        let cards = if is_card { read_vcard(transfer.head()) } else { Vec::new() };
        let kept = Kept { content_type, filename: record.filename.clone() };
        let Transferred { bytes, sha256: found } =
            transfer.into_objects(&self.objects, &key_of(id), &kept, self.clock.now()).await?;
        if sha256.is_some_and(|told| told != found) {
            return Err(Missed::passing("its bytes are not those that the provider describes"));
        }
        let stored = MediaRecord {
            state: MediaState::Stored,
            content_type: Some(kept.content_type),
            bytes: Some(bytes),
            animated,
            ..record.clone()
        };
        Ok((stored, cards))
    }
}

/// How a media item stands after a try.
fn after_try(
    record: &MediaRecord,
    fetched: Result<MediaRecord, Missed>,
    now: Timestamp,
) -> MediaRecord {
    let tries = record.tries.saturating_add(1);
    // The visit that stands is kept where it comes soon enough: moving it costs two units.
    let soon = record.due_at.filter(|at| *at > now).unwrap_or_else(|| now.plus(TOLD_WITHIN));
    match fetched {
        Ok(stored) => MediaRecord {
            tries,
            error: None,
            untold: true,
            next_at: None,
            due_at: Some(soon),
            ..stored
        },
        Err(missed) => {
            let after = after_failure(missed.trouble, tries, record.kept_until, now);
            // Once in a round for each state: it goes on being tried in silence.
            let untold = after.state != MediaState::Pending && after.state != record.state;
            MediaRecord {
                state: after.state,
                tries,
                error: Some(missed.why),
                untold,
                next_at: after.next,
                due_at: if untold { Some(soon) } else { after.next },
                ..record.clone()
            }
        }
    }
}

/// Whether an address is on this machine, as those of the sandbox are.
fn is_this_machine(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether a file of so many bytes is kept.
pub(super) fn fits(bytes: u64) -> Result<(), Missed> {
    if bytes <= FILE_BYTES_MAX {
        return Ok(());
    }
    Err(Missed::lasting(format!("it has {bytes} bytes; at most {FILE_BYTES_MAX} are kept")))
}

fn answered(response: reqwest::Response) -> Result<reqwest::Response, Missed> {
    match response.status().as_u16() {
        200..=299 => Ok(response),
        status => Err(Missed::passing(format!("it was answered with HTTP {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m30_a_file_is_kept_up_to_100_mb() {
        let around = [-1, 0, 1].map(|n| FILE_BYTES_MAX.saturating_add_signed(n));
        assert_eq!(around.map(|bytes| fits(bytes).is_ok()), [true, true, false]);
        assert_eq!(FILE_BYTES_MAX, 100 * 1024 * 1024);
    }
}
