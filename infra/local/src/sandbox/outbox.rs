//! What the pretend providers received: `GET /local/outbox` and the tests read it.

use serde::{Deserialize, Serialize};

/// The kind of a message that a provider took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutboxKind {
    /// Words only.
    Text,
    /// A file by its address, with or without a caption.
    Media,
    /// A place on the map.
    Location,
    /// Content made beforehand: a template, or buttons within the window.
    Template,
}

impl OutboxKind {
    /// The kind, as the phone page and JSON name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Media => "media",
            Self::Location => "location",
            Self::Template => "template",
        }
    }
}

/// One message that a provider took, whether or not its answer ever arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxEntry {
    /// When it arrived, by the process's clock.
    pub at_ms: i64,
    /// The provider's name: `twilio`, `meta` or `gupshup`.
    pub provider: String,
    /// The provider's id of the message: what its answer told.
    pub sid: String,
    /// The business number, E.164.
    pub from: String,
    /// The customer: E.164, or a user id.
    pub to: String,
    /// What it is.
    pub kind: OutboxKind,
    /// The text or caption; empty if there is none.
    pub body: String,
    /// The template or content by its provider's id; at Meta its name.
    pub content_sid: Option<String>,
    /// The values for it, as they stood on the wire.
    pub content_variables: Option<String>,
    /// The addresses of its files.
    pub media_urls: Vec<String>,
    /// Where its statuses are posted, if the send itself says so.
    pub status_callback: Option<String>,
    /// Every decoded pair of the form, in the order of the wire. Of a JSON body the top level:
    /// texts as they are, all else as JSON.
    pub form: Vec<(String, String)>,
}

/// One send that a provider refused in its HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedSend {
    /// When it arrived, by the process's clock.
    pub at_ms: i64,
    /// The provider's name: `twilio`, `meta` or `gupshup`.
    pub provider: String,
    /// The HTTP status of the refusal.
    pub status: u16,
    /// The provider's error code; where its refusals have none, the HTTP status.
    pub code: u32,
    /// Every decoded pair of the form, in the order of the wire. Of a JSON body the top level:
    /// texts as they are, all else as JSON.
    pub form: Vec<(String, String)>,
}
