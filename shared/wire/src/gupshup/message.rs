//! A customer's message in version 2.
//!
//! The parts are named `sender`, `payload` and `context`. Gupshup's notice to bots renames
//! `sender`, `message` and `context` to `senderobj`, `messageobj` and `contextobj` (M104): where
//! both stand, the new one counts. They are looked for inside the envelope's payload and
//! beside it.

use super::parse::other;
use super::{content, json, party};
use crate::{Business, Inbound, Item};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use transom_core::identity::User;
use transom_core::time::Timestamp;

/// An advertisement's or post's fields.
const REFERRAL: &[&str] = &[
    "source_type",
    "source_id",
    "source_url",
    "headline",
    "body",
    "media_type",
    "image_url",
    "video_url",
    "thumbnail_url",
    "ctwa_clid",
];

/// Nobody had WhatsApp before 2009: an earlier time is none.
const FIRST_MESSAGE: Timestamp = Timestamp::from_seconds(1_230_768_000);

/// Whether an envelope without a type names a message in a bot callback's way.
pub(super) fn is_named(envelope: &Value) -> bool {
    ["messageobj", "message"].iter().any(|name| json::object(envelope, name).is_some())
}

/// Reads the message of an envelope. One that belongs to no conversation, because nobody knows who
/// wrote it or to whom, is told by its kind and what it lacks.
pub(super) fn read(envelope: &Value) -> Item {
    match inbound(envelope) {
        Ok(inbound) => Item::Message(Box::new(inbound)),
        Err(lack) => {
            let payload = json::object(envelope, "payload");
            let kind = payload.as_deref().and_then(|p| json::text(p, "type"));
            let kind = json::name(kind.as_deref().unwrap_or("unknown"));
            other("message", Some(&format!("{kind}:{lack}")), envelope)
        }
    }
}

fn inbound(envelope: &Value) -> Result<Inbound, &'static str> {
    let payload = json::object(envelope, "payload");
    let outer = payload.as_deref().unwrap_or(envelope);
    let part = |names: &[&str]| -> Option<Cow<'_, Value>> {
        names.iter().find_map(|n| json::object(outer, n).or_else(|| json::object(envelope, n)))
    };
    let (sender, context) = (part(&["senderobj", "sender"]), part(&["contextobj", "context"]));
    let named = part(&["messageobj", "message"]);
    let held = match &named {
        Some(named) => Some(Cow::Borrowed(&**named)),
        None => json::object(outer, "payload"),
    };
    let (sender, context) = (sender.as_deref(), context.as_deref());
    let (named, held) = (named.as_deref(), held.as_deref().unwrap_or(&Value::Null));
    // Of what is held, `payload.id` of a tap is the button's: a message's id is taken only
    // from an object that is named after the message.
    let told_id = json::text(outer, "id").or_else(|| json::text(named?, "id"));
    let kind = payload.as_deref().and_then(|p| json::text(p, "type"));
    // Without an id it is known by what it is, and shown as what could not be read.
    let (provider_message_id, content) = match told_id {
        Some(id) => (json::id(&id), content::read(kind.as_deref(), held)),
        None => (json::made_id(envelope), content::without_id(kind.as_deref(), held)),
    };
    let says = |name| context.is_some_and(|c| json::is_true(c, name));
    Ok(Inbound {
        business: business(envelope, context)?,
        user: user(outer, sender, named)?,
        profile_name: sender.and_then(|s| json::first_text(s, &["name", "display"])),
        provider_message_id,
        // No field tells when the user pressed send; the envelope's time is Gupshup's receipt.
        sent_at: None,
        got_at: json::instant(envelope, "timestamp").filter(|at| *at >= FIRST_MESSAGE),
        content,
        forwarded: says("forwarded") || says("frequently_forwarded"),
        reply_to: context
            .and_then(|c| json::first_text(c, &["gsId", "gs_id", "id"]))
            .map(|id| json::id(&id)),
        referral: referral(outer).or_else(|| referral(held)),
    })
}

fn business(envelope: &Value, context: Option<&Value>) -> Result<Business, &'static str> {
    party::business(envelope)
        .or_else(|| party::app(&json::text(context?, "botname")?))
        .ok_or("without_business")
}

/// `source` speaks before the sender's own fields. Bot callbacks have `channelid` and `from`.
fn user(
    outer: &Value,
    sender: Option<&Value>,
    named: Option<&Value>,
) -> Result<User, &'static str> {
    let of = |part: Option<&Value>, name| part.and_then(|part| json::text(part, name));
    let told = [
        of(Some(outer), "source"),
        of(sender, "phone"),
        of(sender, "userId"),
        of(sender, "channelid"),
        of(named, "from"),
    ];
    party::user(told.iter().flatten().map(String::as_str)).ok_or("without_user")
}

/// The notes place it beside the content or inside it; both are looked at.
fn referral(value: &Value) -> Option<BTreeMap<String, String>> {
    let referral = json::object(value, "referral")?;
    let told: BTreeMap<String, String> = REFERRAL
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), json::text(&referral, name)?)))
        .collect();
    (!told.is_empty()).then_some(told)
}
