//! One customer's message.

use super::envelope::{self, Envelope};
use super::{content, json};
use crate::{Inbound, Item};
use serde_json::Value;
use std::collections::BTreeMap;

/// Reads one element of `messages`. A message that belongs to no conversation, because nobody
/// knows who wrote it or to whom, is told by its kind and what it lacks: it never fails the batch.
pub(super) fn message(value: &Value, envelope: &Envelope) -> Item {
    let kind = content::kind(value);
    match inbound(value, kind, envelope) {
        Ok(inbound) => Item::Message(Box::new(inbound)),
        Err(lack) => Item::Other {
            kind: format!("message:{}:{lack}", json::name(kind)),
            raw: json::raw(value),
        },
    }
}

fn inbound(value: &Value, kind: &str, envelope: &Envelope) -> Result<Inbound, &'static str> {
    // A group's message opens no window with its writer and belongs to no conversation of ours.
    if value.get("group_id").is_some_and(|id| !id.is_null()) {
        return Err("in_group");
    }
    let business = envelope.business.clone().ok_or("without_business")?;
    let from = json::scalar(value, "from");
    let (user, profile_name) = envelope.user(from.as_deref(), json::text(value, "from_user_id"));
    let context = value.get("context");
    // Without an id it is known by what it is, and shown as what could not be read.
    let (provider_message_id, content) = match json::scalar(value, "id") {
        Some(id) => (json::id(&id), content::content(value, kind)),
        None => (json::made_id(value), content::without_id(value, kind)),
    };
    let changed = value.get(kind).filter(|_| content.is_a_change()).and_then(content::changed);
    let says = |key| context.and_then(|c| c.get(key)).and_then(Value::as_bool).unwrap_or(false);
    Ok(Inbound {
        business,
        user: user.ok_or("without_user")?,
        profile_name,
        provider_message_id,
        sent_at: envelope::time(value),
        got_at: None,
        content,
        forwarded: says("forwarded") || says("frequently_forwarded"),
        reply_to: context.and_then(|c| json::text(c, "id")).or(changed).map(json::id),
        referral: referral(value),
    })
}

/// The advertisement or post, and the product that an enquiry is about.
fn referral(value: &Value) -> Option<BTreeMap<String, String>> {
    let mut told = json::Flat::default();
    if let Some(referral) = value.get("referral") {
        told.add("", referral);
    }
    if let Some(product) = value.get("context").and_then(|c| c.get("referred_product")) {
        told.add("referred_product", product);
    }
    Some(told.into_fields()).filter(|told| !told.is_empty())
}
