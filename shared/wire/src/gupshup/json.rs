//! Lenient reading of JSON: Gupshup writes one value as a number here and as a text there, and
//! its old callbacks hold objects as text.

pub(super) use crate::json::{elements, id, made_id, name, raw as event_fields, read};

use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use transom_core::time::Timestamp;

/// Below this a time is in seconds, from here on in milliseconds: 1973 in the one, 5138 in the
/// other.
const FIRST_MILLISECONDS: i64 = 100_000_000_000;
/// The last instant that is believed: the end of the year 9999, in milliseconds.
const LAST_MILLISECONDS: i64 = 253_402_300_799_999;
/// The most fields that an unknown kind keeps.
const RAW_FIELDS_MAX: usize = 64;
/// The longest value that an unknown kind keeps, in characters: WhatsApp's longest text.
const RAW_VALUE_CHARS_MAX: usize = 4096;

/// A text, or a number as text; `None` for anything else and for an empty text.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The field `name` as a [`scalar`].
pub(super) fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(scalar)
}

/// The first of the fields `names` that is a [`scalar`].
pub(super) fn first_text(value: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| text(value, name))
}

/// Whether the field says `true`, as a boolean or as text.
pub(super) fn is_true(value: &Value, name: &str) -> bool {
    match value.get(name) {
        Some(Value::Bool(truth)) => *truth,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        Some(Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_)) | None => false,
    }
}

/// The field `name` as an object, be it written as JSON inside a text.
pub(super) fn object<'a>(value: &'a Value, name: &str) -> Option<Cow<'a, Value>> {
    match value.get(name)? {
        found @ Value::Object(_) => Some(Cow::Borrowed(found)),
        Value::String(text) => {
            read(text.as_bytes(), usize::MAX).ok().filter(Value::is_object).map(Cow::Owned)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}

/// The field `name` as an instant, in seconds or in milliseconds.
pub(super) fn instant(value: &Value, name: &str) -> Option<Timestamp> {
    let told = text(value, name)?.trim().parse::<i64>().ok()?;
    match told {
        1..FIRST_MILLISECONDS => Some(Timestamp::from_seconds(told)),
        FIRST_MILLISECONDS..=LAST_MILLISECONDS => Some(Timestamp::from_millis(told)),
        _ => None,
    }
}

/// The fields of an object for a kind that this build does not understand, nested ones as JSON.
pub(super) fn raw(value: &Value) -> BTreeMap<String, String> {
    let told = |value: &Value| match value {
        Value::Null => None,
        Value::String(_) | Value::Number(_) => scalar(value),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => Some(value.to_string()),
    };
    let fields = value.as_object().into_iter().flatten();
    fields
        .filter(|(name, _)| !name.is_empty())
        .filter_map(|(name, value)| Some((name, told(value)?)))
        .take(RAW_FIELDS_MAX)
        .map(|(name, value)| (name.clone(), value.chars().take(RAW_VALUE_CHARS_MAX).collect()))
        .collect()
}
