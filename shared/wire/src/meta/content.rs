//! What a message holds.

use super::json;
use serde_json::Value;
use std::collections::BTreeMap;
use transom_core::content::{ContactCard, Content, Media};

/// The most cards of one message that are read, and the most numbers or addresses of a card.
/// WhatsApp sends up to 257 cards.
const CARDS_MAX: usize = 300;

/// Kinds that a message without a `type` is taken for when it has a field of that name.
const KINDS: &[&str] = &[
    "text",
    "image",
    "video",
    "audio",
    "voice",
    "document",
    "sticker",
    "location",
    "contacts",
    "button",
    "interactive",
    "reaction",
    "order",
    "system",
];

/// Fields that say who, where and how, but nothing of what was said; they have their own
/// places, and copies of them must not outlive an erasure there.
const ENVELOPE: &[&str] = &[
    "context",
    "from",
    "from_parent_user_id",
    "from_user_id",
    "group_id",
    "id",
    "referral",
    "timestamp",
    "type",
];

/// The kind of a message, as Meta calls it.
pub(super) fn kind(message: &Value) -> &str {
    json::text(message, "type")
        .or_else(|| KINDS.iter().copied().find(|kind| message.get(*kind).is_some()))
        .unwrap_or("unknown")
}

/// What the message holds. A kind that is not understood, or not of its usual form, keeps its
/// fields.
pub(super) fn content(message: &Value, kind: &str) -> Content {
    let body = message.get(kind).unwrap_or(&Value::Null);
    understood(body, kind).unwrap_or_else(|| {
        let (kind, raw) = fields(message, body, kind);
        Content::Unsupported { kind, raw }
    })
}

fn understood(body: &Value, kind: &str) -> Option<Content> {
    match kind {
        "text" => Some(Content::Text { text: json::owned(body, "body")? }),
        "image" => media(body).map(Content::Image),
        "video" => media(body).map(Content::Video),
        // `voice` is what the on-premises API called a voice note.
        "audio" | "voice" => media(body).map(Content::Audio),
        "document" => media(body).map(Content::Document),
        "sticker" => media(body).map(Content::Sticker),
        "location" => location(body),
        "contacts" => contacts(body),
        "button" => button(body, "text", "payload"),
        "interactive" => interactive(body),
        // Of what it changes nothing else is known than its id, without which it changes nothing.
        "reaction" | "edit" | "revoke" if changed(body).is_none() => None,
        "reaction" => Some(Content::Reaction { emoji: json::owned(body, "emoji") }),
        "edit" => edited(body).map(|text| Content::Edit { text }),
        "revoke" => Some(Content::Deletion),
        _ => None,
    }
}

/// Meta's id of the message that a reaction, a correction or a deletion changes.
pub(super) fn changed(body: &Value) -> Option<&str> {
    json::text(body, "message_id").or_else(|| json::text(body, "original_message_id"))
}

/// What a corrected message says now. A file cannot be exchanged, only what is written beside it.
fn edited(body: &Value) -> Option<String> {
    let message = body.get("message")?;
    let held = message.get(kind(message))?;
    json::owned(held, "body").or_else(|| json::owned(held, "caption"))
}

/// Meta keeps a file under an id; the address beside it lives minutes, and newer versions only
/// give it.
fn media(body: &Value) -> Option<Media> {
    let (id, url) = (json::scalar(body, "id"), json::owned(body, "url"));
    if id.is_none() && url.is_none() {
        return None;
    }
    Some(Media {
        provider_media_id: id,
        url,
        content_type: json::owned(body, "mime_type"),
        filename: json::owned(body, "filename"),
        bytes: body.get("file_size").and_then(Value::as_u64),
        caption: json::owned(body, "caption"),
        ..Media::default()
    })
}

fn location(body: &Value) -> Option<Content> {
    Some(Content::Location {
        latitude: json::scalar(body, "latitude")?,
        longitude: json::scalar(body, "longitude")?,
        name: json::owned(body, "name"),
        address: json::owned(body, "address"),
    })
}

fn contacts(body: &Value) -> Option<Content> {
    let cards = body.as_array()?.iter().take(CARDS_MAX).map(card);
    let contacts = cards.collect::<Option<Vec<_>>>().filter(|cards| !cards.is_empty())?;
    Some(Content::Contacts { contacts, file: None })
}

fn card(card: &Value) -> Option<ContactCard> {
    let name = card.get("name").unwrap_or(&Value::Null);
    let part = |key| json::text(name, key);
    let parts = [part("first_name"), part("middle_name"), part("last_name")];
    let told = ContactCard {
        name: part("formatted_name").map_or_else(
            || parts.into_iter().flatten().collect::<Vec<_>>().join(" "),
            str::to_owned,
        ),
        phones: listed(card, "phones", &["phone", "wa_id"]),
        emails: listed(card, "emails", &["email"]),
    };
    Some(told).filter(|told| *told != ContactCard::default())
}

/// The first of `keys` that each element of the list has.
fn listed(card: &Value, list: &str, keys: &[&str]) -> Vec<String> {
    json::elements(card, list)
        .iter()
        .take(CARDS_MAX)
        .filter_map(|element| keys.iter().find_map(|key| json::owned(element, key)))
        .collect()
}

fn interactive(body: &Value) -> Option<Content> {
    match json::text(body, "type")? {
        "button_reply" => button(body.get("button_reply")?, "title", "id"),
        "list_reply" => {
            let reply = body.get("list_reply")?;
            let (id, title) = (json::owned(reply, "id"), json::owned(reply, "title"));
            Some(Content::List {
                title: title.clone().or_else(|| id.clone())?,
                id: id.or(title)?,
                description: json::owned(reply, "description"),
            })
        }
        _ => None,
    }
}

fn button(body: &Value, text: &str, payload: &str) -> Option<Content> {
    let (text, payload) = (json::owned(body, text), json::owned(body, payload));
    Some(Content::Button { text: text.or_else(|| payload.clone())?, payload })
}

/// A message without an id: its fields, and what it lacks. A notice stays one: it opens no window.
pub(super) fn without_id(message: &Value, kind: &str) -> Content {
    let body = message.get(kind).unwrap_or(&Value::Null);
    let (kind, raw) = fields(message, body, kind);
    let kind = if kind == "system" { kind } else { format!("message:{kind}:without_id") };
    Content::Unsupported { kind, raw }
}

/// The kind's own fields stand under their own names, the others (`errors`) under theirs.
fn fields(message: &Value, body: &Value, kind: &str) -> (String, BTreeMap<String, String>) {
    let mut raw = json::Flat::default();
    if body.is_object() && !ENVELOPE.contains(&kind) {
        raw.add("", body);
    }
    for (name, value) in message.as_object().into_iter().flatten() {
        let is_told = ENVELOPE.contains(&name.as_str()) || (name == kind && value.is_object());
        if !is_told {
            raw.add(name, value);
        }
    }
    let kind = match (kind, json::text(body, "type")) {
        ("interactive", Some(detail)) => json::name(&format!("{kind}:{detail}")),
        _ => json::name(kind),
    };
    (kind, raw.into_fields())
}
