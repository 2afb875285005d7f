//! A user opts in or out at Gupshup or in WhatsApp itself.

use super::parse::other;
use super::{json, party};
use crate::{ConsentUpdate, Item, meta};
use serde_json::Value;

/// Reads a `user-event`: `opted-in` and `opted-out` are a user's word, whatever else is kept.
pub(super) fn read(envelope: &Value, detail: Option<&str>) -> Item {
    let kept = || other("user-event", detail, envelope);
    let agrees = match detail {
        Some("opted-in") => true,
        Some("opted-out") => false,
        Some(_) | None => return kept(),
    };
    let payload = json::object(envelope, "payload");
    let payload = payload.as_deref().unwrap_or(&Value::Null);
    let told = [json::text(payload, "phone"), json::text(payload, "userId")];
    let user = party::user(told.iter().flatten().map(String::as_str));
    match (party::business(envelope), user, kept()) {
        (Some(business), Some(user), Item::Other { kind, raw }) => {
            let at = json::instant(envelope, "timestamp");
            Item::Consent(Box::new(ConsentUpdate { business, user, agrees, at, kind, raw }))
        }
        (_, _, kept) => kept,
    }
}

/// Reads a `preference-event`, which passes Meta's on.
pub(super) fn preferences(envelope: &Value, detail: Option<&str>) -> Vec<Item> {
    let payload = json::object(envelope, "payload");
    let outer = payload.as_deref().unwrap_or(&Value::Null);
    let inner = json::object(outer, "payload");
    let held = inner.as_deref().unwrap_or(outer);
    let items = meta::preferences(held, party::business(envelope).as_ref());
    if items.is_empty() { vec![other("preference-event", detail, envelope)] } else { items }
}
