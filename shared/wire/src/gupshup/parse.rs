//! A webhook's meaning: which version it is, and which kind.

use super::{event, json, message, news, party, user_event, v3};
use crate::{Item, LimitUpdate, Tells, Unparsable, Webhook, tier};
use serde_json::{Map, Value};
use std::borrow::Cow;
use transom_core::news::News;

/// The largest webhook that is read, in bytes: Meta's limit, which version 3 passes on.
const BODY_BYTES_MAX: usize = 3 << 20;

/// Reads a verified webhook.
///
/// # Errors
/// [`Unparsable`] when it is neither JSON nor a bot callback's form. Whatever else it holds is no
/// error: a repeat would not change it, and it would be lost.
pub fn parse(webhook: &Webhook<'_>) -> Result<Vec<Item>, Unparsable> {
    let envelope = read(webhook.body)?;
    if v3::is_envelope(&envelope) {
        return Ok(v3::read(&envelope));
    }
    let detail = detail(&envelope);
    let item = match json::text(&envelope, "type").as_deref() {
        Some("message") => message::read(&envelope),
        Some("message-event") => event::read(&envelope),
        Some("user-event") => user_event::read(&envelope, detail.as_deref()),
        Some("preference-event") => {
            return Ok(user_event::preferences(&envelope, detail.as_deref()));
        }
        Some(kind) => {
            let news = news::news(kind, &envelope);
            if !news.is_empty() {
                return Ok(news.into_iter().map(|news| tells(news, kind, &envelope)).collect());
            }
            match kind {
                "account-event" => account_event(&envelope, detail.as_deref()),
                kind => other(kind, detail.as_deref(), &envelope),
            }
        }
        // The bot callbacks of old name no kind; they are messages.
        None if message::is_named(&envelope) => message::read(&envelope),
        None => other("webhook", None, &envelope),
    };
    Ok(vec![item])
}

/// What kind of event it is, inside its kind: `opted-out` of a `user-event`.
fn detail(envelope: &Value) -> Option<String> {
    json::text(&*json::object(envelope, "payload")?, "type")
}

/// An event of the account: a new tier is a limit (M22).
fn account_event(envelope: &Value, detail: Option<&str>) -> Item {
    let named = other("account-event", detail, envelope);
    let payload = json::object(envelope, "payload");
    let told = payload.as_deref().and_then(|p| p.get("currentLimit"));
    match (told.and_then(tier::read), named) {
        (Some(limit), Item::Other { kind, raw }) => Item::Limit(Box::new(LimitUpdate {
            business: party::business(envelope),
            limit,
            at: json::instant(envelope, "timestamp"),
            kind,
            raw,
        })),
        (_, named) => named,
    }
}

fn tells(news: News, kind: &str, envelope: &Value) -> Item {
    Item::Tells(Box::new(Tells {
        news,
        business: news::number(envelope),
        at: json::instant(envelope, "timestamp"),
        kind: name_of(kind, detail(envelope).as_deref()),
        raw: json::event_fields(envelope),
    }))
}

/// An event that is kept by its name and fields.
pub(super) fn other(kind: &str, detail: Option<&str>, told: &Value) -> Item {
    Item::Other { kind: name_of(kind, detail), raw: json::event_fields(told) }
}

pub(super) fn name_of(kind: &str, detail: Option<&str>) -> String {
    match detail {
        Some(detail) => format!("{}:{}", json::name(kind), json::name(detail)),
        None => json::name(kind),
    }
}

/// The body as JSON. A body that is none is taken for the form that the bot callbacks of old are,
/// with JSON in its fields, if it has such fields.
fn read(body: &[u8]) -> Result<Value, Unparsable> {
    let error = match json::read(body, BODY_BYTES_MAX) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let begin = body.iter().find(|b| !b.is_ascii_whitespace());
    if body.len() > BODY_BYTES_MAX || !begin.is_some_and(u8::is_ascii_alphabetic) {
        return Err(error);
    }
    let text = |text: Cow<'_, str>| Value::String(text.into_owned());
    let fields: Map<String, Value> =
        form_urlencoded::parse(body).map(|(key, value)| (key.into_owned(), text(value))).collect();
    let form = Value::Object(fields);
    let is_known = json::text(&form, "type").is_some() || message::is_named(&form);
    if is_known { Ok(form) } else { Err(error) }
}
