//! What became of a message of ours, in version 2.
//!
//! Gupshup's id of the message is in `gsId`, or in `id` where its own side speaks (`enqueued`,
//! an early `failed`). Then the message's WhatsApp id is in `id`, or in `whatsappMessageId`.
//! A week after the send `gsId` is missing and `id` is WhatsApp's; the two cannot be told apart
//! by their form.

use super::parse::other;
use super::{codes, json, party};
use crate::{Item, StatusUpdate};
use serde_json::Value;
use transom_core::message::FactKind;
use transom_core::time::Timestamp;

/// Reads a `message-event`.
pub(super) fn read(envelope: &Value) -> Item {
    let payload = json::object(envelope, "payload");
    let payload = payload.as_deref().unwrap_or(&Value::Null);
    let name = json::text(payload, "type");
    let name = name.as_deref().unwrap_or("unknown");
    let held = json::object(payload, "payload");
    let held = held.as_deref().unwrap_or(&Value::Null);
    let Some(fact) = fact(name) else {
        return other("status", Some(name), envelope);
    };
    let id = json::text(payload, "id").map(|id| json::id(&id));
    let own = json::first_text(payload, &["gsId", "gs_id"]).map(|id| json::id(&id));
    let whatsapp = json::text(held, "whatsappMessageId").map(|id| json::id(&id));
    let other_id = whatsapp.or_else(|| id.clone().filter(|_| own.is_some()));
    let Some(provider_message_id) = own.or(id) else {
        return other("status", Some(&format!("{name}:without_id")), envelope);
    };
    Item::Status(StatusUpdate {
        // Nothing of ours can be given along with a send.
        reference: None,
        other_id: other_id.filter(|other| *other != provider_message_id),
        provider_message_id,
        business: party::business(envelope),
        user: user(payload),
        fact,
        at: at(held, envelope),
        code: (fact == Some(FactKind::Failed)).then(|| code(held, payload)),
    })
}

/// What an event's name says; `None` when it says nothing about whether the message arrived.
/// `enqueued` repeats the send's own answer. `deleted` is about the customer's own message.
#[expect(clippy::option_option, reason = "the inner one is the status's own field")]
pub(super) fn fact(name: &str) -> Option<Option<FactKind>> {
    match name {
        "enqueued" => Some(None),
        "sent" => Some(Some(FactKind::Sent)),
        "delivered" => Some(Some(FactKind::Delivered)),
        "read" => Some(Some(FactKind::Read)),
        "failed" => Some(Some(FactKind::Failed)),
        _ => None,
    }
}

fn user(payload: &Value) -> Option<transom_core::identity::User> {
    let told = [json::text(payload, "destination"), json::text(payload, "userId")];
    party::user(told.iter().flatten().map(String::as_str))
}

/// The event's own time, else the time at which Gupshup wrote the envelope.
fn at(held: &Value, envelope: &Value) -> Option<Timestamp> {
    json::instant(held, "ts").or_else(|| json::instant(envelope, "timestamp"))
}

fn code(held: &Value, payload: &Value) -> String {
    json::text(held, "code").or_else(|| json::text(payload, "code")).map_or_else(
        || codes::UNTOLD.to_owned(),
        |code| codes::written(&code).unwrap_or_else(|| codes::UNTOLD.to_owned()),
    )
}
