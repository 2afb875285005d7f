//! Message templates (M51-M70): what a template is, and whether it may be sent.

mod check;
mod definition;
pub mod matching;
pub mod shorthand;
mod variables;

pub use check::check;
pub use definition::{Button, CodeButton, Header, HeaderFile, TemplateKind};
pub use variables::{Place, Slot};

use crate::time::Timestamp;
use crate::told::Told;
use serde::{Deserialize, Serialize};

/// What a template is for (M23, D2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Offers and news.
    Marketing,
    /// Orders, appointments and the like.
    Utility,
    /// One-time passwords.
    Authentication,
}

impl Category {
    /// Every category there is.
    pub const ALL: [Self; 3] = [Self::Marketing, Self::Utility, Self::Authentication];

    /// The category as callers write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Marketing => "marketing",
            Self::Utility => "utility",
            Self::Authentication => "authentication",
        }
    }

    /// Reads a category.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.as_str() == text)
    }

    /// A word on the category at this instant.
    #[must_use]
    pub fn told(self, at: Timestamp) -> Told {
        Told::new(at, 0, self.as_str(), None)
    }
}

/// Whether a template may be sent. Only `approved` may (M51, F10).
///
/// These are the states that some provider documents; `wire` maps each provider's words to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum TemplateStatus {
    /// Not sent in for approval.
    Unsubmitted,
    /// Waiting for WhatsApp's answer.
    Pending,
    /// May be sent.
    Approved,
    /// Refused by WhatsApp.
    Rejected,
    /// Paused by WhatsApp for its quality.
    Paused,
    /// Disabled by WhatsApp.
    Disabled,
    /// Refused or stopped, and appealed against.
    InAppeal,
    /// Told by WhatsApp to be at risk for what its readers say.
    Flagged,
    /// Locked: it cannot be changed.
    Locked,
    /// Put aside.
    Archived,
    /// About to be deleted.
    PendingDeletion,
    /// Deleted at the provider.
    Deleted,
    /// Not taken, because the account has as many templates as it may.
    LimitExceeded,
    /// The provider's list does not hold it any more.
    Unlisted,
    /// A state that this build does not know: visible, and never taken for approved.
    Unknown(String),
}

impl TemplateStatus {
    /// Every state that has a name here.
    pub const NAMED: [Self; 14] = [
        Self::Unsubmitted,
        Self::Pending,
        Self::Approved,
        Self::Rejected,
        Self::Paused,
        Self::Disabled,
        Self::InAppeal,
        Self::Flagged,
        Self::Locked,
        Self::Archived,
        Self::PendingDeletion,
        Self::Deleted,
        Self::LimitExceeded,
        Self::Unlisted,
    ];

    /// A word on the state at this instant: of two of one instant, `approved` gives way.
    #[must_use]
    pub fn told(&self, at: Timestamp, reason: Option<&str>) -> Told {
        Told::new(at, u8::from(*self != Self::Approved), self.as_str(), reason)
    }

    /// The state as callers read it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unsubmitted => "unsubmitted",
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
            Self::InAppeal => "in_appeal",
            Self::Flagged => "flagged",
            Self::Locked => "locked",
            Self::Archived => "archived",
            Self::PendingDeletion => "pending_deletion",
            Self::Deleted => "deleted",
            Self::LimitExceeded => "limit_exceeded",
            Self::Unlisted => "unlisted",
            Self::Unknown(text) => text,
        }
    }
}

impl From<String> for TemplateStatus {
    fn from(text: String) -> Self {
        let named = Self::NAMED.into_iter().find(|status| status.as_str() == text);
        match named {
            Some(status) => status,
            // Twilio's word for what it has handed in.
            None if text == "received" => Self::Pending,
            None => Self::Unknown(text),
        }
    }
}

impl From<TemplateStatus> for String {
    fn from(status: TemplateStatus) -> String {
        status.as_str().to_owned()
    }
}

/// A template's definition in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// Its language, as the provider writes it (`en`, `pt_BR`).
    pub language: String,
    /// What it is for.
    pub category: Category,
    /// Whether it may be sent.
    pub status: TemplateStatus,
    /// Its text, with placeholders such as `{{1}}` or `{{name}}`.
    pub body: String,
    /// What stands above the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Header>,
    /// A small line below the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footer: Option<String>,
    /// What the customer can tap, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<Button>,
    /// What kind of template it is.
    #[serde(default, skip_serializing_if = "TemplateKind::is_text")]
    pub kind: TemplateKind,
    /// The provider's own reference: Twilio's `HX…`, Gupshup's or Meta's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_ref: Option<String>,
    /// What WhatsApp says of its quality, as it says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<String>,
    /// Why it is in its state, where the provider tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A word on a template's quality: of two of one instant, the worse one.
#[must_use]
pub fn quality_told(word: &str, at: Timestamp) -> Told {
    let word = word.to_ascii_lowercase();
    let caution = match word.as_str() {
        "green" | "high" => 0,
        "unknown" => 1,
        "yellow" | "medium" => 2,
        _ => 3,
    };
    Told::new(at, caution, &word, None)
}

impl Template {
    /// A template of a text alone, which nobody has approved.
    #[must_use]
    pub fn new(name: &str, language: &str, category: Category, body: &str) -> Self {
        Self {
            name: name.to_owned(),
            language: language.to_owned(),
            category,
            status: TemplateStatus::Unsubmitted,
            body: body.to_owned(),
            header: None,
            footer: None,
            buttons: Vec::new(),
            kind: TemplateKind::Text,
            provider_ref: None,
            quality: None,
            reason: None,
        }
    }

    /// Takes over what no provider tells: where a header's file comes from, and what a tap brings
    /// back.
    pub fn keep_what_is_ours(&mut self, known: &Self) {
        let theirs = self.header.as_ref().and_then(Header::file_kind);
        let ours = known.header.as_ref().and_then(Header::file_kind);
        if theirs.is_some() && theirs == ours && self.file() == Some(&HeaderFile::default()) {
            self.header.clone_from(&known.header);
        }
        if self.buttons.len() == known.buttons.len() {
            for (button, known) in self.buttons.iter_mut().zip(&known.buttons) {
                button.keep_what_is_ours(known);
            }
        }
        if self.provider_ref.is_none() {
            self.provider_ref.clone_from(&known.provider_ref);
        }
    }

    /// The kind that its parts make it.
    #[must_use]
    pub fn kind_of_parts(&self) -> TemplateKind {
        let has = |kind: &str| self.buttons.iter().any(|button| button.kind() == kind);
        if has("otp") {
            TemplateKind::Authentication
        } else if has("catalog") {
            TemplateKind::Catalog
        } else if self.file().is_some() {
            TemplateKind::Media
        } else {
            TemplateKind::Text
        }
    }

    /// The file of its header, where its header is one.
    #[must_use]
    pub const fn file(&self) -> Option<&HeaderFile> {
        match &self.header {
            Some(Header::Image(file) | Header::Video(file) | Header::Document(file)) => Some(file),
            Some(Header::Text { .. }) | None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m51_f10_an_unknown_state_is_visible_and_never_approved() {
        let status = TemplateStatus::from("reviewed_twice".to_owned());
        assert_eq!(status.as_str(), "reviewed_twice");
        assert_ne!(status, TemplateStatus::Approved);
    }

    #[test]
    fn every_named_state_reads_back() {
        for status in TemplateStatus::NAMED {
            assert_eq!(TemplateStatus::from(status.as_str().to_owned()), status);
        }
        assert_eq!(TemplateStatus::from("received".to_owned()), TemplateStatus::Pending);
    }
}
