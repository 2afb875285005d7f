//! A customer's message as the callback of a bot: a form of JSON texts, older than version 2.

use serde_json::{Value, json};

use super::inbound::Composed;
use crate::sandbox::address;

/// The decoded pairs of the callback, under its names of today or under the former ones.
pub(super) fn bot_form(composed: &Composed<'_>, old_names: bool) -> Vec<(String, String)> {
    let customer = composed.source().unwrap_or_else(|| address::bare(&composed.message.from));
    let message = composed.message;
    let mut told = json!({
        "id": composed.sid,
        "type": message.content.kind(),
        "from": customer,
        "text": message.content.shown(),
        "timestamp": composed.now_ms.to_string(),
    });
    if let Some(url) = &composed.media_url {
        told["url"] = url.as_str().into();
    }
    let sender = json!({
        "channelid": customer,
        "channeltype": "whatsapp",
        "display": message.profile_name,
    });
    let context = json!({
        "botname": composed.app.app_name,
        "channeltype": "whatsapp",
        "contextid": customer,
        "contexttype": "p2p",
        "sourceId": address::bare(&message.to).trim_start_matches('+'),
    });
    let names = if old_names {
        ["sender", "message", "context"]
    } else {
        ["senderobj", "messageobj", "contextobj"]
    };
    let pair = |name: &str, value: &Value| (name.to_owned(), value.to_string());
    let [sender_name, message_name, context_name] = names;
    vec![
        ("botname".to_owned(), composed.app.app_name.clone()),
        ("channel".to_owned(), "whatsapp".to_owned()),
        pair(sender_name, &sender),
        pair(message_name, &told),
        pair(context_name, &context),
    ]
}
