//! Which files a provider takes: kinds, types, sizes, captions, names (M32-M39, M43, D4, D6).

use crate::code::Code;
use crate::content::{Content, ContentKind, Media};
use serde::{Deserialize, Serialize};

/// WhatsApp's megabyte, which is binary.
pub const MB: u64 = 1024 * 1024;
/// WhatsApp's kilobyte.
pub const KB: u64 = 1024;

/// The kinds of content that are a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A film.
    Video,
    /// A sound.
    Audio,
    /// Any other file.
    Document,
    /// A sticker.
    Sticker,
}

impl MediaKind {
    /// Every kind there is.
    pub const ALL: [Self; 5] =
        [Self::Image, Self::Video, Self::Audio, Self::Document, Self::Sticker];

    /// The kind as callers read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Document => "document",
            Self::Sticker => "sticker",
        }
    }

    /// Reads a kind.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == text)
    }

    /// The content of this kind that holds `media`.
    #[must_use]
    pub fn content(self, media: Media) -> Content {
        match self {
            Self::Image => Content::Image(media),
            Self::Video => Content::Video(media),
            Self::Audio => Content::Audio(media),
            Self::Document => Content::Document(media),
            Self::Sticker => Content::Sticker(media),
        }
    }

    /// The kind of content that holds a file of this kind.
    #[must_use]
    pub const fn content_kind(self) -> ContentKind {
        match self {
            Self::Image => ContentKind::Image,
            Self::Video => ContentKind::Video,
            Self::Audio => ContentKind::Audio,
            Self::Document => ContentKind::Document,
            Self::Sticker => ContentKind::Sticker,
        }
    }
}

/// What a provider takes as one kind of file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRule {
    /// The allowed types. `audio/ogg; codecs=opus` allows the type with these codecs: another
    /// codec that is told is refused, one that is not told cannot be checked and is let through.
    pub types: Vec<String>,
    /// The largest size, in bytes.
    pub max_bytes: u64,
    /// The largest size of a picture that is known not to move, where that differs.
    pub still_max_bytes: Option<u64>,
    /// Whether it may have a caption (M35, M43, D4).
    pub caption: bool,
    /// Whether it may have a name (M35).
    pub filename: bool,
}

impl MediaRule {
    /// What does not fit between the rule and a file; the words name `profile` (D4).
    #[must_use]
    pub fn misfit(
        &self,
        profile: &str,
        kind: MediaKind,
        media: &Media,
        caption_max: usize,
    ) -> Vec<(Code, String)> {
        let kind = kind.as_str();
        let mut found = Vec::new();
        match media.content_type.as_deref() {
            None => found.push((
                Code::MediaType,
                format!("the type of the {kind} is not known: give `content_type`"),
            )),
            Some(told) if !self.allows(told) => found.push((
                Code::MediaType,
                format!("{profile} takes no {kind} of the type {told}, but {}", self.types()),
            )),
            Some(_) => {}
        }
        let max = self.max_bytes_of(media);
        if let Some(bytes) = media.bytes.filter(|bytes| *bytes > max) {
            let detail =
                format!("the {kind} has {bytes} bytes, {profile} takes at most {max} bytes");
            found.push((Code::MediaTooLarge, detail));
        }
        if let Some(caption) = media.caption() {
            let length = caption.encode_utf16().count().max(caption.chars().count());
            if !self.caption {
                let detail = format!("{profile} takes no caption with a {kind}");
                found.push((Code::CaptionUnsupported, detail));
            } else if length > caption_max {
                let detail = format!(
                    "the caption has {length} characters, {profile} takes at most {caption_max}"
                );
                found.push((Code::TextTooLong, detail));
            }
        }
        if !self.filename && media.filename.as_deref().is_some_and(|name| !name.is_empty()) {
            let detail = format!("{profile} takes no file name with a {kind}");
            found.push((Code::FilenameUnsupported, detail));
        }
        found
    }

    /// The largest size of this very file.
    #[must_use]
    pub fn max_bytes_of(&self, media: &Media) -> u64 {
        match self.still_max_bytes {
            Some(still) if media.animated == Some(false) => still,
            Some(_) | None => self.max_bytes,
        }
    }

    /// Whether a declared type is allowed.
    #[must_use]
    pub fn allows(&self, told: &str) -> bool {
        let told = MediaType::read(told);
        self.types.iter().any(|allowed| MediaType::read(allowed).covers(&told))
    }

    fn types(&self) -> String {
        self.types.join(", ")
    }
}

/// A media type as it is declared: `video/mp4; codecs="avc1.42E01E, mp4a.40.2"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    /// Type and subtype, lower-case.
    pub essence: String,
    /// The codecs, where they are told, lower-case, without their profiles: `avc1`.
    pub codecs: Vec<String>,
}

impl MediaType {
    /// Reads a declared type; what is not one has an essence that no rule allows.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut parts = text.split(';');
        let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let codecs = parts
            .filter_map(|part| part.split_once('='))
            .filter(|(name, _)| name.trim().eq_ignore_ascii_case("codecs"))
            .flat_map(|(_, value)| value.trim().trim_matches('"').split(','))
            .map(|codec| codec.trim().split('.').next().unwrap_or_default().to_ascii_lowercase())
            .filter(|codec| !codec.is_empty())
            .collect();
        Self { essence, codecs }
    }

    /// Whether text is a media type at all.
    #[must_use]
    pub fn is_well_formed(text: &str) -> bool {
        let token = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
        };
        let essence = text.split(';').next().unwrap_or_default().trim();
        let printable = text.bytes().all(|b| (b' '..=b'~').contains(&b));
        printable && essence.split_once('/').is_some_and(|(kind, sub)| token(kind) && token(sub))
    }

    /// Whether the type says no more than "some bytes", so that something else must tell.
    #[must_use]
    pub fn is_unspecific(&self) -> bool {
        self.essence.is_empty()
            || matches!(self.essence.as_str(), "application/octet-stream" | "binary/octet-stream")
    }

    /// As a rule: whether it allows `told`.
    fn covers(&self, told: &Self) -> bool {
        self.essence == told.essence
            && (self.codecs.is_empty() || told.codecs.iter().all(|c| self.codecs.contains(c)))
    }
}

#[cfg(test)]
#[path = "media_tests.rs"]
mod tests;
