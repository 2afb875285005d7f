//! What a message of version 2 holds.

use super::json;
use serde_json::Value;
use transom_core::content::{ContactCard, Content, Media};

/// The most cards of one message, and numbers or addresses of one card, that are kept.
const CARDS_MAX: usize = 100;

/// Reads the content `held` under the message's `kind`. What a known kind lacks makes it an
/// unknown one, so that nothing is lost.
pub(super) fn read(kind: Option<&str>, held: &Value) -> Content {
    let inner = json::text(held, "type");
    let kind = kind.or(inner.as_deref());
    known(kind, inner.as_deref(), held).unwrap_or_else(|| Content::Unsupported {
        kind: json::name(kind.unwrap_or("unknown")),
        raw: json::raw(held),
    })
}

/// A message without an id: its fields, and what it lacks.
pub(super) fn without_id(kind: Option<&str>, held: &Value) -> Content {
    let inner = json::text(held, "type");
    let kind = json::name(kind.or(inner.as_deref()).unwrap_or("unknown"));
    Content::Unsupported { kind: format!("message:{kind}:without_id"), raw: json::raw(held) }
}

fn known(kind: Option<&str>, inner: Option<&str>, held: &Value) -> Option<Content> {
    match kind? {
        // The tap on a template's button has one kind on one page and the other on another;
        // its inner type is what tells.
        "text" | "quick_reply" if inner == Some("button") => button(held, "text"),
        "quick_reply" | "button" => button(held, "text"),
        "button_reply" => button(held, "title"),
        "list_reply" => list(held),
        "text" => json::text(held, "text").map(|text| Content::Text { text }),
        "image" => media(held).map(Content::Image),
        "video" => media(held).map(Content::Video),
        // Nothing tells a voice note from an audio file.
        "audio" | "voice" => media(held).map(Content::Audio),
        "file" | "document" => media(held).map(Content::Document),
        "sticker" => media(held).map(Content::Sticker),
        "location" => location(held),
        "contact" | "contacts" => contacts(held),
        _ => None,
    }
}

/// `reply` is the title with the button's number behind it, and `id` the message's: neither was
/// attached to the button by the business.
fn button(held: &Value, title: &str) -> Option<Content> {
    Some(Content::Button {
        text: json::text(held, title).or_else(|| json::text(held, "reply"))?,
        payload: json::text(held, "postbackText"),
    })
}

/// An item that was sent without a `postbackText` is told by its title and number.
fn list(held: &Value) -> Option<Content> {
    let title = json::first_text(held, &["title", "reply"])?;
    Some(Content::List {
        id: json::first_text(held, &["postbackText", "reply"]).unwrap_or_else(|| title.clone()),
        title,
        description: json::text(held, "description"),
    })
}

fn media(held: &Value) -> Option<Media> {
    Some(Media {
        url: Some(json::text(held, "url")?),
        content_type: json::text(held, "contentType"),
        filename: json::first_text(held, &["name", "filename"]),
        caption: json::text(held, "caption"),
        kept_until: json::instant(held, "urlExpiry"),
        ..Media::default()
    })
}

fn location(held: &Value) -> Option<Content> {
    Some(Content::Location {
        latitude: json::text(held, "latitude")?,
        longitude: json::text(held, "longitude")?,
        name: json::text(held, "name"),
        address: json::text(held, "address"),
    })
}

fn contacts(held: &Value) -> Option<Content> {
    let cards = json::elements(held, "contacts");
    let contacts: Vec<ContactCard> = cards.iter().take(CARDS_MAX).map(card).collect();
    (!contacts.is_empty()).then_some(Content::Contacts { contacts, file: None })
}

fn card(card: &Value) -> ContactCard {
    let texts = |list: &str, name: &str| -> Vec<String> {
        json::elements(card, list)
            .iter()
            .take(CARDS_MAX)
            .filter_map(|entry| json::text(entry, name))
            .collect()
    };
    ContactCard {
        name: card.get("name").and_then(name).unwrap_or_default(),
        phones: texts("phones", "phone"),
        emails: texts("emails", "email"),
    }
}

fn name(name: &Value) -> Option<String> {
    let whole = json::first_text(name, &["formatted_name", "formattedName"]);
    whole.or_else(|| {
        let parts: Vec<String> = ["first_name", "middle_name", "last_name"]
            .iter()
            .filter_map(|part| json::text(name, part))
            .collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    })
}
