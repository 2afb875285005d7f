//! Careful reading of JSON: whatever a value holds, nothing here fails for it.

pub(super) use crate::json::{Flat, elements, id, made_id, name, raw, read};

use serde_json::Value;

/// A text, unless it is absent or empty.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str().filter(|text| !text.is_empty())
}

/// A text as an owned one.
pub(super) fn owned(value: &Value, key: &str) -> Option<String> {
    text(value, key).map(str::to_owned)
}

/// A text or a number, as it is written: Meta's ids and degrees come as either.
pub(super) fn scalar(value: &Value, key: &str) -> Option<String> {
    match value.get(key)? {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
