//! The parts of a template's definition beside its text.

use crate::media::MediaKind;
use serde::{Deserialize, Serialize};

/// What kind of template it is (M69).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum TemplateKind {
    /// A text, perhaps with a header of text, and buttons.
    #[default]
    Text,
    /// A text under a picture, a film or a document (D3).
    Media,
    /// A text with a button to the business's catalogue.
    Catalog,
    /// A one-time password.
    Authentication,
    /// A kind that this build does not send, such as a carousel: visible, and refused by name.
    Other(String),
}

impl TemplateKind {
    /// The kinds that may be defined here.
    pub const NAMED: [Self; 4] = [Self::Text, Self::Media, Self::Catalog, Self::Authentication];

    /// The kind as callers read it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Text => "text",
            Self::Media => "media",
            Self::Catalog => "catalog",
            Self::Authentication => "authentication",
            Self::Other(name) => name,
        }
    }

    /// Whether it is the kind that is not worth storing.
    #[must_use]
    pub const fn is_text(&self) -> bool {
        matches!(self, Self::Text)
    }
}

impl From<String> for TemplateKind {
    fn from(text: String) -> Self {
        let named = Self::NAMED.into_iter().find(|kind| kind.as_str() == text);
        named.unwrap_or(Self::Other(text))
    }
}

impl From<TemplateKind> for String {
    fn from(kind: TemplateKind) -> Self {
        kind.as_str().to_owned()
    }
}

/// What stands above a template's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Header {
    /// A line, with at most one placeholder.
    Text {
        /// The line.
        text: String,
    },
    /// A picture.
    Image(HeaderFile),
    /// A film.
    Video(HeaderFile),
    /// Any other file.
    Document(HeaderFile),
}

impl Header {
    /// Which kind of file it is, where it is one.
    #[must_use]
    pub const fn file_kind(&self) -> Option<MediaKind> {
        match self {
            Self::Text { .. } => None,
            Self::Image(_) => Some(MediaKind::Image),
            Self::Video(_) => Some(MediaKind::Video),
            Self::Document(_) => Some(MediaKind::Document),
        }
    }
}

/// The file of a template's header.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderFile {
    /// The address of a file that is the template's own: it is sent where a message brings none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Where the provider fills the header through a placeholder, as Twilio does: its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// What the provider wants to be shown with a request for approval: at Meta the handle of an
    /// uploaded file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
}

/// What a customer can tap below a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Button {
    /// An answer.
    QuickReply {
        /// Its label.
        text: String,
        /// What comes back with the tap, where the provider takes it with the definition.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payload: Option<String>,
    },
    /// A page; a placeholder may end its address.
    Url {
        /// Its label.
        text: String,
        /// Its address.
        url: String,
    },
    /// A call.
    Phone {
        /// Its label.
        text: String,
        /// The number.
        phone: String,
    },
    /// Copies a coupon's code, which each message brings as the variable `code`.
    CopyCode {
        /// A code as an example.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        example: Option<String>,
    },
    /// Hands on a one-time password, which is the body's variable.
    Otp {
        /// In which way.
        #[serde(default)]
        otp: CodeButton,
        /// Its label.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// Opens the business's catalogue.
    Catalog {
        /// Its label.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// A button that this build does not know; kept.
    Other {
        /// What the provider calls it.
        kind: String,
        /// Its label.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
}

impl Button {
    /// Takes over what no provider tells.
    pub(super) fn keep_what_is_ours(&mut self, known: &Self) {
        match (self, known) {
            (
                Self::QuickReply { payload: payload @ None, .. },
                Self::QuickReply { payload: p, .. },
            ) => {
                payload.clone_from(p);
            }
            (Self::CopyCode { example: example @ None }, Self::CopyCode { example: e }) => {
                example.clone_from(e);
            }
            (_, _) => {}
        }
    }

    /// Its label, where it has one of its own.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        match self {
            Self::QuickReply { text, .. } | Self::Url { text, .. } | Self::Phone { text, .. } => {
                Some(text)
            }
            Self::Otp { text, .. } | Self::Catalog { text } | Self::Other { text, .. } => {
                text.as_deref()
            }
            Self::CopyCode { .. } => None,
        }
    }

    /// The kind as callers write it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::QuickReply { .. } => "quick_reply",
            Self::Url { .. } => "url",
            Self::Phone { .. } => "phone",
            Self::CopyCode { .. } => "copy_code",
            Self::Otp { .. } => "otp",
            Self::Catalog { .. } => "catalog",
            Self::Other { .. } => "other",
        }
    }
}

/// How a one-time password reaches the customer's app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeButton {
    /// The customer copies it.
    #[default]
    CopyCode,
    /// One tap fills it in.
    OneTap,
    /// It is filled in by itself.
    ZeroTap,
}

impl CodeButton {
    /// The way as callers write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CopyCode => "copy_code",
            Self::OneTap => "one_tap",
            Self::ZeroTap => "zero_tap",
        }
    }
}
