//! A webhook's meaning: up to a thousand updates of many users and numbers.

use super::capability;
use super::envelope::Envelope;
use super::json::{self, elements};
use super::message::message;
use super::preference::{FIELD as PREFERENCES, preferences};
use super::status::status;
use crate::{Item, Tells, Unparsable, Webhook};
use serde_json::Value;
use std::collections::BTreeMap;
use transom_core::news::News;
use transom_core::time::{Millis, Timestamp};

/// The largest webhook that is read, in bytes. Meta sends up to 3 MB.
pub(super) const BODY_BYTES_MAX: usize = 4 << 20;
/// From here on a number is a time in milliseconds.
const MILLISECONDS_FROM: i64 = 1_000_000_000_000;
/// Beyond this it is no time at all.
const MILLISECONDS_MAX: i64 = 100_000_000_000_000;
/// The object of every webhook for WhatsApp.
const OBJECT: &str = "whatsapp_business_account";
/// The lists of which each element is an event of its own, in changes other than `messages`.
const LISTS: &[&str] = &["message_echoes", "calls", "messages", "statuses"];
/// The fields that name an event, the most telling first.
const EVENT_NAMES: &[&str] = &[
    "event",
    "value",
    "status",
    "decision",
    "new_quality_score",
    "new_category",
    "alert_type",
    "type",
];

/// Reads a verified webhook: every message and every status of every change of every entry.
///
/// # Errors
/// [`Unparsable`] when the body is no JSON, or too large. Whatever else it holds is no error:
/// Meta would post it again for days, and everything else of the batch with it.
pub fn parse(webhook: &Webhook<'_>) -> Result<Vec<Item>, Unparsable> {
    let root = json::read(webhook.body, BODY_BYTES_MAX)?;
    let object = json::text(&root, "object");
    if object != Some(OBJECT) || root.get("entry").is_none() {
        return Ok(vec![other("webhook", object.unwrap_or_default(), &root)]);
    }
    Ok(items(&root))
}

/// The messages of one change's `value`, in their order.
pub(crate) fn messages(value: &Value) -> Vec<Item> {
    let envelope = Envelope::read(value);
    elements(value, "messages").iter().map(|m| message(m, &envelope)).collect()
}

/// Whatever is counted in comes out.
fn items(root: &Value) -> Vec<Item> {
    let mut items = Vec::new();
    for entry in elements(root, "entry") {
        if entry.get("changes").is_none_or(Value::is_null) {
            items.push(other("entry", "", entry));
        }
        for change in elements(entry, "changes") {
            items.extend(of_change(change, entry));
        }
    }
    items
}

fn of_change(change: &Value, entry: &Value) -> Vec<Item> {
    let field = json::text(change, "field").unwrap_or("messages");
    let value = change.get("value").unwrap_or(&Value::Null);
    let mut items = Vec::new();
    if field == "messages" {
        let envelope = Envelope::read(value);
        items.extend(elements(value, "messages").iter().map(|m| message(m, &envelope)));
        items.extend(elements(value, "statuses").iter().map(|s| status(s, &envelope)));
        // An error of the whole account.
        items.extend(elements(value, "errors").iter().map(|error| {
            let code = json::scalar(error, "code").unwrap_or_default();
            other(field, &format!("error:{code}"), error)
        }));
    } else if field == PREFERENCES {
        items.extend(preferences(value, None));
    } else if let news @ [_, ..] = super::news(field, value).as_slice() {
        let at = time_of(entry);
        items.extend(news.iter().map(|news| tells(news, field, change, at)));
    } else {
        let listed = LISTS.iter().flat_map(|list| elements(value, list));
        items.extend(listed.map(|event| other(field, event_name(event), event)));
    }
    let named = other(field, event_name(value), change);
    let limit = Some(value).filter(|_| capability::tells_limits(field));
    items.extend(limit.and_then(|v| capability::limit(v, &named, capability::time(entry))));
    if items.is_empty() {
        items.push(named);
    }
    items
}

fn tells(news: &News, field: &str, change: &Value, at: Option<Timestamp>) -> Item {
    let value = change.get("value").unwrap_or(&Value::Null);
    let (kind, raw) = named(field, event_name(value), change);
    Item::Tells(Box::new(Tells {
        news: news.clone(),
        business: super::number(value),
        at,
        kind,
        raw,
    }))
}

/// When an entry's changes happened: in whole seconds, of which the last instant counts, so that
/// nothing that was known before outranks it.
pub(crate) fn time_of(entry: &Value) -> Option<Timestamp> {
    let told = json::scalar(entry, "time")?.parse::<i64>().ok()?;
    match told {
        1..MILLISECONDS_FROM => Some(Timestamp::from_seconds(told).plus(Millis::new(999))),
        MILLISECONDS_FROM..MILLISECONDS_MAX => Some(Timestamp::from_millis(told)),
        _ => None,
    }
}

fn event_name(event: &Value) -> &str {
    EVENT_NAMES.iter().find_map(|name| json::text(event, name)).unwrap_or_default()
}

fn other(field: &str, event: &str, told: &Value) -> Item {
    let (kind, raw) = named(field, event, told);
    Item::Other { kind, raw }
}

/// What an event is called, and its fields.
fn named(field: &str, event: &str, told: &Value) -> (String, BTreeMap<String, String>) {
    let (field, event) = (json::name(field), json::name(event));
    let kind = if event.is_empty() { field } else { format!("{field}:{event}") };
    (kind, json::raw(told))
}
