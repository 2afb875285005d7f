//! The form that every Twilio webhook is.

use crate::{Unparsable, Webhook};
use std::collections::BTreeMap;

/// The largest webhook that is read, in bytes. A message of 4096 characters with all its
/// fields stays below 64 KiB in any script.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// The most fields that an unknown kind keeps: Twilio sends about forty.
const RAW_FIELDS_MAX: usize = 64;
/// The longest value that an unknown kind keeps, in characters: WhatsApp's longest text.
const RAW_VALUE_CHARS_MAX: usize = 4096;

/// Fields that say who, where and how, but nothing of what was said; they have their own
/// places, and copies of them must not outlive an erasure there.
const ENVELOPE: &[&str] = &[
    "AccountSid",
    "ApiVersion",
    "ExternalUserId",
    "Forwarded",
    "FrequentlyForwarded",
    "From",
    "MessageSid",
    "MessageStatus",
    "MessagingServiceSid",
    "NumSegments",
    "OriginalRepliedMessageSender",
    "OriginalRepliedMessageSid",
    "ProfileName",
    "SmsMessageSid",
    "SmsSid",
    "SmsStatus",
    "To",
    "WaId",
];
/// The beginnings of such fields: the advertisement's own fields, and SMS leftovers.
const ENVELOPE_PREFIXES: &[&str] = &[
    "Referral",
    "FromCity",
    "FromState",
    "FromZip",
    "FromCountry",
    "ToCity",
    "ToState",
    "ToZip",
    "ToCountry",
];

/// The decoded fields. Bytes that are no UTF-8 become U+FFFD; of a repeated field the first
/// value counts.
#[derive(Debug)]
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads a webhook's fields: its body, or its query when it was configured as a GET. The
    /// signature covers either.
    pub(super) fn read(webhook: &Webhook<'_>) -> Result<Self, Unparsable> {
        let bytes = if webhook.body.is_empty() { webhook.query.as_bytes() } else { webhook.body };
        if bytes.len() > BODY_BYTES_MAX {
            return Err(Unparsable(format!("the body is longer than {BODY_BYTES_MAX} bytes")));
        }
        let mut fields = BTreeMap::new();
        for (key, value) in form_urlencoded::parse(bytes) {
            fields.entry(key.into_owned()).or_insert_with(|| value.into_owned());
        }
        Ok(Self(fields))
    }

    /// A field, unless it is absent or empty: Twilio means the same by both.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A field as an owned text.
    pub(super) fn owned(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// A field without which there is nothing to store.
    pub(super) fn need(&self, name: &str) -> Result<&str, Unparsable> {
        self.get(name).ok_or_else(|| Unparsable(format!("`{name}` is missing")))
    }

    /// Whether the field is there at all, be it empty.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether the field says `true`.
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The fields that tell what was said, for a kind that this build does not understand.
    pub(super) fn content_fields(&self) -> BTreeMap<String, String> {
        self.fields(|name| {
            !ENVELOPE.contains(&name) && !ENVELOPE_PREFIXES.iter().any(|p| name.starts_with(p))
        })
    }

    /// All fields, for an event that is no message.
    pub(super) fn all_fields(&self) -> BTreeMap<String, String> {
        self.fields(|_| true)
    }

    fn fields(&self, tells: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
        self.0
            .iter()
            .filter(|(name, value)| !name.is_empty() && !value.is_empty() && tells(name))
            .take(RAW_FIELDS_MAX)
            .map(|(name, value)| (name.clone(), value.chars().take(RAW_VALUE_CHARS_MAX).collect()))
            .collect()
    }
}
