//! The shapes of `core`'s values, for the document of the API: `core` knows no documentation.
//! Every answer of the scenarios is held against them, so that they cannot differ.
#![expect(dead_code, reason = "they describe values and are never made")]

use super::words::ProviderWord;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What a message holds, by its `type`.
#[derive(ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ContentView {
    /// A text.
    Text { text: String },
    /// A picture.
    Image(FileView),
    /// A film.
    Video(FileView),
    /// A sound or a voice note.
    Audio(FileView),
    /// Any other file.
    Document(FileView),
    /// A sticker.
    Sticker(FileView),
    /// A place, in degrees north and east.
    Location { latitude: String, longitude: String, name: Option<String>, address: Option<String> },
    /// Contact cards, as data or as a vCard file.
    Contacts { contacts: Vec<CardView>, file: Option<FileView> },
    /// A tap on a quick-reply button.
    Button { text: String, payload: Option<String> },
    /// A choice from a list.
    List { id: String, title: String, description: Option<String> },
    /// A reaction to the message that it answers; without `emoji` it was taken back.
    Reaction { emoji: Option<String> },
    /// A correction of the message that it answers.
    Edit { text: String },
    /// The message that it answers was deleted for everyone.
    Deletion,
    /// Buttons or a list.
    Interactive {
        /// The text above the buttons.
        body: Option<String>,
        /// A line above the text.
        header: Option<String>,
        /// A line below it.
        footer: Option<String>,
        /// The buttons; or `list`.
        buttons: Option<Vec<ChoiceView>>,
        /// The list; or `buttons`.
        list: Option<MenuView>,
        /// The provider's reference of content that was made beforehand.
        provider_ref: Option<String>,
        /// The values of that content's placeholders.
        variables: Option<BTreeMap<String, String>>,
    },
    /// A template.
    Template {
        /// Its name.
        name: String,
        /// Its language.
        language: Option<String>,
        /// The values of its placeholders.
        variables: BTreeMap<String, String>,
        /// The file of its header.
        header: Option<HeaderFileUseView>,
    },
    /// A kind that this build does not send or understand.
    Unsupported {
        /// What the provider or the caller calls it.
        kind: String,
        /// Its fields, as far as they are kept.
        raw: Option<BTreeMap<String, String>>,
    },
}

/// A file that belongs to a message.
#[derive(ToSchema)]
pub(crate) struct FileView {
    /// The media item that it is kept as.
    media: Option<String>,
    /// Where the provider, or the caller, keeps it.
    url: Option<String>,
    /// The provider's own id of it.
    provider_media_id: Option<String>,
    /// The declared type.
    content_type: Option<String>,
    /// Its name.
    filename: Option<String>,
    /// The declared size in bytes.
    bytes: Option<u64>,
    /// The caption.
    caption: Option<String>,
    /// Whether the picture moves.
    animated: Option<bool>,
    /// Until when the provider keeps it.
    kept_until: Option<String>,
}

/// The file of a template's header, as a message brings it.
#[derive(ToSchema)]
pub(crate) struct HeaderFileUseView {
    /// `image`, `video` or `document`.
    #[schema(rename = "type")]
    kind: String,
    /// The media item that it is kept as.
    media: Option<String>,
    /// Where it is.
    url: Option<String>,
    /// The declared type.
    content_type: Option<String>,
    /// Its name.
    filename: Option<String>,
    /// The declared size in bytes.
    bytes: Option<u64>,
    /// Whether the picture moves.
    animated: Option<bool>,
    /// The placeholder that it fills, where the provider has one for it.
    variable: Option<String>,
}

/// A contact card.
#[derive(ToSchema)]
pub(crate) struct CardView {
    /// The name to show.
    name: String,
    /// Its numbers, as written on the card.
    phones: Option<Vec<String>>,
    /// Its e-mail addresses.
    emails: Option<Vec<String>>,
}

/// A button, or a row of a list.
#[derive(ToSchema)]
pub(crate) struct ChoiceView {
    /// What comes back when the customer taps it.
    id: String,
    /// What it shows.
    title: String,
    /// A second line; rows only.
    description: Option<String>,
}

/// A list to choose from.
#[derive(ToSchema)]
pub(crate) struct MenuView {
    /// What opens it.
    button: String,
    /// Its parts.
    sections: Vec<SectionView>,
}

/// A part of a list.
#[derive(ToSchema)]
pub(crate) struct SectionView {
    /// Its title.
    title: Option<String>,
    /// Its rows.
    rows: Vec<ChoiceView>,
}

/// What stands above a template's text.
#[derive(ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum HeaderView {
    /// A line, with at most one placeholder.
    Text { text: String },
    /// A picture.
    Image(HeaderFileView),
    /// A film.
    Video(HeaderFileView),
    /// Any other file.
    Document(HeaderFileView),
}

/// The same, where a line alone is a header of text.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum HeaderBody {
    /// A line.
    Line(String),
    /// A header.
    Header(HeaderView),
}

/// The file of a template's header.
#[derive(ToSchema)]
pub(crate) struct HeaderFileView {
    /// Sent where a message brings no file of its own.
    url: Option<String>,
    /// The placeholder that it fills, where the provider has one for it.
    variable: Option<String>,
    /// What the provider is shown with a request for approval.
    example: Option<String>,
}

/// What a customer can tap below a template.
#[derive(ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ButtonView {
    /// An answer; `payload` comes back with the tap.
    QuickReply { text: String, payload: Option<String> },
    /// A page; a placeholder may end its address.
    Url { text: String, url: String },
    /// A call.
    Phone { text: String, phone: String },
    /// Copies a coupon's code, which each message brings as the variable `code`.
    CopyCode { example: Option<String> },
    /// Hands on a one-time password: `copy_code` (the default), `one_tap` or `zero_tap`.
    Otp { otp: Option<String>, text: Option<String> },
    /// Opens the business's catalogue.
    Catalog { text: Option<String> },
    /// A button that this build does not know.
    Other { kind: String, text: Option<String> },
}

/// How many messages agents may send.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentLimitsView {
    /// To one customer in 24 hours or until he answers: 1 to 100.
    #[schema(example = 10)]
    per_user_24h: Option<u32>,
    /// Of one agent in 30 days.
    #[schema(example = 100_000)]
    per_agent_30d: Option<u32>,
}

/// What an account changes of its provider's profile; absent fields stay the provider's.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileView {
    /// Begin with that one's limits.
    base: Option<ProviderWord>,
    /// The longest text.
    text_max: Option<u32>,
    /// What it counts: `utf16` or `code_points`.
    text_unit: Option<String>,
    /// The longest caption.
    caption_max: Option<u32>,
    /// What of a text's formatting the customer sees: `full` or `new_lines`.
    formatting: Option<String>,
    /// Whether previews of links are asked for.
    link_preview: Option<bool>,
    /// What its senders' numbers must begin with.
    sender_prefixes: Option<Vec<String>>,
    /// The kinds that are sent, all of them.
    sends: Option<Vec<String>>,
    /// Whether a template's header may be a file.
    template_media: Option<bool>,
    /// What is taken as `image`, `video`, `audio`, `document` and `sticker`.
    media: Option<BTreeMap<String, MediaProfileView>>,
}

/// What an account changes of one kind of file.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MediaProfileView {
    /// The allowed types, all of them.
    types: Option<Vec<String>>,
    /// The largest size, in bytes.
    max_bytes: Option<u64>,
    /// Whether it may have a caption.
    caption: Option<bool>,
    /// Whether it may have a name.
    filename: Option<bool>,
}
