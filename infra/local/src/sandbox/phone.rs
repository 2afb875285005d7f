//! What a customer can write.

use serde::{Deserialize, Serialize};

/// The name that WhatsApp tells of a customer who has set none here.
const PROFILE_NAME_DEFAULT: &str = "Test Customer";

/// One message of a customer to a business number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhoneMessage {
    /// The customer: `+919876543210`, or a user id such as `US.1349` when the phone is hidden.
    pub from: String,
    /// The business number: `+14155238886`.
    pub to: String,
    /// What it says.
    #[serde(flatten)]
    pub content: PhoneContent,
    /// The profile name.
    #[serde(default = "default_profile_name")]
    pub profile_name: String,
    /// The business-scoped user id that comes with the message.
    #[serde(default)]
    pub user_id: Option<String>,
    /// The id of the message of ours that it quotes.
    #[serde(default)]
    pub reply_to: Option<String>,
    /// It was forwarded.
    #[serde(default)]
    pub forwarded: bool,
    /// It was forwarded many times.
    #[serde(default)]
    pub frequently_forwarded: bool,
    /// The advertisement that led here.
    #[serde(default)]
    pub referral: Option<Referral>,
    /// The provider's id; made up when absent.
    #[serde(default)]
    pub sid: Option<String>,
    /// The account that owns the business number, at Meta the id of the number; looked up when
    /// absent.
    #[serde(default)]
    pub account_sid: Option<String>,
    /// When the customer wrote, if that is not the instant of sending: the window runs from
    /// here, and Meta tells it in whole seconds.
    #[serde(default)]
    pub at_ms: Option<i64>,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PhoneContent {
    /// Words.
    Text {
        /// The words.
        text: String,
    },
    /// A picture.
    Image(PhoneMedia),
    /// A film.
    Video(PhoneMedia),
    /// A voice note or a sound file.
    Audio(PhoneMedia),
    /// A document; its caption is the name of the file.
    Document(PhoneMedia),
    /// A sticker.
    Sticker(PhoneMedia),
    /// A contact card.
    Contact(PhoneMedia),
    /// A place.
    Location {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
        /// The name of the place.
        #[serde(default)]
        label: Option<String>,
        /// Its address.
        #[serde(default)]
        address: Option<String>,
    },
    /// A tap on a quick-reply button.
    QuickReply {
        /// What the button says.
        text: String,
        /// What the button carries.
        payload: String,
        /// Whether the button stood in a template.
        #[serde(default)]
        template: bool,
    },
    /// A choice from a list.
    ListReply {
        /// The id of the item.
        id: String,
        /// The title of the item.
        title: String,
    },
}

/// A file in a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneMedia {
    /// Its type; the usual one of its kind when absent.
    #[serde(default)]
    pub content_type: Option<String>,
    /// Where it is; when absent the sandbox keeps the file and makes an address for it.
    #[serde(default)]
    pub url: Option<String>,
    /// The file itself in base64; a few bytes of the sandbox's own when absent.
    #[serde(default)]
    pub content_base64: Option<String>,
    /// The caption.
    #[serde(default)]
    pub caption: String,
}

/// The advertisement or post from which a customer came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Referral {
    /// `ad` or `post`.
    pub source_type: String,
    /// Its id at Meta.
    pub source_id: String,
    /// Its address.
    pub source_url: String,
    /// Its headline.
    pub headline: String,
    /// Its text.
    pub body: String,
    /// The click id.
    pub ctwa_clid: String,
}

/// What came of a message of the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PhoneAnswer {
    /// The provider's id of the message.
    pub sid: String,
    /// The HTTP status of our answer to its webhook.
    pub status: u16,
    /// The content type of our answer.
    pub content_type: String,
    /// The body of our answer.
    pub body: String,
    /// What the provider says to the customer because of that answer: it must be nothing.
    pub spoken: Option<String>,
}

impl PhoneMessage {
    /// A message with this content and nothing unusual about it.
    pub fn new(from: &str, to: &str, content: PhoneContent) -> Self {
        Self {
            from: from.to_owned(),
            to: to.to_owned(),
            content,
            profile_name: default_profile_name(),
            user_id: None,
            reply_to: None,
            forwarded: false,
            frequently_forwarded: false,
            referral: None,
            sid: None,
            account_sid: None,
            at_ms: None,
        }
    }

    /// A message of words.
    pub fn text(from: &str, to: &str, text: &str) -> Self {
        let text = text.to_owned();
        Self::new(from, to, PhoneContent::Text { text })
    }
}

impl PhoneContent {
    /// The kind, as the phone page and JSON name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Image(_) => "image",
            Self::Video(_) => "video",
            Self::Audio(_) => "audio",
            Self::Document(_) => "document",
            Self::Sticker(_) => "sticker",
            Self::Contact(_) => "contact",
            Self::Location { .. } => "location",
            Self::QuickReply { .. } => "quick_reply",
            Self::ListReply { .. } => "list_reply",
        }
    }

    /// The file of the message, if it has one.
    pub fn media(&self) -> Option<&PhoneMedia> {
        match self {
            Self::Image(media)
            | Self::Video(media)
            | Self::Audio(media)
            | Self::Document(media)
            | Self::Sticker(media)
            | Self::Contact(media) => Some(media),
            Self::Text { .. }
            | Self::Location { .. }
            | Self::QuickReply { .. }
            | Self::ListReply { .. } => None,
        }
    }

    /// The file of the message, to complete it.
    pub(super) fn media_mut(&mut self) -> Option<&mut PhoneMedia> {
        match self {
            Self::Image(media)
            | Self::Video(media)
            | Self::Audio(media)
            | Self::Document(media)
            | Self::Sticker(media)
            | Self::Contact(media) => Some(media),
            Self::Text { .. }
            | Self::Location { .. }
            | Self::QuickReply { .. }
            | Self::ListReply { .. } => None,
        }
    }

    /// The usual type of a file of this kind.
    pub(super) fn usual_content_type(&self) -> &'static str {
        match self {
            Self::Image(_) => "image/jpeg",
            Self::Video(_) => "video/mp4",
            Self::Audio(_) => "audio/ogg",
            Self::Document(_) => "application/pdf",
            Self::Sticker(_) => "image/webp",
            Self::Contact(_) => "text/vcard",
            Self::Text { .. }
            | Self::Location { .. }
            | Self::QuickReply { .. }
            | Self::ListReply { .. } => "text/plain",
        }
    }

    /// The words that the provider's `Body` carries; a place has none.
    pub(super) fn body(&self) -> String {
        match self {
            Self::Text { text } | Self::QuickReply { text, .. } => text.clone(),
            Self::ListReply { title, .. } => title.clone(),
            Self::Location { .. } => String::new(),
            Self::Image(media)
            | Self::Video(media)
            | Self::Audio(media)
            | Self::Document(media)
            | Self::Sticker(media)
            | Self::Contact(media) => media.caption.clone(),
        }
    }

    /// What the phone shows of it.
    pub(super) fn shown(&self) -> String {
        if let Self::Location { latitude, longitude, label, .. } = self {
            let label = label.as_deref().unwrap_or_default();
            return format!("{label} {latitude}, {longitude}").trim().to_owned();
        }
        self.body()
    }
}

fn default_profile_name() -> String {
    PROFILE_NAME_DEFAULT.to_owned()
}
