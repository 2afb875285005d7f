//! A webhook's meaning: a customer's message, or the status of one of ours.

use super::form::Form;
use super::{address, status};
use crate::{Business, Inbound, Item, Unparsable, Webhook};
use std::collections::BTreeMap;
use transom_core::content::{Content, Media};

/// An advertisement's or post's fields, and the names under which callers read them.
/// `ReferralNumMedia` is not among them: ordinary messages carry it too.
const REFERRAL: &[(&str, &str)] = &[
    ("ReferralSourceType", "source_type"),
    ("ReferralSourceId", "source_id"),
    ("ReferralSourceUrl", "source_url"),
    ("ReferralHeadline", "headline"),
    ("ReferralBody", "body"),
    ("ReferralMediaId", "media_id"),
    ("ReferralMediaContentType", "media_content_type"),
    ("ReferralMediaUrl", "media_url"),
    ("ReferralCtwaClid", "ctwa_clid"),
];

/// Reads a verified webhook; Twilio sends one item in each.
///
/// # Errors
/// [`Unparsable`] when what identifies the message or its parties is missing or malformed, or
/// when the body is larger than any message. A kind of content that nobody knows is no error.
pub fn parse(webhook: &Webhook<'_>) -> Result<Vec<Item>, Unparsable> {
    let form = Form::read(webhook)?;
    let item = match status::name(&form) {
        Some(name) => status::read(&form, name, webhook.query)?,
        None => Item::Message(Box::new(message(&form)?)),
    };
    Ok(vec![item])
}

fn message(form: &Form) -> Result<Inbound, Unparsable> {
    let provider_message_id = crate::json::id(form.need("MessageSid")?);
    let (from, to) = (form.need("From")?, form.need("To")?);
    let user = address::user(from, form.get("ExternalUserId")).ok_or_else(|| {
        Unparsable("`From` is neither a WhatsApp number nor a business-scoped user id".to_owned())
    })?;
    let business =
        address::phone(to).ok_or_else(|| Unparsable("`To` is not a WhatsApp number".to_owned()))?;
    Ok(Inbound {
        business: Business::Phone(business),
        user,
        profile_name: form.owned("ProfileName"),
        provider_message_id,
        // No field of Twilio's tells when the user pressed send.
        sent_at: None,
        got_at: None,
        content: content(form),
        forwarded: form.is_true("Forwarded") || form.is_true("FrequentlyForwarded"),
        reply_to: form.get("OriginalRepliedMessageSid").map(crate::json::id),
        referral: referral(form),
    })
}

fn referral(form: &Form) -> Option<BTreeMap<String, String>> {
    let told: BTreeMap<String, String> = REFERRAL
        .iter()
        .filter_map(|(field, name)| Some(((*name).to_owned(), form.owned(field)?)))
        .collect();
    (!told.is_empty()).then_some(told)
}

/// What the message holds. The fields speak before `MessageType`, whose values Twilio does not
/// document.
fn content(form: &Form) -> Content {
    if form.has("MediaUrl1") {
        // WhatsApp carries one file a message. Should Twilio ever send more, all are kept.
        return unsupported(form, "media_set");
    }
    tapped(form)
        .or_else(|| place(form))
        .or_else(|| file(form))
        .or_else(|| text(form))
        .unwrap_or_else(|| unsupported(form, form.get("MessageType").unwrap_or("unknown")))
}

fn tapped(form: &Form) -> Option<Content> {
    let (text, payload) = (form.get("ButtonText"), form.get("ButtonPayload"));
    if let Some(shown) = text.or(payload) {
        let text = text.or_else(|| form.get("Body")).unwrap_or(shown).to_owned();
        return Some(Content::Button { text, payload: payload.map(str::to_owned) });
    }
    let (id, title) = (form.get("ListId"), form.get("ListTitle"));
    let shown = id.or(title)?;
    Some(Content::List {
        id: shown.to_owned(),
        title: title.or_else(|| form.get("Body")).unwrap_or(shown).to_owned(),
        description: None,
    })
}

fn place(form: &Form) -> Option<Content> {
    Some(Content::Location {
        latitude: form.owned("Latitude")?,
        longitude: form.owned("Longitude")?,
        name: form.owned("Label"),
        address: form.owned("Address"),
    })
}

/// A text, unless `MessageType` says that the words are only a part of something else.
fn text(form: &Form) -> Option<Content> {
    let text = form.owned("Body")?;
    match form.get("MessageType") {
        None | Some("text") => Some(Content::Text { text }),
        // The answer to a template's button without its fields: the words are the button's.
        Some("button") => Some(Content::Button { text, payload: None }),
        Some(_) => None,
    }
}

fn file(form: &Form) -> Option<Content> {
    let media = Media {
        url: Some(form.owned("MediaUrl0")?),
        content_type: form.owned("MediaContentType0"),
        caption: form.owned("Body"),
        ..Media::default()
    };
    let declared = media.content_type.as_deref().unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Some(match form.get("MessageType") {
        Some("sticker") => Content::Sticker(media),
        Some("document") => Content::Document(media),
        Some("contacts") => Content::Contacts { contacts: Vec::new(), file: Some(media) },
        Some("video") => Content::Video(media),
        Some("audio" | "voice") => Content::Audio(media),
        // WhatsApp has no other pictures of this type than stickers.
        _ if essence == "image/webp" => Content::Sticker(media),
        Some("image") => Content::Image(media),
        _ => by_type(&essence, media),
    })
}

/// By the declared type alone.
fn by_type(essence: &str, media: Media) -> Content {
    match essence.split_once('/') {
        Some(("image", _)) => Content::Image(media),
        Some(("video", _)) => Content::Video(media),
        Some(("audio", _)) => Content::Audio(media),
        Some(("text", "vcard" | "x-vcard" | "directory")) => {
            Content::Contacts { contacts: Vec::new(), file: Some(media) }
        }
        Some(_) | None => Content::Document(media),
    }
}

fn unsupported(form: &Form, kind: &str) -> Content {
    Content::Unsupported { kind: crate::json::name(kind), raw: form.content_fields() }
}
