//! Fetching the files of inbound messages: where a file stands, when a failed try is made again,
//! and as what a file is kept (M30, M42, F7).

use crate::media::MediaType;
use crate::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// Where a media item stands, as callers read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaState {
    /// It is being fetched.
    Pending,
    /// It is here.
    Stored,
    /// It could not be fetched. It is still tried, as long as its provider keeps it, unless the
    /// failure was final.
    Failed,
    /// Its provider does not keep it any more.
    Expired,
}

impl MediaState {
    /// The state as callers read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Stored => "stored",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}

/// The largest file that is fetched: WhatsApp's largest document.
pub const FILE_BYTES_MAX: u64 = 100 * 1024 * 1024;

/// How long a provider is taken to keep a file when it does not tell. Two of them keep files a
/// week; the third keeps them until they are deleted, and nobody waits longer than a week.
pub const KEPT_FOR: Millis = Millis::from_hours(24 * 7);

/// The longest that a file is taken to be kept, whatever is told: nobody tries for ever.
pub const KEPT_FOR_MAX: Millis = Millis::from_hours(24 * 30);

/// Until when a file can be fetched that became known at `received_at`.
#[must_use]
pub fn kept_until(told: Option<Timestamp>, received_at: Timestamp) -> Timestamp {
    let last = received_at.plus(KEPT_FOR_MAX);
    told.unwrap_or_else(|| received_at.plus(KEPT_FOR)).min(last)
}

/// How long a fetch may wait in its queue before the sweep puts it there once more.
pub const FETCH_PATIENCE: Millis = Millis::from_seconds(900);

/// The wait after the first failed try; it doubles with each further one.
const BACKOFF_FIRST: Millis = Millis::from_seconds(60);
/// The longest wait.
const BACKOFF_MAX: Millis = Millis::from_hours(8);
/// After so many failed tries, a quarter of an hour, somebody is told.
const TOLD_AFTER: u32 = 5;

/// Whether a failure may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It may pass: the network, the provider, a credential that is being changed.
    Passing,
    /// It will not: the file is too large, or its address may not be followed.
    Final,
}

/// What follows from a failed try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AfterFailure {
    /// How the file stands now.
    pub state: MediaState,
    /// When it is tried again; `None` when it is given up.
    pub next: Option<Timestamp>,
}

/// Decides what follows from failed try number `tries`, from 1, of a file that its provider keeps
/// until `kept_until`. The last try is made when that has come, not before.
#[must_use]
pub fn after_failure(
    trouble: Trouble,
    tries: u32,
    kept_until: Timestamp,
    now: Timestamp,
) -> AfterFailure {
    match trouble {
        Trouble::Final => AfterFailure { state: MediaState::Failed, next: None },
        Trouble::Passing if now >= kept_until => {
            AfterFailure { state: MediaState::Expired, next: None }
        }
        Trouble::Passing => {
            let state = if tries < TOLD_AFTER { MediaState::Pending } else { MediaState::Failed };
            AfterFailure { state, next: Some(now.plus(backoff(tries)).min(kept_until)) }
        }
    }
}

fn backoff(tries: u32) -> Millis {
    let doubled = BACKOFF_FIRST.get().saturating_mul(1 << tries.saturating_sub(1).min(20));
    Millis::new(doubled.min(BACKOFF_MAX.get()))
}

/// What says no more than "any bytes".
const ANY_BYTES: &str = "application/octet-stream";

/// Containers in which several types look alike from their first bytes: what was declared tells
/// which one it is, if it is one of these.
const CONTAINERS: [(&str, &[&str]); 6] = [
    (
        "application/zip",
        &[
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ],
    ),
    (
        "application/x-ole-storage",
        &["application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"],
    ),
    (
        "video/mp4",
        &["audio/mp4", "audio/x-m4a", "audio/aac", "video/3gpp", "audio/3gpp", "video/quicktime"],
    ),
    ("video/3gpp", &["audio/3gpp", "video/mp4", "audio/mp4"]),
    ("audio/ogg", &["application/ogg"]),
    ("audio/mpeg", &["audio/mp3", "audio/mpeg3", "audio/x-mpeg-3"]),
];

/// Types without a mark in their bytes that no browser runs.
const INERT: [&str; 7] = [
    "text/plain",
    "text/csv",
    "text/comma-separated-values",
    "application/csv",
    "text/vcard",
    "text/x-vcard",
    "application/vnd.ms-excel",
];

/// As which type a file is kept and served: what its bytes say (`found`) comes before what was
/// declared, because a browser believes us. What says nothing, or would run in a browser, is
/// bytes.
#[must_use]
pub fn kept_type(found: Option<&str>, declared: Option<&str>) -> String {
    let told = MediaType::read(declared.unwrap_or_default());
    let well_formed = declared.is_some_and(MediaType::is_well_formed);
    let Some(found) = found else {
        let is_inert = well_formed && INERT.contains(&told.essence.as_str());
        return if is_inert { told.essence } else { ANY_BYTES.to_owned() };
    };
    let is_text = found.starts_with("text/") || found.contains("xml") || found.contains("script");
    if is_text {
        return if INERT.contains(&found) { found.to_owned() } else { ANY_BYTES.to_owned() };
    }
    if well_formed && told.essence == found {
        // The codecs beside the type, which the bytes' first mark does not tell.
        return declared.unwrap_or(found).to_owned();
    }
    let alike = CONTAINERS.iter().find(|(container, _)| *container == found);
    let is_alike = alike.is_some_and(|(_, types)| types.contains(&told.essence.as_str()));
    if is_alike { told.essence } else { found.to_owned() }
}

/// Whether a browser may show a file of this type instead of saving it: pictures, films and
/// sounds, which run nothing.
#[must_use]
pub fn is_shown_inline(kept: &str) -> bool {
    let essence = MediaType::read(kept).essence;
    let shown = ["image/", "video/", "audio/"].iter().any(|kind| essence.starts_with(kind));
    shown && !essence.contains("xml")
}

/// Whether a WEBP picture moves; `None` when the bytes are no WEBP.
#[must_use]
pub fn is_animated_webp(bytes: &[u8]) -> Option<bool> {
    if bytes.get(..4)? != b"RIFF" || bytes.get(8..12)? != b"WEBP" {
        return None;
    }
    // Only the extended form has flags; the second bit says that there are frames.
    let extended = bytes.get(12..16)? == b"VP8X";
    Some(extended && bytes.get(20).is_some_and(|flags| flags & 0b10 != 0))
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
