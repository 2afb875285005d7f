//! Careful reading of JSON: whatever a value holds, nothing here fails for it.

use crate::Unparsable;
use serde_json::Value;
use std::collections::BTreeMap;

/// The largest webhook that is read, in bytes. Meta sends up to 3 MB.
pub(super) const BODY_BYTES_MAX: usize = 4 << 20;
/// The longest name of a kind or event that is kept, in characters.
const NAME_CHARS_MAX: usize = 64;
/// The most fields that are kept of one thing: an order has four for each product.
const FIELDS_MAX: usize = 256;
/// The longest value that is kept, in characters: a flow answers with one long text.
const VALUE_CHARS_MAX: usize = 16_384;
/// The most that is kept of one thing in all, in bytes; a stored item must hold it.
const BYTES_MAX: usize = 65_536;
/// The longest key that is kept, in bytes.
const KEY_BYTES_MAX: usize = 256;

/// Reads a body. What one customer wrote must not cost the others of the batch their messages,
/// so half a surrogate pair and bytes that are no UTF-8 become U+FFFD.
pub(super) fn read(body: &[u8]) -> Result<Value, Unparsable> {
    if body.len() > BODY_BYTES_MAX {
        return Err(Unparsable(format!("the body is longer than {BODY_BYTES_MAX} bytes")));
    }
    serde_json::from_slice(body)
        .or_else(|_| serde_json::from_str(&mended(&String::from_utf8_lossy(body))))
        .map_err(|_| Unparsable("the body is not JSON".to_owned()))
}

/// `text` with every half of a surrogate pair replaced.
fn mended(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('\\') {
        whole.push_str(plain);
        whole.push('\\');
        rest = match unit(after) {
            Some((0xD800..=0xDBFF, tail)) => match tail.strip_prefix('\\').and_then(unit) {
                Some((0xDC00..=0xDFFF, beyond)) => {
                    whole.push_str(after.strip_suffix(beyond).unwrap_or_default());
                    beyond
                }
                Some(_) | None => {
                    whole.push_str("ufffd");
                    tail
                }
            },
            Some((0xDC00..=0xDFFF, tail)) => {
                whole.push_str("ufffd");
                tail
            }
            Some(_) | None => {
                let mut characters = after.chars();
                whole.extend(characters.next());
                characters.as_str()
            }
        };
    }
    whole.push_str(rest);
    whole
}

/// The UTF-16 unit of an escape, `after` its backslash, and what follows it.
fn unit(after: &str) -> Option<(u16, &str)> {
    let (digits, tail) = after.strip_prefix('u')?.split_at_checked(4)?;
    let hexadecimal = digits.bytes().all(|b| b.is_ascii_hexdigit());
    Some((u16::from_str_radix(digits, 16).ok().filter(|_| hexadecimal)?, tail))
}

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

/// The elements of a list. What stands in a list's place is an element too, so that it is told.
pub(super) fn elements<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    match value.get(key) {
        None | Some(Value::Null) => &[],
        Some(Value::Array(elements)) => elements,
        Some(single) => std::slice::from_ref(single),
    }
}

/// A name from outside as it may be kept.
pub(super) fn name(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect()
}

/// Fields of any depth under dotted names, within limits.
#[derive(Debug, Default)]
pub(super) struct Flat {
    fields: BTreeMap<String, String>,
    bytes: usize,
}

impl Flat {
    /// Adds `value` under `key`; an object or a list under the names of its parts. Of one name
    /// the first value stays.
    pub(super) fn add(&mut self, key: &str, value: &Value) {
        match value {
            Value::Null => {}
            Value::Bool(flag) => self.insert(key, &flag.to_string()),
            Value::Number(number) => self.insert(key, &number.to_string()),
            Value::String(text) => self.insert(key, text),
            Value::Array(elements) => {
                for (index, element) in elements.iter().enumerate().take(FIELDS_MAX) {
                    self.add_part(key, &index.to_string(), element);
                }
            }
            Value::Object(fields) => {
                for (part, field) in fields.iter().take(FIELDS_MAX) {
                    self.add_part(key, part, field);
                }
            }
        }
    }

    /// What was added.
    pub(super) fn into_fields(self) -> BTreeMap<String, String> {
        self.fields
    }

    fn add_part(&mut self, key: &str, part: &str, value: &Value) {
        let is_full = self.fields.len() >= FIELDS_MAX || self.bytes >= BYTES_MAX;
        if is_full || key.len().saturating_add(part.len()) >= KEY_BYTES_MAX {
            return;
        }
        if key.is_empty() {
            self.add(part, value);
        } else {
            self.add(&format!("{key}.{part}"), value);
        }
    }

    fn insert(&mut self, key: &str, text: &str) {
        if key.is_empty() || text.is_empty() || self.fields.contains_key(key) {
            return;
        }
        let kept: String = text.chars().take(VALUE_CHARS_MAX).collect();
        let bytes = self.bytes.saturating_add(key.len()).saturating_add(kept.len());
        if bytes <= BYTES_MAX && self.fields.len() < FIELDS_MAX {
            self.bytes = bytes;
            self.fields.insert(key.to_owned(), kept);
        }
    }
}
