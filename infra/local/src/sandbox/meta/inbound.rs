//! Customers' messages as the body of Meta's webhook.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::sandbox::files::bytes_of;
use crate::sandbox::{PhoneContent, PhoneMedia, PhoneMessage, Referral, address};

/// Values for a body that was composed without a sandbox.
const WABA_ID_UNSET: &str = "102290129340398";
const MEDIA_ID_UNSET: &str = "1003383421387256";
const AT_S_UNSET: i64 = 1_795_168_800;

/// One message with everything that the webhook tells beside it.
#[derive(Debug)]
pub(in crate::sandbox) struct Composed<'a> {
    pub(in crate::sandbox) message: &'a PhoneMessage,
    pub(in crate::sandbox) sid: String,
    pub(in crate::sandbox) at_s: i64,
    pub(in crate::sandbox) waba_id: String,
    pub(in crate::sandbox) phone_number_id: String,
    pub(in crate::sandbox) file: Option<FileTold>,
}

/// What the webhook tells of a file.
#[derive(Debug)]
pub(in crate::sandbox) struct FileTold {
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) url: Option<String>,
}

/// The body of one webhook of Meta that tells of all these messages, up to 1,000 in the true
/// one. They are grouped by business number: the id of a number is the message's `account_sid`
/// or, when that is absent, the digits of `to`. Absent ids and times are filled with fixed ones,
/// so that the same messages always give the same body; to post it, sign its bytes with
/// [`sign_meta`](super::sign_meta).
pub fn meta_batch(messages: &[PhoneMessage]) -> Value {
    let composed: Vec<_> = messages
        .iter()
        .enumerate()
        .map(|(place, message)| Composed {
            message,
            sid: message.sid.clone().unwrap_or_else(|| format!("wamid.{place:06}")),
            at_s: message.at_ms.map_or(AT_S_UNSET, |at_ms| at_ms.div_euclid(1000)),
            waba_id: WABA_ID_UNSET.to_owned(),
            phone_number_id: message.account_sid.clone().unwrap_or_else(|| digits(&message.to)),
            file: message
                .content
                .media()
                .map(|media| FileTold { id: MEDIA_ID_UNSET.to_owned(), url: media.url.clone() }),
        })
        .collect();
    body_of(&composed)
}

/// The body that tells of all these messages: one change for each number, in the order in which
/// the numbers first come.
pub(in crate::sandbox) fn body_of(composed: &[Composed<'_>]) -> Value {
    let mut entries: Vec<Entry> = Vec::new();
    for one in composed {
        let known = entries.iter().position(|entry| entry.phone_number_id == one.phone_number_id);
        let place = known.unwrap_or(entries.len());
        if known.is_none() {
            entries.push(Entry::new(one));
        }
        entries[place].add(one);
    }
    let entries: Vec<_> = entries.into_iter().map(Entry::json).collect();
    json!({"object": "whatsapp_business_account", "entry": entries})
}

/// What is told of one number.
struct Entry {
    waba_id: String,
    phone_number_id: String,
    display_phone_number: String,
    contacts: Vec<Value>,
    messages: Vec<Value>,
}

impl Entry {
    fn new(one: &Composed<'_>) -> Self {
        Self {
            waba_id: one.waba_id.clone(),
            phone_number_id: one.phone_number_id.clone(),
            display_phone_number: digits(&one.message.to),
            contacts: Vec::new(),
            messages: Vec::new(),
        }
    }

    fn add(&mut self, one: &Composed<'_>) {
        let contact = contact(one.message);
        if !self.contacts.contains(&contact) {
            self.contacts.push(contact);
        }
        self.messages.push(message(one));
    }

    fn json(self) -> Value {
        json!({
            "id": self.waba_id,
            "changes": [{
                "value": {
                    "messaging_product": "whatsapp",
                    "metadata": {
                        "display_phone_number": self.display_phone_number,
                        "phone_number_id": self.phone_number_id,
                    },
                    "contacts": self.contacts,
                    "messages": self.messages,
                },
                "field": "messages",
            }],
        })
    }
}

/// The customer's digits and user id. One who hides the phone has no digits to tell.
fn ends(message: &PhoneMessage) -> (Option<String>, Option<String>) {
    let from = address::bare(&message.from);
    match from.strip_prefix('+') {
        Some(digits) => (Some(digits.to_owned()), message.user_id.clone()),
        None => (None, Some(message.user_id.clone().unwrap_or(from))),
    }
}

fn contact(message: &PhoneMessage) -> Value {
    let (wa_id, user_id) = ends(message);
    let mut fields = Map::new();
    fields.insert("profile".to_owned(), json!({"name": message.profile_name}));
    add_if(&mut fields, "wa_id", wa_id);
    add_if(&mut fields, "user_id", user_id);
    Value::Object(fields)
}

fn message(one: &Composed<'_>) -> Value {
    let (from, from_user_id) = ends(one.message);
    let mut fields = Map::new();
    if let Some(context) = context(one.message) {
        fields.insert("context".to_owned(), context);
    }
    add_if(&mut fields, "from", from);
    add_if(&mut fields, "from_user_id", from_user_id);
    fields.insert("id".to_owned(), one.sid.as_str().into());
    fields.insert("timestamp".to_owned(), one.at_s.to_string().into());
    let (kind, content) = content(one);
    fields.insert("type".to_owned(), kind.into());
    fields.insert(kind.to_owned(), content);
    if let Some(referral) = &one.message.referral {
        fields.insert("referral".to_owned(), referral_json(referral));
    }
    Value::Object(fields)
}

fn context(message: &PhoneMessage) -> Option<Value> {
    if let Some(reply_to) = &message.reply_to {
        return Some(json!({"from": digits(&message.to), "id": reply_to}));
    }
    if message.frequently_forwarded {
        return Some(json!({"frequently_forwarded": true}));
    }
    message.forwarded.then(|| json!({"forwarded": true}))
}

fn content(one: &Composed<'_>) -> (&'static str, Value) {
    match &one.message.content {
        PhoneContent::Text { text } => ("text", json!({"body": text})),
        PhoneContent::Image(media) => ("image", file(one, media)),
        PhoneContent::Video(media) => ("video", file(one, media)),
        PhoneContent::Audio(media) => ("audio", with(file(one, media), "voice", true.into())),
        PhoneContent::Document(media) => ("document", document(one, media)),
        PhoneContent::Sticker(media) => {
            ("sticker", with(file(one, media), "animated", false.into()))
        }
        PhoneContent::Contact(media) => ("contacts", contacts(media)),
        PhoneContent::Location { latitude, longitude, label, address } => {
            let mut fields = Map::new();
            fields.insert("latitude".to_owned(), json!(latitude));
            fields.insert("longitude".to_owned(), json!(longitude));
            add_if(&mut fields, "name", label.clone());
            add_if(&mut fields, "address", address.clone());
            ("location", Value::Object(fields))
        }
        PhoneContent::QuickReply { text, payload, template: true } => {
            ("button", json!({"payload": payload, "text": text}))
        }
        PhoneContent::QuickReply { text, payload, template: false } => {
            let reply = json!({"id": payload, "title": text});
            ("interactive", json!({"type": "button_reply", "button_reply": reply}))
        }
        PhoneContent::ListReply { id, title } => {
            let reply = json!({"id": id, "title": title});
            ("interactive", json!({"type": "list_reply", "list_reply": reply}))
        }
    }
}

fn file(one: &Composed<'_>, media: &PhoneMedia) -> Value {
    let usual = one.message.content.usual_content_type();
    let bytes = bytes_of(media).unwrap_or_default();
    let mut fields = Map::new();
    let caption = Some(media.caption.clone()).filter(|caption| !caption.is_empty());
    add_if(&mut fields, "caption", caption);
    let mime_type = media.content_type.as_deref().unwrap_or(usual);
    fields.insert("mime_type".to_owned(), mime_type.into());
    let sha256 = STANDARD.encode(Sha256::digest(&bytes));
    fields.insert("sha256".to_owned(), sha256.into());
    if let Some(told) = &one.file {
        fields.insert("id".to_owned(), told.id.as_str().into());
        add_if(&mut fields, "url", told.url.clone());
    }
    Value::Object(fields)
}

/// WhatsApp's own apps give a document its name as the caption.
fn document(one: &Composed<'_>, media: &PhoneMedia) -> Value {
    let name = if media.caption.is_empty() { "file.pdf" } else { &media.caption };
    with(file(one, media), "filename", name.into())
}

/// Meta reads the card and tells what is on it; here that is the caption as the name.
fn contacts(media: &PhoneMedia) -> Value {
    let name = if media.caption.is_empty() { "Example Contact" } else { &media.caption };
    json!([{
        "name": {"formatted_name": name, "first_name": name},
        "phones": [{"phone": "+91 98000 00000", "wa_id": "919800000000", "type": "CELL"}],
    }])
}

fn referral_json(referral: &Referral) -> Value {
    json!({
        "source_url": referral.source_url,
        "source_id": referral.source_id,
        "source_type": referral.source_type,
        "headline": referral.headline,
        "body": referral.body,
        "ctwa_clid": referral.ctwa_clid,
    })
}

fn with(mut object: Value, key: &str, value: Value) -> Value {
    object[key] = value;
    object
}

fn add_if(fields: &mut Map<String, Value>, key: &str, value: Option<String>) {
    if let Some(value) = value {
        fields.insert(key.to_owned(), value.into());
    }
}

fn digits(phone: &str) -> String {
    address::bare(phone).trim_start_matches('+').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(message: PhoneMessage) -> Value {
        let body = meta_batch(&[message]);
        body["entry"][0]["changes"][0]["value"]["messages"][0].clone()
    }

    fn check(content: PhoneContent, kind: &str, expected: &Value) {
        let message = told(PhoneMessage::new("+919876543210", "+15550783881", content));
        assert_eq!((&message["type"], &message[kind]), (&kind.into(), expected));
        assert_eq!(message["timestamp"], "1795168800");
    }

    #[test]
    fn each_kind_has_its_own_shape() {
        check(PhoneContent::Text { text: "hi".to_owned() }, "text", &json!({"body": "hi"}));
        let tap = |template| PhoneContent::QuickReply {
            text: "Confirm".to_owned(),
            payload: "confirm_42".to_owned(),
            template,
        };
        check(tap(true), "button", &json!({"payload": "confirm_42", "text": "Confirm"}));
        check(
            tap(false),
            "interactive",
            &json!({"type": "button_reply",
                "button_reply": {"id": "confirm_42", "title": "Confirm"}}),
        );
        check(
            PhoneContent::ListReply { id: "crop_wheat".to_owned(), title: "Wheat".to_owned() },
            "interactive",
            &json!({"type": "list_reply", "list_reply": {"id": "crop_wheat", "title": "Wheat"}}),
        );
        check(
            PhoneContent::Location {
                latitude: 12.9716,
                longitude: 77.5946,
                label: Some("Office".to_owned()),
                address: None,
            },
            "location",
            &json!({"latitude": 12.9716, "longitude": 77.5946, "name": "Office"}),
        );
    }

    #[test]
    fn files_are_told_by_id_type_and_hash() {
        let media = PhoneMedia {
            content_base64: Some("bGVhZg==".to_owned()),
            caption: "leaf".to_owned(),
            ..PhoneMedia::default()
        };
        let expected = json!({
            "caption": "leaf",
            "mime_type": "image/jpeg",
            "sha256": STANDARD.encode(Sha256::digest(b"leaf")),
            "id": MEDIA_ID_UNSET,
        });
        check(PhoneContent::Image(media.clone()), "image", &expected);
        let document = with(expected.clone(), "filename", "leaf".into());
        let document = with(document, "mime_type", "application/pdf".into());
        check(PhoneContent::Document(media), "document", &document);
    }

    #[test]
    fn a_hidden_phone_context_and_referral_are_told() {
        let mut message = PhoneMessage::text("US.1349", "+15550783881", "Hi");
        message.reply_to = Some("wamid.OURS".to_owned());
        message.referral = Some(Referral { source_type: "ad".to_owned(), ..Referral::default() });
        let body = meta_batch(&[message]);
        let value = &body["entry"][0]["changes"][0]["value"];
        let message = &value["messages"][0];
        assert_eq!(message.get("from"), None);
        assert_eq!(message["from_user_id"], "US.1349");
        assert_eq!(value["contacts"][0].get("wa_id"), None);
        assert_eq!(message["context"], json!({"from": "15550783881", "id": "wamid.OURS"}));
        assert_eq!(message["referral"]["source_type"], "ad");
    }

    #[test]
    fn a_batch_is_grouped_by_number_and_keeps_its_order() {
        let text = |from: &str, to: &str, text: &str| PhoneMessage::text(from, to, text);
        let body = meta_batch(&[
            text("+919876543210", "+15550783881", "one"),
            text("+919876543210", "+15550783882", "two"),
            text("+919876543210", "+15550783881", "three"),
        ]);
        let entries = body["entry"].as_array().expect("entries");
        assert_eq!(entries.len(), 2);
        let value = &entries[0]["changes"][0]["value"];
        assert_eq!(value["metadata"]["phone_number_id"], "15550783881");
        assert_eq!(value["contacts"].as_array().map(Vec::len), Some(1));
        assert_eq!(value["messages"][1]["text"]["body"], "three");
        assert_ne!(value["messages"][0]["id"], value["messages"][1]["id"]);
    }
}
