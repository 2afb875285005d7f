//! The shapes of what a message may hold, for the document: `message_body` reads them, and names
//! every mistake.
#![expect(dead_code, reason = "they describe bodies and are never made")]

use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Whom a message is for.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum RecipientBody {
    /// A phone in E.164, or a contact's id.
    Text(String),
    /// A customer whose number is not known.
    User(UserIdBody),
}

/// A customer by a business-scoped user id.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserIdBody {
    /// The id.
    #[schema(example = "US.13491208655302741918")]
    user_id: String,
}

/// What to send, by its `type`. What the sender's provider does not take is refused by name.
#[derive(ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ContentBody {
    /// A text.
    Text { text: String },
    /// A picture.
    Image(FileBody),
    /// A film.
    Video(FileBody),
    /// A sound or a voice note.
    Audio(FileBody),
    /// Any other file.
    Document(FileBody),
    /// A sticker.
    Sticker(FileBody),
    /// A place, in degrees north and east.
    Location {
        latitude: NumberOrText,
        longitude: NumberOrText,
        name: Option<String>,
        address: Option<String>,
    },
    /// Contact cards.
    Contacts { contacts: Vec<CardBody> },
    /// Buttons or a list; or the provider's reference of content that was made beforehand.
    Interactive {
        /// The text above the buttons.
        body: Option<String>,
        /// A line above the text.
        header: Option<String>,
        /// A line below it.
        footer: Option<String>,
        /// Up to three buttons; or `list`.
        buttons: Option<Vec<ChoiceBody>>,
        /// A list to choose from; or `buttons`.
        list: Option<MenuBody>,
        /// The provider's reference; nothing else but `variables` is given then.
        provider_ref: Option<String>,
        /// The values of that content's placeholders.
        variables: Option<BTreeMap<String, String>>,
    },
    /// A template.
    Template(TemplateContentBody),
}

/// A template to send.
#[derive(ToSchema)]
pub(crate) struct TemplateContentBody {
    /// Its name.
    name: String,
    /// Its language, where the account has several of this name.
    language: Option<String>,
    /// The values of its placeholders, as a list or by their names.
    variables: Option<VariablesBody>,
    /// The file of its header, where its header is one.
    header: Option<HeaderFileBody>,
}

/// A template that goes out in place of the content.
#[derive(ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum FallbackBody {
    /// A template.
    Template(TemplateContentBody),
}

/// A file: `url` or `media`, one of them.
#[derive(ToSchema)]
pub(crate) struct FileBody {
    /// Where it is.
    url: Option<String>,
    /// The media item that it is stored as.
    media: Option<String>,
    /// The text below it.
    caption: Option<String>,
    /// Its name.
    filename: Option<String>,
    /// Its type.
    content_type: Option<String>,
    /// Its size in bytes.
    bytes: Option<u64>,
}

/// The file of a template's header: `url` or `media`, one of them.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeaderFileBody {
    /// `image`, `video` or `document`.
    #[schema(rename = "type")]
    kind: String,
    /// Where it is.
    url: Option<String>,
    /// The media item that it is stored as.
    media: Option<String>,
    /// Its name.
    filename: Option<String>,
    /// Its type.
    content_type: Option<String>,
    /// Its size in bytes.
    bytes: Option<u64>,
    /// The placeholder that it fills, where the provider has one for it.
    variable: Option<String>,
}

/// A contact card.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CardBody {
    /// The name to show.
    name: String,
    /// Its numbers.
    phones: Option<Vec<String>>,
    /// Its e-mail addresses.
    emails: Option<Vec<String>>,
}

/// A button, or a row of a list.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChoiceBody {
    /// What comes back when the customer taps it.
    id: String,
    /// What it shows.
    title: String,
    /// A second line; rows only.
    description: Option<String>,
}

/// A list to choose from.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MenuBody {
    /// What opens it.
    button: String,
    /// Its parts.
    sections: Vec<SectionBody>,
}

/// A part of a list.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SectionBody {
    /// Its title; may be left out when there is one part only.
    title: Option<String>,
    /// Its rows.
    rows: Vec<ChoiceBody>,
}

/// The values of a template's placeholders.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum VariablesBody {
    /// The first, the second and so on.
    List(Vec<NumberOrText>),
    /// By their names.
    Map(BTreeMap<String, NumberOrText>),
}

/// A number, or a text.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum NumberOrText {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}
