//! A customer's message under the names of bot callbacks: inside version 2, and as the form of
//! JSON texts that is older than it.

use serde_json::{Value, json};

use super::inbound::Composed;
use crate::sandbox::address;

/// What the three parts of a callback are called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    sender: &'static str,
    message: &'static str,
    context: &'static str,
}

/// The names of today.
pub(super) const NEW_NAMES: Names =
    Names { sender: "senderobj", message: "messageobj", context: "contextobj" };

/// The former names.
pub(super) const OLD_NAMES: Names =
    Names { sender: "sender", message: "message", context: "context" };

/// A body of version 2 whose parts bear these names.
pub(super) fn renamed(mut body: Value, names: Names) -> Value {
    let Some(payload) = body["payload"].as_object_mut() else {
        return body;
    };
    let parts = [("sender", names.sender), ("payload", names.message), ("context", names.context)];
    for (name, new_name) in parts {
        if let Some(part) = payload.remove(name) {
            payload.insert(new_name.to_owned(), part);
        }
    }
    body
}

/// The decoded pairs of a bot's callback.
pub(super) fn bot_form(composed: &Composed<'_>, names: Names) -> Vec<(String, String)> {
    let payload = composed.v2()["payload"].take();
    let customer = composed.source().unwrap_or_else(|| address::bare(&composed.message.from));
    let mut told = payload["payload"].clone();
    // The button of a template has a type of its own.
    let kind = told.get("type").unwrap_or(&payload["type"]).clone();
    told["type"] = kind;
    told["id"] = composed.sid.into();
    told["from"] = customer.as_str().into();
    told["timestamp"] = composed.now_ms.to_string().into();
    let sender = json!({
        "channelid": customer,
        "channeltype": "whatsapp",
        "display": composed.message.profile_name,
    });
    let mut context = json!({
        "botname": composed.app.app_name,
        "channeltype": "whatsapp",
        "contextid": customer,
        "contexttype": "p2p",
        "sourceId": address::bare(&composed.message.to).trim_start_matches('+'),
    });
    if let Some(fields) = payload["context"].as_object() {
        for (key, value) in fields {
            context[key] = value.clone();
        }
    }
    let pair = |name: &str, value: &Value| (name.to_owned(), value.to_string());
    vec![
        ("botname".to_owned(), composed.app.app_name.clone()),
        ("channel".to_owned(), "whatsapp".to_owned()),
        pair(names.sender, &sender),
        pair(names.message, &told),
        pair(names.context, &context),
    ]
}
