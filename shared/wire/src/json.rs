//! What all JSON webhooks share: bytes that become a value whatever one customer wrote in them,
//! and what is kept of a thing that nobody understands.

use crate::Unparsable;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// The longest name of a kind or event that is kept, in characters.
pub(crate) const NAME_CHARS_MAX: usize = 64;
/// The longest id of a provider that is kept as it is, in bytes. WhatsApp's are up to about 130;
/// a table's key holds 1024.
const ID_BYTES_MAX: usize = 256;
/// The most fields that are kept of one thing: an order has four for each product.
const FIELDS_MAX: usize = 256;
/// The most that is kept of one thing in all, in bytes; a stored item must hold it. One value may
/// have a quarter as many characters: a flow answers with one long text.
const BYTES_MAX: usize = 65_536;
/// The most that is kept of an event that is no message, in bytes.
const EVENT_BYTES_MAX: usize = 8_192;
/// The longest key that is kept, in bytes.
const KEY_BYTES_MAX: usize = 256;

/// Reads a body. What one customer wrote must not cost the others of the batch their messages,
/// so half a surrogate pair and bytes that are no UTF-8 become U+FFFD.
pub(crate) fn read(body: &[u8], bytes_max: usize) -> Result<Value, Unparsable> {
    if body.len() > bytes_max {
        return Err(Unparsable(format!("the body is longer than {bytes_max} bytes")));
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

/// The elements of a list. What stands in a list's place is an element too, so that it is told.
pub(crate) fn elements<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    match value.get(key) {
        None | Some(Value::Null) => &[],
        Some(Value::Array(elements)) => elements,
        Some(single) => std::slice::from_ref(single),
    }
}

/// A provider's id as it may be kept: one that no table takes as a key is named by its hash.
pub(crate) fn id(text: &str) -> String {
    if text.len() <= ID_BYTES_MAX { text.to_owned() } else { hashed(text.as_bytes()) }
}

/// The id of a thing that came without one, made of what it is: a redelivery makes the same.
pub(crate) fn made_id(value: &Value) -> String {
    hashed(value.to_string().as_bytes())
}

fn hashed(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// What is kept of an event that nobody understands: its fields, nested ones under dotted names.
pub(crate) fn raw(value: &Value) -> BTreeMap<String, String> {
    let mut told = Flat { bytes_max: EVENT_BYTES_MAX, ..Flat::default() };
    told.add(if value.is_object() { "" } else { "value" }, value);
    told.into_fields()
}

/// A name from outside as it may be kept.
pub(crate) fn name(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect()
}

/// Fields of any depth under dotted names, within limits.
#[derive(Debug)]
pub(crate) struct Flat {
    fields: BTreeMap<String, String>,
    bytes: usize,
    bytes_max: usize,
}

impl Default for Flat {
    fn default() -> Self {
        Self { fields: BTreeMap::new(), bytes: 0, bytes_max: BYTES_MAX }
    }
}

impl Flat {
    /// Adds `value` under `key`; an object or a list under the names of its parts. Of one name
    /// the first value stays.
    pub(crate) fn add(&mut self, key: &str, value: &Value) {
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
    pub(crate) fn into_fields(self) -> BTreeMap<String, String> {
        self.fields
    }

    fn add_part(&mut self, key: &str, part: &str, value: &Value) {
        let is_full = self.fields.len() >= FIELDS_MAX || self.bytes >= self.bytes_max;
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
        let kept: String = text.chars().take(self.bytes_max / 4).collect();
        let bytes = self.bytes.saturating_add(key.len()).saturating_add(kept.len());
        if bytes <= self.bytes_max && self.fields.len() < FIELDS_MAX {
            self.bytes = bytes;
            self.fields.insert(key.to_owned(), kept);
        }
    }
}
