//! A webhook's meaning: which version it is, and which kind.

use super::{event, json, message, v3};
use crate::{Item, Unparsable, Webhook};
use serde_json::{Map, Value};

/// The largest webhook that is read, in bytes: Meta's limit, which version 3 passes on.
const BODY_BYTES_MAX: usize = 3 << 20;
/// The longest name of an unknown kind that is kept, in characters.
const KIND_CHARS_MAX: usize = 64;

/// Reads a verified webhook.
///
/// # Errors
/// [`Unparsable`] when it is no JSON object, or when what identifies a message or its parties
/// is missing or malformed. A kind that nobody knows is no error.
pub fn parse(webhook: &Webhook<'_>) -> Result<Vec<Item>, Unparsable> {
    let envelope = read(webhook.body)?;
    if v3::is_envelope(&envelope) {
        return v3::read(&envelope);
    }
    match json::text(&envelope, "type").as_deref() {
        Some("message") => one_message(&envelope),
        Some("message-event") => Ok(vec![event::read(&envelope)?]),
        Some(kind) => Ok(vec![other(kind, detail(&envelope).as_deref())]),
        // The bot callbacks of old name no kind; they are messages.
        None if message::is_named(&envelope) => one_message(&envelope),
        None => Err(Unparsable("`type` is missing".to_owned())),
    }
}

fn one_message(envelope: &Value) -> Result<Vec<Item>, Unparsable> {
    Ok(vec![Item::Message(Box::new(message::read(envelope)?))])
}

/// What kind of event it is, inside its kind: `opted-out` of a `user-event`.
fn detail(envelope: &Value) -> Option<String> {
    json::text(&*json::object(envelope, "payload")?, "type")
}

/// An event that is kept by name.
pub(super) fn other(kind: &str, detail: Option<&str>) -> Item {
    let cut = |text: &str| text.chars().take(KIND_CHARS_MAX).collect::<String>();
    Item::Other {
        kind: match detail {
            Some(detail) => format!("{}:{}", cut(kind), cut(detail)),
            None => cut(kind),
        },
    }
}

/// The body as a JSON object. A body that is no JSON is taken for the form that the bot
/// callbacks of old are, with JSON in its fields.
fn read(body: &[u8]) -> Result<Value, Unparsable> {
    if body.len() > BODY_BYTES_MAX {
        return Err(Unparsable(format!("the body is longer than {BODY_BYTES_MAX} bytes")));
    }
    let begin = body.iter().find(|b| !b.is_ascii_whitespace());
    if begin.is_some_and(u8::is_ascii_alphabetic) {
        let fields: Map<String, Value> = form_urlencoded::parse(body)
            .map(|(key, value)| (key.into_owned(), Value::String(value.into_owned())))
            .collect();
        return Ok(Value::Object(fields));
    }
    // Bytes that are no UTF-8 become U+FFFD. The error's own text could quote the content.
    serde_json::from_slice(body)
        .or_else(|_| serde_json::from_str(&String::from_utf8_lossy(body)))
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| Unparsable("the body is not a JSON object".to_owned()))
}
