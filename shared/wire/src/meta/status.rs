//! What became of a message that was sent.

use super::codes;
use super::envelope::{self, Envelope};
use super::json;
use crate::{Item, Reference, StatusUpdate};
use serde_json::Value;
use transom_core::message::FactKind;

/// Reads one element of `statuses`. A status that nobody knows, or that names no message, is
/// told by its name: it never fails the batch.
pub(super) fn status(value: &Value, envelope: &Envelope) -> Item {
    let name = json::text(value, "status").unwrap_or("unknown");
    let other = |suffix: &str| Item::Other {
        kind: format!("status:{}{suffix}", json::name(name)),
        raw: json::raw(value),
    };
    let fact = match name {
        "sent" => FactKind::Sent,
        "delivered" => FactKind::Delivered,
        "read" => FactKind::Read,
        "failed" => FactKind::Failed,
        _ => return other(""),
    };
    // We write to no groups, and the participant is nobody that we wrote to.
    if json::text(value, "recipient_type") == Some("group") {
        return other(":in_group");
    }
    let Some(provider_message_id) = json::scalar(value, "id").map(|id| json::id(&id)) else {
        return other(":without_id");
    };
    let recipient = json::scalar(value, "recipient_id");
    let id = json::text(value, "recipient_user_id");
    let (user, _) = envelope.user(recipient.as_deref(), id);
    Item::Status(StatusUpdate {
        reference: json::text(value, "biz_opaque_callback_data").and_then(Reference::parse),
        provider_message_id,
        other_id: None,
        business: envelope.business.clone(),
        user,
        fact: Some(fact),
        at: envelope::time(value),
        code: (fact == FactKind::Failed).then(|| failure(value)),
    })
}

/// The code of a failure. Where the first error has none, the status itself may.
fn failure(value: &Value) -> String {
    let first = json::elements(value, "errors").first();
    first
        .and_then(|error| json::scalar(error, "code"))
        .or_else(|| json::scalar(value, "code"))
        .filter(|code| codes::is_written_as_code(code))
        .unwrap_or_else(|| codes::UNTOLD.to_owned())
}
