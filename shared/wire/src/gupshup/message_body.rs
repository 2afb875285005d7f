//! The `message` of a send that is neither a text nor a template: files, places, contact cards,
//! quick replies and lists. Structs and not maps, so that their fields always stand in one order.

use crate::{Outbound, Unrenderable};
use serde::Serialize;
use transom_core::content::{ContactCard, Content, Media, TemplateUse};
use transom_core::interactive::{Choice, Interactive, Menu};
use transom_core::media::MediaKind;

/// A message by its type.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub(super) enum Message<'a> {
    Image {
        original_url: &'a str,
        preview_url: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        caption: Option<&'a str>,
    },
    Video(File<'a>),
    Audio(File<'a>),
    File(File<'a>),
    Sticker(File<'a>),
    Location {
        longitude: f64,
        latitude: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<&'a str>,
    },
    Contact {
        contact: Card<'a>,
    },
    QuickReply {
        msgid: String,
        content: Words<'a>,
        options: Vec<Reply<'a>>,
    },
    List {
        title: &'a str,
        body: &'a str,
        footer: &'a str,
        msgid: String,
        global_buttons: [Opener<'a>; 1],
        items: Vec<Item<'a>>,
    },
}

#[derive(Debug, Serialize)]
pub(super) struct File<'a> {
    url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    caption: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(super) struct Card<'a> {
    name: Name<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    phones: Vec<Number<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    emails: Vec<Address<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Name<'a> {
    first_name: &'a str,
    formatted_name: &'a str,
}

#[derive(Debug, Serialize)]
struct Number<'a> {
    phone: &'a str,
    r#type: &'static str,
}

#[derive(Debug, Serialize)]
struct Address<'a> {
    email: &'a str,
    r#type: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Words<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<&'a str>,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    caption: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply<'a> {
    r#type: &'static str,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    postback_text: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct Opener<'a> {
    r#type: &'static str,
    title: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct Item<'a> {
    title: &'a str,
    subtitle: &'static str,
    options: Vec<Reply<'a>>,
}

/// The file of a template's header, which stands in Meta's shape.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Header<'a> {
    Image { image: Link<'a> },
    Video { video: Link<'a> },
    Document { document: Link<'a> },
}

#[derive(Debug, Serialize)]
pub(super) struct Link<'a> {
    link: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
}

/// Writes `content`.
pub(super) fn of<'a>(
    content: &'a Content,
    outbound: &'a Outbound<'_>,
) -> Result<Message<'a>, Unrenderable> {
    let file = |media: &'a Media| {
        outbound.link().map(|url| File {
            url,
            filename: media.filename.as_deref(),
            caption: media.caption(),
        })
    };
    Ok(match content {
        Content::Image(media) => {
            let url = outbound.link()?;
            Message::Image { original_url: url, preview_url: url, caption: media.caption() }
        }
        Content::Video(media) => Message::Video(file(media)?),
        Content::Audio(media) => Message::Audio(file(media)?),
        Content::Document(media) => Message::File(file(media)?),
        Content::Sticker(media) => Message::Sticker(file(media)?),
        Content::Location { latitude, longitude, name, address } => Message::Location {
            longitude: degrees(longitude)?,
            latitude: degrees(latitude)?,
            name: name.as_deref(),
            address: address.as_deref(),
        },
        Content::Contacts { contacts, .. } => match contacts.as_slice() {
            [one] => Message::Contact { contact: card(one) },
            _ => return refused("gupshup sends one contact card in a message"),
        },
        Content::Interactive(content) => match &content.list {
            Some(menu) => list(content, menu, outbound),
            None => quick_replies(content, outbound),
        },
        Content::Text { .. }
        | Content::Template(_)
        | Content::Button { .. }
        | Content::List { .. }
        | Content::Reaction { .. }
        | Content::Edit { .. }
        | Content::Deletion
        | Content::Unsupported { .. } => return refused("this kind is not sent through gupshup"),
    })
}

fn refused<T>(why: &str) -> Result<T, Unrenderable> {
    Err(Unrenderable(why.to_owned()))
}

fn degrees(text: &str) -> Result<f64, Unrenderable> {
    let read = text.parse::<f64>().ok().filter(|degrees| degrees.is_finite());
    read.ok_or_else(|| Unrenderable("a place's degrees are not a number".to_owned()))
}

fn card(card: &ContactCard) -> Card<'_> {
    let phones = card.phones.iter().map(|phone| Number { phone, r#type: "CELL" });
    let emails = card.emails.iter().map(|email| Address { email, r#type: "WORK" });
    Card {
        name: Name { first_name: &card.name, formatted_name: &card.name },
        phones: phones.collect(),
        emails: emails.collect(),
    }
}

fn reply(choice: &Choice) -> Reply<'_> {
    Reply {
        r#type: "text",
        title: &choice.title,
        description: choice.description.as_deref(),
        postback_text: &choice.id,
    }
}

fn quick_replies<'a>(content: &'a Interactive, outbound: &Outbound<'_>) -> Message<'a> {
    Message::QuickReply {
        msgid: outbound.reference.to_string(),
        content: Words {
            r#type: "text",
            header: content.header.as_deref(),
            text: &content.body,
            caption: content.footer.as_deref(),
        },
        options: content.buttons.iter().map(reply).collect(),
    }
}

fn list<'a>(content: &'a Interactive, menu: &'a Menu, outbound: &Outbound<'_>) -> Message<'a> {
    let items = menu.sections.iter().map(|section| Item {
        title: &section.title,
        subtitle: "",
        options: section.rows.iter().map(reply).collect(),
    });
    Message::List {
        title: content.header.as_deref().unwrap_or_default(),
        body: &content.body,
        footer: content.footer.as_deref().unwrap_or_default(),
        msgid: outbound.reference.to_string(),
        global_buttons: [Opener { r#type: "text", title: &menu.button }],
        items: items.collect(),
    }
}

/// Writes the file of a template's header: the message's, or the template's own.
pub(super) fn in_header<'a>(
    used: &'a TemplateUse,
    outbound: &Outbound<'a>,
) -> Result<Option<Header<'a>>, Unrenderable> {
    let template = outbound.template;
    let own = template.and_then(|template| template.file()?.url.as_deref());
    let kind = template.and_then(|template| template.header.as_ref()?.file_kind());
    let (kind, link, filename) = match (&used.header, kind.zip(own)) {
        (Some(header), _) => (header.kind, link(outbound)?, header.media.filename.as_deref()),
        (None, Some((kind, link))) => (kind, link, None),
        (None, None) => return Ok(None),
    };
    Ok(Some(match kind {
        MediaKind::Image => Header::Image { image: Link { link, filename: None } },
        MediaKind::Video => Header::Video { video: Link { link, filename: None } },
        MediaKind::Document => Header::Document { document: Link { link, filename } },
        MediaKind::Audio | MediaKind::Sticker => {
            return refused("a template's header is an image, a video or a document");
        }
    }))
}

fn link<'a>(outbound: &Outbound<'a>) -> Result<&'a str, Unrenderable> {
    outbound.link.ok_or_else(|| Unrenderable("the message's file has no address".to_owned()))
}
