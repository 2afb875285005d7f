//! What a message holds, in both directions (M30, M31).

use crate::interactive::Interactive;
use crate::media::MediaKind;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A file that belongs to a message.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Media {
    /// Our identifier (`med_…`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<String>,
    /// Where the provider, or the caller, keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The provider's own id of the file, where it keeps files under ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_media_id: Option<String>,
    /// The declared type, as it was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The file's name, where one is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// The declared size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The caption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// Whether the picture moves, where its bytes were looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub animated: Option<bool>,
    /// Until when the provider keeps it, where it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<Timestamp>,
}

impl Media {
    /// The caption, unless it is empty.
    #[must_use]
    pub fn caption(&self) -> Option<&str> {
        self.caption.as_deref().filter(|caption| !caption.is_empty())
    }
}

/// One contact card.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ContactCard {
    /// The name to show.
    pub name: String,
    /// Its numbers, as written on the card.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<String>,
    /// Its e-mail addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<String>,
}

/// What a message holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    /// A text.
    Text {
        /// The text, unchanged.
        text: String,
    },
    /// A picture.
    Image(Media),
    /// A film.
    Video(Media),
    /// A sound or a voice note.
    Audio(Media),
    /// Any other file.
    Document(Media),
    /// A sticker.
    Sticker(Media),
    /// A place.
    Location {
        /// Degrees north, as the provider wrote them.
        latitude: String,
        /// Degrees east, as the provider wrote them.
        longitude: String,
        /// The place's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Its address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<String>,
    },
    /// Contact cards, as data or as a file.
    Contacts {
        /// The cards, where the provider sends them as data.
        #[serde(default)]
        contacts: Vec<ContactCard>,
        /// The card as a vCard file, where the provider sends that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<Media>,
    },
    /// A tap on a quick-reply button.
    Button {
        /// The button's text.
        text: String,
        /// What the business attached to it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payload: Option<String>,
    },
    /// A choice from a list.
    List {
        /// The chosen item's identifier.
        id: String,
        /// Its title.
        title: String,
        /// Its description.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
    /// A reaction to the message that it answers, inbound.
    Reaction {
        /// What stands at that message now; none when the reaction was taken back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        emoji: Option<String>,
    },
    /// A correction of the message that it answers, inbound.
    Edit {
        /// What that says now: its text, or its caption.
        text: String,
    },
    /// The message that it answers was deleted for everyone, inbound.
    Deletion,
    /// Buttons or a list, outbound.
    Interactive(Interactive),
    /// A template, outbound.
    Template(TemplateUse),
    /// A kind that this build does not send or understand; kept as it came (F6).
    Unsupported {
        /// What the provider or the caller calls it.
        kind: String,
        /// The fields it came with, as far as they may be kept.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        raw: BTreeMap<String, String>,
    },
}

/// Which template is sent, with which variables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateUse {
    /// The template's name.
    pub name: String,
    /// Its language; the account's only one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The values of its placeholders.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// The file of its header, where its header is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<HeaderMedia>,
}

/// The file in a template's header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderMedia {
    /// A picture, a film or a document.
    #[serde(rename = "type")]
    pub kind: MediaKind,
    /// The file.
    #[serde(flatten)]
    pub media: Media,
    /// Where the provider fills a header through a placeholder of the content, as Twilio does:
    /// its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
}

/// The kinds of [`Content`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentKind {
    /// [`Content::Text`]
    Text,
    /// [`Content::Image`]
    Image,
    /// [`Content::Video`]
    Video,
    /// [`Content::Audio`]
    Audio,
    /// [`Content::Document`]
    Document,
    /// [`Content::Sticker`]
    Sticker,
    /// [`Content::Location`]
    Location,
    /// [`Content::Contacts`]
    Contacts,
    /// [`Content::Button`]
    Button,
    /// [`Content::List`]
    List,
    /// [`Content::Reaction`]
    Reaction,
    /// [`Content::Edit`]
    Edit,
    /// [`Content::Deletion`]
    Deletion,
    /// [`Content::Interactive`]
    Interactive,
    /// [`Content::Template`]
    Template,
    /// [`Content::Unsupported`]
    Unsupported,
}

impl ContentKind {
    /// The kind as callers read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Document => "document",
            Self::Sticker => "sticker",
            Self::Location => "location",
            Self::Contacts => "contacts",
            Self::Button => "button",
            Self::List => "list",
            Self::Reaction => "reaction",
            Self::Edit => "edit",
            Self::Deletion => "deletion",
            Self::Interactive => "interactive",
            Self::Template => "template",
            Self::Unsupported => "unsupported",
        }
    }
}

impl Content {
    /// The kind of this content.
    #[must_use]
    pub const fn kind(&self) -> ContentKind {
        match self {
            Self::Text { .. } => ContentKind::Text,
            Self::Image(_) => ContentKind::Image,
            Self::Video(_) => ContentKind::Video,
            Self::Audio(_) => ContentKind::Audio,
            Self::Document(_) => ContentKind::Document,
            Self::Sticker(_) => ContentKind::Sticker,
            Self::Location { .. } => ContentKind::Location,
            Self::Contacts { .. } => ContentKind::Contacts,
            Self::Button { .. } => ContentKind::Button,
            Self::List { .. } => ContentKind::List,
            Self::Reaction { .. } => ContentKind::Reaction,
            Self::Edit { .. } => ContentKind::Edit,
            Self::Deletion => ContentKind::Deletion,
            Self::Interactive(_) => ContentKind::Interactive,
            Self::Template(_) => ContentKind::Template,
            Self::Unsupported { .. } => ContentKind::Unsupported,
        }
    }

    /// The file that the content carries, where it carries one.
    #[must_use]
    pub const fn media(&self) -> Option<&Media> {
        match self {
            Self::Image(m)
            | Self::Video(m)
            | Self::Audio(m)
            | Self::Document(m)
            | Self::Sticker(m) => Some(m),
            Self::Contacts { file, .. } => file.as_ref(),
            Self::Template(TemplateUse { header: Some(header), .. }) => Some(&header.media),
            Self::Text { .. }
            | Self::Location { .. }
            | Self::Button { .. }
            | Self::List { .. }
            | Self::Reaction { .. }
            | Self::Edit { .. }
            | Self::Deletion
            | Self::Interactive(_)
            | Self::Template(_)
            | Self::Unsupported { .. } => None,
        }
    }

    /// The file that the content carries, to complete it.
    pub const fn media_mut(&mut self) -> Option<&mut Media> {
        match self {
            Self::Image(m)
            | Self::Video(m)
            | Self::Audio(m)
            | Self::Document(m)
            | Self::Sticker(m) => Some(m),
            Self::Contacts { file, .. } => file.as_mut(),
            Self::Template(TemplateUse { header: Some(header), .. }) => Some(&mut header.media),
            Self::Text { .. }
            | Self::Location { .. }
            | Self::Button { .. }
            | Self::List { .. }
            | Self::Reaction { .. }
            | Self::Edit { .. }
            | Self::Deletion
            | Self::Interactive(_)
            | Self::Template(_)
            | Self::Unsupported { .. } => None,
        }
    }

    /// As which kind of file the content is checked: its own, or its template's header.
    #[must_use]
    pub const fn media_kind(&self) -> Option<MediaKind> {
        match self {
            Self::Image(_) => Some(MediaKind::Image),
            Self::Video(_) => Some(MediaKind::Video),
            Self::Audio(_) => Some(MediaKind::Audio),
            Self::Document(_) => Some(MediaKind::Document),
            Self::Sticker(_) => Some(MediaKind::Sticker),
            Self::Template(TemplateUse { header: Some(header), .. }) => Some(header.kind),
            Self::Text { .. }
            | Self::Location { .. }
            | Self::Contacts { .. }
            | Self::Button { .. }
            | Self::List { .. }
            | Self::Reaction { .. }
            | Self::Edit { .. }
            | Self::Deletion
            | Self::Interactive(_)
            | Self::Template(_)
            | Self::Unsupported { .. } => None,
        }
    }

    /// Whether a customer said this. A provider's notice, such as of a changed number, comes like a
    /// message but opens no window (peers G4); nor does what a customer does to something that he
    /// said before. A reaction does: it says something new.
    #[must_use]
    pub fn is_a_customers_word(&self) -> bool {
        match self {
            Self::Edit { .. } | Self::Deletion => false,
            Self::Unsupported { kind, .. } => kind != "system",
            Self::Text { .. }
            | Self::Image(_)
            | Self::Video(_)
            | Self::Audio(_)
            | Self::Document(_)
            | Self::Sticker(_)
            | Self::Location { .. }
            | Self::Contacts { .. }
            | Self::Button { .. }
            | Self::List { .. }
            | Self::Reaction { .. }
            | Self::Interactive(_)
            | Self::Template(_) => true,
        }
    }

    /// Whether it changes the message that it answers, instead of answering it (E10).
    #[must_use]
    pub const fn is_a_change(&self) -> bool {
        matches!(self, Self::Reaction { .. } | Self::Edit { .. } | Self::Deletion)
    }

    /// The template that the content uses, where it is one.
    #[must_use]
    pub const fn template(&self) -> Option<&TemplateUse> {
        match self {
            Self::Template(t) => Some(t),
            Self::Text { .. }
            | Self::Image(_)
            | Self::Video(_)
            | Self::Audio(_)
            | Self::Document(_)
            | Self::Sticker(_)
            | Self::Location { .. }
            | Self::Contacts { .. }
            | Self::Button { .. }
            | Self::List { .. }
            | Self::Reaction { .. }
            | Self::Edit { .. }
            | Self::Deletion
            | Self::Interactive(_)
            | Self::Unsupported { .. } => None,
        }
    }
}
