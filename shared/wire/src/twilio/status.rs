//! Status callbacks.

use super::address;
use super::codes::{self, CANCELED, UNTOLD};
use super::form::Form;
use crate::{Business, Item, Reference, StatusUpdate, Unparsable};
use transom_core::message::FactKind;

/// The parameter of the status URL that carries our reference.
pub(super) const REFERENCE_PARAMETER: &str = "ref";

/// The status that the webhook tells; `None` when it is a customer's message. A message has
/// `SmsStatus=received`; callbacks of old have `SmsStatus` alone, and never a `Body`.
pub(super) fn name(form: &Form) -> Option<&str> {
    let is_outbound = |name: &&str| !matches!(*name, "received" | "receiving");
    match form.get("MessageStatus") {
        Some(name) => Some(name).filter(is_outbound),
        None => form.get("SmsStatus").filter(is_outbound).filter(|_| !form.has("Body")),
    }
}

/// Reads a status callback. For WhatsApp no field tells the time of the event.
pub(super) fn read(form: &Form, name: &str, query: &str) -> Result<Item, Unparsable> {
    let (fact, code) = match name {
        "accepted" | "scheduled" | "queued" | "sending" => (None, None),
        "sent" => (Some(FactKind::Sent), None),
        "delivered" => (Some(FactKind::Delivered), None),
        "read" => (Some(FactKind::Read), None),
        "failed" | "undelivered" => (Some(FactKind::Failed), Some(failure(form))),
        "canceled" => (Some(FactKind::Failed), Some(CANCELED.to_owned())),
        _ => {
            let kind = format!("status:{}", crate::json::name(name));
            return Ok(Item::Other { kind, raw: form.all_fields() });
        }
    };
    let provider_message_id = match form.get("MessageSid") {
        Some(sid) => sid,
        None => form.get("SmsSid").map_or_else(|| form.need("MessageSid"), Ok)?,
    };
    Ok(Item::Status(StatusUpdate {
        reference: reference(query),
        provider_message_id: crate::json::id(provider_message_id),
        other_id: None,
        business: form.get("From").and_then(address::phone).map(Business::Phone),
        user: form.get("To").and_then(|to| address::user(to, form.get("ExternalUserId"))),
        fact,
        at: None,
        code,
    }))
}

fn failure(form: &Form) -> String {
    form.get("ErrorCode")
        .filter(|code| *code != "0" && codes::is_written_as_code(code))
        .unwrap_or(UNTOLD)
        .to_owned()
}

/// The first of the query's references that can be read.
fn reference(query: &str) -> Option<Reference> {
    form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _)| key == REFERENCE_PARAMETER)
        .find_map(|(_, value)| Reference::parse(&value))
}
