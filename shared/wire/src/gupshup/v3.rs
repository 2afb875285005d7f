//! Version 3: Meta's webhooks passed on, with Gupshup's app and ids added.
//!
//! Messages are Meta's and are read there; what Gupshup adds to one is `context.gs_id`, its id
//! of our message that the customer answers. Statuses are read here: in them `gs_id` is the id
//! that our send was answered with, `enqueued` is added, and what Meta always has may be
//! missing. Of a batch, what cannot be read is kept by name, so that the rest is not lost.

use super::parse::{name_of, other};
use super::{codes, event, json, party};
use crate::{Business, Item, StatusUpdate, Tells, meta};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use transom_core::message::FactKind;

const OBJECT: &str = "whatsapp_business_account";
const MESSAGES_FIELD: &str = "messages";

/// Whether an envelope is of this version. The event that tries a new subscription has no more
/// than `statuses`.
pub(super) fn is_envelope(envelope: &Value) -> bool {
    json::text(envelope, "object").is_some_and(|object| object == OBJECT)
        || (envelope.get("type").is_none() && envelope.get("statuses").is_some_and(Value::is_array))
}

/// Reads an envelope.
pub(super) fn read(envelope: &Value) -> Vec<Item> {
    let app = json::text(envelope, "gs_app_id");
    let mut items = Vec::new();
    read_statuses(app.as_deref(), envelope, &mut items);
    for entry in json::elements(envelope, "entry") {
        let changes = json::elements(entry, "changes");
        if changes.is_empty() {
            items.push(other("entry", None, entry));
        }
        for change in changes {
            read_change(app.as_deref(), change, entry, &mut items);
        }
    }
    if items.is_empty() {
        items.push(other("webhook", None, envelope));
    }
    items
}

fn read_change(app: Option<&str>, change: &Value, entry: &Value, items: &mut Vec<Item>) {
    let field = json::text(change, "field");
    let field = field.as_deref().unwrap_or(MESSAGES_FIELD);
    let value = change.get("value").unwrap_or(&Value::Null);
    let before = items.len();
    if field == MESSAGES_FIELD {
        read_messages(app, value, items);
        read_statuses(app, value, items);
        // An error of the whole account.
        items.extend(json::elements(value, "errors").iter().map(|error| {
            let code = json::text(error, "code").unwrap_or_default();
            other(field, Some(&format!("error:{code}")), error)
        }));
    }
    if field == meta::PREFERENCES {
        let app = app.and_then(party::app);
        items.extend(meta::preferences(value, app.as_ref()));
    }
    for news in meta::news(field, value) {
        items.push(Item::Tells(Box::new(Tells {
            news,
            business: meta::number(value).or_else(|| party::app(app?)),
            at: meta::time_of(entry),
            kind: name_of(field, None),
            raw: json::event_fields(change),
        })));
    }
    let named = other(field, None, change);
    let limit = Some(value).filter(|_| meta::tells_limits(field));
    items.extend(limit.and_then(|value| meta::limit(value, &named, meta::time(entry))));
    if items.len() == before {
        items.push(named);
    }
}

/// Reads the messages by Meta's own rules, then sets what Gupshup adds.
fn read_messages(app: Option<&str>, value: &Value, items: &mut Vec<Item>) {
    let answered = answered(value);
    let business = business(app, value);
    for mut item in meta::messages(&with_business(app, value)) {
        if let Item::Message(message) = &mut item {
            if let Some(business) = &business {
                message.business = business.clone();
            }
            if let Some(own) = answered.get(&message.provider_message_id) {
                message.reply_to = Some(own.clone());
            }
        }
        items.push(item);
    }
}

/// Meta always names the number that a message was sent to. Where Gupshup does not, the app
/// takes its place.
fn with_business<'a>(app: Option<&str>, value: &'a Value) -> Cow<'a, Value> {
    let (None, Some(app)) = (business(None, value), app) else {
        return Cow::Borrowed(value);
    };
    let mut value = value.clone();
    if let Some(fields) = value.as_object_mut() {
        fields.insert("metadata".to_owned(), json!({"phone_number_id": app}));
    }
    Cow::Owned(value)
}

/// Gupshup's ids of those messages of ours that customers answer, by the answers' ids.
fn answered(value: &Value) -> BTreeMap<String, String> {
    let own = |message: &Value| {
        let context = message.get("context")?;
        let own = json::first_text(context, &["gs_id", "gsId"])?;
        Some((json::id(&json::text(message, "id")?), json::id(&own)))
    };
    json::elements(value, "messages").iter().filter_map(own).collect()
}

fn read_statuses(app: Option<&str>, value: &Value, items: &mut Vec<Item>) {
    let business = business(app, value);
    for told in json::elements(value, "statuses") {
        items.push(status(business.as_ref(), told));
    }
}

/// Our number. It is preferred to the app's id, which a sender may be set up without; where the
/// number is missing, as with `enqueued`, the app has one number only.
fn business(app: Option<&str>, value: &Value) -> Option<Business> {
    let metadata = value.get("metadata").unwrap_or(&Value::Null);
    let shown = json::text(metadata, "display_phone_number");
    let digits = shown.map(|shown| shown.chars().filter(char::is_ascii_digit).collect::<String>());
    digits
        .and_then(|digits| party::phone(&digits))
        .map(Business::Phone)
        .or_else(|| party::app(app?))
        .or_else(|| party::app(&json::text(metadata, "phone_number_id")?))
}

fn status(business: Option<&Business>, told: &Value) -> Item {
    let name = json::first_text(told, &["status", "type"]);
    let name = name.as_deref().unwrap_or("unknown");
    let told_id = |name| json::text(told, name).map(|id| json::id(&id));
    let (id, own) = (told_id("id"), told_id("gs_id"));
    let other_id = id.clone().filter(|id| own.as_ref().is_some_and(|own| own != id));
    let Some(fact) = event::fact(name) else {
        return other("status", Some(name), told);
    };
    let Some(provider_message_id) = own.or(id) else {
        return other("status", Some(&format!("{name}:without_id")), told);
    };
    let parties = [json::text(told, "recipient_id"), json::text(told, "recipient_user_id")];
    Item::Status(StatusUpdate {
        // Nothing of ours can be given along with a send.
        reference: None,
        provider_message_id,
        other_id,
        business: business.cloned(),
        user: party::user(parties.iter().flatten().map(String::as_str)),
        fact,
        at: json::instant(told, "timestamp"),
        code: (fact == Some(FactKind::Failed)).then(|| code(told)),
    })
}

/// A failure has Meta's `errors`, or Gupshup's bare `code`.
fn code(told: &Value) -> String {
    json::elements(told, "errors")
        .iter()
        .find_map(|error| json::text(error, "code"))
        .or_else(|| json::text(told, "code"))
        .and_then(|code| codes::written(&code))
        .unwrap_or_else(|| codes::UNTOLD.to_owned())
}
